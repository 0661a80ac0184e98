//! A band that can lie: everything a station has a name for.

use alloc::vec;

use ed25519_dalek::SigningKey;

use super::*;
use crate::certificate::StationCertificate;
use crate::crypto::dh_public;
use crate::id::{Serial, StationId, Zone};
use crate::message::{
    Aborted, Armed, BandRefusal, DeletionAsked, Finished, MessageError, Refused, Status, WearerConfirmed,
};

const NOW: Instant = Instant::ZERO;

/// A session, and the other end of it in the test's own hands.
struct Liar {
    station: StationSession,
    framing: Framing,
    manufacturer: SigningKey,
    transport: Option<Transport>,
}

fn report() -> Report {
    Report {
        worn: true,
        charging: false,
        battery_percent: 50,
        lockout_seconds: 0,
        firmware: "1".into(),
        touches: 3,
        epoch: 0,
        organization: None,
        associations: vec![],
        staged: None,
    }
}

impl Liar {
    fn new() -> Self {
        let organization = SigningKey::from_bytes(&[2; 32]);
        let manufacturer = SigningKey::from_bytes(&[3; 32]);
        let certificate = StationCertificate {
            organization_key: organization.verifying_key().to_bytes(),
            station: StationId([1; 16]),
            dh_key: dh_public(&[9; 32]),
            zone: Zone::Enrollment,
            not_before: UnixSeconds(0),
            not_after: UnixSeconds(9),
        };
        let identity = StationIdentity {
            certificate: certificate.sign(&organization),
            dh_secret: [9; 32].into(),
        };
        let makes = vec![manufacturer.verifying_key().to_bytes()];
        let station = StationSession::new(&identity, makes, 247, &[7; ENTROPY_LEN], NOW, UnixSeconds(5));
        Self {
            station,
            framing: Framing::new(247, NOW),
            manufacturer,
            transport: None,
        }
    }

    fn certificate(&self) -> BandCertificate {
        BandCertificate {
            serial: Serial::new("L-1").unwrap(),
            model: "L".into(),
            dh_key: dh_public(&[8; 32]),
            signing_key: [0; 32],
            seos: false,
        }
    }

    fn hello(&self) -> BandHello {
        BandHello {
            certificate: self.certificate().sign(&self.manufacturer),
            nonce: [6; 16],
            version: 1,
            report: report(),
        }
    }

    fn packet(&mut self) -> Vec<u8> {
        while let Some(frame) = self.station.poll_transmit() {
            self.framing.handle_input(NOW, &frame).unwrap();
        }
        self.framing.poll_packet().unwrap()
    }

    /// Answers the handshake with this payload.
    fn answer_hello(&mut self, payload: &[u8]) {
        let first = self.packet();
        let mut handshake = crypto::responder(&prologue(&first[..3]), [8; 32], [5; 32]);
        handshake.read_message_vec(&first[3..]).unwrap();
        let second = handshake.write_message_vec(payload).unwrap();
        self.transport = Some(Transport::new(&handshake));
        self.send(&[&[HANDSHAKE_2], &second[..]].concat());
    }

    fn send(&mut self, packet: &[u8]) {
        self.framing.send(NOW, packet);
        while let Some(frame) = self.framing.poll_transmit() {
            self.station.handle_input(NOW, &frame);
        }
    }

    fn say(&mut self, plaintext: &[u8]) {
        let packet = self.transport.as_mut().unwrap().seal(plaintext);
        self.send(&packet);
    }

    fn fault(&mut self) -> BandMisbehaved {
        loop {
            match self.station.poll_event() {
                Some(SessionEvent::Ended(SessionEnd::Misbehaved(fault))) => return fault,
                Some(SessionEvent::Ended(end)) => panic!("{end:?}"),
                Some(_) => {}
                None => panic!("nothing was wrong"),
            }
        }
    }

    fn established() -> Self {
        let mut liar = Self::new();
        let hello = to_cbor(&liar.hello());
        liar.answer_hello(&hello);
        assert!(matches!(
            liar.station.poll_event(),
            Some(SessionEvent::Established(_))
        ));
        liar
    }

    fn asked() -> Self {
        let mut liar = Self::established();
        let status = StationToBand::Status(Status {});
        liar.station.request(NOW, &status).unwrap();
        liar
    }
}

fn check_hello(change: impl Fn(&Liar) -> Vec<u8>, fault: BandMisbehaved) {
    let mut liar = Liar::new();
    let payload = change(&liar);
    liar.answer_hello(&payload);
    assert_eq!(liar.fault(), fault);
}

