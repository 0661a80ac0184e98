//! Every way out of a sign-in by a band: refusals, lost links, deadlines, the end.

use firmware_protocol::handshake::HandshakeRefusal;
use firmware_protocol::message::{Finish, StationToBand};
use firmware_protocol::station::SessionEnd;
use firmware_protocol::time::Instant;

use super::state::{After, State, Visit};
use super::{Core, Event, Outcome, Refused};
use crate::enrollment::{Append, FlowRefusal};
use crate::journal::{self, JournalRecord};
use crate::replica::Change;

impl Core {
    /// Ends the attempt with a reason: the band forgets what it was armed with, it is recorded, then said.
    pub(super) fn refuse(&mut self, visit: Box<Visit>, refused: Refused) -> State {
        self.abort(visit, After::Refuse(refused))
    }

    /// Records why not; nothing is armed. `visit` is the band's, if it claims anything here.
    pub(super) fn record_refusal(&mut self, visit: Option<&Visit>, refused: Refused) -> State {
        self.cancelled = false;
        let record = JournalRecord::Refused(journal::Refused {
            flow: Some(self.start.flow),
            user: self.user,
            serial: self.serial.clone(),
            code: refused.code.code().to_owned(),
            detail: refused.detail,
        });
        let changes = visit.and_then(|visit| self.count_misses(visit));
        let outcome = Outcome::Refused(refused);
        self.append(vec![record], changes.into_iter().collect(), outcome)
    }

    /// Asks the shell to make this durable; the outcome is said when it is.
    pub(super) fn append(
        &mut self,
        records: Vec<JournalRecord>,
        changes: Vec<Change>,
        outcome: Outcome,
    ) -> State {
        self.number += 1;
        self.events.push_back(Event::Append(Append {
            number: self.number,
            bounded: changes.is_empty(),
            records,
            changes,
        }));
        State::Recording {
            number: self.number,
            outcome,
            until: self.shell_until(),
        }
    }

    /// Says what came of it, then goodbye to the band if there is one.
    pub(super) fn say(&mut self, outcome: Outcome) -> State {
        self.events.push_back(Event::Said(outcome));
        if !self.live {
            return self.ended();
        }
        self.requests
            .push_back(StationToBand::Finish(Finish { association: None }));
        State::Finishing {
            until: self.answer_until(),
        }
    }

    pub(super) fn hang_up(&mut self) -> State {
        self.events.push_back(Event::Hangup);
        self.ended()
    }

    pub(super) fn ended(&mut self) -> State {
        self.events.push_back(Event::Ended);
        State::Ended
    }

    /// The session is over, for whatever reason.
    pub(super) fn session_ended(&mut self, state: State, end: SessionEnd) -> State {
        self.requests.clear();
        self.live = false;
        match state {
            State::AwaitingBand { until, .. } => self.no_session(until, end),
            State::AwaitingWorn { visit, .. }
            | State::Arming { visit, .. }
            | State::Touching { visit, .. } => self.refuse(visit, FlowRefusal::LinkLost.into()),
            State::Aborting { visit, then, .. } => self.aborted(visit, then),
            State::Finishing { .. } => self.ended(),
            // The shell's answer comes first.
            state => state,
        }
    }

    /// A session ended before it began.
    fn no_session(&mut self, until: Instant, end: SessionEnd) -> State {
        match end {
            SessionEnd::Refused(HandshakeRefusal::TryLater) => {
                let again_at = Some(self.after(self.start.limits.pause_wait));
                State::AwaitingBand { until, again_at }
            }
            SessionEnd::Refused(refusal) => self.record_refusal(None, FlowRefusal::from(refusal).into()),
            SessionEnd::Misbehaved(_) => self.record_refusal(None, FlowRefusal::BandNotGenuine.into()),
            _ => self.await_band(until),
        }
    }

    /// Obeys a cancel where no answer is awaited.
    pub(super) fn obey_cancel(&mut self, state: State) -> State {
        if !self.cancelled {
            return state;
        }
        let cancelled = FlowRefusal::Cancelled.into();
        match state {
            State::AwaitingBand { .. } => self.record_refusal(None, cancelled),
            State::AwaitingFacts { visit, .. }
            | State::AwaitingWorn {
                visit, asked: false, ..
            }
            | State::Touching { visit, .. } => self.refuse(visit, cancelled),
            state => state,
        }
    }

    /// A deadline has passed.
    pub(super) fn time_out(&mut self, state: State) -> State {
        let storage_fault = || Outcome::Refused(FlowRefusal::StationStorageFault.into());
        match state {
            State::AwaitingBand {
                until,
                again_at: Some(_),
            } if self.now < until => self.await_band(until),
            State::AwaitingBand { .. } => self.record_refusal(None, FlowRefusal::LinkLost.into()),
            State::AwaitingFacts { .. } | State::Recording { .. } => self.say(storage_fault()),
            State::AwaitingWorn {
                visit,
                arm,
                asked: false,
                until,
                ..
            } if self.now < until => self.poll_worn(visit, arm, until),
            State::AwaitingWorn {
                visit, asked: false, ..
            } => self.refuse(visit, FlowRefusal::NotWorn.into()),
            State::Touching { visit, .. } => self.refuse(visit, FlowRefusal::WearerTimedOut.into()),
            State::Finishing { .. } => self.hang_up(),
            answering => {
                self.events.push_back(Event::Hangup);
                self.session_ended(answering, SessionEnd::TimedOut(0))
            }
        }
    }
}
