//! Who may use the console, and how they show that it is them.
//!
//! Passwords are kept as argon2id under a key that is not in the database; links and sessions as digests. What a
//! stranger learns from a refused sign-in is the same for every reason.
//!
//! | module | what it knows |
//! |---|---|
//! | [`password`] | which passwords are accepted, and how they are kept |
//! | [`waits`] | how long whoever guesses has to wait |
//! | [`secret`] | secrets of cookies, links and forms |
//! | [`rows`] | the tables |
//! | [`factor`] | the code beside the password |
//! | [`sign_in`] | from login and password to a session |
//! | [`session`] | who is signed in, for how long |
//! | [`links`] | one-time links, the first administrator's too |
//! | [`acts`] | what administrators do with accounts, and people with their own |

pub mod acts;
pub mod factor;
pub mod links;
pub mod password;
pub mod rows;
pub mod secret;
pub mod session;
pub mod sign_in;
pub mod waits;

pub use links::{first_link, is_nobody_there};
pub use session::{Session, caller, find};
