//! `[enrollment]`: how long a person may take.

use serde::{Deserialize, Serialize};

use super::{Fault, in_range};

/// How long a person may take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Enrollment {
    /// Seconds to wait for a band to be held to the kiosk.
    pub find_seconds_max: u64,
    /// Seconds to compare the code on band and kiosk.
    pub code_seconds_max: u64,
    /// Seconds for the touches, from the first request on.
    pub touch_seconds_max: u64,
    /// Wrong codes or PINs in a row before the station asks for a pause.
    pub attempts_max: u64,
    /// The pause after too many wrong codes or PINs, in seconds.
    pub attempts_pause_seconds: u64,
}

impl Default for Enrollment {
    fn default() -> Self {
        Self {
            find_seconds_max: 120,
            code_seconds_max: 60,
            touch_seconds_max: 120,
            attempts_max: 5,
            attempts_pause_seconds: 300,
        }
    }
}

impl Enrollment {
    pub(super) fn check(&self) -> Result<(), Fault> {
        in_range("enrollment.find_seconds_max", self.find_seconds_max, 5..=600)?;
        in_range("enrollment.code_seconds_max", self.code_seconds_max, 5..=600)?;
        in_range("enrollment.touch_seconds_max", self.touch_seconds_max, 10..=600)?;
        in_range("enrollment.attempts_max", self.attempts_max, 1..=20)?;
        in_range(
            "enrollment.attempts_pause_seconds",
            self.attempts_pause_seconds,
            10..=86_400,
        )
    }
}
