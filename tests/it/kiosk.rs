//! A kiosk for tests: the real station as a process, simulated bands before it, and somebody who uses it.

use std::collections::BTreeSet;
use std::process::Output;
use std::time::Duration;

use data_encoding::BASE64;
use firmware_protocol::advertisement::Beacon;
use firmware_protocol::id::{AssociationId, Zone};
use firmware_protocol::message::Held;
use firmware_protocol::receipt::Receipt;
use firmware_protocol::time::Instant;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use simulators::band::{Knobs, SimBand};
use simulators::bluez::{Address, BandConfig, BandPort, DoubleConfig};
use simulators::cast::{Cast, Person};
use simulators::peripheral::Peripheral;
use simulators::stage::{Daemon, HELD_DBM, Program, Site, Stage, StageError};
use station_core::journal::JournalRecord;
use station_daemon::api::model::{Bands, CodeAnswer, Enrollment, Event};
use station_daemon::clock::Clock;
use station_daemon::problem::{Code, Problem};
use tokio::sync::oneshot;
use tokio::time::{interval, timeout};

/// Longest time anything here may take; whatever takes longer is stuck.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);
/// Between two looks at something that sends no event.
const LOOK: Duration = Duration::from_millis(20);

/// A stage, a cast, and the station's program.
pub(crate) struct Kiosk {
    pub(crate) stage: Stage,
    pub(crate) cast: Cast,
    pub(crate) program: Program,
    /// Time between two advertisements of bands put on the air from now on.
    pub(crate) advertising: Duration,
    addresses: u8,
}

/// What came of an attempt as its client sees it.
#[derive(Debug)]
pub(crate) enum Seen {
    /// It ended.
    Ended(Box<Enrollment>),
    /// It was not begun.
    Problem(Problem),
    /// The station went away in the middle; whether it had said that it is done before.
    Gone,
}

impl Seen {
    /// The stable code of the outcome.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Ended(ended) => {
                &ended
                    .outcome
                    .as_ref()
                    .expect("an ended attempt has an outcome")
                    .code
            }
            Self::Problem(problem) => problem.code.as_str(),
            Self::Gone => "gone",
        }
    }

    /// The association that the station acknowledged.
    pub(crate) fn acknowledged(&self) -> Option<String> {
        match self {
            Self::Ended(ended) => ended.outcome.as_ref()?.association.clone(),
            _ => None,
        }
    }
}

/// A good band on a quick wrist.
pub(crate) fn quick() -> Knobs {
    Knobs {
        touches: 3,
        touch_ms: 1,
        reaction_ms: 1,
        reboot_ms: 50,
        ..Knobs::default()
    }
}

impl Kiosk {
    /// An empty kiosk; nothing, said loudly, where there is no dbus-daemon.
    pub(crate) fn new() -> Option<Self> {
        Self::in_zone(Zone::Enrollment)
    }

    /// The same in this zone.
    pub(crate) fn in_zone(zone: Zone) -> Option<Self> {
        let config = DoubleConfig {
            disconnect_delay: Duration::from_millis(50),
            ..DoubleConfig::default()
        };
        let stage = match Stage::new(config) {
            Err(StageError::Double(error)) if error.is_not_installed() => {
                eprintln!("SKIPPED: there is no dbus-daemon on this machine");
                return None;
            }
            stage => stage.expect("a stage"),
        };
        let mut cast = Cast::new(11, zone, Clock::start().wall());
        cast.self_service(true, true);
        let program = Program::built().expect("bandstand-station is built");
        Some(Self {
            stage,
            cast,
            program,
            advertising: Duration::from_millis(100),
            addresses: 0,
        })
    }

    /// A person and a free band of the stock that is held to the kiosk.
    pub(crate) fn person_with_band(&mut self, id: &str, serial: &str) -> (Person, BandPort<Wrist>) {
        self.person_with(id, serial, quick())
    }

    /// The same with a band and a wrist of this kind.
    pub(crate) fn person_with(&mut self, id: &str, serial: &str, knobs: Knobs) -> (Person, BandPort<Wrist>) {
        let person = self.cast.person(id, id);
        let band = self.cast.band(serial, false, knobs);
        (person, self.put(band, HELD_DBM))
    }

    /// Puts a band on the air, at this distance from the kiosk.
    pub(crate) fn put(&mut self, band: SimBand, rssi_dbm: i16) -> BandPort<Wrist> {
        self.addresses += 1;
        let address = Address([0xc0, 0xff, 0xee, 0, 0, self.addresses]);
        let wrist = Wrist {
            band,
            frames: 0,
            kill: None,
            met: None,
            silent: false,
            deaf: false,
        };
        let config = BandConfig {
            advertising_interval: self.advertising,
            ..BandConfig::new(address, rssi_dbm)
        };
        self.stage.double.add_band(config, wrist)
    }

