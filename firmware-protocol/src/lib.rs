//! What crosses the air between a security band and a station, and how both ends move.
//!
//! This crate refuses to do IO. It opens no socket, reads no clock, draws no random number and
//! allocates only what a message needs. Both ends are state machines that receive bytes, events and
//! time, and give back bytes, events and the next deadline:
//!
//! ```text
//!   handle_input(now, frame)   handle_timeout(now)      what happens to the engine
//!   poll_transmit()  poll_event()  poll_timeout()       what the engine wants
//! ```
//!
//! After each `handle_*` call, drain `poll_event` and `poll_transmit` until both are empty and arm a
//! timer for `poll_timeout`.
//!
//! From the air inward:
//!
//! | module | what it knows |
//! |---|---|
//! | [`advertisement`] | the 31 bytes a band sends before anybody connects |
//! | [`gatt`] | the UUIDs of the service and its three characteristics |
//! | [`frame`] | packets cut to the link's MTU, sequence numbers, acknowledgement, flow control |
//! | [`handshake`] | Noise IX with certificates both ways, the screen code |
//! | [`message`] | every message, once, with its stable number |
//! | [`station`] | the station's end of a session |
//! | [`handler`] | what a band's engine needs of its hardware |
//! | [`band`] | the band's end: sessions, staging, commit, receipts, what it keeps over a power cut |
//! | [`misbehaved`] | a name for every way in which a peer can be wrong |
//!
//! # Growing the protocol
//!
//! A message grows by appending fields with new numbers: receivers skip numbers they do not know and
//! must work without the new field. Numbers are never reused. A change that an old receiver would
//! misunderstand needs a new [`Version`]. The bytes of every message of every version are on file in
//! `tests/bytes/`.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod advertisement;
pub mod band;
mod cbor;
pub mod certificate;
mod crypto;
pub mod frame;
pub mod gatt;
pub mod handler;
pub mod handshake;
pub mod id;
pub mod message;
pub mod misbehaved;
pub mod receipt;
pub mod station;
pub mod time;

pub use crypto::dh_public;

/// A version of the protocol, negotiated in the handshake: the highest that both ends speak.
pub type Version = u8;

/// Oldest version this crate speaks.
pub const VERSION_MIN: Version = 1;
/// Newest version this crate speaks.
pub const VERSION_CURRENT: Version = 1;
