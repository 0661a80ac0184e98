//! Every way out: refusals, lost links, deadlines, the end.

use firmware_protocol::handshake::HandshakeRefusal;
use firmware_protocol::message::{Abort, Finish, Interruption, StationToBand};
use firmware_protocol::station::SessionEnd;
use firmware_protocol::time::Instant;

use super::Core;
use super::contact::Contact;
use super::event::{AppendFault, Event, Outcome, Screen};
use super::refusal::{FlowRefusal, Refusal};
use super::state::{AfterAbort, Asked, State, Then};
use crate::journal::{Decided, JournalRecord, Refused, UserDataDeleted};

impl Core {
    /// Ends the attempt with a reason: recorded first, then shown.
    pub(super) fn refuse(&mut self, contact: Option<Box<Contact>>, refusal: Refusal) -> State {
        self.refuse_with(contact, vec![], refusal)
    }

    /// The same after a decision, which is recorded too.
    pub(super) fn refuse_after(
        &mut self,
        contact: Option<Box<Contact>>,
        decided: Decided,
        refusal: Refusal,
    ) -> State {
        self.refuse_with(contact, vec![decided.into()], refusal)
    }

    fn refuse_with(
        &mut self,
        contact: Option<Box<Contact>>,
        mut records: Vec<JournalRecord>,
        refusal: Refusal,
    ) -> State {
        self.cancelled = false;
        if self.person.is_none() {
            let outcome = self.refused(&refusal);
            return self.finish(contact, outcome);
        }
        records.push(JournalRecord::Refused(Refused {
            flow: Some(self.start.flow),
            user: self.user(),
            serial: self.serial.clone(),
            code: refusal.code().code().to_owned(),
            detail: refusal.detail(),
        }));
        self.append(contact, records, vec![], Then::Refuse(refusal))
    }

    fn refused(&self, refusal: &Refusal) -> Outcome {
        Outcome::Refused {
            code: refusal.code(),
            left_open: self.open.is_some(),
        }
    }

    /// The refusal is recorded: show it and let the band go.
    pub(super) fn show_refusal(&mut self, contact: Option<Box<Contact>>, refusal: Refusal) -> State {
        let outcome = self.refused(&refusal);
        self.show(Screen::Refused(refusal));
        self.finish(contact, outcome)
    }

    /// Says goodbye to the band: forgets what is pending, then ends the session.
    pub(super) fn finish(&mut self, contact: Option<Box<Contact>>, outcome: Outcome) -> State {
        let Some(mut contact) = contact.filter(|contact| contact.live) else {
            return self.ended(outcome);
        };
        if let Some(association) = contact.pending.take() {
            self.request(StationToBand::Abort(Abort { association }));
            let then = AfterAbort::Finish(outcome);
            return State::Aborting {
                contact,
                then,
                until: self.answer_until(),
            };
        }
        self.request(StationToBand::Finish(Finish {
            association: contact.finish,
        }));
        State::Finishing {
            outcome,
            until: self.answer_until(),
        }
    }

    /// The end. What was noted on the way and not yet appended goes last; nobody waits for it.
    pub(super) fn ended(&mut self, outcome: Outcome) -> State {
        if !self.notes.is_empty() {
            self.append(None, vec![], vec![], Then::Emptied);
        }
        self.events.push_back(Event::Ended(outcome));
        State::Ended
    }

    /// The journal did not take it: nobody is told anything but that.
    pub(super) fn not_recorded(
        &mut self,
        contact: Option<Box<Contact>>,
        then: &Then,
        fault: AppendFault,
    ) -> State {
        if fault == AppendFault::TicketSpent && matches!(then, Then::Commit(_)) {
            return self.refuse(contact, Refusal::flow(FlowRefusal::TicketReused));
        }
        let contact = contact.map(|mut contact| {
            contact.finish = None;
            contact
        });
        self.show_refusal(contact, Refusal::flow(FlowRefusal::StationStorageFault))
    }

