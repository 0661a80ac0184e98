//! What stations and the console read from each other.

use std::cell::LazyCell;

use ed25519_dalek::{Signer, SigningKey};
use server_sync::backoff::Moment;
use server_sync::feed::{
    Cursor, FeedFault, FeedKey, FeedRequest, Header, Identity, Inbox, InboxState, KeyList, Row, RowKey,
    SignedKeyList, SignedPage, Step, UserRow,
};
use server_sync::health::Health;
use server_sync::join::{JoinAnswer, JoinFault, JoinRequest, RenewRequest};
use server_sync::journal::{Ack, Batch, Line, PushAnswer, PushFault, Standing, receive};
use server_sync::{
    Entry, Hash, Head, Lineage, Organization, Revision, StationKey, Version, Versions, verify,
};

use super::Input;

const ORGANIZATION: u8 = 1;
const FEED: u8 = 2;
const RETIRED: u8 = 3;
const STATION: StationKey = StationKey([0x57; 16]);
const LINEAGES: [Lineage; 3] = [Lineage([0x11; 16]), Lineage([0x22; 16]), Lineage([0xee; 16])];
const NOW_MS: u64 = 1_800_000_000_000;

fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

fn public(byte: u8) -> [u8; 32] {
    key(byte).verifying_key().to_bytes()
}

fn sign(byte: u8, bytes: &[u8]) -> [u8; 64] {
    key(byte).sign(bytes).to_bytes()
}

fn revision(number: u64) -> Revision {
    Revision::new(number & Revision::MAX.number()).expect("63 bits")
}

fn keys() -> SignedKeyList {
    let feed_key = |id: u8, retired_at_ms| FeedKey {
        id: u32::from(id),
        key: public(id),
        not_before_ms: 0,
        retired_at_ms,
    };
    let list = KeyList {
        organization: Organization::of_key(&public(ORGANIZATION)),
        serial: 3,
        made_at_ms: NOW_MS,
        keys: vec![feed_key(FEED, None), feed_key(RETIRED, Some(NOW_MS - 1))],
    };
    list.sign(|bytes| sign(ORGANIZATION, bytes))
}

/// A station that has the feed up to 100 of the first lineage and has left the last one.
fn inbox() -> Inbox {
    let cursor = Cursor {
        lineage: LINEAGES[0],
        revision: revision(100),
        version: Version(1),
        filling: None,
    };
    let state = InboxState {
        cursor: Some(cursor),
        floor: revision(100),
        left: vec![LINEAGES[2]],
        site: "north".into(),
        ..InboxState::joined(keys())
    };
    let identity = Identity {
        organization_key: public(ORGANIZATION),
        station: STATION,
    };
    Inbox::new(identity, state)
}

thread_local! {
    static INBOX: LazyCell<Inbox> = const { LazyCell::new(inbox) };
    static PAGES: Vec<Input> = pages();
}

/// A page that moves a station was signed, and moves it no further than from where it is.
fn check_step(before: &InboxState, step: &Step, header: &Header) {
    let (cursor, old) = (
        step.state.cursor.expect("a cursor"),
        before.cursor.expect("a cursor"),
    );
    assert!(step.begins || (cursor.lineage == old.lineage && header.from == old.revision));
    assert!(cursor.lineage != old.lineage || step.state.floor >= before.floor);
    assert!(
        !before.left.contains(&cursor.lineage),
        "back to a lineage that was left"
    );
    assert!(cursor.lineage == old.lineage || step.state.left.contains(&old.lineage));
    assert_eq!(step.completes.is_some(), cursor.revision == header.head);
    assert_eq!((header.station, header.key_id), (STATION, u32::from(FEED)));
    assert!(step.rows.is_empty() || header.to > header.from);
}

/// Any bytes as a page: nobody but the console makes one.
pub(super) fn feed_page(bytes: &[u8]) {
    let mut inbox = INBOX.with(|inbox| Inbox::clone(inbox));
    if inbox.handle_page(Moment(0), bytes, 0).is_ok() {
        let known = PAGES.with(|pages| pages.iter().any(|page| page.bytes == bytes));
        // The array around header, signature and body can be written in other ways.
        let same = |page: &Input| {
            let read = |bytes| SignedPage::from_bytes(bytes).expect("a page");
            read(&page.bytes) == read(bytes)
        };
        assert!(
            known || PAGES.with(|pages| pages.iter().any(same)),
            "accepted what nobody signed"
        );
    }
}

