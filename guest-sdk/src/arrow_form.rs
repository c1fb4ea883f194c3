//! From and to arrow-rs, for what the view over the bytes does not do.

use std::io::Cursor;

use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;

use crate::{Batch, Error, Outcome};

impl Batch<'_> {
    /// The batch as an arrow-rs `RecordBatch`, under the schema that it was opened with.
    ///
    /// ```
    /// use arrow::array::{Array, AsArray};
    /// use rowmill_sdk::harness::{Opened, Rows};
    /// let opened = Opened::new(&Rows::sample())?;
    /// let arrow = opened.batch()?.to_arrow()?;
    /// let after = arrow.column_by_name("after").expect("every batch has one").as_struct();
    /// let names = after.column_by_name("name").expect("the table has one").as_string::<i32>();
    /// assert_eq!((names.len(), names.value(1), names.is_null(3)), (7, "changed", true));
    /// # Ok::<(), rowmill_sdk::Error>(())
    /// ```
    ///
    /// # Errors
    /// `malformed-message` where arrow-rs refuses the bytes.
    pub fn to_arrow(&self) -> Result<RecordBatch, Error> {
        let stream = self.stream().concat();
        let mut reader = StreamReader::try_new(Cursor::new(stream), None).map_err(refused)?;
        match reader.next() {
            Some(batch) => batch.map_err(refused),
            None => Err(Error::malformed("it holds no batch")),
        }
    }
}

impl Outcome {
    /// A changed batch. Where its schema is not the one that came in, that goes along.
    ///
    /// ```
    /// use rowmill_sdk::{Outcome, harness::{Opened, Rows}};
    /// let milled = Opened::new(&Rows::sample())?.process(|batch| {
    ///     let arrow = batch.to_arrow()?;
    ///     Outcome::from_arrow(batch, &arrow.slice(1, 2))
    /// })?.expect("two rows are left");
    /// assert_eq!((milled.rows()?.len(), &milled.rows()?[0]["after"]["name"]), (2, &"changed".into()));
    /// # Ok::<(), rowmill_sdk::Error>(())
    /// ```
    ///
    /// # Errors
    /// `malformed-message` where arrow-rs can't write it.
    pub fn from_arrow(from: &Batch<'_>, batch: &RecordBatch) -> Result<Self, Error> {
        let mut writer = StreamWriter::try_new(Vec::new(), batch.schema_ref()).map_err(refused)?;
        let schema = writer.get_ref().clone();
        writer.write(batch).map_err(refused)?;
        let body = writer.get_ref().get(schema.len()..).unwrap_or_default().to_vec();
        if from.to_arrow()?.schema_ref() == batch.schema_ref() {
            Ok(Self::Changed(body))
        } else {
            Ok(Self::Reshaped { schema, batch: body })
        }
    }
}

fn refused(cause: arrow::error::ArrowError) -> Error {
    Error::malformed(&cause.to_string())
}
