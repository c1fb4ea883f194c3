//! Compares with a file of the project.

use std::path::Path;

/// Compares a text with the file at `path`, relative to the package's folder. With `ROWMILL_BLESS=1` in the environment it writes the file
/// instead: look at the difference before you commit it.
///
/// ```
/// use rowmill_sdk::harness::{Opened, Rows, Shape, golden, lines, show};
/// let shape = Shape::new("shop", "orders").column("id", "bigint", &[]).key(&[0]);
/// let opened = Opened::new(&Rows::new(&shape).insert(vec![7.into()]))?;
/// # let path = std::env::temp_dir().join(format!("rowmill-golden-{}.jsonl", std::process::id()));
/// # std::fs::write(&path, "{\"op\":\"insert\",\"after\":{\"id\":7}}\n")?;
/// // In a plugin's test the path would be `"tests/golden/orders.jsonl"`.
/// golden(&path, &lines(&show(&opened.batch()?)?));
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Panics
/// Where they differ, with the first line that does, or where the file can't be read.
pub fn golden(path: impl AsRef<Path>, text: &str) {
    const HINT: &str = "run the tests with ROWMILL_BLESS=1 to write it, then look at the difference";
    let path = path.as_ref();
    if std::env::var_os("ROWMILL_BLESS").is_some_and(|value| value == "1") {
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let written = folder.and_then(|()| std::fs::write(path, text));
        assert!(written.is_ok(), "writing {}: {written:?}", path.display());
        return;
    }
    let found = std::fs::read_to_string(path);
    assert!(found.is_ok(), "reading {}: {found:?}; {HINT}", path.display());
    let found = found.unwrap_or_default();
    let mut lines = (1..).zip(found.lines().map(Some).chain([None]).zip(text.lines().map(Some).chain([None])));
    let differing = lines.find(|(_, (expected, actual))| expected != actual);
    assert!(
        found == text,
        "{} differs at line {}; {HINT}\n  expected: {}\n  actual:   {}",
        path.display(),
        differing.map_or(0, |(line, _)| line),
        differing.and_then(|(_, (expected, _))| expected).unwrap_or("(nothing)"),
        differing.and_then(|(_, (_, actual))| actual).unwrap_or("(nothing)"),
    );
}
