use policy::decision::{Reason, Rule};
use policy::settings::Attribute;
use serde_json::json;
use station_core::enrollment::{FlowRefusal, Tip};
use station_core::ticket::SignInRefusal;

use super::super::words::Words;
use super::*;
use crate::config::Afterwards;
use crate::problem::Code;

fn langs() -> Vec<Lang> {
    Lang::new(&std::sync::Arc::new(Words::built_in()), 0).all()
}

#[track_caller]
fn check_message(message: &str) {
    for l in langs() {
        assert!(l.knows(message), "{message} in {}", l.code());
    }
}

/// One name of the reason, one screen: every text of it in every language.
#[test]
fn every_reason_has_every_text() {
    let policy = Reason::ALL.iter().map(|reason| reason.code());
    let flow = FlowRefusal::ALL.iter().map(|refusal| refusal.code());
    let people = Code::ALL.iter().map(|code| code.as_str());
    let people = people.filter(|code| code.starts_with("ticket_"));
    let others = [
        "store_full",
        "daemon_unreachable",
        "radio_unavailable",
        "busy",
        "operator_not_allowed",
        "vouch_for_oneself",
        "wrong_pin",
        "too_many_attempts",
        "internal",
    ];
    let signing_in = SignInRefusal::OWN.iter().map(|refusal| refusal.code());
    for code in policy.chain(flow).chain(people).chain(others).chain(signing_in) {
        assert_eq!(reason_of(&langs()[0], code), code);
        for part in ["title", "why", "you", "operator"] {
            check_message(&format!("{}-{part}", key("reason", code)));
        }
    }
}

#[test]
fn every_problem_is_explained_by_some_reason() {
    let l = &langs()[0];
    for code in Code::ALL {
        let reason = reason_of(l, code.as_str());
        let storage = code.as_str().starts_with("store_") && *code != Code::StoreFull;
        assert!(!storage || reason == "station_storage_fault", "{reason}");
        assert!(l.knows(&format!("{}-title", key("reason", reason))));
    }
}

#[test]
fn every_code_of_an_enrollment_has_its_words() {
    Rule::ALL
        .iter()
        .for_each(|rule| check_message(&key("rule", rule.code())));
    Attribute::ALL
        .iter()
        .for_each(|it| check_message(&key("setting", it.name())));
    ["built_in", "group", "individual"]
        .iter()
        .for_each(|it| check_message(&key("source", it)));
    Afterwards::ALL
        .iter()
        .for_each(|it| check_message(&key("afterwards", it.code())));
    let mismatches = policy::mismatch::Mismatch::ALL.iter();
    mismatches.for_each(|it| check_message(&key("mismatch", it.code())));
    for fault in [
        "no_match",
        "off_center",
        "wet",
        "dry",
        "sensor_dirty",
        "moved",
        "no_liveness",
        "motion",
    ] {
        check_message(&key("fault", fault));
    }
    let tips = [
        Tip::SameFinger,
        Tip::CenterFinger,
        Tip::DryFinger,
        Tip::MoistenFinger,
        Tip::CleanSensor,
        Tip::HoldStill,
        Tip::SnugBand,
        Tip::RestArm,
    ];
    tips.iter().for_each(|tip| check_message(&key("tip", tip.code())));
    for radio in [
        "starting",
        "off",
        "absent",
        "bluez_down",
        "bus_down",
        "no_permission",
    ] {
        check_message(&key("radio", radio));
        check_message(&key("desk-radio", radio));
    }
}

#[test]
fn acts_are_known_and_others_are_not() {
    assert!(is_act(&json!({ "act": "same" })));
    assert!(is_act(&json!({ "act": "language", "code": "de" })));
    assert!(!is_act(&json!({ "act": "same", "code": "1" })));
    assert!(!is_act(&json!({ "act": "decide" })));
}

type Color = [f64; 3];

/// The value of each color, by light and by dark.
fn colors() -> std::collections::BTreeMap<&'static str, [Color; 2]> {
    let css = include_str!("../../../assets/kiosk.css");
    let block = css.split(":root {").nth(1).unwrap().split('}').next().unwrap();
    let channel = |hex: &str, at: usize| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
    let color = |hex: &str| [0, 2, 4].map(|at| channel(hex, at));
    let lines = block.lines().filter_map(|line| line.trim().strip_prefix("--"));
    let token = |line: &'static str| {
        let (name, value) = line.split_once(": light-dark(#").unwrap();
        let (light, dark) = value.strip_suffix(");").unwrap().split_once(", #").unwrap();
        (name, [color(light), color(dark)])
    };
    lines.map(token).collect()
}

