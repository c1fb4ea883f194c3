//! What may stand on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// What holds for every command.
const AFTER: &str = "Exit status: 0 stopped as asked or nothing wrong; 1 failed, the reason is the last line on stderr; 2 bad usage or \
configuration. Logs go to stderr, data to stdout.";

/// The same, and where the rest is.
const AFTER_LONG: &str = "\
Exit status:
  0  stopped as asked, or nothing wrong
  1  failed; the reason is the last line on stderr
  2  bad usage or configuration

Logs go to stderr, data to stdout. SIGTERM and SIGINT finish the open batch, commit it and leave within shutdown_timeout_ms;
a second signal leaves at once.

Environment:
  RUST_LOG                   what is logged, as in info,rowmill::sink=debug; --log-level wins
  XDG_CACHE_HOME, HOME       where compiled plugins are kept, unless cache_dir says so
  whatever ${env:NAME} names in a configuration

Configuration: `rowmill config example` prints every key with its default and meaning, `rowmill config schema` a JSON Schema,
`rowmill config check FILE` checks a file, `rowmill check -c FILE` also server, account, plugins and brokers.

First steps:
  rowmill demo                                      the whole way, without any server
  rowmill config example > connector.toml           then edit it
  rowmill check -c connector.toml
  rowmill run -c connector.toml
  rowmill tail --brokers HOST:PORT --topic TOPIC    what has arrived";

/// MySQL changes to Kafka: binlog, Arrow batches, WebAssembly plugins, topics.
#[derive(Debug, Parser)]
#[command(name = "rowmill", version, max_term_width = 110, arg_required_else_help = true, after_help = AFTER, after_long_help = AFTER_LONG)]
pub(super) struct Arguments {
    /// How log lines are written to stderr.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text, value_name = "FORMAT")]
    pub(super) log_format: LogFormat,

    /// How much is logged: off, error, warn, info, debug, trace. Without it RUST_LOG counts, then info.
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(super) log_level: Option<tracing_subscriber::filter::LevelFilter>,

    #[command(subcommand)]
    pub(super) command: Command,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LogFormat {
    /// A line for people.
    Text,
    /// A JSON object a line.
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Runs the whole way without any server: a captured binlog, the default plugin, a broker within the process.
    Demo {
        /// Row changes to send; the captured ones are taken again and again.
        #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        rows: u64,
    },

    /// Runs one connector in the foreground until SIGTERM or SIGINT.
    Run {
        /// The connector's configuration.
        #[arg(short, long, value_name = "CONNECTOR.toml")]
        config: PathBuf,

        /// With source.ddl = "fail": goes on past this one DDL statement, as the reason of the stop names it (a GTID, or
        /// FILE:POS). It stops at the next one.
        #[arg(long, value_name = "STATEMENT")]
        resume_past_ddl: Option<String>,

        /// Tells how the connector is over HTTP, at this address of the machine itself: /metrics, /healthz, /readyz, /connectors,
        /// /connectors/NAME/status, /api/connectors/NAME. Port 0: any that is free; the log says which.
        #[arg(long, value_name = "ADDRESS:PORT", value_parser = address)]
        listen: Option<std::net::SocketAddr>,
    },

    /// Checks configuration, server, account and broker without changing anything: a line per check, with what mends it.
    Check {
        /// The connector's configuration.
        #[arg(short, long, value_name = "CONNECTOR.toml")]
        config: PathBuf,
    },

    /// Prints a topic's messages as JSON lines: topic, partition, offset, timestamp, key, headers, value.
    Tail(Tail),

    /// Has a connector copy all rows of tables that it has, once more or for the first time: at once where it runs, else at its next start.
    /// Prints the request as JSON; the connector's log and `position show` tell of the copy.
    Snapshot(Snapshot),

    /// Reads or moves the position of a connector that is not running.
    #[command(subcommand)]
    Position(Position),

    /// Lists, shows and replays the rows that went to the dead-letter topic.
    #[command(subcommand, name = "deadletters")]
    DeadLetters(DeadLetters),

    /// Prints or checks configurations.
    #[command(subcommand)]
    Config(Configuration),

    /// Not in this version.
    #[command(hide = true)]
    Worker {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        rest: Vec<String>,
    },

    /// Makes, checks, tries and measures plugins.
    #[command(subcommand)]
    Plugin(super::plugin::Action),
}

#[derive(Debug, Args)]
pub(super) struct Tail {
    /// `host:port` of one or more brokers, separated by commas.
    #[arg(long, required_unless_present = "config", value_name = "B")]
    pub(super) brokers: Option<String>,

