//! What the console tells stations: rows, each with its key.
//!
//! In CBOR a row is `[kind, body]`, the body an array of the fields in the order of their numbers; absent
//! fields at its end are left out. Kinds and numbers are never reused. A reader skips fields that it does
//! not know and refuses a kind that it does not know, by its number.

use minicbor::{Decode, Decoder, Encode, Encoder};
use policy::model::{
    Association, AssociationId, Band, BandSerial, EndCause, Ending, PolicyId, StockState, Suspension,
    UnixMillis, User, UserId, UserStatus, Zone,
};

use super::policies::{GroupPolicyRow, IndividualPolicyRow};
use crate::join::Fingerprint;
use crate::record::StationKey;
use crate::version::Version;

/// A person. Notes of administrators do not travel: a station needs to know that somebody is suspended,
/// and not why.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct UserRow {
    /// Who. The key.
    #[cbor(n(0), with = "crate::cbor::text")]
    pub id: UserId,
    /// The name to show; may be empty.
    #[n(1)]
    pub name: String,
    /// The site the person belongs to; empty if there is only one.
    #[n(2)]
    pub site: String,
    /// How the person stands with the plant.
    #[cbor(n(3), with = "crate::cbor::status")]
    pub status: UserStatus,
    /// What a band writes on its screen, if somebody chose it.
    #[n(4)]
    pub label: Option<String>,
    /// Suspended since, milliseconds since 1970.
    #[n(5)]
    pub suspended_since_ms: Option<i64>,
    /// The individual policy this person has.
    #[cbor(n(6), with = "crate::cbor::maybe_text", has_nil)]
    pub policy: Option<PolicyId>,
    /// What bands know of this person; absent if it is the one that is computed from organization and id.
    #[cbor(n(7), with = "minicbor::bytes")]
    pub handle: Option<[u8; 16]>,
}

impl UserRow {
    /// The row of a user about whom the console knows nothing but this.
    pub fn of(user: &User) -> Self {
        Self {
            id: user.id.clone(),
            name: user.name.clone(),
            site: user.site.clone(),
            status: user.status,
            label: None,
            suspended_since_ms: user.suspension.as_ref().map(|suspension| suspension.since.0),
            policy: None,
            handle: None,
        }
    }

    /// What the policy knows of this person.
    pub fn user(&self) -> User {
        User {
            id: self.id.clone(),
            name: self.name.clone(),
            site: self.site.clone(),
            status: self.status,
            suspension: self.suspended_since_ms.map(suspension_since),
        }
    }
}

/// A band.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct BandRow {
    /// The number printed on its back. The key.
    #[cbor(n(0), with = "crate::cbor::text")]
    pub serial: BandSerial,
    /// It also carries a door credential.
    #[n(1)]
    pub seos: bool,
    /// What the plant says about it as a thing.
    #[cbor(n(2), with = "crate::cbor::stock")]
    pub stock: StockState,
}

impl BandRow {
    /// The row of a band.
    pub fn of(band: &Band) -> Self {
        Self {
            serial: band.serial,
            seos: band.seos,
            stock: band.stock,
        }
    }

    /// What the policy knows of this band.
    pub fn band(&self) -> Band {
        Band {
            serial: self.serial,
            seos: self.seos,
            stock: self.stock,
        }
    }
}

