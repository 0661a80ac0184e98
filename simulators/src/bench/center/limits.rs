//! What the machine allows.

use std::time::Instant;

use anyhow::Result;
use ed25519_dalek::{Signer, SigningKey};

use crate::bench::{Effort, append::Floor, rate};

/// Durable commits of one row per second, plain SQLite on the same disk.
pub(super) fn commits_per_second(floor: &Floor, effort: &Effort) -> Result<f64> {
    let start = Instant::now();
    let mut count = 0_u32;
    while start.elapsed() < effort.slice {
        floor.commit()?;
        count += 1;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

/// Ed25519 signatures of the length of a receipt that one core verifies in a second.
pub(super) fn verifications_per_second(effort: &Effort) -> f64 {
    let key = SigningKey::from_bytes(&[3; 32]);
    let message = [7; 200];
    let signature = key.sign(&message);
    let public = key.verifying_key();
    rate(effort.slice, &mut || {
        let held = public.verify_strict(std::hint::black_box(&message), &signature);
        held.expect("a good signature");
    })
}
