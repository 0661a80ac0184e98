//! The station's end of its journal's way to the console.

use super::batch::{Ack, BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, Batch, PushAnswer, PushFault};
use crate::backoff::{Backoff, Moment};
use crate::chain::{ChainFault, ChainVerifier, Head};
use crate::id::Lineage;
use crate::record::{Entry, Hash, StationKey};

/// Bytes of a batch that are kept free for everything beside the records, and for each record's frame.
const BATCH_FRAME: usize = 256;
const ITEM_FRAME: usize = 16;

/// Which entries to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// Those that follow this place,
    pub after: Head,
    /// at most this many,
    pub entries_max: usize,
    /// and at most this many bytes of records. The first goes in any case.
    pub bytes_max: usize,
}

/// Why the journal is not sent. The entries stay where they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OutboxFault {
    /// The console has other entries under this station's numbers: it was copied or rolled back.
    #[error("the console has another entry {sequence}: this station was copied or rolled back")]
    Fork {
        /// A sequence at which the two journals differ.
        sequence: u64,
    },
    /// The console has more of this station's journal than the station: it was rolled back.
    #[error(
        "the console has this station's journal up to {console}, the station up to {own}: it was rolled back"
    )]
    RolledBack {
        /// The last entry at the console.
        console: u64,
        /// The last entry here.
        own: u64,
    },
    /// An administrator revoked this station.
    #[error("an administrator revoked this station")]
    Revoked,
    /// The console knows this station under another identity.
    #[error("the console knows this station as another one")]
    OtherStation,
    /// The console doubts an entry and waits for an administrator.
    #[error("the console keeps entry {sequence} and what follows for an administrator")]
    Quarantined {
        /// The first of the entries in doubt.
        sequence: u64,
    },
    /// No version of the wire in common.
    #[error("the console speaks other versions of the wire")]
    Version,
    /// The journal here is damaged.
    #[error("the journal is damaged: {0}")]
    Damaged(ChainFault),
    /// The console does not take even a single entry.
    #[error("the console does not take entry {sequence}")]
    Unacceptable {
        /// The entry.
        sequence: u64,
    },
}

impl OutboxFault {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fork { .. } => "journal_fork",
            Self::RolledBack { .. } => "journal_rolled_back",
            Self::Revoked => "station_revoked",
            Self::OtherStation => "other_station",
            Self::Quarantined { .. } => "station_quarantined",
            Self::Version => "no_common_version",
            Self::Damaged(_) => "journal_damaged",
            Self::Unacceptable { .. } => "entry_unacceptable",
        }
    }
}

/// The station's end of its journal's way to the console: oldest first, one batch at a time, nothing
/// forgotten. It goes on from the last place on which both agreed; what the console has in truth, its answers
/// say.
#[derive(Clone, Debug)]
pub struct Outbox {
    station: StationKey,
    head: Head,
    agreed: Head,
    lineage: Option<Lineage>,
    entries_max: usize,
    is_waiting: bool,
    backoff: Backoff,
    stopped: Option<OutboxFault>,
}

impl Outbox {
    /// An outbox of a journal that ends at `head`. `last_ack` is the last acknowledgement that was stored; it
    /// may be old or missing, which costs a batch and no more.
    pub fn new(station: StationKey, head: Head, last_ack: Option<Ack>) -> Self {
        let agreed = last_ack.map(|ack| ack.head());
        Self {
            station,
            head,
            agreed: agreed
                .filter(|it| it.sequence <= head.sequence)
                .unwrap_or(Head::EMPTY),
            lineage: last_ack.map(|ack| ack.lineage),
            entries_max: BATCH_ENTRIES_MAX,
            is_waiting: false,
            backoff: Backoff::new(),
            stopped: None,
        }
    }

    /// The last place on which station and console agreed.
    pub fn agreed(&self) -> Head {
        self.agreed
    }

    /// What to store, so that the next start need not ask: not needed for safety.
    pub fn ack(&self) -> Option<Ack> {
        self.lineage.map(|lineage| Ack {
            lineage,
            through: self.agreed.sequence,
            hash: self.agreed.hash,
        })
    }

    /// Why the journal is not sent; `None` while it is.
    pub fn stopped(&self) -> Option<&OutboxFault> {
        self.stopped.as_ref()
    }

    /// How many entries the console does not have, as far as is known.
    pub fn backlog(&self) -> u64 {
        self.head.sequence.saturating_sub(self.agreed.sequence)
    }

    /// The journal grew.
    pub fn handle_appended(&mut self, head: Head) {
        self.head = head;
    }

    /// Which entries to send now, if it is time; one batch at a time.
    pub fn poll_transmit(&mut self, now: Moment) -> Option<Want> {
        if self.is_waiting || self.backlog() == 0 || !self.backoff.is_over(now) {
            return None;
        }
        self.is_waiting = true;
        Some(Want {
            after: self.agreed,
            entries_max: self.entries_max,
            bytes_max: BATCH_BYTES_MAX - BATCH_FRAME,
        })
    }

    /// When to send again; `None` while an answer is awaited or there is nothing to send.
    pub fn poll_timeout(&self) -> Option<Moment> {
        (!self.is_waiting && self.backlog() > 0).then(|| self.backoff.until())
    }

