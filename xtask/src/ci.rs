//! All that the server checks, in one command that anybody can run.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::exec::{self, cargo};
use crate::{no_std, test};

struct Done {
    step: &'static str,
    took: Duration,
    outcome: Result<()>,
}

/// Runs every step, also after one has failed, and closes with the counts of the tests.
pub(crate) fn run(options: &test::Options) -> Result<()> {
    let mut done = vec![
        step("format", || {
            exec::run(&mut cargo(["fmt", "--all", "--", "--check", "-l"]))
        }),
        step("lints", lints),
        step("docs", docs),
        step("no_std", no_std::run),
        step("licences", licences),
    ];
    let mut summary = Default::default();
    done.push(step("tests", || {
        let outcome;
        (summary, outcome) = test::all(options);
        outcome
    }));
    let failed = report(&done);
    println!("{summary}");
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn step(step: &'static str, work: impl FnOnce() -> Result<()>) -> Done {
    println!("\n== {step}");
    let start = Instant::now();
    let outcome = work();
    if let Err(error) = &outcome {
        println!("{step}: {error:#}");
    }
    Done {
        step,
        took: start.elapsed(),
        outcome,
    }
}

/// Prints a line per step and gives the names of those that failed.
fn report(done: &[Done]) -> Vec<&'static str> {
    println!("\n== steps");
    for Done { step, took, outcome } in done {
        let word = if outcome.is_ok() { "ok" } else { "FAILED" };
        println!("{step:<10} {word:<7} {:>6.1} s", took.as_secs_f64());
    }
    done.iter()
        .filter(|done| done.outcome.is_err())
        .map(|done| done.step)
        .collect()
}

fn lints() -> Result<()> {
    exec::run(&mut cargo([
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ]))
}

fn docs() -> Result<()> {
    let arguments = [
        "doc",
        "--workspace",
        "--no-deps",
        "--document-private-items",
        "--quiet",
    ];
    exec::run(cargo(arguments).env("RUSTDOCFLAGS", "-D warnings"))
}

/// Licences, banned crates and sources. The tests check the same out of what cargo knows (`tidy::dependencies`), so
/// that this is a second opinion where `cargo-deny` is installed; advisories need a database from the network.
fn licences() -> Result<()> {
    if !exec::answers("cargo", &["deny", "--version"]) {
        println!(
            "cargo-deny is not installed: licences, bans and sources are checked by the tests alone, advisories by \
             nobody (`cargo install --locked cargo-deny`, then `cargo deny check advisories`)"
        );
        return Ok(());
    }
    exec::run(&mut cargo([
        "deny",
        "--offline",
        "check",
        "bans",
        "licenses",
        "sources",
    ]))
}
