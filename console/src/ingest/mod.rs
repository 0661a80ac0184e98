//! What stations' journals say: read, proven, folded.
//!
//! An entry is stored as it came, whatever is in it. What it says counts only as far as somebody other than
//! the station vouches for it: an association by the band's receipt, over the organization's id, by the key
//! for which the band's manufacturer vouches; the first key a band was seen with stays its key. Records of early
//! releases bring no certificate; a station that has ever brought one brings one always (0037). A station that
//! presents anything else is cut off by name, and what it sent is kept for a person to look at.

mod fold;
mod known;
#[cfg(test)]
mod tests;
mod tickets;

use std::collections::{HashMap, HashSet};

use firmware_protocol::certificate::{BandCertificate, PublicKey};
use firmware_protocol::id::{OrganizationId, StationId};
use firmware_protocol::receipt::Receipt;
use server_sync::Entry;
use server_sync::journal::Batch;
use station_core::journal::{Committed, JournalRecord};

use crate::args;
use crate::db::{DbError, Tx};
use crate::store::{keys, settings};
use crate::sync::stations::StationInfo;

pub(crate) use fold::Folder;
pub(crate) use known::{Asked, Known};

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
    /// Those of them whose band's key a manufacturer vouches for.
    proven: HashSet<u64>,
    /// Whether the policy had take-overs, by the sequence of the entry that says what was decided.
    takes_over: HashMap<u64, bool>,
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

/// Whom to believe about bands.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The organization whose receipts count.
    pub organization: OrganizationId,
    /// Everybody who ever made bands for it: a key that is retired signed honestly before.
    pub manufacturers: Vec<PublicKey>,
}

impl Trust {
    /// As the database has it.
    pub(crate) fn read(tx: &Tx<'_>) -> Result<Self, DbError> {
        let manufacturers = tx.all(
            "select public_key from public_keys where kind = $1",
            args![keys::MANUFACTURER],
            |row| row.array(0),
        )?;
        Ok(Self {
            organization: settings::organization_id(tx)?,
            manufacturers,
        })
    }
}

