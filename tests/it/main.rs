//! End to end tests, by feature.

mod crash;
mod fuzz;
mod scenarios;
mod tidy;
mod world;
