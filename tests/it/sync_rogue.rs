//! Stations that are copied, set back, or lie; and what no station may see.

use std::path::Path;

use console::sync::stations;
use station_core::ticket::TicketId;
use station_daemon::store::Store;

use crate::sync_stage::{
    Console, Enrolled, On, Station, band_certificate, band_key, eventually, manufacturer, on_both, seal_key,
    user,
};

on_both! {
    a_copied_station_is_found_out_by_its_first_other_entry,
    a_station_that_was_set_back_says_so_and_sends_nothing,
    a_forged_receipt_cuts_its_station_off_by_name,
    a_band_that_signs_with_another_key_is_another_band,
    nobody_of_another_site_reaches_a_station,
    a_ticket_used_at_two_stations_flags_both,
    two_stations_in_conflict_agree_once_they_hear_each_other,
    a_band_that_nobody_vouches_for_cuts_its_station_off,
    a_station_that_followed_its_own_older_commit_hears_what_counts,
}

/// Copies a folder with everything in it, like a disk image.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

async fn plant(on: On) -> Console {
    let console = Console::start_on(on).await;
    for (id, site) in [("ada", "north"), ("ben", "north"), ("sue", "south")] {
        console.person(id, site).await;
    }
    for band in ["BAND-1", "BAND-2", "BAND-3"] {
        console.band(band).await;
    }
    console
}

/// Waits until the console has cut this station's upload off, and gives the code.
async fn cut_off(console: &Console, name: &str) -> String {
    eventually("the upload is cut off", async || {
        console.station(name).await.quarantine.is_some()
    })
    .await;
    console.station(name).await.quarantine.unwrap().code
}

async fn a_copied_station_is_found_out_by_its_first_other_entry(on: On) {
    let console = plant(on).await;
    let mut station = Station::joined(&console, "gate", "north").await;
    station.stop().await;
    let mut copied = Station::new();
    copy(&station.folder().join("data"), &copied.folder().join("data"));
    station.enroll(&Enrolled::new("ada", "BAND-1", 1, 1));
    copied.enroll(&Enrolled::new("ben", "BAND-2", 1, 2));
    station.start();
    station.in_step().await;
    copied.start();
    assert_eq!(cut_off(&console, "gate").await, "journal_fork");
    copied
        .until("it is told", |status| !status["sync"]["journal_code"].is_null())
        .await;
    // what the second one sent is kept for a person, and not believed
    assert_eq!(console.associations().await, ["ada BAND-1 active"]);
    let id = console.station("gate").await.id;
    let kept = console.read(move |tx| stations::reviews(tx, id, 100)).await;
    assert!(
        !kept.is_empty() && kept.iter().all(|review| review.code == "journal_fork"),
        "{kept:?}"
    );
    // nothing more is taken under this name, from neither of them, until somebody has looked
    station.stop().await;
    station.enroll(&Enrolled::new("ben", "BAND-3", 1, 3));
    station.start();
    station
        .until("it is told too", |status| {
            status["sync"]["journal_code"] == "station_quarantined"
        })
        .await;
    assert_eq!(console.associations().await, ["ada BAND-1 active"]);
    copied.stop().await;
    station.stop().await;
    console
        .change(move |tx, _| stations::settle(tx, id).map(drop))
        .await;
    station.start();
    station.in_step().await;
    assert_eq!(
        console.associations().await,
        ["ada BAND-1 active", "ben BAND-3 active"]
    );
}

async fn a_station_that_was_set_back_says_so_and_sends_nothing(on: On) {
    let console = plant(on).await;
    let mut station = Station::joined(&console, "gate", "north").await;
    station.stop().await;
    let kept = station.folder().join("kept");
    copy(&station.folder().join("data"), &kept);
    station.enroll(&Enrolled::new("ada", "BAND-1", 1, 1));
    station.start();
    station.in_step().await;
    station.stop().await;
    std::fs::remove_dir_all(station.folder().join("data")).unwrap();
    copy(&kept, &station.folder().join("data"));
    station.start();
    let told = station
        .until("it is told", |status| {
            let code = &status["sync"]["journal_code"];
            code == "journal_rolled_back" || code == "journal_fork"
        })
        .await;
    // it has learned from the console what it had forgotten
    station
        .until("the rows are back", |status| {
            status["replica"]["revision"].as_u64() > Some(0)
        })
        .await;
    station.stop().await;
    assert_eq!(station.associations("ada"), ["ada BAND-1 active"], "{told:#?}");
}

