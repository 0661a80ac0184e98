//! The bodies of the records about the station's console.

use minicbor::{Decode, Encode};

use firmware_protocol::id::{OrganizationId, StationId, Zone};

/// The station joined a console, or joined it again.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Joined {
    /// The organization whose console it is.
    #[n(0)]
    pub organization: OrganizationId,
    /// Which station this is.
    #[n(1)]
    pub station: StationId,
    /// The zone it works in.
    #[n(2)]
    pub zone: Zone,
    /// SHA-256 of the console's authority: the station speaks to nobody else.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub authority: [u8; 32],
    /// The console's life in which it was.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub lineage: [u8; 16],
}

/// Everything the station knew of users and bands was exchanged for what the console says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ReplicaReplaced {
    /// The console's life from which the rows are.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub lineage: [u8; 16],
    /// Replica revision from now on.
    #[n(1)]
    pub revision: u64,
    /// When the rows were true, milliseconds since 1970.
    #[n(2)]
    pub made_at_ms: u64,
    /// Number of users.
    #[n(3)]
    pub users: u32,
    /// Number of bands.
    #[n(4)]
    pub bands: u32,
    /// The rows contain this journal up to here; what came after was applied to them once more.
    #[n(5)]
    pub contains_through: u64,
}

/// Station and console stopped to understand each other, and a person has to look.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SyncStopped {
    /// What stopped.
    #[n(0)]
    pub direction: Direction,
    /// Why, by a stable code.
    #[n(1)]
    pub code: String,
}

/// What goes between a station and its console.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Direction {
    /// The console's rows to the station.
    #[n(0)]
    Feed,
    /// The station's journal to the console.
    #[n(1)]
    Journal,
}

/// The station has new certificates.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CertificateRenewed {
    /// Last second of the one for the console.
    #[n(0)]
    pub not_after_s: u64,
    /// Last second of the one for bands.
    #[n(1)]
    pub air_not_after_s: u64,
}
