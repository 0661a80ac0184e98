//! Data of the end to end tests lives beside this file; the tests are in `it/`.
