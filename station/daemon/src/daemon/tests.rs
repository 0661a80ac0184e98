//! The whole process but for Bluetooth: the real loop, database, API and client, with band engines on a
//! radio in memory.

use std::os::unix::fs::PermissionsExt;

use std::process::ExitCode;

use firmware_protocol::id::{AssociationId, Serial, Zone};
use firmware_protocol::message::Mode;
use firmware_protocol::time::UnixSeconds;
use serde_json::{Value, json};
use station_core::journal::{FlowId, Intent};
use station_core::provision::{HexBytes, ProvisionFile, TicketEntry};
use station_core::replica::changes_on_intent;
use station_core::ticket::{CodeKey, TicketClaims, TicketId, TypedCode, sign_ticket};
use tokio::task::JoinHandle;

use super::*;
use crate::cli::Client;
use crate::pace::Pace;
use crate::radio::loopback::{self, Loopback};
use crate::radio::{AdapterState, LinkFault};
use crate::testing::{self, PIN, band::TestBand};

mod acts;
mod own_band;
mod page;
mod turns;

struct Station {
    folder: tempfile::TempDir,
    config: Config,
    client: Client,
    air: Loopback,
    stop: watch::Sender<bool>,
    running: JoinHandle<Result<(), Problem>>,
}

impl Station {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = provisioned(&folder);
        Self::run(folder, config).await
    }

    /// Starts the daemon and waits until it answers.
    async fn run(folder: tempfile::TempDir, config: Config) -> Self {
        let (radio, air) = loopback::start(&RadioConfig::default(), 100);
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(serve(config.clone(), [0; 32], || radio, stopped));
        let client = Client::new(&config.api.socket);
        let station = Self {
            folder,
            config,
            client,
            air,
            stop,
            running,
        };
        station
            .until("/api/v1/status", |status| status["radio"] == "ready")
            .await;
        station
    }

    /// Asks after each event until the answer is as it should be.
    async fn until(&self, path: &str, done: impl Fn(&Value) -> bool) -> Value {
        let asked = async {
            let mut events = loop {
                match self.client.follow("/api/v1/events").await {
                    Ok(events) => break events,
                    Err(_) => tokio::task::yield_now().await,
                }
            };
            loop {
                let answer: Value = self.client.get(path).await.unwrap();
                if done(&answer) {
                    return answer;
                }
                let next = tokio::time::timeout(Duration::from_secs(20), events.next::<Value>()).await;
                assert!(next.is_ok(), "nothing happens, and {path} stays {answer}");
            }
        };
        asked.await
    }

    async fn begin(&self, start: Value) -> Result<String, Problem> {
        let begun: Value = self.client.post("/api/v1/enrollments", &start).await?;
        Ok(begun["id"].as_str().unwrap().to_owned())
    }

    /// Begins, accepts the code, and gives the end.
    async fn enroll(&self, start: Value) -> Value {
        let id = self.begin(start).await.unwrap();
        self.follow(&id).await
    }

    /// Accepts the code of what was begun, and gives the end.
    async fn follow(&self, id: &str) -> Value {
        let path = format!("/api/v1/enrollments/{id}");
        let over = |view: &Value| !view["outcome"].is_null();
        let shown = self
            .until(&path, |view| over(view) || !view["code"].is_null())
            .await;
        if !over(&shown) {
            let said: Result<Value, _> = self
                .client
                .post(
                    &format!("{path}/code"),
                    &json!({ "same": true, "code": shown["code"] }),
                )
                .await;
            drop(said);
        }
        self.until(&path, over).await
    }

    async fn stop(self) -> (tempfile::TempDir, Config) {
        self.stop.send(true).unwrap();
        self.running.await.unwrap().unwrap();
        (self.folder, self.config)
    }

    fn records(&self) -> Vec<&'static str> {
        let store = Store::open_to_read(&self.config.database(), &seal::load(&self.config).unwrap()).unwrap();
        let entries = store.entries(1, 1000).unwrap();
        entries
            .iter()
            .map(|entry| JournalRecord::decode(&entry.record).unwrap().name())
            .collect()
    }
}

