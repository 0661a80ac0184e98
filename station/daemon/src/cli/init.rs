//! `init`.

use std::process::ExitCode;

use super::args;
use super::output::Output;
use crate::config::Config;
use crate::init::{self, Made};
use crate::problem::Problem;

/// Makes the station's database and keys.
pub(super) fn run(config: &Config, arguments: &args::Init, output: &Output) -> Result<ExitCode, Problem> {
    let made = init::init(config, &arguments.from, arguments.replace)?;
    output.result(&made, &text(&made));
    Ok(ExitCode::SUCCESS)
}

fn text(made: &Made) -> String {
    let Made {
        station,
        site,
        revision,
        users,
        bands,
        ..
    } = made;
    let kept = made
        .kept
        .as_ref()
        .map(|path| format!("\nthe damaged database is kept as {}", path.display()));
    format!(
        "station {station} at {site:?} knows {users} users and {bands} bands (revision {revision}){}",
        kept.unwrap_or_default()
    )
}
