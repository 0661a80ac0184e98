//! A console and stations for tests: the real listener, the real daemons as processes, everything on loopback.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use console::args;
use console::clock::Clock as ConsoleClock;
use console::config::Config as ConsoleConfig;
use console::db::{Db, DbError, Tx};
use console::serve::App;
use console::store::{history, keys, policies, settings, users};
use console::sync::tokens::NewToken;
use console::sync::{self, authority, stations, tokens};
use console::vault::Vault;
use ed25519_dalek::SigningKey;
use firmware_protocol::certificate::{StationCertificate, organization_id};
use firmware_protocol::id::{AssociationId, OrganizationId, StationId, UserHandle, Zone};
use firmware_protocol::message::Mode;
use firmware_protocol::receipt::Receipt;
use firmware_protocol::time::UnixSeconds;
use policy::merge::Event;
use policy::model::{Band, BandSerial, GroupPolicy, PolicyId, UnixMillis, UserId};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use station_core::journal::{Committed, FlowId, Intent};
use station_core::provision::{Base16, HexBytes, ProvisionFile, SecretKey};
use station_core::replica::{changes_on_commit, changes_on_intent, derived_handle};
use station_core::ticket::TicketId;
use station_daemon::cli::client::Client;
use station_daemon::seal::SealKey;
use station_daemon::store::Store;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use crate::kiosk::LIMIT;

/// Between two looks at something that sends no event.
const LOOK: Duration = Duration::from_millis(20);
/// A day in milliseconds.
pub(crate) const DAY_MS: i64 = 86_400_000;

pub(crate) fn organization() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

pub(crate) fn issuer() -> SigningKey {
    SigningKey::from_bytes(&[3; 32])
}

pub(crate) fn organization_of() -> OrganizationId {
    organization_id(&organization().verifying_key().to_bytes())
}

pub(crate) fn handle(user: &str) -> UserHandle {
    derived_handle(organization_of(), user)
}

pub(crate) fn user(id: &str) -> UserId {
    UserId::new(id).unwrap()
}

pub(crate) fn serial(text: &str) -> BandSerial {
    BandSerial::new(text).unwrap()
}

/// The key with which a simulated band signs its receipts.
pub(crate) fn band_key(serial: &str) -> SigningKey {
    let mut seed = [9; 32];
    seed[..serial.len()].copy_from_slice(serial.as_bytes());
    SigningKey::from_bytes(&seed)
}

/// A console whose listener can be stopped and started again on the same port.
pub(crate) struct Console {
    pub(crate) app: App,
    pub(crate) address: SocketAddr,
    folder: tempfile::TempDir,
    stop: watch::Sender<bool>,
    serving: JoinHandle<anyhow::Result<()>>,
}

