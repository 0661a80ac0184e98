//! Lists of users and of delivered bands: read, compared with what is there, confirmed, all or nothing.
//!
//! A list that would deactivate more than one user in twenty halts: another person has to agree.

mod bands;
mod sheet;
mod users;

use std::sync::Arc;

use policy::model::UnixMillis;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{change, look, record};
use crate::access::{Action, Caller, allow};
use crate::args;
use crate::audit::Record;
use crate::db::{DbError, Row, Tx};
use crate::edge::random;
use crate::problem::{Code, Problem};
use crate::serve::App;

pub use sheet::{BYTES_MAX, Faults, ROWS_MAX, SheetFault, write_line};

/// Most changes that a preview lists.
const LISTED_MAX: usize = 200;

/// What a list is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportKind {
    /// Users. Headings: `id`, `name`, `site`, `label`, `mail`, `note`, `status`.
    Users,
    /// Bands of a delivery. Headings: `serial`, `seos`, `site`, `delivery`, `note`.
    Bands,
}

/// How a list is taken in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImportOptions {
    /// Active users who are not on the list have departed: the list is everybody.
    pub complete: bool,
}

/// What a list would change, or has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportSummary {
    /// Rows of the list.
    pub rows: u64,
    /// Rows that add something.
    pub added: u64,
    /// Rows that change something.
    pub changed: u64,
    /// Rows that say what is so already.
    pub unchanged: u64,
    /// Users who would be active no more.
    pub deactivated: u64,
    /// Users who are active now.
    pub active_before: u64,
    /// More than one active user in twenty would be deactivated.
    pub needs_second_person: bool,
    /// The first two hundred changes.
    pub changes: Vec<ImportChange>,
    /// Identifiers that look alike and are not the same.
    pub look_alikes: Vec<String>,
    /// How the file was written: `utf-8` or `windows-1252`.
    pub encoding: String,
    /// What separates its fields.
    pub delimiter: String,
}

/// One change of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportChange {
    /// The line; 0 for somebody who is not on the list.
    pub line: u64,
    /// `add`, `change` or `deactivate`.
    pub what: String,
    /// Whom or what it concerns.
    pub subject: String,
    /// What is different, by heading: before and after.
    #[schema(value_type = Object)]
    pub fields: serde_json::Value,
}

impl ImportSummary {
    fn note(&mut self, line: u64, what: &str, subject: &str, fields: serde_json::Value) {
        if self.changes.len() < LISTED_MAX {
            self.changes.push(ImportChange {
                line,
                what: what.into(),
                subject: subject.into(),
                fields,
            });
        }
    }
}

/// A list that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportView {
    /// Which list.
    pub id: String,
    /// What it is about.
    pub kind: ImportKind,
    /// `previewed`, `waiting` for a second person, `done` or `cancelled`.
    pub state: String,
    /// How it is taken in.
    pub options: ImportOptions,
    /// What it would change, or has changed.
    pub summary: ImportSummary,
    /// SHA-256 of the file, in base16.
    pub digest: String,
    /// Who read it.
    pub made_by: String,
    /// When, in milliseconds since 1970.
    pub made_ms: i64,
    /// Who confirmed or cancelled it.
    pub settled_by: Option<String>,
    /// When.
    pub settled_ms: Option<i64>,
}

/// A list that was read and can be compared with what is there.
enum List {
    Users(users::Users),
    Bands(bands::Bands),
}

impl List {
    fn read(kind: ImportKind, bytes: &[u8]) -> Result<Self, Faults> {
        match kind {
            ImportKind::Users => users::Users::read(bytes).map(Self::Users),
            ImportKind::Bands => bands::Bands::read(bytes).map(Self::Bands),
        }
    }

    fn compare(&self, tx: &Tx<'_>, options: ImportOptions) -> Result<ImportSummary, Problem> {
        match self {
            Self::Users(users) => Ok(users.compare(tx, options)?.0),
            Self::Bands(bands) => Ok(bands.compare(tx)?.0),
        }
    }

    fn apply(&self, tx: &Tx<'_>, options: ImportOptions, now: UnixMillis) -> Result<ImportSummary, Problem> {
        match self {
            Self::Users(users) => users.apply(tx, options, now),
            Self::Bands(bands) => bands.apply(tx, now),
        }
    }
}

