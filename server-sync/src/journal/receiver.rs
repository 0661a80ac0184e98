//! The console's end of a station's journal.

use minicbor::{Decode, Encode};

use super::batch::{Ack, Batch, PushAnswer, PushFault};
use crate::chain::Head;
use crate::id::Lineage;
use crate::record::{Entry, Hash, StationKey};

/// What the console keeps about the journal of one station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// The station.
    pub station: StationKey,
    /// The last entry that is stored.
    pub head: Head,
    /// Whether more is taken.
    pub standing: Standing,
}

/// Whether more of a station's journal is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Encode, Decode)]
pub enum Standing {
    /// It is.
    #[default]
    #[n(0)]
    Good,
    /// Two journals came under this identity. What comes is kept for a person to look at.
    #[n(1)]
    Forked {
        /// The first sequence at which they differ.
        #[n(0)]
        sequence: u64,
    },
    /// An administrator revoked the station.
    #[n(2)]
    Revoked,
}

/// What to store because of a batch, and what to answer once it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received<'b> {
    /// The answer; to be sent after the commit and not before.
    pub answer: PushAnswer,
    /// Entries to append to the station's journal, and to fold.
    pub append: &'b [Entry],
    /// Entries to keep for a person to look at, by (station, sequence, hash). They are not folded.
    pub review: &'b [Entry],
    /// The line from now on.
    pub line: Line,
}

/// Takes a batch that came over a connection of `line.station`.
///
/// `known` gives the hash of each stored entry of that station, from 1 to the line's head. It is asked at most
/// once, unless the journals differ. A batch that came before changes nothing and is acknowledged again.
pub fn receive<'b>(
    line: &Line,
    lineage: Lineage,
    batch: &'b Batch,
    known: impl Fn(u64) -> Option<Hash>,
) -> Received<'b> {
    let refuse = |fault| Received {
        answer: PushAnswer::Refused(fault),
        append: &[],
        review: &[],
        line: *line,
    };
    if batch.station != line.station {
        return refuse(PushFault::OtherStation { found: batch.station });
    }
    match line.standing {
        Standing::Revoked => return refuse(PushFault::Revoked),
        Standing::Good if batch.after.sequence > line.head.sequence => {
            return refuse(PushFault::Gap {
                ack: ack(lineage, line.head),
            });
        }
        Standing::Good | Standing::Forked { .. } => {}
    }
    let fork = first_difference(line, batch, known);
    match (line.standing, fork) {
        (Standing::Good, None) => extend(line, lineage, batch),
        (Standing::Good, Some(sequence)) => keep(line, batch, Standing::Forked { sequence }, sequence),
        (standing, fork) => keep(line, batch, standing, fork.unwrap_or(line.head.sequence + 1)),
    }
}

fn ack(lineage: Lineage, head: Head) -> Ack {
    Ack {
        lineage,
        through: head.sequence,
        hash: head.hash,
    }
}

fn extend<'b>(line: &Line, lineage: Lineage, batch: &'b Batch) -> Received<'b> {
    let overlap = (line.head.sequence - batch.after.sequence).min(batch.entries.len() as u64);
    let append = &batch.entries[overlap as usize..];
    let head = if append.is_empty() {
        line.head
    } else {
        batch.head()
    };
    Received {
        answer: PushAnswer::Ack(ack(lineage, head)),
        append,
        review: &[],
        line: Line { head, ..*line },
    }
}

/// What the console does not have, from this sequence on, is kept for review; so the answer says.
fn keep<'b>(line: &Line, batch: &'b Batch, standing: Standing, sequence: u64) -> Received<'b> {
    let skip = sequence.saturating_sub(batch.after.sequence + 1);
    let skip = (skip as usize).min(batch.entries.len());
    Received {
        answer: PushAnswer::Refused(PushFault::Fork { sequence }),
        append: &[],
        review: &batch.entries[skip..],
        line: Line { standing, ..*line },
    }
}

/// The first sequence at which the batch and the stored journal are seen to differ.
fn first_difference(line: &Line, batch: &Batch, known: impl Fn(u64) -> Option<Hash>) -> Option<u64> {
    let hash_at = |sequence| match sequence {
        0 => Some(Hash::START),
        at if at == line.head.sequence => Some(line.head.hash),
        at => known(at),
    };
    let stored = |entry: &&Entry| entry.sequence <= line.head.sequence;
    let overlap = batch.entries.iter().take_while(stored);
    // Each hash covers all before it: where the last ones agree, all do.
    let last = overlap.clone().last();
    let agrees = match last {
        Some(entry) => hash_at(entry.sequence) == Some(entry.hash),
        None if batch.after.sequence > line.head.sequence => return None,
        None => hash_at(batch.after.sequence) == Some(batch.after.hash),
    };
    if agrees {
        return None;
    }
    if hash_at(batch.after.sequence) != Some(batch.after.hash) {
        return Some(batch.after.sequence.max(1));
    }
    let mut differing = overlap.filter(|entry| hash_at(entry.sequence) != Some(entry.hash));
    differing.next().map(|entry| entry.sequence)
}
