//! The station's end of one session with one band.
//!
//! The session makes the handshake, checks the band's make, keeps requests and answers in step, and says
//! what it learned. What to ask is decided elsewhere: by the enrollment flow of the station.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use zeroize::Zeroizing;

use crate::cbor::{from_cbor, to_cbor};
use crate::certificate::{BandCertificate, CertificateError, PublicKey, Signed};
use crate::crypto::{self, Handshake};
use crate::frame::{FrameFault, Framing, PACKET_LEN_MAX};
use crate::handshake::{
    BandHello, HANDSHAKE_2, HandshakeRefusal, MESSAGE, Nonce, REFUSAL, StationHello, Transport, commitment,
    opening, prologue,
};
use crate::id::ScreenCode;
use crate::message::{BandToStation, FIRST_PUSH, MessageError, Report, StationToBand, number_of};
use crate::misbehaved::BandMisbehaved;
use crate::time::{Instant, UnixSeconds};
use crate::{VERSION_CURRENT, VERSION_MIN, Version};

/// Longest time a band may take for the handshake or for an answer.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Random bytes a session needs: an ephemeral key and a nonce. Never use them twice.
pub const ENTROPY_LEN: usize = 48;

/// Longest message that fits a packet beside its kind, the nonce of the first message and the tag.
const MESSAGE_LEN_MAX: usize = PACKET_LEN_MAX - 1 - size_of::<Nonce>() - 16;

/// Who a station is in every session.
#[derive(Clone)]
pub struct StationIdentity {
    /// Signed by the organization.
    pub certificate: Signed,
    /// The X25519 key the certificate names.
    pub dh_secret: Zeroizing<[u8; 32]>,
}

impl fmt::Debug for StationIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StationIdentity")
            .field("certificate", &self.certificate)
            .finish_non_exhaustive()
    }
}

/// What a session tells the station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionEvent {
    /// The band is of a known make and holds the keys it should.
    Established(Box<Established>),
    /// An answer to the request under way, or a push.
    Message(BandToStation),
    /// Nothing more will come. Always the last event.
    Ended(SessionEnd),
}

/// What is known once the handshake is through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Established {
    /// The band, as its manufacturer vouches.
    pub certificate: BandCertificate,
    /// The same as the manufacturer signed it, for others to check.
    pub signed_certificate: Signed,
    /// How the band is, and what it holds.
    pub report: Report,
    /// What the band shows from its first request on.
    pub code: ScreenCode,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionEnd {
    /// `Finish` was answered: all is said, the band ends the link.
    Finished,
    /// The link is gone.
    Disconnected,
    /// The band did not answer in time: 0 for the handshake, else the request's number.
    TimedOut(u8),
    /// The link broke the rules of framing, or carried nothing.
    Link(FrameFault),
    /// The band refused the handshake, or something in the middle said so.
    Refused(HandshakeRefusal),
    /// The band broke the rules.
    Misbehaved(BandMisbehaved),
}

/// Why a request was not sent. Nothing has changed then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestError {
    /// The session is not established yet, waits for an answer, or has ended.
    NotReady,
    /// More than a packet holds: a label that no band would take.
    TooLong,
}

/// One session, from the first frame to the last.
pub struct StationSession {
    framing: Framing,
    state: State,
    deadline: Option<Instant>,
    manufacturers: Vec<PublicKey>,
    events: VecDeque<SessionEvent>,
}

enum State {
    AwaitingHello {
        handshake: Box<Handshake>,
        nonce: Nonce,
    },
    Established {
        transport: Box<Transport>,
        reveal: Option<Nonce>,
        under_way: Option<u8>,
    },
    Ended,
}

impl StationSession {
    /// Opens a session on a fresh link and queues the first handshake message.
    ///
    /// `manufacturers` are the Ed25519 keys of the makes that are welcome, `mtu_bytes` the link's ATT MTU,
    /// `entropy` fresh random bytes, `unix_now` the station's wall clock, which the band sees.
    pub fn new(
        identity: &StationIdentity,
        manufacturers: Vec<PublicKey>,
        mtu_bytes: u16,
        entropy: &[u8; ENTROPY_LEN],
        now: Instant,
        unix_now: UnixSeconds,
    ) -> Self {
        let versions = (VERSION_MIN, VERSION_CURRENT);
        Self::offering(
            versions,
            identity,
            manufacturers,
            mtu_bytes,
            entropy,
            now,
            unix_now,
        )
    }

