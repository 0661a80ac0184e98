//! The one text by which a station joins a console.

use std::fmt;
use std::str::FromStr;

use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

const PREFIX: &str = "BSJ1";
const SECRET_LEN: usize = 16;
const PIN_LEN: usize = 16;
const CHECK_LEN: usize = 3;
/// Characters of one group, for the eye.
const GROUP_LEN: usize = 6;

/// A one-time secret, and which authority the console behind it has. A station that has the token knows its
/// console before it says the first word; nobody has to compare anything.
///
/// As text: `BSJ1` and base32 in groups, with a sum at the end. Case and dashes do not matter.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// Proves the right to join, once.
    pub secret: [u8; SECRET_LEN],
    /// The first bytes of the SHA-256 of the authority's certificate.
    pub authority: [u8; PIN_LEN],
}

/// Why a text is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// It does not begin like one.
    #[error("a join token begins with {PREFIX}")]
    Prefix,
    /// A character is missing, too much, or wrong.
    #[error("the join token was not copied completely, or a character of it is wrong")]
    Damaged,
}

impl JoinToken {
    /// What the console keeps in place of the secret.
    pub fn digest(&self) -> [u8; 32] {
        digest_of(&self.secret)
    }

    /// The token as it is shown to a person. Whoever has this text can join once.
    pub fn reveal(&self) -> String {
        let mut bytes = [self.secret, self.authority].concat();
        bytes.extend_from_slice(&check_of(&bytes));
        let text = BASE32_NOPAD.encode(&bytes);
        bytes.zeroize();
        let groups = text.as_bytes().chunks(GROUP_LEN);
        let groups = groups.map(|group| std::str::from_utf8(group).expect("base32 is ASCII"));
        std::iter::once(PREFIX)
            .chain(groups)
            .collect::<Vec<_>>()
            .join("-")
    }

    /// Whether a certificate with this SHA-256 is the authority that the token names.
    pub fn names(&self, fingerprint: &[u8; 32]) -> bool {
        fingerprint[..PIN_LEN] == self.authority
    }
}

/// What a console keeps of a secret.
pub fn digest_of(secret: &[u8]) -> [u8; 32] {
    let mut sha = Sha256::new();
    sha.update(b"bandstand join token 1\0");
    sha.update(secret);
    sha.finalize().into()
}

impl FromStr for JoinToken {
    type Err = TokenFault;

    fn from_str(text: &str) -> Result<Self, TokenFault> {
        let plain: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        let plain = plain.to_ascii_uppercase();
        let body = plain.strip_prefix(PREFIX).ok_or(TokenFault::Prefix)?;
        let bytes = BASE32_NOPAD
            .decode(body.as_bytes())
            .map_err(|_| TokenFault::Damaged)?;
        let whole: &[u8; SECRET_LEN + PIN_LEN + CHECK_LEN] =
            bytes.as_slice().try_into().map_err(|_| TokenFault::Damaged)?;
        let (content, check) = whole.split_at(SECRET_LEN + PIN_LEN);
        if check != check_of(content) {
            return Err(TokenFault::Damaged);
        }
        Ok(Self {
            secret: content[..SECRET_LEN].try_into().expect("16 bytes"),
            authority: content[SECRET_LEN..].try_into().expect("16 bytes"),
        })
    }
}

/// Finds slips of the pen; whoever wants to forge a token can compute it.
fn check_of(content: &[u8]) -> [u8; CHECK_LEN] {
    let hash = Sha256::digest(content);
    hash[..CHECK_LEN].try_into().expect("three bytes")
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinToken(..)")
    }
}

impl Drop for JoinToken {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> JoinToken {
        JoinToken {
            secret: [0xa5; 16],
            authority: [0x3c; 16],
        }
    }

    #[test]
    fn a_token_is_read_however_it_was_copied() {
        let text = token().reveal();
        assert!(text.starts_with("BSJ1-"), "{text}");
        let read = |text: &str| text.parse::<JoinToken>();
        assert_eq!(read(&text), Ok(token()));
        assert_eq!(read(&text.to_lowercase().replace('-', " ")), Ok(token()));
        assert_eq!(read(&format!("  {}\n", text.replace('-', ""))), Ok(token()));
    }

    #[test]
    fn slips_are_noticed() {
        let text = token().reveal();
        let check = |text: &str, fault| assert_eq!(text.parse::<JoinToken>(), Err(fault), "{text}");
        check("", TokenFault::Prefix);
        check(&text[1..], TokenFault::Prefix);
        check(&text[..text.len() - 1], TokenFault::Damaged);
        check(&format!("{text}A"), TokenFault::Damaged);
        for at in (5..text.len()).filter(|at| &text[*at..=*at] != "-") {
            let other = if &text[at..=at] == "A" { "B" } else { "A" };
            let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
            check(&changed, TokenFault::Damaged);
        }
    }

    #[test]
    fn the_authority_is_recognized_and_the_secret_does_not_print() {
        let mut fingerprint = [0x3c; 32];
        fingerprint[31] = 9;
        assert!(token().names(&fingerprint));
        fingerprint[15] = 9;
        assert!(!token().names(&fingerprint));
        assert_eq!(format!("{:?}", token()), "JoinToken(..)");
        assert_ne!(token().digest(), digest_of(&[0xa6; 16]));
    }
}
