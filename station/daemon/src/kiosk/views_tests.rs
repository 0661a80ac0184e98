use policy::decision::{Reason, Rule};
use policy::settings::Attribute;
use serde_json::json;
use station_core::enrollment::{FlowRefusal, Tip};

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
    for code in policy.chain(flow).chain(people).chain(others) {
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
    }
}

#[test]
fn acts_are_known_and_others_are_not() {
    assert!(is_act(&json!({ "act": "same" })));
    assert!(is_act(&json!({ "act": "language", "code": "de" })));
    assert!(!is_act(&json!({ "act": "same", "code": "1" })));
    assert!(!is_act(&json!({ "act": "decide" })));
}

#[test]
fn a_page_is_light() {
    assert!(super::super::assets::weight() < 80 << 10);
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
