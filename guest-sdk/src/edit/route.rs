//! Where records go: columns that the host applies to what the encoder makes of each row (`docs/plugin-contract.md`).

use std::borrow::Cow;

use super::{Edit, Source, of_row};
use crate::Row;
use crate::cells::Cells;
use crate::message::Parts;
use crate::schema::Place;
use crate::tree::{Node, Tree, Type};
use crate::{Batch, Error, Field};

pub(super) const TOPIC: &str = "route_topic";
pub(super) const PARTITION: &str = "route_partition";
pub(super) const KEY: &str = "route_key";
pub(super) const HEADERS: &str = "route_headers";

/// What was said about routes so far.
#[derive(Default)]
pub(super) struct Routes {
    topic: Option<Column>,
    partition: Option<Column>,
    key: Option<Column>,
    headers: Option<Headers>,
}

/// Values, and the rows for which nothing was written: there an earlier transform's word stands.
struct Column {
    cells: Cells,
    silent: super::Bitmap,
}

/// Headers that are added to records, row by row.
///
/// ```
/// use rowmill_sdk::harness::{Opened, Rows};
/// use rowmill_sdk::{Error, Headers, Row};
/// /// Where a row comes from, for any transform.
/// fn trace(row: Row<'_>, headers: &mut Headers) -> Result<(), Error> {
///     headers.add("gtid", row.gtid().as_bytes());
///     headers.add("table", row.schema().table.as_bytes());
///     Ok(())
/// }
/// let milled = Opened::new(&Rows::sample())?.process(|batch| {
///     let mut edit = batch.edit();
///     edit.route_headers(trace)?;
///     edit.finish()
/// })?.expect("no row is dropped");
/// assert_eq!(milled.rows()?[6]["route"]["headers"][1], serde_json::json!(["table", "sample"]));
/// # Ok::<(), Error>(())
/// ```
#[derive(Default)]
pub struct Headers {
    /// Row in the outcome, name and value of each.
    entries: Vec<(u32, String, Vec<u8>)>,
    row: u32,
}

impl Headers {
    /// Adds a header to the row's records ([example](Self)).
    pub fn add(&mut self, name: &str, value: &[u8]) {
        self.entries.push((self.row, name.to_owned(), value.to_vec()));
    }
}

