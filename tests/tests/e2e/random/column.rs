//! A column as the server's own catalogue describes it, and what the envelope must say of its values: SQL computes that on the
//! server, never this test.

use super::world::{OddDates, Rendering, World, quoted};

/// How a value's raw JSON is compared with what the server says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Character by character, quotes included where there are any.
    Exact,
    /// As a number of this width; the JSON must be the shortest that reads back to it.
    Float,
    Double,
    /// As JSON text.
    Text,
    /// As JSON text of characters that need no escape.
    Plain,
}

impl Form {
    /// The comparable form of what SQL gave.
    pub(crate) fn of_sql(self, text: String) -> String {
        match self {
            Self::Float | Self::Double => bits(&text).unwrap_or(text),
            Self::Exact | Self::Text | Self::Plain => text,
        }
    }

    /// The comparable form of raw JSON, which is not `null`.
    pub(crate) fn of_json(self, raw: &str) -> Result<String, String> {
        match self {
            Self::Exact => Ok(raw.to_owned()),
            Self::Plain => match raw.strip_prefix('"').and_then(|r| r.strip_suffix('"')) {
                Some(text) if !text.contains(['"', '\\']) => Ok(text.to_owned()),
                _ => Err(String::from("it should be a plain text")),
            },
            Self::Text => serde_json::from_str(raw).map_err(|e| format!("it should be a text ({e})")),
            Self::Float | Self::Double => {
                let is_number = serde_json::from_str::<serde_json::Value>(raw).is_ok_and(|v| v.is_number());
                let shortest = match self {
                    Self::Float => raw.parse::<f32>().map(|v| (format!("{v:e}"), f64::from(v))),
                    _ => raw.parse::<f64>().map(|v| (format!("{v:e}"), v)),
                };
                match shortest {
                    Ok((text, value)) if is_number && digits(raw) <= digits(&text) => Ok(format!("{:016x}", value.to_bits())),
                    _ => Err(String::from("it should be the shortest number that reads back to the value")),
                }
            }
        }
    }
}

fn bits(text: &str) -> Option<String> {
    text.parse::<f64>().ok().map(|v| format!("{:016x}", v.to_bits()))
}

/// How many digits matter. Of two numbers that are equally near and short, either will do.
fn digits(number: &str) -> usize {
    let mantissa = number.split(['e', 'E']).next().unwrap_or(number);
    let all: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    all.trim_start_matches('0').trim_end_matches('0').len()
}

/// One column.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// As `information_schema` names it, in lower case.
    pub(crate) data_type: String,
    /// The whole type, as it prints it.
    pub(crate) column_type: String,
    pub(crate) charset: Option<String>,
    /// Characters or bytes.
    pub(crate) length: u64,
    pub(crate) precision: u64,
    pub(crate) scale: u64,
    /// Digits of a second.
    pub(crate) fsp: usize,
    pub(crate) nullable: bool,
    pub(crate) generated: bool,
    pub(crate) auto_increment: bool,
    pub(crate) on_update: bool,
    pub(crate) has_default: bool,
    pub(crate) extra: String,
    /// MariaDB's JSON.
    pub(crate) document: bool,
}

/// The catalogue's columns that `new` takes, in its order.
pub(crate) const CATALOGUE: &str = "column_name, data_type, column_type, character_set_name, character_maximum_length, \
     numeric_precision, numeric_scale, datetime_precision, is_nullable, extra, column_default";

impl Column {
    /// From a row of the catalogue.
    pub(crate) fn new(row: &[Option<String>]) -> Self {
        let text = |i: usize| row[i].clone().unwrap_or_default();
        let number = |i: usize| row[i].as_deref().and_then(|t| t.parse().ok()).unwrap_or(0);
        let extra = text(9).to_lowercase();
        Self {
            name: text(0),
            data_type: text(1).to_lowercase(),
            column_type: text(2),
            charset: row[3].clone(),
            length: number(4),
            precision: number(5),
            scale: number(6),
            fsp: usize::try_from(number(7)).unwrap(),
            nullable: text(8) == "YES",
            generated: extra.contains("virtual generated") || extra.contains("stored generated") || extra.contains("persistent"),
            auto_increment: extra.contains("auto_increment"),
            on_update: extra.contains("on update"),
            has_default: row[10].is_some() || extra.contains("default_generated"),
            extra,
            document: false,
        }
    }

    pub(crate) fn unsigned(&self) -> bool {
        self.column_type.contains("unsigned")
    }

    /// Computed when it is read.
    pub(crate) fn is_virtual(&self) -> bool {
        self.extra.contains("virtual generated")
    }

    pub(crate) fn is_spatial(&self) -> bool {
        matches!(
            self.data_type.as_str(),
            "geometry"
                | "point"
                | "linestring"
                | "polygon"
                | "multipoint"
                | "multilinestring"
                | "multipolygon"
                | "geomcollection"
                | "geometrycollection"
        )
    }

    /// CHAR, VARCHAR and the TEXTs.
    pub(crate) fn is_text(&self) -> bool {
        self.charset.is_some() && !self.document && !matches!(self.data_type.as_str(), "enum" | "set" | "json")
    }

    /// What the server turns into text byte by byte.
    pub(crate) fn is_bytes(&self) -> bool {
        self.charset.is_none() && (self.is_spatial() || self.data_type.ends_with("blob") || self.data_type.ends_with("binary"))
            || matches!(self.data_type.as_str(), "bit" | "vector" | "uuid" | "inet4" | "inet6")
    }

    /// TEXT and BLOB.
    pub(crate) fn is_blob(&self) -> bool {
        self.data_type.ends_with("text") || self.data_type.ends_with("blob")
    }

