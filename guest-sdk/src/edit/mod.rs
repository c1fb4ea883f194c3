//! Changes a batch: fewer rows, other values, other columns, other topics. What is not touched is copied as it lies.

mod take;
mod columns;
mod finish;
mod leading;
mod patch;
mod route;
mod route_view;
mod shape;

#[cfg(feature = "harness")]
pub(crate) use finish::OddDates;
pub use route::Headers;
pub use route_view::{Route, RouteView};
pub(crate) use shape::Last;
pub(crate) use take::{Alike, Bitmap, Source, bits, fixed, texts};

use std::borrow::Cow;

use crate::cells::{Cells, Old};
use crate::tree::Node;
use crate::{Batch, Column, Error, Field, Image};
use crate::{Locate, Row, RowImage};
use route::Routes;

/// A batch that is being changed. What it does is written down call by call, and made by [`Edit::finish`].
///
/// Every function that fills a column sees the batch as it came in. Rows that were dropped before are not asked for again, so drop first.
///
/// ```
/// use rowmill_sdk::harness::{Opened, Rows, Shape, Value};
/// use rowmill_sdk::{Batch, Error, Field, Outcome};
///
/// /// Drops rows of test customers, hides addresses, and adds a column.
/// fn process(batch: &Batch<'_>) -> Result<Outcome, Error> {
///     let mut edit = batch.edit();
///     edit.retain(|row| Ok(row.image()?.int("customer")? != Some(0)))?;
///     if edit.is_empty() {
///         rowmill_sdk::debug!("nothing but tests among {} rows", batch.rows());
///     }
///     edit.set("email", |image, out| match image.text("email")?.and_then(|text| text.split_once('@')) {
///         Some((_, domain)) => out.text(&format!("***@{domain}")),
///         None => Ok(()), // nothing written is NULL
///     })?;
///     edit.add(Field::new("cheap", "bool")?, |image, out| match image.float("price")? {
///         Some(price) => out.bool(price < 10.0),
///         None => Ok(()),
///     })?;
///     assert_eq!(edit.len(), 1);
///     edit.finish()
/// }
///
/// let shape = Shape::new("shop", "orders").column("customer", "int", &[]).column("email", "text", &[]).column("price", "decimal(9,2)", &[]);
/// let row = |customer: i64, price: &str| vec![customer.into(), "ada@example.org".into(), Value::Decimal(price.to_owned())];
/// let rows = Rows::new(&shape).insert(row(0, "5.00")).insert(row(7, "9.99"));
/// let milled = Opened::new(&rows)?.process(process)?.expect("one row is left");
/// let after = &milled.rows()?[0]["after"];
/// assert_eq!((&after["customer"], &after["email"], &after["cheap"]), (&7.into(), &"***@example.org".into(), &1.into()));
/// # Ok::<(), Error>(())
/// ```
pub struct Edit<'a> {
    batch: &'a Batch<'a>,
    /// The chosen rows; none: all of them.
    rows: Option<Vec<u32>>,
    slots: Vec<Slot<'a>>,
    metadata: Vec<(String, Option<String>)>,
    key: Option<Vec<String>>,
    /// The ops that rows are told with; none: their own.
    ops: Option<Vec<u8>>,
    routes: Routes,
}

/// A column of the table that comes out.
struct Slot<'a> {
    /// Its field: lent from the schema that came in where it is the same.
    node: Cow<'a, Node>,
    /// The column that came in, for those that are not added.
    from: Option<usize>,
    before: Option<Cells>,
    after: Option<Cells>,
}

impl Slot<'_> {
    /// Its field, where it is another one than came in.
    fn other(&self) -> Option<&Node> {
        match &self.node {
            Cow::Borrowed(_) => None,
            Cow::Owned(node) => Some(node),
        }
    }
}

impl Batch<'_> {
    /// Begins to change the batch ([example](Edit)).
    pub fn edit(&self) -> Edit<'_> {
        Edit::new(self)
    }

    /// One of its rows ([example](Row)).
    pub fn row(&self, row: usize) -> Row<'_> {
        Row::new(self, row)
    }

    /// Its rows, in order ([example](Row)).
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.rows()).map(|row| Row::new(self, row))
    }
}

impl<'a> Edit<'a> {
    fn new(batch: &'a Batch<'a>) -> Self {
        let nodes = batch.schema.column_nodes();
        let slot = |(i, node): (usize, &'a Node)| Slot {
            node: Cow::Borrowed(node),
            from: Some(i),
            before: None,
            after: None,
        };
        Self {
            batch,
            rows: None,
            slots: nodes.iter().enumerate().map(slot).collect(),
            metadata: Vec::new(),
            key: None,
            ops: None,
            routes: Routes::default(),
        }
    }

    /// Rows that come out ([example](Self)).
    pub fn len(&self) -> usize {
        self.rows.as_ref().map_or(self.batch.rows(), Vec::len)
    }

