//! Writes records back into tables: what a consumer would do that copies a database.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::rc::Rc;

use pipeline_tests::Session;

use super::column::Column;
use super::literals::hex;
use super::load::mend;
use super::record::{Members, Record};
use super::schema::{RID, Schema};
use super::world::{World, cut, quoted};

/// Rows that one INSERT or DELETE takes.
const MOST_ROWS: usize = 100;

/// A copy that is being made.
pub(crate) struct Replay<'a> {
    pub(crate) world: &'a World,
    /// Of the database with the copies.
    pub(crate) session: Session,
    /// What the copies look like now.
    schemas: HashMap<String, Rc<Schema>>,
    /// The statement that rows are being gathered for, up to and including its columns, and the rows.
    open: (String, Vec<String>),
    /// GTID of the last statement that changed tables.
    last: String,
}

impl<'a> Replay<'a> {
    /// Into the session's default database.
    pub(crate) fn new(world: &'a World, mut session: Session) -> Self {
        session.exec("SET SESSION sql_mode = 'ALLOW_INVALID_DATES', SESSION time_zone = '+00:00', SESSION sql_log_bin = 0");
        Self {
            world,
            session,
            schemas: HashMap::new(),
            open: Default::default(),
            last: String::new(),
        }
    }

    /// Writes all records of tables whose topics begin with `prefix`.
    ///
    /// # Errors
    /// What a record lacks, or what the server says of the statement that it became.
    pub(crate) fn write(&mut self, records: &[Record<'_>], prefix: &str) -> Result<(), String> {
        self.session.exec("BEGIN");
        let mut at = 0;
        while let Some(record) = records.get(at) {
            let table = record.message.topic.strip_prefix(prefix).unwrap_or_default();
            let next = records.get(at + 1);
            at += 1;
            match (record.op.as_str(), &record.before, &record.after, next) {
                _ if record.ddl != "null" => self.define(record)?,
                ("INSERT", None, Some(after), _) => self.insert(table, after)?,
                ("DELETE", Some(before), None, _) => self.delete(table, before)?,
                ("UPDATE_AFTER", Some(before), Some(after), _) => self.update(table, before, after)?,
                ("UPDATE_BEFOR", Some(before), None, Some(half)) => {
                    at += 1;
                    self.update(table, before, half.after.as_ref().ok_or("an update without its second half")?)?;
                }
                (op, ..) => return Err(format!("op {op}: {}", cut(&record.message.value, 1000))),
            }
        }
        self.flush()?;
        self.session.exec("COMMIT");
        Ok(())
    }

    fn run(&mut self, sql: &str) -> Result<(), String> {
        self.session.try_exec(sql).map_err(|e| format!("{e}: {}", cut(sql, 3000)))
    }

    /// Runs a statement that changes tables, once for all of its records.
    fn define(&mut self, record: &Record<'_>) -> Result<(), String> {
        let gtid = record
            .message
            .headers
            .iter()
            .find(|(name, _)| name == "gtid")
            .ok_or("a statement without its GTID")?;
        if gtid.1 == self.last {
            return Ok(());
        }
        self.flush()?;
        gtid.1.clone_into(&mut self.last);
        let ddl: serde_json::Value = serde_json::from_str(record.ddl).map_err(|e| e.to_string())?;
        let text = ddl["text"].as_str().ok_or("a statement without its text")?;
        // The server's own way to make a table and its rows one transaction; a client may not say it.
        let text = text.trim_end().strip_suffix("START TRANSACTION").unwrap_or(text);
        self.run(text)?;
        self.schemas.clear();
        for table in self.tables() {
            let schema = self.schema(&table)?;
            mend(&mut self.session, &schema);
        }
        // That switched it on again.
        self.session.exec("SET SESSION sql_log_bin = 0");
        self.session.exec("BEGIN");
        Ok(())
    }

    /// The copies that there are.
    pub(crate) fn tables(&mut self) -> Vec<String> {
        let rows = self.session.query("SHOW TABLES");
        rows.into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()
    }

    fn schema(&mut self, table: &str) -> Result<Rc<Schema>, String> {
        if let Some(schema) = self.schemas.get(table) {
            return Ok(Rc::clone(schema));
        }
        let schema = Schema::of(&mut self.session, self.world, table).ok_or_else(|| format!("no table {table}"))?;
        let schema = Rc::new(schema);
        self.schemas.insert(table.to_owned(), Rc::clone(&schema));
        Ok(schema)
    }

    /// Appends a row to a statement that takes many.
    fn gather(&mut self, head: String, row: String) -> Result<(), String> {
        if self.open.0 != head || self.open.1.len() >= MOST_ROWS {
            self.flush()?;
            self.open.0 = head;
        }
        self.open.1.push(row);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), String> {
        let (head, rows) = std::mem::take(&mut self.open);
        if rows.is_empty() {
            return Ok(());
        }
        let tail = if head.ends_with('(') { ")" } else { "" };
        self.run(&format!("{head}{}{tail}", rows.join(", ")))
    }

    /// Columns that can be written, and their values.
    fn values(&mut self, schema: &Schema, members: &Members<'_>) -> Result<Vec<(String, String)>, String> {
        let mut values = Vec::with_capacity(members.len());
        for (name, raw) in members {
            let column = schema.columns.iter().find(|c| c.name == *name);
            let column = column.ok_or_else(|| format!("{} has no column {name:?}", schema.table))?;
            if !column.generated {
                values.push((quoted(name), value(self.world, column, raw)?));
            }
        }
        Ok(values)
    }

    fn insert(&mut self, table: &str, after: &Members<'_>) -> Result<(), String> {
        let schema = self.schema(table)?;
        let (names, values): (Vec<_>, Vec<_>) = self.values(&schema, after)?.into_iter().unzip();
        self.gather(
            format!("INSERT INTO {} ({}) VALUES ", quoted(table), names.join(", ")),
            format!("({})", values.join(", ")),
        )
    }

    fn delete(&mut self, table: &str, before: &Members<'_>) -> Result<(), String> {
        self.gather(format!("DELETE FROM {} WHERE rid IN (", quoted(table)), rid(before)?.to_owned())
    }

    fn update(&mut self, table: &str, before: &Members<'_>, after: &Members<'_>) -> Result<(), String> {
        self.flush()?;
        let schema = self.schema(table)?;
        let mut sql = format!("UPDATE {} SET ", quoted(table));
        for (i, (name, value)) in self.values(&schema, after)?.into_iter().enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            let _ = write!(sql, "{comma}{name} = {value}");
        }
        self.run(&format!("{sql} WHERE rid = {}", rid(before)?))
    }
}

