//! The bodies of the journal's records.

use std::fmt;

use firmware_protocol::certificate::{PublicKey, Signed};
use firmware_protocol::id::{AssociationId, OrganizationId, Serial, StationId, UserHandle, Zone};
use firmware_protocol::message::Mode;
use minicbor::{Decode, Encode};

use crate::ticket::TicketId;

/// Ties the records of one attempt of one person together. Chosen by the shell, 16 bytes, used once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct FlowId(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

impl fmt::Display for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for FlowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FlowId({self})")
    }
}

/// The station began to work.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Started {
    /// Version of the station's software.
    #[n(0)]
    pub software: String,
    /// The journal ended without [`Stopped`]: the last run was cut off.
    #[n(1)]
    pub after_crash: bool,
}

/// The station stopped in good order.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Stopped {}

/// Users, bands, policies and keys were loaded.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Provisioned {
    /// Replica revision from now on.
    #[n(0)]
    pub revision: u64,
    /// SHA-256 of the bytes that were loaded.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub digest: [u8; 32],
    /// The organization the station belongs to.
    #[n(2)]
    pub organization: OrganizationId,
    /// Which station this is.
    #[n(3)]
    pub station: StationId,
    /// The zone it works in.
    #[n(4)]
    pub zone: Zone,
    /// Number of users loaded.
    #[n(5)]
    pub users: u32,
    /// Number of bands loaded.
    #[n(6)]
    pub bands: u32,
}

/// The configuration was loaded.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Configured {
    /// SHA-256 of the bytes of the configuration file.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub digest: [u8; 32],
}

/// A person was identified.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Identification {
    /// The attempt that begins.
    #[n(0)]
    pub flow: FlowId,
    /// Who it is.
    #[n(1)]
    pub user: UserHandle,
    /// How that is known.
    #[n(2)]
    pub method: Method,
    /// The ticket, for [`Method::Ticket`] and [`Method::TypedCode`].
    #[n(3)]
    pub ticket: Option<TicketId>,
    /// The operator who is the witness, for [`Method::Vouched`].
    #[n(4)]
    pub operator: Option<String>,
}

/// How a person was identified.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Method {
    /// A signed ticket, read as a QR code.
    #[n(0)]
    Ticket,
    /// The short code of a ticket, typed.
    #[n(1)]
    TypedCode,
    /// An operator vouched with a PIN.
    #[n(2)]
    Vouched,
}

/// The policy was asked.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Decided {
    /// The attempt.
    #[n(0)]
    pub flow: FlowId,
    /// When in the attempt.
    #[n(1)]
    pub moment: Moment,
    /// Who wants the band.
    #[n(2)]
    pub user: UserHandle,
    /// The band.
    #[n(3)]
    pub serial: Serial,
    /// The replica's revision that the facts came from.
    #[n(4)]
    pub revision: u64,
    /// Trusted time of the decision, milliseconds since 1970.
    #[n(5)]
    pub time_ms: u64,
    /// Whether that time could be trusted; if not, the restrictive rules held.
    #[n(6)]
    pub time_trusted: bool,
    /// `allow`, or the stable code of the refusal.
    #[n(7)]
    pub outcome: String,
    /// Which policy decided, as the policy crate names it.
    #[n(8)]
    pub decided_by: String,
    /// The facts the policy was given, as JSON: with them the decision can be made again.
    #[cbor(n(9), with = "minicbor::bytes")]
    pub facts: Vec<u8>,
    /// The stable code of the difference between what the band says and what is known, if they differ.
    #[n(10)]
    pub mismatch: Option<String>,
}

/// The moments at which the policy is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Moment {
    /// A session with the band began; nothing was asked of the person yet.
    #[n(0)]
    FirstContact,
    /// All touches are in; nothing holds yet.
    #[n(1)]
    BeforeCommit,
    /// An open intent was found staged on the band again.
    #[n(2)]
    Resumed,
    /// The band proved an association of which this journal has no intent. Asked is whether it could have been
    /// made: about a band that holds nothing in that zone.
    #[n(3)]
    Recalled,
}

/// A staged association is about to be committed. From here to [`Committed`] or [`RolledBack`] the
/// intent is open, and only the band knows whether the association holds.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Intent {
    /// The attempt.
    #[n(0)]
    pub flow: FlowId,
    /// The association that will hold.
    #[n(1)]
    pub association: AssociationId,
    /// Its holder.
    #[n(2)]
    pub user: UserHandle,
    /// The band.
    #[n(3)]
    pub serial: Serial,
    /// Its zone.
    #[n(4)]
    pub zone: Zone,
    /// The band's epoch it will have.
    #[n(5)]
    pub epoch: u32,
    /// How the wearer proved to be present.
    #[n(6)]
    pub mode: Mode,
    /// The key that the band made for it.
    #[cbor(n(7), with = "minicbor::bytes")]
    pub credential_key: PublicKey,
    /// When, milliseconds since 1970: the date, or the earliest it can have been.
    #[n(8)]
    pub time_ms: u64,
    /// The ticket that is spent by it and freed again if nothing is made.
    #[n(9)]
    pub ticket: Option<TicketId>,
}

/// A band committed an association.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Committed {
    /// The attempt in which the station learned it.
    #[n(0)]
    pub flow: FlowId,
    /// The band's receipt as it came, [`firmware_protocol::receipt::Receipt`] signed.
    #[n(1)]
    pub receipt: Signed,
    /// The band's key that signed it, from the band's certificate.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub band_key: PublicKey,
    /// The receipt was asked for again, because it had not arrived in the session that committed.
    #[n(3)]
    pub recovered: bool,
    /// The band also carries a door credential, by its certificate. Absent in early records: no.
    #[n(4)]
    #[cbor(default)]
    pub seos: bool,
    /// The band's certificate as its manufacturer signed it, so that nobody has to take the station's word for
    /// the band's key. Absent in early records.
    #[n(5)]
    pub band_certificate: Option<Signed>,
}

