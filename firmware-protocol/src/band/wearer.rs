//! What happens at the wrist.

use core::time::Duration;

use super::BandEngine;
use super::record::{CredentialSecret, StagedAssociation};
use crate::advertisement::BATTERY_UNKNOWN;
use crate::handler::{BandHandler, Screen};
use crate::id::{OrganizationId, ScreenCode};
use crate::message::{
    Arm, BandToStation, Deleted, Interruption, Mode, Staged, TouchFailed, TouchFault, Touched,
    WearerConfirmed,
};
use crate::time::Instant;

/// Charge at which the band is about to switch itself off, in percent.
const BATTERY_CRITICAL_PERCENT: u8 = 3;
/// How long a press of the button asks for attention.
const INTENT: Duration = Duration::from_secs(10);

/// Something the wearer or the hardware did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wearer {
    /// The band is on a wrist now.
    PutOn,
    /// The band left the wrist.
    TakeOff,
    /// On the charger, or off it.
    Charger(bool),
    /// The charge, 0 to 100 percent.
    Battery(u8),
    /// A short press: "yes" to what the screen asks, else "here I am".
    Press,
    /// "No" to what the screen asks.
    Decline,
    /// A finger on the sensor: its quality from 0 to 100, or what was wrong.
    Touch(Result<u8, TouchFault>),
    /// The button held as long as deletion of user data asks for.
    HoldToDelete,
}

/// Wrist, charger, battery, lockout.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) worn: bool,
    pub(super) charging: bool,
    pub(super) battery_percent: u8,
    pub(super) locked_until: Option<Instant>,
    pub(super) intent_until: Option<Instant>,
}

impl Default for Body {
    fn default() -> Self {
        let battery_percent = BATTERY_UNKNOWN;
        Self {
            worn: false,
            charging: false,
            battery_percent,
            locked_until: None,
            intent_until: None,
        }
    }
}

impl Body {
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        for until in [&mut self.locked_until, &mut self.intent_until] {
            if until.is_some_and(|until| now >= until) {
                *until = None;
            }
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        [self.locked_until, self.intent_until].into_iter().flatten().min()
    }
}

/// An association in the making; a power cut forgets it.
#[derive(Debug)]
pub(super) struct Armed {
    pub(super) arm: Arm,
    pub(super) organization: OrganizationId,
    pub(super) code: ScreenCode,
    pub(super) confirmed: bool,
    pub(super) count: u8,
    pub(super) of: u8,
    pub(super) deadline: Instant,
}

impl Armed {
    /// What is to wait for its commit. `slot` is the template slot in use: a new finger is in the other.
    fn staged(&self, credential: CredentialSecret, slot: u8) -> StagedAssociation {
        let Arm {
            association,
            user,
            zone,
            epoch,
            mode,
            ref label,
        } = self.arm;
        let staged = Staged {
            organization: self.organization,
            association,
            user,
            zone,
            epoch,
            credential_key: credential.public(),
        };
        StagedAssociation {
            staged,
            credential,
            mode,
            label: label.clone(),
            slot: if mode == Mode::Capture { 1 - slot } else { slot },
        }
    }
}

impl BandEngine {
    /// Takes what the wearer or the hardware did.
    pub fn handle_wearer(&mut self, now: Instant, action: Wearer, handler: &mut impl BandHandler) {
        match action {
            Wearer::PutOn => self.body.worn = true,
            Wearer::TakeOff => {
                self.body.worn = false;
                self.interrupt(now, Interruption::TakenOff, handler);
            }
            Wearer::Charger(on) => {
                self.body.charging = on;
                self.watch_battery(now, handler);
            }
            Wearer::Battery(percent) => {
                self.body.battery_percent = percent.min(100);
                self.watch_battery(now, handler);
            }
            Wearer::Press => self.press(now, handler),
            Wearer::Decline => self.interrupt(now, Interruption::Declined, handler),
            Wearer::Touch(touch) => self.touch(now, touch, handler),
            Wearer::HoldToDelete => self.delete_user_data(now, handler),
        }
    }

