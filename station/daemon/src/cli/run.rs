//! `run`.

use std::path::Path;
use std::process::ExitCode;

use super::args;
use crate::config::Config;
use crate::problem::Problem;
use crate::{daemon, logging};

/// Runs the station until it is told to stop.
pub(super) fn run(path: &Path, arguments: &args::Run) -> Result<ExitCode, Problem> {
    let (mut config, digest) = Config::load_with_digest(path)?;
    if let Some(level) = &arguments.log_level {
        config.log.level.clone_from(level);
    }
    config.log.format = arguments.log_format.unwrap_or(config.log.format);
    logging::start(&config.log);
    daemon::run(config, digest)?;
    Ok(ExitCode::SUCCESS)
}
