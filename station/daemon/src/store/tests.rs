use std::os::unix::fs::PermissionsExt;

use firmware_protocol::id::{AssociationId, Serial, Zone};
use policy::model::{Band, BandSerial, EndCause, Ending, GroupPolicy, PolicyId, UnixMillis, User, UserId};
use server_sync::Revision;
use server_sync::feed::{self, Complete, InboxState, Row};
use station_core::clock::TrustedTime;
use station_core::enrollment::{Knowledge, Query};
use station_core::journal::{Started, Stopped};
use station_core::replica::{AssociationRow, Change, Quarantine, TicketState};
use station_core::ticket::{AttemptState, AttemptSubject, TicketId};

use super::*;
use crate::testing::{self, MADE_AT_MS, handle};

const KEYS: [u8; 32] = [8; 32];

struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    /// A folder with a provisioned database in it.
    fn new() -> Self {
        let place = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let mut store = Store::create(&place.file(), &testing::seal_key()).unwrap();
        store
            .provision(&testing::provision(), KEYS, None, MADE_AT_MS)
            .unwrap();
        store.close();
        place
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("station.db")
    }

    fn open(&self) -> Store {
        Store::open(&self.file(), &testing::seal_key()).unwrap()
    }

    /// Changes the file behind the station's back.
    fn tamper(&self, sql: &str) {
        let connection = Connection::open(self.file()).unwrap();
        assert_eq!(connection.execute(sql, ()).unwrap(), 1, "{sql}");
        drop(connection);
    }
}

fn serial(text: &str) -> BandSerial {
    BandSerial::new(text).unwrap()
}

fn knowledge(store: &Store, user: &str, band: &str) -> Knowledge {
    let query = Query {
        number: 1,
        user: Some(handle(user)),
        serial: firmware_protocol::id::Serial::new(band).unwrap(),
        held: vec![AssociationId([9; 16]), AssociationId([1; 16])],
        ticket: None,
    };
    store
        .knowledge(&query, TrustedTime::certain(MADE_AT_MS), AssociationId([1; 16]))
        .unwrap()
}

#[test]
fn everything_about_a_case_comes_in_one_go() {
    let place = Place::new();
    let store = place.open();
    let known = knowledge(&store, "ada", "BAND-3");
    assert_eq!(known.user.unwrap().user.id.as_str(), "ada");
    assert!(known.band.unwrap().seos);
    assert_eq!(known.associations.len(), 1);
    assert_eq!(known.associations[0].association.band, serial("BAND-1"));
    assert_eq!(known.held_known, [AssociationId([9; 16])]);
    assert_eq!((known.revision, known.made_at_ms), (7, MADE_AT_MS));
    let known = knowledge(&store, "bo", "BAND-1");
    assert_eq!(known.individual.unwrap().reenroll_own, Some(false));
    assert_eq!(known.associations[0].association.user.as_str(), "ada");
    let known = knowledge(&store, "nobody", "BAND-9");
    assert!(known.user.is_none() && known.band.is_none() && known.associations.is_empty());
    assert_eq!(store.counts().unwrap(), (3, 3));
    assert_eq!(store.identity().unwrap().site, "north");
}

/// An append that makes the log longer has to wait for more than its bytes.
#[test]
fn the_log_is_written_over_and_keeps_its_length() {
    let place = Place::new();
    let mut store = place.open();
    // Lengths are looked at; nothing has to be on the disk.
    store
        .connection
        .pragma_update(None, "synchronous", "off")
        .unwrap();
    let log = place.file().with_extension("db-wal");
    for round in 0..4 {
        for _ in 0..LOG_PAGES_MAX {
            store.append(MADE_AT_MS + 1, &[Stopped {}.into()], &[]).unwrap();
        }
        let len = log.metadata().unwrap().len();
        let kept = u64::from(LOG_PAGES_MAX) * 4096..=u64::from(LOG_BYTES_KEPT);
        assert!(kept.contains(&len), "round {round}: {len} bytes");
    }
}

