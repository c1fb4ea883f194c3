//! The list of plugins that ship inside the program. The build script reads this file, too.

/// Names, the default encoder first, transforms last. Each is the crate `rowmill-NAME` in `plugins/NAME`.
pub const BUILTINS: &[&str] = &[
    "envelope",
    "debezium-json",
    "flat-json",
    "maxwell-json",
    "canal-json",
    "avro",
    "arrow-ipc",
    "filter",
    "mask",
    "project",
    "route",
];
