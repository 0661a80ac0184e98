//! The identity of a journal entry and its bytes.

use std::fmt;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Which station wrote an entry: the sixteen bytes of the id in the station's certificate.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize)]
#[cbor(transparent)]
pub struct StationKey(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

impl fmt::Display for StationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for StationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StationKey({self})")
    }
}

/// SHA-256 over an entry and, through its predecessor's hash, over everything before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize)]
#[cbor(transparent)]
pub struct Hash(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 32]);

impl Hash {
    /// What the first entry of a journal has as its predecessor's hash.
    pub const START: Hash = Hash([0; 32]);

    /// How it begins: enough to see that two hashes differ, where every byte counts.
    pub fn mark(&self) -> [u8; 8] {
        *self.0.first_chunk().expect("a hash has 32 bytes")
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// The identity of an entry everywhere: who wrote it and which one it is. Sending the same identity
/// twice changes nothing at the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RecordId {
    /// The station that wrote the entry.
    pub station: StationKey,
    /// 1 for the first entry of a station, then without gaps.
    pub sequence: u64,
}

/// One journal entry: a record in its place in the chain.
///
/// In CBOR: the array of the fields in the order of their numbers. The hash covers all other fields.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Entry {
    /// The station that wrote it.
    #[n(0)]
    pub station: StationKey,
    /// 1 for the first entry of a station, then without gaps.
    #[n(1)]
    pub sequence: u64,
    /// The date the station believed when it wrote the entry, in milliseconds since 1970. Clocks lie: the
    /// order of entries is that of their sequence, never that of their times.
    #[n(2)]
    pub time_ms: u64,
    /// Hash of the entry before; [`Hash::START`] for the first.
    #[n(3)]
    pub previous: Hash,
    /// The record, CBOR that only the station's own code needs to read.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub record: Vec<u8>,
    /// Hash over the fields above.
    #[n(5)]
    pub hash: Hash,
}

impl Entry {
    /// The entry that continues a journal whose last entry has the sequence and hash given by `head`.
    pub fn following(station: StationKey, head: crate::Head, time_ms: u64, record: Vec<u8>) -> Self {
        let (sequence, previous) = (head.sequence + 1, head.hash);
        let hash = hash_of(station, sequence, time_ms, previous, &record);
        Self {
            station,
            sequence,
            time_ms,
            previous,
            record,
            hash,
        }
    }

    /// The entry's identity.
    pub fn id(&self) -> RecordId {
        RecordId {
            station: self.station,
            sequence: self.sequence,
        }
    }

    /// Whether the hash is the one of the other fields.
    pub fn is_intact(&self) -> bool {
        self.hash
            == hash_of(
                self.station,
                self.sequence,
                self.time_ms,
                self.previous,
                &self.record,
            )
    }
}

/// `SHA-256(context || station || sequence || time || previous || SHA-256(record))`, integers as eight
/// bytes, most significant first. The record enters through its own hash, so that its content can be
/// erased one day without breaking the chain.
fn hash_of(station: StationKey, sequence: u64, time_ms: u64, previous: Hash, record: &[u8]) -> Hash {
    let mut sha = Sha256::new();
    sha.update(b"bandstand journal 1\0");
    sha.update(station.0);
    sha.update(sequence.to_be_bytes());
    sha.update(time_ms.to_be_bytes());
    sha.update(previous.0);
    sha.update(Sha256::digest(record));
    Hash(sha.finalize().into())
}
