//! One-time tokens: whoever has one may add one station to one site and zone.

use firmware_protocol::id::StationId;
use policy::model::{UnixMillis, Zone};
use station_core::sync::JoinToken;

use crate::args;
use crate::db::{DbError, Row, Tx};
use crate::store::history::code;

/// What a token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// What people will call the station.
    pub name: String,
    /// The site it stands at.
    pub site: String,
    /// The zone it writes.
    pub zone: Zone,
    /// Only for this station, which is known already: it gets new certificates.
    pub station: Option<StationId>,
    /// Who made it.
    pub created_by: String,
    /// The last moment at which it can be used.
    pub expires_at: UnixMillis,
}

/// A token as it is kept: everything but the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenInfo {
    /// Names it: the hash of its secret.
    pub hash: [u8; 32],
    /// What it is for.
    pub what: NewToken,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it was used.
    pub spent_at: Option<UnixMillis>,
    /// By which station.
    pub spent_by: Option<StationId>,
    /// The key with which it was used: the same key may ask again, because its answer may have been lost.
    pub(super) spent_key: Option<[u8; 32]>,
}

const COLUMNS: &str =
    "hash, name, site, zone, station, created_by, expires_at, created_at, spent_at, spent_by, spent_key";

/// Makes a token. `secret` is random; `authority` the fingerprint of the console's authority, so that the
/// station knows its console by the token alone. The text is shown once and kept nowhere.
pub fn create(
    tx: &Tx<'_>,
    what: &NewToken,
    secret: [u8; 16],
    authority: &[u8; 32],
    now: UnixMillis,
) -> Result<JoinToken, DbError> {
    let token = JoinToken {
        secret,
        authority: *authority.first_chunk().expect("16 of 32 bytes"),
    };
    let station = what.station.map(|station| station.0);
    tx.exec(
        "insert into join_tokens (hash, name, site, zone, station, created_by, expires_at, created_at) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        args![
            &token.digest(),
            &what.name,
            &what.site,
            code(&what.zone),
            station.as_ref().map(|id| &id[..]),
            &what.created_by,
            what.expires_at,
            now
        ],
    )?;
    Ok(token)
}

/// Tokens, the newest first.
pub fn list(tx: &Tx<'_>, limit: usize) -> Result<Vec<TokenInfo>, DbError> {
    let sql = format!("select {COLUMNS} from join_tokens order by created_at desc limit $1");
    tx.all(&sql, args![limit], read)
}

/// The token with this hash.
pub fn get(tx: &Tx<'_>, hash: &[u8; 32]) -> Result<Option<TokenInfo>, DbError> {
    let sql = format!("select {COLUMNS} from join_tokens where hash = $1");
    tx.first(&sql, args![hash], read)
}

/// Takes back a token that was not used yet. Whether there was one.
pub fn revoke(tx: &Tx<'_>, hash: &[u8; 32]) -> Result<bool, DbError> {
    let gone = tx.exec(
        "delete from join_tokens where hash = $1 and spent_at is null",
        args![hash],
    )?;
    Ok(gone > 0)
}

/// Takes back every token that was not used yet.
pub(super) fn revoke_open(tx: &Tx<'_>) -> Result<(), DbError> {
    tx.exec("delete from join_tokens where spent_at is null", &[])?;
    Ok(())
}

/// How many tokens can still be used.
pub(super) fn count_open(tx: &Tx<'_>, now: UnixMillis) -> Result<u64, DbError> {
    let sql = "select count(*) from join_tokens where spent_at is null and expires_at >= $1";
    Ok(tx.number(sql, args![now])?.max(0) as u64)
}

/// Uses a token up.
pub(super) fn spend(
    tx: &Tx<'_>,
    hash: &[u8; 32],
    station: StationId,
    key: &[u8; 32],
    now: UnixMillis,
) -> Result<(), DbError> {
    tx.exec(
        "update join_tokens set spent_at = $1, spent_by = $2, spent_key = $3 where hash = $4",
        args![now, &station.0, key, hash],
    )?;
    Ok(())
}

fn read(row: &Row<'_>) -> Result<TokenInfo, DbError> {
    Ok(TokenInfo {
        hash: row.array(0)?,
        what: NewToken {
            name: row.text(1)?,
            site: row.text(2)?,
            zone: row.code(3)?,
            station: row.opt_array(4)?.map(StationId),
            created_by: row.text(5)?,
            expires_at: row.moment(6)?,
        },
        created_at: row.moment(7)?,
        spent_at: row.opt_moment(8)?,
        spent_by: row.opt_array(9)?.map(StationId),
        spent_key: row.opt_array(10)?,
    })
}