    /// The link is gone: wait for the band to come back.
    pub(super) fn lost(&mut self) -> State {
        self.show(Screen::BringBack);
        self.await_band(self.start.limits.band_wait)
    }

    /// The session is over, for whatever reason.
    pub(super) fn session_ended(&mut self, state: State, end: SessionEnd) -> State {
        self.requests.clear();
        match state {
            State::AwaitingBand { until, .. } => self.no_session(until, end),
            State::Dismissing { back_until, .. } => self.dismissed(back_until),
            State::AwaitingFacts {
                mut contact,
                number,
                asked,
                until,
            } => {
                contact.live = false;
                State::AwaitingFacts {
                    contact,
                    number,
                    asked,
                    until,
                }
            }
            State::Recording {
                mut contact,
                number,
                then,
                until,
            } => {
                contact.iter_mut().for_each(|contact| contact.live = false);
                State::Recording {
                    contact,
                    number,
                    then,
                    until,
                }
            }
            State::Finishing { outcome, .. } => self.ended(outcome),
            State::Aborting { contact, then, .. } => self.gone_while_aborting(contact, then),
            State::Deleting { .. } | State::AskingDeletion { .. } => {
                self.show(Screen::BringBack);
                self.await_band(self.start.limits.deletion_wait)
            }
            State::Capturing { plan, capture, .. } => {
                // What is staged and confirmed need not be touched again.
                let confirmed = !capture.code_open;
                self.staged = capture.staged.filter(|_| confirmed).map(|staged| (plan, staged));
                self.lost()
            }
            State::Ended => State::Ended,
            _ => self.lost(),
        }
    }

    fn gone_while_aborting(&mut self, mut contact: Box<Contact>, then: AfterAbort) -> State {
        contact.live = false;
        match then {
            AfterAbort::Finish(outcome) => self.ended(outcome),
            AfterAbort::RollBack(intent, cause) => self.roll_back(contact, &intent, cause),
        }
    }

    /// A session ended before it began: the band or somebody else did not pass the handshake.
    fn no_session(&mut self, until: Instant, end: SessionEnd) -> State {
        match end {
            // Somebody broke off too many handshakes: the band pauses. To ask it all the time would cost both
            // ends power and earn nothing.
            SessionEnd::Refused(HandshakeRefusal::TryLater) => {
                let again_at = Some(self.after(self.start.limits.pause_wait));
                State::AwaitingBand { until, again_at }
            }
            SessionEnd::Refused(refusal) => self.refuse(None, Refusal::flow(refusal.into())),
            SessionEnd::Misbehaved(_) => self.refuse(None, Refusal::flow(FlowRefusal::BandNotGenuine)),
            _ => self.try_again(until),
        }
    }

    fn try_again(&mut self, until: Instant) -> State {
        self.events.push_back(Event::Connect);
        State::AwaitingBand {
            until,
            again_at: None,
        }
    }

    /// Somebody else waits for the station. What is only a goodbye is left out, and what is nobody's is left as
    /// it is: the next contact with the band begins with what is open, as after a lost link.
    pub(super) fn make_way(&mut self, state: State) -> State {
        let outcome = match state {
            State::Finishing { outcome, .. }
            | State::Aborting {
                then: AfterAbort::Finish(outcome),
                ..
            } => outcome,
            State::Ended => return State::Ended,
            _ if self.person.is_none() => self.refused(&Refusal::flow(FlowRefusal::Cancelled)),
            state => return state,
        };
        self.requests.clear();
        self.events.push_back(Event::Hangup);
        self.ended(outcome)
    }

