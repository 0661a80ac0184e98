//! What needs somebody, and how much there is: three queries, however large the plant, and a count where it changed.

mod tally;

pub use tally::Tallies;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::look;
use super::stations::{self, StationView};
use crate::access::{Action, Caller, allow_somewhere, allows};
use crate::audit::{self, AuditRow, Filter};
use crate::db::{DbError, Tx, Val};
use crate::problem::Problem;
use crate::serve::App;
use crate::store::query::Query;
use crate::sync::stations as store;
use policy::model::UnixMillis;

/// Rows of the audit that are shown.
const RECENT: usize = 6;

/// The plant at a glance, as far as the caller may see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Dashboard {
    /// The organization's name.
    pub organization: String,
    /// Active users.
    pub users: u64,
    /// Bands that users work with.
    pub held: u64,
    /// Bands in stock that nobody holds.
    pub free: u64,
    /// Bands that are reported lost.
    pub lost: u64,
    /// Associations that wait in quarantine.
    pub quarantine: u64,
    /// Temporary associations that have run out and have not ended.
    pub expired: u64,
    /// Lists that wait for a second person.
    pub imports: u64,
    /// Tickets that were ever issued.
    pub tickets: u64,
    /// Every station.
    pub stations: Vec<StationView>,
    /// The last rows of the audit; empty for those who may not see it.
    pub recent: Vec<AuditRow>,
}

/// The plant at a glance.
pub async fn show(app: &App, caller: &Caller) -> Result<Dashboard, Problem> {
    allow_somewhere(caller, Action::DashboardView)?;
    let (own, caller) = (app.clone(), caller.clone());
    look(app, move |tx, now| {
        let (waiting, head) = waiting(tx, &caller, now)?;
        let tally = own.tallies.at(tx, head)?;
        let counts = tally.of(&caller);
        let all = store::list(tx)?
            .into_iter()
            .filter(|info| caller.has_site(&info.site));
        let may_audit = allows(&caller, Action::AuditView);
        Ok(Dashboard {
            organization: waiting.organization,
            users: counts.users,
            held: counts.held,
            free: counts.free,
            lost: counts.lost,
            quarantine: waiting.quarantine,
            expired: waiting.expired,
            imports: waiting.imports,
            tickets: tally.tickets,
            stations: all.map(|info| stations::view(info, head)).collect(),
            recent: match may_audit {
                true => audit::list(tx, &Filter::default(), RECENT)?,
                false => vec![],
            },
        })
    })
    .await
}

/// `condition` on the sites of whoever asks, if limited.
fn within(query: &mut Query<'_>, caller: &Caller, column: &str) {
    if caller.is_limited() {
        query.and_in(column, caller.sites.iter().map(|site| Val::from(site.clone())));
    }
}

/// What needs somebody, in one query: little, and some of it by the clock.
struct Waiting {
    organization: String,
    quarantine: u64,
    expired: u64,
    imports: u64,
}

/// The same, and the revision of the feed.
fn waiting(tx: &Tx<'_>, caller: &Caller, now: UnixMillis) -> Result<(Waiting, u64), DbError> {
    let mut query = Query::new("select (select value from settings where name = 'organization'), ");
    // `cross join` keeps SQLite from looking through all associations for the few that wait.
    query.push("(select count(*) from quarantine q cross join associations a join users u on u.id = a.usr ");
    query.push("where a.id = q.association and a.ended_ms is null");
    within(&mut query, caller, "u.site");
    query.push("), (select count(*) from associations a join users u on u.id = a.usr ");
    query.push("where a.ended_ms is null");
    query.and("a.expires_ms <= ?", [now.into()]);
    within(&mut query, caller, "u.site");
    query.push("), (select count(*) from imports where state = 'waiting')");
    query.push(", (select revision from feed_head where id = 1)");
    let mut rows = query.all(tx, |row| {
        let organization: Option<String> = row.opt_text(0)?;
        let name = organization.and_then(|json| serde_json::from_str::<String>(&json).ok());
        let waiting = Waiting {
            organization: name.unwrap_or_default(),
            quarantine: row.count(1)?,
            expired: row.count(2)?,
            imports: row.count(3)?,
        };
        Ok((waiting, row.count(4)?))
    })?;
    rows.pop()
        .ok_or_else(|| DbError::Damaged("a count has no row".into()))
}
