//! What is known of the bands, the people and the associations that receipts name, read at once for all of them:
//! a question for each of a hundred associations costs more than everything else.

use std::collections::HashMap;

use firmware_protocol::receipt::Receipt;
use policy::merge::{Associated, Event};
use policy::model::{AssociationId, UnixMillis, UserId};

use crate::db::{DbError, Row, Val};

/// As it was before the first of the batches.
#[derive(Debug, Default)]
pub(crate) struct Known {
    keys: HashMap<String, [u8; 32]>,
    people: HashMap<[u8; 16], Person>,
    /// With the time at which it was said.
    made: HashMap<AssociationId, ((i64, i64), Associated)>,
}

/// Somebody with a handle.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) id: UserId,
    pub(super) site: String,
    pub(super) temporary_until: Option<UnixMillis>,
}

/// What is asked about receipts.
pub(crate) struct Asked<'r> {
    serials: Vec<Val<'r>>,
    handles: Vec<Val<'r>>,
    ids: Vec<Val<'r>>,
}

impl<'r> Asked<'r> {
    pub(crate) fn of(receipts: impl Iterator<Item = &'r Receipt>) -> Self {
        let (mut serials, mut handles, mut ids) = (Vec::new(), Vec::new(), Vec::new());
        for receipt in receipts {
            serials.push(Val::from(receipt.serial.as_str()));
            handles.push(Val::from(&receipt.user.0));
            ids.push(Val::from(&receipt.association.0));
        }
        Self {
            serials,
            handles,
            ids,
        }
    }

    /// The questions whose answers [`Known::take`] takes, by their numbers here.
    pub(crate) fn questions(&self) -> [(&'static str, &[Val<'r>]); 3] {
        [
            (
                "select serial, band_key from band_keys where serial in ({})",
                &self.serials,
            ),
            (
                "select handle, id, site, temporary_until from users where handle in ({})",
                &self.handles,
            ),
            (
                "select time_ms, counter, event from entries where association in ({}) and band is not null",
                &self.ids,
            ),
        ]
    }
}

impl Known {
    pub(crate) fn take(&mut self, number: usize, row: &Row<'_>) -> Result<(), DbError> {
        match number {
            0 => {
                self.keys.insert(row.text(0)?, row.array(1)?);
            }
            1 => {
                let person = Person {
                    id: row.parse(1)?,
                    site: row.text(2)?,
                    temporary_until: row.opt_moment(3)?,
                };
                self.people.insert(row.array(0)?, person);
            }
            _ => self.take_made(row)?,
        }
        Ok(())
    }

    /// Of each association what the first entry that made it says.
    fn take_made(&mut self, row: &Row<'_>) -> Result<(), DbError> {
        let Event::Associated(made) = row.json(2)? else {
            return Ok(());
        };
        let at = (row.int(0)?, row.int(1)?);
        let before = self.made.get(&made.association);
        if before.is_none_or(|(before, _)| at < *before) {
            self.made.insert(made.association, (at, made));
        }
        Ok(())
    }

    /// The key this band was seen with first.
    pub(super) fn band_key(&self, serial: &str) -> Option<[u8; 32]> {
        self.keys.get(serial).copied()
    }

    /// Notes the key of a band that was not seen before. Whether it was not.
    pub(super) fn learn_band_key(&mut self, serial: &str, key: [u8; 32]) -> bool {
        let is_new = !self.keys.contains_key(serial);
        if is_new {
            self.keys.insert(serial.to_owned(), key);
        }
        is_new
    }

    pub(super) fn person(&self, handle: &[u8; 16]) -> Option<&Person> {
        self.people.get(handle)
    }

    pub(super) fn made(&self, id: &AssociationId) -> Option<&Associated> {
        self.made.get(id).map(|(_, made)| made)
    }
}
