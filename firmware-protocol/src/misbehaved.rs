//! A name for every way in which a peer can be wrong.
//!
//! The peer is hostile until proven otherwise, so each fault is told apart: the log names the exact one,
//! and tests assert it. None of these is a bug of ours; ours panic.

use crate::frame::FrameFault;
use crate::message::MessageError;

/// What a band, or something that poses as one, did wrong in the eyes of a station.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BandMisbehaved {
    /// A packet of a kind that does not exist or does not belong here.
    PacketKind(u8),
    /// The second handshake message does not open: changed on the way, or not meant for us.
    HandshakeForged,
    /// The band's hello is not the CBOR it should be.
    HelloMalformed,
    /// The certificate is not signed by a manufacturer we trust.
    CertificateUntrusted,
    /// The certificate is not the CBOR it should be.
    CertificateMalformed,
    /// The certificate belongs to another key than the one that made the handshake.
    CertificateOfAnother,
    /// The band chose a version we did not offer.
    VersionNotOffered(u8),
    /// An encrypted message does not open: forged, replayed or out of order.
    MessageForged,
    /// An encrypted message is not one.
    Message(MessageError),
    /// An answer to a request that was not made.
    AnswerToNothing(u8),
    /// An answer that does not belong to the request.
    WrongAnswer {
        /// Number of the request.
        request: u8,
        /// Number of the answer.
        answer: u8,
    },
    /// Armed, but no touch is needed: whose finger would it be?
    ArmedForNoTouch,
}

/// What a station, or something that poses as one, did wrong in the eyes of a band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StationMisbehaved {
    /// A packet of a kind that does not exist or does not belong here.
    PacketKind(u8),
    /// The first handshake message is not one.
    HandshakeMalformed,
    /// The station's hello is not the CBOR it should be.
    HelloMalformed,
    /// The certificate is not signed by the organization it names, or is not one.
    CertificateInvalid,
    /// The certificate belongs to another key than the one that makes the handshake.
    CertificateOfAnother,
    /// The certificate has expired, by the band's own knowledge of time or by the station's.
    CertificateExpired,
    /// The certificate is not yet valid.
    CertificateNotYetValid,
    /// The band serves another organization.
    WrongOrganization,
    /// No common version; what the station speaks.
    VersionUnsupported {
        /// Oldest.
        min: u8,
        /// Newest.
        max: u8,
    },
    /// An encrypted message does not open: forged, replayed or out of order.
    MessageForged,
    /// The first message reveals another nonce than the handshake committed to.
    CommitmentBroken,
    /// The link broke the rules of framing, or carried nothing.
    Link(FrameFault),
    /// The station goes on asking without taking the answers.
    Impatient,
    /// The station, or somebody like it, broke off handshake after handshake before revealing its nonce, as one does
    /// who waits for a certain screen code.
    BreaksOff,
    /// The station did not go on in time.
    Silent,
}