#[test]
fn an_append_is_one_link_per_record_and_survives() {
    let place = Place::new();
    let mut store = place.open();
    let records = [
        Started {
            software: "1".into(),
            after_crash: false,
        }
        .into(),
        Stopped {}.into(),
    ];
    let head = store.append(MADE_AT_MS + 1, &records, &[]).unwrap();
    assert_eq!(head.sequence, 3);
    // No clean close: what was appended is on the disk.
    std::mem::forget(store);
    let store = place.open();
    assert_eq!(store.head().unwrap(), head);
    assert_eq!(
        store.verify_journal().unwrap(),
        Verification { head, fault: None }
    );
    assert_eq!(store.last_entry().unwrap().unwrap().time_ms, MADE_AT_MS + 1);
    assert_eq!(store.entries(2, 1).unwrap()[0].sequence, 2);
}

#[test]
fn an_answer_without_news_is_known_and_not_written() {
    let place = Place::new();
    let mut store = place.open();
    let told = |made_at_ms| Applying {
        rows: vec![],
        inbox: InboxState {
            complete: Some(Complete {
                lineage: server_sync::Lineage([1; 16]),
                revision: Revision::new(7).unwrap(),
                made_at_ms,
                acked_through: 0,
                acked_mark: [0; 8],
            }),
            ..InboxState::default()
        },
        is_whole: true,
    };
    let log = || std::fs::read(place.file().with_extension("db-wal")).unwrap();
    store.apply_rows(&told(MADE_AT_MS)).unwrap();
    let before = log();
    store.confirm(&told(MADE_AT_MS + 60_000)).unwrap();
    assert_eq!(knowledge(&store, "ada", "BAND-1").made_at_ms, MADE_AT_MS + 60_000);
    assert!(log() == before, "something was written");
    store.confirm(&told(MADE_AT_MS + 600_000)).unwrap();
    assert!(log() != before, "nothing was written after ten minutes");
    store.close();
    assert_eq!(
        knowledge(&place.open(), "ada", "BAND-1").made_at_ms,
        MADE_AT_MS + 600_000
    );
}

/// The console says each row once. One that does not must not leave a database behind whose sums are wrong.
#[test]
fn a_snapshot_that_says_a_row_twice_leaves_the_last_word() {
    let place = Place::new();
    let mut store = place.open();
    let person = |id: &str, name: &str, handle| {
        let row = feed::UserRow::of(&User::new(UserId::new(id).unwrap()));
        let name = name.to_owned();
        Row::User(feed::UserRow { name, handle, ..row })
    };
    let band = |seos| {
        Row::Band(feed::BandRow::of(&Band {
            seos,
            ..Band::new(serial("BAND-7"))
        }))
    };
    let rows = vec![
        person("bob", "Bob", Some([1; 16])),
        person("cleo", "Cleo", Some([2; 16])),
        person("cleo", "Cleo Renamed", Some([3; 16])),
        person("dora", "Dora, who has Bob's handle", Some([1; 16])),
        band(false),
        band(true),
        Row::GroupPolicy(feed::GroupPolicyRow::of(&GroupPolicy::new(
            PolicyId::new("plant").unwrap(),
        ))),
    ];
    let applying = Applying {
        rows,
        inbox: InboxState::default(),
        is_whole: true,
    };
    store.apply_staged(&applying, MADE_AT_MS, |_| None).unwrap();
    store.close();
    let store = place.open();
    let name = |id: &str| {
        let user = store.user(&UserId::new(id).unwrap()).unwrap();
        user.map(|row| row.user.name)
    };
    assert_eq!((name("ada"), name("bob")), (None, None));
    assert_eq!(name("cleo").as_deref(), Some("Cleo Renamed"));
    assert_eq!(name("dora").as_deref(), Some("Dora, who has Bob's handle"));
    assert!(store.band(&serial("BAND-7")).unwrap().unwrap().seos);
}

