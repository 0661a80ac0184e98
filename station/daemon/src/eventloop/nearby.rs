//! The bands in range, and which of them is meant.
//!
//! A person chooses a band by holding it to the kiosk: it is near, and nearer than every other one by a
//! clear lead. Two bands that are equally near are nobody's choice.

use std::collections::{BTreeMap, BTreeSet};

use firmware_protocol::advertisement::{BATTERY_UNKNOWN, Beacon};

use crate::api::model::{Bands, NearbyBand};
use crate::config;
use crate::radio::DeviceId;

/// Bands listed by the API; nobody reads more, and a flood of advertisements must not fill the memory.
const BANDS_MAX: usize = 256;

/// The bands in range.
#[derive(Debug)]
pub(super) struct Nearby {
    near_dbm: i16,
    lead_db: i16,
    bands: BTreeMap<DeviceId, (Beacon, i16)>,
    /// Bands seen only once so far: their neighbors may not have been heard yet, so they are not chosen.
    once: BTreeSet<DeviceId>,
}

/// Which band is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// No band is near.
    Nothing,
    /// Several are equally near.
    Several,
    /// This one.
    One(DeviceId),
}

impl Nearby {
    pub(super) fn new(config: &config::Radio) -> Self {
        let lead_db = i16::try_from(config.lead_db).unwrap_or(i16::MAX);
        Self {
            near_dbm: config.near_dbm,
            lead_db,
            bands: BTreeMap::new(),
            once: BTreeSet::new(),
        }
    }

    /// A band advertised. Whether anything changed that people see.
    pub(super) fn seen(&mut self, device: DeviceId, beacon: Beacon, rssi_dbm: i16) -> bool {
        let is_new = !self.bands.contains_key(&device);
        if is_new && self.bands.len() >= BANDS_MAX && !self.make_room(rssi_dbm) {
            return false;
        }
        if is_new {
            self.once.insert(device.clone());
        } else {
            self.once.remove(&device);
        }
        let before = self.bands.insert(device, (beacon, rssi_dbm));
        let quiet = |beacon: Beacon| Beacon {
            heartbeat: 0,
            ..beacon
        };
        before.is_none_or(|(old, old_dbm)| quiet(old) != quiet(beacon) || old_dbm.abs_diff(rssi_dbm) > 1)
    }

    /// Drops the weakest band if the new one is stronger.
    fn make_room(&mut self, rssi_dbm: i16) -> bool {
        let weakest = self.bands.iter().min_by_key(|(_, (_, dbm))| *dbm);
        let Some((device, _)) = weakest.filter(|(_, (_, dbm))| *dbm < rssi_dbm) else {
            return false;
        };
        let device = device.clone();
        self.gone(&device);
        true
    }

    pub(super) fn gone(&mut self, device: &DeviceId) -> bool {
        self.once.remove(device);
        self.bands.remove(device).is_some()
    }

    pub(super) fn clear(&mut self) {
        self.bands.clear();
        self.once.clear();
    }

    pub(super) fn contains(&self, device: &DeviceId) -> bool {
        self.bands.contains_key(device)
    }

    /// The band that is meant, those in `not` apart.
    pub(super) fn choice(&self, not: &BTreeSet<DeviceId>) -> Choice {
        let candidates = self.bands.iter().filter(|(device, _)| !not.contains(*device));
        let mut near: Vec<_> = candidates.filter(|(_, (_, dbm))| *dbm >= self.near_dbm).collect();
        near.sort_by_key(|(_, (_, dbm))| std::cmp::Reverse(*dbm));
        match near.as_slice() {
            [] => Choice::Nothing,
            [(_, (_, first)), (_, (_, second)), ..] if first.saturating_sub(*second) < self.lead_db => {
                Choice::Several
            }
            [(device, _), ..] if self.once.contains(*device) => Choice::Nothing,
            [(device, _), ..] => Choice::One((*device).clone()),
        }
    }

