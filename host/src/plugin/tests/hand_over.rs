//! The check of a hand-over, without any WebAssembly: whatever the lists hold, what comes out can be read safely.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::Int64Array;
use proptest::prelude::*;

use crate::plugin::output::{Call, Handed, Times};

/// Lists of one record or two, most of them almost right: random lists would all fail at the first check.
#[derive(Debug, Clone)]
struct Lists {
    rows: Vec<u32>,
    topics: Vec<u16>,
    names: Vec<String>,
    partitions: Vec<i32>,
    timestamps: Vec<i64>,
    flags: Vec<u8>,
    bounds: Vec<u32>,
    header_ends: Vec<u32>,
    header_bounds: Vec<u32>,
    header_data: Vec<u8>,
    data: Vec<u8>,
}

fn numbers<T: Arbitrary + Clone + From<u8>>(length: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<T>> {
    proptest::collection::vec(prop_oneof![9 => (0_u8..6).prop_map(T::from), 1 => any::<T>()], length)
}

prop_compose! {
    fn lists()(
        rows in numbers(0..3), topics in numbers(0..3), names in proptest::collection::vec("(known|own|)", 0..3),
        partitions in numbers(0..3), timestamps in numbers(0..3), flags in numbers(0..3), mut bounds in numbers::<u32>(0..6),
        header_ends in numbers(0..3), mut header_bounds in numbers::<u32>(0..6), header_data in numbers(0..8), data in numbers(0..8),
        sorted in any::<bool>(),
    ) -> Lists {
        if sorted {
            bounds.sort_unstable();
            header_bounds.sort_unstable();
        }
        Lists { rows, topics, names, partitions, timestamps, flags, bounds, header_ends, header_bounds, header_data, data }
    }
}

fn call() -> Call {
    Call {
        open: true,
        rows: 4,
        times: Times::Rows(Int64Array::from(vec![10, 11, 12, 13])),
        own: Some("own".into()),
        known: Arc::new(BTreeSet::from([Arc::from("known"), Arc::from("own")])),
        max_bytes: 1000,
        ..Call::closed()
    }
}

fn handed(lists: &Lists) -> Handed<'_> {
    Handed {
        rows: &lists.rows,
        topics: &lists.topics,
        topic_names: &lists.names,
        partitions: &lists.partitions,
        timestamps: &lists.timestamps,
        flags: &lists.flags,
        bounds: &lists.bounds,
        header_ends: &lists.header_ends,
        header_bounds: &lists.header_bounds,
        header_data: &lists.header_data,
        data: &lists.data,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn whatever_is_accepted_can_be_read_to_its_last_record(lists in lists()) {
        let mut call = call();
        if call.take(&handed(&lists)).is_ok() {
            for records in &call.taken {
                let count = records.len();
                prop_assert_eq!(count, lists.rows.len());
                prop_assert_eq!([records.topics.len(), records.partitions.len(), records.timestamps.len()], [count; 3]);
                for record in 0..count {
                    prop_assert!(records.entry(record).is_some());
                    prop_assert!(usize::from(records.topics[record]) < records.topic_names.len());
                    prop_assert!(records.partitions[record] >= -1 && records.timestamps[record] >= 0);
                }
                if let Some(end) = records.header_ends.last() {
                    prop_assert_eq!(records.header_ends.len(), count);
                    prop_assert_eq!(records.header_bounds.len(), usize::try_from(2 * end + 1).unwrap());
                    prop_assert!(records.header_bounds.iter().all(|bound| usize::try_from(*bound).unwrap() <= records.header_data.len()));
                }
            }
        }
    }
}

#[test]
fn a_well_formed_hand_over_is_taken_as_it_is() {
    let mut call = call();
    call.take(&Handed {
        rows: &[1, 3],
        topics: &[1, 0],
        topic_names: &["".to_owned(), "known".to_owned()],
        partitions: &[2, -1],
        flags: &[0, 3],
        bounds: &[0, 1, 3, 3, 3],
        header_ends: &[1, 1],
        header_bounds: &[0, 2, 3],
        header_data: b"opI",
        data: b"kvv",
        ..Handed::default()
    })
    .unwrap();
    let records = &call.taken[0];
    assert_eq!(records.topic_names, [Arc::from("own"), Arc::<str>::from("known")]);
    assert_eq!(records.timestamps, [11, 13]);
    assert_eq!(records.entry(0), Some((Some(b"k".as_slice()), Some(b"vv".as_slice()))));
    assert_eq!(records.entry(1), Some((None, None)));
    assert_eq!(
        (records.header_ends.as_slice(), records.header_bounds.as_slice()),
        ([1, 1].as_slice(), [0, 2, 3].as_slice())
    );
}

#[test]
fn rows_ascend_from_one_hand_over_to_the_next() {
    let mut call = call();
    let one = |rows| Handed {
        rows,
        bounds: &[0, 0, 0],
        ..Handed::default()
    };
    call.take(&one(&[2])).unwrap();
    assert!(call.take(&one(&[1])).unwrap_err().to_string().contains("do not ascend"));
}

#[test]
fn nothing_is_taken_outside_of_a_call() {
    assert!(
        Call::closed()
            .take(&Handed {
                rows: &[0],
                bounds: &[0, 0, 0],
                ..Handed::default()
            })
            .is_err()
    );
}
