//! Who is present: a band is when it advertises, and stops being when it has been silent for a while.
//!
//! Pure: no radio, no clock. What the system remembers of a device never makes it present; only an
//! advertisement does, and its time is an argument.

use super::rssi::{self, Smoothed};
use super::{DeviceId, RadioEvent};
use firmware_protocol::advertisement::Beacon;
use firmware_protocol::time::Instant;
use std::collections::HashMap;
use std::time::Duration;

/// The bands that are present.
#[derive(Debug)]
pub struct Presence {
    timeout: Duration,
    seen_interval: Duration,
    listening: bool,
    bands: HashMap<DeviceId, Band>,
}

#[derive(Debug)]
struct Band {
    rssi: Smoothed,
    heard: Instant,
    reported: Option<(Instant, Beacon)>,
    linked: bool,
}

impl Presence {
    /// Nobody is present. A silent band is gone after `timeout`; one that keeps saying the same is
    /// reported once per `seen_interval`. The radio does not listen yet.
    pub fn new(timeout: Duration, seen_interval: Duration) -> Self {
        Self {
            timeout,
            seen_interval,
            listening: false,
            bands: HashMap::new(),
        }
    }

    /// An advertisement was heard. Gives `Seen` when there is something new to say: a new band, a beacon
    /// that differs in more than its heartbeat, or an interval over.
    pub fn handle_advertisement(
        &mut self,
        now: Instant,
        device: &str,
        beacon: Beacon,
        rssi_dbm: i16,
    ) -> Option<RadioEvent> {
        if !self.bands.contains_key(device) {
            let band = Band {
                rssi: Smoothed::default(),
                heard: now,
                reported: None,
                linked: false,
            };
            self.bands.insert(device.to_owned(), band);
        }
        let band = self.bands.get_mut(device)?;
        band.heard = now;
        band.rssi.push(now, rssi_dbm);
        if !band.is_news(now, &beacon, self.seen_interval) {
            return None;
        }
        band.reported = Some((now, beacon));
        let rssi_dbm = band.rssi.dbm().unwrap_or(rssi::FLOOR_DBM);
        Some(RadioEvent::Seen {
            device: device.to_owned(),
            beacon,
            rssi_dbm,
        })
    }

    /// A link to the device begins or ends. A linked band does not advertise and is not missed; when the
    /// link ends it has a full time-out to show up again.
    pub fn handle_link(&mut self, now: Instant, device: &str, linked: bool) {
        if let Some(band) = self.bands.get_mut(device) {
            band.linked = linked;
            band.heard = now;
        }
    }

    /// The radio begins or stops listening. Nobody is missed while it does not; afterwards everybody has
    /// a full time-out.
    pub fn handle_listening(&mut self, now: Instant, listening: bool) {
        if listening && !self.listening {
            self.bands.values_mut().for_each(|band| band.heard = now);
        }
        self.listening = listening;
    }

    /// Time has passed: gives `Gone` for each band that has been silent for too long.
    pub fn handle_timeout(&mut self, now: Instant) -> Vec<RadioEvent> {
        let listening = self.listening;
        let timeout = self.timeout;
        self.remove(|band| listening && !band.linked && now.since(band.heard) >= timeout)
    }

    /// The adapter is lost: everybody is gone.
    pub fn handle_adapter_lost(&mut self) -> Vec<RadioEvent> {
        self.listening = false;
        self.remove(|_| true)
    }

    /// Whether any band is present.
    pub fn is_anybody_there(&self) -> bool {
        !self.bands.is_empty()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let waited_for = self.bands.values().filter(|band| self.listening && !band.linked);
        waited_for.map(|band| band.heard + self.timeout).min()
    }

    fn remove(&mut self, leaves: impl Fn(&Band) -> bool) -> Vec<RadioEvent> {
        let left = self.bands.extract_if(|_, band| leaves(band));
        let mut gone: Vec<DeviceId> = left.map(|(device, _)| device).collect();
        gone.sort();
        gone.into_iter()
            .map(|device| RadioEvent::Gone { device })
            .collect()
    }
}

impl Band {
    fn is_news(&self, now: Instant, beacon: &Beacon, interval: Duration) -> bool {
        let Some((at, said)) = self.reported else {
            return true;
        };
        let same = Beacon {
            heartbeat: beacon.heartbeat,
            ..said
        } == *beacon;
        !same || now.since(at) >= interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(5);
    const INTERVAL: Duration = Duration::from_millis(250);

    fn at(ms: u64) -> Instant {
        Instant::from_micros(ms * 1000)
    }

    fn beacon(heartbeat: u8, worn: bool) -> Beacon {
        Beacon {
            heartbeat,
            worn,
            ..Beacon::default()
        }
    }

    fn listening() -> Presence {
        let mut presence = Presence::new(TIMEOUT, INTERVAL);
        presence.handle_listening(at(0), true);
        presence
    }

    fn hear(presence: &mut Presence, ms: u64, worn: bool) -> bool {
        let heartbeat = (ms / 100) as u8;
        presence
            .handle_advertisement(at(ms), "a", beacon(heartbeat, worn), -50)
            .is_some()
    }

    #[test]
    fn only_news_are_reported() {
        let mut presence = listening();
        let rows = [
            (0, true, true),
            (100, true, false),
            (200, false, true),
            (300, false, false),
        ];
        for (ms, worn, expected) in rows {
            assert_eq!(hear(&mut presence, ms, worn), expected, "at {ms} ms");
        }
        assert!(
            hear(&mut presence, 450, false),
            "an interval after the last report"
        );
    }

    #[test]
    fn a_silent_band_is_gone_once() {
        let mut presence = listening();
        hear(&mut presence, 1_000, true);
        assert_eq!(presence.poll_timeout(), Some(at(6_000)));
        assert!(presence.handle_timeout(at(5_999)).is_empty());
        let gone = vec![RadioEvent::Gone { device: "a".into() }];
        assert_eq!(presence.handle_timeout(at(6_000)), gone);
        assert!(presence.handle_timeout(at(9_000)).is_empty());
        assert_eq!(presence.poll_timeout(), None);
        assert!(hear(&mut presence, 10_000, true), "back again is news");
    }

    #[test]
    fn nobody_is_missed_while_the_radio_does_not_listen() {
        let mut presence = listening();
        hear(&mut presence, 0, true);
        presence.handle_listening(at(1_000), false);
        assert_eq!(presence.poll_timeout(), None);
        assert!(presence.handle_timeout(at(60_000)).is_empty());
        presence.handle_listening(at(60_000), true);
        assert_eq!(presence.poll_timeout(), Some(at(65_000)));
    }

    #[test]
    fn a_linked_band_is_not_missed() {
        let mut presence = listening();
        hear(&mut presence, 0, true);
        presence.handle_link(at(100), "a", true);
        assert!(presence.handle_timeout(at(60_000)).is_empty());
        presence.handle_link(at(60_000), "a", false);
        assert_eq!(presence.poll_timeout(), Some(at(65_000)));
    }

    #[test]
    fn a_lost_adapter_takes_everybody() {
        let mut presence = listening();
        hear(&mut presence, 0, true);
        presence.handle_link(at(100), "a", true);
        assert_eq!(presence.handle_adapter_lost().len(), 1);
    }
}
