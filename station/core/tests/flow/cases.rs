//! Every way an enrollment goes when nothing breaks.

use std::time::Duration;

use firmware_protocol::band::Wearer;
use firmware_protocol::id::Zone;
use firmware_protocol::message::TouchFault;
use policy::model::{Suspension, UserStatus};
use station_core::enrollment::{AppendFault, Outcome, Person, Screen, Tip, replay};
use station_core::journal::{JournalRecord, verify};
use station_core::replica::TicketState;
use station_core::ticket::TicketId;

use crate::store::{STATION, handle};
use crate::world::World;

fn row(user: u8, band: u8, active: bool, primary: bool) -> (String, String, bool, bool) {
    (format!("user-{user}"), format!("BAND-{band:03}"), active, primary)
}

#[track_caller]
fn enrolled(world: &mut World, user: u8, band: u8) {
    let outcome = world.enroll(user, band);
    assert!(
        matches!(outcome, Outcome::Enrolled { .. }),
        "{outcome:?} {:?}",
        world.screens
    );
}

#[track_caller]
fn refused(world: &mut World, user: u8, band: u8, code: &str) {
    let outcome = world.enroll(user, band);
    let Outcome::Refused {
        code: found,
        left_open,
    } = outcome
    else {
        panic!("{outcome:?}")
    };
    assert_eq!((found.code(), left_open), (code, false));
    assert_eq!(world.refusal(), Some(code));
    assert!(!world.requests.contains(&1), "nothing was asked of the wearer");
}

#[test]
fn a_first_enrollment_has_four_requests_and_three_appends() {
    let mut world = World::new();
    enrolled(&mut world, 1, 1);
    assert_eq!(
        world.requests,
        [1, 2, 5],
        "arm, commit, finish; the handshake is the first round trip"
    );
    assert_eq!(world.appends, 3);
    let names = [
        "identified",
        "decided",
        "decided",
        "ticket_spent",
        "intent",
        "committed",
    ];
    assert_eq!(world.store.names(), names);
    assert_eq!(world.store.open(), [row(1, 1, true, true)]);
    assert!(world.store.intents.is_empty());
    assert!(verify(STATION, &world.store.entries).is_ok());
    let report = world.bands[0].engine.report(world.now);
    assert!(report.associations[0].finished);
    assert_eq!(report.associations[0].user, handle(1));
}

#[test]
fn what_people_see_is_in_order() {
    let mut world = World::new();
    enrolled(&mut world, 1, 1);
    let seen: Vec<_> = world.screens.iter().map(|s| format!("{s:?}")).collect();
    let seen: Vec<_> = seen
        .iter()
        .map(|s| s.split([' ', '(']).next().unwrap_or_default())
        .collect();
    let expected = [
        "BandFound",
        "Allowed",
        "CompareCode",
        "BandConfirmed",
        "Touch",
        "Touch",
        "Touch",
        "Saving",
        "Done",
    ];
    assert_eq!(seen, expected);
}

#[test]
fn the_own_band_again_needs_no_code() {
    let mut world = World::new();
    enrolled(&mut world, 1, 1);
    enrolled(&mut world, 1, 1);
    assert!(
        !world
            .screens
            .iter()
            .any(|screen| matches!(screen, Screen::CompareCode(_)))
    );
    assert_eq!(world.store.open(), [row(1, 1, true, true)]);
    assert_eq!(world.store.associations.len(), 2);
}

#[test]
fn a_free_band_replaces_and_the_old_one_stays_primary() {
    let mut world = World::new();
    enrolled(&mut world, 1, 1);
    enrolled(&mut world, 1, 2);
    assert_eq!(
        world.store.open(),
        [row(1, 1, false, true), row(1, 2, true, false)]
    );
    enrolled(&mut world, 1, 1);
    assert_eq!(
        world.store.open(),
        [row(1, 1, true, true), row(1, 2, false, false)]
    );
}

#[test]
fn a_take_over_asks_for_deletion_only_after_the_policy_allowed_it() {
    let mut world = World::new();
    enrolled(&mut world, 1, 1);
    enrolled(&mut world, 2, 2);
    enrolled(&mut world, 1, 2);
    assert_eq!(
        world.store.open(),
        [row(1, 1, false, true), row(1, 2, true, false)]
    );
    let allowed = world
        .screens
        .iter()
        .position(|s| matches!(s, Screen::Allowed { .. }));
    let asked = world
        .screens
        .iter()
        .position(|s| matches!(s, Screen::DeleteUserData { .. }));
    assert!(allowed < asked && asked.is_some());
    assert!(world.store.names().contains(&"user_data_deleted"));
}

