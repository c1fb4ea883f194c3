//! Conditions over the columns of a batch: each part looks at all rows at once.

use rowmill_sdk::{Batch, Column, Error, Field, Image, Kind, Op, Values};

use crate::expression::{Comparison, Side};
use crate::like::Pattern;
use crate::moment::Moment;
use crate::pair::Pair;
use crate::truth::Truth;
use crate::wide::Wide;

/// A condition, made ready for a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Constant(Truth),
    Ops(Vec<Op>),
    Snapshot,
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Is(Box<Node>, Truth),
    Test(Test),
    Pair(Pair),
}

/// A column and what is asked of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Test {
    pub(crate) side: Side,
    pub(crate) column: usize,
    pub(crate) check: Check,
    /// What it is where the value is NULL.
    pub(crate) null: Truth,
}

/// What is asked of a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Check {
    /// Whether it is NULL.
    Null,
    /// Whether its number lies between these, or outside. An impossible date is compared by its text.
    Range {
        low: Wide,
        high: Wide,
        outside: bool,
        odd: Option<(Comparison, Moment)>,
    },
    Float {
        low: f64,
        high: f64,
        outside: bool,
    },
    /// Whether it is one of these, which are sorted.
    Among(Vec<Wide>),
    Text(Text),
    /// The truth for each label of an ENUM, the empty one first.
    Labels(Vec<Truth>),
    /// The labels of a SET, joined by commas.
    Set(Text),
}

/// What is asked of a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Text {
    Compare(Comparison, Vec<u8>),
    /// Sorted.
    Among(Vec<Vec<u8>>),
    Like(Pattern),
}

impl Text {
    #[inline]
    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        match self {
            Self::Compare(Comparison::Equal | Comparison::Same, other) => text == other,
            Self::Compare(Comparison::Unequal, other) => text != other,
            Self::Compare(comparison, other) => comparison.holds(text.cmp(other)),
            Self::Among(texts) => texts.binary_search_by(|other| other.as_slice().cmp(text)).is_ok(),
            Self::Like(pattern) => pattern.matches(text),
        }
    }
}

/// Decimals of a column's numbers.
pub(crate) fn scale(field: &Field) -> u8 {
    let inner = field.mysql_type.split_once('(').map_or("", |(_, rest)| rest);
    let decimals = inner.split([',', ')']).nth(1).filter(|_| field.kind == Kind::Decimal);
    decimals.and_then(|decimals| decimals.trim().parse().ok()).unwrap_or(0)
}

/// Which image stands for a row, where a condition names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// The row as it is now, or as it was last.
    New,
    /// The row as it was, or as it begins.
    Old,
}

impl Node {
    /// Whether it depends on which image stands for a row.
    pub(crate) fn has_views(&self) -> bool {
        match self {
            Self::Constant(_) | Self::Ops(_) | Self::Snapshot => false,
            Self::And(parts) | Self::Or(parts) => parts.iter().any(Self::has_views),
            Self::Not(inner) | Self::Is(inner, _) => inner.has_views(),
            Self::Test(test) => test.side == Side::Row,
            Self::Pair(pair) => pair.sides.iter().any(|(side, _)| *side == Side::Row),
        }
    }

    /// What it is for every row.
    pub(crate) fn truths(&self, batch: &Batch<'_>, view: View) -> Result<Vec<Truth>, Error> {
        let rows = batch.rows();
        Ok(match self {
            Self::Constant(truth) => vec![*truth; rows],
            Self::Ops(ops) => (0..rows)
                .map(|row| Ok(Truth::of(ops.contains(&batch.op(row)?))))
                .collect::<Result<_, Error>>()?,
            Self::Snapshot => (0..rows).map(|row| Truth::of(batch.flags(row).is_snapshot())).collect(),
            Self::And(parts) => joined(parts, batch, view, Truth::TRUE, Truth::and)?,
            Self::Or(parts) => joined(parts, batch, view, Truth::FALSE, Truth::or)?,
            Self::Not(inner) => inner.truths(batch, view)?.into_iter().map(Truth::not).collect(),
            Self::Is(inner, wanted) => inner.truths(batch, view)?.into_iter().map(|truth| truth.is(*wanted)).collect(),
            Self::Test(test) => test.truths(batch, view),
            Self::Pair(pair) => pair.truths(batch, view),
        })
    }
}

