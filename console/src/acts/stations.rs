//! Stations: letting them join, how they are, and revoking them.

use firmware_protocol::id::StationId;
use policy::model::Zone;
use serde::{Deserialize, Serialize};
use serde_json::json;
use server_sync::health::{AdapterState, ClockState, Health};
use utoipa::ToSchema;

use super::{change, look, record, text};
use crate::access::{Action, Caller, allow, allow_somewhere};
use crate::args;
use crate::audit::Record;
use crate::db::Tx;
use crate::edge::random;
use crate::problem::{Code, Problem};
use crate::serve::App;
use crate::store::feed;
use crate::sync::stations::{self as store, StationInfo};
use crate::sync::tokens::{self, NewToken, TokenInfo};

/// How long a token to join may hold.
const HOURS_MAX: u32 = 24 * 7;

/// A station.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StationView {
    /// Which: 32 hexadecimal digits.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The site it stands at.
    pub site: String,
    /// `enrollment` or `registration`.
    #[schema(value_type = String)]
    pub zone: Zone,
    /// When it joined, in milliseconds since 1970.
    pub joined_ms: i64,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
    /// Why.
    pub revoked_why: Option<String>,
    /// Why its journal is taken no more: a stable code.
    pub quarantine: Option<String>,
    /// The entry of its journal at which that was noticed.
    pub quarantine_sequence: Option<u64>,
    /// Entries of its journal that are here.
    pub journal: u64,
    /// When it was last heard of.
    pub seen_ms: Option<i64>,
    /// The revision up to which it knows what the console knows.
    pub revision: Option<u64>,
    /// How many changes it does not know yet, of those there are at all.
    pub behind: Option<u64>,
    /// What it said of itself last; null if it never did.
    #[schema(value_type = Option<Object>)]
    pub health: Option<serde_json::Value>,
    /// When it said so.
    pub health_ms: Option<i64>,
}

impl StationView {
    fn new(info: StationInfo, head: u64) -> Self {
        let revision = info
            .health
            .as_ref()
            .and_then(|(health, _)| health.revision)
            .map(|it| it.number());
        Self {
            id: info.id.to_string(),
            name: info.name,
            site: info.site,
            zone: info.zone,
            joined_ms: info.joined_at.0,
            revoked_ms: info.revoked_at.map(|at| at.0),
            revoked_why: info.revoked_why,
            quarantine_sequence: info.quarantine.as_ref().map(|it| it.sequence),
            quarantine: info.quarantine.map(|it| it.code),
            journal: info.head.sequence,
            seen_ms: info.health.as_ref().map(|(_, at)| at.0),
            revision,
            behind: revision.map(|revision| head.saturating_sub(revision)),
            health_ms: info.health.as_ref().map(|(_, at)| at.0),
            health: info.health.map(|(health, _)| said(&health)),
        }
    }
}

/// What a station said of itself, by the names of the wire.
fn said(health: &Health) -> serde_json::Value {
    json!({
        "software": health.software,
        "uptime_s": health.uptime_s,
        "time_ms": health.time_ms,
        "clock": match health.clock {
            ClockState::Trusted => "trusted",
            ClockState::Backward => "backward",
            ClockState::Ahead => "ahead",
        },
        "adapter": match health.adapter {
            AdapterState::Ready => "ready",
            AdapterState::Off => "off",
            AdapterState::Absent => "absent",
            AdapterState::BluezDown => "bluez_down",
            AdapterState::BusDown => "bus_down",
            AdapterState::NoPermission => "no_permission",
        },
        "replica_made_at_ms": health.replica_made_at_ms,
        "journal_head": health.journal_head,
        "journal_acked": health.journal_acked,
        "outbox_stopped": health.outbox_stopped,
        "inbox_stopped": health.inbox_stopped,
        "disk_free_bytes": health.disk_free_bytes,
        "certificate_not_after_s": health.certificate_not_after_s,
        "air_certificate_not_after_s": health.air_certificate_not_after_s,
        "open_intents": health.open_intents,
        "committed": health.committed,
        "refused": health.refused,
    })
}

