//! `seal`: making the key under which a station's disk is sealed.

use std::process::ExitCode;

use serde_json::json;

use super::args::SealCommand;
use super::output::Output;
use crate::config::Config;
use crate::problem::{Code, Problem};
use crate::seal::{self, SealKey};

/// Makes a key.
pub(super) fn run(
    load: impl FnOnce() -> Result<Config, Problem>,
    command: &SealCommand,
    output: &Output,
) -> Result<ExitCode, Problem> {
    match command {
        SealCommand::New => {
            let key = SealKey::generate();
            let text = key.to_text();
            output.result(
                &json!({ "key": text.trim_end(), "id": key.id().to_string() }),
                text.trim_end(),
            );
        }
        SealCommand::Make => make(&load()?, output)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn make(config: &Config, output: &Output) -> Result<(), Problem> {
    let file = &config.station.seal_key_file;
    if let Ok((key, source)) = seal::find(config) {
        return Err(Problem::new(
            Code::AlreadyInitialized,
            "nothing was changed",
            format!("this station has the key {} already: {source:?}", key.id()),
            "nothing; the station seals its disk when it starts",
        ));
    }
    if crate::store::is_sealed(&config.database()) {
        return seal::load(config).map(drop);
    }
    let key = seal::make(config)?;
    output.result(
        &json!({ "file": file, "id": key.id().to_string() }),
        &format!(
            "made the key {} in {}; keep a copy where this disk cannot be taken with it",
            key.id(),
            file.display()
        ),
    );
    Ok(())
}
