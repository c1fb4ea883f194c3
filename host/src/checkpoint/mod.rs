//! The last position whose records are all delivered, and the sequence counter: what it looks like stored, and where.
//!
//! While a connector runs its checkpoints go through the sink, after (later: with) the records; the stores here are for
//! loading one at the start and for setting one while the connector stands.

mod copying;
mod file;
mod inside;
mod plugins;
mod requests;
mod topic;

pub use copying::Left;
pub use file::FileCheckpoints;
pub use inside::{Inside, TableRows};
pub use plugins::{PluginRecord, PluginState};
pub use requests::{PluginOrder, Request, Requests, request_plugin, request_snapshot};
pub use topic::TopicCheckpoints;

use crate::config::Config;
use crate::fault::Fault;
use crate::position::{Log, Position, Prepared};
use crate::sink;

/// Version of the stored form. A program that finds a higher one refuses it.
const VERSION: u32 = 5;
/// What programs before plugins' state know, those before `copying`, those before `inside`, and those before `prepared`. They are written where there is
/// nothing that those would lose.
const WITHOUT_STATE: u32 = 4;
const WITHOUT_COPYING: u32 = 3;
const WITHOUT_INSIDE: u32 = 2;
const WITHOUT_PREPARED: u32 = 1;

/// What a restart needs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Checkpoint {
    /// Where to go on.
    pub position: Position,
    /// `sequenceId` of the next change: milliseconds at the first start times 10^6, plus the changes since.
    pub next_sequence: u64,
    /// Milliseconds since 1970 when it was made.
    pub saved_at_ms: i64,
    /// Transactions from `position` on that began before this time (milliseconds since 1970) are passed over: what is left
    /// to do of a start at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip_before_ms: Option<i64>,
    /// XA transactions that were prepared before `position` and are decided after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prepared: Vec<Prepared>,
    /// What has been delivered of a transaction after `position`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inside: Option<Inside>,
    /// Which log `position` is a place in; unknown where it was set by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<Log>,
    /// Tables of which existing rows are not all delivered.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "copying")]
    pub copying: Vec<Left>,
    /// The plugins, in order; none before the first commit, and where the position was set by hand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plugins: Vec<PluginRecord>,
}

#[derive(serde::Serialize)]
struct Stored<'a> {
    version: u32,
    #[serde(flatten)]
    checkpoint: &'a Checkpoint,
}

/// Read before the rest: what the rest looks like depends on it.
#[derive(serde::Deserialize)]
struct Version {
    version: u32,
}

/// Sequence numbers per millisecond of the first start: the factor of `sequenceId`.
const SEQUENCES_PER_MS: u64 = 1_000_000;

impl Checkpoint {
    /// `next_sequence` of a connector that starts for the first time at `now_ms` (milliseconds since 1970).
    pub fn first_sequence(now_ms: i64) -> u64 {
        u64::try_from(now_ms).unwrap_or(0).saturating_mul(SEQUENCES_PER_MS)
    }

    /// The lowest that says all of it.
    fn version(&self) -> u32 {
        if self.plugins.iter().any(|plugin| plugin.state.is_some()) {
            VERSION
        } else if !self.copying.is_empty() {
            WITHOUT_STATE
        } else if self.inside.is_some() {
            WITHOUT_COPYING
        } else if self.prepared.is_empty() {
            WITHOUT_PREPARED
        } else {
            WITHOUT_INSIDE
        }
    }

    /// The stored form: a JSON object with `version`.
    ///
    /// # Errors
    /// `Stop` for a position that JSON can't hold; there is none.
    pub fn encode(&self) -> Result<Vec<u8>, Fault> {
        let stored = Stored {
            version: self.version(),
            checkpoint: self,
        };
        serde_json::to_vec(&stored).map_err(|error| Fault::stop(anyhow::Error::new(error).context("encoding a checkpoint")))
    }

    /// Reads the stored form; members it does not know are ignored.
    ///
    /// # Errors
    /// `Stop` for anything else, and for a version that is newer than this program.
    pub fn decode(stored: &[u8]) -> Result<Self, Fault> {
        let wrong = |error: serde_json::Error| Fault::stop(anyhow::Error::new(error).context("reading a stored checkpoint"));
        let Version { version } = serde_json::from_slice(stored).map_err(wrong)?;
        if version > VERSION {
            let text = format!("the checkpoint has version {version}, this program knows {VERSION}: use the newer program");
            return Err(Fault::stop(anyhow::Error::msg(text)));
        }
        serde_json::from_slice(stored).map_err(wrong)
    }
}

/// Where checkpoints are kept.
pub trait Checkpoints: Send {
    /// The connector's checkpoint; `None` before the first.
    ///
    /// # Errors
    /// `Retry` where the store can't be reached, `Stop` where it refuses or holds something else.
    fn load(&mut self) -> Result<Option<Checkpoint>, Fault>;

    /// Stores a checkpoint of a connector that is not running, durably.
    ///
    /// # Errors
    /// As `load`.
    fn save(&mut self, checkpoint: &Checkpoint) -> Result<(), Fault>;
}

