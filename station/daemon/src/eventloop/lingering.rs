//! Links that have served: the band ends them, and is reminded if it does not.

use std::collections::BTreeMap;
use std::time::Duration;

use firmware_protocol::time::Instant;

use crate::radio::{DeviceId, RadioCommand};

/// The time a band has to end the link by itself. Dropping it from this side takes BlueZ seconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// Links that nobody uses any more.
#[derive(Debug, Default)]
pub(super) struct Lingering(BTreeMap<DeviceId, Instant>);

impl Lingering {
    /// The link to `device` has served.
    pub(super) fn add(&mut self, now: Instant, device: DeviceId) {
        self.0.insert(device, now + PATIENCE);
    }

    /// The link is gone.
    pub(super) fn ended(&mut self, device: &DeviceId) {
        self.0.remove(device);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.0.values().min().copied()
    }

    /// The links to drop from this side.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Vec<RadioCommand> {
        let due = self.0.extract_if(.., |_, until| now >= *until);
        due.map(|(device, _)| RadioCommand::Disconnect(device)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_that_does_not_end_its_link_is_dropped_once() {
        let mut links = Lingering::default();
        links.add(Instant::ZERO, "a".into());
        links.add(Instant::ZERO, "b".into());
        links.ended(&"b".into());
        assert_eq!(links.handle_timeout(Instant::from_micros(1)), vec![]);
        let due = links.poll_timeout().unwrap();
        assert_eq!(
            links.handle_timeout(due),
            vec![RadioCommand::Disconnect("a".into())]
        );
        assert_eq!(links.poll_timeout(), None);
    }
}
