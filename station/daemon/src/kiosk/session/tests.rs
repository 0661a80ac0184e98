//! What a hand on each screen means, and what becomes of somebody who leaves.

use serde_json::json;

use super::*;
use crate::api::model::{Clock, OpenIntent, Outcome};
use crate::kiosk::act::Tab;
use crate::kiosk::views::tests::samples;

const MINUTE: Duration = Duration::from_secs(60);

/// A session, somebody before it, and an event loop that answers.
struct Kiosk(Session);

impl Kiosk {
    fn new() -> Self {
        Self(samples::session(Screen::Welcome))
    }

    fn after(&mut self, wait: Duration) {
        self.0.at.now = self.0.at.now + wait;
        let at = self.0.at;
        self.0.handle_timeout(at);
    }

    fn act(&mut self, what: serde_json::Value) -> Result<(), Stale> {
        let (at, turn) = (self.0.at, self.0.turn);
        self.0.handle_act(at, turn, serde_json::from_value(what).unwrap())
    }

    fn press(&mut self, act: &str) -> &mut Self {
        assert_eq!(self.act(json!({ "act": act })), Ok(()), "{act}");
        self
    }

    fn answer(&mut self, answer: Answer) {
        let (at, visit) = (self.0.at, self.0.visit);
        self.0.handle_answer(at, visit, answer);
    }

    fn live(&mut self, change: impl FnOnce(&mut Live)) {
        let mut live = self.0.live.clone();
        change(&mut live);
        let at = self.0.at;
        self.0.handle_live(at, live);
    }

    fn enrollment(&mut self, enrollment: Enrollment) {
        self.live(|live| live.enrollment = Some(enrollment));
    }

    fn wants(&mut self) -> Vec<Want> {
        std::iter::from_fn(|| self.0.poll_want())
            .map(|(_, want)| want)
            .collect()
    }

    fn name(&self) -> String {
        let words = std::sync::Arc::new(crate::kiosk::words::Words::built_in());
        let l = crate::kiosk::words::Lang::new(&words, 0);
        crate::kiosk::views::draw(&self.0, &l).screen
    }

    /// Somebody has shown a ticket and is known.
    fn begun() -> Self {
        let mut kiosk = Self::new();
        kiosk.press("type");
        kiosk
            .act(json!({ "act": "code", "text": "31415-92651" }))
            .unwrap();
        assert!(matches!(
            kiosk.wants()[..],
            [Want::Start(Identification::Code(_))]
        ));
        let first = looking();
        kiosk.answer(Answer::Started(Ok((Box::new(first), "Mara".into()))));
        kiosk.enrollment(looking());
        kiosk
    }
}

fn looking() -> Enrollment {
    samples::enrollment(Stage::LookingForBand)
}

fn ended(code: &str) -> Enrollment {
    let stage = if code == "done" {
        Stage::Done
    } else {
        Stage::Refused
    };
    Enrollment {
        outcome: Some(Outcome {
            code: code.into(),
            association: Some("a0".repeat(16)),
            ..Outcome::default()
        }),
        ..samples::enrollment(stage)
    }
}

fn comparing(code: &str) -> Enrollment {
    Enrollment {
        code: Some(code.into()),
        code_confirmed: false,
        ..samples::enrollment(Stage::CompareCode)
    }
}

#[test]
fn the_whole_way() {
    let mut kiosk = Kiosk::begun();
    assert_eq!(kiosk.name(), "your_band");
    kiosk.enrollment(comparing("407 112"));
    assert_eq!(kiosk.name(), "compare");
    kiosk.press("same");
    assert!(matches!(&kiosk.wants()[..], [Want::Compared { same: true, code, .. }] if code == "407 112"));
    kiosk.enrollment(samples::enrollment(Stage::Touch));
    assert_eq!(kiosk.name(), "touch");
    kiosk.enrollment(ended("done"));
    assert_eq!(kiosk.name(), "test_tap");
    assert!(matches!(kiosk.wants()[..], [Want::Look { .. }]));
    kiosk.press("skip_test");
    assert_eq!(kiosk.name(), "done");
    kiosk.after(MINUTE);
    assert_eq!(kiosk.name(), "welcome");
}

