//! Lists of users and of delivered bands: read, compared with what is there, confirmed, all or nothing.
//!
//! Reading (`sheet`, `mapping`) and comparing (`users`, `bands`, `diff`) are pure. A list that was read is
//! kept with the seal of everything it would change; it is taken in only if it would still change exactly that. One
//! that would deactivate more than one user in twenty halts: another person has to agree.

mod bands;
mod diff;
mod fault;
mod kept;
mod mapping;
mod sheet;
mod text;
mod users;

use std::sync::Arc;

use policy::model::UnixMillis;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::{change, look, record};
use crate::access::{Action, Caller, Via, allow};
use crate::args;
use crate::audit::Record;
use crate::db::{DbError, Row, Tx};
use crate::edge::random;
use crate::problem::{Code, Problem};
use crate::serve::App;
use crate::store::feed;
use crate::store::history::code;

pub use diff::{ImportChange, ImportSummary};
pub use fault::{FAULT_CODES, Faults, SheetFault};
use kept::Compared;
pub use kept::Comparisons;
pub use mapping::{Chosen, ColumnView};

pub use sheet::{BYTES_MAX, ROWS_MAX, write_line};

/// Lists of one person that wait to be confirmed; the oldest give way.
const KEPT_MAX: usize = 4;
/// Most changes that one answer of [`changes`] holds.
const CHANGES_MAX: usize = 1000;
const ZSTD_LEVEL: i32 = 1;
/// What no text that is read here begins with.
const ZSTD_BEGINS: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// Changes of a list of the greatest size, written out.
const LOG_LEN_MAX: usize = 1 << 30;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What a list is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportKind {
    /// Users. Fields: `id`, `name`, `site`, `label`, `mail`, `note`, `status`.
    Users,
    /// Bands of a delivery. Fields: `serial`, `seos`, `stock`, `site`, `delivery`, `note`.
    Bands,
}

/// How a list is taken in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImportOptions {
    /// Active users who are not on the list have departed: the list is everybody.
    pub complete: bool,
    /// What separates fields: `;`, `,` or `tab`; whatever the heading suggests if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<String>,
    /// `utf-8`, `windows-1252`, `iso-8859-2` or `windows-1250`; if nothing is said UTF-8, else Windows-1252.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// The heading of each field; by the names of the headings if nothing is said.
    #[serde(skip_serializing_if = "Chosen::is_empty")]
    pub columns: Chosen,
    /// Ids that look alike really are different people.
    pub allow_look_alikes: bool,
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

/// What a comparison comes to: its summary, and every change as a line of JSON.
type Outcome = (ImportSummary, Vec<u8>);

/// A list that was read and can be compared with what is there.
struct List {
    rows: Rows,
    /// What is known before comparing.
    summary: ImportSummary,
    options: ImportOptions,
}

enum Rows {
    Users(users::Users),
    Bands(bands::Bands),
}

enum Plan {
    Users(users::Plan),
    Bands(bands::Plan),
}

impl Plan {
    fn apply(&self, tx: &Tx<'_>, now: UnixMillis) -> Result<(), DbError> {
        match self {
            Self::Users(plan) => plan.apply(tx, now),
            Self::Bands(plan) => plan.apply(tx, now),
        }
    }
}

impl List {
    fn read(kind: ImportKind, options: &ImportOptions, bytes: &[u8]) -> Result<Self, Faults> {
        let subject = match kind {
            ImportKind::Users => users::SUBJECT,
            ImportKind::Bands => bands::SUBJECT,
        };
        let form = sheet::Form {
            separator: options.delimiter.as_deref(),
            encoding: options.encoding.as_deref(),
        };
        let sheet = sheet::read(bytes, subject, form, &options.columns)?;
        let rows = match kind {
            ImportKind::Users => users::Users::read(&sheet, options).map(Rows::Users),
            ImportKind::Bands => bands::Bands::read(&sheet).map(Rows::Bands),
        };
        let rows = rows.map_err(|faults| faults.under(&sheet.columns()))?;
        let summary = ImportSummary {
            rows: sheet.len() as u64,
            columns: sheet.columns(),
            encoding: sheet.encoding.into(),
            delimiter: sheet.separator.into(),
            ..ImportSummary::default()
        };
        Ok(Self {
            rows,
            summary,
            options: options.clone(),
        })
    }

