//! What one record, or both halves of an update, say of a row, and which row of the table that is.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::presence::{Presence, Rules};
use super::record::{Members, Record};
use super::schema::{Cell, Row, Schema, State};
use super::world::cut;

/// A row image by columns: value and raw JSON; `None` where it lacks the column.
type Image<'a> = Vec<Option<(Cell, &'a str)>>;

/// A change of a row as records tell it.
pub(crate) struct Seen<'a> {
    pub(crate) op: &'static str,
    before: Option<Image<'a>>,
    after: Option<Image<'a>>,
    /// The keys of the record, or of both halves.
    keys: Vec<Option<&'a Members<'a>>>,
}

/// The row that a change takes away, and the one that it brings.
pub(crate) struct Found {
    pub(crate) gone: Option<i64>,
    pub(crate) new: Option<(i64, Rc<Row>)>,
}

/// Reads an image; its columns must be the table's, in their order.
fn image<'a>(schema: &Schema, members: &Members<'a>) -> Result<Image<'a>, String> {
    let mut image: Image<'a> = vec![None; schema.columns.len()];
    let mut next = 0;
    for (name, raw) in members {
        let at = (next..schema.columns.len()).find(|i| schema.columns[*i].name == *name);
        let at = at.ok_or_else(|| format!("column {name:?} is not one of the table, or out of order"))?;
        next = at + 1;
        let cell = if *raw == "null" {
            Cell::Null
        } else {
            let value = schema.forms[at].0.of_json(raw);
            Cell::Is(value.map_err(|reason| format!("column {name:?} is {}: {reason}", cut(raw, 300)))?)
        };
        image[at] = Some((cell, raw));
    }
    Ok(image)
}

/// What differs between an image and a row, in words.
fn differences(schema: &Schema, image: &Image<'_>, row: &Row) -> Vec<String> {
    let mut found = Vec::new();
    for (i, column) in schema.columns.iter().enumerate() {
        let Some((cell, raw)) = &image[i] else { continue };
        if !cell.may_be(&row[i]) {
            let says = match &row[i] {
                Cell::Is(text) => cut(text, 300),
                other => format!("{other:?}"),
            };
            found.push(format!(
                "column {:?} ({}) is {}, but SELECT says {says}",
                column.name,
                column.column_type,
                cut(raw, 300)
            ));
        }
    }
    found
}

fn fits(image: &Image<'_>, row: &Row) -> bool {
    image
        .iter()
        .zip(row)
        .all(|(member, cell)| member.as_ref().is_none_or(|(value, _)| value.may_be(cell)))
}

impl<'a> Seen<'a> {
    /// From one record.
    pub(crate) fn of(schema: &Schema, record: &'a Record<'a>) -> Result<Self, String> {
        let read = |members: &Option<Members<'a>>| members.as_ref().map(|m| image(schema, m)).transpose();
        let (before, after) = (read(&record.before)?, read(&record.after)?);
        let op = match (record.op.as_str(), before.is_some(), after.is_some()) {
            ("INSERT", false, true) => "INSERT",
            ("UPDATE_BEFOR", true, false) | ("UPDATE_AFTER", true, true) => "UPDATE",
            ("DELETE", true, false) => "DELETE",
            (op, before, after) => return Err(format!("op {op} with before: {before}, after: {after}")),
        };
        if record.ddl != "null" {
            return Err(format!("ddl {}", record.ddl));
        }
        let keys = vec![record.key.as_ref()];
        Ok(Self { op, before, after, keys })
    }

    /// Adds the second half of an update.
    pub(crate) fn join(&mut self, schema: &Schema, half: &'a Record<'a>) -> Result<(), String> {
        if half.op != "UPDATE_AFTER" || half.before.is_some() || half.ddl != "null" {
            return Err(String::from("the second half of an update has the image after and nothing else"));
        }
        let members = half.after.as_ref().ok_or("an UPDATE_AFTER without its image")?;
        self.after = Some(image(schema, members)?);
        self.keys.push(half.key.as_ref());
        Ok(())
    }

