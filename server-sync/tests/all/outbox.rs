//! A journal reaches the console whole, once, or not at all.

use proptest::prelude::*;
use server_sync::backoff::{Backoff, Moment};
use server_sync::feed::Complete;
use server_sync::journal::*;
use server_sync::{ChainFault, Entry, Hash, Head, Lineage, StationKey, verify};

use crate::samples::{self, LINEAGE, NOW_MS, STATION, entry_head, journal};

/// The console's side of one station, in memory.
#[derive(Clone)]
struct Console {
    lineage: Lineage,
    entries: Vec<Entry>,
    standing: Standing,
    review: Vec<Entry>,
}

impl Console {
    fn new() -> Self {
        Self {
            lineage: LINEAGE,
            entries: vec![],
            standing: Standing::Good,
            review: vec![],
        }
    }

    fn line(&self) -> Line {
        Line {
            station: STATION,
            head: self.entries.last().map_or(Head::EMPTY, entry_head),
            standing: self.standing,
        }
    }

    fn push(&mut self, batch: &Batch) -> PushAnswer {
        let line = self.line();
        let known = |sequence: u64| Some(self.entries.get(sequence as usize - 1)?.hash);
        let Received {
            answer,
            append,
            review,
            line,
        } = receive(&line, self.lineage, batch, known);
        let (append, review) = (append.to_vec(), review.to_vec());
        self.entries.extend(append);
        self.standing = line.standing;
        for entry in review {
            if !self.review.contains(&entry) {
                self.review.push(entry);
            }
        }
        self.review.sort_by_key(|entry| entry.sequence);
        assert_eq!(self.line().head, line.head);
        answer
    }
}

/// What a last page says now.
fn complete(console: &Console) -> Complete {
    let head = console.line().head;
    Complete {
        lineage: console.lineage,
        revision: samples::revision(1),
        made_at_ms: NOW_MS,
        acked_through: head.sequence,
        acked_mark: head.hash.mark(),
    }
}

fn own_hash(entries: &[Entry]) -> impl Fn(u64) -> Option<Hash> + '_ {
    |sequence| Some(entries.get(sequence as usize - 1)?.hash)
}

fn outbox(entries: &[Entry]) -> Outbox {
    Outbox::new(STATION, entries.last().map_or(Head::EMPTY, entry_head), None)
}

/// One exchange, the bytes of both messages included. Gives whether there was something to send.
fn exchange(outbox: &mut Outbox, entries: &[Entry], console: &mut Console, now: Moment) -> bool {
    let Some(want) = outbox.poll_transmit(now) else {
        return false;
    };
    let after = want.after as usize;
    let batch = outbox.batch(now, want, entries[after..].to_vec(), 0);
    let Ok(batch) = batch else { return false };
    let batch = Batch::from_bytes(&batch.to_bytes()).expect("its own bytes");
    let answer = console.push(&batch);
    let answer = PushAnswer::from_bytes(&answer.to_bytes()).expect("its own bytes");
    outbox.handle_answer(now, &answer, own_hash(entries), 0);
    true
}

/// Until nothing is left to send, or until it waits for a person.
fn drain(outbox: &mut Outbox, entries: &[Entry], console: &mut Console) {
    let mut now = Moment(0);
    for _ in 0..200 {
        exchange(outbox, entries, console, now);
        match outbox.poll_timeout() {
            Some(at) if at.0 < now.0 + Backoff::SETTLED_MS / 2 => now = now.max(at),
            _ => return,
        }
    }
    panic!("no end: {outbox:?}");
}

#[test]
fn a_long_journal_goes_in_batches() {
    let entries = journal(3 * BATCH_ENTRIES_MAX as u64 / 2);
    let (mut outbox, mut console) = (outbox(&entries), Console::new());
    assert!(exchange(&mut outbox, &entries, &mut console, Moment(0)));
    assert_eq!(console.entries.len(), BATCH_ENTRIES_MAX);
    drain(&mut outbox, &entries, &mut console);
    assert_eq!(console.entries, entries);
    assert_eq!((outbox.backlog(), outbox.poll_timeout()), (0, None));
}

