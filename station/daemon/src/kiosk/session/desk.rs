//! The operator's side: who signed in, what they look at, who waits.

use std::collections::VecDeque;
use std::time::Duration;

use station_core::replica::Right;
use station_core::ticket::SignedIn;

use super::repair::Repair;
use super::screen::{Refused, Screen};
use super::{Answer, Session, Stale, Want};
use crate::api::model::{Finding, JournalEntry, OperatorPin, Secret};
use crate::eventloop::look::BandSeen;
use crate::eventloop::signed::Vouched;
use crate::kiosk::act::{Act, Tab};
use crate::problem::Problem;

/// People who may wait: more do not fit on a screen, and nobody remembers who they were.
const WAITING_MAX: usize = 12;
/// The last screen of an enrollment stays so long where people stand in line.
const SHIFT_DONE: Duration = Duration::from_secs(4);

/// An operator at the station.
#[derive(Debug)]
pub(in crate::kiosk) struct Desk {
    /// Who.
    pub(in crate::kiosk) by: SignedIn,
    /// What is looked at.
    pub(in crate::kiosk) tab: Tab,
    /// Whom to vouch for.
    pub(in crate::kiosk) sought: Sought,
    /// The band that is checked.
    pub(in crate::kiosk) band: Checking,
    /// How the station is.
    pub(in crate::kiosk) station: Option<Station>,
    /// Where the report for support was written, or that it was not.
    pub(in crate::kiosk) bundle: Option<Result<String, ()>>,
    /// What is put right.
    pub(in crate::kiosk) repair: Repair,
}

/// Whom an operator looks for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::kiosk) enum Sought {
    /// Nobody yet.
    #[default]
    Nobody,
    /// There is nobody with this id.
    Unknown(String),
    /// Somebody.
    Found(Person),
}

/// Somebody the station knows.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::kiosk) struct Person {
    /// The user's id.
    pub(in crate::kiosk) id: String,
    /// The name, or the id where there is none.
    pub(in crate::kiosk) name: String,
    /// An active user who is not suspended.
    pub(in crate::kiosk) active: bool,
}

/// A band that an operator asks about.
#[derive(Debug, Default)]
pub(in crate::kiosk) enum Checking {
    /// Nothing was asked.
    #[default]
    Nothing,
    /// A band is being looked at.
    Looking,
    /// No band could be looked at.
    Failed,
    /// This one.
    Seen(Box<Checked>),
}

/// A band, and whose it is.
#[derive(Debug)]
pub(in crate::kiosk) struct Checked {
    /// What it is.
    pub(in crate::kiosk) seen: BandSeen,
    /// Who holds it, in the order of its associations that are not ended.
    pub(in crate::kiosk) holders: Vec<Person>,
}

/// How the station is.
#[derive(Debug)]
pub(in crate::kiosk) struct Station {
    /// What the doctor found.
    pub(in crate::kiosk) findings: Vec<Finding>,
    /// The journal's last entries, newest first.
    pub(in crate::kiosk) entries: Vec<JournalEntry>,
}

/// Somebody who waits, and who vouches.
#[derive(Clone, Debug)]
pub(in crate::kiosk) struct Waiting {
    /// Who.
    pub(in crate::kiosk) person: Person,
    pub(in crate::kiosk) by: SignedIn,
}

/// Who waits, and how quickly it goes.
#[derive(Debug, Default)]
pub(in crate::kiosk) struct Line {
    /// Who waits, the next one first.
    pub(in crate::kiosk) waiting: VecDeque<Waiting>,
    /// People stand in line: the next one at once.
    pub(in crate::kiosk) shift: bool,
    /// People served since the shift began.
    pub(in crate::kiosk) served: u32,
    /// What it took them together, in milliseconds.
    pub(in crate::kiosk) served_ms: u64,
}

impl Line {
    /// Seconds that a person took, on average.
    pub(in crate::kiosk) fn seconds_each(&self) -> Option<u64> {
        (self.served > 0).then(|| self.served_ms / u64::from(self.served) / 1000)
    }
}

impl Desk {
    pub(in crate::kiosk) fn new(by: SignedIn) -> Self {
        Self {
            by,
            tab: Tab::Start,
            sought: Sought::Nobody,
            band: Checking::Nothing,
            station: None,
            bundle: None,
            repair: Repair::default(),
        }
    }

    /// Whether this tab is the operator's to open.
    pub(in crate::kiosk) fn may(&self, tab: Tab) -> bool {
        match tab {
            Tab::Start => true,
            Tab::Vouch => self.by.has(Right::Vouch),
            Tab::Band => self.by.has(Right::CheckBands),
            Tab::Station | Tab::Journal => self.by.has(Right::Diagnose),
            Tab::Repair => self.may_repair(),
        }
    }
}

impl Session {
    /// The desk, if its operator has this right.
    pub(super) fn desk_with(&mut self, right: Right) -> Result<&mut Desk, Stale> {
        match &mut self.screen {
            Screen::Desk(desk) if desk.by.has(right) => Ok(desk),
            _ => Err(Stale::NotHere),
        }
    }

    pub(super) fn sign_in(&mut self, operator: String, pin: Secret) -> Result<(), Stale> {
        if !matches!(self.screen, Screen::SignIn { .. }) {
            return Err(Stale::NotHere);
        }
        self.want(Want::SignIn(OperatorPin { operator, pin }));
        self.enter(Screen::SigningIn);
        Ok(())
    }

    pub(super) fn signed_in(&mut self, outcome: Result<SignedIn, Problem>) {
        if !matches!(self.screen, Screen::SigningIn) {
            return;
        }
        match outcome {
            Ok(by) => self.enter(Screen::Desk(Box::new(Desk::new(by)))),
            Err(problem) => {
                let refused = Refused::of_problem(&problem);
                self.enter(Screen::SignIn {
                    slip: Some(refused.code),
                });
            }
        }
    }

