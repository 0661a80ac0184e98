//! Somebody stands in the middle. Ids in front of the tests are those of the attack catalogue.

use std::time::Duration;

use firmware_protocol::frame::Framing;
use firmware_protocol::handshake::HandshakeRefusal;
use firmware_protocol::id::Zone;
use firmware_protocol::message::{BandToStation, StationToBand, Status};
use firmware_protocol::misbehaved::{BandMisbehaved, StationMisbehaved};
use firmware_protocol::station::{SessionEnd, SessionEvent, StationSession};

use crate::pair::{Clerk, Pair, Setup, Way, World, arm};

/// What one end wants to send now.
fn from_station(pair: &mut Pair) -> Vec<Vec<u8>> {
    let session = pair.station.as_mut().expect("a session");
    std::iter::from_fn(|| session.poll_transmit()).collect()
}

fn from_band(pair: &mut Pair) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| pair.band.poll_transmit()).collect()
}

fn deliver(pair: &mut Pair, way: Way, frames: &[Vec<u8>]) {
    frames.iter().for_each(|frame| pair.deliver(way, frame));
}

fn end(pair: &mut Pair) -> Option<SessionEnd> {
    let session = pair.station.as_mut()?;
    std::iter::from_fn(|| session.poll_event()).find_map(|event| match event {
        SessionEvent::Ended(end) => Some(end),
        _ => None,
    })
}

/// The first packet of a session, rewritten by `change`, in frames as a station would cut them.
fn first_packet(pair: &mut Pair, change: impl Fn(&mut Vec<u8>)) -> Vec<Vec<u8>> {
    let mut reader = Framing::new(pair.setup.mtu_bytes, pair.now);
    for frame in from_station(pair) {
        reader.handle_input(pair.now, &frame).expect("a good frame");
    }
    let mut packet = reader.poll_packet().expect("the first packet");
    change(&mut packet);
    let mut writer = Framing::new(pair.setup.mtu_bytes, pair.now);
    writer.send(pair.now, &packet);
    std::iter::from_fn(|| writer.poll_transmit()).collect()
}

fn captured_session() -> Vec<(Way, Vec<u8>)> {
    let mut pair = Pair::fresh();
    assert!(Clerk::new(arm(1)).enroll(&mut pair, 1));
    pair.link.captured
}

/// How far a session has come when something old arrives.
#[derive(Clone, Copy, Debug)]
enum Stage {
    Connected,
    Established,
    Armed,
    Staged,
}

fn at(stage: Stage) -> Pair {
    let mut pair = Pair::new(Setup {
        seed: 99,
        ..Setup::default()
    });
    match stage {
        Stage::Connected => pair.connect(),
        Stage::Established => drop(pair.establish()),
        Stage::Armed => {
            pair.willing = false;
            pair.establish();
            pair.ask(StationToBand::Arm(arm(1)));
        }
        Stage::Staged => drop(super::bring_to_stage(&mut pair)),
    }
    pair
}

/// A1: any one frame of another session, at any stage of this one.
#[test]
fn a_frame_of_another_session_changes_nothing() {
    let captured = captured_session();
    for stage in [Stage::Connected, Stage::Established, Stage::Armed, Stage::Staged] {
        for (way, frame) in &captured {
            let mut pair = at(stage);
            let before = (pair.hardware.stored.clone(), pair.hardware.stores);
            pair.deliver(*way, frame);
            pair.run_out();
            assert_eq!(
                (pair.hardware.stored.clone(), pair.hardware.stores),
                before,
                "{stage:?} {frame:02x?}"
            );
        }
    }
}

/// A1: the whole of it, to the same band and as if to the same station.
#[test]
fn a_whole_session_replayed_is_refused() {
    let captured = captured_session();
    let frames = |way| {
        captured
            .iter()
            .filter(move |(w, _)| *w == way)
            .map(|(_, frame)| frame)
    };
    let mut pair = Pair::new(Setup {
        seed: 100,
        ..Setup::default()
    });
    pair.connect();
    for frame in frames(Way::ToBand) {
        pair.deliver(Way::ToBand, frame);
        from_band(&mut pair);
    }
    assert_eq!(pair.band.last_fault(), Some(StationMisbehaved::MessageForged));
    assert_eq!(pair.hardware.stores, 0);

    let mut pair = Pair::new(Setup {
        seed: 101,
        ..Setup::default()
    });
    pair.connect();
    from_station(&mut pair);
    frames(Way::ToStation).for_each(|frame| pair.deliver(Way::ToStation, frame));
    assert_eq!(
        end(&mut pair),
        Some(SessionEnd::Misbehaved(BandMisbehaved::HandshakeForged))
    );
}

