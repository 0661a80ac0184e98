//! Which passwords are accepted (SEC-01 to SEC-03, SEC-38), and how they are kept (SEC-05).

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::secret::random;
use crate::problem::{Code, Problem};

/// Fewest characters of a password that stands alone.
pub const CHARS_MIN: usize = 15;
/// Fewest characters of a password beside a second factor.
pub const CHARS_MIN_WITH_SECOND_FACTOR: usize = 8;
/// Most characters.
pub const CHARS_MAX: usize = 128;
/// Most bytes that are looked at before anything else.
const BYTES_MAX: usize = 512;
/// Guesses that a program needs at least, as a power of ten.
const GUESSES_LOG10_MIN: f64 = 10.0;
/// The same beside a second factor.
const GUESSES_LOG10_MIN_WITH_SECOND_FACTOR: f64 = 7.0;
/// Memory of argon2id in KiB, rounds, and lanes.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// Passwords and their parts that are tried first.
const COMMON: &str = include_str!("common.txt");

/// Why a password is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakness {
    /// It has this many characters, too few.
    TooShort(usize),
    /// It is longer than anybody types.
    TooLong,
    /// It is one of those that are tried first, or made of their parts.
    Common,
    /// It is made of the person's or the plant's own names.
    OwnWords,
    /// A program guesses it.
    Guessable,
}

impl Weakness {
    /// The key of its message.
    pub fn key(self) -> &'static str {
        match self {
            Self::TooShort(_) => "password-too-short",
            Self::TooLong => "password-too-long",
            Self::Common => "password-common",
            Self::OwnWords => "password-own-words",
            Self::Guessable => "password-guessable",
        }
    }
}

/// The form in which a password is compared: two keyboards may write one letter in two ways.
fn normal(password: &str) -> Zeroizing<String> {
    Zeroizing::new(password.nfkc().collect())
}

/// Whether this may become a password of somebody with these own words: login, name, organization, sites.
pub fn check(password: &str, own_words: &[&str], has_second_factor: bool) -> Result<(), Weakness> {
    if password.len() > BYTES_MAX {
        return Err(Weakness::TooLong);
    }
    let password = normal(password);
    let chars = password.chars().count();
    let least = if has_second_factor {
        CHARS_MIN_WITH_SECOND_FACTOR
    } else {
        CHARS_MIN
    };
    if chars > CHARS_MAX {
        return Err(Weakness::TooLong);
    }
    if chars < least {
        return Err(Weakness::TooShort(chars));
    }
    let core = core_of(&password);
    let own: Vec<String> = own_words.iter().flat_map(|words| parts(words)).collect();
    if !own.is_empty() && without(&core, own.iter().map(String::as_str)).len() * 3 < core.len() {
        return Err(Weakness::OwnWords);
    }
    if without(&core, COMMON.lines()).len() * 4 < core.len().max(1) {
        return Err(Weakness::Common);
    }
    let inputs: Vec<&str> = own.iter().map(String::as_str).collect();
    let needed = if has_second_factor {
        GUESSES_LOG10_MIN_WITH_SECOND_FACTOR
    } else {
        GUESSES_LOG10_MIN
    };
    if zxcvbn::zxcvbn(&password, &inputs).guesses_log10() < needed {
        return Err(Weakness::Guessable);
    }
    Ok(())
}

/// The letters of a password, small, with the usual stand-ins read as the letters they stand for.
fn core_of(password: &str) -> String {
    let letter = |c: char| match c {
        '0' => Some('o'),
        '1' | '!' => Some('i'),
        '3' => Some('e'),
        '4' | '@' => Some('a'),
        '5' | '$' => Some('s'),
        '7' => Some('t'),
        _ if c.is_alphabetic() => Some(c),
        _ => None,
    };
    let core: String = password
        .chars()
        .filter_map(letter)
        .flat_map(char::to_lowercase)
        .collect();
    let mut kept = String::new();
    for c in core.chars() {
        // A run of one letter counts once.
        if !kept.ends_with(c) {
            kept.push(c);
        }
    }
    kept
}

/// The words of a name that are long enough to matter.
fn parts(words: &str) -> Vec<String> {
    words
        .split(|c: char| !c.is_alphanumeric())
        .map(core_of)
        .filter(|part| part.chars().count() >= 3)
        .collect()
}

/// What is left when these words are taken out, the longest first as they stand.
fn without<'a>(core: &str, words: impl Iterator<Item = &'a str>) -> String {
    let mut left = core.to_owned();
    for word in words.filter(|word| !word.is_empty()) {
        let word = core_of(word);
        if !word.is_empty() {
            left = left.replace(word.as_str(), "");
        }
    }
    left
}

/// Keeps and checks passwords, under a key that is not in the database.
pub struct Hasher {
    pepper: Zeroizing<[u8; 32]>,
    cost: (u32, u32, u32),
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher(..)")
    }
}

