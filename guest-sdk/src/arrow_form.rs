//! From and to arrow-rs, for what the view over the bytes does not do.

use std::io::Cursor;

use arrow::array::RecordBatch;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;

use crate::{Batch, Error, Outcome};

impl Batch<'_> {
    /// The batch as an arrow-rs `RecordBatch`, under the schema that it was opened with.
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
