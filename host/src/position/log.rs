//! Which log a position is a place in.

/// A server's log, and one file of it: another server, and the same one after its log was reset, give their files the same names.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Log {
    /// The server, as it calls itself: MySQL's UUID, or what MariaDB has in its place.
    pub server: String,
    /// When the position's file was begun, by the server: seconds since 1970; 0 where that is not known.
    #[serde(default)]
    pub began: u32,
}
