//! What waits for an administrator, with both sides.

use policy::merge::QuarantineCause;
use policy::model::AssociationId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::look;
use super::page::{Page, PageRequest};
use super::view::AssociationView;
use crate::access::{Action, Caller, allow_somewhere};
use crate::db::{DbError, Row, Tx, Val};
use crate::problem::Problem;
use crate::serve::App;
use crate::store::associations::{self as store, COLUMN_COUNT};
use crate::store::query::Query;

/// One conflict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QuarantineView {
    /// What waits: the later side.
    pub waiting: AssociationView,
    /// Who held the band until then, if anybody did: the other side.
    pub rival: Option<AssociationView>,
    /// Why it waits; a stable code.
    #[schema(value_type = String)]
    pub cause: QuarantineCause,
    /// The same in a sentence.
    pub explanation: String,
    /// The site of the user whose association waits.
    pub site: String,
    /// Since when the console knows, in milliseconds since 1970.
    pub since_ms: i64,
}

fn select() -> String {
    let rival = store::COLUMNS.replace("associations.", "rivals.");
    format!(
        "select {}, associations.made_ms, {rival}, rivals.made_ms, quarantine.cause, quarantine.since_ms, users.name, \
         users.site, rival_users.name, makers.name, rival_makers.name from quarantine join associations on associations.id = quarantine.association \
         left join associations rivals on rivals.id = quarantine.rival left join users on users.id = associations.usr \
         left join users rival_users on rival_users.id = rivals.usr \
         left join stations makers on makers.id = associations.made_by \
         left join stations rival_makers on rival_makers.id = rivals.made_by where 1 = 1",
        store::COLUMNS
    )
}

fn read(row: &Row<'_>, now: policy::model::UnixMillis) -> Result<QuarantineView, DbError> {
    let half = COLUMN_COUNT + 1;
    let mut waiting = AssociationView::new(store::read(row)?, row.int(COLUMN_COUNT)?, true, now);
    waiting.user_name = row.opt_text(2 * half + 2)?;
    waiting.station = row.opt_text(2 * half + 5)?;
    let rival = match row.opt_bytes(half)? {
        None => None,
        Some(_) => {
            let association = store::read_at(row, half)?;
            let mut view = AssociationView::new(association, row.int(half + COLUMN_COUNT)?, false, now);
            view.user_name = row.opt_text(2 * half + 4)?;
            view.station = row.opt_text(2 * half + 6)?;
            Some(view)
        }
    };
    let cause: QuarantineCause = row.code(2 * half)?;
    Ok(QuarantineView {
        waiting,
        rival,
        cause,
        explanation: cause.to_string(),
        site: row.opt_text(2 * half + 3)?.unwrap_or_default(),
        since_ms: row.int(2 * half + 1)?,
    })
}

/// Everything that waits, by association.
pub async fn list(app: &App, caller: &Caller, page: PageRequest) -> Result<Page<QuarantineView>, Problem> {
    allow_somewhere(caller, Action::QuarantineView)?;
    let (len, after) = (page.rows()?, page.after_as::<AssociationId>()?);
    let sites: Vec<String> = caller.sites.iter().cloned().collect();
    look(app, move |tx, now| {
        let mut query = Query::new(&select());
        if !sites.is_empty() {
            query.and_in("users.site", sites.iter().map(Val::from));
        }
        query.and_if("quarantine.association > ?", after.as_ref());
        query.push(" order by quarantine.association");
        query.limit(len + 1);
        let rows = query.all(tx, |row| read(row, now))?;
        Ok(Page::new(rows, len, |row| row.waiting.id.clone()))
    })
    .await
}

/// One conflict. To settle it, confirm the intent `keep` or `reject`.
pub async fn show(app: &App, caller: &Caller, id: AssociationId) -> Result<QuarantineView, Problem> {
    let caller = caller.clone();
    look(app, move |tx, now| find(tx, &caller, &id, now)).await
}

fn find(
    tx: &Tx<'_>,
    caller: &Caller,
    id: &AssociationId,
    now: policy::model::UnixMillis,
) -> Result<QuarantineView, Problem> {
    allow_somewhere(caller, Action::QuarantineView)?;
    let mut query = Query::new(&select());
    query.and("quarantine.association = ?", [id.into()]);
    let found = query.all(tx, |row| read(row, now))?.into_iter().next();
    let view = found.ok_or_else(|| Problem::not_found("conflict", id))?;
    crate::access::allow(caller, Action::QuarantineView, &view.site)?;
    Ok(view)
}
