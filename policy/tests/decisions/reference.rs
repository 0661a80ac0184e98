//! The same rules a second time, simply: gather every objection that applies, give the first by precedence.
//!
//! It works on the words of the table alone and shares nothing with the crate.

use crate::case::Case;

const PRECEDENCE: [&str; 13] = [
    "user_not_active",
    "user_suspended",
    "band_withdrawn",
    "band_not_in_stock",
    "replica_too_old",
    "seos_held_by_another",
    "band_withheld",
    "held_by_another",
    "first_band_must_be_free",
    "seos_user_own_band_only",
    "release_needed",
    "enrollment_missing",
    "replica_too_old_for_takeover",
];

pub(crate) fn outcome(case: &Case, (own, any): (bool, bool)) -> String {
    let mut objections = vec![];
    let mut object = |reason: &'static str| objections.push(reason);
    let word = |column: &str| case.get(column);
    let level = u8::from(own) + u8::from(own && any);
    match (word("person"), word("has"), word("band")) {
        ("not_yet" | "departed" | "unknown", _, _) => object("user_not_active"),
        ("suspended", _, _) | (_, _, "own_susp") => object("user_suspended"),
        (_, "suspended", band) if band != "own" => object("user_suspended"),
        _ => {}
    }
    match (word("stock"), word("band")) {
        ("damaged" | "retired", _) => object("band_withdrawn"),
        ("enforced", _) => object("band_not_in_stock"),
        ("lost", "free") => object("band_withheld"),
        _ => {}
    }
    if word("age") == "old" {
        object("replica_too_old");
    }
    if word("zone") == "unenrolled" {
        object("enrollment_missing");
    }
    if word("record") == "another" && matches!(word("age"), "stale" | "old" | "doubt") {
        object("replica_too_old_for_takeover");
    }
    // The rows of the rules in their order: user's active band, presented band, kind, level of the policy.
    match (word("has"), word("band"), word("kind"), level) {
        ("none" | "suspended", "free", _, _) => {}
        (_, "own" | "own_off" | "own_susp", _, 0) => object("release_needed"),
        (_, "own" | "own_off" | "own_susp", _, _) => {}
        (_, "free", _, 0) => object("release_needed"),
        ("plain", "free", _, _) => {}
        ("seos", "free", _, _) => object("seos_user_own_band_only"),
        (_, _, "seos", _) => object("seos_held_by_another"),
        (_, _, "plain", 0 | 1) => object("held_by_another"),
        (_, "other_susp", _, _) => object("band_withheld"),
        (_, _, _, _) if word("stock") == "lost" => object("band_withheld"),
        ("plain", _, _, _) if matches!(word("age"), "stale" | "old" | "doubt") => {
            object("replica_too_old_for_takeover");
        }
        ("plain", _, _, _) => {}
        ("seos", _, _, _) => object("seos_user_own_band_only"),
        (_, _, _, _) => object("first_band_must_be_free"),
    }
    match PRECEDENCE.iter().find(|reason| objections.contains(reason)) {
        Some(reason) => (*reason).to_owned(),
        None => allowance(case),
    }
}

/// What follows, for a case that nothing speaks against.
fn allowance(case: &Case) -> String {
    let mut words = vec!["allow"];
    let replaces = matches!(case.get("has"), "plain" | "seos");
    words.push(if case.get("has") == "none" {
        "new"
    } else {
        "standin"
    });
    match case.get("band") {
        "own" => words.push("renewed"),
        "own_off" => words.extend(["renewed", "again"]),
        _ => {}
    }
    if case.get("stock") == "lost" {
        words.push("found");
    }
    if replaces {
        words.push("old_off");
    }
    if case.get("band").starts_with("other") {
        words.push("taken");
    }
    words.join(" ")
}
