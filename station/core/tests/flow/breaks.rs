//! Every way an enrollment goes when something breaks: at each moment in turn, and at random.
//!
//! Whatever happened, once things work again band and station agree: what the band holds is in the rows and
//! its receipt is in the journal exactly once; what is in the rows the band holds; no user has two
//! active bands and no band two holders; nothing is left open.

use std::collections::BTreeMap;
use std::time::Duration;

use firmware_protocol::band::Wearer;
use firmware_protocol::receipt::Receipt;
use proptest::prelude::*;
use station_core::convert;
use station_core::enrollment::{Outcome, Screen};
use station_core::journal::{JournalRecord, Moment, verify};
use station_core::replica::{Rows, TicketState};

use crate::keys;
use crate::store::{STATION, Store, handle};
use crate::world::{Break, World};

/// What is true of a store and a band at every moment, and what is true once nothing is open.
fn check_agreement(world: &World, band: u8, context: &str) {
    let store = &world.store;
    assert!(verify(STATION, &store.entries).is_ok(), "{context}");
    let report = world.bands[usize::from(band) - 1].engine.report(world.now);
    let serial = convert::serial(&keys::serial(band));
    let rows: Vec<_> = store
        .associations
        .iter()
        .filter(|row| row.association.band == serial && row.association.is_open())
        .collect();
    assert!(store.intents.is_empty(), "{context}: nothing is open");
    assert_eq!(rows.len(), report.associations.len(), "{context}: rows and band");
    for held in &report.associations {
        let row = rows
            .iter()
            .find(|row| row.association.id == convert::association_id(held.association));
        let row = row.unwrap_or_else(|| panic!("{context}: what the band holds is in the rows"));
        assert_eq!(row.association.band_epoch, held.epoch, "{context}");
    }
    check_users(world, context);
    check_receipts(world, context);
    check_fold(world, context);
}

/// The journal alone gives the rows.
fn check_fold(world: &World, context: &str) {
    let (store, fresh) = (&world.store, Store::new());
    let mut folded = Rows::new(&fresh.users, &fresh.bands, &[], &[]);
    store.records().iter().for_each(|record| folded.replay(record));
    let mut rows: Vec<_> = store.associations.iter().collect();
    rows.sort_by_key(|row| row.association.id);
    assert_eq!(folded.associations().collect::<Vec<_>>(), rows, "{context}");
    assert_eq!(folded.open_intents().count(), store.intents.len(), "{context}");
    assert!(
        store
            .tickets
            .iter()
            .all(|(id, state)| folded.ticket(*id) == *state),
        "{context}"
    );
}

fn check_users(world: &World, context: &str) {
    let mut active = BTreeMap::new();
    let mut holders = BTreeMap::new();
    for row in world
        .store
        .associations
        .iter()
        .map(|row| &row.association)
        .filter(|a| a.is_open())
    {
        *active.entry(row.user.clone()).or_insert(0) += u32::from(row.active);
        *holders.entry(row.band).or_insert(0) += 1;
    }
    assert!(
        active.values().all(|count| *count <= 1),
        "{context}: one active band per user"
    );
    assert!(
        holders.values().all(|count| *count <= 1),
        "{context}: one user per band"
    );
}

/// Every receipt is there once, and verifies.
fn check_receipts(world: &World, context: &str) {
    let mut seen = BTreeMap::new();
    for record in world.store.records() {
        if let JournalRecord::Committed(committed) = record {
            let receipt = Receipt::verify(&committed.receipt, &committed.band_key).expect("a good receipt");
            let count = seen.entry(receipt.association).or_insert(0);
            *count += 1;
            assert_eq!(*count, 1, "{context}: each receipt once");
        }
    }
    let proven = world
        .store
        .associations
        .iter()
        .filter(|row| row.credential_key.is_some());
    assert_eq!(proven.count(), seen.len(), "{context}: a row for each receipt");
}

/// Nothing breaks any more: the station settles, then a person with the same wish comes again.
fn recover(world: &mut World, user: u8, band: u8) -> Outcome {
    world.breaks.clear();
    world.disk_fails_once = false;
    world.time_trusted = true;
    world.store.made_at_ms = world.wall_ms;
    world.bring(band);
    world.begin_settling();
    world.run();
    world.enroll(user, band)
}