/// Any header and body, honestly signed: a console with a fault, or one that was set back.
pub(super) fn feed_signed(bytes: &[u8]) {
    let Ok(page) = SignedPage::from_bytes(bytes) else {
        return;
    };
    let Ok(header) = page.header() else { return };
    let signed = SignedPage::sign(&header, page.body, |bytes| sign(header.key_id as u8, bytes));
    show(&mut INBOX.with(|inbox| Inbox::clone(inbox)), &header, &signed);
}

fn show(inbox: &mut Inbox, header: &Header, page: &SignedPage) {
    let before = inbox.state().clone();
    let outcome = inbox.handle_page(Moment(0), &page.to_bytes(), 0);
    assert_eq!(*inbox.state(), before, "nothing moves before it is applied");
    if let Ok(step) = outcome {
        check_step(&before, &step, header);
        let bytes = step.state.to_bytes();
        let read = InboxState::from_bytes(&bytes);
        assert_eq!(read.as_ref(), Some(&step.state));
        inbox.applied(step.state);
    }
}

/// A story of pages, eight bytes each: lineages mixed, revisions back and forth, retired keys, snapshots begun
/// and broken off.
pub(super) fn feed_story(bytes: &[u8]) {
    let mut inbox = INBOX.with(|inbox| Inbox::clone(inbox));
    for chapter in bytes.chunks_exact(8).take(24) {
        let header = chapter_header(chapter);
        let body = if chapter[6] & 1 == 0 {
            vec![]
        } else {
            row(chapter[7]).to_bytes()
        };
        let page = SignedPage::sign(&header, body, |bytes| sign(header.key_id as u8, bytes));
        show(&mut inbox, &header, &page);
    }
}

fn chapter_header(chapter: &[u8]) -> Header {
    let at = |byte: u8| match byte {
        0xff => Revision::MAX,
        byte => revision(u64::from(byte)),
    };
    Header {
        lineage: LINEAGES[usize::from(chapter[0] % 3)],
        key_id: if chapter[0] & 0x80 == 0 {
            FEED.into()
        } else {
            RETIRED.into()
        },
        from: at(chapter[1]),
        to: at(chapter[2]),
        head: at(chapter[3]),
        snapshot: (chapter[4] > 0).then(|| at(chapter[4])),
        acked_through: u64::from(chapter[5]),
        site: if chapter[6] & 2 == 0 {
            "north".into()
        } else {
            "south".into()
        },
        ..header()
    }
}

fn header() -> Header {
    Header {
        version: Version(1),
        organization: Organization::of_key(&public(ORGANIZATION)),
        station: STATION,
        site: "north".into(),
        lineage: LINEAGES[0],
        from: revision(100),
        to: revision(110),
        head: revision(110),
        snapshot: None,
        acked_through: 4,
        made_at_ms: NOW_MS,
        key_id: FEED.into(),
        acked_mark: [0; 8],
        spread_s: None,
    }
}

fn row(number: u8) -> Row {
    let id = format!("person-{number}").parse().expect("an id");
    UserRow::of(&policy::model::User::new(id)).into()
}

fn page(header: &Header, body: Vec<u8>) -> Vec<u8> {
    SignedPage::sign(header, body, |bytes| sign(header.key_id as u8, bytes)).to_bytes()
}

pub(super) fn pages() -> Vec<Input> {
    let snapshot = Header {
        lineage: LINEAGES[1],
        from: revision(0),
        to: revision(5),
        head: revision(9),
        snapshot: Some(revision(9)),
        ..header()
    };
    let far = Header {
        to: Revision::MAX,
        head: Revision::MAX,
        ..header()
    };
    let retired = Header {
        key_id: RETIRED.into(),
        ..header()
    };
    let rows = [row(1), row(2), RowKey::ActiveGroupPolicy.removed()];
    let body: Vec<u8> = rows.iter().flat_map(Row::to_bytes).collect();
    let whole = page(&header(), body.clone());
    // a page whose body says that it is longer than the page
    let mut lies = whole.clone();
    let at = lies.len() - body.len() - 2;
    lies[at] = 0x5b;
    vec![
        Input::new("delta", whole.clone()),
        Input::new("snapshot", page(&snapshot, body.clone())),
        Input::new("far", page(&far, body.clone())),
        Input::new("retired", page(&retired, body)),
        Input::new("nothing", page(&header(), vec![])),
        Input::new("truncated", &whole[..whole.len() / 2]),
        Input::new("lies", lies),
    ]
}

