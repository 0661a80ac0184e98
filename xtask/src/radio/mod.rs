//! Real BlueZ in a virtual machine: makes the image, finds out how this machine can run it, runs the tests on it.
//!
//! The image is a Linux kernel, bluetoothd and a bus, taken out of Debian's packages by name and kept in the
//! user's cache folder. Nothing of it is committed, nothing of it is installed but QEMU itself.

mod accel;
mod archive;
mod image;
mod modules;
mod packages;
mod roots;

use std::path::Path;

use anyhow::{Result, ensure};
use clap::Args;

use crate::exec::{self, Stream, cargo};
use crate::prepare;
use crate::summary::Summary;

/// Where tests and benchmarks look for the image.
const IMAGE: &str = "BANDSTAND_RADIO_IMAGE";

/// What to run on real BlueZ.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Every scenario, also those that take minutes
    #[arg(long)]
    all: bool,
    /// Figures instead of tests
    #[arg(long)]
    bench: bool,
    /// Make the image anew although the cached one would do
    #[arg(long)]
    fresh: bool,
    /// Only tests whose name contains one of these
    filter: Vec<String>,
}

/// `cargo xtask radio`: what cannot be done on this machine is an error here.
pub(crate) fn run(options: &Options) -> Result<()> {
    prepare::install_what_tests_need(true);
    let image = image::make(options.fresh)?;
    if options.bench {
        return bench(&image);
    }
    let mut summary = Summary::default();
    let good = test(&image, options, &mut summary)?;
    println!("{summary}");
    ensure!(good && summary.is_good(), "tests failed");
    Ok(())
}

/// The part for every change. A machine that cannot have the image skips it, loudly.
pub(crate) fn every_change(summary: &mut Summary) -> Result<()> {
    let options = Options {
        all: false,
        bench: false,
        fresh: false,
        filter: Vec::new(),
    };
    match image::make(false) {
        Ok(image) => {
            let good = test(&image, &options, summary)?;
            ensure!(good, "tests on real BlueZ failed");
        }
        Err(error) => println!("radio: SKIPPED, no test ran on real BlueZ: {error:#}"),
    }
    Ok(())
}

fn test(image: &Path, options: &Options, summary: &mut Summary) -> Result<bool> {
    // The tests start the station's program, and no test target brings it along. Built beside them, it shares their
    // features, and nothing is built twice.
    exec::run(&mut cargo(["build", "--workspace", "--bins", "--test", "it"]))?;
    let sets: &[&str] = match (options.filter.is_empty(), options.all) {
        (false, _) => &[],
        (true, false) => &["radio::quick::"],
        (true, true) => &["radio::quick::", "radio::full::", "radio::conformance::"],
    };
    let start = ["test", "--workspace", "--test", "it", "--"];
    let mut command = cargo(start);
    // One machine serves one test after the other, and tells on the way what each step took.
    command.args(["--ignored", "--test-threads=1", "--nocapture"]);
    command.args(sets).args(&options.filter).env(IMAGE, image);
    exec::watch(&mut command, Stream::Stdout, |line| summary.see(line))
}

fn bench(image: &Path) -> Result<()> {
    let build = ["build", "--release", "--package", "station-daemon"];
    exec::run(&mut cargo(build))?;
    let run = [
        "run",
        "--release",
        "--package",
        "simulators",
        "--",
        "bench",
        "R1",
        "R2",
        "R3",
        "R4",
        "R5",
    ];
    exec::run(cargo(run).env(IMAGE, image))
}