    fn compare(&self, tx: &Tx<'_>, now: UnixMillis) -> Result<(Outcome, Plan), Problem> {
        let mut summary = self.summary.clone();
        match &self.rows {
            Rows::Users(rows) => {
                summary.deactivated_today = deactivated_today(tx, now)?;
                let (outcome, plan) = rows.outcome(tx, &self.options, summary)?;
                Ok((outcome, Plan::Users(plan)))
            }
            Rows::Bands(rows) => {
                let (outcome, plan) = rows.outcome(tx, summary)?;
                Ok((outcome, Plan::Bands(plan)))
            }
        }
    }
}

/// Users whom lists of the last day deactivated without a second person: many small lists are one large one.
fn deactivated_today(tx: &Tx<'_>, now: UnixMillis) -> Result<u64, DbError> {
    let summaries: Vec<ImportSummary> = tx.all(
        "select summary from imports where kind = 'users' and state = 'done' and settled_ms > $1",
        args![now.0 - DAY_MS],
        |row| row.json(0),
    )?;
    let alone = summaries.iter().filter(|summary| !summary.needs_second_person);
    Ok(alone.map(|summary| summary.deactivated).sum())
}

async fn parse(kind: ImportKind, options: ImportOptions, bytes: Arc<Vec<u8>>) -> Result<List, Problem> {
    let read = tokio::task::spawn_blocking(move || List::read(kind, &options, &bytes));
    let stopping = |_| {
        Problem::new(
            Code::Unavailable,
            "the console is stopping",
            "try again in a moment",
        )
    };
    read.await.map_err(stopping)?.map_err(refused)
}

fn refused(faults: Faults) -> Problem {
    let first =
        faults
            .listed
            .first()
            .map_or_else(String::new, |fault| match (fault.line, fault.column.as_str()) {
                (0, _) => fault.problem.clone(),
                (line, "") => format!("line {line}: {}", fault.problem),
                (line, column) => format!("line {line}, {column}: {}", fault.problem),
            });
    let detail = match faults.count {
        1 => first,
        count => format!("{count} things are wrong with the list; {first}"),
    };
    let next = "nothing was taken in; mend the list and try again";
    Problem::new(Code::ImportRefused, detail, next)
        .with("faults", faults.listed)
        .with("fault_count", faults.count)
        .with("columns", faults.columns)
}

/// Reads a list without comparing it with anything: how many rows it has, or what is wrong with it.
pub fn check(kind: ImportKind, options: &ImportOptions, bytes: &[u8]) -> Result<u64, Faults> {
    List::read(kind, options, bytes).map(|list| list.summary.rows)
}

/// That a file is larger than what is taken in, for those who learn it before reading the file.
pub fn too_large() -> Problem {
    refused(sheet::too_large())
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
    if bytes.len() > BYTES_MAX {
        return Err(too_large());
    }
    let bytes = Arc::new(bytes);
    let list = parse(kind, options.clone(), bytes.clone()).await?;
    let id: [u8; 8] = random().map_err(|error| Problem::new(Code::Unavailable, error.to_string(), ""))?;
    let id = data_encoding::HEXLOWER.encode(&id);
    let account = caller.account.clone();
    let compared = look(app, move |tx, now| {
        let (outcome, plan) = list.compare(tx, now)?;
        Ok((outcome, plan, feed::head(tx)?))
    });
    let ((summary, log), plan, revision) = compared.await?;
    if let Plan::Users(plan) = plan {
        app.comparisons.keep(Compared {
            id: id.clone(),
            revision,
            summary: summary.clone(),
            plan,
        });
    }
    let (hash, body, log) = tokio::task::spawn_blocking(move || {
        Ok::<_, Problem>((digest(&SHA256, &bytes), packed(&bytes)?, packed(&log)?))
    })
    .await
    .map_err(|error| Problem::new(Code::Unavailable, error.to_string(), ""))??;
    change(app, move |tx, now| {
        make_room(tx, &account)?;
        tx.exec(
            "insert into imports (id, kind, state, digest, body, changes, options, summary, made_by, made_ms) \
             values ($1, $2, 'previewed', $3, $4, $5, $6, $7, $8, $9)",
            args![
                &id,
                code(&kind),
                hash.as_ref(),
                &body,
                &log,
                json!(options).to_string(),
                json!(summary).to_string(),
                &account,
                now
            ],
        )?;
        get(tx, &id)
    })
    .await
}

