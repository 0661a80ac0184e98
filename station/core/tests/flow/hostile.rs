//! Bands that lie, and inputs in any order: every attempt ends, nothing false is written down.

use std::time::Duration;

use ed25519_dalek::SigningKey;
use firmware_protocol::certificate::{BandCertificate, Signed};
use firmware_protocol::handshake::HandshakeRefusal;
use firmware_protocol::id::{AssociationId, OrganizationId, ScreenCode, UserHandle, Zone};
use firmware_protocol::message::*;
use firmware_protocol::misbehaved::BandMisbehaved;
use firmware_protocol::receipt::Receipt;
use firmware_protocol::station::{Established, SessionEnd, SessionEvent};
use firmware_protocol::time::{Instant, UnixSeconds};
use proptest::prelude::*;
use station_core::clock::TrustedTime;
use station_core::enrollment::*;
use station_core::journal::FlowId;

use crate::keys::{self, T0};
use crate::store::{Store, handle};
use crate::world::World;

const USER: u8 = 1;

fn band_key() -> SigningKey {
    SigningKey::from_bytes(&[201; 32])
}

fn report() -> Report {
    Report {
        worn: true,
        charging: false,
        battery_percent: 80,
        lockout_seconds: 0,
        firmware: "1".into(),
        touches: 1,
        epoch: 3,
        organization: None,
        associations: vec![],
        staged: None,
    }
}

fn established(number: u8, report: Report) -> SessionEvent {
    let certificate = BandCertificate {
        serial: keys::serial(number),
        model: "SIM".into(),
        dh_key: [0; 32],
        signing_key: band_key().verifying_key().to_bytes(),
        seos: false,
    };
    SessionEvent::Established(Box::new(Established {
        certificate,
        report,
        code: code(),
    }))
}

/// Any code; only a session makes one, so one is made.
fn code() -> ScreenCode {
    static CODE: std::sync::OnceLock<ScreenCode> = std::sync::OnceLock::new();
    *CODE.get_or_init(code_of_a_session)
}

fn code_of_a_session() -> ScreenCode {
    let mut world = World::new();
    world.begin(USER);
    world.run_until(|screen| matches!(screen, Screen::CompareCode(_)));
    let shown = world.screens.iter().find_map(|screen| match screen {
        Screen::CompareCode(code) => Some(*code),
        _ => None,
    });
    shown.expect("a code is shown")
}

/// An attempt whose band is a script.
struct Scripted {
    flow: Enrollment,
    store: Store,
    screens: Vec<Screen>,
    outcome: Option<Outcome>,
    requests: Vec<StationToBand>,
    now: Instant,
    /// The shell answers by itself.
    serving: bool,
    unanswered: Vec<Input>,
}

impl Scripted {
    fn new() -> Self {
        let person = World::new().identify(handle(USER));
        let start = Start {
            flow: FlowId([1; 16]),
            organization: keys::organization(),
            zone: Zone::Enrollment,
            limits: Limits::default(),
        };
        Self {
            flow: Enrollment::new(start, person, Instant::ZERO),
            store: Store::new(),
            screens: vec![],
            outcome: None,
            requests: vec![],
            now: Instant::ZERO,
            serving: true,
            unanswered: vec![],
        }
    }

    fn input(&mut self, input: Input) {
        self.flow.handle_input(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            while let Some(request) = self.flow.poll_transmit() {
                self.requests.push(request);
            }
            let Some(event) = self.flow.poll_event() else {
                return;
            };
            let answer = match event {
                Event::NeedFacts(query) => {
                    let known = self.store.look_up(&query, TrustedTime::certain(T0));
                    Some(Input::Facts(query.number, Box::new(known)))
                }
                Event::Append(append) => {
                    self.store.append(&append, T0).expect("nothing is spent twice");
                    Some(Input::Appended(append.number))
                }
                Event::Screen(screen) => {
                    self.screens.push(screen);
                    None
                }
                Event::Ended(outcome) => {
                    assert!(self.outcome.is_none(), "it ends once");
                    self.outcome = Some(outcome);
                    None
                }
                Event::Connect | Event::Hangup => None,
            };
            match answer {
                Some(answer) if self.serving => self.flow.handle_input(self.now, answer),
                Some(answer) => self.unanswered.push(answer),
                None => {}
            }
        }
    }

    fn band(&mut self, message: BandToStation) {
        self.input(Input::Session(SessionEvent::Message(message)));
    }