#[test]
fn whoever_gets_no_band_at_all_is_asked_for_none() {
    let mut kiosk = Kiosk::new();
    kiosk.press("type");
    kiosk
        .act(json!({ "act": "code", "text": "31415-92651" }))
        .unwrap();
    let first = Enrollment {
        band: None,
        ..samples::enrollment(Stage::Checking)
    };
    kiosk.answer(Answer::Started(Ok((Box::new(first.clone()), "Mara".into()))));
    assert_eq!(kiosk.name(), "checking");
    kiosk.enrollment(first);
    assert_eq!(kiosk.name(), "checking");
    kiosk.enrollment(ended("user_suspended"));
    assert_eq!(kiosk.name(), "refused");
}

#[test]
fn touches_before_the_code_is_confirmed_do_not_hide_the_question() {
    let mut kiosk = Kiosk::begun();
    kiosk.enrollment(Enrollment {
        stage: Stage::Touch,
        ..comparing("407 112")
    });
    assert_eq!(kiosk.name(), "compare");
}

#[test]
fn a_hand_that_was_late_confirms_nothing() {
    let mut kiosk = Kiosk::begun();
    kiosk.enrollment(comparing("407 112"));
    let (at, turn) = (kiosk.0.at, kiosk.0.turn);
    kiosk.enrollment(comparing("998 001"));
    let late = kiosk.0.handle_act(at, turn, Act::Same {});
    assert_eq!(late, Err(Stale::OtherTurn));
    assert!(kiosk.wants().is_empty());
}

#[test]
fn acts_belong_to_their_screens() {
    for act in [
        "same",
        "different",
        "skip_test",
        "test_again",
        "next",
        "skip_next",
        "check_band",
        "bundle",
        "shift",
    ] {
        let mut kiosk = Kiosk::new();
        assert_eq!(kiosk.act(json!({ "act": act })), Err(Stale::NotHere), "{act}");
        assert!(kiosk.wants().is_empty(), "{act}");
    }
    let mut kiosk = Kiosk::begun();
    for act in ["scan", "type", "operator", "test_again"] {
        assert_eq!(kiosk.act(json!({ "act": act })), Err(Stale::NotHere), "{act}");
    }
}

#[test]
fn whoever_stops_leaves_nothing_behind() {
    let mut kiosk = Kiosk::begun();
    kiosk.press("home");
    assert!(matches!(kiosk.wants()[..], [Want::Cancel { .. }]));
    assert_eq!(kiosk.name(), "your_band", "until it has stopped");
    kiosk.enrollment(ended("cancelled"));
    assert_eq!(kiosk.name(), "welcome");
}

#[test]
fn whoever_leaves_while_being_identified_has_nothing_begun() {
    let mut kiosk = Kiosk::new();
    kiosk.press("type");
    kiosk
        .act(json!({ "act": "code", "text": "31415-92651" }))
        .unwrap();
    let visit = kiosk.0.visit;
    kiosk.press("home").wants();
    let at = kiosk.0.at;
    let begun = Answer::Started(Ok((Box::new(looking()), "Mara".into())));
    kiosk.0.handle_answer(at, visit, begun);
    assert!(matches!(kiosk.wants()[..], [Want::Cancel { .. }]));
    assert_eq!(kiosk.name(), "welcome");
}

#[test]
fn screens_without_a_hand_are_cleared_and_say_so_before() {
    for act in ["scan", "type", "operator"] {
        let mut kiosk = Kiosk::new();
        kiosk.press(act);
        kiosk.after(MINUTE - Duration::from_secs(10));
        assert!(kiosk.0.is_closing(), "{act}");
        kiosk.press("stay");
        assert!(!kiosk.0.is_closing(), "{act}");
        kiosk.after(MINUTE - Duration::from_secs(1));
        assert_ne!(kiosk.name(), "welcome", "{act}");
        kiosk.after(Duration::from_secs(1));
        assert_eq!(kiosk.name(), "welcome", "{act}");
    }
}

