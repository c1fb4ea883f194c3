//! Data to stdout. A closed pipe is an error value here, never a panic.

use std::io::{BufWriter, Write};

use super::failure::Failure;

/// Prints a text as it is.
///
/// # Errors
/// `Closed` where the reader has gone.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Prints a value as indented JSON.
///
/// # Errors
/// As `print`.
pub(super) fn print_json(value: &serde_json::Value) -> Result<(), Failure> {
    print(&format!("{value:#}\n"))
}

/// A line for people, to stderr; whether anybody reads it does not matter.
pub(super) fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}
