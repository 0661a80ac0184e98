//! What the end to end tests share: the fuzz targets, and how much a run does. The tests are in `it/`.

pub mod fuzz;

use std::path::{Path, PathBuf};

/// How many trials to run: few on every change, many when `cargo xtask soak` asks for nightly volumes.
pub fn volume(per_change: u64, nightly: u64) -> u64 {
    match std::env::var("BANDSTAND_VOLUME").as_deref() {
        Ok("nightly") => nightly,
        _ => per_change,
    }
}

/// The repository's root folder. Asked of cargo at run time: checkouts that share a target folder share the
/// built tests too.
pub fn root() -> PathBuf {
    let here = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&here)
        .parent()
        .expect("tests/ lies in the root")
        .to_owned()
}
