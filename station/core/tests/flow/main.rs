//! The flow against the real session and the real band, on a clock the test owns.

mod breaks;
mod cases;
mod hostile;
mod keys;
mod store;
mod world;