#[test]
fn a_refusal_touches_nothing() {
    let mut world = World::new();
    enrolled(&mut world, 1, 4);
    refused(&mut world, 2, 4, "seos_held_by_another");
    assert_eq!(
        world.bands[3].engine.report(world.now).associations[0].user,
        handle(1)
    );
    enrolled(&mut world, 2, 2);
    refused(&mut world, 3, 2, "first_band_must_be_free");
    world.store.bands.remove(2);
    refused(&mut world, 4, 3, "band_not_in_stock");
}

/// Something happens to a world.
type Change = fn(&mut World);

/// Nobody looks for a band to hear that it is no use; the journal says who it was and why.
#[test]
fn whoever_gets_no_band_at_all_is_asked_for_none() {
    let changes: [(&str, Change); 3] = [
        ("user_suspended", |world| {
            world.store.users[2].user.suspension = Some(Suspension::default());
        }),
        ("user_not_active", |world| {
            world.store.users[2].user.status = UserStatus::Departed;
        }),
        ("user_unknown", |world| {
            world.store.users.remove(2);
        }),
    ];
    for (code, change) in changes {
        let mut world = World::new();
        change(&mut world);
        world.begin(3);
        let outcome = world.run();
        assert!(
            matches!(&outcome, Outcome::Refused { code: found, left_open: false } if found.code() == code),
            "{code}: {outcome:?}"
        );
        assert!(
            world.requests.is_empty(),
            "{code}: no band was asked for anything"
        );
        assert_eq!(world.store.names(), ["identified", "refused"], "{code}");
        let shown = world
            .screens
            .iter()
            .filter(|screen| matches!(screen, Screen::Refused(_)));
        assert_eq!((shown.count(), world.screens.len()), (1, 1), "{code}");
    }
}

/// Rows change while somebody walks about: it is asked again with the band, and before the commit.
#[test]
fn whoever_is_suspended_meanwhile_is_refused_with_the_band() {
    let mut world = World::new();
    world.bring(3);
    world.begin(3);
    world.store.users[2].user.suspension = Some(Suspension::default());
    let outcome = world.run();
    assert!(
        matches!(&outcome, Outcome::Refused { code, .. } if code.code() == "user_suspended"),
        "{outcome:?}"
    );
    assert_eq!(world.store.names(), ["identified", "decided", "refused"]);
}

#[test]
fn a_refused_ticket_is_not_spent() {
    let mut world = World::new();
    world.store.group.stock_enforced = Some(true);
    world.store.bands.clear();
    refused(&mut world, 1, 1, "band_not_in_stock");
    assert!(world.store.tickets.is_empty());
}

#[test]
fn the_bands_condition_is_checked_before_anything_is_asked() {
    let mut world = World::new();
    let now = world.now;
    world.bands[0].wearer(now, Wearer::Battery(19));
    refused(&mut world, 1, 1, "battery_low");
    world.store.group.battery_min_percent = Some(10);
    world.bands[0].wearer(now, Wearer::Battery(12));
    let outcome = world.enroll(1, 1);
    assert!(
        matches!(outcome, Outcome::Refused { .. }),
        "the band itself wants 15"
    );
    assert_eq!(world.refusal(), Some("battery_low"));
}

#[test]
fn a_band_that_is_not_worn_is_waited_for() {
    let mut world = World::new();
    let now = world.now;
    world.bands[0].wearer(now, Wearer::TakeOff);
    world.begin(1);
    world.run_until(|screen| matches!(screen, Screen::PutOn));
    (0..40).for_each(|_| world.step());
    let now = world.now;
    world.bands[0].wearer(now, Wearer::PutOn);
    assert!(matches!(world.run(), Outcome::Enrolled { .. }));
    assert_eq!(world.appends, 3);
}

#[test]
fn a_band_that_is_never_put_on_ends_the_attempt() {
    let mut world = World::new();
    let now = world.now;
    world.bands[0].wearer(now, Wearer::TakeOff);
    let outcome = world.enroll(1, 1);
    assert!(matches!(outcome, Outcome::Refused { .. }));
    assert_eq!(world.refusal(), Some("not_worn"));
}

