//! Each thing a person or a program can do, one function each.
//!
//! An act checks its input, asks [`access`](crate::access) whether the caller may, runs in one transaction
//! together with its row in the [`audit`](crate::audit), and returns what it changed. Pages and the API call
//! acts and nothing below them.
