//! The hardware around a simulated band's engine: memory, chance, screen.

use std::collections::VecDeque;

use firmware_protocol::handler::{BandHandler, Screen, StorageFault};

use super::knobs::Knobs;
use crate::random::Random;

/// Memory that survives a power cut, and what the wearer sees.
#[derive(Debug)]
pub(super) struct Hardware {
    /// The durable record.
    pub(super) record: Vec<u8>,
    /// What the screen shows now.
    pub(super) screen: Screen,
    /// What it showed that the wearer has not yet reacted to.
    pub(super) unseen: VecDeque<Screen>,
    /// The power failed within the last call.
    pub(super) power_failed: bool,
    /// Writes of the record so far.
    pub(super) stores: u32,
    random: Random,
    cut_before: Option<u32>,
    cut_after: Option<u32>,
    fault_at: Option<u32>,
}

impl Hardware {
    pub(super) fn new(record: Vec<u8>, random: Random) -> Self {
        Self {
            record,
            screen: Screen::NoUser,
            unseen: VecDeque::new(),
            power_failed: false,
            stores: 0,
            random,
            cut_before: None,
            cut_after: None,
            fault_at: None,
        }
    }

    /// Sets the knobs that fail writes; they count from the next write.
    pub(super) fn fail(&mut self, knobs: &Knobs) {
        let from_here = |n: Option<u32>| n.map(|n| n + self.stores);
        self.cut_before = from_here(knobs.power_cut_before_store);
        self.cut_after = from_here(knobs.power_cut_after_store);
        self.fault_at = from_here(knobs.storage_fault_at);
    }
}

impl BandHandler for Hardware {
    fn store(&mut self, record: &[u8]) -> Result<(), StorageFault> {
        self.stores += 1;
        let now = Some(self.stores);
        if self.power_failed || self.fault_at == now {
            return Err(StorageFault);
        }
        if self.cut_before == now {
            self.power_failed = true;
            return Err(StorageFault);
        }
        self.record = record.to_vec();
        self.power_failed = self.cut_after == now;
        Ok(())
    }

    fn random(&mut self, out: &mut [u8]) {
        self.random.fill(out);
    }

    fn show(&mut self, screen: Screen) {
        self.screen = screen.clone();
        self.unseen.push_back(screen);
    }

    /// Simulated fingers have no template: what the band keeps of them is its record alone.
    fn sense(&mut self, _slot: Option<u8>) {}

    fn erase_templates(&mut self) {}
}
