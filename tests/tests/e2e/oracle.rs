//! The value oracle: what the server's own SELECT says of a column, held against what a message says of it.

use std::fmt::Write as _;

use pipeline_tests::{Connector, Database, Kafka, Message, Server, array_items, object_members};

use pipeline_tests::Kind as ServerKind;

/// How a column's value is expected in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Integer, as digits.
    Long,
    /// BIT(1).
    Boolean,
    /// DECIMAL, digit by digit.
    Decimal,
    /// FLOAT.
    Float,
    /// DOUBLE.
    Double,
    /// Text as SELECT prints it, for types without a large object.
    Text,
    /// The same for TEXT and JSON, which binlog_row_image=NOBLOB leaves out where it can.
    LargeText,
    /// Bytes in base64.
    Bytes,
    /// The same for BLOB and GEOMETRY.
    LargeBytes,
    /// DATE and DATETIME, a wall clock in UTC+08:00.
    WallClock,
    /// TIMESTAMP.
    Instant,
}

impl Kind {
    fn envelope_type(self) -> &'static str {
        match self {
            Self::Long => "LONG",
            Self::Boolean => "BOOLEAN",
            Self::Decimal | Self::Float | Self::Double => "DOUBLE",
            Self::Text | Self::LargeText => "STRING",
            Self::Bytes | Self::LargeBytes => "BYTES",
            Self::WallClock | Self::Instant => "DATE",
        }
    }

    fn is_large(self) -> bool {
        matches!(self, Self::LargeText | Self::LargeBytes)
    }

    /// SQL for what is expected of column `c`: MySQL does the arithmetic, not this test.
    pub(crate) fn expected(self, c: &str) -> String {
        match self {
            Self::Long => format!("CAST({c} + 0 AS CHAR)"),
            Self::Boolean => format!("IF({c}, 'true', 'false')"),
            Self::Decimal | Self::Text | Self::LargeText => format!("CAST({c} AS CHAR)"),
            // As a double, whose text has all digits; times one, since a sum would lose the sign of zero.
            Self::Float => format!("CAST({c} * 1e0 AS CHAR)"),
            Self::Double => format!("CAST({c} AS CHAR)"),
            Self::Bytes | Self::LargeBytes => format!("REPLACE(TO_BASE64(UNHEX(HEX({c}))), '\\n', '')"),
            // Seconds and microseconds apart, so that smaller digits are cut and not rounded.
            // There and back through days: a day that no calendar has comes back as another one, or as NULL.
            Self::WallClock => format!(
                "IF(FROM_DAYS(TO_DAYS({c})) = DATE({c}), \
                 CAST((TO_SECONDS({c}) - TO_SECONDS('1970-01-01') - 8 * 3600) * 1000 + MICROSECOND({c}) DIV 1000 AS CHAR), NULL)"
            ),
            Self::Instant => format!("IF(MONTH({c}) = 0, NULL, CAST(FLOOR(UNIX_TIMESTAMP({c}) * 1000) AS CHAR))"),
        }
    }

    /// Why `raw` is not what MySQL says; `None` where it is.
    pub(crate) fn difference(self, expected: Option<&str>, raw: &str) -> Option<String> {
        let Some(expected) = expected else {
            return (raw != "null").then(|| "MySQL says NULL".to_owned());
        };
        let right = match self {
            // NULL needs no quotes here: IF over NULL gives the false branch.
            Self::Boolean | Self::Long | Self::WallClock | Self::Instant => raw == expected,
            Self::Decimal => raw == without_fill(expected),
            Self::Float => {
                is_number(raw)
                    && raw.parse::<f32>().is_ok_and(|v| {
                        Ok(f64::from(v).to_bits()) == expected.parse::<f64>().map(f64::to_bits) && shortest(raw, &format!("{v:e}"))
                    })
            }
            Self::Double => {
                is_number(raw)
                    && raw
                        .parse::<f64>()
                        .is_ok_and(|v| Ok(v.to_bits()) == expected.parse::<f64>().map(f64::to_bits) && shortest(raw, &format!("{v:e}")))
            }
            Self::Text | Self::LargeText => serde_json::from_str::<String>(raw).is_ok_and(|text| text == expected),
            Self::Bytes | Self::LargeBytes => raw.strip_prefix('"').and_then(|r| r.strip_suffix('"')) == Some(expected),
        };
        (!right).then(|| format!("MySQL says {}", cut(expected)))
    }
}

