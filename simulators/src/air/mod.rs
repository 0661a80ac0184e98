//! A radio without radio waves: Bluetooth controllers that hear one another.
//!
//! ```text
//!   real BlueZ in a virtual machine ── H4 ──┐
//!                                           ├── [ controllers ── advertisements, links ── one clock ]
//!   host stack of each band ────── H4 ──────┘
//! ```
//!
//! An [`Air`] has any number of virtual controllers. Each is reached by a stream of HCI packets (H4, as on a
//! serial line), and does for its host what a Bluetooth 4.2 controller with Low Energy alone does: advertise,
//! scan, connect, carry ACL data, notice lost links. What is between the controllers is a model of the link
//! layer: advertising intervals with their random delay, scan windows, connection events, packets and air time
//! per event, supervision timeouts, signal strength per device.
//!
//! What it does not have: encryption, classic Bluetooth, extended advertising, air time shared between the
//! links of one controller, negotiation of packet length or PHY.
//!
//! | file | what it knows |
//! |---|---|
//! | `hci` | the bytes of HCI packets |
//! | `controller` | one controller: its state and the commands that concern it alone |
//! | `link` | one connection and the pace of its events |
//! | `world` | advertisements and links between controllers, without IO |
//! | `driver` | the thread, the clock, the streams; the handles |
//! | `trace` | what crosses one controller's stream, in a file for `btmon` |

mod controller;
mod driver;
mod hci;
mod link;
#[cfg(test)]
mod tests;
mod trace;
mod world;

pub use driver::{Air, Port};
pub use link::Physics;

/// Settings of the whole air.
#[derive(Clone, Debug)]
pub struct AirConfig {
    /// Seed of every random choice: advertising delay, noise of the signal strength.
    pub seed: u64,
    /// What a connection event carries.
    pub physics: Physics,
    /// Signal strength varies by up to so much around a device's own, in dB.
    pub rssi_noise_db: u16,
    /// A scan that drops doubles reports each device once and never again, whatever it advertises later: what the
    /// specification says. Most adapters report again when the data has changed.
    pub strict_doubles: bool,
}

impl Default for AirConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            physics: Physics::default(),
            rssi_noise_db: 3,
            strict_doubles: false,
        }
    }
}

/// What happened on the air since it exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AirCounters {
    /// Advertisements sent.
    pub advertisements: u64,
    /// Links made.
    pub connects: u64,
    /// Links that ended, for whatever reason.
    pub disconnects: u64,
    /// ACL packets that arrived, both directions.
    pub packets: u64,
    /// Commands that no controller knew.
    pub unknown_commands: u64,
    /// Advertisements that a host was not told because it was behind.
    pub reports_dropped: u64,
    /// Controllers that scan right now.
    pub scanning: usize,
}
