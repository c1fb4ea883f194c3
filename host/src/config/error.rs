//! What is wrong with a configuration: every finding at once, each with its setting, what was expected, what was found
//! and what mends it.

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The setting's dotted path, or the place in the text.
    pub setting: String,
    /// What was expected and what was found.
    pub problem: String,
    /// What mends it; empty where the problem says it all.
    pub mend: String,
}

impl Finding {
    pub(super) fn new(setting: impl Into<String>, problem: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            setting: setting.into(),
            problem: problem.into(),
            mend: mend.into(),
        }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.setting, self.problem)?;
        if !self.mend.is_empty() {
            write!(f, "; {}", self.mend)?;
        }
        Ok(())
    }
}

/// A configuration that can't be used. `Display` has a line for each finding and, with several, a last one that sums up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// Where it was read from, as it was named; empty for a map.
    pub origin: String,
    /// Never empty.
    pub findings: Vec<Finding>,
}

impl Error {
    pub(super) fn one(finding: Finding) -> Self {
        Self {
            origin: String::new(),
            findings: vec![finding],
        }
    }
}

impl std::error::Error for Error {}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let origin = if self.origin.is_empty() { "configuration" } else { &self.origin };
        if let [finding] = self.findings.as_slice() {
            return write!(f, "{origin}: {finding}");
        }
        for finding in &self.findings {
            writeln!(f, "{origin}: {finding}")?;
        }
        let mut settings: Vec<&str> = self.findings.iter().map(|finding| finding.setting.as_str()).collect();
        settings.dedup();
        write!(f, "{origin}: {} findings, in {}", self.findings.len(), settings.join(", "))
    }
}
