//! One person at one station with one band: the flow, as an engine without hands.
//!
//! The engine speaks the five verbs. After each `handle_*` call, drain [`Enrollment::poll_event`] and
//! [`Enrollment::poll_transmit`] until both are empty and arm a timer for [`Enrollment::poll_timeout`].
//!
//! ```text
//!   band                        engine                                  shell
//!     | Established, Report       |                                       |
//!     |-------------------------->| NeedFacts                             |
//!     |                           |-------------------------------------->|
//!     |                           | the policy is asked; first append:    |
//!     |                           | identity, decision                    |
//!     |                           |-------------------------------------->|
//!     | Arm                       |                              Appended |
//!     |<--------------------------|<--------------------------------------|
//!     | Touched * n, Staged       |                                       |
//!     |-------------------------->| NeedFacts; the policy is asked again; |
//!     |                           | second append: decision, ticket, intent
//!     |                           |-------------------------------------->|
//!     | Commit                    |                              Appended |
//!     |<--------------------------|<--------------------------------------|
//!     | Committed (receipt)       | NeedFacts; third append: receipt      |
//!     |-------------------------->|-------------------------------------->|
//!     | Finish                    |                              Appended |
//!     |<--------------------------|<--------------------------------------|
//!     |                           | Done                                  |
//! ```
//!
//! Nothing is asked of a band and nothing is promised to a person before the append that says so is
//! durable. An enrollment has three appends and no more.
//!
//! # After any break
//!
//! A link can be lost and a station can stop at any moment. What counts then is the band's report against
//! the open intents of the journal, in whatever flow the band shows up next:
//!
//! | the band's report | open intent | what is done |
//! |---|---|---|
//! | waits for its commit | same person or nobody at the kiosk, young, time trusted | the policy is asked again; commit, or abort and roll back |
//! | waits for its commit | another person, or old, or time in doubt | abort and roll back |
//! | holds it | any | recall the receipt, journal it |
//! | neither, no commit since | any | nothing was made: roll back, the ticket is free again |
//! | neither, commits since | any | the band moved on: roll back, the ticket stays spent |
//! | holds something unfinished that the rows do not know | none | recall the receipt; journal it if the policy would have allowed it, else quarantine it |
//! | waits for something without an intent | none | it gives nobody anything; a new `Arm` replaces it |
//!
//! What is old is settled first; then the person at the kiosk is served. [`Enrollment::settle`] does the
//! first without the second, for a station that starts with open intents.
//!
//! # Who is refused without a band
//!
//! Somebody whom the station does not know, or who may have no band at all: nobody looks for a band to hear that.
//! It is asked again with the band and before the commit, since rows change.
//!
//! # Who confirms what
//!
//! The wearer confirms the station on the band; somebody confirms the code at the kiosk before anything is
//! committed. A band that serves the organization already needs neither: its session is authenticated both
//! ways, and the policy knows whose it is.

mod arrival;
mod budget;
mod capture;
mod commit;
mod contact;
mod dispatch;
mod ending;
mod event;
mod plan;
mod question;
mod refusal;
mod settle;
mod state;

pub use budget::{Admission, RefusalBudget};
pub use event::*;
pub use question::replay;
pub use refusal::{FlowRefusal, Refusal, RefusalCode};
pub(crate) use refusal::{of_band, of_interruption};

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::time::Duration;

use firmware_protocol::id::{AssociationId, Serial, UserHandle};
use firmware_protocol::message::{Staged, StationToBand};
use firmware_protocol::time::Instant;

use crate::journal::JournalRecord;
use crate::replica::{Change, UserRow};
use crate::ticket::Identified;
use contact::Contact;
use plan::Plan;
use state::{Asked, State, Then};

/// One attempt, from the identified person to the outcome.
pub struct Enrollment {
    core: Core,
    state: State,
}

/// What an attempt knows in every state, and what it wants.
struct Core {
    start: Start,
    person: Option<Identified>,
    /// The band this attempt is about, once one has come.
    serial: Option<Serial>,
    /// Looks at the band so far.
    contacts: u8,
    /// The identification is still to be recorded.
    identity_open: bool,
    /// Staged in a session that was lost before the intent, with the code confirmed.
    staged: Option<(Plan, Staged)>,
    /// An intent is open as far as this attempt knows.
    open: Option<AssociationId>,
    /// Somebody pressed cancel; obeyed as soon as no answer is awaited.
    cancelled: bool,
    /// Records that wait for the next append.
    notes: Vec<JournalRecord>,
    /// Number of the last query or append.
    number: u64,
    now: Instant,
    requests: VecDeque<StationToBand>,
    events: VecDeque<Event>,
}

