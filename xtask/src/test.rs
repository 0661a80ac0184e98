//! Every test of the workspace, built once.

use anyhow::{Result, ensure};
use clap::Args;

use crate::exec::{self, Stream, cargo};
use crate::prepare;
use crate::summary::Summary;

/// What may be done to run the tests.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Do not install missing programs by apt, only name them
    #[arg(long)]
    no_install: bool,
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
    let outcome = run_all(&mut summary);
    (summary, outcome)
}

fn run_all(summary: &mut Summary) -> Result<()> {
    let tests_ran_well = if exec::answers("cargo", &["nextest", "--version"]) {
        let config = [
            "nextest",
            "run",
            "--workspace",
            "--no-fail-fast",
            "--config-file",
            ".ci/nextest.toml",
        ];
        exec::watch(&mut cargo(config), Stream::Stderr, |line| summary.see(line))?
    } else {
        let all_targets = ["test", "--workspace", "--all-targets", "--no-fail-fast"];
        exec::watch(&mut cargo(all_targets), Stream::Stdout, |line| summary.see(line))?
    };
    let doc_tests = ["test", "--workspace", "--doc", "--no-fail-fast", "--quiet"];
    let docs_ran_well = exec::watch(&mut cargo(doc_tests), Stream::Stdout, |line| summary.see(line))?;
    ensure!(
        tests_ran_well && docs_ran_well && summary.is_good(),
        "tests failed"
    );
    Ok(())
}
