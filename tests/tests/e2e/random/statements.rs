//! Random statements that change rows.

use std::rc::Rc;

use pipeline_tests::Chance;

use super::column::Column;
use super::documents;
use super::literals;
use super::schema::{RID, Schema, State};
use super::world::{World, quoted};

/// What a statement may log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Insert,
    Update,
    Delete,
    /// REPLACE: any of them, also of rows that are gone when it ends.
    Replace,
    /// ON DUPLICATE KEY UPDATE: the first two.
    Upsert,
}

impl Kind {
    /// Whether it may log rows with this operation.
    pub(crate) fn may_log(self, op: &str) -> bool {
        match self {
            Self::Insert => op == "INSERT",
            Self::Update => op == "UPDATE",
            Self::Delete => op == "DELETE",
            Self::Upsert => op != "DELETE",
            Self::Replace => true,
        }
    }
}

/// A table in the load.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) schema: Rc<Schema>,
    pub(crate) state: State,
    /// Whether the connector is to take it.
    pub(crate) chosen: bool,
}

/// A statement.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) sql: String,
    pub(crate) kind: Kind,
    /// Tables that it may change, by their place in the load.
    pub(crate) tables: Vec<usize>,
    /// The columns that it writes to, of the first table.
    pub(crate) written: Vec<usize>,
}

/// Makes statements.
pub(crate) struct Writer<'a> {
    pub(crate) chance: &'a mut Chance,
    pub(crate) world: &'a World,
    pub(crate) next_rid: &'a mut i64,
    /// Whether every column has to be named.
    pub(crate) all: bool,
}

/// Rows that a table is kept below, and above.
const MOST_ROWS: usize = 150;
const FEWEST_ROWS: usize = 15;

