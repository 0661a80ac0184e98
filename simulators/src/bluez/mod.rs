//! A BlueZ double: the unmodified daemon and its unmodified Bluetooth library, without Bluetooth.
//!
//! ```text
//!   station daemon ── btleplug ── D-Bus ── [ org.bluez ── adapter ── link ── Peripheral ]
//!                                   │        \_____________ the double, one thread ____/
//!                             dbus-daemon of our own
//! ```
//!
//! [`Double::start`] starts a private `dbus-daemon` and takes the name `org.bluez` on it. A client finds it
//! through the environment variable `DBUS_SYSTEM_BUS_ADDRESS`. The double behaves as BlueZ 5.66 on Linux 6.1
//! was measured to behave, with its oddities, and breaks on demand in the ways that real radios do.
//!
//! What it does not have: pairing, several adapters, classic Bluetooth, GATT servers on the station's side,
//! air time shared between links, retransmissions. Long writes are refused.
//!
//! | file | what it knows |
//! |---|---|
//! | `bus` | the private dbus-daemon |
//! | `wire` | one D-Bus connection on a tokio socket |
//! | `driver` | the thread, the clock, the loop; `double` holds its handles |
//! | `world` | everything else, without IO |
//! | `objects` | the object tree, properties, introspection |
//! | `adapter`, `device`, `gatt` | the methods of their interfaces |
//! | `connection`, `link` | ATT on a link, and the pace of its connection events |
//! | `band`, `layout`, `disturbance` | what is on the air, its GATT table, what happens to single values |

mod adapter;
mod address;
mod band;
mod bus;
mod config;
mod connection;
mod device;
mod disturbance;
mod double;
mod driver;
mod gatt;
#[cfg(test)]
mod habits;
mod layout;
mod link;
mod message;
mod objects;
mod wire;
mod world;

pub use address::{Address, NoAddress};
pub use bus::{BusError, PrivateBus};
pub use config::{BandConfig, Counters, DoubleConfig, Fault};
pub use disturbance::Disturbance;
pub use double::{BandPort, Double, StartError};
pub use layout::{Characteristic, Layout, Role, Service};
pub use link::Pace;
