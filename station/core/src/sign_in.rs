//! An operator signs in by the own band: a small flow beside enrollment, as an engine without hands.
//!
//! The engine speaks the five verbs, as [`Enrollment`](crate::enrollment::Enrollment) does, and asks the same of its
//! shell. It needs nothing of the wire that an enrollment does not have.
//!
//! ```text
//!   band                        engine                                  shell
//!     | Established, Report       |                                       |
//!     |-------------------------->| NeedFacts: whose band, does it count? |
//!     |                           |-------------------------------------->|
//!     | Arm (Authenticate)        |                                       |
//!     |<--------------------------|                                       |
//!     | Touched, Staged           | the wearer is who enrolled            |
//!     |-------------------------->|                                       |
//!     | Abort                     |                                       |
//!     |<--------------------------|                                       |
//!     | Aborted                   | the band is as it was                 |
//!     |-------------------------->| NeedFacts: does it still count?       |
//!     |                           |-------------------------------------->|
//!     | Finish                    | Said(SignedIn)                        |
//!     |<--------------------------|-------------------------------------->|
//! ```
//!
//! What is staged is never committed: the engine has no way to send a commit. A link that is lost before the abort
//! leaves something staged that gives nobody anything and that the next `Arm` replaces.
//!
//! A finger that is not recognized is counted durably, by the band itself and by the station, before anybody is
//! told. A lost link ends the attempt: whoever cuts it gets no more tries than others (decision 0048).

mod state;
mod ways_out;
mod wrist;

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::time::Duration;

use firmware_protocol::id::{Serial, UserHandle};
use firmware_protocol::message::{Abort, Arm, Mode, Report, StationToBand};
use firmware_protocol::station::{Established, SessionEvent};
use firmware_protocol::time::Instant;

use crate::clock::TrustedTime;
use crate::enrollment::{Append, FlowRefusal, Query, Screen, Start};
use crate::replica::Change;
use crate::ticket::{AttemptRules, AttemptState, BandClaim, HolderFacts, SignInRefusal, SignedIn};
use state::{After, Asked, State, Visit};

/// Touches of one attempt that may not be recognized.
const MISSES_MAX: u8 = 3;

/// Something that happened to a sign-in.
#[derive(Debug)]
pub enum Input {
    /// The session with the band says something.
    Session(SessionEvent),
    /// The answer to the query of this number. Answers to older queries are ignored.
    Facts(u64, Box<HolderFacts>),
    /// The append of this number is durable, or was admitted to be counted only.
    Appended(u64),
    /// The append of this number changed nothing.
    AppendFailed(u64),
    /// Whoever wanted to sign in stops.
    Cancel,
}

/// What a sign-in wants.
#[derive(Clone, Debug)]
pub enum Event {
    /// Look this up, see [`BandClaim::query`], and answer with [`Input::Facts`].
    NeedFacts(Query),
    /// Store this in one transaction and answer when it is durable.
    Append(Append),
    /// Show this.
    Screen(Screen),
    /// Connect to the band when it can be heard, and begin a session.
    Connect,
    /// Drop the link, if there is one: the band cannot be asked to.
    Hangup,
    /// What came of it. Only a goodbye to the band follows.
    Said(Outcome),
    /// It is over. Nothing follows.
    Ended,
}

/// What came of a sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The operator whose band it is.
    SignedIn(Box<SignedIn>),
    /// Nobody.
    Refused(Refused),
}

/// Why nobody signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub code: SignInRefusal,
    /// A number that belongs to it, such as the seconds of a wait; else 0.
    pub detail: u32,
}

impl From<SignInRefusal> for Refused {
    fn from(code: SignInRefusal) -> Self {
        Self { code, detail: 0 }
    }
}

impl From<FlowRefusal> for Refused {
    fn from(refusal: FlowRefusal) -> Self {
        SignInRefusal::from(refusal).into()
    }
}

impl From<crate::enrollment::Refusal> for Refused {
    fn from(refusal: crate::enrollment::Refusal) -> Self {
        Self {
            code: SignInRefusal::Shared(refusal.code()),
            detail: refusal.detail(),
        }
    }
}

/// One attempt to sign in by a band.
pub struct SignIn {
    core: Core,
    state: State,
}

/// What an attempt knows in every state.
struct Core {
    start: Start,
    /// The band that came.
    serial: Option<Serial>,
    /// The link to it stands.
    live: bool,
    /// Its user, once that is known to be an operator.
    user: Option<UserHandle>,
    /// Fingers not recognized before this attempt.
    before: AttemptState,
    /// Fingers not recognized in this attempt.
    misses: u8,
    /// What a failure is dated by.
    believed_ms: u64,
    cancelled: bool,
    number: u64,
    now: Instant,
    requests: VecDeque<StationToBand>,
    events: VecDeque<Event>,
}

