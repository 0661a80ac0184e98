//! What the cryptographic primitives of one enrollment cost when nothing else is done.

use std::hint::black_box;

use ed25519_dalek::{Signer, SigningKey, VerifyingKey};
use x25519_dalek::{PublicKey, StaticSecret, x25519};

use crate::random::Random;

/// The primitives of one enrollment, both ends: six agreements and two ephemeral keys of the handshake,
/// three signatures checked (station's certificate, band's certificate, receipt), one credential key, one
/// receipt signed.
pub(super) struct Primitives {
    secret: [u8; 32],
    public: [u8; 32],
    key: SigningKey,
    verifying: [u8; 32],
    message: [u8; 180],
    signature: ed25519_dalek::Signature,
}

impl Primitives {
    pub(super) fn new() -> Self {
        let mut random = Random::new(7);
        let key = SigningKey::from_bytes(&random.bytes());
        let message = [7; 180];
        Self {
            secret: random.bytes(),
            public: PublicKey::from(&StaticSecret::from(random.bytes::<32>())).to_bytes(),
            verifying: key.verifying_key().to_bytes(),
            signature: key.sign(&message),
            message,
            key,
        }
    }

    /// All of them once.
    pub(super) fn once(&self) {
        for _ in 0..2 {
            black_box(PublicKey::from(&StaticSecret::from(black_box(self.secret))));
        }
        for _ in 0..6 {
            black_box(x25519(black_box(self.secret), black_box(self.public)));
        }
        for _ in 0..3 {
            let key = VerifyingKey::from_bytes(black_box(&self.verifying)).expect("a key");
            black_box(key.verify_strict(&self.message, &self.signature)).expect("a signature");
        }
        black_box(SigningKey::from_bytes(black_box(&self.secret)).verifying_key());
        black_box(self.key.sign(black_box(&self.message)));
    }
}
