//! What stations' journals say: read, proven, folded.
//!
//! An entry is stored as it came, whatever is in it. What it says counts only as far as somebody other than
//! the station vouches for it: an association by the band's receipt, over the organization's id, by the key
//! with which the band was seen the first time. A station that presents anything else is cut off by name, and
//! what it sent is kept for a person to look at.

mod fold;
#[cfg(test)]
mod tests;
mod tickets;

use std::collections::HashMap;

use firmware_protocol::id::{OrganizationId, StationId};
use firmware_protocol::receipt::Receipt;
use server_sync::Entry;
use server_sync::journal::Batch;
use station_core::journal::{Committed, JournalRecord};

use crate::args;
use crate::db::{DbError, Tx};

pub(crate) use fold::fold;

/// A batch, read and with its receipts verified.
#[derive(Debug)]
pub struct Checked {
    /// As it came.
    pub batch: Batch,
    /// What the entries say, by their sequence. Kinds of a newer release are missing: they are stored and
    /// mean nothing here.
    records: HashMap<u64, JournalRecord>,
    /// The receipts that hold, by the sequence of their entry.
    receipts: HashMap<u64, Receipt>,
    /// What does not hold, in order.
    forgeries: Vec<Finding>,
}

/// Something in a journal that an honest station does not write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The entry.
    pub sequence: u64,
    /// A stable code.
    pub code: &'static str,
    /// What exactly, for a person.
    pub detail: String,
}

/// Reads a batch and verifies the bands' signatures. Pure, and most of the work.
pub fn check(organization: OrganizationId, batch: Batch) -> Checked {
    let mut checked = Checked {
        records: HashMap::new(),
        receipts: HashMap::new(),
        forgeries: Vec::new(),
        batch,
    };
    for entry in &checked.batch.entries {
        let Ok(record) = JournalRecord::decode(&entry.record) else {
            continue;
        };
        if let JournalRecord::Committed(committed) = &record {
            match receipt(organization, StationId(entry.station.0), committed) {
                Ok(receipt) => {
                    checked.receipts.insert(entry.sequence, receipt);
                }
                Err(detail) => checked.forgeries.push(Finding {
                    sequence: entry.sequence,
                    code: "receipt_forged",
                    detail,
                }),
            }
        }
        checked.records.insert(entry.sequence, record);
    }
    checked
}

/// A receipt that holds, or what is wrong with it.
fn receipt(
    organization: OrganizationId,
    station: StationId,
    committed: &Committed,
) -> Result<Receipt, String> {
    let receipt = Receipt::verify(&committed.receipt, &committed.band_key)
        .map_err(|error| format!("the band's signature does not hold: {error:?}"))?;
    if receipt.organization != organization {
        return Err(format!(
            "the receipt is for organization {}",
            receipt.organization
        ));
    }
    // A receipt that was asked for again may be of a commit that another station made.
    if receipt.station != station && !committed.recovered {
        return Err(format!("the receipt is for station {}", receipt.station));
    }
    Ok(receipt)
}

impl Checked {
    /// The first forgery among these entries.
    pub fn first_forgery(&self, entries: &[Entry]) -> Option<&Finding> {
        let among = |finding: &&Finding| entries.iter().any(|entry| entry.sequence == finding.sequence);
        self.forgeries.iter().find(among)
    }

    fn record(&self, entry: &Entry) -> Option<&JournalRecord> {
        self.records.get(&entry.sequence)
    }
}

/// A band that signs with another key than the one it was seen with first: a forged receipt, or another band
/// under its serial.
pub(crate) fn other_band_key(
    tx: &Tx<'_>,
    checked: &Checked,
    entries: &[Entry],
) -> Result<Option<Finding>, DbError> {
    for entry in entries {
        let (Some(receipt), Some(JournalRecord::Committed(committed))) =
            (checked.receipts.get(&entry.sequence), checked.record(entry))
        else {
            continue;
        };
        let serial = receipt.serial.as_str();
        let known = tx.first(
            "select band_key from band_keys where serial = $1",
            args![serial],
            |row| row.array(0),
        )?;
        if known.is_some_and(|known: [u8; 32]| known != committed.band_key) {
            return Ok(Some(Finding {
                sequence: entry.sequence,
                code: "band_key_changed",
                detail: format!("band {serial} has signed with another key before"),
            }));
        }
    }
    Ok(None)
}
