//! Names of things: users, bands, policies, associations, stations, and moments.
//!
//! Each is parsed once, at the edge, into a type that cannot be wrong. Texts are compared byte for byte:
//! `Ada`, `ada` and two Unicode spellings of the same letter are different users.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdFault {
    /// Nothing was given.
    Empty,
    /// Longer than allowed.
    TooLong {
        /// Most characters allowed.
        chars_max: usize,
    },
    /// Holds a character that the identifier does not allow.
    Character(char),
    /// Not exactly 32 hexadecimal digits.
    NotHex,
}

impl fmt::Display for IdFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty"),
            Self::TooLong { chars_max } => write!(f, "longer than {chars_max} characters"),
            Self::Character(c) => write!(f, "character {c:?} is not allowed"),
            Self::NotHex => f.write_str("expected 32 hexadecimal digits"),
        }
    }
}

impl std::error::Error for IdFault {}

/// Reads the text form through `FromStr`, so that JSON, TOML and command lines share one check.
fn parse<'de, D: Deserializer<'de>, T: FromStr<Err = IdFault>>(d: D, what: &str) -> Result<T, D::Error> {
    let text = String::deserialize(d)?;
    text.parse()
        .map_err(|fault| D::Error::custom(format_args!("{what} {text:?}: {fault}")))
}

fn free_text(text: &str, chars_max: usize) -> Result<&str, IdFault> {
    if text.is_empty() {
        return Err(IdFault::Empty);
    }
    if text.chars().count() > chars_max {
        return Err(IdFault::TooLong { chars_max });
    }
    match text.chars().find(|c| c.is_control()) {
        Some(c) => Err(IdFault::Character(c)),
        None => Ok(text),
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        ///
        /// 1 to 64 characters, none of them a control character. Cloning does not allocate.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Longest identifier, in characters.
            pub const CHARS_MAX: usize = 64;

            /// The identifier, or why `text` is not one.
            pub fn new(text: &str) -> Result<Self, IdFault> {
                free_text(text, Self::CHARS_MAX).map(|text| Self(text.into()))
            }

            /// The characters, exactly as given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdFault;
            fn from_str(text: &str) -> Result<Self, IdFault> {
                Self::new(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), &*self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                parse(d, $what)
            }
        }
    };
}

text_id! {
    /// Who a person is, as the plant's directory writes it.
    UserId, "user"
}
text_id! {
    /// Which policy, by the short name its author gave it.
    PolicyId, "policy"
}

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        ///
        /// 16 bytes; 32 hexadecimal digits in text.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = IdFault;
            fn from_str(text: &str) -> Result<Self, IdFault> {
                from_hex(text).map(Self).ok_or(IdFault::NotHex)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                parse(d, $what)
            }
        }
    };
}

byte_id! {
    /// One association of a user with a band in a zone. Chosen by whoever makes it, used once, never again.
    AssociationId, "association"
}
byte_id! {
    /// One writer of history: a station, or a console.
    StationId, "station"
}

fn from_hex(text: &str) -> Option<[u8; 16]> {
    let digits = text.as_bytes();
    if digits.len() != 32 {
        return None;
    }
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *byte = (high * 16 + low) as u8;
    }
    Some(bytes)
}

/// A band's serial number as printed on its back: 1 to 16 characters out of `A-Z`, `0-9` and `-`.
///
/// Kept in place (unused bytes are zero), so it is copied, never allocated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BandSerial([u8; Self::LEN_MAX]);

impl BandSerial {
    /// Longest serial, in characters.
    pub const LEN_MAX: usize = 16;

    /// The serial, or why `text` is not one.
    pub fn new(text: &str) -> Result<Self, IdFault> {
        let allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-';
        if text.is_empty() {
            return Err(IdFault::Empty);
        }
        if let Some(c) = text.chars().find(|c| !allowed(*c)) {
            return Err(IdFault::Character(c));
        }
        if text.len() > Self::LEN_MAX {
            return Err(IdFault::TooLong {
                chars_max: Self::LEN_MAX,
            });
        }
        let mut bytes = [0; Self::LEN_MAX];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self(bytes))
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(Self::LEN_MAX);
        std::str::from_utf8(&self.0[..end]).expect("only ASCII is ever stored")
    }
}

impl FromStr for BandSerial {
    type Err = IdFault;
    fn from_str(text: &str) -> Result<Self, IdFault> {
        Self::new(text)
    }
}

impl fmt::Display for BandSerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for BandSerial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BandSerial({self})")
    }
}

impl Serialize for BandSerial {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for BandSerial {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        parse(d, "band")
    }
}

/// A moment in wall time: milliseconds since 1970-01-01 00:00:00 UTC. Never a length of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// Milliseconds from `earlier` to this moment; negative if `earlier` is in fact later. Never overflows.
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_user(text: &str, expected: Result<(), IdFault>) {
        assert_eq!(
            UserId::new(text).map(|id| assert_eq!(id.as_str(), text)),
            expected,
            "{text:?}"
        );
    }

    #[track_caller]
    fn check_serial(text: &str, expected: Result<(), IdFault>) {
        assert_eq!(
            BandSerial::new(text).map(|s| assert_eq!(s.as_str(), text)),
            expected,
            "{text:?}"
        );
    }

    #[test]
    fn a_user_is_any_printable_text() {
        check_user("0", Ok(()));
        check_user("Ørsted, Ada 👩‍🔧", Ok(()));
        check_user(&"ü".repeat(64), Ok(()));
        check_user("", Err(IdFault::Empty));
        check_user(&"a".repeat(65), Err(IdFault::TooLong { chars_max: 64 }));
        check_user("a\u{0}b", Err(IdFault::Character('\0')));
        check_user("a\u{85}b", Err(IdFault::Character('\u{85}')));
    }

    #[test]
    fn spellings_stay_distinct() {
        let spellings = ["zoë", "zoe\u{308}", "Zoë", "zoë "].map(|text| UserId::new(text).unwrap());
        for (i, a) in spellings.iter().enumerate() {
            assert!(spellings[i + 1..].iter().all(|b| a != b));
        }
    }

    #[test]
    fn a_serial_is_what_is_printed_on_the_back() {
        check_serial("AAAH-00125", Ok(()));
        check_serial("0", Ok(()));
        check_serial("0123456789ABCDEF", Ok(()));
        check_serial("", Err(IdFault::Empty));
        check_serial("0123456789ABCDEFG", Err(IdFault::TooLong { chars_max: 16 }));
        check_serial("aaah-1", Err(IdFault::Character('a')));
        check_serial("AAAH 1", Err(IdFault::Character(' ')));
    }

    #[test]
    fn serials_sort_like_their_text() {
        assert!(BandSerial::new("A").unwrap() < BandSerial::new("A-").unwrap());
        assert!(BandSerial::new("A9").unwrap() < BandSerial::new("B").unwrap());
    }

    #[test]
    fn bytes_are_hexadecimal_in_text() {
        let id = AssociationId([0xa7; 16]);
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!(json, format!("\"{}\"", "a7".repeat(16)));
        assert_eq!(serde_json::from_str::<AssociationId>(&json).unwrap(), id);
        assert_eq!("a7".parse::<AssociationId>(), Err(IdFault::NotHex));
        assert_eq!("+7".repeat(16).parse::<AssociationId>(), Err(IdFault::NotHex));
    }

    #[test]
    fn a_bad_identifier_is_quoted_in_the_error() {
        let error = serde_json::from_str::<BandSerial>("\"abc\"")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("band \"abc\": character 'a' is not allowed"),
            "{error}"
        );
    }
}