/// Both know more than the stored acknowledgement says: one batch comes twice and nothing changes.
#[test]
fn a_station_that_forgot_what_was_acknowledged_hears_it_again() {
    let entries = journal(20);
    let mut console = Console::new();
    drain(&mut outbox(&entries[..15]), &entries[..15], &mut console);
    let mut forgetful = outbox(&entries);
    drain(&mut forgetful, &entries, &mut console);
    assert_eq!(console.entries, entries);
    let ack = forgetful.ack();
    let mut knowing = Outbox::new(STATION, entry_head(&entries[19]), ack);
    assert_eq!(knowing.poll_transmit(Moment(0)), None);
}

#[test]
fn a_restored_console_is_given_again_what_it_lost() {
    let entries = journal(20);
    let (mut outbox, mut console) = (outbox(&entries[..15]), Console::new());
    drain(&mut outbox, &entries[..15], &mut console);
    console.entries.truncate(7);
    console.lineage = Lineage([0x22; 16]);
    // The feed says so first …
    let mut told = outbox.clone();
    told.handle_feed(Moment(0), &complete(&console), own_hash(&entries), 0);
    assert_eq!(told.backlog(), 8);
    // … or the next batch does.
    outbox.handle_appended(entry_head(&entries[19]));
    let mut asked = console.clone();
    drain(&mut outbox, &entries, &mut asked);
    assert_eq!(asked.entries, entries);
    drain(&mut told, &entries[..15], &mut console);
    assert_eq!(console.entries, entries[..15]);
}

/// The same station, differently, after `common` entries.
fn copy_of(entries: &[Entry], common: usize, length: usize) -> Vec<Entry> {
    let mut copy = entries[..common].to_vec();
    while copy.len() < length {
        let head = copy.last().map_or(Head::EMPTY, entry_head);
        copy.push(Entry::following(STATION, head, NOW_MS, b"otherwise".to_vec()));
    }
    copy
}

#[track_caller]
fn check_fork(common: usize, genuine: usize, copied: usize) {
    let entries = journal(genuine as u64);
    let copy = copy_of(&entries, common, copied);
    let mut console = Console::new();
    let agreed = outbox(&entries[..common]);
    drain(&mut agreed.clone(), &entries[..common], &mut console);
    drain(&mut outbox(&entries), &entries, &mut console);
    let mut copied_outbox = outbox(&copy);
    drain(&mut copied_outbox, &copy, &mut console);
    let sequence = common as u64 + 1;
    assert_eq!(copied_outbox.stopped(), Some(&OutboxFault::Fork { sequence }));
    assert_eq!(console.standing, Standing::Forked { sequence });
    assert_eq!(console.entries, entries, "the first to come is kept");
    assert_eq!(
        console.review,
        copy[common..],
        "and so is the other, for a person"
    );
    // From now on neither is taken.
    let more = journal(genuine as u64 + 1);
    let mut genuine = Outbox::new(
        STATION,
        entry_head(more.last().expect("entries")),
        outbox(&entries).ack(),
    );
    drain(&mut genuine, &more, &mut console);
    let sequence = more.len() as u64;
    assert_eq!(genuine.stopped(), Some(&OutboxFault::Fork { sequence }));
    assert!(console.review.contains(more.last().expect("entries")));
}

#[test]
fn a_copied_station_is_found_out_and_its_entries_are_kept() {
    check_fork(8, 10, 9);
    check_fork(8, 10, 10);
    check_fork(8, 10, 13);
    check_fork(0, 3, 1);
    check_fork(0, 1, 4);
}

/// The copy's last acknowledgement is of a time after the two had parted, or of another life of the console: it
/// goes back until it hears where they part, in few steps, and offers everything from there.
#[track_caller]
fn check_long_fork(common: usize, length: usize, agreed: usize) {
    let entries = journal(length as u64);
    let copy = copy_of(&entries, common, length + 600);
    let mut console = Console::new();
    drain(&mut outbox(&entries), &entries, &mut console);
    let ack = Ack {
        lineage: LINEAGE,
        through: agreed as u64,
        hash: copy[agreed - 1].hash,
    };
    let mut copied = Outbox::new(STATION, entry_head(copy.last().expect("entries")), Some(ack));
    drain(&mut copied, &copy, &mut console);
    assert_eq!(console.entries, entries);
    assert_eq!(console.review, copy[common..]);
}

