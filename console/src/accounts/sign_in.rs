//! From login and password to a session, with one answer for everybody who is refused (SEC-09).

use std::net::Ipv6Addr;
use std::sync::Arc;

use policy::model::UnixMillis;
use ring::digest;
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;

use super::password::Hasher;
use super::rows::{self, Account, SessionRow, Wait};
use super::secret::{Secret, identifier};
use super::{session, waits};
use crate::access::{Caller, Role, Via};
use crate::audit::{self, Record};
use crate::db::{DbError, Tx};
use crate::problem::{Code, Problem};
use crate::serve::App;

/// Passwords that are hashed at once: each takes memory and a core.
const HASHES_AT_ONCE: usize = 4;

/// What somebody typed, and from where.
#[derive(Clone)]
pub struct Attempt {
    /// What was typed as login.
    pub login: String,
    /// What was typed as password.
    pub password: String,
    /// The address it came from.
    pub address: String,
    /// The browser, as it calls itself.
    pub agent: String,
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempt")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Why nobody was signed in.
#[derive(Clone, Debug)]
pub enum Refused {
    /// Login and password do not fit together, or the account cannot be used: nobody learns which.
    Wrong,
    /// Too many tries; milliseconds until the next one is looked at.
    Wait(i64),
    /// The console could not look.
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

/// A login as it is compared: small letters, one way of writing each.
pub fn normal_login(login: &str) -> String {
    login.trim().nfkc().flat_map(char::to_lowercase).collect()
}

/// Whether a login can be chosen.
pub fn is_login(login: &str) -> bool {
    let fits = |c: char| c.is_alphanumeric() || "._-@".contains(c);
    (2..=64).contains(&login.chars().count()) && login.chars().all(fits)
}

/// Hashes a password or checks one, off the async threads and not too many at once.
pub async fn hashing<T: Send + 'static>(
    app: &App,
    work: impl FnOnce(&Hasher) -> T + Send + 'static,
) -> Result<T, Problem> {
    static PLACES: Semaphore = Semaphore::const_new(HASHES_AT_ONCE);
    let busy = || Problem::new(Code::Unavailable, "the console is busy", "try again in a moment");
    let _place = PLACES.acquire().await.map_err(|_| busy())?;
    let hasher = Hasher::new(app.vault.derive("bandstand password pepper 1"));
    tokio::task::spawn_blocking(move || work(&hasher))
        .await
        .map_err(|_| busy())
}

/// A password that was right.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The secret that the session's cookie carries.
    pub secret: Secret,
    /// The session waits for a code.
    pub waits: bool,
}

/// Signs somebody in; where a second factor is bound, as far as its code.
pub async fn sign_in(app: &App, attempt: Attempt) -> Result<SignedIn, Refused> {
    let now = app.now();
    let counted = Arc::new(Counted::of(&attempt));
    // Counted as wrong before the password is looked at, and taken back when it is right: whoever tries many at
    // the same moment is counted for each.
    let login = normal_login(&attempt.login);
    let found = {
        let (counted, login) = (counted.clone(), login.clone());
        app.db
            .write(move |tx| {
                counted.admit(tx, now)?;
                Ok::<_, Refused>(rows::for_sign_in(tx, &login)?)
            })
            .await?
    };
    let (account, kept) = found.unzip();
    let kept = kept.flatten();
    let password = attempt.password.clone();
    let fits = hashing(app, move |hasher| hasher.verify(&password, kept.as_deref())).await?;
    let secret = Secret::new()?;
    let id = identifier()?;
    let digest = secret.digest();
    let done = app
        .db
        .write(move |tx| {
            let usable = account.as_ref().filter(|account| fits && account.is_usable());
            let Some(account) = usable else {
                refused(tx, account.as_ref(), &attempt, now)?;
                return Ok(None);
            };
            counted.forget(tx, now)?;
            let row = SessionRow {
                id: id.clone(),
                begun: now,
                seen: now,
                confirmed: now,
                address: attempt.address.clone(),
                agent: browser(&attempt.agent),
                waits: account.has_factor,
            };
            begin(tx, account, &digest, &row)?;
            Ok::<_, Refused>(Some(account.has_factor))
        })
        .await?;
    done.map(|waits| SignedIn { secret, waits }).ok_or(Refused::Wrong)
}

/// Writes down a new session, and forgets old ones.
fn begin(tx: &Tx<'_>, account: &Account, digest: &[u8; 32], row: &SessionRow) -> Result<(), DbError> {
    let now = row.begun;
    session::prune(tx, now)?;
    rows::insert_session(tx, digest, &account.id, row)?;
    if row.waits {
        return Ok(());
    }
    rows::signed_in(tx, &account.id, now)?;
    let caller = session::caller_of(account, &row.id);
    let record = Record {
        action: "sign_in",
        subject_kind: "account",
        subject: &account.login,
        after: serde_json::json!({ "address": row.address }),
        ..Record::default()
    };
    audit::append(tx, &caller, &record, now)
}

