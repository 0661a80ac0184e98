//! What the pages of station and console are made of, so that it exists once: [`messages`] of a language,
//! [`assets`] that browsers keep for ever, and codes to scan ([`qr`]).
//!
//! Deliberately absent: templates, words, looks, and anything about what a page is for. Both sides have their own.

pub mod assets;
pub mod messages;
pub mod qr;
