//! Which version of the wire two ends speak.
//!
//! A station says in every request which versions it can speak; the console answers in the newest that
//! both can, or refuses by name. Within a version, fields may be added to messages (readers skip what they
//! do not know), but no kind of row and no value of a closed list: these need a new version, and the
//! console does not send them to a station that cannot read them.

use std::fmt;
use std::str::FromStr;

use minicbor::{Decode, Encode};

/// A version of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Version(#[n(0)] pub u8);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The versions that one end can speak: all from the oldest to the newest. In text `1-3`, or `1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub struct Versions {
    /// The oldest.
    #[n(0)]
    pub oldest: Version,
    /// The newest; not older than the oldest.
    #[n(1)]
    pub newest: Version,
}

impl Versions {
    /// What this release speaks.
    pub const OURS: Self = Self {
        oldest: Version(1),
        newest: Version(1),
    };

    /// The newest version that both ends speak.
    pub fn common(self, other: Self) -> Result<Version, NoCommonVersion> {
        let newest = self.newest.min(other.newest);
        if newest >= self.oldest.max(other.oldest) {
            Ok(newest)
        } else {
            Err(NoCommonVersion {
                ours: self,
                theirs: other,
            })
        }
    }
}

impl fmt::Display for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.oldest == self.newest {
            write!(f, "{}", self.oldest)
        } else {
            write!(f, "{}-{}", self.oldest, self.newest)
        }
    }
}

impl FromStr for Versions {
    type Err = NotVersions;
    fn from_str(text: &str) -> Result<Self, NotVersions> {
        let (oldest, newest) = text.split_once('-').unwrap_or((text, text));
        let read = |text: &str| text.parse().map(Version).map_err(|_| NotVersions);
        let versions = Self {
            oldest: read(oldest)?,
            newest: read(newest)?,
        };
        (versions.oldest <= versions.newest)
            .then_some(versions)
            .ok_or(NotVersions)
    }
}

/// A text is not a range of versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected versions such as 1-3")]
pub struct NotVersions;

/// The two ends have no version in common. The older one has to be updated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode, thiserror::Error)]
#[error("speaks versions {theirs} of the wire, this end {ours}; the older of the two has to be updated")]
pub struct NoCommonVersion {
    /// What the end that found out speaks.
    #[n(0)]
    pub ours: Versions,
    /// What the other end speaks.
    #[n(1)]
    pub theirs: Versions,
}
