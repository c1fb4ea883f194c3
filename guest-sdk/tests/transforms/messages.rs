//! The messages themselves.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Int8Type, TimeUnit, TimestampMicrosecondType, UInt64Type};
use rowmill_sdk::Outcome;

use super::{Given, sample};

#[test]
fn arrow_rs_reads_what_the_sdk_writes() {
    let batch = sample().arrow();
    assert_eq!(batch.num_rows(), 7);
    let after = batch.column_by_name("after").unwrap().as_struct();
    let column = |name: &str| after.column_by_name(name).unwrap();
    assert_eq!(column("tiny").as_primitive::<Int8Type>().value(0), -128);
    assert_eq!(column("big").as_primitive::<UInt64Type>().value(0), u64::MAX);
    assert_eq!(column("price").as_primitive::<Decimal128Type>().value(0), 999_999_999_999);
    assert_eq!(column("price").data_type(), &DataType::Decimal128(12, 2));
    assert_eq!(
        column("single").as_primitive::<Float32Type>().value(0).to_bits(),
        (-1.5_f32).to_bits()
    );
    assert_eq!(
        column("local").as_primitive::<TimestampMicrosecondType>().value(0),
        1_614_748_870_250_001
    );
    assert_eq!(
        column("instant").data_type(),
        &DataType::Timestamp(TimeUnit::Microsecond, Some("+00:00".into()))
    );
    assert!(column("name").is_null(3) && after.is_null(6));
    let metadata = batch.schema();
    let field = after.fields().iter().find(|field| field.name() == "tags").unwrap();
    assert_eq!(field.metadata()["rowmill.labels"], r#"["new","sale","last"]"#);
    assert_eq!(metadata.metadata()["rowmill.key"], "[0]");
}

#[test]
fn every_buffer_starts_at_a_multiple_of_64_bytes() {
    let given = sample();
    let changed = given.edit(|batch| {
        let mut edit = batch.edit();
        edit.retain(|row| Ok(row.number() != 1))?.rename("body", "text")?;
        edit.finish()
    });
    for given in [given, changed.unwrap()] {
        let head = usize::try_from(u32::from_le_bytes(given.batch[4..8].try_into().unwrap())).unwrap();
        let message = arrow::ipc::root_as_message(&given.batch[8..8 + head]).unwrap();
        assert_eq!(message.version(), arrow::ipc::MetadataVersion::V5);
        assert_eq!((8 + head) % 64, 0);
        let batch = message.header_as_record_batch().unwrap();
        assert!(batch.compression().is_none());
        let mut end = 0;
        for buffer in batch.buffers().unwrap() {
            assert_eq!(buffer.offset() % 64, 0);
            assert!(buffer.offset() >= end, "buffers overlap");
            end = buffer.offset() + buffer.length();
        }
        assert!(end <= message.bodyLength());
        assert_eq!(given.batch.len(), 8 + head + usize::try_from(message.bodyLength()).unwrap());
    }
}

#[test]
fn a_schema_reads_back_as_it_was_written() {
    let given = sample();
    let again = given
        .edit(|batch| {
            let mut edit = batch.edit();
            edit.metadata("rowmill.table", Some("other"));
            edit.finish()
        })
        .unwrap();
    assert_eq!((again.schema.table.as_str(), again.schema.database.as_str()), ("other", "rowmill"));
    assert_eq!(given.arrow().schema().fields(), again.arrow().schema().fields());
    assert_eq!(given.rows(), again.rows());
}

#[test]
fn an_edit_that_does_nothing_leaves_the_batch_as_it_came() {
    let given = sample();
    let outcome = given.batch().edit().finish().unwrap();
    assert_eq!(outcome, Outcome::Unchanged);
    let batch = given.batch();
    let mut edit = batch.edit();
    edit.retain(|_| Ok(true)).unwrap();
    assert_eq!(edit.finish().unwrap(), Outcome::Unchanged);
}

#[test]
fn what_arrow_rs_makes_of_a_batch_is_an_outcome_too() {
    let given = sample();
    let batch = given.batch();
    let arrow = batch.to_arrow().unwrap();
    let half = arrow.slice(0, 3);
    let Outcome::Changed(message) = Outcome::from_arrow(&batch, &half).unwrap() else {
        panic!("the schema is the same")
    };
    let changed = Given {
        batch: message,
        message: given.message.clone(),
        schema: given.schema.clone(),
        transactions: given.transactions.clone(),
    };
    assert_eq!(changed.rows(), given.rows()[..3]);
    let fewer = arrow.project(&[0, 1, 2, 3, 4, 5, 7]).unwrap();
    assert!(matches!(Outcome::from_arrow(&batch, &fewer).unwrap(), Outcome::Reshaped { .. }));
}

#[test]
fn a_damaged_message_is_an_error_or_a_batch_and_never_a_panic() {
    let given = sample();
    let mut refused = 0;
    for (round, at) in (0..given.batch.len()).step_by(7).enumerate() {
        let mut batch = given.batch.clone();
        batch[at] ^= [0x01, 0x80, 0xff, 0x7f][round % 4];
        let Ok(read) = rowmill_sdk::Batch::read(&given.schema, &batch, &given.transactions) else {
            refused += 1;
            continue;
        };
        let _ = rowmill_sdk::harness::show(&read);
        let mut edit = read.edit();
        let kept = edit.retain(|row| Ok(row.number() != 2)).is_ok();
        let _ = edit.set("name", |image, out| image.text("name")?.map_or(Ok(()), |name| out.text(name)));
        let _ = edit.remove("tiny").map(|_| ());
        if kept {
            let _ = edit.finish();
        }
    }
    assert!(refused > 0, "what points outside is refused");
    for at in 0..given.message.len() {
        let mut message = given.message.clone();
        message[at] ^= 0x41;
        let _ = rowmill_sdk::Schema::read(&message);
        let _ = rowmill_sdk::Schema::read(&given.message[..at]);
    }
}