impl Writer<'_> {
    /// A statement for one of the tables.
    pub(crate) fn any(&mut self, tables: &[Table]) -> Statement {
        let at = self.chance.index(tables.len());
        let table = &tables[at];
        let kind = match self.chance.below(20) {
            _ if table.state.len() > MOST_ROWS => 13,
            _ if table.state.len() < FEWEST_ROWS => 0,
            other => other,
        };
        match kind {
            4 if self.has_room() => self.copy(at, table),
            0..=4 => self.insert(at, table),
            5..=10 => self.update(at, table),
            11 => self.update_two(at, tables),
            12..=14 => self.delete(at, table),
            15 => self.delete_two(at, tables),
            16..=17 => self.replace(at, table),
            _ => self.upsert(at, table),
        }
    }

    /// Whether there are enough numbers left for all rows to get new ones many times.
    fn has_room(&self) -> bool {
        *self.next_rid < 1 << 55
    }

    fn rids(&mut self, count: i64) -> i64 {
        let first = *self.next_rid;
        *self.next_rid += count;
        first
    }

    /// Columns of an INSERT: those that can be written, some of them left out, in any order now and then.
    fn columns(&mut self, schema: &Schema) -> Vec<usize> {
        let all = !self.chance.percent(30) || self.all;
        let writable = |c: &Column| !c.generated && (!c.auto_increment || c.name == RID);
        let mut chosen: Vec<usize> = (0..schema.columns.len())
            .filter(|i| writable(&schema.columns[*i]))
            .filter(|i| all || *i == schema.rid || schema.key.contains(i) || self.chance.percent(70))
            .collect();
        if self.chance.percent(20) {
            chosen.reverse();
        }
        chosen
    }

    fn names(schema: &Schema, columns: &[usize]) -> String {
        let names: Vec<String> = columns.iter().map(|i| quoted(&schema.columns[*i].name)).collect();
        names.join(", ")
    }

    /// Rows in parentheses.
    fn rows(&mut self, schema: &Schema, columns: &[usize]) -> String {
        let count = match self.chance.below(8) {
            0 => 1,
            1 => self.chance.between(30, 80),
            _ => self.chance.between(2, 25),
        };
        let first = self.rids(i64::try_from(count).unwrap());
        let rows: Vec<String> = (0..count)
            .map(|n| {
                let values: Vec<String> = columns
                    .iter()
                    .map(|i| {
                        if *i == schema.rid {
                            (first + i64::try_from(n).unwrap()).to_string()
                        } else {
                            literals::value(self.chance, self.world, &schema.columns[*i])
                        }
                    })
                    .collect();
                format!("({})", values.join(", "))
            })
            .collect();
        rows.join(", ")
    }

    fn values(&mut self, verb: &str, at: usize, table: &Table, kind: Kind) -> Statement {
        let written = self.columns(&table.schema);
        let rows = self.rows(&table.schema, &written);
        let names = Self::names(&table.schema, &written);
        Statement {
            sql: format!("{verb} INTO {} ({names}) VALUES {rows}", quoted(&table.schema.table)),
            kind,
            tables: vec![at],
            written,
        }
    }

    fn insert(&mut self, at: usize, table: &Table) -> Statement {
        // IGNORE passes over rows whose key is there, where the whole statement would fail.
        let verb = if self.chance.percent(70) { "INSERT IGNORE" } else { "INSERT" };
        self.values(verb, at, table, Kind::Insert)
    }

    fn replace(&mut self, at: usize, table: &Table) -> Statement {
        // Of a row that REPLACE makes anew, MariaDB's log leaves out, under MINIMAL, columns that get their defaults without being named.
        self.all |= self.world.is_mariadb();
        self.values("REPLACE", at, table, Kind::Replace)
    }

    fn upsert(&mut self, at: usize, table: &Table) -> Statement {
        let mut statement = self.values("INSERT", at, table, Kind::Upsert);
        let rid = quoted(RID);
        statement.sql.push_str(&format!(" ON DUPLICATE KEY UPDATE {rid} = VALUES({rid})"));
        let schema = &table.schema;
        for i in statement.written.clone() {
            let column = &schema.columns[i];
            if i != schema.rid && self.chance.percent(40) {
                let name = quoted(&column.name);
                statement.sql.push_str(&format!(", {name} = VALUES({name})"));
            }
        }
        statement
    }

    /// Rows of the table once more, with other numbers.
    fn copy(&mut self, at: usize, table: &Table) -> Statement {
        let schema = &table.schema;
        let written: Vec<usize> = (0..schema.columns.len())
            .filter(|i| *i == schema.rid || !(schema.columns[*i].generated || schema.columns[*i].auto_increment))
            .collect();
        let last = table.state.keys().next_back().copied().unwrap_or(0);
        let by = *self.next_rid;
        self.rids(last + 1);
        let values: Vec<String> = written
            .iter()
            .map(|i| {
                let name = quoted(&schema.columns[*i].name);
                if *i == schema.rid { format!("{name} + {by}") } else { name }
            })
            .collect();
        let name = quoted(&schema.table);
        Statement {
            sql: format!(
                "INSERT IGNORE INTO {name} ({}) SELECT {} FROM {name}{}",
                Self::names(schema, &written),
                values.join(", "),
                self.condition()
            ),
            kind: Kind::Insert,
            tables: vec![at],
            written,
        }
    }

    /// A WHERE that takes some rows.
    fn condition(&mut self) -> String {
        let divisor = self.chance.between(2, 9);
        match self.chance.below(8) {
            0 => String::new(),
            1 => format!(" WHERE rid % {divisor} <> 0"),
            _ => format!(" WHERE rid % {divisor} = {}", self.chance.below(divisor)),
        }
    }

    fn limit(&mut self) -> String {
        match self.chance.below(5) {
            0 => format!(" ORDER BY rid DESC LIMIT {}", self.chance.between(1, 20)),
            1 => String::from(" ORDER BY rid"),
            _ => String::new(),
        }
    }

    /// Assignments to some columns, keys among them.
    fn assignments(&mut self, schema: &Schema, alias: &str) -> (String, Vec<usize>) {
        let fit: Vec<usize> = (0..schema.columns.len())
            .filter(|i| *i != schema.rid && !schema.columns[*i].generated)
            .collect();
        if fit.is_empty() {
            return (format!("{alias}rid = {alias}rid"), vec![schema.rid]);
        }
        let mut written: Vec<usize> = Vec::new();
        let mut list = Vec::new();
        for _ in 0..=self.chance.below(4) {
            let i = *self.chance.pick(&fit);
            if !written.contains(&i) {
                written.push(i);
                let name = format!("{alias}{}", quoted(&schema.columns[i].name));
                list.push(format!("{name} = {}", self.expression(schema, i, alias)));
            }
        }
        if schema.key.contains(&schema.rid) && self.has_room() && self.chance.percent(15) {
            // To numbers that no row has.
            let by = *self.next_rid;
            self.rids(by + 1);
            written.push(schema.rid);
            list.push(format!("{alias}rid = {alias}rid + {by}"));
        }
        (list.join(", "), written)
    }

    fn expression(&mut self, schema: &Schema, i: usize, alias: &str) -> String {
        let column = &schema.columns[i];
        let name = format!("{alias}{}", quoted(&column.name));
        let literal = |writer: &mut Self| literals::value(writer.chance, writer.world, column);
        // A TEXT that MySQL 5.6 takes from a VARCHAR changes with it in the same statement, cut where it was.
        let only_literals = column.is_cut_within_characters() || (self.world.is_old() && column.is_blob());
        if self.chance.percent(45) || only_literals {
            return literal(self);
        }
        match column.data_type.as_str() {
            "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "decimal" | "float" | "double" => {
                (*self.chance.pick(&["{} + 1", "{} - 1", "-{}", "rid * 3"]))
                    .replace("{}", &name)
                    .replace("rid", &format!("{alias}rid"))
            }
            "json" => documents::change(self.chance, &name),
            "date" | "datetime" | "timestamp" => format!("{name} + INTERVAL {} DAY", self.chance.below(40)),
            "binary" | "varbinary" => format!("UNHEX(HEX({alias}rid))"),
            _ if column.charset.is_some() && !matches!(column.data_type.as_str(), "enum" | "set" | "longtext") => {
                if self.chance.percent(50) {
                    format!("CONCAT({alias}rid, IFNULL({name}, ''))")
                } else {
                    // A value of another column, whatever its type; but bytes need not be text in any character set.
                    let texts: Vec<&Column> = schema.columns.iter().filter(|c| !c.is_bytes()).collect();
                    let other = self.chance.pick::<&Column>(&texts);
                    format!("{alias}{}", quoted(&other.name))
                }
            }
            _ => literal(self),
        }
    }

    fn update(&mut self, at: usize, table: &Table) -> Statement {
        let (list, written) = self.assignments(&table.schema, "");
        let ignore = if self.chance.percent(60) { " IGNORE" } else { "" };
        let name = quoted(&table.schema.table);
        let (condition, limit) = (self.condition(), self.limit());
        Statement {
            sql: format!("UPDATE{ignore} {name} SET {list}{condition}{limit}"),
            kind: Kind::Update,
            tables: vec![at],
            written,
        }
    }

    /// Two tables in one statement; only the first one's columns are written.
    fn update_two(&mut self, at: usize, tables: &[Table]) -> Statement {
        let other = self.chance.index(tables.len());
        let (a, b) = (&tables[at].schema, &tables[other].schema);
        let (list, written) = self.assignments(a, "a.");
        let divisor = self.chance.between(2, 5);
        Statement {
            sql: format!(
                "UPDATE IGNORE {} a JOIN {} b ON a.rid % {divisor} = b.rid % {} SET {list}",
                quoted(&a.table),
                quoted(&b.table),
                divisor + 1
            ),
            kind: Kind::Update,
            tables: vec![at],
            written,
        }
    }

    fn delete(&mut self, at: usize, table: &Table) -> Statement {
        let (condition, limit) = (self.condition(), self.limit());
        Statement {
            sql: format!("DELETE FROM {}{condition}{limit}", quoted(&table.schema.table)),
            kind: Kind::Delete,
            tables: vec![at],
            written: Vec::new(),
        }
    }

    fn delete_two(&mut self, at: usize, tables: &[Table]) -> Statement {
        let other = self.chance.index(tables.len());
        if other == at {
            return self.delete(at, &tables[at]);
        }
        let (a, b) = (&tables[at].schema.table, &tables[other].schema.table);
        Statement {
            sql: format!(
                "DELETE a, b FROM {} a JOIN {} b ON a.rid % 7 = b.rid % 5 WHERE a.rid % 4 = 1",
                quoted(a),
                quoted(b)
            ),
            kind: Kind::Delete,
            tables: vec![at, other],
            written: Vec::new(),
        }
    }
}