#[test]
fn a_hello_that_lies_has_a_name() {
    let hello = |liar: &Liar, change: &dyn Fn(&mut BandHello)| {
        let mut hello = liar.hello();
        change(&mut hello);
        to_cbor(&hello)
    };
    for version in [0, 2, 255] {
        let fault = BandMisbehaved::VersionNotOffered(version);
        check_hello(|liar| hello(liar, &|hello| hello.version = version), fault);
    }
    check_hello(|_| vec![], BandMisbehaved::HelloMalformed);
    check_hello(
        |liar| [to_cbor(&liar.hello()), vec![0]].concat(),
        BandMisbehaved::HelloMalformed,
    );
    let long = |hello: &mut BandHello| hello.report.firmware = "x".repeat(17);
    check_hello(|liar| hello(liar, &long), BandMisbehaved::HelloMalformed);
    let unsigned = |hello: &mut BandHello| hello.certificate.signature[0] ^= 1;
    check_hello(
        |liar| hello(liar, &unsigned),
        BandMisbehaved::CertificateUntrusted,
    );
    let malformed = |liar: &Liar| {
        let signed = Signed::sign(vec![0xa0], BandCertificate::CONTEXT, &liar.manufacturer);
        hello(liar, &|hello| hello.certificate = signed.clone())
    };
    check_hello(malformed, BandMisbehaved::CertificateMalformed);
    let receipt = |liar: &Liar| {
        let body = to_cbor(&liar.certificate());
        let signed = Signed::sign(body, b"bandstand receipt 1\0", &liar.manufacturer);
        hello(liar, &|hello| hello.certificate = signed.clone())
    };
    check_hello(receipt, BandMisbehaved::CertificateUntrusted);
    let another = |liar: &Liar| {
        let certificate = BandCertificate {
            dh_key: [1; 32],
            ..liar.certificate()
        };
        let signed = certificate.sign(&liar.manufacturer);
        hello(liar, &|hello| hello.certificate = signed.clone())
    };
    check_hello(another, BandMisbehaved::CertificateOfAnother);
}

fn check_packet(mut liar: Liar, packet: &[u8], fault: BandMisbehaved) {
    liar.send(packet);
    assert_eq!(liar.fault(), fault);
}

#[test]
fn a_packet_out_of_place_has_a_name() {
    check_packet(Liar::new(), &[0x02], BandMisbehaved::HandshakeForged);
    check_packet(Liar::new(), &[0x02; 200], BandMisbehaved::HandshakeForged);
    check_packet(Liar::new(), &[0x0f, 1], BandMisbehaved::HelloMalformed);
    for kind in [0x00, 0x01, 0x03, 0xff] {
        check_packet(Liar::new(), &[kind, 1, 1, 1], BandMisbehaved::PacketKind(kind));
    }
    for kind in [0x00, 0x01, 0x02, 0x0f] {
        check_packet(
            Liar::established(),
            &[kind, 1, 1, 1],
            BandMisbehaved::PacketKind(kind),
        );
    }
    check_packet(Liar::established(), &[0x03], BandMisbehaved::MessageForged);
    check_packet(Liar::established(), &[0x03; 40], BandMisbehaved::MessageForged);
}

fn check_message(mut liar: Liar, plaintext: &[u8], fault: BandMisbehaved) {
    liar.say(plaintext);
    assert_eq!(liar.fault(), fault);
}

#[test]
fn a_message_out_of_place_has_a_name() {
    let answer = |message: BandToStation| message.encode();
    let refused = |request| {
        let reason = BandRefusal::Malformed;
        answer(BandToStation::Refused(Refused {
            request,
            reason,
            detail: 0,
        }))
    };
    let aborted = answer(BandToStation::Aborted(Aborted {}));
    let deletion = answer(BandToStation::DeletionAsked(DeletionAsked {}));
    check_message(Liar::established(), &aborted, BandMisbehaved::AnswerToNothing(34));
    check_message(
        Liar::asked(),
        &aborted,
        BandMisbehaved::WrongAnswer {
            request: 7,
            answer: 34,
        },
    );
    check_message(
        Liar::asked(),
        &deletion,
        BandMisbehaved::WrongAnswer {
            request: 7,
            answer: 36,
        },
    );
    check_message(
        Liar::asked(),
        &refused(6),
        BandMisbehaved::WrongAnswer {
            request: 7,
            answer: 38,
        },
    );
    let finished = answer(BandToStation::Finished(Finished {}));
    check_message(
        Liar::established(),
        &finished,
        BandMisbehaved::AnswerToNothing(35),
    );
    let message = BandMisbehaved::Message;
    check_message(Liar::asked(), &[], message(MessageError::Malformed));
    for number in [39, 47] {
        check_message(
            Liar::asked(),
            &[0x82, 0x18, number, 0xa0],
            message(MessageError::Unknown(number)),
        );
    }
    let past_255 = [0x82, 0x19, 0x01, 0x00, 0xa0];
    check_message(Liar::asked(), &past_255, message(MessageError::Malformed));
    check_message(
        Liar::asked(),
        &[0x82, 0x07, 0xa0],
        message(MessageError::Unknown(7)),
    );
    check_message(
        Liar::asked(),
        &[0x82, 0x18, 37, 0xa0],
        message(MessageError::Body(37)),
    );
}

