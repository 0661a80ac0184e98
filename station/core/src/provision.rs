//! The file a station starts with: who, what and which rules, until a console says more.
//!
//! [`ProvisionFile`] is the file as written, in TOML or JSON; `docs/provisioning.md` describes it.
//! [`ProvisionFile::check`] turns it into [`Provision`], the rows a station stores, or lists everything
//! that is wrong with it. Nothing is loaded from a file with a fault in it.

mod check;
mod file;
mod hex;

pub use file::*;
pub use hex::{Base16, HexBytes, SecretKey};

use std::fmt;

use firmware_protocol::certificate::{PublicKey, Signed};
use firmware_protocol::id::{OrganizationId, StationId, Zone};
use policy::model::{Band, GroupPolicy, IndividualPolicy};

use crate::replica::{AssociationRow, OperatorRow, TicketRow, TicketState, UserRow};
use crate::ticket::CodeKey;

/// A checked file: everything in it agrees with everything else.
#[derive(Clone, Debug)]
pub struct Provision {
    /// Grows with every change of what follows.
    pub revision: u64,
    /// When that was so, milliseconds since 1970: the age of the replica counts from here.
    pub made_at_ms: u64,
    /// SHA-256 of the file's bytes.
    pub digest: [u8; 32],
    /// The organization.
    pub organization: OrganizationId,
    /// Its Ed25519 key.
    pub organization_key: PublicKey,
    /// This station.
    pub station: StationId,
    /// The zone it writes, from its certificate.
    pub zone: Zone,
    /// The site it stands at.
    pub site: String,
    /// What the station shows to bands.
    pub certificate: Signed,
    /// The X25519 key that the certificate names.
    pub dh_secret: SecretKey,
    /// Ed25519 keys of the makes of bands that are welcome.
    pub manufacturers: Vec<PublicKey>,
    /// Ed25519 key of whoever issues tickets.
    pub ticket_issuer: PublicKey,
    /// Key under which typed codes are hashed.
    pub code_key: CodeKey,
    /// The people.
    pub users: Vec<UserRow>,
    /// The stock of bands.
    pub bands: Vec<Band>,
    /// Who holds which band.
    pub associations: Vec<AssociationRow>,
    /// The group policy that holds.
    pub active_group_policy: GroupPolicy,
    /// The group policies that do not hold at present.
    pub other_group_policies: Vec<GroupPolicy>,
    /// The individual policies.
    pub individual_policies: Vec<IndividualPolicy>,
    /// The people with rights at the station.
    pub operators: Vec<OperatorRow>,
    /// The tickets, each with what became of it.
    pub tickets: Vec<(TicketRow, TicketState)>,
}

/// One thing that is wrong with a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisionFault {
    /// Where: a path such as `associations[3].user`, counting from 0, or a line and column.
    pub place: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub fix: String,
}

impl fmt::Display for ProvisionFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.place, self.problem, self.fix)
    }
}

/// Everything that is wrong with a file, at least one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisionFaults(pub Vec<ProvisionFault>);

impl fmt::Display for ProvisionFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(faults) = self;
        let lines: Vec<_> = faults.iter().map(ProvisionFault::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for ProvisionFaults {}

/// Reads and checks a file in one step.
pub fn load(text: &str) -> Result<Provision, ProvisionFaults> {
    ProvisionFile::parse(text)?.check(digest_of(text))
}

fn digest_of(text: &str) -> [u8; 32] {
    use sha2::Digest;
    sha2::Sha256::digest(text.as_bytes()).into()
}
