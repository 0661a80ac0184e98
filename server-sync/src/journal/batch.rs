//! A run of journal entries on its way, and the console's answer.

use minicbor::{Decode, Encode};

use crate::cbor;
use crate::chain::Head;
use crate::id::Lineage;
use crate::record::{Entry, Hash, StationKey};
use crate::version::Versions;

/// Most entries of one batch.
pub const BATCH_ENTRIES_MAX: usize = 512;
/// Most bytes of a batch: a receiver reads no more, before or after decompression.
pub const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// Most bytes of one record. The longest that a station writes is shorter than 16 KiB.
pub const RECORD_LEN_MAX: usize = 64 * 1024;

/// Entries of one station, each following the one before.
///
/// On the wire an entry is its time and its record; station, sequence and hashes follow from the head before
/// the first, and the hash of the last proves that both ends computed the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Whose journal.
    pub station: StationKey,
    /// The place that the first entry continues.
    pub after: Head,
    /// The entries, at least one, without a gap.
    pub entries: Vec<Entry>,
}

/// The form on the wire.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Wire {
    #[n(0)]
    station: StationKey,
    #[n(1)]
    after: u64,
    #[n(2)]
    previous: Hash,
    #[n(3)]
    items: Vec<Item>,
    #[n(4)]
    last: Hash,
}

#[derive(Encode, Decode)]
struct Item {
    #[n(0)]
    time_ms: u64,
    #[cbor(n(1), with = "minicbor::bytes")]
    record: Vec<u8>,
}

/// Why bytes are not a batch, or entries do not make one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum BatchFault {
    /// Not a batch, or cut off.
    #[error("not a batch of journal entries")]
    Malformed,
    /// No entry in it.
    #[error("a batch without entries")]
    Empty,
    /// More bytes or entries than a batch may have, or a record that is too long.
    #[error("a batch of more than {BATCH_ENTRIES_MAX} entries or {BATCH_BYTES_MAX} bytes")]
    TooLarge,
    /// The entries are not what they were when they were written, or not in order.
    #[error("entries {first} to {last} are not what was written")]
    Changed {
        /// Sequence of the first of them.
        first: u64,
        /// Sequence of the last.
        last: u64,
    },
}

impl Batch {
    /// Sequence of the last entry.
    pub fn through(&self) -> u64 {
        self.entries
            .last()
            .map_or(self.after.sequence, |entry| entry.sequence)
    }

    /// The place after its last entry.
    pub fn head(&self) -> Head {
        self.entries.last().map_or(self.after, |entry| Head {
            sequence: entry.sequence,
            hash: entry.hash,
        })
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let items = self.entries.iter().map(|entry| Item {
            time_ms: entry.time_ms,
            record: entry.record.clone(),
        });
        cbor::to_bytes(&Wire {
            station: self.station,
            after: self.after.sequence,
            previous: self.after.hash,
            items: items.collect(),
            last: self.head().hash,
        })
    }

    /// Reads a batch. Every entry of it is intact and continues the one before, or it is refused as a whole.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BatchFault> {
        if bytes.len() > BATCH_BYTES_MAX {
            return Err(BatchFault::TooLarge);
        }
        let wire: Wire = cbor::from_bytes(bytes).ok_or(BatchFault::Malformed)?;
        if wire.items.is_empty() {
            return Err(BatchFault::Empty);
        }
        if wire.items.len() > BATCH_ENTRIES_MAX
            || wire.items.iter().any(|it| it.record.len() > RECORD_LEN_MAX)
        {
            return Err(BatchFault::TooLarge);
        }
        wire.chained()
    }
}

impl Wire {
    /// Computes what was not sent and compares the end.
    fn chained(self) -> Result<Batch, BatchFault> {
        let after = Head {
            sequence: self.after,
            hash: self.previous,
        };
        let count = self.items.len() as u64;
        let through = after
            .sequence
            .checked_add(count)
            .filter(|it| *it <= i64::MAX as u64);
        let last = through.ok_or(BatchFault::Malformed)?;
        let mut head = after;
        let link = |item: Item| {
            let entry = Entry::following(self.station, head, item.time_ms, item.record);
            head = Head {
                sequence: entry.sequence,
                hash: entry.hash,
            };
            entry
        };
        let entries: Vec<Entry> = self.items.into_iter().map(link).collect();
        if head.hash != self.last {
            return Err(BatchFault::Changed {
                first: after.sequence + 1,
                last,
            });
        }
        Ok(Batch {
            station: self.station,
            after,
            entries,
        })
    }
}