    /// To where the band has been armed and confirmed.
    fn armed(mut self) -> (Self, Arm) {
        self.input(Input::Session(established(1, report())));
        let Some(StationToBand::Arm(arm)) = self.requests.last().cloned() else {
            panic!("{:?}", self.requests)
        };
        self.band(BandToStation::Armed(Armed {
            touches: 1,
            confirmed: false,
        }));
        self.band(BandToStation::WearerConfirmed(WearerConfirmed {}));
        self.input(Input::Person(Person::CodeConfirmed));
        (self, arm)
    }

    /// To where the commit is under way.
    fn committing(self) -> (Self, Receipt) {
        let (mut flow, arm) = self.armed();
        flow.band(BandToStation::Staged(staged(&arm)));
        assert!(
            matches!(flow.requests.last(), Some(StationToBand::Commit(_))),
            "{:?}",
            flow.requests
        );
        let receipt = Receipt {
            serial: keys::serial(1),
            organization: keys::organization(),
            user: arm.user,
            zone: arm.zone,
            association: arm.association,
            epoch: arm.epoch,
            credential_key: [5; 32],
            station: firmware_protocol::id::StationId([1; 16]),
            time: UnixSeconds(T0 / 1000),
            mode: arm.mode,
        };
        (flow, receipt)
    }

    fn time_out(&mut self) {
        if let Some(deadline) = self.flow.poll_timeout() {
            self.now = self.now.max(deadline);
            self.flow.handle_timeout(self.now);
            self.drain();
        }
    }

    fn refusal(&self) -> Option<&'static str> {
        self.screens.iter().find_map(|screen| match screen {
            Screen::Refused(refusal) => Some(refusal.code().code()),
            _ => None,
        })
    }
}

fn staged(arm: &Arm) -> Staged {
    Staged {
        organization: keys::organization(),
        association: arm.association,
        user: arm.user,
        zone: arm.zone,
        epoch: arm.epoch,
        credential_key: [5; 32],
    }
}

fn signed(receipt: &Receipt, key: &SigningKey) -> Signed {
    let body = minicbor::to_vec(receipt).expect("memory takes everything");
    Signed::sign(body, Receipt::CONTEXT, key)
}

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

fn any_report() -> impl Strategy<Value = Report> {
    let held = (any::<bool>(), 1..4u8, 0..6u8, 0..6u32, any::<bool>()).prop_map(
        |(it, user, id, epoch, finished)| {
            let zone = if it { Zone::Enrollment } else { Zone::Registration };
            Held {
                zone,
                user: handle(user),
                association: AssociationId([id; 16]),
                epoch,
                finished,
            }
        },
    );
    let staged = (1..4u8, 0..6u8, 0..6u32).prop_map(|(user, id, epoch)| Staged {
        organization: keys::organization(),
        association: AssociationId(u128::from(id).to_be_bytes()),
        user: handle(user),
        zone: Zone::Enrollment,
        epoch,
        credential_key: [5; 32],
    });
    let holds = (
        any::<bool>(),
        prop::collection::vec(held, 0..3),
        prop::option::of(staged),
    );
    let body = (
        any::<bool>(),
        any::<u8>(),
        prop_oneof![3 => Just(0), 1 => any::<u32>()],
        prop_oneof![3 => 0..6u32, 1 => Just(u32::MAX)],
    );
    (holds, body).prop_map(
        |((ours, associations, staged), (worn, battery_percent, lockout_seconds, epoch))| Report {
            worn,
            charging: false,
            battery_percent,
            lockout_seconds,
            organization: ours.then(keys::organization),
            associations,
            staged,
            epoch,
            ..report()
        },
    )
}

fn any_message() -> impl Strategy<Value = BandToStation> {
    let cause = prop_oneof![
        Just(Interruption::Declined),
        Just(Interruption::TimedOut),
        Just(Interruption::TakenOff),
        Just(Interruption::BatteryLow),
        Just(Interruption::Deleted),
        Just(Interruption::StorageFault)
    ];
    let reason = prop_oneof![
        Just(BandRefusal::NotWorn),
        Just(BandRefusal::NotThere),
        Just(BandRefusal::HeldByAnother),
        Just(BandRefusal::StorageFault),
        Just(BandRefusal::WrongZone)
    ];
    prop_oneof![
        any::<bool>().prop_map(|confirmed| BandToStation::Armed(Armed {
            touches: 1,
            confirmed
        })),
        Just(BandToStation::Aborted(Aborted {})),
        Just(BandToStation::Finished(Finished {})),
        Just(BandToStation::DeletionAsked(DeletionAsked {})),
        Just(BandToStation::WearerConfirmed(WearerConfirmed {})),
        Just(BandToStation::Touched(Touched {
            count: 1,
            of: 1,
            quality: 200
        })),
        any_report().prop_map(BandToStation::Report),
        (any::<u8>(), reason).prop_map(|(request, reason)| {
            BandToStation::Refused(Refused {
                request,
                reason,
                detail: 7,
            })
        }),
        cause.prop_map(|cause| BandToStation::Interrupted(Interrupted {
            cause,
            lockout_seconds: 0
        })),
        (0..6u32).prop_map(|epoch| BandToStation::Deleted(Deleted { epoch })),
        Just(BandToStation::Committed(Committed {
            receipt: Signed {
                body: vec![],
                signature: [0; 64]
            }
        })),
    ]
}