/// A number in JSON has no zeros in front, which ZEROFILL makes the server print.
fn without_fill(text: &str) -> &str {
    let filled = text.bytes().zip(text.bytes().skip(1));
    let zeros = filled.take_while(|(digit, next)| *digit == b'0' && next.is_ascii_digit()).count();
    &text[zeros..]
}

fn is_number(raw: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(raw).is_ok_and(|v| v.is_number())
}

fn shortest(raw: &str, scientific: &str) -> bool {
    let digits = |text: &str| {
        let mantissa = text.split(['e', 'E']).next().unwrap_or(text);
        let all: String = mantissa.chars().filter(char::is_ascii_digit).collect();
        all.trim_start_matches('0').trim_end_matches('0').len()
    };
    digits(raw) == digits(scientific)
}

fn cut(text: &str) -> String {
    let start: String = text.chars().take(200).collect();
    if start.len() < text.len() {
        format!("{start}… ({} bytes)", text.len())
    } else {
        start
    }
}

/// One column: its name, its type as in CREATE TABLE, and values as SQL, at least two of them different.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) sql_type: &'static str,
    pub(crate) kind: Kind,
    pub(crate) values: &'static [&'static str],
    /// The servers that have it.
    servers: &'static [ServerKind],
}

impl Column {
    /// The same, on one kind of server.
    pub(crate) const fn only(self, kind: ServerKind) -> Self {
        let servers: &[ServerKind] = match kind {
            ServerKind::Mysql => &[ServerKind::Mysql],
            ServerKind::Mariadb => &[ServerKind::Mariadb],
            ServerKind::Mysql56 => &[ServerKind::Mysql56],
        };
        Self { servers, ..self }
    }

    /// The same, on all but one kind of server.
    pub(crate) const fn not_on(self, kind: ServerKind) -> Self {
        let servers: &[ServerKind] = match kind {
            ServerKind::Mysql => &[ServerKind::Mariadb, ServerKind::Mysql56],
            ServerKind::Mariadb => &[ServerKind::Mysql, ServerKind::Mysql56],
            ServerKind::Mysql56 => &[ServerKind::Mysql, ServerKind::Mariadb],
        };
        Self { servers, ..self }
    }
}

/// Short for a column.
pub(crate) const fn column(name: &'static str, sql_type: &'static str, kind: Kind, values: &'static [&'static str]) -> Column {
    Column {
        name,
        sql_type,
        kind,
        values,
        servers: &[ServerKind::Mysql, ServerKind::Mariadb, ServerKind::Mysql56],
    }
}

/// What SELECT says: for each row, for each column.
type State = Vec<Vec<Option<String>>>;

const IMAGES: [&str; 3] = ["FULL", "MINIMAL", "NOBLOB"];

/// Inserts, updates and deletes rows that hold every value of every column, under each row image, and compares what two
/// connectors (split and single updates) deliver with what the server says.
pub(crate) fn compare(server: Server, stem: &str, columns: &[Column]) {
    compare_in(&mut server.database(stem), columns, |_, _| ());
}