/// One attempt during which things break, then agreement.
fn check(story: fn(&mut World), user: u8, band: u8, breaks: &[(u32, Break)]) {
    let context = format!("{breaks:?}");
    let mut world = World::new();
    story(&mut world);
    let begins = world.moments;
    world.breaks = breaks.iter().map(|(at, what)| (begins + at, *what)).collect();
    world.bring(band);
    world.begin(user);
    let outcome = world.run();
    let promised = world
        .screens
        .iter()
        .any(|screen| matches!(screen, Screen::Done { .. }));
    let committed = |world: &World| {
        world
            .store
            .names()
            .iter()
            .filter(|name| **name == "committed")
            .count()
    };
    let before = committed(&world);
    if promised {
        let holder = world.bands[usize::from(band) - 1]
            .engine
            .report(world.now)
            .associations[0]
            .user;
        assert_eq!(holder, handle(user), "{context}: what was promised holds");
    }
    if matches!(outcome, Outcome::Enrolled { .. }) {
        check_agreement(&world, band, &context);
    }
    let again = recover(&mut world, user, band);
    assert!(
        matches!(again, Outcome::Enrolled { .. }),
        "{context}: {again:?} {:?}",
        world.screens
    );
    assert!(committed(&world) > before || !promised, "{context}");
    check_agreement(&world, band, &context);
}

fn nothing(_: &mut World) {}

fn own_band(world: &mut World) {
    world.enroll(1, 1);
}

fn both_have_bands(world: &mut World) {
    world.enroll(1, 1);
    world.enroll(2, 2);
}

/// Long enough to reach past the end of every attempt.
const MOMENTS: u32 = 64;
const BREAKS: [Break; 5] = [
    Break::Link,
    Break::Station,
    Break::Band,
    Break::Disk,
    Break::Clock,
];

#[test]
fn the_moments_reach_past_every_attempt() {
    let mut world = World::new();
    for (user, band, moments) in [
        (1, 1, MOMENTS),
        (1, 1, MOMENTS),
        (2, 2, MOMENTS),
        (1, 2, MOMENTS + 30),
    ] {
        let begins = world.moments;
        world.enroll(user, band);
        assert!(world.moments - begins < moments);
    }
}

#[test]
fn a_first_enrollment_survives_one_break_at_each_moment() {
    for what in BREAKS {
        (0..MOMENTS).for_each(|at| check(nothing, 1, 1, &[(at, what)]));
    }
}

#[test]
fn a_re_enrollment_survives_one_break_at_each_moment() {
    for what in BREAKS {
        (0..MOMENTS).for_each(|at| check(own_band, 1, 1, &[(at, what)]));
    }
}

#[test]
fn a_replacement_survives_one_break_at_each_moment() {
    for what in BREAKS {
        (0..MOMENTS).for_each(|at| check(own_band, 1, 2, &[(at, what)]));
    }
}

#[test]
fn a_take_over_survives_one_break_at_each_moment() {
    for what in BREAKS {
        (0..MOMENTS + 30).for_each(|at| check(both_have_bands, 1, 2, &[(at, what)]));
    }
}

fn any_break() -> impl Strategy<Value = Break> {
    prop::sample::select(BREAKS.to_vec())
}

proptest! {
    #![proptest_config(crate::cases(100))]

    #[test]
    fn an_enrollment_survives_many_breaks(
        breaks in prop::collection::vec((0..200u32, any_break()), 0..8),
        story in 0..3usize,
    ) {
        let (story, user, band): (fn(&mut World), u8, u8) =
            [(nothing as fn(&mut World), 1, 1), (own_band, 1, 2), (both_have_bands, 1, 2)][story];
        check(story, user, band, &breaks);
    }
}

#[test]
fn a_receipt_that_was_not_heard_is_recalled_for_whoever_comes() {
    // The link breaks after the band committed and before the station heard of it.
    let mut found = 0;
    for at in 0..MOMENTS {
        let mut world = World::new();
        world.breaks = vec![(at, Break::Station)];
        world.begin(1);
        world.run_until_restarted();
        let report = world.bands[0].engine.report(world.now);
        if report.associations.len() != 1 || world.store.intents.len() != 1 {
            continue;
        }
        found += 1;
        world.breaks.clear();
        // Another person stands there with that band: the first one's enrollment is settled, then refused.
        world.store.group.reenroll_any = None;
        let outcome = world.enroll(2, 1);
        assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
        assert_eq!(world.refusal(), Some("held_by_another"));
        assert!(world.screens.iter().any(|s| matches!(
            s,
            Screen::Settled {
                rolled_back: None,
                ..
            }
        )));
        check_agreement(&world, 1, &format!("moment {at}"));
        assert!(world.bands[0].engine.report(world.now).associations[0].finished);
    }
    assert!(found > 0);
}

