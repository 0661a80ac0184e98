//! A sample of every screen. With `BANDSTAND_SCREENS` set to a folder they are written there to be looked at.

use std::collections::BTreeSet;
use std::time::Duration;

use firmware_protocol::id::Serial;
use firmware_protocol::time::Instant;
use station_core::clock::TrustedTime;
use station_core::replica::{OperatorRow, Right};
use station_core::ticket::{AttemptState, CodeKey, SignedIn, begin_pin, pin_subject};

use super::super::super::session::{
    Attempt, Checked, Checking, Desk, Moment, Open, Person, Repair, Rules, Slip, Sought, Station, Waiting,
    Weighed,
};
use super::super::*;
use crate::api::model::{BandInfo, Bands, Clock, JournalEntry, NearbyBand, OpenIntent, Stage, Touches};
use crate::api::{Live, SigningIn};
use crate::config::{Afterwards, Theme};
use crate::doctor::cause::Cause;
use crate::doctor::{failed, found};
use crate::eventloop::look::BandSeen;
use crate::problem::{Code, Problem};

pub(super) fn rules() -> Rules {
    Rules {
        idle: Duration::from_secs(60),
        done: Duration::from_secs(20),
        test_tap: true,
        operator_bands: true,
        language: 0,
        theme: Theme::Auto,
        afterwards: Afterwards::ALL.to_vec(),
        near_dbm: -60,
        registers: false,
    }
}

pub(in crate::kiosk) fn session(screen: Screen) -> Session {
    let at = Moment {
        now: Instant::from_micros(1_000_000),
        wall_ms: 1_795_000_000_000,
    };
    let mut session = Session::new(rules(), at);
    session.live = Live {
        radio: "ready".into(),
        ..Live::default()
    };
    session.screen = screen;
    session
}

fn nearby(device: &str, rssi_dbm: i16) -> NearbyBand {
    NearbyBand {
        device: device.into(),
        rssi_dbm,
        near: rssi_dbm > -60,
        enrolled: false,
        worn: true,
        charging: false,
        intent: false,
        seos: false,
        locked_out: false,
        battery_percent: Some(80),
    }
}

pub(in crate::kiosk) fn bands() -> Bands {
    let locked = NearbyBand {
        locked_out: true,
        ..nearby("b", -58)
    };
    let empty = NearbyBand {
        battery_percent: Some(4),
        worn: false,
        ..nearby("c", -70)
    };
    let used = NearbyBand {
        enrolled: true,
        charging: true,
        worn: false,
        ..nearby("d", -84)
    };
    Bands {
        bands: vec![nearby("a", -44), locked, empty, used],
    }
}

pub(in crate::kiosk) fn enrollment(stage: Stage) -> Enrollment {
    Enrollment {
        id: "1".repeat(32),
        stage,
        user: "4711".into(),
        band: Some(BandInfo {
            serial: "AAAH-00201".into(),
            model: "N4".into(),
            seos: false,
            battery_percent: 80,
        }),
        effects: vec![],
        consequences: facts(),
        mismatch: None,
        code: None,
        code_confirmed: true,
        band_confirmed: false,
        touches: None,
        outcome: None,
        elapsed_ms: 1,
    }
}

fn facts() -> Vec<Consequence> {
    let fact = |code: &str, band: Option<&str>| Consequence {
        code: code.into(),
        band: band.map(str::to_owned),
        until_ms: None,
    };
    vec![
        fact("new_association", None),
        fact("old_band_inactive_primary", Some("AAAH-00125")),
    ]
}

fn attempt(enrollment: Enrollment, bands: Bands) -> Session {
    let mut session = session(Screen::Attempt(Attempt {
        id: enrollment.id.clone(),
        name: "Wilhelmine von Hohenstein".into(),
        cancelled: false,
        first: None,
    }));
    session.live.enrollment = Some(enrollment);
    session.live.bands = bands;
    session
}

/// The same where bands are registered.
fn registering(mut session: Session) -> Session {
    session.rules.registers = true;
    session
}

fn touching(count: u8, fault: Option<(&str, &str)>, in_a_row: u8) -> Session {
    let touches = Touches {
        count,
        of: 8,
        quality: Some(80),
        fault: fault.map(|(fault, _)| fault.into()),
        tip: fault.map(|(_, tip)| tip.into()),
        in_a_row,
    };
    attempt(
        Enrollment {
            touches: Some(touches),
            ..enrollment(Stage::Touch)
        },
        bands(),
    )
}

