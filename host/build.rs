//! Builds the built-in plugins for WebAssembly and embeds them: `builtins.rs` lists their names and components. Gathers the files of
//! rowmill-sdk (`build_sdk.rs`).
//!
//! The guest is built by a second cargo with a target folder of its own (`<target>/guests`): the outer cargo holds the lock
//! of the outer folder, and a folder that stays makes the next build a matter of a second.

#[path = "build_sdk.rs"]
mod sdk;

use std::path::{Path, PathBuf};
use std::process::Command;

#[path = "src/config/builtins.rs"]
#[expect(unreachable_pub, reason = "the library exports it")]
mod builtins;

use builtins::BUILTINS;

const TARGET: &str = "wasm32-wasip2";

fn main() {
    lead_waits();
    if let Err(problem) = build() {
        println!("cargo::error={problem}");
    }
}

/// The program's waits until a moment of the wall clock go through `src/sink/kafka/native/waits.rs`. The second argument has the linker look
/// for the function there before it has met anybody who calls it.
fn lead_waits() {
    let is = |name: &str, value: &str| std::env::var(format!("CARGO_CFG_TARGET_{name}")).is_ok_and(|found| found == value);
    if is("OS", "linux") && is("ENV", "gnu") && is("POINTER_WIDTH", "64") {
        println!("cargo::rustc-link-arg-bins=-Wl,--wrap=cnd_timedwait");
        println!("cargo::rustc-link-arg-bins=-Wl,--undefined=__wrap_cnd_timedwait");
    }
}

fn build() -> Result<(), String> {
    let root = folder("CARGO_MANIFEST_DIR")?
        .parent()
        .map(Path::to_owned)
        .ok_or("the host's folder has no parent")?;
    for watched in ["guest-sdk", "wit", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    // The crates that they share, too; but not their tests and pages.
    let plugins = root.join("plugins");
    let entries = std::fs::read_dir(&plugins).map_err(|error| format!("can't list {}: {error}", plugins.display()))?;
    for crate_folder in entries.flatten().map(|entry| entry.path()) {
        for watched in ["src", "Cargo.toml"] {
            println!("cargo::rerun-if-changed={}", crate_folder.join(watched).display());
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build_sdk.rs");
    println!("cargo::rerun-if-changed=src/config/builtins.rs");

    // OUT_DIR is <target>/<profile>/build/<package>-<hash>/out, or one deeper where a target triple is given.
    let out = folder("OUT_DIR")?;
    sdk::gather(&root, &out)?;
    let guests = out
        .ancestors()
        .nth(4)
        .ok_or_else(|| format!("no target folder above {}", out.display()))?
        .join("guests");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(belongs_to_the_outer_build) {
            cargo.env_remove(name);
        }
    }
    cargo
        .current_dir(&root)
        .args(["build", "--lib", "--target", TARGET, "--profile", "plugin"])
        .args(BUILTINS.iter().flat_map(|name| ["--package".to_owned(), format!("rowmill-{name}")]))
        .arg("--target-dir")
        .arg(&guests)
        .env("CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS", "-Ctarget-feature=+simd128");
    if root.join("Cargo.lock").exists() {
        cargo.arg("--locked");
    }
    let made = cargo
        .output()
        .map_err(|error| format!("can't run cargo for the built-in plugins: {error}"))?;
    if !made.status.success() {
        for line in String::from_utf8_lossy(&made.stderr).lines() {
            println!("cargo::warning={line}");
        }
        return Err(format!(
            "can't build the built-in plugins for {TARGET} (see above); a missing target is added by `rustup target add {TARGET}`"
        ));
    }
    embed(&guests.join(TARGET).join("plugin"), &out)
}

/// Copies the components out of a folder that the next build may write to, and lists them.
fn embed(built: &Path, out: &Path) -> Result<(), String> {
    let mut list = "[\n".to_owned();
    for name in BUILTINS {
        let component = built.join(format!("rowmill_{}.wasm", name.replace('-', "_")));
        let embedded = out.join(format!("{name}.wasm"));
        std::fs::copy(&component, &embedded).map_err(|error| format!("can't copy {}: {error}", component.display()))?;
        list += &format!("    ({name:?}, include_bytes!({:?})),\n", embedded.display().to_string());
    }
    let file = out.join("builtins.rs");
    std::fs::write(&file, list + "]\n").map_err(|error| format!("can't write {}: {error}", file.display()))
}

/// What cargo and clippy set for the host's own compilation, and what would send the guest into the outer target folder.
fn belongs_to_the_outer_build(name: &str) -> bool {
    let kept = ["CARGO_HOME"];
    let cargos = name.starts_with("CARGO")
        && !kept.contains(&name)
        && !["CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR", "CARGO_SOURCE_"]
            .iter()
            .any(|kept| name.starts_with(kept));
    let compilers = [
        "RUSTC",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTFLAGS",
        "RUSTDOC",
        "RUSTC_LINKER",
        "CLIPPY_ARGS",
        "CLIPPY_CONF_DIR",
    ];
    cargos
        || compilers.contains(&name)
        || [
            "TARGET",
            "HOST",
            "OUT_DIR",
            "PROFILE",
            "OPT_LEVEL",
            "DEBUG",
            "NUM_JOBS",
            "__CARGO_DEFAULT_LIB_METADATA",
        ]
        .contains(&name)
}

fn folder(name: &str) -> Result<PathBuf, String> {
    std::env::var_os(name)
        .map(PathBuf::from)
        .ok_or_else(|| format!("cargo did not set {name}"))
}
