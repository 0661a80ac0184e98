//! Arm, confirm, touch, staged: until the policy is asked again.

use firmware_protocol::message::{
    Armed, BandRefusal, BandToStation, Interrupted, Interruption, Refused, Report, Staged, StationToBand,
    Status,
};

use super::Core;
use super::contact::{Contact, is_staged_as_planned};
use super::event::{Knowledge, Screen, Tip};
use super::plan::Plan;
use super::refusal::{FlowRefusal, Refusal, of_band, of_interruption};
use super::state::{Asked, Capture, State, Then};
use crate::journal::{JournalRecord, Moment, TicketSpent};
use crate::replica::changes_on_intent;

impl Core {
    /// The policy allowed it and that is durable: arm the band as soon as it is worn.
    pub(super) fn prepare(&mut self, contact: Box<Contact>, plan: Plan) -> State {
        if contact.report.worn {
            return self.arm(contact, plan);
        }
        self.show(Screen::PutOn);
        let poll_at = self.after(self.start.limits.worn_poll);
        let until = self.after(self.start.limits.worn_wait);
        State::AwaitingWorn {
            contact,
            plan,
            asked: false,
            poll_at,
            until,
        }
    }

    fn arm(&mut self, mut contact: Box<Contact>, plan: Plan) -> State {
        self.request(plan.arm());
        contact.pending = Some(plan.association);
        State::Arming {
            contact,
            plan,
            until: self.answer_until(),
        }
    }

    /// Looks whether the band is on.
    pub(super) fn poll_worn(
        &mut self,
        contact: Box<Contact>,
        plan: Plan,
        until: firmware_protocol::time::Instant,
    ) -> State {
        self.request(StationToBand::Status(Status {}));
        State::AwaitingWorn {
            contact,
            plan,
            asked: true,
            poll_at: self.answer_until(),
            until,
        }
    }

    /// The band said how it is while the person puts it on. If it holds something else than the decision
    /// rested on, everything begins anew.
    pub(super) fn seen_while_unworn(
        &mut self,
        mut contact: Box<Contact>,
        plan: Plan,
        report: Report,
        until: firmware_protocol::time::Instant,
    ) -> State {
        let same = contact.holds_the_same(&report);
        contact.report = report;
        if !same {
            return self.look_at(contact);
        }
        if contact.report.worn {
            return self.arm(contact, plan);
        }
        let poll_at = self.after(self.start.limits.worn_poll);
        State::AwaitingWorn {
            contact,
            plan,
            asked: false,
            poll_at,
            until,
        }
    }

    pub(super) fn armed(&mut self, contact: Box<Contact>, plan: Plan, armed: &Armed) -> State {
        // A band that nobody here knows cannot say by itself that there is nothing to compare.
        let needs_no_code = armed.confirmed && contact.is_known;
        if !needs_no_code {
            self.show(Screen::CompareCode(contact.code));
        }
        // A band of its organization waits for no button: it takes touches from here on.
        if armed.confirmed {
            if !needs_no_code {
                self.show(Screen::BandConfirmed);
            }
            self.show(Screen::Touch {
                count: 0,
                of: armed.touches,
                quality: None,
            });
        }
        let ends = self.after(self.start.limits.capture_wait);
        let capture = Capture {
            code_open: !needs_no_code,
            staged: None,
            of: armed.touches,
            ends,
        };
        self.capturing(contact, plan, capture)
    }

    /// The band's own rules stood in the way of `Arm`.
    pub(super) fn not_armed(&mut self, mut contact: Box<Contact>, plan: Plan, refused: &Refused) -> State {
        contact.pending = None;
        match refused.reason {
            BandRefusal::NotWorn => {
                contact.report.worn = false;
                self.prepare(contact, plan)
            }
            // The band is not what its report said: look again.
            BandRefusal::HeldByAnother | BandRefusal::WrongEpoch | BandRefusal::OutOfTurn => {
                self.refresh(contact)
            }
            reason => self.refuse(Some(contact), of_band(reason, refused.detail)),
        }
    }

    fn capturing(&mut self, contact: Box<Contact>, plan: Plan, capture: Capture) -> State {
        let until = self.after(self.start.limits.touch_wait).min(capture.ends);
        State::Capturing {
            contact,
            plan,
            capture,
            until,
        }
    }

