//! What a station may ask, and when it gets it.

use ed25519_dalek::SigningKey;

use super::record::{Association, StagedAssociation};
use super::wearer::Armed;
use super::{BandEngine, Record, told_to};
use crate::cbor::to_cbor;
use crate::certificate::Signed;
use crate::handler::{BandHandler, Screen};
use crate::id::{AssociationId, Zone};
use crate::message::{
    Aborted, Arm, Armed as ArmedAnswer, BandRefusal, BandToStation, Commit, Committed, DeletionAsked, Finish,
    Finished, Mode, Refused, StationToBand,
};
use crate::receipt::Receipt;
use crate::time::Instant;

use super::session::Peer;

/// Most characters of a label.
const LABEL_LEN_MAX: usize = 12;

/// An answer, or why there is none.
type Answer = Result<BandToStation, (BandRefusal, u32)>;

fn refuse(reason: BandRefusal) -> Answer {
    Err((reason, 0))
}

impl BandEngine {
    /// Answers one request of an established session.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        request: &StationToBand,
        peer: &Peer,
        handler: &mut impl BandHandler,
    ) -> BandToStation {
        let answer = match request {
            StationToBand::Arm(arm) => self.arm(now, arm, peer, handler),
            StationToBand::Commit(commit) => self.commit(commit, peer, handler),
            StationToBand::Abort(abort) => self.abort(abort.association, peer, handler),
            StationToBand::Recall(recall) => self.recall(recall.zone, peer),
            StationToBand::Finish(finish) => self.finish(finish, peer, handler),
            StationToBand::DeleteUserData(_) => self.ask_deletion(now, handler),
            StationToBand::Status(_) => {
                let organization = peer.certificate.organization();
                Ok(BandToStation::Report(told_to(organization, self.report(now))))
            }
        };
        answer.unwrap_or_else(|(reason, detail)| {
            BandToStation::Refused(Refused {
                request: request.number(),
                reason,
                detail,
            })
        })
    }

    fn arm(&mut self, now: Instant, arm: &Arm, peer: &Peer, handler: &mut impl BandHandler) -> Answer {
        self.may_arm(now, arm, peer)?;
        if self.record.staged.is_some() {
            self.keep(self.record.unstaged(), handler)
                .or(Err((BandRefusal::StorageFault, 0)))?;
        }
        self.deletion_until = None;
        let confirmed = self.record.organization.is_some();
        let of = if arm.mode == Mode::Capture {
            self.settings.touches.max(1)
        } else {
            1
        };
        self.armed = Some(Armed {
            arm: arm.clone(),
            organization: peer.certificate.organization(),
            code: peer.code,
            confirmed,
            count: 0,
            of,
            deadline: now + self.settings.wearer_timeout,
        });
        self.ask_touch(now, handler);
        Ok(BandToStation::Armed(ArmedAnswer {
            touches: of,
            confirmed,
        }))
    }

    /// The band's own rules, whatever the station decided. The first that fails is named.
    fn may_arm(&self, now: Instant, arm: &Arm, peer: &Peer) -> Result<(), (BandRefusal, u32)> {
        let lockout = self.lockout_seconds(now);
        let rules = [
            (label_fits(&arm.label), BandRefusal::BadLabel, 0),
            (arm.zone == peer.certificate.zone, BandRefusal::WrongZone, 0),
            (
                !self.record.held_by_another(arm.user),
                BandRefusal::HeldByAnother,
                0,
            ),
            (self.body.worn, BandRefusal::NotWorn, 0),
            (lockout == 0, BandRefusal::LockedOut, lockout),
            (
                self.body.battery_percent >= self.settings.battery_percent_min,
                BandRefusal::BatteryLow,
                0,
            ),
            (
                self.record.epoch.checked_add(1) == Some(arm.epoch),
                BandRefusal::WrongEpoch,
                self.record.epoch,
            ),
            (
                arm.mode == Mode::Capture || !self.record.associations.is_empty(),
                BandRefusal::NotEnrolled,
                0,
            ),
            (
                self.record.held(arm.association).is_none(),
                BandRefusal::OutOfTurn,
                0,
            ),
        ];
        match rules.into_iter().find(|(holds, ..)| !holds) {
            Some((_, reason, detail)) => Err((reason, detail)),
            None => Ok(()),
        }
    }

    /// Makes the staged association hold. Asked again for what already holds, gives its receipt again.
    fn commit(&mut self, commit: &Commit, peer: &Peer, handler: &mut impl BandHandler) -> Answer {
        let (association, epoch) = (commit.association, commit.epoch);
        if let Some(held) = self.record.held(association).filter(|held| held.epoch == epoch) {
            own_zone(held.zone, peer)?;
            return Ok(committed(&held.receipt));
        }
        let waiting = self
            .record
            .waiting(association, peer)
            .filter(|waiting| waiting.staged.epoch == epoch);
        let Some(waiting) = waiting.cloned() else {
            return refuse(BandRefusal::NotThere);
        };
        own_zone(waiting.staged.zone, peer)?;
        let receipt = self.receipt(&waiting, peer).sign(&self.identity.signing_key);
        let next = self.record.committed(waiting, &receipt, peer);
        self.keep(next, handler).or(Err((BandRefusal::StorageFault, 0)))?;
        handler.show(Screen::Done);
        Ok(committed(&receipt))
    }

    fn receipt(&self, waiting: &StagedAssociation, peer: &Peer) -> Receipt {
        let staged = &waiting.staged;
        Receipt {
            serial: self.identity.serial.clone(),
            organization: staged.organization,
            user: staged.user,
            zone: staged.zone,
            association: staged.association,
            epoch: staged.epoch,
            credential_key: staged.credential_key,
            station: peer.certificate.station,
            time: peer.time,
            mode: waiting.mode,
        }
    }

    fn abort(&mut self, association: AssociationId, peer: &Peer, handler: &mut impl BandHandler) -> Answer {
        let is_it = |armed: &Armed| armed.arm.association == association;
        if let Some(waiting) = self.record.waiting(association, peer) {
            own_zone(waiting.staged.zone, peer)?;
            self.keep(self.record.unstaged(), handler)
                .or(Err((BandRefusal::StorageFault, 0)))?;
            if self.record.is_empty() {
                handler.erase_templates();
            }
        } else if self.armed.as_ref().is_some_and(is_it) {
            self.disarm(handler);
        } else {
            return refuse(BandRefusal::NotThere);
        }
        handler.show(Screen::Stopped);
        Ok(BandToStation::Aborted(Aborted {}))
    }

    fn recall(&self, zone: Zone, peer: &Peer) -> Answer {
        own_zone(zone, peer)?;
        match self.record.in_zone(zone) {
            Some(held) => Ok(committed(&held.receipt)),
            None => refuse(BandRefusal::NotThere),
        }
    }

    /// Remembers that a receipt is safe; whatever the wearer is still asked for is forgotten with the link. A memory that
    /// fails here loses nothing: the receipt is only asked for once more.
    fn finish(&mut self, finish: &Finish, peer: &Peer, handler: &mut impl BandHandler) -> Answer {
        if let Some(association) = finish.association {
            let Some(held) = self.record.held(association) else {
                return refuse(BandRefusal::NotThere);
            };
            own_zone(held.zone, peer)?;
            if !held.finished {
                self.keep(self.record.finished(association), handler)
                    .or(Err((BandRefusal::StorageFault, 0)))?;
            }
        }
        self.disarm(handler);
        self.deletion_until = None;
        self.show_idle(handler);
        Ok(BandToStation::Finished(Finished {}))
    }

    /// Asks the wearer; only the wearer deletes.
    fn ask_deletion(&mut self, now: Instant, handler: &mut impl BandHandler) -> Answer {
        if self.armed.is_some() {
            return refuse(BandRefusal::OutOfTurn);
        }
        self.deletion_until = Some(now + self.settings.wearer_timeout);
        handler.show(Screen::HoldToDelete);
        Ok(BandToStation::DeletionAsked(DeletionAsked {}))
    }
}

