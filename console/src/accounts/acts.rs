//! What administrators do with accounts, and what people do with their own.

use std::collections::BTreeSet;

use policy::model::UnixMillis;
use serde_json::json;

use super::password::{self, Weakness};
use super::rows::{self, Account, SessionRow};
use super::secret::{Secret, identifier};
use super::sign_in::{hashing, is_login, normal_login};
use super::{Session, links};
use crate::access::{self, Action, Caller, Role, Via};
use crate::audit::{self, Record};
use crate::db::{DbError, Tx};
use crate::problem::{Code, Problem};
use crate::serve::App;

/// Why an account was not changed.
#[derive(Clone, Debug)]
pub enum Refused {
    /// The login is not one that can be had.
    LoginOdd,
    /// Somebody has the login.
    LoginTaken,
    /// There is no name.
    NameMissing,
    /// Nobody could administrate the console any more.
    LastAdministrator,
    /// People do not change their own role, and do not disable themselves.
    OwnAccount,
    /// Somebody else changed it meanwhile.
    ChangedMeanwhile,
    /// The present password is not right.
    WrongPassword,
    /// The new password is too weak.
    Weak(Weakness),
    /// Something else is in the way.
    Problem(Problem),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<DbError> for Refused {
    fn from(error: DbError) -> Self {
        Self::Problem(error.into())
    }
}

/// What an administrator says of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The person's name.
    pub name: String,
    /// What the person is to be here.
    pub role: Role,
    /// The sites the person is limited to; empty: not limited.
    pub sites: BTreeSet<String>,
}

impl Wanted {
    fn checked(&self) -> Result<Self, Refused> {
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > 200 {
            return Err(Refused::NameMissing);
        }
        Ok(Self {
            name: name.to_owned(),
            ..self.clone()
        })
    }
}

/// Every account.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<Account>, Problem> {
    access::allow_somewhere(caller, Action::AccountView)?;
    Ok(app.db.read(rows::accounts).await?)
}

/// One account.
pub async fn show(app: &App, caller: &Caller, id: String) -> Result<Account, Problem> {
    access::allow_somewhere(caller, Action::AccountView)?;
    let found = app.db.read(move |tx| rows::by_id(tx, &id)).await?;
    found.ok_or_else(|| Problem::not_found("account", "of this id"))
}

/// Adds an account, with a link for its first password.
pub async fn create(
    app: &App,
    caller: &Caller,
    login: &str,
    wanted: Wanted,
) -> Result<(Account, String), Refused> {
    access::allow_somewhere(caller, Action::AccountEdit)?;
    let wanted = wanted.checked()?;
    let login = normal_login(login);
    if !is_login(&login) {
        return Err(Refused::LoginOdd);
    }
    let account = Account {
        id: identifier()?,
        login,
        name: wanted.name,
        role: wanted.role,
        sites: wanted.sites,
        has_password: false,
        disabled: None,
        signed_in: None,
        has_factor: false,
        needs_factor: false,
        version: 1,
    };
    let secret = Secret::new()?;
    let (digest, now, caller, added) = (secret.digest(), app.now(), caller.clone(), account.clone());
    app.db
        .write(move |tx| {
            if rows::by_login(tx, &added.login)?.is_some() {
                return Err(Refused::LoginTaken);
            }
            rows::insert(tx, &added, now)?;
            links::make(tx, &added, &digest, now)?;
            Ok(note(
                tx,
                &caller,
                "account_create",
                &added.login,
                (json!(null), told(&added)),
                now,
            )?)
        })
        .await?;
    Ok((account, links::address(app, &secret)))
}

/// Changes name, role and sites of an account that is at this version.
pub async fn edit(
    app: &App,
    caller: &Caller,
    id: String,
    version: u64,
    wanted: Wanted,
) -> Result<(), Refused> {
    let wanted = wanted.checked()?;
    change(app, caller, id, Some(version), "account_edit", move |account| {
        account.name.clone_from(&wanted.name);
        account.role = wanted.role;
        account.sites.clone_from(&wanted.sites);
    })
    .await
}

