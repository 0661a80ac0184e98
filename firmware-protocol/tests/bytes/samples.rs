//! One value of each kind, and the name its bytes have on file.

use firmware_protocol::advertisement::Beacon;
use firmware_protocol::certificate::Signed;
use firmware_protocol::frame::Framing;
use firmware_protocol::handshake::{BandHello, StationHello};
use firmware_protocol::id::{AssociationId, OrganizationId, UserHandle, Zone};
use firmware_protocol::message::{
    Abort, Aborted, Arm, Armed, BandRefusal, BandToStation, Commit, Committed, DeleteUserData, Deleted,
    DeletionAsked, Finish, Finished, Held, Info, Interrupted, Interruption, Mode, Recall, Refused, Report,
    Staged, StationToBand, Status, TouchFailed, TouchFault, Touched, WearerConfirmed,
};
use firmware_protocol::time::{Instant, UnixSeconds};

use crate::pair::{Clerk, NOW, Pair, Trouble, World, arm, arm_for};

pub(super) type Named<T> = Vec<(String, T)>;

fn named<T>(samples: impl IntoIterator<Item = (&'static str, T)>) -> Named<T> {
    samples
        .into_iter()
        .map(|(name, value)| (name.to_string(), value))
        .collect()
}

fn numbered<T>(name: &str, samples: impl IntoIterator<Item = T>) -> Named<T> {
    samples
        .into_iter()
        .enumerate()
        .map(|(i, value)| (format!("{name}.{i}"), value))
        .collect()
}

const ASSOCIATION: AssociationId = AssociationId([0xa5; 16]);
const USER: UserHandle = UserHandle([0x17; 16]);
const ORGANIZATION: OrganizationId = OrganizationId([0x0c; 16]);

fn long_arm() -> Arm {
    Arm {
        association: ASSOCIATION,
        user: USER,
        zone: Zone::Registration,
        epoch: 70_000,
        mode: Mode::Authenticate,
        label: "M. OKAFOR-12".into(),
    }
}

pub(super) fn requests() -> Named<StationToBand> {
    named([
        ("arm", StationToBand::Arm(arm(1))),
        ("arm.registration", StationToBand::Arm(long_arm())),
        (
            "commit",
            StationToBand::Commit(Commit {
                association: ASSOCIATION,
                epoch: 300,
            }),
        ),
        (
            "abort",
            StationToBand::Abort(Abort {
                association: ASSOCIATION,
            }),
        ),
        (
            "recall",
            StationToBand::Recall(Recall {
                zone: Zone::Enrollment,
            }),
        ),
        (
            "recall.registration",
            StationToBand::Recall(Recall {
                zone: Zone::Registration,
            }),
        ),
        (
            "finish",
            StationToBand::Finish(Finish {
                association: Some(ASSOCIATION),
            }),
        ),
        (
            "finish.nothing",
            StationToBand::Finish(Finish { association: None }),
        ),
        (
            "delete_user_data",
            StationToBand::DeleteUserData(DeleteUserData {}),
        ),
        ("status", StationToBand::Status(Status {})),
    ])
}

fn empty_report() -> Report {
    Report {
        worn: true,
        charging: false,
        battery_percent: 255,
        lockout_seconds: 0,
        firmware: "1.0.0".into(),
        touches: 8,
        epoch: 0,
        organization: None,
        associations: vec![],
        staged: None,
    }
}

fn staged() -> Staged {
    Staged {
        organization: ORGANIZATION,
        association: ASSOCIATION,
        user: USER,
        zone: Zone::Enrollment,
        epoch: 301,
        credential_key: [0xce; 32],
    }
}

fn full_report() -> Report {
    let held = |zone, epoch, finished| Held {
        zone,
        user: USER,
        association: ASSOCIATION,
        epoch,
        finished,
    };
    Report {
        worn: false,
        charging: true,
        battery_percent: 61,
        lockout_seconds: 29,
        epoch: 300,
        organization: Some(ORGANIZATION),
        associations: vec![
            held(Zone::Enrollment, 299, true),
            held(Zone::Registration, 300, false),
        ],
        staged: Some(staged()),
        ..empty_report()
    }
}

fn signed() -> Signed {
    Signed {
        body: vec![0xa0],
        signature: [0x51; 64],
    }
}

pub(super) fn answers() -> Named<BandToStation> {
    let touched = Touched {
        count: 3,
        of: 8,
        quality: 87,
    };
    let mut samples = named([
        (
            "armed",
            BandToStation::Armed(Armed {
                touches: 8,
                confirmed: false,
            }),
        ),
        (
            "committed",
            BandToStation::Committed(Committed { receipt: signed() }),
        ),
        ("aborted", BandToStation::Aborted(Aborted {})),
        ("finished", BandToStation::Finished(Finished {})),
        ("deletion_asked", BandToStation::DeletionAsked(DeletionAsked {})),
        ("report.empty", BandToStation::Report(empty_report())),
        ("report.full", BandToStation::Report(full_report())),
        (
            "wearer_confirmed",
            BandToStation::WearerConfirmed(WearerConfirmed {}),
        ),
        ("touched", BandToStation::Touched(touched)),
        ("staged", BandToStation::Staged(staged())),
        ("deleted", BandToStation::Deleted(Deleted { epoch: 300 })),
    ]);
    samples.extend(numbered("refused", refusals()));
    samples.extend(numbered("touch_failed", touch_faults()));
    samples.extend(numbered("interrupted", interruptions()));
    samples
}

fn refusals() -> impl Iterator<Item = BandToStation> {
    use BandRefusal::*;
    let reasons = [
        UnknownMessage,
        Malformed,
        OutOfTurn,
        NotWorn,
        BatteryLow,
        LockedOut,
        HeldByAnother,
        WrongZone,
        WrongEpoch,
        NotThere,
        NotEnrolled,
        BadLabel,
        StorageFault,
    ];
    let detail = |reason| if reason == WrongEpoch { 300 } else { 0 };
    reasons.into_iter().map(move |reason| {
        BandToStation::Refused(Refused {
            request: 1,
            reason,
            detail: detail(reason),
        })
    })
}

fn touch_faults() -> impl Iterator<Item = BandToStation> {
    use TouchFault::*;
    [
        NoMatch,
        OffCenter,
        Wet,
        Dry,
        SensorDirty,
        Moved,
        NoLiveness,
        Motion,
    ]
    .into_iter()
    .map(|fault| BandToStation::TouchFailed(TouchFailed { fault, in_a_row: 2 }))
}

fn interruptions() -> impl Iterator<Item = BandToStation> {
    use Interruption::*;
    [
        Declined,
        TimedOut,
        TakenOff,
        BatteryLow,
        LockedOut,
        Deleted,
        StorageFault,
    ]
    .into_iter()
    .map(|cause| {
        BandToStation::Interrupted(Interrupted {
            cause,
            lockout_seconds: if cause == LockedOut { 30 } else { 0 },
        })
    })
}

fn cbor<T: minicbor::Encode<()>>(value: T) -> Vec<u8> {
    minicbor::to_vec(value).expect("memory takes everything")
}

pub(super) fn station_hello() -> StationHello {
    StationHello {
        certificate: World::default().station(1, Zone::Enrollment).certificate,
        commitment: [0xc0; 32],
        time: UnixSeconds(NOW),
    }
}

pub(super) fn band_hello() -> BandHello {
    BandHello {
        certificate: World::default().band(1).certificate,
        nonce: [0xb0; 16],
        version: 1,
        report: full_report(),
    }
}

pub(super) fn info() -> Info {
    Info {
        version_min: 1,
        version_max: 1,
        model: "B1".into(),
        firmware: "1.0.0".into(),
    }
}

pub(super) fn beacon() -> Beacon {
    Beacon {
        enrolled: true,
        worn: true,
        charging: false,
        intent: true,
        seos: false,
        locked_out: false,
        battery_percent: 61,
        heartbeat: 7,
        tag: 0xbeef,
    }
}

/// Everything that is neither request nor answer.
pub(super) fn others() -> Named<Vec<u8>> {
    let mut samples = named([
        ("certificate.band", cbor(World::default().band(1).certificate)),
        (
            "certificate.station",
            cbor(World::default().station(1, Zone::Enrollment).certificate),
        ),
        ("hello.station", cbor(station_hello())),
        ("hello.band", cbor(band_hello())),
        ("info", cbor(info())),
        ("beacon", beacon().encode().to_vec()),
        ("advertisement", beacon().advertisement().to_vec()),
    ]);
    samples.extend(numbered("frame", frames()));
    samples.extend(records());
    samples
}

/// A packet of 40 bytes at the smallest MTU, and the bare acknowledgement of it.
fn frames() -> Vec<Vec<u8>> {
    let packet: Vec<u8> = (0..40).collect();
    let mut sender = Framing::new(23, Instant::ZERO);
    let mut receiver = Framing::new(23, Instant::ZERO);
    sender.send(Instant::ZERO, &packet);
    let mut frames: Vec<_> = std::iter::from_fn(|| sender.poll_transmit()).collect();
    frames
        .iter()
        .for_each(|frame| receiver.handle_input(Instant::ZERO, frame).expect("a good frame"));
    receiver.acknowledge_now();
    frames.extend(receiver.poll_transmit());
    frames
}

/// What a band keeps at each point of its life.
pub(super) fn records() -> Named<Vec<u8>> {
    let mut pair = Pair::fresh();
    assert!(Clerk::new(arm(1)).enroll(&mut pair, 1));
    pair.hardware.trouble_at(1, Trouble::Fault);
    Clerk::new(arm_for(1, 2, 2)).session(&mut pair);
    pair.wearer(firmware_protocol::band::Wearer::HoldToDelete);
    let names = ["staged", "held", "finished", "held_and_staged", "deleted"];
    assert_eq!(pair.hardware.history.len(), names.len());
    let history = pair.hardware.history.into_iter();
    names
        .iter()
        .map(|name| format!("record.{name}"))
        .zip(history)
        .collect()
}
