//! Gathers the files of rowmill-sdk for `rowmill plugin new`: `SDK_FILES` is the path of a file with the list. Its manifest is written out as
//! a crate outside of this workspace needs it.

use std::fmt::Write as _;
use std::path::Path;

/// Writes the list into `out`.
pub(crate) fn gather(root: &Path, out: &Path) -> Result<(), String> {
    let folder = root.join("guest-sdk");
    let mut files = Vec::new();
    for part in ["src", "wit"] {
        walk(&folder, &folder.join(part), &mut files)?;
    }
    files.sort();
    let manifest = manifest(&read(&root.join("Cargo.toml"))?, &read(&folder.join("Cargo.toml"))?)?;
    let written = out.join("sdk_manifest.toml");
    write(&written, &manifest)?;
    let mut list = String::from("/// Paths within the crate, and contents.\npub(super) const FILES: &[(&str, &str)] = &[\n");
    let mut add = |name: &str, path: &Path| writeln!(list, "    ({name:?}, include_str!({:?})),", path.display().to_string());
    add("Cargo.toml", &written)
        .and_then(|()| files.iter().try_for_each(|name| add(name, &folder.join(name))))
        .map_err(|error| error.to_string())?;
    list.push_str("];\n");
    let path = out.join("sdk_files.rs");
    write(&path, &list)?;
    println!("cargo::rustc-env=SDK_FILES={}", path.display());
    Ok(())
}

fn walk(root: &Path, folder: &Path, files: &mut Vec<String>) -> Result<(), String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("can't list {}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| format!("can't list {}: {error}", folder.display()))?.path();
        if path.is_dir() {
            walk(root, &path, files)?;
        } else if let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str) {
            files.push(name.to_owned());
        }
    }
    Ok(())
}

/// The crate's manifest without what it inherits: no workspace, no lints, no dependencies of its own tests.
fn manifest(workspace: &str, own: &str) -> Result<String, String> {
    let mut text = String::from("# Written by `rowmill plugin new`: the crate rowmill-sdk as that program was built with it.\n");
    let mut section = "";
    for line in own.lines() {
        if line.starts_with('[') {
            section = line;
        }
        if section == "[dev-dependencies]" || section == "[lints]" {
            continue;
        }
        let Some((name, value)) = line.split_once('=').map(|(name, value)| (name.trim(), value.trim())) else {
            let _ = writeln!(text, "{line}");
            continue;
        };
        let inherited = name
            .strip_suffix(".workspace")
            .or(value.contains("workspace = true").then_some(name));
        let line = match inherited {
            None => line.to_owned(),
            Some(name) if section == "[package]" => format!("{name} = {}", find(workspace, "[workspace.package]", name)?),
            Some(name) => {
                let found = find(workspace, "[workspace.dependencies]", name)?;
                let inner = match found.strip_prefix('{') {
                    Some(inner) => inner.trim_end_matches('}').trim().to_owned(),
                    None => format!("version = {found}"),
                };
                let optional = if value.contains("optional = true") {
                    ", optional = true"
                } else {
                    ""
                };
                format!("{name} = {{ {inner}{optional} }}")
            }
        };
        let _ = writeln!(text, "{line}");
    }
    Ok(text)
}

/// The value of a key in a section.
fn find<'t>(text: &'t str, section: &str, key: &str) -> Result<&'t str, String> {
    let mut lines = text
        .lines()
        .skip_while(|line| *line != section)
        .skip(1)
        .take_while(|line| !line.starts_with('['));
    let found = lines.find_map(|line| {
        line.split_once('=')
            .filter(|(name, _)| name.trim() == key)
            .map(|(_, value)| value.trim())
    });
    found.ok_or_else(|| format!("{section} of Cargo.toml has no {key}"))
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("can't read {}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("can't write {}: {error}", path.display()))
}
