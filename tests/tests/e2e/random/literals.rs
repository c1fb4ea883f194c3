//! Random values as SQL, for a column as the catalogue describes it. Not all of them fit: what the server makes of those, without a
//! strict mode, is as good a value as any.

use std::fmt::Write as _;

use pipeline_tests::Chance;

use super::column::Column;
use super::documents;
use super::world::World;

/// A value for the column.
pub(crate) fn value(chance: &mut Chance, world: &World, column: &Column) -> String {
    if column.nullable && chance.percent(12) {
        return String::from("NULL");
    }
    if column.has_default && chance.percent(8) {
        return String::from("DEFAULT");
    }
    match column.data_type.as_str() {
        "tinyint" => integer(chance, 8, column.unsigned()),
        "smallint" => integer(chance, 16, column.unsigned()),
        "mediumint" => integer(chance, 24, column.unsigned()),
        "int" => integer(chance, 32, column.unsigned()),
        "bigint" => integer(chance, 64, column.unsigned()),
        "bit" => bits(chance, column.precision),
        "year" => {
            let year = chance.between(1900, 2156);
            if chance.percent(20) { String::from("0") } else { year.to_string() }
        }
        "decimal" => decimal(chance, column),
        "float" => float(chance, 38, 7),
        "double" => float(chance, 307, 17),
        "date" => format!("'{}'", day(chance, world)),
        "datetime" => format!("'{} {}'", day(chance, world), clock(chance, 24, column.fsp)),
        "timestamp" => timestamp(chance, column.fsp),
        "time" => {
            let sign = if chance.percent(40) { "-" } else { "" };
            format!("'{sign}{}'", clock(chance, 839, column.fsp))
        }
        "enum" => chance.below(labels(&column.column_type) + 1).to_string(),
        "set" => {
            let all = u64::MAX >> (64 - labels(&column.column_type).clamp(1, 64));
            (any_bits(chance) & all).to_string()
        }
        "uuid" => uuid(chance),
        "inet4" => {
            let n = any_bits(chance) & 0xffff_ffff;
            format!("'{}.{}.{}.{}'", n >> 24, n >> 16 & 255, n >> 8 & 255, n & 255)
        }
        "inet6" => inet6(chance),
        "json" => documents::json(chance, world),
        _ if column.document => documents::json(chance, world),
        "vector" => vector(chance, column),
        _ if column.is_spatial() => documents::geometry(chance, &column.data_type),
        _ if column.charset.is_some() => text(chance, column),
        _ => bytes(chance, column),
    }
}

/// Numbers of every size are as likely as large ones.
fn any_bits(chance: &mut Chance) -> u64 {
    let wide = chance.below(1 << 32) << 32 | chance.below(1 << 32);
    wide >> chance.below(64)
}

fn integer(chance: &mut Chance, width: u32, unsigned: bool) -> String {
    let all = u64::MAX >> (64 - width);
    let half = all >> 1;
    match (chance.below(12), unsigned) {
        (0, _) => String::from("0"),
        (1, true) => all.to_string(),
        (1, false) => half.to_string(),
        (2, true) => (half + 1).to_string(),
        (2, false) => format!("-{}", half + 1),
        // One too many: the server takes the nearest that it has.
        (3, _) if width < 64 => (all + 1).to_string(),
        (_, true) => (any_bits(chance) & all).to_string(),
        (_, false) => format!("{}{}", if chance.percent(50) { "-" } else { "" }, any_bits(chance) & half),
    }
}

fn bits(chance: &mut Chance, width: u64) -> String {
    let all = u64::MAX >> (64 - width.clamp(1, 64));
    match chance.below(6) {
        0 => all.to_string(),
        1 => (all / 2 + 1).to_string(),
        _ => (any_bits(chance) & all).to_string(),
    }
}

