//! What happens at the wrist while a station waits.

use std::time::Duration;

use firmware_protocol::band::{BandSettings, Wearer};
use firmware_protocol::handler::Screen;
use firmware_protocol::id::AssociationId;
use firmware_protocol::message::{
    BandRefusal, BandToStation, Commit, DeleteUserData, Finish, Interrupted, Interruption, StationToBand,
    Status, TouchFailed, TouchFault,
};

use super::{bring_to_stage, check_refused};
use crate::pair::{Clerk, Pair, Setup, arm, arm_for};

fn armed() -> Pair {
    let mut pair = Pair::fresh();
    pair.willing = false;
    pair.establish();
    assert!(matches!(
        pair.ask(StationToBand::Arm(arm(1))),
        BandToStation::Armed(_)
    ));
    pair
}

fn touching() -> Pair {
    let mut pair = armed();
    pair.wearer(Wearer::Press);
    assert!(matches!(pair.message(), BandToStation::WearerConfirmed(_)));
    pair.wearer(Wearer::Touch(Ok(90)));
    assert!(matches!(pair.message(), BandToStation::Touched(_)));
    pair
}

fn check_interrupted(pair: &mut Pair, cause: Interruption) {
    let expected = Interrupted {
        cause,
        lockout_seconds: 0,
    };
    assert_eq!(pair.message(), BandToStation::Interrupted(expected));
    assert_eq!(pair.band.report(pair.now).staged, None);
    let commit = Commit {
        association: AssociationId([1; 16]),
        epoch: 1,
    };
    check_refused(pair.ask(StationToBand::Commit(commit)), BandRefusal::NotThere, 0);
    pair.willing = true;
    assert!(
        matches!(pair.ask(StationToBand::Arm(arm(1))), BandToStation::Armed(_)),
        "one may try again"
    );
}

#[test]
fn the_wearer_says_no_at_any_time() {
    for mut pair in [armed(), touching()] {
        let erased = pair.hardware.erased;
        pair.wearer(Wearer::Decline);
        assert_eq!(
            pair.hardware.erased,
            erased + 1,
            "no finger of somebody who is not enrolled stays"
        );
        check_interrupted(&mut pair, Interruption::Declined);
    }
}

#[test]
fn the_wearer_does_nothing() {
    for mut pair in [armed(), touching()] {
        check_interrupted(&mut pair, Interruption::TimedOut);
    }
}

#[test]
fn the_band_is_taken_off_in_the_middle() {
    for mut pair in [armed(), touching()] {
        pair.wearer(Wearer::TakeOff);
        pair.wearer(Wearer::PutOn);
        check_interrupted(&mut pair, Interruption::TakenOff);
    }
}

#[test]
fn the_battery_gives_out_in_the_middle() {
    let mut pair = touching();
    pair.wearer(Wearer::Battery(4));
    pair.wearer(Wearer::Battery(3));
    pair.wearer(Wearer::Battery(50));
    check_interrupted(&mut pair, Interruption::BatteryLow);

    let mut pair = touching();
    pair.wearer(Wearer::Charger(true));
    pair.wearer(Wearer::Battery(2));
    assert!(
        matches!(
            pair.ask(StationToBand::Status(Status {})),
            BandToStation::Report(_)
        ),
        "it charges"
    );
    pair.wearer(Wearer::Charger(false));
    pair.wearer(Wearer::Battery(50));
    check_interrupted(&mut pair, Interruption::BatteryLow);
}

#[test]
fn nothing_is_confirmed_by_a_finger() {
    let mut pair = armed();
    for _ in 0..5 {
        pair.wearer(Wearer::Touch(Ok(90)));
    }
    assert!(matches!(pair.hardware.screen(), Screen::Confirm { .. }));
    pair.wearer(Wearer::Decline);
    check_interrupted(&mut pair, Interruption::Declined);
}

#[test]
fn a_bad_touch_is_named_and_counted_and_a_good_one_clears_the_count() {
    let mut pair = touching();
    for (fault, in_a_row) in [(TouchFault::Wet, 1), (TouchFault::NoMatch, 2)] {
        pair.wearer(Wearer::Touch(Err(fault)));
        assert_eq!(
            pair.message(),
            BandToStation::TouchFailed(TouchFailed { fault, in_a_row })
        );
        assert_eq!(*pair.hardware.screen(), Screen::TouchAgain(fault));
    }
    pair.wearer(Wearer::Touch(Ok(90)));
    assert!(matches!(pair.message(), BandToStation::Touched(_)));
    pair.wearer(Wearer::Touch(Err(TouchFault::Dry)));
    let failed = TouchFailed {
        fault: TouchFault::Dry,
        in_a_row: 1,
    };
    assert_eq!(pair.message(), BandToStation::TouchFailed(failed));
}