fn provisioned(folder: &tempfile::TempDir) -> Config {
    provisioned_with(folder, &testing::file())
}

fn provisioned_with(folder: &tempfile::TempDir, plant: &ProvisionFile) -> Config {
    let mut config = Config::default();
    config.station.data_directory = folder.path().join("data");
    config.station.key_file = folder.path().join("data/station.key");
    config.station.seal_key_file = folder.path().join("seal.key");
    config.station.disk_free_mib_min = 1;
    config.api.socket = folder.path().join("run/station.sock");
    let file = folder.path().join("plant.toml");
    std::fs::write(&file, plant.to_toml()).unwrap();
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    crate::init::init(&config, &file, false).unwrap();
    config
}

fn ticket(id: u8, user: &str) -> Value {
    let claims = TicketClaims {
        id: TicketId([id; 16]),
        user: testing::handle(user),
        site: "north".into(),
        zone: Zone::Enrollment,
        not_before: UnixSeconds(1),
        expires: UnixSeconds(4_000_000_000),
    };
    json!({ "identification": { "ticket": sign_ticket(&claims, &testing::issuer()) } })
}

fn vouch(user: &str, pin: &str) -> Value {
    json!({ "identification": { "vouch": { "user": user, "operator": "olga", "pin": pin } } })
}

#[tokio::test]
async fn a_person_with_a_ticket_walks_away_with_a_band() {
    let station = Station::start().await;
    station
        .air
        .add("C0:02", -45, Box::new(TestBand::new("BAND-2", false)));
    let end = station.enroll(ticket(1, "ada")).await;
    assert_eq!(end["outcome"]["code"], "done", "{end}");
    assert_eq!(
        (&end["user"], &end["band"]["serial"]),
        (&json!("ada"), &json!("BAND-2"))
    );
    let records = station.records();
    let expected = [
        "provisioned",
        "started",
        "configured",
        "identified",
        "decided",
        "decided",
        "ticket_spent",
        "intent",
        "committed",
    ];
    assert_eq!(records, expected);
    let status = station.until("/api/v1/status", |_| true).await;
    assert_eq!(status["journal"]["sequence"], 9);

    let again = station.begin(ticket(1, "ada")).await.unwrap_err();
    assert_eq!(again.code, Code::TicketReused, "{again}");
    let (folder, config) = station.stop().await;
    let station = Station::run(folder, config).await;
    assert_eq!(
        station.begin(ticket(1, "ada")).await.unwrap_err().code,
        Code::TicketReused
    );
    let records = station.records();
    assert!(
        records.contains(&"stopped") && records.contains(&"refused"),
        "{records:?}"
    );
}

#[tokio::test]
async fn a_refusal_names_its_reason_and_who_decided() {
    let station = Station::start().await;
    station
        .air
        .add("C0:02", -45, Box::new(TestBand::new("BAND-2", false)));
    let end = station.enroll(ticket(1, "cy")).await;
    assert_eq!(end["outcome"]["code"], "user_not_active", "{end}");
    assert_eq!(end["outcome"]["decided_by"], "rule user_must_be_active");
    assert!(end["code"].is_null() && end["touches"].is_null(), "{end}");
    // The ticket was not used up by a refusal.
    let end = station.enroll(ticket(1, "cy")).await;
    assert_eq!(end["outcome"]["code"], "user_not_active", "{end}");
}

#[tokio::test]
async fn an_operator_vouches_and_wrong_pins_are_counted() {
    let station = Station::start().await;
    station
        .air
        .add("C0:02", -45, Box::new(TestBand::new("BAND-2", false)));
    for _ in 0..4 {
        assert_eq!(
            station.begin(vouch("bo", "0000")).await.unwrap_err().code,
            Code::WrongPin
        );
    }
    let end = station.enroll(vouch("bo", PIN)).await;
    assert_eq!(end["outcome"]["code"], "done", "{end}");
    for _ in 0..5 {
        assert_eq!(
            station.begin(vouch("bo", "0000")).await.unwrap_err().code,
            Code::WrongPin
        );
    }
    assert_eq!(
        station.begin(vouch("bo", PIN)).await.unwrap_err().code,
        Code::TooManyAttempts
    );
    let (folder, config) = station.stop().await;
    let station = Station::run(folder, config).await;
    assert_eq!(
        station.begin(vouch("bo", PIN)).await.unwrap_err().code,
        Code::TooManyAttempts
    );
    let nobody = json!({ "identification": { "vouch": { "user": "bo", "operator": "otto", "pin": "1" } } });
    assert_eq!(station.begin(nobody).await.unwrap_err().code, Code::WrongPin);
}

