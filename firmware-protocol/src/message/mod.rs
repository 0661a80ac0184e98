//! Every message of a session, once.
//!
//! Inside the encrypted session a message is the CBOR array `[number, body]`; the body is a map with
//! small integer keys. Numbers below 32 go from station to band, numbers from 32 on from band to
//! station.
//!
//! ```text
//!   station                                band
//!      | handshake 1 (certificate, commitment) |
//!      |-------------------------------------->|
//!      |     handshake 2 (certificate, Report) |   first round trip; the station decides here
//!      |<--------------------------------------|
//!      | Arm                                   |
//!      |-------------------------------------->|
//!      |                                 Armed |   second
//!      |<--------------------------------------|
//!      |          WearerConfirmed, Touch * n   |   pushed while the finger works
//!      |<--------------------------------------|
//!      |                                Staged |   the station writes its journal
//!      |<--------------------------------------|
//!      | Commit                                |
//!      |-------------------------------------->|
//!      |                   Committed (receipt) |   third; the station writes its journal
//!      |<--------------------------------------|
//!      | Finish                                |
//!      |-------------------------------------->|
//!      |                              Finished |   fourth; the band ends the link
//!      |<--------------------------------------|
//! ```

mod band_to_station;
mod station_to_band;

pub use band_to_station::*;
pub use station_to_band::*;

use alloc::string::String;

use minicbor::{Decode, Encode};

use crate::Version;

/// What the info characteristic says to anybody.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Info {
    /// Oldest version the band speaks.
    #[n(0)]
    pub version_min: Version,
    /// Newest version the band speaks.
    #[n(1)]
    pub version_max: Version,
    /// The model's name: at most 16 signs of printable ASCII.
    #[cbor(n(2), with = "crate::id::short_text")]
    pub model: String,
    /// The firmware's version, for people: at most 16 signs of printable ASCII.
    #[cbor(n(3), with = "crate::id::short_text")]
    pub firmware: String,
}

/// How the wearer proves to be present before an association is staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Mode {
    /// A new fingerprint is captured: the band's own number of good touches.
    #[n(0)]
    Capture,
    /// The enrolled finger is recognized: one good touch. Needs an association in any zone.
    #[n(1)]
    Authenticate,
}

/// Why bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageError {
    /// Not an array of number and body.
    Malformed,
    /// A number this version does not know.
    Unknown(u8),
    /// A known number with a body that is not its own.
    Body(u8),
}

/// The first number of a push. Those that a station does not know it skips, so that pushes may grow within a
/// version; an answer it does not know (32 to 47) ends the session.
pub const FIRST_PUSH: u8 = 48;

/// The number a message begins with, whatever follows; nothing if it is no array of two that begins with one.
pub(crate) fn number_of(message: &[u8]) -> Option<u8> {
    let mut decoder = minicbor::Decoder::new(message);
    let pair = decoder.array().ok()? == Some(2);
    pair.then(|| decoder.u8().ok())?
}

impl BandToStation {
    /// Sent without being asked.
    pub fn is_push(&self) -> bool {
        self.number() >= FIRST_PUSH
    }

    /// Whether this message may answer the request with that number.
    pub fn answers(&self, request: u8) -> bool {
        match self {
            Self::Refused(refused) => refused.request == request || refused.request == 0,
            Self::Armed(_) => request == 1,
            Self::Committed(_) => request == 2 || request == 4,
            Self::Aborted(_) => request == 3,
            Self::Finished(_) => request == 5,
            Self::DeletionAsked(_) => request == 6,
            Self::Report(_) => request == 7,
            _ => false,
        }
    }
}

/// Declares one direction: the enum, its stable numbers, encoding and decoding.
macro_rules! direction {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $number:literal $variant:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $variant($variant),)* }

        impl $name {
            /// The message's stable number.
            pub fn number(&self) -> u8 {
                match self { $(Self::$variant(_) => $number,)* }
            }

            /// `[number, body]` in CBOR.
            pub fn encode(&self) -> alloc::vec::Vec<u8> {
                match self { $(Self::$variant(body) => crate::cbor::to_cbor(&($number, body)),)* }
            }

            /// Reads `[number, body]`; bytes behind it are an error.
            pub fn decode(bytes: &[u8]) -> Result<Self, crate::message::MessageError> {
                use crate::message::MessageError::{Body, Malformed, Unknown};
                let bytes = crate::cbor::with_small_keys(bytes);
                let mut decoder = minicbor::Decoder::new(&bytes);
                if decoder.array().map_err(|_| Malformed)? != Some(2) {
                    return Err(Malformed);
                }
                let number = decoder.u8().map_err(|_| Malformed)?;
                let message = match number {
                    $($number => Self::$variant(decoder.decode().map_err(|_| Body(number))?),)*
                    _ => return Err(Unknown(number)),
                };
                if decoder.position() != bytes.len() {
                    return Err(Body(number));
                }
                Ok(message)
            }
        }
    };
}
pub(crate) use direction;
