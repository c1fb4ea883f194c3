//! Random CREATE TABLE statements. The server may refuse them: then another one is made.

use pipeline_tests::Chance;

use super::names;
use super::schema::RID;
use super::types::{self, Keyable};
use super::world::{World, quoted};

/// A column that is to be.
pub(crate) struct Definition {
    /// Its name in backticks.
    pub(crate) name: String,
    /// Type and attributes.
    pub(crate) text: String,
    keyable: Keyable,
    not_null: bool,
}

impl Definition {
    /// Name, type and attributes.
    pub(crate) fn whole(&self) -> String {
        format!("{} {}", self.name, self.text)
    }
}

/// A column of any type.
pub(crate) fn column(chance: &mut Chance, world: &World, number: &mut u32) -> Definition {
    let name = quoted(&names::column(chance, number));
    if !world.is_old() && chance.percent(8) {
        return generated(chance, world, name);
    }
    let (sql_type, keyable) = types::any(chance, world);
    // A vector or geometry that is left out becomes one of no bytes then, which can't be written as such.
    let not_null = chance.percent(40) && !(world.lossless && keyable == Keyable::Never);
    // Without an explicit NULL, older servers give the first TIMESTAMP of a table a life of its own.
    let mut text = format!("{sql_type}{}", if not_null { " NOT NULL" } else { " NULL" });
    if let Some(default) = default(chance, world, &sql_type) {
        text.push_str(&format!(" DEFAULT {default}"));
    }
    if !world.is_old() && chance.percent(6) {
        text.push_str(" INVISIBLE");
        // MariaDB wants one then; MySQL takes what it has without a strict mode.
        if not_null && world.is_mariadb() && !text.contains(" DEFAULT ") {
            return column(chance, world, number);
        }
    }
    if chance.percent(5) {
        text.push_str(" COMMENT 'it''s \\\"a\\\" comment; -- # /* */'");
    }
    Definition {
        name,
        text,
        keyable,
        not_null,
    }
}

fn default(chance: &mut Chance, world: &World, sql_type: &str) -> Option<String> {
    if !chance.percent(30) {
        return None;
    }
    let name: String = sql_type.chars().take_while(char::is_ascii_alphabetic).collect();
    let digits = sql_type
        .split(['(', ')'])
        .nth(1)
        .filter(|_| name == "DATETIME" || name == "TIMESTAMP");
    // Rows that get a new column take the moment of that, which a replay can't know.
    let now = digits.filter(|_| !world.lossless).map(|d| format!("CURRENT_TIMESTAMP({d})"));
    let plain = match name.as_str() {
        "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" | "BOOL" => "7",
        "FLOAT" | "DOUBLE" | "DECIMAL" => "0",
        "BIT" => "b'1'",
        "YEAR" => "2024",
        "CHAR" | "VARCHAR" | "VARBINARY" if !sql_type.contains("COMPRESSED") => "'d'",
        "DATE" => "'2024-02-29'",
        "TIME" => "'-01:02:03'",
        "DATETIME" | "TIMESTAMP" => match (chance.below(3), now) {
            (0, Some(now)) => return Some(now),
            (1, Some(now)) => return Some(format!("{now} ON UPDATE {now}")),
            _ => "'2020-02-20 20:20:20'",
        },
        "JSON" | "TEXT" | "LONGTEXT" if !world.is_old() => "('[1]')",
        _ => return None,
    };
    if plain == "7" && !world.is_old() && chance.percent(30) {
        return Some(String::from("(1 + 2)"));
    }
    Some(plain.to_owned())
}

fn generated(chance: &mut Chance, world: &World, name: String) -> Definition {
    let mut kinds = vec![
        ("BIGINT", "(rid * 3)"),
        ("VARCHAR(40)", "(CONCAT('é', rid))"),
        ("DECIMAL(30,3)", "(rid / 7)"),
        ("DOUBLE", "(rid * 1.1e0)"),
        ("BINARY(8)", "(HEX(rid))"),
        ("CHAR(30) CHARACTER SET utf16", "(CONCAT(rid, ' x'))"),
        // With a character beyond ASCII: without, MySQL 9.7 stores the bytes of ASCII in a TEXT of utf32.
        ("TEXT", "(REPEAT(CONCAT('é', rid), 3))"),
    ];
    if world.is_mysql9() {
        kinds.push(("JSON", "(JSON_OBJECT('g', rid))"));
    }
    let (sql_type, expression) = *chance.pick(&kinds);
    let kept = *chance.pick(&["", " VIRTUAL", " STORED"]);
    let hidden = if chance.percent(20) { " INVISIBLE" } else { "" };
    Definition {
        name,
        text: format!("{sql_type} GENERATED ALWAYS AS {expression}{kept}{hidden}"),
        keyable: Keyable::Never,
        not_null: false,
    }
}

