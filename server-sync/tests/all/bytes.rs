//! The exact bytes of everything that crosses the wire or is kept. `bytes/v01.txt` is the file: a line is a
//! name and hex. A line never changes; a new version gets a new file, and old lines are read for ever. Missing
//! lines are written by a run with `BLESS=1`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use data_encoding::HEXLOWER;
use server_sync::feed::{FeedFault, InboxState, Row, RowFault, SignedKeyList, SignedPage};
use server_sync::health::Health;
use server_sync::join::{JoinAnswer, JoinRequest, RenewRequest};
use server_sync::journal::{Batch, PushAnswer};

use crate::samples;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/bytes/v01.txt")
}

fn on_file() -> BTreeMap<String, Vec<u8>> {
    let text = std::fs::read_to_string(path()).unwrap_or_default();
    let line = |line: &str| {
        let (name, hex) = line.split_once(' ').expect("a name and hex");
        (name.to_owned(), HEXLOWER.decode(hex.as_bytes()).expect("hex"))
    };
    text.lines().map(line).collect()
}

/// Everything this version can say, encoded now, in the order of the file.
fn encoded_now() -> Vec<(String, Vec<u8>)> {
    let rows = samples::rows()
        .into_iter()
        .map(|(name, row)| (format!("row.{name}"), row.to_bytes()));
    let answers = samples::push_answers();
    let answers = answers
        .iter()
        .map(|(name, it)| (format!("push.{name}"), it.to_bytes()));
    let faults = samples::feed_faults();
    let faults = faults
        .iter()
        .map(|(name, it)| (format!("feed.{name}"), it.to_bytes()));
    let joins = samples::join_answers();
    let joins = joins
        .iter()
        .map(|(name, it)| (format!("join.{name}"), it.to_bytes()));
    let others = [
        ("page", samples::page().to_bytes()),
        ("page.spread", samples::spread_page().to_bytes()),
        ("query", format!("cursor={}", samples::cursor()).into_bytes()),
        (
            "keys",
            samples::key_list(3, vec![samples::feed_key(1)]).to_bytes(),
        ),
        ("inbox_state", samples::inbox_state().to_bytes()),
        ("batch", samples::batch().to_bytes()),
        ("health", samples::health().to_bytes()),
        (
            "health.authority",
            server_sync::health::Health {
                authority: Some(server_sync::join::Fingerprint([0x0c; 32])),
                ..samples::health()
            }
            .to_bytes(),
        ),
        ("join_request", samples::join_request().to_bytes()),
        ("renew_request", samples::renew_request().to_bytes()),
    ];
    let others = others.map(|(name, bytes)| (name.to_owned(), bytes));
    rows.chain(answers)
        .chain(faults)
        .chain(joins)
        .chain(others)
        .collect()
}

#[test]
fn the_bytes_are_those_on_file() {
    let (file, now) = (on_file(), encoded_now());
    let missing: Vec<_> = now.iter().filter(|(name, _)| !file.contains_key(name)).collect();
    if !missing.is_empty() && std::env::var_os("BLESS").is_some() {
        let mut text = std::fs::read_to_string(path()).unwrap_or_default();
        for (name, bytes) in &missing {
            text += &format!("{name} {}\n", HEXLOWER.encode(bytes));
        }
        return std::fs::write(path(), text).expect("the file is written");
    }
    let names: Vec<_> = missing.iter().map(|(name, _)| name).collect();
    assert!(missing.is_empty(), "not on file; write with BLESS=1: {names:?}");
    let now: BTreeMap<_, _> = now.into_iter().collect();
    assert_eq!(file, now);
}

#[test]
fn every_kind_of_row_is_on_file() {
    let kinds: BTreeSet<u8> = samples::rows().iter().map(|(_, row)| row.kind()).collect();
    let all: BTreeSet<u8> = Row::KINDS.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(kinds, all);
    for (_, row) in samples::rows() {
        assert!(Row::KINDS.contains(&(row.kind(), row.name(), row.since())));
    }
}

