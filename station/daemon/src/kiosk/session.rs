//! The page's one session: which screen is shown, and what somebody's hand on it means.
//!
//! A state machine without hands. It is told what happens (`handle_act`, `handle_live`, `handle_answer`,
//! `handle_timeout`), says what it wants done (`poll_want`) and when it wants to be woken (`poll_timeout`). Where an
//! enrollment stands is not repeated here: the event loop publishes it, and screens are drawn from that.

mod attempt;
mod desk;
mod log;
mod own_band;
mod repair;
mod screen;

use std::collections::VecDeque;
use std::time::Duration;

use firmware_protocol::time::Instant;
use station_core::sign_in;
use station_core::ticket::SignedIn;

use super::act::Act;
use crate::api::Live;
use crate::api::model::{Enrollment, Identification, OperatorPin, Secret, Stage};
use crate::config::{Afterwards, Theme};
use crate::eventloop::look::BandSeen;
use crate::eventloop::signed::Vouched;
use crate::problem::{Code, Problem};

pub(super) use attempt::Phase;
pub(super) use desk::{Checked, Checking, Desk, Line, Person, Sought, Station};
pub(super) use log::{Line as LogLine, Signals, What, sync_code};
pub(super) use repair::{Open, Weighed};
pub(super) use screen::{Ready, Refused, Screen, Slip, Test};
#[cfg(test)]
pub(super) use {desk::Waiting, repair::Repair, screen::Attempt};

/// How long before it is cleared a screen says so.
const WARNING: Duration = Duration::from_secs(15);
/// How long a test of a band may take.
pub(super) const TEST_WAIT: Duration = Duration::from_secs(30);
/// What a signed ticket begins with; anything else that is typed is a code.
const TICKET_PREFIX: &str = station_core::ticket::TEXT_PREFIX;

/// What the configuration says of the page.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    /// Without a hand on the screen for so long, it is cleared.
    pub(super) idle: Duration,
    /// The last screen stays so long.
    pub(super) done: Duration,
    /// Bands are tested.
    pub(super) test_tap: bool,
    /// Operators may sign in by their own bands.
    pub(super) operator_bands: bool,
    /// The place of the first language.
    pub(super) language: usize,
    /// Light or dark at first.
    pub(super) theme: Theme,
    /// What is left to do elsewhere.
    pub(super) afterwards: Vec<Afterwards>,
    /// A band at least this strong counts as held to the station, in dBm.
    pub(super) near_dbm: i16,
    /// Bands are registered here, which were enrolled elsewhere.
    pub(super) registers: bool,
}

/// Something that the session cannot do itself. The answer comes as an [`Answer`] with the same visit.
#[derive(Debug)]
pub(super) enum Want {
    /// Begin an enrollment.
    Start(Identification),
    /// Say that the codes are the same, or are not.
    Compared { id: String, same: bool, code: String },
    /// Stop an enrollment.
    Cancel { id: String },
    /// Look at the band with this serial.
    Look { serial: String },
    /// Check an operator's PIN.
    SignIn(OperatorPin),
    /// See whose band is held to the station, and whether its wearer is an operator.
    SignInByBand,
    /// Stop that.
    StopSignIn,
    /// Begin an enrollment for which an operator vouches.
    Vouched(Vouched),
    /// Look for somebody.
    Find { user: String },
    /// Look at whichever band is held to the station, and whose it is.
    Check,
    /// See how the station is.
    Examine,
    /// Write down for support how the station is, and what happened lately.
    Bundle(VecDeque<LogLine>),
    /// See what there is to put right.
    LookUp {
        /// The date.
        clock: bool,
        /// Enrollments whose band does not come back.
        intents: bool,
    },
    /// Say that the clock is right, which showed this.
    ConfirmClock { by: SignedIn, clock_ms: u64 },
    /// Give up an enrollment.
    CloseIntent { by: SignedIn, association: String },
}

