//! Arguments, exit code, nothing else.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match console::cli::run(console::cli::Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
