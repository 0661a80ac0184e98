//! A station's database without a disk: what survives a killed station, and nothing else.

use std::collections::{BTreeMap, HashMap};

use firmware_protocol::id::{AssociationId, Serial, UserHandle};
use policy::model::{self, Band, BandSerial, GroupPolicy, IndividualPolicy, PolicyId, UserId};
use station_core::clock::TrustedTime;
use station_core::convert;
use station_core::enrollment::{Append, AppendFault, Knowledge, KnownAssociation, Query};
use station_core::journal::{Entry, Head, Intent, StationKey, chain};
use station_core::replica::{AssociationRow, Change, Quarantine, TicketState, UserRow};
use station_core::ticket::TicketId;

/// Users, bands and policies that never change within a world.
#[derive(Clone, Debug)]
pub struct Directory {
    /// The people.
    pub users: HashMap<UserHandle, UserRow>,
    /// The stock of bands.
    pub bands: HashMap<BandSerial, Band>,
    /// The active group policy.
    pub group: GroupPolicy,
    /// The individual policies.
    pub individuals: HashMap<PolicyId, IndividualPolicy>,
    handles: HashMap<UserId, UserHandle>,
}

impl Directory {
    /// A directory of these people and bands under this group policy.
    pub fn new(
        users: Vec<UserRow>,
        bands: Vec<Band>,
        group: GroupPolicy,
        individuals: Vec<IndividualPolicy>,
    ) -> Self {
        Self {
            handles: users
                .iter()
                .map(|row| (row.user.id.clone(), row.handle))
                .collect(),
            users: users.into_iter().map(|row| (row.handle, row)).collect(),
            bands: bands.into_iter().map(|band| (band.serial, band)).collect(),
            group,
            individuals: individuals
                .into_iter()
                .map(|policy| (policy.id.clone(), policy))
                .collect(),
        }
    }

    fn user(&self, id: &UserId) -> Option<&UserRow> {
        self.users.get(self.handles.get(id)?)
    }
}

/// One station's durable state.
#[derive(Clone, Debug)]
pub struct Memory {
    station: StationKey,
    head: Head,
    entries: Vec<Entry>,
    associations: BTreeMap<model::AssociationId, AssociationRow>,
    by_user: HashMap<UserId, Vec<model::AssociationId>>,
    by_band: HashMap<BandSerial, Vec<model::AssociationId>>,
    intents: BTreeMap<AssociationId, Intent>,
    tickets: HashMap<TicketId, TicketState>,
    /// What was learned of bands beside the directory.
    bands: HashMap<BandSerial, Band>,
    quarantined: HashMap<Serial, AssociationId>,
}

impl Memory {
    /// An empty journal and what was known before.
    pub fn new(station: StationKey, associations: Vec<AssociationRow>) -> Self {
        let mut memory = Self {
            station,
            head: Head::EMPTY,
            entries: Vec::new(),
            associations: BTreeMap::new(),
            by_user: HashMap::new(),
            by_band: HashMap::new(),
            intents: BTreeMap::new(),
            tickets: HashMap::new(),
            bands: HashMap::new(),
            quarantined: HashMap::new(),
        };
        associations.into_iter().for_each(|row| memory.put(row));
        memory
    }

    /// The journal.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Every association known, ended ones too.
    pub fn associations(&self) -> impl Iterator<Item = &AssociationRow> {
        self.associations.values()
    }

    /// Loses the last journal entry, as no database ever does: proof that a checker would see it.
    pub fn lose_last_entry(&mut self) {
        self.entries.pop();
    }

    /// Forgets an association of `user`, as no database ever does: proof that a checker would see it.
    pub fn forget_association_of(&mut self, user: &UserId) {
        if let Some(id) = self.by_user.get(user).and_then(|ids| ids.last().copied()) {
            self.associations.remove(&id);
            self.by_user.remove(user);
            self.by_band
                .values_mut()
                .for_each(|ids| ids.retain(|other| *other != id));
        }
    }

    /// Intents that are neither committed nor rolled back.
    pub fn intents(&self) -> impl Iterator<Item = &Intent> {
        self.intents.values()
    }

