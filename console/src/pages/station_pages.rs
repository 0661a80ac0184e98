//! Stations: how each is, what it knows, joining and revoking.

use axum::extract::Path;
use axum::http::StatusCode;
use page_kit::qr;
use policy::model::Zone;
use serde_json::Value;

use super::posted::Posted;
use super::shell::Section;
use super::text::{Lang, message};
use super::views::{Form, HandOver, Station, StationRow, Stations, TokenRow, Verb};
use super::visit::{Answer, Told, Visit, page, page_with};
use super::widgets::{Choice, Fault, Field, Line, Link, Moment, Pager, Tone, Word, span};
use super::words::{self, choose, code_of, form_fault};
use crate::access::{self, Action};
use crate::acts::stations::{self, NewStation, Propagation, StationDetail, StationView};

const LIST: &str = "/stations";
const MINUTE_MS: i64 = 60_000;
/// Heard of within so long, a station is in contact.
pub(crate) const ONLINE_MS: i64 = 5 * MINUTE_MS;
/// Not heard of for so long, it is silent.
pub(crate) const SILENT_MS: i64 = 60 * MINUTE_MS;
/// Less room than this is worth a line.
const DISK_MIN_BYTES: i64 = 200 << 20;
/// A certificate that ends so soon was not renewed in time.
const CERTIFICATE_MIN_MS: i64 = 14 * 24 * 60 * MINUTE_MS;

/// How a station stands, in one code.
pub(crate) fn state_code(view: &StationView, now_ms: i64) -> &'static str {
    let silent_for = view.seen_ms.map(|seen| now_ms - seen);
    match (view.revoked_ms, &view.quarantine, silent_for) {
        (Some(_), ..) => "revoked",
        (_, Some(_), _) => "quarantined",
        (.., None) => "waiting",
        (.., Some(ms)) if ms <= ONLINE_MS => "online",
        (.., Some(ms)) if ms <= SILENT_MS => "late",
        _ => "silent",
    }
}

fn state(lang: Lang, view: &StationView, now_ms: i64) -> Word {
    let code = state_code(view, now_ms);
    let tone = match code {
        "online" => Tone::Good,
        "late" | "quarantined" => Tone::Warn,
        "silent" => Tone::Bad,
        "waiting" => Tone::Note,
        _ => Tone::Off,
    };
    Word::of(lang, "station-state", code, tone)
}

fn knows(lang: Lang, view: &StationView) -> String {
    match view.behind {
        None => lang.t("station-unknown"),
        Some(0) => lang.t("station-level"),
        Some(count) => lang.t1("station-behind", "count", count),
    }
}

fn said(view: &StationView, name: &str) -> Option<i64> {
    view.health.as_ref()?.get(name)?.as_i64()
}

fn said_text<'a>(view: &'a StationView, name: &str) -> &'a str {
    view.health
        .as_ref()
        .and_then(|it| it.get(name))
        .and_then(Value::as_str)
        .unwrap_or("")
}

/// Entries of the journal that the station has not sent yet.
fn unsent(view: &StationView) -> Option<i64> {
    Some((said(view, "journal_head")? - said(view, "journal_acked").unwrap_or(0)).max(0))
}

fn row(lang: Lang, view: &StationView, now_ms: i64) -> StationRow {
    StationRow {
        href: format!("{LIST}/{}", view.id),
        name: view.name.clone(),
        site: view.site.clone(),
        state: state(lang, view, now_ms),
        zone: lang.word("zone", code_of(view.zone)),
        knows: knows(lang, view),
        unsent: unsent(view).map(|count| count.to_string()).unwrap_or_default(),
        contact: Moment::maybe(lang, view.seen_ms),
    }
}

