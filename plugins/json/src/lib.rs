//! What the JSON encoders share: how a column is written (`Form`), one image of a row as members of an object (`Side`), its key
//! (`Keys`), and times. Each encoder chooses forms when a table is opened and writes what stands around the images itself.

mod calendar;
mod zone;
mod form;
mod options;
mod cell;
mod wide;
mod wkt;
mod image;
mod key;
mod now;

pub use calendar::{SHORTEST, time_text};
pub use cell::labels as set_labels;
pub use form::{Binary, Form, is_geometry, labels, labels_within, plain_form};
pub use image::{ALIKE_BYTES, OddDates, Side};
pub use key::{Keys, key_columns, missing_key, no_key};
pub use now::{Clock, now, now_nanoseconds};
pub use options::{DecimalForm, ZeroDate};
pub use wide::shortest;
pub use zone::Zone;

use rowmill_sdk::json::{self, Cursor, Fragments};
use rowmill_sdk::{Error, Field, Op, Schema};

/// A version of a table, prepared: what does not change while rows are written, and the zone, whose last stretch is kept.
#[derive(Debug)]
pub struct Table<P> {
    /// What does not change.
    pub parts: P,
    /// The zone of its dates.
    pub zone: Zone,
}

impl<P> Table<P> {
    /// Of a table whose dates need no zone.
    pub fn new(parts: P) -> Self {
        Self { parts, zone: Zone::utc() }
    }
}

/// A column, prepared: its form, and the fragment `,"name":`.
pub type Column = (Form, usize);

/// All columns of a table, each in the form that `form` chooses for it.
pub fn columns(schema: &Schema, fragments: &mut Fragments, mut form: impl FnMut(&Field, &mut Fragments) -> Form) -> Vec<Column> {
    let mut columns = Vec::with_capacity(schema.columns.len());
    for field in &schema.columns {
        let form = form(field, fragments);
        columns.push((form, fragments.push(&member(b",", &field.name))));
    }
    columns
}

/// `opening` and `"name":`.
pub fn member(opening: &[u8], name: &str) -> Vec<u8> {
    [opening, &json::string(name), b":"].concat()
}

/// A text as a JSON string, for constants.
pub fn quoted(text: &str) -> String {
    String::from_utf8(json::string(text)).unwrap_or_default()
}

/// `null`.
#[inline(always)]
pub fn null(cursor: Cursor<'_>) -> Cursor<'_> {
    cursor.word(u64::from_le_bytes(*b"null\0\0\0\0"), 4)
}

/// A comma, unless nothing has been written since `start`.
#[inline(always)]
pub fn comma(cursor: Cursor<'_>, start: usize) -> Cursor<'_> {
    if cursor.position() == start { cursor } else { cursor.byte(b',') }
}

/// The images of a row, before and after, as its op says they are there.
///
/// # Errors
/// `image-missing` where one is not.
#[inline(always)]
pub fn images<'s, 'a, const Q: bool>(
    op: Op,
    row: usize,
    before: Option<&'s Side<'a, Q>>,
    after: Option<&'s Side<'a, Q>>,
) -> Result<(Option<&'s Side<'a, Q>>, Option<&'s Side<'a, Q>>), Error> {
    let before = before.filter(|side| side.image.has(row));
    let after = after.filter(|side| side.image.has(row));
    let whole = match op {
        Op::Insert => after.is_some(),
        Op::Delete => before.is_some(),
        Op::Update => before.is_some() && after.is_some(),
    };
    if whole {
        Ok((before, after))
    } else {
        Err(Error::new("image-missing", "encoding a row: it lacks the image that its op has").at_row(row))
    }
}
