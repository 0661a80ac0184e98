//! The command line of `bandstand-sim`.

mod band;
mod fleet;
mod world;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use simulators::bench;
use simulators::demo;

/// The subcommand under which this program is the station's.
const STATION: &str = "station";

/// The subcommand under which this program is the console's.
const CONSOLE: &str = "console";

/// Bandstand without hardware: a demo, simulated bands, whole worlds, benchmarks.
#[derive(Debug, Parser)]
#[command(name = "bandstand-sim", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// People at two kiosks with a console behind them: enrollments, a refusal explained, a conflict resolved.
    Demo(Demo),
    /// Put simulated bands on a private Bluetooth, for a station that runs elsewhere on this machine.
    Band(band::Band),
    /// Play random sessions in one process and check every invariant after each.
    World(world::World),
    /// Play a scenario file and compare it with the outcomes it names.
    Scenario {
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Show every event.
        #[arg(long)]
        verbose: bool,
    },
    /// Let many stations join a running console, catch up, send and poll, and show how long they wait.
    Fleet(fleet::Fleet),
    /// Measure, each figure beside its limit of the same run.
    Bench(Bench),
    /// The counted part of the bench G13, which runs it under a profiler.
    #[command(hide = true)]
    BenchGrowth { file: PathBuf, count: usize },
    /// The process that measures a link of the benches R1, R2 and R4.
    #[command(hide = true)]
    BenchLink { device: String },
    /// The plain server beside which the bench G9 measures the console.
    #[command(hide = true)]
    BenchListen { folder: PathBuf },
    /// Be `bandstand-station`: everything behind this word is its command line.
    #[command(disable_help_flag = true)]
    Station {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Be `bandstand-console`: everything behind this word is its command line.
    #[command(disable_help_flag = true)]
    Console {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

#[derive(Debug, Args)]
struct Demo {
    /// End after the last scene.
    #[arg(long)]
    once: bool,
    /// One JSON object per step and line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Bench {
    /// Goals to measure, such as G4 or G7b; all if none is named.
    ids: Vec<String>,
    /// One JSON array.
    #[arg(long)]
    json: bool,
}

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|word| word == STATION) {
        let own = arguments.into_iter().skip(2);
        return station_daemon::cli::main(std::iter::once("bandstand-station".into()).chain(own));
    }
    if arguments.get(1).is_some_and(|word| word == CONSOLE) {
        let own = arguments.into_iter().skip(2);
        return console_main(std::iter::once("bandstand-console".into()).chain(own));
    }
    match run(Arguments::parse_from(arguments).command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bandstand-sim: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn console_main(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    match console::cli::run(console::cli::Cli::parse_from(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Demo(Demo { once, json }) => {
            let subcommands = demo::Subcommands {
                station: STATION,
                console: CONSOLE,
            };
            block_on(demo::run(demo::Options { once, json }, subcommands))
        }
        Command::Band(band) => block_on(band.run()),
        Command::World(world) => world.run(),
        Command::Scenario { files, verbose } => world::scenarios(&files, verbose),
        Command::Fleet(fleet) => fleet.run(),
        Command::Bench(bench) => measure(&bench),
        Command::BenchGrowth { file, count } => bench::repeat_growth(&file, count),
        Command::BenchLink { device } => bench::play_probe(&device),
        Command::BenchListen { folder } => bench::listen_plainly(&folder),
        Command::Station { .. } | Command::Console { .. } => {
            unreachable!("taken before the arguments are read")
        }
    }
}

fn block_on<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(future)
}

fn measure(bench: &Bench) -> Result<()> {
    let figures = bench::run(&bench.ids, &bench::Effort::default())?;
    if bench.json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        print!("{}", bench::table(&figures));
    }
    Ok(())
}
