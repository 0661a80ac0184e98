//! A station takes the page that comes next, and no other.

use proptest::prelude::*;
use server_sync::backoff::{Backoff, Moment};
use server_sync::feed::*;
use server_sync::{Lineage, Organization, StationKey, Version};

use crate::samples::{
    LINEAGE, NOW_MS, STATION, feed_key, header, key, key_list, organization_key, revision, sign_with,
    user_row,
};

const T0: Moment = Moment(0);

fn identity() -> Identity {
    Identity {
        organization_key: organization_key().verifying_key().to_bytes(),
        station: STATION,
    }
}

/// A station that has the feed up to 100 and is complete.
fn state() -> InboxState {
    InboxState {
        cursor: Some(Cursor {
            lineage: LINEAGE,
            revision: revision(100),
            version: Version(1),
            filling: None,
        }),
        floor: revision(100),
        site: "north".into(),
        left: vec![Lineage([0xee; 16])],
        ..InboxState::joined(key_list(3, vec![feed_key(1), feed_key(2)]))
    }
}

/// The delta that comes next.
fn delta() -> Header {
    Header {
        from: revision(100),
        to: revision(110),
        head: revision(110),
        snapshot: None,
        ..header()
    }
}

/// The first page of a snapshot of another lineage.
fn other_life() -> Header {
    Header {
        lineage: Lineage([0x22; 16]),
        from: revision(0),
        to: revision(5),
        head: revision(9),
        snapshot: Some(revision(9)),
        ..header()
    }
}

fn body() -> Vec<u8> {
    Row::from(user_row("ada")).to_bytes()
}

fn page_bytes(header: &Header, body: Vec<u8>) -> Vec<u8> {
    let key = key(100 + header.key_id as u8);
    SignedPage::sign(header, body, sign_with(&key)).to_bytes()
}

fn handle(state: InboxState, bytes: &[u8]) -> Result<Step, PageFault> {
    let mut inbox = Inbox::new(identity(), state.clone());
    let step = inbox.handle_page(T0, bytes, 0);
    assert_eq!(*inbox.state(), state, "nothing moves before it is applied");
    if let Ok(step) = &step {
        inbox.applied(step.state.clone());
        assert_eq!(*inbox.state(), step.state);
    }
    step
}

#[track_caller]
fn check(header: Header, expected: Result<u64, PageFault>) {
    let step = handle(state(), &page_bytes(&header, body()));
    let at = step.map(|step| step.state.cursor.expect("a cursor").revision.number());
    assert_eq!(at, expected);
}

#[track_caller]
fn check_change(change: impl FnOnce(&mut Header), expected: Result<u64, PageFault>) {
    let mut header = delta();
    change(&mut header);
    check(header, expected);
}

#[test]
fn the_page_that_comes_next_is_taken() {
    check(delta(), Ok(110));
    check_change(|it| it.head = revision(500), Ok(110));
    check_change(|it| it.key_id = 2, Ok(110));
    check(other_life(), Ok(5));
}

#[test]
fn every_other_page_is_refused_by_name() {
    let backward = |known, found| {
        Err(PageFault::Backward {
            known: revision(known),
            found: revision(found),
        })
    };
    check_change(|it| it.from = revision(90), backward(100, 90));
    check_change(
        |it| (it.from, it.to, it.head) = (revision(80), revision(90), revision(90)),
        backward(100, 90),
    );
    let hole = PageFault::Hole {
        known: revision(100),
        found: revision(101),
    };
    check_change(|it| it.from = revision(101), Err(hole));
    let contradicts = Err(PageFault::Contradiction);
    check_change(|it| it.to = revision(100), contradicts);
    check_change(|it| it.to = revision(111), contradicts);
    check_change(|it| it.snapshot = Some(revision(105)), contradicts);
    check_change(
        |it| it.station = StationKey([1; 16]),
        Err(PageFault::OtherStation(StationKey([1; 16]))),
    );
    check_change(
        |it| it.organization = Organization([1; 16]),
        Err(PageFault::OtherOrganization(Organization([1; 16]))),
    );
    check_change(|it| it.site = "south".into(), Err(PageFault::OtherSite));
    check_change(|it| it.version = Version(2), Err(PageFault::Version(Version(2))));
    check_change(|it| it.version = Version(0), Err(PageFault::Version(Version(0))));
    check_change(|it| it.key_id = 7, Err(PageFault::UnknownKey { id: 7 }));
    let early = Err(PageFault::KeyNotYetValid { id: 1 });
    check_change(|it| it.made_at_ms = NOW_MS - 2_000, early);
}

