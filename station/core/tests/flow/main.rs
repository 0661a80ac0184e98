//! The flow against the real session and the real band, on a clock the test owns.

mod anything;
mod breaks;
mod cases;
mod hostile;
mod keys;
mod script;
mod sign_in;
mod store;
mod world;

use proptest::prelude::ProptestConfig;

/// How many random cases are tried: `PROPTEST_CASES` if it is set, for long runs.
fn cases(otherwise: u32) -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|text| text.parse().ok());
    ProptestConfig {
        cases: cases.unwrap_or(otherwise),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
