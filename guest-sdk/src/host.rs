//! What the host offers: its log and its metrics. Natively a log line goes to standard error and a metric nowhere.
//!
//! ```
//! use rowmill_sdk::host::{Level, log, metric};
//! let hidden = ["email", "iban"];
//! log(Level::Info, &format!("hides {} columns", hidden.len())); // as `rowmill_sdk::info!` does
//! metric("hidden_columns", 2.0);
//! assert_ne!(Level::Info, Level::Error);
//! ```

/// How important a log line is ([example](self)).
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

/// Writes a line of level `debug`, formatted as by `format!`. Never put a row value into it.
///
/// ```
/// let table = "shop.orders";
/// rowmill_sdk::debug!("opened {table}");
/// rowmill_sdk::info!("3 columns of {table} are hidden");
/// rowmill_sdk::warn!("{table} has no key");
/// rowmill_sdk::error!("{table} can't be read");
/// ```
#[macro_export]
macro_rules! debug {
    ($($text:tt)*) => { $crate::host::log($crate::host::Level::Debug, &::std::format!($($text)*)) };
}

/// Writes a line of level `info`, as [`debug!`](crate::debug) ([example](crate::debug)).
#[macro_export]
macro_rules! info {
    ($($text:tt)*) => { $crate::host::log($crate::host::Level::Info, &::std::format!($($text)*)) };
}

/// Writes a line of level `warn`, as [`debug!`](crate::debug) ([example](crate::debug)).
#[macro_export]
macro_rules! warn {
    ($($text:tt)*) => { $crate::host::log($crate::host::Level::Warn, &::std::format!($($text)*)) };
}

/// Writes a line of level `error`, as [`debug!`](crate::debug) ([example](crate::debug)).
#[macro_export]
macro_rules! error {
    ($($text:tt)*) => { $crate::host::log($crate::host::Level::Error, &::std::format!($($text)*)) };
}

/// Writes one line to the host's log ([example](self)). Never put a row value into it.
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

/// Adds to the counter `rowmill_plugin_counts_total`, under this name; a name has lower-case letters, digits and underscores.
///
/// ```
/// rowmill_sdk::host::metric("masked_values", 3.0);
/// ```
pub fn metric(name: &str, value: f64) {
    #[cfg(target_family = "wasm")]
    crate::bindings::lifecycle::rowmill::plugin::host::metric(name, value);
    #[cfg(not(target_family = "wasm"))]
    let _ = (name, value);
}
