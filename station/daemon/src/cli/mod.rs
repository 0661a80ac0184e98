//! The command line.
//!
//! Every command works without a terminal, prints JSON with `--json`, and ends with one of these codes:
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done |
//! | 1 | refused, or checked and found wrong |
//! | 2 | the command line or the input is not what it should be |
//! | 3 | the configuration or a file it names cannot be used |
//! | 4 | the database cannot be used |
//! | 5 | the station's process or its radio cannot be reached |
//! | 6 | busy: another enrollment, or another station on the same data |
//! | 70 | a fault of this program |

mod args;
mod ask;
pub mod client;
mod clock;
mod config;
mod decide;
mod enroll;
mod init;
mod intents;
mod join;
mod journal;
mod output;
mod pages;
mod run;
mod seal;
mod secret;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;

use crate::config::Config;
use crate::problem::Problem;
use args::{Arguments, Command};
#[cfg(test)]
pub(crate) use client::Client;
use output::Output;

/// Does what the arguments say; the first one is the program's name. Callable from another binary.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let output = Output { json: arguments.json };
    match dispatch(&arguments, &output) {
        Ok(code) => code,
        Err(problem) => {
            output.problem(&problem);
            ExitCode::from(problem.code.exit())
        }
    }
}

fn dispatch(arguments: &Arguments, output: &Output) -> Result<ExitCode, Problem> {
    let load = || Config::load(&arguments.config);
    match &arguments.command {
        Command::Init(init) => init::run(&load()?, init, output),
        Command::Join(join) => join::run(&load()?, join, output),
        Command::Decide(args::Decide { facts }) => decide::run(facts, output),
        Command::Journal(command) => journal::run(&load()?, command, output),
        Command::Run(run) => run::run(&arguments.config, run),
        Command::Enroll(enroll) => enroll::run(&load()?, enroll, output),
        Command::Bands => ask::bands(&load()?, output),
        Command::Status => ask::status(&load()?, output),
        Command::Clock(command) => clock::run(&load()?, command, output),
        Command::Intents(command) => intents::run(&load()?, command, output),
        Command::Seal(command) => seal::run(load, command, output),
        Command::Doctor => ask::doctor(&arguments.config, output),
        Command::Config(args::ConfigCommand::Check) => config::check(&arguments.config, output),
        Command::Completions { shell } => pages::completions(*shell),
        Command::Man { folder } => pages::man(folder, output),
    }
}

fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    // `--help` and `--version` arrive here too and are no errors.
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}
