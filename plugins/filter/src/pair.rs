//! Columns against columns, such as `before.status <> after.status`: row by row.

use std::cmp::Ordering;

use rowmill_sdk::{Batch, Field, Kind, Values};

use crate::check::{View, exact, image, moment, print_set};
use crate::expression::{Comparison, Side};
use crate::moment::Moment;
use crate::truth::Truth;
use crate::wide::Wide;

/// Microseconds of a day.
const DAY: i128 = 86_400_000_000;

/// Two columns that are compared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pair {
    pub(crate) sides: [(Side, usize); 2],
    pub(crate) comparison: Comparison,
    pub(crate) how: How,
}

/// As what two columns are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// Numbers, with all of their digits.
    Exact,
    /// Numbers, one of them a FLOAT or DOUBLE: as DOUBLE.
    Float,
    /// Texts and bytes as they are stored, labels by their text.
    Text,
    /// Dates and times, by microseconds.
    Time,
}

impl How {
    /// None where the two can't be compared so.
    pub(crate) fn of(one: &Field, other: &Field, comparison: Comparison) -> Option<Self> {
        use Kind::{Binary, Bit, Date, Datetime, Decimal, Double, Enum, Float, Int, Json, Set, String, Time, Timestamp, Year};
        let is_exact = |kind: Kind| matches!(kind, Int | Year | Bit | Decimal);
        let is_text = |kind: Kind| matches!(kind, String | Enum | Set);
        let equality = matches!(comparison, Comparison::Equal | Comparison::Unequal | Comparison::Same);
        match (one.kind, other.kind) {
            (a, b) if is_exact(a) && is_exact(b) => Some(Self::Exact),
            (Float | Double, b) if is_exact(b) || matches!(b, Float | Double) => Some(Self::Float),
            (a, Float | Double) if is_exact(a) => Some(Self::Float),
            (a, b) if is_text(a) && is_text(b) => Some(Self::Text),
            (Binary, Binary | String) | (String, Binary) => Some(Self::Text),
            // The texts that MySQL prints are equal where documents are, not ordered as they are.
            (Json, Json) if equality => Some(Self::Text),
            (Date | Datetime, Date | Datetime) | (Timestamp, Timestamp) | (Time, Time) => Some(Self::Time),
            _ => None,
        }
    }
}

/// One value.
enum Cell<'a> {
    Absent,
    Null,
    Exact(Wide, u8),
    Float(f64),
    Text(&'a [u8]),
    Printed(Vec<u8>),
    Microseconds(i128),
    Odd(Moment),
}

impl Pair {
    pub(crate) fn truths(&self, batch: &Batch<'_>, view: View) -> Vec<Truth> {
        let truth = |row: usize| {
            let [one, other] = self.sides.map(|side| self.cell(batch, row, side, view));
            self.truth(&one, &other)
        };
        (0..batch.rows()).map(truth).collect()
    }

    fn truth(&self, one: &Cell<'_>, other: &Cell<'_>) -> Truth {
        let same = self.comparison == Comparison::Same;
        match (one, other) {
            (Cell::Absent, Cell::Absent) if same => Truth::FALSE_OR_TRUE,
            (Cell::Absent, _) | (_, Cell::Absent) if same => Truth::FALSE_OR_TRUE,
            (Cell::Null, Cell::Null) if same => Truth::TRUE,
            (Cell::Null, _) | (_, Cell::Null) if same => Truth::FALSE,
            (Cell::Null, _) | (_, Cell::Null) => Truth::NULL,
            (Cell::Absent, _) | (_, Cell::Absent) => Truth::ANY,
            _ => order(one, other).map_or(Truth::NULL, |order| Truth::of(self.comparison.holds(order))),
        }
    }

    fn cell<'b>(&self, batch: &'b Batch<'b>, row: usize, (side, column): (Side, usize), view: View) -> Cell<'b> {
        let has = |after: bool| image(batch, after).is_some_and(|image| image.has(row));
        let after = match (side, view) {
            (Side::After, _) => true,
            (Side::Before, _) => false,
            (Side::Row, View::New) => has(true),
            (Side::Row, View::Old) => !has(false),
        };
        if !has(after) {
            return Cell::Null;
        }
        let present = |after: bool| has(after) && image(batch, after).is_some_and(|image| image.is_present(row, column));
        match () {
            () if present(after) => self.present(batch, row, column, after),
            // What an image after the change lacks is as it was.
            () if after && present(false) => self.present(batch, row, column, false),
            () => Cell::Absent,
        }
    }

