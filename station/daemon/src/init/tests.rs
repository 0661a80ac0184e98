use std::os::unix::fs::PermissionsExt;

use firmware_protocol::certificate::Signed;
use firmware_protocol::id::{AssociationId, Serial, Zone};
use firmware_protocol::message::Mode;
use firmware_protocol::receipt::Receipt;
use firmware_protocol::time::UnixSeconds;
use policy::model::BandSerial;
use station_core::journal::{Committed, FlowId, JournalRecord};
use station_core::provision::{AssociationEntry, ProvisionFile};
use station_core::replica::changes_on_commit;

use super::*;
use crate::testing::{self, MADE_AT_MS};

struct Plant {
    folder: tempfile::TempDir,
    config: Config,
}

impl Plant {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.station.data_directory = folder.path().join("data");
        config.station.key_file = folder.path().join("data/station.key");
        config.station.seal_key_file = folder.path().join("seal.key");
        Self { folder, config }
    }

    fn init(&self, file: &ProvisionFile, replace: bool) -> Result<Made, Problem> {
        let path = self.folder.path().join("plant.toml");
        std::fs::write(&path, file.to_toml()).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        init(&self.config, &path, replace)
    }

    fn seal_key(&self) -> SealKey {
        seal::load(&self.config).unwrap()
    }

    fn open(&self) -> Result<Store, StoreError> {
        Store::open(&self.config.database(), &self.seal_key())
    }

    fn store(&self) -> Store {
        let store = self.open().unwrap();
        Keys::load(
            &self.config.station.key_file,
            &store.identity().unwrap().keys_digest,
            &self.seal_key(),
        )
        .unwrap();
        store
    }

    /// The station enrolls `bo` on BAND-2, at this time by its clock.
    fn enroll_bo(&self, time_ms: u64) {
        let mut store = self.store();
        let (receipt, record) = bo_on_band_2(&store, time_ms);
        let user = store.user_by_handle(receipt.user).unwrap().unwrap().user.id;
        let changes = changes_on_commit(&receipt, &user, false, None, &[]);
        store.append(time_ms, &[record], &changes).unwrap();
        store.close();
    }

    /// Whether the station knows that `bo` holds BAND-2.
    fn knows_of_bo(&self) -> bool {
        let band = BandSerial::new("BAND-2").unwrap();
        let known = self.store().associations(None, &band).unwrap();
        known.iter().any(|known| known.association.id.0 == BO_ON_BAND_2)
    }
}

const BO_ON_BAND_2: [u8; 16] = [77; 16];

fn bo_on_band_2(store: &Store, time_ms: u64) -> (Receipt, JournalRecord) {
    let identity = store.identity().unwrap();
    let receipt = Receipt {
        serial: Serial::new("BAND-2").unwrap(),
        organization: identity.organization,
        user: testing::handle("bo"),
        zone: Zone::Enrollment,
        association: AssociationId(BO_ON_BAND_2),
        epoch: 1,
        credential_key: [3; 32],
        station: identity.station,
        time: UnixSeconds(time_ms / 1000),
        mode: Mode::Capture,
    };
    let key = ed25519_dalek::SigningKey::from_bytes(&[8; 32]);
    let body = minicbor::to_vec(&receipt).unwrap();
    let record = Committed {
        flow: FlowId([1; 16]),
        receipt: Signed::sign(body, Receipt::CONTEXT, &key),
        band_key: key.verifying_key().to_bytes(),
        recovered: false,
        seos: false,
        band_certificate: None,
    };
    (receipt, record.into())
}

#[test]
fn an_enrollment_is_kept_or_the_loss_is_counted() {
    let check = |made_after_ms: u64, names_it: bool, expected: (bool, u64)| {
        let plant = Plant::new();
        let mut file = testing::file();
        plant.init(&file, false).unwrap();
        plant.enroll_bo(MADE_AT_MS + 1000);
        file.made_at_ms += made_after_ms;
        if names_it {
            file.associations.push(AssociationEntry {
                id: policy::model::AssociationId(BO_ON_BAND_2),
                user: policy::model::UserId::new("bo").unwrap(),
                band: BandSerial::new("BAND-2").unwrap(),
                ..file.associations[0].clone()
            });
        }
        let left_out = plant.init(&file, true).unwrap().left_out;
        assert_eq!(
            (plant.knows_of_bo(), left_out),
            expected,
            "{made_after_ms} {names_it}"
        );
        // Told once: from now on it was not in force here.
        assert_eq!(plant.init(&file, true).unwrap().left_out, 0);
    };
    check(0, false, (true, 0));
    check(999, false, (true, 0));
    check(1000, false, (false, 1));
    check(5000, false, (false, 1));
    check(5000, true, (true, 0));
}