#[tokio::test]
async fn two_clients_do_not_fight_over_one_enrollment() {
    let station = Station::start().await;
    let first = station.begin(ticket(1, "ada")).await.unwrap();
    let problem = station.begin(ticket(2, "bo")).await.unwrap_err();
    assert_eq!(problem.code, Code::Busy);
    assert!(
        problem.why.contains(&first) && !problem.why.contains("ada"),
        "{problem}"
    );
    let path = format!("/api/v1/enrollments/{first}");
    let _: Value = station
        .client
        .post(&format!("{path}/cancel"), &Value::Null)
        .await
        .unwrap();
    let end = station.until(&path, |view| !view["outcome"].is_null()).await;
    assert_eq!(end["outcome"]["code"], "cancelled");
    let late: Result<Value, _> = station
        .client
        .post(&format!("{path}/code"), &json!({ "same": true }))
        .await;
    assert_eq!(late.unwrap_err().code, Code::OutOfTurn);
    let other: Result<Value, _> = station
        .client
        .post("/api/v1/enrollments/00/cancel", &Value::Null)
        .await;
    assert_eq!(other.unwrap_err().code, Code::NotFound);
}

#[tokio::test]
async fn two_bands_that_are_equally_near_are_nobodys_choice() {
    let station = Station::start().await;
    station
        .air
        .add("C0:02", -45, Box::new(TestBand::new("BAND-2", false)));
    station
        .air
        .add("C0:03", -46, Box::new(TestBand::new("BAND-3", true)));
    station
        .until("/api/v1/bands", |seen| {
            seen["bands"].as_array().unwrap().len() == 2
        })
        .await;
    let id = station.begin(ticket(1, "bo")).await.unwrap();
    let path = format!("/api/v1/enrollments/{id}");
    station
        .until(&path, |view| view["stage"] == "several_bands")
        .await;
    station.air.remove("C0:03");
    station
        .until(&path, |view| view["band"]["serial"] == "BAND-2")
        .await;
}

#[tokio::test]
async fn a_named_serial_is_found_among_equally_near_bands() {
    let station = Station::start().await;
    station
        .air
        .add("C0:02", -45, Box::new(TestBand::new("BAND-2", false)));
    station
        .air
        .add("C0:03", -46, Box::new(TestBand::new("BAND-3", true)));
    station
        .until("/api/v1/bands", |seen| {
            seen["bands"].as_array().unwrap().len() == 2
        })
        .await;
    let mut start = ticket(1, "bo");
    start["serial"] = json!("BAND-3");
    let end = station.enroll(start).await;
    assert_eq!(
        (&end["outcome"]["code"], &end["band"]["serial"]),
        (&json!("done"), &json!("BAND-3")),
        "{end}"
    );
}

#[tokio::test]
async fn a_foreign_device_does_not_stand_before_a_named_band() {
    let station = Station::start().await;
    let stranger = ed25519_dalek::SigningKey::from_bytes(&[99; 32]);
    let foreign = |serial| Box::new(TestBand::made_by(&stranger, serial, false));
    station.air.add("C0:09", -42, foreign("BAND-9"));
    station.air.add("C0:08", -44, foreign("BAND-2"));
    station
        .air
        .add("C0:02", -50, Box::new(TestBand::new("BAND-2", false)));
    station
        .until("/api/v1/bands", |seen| {
            seen["bands"].as_array().unwrap().len() == 3
        })
        .await;
    let mut start = ticket(1, "ada");
    start["serial"] = json!("BAND-2");
    let end = station.enroll(start).await;
    assert_eq!(end["outcome"]["code"], "done", "{end}");
    // Where no band is named, somebody should know what is held to the kiosk.
    station.air.remove("C0:02");
    station.air.remove("C0:08");
    let end = station.enroll(ticket(2, "ada")).await;
    assert_eq!(end["outcome"]["code"], "band_not_genuine", "{end}");
}

