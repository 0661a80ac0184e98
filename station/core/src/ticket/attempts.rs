//! Counting failed attempts to guess a secret.
//!
//! The count is a row that the shell stores durably **before** it tells anybody that an attempt failed;
//! a station that is killed in between has told nothing. Each secret has its own count: guessing one
//! never blocks another.

use std::fmt;
use std::time::Duration;

use crate::clock::TrustedTime;

/// Whose secret was guessed at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AttemptSubject {
    /// The PIN of an operator.
    Pin {
        /// Which operator.
        operator: String,
    },
    /// The ticket codes of a group, see [`TypedCode::group`](super::TypedCode::group).
    Code {
        /// The first characters of the codes.
        group: String,
    },
    /// The finger of whoever wears a band, to sign in by it.
    Band {
        /// The band's serial.
        serial: String,
    },
}

impl fmt::Display for AttemptSubject {
    /// `pin:OPERATOR`, `code:GROUP` or `band:SERIAL`: one text per subject, fit for a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pin { operator } => write!(f, "pin:{operator}"),
            Self::Code { group } => write!(f, "code:{group}"),
            Self::Band { serial } => write!(f, "band:{serial}"),
        }
    }
}

/// How often a secret was guessed at in vain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttemptState {
    /// Failures in a row.
    pub failures: u32,
    /// No attempt counts before this time, milliseconds since 1970.
    pub blocked_until_ms: u64,
}

/// Not even a right secret counts now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many failed attempts")]
pub struct Blocked {
    /// When the next attempt counts, milliseconds since 1970.
    pub until_ms: u64,
}

/// How many failures are forgiven and how long the waits are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptRules {
    /// Failures in a row before the first wait.
    pub free: u32,
    /// The first wait. Each further failure doubles it.
    pub wait_first: Duration,
    /// The longest wait.
    pub wait_max: Duration,
}

impl AttemptRules {
    /// For operators' PINs, which are short.
    pub const PIN: Self = Self {
        free: 5,
        wait_first: Duration::from_secs(60),
        wait_max: Duration::from_secs(24 * 3600),
    };
    /// For sign-ins by a band, each of which takes up to three fingers: as patient as with PINs.
    pub const BAND: Self = Self { free: 3, ..Self::PIN };
    /// For typed ticket codes, which are long and typed by people in gloves.
    pub const CODE: Self = Self {
        free: 20,
        wait_first: Duration::from_secs(15 * 60),
        wait_max: Duration::from_secs(24 * 3600),
    };

    /// Whether an attempt may be looked at. `under_way` counts attempts whose outcome is not known yet:
    /// they are taken for failures, so that many at once are no way round the count.
    pub fn admit(self, state: AttemptState, under_way: u32, time: TrustedTime) -> Result<(), Blocked> {
        if time.earliest_ms() < state.blocked_until_ms {
            return Err(Blocked {
                until_ms: state.blocked_until_ms,
            });
        }
        let last_before_wait = state.failures.saturating_add(under_way) >= self.free;
        if under_way > 0 && last_before_wait {
            return Err(Blocked {
                until_ms: time.earliest_ms(),
            });
        }
        Ok(())
    }

    /// The state after one more failure. Store it before telling anybody.
    pub fn after_failure(self, state: AttemptState, time: TrustedTime) -> AttemptState {
        let failures = state.failures.saturating_add(1);
        let blocked_until_ms = match failures.checked_sub(self.free) {
            None => state.blocked_until_ms,
            Some(beyond) => time.latest_ms().saturating_add(self.wait_ms(beyond)),
        };
        AttemptState {
            failures,
            blocked_until_ms,
        }
    }

    fn wait_ms(self, beyond: u32) -> u64 {
        let doubled = 2u32.saturating_pow(beyond.min(31));
        self.wait_first
            .saturating_mul(doubled)
            .min(self.wait_max)
            .as_millis() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: u64 = 1_700_000_000_000;
    const MINUTE: u64 = 60_000;

    fn failed(rules: AttemptRules, times: u32) -> AttemptState {
        let now = TrustedTime::certain(T0);
        (0..times).fold(AttemptState::default(), |state, _| {
            rules.after_failure(state, now)
        })
    }

    #[track_caller]
    fn check(failures: u32, at_ms: u64, expected: Result<(), u64>) {
        let outcome = AttemptRules::CODE.admit(
            failed(AttemptRules::CODE, failures),
            0,
            TrustedTime::certain(at_ms),
        );
        assert_eq!(outcome.map_err(|blocked| blocked.until_ms), expected);
    }

    #[test]
    fn the_twenty_first_attempt_waits() {
        check(0, T0, Ok(()));
        check(19, T0, Ok(()));
        check(20, T0, Err(T0 + 15 * MINUTE));
        check(20, T0 + 15 * MINUTE - 1, Err(T0 + 15 * MINUTE));
        check(20, T0 + 15 * MINUTE, Ok(()));
        check(21, T0 + 15 * MINUTE, Err(T0 + 30 * MINUTE));
        check(1000, T0 + 30 * MINUTE, Err(T0 + 24 * 60 * MINUTE));
    }

    #[test]
    fn many_at_once_are_no_way_round() {
        let admit = |failures, under_way| {
            AttemptRules::CODE
                .admit(
                    failed(AttemptRules::CODE, failures),
                    under_way,
                    TrustedTime::certain(T0),
                )
                .is_ok()
        };
        assert!(admit(0, 19));
        assert!(!admit(0, 20));
        assert!(admit(18, 1));
        assert!(!admit(19, 1));
    }

    #[test]
    fn a_clock_set_ahead_does_not_end_a_wait() {
        let state = failed(AttemptRules::PIN, 5);
        let ahead = TrustedTime::between(T0 + 1000, T0 + 3650 * 24 * 60 * MINUTE);
        assert!(AttemptRules::PIN.admit(state, 0, ahead).is_err());
    }
}
