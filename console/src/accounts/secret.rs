//! Secrets that travel: in cookies, links and forms. The database keeps digests alone.

use data_encoding::BASE64URL_NOPAD;
use ring::{digest, hmac};
use zeroize::Zeroizing;

use crate::edge;
use crate::problem::{Code, Problem};

/// Bytes of a secret; nobody guesses 256 bits.
const LEN: usize = 32;

/// A secret that was just made, or that somebody showed.
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; LEN]>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// A new one.
    pub fn new() -> Result<Self, Problem> {
        random().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// Reads what somebody showed; nothing if it cannot be one of ours.
    pub fn read(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(BASE64URL_NOPAD.decode(text.as_bytes()).ok()?);
        let bytes: [u8; LEN] = bytes.as_slice().try_into().ok()?;
        Some(Self(Zeroizing::new(bytes)))
    }

    /// As it travels.
    pub fn text(&self) -> String {
        BASE64URL_NOPAD.encode(self.0.as_ref())
    }

    /// What the database keeps. A plain digest is enough for 256 random bits.
    pub fn digest(&self) -> [u8; 32] {
        let digest = digest::digest(&digest::SHA256, self.0.as_ref());
        digest.as_ref().try_into().expect("a SHA-256 has 32 bytes")
    }

    /// The token that a form carries when it belongs to this secret, under a key of the console.
    pub fn form_token(&self, key: &[u8; 32]) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        BASE64URL_NOPAD.encode(hmac::sign(&key, self.0.as_ref()).as_ref())
    }

    /// Whether `token` is the one that forms carry for this secret; takes the same time for every answer.
    pub fn has_form_token(&self, key: &[u8; 32], token: &str) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        let token = BASE64URL_NOPAD.decode(token.as_bytes()).unwrap_or_default();
        hmac::verify(&key, self.0.as_ref(), &token).is_ok()
    }
}

/// A new identifier that says nothing.
pub(crate) fn identifier() -> Result<String, Problem> {
    let bytes: [u8; 16] = random()?;
    Ok(data_encoding::HEXLOWER.encode(&bytes))
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], Problem> {
    edge::random().map_err(|error| {
        tracing::error!(%error, "no randomness");
        Problem::new(
            Code::Unavailable,
            "the system gives no random bytes",
            "try again in a moment",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_survives_travel_and_nothing_else_does() {
        let secret = Secret::new().unwrap();
        let text = secret.text();
        assert_eq!(Secret::read(&text).unwrap().digest(), secret.digest());
        for wrong in ["", "x", &text[1..], &format!("{text}A"), "=====", &"é".repeat(22)] {
            assert!(Secret::read(wrong).is_none(), "{wrong}");
        }
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }

    #[test]
    fn a_form_token_belongs_to_one_secret_and_one_key() {
        let (one, other) = (Secret::new().unwrap(), Secret::new().unwrap());
        let token = one.form_token(&[1; 32]);
        assert!(one.has_form_token(&[1; 32], &token));
        assert!(!other.has_form_token(&[1; 32], &token));
        assert!(!one.has_form_token(&[2; 32], &token));
        for wrong in ["", "x", &token[..40]] {
            assert!(!one.has_form_token(&[1; 32], wrong), "{wrong}");
        }
    }
}
