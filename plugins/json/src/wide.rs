//! Values that only some formats have: unscaled decimals, geometries, vectors, other forms of bytes and documents.

use rowmill_sdk::json::{self, Cursor, DECIMAL_BYTES, Span};
use rowmill_sdk::{Bytes, Column, Error};

/// Base64 in quotes.
pub(crate) fn base64<'c>(cursor: Cursor<'c>, bytes: &[u8]) -> Cursor<'c> {
    cursor.byte(b'"').base64(bytes).byte(b'"')
}

/// Base64 of a little-endian integer: two's complement, the highest byte first, no byte too many.
pub(crate) fn unscaled<const N: usize>(cursor: Cursor<'_>, mut number: [u8; N]) -> Cursor<'_> {
    number.reverse();
    base64(cursor, shortest(&number))
}

/// The fewest bytes of a two's complement, highest first, that are the same number.
pub fn shortest(mut bytes: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = bytes
        && let [second, ..] = rest
        && (*first == 0 && second & 0x80 == 0 || *first == 0xff && second & 0x80 != 0)
    {
        bytes = rest;
    }
    bytes
}

/// The double nearest to the number that `write` writes.
pub(crate) fn rounded<'c>(cursor: Cursor<'c>, write: impl for<'a> FnOnce(Cursor<'a>) -> Cursor<'a>) -> Cursor<'c> {
    let mut text = Vec::new();
    json::write(&mut text, DECIMAL_BYTES, |cursor| (write(cursor), ()));
    let number = std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok());
    cursor.double(number.unwrap_or(f64::NAN))
}

/// A document as a text, without the spaces between its parts.
pub(crate) fn compact<'c>(cursor: Cursor<'c>, document: &[u8]) -> Cursor<'c> {
    let mut text = Vec::with_capacity(document.len() + 16);
    let (mut quoted, mut escaped) = (false, false);
    for byte in document {
        if quoted {
            (quoted, escaped) = (escaped || *byte != b'"', !escaped && *byte == b'\\');
        } else if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            continue;
        } else {
            quoted = *byte == b'"';
        }
        text.push(*byte);
    }
    cursor.string(Span::from(text.as_slice()))
}

/// Base64 by the alphabet for URLs.
pub(crate) fn url_safe<'c>(cursor: Cursor<'c>, bytes: &[u8]) -> Cursor<'c> {
    let mut text = Vec::new();
    json::write(&mut text, bytes.len() / 3 * 4 + 4, |cursor| (cursor.base64(bytes), ()));
    for byte in &mut text {
        match *byte {
            b'+' => *byte = b'-',
            b'/' => *byte = b'_',
            _ => {}
        }
    }
    cursor.byte(b'"').raw(&text).byte(b'"')
}

/// A double as Java's `Double.toString` writes it.
pub(crate) fn java_double(cursor: Cursor<'_>, number: f64) -> Cursor<'_> {
    java(cursor, &format!("{number:e}"), || format!("{number:.1e}"))
}

/// A float as Java's `Float.toString` writes it.
pub(crate) fn java_float(cursor: Cursor<'_>, number: f32) -> Cursor<'_> {
    java(cursor, &format!("{number:e}"), || format!("{number:.1e}"))
}

/// Java writes a digit behind the point at least: plain from 0.001 to 10,000,000, else as `1.5E10`. Of the texts with two digits, too, it
/// takes the one that is nearest, which is seen of the smallest numbers: `1.4E-45`.
fn java<'c>(cursor: Cursor<'c>, shortest: &str, of_two_digits: impl FnOnce() -> String) -> Cursor<'c> {
    let longer;
    let text = if shortest.trim_start_matches('-').find('e') == Some(1) {
        longer = of_two_digits();
        &longer
    } else {
        shortest
    };
    let (sign, text) = text.strip_prefix('-').map_or(("", text), |text| ("-", text));
    let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let cursor = cursor.raw(sign.as_bytes());
    match exponent.parse::<i32>().unwrap_or(0) {
        zeros @ -3..0 if digits != "0" => {
            let zeros = "0.00".get(..usize::try_from(1 - zeros).unwrap_or(0)).unwrap_or_default();
            let fraction = if fraction == "0" { "" } else { fraction };
            cursor.raw(zeros.as_bytes()).raw(whole.as_bytes()).raw(fraction.as_bytes())
        }
        places @ 0..7 => {
            let places = usize::try_from(places).unwrap_or(0);
            let padded = format!("{whole}{fraction:0<places$}");
            let (whole, fraction) = padded.split_at(places + 1);
            let fraction = if fraction.is_empty() { "0" } else { fraction };
            cursor.raw(whole.as_bytes()).byte(b'.').raw(fraction.as_bytes())
        }
        exponent => {
            let cursor = cursor.raw(whole.as_bytes()).byte(b'.').raw(fraction.as_bytes());
            cursor.byte(b'E').signed(exponent.into())
        }
    }
}

