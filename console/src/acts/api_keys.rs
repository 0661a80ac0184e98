//! Keys of the API: for programs, each with a role, sites and scopes. A key is shown once; its hash is kept.

use std::collections::BTreeSet;

use policy::model::UnixMillis;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{change, look, record, text};
use crate::access::{Action, Caller, Role, Via, allow, scopes};
use crate::args;
use crate::audit::Record;
use crate::db::{DbError, Row, Tx};
use crate::edge::random;
use crate::problem::{Code, Problem};
use crate::serve::App;

/// What every key begins with.
pub const PREFIX: &str = "bsk_";
const DAYS_MAX: u32 = 730;

/// A new key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What it is for, at most 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// What the key is here; never more than who makes it.
    pub role: Role,
    /// The sites it is limited to; empty: not limited.
    #[serde(default)]
    pub sites: BTreeSet<String>,
    /// What it may be used for: `users:read`, `users:write`, ….
    pub scopes: BTreeSet<String>,
    /// How long it holds, in days: 1 to 730, 365 if left out.
    #[serde(default = "a_year")]
    #[schema(minimum = 1, maximum = 730)]
    pub days: u32,
}

fn a_year() -> u32 {
    365
}

/// A key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct KeyView {
    /// Names it, also in the audit: `key:` and this.
    pub id: String,
    /// What it is for.
    pub name: String,
    /// What the key is here.
    pub role: Role,
    /// The sites it is limited to.
    pub sites: BTreeSet<String>,
    /// What it may be used for.
    pub scopes: BTreeSet<String>,
    /// Who made it.
    pub created_by: String,
    /// When, in milliseconds since 1970.
    pub created_ms: i64,
    /// Until when it holds.
    pub expires_ms: Option<i64>,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
}

/// A key that was just made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MadeKey {
    /// The key.
    pub key: KeyView,
    /// What is sent as `Authorization: Bearer …`. Shown once.
    pub secret: String,
}

impl std::fmt::Debug for MadeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeKey")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

const COLUMNS: &str = "id, name, role, sites, scopes, created_by, created_ms, expires_ms, revoked_ms";

fn lines(text: String) -> BTreeSet<String> {
    text.lines().map(str::to_owned).collect()
}

fn read(row: &Row<'_>) -> Result<KeyView, DbError> {
    Ok(KeyView {
        id: row.text(0)?,
        name: row.text(1)?,
        role: row.parse::<Role>(2)?,
        sites: row.text(3).map(lines)?,
        scopes: row.text(4).map(lines)?,
        created_by: row.text(5)?,
        created_ms: row.int(6)?,
        expires_ms: row.opt_int(7)?,
        revoked_ms: row.opt_int(8)?,
    })
}

/// Every key, the newest first.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<KeyView>, Problem> {
    allow(caller, Action::KeyView, "")?;
    let sql = format!("select {COLUMNS} from api_keys order by created_ms desc, id limit 500");
    look(app, move |tx, _| Ok(tx.all(&sql, &[], read)?)).await
}

fn check(new: &NewKey) -> Result<(), Problem> {
    let known = scopes();
    if let Some(scope) = new.scopes.iter().find(|scope| !known.contains(*scope)) {
        return Err(
            Problem::invalid("scopes", format_args!("there is no scope {scope:?}")).with("known", known),
        );
    }
    if new.scopes.is_empty() {
        return Err(Problem::invalid("scopes", "a key without scopes can do nothing"));
    }
    if !(1..=DAYS_MAX).contains(&new.days) {
        return Err(Problem::invalid(
            "days",
            format_args!("is outside 1 to {DAYS_MAX}"),
        ));
    }
    Ok(())
}