    /// Where MySQL cuts what is too long within a character: the bytes are then no text, and the connector stops.
    pub(crate) fn is_cut_within_characters(&self) -> bool {
        self.is_blob() && self.charset.as_deref() == Some("gb18030")
    }

    /// Types that the server's own catalogue tells from BINARY, but its log does not.
    pub(crate) fn looks_binary(&self) -> bool {
        matches!(self.data_type.as_str(), "uuid" | "inet4" | "inet6") || matches!(self.column_type.as_str(), "binary(16)" | "binary(4)")
    }

    fn is_truth(&self, rendering: &Rendering) -> bool {
        (self.data_type == "bit" && self.precision == 1) || (rendering.truth && self.column_type.starts_with("tinyint(1)"))
    }

    /// Form and the envelope's type.
    pub(crate) fn form(&self, rendering: &Rendering) -> (Form, &'static str) {
        if self.is_truth(rendering) {
            return (Form::Exact, "BOOLEAN");
        }
        match self.data_type.as_str() {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" | "bit" => (Form::Exact, "LONG"),
            "decimal" if rendering.quoted_decimal => (Form::Plain, "STRING"),
            "decimal" => (Form::Exact, "DOUBLE"),
            "float" => (Form::Float, "DOUBLE"),
            "double" => (Form::Double, "DOUBLE"),
            "datetime" if rendering.datetime_text => (Form::Exact, "STRING"),
            "date" | "datetime" | "timestamp" => (Form::Exact, "DATE"),
            "time" | "uuid" | "inet4" | "inet6" => (Form::Plain, "STRING"),
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum" | "set" | "json" => (Form::Text, "STRING"),
            "binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob" | "vector" => (Form::Plain, "BYTES"),
            _ if self.is_spatial() => (Form::Plain, "BYTES"),
            other => panic!("the server has a type that this test does not know: {other}"),
        }
    }

    /// SQL for what is expected; NULL where the envelope must say `null`.
    pub(crate) fn expected(&self, world: &World) -> String {
        let c = quoted(&self.name);
        let rendering = &world.rendering;
        let value = if self.is_truth(rendering) {
            format!("IF({c} <> 0, 'true', 'false')")
        } else {
            match self.data_type.as_str() {
                "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" | "bit" => format!("CAST({c} + 0 AS CHAR)"),
                // Without the leading zeros of ZEROFILL.
                "decimal" => format!("CAST(CAST({c} AS DECIMAL({},{})) AS CHAR)", self.precision, self.scale),
                // Times one: a FLOAT with all its digits, and a number of digits behind the point that nothing fixes. No CAST, which
                // rounds what takes more than 22 characters.
                "float" | "double" => format!("{c} * 1e0"),
                "date" | "datetime" => self.wall_clock(&c, rendering),
                "timestamp" => self.instant(&c, rendering),
                "time" | "uuid" | "inet4" | "inet6" | "enum" | "set" | "json" => format!("CAST({c} AS CHAR)"),
                _ if self.charset.is_some() => format!("CONVERT({c} USING utf8mb4)"),
                _ => format!("REPLACE(TO_BASE64(UNHEX(HEX({c}))), '\\n', '')"),
            }
        };
        format!("IF({c} IS NULL, NULL, {value})")
    }

    fn wall_clock(&self, c: &str, rendering: &Rendering) -> String {
        let text = rendering.datetime_text && self.data_type == "datetime";
        let good = if text {
            format!("CONCAT('\"', CAST({c} AS CHAR), '\"')")
        } else {
            format!(
                "CAST((TO_SECONDS({c}) - TO_SECONDS('1970-01-01') - ({})) * 1000 + MICROSECOND({c}) DIV 1000 AS CHAR)",
                rendering.offset
            )
        };
        // There and back through days: a day that no calendar has comes back as another one, or as NULL.
        format!("IF(FROM_DAYS(TO_DAYS({c})) = DATE({c}), {good}, {})", self.odd(c, rendering, text))
    }

    fn instant(&self, c: &str, rendering: &Rendering) -> String {
        format!(
            "IF(MONTH({c}) = 0, {}, CAST(FLOOR(UNIX_TIMESTAMP({c}) * 1000) AS CHAR))",
            self.odd(c, rendering, false)
        )
    }

    /// What stands for a date that no calendar has.
    fn odd(&self, c: &str, rendering: &Rendering, text: bool) -> String {
        match rendering.odd_dates {
            OddDates::Null => String::from("NULL"),
            OddDates::Text => format!("CONCAT('\"', CAST({c} AS CHAR), '\"')"),
            OddDates::Epoch if text => {
                let dot = if self.fsp > 0 { "." } else { "" };
                format!("'\"1970-01-01 00:00:00{dot}{}\"'", "0".repeat(self.fsp))
            }
            OddDates::Epoch => String::from("'0'"),
        }
    }

    /// SQL that tells values apart which the envelope renders alike.
    pub(crate) fn precise(&self, world: &World) -> Option<String> {
        let rendering = &world.rendering;
        if self.data_type == "enum" {
            // The empty label is not the value of no label.
            return Some(format!("IFNULL({} + 0, '-')", quoted(&self.name)));
        }
        if world.lossless && self.is_text() {
            // Several bytes may stand for one character.
            return Some(format!("IFNULL(HEX({}), '-')", quoted(&self.name)));
        }
        let lossy = match self.data_type.as_str() {
            "tinyint" => self.is_truth(rendering),
            "date" | "datetime" | "timestamp" => rendering.odd_dates != OddDates::Text || self.fsp > 3,
            _ => false,
        };
        lossy.then(|| format!("IFNULL(CAST({} AS CHAR), '-')", quoted(&self.name)))
    }
}
