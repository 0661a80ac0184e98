//! When to try again.

use std::fmt;

/// A moment of a monotonic clock, in milliseconds since some start. Never a date.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub u64);

impl Moment {
    /// The moment this many milliseconds later.
    pub fn after_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

/// Waits longer after each failure, by chance, so that ten thousand stations that lost their console at one
/// moment do not come back at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
    until: Moment,
}

impl Backoff {
    /// The longest wait after the first failure, in milliseconds. Doubles with each further one.
    pub const FIRST_MS: u64 = 1_000;
    /// The longest wait of all.
    pub const MAX_MS: u64 = 60_000;
    /// The wait after an answer that only a person can change: the station asks again in case somebody did.
    pub const SETTLED_MS: u64 = 600_000;

    /// Nothing went wrong so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// It worked: the next failure is a first one.
    pub fn succeed(&mut self) {
        *self = Self::default();
    }

    /// It failed: wait between half and all of the longest wait, as `random` has it.
    pub fn fail(&mut self, now: Moment, random: u64) {
        let longest = (Self::FIRST_MS << self.failures.min(16)).min(Self::MAX_MS);
        self.failures = self.failures.saturating_add(1);
        self.wait(now, longest, random);
    }

    /// It failed, perhaps for everybody at once: the first wait is any up to `spread_ms`, if that is longer than usual.
    pub fn fail_among(&mut self, now: Moment, random: u64, spread_ms: u64) {
        let is_first = self.failures == 0;
        self.fail(now, random);
        if is_first && spread_ms > Self::FIRST_MS {
            self.until = now.after_ms(Self::FIRST_MS / 2 + random % spread_ms.min(Self::MAX_MS));
        }
    }

    /// It was refused, and trying again soon will not help.
    pub fn refuse(&mut self, now: Moment, random: u64) {
        self.wait(now, Self::SETTLED_MS, random);
    }

    fn wait(&mut self, now: Moment, longest_ms: u64, random: u64) {
        let half = longest_ms / 2;
        self.until = now.after_ms(half + random % (half + 1));
    }

    /// Whether it is time.
    pub fn is_over(&self, now: Moment) -> bool {
        now >= self.until
    }

    /// When it will be time.
    pub fn until(&self) -> Moment {
        self.until
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }
}
