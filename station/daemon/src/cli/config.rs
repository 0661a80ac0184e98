//! `config check`.

use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use super::output::Output;
use crate::config::{self, Config};
use crate::problem::Problem;

/// Reads the configuration and everything it names, and shows what is in force.
pub(super) fn check(path: &Path, output: &Output) -> Result<ExitCode, Problem> {
    let config = Config::load(path)?;
    if config.station.key_file.exists() {
        config::read_secret(&config.station.key_file, "key file")?;
    }
    if config.station.seal_key_file.exists() {
        config::read_secret(&config.station.seal_key_file, "seal key")?;
    }
    if let Some(token_file) = &config.api.token_file {
        config::read_secret(token_file, "token file")?;
    }
    let value = json!({ "file": path, "ok": true, "config": config });
    output.result(&value, &format!("{} can be used", path.display()));
    Ok(ExitCode::SUCCESS)
}
