//! The station without hands.
//!
//! This crate refuses to do IO. It opens no socket and no file, reads no clock, draws no random number and
//! runs no task. It decides what a station does; a shell around it has the radio, the database, the screen
//! and the clocks.
//!
//! | module | what it knows |
//! |---|---|
//! | [`enrollment`] | the flow of one person with one band |
//! | [`sign_in`] | the flow of an operator who signs in by the own band |
//! | [`ticket`] | who stands at the station, and how often somebody may guess |
//! | [`journal`] | what is written down before anybody is told, and the chain it hangs on |
//! | [`replica`] | the rows a station stores, and how records change them |
//! | [`provision`] | the file a station starts with |
//! | [`clock`] | time that never extends a permission |
//! | [`sync`] | the token by which a station joins, and the console's rows as the station keeps them |
//! | [`label`] | what a band writes on its screen |
//! | [`convert`] | between what bands say and what the policy speaks of |
pub mod clock;
pub mod convert;
pub mod enrollment;
pub mod journal;
pub mod label;
pub mod provision;
pub mod replica;
pub mod sign_in;
pub mod sync;
pub mod ticket;