    /// Writes the station's files and lets it make its database. `extra` is more configuration.
    pub(crate) fn init(&self, extra: &str) {
        self.stage.write_files(&self.cast, extra).unwrap();
        self.stage.init(&self.program).unwrap();
    }

    /// Starts the station and waits until it can enroll.
    pub(crate) async fn start(&self) -> Daemon {
        self.start_as(&self.program).await
    }

    /// The same with another way to run the program.
    pub(crate) async fn start_as(&self, program: &Program) -> Daemon {
        let daemon = Daemon::start(&self.stage, program).await.unwrap();
        if let Err(error) = daemon.radio_ready().await {
            panic!("{error}\n{}", daemon.log_text());
        }
        daemon
    }

    /// Runs a command of the station's program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.program.command(&self.stage, arguments).output().unwrap()
    }

    /// Runs a command with `--json`: exit code and the last line of what it printed.
    pub(crate) fn ask(&self, arguments: &[&str]) -> (i32, Value) {
        ask(&self.stage, &self.program, arguments)
    }

    /// A ticket as the API takes it.
    pub(crate) fn ticket(&mut self, person: &Person) -> Value {
        by_ticket(&self.cast.ticket(person))
    }

    /// The records of the journal, read beside the station or without it.
    pub(crate) fn journal(&self) -> Vec<JournalRecord> {
        journal(&self.stage, &self.program)
    }

    /// I1, I2, I6, I8: the chain holds, and the journal has exactly the commits that the bands made since
    /// `past`, each once and with the band's own proof.
    pub(crate) fn agrees(&self, bands: &[&BandPort<Wrist>], past: usize) -> BTreeSet<String> {
        let made = bands.iter().flat_map(|band| commits(band)).skip(past).collect();
        agrees(&self.stage, &self.program, made)
    }
}

/// Runs a command of the station's program with `--json`: exit code and the last line of what it printed.
pub(crate) fn ask(site: &Site, program: &Program, arguments: &[&str]) -> (i32, Value) {
    let output = program.command(site, &[arguments, &["--json"]].concat()).output();
    let output = output.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let text = text.lines().last().map(str::to_owned);
    let text = text.unwrap_or_else(|| String::from_utf8_lossy(&output.stderr).trim().to_owned());
    let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
    (output.status.code().unwrap_or(-1), value)
}

/// The records of a site's journal, read beside the station or without it.
pub(crate) fn journal(site: &Site, program: &Program) -> Vec<JournalRecord> {
    let output = program.command(site, &["journal", "export", "--json"]).output();
    let output = output.unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(record).collect()
}

/// I1, I2, I6, I8: the chain holds, and the journal has exactly the commits that were `made`, each once and
/// with the band's own proof.
pub(crate) fn agrees(site: &Site, program: &Program, made: BTreeSet<String>) -> BTreeSet<String> {
    let (code, verified) = ask(site, program, &["journal", "verify"]);
    assert_eq!((code, &verified["ok"]), (0, &json!(true)), "{verified}");
    let mut journaled = BTreeSet::new();
    for record in journal(site, program) {
        if let JournalRecord::Committed(committed) = record {
            let receipt = Receipt::verify(&committed.receipt, &committed.band_key).expect("a good receipt");
            assert!(journaled.insert(hex(receipt.association)), "journaled twice");
        }
    }
    assert_eq!(
        journaled, made,
        "the journal has other commits than the bands made"
    );
    journaled
}

/// A band on a wrist that can kill a process at a certain frame.
#[derive(Debug)]
pub(crate) struct Wrist {
    pub(crate) band: SimBand,
    /// Frames that crossed the air so far, both directions.
    pub(crate) frames: u64,
    /// The process dies when so many frames have crossed the air.
    pub(crate) kill: Option<(u64, Pid)>,
    /// Told at the next frame, once.
    pub(crate) met: Option<oneshot::Sender<()>>,
    /// Does not advertise, as if it were far away.
    pub(crate) silent: bool,
    /// What it is sent does not reach it; the link stays.
    pub(crate) deaf: bool,
}

impl Wrist {
    fn count(&mut self) {
        self.frames += 1;
        if let Some(met) = self.met.take() {
            // Whoever asked may have stopped waiting.
            let _ = met.send(());
        }
        if let Some((_, pid)) = self.kill.take_if(|(at, _)| self.frames >= *at) {
            kill_process(pid, Signal::KILL).expect("the station runs");
        }
    }
}

impl Peripheral for Wrist {
    fn advertisement(&mut self, now: Instant) -> Option<Beacon> {
        self.band.advertisement(now).filter(|_| !self.silent)
    }

    fn info(&mut self) -> Vec<u8> {
        self.band.info()
    }

    fn connected(&mut self, now: Instant, mtu_bytes: u16) {
        self.band.connected(now, mtu_bytes);
    }