pub(crate) async fn list(visit: Visit) -> Answer {
    let lang = visit.lang;
    let now = visit.app.now().0;
    let all = stations::list(&visit.app, &visit.caller).await?;
    let may_write = visit.may(Action::StationJoin);
    let tokens = match may_write {
        true => stations::list_tokens(&visit.app, &visit.caller).await?,
        false => vec![],
    };
    let open = tokens
        .iter()
        .filter(|token| token.spent_ms.is_none() && token.expires_ms > now);
    let token = |token: &stations::TokenView| TokenRow {
        name: token.name.clone(),
        site: token.site.clone(),
        zone: lang.word("zone", code_of(token.zone)),
        until: Moment::of(lang, token.expires_ms),
    };
    Ok(page(&Stations {
        shell: visit.shell(Section::Stations),
        rows: all.iter().map(|view| row(lang, view, now)).collect(),
        tokens: open.map(token).collect(),
        pager: Pager::default(),
        may_write,
    }))
}

/// One line for each cause, the worst first; one line says so if there is none.
fn health(lang: Lang, detail: &StationDetail, now_ms: i64) -> Vec<Line> {
    let view = &detail.station;
    let line = |tone: Tone, key: &str, args: (&str, String)| Line {
        tone: tone.class(),
        icon: if tone == Tone::Bad { "stop" } else { "warn" },
        title: lang.t1(&format!("health-{key}"), args.0, &args.1),
        text: lang.t(format!("health-{key}-text")),
        ..Line::default()
    };
    let nothing = || ("x", String::new());
    let mut lines = Vec::new();
    if let Some(at) = view.revoked_ms {
        lines.push(line(Tone::Bad, "revoked", ("at", Moment::of(lang, at).text)));
    }
    if let Some(code) = &view.quarantine {
        lines.push(quarantined(lang, detail, code));
    }
    match view.seen_ms {
        None => lines.push(line(Tone::Note, "nothing-yet", nothing())),
        Some(seen) if now_ms - seen > ONLINE_MS => {
            let tone = if now_ms - seen > SILENT_MS {
                Tone::Bad
            } else {
                Tone::Warn
            };
            lines.push(line(tone, "silent", ("span", span(lang, now_ms - seen))));
        }
        Some(_) => {}
    }
    let adapter = said_text(view, "adapter");
    if !adapter.is_empty() && adapter != "ready" {
        lines.push(line(
            Tone::Bad,
            "adapter",
            ("state", lang.word("adapter", adapter)),
        ));
    }
    if ["backward", "ahead"].contains(&said_text(view, "clock")) {
        lines.push(line(Tone::Warn, "clock", nothing()));
    }
    for (field, key) in [("outbox_stopped", "outbox"), ("inbox_stopped", "inbox")] {
        let code = said_text(view, field);
        if !code.is_empty() {
            lines.push(line(Tone::Bad, key, ("code", code.to_owned())));
        }
    }
    if let Some(free) = said(view, "disk_free_bytes").filter(|free| *free < DISK_MIN_BYTES) {
        lines.push(line(Tone::Warn, "disk", ("mib", (free >> 20).to_string())));
    }
    let ends = said(view, "certificate_not_after_s").map(|s| s.saturating_mul(1000));
    if let Some(ends) = ends.filter(|ends| ends - now_ms < CERTIFICATE_MIN_MS) {
        lines.push(line(
            Tone::Warn,
            "certificate",
            ("at", Moment::of(lang, ends).text),
        ));
    }
    if let Some(open) = said(view, "open_intents").filter(|open| *open > 0) {
        lines.push(line(Tone::Note, "intents", ("count", open.to_string())));
    }
    if lines.is_empty() {
        lines.push(Line {
            tone: Tone::Good.class(),
            icon: "check",
            title: lang.t("station-fine"),
            text: lang.t("station-fine-text"),
            ..Line::default()
        });
    }
    lines
}

/// Why the station's journal is taken no more, what is kept of it, and the way on.
fn quarantined(lang: Lang, detail: &StationDetail, code: &str) -> Line {
    let sequence = detail.station.quarantine_sequence.unwrap_or_default();
    let kept = lang.t1("health-quarantined-kept", "count", detail.reviews.len() as i64);
    Line {
        tone: Tone::Bad.class(),
        icon: "stop",
        title: lang.t2(
            "health-quarantined",
            "code",
            code,
            "sequence",
            sequence.to_string(),
        ),
        text: format!("{} {kept}", lang.word("station-held", code)),
        ..Line::default()
    }
}

