//! G1b: what the first sync of a plant weighs.

use std::io::Write;

use policy::model::{StockState, Zone};
use server_sync::feed::*;
use server_sync::{Revision, Version};
use sha2::{Digest, Sha256};

use crate::samples::{LINEAGE, NOW_MS, STATION, organization, revision, sign_with, user_row};

const USERS: u64 = 100_000;

const GIVEN: [&str; 24] = [
    "Anna", "Jonas", "Mehmet", "Priya", "Lena", "Paul", "Sofia", "Ahmed", "Marie", "Lukas", "Chiara",
    "Piotr", "Ingrid", "Tomás", "Yuki", "Olga", "Max", "Fatima", "Björn", "Elif", "Noah", "Zoë", "Ravi",
    "Greta",
];
/// Family names are made of these, so that there are as many as in a large plant.
const SYLLABLES: [&str; 32] = [
    "mül", "ler", "sch", "mi", "dt", "yil", "maz", "ngu", "kow", "al", "ski", "ros", "gar", "cía", "fi",
    "web", "er", "wag", "ner", "beck", "hoff", "mann", "pa", "tel", "nov", "ák", "an", "son", "du", "bois",
    "sil", "va",
];

fn family(dice: &[u8]) -> String {
    let count = 2 + dice[0] as usize % 2;
    let name: String = dice[1..=count]
        .iter()
        .map(|it| SYLLABLES[*it as usize % 32])
        .collect();
    let mut letters = name.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

/// Numbers that look like chance and are the same each time.
fn chance(about: &str, number: u64) -> [u8; 32] {
    Sha256::digest([about.as_bytes(), &number.to_be_bytes()].concat()).into()
}

/// A person of a plant with four sites: staff numbers in no order, names, one in twenty not active, some with
/// a policy of their own.
fn person(number: u64) -> Row {
    let dice = chance("person", number);
    let staff_number = u32::from_be_bytes([0, dice[1], dice[2], dice[6]]) % 9_000_000;
    let mut row = user_row(&format!("E{:07}-{}", staff_number, number % 10));
    row.name = format!(
        "{} {}",
        GIVEN[dice[0] as usize % GIVEN.len()],
        family(&dice[10..])
    );
    row.site = ["hamburg", "leipzig", "lyon", "graz"][dice[3] as usize % 4].into();
    if dice[4] < 13 {
        row.status = policy::model::UserStatus::Departed;
    }
    if dice[5] < 5 {
        row.policy = Some("gloves".parse().expect("an id"));
    }
    row.into()
}

fn band_serial(number: u64) -> policy::model::BandSerial {
    format!("NB-{:06}", 100_000 + number * 3)
        .parse()
        .expect("a serial")
}

fn band(number: u64) -> Row {
    let dice = chance("band", number);
    let stock = if dice[0] < 5 {
        StockState::Damaged
    } else {
        StockState::InStock
    };
    let (serial, seos) = (band_serial(number), dice[1] < 64);
    BandRow { serial, seos, stock }.into()
}

fn association(number: u64, has_key: bool) -> Row {
    let dice = chance("association", number);
    let Row::User(user) = person(number) else {
        unreachable!("a person")
    };
    let row = AssociationRow {
        id: policy::model::AssociationId(*dice.first_chunk().expect("bytes")),
        user: user.id,
        band: band_serial(number),
        zone: Zone::Enrollment,
        active: true,
        primary: true,
        band_epoch: 1 + u32::from(dice[20] % 3),
        credential_key: has_key.then(|| chance("key", number)),
        expires_at_ms: None,
        suspended_since_ms: None,
        ended: None,
    };
    row.into()
}

fn zstd3(bytes: &[u8]) -> usize {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("a compressor");
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory").len()
}

/// Bytes of all pages of a snapshot, each compressed by itself, and how many pages.
fn on_the_wire(rows: &[Row]) -> (usize, usize) {
    let head = revision(rows.len() as u64);
    let (mut sent, mut pages, mut next) = (0, 0, 0);
    while next < rows.len() {
        let mut builder = PageBuilder::new(PagePlan {
            version: Version(1),
            from: revision(next as u64),
            snapshot: Some(head),
        });
        let mut has_room = true;
        while has_room && next < rows.len() {
            has_room = builder.push(revision(next as u64 + 1), &rows[next]);
            next += 1;
        }
        sent += zstd3(&page_bytes(builder, head, next == rows.len()));
        pages += 1;
    }
    (sent, pages)
}

fn page_bytes(builder: PageBuilder, head: Revision, exhausted: bool) -> Vec<u8> {
    let parts = PageParts {
        organization: organization(),
        station: STATION,
        site: "hamburg".into(),
        lineage: LINEAGE,
        head,
        acked: server_sync::Head::EMPTY,
        made_at_ms: NOW_MS,
        key_id: 1,
        spread_s: None,
    };
    let key = crate::samples::key(101);
    builder.finish(exhausted, parts, sign_with(&key)).to_bytes()
}

fn bare(rows: &[Row]) -> usize {
    zstd3(&rows.iter().flat_map(Row::to_bytes).collect::<Vec<_>>())
}

#[track_caller]
fn check(what: &str, rows: &[Row], each_max: f64) {
    let (sent, pages) = on_the_wire(rows);
    let (each, ratio) = (sent as f64 / USERS as f64, sent as f64 / bare(rows) as f64);
    println!("{what}: {sent} bytes in {pages} pages, {each:.1} a user, {ratio:.3} of the bare array");
    assert!(each <= each_max, "{what}: {each:.1} bytes a user");
    assert!(ratio <= 1.25, "{what}: {ratio:.3} times the bare array");
}

#[test]
fn a_hundred_thousand_users_fit() {
    let users: Vec<Row> = (0..USERS).map(person).collect();
    check("users", &users, 65.0);
    // Everybody with a band. The 16 bytes of an association's id are chance and cannot shrink; nor could the
    // 32 of its key, which is why no station gets keys that it does not need.
    let plant = |has_keys| {
        let rest = (0..USERS).flat_map(|number| [band(number), association(number, has_keys)]);
        users.iter().cloned().chain(rest).collect::<Vec<Row>>()
    };
    check("users, bands and associations", &plant(false), 65.0);
    check("the same with keys", &plant(true), 65.0 + 32.0);
}