    fn disconnected(&mut self, now: Instant) {
        self.band.disconnected(now);
    }

    fn write(&mut self, now: Instant, value: &[u8]) {
        self.count();
        if !self.deaf {
            self.band.write(now, value);
        }
    }

    fn poll_notify(&mut self) -> Option<Vec<u8>> {
        let frame = self.band.poll_notify()?;
        self.count();
        Some(frame)
    }

    fn poll_end(&mut self) -> bool {
        self.band.poll_end()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.band.poll_timeout()
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.band.handle_timeout(now);
    }
}

/// Every commit a band made, oldest first.
pub(crate) fn commits(band: &BandPort<Wrist>) -> Vec<String> {
    let held: Vec<Held> = band.with(|wrist, _| wrist.band.commits().to_vec());
    held.into_iter().map(|held| hex(held.association)).collect()
}

/// What a band holds now.
pub(crate) fn held(band: &BandPort<Wrist>) -> Vec<Held> {
    let report = band.with(|wrist, _| wrist.band.report());
    report.expect("the band has power").associations
}

fn record(line: &str) -> JournalRecord {
    let entry: Value = serde_json::from_str(line).unwrap();
    let bytes = BASE64
        .decode(entry["record"].as_str().unwrap().as_bytes())
        .unwrap();
    JournalRecord::decode(&bytes).unwrap()
}

pub(crate) fn hex(id: AssociationId) -> String {
    data_encoding::HEXLOWER.encode(&id.0)
}

/// A start by the text of a ticket.
pub(crate) fn by_ticket(text: &str) -> Value {
    json!({ "identification": { "ticket": text } })
}

/// A start by a typed code.
pub(crate) fn by_code(code: &str) -> Value {
    json!({ "identification": { "code": code } })
}

/// A start by an operator's word.
pub(crate) fn by_vouch(user: &str, operator: &str, pin: &str) -> Value {
    json!({ "identification": { "vouch": { "user": user, "operator": operator, "pin": pin } } })
}

/// Begins an attempt as soon as the station is free, and goes through with it.
pub(crate) async fn enroll(daemon: &Daemon, start: &Value) -> Seen {
    enroll_watched(daemon, start, |_| {}).await
}

/// The same; `watch` is shown every state of the attempt.
pub(crate) async fn enroll_watched(
    daemon: &Daemon,
    start: &Value,
    mut watch: impl FnMut(&Enrollment),
) -> Seen {
    let attempt = async {
        let Ok(mut events) = daemon.client.follow("/api/v1/events").await else {
            return Seen::Gone;
        };
        let id = match begin(daemon, start).await {
            Ok(begun) => begun.id,
            Err(problem) if problem.code == Code::DaemonUnreachable => return Seen::Gone,
            Err(problem) => return Seen::Problem(problem),
        };
        let mut compared = None;
        while let Some(event) = events.next::<Event>().await {
            let Event::Enrollment(now) = event else { continue };
            if now.id != id {
                continue;
            }
            watch(&now);
            if now.stage.is_final() {
                return Seen::Ended(now);
            }
            // Each session has a code of its own: after a lost link there is another one to compare.
            if now.code.is_some() && now.code != std::mem::replace(&mut compared, now.code.clone()) {
                let path = format!("/api/v1/enrollments/{id}/code");
                // An attempt that ended meanwhile says so by its next event; so does a station that died.
                let _ = daemon
                    .client
                    .post::<Enrollment>(
                        &path,
                        &CodeAnswer {
                            same: true,
                            code: now.code.clone(),
                        },
                    )
                    .await;
            }
        }
        Seen::Gone
    };
    timeout(LIMIT, attempt).await.expect("an attempt is stuck")
}

async fn begin(daemon: &Daemon, start: &Value) -> Result<Enrollment, Problem> {
    let mut looks = interval(LOOK);
    loop {
        looks.tick().await;
        match daemon.client.post("/api/v1/enrollments", start).await {
            Err(problem) if problem.code == Code::Busy => {}
            begun => return begun,
        }
    }
}

/// Waits until the station sees so many bands near.
pub(crate) async fn until_near(daemon: &Daemon, count: usize) {
    let looked = async {
        let mut looks = interval(LOOK);
        loop {
            looks.tick().await;
            let bands: Bands = daemon.client.get("/api/v1/bands").await.unwrap();
            if bands.bands.iter().filter(|band| band.near).count() == count {
                return;
            }
        }
    };
    timeout(LIMIT, looked)
        .await
        .unwrap_or_else(|_| panic!("never {count} bands near"));
}

/// Looks again and again until `done`; for what sends no event.
pub(crate) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let looked = async {
        let mut looks = interval(LOOK);
        while !done() {
            looks.tick().await;
        }
    };
    timeout(LIMIT, looked)
        .await
        .unwrap_or_else(|_| panic!("in vain: {what}"));
}