    /// Something happened at the wrist.
    pub(super) fn at_the_wrist(
        &mut self,
        contact: Box<Contact>,
        plan: Plan,
        mut capture: Capture,
        message: BandToStation,
    ) -> State {
        match message {
            BandToStation::WearerConfirmed(_) => {
                self.show(Screen::BandConfirmed);
                self.show(Screen::Touch {
                    count: 0,
                    of: capture.of,
                    quality: None,
                });
            }
            BandToStation::Touched(touch) => {
                let quality = Some(touch.quality.min(100));
                self.show(Screen::Touch {
                    count: touch.count,
                    of: touch.of,
                    quality,
                });
            }
            BandToStation::TouchFailed(failed) => {
                let tip = Tip::after(failed.fault, failed.in_a_row);
                self.show(Screen::TouchAgain {
                    fault: failed.fault,
                    in_a_row: failed.in_a_row,
                    tip,
                });
            }
            BandToStation::Interrupted(interrupted) => {
                return self.interrupted(contact, plan, capture, &interrupted);
            }
            BandToStation::Staged(staged) => {
                if !is_staged_as_planned(&staged, &plan, self.start.organization) {
                    let detail = BandRefusal::Malformed as u32;
                    return self.refuse(
                        Some(contact),
                        Refusal::Flow {
                            code: FlowRefusal::BandRefused,
                            detail,
                        },
                    );
                }
                capture.staged = Some(staged);
                return self.capture_advances(contact, plan, capture);
            }
            _ => {}
        }
        self.capturing(contact, plan, capture)
    }

    fn interrupted(
        &mut self,
        mut contact: Box<Contact>,
        plan: Plan,
        capture: Capture,
        interrupted: &Interrupted,
    ) -> State {
        contact.pending = None;
        let cause = interrupted.cause;
        if let Some(refusal) = of_interruption(cause, interrupted.lockout_seconds) {
            return self.refuse(Some(contact), refusal);
        }
        self.show(Screen::Interrupted { cause });
        match cause {
            // The message that says so properly is the next.
            Interruption::Deleted => self.capturing(contact, plan, capture),
            _ => self.refresh(contact),
        }
    }

    /// Somebody compared the codes at the kiosk.
    pub(super) fn code_compared(&mut self, contact: Box<Contact>, plan: Plan, mut capture: Capture) -> State {
        capture.code_open = false;
        self.capture_advances(contact, plan, capture)
    }

    /// Everything staged and everything confirmed: the policy is asked again.
    fn capture_advances(&mut self, contact: Box<Contact>, plan: Plan, mut capture: Capture) -> State {
        if capture.code_open {
            if capture.staged.is_some() {
                let until = self.after(self.start.limits.code_wait);
                return State::Capturing {
                    contact,
                    plan,
                    capture,
                    until,
                };
            }
            return self.capturing(contact, plan, capture);
        }
        let Some(staged) = capture.staged.take() else {
            return self.capturing(contact, plan, capture);
        };
        self.show(Screen::Saving);
        self.ask(contact, Asked::BeforeCommit { plan, staged })
    }

    /// The policy is asked a second time, just before the commit.
    pub(super) fn before_commit(
        &mut self,
        contact: Box<Contact>,
        plan: Plan,
        staged: Staged,
        known: &Knowledge,
    ) -> State {
        if !contact.live {
            self.staged = Some((plan, staged));
            return self.lost();
        }
        let answer = match self.decide(&contact, known, Moment::BeforeCommit) {
            Ok((_, answer)) => answer,
            Err(refusal) => return self.refuse(Some(contact), refusal),
        };
        if !answer.output.decision.is_allowed() {
            return self.refuse_after(
                Some(contact),
                answer.record,
                Refusal::Policy(Box::new(answer.output)),
            );
        }
        let ticket = self.person.as_ref().and_then(|person| person.ticket());
        let time_ms = known.time.earliest_ms();
        let intent = plan.intent(self.start.flow, &contact, &staged, time_ms, ticket);
        let association = intent.association;
        let spent = ticket.map(|ticket| TicketSpent { ticket, association }.into());
        let records: Vec<JournalRecord> = [Some(answer.record.into()), spent, Some(intent.clone().into())]
            .into_iter()
            .flatten()
            .collect();
        let changes = changes_on_intent(&intent);
        self.append(Some(contact), records, changes, Then::Commit(intent))
    }

    /// Looks at the band anew, in the same session.
    pub(super) fn refresh(&mut self, contact: Box<Contact>) -> State {
        if !contact.live {
            return self.lost();
        }
        self.request(StationToBand::Status(Status {}));
        State::Refreshing {
            contact,
            until: self.answer_until(),
        }
    }
}
