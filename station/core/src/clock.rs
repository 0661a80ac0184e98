//! Time that never extends a permission.
//!
//! A wall clock can be wrong: set back, set ahead, frozen, or dead at boot. The station therefore keeps
//! what it knows about the date as an interval. While the wall clock agrees with the monotonic clock and
//! with the latest time on record, both ends of the interval are the same. When it does not, the true date
//! lies somewhere between the two, and every question is answered by the end that permits less: a thing
//! has expired if it has expired at the **latest** possible time, and is valid yet only if it is valid at
//! the **earliest**.
//!
//! The monotonic clock handed in must go on while the machine sleeps (`CLOCK_BOOTTIME` on Linux);
//! otherwise a night asleep looks like a clock set ahead.

use std::time::Duration;

use firmware_protocol::time::{Instant, UnixSeconds};

/// What is known about the date, in milliseconds since 1970. Made by [`TrustedClock::read`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrustedTime {
    earliest_ms: u64,
    latest_ms: u64,
    trusted: bool,
}

impl TrustedTime {
    /// A date about which there is no doubt. For the edge: tests, and questions that name their own time.
    pub const fn certain(ms: u64) -> Self {
        Self {
            earliest_ms: ms,
            latest_ms: ms,
            trusted: true,
        }
    }

    /// The date is somewhere between the two, whichever is the greater.
    pub const fn between(a_ms: u64, b_ms: u64) -> Self {
        let (earliest_ms, latest_ms) = if a_ms < b_ms { (a_ms, b_ms) } else { (b_ms, a_ms) };
        Self {
            earliest_ms,
            latest_ms,
            trusted: a_ms == b_ms,
        }
    }

    /// The same, and what has expired by `ms` counts as expired whatever the date is.
    pub const fn expired_by(self, ms: u64) -> Self {
        let latest_ms = if self.latest_ms > ms { self.latest_ms } else { ms };
        Self { latest_ms, ..self }
    }

    /// The same knowledge so much later.
    pub fn later(self, by: Duration) -> Self {
        let by_ms = by.as_millis() as u64;
        Self {
            earliest_ms: self.earliest_ms.saturating_add(by_ms),
            latest_ms: self.latest_ms.saturating_add(by_ms),
            trusted: self.trusted,
        }
    }

    /// Whether there is no doubt. If there is, the station is in its restrictive mode: nothing that was
    /// valid longer becomes valid, and no band is taken over.
    pub const fn is_trusted(self) -> bool {
        self.trusted
    }

    /// The latest the date can be, and after a confirmation the latest it was taken for (see
    /// [`expired_by`](Self::expired_by)). Use it for expiry and for ages.
    pub const fn latest_ms(self) -> u64 {
        self.latest_ms
    }

    /// The earliest the date can be: the date itself where there is no doubt. Use it for beginnings and waits.
    pub const fn earliest_ms(self) -> u64 {
        self.earliest_ms
    }

    /// [`latest_ms`](Self::latest_ms) in whole seconds, as certificates and receipts count.
    pub const fn latest(self) -> UnixSeconds {
        UnixSeconds(self.latest_ms / 1000)
    }

    /// Whether something whose last valid second is `last` may have passed.
    pub const fn is_past(self, last: UnixSeconds) -> bool {
        self.latest_ms / 1000 > last.0
    }

    /// Whether something whose first valid second is `first` has surely begun.
    pub const fn has_begun(self, first: UnixSeconds) -> bool {
        self.earliest_ms / 1000 >= first.0
    }

    /// How long ago `then_ms` may have been, at most.
    pub const fn age_max_ms(self, then_ms: u64) -> u64 {
        self.latest_ms.saturating_sub(then_ms)
    }
}

/// Something about the wall clock that must be recorded. Reported once per step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockEvent {
    /// The clock says less than has been seen: it was set back, is frozen, or lost its battery.
    Backward {
        /// The time that was expected, milliseconds since 1970.
        expected_ms: u64,
        /// What the clock says.
        clock_ms: u64,
    },
    /// The clock is far ahead of what the monotonic clock allows.
    Ahead {
        /// The time that was expected, milliseconds since 1970.
        expected_ms: u64,
        /// What the clock says.
        clock_ms: u64,
    },
    /// The clock agrees with what was expected again.
    Agrees,
}

