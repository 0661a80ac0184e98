//! Lists: taken in as a file, what it would change, and only then the change; and taken out. A list that would take the bands of
//! many people away waits for a second person.

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, Request};
use axum::http::StatusCode;
use futures_util::stream;
use serde::Deserialize;
use serde_json::Value;

use super::audit_pages::download;
use super::import_form::{self, Sent, choices};
use super::posted::{Posted, stale};
use super::shell::Section;
use super::text::{Lang, message};
use super::views::{Import, ImportRow, LineChange, LineFault, Preview};
use super::visit::{Answer, Stop, Told, Visit, page, page_with};
use super::widgets::{Choice, Cursors, Fault, Figure, Moment, Pager, Tone, Word};
use super::words::code_of;
use crate::access::{self, Action};
use crate::acts::exports::{self, Which};
use crate::acts::imports::{
    self, ColumnView, ImportChange, ImportKind, ImportOptions, ImportSummary, ImportView,
};
use crate::problem::{Code, Problem};
use page_kit::messages::Arg;

/// Changes that a page shows.
const SHOWN_MAX: usize = 100;
/// Earlier lists that a page shows.
const EARLIER_MAX: usize = 8;

/// A kind of list, as it stands in addresses.
fn kind_of(text: &str) -> Result<ImportKind, Problem> {
    match text {
        "users" => Ok(ImportKind::Users),
        "bands" => Ok(ImportKind::Bands),
        other => Err(Problem::not_found("kind of list", other)),
    }
}

fn sample(kind: ImportKind) -> &'static str {
    match kind {
        ImportKind::Users => "id;name;site;status\n4711;Mara Kurz;Hamburg;active",
        ImportKind::Bands => "serial;seos;site\nAAAH-00201;no;Hamburg",
    }
}

/// The page of a kind of list; what differs comes on top.
fn base(visit: &Visit, kind: ImportKind, faults: Vec<Fault>, preview: Option<Preview>) -> Import {
    let lang = visit.lang;
    let (name, section, title, back_text) = match kind {
        ImportKind::Users => (
            "users",
            Section::Users,
            lang.t("import-users"),
            lang.t("nav-users"),
        ),
        ImportKind::Bands => (
            "bands",
            Section::Bands,
            lang.t("import-bands"),
            lang.t("nav-bands"),
        ),
    };
    let column =
        |(column, _): &(&'static str, &'static str)| Choice::new(*column, lang.word("import-column", column));
    Import {
        shell: visit.shell(section),
        title,
        back: format!("/{name}"),
        back_text,
        again: format!("/imports/{name}"),
        action: format!("/imports/{name}"),
        faults,
        reading: import_form::form(lang, kind, &ImportOptions::default(), &[]),
        columns: choices(kind).iter().map(column).collect(),
        sample: sample(kind).to_owned(),
        preview,
        is_done: false,
        earlier: vec![],
    }
}

/// The lists of this kind that were read before, those that wait for somebody first.
async fn earlier(visit: &Visit, kind: ImportKind) -> Result<Vec<ImportRow>, Problem> {
    let lang = visit.lang;
    let mut all = imports::list(&visit.app, &visit.caller).await?;
    all.retain(|view| view.kind == kind);
    all.sort_by_key(|view| view.state != "waiting");
    let row = |view: &ImportView| ImportRow {
        href: format!("/imports/{}/{}", code_of(kind), view.id),
        at: Moment::of(lang, view.made_ms),
        who: view.made_by.clone(),
        state: state(lang, view),
        says: lang.t1("import-changes-count", "count", changes_of(&view.summary)),
    };
    Ok(all.iter().take(EARLIER_MAX).map(row).collect())
}

fn state(lang: Lang, view: &ImportView) -> Word {
    let tone = match view.state.as_str() {
        "waiting" => Tone::Warn,
        "done" => Tone::Good,
        "previewed" => Tone::Note,
        _ => Tone::Off,
    };
    Word::of(lang, "import-state", &view.state, tone)
}

fn changes_of(summary: &ImportSummary) -> u64 {
    summary.added + summary.changed + summary.deactivated
}