/// The whole statement.
pub(crate) fn create(chance: &mut Chance, world: &World, table: &str, number: &mut u32) -> String {
    let most = if chance.percent(10) { 30 } else { 12 };
    let count = chance.between(2, most);
    let mut columns: Vec<Definition> = (0..count).map(|_| column(chance, world, number)).collect();
    let rid = Definition {
        name: quoted(RID),
        text: String::from("BIGINT NOT NULL"),
        keyable: Keyable::Whole,
        not_null: true,
    };
    columns.insert(chance.index(columns.len() + 1), rid);
    let (mut keys, primary) = row_key(chance, &columns);
    if chance.percent(15) && !primary {
        columns.push(Definition {
            name: quoted(&names::column(chance, number)),
            text: String::from("INT UNSIGNED NOT NULL AUTO_INCREMENT UNIQUE"),
            keyable: Keyable::Never,
            not_null: true,
        });
    }
    for _ in 0..chance.below(3) {
        let unique = if chance.percent(25) { "UNIQUE " } else { "" };
        let some = index(chance, world, &columns);
        keys.extend(some.map(|parts| format!("{unique}KEY ({parts})")));
    }
    let mut items: Vec<String> = columns.iter().map(Definition::whole).collect();
    items.extend(keys);
    let mut options = String::new();
    options.push_str(&world.charset_clause(chance).replace(" CHARACTER SET", " DEFAULT CHARSET"));
    if chance.percent(25) {
        options.push_str(&format!(" ROW_FORMAT={}", chance.pick(&["DYNAMIC", "COMPACT", "REDUNDANT"])));
    }
    if primary && chance.percent(8) {
        options.push_str(" PARTITION BY KEY () PARTITIONS 3");
    }
    format!("CREATE TABLE {} ({}){options}", quoted(table), items.join(", "))
}

/// A key part: the column, often a prefix of it.
fn part(chance: &mut Chance, column: &Definition) -> Option<String> {
    let prefix = |chance: &mut Chance| format!("{}({})", column.name, chance.between(1, 4));
    match column.keyable {
        Keyable::Never => None,
        Keyable::Whole | Keyable::Few => Some(column.name.clone()),
        Keyable::Prefix(whole) if whole && chance.percent(60) => Some(column.name.clone()),
        Keyable::Prefix(_) => Some(prefix(chance)),
    }
}

/// A primary key of columns in any order, a unique key in its place, or none; and whether it is a primary key.
fn row_key(chance: &mut Chance, columns: &[Definition]) -> (Vec<String>, bool) {
    let kind = chance.below(10);
    if kind < 2 {
        return (Vec::new(), false);
    }
    let unique = kind < 4;
    // What is NULL by its own word is refused in a primary key, but not in a unique one, which is then no key of the row.
    let nullable = unique && chance.percent(15);
    let mut fit: Vec<&Definition> = columns
        .iter()
        .filter(|c| c.keyable != Keyable::Never && (nullable || c.not_null))
        .collect();
    let mut parts = Vec::new();
    // Without a column of many values, most rows would collide.
    let mut many = false;
    while !fit.is_empty() && parts.len() < 4 && (!many || chance.percent(45)) {
        let column = fit.remove(chance.index(fit.len()));
        many |= column.keyable == Keyable::Whole;
        parts.extend(part(chance, column));
    }
    if parts.is_empty() {
        return (Vec::new(), false);
    }
    let name = if unique { "UNIQUE KEY" } else { "PRIMARY KEY" };
    (vec![format!("{name} ({})", parts.join(", "))], !unique)
}

/// The parts of some other index.
fn index(chance: &mut Chance, world: &World, columns: &[Definition]) -> Option<String> {
    if world.is_mysql9() && chance.percent(20) {
        return Some(String::from("(rid + 1)"));
    }
    let mut parts = Vec::new();
    for _ in 0..=chance.below(2) {
        let column = &columns[chance.index(columns.len())];
        let order = if world.is_mysql9() && chance.percent(20) { " DESC" } else { "" };
        if let Some(part) = part(chance, column).filter(|p| !parts.iter().any(|q: &String| q.contains(&column.name) || p == q)) {
            parts.push(format!("{part}{order}"));
        }
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}
