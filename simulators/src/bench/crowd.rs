//! A plant of a hundred thousand, as a station knows it.

use firmware_protocol::id::Zone;
use policy::model::{AssociationId, Band, BandSerial, UserId, UserStatus};
use station_core::convert;
use station_core::provision::{AssociationEntry, UserEntry};

use crate::cast::Cast;
use crate::random::Random;

/// People, and as many bands and associations.
pub(super) const USERS: usize = 100_000;

/// Adds everybody, each with a band of their own.
pub(super) fn add_crowd(cast: &mut Cast, zone: Zone) {
    add(cast, zone, USERS);
}

/// Adds so many people, each with a band of their own.
pub(super) fn add(cast: &mut Cast, zone: Zone, count: usize) {
    let file = cast.file_mut();
    for number in 0..count {
        file.users.push(user(number));
        file.bands.push(Band::new(serial(number)));
        file.associations.push(association(number, zone));
    }
}

/// Adds so many people, and nothing else.
pub(super) fn add_people(cast: &mut Cast, count: usize) {
    cast.file_mut().users.extend((0..count).map(user));
}

/// The id of the crowd's person of this number.
pub(super) fn id(number: usize) -> String {
    format!("P{number:07}")
}

/// A name that no other has to begin with, as names are: a plant whose people are called after their numbers packs
/// to nothing.
fn name(number: usize) -> String {
    const SYLLABLES: [&str; 24] = [
        "an", "be", "cor", "da", "el", "fri", "gar", "hel", "in", "jo", "ka", "lo", "ma", "ni", "ol", "pe",
        "ri", "so", "ta", "ul", "ver", "wil", "xa", "zo",
    ];
    let mut random = Random::new(number as u64);
    let mut word = |count: u64| {
        let syllables = (0..count).map(|_| SYLLABLES[random.below(24) as usize]);
        let text: String = syllables.collect();
        text[..1].to_uppercase() + &text[1..]
    };
    format!("{} {}", word(2 + number as u64 % 2), word(2 + number as u64 % 3))
}

/// The serial of that person's band.
pub(super) fn serial(number: usize) -> BandSerial {
    BandSerial::new(&format!("CR-{number:07}")).expect("a serial")
}

fn user(number: usize) -> UserEntry {
    UserEntry {
        id: UserId::new(&id(number)).expect("a user's id"),
        handle: None,
        name: name(number),
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