/// Which policies the station does not know yet.
fn policies_there(lang: Lang, come: &[Propagation], station: &str) -> Vec<Choice> {
    let late = come
        .iter()
        .filter(|it| it.waiting.iter().any(|waiting| waiting.station == station));
    let names: Vec<String> = late
        .map(|it| match it.policy.is_empty() {
            true => lang.t("station-policy-choice"),
            false => it.policy.clone(),
        })
        .collect();
    let text = match names.is_empty() {
        true => lang.t("station-policies-known"),
        false => lang.t1("station-policies-late", "names", names.join(", ")),
    };
    vec![Choice::new(lang.t("nav-policies"), text)]
}

fn facts(lang: Lang, view: &StationView) -> Vec<Choice> {
    let ends = said(view, "certificate_not_after_s").map(|s| s.saturating_mul(1000));
    let all = [
        ("col-site", view.site.clone()),
        ("col-zone", lang.word("zone", code_of(view.zone))),
        ("col-knows", knows(lang, view)),
        (
            "col-unsent",
            unsent(view).map(|count| count.to_string()).unwrap_or_default(),
        ),
        ("col-contact", Moment::maybe(lang, view.seen_ms).text),
        ("station-joined", Moment::of(lang, view.joined_ms).text),
        ("station-certificate", Moment::maybe(lang, ends).text),
        ("station-head", view.journal.to_string()),
        ("station-version", said_text(view, "software").to_owned()),
        ("station-id", view.id.clone()),
    ];
    let known = all.into_iter().filter(|(_, value)| !value.is_empty());
    known
        .map(|(key, value)| Choice::new(lang.t(key), value))
        .collect()
}

pub(crate) async fn show(visit: Visit, Path(id): Path<String>) -> Answer {
    let lang = visit.lang;
    let now = visit.app.now().0;
    let detail = stations::show(&visit.app, &visit.caller, stations::id(&id)?).await?;
    let view = &detail.station;
    let come = stations::propagation(&visit.app, &visit.caller).await?;
    let verb = |what: &str| {
        Link::new(
            format!("{LIST}/{}/{what}", view.id),
            lang.t(format!("station-{what}")),
        )
    };
    let mut verbs = Vec::new();
    if view.revoked_ms.is_none() {
        verbs.push(verb("revoke"));
    }
    if view.quarantine.is_some() {
        verbs.push(verb("settle"));
    }
    Ok(page(&Station {
        shell: visit.shell(Section::Stations),
        name: view.name.clone(),
        state: state(lang, view, now),
        verbs,
        health: health(lang, &detail, now),
        facts: [facts(lang, view), policies_there(lang, &come, &view.id)].concat(),
        may_write: visit.may(Action::StationRevoke),
    }))
}

fn new_page(visit: &Visit, posted: &Posted, faults: Vec<Fault>) -> Form {
    let lang = visit.lang;
    let or = |name: &str, default: &str| match posted.raw(name) {
        "" => default.to_owned(),
        typed => typed.to_owned(),
    };
    let name = Field {
        max: 64,
        ..Field::new("name", message("station-name")).required()
    };
    let zones = ["enrollment", "registration"];
    let hours = Field::new("hours", message("token-hours"))
        .hint(message("token-hours-hint"))
        .of_kind("number");
    let site = words::site_field(&visit.caller, message("station-site-hint"));
    let fields = vec![
        name.value(posted.raw("name")),
        Field {
            required: true,
            ..site
        }
        .value(posted.raw("site")),
        choose(lang, "zone", message("col-zone"), "zone", &zones, "").value(or("zone", "enrollment")),
        hours.value(or("hours", "24")),
    ];
    Form {
        shell: visit.shell(Section::Stations),
        title: lang.t("station-add"),
        lead: lang.t("station-new-lead"),
        crumbs: vec![Link::new(LIST, lang.t("nav-stations"))],
        action: LIST.into(),
        hidden: vec![],
        fields: fields.into_iter().map(|field| field.faults(&faults)).collect(),
        faults,
        submit: lang.t("station-token-make"),
        back: LIST.into(),
    }
}

