//! Bands that lie: every attempt ends, nothing false is written down.

use std::time::Duration;

use ed25519_dalek::SigningKey;
use firmware_protocol::handshake::HandshakeRefusal;
use firmware_protocol::id::{AssociationId, OrganizationId, UserHandle, Zone};
use firmware_protocol::message::*;
use firmware_protocol::misbehaved::BandMisbehaved;
use firmware_protocol::receipt::Receipt;
use firmware_protocol::station::{SessionEnd, SessionEvent};
use station_core::enrollment::*;

use crate::keys::{self};
use crate::store::handle;

use crate::script::*;

#[test]
fn an_honest_script_passes() {
    let (mut flow, receipt) = Scripted::new().committing();
    flow.band(BandToStation::Committed(Committed {
        receipt: signed(&receipt, &band_key()),
    }));
    assert!(
        flow.screens
            .iter()
            .any(|screen| matches!(screen, Screen::Done { .. })),
        "{:?}",
        flow.screens
    );
}

#[track_caller]
fn check_receipt(change: impl FnOnce(&mut Receipt), key: SigningKey) {
    let (mut flow, mut receipt) = Scripted::new().committing();
    change(&mut receipt);
    flow.band(BandToStation::Committed(Committed {
        receipt: signed(&receipt, &key),
    }));
    assert_eq!(flow.refusal(), Some("receipt_invalid"));
    assert!(!flow.store.names().contains(&"committed"));
    assert_eq!(
        flow.store.intents.len(),
        1,
        "the intent stays open, for an administrator to see"
    );
    flow.time_out();
    assert!(
        matches!(flow.outcome, Some(Outcome::Refused { left_open: true, .. })),
        "{:?}",
        flow.outcome
    );
}

#[test]
fn a_receipt_must_prove_exactly_what_was_intended() {
    check_receipt(|_| (), SigningKey::from_bytes(&[77; 32]));
    check_receipt(|r| r.serial = keys::serial(2), band_key());
    check_receipt(|r| r.organization = OrganizationId([0; 16]), band_key());
    check_receipt(|r| r.user = handle(2), band_key());
    check_receipt(|r| r.zone = Zone::Registration, band_key());
    check_receipt(|r| r.association = AssociationId([0; 16]), band_key());
    check_receipt(|r| r.epoch += 1, band_key());
    check_receipt(|r| r.credential_key = [6; 32], band_key());
    check_receipt(|r| r.mode = Mode::Authenticate, band_key());
}

#[track_caller]
fn check_staged(change: impl FnOnce(&mut Staged)) {
    let (mut flow, arm) = Scripted::new().armed();
    let mut staged = staged(&arm);
    change(&mut staged);
    flow.band(BandToStation::Staged(staged));
    assert_eq!(flow.refusal(), Some("band_refused"));
    assert!(
        !flow
            .requests
            .iter()
            .any(|request| matches!(request, StationToBand::Commit(_)))
    );
    assert!(flow.store.intents.is_empty());
}

#[test]
fn what_is_staged_must_be_what_was_armed() {
    check_staged(|s| s.organization = OrganizationId([0; 16]));
    check_staged(|s| s.association = AssociationId([0; 16]));
    check_staged(|s| s.user = UserHandle([0; 16]));
    check_staged(|s| s.zone = Zone::Registration);
    check_staged(|s| s.epoch = 9);
}

#[track_caller]
fn check_end(end: SessionEnd, code: &str) {
    let mut flow = Scripted::new();
    flow.input(Input::Session(SessionEvent::Ended(end)));
    assert_eq!(flow.refusal(), Some(code));
    assert!(flow.outcome.is_some());
}

#[test]
fn a_handshake_that_fails_says_why() {
    check_end(
        SessionEnd::Refused(HandshakeRefusal::WrongOrganization),
        "wrong_organization",
    );
    check_end(
        SessionEnd::Refused(HandshakeRefusal::CertificateExpired),
        "station_not_accepted",
    );
    check_end(
        SessionEnd::Refused(HandshakeRefusal::CertificateNotYetValid),
        "station_not_accepted",
    );
    check_end(
        SessionEnd::Refused(HandshakeRefusal::VersionUnsupported { min: 2, max: 3 }),
        "version_unsupported",
    );
    check_end(
        SessionEnd::Misbehaved(BandMisbehaved::CertificateUntrusted),
        "band_not_genuine",
    );
}

#[track_caller]
fn check_arm_refusal(reason: BandRefusal, code: Option<&str>) {
    let mut flow = Scripted::new();
    flow.input(Input::Session(established(1, report())));
    flow.band(BandToStation::Refused(Refused {
        request: 1,
        reason,
        detail: 30,
    }));
    assert_eq!(flow.refusal(), code, "{reason:?}");
    assert_eq!(flow.outcome, None);
}

