//! The tables of accounts, sessions, links and waits.

use std::collections::BTreeSet;

use policy::model::UnixMillis;

use crate::access::Role;
use crate::args;
use crate::db::{DbError, Row, Tx};

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Which one.
    pub id: String,
    /// What is typed to sign in; stays, and stands in the audit.
    pub login: String,
    /// The person's name.
    pub name: String,
    /// What the person is here.
    pub role: Role,
    /// The sites the person is limited to; empty: not limited.
    pub sites: BTreeSet<String>,
    /// The password is set.
    pub has_password: bool,
    /// Since when it is disabled.
    pub disabled: Option<UnixMillis>,
    /// The last sign-in.
    pub signed_in: Option<UnixMillis>,
    /// A code is asked for beside the password.
    pub has_factor: bool,
    /// The account's role is one of those that need a second factor.
    pub needs_factor: bool,
    /// Counts changes.
    pub version: u64,
}

impl Account {
    /// Has to set up a second factor before anything else.
    pub fn must_bind(&self) -> bool {
        self.needs_factor && !self.has_factor
    }

    /// Can sign in.
    pub fn is_usable(&self) -> bool {
        self.disabled.is_none() && self.has_password
    }
}

const ACCOUNT: &str = "id, login, name, role, sites, password is not null, disabled_ms, signed_in_ms, version, \
     exists (select 1 from second_factors f where f.account = accounts.id), \
     (select value from settings where settings.name = 'factor_required')";
/// How many columns [`ACCOUNT`] has.
const ACCOUNT_LEN: usize = 11;

fn account(row: &Row<'_>) -> Result<Account, DbError> {
    account_from(row, 0)
}

/// Reads the columns of [`ACCOUNT`] from `first` on.
fn account_from(row: &Row<'_>, first: usize) -> Result<Account, DbError> {
    let role: Role = row.parse(first + 3)?;
    Ok(Account {
        needs_factor: required(row.opt_text(first + 10)?).contains(&role),
        id: row.text(first)?,
        login: row.text(first + 1)?,
        name: row.text(first + 2)?,
        role,
        sites: row.text(first + 4)?.lines().map(str::to_owned).collect(),
        has_password: row.bool(first + 5)?,
        disabled: row.opt_moment(first + 6)?,
        signed_in: row.opt_moment(first + 7)?,
        version: row.count(first + 8)?,
        has_factor: row.bool(first + 9)?,
    })
}

/// The roles that need a second factor. What does not read is taken for all of them: nobody is let in by damage.
fn required(stored: Option<String>) -> BTreeSet<Role> {
    match stored {
        None => BTreeSet::new(),
        Some(text) => serde_json::from_str(&text).unwrap_or_else(|_| Role::ALL.into()),
    }
}

/// The roles whose accounts need a second factor.
pub fn factor_required(tx: &Tx<'_>) -> Result<BTreeSet<Role>, DbError> {
    let sql = "select value from settings where name = 'factor_required'";
    let stored = tx.first(sql, &[], |row| row.text(0))?;
    Ok(required(stored))
}

/// From now on these are.
pub fn set_factor_required(tx: &Tx<'_>, roles: &BTreeSet<Role>) -> Result<(), DbError> {
    crate::store::settings::put(tx, "factor_required", roles).map(drop)
}

fn lines(sites: &BTreeSet<String>) -> String {
    sites.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
}

/// Every account, by name.
pub fn accounts(tx: &Tx<'_>) -> Result<Vec<Account>, DbError> {
    tx.all(
        &format!("select {ACCOUNT} from accounts order by disabled_ms is not null, name, login"),
        &[],
        account,
    )
}

/// One account.
pub fn by_id(tx: &Tx<'_>, id: &str) -> Result<Option<Account>, DbError> {
    tx.first(
        &format!("select {ACCOUNT} from accounts where id = $1"),
        args![id],
        account,
    )
}

/// One account.
pub fn by_login(tx: &Tx<'_>, login: &str) -> Result<Option<Account>, DbError> {
    tx.first(
        &format!("select {ACCOUNT} from accounts where login = $1"),
        args![login],
        account,
    )
}

/// The account of a login with its kept password, for signing in.
pub fn for_sign_in(tx: &Tx<'_>, login: &str) -> Result<Option<(Account, Option<String>)>, DbError> {
    let sql = format!("select {ACCOUNT}, password from accounts where login = $1");
    tx.first(&sql, args![login], |row| {
        Ok((account(row)?, row.opt_text(ACCOUNT_LEN)?))
    })
}

/// The kept password of an account.
pub fn password(tx: &Tx<'_>, id: &str) -> Result<Option<String>, DbError> {
    let kept = tx.first("select password from accounts where id = $1", args![id], |row| {
        row.opt_text(0)
    })?;
    Ok(kept.flatten())
}

