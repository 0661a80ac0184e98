//! Between what bands say and what the policy speaks of. This is the only place that knows both.

use firmware_protocol::id as air;
use firmware_protocol::time::UnixSeconds;
use policy::model as rules;

/// A zone, as the policy names it.
pub fn zone(zone: air::Zone) -> rules::Zone {
    match zone {
        air::Zone::Enrollment => rules::Zone::Enrollment,
        air::Zone::Registration => rules::Zone::Registration,
    }
}

/// A zone, as it crosses the air.
pub fn zone_on_air(zone: rules::Zone) -> air::Zone {
    match zone {
        rules::Zone::Enrollment => air::Zone::Enrollment,
        rules::Zone::Registration => air::Zone::Registration,
    }
}

/// A serial, as the policy keeps it. Both crates accept the same characters and lengths.
pub fn serial(serial: &air::Serial) -> rules::BandSerial {
    rules::BandSerial::new(serial.as_str()).expect("both crates agree on what a serial is")
}

/// A serial, as it crosses the air.
pub fn serial_on_air(serial: rules::BandSerial) -> air::Serial {
    air::Serial::new(serial.as_str()).expect("both crates agree on what a serial is")
}

/// An association's id, as the policy keeps it.
pub fn association_id(id: air::AssociationId) -> rules::AssociationId {
    rules::AssociationId(id.0)
}

/// An association's id, as it crosses the air.
pub fn association_id_on_air(id: rules::AssociationId) -> air::AssociationId {
    air::AssociationId(id.0)
}

/// A moment in whole seconds as the policy counts it. Far futures are cut to the latest the policy knows.
pub fn millis(seconds: UnixSeconds) -> rules::UnixMillis {
    rules::UnixMillis(i64::try_from(seconds.0).unwrap_or(i64::MAX).saturating_mul(1000))
}

/// A moment in milliseconds as the policy counts it. Far futures are cut to the latest the policy knows.
pub fn moment(ms: u64) -> rules::UnixMillis {
    rules::UnixMillis(i64::try_from(ms).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_crates_agree_on_serials(text in "[A-Z0-9a-z -]{0,18}") {
            let on_air = air::Serial::new(&text);
            let kept = rules::BandSerial::new(&text).ok();
            prop_assert_eq!(on_air.as_ref().map(|s| s.as_str()), kept.as_ref().map(|s| s.as_str()));
            if let (Some(on_air), Some(kept)) = (on_air, kept) {
                prop_assert_eq!(serial(&on_air), kept);
                prop_assert_eq!(serial_on_air(kept), on_air);
            }
        }
    }
}
