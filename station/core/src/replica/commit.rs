//! How what a band commits changes the rows.

use firmware_protocol::receipt::Receipt;
use policy::model::{Association, Band, BandSerial, EndCause, Ending, StockState, UnixMillis, UserId};

use super::rows::{AssociationRow, Change};
use crate::convert;
use crate::journal::Intent;
use crate::replica::TicketState;
use crate::ticket::TicketId;

/// The rows change like this when an intent is written: it is open, and its ticket is spent.
pub fn changes_on_intent(intent: &Intent) -> Vec<Change> {
    let association = intent.association;
    let spend = intent
        .ticket
        .map(|ticket| Change::SpendTicket { ticket, association });
    spend
        .into_iter()
        .chain([Change::OpenIntent(intent.clone())])
        .collect()
}

/// The rows change like this when an intent came to nothing: it is closed, and its ticket is free again
/// if surely nothing was made (`released`).
pub fn changes_on_rollback(intent: &Intent, released: Option<TicketId>) -> Vec<Change> {
    let association = intent.association;
    let release = released.map(|ticket| Change::ReleaseTicket { ticket, association });
    release
        .into_iter()
        .chain([Change::CloseIntent { association }])
        .collect()
}

/// The rows change like this when a band has committed: the receipt's association is its user's active
/// one; the band is nobody else's any more; the user's other bands in that zone are inactive.
///
/// `user` is the receipt's user, `seos` what the band's certificate says of a door credential, `band` the
/// row of the receipt's band if there is one, `known` all associations of both, in any order. The result is the same as the effects the policy announced,
/// provided that nothing was learned in between; what is known now counts.
///
/// A receipt that is older than what is known of the band changes nothing but its intent: the band's
/// count of commits decides, not the order of arrival.
pub fn changes_on_commit(
    receipt: &Receipt,
    user: &UserId,
    seos: bool,
    band: Option<&Band>,
    known: &[Association],
) -> Vec<Change> {
    let facts = Facts::new(receipt, user, known);
    let mut changes = Vec::new();
    if !facts.is_outdated() {
        changes.extend(facts.endings());
        changes.extend(facts.deactivations());
        changes.push(Change::PutAssociation(facts.new_row()));
        changes.extend(band_to_remember(facts.band, seos, band).map(Change::PutBand));
        let found = band.filter(|band| band.stock == StockState::Lost);
        changes.extend(found.map(|band| Change::BandFound { serial: band.serial }));
    }
    changes.push(Change::CloseIntent {
        association: receipt.association,
    });
    changes
}

/// A band that is not on the stock list, or said to open no doors though its certificate says so, is
/// remembered: whoever holds a SEOS-enabled band keeps to it, on the list or not (N-07).
fn band_to_remember(serial: BandSerial, seos: bool, band: Option<&Band>) -> Option<Band> {
    match band {
        None => Some(Band {
            serial,
            seos,
            stock: StockState::Unknown,
        }),
        Some(band) if seos && !band.seos => Some(Band { seos, ..band.clone() }),
        Some(_) => None,
    }
}

/// What [`TicketState`] becomes by a change, for stores in memory.
pub fn ticket_state_after(state: TicketState, change: &Change) -> TicketState {
    match (state, change) {
        (TicketState::Unspent, Change::SpendTicket { association, .. }) => TicketState::Spent {
            association: *association,
        },
        (TicketState::Spent { association: spent }, Change::ReleaseTicket { association, .. })
            if spent == *association =>
        {
            TicketState::Unspent
        }
        (state, _) => state,
    }
}

/// One receipt among what is known.
struct Facts<'a> {
    receipt: &'a Receipt,
    user: &'a UserId,
    band: BandSerial,
    id: policy::model::AssociationId,
    /// Open associations in the receipt's zone, the receipt's own apart.
    open: Vec<&'a Association>,
    known: &'a [Association],
    at: UnixMillis,
}

impl<'a> Facts<'a> {
    fn new(receipt: &'a Receipt, user: &'a UserId, known: &'a [Association]) -> Self {
        let id = convert::association_id(receipt.association);
        let zone = convert::zone(receipt.zone);
        let others = known
            .iter()
            .filter(|a| a.zone == zone && a.is_open() && a.id != id);
        Self {
            receipt,
            user,
            band: convert::serial(&receipt.serial),
            id,
            open: others.collect(),
            known,
            at: convert::millis(receipt.time),
        }
    }

    /// Something that the band committed later in the same zone is known already, or this very receipt is.
    fn is_outdated(&self) -> bool {
        let zone = convert::zone(self.receipt.zone);
        let same = self
            .known
            .iter()
            .filter(|a| a.band == self.band && a.zone == zone);
        same.clone().any(|a| a.id == self.id) || same.clone().any(|a| a.band_epoch > self.receipt.epoch)
    }

    /// Associations of this band end: the user's own is renewed, another's is taken over.
    fn endings(&self) -> impl Iterator<Item = Change> {
        self.open.iter().filter(|a| a.band == self.band).map(|a| {
            let cause = if a.user == *self.user {
                EndCause::Renewed
            } else {
                EndCause::TakenOver
            };
            Change::EndAssociation {
                id: a.id,
                ending: Ending { cause, at: self.at },
            }
        })
    }

    /// The user's other bands become inactive and stay primary if they were.
    fn deactivations(&self) -> impl Iterator<Item = Change> {
        let others = self
            .open
            .iter()
            .filter(|a| a.user == *self.user && a.band != self.band && a.active);
        others.map(|a| Change::DeactivateAssociation { id: a.id })
    }

    fn new_row(&self) -> AssociationRow {
        let renewed = self
            .open
            .iter()
            .find(|a| a.band == self.band && a.user == *self.user);
        let mut others = self
            .open
            .iter()
            .filter(|a| a.user == *self.user && a.band != self.band);
        AssociationRow {
            association: Association {
                id: self.id,
                user: self.user.clone(),
                band: self.band,
                zone: convert::zone(self.receipt.zone),
                active: true,
                primary: !others.any(|a| a.primary),
                expires_at: renewed.and_then(|a| a.expires_at),
                suspension: None,
                ended: None,
                band_epoch: self.receipt.epoch,
                note: String::new(),
            },
            credential_key: Some(self.receipt.credential_key),
        }
    }
}