/// Compares the wall clock with what is known and says how far it can be believed.
#[derive(Clone, Debug)]
pub struct TrustedClock {
    anchor: Anchor,
    doubt: Option<Doubt>,
    build_ms: u64,
    passed_ms: u64,
}

/// The last time that was believed. `at` is absent before the first reading: across a restart the
/// monotonic clock says nothing.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    ms: u64,
    at: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    Backward,
    Ahead,
}

impl TrustedClock {
    /// How far the wall clock may lag behind before it counts as set back.
    pub const LAG_MAX: Duration = Duration::from_secs(2);
    /// How far it may leap ahead within one run; daylight saving does not move it, time servers move it little.
    pub const LEAP_MAX: Duration = Duration::from_secs(3600);

    /// A clock that has seen `floor_ms` before (the latest time in the journal, 0 for none) and runs
    /// software built at `build_ms`: no true date is before either.
    pub fn new(floor_ms: u64, build_ms: u64) -> Self {
        Self {
            anchor: Anchor {
                ms: floor_ms.max(build_ms),
                at: None,
            },
            doubt: None,
            build_ms,
            passed_ms: 0,
        }
    }

    /// The same clock, for a station at which somebody has confirmed a date before `passed_ms`, which had been
    /// believed until then: what had expired by that date stays expired.
    pub fn with_passed(self, passed_ms: u64) -> Self {
        Self { passed_ms, ..self }
    }

    /// The latest date that was believed and then corrected by a confirmation; 0 if that never happened. Keep
    /// it with the confirmation: [`with_passed`](Self::with_passed) takes it after a restart.
    pub fn passed_ms(&self) -> u64 {
        self.passed_ms
    }

    /// What is known about the date, given what both clocks say now.
    pub fn read(&mut self, now: Instant, wall_ms: u64) -> (TrustedTime, Option<ClockEvent>) {
        let expected_ms = self.expected_ms(now);
        let doubt = self.doubt_about(now, wall_ms, expected_ms);
        let event = self.event(doubt, wall_ms, expected_ms);
        self.doubt = doubt;
        if doubt.is_some() {
            self.anchor = Anchor {
                ms: expected_ms,
                at: Some(now),
            };
            let time = TrustedTime::between(expected_ms, wall_ms);
            return (time.expired_by(self.passed_ms), event);
        }
        // The first reading begins to count, even if the clock is a moment behind the journal.
        if wall_ms >= expected_ms || self.anchor.at.is_none() {
            self.anchor = Anchor {
                ms: wall_ms.max(expected_ms),
                at: Some(now),
            };
        }
        let time = TrustedTime::certain(wall_ms.max(expected_ms));
        (time.expired_by(self.passed_ms), event)
    }

    /// The date as far as it is believed: the wall clock's while there is no doubt, else the last date that
    /// was believed and the time that has passed since. Journal entries carry it.
    pub fn believed_ms(&self, now: Instant) -> u64 {
        self.expected_ms(now)
    }

    /// Believes the wall clock from now on, because somebody with the right to do so looked at it.
    /// A date before the software was built is never believed. What has expired by the date that was believed
    /// so far stays expired, however early the confirmed one is.
    pub fn confirm(&mut self, now: Instant, wall_ms: u64) -> bool {
        let believable = wall_ms >= self.build_ms;
        if believable {
            let expected_ms = self.expected_ms(now);
            if wall_ms < expected_ms {
                self.passed_ms = self.passed_ms.max(expected_ms);
            }
            self.anchor = Anchor {
                ms: wall_ms,
                at: Some(now),
            };
            self.doubt = None;
        }
        believable
    }

    fn expected_ms(&self, now: Instant) -> u64 {
        self.anchor.ms + self.elapsed(now).as_millis() as u64
    }

    fn elapsed(&self, now: Instant) -> Duration {
        self.anchor.at.map_or(Duration::ZERO, |at| now.since(at))
    }

