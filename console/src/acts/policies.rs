//! Policies: writing them, choosing the one that holds, and asking what would be decided.

use std::collections::BTreeSet;

use policy::decide::decide;
use policy::decision::Decision;
use policy::effective::{EffectivePolicy, effective};
use policy::facts::{Clock, Facts, Known};
use policy::model::{
    Association, Band, BandSerial, GroupPolicy, IndividualPolicy, PolicyFault, PolicyId, StockState,
    UnixMillis, User, UserId, Zone,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::users::{AttributeView, attributes, effective_of, find};
use super::{change, check_version, look, record};
use crate::access::{Action, Caller, allow, allow_somewhere};
use crate::args;
use crate::audit::Record;
use crate::db::{DbError, Tx};
use crate::problem::{Code, Problem};
use crate::serve::App;
use crate::store::policies::{self as store, Policy, Stored};
use crate::store::{associations, bands, users};

/// A policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyView {
    /// `group` or `individual`.
    pub kind: String,
    /// The policy; attributes that are left out come from the group policy, or are built in.
    #[schema(value_type = Object)]
    pub policy: serde_json::Value,
    /// It is the group policy that holds.
    pub holds: bool,
    /// The last change, in milliseconds since 1970.
    pub changed_ms: i64,
    /// Counts the changes; the ETag.
    pub version: i64,
}

impl<T: Policy> From<Stored<T>> for PolicyView {
    fn from(stored: Stored<T>) -> Self {
        Self {
            kind: T::KIND.into(),
            policy: json!(stored.policy),
            holds: stored.holds,
            changed_ms: stored.changed.0,
            version: stored.version,
        }
    }
}

/// Every policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Policies {
    /// The group policies, by id; one of them holds.
    pub group: Vec<PolicyView>,
    /// The individual policies, by id.
    pub individual: Vec<PolicyView>,
}

/// Every policy.
pub async fn list(app: &App, caller: &Caller) -> Result<Policies, Problem> {
    allow_somewhere(caller, Action::PolicyView)?;
    look(app, |tx, _| {
        let group = store::list::<GroupPolicy>(tx)?;
        let individual = store::list::<IndividualPolicy>(tx)?;
        Ok(Policies {
            group: group.into_iter().map(Into::into).collect(),
            individual: individual.into_iter().map(Into::into).collect(),
        })
    })
    .await
}

/// A policy of either kind that can be saved.
pub trait Saved: Policy {
    /// What is saved in place of `previous`.
    fn to_save(&self, previous: Option<&Self>) -> Result<Self, PolicyFault>;
}

impl Saved for GroupPolicy {
    fn to_save(&self, previous: Option<&Self>) -> Result<Self, PolicyFault> {
        GroupPolicy::to_save(self, previous)
    }
}

impl Saved for IndividualPolicy {
    fn to_save(&self, previous: Option<&Self>) -> Result<Self, PolicyFault> {
        IndividualPolicy::to_save(self, previous)
    }
}

/// One policy.
pub async fn show<T: Saved>(app: &App, caller: &Caller, id: PolicyId) -> Result<PolicyView, Problem> {
    allow_somewhere(caller, Action::PolicyView)?;
    look(app, move |tx, _| get::<T>(tx, &id).map(Into::into)).await
}

fn get<T: Policy>(tx: &Tx<'_>, id: &PolicyId) -> Result<Stored<T>, Problem> {
    let found = store::get::<T>(tx, id)?;
    found.ok_or_else(|| Problem::not_found(&format!("{} policy", T::KIND), id))
}

/// What may be there already when a policy is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nothing: the policy is new.
    Nothing,
    /// A policy of this version.
    Version(i64),
    /// Whatever there is.
    Anything,
}

/// Saves a policy. Clearing `reenroll_own` clears `reenroll_any`; `any` without `own` is refused.
pub async fn save<T: Saved>(
    app: &App,
    caller: &Caller,
    policy: T,
    expect: Expect,
) -> Result<PolicyView, Problem> {
    allow(caller, Action::PolicyEdit, "")?;
    let caller = caller.clone();
    change(app, move |tx, now| save_in(tx, &caller, &policy, expect, now)).await
}

