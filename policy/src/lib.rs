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
//! | [`facts`] | what is known when somebody asks for a band |
//! | [`decide`] | [`decide()`](decide::decide): may this user have this band? |
//! | [`decision`], [`effects`] | the answer: closed lists with stable codes |
//! | [`facts_json`] | the same question and answer as JSON, for scripts |
//! | [`merge`] | histories of many writers to one state |
//! | [`mismatch`] | what the band says against what is known, and how to repair each difference |
mod codes;
pub mod decide;
pub mod decision;
pub mod effective;
pub mod effects;
pub mod facts;
pub mod facts_json;
pub mod id;
pub mod merge;
pub mod mismatch;
pub mod model;
pub mod settings;
mod situation;
