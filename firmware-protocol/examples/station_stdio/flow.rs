//! What the station wants of the band, how far it is, and whether it got what it asked for.

use firmware_protocol::certificate::BandCertificate;
use firmware_protocol::certificate::{Signed, StationCertificate};
use firmware_protocol::id::AssociationId;
use firmware_protocol::message::{
    Arm, BandToStation, Commit, DeleteUserData, Finish, Recall, Report, Staged, StationToBand,
};
use firmware_protocol::receipt::Receipt;
use firmware_protocol::station::{Established, SessionEvent};
use firmware_protocol::time::UnixSeconds;

use super::Fault;
use super::options::Options;

pub(crate) struct Flow {
    arm: Arm,
    epoch_given: bool,
    until: String,
    delete: bool,
    send: Option<Vec<u8>>,
    own: StationCertificate,
    now: UnixSeconds,
    band: Option<BandCertificate>,
    staged: Option<Staged>,
    /// Committed in this session, not in one before.
    commits: bool,
    /// What the band said instead of doing it.
    no: Option<String>,
}

impl Flow {
    pub(crate) fn new(options: &Options, certificate: &Signed) -> Result<Self, Fault> {
        let own: StationCertificate = minicbor::decode(&certificate.body)?;
        let (arm, epoch_given) = options.arm()?;
        Ok(Self {
            arm,
            epoch_given,
            until: options.until()?.into(),
            delete: options.delete()?,
            send: options.send()?,
            own,
            now: options.unix_now()?,
            band: None,
            staged: None,
            commits: false,
            no: None,
        })
    }

    /// What the band said instead of doing what it was asked for.
    pub(crate) fn no(&self) -> Option<&str> {
        self.no.as_deref()
    }

    /// The bytes of the next request, or why the station goes no further.
    pub(crate) fn next(
        &mut self,
        event: &SessionEvent,
        say: &mut Vec<String>,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let next = match event {
            SessionEvent::Established(established) => return self.begin(established).map(Some),
            SessionEvent::Message(message) if self.send.is_some() => {
                if message.is_push() || matches!(message, BandToStation::Finished(_)) {
                    return Ok(None);
                }
                finish(None)
            }
            SessionEvent::Message(BandToStation::Armed(_)) => return self.vanish("armed").map(|()| None),
            SessionEvent::Message(BandToStation::Staged(staged)) => {
                self.check_staged(staged)?;
                say.push("event Checked: Staged is what was armed".into());
                self.vanish("staged")?;
                self.commit(staged)
            }
            SessionEvent::Message(BandToStation::Committed(committed)) => {
                let receipt = self.check_receipt(&committed.receipt)?;
                say.push(format!("event Receipt {receipt:?}"));
                say.push("event Checked: the receipt is what was asked for".into());
                self.vanish("committed")?;
                finish(Some(self.arm.association))
            }
            SessionEvent::Message(BandToStation::Deleted(_)) => finish(None),
            SessionEvent::Message(no @ (BandToStation::Refused(_) | BandToStation::Interrupted(_)))
                if self.no.is_none() =>
            {
                self.no = Some(format!("{no:?}"));
                finish(None)
            }
            _ => return Ok(None),
        };
        Ok(Some(next.encode()))
    }

    fn begin(&mut self, established: &Established) -> Result<Vec<u8>, Fault> {
        self.band = Some(established.certificate.clone());
        if let Some(bytes) = &self.send {
            return Ok(bytes.clone());
        }
        self.first(&established.report).map(|request| request.encode())
    }

    fn first(&mut self, report: &Report) -> Result<StationToBand, Fault> {
        let ours = self.arm.association;
        if self.delete {
            return Ok(StationToBand::DeleteUserData(DeleteUserData {}));
        }
        if !self.epoch_given {
            self.arm.epoch = report
                .epoch
                .checked_add(1)
                .ok_or("the band's epoch is at its end")?;
        }
        if let Some(held) = report.associations.iter().find(|held| held.association == ours) {
            self.arm.epoch = held.epoch;
            return Ok(StationToBand::Recall(Recall { zone: self.arm.zone }));
        }
        match &report.staged {
            Some(staged) if staged.association == ours => {
                self.check_staged(staged)?;
                Ok(self.commit(staged))
            }
            _ => Ok(StationToBand::Arm(self.arm.clone())),
        }
    }

    fn commit(&mut self, staged: &Staged) -> StationToBand {
        self.staged = Some(staged.clone());
        self.commits = true;
        let (association, epoch) = (self.arm.association, staged.epoch);
        StationToBand::Commit(Commit { association, epoch })
    }

    /// What a station must check before it commits.
    fn check_staged(&self, staged: &Staged) -> Result<(), Fault> {
        let arm = &self.arm;
        all(
            "Staged",
            &[
                ("organization", staged.organization == self.own.organization()),
                ("association", staged.association == arm.association),
                ("user", staged.user == arm.user),
                ("zone", staged.zone == arm.zone),
                ("epoch", staged.epoch == arm.epoch),
            ],
        )
    }

    /// What a station must check before it believes that the association holds.
    fn check_receipt(&self, signed: &Signed) -> Result<Receipt, Fault> {
        let band = self.band.as_ref().ok_or("no session")?;
        let receipt = Receipt::verify(signed, &band.signing_key)
            .map_err(|fault| format!("wrong receipt: {fault:?}"))?;
        let arm = &self.arm;
        let staged = self.staged.as_ref();
        let fresh = |holds: bool| !self.commits || holds;
        all(
            "receipt",
            &[
                ("serial", receipt.serial == band.serial),
                ("organization", receipt.organization == self.own.organization()),
                ("user", receipt.user == arm.user),
                ("zone", receipt.zone == arm.zone),
                ("association", receipt.association == arm.association),
                ("epoch", receipt.epoch == arm.epoch),
                (
                    "credential key",
                    staged.is_none_or(|staged| staged.credential_key == receipt.credential_key),
                ),
                ("station", fresh(receipt.station == self.own.station)),
                ("time", fresh(receipt.time == self.now)),
                ("mode", receipt.mode == arm.mode),
            ],
        )?;
        Ok(receipt)
    }

    fn vanish(&self, at: &str) -> Result<(), Fault> {
        if self.until == at {
            Err(format!("vanished when {at}").into())
        } else {
            Ok(())
        }
    }
}

fn finish(association: Option<AssociationId>) -> StationToBand {
    StationToBand::Finish(Finish { association })
}

/// Names what does not hold.
fn all(what: &str, checks: &[(&str, bool)]) -> Result<(), Fault> {
    let wrong: Vec<_> = checks
        .iter()
        .filter(|(_, holds)| !holds)
        .map(|(name, _)| *name)
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!(
        "wrong {what}: not the {} that was asked for",
        wrong.join(", not the ")
    )
    .into())
}
