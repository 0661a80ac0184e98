//! What a station's journal looks like to anybody who is not that station.
//!
//! This crate opens no socket, reads no clock and stores nothing. It also sends nothing yet: the
//! outbox and inbox engines do not exist. What exists is the part that must never change under them,
//! because it is already being written to disks:
//!
//! - [`record`]: the identity of a journal entry, its place in the hash chain, its bytes;
//! - [`chain`]: the check that a run of entries is complete, in order and unchanged.
//!
//! An entry carries its record as bytes. Their meaning belongs to the station
//! (`station_core::journal`); an entry can be stored, passed on and verified by someone who does not
//! know the kind of record in it.
pub mod chain;
pub mod record;

pub use chain::{ChainFault, ChainVerifier, Head, verify};
pub use record::{Entry, Hash, RecordId, StationKey};
