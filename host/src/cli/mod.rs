//! The command line: arguments, exit status, signals and what is printed. What the commands do is done by the rooms of the
//! library; `wiring` is the only file here that calls them.

mod arguments;
mod check;
mod configuration;
mod deadletters;
mod demo;
mod failure;
mod logs;
mod output;
mod plugin;
mod position;
mod run;
mod signals;
mod snapshot;
mod tail;
mod wiring;

use std::process::ExitCode;

use clap::Parser;

use arguments::{Arguments, Command};
use failure::Failure;

/// Does what the arguments ask for. Exit status: 0 stopped as asked or nothing wrong, 1 failed, 2 bad usage or configuration;
/// the reason is the last line on stderr.
pub(crate) fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version go to stdout with status 0; whether anybody reads them does not matter.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    if let Err(failure) = logs::start(&arguments) {
        return failure.report();
    }
    match perform(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn perform(command: Command) -> Result<(), Failure> {
    match command {
        Command::Demo { rows } => demo::demo(rows),
        Command::Run {
            config,
            resume_past_ddl,
            listen,
        } => run::run(&config, resume_past_ddl.as_deref(), listen),
        Command::Check { config } => check::check(&config),
        Command::Tail(request) => tail::tail(&request),
        Command::Snapshot(request) => snapshot::snapshot(&request),
        Command::Position(action) => position::position(&action),
        Command::DeadLetters(action) => deadletters::deadletters(&action),
        Command::Config(action) => configuration::configuration(&action),
        Command::Worker { .. } => Err(Failure::usage(
            "worker is not in this version: run one connector with `rowmill run -c CONNECTOR.toml`",
        )),
        Command::Plugin(action) => plugin::plugin(&action),
    }
}
