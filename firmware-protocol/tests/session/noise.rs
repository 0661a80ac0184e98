//! Noise_IX_25519_ChaChaPoly_SHA256 a second time, written from the specification (revision 34) and
//! nothing else, so that the vectors do not merely repeat what the crate under test believes.

use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::{AeadInOut, ChaCha20Poly1305, KeyInit, Tag};
use sha2::{Digest, Sha256};
use x25519_dalek::x25519;

pub(super) fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().into()
}

/// RFC 2104 with SHA-256, for keys of at most 64 bytes.
pub(super) fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let pad = |value: u8| {
        let mut block = [value; 64];
        key.iter().enumerate().for_each(|(i, byte)| block[i] ^= byte);
        block
    };
    let inner = sha256(&[&[&pad(0x36)[..]], parts].concat());
    sha256(&[&pad(0x5c), &inner])
}

/// HKDF of the Noise specification (4.3) with two outputs.
pub(super) fn hkdf(chaining_key: &[u8; 32], input: &[u8]) -> ([u8; 32], [u8; 32]) {
    let temp = hmac(chaining_key, &[input]);
    let first = hmac(&temp, &[&[1]]);
    let second = hmac(&temp, &[&first, &[2]]);
    (first, second)
}

fn nonce(n: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&n.to_le_bytes());
    nonce
}

pub(super) fn seal(key: &[u8; 32], n: u64, ad: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let mut data = plaintext.to_vec();
    let tag = ChaCha20Poly1305::new(key.into())
        .encrypt_inout_detached(&nonce(n).into(), ad, InOutBuf::from(&mut data[..]))
        .expect("short enough");
    data.extend_from_slice(&tag);
    data
}

pub(super) fn open(key: &[u8; 32], n: u64, ad: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    let (data, tag) = ciphertext.split_at(ciphertext.len() - 16);
    let (mut data, tag) = (data.to_vec(), Tag::try_from(tag).expect("16 bytes"));
    ChaCha20Poly1305::new(key.into())
        .decrypt_inout_detached(&nonce(n).into(), ad, InOutBuf::from(&mut data[..]), &tag)
        .expect("it opens");
    data
}

pub(super) fn public(secret: &[u8; 32]) -> [u8; 32] {
    let mut base = [0; 32];
    base[0] = 9;
    x25519(*secret, base)
}

pub(super) fn dh(secret: &[u8; 32], public: &[u8; 32]) -> [u8; 32] {
    x25519(*secret, *public)
}

/// The SymmetricState of the specification (5.2).
pub(super) struct Symmetric {
    pub(super) chaining_key: [u8; 32],
    pub(super) hash: [u8; 32],
    pub(super) key: Option<[u8; 32]>,
    n: u64,
}

impl Symmetric {
    pub(super) fn new(protocol_name: &[u8; 32]) -> Self {
        Self {
            chaining_key: *protocol_name,
            hash: *protocol_name,
            key: None,
            n: 0,
        }
    }

    pub(super) fn mix_hash(&mut self, data: &[u8]) {
        self.hash = sha256(&[&self.hash, data]);
    }

    pub(super) fn mix_key(&mut self, input: &[u8]) {
        let (chaining_key, key) = hkdf(&self.chaining_key, input);
        self.chaining_key = chaining_key;
        self.key = Some(key);
        self.n = 0;
    }

    pub(super) fn encrypt_and_hash(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let ciphertext = match &self.key {
            Some(key) => seal(key, self.n, &self.hash, plaintext),
            None => plaintext.to_vec(),
        };
        self.n += u64::from(self.key.is_some());
        self.mix_hash(&ciphertext);
        ciphertext
    }

    /// The keys of both directions: initiator's, responder's.
    pub(super) fn split(&self) -> ([u8; 32], [u8; 32]) {
        hkdf(&self.chaining_key, &[])
    }
}