#[test]
fn another_lineage_begins_with_a_snapshot_and_is_never_entered_twice() {
    let other = other_life();
    let lineage = other.lineage;
    let middle = Header {
        from: revision(3),
        ..other.clone()
    };
    check(middle, Err(PageFault::OtherLineage(lineage)));
    let delta = Header {
        snapshot: None,
        ..other.clone()
    };
    check(delta, Err(PageFault::OtherLineage(lineage)));
    let past = Header {
        lineage: Lineage([0xee; 16]),
        ..other.clone()
    };
    check(past, Err(PageFault::PastLineage(Lineage([0xee; 16]))));
    let entered = handle(state(), &page_bytes(&other, body())).expect("a step");
    assert!(entered.begins && entered.completes.is_none());
    assert_eq!(entered.state.floor, revision(9));
    let back = Header {
        head: revision(900),
        ..other_life()
    };
    let back = Header {
        lineage: LINEAGE,
        ..back
    };
    let refused = handle(entered.state, &page_bytes(&back, body()));
    assert_eq!(refused, Err(PageFault::PastLineage(LINEAGE)));
}

/// A snapshot that somebody kept is older than what the station has seen.
#[test]
fn an_old_snapshot_of_the_same_lineage_is_refused() {
    let old = Header {
        lineage: LINEAGE,
        head: revision(99),
        ..other_life()
    };
    let fault = PageFault::Backward {
        known: revision(100),
        found: revision(99),
    };
    check(old.clone(), Err(fault));
    check(
        Header {
            head: revision(100),
            ..old
        },
        Ok(5),
    );
}

#[test]
fn what_was_true_as_a_whole_stays_known_until_the_next_whole() {
    let first = handle(state(), &page_bytes(&other_life(), body())).expect("a step");
    assert_eq!(first.state.complete, state().complete);
    let last = Header {
        from: revision(5),
        to: revision(12),
        head: revision(12),
        acked_through: 4,
        ..other_life()
    };
    let last = handle(first.state, &page_bytes(&last, body())).expect("a step");
    let completed = last.completes.expect("the last page");
    assert!(completed.drops_older && !last.begins);
    assert_eq!(completed.complete.acked_through, 4);
    assert_eq!(last.state.complete, Some(completed.complete));
    assert_eq!(last.state.cursor.expect("a cursor").filling, None);
}

#[test]
fn a_snapshot_may_bring_another_site() {
    let moved = Header {
        lineage: LINEAGE,
        site: "south".into(),
        head: revision(120),
        ..other_life()
    };
    let step = handle(state(), &page_bytes(&moved, body())).expect("a step");
    assert_eq!(step.state.site, "south");
}

#[track_caller]
fn check_bytes(change: impl FnOnce(&mut Vec<u8>), expected: &str) {
    let mut bytes = page_bytes(&delta(), body());
    change(&mut bytes);
    let refused = handle(state(), &bytes).expect_err("a damaged page");
    assert_eq!(refused.code(), expected);
}

#[test]
fn damaged_bytes_are_refused_by_name() {
    check_bytes(|bytes| bytes.truncate(bytes.len() - 1), "page_malformed");
    check_bytes(Vec::clear, "page_malformed");
    check_bytes(|bytes| bytes.push(0), "page_malformed");
    check_bytes(
        |bytes| *bytes.last_mut().expect("bytes") ^= 1,
        "page_bad_signature",
    );
    check_bytes(|bytes| bytes.resize(PAGE_LEN_MAX + 1, 0), "page_too_long");
    let with_body = |body: &[u8]| page_bytes(&delta(), body.to_vec());
    check_bytes(
        |bytes| *bytes = with_body(&[0x82, 0x18, 0x6f, 0x80]),
        "row_kind_unknown",
    );
    check_bytes(|bytes| *bytes = with_body(&[0x82, 0x02, 0x80]), "row_body");
    check_bytes(|bytes| *bytes = with_body(&[0xff]), "row_malformed");
    let other = StationRow {
        station: StationKey([9; 16]),
        name: String::new(),
        site: String::new(),
        zone: policy::model::Zone::Enrollment,
        hold_s: None,
        health_every_s: None,
        authorities: None,
    };
    let other = Row::from(other).to_bytes();
    check_bytes(|bytes| *bytes = with_body(&other), "page_other_station");
}

/// The key was retired while the station was away; its list says so, whatever date the page bears.
#[test]
fn a_retired_key_signs_nothing() {
    let retired = FeedKey {
        retired_at_ms: Some(NOW_MS - 10),
        ..feed_key(1)
    };
    let state = InboxState {
        keys: Some(key_list(4, vec![retired, feed_key(2)])),
        ..state()
    };
    let dated_back = Header {
        made_at_ms: NOW_MS - 500,
        ..delta()
    };
    let refused = handle(state, &page_bytes(&dated_back, body()));
    assert_eq!(refused, Err(PageFault::RetiredKey { id: 1 }));
}