impl Hasher {
    /// Under this key.
    pub fn new(pepper: Zeroizing<[u8; 32]>) -> Self {
        Self { pepper, cost: COST }
    }

    fn argon2(&self) -> Argon2<'_> {
        let (memory, rounds, lanes) = self.cost;
        let params = Params::new(memory, rounds, lanes, None).expect("parameters in their bounds");
        Argon2::new_with_secret(self.pepper.as_ref(), Algorithm::Argon2id, Version::V0x13, params)
            .expect("a key of 32 bytes")
    }

    /// The PHC string of a password. Takes a while: not for an async thread.
    pub fn hash(&self, password: &str) -> Result<String, Problem> {
        let salt: [u8; 16] = random()?;
        let hash = self
            .argon2()
            .hash_password_with_salt(normal(password).as_bytes(), &salt);
        hash.map(|hash| hash.to_string())
            .map_err(|_| Problem::new(Code::Internal, "the password could not be hashed", ""))
    }

    /// Whether `password` is the one kept as `kept`. Somebody without a password takes as long to be refused.
    pub fn verify(&self, password: &str, kept: Option<&str>) -> bool {
        if password.len() > BYTES_MAX {
            return false;
        }
        let parsed = kept.and_then(|kept| argon2::PasswordHash::new(kept).ok());
        let Some(parsed) = parsed else {
            let _ = self.hash(password);
            return false;
        };
        self.argon2()
            .verify_password(normal(password).as_bytes(), &parsed)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_as(password: &str, own: &[&str], expected: Result<(), Weakness>) {
        assert_eq!(check(password, own, false), expected, "{password}");
    }

    #[test]
    fn passwords_are_long_and_not_the_first_to_be_tried() {
        check_as("short", &[], Err(Weakness::TooShort(5)));
        check_as("fourteen chars", &[], Err(Weakness::TooShort(14)));
        check_as(&"ä".repeat(129), &[], Err(Weakness::TooLong));
        check_as(&"x".repeat(600), &[], Err(Weakness::TooLong));
        check_as("passwordpassword", &[], Err(Weakness::Common));
        check_as("P@ssw0rd12345678!", &[], Err(Weakness::Guessable));
        check_as("PasswortPasswort1!", &[], Err(Weakness::Common));
        check_as("qwertyuiopasdfgh", &[], Err(Weakness::Common));
        check_as("Willkommen2026!!", &[], Err(Weakness::Common));
        check_as("aaaaaaaaaaaaaaaaaa", &[], Err(Weakness::Guessable));
        check_as("123456789012345678", &[], Err(Weakness::Guessable));
        check_as("lamp orchid tractor whistle", &[], Ok(()));
        check_as("Zwölf Lampen über dem Hafen", &[], Ok(()));
        check_as(&"correct horse ".repeat(9), &[], Ok(()));
    }

    #[test]
    fn own_names_do_not_make_a_password() {
        check_as(
            "Mara.Kurz.Hamburg",
            &["mara.kurz", "Mara Kurz", "Hamburg"],
            Err(Weakness::OwnWords),
        );
        check_as("acme-ACME-acme-2026", &["Acme"], Err(Weakness::OwnWords));
        check_as("Mara likes violet tractors", &["mara.kurz", "Mara Kurz"], Ok(()));
    }

    #[test]
    fn a_second_factor_allows_eight_characters() {
        assert_eq!(check("Vx7-tr!q", &[], true), Ok(()));
        assert_eq!(check("Vx7-tr!", &[], true), Err(Weakness::TooShort(7)));
        assert_eq!(check("Vx7-tr!q", &[], false), Err(Weakness::TooShort(8)));
    }

    #[test]
    fn a_hash_needs_the_password_and_the_key() {
        let cheap = |pepper| Hasher {
            pepper: Zeroizing::new([pepper; 32]),
            cost: (64, 1, 1),
        };
        let kept = cheap(1).hash("lamp orchid tractor").unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{kept}");
        assert!(cheap(1).verify("lamp orchid tractor", Some(&kept)));
        assert!(!cheap(1).verify("lamp orchid tractor ", Some(&kept)));
        assert!(!cheap(2).verify("lamp orchid tractor", Some(&kept)));
        assert!(!cheap(1).verify("lamp orchid tractor", None));
        assert!(!cheap(1).verify("x", Some("not a hash")));
    }

    #[test]
    fn one_letter_written_in_two_ways_is_one_letter() {
        let hasher = Hasher {
            pepper: Zeroizing::new([1; 32]),
            cost: (64, 1, 1),
        };
        let kept = hasher.hash("Gru\u{308}ne Lampen am Hafen").unwrap();
        assert!(hasher.verify("Gr\u{fc}ne Lampen am Hafen", Some(&kept)));
    }
}
