//! An enrollment on the page: which part of it the person sees, and what their hand does to it.

use super::screen::{Attempt, Ready, Refused, Screen, Test};
use super::{Session, Stale, Want};
use crate::api::model::{Enrollment, Stage};
use crate::eventloop::look::BandSeen;
use crate::kiosk::name::Name;
use crate::problem::Problem;

/// The code of an enrollment that somebody stopped.
const CANCELLED: &str = "cancelled";

/// What the person sees of an enrollment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::kiosk) enum Phase {
    /// Hold the band to the station.
    YourBand,
    /// Put the band on.
    PutOn,
    /// Compare the codes.
    Compare,
    /// Touch the sensor.
    Touch,
    /// Everything is being written.
    Saving,
    /// Delete the band's user data.
    DeleteUserData,
    /// Bring the band back.
    BringBack,
    /// This is another band.
    OtherBand,
}

impl Phase {
    /// All of them.
    #[cfg(test)]
    pub(in crate::kiosk) const ALL: [Self; 8] = [
        Self::YourBand,
        Self::PutOn,
        Self::Compare,
        Self::Touch,
        Self::Saving,
        Self::DeleteUserData,
        Self::BringBack,
        Self::OtherBand,
    ];

    pub(in crate::kiosk) fn of(enrollment: &Enrollment) -> Self {
        // A band may take touches before the code is confirmed here: that is asked first.
        let code_open = enrollment.code.is_some() && !enrollment.code_confirmed;
        match enrollment.stage {
            Stage::LookingForBand | Stage::SeveralBands | Stage::Connecting | Stage::Checking => {
                Self::YourBand
            }
            Stage::PutOn => Self::PutOn,
            Stage::CompareCode => Self::Compare,
            Stage::Touch if code_open => Self::Compare,
            Stage::Touch => Self::Touch,
            Stage::Saving | Stage::Done | Stage::Refused => Self::Saving,
            Stage::DeleteUserData => Self::DeleteUserData,
            Stage::BringBack => Self::BringBack,
            Stage::OtherBand => Self::OtherBand,
        }
    }

    /// The screen that shows it.
    pub(in crate::kiosk) fn screen(self) -> Name {
        match self {
            Self::YourBand => Name::YourBand,
            Self::PutOn => Name::PutOn,
            Self::Compare => Name::Compare,
            Self::Touch => Name::Touch,
            Self::Saving => Name::Saving,
            Self::DeleteUserData => Name::DeleteUserData,
            Self::BringBack => Name::BringBack,
            Self::OtherBand => Name::OtherBand,
        }
    }

    /// The stable name of the screen.
    pub(in crate::kiosk) fn name(self) -> &'static str {
        self.screen().as_str()
    }
}

impl Session {
    /// An enrollment was begun for whoever stands here.
    pub(super) fn begin(&mut self, first: Enrollment, name: String) {
        self.enter(Screen::Attempt(Attempt {
            id: first.id.clone(),
            name,
            cancelled: false,
            first: Some(Box::new(first)),
        }));
        // It may be over by now.
        self.follow(None);
    }

    /// The enrollment went on. `before` is what was seen of it.
    pub(super) fn follow(&mut self, before: Option<(Phase, Option<String>)>) {
        match self.is_over() {
            Some(Stage::Done) => self.done(),
            Some(_) => self.refused(),
            None => {
                let after = self.phase().map(|phase| (phase, self.code()));
                if before.is_some() && before != after {
                    self.turn += 1;
                }
            }
        }
    }

    fn done(&mut self) {
        let (Some(enrollment), Screen::Attempt(attempt)) = (self.attempt(), &self.screen) else {
            return;
        };
        let outcome = enrollment.outcome.clone().unwrap_or_default();
        let ready = Ready {
            name: attempt.name.clone(),
            serial: enrollment
                .band
                .as_ref()
                .map_or_else(String::new, |band| band.serial.clone()),
            consequences: enrollment.consequences.clone(),
            association: outcome.association.unwrap_or_default(),
            wall_ms: self.at.wall_ms,
            tested: None,
        };
        let elapsed_ms = enrollment.elapsed_ms;
        self.count_served(elapsed_ms);
        if !self.rules.test_tap || self.line.shift {
            return self.enter(Screen::Done(ready));
        }
        self.test(ready);
    }

    fn test(&mut self, ready: Ready) {
        let serial = ready.serial.clone();
        self.enter(Screen::TestTap(Test { ready, failed: false }));
        self.want(Want::Look { serial });
    }

    fn refused(&mut self) {
        let Some(enrollment) = self.attempt() else { return };
        let outcome = enrollment.outcome.clone().unwrap_or_default();
        if outcome.code == CANCELLED {
            return self.go_home();
        }
        let refused = Refused::of_enrollment(enrollment, &outcome);
        self.enter(Screen::Refused(refused));
    }

    /// Somebody compared the codes.
    pub(super) fn compared(&mut self, same: bool) -> Result<(), Stale> {
        let open = self.attempt().filter(|enrollment| !enrollment.code_confirmed);
        let id = open.map(|enrollment| enrollment.id.clone());
        match (self.phase(), id, self.code()) {
            (Some(Phase::Compare), Some(id), Some(code)) => {
                self.want(Want::Compared { id, same, code });
                Ok(())
            }
            _ => Err(Stale::NotHere),
        }
    }

    /// The band was looked at.
    pub(super) fn looked(&mut self, outcome: Result<Box<BandSeen>, Problem>) {
        let Screen::TestTap(test) = &self.screen else {
            return;
        };
        let mut test = test.clone();
        if outcome.is_ok_and(|seen| holds(&seen, &test.ready.association)) {
            test.ready.tested = Some(true);
            return self.enter(Screen::Done(test.ready));
        }
        test.failed = true;
        test.ready.tested = Some(false);
        self.enter(Screen::TestTap(test));
    }

    pub(super) fn skip_test(&mut self) -> Result<(), Stale> {
        let Screen::TestTap(test) = &self.screen else {
            return Err(Stale::NotHere);
        };
        let ready = test.ready.clone();
        self.visit += 1;
        self.enter(Screen::Done(ready));
        Ok(())
    }

    pub(super) fn test_again(&mut self) -> Result<(), Stale> {
        let Screen::TestTap(test) = &self.screen else {
            return Err(Stale::NotHere);
        };
        if !test.failed {
            return Err(Stale::NotHere);
        }
        let ready = test.ready.clone();
        self.test(ready);
        Ok(())
    }
}

/// Whether the band says that it holds the association that was made.
fn holds(seen: &BandSeen, association: &str) -> bool {
    let mut held = seen.report.associations.iter();
    held.any(|held| held.association.to_string() == association)
}