    /// Finds the row: of several that look alike, one that is `pending`. `target` is what SELECT says of a row after the statement;
    /// where it may replace rows, some are in no SELECT.
    pub(crate) fn find(
        &self,
        schema: &Schema,
        rows: &State,
        (target, pending): (&impl Fn(i64) -> Option<Rc<Row>>, &BTreeSet<i64>),
        replaces: bool,
    ) -> Result<Found, String> {
        let Some(before) = &self.before else {
            let (rid, row) = self.arrival(schema, None, target, replaces)?;
            return Ok(Found {
                gone: None,
                new: Some((rid, row)),
            });
        };
        let mut reasons = Vec::new();
        let mut alike = candidates(schema, before, rows);
        alike.sort_by_key(|(rid, _)| !pending.contains(rid));
        for (rid, row) in alike {
            if self.op == "DELETE" {
                match target(rid) {
                    None => {
                        return Ok(Found {
                            gone: Some(rid),
                            new: None,
                        });
                    }
                    Some(_) => reasons.push(format!("row {rid} is deleted, but SELECT still shows it")),
                }
                continue;
            }
            match self.arrival(schema, Some((rid, row)), target, replaces) {
                Ok(new) => {
                    return Ok(Found {
                        gone: Some(rid),
                        new: Some(new),
                    });
                }
                Err(reason) => reasons.push(reason),
            }
        }
        Err(reasons.into_iter().next().unwrap_or_else(|| nearest(schema, before, rows)))
    }

    /// The row that comes, in the place of an `old` one or of none.
    fn arrival(
        &self,
        schema: &Schema,
        old: Option<(i64, &Row)>,
        target: &impl Fn(i64) -> Option<Rc<Row>>,
        replaces: bool,
    ) -> Result<(i64, Rc<Row>), String> {
        let after = self.after.as_ref().ok_or("no image after")?;
        let rid = match &after[schema.rid] {
            Some((Cell::Is(rid), _)) => rid.parse().map_err(|e| format!("{e}: {rid}"))?,
            Some(_) => return Err(String::from("rid is null")),
            None => old.ok_or("an INSERT without rid")?.0,
        };
        let Some(row) = target(rid) else {
            if !replaces {
                return Err(format!("row {rid} is in no SELECT after the statement"));
            }
            let rest = |i: usize| old.map_or(Cell::Unknown, |(_, row)| row[i].clone());
            let cells = after
                .iter()
                .enumerate()
                .map(|(i, member)| member.as_ref().map_or_else(|| rest(i), |(cell, _)| cell.clone()));
            return Ok((rid, Rc::new(cells.chain([Cell::Unknown]).collect())));
        };
        let mut wrong = differences(schema, after, &row);
        if let Some((_, old)) = old {
            for (i, column) in schema.columns.iter().enumerate() {
                // What of virtual columns is logged differs by server: `check_presence` knows.
                if after[i].is_none() && !column.is_virtual() && !old[i].may_be(&row[i]) {
                    wrong.push(format!("column {:?} changed, but is not in the image after", column.name));
                }
            }
        }
        if wrong.is_empty() {
            Ok((rid, row))
        } else {
            Err(format!("row {rid}: {}", wrong.join("; ")))
        }
    }

    /// The row, where this is an update that leaves it as it is: a document that reads the same may be stored in another way.
    pub(crate) fn idle(&self, schema: &Schema, rows: &State) -> Option<i64> {
        let (before, after) = (self.before.as_ref()?, self.after.as_ref()?);
        let found = candidates(schema, before, rows).into_iter().find(|(_, row)| fits(after, row));
        found.map(|(rid, _)| rid).filter(|_| self.op == "UPDATE")
    }