fn comparing(code_confirmed: bool) -> Session {
    attempt(
        Enrollment {
            code: Some("407 112".into()),
            code_confirmed,
            ..enrollment(Stage::CompareCode)
        },
        bands(),
    )
}

fn ready(tested: Option<bool>) -> Ready {
    Ready {
        name: "Wilhelmine von Hohenstein".into(),
        serial: "AAAH-00201".into(),
        consequences: facts(),
        association: "a0".repeat(16),
        wall_ms: 1_795_000_000_000,
        tested,
    }
}

fn refused(code: &str, decider: Option<Decider>, mismatch: Option<&str>) -> Session {
    session(Screen::Refused(Refused {
        code: code.into(),
        decider,
        detail: Some(42),
        serial: Some("AAAH-00201".into()),
        mismatch: mismatch.map(str::to_owned),
    }))
}

fn closing() -> Session {
    let mut session = session(Screen::Welcome);
    let at = session.at;
    let turn = session.turn;
    session.handle_act(at, turn, Act::Type {}).unwrap();
    session.at.now = at.now + Duration::from_secs(50);
    session
}

/// Name and session of each.
pub(super) fn all() -> Vec<(&'static str, Session)> {
    let setting = Decider {
        attribute: Some("reenroll_own".into()),
        source: Some("group".into()),
        policy: Some("plant".into()),
        ..Decider::default()
    };
    let rule = Decider {
        rule: Some("seos_band_stays_with_user".into()),
        ..Decider::default()
    };
    let mut trouble = session(Screen::Welcome);
    trouble.live.radio = "absent".into();
    let deleting = Enrollment {
        mismatch: Some("record_of_another_on_free_band".into()),
        ..enrollment(Stage::DeleteUserData)
    };
    vec![
        ("welcome", session(Screen::Welcome)),
        ("welcome-trouble", trouble),
        ("busy", session(Screen::Busy)),
        ("scan", session(Screen::Scan { slip: None })),
        (
            "scan-slip",
            session(Screen::Scan {
                slip: Some(Slip::Malformed),
            }),
        ),
        ("type", session(Screen::TypeCode { slip: None })),
        (
            "type-slip",
            session(Screen::TypeCode {
                slip: Some(Slip::Unknown),
            }),
        ),
        ("type-closing", closing()),
        (
            "checking",
            session(Screen::Checking {
                back: Box::new(Screen::Welcome),
            }),
        ),
        (
            "band-none",
            attempt(
                Enrollment {
                    band: None,
                    ..enrollment(Stage::LookingForBand)
                },
                Bands::default(),
            ),
        ),
        (
            "band-looking",
            attempt(enrollment(Stage::LookingForBand), bands()),
        ),
        ("band-several", attempt(enrollment(Stage::SeveralBands), bands())),
        ("band-checking", attempt(enrollment(Stage::Checking), bands())),
        ("put-on", attempt(enrollment(Stage::PutOn), bands())),
        ("compare", comparing(false)),
        ("confirm", comparing(true)),
        ("touch-first", touching(0, None, 0)),
        ("touch", touching(5, None, 0)),
        ("touch-finger", touching(3, Some(("wet", "dry_finger")), 1)),
        ("touch-pulse", touching(3, Some(("no_liveness", "snug_band")), 5)),
        ("welcome-registration", registering(session(Screen::Welcome))),
        ("touch-registration", registering(touching(0, None, 0))),
        (
            "touch-registration-finger",
            registering(touching(0, Some(("no_match", "same_finger")), 5)),
        ),
        (
            "test-registration",
            registering(session(Screen::TestTap(Test {
                ready: ready(None),
                failed: false,
            }))),
        ),
        ("saving", attempt(enrollment(Stage::Saving), bands())),
        ("delete", attempt(deleting, bands())),
        ("bring-back", attempt(enrollment(Stage::BringBack), bands())),
        ("other-band", attempt(enrollment(Stage::OtherBand), bands())),
        (
            "test",
            session(Screen::TestTap(Test {
                ready: ready(None),
                failed: false,
            })),
        ),
        (
            "test-failed",
            session(Screen::TestTap(Test {
                ready: ready(Some(false)),
                failed: true,
            })),
        ),
        ("done", session(Screen::Done(ready(Some(true))))),
        ("done-untested", session(Screen::Done(ready(Some(false))))),
        (
            "refused-policy",
            refused("release_needed", Some(setting), Some("wiped_while_held")),
        ),
        ("refused-rule", refused("seos_held_by_another", Some(rule), None)),
        ("refused-wait", refused("band_locked_out", None, None)),
        ("sign-in", session(Screen::SignIn { slip: None })),
        (
            "sign-in-slip",
            session(Screen::SignIn {
                slip: Some("wrong_pin".into()),
            }),
        ),
        ("signing-in", session(Screen::SigningIn)),
        ("welcome-next", in_line(session(Screen::Welcome))),
        ("desk-start", in_line(desk(Tab::Start, |_| {}))),
        (
            "desk-vouch",
            desk(Tab::Vouch, |desk| desk.sought = Sought::Found(person())),
        ),
        (
            "desk-vouch-unknown",
            desk(Tab::Vouch, |desk| desk.sought = Sought::Unknown("4799".into())),
        ),
        (
            "desk-band",
            desk(Tab::Band, |desk| desk.band = Checking::Seen(Box::new(checked()))),
        ),
        (
            "desk-band-failed",
            desk(Tab::Band, |desk| desk.band = Checking::Failed),
        ),
        ("desk-station", desk(Tab::Station, examined)),
        ("desk-journal", desk(Tab::Journal, examined)),
        (
            "desk-repair",
            desk(Tab::Repair, |desk| repairing(desk, Weighed::Nothing)),
        ),
        (
            "desk-repair-clock",
            desk(Tab::Repair, |desk| repairing(desk, Weighed::Clock)),
        ),
        (
            "desk-repair-intent",
            desk(Tab::Repair, |desk| {
                repairing(desk, Weighed::Intent("a0".repeat(16)))
            }),
        ),
    ]
}