pub(crate) async fn new(visit: Visit, Path(kind): Path<String>) -> Answer {
    access::allow_somewhere(&visit.caller, Action::ImportPreview)?;
    let kind = kind_of(&kind)?;
    let earlier = earlier(&visit, kind).await?;
    Ok(page(&Import {
        earlier,
        ..base(&visit, kind, vec![], None)
    }))
}

pub(crate) async fn read(visit: Visit, Path(name): Path<String>, request: Request) -> Answer {
    let kind = kind_of(&name)?;
    access::allow_somewhere(&visit.caller, Action::ImportPreview)?;
    let sent = Sent::read(request).await?;
    if !visit
        .bound_to()
        .has_form_token(&visit.form_key(), sent.raw("csrf"))
    {
        return Err(stale().into());
    }
    let options = import_form::options(kind, |name| sent.raw(name));
    if sent.bytes.is_empty() {
        let faults = vec![super::gate::fault(visit.lang, "file", message("import-no-file"))];
        let view = Import {
            reading: import_form::form(visit.lang, kind, &options, &[]),
            ..base(&visit, kind, faults, None)
        };
        return Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &view));
    }
    let read = imports::preview(&visit.app, &visit.caller, kind, options.clone(), sent.bytes).await;
    read_or_refused(&visit, kind, &options, read)
}

/// Reads a list once more, under other options.
async fn again(visit: &Visit, kind: ImportKind, id: String, posted: &Posted) -> Answer {
    let options = import_form::options(kind, |name| posted.raw(name));
    let read = imports::again(&visit.app, &visit.caller, id, options.clone()).await;
    read_or_refused(visit, kind, &options, read)
}

fn read_or_refused(
    visit: &Visit,
    kind: ImportKind,
    options: &ImportOptions,
    read: Result<ImportView, Problem>,
) -> Answer {
    match read {
        Ok(view) => Ok(super::visit::go(&format!(
            "/imports/{}/{}",
            code_of(kind),
            view.id
        ))),
        Err(problem) if problem.code == Code::ImportRefused => {
            let columns = problem.more.get("columns").cloned().unwrap_or_default();
            let columns: Vec<ColumnView> = serde_json::from_value(columns).unwrap_or_default();
            let view = Import {
                reading: import_form::form(visit.lang, kind, options, &columns),
                ..base(visit, kind, vec![], Some(unreadable(visit.lang, &problem)))
            };
            Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &view))
        }
        Err(problem) => Err(problem.into()),
    }
}

/// What is wrong with a list, line by line.
fn unreadable(lang: Lang, problem: &Problem) -> Preview {
    let listed = problem
        .more
        .get("faults")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let all = problem
        .more
        .get("fault_count")
        .and_then(Value::as_u64)
        .unwrap_or(0);
    let rest = all.saturating_sub(listed.len() as u64);
    Preview {
        facts: vec![],
        again: String::new(),
        look_alikes: vec![],
        pager: Pager::default(),
        figures: vec![],
        notice: None,
        errors: listed.iter().map(|fault| line_fault(lang, fault)).collect(),
        more_errors: if rest > 0 {
            lang.t1("import-more-errors", "count", rest)
        } else {
            String::new()
        },
        changes: vec![],
        confirm: String::new(),
        button: String::new(),
        cancel: String::new(),
    }
}

fn line_fault(lang: Lang, fault: &Value) -> LineFault {
    let text = |name: &str| fault[name].as_str().unwrap_or_default().to_owned();
    let key = format!("import-fault-{}", text("code").replace('_', "-"));
    let line = fault["line"].as_u64().unwrap_or(0);
    let empty = serde_json::Map::new();
    let given: Vec<(String, String)> = fault["args"]
        .as_object()
        .unwrap_or(&empty)
        .iter()
        .map(|(name, value)| {
            (
                name.clone(),
                value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            )
        })
        .collect();
    let args: Vec<(&str, &dyn Arg)> = given
        .iter()
        .map(|(name, value)| (name.as_str(), value as &dyn Arg))
        .collect();
    LineFault {
        line: if line == 0 {
            lang.t("import-whole-file")
        } else {
            line.to_string()
        },
        column: text("column"),
        text: if lang.knows(&key) {
            lang.text(&key, &args)
        } else {
            text("problem")
        },
    }
}

