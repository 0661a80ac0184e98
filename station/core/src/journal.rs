//! What a station writes down before it tells anybody.
//!
//! A record is one fact. Records that belong to one promise are appended in one transaction together
//! with the [`Change`](crate::replica::Change)s of the stored rows; each record becomes one
//! [`Entry`] of the hash chain. Records name people, operators, bands and tickets by their ids and never
//! by their names, so that a journal can be shown to anybody who may see that something happened.
//!
//! In CBOR a record is `[version, kind, body]`; the body is a map with small integer keys. Kinds and keys
//! are never reused. Readers skip keys they do not know. The bytes of every kind are on file in
//! `tests/bytes/`, and every file there must be readable for ever.

mod console;
mod records;

pub use console::*;
pub use records::*;
pub use server_sync::{ChainFault, ChainVerifier, Entry, Hash, Head, RecordId, StationKey, verify};

use firmware_protocol::id::StationId;

/// Version of the form `[version, kind, body]`.
pub const JOURNAL_VERSION: u8 = 1;

/// Why bytes are not a journal record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not an array of version, kind and body.
    #[error("not a journal record")]
    Malformed,
    /// Written by a newer station in a form this one does not read.
    #[error("a journal record of version {0}, this station reads version {JOURNAL_VERSION}")]
    Version(u8),
    /// A kind this station does not know.
    #[error("a journal record of the unknown kind {0}")]
    UnknownKind(u8),
    /// A known kind with a body that is not its own.
    #[error("a journal record of kind {0} with a damaged body")]
    Body(u8),
}

/// The id of a station as journal entries carry it.
pub fn station_key(station: StationId) -> StationKey {
    StationKey(station.0)
}

/// Chains `records` behind `head` at the wall time `time_ms`. Returns the entries to store and the
/// new head.
pub fn chain(
    station: StationKey,
    mut head: Head,
    time_ms: u64,
    records: &[JournalRecord],
) -> (Vec<Entry>, Head) {
    let link = |record: &JournalRecord| {
        let entry = Entry::following(station, head, time_ms, record.encode());
        head = Head {
            sequence: entry.sequence,
            hash: entry.hash,
        };
        entry
    };
    let entries = records.iter().map(link).collect();
    (entries, head)
}

/// How the bytes of every record of a kind begin: an array of three, the version, the kind. With it records of one
/// kind are found without reading the others. Kinds beyond 23 begin otherwise.
pub const fn record_prefix(kind: u8) -> [u8; 3] {
    assert!(kind < 24, "a kind of one byte");
    [0x83, JOURNAL_VERSION, kind]
}

/// Declares the closed list of records with their stable kinds and names.
macro_rules! journal_records {
    ($($(#[$doc:meta])* $kind:literal $name:literal $variant:ident,)*) => {
        /// One fact in a station's journal.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum JournalRecord { $($(#[$doc])* $variant($variant),)* }

        $(impl From<$variant> for JournalRecord {
            fn from(body: $variant) -> Self {
                Self::$variant(body)
            }
        })*

        impl JournalRecord {
            /// Every kind with its stable name, in the order of the kinds.
            pub const KINDS: &'static [(u8, &'static str)] = &[$(($kind, $name),)*];

            /// The record's stable number.
            pub fn kind(&self) -> u8 {
                match self { $(Self::$variant(_) => $kind,)* }
            }

            /// The record's stable name for programs.
            pub fn name(&self) -> &'static str {
                match self { $(Self::$variant(_) => $name,)* }
            }

            /// `[version, kind, body]` in CBOR.
            pub fn encode(&self) -> Vec<u8> {
                match self { $(Self::$variant(body) => to_cbor(&(JOURNAL_VERSION, $kind as u8, body)),)* }
            }

            /// Reads what [`encode`](Self::encode) wrote in this or an earlier release.
            pub fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
                let mut decoder = minicbor::Decoder::new(bytes);
                let kind = read_kind(&mut decoder)?;
                let record = match kind {
                    $($kind => Self::$variant(decoder.decode().map_err(|_| RecordError::Body(kind))?),)*
                    _ => return Err(RecordError::UnknownKind(kind)),
                };
                if decoder.position() != bytes.len() {
                    return Err(RecordError::Body(kind));
                }
                Ok(record)
            }
        }
    };
}

journal_records! {
    /// The station began to work.
    1 "started" Started,
    /// The station stopped in good order.
    2 "stopped" Stopped,
    /// Users, bands, policies and keys were loaded.
    3 "provisioned" Provisioned,
    /// The configuration was loaded.
    4 "configured" Configured,
    /// A person was identified.
    5 "identified" Identification,
    /// The policy was asked.
    6 "decided" Decided,
    /// A staged association is about to be committed.
    7 "intent" Intent,
    /// A band committed an association; the receipt is here.
    8 "committed" Committed,
    /// An intent came to nothing.
    9 "rolled_back" RolledBack,
    /// An attempt was refused.
    10 "refused" Refused,
    /// A band lost its user data by hand while the station looked.
    11 "user_data_deleted" UserDataDeleted,
    /// The wall clock went backward.
    12 "clock_backward" ClockBackward,
    /// A ticket was used.
    13 "ticket_spent" TicketSpent,
    /// An operator typed a wrong PIN, or somebody a wrong code.
    14 "secret_failed" SecretFailed,
    /// Refusals that were counted and not written one by one.
    15 "refusals_counted" RefusalsCounted,
    /// The wall clock is trusted again, by order of an operator or of an administrator.
    16 "clock_confirmed" ClockConfirmed,
    /// The wall clock went further ahead than time can have passed.
    17 "clock_ahead" ClockAhead,
    /// An operator gave up an open intent whose band does not come back.
    18 "intent_closed" IntentClosed,
    /// A band proved an association that was neither intended here nor allowed.
    19 "quarantined" Quarantined,
    /// The station joined a console.
    20 "joined" Joined,
    /// Users, bands and policies were exchanged for what the console says.
    21 "replica_replaced" ReplicaReplaced,
    /// Station and console stopped to understand each other.
    22 "sync_stopped" SyncStopped,
    /// The station has new certificates.
    23 "certificate_renewed" CertificateRenewed,
}

/// The latest time a station has believed, after one more entry: what the clock starts from after a
/// restart (see [`TrustedClock::new`](crate::clock::TrustedClock::new)). Only the confirmation of the clock
/// by a person brings it back.
pub fn floor_after(floor_ms: u64, entry: &Entry) -> u64 {
    match JournalRecord::decode(&entry.record) {
        Ok(JournalRecord::ClockConfirmed(confirmed)) => confirmed.clock_ms,
        _ => floor_ms.max(entry.time_ms),
    }
}

fn read_kind(decoder: &mut minicbor::Decoder<'_>) -> Result<u8, RecordError> {
    if decoder.array().map_err(|_| RecordError::Malformed)? != Some(3) {
        return Err(RecordError::Malformed);
    }
    let version = decoder.u8().map_err(|_| RecordError::Malformed)?;
    if version != JOURNAL_VERSION {
        return Err(RecordError::Version(version));
    }
    decoder.u8().map_err(|_| RecordError::Malformed)
}

fn to_cbor<T: minicbor::Encode<()>>(value: &T) -> Vec<u8> {
    minicbor::to_vec(value).expect("memory takes everything")
}
