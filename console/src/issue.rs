//! What an organization and a manufacturer sign.
//!
//! Pure: randomness and dates are arguments. Random bytes must be fresh for each call; whoever knows them
//! has the key that is made of them.

use std::fmt;

use ed25519_dalek::SigningKey;
use firmware_protocol::band::BandIdentity;
use firmware_protocol::certificate::{BandCertificate, PublicKey, StationCertificate, organization_id};
use firmware_protocol::dh_public;
use firmware_protocol::id::{OrganizationId, Serial, StationId, UserHandle, Zone};
use firmware_protocol::time::UnixSeconds;
use policy::model::UserId;
use station_core::convert;
use station_core::provision::{
    Base16, FORMAT, HexBytes, ManufacturerEntry, OrganizationEntry, ProvisionFile, SecretKey, StationEntry,
    TicketEntry, TicketsEntry,
};
use station_core::replica::derived_handle;
use station_core::ticket::{CODE_CHARS, CodeKey, TicketClaims, TicketId, TypedCode, sign_ticket};
use zeroize::Zeroizing;

use crate::files::PlantFile;

/// Random bytes that an organization is made of: three keys.
pub const ORGANIZATION_ENTROPY_LEN: usize = 96;
/// Random bytes that a station is made of: an identifier and a key.
pub const STATION_ENTROPY_LEN: usize = 48;
/// Random bytes that a band is made of: two keys.
pub const BAND_ENTROPY_LEN: usize = 64;
/// Random bytes that a typed code is made of.
pub const CODE_ENTROPY_LEN: usize = CODE_CHARS - 1;

/// An organization with its secrets: it signs stations and tickets.
#[derive(Clone)]
pub struct Organization {
    pub(crate) signing_key: SigningKey,
    pub(crate) ticket_key: SigningKey,
    pub(crate) code_key: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for Organization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Organization")
            .field("id", &self.id())
            .finish_non_exhaustive()
    }
}

/// What a station is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StationGrant {
    /// Where it stands; tickets name it.
    pub site: String,
    /// The zone it may write.
    pub zone: Zone,
    /// First second in which its certificate holds.
    pub not_before: UnixSeconds,
    /// Last second in which its certificate holds.
    pub not_after: UnixSeconds,
}

/// Whom a ticket identifies, where and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketGrant {
    /// Whom.
    pub user: UserId,
    /// What bands know of this person.
    pub handle: UserHandle,
    /// The site at which it may be used.
    pub site: String,
    /// The zone in which it may be used.
    pub zone: Zone,
    /// First second in which it may be used.
    pub not_before: UnixSeconds,
    /// Last second in which it may be used.
    pub expires: UnixSeconds,
}

impl Organization {
    /// A new organization.
    pub fn new(entropy: &[u8; ORGANIZATION_ENTROPY_LEN]) -> Self {
        let [signing, ticket, code] = thirds(entropy);
        Self {
            signing_key: SigningKey::from_bytes(&signing),
            ticket_key: SigningKey::from_bytes(&ticket),
            code_key: Zeroizing::new(code),
        }
    }

    /// Its identifier, the hash of its key.
    pub fn id(&self) -> OrganizationId {
        organization_id(&self.public_key())
    }

    /// The Ed25519 key that signs stations.
    pub fn public_key(&self) -> PublicKey {
        self.signing_key.verifying_key().to_bytes()
    }

    /// The Ed25519 key that signs tickets.
    pub fn ticket_issuer(&self) -> PublicKey {
        self.ticket_key.verifying_key().to_bytes()
    }

    /// What bands know of a user of this organization unless an administrator says otherwise.
    pub fn handle(&self, user: &UserId) -> UserHandle {
        derived_handle(self.id(), user.as_str())
    }

    /// Makes a station: its certificate and the key that the certificate names.
    pub fn station(&self, grant: &StationGrant, entropy: &[u8; STATION_ENTROPY_LEN]) -> StationEntry {
        let (id, secret) = entropy.split_first_chunk::<16>().expect("16 of 48 bytes");
        let secret: [u8; 32] = secret.try_into().expect("the other 32");
        let certificate = StationCertificate {
            organization_key: self.public_key(),
            station: StationId(*id),
            dh_key: dh_public(&secret),
            zone: grant.zone,
            not_before: grant.not_before,
            not_after: grant.not_after,
        };
        let signed = certificate.sign(&self.signing_key);
        StationEntry {
            site: grant.site.clone(),
            certificate: Base16(minicbor::to_vec(&signed).expect("memory takes everything")),
            secret_key: SecretKey(secret.into()),
        }
    }

