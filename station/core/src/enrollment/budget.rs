//! How many refusals are written one by one.
//!
//! A refusal is worth a record, but whoever makes a station refuse all day must not fill its disk. In
//! each window a number of refusals is written; the rest is counted, and the count is written when the
//! window is over.

use crate::journal::RefusalsCounted;

/// What to do with a refusal's records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Write them; before them, the count of refusals that were not written in an earlier window.
    Write(Option<RefusalsCounted>),
    /// Count them only, and answer as if they were durable.
    Count,
}

/// Counts the refusals of one station. Lives as long as the station runs.
#[derive(Clone, Debug)]
pub struct RefusalBudget {
    written: u32,
    window_begins_ms: u64,
    counted: Option<RefusalsCounted>,
}

impl RefusalBudget {
    /// Refusals written in each window.
    pub const PER_WINDOW: u32 = 100;
    /// How long a window is.
    pub const WINDOW_MS: u64 = 3_600_000;

    /// A budget whose first window begins now (milliseconds since 1970).
    pub fn new(now_ms: u64) -> Self {
        Self {
            written: 0,
            window_begins_ms: now_ms,
            counted: None,
        }
    }

    /// Decides about one refusal at this time (milliseconds since 1970). A clock that runs backward does
    /// not begin a new window.
    pub fn admit(&mut self, now_ms: u64) -> Admission {
        if now_ms >= self.window_begins_ms.saturating_add(Self::WINDOW_MS) {
            *self = Self {
                counted: self.counted.take(),
                ..Self::new(now_ms)
            };
        }
        if self.written < Self::PER_WINDOW {
            self.written += 1;
            return Admission::Write(self.take_count());
        }
        let first_ms = self.counted.as_ref().map_or(now_ms, |counted| counted.first_ms);
        let count = self.counted.as_ref().map_or(0, |counted| counted.count) + 1;
        self.counted = Some(RefusalsCounted {
            first_ms,
            last_ms: now_ms,
            count,
        });
        Admission::Count
    }

    /// The count that is still to be written, for a station that stops.
    pub fn take_count(&mut self) -> Option<RefusalsCounted> {
        self.counted.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_the_count_is_written() {
        let mut budget = RefusalBudget::new(1000);
        let written = (0..10_000)
            .filter(|i| budget.admit(1000 + i) != Admission::Count)
            .count();
        assert_eq!(written, 100);
        let count = RefusalsCounted {
            first_ms: 1100,
            last_ms: 10_999,
            count: 9_900,
        };
        assert_eq!(
            budget.admit(1000 + RefusalBudget::WINDOW_MS),
            Admission::Write(Some(count))
        );
        assert_eq!(budget.admit(0), Admission::Write(None));
        assert_eq!(budget.take_count(), None);
    }
}