#[test]
fn each_refusal_of_the_band_has_an_answer() {
    check_arm_refusal(BandRefusal::NotWorn, None);
    check_arm_refusal(BandRefusal::HeldByAnother, None);
    check_arm_refusal(BandRefusal::WrongEpoch, None);
    check_arm_refusal(BandRefusal::BatteryLow, Some("battery_low"));
    check_arm_refusal(BandRefusal::LockedOut, Some("band_locked_out"));
    check_arm_refusal(BandRefusal::StorageFault, Some("band_storage_fault"));
    check_arm_refusal(BandRefusal::BadLabel, Some("band_refused"));
    check_arm_refusal(BandRefusal::NotEnrolled, Some("band_refused"));
}

#[test]
fn a_band_that_says_free_and_refuses_as_held_is_not_asked_for_ever() {
    let mut flow = Scripted::new();
    flow.input(Input::Session(established(1, report())));
    for _ in 0..40 {
        let answer = match flow.requests.last() {
            Some(StationToBand::Status(_)) => BandToStation::Report(report()),
            Some(StationToBand::Finish(_)) => break,
            _ => {
                let reason = BandRefusal::HeldByAnother;
                BandToStation::Refused(Refused {
                    request: 1,
                    reason,
                    detail: 0,
                })
            }
        };
        flow.band(answer);
    }
    assert_eq!(flow.refusal(), Some("too_many_contacts"));
}

#[test]
fn answers_of_another_time_are_ignored() {
    let mut flow = Scripted::new();
    flow.serving = false;
    flow.input(Input::Session(established(1, report())));
    let Some(Input::Facts(number, known)) = flow.unanswered.pop() else {
        panic!("facts are asked for")
    };
    flow.input(Input::Facts(number + 1, known.clone()));
    flow.input(Input::Facts(number - 1, known.clone()));
    flow.input(Input::Appended(number));
    assert_eq!(flow.flow.state(), "awaiting_facts");
    flow.input(Input::Facts(number, known));
    assert_eq!(flow.flow.state(), "recording");
    assert!(
        flow.requests.is_empty(),
        "nothing is asked of the band before the append is durable"
    );
    assert!(
        flow.screens
            .iter()
            .all(|screen| matches!(screen, Screen::BandFound { .. }))
    );
}

#[test]
fn a_shell_that_never_answers_does_not_hold_the_band() {
    let mut flow = Scripted::new();
    flow.serving = false;
    flow.input(Input::Session(established(1, report())));
    flow.time_out();
    assert_eq!(flow.refusal(), Some("station_storage_fault"));
    flow.time_out();
    assert!(flow.flow.is_ended());
}

#[test]
fn a_band_that_never_stops_talking_holds_nobody_for_ever() {
    let (mut flow, _) = Scripted::new().armed();
    for _ in 0..100_000 {
        if flow.refusal().is_some() {
            break;
        }
        flow.now = flow.now + Duration::from_secs(1);
        let now = flow.now;
        flow.flow.handle_timeout(now);
        flow.drain();
        flow.band(BandToStation::Touched(Touched {
            count: 1,
            of: 9,
            quality: 50,
        }));
        flow.screens.retain(|screen| matches!(screen, Screen::Refused(_)));
    }
    assert_eq!(flow.refusal(), Some("wearer_timed_out"));
}

/// A band that pauses does not say for how long: it is asked now and then, and not all the time.
#[test]
fn a_band_that_pauses_is_tried_again_after_a_while() {
    let mut flow = Scripted::new();
    flow.drain();
    let pause = Limits::default().pause_wait;
    for tries in 1..=5 {
        flow.input(Input::Session(SessionEvent::Ended(SessionEnd::Refused(
            HandshakeRefusal::TryLater,
        ))));
        assert_eq!(flow.connects, tries, "no sooner");
        assert_eq!(flow.flow.poll_timeout(), Some(flow.now + pause));
        flow.time_out();
        assert_eq!(flow.connects, tries + 1);
    }
    flow.input(Input::Session(established(1, report())));
    assert_eq!((flow.refusal(), &flow.outcome), (None, &None));
}

#[test]
fn a_band_that_pauses_for_ever_is_given_up() {
    let mut flow = Scripted::new();
    while flow.outcome.is_none() {
        assert!(flow.connects < 100, "it is asked for ever");
        flow.input(Input::Session(SessionEvent::Ended(SessionEnd::Refused(
            HandshakeRefusal::TryLater,
        ))));
        flow.time_out();
    }
    assert_eq!(flow.refusal(), Some("link_lost"));
    assert!(flow.now <= firmware_protocol::time::Instant::ZERO + Limits::default().band_wait);
}
