//! Operators who say who somebody is, and are recorded as the witness.

use firmware_protocol::id::UserHandle;

use super::Identified;
use super::attempts::{AttemptRules, AttemptState, AttemptSubject, Blocked};
use crate::clock::TrustedTime;
use crate::journal::{Method, SecretFailed, SecretKind};
use crate::replica::{Change, OperatorRow, Right};

/// Why an operator cannot vouch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum VouchFault {
    /// Too many wrong PINs: not even the right one counts now.
    #[error("too many wrong PINs; wait and try again")]
    TooManyAttempts {
        /// When the next attempt counts, milliseconds since 1970.
        until_ms: u64,
    },
    /// No such operator, or one without the right to vouch. Not told apart: ids are not to be guessed.
    #[error("this operator cannot vouch at this station")]
    NotAllowed,
    /// The operator is the user.
    #[error("nobody vouches for oneself; ask another operator")]
    ForOneself,
    /// The PIN is wrong.
    #[error("wrong PIN")]
    WrongPin,
}

impl VouchFault {
    /// The stable name for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::TooManyAttempts { .. } => "too_many_attempts",
            Self::NotAllowed => "operator_not_allowed",
            Self::ForOneself => "vouch_for_oneself",
            Self::WrongPin => "wrong_pin",
        }
    }
}

impl From<Blocked> for VouchFault {
    fn from(blocked: Blocked) -> Self {
        Self::TooManyAttempts {
            until_ms: blocked.until_ms,
        }
    }
}

/// A vouch that lacks only the check of the PIN, which takes long and happens elsewhere.
#[derive(Debug)]
pub struct PendingVouch {
    operator: String,
    user: UserHandle,
    pin: String,
    state: AttemptState,
}

/// Begins a vouch of `operator` (the row with the id that was typed, if any) for `user`.
///
/// `state` is the operator's stored count of failures, `under_way` the number of this operator's
/// [`PendingVouch`]es without an outcome.
pub fn begin_vouch(
    operator: Option<&OperatorRow>,
    user: UserHandle,
    state: AttemptState,
    under_way: u32,
    time: TrustedTime,
) -> Result<PendingVouch, VouchFault> {
    let operator = operator
        .filter(|row| row.rights.contains(&Right::Vouch))
        .ok_or(VouchFault::NotAllowed)?;
    if operator.user == Some(user) {
        return Err(VouchFault::ForOneself);
    }
    AttemptRules::PIN.admit(state, under_way, time)?;
    Ok(PendingVouch {
        operator: operator.id.clone(),
        user,
        pin: operator.pin.clone(),
        state,
    })
}

impl PendingVouch {
    /// The argon2 PHC string to check the typed PIN against.
    pub fn pin(&self) -> &str {
        &self.pin
    }

    /// The PIN was right. The change, if any, clears the count of failures.
    pub fn right(self) -> (Identified, Option<Change>) {
        let change = (self.state != AttemptState::default()).then(|| Change::SetAttempts {
            subject: AttemptSubject::Pin {
                operator: self.operator.clone(),
            },
            state: AttemptState::default(),
        });
        let operator = Some(self.operator);
        (
            Identified {
                user: self.user,
                method: Method::Vouched,
                ticket: None,
                operator,
            },
            change,
        )
    }

    /// The PIN was wrong, which is [`VouchFault::WrongPin`]. `state` is the operator's stored count now (other
    /// attempts may have failed meanwhile). Append record and change before telling anybody.
    pub fn wrong(self, state: AttemptState, time: TrustedTime) -> (SecretFailed, Change) {
        let state = AttemptRules::PIN.after_failure(state, time);
        let record = SecretFailed {
            secret: SecretKind::Pin,
            operator: Some(self.operator.clone()),
            in_a_row: state.failures,
            blocked_until_ms: state.blocked_until_ms,
        };
        let subject = AttemptSubject::Pin {
            operator: self.operator,
        };
        (record, Change::SetAttempts { subject, state })
    }
}
