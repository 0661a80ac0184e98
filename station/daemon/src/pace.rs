//! How eagerly the process looks at what comes.
//!
//! A band advertises ten times a second, and BlueZ sends one or two messages for each, so every band in reach
//! would wake the station twenty times a second for nothing. While nothing else is under way, what comes may
//! gather for a moment: the thread wakes at most [`PER_SECOND_MAX`] times a second however many bands there are.
//! Every advertisement is still heard, in order, at most [`GATHER`] late.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long advertisements gather.
pub const GATHER: Duration = Duration::from_millis(50);
/// What follows for the process.
pub const PER_SECOND_MAX: u32 = 20;

/// Shared by whoever knows that something is under way and by the thread that is about to sleep.
#[derive(Clone, Debug, Default)]
pub struct Pace(Arc<Signs>);

#[derive(Debug, Default)]
struct Signs {
    /// The radio hears bands and has no link.
    bands_only: AtomicBool,
    /// Somebody stands at the kiosk, or a band is being asked something.
    under_way: AtomicBool,
}

impl Pace {
    /// The radio has nothing but advertisements to expect, and there are some.
    pub fn set_bands_only(&self, bands_only: bool) {
        self.0.bands_only.store(bands_only, Ordering::Relaxed);
    }

    /// Something is under way in which every moment counts.
    pub fn set_under_way(&self, under_way: bool) {
        self.0.under_way.store(under_way, Ordering::Relaxed);
    }

    /// Whether what comes may gather.
    pub fn is_calm(&self) -> bool {
        self.0.bands_only.load(Ordering::Relaxed) && !self.0.under_way.load(Ordering::Relaxed)
    }

    /// For the thread that found nothing to do: lets things gather before it looks again.
    pub fn gather(&self) {
        if self.is_calm() {
            std::thread::park_timeout(GATHER);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_advertisements_may_wait() {
        let pace = Pace::default();
        let rows = [
            (false, false, false),
            (true, false, true),
            (true, true, false),
            (false, true, false),
        ];
        for (bands_only, under_way, expected) in rows {
            pace.set_bands_only(bands_only);
            pace.clone().set_under_way(under_way);
            assert_eq!(pace.is_calm(), expected, "{bands_only} {under_way}");
        }
        assert_eq!(GATHER * PER_SECOND_MAX, Duration::from_secs(1));
    }
}