fn locked_out() -> Pair {
    let mut pair = touching();
    for in_a_row in 1..=10 {
        pair.wearer(Wearer::Touch(Err(TouchFault::NoMatch)));
        let failed = TouchFailed {
            fault: TouchFault::NoMatch,
            in_a_row,
        };
        assert_eq!(pair.message(), BandToStation::TouchFailed(failed));
    }
    let expected = Interrupted {
        cause: Interruption::LockedOut,
        lockout_seconds: 30,
    };
    assert_eq!(pair.message(), BandToStation::Interrupted(expected));
    pair
}

#[test]
fn a_lockout_cannot_be_waited_out_by_restarting() {
    let mut pair = locked_out();
    assert_eq!(*pair.hardware.screen(), Screen::LockedOut { seconds: 30 });
    check_refused(pair.ask(StationToBand::Arm(arm(1))), BandRefusal::LockedOut, 30);
    pair.sleep(Duration::from_secs(20));
    pair.power_cut();
    assert!(pair.band.beacon(pair.now).locked_out);
    pair.establish();
    check_refused(pair.ask(StationToBand::Arm(arm(1))), BandRefusal::LockedOut, 30);
    pair.sleep(Duration::from_secs(31));
    assert!(!pair.band.beacon(pair.now).locked_out);
    assert!(matches!(
        pair.ask(StationToBand::Arm(arm(1))),
        BandToStation::Armed(_)
    ));
}

/// After the time is over the next failure locks again: guessing is slow for ever.
#[test]
fn a_lockout_leaves_one_try_at_a_time() {
    let mut pair = locked_out();
    pair.sleep(Duration::from_secs(31));
    assert!(matches!(
        pair.ask(StationToBand::Arm(arm(1))),
        BandToStation::Armed(_)
    ));
    pair.wearer(Wearer::Press);
    pair.message();
    pair.wearer(Wearer::Touch(Err(TouchFault::NoMatch)));
    assert!(matches!(pair.message(), BandToStation::TouchFailed(_)));
    assert!(matches!(
        pair.message(),
        BandToStation::Interrupted(Interrupted {
            cause: Interruption::LockedOut,
            ..
        })
    ));
}

fn after_deletion(pair: &mut Pair, epoch: u32) {
    let report = pair.band.report(pair.now);
    assert_eq!(
        (report.epoch, report.organization, report.staged),
        (epoch, None, None)
    );
    assert!(report.associations.is_empty());
    assert_eq!(*pair.hardware.screen(), Screen::NoUser);
    pair.disconnect();
    pair.willing = true;
    let mut next = Clerk::new(arm_for(2, 9, 0));
    assert!(
        next.enroll(pair, 1),
        "the band is free for anybody: {:?}",
        next.ends
    );
    assert_eq!(
        next.receipt.expect("a receipt").epoch,
        epoch + 1,
        "the count goes on"
    );
}

fn check_deleted(mut pair: Pair, epoch: u32) {
    let erased = pair.hardware.erased;
    pair.wearer(Wearer::HoldToDelete);
    assert!(pair.hardware.erased > erased);
    loop {
        match pair.message() {
            BandToStation::Deleted(deleted) => break assert_eq!(deleted.epoch, epoch),
            BandToStation::Interrupted(interrupted) => {
                assert_eq!(interrupted.cause, Interruption::Deleted)
            }
            _ => {}
        }
    }
    after_deletion(&mut pair, epoch);
}

#[test]
fn user_data_is_deleted_by_hand_at_every_stage() {
    let mut established = Pair::fresh();
    established.establish();
    // The band speaks of nothing before the station has proven itself.
    established.ask(StationToBand::Status(Status {}));
    check_deleted(established, 0);
    check_deleted(armed(), 0);
    check_deleted(touching(), 0);
    let mut staged = Pair::fresh();
    bring_to_stage(&mut staged);
    check_deleted(staged, 0);
    let mut committed = Pair::fresh();
    bring_to_stage(&mut committed);
    let commit = Commit {
        association: AssociationId([1; 16]),
        epoch: 1,
    };
    committed.ask(StationToBand::Commit(commit));
    check_deleted(committed, 1);
}

#[test]
fn user_data_is_deleted_by_hand_without_any_station() {
    let mut pair = Pair::fresh();
    assert!(Clerk::new(arm(1)).enroll(&mut pair, 1));
    assert!(pair.band.beacon(pair.now).enrolled);
    pair.wearer(Wearer::HoldToDelete);
    assert!(!pair.band.beacon(pair.now).enrolled);
    pair.setup.station = crate::pair::World::neighbor().station(1, firmware_protocol::id::Zone::Enrollment);
    after_deletion(&mut pair, 1);
}

#[test]
fn templates_are_gone_even_if_the_power_fails_before_they_were_erased() {
    let mut pair = Pair::fresh();
    assert!(Clerk::new(arm(1)).enroll(&mut pair, 1));
    let erased = pair.hardware.erased;
    pair.power_cut();
    assert_eq!(
        pair.hardware.erased, erased,
        "a band that holds somebody keeps the finger"
    );
    pair.hardware.trouble_at(0, crate::pair::Trouble::CutAfter);
    pair.wearer(Wearer::HoldToDelete);
    let erased = pair.hardware.erased;
    pair.power_cut();
    assert_eq!(pair.hardware.erased, erased + 1);
}