fn digits(chance: &mut Chance, count: u64) -> String {
    let kind = chance.below(4);
    let digit = |chance: &mut Chance| match kind {
        0 => 9,
        1 => 0,
        _ => chance.below(10),
    };
    (0..count)
        .map(|_| char::from(b'0' + u8::try_from(digit(chance)).unwrap()))
        .collect()
}

fn decimal(chance: &mut Chance, column: &Column) -> String {
    let sign = if chance.percent(40) { "-" } else { "" };
    let most = column.precision - column.scale;
    let whole = if chance.percent(30) { most } else { chance.below(most + 1) };
    let fraction = if chance.percent(50) {
        column.scale
    } else {
        chance.below(column.scale + 1)
    };
    format!("{sign}0{}.{}0", digits(chance, whole), digits(chance, fraction))
}

fn float(chance: &mut Chance, exponent: u64, precision: u64) -> String {
    let sign = if chance.percent(40) { "-" } else { "" };
    match chance.below(8) {
        0 => format!("{sign}0e0"),
        1 => format!("{sign}{}e0", any_bits(chance) >> 11),
        2 => format!("{sign}0.{}e0", any_bits(chance)),
        _ => {
            let count = chance.between(1, precision);
            let digits = digits(chance, count);
            let power = chance.below(exponent);
            let minus = if chance.percent(50) { "-" } else { "" };
            format!("{sign}{}.{digits}e{minus}{power}", chance.below(10))
        }
    }
}

fn day(chance: &mut Chance, world: &World) -> String {
    match chance.below(14) {
        0 => String::from("0000-00-00"),
        1 => String::from("2024-00-10"),
        2 => String::from("2023-11-00"),
        3 => String::from("2023-02-31"),
        4 => String::from("9999-12-31"),
        5 => String::from("1969-12-31"),
        6 if !world.is_old() => String::from("0001-01-01"),
        _ => {
            let year = if chance.percent(60) {
                chance.between(1960, 2050)
            } else {
                chance.between(1000, 9999)
            };
            format!("{year:04}-{:02}-{:02}", chance.between(1, 12), chance.between(1, 28))
        }
    }
}

fn clock(chance: &mut Chance, hours: u64, fsp: usize) -> String {
    if chance.percent(15) {
        return String::from("00:00:00");
    }
    // As many digits as the column keeps: more would be rounded, which is fine, but into the next day.
    let fraction = digits(chance, u64::try_from(fsp).unwrap());
    let dot = if fsp > 0 { "." } else { "" };
    format!(
        "{:02}:{:02}:{:02}{dot}{fraction}",
        chance.below(hours),
        chance.below(60),
        chance.below(60)
    )
}

fn timestamp(chance: &mut Chance, fsp: usize) -> String {
    match chance.below(10) {
        0 => String::from("'0000-00-00 00:00:00'"),
        1 => String::from("'1970-01-01 00:00:01'"),
        2 => String::from("'2038-01-19 03:14:07'"),
        _ => format!(
            "'{}-{:02}-{:02} {}'",
            chance.between(1971, 2037),
            chance.between(1, 12),
            chance.between(1, 28),
            clock(chance, 24, fsp)
        ),
    }
}

/// How many labels an ENUM or SET has: they are written by their numbers.
pub(crate) fn labels(column_type: &str) -> u64 {
    let (mut count, mut inside) = (0, false);
    // A quote within a label is written twice, which closes and opens again.
    let mut last = ' ';
    for c in column_type.chars() {
        if c == '\'' {
            inside = !inside;
            if inside && last != '\'' {
                count += 1;
            }
        }
        last = c;
    }
    count
}

fn uuid(chance: &mut Chance) -> String {
    if chance.percent(10) {
        return String::from("'00000000-0000-0000-0000-000000000000'");
    }
    let (a, b) = (chance.below(1 << 32), chance.below(1 << 48));
    // Version and variant matter to how MariaDB keeps it.
    let version = chance.below(16);
    let variant = chance.below(16);
    format!(
        "'{a:08x}-{:04x}-{version:x}{:03x}-{variant:x}{:03x}-{b:012x}'",
        chance.below(1 << 16),
        chance.below(1 << 12),
        chance.below(1 << 12)
    )
}

