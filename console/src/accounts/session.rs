//! Who is signed in, for how long (SEC-25 to SEC-27): 15 minutes after the last use, 12 hours at most.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use policy::model::UnixMillis;

use super::rows::{self, Account, SessionRow};
use super::secret::Secret;
use crate::access::{Caller, Via};
use crate::db::{DbError, Tx};
use crate::problem::Problem;
use crate::serve::App;

/// Without use for so long, a session ends.
pub const IDLE_MS: i64 = 15 * 60_000;
/// After so long every session ends.
pub const ABSOLUTE_MS: i64 = 12 * 3_600_000;
/// For so long after the password was shown, acts that need it go on without asking again.
pub const CONFIRMED_MS: i64 = 10 * 60_000;
/// So long after the password the code has to be shown.
pub const CODE_MS: i64 = 10 * 60_000;
/// How exactly the last use is kept: writing it down at each request would cost a write per page.
const SEEN_EVERY_MS: i64 = 60_000;

/// The cookie of a session. Over HTTPS the prefix binds it to this very host.
pub fn cookie_name(is_https: bool) -> &'static str {
    if is_https { "__Host-session" } else { "session" }
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Session {
    /// The secret that the cookie carries; forms are bound to it.
    pub secret: Secret,
    /// The session.
    pub row: SessionRow,
    /// The account.
    pub account: Account,
}

impl Session {
    /// The person showed the password a moment ago.
    pub fn is_confirmed(&self, now: UnixMillis) -> bool {
        now.since(self.row.confirmed) < CONFIRMED_MS
    }
}

/// When sessions were used last, as far as this process knows and the database may not know yet.
#[derive(Debug, Default)]
pub struct Seen(Mutex<HashMap<String, UnixMillis>>);

impl Seen {
    /// The last use of a session: what the database says, or later.
    fn last(&self, row: &SessionRow) -> UnixMillis {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&row.id).map_or(row.seen, |seen| row.seen.max(*seen))
    }

    /// Notes a use, and forgets what is of no more use.
    fn note(&self, id: &str, now: UnixMillis) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, seen| now.since(*seen) < IDLE_MS);
        known.insert(id.to_owned(), now);
    }
}

/// The value of a cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers
        .get_all(COOKIE)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    let mut pairs = all
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Whoever sent these headers, if signed in.
pub async fn caller(app: &App, headers: &HeaderMap) -> Result<Option<(Caller, Session)>, Problem> {
    let found = find(app, headers).await?.filter(|session| !session.row.waits);
    Ok(found.map(|session| (caller_of(&session.account, &session.row.id), session)))
}

/// The session of whoever sent these headers, also one that waits for its code.
pub async fn find(app: &App, headers: &HeaderMap) -> Result<Option<Session>, Problem> {
    let name = cookie_name(app.config.web.is_https());
    let Some(secret) = cookie(headers, name).and_then(Secret::read) else {
        return Ok(None);
    };
    let (digest, now) = (secret.digest(), app.now());
    let found = app.db.read(move |tx| rows::session_of(tx, &digest)).await?;
    let Some((mut row, account)) = found else {
        return Ok(None);
    };
    row.seen = app.seen.last(&row);
    if !is_alive(&row, &account, now) {
        return Ok(None);
    }
    if now.since(row.seen) >= SEEN_EVERY_MS {
        app.seen.note(&row.id, now);
        write_down(app.clone(), row.id.clone(), now);
    }
    Ok(Some(Session { secret, row, account }))
}

/// Nobody waits for this: who only looks goes on looking while nothing can be written.
fn write_down(app: App, id: String, now: UnixMillis) {
    tokio::spawn(async move {
        let written = app.db.write(move |tx| rows::touch_session(tx, &id, now)).await;
        if let Err(error) = written {
            tracing::warn!(%error, "the last use of a session is known to this process alone");
        }
    });
}

fn is_alive(row: &SessionRow, account: &Account, now: UnixMillis) -> bool {
    // A clock that was set back does not make a session live longer.
    let within = |since: UnixMillis, limit: i64| (-SEEN_EVERY_MS..limit).contains(&now.since(since));
    let most = if row.waits { CODE_MS } else { ABSOLUTE_MS };
    account.is_usable() && within(row.seen, IDLE_MS) && within(row.begun, most)
}

/// The caller of a session.
pub(crate) fn caller_of(account: &Account, session: &str) -> Caller {
    Caller {
        account: account.login.clone(),
        name: account.name.clone(),
        role: account.role,
        sites: account.sites.clone(),
        via: Via::Session(session.to_owned()),
    }
}

/// Forgets sessions that ended by time.
pub(super) fn prune(tx: &Tx<'_>, now: UnixMillis) -> Result<(), DbError> {
    rows::prune_sessions(tx, UnixMillis(now.0 - ABSOLUTE_MS), UnixMillis(now.0 - IDLE_MS))
}