pub(crate) async fn new(visit: Visit) -> Answer {
    access::allow_somewhere(&visit.caller, Action::StationJoin)?;
    Ok(page(&new_page(&visit, &Posted::default(), vec![])))
}

pub(crate) async fn create(visit: Visit, posted: Posted) -> Answer {
    let lang = visit.lang;
    let new = NewStation {
        name: posted.text("name"),
        site: posted.text("site"),
        zone: serde_json::from_value(posted.raw("zone").into()).unwrap_or(Zone::Enrollment),
        station: None,
        hours: posted.text("hours").parse().unwrap_or(0),
    };
    match stations::create_token(&visit.app, &visit.caller, new).await {
        Ok(made) => {
            let zone = lang.word("zone", code_of(made.token.zone));
            Ok(page(&HandOver {
                shell: visit.shell(Section::Stations),
                title: lang.t1("station-token", "name", &made.token.name),
                lead: lang.t("station-token-lead"),
                crumbs: vec![Link::new(LIST, lang.t("nav-stations"))],
                qr: qr::draw(&made.text),
                typed: String::new(),
                text_title: lang.t("station-token-text"),
                text: made.text,
                facts: vec![
                    Choice::new(lang.t("col-site"), made.token.site),
                    Choice::new(lang.t("col-zone"), zone),
                    Choice::new(lang.t("col-until"), Moment::of(lang, made.token.expires_ms).text),
                ],
                back: LIST.into(),
            }))
        }
        Err(problem) => {
            let fault = form_fault(lang, &problem, &["name", "site", "hours"]).ok_or(problem)?;
            let view = new_page(&visit, &posted, vec![fault]);
            Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &view))
        }
    }
}

pub(crate) async fn verb_form(visit: Visit, Path((id, verb)): Path<(String, String)>) -> Answer {
    let lang = visit.lang;
    access::allow_somewhere(&visit.caller, Action::StationRevoke)?;
    if !["revoke", "settle"].contains(&verb.as_str()) {
        return Err(crate::problem::Problem::not_found("verb", verb).into());
    }
    let detail = stations::show(&visit.app, &visit.caller, stations::id(&id)?).await?;
    let view = &detail.station;
    let path = format!("{LIST}/{}", view.id);
    visit.confirmed(&format!("{path}/{verb}"))?;
    let effects = ["one", "two"].map(|which| lang.t(format!("station-{verb}-effect-{which}")));
    let note = Field {
        max: 200,
        ..Field::new("note", message("verb-note"))
            .hint(message("verb-note-hint"))
            .of_kind("area")
    };
    Ok(page(&Verb {
        shell: visit.shell(Section::Stations),
        title: lang.t1(&format!("station-{verb}-title"), "name", &view.name),
        name: lang.t(format!("station-{verb}")),
        lead: lang.t("verb-lead"),
        crumbs: vec![
            Link::new(LIST, lang.t("nav-stations")),
            Link::new(&path, &view.name),
        ],
        faults: vec![],
        action: format!("{path}/{verb}"),
        hidden: vec![],
        effects: effects.to_vec(),
        choices: vec![],
        undo: String::new(),
        fields: vec![note],
        is_grave: verb == "revoke",
        can_confirm: true,
        back: path,
    }))
}

pub(crate) async fn verb(visit: Visit, Path((id, verb)): Path<(String, String)>, posted: Posted) -> Answer {
    visit.confirmed(&format!("{LIST}/{id}/{verb}"))?;
    let (id, note) = (stations::id(&id)?, posted.text("note"));
    let (view, key) = match verb.as_str() {
        "revoke" => (
            stations::revoke(&visit.app, &visit.caller, id, note).await?,
            message("station-revoked"),
        ),
        "settle" => (
            stations::settle(&visit.app, &visit.caller, id, note).await?,
            message("station-settled"),
        ),
        _ => return Err(crate::problem::Problem::not_found("verb", verb).into()),
    };
    Ok(visit.done(&format!("{LIST}/{}", view.id), &Told::new(key)))
}
