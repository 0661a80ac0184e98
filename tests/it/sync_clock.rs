//! Stations whose clocks are a day off, and one that was away for a month and for too long (F12, F15).

use console::store::keys;
use console::sync::authority;
use policy::merge::Event;
use policy::model::UnixMillis;

use crate::sync_stage::{Console, DAY_MS, Enrolled, Station, eventually, user};

/// The words that put a program's clock so many days ahead; nothing, said loudly, without faketime.
fn ahead(days: i64) -> Option<Vec<String>> {
    let words = ["-f", "+0", "printenv", "LD_PRELOAD"];
    let Ok(preload) = std::process::Command::new("faketime").args(words).output() else {
        eprintln!("SKIPPED: faketime is not installed (`apt-get install faketime` brings it)");
        return None;
    };
    let preload = String::from_utf8(preload.stdout).unwrap();
    let words = [
        "env".to_owned(),
        format!("LD_PRELOAD={}", preload.trim()),
        "FAKETIME_DONT_FAKE_MONOTONIC=1".into(),
        "DONT_FAKE_MONOTONIC=1".into(),
        format!("FAKETIME={days:+}d"),
    ];
    Some(words.into())
}

/// A station whose clock is a day off joins, works and is understood; what the console says afterwards counts.
async fn a_day_off(days: i64) {
    let Some(skewed) = ahead(days) else { return };
    let console = Console::start().await;
    console.person("ada", "north").await;
    console.band("BAND-1").await;
    let mut station = Station::new();
    station.enter = skewed;
    let token = console.token("gate", "north").await;
    station.join(console.address, &token).await;
    station.start();
    let status = station.in_step().await;
    let behind = status["sync"]["clock_behind_seconds"].as_i64().unwrap();
    assert!((behind + days * 86_400).abs() < 300, "{status:#?}");
    station.stop().await;
    station.enroll(&Enrolled {
        ahead_s: days * 86_400,
        ..Enrolled::new("ada", "BAND-1", 1, 1)
    });
    station.start();
    station.in_step().await;
    assert_eq!(console.associations().await, ["ada BAND-1 active"]);
    let id = policy::model::AssociationId([1; 16]);
    console
        .change(move |tx, now| {
            let event = Event::Disconnected { association: id };
            console::store::history::say(tx, vec![event], now).map(drop)
        })
        .await;
    assert_eq!(console.associations().await, ["ada BAND-1 disconnected"]);
    eventually("the station hears it", async || {
        station.associations("ada") == ["ada BAND-1 disconnected"]
    })
    .await;
    station.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_whose_clock_is_a_day_ahead_is_understood() {
    a_day_off(1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_station_whose_clock_is_a_day_behind_is_understood() {
    a_day_off(-1).await;
}

/// Keys change twice, people come and go, the station works on by itself: after a month it catches up and renews
/// its certificate. After a hundred days its certificate has ended; a new token lets it in, and its journal goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_station_that_was_away_for_a_month_catches_up_and_for_too_long_joins_again() {
    let (Some(month), Some(too_long)) = (ahead(31), ahead(131)) else {
        return;
    };
    let mut console = Console::start().await;
    for id in ["ada", "ben"] {
        console.person(id, "north").await;
    }
    for band in ["BAND-1", "BAND-2"] {
        console.band(band).await;
    }
    let mut station = Station::joined(&console, "gate", "north").await;
    let first = station.status().await.unwrap()["sync"]["certificate_not_after_s"]
        .as_u64()
        .unwrap();
    station.stop().await;
    station.enroll(&Enrolled::new("ada", "BAND-1", 1, 1));
    much_happens(&console).await;
    let id = console.station("gate").await.id;
    let token = console.token_until("gate", "north", Some(id), 200).await;
    console.go_away().await;
    let mut process = console.process_with(&month, |_| {}).await;
    station.enter = month;
    station.start();
    station
        .until("it hears", |status| status["replica"]["users"] == 201)
        .await;
    station.in_step().await;
    station
        .until("its certificate is renewed", |status| {
            status["sync"]["certificate_not_after_s"].as_u64() > Some(first + 30 * 86_400)
        })
        .await;
    station.stop().await;
    assert_eq!(console.associations().await, ["ada BAND-1 active"]);
    assert!(
        station.store().user(&user("ben")).unwrap().is_none(),
        "ben has left the site"
    );
    process.kill().await;

    let mut process = console.process_with(&too_long, |_| {}).await;
    station.enter = too_long;
    station.enroll(&Enrolled::new("ada", "BAND-2", 1, 2));
    station.start();
    let told = station
        .until("it is told", |status| {
            ["stopped", "offline"].contains(&status["sync"]["state"].as_str().unwrap_or_default())
        })
        .await;
    assert!(
        [
            "certificate_expired",
            "console_not_trusted",
            "console_unreachable"
        ]
        .contains(&told["sync"]["code"].as_str().unwrap()),
        "{told:#?}"
    );
    station.stop().await;
    station.join(process.address, &token).await;
    station.start();
    station.in_step().await;
    station.stop().await;
    process.kill().await;
    assert_eq!(console.associations().await, ["ada BAND-1", "ada BAND-2 active"]);
    let (here, there) = (station.journal(), console.journal(id).await);
    assert_eq!(there, here[..there.len()], "its journal goes on");
}

async fn much_happens(console: &Console) {
    let vault = console.app.vault.clone();
    console
        .change(move |tx, now| {
            let in_days = |days: i64| UnixMillis(now.0 + days * DAY_MS);
            authority::rotate_feed_key(tx, &vault, [51; 32], now, in_days(10), now)?;
            authority::rotate_feed_key(tx, &vault, [52; 32], in_days(10), in_days(20), now)?;
            keys::retire(tx, keys::TICKET_ISSUER, "1", in_days(5)).map(drop)
        })
        .await;
    console
        .change(|tx, now| {
            let fields = |site: &str| console::store::users::UserFields {
                name: "somebody".into(),
                site: site.into(),
                ..Default::default()
            };
            let fresh: Vec<_> = (0..200_u8).map(|n| (user(&format!("new{n}")), [n; 16])).collect();
            let north = fields("north");
            let new: Vec<_> = fresh.iter().map(|(id, handle)| (id, *handle, &north)).collect();
            console::store::users::insert(tx, &new, now)?;
            console::store::users::update(tx, &[(user("ben"), fields("south"))], now)
        })
        .await;
}