/// Somebody may advertise right at the kiosk and then say nothing; the band that was named is next.
#[tokio::test]
async fn a_device_that_says_nothing_does_not_stand_before_a_named_band() {
    let station = Station::start().await;
    station
        .air
        .add("C0:09", -42, Box::new(TestBand::new("BAND-3", false)));
    station
        .air
        .fail_connects("C0:09", Some(LinkFault::ConnectTimedOut));
    station
        .air
        .add("C0:02", -50, Box::new(TestBand::new("BAND-2", false)));
    station
        .until("/api/v1/bands", |seen| {
            seen["bands"].as_array().unwrap().len() == 2
        })
        .await;
    let mut start = ticket(1, "ada");
    start["serial"] = json!("BAND-2");
    let end = station.enroll(start).await;
    assert_eq!(end["outcome"]["code"], "done", "{end}");
}

/// Whoever stopped waiting to be identified knows of no attempt: it must not keep the next person out.
#[tokio::test]
async fn somebody_who_is_gone_begins_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let config = provisioned(&folder);
    let clock = Clock::start();
    let opened = open(&config, [0; 32], clock).unwrap();
    let (radio, _air) = loopback::start(&RadioConfig::default(), 100);
    let (commands, commands_in) = mpsc::channel(4);
    let (live, mut seen) = watch::channel(Live::default());
    let (_stop, stop) = watch::channel(false);
    let parts = Parts {
        identity: opened.identity,
        keys: opened.keys,
        config: Arc::new(config),
        store: StoreHandle::spawn(opened.store),
        radio,
        clock,
        trusted: opened.trusted,
        commands: commands_in,
        live,
        events: broadcast::channel(4).0,
        stop,
    };
    let running = tokio::spawn(eventloop::run(parts));
    seen.wait_for(|live| live.radio == "ready").await.unwrap();
    let start = |id| {
        let (reply, answer) = tokio::sync::oneshot::channel();
        let start = serde_json::from_value(ticket(id, "ada")).unwrap();
        (Command::Start(Box::new(start), reply), answer)
    };
    let (command, gone) = start(1);
    drop(gone);
    commands.send(command).await.unwrap();
    let begun = loop {
        let (command, answer) = start(2);
        commands.send(command).await.unwrap();
        match answer.await.unwrap() {
            Err(problem) => assert!(problem.why.contains("being identified"), "{problem}"),
            Ok(begun) => break begun,
        }
    };
    assert_eq!(begun.user, "ada");
    running.abort();
}

#[tokio::test]
async fn a_band_that_cannot_be_reached_is_tried_again() {
    let station = Station::start().await;
    station
        .air
        .add("C0:02", -45, Box::new(TestBand::new("BAND-2", false)));
    station
        .air
        .fail_connects("C0:02", Some(LinkFault::ConnectTimedOut));
    let id = station.begin(ticket(1, "ada")).await.unwrap();
    let path = format!("/api/v1/enrollments/{id}");
    station.until(&path, |view| view["stage"] == "connecting").await;
    station.air.fail_connects("C0:02", None);
    station.until(&path, |view| !view["code"].is_null()).await;
}

