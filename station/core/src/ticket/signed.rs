//! Signed tickets as the text of a QR code.

use data_encoding::BASE32_NOPAD;
use ed25519_dalek::SigningKey;
use firmware_protocol::certificate::{PublicKey, Signed};
use firmware_protocol::id::{UserHandle, Zone};
use firmware_protocol::time::UnixSeconds;
use minicbor::{Decode, Encode};

use super::{Identified, Place, TicketFault, TicketId, check_claims, check_state};
use crate::clock::TrustedTime;
use crate::journal::Method;
use crate::replica::TicketState;

/// What the text of every ticket begins with.
pub const TEXT_PREFIX: &str = "BST1.";
/// Longest text that is looked at; a ticket with the longest site name is shorter.
const TEXT_CHARS_MAX: usize = 1024;
/// Context of the issuer's signature.
const CONTEXT: &[u8] = b"bandstand ticket 1\0";

/// What the issuer of a ticket says.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct TicketClaims {
    /// Which ticket.
    #[n(0)]
    pub id: TicketId,
    /// Whom it identifies.
    #[n(1)]
    pub user: UserHandle,
    /// The site at which it may be used.
    #[n(2)]
    pub site: String,
    /// The zone in which it may be used.
    #[n(3)]
    pub zone: Zone,
    /// First second in which it may be used.
    #[n(4)]
    pub not_before: UnixSeconds,
    /// Last second in which it may be used.
    #[n(5)]
    pub expires: UnixSeconds,
}

/// The ticket's text: `BST1.` and base32 (RFC 4648, upper case, no padding) of the CBOR array
/// `[claims, signature]`. All its characters are of the alphanumeric set of QR codes.
pub fn sign_ticket(claims: &TicketClaims, issuer: &SigningKey) -> String {
    let body = minicbor::to_vec(claims).expect("memory takes everything");
    let signed = Signed::sign(body, CONTEXT, issuer);
    let bytes = minicbor::to_vec(&signed).expect("memory takes everything");
    format!("{TEXT_PREFIX}{}", BASE32_NOPAD.encode(&bytes))
}

/// A ticket that is genuine, for this place and of this time. Whether it was used before is still open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedTicket(TicketClaims);

/// Checks a ticket's text. White space around it and lower case are forgiven.
pub fn verify_ticket(
    text: &str,
    issuer: &PublicKey,
    place: Place<'_>,
    time: TrustedTime,
) -> Result<VerifiedTicket, TicketFault> {
    let signed = read(text).ok_or(TicketFault::Malformed)?;
    signed.verify(CONTEXT, issuer).map_err(|_| TicketFault::Forged)?;
    let claims: TicketClaims = minicbor::decode(&signed.body).map_err(|_| TicketFault::Malformed)?;
    check_claims(&claims, place, time)?;
    Ok(VerifiedTicket(claims))
}

fn read(text: &str) -> Option<Signed> {
    let text = text.trim();
    if text.len() > TEXT_CHARS_MAX {
        return None;
    }
    let text = text.to_ascii_uppercase();
    let bytes = BASE32_NOPAD
        .decode(text.strip_prefix(TEXT_PREFIX)?.as_bytes())
        .ok()?;
    let mut decoder = minicbor::Decoder::new(&bytes);
    let signed = decoder.decode().ok()?;
    (decoder.position() == bytes.len()).then_some(signed)
}

impl VerifiedTicket {
    /// Which ticket: look up what became of it.
    pub fn id(&self) -> TicketId {
        self.0.id
    }

    /// Whom it identifies.
    pub fn user(&self) -> UserHandle {
        self.0.user
    }

    /// The last check: that it was not used before.
    pub fn redeem(self, state: TicketState) -> Result<Identified, TicketFault> {
        check_state(state)?;
        let Self(claims) = self;
        Ok(Identified {
            user: claims.user,
            method: Method::Ticket,
            ticket: Some(claims.id),
            operator: None,
        })
    }
}
