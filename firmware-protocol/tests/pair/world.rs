//! Keys, certificates and settings that tests start from.

use ed25519_dalek::SigningKey;
use firmware_protocol::band::{BandIdentity, BandSettings};
use firmware_protocol::certificate::{BandCertificate, PublicKey, StationCertificate};
use firmware_protocol::dh_public;
use firmware_protocol::id::{Serial, StationId, Zone};
use firmware_protocol::station::StationIdentity;
use firmware_protocol::time::UnixSeconds;

use super::Knobs;

/// 2027-01-15T08:00:00Z.
pub(crate) const NOW: u64 = 1_800_000_000;
const DAY: u64 = 86_400;

pub(crate) fn serial(text: &str) -> Serial {
    Serial::new(text).expect("a serial")
}

/// Who signs: a manufacturer and an organization.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) manufacturer: SigningKey,
    pub(crate) organization: SigningKey,
}

impl Default for World {
    fn default() -> Self {
        Self {
            manufacturer: SigningKey::from_bytes(&[0x11; 32]),
            organization: SigningKey::from_bytes(&[0x22; 32]),
        }
    }
}

impl World {
    /// Another company in the same town.
    pub(crate) fn neighbor() -> Self {
        Self {
            manufacturer: SigningKey::from_bytes(&[0x33; 32]),
            organization: SigningKey::from_bytes(&[0x44; 32]),
        }
    }

    pub(crate) fn station(&self, number: u8, zone: Zone) -> StationIdentity {
        self.station_valid(number, zone, NOW - DAY, NOW + 30 * DAY)
    }

    pub(crate) fn station_valid(
        &self,
        number: u8,
        zone: Zone,
        not_before: u64,
        not_after: u64,
    ) -> StationIdentity {
        let dh_secret = [number; 32];
        let certificate = StationCertificate {
            organization_key: self.organization.verifying_key().to_bytes(),
            station: StationId([number; 16]),
            dh_key: dh_public(&dh_secret),
            zone,
            not_before: UnixSeconds(not_before),
            not_after: UnixSeconds(not_after),
        };
        StationIdentity {
            certificate: certificate.sign(&self.organization),
            dh_secret: dh_secret.into(),
        }
    }

    pub(crate) fn band(&self, number: u8) -> BandIdentity {
        let serial = serial(&format!("NB-{number:04}"));
        let (dh_secret, signing_key) = ([number ^ 0x80; 32], SigningKey::from_bytes(&[number ^ 0x55; 32]));
        let certificate = BandCertificate {
            serial: serial.clone(),
            model: "B1".into(),
            dh_key: dh_public(&dh_secret),
            signing_key: signing_key.verifying_key().to_bytes(),
            seos: false,
        };
        BandIdentity {
            certificate: certificate.sign(&self.manufacturer),
            dh_secret: dh_secret.into(),
            signing_key,
            serial,
            model: "B1".into(),
            seos: false,
        }
    }

    pub(crate) fn manufacturer_key(&self) -> PublicKey {
        self.manufacturer.verifying_key().to_bytes()
    }
}

/// Everything a pair starts from.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) seed: u64,
    pub(crate) mtu_bytes: u16,
    pub(crate) unix_now: u64,
    pub(crate) station: StationIdentity,
    pub(crate) manufacturers: Vec<PublicKey>,
    pub(crate) band: BandIdentity,
    pub(crate) settings: BandSettings,
    pub(crate) record: Vec<u8>,
    pub(crate) knobs: Knobs,
}

impl Default for Setup {
    fn default() -> Self {
        let world = World::default();
        Self {
            seed: 7,
            mtu_bytes: 185,
            unix_now: NOW,
            station: world.station(1, Zone::Enrollment),
            manufacturers: vec![world.manufacturer_key()],
            band: world.band(1),
            settings: BandSettings {
                touches: 3,
                ..BandSettings::default()
            },
            record: Vec::new(),
            knobs: Knobs::default(),
        }
    }
}
