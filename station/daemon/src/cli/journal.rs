//! `journal verify` and `journal export`: they read the database themselves, beside a running daemon.

use std::process::ExitCode;

use serde_json::json;

use super::args::JournalCommand;
use super::output::Output;
use crate::api::model::JournalEntry;
use crate::config::Config;
use crate::problem::{Code, Problem};
use crate::seal;
use crate::store::{Store, StoreError};

/// Entries read at a time.
const CHUNK_LEN: u32 = 500;

/// Looks at the journal.
pub(super) fn run(config: &Config, command: &JournalCommand, output: &Output) -> Result<ExitCode, Problem> {
    let failed = |error: StoreError| error.into_problem("the journal cannot be read", config);
    if !config.database().exists() {
        return Err(failed(StoreError::Missing));
    }
    let store = Store::open_to_read(&config.database(), &seal::load(config)?).map_err(failed)?;
    match command {
        JournalCommand::Verify => verify(&store, output, failed),
        JournalCommand::Export { from, to } => {
            export(&store, *from, to.unwrap_or(u64::MAX), output).map_err(failed)
        }
    }
}

fn verify(
    store: &Store,
    output: &Output,
    failed: impl Fn(StoreError) -> Problem,
) -> Result<ExitCode, Problem> {
    let found = store.verify_journal().map_err(failed)?;
    let (sequence, hash) = (found.head.sequence, found.head.hash);
    if let Some(fault) = found.fault {
        return Err(Problem::new(
            Code::JournalBroken,
            "the journal does not hold",
            format!("{fault}; entries 1 to {sequence} are as they were written"),
            "keep a copy of the data folder and tell an administrator; `journal export` writes what is there",
        ));
    }
    let value = json!({ "ok": true, "entries": sequence, "hash": hash.to_string() });
    output.result(
        &value,
        &format!("{sequence} entries, complete, in order and unchanged\nhead {hash}"),
    );
    Ok(ExitCode::SUCCESS)
}

fn export(store: &Store, from: u64, to: u64, output: &Output) -> Result<ExitCode, StoreError> {
    let mut next = from.max(1);
    loop {
        let entries = store.entries(next, CHUNK_LEN)?;
        for entry in entries.iter().take_while(|entry| entry.sequence <= to) {
            output.json_line(&JournalEntry::of(entry));
        }
        match entries.last() {
            Some(last) if last.sequence < to => next = last.sequence + 1,
            _ => return Ok(ExitCode::SUCCESS),
        }
    }
}