#[test]
fn the_next_person_finds_the_page_as_it_was() {
    let mut kiosk = Kiosk::new();
    kiosk.press("type").press("sound").press("theme");
    let (at, turn) = (kiosk.0.at, kiosk.0.turn);
    kiosk.0.speak(at, turn, 1).unwrap();
    kiosk.after(MINUTE);
    let Session {
        language,
        sound,
        theme,
        ..
    } = kiosk.0;
    assert_eq!((language, sound, theme), (0, false, Theme::Auto));
}

#[test]
fn a_slip_is_mended_where_it_was_made() {
    for (code, screen) in [
        (Code::TicketMalformed, "type_code"),
        (Code::TicketUnknownCode, "type_code"),
        (Code::TicketExpired, "refused"),
        (Code::RadioUnavailable, "refused"),
    ] {
        let mut kiosk = Kiosk::new();
        kiosk.press("type");
        kiosk.act(json!({ "act": "code", "text": "x" })).unwrap();
        kiosk.answer(Answer::Started(Err(Problem::new(code, "a", "b", "c"))));
        assert_eq!(kiosk.name(), screen, "{code:?}");
    }
}

#[test]
fn a_ticket_is_told_from_a_code() {
    for text in ["BST1.ABCDEF", " bst1.abc\n"] {
        let mut kiosk = Kiosk::new();
        kiosk.press("scan");
        let at = kiosk.0.at;
        kiosk.0.handle_scan(at, text.into());
        assert!(
            matches!(kiosk.wants()[..], [Want::Start(Identification::Ticket(_))]),
            "{text}"
        );
    }
    let mut kiosk = Kiosk::new();
    let at = kiosk.0.at;
    kiosk.0.handle_scan(at, "BST1.ABC".into());
    assert!(kiosk.wants().is_empty(), "nobody looks through the camera");
}

#[test]
fn a_station_in_use_from_elsewhere_says_so_and_no_more() {
    let mut kiosk = Kiosk::new();
    kiosk.enrollment(looking());
    assert_eq!(kiosk.name(), "busy");
    kiosk.enrollment(ended("done"));
    assert_eq!(kiosk.name(), "welcome");
}

#[test]
fn an_end_that_was_missed_leaves_nobody_waiting() {
    let mut kiosk = Kiosk::begun();
    kiosk.enrollment(Enrollment {
        id: "2".repeat(32),
        ..looking()
    });
    assert_eq!(kiosk.name(), "busy");
}

#[test]
fn a_test_that_fails_can_be_made_again_or_left_out() {
    let mut kiosk = Kiosk::begun();
    kiosk.enrollment(ended("done"));
    kiosk.wants();
    let gone = || Problem::new(Code::NotFound, "a", "b", "c");
    kiosk.answer(Answer::Looked(Err(gone())));
    assert_eq!(kiosk.name(), "test_tap");
    kiosk.press("test_again");
    assert!(matches!(kiosk.wants()[..], [Want::Look { .. }]));
    kiosk.answer(Answer::Looked(Err(gone())));
    kiosk.press("skip_test");
    assert!(matches!(&kiosk.0.screen, Screen::Done(ready) if ready.tested == Some(false)));
}

fn signed_in(by: SignedIn) -> Kiosk {
    let mut kiosk = Kiosk::new();
    kiosk.press("operator");
    kiosk
        .act(json!({ "act": "sign_in", "operator": "olga", "pin": "4711" }))
        .unwrap();
    assert!(matches!(kiosk.wants()[..], [Want::SignIn(_)]));
    kiosk.answer(Answer::SignedIn(Ok(by)));
    assert_eq!(kiosk.name(), "desk_start");
    kiosk
}

