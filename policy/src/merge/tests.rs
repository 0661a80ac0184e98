//! Histories as small scripts, one line per entry: `time event subject…`. The line number is the sequence.

use super::*;
use crate::model::EndCause;

fn association_id(text: &str) -> AssociationId {
    AssociationId([text.parse().expect("a small number"); 16])
}

fn user(text: &str) -> UserId {
    text.parse().expect("a name")
}

/// `made by number user band epoch [seos] [any] [reg]`.
fn associated(words: &[&str]) -> Event {
    let has = |word: &str| words.contains(&word);
    Event::Associated(Associated {
        association: association_id(words[0]),
        user: user(words[1]),
        band: words[2].parse().expect("a serial"),
        zone: if has("reg") {
            Zone::Registration
        } else {
            Zone::Enrollment
        },
        band_epoch: words[3].parse().expect("an epoch"),
        seos: has("seos"),
        expires_at: None,
        may_take_over: has("any"),
    })
}

fn band_stands(serial: &str, stock: &str) -> Event {
    let stock = serde_json::from_str(&format!("{stock:?}")).expect("a stock state");
    Event::BandStands {
        band: Band {
            stock,
            ..Band::new(serial.parse().expect("a serial"))
        },
    }
}

fn event(words: &[&str]) -> Event {
    let association = || association_id(words[1]);
    let note = String::new;
    match words[0] {
        "made" => associated(&words[1..]),
        "disconnect" => Event::Disconnected {
            association: association(),
        },
        "suspend" => Event::AssociationSuspended {
            association: association(),
            note: note(),
        },
        "resume" => Event::AssociationResumed {
            association: association(),
        },
        "active" => Event::MadeActive {
            association: association(),
        },
        "inactive" => Event::MadeInactive {
            association: association(),
        },
        "primary" => Event::MadePrimary {
            association: association(),
        },
        "departed" => Event::UserStands {
            user: user(words[1]),
            status: UserStatus::Departed,
        },
        "suspend-user" => Event::UserSuspended {
            user: user(words[1]),
            note: note(),
        },
        "resume-user" => Event::UserResumed { user: user(words[1]) },
        "band" => band_stands(words[1], words[2]),
        "keep" => Event::Settled {
            association: association(),
            verdict: Verdict::Keep,
        },
        "reject" => Event::Settled {
            association: association(),
            verdict: Verdict::Reject,
        },
        other => panic!("no event {other:?}"),
    }
}

fn entry((number, line): (usize, &str)) -> Entry {
    let words: Vec<_> = line.split_whitespace().collect();
    let millis = UnixMillis(words[0].parse().expect("a time"));
    let time = HybridTime { millis, counter: 0 };
    let stamp = Stamp {
        time,
        station: StationId([0; 16]),
        sequence: number as u64,
    };
    Entry {
        stamp,
        event: event(&words[1..]),
    }
}

fn history(script: &str) -> History {
    script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .enumerate()
        .map(entry)
        .collect()
}

