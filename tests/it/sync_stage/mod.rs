//! A console and stations for tests: the real listener, the real daemons as processes, everything on loopback.

mod station;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use console::access::{Caller, Role, scopes};
use console::acts::api_keys::{self, NewKey};
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
use firmware_protocol::certificate::{BandCertificate, Signed, organization_id};
use firmware_protocol::id::{OrganizationId, StationId, UserHandle};
use policy::merge::Event;
use policy::model::{Band, BandSerial, GroupPolicy, PolicyId, UnixMillis, UserId};
use rustix::process::{Pid, Signal, kill_process};
use station_core::provision::HexBytes;
use station_core::replica::derived_handle;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) use station::{Enrolled, Station, seal_key};

use crate::cluster;
use crate::kiosk::LIMIT;

/// Between two looks at something that sends no event.
const LOOK: Duration = Duration::from_millis(20);
/// A day in milliseconds.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// The database of a console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum On {
    /// A file.
    Sqlite,
    /// The cluster of this process.
    Postgresql,
}

/// Runs each of these tests on SQLite, and on PostgreSQL where there is one.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                super::$name(crate::sync_stage::On::Sqlite).await;
            })+
        }

        mod on_postgresql {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if crate::cluster::get().is_some() {
                    super::$name(crate::sync_stage::On::Postgresql).await;
                }
            })+
        }
    };
}
pub(crate) use on_both;

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

/// Who makes bands that are welcome.
pub(crate) fn manufacturer() -> SigningKey {
    SigningKey::from_bytes(&[2; 32])
}

