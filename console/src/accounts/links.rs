//! One-time links (SEC-12 to SEC-14, SEC-32): shown once, kept as a digest, for one use. Looking at one changes
//! nothing; whoever sends the form uses it up.

use policy::model::UnixMillis;

use super::password::{self, Weakness};
use super::rows::{self, Account, OpenLink};
use super::secret::{Secret, identifier};
use super::sign_in::{hashing, is_login, nobody, normal_login};
use crate::access::Role;
use crate::audit::{self, Record};
use crate::db::{DbError, Tx};
use crate::problem::{Code, Problem};
use crate::serve::App;

/// How long a link for a password works.
pub const PASSWORD_MS: i64 = 24 * 3_600_000;
/// How long the link for the first administrator works.
pub const SETUP_MS: i64 = 24 * 3_600_000;

/// The address of a link. The host comes from the configuration, never from a request.
pub fn address(app: &App, secret: &Secret) -> String {
    format!("{}/link/{}", app.config.web.public_url, secret.text())
}

/// A link that makes the first administrator, if there is none; it takes the place of an earlier one.
pub async fn first_link(app: &App) -> Result<Option<String>, Problem> {
    let secret = Secret::new()?;
    let (digest, now) = (secret.digest(), app.now());
    let needed = app
        .db
        .write(move |tx| {
            if rows::administrators(tx)? > 0 {
                return Ok(false);
            }
            rows::insert_link(tx, &digest, None, now, UnixMillis(now.0 + SETUP_MS))?;
            Ok::<_, DbError>(true)
        })
        .await?;
    Ok(needed.then(|| address(app, &secret)))
}

/// There is no administrator yet.
pub async fn is_nobody_there(app: &App) -> Result<bool, Problem> {
    Ok(app
        .db
        .read(|tx| Ok::<_, DbError>(rows::administrators(tx)? == 0))
        .await?)
}

/// The open link of this secret. Changes nothing.
pub async fn look(app: &App, secret: &Secret) -> Result<Option<OpenLink>, Problem> {
    let (digest, now) = (secret.digest(), app.now());
    Ok(app.db.read(move |tx| rows::open_link(tx, &digest, now)).await?)
}

/// What somebody sends with a link.
#[derive(Clone, Default)]
pub struct Answer {
    /// The login to have; for the first administrator alone.
    pub login: String,
    /// The name to have; for the first administrator alone.
    pub name: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}

/// Why a link was not used.
#[derive(Clone, Debug)]
pub enum NotUsed {
    /// It was used, or its time is over, or it was replaced.
    Dead,
    /// The login is not one that can be had.
    LoginOdd,
    /// Somebody has the login.
    LoginTaken,
    /// There is no name.
    NameMissing,
    /// The password is too weak.
    Weak(Weakness),
    /// The console could not do it.
    Problem(Problem),
}

impl From<Problem> for NotUsed {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<DbError> for NotUsed {
    fn from(error: DbError) -> Self {
        Self::Problem(error.into())
    }
}

/// Uses up a link: its account has this password from now on, and no session.
pub async fn spend(app: &App, secret: &Secret, answer: Answer) -> Result<(), NotUsed> {
    let link = look(app, secret).await?.ok_or(NotUsed::Dead)?;
    let account = match link.account {
        Some(account) => account,
        None => first_account(&answer)?,
    };
    password::check(&answer.password, &[&account.login, &account.name], false).map_err(NotUsed::Weak)?;
    let kept = hashing(app, move |hasher| hasher.hash(&answer.password)).await??;
    let (digest, now) = (secret.digest(), app.now());
    app.db
        .write(move |tx| set(tx, &digest, &account, &kept, now))
        .await
}

fn first_account(answer: &Answer) -> Result<Account, NotUsed> {
    let login = normal_login(&answer.login);
    let name = answer.name.trim();
    if !is_login(&login) {
        return Err(NotUsed::LoginOdd);
    }
    if name.is_empty() {
        return Err(NotUsed::NameMissing);
    }
    Ok(Account {
        id: String::new(),
        login,
        name: name.to_owned(),
        role: Role::Administrator,
        sites: Default::default(),
        has_password: false,
        disabled: None,
        signed_in: None,
        has_factor: false,
        needs_factor: false,
        version: 1,
    })
}

fn set(
    tx: &Tx<'_>,
    digest: &[u8; 32],
    account: &Account,
    kept: &str,
    now: UnixMillis,
) -> Result<(), NotUsed> {
    if !rows::spend_link(tx, digest, now)? {
        return Err(NotUsed::Dead);
    }
    let mut account = account.clone();
    let is_first = account.id.is_empty();
    if is_first {
        if rows::administrators(tx)? > 0 {
            return Err(NotUsed::Dead);
        }
        if rows::by_login(tx, &account.login)?.is_some() {
            return Err(NotUsed::LoginTaken);
        }
        account.id = identifier()?;
        rows::insert(tx, &account, now)?;
    }
    rows::set_password(tx, &account.id, kept)?;
    rows::end_sessions(tx, &account.id, "")?;
    let record = Record {
        action: if is_first { "account_setup" } else { "password_set" },
        subject_kind: "account",
        subject: &account.login,
        after: serde_json::json!({ "by": "one_time_link" }),
        ..Record::default()
    };
    Ok(audit::append(tx, &nobody(), &record, now)?)
}

/// A new link for the password of an account; earlier ones stop working.
pub(super) fn make(
    tx: &Tx<'_>,
    account: &Account,
    digest: &[u8; 32],
    now: UnixMillis,
) -> Result<(), Problem> {
    if account.disabled.is_some() {
        let next = "enable it first";
        return Err(Problem::new(Code::WrongState, "this account is disabled", next));
    }
    Ok(rows::insert_link(
        tx,
        digest,
        Some(&account.id),
        now,
        UnixMillis(now.0 + PASSWORD_MS),
    )?)
}