/// `number user band flags…` per association.
fn say(state: &State) -> String {
    let lines = state.associations.values().map(|a| {
        let mut words = vec![a.id.0[0].to_string(), a.user.to_string(), a.band.to_string()];
        let mut add = |applies: bool, word: &str| applies.then(|| words.push(word.to_owned()));
        add(a.active, "active");
        add(a.primary, "primary");
        add(a.is_suspended(), "suspended");
        if let Some(ended) = a.ended {
            words.push(format!("{:?}", ended.cause).to_lowercase());
        }
        if let Some(quarantined) = state.quarantine.get(&a.id) {
            let rival = quarantined
                .rival
                .map_or("nobody".to_owned(), |rival| rival.0[0].to_string());
            words.push(format!("{}/{rival}", quarantined.cause.code()));
        }
        words.join(" ")
    });
    let oddities = state.oddities.iter().map(|oddity| match oddity {
        Oddity::SequenceUsedTwice { sequence, .. } => format!("twice {sequence}"),
        Oddity::AssociationUnknown { association, .. } => format!("unknown {}", association.0[0]),
        Oddity::IdUsedTwice { association, .. } => format!("id twice {}", association.0[0]),
        Oddity::DisconnectedTooLate { association, .. } => format!("late {}", association.0[0]),
    });
    lines.chain(oddities).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn check(script: &str, expected: &[&str]) {
    assert_eq!(say(&history(script).state()), expected.join("\n"));
}

#[test]
fn one_enrollment() {
    check("1 made 1 ada X 1", &["1 ada X active primary"]);
}

#[test]
fn the_same_enrollment_reported_twice_is_one() {
    check(
        "1 made 1 ada X 1 \n 9 made 1 ada X 1",
        &["1 ada X active primary"],
    );
}

#[test]
fn a_band_enrolled_again_by_its_user_is_renewed() {
    check(
        "1 made 1 ada X 1 \n 2 made 2 ada X 2",
        &["1 ada X renewed", "2 ada X active primary"],
    );
}

#[test]
fn the_band_is_the_witness_of_its_order_whatever_the_clocks_say() {
    check(
        "9 made 1 ada X 1 \n 2 made 2 ben X 2 any",
        &["1 ada X takenover", "2 ben X active primary"],
    );
}

#[test]
fn the_later_band_of_a_user_is_active_and_the_earlier_stays_primary() {
    check(
        "1 made 1 ada X 7 \n 2 made 2 ada Y 1",
        &["1 ada X primary", "2 ada Y active"],
    );
}

#[test]
fn the_earlier_band_does_not_come_back_by_itself() {
    let script = "1 made 1 ada X 1 \n 2 made 2 ada Y 1 \n 3 disconnect 2";
    check(script, &["1 ada X primary", "2 ada Y disconnected"]);
    check(
        &format!("{script} \n 4 active 1"),
        &["1 ada X active primary", "2 ada Y disconnected"],
    );
}

#[test]
fn a_user_without_a_primary_band_gets_one() {
    let script = "1 made 1 ada X 1 \n 2 disconnect 1 \n 3 made 2 ada Y 1";
    check(script, &["1 ada X disconnected", "2 ada Y active primary"]);
}

#[test]
fn what_was_primary_once_and_ended_is_not_primary_when_it_comes_back() {
    let script = "1 made 1 ada X 1 \n 2 disconnect 1 \n 3 made 2 ada Y 1 \n 4 made 3 ada X 2";
    check(
        script,
        &["1 ada X disconnected", "2 ada Y primary", "3 ada X active"],
    );
}

#[test]
fn a_lost_band_made_inactive_is_found_by_its_user() {
    let lost = "1 made 1 ada X 1 \n 2 inactive 1 \n 3 band X lost";
    check(lost, &["1 ada X primary"]);
    let found = format!("{lost} \n 4 made 2 ada X 2");
    check(&found, &["1 ada X renewed", "2 ada X active primary"]);
    let serial = "X".parse().unwrap();
    assert_eq!(
        history(lost).state().bands[&serial].stock,
        crate::model::StockState::Lost
    );
    assert_eq!(
        history(&found).state().bands[&serial].stock,
        crate::model::StockState::InStock
    );
}

#[test]
fn zones_do_not_touch_each_other() {
    let script = "1 made 1 ada X 1 \n 2 made 2 ada X 2 reg \n 3 made 3 ada Y 1";
    check(
        script,
        &["1 ada X primary", "2 ada X active primary", "3 ada Y active"],
    );
}

#[test]
fn a_takeover_by_policy_ends_the_other_side() {
    let script = "1 made 1 ada X 1 \n 2 made 2 ben Y 1 \n 3 made 3 ben X 2 any";
    check(
        script,
        &["1 ada X takenover", "2 ben Y primary", "3 ben X active"],
    );
}

#[test]
fn a_band_taken_for_a_free_one_waits_for_an_administrator() {
    let script = "1 made 1 ada X 1 \n 2 made 2 ben X 2";
    check(
        script,
        &["1 ada X active primary", "2 ben X suspended held_by_another/1"],
    );
}

#[test]
fn a_seos_band_changes_hands_after_a_disconnect_alone() {
    let quarantined = ["1 ada X active primary", "2 ben X suspended seos_taken_over/1"];
    check("1 made 1 ada X 1 \n 2 made 2 ben X 2 any seos", &quarantined);
    check("1 made 1 ada X 1 seos \n 2 made 2 ben X 2 any", &quarantined);
    let released = "1 made 1 ada X 1 seos \n 2 disconnect 1 \n 3 made 2 ben X 2";
    check(released, &["1 ada X disconnected", "2 ben X active primary"]);
    let too_late = "1 made 1 ada X 1 seos \n 2 made 2 ben X 2 any \n 3 disconnect 1";
    check(
        too_late,
        &["1 ada X disconnected", "2 ben X suspended seos_taken_over/1"],
    );
}

#[test]
fn what_is_in_quarantine_takes_nothing_from_its_own_user() {
    let script = "1 made 1 ada X 1 seos \n 2 made 2 ben Y 1 \n 3 made 3 ben X 2 any";
    let expected = [
        "1 ada X active primary",
        "2 ben Y active primary",
        "3 ben X suspended seos_taken_over/1",
    ];
    check(script, &expected);
}

#[test]
fn one_button_each_way() {
    let script = "1 made 1 ada X 1 seos \n 2 made 2 ben Y 1 \n 3 made 3 ben X 2 any";
    let kept = ["1 ada X takenover", "2 ben Y primary", "3 ben X active"];
    check(&format!("{script} \n 9 keep 3"), &kept);
    let rejected = [
        "1 ada X active primary",
        "2 ben Y active primary",
        "3 ben X rejected",
    ];
    check(&format!("{script} \n 9 reject 3"), &rejected);
    check(&format!("{script} \n 8 keep 3 \n 9 reject 3"), &rejected);
}

#[test]
fn a_user_suspended_meanwhile_gets_nothing() {
    check(
        "1 suspend-user ada \n 2 made 1 ada X 1",
        &["1 ada X suspended user_suspended/nobody"],
    );
    check(
        "1 made 1 ada X 1 \n 2 suspend-user ada",
        &["1 ada X active primary"],
    );
    check(
        "1 suspend-user ada \n 2 resume-user ada \n 3 made 1 ada X 1",
        &["1 ada X active primary"],
    );
    check(
        "1 departed ada \n 2 made 1 ada X 1",
        &["1 ada X suspended user_not_active/nobody"],
    );
}

#[test]
fn a_band_withdrawn_or_withheld_meanwhile_waits() {
    check(
        "1 band X retired \n 2 made 1 ada X 1",
        &["1 ada X suspended band_withdrawn/nobody"],
    );
    let suspended = "1 made 1 ada X 1 \n 2 suspend 1 \n 3 made 2 ben X 2 any";
    check(
        suspended,
        &[
            "1 ada X active primary suspended",
            "2 ben X suspended band_withheld/1",
        ],
    );
    let user = "1 made 1 ada X 1 \n 2 suspend-user ada \n 3 made 2 ben X 2 any";
    check(
        user,
        &["1 ada X active primary", "2 ben X suspended band_withheld/1"],
    );
    let lost = "1 made 1 ada X 1 \n 2 band X lost \n 3 made 2 ben X 2 any";
    check(
        lost,
        &["1 ada X active primary", "2 ben X suspended band_withheld/1"],
    );
}

#[test]
fn a_copied_band_is_noticed() {
    let script = "1 made 1 ada X 1 \n 2 made 2 ada X 2 \n 3 made 3 ben X 2 any";
    check(
        script,
        &[
            "1 ada X renewed",
            "2 ada X active primary",
            "3 ben X suspended epoch_used_twice/2",
        ],
    );
    check(
        "1 made 1 ada X 1 \n 2 made 1 ben X 2 any",
        &["1 ada X suspended id_used_twice/nobody", "id twice 1"],
    );
}

#[test]
fn of_two_associations_under_one_id_the_band_made_the_lower_epoch_first() {
    let state = history("1 made 1 ada X 5 \n 2 made 1 ada X 3").state();
    assert_eq!(say(&state), "1 ada X suspended id_used_twice/nobody\nid twice 1");
    assert_eq!(state.associations[&association_id("1")].band_epoch, 3);
}

#[test]
fn to_disconnect_what_is_in_quarantine_settles_it() {
    let script = "1 made 1 ada X 1 seos \n 2 made 2 ben X 2 any \n 3 disconnect 2";
    check(
        script,
        &["1 ada X active primary", "2 ben X suspended disconnected"],
    );
}

#[test]
fn the_rightful_holder_may_take_back_what_is_in_quarantine() {
    let script = "1 made 1 ada X 1 seos \n 2 made 2 ben X 2 any \n 3 made 3 ada X 3";
    let expected = [
        "1 ada X renewed",
        "2 ben X suspended takenover seos_taken_over/1",
        "3 ada X active primary",
    ];
    check(script, &expected);
}

#[test]
fn what_cannot_be_applied_is_listed() {
    check("1 disconnect 1", &["unknown 1"]);
    let late = "1 made 1 ada X 1 \n 2 made 2 ada X 2 \n 3 disconnect 1";
    check(late, &["1 ada X renewed", "2 ada X active primary", "late 1"]);
}

#[test]
fn a_copied_station_is_noticed() {
    let mut history = history("1 made 1 ada X 1");
    history.absorb([entry((0, "2 made 2 ben Y 1"))]);
    assert_eq!(
        say(&history.state()),
        "1 ada X active primary\n2 ben Y active primary\ntwice 0"
    );
}

#[test]
fn an_ended_association_keeps_its_moment() {
    let state = history("1 made 1 ada X 1 \n 5 disconnect 1").state();
    let ended = state.associations[&association_id("1")].ended.unwrap();
    assert_eq!((ended.cause, ended.at), (EndCause::Disconnected, UnixMillis(5)));
}

#[test]
fn the_holder_is_the_one_by_right() {
    let state = history("1 made 1 ada X 1 seos \n 2 made 2 ben X 2 any").state();
    let serial = "X".parse().unwrap();
    assert_eq!(
        state.holder(serial, Zone::Enrollment).unwrap().id,
        association_id("1")
    );
    assert_eq!(state.holder(serial, Zone::Registration), None);
}