/// A station as it is shown, where the feed is at `head`.
pub(crate) fn view(info: StationInfo, head: u64) -> StationView {
    StationView::new(info, head)
}

/// The id out of an address or a form.
pub fn id(text: &str) -> Result<StationId, Problem> {
    let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok();
    let id = bytes.and_then(|bytes| bytes.try_into().ok());
    id.map(StationId)
        .ok_or_else(|| Problem::invalid("station", "expected 32 hexadecimal digits"))
}

/// Every station whom the caller may see, by site and name.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<StationView>, Problem> {
    allow_somewhere(caller, Action::StationView)?;
    let caller = caller.clone();
    look(app, move |tx, _| {
        let head = feed::head(tx)?;
        let all = store::list(tx)?
            .into_iter()
            .filter(|info| caller.has_site(&info.site));
        Ok(all.map(|info| StationView::new(info, head)).collect())
    })
    .await
}

fn find(tx: &Tx<'_>, caller: &Caller, action: Action, id: StationId) -> Result<StationInfo, Problem> {
    allow_somewhere(caller, action)?;
    let info = store::get(tx, id)?.ok_or_else(|| Problem::not_found("station", id))?;
    allow(caller, action, &info.site)?;
    Ok(info)
}

/// What is kept of a station's journal because it could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReviewView {
    /// Why: a stable code.
    pub code: String,
    /// The first entry it is about.
    pub sequence: u64,
    /// When it came, in milliseconds since 1970.
    pub received_ms: i64,
}

/// One station, with what waits for a person.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StationDetail {
    /// The station.
    pub station: StationView,
    /// What could not be taken of its journal, the latest first.
    pub reviews: Vec<ReviewView>,
}

/// One station.
pub async fn show(app: &App, caller: &Caller, id: StationId) -> Result<StationDetail, Problem> {
    let caller = caller.clone();
    look(app, move |tx, _| {
        let info = find(tx, &caller, Action::StationView, id)?;
        let reviews = store::reviews(tx, id, 100)?.into_iter().map(|review| ReviewView {
            code: review.code,
            sequence: review.sequence,
            received_ms: review.received_at.0,
        });
        Ok(StationDetail {
            reviews: reviews.collect(),
            station: StationView::new(info, feed::head(tx)?),
        })
    })
    .await
}

/// A station that does not know something yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    /// Which station.
    pub station: String,
    /// What people call it.
    pub name: String,
}

/// How far the present form of a policy has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Propagation {
    /// `group`, `individual`, or `active` for the choice of the group policy that holds.
    pub kind: String,
    /// Which policy; empty for that choice.
    pub policy: String,
    /// Stations that know it.
    pub known: u64,
    /// Stations that are not revoked.
    pub stations: u64,
    /// Those that do not know it yet.
    pub waiting: Vec<Waiting>,
}

/// How far each policy has come, as far as stations have said.
pub async fn propagation(app: &App, caller: &Caller) -> Result<Vec<Propagation>, Problem> {
    allow_somewhere(caller, Action::StationView)?;
    allow_somewhere(caller, Action::PolicyView)?;
    let caller = caller.clone();
    look(app, move |tx, _| {
        let all = store::list(tx)?.into_iter();
        let live = all.filter(|info| info.revoked_at.is_none() && caller.has_site(&info.site));
        let live: Vec<StationView> = live.map(|info| StationView::new(info, 0)).collect();
        if live.is_empty() {
            return Ok(vec![]);
        }
        let kinds = [
            (feed::Kind::GroupPolicy as i64, "group"),
            (feed::Kind::IndividualPolicy as i64, "individual"),
            (feed::Kind::ActiveGroupPolicy as i64, "active"),
        ];
        let name = |kind: i64| {
            kinds
                .iter()
                .find(|(code, _)| *code == kind)
                .map_or("", |(_, name)| name)
        };
        let [group, individual, active] = kinds.map(|(code, _)| code);
        let found = tx.all(
            "select kind, key, revision from feed where kind in ($1, $2, $3) order by kind, key",
            args![group, individual, active],
            |row| Ok(come(name(row.int(0)?), row.text(1)?, row.count(2)?, &live)),
        )?;
        Ok(found)
    })
    .await
}

