//! Sizes as people write them: a number of bytes, or a number with a unit.

const UNITS: [(&str, u64); 8] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("B", 1),
];

/// Bytes of `"1MiB"`, `"64 KiB"`, `"500kB"` or `"4096"`; units in any case.
pub(super) fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = (text.get(..digits)?, text.get(digits..)?.trim_start());
    let number: u64 = number.parse().ok()?;
    if unit.is_empty() {
        return Some(number);
    }
    let (_, factor) = UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.checked_mul(*factor)
}

/// The shortest exact form in binary units.
pub(super) fn show(bytes: u64) -> String {
    for (unit, factor) in UNITS.iter().take(3).rev() {
        if bytes >= *factor && bytes.is_multiple_of(*factor) {
            return format!("{}{unit}", bytes / factor);
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_are_read_in_every_unit_and_overflow_is_refused() {
        for (text, bytes) in [
            ("0", Some(0)),
            ("4096", Some(4096)),
            ("64KiB", Some(65536)),
            ("1 mib", Some(1 << 20)),
            ("3GB", Some(3_000_000_000)),
            ("7B", Some(7)),
        ] {
            assert_eq!(super::parse(text), bytes, "{text}");
        }
        for text in [
            "",
            "MiB",
            "1.5MiB",
            "-1",
            "1 XiB",
            "18446744073709551616",
            "18446744073709551615KiB",
            "1é",
        ] {
            assert_eq!(super::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_shown_size_reads_back_to_itself() {
        for bytes in [1, 1023, 1024, 1 << 20, 3 << 30, 192 << 20, 1_000_000] {
            assert_eq!(super::parse(&super::show(bytes)), Some(bytes));
        }
    }
}
