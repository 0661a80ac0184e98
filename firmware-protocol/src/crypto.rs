//! The primitives under the handshake: X25519 (RFC 7748), ChaCha20-Poly1305 (RFC 8439) and SHA-256
//! (FIPS 180-4), behind the traits of the Noise framework. With the feature `ring` the last two come
//! from ring; both give the same bytes, which the tests of this module check against published examples.

use alloc::vec::Vec;

use noise_protocol::{CipherState, DH, HandshakeState, patterns};
use x25519_dalek::{PublicKey, StaticSecret, x25519};

pub(crate) type Handshake = HandshakeState<X25519, ChaChaPoly, Sha256>;
pub(crate) type Cipher = CipherState<ChaChaPoly>;

/// A 32-byte secret: a Diffie-Hellman key or its result.
pub(crate) type Secret = [u8; 32];

/// The initiator's half of Noise_IX; `prologue` binds what was said in clear before it.
pub(crate) fn initiator(prologue: &[u8], dh_secret: Secret, ephemeral: Secret) -> Handshake {
    HandshakeState::new(
        patterns::noise_ix(),
        true,
        prologue,
        Some(dh_secret),
        Some(ephemeral),
        None,
        None,
    )
}

/// The responder's half of Noise_IX.
pub(crate) fn responder(prologue: &[u8], dh_secret: Secret, ephemeral: Secret) -> Handshake {
    HandshakeState::new(
        patterns::noise_ix(),
        false,
        prologue,
        Some(dh_secret),
        Some(ephemeral),
        None,
        None,
    )
}

/// The X25519 public key of a secret.
pub fn dh_public(secret: &Secret) -> [u8; 32] {
    PublicKey::from(&StaticSecret::from(*secret)).to_bytes()
}

/// SHA-256 over the parts, one after the other.
pub(crate) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    use noise_protocol::Hash as _;
    let mut hash = Sha256::default();
    parts.iter().for_each(|part| hash.input(part));
    hash.result()
}

pub(crate) enum X25519 {}

impl DH for X25519 {
    type Key = Secret;
    type Pubkey = [u8; 32];
    type Output = Secret;

    fn name() -> &'static str {
        "25519"
    }

    fn genkey() -> Secret {
        unreachable!("ephemeral keys are always handed in")
    }

    fn pubkey(secret: &Secret) -> [u8; 32] {
        dh_public(secret)
    }

    /// An all-zero result comes only from a peer's low-order point; it is refused (RFC 7748, 6.1).
    fn dh(secret: &Secret, public: &[u8; 32]) -> Result<Secret, ()> {
        let shared = x25519(*secret, *public);
        if shared == [0; 32] { Err(()) } else { Ok(shared) }
    }
}

fn nonce(n: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&n.to_le_bytes());
    nonce
}

pub(crate) enum ChaChaPoly {}

impl noise_protocol::Cipher for ChaChaPoly {
    type Key = Secret;

    fn name() -> &'static str {
        "ChaChaPoly"
    }

    fn encrypt(key: &Secret, n: u64, ad: &[u8], plaintext: &[u8], out: &mut [u8]) {
        out[..plaintext.len()].copy_from_slice(plaintext);
        Self::encrypt_in_place(key, n, ad, out, plaintext.len());
    }

    fn encrypt_in_place(key: &Secret, n: u64, ad: &[u8], in_out: &mut [u8], len: usize) -> usize {
        let (data, tag) = in_out.split_at_mut(len);
        tag[..16].copy_from_slice(&aead::seal(key, &nonce(n), ad, data));
        len + 16
    }

    fn decrypt(key: &Secret, n: u64, ad: &[u8], ciphertext: &[u8], out: &mut [u8]) -> Result<(), ()> {
        let mut copy: Vec<u8> = ciphertext.into();
        let len = Self::decrypt_in_place(key, n, ad, &mut copy, ciphertext.len())?;
        out[..len].copy_from_slice(&copy[..len]);
        Ok(())
    }

    fn decrypt_in_place(key: &Secret, n: u64, ad: &[u8], in_out: &mut [u8], len: usize) -> Result<usize, ()> {
        let plain_len = len.checked_sub(16).ok_or(())?;
        let (data, tag) = in_out[..len].split_at_mut(plain_len);
        aead::open(key, &nonce(n), ad, data, tag)?;
        Ok(plain_len)
    }
}

