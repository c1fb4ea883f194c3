//! The writer against a naive one, on anything that proptest thinks of.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;

use super::{Cursor, DECIMAL_BYTES, FLOAT_BYTES, Fragments, INTEGER_BYTES, Span, write};

fn written(worst: usize, fill: impl for<'a> FnOnce(Cursor<'a>) -> Cursor<'a>) -> String {
    let mut buffer = b"kept".to_vec();
    write(&mut buffer, worst, |cursor| (fill(cursor), ()));
    String::from_utf8(buffer).unwrap().strip_prefix("kept").unwrap().to_owned()
}

/// A decimal's text made from its digits.
fn decimal(unscaled: i128, scale: usize) -> String {
    let digits = format!("{:0>width$}", unscaled.unsigned_abs(), width = scale + 1);
    let (whole, decimals) = digits.split_at(digits.len() - scale);
    let sign = if unscaled < 0 { "-" } else { "" };
    if scale == 0 {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{decimals}")
    }
}

/// Numbers of every magnitude, not mostly the largest.
fn magnitudes() -> impl Strategy<Value = i128> {
    (any::<i128>(), 0_u32..127).prop_map(|(number, shift)| number >> shift)
}

proptest! {
    #[test]
    fn integers_read_as_std_prints_them(number in any::<u64>(), shift in 0_u32..64) {
        let number = number >> shift;
        prop_assert_eq!(written(INTEGER_BYTES, |cursor| cursor.unsigned(number)), number.to_string());
        let signed = number.cast_signed();
        prop_assert_eq!(written(INTEGER_BYTES, |cursor| cursor.signed(signed)), signed.to_string());
    }

    #[test]
    fn decimals_have_their_digits(number in magnitudes(), scale in 0_u8..=38) {
        let expected = decimal(number, usize::from(scale));
        prop_assert_eq!(&written(DECIMAL_BYTES, |cursor| cursor.decimal128(number, scale)), &expected);
        let mut wide = [if number < 0 { 0xff } else { 0 }; 32];
        wide.first_chunk_mut::<16>().unwrap().copy_from_slice(&number.to_le_bytes());
        prop_assert_eq!(&written(DECIMAL_BYTES, |cursor| cursor.decimal256(wide, scale)), &expected);
    }

    #[test]
    fn doubles_read_back_and_no_shorter_text_does(number in any::<f64>()) {
        prop_assume!(number.is_finite());
        let text = written(FLOAT_BYTES, |cursor| cursor.double(number));
        prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), number.to_bits());
        prop_assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
    }

    #[test]
    fn short_doubles_stay_short(units in -999_999_999_i64..999_999_999, decimals in 0_u32..7) {
        let number: f64 = format!("{units}e-{decimals}").parse().unwrap();
        prop_assume!(number != 0.0);
        let text = written(FLOAT_BYTES, |cursor| cursor.double(number));
        prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), number.to_bits());
        let digits = |text: &str| text.split('e').next().unwrap().trim_start_matches(['-', '0', '.']).replace('.', "").trim_end_matches('0').len();
        prop_assert_eq!(digits(&text), digits(&format!("{number:e}")), "{}", text);
    }

    #[test]
    fn strings_are_escaped_as_others_do(text in any::<String>(), before in 0_usize..20, after in 0_usize..20) {
        let whole = format!("{}{text}{}", "\"".repeat(before), "\\".repeat(after));
        let span = Span::new(whole.as_bytes(), before, before + text.len());
        prop_assert_eq!(written(span.worst(), |cursor| cursor.string(span)), serde_json::to_string(&text).unwrap());
    }

    #[test]
    fn any_control_characters_fit_the_worst_case(bytes in proptest::collection::vec(0_u8..0x30, 0..3000)) {
        let text = String::from_utf8(bytes).unwrap();
        let span = Span::from(text.as_bytes());
        prop_assert_eq!(written(span.worst(), |cursor| cursor.string(span)), serde_json::to_string(&text).unwrap());
    }

    #[test]
    fn fragments_come_out_as_they_went_in(texts in proptest::collection::vec("[a-z]{0,600}", 1..6)) {
        let mut fragments = Fragments::default();
        let numbers: Vec<_> = texts.iter().map(|text| fragments.push(text.as_bytes())).collect();
        for (number, text) in numbers.into_iter().zip(&texts) {
            prop_assert_eq!(&written(text.len(), |cursor| cursor.fragment(fragments.get(number))), text);
        }
    }

    #[test]
    fn base64_reads_back(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        let text = written(bytes.len().div_ceil(3) * 4, |cursor| cursor.base64(&bytes));
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let bits: Vec<u8> = text
            .trim_end_matches('=')
            .bytes()
            .flat_map(|byte| {
                let digit = alphabet.iter().position(|known| *known == byte).unwrap();
                (0..6).rev().map(move |bit| u8::from(digit >> bit & 1 == 1))
            })
            .collect();
        let back: Vec<u8> = bits.chunks_exact(8).map(|bits| bits.iter().fold(0, |byte, bit| byte << 1 | bit)).collect();
        prop_assert_eq!(back, bytes);
        prop_assert_eq!(text.len() % 4, 0);
    }
}

#[test]
#[should_panic(expected = "wrote more than it reserved")]
fn a_wrong_estimate_panics_rather_than_writes() {
    write(&mut Vec::new(), 3, |cursor| (cursor.word(0, 4), ()));
}

#[test]
fn a_long_text_takes_exactly_the_room_that_is_made_for_it_also_at_the_end_of_its_buffer() {
    let piece = "0123456789abcdef\"\\\n\u{1}ä\u{1f}\t";
    for repeat in [4000, 4001, 4010] {
        let text = piece.repeat(repeat);
        let expected = serde_json::to_string(&text).unwrap();
        let span = Span::from(text.as_bytes());
        assert_eq!(span.worst(), expected.len());
        assert_eq!(written(span.worst(), |cursor| cursor.string(span)), expected);
    }
}
