//! A station's store in memory: rows, journal, all or nothing.

use std::collections::BTreeMap;

use firmware_protocol::id::{AssociationId, Serial, UserHandle};
use policy::model::{Band, GroupPolicy, StockState, User, UserId};
use station_core::clock::TrustedTime;
use station_core::convert;
use station_core::enrollment::{Append, AppendFault, Knowledge, KnownAssociation, Query};
use station_core::journal::{Entry, Head, Intent, JournalRecord, StationKey, chain};
use station_core::replica::{AssociationRow, Change, Quarantine, TicketState, UserRow, ticket_state_after};
use station_core::ticket::TicketId;

use crate::keys;

pub(crate) const STATION: StationKey = StationKey([1; 16]);

#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(crate) users: Vec<UserRow>,
    pub(crate) bands: Vec<Band>,
    pub(crate) associations: Vec<AssociationRow>,
    pub(crate) tickets: BTreeMap<TicketId, TicketState>,
    pub(crate) intents: BTreeMap<AssociationId, Intent>,
    pub(crate) quarantined: BTreeMap<Serial, AssociationId>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) head: Head,
    pub(crate) group: GroupPolicy,
    pub(crate) made_at_ms: u64,
    fresh: u128,
}

/// The handle of the user with this number.
pub(crate) fn handle(user: u8) -> UserHandle {
    UserHandle([user; 16])
}

pub(crate) fn user_id(user: u8) -> UserId {
    UserId::new(&format!("user-{user}")).expect("an id")
}

impl Store {
    /// Users 1 to 4; bands 1 to 4, the last SEOS-enabled; self-service allowed.
    pub(crate) fn new() -> Self {
        let user = |number| UserRow {
            handle: handle(number),
            user: User {
                name: format!("Name {number}"),
                ..User::new(user_id(number))
            },
            policy: None,
            label: String::new(),
        };
        let band = |number| Band {
            seos: number == 4,
            ..Band::new(convert::serial(&keys::serial(number)))
        };
        let id = "plant".parse().expect("an id");
        Self {
            users: (1..=4).map(user).collect(),
            bands: (1..=4).map(band).collect(),
            associations: vec![],
            tickets: BTreeMap::new(),
            intents: BTreeMap::new(),
            quarantined: BTreeMap::new(),
            entries: vec![],
            head: Head::EMPTY,
            group: GroupPolicy {
                reenroll_own: Some(true),
                reenroll_any: Some(true),
                stock_enforced: Some(true),
                ..GroupPolicy::new(id)
            },
            made_at_ms: keys::T0,
            fresh: 0,
        }
    }

    pub(crate) fn look_up(&mut self, query: &Query, time: TrustedTime) -> Knowledge {
        self.fresh += 1;
        let user = self
            .users
            .iter()
            .find(|row| Some(row.handle) == query.user)
            .cloned();
        let serial = convert::serial(&query.serial);
        let concerns = |row: &&AssociationRow| {
            let a = &row.association;
            a.band == serial || user.as_ref().is_some_and(|user| a.user == user.user.id)
        };
        let held_known = |id: &&AssociationId| {
            self.associations
                .iter()
                .any(|row| row.association.id == convert::association_id(**id))
        };
        Knowledge {
            revision: 7,
            made_at_ms: self.made_at_ms,
            time,
            group: self.group.clone(),
            individual: None,
            band: self.bands.iter().find(|band| band.serial == serial).cloned(),
            associations: self
                .associations
                .iter()
                .filter(concerns)
                .map(|row| self.known(row))
                .collect(),
            held_known: query.held.iter().filter(held_known).copied().collect(),
            open_intents: self
                .intents
                .values()
                .filter(|i| i.serial == query.serial)
                .cloned()
                .collect(),
            quarantined: self.quarantined.get(&query.serial).copied(),
            ticket: query
                .ticket
                .and_then(|id| self.tickets.get(&id).copied())
                .unwrap_or_default(),
            fresh: AssociationId(self.fresh.to_be_bytes()),
            user,
        }
    }

    fn known(&self, row: &AssociationRow) -> KnownAssociation {
        let association = row.association.clone();
        let band = self.bands.iter().find(|band| band.serial == association.band);
        let user = self.users.iter().find(|user| user.user.id == association.user);
        KnownAssociation {
            band_seos: band.is_some_and(|band| band.seos),
            user_suspended: user.is_some_and(|user| user.user.is_suspended()),
            association,
        }
    }

    pub(crate) fn append(&mut self, append: &Append, time_ms: u64) -> Result<(), AppendFault> {
        let taken = |change: &Change| match change {
            Change::SpendTicket { ticket, association } => matches!(
                self.tickets.get(ticket),
                Some(TicketState::Spent { association: other }) if other != association
            ),
            _ => false,
        };
        if append.changes.iter().any(taken) {
            return Err(AppendFault::TicketSpent);
        }
        let (entries, head) = chain(STATION, self.head, time_ms, &append.records);
        self.entries.extend(entries);
        self.head = head;
        append.changes.iter().for_each(|change| self.apply(change));
        Ok(())
    }

    fn apply(&mut self, change: &Change) {
        let row = |rows: &mut Vec<AssociationRow>, id| -> usize {
            rows.iter()
                .position(|row| row.association.id == id)
                .expect("the row exists")
        };
        match change {
            Change::PutAssociation(new) => {
                self.associations
                    .retain(|row| row.association.id != new.association.id);
                self.associations.push(new.clone());
            }
            Change::EndAssociation { id, ending } => {
                let at = row(&mut self.associations, *id);
                let association = &mut self.associations[at].association;
                association.ended = Some(*ending);
                association.active = false;
            }
            Change::DeactivateAssociation { id } => {
                let at = row(&mut self.associations, *id);
                self.associations[at].association.active = false;
            }
            Change::PutBand(band) => {
                self.bands.retain(|other| other.serial != band.serial);
                self.bands.push(band.clone());
            }
            Change::BandFound { serial } => {
                let found = self.bands.iter_mut().filter(|band| band.serial == *serial);
                found.for_each(|band| band.stock = StockState::InStock);
            }
            Change::SpendTicket { ticket, .. } | Change::ReleaseTicket { ticket, .. } => {
                let state = self.tickets.entry(*ticket).or_default();
                *state = ticket_state_after(*state, change);
            }
            Change::OpenIntent(intent) => {
                self.intents.insert(intent.association, intent.clone());
            }
            Change::CloseIntent { association } => {
                self.intents.remove(association);
            }
            Change::SetAttempts { .. } | Change::DatePassed { .. } => {}
            Change::Quarantine(Quarantine {
                serial, association, ..
            }) => {
                self.quarantined.insert(serial.clone(), *association);
            }
            Change::EndQuarantine { serial } => {
                self.quarantined.remove(serial);
            }
        }
    }

    /// The records, decoded.
    pub(crate) fn records(&self) -> Vec<JournalRecord> {
        let decode = |entry: &Entry| JournalRecord::decode(&entry.record).expect("own bytes");
        self.entries.iter().map(decode).collect()
    }

    /// The names of the records.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.records().iter().map(JournalRecord::name).collect()
    }

    /// Open associations as (user, band, active, primary), by user and band.
    pub(crate) fn open(&self) -> Vec<(String, String, bool, bool)> {
        let open = self
            .associations
            .iter()
            .map(|row| &row.association)
            .filter(|a| a.is_open());
        let mut rows: Vec<_> = open
            .map(|a| (a.user.to_string(), a.band.to_string(), a.active, a.primary))
            .collect();
        rows.sort();
        rows
    }
}
