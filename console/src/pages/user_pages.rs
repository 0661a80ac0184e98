//! Users: list, detail, history, adding, changing, the individual policy.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use serde::Deserialize;

use super::association_pages::zones;
use super::posted::Posted;
use super::shell::Section;
use super::text::{Lang, message};
use super::views::{Form, History, User, UserRow, Users};
use super::visit::{Answer, Told, Visit, page, page_with};
use super::widgets::{Choice, Cursors, Fault, Field, Link, Moment, Pager, address};
use super::words::{self, choose, form_fault, named, user_path};
use crate::access::Action;
use crate::acts::page::PageRequest;
use crate::acts::policies;
use crate::acts::users::{self, NewUser, UserDetail, UserFilter, UserInput, UserLine};
use crate::acts::view::Standing;
use crate::problem::Problem;

const LIST: &str = "/users";
/// Lines of a history that are shown.
const HISTORY_MAX: usize = 200;

/// What a list is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    q: String,
    status: String,
    policy: String,
    cursor: Option<String>,
}

impl Asked {
    fn filter(&self) -> Result<UserFilter, Problem> {
        let some = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        let is_suspended = self.status == "suspended";
        let status = some(&self.status).filter(|_| !is_suspended);
        let status = status.map(|code| serde_json::from_value(code.into())).transpose();
        Ok(UserFilter {
            q: some(&self.q),
            status: status.map_err(|_| Problem::invalid("status", "is not one of the list"))?,
            policy: some(&self.policy),
            suspended: is_suspended.then_some(true),
            site: None,
        })
    }
}

fn row(lang: Lang, line: &UserLine) -> UserRow {
    let active = line.holds.iter().find(|it| it.standing == Standing::Active);
    let band = active.map(|it| it.band.clone()).unwrap_or_default();
    UserRow {
        href: user_path(&line.user.id),
        name: named(Some(&line.user.name), &line.user.id),
        id: line.user.id.clone(),
        state: words::user_state(lang, &line.user),
        band_href: words::band_path(&band),
        band,
        policy: line.user.policy.clone().unwrap_or_default(),
        site: line.user.site.clone(),
    }
}

pub(crate) async fn list(visit: Visit, Query(asked): Query<Asked>) -> Answer {
    let lang = visit.lang;
    let request = PageRequest {
        cursor: asked.cursor.clone(),
        limit: None,
    };
    let found = users::list(&visit.app, &visit.caller, asked.filter()?, request).await?;
    let status = ["active", "suspended", "not_yet", "departed", "unknown"];
    let status = choose(
        lang,
        "status",
        message("user-status"),
        "status",
        &status,
        "user-status-all",
    );
    let query = [
        ("q", asked.q.as_str()),
        ("status", asked.status.as_str()),
        ("policy", asked.policy.as_str()),
    ];
    let cursors = Cursors {
        here: asked.cursor.as_deref(),
        next: found.next_cursor.as_deref(),
    };
    Ok(page(&Users {
        shell: visit.shell(Section::Users),
        is_filtered: query.iter().any(|(_, value)| !value.is_empty()),
        pager: Pager::new(lang, found.rows.len(), LIST, &query, cursors),
        rows: found.rows.iter().map(|line| row(lang, line)).collect(),
        status: status.value(&asked.status),
        may_write: visit.may(Action::UserCreate),
        may_import: visit.may(Action::ImportPreview),
        may_export: visit.may(Action::Export),
        q: asked.q,
    }))
}

/// The verbs that fit a person as a whole.
fn verbs(lang: Lang, detail: &UserDetail, back: &str) -> Vec<Link> {
    let user = &detail.user;
    let verb = |code: &str| words::verb(lang, code, ("user", &user.id), back);
    let works = detail
        .associations
        .iter()
        .any(|it| it.standing == Standing::Active);
    let mut all = Vec::new();
    if words::code_of(user.status) != "active" {
        return vec![verb("back")];
    }
    if user.suspension.is_none() && works {
        all.push(verb("forgot_today"));
    }
    all.push(verb(if user.suspension.is_some() {
        "resume"
    } else {
        "suspend"
    }));
    all.push(verb("leaver"));
    all
}