/// Each session has a code of its own: an answer that was meant for another one confirms nothing.
#[tokio::test]
async fn an_answer_about_another_code_confirms_nothing() {
    let station = Station::start().await;
    let id = station.begin(ticket(1, "ada")).await.unwrap();
    let path = format!("/api/v1/enrollments/{id}");
    let say = async |answer: Value| {
        let said: Result<Value, Problem> = station.client.post(&format!("{path}/code"), &answer).await;
        said.map_err(|problem| problem.code)
    };
    assert_eq!(say(json!({ "same": true })).await, Err(Code::OutOfTurn));
    station
        .air
        .add("C0:02", -45, Box::new(TestBand::new("BAND-2", false)));
    let first = station.until(&path, |view| !view["code"].is_null()).await;
    let other = json!({ "same": true, "code": "another" });
    assert_eq!(say(other).await, Err(Code::OutOfTurn));
    station.air.remove("C0:02");
    let gone = station.until(&path, |view| view["stage"] == "bring_back").await;
    assert_eq!(
        (&gone["code"], &gone["code_confirmed"]),
        (&Value::Null, &json!(false))
    );
    assert_eq!(
        say(json!({ "same": true, "code": first["code"] })).await,
        Err(Code::OutOfTurn)
    );
    station
        .air
        .add("C0:02", -45, Box::new(TestBand::new("BAND-2", false)));
    let second = station.until(&path, |view| !view["code"].is_null()).await;
    assert!(say(json!({ "same": true, "code": second["code"] })).await.is_ok());
    let end = station.until(&path, |view| !view["outcome"].is_null()).await;
    assert_eq!(end["outcome"]["code"], "done", "{end}");
}

#[tokio::test]
async fn without_a_radio_nobody_begins() {
    let station = Station::start().await;
    station.air.set_adapter(AdapterState::Absent);
    station
        .until("/api/v1/status", |status| status["radio"] == "absent")
        .await;
    let problem = station.begin(ticket(1, "ada")).await.unwrap_err();
    assert_eq!(problem.code, Code::RadioUnavailable);
    assert!(problem.why.contains("no adapter"), "{problem}");
    station
        .air
        .set_adapter(AdapterState::Ready { name: "hci0".into() });
    station
        .until("/api/v1/health", |health| health["ready"] == true)
        .await;
}

#[tokio::test]
async fn bad_requests_are_named() {
    let station = Station::start().await;
    let check = async |start: Value, code: Code| {
        let problem = station.begin(start.clone()).await.unwrap_err();
        assert_eq!(problem.code, code, "{start}: {problem}");
    };
    check(json!({}), Code::BadRequest).await;
    check(
        json!({ "identification": { "ticket": "x" }, "colour": 1 }),
        Code::BadRequest,
    )
    .await;
    check(
        json!({ "identification": { "ticket": "x" } }),
        Code::TicketMalformed,
    )
    .await;
    check(
        json!({ "identification": { "ticket": "x" }, "serial": "ü" }),
        Code::BadRequest,
    )
    .await;
    check(
        json!({ "identification": { "code": "00000-00000" } }),
        Code::TicketUnknownCode,
    )
    .await;
    check(
        json!({ "identification": { "ticket": "x".repeat(20_000) } }),
        Code::TooLarge,
    )
    .await;
    let asked: Result<Value, _> = station.client.get("/api/v1/journal?limit=0").await;
    assert_eq!(asked.unwrap_err().code, Code::BadRequest);
    let asked: Result<Value, _> = station.client.get("/api/v1/journal?from=x").await;
    assert_eq!(asked.unwrap_err().code, Code::BadRequest);
    let asked: Result<Value, _> = station.client.get("/api/v1/nothing").await;
    assert_eq!(asked.unwrap_err().code, Code::NotFound);
    let asked: Result<Value, _> = station.client.post("/api/v1/status", &Value::Null).await;
    assert_eq!(asked.unwrap_err().code, Code::MethodNotAllowed);
}

#[tokio::test]
async fn guessed_codes_are_counted_across_restarts() {
    let station = Station::start().await;
    let guess = json!({ "identification": { "code": "00000-00000" } });
    for _ in 0..20 {
        assert_eq!(
            station.begin(guess.clone()).await.unwrap_err().code,
            Code::TicketUnknownCode
        );
    }
    assert_eq!(
        station.begin(guess.clone()).await.unwrap_err().code,
        Code::TooManyAttempts
    );
    let (folder, config) = station.stop().await;
    let station = Station::run(folder, config).await;
    assert_eq!(
        station.begin(guess).await.unwrap_err().code,
        Code::TooManyAttempts
    );
}