#[test]
fn changes_come_with_their_records_or_not_at_all() {
    let place = Place::new();
    let mut store = place.open();
    let (ticket, association) = (TicketId([1; 16]), AssociationId([2; 16]));
    let spend = Change::SpendTicket { ticket, association };
    let missing = Change::DeactivateAssociation {
        id: policy::model::AssociationId([0; 16]),
    };
    assert!(
        store
            .append(MADE_AT_MS, &[Stopped {}.into()], &[spend.clone(), missing])
            .is_err()
    );
    assert_eq!(store.ticket_state(ticket).unwrap(), TicketState::Unspent);
    assert_eq!(store.head().unwrap().sequence, 1);
    store.append(MADE_AT_MS, &[Stopped {}.into()], &[spend]).unwrap();
    assert_eq!(
        store.ticket_state(ticket).unwrap(),
        TicketState::Spent { association }
    );
    let other = Change::ReleaseTicket {
        ticket,
        association: AssociationId([3; 16]),
    };
    store.append(MADE_AT_MS, &[], &[other]).unwrap();
    assert_eq!(
        store.ticket_state(ticket).unwrap(),
        TicketState::Spent { association }
    );
    store
        .append(MADE_AT_MS, &[], &[Change::ReleaseTicket { ticket, association }])
        .unwrap();
    assert_eq!(store.ticket_state(ticket).unwrap(), TicketState::Unspent);
    store.check_rows().unwrap();
}

#[test]
fn associations_end_and_stay_known() {
    let place = Place::new();
    let mut store = place.open();
    let known = knowledge(&store, "ada", "BAND-1")
        .associations
        .remove(0)
        .association;
    let ending = Ending {
        cause: EndCause::TakenOver,
        at: UnixMillis(5),
    };
    let new = policy::model::Association {
        id: policy::model::AssociationId([7; 16]),
        ..known.clone()
    };
    let changes = [
        Change::EndAssociation { id: known.id, ending },
        Change::PutAssociation(AssociationRow {
            association: new.clone(),
            credential_key: Some([1; 32]),
        }),
    ];
    store.append(MADE_AT_MS, &[], &changes).unwrap();
    let known = knowledge(&store, "ada", "BAND-1").associations;
    let open: Vec<_> = known.iter().filter(|known| known.association.is_open()).collect();
    assert_eq!((known.len(), open.len()), (2, 1));
    assert_eq!(open[0].association, new);
    place.open();
}

#[test]
fn a_ticket_is_spent_for_one_association_alone() {
    let place = Place::new();
    let spend = |association| Change::SpendTicket {
        ticket: TicketId([7; 16]),
        association: AssociationId([association; 16]),
    };
    let mut store = place.open();
    let mut append = |association| store.append(MADE_AT_MS, &[], &[spend(association)]).map(drop);
    assert_eq!(append(1), Ok(()));
    assert_eq!(append(2), Err(StoreError::TicketSpent));
    assert_eq!(append(1), Ok(()), "the same once more changes nothing");
}

#[test]
fn what_is_noted_of_clock_and_bands_is_kept() {
    let place = Place::new();
    let serial = Serial::new("BAND-2").unwrap();
    let quarantine = Quarantine {
        serial: serial.clone(),
        association: AssociationId([3; 16]),
        code: "user_unknown".into(),
    };
    let changes = [
        Change::DatePassed { ms: 5 },
        Change::Quarantine(quarantine.clone()),
    ];
    place.open().append(MADE_AT_MS, &[], &changes).unwrap();
    let mut store = place.open();
    assert_eq!(store.passed_ms(), Ok(5));
    assert_eq!(store.quarantine(&serial), Ok(Some(AssociationId([3; 16]))));
    assert_eq!(store.quarantines(), Ok(vec![quarantine]));
    store
        .append(
            MADE_AT_MS,
            &[],
            &[Change::EndQuarantine {
                serial: serial.clone(),
            }],
        )
        .unwrap();
    assert_eq!(
        (store.quarantine(&serial), store.quarantines()),
        (Ok(None), Ok(vec![]))
    );
}