pub(super) fn stories() -> Vec<Input> {
    let chapters: [(&str, &[[u8; 8]]); 4] = [
        (
            "deltas",
            &[[0, 100, 110, 110, 0, 4, 1, 1], [0, 110, 111, 120, 0, 4, 1, 2]],
        ),
        (
            "backward",
            &[[0, 100, 110, 110, 0, 4, 1, 1], [0, 90, 100, 100, 0, 4, 1, 2]],
        ),
        (
            "far",
            &[[0, 100, 255, 255, 0, 4, 1, 1], [0, 255, 255, 255, 0, 4, 0, 1]],
        ),
        (
            "lives",
            &[
                [1, 0, 5, 9, 9, 0, 1, 1],
                [1, 5, 9, 9, 9, 0, 1, 2],
                [0, 0, 5, 9, 9, 0, 1, 3],
                [2, 0, 9, 9, 9, 0, 1, 4],
                [0x80, 9, 10, 10, 0, 0, 1, 5],
            ],
        ),
    ];
    chapters
        .map(|(name, chapters)| Input::new(name, chapters.concat()))
        .into()
}

/// Rows are read again as they were written.
pub(super) fn feed_rows(bytes: &[u8]) {
    if let Ok(rows) = Row::read_all(bytes) {
        let again: Vec<u8> = rows.iter().flat_map(Row::to_bytes).collect();
        assert_eq!(Row::read_all(&again).as_ref(), Ok(&rows));
        for key in rows.iter().filter_map(Row::key) {
            assert_eq!(RowKey::from_bytes(key.kind(), &key.to_bytes()), Some(key));
        }
    }
}

pub(super) fn rows() -> Vec<Input> {
    let rows = [row(1), RowKey::User("ada".parse().expect("an id")).removed()];
    vec![
        Input::new("one", rows[0].to_bytes()),
        Input::new("two", rows.iter().flat_map(Row::to_bytes).collect::<Vec<u8>>()),
        Input::new("unknown_kind", [0x82, 0x18, 0x6f, 0x80]),
    ]
}

fn journal(length: u8) -> Vec<Entry> {
    let mut head = Head::EMPTY;
    let next = |number: u8| {
        let entry = Entry::following(STATION, head, NOW_MS, vec![number; 3]);
        head = head_of(&entry);
        entry
    };
    (1..=length).map(next).collect()
}

fn head_of(entry: &Entry) -> Head {
    Head {
        sequence: entry.sequence,
        hash: entry.hash,
    }
}

/// Whatever a batch says, the console's journal stays whole, and what it had stays in it.
pub(super) fn batch(bytes: &[u8]) {
    let Ok(batch) = Batch::from_bytes(bytes) else {
        return;
    };
    let stored = journal(6);
    let line = Line {
        station: STATION,
        head: head_of(&stored[5]),
        standing: Standing::Good,
    };
    let known = |sequence: u64| Some(stored.get(sequence.checked_sub(1)? as usize)?.hash);
    let received = receive(&line, LINEAGES[0], &batch, known);
    let whole: Vec<Entry> = stored.iter().chain(received.append).cloned().collect();
    assert_eq!(verify(STATION, &whole), Ok(received.line.head));
    if let PushAnswer::Ack(ack) = received.answer {
        assert!(ack.through >= batch.through() && ack.head() == received.line.head);
    }
    assert_eq!(Batch::from_bytes(&batch.to_bytes()), Ok(batch.clone()));
}

