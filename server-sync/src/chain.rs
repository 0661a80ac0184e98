//! Whether a run of journal entries is complete, in order and unchanged.

use crate::record::{Entry, Hash, StationKey};

/// The end of a verified run: what the next entry must continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Sequence of the last entry; 0 for an empty journal.
    pub sequence: u64,
    /// Its hash; [`Hash::START`] for an empty journal.
    pub hash: Hash,
}

impl Head {
    /// The head of a journal without entries.
    pub const EMPTY: Head = Head {
        sequence: 0,
        hash: Hash::START,
    };
}

/// The first thing found wrong in a journal, with the sequence where it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// Entries are missing.
    #[error("entries {expected} to {} are missing", found - 1)]
    Gap {
        /// The sequence that should have come.
        expected: u64,
        /// The sequence that came.
        found: u64,
    },
    /// Two different entries claim one place, or an entry continues another history than the one read.
    #[error("entry {sequence} belongs to another history than the entries before it")]
    Fork {
        /// Where the histories part.
        sequence: u64,
    },
    /// An entry is not what it was when it was written.
    #[error("entry {sequence} was changed after it was written")]
    Changed {
        /// The entry.
        sequence: u64,
    },
    /// An entry came again, or after a later one.
    #[error("entry {sequence} comes a second time")]
    Repeated {
        /// The entry.
        sequence: u64,
    },
    /// An entry of another station.
    #[error("entry {sequence} was written by station {found}")]
    OtherStation {
        /// The entry.
        sequence: u64,
        /// Who wrote it.
        found: StationKey,
    },
}

impl ChainFault {
    /// The sequence at which the journal stops being trustworthy.
    pub fn sequence(&self) -> u64 {
        match *self {
            Self::Gap { expected, .. } => expected,
            Self::Fork { sequence }
            | Self::Changed { sequence }
            | Self::Repeated { sequence }
            | Self::OtherStation { sequence, .. } => sequence,
        }
    }

    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Gap { .. } => "gap",
            Self::Fork { .. } => "fork",
            Self::Changed { .. } => "changed",
            Self::Repeated { .. } => "repeated",
            Self::OtherStation { .. } => "other_station",
        }
    }
}

/// Checks entries one by one, for journals that do not fit into memory.
#[derive(Clone, Debug)]
pub struct ChainVerifier {
    station: StationKey,
    head: Head,
}

impl ChainVerifier {
    /// A verifier for the entries of `station` that follow `head`.
    pub fn new(station: StationKey, head: Head) -> Self {
        Self { station, head }
    }

    /// Where the run ends so far.
    pub fn head(&self) -> Head {
        self.head
    }

    /// Accepts the next entry or names what is wrong with it; a refused entry changes nothing.
    pub fn push(&mut self, entry: &Entry) -> Result<(), ChainFault> {
        let sequence = entry.sequence;
        if !entry.is_intact() {
            // Its own idea of its place may be what was changed.
            return Err(ChainFault::Changed {
                sequence: self.head.sequence + 1,
            });
        }
        if entry.station != self.station {
            return Err(ChainFault::OtherStation {
                sequence,
                found: entry.station,
            });
        }
        self.check_place(entry)?;
        self.head = Head {
            sequence,
            hash: entry.hash,
        };
        Ok(())
    }

    fn check_place(&self, entry: &Entry) -> Result<(), ChainFault> {
        let (sequence, expected) = (entry.sequence, self.head.sequence + 1);
        if sequence > expected {
            return Err(ChainFault::Gap {
                expected,
                found: sequence,
            });
        }
        if sequence == self.head.sequence && entry.hash != self.head.hash {
            return Err(ChainFault::Fork { sequence });
        }
        if sequence < expected {
            return Err(ChainFault::Repeated { sequence });
        }
        if entry.previous != self.head.hash {
            return Err(ChainFault::Fork { sequence });
        }
        Ok(())
    }
}

/// Verifies a whole journal of `station` from its first entry. The error names the first fault.
pub fn verify<'a>(
    station: StationKey,
    entries: impl IntoIterator<Item = &'a Entry>,
) -> Result<Head, ChainFault> {
    let mut verifier = ChainVerifier::new(station, Head::EMPTY);
    entries.into_iter().try_for_each(|entry| verifier.push(entry))?;
    Ok(verifier.head())
}
