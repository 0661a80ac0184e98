//! One match from what happened to what is done.

use firmware_protocol::message::{BandRefusal, BandToStation, DeleteUserData, StationToBand};
use firmware_protocol::station::SessionEvent;

use super::Core;
use super::contact::Contact;
use super::event::{Event, Input, Knowledge, Outcome, Person, Screen};
use super::refusal::{FlowRefusal, Refusal, of_band};
use super::state::{AfterAbort, Asked, State, Then};

impl Core {
    pub(super) fn dispatch(&mut self, state: State, input: Input) -> State {
        match (state, input) {
            (State::Ended, _) => State::Ended,
            (State::AwaitingBand { until, .. }, Input::Session(SessionEvent::Established(established))) => {
                self.arrived(*established, until)
            }
            (state, Input::Session(SessionEvent::Message(message))) => self.message(state, message),
            (state, Input::Session(SessionEvent::Ended(end))) => self.session_ended(state, end),
            (
                State::AwaitingFacts {
                    contact,
                    number,
                    asked,
                    ..
                },
                Input::Facts(answered, known),
            ) if number == answered => self.facts(contact, asked, *known),
            (
                State::Recording {
                    contact,
                    number,
                    then,
                    ..
                },
                Input::Appended(appended),
            ) if number == appended => self.appended(contact, then),
            (
                State::Recording {
                    contact,
                    number,
                    then,
                    ..
                },
                Input::AppendFailed(failed, fault),
            ) if number == failed => self.not_recorded(contact, &then, fault),
            (state, Input::Person(person)) => self.person(state, person),
            // Late answers of the shell, and a session nobody asked for.
            (state, _) => state,
        }
    }

    fn facts(&mut self, contact: Box<Contact>, asked: Asked, known: Knowledge) -> State {
        match asked {
            Asked::FirstContact => self.first_contact(contact, known),
            Asked::BeforeCommit { plan, staged } => self.before_commit(contact, plan, staged, &known),
            Asked::Resume(intent) => self.resumed(contact, intent, &known),
            Asked::Receipt {
                receipt,
                signed,
                recovered,
            } => self.record_receipt(contact, receipt, signed, recovered, &known),
        }
    }

    fn appended(&mut self, contact: Option<Box<Contact>>, then: Then) -> State {
        match (then, contact) {
            (Then::Refuse(refusal), contact) => self.show_refusal(contact, refusal),
            (Then::Done { receipt, recovered }, contact) => self.done(contact, receipt, recovered),
            (Then::Settled(screen), contact) => self.settled(contact, screen),
            (Then::Commit(intent), Some(contact)) => self.commit(contact, intent),
            (Then::Abort(intent, cause), Some(contact)) => self.abort(contact, intent, cause),
            (_, contact) if self.cancelled => self.refuse(contact, Refusal::flow(FlowRefusal::Cancelled)),
            (Then::Arm { plan, screen }, Some(contact)) if contact.live => {
                self.show(screen);
                self.prepare(contact, plan)
            }
            (Then::AskDeletion { screen, mismatch }, Some(contact)) if contact.live => {
                self.show(screen);
                self.request(StationToBand::DeleteUserData(DeleteUserData {}));
                State::AskingDeletion {
                    contact,
                    mismatch,
                    until: self.answer_until(),
                }
            }
            (Then::Emptied, contact) => self.emptied(contact),
            (Then::Arm { .. } | Then::AskDeletion { .. } | Then::Commit(_) | Then::Abort(..), _) => {
                self.lost()
            }
        }
    }

    /// Something old is settled: go on with the person, if there is one.
    fn settled(&mut self, contact: Option<Box<Contact>>, screen: Screen) -> State {
        self.open = None;
        self.show(screen);
        match contact.filter(|contact| contact.live) {
            None if self.cancelled => self.refuse(None, Refusal::flow(FlowRefusal::Cancelled)),
            None if self.person.is_none() => self.ended(Outcome::Settled),
            None => self.lost(),
            Some(contact) => self.ask(contact, Asked::FirstContact),
        }
    }

    fn emptied(&mut self, contact: Option<Box<Contact>>) -> State {
        self.show(Screen::UserDataDeleted);
        match contact.filter(|contact| contact.live) {
            Some(mut contact) => {
                contact.pending = None;
                contact.finish = None;
                self.refresh(contact)
            }
            None => {
                self.show(Screen::BringBack);
                self.await_band(self.start.limits.deletion_wait)
            }
        }
    }

