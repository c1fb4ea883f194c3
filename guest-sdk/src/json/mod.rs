//! Writes JSON fast: the caller reserves the worst case once a record, then a cursor that is passed by value writes
//! values one after the other, in blocks of 8 and 16 bytes.
//!
//! Measured in WASM, that is what brings an encoder from half of native speed to three quarters: the cursor lives in a
//! register, and no small copy becomes a call of `memory.copy`.
//!
//! ```
//! use rowmill_sdk::json::{self, DECIMAL_BYTES, FLOAT_BYTES, Fragments, INTEGER_BYTES, Span};
//!
//! // Once a table: what stands between the values.
//! let mut fragments = Fragments::default();
//! let [id, name, price, ratio, end] = ["{\"id\":", ",\"name\":", ",\"price\":", ",\"ratio\":", "}"].map(|text| fragments.push(text.as_bytes()));
//! let constant: usize = [id, name, price, ratio, end].map(|i| fragments.get(i).length()).iter().sum();
//!
//! // Once a row: what it takes at most, then its values.
//! let text = Span::from("a \"b\"".as_bytes());
//! let worst = constant + INTEGER_BYTES + text.worst() + DECIMAL_BYTES + FLOAT_BYTES;
//! let mut row = Vec::new();
//! json::write(&mut row, worst, |cursor| {
//!     let cursor = cursor.fragment(fragments.get(id)).signed(-7);
//!     let cursor = cursor.fragment(fragments.get(name)).string(text);
//!     let cursor = cursor.fragment(fragments.get(price)).decimal128(1250, 2);
//!     let cursor = cursor.fragment(fragments.get(ratio)).double(0.5);
//!     (cursor.fragment(fragments.get(end)), ())
//! });
//! assert_eq!(row, br#"{"id":-7,"name":"a \"b\"","price":12.50,"ratio":0.5}"#);
//! ```

mod base64;
mod cursor;
mod decimal;
mod float;
mod fragments;
mod number;
mod text;
#[cfg(test)]
mod tests;

pub(crate) use cursor::SLACK;
pub use cursor::{Cursor, write};
pub use fragments::{Fragments, Part};
pub use text::{Span, string};

/// Bytes that the widest integer takes ([example](self)).
pub const INTEGER_BYTES: usize = 20;

/// Bytes that the widest floating-point number takes ([example](self)).
pub const FLOAT_BYTES: usize = 26;

/// Bytes that the widest decimal of 256 bits takes, quotes included ([example](self)).
pub const DECIMAL_BYTES: usize = 84;