/// Hexadecimal digits.
pub(crate) fn hex<'c>(cursor: Cursor<'c>, bytes: &[u8]) -> Cursor<'c> {
    let digit = |value: u8| if value < 10 { b'0' + value } else { b'a' + (value - 10) };
    let cursor = bytes.iter().fold(cursor.byte(b'"'), |cursor, byte| {
        cursor.byte(digit(byte >> 4)).byte(digit(byte & 15))
    });
    cursor.byte(b'"')
}

/// A character for each byte.
pub(crate) fn latin1<'c>(cursor: Cursor<'c>, bytes: &[u8]) -> Cursor<'c> {
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    cursor.string(Span::from(text.as_bytes()))
}

/// An object of `wkb` and `srid`; of a point, of `x` and `y` too. `bytes` are the server's own: SRID, then WKB.
pub(crate) fn geometry<'c>(cursor: Cursor<'c>, bytes: &[u8], point: bool) -> Cursor<'c> {
    let Some((srid, wkb)) = bytes.split_first_chunk::<4>() else {
        return crate::null(cursor);
    };
    let mut cursor = cursor.byte(b'{');
    if let Some((x, y)) = coordinates(wkb).filter(|_| point) {
        cursor = cursor.raw(b"\"x\":").double(x).raw(b",\"y\":").double(y).byte(b',');
    }
    let cursor = base64(cursor.raw(b"\"wkb\":"), wkb).raw(b",\"srid\":");
    match u32::from_le_bytes(*srid) {
        0 => crate::null(cursor),
        srid => cursor.unsigned(u64::from(srid)),
    }
    .byte(b'}')
}

/// The coordinates of a point in WKB: byte order, kind, x, y.
fn coordinates(wkb: &[u8]) -> Option<(f64, f64)> {
    let (head, rest) = wkb.split_first_chunk::<5>()?;
    let (x, rest) = rest.split_first_chunk::<8>()?;
    let (y, rest) = rest.split_first_chunk::<8>()?;
    (*head == [1, 1, 0, 0, 0] && rest.is_empty()).then(|| (f64::from_le_bytes(*x), f64::from_le_bytes(*y)))
}

/// Refuses the first row whose value is no geometry.
pub(crate) fn geometries<'a>(bytes: Bytes<'a>, column: &Column<'_>) -> Result<Bytes<'a>, Error> {
    checked(bytes, column, |bytes| bytes.len() > 4)
}

/// Refuses the first row whose value is no point.
pub(crate) fn points<'a>(bytes: Bytes<'a>, column: &Column<'_>) -> Result<Bytes<'a>, Error> {
    checked(bytes, column, |bytes| bytes.get(4..).and_then(coordinates).is_some())
}