impl Enrollment {
    /// Begins an attempt of an identified person: asks for a band, or refuses at once whoever gets none whatever the
    /// band (decision 0046). `user` is the person as the station's rows have it now; absent if they have nobody with
    /// that handle.
    pub fn new(start: Start, person: Identified, user: Option<&UserRow>, now: Instant) -> Self {
        let mut core = Core::new(start, Some(person), now);
        let state = core.greet(user);
        Self { core, state }
    }

    /// Settles whatever the band that comes next has open, for nobody in particular.
    pub fn settle(start: Start, now: Instant) -> Self {
        let mut core = Core::new(start, None, now);
        let state = core.await_band(core.start.limits.band_wait);
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

    /// Somebody else waits for the station: ends at once if only the goodbye to the band is left, or if nobody
    /// stands at the kiosk for this attempt. What it leaves open is settled at the next contact with the band.
    pub fn give_way(&mut self, now: Instant) {
        self.core.now = self.core.now.max(now);
        let state = mem::replace(&mut self.state, State::Ended);
        self.state = self.core.make_way(state);
    }

    /// The next request for [`StationSession::request`](firmware_protocol::station::StationSession::request).
    /// There is never more than one before its answer. Drop it if there is no session any more: that the
    /// session ended is then the next thing to say.
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

    /// Whether a band is waited for, for the first time or again.
    pub fn wants_band(&self) -> bool {
        matches!(self.state, State::AwaitingBand { .. })
    }

    /// Whether everything is over.
    pub fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// A name for where the attempt stands, for logs and status pages.
    pub fn state(&self) -> &'static str {
        self.state.name()
    }

    /// The band this attempt is about, once one has come.
    pub fn serial(&self) -> Option<&Serial> {
        self.core.serial.as_ref()
    }

    /// Whose attempt it is; nobody's when only settling.
    pub fn user(&self) -> Option<UserHandle> {
        self.core.user()
    }
}

impl fmt::Debug for Enrollment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enrollment")
            .field("flow", &self.core.start.flow)
            .field("state", &self.state.name())
            .finish_non_exhaustive()
    }
}

impl Core {
    fn new(start: Start, person: Option<Identified>, now: Instant) -> Self {
        Self {
            start,
            identity_open: person.is_some(),
            person,
            serial: None,
            contacts: 0,
            staged: None,
            open: None,
            cancelled: false,
            notes: Vec::new(),
            number: 0,
            now,
            requests: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    fn user(&self) -> Option<UserHandle> {
        self.person.as_ref().map(Identified::user)
    }

    fn after(&self, wait: Duration) -> Instant {
        self.now + wait
    }

    fn answer_until(&self) -> Instant {
        self.after(self.start.limits.answer_wait)
    }

    fn show(&mut self, screen: Screen) {
        self.events.push_back(Event::Screen(screen));
    }

    fn request(&mut self, request: StationToBand) {
        self.requests.push_back(request);
    }

    /// Asks the shell to look up what a question needs.
    fn ask(&mut self, contact: Box<Contact>, asked: Asked) -> State {
        self.number += 1;
        let user = match &asked {
            Asked::Resume(intent) => Some(intent.user),
            Asked::Receipt { receipt, .. } => Some(receipt.user),
            Asked::FirstContact | Asked::BeforeCommit { .. } => self.user(),
        };
        self.events.push_back(Event::NeedFacts(Query {
            number: self.number,
            user,
            serial: contact.serial().clone(),
            held: contact
                .report
                .associations
                .iter()
                .map(|held| held.association)
                .collect(),
            ticket: self.person.as_ref().and_then(Identified::ticket),
        }));
        let until = self.after(self.start.limits.shell_wait);
        State::AwaitingFacts {
            contact,
            number: self.number,
            asked,
            until,
        }
    }

    /// Asks the shell to make records durable; `then` happens when they are.
    fn append(
        &mut self,
        contact: Option<Box<Contact>>,
        records: Vec<JournalRecord>,
        changes: Vec<Change>,
        then: Then,
    ) -> State {
        self.number += 1;
        let identity = self.person.as_ref().filter(|_| self.identity_open);
        let identity = identity.map(|person| person.record(self.start.flow).into());
        self.identity_open = false;
        let bounded = matches!(then, Then::Refuse(_)) && changes.is_empty() && self.notes.is_empty();
        let records = identity
            .into_iter()
            .chain(mem::take(&mut self.notes))
            .chain(records)
            .collect();
        self.events.push_back(Event::Append(Append {
            number: self.number,
            records,
            changes,
            bounded,
        }));
        let until = self.after(self.start.limits.shell_wait);
        State::Recording {
            contact,
            number: self.number,
            then,
            until,
        }
    }

    /// Waits for a band, for the first time or again.
    fn await_band(&mut self, wait: Duration) -> State {
        self.events.push_back(Event::Connect);
        State::AwaitingBand {
            until: self.after(wait),
            again_at: None,
        }
    }
}