/// The console has everything of this station's journal up to here, durably.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(map)]
pub struct Ack {
    /// In which life of the console.
    #[n(0)]
    pub lineage: Lineage,
    /// Sequence of the last entry it has; 0 for none.
    #[n(1)]
    pub through: u64,
    /// That entry's hash; [`Hash::START`] for none.
    #[n(2)]
    pub hash: Hash,
}

impl Ack {
    /// The place after the last entry the console has.
    pub fn head(&self) -> Head {
        Head {
            sequence: self.through,
            hash: self.hash,
        }
    }
}

/// What the console answers to a batch.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum PushAnswer {
    /// It is stored, all of it.
    #[n(0)]
    Ack(#[n(0)] Ack),
    /// It is not, and why.
    #[n(1)]
    Refused(#[n(0)] PushFault),
}

impl PushAnswer {
    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        cbor::to_bytes(self)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) wrote.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        cbor::from_bytes(bytes)
    }
}

/// Why the console did not store a batch. The station keeps its entries in every case.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, thiserror::Error)]
pub enum PushFault {
    /// Not a batch. Sending the same again will not help.
    #[n(0)]
    #[error("this is not a batch of journal entries")]
    Malformed,
    /// The entries in it are not what was written.
    #[n(1)]
    #[error("the entries from {first} on are not what was written")]
    Changed {
        /// Sequence of the first of them.
        #[n(0)]
        first: u64,
    },
    /// Too many bytes or entries at once.
    #[n(2)]
    #[error("a batch may have {entries_max} entries and {bytes_max} bytes")]
    TooLarge {
        /// Most entries.
        #[n(0)]
        entries_max: u32,
        /// Most bytes.
        #[n(1)]
        bytes_max: u32,
    },
    /// Entries before the first of the batch are missing at the console. Go on after `ack`.
    #[n(3)]
    #[error("the console has the journal up to {} only", ack.through)]
    Gap {
        /// What the console has.
        #[n(0)]
        ack: Ack,
    },
    /// The console has other entries under these numbers: this station was copied or rolled back, or its
    /// copy was here before. Nothing more is taken under this identity until an administrator settled it.
    #[n(4)]
    #[error("the console has another entry {sequence} of this station: it was copied or rolled back")]
    Fork {
        /// From here on the console keeps the entries of the batch for a person to look at. Where this is not
        /// after the place that the batch continues, that place itself is in doubt: older entries would tell
        /// where the two part.
        #[n(0)]
        sequence: u64,
    },
    /// The certificate is of one station, the entries are of another.
    #[n(5)]
    #[error("these entries were written by station {found}")]
    OtherStation {
        /// Who wrote them.
        #[n(0)]
        found: StationKey,
    },
    /// An administrator revoked this station.
    #[n(6)]
    #[error("an administrator revoked this station")]
    Revoked,
    /// No version of the wire in common.
    #[n(7)]
    #[error("the console speaks versions {console} of the wire")]
    Version {
        /// What the console speaks.
        #[n(0)]
        console: Versions,
    },
    /// The console cannot store anything now. Nothing is wrong with the batch.
    #[n(8)]
    #[error("the console is busy; try again")]
    Busy,
    /// An entry says what cannot be: a receipt that its band never signed, a record that no station writes.
    /// Nothing more is taken until an administrator settled it.
    #[n(9)]
    #[error("the console keeps entry {sequence} and what follows for an administrator: {code}")]
    Quarantined {
        /// The first of the entries in doubt.
        #[n(0)]
        sequence: u64,
        /// What is wrong with it, by a stable code.
        #[n(1)]
        code: String,
    },
}

impl PushFault {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Malformed => "batch_malformed",
            Self::Changed { .. } => "batch_changed",
            Self::TooLarge { .. } => "batch_too_large",
            Self::Gap { .. } => "journal_gap",
            Self::Fork { .. } => "journal_fork",
            Self::OtherStation { .. } => "other_station",
            Self::Revoked => "station_revoked",
            Self::Version { .. } => "no_common_version",
            Self::Busy => "console_busy",
            Self::Quarantined { .. } => "station_quarantined",
        }
    }
}