pub(crate) async fn show(visit: Visit, Path(id): Path<String>) -> Answer {
    let lang = visit.lang;
    let detail = users::show(&visit.app, &visit.caller, users::id(&id)?).await?;
    let user = &detail.user;
    let path = user_path(&user.id);
    let may_write = visit.may(Action::UserEdit);
    let suspension = user.suspension.as_ref().map(|it| {
        let since = Moment::of(lang, it.since_ms).text;
        lang.t2("user-suspended-note", "since", since, "note", &it.note)
    });
    let may_change = visit.may(Action::AssociationChange);
    let is_active = words::code_of(user.status) == "active" && user.suspension.is_none();
    let may_issue = is_active && visit.may(Action::TicketIssue);
    Ok(page(&User {
        shell: visit.shell(Section::Users),
        id: user.id.clone(),
        name: named(Some(&user.name), &user.id),
        state: words::user_state(lang, user),
        suspension: suspension.unwrap_or_default(),
        site: user.site.clone(),
        label: user.label.clone(),
        mail: user.mail.clone(),
        note: user.note.clone(),
        policy: user.policy.clone().unwrap_or_default(),
        policy_href: words::policy_path("individual", user.policy.as_deref().unwrap_or_default()),
        give_policy_href: match visit.may(Action::UserPolicy) {
            true => address(
                &format!("{path}/policy"),
                &[("now", user.policy.as_deref().unwrap_or(""))],
            ),
            false => String::new(),
        },
        ticket_href: match may_issue {
            true => address("/tickets/new", &[("user", &user.id)]),
            false => String::new(),
        },
        edit_href: format!("{path}/edit"),
        history_href: format!("{path}/history"),
        dry_run_href: address("/dry-run", &[("user", &user.id)]),
        verbs: if visit.may(Action::UserStatus) {
            verbs(lang, &detail, &path)
        } else {
            vec![]
        },
        associations: detail
            .associations
            .iter()
            .map(|it| words::association(lang, it, may_change, &path))
            .collect(),
        zones: zones(lang, &detail.associations, true),
        shows_user: false,
        shows_band: true,
        effective: words::settings(lang, &detail.policy),
        may_write,
    }))
}

pub(crate) async fn history(visit: Visit, Path(id): Path<String>) -> Answer {
    let lang = visit.lang;
    let lines = users::history(&visit.app, &visit.caller, users::id(&id)?, HISTORY_MAX).await?;
    // Which band an association is about is said where it was made.
    let bands: Vec<(String, String)> = lines.iter().filter_map(made).collect();
    let band = |association: &str| {
        let found = bands.iter().find(|(made, _)| made == association);
        found.map(|(_, band)| band.clone()).unwrap_or_default()
    };
    Ok(page(&History {
        shell: visit.shell(Section::Users),
        crumbs: vec![
            Link::new(LIST, lang.t("nav-users")),
            Link::new(user_path(&id), id),
        ],
        history: lines
            .iter()
            .map(|line| words::history(lang, line, &band))
            .collect(),
    }))
}

/// The association that a line made, and its band.
pub(crate) fn made(line: &users::HistoryLine) -> Option<(String, String)> {
    let body = line.event.get("associated")?;
    let text = |name: &str| body.get(name).and_then(|it| it.as_str()).map(str::to_owned);
    Some((text("association")?, text("band")?))
}

const FIELDS: &[&str] = &["id", "name", "site", "label", "mail", "note"];

fn fields(visit: &Visit, of: &dyn Fn(&str) -> String, faults: &[Fault]) -> Vec<Field> {
    let site = words::site_field(&visit.caller, message("user-site-hint"));
    let all = vec![
        Field::new("name", message("name")),
        site,
        Field {
            max: 12,
            ..Field::new("label", message("user-label")).hint(message("user-label-hint"))
        },
        Field::new("mail", message("mail")),
        Field {
            max: 500,
            ..Field::new("note", message("note"))
                .hint(message("verb-note-hint"))
                .of_kind("area")
        },
    ];
    all.into_iter()
        .map(|field| {
            let id = field.id;
            field.value(of(id)).faults(faults)
        })
        .collect()
}

fn input(posted: &Posted) -> UserInput {
    UserInput {
        name: posted.text("name"),
        site: posted.text("site"),
        label: posted.text("label"),
        mail: posted.text("mail"),
        note: posted.text("note"),
    }
}

fn new_page(visit: &Visit, posted: &Posted, faults: Vec<Fault>) -> Form {
    let lang = visit.lang;
    let id = Field {
        max: 64,
        ..Field::new("id", message("user-id"))
            .hint(message("user-id-hint"))
            .required()
    };
    let mut all = vec![id.value(posted.raw("id")).faults(&faults)];
    all.extend(fields(visit, &|name| posted.raw(name).to_owned(), &faults));
    Form {
        shell: visit.shell(Section::Users),
        title: lang.t("user-new"),
        lead: String::new(),
        crumbs: vec![Link::new(LIST, lang.t("nav-users"))],
        action: LIST.into(),
        hidden: vec![],
        fields: all,
        faults,
        submit: lang.t("user-add"),
        back: LIST.into(),
    }
}