#[test]
fn a_station_is_made_once() {
    let plant = Plant::new();
    let made = plant.init(&testing::file(), false).unwrap();
    assert_eq!(
        (made.users, made.bands, made.revision, made.journal_sequence),
        (3, 3, 7, 1)
    );
    let problem = plant.init(&testing::file(), false).unwrap_err();
    assert_eq!(problem.code, Code::AlreadyInitialized);
    assert_eq!(plant.store().head().unwrap().sequence, 1);
}

#[test]
fn replacing_keeps_the_journal() {
    let plant = Plant::new();
    plant.init(&testing::file(), false).unwrap();
    let head = plant.store().head().unwrap();
    let mut file = testing::file();
    file.revision = 8;
    file.users.truncate(2);
    let made = plant.init(&file, true).unwrap();
    assert_eq!((made.users, made.revision, made.journal_sequence), (2, 8, 2));
    let store = plant.store();
    assert_eq!(store.entries(1, 1).unwrap()[0].hash, head.hash);
    assert_eq!(store.verify_journal().unwrap().fault, None);
}

#[test]
fn a_faulty_file_changes_nothing() {
    let plant = Plant::new();
    let mut file = testing::file();
    file.associations[0].user = policy::model::UserId::new("nobody").unwrap();
    let problem = plant.init(&file, false).unwrap_err();
    assert_eq!(problem.code, Code::ProvisionInvalid);
    assert!(problem.why.contains("associations[0]"), "{problem}");
    assert!(!plant.config.database().exists() && !plant.config.station.key_file.exists());
}

#[test]
fn a_file_that_others_can_read_is_refused() {
    let plant = Plant::new();
    let path = plant.folder.path().join("plant.toml");
    std::fs::write(&path, testing::file().to_toml()).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    assert_eq!(
        init(&plant.config, &path, false).unwrap_err().code,
        Code::SecretExposed
    );
}

#[test]
fn another_stations_file_is_refused() {
    let plant = Plant::new();
    plant.init(&testing::file(), false).unwrap();
    let file = testing::file_for_station(6);
    let problem = plant.init(&file, true).unwrap_err();
    assert!(problem.why.contains("file is for station"), "{problem}");
}

#[test]
fn a_damaged_database_is_kept_and_replaced() {
    let plant = Plant::new();
    plant.init(&testing::file(), false).unwrap();
    std::fs::write(plant.config.database(), vec![7; 20_000]).unwrap();
    let made = plant.init(&testing::file(), true).unwrap();
    assert!(made.kept.unwrap().exists());
    assert_eq!(plant.store().head().unwrap().sequence, 1);
}

/// A file says nothing of a console; that it ends the work with one must not go unsaid.
#[test]
fn leaving_a_console_is_said() {
    use server_sync::feed::InboxState;
    let plant = Plant::new();
    assert!(!plant.init(&testing::file(), false).unwrap().left_console);
    assert!(!plant.init(&testing::file(), true).unwrap().left_console);
    let mut store = plant.store();
    let state = crate::store::SyncState::joined(&InboxState::default());
    store.set_sync_state(&state).unwrap();
    store.close();
    assert!(plant.init(&testing::file(), true).unwrap().left_console);
    assert_eq!(plant.store().sync_state().unwrap(), None);
}

/// The line that names the key is one of many; without it the rows open all the same.
#[test]
fn a_journal_is_taken_over_without_the_line_that_names_its_key() {
    let plant = Plant::new();
    plant.init(&testing::file(), false).unwrap();
    plant.enroll_bo(MADE_AT_MS + 1);
    let database = rusqlite::Connection::open(plant.config.database()).unwrap();
    let damage = "update sealing set key_id = zeroblob(8)";
    assert_eq!(database.execute(damage, ()).unwrap(), 1);
    drop(database);
    let made = plant.init(&testing::file(), true).unwrap();
    assert_eq!((made.journal_sequence, made.journal_fault), (3, None));
    assert!(made.kept.is_some());
}