impl Console {
    /// A console with an organization and nobody in it.
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = ConsoleConfig::in_folder(folder.path());
        Vault::create(&config.vault.key_file).unwrap();
        let app = open(config).await;
        let (vault, now) = (app.vault.clone(), app.now());
        app.db.write(move |tx| found(tx, &vault, now)).await.unwrap();
        let (address, stop, serving) = listen(&app, "127.0.0.1:0".parse().unwrap()).await;
        Self {
            app,
            address,
            folder,
            stop,
            serving,
        }
    }

    /// The listener is gone from now on.
    pub(crate) async fn go_away(&mut self) {
        self.stop.send(true).unwrap();
        let serving = &mut self.serving;
        serving.await.unwrap().unwrap();
    }

    /// It is there again, at the same address.
    pub(crate) async fn come_back(&mut self) {
        let (_, stop, serving) = listen(&self.app, self.address).await;
        (self.stop, self.serving) = (stop, serving);
    }

    /// A copy of its database as it is now.
    pub(crate) async fn backup(&self) -> PathBuf {
        let path = self.folder.path().join("backup.db");
        self.app.db.snapshot(&path).await.unwrap();
        path
    }

    /// The backup takes the place of the database, as `restore` does it: in a new life.
    pub(crate) async fn restore(&mut self, backup: &Path) {
        self.go_away().await;
        let mut config = self.app.config.clone();
        config.database.url = backup.display().to_string();
        self.app = open(config).await;
        self.change(|tx, now| {
            settings::put(
                tx,
                settings::names::LINEAGE,
                &policy::model::StationId([0x33; 16]),
            )?;
            settings::put(tx, settings::names::WRITER, &policy::model::StationId([0x44; 16]))?;
            authority::renew_key_list(tx, now)
        })
        .await;
        self.come_back().await;
    }

    /// From now on a process of its own serves at the same address.
    pub(crate) async fn becomes_a_process(&mut self) -> ConsoleProcess {
        self.go_away().await;
        let mut config = self.app.config.clone();
        config.sync.listen = self.address;
        let path = self.folder.path().join("console.toml");
        std::fs::write(&path, toml::to_string(&config).unwrap()).unwrap();
        let mut process = ConsoleProcess {
            config: path,
            child: None,
        };
        process.start().await;
        process
    }

    /// From now on certificates hold so long.
    pub(crate) async fn certificates_of_days(&mut self, days: u32) {
        self.go_away().await;
        let mut config = self.app.config.clone();
        config.sync.certificate_days = days;
        self.app = open(config).await;
        self.come_back().await;
    }

    /// Every entry of this station's journal that the console has, as sequence and hash.
    pub(crate) async fn journal(&self, station: StationId) -> Vec<(u64, String)> {
        self.read(move |tx| {
            let sql = "select sequence, hash from journal where station = $1 order by sequence";
            tx.all(sql, args![&station.0], |row| {
                Ok((row.count(0)?, data_encoding::HEXLOWER.encode(&row.bytes(1)?)))
            })
        })
        .await
    }

    /// Changes something in one transaction.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        work: impl Fn(&Tx<'_>, UnixMillis) -> Result<T, DbError> + Send + 'static,
    ) -> T {
        let now = self.app.now();
        self.app.db.write(move |tx| work(tx, now)).await.unwrap()
    }

    /// Reads something.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Tx<'_>) -> Result<T, DbError> + Send + 'static,
    ) -> T {
        self.app.db.read(work).await.unwrap()
    }

    /// Adds a person of a site.
    pub(crate) async fn person(&self, id: &'static str, site: &'static str) {
        self.change(move |tx, now| {
            let fields = users::UserFields {
                name: format!("{id} of {site}"),
                site: site.into(),
                ..users::UserFields::default()
            };
            users::insert(tx, &[(user(id), handle(id).0, fields)], now).map(drop)
        })
        .await;
    }

    /// Adds a band to the stock.
    pub(crate) async fn band(&self, number: &'static str) {
        self.change(move |tx, now| {
            let band = Band::new(serial(number));
            history::say(tx, vec![Event::BandStands { band }], now).map(drop)
        })
        .await;
    }

    /// A one-time token for a station, as text.
    pub(crate) async fn token(&self, name: &'static str, site: &'static str) -> String {
        self.token_for(name, site, None).await
    }

    /// The same for a station that is known already.
    pub(crate) async fn token_for(
        &self,
        name: &'static str,
        site: &'static str,
        station: Option<StationId>,
    ) -> String {
        let vault = self.app.vault.clone();
        self.change(move |tx, now| {
            let what = NewToken {
                name: name.into(),
                site: site.into(),
                zone: policy::model::Zone::Enrollment,
                station,
                created_by: "test".into(),
                expires_at: UnixMillis(now.0 + DAY_MS),
            };
            let authority = authority::fingerprint(tx, &vault)?.expect("the listener has started");
            let mut secret = [0; 16];
            secret[..name.len().min(16)].copy_from_slice(&name.as_bytes()[..name.len().min(16)]);
            secret[15] = station.map_or(0, |_| 1);
            Ok(tokens::create(tx, &what, secret, &authority, now)?.reveal())
        })
        .await
    }

    /// The station of this name.
    pub(crate) async fn station(&self, name: &str) -> stations::StationInfo {
        let all = self.read(stations::list).await;
        let found = all.into_iter().find(|station| station.name == name);
        found.unwrap_or_else(|| panic!("no station is called {name}"))
    }

    /// `user band flags` of each association, by user and band.
    pub(crate) async fn associations(&self) -> Vec<String> {
        let read = |tx: &Tx<'_>| {
            tx.all(
                "select usr, band, active, suspended_since, ended_cause from associations order by usr, band, band_epoch",
                args![],
                |row| {
                    let mut words = vec![row.text(0)?, row.text(1)?];
                    words.extend(row.bool(2)?.then(|| "active".to_owned()));
                    words.extend(row.opt_int(3)?.map(|_| "suspended".to_owned()));
                    words.extend(row.opt_text(4)?);
                    Ok(words.join(" "))
                },
            )
        };
        self.read(read).await
    }

    /// Waits until the console has this station's journal up to `sequence`.
    pub(crate) async fn has_journal(&self, name: &str, sequence: u64) {
        eventually(
            &format!("the console has entry {sequence} of {name}"),
            async || self.station(name).await.head.sequence >= sequence,
        )
        .await;
    }
}

/// A console as a process.
pub(crate) struct ConsoleProcess {
    config: PathBuf,
    child: Option<Child>,
}