/// Twice rotated while the station was away: it asks for the list and goes on.
#[test]
fn a_station_that_missed_two_rotations_asks_for_the_keys() {
    let mut inbox = Inbox::new(identity(), state());
    assert!(matches!(inbox.poll_transmit(T0), Some(Ask::Page(_))));
    assert_eq!(inbox.poll_transmit(T0), None, "one question at a time");
    let header = Header { key_id: 3, ..delta() };
    let bytes = page_bytes(&header, body());
    let fault = inbox.handle_page(T0, &bytes, 0).expect_err("an unknown key");
    assert_eq!(fault, PageFault::UnknownKey { id: 3 });
    let later = inbox.poll_timeout().expect("a wait");
    assert_eq!(inbox.poll_transmit(later), Some(Ask::Keys));
    let older = key_list(2, vec![feed_key(3)]).to_bytes();
    let fault = inbox.handle_keys(later, &older, 0).expect_err("an old list");
    assert_eq!(fault, KeyListFault::Older { known: 3, found: 2 });
    let later = inbox.poll_timeout().expect("a wait");
    assert_eq!(inbox.poll_transmit(later), Some(Ask::Keys));
    let newer = key_list(5, vec![feed_key(3)]).to_bytes();
    inbox.handle_keys(later, &newer, 0).expect("a list");
    assert!(matches!(inbox.poll_transmit(later), Some(Ask::Page(_))));
    let step = inbox.handle_page(later, &bytes, 0).expect("a page");
    inbox.applied(step.state);
    assert_eq!(inbox.stopped(), None);
    assert_eq!(inbox.state().keys, Some(key_list(5, vec![feed_key(3)])));
}

#[test]
fn a_refusal_waits_longer_than_a_failure() {
    let mut inbox = Inbox::new(identity(), state());
    inbox.handle_failure(T0, u64::MAX);
    assert!(inbox.poll_timeout() <= Some(Moment(Backoff::FIRST_MS)));
    inbox.handle_refusal(T0, &FeedFault::Revoked, 0);
    assert_eq!(inbox.stopped(), Some("station_revoked"));
    assert_eq!(inbox.poll_timeout(), Some(Moment(Backoff::SETTLED_MS / 2)));
}

/// Ten thousand stations that lose the console at one moment come back over the time that it gave them.
#[test]
fn the_first_wait_after_a_loss_is_as_long_as_the_console_said() {
    let rows = [
        (None, 0, 500),
        (None, 499, 999),
        (Some(1), 499, 999),
        (Some(20), 0, 500),
        (Some(20), 19_999, 20_499),
        (Some(20), 20_000, 500),
        (Some(u16::MAX), 59_999, 60_499),
    ];
    for (spread_s, random, expected) in rows {
        let mut inbox = Inbox::new(identity(), state());
        let header = Header { spread_s, ..delta() };
        let step = inbox.handle_page(T0, &page_bytes(&header, body()), 0);
        inbox.applied(step.expect("a page").state);
        inbox.handle_failure(T0, random);
        assert_eq!(
            inbox.poll_timeout(),
            Some(Moment(expected)),
            "{spread_s:?} {random}"
        );
        inbox.handle_failure(T0, 0);
        assert_eq!(
            inbox.poll_timeout(),
            Some(Moment(1_000)),
            "the second wait is as always"
        );
    }
}

proptest! {
    /// Whatever bit of a page is changed, nothing of it is applied.
    #[test]
    fn no_changed_page_is_applied(place in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut bytes = page_bytes(&delta(), body());
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        prop_assert!(handle(state(), &bytes).is_err());
    }

    /// Any header, honestly signed: the cursor goes on from where it is, or to zero for a snapshot, and the
    /// highest revision seen never falls within a lineage.
    #[test]
    fn the_cursor_never_jumps(
        from in 95..105u64, to in 95..112u64, head in 95..112u64,
        snapshot in prop::option::of(95..112u64), from_zero: bool, other: bool,
    ) {
        let header = Header {
            from: revision(if from_zero { 0 } else { from }),
            to: revision(to),
            head: revision(head),
            snapshot: snapshot.map(revision),
            lineage: if other { Lineage([0x22; 16]) } else { LINEAGE },
            ..header()
        };
        let Ok(step) = handle(state(), &page_bytes(&header, body())) else { return Ok(()) };
        let begins = header.from.number() == 0 && header.snapshot.is_some();
        prop_assert_eq!(step.begins, begins);
        prop_assert!(begins || (!other && header.from == revision(100)));
        prop_assert!(other || step.state.floor >= revision(100));
        prop_assert_eq!(step.completes.is_some(), to == head);
        prop_assert!(step.state.cursor.expect("a cursor").revision == revision(to) && to <= head);
    }
}
