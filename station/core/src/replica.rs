//! What a station keeps: rows, and how journal records change them.
//!
//! The shell stores the rows. It applies the [`Change`]s of an append in the same transaction as the
//! journal entries, so that rows and journal never disagree.

mod commit;
mod fold;
mod rows;

pub use commit::{changes_on_commit, changes_on_intent, changes_on_rollback, ticket_state_after};
pub use fold::Rows;
pub use rows::*;