fn asked_to_delete() -> Pair {
    let mut pair = Pair::fresh();
    assert!(Clerk::new(arm(1)).enroll(&mut pair, 1));
    pair.willing = false;
    pair.establish();
    let answer = pair.ask(StationToBand::DeleteUserData(DeleteUserData {}));
    assert!(matches!(answer, BandToStation::DeletionAsked(_)));
    assert_eq!(*pair.hardware.screen(), Screen::HoldToDelete);
    pair
}

#[test]
fn a_station_asks_for_deletion_and_the_wearer_decides() {
    check_deleted(asked_to_delete(), 1);
    let stopped = |cause| {
        BandToStation::Interrupted(Interrupted {
            cause,
            lockout_seconds: 0,
        })
    };
    let mut declined = asked_to_delete();
    declined.wearer(Wearer::Decline);
    assert_eq!(declined.message(), stopped(Interruption::Declined));
    assert_eq!(declined.band.report(declined.now).associations.len(), 1);
    let mut forgotten = asked_to_delete();
    assert_eq!(forgotten.message(), stopped(Interruption::TimedOut));
    assert_eq!(forgotten.band.report(forgotten.now).associations.len(), 1);
}

/// What the wearer was asked before is asked no more when something else is: by `Arm` without a word, by
/// another deletion for its time anew.
#[test]
fn the_wearer_is_asked_one_thing_at_a_time() {
    let mut pair = asked_to_delete();
    pair.sleep(Duration::from_secs(50));
    let ask = StationToBand::DeleteUserData(DeleteUserData {});
    assert!(matches!(pair.ask(ask), BandToStation::DeletionAsked(_)));
    pair.sleep(Duration::from_secs(50));
    assert_eq!(*pair.hardware.screen(), Screen::HoldToDelete);
    let next = StationToBand::Arm(arm_for(1, 2, 2));
    assert!(matches!(pair.ask(next), BandToStation::Armed(_)));
    pair.sleep(Duration::from_secs(15));
    assert!(matches!(pair.hardware.screen(), Screen::Touch { .. }));
}

/// An `Arm` that replaces another begins anew: a factory-new band asks its wearer again.
#[test]
fn another_arm_is_confirmed_again() {
    let mut pair = touching();
    let BandToStation::Armed(armed) = pair.ask(StationToBand::Arm(arm_for(1, 2, 1))) else {
        panic!("not armed");
    };
    assert!(!armed.confirmed);
    assert!(matches!(pair.hardware.screen(), Screen::Confirm { .. }));
}

/// `Finish` ends what the wearer is asked without an interruption; a refused one ends nothing.
#[test]
fn finish_forgets_what_is_armed() {
    let mut pair = touching();
    let wrong = StationToBand::Finish(Finish {
        association: Some(AssociationId([9; 16])),
    });
    check_refused(pair.ask(wrong), BandRefusal::NotThere, 0);
    pair.wearer(Wearer::Touch(Ok(90)));
    assert!(matches!(pair.message(), BandToStation::Touched(_)), "still armed");
    let finish = StationToBand::Finish(Finish { association: None });
    assert!(matches!(pair.ask(finish), BandToStation::Finished(_)));
    assert_eq!(*pair.hardware.screen(), Screen::NoUser);
}

#[test]
fn a_band_that_holds_nothing_can_be_asked_to_delete() {
    let mut pair = Pair::fresh();
    pair.wearer(Wearer::TakeOff);
    pair.establish();
    let ask = StationToBand::DeleteUserData(DeleteUserData {});
    assert!(matches!(pair.ask(ask), BandToStation::DeletionAsked(_)));
    pair.wearer(Wearer::PutOn);
    check_deleted(pair, 0);
}

#[test]
fn deletion_is_not_asked_for_in_the_middle_of_an_enrollment() {
    let mut pair = touching();
    let ask = StationToBand::DeleteUserData(DeleteUserData {});
    check_refused(pair.ask(ask), BandRefusal::OutOfTurn, 0);
}

#[test]
fn the_beacon_says_what_a_passer_by_may_know() {
    let setup = Setup {
        settings: BandSettings::default(),
        ..Setup::default()
    };
    let mut pair = Pair::new(setup);
    pair.wearer(Wearer::Battery(61));
    pair.wearer(Wearer::Charger(true));
    pair.wearer(Wearer::Press);
    let beacon = pair.band.beacon(pair.now);
    assert!(beacon.worn && beacon.charging && beacon.intent && !beacon.enrolled && !beacon.locked_out);
    assert_eq!(beacon.battery_percent, 61);
    let next = pair.band.beacon(pair.now);
    assert_eq!((next.heartbeat, next.tag), (beacon.heartbeat + 1, beacon.tag));
    pair.sleep(Duration::from_secs(11));
    assert!(!pair.band.beacon(pair.now).intent);
    pair.power_cut();
    assert_ne!(
        pair.band.beacon(pair.now).tag,
        beacon.tag,
        "nobody is followed by it"
    );
}
