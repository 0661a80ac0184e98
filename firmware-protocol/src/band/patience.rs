//! How many handshakes a band answers before somebody has to show good will.
//!
//! A man in the middle knows the screen code as soon as the band has answered, and could break off and
//! begin anew until it is the one he needs. Each answer is a draw out of a million, so the band gives few:
//! who breaks off before revealing the committed nonce [`BROKEN_OFF_MAX`] times in a row waits [`PAUSE`]
//! for each further draw. An honest station reveals with its first request and is never slowed down.

use core::time::Duration;

use crate::time::Instant;

/// Handshakes in a row that may be broken off before the reveal without a pause.
pub(super) const BROKEN_OFF_MAX: u8 = 3;
/// Between two further handshakes.
pub(super) const PAUSE: Duration = Duration::from_secs(10);

/// Counts handshakes that were answered and not yet followed by a reveal.
#[derive(Debug, Default)]
pub(super) struct Patience {
    answered: u8,
    answered_at: Instant,
}

impl Patience {
    /// Whether a handshake may be answered now.
    pub(super) fn has(&self, now: Instant) -> bool {
        self.answered < BROKEN_OFF_MAX || now >= self.answered_at + PAUSE
    }

    /// A handshake was answered: the screen code is drawn.
    pub(super) fn draw(&mut self, now: Instant) {
        self.answered = self.answered.saturating_add(1);
        self.answered_at = now;
    }

    /// The station revealed what it had committed to.
    pub(super) fn restore(&mut self) {
        self.answered = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_breaks_off_thrice_waits_for_each_further_draw() {
        let second = |s: u64| Instant::from_micros(s * 1_000_000);
        let mut patience = Patience::default();
        for _ in 0..3 {
            assert!(patience.has(second(0)));
            patience.draw(second(0));
        }
        assert!(!patience.has(second(9)));
        assert!(patience.has(second(10)));
        patience.draw(second(10));
        assert!(!patience.has(second(19)));
        patience.restore();
        assert!(patience.has(second(10)));
    }
}