#[test]
fn what_is_on_file_is_read_for_ever() {
    let file = on_file();
    for (name, row) in samples::rows() {
        assert_eq!(
            Row::read_all(&file[&format!("row.{name}")]),
            Ok(vec![row]),
            "{name}"
        );
    }
    for (name, answer) in samples::push_answers() {
        let read = PushAnswer::from_bytes(&file[&format!("push.{name}")]);
        assert_eq!(read, Some(answer), "{name}");
    }
    for (name, fault) in samples::feed_faults() {
        assert_eq!(
            FeedFault::from_bytes(&file[&format!("feed.{name}")]),
            Some(fault),
            "{name}"
        );
    }
    for (name, answer) in samples::join_answers() {
        assert_eq!(
            JoinAnswer::from_bytes(&file[&format!("join.{name}")]),
            Some(answer),
            "{name}"
        );
    }
    assert_eq!(SignedPage::from_bytes(&file["page"]), Ok(samples::page()));
    assert_eq!(samples::page().header(), Ok(samples::header()));
    let spread = SignedPage::from_bytes(&file["page.spread"]).expect("a page");
    assert_eq!(spread.header().map(|it| it.spread_s), Ok(Some(20)));
    let keys = samples::key_list(3, vec![samples::feed_key(1)]);
    assert_eq!(SignedKeyList::from_bytes(&file["keys"]), Ok(keys));
    assert_eq!(
        InboxState::from_bytes(&file["inbox_state"]),
        Some(samples::inbox_state())
    );
    assert_eq!(Batch::from_bytes(&file["batch"]), Ok(samples::batch()));
    assert_eq!(Health::from_bytes(&file["health"]), Some(samples::health()));
    assert_eq!(
        JoinRequest::from_bytes(&file["join_request"]),
        Some(samples::join_request())
    );
    assert_eq!(
        RenewRequest::from_bytes(&file["renew_request"]),
        Some(samples::renew_request())
    );
}

#[track_caller]
fn check(hex: &str, expected: Result<&str, RowFault>) {
    let bytes = HEXLOWER.decode(hex.as_bytes()).expect("hexadecimal");
    let read = Row::read_all(&bytes);
    let names = read.map(|rows| rows.iter().map(Row::name).collect::<Vec<_>>().join(" "));
    assert_eq!(names.as_deref().map_err(|fault| *fault), expected, "{hex}");
}

#[test]
fn new_fields_are_skipped_and_new_kinds_are_named() {
    check("", Ok(""));
    check("8202836141f400", Ok("band"));
    // a field of a later version behind the known ones
    check("8202846141f40063626c61", Ok("band"));
    check("8202836141f4008202836142f500", Ok("band band"));
    check("82186f80", Err(RowFault::UnknownKind(111)));
    check("8202836161f400", Err(RowFault::Body(2))); // not a serial
    check("8202836141f409", Err(RowFault::Body(2))); // not a state
    check("8202836141f4", Err(RowFault::Body(2))); // cut off
    check("8202", Err(RowFault::Body(2)));
    check("82", Err(RowFault::Malformed));
    check("8302836141f40000", Err(RowFault::Malformed));
    check("a0", Err(RowFault::Malformed));
    check("9f02ff", Err(RowFault::Malformed));
}

#[test]
fn a_map_with_fields_of_a_later_version_reads() {
    let grown = |bytes: Vec<u8>| {
        assert!((0xa0..0xb7).contains(&bytes[0]), "a small map");
        let more = [&[bytes[0] + 1][..], &bytes[1..], &[0x18, 99, 0x81, 0x61, b'x']];
        more.concat()
    };
    assert_eq!(
        Health::from_bytes(&grown(samples::health().to_bytes())),
        Some(samples::health())
    );
    let request = samples::join_request();
    assert_eq!(JoinRequest::from_bytes(&grown(request.to_bytes())), Some(request));
    assert_eq!(
        Batch::from_bytes(&grown(samples::batch().to_bytes())),
        Ok(samples::batch())
    );
}
