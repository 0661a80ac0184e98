//! Commit, receipt, done.

use firmware_protocol::certificate::Signed;
use firmware_protocol::id::Serial;
use firmware_protocol::message::{BandRefusal, Commit, Refused, StationToBand};
use firmware_protocol::receipt::Receipt;
use policy::model::Association;

use super::Core;
use super::contact::Contact;
use super::event::{Knowledge, Outcome, Screen};
use super::question::Asker;
use super::refusal::{FlowRefusal, Refusal, of_band};
use super::state::{Asked, State, Then};
use crate::journal::{Committed, Decided, Intent, JournalRecord, Moment, Quarantined, RollbackCause};
use crate::replica::{Change, Quarantine, changes_on_commit};

impl Core {
    /// The intent is durable: commit, unless somebody cancelled or the band is gone.
    pub(super) fn commit(&mut self, mut contact: Box<Contact>, intent: Intent) -> State {
        self.open = Some(intent.association);
        contact.pending = None;
        if self.cancelled {
            return self.abort(contact, intent, RollbackCause::Cancelled);
        }
        if !contact.live {
            return self.lost();
        }
        let Intent {
            association, epoch, ..
        } = intent;
        self.request(StationToBand::Commit(Commit { association, epoch }));
        State::Committing {
            contact,
            intent,
            until: self.answer_until(),
        }
    }

    /// The band says it committed, and gives its proof.
    pub(super) fn committed(&mut self, contact: Box<Contact>, intent: &Intent, signed: Signed) -> State {
        let receipt = contact.receipt_of_intent(self.start.organization, &signed, intent);
        self.proven(contact, receipt, signed, false)
    }

    /// The band gave a proof again, for an intent or for what another session left.
    pub(super) fn recalled(
        &mut self,
        contact: Box<Contact>,
        intent: Option<&Intent>,
        signed: Signed,
    ) -> State {
        let organization = self.start.organization;
        let receipt = match intent {
            Some(intent) => contact.receipt_of_intent(organization, &signed, intent),
            None => contact
                .held(organization, self.start.zone)
                .and_then(|held| contact.receipt_of_held(organization, &signed, held)),
        };
        self.proven(contact, receipt, signed, true)
    }

    fn proven(
        &mut self,
        contact: Box<Contact>,
        receipt: Option<Receipt>,
        signed: Signed,
        recovered: bool,
    ) -> State {
        match receipt {
            None => self.refuse(Some(contact), Refusal::flow(FlowRefusal::ReceiptInvalid)),
            Some(receipt) => {
                let receipt = Box::new(receipt);
                self.ask(
                    contact,
                    Asked::Receipt {
                        receipt,
                        signed,
                        recovered,
                    },
                )
            }
        }
    }

    /// The band did not commit.
    pub(super) fn not_committed(&mut self, contact: Box<Contact>, refused: &Refused) -> State {
        match refused.reason {
            // Gone, or not writable just now: its report says where we stand.
            BandRefusal::NotThere | BandRefusal::StorageFault => self.refresh(contact),
            reason => self.refuse(Some(contact), of_band(reason, refused.detail)),
        }
    }

    /// The proof is good and everything it touches is known: write it down.
    pub(super) fn record_receipt(
        &mut self,
        mut contact: Box<Contact>,
        receipt: Box<Receipt>,
        signed: Signed,
        recovered: bool,
        known: &Knowledge,
    ) -> State {
        let intended = known
            .open_intents
            .iter()
            .any(|intent| intent.association == receipt.association);
        let judged = match intended {
            true => None,
            false => match self.judge(&contact, &receipt, known) {
                (decided, None) => decided,
                (decided, Some(why)) => {
                    return self.quarantine(contact, &receipt, signed, decided, &why, known);
                }
            },
        };
        contact.finish = Some(receipt.association);
        let record = Committed {
            flow: self.start.flow,
            receipt: signed,
            band_key: contact.certificate.signing_key,
            recovered,
            seos: contact.certificate.seos,
            band_certificate: Some(contact.signed_certificate.clone()),
        };
        let mut changes = changes_of(&receipt, record.seos, known);
        changes.extend(known.quarantined.map(|_| Change::EndQuarantine {
            serial: contact.serial().clone(),
        }));
        let records = judged.map(JournalRecord::from).into_iter().chain([record.into()]);
        let serves_person = self.user() == Some(receipt.user) && self.is_of_this_visit(&receipt, known);
        let then = match serves_person {
            true => Then::Done { receipt, recovered },
            false => Then::Settled(Screen::Settled {
                association: receipt.association,
                rolled_back: None,
            }),
        };
        self.append(Some(contact), records.collect(), changes, then)
    }

