//! Stations join, fetch what they need, send what they did, and go on without the console.

use serde_json::Value;

use crate::sync_stage::{Console, Enrolled, On, Station, eventually, on_both, user};

on_both! {
    a_station_out_of_nothing_joins_and_is_in_step,
    what_a_station_does_without_the_console_arrives_when_it_is_back,
    a_station_reports_and_asks_as_often_as_the_console_wants,
    a_token_is_good_for_one_station,
    a_station_with_a_damaged_database_joins_anew,
}

async fn a_station_out_of_nothing_joins_and_is_in_step(on: On) {
    let console = Console::start_on(on).await;
    console.person("ada", "north").await;
    console.band("BAND-1").await;
    let mut station = Station::joined(&console, "gate", "north").await;
    let status = station.status().await.unwrap();
    assert_eq!(
        (&status["replica"]["users"], &status["replica"]["bands"]),
        (&1.into(), &1.into()),
        "{status:#?}"
    );
    assert_eq!(
        (&status["site"], &status["zone"]),
        (&"north".into(), &"enrollment".into())
    );
    // what changes arrives
    console.person("bo", "north").await;
    station
        .until("bo arrives", |status| status["replica"]["users"] == 2)
        .await;
    station.stop().await;
    assert!(station.store().user(&user("bo")).unwrap().is_some());
}

/// An administrator joins as root; the daemon is another user and has to read and write what that makes.
#[tokio::test(flavor = "multi_thread")]
async fn what_root_makes_belongs_to_the_daemon() {
    use std::os::unix::fs::{MetadataExt, chown};
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root gives files away");
        return;
    }
    let console = Console::start().await;
    let station = Station::new();
    let data = station.folder().join("data");
    std::fs::create_dir(&data).unwrap();
    chown(&data, Some(4711), Some(4712)).unwrap();
    let token = console.token("gate", "north").await;
    station.join(console.address, &token).await;
    for file in ["lock", "station.db", "station.key", "station.sync"] {
        let about = std::fs::metadata(data.join(file)).unwrap();
        assert_eq!((about.uid(), about.gid()), (4711, 4712), "{file}");
    }
}

async fn what_a_station_does_without_the_console_arrives_when_it_is_back(on: On) {
    let mut console = Console::start_on(on).await;
    console.person("ada", "north").await;
    console.band("BAND-1").await;
    let mut station = Station::joined(&console, "gate", "north").await;
    station.stop().await;
    console.go_away().await;
    station.enroll(&Enrolled::new("ada", "BAND-1", 1, 1));
    station.start();
    let offline = station
        .until("offline", |status| status["sync"]["state"] == "offline")
        .await;
    assert_eq!(offline["sync"]["code"], "console_unreachable");
    assert_eq!(station.associations("ada"), ["ada BAND-1 active"]);
    console.come_back().await;
    station.in_step().await;
    assert_eq!(console.associations().await, ["ada BAND-1 active"]);
    assert_eq!(station.associations("ada"), ["ada BAND-1 active"]);
    station.stop().await;
}

async fn a_station_reports_and_asks_as_often_as_the_console_wants(on: On) {
    let mut console = Console::start_on(on).await;
    let mut station = Station::joined(&console, "gate", "north").await;
    eventually("the first report", async || {
        console.station("gate").await.health.is_some()
    })
    .await;
    let first = console.station("gate").await.health.unwrap().1;
    // by itself a station reports every five minutes
    console
        .configured(|config| (config.sync.hold_s, config.sync.health_every_s) = (1, 10))
        .await;
    eventually("two reports more", async || {
        let last = console.station("gate").await.health.unwrap().1;
        last.0 >= first.0 + 18_000
    })
    .await;
    station.stop().await;
    let wishes = station.store().sync_state().unwrap().unwrap().wishes;
    assert_eq!((wishes.hold_s, wishes.health_every_s), (Some(1), Some(10)));
}

async fn a_token_is_good_for_one_station(on: On) {
    let console = Console::start_on(on).await;
    let token = console.token("gate", "north").await;
    let (one, two) = (Station::new(), Station::new());
    one.join(console.address, &token).await;
    let refused = two.try_join(console.address, &token).await;
    assert!(!refused.status.success());
    let said: Value = serde_json::from_slice(&refused.stderr).unwrap();
    assert_eq!(said["error"]["code"], "console_refused", "{said}");
    assert!(
        said["error"]["why"].as_str().unwrap().contains("used before"),
        "{said}"
    );
    assert!(!two.database().exists());
}

/// A station that joined has no provisioning file: its way on from a damaged database is another data folder and
/// another token, and it gets everything back but what it had not sent.
async fn a_station_with_a_damaged_database_joins_anew(on: On) {
    let console = Console::start_on(on).await;
    console.person("ada", "north").await;
    console.band("BAND-1").await;
    let mut station = Station::joined(&console, "gate", "north").await;
    station.stop().await;
    station.enroll(&Enrolled::new("ada", "BAND-1", 1, 1));
    station.start();
    station.in_step().await;
    station.stop().await;
    let mut bytes = std::fs::read(station.database()).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0x5a);
    std::fs::write(station.database(), bytes).unwrap();
    let said = station.run(&["run"]).await;
    assert!(!said.status.success());
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    let data = station.folder().join("data");
    let named = format!("move {} away", data.display());
    for part in [
        "store_corrupted",
        &named,
        "bandstand-station join",
        "revoke the old station",
    ] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    assert!(!said.contains("--replace"), "{said}");
    // What it says is what works.
    std::fs::rename(&data, station.folder().join("damaged")).unwrap();
    let token = console.token("gate anew", "north").await;
    station.join(console.address, &token).await;
    let old = console.station("gate").await.id;
    console
        .change(move |tx, now| console::sync::stations::revoke(tx, old, "damaged", now))
        .await;
    station.start();
    station.in_step().await;
    assert_eq!(station.associations("ada"), ["ada BAND-1 active"]);
    assert_ne!(console.station("gate anew").await.id, old);
    station.stop().await;
}
