//! A14: what the files say to somebody who has them and not the key; and databases of before.

use std::collections::BTreeMap;
use std::fs;

use firmware_protocol::id::UserHandle;
use policy::model::{BandSerial, UserId};
use rusqlite::types::ValueRef;
use station_core::journal::JournalRecord;
use station_core::ticket::AttemptSubject;

use super::*;
use crate::testing::{self, MADE_AT_MS};

/// A database of version 2 with one person in it, made by the program of that time.
const VERSION_2: &str = include_str!("../../../../tests/databases/station-2.sql");
/// Whom it names.
const PERSON: &str = "P-8841-77305";
const SECRETS: [&str; 4] = [PERSON, "Xanthippe", "olga.quandt", "argon2id"];

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a database of version 2 in it.
    fn of_version_2() -> Self {
        let folder = Self::new();
        let connection = Connection::open(folder.file()).unwrap();
        connection.pragma_update(None, "journal_mode", "wal").unwrap();
        connection.execute_batch(VERSION_2).unwrap();
        drop(connection);
        folder
    }

    /// With a database of now.
    fn sealed() -> Self {
        let folder = Self::new();
        let mut store = Store::create(&folder.file(), &testing::seal_key()).unwrap();
        store
            .provision(&testing::provision(), [8; 32], None, MADE_AT_MS)
            .unwrap();
        store.close();
        folder
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("station.db")
    }

    fn open(&self) -> Store {
        Store::open(&self.file(), &testing::seal_key()).unwrap()
    }

    /// Everything in the folder by its name.
    fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.0.path()).unwrap().map(Result::unwrap);
        entries
            .map(|entry| {
                (
                    entry.file_name().into_string().unwrap(),
                    fs::read(entry.path()).unwrap(),
                )
            })
            .collect()
    }

    /// Which of the secrets are anywhere in the folder.
    fn seen(&self) -> Vec<&'static str> {
        let all: Vec<u8> = self.files().into_values().flatten().collect();
        let is_seen = |secret: &&str| {
            all.windows(secret.len())
                .any(|window| window == secret.as_bytes())
        };
        SECRETS.into_iter().filter(is_seen).collect()
    }
}

/// Everything that the database of version 2 says, as text.
fn says(store: &Store) -> String {
    let user = store.user(&UserId::new(PERSON).unwrap()).unwrap().unwrap();
    let by_handle = store.user_by_handle(user.handle).unwrap();
    let band = BandSerial::new("SIM-1").unwrap();
    let pin = AttemptSubject::Pin {
        operator: "olga.quandt".into(),
    };
    format!(
        "{user:?} {by_handle:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        store.band(&band).unwrap(),
        store.associations(Some(&user), &band).unwrap(),
        store.operator("olga.quandt").unwrap(),
        store.attempts(&pin).unwrap(),
        store.identity().unwrap(),
        store.entries(1, 1000).unwrap(),
    )
}

fn check_sealed(folder: &Folder, expected: &str) {
    let store = folder.open();
    assert_eq!(says(&store), expected);
    assert_eq!(store.verify_journal().unwrap().fault, None);
    store.check_rows().unwrap();
    store.close();
    assert_eq!(folder.files().into_keys().collect::<Vec<_>>(), ["station.db"]);
    assert_eq!(folder.seen(), Vec::<&str>::new());
}

#[test]
fn a_database_of_before_is_sealed_and_says_the_same() {
    let folder = Folder::of_version_2();
    assert_eq!(folder.seen(), SECRETS, "the search finds what is in clear");
    let expected = says(&Store::open_to_replace(&folder.file(), &testing::seal_key()).unwrap());
    assert!(expected.contains("Xanthippe") && expected.contains("failures: 1"));
    check_sealed(&folder, &expected);
    check_sealed(&folder, &expected);
}

