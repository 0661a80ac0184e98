//! The station's hands: Bluetooth, SQLite, the local API, the command line.
//!
//! What the station decides and says is in `station-core`; this crate refuses to decide anything. It
//! carries bytes between the radio, the database and the people, and reads the one real clock.

pub mod api;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod doctor;
pub mod eventloop;
pub mod init;
pub mod instance;
pub mod keys;
pub mod kiosk;
pub mod logging;
pub mod pace;
pub mod problem;
pub mod radio;
pub mod seal;
pub mod store;
pub mod sync;
mod systemd;
#[cfg(test)]
mod testing;
