//! Automation of this repository, started by `cargo xtask`.
//!
//! Everything with a loop or a decision lives here and not in shell scripts. A task only runs other
//! programs: it knows nothing of bands or stations.

mod api;
mod browser;
mod ci;
mod exec;
mod long;
mod no_std;
mod peers;
mod prepare;
mod radio;
mod summary;
mod test;

use clap::{CommandFactory, Parser, Subcommand};

/// The command line of `cargo xtask`.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    about = "Tests, checks, benchmarks and long runs of this repository"
)]
pub struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Install what tests need, build once, run every test of the workspace
    Test(test::Options),
    /// All that the server checks: format, lints, docs, no_std, licences, tests
    Ci(test::Options),
    /// Measure against the goals: `bench [--json] [ID]...`, or beside others: `bench peers`
    Bench(long::Passed),
    /// Nightly volumes: long property tests, fuzzing, and a simulated world over many seeds
    Soak(long::Soak),
    /// Prove that the protocol crate needs neither std nor an operating system
    NoStd,
    /// Real BlueZ in a virtual machine: `radio [--all] [--bench] [NAME]...`
    Radio(radio::Options),
    /// The console's API under schemathesis from PyPI: `api [--examples N]`
    Api(api::Options),
    /// Replay the fuzz corpora, then explore: `fuzz [--seconds N] [--seed N] [TARGET]...`
    Fuzz(long::Passed),
}

/// Does what the command line asks; the error says which step failed.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.task {
        Task::Test(options) => test::run(&options),
        Task::Ci(options) => ci::run(&options),
        Task::Bench(passed) => long::bench(&passed),
        Task::Soak(options) => long::soak(&options),
        Task::Radio(options) => radio::run(&options),
        Task::Api(options) => api::run(&options),
        Task::NoStd => no_std::run(),
        Task::Fuzz(passed) => long::fuzz(&passed),
    }
}

/// Names of all tasks, for the test that keeps the documents in step.
pub fn task_names() -> Vec<String> {
    Cli::command()
        .get_subcommands()
        .map(|task| task.get_name().to_owned())
        .collect()
}
