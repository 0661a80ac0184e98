//! Fuzz targets as ordinary functions over bytes.
//!
//! A target gets any bytes and must neither panic nor accept what it should not. The same functions
//! run in three places: every test run replays the committed corpora and mutates them a bounded,
//! repeatable number of times; `cargo xtask fuzz` explores for as long as it is told; and the package in
//! `tests/fuzz/` hands them to libFuzzer where cargo-fuzz is installed.

mod advertising;
mod config;
mod corpus;
mod explore;
mod frames;
mod list;
mod messages;
mod mutate;
mod script;
mod sessions;
mod signed;
mod station;
mod sync;

pub use corpus::{corpus, corpus_dir, write_seeds};
pub use explore::{Finding, explore, replay};

/// A named input of a corpus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The name of its file, without extension.
    pub name: String,
    /// What a target gets.
    pub bytes: Vec<u8>,
}

impl Input {
    fn new(name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            bytes: bytes.into(),
        }
    }
}

/// One thing that reads bytes from outside.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, and that of its folder below `tests/fuzz/corpora`.
    pub name: &'static str,
    /// Panics if the bytes bring out a fault.
    pub run: fn(&[u8]),
    /// Well-formed inputs of today, to start from beside the committed ones.
    pub seeds: fn() -> Vec<Input>,
}

impl Target {
    const fn new(name: &'static str, run: fn(&[u8]), seeds: fn() -> Vec<Input>) -> Self {
        Self { name, run, seeds }
    }
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target::new("station_to_band", messages::station_to_band, messages::requests),
    Target::new("band_to_station", messages::band_to_station, messages::answers),
    Target::new("info", messages::info, messages::infos),
    Target::new("beacon", advertising::beacon, advertising::beacons),
    Target::new(
        "band_certificate",
        signed::band_certificate,
        signed::band_certificates,
    ),
    Target::new(
        "station_certificate",
        signed::station_certificate,
        signed::station_certificates,
    ),
    Target::new("receipt", signed::receipt, signed::receipts),
    Target::new("framing", frames::framing, frames::scripts),
    Target::new("band_session", sessions::band, sessions::at_band),
    Target::new("station_session", sessions::station, sessions::at_station),
    Target::new("ticket", station::ticket, station::tickets),
    Target::new("typed_code", station::typed_code, station::typed_codes),
    Target::new(
        "journal_record",
        station::journal_record,
        station::journal_records,
    ),
    Target::new("journal", station::journal, station::journals),
    Target::new("config", config::config, config::configs),
    Target::new("init_file", station::init_file, station::init_files),
    Target::new("feed_page", sync::feed_page, sync::pages),
    Target::new("feed_signed", sync::feed_signed, sync::pages),
    Target::new("feed_story", sync::feed_story, sync::stories),
    Target::new("feed_rows", sync::feed_rows, sync::rows),
    Target::new("batch", sync::batch, sync::batches),
    Target::new("list", list::list, list::lists),
    Target::new("sync_message", sync::sync_message, sync::sync_messages),
];

/// Fails on a byte that its seeds do not hold: whoever does not find it does not look.
pub const CANARY: Target = Target {
    name: "canary",
    run: |bytes| assert!(!bytes.contains(&0xca), "the canary sang"),
    seeds: || vec![Input::new("quiet", [0; 16])],
};

/// The target with this name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().find(|target| target.name == name).copied()
}
