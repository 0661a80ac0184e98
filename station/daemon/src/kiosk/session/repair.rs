//! What an operator puts right: a clock in doubt, enrollments whose band does not come back.
//!
//! Each takes two hands on the screen: the first one is shown what it would do, the second one does it.

use station_core::replica::Right;

use super::desk::Desk;
use super::{Answer, Screen, Session, Stale, Want};
use crate::api::model::{Clock, OpenIntent};
use crate::kiosk::act::Tab;
use crate::problem::Problem;

/// What there is to put right, as far as the operator may.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::kiosk) struct Open {
    /// What is known about the date.
    pub(in crate::kiosk) clock: Option<Clock>,
    /// Enrollments whose end only their band knows, each with the name of whoever it is for.
    pub(in crate::kiosk) intents: Vec<(OpenIntent, String)>,
}

/// What the operator thinks of doing.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::kiosk) enum Weighed {
    /// Nothing yet.
    #[default]
    Nothing,
    /// Saying that the clock is right.
    Clock,
    /// Giving up the enrollment with this association.
    Intent(String),
}

/// What an operator puts right.
#[derive(Debug, Default)]
pub(in crate::kiosk) struct Repair {
    /// What there is; nothing while it is looked up or being changed.
    pub(in crate::kiosk) open: Option<Open>,
    /// What its effect is shown of.
    pub(in crate::kiosk) weighed: Weighed,
    /// What came of the last thing that was done: the name of the reason where it was not.
    pub(in crate::kiosk) said: Option<Result<(), String>>,
}

impl Desk {
    /// What an operator may put right at all.
    pub(super) fn may_repair(&self) -> bool {
        self.by.has(Right::ConfirmClock) || self.by.has(Right::CloseIntents)
    }
}

impl Session {
    /// Looks up what there is to put right.
    pub(super) fn look_up(&mut self) {
        if let Screen::Desk(desk) = &mut self.screen {
            desk.repair.open = None;
            let (clock, intents) = (desk.by.has(Right::ConfirmClock), desk.by.has(Right::CloseIntents));
            self.want(Want::LookUp { clock, intents });
        }
    }

    fn repairing(&mut self, right: Right) -> Result<&mut Desk, Stale> {
        let desk = self.desk_with(right)?;
        match desk.tab {
            Tab::Repair => Ok(desk),
            _ => Err(Stale::NotHere),
        }
    }

    /// Shows what confirming the clock would do, with what the clock says by now.
    pub(super) fn ask_clock(&mut self) -> Result<(), Stale> {
        let desk = self.repairing(Right::ConfirmClock)?;
        (desk.repair.weighed, desk.repair.said) = (Weighed::Clock, None);
        self.turn += 1;
        self.look_up();
        Ok(())
    }

    /// Shows what giving up an enrollment would do.
    pub(super) fn ask_intent(&mut self, association: String) -> Result<(), Stale> {
        let repair = &mut self.repairing(Right::CloseIntents)?.repair;
        let open = repair.open.iter().flat_map(|open| &open.intents);
        if !open
            .into_iter()
            .any(|(intent, _)| intent.association == association)
        {
            return Err(Stale::NotHere);
        }
        (repair.weighed, repair.said) = (Weighed::Intent(association), None);
        self.turn += 1;
        Ok(())
    }

    /// The operator has seen the effect and wants it.
    pub(super) fn put_right(&mut self) -> Result<(), Stale> {
        let Screen::Desk(desk) = &mut self.screen else {
            return Err(Stale::NotHere);
        };
        let (by, repair) = (desk.by.clone(), &mut desk.repair);
        let clock_ms = repair.open.as_ref().and_then(|open| open.clock.as_ref());
        let clock_ms = clock_ms
            .filter(|clock| !clock.trusted)
            .map(|clock| clock.clock_ms);
        let want = match (&repair.weighed, clock_ms) {
            (Weighed::Clock, Some(clock_ms)) => Want::ConfirmClock { by, clock_ms },
            (Weighed::Intent(association), _) => Want::CloseIntent {
                by,
                association: association.clone(),
            },
            _ => return Err(Stale::NotHere),
        };
        *repair = Repair::default();
        self.turn += 1;
        self.want(want);
        Ok(())
    }

    /// The operator has seen the effect and leaves things as they are.
    pub(super) fn leave_it(&mut self) -> Result<(), Stale> {
        match &mut self.screen {
            Screen::Desk(desk) if desk.repair.weighed != Weighed::Nothing => {
                desk.repair.weighed = Weighed::Nothing;
                self.turn += 1;
                Ok(())
            }
            _ => Err(Stale::NotHere),
        }
    }

    /// It was put right, or was not.
    pub(super) fn was_put_right(&mut self, outcome: Result<(), Problem>) {
        if let Screen::Desk(desk) = &mut self.screen {
            desk.repair.said = Some(outcome.map_err(|problem| problem.code.as_str().to_owned()));
            self.look_up();
        }
    }

    /// What there is to put right was looked up.
    pub(super) fn looked_up(&mut self, answer: Answer) {
        if let (Screen::Desk(desk), Answer::LookedUp(open)) = (&mut self.screen, answer) {
            desk.repair.open = Some(*open);
            self.turn += 1;
        }
    }
}