/// An association.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AssociationRow {
    /// Which. The key.
    #[cbor(n(0), with = "crate::cbor::association")]
    pub id: AssociationId,
    /// Who holds the band.
    #[cbor(n(1), with = "crate::cbor::text")]
    pub user: UserId,
    /// The band.
    #[cbor(n(2), with = "crate::cbor::text")]
    pub band: BandSerial,
    /// Where.
    #[cbor(n(3), with = "crate::cbor::zone")]
    pub zone: Zone,
    /// The one band the user works with in this zone.
    #[n(4)]
    pub active: bool,
    /// The user's real band, as opposed to one that stands in for it.
    #[n(5)]
    pub primary: bool,
    /// The band's count of commits under which it was made; 0 if not known.
    #[n(6)]
    pub band_epoch: u32,
    /// The key that the band made for it. Left out as long as no station needs it: it is chance, and half of
    /// what a row weighs.
    #[cbor(n(7), with = "minicbor::bytes")]
    pub credential_key: Option<[u8; 32]>,
    /// Temporary, until this moment; milliseconds since 1970.
    #[n(8)]
    pub expires_at_ms: Option<i64>,
    /// Suspended since, by an administrator or by quarantine; milliseconds since 1970.
    #[n(9)]
    pub suspended_since_ms: Option<i64>,
    /// Over.
    #[n(10)]
    pub ended: Option<EndingRow>,
}

/// The end of an association.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct EndingRow {
    /// Why.
    #[cbor(n(0), with = "crate::cbor::end_cause")]
    pub cause: EndCause,
    /// When, milliseconds since 1970.
    #[n(1)]
    pub at_ms: i64,
}

impl AssociationRow {
    /// The row of an association and the key its band made for it.
    pub fn of(association: &Association, credential_key: Option<[u8; 32]>) -> Self {
        let ended = association.ended.map(|ending| EndingRow {
            cause: ending.cause,
            at_ms: ending.at.0,
        });
        Self {
            id: association.id,
            user: association.user.clone(),
            band: association.band,
            zone: association.zone,
            active: association.active,
            primary: association.primary,
            band_epoch: association.band_epoch,
            credential_key,
            expires_at_ms: association.expires_at.map(|at| at.0),
            suspended_since_ms: association.suspension.as_ref().map(|it| it.since.0),
            ended,
        }
    }

    /// What the policy knows of it.
    pub fn association(&self) -> Association {
        Association {
            id: self.id,
            user: self.user.clone(),
            band: self.band,
            zone: self.zone,
            active: self.active,
            primary: self.primary,
            expires_at: self.expires_at_ms.map(UnixMillis),
            suspension: self.suspended_since_ms.map(suspension_since),
            ended: self.ended.map(|ending| Ending {
                cause: ending.cause,
                at: UnixMillis(ending.at_ms),
            }),
            band_epoch: self.band_epoch,
            note: String::new(),
        }
    }
}

fn suspension_since(since_ms: i64) -> Suspension {
    Suspension {
        since: UnixMillis(since_ms),
        note: String::new(),
    }
}

/// The group policy that holds. There is one row of this kind.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ActiveGroupPolicyRow {
    /// Which.
    #[cbor(n(0), with = "crate::cbor::text")]
    pub policy: PolicyId,
}

/// Somebody with rights at stations.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct OperatorRow {
    /// Who, by a short id. The key.
    #[n(0)]
    pub id: String,
    /// The PIN as an argon2id PHC string.
    #[n(1)]
    pub pin: String,
    /// What this operator may do.
    #[n(2)]
    pub rights: Rights,
    /// The user this operator is, if any: nobody vouches for oneself.
    #[cbor(n(3), with = "crate::cbor::maybe_text", has_nil)]
    pub user: Option<UserId>,
}

impl std::fmt::Debug for OperatorRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OperatorRow")
            .field("id", &self.id)
            .field("rights", &self.rights)
            .finish_non_exhaustive()
    }
}

/// What an operator may do: one bit each. Bits that a station does not know give no right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct Rights(#[n(0)] pub u32);

impl Rights {
    /// Say who somebody is.
    pub const VOUCH: Self = Self(1);
    /// Say that the station's clock is right.
    pub const CONFIRM_CLOCK: Self = Self(2);
    /// Close an intent whose band will not come back.
    pub const CLOSE_INTENTS: Self = Self(4);
    /// See how the station is.
    pub const DIAGNOSE: Self = Self(8);
    /// Ask whose a band is.
    pub const CHECK_BANDS: Self = Self(16);

