//! A14: somebody has the kiosk's disk and not the key it is sealed with. Every byte of every file is searched for
//! what would name or impersonate anybody, and the same search finds all of it where it is in clear.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, HEXLOWER};
use firmware_protocol::id::UserHandle;
use policy::model::UserId;
use simulators::bluez::BandPort;
use simulators::stage::{Daemon, DaemonError, HELD_DBM, Program};
use station_core::replica::Right;
use station_core::ticket::AttemptSubject;
use station_daemon::seal::SealKey;
use station_daemon::store::Store;

use crate::kiosk::{Kiosk, Wrist, by_code, by_ticket, by_vouch, enroll, quick};
use crate::sync_stage::{Console, Station, seal_key};

const NAME: &str = "Xanthippe Quaxelbrück";
const PERSON: &str = "P-8841-77305";
const OPERATOR: &str = "olga.quandt";
const PIN: &str = "8675309424242";
/// A hash that belongs to no PIN that anybody would try.
const PIN_HASH: &str =
    "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzb21l$3Vh0bA7mVxbXqz0YvYQy0v1jWq6v5m9oZl0uVtqRr0c";
/// A database and a key file of version 2, in clear: the same person, the same operator.
const VERSION_2: &str = include_str!("../databases/station-2.sql");
const KEYS_2: &str = include_str!("../databases/station-2-key.json");

