//! F3: the power fails while the disk writes. Between two syncs a disk may keep any of what was written: of
//! each sector the old content or the new one, of each file any length in between. Whatever it keeps, the
//! station starts, and the journal ends before the append that was under way or behind it, never elsewhere.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use station_core::journal::{Head, Started};
use station_core::replica::Change;
use station_core::ticket::{AttemptState, AttemptSubject};

use super::*;
use crate::testing::{self, MADE_AT_MS};

/// The least a disk writes as a whole, in bytes.
const SECTOR: usize = 512;
/// Appends, each torn in many ways.
const APPENDS: u64 = 100;
/// Ways in which each is torn.
const TEARS: u64 = 18;
/// After so many appends the log is folded, and that is torn as well.
const FOLD_EVERY: u64 = 7;

/// The database's files as a disk holds them. The shared-memory index is no part: it is made anew.
type Disk = BTreeMap<&'static str, Vec<u8>>;

const FILES: [&str; 2] = ["station.db", "station.db-wal"];

/// A SplitMix64 sequence, so that a failure can be seen again.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }
}

fn disk(folder: &Path) -> Disk {
    let read = |name| fs::read(folder.join(name)).unwrap_or_default();
    FILES.map(|name| (name, read(name))).into()
}

/// What may be left of the way from `old` to `new`: everything up to a point, or any sectors at all.
fn torn(old: &[u8], new: &[u8], random: &mut Random) -> Vec<u8> {
    let (shortest, longest) = (old.len().min(new.len()), old.len().max(new.len()));
    let between = shortest + random.below(longest - shortest + 1);
    let len = [old.len(), new.len(), between][random.below(3)];
    let sectors = len.div_ceil(SECTOR).max(1);
    let written_up_to = [random.below(sectors + 1), usize::MAX][random.below(2)];
    let mut left = old.to_vec();
    left.resize(len, 0);
    for sector in 0..sectors {
        let is_written = sector < written_up_to && (written_up_to != usize::MAX || random.below(2) == 0);
        let (from, to) = (sector * SECTOR, ((sector + 1) * SECTOR).min(len).min(new.len()));
        if is_written && from < to {
            left[from..to].copy_from_slice(&new[from..to]);
        }
    }
    left
}

/// Starts a station on what is left and says where its journal ends.
fn start(disk: &Disk) -> Head {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in disk {
        if !bytes.is_empty() {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
    }
    let store = Store::open(&folder.path().join(FILES[0]), &testing::seal_key()).expect("the station starts");
    assert_eq!(store.verify_journal().unwrap().fault, None);
    store.head().unwrap()
}

fn check(before: &(Disk, Head), after: &(Disk, Head), random: &mut Random) {
    for _ in 0..TEARS {
        let seed = random.0;
        let left = FILES.map(|name| (name, torn(&before.0[name], &after.0[name], random)));
        let head = start(&left.into());
        assert!(
            head == before.1 || head == after.1,
            "{head:?} with the seed {seed}"
        );
    }
    assert_eq!(start(&after.0), after.1, "what was acknowledged is there");
}

#[test]
fn a_power_cut_at_any_sector_leaves_the_journal_before_or_behind_the_append() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::create(&folder.path().join(FILES[0]), &testing::seal_key()).unwrap();
    store
        .provision(&testing::provision(), [8; 32], None, MADE_AT_MS)
        .unwrap();
    let mut random = Random(3);
    let mut before = (disk(folder.path()), store.head().unwrap());
    for number in 0..APPENDS {
        let software = "x".repeat(random.below(2000));
        let records = [Started {
            software,
            after_crash: false,
        }
        .into()];
        let subject = AttemptSubject::Code {
            group: format!("{:03}", number % 5),
        };
        let state = AttemptState {
            failures: number as u32 + 1,
            blocked_until_ms: 0,
        };
        let changes = [Change::SetAttempts { subject, state }];
        let head = store.append(MADE_AT_MS + number, &records, &changes).unwrap();
        let after = (disk(folder.path()), head);
        check(&before, &after, &mut random);
        before = after;
        if number % FOLD_EVERY == FOLD_EVERY - 1 {
            store.fold_log();
            let folded = (disk(folder.path()), head);
            check(&before, &folded, &mut random);
            before = folded;
        }
    }
}
