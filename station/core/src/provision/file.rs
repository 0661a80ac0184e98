//! The file as it is written.

use std::collections::BTreeSet;

use policy::model::{
    AssociationId, Band, BandSerial, GroupPolicy, IndividualPolicy, PolicyId, Suspension, UnixMillis, UserId,
    UserStatus, Zone,
};
use serde::{Deserialize, Serialize};

use super::hex::{Base16, HexBytes, SecretKey};
use super::{ProvisionFault, ProvisionFaults};
use crate::replica::Right;

/// The version of the file this release reads and writes.
pub const FORMAT: u32 = 1;

/// The whole file. Unknown fields are refused everywhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProvisionFile {
    /// [`FORMAT`].
    pub format: u32,
    /// Grows with every change of the file's content.
    pub revision: u64,
    /// When the content was true, milliseconds since 1970.
    pub made_at_ms: u64,
    /// The group policy that holds.
    pub active_group_policy: PolicyId,
    /// The organization.
    pub organization: OrganizationEntry,
    /// This station.
    pub station: StationEntry,
    /// Who issues tickets.
    pub tickets_from: TicketsEntry,
    /// The makes of bands that are welcome, at least one.
    pub manufacturers: Vec<ManufacturerEntry>,
    /// The group policies, at least one.
    pub group_policies: Vec<GroupPolicy>,
    /// The individual policies.
    #[serde(default)]
    pub individual_policies: Vec<IndividualPolicy>,
    /// The people.
    #[serde(default)]
    pub users: Vec<UserEntry>,
    /// The stock of bands.
    #[serde(default)]
    pub bands: Vec<Band>,
    /// Who holds which band.
    #[serde(default)]
    pub associations: Vec<AssociationEntry>,
    /// The people with rights at the station.
    #[serde(default)]
    pub operators: Vec<OperatorEntry>,
    /// Tickets known in advance: those that have a code to type.
    #[serde(default)]
    pub tickets: Vec<TicketEntry>,
}

/// The organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganizationEntry {
    /// Its Ed25519 public key; its id is computed from it.
    pub public_key: HexBytes<32>,
}

/// This station. The zone it writes is the one in its certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StationEntry {
    /// The site it stands at; tickets name it.
    pub site: String,
    /// The certificate the organization signed: the CBOR of body and signature, in base16.
    pub certificate: Base16,
    /// The X25519 secret key whose public half the certificate names.
    pub secret_key: SecretKey,
}

/// Who issues tickets, and how their codes are hashed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TicketsEntry {
    /// Ed25519 public key of the issuer.
    pub public_key: HexBytes<32>,
    /// Secret key of the hash of typed codes.
    pub code_key: SecretKey,
}

/// A make of bands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManufacturerEntry {
    /// A name for people.
    pub name: String,
    /// The Ed25519 public key that signs the bands' certificates.
    pub public_key: HexBytes<32>,
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserEntry {
    /// Who, as the directory writes it.
    pub id: UserId,
    /// What bands know of this person; computed from organization and id if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<HexBytes<16>>,
    /// The name to show.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The site the person belongs to.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub site: String,
    /// How the person stands with the plant.
    #[serde(default)]
    pub status: UserStatus,
    /// Suspended by an administrator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,
    /// The individual policy this person has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyId>,
    /// What a band writes on its screen, at most 12 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
}

/// A user holds a band.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssociationEntry {
    /// Which association.
    pub id: AssociationId,
    /// Who.
    pub user: UserId,
    /// Which band.
    pub band: BandSerial,
    /// Where.
    #[serde(default)]
    pub zone: Zone,
    /// The band the user works with. At most one per user and zone.
    #[serde(default = "yes")]
    pub active: bool,
    /// The user's real band, as opposed to one that stands in for it.
    #[serde(default = "yes")]
    pub primary: bool,
    /// Temporary: from this moment on it no longer counts as active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UnixMillis>,
    /// An administrator took away its use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspension: Option<Suspension>,
    /// The band's count of commits under which it was made; 0 if not known.
    #[serde(default)]
    pub band_epoch: u32,
    /// The key the band made for it, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_key: Option<HexBytes<32>>,
}

/// Somebody with rights at the station.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OperatorEntry {
    /// Who, by a short id: 1 to 32 characters out of `a-z`, `0-9`, `-`, `_` and `.`.
    pub id: String,
    /// The PIN as an argon2id PHC string.
    pub pin: String,
    /// What this operator may do.
    pub rights: BTreeSet<Right>,
    /// The user this operator is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
}

impl std::fmt::Debug for OperatorEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OperatorEntry")
            .field("id", &self.id)
            .field("rights", &self.rights)
            .finish_non_exhaustive()
    }
}

/// A ticket that is known in advance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TicketEntry {
    /// Which ticket.
    pub id: HexBytes<16>,
    /// Whom it identifies.
    pub user: UserId,
    /// The keyed hash of the code that can be typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_hash: Option<HexBytes<32>>,
    /// The site; this station's if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// The zone.
    #[serde(default)]
    pub zone: Zone,
    /// First second in which it may be used, since 1970.
    pub not_before: u64,
    /// Last second in which it may be used.
    pub expires: u64,
    /// Taken back by an administrator.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub revoked: bool,
}

fn yes() -> bool {
    true
}

impl ProvisionFile {
    /// Reads TOML, or JSON if the first character that is not white space is a brace. What cannot be read
    /// is reported with line and column.
    pub fn parse(text: &str) -> Result<Self, ProvisionFaults> {
        let json = text.trim_start_matches('\u{feff}').trim_start().starts_with('{');
        if json { parse_json(text) } else { parse_toml(text) }
    }

    /// The file as TOML, with its secrets.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("every value has a form in TOML")
    }
}

fn parse_json(text: &str) -> Result<ProvisionFile, ProvisionFaults> {
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        let problem = error.to_string();
        let problem = problem.split(" at line ").next().unwrap_or_default().to_owned();
        unreadable(place, problem)
    })
}

fn parse_toml(text: &str) -> Result<ProvisionFile, ProvisionFaults> {
    toml::from_str(text).map_err(|error| {
        let place = error
            .span()
            .map_or("file".to_owned(), |span| line_and_column(text, span.start));
        unreadable(place, error.message().to_owned())
    })
}

fn unreadable(place: String, problem: String) -> ProvisionFaults {
    let fix = "see docs/provisioning.md for the fields and their forms".to_owned();
    ProvisionFaults(vec![ProvisionFault { place, problem, fix }])
}

fn line_and_column(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("line {line} column {column}")
}