#[test]
fn a_staged_enrollment_is_not_finished_for_another_person_nor_late() {
    for later_ms in [0, 3_600_000] {
        let mut found = 0;
        for at in 0..MOMENTS {
            let mut world = World::new();
            world.breaks = vec![(at, Break::Station)];
            world.begin(1);
            world.run_until_restarted();
            let staged = world.bands[0].engine.report(world.now).staged.is_some();
            if !staged || world.store.intents.len() != 1 {
                continue;
            }
            found += 1;
            world.breaks.clear();
            world.wall_ms += later_ms;
            let user = if later_ms == 0 { 2 } else { 1 };
            let outcome = world.enroll(user, 1);
            assert!(matches!(outcome, Outcome::Enrolled { .. }), "{outcome:?}");
            assert!(world.screens.iter().any(|s| matches!(
                s,
                Screen::Settled {
                    rolled_back: Some(_),
                    ..
                }
            )));
            assert_eq!(
                world.bands[0].engine.report(world.now).associations[0].user,
                handle(user)
            );
            check_agreement(&world, 1, &format!("moment {at}"));
            let free = world
                .store
                .tickets
                .values()
                .filter(|state| **state == TicketState::Unspent)
                .count();
            assert_eq!(free, 1, "the ticket of what was not made is free again");
        }
        assert!(found > 0);
    }
}

#[test]
fn what_another_station_left_unfinished_is_taken_into_the_journal() {
    let mut world = World::new();
    world.enroll(1, 1);
    let other = World::new();
    // Another station's rows, the same band: the association is known to the band alone.
    world.store = other.store.clone();
    let report = world.bands[0].engine.report(world.now);
    assert!(
        report.associations[0].finished,
        "finished elsewhere: nothing to recall"
    );
    assert!(matches!(world.enroll(1, 1), Outcome::Enrolled { .. }));
    check_users(&world, "after a finished one");

    let mut world = World::new();
    let mut at = 0;
    while world.bands[0].engine.report(world.now).associations.is_empty() {
        world = World::new();
        at += 1;
        world.breaks = vec![(at, Break::Station)];
        world.begin(1);
        world.run_until_restarted();
    }
    world.breaks.clear();
    world.store = World::new().store;
    world.store.made_at_ms = world.wall_ms;
    let outcome = world.enroll(1, 1);
    assert!(matches!(outcome, Outcome::Enrolled { .. }), "{outcome:?}");
    let names = world.store.names();
    assert_eq!(
        names.iter().filter(|name| **name == "committed").count(),
        2,
        "{names:?}"
    );
    check_agreement(&world, 1, "left by another station");
}

/// A band that has committed, and a journal without the intent: it was given up.
fn committed_without_an_intent() -> World {
    for at in 0..MOMENTS {
        let mut world = World::new();
        world.breaks = vec![(at, Break::Station)];
        world.begin(1);
        world.run_until_restarted();
        let report = world.bands[0].engine.report(world.now);
        if report.associations.len() == 1 && world.store.intents.len() == 1 {
            world.breaks.clear();
            world.store.intents.clear();
            return world;
        }
    }
    panic!("no moment between the band's commit and the station's");
}

fn count(world: &World, name: &str) -> usize {
    world.store.names().iter().filter(|other| **other == name).count()
}

#[test]
fn a_receipt_without_an_intent_counts_if_the_policy_would_have_allowed_it() {
    let mut world = committed_without_an_intent();
    assert!(matches!(world.enroll(1, 1), Outcome::Enrolled { .. }));
    let recalled = |record: &JournalRecord| matches!(record, JournalRecord::Decided(decided) if decided.moment == Moment::Recalled && decided.outcome == "allow");
    assert_eq!(
        world
            .store
            .records()
            .iter()
            .filter(|record| recalled(record))
            .count(),
        1
    );
    assert_eq!(count(&world, "committed"), 2);
}

