//! What can go wrong between the real station and the bands before it.

use std::collections::VecDeque;
use std::fs;
use std::time::Duration;

use firmware_protocol::advertisement::Beacon;
use firmware_protocol::time::Instant;
use simulators::band::Knobs;
use simulators::bluez::{Address, BandConfig, Double};
use simulators::cast::Cast;
use simulators::peripheral::Peripheral;
use simulators::stage::HELD_DBM;
use station_daemon::api::model::{Event, Stage};
use station_daemon::clock::Clock;

use crate::kiosk::{Kiosk, Seen, enroll, enroll_watched, held, quick, until_near};

/// Waits that end within a test.
const SHORT_WAITS: &str = "[enrollment]\nband_seconds_max = 10\nworn_seconds_max = 5\n";

/// Breaks the radio in the middle of a capture and heals it when the station asks for the band again.
async fn radio_blip(what: &str, break_it: impl Fn(&Double), heal: impl Fn(&Double)) {
    let Some(mut kiosk) = Kiosk::new() else { return };
    let (mara, band) = kiosk.person_with_band("4711", "SIM-1");
    band.with(|wrist, _| {
        wrist.band.set_knobs(Knobs {
            touch_ms: 150,
            ..quick()
        })
    });
    kiosk.init("");
    let daemon = kiosk.start().await;
    let start = kiosk.ticket(&mara);
    let (mut broken, mut stages) = (false, Vec::new());
    let double = &kiosk.stage.double;
    let seen = enroll_watched(&daemon, &start, |now| {
        if stages.last() != Some(&now.stage) {
            stages.push(now.stage);
        }
        if now.stage == Stage::Touch && now.touches.as_ref().is_some_and(|t| t.count >= 1) && !broken {
            broken = true;
            break_it(double);
        } else if now.stage == Stage::BringBack {
            heal(double);
        }
    });
    let seen = seen.await;
    assert!(stages.contains(&Stage::BringBack), "{what}: {stages:?}");
    assert_eq!(
        seen.code(),
        "done",
        "{what}: {stages:?} {seen:?}\n{}",
        daemon.log_text()
    );
    kiosk.agrees(&[&band], 0);
    assert!(daemon.stop().await.unwrap().success());
}

#[tokio::test]
async fn the_adapter_is_pulled_and_put_back_in_a_capture() {
    radio_blip("unplugged", Double::unplug_adapter, Double::plug_adapter).await;
}

#[tokio::test]
async fn the_radio_is_switched_off_and_on_in_a_capture() {
    radio_blip(
        "powered off",
        |double| double.power(false),
        |double| double.power(true),
    )
    .await;
}

#[tokio::test]
async fn bluetoothd_is_killed_and_restarted_in_a_capture() {
    let restart = |double: &Double| double.restart_bluetoothd().unwrap();
    radio_blip("bluetoothd killed", Double::kill_bluetoothd, restart).await;
}

#[tokio::test]
async fn the_bus_is_killed_and_restarted_in_a_capture() {
    let restart = |double: &Double| double.restart_bus().unwrap();
    radio_blip("bus killed", Double::stop_bus, restart).await;
}

#[tokio::test]
async fn a_band_that_leaves_in_a_capture_may_come_back() {
    let Some(mut kiosk) = Kiosk::new() else { return };
    let (mara, band) = kiosk.person_with_band("4711", "SIM-1");
    band.with(|wrist, _| {
        wrist.band.set_knobs(Knobs {
            touch_ms: 150,
            ..quick()
        })
    });
    kiosk.init("");
    let daemon = kiosk.start().await;
    let start = kiosk.ticket(&mara);
    let mut left = false;
    let seen = enroll_watched(&daemon, &start, |now| {
        if now.touches.as_ref().is_some_and(|touches| touches.count == 1)
            && !std::mem::replace(&mut left, true)
        {
            band.set_in_range(false);
        } else if now.stage == Stage::BringBack {
            band.set_in_range(true);
        }
    });
    let seen = seen.await;
    assert!(left);
    assert_eq!(seen.code(), "done", "{seen:?}\n{}", daemon.log_text());
    kiosk.agrees(&[&band], 0);
}

/// The command line compares the second session's code too.
#[tokio::test]
async fn the_command_line_goes_on_after_a_lost_link() {
    let Some(mut kiosk) = Kiosk::new() else { return };
    let (mara, band) = kiosk.person_with_band("4711", "SIM-1");
    let slow = Knobs {
        touch_ms: 150,
        ..quick()
    };
    band.with(|wrist, _| wrist.band.set_knobs(slow));
    kiosk.init("");
    let daemon = kiosk.start().await;
    let mut events = daemon.client.follow("/api/v1/events").await.unwrap();
    let ticket = kiosk.cast.ticket(&mara);
    let arguments = ["enroll", "--json", "--accept-code", "--ticket", &ticket];
    let mut command = kiosk.program.command(&kiosk.stage, &arguments);
    let ran = tokio::task::spawn_blocking(move || command.output().unwrap());
    let mut left = false;
    while let Some(event) = events.next::<Event>().await {
        let Event::Enrollment(now) = event else { continue };
        if now.stage.is_final() {
            break;
        } else if now.touches.is_some() && !std::mem::replace(&mut left, true) {
            band.set_in_range(false);
        } else if now.stage == Stage::BringBack {
            band.set_in_range(true);
        }
    }
    let output = ran.await.unwrap();
    assert!(left && output.status.success(), "{output:?}");
    kiosk.agrees(&[&band], 0);
}

