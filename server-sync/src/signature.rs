//! Ed25519, strictly.

use ed25519_dalek::{Signature, VerifyingKey};

/// Whether `key` signed these bytes. Small-order keys and malleable signatures are refused.
pub(crate) fn is_by(key: &[u8; 32], bytes: &[u8], signature: &[u8; 64]) -> bool {
    VerifyingKey::from_bytes(key).is_ok_and(|key| {
        key.verify_strict(bytes, &Signature::from_bytes(signature))
            .is_ok()
    })
}