    /// The band lost its user data. Asked for or not, it is written down.
    pub(super) fn deleted(&mut self, state: State, epoch: u32) -> State {
        let asked = matches!(state, State::Deleting { .. });
        let here = !matches!(state, State::AwaitingBand { .. } | State::Dismissing { .. });
        let Some(serial) = self.serial.clone().filter(|_| here) else {
            return state;
        };
        let record = UserDataDeleted {
            flow: self.start.flow,
            serial,
            epoch,
            asked,
        };
        match state {
            State::Deleting { contact, .. } | State::Capturing { contact, .. } => {
                self.append(Some(contact), vec![record.into()], vec![], Then::Emptied)
            }
            state => {
                // A band says this once; one that goes on saying it fills no memory.
                if self.notes.is_empty() {
                    self.notes.push(record.into());
                }
                state
            }
        }
    }

    /// The wearer was asked to delete and did not, or only took the band off to do so.
    pub(super) fn deletion_interrupted(
        &mut self,
        contact: Box<Contact>,
        cause: Interruption,
        until: Instant,
    ) -> State {
        match cause {
            Interruption::TimedOut => {
                self.refuse(Some(contact), Refusal::flow(FlowRefusal::UserDataNotDeleted))
            }
            _ => State::Deleting { contact, until },
        }
    }

    /// Obeys a cancel where no answer is awaited and nothing is promised.
    pub(super) fn obey_cancel(&mut self, state: State) -> State {
        if !self.cancelled {
            return state;
        }
        let refusal = Refusal::flow(FlowRefusal::Cancelled);
        match state {
            State::AwaitingBand { .. } if self.open.is_none() => self.refuse(None, refusal),
            State::AwaitingFacts {
                contact,
                asked: Asked::FirstContact,
                ..
            } if self.open.is_none() => self.refuse(Some(contact), refusal),
            State::AwaitingFacts {
                contact,
                asked: Asked::BeforeCommit { .. },
                ..
            }
            | State::AwaitingWorn {
                contact,
                asked: false,
                ..
            }
            | State::Capturing { contact, .. }
            | State::Deleting { contact, .. } => self.refuse(Some(contact), refusal),
            state => state,
        }
    }

    /// A deadline has passed.
    pub(super) fn time_out(&mut self, state: State) -> State {
        let flow = Refusal::flow;
        match state {
            State::AwaitingBand {
                until,
                again_at: Some(_),
            } if self.now < until => self.try_again(until),
            State::AwaitingBand { .. } => self.refuse(None, flow(FlowRefusal::LinkLost)),
            State::Dismissing { back_until, .. } => {
                self.events.push_back(Event::Hangup);
                self.dismissed(back_until)
            }
            State::AwaitingFacts { contact, .. } => self.shell_failed(Some(contact)),
            State::Recording { contact, .. } => self.shell_failed(contact),
            State::AwaitingWorn {
                contact,
                plan,
                asked: false,
                until,
                ..
            } if self.now < until => self.poll_worn(contact, plan, until),
            State::AwaitingWorn {
                contact,
                asked: false,
                ..
            } => self.refuse(Some(contact), flow(FlowRefusal::NotWorn)),
            State::Capturing { contact, capture, .. } => {
                let code = match capture.staged {
                    Some(_) => FlowRefusal::CodeNotConfirmed,
                    None => FlowRefusal::WearerTimedOut,
                };
                self.refuse(Some(contact), flow(code))
            }
            State::Deleting { contact, .. } => {
                self.refuse(Some(contact), flow(FlowRefusal::UserDataNotDeleted))
            }
            State::Finishing { outcome, .. } => {
                self.events.push_back(Event::Hangup);
                self.ended(outcome)
            }
            State::Ended => State::Ended,
            answering => {
                self.events.push_back(Event::Hangup);
                self.session_ended(answering, SessionEnd::TimedOut(0))
            }
        }
    }

    /// The shell did not answer in time: nothing can be promised.
    fn shell_failed(&mut self, contact: Option<Box<Contact>>) -> State {
        let contact = contact.map(|mut contact| {
            contact.finish = None;
            contact
        });
        self.show_refusal(contact, Refusal::flow(FlowRefusal::StationStorageFault))
    }
}
