//! Each thing a person or a program can do, one function each.
//!
//! An act checks its input, asks [`access`](crate::access) whether the caller may, runs in one transaction
//! together with its row in the [`audit`], and returns what it changed. Pages and the API call
//! acts and nothing below them.

pub mod api_keys;
pub mod associations;
pub mod audits;
pub mod authority;
pub mod bands;
pub mod dashboard;
pub mod effects;
pub mod exports;
pub mod imports;
pub mod intents;
pub mod keys;
pub mod operators;
pub mod page;
pub mod policies;
pub mod quarantine;
pub mod setup;
pub mod stations;
pub mod tickets;
pub mod users;
pub mod view;

use policy::model::UnixMillis;

use crate::access::Caller;
use crate::audit::{self, Record};
use crate::db::{DbError, Tx};
use crate::problem::{Code, Problem};
use crate::serve::App;

/// Runs `f` as the one writer, at the present moment.
pub(crate) async fn change<T: Send + 'static>(
    app: &App,
    f: impl Fn(&Tx<'_>, UnixMillis) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let now = app.now();
    app.db.write(move |tx| f(tx, now)).await
}

/// Runs `f` with a consistent view.
pub(crate) async fn look<T: Send + 'static>(
    app: &App,
    f: impl FnOnce(&Tx<'_>, UnixMillis) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let now = app.now();
    app.db.read(move |tx| f(tx, now)).await
}

/// Writes down who did what.
pub(crate) fn record(
    tx: &Tx<'_>,
    caller: &Caller,
    what: &Record<'_>,
    now: UnixMillis,
) -> Result<(), DbError> {
    audit::append(tx, caller, what, now)
}

/// Refuses unless the thing still is what the caller saw: `expected` is the version of `If-Match`.
pub(crate) fn check_version(expected: Option<i64>, found: i64) -> Result<(), Problem> {
    match expected {
        Some(expected) if expected != found => {
            let detail = format!("it was version {expected} when you looked and is version {found} now");
            let next = "look at it again, and make your change to what it is now";
            Err(Problem::new(Code::Changed, detail, next)
                .with("expected_version", expected)
                .with("version", found))
        }
        _ => Ok(()),
    }
}

/// A short text from people: trimmed, without control characters, not too long.
pub(crate) fn text(field: &str, text: &str, chars_max: usize) -> Result<String, Problem> {
    let text = text.trim();
    if text.chars().count() > chars_max {
        return Err(Problem::invalid(
            field,
            format_args!("has more than {chars_max} characters"),
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::invalid(field, "has a control character in it"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
