//! How a station's journal reaches the console.

mod batch;

pub use batch::{
    Ack, BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, Batch, BatchFault, PushAnswer, PushFault, RECORD_LEN_MAX,
};