pub(super) fn batches() -> Vec<Input> {
    let journal = journal(9);
    let of = |after: usize, through: usize| Batch {
        station: STATION,
        after: after
            .checked_sub(1)
            .map_or(Head::EMPTY, |last| head_of(&journal[last])),
        entries: journal[after..through].to_vec(),
    };
    let forked = Entry::following(STATION, head_of(&journal[3]), NOW_MS, b"otherwise".to_vec());
    let fork = Batch {
        entries: vec![forked],
        ..of(4, 5)
    };
    [
        ("next", of(6, 9)),
        ("again", of(0, 6)),
        ("overlap", of(4, 8)),
        ("gap", of(8, 9)),
        ("fork", fork),
    ]
    .map(|(name, batch)| Input::new(name, batch.to_bytes()))
    .into()
}

/// One byte says which message; whatever is read is read again as it was written.
pub(super) fn sync_message(bytes: &[u8]) {
    let Some((which, bytes)) = bytes.split_first() else {
        return;
    };
    match which % 9 {
        0 => again(
            PushAnswer::from_bytes(bytes),
            PushAnswer::to_bytes,
            PushAnswer::from_bytes,
        ),
        1 => again(
            FeedFault::from_bytes(bytes),
            FeedFault::to_bytes,
            FeedFault::from_bytes,
        ),
        2 => again(Health::from_bytes(bytes), Health::to_bytes, Health::from_bytes),
        3 => again(
            JoinRequest::from_bytes(bytes),
            JoinRequest::to_bytes,
            JoinRequest::from_bytes,
        ),
        4 => again(
            RenewRequest::from_bytes(bytes),
            RenewRequest::to_bytes,
            RenewRequest::from_bytes,
        ),
        5 => again(
            JoinAnswer::from_bytes(bytes),
            JoinAnswer::to_bytes,
            JoinAnswer::from_bytes,
        ),
        6 => again(
            InboxState::from_bytes(bytes),
            InboxState::to_bytes,
            InboxState::from_bytes,
        ),
        7 => key_list(bytes),
        _ => query(bytes),
    }
}

fn again<T: PartialEq + std::fmt::Debug>(
    read: Option<T>,
    write: impl Fn(&T) -> Vec<u8>,
    read_again: impl Fn(&[u8]) -> Option<T>,
) {
    if let Some(value) = read {
        // What is longer than a message may be is not read again.
        let bytes = write(&value);
        assert!(bytes.len() > 4096 || read_again(&bytes) == Some(value));
    }
}

fn key_list(bytes: &[u8]) {
    let Ok(list) = SignedKeyList::from_bytes(bytes) else {
        return;
    };
    if list.verify(&public(ORGANIZATION)).is_ok() {
        assert_eq!(list, keys(), "accepted a list that nobody signed");
    }
}

fn query(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(request) = FeedRequest::from_query(&text) {
        assert_eq!(FeedRequest::from_query(&request.to_query()), Ok(request));
    }
}

pub(super) fn sync_messages() -> Vec<Input> {
    let ack = Ack {
        lineage: LINEAGES[0],
        through: 4,
        hash: Hash([0x4a; 32]),
    };
    let gap = PushAnswer::Refused(PushFault::Gap { ack });
    let request = JoinRequest {
        versions: Versions::OURS,
        token: vec![0x70; 16],
        csr_der: vec![0x30, 0x00],
        dh_key: [4; 32],
        software: "0.1.0".into(),
        station: Some(STATION),
        organization: None,
        journal: None,
    };
    let refused = JoinAnswer::Refused(JoinFault::TokenSpent);
    let inbox = INBOX.with(|inbox| inbox.state().to_bytes());
    let messages: [(&str, u8, Vec<u8>); 9] = [
        ("ack", 0, PushAnswer::Ack(ack).to_bytes()),
        ("gap", 0, gap.to_bytes()),
        ("busy", 1, FeedFault::Busy.to_bytes()),
        ("health", 2, Health::default().to_bytes()),
        ("join", 3, request.to_bytes()),
        ("refused", 5, refused.to_bytes()),
        ("inbox", 6, inbox),
        ("keys", 7, keys().to_bytes()),
        (
            "query",
            8,
            b"v=1-2&cursor=11111111111111111111111111111111.7.1.9&wait_s=30".to_vec(),
        ),
    ];
    messages
        .map(|(name, which, bytes)| Input::new(name, [&[which][..], &bytes].concat()))
        .into()
}
