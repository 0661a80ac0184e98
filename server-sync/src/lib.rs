//! What stations and the console say to each other.
//!
//! This crate opens no socket, reads no clock, draws no random number and stores nothing. What crosses the
//! wire is here once, with its numbers; so are the engines at both ends, which are handed the time and say
//! what to send and what to store.
//!
//! | module | what it knows |
//! |---|---|
//! | [`record`], [`chain`] | a journal entry, its place in the hash chain, and the check of a run of them |
//! | [`feed`] | console to station: rows, pages, who may sign them |
//! | [`journal`] | station to console: batches of entries, and the answer |
//! | [`join`] | how a station becomes one of the console's |
//! | [`health`] | what a station says of its own state |
//! | [`backoff`] | when to try again |
//! | [`version`] | which version of the wire two ends speak |
//! | [`id`] | organizations, lineages, revisions |
//!
//! An entry carries its record as bytes. Their meaning belongs to the station
//! (`station_core::journal`); an entry can be stored, passed on and verified by someone who does not
//! know the kind of record in it.
pub mod backoff;
mod cbor;
pub mod chain;
pub mod feed;
pub mod health;
pub mod id;
pub mod join;
pub mod journal;
pub mod record;
mod signature;
pub mod version;

pub use backoff::{Backoff, Moment};
pub use chain::{ChainFault, ChainVerifier, Head, verify};
pub use id::{Lineage, Organization, Revision};
pub use record::{Entry, Hash, RecordId, StationKey};
pub use version::{NoCommonVersion, Version, Versions};
