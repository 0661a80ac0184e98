//! Cut lines, killed processes, restored backups, exchanged keys: station and console agree again by themselves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use console::store::keys;
use console::sync::authority;
use policy::model::UnixMillis;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::sync_stage::{Console, DAY_MS, Enrolled, On, Station, on_both};

on_both! {
    every_kind_of_bad_line_is_survived,
    either_may_be_killed_at_any_moment,
    a_console_restored_from_a_backup_gets_what_it_has_forgotten,
    keys_that_change_twice_while_a_station_is_away_leave_no_gap,
    a_station_that_worked_from_a_file_joins_and_loses_nothing,
    a_certificate_that_has_run_for_a_third_of_its_time_is_exchanged,
}

/// What a line between station and console does to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Line {
    /// Nothing.
    Good,
    /// Connections are closed as soon as they are there.
    Closed,
    /// Nothing passes, and nobody is told.
    Silent,
    /// The connection breaks after some hundred bytes.
    Breaks,
    /// Everything comes later.
    Slow,
    /// A few bytes at a time.
    Trickle,
    /// A part of what is sent comes twice.
    Doubled,
}

const LINES: [Line; 7] = [
    Line::Good,
    Line::Closed,
    Line::Silent,
    Line::Breaks,
    Line::Slow,
    Line::Trickle,
    Line::Doubled,
];

/// A line that can be spoiled.
struct Proxy {
    address: SocketAddr,
    state: Arc<AtomicU8>,
}

impl Proxy {
    async fn before(console: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(AtomicU8::new(Line::Good as u8));
        let line = state.clone();
        tokio::spawn(async move {
            while let Ok((here, _)) = listener.accept().await {
                let line = line.clone();
                tokio::spawn(async move {
                    let Ok(there) = TcpStream::connect(console).await else {
                        return;
                    };
                    let (here_in, here_out) = here.into_split();
                    let (there_in, there_out) = there.into_split();
                    tokio::select! {
                        () = pass(here_in, there_out, line.clone()) => {}
                        () = pass(there_in, here_out, line) => {}
                    }
                });
            }
        });
        Self { address, state }
    }

