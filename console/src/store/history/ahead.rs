//! What is read of history before an append, together with other questions: so an enrollment that comes alone needs
//! one answer of the server for all of them.

use std::collections::BTreeSet;

use policy::merge::{Entry, UserState};
use policy::model::{AssociationId, BandSerial, StationId, UserId};

use super::rows::{Kept, Stored, user_state};
use super::said::{OF_ASSOCIATIONS, OF_BANDS, OF_HANDLES, Said, Whole};
use super::{EntryId, read_entry};
use crate::db::{DbError, Row, Val};

/// Entries that a station wrote after the end of its journal here: none, if nobody copied it.
const BEYOND: &str = "select writer, entries.sequence, digest from stations \
     join entries on entries.writer = stations.id and entries.sequence > stations.head_sequence \
     where stations.id in ({})";

/// Of whom and what is asked.
#[derive(Debug, Default)]
pub(crate) struct About<'a> {
    pub(crate) stations: Vec<Val<'a>>,
    pub(crate) serials: Vec<Val<'a>>,
    pub(crate) handles: Vec<Val<'a>>,
    pub(crate) associations: Vec<Val<'a>>,
}

/// A row of which answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told {
    /// An entry of one of the bands or users.
    Entry,
    /// An entry of one of the associations.
    OfAssociation,
    /// The number of an entry that is stored.
    Number,
    /// A row as it is stored.
    Kept(KeptRow),
}

/// Which.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeptRow(Kept);

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    pub(super) said: Said,
    pub(super) stored: Stored,
    /// What is stored of what these stations wrote after the end of their journals.
    pub(super) known: BTreeSet<EntryId>,
    writers: BTreeSet<StationId>,
}

impl<'a> About<'a> {
    /// The questions, each with what a row of its answer is.
    pub(crate) fn questions(&self) -> Vec<(Told, String, &[Val<'a>])> {
        let mut questions = vec![
            (Told::Entry, OF_BANDS.to_owned(), &*self.serials),
            (Told::Entry, OF_HANDLES.to_owned(), &*self.handles),
            (
                Told::OfAssociation,
                OF_ASSOCIATIONS.to_owned(),
                &*self.associations,
            ),
            (Told::Number, BEYOND.to_owned(), &*self.stations),
        ];
        for (kept, sql) in Stored::questions() {
            let keys = match kept {
                Kept::Band => &*self.serials,
                _ => &*self.associations,
            };
            questions.push((Told::Kept(KeptRow(kept)), sql, keys));
        }
        questions
    }
}

impl Ahead {
    /// Takes a row; returns the entry, if it is one.
    pub(crate) fn take(&mut self, told: Told, row: &Row<'_>) -> Result<Option<Entry>, DbError> {
        match told {
            Told::Entry => self.said.take(row)?,
            Told::OfAssociation => {
                let entry = read_entry(row)?;
                self.said.add([entry.clone()]);
                return Ok(Some(entry));
            }
            Told::Number => drop(self.known.insert((row.array(0)?, row.count(1)?, row.array(2)?))),
            Told::Kept(KeptRow(kept)) => self.stored.take(kept, row)?,
        }
        Ok(None)
    }

    /// Takes somebody who was looked up by the handle: `status, suspended_since, suspended_note` from `column` on.
    pub(crate) fn take_user(
        &mut self,
        id: &UserId,
        site: &str,
        row: &Row<'_>,
        column: usize,
    ) -> Result<(), DbError> {
        let stands: UserState = user_state(row, column)?;
        self.stored.take_user(id.clone(), stands, site.to_owned());
        let users = [id.clone()].into();
        self.said.is_whole(Whole {
            users,
            ..Whole::default()
        });
        Ok(())
    }

    /// Everything was answered: of what else all is known now.
    pub(crate) fn is_whole(
        &mut self,
        writers: impl Iterator<Item = StationId>,
        bands: impl Iterator<Item = BandSerial>,
        associations: impl Iterator<Item = AssociationId>,
    ) {
        self.writers.extend(writers);
        let (bands, associations): (BTreeSet<_>, BTreeSet<_>) = (bands.collect(), associations.collect());
        self.stored.was_asked(Whole {
            bands: bands.clone(),
            associations: associations.clone(),
            ..Whole::default()
        });
        self.said.is_whole(Whole {
            bands,
            associations,
            ..Whole::default()
        });
    }

    /// Whether everything that these entries' writers wrote under such numbers is known.
    pub(super) fn knows_numbers(&self, entries: &[Entry]) -> bool {
        entries
            .iter()
            .all(|entry| self.writers.contains(&entry.stamp.station))
    }
}
