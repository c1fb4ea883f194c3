//! A condition made ready for one version of a table: columns are found, and constants are what they are among the column's values.

use rowmill_sdk::{Error, Field, Kind, Op, Schema};

use crate::check::{Check, Node, Test, Text};
use crate::expression::{Comparison, Expression, Flaw, Operand, Side, Value};
use crate::like::Pattern;
use crate::moment::{Moment, span};
use crate::pair::{How, Pair};
use crate::truth::Truth;
use crate::wide::{Bound, Wide};

/// Prepares a condition for a table.
pub(crate) fn plan(text: &str, expression: &Expression, schema: &Schema) -> Result<Node, Error> {
    Planner { schema }.node(expression).map_err(|flaw| {
        Error::new(
            "bad-condition",
            format!("opening {}.{}: `where`, {}", schema.database, schema.table, flaw.told(text)),
        )
    })
}

struct Planner<'a> {
    schema: &'a Schema,
}

/// A constant, or what the table fixes.
enum Constant<'e> {
    Number(&'e str, bool),
    Text(&'e str),
    Bytes(&'e [u8]),
    Null,
}

impl<'a> Planner<'a> {
    fn node(&self, expression: &Expression) -> Result<Node, Flaw> {
        let nodes = |parts: &[Expression]| parts.iter().map(|part| self.node(part)).collect::<Result<Vec<_>, _>>();
        Ok(match expression {
            Expression::Or(parts) => Node::Or(nodes(parts)?),
            Expression::And(parts) => Node::And(nodes(parts)?),
            Expression::Not(inner) => Node::Not(Box::new(self.node(inner)?)),
            Expression::Is { inner, truth, not } => {
                let wanted = truth.map_or(Truth::NULL, Truth::of);
                negated(Node::Is(Box::new(self.node(inner)?), wanted), *not)
            }
            Expression::Compare(left, comparison, right) => self.compare(left, *comparison, right)?,
            Expression::In { operand, list, not } => negated(self.among(operand, list)?, *not),
            Expression::Like {
                operand,
                pattern,
                escape,
                not,
            } => negated(self.like(operand, pattern, *escape)?, *not),
            Expression::IsNull { operand, not } => negated(self.is_null(operand)?, *not),
            Expression::Truth(operand) => self.truth(operand)?,
        })
    }

    fn column(&self, at: usize, name: &str) -> Result<(usize, &'a Field), Flaw> {
        let ordinal = self.schema.find(name);
        ordinal
            .and_then(|ordinal| Some((ordinal, self.schema.columns.get(ordinal)?)))
            .ok_or_else(|| {
                let known: Vec<&str> = self.schema.columns.iter().map(|column| column.name.as_str()).collect();
                Flaw::new(
                    at,
                    format!(
                        "there is no column `{name}`; the table has {}. `tables` of the [[plugin]] chooses the tables that a filter is for",
                        known.join(", ")
                    ),
                )
            })
    }

    fn constant<'e>(&'e self, value: &'e Value) -> Option<Constant<'e>> {
        Some(match value {
            Value::Number(text, negative) => Constant::Number(text, *negative),
            Value::Text(text) => Constant::Text(text),
            Value::Bytes(bytes) => Constant::Bytes(bytes),
            Value::Null => Constant::Null,
            Value::Database => Constant::Text(&self.schema.database),
            Value::Table => Constant::Text(&self.schema.table),
            Value::Column(..) | Value::Op | Value::Snapshot => return None,
        })
    }

    fn compare(&self, left: &Operand, comparison: Comparison, right: &Operand) -> Result<Node, Flaw> {
        match (&left.value, &right.value) {
            (Value::Column(one, name), Value::Column(other, second)) => {
                let (a, b) = (self.column(left.at, name)?, self.column(right.at, second)?);
                let how = How::of(a.1, b.1, comparison).ok_or_else(|| {
                    let types = (&a.1.mysql_type, &b.1.mysql_type);
                    Flaw::new(
                        left.at,
                        format!("a column of type `{}` can't be compared with one of type `{}` so", types.0, types.1),
                    )
                })?;
                Ok(Node::Pair(Pair {
                    sides: [(*one, a.0), (*other, b.0)],
                    comparison,
                    how,
                }))
            }
            (Value::Column(side, name), value) => {
                let column = self.column(left.at, name)?;
                let Some(constant) = self.constant(value) else {
                    return Err(Flaw::new(right.at, "a column is compared with a constant or another column"));
                };
                self.against((*side, column), comparison, (right.at, constant))
            }
            (_, Value::Column(..)) => self.compare(right, comparison.mirrored(), left),
            (Value::Op, value) => ops(comparison, value, right.at),
            (Value::Snapshot, value) => snapshot(comparison, value, right.at),
            (_, Value::Op | Value::Snapshot) => self.compare(right, comparison.mirrored(), left),
            (one, other) => {
                let constants = (self.constant(one), self.constant(other));
                let order = match constants {
                    (Some(Constant::Null), Some(Constant::Null)) if comparison == Comparison::Same => {
                        return Ok(Node::Constant(Truth::TRUE));
                    }
                    (Some(Constant::Null), _) | (_, Some(Constant::Null)) => return Ok(Node::Constant(null_truth(comparison))),
                    (Some(Constant::Text(one)), Some(Constant::Text(other))) => one.cmp(other),
                    (Some(Constant::Number(one, minus)), Some(Constant::Number(other, negative))) => {
                        // Thirty decimals are more than any constant of use has.
                        let (one, other) = (Bound::of(one, minus, 30), Bound::of(other, negative, 30));
                        one.floor.cmp(&other.floor).then(other.exact.cmp(&one.exact))
                    }
                    _ => return Err(Flaw::new(left.at, "constants of these kinds can't be compared")),
                };
                Ok(Node::Constant(Truth::of(comparison.holds(order))))
            }
        }
    }

    /// A column against a constant.
    fn against(
        &self,
        (side, (column, field)): (Side, (usize, &Field)),
        comparison: Comparison,
        (at, constant): (usize, Constant<'_>),
    ) -> Result<Node, Flaw> {
        if matches!(constant, Constant::Null) {
            return Ok(match comparison {
                Comparison::Same => is_null(side, column),
                _ => Node::Constant(Truth::NULL),
            });
        }
        let check = check(field, comparison, &constant).map_err(|what| Flaw::new(at, what))?;
        Ok(Node::Test(Test {
            side,
            column,
            check,
            null: null_truth(comparison),
        }))
    }

    fn among(&self, operand: &Operand, list: &[Operand]) -> Result<Node, Flaw> {
        let nodes = list.iter().map(|item| self.compare(operand, Comparison::Equal, item));
        Ok(Node::Or(merged(nodes.collect::<Result<_, _>>()?)))
    }

    fn like(&self, operand: &Operand, pattern: &Operand, escape: Option<char>) -> Result<Node, Flaw> {
        let text = match self.constant(&pattern.value) {
            Some(Constant::Text(text)) => text,
            Some(Constant::Null) => return Ok(Node::Constant(Truth::NULL)),
            _ => return Err(Flaw::new(pattern.at, "behind LIKE stands a text in quotes")),
        };
        let (side, name) = match &operand.value {
            Value::Column(side, name) => (*side, name),
            value => {
                let Some(Constant::Text(value)) = self.constant(value) else {
                    return Err(Flaw::new(operand.at, "LIKE is for texts"));
                };
                return Ok(Node::Constant(Truth::of(
                    Pattern::new(text, escape, true).matches(value.as_bytes()),
                )));
            }
        };
        let (column, field) = self.column(operand.at, name)?;
        let like = Text::Like(Pattern::new(text, escape, field.kind != Kind::Binary));
        let check = match field.kind {
            Kind::String | Kind::Binary => Check::Text(like),
            Kind::Enum => labels(field, &like),
            Kind::Set => Check::Set(like),
            _ => {
                let what = format!("LIKE is for texts, and the column is of the type `{}`", field.mysql_type);
                return Err(Flaw::new(operand.at, what));
            }
        };
        let null = Truth::NULL;
        Ok(Node::Test(Test { side, column, check, null }))
    }

    fn is_null(&self, operand: &Operand) -> Result<Node, Flaw> {
        match &operand.value {
            Value::Column(side, name) => Ok(is_null(*side, self.column(operand.at, name)?.0)),
            value => Ok(Node::Constant(Truth::of(matches!(value, Value::Null)))),
        }
    }

    fn truth(&self, operand: &Operand) -> Result<Node, Flaw> {
        match &operand.value {
            Value::Snapshot => Ok(Node::Snapshot),
            Value::Null => Ok(Node::Constant(Truth::NULL)),
            Value::Number(..) | Value::Column(..) => {
                let zero = Operand {
                    at: operand.at,
                    value: Value::Number("0".to_owned(), false),
                };
                self.compare(operand, Comparison::Unequal, &zero)
            }
            _ => Err(Flaw::new(operand.at, "this is no condition: compare it with something")),
        }
    }
}

fn negated(node: Node, not: bool) -> Node {
    if not { Node::Not(Box::new(node)) } else { node }
}

fn is_null(side: Side, column: usize) -> Node {
    Node::Test(Test {
        side,
        column,
        check: Check::Null,
        null: Truth::TRUE,
    })
}

/// What a comparison with NULL is.
fn null_truth(comparison: Comparison) -> Truth {
    if comparison == Comparison::Same {
        Truth::FALSE
    } else {
        Truth::NULL
    }
}

/// The ops for which a comparison is true.
fn ops(comparison: Comparison, value: &Value, at: usize) -> Result<Node, Flaw> {
    let known = [("insert", Op::Insert), ("update", Op::Update), ("delete", Op::Delete)];
    let (equal, text) = match (comparison, value) {
        (Comparison::Equal | Comparison::Same, Value::Text(text)) => (true, text),
        (Comparison::Unequal, Value::Text(text)) => (false, text),
        _ => return Err(Flaw::new(at, "`op` is compared by = and <> with 'insert', 'update' or 'delete'")),
    };
    if !known.iter().any(|(name, _)| text.eq_ignore_ascii_case(name)) {
        return Err(Flaw::new(at, "`op` is one of 'insert', 'update' and 'delete'"));
    }
    let chosen = known.iter().filter(|(name, _)| text.eq_ignore_ascii_case(name) == equal);
    Ok(Node::Ops(chosen.map(|(_, op)| *op).collect()))
}

fn snapshot(comparison: Comparison, value: &Value, at: usize) -> Result<Node, Flaw> {
    let wanted = match value {
        Value::Number(text, false) if text == "1" => true,
        Value::Number(text, false) if text == "0" => false,
        _ => return Err(Flaw::new(at, "`snapshot` is TRUE or FALSE")),
    };
    match comparison {
        Comparison::Equal | Comparison::Same => Ok(negated(Node::Snapshot, !wanted)),
        Comparison::Unequal => Ok(negated(Node::Snapshot, wanted)),
        _ => Err(Flaw::new(at, "`snapshot` is compared by = and <>")),
    }
}

/// What a constant means for a column, or why it means nothing.
fn check(field: &Field, comparison: Comparison, constant: &Constant<'_>) -> Result<Check, String> {
    let wrong = |wanted: &str| Err(format!("a column of type `{}` is compared with {wanted}", field.mysql_type));
    match (field.kind, constant) {
        (Kind::Int | Kind::Year | Kind::Bit | Kind::Decimal | Kind::Float | Kind::Double, constant) => {
            let (text, negative) = match constant {
                Constant::Number(text, negative) => (*text, *negative),
                Constant::Text(text) => match signed(text) {
                    Some(number) => number,
                    None => return wrong("a number"),
                },
                _ => return wrong("a number"),
            };
            if matches!(field.kind, Kind::Float | Kind::Double) {
                let number: f64 = text.parse().map_err(|_| "this is no number".to_owned())?;
                return Ok(floats(comparison, if negative { -number } else { number }));
            }
            Ok(range(comparison, Bound::of(text, negative, crate::check::scale(field)), None))
        }
        // The number of a label, or the bits of a set.
        (Kind::Enum | Kind::Set, Constant::Number(text, negative)) => Ok(range(comparison, Bound::of(text, *negative, 0), None)),
        (Kind::Enum, Constant::Text(text)) => Ok(labels(field, &Text::Compare(comparison, text.as_bytes().to_vec()))),
        (Kind::Set, Constant::Text(text)) => Ok(Check::Set(Text::Compare(comparison, text.as_bytes().to_vec()))),
        (Kind::String | Kind::Binary, Constant::Text(text)) => Ok(Check::Text(Text::Compare(comparison, text.as_bytes().to_vec()))),
        (Kind::Binary, Constant::Bytes(bytes)) => Ok(Check::Text(Text::Compare(comparison, bytes.to_vec()))),
        (Kind::Date | Kind::Datetime | Kind::Timestamp, Constant::Text(text)) => {
            let Some(moment) = Moment::read(text, field.kind == Kind::Timestamp) else {
                return wrong("a date such as '2024-02-29' or '2024-02-29 23:59:59'");
            };
            let bound = if field.kind == Kind::Date {
                moment.days()
            } else {
                moment.microseconds()
            };
            Ok(range(comparison, bound, Some(moment)))
        }
        (Kind::Time, Constant::Text(text)) => match span(text) {
            Some(bound) => Ok(range(comparison, bound, None)),
            None => wrong("a time such as '-12:30:00'"),
        },
        (Kind::Date | Kind::Datetime | Kind::Timestamp | Kind::Time, _) => wrong("a text in quotes such as '2024-02-29'"),
        (Kind::Json, _) => {
            Err("a column of type `json` can only be asked for NULL, or be compared with itself before and after".to_owned())
        }
        (Kind::Binary, _) => wrong("a text in quotes or bytes such as x'00ff'"),
        _ => wrong("a text in quotes"),
    }
}

/// A number in quotes.
fn signed(text: &str) -> Option<(&str, bool)> {
    let text = text.trim();
    let (digits, negative) = match text.strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (text.strip_prefix('+').unwrap_or(text), false),
    };
    let starts = digits.bytes().next().is_some_and(|byte| byte.is_ascii_digit() || byte == b'.');
    (starts && digits.parse::<f64>().is_ok_and(f64::is_finite)).then_some((digits, negative))
}

fn range(comparison: Comparison, Bound { floor, exact }: Bound, moment: Option<Moment>) -> Check {
    // The first value that is not below the constant, and the last one that is.
    let (at_least, below) = if exact { (floor, floor.down()) } else { (floor.up(), floor) };
    let (low, high, outside) = match comparison {
        Comparison::Equal | Comparison::Same if exact => (floor, floor, false),
        Comparison::Unequal if exact => (floor, floor, true),
        // No value is the constant.
        Comparison::Equal | Comparison::Same => (Wide::MAX, Wide::MIN, false),
        Comparison::Unequal => (Wide::MAX, Wide::MIN, true),
        Comparison::Less => (Wide::MIN, below, false),
        Comparison::AtMost => (Wide::MIN, floor, false),
        Comparison::Greater => (floor.up(), Wide::MAX, false),
        Comparison::AtLeast => (at_least, Wide::MAX, false),
    };
    let odd = moment.map(|moment| (comparison, moment));
    Check::Range { low, high, outside, odd }
}

fn floats(comparison: Comparison, number: f64) -> Check {
    let (low, high, outside) = match comparison {
        Comparison::Equal | Comparison::Same => (number, number, false),
        Comparison::Unequal => (number, number, true),
        Comparison::Less => (f64::NEG_INFINITY, number.next_down(), false),
        Comparison::AtMost => (f64::NEG_INFINITY, number, false),
        Comparison::Greater => (number.next_up(), f64::INFINITY, false),
        Comparison::AtLeast => (number, f64::INFINITY, false),
    };
    Check::Float { low, high, outside }
}

/// An ENUM's labels are looked at once, here.
fn labels(field: &Field, text: &Text) -> Check {
    let all = std::iter::once("").chain(field.labels.iter().map(String::as_str));
    Check::Labels(all.map(|label| Truth::of(text.matches(label.as_bytes()))).collect())
}

/// Several values that a column may have are looked up together.
fn merged(nodes: Vec<Node>) -> Vec<Node> {
    let (mut numbers, mut texts, mut others) = (Vec::new(), Vec::new(), Vec::new());
    let mut first = None;
    for node in nodes {
        match node {
            Node::Test(Test {
                side,
                column,
                check:
                    Check::Range {
                        low,
                        high,
                        outside: false,
                        odd: None,
                    },
                null,
            }) if low >= high => {
                // A constant that no value is equal to has nothing between its ends.
                numbers.extend((low == high).then_some(low));
                first = Some((side, column, null));
            }
            Node::Test(Test {
                side,
                column,
                check: Check::Text(Text::Compare(Comparison::Equal, text)),
                null,
            }) => {
                texts.push(text);
                first = Some((side, column, null));
            }
            other => others.push(other),
        }
    }
    if let Some((side, column, null)) = first {
        numbers.sort_unstable();
        texts.sort_unstable();
        let check = if texts.is_empty() {
            Check::Among(numbers)
        } else {
            Check::Text(Text::Among(texts))
        };
        others.push(Node::Test(Test { side, column, check, null }));
    }
    others
}