#[tokio::test]
async fn two_bands_equally_near_are_nobodys_choice() {
    let Some(mut kiosk) = Kiosk::new() else { return };
    let (mara, mine) = kiosk.person_with_band("4711", "SIM-1");
    let (_, other) = kiosk.person_with_band("4712", "SIM-2");
    kiosk.init("");
    let daemon = kiosk.start().await;
    let start = kiosk.ticket(&mara);
    until_near(&daemon, 2).await;
    let mut several = false;
    let seen = enroll_watched(&daemon, &start, |now| {
        if now.stage == Stage::SeveralBands {
            several = true;
            other.set_rssi(-90);
        }
    });
    let seen = seen.await;
    assert!(several, "{seen:?}");
    assert_eq!(seen.code(), "done", "{seen:?}\n{}", daemon.log_text());
    assert_eq!((held(&mine).len(), held(&other).len()), (1, 0));
    kiosk.agrees(&[&mine, &other], 0);
}

/// The end of one attempt's link is not taken for the end of the next one's.
#[tokio::test]
async fn the_next_attempt_begins_while_the_link_of_the_last_one_ends() {
    let Some(mut kiosk) = Kiosk::new() else { return };
    let (mara, band) = kiosk.person_with_band("4711", "SIM-1");
    kiosk.init("");
    let daemon = kiosk.start().await;
    for _ in 0..12 {
        let start = kiosk.ticket(&mara);
        let Seen::Ended(ended) = enroll(&daemon, &start).await else {
            panic!("no end")
        };
        assert_eq!(ended.stage, Stage::Done, "{ended:?}");
        assert!(ended.elapsed_ms < 5_000, "{ended:?}\n{}", daemon.log_text());
    }
    kiosk.agrees(&[&band], 0);
}

/// Looks like a band from outside, and is none.
struct Foreigner {
    beacon: Beacon,
    info: Vec<u8>,
    answer: fn(&[u8]) -> Vec<u8>,
    answers: VecDeque<Vec<u8>>,
}

impl Peripheral for Foreigner {
    fn advertisement(&mut self, _: Instant) -> Option<Beacon> {
        Some(self.beacon)
    }

    fn info(&mut self) -> Vec<u8> {
        self.info.clone()
    }

    fn connected(&mut self, _: Instant, _: u16) {}

    fn disconnected(&mut self, _: Instant) {}

    fn write(&mut self, _: Instant, value: &[u8]) {
        self.answers.push_back((self.answer)(value));
    }

    fn poll_notify(&mut self) -> Option<Vec<u8>> {
        self.answers.pop_front()
    }