#[cfg(not(feature = "ring"))]
mod aead {
    use chacha20poly1305::aead::inout::InOutBuf;
    use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, Tag};

    pub(super) fn seal(key: &[u8; 32], nonce: &[u8; 12], ad: &[u8], data: &mut [u8]) -> [u8; 16] {
        ChaCha20Poly1305::new(key.into())
            .encrypt_inout_detached(nonce.into(), ad, InOutBuf::from(data))
            .expect("messages are far below the cipher's limit")
            .into()
    }

    pub(super) fn open(
        key: &[u8; 32],
        nonce: &[u8; 12],
        ad: &[u8],
        data: &mut [u8],
        tag: &[u8],
    ) -> Result<(), ()> {
        let tag = Tag::try_from(tag).map_err(drop)?;
        ChaCha20Poly1305::new(key.into())
            .decrypt_inout_detached(nonce.into(), ad, InOutBuf::from(data), &tag)
            .map_err(drop)
    }
}

#[cfg(feature = "ring")]
mod aead {
    use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, Tag, UnboundKey};

    fn key(bytes: &[u8; 32]) -> LessSafeKey {
        LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, bytes).expect("32 bytes are a key"))
    }

    pub(super) fn seal(bytes: &[u8; 32], nonce: &[u8; 12], ad: &[u8], data: &mut [u8]) -> [u8; 16] {
        let tag = key(bytes)
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(*nonce), Aad::from(ad), data)
            .expect("messages are far below the cipher's limit");
        let mut out = [0; 16];
        out.copy_from_slice(tag.as_ref());
        out
    }

    pub(super) fn open(
        bytes: &[u8; 32],
        nonce: &[u8; 12],
        ad: &[u8],
        data: &mut [u8],
        tag: &[u8],
    ) -> Result<(), ()> {
        let tag: [u8; 16] = tag.try_into().map_err(drop)?;
        key(bytes)
            .open_in_place_separate_tag(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(ad),
                Tag::from(tag),
                data,
                0..,
            )
            .map(drop)
            .map_err(drop)
    }
}

#[cfg(not(feature = "ring"))]
#[derive(Clone, Default)]
pub(crate) struct Sha256(sha2::Sha256);

#[cfg(not(feature = "ring"))]
impl noise_protocol::Hash for Sha256 {
    type Block = [u8; 64];
    type Output = [u8; 32];

    fn name() -> &'static str {
        "SHA256"
    }

    fn input(&mut self, data: &[u8]) {
        sha2::Digest::update(&mut self.0, data);
    }

    fn result(&mut self) -> [u8; 32] {
        sha2::Digest::finalize_reset(&mut self.0).into()
    }
}

#[cfg(feature = "ring")]
#[derive(Clone)]
pub(crate) struct Sha256(ring::digest::Context);

#[cfg(feature = "ring")]
impl Default for Sha256 {
    fn default() -> Self {
        Self(ring::digest::Context::new(&ring::digest::SHA256))
    }
}

#[cfg(feature = "ring")]
impl noise_protocol::Hash for Sha256 {
    type Block = [u8; 64];
    type Output = [u8; 32];

    fn name() -> &'static str {
        "SHA256"
    }

    fn input(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn result(&mut self) -> [u8; 32] {
        let context = core::mem::take(self).0;
        context
            .finish()
            .as_ref()
            .try_into()
            .expect("SHA-256 has 32 bytes")
    }
}

#[cfg(test)]
mod tests;
