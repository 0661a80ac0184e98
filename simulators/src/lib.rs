//! Bands, links, worlds and a BlueZ double: Bandstand without hardware, with the real engines.
//!
//! | depth | what runs | module |
//! |---|---|---|
//! | 1 | band engine, link and station flow in one process under one clock that jumps | [`world`] |
//! | 2 | the real daemon and btleplug against bands on a private D-Bus | [`bluez`] |
//! | 3 | the real daemon and btleplug on a real BlueZ and kernel, in a virtual machine | [`machine`], [`air`] |
//! | 3, 4 | bands behind a real GATT server on a controller, virtual or of metal | [`hci`] |
//!
//! [`fleet`] is many sync engines against a console that runs elsewhere.
//!
//! [`browser`] drives a real browser, for tests and measurements of pages.
//!
//! [`ground`] is depth 2 or depth 3, so that one story can be told on both.
//!
//! No second copy of the protocol exists here: faults belong to the link, to the hardware or to the wearer.

pub mod air;
pub mod band;
pub mod bench;
pub mod bluez;
pub mod browser;
pub mod cast;
pub mod demo;
pub mod fleet;
pub mod ground;
pub mod hci;
pub mod link;
pub mod machine;
pub mod pair;
pub mod peripheral;
pub mod plant;
pub mod random;
pub mod signals;
pub mod stage;
pub mod world;