/// The store that goes with the configured sink.
pub fn open(config: &Config) -> Box<dyn Checkpoints> {
    match sink::position_file(config) {
        Some(path) => Box::new(FileCheckpoints::new(path)),
        None => Box::new(TopicCheckpoints::new(config)),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            position: Position {
                gtid: None,
                file: "binlog.000007".into(),
                pos: 4_711,
            },
            next_sequence: 1_614_748_790_461_000_002,
            saved_at_ms: 1_614_748_790_999,
            skip_before_ms: None,
            prepared: Vec::new(),
            inside: None,
            log: None,
            copying: Vec::new(),
            plugins: Vec::new(),
        }
    }

    #[test]
    fn a_checkpoint_reads_back_as_it_was_stored() {
        let stored = checkpoint().encode().unwrap();
        assert!(stored.starts_with(b"{\"version\":1,"), "{stored:?}");
        assert_eq!(Checkpoint::decode(&stored).unwrap(), checkpoint());
    }

    #[test]
    fn unknown_members_are_ignored_and_newer_versions_refused() {
        let stored = String::from_utf8(checkpoint().encode().unwrap()).unwrap();
        let with_more = stored.replacen('{', "{\"later\":[1],", 1);
        assert_eq!(Checkpoint::decode(with_more.as_bytes()).unwrap(), checkpoint());
        let newer = stored.replacen("\"version\":1", "\"version\":6", 1);
        let refused = Checkpoint::decode(newer.as_bytes()).unwrap_err();
        assert!(
            matches!(&refused, Fault::Stop(_)) && refused.to_string().contains("version 6"),
            "{refused}"
        );
    }

    #[test]
    fn prepared_transactions_are_stored_and_older_programs_refuse_what_they_would_lose() {
        let mut with_one = checkpoint();
        with_one.prepared.push(Prepared {
            xid: "X'61',X'',1".parse().unwrap(),
            gtid: "0-1-5".to_owned(),
            file: "binlog.000007".to_owned(),
            pos: 4,
            rows: true,
        });
        let stored = with_one.encode().unwrap();
        assert!(stored.starts_with(b"{\"version\":2,"), "{stored:?}");
        assert_eq!(Checkpoint::decode(&stored).unwrap(), with_one);
    }

    #[test]
    fn a_place_inside_a_transaction_is_stored_and_older_programs_refuse_it() {
        let mut with_one = checkpoint();
        with_one.inside = Some(Inside {
            gtid: String::new(),
            file: "binlog.000007".to_owned(),
            pos: 4_711,
            rows: vec![TableRows {
                database: "shop".to_owned(),
                table: "orders".to_owned(),
                rows: 1 << 40,
            }],
            begin: Some(7),
            topics: vec!["mysql_orders".to_owned()],
        });
        let stored = with_one.encode().unwrap();
        assert!(stored.starts_with(b"{\"version\":3,"), "{stored:?}");
        assert_eq!(Checkpoint::decode(&stored).unwrap(), with_one);
    }

    #[test]
    fn what_is_left_to_copy_is_stored_and_older_programs_refuse_what_they_would_lose() {
        let mut with_some = checkpoint();
        with_some.copying.push(Left {
            after: Some(vec!["42".to_owned(), "_utf8mb4 x'c3a4'".to_owned()]),
            order: Some("`id` int ".to_owned()),
            rows: 17,
            ..Left::all_of("shop", "orders")
        });
        with_some
            .copying
            .extend((0..10_000).map(|n| Left::all_of("shop", &format!("items_{n:05}"))));
        with_some.copying.push(Left::again("shop", "stock"));
        with_some.copying.push(Left {
            since: Some(with_some.position.clone()),
            ..Left::again("shop", "asked_for")
        });
        let stored = with_some.encode().unwrap();
        assert!(stored.starts_with(b"{\"version\":4,"), "{stored:?}");
        assert!(stored.len() < 200_000, "a record of {} bytes", stored.len());
        assert_eq!(sorted(Checkpoint::decode(&stored).unwrap()), sorted(with_some.clone()));
        // The place that most have is stored once.
        let since = Some(with_some.position.clone());
        let place_bytes = serde_json::to_vec(&since).unwrap().len();
        with_some.copying.iter_mut().for_each(|left| left.since.clone_from(&since));
        with_some.copying.push(Left::all_of("shop", "of_an_older_program"));
        let with_places = with_some.encode().unwrap();
        assert!(
            with_places.len() < stored.len() + 5 * place_bytes,
            "a record of {} bytes",
            with_places.len()
        );
        assert_eq!(sorted(Checkpoint::decode(&with_places).unwrap()), sorted(with_some));
    }

    fn sorted(mut checkpoint: Checkpoint) -> Checkpoint {
        checkpoint.copying.sort_by_key(|left| left.table.clone());
        checkpoint
    }

    #[test]
    fn a_record_that_is_no_checkpoint_stops_with_a_reason() {
        for bytes in [&b""[..], b"null", b"{}", b"{\"version\":1}", b"\xff"] {
            assert!(matches!(Checkpoint::decode(bytes), Err(Fault::Stop(_))), "{bytes:?}");
        }
    }
}
