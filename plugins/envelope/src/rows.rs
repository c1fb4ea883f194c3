//! Encodes the rows of a batch, one or two records each.

use rowmill_json::{ALIKE_BYTES, Keys, Side, Zone};
use rowmill_sdk::json::{Part, Span};
use rowmill_sdk::{Batch, Error, Op, Output, Record};

use crate::options::{Options, UpdateMode};
use crate::table::{Parts, Table, Verb};
use crate::tails::Tails;

/// Writes all rows of `batch`.
pub(crate) fn encode(options: &Options, table: &mut Table, batch: &Batch<'_>, output: &mut Output) -> Result<(), Error> {
    let parts = &table.parts;
    let columns = (&parts.fragments, parts.columns.as_slice());
    let side = |is_after: bool| Side::new(columns, batch, is_after, options.zero_date.into());
    let (before, after) = (side(false)?, side(true)?);
    let most = |side: &Option<Side<'_>>| side.as_ref().map_or(0, Side::most);
    let most = parts.constant_bytes.saturating_add(most(&before)).saturating_add(most(&after));
    let mut page = Page {
        options,
        parts,
        texts: Texts::new(parts),
        batch,
        most: (most <= ALIKE_BYTES).then_some(most),
        before,
        after,
        zone: &mut table.zone,
        tails: Tails::new(),
    };
    for row in 0..batch.rows() {
        page.tails.go(batch.seq(row), (batch.ts(row), batch.checkpoint_ts(row)));
        match batch.op(row)? {
            Op::Insert => page.record(row, Verb::Insert, Images::After, output)?,
            Op::Delete => page.record(row, Verb::Delete, Images::Before, output)?,
            Op::Update if options.update_mode == UpdateMode::Single && !batch.flags(row).changes_key() => {
                page.record(row, Verb::UpdateAfter, Images::Both, output)?;
            }
            Op::Update => {
                page.record(row, Verb::UpdateBefore, Images::Before, output)?;
                page.record(row, Verb::UpdateAfter, Images::After, output)?;
            }
        }
    }
    Ok(())
}

/// Which images a record shows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Images {
    Before,
    After,
    Both,
}

/// Constants of the table, looked up.
#[derive(Clone, Copy)]
struct Texts<'a> {
    head_after: Span<'a>,
    head_before: Span<'a>,
    between: Part<'a>,
    brace: Part<'a>,
}

impl<'a> Texts<'a> {
    fn new(parts: &'a Parts) -> Self {
        let fragments = &parts.fragments;
        Self {
            head_after: fragments.get(parts.head_after),
            head_before: fragments.get(parts.head_before),
            between: fragments.part(parts.between),
            brace: fragments.part(parts.brace),
        }
    }
}

/// A batch with all that its rows share.
struct Page<'a> {
    options: &'a Options,
    parts: &'a Parts,
    texts: Texts<'a>,
    batch: &'a Batch<'a>,
    /// Bytes that any record of the batch takes at most, unless it is too much to be reserved for each.
    most: Option<usize>,
    before: Option<Side<'a>>,
    after: Option<Side<'a>>,
    zone: &'a mut Zone,
    tails: Tails,
}

/// The images of a record: the first that it shows, the second, the one that it is about, and where key columns that this one lacks come from.
struct Shown<'s, 'a> {
    first: &'s Side<'a>,
    second: Option<&'s Side<'a>>,
    about: &'s Side<'a>,
    other: Option<&'s Side<'a>>,
}

impl<'s, 'a> Shown<'s, 'a> {
    #[inline(always)]
    fn new(images: Images, row: usize, before: Option<&'s Side<'a>>, after: Option<&'s Side<'a>>) -> Option<Self> {
        let before = before.filter(|side| side.image.has(row));
        let after = after.filter(|side| side.image.has(row));
        let (first, second, about, other) = match (images, before, after) {
            (Images::Before, Some(before), _) => (before, None, before, after),
            (Images::After, _, Some(after)) => (after, None, after, before),
            (Images::Both, Some(before), Some(after)) => (before, Some(after), after, Some(before)),
            _ => return None,
        };
        Some(Self {
            first,
            second,
            about,
            other,
        })
    }

    /// Bytes that its record takes at most.
    #[inline(never)]
    fn worst(&self, parts: &Parts, key: &Keys<'_, false>) -> usize {
        let worst = |side: &Side<'_>| side.worst(key.row);
        parts.constant_bytes + key.worst() + worst(self.first) + self.second.map_or(0, worst)
    }
}

impl Page<'_> {
    #[inline(never)]
    fn record(&mut self, row: usize, verb: Verb, images: Images, output: &mut Output) -> Result<(), Error> {
        let Self {
            parts,
            texts,
            most,
            before,
            after,
            zone,
            tails,
            ..
        } = self;
        let Some(shown) = Shown::new(images, row, before.as_ref(), after.as_ref()) else {
            return Err(no_image(row));
        };
        let key = Keys {
            row,
            columns: &parts.key,
            fragments: &parts.fragments,
            side: shown.about,
            other: shown.other,
        };
        key.check()?;
        let worst = most.unwrap_or_else(|| shown.worst(parts, &key));
        let tail = tails.get(parts, verb, images != Images::Before);
        output.record(Record { row, ..Record::default() }, worst, |cursor| {
            let (cursor, key) = key.write_to_part(cursor, zone, texts.brace);
            let head = if images == Images::After {
                texts.head_after
            } else {
                texts.head_before
            };
            let mut cursor = shown.first.write(cursor.fragment(head), row, zone);
            if let Some(second) = shown.second {
                cursor = second.write(cursor.part(texts.between), row, zone);
            }
            (tail.write(cursor), key)
        });
        if self.options.headers {
            self.headers(row, verb, output);
        }
        Ok(())
    }

    #[inline(never)]
    fn headers(&self, row: usize, verb: Verb, output: &mut Output) {
        let Batch { schema, transactions, .. } = self.batch;
        output.header("op", verb.name().as_bytes());
        output.header("database", schema.database.as_bytes());
        output.header("table", schema.table.as_bytes());
        output.header("gtid", transactions.gtid(self.batch.txn(row)).as_bytes());
        output.header("sequenceId", self.batch.seq(row).to_string().as_bytes());
    }
}

#[cold]
fn no_image(row: usize) -> Error {
    Error::new("image-missing", "encoding a row: it lacks the image that its op has").at_row(row)
}
