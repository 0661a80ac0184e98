//! What is known of the bands, the people and the associations that receipts name, read at once for all of them:
//! a question for each of a hundred associations costs more than everything else.

use std::collections::HashMap;

use firmware_protocol::receipt::Receipt;
use policy::merge::{Associated, Entry, Event, HybridTime};
use policy::model::{AssociationId, StationId, UnixMillis, UserId};
use station_core::convert;

use crate::db::{DbError, Row, Val};
use crate::store::history::{About, Ahead, Told};

/// As it was before the first of the batches.
#[derive(Debug, Default)]
pub(crate) struct Known {
    keys: HashMap<String, [u8; 32]>,
    people: HashMap<[u8; 16], Person>,
    /// With the time at which it was said.
    made: HashMap<AssociationId, (HybridTime, Associated)>,
    /// Whether an association among these was made with a ticket.
    pub(super) used_tickets: bool,
    /// What history says of them.
    pub(super) ahead: Ahead,
}

/// Somebody with a handle.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) id: UserId,
    pub(super) site: String,
    pub(super) temporary_until: Option<UnixMillis>,
}

/// What is asked about receipts and those who sent them.
pub(crate) struct Asked<'r> {
    about: About<'r>,
    receipts: Vec<&'r Receipt>,
    writers: Vec<StationId>,
}

/// A row of which answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    BandKey,
    Person,
    Ticket,
    History(Told),
}

impl<'r> Asked<'r> {
    pub(crate) fn of(
        writers: impl Iterator<Item = &'r [u8; 16]>,
        receipts: impl Iterator<Item = &'r Receipt>,
    ) -> Self {
        let receipts: Vec<&Receipt> = receipts.collect();
        let (mut about, mut ids) = (About::default(), Vec::new());
        for writer in writers {
            about.stations.push(Val::from(writer));
            ids.push(StationId(*writer));
        }
        for receipt in &receipts {
            about.serials.push(Val::from(receipt.serial.as_str()));
            about.handles.push(Val::from(&receipt.user.0));
            about.associations.push(Val::from(&receipt.association.0));
        }
        Self {
            about,
            receipts,
            writers: ids,
        }
    }

    /// The questions, each with what a row of its answer is, for [`Known::take`].
    pub(crate) fn questions(&self) -> Vec<(Answer, String, &[Val<'r>])> {
        let about = &self.about;
        let own = [
            (
                Answer::BandKey,
                "select serial, band_key from band_keys where serial in ({})",
                &*about.serials,
            ),
            (
                Answer::Person,
                "select handle, id, site, temporary_until, status, suspended_since, suspended_note \
                 from users where handle in ({})",
                &*about.handles,
            ),
            (
                Answer::Ticket,
                "select ticket from ticket_uses where association in ({}) limit 1",
                &*about.associations,
            ),
        ];
        let own = own.map(|(answer, sql, keys)| (answer, sql.to_owned(), keys));
        let of_history = about.questions().into_iter();
        let of_history = of_history.map(|(told, sql, keys)| (Answer::History(told), sql, keys));
        own.into_iter().chain(of_history).collect()
    }
}

impl Known {
    pub(crate) fn take(&mut self, answer: Answer, row: &Row<'_>) -> Result<(), DbError> {
        match answer {
            Answer::BandKey => {
                self.keys.insert(row.text(0)?, row.array(1)?);
            }
            Answer::Person => {
                let person = Person {
                    id: row.parse(1)?,
                    site: row.text(2)?,
                    temporary_until: row.opt_moment(3)?,
                };
                self.ahead.take_user(&person.id, &person.site, row, 4)?;
                self.people.insert(row.array(0)?, person);
            }
            Answer::Ticket => self.used_tickets = true,
            Answer::History(told) => {
                if let Some(entry) = self.ahead.take(told, row)? {
                    self.take_made(entry);
                }
            }
        }
        Ok(())
    }

    /// Everything that was asked has been answered.
    pub(crate) fn answered(&mut self, asked: &Asked<'_>) {
        let bands = asked
            .receipts
            .iter()
            .map(|receipt| convert::serial(&receipt.serial));
        let ids = asked
            .receipts
            .iter()
            .map(|receipt| AssociationId(receipt.association.0));
        self.ahead.is_whole(asked.writers.iter().copied(), bands, ids);
    }

    /// Of each association what the first entry that made it says.
    fn take_made(&mut self, entry: Entry) {
        let (at, Event::Associated(made)) = (entry.stamp.time, entry.event) else {
            return;
        };
        let before = self.made.get(&made.association);
        if before.is_none_or(|(before, _)| at < *before) {
            self.made.insert(made.association, (at, made));
        }
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

    /// What was read of history, once: whatever is read after it is read anew.
    pub(super) fn take_ahead(&mut self) -> Ahead {
        std::mem::take(&mut self.ahead)
    }

    pub(super) fn made(&self, id: &AssociationId) -> Option<&Associated> {
        self.made.get(id).map(|(_, made)| made)
    }
}
