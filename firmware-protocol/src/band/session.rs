//! One link with one station, from connect to disconnect.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::{BandEngine, BandIdentity, Record};
use crate::certificate::{CertificateError, StationCertificate, to_cbor};
use crate::crypto;
use crate::frame::Framing;
use crate::handler::BandHandler;
use crate::handshake::{
    BandHello, HANDSHAKE_1, HandshakeRefusal, MESSAGE, Nonce, StationHello, Transport, commitment,
    common_version, prologue,
};
use crate::id::ScreenCode;
use crate::message::{BandRefusal, BandToStation, MessageError, Refused, Report, StationToBand};
use crate::misbehaved::StationMisbehaved;
use crate::time::{Instant, UnixSeconds};

/// How long the last message may take to be acknowledged before the link is dropped all the same.
const ENDING: Duration = Duration::from_millis(500);
/// Length of the station's nonce in front of its first message.
const NONCE_LEN: usize = size_of::<Nonce>();

/// What the band knows of the station once its first message has opened.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) certificate: StationCertificate,
    /// The station's time when the session began.
    pub(super) time: UnixSeconds,
    pub(super) code: ScreenCode,
}

/// One link.
pub(super) struct Link {
    pub(super) framing: Framing,
    state: State,
    /// When a silent session ends.
    deadline: Instant,
    /// The link ends when all is sent, at the latest then.
    pub(super) ending: Option<Instant>,
    /// The link ends now.
    pub(super) dropped: bool,
}

enum State {
    AwaitingHello,
    AwaitingReveal(Box<AwaitingReveal>),
    Established {
        transport: Box<Transport>,
        peer: Box<Peer>,
    },
}

/// The handshake is done; the station has yet to show that it holds its key and kept its commitment.
struct AwaitingReveal {
    transport: Transport,
    certificate: StationCertificate,
    time: UnixSeconds,
    commitment: [u8; 32],
    nonce: Nonce,
}

impl Link {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let ending = self.ending.or((!self.dropped).then_some(self.deadline));
        [ending, self.framing.poll_timeout()].into_iter().flatten().min()
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::AwaitingHello => "AwaitingHello",
            State::AwaitingReveal(_) => "AwaitingReveal",
            State::Established { .. } => "Established",
        };
        f.debug_struct("Link")
            .field("state", &state)
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}

impl BandEngine {
    /// A station has connected with this ATT MTU, in bytes.
    pub fn handle_connected(&mut self, now: Instant, mtu_bytes: u16) {
        self.armed = None;
        self.link = Some(Link {
            framing: Framing::new(mtu_bytes, now),
            state: State::AwaitingHello,
            deadline: now + self.settings.handshake_timeout,
            ending: None,
            dropped: false,
        });
    }

    /// The link is gone. What was armed is forgotten; what was staged stays.
    pub fn handle_disconnected(&mut self, handler: &mut impl BandHandler) {
        self.armed = None;
        if self.link.take().is_some() {
            self.show_idle(handler);
        }
    }

    /// Takes one value the station wrote.
    pub fn handle_input(&mut self, now: Instant, frame: &[u8], handler: &mut impl BandHandler) {
        let Some(link) = self.link.as_mut().filter(|link| !link.dropped) else {
            return;
        };
        if link.framing.handle_input(now, frame).is_err() {
            return self.drop_link();
        }
        while let Some(packet) = self.link.as_mut().and_then(|link| link.framing.poll_packet()) {
            if let Err(fault) = self.handle_packet(now, &packet, handler) {
                return self.give_up(now, fault);
            }
        }
    }

    pub(super) fn link_timeout(&mut self, now: Instant, _handler: &mut impl BandHandler) {
        let Some(link) = &mut self.link else { return };
        let failed = link.framing.handle_timeout(now).is_err();
        let over = link.ending.is_some_and(|at| now >= at);
        if failed || over {
            return self.drop_link();
        }
        if link.ending.is_none() && now >= link.deadline {
            self.last_fault = Some(StationMisbehaved::Silent);
            self.drop_link();
        }
    }

