//! Keys of the API: for programs, each with no more than it needs.

use axum::extract::Path;
use axum::http::StatusCode;

use super::forms;
use super::own::tabs;
use super::posted::Posted;
use super::shell::Section;
use super::text::{Lang, message};
use super::views::{ApiKeyRow, ApiKeys, Form, HandOver};
use super::visit::{Answer, Told, Visit, page, page_with};
use super::widgets::{Choice, Fault, Field, Link, Moment, Tone, Word};
use super::words::form_fault;
use crate::access::{self, Action, Role};
use crate::acts::api_keys::{self, KeyView, NewKey};
use crate::problem::Problem;

const LIST: &str = "/settings/api-keys";

fn row(lang: Lang, key: &KeyView, now_ms: i64, may_revoke: bool) -> ApiKeyRow {
    let (code, tone) = match (key.revoked_ms, key.expires_ms) {
        (Some(_), _) => ("revoked", Tone::Off),
        (_, Some(end)) if end <= now_ms => ("expired", Tone::Off),
        _ => ("active", Tone::Good),
    };
    let writes = key.scopes.iter().any(|scope| scope.ends_with(":write"));
    ApiKeyRow {
        name: key.name.clone(),
        role: lang.word("role", key.role.as_str()),
        scopes: lang.t(if writes { "api-key-write" } else { "api-key-read" }),
        until: Moment::maybe(lang, key.expires_ms),
        state: Word::of(lang, "api-key-state", code, tone),
        revoke: match code == "active" && may_revoke {
            true => format!("{LIST}/{}/revoke", key.id),
            false => String::new(),
        },
        id: key.id.clone(),
    }
}

pub(crate) async fn list(visit: Visit) -> Answer {
    let lang = visit.lang;
    let keys = api_keys::list(&visit.app, &visit.caller).await?;
    let now = visit.app.now().0;
    let may_write = visit.may(Action::KeyEdit);
    Ok(page(&ApiKeys {
        shell: visit.shell(Section::Settings),
        tabs: tabs(&visit, LIST),
        rows: keys.iter().map(|key| row(lang, key, now, may_write)).collect(),
        may_write,
    }))
}

fn new_page(visit: &Visit, posted: &Posted, faults: Vec<Fault>) -> Form {
    let lang = visit.lang;
    let or = |name: &str, default: &str| match posted.raw(name) {
        "" => default.to_owned(),
        typed => typed.to_owned(),
    };
    let may = vec![
        Choice::new("read", lang.t("api-key-read")),
        Choice::new("write", lang.t("api-key-write")),
    ];
    let days = Field::new("days", message("api-key-days"))
        .hint(message("api-key-days-hint"))
        .of_kind("number");
    let fields = vec![
        Field::new("name", message("name"))
            .hint(message("api-key-name-hint"))
            .required()
            .value(posted.raw("name")),
        Field::new("role", message("account-role"))
            .options(forms::roles(lang))
            .value(or("role", "operator")),
        Field::new("may", message("api-key-scopes"))
            .options(may)
            .value(or("may", "read")),
        Field::new("sites", message("account-sites"))
            .hint(message("account-sites-hint"))
            .value(posted.raw("sites")),
        days.value(or("days", "365")),
    ];
    Form {
        shell: visit.shell(Section::Settings),
        title: lang.t("api-key-add"),
        lead: lang.t("api-keys-lead"),
        crumbs: vec![Link::new(LIST, lang.t("api-keys"))],
        action: LIST.into(),
        hidden: vec![],
        fields: fields.into_iter().map(|field| field.faults(&faults)).collect(),
        faults,
        submit: lang.t("api-key-add"),
        back: LIST.into(),
    }
}

pub(crate) async fn new(visit: Visit) -> Answer {
    access::allow_somewhere(&visit.caller, Action::KeyEdit)?;
    visit.confirmed(&format!("{LIST}/new"))?;
    Ok(page(&new_page(&visit, &Posted::default(), vec![])))
}

/// Every scope, or every one that only looks.
fn scopes(may: &str) -> std::collections::BTreeSet<String> {
    let wanted = |scope: &String| may == "write" || scope.ends_with(":read");
    access::scopes().into_iter().filter(wanted).collect()
}

pub(crate) async fn create(visit: Visit, posted: Posted) -> Answer {
    let lang = visit.lang;
    visit.confirmed(&format!("{LIST}/new"))?;
    let role: Result<Role, ()> = posted.raw("role").parse();
    let sites = posted
        .raw("sites")
        .split(',')
        .map(str::trim)
        .filter(|site| !site.is_empty());
    let new = NewKey {
        name: posted.text("name"),
        role: role.map_err(|()| Problem::invalid("role", "is not one of the list"))?,
        sites: sites.map(str::to_owned).collect(),
        scopes: scopes(posted.raw("may")),
        days: posted.text("days").parse().unwrap_or(0),
    };
    match api_keys::create(&visit.app, &visit.caller, new).await {
        Ok(made) => Ok(page(&HandOver {
            shell: visit.shell(Section::Settings),
            title: lang.t1("api-key-title", "name", &made.key.name),
            lead: lang.t("api-key-lead"),
            crumbs: vec![Link::new(LIST, lang.t("api-keys"))],
            qr: None,
            typed: String::new(),
            text_title: lang.t("api-key-text"),
            text: made.secret,
            facts: vec![Choice::new(
                lang.t("col-until"),
                Moment::maybe(lang, made.key.expires_ms).text,
            )],
            back: LIST.into(),
        })),
        Err(problem) => {
            let fault = form_fault(lang, &problem, &["name", "days", "sites"]).ok_or(problem)?;
            let view = new_page(&visit, &posted, vec![fault]);
            Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &view))
        }
    }
}

pub(crate) async fn revoke(visit: Visit, Path(id): Path<String>, _: Posted) -> Answer {
    visit.confirmed(LIST)?;
    api_keys::revoke(&visit.app, &visit.caller, id).await?;
    Ok(visit.done(LIST, &Told::new(message("api-key-revoked"))))
}
