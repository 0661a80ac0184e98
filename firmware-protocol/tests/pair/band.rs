//! The hardware of a band in a test: a memory that can fail, a screen that is kept, dice that are loaded.

use firmware_protocol::handler::{BandHandler, Screen, StorageFault};

use super::Rng;

/// What goes wrong at one store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The memory says no.
    Fault,
    /// The power fails before the record is kept.
    CutBefore,
    /// The power fails after it.
    CutAfter,
}

pub(crate) struct TestBand {
    /// What the memory holds.
    pub(crate) stored: Vec<u8>,
    /// Every record that was kept, in order.
    pub(crate) history: Vec<Vec<u8>>,
    pub(crate) stores: usize,
    pub(crate) screens: Vec<Screen>,
    pub(crate) sensed: Vec<Option<u8>>,
    pub(crate) erased: usize,
    /// Everything random the engine was given, in order.
    pub(crate) drawn: Vec<Vec<u8>>,
    trouble: Option<(usize, Trouble)>,
    dead: bool,
    rng: Rng,
}

impl TestBand {
    pub(crate) fn new(seed: u64, stored: Vec<u8>) -> Self {
        Self {
            stored,
            history: Vec::new(),
            stores: 0,
            screens: Vec::new(),
            sensed: Vec::new(),
            erased: 0,
            drawn: Vec::new(),
            trouble: None,
            dead: false,
            rng: Rng::new(seed ^ 0xba4d),
        }
    }

    /// Something goes wrong at the store with this number, counted from now.
    pub(crate) fn trouble_at(&mut self, store: usize, trouble: Trouble) {
        self.trouble = Some((self.stores + store, trouble));
    }

    /// The trouble has happened.
    pub(crate) fn was_troubled(&self) -> bool {
        self.trouble.is_none()
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.dead
    }

    pub(crate) fn revive(&mut self) {
        self.dead = false;
    }

    pub(crate) fn screen(&self) -> &Screen {
        self.screens
            .last()
            .expect("a band shows something from the start")
    }

    fn keep(&mut self, record: &[u8]) {
        self.stored = record.to_vec();
        self.history.push(record.to_vec());
    }
}

impl BandHandler for TestBand {
    fn store(&mut self, record: &[u8]) -> Result<(), StorageFault> {
        assert!(record.len() < 2048, "a record of {} bytes", record.len());
        if self.dead {
            return Ok(());
        }
        let number = self.stores;
        self.stores += 1;
        match self.trouble.take_if(|(at, _)| *at == number) {
            None => self.keep(record),
            Some((_, Trouble::Fault)) => return Err(StorageFault),
            Some((_, Trouble::CutBefore)) => self.dead = true,
            Some((_, Trouble::CutAfter)) => {
                self.keep(record);
                self.dead = true;
            }
        }
        Ok(())
    }

    fn random(&mut self, out: &mut [u8]) {
        self.rng.fill(out);
        self.drawn.push(out.to_vec());
    }

    fn show(&mut self, screen: Screen) {
        self.screens.push(screen);
    }

    fn sense(&mut self, slot: Option<u8>) {
        self.sensed.push(slot);
    }

    fn erase_templates(&mut self) {
        self.erased += 1;
    }
}
