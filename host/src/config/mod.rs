//! File, environment and REST map → one checked [`Config`]. The only room that reads the environment.

mod settings;

pub use settings::{
    BatchLimits, Compression, Config, Ddl, Limits, OnError, Plugin, PluginOrigin, Secret, Sink, SinkKind, Snapshot, Source, SourceKind,
    Start, TableFilter, TlsMode, Topics, Transactions,
};
