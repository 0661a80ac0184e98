//! `[log]`: what is logged, and how.

use serde::{Deserialize, Serialize};

use super::{Fault, bad_value};

/// What is logged, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`, or filters such as `info,station_daemon::radio=debug`.
    /// Names of people appear at `debug` and `trace` only.
    pub level: String,
    /// Where lines go and what they look like.
    pub format: Format,
}

/// Where log lines go and what they look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// The journal under systemd, else `pretty`.
    Auto,
    /// The journal.
    Journald,
    /// Lines for people, to standard error.
    Pretty,
    /// One JSON object per line, to standard error.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: "info".into(),
            format: Format::Auto,
        }
    }
}

impl Log {
    pub(super) fn check(&self) -> Result<(), Fault> {
        match self.level.parse::<tracing_subscriber::filter::EnvFilter>() {
            Ok(_) if !self.level.trim().is_empty() => Ok(()),
            _ => Err(bad_value(
                format!("`log.level` is {:?}, which is no level", self.level),
                "use error, warn, info, debug or trace",
            )),
        }
    }
}