async fn parse(kind: ImportKind, bytes: Vec<u8>) -> Result<Arc<List>, Problem> {
    let read = tokio::task::spawn_blocking(move || List::read(kind, &bytes));
    let stopping = |_| Problem::new(Code::Unavailable, "the console is stopping", "try again in a moment");
    read.await.map_err(stopping)?.map(Arc::new).map_err(refused)
}

fn refused(faults: Faults) -> Problem {
    let first = faults.listed.first().map_or_else(String::new, |fault| match fault.line {
        0 => fault.problem.clone(),
        line => format!("line {line}: {} {}", fault.column, fault.problem),
    });
    let detail = match faults.count {
        1 => first,
        count => format!("{count} things are wrong with the list; {first}"),
    };
    let next = "nothing was taken in; mend the list and try again";
    Problem::new(Code::ImportRefused, detail, next)
        .with("faults", faults.listed)
        .with("fault_count", faults.count)
}

/// Reads a list and says what it would change. Changes nothing but keeps the list, to be confirmed.
pub async fn preview(
    app: &App,
    caller: &Caller,
    kind: ImportKind,
    options: ImportOptions,
    bytes: Vec<u8>,
) -> Result<ImportView, Problem> {
    allow(caller, Action::ImportPreview, "")?;
    let list = parse(kind, bytes.clone()).await?;
    let id: [u8; 8] = random().map_err(|error| Problem::new(Code::Unavailable, error.to_string(), ""))?;
    let id = data_encoding::HEXLOWER.encode(&id);
    let summary = look(app, move |tx, _| list.compare(tx, options)).await?;
    let caller = caller.clone();
    change(app, move |tx, now| {
        // Whoever reads lists again and again fills no disk: only the latest few of each person are kept.
        tx.exec(
            "delete from imports where made_by = $1 and state in ('previewed', 'cancelled') and id not in \
             (select id from imports where made_by = $1 order by made_ms desc limit 4)",
            args![&caller.account],
        )?;
        let hash = digest(&SHA256, &bytes);
        tx.exec(
            "insert into imports (id, kind, state, digest, body, options, summary, made_by, made_ms) \
             values ($1, $2, 'previewed', $3, $4, $5, $6, $7, $8)",
            args![
                &id,
                crate::store::history::code(&kind),
                hash.as_ref(),
                &bytes,
                json!(options).to_string(),
                json!(summary).to_string(),
                &caller.account,
                now
            ],
        )?;
        get(tx, &id)
    })
    .await
}

const COLUMNS: &str = "id, kind, state, options, summary, digest, made_by, made_ms, settled_by, settled_ms";

fn read(row: &Row<'_>) -> Result<ImportView, DbError> {
    Ok(ImportView {
        id: row.text(0)?,
        kind: row.code(1)?,
        state: row.text(2)?,
        options: row.json(3)?,
        summary: row.json(4)?,
        digest: data_encoding::HEXLOWER.encode(&row.bytes(5)?),
        made_by: row.text(6)?,
        made_ms: row.int(7)?,
        settled_by: row.opt_text(8)?,
        settled_ms: row.opt_int(9)?,
    })
}

fn get(tx: &Tx<'_>, id: &str) -> Result<ImportView, Problem> {
    let found = tx.first(&format!("select {COLUMNS} from imports where id = $1"), args![id], read)?;
    found.ok_or_else(|| Problem::not_found("import", id))
}

/// Lists that were read, the latest first.
pub async fn list(app: &App, caller: &Caller) -> Result<Vec<ImportView>, Problem> {
    allow(caller, Action::ImportPreview, "")?;
    let sql = format!("select {COLUMNS} from imports order by made_ms desc, id limit 100");
    look(app, move |tx, _| Ok(tx.all(&sql, &[], read)?)).await
}

/// One list.
pub async fn show(app: &App, caller: &Caller, id: String) -> Result<ImportView, Problem> {
    allow(caller, Action::ImportPreview, "")?;
    look(app, move |tx, _| get(tx, &id)).await
}

