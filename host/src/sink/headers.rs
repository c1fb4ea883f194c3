//! Headers of one record out of the columns that hold those of all.

use crate::batch::Records;

/// Names and values of record `i`'s headers, in order.
pub(super) fn record_headers(records: &Records, i: usize) -> impl Iterator<Item = (&[u8], &[u8])> {
    let end = at(&records.header_ends, i).unwrap_or(0);
    let first = i.checked_sub(1).and_then(|before| at(&records.header_ends, before)).unwrap_or(0);
    (first..end).map_while(move |header| {
        let bound = |n: usize| at(&records.header_bounds, 2 * header + n);
        let (name, value, next) = (bound(0)?, bound(1)?, bound(2)?);
        Some((records.header_data.get(name..value)?, records.header_data.get(value..next)?))
    })
}

fn at(list: &[u32], i: usize) -> Option<usize> {
    usize::try_from(*list.get(i)?).ok()
}
