//! Where plant IT keeps users, bands, policies and stations.
//!
//! Pages and the API call [`acts`] and nothing below; an act asks [`access`] whether it may, opens one
//! transaction of [`db`], changes what [`store`] keeps, and writes down in [`audit`] who did it.
//!
//! | module | what it knows |
//! |---|---|
//! | [`acts`] | each thing a person or a program can do |
//! | [`access`] | the one table of roles and actions, limited to sites |
//! | [`problem`] | every way in which the console says no, with stable codes |
//! | [`store`] | what is stored: history and the rows that follow from it, policies, tickets, the change feed |
//! | [`accounts`] | who signs in, and how they show that it is them |
//! | [`pages`] | the console as people see it |
//! | [`audit`] | who did what, in a chain of hashes |
//! | [`vault`] | secrets, sealed |
//! | [`db`] | SQLite and PostgreSQL behind one interface |
//! | [`api`] | the REST API |
//! | [`serve`] | the running console and its listeners |
//! | [`config`] | the configuration |
//! | [`metrics`] | counters |
//! | [`pace`] | how fast one key or one person may ask |
//! | [`clock`] | the one clock |
//! | [`sync`] | what stations talk to |
//! | [`ingest`] | what stations' journals say, proven and folded |
//! | [`ca`] | the private authority: certificates of stations and of their listener |
//! | [`issue`] | what an organization and a manufacturer sign; pure |
//! | [`files`] | the organization's file, the plant's file, and files that only their owner may read |
//! | [`cli`] | the command line |
//! | [`edge`] | the one source of randomness here |

pub mod access;
pub mod accounts;
pub mod acts;
pub mod api;
pub mod audit;
pub mod ca;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod edge;
pub mod files;
pub mod ingest;
pub mod issue;
pub mod metrics;
pub mod pace;
pub mod pages;
pub mod problem;
pub mod serve;
pub mod store;
pub mod sync;
pub mod vault;

#[cfg(test)]
mod testing;