/// Wherever sealing is cut off, the next start has either the old database or the new one, and ends it.
#[test]
fn sealing_that_was_cut_off_is_done_at_the_next_start() {
    let folder = Folder::of_version_2();
    let beside = |folder: &Folder, extension: &str| folder.file().with_extension(extension);
    let in_clear = fs::read(folder.file()).unwrap();
    let expected = says(&Store::open_to_replace(&folder.file(), &testing::seal_key()).unwrap());
    folder.open().close();
    let sealed = fs::read(folder.file()).unwrap();

    for len in [0, 1, 5000, sealed.len() / 2, sealed.len()] {
        let folder = Folder::new();
        fs::write(folder.file(), &in_clear).unwrap();
        fs::write(beside(&folder, "db.sealing"), &sealed[..len]).unwrap();
        fs::write(
            beside(&folder, "db.sealing-wal"),
            &in_clear[..len.min(in_clear.len())],
        )
        .unwrap();
        check_sealed(&folder, &expected);
    }
    // The old one has its second name already.
    let folder = Folder::new();
    fs::write(folder.file(), &in_clear).unwrap();
    fs::hard_link(folder.file(), beside(&folder, "db.clear")).unwrap();
    check_sealed(&folder, &expected);
    // The new one is in place, and the old one not wiped, or in part.
    for zeros in [0, 4096] {
        let folder = Folder::new();
        fs::write(folder.file(), &sealed).unwrap();
        let left = [vec![0; zeros], in_clear[zeros..].to_vec()].concat();
        fs::write(beside(&folder, "db.clear"), left).unwrap();
        check_sealed(&folder, &expected);
    }
    // The name that is there for wiping is the database's own.
    let folder = Folder::new();
    fs::write(folder.file(), &sealed).unwrap();
    fs::hard_link(folder.file(), beside(&folder, "db.clear")).unwrap();
    check_sealed(&folder, &expected);
}

#[test]
fn what_is_replaced_is_overwritten_and_not_only_forgotten() {
    let folder = Folder::of_version_2();
    let other_name = folder.0.path().join("other");
    fs::hard_link(folder.file(), &other_name).unwrap();
    folder.open().close();
    let left = fs::read(&other_name).unwrap();
    assert!(left.len() > 4096 && left.iter().all(|byte| *byte == 0));
}

#[test]
fn a_damaged_database_of_before_is_not_sealed_over() {
    let folder = Folder::of_version_2();
    let connection = Connection::open(folder.file()).unwrap();
    connection
        .execute("update users set seal = seal + 1", ())
        .unwrap();
    drop(connection);
    let before = fs::read(folder.file()).unwrap();
    let error = Store::open(&folder.file(), &testing::seal_key()).unwrap_err();
    assert!(matches!(error, StoreError::Corrupted(_)), "{error:?}");
    assert_eq!(fs::read(folder.file()).unwrap(), before);
}

#[test]
fn another_key_is_refused_by_name_and_opens_nothing() {
    let folder = Folder::sealed();
    let other = SealKey::new([8; 32]);
    let expected = StoreError::OtherSealKey {
        found: testing::seal_key().id(),
        given: other.id(),
    };
    for outcome in [
        Store::open(&folder.file(), &other),
        Store::open_to_read(&folder.file(), &other),
        Store::open_to_replace(&folder.file(), &other),
    ] {
        assert_eq!(outcome.unwrap_err(), expected);
    }
    folder.open();
}

#[test]
fn a_newer_database_is_left_alone_by_every_way_in() {
    let folder = Folder::sealed();
    let connection = Connection::open(folder.file()).unwrap();
    connection
        .pragma_update(None, "user_version", migrations::CURRENT + 1)
        .unwrap();
    drop(connection);
    for outcome in [
        Store::open(&folder.file(), &testing::seal_key()),
        Store::open_to_read(&folder.file(), &testing::seal_key()),
        Store::open_to_replace(&folder.file(), &testing::seal_key()),
    ] {
        assert!(matches!(outcome, Err(StoreError::Newer { .. })), "{outcome:?}");
    }
    assert!(is_sealed(&folder.file()));
}

