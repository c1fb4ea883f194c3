//! What the batcher promises of very many tables.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::Batcher;
use super::promises::{batcher, event, image, people, table, transaction};
use crate::source::{ColumnType, RowOp};

fn kinds() -> Vec<ColumnType> {
    people(0).columns.iter().map(|column| column.kind.clone()).collect()
}

#[test]
fn open_batches_of_very_many_tables_are_told_by_more_than_their_rows() {
    let mut batcher = batcher(2, 1 << 20);
    let (mut sequence, one) = (1, image(7, "x", false));
    let mut add = |batcher: &mut Batcher, version: u32| {
        let table = table(version, &format!("people{version}"), kinds());
        batcher
            .add(&event(&table, RowOp::Insert, &one), &transaction(4), &mut sequence)
            .unwrap();
        batcher.beside()
    };
    let each = add(&mut batcher, 1);
    assert!(each > 1000, "{each}");
    assert_eq!(add(&mut batcher, 2), 2 * each);
    // Full, so that it is not open any more; and open again.
    assert_eq!(add(&mut batcher, 1), each);
    assert_eq!(add(&mut batcher, 1), 2 * each);
    batcher.close_all().unwrap();
    assert_eq!(batcher.beside(), 0);
    assert_eq!(add(&mut batcher, 3), each);
}

#[test]
fn a_table_whose_plan_was_forgotten_gives_the_same_batches() {
    let batches = |room: usize| {
        let mut batcher = batcher(100, 1 << 20).with_plans(room);
        let mut sequence = 1;
        let mut batches = Vec::new();
        for round in 0..3 {
            for version in 1..=9 {
                let table = table(version, &format!("people{version}"), kinds());
                let data: Vec<u8> = (0..=round).flat_map(|id| image(id, "some name", id == 2)).collect();
                batcher
                    .add(
                        &event(&table, RowOp::Insert, &data),
                        &transaction(u64::from(version)),
                        &mut sequence,
                    )
                    .unwrap();
                batches.extend(batcher.close_all().unwrap());
            }
        }
        batches
    };
    let (kept, forgotten) = (batches(1 << 20), batches(1));
    assert_eq!(kept.len(), 27);
    for (kept, forgotten) in kept.iter().zip(&forgotten) {
        assert_eq!((&kept.rows, kept.shape), (&forgotten.rows, forgotten.shape));
        assert_eq!((&kept.transactions, &kept.table), (&forgotten.transactions, &forgotten.table));
    }
}
