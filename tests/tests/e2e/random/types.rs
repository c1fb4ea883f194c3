//! Random column types, as text for CREATE and ALTER TABLE.

use pipeline_tests::Chance;

use super::world::{World, literal};

/// How a column may be part of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keyable {
    /// As it is; many different values.
    Whole,
    /// As it is, but with few values, so that it makes no key alone.
    Few,
    /// A prefix, in characters or bytes; the whole too where `true`.
    Prefix(bool),
    Never,
}

/// A type and how it may be part of a key.
pub(crate) type Typed = (String, Keyable);

/// Any type that the server has.
pub(crate) fn any(chance: &mut Chance, world: &World) -> Typed {
    match chance.below(20) {
        0..=3 => integer(chance),
        4..=5 => number(chance, world),
        6 => bits(chance),
        7..=9 => moment(chance, world),
        10..=13 => text(chance, world),
        14..=15 => bytes(chance, world),
        16..=17 => labels(chance, world),
        18 if !world.is_old() => (String::from("JSON"), Keyable::Never),
        18 => text(chance, world),
        _ => own(chance, world),
    }
}

fn integer(chance: &mut Chance) -> Typed {
    let (name, keyable) = *chance.pick(&[
        ("TINYINT", Keyable::Few),
        ("TINYINT(1)", Keyable::Few),
        ("BOOL", Keyable::Few),
        ("SMALLINT", Keyable::Whole),
        ("MEDIUMINT", Keyable::Whole),
        ("INT", Keyable::Whole),
        ("INT(7)", Keyable::Whole),
        ("BIGINT", Keyable::Whole),
        ("BIGINT", Keyable::Whole),
    ]);
    let attribute = match chance.below(10) {
        _ if name == "BOOL" => "",
        0..=3 => " UNSIGNED",
        4 => " ZEROFILL",
        _ => "",
    };
    (format!("{name}{attribute}"), keyable)
}

fn number(chance: &mut Chance, world: &World) -> Typed {
    let attribute = *chance.pick(&["", "", "", "", " UNSIGNED", " ZEROFILL"]);
    let base = match chance.below(8) {
        0 => String::from("FLOAT"),
        1 => String::from("DOUBLE"),
        // ALTER TABLE may leave in them what a statement would round.
        2 if !world.lossless => String::from("FLOAT(8,3)"),
        3 if !world.lossless => String::from("DOUBLE(20,5)"),
        4 => String::from("DECIMAL(65,30)"),
        _ => {
            let precision = chance.between(1, 65);
            let scale = chance.below(precision.min(30) + 1);
            format!("DECIMAL({precision},{scale})")
        }
    };
    (format!("{base}{attribute}"), Keyable::Whole)
}

fn bits(chance: &mut Chance) -> Typed {
    if chance.percent(30) {
        return (String::from("YEAR"), Keyable::Few);
    }
    let width = if chance.percent(30) { 1 } else { chance.between(1, 64) };
    (format!("BIT({width})"), if width < 16 { Keyable::Few } else { Keyable::Whole })
}

fn moment(chance: &mut Chance, world: &World) -> Typed {
    let name = *chance.pick(&["DATE", "DATETIME", "TIMESTAMP", "TIME"]);
    if name == "DATE" {
        return (name.to_owned(), Keyable::Whole);
    }
    // The envelope keeps milliseconds of a TIMESTAMP.
    let digits = chance.below(if world.lossless && name == "TIMESTAMP" { 4 } else { 7 });
    (format!("{name}({digits})"), Keyable::Whole)
}