impl SignIn {
    /// Begins an attempt: asks for a band.
    pub fn new(start: Start, now: Instant) -> Self {
        let mut core = Core {
            start,
            serial: None,
            live: false,
            user: None,
            before: AttemptState::default(),
            misses: 0,
            believed_ms: 0,
            cancelled: false,
            number: 0,
            now,
            requests: VecDeque::new(),
            events: VecDeque::new(),
        };
        let until = core.after(core.start.limits.band_wait);
        let state = core.await_band(until);
        Self { core, state }
    }

    /// Takes something that happened.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        self.core.now = self.core.now.max(now);
        let state = mem::replace(&mut self.state, State::Ended);
        let state = self.core.dispatch(state, input);
        self.state = self.core.obey_cancel(state);
    }

    /// Acts on a deadline that has passed; does nothing before.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.core.now = self.core.now.max(now);
        if self.state.deadline().is_some_and(|deadline| now >= deadline) {
            let state = mem::replace(&mut self.state, State::Ended);
            let state = self.core.time_out(state);
            self.state = self.core.obey_cancel(state);
        }
    }

    /// Somebody else waits for the station: ends at once if only the goodbye to the band is left.
    pub fn give_way(&mut self, now: Instant) {
        self.core.now = self.core.now.max(now);
        if matches!(self.state, State::Finishing { .. }) {
            self.core.requests.clear();
            self.state = self.core.hang_up();
        }
    }

    /// The next request for the session. There is never more than one before its answer.
    pub fn poll_transmit(&mut self) -> Option<StationToBand> {
        self.core.requests.pop_front()
    }

    /// The next thing for the shell to do.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.core.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due; nothing after the end.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.state.deadline()
    }

    /// Whether a band is waited for.
    pub fn wants_band(&self) -> bool {
        matches!(self.state, State::AwaitingBand { .. })
    }
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn")
            .field("flow", &self.core.start.flow)
            .field("state", &self.state.name())
            .finish_non_exhaustive()
    }
}

impl Core {
    fn after(&self, wait: Duration) -> Instant {
        self.now + wait
    }

    fn answer_until(&self) -> Instant {
        self.after(self.start.limits.answer_wait)
    }

    fn shell_until(&self) -> Instant {
        self.after(self.start.limits.shell_wait)
    }

    fn show(&mut self, screen: Screen) {
        self.events.push_back(Event::Screen(screen));
    }

    fn await_band(&mut self, until: Instant) -> State {
        self.events.push_back(Event::Connect);
        let again_at = None;
        State::AwaitingBand { until, again_at }
    }

    fn dispatch(&mut self, state: State, input: Input) -> State {
        match (state, input) {
            (State::AwaitingBand { .. }, Input::Session(SessionEvent::Established(established))) => {
                self.arrived(*established)
            }
            (state, Input::Session(SessionEvent::Message(message))) => self.message(state, message),
            (state, Input::Session(SessionEvent::Ended(end))) => self.session_ended(state, end),
            (
                State::AwaitingFacts {
                    visit, number, asked, ..
                },
                Input::Facts(answered, facts),
            ) if number == answered => match asked {
                Asked::FirstContact { report } => self.first_contact(visit, &report, &facts),
                Asked::Recognized => self.recognized(visit, &facts),
            },
            (State::Recording { number, outcome, .. }, Input::Appended(appended)) if number == appended => {
                self.say(outcome)
            }
            (State::Recording { number, .. }, Input::AppendFailed(failed)) if number == failed => {
                self.say(Outcome::Refused(FlowRefusal::StationStorageFault.into()))
            }
            (state, Input::Cancel) => {
                self.cancelled = true;
                state
            }
            // Late answers of the shell, and a session nobody asked for.
            (state, _) => state,
        }
    }

    fn arrived(&mut self, established: Established) -> State {
        let Established {
            certificate,
            report,
            code,
            ..
        } = established;
        let Start {
            organization, zone, ..
        } = self.start;
        (self.serial, self.live) = (Some(certificate.serial.clone()), true);
        self.show(Screen::BandFound {
            serial: certificate.serial.clone(),
            model: certificate.model,
            seos: certificate.seos,
            battery_percent: report.battery_percent.min(100),
        });
        match BandClaim::of(organization, zone, &certificate.serial, &report) {
            Some(claim) => self.ask(Box::new(Visit::new(claim, code)), Asked::FirstContact { report }),
            None => self.record_refusal(None, SignInRefusal::BandNotOfOperator.into()),
        }
    }

