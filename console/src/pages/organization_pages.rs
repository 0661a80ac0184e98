//! The organization: its name, its keys and who makes its bands. What a change of keys does is said before it is done.

use axum::extract::Path;
use axum::http::StatusCode;

use super::authority_pages;
use super::own::tabs;
use super::posted::Posted;
use super::shell::Section;
use super::text::{Lang, message};
use super::views::{Form, KeyLine, Organization, Verb};
use super::visit::{Answer, Told, Visit, page, page_with};
use super::widgets::{Choice, Fault, Field, Link, Moment, Tone, Word, span};
use super::words::form_fault;
use crate::access::{self, Action};
use crate::acts::keys::{self, NewMake, PublicKeyView, Rotation, SettingsView};
use crate::problem::Problem;

const PAGE: &str = "/settings/organization";
const MINUTE_MS: i64 = 60_000;

fn key_state(lang: Lang, key: &PublicKeyView, now_ms: i64) -> Word {
    let (code, tone) = match key.retired_ms {
        Some(at) if at <= now_ms => ("retired", Tone::Off),
        _ if key.not_before_ms > now_ms => ("coming", Tone::Note),
        _ => ("holds", Tone::Good),
    };
    Word::of(lang, "key-state", code, tone)
}

fn key_line(lang: Lang, key: &PublicKeyView, now_ms: i64) -> KeyLine {
    KeyLine {
        kind: lang.word("key", &key.kind),
        id: key.id.clone(),
        name: if key.kind == "manufacturer" {
            key.name.clone()
        } else {
            String::new()
        },
        mark: key.public_key.chars().take(16).collect(),
        state: key_state(lang, key, now_ms),
        since: Moment::maybe(lang, Some(key.not_before_ms).filter(|at| *at > 0)),
    }
}

fn facts(lang: Lang, view: &SettingsView) -> Vec<Choice> {
    let mut facts = vec![
        Choice::new(lang.t("organization-id"), &view.organization_id),
        Choice::new(lang.t("organization-lineage"), &view.lineage),
    ];
    facts.extend(
        view.authorities
            .iter()
            .flat_map(|it| authority_pages::facts(lang, it)),
    );
    facts
}

fn view(visit: &Visit, view: &SettingsView, faults: Vec<Fault>, typed: Option<String>) -> Organization {
    let lang = visit.lang;
    let now = visit.app.now().0;
    let name = Field {
        max: 100,
        ..Field::new("organization", message("organization-name")).required()
    };
    let of = |make: bool| {
        let wanted = view
            .keys
            .iter()
            .filter(|key| (key.kind == "manufacturer") == make);
        wanted.map(|key| key_line(lang, key, now)).collect()
    };
    Organization {
        shell: visit.shell(Section::Settings),
        tabs: tabs(visit, PAGE),
        name: name
            .value(typed.unwrap_or_else(|| view.organization.clone()))
            .faults(&faults),
        faults,
        facts: facts(lang, view),
        keys: of(false),
        makes: of(true),
        goes_over: view.authorities.as_ref().is_some_and(|it| it.next.is_some()),
        has_authority: view.authorities.is_some(),
        may_write: visit.may(Action::SettingsEdit),
    }
}

pub(crate) async fn show(visit: Visit) -> Answer {
    let settings = keys::show(&visit.app, &visit.caller).await?;
    Ok(page(&view(&visit, &settings, vec![], None)))
}

pub(crate) async fn rename(visit: Visit, posted: Posted) -> Answer {
    let name = posted.text("organization");
    match keys::rename(&visit.app, &visit.caller, name.clone()).await {
        Ok(_) => Ok(visit.done(PAGE, &Told::new(message("organization-renamed")))),
        Err(problem) => {
            let fault = form_fault(visit.lang, &problem, &["organization"]).ok_or(problem)?;
            let settings = keys::show(&visit.app, &visit.caller).await?;
            let view = view(&visit, &settings, vec![fault], Some(name));
            Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &view))
        }
    }
}