    fn present<'b>(&self, batch: &'b Batch<'b>, row: usize, column: usize, after: bool) -> Cell<'b> {
        let found = image(batch, after).and_then(|image| image.columns.get(column));
        let (Some(found), Some(field)) = (found, batch.schema.columns.get(column)) else {
            return Cell::Absent;
        };
        if found.is_null(row) {
            return batch.odd_date(row, after, column).and_then(moment).map_or(Cell::Null, Cell::Odd);
        }
        let microseconds = |number: Wide| match field.kind {
            Kind::Date => number.narrow() * DAY,
            _ => number.narrow(),
        };
        match (self.how, &found.values) {
            (How::Float, Values::Float32(values)) => Cell::Float(values.f32(row).into()),
            (How::Float, Values::Float64(values)) => Cell::Float(values.f64(row)),
            (How::Float, values) => exact(values, row).map_or(Cell::Absent, |number| Cell::Float(nearest(number))),
            (How::Text, Values::Bytes(bytes)) => Cell::Text(bytes.get(row)),
            (How::Text, Values::UInt16(values)) => {
                let label = usize::from(values.u16(row)).checked_sub(1).and_then(|at| field.labels.get(at));
                Cell::Text(label.map_or(b"", |label| label.as_bytes()))
            }
            (How::Text, Values::UInt64(values)) => {
                let mut printed = Vec::new();
                print_set(field, values.u64(row), &mut printed);
                Cell::Printed(printed)
            }
            (How::Exact, values) => exact(values, row).map_or(Cell::Absent, |(number, scale)| Cell::Exact(number, scale)),
            (How::Time, values) => exact(values, row).map_or(Cell::Absent, |(number, _)| Cell::Microseconds(microseconds(number))),
            (How::Text, _) => Cell::Absent,
        }
    }
}

/// The nearest double of a number with decimals.
fn nearest((number, scale): (Wide, u8)) -> f64 {
    // By its text, which is what is rounded once.
    let mut digits = String::new();
    let mut rest = number;
    let negative = rest < Wide::from(0);
    if negative {
        digits.push('-');
    }
    // Numbers beyond 128 bits are rounded in two steps, which a DOUBLE shows in its last bit at most.
    if rest == Wide::from(rest.narrow()) {
        rest = Wide::from(if negative { -rest.narrow() } else { rest.narrow() });
        digits += &format!("{}e-{scale}", rest.narrow());
        return digits.parse().unwrap_or(f64::NAN);
    }
    double(number) / 10_f64.powi(scale.into())
}

#[expect(clippy::as_conversions, reason = "the nearest double is what is wanted")]
fn double(number: Wide) -> f64 {
    number.0 as f64 * 2_f64.powi(128) + number.1 as f64
}

fn order(one: &Cell<'_>, other: &Cell<'_>) -> Option<Ordering> {
    fn bytes<'c>(cell: &'c Cell<'_>) -> Option<&'c [u8]> {
        match cell {
            Cell::Text(text) => Some(text),
            Cell::Printed(text) => Some(text),
            _ => None,
        }
    }
    match (one, other) {
        (Cell::Exact(one, scale), Cell::Exact(other, others)) => Some(Wide::compare((*one, *scale), (*other, *others))),
        (Cell::Float(one), Cell::Float(other)) => one.partial_cmp(other),
        (Cell::Microseconds(one), Cell::Microseconds(other)) => Some(one.cmp(other)),
        (Cell::Odd(one), Cell::Odd(other)) => Some(one.cmp(other)),
        (Cell::Odd(one), Cell::Microseconds(other)) => Some(odd_order(*one, *other)),
        (Cell::Microseconds(one), Cell::Odd(other)) => Some(odd_order(*other, *one).reverse()),
        _ => bytes(one)?.partial_cmp(bytes(other)?),
    }
}

/// An impossible date lies between two moments, so that it equals none.
fn odd_order(odd: Moment, microseconds: i128) -> Ordering {
    let floor = odd.microseconds().floor.narrow();
    if microseconds <= floor { Ordering::Greater } else { Ordering::Less }
}
