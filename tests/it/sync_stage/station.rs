//! Stations for tests: the real daemon as a process, and what bands did there.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use ed25519_dalek::SigningKey;
use firmware_protocol::certificate::{Signed, StationCertificate};
use firmware_protocol::id::{AssociationId, StationId, Zone};
use firmware_protocol::message::Mode;
use firmware_protocol::receipt::Receipt;
use firmware_protocol::time::UnixSeconds;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use station_core::journal::{Committed, FlowId, Intent};
use station_core::provision::{Base16, HexBytes, ProvisionFile, SecretKey};
use station_core::replica::{changes_on_commit, changes_on_intent};
use station_core::ticket::TicketId;
use station_daemon::cli::client::Client;
use station_daemon::seal::SealKey;
use station_daemon::store::Store;
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use super::{
    Console, LOOK, band_certificate, band_key, handle, issuer, manufacturer, organization, organization_of,
    program, serial, user,
};
use crate::kiosk::LIMIT;

/// A station: files, and the daemon as a process while it runs.
pub(crate) struct Station {
    folder: tempfile::TempDir,
    pub(crate) client: Client,
    /// What comes before the program's name: a clock that lies.
    pub(crate) enter: Vec<String>,
    child: Option<Child>,
}

/// What every station here is sealed with.
pub(crate) fn seal_key() -> SealKey {
    SealKey::new([0x5e; 32])
}