/// Takes in a list that was read. Halts if that would deactivate more than one user in twenty.
pub async fn confirm(app: &App, caller: &Caller, id: String) -> Result<ImportView, Problem> {
    allow(caller, Action::ImportConfirm, "")?;
    settle(app, caller, id, false).await
}

/// Agrees, as another person, to a list that waits, and takes it in.
pub async fn approve(app: &App, caller: &Caller, id: String) -> Result<ImportView, Problem> {
    allow(caller, Action::ImportApprove, "")?;
    settle(app, caller, id, true).await
}

async fn settle(app: &App, caller: &Caller, id: String, approving: bool) -> Result<ImportView, Problem> {
    let own = id.clone();
    let found = look(app, move |tx, _| {
        let body = tx.first("select body from imports where id = $1", args![&own], |row| row.bytes(0))?;
        Ok((get(tx, &own)?, body.unwrap_or_default()))
    });
    let (view, body) = found.await?;
    let list = parse(view.kind, body).await?;
    let caller = caller.clone();
    change(app, move |tx, now| {
        let view = get(tx, &id)?;
        let fresh = list.compare(tx, view.options)?;
        check_settling(&view, &fresh, &caller, approving)?;
        if fresh.needs_second_person && !approving {
            set_state(tx, &view, "waiting", &fresh, None, now)?;
            return get(tx, &id);
        }
        let done = list.apply(tx, view.options, now)?;
        set_state(tx, &view, "done", &done, Some(&caller.account), now)?;
        let what = Record {
            action: if approving { Action::ImportApprove.as_str() } else { Action::ImportConfirm.as_str() },
            subject_kind: "import",
            subject: &id,
            after: json!({
                "kind": view.kind, "digest": view.digest, "read_by": view.made_by, "rows": done.rows,
                "added": done.added, "changed": done.changed, "deactivated": done.deactivated,
            }),
            ..Record::default()
        };
        record(tx, &caller, &what, now)?;
        get(tx, &id)
    })
    .await
}

fn check_settling(
    view: &ImportView,
    fresh: &ImportSummary,
    caller: &Caller,
    approving: bool,
) -> Result<(), Problem> {
    let expected = if approving { "waiting" } else { "previewed" };
    if view.state != expected {
        let detail = format!("the list is {}, not {expected}", view.state);
        return Err(Problem::new(Code::WrongState, detail, "").with("state", &view.state));
    }
    if approving && (caller.account == view.made_by) {
        let detail = "whoever brought the list cannot agree to it";
        return Err(Problem::new(Code::SecondPerson, detail, "ask another administrator"));
    }
    let counts = |it: &ImportSummary| (it.added, it.changed, it.deactivated);
    if counts(fresh) != counts(&view.summary) {
        let detail = "something changed since the list was compared, and it would do something else now";
        return Err(Problem::new(Code::PreviewOutdated, detail, "read the list again").with("summary", fresh));
    }
    Ok(())
}

fn set_state(
    tx: &Tx<'_>,
    view: &ImportView,
    state: &str,
    summary: &ImportSummary,
    by: Option<&String>,
    now: UnixMillis,
) -> Result<(), DbError> {
    // A list that is done or gone is not needed any more; its digest stays.
    let keep = matches!(state, "waiting" | "previewed");
    tx.exec(
        "update imports set state = $2, summary = $3, settled_by = $4, settled_ms = $5, \
         body = case when $6 then body else $7 end where id = $1",
        args![
            &view.id,
            state,
            json!(summary).to_string(),
            by,
            by.map(|_| now.0),
            keep,
            &[0u8; 0]
        ],
    )?;
    Ok(())
}

/// Gives up a list that was read.
pub async fn cancel(app: &App, caller: &Caller, id: String) -> Result<ImportView, Problem> {
    allow(caller, Action::ImportPreview, "")?;
    let caller = caller.clone();
    change(app, move |tx, now| {
        let view = get(tx, &id)?;
        if !matches!(view.state.as_str(), "previewed" | "waiting") {
            let detail = format!("the list is {}", view.state);
            return Err(Problem::new(Code::WrongState, detail, ""));
        }
        set_state(tx, &view, "cancelled", &view.summary, Some(&caller.account), now)?;
        get(tx, &id)
    })
    .await
}