async fn a_forged_receipt_cuts_its_station_off_by_name(on: On) {
    let console = plant(on).await;
    let mut station = Station::joined(&console, "gate", "north").await;
    station.stop().await;
    {
        let mut store = Store::open(&station.database(), &seal_key()).unwrap();
        let id = store.identity().unwrap().station;
        let (mut committed, _) = Enrolled::new("ada", "BAND-1", 1, 1).committed(id);
        let (other, _) = Enrolled::new("ben", "BAND-1", 1, 1).committed(id);
        committed.receipt.body = other.receipt.body;
        let time_ms = station_daemon::clock::Clock::start().wall_ms();
        store.append(time_ms, &[committed.into()], &[]).unwrap();
        store.close();
    }
    station.start();
    assert_eq!(cut_off(&console, "gate").await, "receipt_forged");
    station
        .until("it is told", |status| {
            status["sync"]["journal_code"] == "station_quarantined"
        })
        .await;
    assert!(console.associations().await.is_empty());
    let id = console.station("gate").await.id;
    let kept = console.read(move |tx| stations::reviews(tx, id, 100)).await;
    assert!(
        kept.iter().any(|review| review.code == "receipt_forged"),
        "{kept:?}"
    );
    station.stop().await;
}

async fn a_band_that_signs_with_another_key_is_another_band(on: On) {
    let console = plant(on).await;
    let mut one = Station::joined(&console, "gate", "north").await;
    let mut two = Station::joined(&console, "hall", "north").await;
    one.stop().await;
    two.stop().await;
    one.enroll(&Enrolled::new("ada", "BAND-1", 1, 1));
    one.start();
    one.in_step().await;
    {
        let mut store = Store::open(&two.database(), &seal_key()).unwrap();
        let id = store.identity().unwrap().station;
        let (_, receipt) = Enrolled::new("ben", "BAND-1", 2, 2).committed(id);
        let (mut committed, _) = Enrolled::new("ben", "BAND-1", 2, 2).committed(id);
        let key = ed25519_dalek::SigningKey::from_bytes(&[77; 32]);
        let body = minicbor::to_vec(&receipt).unwrap();
        let context = firmware_protocol::receipt::Receipt::CONTEXT;
        committed.receipt = firmware_protocol::certificate::Signed::sign(body, context, &key);
        committed.band_key = key.verifying_key().to_bytes();
        committed.band_certificate = Some(band_certificate("BAND-1", &key, &manufacturer()));
        let time_ms = station_daemon::clock::Clock::start().wall_ms();
        store.append(time_ms, &[committed.into()], &[]).unwrap();
        store.close();
    }
    two.start();
    assert_eq!(cut_off(&console, "hall").await, "band_key_changed");
    assert_eq!(console.associations().await, ["ada BAND-1 active"]);
    one.stop().await;
    two.stop().await;
}

async fn nobody_of_another_site_reaches_a_station(on: On) {
    let console = plant(on).await;
    let mut station = Station::joined(&console, "gate", "north").await;
    assert!(station.store().user(&user("sue")).unwrap().is_none());
    // ben moves, and is gone from here
    console
        .change(|tx, now| {
            let fields = console::store::users::UserFields {
                name: "ben".into(),
                site: "south".into(),
                ..Default::default()
            };
            console::store::users::update(tx, &[(user("ben"), fields)], now)
        })
        .await;
    station
        .until("ben is gone", |status| status["replica"]["users"] == 1)
        .await;
    station.stop().await;
    let store = station.store();
    let known = |id| store.user(&user(id)).unwrap().map(|row| row.user.name);
    assert_eq!(known("ada").as_deref(), Some("ada of north"));
    assert_eq!((known("ben"), known("sue")), (None, None));
    drop(store);
    // and what the station says of somebody it cannot have known is kept, and changes nothing
    station.enroll_stranger("sue", "BAND-3");
    station.start();
    station.in_step().await;
    assert!(console.associations().await.is_empty());
    let id = console.station("gate").await.id;
    let kept = console.read(move |tx| stations::reviews(tx, id, 10)).await;
    assert_eq!(kept[0].code, "user_of_another_site", "{kept:?}");
    station.stop().await;
}

async fn a_ticket_used_at_two_stations_flags_both(on: On) {
    let mut console = plant(on).await;
    let mut one = Station::joined(&console, "gate", "north").await;
    let mut two = Station::joined(&console, "hall", "north").await;
    one.stop().await;
    two.stop().await;
    console.go_away().await;
    let ticket = Some(TicketId([0x71; 16]));
    one.enroll(&Enrolled {
        ticket,
        ..Enrolled::new("ada", "BAND-1", 1, 1)
    });
    two.enroll(&Enrolled {
        ticket,
        ..Enrolled::new("ada", "BAND-2", 1, 2)
    });
    console.come_back().await;
    one.start();
    one.in_step().await;
    assert_eq!(console.associations().await, ["ada BAND-1 active"]);
    two.start();
    two.in_step().await;
    let flagged = ["ada BAND-1 suspended", "ada BAND-2 active suspended"];
    assert_eq!(console.associations().await, flagged);
    eventually("both stations know", async || {
        one.associations("ada") == flagged && two.associations("ada") == flagged
    })
    .await;
    one.stop().await;
    two.stop().await;
}

