//! Every test of the workspace, built once.

use anyhow::{Result, ensure};
use clap::Args;

use crate::exec::{self, Stream, cargo};
use crate::prepare;
use crate::radio;
use crate::summary::Summary;

/// What may be done to run the tests.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Do not install missing programs by apt, only name them
    #[arg(long)]
    no_install: bool,
    /// Only these packages; none means the whole workspace
    #[arg(short, long = "package", value_name = "NAME")]
    packages: Vec<String>,
}

impl Options {
    /// Which packages, in cargo's words.
    fn selection(&self) -> Vec<&str> {
        match self.packages.as_slice() {
            [] => vec!["--workspace"],
            some => some.iter().flat_map(|name| ["--package", name]).collect(),
        }
    }
}

/// Runs everything and closes with one line of counts.
pub(crate) fn run(options: &Options) -> Result<()> {
    let (summary, outcome) = all(options);
    println!("{summary}");
    outcome
}

/// Runs everything; the counts are given back beside the outcome so that the caller can print them last.
pub(crate) fn all(options: &Options) -> (Summary, Result<()>) {
    prepare::install_what_tests_need(!options.no_install);
    let mut summary = Summary::default();
    let mut outcome = run_all(&options.selection(), &mut summary);
    if options.packages.is_empty() {
        outcome = outcome.and(radio::every_change(&mut summary));
    }
    (summary, outcome)
}

fn run_all(selection: &[&str], summary: &mut Summary) -> Result<()> {
    // End to end tests start the programs themselves, and no test target brings those along. Built beside the tests,
    // they share the tests' features, and nothing is built twice.
    exec::run(&mut cargo(["build", "--workspace", "--bins", "--tests"]))?;
    // First, so that what is printed last is the summary that people look for.
    let docs_ran_well = watch(
        &["test", "--doc", "--no-fail-fast", "--quiet"],
        selection,
        Stream::Stdout,
        summary,
    )?;
    let tests_ran_well = if exec::answers("cargo", &["nextest", "--version"]) {
        let start = [
            "nextest",
            "run",
            "--no-fail-fast",
            "--config-file",
            ".ci/nextest.toml",
        ];
        watch(&start, selection, Stream::Stderr, summary)?
    } else {
        watch(
            &["test", "--all-targets", "--no-fail-fast"],
            selection,
            Stream::Stdout,
            summary,
        )?
    };
    ensure!(
        tests_ran_well && docs_ran_well && summary.is_good(),
        "tests failed"
    );
    Ok(())
}

fn watch(start: &[&str], selection: &[&str], stream: Stream, summary: &mut Summary) -> Result<bool> {
    let mut command = cargo(start.iter().chain(selection).copied());
    exec::watch(&mut command, stream, |line| summary.see(line))
}