fn figures(lang: Lang, summary: &ImportSummary) -> Vec<Figure> {
    let all = [
        ("import-new", summary.added),
        ("import-changed", summary.changed),
        ("import-same", summary.unchanged),
        ("import-leaving", summary.deactivated),
    ];
    let figure = |(key, count): (&str, u64)| Figure {
        count: count.to_string(),
        label: lang.t(key),
        href: "",
    };
    all.into_iter().map(figure).collect()
}

fn change(lang: Lang, change: &ImportChange) -> LineChange {
    let empty = serde_json::Map::new();
    let short = |name: &str, value: &Value| match value {
        Value::Null => "–".to_owned(),
        Value::String(text) if text.is_empty() => "–".to_owned(),
        Value::String(code) if ["status", "stock"].contains(&name) => lang.word(name, code),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let fields = change.fields.as_object().unwrap_or(&empty).iter();
    let lines: Vec<String> = fields
        .map(|(name, both)| match both.as_array().map(Vec::as_slice) {
            Some([before, after]) => {
                format!(
                    "{}: {} → {}",
                    lang.word("field", name),
                    short(name, before),
                    short(name, after)
                )
            }
            _ => format!("{}: {}", lang.word("field", name), short(name, both)),
        })
        .collect();
    let what = lang.word("import-what", &change.what);
    LineChange {
        line: if change.line == 0 {
            "–".into()
        } else {
            change.line.to_string()
        },
        subject: change.subject.clone(),
        text: if lines.is_empty() {
            what
        } else {
            format!("{what}: {}", lines.join(", "))
        },
    }
}

/// What this person may do with the list now: the last part of an address, and the words of a button.
fn step(visit: &Visit, view: &ImportView) -> Option<(&'static str, String)> {
    let lang = visit.lang;
    let changes = changes_of(&view.summary);
    let may_approve = visit.may(Action::ImportApprove) && visit.caller.account != view.made_by;
    match view.state.as_str() {
        "previewed" if changes > 0 && visit.may(Action::ImportConfirm) => {
            Some(("confirm", lang.t1("import-confirm", "count", changes)))
        }
        "waiting" if may_approve => Some(("approve", lang.t1("import-approve", "count", changes))),
        _ => None,
    }
}

/// What is to be said of the list first.
fn notice(lang: Lang, view: &ImportView) -> Option<(&'static str, String, String)> {
    let summary = &view.summary;
    let share = summary.deactivated * 100 / summary.active_before.max(1);
    let brake = lang.t2(
        "import-brake-text",
        "count",
        summary.deactivated,
        "percent",
        share,
    );
    let changes = changes_of(summary);
    match view.state.as_str() {
        "waiting" => Some(("warn", lang.t("import-waiting"), brake)),
        "done" => Some((
            "good",
            lang.t("import-step-done"),
            lang.t1("import-done", "count", changes),
        )),
        "cancelled" => Some((
            "note",
            lang.t("import-cancelled"),
            lang.t("import-cancelled-text"),
        )),
        _ if summary.needs_second_person => Some(("bad", lang.t("import-brake"), brake)),
        _ if changes == 0 => Some(("note", lang.t("import-same"), lang.t("import-nothing"))),
        _ => None,
    }
}

/// Where in a list of changes a page begins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    after: usize,
}

