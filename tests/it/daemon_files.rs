//! What can be wrong with the files of the real station, and what its commands say.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use simulators::bluez::BandPort;
use simulators::cast::Person;
use simulators::stage::{Daemon, DaemonError};

use crate::kiosk::{Kiosk, Wrist, enroll};

/// A kiosk with one enrollment in its journal, stopped.
async fn stopped() -> Option<(Kiosk, Person, BandPort<Wrist>)> {
    let mut kiosk = Kiosk::new()?;
    let (mara, band) = kiosk.person_with_band("4711", "SIM-1");
    kiosk.init("");
    let daemon = kiosk.start().await;
    let start = kiosk.ticket(&mara);
    assert_eq!(enroll(&daemon, &start).await.code(), "done");
    assert!(daemon.stop().await.unwrap().success());
    Some((kiosk, mara, band))
}

/// Starts a station that must not start: its exit code and what it says.
async fn refused(kiosk: &Kiosk) -> (i32, String) {
    match Daemon::start(&kiosk.stage, &kiosk.program).await {
        Err(DaemonError::Ended(status, text)) => (status.code().unwrap_or(-1), text),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("the station starts"),
    }
}

fn database(kiosk: &Kiosk) -> std::path::PathBuf {
    let files = fs::read_dir(kiosk.stage.data())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut bases = files.filter(|path| path.extension().is_some_and(|extension| extension == "db"));
    bases.next().expect("there is a database")
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

/// F7: a flipped bit anywhere is found, or changes nothing; it never leads to another answer.
#[tokio::test]
async fn a_flipped_bit_in_the_database_is_found_or_harmless() {
    let Some((mut kiosk, mara, band)) = stopped().await else {
        return;
    };
    let path = database(&kiosk);
    // Whoever opens the database last folds its log into it.
    let journal = kiosk.run(&["journal", "export", "--json"]).stdout;
    assert!(!path.with_extension("db-wal").exists(), "the log is still there");
    let good = fs::read(&path).unwrap();
    let trials = tests::volume(40, 2_000) as usize;
    let mut found = 0;
    for trial in 0..trials {
        let at = (good.len() / trials * trial + trial * 131) % good.len();
        flip(&path, at);
        let spawned = Daemon::start(&kiosk.stage, &kiosk.program).await;
        match spawned {
            Err(DaemonError::Ended(status, text)) => {
                found += 1;
                assert_eq!(status.code(), Some(4), "byte {at}: {text}");
                assert!(text.contains("next:"), "byte {at}: {text}");
            }
            Err(error) => panic!("byte {at}: {error}"),
            Ok(daemon) => {
                daemon.kill().await.unwrap();
                let (code, verified) = kiosk.ask(&["journal", "verify"]);
                let exported = kiosk.run(&["journal", "export", "--json"]);
                assert_eq!(
                    code, 0,
                    "byte {at}: started, and the journal does not hold: {verified}"
                );
                let before = String::from_utf8_lossy(&journal);
                let after = String::from_utf8_lossy(&exported.stdout);
                let changed = before
                    .lines()
                    .zip(after.lines())
                    .find(|(before, after)| before != after);
                assert_eq!(changed, None, "byte {at}: the journal changed unnoticed");
                assert!(
                    after.lines().count() > before.lines().count(),
                    "byte {at}: {exported:?}"
                );
            }
        }
        for extension in ["db-wal", "db-shm"] {
            let _ = fs::remove_file(path.with_extension(extension));
        }
        fs::write(&path, &good).unwrap();
    }
    assert!(found >= 3, "{found} of {trials} flipped bits were found");
    let daemon = kiosk.start().await;
    let start = kiosk.ticket(&mara);
    assert_eq!(enroll(&daemon, &start).await.code(), "done");
    kiosk.agrees(&[&band], 0);
}

/// F7: what a torn or flipped write-ahead log has lost was never in it whole; the rest holds.
#[tokio::test]
async fn a_damaged_write_ahead_log_never_makes_the_journal_wrong() {
    let Some((mut kiosk, mara, _)) = stopped().await else {
        return;
    };
    let daemon = kiosk.start().await;
    let start = kiosk.ticket(&mara);
    assert_eq!(enroll(&daemon, &start).await.code(), "done");
    daemon.kill().await.unwrap();
    let (base, log) = (database(&kiosk), database(&kiosk).with_extension("db-wal"));
    let (good_base, good_log) = (fs::read(&base).unwrap(), fs::read(&log).unwrap());
    for part in 0..tests::volume(8, 200) as usize {
        let at = (good_log.len() / 8 * part + part * 97) % good_log.len();
        for truncate in [false, true] {
            fs::write(&base, &good_base).unwrap();
            let _ = fs::remove_file(base.with_extension("db-shm"));
            fs::write(&log, if truncate { &good_log[..at] } else { &good_log[..] }).unwrap();
            if !truncate {
                flip(&log, at);
            }
            match Daemon::start(&kiosk.stage, &kiosk.program).await {
                Err(DaemonError::Ended(status, text)) => assert_eq!(status.code(), Some(4), "{text}"),
                Err(error) => panic!("byte {at}: {error}"),
                Ok(daemon) => {
                    daemon.kill().await.unwrap();
                    let (code, verified) = kiosk.ask(&["journal", "verify"]);
                    assert_eq!(code, 0, "byte {at}, truncated {truncate}: {verified}");
                }
            }
        }
    }
}

#[tokio::test]
async fn files_that_are_wrong_are_named() {
    let Some((kiosk, ..)) = stopped().await else {
        return;
    };
    let (base, key) = (database(&kiosk), kiosk.stage.folder().join("station.key"));
    let (good_base, good_key) = (fs::read(&base).unwrap(), fs::read(&key).unwrap());
    flip(&key, good_key.len() / 2);
    let (code, text) = refused(&kiosk).await;
    assert!(code == 3 && text.contains("station.key"), "{code}: {text}");
    fs::write(&key, &good_key[..good_key.len() / 2]).unwrap();
    assert_eq!(refused(&kiosk).await.0, 3);
    fs::write(&key, &good_key).unwrap();
    fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    let (code, text) = refused(&kiosk).await;
    assert!(code == 3 && text.contains("chmod 600"), "{code}: {text}");
    fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    fs::write(&base, &good_base[..good_base.len() / 2]).unwrap();
    assert_eq!(refused(&kiosk).await.0, 4);
    fs::write(
        &base,
        b"not a database, but longer than a header of one hundred bytes would be, so that it is read ....",
    )
    .unwrap();
    assert_eq!(refused(&kiosk).await.0, 4);
    fs::remove_file(&base).unwrap();
    let (code, text) = refused(&kiosk).await;
    assert!(code == 4 && text.contains("init"), "{code}: {text}");
    fs::write(&base, &good_base).unwrap();
    fs::set_permissions(&base, PermissionsExt::from_mode(0o600)).unwrap();
    assert!(kiosk.start().await.stop().await.unwrap().success());
}

#[tokio::test]
async fn a_second_station_on_the_same_data_is_refused() {
    let Some((kiosk, ..)) = stopped().await else {
        return;
    };
    let daemon = kiosk.start().await;
    let second = kiosk.run(&["run"]);
    let text = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(6), "{text}");
    assert!(text.contains(&daemon.pid().unwrap().to_string()), "{text}");
    let (code, status) = kiosk.ask(&["status"]);
    assert_eq!(
        (code, &status["radio"]),
        (0, &Value::from("ready")),
        "the first goes on"
    );
}

