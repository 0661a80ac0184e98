//! The authority that stations know the console by: another one takes its place without a gap (decision 0039).

use policy::model::UnixMillis;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::stations::Waiting;
use super::{change, look, record};
use crate::access::{Action, Caller, allow};
use crate::audit::Record;
use crate::ca::{self, Authority};
use crate::db::{DbError, Tx};
use crate::problem::{Code, Problem};
use crate::serve::App;
use crate::store::settings::{self, names};
use crate::sync::{authority, stations};
use crate::vault::Vault;

/// The authorities under which the console answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuthorityView {
    /// SHA-256 of the certificate that every station knows the console by, in base16.
    pub present: String,
    /// The same of the one that takes its place, while the console goes over to it.
    pub next: Option<String>,
    /// Stations that are not revoked.
    pub stations: u64,
    /// Those among them that depend on the present authority, while there is a next one.
    pub waiting: Vec<Waiting>,
    /// Tokens to join that can be used, and that a change of the authority ends.
    pub tokens: u64,
}

/// The authorities; nothing before the console has served stations once.
pub(crate) fn view(tx: &Tx<'_>, vault: &Vault, now: UnixMillis) -> Result<Option<AuthorityView>, DbError> {
    let certificates = authority::certificates(tx, vault)?;
    let mut named = certificates
        .iter()
        .map(|it| data_encoding::HEXLOWER.encode(&ca::fingerprint(it)));
    let Some(present) = named.next() else {
        return Ok(None);
    };
    let depends = authority::depends(tx, vault, now)?.unwrap_or_default();
    let all = stations::list(tx)?;
    let waiting = depends.stations.into_iter().map(|info| Waiting {
        station: info.id.to_string(),
        name: info.name,
    });
    Ok(Some(AuthorityView {
        present,
        next: named.next(),
        stations: all.iter().filter(|it| it.revoked_at.is_none()).count() as u64,
        waiting: waiting.collect(),
        tokens: depends.tokens,
    }))
}

/// The authorities.
pub async fn show(app: &App, caller: &Caller) -> Result<AuthorityView, Problem> {
    allow(caller, Action::SettingsView, "")?;
    let vault = app.vault.clone();
    look(app, move |tx, now| view(tx, &vault, now)?.ok_or_else(none_yet)).await
}

fn none_yet() -> Problem {
    let next = "start the console once; it makes the first authority";
    Problem::new(Code::WrongState, "there is no authority yet", next)
}

/// Makes the next authority. Stations get certificates of it and trust both from now on; the earlier one goes as soon
/// as none of them depends on it. `seen` is the present one, as the caller believes.
pub async fn rotate(app: &App, caller: &Caller, seen: Option<String>) -> Result<AuthorityView, Problem> {
    allow(caller, Action::SettingsEdit, "")?;
    let name = look(app, |tx, _| {
        Ok(settings::require::<String>(tx, names::ORGANIZATION)?)
    })
    .await?;
    let made = Authority::create(&name, crate::sync::seconds(app.now()));
    let made = made.map_err(|fault| Problem::new(Code::Unavailable, fault.to_string(), ""))?;
    let (caller, vault) = (caller.clone(), app.vault.clone());
    change(app, move |tx, now| {
        let before = view(tx, &vault, now)?.ok_or_else(none_yet)?;
        check_seen(&before, seen.as_deref())?;
        if !authority::put_next(tx, &vault, &made, now)? {
            let detail = "another authority is on its way already";
            return Err(Problem::new(
                Code::WrongState,
                detail,
                "wait until stations have gone over to it",
            ));
        }
        let after = view(tx, &vault, now)?.ok_or_else(none_yet)?;
        note(tx, &caller, "authority_rotate", (&before, &after), now)?;
        Ok(after)
    })
    .await
}

/// Leaves the present authority for the next one by order. Stations that have not gone over are cut off until somebody
/// lets them join again.
pub async fn retire(app: &App, caller: &Caller, seen: Option<String>) -> Result<AuthorityView, Problem> {
    allow(caller, Action::SettingsEdit, "")?;
    let (caller, vault) = (caller.clone(), app.vault.clone());
    change(app, move |tx, now| {
        let before = view(tx, &vault, now)?.ok_or_else(none_yet)?;
        check_seen(&before, seen.as_deref())?;
        leave(tx, &vault, &caller, &before, now)?.ok_or_else(|| {
            let detail = "there is no other authority to go over to";
            Problem::new(Code::WrongState, detail, "make a new one first")
        })
    })
    .await
}

/// Leaves the present authority where there is a next one and nobody depends on the present one.
pub(crate) async fn retire_when_unused(app: &App) -> Result<(), Problem> {
    let vault = app.vault.clone();
    let is_unused = |depends: &authority::Depends| depends.stations.is_empty() && depends.tokens == 0;
    let unused = look(app, move |tx, now| {
        Ok(authority::depends(tx, &vault, now)?.is_some_and(|it| is_unused(&it)))
    });
    if !unused.await? {
        return Ok(());
    }
    let vault = app.vault.clone();
    change(app, move |tx, now| {
        // Somebody may have made a token meanwhile, or another console may have been faster.
        let still = authority::depends(tx, &vault, now)?.is_some_and(|it| is_unused(&it));
        if let Some(before) = view(tx, &vault, now)?.filter(|_| still) {
            leave(tx, &vault, &Caller::console(), &before, now)?;
        }
        Ok(())
    })
    .await
}

fn leave(
    tx: &Tx<'_>,
    vault: &Vault,
    caller: &Caller,
    before: &AuthorityView,
    now: UnixMillis,
) -> Result<Option<AuthorityView>, Problem> {
    if !authority::retire_present(tx, vault, now)? {
        return Ok(None);
    }
    let after = view(tx, vault, now)?.ok_or_else(none_yet)?;
    note(tx, caller, "authority_retire", (before, &after), now)?;
    Ok(Some(after))
}

fn check_seen(present: &AuthorityView, seen: Option<&str>) -> Result<(), Problem> {
    if seen.is_none_or(|seen| seen == present.present) {
        return Ok(());
    }
    let detail = "the authority is another one by now";
    Err(Problem::new(Code::WrongState, detail, "look at it again"))
}

fn note(
    tx: &Tx<'_>,
    caller: &Caller,
    action: &str,
    (before, after): (&AuthorityView, &AuthorityView),
    now: UnixMillis,
) -> Result<(), DbError> {
    let what = Record {
        action,
        subject_kind: "key",
        subject: after.next.as_deref().unwrap_or(&after.present),
        before: json!({ "present": before.present, "next": before.next, "waiting": before.waiting.len() }),
        after: json!({ "present": after.present, "next": after.next }),
        ..Record::default()
    };
    record(tx, caller, &what, now)
}
