//! The station's side of the sync: joining a console, and keeping in step with it.
//!
//! What is asked, believed, sent and tried again is decided by the engines in `server-sync`; this module
//! carries bytes between them, the network and the database. Everything here may fail for ever without the
//! kiosk noticing: a station works from what it has.

mod address;
mod client;
mod credentials;
mod join;
mod lane;
mod task;
mod tls;
mod view;

pub use address::{Address, AddressFault};
pub use client::{Answer, Connection, Failure};
pub use credentials::{Credentials, Request};
pub use join::{Ask, Report, join};
pub use task::{Parts, run};
pub use tls::{Believed, Pin, client_config, join_config};
