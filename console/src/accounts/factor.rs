//! The second factor: codes of an app (RFC 6238), each taken once, and codes on paper for the day when the app is gone.
//!
//! The app's secret lies in the vault. A code on paper has 120 random bits, so that its plain digest is enough (SEC-31).
//! Decision 0040.

use std::collections::BTreeSet;

use policy::model::UnixMillis;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

use super::rows::{self, Account, Wait};
use super::secret::{Secret, random};
use super::{Session, session};
use crate::access::{self, Action, Caller, Role};
use crate::args;
use crate::audit::{self, Record};
use crate::db::{DbError, Tx};
use crate::problem::{Code, Problem};
use crate::serve::App;
use crate::vault::Vault;

/// Codes on paper that one gets at once.
pub const PAPER_CODES: usize = 10;
/// So many wrong codes in a row, and the password has to be shown again.
const FAILURES_MAX: u64 = 10;

/// What an app needs to make codes. Shown once.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The secret in base32, to be typed.
    pub text: String,
    /// The same as an address that apps scan.
    pub address: String,
}

/// Why a code was not taken.
#[derive(Clone, Debug)]
pub enum NotTaken {
    /// It is not the code of this moment, or was used already.
    Wrong,
    /// Too many wrong ones; milliseconds until the next is looked at.
    Wait(i64),
    /// Too many wrong ones: the sign-in begins anew.
    Over,
    /// It could not be looked at.
    Problem(Problem),
}

