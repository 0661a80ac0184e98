//! The kiosk's page: what a worker with gloves and an operator in a hurry stand before.
//!
//! The daemon holds the one session of the page (`session`, a state machine without hands) and draws each of its
//! screens as HTML (`views`, `words`). A browser on the same machine is a window on it: it shows what it is sent,
//! sends back what somebody pressed, and knows nothing that is not on the screen (decision 0043).
//!
//! `seat` says which of several windows is the one that counts, `task` joins all of it to the event loop, and
//! `routes` and `guard` are the door, which lets in a browser on this machine and no web page of anybody else.

mod act;
mod assets;
mod door;
mod guard;
mod name;
mod routes;
mod scan;
mod seat;
mod session;
mod task;
mod views;
mod words;

pub use door::KioskDoor;
pub use name::SCREENS;
pub use task::{Kiosk, Parts};
pub use words::Words;