/// The same of an operator who signs in by the own band.
pub(super) fn own_bands() -> Vec<(&'static str, Session)> {
    vec![
        ("own-band", session(Screen::OwnBand)),
        ("own-band-checking", own_band(Stage::Checking, None)),
        ("own-band-put-on", own_band(Stage::PutOn, None)),
        ("own-band-touch", own_band(Stage::Touch, None)),
        (
            "own-band-touch-finger",
            own_band(Stage::Touch, Some(("no_match", "same_finger"))),
        ),
        (
            "own-band-refused",
            session(Screen::OwnBandRefused(Refused {
                code: "finger_not_recognized".into(),
                ..Refused::default()
            })),
        ),
    ]
}

fn own_band(stage: Stage, fault: Option<(&str, &str)>) -> Session {
    let mut session = session(Screen::OwnBand);
    session.live.signing_in = Some(SigningIn {
        stage,
        code: Some("407 112".into()),
        touches: Some(Touches {
            count: 0,
            of: 1,
            quality: None,
            fault: fault.map(|(fault, _)| fault.into()),
            tip: fault.map(|(_, tip)| tip.into()),
            in_a_row: u8::from(fault.is_some()),
        }),
    });
    session
}

/// Who has every right.
pub(in crate::kiosk) fn operator() -> SignedIn {
    operator_with([Right::Vouch, Right::Diagnose, Right::CheckBands].into())
}

pub(in crate::kiosk) fn operator_with(rights: BTreeSet<Right>) -> SignedIn {
    let row = OperatorRow {
        id: "olga".into(),
        pin: "$argon2id$".into(),
        rights,
        user: None,
    };
    let subject = pin_subject("olga", Some(&row), &CodeKey([0; 32]));
    let pending = begin_pin(
        Some(&row),
        subject,
        AttemptState::default(),
        0,
        TrustedTime::certain(1),
    );
    pending.unwrap().sign_in().unwrap().1
}

fn person() -> Person {
    Person {
        id: "4711".into(),
        name: "Mara Kurz".into(),
        active: true,
    }
}

