//! What the station keeps beside users and bands: the date it believed too much, and bands it believes nothing.

use firmware_protocol::id::{AssociationId, Serial};
use rusqlite::types::ValueRef;
use serde::{Deserialize, Serialize};
use station_core::provision::HexBytes;
use station_core::replica::Quarantine;

use super::rows::{self, to_body};
use super::tables::{self, Writer};
use super::{Store, StoreError, replica};

/// The key of the row of `meta` about the clock.
const CLOCK: &str = "clock";
/// What the keys of quarantined bands begin with; their serial follows.
const QUARANTINE: &str = "quarantine:";

#[derive(Serialize, Deserialize)]
struct ClockBody {
    passed_ms: u64,
}

#[derive(Serialize, Deserialize)]
struct QuarantineBody {
    association: HexBytes<16>,
    code: String,
}

impl Store {
    /// The latest date that was believed and then corrected by a confirmation; 0 if that never happened.
    pub fn passed_ms(&self) -> Result<u64, StoreError> {
        let body: Option<ClockBody> = replica::meta(self.access(), CLOCK)?;
        Ok(body.map_or(0, |body| body.passed_ms))
    }

    /// What the band proves and is not believed, if there is anything.
    pub fn quarantine(&self, serial: &Serial) -> Result<Option<AssociationId>, StoreError> {
        let body: Option<QuarantineBody> = replica::meta(self.access(), &key(serial))?;
        Ok(body.map(|body| AssociationId(body.association.0)))
    }

    /// Every band that is not believed.
    pub fn quarantines(&self) -> Result<Vec<Quarantine>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached("select * from meta where key >= 'quarantine:' and key < 'quarantine;'")?;
        let mut found = statement.query(())?;
        let mut quarantines = Vec::new();
        while let Some(row) = found.next()? {
            let body: QuarantineBody = rows::body(&self.sealing, &tables::META, row)?;
            let key: String = row.get(0)?;
            let serial = key.strip_prefix(QUARANTINE).and_then(Serial::new);
            quarantines.push(Quarantine {
                serial: serial.ok_or_else(|| StoreError::Corrupted(format!("{key:?} names no band")))?,
                association: AssociationId(body.association.0),
                code: body.code,
            });
        }
        Ok(quarantines)
    }
}

fn key(serial: &Serial) -> String {
    format!("{QUARANTINE}{}", serial.as_str())
}

fn put(writer: &mut Writer<'_>, key: &str, body: &impl Serialize) -> Result<(), StoreError> {
    let (key, body) = (ValueRef::Text(key.as_bytes()), to_body(body));
    writer.put(&tables::META, &[key, ValueRef::Blob(&body)])
}

/// Remembers the date.
pub(super) fn put_passed(writer: &mut Writer<'_>, passed_ms: u64) -> Result<(), StoreError> {
    put(writer, CLOCK, &ClockBody { passed_ms })
}

/// Remembers the band.
pub(super) fn put_quarantine(writer: &mut Writer<'_>, quarantine: &Quarantine) -> Result<(), StoreError> {
    let body = QuarantineBody {
        association: HexBytes(quarantine.association.0),
        code: quarantine.code.clone(),
    };
    put(writer, &key(&quarantine.serial), &body)
}

/// Forgets the band, if it is there.
pub(super) fn end_quarantine(writer: &mut Writer<'_>, serial: &Serial) -> Result<(), StoreError> {
    writer.delete(&tables::META, ValueRef::Text(key(serial).as_bytes()))
}

/// Takes over what `before` kept. `passed_ms` is the latest date that counts as passed from now on.
pub(super) fn carry(writer: &mut Writer<'_>, before: &Store, passed_ms: u64) -> Result<(), StoreError> {
    if passed_ms > 0 {
        put_passed(writer, passed_ms)?;
    }
    let quarantines = match before.quarantines() {
        // Its band is judged again when it comes.
        Err(StoreError::Corrupted(_)) => Vec::new(),
        outcome => outcome?,
    };
    quarantines
        .iter()
        .try_for_each(|quarantine| put_quarantine(writer, quarantine))
}
