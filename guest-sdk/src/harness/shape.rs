//! A table's version, described as MySQL would, and its Arrow schema as the contract has it.

use crate::Field;
use crate::tree::{Node, Tree, Type, set};

/// A table: names, columns, key.
///
/// ```
/// use rowmill_sdk::harness::Shape;
/// let shape = Shape::new("shop", "orders")
///     .column("id", "bigint unsigned", &[])
///     .not_null()
///     .column("size", "enum", &["S", "M", "L"])
///     .column("seen", "tinyint", &[])
///     .width_unknown("an older server tells no widths")
///     .key(&[0])
///     .with("time_zone", "+08:00");
/// let [id, size, seen] = shape.columns() else { unreachable!("it has three") };
/// assert_eq!((id.not_null, size.labels.len(), seen.width_unknown.is_some()), (true, 3, true));
/// ```
#[derive(Debug, Clone)]
pub struct Shape {
    metadata: Vec<(String, String)>,
    pub(super) columns: Vec<Field>,
}

impl Shape {
    /// A table without columns yet, on a MySQL 9.7 whose zone is UTC ([example](Self)).
    pub fn new(database: &str, table: &str) -> Self {
        let shape = Self {
            metadata: Vec::new(),
            columns: Vec::new(),
        };
        shape
            .with("flavor", "mysql")
            .with("server_version", "9.7.0")
            .with("database", database)
            .with("table", table)
            .with("key", "[]")
            .with("time_zone", "UTC")
            .with("topic", &format!("mysql_{table}"))
    }

    /// The same with other metadata: `flavor`, `time_zone`, `server_version`, `topic` ([example](Self)).
    #[must_use]
    pub fn with(mut self, key: &str, value: &str) -> Self {
        set(&mut self.metadata, &format!("rowmill.{key}"), Some(value.to_owned()));
        self
    }

    /// The same with this key: ordinals from 0, in key order ([example](Self)).
    #[must_use]
    pub fn key(self, ordinals: &[usize]) -> Self {
        self.with("key", &format!("{ordinals:?}"))
    }

    /// The same with one more column of a type as MySQL writes it: `int unsigned`, `decimal(12,2)`, `timestamp(6)`, `enum`.
    /// `labels` are those of ENUM and SET ([example](Self)).
    ///
    /// # Panics
    /// Where the type is none of MySQL's.
    #[must_use]
    pub fn column(mut self, name: &str, mysql_type: &str, labels: &[&str]) -> Self {
        let field = Field::new(name, mysql_type);
        assert!(field.is_ok(), "the harness knows no type `{mysql_type}`");
        self.columns.extend(field.map(|field| field.with_labels(labels.iter().copied())));
        self
    }

    /// The same, whose last column is NOT NULL ([example](Self)).
    #[must_use]
    pub fn not_null(mut self) -> Self {
        if let Some(column) = self.columns.last_mut() {
            column.not_null = true;
        }
        self
    }

    /// The same, whose last column is a TINYINT of which it is not known, for this reason, whether it has a display width ([example](Self)).
    #[must_use]
    pub fn width_unknown(mut self, reason: &str) -> Self {
        if let Some(column) = self.columns.last_mut() {
            column.width_unknown = Some(reason.to_owned());
        }
        self
    }

    /// Its columns, in order ([example](Self)).
    pub fn columns(&self) -> &[Field] {
        &self.columns
    }

    /// The Arrow schema; optional columns as asked for.
    pub(super) fn tree(&self, before: bool, partial: bool, odd_dates: bool) -> Tree {
        let image = |name: &str| Node {
            children: self.columns.iter().filter_map(|column| column.node().ok()).collect(),
            ..Node::leaf(name, Type::Struct, true)
        };
        let width = i32::try_from(self.columns.len().div_ceil(8)).unwrap_or(i32::MAX);
        let int = |name: &str, bits: i32, signed: bool| Node::leaf(name, Type::Int { bits, signed }, false);
        let mut fields = vec![
            int("seq", 64, false),
            int("op", 8, false),
            int("flags", 8, false),
            int("ts", 64, true),
            int("checkpoint_ts", 64, true),
            int("txn", 32, false),
        ];
        if before {
            fields.push(image("before"));
        }
        fields.push(image("after"));
        if partial && before {
            fields.push(Node::leaf("before_present", Type::FixedBinary(width), true));
        }
        if partial {
            fields.push(Node::leaf("after_present", Type::FixedBinary(width), true));
        }
        if odd_dates {
            let item = Node {
                children: vec![
                    int("image", 8, false),
                    int("column", 16, false),
                    Node::leaf("text", Type::Utf8, false),
                ],
                ..Node::leaf("item", Type::Struct, false)
            };
            fields.push(Node {
                children: vec![item],
                ..Node::leaf("odd_dates", Type::List, true)
            });
        }
        Tree {
            fields,
            metadata: self.metadata.clone(),
        }
    }
}
