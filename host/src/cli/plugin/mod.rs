//! `rowmill plugin`: a new project, what a file is, one batch through a plugin, its speed.

mod bench;
mod check;
mod control;
mod new;
mod sdk;
mod templates;
mod test;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use rowmill::checkpoint::PluginOrder;

use super::failure::Failure;
use super::wiring;

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// Makes a project that builds and tests at once, in a new folder of that name.
    New {
        /// Name of the plugin and of the folder: lower-case letters, digits, hyphens; a letter first. A path puts it elsewhere.
        #[arg(value_name = "NAME")]
        name: PathBuf,

        /// What it is to be.
        #[arg(long, value_enum, default_value_t = Kind::Transform, value_name = "KIND")]
        kind: Kind,

        /// The crate rowmill-sdk: a version of the registry's, or a path. Without it the project gets the one that this program holds.
        #[arg(long, value_name = "VERSION|PATH")]
        sdk: Option<String>,
    },

    /// Says what a file is, what it asks for, and whether it would load. Exit status 1 where it would not.
    Check {
        /// The plugin.
        #[arg(value_name = "FILE")]
        file: PathBuf,

        #[command(flatten)]
        options: Options,

        /// Prints one JSON object.
        #[arg(long)]
        json: bool,
    },

    /// Sends a batch through a plugin and prints what it makes of it as JSON lines: an encoder's records, a transform's rows.
    Test {
        /// The plugin.
        #[arg(value_name = "FILE")]
        file: PathBuf,

        /// Rows to send: an Arrow IPC file or stream, in the contract's columns or of a plain table, whose rows are taken as inserted.
        /// Without it, changes of a table that has something of everything.
        #[arg(long, value_name = "BATCH.arrow")]
        input: Option<PathBuf>,

        #[command(flatten)]
        options: Options,

        /// Sends only so many rows.
        #[arg(long, value_name = "N")]
        rows: Option<usize>,
    },

    /// Measures how many rows a second a plugin takes, side by side with the built-in encoder.
    Bench {
        /// The plugin.
        #[arg(value_name = "FILE")]
        file: PathBuf,

        /// Rows to send, as for `test`. Without it, 4,096 changes of a table of ten usual columns.
        #[arg(long, value_name = "BATCH.arrow")]
        input: Option<PathBuf>,

        #[command(flatten)]
        options: Options,

        /// How long to measure.
        #[arg(long, default_value_t = 3, value_name = "S", value_parser = clap::value_parser!(u64).range(1..=600))]
        seconds: u64,

        /// So many instances share each batch, where the plugin may do so: `instances` of its [[plugin]]. Measured beside one.
        #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
        instances: u32,
    },

    /// Prints a connector's plugins as JSON, as of its last commit: versions, what they replaced, what was taken back, bytes that they keep.
    List {
        /// The connector's configuration.
        #[arg(short, long, value_name = "CONNECTOR.toml")]
        config: PathBuf,
    },

    /// Has a connector look at its plugins' files again, and try them even if they were refused or taken back before: at once where it runs,
    /// else at its next start. Prints the request as JSON; the connector's log tells what becomes of it.
    Reload(Request),

    /// Brings the version of a plugin back that was replaced last; what replaced it is not taken again until it is asked for, or changes.
    Rollback(Request),
}

/// What a connector would say of the plugin.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// Its configuration, a JSON object.
    #[arg(long, default_value = "{}", value_name = "JSON")]
    config: String,

    /// Memory that it may have, such as 256MiB. Without it, the default of the key `memory`.
    #[arg(long, value_name = "SIZE")]
    memory: Option<String>,
}

/// Which plugin of a connector.
#[derive(Debug, Args)]
pub(super) struct Request {
    /// The connector's configuration.
    #[arg(short, long, value_name = "CONNECTOR.toml")]
    config: PathBuf,

    /// The plugin's name, as `list` prints it. Without it, all of them.
    #[arg(long, value_name = "NAME")]
    plugin: Option<String>,
}

/// What a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Arrow batch in, Arrow batch out.
    Transform,
    /// Arrow batch in, Kafka records out.
    Encoder,
}

/// Does what is asked for.
pub(super) fn plugin(action: &Action) -> Result<(), Failure> {
    match action {
        Action::New { name, kind, sdk } => new::new(name, *kind, sdk.as_deref()),
        Action::Check { file, options, json } => check::check(file, options, *json),
        Action::Test {
            file,
            input,
            options,
            rows,
        } => test::test(file, input.as_deref(), options, *rows),
        Action::Bench {
            file,
            input,
            options,
            seconds,
            instances,
        } => bench::bench(file, (input.as_deref(), options), (*seconds, *instances)),
        Action::List { config } => control::list(config),
        Action::Reload(Request { config, plugin }) => control::request(config, PluginOrder::Reload(plugin.clone())),
        Action::Rollback(Request { config, plugin }) => control::request(config, PluginOrder::RollBack(plugin.clone())),
    }
}

impl Options {
    /// As settings of a `[[plugin]]`.
    fn written(&self) -> Result<Vec<(&'static str, &str)>, Failure> {
        let example = "--config: expected a JSON object such as '{\"columns\": [\"email\"]}'";
        match serde_json::from_str(&self.config) {
            Ok(serde_json::Value::Object(_)) => {}
            Ok(_) => return Err(Failure::usage(example)),
            Err(error) => return Err(Failure::usage(format!("{example}: {error}"))),
        }
        let memory = self.memory.iter().map(|memory| ("memory", memory.as_str()));
        Ok([("config", self.config.as_str())].into_iter().chain(memory).collect())
    }
}

/// How a connector would run this file, and where what is compiled is kept.
fn settings(file: &Path, options: &Options) -> Result<(rowmill::config::Plugin, PathBuf), Failure> {
    let options = options.written()?;
    // A file that is not there is no question of configuration.
    drop(wiring::read_plugin(file)?);
    wiring::plugin_settings("path", &path_text(file)?, &options)
}

/// A path as a setting, which has to be text.
fn path_text(file: &Path) -> Result<String, Failure> {
    let text = file.to_str().map(|text| text.replace("${", "$${"));
    text.ok_or_else(|| Failure::usage(format!("{}: its name is not UTF-8", file.display())))
}
