//! The tests of the protocol: stories of a band and a station, properties under a hostile link, the exact
//! bytes of everything, and one session printed byte by byte.

mod bytes;
mod pair;
mod properties;
mod session;
mod stories;