/// The contrast of two colors (WCAG 2.2, 1.4.3).
fn contrast(a: Color, b: Color) -> f64 {
    let linear = |c: f64| {
        if c <= 0.04045 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    };
    let light = |[r, g, b]: Color| 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    let (a, b) = (light(a) + 0.05, light(b) + 0.05);
    a.max(b) / a.min(b)
}

#[test]
fn colors_can_be_told_apart_in_both_themes() {
    let text = [
        ("ink", "ground surface sunken accent-soft"),
        ("muted", "ground surface sunken accent-soft"),
        ("accent", "ground surface"),
        ("accent-strong", "accent-soft"),
        ("on-accent", "accent"),
        ("good", "good-soft surface"),
        ("warn", "warn-soft surface"),
        ("bad", "surface"),
        ("pulse", "pulse-soft"),
        ("on-bad", "bad"),
    ];
    let shapes = [
        ("edge", "ground surface"),
        ("accent", "line sunken"),
        ("warn", "surface"),
        ("pulse", "surface"),
    ];
    let colors = colors();
    for (theme, at) in [("light", 0), ("dark", 1)] {
        let all = text
            .iter()
            .map(|pair| (pair, 4.5))
            .chain(shapes.iter().map(|pair| (pair, 3.0)));
        for ((front, backs), least) in all {
            for back in backs.split(' ') {
                let found = contrast(colors[*front][at], colors[back][at]);
                assert!(found >= least, "{theme}: {front} on {back}: {found:.2}");
            }
        }
    }
}

#[test]
fn a_page_is_light() {
    assert!(super::super::assets::ASSETS.weight() < 80 << 10);
}

#[test]
fn names_of_screens_are_distinct() {
    let names: std::collections::BTreeSet<_> = Phase::ALL.iter().map(|phase| phase.name()).collect();
    assert_eq!(names.len(), Phase::ALL.len());
}

#[test]
fn every_slip_has_a_sentence() {
    let words = std::sync::Arc::new(super::super::words::Words::built_in());
    for slip in super::super::session::Slip::ALL {
        assert!(Lang::new(&words, 0).knows(&key("slip", slip.code())), "{slip:?}");
    }
}

pub(in crate::kiosk) mod samples;

/// Every screen in every language renders, keeps to the acts there are, and marks what must be marked.
#[test]
fn every_screen_renders_in_every_language() {
    let mut screens = std::collections::BTreeSet::from(["elsewhere".to_owned()]);
    for (name, session) in samples::all().into_iter().chain(samples::own_bands()) {
        for l in langs() {
            let frame = draw(&session, &l);
            check_html(name, &frame.html);
            samples::keep(name, &l, &frame);
            screens.insert(frame.screen);
        }
    }
    let all = crate::kiosk::SCREENS.iter().map(|name| (*name).to_owned());
    assert_eq!(screens, all.collect(), "each screen has a sample");
}

#[track_caller]
fn check_html(name: &str, html: &str) {
    for forbidden in [" style=", "<script", " onclick", "href=", "http:", "https:"] {
        assert!(!html.contains(forbidden), "{name} has {forbidden}");
    }
    assert_eq!(html.matches("<h1").count(), 1, "{name} has one heading");
    assert_eq!(html.matches("<main").count(), 1, "{name} has one main part");
    for text in html.split('>').filter_map(|part| part.split('<').next()) {
        let text = text.trim();
        let is_key =
            text.trim_matches('-').contains('-') && text.chars().all(|c| c.is_ascii_lowercase() || c == '-');
        assert!(!is_key, "{name} shows the key {text}");
    }
    for part in html.split("id=\"").skip(1) {
        let id = part.split('"').next().unwrap();
        assert_eq!(
            html.matches(&format!("id=\"{id}\"")).count(),
            1,
            "{name}: {id} stands twice"
        );
    }
    for part in html.split("data-act=\"").skip(1) {
        let act = part.split('"').next().unwrap();
        let with = |more: serde_json::Value| {
            let mut what = json!({ "act": act });
            what.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            is_act(&what)
        };
        let fields = [
            json!({}),
            json!({ "code": "de" }),
            json!({ "text": "x" }),
            json!({ "operator": "x", "pin": "y" }),
            json!({ "user": "x" }),
            json!({ "at": "0" }),
            json!({ "tab": "start" }),
            json!({ "association": "a0" }),
        ];
        assert!(fields.into_iter().any(with), "{name}: {act} is no act");
    }
}
