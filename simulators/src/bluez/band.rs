//! The air: bands that advertise, and how strong they are heard.

use std::any::Any;
use std::time::Duration;

use firmware_protocol::time::Instant;

use super::config::{BandConfig, Counters};
use super::disturbance::Disturbed;
use super::layout::Table;
use crate::peripheral::Peripheral;
use crate::random::Random;

/// Added to each advertising interval at random (Core 5.4, Vol 6, Part B, 4.4.2.2.1).
const ADVERTISING_DELAY_MAX_US: u64 = 10_000;

/// A peripheral whose own type can be found again, so that a test can reach its wearer.
pub(super) trait Hosted: Peripheral + Any {}

impl<P: Peripheral + Any> Hosted for P {}

/// A band, its radio, and what was arranged to go wrong with it.
pub(super) struct Band {
    pub(super) config: BandConfig,
    pub(super) peripheral: Box<dyn Hosted>,
    pub(super) table: Table,
    pub(super) next_advertisement: Instant,
    pub(super) in_range: bool,
    /// The radio works but the band answers no ATT request.
    pub(super) mute: bool,
    /// So many links break before their services are resolved.
    pub(super) breaks_left: u32,
    /// Write commands, with their handles.
    pub(super) down: Disturbed<(u16, Vec<u8>)>,
    /// Notifications.
    pub(super) up: Disturbed<Vec<u8>>,
    pub(super) counters: Counters,
}

impl Band {
    pub(super) fn new(config: BandConfig, peripheral: Box<dyn Hosted>, now: Instant) -> Self {
        Self {
            table: Table::new(&config.layout),
            config,
            peripheral,
            next_advertisement: now,
            in_range: true,
            mute: false,
            breaks_left: 0,
            down: Disturbed::default(),
            up: Disturbed::default(),
            counters: Counters::default(),
        }
    }

    pub(super) fn schedule_advertisement(&mut self, now: Instant, random: &mut Random) {
        let delay = Duration::from_micros(random.below(ADVERTISING_DELAY_MAX_US + 1));
        self.next_advertisement = now + self.config.advertising_interval + delay;
    }

    /// When this band wants to be called.
    pub(super) fn poll_timeout(&self) -> Instant {
        let timeout = self.peripheral.poll_timeout();
        timeout.map_or(self.next_advertisement, |timeout| {
            timeout.min(self.next_advertisement)
        })
    }
}
