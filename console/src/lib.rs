//! Where plant IT issues what stations and bands need to trust each other.
//!
//! For now this is a tool that works offline on files; the server takes its place and keeps [`issue`].
//!
//! | module | what it knows |
//! |---|---|
//! | [`ca`] | the private authority: certificates of stations and of their listener |
//! | [`issue`] | what an organization and a manufacturer sign; pure |
//! | [`files`] | the organization's file, the plant's file, and files that only their owner may read |
//! | [`cli`] | the command line |
//! | [`edge`] | the one clock and the one source of randomness here |

pub mod ca;
pub mod cli;
pub mod edge;
pub mod files;
pub mod issue;