/// Refuses the first row whose value is not right.
pub(crate) fn checked<'a>(bytes: Bytes<'a>, column: &Column<'_>, is_right: impl Fn(&[u8]) -> bool) -> Result<Bytes<'a>, Error> {
    match (0..bytes.rows()).find(|row| !column.is_null(*row) && !is_right(bytes.get(*row))) {
        None => Ok(bytes),
        Some(row) => Err(Error::new("malformed-geometry", "encoding a row: a GEOMETRY or POINT has bytes that are none").at_row(row)),
    }
}

/// A list of the floats of a VECTOR.
pub(crate) fn vector<'c>(cursor: Cursor<'c>, bytes: &[u8]) -> Cursor<'c> {
    let mut cursor = cursor.byte(b'[');
    for (i, number) in bytes.as_chunks::<4>().0.iter().enumerate() {
        if i > 0 {
            cursor = cursor.byte(b',');
        }
        cursor = cursor.float(f32::from_le_bytes(*number));
    }
    cursor.byte(b']')
}

#[cfg(test)]
mod tests {
    use rowmill_sdk::json::FLOAT_BYTES;

    use super::*;

    fn written(worst: usize, fill: impl for<'a> FnOnce(Cursor<'a>) -> Cursor<'a>) -> String {
        let mut buffer = Vec::new();
        json::write(&mut buffer, worst, |cursor| (fill(cursor), ()));
        String::from_utf8_lossy(&buffer).into_owned()
    }

    #[test]
    fn an_unscaled_number_has_no_byte_too_many() {
        for (number, bytes) in [
            (0_i128, &[0_u8][..]),
            (127, &[127]),
            (128, &[0, 128]),
            (-1, &[255]),
            (-128, &[128]),
            (-129, &[255, 127]),
            (65_536, &[1, 0, 0]),
        ] {
            assert_eq!(shortest(&number.to_be_bytes()), bytes, "{number}");
        }
    }

    #[test]
    fn a_compact_document_keeps_the_spaces_of_its_texts() {
        let text = written(200, |cursor| compact(cursor, br#"{"a b": ["x \" , y", 1, {}], "c\\": " "}"#));
        assert_eq!(text, r#""{\"a b\":[\"x \\\" , y\",1,{}],\"c\\\\\":\" \"}""#);
    }

    #[test]
    fn bytes_have_four_forms() {
        assert_eq!(written(40, |cursor| url_safe(cursor, &[0xfb, 0xff])), r#""-_8=""#);
        assert_eq!(written(40, |cursor| base64(cursor, &[0xfb, 0xff])), r#""+/8=""#);
        assert_eq!(written(40, |cursor| hex(cursor, &[0, 0x1f, 0xff])), r#""001fff""#);
        assert_eq!(written(40, |cursor| latin1(cursor, &[0x41, 0xe9, 0])), "\"A\u{e9}\\u0000\"");
    }

    #[test]
    fn floats_have_the_form_of_java() {
        for (number, expected) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-12.5, "-12.5"),
            (0.001, "0.001"),
            (0.0125, "0.0125"),
            (0.5, "0.5"),
            (0.000_999, "9.99E-4"),
            (9_999_999.0, "9999999.0"),
            (1_234_567.25, "1234567.25"),
            (120.0, "120.0"),
            (1e7, "1.0E7"),
            (-1.5e10, "-1.5E10"),
            (4.9e-324, "4.9E-324"),
            (f64::MAX, "1.7976931348623157E308"),
        ] {
            assert_eq!(written(FLOAT_BYTES, |cursor| java_double(cursor, number)), expected);
        }
        for (number, expected) in [(1e-45, "1.4E-45"), (3.4e38, "3.4E38"), (0.1, "0.1"), (16_777_216.0, "1.6777216E7")] {
            assert_eq!(written(FLOAT_BYTES, |cursor| java_float(cursor, number)), expected);
        }
    }

    #[test]
    fn a_decimal_becomes_the_nearest_double() {
        let text = written(40, |cursor| rounded(cursor, |text| text.decimal128(123_456_789_012_345_678_901, 2)));
        assert_eq!(text, "1.2345678901234568e+18");
    }
}
