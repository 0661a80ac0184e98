//! `[kiosk]`: the page that people stand before.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Fault, absolute, bad_value, in_range};

/// The page that people stand before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kiosk {
    /// A loopback address for the page's browser; no page if absent.
    pub listen: Option<SocketAddr>,
    /// The user whose browser shows the page; every user of this machine if absent.
    pub user: Option<String>,
    /// The language of the welcome screen: `en`, `de`, or the name of a file in `locales_directory`.
    pub language: String,
    /// A folder of more languages, one `.ftl` file each.
    pub locales_directory: Option<PathBuf>,
    /// Light or dark.
    pub theme: Theme,
    /// Seconds without a hand on the screen after which it is cleared.
    pub idle_seconds: u64,
    /// Seconds for which the last screen of an enrollment stays.
    pub done_seconds: u64,
    /// Whether a band is tested after it was enrolled.
    pub test_tap: bool,
    /// Whether operators may sign in by their own band. Not unless somebody says so: whoever enrolls as an operator's
    /// user becomes the operator then (decision 0048).
    pub operator_bands: bool,
    /// What is left to do elsewhere after an enrollment.
    pub afterwards: Vec<Afterwards>,
}

/// Light or dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Theme {
    /// As the browser's system says.
    #[default]
    Auto,
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// Something that is left to do elsewhere after an enrollment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Afterwards {
    /// Register the band on the OT side.
    Registration,
    /// Have doors learn the band.
    Doors,
    /// Make a security key on the band.
    SecurityKey,
    /// Sign in once at the own workstation.
    Workstation,
}

impl Theme {
    /// The value of the page's attribute.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

impl Afterwards {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Registration,
        Self::Doors,
        Self::SecurityKey,
        Self::Workstation,
    ];

    /// The stable name for texts.
    pub fn code(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Doors => "doors",
            Self::SecurityKey => "security_key",
            Self::Workstation => "workstation",
        }
    }
}

impl Default for Kiosk {
    fn default() -> Self {
        Self {
            listen: None,
            user: None,
            language: "en".into(),
            locales_directory: None,
            theme: Theme::Auto,
            idle_seconds: 60,
            done_seconds: 20,
            test_tap: true,
            operator_bands: false,
            afterwards: Vec::new(),
        }
    }
}

impl Kiosk {
    pub(super) fn check(&self) -> Result<(), Fault> {
        in_range("kiosk.idle_seconds", self.idle_seconds, 20..=600)?;
        in_range("kiosk.done_seconds", self.done_seconds, 3..=120)?;
        self.locales_directory
            .as_deref()
            .map_or(Ok(()), |path| absolute("kiosk.locales_directory", path))?;
        match self.listen {
            Some(address) if !address.ip().is_loopback() => Err(bad_value(
                format!("`kiosk.listen` is {address}, which other machines can reach"),
                "use 127.0.0.1 or [::1]; the browser runs on this machine",
            )),
            _ => Ok(()),
        }
    }
}