/// Damage in the middle of the journal must not cost what is behind it.
#[test]
fn a_journal_that_does_not_hold_is_kept_aside_whole() {
    let plant = Plant::new();
    plant.init(&testing::file(), false).unwrap();
    for count in 2..=6 {
        plant.enroll_bo(MADE_AT_MS + count);
    }
    let database = rusqlite::Connection::open(plant.config.database()).unwrap();
    let flip = "update journal set time_ms = time_ms + 1 where sequence = 3";
    assert_eq!(database.execute(flip, ()).unwrap(), 1);
    drop(database);
    let made = plant.init(&testing::file(), true).unwrap();
    // The two that hold, and the line about the new file.
    assert_eq!((made.journal_sequence, made.left_out), (3, 0));
    let fault = made.journal_fault.unwrap();
    assert!(fault.contains("entry 3"), "{fault}");
    let kept = Store::open_to_read(&made.kept.unwrap(), &plant.seal_key()).unwrap();
    assert_eq!(kept.head().unwrap().sequence, 6);
    assert_eq!(plant.store().verify_journal().unwrap().fault, None);
    let again = plant.init(&testing::file(), true).unwrap();
    assert_eq!((again.journal_fault, again.kept), (None, None));
}

/// The bytes in which the file keeps a journal entry.
fn kept_bytes(database: &Path, sequence: u64) -> Vec<u8> {
    let database = rusqlite::Connection::open(database).unwrap();
    let select = "select entry from journal where sequence = ?1";
    database
        .query_row(select, [sequence as i64], |row| row.get(0))
        .unwrap()
}

/// Overwrites each page of the file that has these bytes, as a failing disk does. How many there were.
fn destroy_pages_with(path: &Path, bytes: &[u8]) -> usize {
    const PAGE: usize = 4096;
    let mut file = std::fs::read(path).unwrap();
    let pages = file.chunks_mut(PAGE);
    let hit = pages.filter(|page| page.windows(bytes.len()).any(|window| window == bytes));
    let count = hit.map(|page| page.fill(0xff)).count();
    std::fs::write(path, file).unwrap();
    count
}

/// Where SQLite cannot read the journal's pages there is a way forward too, and the rest is kept aside.
#[test]
fn a_journal_that_cannot_be_read_is_kept_aside_and_goes_on_before_the_damage() {
    use station_core::journal::Started;
    let plant = Plant::new();
    plant.init(&testing::file(), false).unwrap();
    let mut store = plant.store();
    for number in 0..400 {
        let software = format!("{number:04}-{}", "x".repeat(100));
        let record = Started {
            software,
            after_crash: false,
        };
        store.append(MADE_AT_MS, &[record.into()], &[]).unwrap();
    }
    assert_eq!(store.head().unwrap().sequence, 401);
    store.close();
    let database = plant.config.database();
    let last = kept_bytes(&database, 400);
    let in_the_middle = kept_bytes(&database, 252);
    assert!(destroy_pages_with(&database, &in_the_middle) > 0);
    assert_eq!(
        plant.open().unwrap_err().into_problem("", &plant.config).code,
        Code::StoreCorrupted
    );
    let made = plant.init(&testing::file(), true).unwrap();
    let carried = made.journal_sequence - 1;
    assert!((200..=251).contains(&carried), "{carried}");
    let fault = made.journal_fault.unwrap();
    assert!(
        fault.contains(&format!("entry {} cannot be read", carried + 1)),
        "{fault}"
    );
    let kept = std::fs::read(made.kept.unwrap()).unwrap();
    assert!(kept.windows(last.len()).any(|window| window == last));
    assert_eq!(plant.store().verify_journal().unwrap().fault, None);
}