fn joined(parts: &[Node], batch: &Batch<'_>, view: View, start: Truth, join: impl Fn(Truth, Truth) -> Truth) -> Result<Vec<Truth>, Error> {
    let mut parts = parts.iter();
    let mut all = match parts.next() {
        Some(first) => first.truths(batch, view)?,
        None => vec![start; batch.rows()],
    };
    for part in parts {
        for (truth, next) in all.iter_mut().zip(part.truths(batch, view)?) {
            *truth = join(*truth, next);
        }
    }
    Ok(all)
}

impl Test {
    fn truths(&self, batch: &Batch<'_>, view: View) -> Vec<Truth> {
        let (first, falls_back) = match (self.side, view) {
            (Side::After, _) => (true, false),
            (Side::Before, _) => (false, false),
            (Side::Row, View::New) => (true, true),
            (Side::Row, View::Old) => (false, true),
        };
        let mut truths = self.of_image(batch, first);
        if !falls_back {
            return truths;
        }
        let image = image(batch, first);
        let lacks = |row: usize| image.is_none_or(|image| !image.has(row));
        if (0..batch.rows()).any(lacks) {
            let other = self.of_image(batch, !first);
            for (row, (truth, other)) in truths.iter_mut().zip(other).enumerate() {
                if lacks(row) {
                    *truth = other;
                }
            }
        }
        truths
    }

    /// Of one image of each row; where a row does not have it, all of its columns are NULL.
    fn of_image(&self, batch: &Batch<'_>, after: bool) -> Vec<Truth> {
        let rows = batch.rows();
        let found = image(batch, after).and_then(|image| Some((image, image.columns.get(self.column)?)));
        let (Some((image, column)), Some(field)) = (found, batch.schema.columns.get(self.column)) else {
            return vec![self.null; rows];
        };
        let mut truths = Vec::with_capacity(rows);
        self.check.values(field, column, rows, &mut truths);
        if column.valid.is_some() {
            for (row, truth) in truths.iter_mut().enumerate() {
                if column.is_null(row) {
                    *truth = self.of_null(batch, row, after);
                }
            }
        }
        if batch
            .schema
            .layout
            .iter()
            .any(|name| name == "after_present" || name == "before_present")
        {
            let unknown = if self.null == Truth::NULL {
                Truth::ANY
            } else {
                Truth::FALSE_OR_TRUE
            };
            // What an image after the change lacks is as it was.
            let before = (after && (0..rows).any(|row| !image.is_present(row, self.column))).then(|| self.of_image(batch, false));
            for (row, truth) in truths.iter_mut().enumerate() {
                if !image.is_present(row, self.column) {
                    let was = batch.before.as_ref().filter(|was| was.has(row) && was.is_present(row, self.column));
                    *truth = was
                        .and_then(|_| before.as_ref().and_then(|before| before.get(row).copied()))
                        .unwrap_or(unknown);
                }
            }
        }
        for (row, truth) in truths.iter_mut().enumerate() {
            if !image.has(row) {
                *truth = self.null;
            }
        }
        truths
    }

    /// Of a value that is null in its column: NULL, or an impossible date.
    fn of_null(&self, batch: &Batch<'_>, row: usize, after: bool) -> Truth {
        if !batch.has_odd_dates() {
            return self.null;
        }
        let odd = batch.odd_date(row, after, self.column).and_then(moment);
        match (&self.check, odd) {
            (Check::Null, Some(_)) => Truth::FALSE,
            (
                Check::Range {
                    odd: Some((comparison, other)),
                    ..
                },
                Some(odd),
            ) => Truth::of(comparison.holds(odd.cmp(other))),
            _ => self.null,
        }
    }
}

/// An impossible date.
pub(crate) fn moment(text: &[u8]) -> Option<Moment> {
    Moment::read(std::str::from_utf8(text).ok()?, false)
}

pub(crate) fn image<'b>(batch: &'b Batch<'b>, after: bool) -> Option<&'b Image<'b>> {
    if after { Some(&batch.after) } else { batch.before.as_ref() }
}

