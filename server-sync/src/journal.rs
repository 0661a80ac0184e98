//! How a station's journal reaches the console.
//!
//! The station's [`Outbox`] sends what follows the last place on which both ends agreed; the console's
//! [`receive`] compares, says what to append, and acknowledges what is stored. An entry is known by station
//! and sequence, so that sending it again changes nothing, and by its hash, so that a copied or rolled-back
//! station is found out by its first entry that the console has otherwise.

mod batch;
mod outbox;
mod receiver;

pub use batch::{
    Ack, BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, Batch, BatchFault, PushAnswer, PushFault, RECORD_LEN_MAX,
};
pub use outbox::{Outbox, OutboxFault, Want};
pub use receiver::{Line, Received, Standing, receive};
