//! Keys by number, made once.

use std::sync::OnceLock;

use ed25519_dalek::{Signer, SigningKey};
use server_sync::Organization;

pub(crate) const COUNT: usize = 64;

fn all() -> &'static [SigningKey] {
    static KEYS: OnceLock<Vec<SigningKey>> = OnceLock::new();
    KEYS.get_or_init(|| {
        (0..COUNT)
            .map(|it| SigningKey::from_bytes(&[it as u8 + 1; 32]))
            .collect()
    })
}

/// The organization's key is the first; the first feed key is the next.
pub(crate) fn public(id: u32) -> [u8; 32] {
    all()[id as usize].verifying_key().to_bytes()
}

pub(crate) fn sign(id: u32, bytes: &[u8]) -> [u8; 64] {
    all()[id as usize].sign(bytes).to_bytes()
}

pub(crate) fn organization() -> Organization {
    Organization::of_key(&public(0))
}
