//! Who holds which band.

use policy::model::{AssociationId, BandSerial, UnixMillis, UserId};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::look;
use super::page::{Page, PageRequest};
use super::users::HistoryLine;
use super::view::AssociationView;
use crate::access::{Action, Caller, allow, allow_somewhere};
use crate::args;
use crate::db::{DbError, Row, Tx, Val};
use crate::problem::Problem;
use crate::serve::App;
use crate::store::associations::{self as store, COLUMN_COUNT};
use crate::store::history;
use crate::store::query::Query;

/// Which associations to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub struct AssociationFilter {
    /// Of this user.
    pub user: Option<String>,
    /// Of this band.
    pub band: Option<String>,
    /// `enrollment` or `registration`.
    pub zone: Option<String>,
    /// Only those that have not ended.
    pub open: Option<bool>,
}

/// What [`read`] reads.
fn select() -> String {
    format!(
        "select {}, associations.made_ms, quarantine.association, users.name, users.site, bands.seos, \
         makers.name \
         from associations left join quarantine on quarantine.association = associations.id \
         left join users on users.id = associations.usr left join bands on bands.serial = associations.band \
         left join stations makers on makers.id = associations.made_by",
        store::COLUMNS
    )
}

fn read(row: &Row<'_>, now: UnixMillis) -> Result<AssociationView, DbError> {
    let association = store::read(row)?;
    let made_ms = row.int(COLUMN_COUNT)?;
    let quarantined = row.opt_bytes(COLUMN_COUNT + 1)?.is_some();
    let mut view = AssociationView::new(association, made_ms, quarantined, now);
    view.user_name = row.opt_text(COLUMN_COUNT + 2)?;
    view.band_seos = row.opt_bool(COLUMN_COUNT + 4)?;
    view.station = row.opt_text(COLUMN_COUNT + 5)?;
    Ok(view)
}

/// Every association of a user, ended ones too, the latest first.
pub(crate) fn of_user(tx: &Tx<'_>, user: &UserId, now: UnixMillis) -> Result<Vec<AssociationView>, DbError> {
    let sql = format!(
        "{} where associations.usr = $1 order by associations.made_ms desc limit 500",
        select()
    );
    tx.all(&sql, args![user], |row| read(row, now))
}

/// Every association of a band, ended ones too, the latest first.
pub(crate) fn of_band(
    tx: &Tx<'_>,
    band: &BandSerial,
    now: UnixMillis,
) -> Result<Vec<AssociationView>, DbError> {
    let sql = format!(
        "{} where associations.band = $1 order by associations.made_ms desc limit 500",
        select()
    );
    tx.all(&sql, args![band], |row| read(row, now))
}

/// The open associations of these users, at most one page of them.
pub(crate) fn open_of_users(
    tx: &Tx<'_>,
    users: &[String],
    now: UnixMillis,
) -> Result<Vec<AssociationView>, DbError> {
    let sql = format!(
        "{} where associations.usr in ({{}}) and associations.ended_ms is null",
        select()
    );
    collect(tx, &sql, users, now)
}

/// The open associations of these bands.
pub(crate) fn open_of_bands(
    tx: &Tx<'_>,
    bands: &[String],
    now: UnixMillis,
) -> Result<Vec<AssociationView>, DbError> {
    let sql = format!(
        "{} where associations.band in ({{}}) and associations.ended_ms is null",
        select()
    );
    collect(tx, &sql, bands, now)
}

/// One association, and what was said of it, the latest first.
pub async fn show(
    app: &App,
    caller: &Caller,
    id: AssociationId,
    limit: usize,
) -> Result<(AssociationView, Vec<HistoryLine>), Problem> {
    allow_somewhere(caller, Action::UserView)?;
    let caller = caller.clone();
    look(app, move |tx, now| {
        let sql = format!("{} where associations.id = $1", select());
        let found = tx.first(&sql, args![&id], |row| {
            Ok((read(row, now)?, row.opt_text(COLUMN_COUNT + 3)?))
        })?;
        let (view, site) = found.ok_or_else(|| Problem::not_found("association", id))?;
        allow(&caller, Action::UserView, site.as_deref().unwrap_or_default())?;
        let lines = history::of_association(tx, &id, limit)?;
        Ok((view, lines.into_iter().map(Into::into).collect()))
    })
    .await
}

fn collect(
    tx: &Tx<'_>,
    sql: &str,
    keys: &[String],
    now: UnixMillis,
) -> Result<Vec<AssociationView>, DbError> {
    let keys: Vec<Val<'_>> = keys.iter().map(Val::from).collect();
    let mut all = Vec::new();
    tx.each_of(sql, &keys, |row| {
        all.push(read(row, now)?);
        Ok(())
    })?;
    Ok(all)
}

/// Associations by id.
pub async fn list(
    app: &App,
    caller: &Caller,
    filter: AssociationFilter,
    page: PageRequest,
) -> Result<Page<AssociationView>, Problem> {
    allow_somewhere(caller, Action::UserView)?;
    let (len, after) = (page.rows()?, page.after_as::<policy::model::AssociationId>()?);
    let sites: Vec<String> = caller.sites.iter().cloned().collect();
    look(app, move |tx, now| {
        let mut query = Query::new(&format!("{} where 1 = 1", select()));
        query.and_if("associations.usr = ?", filter.user.as_ref());
        query.and_if("associations.band = ?", filter.band.as_ref());
        query.and_if("associations.zone = ?", filter.zone.as_ref());
        match filter.open {
            Some(true) => query.push(" and associations.ended_ms is null"),
            Some(false) => query.push(" and associations.ended_ms is not null"),
            None => {}
        }
        if !sites.is_empty() {
            query.and_in("users.site", sites.iter().map(Val::from));
        }
        query.and_if("associations.id > ?", after.as_ref());
        query.push(" order by associations.id");
        query.limit(len + 1);
        let rows = query.all(tx, |row| read(row, now))?;
        Ok(Page::new(rows, len, |row| row.id.clone()))
    })
    .await
}
