//! End to end tests, by feature.

mod fuzz;
mod tidy;