    /// These rights and those.
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// All rights of `other` are among these.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// A ticket.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TicketRow {
    /// Which. The key.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub id: [u8; 16],
    /// Whom it identifies.
    #[cbor(n(1), with = "crate::cbor::text")]
    pub user: UserId,
    /// The site at which it may be used.
    #[n(2)]
    pub site: String,
    /// The zone in which it may be used.
    #[cbor(n(3), with = "crate::cbor::zone")]
    pub zone: Zone,
    /// First second in which it may be used, since 1970.
    #[n(4)]
    pub not_before_s: u64,
    /// Last second in which it may be used.
    #[n(5)]
    pub expires_s: u64,
    /// What became of it, as far as the console knows.
    #[n(6)]
    pub state: TicketState,
    /// Keyed hash of the code that can be typed instead, if there is one.
    #[cbor(n(7), with = "minicbor::bytes")]
    pub code_hash: Option<[u8; 32]>,
    /// The association it was used for, for [`TicketState::Spent`].
    #[cbor(n(8), with = "minicbor::bytes")]
    pub spent_for: Option<[u8; 16]>,
}

/// What became of a ticket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum TicketState {
    /// Nobody has used it.
    #[default]
    #[n(0)]
    Unspent,
    /// It was used.
    #[n(1)]
    Spent,
    /// An administrator took it back.
    #[n(2)]
    Revoked,
}

/// A key that stations need. Feed keys are not among them: see [`KeyList`](super::KeyList).
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct KeyRow {
    /// What it is for. Part of the key of the row.
    #[n(0)]
    pub kind: KeyKind,
    /// Which of its kind. Part of the key of the row.
    #[n(1)]
    pub id: u32,
    /// Its bytes: the public key, or for [`KeyKind::Code`] the secret.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub bytes: [u8; 32],
    /// It is in use from this moment on, milliseconds since 1970.
    #[n(3)]
    pub not_before_ms: u64,
    /// Nothing made with it from this moment on counts.
    #[n(4)]
    pub retired_at_ms: Option<u64>,
}

impl std::fmt::Debug for KeyRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRow")
            .field("kind", &self.kind)
            .field("id", &self.id)
            .field("not_before_ms", &self.not_before_ms)
            .field("retired_at_ms", &self.retired_at_ms)
            .finish_non_exhaustive()
    }
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum KeyKind {
    /// Ed25519: signs tickets.
    #[n(0)]
    TicketIssuer,
    /// 32 secret bytes: typed codes are hashed under it.
    #[n(1)]
    Code,
    /// Ed25519: signs the certificates of a make of bands.
    #[n(2)]
    Manufacturer,
}

/// What the console wants of a station. A station gets its own row alone.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct StationRow {
    /// Which. The key.
    #[n(0)]
    pub station: StationKey,
    /// What people call it.
    #[n(1)]
    pub name: String,
    /// The site it stands at.
    #[n(2)]
    pub site: String,
    /// The zone it writes.
    #[cbor(n(3), with = "crate::cbor::zone")]
    pub zone: Zone,
    /// How long a poll of the feed is held open when there is nothing to say, in seconds.
    #[n(4)]
    pub hold_s: Option<u16>,
    /// How often the station reports its health, in seconds.
    #[n(5)]
    pub health_every_s: Option<u32>,
    /// The authorities under which the console may answer, the newest last; absent if there was never but one. A
    /// station that trusts others asks for a certificate.
    #[n(6)]
    pub authorities: Option<Vec<Fingerprint>>,
}

/// A row is gone: remove what is stored under its key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RemovedRow {
    /// What kind of row it was: [`Row::kind`].
    #[n(0)]
    pub kind: u8,
    /// Its key: [`RowKey::to_bytes`](super::RowKey::to_bytes).
    #[cbor(n(1), with = "minicbor::bytes")]
    pub key: Vec<u8>,
}