/// A station that knows one code, which has expired.
fn with_an_expired_code(folder: &tempfile::TempDir, code: &TypedCode) -> Config {
    let mut file = testing::file();
    file.tickets.push(TicketEntry {
        id: HexBytes([1; 16]),
        user: policy::model::UserId::new("ada").unwrap(),
        code_hash: Some(HexBytes(code.hash(&CodeKey([6; 32])).0)),
        site: None,
        zone: station_core::convert::zone(Zone::Enrollment),
        not_before: 1,
        expires: 2,
        revoked: false,
    });
    provisioned_with(folder, &file)
}

/// A5: an old code of one's own buys no new guesses.
#[tokio::test]
async fn an_expired_code_does_not_end_a_run_of_guesses() {
    let folder = tempfile::tempdir().unwrap();
    let (own, guess) = (TypedCode::from_random([0; 9]), {
        TypedCode::from_random([0, 0, 0, 0, 0, 0, 0, 0, 1])
    });
    let config = with_an_expired_code(&folder, &own);
    let station = Station::run(folder, config).await;
    let by = |code: &TypedCode| json!({ "identification": { "code": code.reveal() } });
    for _ in 0..19 {
        let problem = station.begin(by(&guess)).await.unwrap_err();
        assert_eq!(problem.code, Code::TicketUnknownCode);
    }
    let problem = station.begin(by(&own)).await.unwrap_err();
    assert_eq!(problem.code, Code::TicketExpired);
    let problem = station.begin(by(&guess)).await.unwrap_err();
    assert_eq!(problem.code, Code::TicketUnknownCode);
    // Also after a restart, which forgets how many came at once.
    let (folder, config) = station.stop().await;
    let station = Station::run(folder, config).await;
    let problem = station.begin(by(&guess)).await.unwrap_err();
    assert_eq!(problem.code, Code::TooManyAttempts);
}

/// A5: one guess in each group of codes is no way round the count of a group.
#[tokio::test]
async fn a_flood_of_codes_is_slowed_and_hardly_journaled() {
    let station = Station::start().await;
    station
        .air
        .add("C0:02", -45, Box::new(TestBand::new("BAND-2", false)));
    let mut wrong = 0;
    for group in 0..200u8 {
        let code = TypedCode::from_random([group, group >> 5, 0, 0, 0, 0, 0, 0, 0]).reveal();
        let start = json!({ "identification": { "code": code } });
        match station.begin(start).await.unwrap_err().code {
            Code::TicketUnknownCode => wrong += 1,
            other => assert_eq!(other, Code::TooManyAttempts),
        }
    }
    assert!((20..100).contains(&wrong), "{wrong}");
    // Somebody with a ticket is not held up, and nothing is written of a guess that was not looked at.
    let end = station.enroll(ticket(1, "ada")).await;
    assert_eq!(end["outcome"]["code"], "done", "{end}");
    let records = station.records();
    let of = |name: &str| records.iter().filter(|record| **record == name).count();
    assert_eq!((of("secret_failed"), of("refused")), (wrong, 0), "{records:?}");
}

#[tokio::test]
async fn the_events_tell_the_whole_story() {
    let station = Station::start().await;
    let mut events = station.client.follow("/api/v1/events").await.unwrap();
    station
        .air
        .add("C0:02", -45, Box::new(TestBand::new("BAND-2", false)));
    station.enroll(ticket(1, "ada")).await;
    let mut stages = Vec::new();
    while stages
        .last()
        .is_none_or(|stage| stage != "done" && stage != "refused")
    {
        let event: Value = events.next().await.unwrap();
        let stage = event["data"]["stage"].as_str().map(str::to_owned);
        stages.extend(stage.filter(|_| event["event"] == "enrollment"));
    }
    stages.dedup();
    let told: Vec<&str> = stages.iter().map(String::as_str).collect();
    assert!(
        told.ends_with(&["checking", "compare_code", "touch", "saving", "done"]),
        "{told:?}"
    );
}