#[test]
fn a_fork_is_found_however_far_back_it_is() {
    check_long_fork(1_000, 1_200, 1_190);
    check_long_fork(10, 1_200, 1_190);
    check_long_fork(0, 900, 700);
    check_long_fork(1_150, 1_200, 1_700);
}

/// Both were restored: the console has under this station's numbers what a copy wrote, as many as the station
/// has. Nothing is left to send, and still the page tells.
#[test]
fn a_page_tells_of_a_copy_before_anything_is_sent() {
    let entries = journal(10);
    let copy = copy_of(&entries, 6, 10);
    let (mut own, mut console) = (outbox(&entries), Console::new());
    drain(&mut own, &entries, &mut console);
    let mut restored = Console::new();
    restored.lineage = Lineage([0x22; 16]);
    drain(&mut outbox(&copy), &copy, &mut restored);
    assert_eq!(own.backlog(), 0);
    own.handle_feed(Moment(0), &complete(&restored), own_hash(&entries), 0);
    assert_eq!(own.stopped(), Some(&OutboxFault::Fork { sequence: 10 }));
    drain(&mut own, &entries, &mut restored);
    assert_eq!(restored.review, entries[6..]);
}

#[test]
fn a_station_that_was_rolled_back_hears_of_it() {
    let entries = journal(10);
    let mut console = Console::new();
    drain(&mut outbox(&entries), &entries, &mut console);
    let old = &entries[..6];
    let fault = OutboxFault::RolledBack { console: 10, own: 6 };
    let mut by_answer = outbox(old);
    drain(&mut by_answer, old, &mut console);
    assert_eq!(by_answer.stopped(), Some(&fault));
    let mut by_feed = outbox(old);
    by_feed.handle_feed(Moment(0), &complete(&console), own_hash(old), 0);
    assert_eq!(by_feed.stopped(), Some(&fault));
    assert_eq!(
        console.standing,
        Standing::Good,
        "it has said nothing wrong so far"
    );
}

#[test]
fn a_damaged_journal_is_not_sent() {
    let mut entries = journal(4);
    entries[2].record[0] ^= 1;
    let (mut outbox, mut console) = (outbox(&entries), Console::new());
    drain(&mut outbox, &entries, &mut console);
    let damage = ChainFault::Changed { sequence: 3 };
    assert_eq!(outbox.stopped(), Some(&OutboxFault::Damaged(damage)));
    assert!(console.entries.is_empty());
}

#[test]
fn entries_that_are_too_long_for_one_batch_go_in_several() {
    let mut head = Head::EMPTY;
    let next = |_| {
        let entry = Entry::following(STATION, head, NOW_MS, vec![7; RECORD_LEN_MAX]);
        head = entry_head(&entry);
        entry
    };
    let entries: Vec<Entry> = (0..40).map(next).collect();
    let (mut outbox, mut console) = (outbox(&entries), Console::new());
    drain(&mut outbox, &entries, &mut console);
    assert_eq!(console.entries, entries);
}

#[track_caller]
fn check_answer(fault: PushFault, stopped: Option<&str>) {
    let entries = journal(8);
    let mut outbox = outbox(&entries);
    let want = outbox.poll_transmit(Moment(0)).expect("something to send");
    let batch = outbox.batch(Moment(0), want, entries.clone(), 0);
    batch.expect("a journal that holds");
    let answer = PushAnswer::Refused(fault);
    outbox.handle_answer(Moment(0), &answer, own_hash(&entries), 0);
    assert_eq!(outbox.stopped().map(OutboxFault::code), stopped);
    assert_eq!(outbox.backlog(), 8, "the entries stay");
    assert!(outbox.poll_transmit(Moment(0)).is_none(), "not at once");
    let later = outbox.poll_timeout().expect("it tries again");
    assert!(outbox.poll_transmit(later).is_some());
}

#[test]
fn every_refusal_keeps_the_entries() {
    check_answer(PushFault::Busy, None);
    check_answer(PushFault::Malformed, None);
    check_answer(PushFault::Changed { first: 1 }, None);
    let too_large = PushFault::TooLarge {
        entries_max: 1,
        bytes_max: 1,
    };
    check_answer(too_large, None);
    check_answer(PushFault::Revoked, Some("station_revoked"));
    check_answer(PushFault::Fork { sequence: 1 }, Some("journal_fork"));
    let found = StationKey([1; 16]);
    check_answer(PushFault::OtherStation { found }, Some("other_station"));
    let quarantined = PushFault::Quarantined {
        sequence: 2,
        code: "receipt_forged".into(),
    };
    check_answer(quarantined, Some("station_quarantined"));
    let console = server_sync::Versions::OURS;
    check_answer(PushFault::Version { console }, Some("no_common_version"));
}