/// The same, after `prepare` has done something to each of the tables.
pub(crate) fn compare_in(database: &mut Database, columns: &[Column], mut prepare: impl FnMut(&mut Database, &str)) {
    let kind = database.server.kind;
    let columns: Vec<Column> = columns.iter().filter(|c| c.servers.contains(&kind)).copied().collect();
    let columns = columns.as_slice();
    let kafka = Kafka::shared();
    let tables: Vec<String> = IMAGES.iter().map(|image| format!("values_{}", image.to_lowercase())).collect();
    for table in &tables {
        let list: Vec<String> = columns.iter().map(|c| format!("{} {}", quoted(c.name), c.sql_type)).collect();
        database.exec(&format!("CREATE TABLE {table} (id INT PRIMARY KEY, {})", list.join(", ")));
        prepare(database, table);
    }
    let connectors: Vec<Connector> = ["split", "single"]
        .iter()
        .map(|mode| {
            let mut connector = Connector::new(database, &kafka, &tables.join(","));
            connector.plugin = format!("builtin = \"envelope\"\nconfig = {{ update_mode = \"{mode}\", time_zone = \"+08:00\" }}");
            let _ = write!(connector.sink, "\npartitions_with_key = 1");
            connector
        })
        .collect();
    let states: Vec<(State, State)> = IMAGES
        .iter()
        .zip(&tables)
        .map(|(image, table)| change(database, image, table, columns))
        .collect();
    let running: Vec<_> = connectors.iter().map(Connector::start).collect();
    let mut wrong = Vec::new();
    for (connector, split) in connectors.iter().zip([true, false]) {
        for ((image, table), (first, second)) in IMAGES.iter().zip(&tables).zip(&states) {
            let each = if split { 4 } else { 3 };
            let messages = kafka.read(&[&connector.topic(table)], first.len() * each);
            check_schema(&messages[0], columns, &mut wrong);
            Comparison {
                image,
                split,
                columns,
                first,
                second,
                wrong: &mut wrong,
            }
            .messages(&messages);
        }
    }
    for process in running {
        process.terminate().assert_code(0);
    }
    assert!(wrong.is_empty(), "{} values differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Makes the changes; gives what MySQL says after the inserts and after the updates.
fn change(database: &mut Database, image: &str, table: &str, columns: &[Column]) -> (State, State) {
    // Without a strict mode MySQL stores what it otherwise refuses: zero and impossible dates, the empty ENUM.
    database.exec("SET SESSION sql_mode = 'ALLOW_INVALID_DATES', SESSION time_zone = '+00:00'");
    database.exec(&format!("SET SESSION binlog_row_image = '{image}'"));
    let rows = columns.iter().map(|c| c.values.len()).max().unwrap_or(1);
    // Named one by one: invisible columns have no value otherwise.
    let names: Vec<String> = columns.iter().map(|c| quoted(c.name)).collect();
    for row in 0..rows {
        let values: Vec<&str> = columns.iter().map(|c| c.values[row % c.values.len()]).collect();
        database.exec(&format!(
            "INSERT INTO {table} (id, {}) VALUES ({row}, {})",
            names.join(", "),
            values.join(", ")
        ));
    }
    let first = state(database, table, columns);
    for row in 0..rows {
        let values: Vec<String> = columns
            .iter()
            .map(|c| format!("{} = {}", quoted(c.name), c.values[(row + 1) % c.values.len()]))
            .collect();
        database.exec(&format!("UPDATE {table} SET {} WHERE id = {row}", values.join(", ")));
    }
    let second = state(database, table, columns);
    for row in 0..rows {
        database.exec(&format!("DELETE FROM {table} WHERE id = {row}"));
    }
    (first, second)
}

fn state(database: &mut Database, table: &str, columns: &[Column]) -> State {
    let list: Vec<String> = columns
        .iter()
        .map(|c| format!("IF({0} IS NULL, NULL, {1})", quoted(c.name), c.kind.expected(&quoted(c.name))))
        .collect();
    database.query(&format!("SELECT {} FROM {table} ORDER BY id", list.join(", ")))
}

fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

fn check_schema(message: &Message, columns: &[Column], wrong: &mut Vec<String>) {
    let schema = &object_members(&message.value)[0];
    let found = array_items(object_members(schema.1)[0].1).join("\n");
    let mut expected = vec!["{\"name\":\"id\",\"type\":\"LONG\"}".to_owned()];
    expected.extend(columns.iter().map(|c| {
        format!(
            "{{\"name\":{},\"type\":\"{}\"}}",
            serde_json::Value::from(c.name),
            c.kind.envelope_type()
        )
    }));
    if found != expected.join("\n") {
        wrong.push(format!("schema.dataColumn is\n{found}\ninstead of\n{}", expected.join("\n")));
    }
}

struct Comparison<'a> {
    image: &'a str,
    split: bool,
    columns: &'a [Column],
    first: &'a State,
    second: &'a State,
    wrong: &'a mut Vec<String>,
}

impl Comparison<'_> {
    /// Each row has its insert, its update in one or two halves, and its delete, in this order.
    fn messages(&mut self, messages: &[Message]) {
        let expected: &[&str] = if self.split {
            &["INSERT", "UPDATE_BEFOR", "UPDATE_AFTER", "DELETE"]
        } else {
            &["INSERT", "UPDATE_AFTER", "DELETE"]
        };
        for row in 0..self.first.len() {
            let key = format!("{{\"id\":{row}}}");
            let mine: Vec<&Message> = messages.iter().filter(|m| m.key.as_deref() == Some(&key)).collect();
            let ops: Vec<String> = mine.iter().map(|m| m.op()).collect();
            if ops != expected {
                self.wrong
                    .push(format!("{} row {row}: operations {ops:?} instead of {expected:?}", self.image));
                continue;
            }
            for message in mine {
                self.images(row, message);
            }
        }
    }

    fn images(&mut self, row: usize, message: &Message) {
        let op = message.op();
        let (before, after) = match op.as_str() {
            "INSERT" => (None, Some(self.first)),
            "UPDATE_BEFOR" => (Some(self.first), None),
            "UPDATE_AFTER" => ((!self.split).then_some(self.first), Some(self.second)),
            _ => (Some(self.second), None),
        };
        for (which, state) in [("before", before), ("after", after)] {
            let image = message.image(which);
            match state {
                Some(state) => self.image(row, &op, which, &image, state),
                None if image.is_empty() => {}
                None => self.wrong.push(format!("{} {op} row {row}: {which} should be null", self.image)),
            }
        }
    }

    fn image(&mut self, row: usize, op: &str, which: &str, image: &[(String, String)], state: &State) {
        for (index, column) in self.columns.iter().enumerate() {
            let place = || format!("{} {op}.{which} row {row} {} {}", self.image, column.name, column.sql_type);
            let Some((_, raw)) = image.iter().find(|(name, _)| name == column.name) else {
                if self.must_be_there(op, which, column, self.first[row][index] != self.second[row][index]) {
                    self.wrong.push(format!("{}: is missing", place()));
                }
                continue;
            };
            if self.image == "MINIMAL" && which == "before" {
                self.wrong.push(format!("{}: is not in the row image, but in the message", place()));
            }
            if let Some(difference) = column.kind.difference(state[row][index].as_deref(), raw) {
                self.wrong.push(format!("{}: {} but {difference}", place(), cut(raw)));
            }
        }
        let names: Vec<&str> = image.iter().map(|(name, _)| name.as_str()).collect();
        let all = std::iter::once("id").chain(self.columns.iter().map(|c| c.name));
        let ordered: Vec<&str> = all.filter(|name| names.contains(name)).collect();
        if names != ordered {
            self.wrong.push(format!(
                "{} {op}.{which} row {row}: columns {names:?} instead of {ordered:?}",
                self.image
            ));
        }
    }

    /// Whether MySQL logs the column in this image.
    fn must_be_there(&self, op: &str, which: &str, column: &Column, changed: bool) -> bool {
        match (self.image, which) {
            ("MINIMAL", "before") => false,
            ("NOBLOB", "before") => !column.kind.is_large(),
            ("MINIMAL", _) => op == "INSERT" || changed,
            ("NOBLOB", _) => op == "INSERT" || changed || !column.kind.is_large(),
            _ => true,
        }
    }
}
