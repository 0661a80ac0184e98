//! What a band sends to everybody before there is a session.

use firmware_protocol::advertisement::{BATTERY_UNKNOWN, Beacon};

use super::Input;

/// A beacon that is read says the same when it is written and read again.
pub(super) fn beacon(bytes: &[u8]) {
    if let Ok(beacon) = Beacon::decode(bytes) {
        assert_eq!(Beacon::decode(&beacon.encode()), Ok(beacon));
        assert_eq!(beacon.advertisement()[25..], beacon.encode());
    }
}

pub(super) fn beacons() -> Vec<Input> {
    let worn = Beacon {
        enrolled: true,
        worn: true,
        battery_percent: 80,
        tag: 0x1234,
        ..Beacon::default()
    };
    let other = Beacon {
        charging: true,
        seos: true,
        battery_percent: BATTERY_UNKNOWN,
        heartbeat: 255,
        ..worn
    };
    vec![
        Input::new("new", Beacon::default().encode()),
        Input::new("worn", worn.encode()),
        Input::new("charging", other.encode()),
    ]
}