#[test]
fn an_operator_does_what_the_rights_allow() {
    use station_core::replica::Right::*;
    let tries = [
        (json!({ "act": "find", "user": "4711" }), Vouch),
        (json!({ "act": "shift" }), Vouch),
        (json!({ "act": "tab", "tab": "vouch" }), Vouch),
        (json!({ "act": "check_band" }), CheckBands),
        (json!({ "act": "tab", "tab": "band" }), CheckBands),
        (json!({ "act": "bundle" }), Diagnose),
        (json!({ "act": "tab", "tab": "station" }), Diagnose),
        (json!({ "act": "tab", "tab": "journal" }), Diagnose),
    ];
    for right in [Vouch, CheckBands, Diagnose, ConfirmClock, CloseIntents] {
        for (act, needed) in &tries {
            let mut kiosk = signed_in(samples::operator_with([right].into()));
            assert_eq!(
                kiosk.act(act.clone()).is_ok(),
                right == *needed,
                "{right:?} {act}"
            );
        }
    }
}

fn open() -> Open {
    let clock = Clock {
        clock_ms: 1_795_000_000_000,
        earliest_ms: 0,
        latest_ms: 1_795_086_400_000,
        trusted: false,
        expired_by_ms: None,
    };
    let intent = OpenIntent {
        association: "a0".repeat(16),
        serial: "AAAH-00201".into(),
        user: "4711".into(),
        zone: "enrollment".into(),
        since_ms: 1_795_000_000_000,
    };
    Open {
        clock: Some(clock),
        intents: vec![(intent, "Mara".into())],
    }
}

/// What has an effect that stays takes two hands, and each its own right.
#[test]
fn nothing_is_put_right_before_its_effect_was_shown() {
    use station_core::replica::Right::*;
    let weigh = |right| match right {
        ConfirmClock => json!({ "act": "ask_clock" }),
        _ => json!({ "act": "ask_intent", "association": "a0".repeat(16) }),
    };
    for (right, other) in [(ConfirmClock, CloseIntents), (CloseIntents, ConfirmClock)] {
        let mut kiosk = signed_in(samples::operator_with([right].into()));
        kiosk.act(json!({ "act": "tab", "tab": "repair" })).unwrap();
        assert!(matches!(&kiosk.wants()[..], [Want::LookUp { clock, intents }] if clock != intents));
        kiosk.answer(Answer::LookedUp(Box::new(open())));
        assert_eq!(
            kiosk.act(json!({ "act": "put_right" })),
            Err(Stale::NotHere),
            "{right:?}"
        );
        assert_eq!(
            kiosk.act(weigh(other)),
            Err(Stale::NotHere),
            "{right:?} {other:?}"
        );
        kiosk.act(weigh(right)).unwrap();
        kiosk.answer(Answer::LookedUp(Box::new(open())));
        kiosk.press("leave_it").wants();
        assert_eq!(
            kiosk.act(json!({ "act": "put_right" })),
            Err(Stale::NotHere),
            "{right:?}"
        );
        kiosk.act(weigh(right)).unwrap();
        kiosk.answer(Answer::LookedUp(Box::new(open())));
        kiosk.wants();
        kiosk.press("put_right");
        let wants = kiosk.wants();
        assert!(
            matches!(
                (&wants[..], right),
                (
                    [Want::ConfirmClock {
                        clock_ms: 1_795_000_000_000,
                        ..
                    }],
                    ConfirmClock
                ) | ([Want::CloseIntent { .. }], CloseIntents)
            ),
            "{wants:?}"
        );
        assert_eq!(
            kiosk.act(json!({ "act": "put_right" })),
            Err(Stale::NotHere),
            "once"
        );
        kiosk.answer(Answer::PutRight(Ok(())));
        assert!(matches!(&kiosk.wants()[..], [Want::LookUp { .. }]), "and is seen");
    }
}

#[test]
fn a_clock_that_is_believed_is_not_confirmed() {
    use station_core::replica::Right::ConfirmClock;
    let mut kiosk = signed_in(samples::operator_with([ConfirmClock].into()));
    kiosk.act(json!({ "act": "tab", "tab": "repair" })).unwrap();
    kiosk.press("ask_clock");
    let mut open = open();
    open.clock.iter_mut().for_each(|clock| clock.trusted = true);
    kiosk.answer(Answer::LookedUp(Box::new(open)));
    assert_eq!(kiosk.act(json!({ "act": "put_right" })), Err(Stale::NotHere));
}