/// A4: two kiosks, two bands, and somebody crosses the lines, from the start or after the handshake.
#[test]
fn the_lines_of_two_bands_are_crossed() {
    let two = || {
        let mut left = Pair::new(Setup {
            seed: 1,
            ..Setup::default()
        });
        let band = World::default().band(2);
        let mut right = Pair::new(Setup {
            seed: 2,
            band,
            ..Setup::default()
        });
        left.connect();
        right.connect();
        (left, right)
    };
    let (mut left, mut right) = two();
    for pair in [&mut left, &mut right] {
        let hello = from_station(pair);
        deliver(pair, Way::ToBand, &hello);
    }
    let (from_left, from_right) = (from_band(&mut left), from_band(&mut right));
    deliver(&mut left, Way::ToStation, &from_right);
    deliver(&mut right, Way::ToStation, &from_left);
    for pair in [&mut left, &mut right] {
        assert_eq!(
            end(pair),
            Some(SessionEnd::Misbehaved(BandMisbehaved::HandshakeForged))
        );
    }

    let (mut left, mut right) = two();
    for pair in [&mut left, &mut right] {
        assert!(matches!(pair.wait(), Some(SessionEvent::Established(_))));
        pair.request(&StationToBand::Arm(arm(1)));
    }
    let (to_left, to_right) = (from_station(&mut left), from_station(&mut right));
    deliver(&mut left, Way::ToBand, &to_right);
    deliver(&mut right, Way::ToBand, &to_left);
    for pair in [&left, &right] {
        assert_eq!(pair.band.last_fault(), Some(StationMisbehaved::MessageForged));
        assert_eq!(pair.hardware.stores, 0);
    }
}

/// A6: the versions are said in clear, but whoever edits them is noticed.
#[test]
fn the_version_bytes_are_edited() {
    for (min, max) in [(0, 1), (1, 2), (0, 255)] {
        let mut pair = Pair::fresh();
        pair.connect();
        let hello = first_packet(&mut pair, |packet| packet[1..3].copy_from_slice(&[min, max]));
        deliver(&mut pair, Way::ToBand, &hello);
        let answer = from_band(&mut pair);
        deliver(&mut pair, Way::ToStation, &answer);
        let forged = SessionEnd::Misbehaved(BandMisbehaved::HandshakeForged);
        assert_eq!(end(&mut pair), Some(forged), "{min}..={max}");
    }
}

/// A6: no version in common, seen from both ends.
#[test]
fn a_station_from_another_time_is_told_so() {
    for (min, max) in [(2, 3), (0, 0), (255, 255), (1, 0)] {
        let mut pair = Pair::fresh();
        pair.connect();
        let hello = first_packet(&mut pair, |packet| packet[1..3].copy_from_slice(&[min, max]));
        deliver(&mut pair, Way::ToBand, &hello);
        assert_eq!(
            pair.band.last_fault(),
            Some(StationMisbehaved::VersionUnsupported { min, max })
        );
        let answer = from_band(&mut pair);
        deliver(&mut pair, Way::ToStation, &answer);
        let refusal = HandshakeRefusal::VersionUnsupported { min: 1, max: 1 };
        assert_eq!(end(&mut pair), Some(SessionEnd::Refused(refusal)));
        assert!(!pair.band.poll_end(), "not before the refusal is acknowledged");
        let acknowledgement = from_station(&mut pair);
        deliver(&mut pair, Way::ToBand, &acknowledgement);
        assert!(pair.band.poll_end() && !pair.band.poll_end(), "once");
    }
}

/// A12: points whose shared secret is known to everybody (RFC 7748, 6.1).
#[test]
fn a_key_that_makes_no_secret_is_refused() {
    let one = {
        let mut point = [0; 32];
        point[0] = 1;
        point
    };
    for point in [[0; 32], one] {
        let mut pair = Pair::fresh();
        pair.connect();
        let hello = first_packet(&mut pair, |packet| packet[3..35].copy_from_slice(&point));
        deliver(&mut pair, Way::ToBand, &hello);
        assert_eq!(
            pair.band.last_fault(),
            Some(StationMisbehaved::HandshakeMalformed)
        );
    }
}

/// A12: after a session, and after a power cut, a message in the old keys or in clear opens nothing.
#[test]
fn nothing_counts_before_the_handshake() {
    let mut pair = Pair::fresh();
    pair.establish();
    pair.request(&StationToBand::Status(Status {}));
    let sealed = from_station(&mut pair);
    pair.power_cut();
    pair.connect();
    from_station(&mut pair);
    deliver(&mut pair, Way::ToBand, &sealed);
    assert_ne!(pair.band.last_fault(), None);
    assert_eq!(from_band(&mut pair), Vec::<Vec<u8>>::new(), "not a word");
}

