//! The console goes over to another authority (decision 0039), with real stations: nobody is cut off who can be reached,
//! and who was away too long is told the way back.

use hyper::Method;
use serde_json::Value;
use station_daemon::clock::Clock;
use station_daemon::sync::{Answer, Believed, Connection, Credentials, Failure, client_config};

use crate::kiosk::LIMIT;
use crate::sync_stage::{
    Console, ConsoleProcess, DAY_MS, Enrolled, On, Station, eventually, on_both, seal_key,
};

on_both! {
    a_new_authority_takes_the_place_of_the_old_one_without_a_gap,
    a_station_that_is_away_holds_the_earlier_authority_until_it_is_back,
    an_authority_left_by_order_cuts_off_whoever_was_away,
    codes_and_tickets_given_out_before_a_new_key_hold,
}

/// A console as a process, and a key that may do everything.
struct Plant {
    console: Console,
    process: ConsoleProcess,
    key: String,
}

impl Plant {
    async fn new(on: On) -> Self {
        let mut console = Console::start_on(on).await;
        for id in ["ada", "ben"] {
            console.person(id, "north").await;
        }
        for band in ["BAND-1", "BAND-2"] {
            console.band(band).await;
        }
        let key = console.administrator_key().await;
        let process = console.becomes_a_process().await;
        Self {
            console,
            process,
            key,
        }
    }

    /// What the settings say of the authorities.
    async fn authorities(&self) -> Value {
        let (status, body) = self.process.ask("/api/v1/settings", &self.key).await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_str::<Value>(&body).unwrap()["authorities"].take()
    }

    async fn post(&self, path: &str) -> Value {
        let (status, body) = self.process.post(path, &self.key, "").await;
        assert!((200..300).contains(&status), "{status} {body}");
        serde_json::from_str(&body).unwrap()
    }

    async fn goes_over(&self) -> Value {
        self.post("/api/v1/settings/authorities").await
    }

    /// Waits until the console has left the earlier authority by itself.
    async fn has_left(&self, earlier: &Value) {
        eventually("the console has left the earlier authority", async || {
            let now = self.authorities().await;
            now["next"].is_null() && now["present"] != *earlier
        })
        .await;
    }