fn come(kind: &str, policy: String, revision: u64, live: &[StationView]) -> Propagation {
    let is_late = |view: &&StationView| view.revision.is_none_or(|known| known < revision);
    let waiting: Vec<Waiting> = live
        .iter()
        .filter(is_late)
        .map(|view| Waiting {
            station: view.id.clone(),
            name: view.name.clone(),
        })
        .collect();
    Propagation {
        kind: kind.into(),
        policy,
        known: (live.len() - waiting.len()) as u64,
        stations: live.len() as u64,
        waiting,
    }
}

/// A station that may join.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStation {
    /// What people will call it, at most 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    pub name: String,
    /// The site it stands at, at most 64 characters.
    #[schema(min_length = 1, max_length = 64)]
    pub site: String,
    /// `enrollment` or `registration`.
    #[serde(default)]
    #[schema(value_type = String)]
    pub zone: Zone,
    /// Only for this station, which has joined before and lost its certificate.
    #[serde(default)]
    pub station: Option<String>,
    /// How long the token holds, in hours: 1 to 168, 24 if left out.
    #[serde(default = "one_day")]
    #[schema(minimum = 1, maximum = 168)]
    pub hours: u32,
}

fn one_day() -> u32 {
    24
}

/// A token to join, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenView {
    /// Names it.
    pub id: String,
    /// What people will call the station.
    pub name: String,
    /// The site it stands at.
    pub site: String,
    /// `enrollment` or `registration`.
    #[schema(value_type = String)]
    pub zone: Zone,
    /// Only for this station.
    pub station: Option<String>,
    /// Who made it.
    pub created_by: String,
    /// When, in milliseconds since 1970.
    pub created_ms: i64,
    /// Until when it can be used.
    pub expires_ms: i64,
    /// When it was used.
    pub spent_ms: Option<i64>,
    /// By which station.
    pub spent_by: Option<String>,
}

impl From<TokenInfo> for TokenView {
    fn from(info: TokenInfo) -> Self {
        Self {
            id: data_encoding::HEXLOWER.encode(&info.hash),
            name: info.what.name,
            site: info.what.site,
            zone: info.what.zone,
            station: info.what.station.map(|id| id.to_string()),
            created_by: info.what.created_by,
            created_ms: info.created_at.0,
            expires_ms: info.what.expires_at.0,
            spent_ms: info.spent_at.map(|at| at.0),
            spent_by: info.spent_by.map(|id| id.to_string()),
        }
    }
}

/// A token that was just made. Its text is shown once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MadeToken {
    /// The token.
    pub token: TokenView,
    /// What is typed at the station: `bandstand-station join`.
    pub text: String,
}

impl std::fmt::Debug for MadeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeToken")
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}

/// Lets one station join.
pub async fn create_token(app: &App, caller: &Caller, new: NewStation) -> Result<MadeToken, Problem> {
    let (name, site) = (text("name", &new.name, 64)?, text("site", &new.site, 64)?);
    if name.is_empty() || site.is_empty() {
        return Err(Problem::invalid("name", "a station needs a name and a site"));
    }
    if !(1..=HOURS_MAX).contains(&new.hours) {
        return Err(Problem::invalid(
            "hours",
            format_args!("is outside 1 to {HOURS_MAX}"),
        ));
    }
    allow(caller, Action::StationJoin, &site)?;
    let station = new.station.as_deref().map(id).transpose()?;
    let unavailable =
        |error: anyhow::Error| Problem::new(Code::Unavailable, error.to_string(), "try again in a moment");
    crate::sync::authority::load(app).await.map_err(unavailable)?;
    let secret = random().map_err(unavailable)?;
    let (caller, vault) = (caller.clone(), app.vault.clone());
    change(app, move |tx, now| {
        if let Some(id) = station {
            find(tx, &caller, Action::StationJoin, id)?;
        }
        let what = NewToken {
            name: name.clone(),
            site: site.clone(),
            zone: new.zone,
            station,
            created_by: caller.account.clone(),
            expires_at: policy::model::UnixMillis(now.0 + i64::from(new.hours) * 3_600_000),
        };
        let authority = crate::sync::authority::fingerprint(tx, &vault)?;
        let authority =
            authority.ok_or_else(|| Problem::new(Code::Unavailable, "there is no authority yet", ""))?;
        let token = tokens::create(tx, &what, secret, &authority, now)?;
        let row = Record {
            action: Action::StationJoin.as_str(),
            subject_kind: "station",
            subject: &name,
            site: &site,
            after: json!({ "zone": new.zone, "expires_ms": what.expires_at, "station": new.station }),
            ..Record::default()
        };
        record(tx, &caller, &row, now)?;
        let info = tokens::get(tx, &token.digest())?.ok_or_else(|| Problem::not_found("token", &name))?;
        Ok(MadeToken {
            token: info.into(),
            text: token.reveal(),
        })
    })
    .await
}

