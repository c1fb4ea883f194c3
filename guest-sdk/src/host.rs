//! What the host offers: its log and its metrics. Natively a log line goes to standard error and a metric nowhere.

/// How important a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Of use while a plugin is developed.
    Debug,
    /// A normal step.
    Info,
    /// Something is off, and the plugin goes on.
    Warn,
    /// A person must look.
    Error,
}

/// Writes one line to the host's log. Never put a row value into it.
pub fn log(level: Level, message: &str) {
    #[cfg(target_family = "wasm")]
    {
        use crate::bindings::lifecycle::rowmill::plugin::host;
        let level = match level {
            Level::Debug => host::Level::Debug,
            Level::Info => host::Level::Info,
            Level::Warn => host::Level::Warn,
            Level::Error => host::Level::Error,
        };
        host::log(level, message);
    }
    #[cfg(not(target_family = "wasm"))]
    eprintln!("{level:?}: {message}");
}

/// Adds to the counter `rowmill_plugin_<name>`; a name has lower-case letters, digits and underscores.
pub fn metric(name: &str, value: f64) {
    #[cfg(target_family = "wasm")]
    crate::bindings::lifecycle::rowmill::plugin::host::metric(name, value);
    #[cfg(not(target_family = "wasm"))]
    let _ = (name, value);
}