    /// Sends a message if there is anybody to send it to.
    pub(super) fn push(&mut self, now: Instant, message: BandToStation) {
        if let Some(Link {
            framing,
            state: State::Established { transport, .. },
            ..
        }) = &mut self.link
        {
            framing.send(now, &transport.seal(&message.encode()));
        }
    }

    /// Ends the link once everything queued has been acknowledged.
    pub(super) fn end_link(&mut self) {
        if let Some(link) = &mut self.link {
            link.ending = Some(link.deadline);
        }
    }

    fn drop_link(&mut self) {
        if let Some(link) = &mut self.link {
            link.dropped = true;
        }
    }

    /// Ends a session with a station that breaks the rules, telling it why if that helps honest ones.
    fn give_up(&mut self, now: Instant, fault: StationMisbehaved) {
        self.last_fault = Some(fault);
        let Some(link) = &mut self.link else { return };
        match refusal(fault) {
            Some(refusal) => {
                link.framing.send(now, &refusal.encode());
                link.ending = Some(now + ENDING);
            }
            None => link.dropped = true,
        }
    }

    fn handle_packet(
        &mut self,
        now: Instant,
        packet: &[u8],
        handler: &mut impl BandHandler,
    ) -> Result<(), StationMisbehaved> {
        let report = self.report(now);
        let Some(link) = &mut self.link else { return Ok(()) };
        link.deadline = now + self.settings.idle_timeout;
        let kind = packet[0];
        match (&mut link.state, kind) {
            (State::AwaitingHello, HANDSHAKE_1) => {
                let (answer, next) = greet(&self.identity, &self.record, report, packet, handler)?;
                link.framing.send(now, &answer);
                link.state = State::AwaitingReveal(Box::new(next));
                Ok(())
            }
            (State::AwaitingReveal(_), MESSAGE) => {
                let (transport, peer, message) = reveal(&mut link.state, &packet[1..])?;
                link.state = State::Established { transport, peer };
                self.handle_message(now, &message, handler);
                Ok(())
            }
            (State::Established { transport, .. }, MESSAGE) => {
                let message = transport
                    .open(&packet[1..])
                    .ok_or(StationMisbehaved::MessageForged)?;
                self.handle_message(now, &message, handler);
                Ok(())
            }
            (_, kind) => Err(StationMisbehaved::PacketKind(kind)),
        }
    }

    fn handle_message(&mut self, now: Instant, message: &[u8], handler: &mut impl BandHandler) {
        let Some(Link {
            state: State::Established { peer, .. },
            ..
        }) = &self.link
        else {
            return;
        };
        let peer = peer.clone();
        let answer = match StationToBand::decode(message) {
            Ok(request) => self.answer(now, &request, &peer, handler),
            Err(error) => BandToStation::Refused(unreadable(error)),
        };
        self.push(now, answer);
        if let Some(link) = self.link.as_mut().filter(|link| link.ending.is_some()) {
            link.ending = Some(now + ENDING);
        }
    }
}

fn unreadable(error: MessageError) -> Refused {
    let (request, reason) = match error {
        MessageError::Malformed => (0, BandRefusal::Malformed),
        MessageError::Unknown(number) => (number, BandRefusal::UnknownMessage),
        MessageError::Body(number) => (number, BandRefusal::Malformed),
    };
    Refused {
        request,
        reason,
        detail: 0,
    }
}

/// What an honest station should hear in clear about a fault, if anything.
fn refusal(fault: StationMisbehaved) -> Option<HandshakeRefusal> {
    match fault {
        StationMisbehaved::VersionUnsupported { .. } => Some(HandshakeRefusal::VersionUnsupported {
            min: crate::VERSION_MIN,
            max: crate::VERSION_CURRENT,
        }),
        StationMisbehaved::WrongOrganization => Some(HandshakeRefusal::WrongOrganization),
        StationMisbehaved::CertificateInvalid | StationMisbehaved::CertificateOfAnother => {
            Some(HandshakeRefusal::CertificateInvalid)
        }
        StationMisbehaved::CertificateExpired => Some(HandshakeRefusal::CertificateExpired),
        StationMisbehaved::CertificateNotYetValid => Some(HandshakeRefusal::CertificateNotYetValid),
        StationMisbehaved::HandshakeMalformed | StationMisbehaved::HelloMalformed => {
            Some(HandshakeRefusal::HandshakeMalformed)
        }
        _ => None,
    }
}