    /// Takes brokers and librdkafka properties (TLS, SASL) from a connector's configuration.
    #[arg(short, long, value_name = "CONNECTOR.toml")]
    pub(super) config: Option<PathBuf>,

    /// The topic.
    #[arg(long, value_name = "T")]
    pub(super) topic: String,

    /// Where to start: `beginning`, `end`, an offset, or a time such as 2026-01-31T00:00:00Z.
    #[arg(long, default_value = "beginning", value_name = "FROM", value_parser = From::parse)]
    pub(super) from: From,

    /// Only this partition.
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(i32).range(0..))]
    pub(super) partition: Option<i32>,

    /// Ends after so many messages; without it, at SIGINT.
    #[arg(long, value_name = "N")]
    pub(super) max: Option<u64>,

    /// Only messages with this key.
    #[arg(long, value_name = "K")]
    pub(super) key: Option<String>,

    /// Also messages of transactions that are open or were aborted.
    #[arg(long)]
    pub(super) uncommitted: bool,

    /// Prints envelopes over several lines, with the value as JSON.
    #[arg(long)]
    pub(super) decode: bool,

    /// A librdkafka property, such as security.protocol=SSL; may be repeated.
    #[arg(short = 'X', long = "property", value_name = "NAME=VALUE", value_parser = property)]
    pub(super) properties: Vec<(String, String)>,
}

/// Where a tail starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    Beginning,
    End,
    Offset(i64),
    /// Milliseconds since 1970.
    Time(i64),
}

