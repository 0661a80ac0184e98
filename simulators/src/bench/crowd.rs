//! A plant of a hundred thousand, as a station knows it.

use firmware_protocol::id::Zone;
use policy::model::{AssociationId, Band, BandSerial, UserId, UserStatus};
use station_core::convert;
use station_core::provision::{AssociationEntry, UserEntry};

use crate::cast::Cast;

/// People, and as many bands and associations.
pub(super) const USERS: usize = 100_000;

/// Adds everybody, each with a band of their own.
pub(super) fn add_crowd(cast: &mut Cast, zone: Zone) {
    let file = cast.file_mut();
    for number in 0..USERS {
        file.users.push(user(number));
        file.bands.push(Band::new(serial(number)));
        file.associations.push(association(number, zone));
    }
}

/// The id of the crowd's person of this number.
pub(super) fn id(number: usize) -> String {
    format!("P{number:07}")
}

/// The serial of that person's band.
pub(super) fn serial(number: usize) -> BandSerial {
    BandSerial::new(&format!("CR-{number:07}")).expect("a serial")
}

fn user(number: usize) -> UserEntry {
    UserEntry {
        id: UserId::new(&id(number)).expect("a user's id"),
        handle: None,
        name: format!("Person {number}"),
        site: String::new(),
        status: UserStatus::Active,
        suspension: None,
        policy: None,
        label: String::new(),
    }
}

fn association(number: usize, zone: Zone) -> AssociationEntry {
    let mut id_bytes = [0xc0; 16];
    id_bytes[8..].copy_from_slice(&(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    AssociationEntry {
        id: AssociationId(id_bytes),
        user: UserId::new(&id(number)).expect("a user's id"),
        band: serial(number),
        zone: convert::zone(zone),
        active: true,
        primary: true,
        expires_at: None,
        suspension: None,
        band_epoch: 1,
        credential_key: None,
    }
}
