//! Who is refused, by whom, and by what name.

use firmware_protocol::band::BandSettings;
use firmware_protocol::handshake::HandshakeRefusal;
use firmware_protocol::id::{AssociationId, Zone};
use firmware_protocol::message::{
    Abort, Arm, BandRefusal, BandToStation, Commit, Finish, Mode, Recall, StationToBand, Status,
};
use firmware_protocol::misbehaved::{BandMisbehaved, StationMisbehaved};
use firmware_protocol::station::SessionEnd;

use super::{bring_to_stage, check_refused, staged};
use crate::pair::{Clerk, NOW, Pair, Setup, World, arm, arm_for};

fn enrolled() -> Pair {
    let mut pair = Pair::fresh();
    assert!(Clerk::new(arm(1)).enroll(&mut pair, 1));
    pair
}

/// The band says no to this station, in clear, ends the link and remembers why.
fn check_handshake(pair: &mut Pair, refusal: HandshakeRefusal, fault: StationMisbehaved) {
    let before = pair.hardware.stores;
    assert_eq!(pair.refused(), SessionEnd::Refused(refusal));
    pair.run_out();
    assert_eq!(pair.band.last_fault(), Some(fault));
    assert_eq!(pair.hardware.stores, before);
}

#[test]
fn a_band_held_by_another_is_never_armed() {
    let mut pair = enrolled();
    pair.establish();
    for zone in [Zone::Enrollment, Zone::Registration] {
        pair.disconnect();
        pair.setup.station = World::default().station(1, zone);
        pair.establish();
        let theirs = StationToBand::Arm(Arm {
            zone,
            ..arm_for(2, 2, 2)
        });
        check_refused(pair.ask(theirs), BandRefusal::HeldByAnother, 0);
    }
    assert_eq!(pair.band.report(pair.now).associations.len(), 1);
}

#[test]
fn a_band_of_another_organization_tells_a_stranger_nothing_but_no() {
    let mut pair = enrolled();
    pair.setup.station = World::neighbor().station(1, Zone::Enrollment);
    check_handshake(
        &mut pair,
        HandshakeRefusal::WrongOrganization,
        StationMisbehaved::WrongOrganization,
    );
    pair.setup.station = World::default().station(2, Zone::Enrollment);
    assert_eq!(
        pair.establish().report.associations.len(),
        1,
        "another station of ours is welcome"
    );
}

#[test]
fn a_certificate_holds_from_its_first_to_its_last_second() {
    let check = |not_before, not_after, expected: Option<(HandshakeRefusal, StationMisbehaved)>| {
        let mut pair = Pair::fresh();
        pair.setup.station = World::default().station_valid(1, Zone::Enrollment, not_before, not_after);
        match expected {
            Some((refusal, fault)) => check_handshake(&mut pair, refusal, fault),
            None => drop(pair.establish()),
        }
    };
    let expired = (
        HandshakeRefusal::CertificateExpired,
        StationMisbehaved::CertificateExpired,
    );
    let early = (
        HandshakeRefusal::CertificateNotYetValid,
        StationMisbehaved::CertificateNotYetValid,
    );
    check(NOW, NOW, None);
    check(NOW - 10, NOW - 1, Some(expired));
    check(NOW + 1, NOW + 10, Some(early));
}

/// A station that sets its clock back does not bring its certificate back.
#[test]
fn time_seen_at_a_commit_never_runs_back() {
    let mut pair = enrolled();
    pair.setup.station = World::default().station_valid(2, Zone::Enrollment, NOW - 100, NOW - 1);
    pair.unix_now = NOW - 50;
    let expired = HandshakeRefusal::CertificateExpired;
    check_handshake(&mut pair, expired, StationMisbehaved::CertificateExpired);
    pair.setup.station = World::default().station_valid(2, Zone::Enrollment, NOW - 100, NOW);
    let mut again = Clerk::new(arm_for(1, 2, 2));
    again.session(&mut pair);
    assert_eq!(again.receipt.expect("committed at an earlier time").epoch, 2);
    pair.setup.station = World::default().station_valid(2, Zone::Enrollment, NOW - 100, NOW - 1);
    check_handshake(&mut pair, expired, StationMisbehaved::CertificateExpired);
}

#[test]
fn a_certificate_signed_by_nobody_is_refused() {
    let mut pair = Pair::fresh();
    pair.setup.station.certificate.signature[5] ^= 1;
    let invalid = HandshakeRefusal::CertificateInvalid;
    check_handshake(&mut pair, invalid, StationMisbehaved::CertificateInvalid);
    pair.setup.station.certificate.body = vec![0xff];
    check_handshake(&mut pair, invalid, StationMisbehaved::CertificateInvalid);
}

#[test]
fn a_band_of_unknown_make_is_refused() {
    let mut pair = Pair::fresh();
    pair.setup.manufacturers = vec![World::neighbor().manufacturer_key()];
    let untrusted = SessionEnd::Misbehaved(BandMisbehaved::CertificateUntrusted);
    assert_eq!(pair.refused(), untrusted);
    pair.setup.manufacturers = vec![];
    pair.run_out();
    pair.disconnect();
    assert_eq!(pair.refused(), untrusted);
    pair.disconnect();
    let (ours, theirs) = (
        World::default().manufacturer_key(),
        World::neighbor().manufacturer_key(),
    );
    pair.setup.manufacturers = vec![theirs, ours];
    pair.establish();
}