async fn two_stations_in_conflict_agree_once_they_hear_each_other(on: On) {
    let mut console = plant(on).await;
    let mut one = Station::joined(&console, "gate", "north").await;
    let mut two = Station::joined(&console, "hall", "north").await;
    one.stop().await;
    two.stop().await;
    console.go_away().await;
    // the same band for two people: the band counts, and the second had no right to it
    one.enroll(&Enrolled::new("ada", "BAND-1", 1, 1));
    two.enroll(&Enrolled::new("ben", "BAND-1", 2, 2));
    // the same person with two bands: the later one is the active one
    one.enroll(&Enrolled::new("ada", "BAND-2", 1, 3));
    two.enroll(&Enrolled::new("ada", "BAND-3", 1, 4));
    console.come_back().await;
    one.start();
    two.start();
    one.in_step().await;
    two.in_step().await;
    let ada = ["ada BAND-1", "ada BAND-2", "ada BAND-3 active"];
    let ben = ["ben BAND-1 suspended"];
    assert_eq!(console.associations().await, [&ada[..], &ben[..]].concat());
    eventually("both stations say the same", async || {
        [&one, &two]
            .iter()
            .all(|station| station.associations("ada") == ada && station.associations("ben") == ben)
    })
    .await;
    let waits = |tx: &console::db::Tx<'_>| tx.number("select count(*) from quarantine", &[]);
    assert_eq!(console.read(waits).await, 1);
    one.stop().await;
    two.stop().await;
}

/// A3: somebody who holds a station makes up bands. What the manufacturer did not sign does not count, and to
/// leave the certificate out does not help.
async fn a_band_that_nobody_vouches_for_cuts_its_station_off(on: On) {
    type Forge = fn(&mut station_core::journal::Committed);
    let cases: [(&str, Forge); 3] = [
        ("band_certificate_untrusted", |committed| {
            let nobody = ed25519_dalek::SigningKey::from_bytes(&[78; 32]);
            committed.band_certificate = Some(band_certificate("BAND-2", &band_key("BAND-2"), &nobody));
        }),
        ("band_certificate_of_another", |committed| {
            committed.band_certificate =
                Some(band_certificate("BAND-3", &band_key("BAND-2"), &manufacturer()));
        }),
        ("band_certificate_missing", |committed| {
            committed.band_certificate = None
        }),
    ];
    let console = plant(on).await;
    let mut station = Station::joined(&console, "gate", "north").await;
    station.stop().await;
    station.enroll(&Enrolled::new("ada", "BAND-1", 1, 1));
    station.start();
    station.in_step().await;
    station.stop().await;
    let kept = station.folder().join("kept");
    copy(&station.folder().join("data"), &kept);
    let id = console.station("gate").await.id;
    for (code, forge) in cases {
        std::fs::remove_dir_all(station.folder().join("data")).unwrap();
        copy(&kept, &station.folder().join("data"));
        {
            let mut store = Store::open(&station.database(), &seal_key()).unwrap();
            let (mut committed, _) = Enrolled::new("ben", "BAND-2", 1, 2).committed(id);
            forge(&mut committed);
            let time_ms = station_daemon::clock::Clock::start().wall_ms();
            store.append(time_ms, &[committed.into()], &[]).unwrap();
            store.close();
        }
        station.start();
        assert_eq!(cut_off(&console, "gate").await, code);
        station.kill().await;
        assert_eq!(console.associations().await, ["ada BAND-1 active"], "{code}");
        console
            .change(move |tx, _| stations::settle(tx, id).map(drop))
            .await;
    }
}

/// I5: a station hears of a newer commit before its own older one is acknowledged, and follows its own meanwhile.
/// Nothing changes at the console when it arrives there; the station has to be told all the same.
async fn a_station_that_followed_its_own_older_commit_hears_what_counts(on: On) {
    let console = plant(on).await;
    let mut one = Station::joined(&console, "gate", "north").await;
    let mut two = Station::joined(&console, "hall", "north").await;
    one.stop().await;
    two.stop().await;
    let hall = console.station("hall").await.id;
    let cut_off =
        move |tx: &console::db::Tx<'_>, now| stations::quarantine(tx, hall, "journal_fork", 1, now).map(drop);
    console.change(cut_off).await;
    two.enroll(&Enrolled::new("ada", "BAND-2", 1, 2));
    one.enroll(&Enrolled::new("ada", "BAND-3", 1, 3));
    one.start();
    one.in_step().await;
    assert_eq!(console.associations().await, ["ada BAND-3 active"]);
    two.start();
    eventually("its own counts for now", async || {
        two.associations("ada") == ["ada BAND-2 active", "ada BAND-3"]
    })
    .await;
    two.stop().await;
    console
        .change(move |tx, _| stations::settle(tx, hall).map(drop))
        .await;
    two.start();
    two.in_step().await;
    let both = ["ada BAND-2", "ada BAND-3 active"];
    assert_eq!(console.associations().await, both);
    eventually("all say the same", async || {
        one.associations("ada") == both && two.associations("ada") == both
    })
    .await;
    one.stop().await;
    two.stop().await;
}
