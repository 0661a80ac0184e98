//! Who stands at the station: tickets, typed codes, operators who vouch.
//!
//! [`Identified`] is the only thing an enrollment starts with, and only this module makes one: from a
//! ticket whose signature, site, zone, time and single use were checked, from a code that matches a
//! known ticket, or from an operator with the right and the PIN. Nothing here is a secret that would
//! have to be kept longer than the check.
//!
//! A ticket is spent when something is about to be made with it, in the same transaction as the intent,
//! and freed again if nothing was made. Presenting a ticket and being refused does not spend it.

mod attempts;
mod code;
mod own_band;
mod signed;
mod vouch;

pub use attempts::{AttemptRules, AttemptState, AttemptSubject, Blocked};
pub use code::{CODE_CHARS, CodeHash, CodeKey, TypedCode};
pub use own_band::{BandClaim, HolderFacts, SignInRefusal};
pub use signed::{TEXT_PREFIX, TicketClaims, VerifiedTicket, sign_ticket, verify_ticket};
pub use vouch::{PendingPin, SignedIn, VouchFault, Witness, begin_pin, pin_subject};

use std::fmt;

use firmware_protocol::id::{UserHandle, Zone};
use minicbor::{Decode, Encode};

use crate::clock::TrustedTime;
use crate::journal::{FlowId, Identification, Method};
use crate::replica::{TicketRow, TicketState};

/// One ticket: 16 bytes chosen by its issuer, used once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct TicketId(#[cbor(n(0), with = "minicbor::bytes")] pub [u8; 16]);

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TicketId({self})")
    }
}

/// Why a ticket or a typed code does not identify anybody.
///
/// When several apply, the first of this list is returned, [`TooManyAttempts`](Self::TooManyAttempts) apart,
/// which is decided before anything is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TicketFault {
    /// Too many wrong codes: not even a right one counts now.
    #[error("too many wrong codes; wait and try again")]
    TooManyAttempts {
        /// When the next attempt counts, milliseconds since 1970.
        until_ms: u64,
    },
    /// Not a ticket at all, or a code with a slip of the finger in it.
    #[error("this is not a ticket; scan or type it again")]
    Malformed,
    /// Signed by nobody who may issue tickets, or changed.
    #[error("this ticket was not issued here or was changed")]
    Forged,
    /// A well-formed code that belongs to no ticket known here.
    #[error("no ticket with this code is known here")]
    UnknownCode,
    /// For another site.
    #[error("this ticket is for another site")]
    OtherSite,
    /// For another zone.
    #[error("this ticket is for another zone")]
    OtherZone,
    /// Its first valid second is still to come, as far as the station can tell.
    #[error("this ticket is not valid yet")]
    NotYetValid,
    /// Its last valid second has passed, or may have.
    #[error("this ticket has expired; ask for a new one")]
    Expired,
    /// Used before.
    #[error("this ticket was used before; ask for a new one")]
    Reused,
    /// Taken back by an administrator.
    #[error("this ticket was taken back; ask for a new one")]
    Revoked,
}

impl TicketFault {
    /// The stable name for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooManyAttempts { .. } => "too_many_attempts",
            Self::Malformed => "ticket_malformed",
            Self::Forged => "ticket_forged",
            Self::UnknownCode => "ticket_unknown_code",
            Self::OtherSite => "ticket_other_site",
            Self::OtherZone => "ticket_other_zone",
            Self::NotYetValid => "ticket_not_yet_valid",
            Self::Expired => "ticket_expired",
            Self::Reused => "ticket_reused",
            Self::Revoked => "ticket_revoked",
        }
    }
}

/// Where a ticket is presented.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The station's site.
    pub site: &'a str,
    /// The station's zone.
    pub zone: Zone,
}

/// A person whose identity was verified. Only this module makes one, and it is used up by the
/// enrollment it starts.
#[derive(Debug, PartialEq, Eq)]
pub struct Identified {
    user: UserHandle,
    method: Method,
    ticket: Option<TicketId>,
    operator: Option<String>,
}

impl Identified {
    /// Who it is.
    pub fn user(&self) -> UserHandle {
        self.user
    }

    /// How that is known.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The ticket that will be spent.
    pub fn ticket(&self) -> Option<TicketId> {
        self.ticket
    }

    /// The journal's record of it.
    pub fn record(&self, flow: FlowId) -> Identification {
        let operator = self.operator.clone();
        Identification {
            flow,
            user: self.user,
            method: self.method,
            ticket: self.ticket,
            operator,
        }
    }
}

/// Identifies by a typed code. `row` is the ticket with the code's hash, if the station knows one, and
/// `state` what became of it. Counting failures is the caller's duty: see [`AttemptRules`].
pub fn redeem_code(
    row: Option<&TicketRow>,
    state: TicketState,
    place: Place<'_>,
    time: TrustedTime,
) -> Result<Identified, TicketFault> {
    let row = row.ok_or(TicketFault::UnknownCode)?;
    let claims = TicketClaims {
        id: row.id,
        user: row.user,
        site: row.site.clone(),
        zone: row.zone,
        not_before: row.not_before,
        expires: row.expires,
    };
    check_claims(&claims, place, time)?;
    check_state(state)?;
    Ok(Identified {
        user: row.user,
        method: Method::TypedCode,
        ticket: Some(row.id),
        operator: None,
    })
}

fn check_claims(claims: &TicketClaims, place: Place<'_>, time: TrustedTime) -> Result<(), TicketFault> {
    if claims.site != place.site {
        return Err(TicketFault::OtherSite);
    }
    if claims.zone != place.zone {
        return Err(TicketFault::OtherZone);
    }
    if !time.has_begun(claims.not_before) {
        return Err(TicketFault::NotYetValid);
    }
    if time.is_past(claims.expires) {
        return Err(TicketFault::Expired);
    }
    Ok(())
}

fn check_state(state: TicketState) -> Result<(), TicketFault> {
    match state {
        TicketState::Unspent => Ok(()),
        TicketState::Spent { .. } => Err(TicketFault::Reused),
        TicketState::Revoked => Err(TicketFault::Revoked),
    }
}
