//! The audit: who did what; checking the chain; taking it out.

use axum::body::{Body, Bytes};
use axum::extract::Query;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use serde_json::Value;

use super::posted::Posted;
use super::shell::Section;
use super::text::{Lang, message};
use super::views::{Audit, AuditLine};
use super::visit::{Answer, Stop, Visit, page};
use super::widgets::{Cursors, Field, Moment, Pager, Tone, Word};
use super::words::{self, band_path, policy_path, user_path};
use crate::access::{self, Action};
use crate::acts::audits::{self, AuditFilter};
use crate::acts::effects::Effect;
use crate::acts::page::PageRequest;
use crate::audit::AuditRow;

const LIST: &str = "/audit";
/// What is shown of one value.
const VALUE_CHARS_MAX: usize = 60;

/// What the list is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    actor: String,
    action: String,
    subject: String,
    cursor: Option<String>,
}

pub(crate) async fn list(visit: Visit, Query(asked): Query<Asked>) -> Answer {
    Ok(page(&view(&visit, asked, None).await?))
}

async fn view(visit: &Visit, asked: Asked, verdict: Option<Word>) -> Result<Audit, Stop> {
    let lang = visit.lang;
    let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let filter = AuditFilter {
        actor: some(&asked.actor),
        action: some(&asked.action),
        subject_kind: None,
        subject: some(&asked.subject),
    };
    let request = PageRequest {
        cursor: asked.cursor.clone(),
        limit: None,
    };
    let found = audits::list(&visit.app, &visit.caller, filter, request).await?;
    let query = [
        ("actor", asked.actor.as_str()),
        ("action", asked.action.as_str()),
        ("subject", asked.subject.as_str()),
    ];
    let cursors = Cursors {
        here: asked.cursor.as_deref(),
        next: found.next_cursor.as_deref(),
    };
    Ok(Audit {
        shell: visit.shell(Section::Audit),
        filters: vec![
            Field::new("actor", message("col-who")).value(&asked.actor),
            Field::new("action", message("col-what")).value(&asked.action),
            Field::new("subject", message("col-subject")).value(&asked.subject),
        ],
        verdict,
        rows: found.rows.iter().map(|row| line(lang, row)).collect(),
        pager: Pager::new(lang, found.rows.len(), LIST, &query, cursors),
        may_export: visit.may(Action::AuditExport),
    })
}

/// What was done, in words where there are any.
pub(crate) fn action(lang: Lang, code: &str) -> String {
    let key = format!("action-{}", code.replace('_', "-"));
    if lang.knows(&key) {
        lang.t(key)
    } else {
        code.to_owned()
    }
}

/// The page of what a row is about.
pub(crate) fn subject_path(kind: &str, subject: &str) -> String {
    match (kind, subject) {
        (_, "") => String::new(),
        ("user", id) => user_path(id),
        ("band", serial) => band_path(serial),
        ("group_policy", id) => policy_path("group", id),
        ("individual_policy", id) => policy_path("individual", id),
        ("station", id) if id.len() == 32 => format!("/stations/{id}"),
        _ => String::new(),
    }
}

fn line(lang: Lang, row: &AuditRow) -> AuditLine {
    AuditLine {
        at: Moment::of(lang, row.at_ms),
        who: row.actor.clone(),
        what: action(lang, &row.action),
        code: row.action.clone(),
        subject: row.subject.clone(),
        subject_href: subject_path(&row.subject_kind, &row.subject),
        changes: changes(lang, &row.detail),
    }
}

/// What a row changed: the effects of an intent, or the fields that differ.
fn changes(lang: Lang, detail: &str) -> Vec<String> {
    let detail: Value = serde_json::from_str(detail).unwrap_or_default();
    let (before, after) = (&detail["before"], &detail["after"]);
    if let Ok(effects) = serde_json::from_value::<Vec<Effect>>(after["effects"].clone()) {
        return words::effects(lang, &effects);
    }
    let nothing = serde_json::Map::new();
    let (was, is) = (
        before.as_object().unwrap_or(&nothing),
        after.as_object().unwrap_or(&nothing),
    );
    let mut names: Vec<&String> = was.keys().chain(is.keys()).collect();
    names.sort();
    names.dedup();
    let line = |name: &String| {
        let (from, to) = (short(was.get(name)), short(is.get(name)));
        match (from == to, before.is_object()) {
            (true, _) => None,
            (false, true) => Some(format!("{name}: {from} → {to}")),
            (false, false) => Some(format!("{name}: {to}")),
        }
    };
    names.into_iter().filter_map(line).collect()
}

fn short(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => return "–".into(),
        Some(Value::String(text)) if text.is_empty() => return "–".into(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    match text.chars().count() > VALUE_CHARS_MAX {
        true => text.chars().take(VALUE_CHARS_MAX).chain(['…']).collect(),
        false => text,
    }
}

pub(crate) async fn verify(visit: Visit, _: Posted) -> Answer {
    let lang = visit.lang;
    let verdict = audits::verify(&visit.app, &visit.caller, None).await?;
    let word = match (&verdict.fault, &verdict.head) {
        (None, Some(head)) => {
            let short: String = head.hash.chars().take(16).collect();
            Word::new(
                lang.t2("audit-verified", "count", head.sequence, "head", short),
                Tone::Good,
            )
        }
        _ => Word::new(lang.t1("audit-broken", "why", verdict.explanation), Tone::Bad),
    };
    Ok(page(&view(&visit, Asked::default(), Some(word)).await?))
}

/// The whole audit as JSON lines, as it is read from the database: of any length, never in memory at once.
pub(crate) async fn export(visit: Visit) -> Answer {
    access::allow_somewhere(&visit.caller, Action::AuditExport)?;
    visit.confirmed(LIST)?;
    let chunks = stream::try_unfold((visit, 0), |(visit, after)| async move {
        let next = audits::export(&visit.app, &visit.caller, after).await;
        next.map(|found| found.map(|(lines, last)| (Bytes::from(lines), (visit, last))))
    });
    Ok(download(
        "audit.jsonl",
        "application/x-ndjson",
        Body::from_stream(chunks),
    ))
}

/// A file to keep.
pub(crate) fn download(name: &str, kind: &'static str, body: Body) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (CONTENT_TYPE, kind.to_owned()),
        (CONTENT_DISPOSITION, disposition),
    ];
    (headers, body).into_response()
}