pub(crate) async fn new(visit: Visit) -> Answer {
    crate::access::allow_somewhere(&visit.caller, Action::UserCreate)?;
    Ok(page(&new_page(&visit, &Posted::default(), vec![])))
}

pub(crate) async fn create(visit: Visit, posted: Posted) -> Answer {
    let new = NewUser {
        id: posted.text("id"),
        about: input(&posted),
    };
    match users::create(&visit.app, &visit.caller, new).await {
        Ok(user) => {
            let name = named(Some(&user.name), &user.id);
            Ok(visit.done(
                &user_path(&user.id),
                &Told::new(message("user-added")).with("name", &name),
            ))
        }
        Err(problem) => {
            let fault = form_fault(visit.lang, &problem, FIELDS).ok_or(problem)?;
            let view = new_page(&visit, &posted, vec![fault]);
            Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &view))
        }
    }
}

fn edit_page(visit: &Visit, detail: &UserDetail, posted: Option<&Posted>, faults: Vec<Fault>) -> Form {
    let (lang, user) = (visit.lang, &detail.user);
    let is = |name: &str| match name {
        "name" => user.name.clone(),
        "site" => user.site.clone(),
        "label" => user.label.clone(),
        "mail" => user.mail.clone(),
        _ => user.note.clone(),
    };
    let of = |name: &str| posted.map_or_else(|| is(name), |posted| posted.raw(name).to_owned());
    let path = user_path(&user.id);
    Form {
        shell: visit.shell(Section::Users),
        title: lang.t1("user-edit", "name", named(Some(&user.name), &user.id)),
        lead: String::new(),
        crumbs: vec![Link::new(LIST, lang.t("nav-users")), Link::new(&path, &user.id)],
        action: format!("{path}/edit"),
        hidden: vec![Choice::new("version", user.version.to_string())],
        fields: fields(visit, &of, &faults),
        faults,
        submit: lang.t("save"),
        back: path,
    }
}

pub(crate) async fn edit_form(visit: Visit, Path(id): Path<String>) -> Answer {
    crate::access::allow_somewhere(&visit.caller, Action::UserEdit)?;
    let detail = users::show(&visit.app, &visit.caller, users::id(&id)?).await?;
    Ok(page(&edit_page(&visit, &detail, None, vec![])))
}

pub(crate) async fn edit(visit: Visit, Path(id): Path<String>, posted: Posted) -> Answer {
    let id = users::id(&id)?;
    let version = Some(posted.raw("version").parse().unwrap_or(-1));
    match users::edit(&visit.app, &visit.caller, id.clone(), input(&posted), version).await {
        Ok(user) => Ok(visit.done(&user_path(&user.id), &Told::new(message("user-saved")))),
        Err(problem) => {
            let fault = form_fault(visit.lang, &problem, FIELDS).ok_or(problem)?;
            let detail = users::show(&visit.app, &visit.caller, id).await?;
            let view = edit_page(&visit, &detail, Some(&posted), vec![fault]);
            Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &view))
        }
    }
}

/// The policy somebody has now.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Now {
    now: String,
}

pub(crate) async fn policy_form(visit: Visit, Path(id): Path<String>, Query(now): Query<Now>) -> Answer {
    let lang = visit.lang;
    crate::access::allow_somewhere(&visit.caller, Action::UserPolicy)?;
    let id = users::id(&id)?;
    let all = policies::list(&visit.app, &visit.caller).await?;
    let ids = all
        .individual
        .iter()
        .filter_map(|it| it.policy.get("id")?.as_str());
    let none = Choice::new("", lang.t("policy-of-group"));
    let options = [none].into_iter().chain(ids.map(|id| Choice::new(id, id)));
    let field = Field::new("policy", message("user-policy")).hint(message("user-policy-hint"));
    let path = user_path(id.as_str());
    Ok(page(&Form {
        shell: visit.shell(Section::Users),
        title: lang.t("user-policy"),
        lead: String::new(),
        crumbs: vec![
            Link::new(LIST, lang.t("nav-users")),
            Link::new(&path, id.as_str()),
        ],
        action: format!("{path}/policy"),
        hidden: vec![],
        fields: vec![field.options(options.collect()).value(now.now)],
        faults: vec![],
        submit: lang.t("save"),
        back: path,
    }))
}

pub(crate) async fn policy(visit: Visit, Path(id): Path<String>, posted: Posted) -> Answer {
    let policy = Some(posted.text("policy")).filter(|policy| !policy.is_empty());
    let policy = policy.map(|policy| policy.parse()).transpose();
    let policy = policy.map_err(|fault| Problem::invalid("policy", fault))?;
    let user = users::set_policy(&visit.app, &visit.caller, users::id(&id)?, policy, None).await?;
    Ok(visit.done(&user_path(&user.id), &Told::new(message("user-saved"))))
}
