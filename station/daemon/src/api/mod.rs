//! The local API: what the kiosk page and the command line talk to.

mod convert;
pub mod guard;
pub mod listen;
pub mod model;
pub mod problem;