/// Runs the command line against the station and gives its exit code.
async fn command(station: &Station, arguments: &[&str]) -> ExitCode {
    let config = station.folder.path().join("station.toml");
    let text = format!(
        "[station]\ndata_directory = {:?}\nkey_file = {:?}\nseal_key_file = {:?}\n[api]\nsocket = {:?}\n",
        station.config.station.data_directory,
        station.config.station.key_file,
        station.config.station.seal_key_file,
        station.config.api.socket
    );
    std::fs::write(&config, text).unwrap();
    let mut line: Vec<std::ffi::OsString> =
        vec!["bandstand-station".into(), "--config".into(), config.into()];
    line.extend(arguments.iter().map(Into::into));
    tokio::task::spawn_blocking(|| crate::cli::main(line))
        .await
        .unwrap()
}

#[tokio::test]
async fn the_command_line_follows_an_enrollment_to_its_end() {
    let station = Station::start().await;
    station
        .air
        .add("C0:02", -45, Box::new(TestBand::new("BAND-2", false)));
    let text = |start: Value| start["identification"]["ticket"].as_str().unwrap().to_owned();
    let ada = text(ticket(1, "ada"));
    let enroll = |ticket: &str| ["enroll", "--accept-code", "--ticket", ticket].map(str::to_owned);
    let run = async |line: [String; 4]| {
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        command(&station, &line).await
    };
    assert_eq!(run(enroll(&ada)).await, ExitCode::SUCCESS);
    assert_eq!(run(enroll(&ada)).await, ExitCode::from(1));
    assert_eq!(run(enroll(&text(ticket(2, "cy")))).await, ExitCode::from(1));
    for line in [
        &["--json", "status"][..],
        &["bands"],
        &["journal", "verify"],
        &["journal", "export"],
        &["doctor"],
    ] {
        assert_eq!(command(&station, line).await, ExitCode::SUCCESS, "{line:?}");
    }
    assert_eq!(command(&station, &["enrol"]).await, ExitCode::from(2));
    assert_eq!(command(&station, &["run"]).await, ExitCode::from(6));
    let (folder, config) = station.stop().await;
    assert!(!config.api.socket.exists());
    drop(folder);
}

#[tokio::test]
async fn a_second_daemon_is_refused() {
    let station = Station::start().await;
    let (radio, _air) = loopback::start(&RadioConfig::default(), 100);
    let (_stop, stopped) = watch::channel(false);
    let problem = serve(station.config.clone(), [0; 32], || radio, stopped)
        .await
        .unwrap_err();
    assert_eq!(problem.code, Code::InstanceRunning);
}

#[tokio::test]
async fn a_radio_that_ends_stops_the_station_in_good_order() {
    let folder = tempfile::tempdir().unwrap();
    let config = provisioned(&folder);
    let (commands, _commands) = mpsc::channel(1);
    let (_, events) = mpsc::channel(1);
    let (_stop, stopped) = watch::channel(false);
    let radio = || Radio {
        commands,
        events,
        pace: Pace::default(),
    };
    let problem = serve(config.clone(), [0; 32], radio, stopped).await.unwrap_err();
    assert_eq!(problem.code, Code::RadioUnavailable);
    let store = Store::open_to_read(&config.database(), &seal::load(&config).unwrap()).unwrap();
    let last = store.last_entry().unwrap().unwrap();
    assert!(matches!(
        JournalRecord::decode(&last.record),
        Ok(JournalRecord::Stopped(_))
    ));
}

#[tokio::test]
async fn the_doctor_looks_at_everything() {
    let station = Station::start().await;
    let found = station.until("/api/v1/doctor", |_| true).await;
    let findings = found["findings"].as_array().unwrap();
    let checks: Vec<_> = findings
        .iter()
        .map(|finding| finding["check"].as_str().unwrap())
        .collect();
    let expected = [
        "config",
        "seal",
        "database",
        "journal",
        "key_file",
        "certificate",
        "replica",
        "intents",
        "quarantine",
        "clock",
        "disk",
        "daemon",
        "radio",
    ];
    assert_eq!(checks, expected);
    let ok = |check: &str| {
        findings
            .iter()
            .any(|finding| finding["check"] == check && finding["verdict"] == "ok")
    };
    assert!(
        ok("database") && ok("journal") && ok("key_file") && ok("radio"),
        "{found}"
    );
}
