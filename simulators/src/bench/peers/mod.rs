//! What others reach on this machine in the same run: privacyIDEA, which gives tokens to people, and PouchDB,
//! which brings documents to clients that work without a network. `cargo xtask bench peers` installs them.

mod pouchdb;
mod privacyidea;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use super::{Effort, Figure, note};

/// Names the folder in which the peers are installed.
const FOLDER: &str = "BANDSTAND_PEERS";
/// The server of a peer answers within this time.
const PATIENCE: Duration = Duration::from_secs(180);

/// Every figure beside a peer.
pub(super) fn figures(effort: &Effort) -> Result<Vec<Figure>> {
    let Some(folder) = std::env::var_os(FOLDER).map(PathBuf::from) else {
        bail!("{FOLDER} is not set: `cargo xtask bench peers` installs the peers and says where they are");
    };
    note(&format!("load average {}", load()?));
    let mut figures = privacyidea::figures(effort, &folder)?;
    figures.extend(pouchdb::figures(effort, &folder)?);
    note(&format!("load average {}", load()?));
    Ok(figures)
}

/// How many programs wanted a processor, over one, five and fifteen minutes.
pub(super) fn load() -> Result<String> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    Ok(text.split_whitespace().take(3).collect::<Vec<_>>().join(" "))
}
