//! `[enrollment]`: how long a person may take.

use serde::{Deserialize, Serialize};

use super::{Fault, in_range};

/// How long a person may take, in seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Enrollment {
    /// For a band to be held to the kiosk, or to come back.
    pub band_seconds_max: u64,
    /// For the band to be put on.
    pub worn_seconds_max: u64,
    /// To compare the code, after the last touch.
    pub code_seconds_max: u64,
    /// To delete the band's user data by hand and bring it back.
    pub deletion_seconds_max: u64,
    /// Age up to which an enrollment that was cut off is still finished when its band comes back.
    pub resume_seconds_max: u64,
}

impl Default for Enrollment {
    fn default() -> Self {
        Self {
            band_seconds_max: 60,
            worn_seconds_max: 120,
            code_seconds_max: 60,
            deletion_seconds_max: 300,
            resume_seconds_max: 600,
        }
    }
}

impl Enrollment {
    pub(super) fn check(&self) -> Result<(), Fault> {
        in_range("enrollment.band_seconds_max", self.band_seconds_max, 5..=600)?;
        in_range("enrollment.worn_seconds_max", self.worn_seconds_max, 5..=600)?;
        in_range("enrollment.code_seconds_max", self.code_seconds_max, 5..=600)?;
        in_range(
            "enrollment.deletion_seconds_max",
            self.deletion_seconds_max,
            10..=1800,
        )?;
        in_range(
            "enrollment.resume_seconds_max",
            self.resume_seconds_max,
            10..=86_400,
        )
    }
}
