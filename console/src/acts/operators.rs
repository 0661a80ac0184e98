//! People with rights at stations.

use std::collections::BTreeSet;

use policy::model::UserId;
use serde::{Deserialize, Serialize};
use serde_json::json;
use station_core::replica::Right;
use utoipa::ToSchema;

use super::{change, check_version, look, record, text, users};
use crate::access::{Action, Caller, allow, allow_somewhere};
use crate::audit::Record;
use crate::edge::random;
use crate::problem::{Code, Problem};
use crate::serve::App;
use crate::store::tickets::{self as store, OperatorRow};
use crate::store::users as user_store;

/// Somebody with rights at stations. The PIN is never shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperatorView {
    /// Who, by a short id.
    pub id: String,
    /// The user this operator is, if any: nobody vouches for oneself.
    pub user: Option<String>,
    /// What this operator may do: `vouch`, `confirm_clock`, ….
    #[schema(value_type = Vec<String>)]
    pub rights: BTreeSet<Right>,
    /// Where; empty for everywhere.
    pub sites: Vec<String>,
    /// Counts the changes; the ETag.
    pub version: i64,
}

impl From<OperatorRow> for OperatorView {
    fn from(row: OperatorRow) -> Self {
        Self {
            id: row.id,
            user: row.user.map(|user| user.to_string()),
            rights: row.rights,
            sites: row.sites,
            version: row.version,
        }
    }
}

/// What is said of an operator.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OperatorInput {
    /// A new PIN of 6 to 64 characters; the present one stays if left out.
    #[serde(default)]
    #[schema(min_length = 6, max_length = 64)]
    pub pin: Option<String>,
    /// The user this operator is, if any.
    #[serde(default)]
    pub user: Option<String>,
    /// What this operator may do.
    #[schema(value_type = Vec<String>)]
    pub rights: BTreeSet<Right>,
    /// Where; empty for everywhere.
    #[serde(default)]
    pub sites: BTreeSet<String>,
}

impl std::fmt::Debug for OperatorInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OperatorInput")
            .field("rights", &self.rights)
            .finish_non_exhaustive()
    }
}

/// Every operator whom the caller may see.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<OperatorView>, Problem> {
    allow_somewhere(caller, Action::OperatorView)?;
    let caller = caller.clone();
    look(app, move |tx, _| {
        let all = store::operators(tx)?.into_iter();
        Ok(all
            .filter(|row| covers(&caller, &row.sites))
            .map(Into::into)
            .collect())
    })
    .await
}

/// Whoever is limited to sites has to do only with operators who are limited to the same.
fn covers(caller: &Caller, sites: &[String]) -> bool {
    !caller.is_limited() || (!sites.is_empty() && sites.iter().all(|site| caller.has_site(site)))
}

fn allow_sites(caller: &Caller, sites: &[String]) -> Result<(), Problem> {
    allow_somewhere(caller, Action::OperatorEdit)?;
    if covers(caller, sites) {
        return Ok(());
    }
    let foreign = sites.iter().find(|site| !caller.has_site(site));
    allow(caller, Action::OperatorEdit, foreign.map_or("", |site| site))
}

fn hash(pin: &str) -> Result<String, Problem> {
    let length = pin.chars().count();
    if !(6..=64).contains(&length) {
        return Err(Problem::invalid(
            "pin",
            "has fewer than 6 or more than 64 characters",
        ));
    }
    let failed = |what: String| Problem::new(Code::Unavailable, what, "");
    let salt: [u8; 16] = random().map_err(|error| failed(error.to_string()))?;
    let hash =
        argon2::PasswordHasher::hash_password_with_salt(&argon2::Argon2::default(), pin.as_bytes(), &salt);
    hash.map(|hash| hash.to_string())
        .map_err(|error| failed(error.to_string()))
}

