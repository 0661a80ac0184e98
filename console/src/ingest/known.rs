//! What is known of the bands, the people and the associations that receipts name, read at once for all of them:
//! a question for each of a hundred associations costs more than everything else.

use std::collections::HashMap;

use firmware_protocol::receipt::Receipt;
use policy::merge::{Associated, Event};
use policy::model::{AssociationId, UnixMillis, UserId};

use crate::db::{DbError, Tx, Val};

/// As it was before the first of the batches.
#[derive(Debug, Default)]
pub(crate) struct Known {
    keys: HashMap<String, [u8; 32]>,
    people: HashMap<[u8; 16], Person>,
    made: HashMap<AssociationId, Associated>,
}

/// Somebody with a handle.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) id: UserId,
    pub(super) site: String,
    pub(super) temporary_until: Option<UnixMillis>,
}

impl Known {
    pub(crate) fn read<'r>(
        tx: &Tx<'_>,
        receipts: impl Iterator<Item = &'r Receipt>,
    ) -> Result<Self, DbError> {
        let mut known = Self::default();
        let (mut serials, mut handles, mut ids) = (Vec::new(), Vec::new(), Vec::new());
        for receipt in receipts {
            serials.push(Val::from(receipt.serial.as_str()));
            handles.push(Val::from(&receipt.user.0));
            ids.push(Val::from(&receipt.association.0));
        }
        known.read_keys(tx, &serials)?;
        known.read_people(tx, &handles)?;
        known.read_made(tx, &ids)?;
        Ok(known)
    }

    fn read_keys(&mut self, tx: &Tx<'_>, serials: &[Val<'_>]) -> Result<(), DbError> {
        let sql = "select serial, band_key from band_keys where serial in ({})";
        tx.each_of(sql, serials, |row| {
            self.keys.insert(row.text(0)?, row.array(1)?);
            Ok(())
        })
    }

    fn read_people(&mut self, tx: &Tx<'_>, handles: &[Val<'_>]) -> Result<(), DbError> {
        let sql = "select handle, id, site, temporary_until from users where handle in ({})";
        tx.each_of(sql, handles, |row| {
            let person = Person {
                id: row.parse(1)?,
                site: row.text(2)?,
                temporary_until: row.opt_moment(3)?,
            };
            self.people.insert(row.array(0)?, person);
            Ok(())
        })
    }

    /// Of each association what the first entry that made it says.
    fn read_made(&mut self, tx: &Tx<'_>, ids: &[Val<'_>]) -> Result<(), DbError> {
        let mut first: HashMap<AssociationId, (i64, i64)> = HashMap::new();
        let sql =
            "select time_ms, counter, event from entries where association in ({}) and band is not null";
        tx.each_of(sql, ids, |row| {
            let Event::Associated(made) = row.json(2)? else {
                return Ok(());
            };
            let at = (row.int(0)?, row.int(1)?);
            if first.get(&made.association).is_none_or(|before| at < *before) {
                first.insert(made.association, at);
                self.made.insert(made.association, made);
            }
            Ok(())
        })
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
        self.made.get(id)
    }
}
