//! Where earlier transforms have sent rows.

use super::route::{HEADERS, KEY, PARTITION, TOPIC, earlier_headers, place_of};
use crate::{Batch, Column, Error, Values};

/// Where earlier transforms send the rows of a batch.
///
/// ```
/// use rowmill_sdk::{Route, harness::{Opened, Rows}};
/// let routed = Opened::new(&Rows::sample())?.process(|batch| {
///     let mut edit = batch.edit();
///     edit.route_topic(|row, out| if row.number() == 0 { out.text("first") } else { Ok(()) })?;
///     edit.route_headers(|_, headers| {
///         headers.add("by", b"an earlier one");
///         Ok(())
///     })?;
///     edit.finish()
/// })?.expect("no row is dropped");
/// // What the next transform is given.
/// let opened = Opened::new(&routed)?;
/// let batch = opened.batch()?;
/// let routes = batch.routes()?.expect("rows are routed");
/// let second = Route { headers: vec![("by".to_owned(), b"an earlier one".to_vec())], ..Route::default() };
/// assert_eq!(routes.row(1), second);
/// assert_eq!(routes.row(0), Route { topic: Some("first".to_owned()), ..second });
/// # Ok::<(), rowmill_sdk::Error>(())
/// ```
pub struct RouteView<'a> {
    topic: Option<Column<'a>>,
    partition: Option<Column<'a>>,
    key: Option<Column<'a>>,
    headers: Vec<(u32, String, Vec<u8>)>,
}

/// Where an earlier transform sends one row; what it left open is none ([example](RouteView)).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// Full name of the topic.
    pub topic: Option<String>,
    /// Number of the partition.
    pub partition: Option<i32>,
    /// Key of the records.
    pub key: Option<Vec<u8>>,
    /// Names and values of headers that are added.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl<'a> Batch<'a> {
    /// Where earlier transforms send the rows; none where no transform has said so ([example](RouteView)).
    ///
    /// # Errors
    /// `malformed-message`.
    pub fn routes(&'a self) -> Result<Option<RouteView<'a>>, Error> {
        let column = |name: &str| match place_of(self, name) {
            Some((place, node)) => self.frame.buffers(place)?.column(node.kind.storage(), self.rows()).map(Some),
            None => Ok(None),
        };
        let rows: Vec<u32> = (0..u32::try_from(self.rows()).unwrap_or(u32::MAX)).collect();
        let view = RouteView {
            topic: column(TOPIC)?,
            partition: column(PARTITION)?,
            key: column(KEY)?,
            headers: earlier_headers(self, &rows)?,
        };
        let any = view.topic.is_some() || view.partition.is_some() || view.key.is_some() || place_of(self, HEADERS).is_some();
        Ok(any.then_some(view))
    }
}

/// The values of a column that is there and not null.
fn value(column: Option<Column<'_>>, row: usize) -> Option<Values<'_>> {
    column.filter(|column| !column.is_null(row)).map(|column| column.values)
}

impl RouteView<'_> {
    /// Where a row goes ([example](Self)).
    pub fn row(&self, row: usize) -> Route {
        let bytes = |column| match value(column, row) {
            Some(Values::Bytes(bytes)) => Some(bytes.get(row).to_vec()),
            _ => None,
        };
        let narrow = u32::try_from(row).unwrap_or(u32::MAX);
        let of_row = self.headers.iter().filter(|(at, ..)| *at == narrow);
        Route {
            topic: bytes(self.topic).and_then(|topic| String::from_utf8(topic).ok()),
            partition: match value(self.partition, row) {
                Some(Values::Int32(partitions)) => Some(partitions.i32(row)),
                _ => None,
            },
            key: bytes(self.key),
            headers: of_row.map(|(_, name, value)| (name.clone(), value.clone())).collect(),
        }
    }
}
