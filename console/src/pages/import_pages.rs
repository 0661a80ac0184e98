//! Lists: taken in as a file, what it would change, and only then the change; and taken out. A list that would take the bands of
//! many people away waits for a second person.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Multipart, Path, Request};
use axum::http::StatusCode;
use futures_util::stream;
use serde_json::Value;

use super::audit_pages::download;
use super::posted::{Posted, stale};
use super::shell::Section;
use super::text::{Arg, Lang, message};
use super::views::{Import, LineChange, LineFault, Preview};
use super::visit::{Answer, Stop, Told, Visit, page, page_with};
use super::widgets::{Choice, Fault, Figure};
use crate::access::{self, Action};
use crate::acts::exports::{self, Which};
use crate::acts::imports::{self, ImportChange, ImportKind, ImportOptions, ImportSummary, ImportView};
use crate::problem::{Code, Problem};

/// Changes that the page shows.
const SHOWN_MAX: usize = 100;

/// A kind of list, as it stands in addresses.
fn kind_of(text: &str) -> Result<ImportKind, Problem> {
    match text {
        "users" => Ok(ImportKind::Users),
        "bands" => Ok(ImportKind::Bands),
        other => Err(Problem::not_found("kind of list", other)),
    }
}

fn columns(kind: ImportKind) -> &'static [&'static str] {
    match kind {
        ImportKind::Users => &["id", "name", "site", "label", "mail", "note", "status"],
        ImportKind::Bands => &["serial", "seos", "site", "delivery", "note"],
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
    let column = |column: &&str| Choice::new(*column, lang.word("import-column", column));
    Import {
        shell: visit.shell(section),
        title,
        back: format!("/{name}"),
        back_text,
        again: format!("/imports/{name}"),
        action: format!("/imports/{name}"),
        faults,
        has_leavers: kind == ImportKind::Users,
        columns: columns(kind).iter().map(column).collect(),
        sample: sample(kind).to_owned(),
        preview,
    }
}

pub(crate) async fn new(visit: Visit, Path(kind): Path<String>) -> Answer {
    access::allow_somewhere(&visit.caller, Action::ImportPreview)?;
    Ok(page(&base(&visit, kind_of(&kind)?, vec![], None)))
}

/// A file that was sent, with its form.
#[derive(Default)]
struct Sent {
    token: String,
    complete: bool,
    bytes: Vec<u8>,
}

async fn sent(request: Request) -> Result<Sent, Problem> {
    let unreadable = |_| Problem::new(Code::TooLarge, "the file could not be read, or is too large", "");
    let mut parts = Multipart::from_request(request, &()).await.map_err(|_| {
        Problem::new(Code::Malformed, "this is no form with a file", "").with("page", "bad_form")
    })?;
    let mut sent = Sent::default();
    while let Some(part) = parts.next_field().await.map_err(unreadable)? {
        let name = part.name().unwrap_or_default().to_owned();
        let bytes = part.bytes().await.map_err(unreadable)?;
        let text = || String::from_utf8_lossy(&bytes).into_owned();
        match name.as_str() {
            "csrf" => sent.token = text(),
            "complete" => sent.complete = text() == "yes",
            "file" => sent.bytes = bytes.to_vec(),
            _ => {}
        }
    }
    Ok(sent)
}

pub(crate) async fn read(visit: Visit, Path(name): Path<String>, request: Request) -> Answer {
    let kind = kind_of(&name)?;
    access::allow_somewhere(&visit.caller, Action::ImportPreview)?;
    let sent = sent(request).await?;
    if !visit.bound_to().has_form_token(&visit.form_key(), &sent.token) {
        return Err(stale().into());
    }
    if sent.bytes.is_empty() {
        let faults = vec![super::gate::fault(visit.lang, "file", message("import-no-file"))];
        return Ok(page_with(
            StatusCode::UNPROCESSABLE_ENTITY,
            &base(&visit, kind, faults, None),
        ));
    }
    let options = ImportOptions {
        complete: sent.complete && kind == ImportKind::Users,
        ..ImportOptions::default()
    };
    match imports::preview(&visit.app, &visit.caller, kind, options, sent.bytes).await {
        Ok(view) => Ok(super::visit::go(&format!("/imports/{name}/{}", view.id))),
        Err(problem) if problem.code == Code::ImportRefused => {
            let view = base(&visit, kind, vec![], Some(unreadable(visit.lang, &problem)));
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
        figures: vec![],
        notice: None,
        errors: listed.iter().map(|fault| line_fault(lang, fault)).collect(),
        more_errors: if rest > 0 {
            lang.t1("import-more-errors", "count", rest)
        } else {
            String::new()
        },
        changes: vec![],
        more_changes: String::new(),
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
    let short = |value: &Value| match value {
        Value::Null => "–".to_owned(),
        Value::String(text) if text.is_empty() => "–".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let fields = change.fields.as_object().unwrap_or(&empty).iter();
    let lines: Vec<String> = fields
        .map(|(name, both)| match both.as_array().map(Vec::as_slice) {
            Some([before, after]) => format!("{name}: {} → {}", short(before), short(after)),
            _ => format!("{name}: {}", short(both)),
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
    let summary = &view.summary;
    let changes = summary.added + summary.changed + summary.deactivated;
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
    let changes = summary.added + summary.changed + summary.deactivated;
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

pub(crate) async fn show(visit: Visit, Path((name, id)): Path<(String, String)>) -> Answer {
    let lang = visit.lang;
    let kind = kind_of(&name)?;
    let view = imports::show(&visit.app, &visit.caller, id).await?;
    let path = format!("/imports/{name}/{}", view.id);
    let step = step(&visit, &view);
    let all = &view.summary.changes;
    let rest = (view.summary.added + view.summary.changed + view.summary.deactivated)
        .saturating_sub(all.len().min(SHOWN_MAX) as u64);
    let preview = Preview {
        figures: figures(lang, &view.summary),
        notice: notice(lang, &view),
        errors: vec![],
        more_errors: String::new(),
        changes: all.iter().take(SHOWN_MAX).map(|it| change(lang, it)).collect(),
        more_changes: if rest > 0 {
            lang.t1("import-more-changes", "count", rest)
        } else {
            String::new()
        },
        confirm: step
            .as_ref()
            .map(|(what, _)| format!("{path}/{what}"))
            .unwrap_or_default(),
        button: step.map(|(_, button)| button).unwrap_or_default(),
        cancel: match view.state.as_str() {
            "previewed" | "waiting" => format!("{path}/cancel"),
            _ => String::new(),
        },
    };
    Ok(page(&base(&visit, kind, vec![], Some(preview))))
}

pub(crate) async fn settle(
    visit: Visit,
    Path((name, id, what)): Path<(String, String, String)>,
    _: Posted,
) -> Answer {
    let path = format!("/imports/{name}/{id}");
    let view = match what.as_str() {
        "confirm" => imports::confirm(&visit.app, &visit.caller, id).await?,
        "approve" => {
            visit.confirmed(&path)?;
            imports::approve(&visit.app, &visit.caller, id).await?
        }
        "cancel" => imports::cancel(&visit.app, &visit.caller, id).await?,
        other => return Err(Stop::from(Problem::not_found("step", other))),
    };
    match view.state.as_str() {
        "done" => {
            let count = view.summary.added + view.summary.changed + view.summary.deactivated;
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
