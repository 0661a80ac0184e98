//! Public keys that stations are told, each with the time in which it holds.

use policy::model::UnixMillis;

use super::feed::{self, Kind};
use crate::args;
use crate::db::{DbError, Row, Tx};

/// Signs tickets.
pub const TICKET_ISSUER: &str = "ticket_issuer";
/// Hashes codes to type; the key itself is a secret of the vault.
pub const CODE: &str = "code";
/// Makes bands.
pub const MANUFACTURER: &str = "manufacturer";
/// Signs pages of the feed.
pub const FEED: &str = "feed";

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// One of the kinds above.
    pub kind: String,
    /// A number as text, used once per kind.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// The Ed25519 key; empty for codes.
    pub public_key: Vec<u8>,
    /// Since when it holds.
    pub not_before: UnixMillis,
    /// Since when nothing new is signed by it.
    pub retired: Option<UnixMillis>,
}

const COLUMNS: &str = "kind, id, name, public_key, not_before, retired_ms";

fn read(row: &Row<'_>) -> Result<KeyRow, DbError> {
    Ok(KeyRow {
        kind: row.text(0)?,
        id: row.text(1)?,
        name: row.text(2)?,
        public_key: row.bytes(3)?,
        not_before: row.moment(4)?,
        retired: row.opt_moment(5)?,
    })
}

/// Every key, by kind and id.
pub fn list(tx: &Tx<'_>) -> Result<Vec<KeyRow>, DbError> {
    tx.all(
        &format!("select {COLUMNS} from public_keys order by kind, id"),
        &[],
        read,
    )
}

/// The key of this kind that signs at this moment: the newest that holds and is not retired.
pub fn current(tx: &Tx<'_>, kind: &str, now: UnixMillis) -> Result<KeyRow, DbError> {
    let sql = format!(
        "select {COLUMNS} from public_keys where kind = $1 and not_before <= $2 and (retired_ms is null or retired_ms > $2) \
         order by not_before desc, id desc limit 1"
    );
    let found = tx.first(&sql, args![kind, now], read)?;
    found.ok_or_else(|| {
        DbError::Damaged(format!(
            "there is no key of kind {kind:?}; was `bandstand-console init` run?"
        ))
    })
}

/// Adds a key.
pub fn insert(tx: &Tx<'_>, key: &KeyRow) -> Result<(), DbError> {
    tx.exec(
        "insert into public_keys (kind, id, name, public_key, not_before, retired_ms) values ($1, $2, $3, $4, $5, $6)",
        args![&key.kind, &key.id, &key.name, &key.public_key, key.not_before, key.retired],
    )?;
    mark(tx, &key.kind, &key.id)
}

/// From this moment on nothing new is signed by it.
pub fn retire(tx: &Tx<'_>, kind: &str, id: &str, at: UnixMillis) -> Result<bool, DbError> {
    let changed = tx.exec(
        "update public_keys set retired_ms = $3 where kind = $1 and id = $2 and retired_ms is null",
        args![kind, id, at],
    )?;
    mark(tx, kind, id)?;
    Ok(changed > 0)
}

/// The number that the next key of this kind gets.
pub fn next_id(tx: &Tx<'_>, kind: &str) -> Result<u32, DbError> {
    let ids = tx.all("select id from public_keys where kind = $1", args![kind], |row| {
        row.parse::<u32>(0)
    })?;
    Ok(ids.into_iter().max().unwrap_or(0) + 1)
}

fn mark(tx: &Tx<'_>, kind: &str, id: &str) -> Result<(), DbError> {
    feed::mark(tx, Kind::Key, &format!("{kind}:{id}"), "")
}
