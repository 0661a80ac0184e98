//! I9, A14, C4: what must not be read anywhere is read nowhere, even when everything is logged.

use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::{BASE64, HEXLOWER};
use simulators::bluez::BandPort;
use simulators::stage::HELD_DBM;

use crate::kiosk::{Kiosk, Wrist, by_code, by_ticket, by_vouch, enroll, quick};

const NAME: &str = "Xanthippe Quaxelbrück";
const PIN: &str = "8675309424242";

/// A run with everything in it that must not be seen: what is secret, by name, as bytes.
struct Run {
    kiosk: Kiosk,
    secrets: Vec<(&'static str, Vec<u8>)>,
}

async fn run(level: &str) -> Option<Run> {
    let mut kiosk = Kiosk::new()?;
    let person = kiosk.cast.person("4711", NAME);
    let band = kiosk.cast.band("SIM-1", false, quick());
    let band: BandPort<Wrist> = kiosk.put(band, HELD_DBM);
    let (ticket, code) = (kiosk.cast.ticket(&person), kiosk.cast.code(&person));
    kiosk.init(&format!("[log]\nlevel = \"{level}\"\n"));
    let daemon = kiosk.start().await;
    for (start, expected) in [
        (by_ticket(&ticket), "done"),
        (by_ticket(&ticket), "ticket_reused"),
        (by_ticket(&ticket[..ticket.len() - 3]), "ticket_malformed"),
        (by_code(&code), "done"),
        (by_vouch("4711", "nobody", PIN), "wrong_pin"),
    ] {
        assert_eq!(enroll(&daemon, &start).await.code(), expected);
    }
    let record = band.with(|wrist, _| wrist.band.record().to_vec());
    assert!(daemon.stop().await.unwrap().success());
    let file = kiosk.cast.file();
    let secrets = vec![
        ("the ticket's text", ticket.clone().into_bytes()),
        ("the ticket's beginning", ticket[..40].into()),
        ("the typed code", code.clone().into_bytes()),
        (
            "the typed code without its dash",
            code.replace('-', "").into_bytes(),
        ),
        ("the PIN", PIN.into()),
        ("the station's key", file.station.secret_key.0.to_vec()),
        ("the key of typed codes", file.tickets_from.code_key.0.to_vec()),
        ("the band's record", record),
    ];
    Some(Run { kiosk, secrets })
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else if entry.file_type().unwrap().is_file() {
            found.push(entry.path());
        }
    }
    found
}

/// The forms in which bytes end up in files: as they are, in hexadecimal, in base64.
fn forms(secret: &[u8]) -> [Vec<u8>; 4] {
    let hex = HEXLOWER.encode(secret);
    let base64 = BASE64.encode(secret).trim_end_matches('=').to_owned();
    [
        secret.to_vec(),
        hex.to_uppercase().into_bytes(),
        hex.into_bytes(),
        base64.into_bytes(),
    ]
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

impl Run {
    /// Files of the run that an administrator did not write and that are not made to hold secrets.
    fn scanned(&self) -> Vec<PathBuf> {
        let not = ["provision.toml", "seal.key"];
        let mut files = files(self.kiosk.stage.folder());
        files.retain(|path| !not.contains(&path.file_name().unwrap().to_str().unwrap()));
        files
    }

    fn check_secrets(&self) {
        for path in self.scanned() {
            let bytes = fs::read(&path).unwrap();
            for (what, secret) in &self.secrets {
                let seen = forms(secret).iter().any(|form| contains(&bytes, form));
                assert!(!seen, "{what} is in {}", path.display());
            }
        }
    }
}

#[tokio::test]
async fn no_secret_is_in_any_file_even_when_everything_is_logged() {
    let Some(run) = run("trace").await else { return };
    let log = fs::read_to_string(run.kiosk.stage.folder().join("daemon.log")).unwrap();
    assert!(
        log.lines().count() > 15 && log.contains(" DEBUG "),
        "hardly anything was logged:\n{log}"
    );
    run.check_secrets();
    let exported = run.kiosk.run(&["journal", "export", "--json"]).stdout;
    let entries = String::from_utf8(exported).unwrap();
    for line in entries.lines() {
        let entry: serde_json::Value = serde_json::from_str(line).unwrap();
        let record = BASE64
            .decode(entry["record"].as_str().unwrap().as_bytes())
            .unwrap();
        assert!(!contains(&record, NAME.as_bytes()), "a name is in the journal");
        for (what, secret) in &run.secrets {
            assert!(!contains(&record, secret), "{what} is in the journal");
        }
    }
}

#[tokio::test]
async fn no_name_is_logged_above_debug() {
    let Some(run) = run("info").await else { return };
    let log = fs::read_to_string(run.kiosk.stage.folder().join("daemon.log")).unwrap();
    assert!(
        !log.is_empty() && !log.contains(NAME) && !log.contains("Xanthippe"),
        "{log}"
    );
    assert!(!log.contains("4711"), "the user's id is in the log:\n{log}");
}

/// A scan that finds nothing proves nothing unless it finds what is there.
#[tokio::test]
async fn the_scan_finds_what_is_there() {
    let Some(mut run) = run("info").await else { return };
    let key = run.kiosk.cast.file().organization.public_key.0.to_vec();
    fs::write(run.kiosk.stage.folder().join("leak"), HEXLOWER.encode(&key)).unwrap();
    run.secrets = vec![("a planted key", key)];
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run.check_secrets())).is_err());
}
