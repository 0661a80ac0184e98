//! Journals coming in: read and checked outside the transaction, stored and folded inside, acknowledged after.

use policy::model::UnixMillis;
use server_sync::journal::{
    BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, Batch, BatchFault, PushAnswer, PushFault, receive,
};
use server_sync::{Entry, Hash, Lineage};

use super::stations::{self, NotServed, admit};
use crate::args;
use crate::ca::Peer;
use crate::db::{DbError, Tx, Val};
use crate::ingest::{self, Checked, Finding, Trust};
use crate::serve::App;
use crate::store::settings;

/// Entries of one station that are kept for review; what comes beyond is refused and stays with the station.
const REVIEW_MAX: i64 = 10_000;

/// What a batch is answered with.
pub(super) enum Pushed {
    /// By the engine.
    Answer(PushAnswer),
    /// The station is not served at all.
    NotServed(NotServed),
}

/// Takes the bytes of a batch.
pub(super) async fn push(app: &App, peer: Peer, bytes: Vec<u8>) -> Result<Pushed, DbError> {
    let now = app.now();
    match Batch::from_bytes(&bytes) {
        Ok(batch) => {
            let trust = app.db.read(Trust::read).await?;
            // Signatures cost more than everything else and need no lock.
            let checked = tokio::task::spawn_blocking(move || ingest::check(&trust, batch));
            let checked = checked
                .await
                .map_err(|error| DbError::Statement(error.to_string()))?;
            app.db.write(move |tx| take(tx, &peer, &checked, now)).await
        }
        Err(BatchFault::Changed { first, .. }) => {
            app.db
                .write(move |tx| tampered(tx, &peer, first, &bytes, now))
                .await
        }
        Err(BatchFault::TooLarge) => Ok(Pushed::Answer(PushAnswer::Refused(PushFault::TooLarge {
            entries_max: BATCH_ENTRIES_MAX as u32,
            bytes_max: BATCH_BYTES_MAX as u32,
        }))),
        Err(BatchFault::Malformed | BatchFault::Empty) => {
            Ok(Pushed::Answer(PushAnswer::Refused(PushFault::Malformed)))
        }
    }
}

/// Stores and folds what is new; the commit makes it true, the answer comes after it.
fn take(tx: &Tx<'_>, peer: &Peer, checked: &Checked, now: UnixMillis) -> Result<Pushed, DbError> {
    let station = match admit(tx, peer, now)? {
        Ok(station) => station,
        Err(refused) => return Ok(Pushed::NotServed(refused)),
    };
    if let Some(quarantine) = &station.quarantine {
        let unknown = unknown(tx, &station.id.0, &checked.batch.entries)?;
        keep(tx, &station.id.0, &quarantine.code, unknown, "", now)?;
        return Ok(refused(quarantine.sequence, &quarantine.code));
    }
    let lineage = Lineage(settings::lineage(tx)?);
    let line = station.line();
    let known = |sequence| stored_hash(tx, &station.id.0, sequence).ok().flatten();
    let received = receive(&line, lineage, &checked.batch, known);
    if !received.review.is_empty() {
        let code = "journal_fork";
        let sequence = received.review[0].sequence;
        keep(tx, &station.id.0, code, received.review, "", now)?;
        stations::quarantine(tx, station.id, code, sequence, now)?;
        return Ok(Pushed::Answer(received.answer));
    }
    if let Some(finding) = checked.first_forgery(received.append) {
        let Finding {
            sequence,
            code,
            detail,
        } = finding;
        keep(tx, &station.id.0, code, received.append, detail, now)?;
        stations::quarantine(tx, station.id, code, *sequence, now)?;
        return Ok(refused(*sequence, code));
    }
    if let Some(finding) = ingest::doubtful_band(tx, station.id, checked, received.append)? {
        keep(
            tx,
            &station.id.0,
            finding.code,
            received.append,
            &finding.detail,
            now,
        )?;
        stations::quarantine(tx, station.id, finding.code, finding.sequence, now)?;
        return Ok(refused(finding.sequence, finding.code));
    }
    append(tx, received.append, now)?;
    ingest::remember_certifies(tx, station.id, checked, received.append)?;
    ingest::fold(tx, &station, checked, received.append, now)?;
    stations::set_head(tx, station.id, received.line.head)?;
    Ok(Pushed::Answer(received.answer))
}

