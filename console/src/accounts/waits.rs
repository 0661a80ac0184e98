//! How long whoever guesses passwords has to wait (SEC-06, SEC-07, SEC-08). Pure.
//!
//! Wrong passwords are counted three ways: for the address, for the login as tried from addresses where it never
//! signed in, and for the login from an address where it did. So a stranger who guesses makes other strangers
//! wait, and never the person at the usual desk: a wait cannot be used to lock somebody out.

/// Wrong passwords in a row after which a login cannot be guessed any further from strange addresses: a one-time
/// link starts anew.
pub const FAILURES_MAX: u64 = 100;
/// What is forgotten when nothing happened for so long.
pub const FORGOTTEN_MS: i64 = 24 * 3_600_000;
/// How long an address stays one where a login is at home.
pub const AT_HOME_MS: i64 = 90 * 24 * 3_600_000;

/// Milliseconds until the next try, after so many wrong passwords in a row for one login.
pub fn after(failures: u64) -> i64 {
    let seconds = match failures {
        0..3 => 0,
        3..6 => 2,
        6..9 => 10,
        9..15 => 30,
        15..25 => 5 * 60,
        25..50 => 30 * 60,
        50..FAILURES_MAX => 3600,
        _ => 24 * 3600,
    };
    seconds * 1000
}

/// The same for an address, behind which a whole office may be.
pub fn after_at_address(failures: u64) -> i64 {
    let seconds = match failures {
        0..20 => 0,
        20..50 => 2,
        50..100 => 30,
        100..300 => 5 * 60,
        _ => 3600,
    };
    seconds * 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_never_shrink() {
        for wait in [after, after_at_address] {
            let all: Vec<i64> = (0..400).map(wait).collect();
            assert!(all.is_sorted());
            assert_eq!(all[0], 0);
        }
    }

    /// Whoever guesses day and night gets nowhere near 10,000 guesses a year for one login.
    #[test]
    fn a_year_of_guessing_is_few_guesses() {
        let mut left_ms = 365 * 24 * 3_600_000i64;
        let mut guesses = 0u64;
        while left_ms > 0 {
            guesses += 1;
            left_ms -= after(guesses).max(1);
        }
        assert!(guesses < 500, "{guesses}");
    }
}