impl From<Problem> for NotTaken {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<DbError> for NotTaken {
    fn from(error: DbError) -> Self {
        Self::Problem(error.into())
    }
}

fn kept(account: &str) -> String {
    format!("second_factor/{account}")
}

fn proposed(account: &str) -> String {
    format!("second_factor_new/{account}")
}

fn totp(secret: &[u8]) -> Result<Totp, DbError> {
    let damaged = || DbError::Damaged("the secret of a second factor has another length".into());
    let secret: [u8; 20] = secret.try_into().map_err(|_| damaged())?;
    Builder::new().with_secret(secret).build().map_err(|_| damaged())
}

fn seconds(now: UnixMillis) -> u64 {
    u64::try_from(now.0 / 1000).unwrap_or(0)
}

/// A code as it is compared: without the blanks and dashes that people put in.
fn plain(typed: &str) -> String {
    let signs = typed.chars().filter(|c| !c.is_whitespace() && *c != '-');
    signs.flat_map(char::to_uppercase).take(64).collect()
}

/// Proposes a secret for an app. Nothing is asked for before a code of it was shown.
pub async fn begin(app: &App, session: &Session) -> Result<Setup, Problem> {
    if session.account.has_factor {
        let detail = "there is a second factor already";
        return Err(Problem::new(Code::WrongState, detail, "remove it first"));
    }
    let secret: Zeroizing<[u8; 20]> = Zeroizing::new(random()?);
    let (vault, now, account) = (app.vault.clone(), app.now(), session.account.id.clone());
    let given = secret.clone();
    app.db
        .write(move |tx| vault.put(tx, &proposed(&account), &*given, now))
        .await?;
    Ok(setup(&session.account.login, &*secret))
}

/// The proposal once more, after a wrong code.
pub async fn proposal(app: &App, session: &Session) -> Result<Option<Setup>, Problem> {
    let (vault, account) = (app.vault.clone(), session.account.id.clone());
    let found = app.db.read(move |tx| vault.get(tx, &proposed(&account))).await?;
    Ok(found.map(|secret| setup(&session.account.login, &secret)))
}

fn setup(login: &str, secret: &[u8]) -> Setup {
    let text = data_encoding::BASE32_NOPAD.encode(secret);
    let name: String = login
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect();
    Setup {
        address: format!("otpauth://totp/Bandstand:{name}?secret={text}&issuer=Bandstand"),
        text,
    }
}

/// Takes the proposed secret, shown that the app makes its codes. Answers with the codes for paper, and ends all
/// other sessions.
pub async fn bind(app: &App, session: &Session, typed: String) -> Result<Vec<String>, NotTaken> {
    let codes = paper_codes()?;
    let (vault, now, session, digests) = (app.vault.clone(), app.now(), session.clone(), digests(&codes));
    let is_taken = app
        .db
        .write(move |tx| {
            let account = &session.account;
            let Some(secret) = vault.get(tx, &proposed(&account.id))? else {
                return Ok::<_, NotTaken>(false);
            };
            let Some(step) = totp(&secret)?.check(&plain(&typed), seconds(now)) else {
                return Ok(false);
            };
            vault.put(tx, &kept(&account.id), &secret, now)?;
            vault.forget(tx, &proposed(&account.id))?;
            tx.exec(
                "insert into second_factors (account, bound_ms, last_step) values ($1, $2, $3) \
                 on conflict (account) do update set bound_ms = excluded.bound_ms, last_step = excluded.last_step",
                args![&account.id, now, step],
            )?;
            replace_codes(tx, &account.id, &digests)?;
            rows::end_sessions(tx, &account.id, &session.row.id)?;
            note(tx, &own_caller(&session), "factor_bind", &account.login, Value::Null, now)?;
            Ok(true)
        })
        .await?;
    if is_taken { Ok(codes) } else { Err(NotTaken::Wrong) }
}

/// New codes for paper; the earlier ones are worth nothing.
pub async fn new_codes(app: &App, session: &Session) -> Result<Vec<String>, Problem> {
    let codes = paper_codes()?;
    let (now, session, digests) = (app.now(), session.clone(), digests(&codes));
    app.db
        .write(move |tx| {
            replace_codes(tx, &session.account.id, &digests)?;
            let login = &session.account.login;
            note(tx, &own_caller(&session), "factor_codes", login, Value::Null, now)
        })
        .await?;
    Ok(codes)
}

/// How many codes for paper are left.
pub async fn codes_left(app: &App, session: &Session) -> Result<u64, Problem> {
    let account = session.account.id.clone();
    let sql = "select count(*) from recovery_codes where account = $1 and spent_ms is null";
    let count = move |tx: &Tx<'_>| tx.first(sql, args![&account], |row| row.count(0));
    Ok(app.db.read(count).await?.unwrap_or(0))
}

/// The roles whose accounts need a second factor.
pub async fn required(app: &App, caller: &Caller) -> Result<BTreeSet<Role>, Problem> {
    access::allow(caller, Action::AccountView, "")?;
    Ok(app.db.read(rows::factor_required).await?)
}

/// Requires a second factor of every account of these roles. Whoever has none is led to set one up with the next click
/// and does nothing else before. Keys of the API are not accounts and go on.
pub async fn require(app: &App, caller: &Caller, roles: BTreeSet<Role>) -> Result<BTreeSet<Role>, Problem> {
    access::allow(caller, Action::AccountEdit, "")?;
    let (caller, now) = (caller.clone(), app.now());
    app.db
        .write(move |tx| {
            let before = rows::factor_required(tx)?;
            if before == roles {
                return Ok::<_, Problem>(before);
            }
            rows::set_factor_required(tx, &roles)?;
            let record = Record {
                action: "factor_require",
                subject_kind: "role",
                before: json!(before),
                after: json!(roles),
                ..Record::default()
            };
            audit::append(tx, &caller, &record, now)?;
            Ok(roles.clone())
        })
        .await
}

/// Removes one's own second factor, where the role does not need it.
pub async fn remove(app: &App, session: &Session) -> Result<(), Problem> {
    if session.account.needs_factor {
        let detail = format!("the role {} needs a second factor", session.account.role);
        let next = "set up another app instead: ask an administrator to remove this one";
        return Err(Problem::new(Code::WrongState, detail, next));
    }
    let (vault, now, session) = (app.vault.clone(), app.now(), session.clone());
    let done = app.db.write(move |tx| {
        forget(tx, &vault, &session.account)?;
        let login = &session.account.login;
        note(
            tx,
            &own_caller(&session),
            "factor_remove",
            login,
            Value::Null,
            now,
        )
    });
    Ok(done.await?)
}

/// Removes the second factor of somebody who lost app and paper, and ends the sessions. Nobody does so for oneself.
pub async fn reset(app: &App, caller: &Caller, id: String) -> Result<Account, Problem> {
    access::allow_somewhere(caller, Action::AccountEdit)?;
    let (vault, now, caller) = (app.vault.clone(), app.now(), caller.clone());
    app.db
        .write(move |tx| {
            let account = rows::by_id(tx, &id)?.ok_or_else(|| Problem::not_found("account", "of this id"))?;
            if account.login == caller.account {
                let next = "remove it in your own settings";
                return Err(Problem::new(Code::NotAllowed, "this is your own account", next));
            }
            forget(tx, &vault, &account)?;
            rows::end_sessions(tx, &account.id, "")?;
            note(tx, &caller, "factor_reset", &account.login, Value::Null, now)?;
            Ok::<_, Problem>(account)
        })
        .await
}

fn forget(tx: &Tx<'_>, vault: &Vault, account: &Account) -> Result<(), DbError> {
    vault.forget(tx, &kept(&account.id))?;
    tx.exec(
        "delete from recovery_codes where account = $1",
        args![&account.id],
    )?;
    tx.exec(
        "delete from second_factors where account = $1",
        args![&account.id],
    )?;
    Ok(())
}

/// Finishes a sign-in that waits for its code: the session goes on under a new secret.
pub async fn pass(app: &App, waiting: &Session, typed: String) -> Result<Secret, NotTaken> {
    show(app, waiting, typed, true).await
}

/// Shows a code in a session, beside the password.
pub async fn confirm(app: &App, session: &Session, typed: String) -> Result<Secret, NotTaken> {
    show(app, session, typed, false).await
}

async fn show(app: &App, session: &Session, typed: String, is_sign_in: bool) -> Result<Secret, NotTaken> {
    let secret = Secret::new()?;
    let (digest, now, vault, session) = (secret.digest(), app.now(), app.vault.clone(), session.clone());
    let outcome = app.db.write(move |tx| {
        let account = &session.account;
        let subject = format!("code:{}", account.id);
        let wait = rows::wait(tx, &subject)?.unwrap_or_default();
        let early = wait.next.since(now);
        if early > 0 {
            return Ok::<_, DbError>(Err(NotTaken::Wait(early)));
        }
        let caller = own_caller(&session);
        let said = json!({ "address": session.row.address });
        if let Some(used) = check(tx, &vault, &account.id, &typed, now)? {
            rows::set_wait(tx, &subject, Wait::default(), now)?;
            rows::renew_session(tx, &session.row.id, &digest, now)?;
            if is_sign_in {
                rows::signed_in(tx, &account.id, now)?;
                note(tx, &caller, "sign_in", &account.login, said, now)?;
            }
            if used == Used::Paper {
                note(tx, &caller, "factor_code_used", &account.login, Value::Null, now)?;
            }
            return Ok(Ok(()));
        }
        let failures = wait.failures + 1;
        let next = UnixMillis(now.0 + after(failures));
        rows::set_wait(tx, &subject, Wait { failures, next }, now)?;
        note(tx, &caller, "factor_refused", &account.login, said, now)?;
        let is_over = is_sign_in && failures.is_multiple_of(FAILURES_MAX);
        if is_over {
            rows::end_session(tx, &account.id, &session.row.id)?;
        }
        Ok(Err(if is_over { NotTaken::Over } else { NotTaken::Wrong }))
    });
    outcome.await?.map(|()| secret)
}

/// Milliseconds until the next code is looked at: after three wrong ones the app shows another one first (SEC-07).
fn after(failures: u64) -> i64 {
    let seconds = match failures {
        0..3 => 0,
        3..FAILURES_MAX => 30,
        FAILURES_MAX..30 => 5 * 60,
        _ => 3600,
    };
    seconds * 1000
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Used {
    App,
    Paper,
}

/// Takes a code, once.
fn check(
    tx: &Tx<'_>,
    vault: &Vault,
    account: &str,
    typed: &str,
    now: UnixMillis,
) -> Result<Option<Used>, DbError> {
    let typed = plain(typed);
    let Some(secret) = vault.get(tx, &kept(account))? else {
        return Ok(None);
    };
    if let Some(step) = totp(&secret)?.check(&typed, seconds(now)) {
        let sql = "update second_factors set last_step = $2 where account = $1 and last_step < $2";
        let is_new = tx.exec(sql, args![account, step])? == 1;
        return Ok(is_new.then_some(Used::App));
    }
    let sql =
        "update recovery_codes set spent_ms = $3 where account = $1 and digest = $2 and spent_ms is null";
    let spent = tx.exec(sql, args![account, &digest_of(&typed), now])? == 1;
    Ok(spent.then_some(Used::Paper))
}

/// Four groups of six letters and digits.
fn paper_codes() -> Result<Vec<String>, Problem> {
    let code = |_| {
        let bytes: [u8; 15] = random()?;
        let text = data_encoding::BASE32_NOPAD.encode(&bytes).to_lowercase();
        let groups = [&text[..6], &text[6..12], &text[12..18], &text[18..]];
        Ok(groups.join("-"))
    };
    (0..PAPER_CODES).map(code).collect()
}

fn digest_of(plain: &str) -> [u8; 32] {
    let digest = digest(&SHA256, plain.as_bytes());
    digest.as_ref().try_into().expect("a SHA-256 has 32 bytes")
}

fn digests(codes: &[String]) -> Vec<[u8; 32]> {
    codes.iter().map(|code| digest_of(&plain(code))).collect()
}

fn replace_codes(tx: &Tx<'_>, account: &str, digests: &[[u8; 32]]) -> Result<(), DbError> {
    tx.exec("delete from recovery_codes where account = $1", args![account])?;
    for digest in digests {
        tx.exec(
            "insert into recovery_codes (digest, account) values ($1, $2)",
            args![digest, account],
        )?;
    }
    Ok(())
}

fn own_caller(session: &Session) -> Caller {
    session::caller_of(&session.account, &session.row.id)
}

fn note(
    tx: &Tx<'_>,
    caller: &Caller,
    action: &str,
    login: &str,
    after: Value,
    now: UnixMillis,
) -> Result<(), DbError> {
    let record = Record {
        action,
        subject_kind: "account",
        subject: login,
        after,
        ..Record::default()
    };
    audit::append(tx, caller, &record, now)
}

/// The code that an app shows for a secret in base32, for tests that stand in for the app.
#[cfg(test)]
pub(crate) fn code_at(text: &str, now: UnixMillis) -> String {
    let secret = data_encoding::BASE32_NOPAD
        .decode(text.as_bytes())
        .expect("base32");
    totp(&secret)
        .expect("a secret")
        .generate(seconds(now))
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of RFC 6238, appendix B, as far as they are of SHA-1; six digits are the last of eight.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = data_encoding::BASE32_NOPAD.encode(b"12345678901234567890");
        let check = |seconds: i64, expected: &str| {
            assert_eq!(code_at(&secret, UnixMillis(seconds * 1000)), expected);
        };
        check(59, "287082");
        check(1_111_111_109, "081804");
        check(1_234_567_890, "005924");
        check(20_000_000_000, "353130");
    }

    #[test]
    fn waits_grow_and_codes_are_read_as_people_type_them() {
        let all: Vec<i64> = (0..100).map(after).collect();
        assert!(all.is_sorted() && all[0] == 0);
        assert_eq!(plain(" 123 456\n"), "123456");
        assert_eq!(plain("abcdef-ABCDEF"), "ABCDEFABCDEF");
        let codes = paper_codes().expect("random bytes");
        assert!(codes.iter().all(|code| plain(code).len() == 24));
    }
}