fn save_in<T: Saved>(
    tx: &Tx<'_>,
    caller: &Caller,
    policy: &T,
    expect: Expect,
    now: UnixMillis,
) -> Result<PolicyView, Problem> {
    let previous = store::get::<T>(tx, policy.id())?;
    match (expect, &previous) {
        (Expect::Nothing, Some(_)) => {
            let detail = format!("there is a {} policy {} already", T::KIND, policy.id());
            return Err(Problem::new(
                Code::Exists,
                detail,
                "change that one, or choose another name",
            ));
        }
        (Expect::Version(_), None) => {
            return Err(Problem::not_found(&format!("{} policy", T::KIND), policy.id()));
        }
        (Expect::Version(version), Some(stored)) => check_version(Some(version), stored.version)?,
        _ => {}
    }
    let before = previous.map(|stored| stored.policy);
    let saved = policy.to_save(before.as_ref()).map_err(refused)?;
    store::put(tx, &saved, now)?;
    let what = Record {
        action: Action::PolicyEdit.as_str(),
        subject_kind: if T::KIND == "group" {
            "group_policy"
        } else {
            "individual_policy"
        },
        subject: saved.id().as_str(),
        before: json!(before),
        after: json!(saved),
        ..Record::default()
    };
    record(tx, caller, &what, now)?;
    get::<T>(tx, saved.id()).map(Into::into)
}

fn refused(fault: PolicyFault) -> Problem {
    Problem::new(Code::PolicyRefused, fault.to_string(), "").with("fault", fault.code())
}

/// Copies a policy under another name, with other words about it.
pub async fn copy<T: Saved>(
    app: &App,
    caller: &Caller,
    from: PolicyId,
    to: PolicyId,
) -> Result<PolicyView, Problem> {
    allow(caller, Action::PolicyEdit, "")?;
    let caller = caller.clone();
    change(app, move |tx, now| {
        let mut body = json!(get::<T>(tx, &from)?.policy);
        body["id"] = json!(to);
        let copy: T = serde_json::from_value(body).map_err(|error| Problem::invalid("policy", error))?;
        save_in(tx, &caller, &copy, Expect::Nothing, now)
    })
    .await
}

/// Who needs a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// The policy.
    pub policy: PolicyView,
    /// How many users it was given to.
    pub users: u64,
    /// The first of them by id, each with the name.
    pub first: Vec<(String, String)>,
}

/// Users that are named where a policy cannot be removed.
const NAMED_MAX: usize = 10;

/// Who needs a policy that somebody would like to remove.
pub async fn needed<T: Saved>(app: &App, caller: &Caller, id: PolicyId) -> Result<Needed, Problem> {
    allow(caller, Action::PolicyEdit, "")?;
    look(app, move |tx, _| {
        let stored = get::<T>(tx, &id)?;
        let (users, first) = given_to::<T>(tx, &id)?;
        Ok(Needed {
            policy: stored.into(),
            users,
            first,
        })
    })
    .await
}

/// How many users a policy was given to, and the first of them. A group policy is given to nobody.
fn given_to<T: Policy>(tx: &Tx<'_>, id: &PolicyId) -> Result<(u64, Vec<(String, String)>), DbError> {
    if T::KIND != "individual" {
        return Ok((0, vec![]));
    }
    let count = users::count_with_policy(tx, id.as_str())?;
    let first = users::some_with_policy(tx, id.as_str(), NAMED_MAX)?;
    Ok((u64::try_from(count).unwrap_or(0), first))
}

