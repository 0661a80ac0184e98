//! Messages of both directions and the info characteristic.

use firmware_protocol::certificate::Signed;
use firmware_protocol::id::{AssociationId, OrganizationId, UserHandle, Zone};
use firmware_protocol::message::*;

use super::Input;

/// A message that is read says the same when it is written and read again.
pub(super) fn station_to_band(bytes: &[u8]) {
    if let Ok(message) = StationToBand::decode(bytes) {
        assert_eq!(StationToBand::decode(&message.encode()), Ok(message));
    }
}

pub(super) fn band_to_station(bytes: &[u8]) {
    if let Ok(message) = BandToStation::decode(bytes) {
        assert_eq!(BandToStation::decode(&message.encode()), Ok(message));
    }
}

pub(super) fn info(bytes: &[u8]) {
    if let Ok(info) = minicbor::decode::<Info>(bytes) {
        let again = minicbor::to_vec(&info).expect("memory takes everything");
        assert_eq!(minicbor::decode::<Info>(&again).ok(), Some(info));
    }
}

pub(super) fn infos() -> Vec<Input> {
    let info = Info {
        version_min: 1,
        version_max: 1,
        model: "Sim".into(),
        firmware: "1.0.0".into(),
    };
    vec![Input::new(
        "sim",
        minicbor::to_vec(&info).expect("memory takes everything"),
    )]
}

const ASSOCIATION: AssociationId = AssociationId([1; 16]);
const USER: UserHandle = UserHandle([2; 16]);
const ORGANIZATION: OrganizationId = OrganizationId([3; 16]);

pub(super) fn requests() -> Vec<Input> {
    let arm = Arm {
        association: ASSOCIATION,
        user: USER,
        zone: Zone::Enrollment,
        epoch: 1,
        mode: Mode::Capture,
        label: "KIM".into(),
    };
    let register = Arm {
        zone: Zone::Registration,
        mode: Mode::Authenticate,
        ..arm.clone()
    };
    [
        ("arm", StationToBand::Arm(arm)),
        ("arm_registration", StationToBand::Arm(register)),
        (
            "commit",
            StationToBand::Commit(Commit {
                association: ASSOCIATION,
                epoch: 1,
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
            "finish",
            StationToBand::Finish(Finish {
                association: Some(ASSOCIATION),
            }),
        ),
        (
            "finish_nothing",
            StationToBand::Finish(Finish { association: None }),
        ),
        (
            "delete_user_data",
            StationToBand::DeleteUserData(DeleteUserData {}),
        ),
        ("status", StationToBand::Status(Status {})),
    ]
    .map(|(name, message)| Input::new(name, message.encode()))
    .into()
}

fn staged() -> Staged {
    Staged {
        organization: ORGANIZATION,
        association: ASSOCIATION,
        user: USER,
        zone: Zone::Enrollment,
        epoch: 2,
        credential_key: [4; 32],
    }
}

fn report() -> Report {
    let held = Held {
        zone: Zone::Enrollment,
        user: USER,
        association: ASSOCIATION,
        epoch: 1,
        finished: true,
    };
    Report {
        worn: true,
        charging: false,
        battery_percent: 80,
        lockout_seconds: 0,
        firmware: "1.0.0".into(),
        touches: 3,
        epoch: 1,
        organization: Some(ORGANIZATION),
        associations: vec![
            held.clone(),
            Held {
                zone: Zone::Registration,
                ..held
            },
        ],
        staged: Some(staged()),
    }
}

pub(super) fn answers() -> Vec<Input> {
    let receipt = Signed {
        body: vec![0xa0],
        signature: [5; 64],
    };
    let new = Report {
        organization: None,
        associations: Vec::new(),
        staged: None,
        epoch: 0,
        ..report()
    };
    let lockout = Interrupted {
        cause: Interruption::LockedOut,
        lockout_seconds: 30,
    };
    let refused = Refused {
        request: 1,
        reason: BandRefusal::WrongEpoch,
        detail: 7,
    };
    [
        (
            "armed",
            BandToStation::Armed(Armed {
                touches: 3,
                confirmed: false,
            }),
        ),
        ("committed", BandToStation::Committed(Committed { receipt })),
        ("aborted", BandToStation::Aborted(Aborted {})),
        ("finished", BandToStation::Finished(Finished {})),
        ("deletion_asked", BandToStation::DeletionAsked(DeletionAsked {})),
        ("report", BandToStation::Report(report())),
        ("report_new", BandToStation::Report(new)),
        ("refused", BandToStation::Refused(refused)),
        (
            "wearer_confirmed",
            BandToStation::WearerConfirmed(WearerConfirmed {}),
        ),
        (
            "touched",
            BandToStation::Touched(Touched {
                count: 1,
                of: 3,
                quality: 90,
            }),
        ),
        (
            "touch_failed",
            BandToStation::TouchFailed(TouchFailed {
                fault: TouchFault::Wet,
                in_a_row: 1,
            }),
        ),
        ("staged", BandToStation::Staged(staged())),
        ("interrupted", BandToStation::Interrupted(lockout)),
        ("deleted", BandToStation::Deleted(Deleted { epoch: 4 })),
    ]
    .map(|(name, message)| Input::new(name, message.encode()))
    .into()
}