    fn becomes(&self, line: Line) {
        self.state.store(line as u8, Ordering::SeqCst);
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    state: Arc<AtomicU8>,
) {
    let mut buffer = vec![0; 4096];
    let mut passed = 0;
    loop {
        let line = LINES[state.load(Ordering::SeqCst) as usize];
        if line == Line::Closed || (line == Line::Breaks && passed > 700) {
            return;
        }
        let most = if line == Line::Trickle { 7 } else { buffer.len() };
        let Ok(read @ 1..) = from.read(&mut buffer[..most]).await else {
            return;
        };
        passed += read;
        match line {
            Line::Silent => continue,
            Line::Slow => tokio::time::sleep(Duration::from_millis(300)).await,
            Line::Trickle => tokio::time::sleep(Duration::from_millis(1)).await,
            Line::Doubled if passed > 2000 => drop(to.write_all(&buffer[..read]).await),
            _ => {}
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// The console has this station's journal, entry by entry, bit by bit.
async fn agree(console: &Console, station: &Station, name: &str) {
    let id = console.station(name).await.id;
    let (there, here) = (console.journal(id).await, station.journal());
    assert!(there.len() <= here.len());
    assert_eq!(there, here[..there.len()], "another journal");
}

async fn every_kind_of_bad_line_is_survived(on: On) {
    let console = Console::start_on(on).await;
    console.person("ada", "north").await;
    let proxy = Proxy::before(console.address).await;
    let token = console.token("gate", "north").await;
    let mut station = Station::new();
    station.join(proxy.address, &token).await;
    station.start();
    station.in_step().await;
    for line in LINES {
        proxy.becomes(line);
        for _ in 0..5 {
            station.somebody_errs().await;
        }
        // what is said to a station that does not hear arrives later
        let before = station.status().await.unwrap()["journal"]["sequence"]
            .as_u64()
            .unwrap();
        tokio::time::sleep(Duration::from_millis(600)).await;
        proxy.becomes(Line::Good);
        console.has_journal("gate", before).await;
        station.in_step().await;
        agree(&console, &station, "gate").await;
    }
    station.stop().await;
}

async fn either_may_be_killed_at_any_moment(on: On) {
    let mut console = Console::start_on(on).await;
    console.person("ada", "north").await;
    let mut station = Station::joined(&console, "gate", "north").await;
    let mut process = console.becomes_a_process().await;
    for round in 0..8_u64 {
        for _ in 0..4 {
            station.somebody_errs().await;
        }
        tokio::time::sleep(Duration::from_millis(17 * (round * 7 % 11))).await;
        if round % 2 == 0 {
            process.kill().await;
            process.start().await;
        } else {
            station.kill().await;
            station.start();
            station.until("it is back", |_| true).await;
        }
    }
    station.in_step().await;
    station.stop().await;
    process.kill().await;
    agree(&console, &station, "gate").await;
    assert!(console.station("gate").await.quarantine.is_none());
}

async fn a_console_restored_from_a_backup_gets_what_it_has_forgotten(on: On) {
    let mut console = Console::start_on(on).await;
    console.person("ada", "north").await;
    console.band("BAND-1").await;
    let mut station = Station::joined(&console, "gate", "north").await;
    let backup = console.backup().await;
    station.stop().await;
    station.enroll(&Enrolled::new("ada", "BAND-1", 1, 1));
    station.start();
    station.in_step().await;
    assert_eq!(console.associations().await, ["ada BAND-1 active"]);
    console.restore(&backup).await;
    assert!(console.associations().await.is_empty());
    let head = station.journal().len() as u64;
    console.has_journal("gate", head).await;
    station.in_step().await;
    assert_eq!(console.associations().await, ["ada BAND-1 active"]);
    assert_eq!(station.associations("ada"), ["ada BAND-1 active"]);
    agree(&console, &station, "gate").await;
    station.stop().await;
}

async fn keys_that_change_twice_while_a_station_is_away_leave_no_gap(on: On) {
    let console = Console::start_on(on).await;
    console.person("ada", "north").await;
    let mut station = Station::joined(&console, "gate", "north").await;
    station.stop().await;
    let vault = console.app.vault.clone();
    console
        .change(move |tx, now| {
            let past = |days: i64| UnixMillis(now.0 - days * DAY_MS);
            authority::rotate_feed_key(tx, &vault, [51; 32], past(20), past(19), now)?;
            authority::rotate_feed_key(tx, &vault, [52; 32], past(10), past(9), now)?;
            let issuer = ed25519_dalek::SigningKey::from_bytes(&[53; 32])
                .verifying_key()
                .to_bytes();
            let key = |id: &str, public: &[u8]| keys::KeyRow {
                kind: keys::TICKET_ISSUER.into(),
                id: id.into(),
                name: "issuer".into(),
                public_key: public.to_vec(),
                not_before: past(5),
                retired: None,
            };
            keys::insert(tx, &key("2", &issuer))?;
            keys::retire(tx, keys::TICKET_ISSUER, "1", UnixMillis(now.0 + DAY_MS)).map(drop)
        })
        .await;
    console.person("bo", "north").await;
    station.start();
    station
        .until("it hears", |status| status["replica"]["users"] == 2)
        .await;
    station.in_step().await;
    station.stop().await;
    let store = station.store();
    let issuers = &store.identity().unwrap().issuers;
    assert_eq!(
        issuers
            .iter()
            .map(|issuer| issuer.retired_at_ms.is_some())
            .collect::<Vec<_>>(),
        [true, false]
    );
}

async fn a_station_that_worked_from_a_file_joins_and_loses_nothing(on: On) {
    let console = Console::start_on(on).await;
    console.person("ada", "north").await;
    console.band("BAND-1").await;
    let mut station = Station::from_file();
    station.enroll(&Enrolled::new("ada", "BAND-1", 1, 1));
    let before = station.journal();
    let token = console.token("gate", "north").await;
    station.join(console.address, &token).await;
    station.start();
    station.in_step().await;
    assert_eq!(console.associations().await, ["ada BAND-1 active"]);
    assert_eq!(station.associations("ada"), ["ada BAND-1 active"]);
    assert_eq!(station.journal()[..before.len()], before);
    agree(&console, &station, "gate").await;
    station.stop().await;
}

async fn a_certificate_that_has_run_for_a_third_of_its_time_is_exchanged(on: On) {
    let mut console = Console::start_on(on).await;
    // Leaves are backdated by two days, so that a third of one that holds a day is over at once.
    console.certificates_of_days(1).await;
    let mut station = Station::joined(&console, "gate", "north").await;
    let first = station.status().await.unwrap()["sync"]["certificate_not_after_s"].clone();
    console.certificates_of_days(90).await;
    station
        .until("it is exchanged", |status| {
            status["sync"]["certificate_not_after_s"].as_u64() > first.as_u64().map(|at| at + 80 * 86_400)
        })
        .await;
    console.person("ada", "north").await;
    station
        .until("it speaks with the new one", |status| {
            status["replica"]["users"] == 1
        })
        .await;
    station.stop().await;
    let records = station.run(&["journal", "export", "--json"]).await;
    assert!(String::from_utf8_lossy(&records.stdout).contains("certificate_renewed"));
}