/// Reads a batch and verifies the bands' signatures. Pure, and most of the work.
pub fn check(trust: &Trust, batch: Batch) -> Checked {
    let mut checked = Checked {
        records: HashMap::new(),
        receipts: HashMap::new(),
        proven: HashSet::new(),
        takes_over: HashMap::new(),
        forgeries: Vec::new(),
        batch,
    };
    for entry in &checked.batch.entries {
        let Ok(record) = JournalRecord::decode(&entry.record) else {
            continue;
        };
        if let JournalRecord::Committed(committed) = &record {
            let proven = receipt(trust.organization, StationId(entry.station.0), committed)
                .and_then(|receipt| Ok((is_proven(trust, committed, &receipt)?, receipt)));
            match proven {
                Ok((proven, receipt)) => {
                    checked.proven.extend(proven.then_some(entry.sequence));
                    checked.receipts.insert(entry.sequence, receipt);
                }
                Err((code, detail)) => checked.forgeries.push(Finding {
                    sequence: entry.sequence,
                    code,
                    detail,
                }),
            }
        }
        if let JournalRecord::Decided(decided) = &record {
            checked
                .takes_over
                .insert(entry.sequence, fold::may_take_over(decided));
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
) -> Result<Receipt, Wrong> {
    let forged = |detail| ("receipt_forged", detail);
    let receipt = Receipt::verify(&committed.receipt, &committed.band_key)
        .map_err(|error| forged(format!("the band's signature does not hold: {error:?}")))?;
    if receipt.organization != organization {
        let detail = format!("the receipt is for organization {}", receipt.organization);
        return Err(forged(detail));
    }
    // A receipt that was asked for again may be of a commit that another station made.
    if receipt.station != station && !committed.recovered {
        let detail = format!("the receipt is for station {}", receipt.station);
        return Err(forged(detail));
    }
    Ok(receipt)
}

/// Whether the manufacturer vouches for the band's key: not in the records of early releases, which bring no
/// certificate. One that does not hold, or says something else, is a forgery (A3).
fn is_proven(trust: &Trust, committed: &Committed, receipt: &Receipt) -> Result<bool, Wrong> {
    let Some(signed) = &committed.band_certificate else {
        return Ok(false);
    };
    let serial = &receipt.serial;
    let certificate = BandCertificate::verify(signed, &trust.manufacturers).map_err(|error| {
        let detail = format!("no manufacturer that is known here vouches for band {serial}: {error:?}");
        (MAKER_UNKNOWN, detail)
    })?;
    let says = (&certificate.serial, certificate.signing_key, certificate.seos);
    if says != (serial, committed.band_key, committed.seos) {
        let detail = format!("the certificate is not that of band {serial}, or says otherwise about it");
        return Err(("band_certificate_of_another", detail));
    }
    Ok(true)
}

const MAKER_UNKNOWN: &str = "band_certificate_untrusted";

/// A stable code, and what exactly for a person.
type Wrong = (&'static str, String);

/// What batches may both speak of: then one is folded after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Subject<'c> {
    Station(&'c [u8; 16]),
    User(&'c [u8; 16]),
    Band(&'c str),
    Association(&'c [u8; 16]),
}

impl Checked {
    /// Everything the batch speaks of.
    pub(crate) fn subjects(&self) -> impl Iterator<Item = Subject<'_>> {
        let receipts = self.receipts.values().flat_map(|receipt| {
            [
                Subject::User(&receipt.user.0),
                Subject::Band(receipt.serial.as_str()),
                Subject::Association(&receipt.association.0),
            ]
        });
        std::iter::once(Subject::Station(&self.batch.station.0)).chain(receipts)
    }

    /// The first forgery among these entries.
    pub fn first_forgery(&self, entries: &[Entry]) -> Option<&Finding> {
        let among = |finding: &&Finding| entries.iter().any(|entry| entry.sequence == finding.sequence);
        self.forgeries.iter().find(among)
    }

    /// The receipts that hold, in no order.
    pub(crate) fn receipts(&self) -> impl Iterator<Item = &Receipt> {
        self.receipts.values()
    }

    /// Whether one of these entries brings the certificate of a band.
    pub(crate) fn brings_certificate(&self, entries: &[Entry]) -> bool {
        entries.iter().any(|entry| self.proven.contains(&entry.sequence))
    }

    /// Whether a band's certificate is by nobody who was trusted when it was checked: somebody may be by now.
    pub(crate) fn lacks_maker(&self) -> bool {
        self.forgeries.iter().any(|finding| finding.code == MAKER_UNKNOWN)
    }

    fn record(&self, entry: &Entry) -> Option<&JournalRecord> {
        self.records.get(&entry.sequence)
    }

    /// A band that signs with another key than the one it was seen with first, a forged receipt or another band
    /// under its serial; or a band without a certificate at a station that sends certificates.
    pub(crate) fn doubtful_band(
        &self,
        station: &StationInfo,
        known: &Known,
        entries: &[Entry],
    ) -> Option<Finding> {
        let mut certifies = station.certifies;
        entries.iter().find_map(|entry| {
            let (receipt, record) = (self.receipts.get(&entry.sequence)?, self.record(entry)?);
            let JournalRecord::Committed(committed) = record else {
                return None;
            };
            let serial = receipt.serial.as_str();
            let proven = self.proven.contains(&entry.sequence);
            if certifies && !proven {
                return Some(Finding {
                    sequence: entry.sequence,
                    code: "band_certificate_missing",
                    detail: format!("the station sends bands' certificates, and none of band {serial}"),
                });
            }
            certifies |= proven;
            let differs = known
                .band_key(serial)
                .is_some_and(|key| key != committed.band_key);
            differs.then(|| Finding {
                sequence: entry.sequence,
                code: "band_key_changed",
                detail: format!("band {serial} has signed with another key before"),
            })
        })
    }
}