/// What came of a [`Want`].
#[derive(Debug)]
pub(super) enum Answer {
    /// The enrollment that was begun, and the name of whoever it is for.
    Started(Result<(Box<Enrollment>, String), Problem>),
    /// The event loop was told; what comes of it is seen.
    Told(Result<(), Problem>),
    /// What the band said.
    Looked(Result<Box<BandSeen>, Problem>),
    /// Who signed in.
    SignedIn(Result<SignedIn, Problem>),
    /// Who signed in by a band, or why nobody did.
    SignedInByBand(Result<Result<SignedIn, sign_in::Refused>, Problem>),
    /// It was said; there is no answer.
    Said,
    /// Who was looked for, and found.
    Found(String, Option<Person>),
    /// What the band is, and whose.
    Checked(Result<Box<Checked>, Problem>),
    /// How the station is.
    Examined(Box<Station>),
    /// Where the report for support lies.
    Bundled(Result<String, Problem>),
    /// What there is to put right.
    LookedUp(Box<Open>),
    /// It was put right, or was not.
    PutRight(Result<(), Problem>),
}

/// Why an act was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stale {
    /// It was meant for a screen that is gone.
    OtherTurn,
    /// It makes no sense on this screen.
    NotHere,
}

/// The moment at which something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// For deadlines.
    pub(super) now: Instant,
    /// For people, milliseconds since 1970.
    pub(super) wall_ms: u64,
}

/// The session. It lasts as long as the daemon; visits come and go.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) rules: Rules,
    pub(super) screen: Screen,
    /// Counts screens, so that a hand that was late does nothing.
    pub(super) turn: u64,
    /// Counts people; answers to what an earlier one wanted count no more.
    visit: u64,
    /// The place of the language.
    pub(super) language: usize,
    pub(super) sound: bool,
    pub(super) theme: Theme,
    /// What the event loop says.
    pub(super) live: Live,
    pub(super) at: Moment,
    /// When the screen is cleared.
    quiet_at: Option<Instant>,
    /// Who waits in line.
    pub(super) line: Line,
    /// What happened lately.
    pub(super) log: VecDeque<LogLine>,
    /// The signal of the bands in range.
    pub(super) signals: Signals,
    wants: VecDeque<(u64, Want)>,
}

impl Session {
    pub(super) fn new(rules: Rules, at: Moment) -> Self {
        Self {
            screen: Screen::Welcome,
            turn: 1,
            visit: 1,
            language: rules.language,
            sound: false,
            theme: rules.theme,
            live: Live::default(),
            at,
            quiet_at: None,
            line: Line::default(),
            log: VecDeque::new(),
            signals: Signals::new(),
            wants: VecDeque::new(),
            rules,
        }
    }

    /// The next thing to do, with the visit that its answer belongs to.
    pub(super) fn poll_want(&mut self) -> Option<(u64, Want)> {
        self.wants.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let quiet_at = self.quiet_at?;
        let warn_at = self.warn_at(quiet_at);
        Some(if self.at.now < warn_at { warn_at } else { quiet_at })
    }

    fn warn_at(&self, quiet_at: Instant) -> Instant {
        Instant::from_micros(quiet_at.as_micros().saturating_sub(WARNING.as_micros() as u64))
    }

    /// Whether the screen is about to be cleared, and somebody may want more time.
    pub(super) fn is_closing(&self) -> bool {
        let warns = !matches!(self.screen, Screen::Done(_));
        warns && self.quiet_at.is_some_and(|at| self.at.now >= self.warn_at(at))
    }

    /// The seconds that are left before the screen is cleared, where it is.
    pub(super) fn seconds_left(&self) -> Option<u64> {
        self.quiet_at.map(|at| at.since(self.at.now).as_secs())
    }

    pub(super) fn handle_timeout(&mut self, at: Moment) {
        self.at = at;
        if self.quiet_at.is_some_and(|quiet_at| at.now >= quiet_at) {
            match &self.screen {
                Screen::TestTap(test) => self.enter(Screen::Done(test.ready.clone())),
                _ => self.go_home(),
            }
        }
    }