/// Rows of intents and used tickets that cannot be read are made again out of the journal.
#[test]
fn damaged_rows_are_made_again_out_of_the_journal() {
    use station_core::journal::Intent;
    use station_core::replica::{TicketState, changes_on_intent};
    use station_core::ticket::TicketId;
    let plant = Plant::new();
    plant.init(&testing::file(), false).unwrap();
    let (ticket, association) = (TicketId([7; 16]), AssociationId([2; 16]));
    let intent = Intent {
        flow: FlowId([1; 16]),
        association,
        user: testing::handle("ada"),
        serial: Serial::new("BAND-2").unwrap(),
        zone: Zone::Enrollment,
        epoch: 1,
        mode: Mode::Capture,
        credential_key: [3; 32],
        time_ms: MADE_AT_MS,
        ticket: Some(ticket),
    };
    let mut store = plant.store();
    let changes = changes_on_intent(&intent);
    store.append(MADE_AT_MS, &[intent.into()], &changes).unwrap();
    store.close();
    let database = rusqlite::Connection::open(plant.config.database()).unwrap();
    for change in [
        "update tickets set association = zeroblob(16)",
        "update intents set body = x'00'",
    ] {
        assert_eq!(database.execute(change, ()).unwrap(), 1, "{change}");
    }
    drop(database);
    let made = plant.init(&testing::file(), true).unwrap();
    assert!(made.kept.is_some() && made.journal_fault.is_none(), "{made:?}");
    let store = plant.store();
    assert_eq!(
        store.ticket_state(ticket).unwrap(),
        TicketState::Spent { association }
    );
    assert_eq!(store.intents().unwrap().len(), 1);
}

#[test]
fn a_database_that_is_a_link_is_refused_by_name() {
    let plant = Plant::new();
    plant.init(&testing::file(), false).unwrap();
    let database = plant.config.database();
    let elsewhere = plant.folder.path().join("elsewhere.db");
    std::fs::rename(&database, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &database).unwrap();
    let before = std::fs::read(&elsewhere).unwrap();
    let problems = [
        plant.init(&testing::file(), true).unwrap_err(),
        plant.open().unwrap_err().into_problem("", &plant.config),
        Store::open_to_read(&database, &plant.seal_key())
            .unwrap_err()
            .into_problem("", &plant.config),
    ];
    for problem in problems {
        assert!(problem.why.contains("station.db is a link"), "{problem}");
    }
    assert_eq!(std::fs::read(&elsewhere).unwrap(), before);
    std::fs::remove_file(&database).unwrap();
    std::fs::rename(&elsewhere, &database).unwrap();
    std::os::unix::fs::symlink(&elsewhere, with_suffix(&database, "-wal")).unwrap();
    let problem = plant.init(&testing::file(), true).unwrap_err();
    assert!(problem.why.contains("station.db-wal is a link"), "{problem}");
    assert!(!elsewhere.exists());
}

/// The same file once more is no word about the date; a newer one is.
#[test]
fn what_had_expired_stays_so_under_the_same_file_and_not_under_a_newer_one() {
    let plant = Plant::new();
    plant.init(&testing::file(), false).unwrap();
    let later_ms = Clock::start().wall_ms() + 3_600_000;
    let mut store = plant.store();
    store
        .append(later_ms, &[station_core::journal::Stopped {}.into()], &[])
        .unwrap();
    store.close();
    plant.init(&testing::file(), true).unwrap();
    assert_eq!(plant.store().passed_ms(), Ok(later_ms));
    let newer = ProvisionFile {
        made_at_ms: MADE_AT_MS + 1,
        revision: 8,
        ..testing::file()
    };
    plant.init(&newer, true).unwrap();
    assert_eq!(plant.store().passed_ms(), Ok(0));
}

#[test]
fn each_damaged_database_is_kept_under_its_own_name() {
    let plant = Plant::new();
    plant.init(&testing::file(), false).unwrap();
    let damage = |byte: u8| {
        std::fs::write(plant.config.database(), vec![byte; 20_000]).unwrap();
        std::fs::write(with_suffix(&plant.config.database(), "-wal"), [byte]).unwrap();
        plant.init(&testing::file(), true).unwrap().kept.unwrap()
    };
    let kept = [7, 8, 9].map(|byte| (damage(byte), byte));
    for (path, byte) in &kept {
        assert_eq!(std::fs::read(path).unwrap()[0], *byte, "{}", path.display());
    }
    assert!(
        kept[2].0.to_string_lossy().ends_with("station.db.damaged.3"),
        "{kept:?}"
    );
    plant.store();
}