    /// Answers what an enrollment asks.
    pub fn knowledge(
        &self,
        directory: &Directory,
        query: &Query,
        time: TrustedTime,
        made_at_ms: u64,
        fresh: AssociationId,
    ) -> Knowledge {
        let user = query
            .user
            .and_then(|handle| directory.users.get(&handle))
            .cloned();
        let serial = convert::serial(&query.serial);
        let individual = user
            .as_ref()
            .and_then(|row| directory.individuals.get(row.policy.as_ref()?));
        let of_band = |intent: &&Intent| intent.serial == query.serial;
        let known = |id: &&AssociationId| self.associations.contains_key(&convert::association_id(**id));
        Knowledge {
            revision: 1,
            made_at_ms,
            time,
            group: directory.group.clone(),
            individual: individual.cloned(),
            band: self.band(directory, &serial).cloned(),
            associations: self.of_either(directory, user.as_ref().map(|row| &row.user.id), &serial),
            user,
            held_known: query.held.iter().filter(known).copied().collect(),
            open_intents: self.intents.values().filter(of_band).cloned().collect(),
            quarantined: self.quarantined.get(&query.serial).copied(),
            ticket: query
                .ticket
                .and_then(|ticket| self.tickets.get(&ticket))
                .copied()
                .unwrap_or_default(),
            fresh,
        }
    }

    fn of_either(
        &self,
        directory: &Directory,
        user: Option<&UserId>,
        band: &BandSerial,
    ) -> Vec<KnownAssociation> {
        let of_user = user.and_then(|user| self.by_user.get(user)).into_iter().flatten();
        let of_band = self.by_band.get(band).into_iter().flatten();
        let rows = of_band.map(|id| &self.associations[id]);
        let others = of_user
            .map(|id| &self.associations[id])
            .filter(|row| row.association.band != *band);
        rows.chain(others)
            .map(|row| self.known_association(directory, row))
            .collect()
    }

    fn known_association(&self, directory: &Directory, row: &AssociationRow) -> KnownAssociation {
        let association = row.association.clone();
        let user = directory.user(&association.user);
        KnownAssociation {
            user_suspended: user.is_some_and(|row| row.user.is_suspended()),
            band_seos: self
                .band(directory, &association.band)
                .is_some_and(|band| band.seos),
            association,
        }
    }

    fn band<'a>(&'a self, directory: &'a Directory, serial: &BandSerial) -> Option<&'a Band> {
        self.bands.get(serial).or_else(|| directory.bands.get(serial))
    }

    /// Stores an append as a whole, or nothing of it.
    pub fn append(&mut self, append: &Append, time_ms: u64) -> Result<u64, AppendFault> {
        if append
            .changes
            .iter()
            .any(|change| self.is_spent_elsewhere(change))
        {
            return Err(AppendFault::TicketSpent);
        }
        let (entries, head) = chain(self.station, self.head, time_ms, &append.records);
        self.entries.extend(entries);
        self.head = head;
        append.changes.iter().for_each(|change| self.apply(change));
        Ok(head.sequence)
    }

    fn is_spent_elsewhere(&self, change: &Change) -> bool {
        let Change::SpendTicket { ticket, association } = change else {
            return false;
        };
        match self.tickets.get(ticket) {
            None | Some(TicketState::Unspent) => false,
            Some(TicketState::Spent { association: other }) => other != association,
            Some(TicketState::Revoked) => true,
        }
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::PutAssociation(row) => self.put(row.clone()),
            Change::EndAssociation { id, ending } => {
                if let Some(row) = self.associations.get_mut(id) {
                    row.association.ended = Some(*ending);
                    row.association.active = false;
                }
            }
            Change::DeactivateAssociation { id } => {
                if let Some(row) = self.associations.get_mut(id) {
                    row.association.active = false;
                }
            }
            Change::SpendTicket { ticket, association } => {
                self.tickets.insert(
                    *ticket,
                    TicketState::Spent {
                        association: *association,
                    },
                );
            }
            Change::ReleaseTicket { ticket, association } => {
                let spent = TicketState::Spent {
                    association: *association,
                };
                if self.tickets.get(ticket) == Some(&spent) {
                    self.tickets.remove(ticket);
                }
            }
            Change::OpenIntent(intent) => {
                self.intents.insert(intent.association, intent.clone());
            }
            Change::CloseIntent { association } => {
                self.intents.remove(association);
            }
            Change::PutBand(band) => {
                self.bands.insert(band.serial, band.clone());
            }
            // The plant's own list of stock is not this memory's; nothing in a world is reported lost.
            Change::BandFound { .. } | Change::SetAttempts { .. } | Change::DatePassed { .. } => {}
            Change::Quarantine(quarantine) => {
                let Quarantine {
                    serial, association, ..
                } = quarantine;
                self.quarantined.insert(serial.clone(), *association);
            }
            Change::EndQuarantine { serial } => {
                self.quarantined.remove(serial);
            }
        }
    }

    fn put(&mut self, row: AssociationRow) {
        let association = &row.association;
        let id = association.id;
        if !self.associations.contains_key(&id) {
            self.by_user.entry(association.user.clone()).or_default().push(id);
            self.by_band.entry(association.band).or_default().push(id);
        }
        self.associations.insert(id, row);
    }
}
