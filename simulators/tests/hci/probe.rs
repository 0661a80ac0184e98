//! A peripheral that writes down what happens to it and does what it is told.

use std::collections::VecDeque;

use firmware_protocol::advertisement::Beacon;
use firmware_protocol::time::Instant;
use simulators::peripheral::Peripheral;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    Connected(u16),
    Wrote(Vec<u8>),
    Disconnected,
}

#[derive(Debug, Default)]
pub(crate) struct Probe {
    pub(crate) happened: Vec<Happened>,
    pub(crate) notify: VecDeque<Vec<u8>>,
    pub(crate) end: bool,
    pub(crate) silent: bool,
    pub(crate) info: Vec<u8>,
    /// Notifies everything that is written.
    pub(crate) echoes: bool,
    pub(crate) heartbeat: u8,
}

impl Probe {
    pub(crate) fn written(&self) -> Vec<&[u8]> {
        let written = self.happened.iter().filter_map(|happened| match happened {
            Happened::Wrote(value) => Some(&value[..]),
            _ => None,
        });
        written.collect()
    }
}

impl Peripheral for Probe {
    fn advertisement(&mut self, _: Instant) -> Option<Beacon> {
        self.heartbeat = self.heartbeat.wrapping_add(1);
        let beacon = Beacon {
            heartbeat: self.heartbeat,
            tag: 0xbeef,
            ..Beacon::default()
        };
        (!self.silent).then_some(beacon)
    }

    fn info(&mut self) -> Vec<u8> {
        self.info.clone()
    }

    fn connected(&mut self, _: Instant, mtu_bytes: u16) {
        self.happened.push(Happened::Connected(mtu_bytes));
    }

    fn disconnected(&mut self, _: Instant) {
        self.happened.push(Happened::Disconnected);
    }

    fn write(&mut self, _: Instant, value: &[u8]) {
        self.happened.push(Happened::Wrote(value.to_vec()));
        if self.echoes {
            self.notify.push_back(value.to_vec());
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