#[test]
fn the_console_takes_no_entries_of_another_station_or_of_a_revoked_one() {
    let batch = samples::batch();
    let check = |line: Line, fault: &str| {
        let received = receive(&line, LINEAGE, &batch, |_| None);
        let PushAnswer::Refused(refused) = received.answer else {
            panic!("accepted");
        };
        assert_eq!(refused.code(), fault);
        assert!(received.append.is_empty() && received.review.is_empty());
        assert_eq!(received.line, line);
    };
    let good = Console::new().line();
    check(
        Line {
            station: StationKey([1; 16]),
            ..good
        },
        "other_station",
    );
    check(
        Line {
            standing: Standing::Revoked,
            ..good
        },
        "station_revoked",
    );
    check(good, "journal_gap");
}

#[track_caller]
fn check_batch(change: impl FnOnce(&mut Vec<u8>), expected: Result<u64, BatchFault>) {
    let mut bytes = samples::batch().to_bytes();
    change(&mut bytes);
    assert_eq!(Batch::from_bytes(&bytes).map(|batch| batch.through()), expected);
}

#[test]
fn a_batch_is_whole_or_nothing() {
    check_batch(|_| (), Ok(4));
    let changed = Err(BatchFault::Changed { first: 3, last: 4 });
    check_batch(|bytes| *bytes.last_mut().expect("bytes") ^= 1, changed);
    check_batch(
        |bytes| bytes.truncate(bytes.len() - 1),
        Err(BatchFault::Malformed),
    );
    check_batch(|bytes| bytes.push(0), Err(BatchFault::Malformed));
    check_batch(
        |bytes| bytes.resize(BATCH_BYTES_MAX + 1, 0),
        Err(BatchFault::TooLarge),
    );
    let empty = Batch {
        entries: vec![],
        ..samples::batch()
    };
    check_batch(|bytes| *bytes = empty.to_bytes(), Err(BatchFault::Empty));
    let many = Batch {
        station: STATION,
        after: Head::EMPTY,
        entries: journal(BATCH_ENTRIES_MAX as u64 + 1),
    };
    check_batch(|bytes| *bytes = many.to_bytes(), Err(BatchFault::TooLarge));
    let far = Head {
        sequence: u64::MAX - 1,
        hash: Hash::START,
    };
    let far = Batch {
        after: far,
        ..samples::batch()
    };
    check_batch(|bytes| *bytes = far.to_bytes(), Err(BatchFault::Malformed));
}

proptest! {
    #[test]
    fn no_changed_bit_of_a_batch_gets_through(place in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut bytes = samples::batch().to_bytes();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        let Ok(read) = Batch::from_bytes(&bytes) else { return Ok(()) };
        prop_assert_eq!(read, samples::batch());
    }

    /// Batches in any order, any number of times, with any overlap: the console has a part of the journal
    /// from its beginning, and what it acknowledged is in it.
    #[test]
    fn any_order_of_batches_leaves_a_beginning_of_the_journal(
        pieces in prop::collection::vec((0..30usize, 1..12usize), 1..40),
    ) {
        let entries = journal(30);
        let mut console = Console::new();
        for (start, length) in pieces {
            let end = (start + length).min(entries.len());
            let after = start.checked_sub(1).map_or(Head::EMPTY, |last| entry_head(&entries[last]));
            let batch = Batch { station: STATION, after, entries: entries[start..end].to_vec() };
            match console.push(&batch) {
                PushAnswer::Ack(ack) => prop_assert!(ack.through >= batch.through()),
                PushAnswer::Refused(fault) => prop_assert_eq!(fault.code(), "journal_gap"),
            }
            prop_assert!(verify(STATION, &console.entries).is_ok());
            prop_assert_eq!(&console.entries[..], &entries[..console.entries.len()]);
        }
        drain(&mut outbox(&entries), &entries, &mut console);
        prop_assert_eq!(console.entries, entries);
    }
}