impl Station {
    /// Files for a station that does not exist yet.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let config = format!(
            "[station]\ndata_directory = \"{path}/data\"\nkey_file = \"{path}/data/station.key\"\n\
             seal_key_file = \"{path}/seal.key\"\ndisk_free_mib_min = 1\n\n\
             [api]\nsocket = \"{path}/station.sock\"\n"
        );
        std::fs::write(folder.path().join("station.toml"), config).unwrap();
        // Stations that are copied take their key with them here.
        let key = folder.path().join("seal.key");
        std::fs::write(&key, seal_key().to_text().as_bytes()).unwrap();
        std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
        let client = Client::new(&folder.path().join("station.sock"));
        Self {
            folder,
            client,
            enter: Vec::new(),
            child: None,
        }
    }

    /// A station of the same organization that was set up from an init file, with the person `ada` in it.
    pub(crate) fn from_file() -> Self {
        let station = Self::new();
        let file = station.folder.path().join("init.toml");
        std::fs::write(&file, init_file().to_toml()).unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        let file = file.to_string_lossy().into_owned();
        let made = station.command(&["init", "--from", &file]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        station
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join("data/station.db")
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut words = self
            .enter
            .iter()
            .map(Into::into)
            .chain([program("bandstand-station").into_os_string()]);
        let mut command = std::process::Command::new(words.next().expect("the program at least"));
        command
            .args(words)
            .arg("--config")
            .arg(self.folder.path().join("station.toml"))
            .args(arguments);
        // There is no Bluetooth here; the station works without it.
        command
            .env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nonexistent")
            .stdin(Stdio::null());
        command
    }

    /// Runs a command of the station's program to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::from(self.command(arguments));
        command.output().await.unwrap()
    }

    /// Joins the console at this address; what the command said.
    pub(crate) async fn try_join(&self, address: SocketAddr, token: &str) -> Output {
        let address = format!("https://{address}");
        self.run(&["join", "--console", &address, "--token", token, "--json"])
            .await
    }

    /// The same where nothing may be in the way of it.
    pub(crate) async fn join(&self, address: SocketAddr, token: &str) {
        let output = self.try_join(address, token).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }

    /// A station that has joined under this name, and runs.
    pub(crate) async fn joined(console: &Console, name: &'static str, site: &'static str) -> Self {
        Self::joined_at(console.address, console, name, site).await
    }

    /// The same by way of somebody who passes everything on.
    pub(crate) async fn joined_at(
        address: SocketAddr,
        console: &Console,
        name: &'static str,
        site: &'static str,
    ) -> Self {
        let mut station = Self::new();
        let token = console.token(name, site).await;
        station.join(address, &token).await;
        station.start();
        station.in_step().await;
        station
    }

    /// Starts the daemon.
    pub(crate) fn start(&mut self) {
        let path = self.folder.path().join("daemon.log");
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        let mut command = self.command(&["run"]);
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(Command::from(command).kill_on_drop(true).spawn().unwrap());
    }

    /// Ends it like a power cut.
    pub(crate) async fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().await.unwrap();
    }

    /// Lets somebody type a code that is none: the journal grows by a refusal.
    pub(crate) async fn somebody_errs(&self) {
        let start = serde_json::json!({ "identification": { "ticket": "BST1.AAAA" } });
        let _: Result<Value, _> = self.client.post("/api/v1/enrollments", &start).await;
    }

    /// Every entry of the journal, as sequence and hash.
    pub(crate) fn journal(&self) -> Vec<(u64, String)> {
        let store = self.store();
        let entries = store.entries(1, u32::MAX).unwrap();
        entries
            .iter()
            .map(|entry| (entry.sequence, entry.hash.to_string()))
            .collect()
    }

    /// Ends it like systemd.
    pub(crate) async fn stop(&mut self) {
        let mut child = self.child.take().expect("it runs");
        let pid = Pid::from_raw(child.id().unwrap() as i32).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
        assert!(child.wait().await.unwrap().success(), "{}", self.log());
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("daemon.log")).unwrap_or_default()
    }

    /// What the daemon says of itself; nothing while it does not answer.
    pub(crate) async fn status(&self) -> Option<Value> {
        self.client.get("/api/v1/status").await.ok()
    }

    /// Waits until the status is as it should be.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let begun = tokio::time::Instant::now();
        loop {
            let status = self.status().await;
            if let Some(status) = status.as_ref().filter(|status| is_so(status)) {
                return status.clone();
            }
            assert!(
                begun.elapsed() < LIMIT,
                "never: {what}; the station says {status:#?}\n{}",
                self.log()
            );
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until station and console are in step and nothing waits to be sent.
    pub(crate) async fn in_step(&self) -> Value {
        self.until("the station is in step", |status| {
            let sync = &status["sync"];
            sync["state"] == "up_to_date" && sync["journal_waiting"] == 0 && sync["journal_code"].is_null()
        })
        .await
    }

    /// The database, to look at beside the daemon.
    pub(crate) fn store(&self) -> Store {
        Store::open_to_read(&self.database(), &seal_key()).unwrap()
    }

    /// `user band flags` of each association that the station knows of this user.
    pub(crate) fn associations(&self, id: &str) -> Vec<String> {
        let store = self.store();
        let Some(row) = store.user(&user(id)).unwrap() else {
            return vec![];
        };
        let nothing = serial("NO-SUCH-BAND");
        let known = store.associations(Some(&row), &nothing).unwrap();
        let mut said: Vec<_> = known
            .iter()
            .map(|known| {
                let association = &known.association;
                let mut words = vec![association.user.to_string(), association.band.to_string()];
                words.extend(association.active.then(|| "active".to_owned()));
                words.extend(association.is_suspended().then(|| "suspended".to_owned()));
                words.extend(
                    association
                        .ended
                        .map(|ended| format!("{:?}", ended.cause).to_lowercase()),
                );
                words.join(" ")
            })
            .collect();
        said.sort();
        said
    }

    /// Writes that somebody the station does not know was enrolled.
    pub(crate) fn enroll_stranger(&self, who: &str, number: &str) {
        let mut store = Store::open(&self.database(), &seal_key()).unwrap();
        let enrolled = Enrolled::new(who, number, 1, 0x55);
        let (committed, receipt) = enrolled.committed(store.identity().unwrap().station);
        store
            .append(receipt.time.0 * 1000, &[committed.into()], &[])
            .unwrap();
        store.close();
    }

    /// Enrolls a band for a person as the kiosk does once the band has committed. The daemon must not run.
    pub(crate) fn enroll(&self, enrolled: &Enrolled<'_>) -> AssociationId {
        let mut store = Store::open(&self.database(), &seal_key()).unwrap();
        let (committed, receipt) = enrolled.committed(store.identity().unwrap().station);
        let intent = Intent {
            flow: committed.flow,
            association: receipt.association,
            user: receipt.user,
            serial: receipt.serial.clone(),
            zone: receipt.zone,
            epoch: receipt.epoch,
            mode: Mode::Capture,
            credential_key: receipt.credential_key,
            time_ms: receipt.time.0 * 1000,
            ticket: enrolled.ticket,
        };
        // A receipt counts seconds; what happened first is for the entries to say.
        let now_ms = station_daemon::clock::Clock::start().wall_ms() + u64::from(enrolled.number);
        let time_ms = now_ms.wrapping_add_signed(enrolled.ahead_s * 1000);
        store
            .append(time_ms, &[intent.clone().into()], &changes_on_intent(&intent))
            .unwrap();
        let band = serial(enrolled.serial);
        let who = user(enrolled.user);
        let row = store.user(&who).unwrap();
        let known = store.associations(row.as_ref(), &band).unwrap();
        let known: Vec<_> = known.into_iter().map(|known| known.association).collect();
        let row = store.band(&band).unwrap();
        let changes = changes_on_commit(&receipt, &who, false, row.as_ref(), &known);
        store.append(time_ms, &[committed.into()], &changes).unwrap();
        store.close();
        receipt.association
    }
}

