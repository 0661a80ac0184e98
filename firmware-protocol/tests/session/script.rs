//! What happened in the sessions on file.

use firmware_protocol::band::{BandSettings, Wearer};
use firmware_protocol::certificate::StationCertificate;
use firmware_protocol::frame::Framing;
use firmware_protocol::handler::Screen;
use firmware_protocol::handshake::HandshakeRefusal;
use firmware_protocol::id::{AssociationId, StationId, UserHandle, Zone};
use firmware_protocol::message::{
    Abort, Arm, BandToStation, Commit, DeleteUserData, Finish, Mode, Recall, StationToBand, Status,
    TouchFault,
};
use firmware_protocol::station::{SessionEnd, StationIdentity};
use firmware_protocol::time::{Instant, UnixSeconds};

use super::noise::public;
use crate::pair::{NOW, Pair, Setup, Way, World};

/// One link as it went, and the secrets of both ends.
pub(super) struct Session {
    pub(super) station: StationIdentity,
    pub(super) code: String,
    pub(super) station_ephemeral: [u8; 32],
    pub(super) station_nonce: [u8; 16],
    pub(super) band_ephemeral: [u8; 32],
    pub(super) band_nonce: [u8; 16],
    /// The secret of the credential that was staged.
    pub(super) credential: Vec<u8>,
    /// Frames in order, with the way each went.
    pub(super) frames: Vec<(Way, Vec<u8>)>,
    pub(super) packets: Vec<(Way, Vec<u8>)>,
}

/// What happened to one band: enrolled, asked by a stranger, registered half and emptied.
pub(super) struct Recorded {
    pub(super) pair: Pair,
    pub(super) first: Session,
    pub(super) refused: Session,
    pub(super) second: Session,
}

/// Sixteen bytes that nobody takes for another identifier.
fn id(from: u8) -> [u8; 16] {
    core::array::from_fn(|at| from + at as u8)
}

fn station(world: &World, number: u8, from: u8, zone: Zone) -> StationIdentity {
    let certificate = StationCertificate {
        organization_key: world.organization.verifying_key().to_bytes(),
        station: StationId(id(from)),
        dh_key: public(&[number; 32]),
        zone,
        not_before: UnixSeconds(NOW - 86_400),
        not_after: UnixSeconds(NOW + 30 * 86_400),
    };
    StationIdentity {
        certificate: certificate.sign(&world.organization),
        dh_secret: [number; 32].into(),
    }
}

fn arm() -> Arm {
    Arm {
        association: AssociationId(id(0xa0)),
        user: UserHandle(id(0x40)),
        zone: Zone::Enrollment,
        epoch: 1,
        mode: Mode::Capture,
        label: "ANNA B.".into(),
    }
}

pub(super) fn record() -> Recorded {
    let settings = BandSettings {
        touches: 2,
        ..BandSettings::default()
    };
    let mut pair = Pair::new(Setup {
        seed: 2027,
        mtu_bytes: 247,
        settings,
        ..Setup::default()
    });
    pair.willing = false;
    let first = session(
        &mut pair,
        station(&World::default(), 1, 0x70, Zone::Enrollment),
        enroll,
    );
    let neighbor = station(&World::neighbor(), 1, 0x60, Zone::Enrollment);
    let refused = session(&mut pair, neighbor, |pair| {
        let end = SessionEnd::Refused(HandshakeRefusal::WrongOrganization);
        assert_eq!(pair.refused(), end);
    });
    let second = session(
        &mut pair,
        station(&World::default(), 2, 0x90, Zone::Registration),
        register_and_delete,
    );
    Recorded {
        pair,
        first,
        refused,
        second,
    }
}