    fn watch_battery(&mut self, now: Instant, handler: &mut impl BandHandler) {
        if self.body.battery_percent <= BATTERY_CRITICAL_PERCENT && !self.body.charging {
            self.interrupt(now, Interruption::BatteryLow, handler);
        }
    }

    fn press(&mut self, now: Instant, handler: &mut impl BandHandler) {
        match &mut self.armed {
            Some(armed) if !armed.confirmed => {
                armed.confirmed = true;
                self.push(now, BandToStation::WearerConfirmed(WearerConfirmed {}));
                self.ask_touch(now, handler);
            }
            Some(_) => {}
            None => self.body.intent_until = Some(now + INTENT),
        }
    }

    /// Shows the wearer what is next and gives them time for it.
    pub(super) fn ask_touch(&mut self, now: Instant, handler: &mut impl BandHandler) {
        let Some(armed) = &mut self.armed else { return };
        armed.deadline = now + self.settings.wearer_timeout;
        if !armed.confirmed {
            return handler.show(Screen::Confirm {
                code: armed.code,
                label: armed.arm.label.clone(),
            });
        }
        if armed.count == 0 {
            handler.sense((armed.arm.mode == Mode::Capture).then_some(1 - self.record.slot));
        }
        handler.show(Screen::Touch {
            code: armed.code,
            count: armed.count,
            of: armed.of,
        });
    }

    fn touch(&mut self, now: Instant, touch: Result<u8, TouchFault>, handler: &mut impl BandHandler) {
        let Some(armed) = self.armed.as_mut().filter(|armed| armed.confirmed) else {
            return;
        };
        match touch {
            Ok(quality) => {
                armed.count += 1;
                let (count, of) = (armed.count, armed.of);
                self.record.failures = 0;
                self.push(
                    now,
                    BandToStation::Touched(Touched {
                        count,
                        of,
                        quality: quality.min(100),
                    }),
                );
                if count == of {
                    self.stage(now, handler)
                } else {
                    self.ask_touch(now, handler)
                }
            }
            Err(fault) => self.touch_failed(now, fault, handler),
        }
    }

    /// Counts a failed touch durably before saying so: a power cut must not give tries back.
    fn touch_failed(&mut self, now: Instant, fault: TouchFault, handler: &mut impl BandHandler) {
        let in_a_row = self.record.failures.saturating_add(1);
        let next = super::Record {
            failures: in_a_row,
            ..self.record.clone()
        };
        if self.keep(next, handler).is_err() {
            return self.interrupt(now, Interruption::StorageFault, handler);
        }
        self.push(now, BandToStation::TouchFailed(TouchFailed { fault, in_a_row }));
        if in_a_row >= self.settings.lockout_failures {
            self.body.locked_until = Some(now + self.settings.lockout);
            return self.interrupt(now, Interruption::LockedOut, handler);
        }
        if let Some(armed) = &mut self.armed {
            armed.deadline = now + self.settings.wearer_timeout;
        }
        handler.show(Screen::TouchAgain(fault));
    }

    /// All touches are in: the association becomes durable, waiting for its commit.
    fn stage(&mut self, now: Instant, handler: &mut impl BandHandler) {
        let Some(armed) = &self.armed else { return };
        let mut secret = [0; 32];
        handler.random(&mut secret);
        let waiting = armed.staged(CredentialSecret(secret), self.record.slot);
        let staged = waiting.staged.clone();
        let next = super::Record {
            staged: Some(waiting),
            ..self.record.clone()
        };
        if self.keep(next, handler).is_err() {
            return self.interrupt(now, Interruption::StorageFault, handler);
        }
        self.armed = None;
        handler.show(Screen::Wait);
        self.push(now, BandToStation::Staged(staged));
    }

    fn delete_user_data(&mut self, now: Instant, handler: &mut impl BandHandler) {
        let next = self.record.emptied();
        let epoch = next.epoch;
        if self.keep(next, handler).is_err() {
            handler.show(Screen::Stopped);
            return self.interrupt(now, Interruption::StorageFault, handler);
        }
        handler.erase_templates();
        self.body.locked_until = None;
        self.deletion_until = None;
        self.interrupt(now, Interruption::Deleted, handler);
        self.push(now, BandToStation::Deleted(Deleted { epoch }));
        self.show_idle(handler);
    }
}
