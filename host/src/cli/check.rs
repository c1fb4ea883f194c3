//! `rowmill check`: a line per finding on stdout.

use std::path::Path;

use rowmill::config::Config;

use super::failure::Failure;
use super::{output, wiring};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Ok,
    Warn,
    Fail,
}

/// One line of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) level: Level,
    pub(super) name: String,
    pub(super) text: String,
    /// Empty where nothing needs mending.
    pub(super) mend: String,
}

impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let level = match self.level {
            Level::Ok => "ok   ",
            Level::Warn => "warn ",
            Level::Fail => "FAIL ",
        };
        let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        write!(f, "{level} {}: {}", self.name, one_line(&self.text))?;
        if self.mend.is_empty() {
            Ok(())
        } else {
            write!(f, "; mend: {}", one_line(&self.mend))
        }
    }
}

/// Checks configuration, source and sink without changing anything.
pub(super) fn check(file: &Path) -> Result<(), Failure> {
    let config = rowmill::config::load(file)?;
    let mut lines = vec![Line {
        level: Level::Ok,
        name: "config".to_owned(),
        text: format!("{} is sound", file.display()),
        mend: String::new(),
    }];
    lines.push(plugins(&config));
    lines.extend(wiring::check_source(&config));
    lines.extend(wiring::check_sink(&config));
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    output::print(&text)?;
    let failed: Vec<&str> = lines
        .iter()
        .filter(|line| line.level == Level::Fail)
        .map(|line| line.name.as_str())
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "{} of {} checks failed: {}",
        failed.len(),
        lines.len(),
        failed.join(", ")
    )))
}

/// A plugin that does not load, or does not take its configuration, is found before the first row needs it.
fn plugins(config: &Config) -> Line {
    let names: Vec<&str> = config.plugins.iter().map(|plugin| plugin.name.as_str()).collect();
    let line = |level, text, mend: &str| Line {
        level,
        name: "plugins".to_owned(),
        text,
        mend: mend.to_owned(),
    };
    match wiring::load_plugins(config) {
        Ok(()) => line(Level::Ok, format!("{} take their configuration", names.join(", ")), ""),
        Err(fault) => line(Level::Fail, fault.to_string(), "mend its path, its file or its config"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Level, Line};

    #[test]
    fn a_finding_is_one_line_with_what_mends_it() {
        let line = Line {
            level: Level::Fail,
            name: "grants".to_owned(),
            text: "no\nSELECT".to_owned(),
            mend: "GRANT SELECT".to_owned(),
        };
        assert_eq!(line.to_string(), "FAIL  grants: no SELECT; mend: GRANT SELECT");
        assert_eq!(
            Line {
                level: Level::Ok,
                mend: String::new(),
                ..line
            }
            .to_string(),
            "ok    grants: no SELECT"
        );
    }
}