#[test]
fn a_certificate_is_worth_nothing_without_its_key() {
    let mut station = Pair::fresh();
    station.setup.station.dh_secret = [0x77; 32].into();
    let stolen = StationMisbehaved::CertificateOfAnother;
    check_handshake(&mut station, HandshakeRefusal::CertificateInvalid, stolen);

    let mut setup = Setup::default();
    setup.band.dh_secret = [0x77; 32].into();
    let mut band = Pair::new(setup);
    assert_eq!(
        band.refused(),
        SessionEnd::Misbehaved(BandMisbehaved::CertificateOfAnother)
    );
}

#[test]
fn each_zone_belongs_to_its_stations() {
    let mut pair = Pair::fresh();
    bring_to_stage(&mut pair);
    let association = AssociationId([1; 16]);
    let commit = StationToBand::Commit(Commit {
        association,
        epoch: 1,
    });
    let other_side = |pair: &mut Pair| {
        pair.disconnect();
        pair.setup.station = World::default().station(9, Zone::Registration);
        pair.establish();
    };
    other_side(&mut pair);
    pair.willing = false;
    check_refused(pair.ask(StationToBand::Arm(arm(1))), BandRefusal::WrongZone, 0);
    check_refused(pair.ask(commit.clone()), BandRefusal::WrongZone, 0);
    check_refused(
        pair.ask(StationToBand::Abort(Abort { association })),
        BandRefusal::WrongZone,
        0,
    );
    pair.disconnect();
    pair.setup.station = World::default().station(1, Zone::Enrollment);
    pair.establish();
    assert!(matches!(pair.ask(commit.clone()), BandToStation::Committed(_)));
    other_side(&mut pair);
    check_refused(pair.ask(commit), BandRefusal::WrongZone, 0);
    let finish = Finish {
        association: Some(association),
    };
    check_refused(pair.ask(StationToBand::Finish(finish)), BandRefusal::WrongZone, 0);
    let recall = |zone| StationToBand::Recall(Recall { zone });
    check_refused(pair.ask(recall(Zone::Enrollment)), BandRefusal::WrongZone, 0);
    check_refused(pair.ask(recall(Zone::Registration)), BandRefusal::NotThere, 0);
}

#[test]
fn the_band_keeps_its_own_rules_whatever_the_station_decided() {
    let check = |setup: Setup, arm: Arm, reason, detail| {
        let mut pair = Pair::new(setup);
        pair.establish();
        check_refused(pair.ask(StationToBand::Arm(arm)), reason, detail);
        assert_eq!(pair.hardware.stores, 0);
    };
    let label = |label: &str| Arm {
        label: label.into(),
        ..arm(1)
    };
    for bad in [
        "THIRTEEN SIGN",
        "anna",
        " ANNA",
        "ANNA ",
        "A\u{202e}B",
        "A\nB",
        "\u{c4}NNA",
    ] {
        check(Setup::default(), label(bad), BandRefusal::BadLabel, 0);
    }
    check(Setup::default(), arm(0), BandRefusal::WrongEpoch, 0);
    check(Setup::default(), arm(2), BandRefusal::WrongEpoch, 0);
    check(Setup::default(), arm(u32::MAX), BandRefusal::WrongEpoch, 0);
    let recognize = Arm {
        mode: Mode::Authenticate,
        ..arm(1)
    };
    check(Setup::default(), recognize, BandRefusal::NotEnrolled, 0);
    let other_side = Arm {
        zone: Zone::Registration,
        ..arm(1)
    };
    check(Setup::default(), other_side, BandRefusal::WrongZone, 0);
}

#[test]
fn a_band_off_the_wrist_or_nearly_empty_is_not_armed() {
    use firmware_protocol::band::Wearer::{Battery, PutOn, TakeOff};
    let mut pair = Pair::fresh();
    pair.willing = false;
    pair.wearer(TakeOff);
    pair.establish();
    check_refused(pair.ask(StationToBand::Arm(arm(1))), BandRefusal::NotWorn, 0);
    pair.wearer(PutOn);
    pair.wearer(Battery(14));
    check_refused(pair.ask(StationToBand::Arm(arm(1))), BandRefusal::BatteryLow, 0);
    pair.wearer(Battery(15));
    assert!(matches!(
        pair.ask(StationToBand::Arm(arm(1))),
        BandToStation::Armed(_)
    ));
}

#[test]
fn an_unknown_receipt_is_not_there() {
    let mut pair = enrolled();
    pair.establish();
    let finish = Finish {
        association: Some(AssociationId([9; 16])),
    };
    check_refused(pair.ask(StationToBand::Finish(finish)), BandRefusal::NotThere, 0);
    let commit = Commit {
        association: AssociationId([1; 16]),
        epoch: 2,
    };
    check_refused(pair.ask(StationToBand::Commit(commit)), BandRefusal::NotThere, 0);
}

