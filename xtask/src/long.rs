//! Measurements, fuzzing and nightly volumes: all pass their arguments on to a release build.

use std::process::Command;
use std::time::Instant;

use anyhow::Result;
use clap::Args;

use crate::exec::{self, cargo};
use crate::peers;
use crate::summary::Summary;

/// Runs the program that explores the fuzz targets.
const FUZZ: [&str; 8] = [
    "run",
    "--release",
    "--quiet",
    "--package",
    "tests",
    "--bin",
    "bandstand-fuzz",
    "--",
];
/// What the bench calls everything that it measures beside other programs.
const PEERS: &str = "peers";
/// Runs the simulators.
const SIMULATORS: [&str; 8] = [
    "run",
    "--release",
    "--quiet",
    "--package",
    "simulators",
    "--bin",
    "bandstand-sim",
    "--",
];

/// Arguments that another program reads.
#[derive(Args, Debug)]
#[command(disable_help_flag = true)]
pub(crate) struct Passed {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

/// How much a long run does.
#[derive(Args, Debug)]
pub(crate) struct Soak {
    /// First seed of the simulated world
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Sessions in the simulated world
    #[arg(long, default_value_t = 1_000_000)]
    sessions: u64,
    /// Cases of each property test
    #[arg(long, default_value_t = 20_000)]
    cases: u32,
    /// Seconds of exploration for each fuzz target, at least
    #[arg(long, default_value_t = 600)]
    fuzz_seconds: u32,
    /// Inputs explored for each fuzz target, at least
    #[arg(long, default_value_t = 1_000_000)]
    fuzz_executions: u64,
    /// Further arguments for `bandstand-sim world`
    #[arg(last = true)]
    world: Vec<String>,
}

/// Builds everything that is measured, then lets the simulators measure.
pub(crate) fn bench(passed: &Passed) -> Result<()> {
    exec::run(&mut cargo([
        "build",
        "--release",
        "--quiet",
        "--package",
        "simulators",
        "--package",
        "station-daemon",
        "--package",
        "console",
    ]))?;
    let mut command = simulators("bench", passed.arguments.iter().map(String::as_str));
    if passed.arguments.iter().any(|argument| argument == PEERS) {
        command.env(peers::VARIABLE, peers::install()?);
    }
    exec::run(&mut command)
}

/// Replays corpora and explores, in the program `fuzz` of the tests.
pub(crate) fn fuzz(passed: &Passed) -> Result<()> {
    exec::run(&mut cargo(
        FUZZ.into_iter()
            .chain(passed.arguments.iter().map(String::as_str)),
    ))
}

/// Nightly volumes. Tests read `BANDSTAND_VOLUME` and `PROPTEST_CASES`. Each part runs to its end whatever
/// the others found; what they came to stands at the end.
pub(crate) fn soak(options: &Soak) -> Result<()> {
    exec::run(&mut cargo(["build", "--release", "--workspace", "--bins"]))?;
    let mut report = Report::default();
    report.part("tests", |said| soak_tests(options, said))?;
    report.part("fuzz targets", |said| soak_fuzz(options, said))?;
    report.part("simulated world", |said| soak_world(options, said))?;
    println!("{report}");
    anyhow::ensure!(report.is_good, "a part of the soak failed");
    Ok(())
}

fn soak_tests(options: &Soak, said: &mut Vec<String>) -> Result<bool> {
    let start = [
        "test",
        "--release",
        "--workspace",
        "--all-targets",
        "--no-fail-fast",
    ];
    // Tests that count what they did say so; the harness shows that of good tests only on demand.
    let mut tests = cargo(start.into_iter().chain(["--", "--show-output"]));
    tests
        .env("BANDSTAND_VOLUME", "nightly")
        .env("PROPTEST_CASES", options.cases.to_string());
    let mut summary = Summary::default();
    let good = exec::watch(&mut tests, exec::Stream::Stdout, |line| {
        summary.see(line);
        if COUNTED.iter().any(|start| line.starts_with(start)) {
            said.push(line.to_owned());
        }
    })?;
    said.push(summary.to_string());
    Ok(good && summary.is_good())
}

fn soak_fuzz(options: &Soak, said: &mut Vec<String>) -> Result<bool> {
    let (seconds, executions) = (
        options.fuzz_seconds.to_string(),
        options.fuzz_executions.to_string(),
    );
    let mut fuzz = cargo(
        FUZZ.into_iter()
            .chain(["--seconds", &seconds, "--executions", &executions]),
    );
    exec::watch(&mut fuzz, exec::Stream::Stdout, |line| said.push(line.to_owned()))
}

fn soak_world(options: &Soak, said: &mut Vec<String>) -> Result<bool> {
    let (seed, sessions) = (options.seed.to_string(), options.sessions.to_string());
    let world = ["world", "--seed", &seed, "--sessions", &sessions];
    let further = options.world.iter().map(String::as_str);
    let mut world = cargo(SIMULATORS.into_iter().chain(world).chain(further));
    exec::watch(&mut world, exec::Stream::Stdout, |line| {
        said.push(line.to_owned())
    })
}

/// How lines begin in which tests say what they counted.
const COUNTED: &[&str] = &[
    "crash sweep: ",
    "crash at random: ",
    "full disk: ",
    "clock: ",
    "file handles: ",
    "SKIPPED: ",
];
/// Lines that the summary repeats of each part, the last ones.
const LINES_MAX: usize = 40;

/// What a soak came to.
#[derive(Debug)]
struct Report {
    parts: String,
    is_good: bool,
}

impl Default for Report {
    fn default() -> Self {
        Self {
            parts: String::new(),
            is_good: true,
        }
    }
}

impl Report {
    /// Runs one part. What it says joins the summary; an error is one only if it could not run at all.
    fn part(&mut self, name: &str, run: impl FnOnce(&mut Vec<String>) -> Result<bool>) -> Result<()> {
        let (start, mut said) = (Instant::now(), Vec::new());
        let good = run(&mut said)?;
        self.is_good &= good;
        let (verdict, minutes) = (if good { "ok" } else { "FAILED" }, start.elapsed().as_secs() / 60);
        self.parts
            .push_str(&format!("\n{name}: {verdict} ({minutes} min)"));
        let first = said.len().saturating_sub(LINES_MAX);
        for line in &said[first..] {
            self.parts.push_str(&format!("\n    {line}"));
        }
        Ok(())
    }
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\nsoak{}", self.parts)
    }
}

fn simulators<'a>(command: &'a str, arguments: impl IntoIterator<Item = &'a str>) -> Command {
    cargo(SIMULATORS.into_iter().chain([command]).chain(arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_fails_does_not_keep_the_others_from_the_summary() {
        let mut report = Report::default();
        let part = |good: bool, line: &str| {
            let line = line.to_owned();
            move |said: &mut Vec<String>| {
                said.push(line);
                Ok(good)
            }
        };
        report.part("tests", part(false, "9 passed, 1 failed")).unwrap();
        report.part("fuzz targets", part(true, "info 1000")).unwrap();
        assert!(!report.is_good);
        assert_eq!(
            report.to_string(),
            "\nsoak\ntests: FAILED (0 min)\n    9 passed, 1 failed\nfuzz targets: ok (0 min)\n    info 1000"
        );
    }

    #[test]
    fn a_part_that_cannot_run_is_an_error() {
        let mut report = Report::default();
        assert!(report.part("tests", |_| anyhow::bail!("no cargo")).is_err());
    }
}
