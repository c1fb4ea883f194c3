//! A row as an Arrow stream of its own: schema, one batch of one row, end. What a plugin was given, to be given again.

use std::sync::Arc;

use anyhow::{Context, bail};
use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::concat_batches;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use arrow::record_batch::RecordBatch;

/// One row of a batch as a stream. Its column `txn` is 0: the letter has one transaction.
///
/// # Errors
/// Where Arrow can't write it: a defect.
pub(super) fn write(rows: &RecordBatch, row: usize) -> anyhow::Result<Vec<u8>> {
    let one = rows.slice(row, 1);
    let at = one.schema_ref().index_of("txn").context("find column txn")?;
    let mut columns: Vec<ArrayRef> = one.columns().to_vec();
    if let Some(txn) = columns.get_mut(at) {
        *txn = Arc::new(UInt32Array::from(vec![0]));
    }
    let one = RecordBatch::try_new(one.schema(), columns).context("take one row of a batch")?;
    let mut writer = StreamWriter::try_new(Vec::new(), one.schema_ref()).context("write a schema as Arrow")?;
    writer.write(&one).context("write a row as Arrow")?;
    writer.into_inner().context("end an Arrow stream")
}

/// The batch of one row that such a stream holds.
///
/// # Errors
/// What is wrong with the bytes.
pub(super) fn read(bytes: &[u8]) -> anyhow::Result<RecordBatch> {
    // Whoever may write to the topic may have made these bytes; arrow-rs asserts here and there.
    let read = std::panic::catch_unwind(|| {
        let reader = StreamReader::try_new(bytes, None)?;
        let schema = reader.schema();
        let batches = reader.collect::<Result<Vec<_>, _>>()?;
        concat_batches(&schema, &batches)
    });
    let rows = match read {
        Ok(rows) => rows.context("read an Arrow stream")?,
        Err(_) => bail!("an Arrow stream that can't be read"),
    };
    if rows.num_rows() != 1 {
        bail!("an Arrow stream of {} rows, not of one", rows.num_rows());
    }
    Ok(rows)
}