    /// Makes the batch out of entries that were read from the journal for `want`. Entries that do not
    /// continue each other stop the outbox: a damaged journal is for a person to look at.
    pub fn batch(
        &mut self,
        now: Moment,
        want: Want,
        entries: Vec<Entry>,
        random: u64,
    ) -> Result<Batch, OutboxFault> {
        let mut verifier = ChainVerifier::new(self.station, want.after);
        let mut room = want.bytes_max;
        let mut taken = 0;
        for entry in entries.iter().take(want.entries_max) {
            if let Err(fault) = verifier.push(entry) {
                return Err(self.stop(now, OutboxFault::Damaged(fault), random));
            }
            let needed = entry.record.len() + ITEM_FRAME;
            if taken > 0 && needed > room {
                break;
            }
            room = room.saturating_sub(needed);
            taken += 1;
        }
        if taken == 0 {
            let missing = ChainFault::Gap {
                expected: want.after.sequence + 1,
                found: want.after.sequence + 2,
            };
            return Err(self.stop(now, OutboxFault::Damaged(missing), random));
        }
        let mut entries = entries;
        entries.truncate(taken);
        Ok(Batch {
            station: self.station,
            after: want.after,
            entries,
        })
    }

    /// The console answered. `own_hash` gives the hash of each entry of this station's journal.
    pub fn handle_answer(
        &mut self,
        now: Moment,
        answer: &PushAnswer,
        own_hash: impl Fn(u64) -> Option<Hash>,
        random: u64,
    ) {
        self.is_waiting = false;
        match answer {
            PushAnswer::Ack(ack) => self.agree(now, ack, own_hash, random),
            PushAnswer::Refused(fault) => self.refused(now, fault, own_hash, random),
        }
    }

    fn agree(&mut self, now: Moment, ack: &Ack, own_hash: impl Fn(u64) -> Option<Hash>, random: u64) {
        match self.compare(ack, own_hash) {
            Ok(()) => {
                self.agreed = ack.head();
                self.lineage = Some(ack.lineage);
                self.stopped = None;
                self.entries_max = BATCH_ENTRIES_MAX;
                self.backoff.succeed();
            }
            Err(fault) => {
                self.stop(now, fault, random);
            }
        }
    }

    fn compare(&self, ack: &Ack, own_hash: impl Fn(u64) -> Option<Hash>) -> Result<(), OutboxFault> {
        let (console, own) = (ack.through, self.head.sequence);
        if console > own {
            return Err(OutboxFault::RolledBack { console, own });
        }
        let here = match console {
            0 => Some(Hash::START),
            sequence => own_hash(sequence),
        };
        if here == Some(ack.hash) {
            Ok(())
        } else {
            Err(OutboxFault::Fork { sequence: console })
        }
    }

    fn refused(
        &mut self,
        now: Moment,
        fault: &PushFault,
        own_hash: impl Fn(u64) -> Option<Hash>,
        random: u64,
    ) {
        let stop = match fault {
            PushFault::Gap { ack } if ack.head() != self.agreed => {
                return self.agree(now, ack, own_hash, random);
            }
            PushFault::Fork { sequence } => OutboxFault::Fork { sequence: *sequence },
            PushFault::Revoked => OutboxFault::Revoked,
            PushFault::OtherStation { .. } => OutboxFault::OtherStation,
            PushFault::Version { .. } => OutboxFault::Version,
            PushFault::Quarantined { sequence, .. } => OutboxFault::Quarantined { sequence: *sequence },
            PushFault::TooLarge { .. } | PushFault::Malformed if self.entries_max == 1 => {
                OutboxFault::Unacceptable {
                    sequence: self.agreed.sequence + 1,
                }
            }
            PushFault::TooLarge { .. } | PushFault::Malformed => {
                self.entries_max = (self.entries_max / 4).max(1);
                return self.backoff.fail(now, random);
            }
            PushFault::Gap { .. } | PushFault::Changed { .. } | PushFault::Busy => {
                return self.backoff.fail(now, random);
            }
        };
        self.stop(now, stop, random);
    }

    /// A last page said up to where this station's journal is in the console's state. Another lineage than the
    /// last one may have less than was acknowledged: those entries are offered again.
    pub fn handle_feed(
        &mut self,
        now: Moment,
        lineage: Lineage,
        acked_through: u64,
        own_hash: impl Fn(u64) -> Option<Hash>,
        random: u64,
    ) {
        let own = self.head.sequence;
        if acked_through > own {
            self.stop(
                now,
                OutboxFault::RolledBack {
                    console: acked_through,
                    own,
                },
                random,
            );
            return;
        }
        if self.lineage == Some(lineage) || acked_through >= self.agreed.sequence {
            return;
        }
        let hash = match acked_through {
            0 => Some(Hash::START),
            sequence => own_hash(sequence),
        };
        if let Some(hash) = hash {
            self.lineage = Some(lineage);
            self.agreed = Head {
                sequence: acked_through,
                hash,
            };
        }
    }

    /// No answer came.
    pub fn handle_failure(&mut self, now: Moment, random: u64) {
        self.is_waiting = false;
        self.backoff.fail(now, random);
    }

    /// Tries again after a while: a person may have settled what stopped it.
    fn stop(&mut self, now: Moment, fault: OutboxFault, random: u64) -> OutboxFault {
        self.is_waiting = false;
        self.stopped = Some(fault);
        self.backoff.refuse(now, random);
        fault
    }
}