#[test]
fn failed_attempts_are_counted_across_restarts() {
    let place = Place::new();
    let subject = AttemptSubject::Pin {
        operator: "olga".into(),
    };
    let state = AttemptState {
        failures: 3,
        blocked_until_ms: u64::MAX,
    };
    let set = |state| Change::SetAttempts {
        subject: subject.clone(),
        state,
    };
    place.open().append(MADE_AT_MS, &[], &[set(state)]).unwrap();
    let stored = AttemptState {
        failures: 3,
        blocked_until_ms: i64::MAX as u64,
    };
    assert_eq!(place.open().attempts(&subject).unwrap(), stored);
    place
        .open()
        .append(MADE_AT_MS, &[], &[set(AttemptState::default())])
        .unwrap();
    assert_eq!(place.open().attempts(&subject).unwrap(), AttemptState::default());
}

#[test]
fn rows_changed_behind_our_back_are_noticed() {
    for sql in [
        "update users set body = zeroblob(length(body)) where id = (select min(id) from users)",
        "update bands set body = zeroblob(length(body)) where serial = 'BAND-3'",
        "update associations set user = zeroblob(16)",
        "delete from associations",
        "delete from meta",
        "delete from sealing",
        "update sealing set key_id = zeroblob(8)",
        "delete from totals where name = 'users'",
        "update policies set id = zeroblob(16) where id = (select min(id) from policies)",
        "update operators set seal = seal + 1",
        "update journal set time_ms = time_ms + 1",
        "update journal set entry = zeroblob(length(entry))",
    ] {
        let place = Place::new();
        place.tamper(sql);
        let error = Store::open(&place.file(), &testing::seal_key()).unwrap_err();
        assert!(matches!(error, StoreError::Corrupted(_)), "{sql}: {error:?}");
    }
}

#[test]
fn every_failure_has_its_name() {
    let place = Place::new();
    let missing = place.folder.path().join("none.db");
    assert_eq!(
        Store::open(&missing, &testing::seal_key()).unwrap_err(),
        StoreError::Missing
    );

    std::fs::write(&missing, vec![7; 8192]).unwrap();
    assert!(matches!(
        Store::open(&missing, &testing::seal_key()).unwrap_err(),
        StoreError::Corrupted(_)
    ));

    place.tamper("update totals set count = count where name = 'users'");
    Connection::open(place.file())
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    assert_eq!(
        Store::open(&place.file(), &testing::seal_key()).unwrap_err(),
        StoreError::Newer {
            found: 99,
            known: migrations::CURRENT
        }
    );
}

#[test]
fn a_locked_database_is_named_and_recovers() {
    let place = Place::new();
    let mut store = place.open();
    store.connection.busy_timeout(Duration::ZERO).unwrap();
    let other = Connection::open(place.file()).unwrap();
    other.execute_batch("begin immediate").unwrap();
    assert_eq!(
        store.append(MADE_AT_MS, &[Stopped {}.into()], &[]).unwrap_err(),
        StoreError::Locked
    );
    other.execute_batch("rollback").unwrap();
    store.append(MADE_AT_MS, &[Stopped {}.into()], &[]).unwrap();
}

#[test]
fn a_full_disk_is_named_and_recovers() {
    let place = Place::new();
    let mut store = place.open();
    let pages: i64 = store
        .connection
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    let limit = |store: &Store, pages: i64| {
        store
            .connection
            .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .unwrap();
    };
    limit(&store, pages);
    let before = store.head().unwrap();
    let big = || {
        Started {
            software: "x".repeat(64 << 10),
            after_crash: false,
        }
        .into()
    };
    assert_eq!(
        store.append(MADE_AT_MS, &[big()], &[]).unwrap_err(),
        StoreError::Full
    );
    assert_eq!(store.head().unwrap(), before);
    limit(&store, 1 << 30);
    store.append(MADE_AT_MS, &[big()], &[]).unwrap();
}

#[test]
fn damage_stops_everything_after_it() {
    let place = Place::new();
    let mut store = place.open();
    store.note(&StoreError::SyncFailed("test".into()));
    let error = store.append(MADE_AT_MS, &[Stopped {}.into()], &[]).unwrap_err();
    assert_eq!(error, StoreError::SyncFailed("test".into()));
}