#[test]
fn a_band_taken_off_while_touching_goes_on_when_it_is_back() {
    let mut world = World::new();
    world.begin(1);
    world.run_until(|screen| matches!(screen, Screen::Touch { count: 1, .. }));
    let now = world.now;
    world.bands[0].wearer(now, Wearer::TakeOff);
    world.run_until(|screen| matches!(screen, Screen::PutOn));
    let now = world.now;
    world.bands[0].wearer(now, Wearer::PutOn);
    assert!(matches!(world.run(), Outcome::Enrolled { .. }));
}

#[test]
fn a_failed_touch_gives_a_tip() {
    let mut world = World::new();
    world.begin(1);
    world.run_until(|screen| matches!(screen, Screen::Touch { count: 1, .. }));
    world.fail_touch(TouchFault::Wet);
    assert!(matches!(world.run(), Outcome::Enrolled { .. }));
    let tip = |screen: &Screen| {
        matches!(
            screen,
            Screen::TouchAgain {
                tip: Tip::DryFinger,
                in_a_row: 1,
                ..
            }
        )
    };
    assert!(world.screens.iter().any(tip));
}

#[test]
fn too_many_failed_touches_lock_the_band() {
    let mut world = World::new();
    world.begin(1);
    world.run_until(|screen| matches!(screen, Screen::Touch { .. }));
    world.bands[0].obedient = false;
    (0..10).for_each(|_| world.fail_touch(TouchFault::NoMatch));
    assert!(matches!(world.run(), Outcome::Refused { .. }));
    assert_eq!(world.refusal(), Some("band_locked_out"));
    refused(&mut world, 1, 1, "band_locked_out");
}

#[test]
fn the_wearer_and_the_kiosk_can_each_say_no() {
    let mut world = World::new();
    world.bands[0].obedient = false;
    world.begin(1);
    world.run_until(|screen| matches!(screen, Screen::CompareCode(_)));
    let now = world.now;
    world.bands[0].wearer(now, Wearer::Decline);
    world.run();
    assert_eq!(world.refusal(), Some("wearer_declined"));

    world.confirms_code = false;
    world.begin(1);
    world.run_until(|screen| matches!(screen, Screen::CompareCode(_)));
    world.person(Person::CodeDeclined);
    world.run();
    assert_eq!(world.refusal(), Some("code_mismatch"));

    world.begin(1);
    world.run();
    assert_eq!(world.refusal(), Some("wearer_timed_out"));
}

#[test]
fn nothing_is_committed_before_the_code_is_confirmed_at_the_kiosk() {
    let mut world = World::new();
    world.confirms_code = false;
    world.begin(1);
    world.run_until(|screen| matches!(screen, Screen::Touch { count: 2, .. }));
    (0..5).for_each(|_| world.step());
    assert!(!world.requests.contains(&2));
    world.run();
    assert_eq!(world.refusal(), Some("code_not_confirmed"));
    let report = world.bands[0].engine.report(world.now);
    assert!(report.associations.is_empty() && report.staged.is_none());
}

#[test]
fn cancel_is_obeyed_until_the_commit_and_not_after() {
    let mut cancelled = 0;
    for moment in 0..70 {
        let mut world = World::new();
        world.begin(1);
        (0..moment).for_each(|_| world.step());
        world.person(Person::Cancel);
        let outcome = world.run();
        let held = world.bands[0].engine.report(world.now).associations.len();
        let open = world.store.open().len();
        assert!(world.store.intents.is_empty());
        match outcome {
            Outcome::Enrolled { .. } => assert_eq!((held, open), (1, 1), "moment {moment}"),
            Outcome::Refused { .. } => {
                cancelled += 1;
                assert_eq!((held, open), (0, 0), "moment {moment}");
                assert_eq!(world.refusal(), Some("cancelled"));
                assert!(
                    world
                        .store
                        .tickets
                        .values()
                        .all(|state| *state == TicketState::Unspent)
                );
            }
            Outcome::Settled => panic!("somebody was there"),
        }
    }
    assert!(cancelled > 20 && cancelled < 70);
}

#[test]
fn another_band_does_not_slip_in() {
    let mut world = World::new();
    world.begin(1);
    world.run_until(|screen| matches!(screen, Screen::Touch { count: 1, .. }));
    world.bring(2);
    world.run_until(|screen| matches!(screen, Screen::OtherBand { .. }));
    world.bring(1);
    assert!(matches!(world.run(), Outcome::Enrolled { .. }));
    assert!(world.bands[1].engine.report(world.now).associations.is_empty());
}