/// Checks the station's hello and answers it. The first check that fails is named.
fn greet(
    identity: &BandIdentity,
    record: &Record,
    report: Report,
    packet: &[u8],
    handler: &mut impl BandHandler,
) -> Result<(Vec<u8>, AwaitingReveal), StationMisbehaved> {
    let (opening, body) = packet
        .split_first_chunk::<3>()
        .ok_or(StationMisbehaved::HandshakeMalformed)?;
    let [_, min, max] = *opening;
    let version = common_version(min, max).ok_or(StationMisbehaved::VersionUnsupported { min, max })?;
    let (mut ephemeral, mut nonce) = ([0; 32], [0; NONCE_LEN]);
    handler.random(&mut ephemeral);
    handler.random(&mut nonce);
    let mut handshake = crypto::responder(&prologue(opening), *identity.dh_secret, ephemeral);
    let payload = handshake
        .read_message_vec(body)
        .map_err(|_| StationMisbehaved::HandshakeMalformed)?;
    let hello: StationHello = minicbor::decode(&payload).map_err(|_| StationMisbehaved::HelloMalformed)?;
    let certificate = welcome(&hello, record)?;
    if handshake.get_rs() != Some(certificate.dh_key) {
        return Err(StationMisbehaved::CertificateOfAnother);
    }
    let answer = to_cbor(&BandHello {
        certificate: identity.certificate.clone(),
        nonce,
        version,
        report,
    });
    let answer = handshake
        .write_message_vec(&answer)
        .map_err(|_| StationMisbehaved::HandshakeMalformed)?;
    let StationHello { commitment, time, .. } = hello;
    let transport = Transport::new(&handshake);
    let answer = [&[crate::handshake::HANDSHAKE_2], &answer[..]].concat();
    Ok((
        answer,
        AwaitingReveal {
            transport,
            certificate,
            time,
            commitment,
            nonce,
        },
    ))
}

/// Checks who the station is. The station's clock counts only as far as it agrees with what the band has
/// already seen: it cannot bring an expired certificate back.
fn welcome(hello: &StationHello, record: &Record) -> Result<StationCertificate, StationMisbehaved> {
    let certificate = StationCertificate::verify(&hello.certificate, hello.time).map_err(|e| match e {
        CertificateError::NotYetValid => StationMisbehaved::CertificateNotYetValid,
        CertificateError::Expired => StationMisbehaved::CertificateExpired,
        _ => StationMisbehaved::CertificateInvalid,
    })?;
    if record
        .organization
        .is_some_and(|own| own != certificate.organization())
    {
        return Err(StationMisbehaved::WrongOrganization);
    }
    if certificate.not_after < record.time_floor {
        return Err(StationMisbehaved::CertificateExpired);
    }
    Ok(certificate)
}

type Revealed = (Box<Transport>, Box<Peer>, Vec<u8>);

/// Opens the station's first message: it proves the station's key, and its nonce must be the committed one.
fn reveal(state: &mut State, ciphertext: &[u8]) -> Result<Revealed, StationMisbehaved> {
    let State::AwaitingReveal(awaiting) = core::mem::replace(state, State::AwaitingHello) else {
        return Err(StationMisbehaved::PacketKind(MESSAGE));
    };
    let AwaitingReveal {
        mut transport,
        certificate,
        time,
        commitment: promised,
        nonce,
    } = *awaiting;
    let plaintext = transport
        .open(ciphertext)
        .ok_or(StationMisbehaved::MessageForged)?;
    let (station_nonce, message) = plaintext
        .split_first_chunk::<NONCE_LEN>()
        .ok_or(StationMisbehaved::CommitmentBroken)?;
    if commitment(station_nonce) != promised {
        return Err(StationMisbehaved::CommitmentBroken);
    }
    let code = transport.code(station_nonce, &nonce);
    let peer = Peer {
        certificate,
        time,
        code,
    };
    Ok((Box::new(transport), Box::new(peer), message.to_vec()))
}