    /// Like [`new`](Self::new), for who tries a band: says that the station speaks the versions from the first
    /// to the second. A band that chooses one this crate does not speak has misbehaved all the same.
    pub fn offering(
        versions: (Version, Version),
        identity: &StationIdentity,
        manufacturers: Vec<PublicKey>,
        mtu_bytes: u16,
        entropy: &[u8; ENTROPY_LEN],
        now: Instant,
        unix_now: UnixSeconds,
    ) -> Self {
        let opening = opening(versions);
        let (ephemeral, nonce) = entropy.split_first_chunk::<32>().expect("48 bytes");
        let nonce: Nonce = nonce.try_into().expect("16 bytes");
        let hello = StationHello {
            certificate: identity.certificate.clone(),
            commitment: commitment(&nonce),
            time: unix_now,
        };
        let mut handshake = crypto::initiator(&prologue(&opening), *identity.dh_secret, *ephemeral);
        let message = handshake
            .write_message_vec(&to_cbor(&hello))
            .expect("the first message has no conditions");
        let mut framing = Framing::new(mtu_bytes, now);
        framing.send(now, &[&opening[..], &message].concat());
        Self {
            framing,
            state: State::AwaitingHello {
                handshake: Box::new(handshake),
                nonce,
            },
            deadline: Some(now + ANSWER_TIMEOUT),
            manufacturers,
            events: VecDeque::new(),
        }
    }

    /// Takes one notification of the band.
    pub fn handle_input(&mut self, now: Instant, frame: &[u8]) {
        if self.is_ended() {
            return;
        }
        if let Err(fault) = self.framing.handle_input(now, frame) {
            return self.end(SessionEnd::Link(fault));
        }
        while let Some(packet) = self.framing.poll_packet() {
            if let Err(end) = self.handle_packet(&packet) {
                return self.end(end);
            }
        }
    }

    /// Repeats, acknowledges or gives up, as the time says.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.is_ended() {
            return;
        }
        if let Err(fault) = self.framing.handle_timeout(now) {
            return self.end(SessionEnd::Link(fault));
        }
        if self.deadline.is_some_and(|deadline| now >= deadline) {
            let request = match &self.state {
                State::Established {
                    under_way: Some(number),
                    ..
                } => *number,
                _ => 0,
            };
            self.end(SessionEnd::TimedOut(request));
        }
    }

    /// Says that the link is gone.
    pub fn handle_disconnected(&mut self) {
        if !self.is_ended() {
            self.end(SessionEnd::Disconnected);
        }
    }

    /// Asks the band for something. One request is under way at a time.
    pub fn request(&mut self, now: Instant, request: &StationToBand) -> Result<(), RequestError> {
        self.request_bytes(now, &request.encode())
    }

    /// Like [`request`](Self::request), for who tries a band: says these bytes, whatever they are. An answer must
    /// belong to the number they begin with, or to 0 if there is none.
    pub fn request_bytes(&mut self, now: Instant, message: &[u8]) -> Result<(), RequestError> {
        let State::Established {
            transport,
            reveal,
            under_way: under_way @ None,
        } = &mut self.state
        else {
            return Err(RequestError::NotReady);
        };
        if message.len() > MESSAGE_LEN_MAX {
            return Err(RequestError::TooLong);
        }
        let nonce = reveal.take().map(Vec::from).unwrap_or_default();
        let packet = transport.seal(&[&nonce, message].concat());
        *under_way = Some(number_of(message).unwrap_or(0));
        self.deadline = Some(now + ANSWER_TIMEOUT);
        self.framing.send(now, &packet);
        Ok(())
    }

    /// The next frame to write to the band.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.framing.poll_transmit()
    }

    /// The next thing the station should know.
    pub fn poll_event(&mut self) -> Option<SessionEvent> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due; nothing after the end.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.is_ended() {
            return None;
        }
        [self.framing.poll_timeout(), self.deadline]
            .into_iter()
            .flatten()
            .min()
    }

    fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    fn end(&mut self, end: SessionEnd) {
        self.state = State::Ended;
        self.deadline = None;
        self.framing.acknowledge_now();
        self.events.push_back(SessionEvent::Ended(end));
    }

    fn handle_packet(&mut self, packet: &[u8]) -> Result<(), SessionEnd> {
        let (&kind, body) = packet.split_first().expect("framing gives no empty packet");
        match (&mut self.state, kind) {
            (State::AwaitingHello { .. }, REFUSAL) => {
                let refusal = HandshakeRefusal::decode(body);
                Err(refusal.map_or(misbehaved(BandMisbehaved::HelloMalformed), SessionEnd::Refused))
            }
            (State::AwaitingHello { handshake, nonce }, HANDSHAKE_2) => {
                let accepted = accept_hello(handshake, nonce, body, &self.manufacturers);
                let (transport, established) = accepted.map_err(misbehaved)?;
                self.state = State::Established {
                    transport: Box::new(transport),
                    reveal: Some(*nonce),
                    under_way: None,
                };
                self.deadline = None;
                let event = SessionEvent::Established(Box::new(established));
                self.events.push_back(event);
                Ok(())
            }
            (State::Established { transport, .. }, MESSAGE) => {
                let plaintext = transport.open(body).ok_or(BandMisbehaved::MessageForged);
                self.handle_message(&plaintext.map_err(misbehaved)?)
            }
            (_, kind) => Err(misbehaved(BandMisbehaved::PacketKind(kind))),
        }
    }

    fn handle_message(&mut self, plaintext: &[u8]) -> Result<(), SessionEnd> {
        let State::Established { under_way, .. } = &mut self.state else {
            return Ok(());
        };
        let message = match BandToStation::decode(plaintext) {
            // A push of a later day: this station does without.
            Err(MessageError::Unknown(number)) if number >= FIRST_PUSH => return Ok(()),
            decoded => decoded.map_err(|error| misbehaved(BandMisbehaved::Message(error)))?,
        };
        if matches!(&message, BandToStation::Armed(armed) if armed.touches == 0) {
            return Err(misbehaved(BandMisbehaved::ArmedForNoTouch));
        }
        self.deadline = match_answer(under_way, &message, self.deadline).map_err(misbehaved)?;
        let finished = matches!(message, BandToStation::Finished(_));
        self.events.push_back(SessionEvent::Message(message));
        if finished {
            Err(SessionEnd::Finished)
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for StationSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match &self.state {
            State::AwaitingHello { .. } => "AwaitingHello",
            State::Established { .. } => "Established",
            State::Ended => "Ended",
        };
        f.debug_struct("StationSession")
            .field("state", &state)
            .field("deadline", &self.deadline)
            .finish()
    }
}

