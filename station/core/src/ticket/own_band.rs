//! Operators by their own band: whose it is, and whether it counts at this station now (decision 0048).
//!
//! What the band says was said in a session in which it proved its make. Whether its wearer is the one who
//! enrolled is the finger's to say, see [`sign_in`](crate::sign_in); everything else is here, and is asked again
//! whenever somebody who signed in so changes something.

use firmware_protocol::id::{AssociationId, OrganizationId, Serial, UserHandle, Zone};
use firmware_protocol::message::Report;
use policy::decide::refuse_user;
use policy::decision::{Decision, Reason};
use policy::effective::{EffectivePolicy, effective};
use policy::model::{Association, StockState};

use super::attempts::{AttemptState, AttemptSubject};
use crate::convert;
use crate::enrollment::{FlowRefusal, Knowledge, Query, RefusalCode};
use crate::replica::{OperatorRow, UserRow};

/// What a band said that it holds at this station.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BandClaim {
    serial: Serial,
    zone: Zone,
    user: UserHandle,
    association: AssociationId,
}

/// What is known of a band and of whoever it says holds it.
#[derive(Clone, Debug)]
pub struct HolderFacts {
    /// As for an enrollment of that user with this band.
    pub known: Knowledge,
    /// The operators that are this user.
    pub operators: Vec<OperatorRow>,
    /// The association that the band claims came with the band's proof: the key that the band made for it.
    pub proven: bool,
    /// How often a finger was not recognized on this band.
    pub attempts: AttemptState,
    /// The date that is believed, milliseconds since 1970: what a failure is dated by.
    pub believed_ms: u64,
}

/// Why nobody signs in by this band.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignInRefusal {
    /// It holds nothing that this station knows to be an operator's.
    BandNotOfOperator,
    /// Several operators are this user: which one it is only a name says.
    OperatorAmbiguous,
    /// It was reported lost.
    BandLost,
    /// It is not the band that its user works with now: ended, replaced, or over.
    AssociationNotActive,
    /// The station has no proof by the band of this association.
    AssociationUnproven,
    /// An enrollment on it is open and comes first.
    BandUnsettled,
    /// The band did not recognize the finger.
    FingerNotRecognized,
    /// Fingers were not recognized too often. The detail is the seconds to wait.
    TooManyAttempts,
    /// What stands in the way of an enrollment too.
    Shared(RefusalCode),
}

impl SignInRefusal {
    /// Those that only a sign-in has.
    pub const OWN: [Self; 8] = [
        Self::BandNotOfOperator,
        Self::OperatorAmbiguous,
        Self::BandLost,
        Self::AssociationNotActive,
        Self::AssociationUnproven,
        Self::BandUnsettled,
        Self::FingerNotRecognized,
        Self::TooManyAttempts,
    ];

    /// The stable name for programs and translations.
    pub fn code(self) -> &'static str {
        match self {
            Self::BandNotOfOperator => "band_not_of_operator",
            Self::OperatorAmbiguous => "operator_ambiguous",
            Self::BandLost => "band_reported_lost",
            Self::AssociationNotActive => "association_not_active",
            Self::AssociationUnproven => "association_unproven",
            Self::BandUnsettled => "band_unsettled",
            Self::FingerNotRecognized => "finger_not_recognized",
            Self::TooManyAttempts => "too_many_attempts",
            Self::Shared(code) => code.code(),
        }
    }
}

impl From<FlowRefusal> for SignInRefusal {
    fn from(refusal: FlowRefusal) -> Self {
        Self::Shared(RefusalCode::Flow(refusal))
    }
}

impl From<Reason> for SignInRefusal {
    fn from(reason: Reason) -> Self {
        Self::Shared(RefusalCode::Policy(reason))
    }
}