/// Disables an account and ends its sessions at once.
pub async fn disable(app: &App, caller: &Caller, id: String) -> Result<(), Refused> {
    let now = app.now();
    change(app, caller, id, None, "account_disable", move |account| {
        account.disabled = account.disabled.or(Some(now));
    })
    .await
}

/// Lets somebody sign in again.
pub async fn enable(app: &App, caller: &Caller, id: String) -> Result<(), Refused> {
    change(app, caller, id, None, "account_enable", |account| {
        account.disabled = None
    })
    .await
}

async fn change(
    app: &App,
    caller: &Caller,
    id: String,
    version: Option<u64>,
    action: &'static str,
    how: impl Fn(&mut Account) + Send + 'static,
) -> Result<(), Refused> {
    access::allow_somewhere(caller, Action::AccountEdit)?;
    let (caller, now) = (caller.clone(), app.now());
    app.db
        .write(move |tx| {
            let before = rows::by_id(tx, &id)?.ok_or_else(|| Problem::not_found("account", "of this id"))?;
            if version.is_some_and(|version| version != before.version) {
                return Err(Refused::ChangedMeanwhile);
            }
            let mut after = before.clone();
            how(&mut after);
            if after == before {
                return Ok(());
            }
            let rights =
                |account: &Account| (account.role, account.sites.clone(), account.disabled.is_some());
            if rights(&before) != rights(&after) {
                guard_rights(tx, &caller, &before, &after)?;
                rows::end_sessions(tx, &before.id, "")?;
            }
            if !rows::update(tx, &after)? {
                return Err(Refused::ChangedMeanwhile);
            }
            Ok(note(
                tx,
                &caller,
                action,
                &before.login,
                (told(&before), told(&after)),
                now,
            )?)
        })
        .await
}

/// Nobody takes rights away from oneself by mistake, and somebody always administrates the console.
fn guard_rights(tx: &Tx<'_>, caller: &Caller, before: &Account, after: &Account) -> Result<(), Refused> {
    if caller.account == before.login && matches!(caller.via, Via::Session(_)) {
        return Err(Refused::OwnAccount);
    }
    let counts = |account: &Account| {
        account.role == Role::Administrator && account.sites.is_empty() && account.is_usable()
    };
    if counts(before) && !counts(after) && rows::administrators(tx)? <= 1 {
        return Err(Refused::LastAdministrator);
    }
    Ok(())
}

/// A link for the password of an account; earlier ones stop working.
pub async fn link(app: &App, caller: &Caller, id: String) -> Result<(Account, String), Problem> {
    access::allow_somewhere(caller, Action::AccountEdit)?;
    let secret = Secret::new()?;
    let (digest, now, caller) = (secret.digest(), app.now(), caller.clone());
    let account = app
        .db
        .write(move |tx| {
            let account = rows::by_id(tx, &id)?.ok_or_else(|| Problem::not_found("account", "of this id"))?;
            links::make(tx, &account, &digest, now)?;
            note(
                tx,
                &caller,
                "account_link",
                &account.login,
                (json!(null), json!(null)),
                now,
            )?;
            Ok::<_, Problem>(account)
        })
        .await?;
    Ok((account, links::address(app, &secret)))
}

/// Changes one's own password and ends one's other sessions.
pub async fn change_password(
    app: &App,
    session: &Session,
    present: String,
    new: String,
) -> Result<(), Refused> {
    let account = session.account.clone();
    let id = account.id.clone();
    let kept = app.db.read(move |tx| rows::password(tx, &id)).await?;
    password::check(&new, &[&account.login, &account.name], false).map_err(Refused::Weak)?;
    let hashed = hashing(app, move |hasher| {
        hasher
            .verify(&present, kept.as_deref())
            .then(|| hasher.hash(&new))
    });
    let kept = hashed.await?.ok_or(Refused::WrongPassword)??;
    let (now, session) = (app.now(), session.row.id.clone());
    let caller = super::session::caller_of(&account, &session);
    app.db
        .write(move |tx| {
            rows::set_password(tx, &account.id, &kept)?;
            rows::end_sessions(tx, &account.id, &session)?;
            note(
                tx,
                &caller,
                "password_set",
                &account.login,
                (json!(null), json!(null)),
                now,
            )
        })
        .await
        .map_err(Refused::from)
}

