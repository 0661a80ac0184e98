//! `[radio]`: the Bluetooth side.

use serde::{Deserialize, Serialize};

use super::{Fault, bad_value};

/// The Bluetooth side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Radio {
    /// Name of the adapter, such as `hci0`; the first one if absent.
    pub adapter: Option<String>,
    /// A band at least this strong, in dBm, counts as held to the kiosk.
    pub near_dbm: i16,
    /// How much stronger, in dB, the nearest band must be than the next one to be taken for the one meant.
    pub lead_db: u16,
}

impl Default for Radio {
    fn default() -> Self {
        Self {
            adapter: None,
            near_dbm: -60,
            lead_db: 6,
        }
    }
}

impl Radio {
    pub(super) fn check(&self) -> Result<(), Fault> {
        if !(-100..=-20).contains(&self.near_dbm) {
            return Err(bad_value(
                format!("`radio.near_dbm` is {}, outside -100 to -20", self.near_dbm),
                "set `radio.near_dbm` to -100 .. -20; -60 suits a band held to the kiosk",
            ));
        }
        let named = self.adapter.as_deref().unwrap_or("hci0");
        if named.is_empty() || !named.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(bad_value(
                format!("`radio.adapter` is {named:?}, which names no adapter"),
                "write the name that `bluetoothctl list` or `hciconfig` shows, such as \"hci0\"",
            ));
        }
        super::in_range("radio.lead_db", self.lead_db.into(), 0..=60)
    }
}