/// Tokens to join, the newest first.
pub async fn list_tokens(app: &App, caller: &Caller) -> Result<Vec<TokenView>, Problem> {
    allow_somewhere(caller, Action::StationJoin)?;
    let caller = caller.clone();
    look(app, move |tx, _| {
        let all = tokens::list(tx, 500)?
            .into_iter()
            .filter(|info| caller.has_site(&info.what.site));
        Ok(all.map(Into::into).collect())
    })
    .await
}

/// Takes a token back that was not used yet.
pub async fn revoke_token(app: &App, caller: &Caller, hash: [u8; 32]) -> Result<(), Problem> {
    let caller = caller.clone();
    change(app, move |tx, now| {
        allow_somewhere(&caller, Action::StationJoin)?;
        let missing = || Problem::not_found("token", data_encoding::HEXLOWER.encode(&hash));
        let info = tokens::get(tx, &hash)?.ok_or_else(missing)?;
        allow(&caller, Action::StationJoin, &info.what.site)?;
        if !tokens::revoke(tx, &hash)? {
            let detail = "the token was used; the station it made can be revoked";
            return Err(Problem::new(Code::WrongState, detail, ""));
        }
        let row = Record {
            action: "station_join_revoke",
            subject_kind: "station",
            subject: &info.what.name,
            site: &info.what.site,
            ..Record::default()
        };
        Ok(record(tx, &caller, &row, now)?)
    })
    .await
}

/// Revokes a station: it is refused from its next contact on, and gets no certificate any more.
pub async fn revoke(app: &App, caller: &Caller, id: StationId, why: String) -> Result<StationView, Problem> {
    let why = text("why", &why, 200)?;
    with_station(app, caller, id, "station_revoke", why, store::revoke).await
}

/// Takes a station's journal again after a person has looked at what was wrong with it.
pub async fn settle(app: &App, caller: &Caller, id: StationId, why: String) -> Result<StationView, Problem> {
    let why = text("why", &why, 200)?;
    with_station(app, caller, id, "station_settle", why, |tx, id, _, _| {
        store::settle(tx, id)
    })
    .await
}

type Change = fn(&Tx<'_>, StationId, &str, policy::model::UnixMillis) -> Result<bool, crate::db::DbError>;

async fn with_station(
    app: &App,
    caller: &Caller,
    id: StationId,
    action: &'static str,
    why: String,
    act: Change,
) -> Result<StationView, Problem> {
    let caller = caller.clone();
    change(app, move |tx, now| {
        let info = find(tx, &caller, Action::StationRevoke, id)?;
        if act(tx, id, &why, now)? {
            let row = Record {
                action,
                subject_kind: "station",
                subject: &id.to_string(),
                site: &info.site,
                after: json!({ "name": info.name, "why": why }),
                ..Record::default()
            };
            record(tx, &caller, &row, now)?;
        }
        let info = find(tx, &caller, Action::StationRevoke, id)?;
        Ok(StationView::new(info, feed::head(tx)?))
    })
    .await
}
