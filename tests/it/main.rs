//! End to end tests, by feature.

mod crash;
mod daemon_crash;
mod daemon_faults;
mod fuzz;
mod kiosk;
mod scenarios;
mod tidy;
mod world;
