//! One band at the station, as the present session knows it.

use firmware_protocol::certificate::{BandCertificate, Signed};
use firmware_protocol::id::{AssociationId, OrganizationId, ScreenCode, Serial, Zone};
use firmware_protocol::message::{Held, Report, Staged};
use firmware_protocol::receipt::Receipt;
use firmware_protocol::station::Established;

use super::plan::Plan;
use crate::journal::Intent;

/// A band in a session.
#[derive(Clone, Debug)]
pub(super) struct Contact {
    pub(super) certificate: BandCertificate,
    pub(super) signed_certificate: Signed,
    pub(super) report: Report,
    pub(super) code: ScreenCode,
    /// The station's own rows know what the band holds.
    pub(super) is_known: bool,
    /// The link still stands.
    pub(super) live: bool,
    /// What this station armed or found staged, and must abort if it goes no further.
    pub(super) pending: Option<AssociationId>,
    /// What the band may consider finished when the session ends.
    pub(super) finish: Option<AssociationId>,
}

impl Contact {
    pub(super) fn new(established: Established) -> Self {
        let Established {
            certificate,
            signed_certificate,
            report,
            code,
        } = established;
        Self {
            certificate,
            signed_certificate,
            report,
            code,
            is_known: false,
            live: true,
            pending: None,
            finish: None,
        }
    }

    pub(super) fn serial(&self) -> &Serial {
        &self.certificate.serial
    }

    /// The association the band holds in a zone for this organization.
    pub(super) fn held(&self, organization: OrganizationId, zone: Zone) -> Option<&Held> {
        let ours = self.report.organization == Some(organization);
        self.report
            .associations
            .iter()
            .find(|held| ours && held.zone == zone)
    }

    /// Whether the band waits for the commit of exactly this intent.
    pub(super) fn waits_for(&self, organization: OrganizationId, intent: &Intent) -> bool {
        let same = |staged: &Staged| {
            staged.organization == organization
                && staged.association == intent.association
                && staged.user == intent.user
                && staged.zone == intent.zone
                && staged.epoch == intent.epoch
                && staged.credential_key == intent.credential_key
        };
        self.report.staged.as_ref().is_some_and(same)
    }

    /// The band's report apart from how it is worn and charged: what the decision rested on.
    pub(super) fn holds_the_same(&self, report: &Report) -> bool {
        let essence = |r: &Report| (r.organization, r.epoch, r.associations.clone());
        essence(&self.report) == essence(report)
    }

    /// The receipt, if this band signed it for this organization.
    fn verified(&self, organization: OrganizationId, signed: &Signed) -> Option<Receipt> {
        let receipt = Receipt::verify(signed, &self.certificate.signing_key).ok()?;
        let ours = receipt.serial == *self.serial() && receipt.organization == organization;
        ours.then_some(receipt)
    }

    /// The receipt, if it proves what the intent intended.
    pub(super) fn receipt_of_intent(
        &self,
        organization: OrganizationId,
        signed: &Signed,
        intent: &Intent,
    ) -> Option<Receipt> {
        self.verified(organization, signed).filter(|receipt| {
            receipt.association == intent.association
                && receipt.user == intent.user
                && receipt.zone == intent.zone
                && receipt.epoch == intent.epoch
                && receipt.mode == intent.mode
                && receipt.credential_key == intent.credential_key
        })
    }

    /// The receipt, if it proves what the band says it holds.
    pub(super) fn receipt_of_held(
        &self,
        organization: OrganizationId,
        signed: &Signed,
        held: &Held,
    ) -> Option<Receipt> {
        self.verified(organization, signed).filter(|receipt| {
            receipt.association == held.association
                && receipt.user == held.user
                && receipt.zone == held.zone
                && receipt.epoch == held.epoch
        })
    }
}

/// Whether what the band staged is what it was armed with.
pub(super) fn is_staged_as_planned(staged: &Staged, plan: &Plan, organization: OrganizationId) -> bool {
    staged.organization == organization
        && staged.association == plan.association
        && staged.user == plan.user
        && staged.zone == plan.zone
        && staged.epoch == plan.epoch
}
