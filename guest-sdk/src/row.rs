//! One row of a batch, and how columns are named.

use crate::{Batch, Error, Flags, Image, Op, RowImage, Schema};

/// Names a column: by its name, or faster by its ordinal (`Schema::column` finds it, once a table). Names are compared as MySQL
/// does, without regard to the case of ASCII letters.
pub trait Locate {
    /// The column's ordinal.
    ///
    /// # Errors
    /// `no-such-column`.
    fn locate(&self, schema: &Schema) -> Result<usize, Error>;
}

impl Locate for usize {
    #[inline(always)]
    fn locate(&self, schema: &Schema) -> Result<usize, Error> {
        if *self < schema.columns.len() {
            Ok(*self)
        } else {
            Err(no_column(schema, &self.to_string()))
        }
    }
}

impl Locate for &str {
    fn locate(&self, schema: &Schema) -> Result<usize, Error> {
        schema.find(self).ok_or_else(|| no_column(schema, self))
    }
}

impl Locate for &String {
    fn locate(&self, schema: &Schema) -> Result<usize, Error> {
        self.as_str().locate(schema)
    }
}

#[cold]
fn no_column(schema: &Schema, name: &str) -> Error {
    let known: Vec<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
    Error::new(
        "no-such-column",
        format!(
            "looking for column `{name}` in {}.{}, which has {}",
            schema.database,
            schema.table,
            known.join(", ")
        ),
    )
}

impl Schema {
    /// The ordinal of a column, where there is one of this name; the case of ASCII letters does not matter.
    pub fn find(&self, name: &str) -> Option<usize> {
        let exact = self.columns.iter().position(|column| column.name == name);
        exact.or_else(|| self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name)))
    }

    /// The ordinal of a column.
    ///
    /// # Errors
    /// `no-such-column`, with the names of those that there are.
    pub fn column(&self, name: &str) -> Result<usize, Error> {
        name.locate(self)
    }
}

/// One change of a batch.
///
/// ```
/// use rowmill_sdk::{Batch, Error, Op};
/// /// What a person would write into a log about a batch.
/// fn told(batch: &Batch<'_>) -> Result<Vec<String>, Error> {
///     let told = batch.iter().map(|row| {
///         let id = row.image()?.print("id")?.unwrap_or_default().into_owned();
///         Ok(match row.op()? {
///             Op::Insert => format!("{id} is new"),
///             Op::Update if row.flags().changes_key() => format!("{id} has another key"),
///             Op::Update => format!("{id} was changed by {} at {}", row.gtid(), row.ts()),
///             Op::Delete => format!("{id} is gone, change {}", row.seq()),
///         })
///     });
///     told.collect()
/// }
/// # use rowmill_sdk::{harness::{Input, Rows}, Schema};
/// # let (schema, batch) = Rows::sample().messages()?;
/// # let (schema, transactions) = (Schema::read(&schema)?, Rows::sample().transactions());
/// # assert_eq!(told(&Batch::read(&schema, &batch, &transactions)?)?[0], "1 is new");
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Row<'b> {
    batch: &'b Batch<'b>,
    row: usize,
}

impl<'b> Row<'b> {
    pub(crate) fn new(batch: &'b Batch<'b>, row: usize) -> Self {
        Self { batch, row }
    }

    /// Its number in the batch, from 0.
    pub fn number(&self) -> usize {
        self.row
    }

    /// The table's version.
    pub fn schema(&self) -> &'b Schema {
        self.batch.schema
    }

    /// What happened.
    ///
    /// # Errors
    /// `unknown-op` for a number that this SDK does not know.
    pub fn op(&self) -> Result<Op, Error> {
        self.batch.op(self.row)
    }

    /// Its flags.
    pub fn flags(&self) -> Flags {
        self.batch.flags(self.row)
    }

    /// Order of the change in the connector.
    pub fn seq(&self) -> u64 {
        self.batch.seq(self.row)
    }

    /// Event time, in milliseconds since 1970-01-01T00:00Z.
    pub fn ts(&self) -> i64 {
        self.batch.ts(self.row)
    }

    /// GTID of its transaction; empty where the source has none.
    pub fn gtid(&self) -> &'b str {
        self.batch.transactions.gtid(self.batch.txn(self.row))
    }

    /// The row before the change: of an update or a delete.
    pub fn before(&self) -> Option<RowImage<'b>> {
        self.batch.before.as_ref().and_then(|image| self.image_of(image, false))
    }

    /// The row after the change: of an insert or an update.
    pub fn after(&self) -> Option<RowImage<'b>> {
        self.image_of(&self.batch.after, true)
    }

    /// The row as it is now, or as it was last: `after`, and `before` of a delete.
    ///
    /// # Errors
    /// `image-missing` where it has neither.
    pub fn image(&self) -> Result<RowImage<'b>, Error> {
        self.after()
            .or_else(|| self.before())
            .ok_or_else(|| Error::new("image-missing", "reading a row: it has no image").at_row(self.row))
    }

    fn image_of(&self, image: &'b Image<'b>, after: bool) -> Option<RowImage<'b>> {
        image.has(self.row).then(|| RowImage::new(self.batch, image, (self.row, after)))
    }
}