fn committed(receipt: &Signed) -> BandToStation {
    let receipt = receipt.clone();
    BandToStation::Committed(Committed { receipt })
}

/// A station touches the associations of its own zone and no others.
fn own_zone(zone: Zone, peer: &Peer) -> Result<(), (BandRefusal, u32)> {
    if zone == peer.certificate.zone {
        Ok(())
    } else {
        Err((BandRefusal::WrongZone, 0))
    }
}

impl Receipt {
    fn sign(&self, key: &SigningKey) -> Signed {
        Signed::sign(to_cbor(self), Self::CONTEXT, key)
    }
}

impl Record {
    /// What waits under this name for a commit by the peer's organization.
    fn waiting(&self, association: AssociationId, peer: &Peer) -> Option<&StagedAssociation> {
        let named = (association, peer.certificate.organization());
        self.staged
            .as_ref()
            .filter(|waiting| (waiting.staged.association, waiting.staged.organization) == named)
    }

    fn unstaged(&self) -> Self {
        let staged = None;
        Self {
            staged,
            ..self.clone()
        }
    }

    /// The record after a station said that this association's receipt is safe.
    fn finished(&self, association: AssociationId) -> Self {
        let mut next = self.clone();
        for held in &mut next.associations {
            held.finished |= held.association == association;
        }
        next
    }

    /// The record after a commit: the association of its zone replaced, the finger's slot switched, the
    /// count one higher, all in one.
    fn committed(&self, waiting: StagedAssociation, receipt: &Signed, peer: &Peer) -> Self {
        let StagedAssociation {
            staged,
            credential,
            label,
            slot,
            ..
        } = waiting;
        let mut associations = self.associations.clone();
        associations.retain(|held| held.zone != staged.zone);
        associations.push(Association {
            zone: staged.zone,
            user: staged.user,
            association: staged.association,
            epoch: staged.epoch,
            credential,
            receipt: receipt.clone(),
            finished: false,
        });
        Self {
            epoch: staged.epoch,
            organization: Some(staged.organization),
            associations,
            staged: None,
            time_floor: self.time_floor.max(peer.time),
            failures: 0,
            slot,
            label,
        }
    }
}

/// At most 12 signs out of those the band's screen can show: capital letters, digits, space inside, and
/// common punctuation.
fn label_fits(label: &str) -> bool {
    let shows =
        |sign: char| sign.is_ascii_uppercase() || sign.is_ascii_digit() || " .,-_+/&'()#".contains(sign);
    label.chars().count() <= LABEL_LEN_MAX && label.chars().all(shows) && label.trim() == label
}
