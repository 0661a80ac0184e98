//! What of the tables is sealed, and how (decision 0033).
//!
//! Every body is sealed with AES-256-GCM under a nonce of its own; the table and every other column of the row are
//! bound to it, so that no row can pose as another. Columns by which people are looked up hold a keyed hash, and the
//! body says what it is of. Serials of bands, random identifiers, numbers and states stay readable.

use std::borrow::Cow;
use std::cell::Cell;
use std::ops::Deref;

use ring::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use ring::hmac;
use rusqlite::Connection;
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use station_core::journal::{Entry, Hash, StationKey};

use super::StoreError;
use super::tables::{self, Table};
use crate::clock::Entropy;
use crate::seal::{SealKey, SealKeyId, aead_key};

/// Bytes of a keyed hash.
const HASH_LEN: usize = 16;
/// The key of the one row of the table that names the key.
const KEY_ROW: &str = "key";

/// How the rows of one database are kept.
#[derive(Debug)]
pub(super) enum Sealing {
    /// In clear, as versions before 3 did.
    Clear,
    /// Sealed.
    Sealed(Box<Sealer>),
}

/// The keys of an open database.
pub(super) struct Sealer {
    id: SealKeyId,
    lookup: hmac::Key,
    bodies: LessSafeKey,
    nonce: Cell<u128>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Sealer({})", self.id)
    }
}

/// A database and how its rows are kept: what everything that reads or writes rows is given.
#[derive(Clone, Copy, Debug)]
pub(super) struct Access<'c> {
    pub(super) connection: &'c Connection,
    pub(super) sealing: &'c Sealing,
}

impl Deref for Access<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

/// A value to look up by, as the column holds it.
pub(super) enum Key<'a> {
    Plain(ValueRef<'a>),
    Hash([u8; HASH_LEN]),
}

impl Key<'_> {
    pub(super) fn value(&self) -> ValueRef<'_> {
        match self {
            Self::Plain(value) => *value,
            Self::Hash(hash) => ValueRef::Blob(hash),
        }
    }
}

impl ToSql for Key<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(self.value()))
    }
}

impl Sealer {
    fn new(key: &SealKey) -> Self {
        Self {
            id: key.id(),
            lookup: hmac::Key::new(hmac::HMAC_SHA256, &*key.derive("lookup")),
            bodies: aead_key(&key.derive("rows")),
            nonce: Cell::new(0),
        }
    }

    /// A nonce that nobody has used: counted from where [`Sealing::begin`] has drawn the first one.
    fn next_nonce(&self) -> Nonce {
        let number = self.nonce.get().wrapping_add(1);
        self.nonce.set(number);
        let bytes = number.to_le_bytes();
        Nonce::assume_unique_for_key(*bytes.first_chunk::<NONCE_LEN>().expect("16 bytes"))
    }

    fn seal(&self, bound: &[u8], body: &[u8]) -> Vec<u8> {
        let nonce = self.next_nonce();
        let mut sealed = Vec::with_capacity(NONCE_LEN + body.len() + self.bodies.algorithm().tag_len());
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(body);
        let tag = self
            .bodies
            .seal_in_place_separate_tag(nonce, Aad::from(bound), &mut sealed[NONCE_LEN..])
            .expect("rows are short");
        sealed.extend_from_slice(tag.as_ref());
        sealed
    }

    fn open(&self, bound: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut body = sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let opened = self.bodies.open_in_place(nonce, Aad::from(bound), &mut body);
        let len = opened.ok()?.len();
        body.truncate(len);
        Some(body)
    }
}

impl Sealing {
    /// For a database that is to be sealed with `key`.
    pub(super) fn with(key: &SealKey) -> Self {
        Self::Sealed(Box::new(Sealer::new(key)))
    }

    /// What an open database of the current version says: sealed with `key`, or with another one.
    pub(super) fn of(connection: &Connection, key: &SealKey) -> Result<Self, StoreError> {
        let sealing = Self::with(key);
        let found = sealed_with(connection)?;
        match found == key.id() {
            true => Ok(sealing),
            false => Err(StoreError::OtherSealKey {
                found,
                given: key.id(),
            }),
        }
    }

    /// Before each transaction: nonces count on from a place that nobody else has drawn.
    pub(super) fn begin(&self) {
        if let Self::Sealed(sealer) = self {
            sealer.nonce.set(u128::from_le_bytes(Entropy::new().bytes()));
        }
    }

