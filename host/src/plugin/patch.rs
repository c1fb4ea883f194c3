//! `patch`: a transform hands over what it changes of a batch, and the batch is put together here of that and of what is there already.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StructArray};
use arrow::buffer::BooleanBuffer;
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, FieldRef, Fields, Schema, SchemaRef};

use super::error::{Malformed, clipped, malformed};
use super::ipc::{as_bytes, read_batch};

/// Columns that say of rows in which column something is: they go on as they are, so that each column has to keep its place beside them.
const BY_PLACE: [&str; 3] = ["before_present", "after_present", "odd_dates"];

/// What a plugin says of a batch while it processes it.
#[derive(Debug, Default)]
pub(super) struct Desk {
    open: bool,
    said: Option<Patch>,
}

/// What a transform changes of a batch.
#[derive(Debug, Default)]
pub(super) struct Patch {
    /// Which rows go on, one bit each; none: all of them.
    kept: Option<Vec<u8>>,
    columns: Option<Columns>,
}

/// The columns of the table that come out.
#[derive(Debug)]
struct Columns {
    /// Of each column of each image which one it was, or -1.
    origins: Vec<i32>,
    /// The message of those that are new.
    fresh: Vec<u8>,
}

impl Desk {
    /// From now on a plugin may say something.
    pub(super) fn open() -> Self {
        Self { open: true, said: None }
    }

    /// `patch.keep`.
    ///
    /// # Errors
    /// Where the plugin processes no batch.
    pub(super) fn keep(&mut self, rows: Vec<u8>) -> Result<(), Malformed> {
        self.said()?.kept = Some(rows);
        Ok(())
    }

    /// `patch.columns`.
    ///
    /// # Errors
    /// As `keep`.
    pub(super) fn columns(&mut self, origins: Vec<i32>, fresh: Vec<u8>) -> Result<(), Malformed> {
        self.said()?.columns = Some(Columns { origins, fresh });
        Ok(())
    }

    fn said(&mut self) -> Result<&mut Patch, Malformed> {
        if !self.open {
            return Err(malformed!("a patch outside of a call of process"));
        }
        Ok(self.said.get_or_insert_default())
    }

    /// What was said; from now on nothing may be.
    pub(super) fn close(&mut self) -> Option<Patch> {
        std::mem::take(self).said
    }
}

impl Patch {
    /// Bytes that were handed over.
    pub(super) fn bytes(&self) -> usize {
        self.columns.as_ref().map_or(0, |columns| columns.fresh.len())
    }

    /// The rows of a batch, patched, under the schema that comes out; none where they are those that were given.
    ///
    /// # Errors
    /// Where the patch does not fit them.
    pub(super) fn apply(&self, given: &RecordBatch, schema: &SchemaRef) -> Result<Option<RecordBatch>, Malformed> {
        let kept = self
            .mask(given.num_rows())?
            .map(|mask| filter_record_batch(given, &mask).map_err(|error| malformed!("rows that Arrow can't choose: {error}")));
        let kept = kept.transpose()?;
        let rows = kept.as_ref().unwrap_or(given);
        if self.columns.is_none() && Arc::ptr_eq(given.schema_ref(), schema) {
            return Ok(kept);
        }
        self.columns(rows, schema).map(Some)
    }

    /// The rows that go on; none where all of them do.
    fn mask(&self, rows: usize) -> Result<Option<BooleanArray>, Malformed> {
        let Some(bits) = &self.kept else { return Ok(None) };
        if bits.len() != rows.div_ceil(8) {
            return Err(malformed!(
                "{} bytes of chosen rows, where {rows} rows take {}",
                bits.len(),
                rows.div_ceil(8)
            ));
        }
        if bits.last().is_some_and(|last| !rows.is_multiple_of(8) && last >> (rows % 8) != 0) {
            return Err(malformed!("a row that is chosen behind the last of {rows}"));
        }
        let mask = BooleanArray::from(BooleanBuffer::new(bits.as_slice().into(), 0, rows));
        Ok((mask.true_count() < rows).then_some(mask))
    }

