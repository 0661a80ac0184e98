//! An operator signs in by the own band: on the page two screens, the rest is the event loop's.

use station_core::sign_in;
use station_core::ticket::SignedIn;

use super::desk::Desk;
use super::screen::{Refused, Screen};
use super::{Session, Stale, Want};
use crate::problem::Problem;

impl Session {
    /// An operator chose the band, or tries it again.
    pub(super) fn sign_in_by_band(&mut self) -> Result<(), Stale> {
        let is_here = matches!(self.screen, Screen::SignIn { .. } | Screen::OwnBandRefused(_));
        if !is_here || !self.rules.operator_bands {
            return Err(Stale::NotHere);
        }
        self.want(Want::SignInByBand);
        self.enter(Screen::OwnBand);
        Ok(())
    }

    /// Name and PIN after all.
    pub(super) fn pin_instead(&mut self) -> Result<(), Stale> {
        if !matches!(self.screen, Screen::OwnBand | Screen::OwnBandRefused(_)) {
            return Err(Stale::NotHere);
        }
        self.stop_own_band();
        self.enter(Screen::SignIn { slip: None });
        Ok(())
    }

    /// Whoever wanted to sign in by a band is gone. What comes of it is nobody's any more.
    pub(super) fn stop_own_band(&mut self) {
        if matches!(self.screen, Screen::OwnBand) {
            self.visit += 1;
            self.want(Want::StopSignIn);
        }
    }

    pub(super) fn signed_in_by_band(&mut self, outcome: Result<Result<SignedIn, sign_in::Refused>, Problem>) {
        if !matches!(self.screen, Screen::OwnBand) {
            return;
        }
        let refused = match outcome {
            Ok(Ok(by)) => return self.enter(Screen::Desk(Box::new(Desk::new(by)))),
            Ok(Err(refused)) => Refused::of_sign_in(&refused),
            Err(problem) => Refused::of_problem(&problem),
        };
        self.enter(Screen::OwnBandRefused(refused));
    }
}
