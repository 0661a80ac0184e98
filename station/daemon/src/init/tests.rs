use std::os::unix::fs::PermissionsExt;

use station_core::provision::ProvisionFile;

use super::*;
use crate::testing;

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
        Self { folder, config }
    }

    fn init(&self, file: &ProvisionFile, replace: bool) -> Result<Made, Problem> {
        let path = self.folder.path().join("plant.toml");
        std::fs::write(&path, file.to_toml()).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
        init(&self.config, &path, replace)
    }

    fn store(&self) -> Store {
        let store = Store::open(&self.config.database()).unwrap();
        Keys::load(
            &self.config.station.key_file,
            &store.identity().unwrap().keys_digest,
        )
        .unwrap();
        store
    }
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