fn inet6(chance: &mut Chance) -> String {
    match chance.below(6) {
        0 => String::from("'::'"),
        1 => format!("'::ffff:{}.2.0.{}'", chance.below(256), chance.below(256)),
        2 => format!("'::{}.2.0.{}'", chance.below(256), chance.below(256)),
        _ => {
            // Groups of zeros, alone and in runs.
            let groups: Vec<String> = (0..8)
                .map(|_| {
                    if chance.percent(50) {
                        String::from("0")
                    } else {
                        format!("{:x}", chance.below(1 << 16))
                    }
                })
                .collect();
            format!("'{}'", groups.join(":"))
        }
    }
}

fn vector(chance: &mut Chance, column: &Column) -> String {
    let most = column
        .column_type
        .trim_start_matches("vector(")
        .trim_end_matches(')')
        .parse()
        .unwrap_or(1);
    let count = chance.between(1, most);
    let entries: Vec<String> = (0..count).map(|_| float(chance, 37, 7)).collect();
    format!("STRING_TO_VECTOR('[{}]')", entries.join(","))
}

/// Letters of many scripts, and characters that some program takes for something else.
const SCRIPTS: [&str; 16] = [
    "abcXYZ 0129",
    "abcXYZ 0129",
    "'\"\\`/<>&{}[]:,%_",
    "\0\u{1}\u{8}\t\n\r\u{1a}\u{1f}\u{7f}",
    "äöüßéèêñçøÅÆœŸ€",
    "ĄąČčŁłŠšŽžőű",
    "ДжЯёїЄ",
    "ΑΩάώς",
    "שלום",
    "سلامء",
    "ไทยกข",
    "中文漢字丂許功蓋",
    "かなカナ表ソ能ｶﾅ①髙～",
    "한글똠",
    "😀🀄𠀀\u{10ffff}",
    "\u{2028}\u{2029}\u{feff}\u{fffd}\u{ffff}\u{301}\u{85}\u{a0}",
];

/// How long a text or a sequence of bytes is to be: mostly short, at times as long as the column allows.
fn length(chance: &mut Chance, most: u64) -> u64 {
    match chance.below(60) {
        0 => most.min(80_000),
        1 => most.min(chance.between(0, 3000)),
        2..=5 => 0,
        _ => most.min(chance.between(1, 24)),
    }
}

fn text(chance: &mut Chance, column: &Column) -> String {
    // The catalogue counts a TEXT in bytes, of which a character has four at most, and spaces may follow below.
    let most = if column.is_cut_within_characters() {
        column.length / 5
    } else {
        column.length
    };
    let count = length(chance, most);
    let (first, second) = (*chance.pick(&SCRIPTS), *chance.pick(&SCRIPTS));
    let pool: Vec<char> = first.chars().chain(second.chars()).collect();
    let mut text: String = (0..count.min(40)).map(|_| *chance.pick(&pool)).collect();
    if chance.percent(10) {
        text.push_str("  ");
    }
    let value = format!("_utf8mb4 x'{}'", hex(text.as_bytes()));
    // Long ones are repetitions, so that statements stay short.
    if count > 40 {
        format!("REPEAT({value}, {})", count / 40)
    } else {
        value
    }
}

fn bytes(chance: &mut Chance, column: &Column) -> String {
    let count = length(chance, column.length);
    let all: Vec<u8> = (0..count.min(40)).map(|_| u8::try_from(any_bits(chance) & 255).unwrap()).collect();
    let value = format!("x'{}'", hex(&all));
    if count > 40 {
        format!("REPEAT({value}, {})", count / 40)
    } else {
        value
    }
}

/// Bytes as digits for `x'…'`.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02X}");
    }
    text
}