/// One thing that may happen; some are made to fit what was last asked.
#[derive(Clone, Debug)]
enum Happening {
    Message(BandToStation),
    Established(u8, Report),
    Ended(bool),
    Person(Person),
    Fitting,
    Wait(u8),
    Fault,
}

fn any_happening() -> impl Strategy<Value = Happening> {
    let person = prop_oneof![
        Just(Person::CodeConfirmed),
        Just(Person::CodeDeclined),
        Just(Person::Cancel)
    ];
    prop_oneof![
        4 => any_message().prop_map(Happening::Message),
        3 => (1..3u8, any_report()).prop_map(|(band, report)| Happening::Established(band, report)),
        2 => any::<bool>().prop_map(Happening::Ended),
        1 => person.prop_map(Happening::Person),
        8 => Just(Happening::Fitting),
        1 => any::<u8>().prop_map(Happening::Wait),
        1 => Just(Happening::Fault),
    ]
}

/// What an honest band would answer to the last request.
fn fitting(request: &StationToBand) -> BandToStation {
    match request {
        StationToBand::Arm(arm) => BandToStation::Staged(staged(arm)),
        StationToBand::Commit(commit) => {
            let receipt = Receipt {
                serial: keys::serial(1),
                organization: keys::organization(),
                user: handle(USER),
                zone: Zone::Enrollment,
                association: commit.association,
                epoch: commit.epoch,
                credential_key: [5; 32],
                station: firmware_protocol::id::StationId([1; 16]),
                time: UnixSeconds(T0 / 1000),
                mode: Mode::Capture,
            };
            BandToStation::Committed(Committed {
                receipt: signed(&receipt, &band_key()),
            })
        }
        StationToBand::Abort(_) => BandToStation::Aborted(Aborted {}),
        StationToBand::Finish(_) => BandToStation::Finished(Finished {}),
        StationToBand::DeleteUserData(_) => BandToStation::DeletionAsked(DeletionAsked {}),
        StationToBand::Recall(_) | StationToBand::Status(_) => BandToStation::Report(report()),
    }
}

proptest! {
    #![proptest_config(crate::cases(256))]

    #[test]
    fn any_order_of_anything_ends_and_writes_nothing_false(
        happenings in prop::collection::vec(any_happening(), 0..60),
    ) {
        let mut flow = Scripted::new();
        for happening in happenings {
            match happening {
                Happening::Message(message) => flow.band(message),
                Happening::Established(band, report) => flow.input(Input::Session(established(band, report))),
                Happening::Ended(finished) => {
                    let end = if finished { SessionEnd::Finished } else { SessionEnd::Disconnected };
                    flow.input(Input::Session(SessionEvent::Ended(end)));
                }
                Happening::Person(person) => flow.input(Input::Person(person)),
                Happening::Fitting => {
                    if let Some(request) = flow.requests.last().cloned() {
                        flow.band(fitting(&request));
                    }
                }
                Happening::Wait(seconds) => {
                    flow.now = flow.now + Duration::from_secs(seconds.into());
                    let now = flow.now;
                    flow.flow.handle_timeout(now);
                    flow.drain();
                }
                Happening::Fault => flow.input(Input::AppendFailed(1, AppendFault::Storage)),
            }
        }
        for _ in 0..1000 {
            if flow.flow.is_ended() {
                break;
            }
            flow.time_out();
        }
        prop_assert!(flow.flow.is_ended(), "{:?}", flow.flow);
        prop_assert!(flow.outcome.is_some());
        let done = flow.screens.iter().any(|screen| matches!(screen, Screen::Done { .. }));
        prop_assert!(!done || flow.store.names().contains(&"committed"));
    }
}
