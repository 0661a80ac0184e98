//! Journals coming in: read and checked outside the transaction, stored and folded inside, acknowledged after.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use firmware_protocol::id::StationId;
use policy::model::UnixMillis;
use server_sync::journal::{
    BATCH_BYTES_MAX, BATCH_ENTRIES_MAX, Batch, BatchFault, PushAnswer, PushFault, receive,
};
use server_sync::{Entry, Hash, Head, Lineage};

use super::intake::Intake;
use super::stations::{self, Certificates, NotServed, StationInfo, admit};
use crate::args;
use crate::ca::Peer;
use crate::db::{DbError, Tx, Val};
use crate::ingest::{self, Asked, Checked, Folder, Known, Subject, Trust};
use crate::serve::App;
use crate::store::{feed, settings};

/// Entries of one station that are kept for review; what comes beyond is refused and stays with the station.
const REVIEW_MAX: i64 = 10_000;

/// What a batch is answered with.
pub(super) enum Pushed {
    /// By the engine.
    Answer(PushAnswer),
    /// The station is not served at all.
    NotServed(NotServed),
}

/// A batch with the station that sent it.
pub(super) struct Came {
    pub(super) peer: Peer,
    pub(super) checked: Checked,
}

/// Whom to believe about bands, as far as this process has read it: manufacturers come, none ever goes.
pub(super) struct Trusted(Mutex<Arc<Trust>>);

impl Trusted {
    pub(super) fn new(trust: Trust) -> Self {
        Self(Mutex::new(Arc::new(trust)))
    }

    fn get(&self) -> Arc<Trust> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads it again.
    async fn freshen(&self, app: &App) -> Result<(), DbError> {
        let fresh = Arc::new(app.db.read(Trust::read).await?);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }
}

