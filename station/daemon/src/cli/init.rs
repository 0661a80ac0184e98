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
    let mut lines = vec![format!(
        "station {station} at {site:?} knows {users} users and {bands} bands (revision {revision})"
    )];
    if made.left_out > 0 {
        lines.push(format!(
            "warning: {} enrollments that were in force here are not in the file, which was made after them; \
             they count as ended (`journal export` shows them)",
            made.left_out
        ));
    }
    if made.left_console {
        lines.push(
            "warning: this station worked with a console and does not any more; `bandstand-station join` with a new \
             token brings it back"
                .to_owned(),
        );
    }
    if let Some(fault) = &made.journal_fault {
        lines.push(format!(
            "warning: {fault}; the journal goes on before that, without what came behind it"
        ));
    }
    if let Some(path) = &made.kept {
        lines.push(format!("the damaged database is kept as {}", path.display()));
    }
    lines.join("\n")
}
