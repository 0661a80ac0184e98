//! What will be asked of the band, once the policy has allowed it.

use firmware_protocol::id::{AssociationId, UserHandle, Zone};
use firmware_protocol::message::{Arm, Mode, Staged, StationToBand};

use super::contact::Contact;
use super::event::Knowledge;
use super::question::Answer;
use super::refusal::{FlowRefusal, Refusal};
use crate::journal::{FlowId, Intent};
use crate::label::label_for;
use crate::replica::UserRow;
use crate::ticket::TicketId;

/// An association to be.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) association: AssociationId,
    pub(super) user: UserHandle,
    pub(super) zone: Zone,
    pub(super) epoch: u32,
    pub(super) mode: Mode,
    pub(super) label: String,
}

impl Plan {
    /// The plan for a user whom the policy has allowed the band, or what about the band's condition stands
    /// in its way.
    pub(super) fn new(
        zone: Zone,
        user: &UserRow,
        contact: &Contact,
        known: &Knowledge,
        answer: &Answer,
    ) -> Result<Self, Refusal> {
        let report = &contact.report;
        is_charged(contact, answer)?;
        if report.lockout_seconds > 0 {
            return Err(Refusal::Flow {
                code: FlowRefusal::BandLockedOut,
                detail: report.lockout_seconds,
            });
        }
        let epoch = report
            .epoch
            .checked_add(1)
            .ok_or(Refusal::flow(FlowRefusal::BandRefused))?;
        let mode = match zone {
            Zone::Enrollment => Mode::Capture,
            Zone::Registration => Mode::Authenticate,
        };
        let label = label_for(user, &answer.policy);
        Ok(Self {
            association: known.fresh,
            user: user.handle,
            zone,
            epoch,
            mode,
            label,
        })
    }

    pub(super) fn arm(&self) -> StationToBand {
        let Self {
            association,
            user,
            zone,
            epoch,
            mode,
            label,
        } = self.clone();
        StationToBand::Arm(Arm {
            association,
            user,
            zone,
            epoch,
            mode,
            label,
        })
    }

    /// The intent to commit what the band has staged.
    pub(super) fn intent(
        &self,
        flow: FlowId,
        contact: &Contact,
        staged: &Staged,
        time_ms: u64,
        ticket: Option<TicketId>,
    ) -> Intent {
        Intent {
            flow,
            association: self.association,
            user: self.user,
            serial: contact.serial().clone(),
            zone: self.zone,
            epoch: self.epoch,
            mode: self.mode,
            credential_key: staged.credential_key,
            time_ms,
            ticket,
        }
    }
}

/// Whether the band's charge is enough to finish what is begun now.
pub(super) fn is_charged(contact: &Contact, answer: &Answer) -> Result<(), Refusal> {
    let battery_min = answer.policy.battery_min_percent.value;
    if contact.report.battery_percent >= battery_min {
        return Ok(());
    }
    Err(Refusal::Flow {
        code: FlowRefusal::BatteryLow,
        detail: battery_min.into(),
    })
}
