//! One row of a batch, and how columns are named.

use crate::{Batch, Error, Flags, Image, Op, RowImage, Schema};

/// Names a column: by its name, or faster by its ordinal (`Schema::column` finds it, once a table). Names are compared as MySQL
/// does, without regard to the case of ASCII letters.
///
/// ```
/// use rowmill_sdk::{Error, Locate, RowImage, harness::{Opened, Rows}};
/// /// Takes a column by its name or by its ordinal.
/// fn is_long(image: &RowImage<'_>, column: impl Locate) -> Result<bool, Error> {
///     Ok(image.text(column)?.is_some_and(|text| text.len() > 10))
/// }
/// let opened = Opened::new(&Rows::sample())?;
/// let batch = opened.batch()?;
/// let name = "NAME".locate(batch.schema)?; // looked for once, in `open` of a plugin
/// assert!(is_long(&batch.row(0).image()?, name)? && !is_long(&batch.row(1).image()?, "name")?);
/// assert_eq!("nme".locate(batch.schema).unwrap_err().code, "no-such-column");
/// # Ok::<(), Error>(())
/// ```
pub trait Locate {
    /// The column's ordinal ([example](Self)).
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
    /// The ordinal of a column, where there is one of this name; the case of ASCII letters does not matter ([example](Self)).
    pub fn find(&self, name: &str) -> Option<usize> {
        let exact = self.columns.iter().position(|column| column.name == name);
        exact.or_else(|| self.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name)))
    }

    /// The ordinal of a column ([example](Self)).
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
/// use rowmill_sdk::harness::{Opened, Rows};
/// use rowmill_sdk::{Batch, Error, Op, RowImage};
/// /// What a person would write into a log about a batch.
/// fn told(batch: &Batch<'_>) -> Result<Vec<String>, Error> {
///     let told = batch.iter().map(|row| {
///         let id = row.image()?.print("id")?.unwrap_or_default().into_owned();
///         Ok(match row.op()? {
///             Op::Insert => format!("{id} is new in {}, row {} of the batch", row.schema().table, row.number()),
///             Op::Update if row.flags().changes_key() => format!("{id} has another key"),
///             Op::Update => {
///                 let price = |image: Option<RowImage<'_>>| image.map_or(Ok(None), |image| image.decimal("price"));
///                 format!("{id} was {:?} before {}, and is {:?}", price(row.before())?, row.gtid(), price(row.after())?)
///             }
///             Op::Delete => format!("{id} is gone since {}, change {}", row.ts(), row.seq()),
///         })
///     });
///     told.collect()
/// }
/// let opened = Opened::new(&Rows::sample())?;
/// let told = told(&opened.batch()?)?;
/// assert_eq!((told[0].as_str(), told[2].as_str()), ("1 is new in sample, row 0 of the batch", "2 has another key"));
/// assert!(told[1].starts_with("1 was Some(\"9999999999.99\") before") && told[1].ends_with("is Some(\"0.01\")"));
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

    /// Its number in the batch, from 0 ([example](Self)).
    pub fn number(&self) -> usize {
        self.row
    }

    /// The table's version ([example](Self)).
    pub fn schema(&self) -> &'b Schema {
        self.batch.schema
    }

    /// What happened ([example](Self)).
    ///
    /// # Errors
    /// `unknown-op` for a number that this SDK does not know.
    pub fn op(&self) -> Result<Op, Error> {
        self.batch.op(self.row)
    }

    /// Its flags ([example](Self)).
    pub fn flags(&self) -> Flags {
        self.batch.flags(self.row)
    }

    /// Order of the change in the connector ([example](Self)).
    pub fn seq(&self) -> u64 {
        self.batch.seq(self.row)
    }

    /// Event time, in milliseconds since 1970-01-01T00:00Z ([example](Self)).
    pub fn ts(&self) -> i64 {
        self.batch.ts(self.row)
    }

    /// GTID of its transaction; empty where the source has none ([example](Self)).
    pub fn gtid(&self) -> &'b str {
        self.batch.transactions.gtid(self.batch.txn(self.row))
    }

    /// The row before the change: of an update or a delete ([example](Self)).
    pub fn before(&self) -> Option<RowImage<'b>> {
        self.batch.before.as_ref().and_then(|image| self.image_of(image, false))
    }

    /// The row after the change: of an insert or an update ([example](Self)).
    pub fn after(&self) -> Option<RowImage<'b>> {
        self.image_of(&self.batch.after, true)
    }

    /// The row as it is now, or as it was last: `after`, and `before` of a delete ([example](Self)).
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