/// What a new key does, in words.
fn effects(lang: Lang, rotation: &Rotation, now_ms: i64) -> Vec<String> {
    let starts = Moment::of(lang, rotation.starts_ms).text;
    let kind = rotation.kind.as_str();
    let mut lines = vec![
        lang.t2("rotate-new", "id", &rotation.next, "at", &starts),
        lang.t1(
            &format!("rotate-old-{}", kind.replace('_', "-")),
            "id",
            &rotation.present,
        ),
        match rotation.stations {
            0 => lang.t("rotate-no-stations"),
            all => lang.t2("rotate-stations", "near", rotation.near, "all", all),
        },
    ];
    if rotation.far > 0 {
        lines.push(lang.t1("rotate-far", "count", rotation.far));
    }
    // The moment of asking is a little later than the one that was foreseen.
    let wait = rotation.starts_ms - now_ms + MINUTE_MS;
    lines.push(lang.t1("rotate-wait", "span", span(lang, wait)));
    lines
}

/// A kind of key as it stands in addresses.
fn kind_of(text: &str) -> Result<keys::Rotating, Problem> {
    match text {
        "tickets" => Ok(keys::Rotating::Tickets),
        "codes" => Ok(keys::Rotating::Codes),
        "feed" => Ok(keys::Rotating::Feed),
        other => Err(Problem::not_found("kind of key", other)),
    }
}

pub(crate) async fn rotate_form(visit: Visit, Path(kind): Path<String>) -> Answer {
    let lang = visit.lang;
    access::allow(&visit.caller, Action::SettingsEdit, "")?;
    let path = format!("{PAGE}/rotate/{kind}");
    visit.confirmed(&path)?;
    let rotation = keys::foresee(&visit.app, &visit.caller, kind_of(&kind)?).await?;
    Ok(page(&Verb {
        shell: visit.shell(Section::Settings),
        title: lang.t(format!("rotate-{kind}-title")),
        name: lang.t("rotate-button"),
        lead: lang.t("verb-lead"),
        crumbs: vec![Link::new(PAGE, lang.t("organization"))],
        faults: vec![],
        action: path,
        hidden: vec![Choice::new("present", &rotation.present)],
        effects: effects(lang, &rotation, visit.app.now().0),
        choices: vec![],
        undo: String::new(),
        fields: vec![],
        is_grave: false,
        can_confirm: true,
        back: PAGE.to_owned(),
    }))
}

pub(crate) async fn rotate(visit: Visit, Path(kind): Path<String>, posted: Posted) -> Answer {
    visit.confirmed(&format!("{PAGE}/rotate/{kind}"))?;
    let seen = Some(posted.text("present"));
    let made = keys::rotate(&visit.app, &visit.caller, kind_of(&kind)?, seen).await?;
    let told = Told::new(message("rotate-done")).with("id", &made.id);
    Ok(visit.done(PAGE, &told))
}

fn make_page(visit: &Visit, posted: &Posted, faults: Vec<Fault>) -> Form {
    let lang = visit.lang;
    let fields = vec![
        Field {
            max: 64,
            ..Field::new("name", message("make-name"))
                .hint(message("make-name-hint"))
                .required()
        },
        Field {
            max: 64,
            ..Field::new("public_key", message("make-key"))
                .hint(message("make-key-hint"))
                .required()
        },
    ];
    let fill = |field: Field| {
        let id = field.id;
        field.value(posted.raw(id)).faults(&faults)
    };
    Form {
        shell: visit.shell(Section::Settings),
        title: lang.t("make-add"),
        lead: lang.t("make-lead"),
        crumbs: vec![Link::new(PAGE, lang.t("organization"))],
        action: format!("{PAGE}/makes"),
        hidden: vec![],
        fields: fields.into_iter().map(fill).collect(),
        faults,
        submit: lang.t("make-add"),
        back: PAGE.into(),
    }
}

pub(crate) async fn make_form(visit: Visit) -> Answer {
    access::allow(&visit.caller, Action::SettingsEdit, "")?;
    visit.confirmed(&format!("{PAGE}/makes"))?;
    Ok(page(&make_page(&visit, &Posted::default(), vec![])))
}

pub(crate) async fn make(visit: Visit, posted: Posted) -> Answer {
    visit.confirmed(&format!("{PAGE}/makes"))?;
    let make = NewMake {
        name: posted.text("name"),
        public_key: posted.text("public_key"),
    };
    match keys::welcome(&visit.app, &visit.caller, make).await {
        Ok(_) => Ok(visit.done(PAGE, &Told::new(message("make-added")))),
        Err(problem) => {
            let fault = form_fault(visit.lang, &problem, &["name", "public_key"]).ok_or(problem)?;
            Ok(page_with(
                StatusCode::UNPROCESSABLE_ENTITY,
                &make_page(&visit, &posted, vec![fault]),
            ))
        }
    }
}