    /// A time server may slow the clock by 500 parts per million, hence the allowance that grows with time.
    fn doubt_about(&self, now: Instant, wall_ms: u64, expected_ms: u64) -> Option<Doubt> {
        let lag_max = Self::LAG_MAX + self.elapsed(now) / 1000;
        if wall_ms + (lag_max.as_millis() as u64) < expected_ms {
            return Some(Doubt::Backward);
        }
        let leaps = self.anchor.at.is_some() && wall_ms > expected_ms + Self::LEAP_MAX.as_millis() as u64;
        leaps.then_some(Doubt::Ahead)
    }

    fn event(&self, doubt: Option<Doubt>, clock_ms: u64, expected_ms: u64) -> Option<ClockEvent> {
        match doubt {
            _ if doubt == self.doubt => None,
            None => Some(ClockEvent::Agrees),
            Some(Doubt::Backward) => Some(ClockEvent::Backward {
                expected_ms,
                clock_ms,
            }),
            Some(Doubt::Ahead) => Some(ClockEvent::Ahead {
                expected_ms,
                clock_ms,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000;
    const T0: u64 = 1_700_000_000_000;

    /// Reads the clock at each (monotonic ms, wall ms) and returns the last answer.
    fn read_all(clock: &mut TrustedClock, steps: &[(u64, u64)]) -> (TrustedTime, Option<ClockEvent>) {
        let read = |&(mono, wall): &(u64, u64)| clock.read(Instant::from_micros(mono * 1000), wall);
        steps.iter().map(read).last().expect("a step")
    }

    #[track_caller]
    fn check(floor_ms: u64, steps: &[(u64, u64)], earliest: u64, latest: u64) {
        let mut clock = TrustedClock::new(floor_ms, T0 - 365 * DAY);
        let (time, _) = read_all(&mut clock, steps);
        assert_eq!((time.earliest_ms(), time.latest_ms()), (earliest, latest));
    }

    #[test]
    fn the_interval_after_each_kind_of_lie() {
        let h = 3_600_000;
        check(0, &[(0, T0)], T0, T0);
        check(T0, &[(0, T0 + DAY)], T0 + DAY, T0 + DAY);
        // one second either way is an ordinary correction; time stands rather than going back
        check(0, &[(0, T0), (10_000, T0 + 11_000)], T0 + 11_000, T0 + 11_000);
        check(0, &[(0, T0), (10_000, T0 + 9_000)], T0 + 10_000, T0 + 10_000);
        // an hour back, ten years back, ten years ahead, frozen
        check(0, &[(0, T0), (1000, T0 - h)], T0 - h, T0 + 1000);
        check(0, &[(0, T0), (1000, T0 - 3650 * DAY)], T0 - 3650 * DAY, T0 + 1000);
        check(0, &[(0, T0), (1000, T0 + 3650 * DAY)], T0 + 1000, T0 + 3650 * DAY);
        check(0, &[(0, T0), (60_000, T0)], T0, T0 + 60_000);
        // a dead clock at boot, with a journal and without
        check(T0, &[(0, 0)], 0, T0);
        check(0, &[(0, 0)], 0, T0 - 365 * DAY);
        // set right again
        check(
            0,
            &[(0, T0), (1000, T0 - h), (2000, T0 + 2000)],
            T0 + 2000,
            T0 + 2000,
        );
        // slowed by a time server for a day: 43 seconds
        check(0, &[(0, T0), (DAY, T0 + DAY - 43_000)], T0 + DAY, T0 + DAY);
    }

    #[test]
    fn a_frozen_clock_is_noticed_however_often_it_is_read() {
        let mut clock = TrustedClock::new(0, 0);
        let steps: Vec<_> = (0..100).map(|i| (i * 100, T0)).collect();
        let (time, _) = read_all(&mut clock, &steps);
        assert_eq!(time, TrustedTime::between(T0, T0 + 9_900));
    }

    #[test]
    fn a_clock_that_is_frozen_since_boot_is_noticed_a_moment_behind_the_journal_too() {
        for behind_ms in [0, 1, 900] {
            let mut clock = TrustedClock::new(T0 + behind_ms, 0);
            assert!(read_all(&mut clock, &[(0, T0), (1000, T0)]).0.is_trusted());
            assert!(
                !read_all(&mut clock, &[(60_000, T0)]).0.is_trusted(),
                "{behind_ms}"
            );
        }
    }

    #[test]
    fn each_step_is_reported_once() {
        let mut clock = TrustedClock::new(0, 0);
        assert_eq!(read_all(&mut clock, &[(0, T0)]).1, None);
        let backward = ClockEvent::Backward {
            expected_ms: T0 + 1000,
            clock_ms: 5,
        };
        assert_eq!(read_all(&mut clock, &[(1000, 5)]).1, Some(backward));
        assert_eq!(read_all(&mut clock, &[(2000, 6)]).1, None);
        assert_eq!(
            read_all(&mut clock, &[(3000, T0 + 3000)]).1,
            Some(ClockEvent::Agrees)
        );
    }

    #[test]
    fn a_person_can_vouch_for_the_clock_but_not_for_nonsense() {
        let mut clock = TrustedClock::new(T0 + 3650 * DAY, T0 - DAY);
        assert!(!read_all(&mut clock, &[(0, T0)]).0.is_trusted());
        assert!(!clock.confirm(Instant::ZERO, 5));
        assert!(clock.confirm(Instant::ZERO, T0));
        let (time, _) = read_all(&mut clock, &[(1000, T0 + 1000)]);
        assert!(time.is_trusted());
        assert_eq!(time.earliest_ms(), T0 + 1000);
    }

    #[test]
    fn a_confirmed_date_brings_back_nothing_that_had_expired() {
        let (was, second) = (T0 + 3650 * DAY, UnixSeconds((T0 + 3649 * DAY) / 1000));
        let mut clock = TrustedClock::new(was, T0 - DAY);
        assert!(clock.confirm(Instant::ZERO, T0));
        assert_eq!((clock.passed_ms(), clock.believed_ms(Instant::ZERO)), (was, T0));
        // the same after a restart, for which somebody kept both dates
        let again = TrustedClock::new(T0, T0 - DAY).with_passed(was);
        for mut clock in [clock, again] {
            let (time, _) = read_all(&mut clock, &[(1000, T0 + 1000)]);
            assert!(time.is_trusted() && time.is_past(second));
            assert!(!time.has_begun(second));
            // and until the date has come by itself
            let (time, _) = read_all(&mut clock, &[(2000, T0 - DAY)]);
            assert!(!time.is_trusted() && time.is_past(second));
        }
        let mut clock = TrustedClock::new(T0, 0).with_passed(T0 - DAY);
        assert_eq!(read_all(&mut clock, &[(0, T0)]).0, TrustedTime::certain(T0));
    }

    #[test]
    fn confirming_a_leap_ahead_expires_what_it_says() {
        let mut clock = TrustedClock::new(0, 0);
        read_all(&mut clock, &[(0, T0), (1000, T0 + DAY)]);
        assert!(clock.confirm(Instant::from_micros(1_000_000), T0 + DAY));
        let (time, _) = read_all(&mut clock, &[(2000, T0 + DAY + 1000)]);
        assert_eq!(time, TrustedTime::certain(T0 + DAY + 1000));
        assert_eq!(clock.passed_ms(), 0);
    }

    #[test]
    fn what_is_believed_does_not_follow_a_leap() {
        let mut clock = TrustedClock::new(0, 0);
        read_all(&mut clock, &[(0, T0), (1000, T0 + 1200)]);
        assert_eq!(clock.believed_ms(Instant::from_micros(1_000_000)), T0 + 1200);
        read_all(&mut clock, &[(2000, T0 + 3650 * DAY)]);
        assert_eq!(clock.believed_ms(Instant::from_micros(3_000_000)), T0 + 3200);
    }

    #[test]
    fn doubt_permits_less_at_both_ends() {
        let time = TrustedTime::between(10_000, 20_000);
        assert!(time.is_past(UnixSeconds(15)) && !time.has_begun(UnixSeconds(15)));
        assert!(!time.is_past(UnixSeconds(20)) && time.has_begun(UnixSeconds(10)));
        assert_eq!(time.age_max_ms(5_000), 15_000);
    }
}
