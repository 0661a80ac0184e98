//! From what is known and what the band says to the question the policy answers.

use firmware_protocol::id::{OrganizationId, UserHandle, Zone};
use firmware_protocol::message::{Held, Report};
use policy::decision::Decision;
use policy::effective::{EffectivePolicy, effective};
use policy::facts::{BandReport, Clock, Holds};
use policy::facts_json::{DecideInput, DecideOutput, GivenAssociation, GivenPolicy, GivenUser};
use policy::model::{Band, GroupPolicy, IndividualPolicy, StockState};

use super::contact::Contact;
use super::event::{Knowledge, KnownAssociation};
use crate::convert;
use crate::journal::{Decided, FlowId, Moment};
use crate::replica::UserRow;

/// A decision with everything the journal says of it.
pub(super) struct Answer {
    pub(super) output: DecideOutput,
    pub(super) record: Decided,
    pub(super) policy: EffectivePolicy,
}

/// The station's end of a question: who asks, when, and for which organization and zone.
pub(super) struct Asker {
    pub(super) flow: FlowId,
    pub(super) organization: OrganizationId,
    pub(super) zone: Zone,
    pub(super) moment: Moment,
}

impl Asker {
    /// Asks the policy. `None` if the facts contradict each other: then there is no answer.
    pub(super) fn ask(&self, user: &UserRow, contact: &Contact, known: &Knowledge) -> Option<Answer> {
        let input = self.input(user, contact, known);
        let output = input.answer().ok()?;
        let record = Decided {
            flow: self.flow,
            moment: self.moment,
            user: user.handle,
            serial: contact.serial().clone(),
            revision: known.revision,
            time_ms: known.time.latest_ms(),
            time_trusted: known.time.is_trusted(),
            outcome: outcome(&output.decision).to_owned(),
            decided_by: output.decision.decided_by().to_string(),
            mismatch: output.mismatch.map(|mismatch| mismatch.code().to_owned()),
            facts: serde_json::to_vec(&input).expect("the question has a form in JSON"),
        };
        let policy = effective(&known.group, known.individual.as_ref());
        Some(Answer {
            output,
            record,
            policy,
        })
    }

    /// The question, without names and notes: it goes into the journal.
    fn input(&self, user: &UserRow, contact: &Contact, known: &Knowledge) -> DecideInput {
        let age_s = known.time.age_max_ms(known.made_at_ms) / 1000;
        let from_future = known.made_at_ms > known.time.latest_ms();
        let trusted = known.time.is_trusted() && !from_future;
        DecideInput {
            id: None,
            zone: convert::zone(self.zone),
            now: convert::moment(known.time.latest_ms()),
            replica_age_s: u32::try_from(age_s).unwrap_or(u32::MAX),
            clock: if trusted {
                Clock::Trusted
            } else {
                Clock::RanBackward
            },
            user: GivenUser {
                id: user.user.id.clone(),
                status: user.user.status,
                suspended: user.user.is_suspended(),
            },
            band: band(contact, known),
            report: Some(self.report(user.handle, &contact.report, contact.certificate.seos)),
            associations: known
                .associations
                .iter()
                .filter(|k| k.association.is_open())
                .map(given)
                .collect(),
            policy: GivenPolicy {
                group: Some(GroupPolicy {
                    note: String::new(),
                    ..known.group.clone()
                }),
                individual: known.individual.clone().map(without_note),
            },
        }
    }

    fn report(&self, user: UserHandle, report: &Report, seos: bool) -> BandReport {
        let says = |zone| self.holds(user, report, zone);
        BandReport {
            enrollment: says(Zone::Enrollment),
            registration: says(Zone::Registration),
            seos,
        }
    }

    fn holds(&self, user: UserHandle, report: &Report, zone: Zone) -> Holds {
        let ours = report.organization == Some(self.organization);
        match report.associations.iter().find(|held| held.zone == zone) {
            None => Holds::Nobody,
            Some(Held { user: holder, .. }) if ours && *holder == user => Holds::ThisUser,
            Some(_) => Holds::AnotherUser,
        }
    }
}

/// The band as the station knows it; one that is not in its rows is unknown to the stock list.
fn band(contact: &Contact, known: &Knowledge) -> Band {
    known.band.clone().unwrap_or_else(|| Band {
        seos: contact.certificate.seos,
        stock: StockState::Unknown,
        ..Band::new(convert::serial(contact.serial()))
    })
}

fn given(known: &KnownAssociation) -> GivenAssociation {
    let a = &known.association;
    GivenAssociation {
        id: Some(a.id),
        user: a.user.clone(),
        band: a.band,
        zone: a.zone,
        active: a.active,
        primary: a.primary,
        expires_at: a.expires_at,
        suspended: a.is_suspended(),
        user_suspended: known.user_suspended,
        seos: known.band_seos,
    }
}

fn without_note(policy: IndividualPolicy) -> IndividualPolicy {
    IndividualPolicy {
        note: String::new(),
        ..policy
    }
}

fn outcome(decision: &Decision) -> &'static str {
    decision.reason().map_or("allow", |reason| reason.code())
}

/// Makes a recorded decision again from its recorded facts. `Some(true)` if the answer is the same,
/// `None` if the record's facts cannot be read.
pub fn replay(record: &Decided) -> Option<bool> {
    let input: DecideInput = serde_json::from_slice(&record.facts).ok()?;
    let output = input.answer().ok()?;
    let same_time = input.now == convert::moment(record.time_ms);
    let same_band = input.band.serial == convert::serial(&record.serial);
    Some(same_time && same_band && outcome(&output.decision) == record.outcome)
}