    /// Whether no row comes out ([example](Self)).
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Drops the rows for which `keep` says no ([example](Self)).
    ///
    /// # Errors
    /// What `keep` returns, of its row.
    pub fn retain(&mut self, mut keep: impl FnMut(Row<'a>) -> Result<bool, Error>) -> Result<&mut Self, Error> {
        let mut kept = Vec::with_capacity(self.len());
        let mut rows = Vec::with_capacity(self.len());
        for (at, row) in self.chosen() {
            if keep(Row::new(self.batch, row)).map_err(|error| of_row(error, row))? {
                kept.push(at);
                rows.push(u32::try_from(row).unwrap_or(u32::MAX));
            }
        }
        if kept.len() < self.len() {
            let made = self.slots.iter_mut().flat_map(|slot| [&mut slot.before, &mut slot.after]);
            made.flatten().for_each(|cells| cells.take(&kept));
            self.routes.take(&kept);
            leading::take(&mut self.ops, &kept);
            self.rows = Some(rows);
        }
        Ok(self)
    }

    /// Has these rows come out, in this order: numbers of rows of the batch, ascending, of which one may come several times. Call it before
    /// anything else.
    ///
    /// ```
    /// use rowmill_sdk::harness::{Opened, Rows};
    /// // Each row twice: to its own topic, and to one of all changes.
    /// let milled = Opened::new(&Rows::sample())?.process(|batch| {
    ///     let mut edit = batch.edit();
    ///     let twice: Vec<usize> = (0..batch.rows()).flat_map(|row| [row, row]).collect();
    ///     edit.select(&twice)?;
    ///     let mut second = true;
    ///     edit.route_topic(|_, out| {
    ///         second = !second;
    ///         if second { out.text("all_changes") } else { Ok(()) }
    ///     })?;
    ///     edit.finish()
    /// })?.expect("rows come out");
    /// let rows = milled.rows()?;
    /// assert_eq!((rows.len(), rows[0]["after"] == rows[1]["after"]), (14, true));
    /// assert!(rows[0]["route"]["topic"].is_null() && rows[1]["route"]["topic"] == "all_changes");
    /// # Ok::<(), rowmill_sdk::Error>(())
    /// ```
    ///
    /// # Errors
    /// `bad-selection` where a row is not there, the order descends, or something was changed before.
    pub fn select(&mut self, rows: &[usize]) -> Result<&mut Self, Error> {
        let bad = |what: &str| Error::new("bad-selection", format!("choosing rows of a batch: {what}"));
        let untouched = self.rows.is_none() && self.slots.iter().all(|slot| slot.before.is_none() && slot.after.is_none());
        if !untouched || !self.routes.is_empty() || self.ops.is_some() {
            return Err(bad("something was changed before"));
        }
        if !rows.is_sorted() {
            return Err(bad("their order descends"));
        }
        if rows.last().is_some_and(|last| *last >= self.batch.rows()) {
            return Err(bad("the batch has fewer"));
        }
        let narrow = |row: &usize| u32::try_from(*row).map_err(|_| bad("the batch has fewer"));
        self.rows = Some(rows.iter().map(narrow).collect::<Result<_, _>>()?);
        Ok(self)
    }

    /// Where each row comes out and which it is.
    fn chosen(&self) -> impl Iterator<Item = (u32, usize)> + use<'_, 'a> {
        let row = |at: usize| match &self.rows {
            Some(rows) => rows.get(at).and_then(|row| usize::try_from(*row).ok()).unwrap_or(usize::MAX),
            None => at,
        };
        (0..self.len()).map(move |at| (u32::try_from(at).unwrap_or(u32::MAX), row(at)))
    }

    /// Fills a column of both images, row by row.
    fn fill(
        &self,
        field: &Field,
        from: Option<usize>,
        fill: &mut impl FnMut(RowImage<'a>, &mut Cells) -> Result<(), Error>,
    ) -> Result<[Option<Cells>; 2], Error> {
        let batch: &'a Batch<'a> = self.batch;
        let side = |image: &'a Image<'a>, after: bool| Side {
            image,
            after,
            old: from.and_then(|from| image.columns.get(from).copied()),
            made: Cells::new(field, self.len()),
        };
        let mut sides = [
            batch.before.as_ref().map(|image| side(image, false)),
            Some(side(&batch.after, true)),
        ];
        for (_, row) in self.chosen() {
            for side in sides.iter_mut().flatten() {
                side.fill((batch, row, from), fill)?;
            }
        }
        Ok(sides.map(|side| side.map(|side| side.made)))
    }

    /// The column that comes out under this name or ordinal.
    fn slot(&mut self, column: impl Locate) -> Result<&mut Slot<'a>, Error> {
        let from = column.locate(self.batch.schema)?;
        let found = self.slots.iter_mut().find(|slot| slot.from == Some(from));
        found.ok_or_else(|| Error::new("no-such-column", "changing a column: it was removed before"))
    }
}

/// One image of a column under way.
struct Side<'a> {
    image: &'a Image<'a>,
    after: bool,
    old: Option<Column<'a>>,
    made: Cells,
}

impl<'a> Side<'a> {
    /// One row, where it has the image and the column.
    #[inline(always)]
    fn fill(
        &mut self,
        (batch, row, from): (&'a Batch<'a>, usize, Option<usize>),
        fill: &mut impl FnMut(RowImage<'a>, &mut Cells) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let image = self.image;
        if !image.has(row) || !from.is_none_or(|from| image.is_present(row, from)) {
            self.made.skip();
            return Ok(());
        }
        let view = RowImage::new(batch, image, (row, self.after));
        let filled = fill(view, &mut self.made);
        let ended = filled.and_then(|()| self.made.end(|| self.old.map(|column| Old { column, row })));
        ended.map_err(|error| of_row(error, row))
    }
}

/// An error of a row, unless it says of which.
fn of_row(error: Error, row: usize) -> Error {
    if error.row.is_some() { error } else { error.at_row(row) }
}
