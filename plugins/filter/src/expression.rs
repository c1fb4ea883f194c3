//! A condition as it was written: its parts, and where each stands in the text.

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    Or(Vec<Expression>),
    And(Vec<Expression>),
    Not(Box<Expression>),
    /// `… IS [NOT] TRUE` and its like.
    Is {
        inner: Box<Expression>,
        truth: Option<bool>,
        not: bool,
    },
    Compare(Operand, Comparison, Operand),
    In {
        operand: Operand,
        list: Vec<Operand>,
        not: bool,
    },
    Like {
        operand: Operand,
        pattern: Operand,
        escape: Option<char>,
        not: bool,
    },
    IsNull {
        operand: Operand,
        not: bool,
    },
    /// A value by itself: true where it is a number other than 0.
    Truth(Operand),
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
    /// `<=>`: NULL equals NULL.
    Same,
}

impl Comparison {
    /// The same with its sides exchanged.
    pub(crate) fn mirrored(self) -> Self {
        match self {
            Self::Less => Self::Greater,
            Self::AtMost => Self::AtLeast,
            Self::Greater => Self::Less,
            Self::AtLeast => Self::AtMost,
            other => other,
        }
    }

    /// Whether it holds for values of this order.
    pub(crate) fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Equal | Self::Same => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}

/// A value, and where it stands: the number of its first character, from 0.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Operand {
    pub(crate) at: usize,
    pub(crate) value: Value,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Column(Side, String),
    Op,
    Database,
    Table,
    Snapshot,
    /// A number as it was written, without a sign; and whether it is negative.
    Number(String, bool),
    Text(String),
    Bytes(Vec<u8>),
    Null,
}

/// Which image of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// That which decides.
    Row,
    Before,
    After,
}

/// What is wrong with a condition, and where: the number of the character, from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) at: usize,
    pub(crate) what: String,
}

impl Flaw {
    pub(crate) fn new(at: usize, what: impl Into<String>) -> Self {
        Self { at, what: what.into() }
    }

    /// In words, with what stands there.
    pub(crate) fn told(&self, text: &str) -> String {
        let near: String = text.chars().skip(self.at).take(24).collect();
        if near.is_empty() {
            format!("at the end: {}", self.what)
        } else {
            format!("at character {}, `{near}`: {}", self.at + 1, self.what)
        }
    }
}
