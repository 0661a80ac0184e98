//! End to end tests, by feature.
