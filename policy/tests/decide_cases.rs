//! Cases beside the table: dry runs, expiry, ages at their limits, contradictions, fixes and who decided.

use policy::decision::{DecidedBy, Decision};
use policy::facts_json::{DecideInput, DecideOutput};

fn answer(facts: &str) -> DecideOutput {
    let input: DecideInput = serde_json::from_str(facts).unwrap_or_else(|error| panic!("{error}: {facts}"));
    input.answer().unwrap_or_else(|fault| panic!("{fault}: {facts}"))
}

/// The presented band is P, the user is ada, the policy is group "g".
fn ask(flags: &str, rest: &str) -> DecideOutput {
    let policy = match flags {
        "none" => r#"{"id":"g"}"#,
        "own" => r#"{"id":"g","reenroll_own":true}"#,
        "any" => r#"{"id":"g","reenroll_own":true,"reenroll_any":true}"#,
        other => panic!("no flags {other:?}"),
    };
    let user = if rest.contains(r#""user":{"#) {
        ""
    } else {
        r#""user":{"id":"ada"},"#
    };
    let band = if rest.contains(r#""band":{"#) {
        ""
    } else {
        r#""band":{"serial":"P"},"#
    };
    let rest = if rest.is_empty() {
        String::new()
    } else {
        format!(",{rest}")
    };
    answer(&format!(r#"{{{user}{band}"policy":{{"group":{policy}}}{rest}}}"#))
}

/// `reason fix who`, or `allow who`.
fn say(decision: &Decision) -> String {
    let who = match decision.decided_by() {
        DecidedBy::Rule { rule } => rule.code().to_owned(),
        DecidedBy::Setting { attribute, .. } => attribute.name().to_owned(),
    };
    match decision {
        Decision::Allow { .. } => format!("allow {who}"),
        Decision::Refuse { reason, fix, .. } => format!("{} {} {who}", reason.code(), fix.code()),
    }
}

#[track_caller]
fn check(flags: &str, facts: &str, expected: &str) {
    assert_eq!(say(&ask(flags, facts).decision), expected, "{flags} {facts}");
}

const MINE: &str = r#"{"user":"ada","band":"P"}"#;
const MY_OLD: &str = r#"{"user":"ada","band":"OLD"}"#;
const MY_SEOS: &str = r#"{"user":"ada","band":"OLD","seos":true}"#;
const BENS: &str = r#"{"user":"ben","band":"P"}"#;

fn known(associations: &[&str]) -> String {
    format!(r#""associations":[{}]"#, associations.join(","))
}

#[test]
fn the_shortest_fix_fits_the_user() {
    check(
        "none",
        &known(&[BENS]),
        "held_by_another take_free_band reenroll_own",
    );
    check(
        "own",
        &known(&[BENS]),
        "held_by_another take_free_band reenroll_any",
    );
    check(
        "none",
        &known(&[BENS, MY_OLD]),
        "held_by_another disconnect_holder reenroll_own",
    );
    check(
        "own",
        &known(&[BENS, MY_OLD]),
        "held_by_another take_free_band reenroll_any",
    );
    check(
        "own",
        &known(&[BENS, MY_SEOS]),
        "held_by_another present_own_band reenroll_any",
    );
    check(
        "any",
        &known(&[BENS, MY_SEOS]),
        "seos_user_own_band_only present_own_band seos_user_keeps_own_band",
    );
    check(
        "any",
        &known(&[BENS]),
        "first_band_must_be_free take_free_band first_band_is_free",
    );
    check(
        "none",
        &known(&[MY_OLD]),
        "release_needed disconnect_own_band reenroll_own",
    );
    check("any", &known(&[BENS, MY_OLD]), "allow reenroll_any");
    check("own", &known(&[MINE]), "allow reenroll_own");
    check("none", "", "allow free_band_for_user_without_one");
}

#[test]
fn what_keeps_a_band_back_is_named() {
    let bens_suspended = r#"{"user":"ben","band":"P","user_suspended":true}"#;
    let suspended = known(&[bens_suspended, MY_OLD]);
    check(
        "any",
        &suspended,
        "band_withheld take_free_band suspended_user_keeps_band",
    );
    let lost = r#""band":{"serial":"P","stock":"lost"}"#;
    check(
        "any",
        &format!("{lost},{}", known(&[BENS, MY_OLD])),
        "band_withheld hand_in_band lost_band_stays_out",
    );
    check("none", lost, "band_withheld hand_in_band lost_band_stays_out");
    let quarantined = r#"{"user":"cai","band":"P","suspended":true}"#;
    let contested = known(&[BENS, quarantined, MY_OLD]);
    check(
        "any",
        &contested,
        "band_withheld take_free_band suspended_user_keeps_band",
    );
    let mine_too = known(&[BENS, r#"{"user":"ada","band":"P","suspended":true}"#]);
    check("any", &mine_too, "user_suspended resume_user suspension_stands");
}

#[test]
fn ages_count_from_the_limit_on() {
    let takeover = |age: u32| format!(r#""replica_age_s":{age},{}"#, known(&[BENS, MY_OLD]));
    check("any", &takeover(3600), "allow reenroll_any");
    check(
        "any",
        &takeover(3601),
        "replica_too_old_for_takeover connect_station takeover_max_age_s",
    );
    let ordinary = |age: u32| format!(r#""replica_age_s":{age}"#);
    check("none", &ordinary(604_800), "allow free_band_for_user_without_one");
    check(
        "none",
        &ordinary(604_801),
        "replica_too_old connect_station offline_max_age_s",
    );
}

#[test]
fn a_clock_that_ran_backward_stops_takeovers_alone() {
    let clock = r#""clock":"ran_backward""#;
    check("none", clock, "allow free_band_for_user_without_one");
    let takeover = format!("{clock},{}", known(&[BENS, MY_OLD]));
    let refused = "replica_too_old_for_takeover set_clock clock_must_be_trusted";
    check("any", &takeover, refused);
    check(
        "none",
        &format!(r#"{clock},"report":{{"enrollment":"another_user"}}"#),
        refused,
    );
}

#[test]
fn what_expired_is_not_active_and_stays_held() {
    let temporary = |who: &str, band: &str, end: i64| {
        format!(r#""now":1000,"associations":[{{"user":"{who}","band":"{band}","expires_at":{end}}}]"#)
    };
    check(
        "none",
        &temporary("ada", "OLD", 1001),
        "release_needed disconnect_own_band reenroll_own",
    );
    check(
        "none",
        &temporary("ada", "OLD", 1000),
        "allow free_band_for_user_without_one",
    );
    check(
        "none",
        &temporary("ada", "P", 999),
        "release_needed disconnect_own_band reenroll_own",
    );
    check(
        "own",
        &temporary("ben", "P", 999),
        "held_by_another take_free_band reenroll_any",
    );
}

#[test]
fn a_temporary_band_is_not_made_to_last_longer() {
    let facts = r#""now":1000,"associations":[{"user":"ada","band":"P","primary":false,"expires_at":2000}]"#;
    let answer = serde_json::to_value(ask("own", facts)).unwrap();
    assert_eq!(answer["effects"][0]["expires_at"], 2000);
}

#[test]
fn registration_follows_an_enrollment() {
    let register = r#""zone":"registration""#;
    let enrolled = r#""report":{"enrollment":"this_user"}"#;
    let missing = "enrollment_missing enroll_first enrolled_before_registered";
    let allowed = "allow free_band_for_user_without_one";
    check("none", register, missing);
    check("none", &format!("{register},{enrolled}"), allowed);
    check("none", &format!(r#"{register},"report":{{}}"#), missing);
    check("none", &format!("{register},{}", known(&[MINE])), allowed);
    check(
        "none",
        &format!("{register},{enrolled},{}", known(&[MINE])),
        allowed,
    );
    check(
        "none",
        &format!("{register},{enrolled},{}", known(&[BENS])),
        missing,
    );
    let inactive = known(&[r#"{"user":"ada","band":"P","active":false}"#]);
    check("none", &format!("{register},{enrolled},{inactive}"), missing);
}

#[test]
fn a_temporary_enrollment_in_doubtful_time_is_no_ground_for_a_registration() {
    let enrolled = r#""zone":"registration","now":1000,"report":{"enrollment":"this_user"},
        "associations":[{"user":"ada","band":"P","expires_at":2000}]"#;
    check("none", enrolled, "allow free_band_for_user_without_one");
    let doubt = format!(r#"{enrolled},"clock":"ran_backward""#);
    check(
        "none",
        &doubt,
        "enrollment_missing enroll_first enrolled_before_registered",
    );
}

#[test]
fn zones_do_not_see_each_other() {
    let elsewhere = r#"{"user":"ada","band":"OLD","zone":"registration"}"#;
    check(
        "none",
        &known(&[elsewhere]),
        "allow free_band_for_user_without_one",
    );
    let bens_there = r#"{"user":"ben","band":"P","zone":"registration"}"#;
    check(
        "none",
        &known(&[bens_there]),
        "allow free_band_for_user_without_one",
    );
}

#[test]
fn the_stricter_word_on_seos_counts() {
    let says_seos = format!(
        r#""report":{{"enrollment":"another_user","seos":true}},{}"#,
        known(&[BENS, MY_OLD])
    );
    check(
        "any",
        &says_seos,
        "seos_held_by_another disconnect_holder seos_band_stays_with_user",
    );
}

#[test]
fn odd_names_are_different_people() {
    for (asks, holds) in [
        ("0", "00"),
        ("ada", "Ada"),
        ("zoë", "zoe\u{308}"),
        ("ada", "ada "),
    ] {
        let facts = format!(
            r#""user":{{"id":{}}},"associations":[{{"user":{},"band":"P"}}]"#,
            serde_json::to_string(asks).unwrap(),
            serde_json::to_string(holds).unwrap()
        );
        check("own", &facts, "held_by_another take_free_band reenroll_any");
    }
}
