//! `rowmill demo`.

use rowmill::config::{self, Surroundings};

use super::failure::Failure;
use super::{signals, wiring};

/// The connector that the demo pretends to be: the captured binlog holds the tables of this database. Source and brokers
/// are put in place by the demo itself.
const CONNECTOR: &str = r#"
name = "demo"
[source]
user = "demo"
database = "mysql_to_kafka"
auto_add = ".*"
snapshot = "never"
[sink]
topic_prefix = "mysql"
"#;

/// Sends captured rows through the whole path.
pub(super) fn demo(rows: u64) -> Result<(), Failure> {
    let folder = std::path::Path::new("");
    let config = config::parse(CONNECTOR, &Surroundings { folder, variable: &|name| std::env::var(name).ok() })?;
    let stop = wiring::Stop::new();
    let request = stop.clone();
    signals::watch(Some(config.shutdown_timeout), move || request.request())?;
    Ok(wiring::demo(&config, rows, &stop)?)
}