/// What must not be read, by name, as bytes.
type Secrets = Vec<(&'static str, Vec<u8>)>;

fn names() -> Secrets {
    vec![
        ("a first name", b"Xanthippe".to_vec()),
        ("a family name", "Quaxelbrück".into()),
        ("a personnel number", PERSON.into()),
        ("an operator", OPERATOR.into()),
    ]
}

/// The forms in which bytes end up in files: as they are, in hexadecimal, in base64 wherever in a longer text, and
/// in UTF-16.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let hex = HEXLOWER.encode(secret);
    let wide: Vec<u8> = secret.iter().flat_map(|byte| [*byte, 0]).collect();
    let base64 = (0..3).map(|before| {
        let text = BASE64.encode(&[&vec![0; before], secret].concat());
        let (first, behind) = ((before * 8).div_ceil(6), (before + secret.len()) * 8 / 6);
        text.as_bytes()[first..behind].to_vec()
    });
    let plain = [
        secret.to_vec(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        wide,
    ];
    plain.into_iter().chain(base64).collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => found.extend(files(&entry.path())),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found
}

/// Which of the secrets are in which file of the folder. The key, which is not on the thief's disk, and the file
/// that an administrator brought and takes away again are left out.
fn found(folder: &Path, secrets: &Secrets) -> Vec<String> {
    let elsewhere = ["seal.key", "provision.toml", "init.toml"];
    let mut all = files(folder);
    all.retain(|path| !elsewhere.contains(&path.file_name().unwrap().to_str().unwrap()));
    let mut found = Vec::new();
    for path in all {
        let bytes = fs::read(&path).unwrap();
        for (what, secret) in secrets {
            let is_in = |form: &Vec<u8>| bytes.windows(form.len()).any(|window| window == form);
            if forms(secret).iter().any(is_in) {
                found.push(format!(
                    "{what} in {}",
                    path.file_name().unwrap().to_str().unwrap()
                ));
            }
        }
    }
    found
}

fn check_nothing_found(folder: &Path, secrets: &Secrets, when: &str) {
    assert_eq!(found(folder, secrets), Vec::<String>::new(), "{when}");
    assert!(files(folder).len() > 3, "there is hardly anything to search");
}

/// Somebody who was enrolled in every way there is, and an operator whose PIN was tried.
struct Run {
    kiosk: Kiosk,
    program: Program,
    secrets: Secrets,
    handle: UserHandle,
}

async fn enrolled() -> Option<(Run, Daemon)> {
    let mut kiosk = Kiosk::new()?;
    let person = kiosk.cast.person(PERSON, NAME);
    let band = kiosk.cast.band("SIM-1", false, quick());
    let _band: BandPort<Wrist> = kiosk.put(band, HELD_DBM);
    kiosk.cast.operator(OPERATOR, PIN_HASH, &[Right::Vouch]);
    let (ticket, code) = (kiosk.cast.ticket(&person), kiosk.cast.code(&person));
    kiosk.init("");
    // Whatever is written for a moment only is searched too.
    let temporary = kiosk.stage.folder().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let temporary = format!("TMPDIR={}", temporary.display());
    let program = kiosk.program.wrapped(&["env", &temporary]);
    let daemon = kiosk.start_as(&program).await;
    for (start, expected) in [
        (by_ticket(&ticket), "done"),
        (by_ticket(&ticket), "ticket_reused"),
        (by_code(&code), "done"),
        (by_vouch(PERSON, OPERATOR, PIN), "wrong_pin"),
    ] {
        assert_eq!(enroll(&daemon, &start).await.code(), expected);
    }
    let file = kiosk.cast.file();
    let mut secrets = names();
    secrets.extend([
        ("the ticket", ticket[..40].into()),
        ("the code", code.replace('-', "").into_bytes()),
        ("the PIN", PIN.into()),
        ("the hash of the PIN", PIN_HASH[30..].into()),
        ("the person's handle", person.handle.0.to_vec()),
        ("the station's key", file.station.secret_key.0.to_vec()),
        ("the key of typed codes", file.tickets_from.code_key.0.to_vec()),
    ]);
    let handle = person.handle;
    let run = Run {
        kiosk,
        program,
        secrets,
        handle,
    };
    Some((run, daemon))
}

impl Run {
    /// What the key opens, as text: the search must find in it whatever it did not find on the disk.
    fn opened(&self) -> String {
        let stage = &self.kiosk.stage;
        let key = stage.seal_key().unwrap();
        let store = Store::open_to_read(&stage.data().join("station.db"), &key).unwrap();
        let pin = AttemptSubject::Pin {
            operator: OPERATOR.into(),
        };
        assert_eq!(store.attempts(&pin).unwrap().failures, 1);
        let user = store.user_by_handle(self.handle).unwrap().unwrap();
        let operator = store.operator(OPERATOR).unwrap().unwrap();
        let handle = HEXLOWER.encode(&user.handle.0);
        format!(
            "{} {} {handle} {} {}",
            user.user.name, user.user.id, operator.id, operator.pin
        )
    }
}

#[tokio::test]
async fn a_stolen_disk_names_nobody() {
    let Some((run, daemon)) = enrolled().await else {
        return;
    };
    let (folder, secrets) = (run.kiosk.stage.folder().to_owned(), &run.secrets);
    assert!(
        run.kiosk
            .stage
            .data()
            .join("station.db-wal")
            .metadata()
            .unwrap()
            .len()
            > 0
    );
    check_nothing_found(&folder, secrets, "while the station works");
    daemon.kill().await.unwrap();
    check_nothing_found(&folder, secrets, "after the plug was pulled");
    let daemon = run.kiosk.start_as(&run.program).await;
    check_nothing_found(&folder, secrets, "after the next start");
    assert!(daemon.stop().await.unwrap().success());
    check_nothing_found(&folder, secrets, "after it was stopped");

    // What is known without a key, from the file that the station was made of, is known by the search.
    fs::write(folder.join("leak"), run.opened()).unwrap();
    let seen = found(&folder, secrets);
    let expected = [
        "a first name",
        "a family name",
        "a personnel number",
        "an operator",
        "the hash of the PIN",
        "the person's handle",
    ];
    assert_eq!(seen, expected.map(|what| format!("{what} in leak")));
}

/// Starts a station that must not start: its exit code and what it says.
async fn refused(kiosk: &Kiosk) -> (i32, String) {
    match Daemon::start(&kiosk.stage, &kiosk.program).await {
        Err(DaemonError::Ended(status, text)) => (status.code().unwrap_or(-1), text),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("the station starts"),
    }
}

#[tokio::test]
async fn without_its_key_nothing_opens_and_that_is_said() {
    let Some((run, daemon)) = enrolled().await else {
        return;
    };
    assert!(daemon.stop().await.unwrap().success());
    let kiosk = &run.kiosk;
    let (file, folder) = (kiosk.stage.seal_key_file(), kiosk.stage.folder());
    let key = fs::read(&file).unwrap();
    let check = async |code: &str, next: &str| {
        let (exit, text) = refused(kiosk).await;
        assert!(
            exit == 3 && text.contains(code) && text.contains(next),
            "{exit}: {text}"
        );
        let (exit, said) = kiosk.ask(&["journal", "export"]);
        assert_eq!((exit, said["error"]["code"].as_str()), (3, Some(code)), "{said}");
    };
    fs::remove_file(&file).unwrap();
    check("seal_key_missing", "give the key back").await;
    let (_, findings) = kiosk.ask(&["doctor"]);
    assert!(
        findings.to_string().contains("there is neither a credential"),
        "{findings}"
    );
    // A new key for a disk that is sealed would only hide what is wrong.
    let (exit, said) = kiosk.ask(&["seal", "make"]);
    assert_eq!(
        (exit, said["error"]["code"].as_str()),
        (3, Some("seal_key_missing")),
        "{said}"
    );
    let from = kiosk.stage.provisioning();
    let (exit, said) = kiosk.ask(&["init", "--replace", "--from", &from.to_string_lossy()]);
    assert_eq!(
        (exit, said["error"]["code"].as_str()),
        (3, Some("seal_key_missing")),
        "{said}"
    );
    assert!(!file.exists());

    let write = |path: &Path, text: &[u8]| {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
    };
    write(&file, SealKey::new([9; 32]).to_text().as_bytes());
    check("seal_key_wrong", "revoke the station at the console").await;
    write(&file, &key[..20]);
    check("secret_unusable", "put the right key back").await;

    // The key as systemd hands it out.
    fs::remove_file(&file).unwrap();
    let credentials = folder.join("credentials");
    fs::create_dir(&credentials).unwrap();
    let credential = credentials.join("bandstand.seal");
    write(&credential, &key);
    fs::set_permissions(&credential, PermissionsExt::from_mode(0o440)).unwrap();
    let given = format!("CREDENTIALS_DIRECTORY={}", credentials.display());
    let program = kiosk.program.wrapped(&["env", &given]);
    let daemon = kiosk.start_as(&program).await;
    let findings: serde_json::Value = daemon.client.get("/api/v1/doctor").await.unwrap();
    assert!(findings.to_string().contains("a credential"), "{findings}");
    assert!(daemon.stop().await.unwrap().success());
}

#[tokio::test]
async fn a_station_of_before_is_sealed_at_its_first_start() {
    let Some(kiosk) = Kiosk::new() else { return };
    kiosk.stage.write_files(&kiosk.cast, "").unwrap();
    let folder = kiosk.stage.folder();
    fs::create_dir(kiosk.stage.data()).unwrap();
    let (database, keys) = (kiosk.stage.data().join("station.db"), folder.join("station.key"));
    let connection = rusqlite::Connection::open(&database).unwrap();
    connection.execute_batch(VERSION_2).unwrap();
    drop(connection);
    fs::write(&keys, KEYS_2).unwrap();
    for path in [&database, &keys] {
        fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
    }
    let stored: serde_json::Value = serde_json::from_str(KEYS_2).unwrap();
    let mut secrets = names();
    for name in ["dh_secret", "code_key"] {
        let hex = stored["keys"][0][name].as_str().unwrap();
        secrets.push((name, HEXLOWER.decode(hex.as_bytes()).unwrap()));
    }
    let expected = [
        "a first name",
        "a family name",
        "a personnel number",
        "an operator",
    ];
    let mut expected: Vec<_> = expected
        .iter()
        .map(|what| format!("{what} in station.db"))
        .collect();
    expected.extend(["dh_secret in station.key", "code_key in station.key"].map(str::to_owned));
    let mut seen = found(folder, &secrets);
    seen.sort_by_key(|seen| expected.iter().position(|expected| expected == seen));
    assert_eq!(seen, expected, "what is in clear is found");

    let (exit, text) = refused(&kiosk).await;
    assert!(exit == 3 && text.contains("seal make"), "{exit}: {text}");
    let made = kiosk.run(&["seal", "make"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let daemon = Daemon::start(&kiosk.stage, &kiosk.program).await.unwrap();
    check_nothing_found(folder, &secrets, "while it runs");
    assert!(daemon.stop().await.unwrap().success());
    check_nothing_found(folder, &secrets, "after it was stopped");
    let (exit, verified) = kiosk.ask(&["journal", "verify"]);
    assert_eq!((exit, verified["ok"].as_bool()), (0, Some(true)), "{verified}");
}

/// What comes from a console: its rows, the key for it, and what was put aside on the way.
#[tokio::test(flavor = "multi_thread")]
async fn a_station_with_a_console_names_nobody_either() {
    let console = Console::start().await;
    console.person("ada", "north").await;
    let mut station = Station::joined(&console, "gate", "north").await;
    station.kill().await;
    let credentials =
        station_daemon::sync::Credentials::load(&station.folder().join("data/station.sync"), &seal_key())
            .unwrap();
    let store = station.store();
    let (users, _) = store.counts().unwrap();
    assert!(users > 0, "nobody came from the console");
    let known = store.user(&UserId::new("ada").unwrap()).unwrap().unwrap();
    let secrets = vec![
        ("a name", known.user.name.clone().into_bytes()),
        ("a handle", known.handle.0.to_vec()),
        ("the key for the console", credentials.key.to_vec()),
    ];
    check_nothing_found(station.folder(), &secrets, "with a console's rows");
    fs::write(station.folder().join("leak"), &known.user.name).unwrap();
    assert_eq!(found(station.folder(), &secrets), ["a name in leak"]);
}
