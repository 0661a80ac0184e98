//! The station's end of its journal's way to the console.

use super::batch::{Ack, BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, Batch, PushAnswer, PushFault};
use crate::backoff::{Backoff, Moment};
use crate::chain::{ChainFault, ChainVerifier, Head};
use crate::feed::Complete;
use crate::record::{Entry, Hash, StationKey};

/// Bytes of a batch that are kept free for everything beside the records, and for each record's frame.
const BATCH_FRAME: usize = 256;
const ITEM_FRAME: usize = 16;

/// Which entries to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// Those that follow this sequence,
    pub after: u64,
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
///
/// Where the two turn out to differ, the outbox goes back until it is told where they part, and offers what
/// follows once, for the console to keep it. Then it waits for a person.
#[derive(Clone, Debug)]
pub struct Outbox {
    station: StationKey,
    head: Head,
    agreed: u64,
    /// In a fork: everything up to here was offered.
    offered: Option<u64>,
    /// In a fork: how far to go back next time.
    step: u64,
    ack: Option<Ack>,
    entries_max: usize,
    sent: Option<Sent>,
    is_waiting: bool,
    backoff: Backoff,
    stopped: Option<OutboxFault>,
}

/// The batch that is on its way.
#[derive(Clone, Copy, Debug)]
struct Sent {
    after: u64,
    through: u64,
}

impl Outbox {
    /// An outbox of a journal that ends at `head`. `last_ack` is the last acknowledgement that was stored; it
    /// may be old or missing, which costs a batch and no more.
    pub fn new(station: StationKey, head: Head, last_ack: Option<Ack>) -> Self {
        let ack = last_ack.filter(|ack| ack.through <= head.sequence);
        Self {
            station,
            head,
            agreed: ack.map_or(0, |ack| ack.through),
            offered: None,
            step: 1,
            ack,
            entries_max: BATCH_ENTRIES_MAX,
            sent: None,
            is_waiting: false,
            backoff: Backoff::new(),
            stopped: None,
        }
    }

    /// The sequence up to which station and console agree.
    pub fn agreed(&self) -> u64 {
        self.agreed
    }

    /// The last acknowledgement: stored, it saves the next start a question. Safety does not need it.
    pub fn ack(&self) -> Option<Ack> {
        self.ack
    }

    /// Why the journal is not sent; `None` while it is.
    pub fn stopped(&self) -> Option<&OutboxFault> {
        self.stopped.as_ref()
    }

    /// How many entries the console does not have, as far as is known.
    pub fn backlog(&self) -> u64 {
        self.head.sequence.saturating_sub(self.agreed)
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
            after: self.offered.unwrap_or(self.agreed),
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
        mut entries: Vec<Entry>,
        random: u64,
    ) -> Result<Batch, OutboxFault> {
        let after = Head {
            sequence: want.after,
            hash: entries.first().map_or(Hash::START, |entry| entry.previous),
        };
        match self.count_that_fit(after, want, &entries) {
            Ok(count) => entries.truncate(count),
            Err(fault) => return Err(self.stop(now, OutboxFault::Damaged(fault), random)),
        }
        let batch = Batch {
            station: self.station,
            after,
            entries,
        };
        self.sent = Some(Sent {
            after: want.after,
            through: batch.through(),
        });
        Ok(batch)
    }

    fn count_that_fit(&self, after: Head, want: Want, entries: &[Entry]) -> Result<usize, ChainFault> {
        if entries.is_empty() {
            let expected = want.after + 1;
            let found = expected + 1;
            return Err(ChainFault::Gap { expected, found });
        }
        let mut verifier = ChainVerifier::new(self.station, after);
        let (mut room, mut count) = (want.bytes_max, 0);
        for entry in entries.iter().take(want.entries_max) {
            verifier.push(entry)?;
            let needed = entry.record.len() + ITEM_FRAME;
            if count > 0 && needed > room {
                break;
            }
            room = room.saturating_sub(needed);
            count += 1;
        }
        Ok(count)
    }