/// Writes down a refused sign-in. A login that nobody has may be a password in the wrong field: it is not kept.
fn refused(
    tx: &Tx<'_>,
    account: Option<&Account>,
    attempt: &Attempt,
    now: UnixMillis,
) -> Result<(), DbError> {
    let subject = account.map_or("", |account| account.login.as_str());
    let record = Record {
        action: "sign_in_refused",
        subject_kind: "account",
        subject,
        after: serde_json::json!({ "address": attempt.address }),
        ..Record::default()
    };
    audit::append(tx, &nobody(), &record, now)
}

/// Whoever has not signed in, as it stands in the audit.
pub(super) fn nobody() -> Caller {
    Caller {
        account: "nobody".into(),
        name: "nobody".into(),
        role: Role::Auditor,
        sites: Default::default(),
        via: Via::Session(String::new()),
    }
}

/// What wrong passwords are counted for.
#[derive(Debug)]
struct Counted {
    address: String,
    home: String,
    login: String,
}

impl Counted {
    fn of(attempt: &Attempt) -> Self {
        let login = digest::digest(&digest::SHA256, normal_login(&attempt.login).as_bytes());
        let login = data_encoding::HEXLOWER.encode(&login.as_ref()[..16]);
        let network = network(&attempt.address);
        Self {
            address: format!("address:{network}"),
            home: format!("home:{login}:{network}"),
            login: format!("login:{login}"),
        }
    }

    /// Refuses a try that comes too early; counts it as a wrong one otherwise.
    fn admit(&self, tx: &Tx<'_>, now: UnixMillis) -> Result<(), Refused> {
        let address = rows::wait(tx, &self.address)?.unwrap_or_default();
        let home = rows::wait(tx, &self.home)?;
        let subject = if home.is_some() { &self.home } else { &self.login };
        let login = match home {
            Some(home) => home,
            None => rows::wait(tx, &self.login)?.unwrap_or_default(),
        };
        let early = address.next.max(login.next).since(now);
        if early > 0 {
            return Err(Refused::Wait(early));
        }
        let count = |wait: Wait, after: fn(u64) -> i64| Wait {
            failures: wait.failures + 1,
            next: UnixMillis(now.0 + after(wait.failures + 1)),
        };
        rows::set_wait(tx, &self.address, count(address, waits::after_at_address), now)?;
        rows::set_wait(tx, subject, count(login, waits::after), now)?;
        let ago = |millis: i64| UnixMillis(now.0 - millis);
        Ok(rows::prune_waits(
            tx,
            ago(waits::FORGOTTEN_MS),
            ago(waits::AT_HOME_MS),
        )?)
    }

    /// The password was right: this login is at home here, and nothing is counted any more.
    fn forget(&self, tx: &Tx<'_>, now: UnixMillis) -> Result<(), DbError> {
        let none = Wait::default();
        for subject in [&self.address, &self.home, &self.login] {
            rows::set_wait(tx, subject, none, now)?;
        }
        Ok(())
    }
}

/// What counts as one address: of IPv6 its first half, because the rest is any subscriber's to choose.
fn network(address: &str) -> String {
    match address.parse::<Ipv6Addr>() {
        Ok(ip) => format!("{:x?}", &ip.segments()[..4]),
        Err(_) => address.to_owned(),
    }
}

/// What a browser calls itself, as people know it.
fn browser(agent: &str) -> String {
    let known = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    let name = known
        .iter()
        .find(|(mark, _)| agent.contains(mark))
        .map(|(_, name)| *name);
    name.map_or_else(
        || agent.chars().filter(|c| !c.is_control()).take(40).collect(),
        str::to_owned,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_of_ipv6_is_one_address() {
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
    }

    #[test]
    fn logins_are_compared_as_people_mean_them() {
        let check = |typed: &str, expected: &str| assert_eq!(normal_login(typed), expected);
        check(" Mara.Kurz ", "mara.kurz");
        check("ＭＡＲＡ", "mara");
        let fits = ["ab", "mara@example.com", "müller_1", "x-y.z"];
        assert!(fits.into_iter().all(is_login));
        let odd = ["a", "", "two words", "a/b", "<b>", "tab\t", &"x".repeat(65)];
        assert!(!odd.into_iter().any(is_login));
    }

    #[test]
    fn browsers_are_named_as_people_know_them() {
        let check = |agent: &str, expected: &str| assert_eq!(browser(agent), expected);
        check("Mozilla/5.0 (X11) Gecko/20100101 Firefox/140.0", "Firefox");
        check(
            "Mozilla/5.0 AppleWebKit/537.36 Chrome/156.0 Safari/537.36 Edg/156.0",
            "Edge",
        );
        check("curl/8.1\u{7}", "curl/8.1");
        check(&"x".repeat(100), &"x".repeat(40));
    }
}