    /// The nearest band that is near at all, those in `not` apart.
    pub(super) fn nearest(&self, not: &BTreeSet<DeviceId>) -> Option<DeviceId> {
        let candidates = self
            .bands
            .iter()
            .filter(|(device, (_, dbm))| !not.contains(*device) && *dbm >= self.near_dbm);
        candidates
            .max_by_key(|(_, (_, dbm))| *dbm)
            .map(|(device, _)| device.clone())
    }

    /// Nearest first.
    pub(super) fn view(&self) -> Bands {
        let mut bands: Vec<_> = self
            .bands
            .iter()
            .map(|(device, (beacon, dbm))| self.band(device, beacon, *dbm))
            .collect();
        bands.sort_by(|a, b| b.rssi_dbm.cmp(&a.rssi_dbm).then_with(|| a.device.cmp(&b.device)));
        Bands { bands }
    }

    fn band(&self, device: &DeviceId, beacon: &Beacon, rssi_dbm: i16) -> NearbyBand {
        NearbyBand {
            device: device.clone(),
            rssi_dbm,
            near: rssi_dbm >= self.near_dbm,
            enrolled: beacon.enrolled,
            worn: beacon.worn,
            charging: beacon.charging,
            intent: beacon.intent,
            seos: beacon.seos,
            locked_out: beacon.locked_out,
            battery_percent: (beacon.battery_percent != BATTERY_UNKNOWN)
                .then_some(beacon.battery_percent.min(100)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(bands: &[(&str, i16)], not: &[&str], expected: &str) {
        let mut nearby = Nearby::new(&config::Radio::default());
        for (device, dbm) in bands.iter().chain(bands) {
            nearby.seen((*device).to_owned(), Beacon::default(), *dbm);
        }
        let not = not.iter().map(|device| (*device).to_owned()).collect();
        let found = match nearby.choice(&not) {
            Choice::Nothing => "nothing".to_owned(),
            Choice::Several => "several".to_owned(),
            Choice::One(device) => device,
        };
        assert_eq!(found, expected, "{bands:?}");
    }

    #[test]
    fn the_band_held_to_the_kiosk_is_meant() {
        check(&[], &[], "nothing");
        check(&[("a", -61)], &[], "nothing");
        check(&[("a", -60)], &[], "a");
        check(&[("a", -60), ("b", -54)], &[], "b");
        check(&[("a", -60), ("b", -55)], &[], "several");
        check(&[("a", -40), ("b", -90)], &[], "a");
        check(&[("a", -40), ("b", -50)], &["a"], "b");
        check(&[("a", -40)], &["a"], "nothing");
    }

    #[test]
    fn a_flood_of_bands_keeps_the_nearest() {
        let mut nearby = Nearby::new(&config::Radio::default());
        for index in 0..2000_u16 {
            nearby.seen(format!("far{index}"), Beacon::default(), -95);
        }
        nearby.seen("mine".into(), Beacon::default(), -45);
        assert_eq!(
            nearby.choice(&BTreeSet::new()),
            Choice::Nothing,
            "others may follow"
        );
        nearby.seen("mine".into(), Beacon::default(), -45);
        assert_eq!(nearby.view().bands.len(), BANDS_MAX);
        assert_eq!(nearby.choice(&BTreeSet::new()), Choice::One("mine".into()));
    }

    #[test]
    fn a_band_that_says_the_same_is_no_news() {
        let mut nearby = Nearby::new(&config::Radio::default());
        let beacon = |heartbeat| Beacon {
            heartbeat,
            ..Beacon::default()
        };
        assert!(nearby.seen("a".into(), beacon(1), -50));
        assert!(!nearby.seen("a".into(), beacon(2), -51));
        assert!(nearby.seen(
            "a".into(),
            Beacon {
                worn: true,
                ..beacon(3)
            },
            -51
        ));
        assert!(nearby.gone(&"a".into()) && !nearby.gone(&"a".into()));
    }
}