    /// All columns: those of the table as they come out, the others as they are.
    fn columns(&self, rows: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, Malformed> {
        let images = || schema.fields().iter().filter_map(image);
        let count: usize = images().map(|fields| fields.len()).sum();
        let origins = match &self.columns {
            Some(Columns { origins, .. }) => origins.iter().map(|from| usize::try_from(*from).ok()).collect(),
            None => images().flat_map(|fields| (0..fields.len()).map(Some)).collect::<Vec<_>>(),
        };
        if origins.len() != count {
            return Err(malformed!("the origins of {} columns, where {count} come out", origins.len()));
        }
        let fields = images().flat_map(|fields| fields.iter()).zip(&origins);
        let fresh: Vec<FieldRef> = fields
            .filter(|(_, from)| from.is_none())
            .map(|(field, _)| Arc::clone(field))
            .collect();
        let mut sources = Sources {
            rows,
            by_place: BY_PLACE.iter().any(|name| rows.column_by_name(name).is_some()),
            origins: origins.into_iter(),
            fresh: self.fresh(fresh, rows.num_rows())?.into_iter(),
        };
        let columns = schema
            .fields()
            .iter()
            .map(|field| sources.column(field))
            .collect::<Result<_, _>>()?;
        RecordBatch::try_new(Arc::clone(schema), columns).map_err(|error| malformed!("a patched batch that Arrow refuses: {error}"))
    }

    /// The new columns under these fields.
    fn fresh(&self, fields: Vec<FieldRef>, rows: usize) -> Result<Vec<ArrayRef>, Malformed> {
        let message = self.columns.as_ref().map_or(&[][..], |columns| &columns.fresh);
        match (fields.is_empty(), message.is_empty()) {
            (true, true) => return Ok(Vec::new()),
            (true, false) => return Err(malformed!("a message of new columns, where none is new")),
            (false, _) => {}
        }
        let schema = Arc::new(Schema::new(fields));
        let read = read_batch(message.to_vec(), (&schema, &as_bytes(&schema)))?.rows;
        if read.num_rows() != rows {
            return Err(malformed!("new columns of {} rows, where {rows} go on", read.num_rows()));
        }
        Ok(read.columns().to_vec())
    }
}

/// The columns of the table, where a field is that of an image.
fn image(field: &FieldRef) -> Option<&Fields> {
    match field.data_type() {
        DataType::Struct(fields) if matches!(field.name().as_str(), "before" | "after") => Some(fields),
        _ => None,
    }
}

/// Where columns come from, in the order in which they come out.
struct Sources<'a, O, F> {
    /// As they were given, those of them that go on.
    rows: &'a RecordBatch,
    /// Whether something goes by the columns' places.
    by_place: bool,
    origins: O,
    fresh: F,
}