/// Holds one session and keeps what was said and drawn in it.
fn session(pair: &mut Pair, station: StationIdentity, talk: impl FnOnce(&mut Pair)) -> Session {
    let (frames, drawn, screens) = (
        pair.link.captured.len(),
        pair.hardware.drawn.len().max(1),
        pair.hardware.screens.len(),
    );
    pair.setup.station = station.clone();
    talk(pair);
    pair.run_out();
    pair.disconnect();
    let (station_ephemeral, station_nonce) = pair.entropy.split_at(32);
    // The band draws ephemeral key and nonce first, then the credential's secret.
    let drawn = &pair.hardware.drawn[drawn..];
    let shown = pair.hardware.screens[screens..].iter();
    let code = shown.clone().find_map(|screen| match screen {
        Screen::Confirm { code, .. } | Screen::Touch { code, .. } => Some(code.to_string()),
        _ => None,
    });
    let frames = pair.link.captured[frames..].to_vec();
    Session {
        station,
        code: code.unwrap_or_default(),
        station_ephemeral: station_ephemeral.try_into().expect("32"),
        station_nonce: station_nonce.try_into().expect("16"),
        band_ephemeral: drawn[0].clone().try_into().expect("an ephemeral key"),
        band_nonce: drawn[1].clone().try_into().expect("a nonce"),
        credential: drawn.get(2).cloned().unwrap_or_default(),
        packets: packets(&frames),
        frames,
    }
}

/// Asks and says what the answer must be.
fn ask(pair: &mut Pair, request: StationToBand, answer: u8) -> BandToStation {
    let heard = pair.ask(request);
    assert_eq!(heard.number(), answer, "{heard:?}");
    heard
}

fn hear(pair: &mut Pair, action: Wearer, pushes: &[u8]) {
    pair.wearer(action);
    for push in pushes {
        assert_eq!(pair.message().number(), *push);
    }
}

fn finish(pair: &mut Pair, association: Option<AssociationId>) {
    ask(pair, StationToBand::Finish(Finish { association }), 35);
    assert_eq!(pair.ended(), SessionEnd::Finished);
}

/// A new finger, with one touch that does not count.
fn enroll(pair: &mut Pair) {
    pair.establish();
    ask(pair, StationToBand::Arm(arm()), 32);
    hear(pair, Wearer::Press, &[48]);
    hear(pair, Wearer::Touch(Ok(80)), &[49]);
    hear(pair, Wearer::Touch(Err(TouchFault::OffCenter)), &[50]);
    hear(pair, Wearer::Touch(Ok(91)), &[49, 51]);
    let Arm {
        association, epoch, ..
    } = arm();
    ask(pair, StationToBand::Commit(Commit { association, epoch }), 33);
    finish(pair, Some(association));
}

/// The other zone, up to the stage, and then the wearer deletes everything: every message that the first
/// session had no use for.
fn register_and_delete(pair: &mut Pair) {
    let zone = Zone::Registration;
    let association = AssociationId(id(0xb0));
    let register = Arm {
        association,
        zone,
        epoch: 2,
        mode: Mode::Authenticate,
        ..arm()
    };
    let early = Arm {
        epoch: 1,
        ..register.clone()
    };
    let register = StationToBand::Arm(register);
    pair.establish();
    ask(pair, StationToBand::Arm(early), 38);
    ask(pair, register.clone(), 32);
    hear(pair, Wearer::Decline, &[52]);
    ask(pair, register.clone(), 32);
    ask(pair, StationToBand::Abort(Abort { association }), 34);
    ask(pair, register, 32);
    hear(pair, Wearer::Touch(Ok(88)), &[49, 51]);
    ask(pair, StationToBand::Status(Status {}), 37);
    ask(pair, StationToBand::Recall(Recall { zone }), 38);
    ask(pair, StationToBand::DeleteUserData(DeleteUserData {}), 36);
    hear(pair, Wearer::HoldToDelete, &[53]);
    finish(pair, None);
}

fn packets(frames: &[(Way, Vec<u8>)]) -> Vec<(Way, Vec<u8>)> {
    let mut to_band = Framing::new(247, Instant::ZERO);
    let mut to_station = Framing::new(247, Instant::ZERO);
    let mut packets = Vec::new();
    for (way, frame) in frames {
        let reader = if *way == Way::ToBand {
            &mut to_band
        } else {
            &mut to_station
        };
        // A reader alone has sent nothing that could be acknowledged.
        let mut frame = frame.clone();
        frame[2] = 0;
        reader.handle_input(Instant::ZERO, &frame).expect("a good frame");
        packets.extend(reader.poll_packet().map(|packet| (*way, packet)));
    }
    packets
}