#[test]
fn what_is_staged_is_committed_under_its_own_epoch() {
    let mut pair = Pair::fresh();
    let staged = bring_to_stage(&mut pair);
    for epoch in [0, 2, u32::MAX] {
        let association = staged.association;
        let commit = StationToBand::Commit(Commit { association, epoch });
        check_refused(pair.ask(commit), BandRefusal::NotThere, 0);
    }
    assert_eq!(pair.band.report(pair.now).staged, Some(staged));
}

#[test]
fn no_station_of_another_organization_takes_over_what_is_staged() {
    let mut pair = Pair::fresh();
    bring_to_stage(&mut pair);
    pair.disconnect();
    pair.setup.station = World::neighbor().station(1, Zone::Enrollment);
    pair.establish();
    let association = AssociationId([1; 16]);
    let commit = StationToBand::Commit(Commit {
        association,
        epoch: 1,
    });
    check_refused(pair.ask(commit), BandRefusal::NotThere, 0);
    check_refused(
        pair.ask(StationToBand::Abort(Abort { association })),
        BandRefusal::NotThere,
        0,
    );
}

/// A band that holds nobody lets any organization in; who was about to hold it for another is none of its business.
#[test]
fn what_is_staged_is_told_to_its_own_organization_alone() {
    let mut pair = Pair::fresh();
    let staged = bring_to_stage(&mut pair);
    for (world, told) in [
        (World::neighbor(), None),
        (World::default(), Some(staged.clone())),
    ] {
        pair.disconnect();
        pair.setup.station = world.station(1, Zone::Enrollment);
        assert_eq!(pair.establish().report.staged, told);
        let BandToStation::Report(report) = pair.ask(StationToBand::Status(Status {})) else {
            panic!("no report");
        };
        assert_eq!(report.staged, told);
    }
    assert_eq!(
        pair.band.report(pair.now).staged,
        Some(staged),
        "it is still there"
    );
}

/// An association is armed once: under the same name there would be two receipts.
#[test]
fn an_association_that_is_held_is_not_armed_again() {
    let mut pair = enrolled();
    for zone in [Zone::Enrollment, Zone::Registration] {
        pair.disconnect();
        pair.setup.station = World::default().station(1, zone);
        pair.establish();
        let again = Arm { zone, ..arm(2) };
        check_refused(pair.ask(StationToBand::Arm(again)), BandRefusal::OutOfTurn, 0);
    }
}

/// Whoever is armed or staged stays so when another `Arm` is refused.
#[test]
fn a_refused_arm_changes_nothing() {
    let mut pair = Pair::fresh();
    pair.willing = false;
    pair.establish();
    assert!(matches!(
        pair.ask(StationToBand::Arm(arm(1))),
        BandToStation::Armed(_)
    ));
    check_refused(pair.ask(StationToBand::Arm(arm(7))), BandRefusal::WrongEpoch, 0);
    pair.willing = true;
    let staged = staged(&mut pair);
    check_refused(pair.ask(StationToBand::Arm(arm(7))), BandRefusal::WrongEpoch, 0);
    assert_eq!(pair.band.report(pair.now).staged, Some(staged));
}

#[test]
fn a_silent_station_is_dropped_but_a_slow_finger_is_not_silence() {
    let mut pair = Pair::fresh();
    pair.band.handle_connected(pair.now, 185);
    pair.sleep(BandSettings::default().handshake_timeout);
    assert_eq!(pair.band.last_fault(), Some(StationMisbehaved::Silent));
    pair.disconnect();

    let mut pair = Pair::new(Setup {
        settings: BandSettings {
            touches: 5,
            ..BandSettings::default()
        },
        ..Setup::default()
    });
    pair.willing = false;
    pair.establish();
    assert!(matches!(
        pair.ask(StationToBand::Arm(arm(1))),
        BandToStation::Armed(_)
    ));
    pair.wearer(firmware_protocol::band::Wearer::Press);
    pair.message();
    for _ in 0..5 {
        pair.sleep(std::time::Duration::from_secs(55));
        pair.wearer(firmware_protocol::band::Wearer::Touch(Ok(70)));
        assert!(matches!(pair.message(), BandToStation::Touched(_)));
    }
    assert!(matches!(pair.message(), BandToStation::Staged(_)));
    let staged_at = pair.now;
    let too_long = "then the station said nothing for too long";
    assert_eq!(pair.ended(), SessionEnd::Disconnected, "{too_long}");
    let silence = pair.now.since(staged_at).as_secs();
    assert!(
        (119..=121).contains(&silence),
        "{silence} s, counted from the last word of either"
    );
    assert_eq!(pair.band.last_fault(), Some(StationMisbehaved::Silent));
}

#[test]
fn a_band_that_does_not_answer_is_given_up() {
    let mut pair = Pair::fresh();
    pair.link.knobs.loss = 1000;
    pair.connect();
    let end = pair.ended();
    assert!(
        matches!(end, SessionEnd::Link(_) | SessionEnd::TimedOut(0)),
        "{end:?}"
    );
}