impl<O: Iterator<Item = Option<usize>>, F: Iterator<Item = ArrayRef>> Sources<'_, O, F> {
    fn column(&mut self, field: &FieldRef) -> Result<ArrayRef, Malformed> {
        let given = self.rows.column_by_name(field.name());
        let given = given.ok_or_else(|| malformed!("column {:?}, which the batch that was given lacks", clipped(field.name())))?;
        let Some((fields, given)) = image(field).zip(given.as_struct_opt()) else {
            return Ok(Arc::clone(given));
        };
        let columns = (0..fields.len())
            .map(|place| self.of_table(given, place))
            .collect::<Result<_, _>>()?;
        let made = StructArray::try_new_with_length(fields.clone(), columns, given.nulls().cloned(), given.len());
        Ok(Arc::new(
            made.map_err(|error| malformed!("a patched batch that Arrow refuses: {error}"))?,
        ))
    }

    /// The column at this place of an image.
    fn of_table(&mut self, given: &StructArray, place: usize) -> Result<ArrayRef, Malformed> {
        match self.origins.next().flatten() {
            Some(from) if from != place && self.by_place => Err(malformed!(
                "column {from} at the place of column {place}, in a batch whose columns {} go by places",
                BY_PLACE.join(", ")
            )),
            Some(from) => given.columns().get(from).cloned().ok_or_else(|| {
                malformed!(
                    "a column that was column {from}, where the batch that was given has {}",
                    given.num_columns()
                )
            }),
            None => self.fresh.next().ok_or_else(|| malformed!("fewer new columns than come out")),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use arrow::array::{Int32Array, StringArray, UInt8Array};
    use arrow::datatypes::{Field, Int32Type};

    use super::*;
    use crate::plugin::ipc::message;
    use crate::plugin::schemas::ALIGNMENT;

    /// A batch whose images have the columns `id` and `name`: three rows, the last of which is a delete.
    fn given() -> RecordBatch {
        let images = [[Some(0), Some(10), Some(20)], [Some(1), Some(11), None]];
        let [before, after] = images.map(|ids| {
            let names = StringArray::from_iter(ids.iter().map(|id| id.map(|id| format!("name {id}"))));
            let valid = ids.iter().map(Option::is_some).collect::<Vec<_>>();
            let columns: Vec<ArrayRef> = vec![Arc::new(Int32Array::from_iter(ids)), Arc::new(names)];
            StructArray::new(table(&["id", "name"]), columns, Some(valid.into()))
        });
        let ops: ArrayRef = Arc::new(UInt8Array::from(vec![2, 2, 3]));
        let columns: [(&str, ArrayRef); 3] = [("op", ops), ("before", Arc::new(before)), ("after", Arc::new(after))];
        RecordBatch::try_from_iter_with_nullable(columns.map(|(name, column)| (name, column, true))).unwrap()
    }

    fn table(columns: &[&str]) -> Fields {
        let field = |name: &&str| {
            let kind = if name.starts_with("id") { DataType::Int32 } else { DataType::Utf8 };
            Field::new(*name, kind, true)
        };
        columns.iter().map(field).collect()
    }

    fn schema(columns: &[&str]) -> SchemaRef {
        let image = |name: &str| Field::new(name, DataType::Struct(table(columns)), true);
        Arc::new(Schema::new(vec![
            Field::new("op", DataType::UInt8, true),
            image("before"),
            image("after"),
        ]))
    }

    fn patch(kept: Option<&[u8]>, columns: Option<(&[i32], &[ArrayRef])>) -> Patch {
        let mut desk = Desk::open();
        // What was said before counts no more.
        desk.keep(vec![1; 9]).unwrap();
        desk.columns(vec![7], vec![7]).unwrap();
        let mut patch = desk.close().unwrap();
        patch.kept = kept.map(<[u8]>::to_vec);
        patch.columns = columns.map(|(origins, fresh)| Columns {
            origins: origins.to_vec(),
            fresh: written(fresh),
        });
        patch
    }

    fn written(fresh: &[ArrayRef]) -> Vec<u8> {
        if fresh.is_empty() {
            return Vec::new();
        }
        let columns = fresh.iter().map(|column| ("new", Arc::clone(column), true));
        message(&RecordBatch::try_from_iter_with_nullable(columns).unwrap(), ALIGNMENT)
    }

    fn ids(rows: &RecordBatch, image: &str, column: usize) -> Vec<Option<i32>> {
        let image = rows.column_by_name(image).unwrap().as_struct();
        image.column(column).as_primitive::<Int32Type>().iter().collect()
    }

    fn refused(patch: &Patch, schema: &SchemaRef) -> String {
        patch.apply(&given(), schema).unwrap_err().to_string()
    }

    #[test]
    fn rows_are_chosen_by_bits_from_the_lowest_on() {
        let given = given();
        let kept = |bits: &[u8]| patch(Some(bits), None).apply(&given, given.schema_ref()).unwrap();
        let rows = kept(&[0b101]).unwrap();
        assert_eq!(
            (ids(&rows, "before", 0), ids(&rows, "after", 0)),
            (vec![Some(0), Some(20)], vec![Some(1), None])
        );
        assert_eq!(rows.column_by_name("after").unwrap().null_count(), 1);
        assert_eq!(kept(&[0b111]), None, "all of them");
        assert_eq!(kept(&[0]).unwrap().num_rows(), 0);
        for (bits, text) in [
            (&[][..], "0 bytes of chosen rows, where 3 rows take 1"),
            (&[1, 0], "2 bytes"),
            (&[9], "behind the last of 3"),
        ] {
            assert!(refused(&patch(Some(bits), None), given.schema_ref()).contains(text), "{bits:?}");
        }
    }

    #[test]
    fn columns_are_new_other_ones_or_in_other_places() {
        let given = given();
        let fresh: [ArrayRef; 2] = [Arc::new(Int32Array::from(vec![5, 6])), Arc::new(Int32Array::from(vec![7, 8]))];
        let patched = patch(Some(&[0b011]), Some((&[1, -1, 1, -1], &fresh)));
        let rows = patched.apply(&given, &schema(&["title", "id"])).unwrap().unwrap();
        assert_eq!(
            (ids(&rows, "before", 1), ids(&rows, "after", 1)),
            (vec![Some(5), Some(6)], vec![Some(7), Some(8)])
        );
        let names = rows.column_by_name("after").unwrap().as_struct().column(0).as_string::<i32>();
        assert_eq!((names.value(0), names.value(1)), ("name 1", "name 11"));
        // Where only names are others, nothing is said of columns.
        let renamed = patch(None, None).apply(&given, &schema(&["id_of_it", "title"])).unwrap().unwrap();
        assert_eq!(ids(&renamed, "after", 0), [Some(1), Some(11), None]);
        // A column that is gone from both images.
        let fewer = patch(None, Some((&[1, 1], &[])))
            .apply(&given, &schema(&["name"]))
            .unwrap()
            .unwrap();
        assert_eq!(fewer.column_by_name("after").unwrap().as_struct().num_columns(), 1);
        assert!(patched.bytes() > 0 && renamed.schema().field(2).name() == "after");
    }

    #[test]
    fn what_does_not_fit_the_batch_is_refused() {
        let (given, two) = (given(), schema(&["id", "name"]));
        let three: ArrayRef = Arc::new(Int32Array::from(vec![5, 6, 7]));
        let short: ArrayRef = Arc::new(Int32Array::from(vec![5]));
        let columns = |origins: &[i32], fresh: &[ArrayRef]| patch(None, Some((origins, fresh)));
        for (patch, text) in [
            (columns(&[0, 1], &[]), "the origins of 2 columns, where 4 come out"),
            (columns(&[0, 1, 0, 2], &[]), "was column 2, where the batch that was given has 2"),
            (columns(&[1, 1, 0, 1], &[]), "a patched batch that Arrow refuses"),
            (columns(&[0, 1, 0, 1], std::slice::from_ref(&three)), "where none is new"),
            (
                columns(&[-1, 1, 0, 1], std::slice::from_ref(&short)),
                "new columns of 1 rows, where 3 go on",
            ),
            (columns(&[-1, 1, 0, 1], &[]), "cut short"),
            (columns(&[0, -1, 0, 1], std::slice::from_ref(&three)), "Arrow refuses"),
        ] {
            let text_of = refused(&patch, &two);
            assert!(text_of.contains(text), "{text}: {text_of}");
        }
        let more = Schema::new(
            [
                two.fields().to_vec(),
                vec![Arc::new(Field::new("route_topic", DataType::Utf8, true))],
            ]
            .concat(),
        );
        assert!(refused(&patch(None, None), &Arc::new(more)).contains("\"route_topic\", which the batch that was given lacks"));
        // Columns that go by places.
        let mut fields = given.schema().fields().to_vec();
        fields.push(Arc::new(Field::new("after_present", DataType::UInt8, true)));
        let bits: ArrayRef = Arc::new(UInt8Array::from(vec![1, 2, 3]));
        let present = [given.columns().to_vec(), vec![bits]].concat();
        let given = RecordBatch::try_new(Arc::new(Schema::new(fields)), present).unwrap();
        let swapped = columns(&[1, 0, 1, 0], &[]).apply(&given, &schema(&["name", "id"]));
        assert!(swapped.unwrap_err().to_string().contains("go by places"));
    }

    #[test]
    fn nothing_is_taken_outside_of_a_call() {
        assert!(Desk::default().keep(vec![1]).is_err());
        let mut desk = Desk::open();
        assert!(desk.close().is_none());
        assert!(desk.columns(vec![0], Vec::new()).is_err());
    }
}
