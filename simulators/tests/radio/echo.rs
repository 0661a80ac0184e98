//! A band that sends back what it gets.

use firmware_protocol::advertisement::Beacon;
use firmware_protocol::time::Instant;
use simulators::peripheral::Peripheral;
use std::collections::VecDeque;

/// A frame that starts with this ends the link after its echo.
pub(crate) const END: u8 = 0xee;
/// A frame that starts with this is answered by as many notifications as its second byte says.
pub(crate) const BURST: u8 = 0xbb;

#[derive(Debug, Default)]
pub(crate) struct Echo {
    pub(crate) connections: u32,
    pub(crate) linked: bool,
    pub(crate) worn: bool,
    out: VecDeque<Vec<u8>>,
    heartbeat: u8,
    ends: bool,
}

impl Peripheral for Echo {
    fn advertisement(&mut self, _: Instant) -> Option<Beacon> {
        self.heartbeat = self.heartbeat.wrapping_add(1);
        let beacon = Beacon {
            heartbeat: self.heartbeat,
            worn: self.worn,
            ..Beacon::default()
        };
        Some(Beacon {
            battery_percent: 80,
            ..beacon
        })
    }

    fn info(&mut self) -> Vec<u8> {
        b"echo".to_vec()
    }

    fn connected(&mut self, _: Instant, _: u16) {
        self.connections += 1;
        self.linked = true;
    }

    fn disconnected(&mut self, _: Instant) {
        self.linked = false;
        self.out.clear();
    }

    fn write(&mut self, _: Instant, value: &[u8]) {
        match value {
            [BURST, count, ..] => self.out.extend((0..*count).map(|number| vec![number; 40])),
            _ => self.out.push_back(value.to_vec()),
        }
        self.ends = value.first() == Some(&END);
    }

    fn poll_notify(&mut self) -> Option<Vec<u8>> {
        self.out.pop_front()
    }

    fn poll_end(&mut self) -> bool {
        std::mem::take(&mut self.ends)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn handle_timeout(&mut self, _: Instant) {}
}
