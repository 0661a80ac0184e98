//! The station's radio over the unmodified btleplug, against the BlueZ double.
//!
//! btleplug finds its bus through the environment, so each test runs a radio in a process of its own: this
//! test binary again, playing [`station`]'s part (see `child`). Commands go in and events come out as JSON
//! lines. Nothing sleeps: a test waits for the next event, and a watchdog ends a test that waits in vain.

mod adapter;
mod child;
mod echo;
mod links;
mod scan;
mod station;