    /// Who did this, as the audit has it.
    async fn audited(&self, action: &str) -> Vec<String> {
        let (_, body) = self.process.ask("/api/v1/audit?limit=200", &self.key).await;
        let audit: Value = serde_json::from_str(&body).unwrap();
        let rows = audit["rows"].as_array().unwrap().iter();
        rows.filter(|row| row["action"] == action)
            .map(|row| row["via"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn credentials(station: &Station) -> Credentials {
    Credentials::load(&station.folder().join("data/station.sync"), &seal_key()).unwrap()
}

/// Asks the console for something that only stations get, by these credentials.
async fn ask(own: &Credentials) -> Result<Answer, Failure> {
    let believed = Believed::new(Clock::start().wall_ms());
    let tls = client_config(&own.authorities, own.certificate.clone(), &own.key, believed).unwrap();
    let mut connection = Connection::open(&own.console, tls).await?;
    connection.send(Method::GET, "/sync/v1/keys", None, LIMIT).await
}

fn hex(fingerprint: [u8; 32]) -> String {
    data_encoding::HEXLOWER.encode(&fingerprint)
}

async fn a_new_authority_takes_the_place_of_the_old_one_without_a_gap(on: On) {
    let plant = Plant::new(on).await;
    let mut station = Station::joined(&plant.console, "gate", "north").await;
    let before = credentials(&station);
    let made = plant.goes_over().await;
    assert_eq!(made["present"], hex(before.fingerprint()), "{made}");
    assert_eq!(made["waiting"][0]["name"], "gate");
    // By itself: the station goes over, and then the console leaves the earlier one.
    plant.has_left(&made["present"]).await;
    assert_eq!(plant.authorities().await["present"], made["next"]);
    eventually("the station trusts the new one alone", async || {
        let own = credentials(&station);
        own.authorities.len() == 1 && hex(own.fingerprint()) == made["next"]
    })
    .await;
    assert_eq!(plant.audited("authority_rotate").await, ["api_key"]);
    assert_eq!(plant.audited("authority_retire").await, ["console"]);
    // Whoever comes with what was good before is nobody, and a station that joins gets the new one.
    assert!(
        ask(&before).await.is_err(),
        "the earlier authority is still believed"
    );
    assert_eq!(ask(&credentials(&station)).await.unwrap().status, 200);
    // Nothing stood still meanwhile, and everything goes on.
    let stopped = "sync_stopped";
    let journal = station.run(&["journal", "export"]).await;
    let journal = String::from_utf8_lossy(&journal.stdout).into_owned();
    assert!(!journal.contains(stopped), "{journal}");
    station.stop().await;
    station.enroll(&Enrolled::new("ada", "BAND-1", 1, 1));
    station.start();
    station.in_step().await;
    assert_eq!(plant.console.associations().await, ["ada BAND-1 active"]);
    let mut other = Station::joined(&plant.console, "hall", "north").await;
    assert_eq!(hex(credentials(&other).fingerprint()), made["next"]);
    other.stop().await;
    station.stop().await;
}

async fn a_station_that_is_away_holds_the_earlier_authority_until_it_is_back(on: On) {
    let plant = Plant::new(on).await;
    let mut gate = Station::joined(&plant.console, "gate", "north").await;
    let mut hall = Station::joined(&plant.console, "hall", "north").await;
    hall.stop().await;
    let made = plant.goes_over().await;
    eventually("the gate has gone over", async || {
        let now = plant.authorities().await;
        now["waiting"].as_array().map(Vec::len) == Some(1) && now["waiting"][0]["name"] == "hall"
    })
    .await;
    assert_eq!(credentials(&gate).authorities.len(), 2, "it trusts both");
    // A second one on top would leave somebody behind.
    let (status, body) = plant
        .process
        .post("/api/v1/settings/authorities", &plant.key, "")
        .await;
    assert_eq!(status, 409, "{body}");
    // Whoever joins meanwhile knows the present one by the token, and goes over too.
    let mut yard = Station::joined(&plant.console, "yard", "north").await;
    eventually("the yard has gone over", async || {
        plant.authorities().await["waiting"].as_array().map(Vec::len) == Some(1)
    })
    .await;
    assert_eq!(plant.authorities().await["present"], made["present"]);
    gate.in_step().await;
    hall.enroll(&Enrolled::new("ben", "BAND-2", 1, 2));
    hall.start();
    plant.has_left(&made["present"]).await;
    for station in [&mut gate, &mut hall, &mut yard] {
        station.in_step().await;
        station.stop().await;
    }
    assert_eq!(plant.console.associations().await, ["ben BAND-2 active"]);
}

async fn an_authority_left_by_order_cuts_off_whoever_was_away(on: On) {
    let plant = Plant::new(on).await;
    let mut station = Station::joined(&plant.console, "gate", "north").await;
    station.stop().await;
    station.enroll(&Enrolled::new("ada", "BAND-1", 1, 1));
    let (status, _) = plant
        .process
        .post("/api/v1/settings/authorities/retire", &plant.key, "")
        .await;
    assert_eq!(status, 409, "there is nothing to go over to");
    let made = plant.goes_over().await;
    plant.console.token("never used", "north").await;
    let left = plant.post("/api/v1/settings/authorities/retire").await;
    assert_eq!((&left["present"], &left["next"]), (&made["next"], &Value::Null));
    assert_eq!(left["tokens"], 0, "the token that names the earlier one is ended");
    assert_eq!(plant.audited("authority_retire").await, ["api_key"]);
    let own = credentials(&station);
    eventually("the listener shows the new one", async || {
        ask(&own).await.is_err()
    })
    .await;
    station.start();
    station
        .until("it does not believe the console", |status| {
            status["sync"]["code"] == "console_not_trusted"
        })
        .await;
    let doctor = station.run(&["doctor"]).await;
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(
        doctor.contains("went over to another authority") && doctor.contains("bandstand-station join"),
        "{doctor}"
    );
    station.stop().await;
    // What doctor says is what works, and what it did meanwhile arrives.
    let id = plant.console.station("gate").await.id;
    let token = plant.console.token_for("gate", "north", Some(id)).await;
    station.join(plant.console.address, &token).await;
    station.start();
    station.in_step().await;
    assert_eq!(plant.console.associations().await, ["ada BAND-1 active"]);
    station.stop().await;
}

/// A key is retired a day after it was made, and what it was used for until then holds for a month at most: so long a
/// station goes on believing it.
async fn codes_and_tickets_given_out_before_a_new_key_hold(on: On) {
    let plant = Plant::new(on).await;
    let mut station = Station::joined(&plant.console, "gate", "north").await;
    for path in ["/api/v1/settings/ticket-keys", "/api/v1/settings/code-keys"] {
        assert_eq!(plant.post(path).await["id"], "2", "{path}");
    }
    assert_eq!(plant.audited("code_key_rotate").await, ["api_key"]);
    eventually("the station knows the new keys", async || {
        let store = station.store();
        let known = store.identity().unwrap();
        (known.issuers.len(), known.code_keys.len()) == (2, 2)
    })
    .await;
    station.stop().await;
    let store = station.store();
    let known = store.identity().unwrap();
    let now_ms = Clock::start().wall_ms();
    for keys in [&known.issuers, &known.code_keys] {
        let until = keys[0].retired_at_ms.expect("the earlier one is retired");
        // Tickets hold for 30 days at most.
        assert!(until > now_ms + 30 * DAY_MS as u64, "{until}");
        assert!(keys[1].retired_at_ms.is_none() && keys[1].not_before_ms > now_ms);
        assert_ne!(keys[0].key, keys[1].key);
    }
}