/// Adds an account without a password.
pub fn insert(tx: &Tx<'_>, account: &Account, now: UnixMillis) -> Result<(), DbError> {
    tx.exec(
        "insert into accounts (id, login, name, role, sites, created_ms, version) values ($1, $2, $3, $4, $5, $6, 1)",
        args![
            &account.id,
            &account.login,
            &account.name,
            account.role.as_str(),
            lines(&account.sites),
            now
        ],
    )?;
    Ok(())
}

/// Changes name, role, sites and whether it is disabled; false if somebody else changed it meanwhile.
pub fn update(tx: &Tx<'_>, account: &Account) -> Result<bool, DbError> {
    let changed = tx.exec(
        "update accounts set name = $2, role = $3, sites = $4, disabled_ms = $5, version = version + 1 \
         where id = $1 and version = $6",
        args![
            &account.id,
            &account.name,
            account.role.as_str(),
            lines(&account.sites),
            account.disabled.map(|at| at.0),
            account.version
        ],
    )?;
    Ok(changed == 1)
}

/// Sets the kept password.
pub fn set_password(tx: &Tx<'_>, id: &str, kept: &str) -> Result<(), DbError> {
    tx.exec("update accounts set password = $2 where id = $1", args![id, kept])?;
    Ok(())
}

/// How many administrators of all sites can sign in.
pub fn administrators(tx: &Tx<'_>) -> Result<u64, DbError> {
    let sql = "select count(*) from accounts where role = 'administrator' and sites = '' and disabled_ms is null \
               and password is not null";
    Ok(tx.first(sql, &[], |row| row.count(0))?.unwrap_or(0))
}

/// A session as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// The name under which it is ended; not its secret.
    pub id: String,
    /// When it began.
    pub begun: UnixMillis,
    /// When it was last used, to the minute.
    pub seen: UnixMillis,
    /// When the person last showed the password.
    pub confirmed: UnixMillis,
    /// From where.
    pub address: String,
    /// With which browser, shortened.
    pub agent: String,
    /// The password was right, and a code is still to be shown.
    pub waits: bool,
}

const SESSION: &str = "s.id, s.begun_ms, s.seen_ms, s.confirmed_ms, s.address, s.agent, s.waits";

fn session(row: &Row<'_>) -> Result<SessionRow, DbError> {
    Ok(SessionRow {
        id: row.text(0)?,
        begun: row.moment(1)?,
        seen: row.moment(2)?,
        confirmed: row.moment(3)?,
        address: row.text(4)?,
        agent: row.text(5)?,
        waits: row.int(6)? != 0,
    })
}

/// The session of this digest, with its account.
pub fn session_of(tx: &Tx<'_>, digest: &[u8; 32]) -> Result<Option<(SessionRow, Account)>, DbError> {
    let account = "a.id, a.login, a.name, a.role, a.sites, a.password is not null, a.disabled_ms, a.signed_in_ms, a.version, \
         exists (select 1 from second_factors f where f.account = a.id), \
         (select value from settings where settings.name = 'factor_required')";
    let sql = format!(
        "select {SESSION}, {account} from sessions s join accounts a on a.id = s.account where s.digest = $1"
    );
    tx.first(&sql, args![digest], |row| {
        Ok((session(row)?, account_from(row, 7)?))
    })
}

/// The sessions of an account, the latest first.
pub fn sessions(tx: &Tx<'_>, account: &str) -> Result<Vec<SessionRow>, DbError> {
    let sql = format!(
        "select {SESSION} from sessions s where s.account = $1 and s.waits = 0 order by s.begun_ms desc"
    );
    tx.all(&sql, args![account], session)
}

/// Adds a session.
pub fn insert_session(
    tx: &Tx<'_>,
    digest: &[u8; 32],
    account: &str,
    row: &SessionRow,
) -> Result<(), DbError> {
    tx.exec(
        "insert into sessions (digest, id, account, begun_ms, seen_ms, confirmed_ms, address, agent, waits) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        args![
            digest,
            &row.id,
            account,
            row.begun,
            row.seen,
            row.confirmed,
            &row.address,
            &row.agent,
            i64::from(row.waits)
        ],
    )?;
    Ok(())
}

/// The session was used; another console may have seen a later use.
pub fn touch_session(tx: &Tx<'_>, id: &str, now: UnixMillis) -> Result<(), DbError> {
    tx.exec(
        "update sessions set seen_ms = $2 where id = $1 and seen_ms < $2",
        args![id, now],
    )?;
    Ok(())
}

/// The person showed the password or a code again: the session goes on under another secret.
pub fn renew_session(tx: &Tx<'_>, id: &str, digest: &[u8; 32], now: UnixMillis) -> Result<bool, DbError> {
    let sql = "update sessions set digest = $2, confirmed_ms = $3, seen_ms = $3, waits = 0 where id = $1";
    Ok(tx.exec(sql, args![id, digest, now])? == 1)
}