impl Check {
    /// Of all values, as if none were NULL.
    fn values(&self, field: &Field, column: &Column<'_>, rows: usize, truths: &mut Vec<Truth>) {
        match self {
            Self::Null => truths.resize(rows, Truth::FALSE),
            Self::Range { low, high, outside, .. } => range(&column.values, (*low, *high), *outside, rows, truths),
            Self::Float { low, high, outside } => {
                let is = |number: f64| Truth::of((*low <= number && number <= *high) != *outside);
                match &column.values {
                    Values::Float32(values) => truths.extend((0..rows).map(|row| is(values.f32(row).into()))),
                    Values::Float64(values) => truths.extend((0..rows).map(|row| is(values.f64(row)))),
                    _ => truths.resize(rows, Truth::ANY),
                }
            }
            Self::Among(numbers) => truths.extend((0..rows).map(|row| {
                let number = exact(&column.values, row);
                Truth::of(number.is_some_and(|(number, _)| numbers.binary_search(&number).is_ok()))
            })),
            Self::Text(text) => match &column.values {
                Values::Bytes(values) => truths.extend((0..rows).map(|row| Truth::of(text.matches(values.get(row))))),
                _ => truths.resize(rows, Truth::ANY),
            },
            Self::Labels(labels) => match &column.values {
                Values::UInt16(values) => {
                    let label = |row: usize| labels.get(usize::from(values.u16(row))).copied();
                    truths.extend((0..rows).map(|row| label(row).unwrap_or(Truth::FALSE)));
                }
                _ => truths.resize(rows, Truth::ANY),
            },
            Self::Set(text) => match &column.values {
                Values::UInt64(values) => {
                    let mut printed = Vec::new();
                    truths.extend((0..rows).map(|row| {
                        print_set(field, values.u64(row), &mut printed);
                        Truth::of(text.matches(&printed))
                    }));
                }
                _ => truths.resize(rows, Truth::ANY),
            },
        }
    }
}

/// The labels that are set, as MySQL prints them.
pub(crate) fn print_set(field: &Field, bits: u64, into: &mut Vec<u8>) {
    into.clear();
    for (label, bit) in field.labels.iter().take(64).zip(0_u32..) {
        if bits >> bit & 1 == 1 {
            if !into.is_empty() {
                into.push(b',');
            }
            into.extend_from_slice(label.as_bytes());
        }
    }
}

/// Whether whole numbers lie within a range.
fn range(values: &Values<'_>, (low, high): (Wide, Wide), outside: bool, rows: usize, truths: &mut Vec<Truth>) {
    // In the column's own type, so that the loop compares what is stored.
    macro_rules! within {
        ($values:expr, $number:ty) => {{
            let (least, most) = (i128::from(<$number>::MIN), i128::from(<$number>::MAX));
            let (low, high) = (low.narrow(), high.narrow());
            let clamped = |bound: i128| <$number>::try_from(bound.clamp(least, most)).unwrap_or_default();
            if low > high || low > most || high < least {
                truths.resize(rows, Truth::of(outside));
            } else {
                let (low, high) = (clamped(low), clamped(high));
                truths.extend($values.iter().take(rows).map(|bytes| {
                    let number = <$number>::from_le_bytes(bytes);
                    Truth::of((low <= number && number <= high) != outside)
                }));
            }
        }};
    }
    match values {
        Values::Int8(values) => within!(values, i8),
        Values::Int16(values) => within!(values, i16),
        Values::Int32(values) => within!(values, i32),
        Values::Int64(values) => within!(values, i64),
        Values::UInt8(values) => within!(values, u8),
        Values::UInt16(values) => within!(values, u16),
        Values::UInt32(values) => within!(values, u32),
        Values::UInt64(values) => within!(values, u64),
        Values::Decimal128(values, _) => within!(values, i128),
        other => truths.extend((0..rows).map(|row| {
            let number = exact(other, row);
            number.map_or(Truth::ANY, |(number, _)| Truth::of((low <= number && number <= high) != outside))
        })),
    }
}

/// A number with its decimals, of every column but FLOAT and DOUBLE.
pub(crate) fn exact(values: &Values<'_>, row: usize) -> Option<(Wide, u8)> {
    let whole = |number: i128| Some((Wide::from(number), 0));
    match values {
        Values::Int8(values) => whole(values.i8(row).into()),
        Values::Int16(values) => whole(values.i16(row).into()),
        Values::Int32(values) => whole(values.i32(row).into()),
        Values::Int64(values) => whole(values.i64(row).into()),
        Values::UInt8(values) => whole(values.u8(row).into()),
        Values::UInt16(values) => whole(values.u16(row).into()),
        Values::UInt32(values) => whole(values.u32(row).into()),
        Values::UInt64(values) => whole(values.u64(row).into()),
        Values::Bool(bits) => whole(bits.get(row).into()),
        Values::Decimal128(values, scale) => Some((values.i128(row).into(), *scale)),
        Values::Decimal256(values, scale) => Some((Wide::read(&values.bytes(row)), *scale)),
        Values::Float32(_) | Values::Float64(_) | Values::Bytes(_) => None,
    }
}