fn text(chance: &mut Chance, world: &World) -> Typed {
    let length = match chance.below(10) {
        0 => chance.between(250, 260),
        1 => chance.between(40, 600),
        _ => chance.between(1, 40),
    };
    let (base, keyable) = match chance.below(10) {
        0..=2 => (format!("CHAR({})", length.min(255)), Keyable::Prefix(length < 60)),
        3..=6 => (format!("VARCHAR({length})"), Keyable::Prefix(length < 60)),
        _ => (
            (*chance.pick(&["TINYTEXT", "TEXT", "TEXT(70000)", "MEDIUMTEXT", "LONGTEXT"])).to_owned(),
            Keyable::Prefix(false),
        ),
    };
    let charset = world.charset_clause(chance);
    // A VARCHAR takes more characters then than it is to, which a copy would not.
    let incompressible = base.starts_with('C') || (world.lossless && base.starts_with('V'));
    if world.is_mariadb() && !incompressible && chance.percent(15) {
        // MariaDB wants it between type and character set, and has no keys over it.
        return (format!("{base} COMPRESSED{charset}"), Keyable::Never);
    }
    (format!("{base}{charset}"), keyable)
}

fn bytes(chance: &mut Chance, world: &World) -> Typed {
    let length = if chance.percent(20) {
        *chance.pick(&[4, 16, 255, 256, 300])
    } else {
        chance.between(1, 30)
    };
    let (base, keyable) = match chance.below(10) {
        0..=3 => (format!("BINARY({})", length.min(255)), Keyable::Prefix(length < 60)),
        4..=6 => (format!("VARBINARY({length})"), Keyable::Prefix(length < 60)),
        _ => (
            (*chance.pick(&["TINYBLOB", "BLOB", "MEDIUMBLOB", "LONGBLOB"])).to_owned(),
            Keyable::Prefix(false),
        ),
    };
    if world.is_mariadb() && !base.starts_with("BIN") && chance.percent(15) {
        return (format!("{base} COMPRESSED"), Keyable::Never);
    }
    (base, keyable)
}

/// What labels are made of.
const LABELS: [&str; 12] = [
    "it's",
    "\"q\"",
    "back\\slash",
    "tab\t",
    "line\n",
    "😀",
    "é",
    "中",
    "7",
    "a b",
    "%",
    "\u{1}",
];

fn labels(chance: &mut Chance, world: &World) -> Typed {
    let name = *chance.pick(&["ENUM", "SET"]);
    let count = match (chance.below(10), name) {
        (0, "ENUM") => chance.between(250, 300),
        (0..=2, "SET") => chance.between(9, 64),
        _ => chance.between(1, 7),
    };
    let charset = world.charset_clause(chance);
    // MariaDB keeps the labels' bytes as they came where the character set is the table's, also where it has no such character.
    let plain = world.is_mariadb() && charset.is_empty();
    let mut all: Vec<String> = (1..=count)
        .map(|i| {
            let odd = if chance.percent(40) && !plain { *chance.pick(&LABELS) } else { "l" };
            // No catalogue knows it: with MySQL 5.6 the connector stops, and MariaDB's SHOW CREATE TABLE makes no copy.
            let odd = if odd == "😀" && (world.lossless || world.is_old()) {
                "l"
            } else {
                odd
            };
            literal(&format!("{odd}{i}"))
        })
        .collect();
    if name == "ENUM" && !world.lossless && chance.percent(10) {
        all[0] = String::from("''");
    }
    (format!("{name}({}){charset}", all.join(",")), Keyable::Few)
}

fn own(chance: &mut Chance, world: &World) -> Typed {
    if world.is_mariadb() && chance.percent(60) {
        return ((*chance.pick(&["UUID", "INET4", "INET6"])).to_owned(), Keyable::Whole);
    }
    if world.is_mysql9() && chance.percent(40) {
        return (format!("VECTOR({})", chance.between(1, 40)), Keyable::Never);
    }
    let name = chance.pick(&[
        "GEOMETRY",
        "POINT",
        "LINESTRING",
        "POLYGON",
        "MULTIPOINT",
        "MULTILINESTRING",
        "MULTIPOLYGON",
        "GEOMETRYCOLLECTION",
    ]);
    ((*name).to_owned(), Keyable::Never)
}
