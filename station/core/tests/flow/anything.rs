//! Inputs in any order: every attempt ends, nothing false is written down.

use std::time::Duration;

use firmware_protocol::certificate::Signed;
use firmware_protocol::id::{AssociationId, Zone};
use firmware_protocol::message::*;
use firmware_protocol::receipt::Receipt;
use firmware_protocol::station::{SessionEnd, SessionEvent};
use firmware_protocol::time::UnixSeconds;
use proptest::prelude::*;
use station_core::enrollment::*;

use crate::keys::{self, T0};
use crate::store::handle;

use crate::script::*;

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