fn rid<'m>(members: &Members<'m>) -> Result<&'m str, String> {
    let found = members.iter().find(|(name, _)| name == RID);
    found.map(|(_, raw)| *raw).ok_or_else(|| String::from("an image without rid"))
}

/// SQL for a value from its raw JSON.
fn value(world: &World, column: &Column, raw: &str) -> Result<String, String> {
    if raw == "null" {
        return Ok(String::from("NULL"));
    }
    let plain = raw.strip_prefix('"').and_then(|r| r.strip_suffix('"'));
    let number = || raw.parse::<i64>().map_err(|e| format!("{e}: {raw}"));
    Ok(match column.data_type.as_str() {
        "bit" if raw == "true" || raw == "false" => raw.to_uppercase(),
        "decimal" => plain.unwrap_or(raw).to_owned(),
        // Without an exponent it would be a DECIMAL, which has no -0.
        "float" | "double" if raw.contains('e') => raw.to_owned(),
        "float" | "double" => format!("{raw}e0"),
        "date" | "datetime" | "time" | "timestamp" | "uuid" | "inet4" | "inet6" if plain.is_some() => {
            format!("'{}'", plain.unwrap_or_default())
        }
        "date" => format!(
            "DATE_ADD('1970-01-01', INTERVAL {} DAY)",
            (number()? / 1000 + world.rendering.offset).div_euclid(86_400)
        ),
        "timestamp" => format!("DATE_ADD('1970-01-01', INTERVAL {} MICROSECOND)", number()? * 1000),
        _ if column.charset.is_some() || column.data_type == "json" => {
            let text: String = serde_json::from_str(raw).map_err(|e| format!("{e}: {raw}"))?;
            format!("_utf8mb4 x'{}'", hex(text.as_bytes()))
        }
        _ => match plain {
            Some(base64) => format!("FROM_BASE64('{base64}')"),
            None => raw.to_owned(),
        },
    })
}
