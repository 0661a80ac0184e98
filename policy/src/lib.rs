//! Who may hold which band.
//!
//! This crate refuses to do IO. It reads no clock, draws no random number, opens no file and keeps no
//! state: every question is a function of its arguments, and the moment asked about is one of them.
//!
//! | module | what it knows |
//! |---|---|
//! | [`model`] | users, bands, associations: facts as they are known |
//! | [`settings`] | the policies people write, and what is refused when they are saved |
//! | [`effective`] | the policy that holds for one user, each value with its source |
pub mod effective;
pub mod id;
pub mod model;
pub mod settings;