/// Ends one session of an account.
pub fn end_session(tx: &Tx<'_>, account: &str, id: &str) -> Result<bool, DbError> {
    Ok(tx.exec(
        "delete from sessions where account = $1 and id = $2",
        args![account, id],
    )? == 1)
}

/// Ends the sessions of an account, but for one.
pub fn end_sessions(tx: &Tx<'_>, account: &str, but: &str) -> Result<u64, DbError> {
    tx.exec(
        "delete from sessions where account = $1 and id <> $2",
        args![account, but],
    )
}

/// Forgets sessions that ended by time.
pub fn prune_sessions(tx: &Tx<'_>, begun_before: UnixMillis, seen_before: UnixMillis) -> Result<(), DbError> {
    tx.exec(
        "delete from sessions where begun_ms < $1 or seen_ms < $2",
        args![begun_before, seen_before],
    )?;
    Ok(())
}

/// A link that was not used and whose time is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenLink {
    /// The account whose password it sets; none if it makes the first administrator.
    pub account: Option<Account>,
    /// When it ends.
    pub expires: UnixMillis,
}

/// The open link of this digest.
pub fn open_link(tx: &Tx<'_>, digest: &[u8; 32], now: UnixMillis) -> Result<Option<OpenLink>, DbError> {
    let sql = "select account, expires_ms from one_time_links where digest = $1 and spent_ms is null and expires_ms > $2";
    let found = tx.first(sql, args![digest, now], |row| {
        Ok((row.opt_text(0)?, row.moment(1)?))
    })?;
    let Some((account, expires)) = found else {
        return Ok(None);
    };
    let Some(id) = account else {
        return Ok(Some(OpenLink {
            account: None,
            expires,
        }));
    };
    let account = by_id(tx, &id)?.filter(|account| account.disabled.is_none());
    Ok(account.map(|account| OpenLink {
        account: Some(account),
        expires,
    }))
}

/// Adds a link in place of every open one for the same.
pub fn insert_link(
    tx: &Tx<'_>,
    digest: &[u8; 32],
    account: Option<&str>,
    now: UnixMillis,
    expires: UnixMillis,
) -> Result<(), DbError> {
    match account {
        Some(account) => tx.exec("delete from one_time_links where account = $1", args![account])?,
        None => tx.exec("delete from one_time_links where account is null", &[])?,
    };
    let purpose = if account.is_some() { "password" } else { "setup" };
    tx.exec(
        "insert into one_time_links (digest, purpose, account, made_ms, expires_ms) values ($1, $2, $3, $4, $5)",
        args![digest, purpose, account, now, expires],
    )?;
    Ok(())
}

/// Uses up a link; false if somebody was faster.
pub fn spend_link(tx: &Tx<'_>, digest: &[u8; 32], now: UnixMillis) -> Result<bool, DbError> {
    let sql =
        "update one_time_links set spent_ms = $2 where digest = $1 and spent_ms is null and expires_ms > $2";
    Ok(tx.exec(sql, args![digest, now])? == 1)
}

/// Wrong passwords in a row for one subject.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wait {
    /// How many.
    pub failures: u64,
    /// Not before this moment is another try looked at.
    pub next: UnixMillis,
}

/// The wait of a subject, if there is any.
pub fn wait(tx: &Tx<'_>, subject: &str) -> Result<Option<Wait>, DbError> {
    let sql = "select failures, next_ms from sign_in_waits where subject = $1";
    tx.first(sql, args![subject], |row| {
        Ok(Wait {
            failures: row.count(0)?,
            next: row.moment(1)?,
        })
    })
}

/// Keeps the wait of a subject.
pub fn set_wait(tx: &Tx<'_>, subject: &str, wait: Wait, now: UnixMillis) -> Result<(), DbError> {
    tx.exec(
        "insert into sign_in_waits (subject, failures, next_ms, seen_ms) values ($1, $2, $3, $4) \
         on conflict (subject) do update set failures = excluded.failures, next_ms = excluded.next_ms, \
         seen_ms = excluded.seen_ms",
        args![subject, wait.failures, wait.next, now],
    )?;
    Ok(())
}

/// Forgets waits: strangers' after a day, and those of addresses where a login is at home after a season.
pub fn prune_waits(
    tx: &Tx<'_>,
    strangers_before: UnixMillis,
    home_before: UnixMillis,
) -> Result<(), DbError> {
    tx.exec(
        "delete from sign_in_waits where seen_ms < $1 and (seen_ms < $2 or subject not like 'home:%')",
        args![strangers_before, home_before],
    )?;
    Ok(())
}

/// Notes a sign-in.
pub fn signed_in(tx: &Tx<'_>, id: &str, now: UnixMillis) -> Result<(), DbError> {
    tx.exec(
        "update accounts set signed_in_ms = $2 where id = $1",
        args![id, now],
    )?;
    Ok(())
}
