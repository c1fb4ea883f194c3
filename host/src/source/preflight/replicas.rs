//! Whether another replica reads with our id.

use std::time::{Duration, Instant};

use super::version;
use crate::config::Config;
use crate::fault::Fault;
use crate::source::connection::Connection;
use crate::source::dump::replica_uuid;
use crate::source::schema::{Flavor, Server};

/// Within this time a server notices that a replica has left: the second heartbeat to it fails.
const DEPARTED: Duration = Duration::from_secs(12);
/// Between two looks at the list of replicas.
const LIST_LOOK: Duration = Duration::from_millis(250);

/// Another replica that shows our id and goes on doing so: one that has just left stays on the list until heartbeats find it gone.
pub(super) fn lasting_replica(connection: &mut Connection, config: &Config, server: &Server) -> Result<Option<String>, Fault> {
    let deadline = Instant::now() + DEPARTED;
    let mut told = false;
    loop {
        let found = other_replica(connection, config, server)?;
        let Some(by) = &found else { return Ok(None) };
        if Instant::now() >= deadline {
            return Ok(found);
        }
        if !std::mem::replace(&mut told, true) {
            let (server_id, wait_ms) = (config.source.server_id, DEPARTED.as_millis());
            tracing::info!(
                server_id,
                by,
                wait_ms,
                "the replica id is taken: waiting whether its owner has left"
            );
        }
        // The server's list has no event to wait for.
        std::thread::sleep(LIST_LOOK);
    }
}

/// Another replica that shows our id. The server tells replicas apart by their UUID and lets both read, so it reports nothing;
/// whoever looks at its list of replicas sees only one of them.
fn other_replica(connection: &mut Connection, config: &Config, server: &Server) -> Result<Option<String>, Fault> {
    // The list has no UUIDs on servers that end the older of the two by themselves; that is reported when it happens.
    if server.flavor == Flavor::Mariadb {
        return Ok(None);
    }
    let statement = if version(&server.version) >= (8, 0, 22) {
        "SHOW REPLICAS"
    } else {
        "SHOW SLAVE HOSTS"
    };
    let (ours, own_uuid) = (config.source.server_id.to_string(), replica_uuid(&config.name));
    let rows = if version(&server.version) < (5, 7, 0) {
        // MySQL 5.6 sends a row that ends early for a replica without a UUID, and the connection is of no use after that.
        Connection::open(config)?.query(statement).unwrap_or_default()
    } else {
        connection.query(statement)?
    };
    for row in rows {
        let mut fields = row.into_iter().map(Option::unwrap_or_default);
        let (id, host) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let uuid = fields.next_back().unwrap_or_default();
        if id == ours && uuid != own_uuid {
            return Ok(Some(format!("another replica (host {host:?}, UUID {uuid})")));
        }
    }
    Ok(None)
}
