//! Which columns a row image holds, by the rules of each server.

use super::schema::Schema;
use super::statements::Kind;
use super::steps::Image;
use super::world::World;

/// What is known about a column's presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Must,
    May,
    Never,
}

/// What decides it.
pub(crate) struct Rules<'a> {
    pub(crate) world: &'a World,
    pub(crate) schema: &'a Schema,
    pub(crate) image: Image,
    pub(crate) kind: Kind,
    pub(crate) written: &'a [usize],
}

impl Rules<'_> {
    fn is_large(&self, column: usize) -> bool {
        let column = &self.schema.columns[column];
        column.is_blob() || column.data_type == "json" || column.data_type == "vector" || column.is_spatial()
    }

    /// In the image before a change.
    pub(crate) fn before(&self, column: usize) -> Presence {
        let key = &self.schema.key;
        match self.image {
            _ if key.is_empty() => Presence::Must,
            Image::Full => Presence::Must,
            _ if key.contains(&column) => Presence::Must,
            Image::Minimal => Presence::Never,
            Image::Noblob if self.is_large(column) => Presence::May,
            Image::Noblob => Presence::Must,
        }
    }

    /// In the image after it; whether it `changed` there.
    pub(crate) fn after(&self, column: usize, op: &str, changed: bool) -> Presence {
        let written = self.written.contains(&column);
        let described = &self.schema.columns[column];
        // What the server itself writes to.
        // MariaDB and MySQL 5.6 do not tell a default that is an expression from one that is not.
        let expression = described.extra.contains("default_generated") || (described.has_default && !self.world.is_mysql9());
        let by_expression = self.kind != Kind::Update && expression;
        let of_server =
            described.generated || described.on_update || described.auto_increment || by_expression || described.name == "my_row_id";
        match self.image {
            Image::Full => Presence::Must,
            // MariaDB leaves out what is computed when it is read, unless something else reads it.
            _ if described.is_virtual() && self.world.is_mariadb() => Presence::May,
            _ if changed && op != "INSERT" => Presence::Must,
            _ if written && op == "INSERT" => Presence::Must,
            // MariaDB then logs whole rows.
            _ if self.schema.key.is_empty() && self.world.is_mariadb() => Presence::Must,
            Image::Noblob if self.is_large(column) => Presence::May,
            Image::Noblob => Presence::Must,
            Image::Minimal if written => Presence::May,
            Image::Minimal if of_server || matches!(self.kind, Kind::Replace | Kind::Upsert) => Presence::May,
            Image::Minimal => Presence::Never,
        }
    }
}
