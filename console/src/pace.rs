//! How fast one key of the API, or one person, may ask. Pure but for the table it keeps.
//!
//! Everybody has a purse that fills evenly and holds ten seconds' worth. It is kept as the one moment at which
//! it will be full again (the generic cell rate algorithm), so a request costs one comparison, and whoever is
//! quiet is forgotten.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use policy::model::UnixMillis;

/// What somebody may ask in one go, in seconds of the steady rate.
const BURST_MS: i64 = 10_000;
/// So many are remembered before those with full purses are forgotten.
const REMEMBERED: usize = 4096;

/// The purses of all.
#[derive(Debug)]
pub struct Pace {
    per_second: u32,
    /// In microseconds since 1970: when the purse is full.
    full_at: Mutex<HashMap<String, i64>>,
}

impl Pace {
    /// So many requests a second for each; 0 is no limit.
    pub fn new(per_second: u32) -> Self {
        Self {
            per_second,
            full_at: Mutex::default(),
        }
    }

    /// Takes one request out of somebody's purse, or says after how many seconds there is one again.
    pub fn take(&self, who: &str, now: UnixMillis) -> Result<(), u64> {
        if self.per_second == 0 {
            return Ok(());
        }
        let (now, cost) = (now.0.saturating_mul(1000), 1_000_000 / i64::from(self.per_second));
        let mut all = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED {
            all.retain(|_, full_at| *full_at > now);
        }
        let full_at = all.entry(who.to_owned()).or_insert(now);
        // A clock that was set back lets nobody wait for longer than a purse takes to fill.
        *full_at = (*full_at).clamp(now, now + BURST_MS * 1000);
        let after = *full_at + cost;
        let over = after - (now + BURST_MS * 1000);
        if over > 0 {
            return Err(u64::try_from(over).unwrap_or(0).div_ceil(1_000_000));
        }
        *full_at = after;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: i64 = 1_800_000_000_000;

    /// How many of `tries` at this moment pass.
    fn passing(pace: &Pace, who: &str, at_ms: i64, tries: u32) -> usize {
        let take = |_: &u32| pace.take(who, UnixMillis(T0 + at_ms)).is_ok();
        (0..tries).filter(take).count()
    }

    #[test]
    fn a_purse_holds_ten_seconds_and_fills_evenly() {
        let pace = Pace::new(5);
        assert_eq!(passing(&pace, "a", 0, 100), 50);
        assert_eq!(pace.take("a", UnixMillis(T0)), Err(1));
        assert_eq!(passing(&pace, "a", 1000, 100), 5);
        assert_eq!(passing(&pace, "a", 1100, 100), 0);
        assert_eq!(passing(&pace, "a", 1200, 100), 1);
        assert_eq!(passing(&pace, "b", 1200, 100), 50, "one's purse is not another's");
        assert_eq!(passing(&pace, "a", 600_000, 100), 50, "it never holds more");
    }

    #[test]
    fn a_clock_that_is_set_back_locks_nobody_out() {
        let pace = Pace::new(5);
        assert_eq!(passing(&pace, "a", 3_600_000, 100), 50);
        assert_eq!(passing(&pace, "a", 0, 100), 0);
        assert!(passing(&pace, "a", 1000, 100) > 0);
    }

    #[test]
    fn no_limit_is_none_and_the_quiet_are_forgotten() {
        assert_eq!(passing(&Pace::new(0), "a", 0, 10_000), 10_000);
        let pace = Pace::new(100);
        for n in 0..3 * REMEMBERED {
            let _ = pace.take(&n.to_string(), UnixMillis(T0 + n as i64 * 100));
        }
        assert!(pace.full_at.lock().unwrap().len() <= REMEMBERED);
    }
}
