//! `rowmill plugin check`: what a file is, and whether it would load.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::super::failure::Failure;
use super::super::output;
use super::super::wiring::{self, Report};
use super::{Options, path_text};

/// Prints what was found; fails where the file would not load.
pub(super) fn check(file: &Path, options: &Options, as_json: bool) -> Result<(), Failure> {
    let options = options.written()?;
    let wasm = wiring::read_plugin(file)?;
    let (settings, _) = wiring::plugin_settings("path", &path_text(file)?, &options)?;
    let report = wiring::inspect_plugin(&settings, &wasm);
    if as_json {
        output::print_json(&object(&report))?;
    } else {
        output::print(&text(file, &report))?;
    }
    report
        .verdict
        .map_err(|error| Failure::Failed(format!("{} does not load: {}", file.display(), one_line(&error))))
}

fn one_line(error: &anyhow::Error) -> String {
    format!("{error:#}").lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

fn object(report: &Report) -> Value {
    let import = |(name, given): &(String, bool)| json!({"name": name, "given": given});
    json!({
        "what": report.what,
        "bytes": report.bytes,
        "sha256": report.sha256,
        "compile_ms": report.compile.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        "imports": report.imports.iter().map(import).collect::<Vec<_>>(),
        "exports": report.exports,
        "describe": report.description,
        "loads": report.verdict.is_ok(),
        "reason": report.verdict.as_ref().err().map(one_line),
    })
}

fn text(file: &Path, report: &Report) -> String {
    let mut text = String::new();
    // Writing to a `String` can't fail.
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(
            text,
            "{name:<10}{}",
            value.escape_debug().to_string().replace("\\\"", "\"").replace("\\'", "'")
        );
    };
    line("file", &file.display().to_string());
    line("what", &report.what);
    line("size", &format!("{} bytes", report.bytes));
    line("sha256", &report.sha256);
    if let Some(time) = report.compile {
        line("compile", &format!("{} ms", time.as_millis()));
    }
    for (name, given) in &report.imports {
        line(
            "import",
            &format!("{name}{}", if *given { "" } else { " (plugins are not given this)" }),
        );
    }
    for name in &report.exports {
        line("export", name);
    }
    for name in [
        "name",
        "version",
        "kind",
        "description",
        "parallel",
        "state_version",
        "controls",
        "widths",
        "config",
    ] {
        match report.description.get(name) {
            None => {}
            Some(Value::String(value)) => line(name, value),
            Some(Value::Array(list)) if list.is_empty() => {}
            Some(value) => line(name, &value.to_string()),
        }
    }
    match &report.verdict {
        Ok(()) => line("ok", "it loads with this configuration"),
        Err(error) => line("FAIL", &one_line(error)),
    }
    text
}