fn still_needed(holds: bool, users: u64, first: &[(String, String)]) -> Problem {
    let detail = if holds {
        "this is the group policy that holds".to_owned()
    } else {
        let ids: Vec<&str> = first.iter().map(|(id, _)| id.as_str()).collect();
        let more = if users > ids.len() as u64 { ", …" } else { "" };
        format!("{users} users have this policy: {}{more}", ids.join(", "))
    };
    Problem::new(Code::WrongState, detail, "choose another one for them first").with("users", users)
}

/// Removes a policy that nobody needs.
pub async fn remove<T: Saved>(
    app: &App,
    caller: &Caller,
    id: PolicyId,
    version: Option<i64>,
) -> Result<(), Problem> {
    allow(caller, Action::PolicyEdit, "")?;
    let caller = caller.clone();
    change(app, move |tx, now| {
        let stored = get::<T>(tx, &id)?;
        check_version(version, stored.version)?;
        let (users, first) = given_to::<T>(tx, &id)?;
        if stored.holds || users > 0 {
            return Err(still_needed(stored.holds, users, &first));
        }
        store::remove::<T>(tx, &id)?;
        let what = Record {
            action: Action::PolicyEdit.as_str(),
            subject_kind: if T::KIND == "group" {
                "group_policy"
            } else {
                "individual_policy"
            },
            subject: id.as_str(),
            before: json!(stored.policy),
            ..Record::default()
        };
        Ok(record(tx, &caller, &what, now)?)
    })
    .await
}

/// Makes this group policy the one that holds, everywhere.
pub async fn activate(app: &App, caller: &Caller, id: PolicyId) -> Result<PolicyView, Problem> {
    allow(caller, Action::PolicyActivate, "")?;
    let caller = caller.clone();
    change(app, move |tx, now| {
        let before = store::holding(tx)?.policy.id;
        if before != id {
            get::<GroupPolicy>(tx, &id)?;
            store::activate(tx, &id, now)?;
            let what = Record {
                action: Action::PolicyActivate.as_str(),
                subject_kind: "group_policy",
                subject: id.as_str(),
                before: json!({ "holds": before }),
                after: json!({ "holds": id }),
                ..Record::default()
            };
            record(tx, &caller, &what, now)?;
        }
        get::<GroupPolicy>(tx, &id).map(Into::into)
    })
    .await
}

/// What holds for a user, each value with its source.
pub async fn effective_for(app: &App, caller: &Caller, user: UserId) -> Result<Vec<AttributeView>, Problem> {
    let caller = caller.clone();
    look(app, move |tx, _| {
        allow_somewhere(&caller, Action::PolicyView)?;
        let row = find(tx, &caller, Action::UserView, &user)?;
        Ok(attributes(&effective_of(tx, &row)?))
    })
    .await
}

/// What if this user presents this band at that station?
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DryRun {
    /// Who.
    pub user: String,
    /// Which band; one that nobody knows is one that is not on the stock list.
    pub band: String,
    /// At which station: gives the zone and how old its knowledge is.
    #[serde(default)]
    pub station: Option<String>,
    /// `enrollment` or `registration`, if no station is named.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub zone: Option<Zone>,
    /// A group policy to try in place of the one that holds.
    #[serde(default)]
    pub group_policy: Option<String>,
}

/// What would be decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DryRunAnswer {
    /// The decision as the station would make it: `allow` with its effects, or `refuse` with reason, deciding
    /// policy and the shortest fix.
    #[schema(value_type = Object)]
    pub decision: serde_json::Value,
    /// The same in a few sentences.
    pub explanation: String,
    /// The policy it was decided by, each value with its source.
    pub policy: Vec<AttributeView>,
}