/// Declares the closed list of rows with their stable kinds and names.
macro_rules! rows {
    ($($(#[$doc:meta])* $kind:literal since $since:literal $name:literal $variant:ident($body:ident),)*) => {
        /// One row of the feed.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Row { $($(#[$doc])* $variant($body),)* }

        $(impl From<$body> for Row {
            fn from(body: $body) -> Self {
                Self::$variant(body)
            }
        })*

        impl Row {
            /// Every kind, its stable name, and the version of the wire that brought it.
            pub const KINDS: &'static [(u8, &'static str, Version)] = &[$(($kind, $name, Version($since)),)*];

            /// The row's stable number.
            pub fn kind(&self) -> u8 {
                match self { $(Self::$variant(_) => $kind,)* }
            }

            /// The row's stable name for programs.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)* }
            }

            /// The version of the wire that brought rows of this kind: stations that speak less do not get
            /// it.
            pub fn since(&self) -> Version {
                match self { $(Self::$variant(_) => Version($since),)* }
            }

            fn decode_body(kind: u8, d: &mut Decoder<'_>) -> Result<Self, RowFault> {
                match kind {
                    $($kind => d.decode().map(Self::$variant).map_err(|_| RowFault::Body(kind)),)*
                    _ => Err(RowFault::UnknownKind(kind)),
                }
            }

            /// Appends the row's bytes.
            pub(crate) fn write(&self, out: &mut Vec<u8>) {
                let mut e = Encoder::new(out);
                let head = e.array(2).and_then(|e| e.u8(self.kind()));
                let written = head.and_then(|e| match self { $(Self::$variant(body) => e.encode(body),)* });
                written.map(drop).expect("memory takes everything");
            }
        }
    };
}

rows! {
    /// A person.
    1 since 1 "user" User(UserRow),
    /// A band.
    2 since 1 "band" Band(BandRow),
    /// An association.
    3 since 1 "association" Association(AssociationRow),
    /// A group policy.
    4 since 1 "group_policy" GroupPolicy(GroupPolicyRow),
    /// An individual policy.
    5 since 1 "individual_policy" IndividualPolicy(IndividualPolicyRow),
    /// Which group policy holds.
    6 since 1 "active_group_policy" ActiveGroupPolicy(ActiveGroupPolicyRow),
    /// Somebody with rights at stations.
    7 since 1 "operator" Operator(OperatorRow),
    /// A ticket.
    8 since 1 "ticket" Ticket(TicketRow),
    /// A key.
    9 since 1 "key" Key(KeyRow),
    /// What the console wants of this station.
    10 since 1 "station" Station(StationRow),
    /// A row is gone.
    11 since 1 "removed" Removed(RemovedRow),
}

/// Why bytes are not rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RowFault {
    /// Not an array of kind and body, or cut off.
    #[error("not a row")]
    Malformed,
    /// A kind of row this end does not know: the other end is newer and did not notice.
    #[error("a row of the unknown kind {0}; update this station")]
    UnknownKind(u8),
    /// A known kind with a body that is not its own.
    #[error("a row of kind {0} with a damaged body")]
    Body(u8),
}

impl Row {
    /// The row's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes
    }

    /// Reads rows that follow each other, to the end of `bytes`.
    pub fn read_all(bytes: &[u8]) -> Result<Vec<Self>, RowFault> {
        let mut decoder = Decoder::new(bytes);
        let mut rows = Vec::new();
        while decoder.position() < bytes.len() {
            rows.push(Self::read(&mut decoder)?);
        }
        Ok(rows)
    }

    fn read(d: &mut Decoder<'_>) -> Result<Self, RowFault> {
        if d.array().map_err(|_| RowFault::Malformed)? != Some(2) {
            return Err(RowFault::Malformed);
        }
        let kind = d.u8().map_err(|_| RowFault::Malformed)?;
        Self::decode_body(kind, d)
    }
}