fn in_line(mut session: Session) -> Session {
    for name in [
        "Wilhelmine Freifrau von Hohenstein-Langenburg",
        "Jonas Öztürk",
        "Ana de Souza",
    ] {
        let person = Person {
            name: name.into(),
            ..person()
        };
        session.line.waiting.push_back(Waiting {
            person,
            by: operator(),
        });
    }
    (session.line.shift, session.line.served, session.line.served_ms) = (true, 23, 23 * 48_000);
    session
}

fn desk(tab: Tab, change: impl FnOnce(&mut Desk)) -> Session {
    let mut desk = Desk::new(operator());
    desk.tab = tab;
    change(&mut desk);
    let mut session = session(Screen::Desk(Box::new(desk)));
    let live = Live {
        radio: "ready".into(),
        bands: bands(),
        enrollment: Some(enrollment(Stage::LookingForBand)),
        ..Live::default()
    };
    let at = session.at;
    session.handle_live(at, Live::default());
    session.handle_live(at, live.clone());
    for dbm in [-80, -70, -66, -52, -48, -45, -44, -50, -43] {
        let mut live = live.clone();
        live.bands.bands[0].rssi_dbm = dbm;
        session.handle_live(at, live);
    }
    session
}

fn repairing(desk: &mut Desk, weighed: Weighed) {
    let intent = OpenIntent {
        association: "a0".repeat(16),
        serial: "AAAH-00201".into(),
        user: "4711".into(),
        zone: "enrollment".into(),
        since_ms: 1_795_000_000_000,
    };
    let clock = Clock {
        clock_ms: 1_795_000_000_000,
        earliest_ms: 1_795_000_000_000,
        latest_ms: 1_795_086_400_000,
        trusted: false,
        expired_by_ms: None,
    };
    desk.repair = Repair {
        open: Some(Open {
            clock: Some(clock),
            intents: vec![(intent, "Mara Kurz".into())],
        }),
        weighed,
        said: Some(Err("clock_unbelievable".into())),
    };
}

fn checked() -> Checked {
    let report = firmware_protocol::message::Report {
        worn: false,
        charging: true,
        battery_percent: 77,
        lockout_seconds: 0,
        firmware: "3.1.4".into(),
        touches: 8,
        epoch: 3,
        organization: None,
        associations: vec![],
        staged: None,
    };
    Checked {
        seen: BandSeen {
            serial: Serial::new("AAAH-00201").unwrap(),
            model: "N4".into(),
            seos: true,
            report,
            band: Some(policy::model::Band::new("AAAH-00201".parse().unwrap())),
            associations: vec![],
        },
        holders: vec![],
    }
}

fn examined(desk: &mut Desk) {
    let entry = |sequence, kind: &str| JournalEntry {
        sequence,
        time_ms: 1_795_000_000_000,
        kind: kind.into(),
        previous: String::new(),
        hash: String::new(),
        record: String::new(),
    };
    let broken = Problem::new(
        Code::StoreCorrupted,
        "the journal cannot be read",
        "disk I/O error",
        "look",
    );
    desk.station = Some(Station {
        findings: vec![
            found(Cause::DatabaseWhole, [("version", "3.46.1".into())]),
            found(
                Cause::CertificateShort,
                [("days", 12_i64.into()), ("joined", "yes".into())],
            ),
            found(Cause::ClockSetBack, [("behind_seconds", 7_300_i64.into())]),
            failed("journal", &broken),
        ],
        entries: vec![entry(43, "committed"), entry(42, "intent"), entry(41, "decided")],
    });
    desk.bundle = Some(Ok("/var/lib/bandstand/support/report-1795000000.json".into()));
}

/// Writes a screen where somebody wants to look at them.
pub(super) fn keep(name: &str, l: &Lang, frame: &Frame) {
    let Some(folder) = std::env::var_os("BANDSTAND_SCREENS") else {
        return;
    };
    let css = super::super::super::assets::ASSETS.address("kiosk.css");
    let html = format!(
        "<!doctype html><html lang=\"{}\" dir=\"{}\" data-theme=\"light\"><meta charset=\"utf-8\">\
         <link rel=\"stylesheet\" href=\"{css}\"><body><div id=\"app\" data-screen=\"{}\">{}</div></body></html>",
        frame.lang, frame.dir, frame.screen, frame.html
    );
    let path = std::path::Path::new(&folder).join(format!("{name}.{}.html", l.code()));
    std::fs::write(path, html).unwrap();
}