#[test]
fn the_files_are_private_and_the_reader_cannot_write() {
    let place = Place::new();
    let mode = std::fs::metadata(place.file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut reader = Store::open_to_read(&place.file(), &testing::seal_key()).unwrap();
    assert_eq!(
        reader.append(MADE_AT_MS, &[Stopped {}.into()], &[]).unwrap_err(),
        StoreError::ReadOnly
    );
}

#[test]
fn a_truncated_file_never_gives_facts() {
    let whole = Place::new();
    let bytes = std::fs::read(whole.file()).unwrap();
    for cut in [1, 100, 4096, bytes.len() / 2, bytes.len() - 4096, bytes.len() - 1] {
        std::fs::write(whole.file(), &bytes[..cut]).unwrap();
        let outcome = Store::open(&whole.file(), &testing::seal_key());
        assert!(outcome.is_err(), "{cut} bytes of {}", bytes.len());
    }
}

/// Everything that can feed a decision, as text.
fn all_facts(store: &Store) -> Result<String, StoreError> {
    let mut text = format!(
        "{:?} {:?} {:?}",
        store.identity()?,
        store.operator("olga")?,
        store.intents()?
    );
    for user in ["ada", "bo", "cy", "dee"] {
        for band in ["BAND-1", "BAND-2", "BAND-3", "BAND-4"] {
            let query = Query {
                number: 1,
                user: Some(handle(user)),
                serial: firmware_protocol::id::Serial::new(band).unwrap(),
                held: vec![AssociationId([9; 16])],
                ticket: Some(TicketId([1; 16])),
            };
            let time = TrustedTime::certain(MADE_AT_MS);
            text += &format!("{:?}", store.knowledge(&query, time, AssociationId([1; 16]))?);
        }
    }
    Ok(text)
}

/// A bit that flips anywhere in the file either changes nothing that matters or is noticed.
#[test]
fn a_flipped_bit_never_feeds_a_decision() {
    let place = Place::new();
    let spend = Change::SpendTicket {
        ticket: TicketId([1; 16]),
        association: AssociationId([2; 16]),
    };
    let mut store = place.open();
    store.append(MADE_AT_MS, &[Stopped {}.into()], &[spend]).unwrap();
    store.close();
    let whole = std::fs::read(place.file()).unwrap();
    let expected = all_facts(&place.open()).unwrap();
    let mut noticed = 0;
    for trial in 0..300_u64 {
        let mut bytes = whole.clone();
        // A full-period walk over the bits with a stride that no structure of the file shares.
        let bit = (trial * 7_919_993) % (bytes.len() as u64 * 8);
        bytes[(bit / 8) as usize] ^= 1 << (bit % 8);
        std::fs::write(place.file(), &bytes).unwrap();
        match Store::open(&place.file(), &testing::seal_key()).and_then(|store| all_facts(&store)) {
            Ok(facts) => assert_eq!(facts, expected, "bit {bit} changed a fact"),
            Err(_) => noticed += 1,
        }
        for suffix in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", place.file().display()));
        }
    }
    assert!(noticed > 20, "only {noticed} of 300 flips were noticed");
}

#[test]
fn zones_are_what_the_certificate_says() {
    assert_eq!(Place::new().open().identity().unwrap().zone, Zone::Enrollment);
}

#[tokio::test]
async fn the_handle_asks_in_order_and_outlives_a_panic() {
    let place = Place::new();
    let handle = StoreHandle::spawn(place.open());
    let append = |time_ms: u64| handle.run(move |store| store.append(time_ms, &[Stopped {}.into()], &[]));
    assert_eq!(append(1).await.unwrap().sequence, 2);
    let panicked: Result<(), _> = handle.run(|_| panic!("on purpose")).await;
    assert!(panicked.is_err());
    assert_eq!(append(2).await.unwrap().sequence, 3);
    let failed: Result<(), _> = handle.run(|_| Err(StoreError::SyncFailed("disk".into()))).await;
    assert!(failed.is_err());
    assert_eq!(
        append(3).await.unwrap_err(),
        StoreError::SyncFailed("disk".into())
    );
}
