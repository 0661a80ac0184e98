//! Codes that are typed: ten characters of Crockford's base32, the last of them a check.
//!
//! The check character makes the code a word of a code over the field of 32 elements: it finds every
//! wrong character and every pair of exchanged ones, so that a slip of the finger is not taken for an
//! attempt to guess. The first three characters are the code's group; failures are counted per group, so
//! that somebody who guesses does not lock out everybody else.

use std::fmt;

use sha2::{Digest, Sha256};

use super::TicketFault;

/// Characters of a code, the check included.
pub const CODE_CHARS: usize = 10;
/// Characters of a code's group.
const GROUP_CHARS: usize = 3;
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Longest input that is looked at, in bytes.
const INPUT_BYTES_MAX: usize = 64;

/// A well-formed code. Prints as dots: whoever has it is the person.
#[derive(Clone, PartialEq, Eq)]
pub struct TypedCode([u8; CODE_CHARS]);

/// The key under which codes are hashed, shared by whoever issues tickets and the stations that check them.
#[derive(Clone, PartialEq, Eq)]
pub struct CodeKey(pub [u8; 32]);

/// What a station knows of a code: HMAC-SHA256 (RFC 2104) of it under the [`CodeKey`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CodeHash(pub [u8; 32]);

impl TypedCode {
    /// The code a person typed. Lower case, spaces and dashes are forgiven, O is 0, I and L are 1.
    pub fn parse(input: &str) -> Result<Self, TicketFault> {
        if input.len() > INPUT_BYTES_MAX {
            return Err(TicketFault::Malformed);
        }
        let typed = input.chars().filter(|c| !c.is_whitespace() && *c != '-');
        let values: Option<Vec<u8>> = typed.map(value_of).collect();
        let values: [u8; CODE_CHARS] = values
            .and_then(|v| v.try_into().ok())
            .ok_or(TicketFault::Malformed)?;
        if remainder(&values) != 0 {
            return Err(TicketFault::Malformed);
        }
        Ok(Self(values))
    }

    /// A new code out of 45 random bits: the lower five of each byte.
    pub fn from_random(random: [u8; CODE_CHARS - 1]) -> Self {
        let mut values = [0; CODE_CHARS];
        values[..CODE_CHARS - 1].copy_from_slice(&random.map(|byte| byte & 31));
        values[CODE_CHARS - 1] = remainder(&values);
        Self(values)
    }

    /// The code for people: two groups of five with a dash. Show it to its owner and to nobody else.
    pub fn reveal(&self) -> String {
        let text = self.characters();
        format!("{}-{}", &text[..5], &text[5..])
    }

    /// The group under which failures are counted; not a secret.
    pub fn group(&self) -> String {
        self.characters()[..GROUP_CHARS].into()
    }

    /// What the code is looked up by.
    pub fn hash(&self, key: &CodeKey) -> CodeHash {
        let message = [b"bandstand ticket code 1\0", self.characters().as_bytes()].concat();
        CodeHash(hmac_sha256(&key.0, &message))
    }

    fn characters(&self) -> String {
        self.0
            .iter()
            .map(|value| char::from(ALPHABET[usize::from(*value)]))
            .collect()
    }
}

/// A keyed hash of what somebody typed as an operator's name.
pub(super) fn hash_of_name(key: &CodeKey, name: &str) -> [u8; 32] {
    hmac_sha256(&key.0, &[b"bandstand operator 1\0", name.as_bytes()].concat())
}

impl fmt::Debug for TypedCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedCode(..)")
    }
}

impl fmt::Debug for CodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeKey(..)")
    }
}

impl fmt::Debug for CodeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeHash(..)")
    }
}

fn value_of(c: char) -> Option<u8> {
    let c = match c.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        c => c,
    };
    ALPHABET
        .iter()
        .position(|a| char::from(*a) == c)
        .map(|position| position as u8)
}

/// The word as a polynomial over GF(32), the first character leading, evaluated at a primitive element by
/// Horner's rule. Zero for a word with the right check character.
fn remainder(values: &[u8; CODE_CHARS]) -> u8 {
    values.iter().fold(0, |sum, value| times_primitive(sum) ^ value)
}

/// Times x modulo x^5 + x^2 + 1.
fn times_primitive(value: u8) -> u8 {
    let doubled = value << 1;
    if doubled & 32 == 0 {
        doubled
    } else {
        doubled ^ 0b10_0101
    }
}

/// HMAC-SHA256 (RFC 2104) with a key of at most 64 bytes.
fn hmac_sha256(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    let inner = Sha256::new()
        .chain_update(block.map(|b| b ^ 0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(block.map(|b| b ^ 0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use data_encoding::HEXLOWER;

    #[track_caller]
    fn check_hmac(key: &[u8], message: &[u8], expected: &str) {
        assert_eq!(HEXLOWER.encode(&hmac_sha256(key, message)), expected);
    }

    #[test]
    fn the_keyed_hash_is_the_published_one() {
        // RFC 4231, test cases 1 and 2
        let one = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7";
        check_hmac(&[0x0b; 20], b"Hi There", one);
        let two = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        check_hmac(b"Jefe", b"what do ya want for nothing?", two);
    }

    #[test]
    fn people_type_as_they_like() {
        let code = TypedCode::from_random([0, 1, 10, 31, 20, 5, 0, 1, 17]);
        let text = code.reveal();
        assert_eq!(&text[..9], "01AZM-501");
        let check = |input: String| assert_eq!(TypedCode::parse(&input), Ok(code.clone()), "{input}");
        check(text.clone());
        check(text.to_lowercase());
        check(text.replace('-', ""));
        check(text.replace('-', "  - "));
        check(text.replace('0', "O").replace('1', "l"));
        check(text.replace('0', "o").replace('1', "I"));
    }

    #[test]
    fn every_slip_of_the_finger_is_noticed() {
        let code = TypedCode::from_random([3, 1, 10, 31, 20, 5, 0, 1, 17]);
        for place in 0..CODE_CHARS {
            for other in (0..32).filter(|value| *value != code.0[place]) {
                let mut wrong = code.clone();
                wrong.0[place] = other;
                assert_eq!(TypedCode::parse(&wrong.reveal()), Err(TicketFault::Malformed));
            }
            for later in (place + 1..CODE_CHARS).filter(|later| code.0[place] != code.0[*later]) {
                let mut wrong = code.clone();
                wrong.0.swap(place, later);
                assert_eq!(TypedCode::parse(&wrong.reveal()), Err(TicketFault::Malformed));
            }
        }
    }

    #[test]
    fn what_is_no_code_is_malformed() {
        let long = "0".repeat(65);
        for input in [
            "",
            "-",
            "000000000",
            "00000000000",
            "UUUUUUUUUU",
            "00000\u{0}0000",
            "½½½½½½½½½½",
            &long,
        ] {
            assert_eq!(TypedCode::parse(input), Err(TicketFault::Malformed), "{input:?}");
        }
    }

    #[test]
    fn secrets_print_as_dots() {
        let code = TypedCode::from_random([3; 9]);
        let all = format!(
            "{code:?} {:?} {:?}",
            CodeKey([7; 32]),
            code.hash(&CodeKey([7; 32]))
        );
        assert_eq!(all, "TypedCode(..) CodeKey(..) CodeHash(..)");
    }
}