/// A man in the middle with good papers of his own: a band he bought, a station of his own company.
#[test]
fn a_man_in_the_middle_shows_two_codes() {
    let mut same = 0;
    for seed in 0..100 {
        let mut kiosk = Pair::new(Setup {
            seed,
            band: World::default().band(66),
            ..Setup::default()
        });
        let station = World::neighbor().station(66, Zone::Enrollment);
        let mut wrist = Pair::new(Setup {
            seed: seed + 1000,
            station,
            ..Setup::default()
        });
        same += usize::from(kiosk.establish().code == wrist.establish().code);
    }
    assert_eq!(same, 0);
}

/// A7: a relay that changes nothing is a longer link, not a forger: the code is the same on both screens,
/// and what protects is that the person sees the band and touches it.
#[test]
fn a_relay_adds_time_and_nothing_else() {
    let mut pair = Pair::fresh();
    pair.link.knobs.delay = 1000;
    assert!(Clerk::new(arm(1)).enroll(&mut pair, 1));
    assert_eq!(pair.round_trips, 4);
}

/// After the band has said its last word the same link brings nothing more.
#[test]
fn a_refused_station_does_not_get_a_second_try_on_the_same_link() {
    let mut pair = Pair::fresh();
    pair.setup.station.certificate.signature[0] ^= 1;
    pair.connect();
    let bad = from_station(&mut pair);
    deliver(&mut pair, Way::ToBand, &bad);
    let count = from_band(&mut pair).len();
    assert_eq!(count, 1, "one refusal");

    let mut writer = Framing::new(pair.setup.mtu_bytes, pair.now);
    let mut good = Pair::fresh();
    good.connect();
    let mut reader = Framing::new(good.setup.mtu_bytes, good.now);
    from_station(&mut good)
        .iter()
        .for_each(|frame| reader.handle_input(good.now, frame).unwrap());
    let hello = reader.poll_packet().unwrap();
    // The frame numbers go on where the first hello ended.
    writer.send(pair.now, &hello);
    writer.send(pair.now, &hello);
    let frames: Vec<_> = std::iter::from_fn(|| writer.poll_transmit()).collect();
    deliver(&mut pair, Way::ToBand, &frames[bad.len()..]);
    assert!(
        from_band(&mut pair).iter().all(|frame| frame.len() == 3),
        "acknowledgements at most"
    );
}

#[test]
fn a_session_that_ended_says_so_once_and_is_quiet() {
    let mut pair = Pair::fresh();
    pair.establish();
    pair.disconnect();
    assert_eq!(pair.ended(), SessionEnd::Disconnected);
    let session: &mut StationSession = pair.station.as_mut().unwrap();
    session.handle_disconnected();
    session.handle_input(pair.now, &[0xff]);
    session.handle_timeout(pair.now);
    assert_eq!((session.poll_event(), session.poll_timeout()), (None, None));
    let status = StationToBand::Status(Status {});
    assert!(session.request(pair.now, &status).is_err());
}

/// An established session does not believe a word in clear.
#[test]
fn a_refusal_in_the_middle_is_a_fault_not_a_refusal() {
    let mut pair = Pair::fresh();
    pair.establish();
    assert!(matches!(
        pair.ask(StationToBand::Status(Status {})),
        BandToStation::Report(_)
    ));
    let mut writer = Framing::new(23, pair.now);
    (0..20).for_each(|_| writer.send(pair.now, &[0x0f, 2, 1, 1]));
    let mut frames: Vec<_> = std::iter::from_fn(|| writer.poll_transmit()).collect();
    let sent = pair
        .link
        .captured
        .iter()
        .filter(|(way, frame)| *way == Way::ToStation && frame[0] & 4 != 0);
    let mut next = frames.swap_remove(sent.count());
    next[2] = 0;
    pair.deliver(Way::ToStation, &next);
    let fault = SessionEnd::Misbehaved(BandMisbehaved::PacketKind(0x0f));
    assert_eq!(end(&mut pair), Some(fault));
}

/// A4: whoever breaks off handshakes until the code suits him gets few draws.
#[test]
fn a_code_is_drawn_seldom() {
    let mut pair = Pair::fresh();
    for _ in 0..3 {
        pair.establish();
        pair.disconnect();
    }
    pair.connect();
    assert_eq!(pair.ended(), SessionEnd::Refused(HandshakeRefusal::TryLater));
    assert_eq!(pair.band.last_fault(), Some(StationMisbehaved::BreaksOff));
    pair.sleep(Duration::from_secs(10));
    pair.establish();
    pair.ask(StationToBand::Status(Status {}));
    pair.disconnect();
    pair.establish();
}
