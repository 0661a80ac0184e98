//! Operators: who proves to be one by a PIN (or by a band, see [`BandClaim`]), what they may do, and that they are
//! recorded as the witness.
//!
//! Nothing here tells somebody without the PIN which operators there are: a name that is nobody's is refused like
//! a wrong PIN, counted like one and, if the shell checks some PIN all the same, takes as long.

use firmware_protocol::id::UserHandle;

use super::Identified;
use super::attempts::{AttemptRules, AttemptState, AttemptSubject, Blocked};
use super::code::{CodeKey, hash_of_name};
use super::own_band::{BandClaim, HolderFacts};
use crate::clock::TrustedTime;
use crate::journal::{Method, SecretFailed, SecretKind};
use crate::replica::{Change, OperatorRow, Right};

/// Counters that names of nobody share. Few enough for the disk, and a keyed hash says which name counts where.
const COUNTERS_OF_NOBODY: u16 = 1024;

/// Why an operator cannot do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum VouchFault {
    /// Too many wrong PINs: not even the right one counts now.
    #[error("too many wrong PINs; wait and try again")]
    TooManyAttempts {
        /// When the next attempt counts, milliseconds since 1970.
        until_ms: u64,
    },
    /// The PIN is right, and the operator lacks the right.
    #[error("this operator may not do that at this station")]
    NotAllowed,
    /// The operator is the user.
    #[error("nobody vouches for oneself; ask another operator")]
    ForOneself,
    /// The PIN is wrong, or there is no such operator.
    #[error("wrong operator or PIN")]
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

/// Whose failures count when `name` was typed; `row` is the operator of that name, if there is one.
pub fn pin_subject(name: &str, row: Option<&OperatorRow>, key: &CodeKey) -> AttemptSubject {
    let operator = match row {
        Some(row) => row.id.clone(),
        None => {
            let [high, low, ..] = hash_of_name(key, name);
            // No operator's id has a question mark.
            format!("?{}", u16::from_be_bytes([high, low]) % COUNTERS_OF_NOBODY)
        }
    };
    AttemptSubject::Pin { operator }
}

/// A claim to be an operator that lacks only the check of the PIN, which takes long and happens elsewhere.
#[derive(Debug)]
pub struct PendingPin {
    operator: Option<OperatorRow>,
    subject: AttemptSubject,
    state: AttemptState,
}

/// Somebody who proved to be an operator with a certain right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    operator: String,
    user: Option<UserHandle>,
}

/// Begins to check a PIN of `operator` (the row with the name that was typed, if any).
///
/// `state` is the stored count of failures of `subject`, see [`pin_subject`]; `under_way` the number of its
/// [`PendingPin`]s without an outcome.
pub fn begin_pin(
    operator: Option<&OperatorRow>,
    subject: AttemptSubject,
    state: AttemptState,
    under_way: u32,
    time: TrustedTime,
) -> Result<PendingPin, VouchFault> {
    AttemptRules::PIN.admit(state, under_way, time)?;
    Ok(PendingPin {
        operator: operator.cloned(),
        subject,
        state,
    })
}

/// An operator who signed in, for as long as the stored rows say the same.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedIn {
    row: OperatorRow,
    /// The band by which the operator signed in; absent for a PIN.
    band: Option<BandClaim>,
}

impl std::fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("SignedIn").field(&self.row.id).finish()
    }
}

impl SignedIn {
    /// The wearer of the operator's own band was recognized.
    pub(crate) fn by_band(row: OperatorRow, band: BandClaim) -> Self {
        Self {
            row,
            band: Some(band),
        }
    }

    /// The operator's id.
    pub fn operator(&self) -> &str {
        &self.row.id
    }

    /// The band by which the operator signed in: what must be looked up again for [`witness`](Self::witness).
    pub fn band(&self) -> Option<&BandClaim> {
        self.band.as_ref()
    }

    /// Whether the operator had this right when signing in: what to offer. What is done is asked of
    /// [`witness`](Self::witness).
    pub fn has(&self, right: Right) -> bool {
        self.row.rights.contains(&right)
    }

    /// The operator wants to use a right. `row` is the operator as stored now: one that is gone, has another PIN or
    /// lost the right since does not count. Neither does one whose [`band`](Self::band) does not count any more;
    /// `holder` is what is known of it now.
    pub fn witness(
        &self,
        row: Option<&OperatorRow>,
        holder: Option<&HolderFacts>,
        right: Right,
    ) -> Result<Witness, VouchFault> {
        let same = row.filter(|row| row.id == self.row.id && row.pin == self.row.pin);
        let holds = |band: &BandClaim| {
            let operator = holder.and_then(|holder| band.operator(holder).ok());
            operator.is_some_and(|operator| operator.id == self.row.id)
        };
        let may = same.filter(|row| row.rights.contains(&right) && self.band.as_ref().is_none_or(holds));
        let row = may.ok_or(VouchFault::NotAllowed)?;
        Ok(Witness {
            operator: row.id.clone(),
            user: row.user,
        })
    }
}

impl PendingPin {
    /// The PIN was right, and the operator stays for a while. The change, if any, clears the count of failures.
    /// `None` for nobody, whose PIN is never right.
    pub fn sign_in(self) -> Option<(Option<Change>, SignedIn)> {
        let change = (self.state != AttemptState::default()).then_some(Change::SetAttempts {
            subject: self.subject,
            state: AttemptState::default(),
        });
        let signed = |row| SignedIn { row, band: None };
        self.operator.map(|row| (change, signed(row)))
    }

    /// The argon2 PHC string to check the typed PIN against. Absent for nobody: check another operator's, so that
    /// it takes as long, and call [`wrong`](Self::wrong) whatever comes of it.
    pub fn pin(&self) -> Option<&str> {
        self.operator.as_ref().map(|row| row.pin.as_str())
    }

    /// The PIN was right. The change, if any, clears the count of failures, also when the right is lacking.
    pub fn right(self, right: Right) -> (Option<Change>, Result<Witness, VouchFault>) {
        let change = (self.state != AttemptState::default()).then_some(Change::SetAttempts {
            subject: self.subject,
            state: AttemptState::default(),
        });
        let operator = self.operator.filter(|row| row.rights.contains(&right));
        let witness = operator.map(|row| Witness {
            operator: row.id,
            user: row.user,
        });
        (change, witness.ok_or(VouchFault::NotAllowed))
    }

    /// The PIN was wrong, which is [`VouchFault::WrongPin`]. `state` is the stored count now (other attempts may
    /// have failed meanwhile). Append record and change before telling anybody.
    pub fn wrong(self, state: AttemptState, time: TrustedTime) -> (SecretFailed, Change) {
        let state = AttemptRules::PIN.after_failure(state, time);
        let record = SecretFailed {
            secret: SecretKind::Pin,
            operator: self.operator.map(|row| row.id),
            in_a_row: state.failures,
            blocked_until_ms: state.blocked_until_ms,
        };
        let subject = self.subject;
        (record, Change::SetAttempts { subject, state })
    }
}

impl Witness {
    /// The operator's id, for records.
    pub fn operator(&self) -> &str {
        &self.operator
    }

    /// The operator says that this user stands at the station.
    pub fn vouch(self, user: UserHandle) -> Result<Identified, VouchFault> {
        if self.user == Some(user) {
            return Err(VouchFault::ForOneself);
        }
        Ok(Identified {
            user,
            method: Method::Vouched,
            ticket: None,
            operator: Some(self.operator),
        })
    }
}
