//! What a fleet waited.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::bench::at;

/// The steps that are measured, in the order of a station's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wait {
    /// Connecting with a token and being taken in.
    Join,
    /// Connecting with a certificate, handshake included.
    Connect,
    /// From the first question to a whole replica.
    FirstSync,
    /// One batch of entries, from sending to the acknowledgement.
    Push,
    /// One question to the feed, from asking to the answer: as long as nothing changes, it is held.
    Poll,
}

impl Wait {
    fn name(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Connect => "connect",
            Self::FirstSync => "first sync",
            Self::Push => "push",
            Self::Poll => "held poll",
        }
    }
}

/// What one station has to say.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) waits: Vec<(Wait, Duration)>,
    /// What went wrong, by name.
    pub(super) faults: Vec<String>,
    pub(super) rows: u64,
    pub(super) entries: u64,
    pub(super) acknowledged: u64,
}

impl Told {
    pub(super) fn waited(&mut self, wait: Wait, time: Duration) {
        self.waits.push((wait, time));
    }
}

/// What all stations together have to say. Shows itself as a table.
#[derive(Debug)]
pub struct Report {
    stations: usize,
    waits: BTreeMap<Wait, Vec<Duration>>,
    faults: BTreeMap<String, usize>,
    rows: u64,
    entries: u64,
    acknowledged: u64,
}

impl Report {
    pub(super) fn new(stations: usize) -> Self {
        Self {
            stations,
            waits: BTreeMap::new(),
            faults: BTreeMap::new(),
            rows: 0,
            entries: 0,
            acknowledged: 0,
        }
    }

    pub(super) fn add(&mut self, told: Told) {
        for (wait, time) in told.waits {
            self.waits.entry(wait).or_default().push(time);
        }
        for fault in told.faults {
            *self.faults.entry(fault).or_default() += 1;
        }
        self.rows += told.rows;
        self.entries += told.entries;
        self.acknowledged += told.acknowledged;
    }

    /// Everything worked: no fault, and every entry was acknowledged.
    pub fn is_clean(&self) -> bool {
        self.faults.is_empty() && self.entries == self.acknowledged
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} stations, {} rows received, {} of {} entries acknowledged",
            self.stations, self.rows, self.acknowledged, self.entries
        )?;
        writeln!(
            f,
            "{:<12}{:>8}{:>12}{:>12}{:>12}",
            "", "count", "p50", "p99", "max"
        )?;
        for (wait, times) in &self.waits {
            let mut sorted = times.clone();
            sorted.sort_unstable();
            let [p50, p99, max] = [0.5, 0.99, 1.0].map(|share| format!("{:.1?}", at(&sorted, share)));
            writeln!(
                f,
                "{:<12}{:>8}{p50:>12}{p99:>12}{max:>12}",
                wait.name(),
                sorted.len()
            )?;
        }
        for (fault, count) in &self.faults {
            writeln!(f, "{count} times: {fault}")?;
        }
        Ok(())
    }
}
