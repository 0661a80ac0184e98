//! Who signs for simulated bands and stations: a manufacturer and an organization with keys from a seed.

use ed25519_dalek::SigningKey;
use firmware_protocol::band::BandIdentity;
use firmware_protocol::certificate::{BandCertificate, PublicKey, StationCertificate, organization_id};
use firmware_protocol::dh_public;
use firmware_protocol::id::{OrganizationId, Serial, StationId, Zone};
use firmware_protocol::station::StationIdentity;
use firmware_protocol::time::UnixSeconds;

use crate::random::Random;

/// First second of every simulated certificate: 2026-01-01T00:00:00Z.
pub const CERTIFICATES_FROM: UnixSeconds = UnixSeconds(1_767_225_600);
/// Last second of every simulated certificate: 2030-12-31T23:59:59Z.
pub const CERTIFICATES_UNTIL: UnixSeconds = UnixSeconds(1_924_991_999);

/// A manufacturer of bands.
#[derive(Clone, Debug)]
pub struct Manufacturer {
    key: SigningKey,
}

impl Manufacturer {
    /// The manufacturer of this seed.
    pub fn new(random: &mut Random) -> Self {
        Self {
            key: SigningKey::from_bytes(&random.bytes()),
        }
    }

    /// The manufacturer with this secret key.
    pub fn from_secret(secret: &[u8; 32]) -> Self {
        Self {
            key: SigningKey::from_bytes(secret),
        }
    }

    /// What stations trust.
    pub fn public_key(&self) -> PublicKey {
        self.key.verifying_key().to_bytes()
    }

    /// Makes a band. `serial` is one as [`Serial`] defines it.
    pub fn band(&self, serial: &Serial, seos: bool, random: &mut Random) -> BandIdentity {
        let dh_secret: [u8; 32] = random.bytes();
        let signing_key = SigningKey::from_bytes(&random.bytes());
        let model = String::from(if seos { "Sim 2 SEOS" } else { "Sim 2" });
        let certificate = BandCertificate {
            serial: serial.clone(),
            model: model.clone(),
            dh_key: dh_public(&dh_secret),
            signing_key: signing_key.verifying_key().to_bytes(),
            seos,
        };
        BandIdentity {
            certificate: certificate.sign(&self.key),
            dh_secret: dh_secret.into(),
            signing_key,
            serial: serial.clone(),
            model,
            seos,
        }
    }
}

/// An organization that runs stations.
#[derive(Clone, Debug)]
pub struct Plant {
    key: SigningKey,
}

impl Plant {
    /// The organization's secret key, for a console that takes it over.
    pub(crate) fn secret(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// The organization of this seed.
    pub fn new(random: &mut Random) -> Self {
        Self {
            key: SigningKey::from_bytes(&random.bytes()),
        }
    }

    /// The organization's Ed25519 key.
    pub fn public_key(&self) -> PublicKey {
        self.key.verifying_key().to_bytes()
    }

    /// The organization's identifier.
    pub fn organization(&self) -> OrganizationId {
        organization_id(&self.key.verifying_key().to_bytes())
    }

    /// A station whose certificate holds from [`CERTIFICATES_FROM`] until [`CERTIFICATES_UNTIL`].
    pub fn station(&self, station: StationId, zone: Zone, random: &mut Random) -> StationIdentity {
        self.station_until(station, zone, CERTIFICATES_UNTIL, random)
    }

    /// A station whose certificate ends at `not_after`.
    pub fn station_until(
        &self,
        station: StationId,
        zone: Zone,
        not_after: UnixSeconds,
        random: &mut Random,
    ) -> StationIdentity {
        let dh_secret: [u8; 32] = random.bytes();
        let certificate = StationCertificate {
            organization_key: self.key.verifying_key().to_bytes(),
            station,
            dh_key: dh_public(&dh_secret),
            zone,
            not_before: CERTIFICATES_FROM,
            not_after,
        };
        StationIdentity {
            certificate: certificate.sign(&self.key),
            dh_secret: dh_secret.into(),
        }
    }
}
