//! How a column is rendered, chosen once when its schema is opened.

use rowmill_json::{DecimalForm, Form, plain_form};
use rowmill_sdk::json::Fragments;
use rowmill_sdk::{Error, Field, Kind};

use crate::options::{DatetimeForm, Options, TinyInt1};

/// The rendering of a column; its labels go into `fragments`.
pub(crate) fn form_of(field: &Field, options: &Options, fragments: &mut Fragments) -> Form {
    match field.kind {
        Kind::Int if options.tinyint1 == TinyInt1::Boolean && is_tinyint1(&field.mysql_type) => Form::Truth,
        Kind::Decimal => Form::Decimal {
            quoted: options.decimal == DecimalForm::String,
        },
        Kind::Date => Form::Date,
        Kind::Datetime if options.datetime == DatetimeForm::Milliseconds => Form::Datetime,
        Kind::Timestamp => Form::Timestamp,
        _ => plain_form(field, fragments),
    }
}

/// What the envelope's `dataColumn` calls a column.
pub(crate) fn type_name(field: &Field, options: &Options) -> &'static str {
    match form_of(field, options, &mut Fragments::default()) {
        Form::Bit if field.length.unwrap_or(1) == 1 => "BOOLEAN",
        Form::Truth => "BOOLEAN",
        Form::Integer | Form::Bit => "LONG",
        Form::Float | Form::Double | Form::Decimal { quoted: false } => "DOUBLE",
        Form::Date | Form::Datetime | Form::Timestamp => "DATE",
        Form::Bytes(_) => "BYTES",
        _ => "STRING",
    }
}

/// Refuses a column of which nobody can tell whether it is a TINYINT(1), where that matters: `full` is `database.table.column`.
pub(crate) fn demand_width(width_unknown: Option<&str>, full: impl FnOnce() -> String, options: &Options) -> Result<(), Error> {
    match width_unknown {
        Some(reason) if options.tinyint1 == TinyInt1::Boolean => Err(Error::new(
            "unknown-width",
            format!(
                "whether column {} is a TINYINT(1) or another TINYINT can't be told, and `tinyint1 = \"boolean\"` needs it: {reason}; set \
                 `tinyint1 = \"long\"`, leave the table out, or take a new snapshot and start after that",
                full()
            ),
        )),
        _ => Ok(()),
    }
}

/// `tinyint(1)`, with or without what may follow it.
fn is_tinyint1(mysql_type: &str) -> bool {
    mysql_type
        .split(' ')
        .next()
        .is_some_and(|name| name.eq_ignore_ascii_case("tinyint(1)"))
}
