//! Who exists: an organization, a manufacturer, a station, bands.

use ed25519_dalek::SigningKey;
use firmware_protocol::band::BandIdentity;
use firmware_protocol::certificate::{BandCertificate, PublicKey, StationCertificate, organization_id};
use firmware_protocol::id::{OrganizationId, Serial, StationId, Zone};
use firmware_protocol::station::StationIdentity;
use firmware_protocol::time::UnixSeconds;
use zeroize::Zeroizing;

/// When the stories begin, milliseconds since 1970.
pub(crate) const T0: u64 = 1_800_000_000_000;

pub(crate) fn organization_key() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

pub(crate) fn manufacturer_key() -> SigningKey {
    SigningKey::from_bytes(&[2; 32])
}

pub(crate) fn organization() -> OrganizationId {
    organization_id(&organization_key().verifying_key().to_bytes())
}

fn dh(seed: u8) -> (Zeroizing<[u8; 32]>, PublicKey) {
    let secret = x25519_dalek::StaticSecret::from([seed; 32]);
    let public = x25519_dalek::PublicKey::from(&secret).to_bytes();
    (Zeroizing::new(secret.to_bytes()), public)
}

/// A station of the organization, by number.
pub(crate) fn station(number: u8, zone: Zone) -> StationIdentity {
    let (dh_secret, dh_key) = dh(100 + number);
    let certificate = StationCertificate {
        organization_key: organization_key().verifying_key().to_bytes(),
        station: StationId([number; 16]),
        dh_key,
        zone,
        not_before: UnixSeconds(T0 / 1000 - 86_400),
        not_after: UnixSeconds(T0 / 1000 + 365 * 86_400),
    };
    StationIdentity {
        certificate: certificate.sign(&organization_key()),
        dh_secret,
    }
}

/// A band of the manufacturer, by number.
pub(crate) fn band(number: u8, seos: bool) -> BandIdentity {
    let (dh_secret, dh_key) = dh(number);
    let signing_key = SigningKey::from_bytes(&[200 + number; 32]);
    let serial = serial(number);
    let certificate = BandCertificate {
        serial: serial.clone(),
        model: "SIM".into(),
        dh_key,
        signing_key: signing_key.verifying_key().to_bytes(),
        seos,
    };
    let certificate = certificate.sign(&manufacturer_key());
    BandIdentity {
        certificate,
        dh_secret,
        signing_key,
        serial,
        model: "SIM".into(),
        seos,
    }
}

pub(crate) fn serial(number: u8) -> Serial {
    Serial::new(&format!("BAND-{number:03}")).expect("a serial")
}