impl ConsoleProcess {
    /// Starts it and waits until it serves stations.
    pub(crate) async fn start(&mut self) {
        let mut command = Command::new(program("bandstand-console"));
        command
            .arg("run")
            .arg("--config")
            .arg(&self.config)
            .kill_on_drop(true);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                if line.starts_with("sync ") {
                    return;
                }
            }
            panic!("the console ended before it served");
        };
        tokio::time::timeout(LIMIT, ready)
            .await
            .expect("the console serves");
        self.child = Some(child);
    }

    /// Ends it like a power cut.
    pub(crate) async fn kill(&mut self) {
        self.child.take().expect("it runs").kill().await.unwrap();
    }
}

async fn open(config: ConsoleConfig) -> App {
    let vault = Vault::open(&config.vault.key_file).unwrap();
    let db = Db::create(&config.database.url).await.unwrap();
    db.migrate(ConsoleClock::Wall.now().0).await.unwrap();
    App::new(db, vault, ConsoleClock::Wall, config)
}

async fn listen(
    app: &App,
    address: SocketAddr,
) -> (SocketAddr, watch::Sender<bool>, JoinHandle<anyhow::Result<()>>) {
    let listener = TcpListener::bind(address).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    // Whoever connects from here on waits until it serves.
    authority::load(app).await.unwrap();
    let serving = tokio::spawn(sync::serve(app.clone(), listener, stopped));
    (address, stop, serving)
}

/// What `init` makes: an organization, its keys and a policy.
fn found(tx: &Tx<'_>, vault: &Vault, now: UnixMillis) -> Result<(), DbError> {
    let id = |byte: u8| policy::model::StationId([byte; 16]);
    settings::put(tx, settings::names::LINEAGE, &id(0x11))?;
    settings::put(tx, settings::names::WRITER, &id(0x22))?;
    settings::put(tx, settings::names::ORGANIZATION, &"Acme")?;
    let public = organization().verifying_key().to_bytes();
    settings::put(tx, settings::names::ORGANIZATION_KEY, &HexBytes(public))?;
    vault.put(tx, "organization.key", &[1; 32], now)?;
    let made = [
        (keys::TICKET_ISSUER, "ticket.key/1", [3; 32]),
        (keys::FEED, "feed.key/1", [5; 32]),
        (keys::CODE, "code.key/1", [6; 32]),
        (keys::MANUFACTURER, "", [2; 32]),
    ];
    for (kind, name, secret) in made {
        let public = SigningKey::from_bytes(&secret).verifying_key().to_bytes();
        keys::insert(
            tx,
            &keys::KeyRow {
                kind: kind.into(),
                id: "1".into(),
                name: kind.into(),
                public_key: if kind == keys::CODE {
                    vec![]
                } else {
                    public.to_vec()
                },
                not_before: UnixMillis(0),
                retired: None,
            },
        )?;
        if !name.is_empty() {
            vault.put(tx, name, &secret, now)?;
        }
    }
    let plant = GroupPolicy {
        reenroll_own: Some(true),
        reenroll_any: Some(true),
        ..GroupPolicy::new(PolicyId::new("plant").unwrap())
    };
    policies::put(tx, &plant, now)?;
    policies::activate(tx, &plant.id, now)
}

/// A station: files, and the daemon as a process while it runs.
pub(crate) struct Station {
    folder: tempfile::TempDir,
    pub(crate) client: Client,
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
        let mut command = std::process::Command::new(program("bandstand-station"));
        command
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

    /// A station that has joined under this name, and runs.
    pub(crate) async fn joined(console: &Console, name: &'static str, site: &'static str) -> Self {
        let mut station = Self::new();
        let token = console.token(name, site).await;
        let output = station.try_join(console.address, &token).await;
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
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
        let time_ms = station_daemon::clock::Clock::start().wall_ms() + u64::from(enrolled.number);
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
}

impl<'a> Enrolled<'a> {
    pub(crate) fn new(user: &'a str, serial: &'a str, epoch: u32, number: u8) -> Self {
        Self {
            user,
            serial,
            epoch,
            number,
            ticket: None,
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
            time: UnixSeconds(now.0),
            mode: Mode::Capture,
        };
        let key = band_key(self.serial);
        let body = minicbor::to_vec(&receipt).unwrap();
        let signed = firmware_protocol::certificate::Signed::sign(body, Receipt::CONTEXT, &key);
        let committed = Committed {
            flow: FlowId([self.number; 16]),
            receipt: signed,
            band_key: key.verifying_key().to_bytes(),
            recovered: false,
            seos: false,
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

/// A program out of the folder in which this test was built.
fn program(name: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let found = this
        .ancestors()
        .map(|folder| folder.join(name))
        .find(|path| path.exists());
    found.expect("the programs are built: run `cargo build --workspace --bins`")
}

/// Looks until it is so.
pub(crate) async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let begun = tokio::time::Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < LIMIT, "never: {what}");
        tokio::time::sleep(LOOK).await;
    }
}