/// Sums can be made by anybody; a body belongs to its row all the same.
#[test]
fn a_body_opens_in_its_own_row_alone() {
    let folder = Folder::sealed();
    let mut store = folder.open();
    let select = "select * from users order by id";
    let rows = |store: &Store| -> Vec<(Vec<u8>, Vec<u8>, Vec<u8>)> {
        let mut statement = store.connection.prepare(select).unwrap();
        let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
        rows.unwrap().map(Result::unwrap).collect()
    };
    let stored = rows(&store);
    let (one, other) = (&stored[0], &stored[1]);
    store
        .durably(|access| {
            let mut writer = tables::Writer::new(access);
            let values = [&one.0, &one.1, &other.2].map(|bytes| ValueRef::Blob(bytes));
            writer.put_stored(&tables::USERS, &values)?;
            writer.finish()
        })
        .unwrap();
    store.check_rows().unwrap();
    let outcomes = ["ada", "bo", "cy"].map(|user| store.user(&UserId::new(user).unwrap()));
    let refused = outcomes.iter().filter(|outcome| outcome.is_err()).count();
    assert_eq!(refused, 1, "{outcomes:?}");
}

#[test]
fn no_nonce_is_used_twice() {
    let folder = Folder::sealed();
    let mut store = folder.open();
    for _ in 0..50 {
        let records: Vec<JournalRecord> = vec![station_core::journal::Stopped {}.into(); 3];
        store.append(MADE_AT_MS, &records, &[]).unwrap();
    }
    let nonces = |sql: &str| -> Vec<Vec<u8>> {
        let mut statement = store.connection.prepare(sql).unwrap();
        let rows = statement.query_map((), |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let mut all = nonces("select substr(entry, 1, 12) from journal");
    for table in tables::ALL
        .iter()
        .filter(|table| table.name != "sealing" && table.name != "attempts")
    {
        all.extend(nonces(&format!(
            "select substr(body, 1, 12) from {} where body is not null",
            table.name
        )));
    }
    let count = all.len();
    all.sort();
    all.dedup();
    assert!(count > 150 && all.len() == count, "{} of {count}", all.len());
}

/// An entry that was changed is a break in the chain, and what is behind it can be read.
#[test]
fn a_journal_reads_on_behind_an_entry_that_does_not_open() {
    let folder = Folder::sealed();
    let mut store = folder.open();
    for number in 0..5 {
        let stopped = station_core::journal::Stopped {};
        store.append(MADE_AT_MS + number, &[stopped.into()], &[]).unwrap();
    }
    let flip = "update journal set entry = zeroblob(length(entry)) where sequence = 3";
    store.connection.execute(flip, ()).unwrap();
    let found = store.verify_journal().unwrap();
    assert_eq!((found.head.sequence, found.fault.is_some()), (2, true));
    let entries = store.entries(1, 100).unwrap();
    let is_there: Vec<bool> = entries.iter().map(|entry| !entry.record.is_empty()).collect();
    assert_eq!(is_there, [true, true, false, true, true, true]);
    let flip = "update journal set entry = zeroblob(length(entry)) where sequence = 6";
    store.connection.execute(flip, ()).unwrap();
    let stopped = station_core::journal::Stopped {};
    let outcome = store.append(MADE_AT_MS, &[stopped.into()], &[]);
    assert!(matches!(outcome, Err(StoreError::Corrupted(_))), "{outcome:?}");
}

/// Handles are drawn from personnel numbers without a key, so that they are guessed as easily.
#[test]
fn not_even_handles_are_readable() {
    let folder = Folder::of_version_2();
    let handle = |folder: &Folder| {
        let store = Store::open_to_replace(&folder.file(), &testing::seal_key()).unwrap();
        store.user(&UserId::new(PERSON).unwrap()).unwrap().unwrap().handle
    };
    let UserHandle(bytes) = handle(&folder);
    let hex = data_encoding::HEXLOWER.encode(&bytes);
    let seen = |folder: &Folder| {
        let all: Vec<u8> = folder.files().into_values().flatten().collect();
        [&bytes[..], hex.as_bytes()].map(|form| all.windows(form.len()).any(|window| window == form))
    };
    assert_eq!(seen(&folder), [true, true], "the search finds what is in clear");
    folder.open().close();
    assert_eq!(seen(&folder), [false, false]);
}