/// Reads a list of one's own once more, under other options: it is compared as a new one, and the earlier one stays
/// until it gives way.
pub async fn again(
    app: &App,
    caller: &Caller,
    id: String,
    options: ImportOptions,
) -> Result<ImportView, Problem> {
    allow(caller, Action::ImportPreview, "")?;
    let account = caller.account.clone();
    let found = look(app, move |tx, _| {
        let view = get(tx, &id)?;
        check_state(&view, Settling::Confirming)?;
        if view.made_by != account {
            let detail = "somebody else brought this list";
            return Err(Problem::new(Code::NotAllowed, detail, "bring the file yourself"));
        }
        Ok((view.kind, body(tx, &id)?))
    });
    let (kind, bytes) = found.await?;
    preview(app, caller, kind, options, bytes).await
}

fn body(tx: &Tx<'_>, id: &str) -> Result<Vec<u8>, DbError> {
    let body = tx.first("select body from imports where id = $1", args![id], |row| {
        row.bytes(0)
    })?;
    let body = body.unwrap_or_default();
    // Earlier releases kept the file as it was.
    if !body.starts_with(&ZSTD_BEGINS) {
        return Ok(body);
    }
    zstd::bulk::decompress(&body, BYTES_MAX)
        .map_err(|error| DbError::Damaged(format!("the file of import {id}: {error}")))
}

/// Whoever reads lists again and again fills no disk: only the latest few of each person are kept.
fn make_room(tx: &Tx<'_>, account: &str) -> Result<(), DbError> {
    let open = "made_by = $1 and state in ('previewed', 'cancelled')";
    tx.exec(
        &format!(
            "delete from imports where {open} and id not in \
             (select id from imports where {open} order by made_ms desc, id limit $2)"
        ),
        args![account, KEPT_MAX - 1],
    )?;
    Ok(())
}

