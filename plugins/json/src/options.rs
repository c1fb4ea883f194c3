//! Options that several encoders have.

use serde::Deserialize;

use crate::OddDates;

/// What a DECIMAL is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DecimalForm {
    /// A number with every digit.
    #[default]
    Number,
    /// The same, quoted.
    String,
}

/// What a zero or impossible date is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZeroDate {
    /// `null`.
    #[default]
    Null,
    /// 1970-01-01, in the column's form.
    Epoch,
    /// The text that MySQL prints.
    String,
}

impl From<ZeroDate> for OddDates {
    fn from(option: ZeroDate) -> Self {
        match option {
            ZeroDate::Null => Self::Null,
            ZeroDate::Epoch => Self::Epoch,
            ZeroDate::String => Self::Text,
        }
    }
}
