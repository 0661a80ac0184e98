//! What the band says while it is asked who wears it.

use firmware_protocol::message::{
    Arm, BandToStation, Interruption, Report, Staged, StationToBand, Status, TouchFault,
};
use firmware_protocol::time::Instant;

use super::state::{After, State, Visit};
use super::{Core, MISSES_MAX, Refused};
use crate::enrollment::{FlowRefusal, Screen, Start, Tip, of_band, of_interruption};
use crate::ticket::{BandClaim, SignInRefusal};

impl Core {
    pub(super) fn message(&mut self, state: State, message: BandToStation) -> State {
        use BandToStation as From;
        match (state, message) {
            (
                State::AwaitingWorn {
                    visit,
                    arm,
                    asked: true,
                    until,
                    ..
                },
                From::Report(report),
            ) => self.seen(visit, arm, &report, until),
            (State::Arming { visit, arm, .. }, From::Armed(armed)) if armed.confirmed => {
                self.show(Screen::CompareCode(visit.code));
                self.show(Screen::Touch {
                    count: 0,
                    of: armed.touches,
                    quality: None,
                });
                let ends = self.after(self.start.limits.capture_wait);
                self.touching(visit, arm, false, ends)
            }
            // A band that serves the organization need not be asked whether it accepts its station.
            (State::Arming { visit, .. }, From::Armed(_)) => {
                self.refuse(visit, FlowRefusal::BandRefused.into())
            }
            (State::Arming { mut visit, .. }, From::Refused(refused)) => {
                visit.armed = None;
                self.refuse(visit, of_band(refused.reason, refused.detail).into())
            }
            (
                State::Touching {
                    visit,
                    arm,
                    touched,
                    ends,
                    ..
                },
                message,
            ) => self.at_the_wrist(visit, arm, touched, ends, message),
            (State::Aborting { mut visit, then, .. }, From::Aborted(_) | From::Refused(_)) => {
                visit.armed = None;
                self.aborted(visit, then)
            }
            (State::Finishing { .. }, From::Finished(_)) => self.ended(),
            (State::Finishing { .. }, From::Refused(_)) => self.hang_up(),
            // Pushes that came while something else was under way.
            (state, _) => state,
        }
    }

    /// The band said how it is while the person puts it on.
    fn seen(&mut self, visit: Box<Visit>, arm: Arm, report: &Report, until: Instant) -> State {
        let Start {
            organization, zone, ..
        } = self.start;
        let serial = self.serial.clone().expect("a band came");
        let claim = BandClaim::of(organization, zone, &serial, report);
        if claim.as_ref() != Some(&visit.claim) {
            return self.refuse(visit, SignInRefusal::BandNotOfOperator.into());
        }
        if report.worn {
            return self.prepare(visit, arm, true);
        }
        let poll_at = self.after(self.start.limits.worn_poll);
        State::AwaitingWorn {
            visit,
            arm,
            asked: false,
            poll_at,
            until,
        }
    }

    /// Looks whether the band is on.
    pub(super) fn poll_worn(&mut self, visit: Box<Visit>, arm: Arm, until: Instant) -> State {
        self.requests.push_back(StationToBand::Status(Status {}));
        State::AwaitingWorn {
            visit,
            arm,
            asked: true,
            poll_at: self.answer_until(),
            until,
        }
    }

    fn touching(&mut self, visit: Box<Visit>, arm: Arm, touched: bool, ends: Instant) -> State {
        let until = self.after(self.start.limits.touch_wait).min(ends);
        State::Touching {
            visit,
            arm,
            touched,
            ends,
            until,
        }
    }

    fn at_the_wrist(
        &mut self,
        mut visit: Box<Visit>,
        arm: Arm,
        mut touched: bool,
        ends: Instant,
        message: BandToStation,
    ) -> State {
        match message {
            BandToStation::Touched(touch) => touched = touch.count >= touch.of,
            BandToStation::TouchFailed(failed) => {
                self.show(Screen::TouchAgain {
                    fault: failed.fault,
                    in_a_row: failed.in_a_row,
                    tip: Tip::after(failed.fault, failed.in_a_row),
                });
                if failed.fault == TouchFault::NoMatch {
                    self.misses = self.misses.saturating_add(1);
                }
                if self.misses >= MISSES_MAX {
                    return self.refuse(visit, SignInRefusal::FingerNotRecognized.into());
                }
            }
            BandToStation::Interrupted(interrupted) => {
                visit.armed = None;
                return self.interrupted(visit, interrupted.cause, interrupted.lockout_seconds);
            }
            BandToStation::Staged(staged) if touched && self.is_of(&arm, &staged) => {
                self.misses = 0;
                return self.abort(visit, After::Ask);
            }
            // A finger that nobody put there.
            BandToStation::Staged(_) => return self.refuse(visit, FlowRefusal::BandRefused.into()),
            _ => {}
        }
        self.touching(visit, arm, touched, ends)
    }

    fn interrupted(&mut self, visit: Box<Visit>, cause: Interruption, lockout_seconds: u32) -> State {
        let refused = of_interruption(cause, lockout_seconds);
        self.refuse(visit, refused.map_or(FlowRefusal::NotWorn.into(), Refused::from))
    }

    fn is_of(&self, arm: &Arm, staged: &Staged) -> bool {
        staged.organization == self.start.organization
            && staged.association == arm.association
            && staged.user == arm.user
            && staged.zone == arm.zone
            && staged.epoch == arm.epoch
    }
}