impl<'a> Edit<'a> {
    /// Sends rows to other topics, by full name. A row for which `fill` writes nothing goes where it went; NULL is the table's own topic.
    ///
    /// ```
    /// use rowmill_sdk::harness::{Opened, Rows};
    /// let milled = Opened::new(&Rows::sample())?.process(|batch| {
    ///     let mut edit = batch.edit();
    ///     edit.route_topic(|row, out| match row.image()?.text("size")? {
    ///         Some(size) => out.text(&format!("orders_{size}")),
    ///         None => Ok(()),
    ///     })?;
    ///     edit.route_partition(|row, out| out.int(row.image()?.int("id")?.unwrap_or(0) % 2))?;
    ///     edit.route_key(|row, out| out.bytes(row.image()?.print("id")?.unwrap_or_default().as_bytes()))?;
    ///     edit.route_headers(|row, headers| {
    ///         headers.add("gtid", row.gtid().as_bytes());
    ///         Ok(())
    ///     })?;
    ///     edit.finish()
    /// })?.expect("no row is dropped");
    /// let route = &milled.rows()?[0]["route"];
    /// assert_eq!((&route["topic"], &route["partition"], &route["key"]), (&"orders_M".into(), &1.into(), &"1".into()));
    /// assert_eq!(route["headers"][0][0], "gtid");
    /// assert!(milled.rows()?[3]["route"]["topic"].is_null()); // the table's own
    /// # Ok::<(), rowmill_sdk::Error>(())
    /// ```
    ///
    /// # Errors
    /// What `fill` returns, of its row.
    pub fn route_topic(&mut self, fill: impl FnMut(Row<'a>, &mut Cells) -> Result<(), Error>) -> Result<&mut Self, Error> {
        self.routes.topic = Some(self.route("varchar(249)", TOPIC, fill)?);
        Ok(self)
    }

    /// Sends rows to partitions ([example](Self::route_topic)). A row for which `fill` writes nothing goes where it went; NULL is where the encoder says.
    ///
    /// # Errors
    /// What `fill` returns, of its row.
    pub fn route_partition(&mut self, fill: impl FnMut(Row<'a>, &mut Cells) -> Result<(), Error>) -> Result<&mut Self, Error> {
        self.routes.partition = Some(self.route("int", PARTITION, fill)?);
        Ok(self)
    }

    /// Gives records other keys ([example](Self::route_topic)). A row for which `fill` writes nothing keeps its own; NULL is what the encoder says.
    ///
    /// # Errors
    /// What `fill` returns, of its row.
    pub fn route_key(&mut self, fill: impl FnMut(Row<'a>, &mut Cells) -> Result<(), Error>) -> Result<&mut Self, Error> {
        self.routes.key = Some(self.route("blob", KEY, fill)?);
        Ok(self)
    }

    /// Adds headers to records, behind those that they have ([example](Self::route_topic)).
    ///
    /// # Errors
    /// What `fill` returns, of its row.
    pub fn route_headers(&mut self, mut fill: impl FnMut(Row<'a>, &mut Headers) -> Result<(), Error>) -> Result<&mut Self, Error> {
        let mut headers = Headers::default();
        for (at, row) in self.chosen() {
            headers.row = at;
            fill(Row::new(self.batch, row), &mut headers).map_err(|error| of_row(error, row))?;
        }
        self.routes.headers = Some(headers);
        Ok(self)
    }

    fn route(&self, mysql_type: &str, name: &str, mut fill: impl FnMut(Row<'a>, &mut Cells) -> Result<(), Error>) -> Result<Column, Error> {
        let mut column = Column {
            cells: Cells::new(&Field::new(name, mysql_type)?, self.len()),
            silent: super::Bitmap::default(),
        };
        for (_, row) in self.chosen() {
            fill(Row::new(self.batch, row), &mut column.cells).map_err(|error| of_row(error, row))?;
            column.silent.push(column.cells.is_untouched());
            column.cells.end(|| None).map_err(|error| of_row(error, row))?;
        }
        Ok(column)
    }
}

impl Routes {
    pub(super) fn is_empty(&self) -> bool {
        self.asked() == [false; 4]
    }

    /// Of which columns something was said.
    pub(super) fn asked(&self) -> [bool; 4] {
        [
            self.topic.is_some(),
            self.partition.is_some(),
            self.key.is_some(),
            self.headers.is_some(),
        ]
    }

    /// Keeps the rows at these places.
    pub(super) fn take(&mut self, kept: &[u32]) {
        for column in [&mut self.topic, &mut self.partition, &mut self.key].into_iter().flatten() {
            column.cells.take(kept);
            if let Ok(silent) = crate::Bits::new(&column.silent.bytes, column.silent.len()) {
                column.silent = super::bits(silent, kept);
            }
        }
        if let Some(headers) = &mut self.headers {
            let places: std::collections::HashMap<u32, u32> = kept.iter().copied().zip(0..).collect();
            headers.entries.retain_mut(|entry| match places.get(&entry.0) {
                Some(place) => {
                    entry.0 = *place;
                    true
                }
                None => false,
            });
        }
    }

    /// Adds the fields that the schema lacks.
    pub(super) fn extend(&self, tree: &mut Tree) {
        let there = |tree: &Tree, name: &str| tree.fields.iter().any(|field| field.name == name);
        let columns = [
            (self.topic.is_some(), TOPIC, Type::Utf8),
            (self.partition.is_some(), PARTITION, Type::Int { bits: 32, signed: true }),
            (self.key.is_some(), KEY, Type::Binary),
        ];
        for (wanted, name, kind) in columns {
            if wanted && !there(tree, name) {
                tree.fields.push(Node::leaf(name, kind, true));
            }
        }
        if self.headers.is_some() && !there(tree, HEADERS) {
            let pair = vec![Node::leaf("name", Type::Utf8, false), Node::leaf("value", Type::Binary, false)];
            let item = Node {
                children: pair,
                ..Node::leaf("item", Type::Struct, false)
            };
            tree.fields.push(Node {
                children: vec![item],
                ..Node::leaf(HEADERS, Type::List, true)
            });
        }
    }

    /// Whether a column that came in gets other values.
    pub(super) fn takes(&self, name: &str) -> bool {
        match name {
            TOPIC => self.topic.is_some(),
            PARTITION => self.partition.is_some(),
            KEY => self.key.is_some(),
            HEADERS => self.headers.is_some(),
            _ => false,
        }
    }

    /// Adds a column that came in, with what was said about it here.
    pub(super) fn add_to<'a>(
        &mut self,
        name: &str,
        batch: &'a Batch<'a>,
        rows: Option<&[u32]>,
        parts: &mut Parts<'a>,
    ) -> Result<(), Error> {
        let rows: Vec<u32> = rows.map_or_else(|| (0..u32::try_from(batch.rows()).unwrap_or(u32::MAX)).collect(), <[u32]>::to_vec);
        let slot = match name {
            TOPIC => &mut self.topic,
            PARTITION => &mut self.partition,
            KEY => &mut self.key,
            _ => {
                if let Some(headers) = self.headers.take() {
                    headers.behind(earlier_headers(batch, &rows)?).add_to(rows.len(), parts);
                }
                return Ok(());
            }
        };
        let Some(mut column) = slot.take() else { return Ok(()) };
        column.over(batch, name, &rows)?;
        column.cells.add_to(parts);
        Ok(())
    }

    /// Adds the columns that the batch did not have.
    pub(super) fn add_new<'a>(&mut self, batch: &'a Batch<'a>, parts: &mut Parts<'a>) {
        let mut rows = batch.rows();
        for column in [self.topic.take(), self.partition.take(), self.key.take()].into_iter().flatten() {
            rows = column.silent.len();
            column.cells.add_to(parts);
        }
        if let Some(headers) = self.headers.take() {
            let rows = parts.nodes.first().map_or(rows, |(length, _)| *length);
            headers.add_to(rows, parts);
        }
    }
}

/// Where a top-level column begins.
pub(super) fn place_of<'b>(batch: &'b Batch<'_>, name: &str) -> Option<(Place, &'b Node)> {
    let mut place = Place { node: 0, buffer: 0 };
    for field in &batch.schema.tree.fields {
        if field.name == name {
            return Some((place, field));
        }
        field.pass(&mut place);
    }
    None
}

impl Column {
    /// Lays the values over those that the batch came with.
    fn over(&mut self, batch: &Batch<'_>, name: &str, rows: &[u32]) -> Result<(), Error> {
        let Some((place, node)) = place_of(batch, name) else {
            return Ok(());
        };
        let earlier = batch.frame.buffers(place)?.column(node.kind.storage(), batch.rows())?;
        let written = std::mem::replace(&mut self.cells, Cells::new(&Field::new(name, "blob")?, 0));
        let mut merged = written.emptied(rows.len());
        for (at, row) in rows.iter().enumerate() {
            let row = usize::try_from(*row).unwrap_or(usize::MAX);
            let old = if self.silent.get(at) {
                Some(crate::cells::Old { column: earlier, row })
            } else {
                written.value(at)
            };
            merged.keep()?;
            merged.end(|| old)?;
        }
        self.cells = merged;
        Ok(())
    }
}

/// Headers that the batch came with, by the row where they come out.
pub(super) fn earlier_headers(batch: &Batch<'_>, rows: &[u32]) -> Result<Vec<(u32, String, Vec<u8>)>, Error> {
    let Some((place, node)) = place_of(batch, HEADERS) else {
        return Ok(Vec::new());
    };
    let mut parts = Parts::default();
    Source {
        frame: &batch.frame,
        place,
    }
    .take(node, Some(rows), &mut parts)?;
    // List, struct, name, value; buffers 2, 1, 3, 3.
    let buffer = |i: usize| parts.buffers.get(i).map_or([].as_slice(), |buffer| buffer.as_ref());
    let items = parts.nodes.get(1).map_or(0, |(length, _)| *length);
    let names = crate::Bytes::new(buffer(4), buffer(5), items)?;
    let values = crate::Bytes::new(buffer(7), buffer(8), items)?;
    let ends: &[[u8; 4]] = buffer(1).as_chunks().0;
    let bound = |row: usize| {
        ends.get(row)
            .and_then(|end| usize::try_from(u32::from_le_bytes(*end)).ok())
            .unwrap_or(0)
    };
    let mut found = Vec::with_capacity(items);
    for (at, row) in (0_u32..).zip(0..rows.len()) {
        for item in bound(row)..bound(row + 1).min(items) {
            found.push((at, String::from_utf8_lossy(names.get(item)).into_owned(), values.get(item).to_vec()));
        }
    }
    Ok(found)
}

impl Headers {
    /// The same behind others, row by row.
    fn behind(mut self, mut earlier: Vec<(u32, String, Vec<u8>)>) -> Self {
        earlier.append(&mut self.entries);
        earlier.sort_by_key(|entry| entry.0);
        Self {
            entries: earlier,
            row: self.row,
        }
    }

    /// List, struct, name, value.
    fn add_to(self, rows: usize, parts: &mut Parts<'_>) {
        let count = self.entries.len();
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
        let (mut ends, mut name_ends, mut value_ends) = (narrow(0).to_vec(), narrow(0).to_vec(), narrow(0).to_vec());
        let (mut names, mut values) = (Vec::new(), Vec::new());
        let mut done = 0;
        for row in 0..rows {
            while let Some((at, name, value)) = self.entries.get(done)
                && usize::try_from(*at).is_ok_and(|at| at <= row)
            {
                names.extend_from_slice(name.as_bytes());
                values.extend_from_slice(value);
                name_ends.extend_from_slice(&narrow(names.len()));
                value_ends.extend_from_slice(&narrow(values.len()));
                done += 1;
            }
            ends.extend_from_slice(&narrow(done));
        }
        parts.nodes.extend([(rows, 0), (count, 0), (count, 0), (count, 0)]);
        let none = || Cow::Borrowed([].as_slice());
        parts.buffers.extend([
            none(),
            Cow::Owned(ends),
            none(),
            none(),
            Cow::Owned(name_ends),
            Cow::Owned(names),
            none(),
            Cow::Owned(value_ends),
            Cow::Owned(values),
        ]);
    }
}