    /// Somebody's hand on the screen with the number `turn`.
    pub(super) fn handle_act(&mut self, at: Moment, turn: u64, act: Act) -> Result<(), Stale> {
        self.at = at;
        if turn != self.turn {
            return Err(Stale::OtherTurn);
        }
        self.stay();
        match act {
            Act::Stay {} | Act::TakeOver {} => {}
            Act::Sound {} => self.sound = !self.sound,
            Act::Theme {} => self.theme = turned(self.theme),
            Act::Language { .. } => return Err(Stale::NotHere),
            Act::Home {} => self.home(),
            Act::Scan {} if self.screen.may_identify() => self.enter(Screen::Scan { slip: None }),
            Act::NoCamera {} if matches!(self.screen, Screen::Scan { .. }) => {
                self.enter(Screen::TypeCode {
                    slip: Some(Slip::NoCamera),
                });
            }
            Act::Type {} if self.screen.may_identify() => self.enter(Screen::TypeCode { slip: None }),
            Act::Code { text } if self.screen.may_identify() => self.identify(text),
            Act::Same {} => return self.compared(true),
            Act::Different {} => return self.compared(false),
            Act::SkipTest {} => return self.skip_test(),
            Act::TestAgain {} => return self.test_again(),
            Act::Operator {} if self.screen.may_identify() => self.enter(Screen::SignIn { slip: None }),
            Act::Operator {} => return self.pin_instead(),
            Act::SignIn { operator, pin } => return self.sign_in(operator, pin),
            Act::SignInBand {} => return self.sign_in_by_band(),
            Act::Next {} => return self.call_next(),
            Act::SkipNext {} => return self.skip_next(),
            act => return self.operate(act),
        }
        Ok(())
    }

    /// Somebody speaks the language at this place.
    pub(super) fn speak(&mut self, at: Moment, turn: u64, language: usize) -> Result<(), Stale> {
        self.at = at;
        if turn != self.turn {
            return Err(Stale::OtherTurn);
        }
        self.stay();
        self.language = language;
        Ok(())
    }

    /// Something was read by the camera.
    pub(super) fn handle_scan(&mut self, at: Moment, text: String) {
        self.at = at;
        if matches!(self.screen, Screen::Scan { .. }) {
            self.stay();
            self.identify(Secret::new(text));
        }
    }

    /// Whether the camera is looked through.
    pub(super) fn is_scanning(&self) -> bool {
        matches!(self.screen, Screen::Scan { .. })
    }

    /// The event loop says how things are.
    pub(super) fn handle_live(&mut self, at: Moment, live: Live) {
        self.at = at;
        let before = self.phase().map(|phase| (phase, self.code()));
        self.take_note(&live);
        self.live = live;
        match &mut self.screen {
            Screen::Attempt(attempt) => {
                let live = self.live.enrollment.as_ref();
                let is_it = live.is_some_and(|live| live.id == attempt.id);
                // What was begun is published by now, or it was and is over, and its end was missed.
                match (is_it, &attempt.first) {
                    (true, _) => attempt.first = None,
                    (false, None) => return self.go_home(),
                    (false, Some(_)) => {}
                }
                self.follow(before);
            }
            Screen::Welcome | Screen::Busy => self.look_around(),
            _ => {}
        }
    }

    /// Something that was wanted in `visit` is done.
    pub(super) fn handle_answer(&mut self, at: Moment, visit: u64, answer: Answer) {
        self.at = at;
        match answer {
            Answer::Started(outcome) => self.started(visit, outcome),
            Answer::Looked(outcome) if visit == self.visit => self.looked(outcome),
            Answer::SignedIn(outcome) if visit == self.visit => self.signed_in(outcome),
            Answer::SignedInByBand(outcome) if visit == self.visit => self.signed_in_by_band(outcome),
            Answer::Told(Ok(())) | Answer::Looked(_) | Answer::SignedIn(_) => {}
            Answer::SignedInByBand(_) | Answer::Said => {}
            // What was said came too late; the next screen shows what became of it.
            Answer::Told(Err(problem)) => tracing::debug!(code = problem.code.as_str(), "not taken"),
            answer if visit == self.visit => self.told_at_desk(answer),
            _ => {}
        }
    }

    fn identify(&mut self, text: Secret) {
        let is_ticket = text
            .reveal()
            .trim()
            .get(..TICKET_PREFIX.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(TICKET_PREFIX));
        let identification = match is_ticket {
            true => Identification::Ticket(text),
            false => Identification::Code(text),
        };
        self.want(Want::Start(identification));
        let back = Box::new(std::mem::replace(&mut self.screen, Screen::Welcome));
        self.enter(Screen::Checking { back });
    }

    fn started(&mut self, visit: u64, outcome: Result<(Box<Enrollment>, String), Problem>) {
        let is_here = visit == self.visit && matches!(self.screen, Screen::Checking { .. });
        match outcome {
            Ok((enrollment, name)) if is_here => self.begin(*enrollment, name),
            // Whoever it was has gone; nothing is to be left half made.
            Ok((enrollment, _)) => self.want(Want::Cancel { id: enrollment.id }),
            Err(problem) if is_here => self.not_started(&problem),
            Err(_) => {}
        }
    }

