//! Open intents meet their band again.

use firmware_protocol::message::{Abort, Recall, StationToBand};

use super::Core;
use super::contact::Contact;
use super::event::{Knowledge, Screen};
use super::state::{AfterAbort, Asked, State, Then};
use crate::journal::{Intent, Moment, RollbackCause, RolledBack};
use crate::replica::changes_on_rollback;

impl Core {
    /// The band is here again: what became of the intent?
    pub(super) fn settle_intent(
        &mut self,
        contact: Box<Contact>,
        intent: Intent,
        known: &Knowledge,
    ) -> State {
        self.open = Some(intent.association);
        let organization = self.start.organization;
        let held = contact.held(organization, intent.zone);
        if held.is_some_and(|held| held.association == intent.association) {
            self.request(StationToBand::Recall(Recall { zone: intent.zone }));
            return State::Recalling {
                contact,
                intent: Some(intent),
                until: self.answer_until(),
            };
        }
        if contact.waits_for(organization, &intent) {
            return match self.too_late_for(&intent, known) {
                Some(cause) => self.abort(contact, intent, cause),
                None => self.ask(contact, Asked::Resume(intent)),
            };
        }
        let cause = match contact.report.epoch < intent.epoch {
            true => RollbackCause::NothingMade,
            false => RollbackCause::BandMovedOn,
        };
        self.roll_back(contact, &intent, cause)
    }

    /// Why a staged intent must not be committed any more, whatever the policy says.
    fn too_late_for(&self, intent: &Intent, known: &Knowledge) -> Option<RollbackCause> {
        if self.cancelled {
            return Some(RollbackCause::Cancelled);
        }
        if self.user().is_some_and(|user| user != intent.user) {
            return Some(RollbackCause::OtherPerson);
        }
        (!self.is_young(intent, known)).then_some(RollbackCause::Stale)
    }

    /// The intent is of this visit, as far as the time can be trusted.
    pub(super) fn is_young(&self, intent: &Intent, known: &Knowledge) -> bool {
        let age_max_ms = self.start.limits.resume_age_max.as_millis() as u64;
        // An intent of the future was written while the clock was wrong: nobody knows its age.
        let age_ms = known.time.earliest_ms().checked_sub(intent.time_ms);
        known.time.is_trusted() && age_ms.is_some_and(|age_ms| age_ms <= age_max_ms)
    }

    /// The policy is asked again about a staged intent.
    pub(super) fn resumed(&mut self, contact: Box<Contact>, intent: Intent, known: &Knowledge) -> State {
        if !contact.live {
            return self.lost();
        }
        let Ok((_, answer)) = self.decide(&contact, known, Moment::Resumed) else {
            return self.abort(contact, intent, RollbackCause::Policy);
        };
        let then = match answer.output.decision.is_allowed() {
            true => Then::Commit(intent),
            false => Then::Abort(intent, RollbackCause::Policy),
        };
        self.append(Some(contact), vec![answer.record.into()], vec![], then)
    }

    /// Asks the band to forget a staged intent; it was not sent a commit in this session.
    pub(super) fn abort(&mut self, contact: Box<Contact>, intent: Intent, cause: RollbackCause) -> State {
        if !contact.live {
            return self.roll_back(contact, &intent, cause);
        }
        self.request(StationToBand::Abort(Abort {
            association: intent.association,
        }));
        let then = AfterAbort::RollBack(intent, cause);
        State::Aborting {
            contact,
            then,
            until: self.answer_until(),
        }
    }

    /// Records that an intent came to nothing.
    pub(super) fn roll_back(
        &mut self,
        mut contact: Box<Contact>,
        intent: &Intent,
        cause: RollbackCause,
    ) -> State {
        contact.report.staged = None;
        let surely_nothing = cause != RollbackCause::BandMovedOn;
        let ticket = intent.ticket.filter(|_| surely_nothing);
        let record = RolledBack {
            flow: self.start.flow,
            association: intent.association,
            serial: intent.serial.clone(),
            cause,
            ticket,
        };
        let changes = changes_on_rollback(intent, ticket);
        let screen = Screen::Settled {
            association: intent.association,
            rolled_back: Some(cause),
        };
        self.append(Some(contact), vec![record.into()], changes, Then::Settled(screen))
    }
}