pub(crate) async fn show(
    visit: Visit,
    Path((name, id)): Path<(String, String)>,
    Query(Asked { after }): Query<Asked>,
) -> Answer {
    let lang = visit.lang;
    let kind = kind_of(&name)?;
    let view = imports::show(&visit.app, &visit.caller, id.clone()).await?;
    let mut all = imports::changes(&visit.app, &visit.caller, id, after).await?;
    let has_more = all.len() > SHOWN_MAX;
    all.truncate(SHOWN_MAX);
    let path = format!("/imports/{name}/{}", view.id);
    let step = step(&visit, &view);
    let is_open = matches!(view.state.as_str(), "previewed" | "waiting");
    let is_own = view.state == "previewed" && view.made_by == visit.caller.account;
    let preview = Preview {
        facts: facts(lang, &view),
        again: if is_own {
            format!("{path}/again")
        } else {
            String::new()
        },
        look_alikes: view.summary.look_alikes.iter().take(20).cloned().collect(),
        pager: pager(lang, &path, all.len(), after, has_more),
        figures: figures(lang, &view.summary),
        notice: notice(lang, &view),
        errors: vec![],
        more_errors: String::new(),
        changes: all.iter().map(|it| change(lang, it)).collect(),
        confirm: step
            .as_ref()
            .map(|(what, _)| format!("{path}/{what}"))
            .unwrap_or_default(),
        button: step.map(|(_, button)| button).unwrap_or_default(),
        cancel: if is_open {
            format!("{path}/cancel")
        } else {
            String::new()
        },
    };
    Ok(page(&Import {
        is_done: view.state == "done",
        reading: import_form::form(lang, kind, &view.options, &view.summary.columns),
        ..base(&visit, kind, vec![], Some(preview))
    }))
}

/// Who brought the list when, and how it was read.
fn facts(lang: Lang, view: &ImportView) -> Vec<Choice> {
    let summary = &view.summary;
    let delimiter = match summary.delimiter.as_str() {
        ";" => "semicolon",
        "," => "comma",
        _ => "tab",
    };
    let mut facts = vec![
        Choice::new(lang.t("import-brought-by"), &view.made_by),
        Choice::new(lang.t("col-when"), Moment::of(lang, view.made_ms).text),
        Choice::new(lang.t("import-rows"), summary.rows.to_string()),
        Choice::new(
            lang.t("import-encoding"),
            lang.word("encoding", &summary.encoding),
        ),
        Choice::new(lang.t("import-delimiter"), lang.word("delimiter", delimiter)),
    ];
    if let Some(who) = &view.settled_by {
        facts.push(Choice::new(lang.word("import-settled", &view.state), who));
    }
    facts
}

fn pager(lang: Lang, path: &str, shown: usize, after: usize, has_more: bool) -> Pager {
    let next = has_more.then(|| (after + SHOWN_MAX).to_string());
    let here = (after > 0).then_some("");
    let cursors = Cursors {
        here,
        next: next.as_deref(),
    };
    let mut pager = Pager::new(lang, shown, path, &[], cursors);
    pager.next = pager.next.replace("?cursor=", "?after=");
    pager
}

pub(crate) async fn settle(
    visit: Visit,
    Path((name, id, what)): Path<(String, String, String)>,
    posted: Posted,
) -> Answer {
    let path = format!("/imports/{name}/{id}");
    let view = match what.as_str() {
        "confirm" => imports::confirm(&visit.app, &visit.caller, id).await?,
        "again" => return again(&visit, kind_of(&name)?, id, &posted).await,
        "approve" => {
            visit.confirmed(&path)?;
            imports::approve(&visit.app, &visit.caller, id).await?
        }
        "cancel" => imports::cancel(&visit.app, &visit.caller, id).await?,
        other => return Err(Stop::from(Problem::not_found("step", other))),
    };
    match view.state.as_str() {
        "done" => {
            let count = changes_of(&view.summary);
            let told = Told::new(message("import-done"));
            Ok(visit.done(&path, &told.with("count", &count.to_string())))
        }
        _ => Ok(super::visit::go(&path)),
    }
}

/// A list as CSV, as it is read from the database: of any length, never in memory at once.
pub(crate) async fn export(visit: Visit, Path(which): Path<String>) -> Answer {
    access::allow_somewhere(&visit.caller, Action::Export)?;
    visit.confirmed(&format!("/{which}"))?;
    let list = match which.as_str() {
        "users" => Which::Users,
        "bands" => Which::Bands,
        "associations" => Which::Associations,
        other => return Err(Problem::not_found("list", other).into()),
    };
    let pieces = stream::try_unfold((visit, None), move |(visit, after)| async move {
        let next = exports::piece(&visit.app, &visit.caller, list, after).await;
        next.map(|found| found.map(|(text, last)| (Bytes::from(text), (visit, Some(last)))))
    });
    Ok(download(
        &format!("{which}.csv"),
        "text/csv; charset=utf-8",
        Body::from_stream(pieces),
    ))
}