#[test]
fn a_database_stays_in_place_until_the_new_one_takes_it() {
    let folder = tempfile::tempdir().unwrap();
    let [database, kept] = ["station.db", "kept"].map(|name| folder.path().join(name));
    std::fs::write(&database, "rows").unwrap();
    std::fs::write(with_suffix(&database, "-wal"), "log").unwrap();
    keep(&database, &kept).unwrap();
    assert_eq!(std::fs::read(&database).unwrap(), b"rows");
    assert_eq!(std::fs::read(&kept).unwrap(), b"rows");
    assert_eq!(std::fs::read(with_suffix(&kept, "-wal")).unwrap(), b"log");
    assert!(!with_suffix(&database, "-wal").exists());
    // What is kept is never overwritten.
    keep(&database, &kept).unwrap_err();
}

#[test]
fn a_station_in_use_is_left_alone() {
    let plant = Plant::new();
    plant.init(&testing::file(), false).unwrap();
    let _lock = InstanceLock::take(&plant.config.lock_file()).unwrap();
    assert_eq!(
        plant.init(&testing::file(), true).unwrap_err().code,
        Code::InstanceRunning
    );
}

#[test]
fn what_root_makes_belongs_to_the_owner_of_the_folder() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    use std::os::unix::fs::MetadataExt;
    let plant = Plant::new();
    let folder = &plant.config.station.data_directory;
    std::fs::create_dir(folder).unwrap();
    std::os::unix::fs::chown(folder, Some(4711), Some(4711)).unwrap();
    plant.init(&testing::file(), false).unwrap();
    for path in [
        plant.config.database(),
        plant.config.station.key_file.clone(),
        plant.config.lock_file(),
    ] {
        assert_eq!(
            std::fs::metadata(&path).unwrap().uid(),
            4711,
            "{}",
            path.display()
        );
    }
}

#[test]
fn root_gives_nothing_away_that_a_link_leads_to() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    use std::os::unix::fs::{MetadataExt, chown, symlink};
    let folder = tempfile::tempdir().unwrap();
    let [victim, owned] = ["victim", "owned"].map(|name| folder.path().join(name));
    std::fs::write(&victim, "").unwrap();
    std::fs::create_dir(&owned).unwrap();
    chown(&owned, Some(4711), Some(4711)).unwrap();
    symlink(&victim, owned.join("soft")).unwrap();
    std::fs::hard_link(&victim, owned.join("hard")).unwrap();
    for name in ["soft", "hard", "none"] {
        give_to_owner(&owned.join(name));
    }
    assert_eq!(std::fs::metadata(&victim).unwrap().uid(), 0);
}

#[test]
fn nothing_goes_back_to_an_older_file() {
    let plant = Plant::new();
    plant.init(&testing::file(), false).unwrap();
    let mut file = testing::file();
    file.revision -= 1;
    let problem = plant.init(&file, true).unwrap_err();
    assert_eq!(problem.code, Code::ProvisionInvalid);
    assert!(
        problem.why.contains("revision 6") && problem.why.contains("revision 7"),
        "{problem}"
    );
    assert_eq!(plant.store().head().unwrap().sequence, 1);
    file.revision += 1;
    plant.init(&file, true).unwrap();
}

#[test]
fn a_file_from_the_future_replaces_nothing() {
    let check = |made_at_ms: u64, wall_ms: u64, expected: bool| {
        let mut provision = testing::provision();
        provision.made_at_ms = made_at_ms;
        assert_eq!(
            check_time(&provision, wall_ms).is_ok(),
            expected,
            "{made_at_ms} at {wall_ms}"
        );
    };
    check(MADE_AT_MS, MADE_AT_MS, true);
    check(MADE_AT_MS + AHEAD_MS_MAX, MADE_AT_MS, true);
    check(MADE_AT_MS + AHEAD_MS_MAX + 1, MADE_AT_MS, false);
    check(RELEASED_MS + AHEAD_MS_MAX, 0, true);
    check(u64::MAX, MADE_AT_MS, false);
    let plant = Plant::new();
    plant.init(&testing::file(), false).unwrap();
    let mut file = testing::file();
    file.made_at_ms = Clock::start().wall_ms() + 2 * AHEAD_MS_MAX;
    let problem = plant.init(&file, true).unwrap_err();
    assert!(problem.why.contains("in the future"), "{problem}");
    assert_eq!(plant.store().head().unwrap().sequence, 1);
}
