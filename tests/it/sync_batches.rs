//! Batches that no honest station sends, by somebody with a station's certificate: refused by name, shown to people,
//! folded nowhere, and with a way on.

use hyper::Method;
use serde_json::Value;
use server_sync::journal::{Batch, PushAnswer, PushFault};
use server_sync::{Entry, Hash, Head, StationKey};
use station_daemon::clock::Clock;
use station_daemon::sync::{Believed, Connection, Credentials, client_config};

use crate::kiosk::LIMIT;
use crate::sync_stage::{Console, ConsoleProcess, Enrolled, On, Station, eventually, on_both, seal_key};

on_both! {
    a_batch_with_a_hole_is_refused_and_the_station_goes_on,
    a_replayed_batch_is_acknowledged_and_changes_nothing,
    an_edited_entry_holds_the_journal_until_somebody_has_looked,
    an_edited_journal_under_a_new_chain_is_a_second_one,
}

/// A console as a process with a station that did something it has not sent yet.
struct Plant {
    console: Console,
    process: ConsoleProcess,
    key: String,
    station: Station,
}

impl Plant {
    async fn new(on: On) -> Self {
        let mut console = Console::start_on(on).await;
        console.person("ada", "north").await;
        console.band("BAND-1").await;
        let key = console.administrator_key().await;
        let process = console.becomes_a_process().await;
        let mut station = Station::joined(&console, "gate", "north").await;
        station.stop().await;
        station.enroll(&Enrolled::new("ada", "BAND-1", 1, 1));
        Self {
            console,
            process,
            key,
            station,
        }
    }

    /// What the API says of the station: the station itself, and what is kept of its journal.
    async fn shown(&self) -> (Value, Value) {
        let id = self.console.station("gate").await.id;
        let mut shown = self.ask(&format!("/api/v1/stations/{id}")).await;
        (shown["station"].take(), shown["reviews"].take())
    }

    async fn ask(&self, path: &str) -> Value {
        let (status, body) = self.process.ask(path, &self.key).await;
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// How often the audit has this of a station.
    async fn audited(&self, action: &str) -> usize {
        let audit = self.ask("/api/v1/audit?limit=200").await;
        let rows = audit["rows"].as_array().unwrap();
        rows.iter().filter(|row| row["action"] == action).count()
    }

    /// What the console has, and what it made of it.
    async fn taken(&self) -> (Vec<(u64, String)>, Vec<String>) {
        let id = self.console.station("gate").await.id;
        (self.console.journal(id).await, self.console.associations().await)
    }

    /// The entries that the console has not seen.
    async fn unsent(&self) -> (Head, Vec<Entry>) {
        let head = self.console.station("gate").await.head;
        let entries = self.station.store().entries(head.sequence + 1, 500).unwrap();
        (head, entries)
    }

    async fn push(&self, batch: &Batch) -> PushAnswer {
        push(&self.station, batch).await
    }

    /// The honest station runs again, and nothing was lost.
    async fn goes_on(mut self) {
        self.station.start();
        self.station.in_step().await;
        assert_eq!(self.console.associations().await, ["ada BAND-1 active"]);
        let (there, _) = self.taken().await;
        assert_eq!(there, self.station.journal()[..there.len()]);
        self.station.stop().await;
    }
}

/// Sends a batch with the certificate of this station.
async fn push(station: &Station, batch: &Batch) -> PushAnswer {
    let path = station.folder().join("data/station.sync");
    let own = Credentials::load(&path, &seal_key()).unwrap();
    let believed = Believed::new(Clock::start().wall_ms());
    let tls = client_config(&own.authorities, own.certificate.clone(), &own.key, believed).unwrap();
    let mut connection = Connection::open(&own.console, tls).await.unwrap();
    let sent = connection.send(Method::POST, "/sync/v1/journal", Some(batch.to_bytes()), LIMIT);
    PushAnswer::from_bytes(&sent.await.unwrap().body).unwrap()
}

fn batch(after: Head, entries: &[Entry]) -> Batch {
    Batch {
        station: entries[0].station,
        after,
        entries: entries.to_vec(),
    }
}

fn code(answer: PushAnswer) -> &'static str {
    match answer {
        PushAnswer::Ack(_) => "acknowledged",
        PushAnswer::Refused(fault) => fault.code(),
    }
}

async fn a_batch_with_a_hole_is_refused_and_the_station_goes_on(on: On) {
    let plant = Plant::new(on).await;
    let before = plant.taken().await;
    let (head, entries) = plant.unsent().await;
    let after = Head {
        sequence: entries[0].sequence,
        hash: entries[0].hash,
    };
    let answer = plant.push(&batch(after, &entries[1..])).await;
    // It is told where to go on, and that is all: a hole is nobody's fault.
    let PushAnswer::Refused(PushFault::Gap { ack }) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(ack.head(), head);
    assert_eq!(plant.taken().await, before);
    let (shown, reviews) = plant.shown().await;
    assert_eq!(shown["quarantine"], Value::Null, "{shown}");
    assert_eq!(shown["journal"], head.sequence);
    assert_eq!(reviews.as_array().map(Vec::len), Some(0), "{reviews}");
    assert_eq!(plant.audited("station_quarantine").await, 0);
    plant.goes_on().await;
}

