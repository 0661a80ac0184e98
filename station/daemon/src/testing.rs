//! A small plant for this crate's tests.

pub(crate) mod band;

use ed25519_dalek::SigningKey;
use firmware_protocol::certificate::StationCertificate;
use firmware_protocol::id::{StationId, UserHandle, Zone};
use firmware_protocol::time::UnixSeconds;
use policy::model::{Band, BandSerial, GroupPolicy, IndividualPolicy, PolicyId, UserId, UserStatus};
use station_core::convert;
use station_core::provision::*;
use station_core::replica::derived_handle;
use zeroize::Zeroizing;

use crate::seal::SealKey;

/// When the file was made, milliseconds since 1970.
pub(crate) const MADE_AT_MS: u64 = 1_793_600_000_000;
/// The PIN of the operator `olga`.
pub(crate) const PIN: &str = "4711";

/// What the station's disk is sealed with.
pub(crate) fn seal_key() -> SealKey {
    SealKey::new([7; 32])
}

/// The organization's key.
pub(crate) fn organization() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

/// The manufacturer's key.
pub(crate) fn manufacturer() -> SigningKey {
    SigningKey::from_bytes(&[2; 32])
}

/// The key of whoever issues tickets.
pub(crate) fn issuer() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

/// What bands know of a user of this plant.
pub(crate) fn handle(user: &str) -> UserHandle {
    derived_handle(certificate(5).organization(), user)
}

fn certificate(station: u8) -> StationCertificate {
    let dh_secret = x25519_dalek::StaticSecret::from([4; 32]);
    StationCertificate {
        organization_key: organization().verifying_key().to_bytes(),
        station: StationId([station; 16]),
        dh_key: x25519_dalek::PublicKey::from(&dh_secret).to_bytes(),
        zone: Zone::Enrollment,
        not_before: UnixSeconds(1_700_000_000),
        not_after: UnixSeconds(2_000_000_000),
    }
}

/// `ada` (holds BAND-1), `bo` (lab policy), `cy` (departed); BAND-1 to BAND-3, the third SEOS-enabled; the
/// operator `olga`.
pub(crate) fn file() -> ProvisionFile {
    file_for_station(5)
}

/// The same plant seen by another station.
pub(crate) fn file_for_station(station: u8) -> ProvisionFile {
    let signed = certificate(station).sign(&organization());
    ProvisionFile {
        format: FORMAT,
        revision: 7,
        made_at_ms: MADE_AT_MS,
        active_group_policy: policy_id("plant"),
        organization: OrganizationEntry {
            public_key: HexBytes(organization().verifying_key().to_bytes()),
        },
        station: StationEntry {
            site: "north".into(),
            certificate: Base16(minicbor::to_vec(&signed).unwrap()),
            secret_key: SecretKey(Zeroizing::new([4; 32])),
        },
        tickets_from: TicketsEntry {
            public_key: HexBytes(issuer().verifying_key().to_bytes()),
            code_key: SecretKey(Zeroizing::new([6; 32])),
        },
        manufacturers: vec![ManufacturerEntry {
            name: "Maker".into(),
            public_key: HexBytes(manufacturer().verifying_key().to_bytes()),
        }],
        group_policies: vec![GroupPolicy {
            reenroll_own: Some(true),
            offline_max_age_s: Some(u32::MAX),
            ..GroupPolicy::new(policy_id("plant"))
        }],
        individual_policies: vec![IndividualPolicy {
            reenroll_own: Some(false),
            ..IndividualPolicy::new(policy_id("lab"))
        }],
        users: vec![
            user("ada"),
            UserEntry {
                policy: Some(policy_id("lab")),
                ..user("bo")
            },
            departed(),
        ],
        bands: (1..=3).map(band).collect(),
        associations: vec![ada_holds_band_1()],
        operators: vec![operator()],
        tickets: Vec::new(),
    }
}

fn policy_id(name: &str) -> PolicyId {
    PolicyId::new(name).unwrap()
}

fn user(id: &str) -> UserEntry {
    UserEntry {
        id: UserId::new(id).unwrap(),
        handle: None,
        name: format!("{id} of the north"),
        site: "north".into(),
        status: UserStatus::Active,
        suspension: None,
        policy: None,
        label: id.to_uppercase(),
    }
}

fn departed() -> UserEntry {
    UserEntry {
        status: UserStatus::Departed,
        ..user("cy")
    }
}

fn band(number: u8) -> Band {
    Band {
        seos: number == 3,
        ..Band::new(BandSerial::new(&format!("BAND-{number}")).unwrap())
    }
}

fn ada_holds_band_1() -> AssociationEntry {
    AssociationEntry {
        id: policy::model::AssociationId([9; 16]),
        user: UserId::new("ada").unwrap(),
        band: BandSerial::new("BAND-1").unwrap(),
        zone: convert::zone(Zone::Enrollment),
        active: true,
        primary: true,
        expires_at: None,
        suspension: None,
        band_epoch: 1,
        credential_key: None,
    }
}

fn operator() -> OperatorEntry {
    // Weak parameters keep the tests quick; `verify` takes them from the text.
    let argon2 = argon2::Argon2::new(
        argon2::Algorithm::Argon2id,
        argon2::Version::V0x13,
        argon2::Params::new(8, 1, 1, None).unwrap(),
    );
    let pin = argon2::PasswordHasher::hash_password_with_salt(&argon2, PIN.as_bytes(), &[7; 16]).unwrap();
    OperatorEntry {
        id: "olga".into(),
        pin: pin.to_string(),
        rights: {
            use station_core::replica::Right::{CheckBands, CloseIntents, ConfirmClock, Diagnose, Vouch};
            [Vouch, ConfirmClock, CloseIntents, Diagnose, CheckBands].into()
        },
        user: None,
    }
}

/// The file, checked.
pub(crate) fn provision() -> Provision {
    load(&file().to_toml()).unwrap()
}