impl From {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "beginning" => Ok(Self::Beginning),
            "end" => Ok(Self::End),
            _ => match text.parse::<i64>() {
                Ok(offset) if offset >= 0 => Ok(Self::Offset(offset)),
                _ => time(text)
                    .map(Self::Time)
                    .map_err(|_| "expected beginning, end, an offset, or a time with its offset such as 2026-01-31T00:00:00Z".to_owned()),
            },
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct Snapshot {
    /// The connector's configuration.
    #[arg(short, long, value_name = "CONNECTOR.toml")]
    pub(super) config: PathBuf,

    /// Tables, separated by commas, written as in source.tables; may be repeated.
    #[arg(long = "table", required = true, value_name = "T[,T…]")]
    pub(super) tables: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Position {
    /// Prints the stored position as JSON, with what is left to copy; `null` where there is none yet.
    Show {
        /// The connector's configuration.
        #[arg(short, long, value_name = "CONNECTOR.toml")]
        config: PathBuf,
    },

    /// Stores another position, at which the next start goes on. Refused while the connector runs.
    Set(SetPosition),
}

#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("place").required(true).args(["gtid", "file", "time"])))]
pub(super) struct SetPosition {
    /// The connector's configuration.
    #[arg(short, long, value_name = "CONNECTOR.toml")]
    pub(super) config: PathBuf,

    /// After these executed GTIDs.
    #[arg(long, value_name = "SET")]
    pub(super) gtid: Option<String>,

    /// At a byte of this binlog file.
    #[arg(long, value_name = "F", requires = "pos")]
    pub(super) file: Option<String>,

    /// Byte offset of an event in the file; 4 is the first.
    #[arg(long, value_name = "P", requires = "file", value_parser = clap::value_parser!(u64).range(4..))]
    pub(super) pos: Option<u64>,

    /// At the start of the binlog file that holds the first transaction of this time: a little more than that comes again.
    #[arg(long, value_name = "T", value_parser = time)]
    pub(super) time: Option<i64>,
}

#[derive(Debug, Subcommand)]
pub(super) enum DeadLetters {
    /// A line for each letter: partition:offset, time, table, stage, code, reason, separated by tabs; `replayed` at the end of those
    /// that have been.
    List {
        /// The connector's configuration.
        #[arg(short, long, value_name = "CONNECTOR.toml")]
        config: PathBuf,
    },

    /// All of one letter as JSON: headers, and the row.
    Show {
        /// Its offset, as `list` prints it.
        #[arg(value_name = "OFFSET", value_parser = clap::value_parser!(i64).range(0..))]
        offset: i64,

        /// The connector's configuration.
        #[arg(short, long, value_name = "CONNECTOR.toml")]
        config: PathBuf,
    },

    /// Sends rows again, through the plugins as they are now, to the topics of their tables. Each letter once; the connector may run
    /// meanwhile.
    Replay {
        /// The connector's configuration.
        #[arg(short, long, value_name = "CONNECTOR.toml")]
        config: PathBuf,

        /// Only the letter at this offset; may be repeated. Without it all that have not been replayed.
        #[arg(long = "offset", value_name = "OFFSET", value_parser = clap::value_parser!(i64).range(0..))]
        offsets: Vec<i64>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Configuration {
    /// Prints a whole configuration with every key, its default and its meaning.
    Example,
    /// Prints the JSON Schema of a connector's configuration.
    Schema,
    /// Checks a file without connecting to anything.
    Check {
        /// The connector's configuration.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

fn address(text: &str) -> Result<std::net::SocketAddr, String> {
    text.parse()
        .map_err(|_| "expected an address and a port, such as 127.0.0.1:8083 or [::1]:8083".to_owned())
}

fn time(text: &str) -> Result<i64, String> {
    rowmill::config::parse_time(text)
        .ok_or_else(|| "expected a time with its offset, such as 2026-01-31T00:00:00Z, or milliseconds since 1970".to_owned())
}

fn property(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{Arguments, From};

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_is_not_there_is_not_in_the_help() {
        let help = Arguments::command().render_long_help().to_string();
        assert!(!help.contains("worker"), "{help}");
    }

    #[test]
    fn a_tail_starts_where_it_is_told() {
        for (text, from) in [
            ("beginning", From::Beginning),
            ("end", From::End),
            ("1614748870000", From::Offset(1_614_748_870_000)),
            ("1970-01-01T00:00:01Z", From::Time(1000)),
        ] {
            assert_eq!(From::parse(text), Ok(from));
        }
        assert!(From::parse("-1").is_err() && From::parse("yesterday").is_err());
    }

    #[test]
    fn an_address_to_listen_at_is_one_with_a_port() {
        let parse = |address: &str| Arguments::try_parse_from(["rowmill", "run", "-c", "x", "--listen", address]);
        assert!(parse("127.0.0.1:0").is_ok() && parse("[::1]:8083").is_ok());
        for wrong in ["localhost:0", "127.0.0.1", ":8083", "127.0.0.1:99999"] {
            let error = parse(wrong).map_or_else(|error| error.to_string(), |_| String::new());
            assert!(error.contains("such as 127.0.0.1:8083"), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_position_is_set_to_exactly_one_place() {
        let parse = |words: &str| Arguments::try_parse_from(words.split(' ')).is_ok();
        assert!(parse("rowmill position set -c x --file f --pos 4"));
        assert!(parse("rowmill position set --gtid a:1 -c x --log-level debug"));
        for wrong in [
            "",
            " --file f",
            " --pos 4",
            " --file f --pos 3",
            " --gtid a:1 --time 5",
            " --time yesterday",
        ] {
            assert!(!parse(&format!("rowmill position set -c x{wrong}")), "{wrong}");
        }
    }
}
