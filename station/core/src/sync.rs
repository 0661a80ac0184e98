//! What a station needs to know of its console, without a socket: the token it joins with, and the
//! console's rows in the form in which the station keeps them.

mod rows;
mod token;

pub use rows::{Handles, association_row, operator_row, ticket_row, user_row};
pub use token::{JoinToken, TokenFault, digest_of};
