//! Measurements, fuzzing and nightly volumes: all pass their arguments on to a release build.

use anyhow::Result;
use clap::Args;

use crate::exec::{self, cargo};
use crate::summary::Summary;

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
    /// Seconds of exploration for each fuzz target
    #[arg(long, default_value_t = 600)]
    fuzz_seconds: u32,
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
    ]))?;
    simulators("bench", passed.arguments.iter().map(String::as_str))
}

/// Replays corpora and explores, in the program `fuzz` of the tests.
pub(crate) fn fuzz(passed: &Passed) -> Result<()> {
    let start = [
        "run",
        "--release",
        "--quiet",
        "--package",
        "tests",
        "--bin",
        "bandstand-fuzz",
        "--",
    ];
    exec::run(&mut cargo(
        start
            .into_iter()
            .chain(passed.arguments.iter().map(String::as_str)),
    ))
}

/// Nightly volumes. Tests read `BANDSTAND_VOLUME` and `PROPTEST_CASES`.
pub(crate) fn soak(options: &Soak) -> Result<()> {
    exec::run(&mut cargo(["build", "--release", "--workspace", "--bins"]))?;
    let mut tests = cargo([
        "test",
        "--release",
        "--workspace",
        "--all-targets",
        "--no-fail-fast",
    ]);
    tests
        .env("BANDSTAND_VOLUME", "nightly")
        .env("PROPTEST_CASES", options.cases.to_string());
    let mut summary = Summary::default();
    let good = exec::watch(&mut tests, exec::Stream::Stdout, |line| summary.see(line))?;

    let seconds = options.fuzz_seconds.to_string();
    fuzz(&Passed {
        arguments: vec!["--seconds".into(), seconds],
    })?;

    let (seed, sessions) = (options.seed.to_string(), options.sessions.to_string());
    let world = ["--seed", &seed, "--sessions", &sessions];
    simulators(
        "world",
        world.into_iter().chain(options.world.iter().map(String::as_str)),
    )?;
    println!("{summary}");
    anyhow::ensure!(good && summary.is_good(), "tests failed");
    Ok(())
}

fn simulators<'a>(command: &'a str, arguments: impl IntoIterator<Item = &'a str>) -> Result<()> {
    let start = [
        "run",
        "--release",
        "--quiet",
        "--package",
        "simulators",
        "--bin",
        "bandstand-sim",
        "--",
        command,
    ];
    exec::run(&mut cargo(start.into_iter().chain(arguments)))
}
