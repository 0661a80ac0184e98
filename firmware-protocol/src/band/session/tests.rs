//! A station that can lie: everything a band has a name for.

use alloc::string::String;
use alloc::vec;

use ed25519_dalek::SigningKey;

use super::*;
use crate::band::{BandSettings, Wearer};
use crate::certificate::{BandCertificate, Signed};
use crate::handler::{Screen, StorageFault};
use crate::id::{Serial, StationId, Zone};
use crate::message::{DeleteUserData, Status};

const NOW: Instant = Instant::ZERO;

/// Hardware that does nothing.
struct Nothing;

impl BandHandler for Nothing {
    fn store(&mut self, _: &[u8]) -> Result<(), StorageFault> {
        panic!("nothing here is worth keeping")
    }
    fn random(&mut self, out: &mut [u8]) {
        out.fill(0x5a);
    }
    fn show(&mut self, _: Screen) {}
    fn sense(&mut self, _: Option<u8>) {}
    fn erase_templates(&mut self) {}
}

/// A band, and the station's end of its link in the test's own hands.
struct Liar {
    band: BandEngine,
    framing: Framing,
    transport: Option<Transport>,
}

fn identity() -> BandIdentity {
    let manufacturer = SigningKey::from_bytes(&[3; 32]);
    let signing_key = SigningKey::from_bytes(&[4; 32]);
    let certificate = BandCertificate {
        serial: Serial::new("T-1").unwrap(),
        model: "T".into(),
        dh_key: crypto::dh_public(&[8; 32]),
        signing_key: signing_key.verifying_key().to_bytes(),
        seos: false,
    };
    BandIdentity {
        certificate: certificate.sign(&manufacturer),
        dh_secret: [8; 32].into(),
        signing_key,
        serial: certificate.serial,
        model: String::from("T"),
        seos: false,
    }
}

const NONCE: Nonce = [0x11; 16];

fn hello() -> StationHello {
    let organization = SigningKey::from_bytes(&[2; 32]);
    let certificate = StationCertificate {
        organization_key: organization.verifying_key().to_bytes(),
        station: StationId([1; 16]),
        dh_key: crypto::dh_public(&[9; 32]),
        zone: Zone::Enrollment,
        not_before: UnixSeconds(0),
        not_after: UnixSeconds(9),
    };
    StationHello {
        certificate: certificate.sign(&organization),
        commitment: commitment(&NONCE),
        time: UnixSeconds(5),
    }
}

impl Liar {
    fn new() -> Self {
        let mut band = BandEngine::new(identity(), BandSettings::default(), &[], NOW, &mut Nothing).unwrap();
        band.handle_wearer(NOW, Wearer::PutOn, &mut Nothing);
        band.handle_connected(NOW, 247);
        Self {
            band,
            framing: Framing::new(247, NOW),
            transport: None,
        }
    }

    fn send(&mut self, packet: &[u8]) {
        self.framing.send(NOW, packet);
        while let Some(frame) = self.framing.poll_transmit() {
            self.band.handle_input(NOW, &frame, &mut Nothing);
        }
    }

    fn packet(&mut self) -> Vec<u8> {
        while let Some(frame) = self.band.poll_transmit() {
            self.framing.handle_input(NOW, &frame).unwrap();
        }
        self.framing.poll_packet().unwrap()
    }

    fn greet(payload: &[u8]) -> (Self, crypto::Handshake) {
        let opening = crate::handshake::opening((1, 1));
        let mut handshake = crypto::initiator(&prologue(&opening), [9; 32], [5; 32]);
        let first = handshake.write_message_vec(payload).unwrap();
        let mut liar = Self::new();
        liar.send(&[&opening[..], &first].concat());
        (liar, handshake)
    }

    fn greeted() -> Self {
        let (mut liar, mut handshake) = Self::greet(&to_cbor(&hello()));
        let second = liar.packet();
        handshake.read_message_vec(&second[1..]).unwrap();
        liar.transport = Some(Transport::new(&handshake));
        liar
    }

    fn say(&mut self, plaintext: &[u8]) {
        let packet = self.transport.as_mut().unwrap().seal(plaintext);
        self.send(&packet);
    }

