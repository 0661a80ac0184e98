//! Which of the devices that BlueZ talks about are bands, and how strong they were last.
//!
//! BlueZ merges the scan filters of all its clients, so strangers come along. A device is a band when it
//! lists our service; that is asked once per device. Signal strength and manufacturer data come as
//! separate events, the strength only when it changed, so the last one is kept.

use crate::radio::DeviceId;
use btleplug::platform::PeripheralId;
use std::collections::HashMap;

/// Devices remembered. Bands keep their address; strangers change theirs every quarter of an hour.
const DEVICES_MAX: usize = 4096;

/// What is known of one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sighting {
    /// BlueZ was asked.
    Asked,
    Band {
        rssi_dbm: i16,
    },
    Stranger,
}

/// What to do about an advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Ask BlueZ what the device is.
    Unknown,
    /// A band, this strong.
    Band { rssi_dbm: i16 },
    /// Nothing.
    Nothing,
}

/// The devices heard since the adapter came up.
#[derive(Debug, Default)]
pub(super) struct Sightings {
    devices: HashMap<DeviceId, (PeripheralId, Sighting)>,
}

impl Sightings {
    /// BlueZ's name for a device that was heard.
    pub(super) fn id(&self, device: &str) -> Option<PeripheralId> {
        self.devices.get(device).map(|(id, _)| id.clone())
    }

    /// An advertisement with a beacon was heard.
    pub(super) fn handle_beacon(&mut self, device: &str, id: &PeripheralId) -> Heard {
        match self.devices.get(device) {
            Some((_, Sighting::Band { rssi_dbm })) => Heard::Band { rssi_dbm: *rssi_dbm },
            Some(_) => Heard::Nothing,
            None => {
                self.make_room();
                self.devices
                    .insert(device.to_owned(), (id.clone(), Sighting::Asked));
                Heard::Unknown
            }
        }
    }

    /// The strength changed.
    pub(super) fn handle_rssi(&mut self, device: &str, rssi_dbm: i16) {
        if let Some((_, Sighting::Band { rssi_dbm: last })) = self.devices.get_mut(device) {
            *last = rssi_dbm;
        }
    }

    /// BlueZ answered: a band this strong, a stranger, or nothing of use.
    pub(super) fn handle_answer(&mut self, device: &str, id: &PeripheralId, answer: Option<(bool, i16)>) {
        let sighting = match answer {
            Some((true, rssi_dbm)) => Sighting::Band { rssi_dbm },
            Some((false, _)) => Sighting::Stranger,
            None => return self.forget(device),
        };
        self.devices.insert(device.to_owned(), (id.clone(), sighting));
    }

    /// Forgets one device.
    pub(super) fn forget(&mut self, device: &str) {
        self.devices.remove(device);
    }

    /// Forgets everything: the adapter or BlueZ is a new one.
    pub(super) fn clear(&mut self) {
        self.devices.clear();
    }

    fn make_room(&mut self) {
        if self.devices.len() >= DEVICES_MAX {
            self.devices
                .retain(|_, (_, sighting)| *sighting == Sighting::Asked);
        }
    }
}
