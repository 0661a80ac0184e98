//! What is stored, one file per thing. Everything here runs inside a transaction that an act opened; nothing
//! here asks who may do it.

pub mod associations;
pub mod backup;
pub mod bands;
pub mod feed;
pub mod history;
pub mod keys;
pub mod policies;
pub mod query;
pub mod settings;
pub mod tickets;
pub mod users;