    /// Holds the images' columns against the rules of the server.
    pub(crate) fn check_presence(&self, rules: &Rules<'_>, old: Option<&Row>, new: Option<&Row>) -> Result<(), String> {
        for (i, column) in rules.schema.columns.iter().enumerate() {
            let changed = matches!((old, new), (Some(old), Some(new)) if !old[i].may_be(&new[i]));
            let sides = [
                ("before", self.before.as_ref(), rules.before(i)),
                ("after", self.after.as_ref(), rules.after(i, self.op, changed)),
            ];
            for (side, image, presence) in sides {
                match (image.map(|image| image[i].is_some()), presence) {
                    (Some(false), Presence::Must) => return Err(format!("{side} lacks column {:?}", column.name)),
                    (Some(true), Presence::Never) => {
                        return Err(format!("{side} has column {:?}, which the server does not log", column.name));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Holds the keys against the images.
    pub(crate) fn check_keys(&self, schema: &Schema, single: bool) -> Result<(), String> {
        let whole = |first: Option<&Image<'a>>, second: Option<&Image<'a>>| -> Result<Vec<(String, &'a str)>, String> {
            let raw = |i: usize| {
                [first, second]
                    .into_iter()
                    .flatten()
                    .find_map(|image| image[i].as_ref().map(|(_, raw)| *raw))
            };
            let member = |i: &usize| raw(*i).map(|raw| (schema.columns[*i].name.clone(), raw));
            schema
                .key
                .iter()
                .map(|i| member(i).ok_or_else(|| String::from("no image has all of the key")))
                .collect()
        };
        let (before, after) = (self.before.as_ref(), self.after.as_ref());
        let mut expected = Vec::new();
        match (self.op, self.keys.len()) {
            ("UPDATE", 2) => {
                expected.extend([whole(before, after)?, whole(after, before)?]);
                // Values that the envelope renders alike may still be two.
                let lossy = schema
                    .key
                    .iter()
                    .any(|i| matches!(schema.columns[*i].data_type.as_str(), "date" | "datetime" | "timestamp" | "tinyint"));
                if single && expected[0] == expected[1] && !lossy {
                    return Err(String::from("an update that keeps its key is one record with update_mode = single"));
                }
            }
            ("UPDATE", _) => {
                expected.push(whole(after, before)?);
                if !single || whole(before, after)? != expected[0] {
                    return Err(String::from("an update in one record, which changes the key or is to be split"));
                }
            }
            _ => expected.push(whole(after, before)?),
        }
        for (found, expected) in self.keys.iter().zip(&expected) {
            let right = match found {
                None => schema.key.is_empty(),
                Some(members) => !schema.key.is_empty() && *members == expected,
            };
            if !right {
                return Err(format!("key {found:?} instead of {expected:?}"));
            }
        }
        Ok(())
    }
}

/// Rows that an image before may be of.
fn candidates<'s>(schema: &Schema, before: &Image<'_>, rows: &'s State) -> Vec<(i64, &'s Row)> {
    if let Some((Cell::Is(rid), _)) = &before[schema.rid] {
        let rid = rid.parse().unwrap_or(-1);
        return rows
            .get(&rid)
            .filter(|row| fits(before, row))
            .map(|row| (rid, row.as_ref()))
            .into_iter()
            .collect();
    }
    rows.iter()
        .filter(|(_, row)| fits(before, row))
        .map(|(rid, row)| (*rid, row.as_ref()))
        .collect()
}

/// Why no row is the one: what differs from the most alike.
fn nearest(schema: &Schema, before: &Image<'_>, rows: &State) -> String {
    let nearest = rows
        .iter()
        .map(|(rid, row)| (differences(schema, before, row), rid))
        .min_by_key(|(wrong, _)| wrong.len());
    match nearest {
        None => String::from("the image before is of a table without rows"),
        Some((wrong, rid)) => format!("the image before is of no row; the nearest is {rid}: {}", wrong.join("; ")),
    }
}