    fn heard(&mut self) -> BandToStation {
        let packet = self.packet();
        let plaintext = self.transport.as_mut().unwrap().open(&packet[1..]).unwrap();
        BandToStation::decode(&plaintext).unwrap()
    }

    fn revealed() -> Self {
        let mut liar = Self::greeted();
        liar.say(&[&NONCE[..], &StationToBand::Status(Status {}).encode()].concat());
        assert!(matches!(liar.heard(), BandToStation::Report(_)));
        liar
    }

    fn check(&mut self, fault: StationMisbehaved) {
        assert_eq!(self.band.last_fault(), Some(fault));
    }
}

#[test]
fn a_nonce_that_was_not_promised_is_noticed() {
    let status = StationToBand::Status(Status {}).encode();
    for nonce in [[0x12; 16], [0; 16]] {
        let mut liar = Liar::greeted();
        liar.say(&[&nonce[..], &status].concat());
        liar.check(StationMisbehaved::CommitmentBroken);
        assert!(liar.band.poll_transmit().is_none() && liar.band.poll_end());
    }
    let mut liar = Liar::greeted();
    liar.say(&NONCE[..15]);
    liar.check(StationMisbehaved::CommitmentBroken);
}

#[test]
fn a_hello_that_is_none_has_a_name() {
    let check = |payload: &[u8]| {
        let (mut liar, _) = Liar::greet(payload);
        liar.check(StationMisbehaved::HelloMalformed);
        assert_eq!(liar.packet(), [0x0f, 6, 1, 1]);
    };
    check(&[]);
    check(&[0xa0]);
    check(&[to_cbor(&hello()), vec![0]].concat());
    let other_purpose = {
        let signed = hello().certificate;
        let organization = SigningKey::from_bytes(&[2; 32]);
        Signed::sign(signed.body, b"bandstand receipt 1\0", &organization)
    };
    let (mut liar, _) = Liar::greet(&to_cbor(&StationHello {
        certificate: other_purpose,
        ..hello()
    }));
    liar.check(StationMisbehaved::CertificateInvalid);
    assert_eq!(liar.packet(), [0x0f, 3, 1, 1]);
}

#[test]
fn each_refusal_has_its_bytes() {
    let check = |refusal: HandshakeRefusal, code| {
        assert_eq!(refusal.encode(), [0x0f, code, 1, 1]);
        assert_eq!(HandshakeRefusal::decode(&[code, 1, 1]), Some(refusal));
        assert_eq!(
            HandshakeRefusal::decode(&[code, 1, 1, 9, 9]),
            Some(refusal),
            "room to grow"
        );
    };
    check(HandshakeRefusal::VersionUnsupported { min: 1, max: 1 }, 1);
    check(HandshakeRefusal::WrongOrganization, 2);
    check(HandshakeRefusal::CertificateInvalid, 3);
    check(HandshakeRefusal::CertificateExpired, 4);
    check(HandshakeRefusal::CertificateNotYetValid, 5);
    check(HandshakeRefusal::HandshakeMalformed, 6);
    check(HandshakeRefusal::TryLater, 7);
    check(HandshakeRefusal::Other(77), 77);
    assert_eq!(HandshakeRefusal::decode(&[1, 1]), None);
}

#[test]
fn a_packet_out_of_place_has_a_name() {
    let check = |mut liar: Liar, packet: &[u8], fault| {
        liar.send(packet);
        liar.check(fault);
    };
    for kind in [0x00, 0x02, 0x03, 0x0f, 0xff] {
        check(Liar::new(), &[kind, 1, 1], StationMisbehaved::PacketKind(kind));
    }
    check(Liar::new(), &[1, 1], StationMisbehaved::HandshakeMalformed);
    check(
        Liar::new(),
        &[1, 1, 1, 9, 9],
        StationMisbehaved::HandshakeMalformed,
    );
    for liar in [Liar::greeted, Liar::revealed] {
        check(liar(), &[1, 1, 1], StationMisbehaved::PacketKind(1));
        check(liar(), &[0x0f, 1, 1], StationMisbehaved::PacketKind(0x0f));
        check(liar(), &[3], StationMisbehaved::MessageForged);
        check(liar(), &[3; 60], StationMisbehaved::MessageForged);
    }
}