/// Decides as a station would, without doing anything.
pub async fn dry_run(app: &App, caller: &Caller, question: DryRun) -> Result<DryRunAnswer, Problem> {
    let user = super::users::id(&question.user)?;
    let band: BandSerial = question
        .band
        .parse()
        .map_err(|fault| Problem::invalid("band", fault))?;
    let trial = question.group_policy.as_deref().map(PolicyId::new).transpose();
    let trial = trial.map_err(|fault| Problem::invalid("group_policy", fault))?;
    let caller = caller.clone();
    look(app, move |tx, now| {
        allow_somewhere(&caller, Action::PolicyView)?;
        let row = find(tx, &caller, Action::UserView, &user)?;
        let policy = match &trial {
            None => effective_of(tx, &row)?,
            Some(trial) => {
                let individual = row.policy.as_deref().and_then(|id| PolicyId::new(id).ok());
                let individual = individual
                    .map(|id| store::get::<IndividualPolicy>(tx, &id))
                    .transpose()?
                    .flatten();
                effective(
                    &get::<GroupPolicy>(tx, trial)?.policy,
                    individual.map(|it| it.policy).as_ref(),
                )
            }
        };
        let (zone, as_of) = place(tx, &question, now)?;
        let decision = World::read(tx, &row, band)?.decide(zone, now, as_of, &policy);
        Ok(answer(&decision, attributes(&policy)))
    })
    .await
}

fn answer(decision: &Decision, policy: Vec<AttributeView>) -> DryRunAnswer {
    DryRunAnswer {
        decision: json!(decision),
        explanation: decision.to_string(),
        policy,
    }
}

/// The zone of the station, and up to when it knows everything.
fn place(tx: &Tx<'_>, question: &DryRun, now: UnixMillis) -> Result<(Zone, UnixMillis), Problem> {
    let Some(station) = &question.station else {
        return Ok((question.zone.unwrap_or_default(), now));
    };
    let id = super::stations::id(station)?;
    let found = crate::sync::stations::get(tx, id)?.ok_or_else(|| Problem::not_found("station", id))?;
    let heard = found.health.and_then(|(health, _)| health.replica_made_at_ms);
    let as_of = heard.map_or(now, |at| UnixMillis(i64::try_from(at).unwrap_or(i64::MAX)));
    Ok((found.zone, as_of.min(now)))
}

/// What is known of a user and a band.
struct World {
    user: User,
    band: Band,
    known: Vec<(Association, bool, bool)>,
}

impl World {
    fn read(tx: &Tx<'_>, row: &users::UserRow, serial: BandSerial) -> Result<Self, DbError> {
        let user = User {
            name: row.name.clone(),
            site: row.site.clone(),
            status: row.status,
            suspension: row.suspension.clone(),
            ..User::new(row.id.clone())
        };
        let nothing = Band {
            stock: StockState::Unknown,
            ..Band::new(serial)
        };
        let band = bands::get(tx, &serial)?.map_or(nothing, |row| row.band);
        let sql = format!(
            "select {}, bands.seos, users.suspended_since from associations \
             left join bands on bands.serial = associations.band left join users on users.id = associations.usr \
             where associations.ended_ms is null and (associations.usr = $1 or associations.band = $2)",
            associations::COLUMNS
        );
        let known = tx.all(&sql, args![&row.id, &serial], |row| {
            let association = associations::read(row)?;
            let seos = row.opt_bool(associations::COLUMN_COUNT)?.unwrap_or(false);
            let suspended = row.opt_int(associations::COLUMN_COUNT + 1)?.is_some();
            Ok((association, seos, suspended))
        })?;
        let mut seen = BTreeSet::new();
        let known = known.into_iter().filter(|(it, ..)| seen.insert(it.id)).collect();
        Ok(Self { user, band, known })
    }

    fn decide(&self, zone: Zone, now: UnixMillis, as_of: UnixMillis, policy: &EffectivePolicy) -> Decision {
        let known: Vec<Known<'_>> = self
            .known
            .iter()
            .map(|(association, band_seos, user_suspended)| Known {
                association,
                band_seos: *band_seos,
                user_suspended: *user_suspended,
            })
            .collect();
        let facts = Facts {
            zone,
            now,
            clock: Clock::Trusted,
            replica_as_of: as_of,
            user: &self.user,
            band: &self.band,
            report: None,
            known: &known,
        };
        decide(&facts, policy)
    }
}
