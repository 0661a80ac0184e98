//! What the daemon holds, as the API says it.

use data_encoding::BASE64;
use firmware_protocol::id::Zone;
use station_core::journal::{Entry, Intent, JournalRecord};

use super::model::{JournalEntry, OpenIntent};
use crate::store::{Store, StoreError};

/// The zone's name.
pub(crate) fn zone_name(zone: Zone) -> &'static str {
    match zone {
        Zone::Enrollment => "enrollment",
        Zone::Registration => "registration",
    }
}

impl JournalEntry {
    /// The entry as the API and `journal export` show it.
    pub fn of(entry: &Entry) -> Self {
        let record = JournalRecord::decode(&entry.record);
        Self {
            sequence: entry.sequence,
            time_ms: entry.time_ms,
            kind: record.map_or("unreadable", |record| record.name()).to_owned(),
            previous: entry.previous.to_string(),
            hash: entry.hash.to_string(),
            record: BASE64.encode(&entry.record),
        }
    }
}

impl OpenIntent {
    /// The intent as people see it.
    pub(crate) fn of(store: &Store, intent: &Intent) -> Result<Self, StoreError> {
        let user = store.user_by_handle(intent.user)?;
        Ok(Self {
            association: intent.association.to_string(),
            serial: intent.serial.as_str().to_owned(),
            user: user.map_or_else(|| intent.user.to_string(), |row| row.user.id.as_str().to_owned()),
            zone: zone_name(intent.zone).to_owned(),
            since_ms: intent.time_ms,
        })
    }

    /// Every open one, oldest first.
    pub(crate) fn all(store: &Store) -> Result<Vec<Self>, StoreError> {
        let mut open = store.intents()?;
        open.sort_by_key(|intent| (intent.time_ms, intent.association));
        open.iter().map(|intent| Self::of(store, intent)).collect()
    }
}