/// Takes the bytes of a batch.
pub(super) async fn push(
    app: &App,
    intake: &Intake,
    trusted: &Trusted,
    peer: Peer,
    bytes: Vec<u8>,
) -> Result<Pushed, DbError> {
    match Batch::from_bytes(&bytes) {
        Ok(batch) => {
            let mut checked = check(trusted.get(), batch).await?;
            // Bands of a manufacturer that was added a moment ago, here or by another console.
            if checked.lacks_maker() {
                trusted.freshen(app).await?;
                checked = check(trusted.get(), checked.batch).await?;
            }
            intake.take(Came { peer, checked }).await
        }
        Err(BatchFault::Changed { first, .. }) => {
            let now = app.now();
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

/// Signatures cost more than everything else and need no lock.
async fn check(trust: Arc<Trust>, batch: Batch) -> Result<Checked, DbError> {
    let checked = tokio::task::spawn_blocking(move || ingest::check(&trust, batch));
    checked
        .await
        .map_err(|error| DbError::Statement(error.to_string()))
}

/// Stores and folds what is new in batches of several stations; the commit makes it true, the answers come after
/// it. What several say of the same user, band or association is folded one after the other.
pub(super) fn take_all(tx: &Tx<'_>, came: &[Came], now: UnixMillis) -> Result<Vec<Pushed>, DbError> {
    let mut answers = Vec::with_capacity(came.len());
    for part in apart(came) {
        answers.extend(take_part(tx, part, now)?);
    }
    Ok(answers)
}

/// Cuts before each batch that speaks of something of which one before it spoke.
fn apart(came: &[Came]) -> Vec<&[Came]> {
    let (mut parts, mut seen, mut first) = (Vec::new(), HashSet::new(), 0);
    for (index, one) in came.iter().enumerate() {
        let subjects: HashSet<Subject<'_>> = one.checked.subjects().collect();
        if subjects.iter().any(|subject| seen.contains(subject)) {
            parts.push(&came[first..index]);
            seen.clear();
            first = index;
        }
        seen.extend(subjects);
    }
    parts.push(&came[first..]);
    parts
}

fn take_part(tx: &Tx<'_>, came: &[Came], now: UnixMillis) -> Result<Vec<Pushed>, DbError> {
    let peers: Vec<Peer> = came.iter().map(|one| one.peer).collect();
    let writers = came.iter().map(|one| &one.checked.batch.station.0);
    let asked = Asked::of(writers, came.iter().flat_map(|one| one.checked.receipts()));
    let about_receipts = asked.questions();
    let (question, lineage_of) = (Certificates::question(), [settings::names::LINEAGE.into()]);
    let serials = Certificates::keys(&peers);
    let own: [(&str, &[Val<'_>]); 3] = [
        (&question, &serials),
        (settings::VALUES, &lineage_of),
        (feed::HEAD, &[feed::HEAD_KEY]),
    ];
    let others = about_receipts.iter().map(|(_, sql, keys)| (sql.as_str(), *keys));
    let questions: Vec<_> = own.into_iter().chain(others).collect();
    let (mut known, mut certificates, mut lineage) = (Known::default(), Certificates::default(), None);
    tx.each_at_once(&questions, |number, row| match number {
        0 => certificates.take(row),
        1 => row
            .json(0)
            .map(|found: policy::model::StationId| lineage = Some(Lineage(found.0))),
        2 => row.int(0).map(|head| tx.set_feed_head(head)),
        _ => known.take(about_receipts[number - own.len()].0, row),
    })?;
    known.answered(&asked);
    let lineage = lineage.ok_or_else(|| DbError::Damaged("the database has no lineage".into()))?;
    let mut taking = Taking {
        tx,
        lineage,
        now,
        folder: Folder::new(tx, known, now),
        journal: Vec::new(),
        heads: Vec::new(),
    };
    let mut answers = Vec::with_capacity(came.len());
    for one in came {
        answers.push(match certificates.admit(&one.peer, now) {
            Ok(station) => taking.batch(&station, &one.checked)?,
            Err(refused) => Pushed::NotServed(refused),
        });
    }
    taking.finish()?;
    Ok(answers)
}

/// Batches of several stations on their way into the database.
struct Taking<'a> {
    tx: &'a Tx<'a>,
    lineage: Lineage,
    now: UnixMillis,
    folder: Folder<'a>,
    journal: Vec<Val<'a>>,
    heads: Vec<(StationId, Head)>,
}

impl<'a> Taking<'a> {
    fn batch(&mut self, station: &StationInfo, checked: &'a Checked) -> Result<Pushed, DbError> {
        let (tx, now) = (self.tx, self.now);
        if let Some(quarantine) = &station.quarantine {
            let unknown = unknown(tx, &station.id.0, &checked.batch.entries)?;
            keep(tx, &station.id.0, &quarantine.code, unknown, "", now)?;
            return Ok(refused(quarantine.sequence, &quarantine.code));
        }
        let line = station.line();
        let known = |sequence| stored_hash(tx, &station.id.0, sequence).ok().flatten();
        let received = receive(&line, self.lineage, &checked.batch, known);
        if !received.review.is_empty() {
            let code = "journal_fork";
            let sequence = received.review[0].sequence;
            keep(tx, &station.id.0, code, received.review, "", now)?;
            stations::quarantine(tx, station.id, code, sequence, now)?;
            return Ok(Pushed::Answer(received.answer));
        }
        let forgery = checked.first_forgery(received.append).cloned();
        let finding =
            forgery.or_else(|| checked.doubtful_band(station, self.folder.known(), received.append));
        if let Some(finding) = finding {
            let (code, detail) = (finding.code, &finding.detail);
            keep(tx, &station.id.0, code, received.append, detail, now)?;
            stations::quarantine(tx, station.id, code, finding.sequence, now)?;
            return Ok(refused(finding.sequence, code));
        }
        self.append(received.append);
        if !station.certifies && checked.brings_certificate(received.append) {
            stations::set_certifies(tx, station.id)?;
        }
        self.folder.take(station, checked, received.append)?;
        self.heads.push((station.id, received.line.head));
        Ok(Pushed::Answer(received.answer))
    }

    fn append(&mut self, entries: &'a [Entry]) {
        for entry in entries {
            self.journal.extend([
                Val::from(&entry.station.0),
                entry.sequence.into(),
                entry.time_ms.into(),
                (&entry.previous.0).into(),
                (&entry.record).into(),
                (&entry.hash.0).into(),
                self.now.into(),
            ]);
        }
    }

    fn finish(self) -> Result<(), DbError> {
        let head = "insert into journal (station, sequence, time_ms, previous, record, hash, received_at)";
        self.tx.insert_later(head, 7, &self.journal, "")?;
        stations::set_heads(self.tx, &self.heads)?;
        self.folder.finish()
    }
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
