//! What one scenario of the random oracles runs in: which server, what that server has, and how the encoder is told to write.

use pipeline_tests::{Chance, Kind, Session};

use super::column::Column;

/// What `zero_date` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OddDates {
    Null,
    Epoch,
    Text,
}

/// The encoder's options.
#[derive(Debug, Clone)]
pub(crate) struct Rendering {
    /// `update_mode = "single"`.
    pub(crate) single: bool,
    /// `tinyint1 = "boolean"`.
    pub(crate) truth: bool,
    /// `decimal = "string"`.
    pub(crate) quoted_decimal: bool,
    /// `datetime = "string"`.
    pub(crate) datetime_text: bool,
    /// `zero_date`.
    pub(crate) odd_dates: OddDates,
    /// Seconds east of UTC of `time_zone`.
    pub(crate) offset: i64,
    /// `headers = true`.
    pub(crate) headers: bool,
    /// `include_db_version = true`.
    pub(crate) version: bool,
}

impl Rendering {
    /// Any.
    pub(crate) fn any(chance: &mut Chance) -> Self {
        Self {
            single: chance.percent(40),
            truth: chance.percent(30),
            quoted_decimal: chance.percent(30),
            datetime_text: chance.percent(40),
            odd_dates: *chance.pick(&[OddDates::Null, OddDates::Epoch, OddDates::Text]),
            offset: *chance.pick(&[0, 8 * 3600, 20_700, -34_200, 14 * 3600, -43_200]),
            headers: chance.percent(50),
            version: chance.percent(30),
        }
    }

    /// What loses nothing.
    pub(crate) fn lossless(chance: &mut Chance) -> Self {
        Self {
            truth: false,
            datetime_text: true,
            odd_dates: OddDates::Text,
            headers: true,
            ..Self::any(chance)
        }
    }

    /// The options as an inline table of TOML.
    pub(crate) fn toml(&self) -> String {
        let minutes = self.offset.abs() / 60;
        let sign = if self.offset < 0 { '-' } else { '+' };
        format!(
            "{{ update_mode = \"{}\", tinyint1 = \"{}\", decimal = \"{}\", datetime = \"{}\", zero_date = \"{}\", \
             time_zone = \"{sign}{:02}:{:02}\", headers = {}, include_db_version = {} }}",
            if self.single { "single" } else { "split" },
            if self.truth { "boolean" } else { "long" },
            if self.quoted_decimal { "string" } else { "number" },
            if self.datetime_text { "string" } else { "milliseconds" },
            match self.odd_dates {
                OddDates::Null => "null",
                OddDates::Epoch => "epoch",
                OddDates::Text => "string",
            },
            minutes / 60,
            minutes % 60,
            self.headers,
            self.version,
        )
    }
}

/// Server and options.
#[derive(Debug, Clone)]
pub(crate) struct World {
    /// Which server.
    pub(crate) kind: Kind,
    /// Whether the log names columns: `binlog_row_metadata` is FULL.
    pub(crate) names: bool,
    /// `VERSION()`.
    pub(crate) version: String,
    /// Character sets with their collations.
    pub(crate) charsets: Vec<(String, Vec<String>)>,
    /// The encoder's options.
    pub(crate) rendering: Rendering,
    /// Whether values must be such that the envelope keeps all of them.
    pub(crate) lossless: bool,
}

impl World {
    /// Asks the server.
    pub(crate) fn new(kind: Kind, session: &mut Session, rendering: Rendering, lossless: bool) -> Self {
        let mut charsets: Vec<(String, Vec<String>)> = Vec::new();
        // MariaDB names many collations without their character set elsewhere.
        let (column, table) = match kind {
            Kind::Mariadb => ("full_collation_name", "collation_character_set_applicability"),
            Kind::Mysql | Kind::Mysql56 => ("collation_name", "collations"),
        };
        let rows = session.query(&format!(
            "SELECT character_set_name, {column} FROM information_schema.{table} \
             WHERE character_set_name NOT IN ('binary', 'filename') ORDER BY 1, 2"
        ));
        for row in rows {
            let [Some(charset), Some(collation)] = row.as_slice() else {
                continue;
            };
            // It has some characters of ASCII twice, and the server takes now the one, now the other.
            if lossless && charset == "armscii8" {
                continue;
            }
            match charsets.last_mut().filter(|(name, _)| name == charset) {
                Some((_, collations)) => collations.push(collation.clone()),
                None => charsets.push((charset.clone(), vec![collation.clone()])),
            }
        }
        Self {
            kind,
            names: kind != Kind::Mysql56 && session.value("SELECT @@GLOBAL.binlog_row_metadata") == "FULL",
            version: session.value("SELECT VERSION()"),
            charsets,
            rendering,
            lossless,
        }
    }

    pub(crate) fn is_mysql9(&self) -> bool {
        self.kind == Kind::Mysql
    }

    pub(crate) fn is_mariadb(&self) -> bool {
        self.kind == Kind::Mariadb
    }

    /// MySQL 5.6, which has neither JSON nor generated columns, and logs no names.
    pub(crate) fn is_old(&self) -> bool {
        self.kind == Kind::Mysql56
    }

    /// Whether the connector may have to ask the server about some table.
    pub(crate) fn may_ask(&self) -> bool {
        !self.names || self.rendering.truth || self.is_mariadb()
    }

    /// Whether it asks about one of these columns: MariaDB's log shows its own types as BINARY, no log shows the width of `tinyint(1)`,
    /// and not all logs name columns.
    pub(crate) fn asks<'c>(&self, mut columns: impl Iterator<Item = &'c Column>) -> bool {
        !self.names || self.rendering.truth || (self.is_mariadb() && columns.any(Column::looks_binary))
    }

    /// A clause that gives a text column a character set, often none.
    pub(crate) fn charset_clause(&self, chance: &mut Chance) -> String {
        if chance.percent(45) {
            return String::new();
        }
        let (charset, collations) = chance.pick(&self.charsets);
        let mut clause = format!(" CHARACTER SET {charset}");
        if chance.percent(50) {
            clause.push_str(&format!(" COLLATE {}", chance.pick(collations)));
        }
        clause
    }
}

/// A name in backticks.
pub(crate) fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A text literal.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// The start of a long text, for failures.
pub(crate) fn cut(text: &str, length: usize) -> String {
    let start: String = text.chars().take(length).collect();
    if start.len() < text.len() {
        format!("{start}… ({} bytes)", text.len())
    } else {
        start
    }
}
