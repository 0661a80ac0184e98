//! `bandstand-sim`: Bandstand without hardware.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