fn misbehaved(fault: BandMisbehaved) -> SessionEnd {
    SessionEnd::Misbehaved(fault)
}

fn accept_hello(
    handshake: &mut Handshake,
    nonce: &Nonce,
    body: &[u8],
    manufacturers: &[PublicKey],
) -> Result<(Transport, Established), BandMisbehaved> {
    let payload = handshake
        .read_message_vec(body)
        .map_err(|_| BandMisbehaved::HandshakeForged)?;
    let hello: BandHello = from_cbor(&payload).ok_or(BandMisbehaved::HelloMalformed)?;
    if !(VERSION_MIN..=VERSION_CURRENT).contains(&hello.version) {
        return Err(BandMisbehaved::VersionNotOffered(hello.version));
    }
    let certificate = BandCertificate::verify(&hello.certificate, manufacturers).map_err(|e| match e {
        CertificateError::Malformed => BandMisbehaved::CertificateMalformed,
        _ => BandMisbehaved::CertificateUntrusted,
    })?;
    let transport = Transport::new(handshake);
    if certificate.dh_key != transport.peer_dh_key {
        return Err(BandMisbehaved::CertificateOfAnother);
    }
    let code = transport.code(nonce, &hello.nonce);
    Ok((
        transport,
        Established {
            certificate,
            signed_certificate: hello.certificate,
            report: hello.report,
            code,
        },
    ))
}

/// Pairs an answer with its request; pushes pass. Gives the deadline that remains.
fn match_answer(
    under_way: &mut Option<u8>,
    message: &BandToStation,
    deadline: Option<Instant>,
) -> Result<Option<Instant>, BandMisbehaved> {
    let answer = message.number();
    if message.is_push() {
        return Ok(deadline);
    }
    let request = under_way.take().ok_or(BandMisbehaved::AnswerToNothing(answer))?;
    if message.answers(request) {
        Ok(None)
    } else {
        Err(BandMisbehaved::WrongAnswer { request, answer })
    }
}

#[cfg(test)]
mod tests;
