//! The station's configuration: one TOML file, one section per file of this folder.
//!
//! The file is read strictly. A key that nobody knows is refused with the nearest one that exists, so
//! that a typing error cannot silently leave a default in force. `example.toml` beside this crate's
//! manifest shows every key with its default; a test keeps it in step.

mod api;
mod enrollment;
mod file;
mod kiosk;
mod log;
mod radio;
mod station;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use api::Api;
pub use enrollment::Enrollment;
pub use file::{read_credential, read_secret, read_secret_of};
pub use kiosk::{Afterwards, Kiosk, Theme};
pub use log::{Format, Log};
pub use radio::Radio;
pub use station::Station;

use crate::problem::{Code, Problem};

/// Where the configuration is if nobody says otherwise.
pub const DEFAULT_PATH: &str = "/etc/bandstand/station.toml";

/// Everything that can be configured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the station keeps its data.
    pub station: Station,
    /// The Bluetooth side.
    pub radio: Radio,
    /// How long a person may take.
    pub enrollment: Enrollment,
    /// Who may talk to the daemon, and where.
    pub api: Api,
    /// The page that people stand before.
    pub kiosk: Kiosk,
    /// What is logged, and how.
    pub log: Log,
}

impl Config {
    /// Reads and checks the file at `path`.
    pub fn load(path: &Path) -> Result<Self, Problem> {
        Self::load_with_digest(path).map(|(config, _)| config)
    }

    /// The same, with the SHA-256 of the file's bytes.
    pub fn load_with_digest(path: &Path) -> Result<(Self, [u8; 32]), Problem> {
        let text = file::read_config(path)?;
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        let digest = digest.as_ref().try_into().expect("a hash has 32 bytes");
        let config = Self::parse(&text);
        config
            .map(|config| (config, digest))
            .map_err(|(code, why, next)| {
                Problem::new(
                    code,
                    format!("the configuration {} cannot be used", path.display()),
                    why,
                    next,
                )
            })
    }

    /// Reads and checks a configuration that is in no file.
    pub fn from_text(text: &str) -> Result<Self, Problem> {
        let fault = |(code, why, next)| Problem::new(code, "the configuration cannot be used", why, next);
        Self::parse(text).map_err(fault)
    }

    fn parse(text: &str) -> Result<Self, Fault> {
        let table = toml::de::DeTable::parse(text).map_err(|error| syntax(text, &error))?;
        refuse_unknown_keys(text, table.get_ref())?;
        let config: Config = toml::from_str(text).map_err(|error| wrong_type(text, &error))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), Fault> {
        self.station.check()?;
        self.radio.check()?;
        self.enrollment.check()?;
        self.api.check()?;
        self.kiosk.check()?;
        self.log.check()
    }

    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.station.data_directory.join("station.db")
    }

    /// What the station needs to speak to its console, beside its key.
    pub fn sync_file(&self) -> PathBuf {
        self.station.key_file.with_extension("sync")
    }

    /// What a join under way has made before it asked.
    pub fn pending_file(&self) -> PathBuf {
        self.station.key_file.with_extension("join")
    }

    /// The file whose lock says that a daemon runs here.
    pub fn lock_file(&self) -> PathBuf {
        self.station.data_directory.join("lock")
    }
}

/// Code, why, what next: a problem whose file is not named yet.
pub(crate) type Fault = (Code, String, String);

/// The fault of a value that has the right type and still makes no sense.
fn bad_value(why: impl Into<String>, next: impl Into<String>) -> Fault {
    (Code::ConfigValue, why.into(), next.into())
}

/// Refuses `value` of `key` unless it lies in `range`.
fn in_range(key: &str, value: u64, range: std::ops::RangeInclusive<u64>) -> Result<(), Fault> {
    if range.contains(&value) {
        return Ok(());
    }
    let (low, high) = (range.start(), range.end());
    Err(bad_value(
        format!("`{key}` is {value}, outside {low} to {high}"),
        format!("set `{key}` to {low} .. {high}"),
    ))
}

/// Refuses a path that depends on where the daemon was started.
fn absolute(key: &str, path: &Path) -> Result<(), Fault> {
    if path.is_absolute() {
        return Ok(());
    }
    Err(bad_value(
        format!("`{key}` is `{}`, which is not an absolute path", path.display()),
        "write the path from / on",
    ))
}

fn syntax(text: &str, error: &toml::de::Error) -> Fault {
    let why = format!("{}{}", at(text, error.span()), one_line(error.message()));
    (
        Code::ConfigSyntax,
        why,
        "correct the line; `bandstand-station config check` tells whether it reads".into(),
    )
}

fn wrong_type(text: &str, error: &toml::de::Error) -> Fault {
    let why = format!("{}{}", at(text, error.span()), one_line(error.message()));
    (
        Code::ConfigWrongType,
        why,
        "see the documented example for the key's type and range".into(),
    )
}

fn one_line(message: &str) -> String {
    message.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

fn at(text: &str, span: Option<std::ops::Range<usize>>) -> String {
    let Some(span) = span else { return String::new() };
    let line = text.as_bytes()[..span.start.min(text.len())]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
        + 1;
    format!("line {line}: ")
}

/// Compares the file's keys with those a default configuration has.
fn refuse_unknown_keys(text: &str, table: &toml::de::DeTable<'_>) -> Result<(), Fault> {
    let known = serde_json::to_value(Config::default()).expect("a configuration is plain data");
    let mut faults = Vec::new();
    let mut first_suggestion = None;
    for (section, value) in table.iter() {
        let name: &str = section.get_ref();
        let Some(known_section) = known.get(name) else {
            let suggestion = nearest(name, keys(&known));
            faults.push(format!(
                "{}unknown section [{name}]",
                at(text, Some(section.span()))
            ));
            first_suggestion = first_suggestion.or(suggestion.map(|near| format!("[{near}]")));
            continue;
        };
        for (key, _) in value
            .get_ref()
            .as_table()
            .into_iter()
            .flat_map(|table| table.iter())
        {
            let key_name: &str = key.get_ref();
            if known_section.get(key_name).is_none() {
                let suggestion = nearest(key_name, keys(known_section));
                faults.push(format!(
                    "{}unknown key `{key_name}` in [{name}]",
                    at(text, Some(key.span()))
                ));
                first_suggestion = first_suggestion.or(suggestion.map(|near| format!("`{near}`")));
            }
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    let next = match first_suggestion {
        Some(near) => format!("did you mean {near}?"),
        None => "remove it; the documented example lists every key".to_owned(),
    };
    Err((Code::ConfigUnknownKey, faults.join("; "), next))
}

fn keys(value: &serde_json::Value) -> impl Iterator<Item = &str> {
    value
        .as_object()
        .into_iter()
        .flat_map(|object| object.keys().map(String::as_str))
}

/// The candidate that takes the fewest single edits to reach, if that is few enough to be a slip.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Cut off, so that a line of a megabyte costs nothing.
    let word = word.char_indices().nth(64).map_or(word, |(end, _)| &word[..end]);
    candidates
        .map(|candidate| (strsim::levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 3)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests;
