//! What a check found: one line for an operator.

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Ok,
    /// It will not run.
    Fail,
}

/// One line of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What was looked at.
    pub name: &'static str,
    /// What was found.
    pub text: String,
    /// The setting or command that mends it; empty where `text` says it.
    pub mend: &'static str,
}

impl Finding {
    /// Whether it does not stand in the way.
    pub fn passed(&self) -> bool {
        self.level != Level::Fail
    }

    pub(super) fn ok(name: &'static str, text: impl Into<String>) -> Self {
        Self::new(Level::Ok, name, text, "")
    }

    pub(super) fn fail(name: &'static str, text: impl Into<String>, mend: &'static str) -> Self {
        Self::new(Level::Fail, name, text, mend)
    }

    fn new(level: Level, name: &'static str, text: impl Into<String>, mend: &'static str) -> Self {
        Self {
            level,
            name,
            text: text.into(),
            mend,
        }
    }
}