#[test]
fn a_wrong_pin_is_said_on_the_same_screen() {
    let mut kiosk = Kiosk::new();
    kiosk.press("operator");
    kiosk
        .act(json!({ "act": "sign_in", "operator": "olga", "pin": "1" }))
        .unwrap();
    kiosk.answer(Answer::SignedIn(Err(Problem::new(Code::WrongPin, "a", "b", "c"))));
    assert!(matches!(&kiosk.0.screen, Screen::SignIn { slip: Some(code) } if code == "wrong_pin"));
}

#[test]
fn whoever_was_vouched_for_stands_at_a_screen_without_an_operator() {
    let mut kiosk = signed_in(samples::operator());
    let person = Person {
        id: "4711".into(),
        name: "Mara".into(),
        active: true,
    };
    let found = |kiosk: &mut Kiosk| {
        kiosk.act(json!({ "act": "find", "user": "4711" })).unwrap();
        assert!(matches!(kiosk.wants()[..], [Want::Find { .. }]));
        kiosk.answer(Answer::Found("4711".into(), Some(person.clone())));
    };
    found(&mut kiosk);
    kiosk.press("vouch_later");
    assert_eq!(
        kiosk.act(json!({ "act": "vouch_now" })),
        Err(Stale::NotHere),
        "one vouching, one use"
    );
    found(&mut kiosk);
    kiosk.press("vouch_now");
    assert!(matches!(&kiosk.wants()[..], [Want::Vouched(vouched)] if vouched.user == "4711"));
    kiosk.answer(Answer::Started(Ok((Box::new(looking()), "Mara".into()))));
    assert_eq!(kiosk.name(), "your_band");
    assert_eq!(
        kiosk.act(json!({ "act": "tab", "tab": "station" })),
        Err(Stale::NotHere)
    );
    kiosk.enrollment(looking());
    kiosk.press("home").wants();
    kiosk.enrollment(ended("cancelled"));
    kiosk.press("next");
    assert!(matches!(&kiosk.wants()[..], [Want::Vouched(_)]), "the line stays");
}

#[test]
fn at_shift_change_it_goes_from_one_to_the_next() {
    let mut kiosk = signed_in(samples::operator());
    kiosk.press("shift").press("home");
    kiosk.press("type");
    kiosk.act(json!({ "act": "code", "text": "x" })).unwrap();
    kiosk.answer(Answer::Started(Ok((Box::new(looking()), "Mara".into()))));
    kiosk.enrollment(Enrollment {
        elapsed_ms: 30_000,
        ..ended("done")
    });
    assert_eq!(kiosk.name(), "done");
    kiosk.after(Duration::from_secs(5));
    assert_eq!(kiosk.name(), "welcome");
    assert_eq!((kiosk.0.line.served, kiosk.0.line.seconds_each()), (1, Some(30)));
}

#[test]
fn what_happened_is_told_without_names() {
    let mut kiosk = Kiosk::begun();
    kiosk.enrollment(comparing("407 112"));
    kiosk.enrollment(ended("link_lost"));
    kiosk.live(|live| live.radio = "off".into());
    let lines: Vec<_> = kiosk.0.log.iter().map(|line| line.what.clone()).collect();
    assert_eq!(
        lines,
        [
            What::Phase(Phase::YourBand),
            What::Phase(Phase::Compare),
            What::Ended("link_lost".into()),
            What::Radio("off".into())
        ]
    );
    assert!(!format!("{:?}", kiosk.0.log).contains("Mara"));
}

#[test]
fn a_busy_day_fills_no_memory() {
    let mut kiosk = Kiosk::new();
    for round in 0..500_u16 {
        kiosk.live(|live| {
            live.radio = if round % 2 == 0 { "off" } else { "ready" }.into();
            live.bands = samples::bands();
            live.bands.bands[0].device = format!("device {round}");
        });
    }
    assert!(kiosk.0.log.len() <= 60 && kiosk.0.signals.len() <= 4);
    let tab: Tab = serde_json::from_value(json!("start")).unwrap();
    assert_eq!(tab.name(), "start");
}

fn choosing_the_band() -> Kiosk {
    let mut kiosk = Kiosk::new();
    kiosk.press("operator").press("sign_in_band");
    assert!(matches!(kiosk.wants()[..], [Want::SignInByBand]));
    assert_eq!(kiosk.name(), "own_band");
    kiosk
}

