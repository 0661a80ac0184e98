//! The rows, computed again from what was provisioned and what the journal says.
//!
//! A store applies changes one by one. This fold does the same from the journal alone, so that a store can
//! be rebuilt, or checked against its journal.

use std::collections::BTreeMap;

use firmware_protocol::id::{AssociationId, UserHandle};
use firmware_protocol::receipt::Receipt;
use policy::model::{Association, Band, BandSerial, StockState, UserId};

use super::commit::{changes_on_commit, changes_on_intent, changes_on_rollback, ticket_state_after};
use super::rows::{AssociationRow, Change, TicketState, UserRow};
use crate::convert;
use crate::journal::{Committed, Intent, JournalRecord};
use crate::ticket::{AttemptState, TicketId};

/// What a station knows of associations, tickets and intents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    users: BTreeMap<UserHandle, UserId>,
    bands: BTreeMap<BandSerial, Band>,
    associations: BTreeMap<policy::model::AssociationId, AssociationRow>,
    tickets: BTreeMap<TicketId, TicketState>,
    intents: BTreeMap<AssociationId, Intent>,
    attempts: BTreeMap<String, AttemptState>,
}

impl Rows {
    /// The rows as provisioned, before the journal begins to change them.
    pub fn new(
        users: &[UserRow],
        bands: &[Band],
        associations: &[AssociationRow],
        tickets: &[(TicketId, TicketState)],
    ) -> Self {
        Self {
            users: users
                .iter()
                .map(|row| (row.handle, row.user.id.clone()))
                .collect(),
            bands: bands.iter().map(|band| (band.serial, band.clone())).collect(),
            associations: associations
                .iter()
                .map(|row| (row.association.id, row.clone()))
                .collect(),
            tickets: tickets.iter().copied().collect(),
            ..Self::default()
        }
    }

    /// All associations, ended ones too, by their ids.
    pub fn associations(&self) -> impl Iterator<Item = &AssociationRow> {
        self.associations.values()
    }

    /// The intents that are open.
    pub fn open_intents(&self) -> impl Iterator<Item = &Intent> {
        self.intents.values()
    }

    /// What became of a ticket.
    pub fn ticket(&self, ticket: TicketId) -> TicketState {
        self.tickets.get(&ticket).copied().unwrap_or_default()
    }

    /// What is known of a band.
    pub fn band(&self, serial: BandSerial) -> Option<&Band> {
        self.bands.get(&serial)
    }

    /// Follows one record of the journal. Records that change no rows are passed over; a receipt that does
    /// not verify or names nobody known changes nothing but its intent.
    pub fn replay(&mut self, record: &JournalRecord) {
        let changes = match record {
            JournalRecord::Intent(intent) => changes_on_intent(intent),
            JournalRecord::Committed(committed) => self.changes_of(committed),
            JournalRecord::RolledBack(rolled_back) => match self.intents.get(&rolled_back.association) {
                Some(intent) => changes_on_rollback(intent, rolled_back.ticket),
                None => vec![],
            },
            JournalRecord::IntentClosed(closed) => vec![Change::CloseIntent {
                association: closed.association,
            }],
            _ => vec![],
        };
        changes.iter().for_each(|change| self.apply(change));
    }

    fn changes_of(&self, committed: &Committed) -> Vec<Change> {
        let Ok(receipt) = Receipt::verify(&committed.receipt, &committed.band_key) else {
            return vec![];
        };
        let Some(user) = self.users.get(&receipt.user) else {
            return vec![Change::CloseIntent {
                association: receipt.association,
            }];
        };
        let serial = convert::serial(&receipt.serial);
        let concerned = |a: &&Association| a.user == *user || a.band == serial;
        let rows = self.associations.values().map(|row| &row.association);
        let known: Vec<Association> = rows.filter(concerned).cloned().collect();
        changes_on_commit(&receipt, user, committed.seos, self.bands.get(&serial), &known)
    }

    /// Applies one change, as a store does.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::PutAssociation(row) => {
                self.associations.insert(row.association.id, row.clone());
            }
            Change::EndAssociation { id, ending } => self.with(*id, |association| {
                association.ended = Some(*ending);
                association.active = false;
            }),
            Change::DeactivateAssociation { id } => self.with(*id, |association| association.active = false),
            Change::PutBand(band) => {
                self.bands.insert(band.serial, band.clone());
            }
            Change::BandFound { serial } => {
                let band = self.bands.get_mut(serial);
                band.into_iter().for_each(|band| band.stock = StockState::InStock);
            }
            Change::SpendTicket { ticket, .. } | Change::ReleaseTicket { ticket, .. } => {
                let state = ticket_state_after(self.ticket(*ticket), change);
                self.tickets.insert(*ticket, state);
            }
            Change::OpenIntent(intent) => {
                self.intents.insert(intent.association, intent.clone());
            }
            Change::CloseIntent { association } => {
                self.intents.remove(association);
            }
            Change::SetAttempts { subject, state } => {
                self.attempts.insert(subject.to_string(), *state);
            }
            // What a station keeps beside these rows.
            Change::DatePassed { .. } | Change::Quarantine(_) | Change::EndQuarantine { .. } => {}
        }
    }

    fn with(&mut self, id: policy::model::AssociationId, change: impl FnOnce(&mut Association)) {
        if let Some(row) = self.associations.get_mut(&id) {
            change(&mut row.association);
        }
    }
}