impl BandClaim {
    /// What the band with this serial says that it holds in `zone` for `organization`.
    pub fn of(organization: OrganizationId, zone: Zone, serial: &Serial, report: &Report) -> Option<Self> {
        let ours = report.organization == Some(organization);
        let mut held = report.associations.iter();
        let held = held.find(|held| ours && held.zone == zone)?;
        Some(Self {
            serial: serial.clone(),
            zone,
            user: held.user,
            association: held.association,
        })
    }

    /// Whose the band says it is.
    pub fn user(&self) -> UserHandle {
        self.user
    }

    /// Which association the band says it holds.
    pub fn association(&self) -> AssociationId {
        self.association
    }

    /// What must be looked up for [`operator`](Self::operator).
    pub fn query(&self, number: u64) -> Query {
        Query {
            number,
            user: Some(self.user),
            serial: self.serial.clone(),
            held: vec![self.association],
            ticket: None,
        }
    }

    /// Whose failures count.
    pub fn subject(&self) -> AttemptSubject {
        subject(&self.serial)
    }

    /// The operator whose band this is, if the band counts as things are known now. When several refusals apply, the
    /// first is returned; that a band is no operator's comes first, so that nothing is said of other people.
    pub fn operator(&self, facts: &HolderFacts) -> Result<OperatorRow, SignInRefusal> {
        let known = &facts.known;
        let (user, association) = self.rows(known).ok_or(SignInRefusal::BandNotOfOperator)?;
        let mut operators = facts.operators.iter().filter(|row| row.user == Some(self.user));
        let operator = operators.next().ok_or(SignInRefusal::BandNotOfOperator)?;
        if operators.next().is_some() {
            return Err(SignInRefusal::OperatorAmbiguous);
        }
        if let Some(Decision::Refuse { reason, .. }) = refuse_user(&user.user) {
            return Err(reason.into());
        }
        let policy = effective(&known.group, known.individual.as_ref());
        is_in_use(known, &policy)?;
        if known.quarantined.is_some() {
            return Err(FlowRefusal::BandQuarantined.into());
        }
        if association.is_suspended() && association.is_open() {
            return Err(Reason::UserSuspended.into());
        }
        if !association.is_active(convert::moment(known.time.latest_ms())) {
            return Err(SignInRefusal::AssociationNotActive);
        }
        if !facts.proven {
            return Err(SignInRefusal::AssociationUnproven);
        }
        let age_s = known.time.age_max_ms(known.made_at_ms) / 1000;
        match age_s > u64::from(policy.offline_max_age_s.value) {
            true => Err(Reason::ReplicaTooOld.into()),
            false => Ok(operator.clone()),
        }
    }

    /// User and association, if the station's rows say what the band says.
    fn rows<'a>(&self, known: &'a Knowledge) -> Option<(&'a UserRow, &'a Association)> {
        let user = known.user.as_ref().filter(|row| row.handle == self.user)?;
        let id = convert::association_id(self.association);
        let mut rows = known.associations.iter().map(|known| &known.association);
        let row = rows.find(|row| row.id == id)?;
        let same = row.user == user.user.id
            && row.band == convert::serial(&self.serial)
            && row.zone == convert::zone(self.zone);
        same.then_some((user, row))
    }
}

/// Whose failures count at the band with this serial.
fn subject(serial: &Serial) -> AttemptSubject {
    AttemptSubject::Band {
        serial: serial.as_str().to_owned(),
    }
}

/// Whether the plant lets the band be used as a thing.
fn is_in_use(known: &Knowledge, policy: &EffectivePolicy) -> Result<(), SignInRefusal> {
    match known.band.as_ref().map_or(StockState::Unknown, |band| band.stock) {
        StockState::Lost => Err(SignInRefusal::BandLost),
        StockState::Damaged | StockState::Retired => Err(Reason::BandWithdrawn.into()),
        StockState::Unknown if policy.stock_enforced.value => Err(Reason::BandNotInStock.into()),
        StockState::Unknown | StockState::InStock => Ok(()),
    }
}
