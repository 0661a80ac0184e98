//! How it goes when it goes well.

use firmware_protocol::handler::Screen;
use firmware_protocol::id::{AssociationId, StationId, UserHandle, Zone};
use firmware_protocol::message::{
    Abort, Arm, BandRefusal, BandToStation, Commit, Finish, Mode, Recall, StationToBand, Status,
};
use firmware_protocol::receipt::Receipt;
use firmware_protocol::station::{RequestError, SessionEnd};
use firmware_protocol::time::UnixSeconds;

use super::{bring_to_stage, check_refused, staged};
use crate::pair::{Clerk, NOW, Pair, Setup, World, arm, arm_for, serial};

#[test]
fn a_first_enrollment_takes_exactly_four_round_trips() {
    let mut pair = Pair::fresh();
    let mut clerk = Clerk::new(arm(1));
    assert!(clerk.enroll(&mut pair, 1), "{:?}", clerk.ends);
    assert_eq!(clerk.ends, [SessionEnd::Finished]);
    assert_eq!(pair.round_trips, 4);
    clerk.agrees_with(&pair);

    let receipt = clerk.receipt.expect("a receipt");
    assert_eq!(receipt.serial, serial("NB-0001"));
    assert_eq!(receipt.user, UserHandle([1; 16]));
    assert_eq!(receipt.zone, Zone::Enrollment);
    assert_eq!(receipt.station, StationId([1; 16]));
    assert_eq!(receipt.time, UnixSeconds(NOW));
    assert_eq!(receipt.epoch, 1);
    assert_eq!(receipt.mode, Mode::Capture);
    assert_eq!(*pair.hardware.screen(), Screen::Label("ANNA B.".into()));
}

#[test]
fn it_works_at_every_mtu() {
    for mtu_bytes in 23..=517 {
        let mut pair = Pair::new(Setup {
            mtu_bytes,
            ..Setup::default()
        });
        let mut clerk = Clerk::new(arm(1));
        assert!(clerk.enroll(&mut pair, 1), "mtu {mtu_bytes}: {:?}", clerk.ends);
    }
}

#[test]
fn the_wearer_sees_each_step_on_the_band() {
    let mut pair = Pair::fresh();
    let code = pair.establish().code;
    pair.request(&StationToBand::Arm(arm(1)));
    pair.message();
    staged(&mut pair);
    let label = "ANNA B.".to_string();
    let touch = |count| Screen::Touch { code, count, of: 3 };
    let expected = [
        Screen::NoUser,
        Screen::Confirm { code, label },
        touch(0),
        touch(1),
        touch(2),
        Screen::Wait,
    ];
    assert_eq!(pair.hardware.screens, expected);
    assert_eq!(
        pair.hardware.sensed,
        [Some(1)],
        "a new finger goes into the slot that is not in use"
    );
}

#[test]
fn both_screens_show_the_same_code_and_never_the_same_twice() {
    let mut codes = Vec::new();
    let mut pair = Pair::fresh();
    for _ in 0..20 {
        let on_kiosk = pair.establish().code;
        pair.request(&StationToBand::Arm(arm(1)));
        pair.willing = false;
        pair.message();
        let Screen::Confirm { code: on_band, .. } = pair.hardware.screen() else {
            panic!("the band shows {:?}", pair.hardware.screen());
        };
        assert_eq!(on_kiosk, *on_band);
        codes.push(on_kiosk.to_string());
        pair.disconnect();
    }
    codes.sort();
    codes.dedup();
    assert_eq!(codes.len(), 20);
}

