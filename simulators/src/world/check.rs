//! What should be true after every attempt, written a second time and more simply.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use firmware_protocol::message::Held;
use firmware_protocol::receipt::Receipt;
use policy::model::{AssociationId, BandSerial, UserId};
use station_core::convert;
use station_core::enrollment::replay;
use station_core::journal::{JournalRecord, station_key, verify};
use station_core::replica::AssociationRow;

use super::World;

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation(pub String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

/// Who holds what, by the bands' own commits alone: the latest commit of a band holds it, the latest
/// commit of a user is the user's active one. Nothing else is needed to know what a station must show.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    holder: BTreeMap<BandSerial, (UserId, AssociationId)>,
    active: BTreeMap<UserId, AssociationId>,
    commits_seen: BTreeMap<BandSerial, usize>,
    committed: BTreeSet<AssociationId>,
}

impl Expected {
    /// What the station knew from the start; what bands committed before is past.
    pub fn at_start(world: &World) -> Self {
        let mut expected = Self::default();
        for band in &world.bands {
            expected
                .commits_seen
                .insert(convert::serial(band.serial()), band.commits().len());
        }
        let rows = world.station.memory.associations();
        for AssociationRow { association, .. } in rows.filter(|row| row.association.is_open()) {
            expected
                .holder
                .insert(association.band, (association.user.clone(), association.id));
            if association.active {
                expected.active.insert(association.user.clone(), association.id);
            }
        }
        expected
    }

    fn commit(&mut self, band: &BandSerial, user: UserId, association: AssociationId) {
        if let Some((previous, held)) = self.holder.insert(*band, (user.clone(), association))
            && self.active.get(&previous) == Some(&held)
        {
            self.active.remove(&previous);
        }
        self.active.insert(user, association);
        self.committed.insert(association);
    }

    /// Takes the commits that a band made since it was looked at last.
    pub fn look_at(&mut self, world: &World, band: usize) {
        let band = &world.bands[band];
        let serial = convert::serial(band.serial());
        let seen = self
            .commits_seen
            .insert(serial, band.commits().len())
            .unwrap_or(0);
        for Held {
            user, association, ..
        } in &band.commits()[seen..]
        {
            let row = world
                .station
                .directory()
                .users
                .get(user)
                .expect("a band is enrolled for a known user");
            self.commit(
                &serial,
                row.user.id.clone(),
                convert::association_id(*association),
            );
        }
    }

    /// Holds the station against what must be: to be asked when no intent is open.
    pub fn check(&self, world: &World) -> Result<(), Violation> {
        self.check_rows(world)?;
        self.check_journal(world)
    }

    fn check_rows(&self, world: &World) -> Result<(), Violation> {
        let mut holder = BTreeMap::new();
        let mut active = BTreeMap::new();
        for AssociationRow { association, .. } in world.station.memory.associations() {
            if !association.is_open() {
                continue;
            }
            let (band, user) = (association.band, association.user.clone());
            if holder.insert(band, (user.clone(), association.id)).is_some() {
                return fault(format!("I2: two open associations of the band {band}"));
            }
            if association.active && active.insert(user.clone(), association.id).is_some() {
                return fault(format!("I2: two active associations of the user {user}"));
            }
        }
        if holder != self.holder {
            return fault(format!(
                "I1: the station says {holder:?}, the bands say {:?}",
                self.holder
            ));
        }
        if active != self.active {
            return fault(format!(
                "I2: active at the station {active:?}, by the bands {:?}",
                self.active
            ));
        }
        Ok(())
    }

    /// I1, I3, I8: every commit once, every decision the same again, the chain whole.
    fn check_journal(&self, world: &World) -> Result<(), Violation> {
        let entries = world.station.memory.entries();
        let mut committed = BTreeSet::new();
        let mut allowed = BTreeSet::new();
        for entry in entries {
            match JournalRecord::decode(&entry.record).map_err(|error| Violation(format!("I1: {error}")))? {
                JournalRecord::Committed(record) => {
                    let receipt = Receipt::verify(&record.receipt, &record.band_key);
                    let receipt =
                        receipt.map_err(|error| Violation(format!("I7: a forged receipt: {error:?}")))?;
                    let id = convert::association_id(receipt.association);
                    if !committed.insert(id) {
                        return fault(format!("I1: {id} was journaled twice"));
                    }
                    if !allowed.contains(&(receipt.user, receipt.serial.clone())) {
                        return fault(format!(
                            "I3: {id} was committed without a decision that allowed it"
                        ));
                    }
                }
                JournalRecord::Decided(decided) => {
                    if replay(&decided) != Some(true) {
                        return fault(format!("I3: decided otherwise on replay: {decided:?}"));
                    }
                    if decided.outcome == "allow" {
                        allowed.insert((decided.user, decided.serial));
                    }
                }
                _ => {}
            }
        }
        if committed != self.committed {
            return fault(format!(
                "I1: journaled {committed:?}, committed by bands {:?}",
                self.committed
            ));
        }
        let station = station_key(world.station.id());
        verify(station, entries).map_err(|error| Violation(format!("I8: {error:?}")))?;
        Ok(())
    }
}

fn fault(text: String) -> Result<(), Violation> {
    Err(Violation(text))
}