    /// A slip is mended where it was made; anything else has a screen of its own.
    fn not_started(&mut self, problem: &Problem) {
        let Screen::Checking { back } = std::mem::replace(&mut self.screen, Screen::Welcome) else {
            return;
        };
        let slip = match problem.code {
            Code::TicketMalformed => Some(Slip::Malformed),
            Code::TicketUnknownCode => Some(Slip::Unknown),
            Code::Busy => Some(Slip::Moment),
            _ => None,
        };
        let screen = match (slip, *back) {
            (Some(_), Screen::Scan { .. }) => Screen::Scan { slip },
            (Some(_), _) => Screen::TypeCode { slip },
            (None, _) => Screen::Refused(Refused::of_problem(problem)),
        };
        self.enter(screen);
    }

    /// Back to the start, unless what is under way must be stopped first.
    fn home(&mut self) {
        match self.attempt() {
            Some(enrollment) if !enrollment.stage.is_final() => {
                let id = enrollment.id.clone();
                if let Screen::Attempt(attempt) = &mut self.screen {
                    attempt.cancelled = true;
                }
                self.want(Want::Cancel { id });
            }
            _ => self.go_home(),
        }
    }

    /// The welcome screen, for somebody else.
    fn go_home(&mut self) {
        self.stop_own_band();
        self.visit += 1;
        self.language = self.rules.language;
        self.sound = false;
        self.theme = self.rules.theme;
        self.enter(Screen::Welcome);
        self.look_around();
    }

    /// Somebody else may use the station from its command line.
    fn look_around(&mut self) {
        let is_used = |enrollment: &Enrollment| !enrollment.stage.is_final();
        let used = self.live.enrollment.as_ref().is_some_and(is_used);
        match (&self.screen, used) {
            (Screen::Welcome, true) => self.enter(Screen::Busy),
            (Screen::Busy, false) => self.enter(Screen::Welcome),
            _ => {}
        }
    }

    fn enter(&mut self, screen: Screen) {
        self.turn += 1;
        self.screen = screen;
        self.stay();
    }

    /// Somebody is there: the time until the screen is cleared begins anew.
    fn stay(&mut self) {
        let (idle, done) = (self.rules.idle, self.done_wait());
        let wait = match &self.screen {
            // What is under way has deadlines of its own.
            Screen::Welcome | Screen::Busy | Screen::Attempt(_) | Screen::OwnBand => None,
            Screen::Done(_) => Some(done),
            Screen::TestTap(_) => Some(idle.max(TEST_WAIT)),
            _ => Some(idle),
        };
        self.quiet_at = wait.map(|wait| self.at.now + wait);
    }

    fn want(&mut self, want: Want) {
        self.wants.push_back((self.visit, want));
    }

    /// The radio's state, where it keeps everybody from beginning.
    pub(super) fn radio_trouble(&self) -> Option<&str> {
        let radio = self.live.radio.as_str();
        (radio != "ready").then_some(radio)
    }

    /// The enrollment that this screen is about.
    pub(super) fn attempt(&self) -> Option<&Enrollment> {
        let Screen::Attempt(attempt) = &self.screen else {
            return None;
        };
        let live = self.live.enrollment.as_ref();
        live.filter(|enrollment| enrollment.id == attempt.id)
            .or(attempt.first.as_deref())
    }

    /// The part of the enrollment that the person sees. None of it while a refusal is being written down that
    /// needs no band.
    pub(super) fn phase(&self) -> Option<Phase> {
        let asks_for_none = |it: &&Enrollment| it.stage == Stage::Checking && it.band.is_none();
        self.attempt().filter(|it| !asks_for_none(it)).map(Phase::of)
    }

    fn code(&self) -> Option<String> {
        self.attempt().and_then(|enrollment| enrollment.code.clone())
    }

    fn is_over(&self) -> Option<Stage> {
        self.attempt()
            .map(|enrollment| enrollment.stage)
            .filter(|stage| stage.is_final())
    }
}

fn turned(theme: Theme) -> Theme {
    match theme {
        Theme::Dark => Theme::Light,
        Theme::Light => Theme::Dark,
        // What the browser's system says is not known here: whoever presses wants the other one, and dark is rarer.
        Theme::Auto => Theme::Dark,
    }
}

#[cfg(test)]
mod tests;