    /// What an operator does.
    pub(super) fn operate(&mut self, act: Act) -> Result<(), Stale> {
        match act {
            Act::Tab { tab } => self.open_tab(tab),
            Act::Find { user } => {
                self.desk_with(Right::Vouch)?.sought = Sought::Nobody;
                self.want(Want::Find { user });
                Ok(())
            }
            Act::VouchNow {} => {
                let (by, person) = self.vouch()?;
                self.vouch_for(by, person.id);
                Ok(())
            }
            Act::VouchLater {} => self.queue(),
            Act::Unqueue { at } => {
                self.desk_with(Right::Vouch)?;
                let at = at.parse().map_err(|_| Stale::NotHere)?;
                self.line.waiting.remove(at).map(drop).ok_or(Stale::NotHere)
            }
            Act::Shift {} => {
                self.desk_with(Right::Vouch)?;
                let shift = !self.line.shift;
                let waiting = std::mem::take(&mut self.line.waiting);
                self.line = Line {
                    waiting,
                    shift,
                    ..Line::default()
                };
                Ok(())
            }
            Act::CheckBand {} => {
                self.desk_with(Right::CheckBands)?.band = Checking::Looking;
                self.want(Want::Check);
                Ok(())
            }
            Act::Bundle {} => {
                self.desk_with(Right::Diagnose)?.bundle = None;
                let log = self.log.clone();
                self.want(Want::Bundle(log));
                Ok(())
            }
            Act::AskClock {} => self.ask_clock(),
            Act::AskIntent { association } => self.ask_intent(association),
            Act::PutRight {} => self.put_right(),
            Act::LeaveIt {} => self.leave_it(),
            _ => Err(Stale::NotHere),
        }
    }

    fn open_tab(&mut self, tab: Tab) -> Result<(), Stale> {
        let Screen::Desk(desk) = &mut self.screen else {
            return Err(Stale::NotHere);
        };
        if !desk.may(tab) {
            return Err(Stale::NotHere);
        }
        desk.tab = tab;
        (desk.sought, desk.band, desk.bundle) = (Sought::Nobody, Checking::Nothing, None);
        desk.repair = Repair::default();
        if matches!(tab, Tab::Station | Tab::Journal) {
            desk.station = None;
            self.want(Want::Examine);
        }
        if tab == Tab::Repair {
            self.look_up();
        }
        self.turn += 1;
        Ok(())
    }

    /// Whom the operator found, to vouch for.
    fn vouch(&mut self) -> Result<(SignedIn, Person), Stale> {
        let desk = self.desk_with(Right::Vouch)?;
        match std::mem::take(&mut desk.sought) {
            Sought::Found(person) => Ok((desk.by.clone(), person)),
            other => {
                desk.sought = other;
                Err(Stale::NotHere)
            }
        }
    }

    fn queue(&mut self) -> Result<(), Stale> {
        if self.line.waiting.len() >= WAITING_MAX {
            return Err(Stale::NotHere);
        }
        let (by, person) = self.vouch()?;
        self.line.waiting.push_back(Waiting { person, by });
        self.turn += 1;
        Ok(())
    }

    /// The next in line stands here.
    pub(super) fn call_next(&mut self) -> Result<(), Stale> {
        if !matches!(self.screen, Screen::Welcome | Screen::Desk(_)) {
            return Err(Stale::NotHere);
        }
        let next = self.line.waiting.pop_front().ok_or(Stale::NotHere)?;
        self.vouch_for(next.by, next.person.id);
        Ok(())
    }

    /// The next in line does not come.
    pub(super) fn skip_next(&mut self) -> Result<(), Stale> {
        if !matches!(self.screen, Screen::Welcome) {
            return Err(Stale::NotHere);
        }
        let next = self.line.waiting.pop_front().ok_or(Stale::NotHere)?;
        self.line.waiting.push_back(next);
        self.turn += 1;
        Ok(())
    }

    /// The operator steps back: from here on the screen is the person's, and nobody is signed in.
    fn vouch_for(&mut self, by: SignedIn, user: String) {
        self.visit += 1;
        self.want(Want::Vouched(Vouched { by, user }));
        self.enter(Screen::Checking {
            back: Box::new(Screen::Welcome),
        });
    }

    /// Something that the operator asked for is there.
    pub(super) fn told_at_desk(&mut self, answer: Answer) {
        let Screen::Desk(desk) = &mut self.screen else {
            return;
        };
        match answer {
            Answer::Found(user, person) => {
                desk.sought = person.map_or(Sought::Unknown(user), Sought::Found);
                self.turn += 1;
            }
            Answer::Checked(Ok(checked)) => desk.band = Checking::Seen(checked),
            Answer::Checked(Err(_)) => desk.band = Checking::Failed,
            Answer::Examined(station) => desk.station = Some(*station),
            Answer::Bundled(outcome) => desk.bundle = Some(outcome.map_err(drop)),
            Answer::PutRight(outcome) => self.was_put_right(outcome),
            answer @ Answer::LookedUp(_) => self.looked_up(answer),
            _ => {}
        }
    }

    /// How long the last screen of an enrollment stays.
    pub(super) fn done_wait(&self) -> Duration {
        match self.line.shift {
            true => SHIFT_DONE.min(self.rules.done),
            false => self.rules.done,
        }
    }

    /// Somebody was served.
    pub(super) fn count_served(&mut self, elapsed_ms: u64) {
        self.line.served += 1;
        self.line.served_ms += elapsed_ms;
    }
}