    /// The value of a column as a row of `table` holds it.
    pub(super) fn key<'a>(&self, table: &Table, column: usize, value: ValueRef<'a>) -> Key<'a> {
        match self {
            Self::Sealed(sealer) if table.hashed.contains(&column) => {
                let mut context = hmac::Context::with_key(&sealer.lookup);
                context.update(table.name.as_bytes());
                context.update(&[0, column as u8]);
                context.update(value.as_bytes().unwrap_or_default());
                let tag = context.sign();
                Key::Hash(*tag.as_ref().first_chunk().expect("a hash has 32 bytes"))
            }
            _ => Key::Plain(value),
        }
    }

    /// The same for text.
    pub(super) fn text_key<'a>(&self, table: &Table, column: usize, text: &'a str) -> Key<'a> {
        self.key(table, column, ValueRef::Text(text.as_bytes()))
    }

    /// A body as the row that holds `bound` beside it keeps it.
    pub(super) fn seal<'a>(&self, bound: impl FnOnce() -> Vec<u8>, body: &'a [u8]) -> Cow<'a, [u8]> {
        match self {
            Self::Clear => Cow::Borrowed(body),
            Self::Sealed(sealer) => Cow::Owned(sealer.seal(&bound(), body)),
        }
    }

    /// The body out of its row; nothing if it was sealed elsewhere or changed.
    pub(super) fn open<'a>(
        &self,
        bound: impl FnOnce() -> Vec<u8>,
        sealed: &'a [u8],
    ) -> Option<Cow<'a, [u8]>> {
        match self {
            Self::Clear => Some(Cow::Borrowed(sealed)),
            Self::Sealed(sealer) => sealer.open(&bound(), sealed).map(Cow::Owned),
        }
    }

    /// A page of a snapshot as it is put aside. Pages are verified again and in their order when they are used.
    pub(super) fn seal_page<'a>(&self, page: &'a [u8]) -> Cow<'a, [u8]> {
        self.seal(|| b"staged_pages".to_vec(), page)
    }

    /// A page out of what was put aside.
    pub(super) fn open_page<'a>(&self, sealed: &'a [u8]) -> Option<Cow<'a, [u8]>> {
        self.open(|| b"staged_pages".to_vec(), sealed)
    }

    /// The columns of the journal behind sequence and time.
    pub(super) fn journal_columns(&self) -> &'static str {
        match self {
            Self::Clear => "previous, record, hash",
            Self::Sealed(_) => "entry",
        }
    }

    /// A journal entry's column.
    pub(super) fn seal_entry(&self, entry: &Entry) -> Vec<u8> {
        let content = [&entry.previous.0, &entry.hash.0, &entry.record[..]].concat();
        let bound = || journal_bound(entry.sequence, entry.time_ms);
        self.seal(bound, &content).into_owned()
    }

    /// A journal entry out of its row. One that does not open has nothing in it, so that whoever follows the chain
    /// finds the break at this place, and reads on behind it.
    pub(super) fn open_entry(&self, station: StationKey, row: &rusqlite::Row<'_>) -> rusqlite::Result<Entry> {
        let (sequence, time_ms) = (row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64);
        let (previous, record, hash) = match self {
            Self::Clear => (row.get(2)?, row.get(3)?, row.get(4)?),
            Self::Sealed(sealer) => {
                let content = sealer.open(&journal_bound(sequence, time_ms), row.get_ref(2)?.as_blob()?);
                split_entry(content.as_deref().unwrap_or_default())
            }
        };
        Ok(Entry {
            station,
            sequence,
            time_ms,
            previous: Hash(previous),
            record,
            hash: Hash(hash),
        })
    }
}

/// Whether this stands for an entry that did not open.
pub(super) fn is_unreadable(entry: &Entry) -> bool {
    entry.record.is_empty() && entry.hash == Hash([0; 32])
}

fn split_entry(content: &[u8]) -> ([u8; 32], Vec<u8>, [u8; 32]) {
    let parts = content.split_first_chunk::<32>().and_then(|(previous, rest)| {
        let (hash, record) = rest.split_first_chunk::<32>()?;
        Some((*previous, record.to_vec(), *hash))
    });
    parts.unwrap_or_default()
}

fn journal_bound(sequence: u64, time_ms: u64) -> Vec<u8> {
    [b"journal\0", &sequence.to_be_bytes()[..], &time_ms.to_be_bytes()].concat()
}

/// The key that an open database of the current version is sealed with.
fn sealed_with(connection: &Connection) -> Result<SealKeyId, StoreError> {
    let mut statement = connection.prepare("select * from sealing where name = ?1")?;
    let mut found = statement.query([KEY_ROW])?;
    let row = found
        .next()?
        .ok_or_else(|| StoreError::Corrupted("nothing says which key it is sealed with".into()))?;
    tables::check_row(&tables::SEALING, row)?;
    Ok(SealKeyId(row.get(1)?))
}

/// Writes which key a new database is sealed with.
pub(super) fn put_key(writer: &mut tables::Writer<'_>, key: &SealKey) -> Result<(), StoreError> {
    let values = [ValueRef::Text(KEY_ROW.as_bytes()), ValueRef::Blob(&key.id().0)];
    writer.put(&tables::SEALING, &values)
}
