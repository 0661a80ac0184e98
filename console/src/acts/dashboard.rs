//! What needs somebody, and how much there is: three queries, however large the plant.

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
    let caller = caller.clone();
    look(app, move |tx, now| {
        let (mut dashboard, head) = counts(tx, &caller, now)?;
        let all = store::list(tx)?
            .into_iter()
            .filter(|info| caller.has_site(&info.site));
        dashboard.stations = all.map(|info| stations::view(info, head)).collect();
        if allows(&caller, Action::AuditView) {
            dashboard.recent = audit::list(tx, &Filter::default(), RECENT)?;
        }
        Ok(dashboard)
    })
    .await
}

/// `condition` on the sites of whoever asks, if limited.
fn within(query: &mut Query<'_>, caller: &Caller, column: &str) {
    if caller.is_limited() {
        query.and_in(column, caller.sites.iter().map(|site| Val::from(site.clone())));
    }
}

fn counts(tx: &Tx<'_>, caller: &Caller, now: UnixMillis) -> Result<(Dashboard, u64), DbError> {
    const OPEN: &str =
        "select count(*) from associations a join users u on u.id = a.usr where a.ended_ms is null";
    let mut query = Query::new("select (select value from settings where name = 'organization'), ");
    query.push("(select count(*) from users where status = 'active'");
    within(&mut query, caller, "site");
    query.push(&format!("), ({OPEN}"));
    query.push(" and a.active");
    within(&mut query, caller, "u.site");
    query.push("), (select count(*) from bands b where b.stock = 'in_stock' and not exists ");
    query.push("(select 1 from associations a where a.band = b.serial and a.ended_ms is null)");
    within(&mut query, caller, "b.site");
    query.push("), (select count(*) from bands b where b.stock = 'lost'");
    within(&mut query, caller, "b.site");
    query.push(&format!(
        "), ({OPEN} and a.id in (select association from quarantine)"
    ));
    within(&mut query, caller, "u.site");
    query.push(&format!("), ({OPEN}"));
    query.and("a.expires_ms <= ?", [now.into()]);
    within(&mut query, caller, "u.site");
    query.push("), (select count(*) from imports where state = 'waiting')");
    query.push(", (select count(*) from tickets), (select coalesce(max(revision), 0) from feed)");
    let mut rows = query.all(tx, |row| {
        let organization: Option<String> = row.opt_text(0)?;
        let name = organization.and_then(|json| serde_json::from_str::<String>(&json).ok());
        let dashboard = Dashboard {
            organization: name.unwrap_or_default(),
            users: row.count(1)?,
            held: row.count(2)?,
            free: row.count(3)?,
            lost: row.count(4)?,
            quarantine: row.count(5)?,
            expired: row.count(6)?,
            imports: row.count(7)?,
            tickets: row.count(8)?,
            stations: vec![],
            recent: vec![],
        };
        Ok((dashboard, row.count(9)?))
    })?;
    rows.pop()
        .ok_or_else(|| DbError::Damaged("a count has no row".into()))
}