/// An enrollment that a band has committed.
pub(crate) struct Enrolled<'a> {
    pub(crate) user: &'a str,
    pub(crate) serial: &'a str,
    pub(crate) epoch: u32,
    pub(crate) number: u8,
    pub(crate) ticket: Option<TicketId>,
    /// How far the station's clock was ahead, in seconds.
    pub(crate) ahead_s: i64,
}

impl<'a> Enrolled<'a> {
    pub(crate) fn new(user: &'a str, serial: &'a str, epoch: u32, number: u8) -> Self {
        Self {
            user,
            serial,
            epoch,
            number,
            ticket: None,
            ahead_s: 0,
        }
    }

    /// The record, with the band's own signature.
    pub(crate) fn committed(&self, station: StationId) -> (Committed, Receipt) {
        let now = station_daemon::clock::Clock::start().wall();
        let receipt = Receipt {
            serial: firmware_protocol::id::Serial::new(self.serial).unwrap(),
            organization: organization_of(),
            user: handle(self.user),
            zone: Zone::Enrollment,
            association: AssociationId([self.number; 16]),
            epoch: self.epoch,
            credential_key: [self.number; 32],
            station,
            time: UnixSeconds(now.0.wrapping_add_signed(self.ahead_s)),
            mode: Mode::Capture,
        };
        let key = band_key(self.serial);
        let body = minicbor::to_vec(&receipt).unwrap();
        let signed = Signed::sign(body, Receipt::CONTEXT, &key);
        let committed = Committed {
            flow: FlowId([self.number; 16]),
            receipt: signed,
            band_key: key.verifying_key().to_bytes(),
            recovered: false,
            seos: false,
            band_certificate: Some(band_certificate(self.serial, &key, &manufacturer())),
        };
        (committed, receipt)
    }
}

fn init_file() -> ProvisionFile {
    let secret = [4; 32];
    let certificate = StationCertificate {
        organization_key: organization().verifying_key().to_bytes(),
        station: StationId([5; 16]),
        dh_key: firmware_protocol::dh_public(&secret),
        zone: Zone::Enrollment,
        not_before: UnixSeconds(1_700_000_000),
        not_after: UnixSeconds(2_000_000_000),
    };
    let certificate = minicbor::to_vec(certificate.sign(&organization())).unwrap();
    let text = serde_json::json!({
        "format": 1, "revision": 1, "made_at_ms": 1_793_600_000_000_u64, "active_group_policy": "plant",
        "organization": { "public_key": HexBytes(organization().verifying_key().to_bytes()) },
        "station": {
            "site": "north", "certificate": Base16(certificate),
            "secret_key": SecretKey(Zeroizing::new(secret)),
        },
        "tickets_from": {
            "public_key": HexBytes(issuer().verifying_key().to_bytes()),
            "code_key": SecretKey(Zeroizing::new([6; 32])),
        },
        "manufacturers": [{
            "name": "Maker", "public_key": HexBytes(SigningKey::from_bytes(&[2; 32]).verifying_key().to_bytes()),
        }],
        "group_policies": [{ "id": "plant" }],
        "users": [{ "id": "ada", "name": "ada of north", "site": "north" }],
        "bands": [{ "serial": "BAND-1" }],
    });
    serde_json::from_value(text).unwrap()
}