#[test]
fn the_own_band_is_enrolled_again_without_confirming_the_station() {
    let mut pair = Pair::fresh();
    assert!(Clerk::new(arm(1)).enroll(&mut pair, 1));
    pair.establish();
    let again = arm_for(1, 2, 2);
    match pair.ask(StationToBand::Arm(again)) {
        BandToStation::Armed(armed) => assert!(armed.confirmed && armed.touches == 3),
        other => panic!("{other:?}"),
    }
    let staged = staged(&mut pair);
    assert_eq!(staged.epoch, 2);
    let commit = Commit {
        association: AssociationId([2; 16]),
        epoch: 2,
    };
    assert!(matches!(
        pair.ask(StationToBand::Commit(commit)),
        BandToStation::Committed(_)
    ));
    let report = pair.band.report(pair.now);
    assert_eq!(report.epoch, 2);
    assert_eq!(
        report.associations.len(),
        1,
        "the new association stands in place of the old"
    );
    assert_eq!(report.associations[0].association, AssociationId([2; 16]));
    assert_eq!(pair.hardware.sensed, [Some(1), Some(0)], "the slots take turns");
}

/// The OT side adds its zone: one touch of the enrolled finger.
#[test]
fn a_band_is_registered_beside_its_enrollment() {
    let mut pair = Pair::fresh();
    assert!(Clerk::new(arm(1)).enroll(&mut pair, 1));
    pair.setup.station = World::default().station(9, Zone::Registration);
    let registration = Arm {
        zone: Zone::Registration,
        mode: Mode::Authenticate,
        ..arm_for(1, 2, 2)
    };
    let established = pair.establish();
    match pair.ask(StationToBand::Arm(registration)) {
        BandToStation::Armed(armed) => assert!(armed.confirmed && armed.touches == 1),
        other => panic!("{other:?}"),
    }
    staged(&mut pair);
    let commit = Commit {
        association: AssociationId([2; 16]),
        epoch: 2,
    };
    let BandToStation::Committed(committed) = pair.ask(StationToBand::Commit(commit)) else {
        panic!("not committed");
    };
    let receipt = Receipt::verify(&committed.receipt, &established.certificate.signing_key).unwrap();
    assert_eq!(
        (receipt.zone, receipt.mode),
        (Zone::Registration, Mode::Authenticate)
    );
    assert_eq!(pair.band.report(pair.now).associations.len(), 2);
    assert_eq!(
        pair.hardware.sensed,
        [Some(1), None],
        "the enrolled finger is recognized, not replaced"
    );
    pair.disconnect();
    pair.setup.station = World::default().station(1, Zone::Enrollment);
    assert!(Clerk::new(arm_for(1, 3, 3)).session(&mut pair) == SessionEnd::Finished);
    assert_eq!(
        pair.hardware.sensed[2],
        Some(0),
        "the finger in use stayed in its slot"
    );
}

#[test]
fn commit_recall_and_finish_may_be_said_again() {
    let mut pair = Pair::fresh();
    let staged = bring_to_stage(&mut pair);
    let commit = StationToBand::Commit(Commit {
        association: staged.association,
        epoch: staged.epoch,
    });
    let first = pair.ask(commit.clone());
    assert_eq!(pair.ask(commit.clone()), first);
    pair.disconnect();
    pair.establish();
    assert_eq!(pair.ask(commit), first, "and in the next session");
    let recall = StationToBand::Recall(Recall {
        zone: Zone::Enrollment,
    });
    assert_eq!(pair.ask(recall), first, "the same receipt, bit for bit");
    let finish = StationToBand::Finish(Finish {
        association: Some(staged.association),
    });
    assert!(matches!(pair.ask(finish.clone()), BandToStation::Finished(_)));
    assert_eq!(pair.ended(), SessionEnd::Finished);
    pair.run_out();
    let stores = pair.hardware.stores;
    pair.establish();
    assert!(matches!(pair.ask(finish), BandToStation::Finished(_)));
    assert_eq!(pair.hardware.stores, stores, "nothing new to keep");
}

#[test]
fn what_is_staged_waits_through_a_power_cut_and_a_day() {
    let mut pair = Pair::fresh();
    let staged = bring_to_stage(&mut pair);
    pair.power_cut();
    pair.sleep(std::time::Duration::from_secs(86_400));
    let established = pair.establish();
    assert_eq!(established.report.staged, Some(staged.clone()));
    assert_eq!(established.report.epoch, 0);
    assert_eq!(established.report.organization, None, "staged is not held");
    let commit = Commit {
        association: staged.association,
        epoch: staged.epoch,
    };
    assert!(matches!(
        pair.ask(StationToBand::Commit(commit)),
        BandToStation::Committed(_)
    ));
}