/// Shows the password once more: the session goes on under the secret that is returned.
pub async fn confirm(app: &App, session: &Session, typed: String) -> Result<Secret, Refused> {
    if !is_password(app, session, typed).await? {
        return Err(Refused::WrongPassword);
    }
    let secret = Secret::new()?;
    let (digest, now, id) = (secret.digest(), app.now(), session.row.id.clone());
    app.db
        .write(move |tx| rows::renew_session(tx, &id, &digest, now))
        .await?;
    Ok(secret)
}

/// Whether this is the password of whoever is signed in.
pub async fn is_password(app: &App, session: &Session, typed: String) -> Result<bool, Problem> {
    let id = session.account.id.clone();
    let kept = app.db.read(move |tx| rows::password(tx, &id)).await?;
    hashing(app, move |hasher| hasher.verify(&typed, kept.as_deref())).await
}

/// One's own sessions.
pub async fn sessions(app: &App, session: &Session) -> Result<Vec<SessionRow>, Problem> {
    let account = session.account.id.clone();
    Ok(app.db.read(move |tx| rows::sessions(tx, &account)).await?)
}

/// Ends one of one's own sessions.
pub async fn end_session(app: &App, session: &Session, id: String) -> Result<bool, Problem> {
    let account = session.account.id.clone();
    Ok(app
        .db
        .write(move |tx| rows::end_session(tx, &account, &id))
        .await?)
}

/// Ends all of one's own sessions but the present one.
pub async fn end_other_sessions(app: &App, session: &Session) -> Result<u64, Problem> {
    let (account, id) = (session.account.id.clone(), session.row.id.clone());
    Ok(app
        .db
        .write(move |tx| rows::end_sessions(tx, &account, &id))
        .await?)
}

fn told(account: &Account) -> serde_json::Value {
    json!({
        "name": account.name,
        "role": account.role.as_str(),
        "sites": account.sites,
        "disabled": account.disabled.is_some(),
    })
}

fn note(
    tx: &Tx<'_>,
    caller: &Caller,
    action: &str,
    login: &str,
    (before, after): (serde_json::Value, serde_json::Value),
    now: UnixMillis,
) -> Result<(), DbError> {
    let record = Record {
        action,
        subject_kind: "account",
        subject: login,
        before,
        after,
        ..Record::default()
    };
    audit::append(tx, caller, &record, now)
}

/// The code of what stands in the way, if it is a problem of the console.
impl Refused {
    /// As a problem, for programs.
    pub fn problem(self) -> Problem {
        let invalid = |field: &str, detail: &str| Problem::invalid(field, detail);
        match self {
            Self::LoginOdd => invalid(
                "login",
                "2 to 64 letters, digits, dots, dashes, underscores, at signs",
            ),
            Self::LoginTaken => Problem::new(Code::Exists, "somebody has this login", "choose another one"),
            Self::NameMissing => invalid("name", "a name is missing or too long"),
            Self::LastAdministrator => Problem::new(
                Code::WrongState,
                "this is the last administrator who can sign in",
                "make another one first",
            ),
            Self::OwnAccount => {
                Problem::new(Code::NotAllowed, "this is your own account", "ask somebody else")
            }
            Self::ChangedMeanwhile => {
                Problem::new(Code::Changed, "somebody changed it meanwhile", "look again")
            }
            Self::WrongPassword => Problem::new(Code::NotSignedIn, "the present password is not right", ""),
            Self::Weak(weakness) => invalid("password", weakness.key()),
            Self::Problem(problem) => problem,
        }
    }
}
