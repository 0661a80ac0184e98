//! The local API: what the kiosk page and the command line talk to.

mod convert;
mod events;
mod guard;
pub(crate) mod listen;
pub mod model;
mod openapi;
pub(crate) mod problem;
pub(crate) mod routes;
mod shared;

pub(crate) use convert::zone_name;
pub use listen::Doors;
pub use routes::router;
pub(crate) use routes::unknown_enrollment;
pub use shared::{Command, Live, Reply, Shared, SigningIn};

#[cfg(test)]
mod tests;
