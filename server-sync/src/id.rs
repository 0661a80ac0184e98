//! Names on the wire that `policy` does not know.

use std::fmt;

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize)]
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

opaque! {
    /// An organization: the first 16 bytes of SHA-256 over its Ed25519 public key.
    Organization
}

impl Organization {
    /// The organization with this Ed25519 public key.
    pub fn of_key(key: &[u8; 32]) -> Self {
        let hash = Sha256::digest(key);
        Self(*hash.first_chunk().expect("a hash has 32 bytes"))
    }
}

opaque! {
    /// One life of a console's database, 16 random bytes. Restoring a backup begins another: what was
    /// acknowledged after the backup is not in it, and its revisions would be used a second time.
    Lineage
}

/// A revision of the console's state. Grows with every change within a [`Lineage`], never goes back.
///
/// At most 2^63 - 1, so that every database can keep one; a greater number is refused when it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Revision(u64);

impl Revision {
    /// Before everything.
    pub const ZERO: Self = Self(0);
    /// The greatest revision.
    pub const MAX: Self = Self(i64::MAX as u64);

    /// The revision of this number, or `None` if it is too great.
    pub const fn new(number: u64) -> Option<Self> {
        if number <= Self::MAX.0 {
            Some(Self(number))
        } else {
            None
        }
    }

    /// Its number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl<C> Encode<C> for Revision {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.u64(self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Revision {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        Self::new(d.u64()?).ok_or_else(|| minicbor::decode::Error::message("a revision above 2^63 - 1"))
    }
}
