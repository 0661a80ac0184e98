//! One link with one station, from connect to disconnect.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::{BandEngine, BandIdentity, Record, told_to};
use crate::cbor::{from_cbor, to_cbor};
use crate::certificate::{CertificateError, StationCertificate};
use crate::crypto;
use crate::frame::{FrameFault, Framing};
use crate::handler::BandHandler;
use crate::handshake::{
    BandHello, HANDSHAKE_1, HANDSHAKE_2, HandshakeRefusal, MESSAGE, Nonce, StationHello, Transport,
    commitment, common_version, prologue,
};
use crate::id::ScreenCode;
use crate::message::{BandRefusal, BandToStation, MessageError, Refused, Report, StationToBand};
use crate::misbehaved::StationMisbehaved;
use crate::time::{Instant, UnixSeconds};

/// How long the last message may take to be acknowledged before the link is dropped all the same: time
/// enough to send it twice more.
const ENDING: Duration = Duration::from_millis(2500);
/// Frames that may wait to be sent when a request arrives. A station that asks one thing at a time and
/// acknowledges what it gets stays far below; one that does not would fill the band's memory.
const BACKLOG_MAX: usize = 256;
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
    framing: Framing,
    state: State,
    phase: Phase,
    /// When a silent session ends.
    deadline: Instant,
}