/// Pushes grow within a version: what this station does not know it does without, and waits on.
#[test]
fn an_unknown_push_is_skipped() {
    for push in [
        &[0x82, 0x18, 54, 0xa0][..],
        &[0x82, 0x18, 255, 0xa1, 0x00, 0x01],
        &[0x82, 0x18, 99, 0x00],
    ] {
        let mut liar = Liar::asked();
        let deadline = liar.station.deadline;
        liar.say(push);
        assert_eq!(liar.station.poll_event(), None, "{push:02x?}");
        assert_eq!(liar.station.deadline, deadline, "it is no answer");
        liar.say(&BandToStation::Report(report()).encode());
        let event = liar.station.poll_event();
        assert_eq!(
            event,
            Some(SessionEvent::Message(BandToStation::Report(report())))
        );
    }
}

#[test]
fn no_touch_is_too_few() {
    let mut liar = Liar::established();
    liar.station.request_bytes(NOW, &[0x82, 0x01, 0xa0]).unwrap();
    let armed = Armed {
        touches: 0,
        confirmed: false,
    };
    let armed = BandToStation::Armed(armed).encode();
    check_message(liar, &armed, BandMisbehaved::ArmedForNoTouch);
}

/// Who tries a band may say anything; the answer must belong to the number it begins with.
#[test]
fn bytes_are_asked_as_they_are() {
    let check = |message: &[u8], request| {
        let mut liar = Liar::established();
        liar.station.request_bytes(NOW, message).unwrap();
        let refused = Refused {
            request,
            reason: BandRefusal::UnknownMessage,
            detail: 0,
        };
        liar.say(&BandToStation::Refused(refused).encode());
        let event = liar.station.poll_event();
        assert!(matches!(event, Some(SessionEvent::Message(_))), "{message:02x?}");
    };
    check(&[0x82, 0x18, 31, 0xa0], 31);
    check(&[0x82, 0x07, 0x00], 7);
    check(&[0xff], 0);
    check(&[], 0);
    check(&[0x83, 0x07, 0xa0, 0x00], 0);
}

#[test]
fn an_honest_refusal_is_an_answer() {
    for request in [0, 7] {
        let mut liar = Liar::asked();
        let refused = Refused {
            request,
            reason: BandRefusal::Malformed,
            detail: 0,
        };
        liar.say(&BandToStation::Refused(refused.clone()).encode());
        let event = liar.station.poll_event();
        assert_eq!(
            event,
            Some(SessionEvent::Message(BandToStation::Refused(refused)))
        );
    }
}

/// Pushes do not answer: a band that chatters but does not answer is given up like a silent one.
#[test]
fn chatter_is_not_an_answer() {
    let mut liar = Liar::asked();
    liar.say(&BandToStation::WearerConfirmed(WearerConfirmed {}).encode());
    while liar.station.poll_transmit().is_some() {}
    // Acknowledge the request so that only the answer is missing.
    liar.packet_of_request();
    let deadline = NOW + ANSWER_TIMEOUT;
    liar.station.handle_timeout(deadline);
    let ended = core::iter::from_fn(|| liar.station.poll_event()).last();
    assert_eq!(ended, Some(SessionEvent::Ended(SessionEnd::TimedOut(7))));
}

impl Liar {
    /// Acknowledges everything the station may have sent: the hello in two frames and a request.
    fn packet_of_request(&mut self) {
        self.station.handle_input(NOW, &[0, 4, 3]);
    }
}

/// The same message twice on the link is no second message: the count of the cipher has moved on.
#[test]
fn a_message_said_again_is_forged() {
    let mut liar = Liar::asked();
    let push = BandToStation::WearerConfirmed(WearerConfirmed {}).encode();
    let packet = liar.transport.as_mut().unwrap().seal(&push);
    liar.send(&packet);
    liar.send(&packet);
    assert_eq!(liar.fault(), BandMisbehaved::MessageForged);
}