/// Entries that are not what their hashes say were changed on the station's disk or by whoever holds its key:
/// the connection itself changes nothing.
fn tampered(tx: &Tx<'_>, peer: &Peer, first: u64, bytes: &[u8], now: UnixMillis) -> Result<Pushed, DbError> {
    let station = match admit(tx, peer, now)? {
        Ok(station) => station,
        Err(refused) => return Ok(Pushed::NotServed(refused)),
    };
    let id = ring::digest::digest(&ring::digest::SHA256, bytes);
    let id: [u8; 32] = id.as_ref().try_into().expect("32 bytes");
    let code = "journal_changed";
    if held(tx, &station.id.0)? < REVIEW_MAX {
        let detail = "the batch as it came";
        tx.exec(REVIEW, args![&id, &station.id.0, now, code, first, detail, bytes])?;
    }
    stations::quarantine(tx, station.id, code, first, now)?;
    Ok(Pushed::Answer(PushAnswer::Refused(PushFault::Changed { first })))
}

fn refused(sequence: u64, code: &str) -> Pushed {
    Pushed::Answer(PushAnswer::Refused(PushFault::Quarantined {
        sequence,
        code: code.to_owned(),
    }))
}

fn stored_hash(tx: &Tx<'_>, station: &[u8; 16], sequence: u64) -> Result<Option<Hash>, DbError> {
    tx.first(
        "select hash from journal where station = $1 and sequence = $2",
        args![station, sequence],
        |row| row.array(0).map(Hash),
    )
}

/// The entries from the first on that is not stored as it is.
fn unknown<'e>(tx: &Tx<'_>, station: &[u8; 16], entries: &'e [Entry]) -> Result<&'e [Entry], DbError> {
    for (index, entry) in entries.iter().enumerate() {
        if stored_hash(tx, station, entry.sequence)? != Some(entry.hash) {
            return Ok(&entries[index..]);
        }
    }
    Ok(&[])
}

fn append(tx: &Tx<'_>, entries: &[Entry], now: UnixMillis) -> Result<(), DbError> {
    let values: Vec<Val<'_>> = entries
        .iter()
        .flat_map(|entry| {
            [
                Val::from(&entry.station.0),
                entry.sequence.into(),
                entry.time_ms.into(),
                (&entry.previous.0).into(),
                (&entry.record).into(),
                (&entry.hash.0).into(),
                now.into(),
            ]
        })
        .collect();
    let head = "insert into journal (station, sequence, time_ms, previous, record, hash, received_at)";
    tx.insert(head, 7, &values, "")?;
    Ok(())
}

/// Keeps entries for a person to look at, each once however often it comes.
fn keep(
    tx: &Tx<'_>,
    station: &[u8; 16],
    code: &str,
    entries: &[Entry],
    detail: &str,
    now: UnixMillis,
) -> Result<(), DbError> {
    let held = held(tx, station)?;
    let room = usize::try_from(REVIEW_MAX - held).unwrap_or(0);
    for entry in entries.iter().take(room) {
        let Entry {
            hash,
            sequence,
            record,
            ..
        } = entry;
        tx.exec(
            REVIEW,
            args![&hash.0, station, now, code, *sequence, detail, record],
        )?;
    }
    Ok(())
}

const REVIEW: &str = "insert into journal_review (id, station, received_at, code, sequence, detail, body) \
     values ($1, $2, $3, $4, $5, $6, $7) on conflict (id) do nothing";

/// How much of this station's journal waits for a person already.
fn held(tx: &Tx<'_>, station: &[u8; 16]) -> Result<i64, DbError> {
    tx.number(
        "select count(*) from journal_review where station = $1",
        args![station],
    )
}
