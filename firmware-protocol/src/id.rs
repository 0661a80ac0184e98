//! Identifiers that cross the air. All are opaque to a band except the serial, which is its own.

use alloc::string::String;
use core::fmt;

macro_rules! opaque_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode)]
        #[cbor(transparent)]
        pub struct $name(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

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
    };
}

opaque_id! {
    /// Who owns stations and enrolled bands: the first 16 bytes of SHA-256 over the organization's
    /// Ed25519 public key.
    OrganizationId
}
opaque_id! {
    /// What a band knows of its holder: 16 bytes chosen by the organization, never a name.
    UserHandle
}
opaque_id! {
    /// One association of a user with a band in a zone. Chosen by the station, used once, never again.
    AssociationId
}
opaque_id! {
    /// One station of an organization.
    StationId
}

/// A band's serial number as printed on its back: 1 to 16 characters out of `A-Z`, `0-9` and `-`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode)]
#[cbor(transparent)]
pub struct Serial(#[n(0)] String);

impl Serial {
    /// Longest serial, in characters.
    pub const LEN_MAX: usize = 16;

    /// The serial, or `None` if `text` is not one.
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=Self::LEN_MAX).contains(&text.len());
        let clean = text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
        (fits && clean).then(|| Self(text.into()))
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'b, C> minicbor::Decode<'b, C> for Serial {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Serial::new(d.str()?).ok_or_else(|| minicbor::decode::Error::message("not a serial"))
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Serial({})", self.0)
    }
}

/// Where an association holds. A band may be associated once in each zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub enum Zone {
    /// The IT side, where a fingerprint is captured.
    #[n(0)]
    Enrollment,
    /// The OT side, where an enrolled band is added without a new capture.
    #[n(1)]
    Registration,
}

/// The six digits that band and kiosk both show so that a person can see that they talk to each other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ScreenCode(pub(crate) u32);

impl fmt::Display for ScreenCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:03} {:03}", self.0 / 1000, self.0 % 1000)
    }
}

impl fmt::Debug for ScreenCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScreenCode({self})")
    }
}

/// Text for people that a band's firmware chooses: at most 16 signs of printable ASCII, so that no screen
/// or log can be played with through it.
pub(crate) mod short_text {
    use alloc::string::String;

    use minicbor::decode::{Decoder, Error};
    use minicbor::encode::{self, Encoder, Write};

    const LEN_MAX: usize = 16;

    pub(crate) fn encode<C, W: Write>(
        text: &str,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.str(text)?.ok()
    }

    pub(crate) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<String, Error> {
        let text = d.str()?;
        if text.len() <= LEN_MAX && text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
            Ok(text.into())
        } else {
            Err(Error::message("not a short text"))
        }
    }
}