/// An intent came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RolledBack {
    /// The attempt in which the station learned it.
    #[n(0)]
    pub flow: FlowId,
    /// The intent's association.
    #[n(1)]
    pub association: AssociationId,
    /// The band.
    #[n(2)]
    pub serial: Serial,
    /// Why.
    #[n(3)]
    pub cause: RollbackCause,
    /// The ticket that can be used again.
    #[n(4)]
    pub ticket: Option<TicketId>,
}

/// Why an intent came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum RollbackCause {
    /// The band neither holds it nor waits for its commit, and has committed nothing since.
    #[n(0)]
    NothingMade,
    /// The band has committed something under that epoch or a later one and does not hold it now.
    #[n(1)]
    BandMovedOn,
    /// The policy, asked again, forbade it.
    #[n(2)]
    Policy,
    /// It was too old, or the time too uncertain, to be finished without its person.
    #[n(3)]
    Stale,
    /// Somebody else stands at the station with that band.
    #[n(4)]
    OtherPerson,
    /// The wearer or the band gave up between staging and commit.
    #[n(5)]
    Interrupted,
    /// The person cancelled before the commit was sent.
    #[n(6)]
    Cancelled,
}

impl RollbackCause {
    /// A stable name for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::NothingMade => "nothing_made",
            Self::BandMovedOn => "band_moved_on",
            Self::Policy => "policy",
            Self::Stale => "stale",
            Self::OtherPerson => "other_person",
            Self::Interrupted => "interrupted",
            Self::Cancelled => "cancelled",
        }
    }
}

/// An attempt was refused.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Refused {
    /// The attempt, if it came so far.
    #[n(0)]
    pub flow: Option<FlowId>,
    /// The person, if known.
    #[n(1)]
    pub user: Option<UserHandle>,
    /// The band, if known.
    #[n(2)]
    pub serial: Option<Serial>,
    /// The stable code of the refusal.
    #[n(3)]
    pub code: String,
    /// A number that belongs to the code, such as seconds of a lockout; else 0.
    #[n(4)]
    pub detail: u32,
}

/// A band lost its user data by hand while the station looked.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct UserDataDeleted {
    /// The attempt.
    #[n(0)]
    pub flow: FlowId,
    /// The band.
    #[n(1)]
    pub serial: Serial,
    /// The band's epoch, which stays.
    #[n(2)]
    pub epoch: u32,
    /// The station had asked for it.
    #[n(3)]
    pub asked: bool,
}

/// The wall clock went backward.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ClockBackward {
    /// The latest time seen before, milliseconds since 1970.
    #[n(0)]
    pub floor_ms: u64,
    /// What the clock says now.
    #[n(1)]
    pub clock_ms: u64,
}

/// The wall clock went further ahead than time can have passed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ClockAhead {
    /// The time that was expected, milliseconds since 1970.
    #[n(0)]
    pub expected_ms: u64,
    /// What the clock says.
    #[n(1)]
    pub clock_ms: u64,
}

/// The wall clock is trusted again.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ClockConfirmed {
    /// What the clock said then, milliseconds since 1970.
    #[n(0)]
    pub clock_ms: u64,
    /// The operator who confirmed, or nobody if a trusted source did.
    #[n(1)]
    pub operator: Option<String>,
}

/// A ticket was used.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct TicketSpent {
    /// The ticket.
    #[n(0)]
    pub ticket: TicketId,
    /// The association it was spent for.
    #[n(1)]
    pub association: AssociationId,
}

/// A wrong PIN or a wrong code.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SecretFailed {
    /// What was tried.
    #[n(0)]
    pub secret: SecretKind,
    /// The operator whose PIN it was.
    #[n(1)]
    pub operator: Option<String>,
    /// Failures in a row, this one included.
    #[n(2)]
    pub in_a_row: u32,
    /// No attempt counts before this time, milliseconds since 1970; 0 if the next one counts at once.
    #[n(3)]
    pub blocked_until_ms: u64,
}

/// What somebody tried to guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum SecretKind {
    /// An operator's PIN.
    #[n(0)]
    Pin,
    /// A typed ticket code.
    #[n(1)]
    Code,
}

/// Refusals that were counted and not written one by one, because there were too many.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RefusalsCounted {
    /// When the first of them happened, milliseconds since 1970.
    #[n(0)]
    pub first_ms: u64,
    /// When the last of them happened.
    #[n(1)]
    pub last_ms: u64,
    /// How many.
    #[n(2)]
    pub count: u64,
}

/// An open intent was given up by an operator, because its band will not come back. Whether the band holds the
/// association, nobody knows: its ticket stays spent.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct IntentClosed {
    /// The intent's association.
    #[n(0)]
    pub association: AssociationId,
    /// The band.
    #[n(1)]
    pub serial: Serial,
    /// Who gave it up.
    #[n(2)]
    pub operator: String,
}

/// A band proved an association that this station did not intend, and the policy would not have allowed it. No
/// row was changed by it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Quarantined {
    /// The attempt in which the station learned it.
    #[n(0)]
    pub flow: FlowId,
    /// The band.
    #[n(1)]
    pub serial: Serial,
    /// The band's receipt as it came.
    #[n(2)]
    pub receipt: Signed,
    /// The band's key that signed it, from the band's certificate.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub band_key: PublicKey,
    /// The stable code of why not.
    #[n(4)]
    pub code: String,
}