fn packed(bytes: &[u8]) -> Result<Vec<u8>, Problem> {
    let failed = |error: std::io::Error| Problem::new(Code::Unavailable, error.to_string(), "");
    zstd::bulk::compress(bytes, ZSTD_LEVEL).map_err(failed)
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
    let found = tx.first(
        &format!("select {COLUMNS} from imports where id = $1"),
        args![id],
        read,
    )?;
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

/// Every change of a list, a thousand at a time; `after` is how many were seen already. What a list that was taken
/// in has changed stays readable.
pub async fn changes(
    app: &App,
    caller: &Caller,
    id: String,
    after: usize,
) -> Result<Vec<ImportChange>, Problem> {
    allow(caller, Action::ImportPreview, "")?;
    look(app, move |tx, _| {
        let packed = tx.first("select changes from imports where id = $1", args![&id], |row| {
            row.opt_bytes(0)
        })?;
        let packed = packed.ok_or_else(|| Problem::not_found("import", &id))?;
        let Some(packed) = packed else {
            return Ok(Vec::new());
        };
        let damaged =
            |error: &dyn std::fmt::Display| DbError::Damaged(format!("changes of import {id}: {error}"));
        let log = zstd::bulk::decompress(
            &packed,
            LOG_LEN_MAX.min(packed.len().saturating_mul(4000).max(1 << 16)),
        );
        let log =
            String::from_utf8(log.map_err(|error| damaged(&error))?).map_err(|error| damaged(&error))?;
        let lines = log.lines().skip(after).take(CHANGES_MAX);
        Ok(lines
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()
            .map_err(|error| damaged(&error))?)
    })
    .await
}

/// Takes in a list that was read. Halts if that would deactivate more than one user in twenty.
pub async fn confirm(app: &App, caller: &Caller, id: String) -> Result<ImportView, Problem> {
    allow(caller, Action::ImportConfirm, "")?;
    settle(app, caller, id, Settling::Confirming).await
}

/// Agrees, as another person, to a list that waits, and takes it in.
pub async fn approve(app: &App, caller: &Caller, id: String) -> Result<ImportView, Problem> {
    allow(caller, Action::ImportApprove, "")?;
    settle(app, caller, id, Settling::Approving).await
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Settling {
    Confirming,
    Approving,
}

impl Settling {
    fn action(self) -> Action {
        match self {
            Self::Confirming => Action::ImportConfirm,
            Self::Approving => Action::ImportApprove,
        }
    }

    fn expects(self) -> &'static str {
        match self {
            Self::Confirming => "previewed",
            Self::Approving => "waiting",
        }
    }
}

async fn settle(app: &App, caller: &Caller, id: String, how: Settling) -> Result<ImportView, Problem> {
    if let Some(kept) = app.comparisons.get(&id)
        && let Some(view) = settle_as(app, caller, &id, how, Basis::Kept(kept)).await?
    {
        return Ok(view);
    }
    let own = id.clone();
    let found = look(app, move |tx, _| {
        let view = get(tx, &own)?;
        check_state(&view, how)?;
        Ok((view, body(tx, &own)?))
    });
    let (view, body) = found.await?;
    let list = parse(view.kind, view.options, Arc::new(body)).await?;
    let settled = settle_as(app, caller, &id, how, Basis::Read(Box::new(list))).await?;
    settled.ok_or_else(|| Problem::not_found("import", &id))
}

/// What a list is settled by.
enum Basis {
    Read(Box<List>),
    Kept(Arc<Compared>),
}

impl Basis {
    /// What the list would do now, and how; nothing if it has to be read for that.
    fn compare(
        &self,
        tx: &Tx<'_>,
        now: UnixMillis,
    ) -> Result<Option<(ImportSummary, Option<Plan>)>, Problem> {
        Ok(match self {
            Self::Read(list) => {
                let ((summary, _), plan) = list.compare(tx, now)?;
                Some((summary, Some(plan)))
            }
            Self::Kept(kept) => kept.again(tx, now)?.map(|summary| (summary, None)),
        })
    }

    /// Does it, by the plan that was made for it or the one that was kept.
    fn apply(&self, plan: Option<Plan>, tx: &Tx<'_>, now: UnixMillis) -> Result<(), DbError> {
        match (self, plan) {
            (_, Some(plan)) => plan.apply(tx, now),
            (Self::Kept(kept), None) => kept.plan.apply(tx, now),
            (Self::Read(_), None) => Ok(()),
        }
    }
}

/// Takes the list in, or lets it wait; nothing if what was kept of it holds no more.
async fn settle_as(
    app: &App,
    caller: &Caller,
    id: &str,
    how: Settling,
    basis: Basis,
) -> Result<Option<ImportView>, Problem> {
    let (own, caller) = (id.to_owned(), caller.clone());
    let settled = change(app, move |tx, now| {
        let view = get(tx, &own)?;
        check_state(&view, how)?;
        if how == Settling::Approving {
            check_second_person(tx, &view, &caller)?;
        }
        let Some((fresh, plan)) = basis.compare(tx, now)? else {
            return Ok(None);
        };
        if fresh.seal != view.summary.seal {
            let detail = "something changed since the list was compared, and it would do something else now";
            return Err(
                Problem::new(Code::PreviewOutdated, detail, "read the list again").with("summary", fresh)
            );
        }
        let halts = fresh.needs_second_person && how == Settling::Confirming;
        if !halts {
            basis.apply(plan, tx, now)?;
        }
        let state = if halts { "waiting" } else { "done" };
        set_state(tx, &view, state, &fresh, &caller, now)?;
        note(tx, &caller, &view, how.action(), &fresh, now)?;
        get(tx, &own).map(Some)
    })
    .await?;
    if settled.as_ref().is_some_and(|view| view.state == "done") {
        app.comparisons.forget(id);
    }
    Ok(settled)
}

/// Who did what with which list. What it changed in detail is kept with the list.
fn note(
    tx: &Tx<'_>,
    caller: &Caller,
    view: &ImportView,
    action: Action,
    summary: &ImportSummary,
    now: UnixMillis,
) -> Result<(), Problem> {
    let state = get(tx, &view.id)?.state;
    let what = Record {
        action: action.as_str(),
        subject_kind: "import",
        subject: &view.id,
        before: json!({ "state": view.state }),
        after: json!({
            "state": state, "kind": view.kind, "digest": view.digest, "seal": summary.seal, "options": view.options,
            "read_by": view.made_by, "rows": summary.rows, "added": summary.added, "changed": summary.changed,
            "deactivated": summary.deactivated,
        }),
        ..Record::default()
    };
    Ok(record(tx, caller, &what, now)?)
}

fn check_state(view: &ImportView, how: Settling) -> Result<(), Problem> {
    if view.state == how.expects() {
        return Ok(());
    }
    let detail = format!("the list is {}, not {}", view.state, how.expects());
    Err(Problem::new(Code::WrongState, detail, "").with("state", &view.state))
}

/// The one who agrees is neither the one who brought the list nor the one who confirmed it, under whatever key, and
/// sits at a browser.
fn check_second_person(tx: &Tx<'_>, view: &ImportView, caller: &Caller) -> Result<(), Problem> {
    let refuse = |detail: &str| {
        let next = "ask another administrator to agree on the list's page";
        Err(Problem::new(Code::SecondPerson, detail, next))
    };
    if !matches!(caller.via, Via::Session(_)) {
        return refuse("only a person who has signed in can agree to a list");
    }
    let before = [Some(&view.made_by), view.settled_by.as_ref()];
    for account in before.into_iter().flatten() {
        if person(tx, account)? == caller.account {
            return refuse("whoever brought or confirmed the list cannot agree to it");
        }
    }
    Ok(())
}

/// The person behind a key of the API, which somebody made; other accounts are people themselves.
fn person(tx: &Tx<'_>, account: &str) -> Result<String, DbError> {
    let mut who = account.to_owned();
    // A key may have been made by means of another one.
    for _ in 0..8 {
        let Some(key) = who.strip_prefix("key:") else {
            break;
        };
        let sql = "select created_by from api_keys where id = $1";
        match tx.first(sql, args![key], |row| row.text(0))? {
            Some(maker) => who = maker,
            None => break,
        }
    }
    Ok(who)
}

fn set_state(
    tx: &Tx<'_>,
    view: &ImportView,
    state: &str,
    summary: &ImportSummary,
    by: &Caller,
    now: UnixMillis,
) -> Result<(), DbError> {
    // The file of a list that is done or given up is not needed any more; its digest stays, and what it changed.
    tx.exec(
        "update imports set state = $2, summary = $3, settled_by = $4, settled_ms = $5, \
         body = case when $6 then body else $7 end where id = $1",
        args![
            &view.id,
            state,
            json!(summary).to_string(),
            &by.account,
            now,
            state == "waiting",
            &[0u8; 0]
        ],
    )?;
    Ok(())
}

/// Gives up a list that was read.
pub async fn cancel(app: &App, caller: &Caller, id: String) -> Result<ImportView, Problem> {
    allow(caller, Action::ImportPreview, "")?;
    app.comparisons.forget(&id);
    let caller = caller.clone();
    change(app, move |tx, now| {
        let view = get(tx, &id)?;
        if !matches!(view.state.as_str(), "previewed" | "waiting") {
            let detail = format!("the list is {}", view.state);
            return Err(Problem::new(Code::WrongState, detail, ""));
        }
        set_state(tx, &view, "cancelled", &view.summary, &caller, now)?;
        note(tx, &caller, &view, Action::ImportPreview, &view.summary, now)?;
        get(tx, &id)
    })
    .await
}

#[cfg(test)]
mod tests;