#[test]
fn a_new_arm_takes_the_place_of_what_is_staged() {
    let mut pair = Pair::fresh();
    let old = bring_to_stage(&mut pair);
    pair.disconnect();
    pair.willing = false;
    pair.establish();
    assert!(matches!(
        pair.ask(StationToBand::Arm(arm_for(2, 2, 1))),
        BandToStation::Armed(_)
    ));
    assert_eq!(pair.band.report(pair.now).staged, None);
    let commit = Commit {
        association: old.association,
        epoch: old.epoch,
    };
    check_refused(pair.ask(StationToBand::Commit(commit)), BandRefusal::NotThere, 0);
}

#[test]
fn abort_forgets_what_is_armed_or_staged_and_nothing_else() {
    let mut pair = Pair::fresh();
    let abort = |association| {
        StationToBand::Abort(Abort {
            association: AssociationId([association; 16]),
        })
    };
    pair.establish();
    pair.willing = false;
    assert!(matches!(
        pair.ask(StationToBand::Arm(arm(1))),
        BandToStation::Armed(_)
    ));
    check_refused(pair.ask(abort(9)), BandRefusal::NotThere, 0);
    assert!(matches!(pair.ask(abort(1)), BandToStation::Aborted(_)));
    check_refused(pair.ask(abort(1)), BandRefusal::NotThere, 0);
    pair.disconnect();
    pair.willing = true;
    bring_to_stage(&mut pair);
    assert!(matches!(pair.ask(abort(1)), BandToStation::Aborted(_)));
    assert_eq!(pair.band.report(pair.now).staged, None);
    assert_eq!(*pair.hardware.screen(), Screen::Stopped);
}

#[test]
fn a_status_is_what_the_handshake_said() {
    let mut pair = Pair::fresh();
    let report = pair.establish().report;
    assert_eq!(
        pair.ask(StationToBand::Status(Status {})),
        BandToStation::Report(report)
    );
}

#[test]
fn a_lost_link_leaves_no_question_on_the_screen() {
    let mut pair = Pair::fresh();
    pair.willing = false;
    pair.establish();
    assert!(matches!(
        pair.ask(StationToBand::Arm(arm(1))),
        BandToStation::Armed(_)
    ));
    assert!(matches!(pair.hardware.screen(), Screen::Confirm { .. }));
    pair.disconnect();
    assert_eq!(*pair.hardware.screen(), Screen::NoUser);
}

#[test]
fn a_session_may_end_without_anything_made() {
    let mut pair = Pair::fresh();
    pair.establish();
    let finish = StationToBand::Finish(Finish { association: None });
    assert!(matches!(pair.ask(finish), BandToStation::Finished(_)));
    assert_eq!(pair.ended(), SessionEnd::Finished);
    assert_eq!(pair.hardware.stores, 0);
}

#[test]
fn one_request_at_a_time_and_only_while_there_is_a_session() {
    let mut pair = Pair::fresh();
    pair.connect();
    let status = StationToBand::Status(Status {});
    let now = pair.now;
    let request =
        |pair: &mut Pair, request: &StationToBand| pair.station.as_mut().unwrap().request(now, request);
    assert_eq!(
        request(&mut pair, &status),
        Err(RequestError::NotReady),
        "no handshake yet"
    );
    pair.wait();
    let long = StationToBand::Arm(Arm {
        label: "X".repeat(3000),
        ..arm(1)
    });
    assert_eq!(request(&mut pair, &long), Err(RequestError::TooLong));
    assert_eq!(request(&mut pair, &status), Ok(()));
    assert_eq!(
        request(&mut pair, &status),
        Err(RequestError::NotReady),
        "one is under way"
    );
    pair.disconnect();
    assert_eq!(
        request(&mut pair, &status),
        Err(RequestError::NotReady),
        "it is over"
    );
}
