//! F12: the real station under a clock that lies, in twelve ways. After each: what had expired stays expired, no band
//! passes to another person before the date is beyond doubt again, and the journal is in order by its sequence.
//!
//! A round plays all twelve; rounds differ in how far the clock is off, how the run before ended and how much it had
//! done. One is part of every run of the tests, five are
//! `BANDSTAND_CLOCK_ROUNDS=5 cargo test -p tests --test it a_clock_that_lies`, a soak plays fifty.

use std::path::PathBuf;

use firmware_protocol::time::UnixSeconds;
use serde_json::{Value, json};
use simulators::bluez::BandPort;
use simulators::cast::Person;
use simulators::stage::{Daemon, Program};
use station_core::enrollment::replay;
use station_core::journal::JournalRecord;
use station_daemon::api::model::{Clock, Stage};

use crate::daemon_people::{PIN, check, claims, kiosk, now, operator, signed};
use crate::kiosk::{Kiosk, LIMIT, Wrist, enroll_watched};
use station_core::ticket::TicketClaims;

/// How the clock lies.
enum Lie {
    /// From the start of the process.
    AtBoot(&'static str),
    /// From the moment on at which codes are compared in a session.
    InSession(&'static str),
    /// From the start of the process until somebody sets it right.
    UntilSet(&'static str),
}

struct Case {
    name: &'static str,
    lie: Lie,
    /// Whether the date is beyond doubt after all.
    trusted: bool,
    /// What becomes of a person who wants another one's band, which policy allows on certain knowledge.
    take_over: &'static str,
    /// What the journal says of the clock.
    noted: Option<&'static str>,
}

const fn case(
    name: &'static str,
    lie: Lie,
    trusted: bool,
    take_over: &'static str,
    noted: Option<&'static str>,
) -> Case {
    Case {
        name,
        lie,
        trusted,
        take_over,
        noted,
    }
}

/// The words for faketime: an offset, a date to start at (`@`), or a date to stand still at.
#[rustfmt::skip]
const CASES: [Case; 12] = [
    case("a second behind", Lie::AtBoot("-1s"), true, "done", None),
    case("a second ahead", Lie::AtBoot("+1s"), true, "done", None),
    case("an hour behind", Lie::AtBoot("-1h"), false, "replica_too_old_for_takeover", Some("clock_backward")),
    case("an hour ahead", Lie::AtBoot("+1h"), true, "done", None),
    case("ten years behind", Lie::AtBoot("-10y"), false, "replica_too_old_for_takeover", Some("clock_backward")),
    case("ten years ahead", Lie::AtBoot("+10y"), false, "station_not_accepted", Some("clock_ahead")),
    case("before the software was made", Lie::AtBoot("@2026-10-31 00:00:00"), false, "replica_too_old_for_takeover", Some("clock_backward")),
    case("frozen", Lie::AtBoot("%now"), false, "replica_too_old_for_takeover", Some("clock_backward")),
    case("a step back in a session", Lie::InSession("-1h"), false, "replica_too_old_for_takeover", Some("clock_backward")),
    case("a step ahead in a session", Lie::InSession("+2h"), false, "replica_too_old_for_takeover", Some("clock_ahead")),
    case("a dead battery", Lie::AtBoot("@1970-01-01 00:00:10"), false, "replica_too_old_for_takeover", Some("clock_backward")),
    case("a dead battery, then set right", Lie::UntilSet("@1970-01-01 00:00:10"), true, "done", Some("clock_backward")),
];

/// Rounds to play.
fn rounds() -> u32 {
    let asked = std::env::var("BANDSTAND_CLOCK_ROUNDS").ok();
    asked.map_or_else(
        || tests::volume(1, 50) as u32,
        |text| text.parse().expect("a number of rounds"),
    )
}

/// The words of a case in this round: in the first as they are, then off by something more.
fn in_round(words: &str, round: u32) -> String {
    let offset = words.strip_prefix(['-', '+']).filter(|_| round > 0);
    let Some((number, unit)) = offset.and_then(|offset| offset.split_at_checked(offset.len() - 1)) else {
        return words.to_owned();
    };
    let sign = &words[..1];
    let number: u64 = number.parse().expect("an offset");
    match unit {
        // More than that is no difference between two good clocks.
        "s" => format!("{sign}{number}.{}s", round % 10),
        "h" => format!("{sign}{}s", number * 3600 + u64::from(round) * 97),
        _ => format!("{sign}{}s", number * 365 * 86_400 + u64::from(round) * 86_399),
    }
}

/// A hall with two people, each with a band, and a station whose clock can lie.
struct Hall {
    kiosk: Kiosk,
    mara: Person,
    mine: BandPort<Wrist>,
    his: BandPort<Wrist>,
    preload: String,
    tickets: u8,
}

impl Hall {
    /// Nothing, said loudly, where faketime or dbus-daemon is missing.
    fn new() -> Option<Self> {
        let words = ["-f", "+0", "printenv", "LD_PRELOAD"];
        let Ok(preload) = std::process::Command::new("faketime").args(words).output() else {
            eprintln!("SKIPPED: faketime is not installed (`apt-get install faketime` brings it)");
            return None;
        };
        let (mut kiosk, mara, mine) = kiosk()?;
        operator(&mut kiosk);
        let jonas = kiosk.cast.person("4712", "4712");
        let mut his = kiosk.cast.band("SIM-2", false, crate::kiosk::quick());
        kiosk.cast.give(&mut his, &jonas);
        let his = kiosk.put(his, -90);
        short_certificate(&mut kiosk);
        Some(Self {
            kiosk,
            mara,
            mine,
            his,
            preload: String::from_utf8(preload.stdout).unwrap().trim().to_owned(),
            tickets: 0,
        })
    }

    fn clock_file(&self) -> PathBuf {
        self.kiosk.stage.folder().join("clock")
    }

    /// What the clock of a station that runs [`with_file`](Self::with_file) says from now on.
    fn set(&self, words: &str) {
        let new = self.clock_file().with_extension("new");
        std::fs::write(&new, words).unwrap();
        std::fs::rename(&new, self.clock_file()).unwrap();
    }

    /// The station with a clock that says what a file says.
    fn with_file(&self, words: &str) -> Program {
        self.set(words);
        let file = format!("FAKETIME_TIMESTAMP_FILE={}", self.clock_file().display());
        self.lying(&[&file, "FAKETIME_NO_CACHE=1"])
    }

    /// The station with a clock that lies from its start on.
    fn since_boot(&self, words: &str) -> Program {
        let date = std::process::Command::new("date")
            .args(["-u", "+%Y-%m-%d %H:%M:%S"])
            .output()
            .unwrap();
        let words = words.replace("%now", String::from_utf8(date.stdout).unwrap().trim());
        self.lying(&[&format!("FAKETIME={words}")])
    }

    /// Not under `faketime` itself: that stays between the station and whoever stops it.
    fn lying(&self, how: &[&str]) -> Program {
        let preload = format!("LD_PRELOAD={}", self.preload);
        let common = [
            "env",
            "TZ=UTC",
            &preload,
            "FAKETIME_DONT_FAKE_MONOTONIC=1",
            "DONT_FAKE_MONOTONIC=1",
        ];
        self.kiosk.program.wrapped(&[&common, how].concat())
    }

    /// A ticket that is valid at every date that could be meant.
    fn wide(&mut self) -> Value {
        self.tickets += 1;
        signed(&TicketClaims {
            not_before: UnixSeconds(0),
            expires: UnixSeconds(now() + 40 * 365 * 86_400),
            ..claims(&self.mara, self.tickets)
        })
    }

    /// A ticket whose last second was a minute ago.
    fn expired(&mut self) -> Value {
        self.tickets += 1;
        signed(&TicketClaims {
            not_before: UnixSeconds(0),
            expires: UnixSeconds(now() - 60),
            ..claims(&self.mara, self.tickets)
        })
    }

    /// Which of the two bands is held to the kiosk.
    fn hold(&self, his: bool) {
        self.mine.set_rssi(if his { -90 } else { -42 });
        self.his.set_rssi(if his { -42 } else { -90 });
    }

    /// I3, I8: what the journal has decided it would decide again, and it is in order by its sequence.
    fn journal_holds(&self, name: &str) -> Vec<&'static str> {
        let (code, verified) = self.kiosk.ask(&["journal", "verify"]);
        assert_eq!((code, &verified["ok"]), (0, &json!(true)), "{name}: {verified}");
        let records = self.kiosk.journal();
        for record in &records {
            if let JournalRecord::Decided(decided) = record {
                assert_eq!(replay(decided), Some(true), "{name}: {decided:?}");
            }
        }
        records.iter().map(JournalRecord::name).collect()
    }
}

/// A certificate that ends in ninety days, as real ones do.
fn short_certificate(kiosk: &mut Kiosk) {
    let mut random = simulators::random::Random::new(5);
    let until = UnixSeconds(now() + 90 * 86_400);
    let zone = firmware_protocol::id::Zone::Enrollment;
    let identity = kiosk
        .cast
        .plant
        .station_until(kiosk.cast.station, zone, until, &mut random);
    let file = kiosk.cast.file_mut();
    file.station.certificate =
        station_core::provision::Base16(minicbor::to_vec(&identity.certificate).unwrap());
    file.station.secret_key = station_core::provision::SecretKey(identity.dh_secret.clone());
    // Made early enough for a clock an hour behind to be no nonsense.
    file.made_at_ms -= 2 * 3_600_000;
    file.group_policies[0].takeover_max_age_s = Some(2 * 86_400);
}

/// Waits until the station believes its clock, or does not any more.
async fn until_trusted(daemon: &Daemon, trusted: bool) -> Clock {
    let mut looks = tokio::time::interval(std::time::Duration::from_millis(50));
    let looked = async {
        loop {
            looks.tick().await;
            let clock: Clock = daemon.client.get("/api/v1/clock").await.unwrap();
            if clock.trusted == trusted {
                return clock;
            }
        }
    };
    let looked = tokio::time::timeout(LIMIT, looked).await;
    looked.unwrap_or_else(|_| panic!("the date is never trusted: {trusted}\n{}", daemon.log_text()))
}

/// Somebody wants the other one's band; at the moment when codes are compared the clock says `then`.
async fn take_over(hall: &mut Hall, daemon: &Daemon, then: Option<&str>) -> String {
    hall.hold(true);
    let mut start = hall.wide();
    start["serial"] = json!("SIM-2");
    let seen = enroll_watched(daemon, &start, |now| {
        if let Some(words) = then
            && now.stage == Stage::CompareCode
        {
            hall.set(words);
        }
    });
    seen.await.code().to_owned()
}

async fn play(case: &Case, round: u32) -> bool {
    let Some(mut hall) = Hall::new() else {
        return false;
    };
    hall.kiosk.init("");
    let daemon = hall.kiosk.start().await;
    for _ in 0..=round % 3 {
        check(&daemon, &[(case.name, hall.wide(), "done")]).await;
    }
    match round % 2 {
        0 => assert!(daemon.stop().await.unwrap().success()),
        _ => daemon.kill().await.unwrap(),
    }
    let (Lie::AtBoot(words) | Lie::UntilSet(words) | Lie::InSession(words)) = case.lie;
    let words = in_round(words, round);
    let (program, then) = match case.lie {
        Lie::AtBoot(_) => (hall.since_boot(&words), None),
        Lie::UntilSet(_) => (hall.with_file(&words), None),
        Lie::InSession(_) => (hall.with_file("+0"), Some(words.as_str())),
    };
    let daemon = hall.kiosk.start_as(&program).await;
    match case.lie {
        Lie::AtBoot(_) => until_trusted(&daemon, case.trusted).await,
        Lie::InSession(_) => until_trusted(&daemon, true).await,
        Lie::UntilSet(_) => {
            until_trusted(&daemon, false).await;
            hall.set("+0");
            until_trusted(&daemon, true).await
        }
    };
    check(&daemon, &[(case.name, hall.expired(), "ticket_expired")]).await;
    let code = take_over(&mut hall, &daemon, then).await;
    assert_eq!(
        code,
        case.take_over,
        "{}, round {round}, {words}\n{}",
        case.name,
        daemon.log_text()
    );
    until_trusted(&daemon, case.trusted).await;
    check(&daemon, &[(case.name, hall.expired(), "ticket_expired")]).await;
    assert!(daemon.stop().await.unwrap().success());
    let noted = hall.journal_holds(case.name).into_iter();
    let noted: Vec<_> = noted.filter(|name| name.starts_with("clock_")).collect();
    assert_eq!(noted, case.noted.as_slice(), "{}", case.name);
    // Right again after the next start: one's own band is no question of the date, and expired stays expired.
    let daemon = hall.kiosk.start().await;
    hall.hold(case.take_over == "done");
    let cases = [
        (case.name, hall.expired(), "ticket_expired"),
        (case.name, hall.wide(), "done"),
    ];
    check(&daemon, &cases).await;
    assert!(daemon.stop().await.unwrap().success());
    hall.journal_holds(case.name);
    true
}

#[tokio::test]
async fn a_clock_that_lies_permits_nothing() {
    let rounds = rounds();
    for round in 0..rounds {
        for case in &CASES {
            if !play(case, round).await {
                return;
            }
        }
    }
    println!("clock: {} cases, {rounds} rounds", CASES.len());
}

/// An operator may end the doubt, and extends nothing by it.
#[tokio::test]
async fn a_confirmed_clock_is_believed_and_brings_nothing_back() {
    let Some(mut hall) = Hall::new() else {
        return;
    };
    hall.kiosk.init("");
    let daemon = hall.kiosk.start().await;
    check(&daemon, &[("in time", hall.wide(), "done")]).await;
    assert!(daemon.stop().await.unwrap().success());
    let daemon = hall.kiosk.start_as(&hall.since_boot("-1h")).await;
    let clock = until_trusted(&daemon, false).await;
    assert!(clock.latest_ms - clock.earliest_ms > 3_500_000, "{clock:?}");
    let pin = hall.kiosk.stage.folder().join("pin");
    let confirm = |hall: &Hall, text: &str| {
        std::fs::write(&pin, text).unwrap();
        std::fs::set_permissions(&pin, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let file = pin.to_string_lossy().into_owned();
        let line = [
            "clock",
            "confirm",
            "--yes",
            "--operator",
            "olga",
            "--pin-file",
            &file,
        ];
        hall.kiosk.ask(&line)
    };
    let (code, shown) = hall.kiosk.ask(&["clock", "show"]);
    assert_eq!((code, &shown["trusted"]), (0, &json!(false)), "{shown}");
    let (code, refused) = confirm(&hall, "000000");
    assert_eq!((code, &refused["error"]["code"]), (1, &json!("wrong_pin")));
    assert_eq!(
        take_over(&mut hall, &daemon, None).await,
        "replica_too_old_for_takeover"
    );
    let (code, confirmed) = confirm(&hall, PIN);
    assert_eq!((code, &confirmed["trusted"]), (0, &json!(true)), "{confirmed}");
    assert!(
        confirmed["expired_by_ms"].as_u64() > confirmed["latest_ms"].as_u64(),
        "{confirmed}"
    );
    let (code, again) = confirm(&hall, PIN);
    assert_eq!(
        (code, &again["error"]["code"]),
        (1, &json!("out_of_turn")),
        "{again}"
    );
    // By the confirmed date this ticket would be valid for an hour.
    check(&daemon, &[("expired", hall.expired(), "ticket_expired")]).await;
    daemon.kill().await.unwrap();
    let daemon = hall.kiosk.start_as(&hall.since_boot("-1h")).await;
    until_trusted(&daemon, true).await;
    check(
        &daemon,
        &[("expired, after a crash", hall.expired(), "ticket_expired")],
    )
    .await;
    assert_eq!(take_over(&mut hall, &daemon, None).await, "done");
    let confirmations = hall
        .kiosk
        .journal()
        .into_iter()
        .filter_map(|record| match record {
            JournalRecord::ClockConfirmed(confirmed) => confirmed.operator,
            _ => None,
        });
    assert_eq!(confirmations.collect::<Vec<_>>(), ["olga"]);
    // What nobody can vouch for: a date before the provisioning file was made.
    assert!(daemon.stop().await.unwrap().success());
    let daemon = hall.kiosk.start_as(&hall.since_boot("-3h")).await;
    until_trusted(&daemon, false).await;
    let (code, refused) = confirm(&hall, PIN);
    assert_eq!(
        (code, &refused["error"]["code"]),
        (1, &json!("clock_unbelievable")),
        "{refused}"
    );
    hall.journal_holds("confirmed");
}
