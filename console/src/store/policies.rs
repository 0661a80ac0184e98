//! Group policies and individual policies.

use policy::model::{GroupPolicy, IndividualPolicy, PolicyId, UnixMillis};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::feed::{self, Kind};
use super::settings;
use crate::args;
use crate::db::{DbError, Tx};

/// A policy with what the console knows of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored<T> {
    /// The policy.
    pub policy: T,
    /// It is the group policy that holds.
    pub holds: bool,
    /// The last change.
    pub changed: UnixMillis,
    /// Counts the changes.
    pub version: i64,
}

/// A policy of either kind.
pub trait Policy: Clone + Serialize + DeserializeOwned + Send + 'static {
    /// `group` or `individual`.
    const KIND: &'static str;
    /// Its kind in the feed.
    const FEED: Kind;
    /// Which policy.
    fn id(&self) -> &PolicyId;
}

impl Policy for GroupPolicy {
    const KIND: &'static str = "group";
    const FEED: Kind = Kind::GroupPolicy;
    fn id(&self) -> &PolicyId {
        &self.id
    }
}

impl Policy for IndividualPolicy {
    const KIND: &'static str = "individual";
    const FEED: Kind = Kind::IndividualPolicy;
    fn id(&self) -> &PolicyId {
        &self.id
    }
}

const COLUMNS: &str = "body, holds, changed_ms, version";

fn read<T: Policy>(row: &crate::db::Row<'_>) -> Result<Stored<T>, DbError> {
    Ok(Stored {
        policy: row.json(0)?,
        holds: row.bool(1)?,
        changed: row.moment(2)?,
        version: row.int(3)?,
    })
}

/// Every policy of this kind, by id. There are few.
pub fn list<T: Policy>(tx: &Tx<'_>) -> Result<Vec<Stored<T>>, DbError> {
    let sql = format!("select {COLUMNS} from policies where kind = $1 order by id");
    tx.all(&sql, args![T::KIND], read)
}

/// The policy, if there is one.
pub fn get<T: Policy>(tx: &Tx<'_>, id: &PolicyId) -> Result<Option<Stored<T>>, DbError> {
    let sql = format!("select {COLUMNS} from policies where kind = $1 and id = $2");
    tx.first(&sql, args![T::KIND, id], read)
}

/// The group policy that holds.
pub fn holding(tx: &Tx<'_>) -> Result<Stored<GroupPolicy>, DbError> {
    let sql = format!("select {COLUMNS} from policies where kind = 'group' and holds");
    let found = tx.first(&sql, &[], read)?;
    found.ok_or_else(|| DbError::Damaged("no group policy holds; was `bandstand-console init` run?".into()))
}

/// Stores a policy; returns its version.
pub fn put<T: Policy>(tx: &Tx<'_>, policy: &T, now: UnixMillis) -> Result<i64, DbError> {
    let body = serde_json::to_string(policy).expect("a policy has a form in JSON");
    let version = tx.number(
        "insert into policies (kind, id, body, holds, changed_ms, version) values ($1, $2, $3, $4, $5, 1) \
         on conflict (kind, id) do update set body = excluded.body, changed_ms = excluded.changed_ms, \
         version = policies.version + 1 returning version",
        args![T::KIND, policy.id(), &body, false, now],
    )?;
    feed::mark(tx, T::FEED, policy.id().as_str(), "")?;
    Ok(version)
}

/// Removes a policy.
pub fn remove<T: Policy>(tx: &Tx<'_>, id: &PolicyId) -> Result<(), DbError> {
    tx.exec(
        "delete from policies where kind = $1 and id = $2",
        args![T::KIND, id],
    )?;
    feed::mark(tx, T::FEED, id.as_str(), "")
}

/// Makes this group policy the one that holds.
pub fn activate(tx: &Tx<'_>, id: &PolicyId, now: UnixMillis) -> Result<(), DbError> {
    tx.exec(
        "update policies set holds = (id = $1), changed_ms = $2, version = version + 1 \
         where kind = 'group' and (holds or id = $1)",
        args![id, now],
    )?;
    settings::put(tx, settings::names::ACTIVE_GROUP_POLICY, id)?;
    feed::mark(tx, Kind::ActiveGroupPolicy, "", "")
}