#[test]
fn an_ot_station_registers_without_a_new_capture() {
    let mut world = World::new();
    enrolled(&mut world, 1, 1);
    world.zone = Zone::Registration;
    world.station = crate::keys::station(2, Zone::Registration);
    enrolled(&mut world, 1, 1);
    assert_eq!(
        world
            .screens
            .iter()
            .filter(|s| matches!(s, Screen::Touch { quality: Some(_), .. }))
            .count(),
        1
    );
    let report = world.bands[0].engine.report(world.now);
    assert_eq!(report.associations.len(), 2);
    refused(&mut world, 2, 2, "enrollment_missing");
}

#[test]
fn a_ticket_spent_meanwhile_ends_the_attempt() {
    let mut world = World::new();
    world.begin(1);
    world.run_until(|screen| matches!(screen, Screen::Saving));
    let association = firmware_protocol::id::AssociationId([99; 16]);
    world
        .store
        .tickets
        .insert(TicketId([1; 16]), TicketState::Spent { association });
    world.run();
    assert_eq!(world.refusal(), Some("ticket_reused"));
    assert!(world.bands[0].engine.report(world.now).staged.is_none());
}

#[test]
fn a_journal_that_does_not_take_it_promises_nothing() {
    for (from, held, left_open) in [(1, 0, false), (2, 0, false), (3, 1, true)] {
        let mut world = World::new();
        world.append_fault = Some((from, AppendFault::Storage));
        let outcome = world.enroll(1, 1);
        let Outcome::Refused {
            code,
            left_open: open,
        } = outcome
        else {
            panic!("{outcome:?}")
        };
        assert_eq!(
            (code.code(), open),
            ("station_storage_fault", left_open),
            "append {from}"
        );
        assert!(
            !world
                .screens
                .iter()
                .any(|screen| matches!(screen, Screen::Done { .. }))
        );
        let report = world.bands[0].engine.report(world.now);
        assert_eq!(report.associations.len(), held);
        assert!(report.associations.iter().all(|held| !held.finished) && report.staged.is_none());
        // once the disk is there again, everything is as it should be
        world.append_fault = None;
        enrolled(&mut world, 1, 1);
        assert_eq!(world.store.open(), [row(1, 1, true, true)]);
    }
}

#[test]
fn a_band_that_cannot_write_is_given_up() {
    let mut world = World::new();
    world.begin(1);
    world.run_until(|screen| matches!(screen, Screen::Touch { count: 1, .. }));
    world.bands[0].hardware.storage_works = false;
    world.run();
    assert_eq!(world.refusal(), Some("band_storage_fault"));
}

#[test]
fn no_band_at_all_ends_by_itself() {
    let mut world = World::new();
    world.begin(1);
    world.bands[0].obedient = false;
    // a band that never answers: the link breaks again and again
    world.breaks = (0..20_000)
        .map(|at| (at * 2 + 3, crate::world::Break::Link))
        .collect();
    let outcome = world.run();
    assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
}

#[test]
fn doubt_about_the_time_forbids_taking_over() {
    let mut world = World::new();
    enrolled(&mut world, 1, 1);
    enrolled(&mut world, 2, 2);
    world.time_trusted = false;
    refused(&mut world, 1, 2, "replica_too_old_for_takeover");
    world.time_trusted = true;
    world.wall_ms += Duration::from_secs(2 * 3600).as_millis() as u64;
    refused(&mut world, 1, 2, "replica_too_old_for_takeover");
}

#[test]
fn every_recorded_decision_can_be_made_again() {
    let mut world = World::new();
    enrolled(&mut world, 1, 1);
    enrolled(&mut world, 2, 2);
    enrolled(&mut world, 1, 2);
    refused(&mut world, 3, 2, "first_band_must_be_free");
    let decided: Vec<_> = world
        .store
        .records()
        .into_iter()
        .filter_map(|record| match record {
            JournalRecord::Decided(decided) => Some(decided),
            _ => None,
        })
        .collect();
    assert_eq!(decided.len(), 8);
    for decided in decided {
        assert_eq!(replay(&decided), Some(true));
        let facts = String::from_utf8(decided.facts).expect("JSON");
        assert!(!facts.contains("Name"), "no names in the journal");
        assert!(facts.len() < 1500, "{}", facts.len());
    }
}
