//! What stands around a configuration text: the folder that relative paths start at, and the environment. `${env:NAME}`
//! and `${file:PATH}` are filled in here; what they yield appears in no message.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::Finding;

/// Longest file that `${file:PATH}` takes: a secret or a name, not a document.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Where a configuration text stands.
pub struct Surroundings<'a> {
    /// Relative paths start here: the folder of the configuration file.
    pub folder: &'a Path,
    /// The environment.
    pub variable: &'a dyn Fn(&str) -> Option<String>,
}

impl<'a> Surroundings<'a> {
    /// Those of this process, for a text that stands in `folder`.
    pub fn of_process(folder: &'a Path) -> Self {
        Self {
            folder,
            variable: &|name| std::env::var(name).ok(),
        }
    }
}

impl Surroundings<'_> {
    /// The path itself where it is absolute, else within the folder.
    pub(super) fn path(&self, written: &str) -> PathBuf {
        self.folder.join(written)
    }

    /// The text with `${env:NAME}` and `${file:PATH}` filled in, and `$${` turned into `${`.
    pub(super) fn expand(&self, setting: &str, text: &str) -> Result<String, Finding> {
        let mut expanded = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            if let Some(escaped) = before.strip_suffix('$') {
                expanded.push_str(escaped);
                expanded.push_str("${");
                rest = after;
                continue;
            }
            expanded.push_str(before);
            let Some((reference, after)) = after.split_once('}') else {
                return Err(Finding::new(setting, "`${` has no closing `}`", "write `$${` for a literal `${`"));
            };
            expanded.push_str(&self.look_up(setting, reference)?);
            rest = after;
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    fn look_up(&self, setting: &str, reference: &str) -> Result<String, Finding> {
        match reference.split_once(':') {
            Some(("env", name)) if !name.is_empty() => (self.variable)(name).ok_or_else(|| {
                Finding::new(
                    setting,
                    format!("environment variable {name} is not set, or is not UTF-8"),
                    format!("set it before the start: export {name}=…"),
                )
            }),
            Some(("file", path)) => self.read(setting, path),
            _ => Err(Finding::new(
                setting,
                format!("expected `${{env:NAME}}` or `${{file:PATH}}`, found `${{{reference}}}`"),
                "write `$${` for a literal `${`",
            )),
        }
    }

    /// A file's text without its last line break.
    fn read(&self, setting: &str, written: &str) -> Result<String, Finding> {
        let path = self.path(written);
        let refuse = |why: &str| {
            Finding::new(
                setting,
                format!("cannot read the file {}: {why}", path.display()),
                "relative paths start at the folder of the configuration file",
            )
        };
        let file = std::fs::File::open(&path).map_err(|error| refuse(&error.to_string()))?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| refuse(&error.to_string()))?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MAX_FILE_BYTES {
            return Err(refuse("it is longer than 64KiB"));
        }
        let mut text = String::from_utf8(bytes).map_err(|_| refuse("it is not UTF-8"))?;
        if text.ends_with('\n') {
            text.pop();
            if text.ends_with('\r') {
                text.pop();
            }
        }
        Ok(text)
    }
}
