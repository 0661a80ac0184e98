//! What the daemon holds, as the API says it.

use data_encoding::BASE64;
use firmware_protocol::id::Zone;
use station_core::journal::{Entry, JournalRecord};

use super::model::JournalEntry;

/// The zone's name.
pub(super) fn zone_name(zone: Zone) -> &'static str {
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