    /// The file that a station starts with. `made_at_ms` counts milliseconds since 1970; `revision` grows with
    /// every file for the same station.
    pub fn init_file(
        &self,
        station: StationEntry,
        manufacturers: Vec<ManufacturerEntry>,
        plant: PlantFile,
        revision: u64,
        made_at_ms: u64,
    ) -> ProvisionFile {
        ProvisionFile {
            format: FORMAT,
            revision,
            made_at_ms,
            active_group_policy: plant.active_group_policy,
            organization: OrganizationEntry {
                public_key: HexBytes(self.public_key()),
            },
            station,
            tickets_from: TicketsEntry {
                public_key: HexBytes(self.ticket_issuer()),
                code_key: SecretKey(self.code_key.clone()),
            },
            manufacturers,
            group_policies: plant.group_policies,
            individual_policies: plant.individual_policies,
            users: plant.users,
            bands: plant.bands,
            associations: plant.associations,
            operators: plant.operators,
            tickets: Vec::new(),
        }
    }

    /// A signed ticket: the text of its QR code, which a station accepts without knowing of it.
    pub fn ticket(&self, grant: &TicketGrant, id: TicketId) -> String {
        let claims = TicketClaims {
            id,
            user: grant.handle,
            site: grant.site.clone(),
            zone: grant.zone,
            not_before: grant.not_before,
            expires: grant.expires,
        };
        sign_ticket(&claims, &self.ticket_key)
    }

    /// A code to type for the same ticket, and the entry by which a station knows it. Only the entry, which
    /// holds a keyed hash, goes to a station.
    pub fn typed_code(
        &self,
        grant: &TicketGrant,
        id: TicketId,
        entropy: [u8; CODE_ENTROPY_LEN],
    ) -> (TypedCode, TicketEntry) {
        let code = TypedCode::from_random(entropy);
        let entry = TicketEntry {
            id: HexBytes(id.0),
            user: grant.user.clone(),
            code_hash: Some(HexBytes(code.hash(&CodeKey(*self.code_key)).0)),
            site: Some(grant.site.clone()),
            zone: convert::zone(grant.zone),
            not_before: grant.not_before.0,
            expires: grant.expires.0,
            revoked: false,
        };
        (code, entry)
    }
}

fn thirds(entropy: &[u8; ORGANIZATION_ENTROPY_LEN]) -> [[u8; 32]; 3] {
    std::array::from_fn(|i| entropy[32 * i..][..32].try_into().expect("a third of 96 bytes"))
}

/// A make of bands with its secret: it signs bands. Real manufacturers keep theirs; this one is for
/// simulated and self-built bands.
#[derive(Clone)]
pub struct Manufacturer {
    /// A name for people.
    pub name: String,
    pub(crate) signing_key: SigningKey,
}

impl fmt::Debug for Manufacturer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manufacturer")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Manufacturer {
    /// A new make.
    pub fn new(name: &str, entropy: &[u8; 32]) -> Self {
        Self {
            name: name.into(),
            signing_key: SigningKey::from_bytes(entropy),
        }
    }

    /// What stations need to know of it.
    pub fn entry(&self) -> ManufacturerEntry {
        let public_key = HexBytes(self.signing_key.verifying_key().to_bytes());
        ManufacturerEntry {
            name: self.name.clone(),
            public_key,
        }
    }

    /// Makes a band: keys and the certificate over them. `model` has at most 16 bytes.
    pub fn band(
        &self,
        serial: Serial,
        model: &str,
        seos: bool,
        entropy: &[u8; BAND_ENTROPY_LEN],
    ) -> BandIdentity {
        let (dh_secret, signing) = entropy.split_first_chunk::<32>().expect("half of 64 bytes");
        let signing_key = SigningKey::from_bytes(signing.try_into().expect("the other half"));
        let certificate = BandCertificate {
            serial: serial.clone(),
            model: model.into(),
            dh_key: dh_public(dh_secret),
            signing_key: signing_key.verifying_key().to_bytes(),
            seos,
        };
        BandIdentity {
            certificate: certificate.sign(&self.signing_key),
            dh_secret: Zeroizing::new(*dh_secret),
            signing_key,
            serial,
            model: model.into(),
            seos,
        }
    }
}

#[cfg(test)]
mod tests;