/// Makes a key.
pub async fn create(app: &App, caller: &Caller, new: NewKey) -> Result<MadeKey, Problem> {
    allow(caller, Action::KeyEdit, "")?;
    check(&new)?;
    let name = text("name", &new.name, 100)?;
    let sites: Result<Vec<String>, Problem> = new.sites.iter().map(|site| text("sites", site, 64)).collect();
    let sites = sites?.join("\n");
    let unavailable = |error: anyhow::Error| Problem::new(Code::Unavailable, error.to_string(), "");
    let secret: [u8; 32] = random().map_err(unavailable)?;
    let id: [u8; 8] = random().map_err(unavailable)?;
    let id = data_encoding::HEXLOWER.encode(&id);
    let secret = format!("{PREFIX}{}", data_encoding::BASE64URL_NOPAD.encode(&secret));
    let hash = hash(&secret);
    let caller = caller.clone();
    let key = change(app, move |tx, now| {
        let expires = now.0 + i64::from(new.days) * 86_400_000;
        let scopes: Vec<&str> = new.scopes.iter().map(String::as_str).collect();
        tx.exec(
            "insert into api_keys (id, hash, name, role, sites, scopes, created_by, created_ms, expires_ms, version) \
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 1)",
            args![
                &id,
                &hash,
                &name,
                new.role.as_str(),
                &sites,
                scopes.join("\n"),
                &caller.account,
                now,
                expires
            ],
        )?;
        let what = Record {
            action: Action::KeyEdit.as_str(),
            subject_kind: "api_key",
            subject: &id,
            after: json!({ "name": name, "role": new.role, "sites": new.sites, "scopes": new.scopes, "expires_ms": expires }),
            ..Record::default()
        };
        record(tx, &caller, &what, now)?;
        get(tx, &id)
    })
    .await?;
    Ok(MadeKey { key, secret })
}

fn hash(secret: &str) -> Vec<u8> {
    digest(&SHA256, secret.as_bytes()).as_ref().to_vec()
}

fn get(tx: &Tx<'_>, id: &str) -> Result<KeyView, Problem> {
    let found = tx.first(
        &format!("select {COLUMNS} from api_keys where id = $1"),
        args![id],
        read,
    )?;
    found.ok_or_else(|| Problem::not_found("key", id))
}

/// Revokes a key, at once.
pub async fn revoke(app: &App, caller: &Caller, id: String) -> Result<KeyView, Problem> {
    allow(caller, Action::KeyEdit, "")?;
    let caller = caller.clone();
    change(app, move |tx, now| {
        let key = get(tx, &id)?;
        if key.revoked_ms.is_none() {
            tx.exec(
                "update api_keys set revoked_ms = $2, version = version + 1 where id = $1",
                args![&id, now],
            )?;
            let what = Record {
                action: "api_key_revoke",
                subject_kind: "api_key",
                subject: &id,
                before: json!({ "name": key.name }),
                ..Record::default()
            };
            record(tx, &caller, &what, now)?;
        }
        get(tx, &id)
    })
    .await
}

/// Who has this key. Unknown, revoked and expired ones are told alike.
pub async fn authenticate(app: &App, secret: &str) -> Result<Caller, Problem> {
    let refused = || {
        let detail = "this key is not known here, or holds no more";
        Problem::new(Code::NotSignedIn, detail, "make a new key in the settings")
    };
    if !secret.starts_with(PREFIX) || secret.len() > 128 {
        return Err(refused());
    }
    let hash = hash(secret);
    let sql = format!("select {COLUMNS} from api_keys where hash = $1");
    let found = look(app, move |tx, now| {
        let found = tx.first(&sql, args![&hash], read)?;
        Ok(found.filter(|key| holds(key, now)))
    });
    let key = found.await?.ok_or_else(refused)?;
    Ok(Caller {
        account: format!("key:{}", key.id),
        name: key.name,
        role: key.role,
        sites: key.sites,
        via: Via::ApiKey {
            id: key.id,
            scopes: key.scopes,
        },
    })
}

fn holds(key: &KeyView, now: UnixMillis) -> bool {
    key.revoked_ms.is_none() && key.expires_ms.is_none_or(|end| now.0 < end)
}