    /// The console answered. `own_hash` gives the hash of an entry of this station's journal; it is asked for
    /// the one that the answer acknowledges, and no other.
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
            PushAnswer::Refused(PushFault::Gap { ack }) if ack.through != self.agreed => {
                self.agree(now, ack, own_hash, random);
            }
            PushAnswer::Refused(fault) => self.refused(now, fault, random),
        }
    }

    fn agree(&mut self, now: Moment, ack: &Ack, own_hash: impl Fn(u64) -> Option<Hash>, random: u64) {
        let (console, own) = (ack.through, self.head.sequence);
        if console > own {
            self.stop(now, OutboxFault::RolledBack { console, own }, random);
        } else if hash_at(console, own_hash) != Some(ack.hash) {
            self.doubt(now, console, random);
        } else {
            self.settle_on(*ack);
            self.entries_max = BATCH_ENTRIES_MAX;
            self.backoff.succeed();
        }
    }

    fn settle_on(&mut self, ack: Ack) {
        self.agreed = ack.through;
        self.ack = Some(ack);
        self.offered = None;
        self.step = 1;
        self.stopped = None;
    }

    fn refused(&mut self, now: Moment, fault: &PushFault, random: u64) {
        let stop = match fault {
            PushFault::Fork { sequence } => return self.forked(now, *sequence, random),
            PushFault::Revoked => OutboxFault::Revoked,
            PushFault::OtherStation { .. } => OutboxFault::OtherStation,
            PushFault::Version { .. } => OutboxFault::Version,
            PushFault::Quarantined { sequence, .. } => OutboxFault::Quarantined { sequence: *sequence },
            PushFault::TooLarge { .. } | PushFault::Malformed if self.entries_max == 1 => {
                OutboxFault::Unacceptable {
                    sequence: self.agreed + 1,
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

    /// The console keeps what was sent from `sequence` on for a person, or wants to see older entries.
    fn forked(&mut self, now: Moment, sequence: u64, random: u64) {
        let Some(Sent { after, through }) = self.sent else {
            self.stop(now, OutboxFault::Fork { sequence }, random);
            return;
        };
        // Behind the place where the two part, nothing that is offered fits; it is kept all the same.
        if sequence <= after && self.offered.is_none() {
            return self.doubt(now, sequence, random);
        }
        self.step = 1;
        if self.offered.is_none() {
            self.stopped = Some(OutboxFault::Fork { sequence });
            self.agreed = self.agreed.max((sequence - 1).min(through));
        }
        if through < self.head.sequence {
            self.offered = Some(through);
            self.backoff.fail(now, random);
        } else {
            self.offered = None;
            self.backoff.refuse(now, random);
        }
    }

    /// The console has something else at this place, or may have: go back, further each time.
    fn doubt(&mut self, now: Moment, sequence: u64, random: u64) {
        self.stopped = Some(OutboxFault::Fork { sequence });
        self.agreed = sequence.min(self.head.sequence).saturating_sub(self.step);
        self.step = self.step.saturating_mul(2);
        self.offered = None;
        self.backoff.fail(now, random);
    }

    /// A last page said up to where this station's journal is in the console's state. Another lineage than the
    /// last one may have less than was acknowledged, or a copy's entries: those of this station are offered
    /// again. `own_hash` is asked for the entry that the page names, and no other.
    pub fn handle_feed(
        &mut self,
        now: Moment,
        complete: &Complete,
        own_hash: impl Fn(u64) -> Option<Hash>,
        random: u64,
    ) {
        let (console, own) = (complete.acked_through, self.head.sequence);
        let is_new_life = self.ack.is_none_or(|ack| ack.lineage != complete.lineage);
        if console > own {
            if self.stopped.is_none() {
                self.agreed = own.saturating_sub(1);
                self.stop(now, OutboxFault::RolledBack { console, own }, random);
            }
            return;
        }
        let Some(hash) = hash_at(console, own_hash) else {
            return;
        };
        if hash.mark() != complete.acked_mark {
            if self.stopped.is_none() {
                self.doubt(now, console, random);
            }
            return;
        }
        // Within a life the answers to batches know better than a page that was made before them.
        if is_new_life || console > self.agreed {
            self.settle_on(Ack {
                lineage: complete.lineage,
                through: console,
                hash,
            });
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

fn hash_at(sequence: u64, own_hash: impl Fn(u64) -> Option<Hash>) -> Option<Hash> {
    match sequence {
        0 => Some(Hash::START),
        sequence => own_hash(sequence),
    }
}
