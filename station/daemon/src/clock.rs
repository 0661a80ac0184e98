//! The one real clock and the one source of randomness. Everything else is handed its time.

use std::time::{Duration, UNIX_EPOCH};

use firmware_protocol::time::{Instant, UnixSeconds};
use ring::rand::{SecureRandom, SystemRandom};
use rustix::time::{ClockId, clock_gettime};

/// When this release was made, in milliseconds since 1970. No true date is before it: a station whose
/// clock lost its battery knows at least that much.
pub const RELEASED_MS: u64 = 1_793_491_200_000; // 2026-11-01

/// Monotonic time for deadlines, wall time for dates. How far the wall can be believed is the question
/// of `station_core::clock`.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Duration,
}

impl Clock {
    /// A clock whose monotonic side starts now.
    pub fn start() -> Self {
        Self { start: since_boot() }
    }

    /// Time since the start. Goes on while the machine sleeps, so that a night asleep does not look
    /// like a wall clock set ahead.
    pub fn now(&self) -> Instant {
        Instant::from_micros(since_boot().saturating_sub(self.start).as_micros() as u64)
    }

    /// What the wall clock says, true or not, in milliseconds since 1970.
    pub fn wall_ms(&self) -> u64 {
        wall().as_millis() as u64
    }

    /// What the wall clock says, true or not.
    pub fn wall(&self) -> UnixSeconds {
        UnixSeconds(wall().as_secs())
    }

    /// Waits until `at`; for ever if there is no moment to wait for.
    pub(crate) async fn wait_until(&self, at: Option<Instant>) {
        match at {
            Some(at) => tokio::time::sleep(at.since(self.now())).await,
            None => std::future::pending().await,
        }
    }
}

fn since_boot() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the wall clock"
)]
fn wall() -> Duration {
    std::time::SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
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
    fn both_clocks_go_forward() {
        let clock = Clock::start();
        let (now, wall) = (clock.now(), clock.wall_ms());
        assert!(clock.now() >= now);
        assert!(wall > 1_600_000_000_000);
    }

    #[test]
    fn random_bytes_differ() {
        let entropy = Entropy::new();
        assert_ne!(entropy.bytes::<32>(), entropy.bytes::<32>());
    }
}