async fn a_replayed_batch_is_acknowledged_and_changes_nothing(on: On) {
    let mut plant = Plant::new(on).await;
    let mut other = Station::joined(&plant.console, "hall", "north").await;
    other.stop().await;
    plant.station.start();
    plant.station.in_step().await;
    plant.station.stop().await;
    let before = plant.taken().await;
    assert_eq!(before.1, ["ada BAND-1 active"]);
    let head = plant.console.station("gate").await.head;
    let all = plant.station.store().entries(1, head.sequence as u32).unwrap();
    let begin = Head {
        sequence: 0,
        hash: Hash::START,
    };
    for part in [&all[..], &all[..1], &all[..], &all[..all.len() - 1]] {
        let answer = plant.push(&batch(begin, part)).await;
        let PushAnswer::Ack(ack) = answer else {
            panic!("{answer:?}");
        };
        // The place from which it goes on is the present one, however old the batch.
        assert_eq!(ack.head(), head);
    }
    // Somebody else's certificate gets nothing taken, not even the same.
    assert_eq!(code(push(&other, &batch(begin, &all)).await), "other_station");
    assert_eq!(plant.taken().await, before);
    let (shown, reviews) = plant.shown().await;
    assert_eq!(shown["quarantine"], Value::Null, "{shown}");
    assert_eq!(reviews.as_array().map(Vec::len), Some(0), "{reviews}");
    assert_eq!(plant.audited("station_quarantine").await, 0);
    plant.goes_on().await;
}

async fn an_edited_entry_holds_the_journal_until_somebody_has_looked(on: On) {
    let mut plant = Plant::new(on).await;
    let before = plant.taken().await;
    let (head, entries) = plant.unsent().await;
    // The chain stays as it was written, and one entry is another.
    let mut edited = entries.clone();
    edited[0].time_ms += 3_600_000;
    let answer = plant.push(&batch(head, &edited)).await;
    let first = head.sequence + 1;
    assert_eq!(answer, PushAnswer::Refused(PushFault::Changed { first }));
    assert_eq!(plant.taken().await, before);
    let (shown, reviews) = plant.shown().await;
    assert_eq!(shown["quarantine"], "journal_changed", "{shown}");
    assert_eq!(shown["quarantine_sequence"], first);
    assert_eq!(reviews[0]["code"], "journal_changed", "{reviews}");
    assert_eq!(plant.audited("station_quarantine").await, 1);
    // Sent again it is kept once and said once.
    assert_eq!(code(plant.push(&batch(head, &edited)).await), "batch_changed");
    assert_eq!(plant.shown().await.1.as_array().map(Vec::len), Some(1));
    assert_eq!(plant.audited("station_quarantine").await, 1);
    // The honest station hears of it, says so everywhere, and keeps what it has.
    plant.station.start();
    plant
        .station
        .until("it is told", |status| {
            status["sync"]["journal_code"] == "station_quarantined"
        })
        .await;
    let doctor = plant.station.run(&["doctor"]).await;
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(
        doctor.contains("does not believe this station’s journal"),
        "{doctor}"
    );
    eventually("the console shows that it has stopped", async || {
        plant.shown().await.0["health"]["outbox_stopped"] == "station_quarantined"
    })
    .await;
    assert_eq!(plant.taken().await, before);
    plant.station.stop().await;
    settled(&plant).await;
    plant.goes_on().await;
}

/// Somebody has looked, and lets the journal in again.
async fn settled(plant: &Plant) {
    let id = plant.console.station("gate").await.id;
    let path = format!("/api/v1/stations/{id}/settle");
    let (status, body) = plant
        .process
        .post(&path, &plant.key, r#"{"why":"looked at it"}"#)
        .await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(plant.shown().await.0["quarantine"], Value::Null);
    assert_eq!(plant.audited("station_settle").await, 1);
}

async fn an_edited_journal_under_a_new_chain_is_a_second_one(on: On) {
    let plant = Plant::new(on).await;
    let before = plant.taken().await;
    let head = plant.console.station("gate").await.head;
    let all = plant.station.store().entries(1, 500).unwrap();
    let mut edited: Vec<Entry> = Vec::new();
    let mut place = Head {
        sequence: 0,
        hash: Hash::START,
    };
    let begin = place;
    for entry in &all {
        let time_ms = entry.time_ms + u64::from(entry.sequence == 2);
        let next = Entry::following(StationKey(entry.station.0), place, time_ms, entry.record.clone());
        (place.sequence, place.hash) = (next.sequence, next.hash);
        edited.push(next);
    }
    let answer = plant.push(&batch(begin, &edited)).await;
    assert_eq!(answer, PushAnswer::Refused(PushFault::Fork { sequence: 2 }));
    assert_eq!(plant.taken().await, before);
    let (shown, reviews) = plant.shown().await;
    assert_eq!(
        (&shown["quarantine"], &shown["quarantine_sequence"]),
        (&"journal_fork".into(), &2.into()),
        "{shown}"
    );
    assert_eq!(shown["journal"], head.sequence);
    assert_eq!(reviews.as_array().map(Vec::len), Some(all.len() - 1), "{reviews}");
    assert_eq!(plant.audited("station_quarantine").await, 1);
    settled(&plant).await;
    plant.goes_on().await;
}