fn check_id(id: &str) -> Result<(), Problem> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
    if (1..=32).contains(&id.len()) && id.chars().all(plain) {
        return Ok(());
    }
    Err(Problem::invalid(
        "operator",
        "an id has 1 to 32 of a-z, 0-9, -, _ and .",
    ))
}

/// Adds or changes an operator.
pub async fn put(
    app: &App,
    caller: &Caller,
    id: String,
    input: OperatorInput,
    version: Option<i64>,
) -> Result<OperatorView, Problem> {
    check_id(&id)?;
    let user = input.user.as_deref().map(users::id).transpose()?;
    let sites = input.sites.iter().map(|site| text("sites", site, 64));
    let sites: Vec<String> = sites.collect::<Result<_, _>>()?;
    allow_sites(caller, &sites)?;
    let pin = match input.pin {
        // Hashing takes its time, which the writer does not have.
        Some(pin) => tokio::task::spawn_blocking(move || hash(&pin))
            .await
            .map_err(|_| gone())?
            .map(Some)?,
        None => None,
    };
    let (caller, rights) = (caller.clone(), input.rights);
    change(app, move |tx, now| {
        let present = store::operators(tx)?.into_iter().find(|row| row.id == id);
        if let Some(present) = &present {
            allow_sites(&caller, &present.sites)?;
            check_version(version, present.version)?;
        } else if version.is_some() {
            return Err(Problem::not_found("operator", &id));
        }
        check_user(tx, user.as_ref())?;
        let pin = pin
            .clone()
            .or_else(|| present.as_ref().map(|row| row.pin.clone()));
        let pin = pin.ok_or_else(|| Problem::invalid("pin", "a new operator needs one"))?;
        let pin_changed = present.as_ref().is_none_or(|row| row.pin != pin);
        let row = OperatorRow {
            id: id.clone(),
            user: user.clone(),
            pin,
            rights: rights.clone(),
            sites: sites.clone(),
            version: 0,
        };
        store::put_operator(tx, &row, now)?;
        let said = |row: &OperatorRow| json!({ "user": row.user, "rights": row.rights, "sites": row.sites });
        let mut after = said(&row);
        after["pin_changed"] = json!(pin_changed);
        let what = Record {
            action: Action::OperatorEdit.as_str(),
            subject_kind: "operator",
            subject: &id,
            before: present.as_ref().map(said).unwrap_or_default(),
            after,
            ..Record::default()
        };
        record(tx, &caller, &what, now)?;
        let found = store::operators(tx)?.into_iter().find(|row| row.id == id);
        found
            .map(Into::into)
            .ok_or_else(|| Problem::not_found("operator", &id))
    })
    .await
}

fn gone() -> Problem {
    Problem::new(
        Code::Unavailable,
        "the console is stopping",
        "try again in a moment",
    )
}

fn check_user(tx: &crate::db::Tx<'_>, user: Option<&UserId>) -> Result<(), Problem> {
    match user {
        Some(user) if user_store::get(tx, user)?.is_none() => Err(Problem::not_found("user", user)),
        _ => Ok(()),
    }
}

/// Takes an operator's rights away.
pub async fn remove(app: &App, caller: &Caller, id: String, version: Option<i64>) -> Result<(), Problem> {
    let caller = caller.clone();
    change(app, move |tx, now| {
        allow_somewhere(&caller, Action::OperatorEdit)?;
        let present = store::operators(tx)?.into_iter().find(|row| row.id == id);
        let present = present.ok_or_else(|| Problem::not_found("operator", &id))?;
        allow_sites(&caller, &present.sites)?;
        check_version(version, present.version)?;
        store::remove_operator(tx, &id)?;
        let what = Record {
            action: Action::OperatorEdit.as_str(),
            subject_kind: "operator",
            subject: &id,
            before: json!({ "user": present.user, "rights": present.rights, "sites": present.sites }),
            ..Record::default()
        };
        Ok(record(tx, &caller, &what, now)?)
    })
    .await
}
