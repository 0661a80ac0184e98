//! Which date counts where the wall clock leaves doubt.

use firmware_protocol::time::{Instant, UnixSeconds};
use station_core::clock::{TrustedClock, TrustedTime};

use crate::clock::RELEASED_MS;
use crate::store::Identity;

/// The date that bands are told. A clock that leaped must get into no receipt and no band's memory; where
/// the certificate may have expired, though, doubt does not bring it back.
pub(super) fn for_bands(time: TrustedTime, believed_ms: u64, certificate_ends: UnixSeconds) -> UnixSeconds {
    match time.is_past(certificate_ends) {
        true => time.latest(),
        false => UnixSeconds(believed_ms / 1000),
    }
}

/// At boot nothing contradicts a wall clock far ahead, and one date from it would stay the journal's floor
/// for good. A date after the end of the station's certificate is therefore not believed: time begins at
/// the floor, and the clock counts as having leaped. Whether that is so.
pub(crate) fn doubt_at_boot(
    trusted: &mut TrustedClock,
    now: Instant,
    wall_ms: u64,
    certificate_ends: UnixSeconds,
) -> bool {
    let floor_ms = trusted.believed_ms(now);
    let ends_ms = certificate_ends.0.saturating_mul(1000);
    // A floor beyond the end means that the certificate has expired while the station ran.
    let doubtful = floor_ms <= ends_ms && wall_ms.saturating_sub(999) > ends_ms;
    doubtful && trusted.confirm(now, floor_ms)
}

/// Whether a clock that was doubted at boot says something now that would have been believed then.
pub(super) fn is_set_right(
    trusted: &TrustedClock,
    now: Instant,
    wall_ms: u64,
    certificate_ends: UnixSeconds,
) -> bool {
    wall_ms >= trusted.believed_ms(now) && wall_ms / 1000 <= certificate_ends.0
}

/// Why nobody can vouch for this date. True dates are neither before what the station was made of, nor of any use
/// to a station whose certificate has expired by then; and a date that was confirmed by mistake expires things
/// for good.
pub(super) fn unbelievable(
    identity: &Identity,
    certificate_ends: UnixSeconds,
    clock_ms: u64,
) -> Option<String> {
    let before = match () {
        () if clock_ms < RELEASED_MS => "this software was made",
        () if clock_ms < identity.as_of_ms => "the provisioning file was made",
        () if clock_ms / 1000 > certificate_ends.0 => {
            return Some("by the clock the station's certificate has expired".into());
        }
        () => return None,
    };
    Some(format!("the clock shows a date before {before}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: u64 = 1_800_000_000_000;
    const DAY: u64 = 86_400_000;
    const ENDS: UnixSeconds = UnixSeconds((T0 + 100 * DAY) / 1000);

    #[test]
    fn a_leap_reaches_no_band_and_renews_no_certificate() {
        let check = |time, believed, expected: u64| {
            assert_eq!(for_bands(time, believed, ENDS), UnixSeconds(expected / 1000));
        };
        check(TrustedTime::certain(T0), T0, T0);
        check(TrustedTime::between(T0, T0 + DAY), T0, T0);
        check(TrustedTime::between(T0 - DAY, T0), T0, T0);
        check(TrustedTime::between(T0, T0 + 200 * DAY), T0, T0 + 200 * DAY);
    }

    /// The date that counts after a boot, and whether it is beyond doubt.
    fn booted(floor_ms: u64, wall_ms: u64) -> (u64, bool) {
        let mut trusted = TrustedClock::new(floor_ms, 0);
        doubt_at_boot(&mut trusted, Instant::ZERO, wall_ms, ENDS);
        let (time, _) = trusted.read(Instant::ZERO, wall_ms);
        (trusted.believed_ms(Instant::ZERO), time.is_trusted())
    }

    #[test]
    fn a_boot_with_the_clock_far_ahead_does_not_move_the_floor() {
        assert_eq!(booted(T0, T0 + DAY), (T0 + DAY, true));
        assert_eq!(booted(T0, T0 + 100 * DAY), (T0 + 100 * DAY, true));
        assert_eq!(booted(T0, T0 + 3650 * DAY), (T0, false));
        // a certificate that expired while the station ran
        assert_eq!(booted(T0 + 101 * DAY, T0 + 102 * DAY), (T0 + 102 * DAY, true));
    }

    #[test]
    fn a_clock_set_right_after_the_boot_is_believed_again() {
        let mut trusted = TrustedClock::new(T0, 0);
        assert!(doubt_at_boot(&mut trusted, Instant::ZERO, T0 + 3650 * DAY, ENDS));
        let right = |wall_ms| is_set_right(&trusted, Instant::ZERO, wall_ms, ENDS);
        assert!(right(T0) && right(T0 + 20 * DAY));
        assert!(!right(T0 - DAY) && !right(T0 + 3650 * DAY));
    }
}
