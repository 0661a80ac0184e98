//! The wire and its engines.

mod bytes;
mod chain;
mod compact;
mod feed;
mod inbox;
mod keys;
mod outbox;
mod samples;
mod versions;
