//! The one real clock and the one source of randomness. Everything else is handed its time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use firmware_protocol::time::{Instant, UnixSeconds};
use ring::rand::{SecureRandom, SystemRandom};

/// A wall clock that is further behind than this has been set back; less is ordinary drift.
pub const BACKWARD_TOLERANCE: Duration = Duration::from_secs(5);

/// Monotonic time for deadlines, wall time for dates, and a floor under wall time.
///
/// The floor is the latest date this station has ever acted on. Time that runs backward therefore
/// never extends a permission: [`Clock::trusted_now`] stands at the floor and walks on with the
/// monotonic clock until the wall has caught up.
#[derive(Debug)]
pub struct Clock {
    start: std::time::Instant,
    floor_unix: AtomicU64,
    floor_micros: AtomicU64,
}

impl Clock {
    /// A clock whose monotonic side starts now and whose wall side is never before `floor`.
    pub fn start(floor: UnixSeconds) -> Self {
        Self {
            start: std::time::Instant::now(),
            floor_unix: AtomicU64::new(floor.0),
            floor_micros: AtomicU64::new(0),
        }
    }

    /// Time since the start of this process's clock.
    pub fn now(&self) -> Instant {
        Instant::from_micros(self.start.elapsed().as_micros() as u64)
    }

    /// The runtime's name for a moment of this clock, to arm a timer.
    pub(crate) fn deadline(&self, at: Instant) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.start + Duration::from_micros(at.as_micros()))
    }

    /// What the wall clock says, true or not.
    pub fn wall_now(&self) -> UnixSeconds {
        wall()
    }

    /// The date to decide by: the wall's, but never before a date already acted on.
    pub fn trusted_now(&self) -> UnixSeconds {
        let seen = UnixSeconds(self.walked_floor().max(wall().0));
        self.raise(seen);
        seen
    }

    /// How far the wall clock is behind the dates already acted on; zero if it is not.
    pub fn behind(&self) -> Duration {
        let behind = Duration::from_secs(self.walked_floor().saturating_sub(wall().0));
        if behind > BACKWARD_TOLERANCE {
            behind
        } else {
            Duration::ZERO
        }
    }

    /// Takes note of a date that was acted on, here or before a restart.
    pub fn raise(&self, seen: UnixSeconds) {
        if seen.0 > self.walked_floor() {
            self.floor_micros.store(self.now().as_micros(), Ordering::Relaxed);
            self.floor_unix.store(seen.0, Ordering::Relaxed);
        }
    }

    fn walked_floor(&self) -> u64 {
        let since = Instant::from_micros(self.floor_micros.load(Ordering::Relaxed));
        self.floor_unix.load(Ordering::Relaxed) + self.now().since(since).as_secs()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the wall clock"
)]
fn wall() -> UnixSeconds {
    let since_epoch = std::time::SystemTime::now().duration_since(UNIX_EPOCH);
    UnixSeconds(since_epoch.map(|elapsed| elapsed.as_secs()).unwrap_or_default())
}

/// The operating system's randomness.
#[derive(Debug)]
pub struct Entropy(SystemRandom);

impl Entropy {
    /// Opens the source.
    pub fn new() -> Self {
        Self(SystemRandom::new())
    }

    /// `N` random bytes. A system without randomness can keep no secret, so failing to get any stops
    /// the process.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0
            .fill(&mut bytes)
            .expect("the operating system gives randomness");
        bytes
    }
}

impl Default for Entropy {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_that_was_set_back_does_not_move_trusted_time_back() {
        let ahead = UnixSeconds(wall().0 + 3600);
        let clock = Clock::start(ahead);
        assert!(clock.trusted_now() >= ahead);
        assert!(clock.behind() >= Duration::from_secs(3590));
    }

    #[test]
    fn a_wall_ahead_of_the_floor_is_believed() {
        let clock = Clock::start(UnixSeconds(1));
        assert!(clock.trusted_now().0 >= wall().0 - 1);
        assert_eq!(clock.behind(), Duration::ZERO);
    }
}