    fn poll_end(&mut self) -> bool {
        false
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn handle_timeout(&mut self, _: Instant) {}
}

/// A foreign device, then an honest band: the first is refused by name, the second enrolls.
async fn foreigner(what: &str, answer: fn(&[u8]) -> Vec<u8>) {
    let Some(mut kiosk) = Kiosk::new() else { return };
    let (mara, band) = kiosk.person_with_band("4711", "SIM-1");
    band.set_in_range(false);
    kiosk.init(SHORT_WAITS);
    let beacon = Beacon::default();
    let foreigner = Foreigner {
        beacon,
        info: vec![0xff; 9],
        answer,
        answers: VecDeque::new(),
    };
    let address = Address([0xc0, 0, 0, 0, 0, 0x66]);
    let port = kiosk
        .stage
        .double
        .add_band(BandConfig::new(address, HELD_DBM), foreigner);
    let daemon = kiosk.start().await;
    let start = kiosk.ticket(&mara);
    let seen = enroll(&daemon, &start).await;
    let named = [
        "link_lost",
        "band_not_genuine",
        "too_many_contacts",
        "band_refused",
    ];
    assert!(named.contains(&seen.code()), "{what}: {seen:?}");
    port.set_in_range(false);
    until_near(&daemon, 0).await;
    band.set_in_range(true);
    let start = kiosk.ticket(&mara);
    let seen = enroll(&daemon, &start).await;
    assert_eq!(
        seen.code(),
        "done",
        "{what}, then an honest band: {seen:?}\n{}",
        daemon.log_text()
    );
    kiosk.agrees(&[&band], 0);
}

#[tokio::test]
async fn a_foreign_device_that_echoes_is_refused() {
    foreigner("echoes", <[u8]>::to_vec).await;
}

#[tokio::test]
async fn a_foreign_device_that_talks_nonsense_is_refused() {
    foreigner("nonsense", |value| value.iter().rev().map(|byte| !byte).collect()).await;
}

#[tokio::test]
async fn a_foreign_device_that_says_nothing_much_is_refused() {
    foreigner("empty values", |_| Vec::new()).await;
}

/// A single attempt of Mara with the band that `band` makes: its outcome.
async fn outcome(band: impl FnOnce(&mut Cast) -> simulators::band::SimBand) -> Option<Seen> {
    let mut kiosk = Kiosk::new()?;
    let mara = kiosk.cast.person("4711", "4711");
    let band = band(&mut kiosk.cast);
    kiosk.init(SHORT_WAITS);
    let port = kiosk.put(band, HELD_DBM);
    let daemon = kiosk.start().await;
    let start = kiosk.ticket(&mara);
    let seen = enroll(&daemon, &start).await;
    if seen.code() != "done" {
        kiosk.agrees(&[], 0);
        let quiet = port.with(|wrist, _| wrist.band.commits().len());
        assert!(quiet <= 1, "the band was committed although it was refused");
    }
    assert!(daemon.stop().await.unwrap().success());
    Some(seen)
}

fn stranger_to(cast: &Cast) -> Cast {
    let zone = firmware_protocol::id::Zone::Enrollment;
    let mut other = Cast::new(12, zone, Clock::start().wall());
    other.maker = cast.maker.clone();
    other
}

#[tokio::test]
async fn a_band_of_another_make_is_not_genuine() {
    let zone = firmware_protocol::id::Zone::Enrollment;
    let make = |_: &mut Cast| Cast::new(12, zone, Clock::start().wall()).band("SIM-1", false, quick());
    let Some(seen) = outcome(make).await else { return };
    assert_eq!(seen.code(), "band_not_genuine", "{seen:?}");
}

#[tokio::test]
async fn a_band_of_another_organization_is_left_alone() {
    let make = |cast: &mut Cast| {
        let mut other = stranger_to(cast);
        let somebody = other.person("1", "1");
        let mut band = other.band("SIM-1", false, quick());
        other.give(&mut band, &somebody);
        band
    };
    let Some(seen) = outcome(make).await else { return };
    assert_eq!(seen.code(), "wrong_organization", "{seen:?}");
}

#[tokio::test]
async fn a_hung_band_holds_nobody_up() {
    let knobs = Knobs {
        hang_after_frames: Some(9),
        ..quick()
    };
    let Some(seen) = outcome(|cast| cast.band("SIM-1", false, knobs)).await else {
        return;
    };
    assert!(
        ["link_lost", "too_many_contacts"].contains(&seen.code()),
        "{seen:?}"
    );
}

#[tokio::test]
async fn a_band_that_is_not_put_on_is_not_enrolled() {
    let knobs = Knobs {
        worn: false,
        ..quick()
    };
    let Some(seen) = outcome(|cast| cast.band("SIM-1", false, knobs)).await else {
        return;
    };
    assert_eq!(seen.code(), "not_worn", "{seen:?}");
}

#[tokio::test]
async fn an_empty_battery_is_said() {
    let knobs = Knobs {
        battery_percent: 3,
        ..quick()
    };
    let Some(seen) = outcome(|cast| cast.band("SIM-1", false, knobs)).await else {
        return;
    };
    assert_eq!(seen.code(), "battery_low", "{seen:?}");
}

/// How often the threads of a process went to sleep so far.
fn sleeps(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let of_task = |task: fs::DirEntry| {
        let status = fs::read_to_string(task.path().join("status")).unwrap_or_default();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.map_or(0, |count| count.trim().parse::<u64>().unwrap())
    };
    tasks.map(|task| of_task(task.unwrap())).sum()
}

/// Bands that only advertise wake the station a bounded number of times, however many they are.
#[tokio::test]
async fn five_bands_on_their_chargers_let_the_station_sleep() {
    let Some(mut kiosk) = Kiosk::new() else { return };
    let _bands: Vec<_> = (1..=5)
        .map(|number| {
            let band = kiosk.cast.band(&format!("SIM-{number}"), false, quick());
            kiosk.put(band, -70)
        })
        .collect();
    kiosk.init("");
    let daemon = kiosk.start().await;
    let pid = daemon.pid().unwrap();
    let all_there = async {
        loop {
            let seen: serde_json::Value = daemon.client.get("/api/v1/bands").await.unwrap();
            if seen["bands"].as_array().unwrap().len() == 5 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), all_there)
        .await
        .unwrap();
    let seconds = 4;
    let before = sleeps(pid);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let per_second = (sleeps(pid) - before) / seconds;
    println!("{per_second} wake-ups a second with five bands in reach");
    assert!(per_second <= 30, "{per_second} wake-ups a second");
}