#[test]
fn what_cannot_be_read_is_refused_by_name_and_the_session_goes_on() {
    let mut liar = Liar::revealed();
    let mut check = |message: &[u8], request, reason| {
        liar.say(message);
        let expected = Refused {
            request,
            reason,
            detail: 0,
        };
        assert_eq!(liar.heard(), BandToStation::Refused(expected));
    };
    check(&[], 0, BandRefusal::Malformed);
    check(&[0xff], 0, BandRefusal::Malformed);
    check(&[0x82, 0x18, 31, 0xa0], 31, BandRefusal::UnknownMessage);
    check(&[0x82, 0x18, 48, 0xa0], 48, BandRefusal::UnknownMessage);
    check(&[0x82, 0x01, 0xa0], 1, BandRefusal::Malformed);
    check(&[0x82, 0x07, 0xa0, 0xa0], 7, BandRefusal::Malformed);
    liar.say(&StationToBand::DeleteUserData(DeleteUserData {}).encode());
    assert!(matches!(liar.heard(), BandToStation::DeletionAsked(_)));
}

/// While its last message is under way the band reads nothing, but a fault of framing ends the link at once.
#[test]
fn a_fault_of_framing_ends_the_end() {
    let mut liar = Liar::revealed();
    liar.say(&[0x82, 0x05, 0xa0]);
    assert!(matches!(liar.heard(), BandToStation::Finished(_)));
    assert!(!liar.band.poll_end(), "not acknowledged yet");
    liar.band.handle_input(NOW, &[0, 0], &mut Nothing);
    liar.check(StationMisbehaved::Link(FrameFault::Truncated));
    assert!(liar.band.poll_transmit().is_none() && liar.band.poll_end());
}

/// A station that knows only the first half of the handshake, as a replay of it does, hears nothing more.
#[test]
fn the_band_says_nothing_before_the_station_has_proven_its_key() {
    let mut liar = Liar::greeted();
    liar.band.handle_wearer(NOW, Wearer::TakeOff, &mut Nothing);
    liar.band.handle_wearer(NOW, Wearer::Press, &mut Nothing);
    assert!(liar.band.poll_transmit().is_none());
}

/// A station that asks and asks but takes no answer would fill the band's memory.
#[test]
fn a_station_that_does_not_listen_is_dropped() {
    let mut liar = Liar::revealed();
    let status = StationToBand::Status(Status {}).encode();
    for _ in 0..1000 {
        liar.say(&status);
        // Takes the band's acknowledgements and forgets its data.
        let frames: Vec<_> = core::iter::from_fn(|| liar.band.poll_transmit()).collect();
        let Some(last) = frames.last() else { continue };
        let bare = [0, last[1].wrapping_add(1), last[2]];
        liar.framing.handle_input(NOW, &bare).unwrap();
    }
    liar.check(StationMisbehaved::Impatient);
}

mod junk {
    use proptest::prelude::*;

    use super::*;

    fn message() -> impl Strategy<Value = Vec<u8>> {
        let bytes = prop::collection::vec(any::<u8>(), 0..200);
        let numbered = (0u8..64, prop::collection::vec(any::<u8>(), 0..60)).prop_map(|(number, body)| {
            let mut message = minicbor::to_vec((number, 0)).unwrap();
            message.pop();
            message.extend(body);
            message
        });
        prop_oneof![bytes, numbered]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// A proven station may say what it likes: each message has one answer, and nothing is kept.
        #[test]
        fn any_bytes_of_a_proven_station_are_answered(messages in prop::collection::vec(message(), 1..20)) {
            let mut liar = Liar::revealed();
            for message in &messages {
                liar.say(message);
                let answer = liar.heard();
                prop_assert!(!answer.is_push(), "{answer:?}");
                if matches!(answer, BandToStation::Finished(_)) {
                    break;
                }
            }
        }
    }
}
