//! A band behind a real GATT server: depths 3 and 4.
//!
//! ```text
//!   SimBand ── Peripheral ── [ trouble-host: GATT, ATT, L2CAP ] ── H4 ── a controller
//! ```
//!
//! The host stack is `trouble-host`, which runs on microcontrollers too, so a band here queues, fragments and
//! refuses as firmware does; the engine is the same as everywhere. The controller is whatever speaks H4 over
//! a byte stream: a virtual one in this process, somebody's socket ([`Endpoint`]), or a second USB adapter
//! through the kernel's user channel. Decision 0019.
//!
//! What it does not have: pairing, bonding, long writes, extended advertising, more than one link at a time.
//!
//! | file | what it knows |
//! |---|---|
//! | `port` | the handle on a band, and what both sides of it share |
//! | `host` | advertise, accept, serve, again |
//! | `table` | a layout as attributes |
//! | `transport` | H4 packets, and how many of them the controller still has |
//! | `pool` | packet buffers |
//! | `endpoint` | sockets and adapters |

mod endpoint;
mod host;
mod pool;
mod port;
mod table;
mod transport;

pub use endpoint::{Endpoint, EndpointError, NoEndpoint, Stream};
pub use port::{HciPort, start};
