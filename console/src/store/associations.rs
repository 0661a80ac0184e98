//! Who holds which band.

use policy::merge::Stamp;
use policy::model::{Association, AssociationId, Ending, Suspension, UnixMillis};

use super::history::code;
use crate::args;
use crate::db::{DbError, Row, Tx, Val};

/// What [`read`] reads, in its order.
pub const COLUMNS: &str = "associations.id, associations.usr, associations.band, associations.zone, \
     associations.active, associations.primary_band, associations.expires_ms, associations.suspended_since, \
     associations.suspended_note, associations.ended_cause, associations.ended_ms, associations.band_epoch";

/// How many columns [`COLUMNS`] has.
pub const COLUMN_COUNT: usize = 12;

pub(super) const INSERT: &str = "insert into associations (id, usr, band, zone, active, primary_band, expires_ms, \
     suspended_since, suspended_note, ended_cause, ended_ms, band_epoch, made_ms, made_by, note, changed_ms, version)";
pub(super) const WIDTH: usize = 17;
pub(super) const REPLACE: &str = "on conflict (id) do update set usr = excluded.usr, band = excluded.band, \
     zone = excluded.zone, active = excluded.active, primary_band = excluded.primary_band, \
     expires_ms = excluded.expires_ms, suspended_since = excluded.suspended_since, \
     suspended_note = excluded.suspended_note, ended_cause = excluded.ended_cause, ended_ms = excluded.ended_ms, \
     band_epoch = excluded.band_epoch, made_ms = excluded.made_ms, made_by = excluded.made_by, \
     changed_ms = excluded.changed_ms, version = associations.version + 1";

/// Reads [`COLUMNS`] from the first column on. The note, which is no part of history, stays empty.
pub fn read(row: &Row<'_>) -> Result<Association, DbError> {
    read_at(row, 0)
}

/// Reads [`COLUMNS`] from column `at` on.
pub fn read_at(row: &Row<'_>, at: usize) -> Result<Association, DbError> {
    let ended = match (row.opt_code(at + 9)?, row.opt_moment(at + 10)?) {
        (Some(cause), Some(at)) => Some(Ending { cause, at }),
        _ => None,
    };
    Ok(Association {
        id: AssociationId(row.array(at)?),
        user: row.parse(at + 1)?,
        band: row.parse(at + 2)?,
        zone: row.code(at + 3)?,
        active: row.bool(at + 4)?,
        primary: row.bool(at + 5)?,
        expires_at: row.opt_moment(at + 6)?,
        suspension: suspension(row, at + 7)?,
        ended,
        band_epoch: u32::try_from(row.int(at + 11)?).unwrap_or(u32::MAX),
        note: String::new(),
    })
}

/// Reads a suspension from `column` and the next.
pub fn suspension(row: &Row<'_>, column: usize) -> Result<Option<Suspension>, DbError> {
    let Some(since) = row.opt_moment(column)? else {
        return Ok(None);
    };
    let note = row.opt_text(column + 1)?.unwrap_or_default();
    Ok(Some(Suspension { since, note }))
}

pub(super) fn values(
    association: &Association,
    made: Option<Stamp>,
    now: UnixMillis,
) -> [Val<'static>; WIDTH] {
    let suspension = association.suspension.clone();
    let (since, why) = suspension.map(|it| (it.since.0, it.note)).unzip();
    let (cause, ended) = association.ended.map(|it| (code(&it.cause), it.at.0)).unzip();
    [
        association.id.0.to_vec().into(),
        association.user.to_string().into(),
        association.band.to_string().into(),
        code(&association.zone).into(),
        association.active.into(),
        association.primary.into(),
        association.expires_at.map(|at| at.0).into(),
        since.into(),
        why.into(),
        cause.into(),
        ended.into(),
        association.band_epoch.into(),
        made.map_or(now, |stamp| stamp.time.millis).into(),
        made.map_or([0; 16], |stamp| stamp.station.0).to_vec().into(),
        "".into(),
        now.into(),
        Val::Int(1),
    ]
}

/// Remembers the key that the band made for an association, which may arrive before the association does.
pub fn remember_key(tx: &Tx<'_>, id: &AssociationId, key: &[u8; 32]) -> Result<(), DbError> {
    tx.exec(
        "insert into credentials (association, credential_key) values ($1, $2) on conflict (association) do nothing",
        args![id, key],
    )?;
    Ok(())
}

/// The association, if there is one.
pub fn get(tx: &Tx<'_>, id: &AssociationId) -> Result<Option<Association>, DbError> {
    let sql = format!("select {COLUMNS} from associations where id = $1");
    tx.first(&sql, args![id], read)
}