    /// Asks the shell to look up what is known.
    fn ask(&mut self, visit: Box<Visit>, asked: Asked) -> State {
        self.number += 1;
        self.events
            .push_back(Event::NeedFacts(visit.claim.query(self.number)));
        State::AwaitingFacts {
            visit,
            number: self.number,
            asked,
            until: self.shell_until(),
        }
    }

    /// Whose band is it, and does it count? Nothing is asked of the wearer before.
    fn first_contact(&mut self, visit: Box<Visit>, report: &Report, facts: &HolderFacts) -> State {
        if !self.live {
            return self.refuse(visit, FlowRefusal::LinkLost.into());
        }
        if let Err(code) = visit.claim.operator(facts) {
            return self.refuse(visit, code.into());
        }
        self.user = Some(visit.claim.user());
        (self.before, self.believed_ms) = (facts.attempts, facts.believed_ms);
        match self.may_touch(report, facts) {
            Err(refused) => self.refuse(visit, refused),
            Ok(()) => {
                let arm = self.plan(&visit, report, facts);
                self.prepare(visit, arm, report.worn)
            }
        }
    }

    fn may_touch(&self, report: &Report, facts: &HolderFacts) -> Result<(), Refused> {
        // To arm the band would replace what waits on it for its commit.
        if !facts.known.open_intents.is_empty() {
            return Err(SignInRefusal::BandUnsettled.into());
        }
        if let Err(blocked) = AttemptRules::BAND.admit(self.before, 0, facts.known.time) {
            let wait_ms = blocked.until_ms.saturating_sub(self.believed_ms);
            return Err(Refused {
                code: SignInRefusal::TooManyAttempts,
                detail: u32::try_from(wait_ms.div_ceil(1000)).unwrap_or(u32::MAX),
            });
        }
        match report.lockout_seconds {
            0 => Ok(()),
            detail => Err(Refused {
                code: FlowRefusal::BandLockedOut.into(),
                detail,
            }),
        }
    }

    /// An association that will never be committed: only its finger is wanted.
    fn plan(&self, visit: &Visit, report: &Report, facts: &HolderFacts) -> Arm {
        Arm {
            association: facts.known.fresh,
            user: visit.claim.user(),
            zone: self.start.zone,
            // A band at its last epoch says that this is not the one after it.
            epoch: report.epoch.saturating_add(1),
            mode: Mode::Authenticate,
            label: String::new(),
        }
    }

    fn prepare(&mut self, mut visit: Box<Visit>, arm: Arm, worn: bool) -> State {
        if !worn {
            self.show(Screen::PutOn);
            let (poll, wait) = (self.start.limits.worn_poll, self.start.limits.worn_wait);
            return State::AwaitingWorn {
                visit,
                arm,
                asked: false,
                poll_at: self.after(poll),
                until: self.after(wait),
            };
        }
        self.requests.push_back(StationToBand::Arm(arm.clone()));
        visit.armed = Some(arm.association);
        State::Arming {
            visit,
            arm,
            until: self.answer_until(),
        }
    }

    /// Asks the band to forget what it was armed with, so that it is as it was.
    fn abort(&mut self, visit: Box<Visit>, then: After) -> State {
        let Some(association) = visit.armed.filter(|_| self.live) else {
            return self.aborted(visit, then);
        };
        self.requests
            .push_back(StationToBand::Abort(Abort { association }));
        State::Aborting {
            visit,
            then,
            until: self.answer_until(),
        }
    }

    fn aborted(&mut self, visit: Box<Visit>, then: After) -> State {
        match then {
            After::Ask => self.ask(visit, Asked::Recognized),
            After::Refuse(refused) => self.record_refusal(Some(&visit), refused),
        }
    }

    /// The finger is the wearer's: does the band still count?
    fn recognized(&mut self, visit: Box<Visit>, facts: &HolderFacts) -> State {
        let operator = match visit.claim.operator(facts) {
            Ok(operator) => operator,
            Err(code) => return self.refuse(visit, code.into()),
        };
        let signed = SignedIn::by_band(operator, visit.claim.clone());
        let outcome = Outcome::SignedIn(Box::new(signed));
        if self.before == AttemptState::default() {
            return self.say(outcome);
        }
        let change = Change::SetAttempts {
            subject: visit.claim.subject(),
            state: AttemptState::default(),
        };
        self.append(vec![], vec![change], outcome)
    }

    /// One more attempt without the finger, if there was one.
    fn count_misses(&self, visit: &Visit) -> Option<Change> {
        let time = TrustedTime::certain(self.believed_ms);
        (self.misses > 0).then(|| Change::SetAttempts {
            subject: visit.claim.subject(),
            state: AttemptRules::BAND.after_failure(self.before, time),
        })
    }
}