fn not_recognized() -> Answer {
    let refused = sign_in::Refused {
        code: station_core::ticket::SignInRefusal::FingerNotRecognized,
        detail: 0,
    };
    Answer::SignedInByBand(Ok(Err(refused)))
}

#[test]
fn an_operator_signs_in_by_the_own_band() {
    let mut kiosk = choosing_the_band();
    for (stage, name) in [
        (Stage::Checking, "own_band"),
        (Stage::PutOn, "own_band_put_on"),
        (Stage::Touch, "own_band_touch"),
    ] {
        kiosk.live(|live| {
            live.signing_in = Some(crate::api::SigningIn {
                stage,
                code: None,
                touches: None,
            });
        });
        assert_eq!(kiosk.name(), name);
    }
    kiosk.answer(Answer::SignedInByBand(Ok(Ok(samples::operator()))));
    assert_eq!(kiosk.name(), "desk_start");
}

#[test]
fn whoever_is_not_signed_in_by_a_band_tries_again_or_types_the_pin() {
    let mut kiosk = choosing_the_band();
    kiosk.answer(not_recognized());
    assert_eq!(kiosk.name(), "own_band_refused");
    kiosk.press("sign_in_band");
    assert!(matches!(kiosk.wants()[..], [Want::SignInByBand]));
    kiosk.answer(Answer::SignedInByBand(Err(Problem::new(
        Code::Busy,
        "a",
        "b",
        "c",
    ))));
    assert!(matches!(&kiosk.0.screen, Screen::OwnBandRefused(refused) if refused.code == "busy"));
    kiosk.press("operator");
    assert_eq!(kiosk.name(), "sign_in");
    assert!(kiosk.wants().is_empty(), "there is nothing to stop");
    kiosk.press("sign_in_band").press("operator");
    assert_eq!(kiosk.name(), "sign_in");
    assert!(matches!(
        kiosk.wants()[..],
        [Want::SignInByBand, Want::StopSignIn]
    ));
}

#[test]
fn a_band_that_comes_too_late_signs_nobody_in() {
    for way_out in ["home", "operator"] {
        let mut kiosk = choosing_the_band();
        let (at, visit) = (kiosk.0.at, kiosk.0.visit);
        kiosk.press(way_out);
        assert!(matches!(kiosk.wants()[..], [Want::StopSignIn]), "{way_out}");
        let late = Answer::SignedInByBand(Ok(Ok(samples::operator())));
        kiosk.0.handle_answer(at, visit, late);
        assert!(!matches!(kiosk.0.screen, Screen::Desk(_)), "{way_out}");
        kiosk.press(if way_out == "home" {
            "operator"
        } else {
            "sign_in_band"
        });
        let late = Answer::SignedInByBand(Ok(Ok(samples::operator())));
        kiosk.0.handle_answer(at, visit, late);
        assert!(!matches!(kiosk.0.screen, Screen::Desk(_)), "{way_out}, later");
    }
}

#[test]
fn bands_sign_nobody_in_where_that_is_switched_off() {
    let mut kiosk = Kiosk::new();
    kiosk.0.rules.operator_bands = false;
    kiosk.press("operator");
    assert_eq!(kiosk.act(json!({ "act": "sign_in_band" })), Err(Stale::NotHere));
    assert!(kiosk.wants().is_empty());
    let words = std::sync::Arc::new(crate::kiosk::words::Words::built_in());
    let l = crate::kiosk::words::Lang::new(&words, 0);
    let html = crate::kiosk::views::draw(&kiosk.0, &l).html;
    assert!(!html.contains("sign_in_band"));
}

#[test]
fn a_sign_in_by_a_band_lasts_as_long_as_the_station_says() {
    let mut kiosk = choosing_the_band();
    kiosk.after(5 * MINUTE);
    assert_eq!(kiosk.name(), "own_band");
    kiosk.answer(not_recognized());
    kiosk.after(MINUTE);
    assert_eq!(kiosk.name(), "welcome");
}
