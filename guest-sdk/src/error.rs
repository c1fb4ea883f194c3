//! Errors as values: what a plugin returns instead of trapping.

use std::fmt;

/// Why a row or a batch could not be processed. Returning one keeps the instance; a panic throws it away.
///
/// ```
/// use rowmill_sdk::Error;
/// let of_batch = Error::new("no-rates", "converting prices: no exchange rates yet").retryable();
/// let of_row = Error::new("negative-price", "converting a price: it is below zero").at_row(3);
/// assert_eq!((of_batch.retryable, of_row.row), (true, Some(3)));
/// assert_eq!(of_row.to_string(), "negative-price: converting a price: it is below zero (row 3)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    /// A short stable code in kebab case, such as `value-out-of-range`. Goes into metrics and dead-letter headers.
    pub code: String,
    /// What was tried, on what, in lower case. Never holds a row value.
    pub message: String,
    /// Row of the batch at fault, from 0; none when the whole batch is.
    pub row: Option<u32>,
    /// True when the same call may succeed later.
    pub retryable: bool,
}

impl Error {
    /// An error of the whole batch, or of whatever was asked for ([example](Self)).
    #[cold]
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            message: message.into(),
            row: None,
            retryable: false,
        }
    }

    /// The same error, of one row of the batch ([example](Self)).
    #[must_use]
    pub fn at_row(mut self, row: usize) -> Self {
        self.row = u32::try_from(row).ok();
        self
    }

    /// The same error, worth another try ([example](Self)).
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// Bytes from the host that do not hold what they should.
    #[cold]
    pub(crate) fn malformed(what: &str) -> Self {
        Self::new("malformed-message", format!("reading an arrow message: {what}"))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        match self.row {
            Some(row) => write!(f, " (row {row})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