#[tokio::test]
async fn a_database_that_another_program_holds_is_said() {
    let Some((kiosk, ..)) = stopped().await else {
        return;
    };
    let file = fs::File::options()
        .read(true)
        .write(true)
        .open(database(&kiosk))
        .unwrap();
    rustix::fs::fcntl_lock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    let (code, text) = refused(&kiosk).await;
    assert!(code == 4 && text.contains("store_locked"), "{code}: {text}");
    drop(file);
    assert!(kiosk.start().await.stop().await.unwrap().success());
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_named() {
    let Some(kiosk) = Kiosk::new() else { return };
    kiosk.init("");
    let good = fs::read_to_string(kiosk.stage.config()).unwrap();
    let cases = [
        (good.replace("data_directory", "data_dirctory"), "data_directory"),
        (format!("{good}\n[radio]\nnear_dbm = \"near\"\n"), "line 11"),
        (format!("{good}\n[radio]\nnear_dbm = 7\n"), "near_dbm"),
        (format!("{good}\n[radio\n"), "line"),
        (format!("{good}\n[api]\nlisten = \"0.0.0.0:80\"\n"), "line 10"),
        (String::new(), "nothing in it"),
        ("x".repeat(2 << 20), "1 MiB"),
    ];
    for (config, named) in cases {
        fs::write(kiosk.stage.config(), &config).unwrap();
        let checked = kiosk.run(&["config", "check"]);
        let text =
            String::from_utf8_lossy(&checked.stderr).into_owned() + &String::from_utf8_lossy(&checked.stdout);
        assert_eq!(checked.status.code(), Some(3), "{named}: {text}");
        assert!(text.contains(named), "{named}: {text}");
        assert_eq!(kiosk.run(&["run"]).status.code(), Some(3), "{named}");
    }
    fs::remove_file(kiosk.stage.config()).unwrap();
    assert_eq!(kiosk.run(&["run"]).status.code(), Some(3), "missing");
    fs::write(kiosk.stage.config(), &good).unwrap();
    assert!(kiosk.run(&["config", "check"]).status.success());
}

fn exit(output: &Output) -> i32 {
    output.status.code().unwrap_or(-1)
}

#[tokio::test]
async fn commands_end_with_the_documented_codes() {
    let Some((mut kiosk, mara, band)) = stopped().await else {
        return;
    };
    assert_eq!(exit(&kiosk.run(&["status"])), 5, "nobody runs");
    assert_eq!(exit(&kiosk.run(&["enroll"])), 2, "nobody is named");
    assert_eq!(exit(&kiosk.run(&["dance"])), 2, "no such command");
    let from = kiosk.stage.provisioning();
    assert_eq!(
        exit(&kiosk.run(&["init", "--from", &from.to_string_lossy()])),
        1,
        "initialized before"
    );
    assert_eq!(exit(&kiosk.run(&["decide", "--facts", "/nowhere"])), 2);
    let daemon = kiosk.start().await;
    let ticket = kiosk.cast.ticket(&mara);
    let enroll = ["enroll", "--json", "--accept-code", "--ticket", &ticket];
    let done = kiosk.run(&enroll);
    assert_eq!(exit(&done), 0, "{}", String::from_utf8_lossy(&done.stderr));
    let last = String::from_utf8(done.stdout)
        .unwrap()
        .lines()
        .last()
        .unwrap()
        .to_owned();
    let last: Value = serde_json::from_str(&last).unwrap();
    assert_eq!(last["outcome"]["code"], "done");
    assert_eq!(exit(&kiosk.run(&enroll)), 1, "the ticket is used up");
    for command in [&["status"][..], &["bands"], &["doctor"], &["journal", "verify"]] {
        let output = kiosk.run(command);
        assert_eq!(exit(&output), 0, "{command:?}: {output:?}");
        assert!(kiosk.ask(command).1.is_object(), "{command:?} --json");
    }
    kiosk.agrees(&[&band], 0);
    assert!(daemon.stop().await.unwrap().success(), "SIGTERM is a clean stop");
}

#[test]
fn decide_answers_line_by_line() {
    let Some(kiosk) = Kiosk::new() else { return };
    let facts = kiosk.stage.folder().join("facts.jsonl");
    fs::write(&facts, "{\"nonsense\": 1}\nnot json\n").unwrap();
    let output = kiosk.run(&["decide", "--facts", &facts.to_string_lossy()]);
    assert_eq!(exit(&output), 2);
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2);
    assert!(
        lines
            .iter()
            .zip(1..)
            .all(|(line, number)| line["line"] == number && line["error"].is_string())
    );
}
