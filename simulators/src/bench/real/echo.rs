//! A peripheral that does what the first byte of a value says.

use std::collections::VecDeque;

use firmware_protocol::advertisement::Beacon;
use firmware_protocol::time::Instant;

use super::VALUE_LEN;
use crate::peripheral::Peripheral;

/// Notify this value.
pub(super) const ECHO: u8 = 1;
/// Notify so many values of [`VALUE_LEN`] bytes, the count in the two bytes that follow.
pub(super) const FLOOD: u8 = 2;
/// End the link.
pub(super) const END: u8 = 3;

#[derive(Debug, Default)]
pub(super) struct Echo {
    beacon: Beacon,
    notify: VecDeque<Vec<u8>>,
    end: bool,
}

impl Peripheral for Echo {
    fn advertisement(&mut self, _: Instant) -> Option<Beacon> {
        self.beacon.heartbeat = self.beacon.heartbeat.wrapping_add(1);
        Some(self.beacon)
    }

    fn info(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn connected(&mut self, _: Instant, _: u16) {}

    fn disconnected(&mut self, _: Instant) {
        self.notify.clear();
        self.end = false;
    }

    fn write(&mut self, _: Instant, value: &[u8]) {
        match value {
            [ECHO, ..] => self.notify.push_back(value.to_vec()),
            [FLOOD, low, high, ..] => {
                let count = u16::from_le_bytes([*low, *high]);
                self.notify.extend((0..count).map(|_| vec![FLOOD; VALUE_LEN]));
            }
            [END, ..] => self.end = true,
            _ => {}
        }
    }

    fn poll_notify(&mut self) -> Option<Vec<u8>> {
        self.notify.pop_front()
    }

    fn poll_end(&mut self) -> bool {
        std::mem::take(&mut self.end)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn handle_timeout(&mut self, _: Instant) {}
}