#[test]
fn a_receipt_without_an_intent_that_the_policy_forbids_is_quarantined() {
    let mut world = committed_without_an_intent();
    world.store.users[0].user.status = policy::model::UserStatus::Departed;
    for visit in 0..3 {
        world.enroll(2, 1);
        assert_eq!(world.refusal(), Some("band_quarantined"), "visit {visit}");
        assert!(world.store.associations.is_empty(), "it changes no row");
        assert_eq!(
            (count(&world, "quarantined"), count(&world, "committed")),
            (1, 0),
            "it is recorded once"
        );
        assert!(
            !world.bands[0].engine.report(world.now).associations[0].finished,
            "the band keeps its proof"
        );
    }
    assert!(world.store.quarantined.contains_key(&crate::keys::serial(1)));
    // Emptied by hand it is a band like any other.
    let now = world.now;
    world.bands[0].wearer(now, Wearer::Charger(true));
    world.bands[0].wearer(now, Wearer::HoldToDelete);
    world.bands[0].reboot(now);
    assert!(matches!(world.enroll(2, 1), Outcome::Enrolled { .. }));
    assert!(world.store.quarantined.is_empty());
}

#[test]
fn a_receipt_for_somebody_unknown_is_quarantined_by_whoever_comes() {
    let mut world = committed_without_an_intent();
    world.store.users.remove(0);
    world.bring(1);
    world.begin_settling();
    world.run();
    assert_eq!((count(&world, "quarantined"), count(&world, "refused")), (1, 0));
}

/// Kills the station at this moment of an enrollment; how much it had asked of the band by then.
fn kill_at(world: &mut World, moment: u32) -> usize {
    world.bring(1);
    world.begin(1);
    world.breaks = vec![(world.moments + moment, Break::Station)];
    world.run_until_restarted();
    world.breaks.clear();
    world.requests.len()
}

/// A handshake that the band answered and whose station never reveals who it is looks like a man in the middle
/// drawing screen codes, and is counted. A station killed at any other moment costs the band no patience, and one
/// good session makes up for all.
#[test]
fn a_killed_station_costs_patience_only_before_its_first_request() {
    let mut paused = Vec::new();
    for moment in 0..90 {
        let mut world = World::new();
        let asked = [(); 3].map(|()| kill_at(&mut world, moment));
        let begins = world.now;
        world.enroll(1, 1);
        if world.now.since(begins) >= Duration::from_secs(5) {
            // The first request reveals, once the band has it.
            assert!(asked.iter().all(|asked| *asked <= 1), "killed at {moment}");
            paused.push(moment);
        }
    }
    assert!(
        !paused.is_empty(),
        "three broken handshakes in a row make a band pause"
    );
    let one_window = paused.windows(2).all(|pair| pair[1] == pair[0] + 1);
    assert!(one_window && paused.len() < 20, "{paused:?}");
    let mut world = World::new();
    kill_at(&mut world, paused[0]);
    kill_at(&mut world, paused[0]);
    recover(&mut world, 1, 1);
    let begins = world.now;
    kill_at(&mut world, paused[0]);
    kill_at(&mut world, paused[0]);
    recover(&mut world, 1, 1);
    assert!(
        world.now.since(begins) < Duration::from_secs(5),
        "forgiven by then"
    );
}

/// Nobody stands at the kiosk for a settling attempt, so it ends whenever somebody comes; what it leaves is
/// settled the next time.
#[test]
fn an_attempt_of_nobody_gives_way_at_every_moment() {
    for killed in (30..120).step_by(9) {
        for given in (0..30).step_by(3) {
            let context = format!("killed at {killed}, gave way at {given}");
            let mut world = World::new();
            kill_at(&mut world, killed);
            world.begin_settling();
            (0..given).for_each(|_| world.step());
            let now = world.now;
            let flow = world.flow.as_mut().expect("a settling attempt");
            flow.give_way(now);
            assert!(flow.is_ended(), "{context}");
            world.run();
            world.begin_settling();
            world.run();
            check_agreement(&world, 1, &context);
        }
    }
}

/// A person's attempt goes on, whoever waits, until only the goodbye to the band is left.
#[test]
fn an_attempt_of_a_person_gives_way_only_when_all_is_said() {
    let mut world = World::new();
    world.bring(1);
    world.begin(1);
    let said = |world: &World| {
        let shown = |screen: &Screen| matches!(screen, Screen::Done { .. });
        world.screens.iter().any(shown)
    };
    while !said(&world) {
        let now = world.now;
        let flow = world.flow.as_mut().expect("an attempt");
        flow.give_way(now);
        world.step();
    }
    let now = world.now;
    let flow = world.flow.as_mut().expect("an attempt");
    flow.give_way(now);
    assert!(flow.is_ended());
    assert!(matches!(world.run(), Outcome::Enrolled { .. }));
    check_agreement(&world, 1, "no goodbye");
}
