//! What a station says of its own state.
//!
//! A report is a map of numbers: a console shows what it knows and skips the rest, a station leaves out what it
//! cannot say.

use minicbor::{Decode, Encode};

use crate::cbor;
use crate::id::{Lineage, Revision};
use crate::join::Fingerprint;
use crate::version::Versions;

/// Most bytes of a report.
pub const HEALTH_LEN_MAX: usize = 4096;

/// How a station is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Health {
    /// Version of the station's software.
    #[n(0)]
    pub software: String,
    /// Versions of the wire it speaks.
    #[n(1)]
    pub versions: Option<Versions>,
    /// Seconds since the daemon started.
    #[n(2)]
    pub uptime_s: u64,
    /// The wall time it believes, milliseconds since 1970.
    #[n(3)]
    pub time_ms: u64,
    /// Whether that time can be trusted.
    #[n(4)]
    pub clock: ClockState,
    /// The Bluetooth adapter.
    #[n(5)]
    pub adapter: AdapterState,
    /// Lineage of the replica.
    #[n(6)]
    pub lineage: Option<Lineage>,
    /// Revision of the replica.
    #[n(7)]
    pub revision: Option<Revision>,
    /// When the replica was true, milliseconds since 1970.
    #[n(8)]
    pub replica_made_at_ms: Option<u64>,
    /// Sequence of the last journal entry.
    #[n(9)]
    pub journal_head: u64,
    /// Sequence of the last entry that the console acknowledged.
    #[n(10)]
    pub journal_acked: u64,
    /// Why the journal is not sent, by a stable code; absent if it is.
    #[n(11)]
    pub outbox_stopped: Option<String>,
    /// Why the feed is not taken, by a stable code; absent if it is.
    #[n(12)]
    pub inbox_stopped: Option<String>,
    /// Free bytes where the database is.
    #[n(13)]
    pub disk_free_bytes: Option<u64>,
    /// When the certificate for the console ends, seconds since 1970.
    #[n(14)]
    pub certificate_not_after_s: Option<u64>,
    /// When the certificate for the air ends, seconds since 1970.
    #[n(15)]
    pub air_certificate_not_after_s: Option<u64>,
    /// Intents whose band has not answered yet.
    #[n(16)]
    pub open_intents: u32,
    /// Associations made since the daemon started.
    #[n(17)]
    pub committed: u64,
    /// Attempts refused since the daemon started.
    #[n(18)]
    pub refused: u64,
    /// The authority that issued its certificate for the console, and that it takes the console by: the newest
    /// that it trusts.
    #[n(19)]
    pub authority: Option<Fingerprint>,
}

/// Whether a station's time can be trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum ClockState {
    /// It can.
    #[n(0)]
    #[default]
    Trusted,
    /// It went backward.
    #[n(1)]
    Backward,
    /// It went ahead further than time can have passed.
    #[n(2)]
    Ahead,
}

/// A station's Bluetooth adapter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum AdapterState {
    /// Ready.
    #[n(0)]
    #[default]
    Ready,
    /// Switched off.
    #[n(1)]
    Off,
    /// Not there.
    #[n(2)]
    Absent,
    /// BlueZ does not run.
    #[n(3)]
    BluezDown,
    /// The system bus does not run.
    #[n(4)]
    BusDown,
    /// The daemon may not use it.
    #[n(5)]
    NoPermission,
}

impl Health {
    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        cbor::to_bytes(self)
    }

    /// Reads a report; `None` if these bytes are not one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > HEALTH_LEN_MAX {
            return None;
        }
        cbor::from_bytes(bytes)
    }
}