    /// A receipt of which this journal has no intent: another station made it, or an intent was given up, or the
    /// band makes it up. It counts if the policy would have allowed it, asked about a band that holds nothing: the
    /// decision, and why it does not count if it does not.
    fn judge(
        &self,
        contact: &Contact,
        receipt: &Receipt,
        known: &Knowledge,
    ) -> (Option<Decided>, Option<Refusal>) {
        let mut before = contact.clone();
        before
            .report
            .associations
            .retain(|held| held.zone != receipt.zone);
        let Some(user) = &known.user else {
            return (None, Some(Refusal::flow(FlowRefusal::UserUnknown)));
        };
        let asker = Asker {
            flow: self.start.flow,
            organization: self.start.organization,
            zone: receipt.zone,
            moment: Moment::Recalled,
        };
        let Some(answer) = asker.ask(user, &before, known) else {
            return (None, Some(Refusal::flow(FlowRefusal::FactsContradict)));
        };
        let allowed = answer.output.decision.is_allowed();
        let why = (!allowed).then(|| Refusal::Policy(Box::new(answer.output)));
        (Some(answer.record), why)
    }

    /// The proof is kept, changes no row, and whoever stands there is told. The band may not consider it finished.
    fn quarantine(
        &mut self,
        mut contact: Box<Contact>,
        receipt: &Receipt,
        signed: Signed,
        decided: Option<Decided>,
        why: &Refusal,
        known: &Knowledge,
    ) -> State {
        contact.finish = None;
        let refusal = Refusal::flow(FlowRefusal::BandQuarantined);
        if known.quarantined == Some(receipt.association) {
            return self.refuse(Some(contact), refusal);
        }
        let (serial, code) = (contact.serial().clone(), why.code().code().to_owned());
        let quarantined = Quarantined {
            flow: self.start.flow,
            serial: serial.clone(),
            receipt: signed,
            band_key: contact.certificate.signing_key,
            code: code.clone(),
        };
        let change = Change::Quarantine(Quarantine {
            serial,
            association: receipt.association,
            code,
        });
        let records = decided
            .map(JournalRecord::from)
            .into_iter()
            .chain([quarantined.into()]);
        self.append(
            Some(contact),
            records.collect(),
            vec![change],
            Then::Refuse(refusal),
        )
    }

    /// The association was made in this visit: its intent is open and young. Another one of the same
    /// person is only settled, for they came for something new.
    fn is_of_this_visit(&self, receipt: &Receipt, known: &Knowledge) -> bool {
        let intent = known
            .open_intents
            .iter()
            .find(|intent| intent.association == receipt.association);
        intent.is_some_and(|intent| intent.flow == self.start.flow || self.is_young(intent, known))
    }

    /// The proof is durable: only now is anybody told.
    pub(super) fn done(
        &mut self,
        contact: Option<Box<Contact>>,
        receipt: Box<Receipt>,
        recovered: bool,
    ) -> State {
        self.open = None;
        let association = receipt.association;
        self.show(Screen::Done { receipt, recovered });
        self.finish(contact, Outcome::Enrolled { association })
    }
}

fn changes_of(receipt: &Receipt, seos: bool, known: &Knowledge) -> Vec<Change> {
    let Some(user) = &known.user else {
        // The proof is kept in the journal; without a user there is no row to write.
        return vec![Change::CloseIntent {
            association: receipt.association,
        }];
    };
    let associations: Vec<Association> = known.associations.iter().map(|k| k.association.clone()).collect();
    let of_band = |serial: &Serial| {
        known
            .band
            .as_ref()
            .filter(|band| band.serial.as_str() == serial.as_str())
    };
    changes_on_commit(
        receipt,
        &user.user.id,
        seos,
        of_band(&receipt.serial),
        &associations,
    )
}