    fn person(&mut self, state: State, person: Person) -> State {
        match (person, state) {
            (Person::Cancel, state) => {
                self.cancelled = true;
                state
            }
            (Person::CodeDeclined, State::Capturing { contact, capture, .. }) if capture.code_open => {
                self.refuse(Some(contact), Refusal::flow(FlowRefusal::CodeMismatch))
            }
            (
                Person::CodeConfirmed,
                State::Capturing {
                    contact,
                    plan,
                    capture,
                    ..
                },
            ) if capture.code_open => self.code_compared(contact, plan, capture),
            (_, state) => state,
        }
    }

    fn message(&mut self, state: State, message: BandToStation) -> State {
        use BandToStation as From;
        match (state, message) {
            (state, From::Deleted(deleted)) => self.deleted(state, deleted.epoch),
            (State::Refreshing { mut contact, .. }, From::Report(report)) => {
                contact.report = report;
                self.look_at(contact)
            }
            (
                State::AwaitingWorn {
                    contact,
                    plan,
                    asked: true,
                    until,
                    ..
                },
                From::Report(report),
            ) => self.seen_while_unworn(contact, plan, report, until),
            (State::Arming { contact, plan, .. }, From::Armed(armed)) => self.armed(contact, plan, &armed),
            (State::Arming { contact, plan, .. }, From::Refused(refused)) => {
                self.not_armed(contact, plan, &refused)
            }
            (
                State::Capturing {
                    contact,
                    plan,
                    capture,
                    ..
                },
                message,
            ) => self.at_the_wrist(contact, plan, capture, message),
            (State::Committing { contact, intent, .. }, From::Committed(committed)) => {
                self.committed(contact, &intent, committed.receipt)
            }
            (State::Committing { contact, .. }, From::Refused(refused)) => {
                self.not_committed(contact, &refused)
            }
            (State::Recalling { contact, intent, .. }, From::Committed(committed)) => {
                self.recalled(contact, intent.as_ref(), committed.receipt)
            }
            (State::Recalling { contact, .. }, From::Refused(refused)) => {
                self.not_committed(contact, &refused)
            }
            (State::Aborting { contact, then, .. }, From::Aborted(_)) => self.aborted(contact, then),
            (State::Aborting { contact, then, .. }, From::Refused(refused)) => match refused.reason {
                BandRefusal::NotThere => self.aborted(contact, then),
                reason => self.not_aborted(contact, then, of_band(reason, refused.detail)),
            },
            (
                State::AskingDeletion {
                    contact, mismatch, ..
                },
                From::DeletionAsked(_),
            ) => {
                self.show(Screen::DeleteUserData { mismatch });
                State::Deleting {
                    contact,
                    until: self.after(self.start.limits.deletion_wait),
                }
            }
            (State::AskingDeletion { contact, .. }, From::Refused(_)) => self.refresh(contact),
            (State::Deleting { contact, until }, From::Interrupted(interrupted)) => {
                self.deletion_interrupted(contact, interrupted.cause, until)
            }
            (State::Finishing { outcome, .. }, From::Finished(_)) => self.ended(outcome),
            (State::Finishing { outcome, .. }, From::Refused(_)) => self.hang_up(outcome),
            (State::Refreshing { contact, .. }, From::Refused(refused)) => {
                self.refuse(Some(contact), of_band(refused.reason, refused.detail))
            }
            // Pushes that came while something else was under way.
            (state, _) => state,
        }
    }

    /// The band did not understand goodbye, so it will not let go by itself.
    fn hang_up(&mut self, outcome: Outcome) -> State {
        self.events.push_back(Event::Hangup);
        self.ended(outcome)
    }

    fn aborted(&mut self, mut contact: Box<Contact>, then: AfterAbort) -> State {
        contact.pending = None;
        match then {
            AfterAbort::RollBack(intent, cause) => self.roll_back(contact, &intent, cause),
            AfterAbort::Finish(outcome) => self.finish(Some(contact), outcome),
        }
    }

    /// The band keeps what it was to forget. An intent stays open then.
    fn not_aborted(&mut self, mut contact: Box<Contact>, then: AfterAbort, refusal: Refusal) -> State {
        contact.pending = None;
        match then {
            AfterAbort::RollBack(..) => self.refuse(Some(contact), refusal),
            AfterAbort::Finish(outcome) => self.finish(Some(contact), outcome),
        }
    }
}