/// What this manufacturer says of a band with this key.
pub(crate) fn band_certificate(serial: &str, key: &SigningKey, by: &SigningKey) -> Signed {
    let certificate = BandCertificate {
        serial: firmware_protocol::id::Serial::new(serial).unwrap(),
        model: "TEST".into(),
        dh_key: [0; 32],
        signing_key: key.verifying_key().to_bytes(),
        seos: false,
    };
    certificate.sign(by)
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
    /// A console with an organization and nobody in it, on SQLite.
    pub(crate) async fn start() -> Self {
        Self::start_on(On::Sqlite).await
    }

    /// The secret of an API key that may do everything.
    pub(crate) async fn administrator_key(&self) -> String {
        let key = NewKey {
            name: "tests".into(),
            role: Role::Administrator,
            sites: Default::default(),
            scopes: scopes(),
            days: 1,
        };
        let made = api_keys::create(&self.app, &Caller::cli("tests"), key).await;
        made.unwrap().secret
    }

    /// The same on one of the databases.
    pub(crate) async fn start_on(on: On) -> Self {
        match on {
            On::Sqlite => Self::start_at(None).await,
            On::Postgresql => {
                let cluster = cluster::get().expect("only called where there is one");
                Self::start_at(Some(cluster.new_database())).await
            }
        }
    }

    /// The same on a database of PostgreSQL, or on a file.
    pub(crate) async fn start_at(url: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = ConsoleConfig::in_folder(folder.path());
        if let Some(url) = url {
            config.database.url = url;
        }
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
        if self.app.db.is_postgres() {
            let cluster = cluster::get().expect("the database is there");
            return cluster.dump(&self.app.config.database.url).into();
        }
        let path = self.folder.path().join("backup.db");
        self.app.db.snapshot(&path).await.unwrap();
        path
    }

    /// The backup takes the place of the database, as `restore` does it: in a new life.
    pub(crate) async fn restore(&mut self, backup: &Path) {
        self.go_away().await;
        let mut config = self.app.config.clone();
        config.database.url = backup.display().to_string();
        if self.app.db.is_postgres() {
            let cluster = cluster::get().expect("the database is there");
            config.database.url = cluster.restored(&config.database.url);
        }
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
        self.process_with(&[], |_| {}).await
    }

    /// A process at the address of this console, which serves no more, started by way of `enter`.
    pub(crate) async fn process_with(
        &self,
        enter: &[String],
        change: impl FnOnce(&mut ConsoleConfig),
    ) -> ConsoleProcess {
        self.process_at(self.address, enter, change).await
    }

    /// A process of its own on the same database, beside whoever serves already.
    pub(crate) async fn replica(&self) -> ConsoleProcess {
        self.process_at("127.0.0.1:0".parse().unwrap(), &[], |_| {}).await
    }

    async fn process_at(
        &self,
        address: SocketAddr,
        enter: &[String],
        change: impl FnOnce(&mut ConsoleConfig),
    ) -> ConsoleProcess {
        let mut config = self.app.config.clone();
        config.sync.listen = address;
        change(&mut config);
        let file = tempfile::Builder::new()
            .suffix(".toml")
            .tempfile_in(self.folder.path())
            .unwrap();
        let path = file.into_temp_path().keep().unwrap();
        std::fs::write(&path, toml::to_string(&config).unwrap()).unwrap();
        let mut process = ConsoleProcess {
            config: path,
            enter: enter.to_vec(),
            child: None,
            address,
            web: address,
        };
        process.start().await;
        process
    }

    /// From now on certificates hold so long.
    pub(crate) async fn certificates_of_days(&mut self, days: u32) {
        self.configured(|config| config.sync.certificate_days = days)
            .await;
    }

    /// Starts again with something configured otherwise.
    pub(crate) async fn configured(&mut self, change: impl FnOnce(&mut ConsoleConfig)) {
        self.go_away().await;
        let mut config = self.app.config.clone();
        change(&mut config);
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
            users::insert(tx, &[(&user(id), handle(id).0, &fields)], now).map(drop)
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
        self.token_until(name, site, station, 1).await
    }

    /// The same for so many days.
    pub(crate) async fn token_until(
        &self,
        name: &'static str,
        site: &'static str,
        station: Option<StationId>,
        days: i64,
    ) -> String {
        let vault = self.app.vault.clone();
        self.change(move |tx, now| {
            let what = NewToken {
                name: name.into(),
                site: site.into(),
                zone: policy::model::Zone::Enrollment,
                station,
                created_by: "test".into(),
                expires_at: UnixMillis(now.0 + days * DAY_MS),
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
    /// What comes before the program's name: the way into a namespace.
    enter: Vec<String>,
    child: Option<Child>,
    /// Where stations reach it.
    pub(crate) address: SocketAddr,
    /// Where people reach it.
    pub(crate) web: SocketAddr,
}

impl ConsoleProcess {
    fn command(&self) -> Command {
        let mut words = self
            .enter
            .iter()
            .map(Into::into)
            .chain([program("bandstand-console").into_os_string()]);
        let mut command = Command::new(words.next().expect("the program at least"));
        command
            .args(words)
            .arg("run")
            .arg("--config")
            .arg(&self.config)
            .kill_on_drop(true);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command
    }

    /// Starts it where it cannot work, and waits until it has ended; what it said before.
    pub(crate) async fn refuses(&self) -> String {
        let mut command = self.command();
        command.stderr(Stdio::piped());
        let ended = tokio::time::timeout(LIMIT, command.output()).await;
        let ended = ended.expect("it ends by itself").unwrap();
        assert!(!ended.status.success());
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(
            String::from_utf8_lossy(&ended.stdout),
            "",
            "it never says that it serves: {said}"
        );
        said
    }

    /// From now on it is started by way of these words.
    pub(crate) fn enters(&mut self, enter: &[String]) {
        self.enter = enter.to_vec();
    }

    /// Starts it and waits until it serves stations.
    pub(crate) async fn start(&mut self) {
        let mut child = self.command().spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await.unwrap() {
                match line.split_once(' ') {
                    Some(("web", web)) => self.web = web.parse().unwrap(),
                    Some(("sync", sync)) => {
                        self.address = sync.parse().unwrap();
                        return;
                    }
                    _ => {}
                }
            }
            panic!("the console ended before it served");
        };
        tokio::time::timeout(LIMIT, ready)
            .await
            .expect("the console serves");
        self.child = Some(child);
    }

    /// Waits until it ends by itself.
    pub(crate) async fn ended(&mut self) -> std::process::ExitStatus {
        let mut child = self.child.take().expect("it runs");
        tokio::time::timeout(LIMIT, child.wait())
            .await
            .expect("it goes on")
            .unwrap()
    }

    pub(crate) fn pid(&self) -> Pid {
        let child = self.child.as_ref().expect("it runs");
        Pid::from_raw(child.id().unwrap() as i32).unwrap()
    }

    /// Nothing in it moves from now on.
    pub(crate) fn freeze(&self) {
        kill_process(self.pid(), Signal::STOP).unwrap();
    }

    /// It goes on.
    pub(crate) fn thaw(&self) {
        kill_process(self.pid(), Signal::CONT).unwrap();
    }

    /// Status and body of a page or an address of the API.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let mut stream = tokio::net::TcpStream::connect(self.web).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("an answer of HTTP"), answer)
    }

    /// Status and body of an answer of the API to whoever has this key.
    pub(crate) async fn ask(&self, path: &str, key: &str) -> (u16, String) {
        self.with_key("GET", path, key, "").await
    }

    /// The same for something that changes something.
    pub(crate) async fn post(&self, path: &str, key: &str, json: &str) -> (u16, String) {
        self.with_key("POST", path, key, json).await
    }

    async fn with_key(&self, method: &str, path: &str, key: &str, json: &str) -> (u16, String) {
        let mut stream = tokio::net::TcpStream::connect(self.web).await.unwrap();
        let request = format!(
            "{method} {path} HTTP/1.0\r\nhost: x\r\nauthorization: Bearer {key}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{json}",
            json.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        (status.expect("an answer of HTTP"), body.to_owned())
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
