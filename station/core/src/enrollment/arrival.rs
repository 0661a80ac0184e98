//! A band comes: is it the right one, what is open, and what does the policy say?

use firmware_protocol::message::{Finish, Recall, StationToBand};
use firmware_protocol::station::Established;
use firmware_protocol::time::Instant;
use policy::decide::refuse_user;
use policy::mismatch::Repair;

use super::Core;
use super::contact::Contact;
use super::event::{Event, Knowledge, Limits, Outcome, Screen};
use super::plan::{Plan, is_charged};
use super::question::{Answer, Asker};
use super::refusal::{FlowRefusal, Refusal};
use super::state::{Asked, State, Then};
use crate::journal::Moment;
use crate::replica::{TicketState, UserRow};

impl Core {
    /// Somebody was identified. Whoever gets no band, whatever the band, need not look for one.
    pub(super) fn greet(&mut self, user: Option<&UserRow>) -> State {
        let Some(row) = user else {
            return self.refuse(None, Refusal::flow(FlowRefusal::UserUnknown));
        };
        match refuse_user(&row.user) {
            Some(decision) => self.refuse(None, Refusal::policy(decision)),
            None => self.await_band(self.start.limits.band_wait),
        }
    }

    pub(super) fn arrived(&mut self, established: Established, back_until: Instant) -> State {
        let contact = Box::new(Contact::new(established));
        if let Some(expected) = self.serial.clone().filter(|serial| serial != contact.serial()) {
            self.show(Screen::OtherBand {
                expected,
                found: contact.serial().clone(),
            });
            self.request(StationToBand::Finish(Finish { association: None }));
            return State::Dismissing {
                until: self.answer_until(),
                back_until,
            };
        }
        self.serial = Some(contact.serial().clone());
        if self.contacts == 0 {
            self.show(Screen::BandFound {
                serial: contact.serial().clone(),
                model: contact.certificate.model.clone(),
                seos: contact.certificate.seos,
                battery_percent: contact.report.battery_percent.min(100),
            });
        }
        self.look_at(contact)
    }

    /// Begins with what the band reports now; too many beginnings end the attempt.
    pub(super) fn look_at(&mut self, contact: Box<Contact>) -> State {
        self.contacts += 1;
        if self.contacts > self.start.limits.contacts_max {
            return self.refuse(Some(contact), Refusal::flow(FlowRefusal::TooManyContacts));
        }
        self.ask(contact, Asked::FirstContact)
    }

    /// Another band than expected is gone, or does not go.
    pub(super) fn dismissed(&mut self, back_until: Instant) -> State {
        self.events.push_back(Event::Connect);
        State::AwaitingBand {
            until: back_until,
            again_at: None,
        }
    }

    /// Everything that is known lies on the table: settle what is old, then serve the person.
    pub(super) fn first_contact(&mut self, mut contact: Box<Contact>, known: Knowledge) -> State {
        if !contact.live {
            return self.lost();
        }
        let mine = |intent: &&crate::journal::Intent| {
            intent.serial == *contact.serial() && intent.zone == self.start.zone
        };
        if let Some(intent) = known.open_intents.iter().find(mine).cloned() {
            return self.settle_intent(contact, intent, &known);
        }
        contact.is_known = !known.held_known.is_empty();
        let held = contact
            .held(self.start.organization, self.start.zone)
            .filter(|held| !held.finished);
        if let Some(held) = held {
            let recalled = contact.finish == Some(held.association);
            if !recalled && !known.held_known.contains(&held.association) {
                self.request(StationToBand::Recall(Recall { zone: held.zone }));
                return State::Recalling {
                    contact,
                    intent: None,
                    until: self.answer_until(),
                };
            }
            contact.finish = Some(held.association);
        }
        self.serve(contact, known)
    }

    /// Nothing is open any more.
    fn serve(&mut self, mut contact: Box<Contact>, known: Knowledge) -> State {
        if self.person.is_none() {
            return self.finish(Some(contact), Outcome::Settled);
        }
        if let Some((plan, staged)) = self.staged.take()
            && contact.report.staged.as_ref() == Some(&staged)
        {
            contact.pending = Some(plan.association);
            return self.before_commit(contact, plan, staged, &known);
        }
        let (user, answer) = match self.decide(&contact, &known, Moment::FirstContact) {
            Ok(decided) => decided,
            Err(refusal) => return self.refuse(Some(contact), refusal),
        };
        self.decided(contact, &known, &user, answer)
    }

    /// What is erased cannot be given back: before anybody is asked to, the band must be fit to go on, and
    /// the policy must still say yes when everything after the deletion has taken its longest time.
    fn may_erase(&self, contact: &Contact, known: &Knowledge, answer: &Answer) -> Result<(), Refusal> {
        is_charged(contact, answer)?;
        let Limits {
            deletion_wait,
            worn_wait,
            capture_wait,
            code_wait,
            ..
        } = self.start.limits;
        let later = Knowledge {
            time: known
                .time
                .later(deletion_wait + worn_wait + capture_wait + code_wait),
            ..known.clone()
        };
        let (_, later) = self.decide(contact, &later, Moment::FirstContact)?;
        match later.output.decision.is_allowed() {
            true => Ok(()),
            false => Err(Refusal::Policy(Box::new(later.output))),
        }
    }

    /// Asks the policy, or says why it cannot be asked.
    pub(super) fn decide(
        &self,
        contact: &Contact,
        known: &Knowledge,
        moment: Moment,
    ) -> Result<(UserRow, Answer), Refusal> {
        let user = known
            .user
            .clone()
            .ok_or(Refusal::flow(FlowRefusal::UserUnknown))?;
        if known.ticket != TicketState::Unspent && moment != Moment::Resumed && self.ticket_matters() {
            return Err(Refusal::flow(FlowRefusal::TicketReused));
        }
        let asker = Asker {
            flow: self.start.flow,
            organization: self.start.organization,
            zone: self.start.zone,
            moment,
        };
        let answer = asker
            .ask(&user, contact, known)
            .ok_or(Refusal::flow(FlowRefusal::FactsContradict))?;
        Ok((user, answer))
    }

    fn ticket_matters(&self) -> bool {
        self.person
            .as_ref()
            .is_some_and(|person| person.ticket().is_some())
    }

    /// The policy has spoken at first contact; nothing was asked of the person yet.
    fn decided(&mut self, contact: Box<Contact>, known: &Knowledge, user: &UserRow, answer: Answer) -> State {
        let policy::decision::Decision::Allow { effects, .. } = answer.output.decision.clone() else {
            return self.refuse_after(
                Some(contact),
                answer.record,
                Refusal::Policy(Box::new(answer.output)),
            );
        };
        let mismatch = answer.output.mismatch;
        let screen = Screen::Allowed { effects, mismatch };
        if answer.output.repair == Some(Repair::DeleteUserData) {
            if let Err(refusal) = self.may_erase(&contact, known, &answer) {
                return self.refuse_after(Some(contact), answer.record, refusal);
            }
            let then = Then::AskDeletion { screen, mismatch };
            return self.append(Some(contact), vec![answer.record.into()], vec![], then);
        }
        match Plan::new(self.start.zone, user, &contact, known, &answer) {
            Ok(plan) => {
                let then = Then::Arm { plan, screen };
                self.append(Some(contact), vec![answer.record.into()], vec![], then)
            }
            Err(refusal) => self.refuse_after(Some(contact), answer.record, refusal),
        }
    }
}