/// How far the end of a link has come. Once it has begun, nothing the station says counts any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Open,
    /// What is queued is still sent; the link ends when it is acknowledged, at the latest then.
    Ending(Instant),
    /// The link ends now.
    Dropping,
    /// The hardware was told to drop the link.
    Over,
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
    /// The next notification to send.
    pub(super) fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        match self.phase {
            Phase::Open | Phase::Ending(_) => self.framing.poll_transmit(),
            Phase::Dropping | Phase::Over => None,
        }
    }

    /// True once, when the hardware is to drop the link.
    pub(super) fn poll_end(&mut self) -> bool {
        let ends = match self.phase {
            Phase::Ending(_) => self.framing.is_drained(),
            Phase::Dropping => true,
            Phase::Open | Phase::Over => false,
        };
        if ends {
            self.phase = Phase::Over;
        }
        ends
    }

    /// When the link has something to do; the wearer's deadline, if there is one, keeps a silent session
    /// alive.
    pub(super) fn poll_timeout(&self, wearer: Option<Instant>) -> Option<Instant> {
        let end = match self.phase {
            Phase::Open => self.silent_at(wearer),
            Phase::Ending(at) => at,
            Phase::Dropping | Phase::Over => return None,
        };
        self.framing.poll_timeout().into_iter().chain([end]).min()
    }

    fn silent_at(&self, wearer: Option<Instant>) -> Instant {
        wearer.map_or(self.deadline, |wearer| wearer.max(self.deadline))
    }

    /// Lets time pass; an error ends the link.
    fn handle_timeout(&mut self, now: Instant, wearer: Option<Instant>) -> Result<(), StationMisbehaved> {
        match self.phase {
            Phase::Open if now >= self.silent_at(wearer) => Err(StationMisbehaved::Silent),
            Phase::Ending(at) if now >= at => {
                self.phase = Phase::Dropping;
                Ok(())
            }
            Phase::Open | Phase::Ending(_) => {
                self.framing.handle_timeout(now).map_err(StationMisbehaved::Link)
            }
            Phase::Dropping | Phase::Over => Ok(()),
        }
    }

    /// Takes one value; packets come out only while the link is open.
    fn handle_input(&mut self, now: Instant, frame: &[u8]) -> Result<(), FrameFault> {
        match self.phase {
            Phase::Open | Phase::Ending(_) => self.framing.handle_input(now, frame),
            Phase::Dropping | Phase::Over => Ok(()),
        }
    }

    /// The next packet; once the end has begun, packets are thrown away unread.
    fn poll_packet(&mut self) -> Option<Vec<u8>> {
        let packet = self.framing.poll_packet()?;
        if self.phase == Phase::Open {
            return Some(packet);
        }
        while self.framing.poll_packet().is_some() {}
        None
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
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

impl BandEngine {
    /// A station has connected with this ATT MTU, in bytes.
    pub fn handle_connected(&mut self, now: Instant, mtu_bytes: u16) {
        self.armed = None;
        self.deletion_until = None;
        self.link = Some(Link {
            framing: Framing::new(mtu_bytes, now),
            state: State::AwaitingHello,
            phase: Phase::Open,
            deadline: now + self.settings.handshake_timeout,
        });
    }

    /// The link is gone. What was armed is forgotten; what was staged stays.
    pub fn handle_disconnected(&mut self, handler: &mut impl BandHandler) {
        self.disarm(handler);
        self.deletion_until = None;
        if self.link.take().is_some() {
            self.show_idle(handler);
        }
    }

    /// Takes one value the station wrote.
    pub fn handle_input(&mut self, now: Instant, frame: &[u8], handler: &mut impl BandHandler) {
        let Some(link) = &mut self.link else { return };
        if let Err(fault) = link.handle_input(now, frame) {
            return self.give_up(now, StationMisbehaved::Link(fault));
        }
        while let Some(packet) = self.link.as_mut().and_then(Link::poll_packet) {
            if let Err(fault) = self.handle_packet(now, &packet, handler) {
                self.give_up(now, fault);
            }
        }
    }

    pub(super) fn link_timeout(&mut self, now: Instant) {
        let wearer = self.wearer_deadline();
        let Some(link) = &mut self.link else { return };
        if let Err(fault) = link.handle_timeout(now, wearer) {
            self.give_up(now, fault);
        }
    }

    /// Sends a message if there is anybody to send it to.
    pub(super) fn push(&mut self, now: Instant, message: BandToStation) {
        if let Some(Link {
            framing,
            state: State::Established { transport, .. },
            phase: Phase::Open,
            deadline,
        }) = &mut self.link
        {
            *deadline = now + self.settings.idle_timeout;
            framing.send(now, &transport.seal(&message.encode()));
        }
    }

    /// Ends a session with a station that breaks the rules, telling it why if that helps honest ones.
    fn give_up(&mut self, now: Instant, fault: StationMisbehaved) {
        self.last_fault = Some(fault);
        let Some(link) = &mut self.link else { return };
        link.phase = match refusal(fault) {
            Some(refusal) => {
                link.framing.send(now, &refusal.encode());
                Phase::Ending(now + ENDING)
            }
            None => Phase::Dropping,
        };
    }

    fn handle_packet(
        &mut self,
        now: Instant,
        packet: &[u8],
        handler: &mut impl BandHandler,
    ) -> Result<(), StationMisbehaved> {
        let report = self.report(now);
        let Some(link) = &mut self.link else { return Ok(()) };
        if link.framing.waiting() > BACKLOG_MAX {
            return Err(StationMisbehaved::Impatient);
        }
        link.deadline = now + self.settings.idle_timeout;
        let kind = packet[0];
        match (&mut link.state, kind) {
            (State::AwaitingHello, HANDSHAKE_1) => {
                if !self.patience.has(now) {
                    return Err(StationMisbehaved::BreaksOff);
                }
                let (answer, next) = greet(&self.identity, &self.record, report, packet, handler)?;
                self.patience.draw(now);
                link.framing.send(now, &answer);
                link.state = State::AwaitingReveal(Box::new(next));
                Ok(())
            }
            (State::AwaitingReveal(_), MESSAGE) => {
                let (transport, peer, message) = reveal(&mut link.state, &packet[1..])?;
                link.state = State::Established { transport, peer };
                self.patience.restore();
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
        let last = matches!(answer, BandToStation::Finished(_));
        self.push(now, answer);
        if let Some(link) = self.link.as_mut().filter(|_| last) {
            link.phase = Phase::Ending(now + ENDING);
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
        StationMisbehaved::BreaksOff => Some(HandshakeRefusal::TryLater),
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
    let malformed = StationMisbehaved::HandshakeMalformed;
    let (opening, body) = packet.split_first_chunk::<3>().ok_or(malformed)?;
    let [_, min, max] = *opening;
    let version = common_version(min, max).ok_or(StationMisbehaved::VersionUnsupported { min, max })?;
    let (mut ephemeral, mut nonce) = ([0; 32], [0; NONCE_LEN]);
    handler.random(&mut ephemeral);
    handler.random(&mut nonce);
    let mut handshake = crypto::responder(&prologue(opening), *identity.dh_secret, ephemeral);
    let payload = handshake.read_message_vec(body).or(Err(malformed))?;
    let hello: StationHello = from_cbor(&payload).ok_or(StationMisbehaved::HelloMalformed)?;
    let certificate = welcome(&hello, record)?;
    if handshake.get_rs() != Some(certificate.dh_key) {
        return Err(StationMisbehaved::CertificateOfAnother);
    }
    let answer = to_cbor(&BandHello {
        certificate: identity.certificate.clone(),
        nonce,
        version,
        report: told_to(certificate.organization(), report),
    });
    let answer = handshake.write_message_vec(&answer).or(Err(malformed))?;
    let next = AwaitingReveal {
        transport: Transport::new(&handshake),
        certificate,
        time: hello.time,
        commitment: hello.commitment,
        nonce,
    };
    Ok(([&[HANDSHAKE_2], &answer[..]].concat(), next))
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

#[cfg(test)]
mod tests;
