//! Who has an account, and what each may do.

use axum::extract::Path;
use axum::http::StatusCode;

use super::forms;
use super::gate::fault;
use super::own::tabs;
use super::posted::Posted;
use super::shell::Section;
use super::text::{Lang, message};
use super::views::{Account as AccountPage, AccountRow, Accounts, Deed, Form, HandOver};
use super::visit::{Answer, Stop, Told, Visit, page, page_with};
use super::widgets::{Fault, Field, Link, Moment, Tone, Word, span};
use super::words::choose;
use crate::access::{self, Action, Role};
use crate::accounts::acts::{self, Refused, Wanted};
use crate::accounts::factor;
use crate::accounts::links::PASSWORD_MS;
use crate::accounts::rows::Account;
use crate::problem::Problem;

const LIST: &str = "/settings/accounts";

fn path_of(account: &Account) -> String {
    format!("{LIST}/{}", account.id)
}

fn state(lang: Lang, account: &Account) -> Word {
    let (code, tone) = match (account.disabled, account.has_password) {
        (Some(_), _) => ("disabled", Tone::Off),
        (None, false) => ("invited", Tone::Note),
        (None, true) => ("active", Tone::Good),
    };
    Word::of(lang, "account-state", code, tone)
}

fn sites(account: &Account) -> String {
    account
        .sites
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

pub(crate) async fn list(visit: Visit) -> Answer {
    let lang = visit.lang;
    let row = |account: &Account| AccountRow {
        href: path_of(account),
        name: account.name.clone(),
        login: account.login.clone(),
        role: lang.word("role", account.role.as_str()),
        sites: if account.sites.is_empty() {
            lang.t("site-any")
        } else {
            sites(account)
        },
        state: state(lang, account),
        signed_in: Moment::maybe(lang, account.signed_in.map(|at| at.0)),
    };
    let accounts = acts::list(&visit.app, &visit.caller).await?;
    let required = factor::required(&visit.app, &visit.caller).await?;
    Ok(page(&Accounts {
        required: match required.is_empty() {
            true => lang.t("factor-required-none"),
            false => {
                let words = required.iter().map(|role| lang.word("role", role.as_str()));
                words.collect::<Vec<_>>().join(", ")
            }
        },
        shell: visit.shell(Section::Settings),
        tabs: tabs(&visit, LIST),
        rows: accounts.iter().map(row).collect(),
        roles: forms::roles_explained(lang),
        may_write: visit.may(Action::AccountEdit),
    }))
}

/// Of which roles a second factor is required.
pub(crate) async fn factor_form(visit: Visit) -> Answer {
    let lang = visit.lang;
    access::allow(&visit.caller, Action::AccountEdit, "")?;
    visit.confirmed(&format!("{LIST}/factor"))?;
    let required = factor::required(&visit.app, &visit.caller).await?;
    let field = |role: &Role| {
        let value = if required.contains(role) { "yes" } else { "no" };
        let field = choose(
            lang,
            role.as_str(),
            role_label(*role),
            "factor-required",
            &["yes", "no"],
            "",
        );
        field.value(value)
    };
    Ok(page(&Form {
        shell: visit.shell(Section::Settings),
        title: lang.t("factor-require"),
        lead: lang.t("factor-require-lead"),
        crumbs: vec![Link::new(LIST, lang.t("accounts"))],
        action: format!("{LIST}/factor"),
        hidden: vec![],
        fields: Role::ALL.iter().map(field).collect(),
        faults: vec![],
        submit: lang.t("save"),
        back: LIST.into(),
    }))
}

fn role_label(role: Role) -> &'static str {
    match role {
        Role::Administrator => message("role-administrator"),
        Role::Operator => message("role-operator"),
        Role::Auditor => message("role-auditor"),
        Role::RolloutManager => message("role-rollout-manager"),
    }
}

pub(crate) async fn factor_require(visit: Visit, posted: Posted) -> Answer {
    visit.confirmed(&format!("{LIST}/factor"))?;
    let required = Role::ALL
        .into_iter()
        .filter(|role| posted.raw(role.as_str()) == "yes");
    factor::require(&visit.app, &visit.caller, required.collect()).await?;
    Ok(visit.done(LIST, &Told::new(message("factor-require-saved"))))
}

/// Fields of an account, filled with what was typed or with what is.
fn fields(lang: Lang, name: &str, role: &str, sites: &str, faults: &[Fault]) -> Vec<Field> {
    let role = Field::new("role", message("account-role"))
        .options(forms::roles(lang))
        .value(role);
    vec![
        Field::new("name", message("name"))
            .hint(message("name-hint"))
            .required()
            .value(name)
            .faults(faults),
        role.faults(faults),
        Field::new("sites", message("account-sites"))
            .hint(message("account-sites-hint"))
            .value(sites),
    ]
}

fn new_page(visit: &Visit, posted: &Posted, faults: Vec<Fault>) -> Form {
    let lang = visit.lang;
    let role = if posted.raw("role").is_empty() {
        "operator"
    } else {
        posted.raw("role")
    };
    let mut all = vec![forms::login().value(posted.raw("login")).faults(&faults)];
    all.extend(fields(
        lang,
        posted.raw("name"),
        role,
        posted.raw("sites"),
        &faults,
    ));
    Form {
        shell: visit.shell(Section::Settings),
        title: lang.t("account-new"),
        lead: lang.t("account-new-lead"),
        crumbs: vec![Link::new(LIST, lang.t("accounts"))],
        action: LIST.into(),
        hidden: vec![],
        fields: all,
        faults,
        submit: lang.t("account-add"),
        back: LIST.into(),
    }
}

pub(crate) async fn new(visit: Visit) -> Answer {
    acts::list(&visit.app, &visit.caller).await?;
    visit.confirmed(&format!("{LIST}/new"))?;
    Ok(page(&new_page(&visit, &Posted::default(), vec![])))
}

fn wanted(lang: Lang, posted: &Posted) -> Result<Wanted, Fault> {
    let role = posted.raw("role").parse();
    let role = role.map_err(|()| fault(lang, "role", message("account-role-unknown")))?;
    let sites = posted
        .raw("sites")
        .split(',')
        .map(str::trim)
        .filter(|site| !site.is_empty());
    Ok(Wanted {
        name: posted.text("name"),
        role,
        sites: sites.map(str::to_owned).collect(),
    })
}

/// What is wrong with a form, or a problem that is not about the form.
fn fault_of(lang: Lang, refused: Refused) -> Result<Fault, Problem> {
    Ok(match refused {
        Refused::LoginOdd => fault(lang, "login", message("login-odd")),
        Refused::LoginTaken => fault(lang, "login", message("login-taken")),
        Refused::NameMissing => fault(lang, "name", message("name-missing")),
        Refused::LastAdministrator => fault(lang, "", message("account-last-administrator")),
        Refused::OwnAccount => fault(lang, "", message("account-own-role")),
        Refused::ChangedMeanwhile => fault(lang, "", message("account-changed-meanwhile")),
        other => return Err(other.problem()),
    })
}

pub(crate) async fn create(visit: Visit, posted: Posted) -> Answer {
    visit.confirmed(&format!("{LIST}/new"))?;
    let made = match wanted(visit.lang, &posted) {
        Ok(wanted) => {
            let made = acts::create(&visit.app, &visit.caller, posted.raw("login"), wanted).await;
            made.map_err(|refused| fault_of(visit.lang, refused))
        }
        Err(fault) => Err(Ok(fault)),
    };
    match made {
        Ok((account, link)) => Ok(page(&link_page(&visit, &account, link))),
        Err(Err(problem)) => Err(problem.into()),
        Err(Ok(fault)) => Ok(page_with(
            StatusCode::UNPROCESSABLE_ENTITY,
            &new_page(&visit, &posted, vec![fault]),
        )),
    }
}

/// Hands over a one-time link.
fn link_page(visit: &Visit, account: &Account, link: String) -> HandOver {
    let lang = visit.lang;
    HandOver {
        shell: visit.shell(Section::Settings),
        title: lang.t1("account-link-title", "name", &account.name),
        lead: lang.t1("account-link-lead", "span", span(lang, PASSWORD_MS)),
        crumbs: vec![Link::new(LIST, lang.t("accounts"))],
        qr: None,
        typed: String::new(),
        text_title: lang.t("account-link"),
        text: link,
        facts: vec![],
        back: LIST.into(),
    }
}

fn page_of(visit: &Visit, account: &Account, posted: Option<&Posted>, faults: Vec<Fault>) -> AccountPage {
    let lang = visit.lang;
    let deed = |what: &str, is_grave| Deed {
        title: lang.word("account", what),
        text: lang.word("account", format!("{what}_text")),
        action: format!("{}/{what}", path_of(account)),
        button: if what == "link" {
            lang.t("account-link-button")
        } else {
            lang.word("account", what)
        },
        is_grave,
    };
    let deeds = match account.disabled {
        Some(_) => vec![deed("enable", false)],
        None if account.has_factor => {
            vec![deed("link", false), deed("factor", true), deed("disable", true)]
        }
        None => vec![deed("link", false), deed("disable", true)],
    };
    let typed = |name: &str, is: String| posted.map_or(is, |posted| posted.raw(name).to_owned());
    let (name, role) = (
        typed("name", account.name.clone()),
        typed("role", account.role.to_string()),
    );
    AccountPage {
        shell: visit.shell(Section::Settings),
        name: account.name.clone(),
        state: state(lang, account),
        action: path_of(account),
        revision: account.version.to_string(),
        fields: fields(lang, &name, &role, &typed("sites", sites(account)), &faults),
        faults,
        deeds,
    }
}

pub(crate) async fn show(visit: Visit, Path(id): Path<String>) -> Answer {
    let account = acts::show(&visit.app, &visit.caller, id).await?;
    visit.confirmed(&path_of(&account))?;
    Ok(page(&page_of(&visit, &account, None, vec![])))
}

pub(crate) async fn edit(visit: Visit, Path(id): Path<String>, posted: Posted) -> Answer {
    let account = acts::show(&visit.app, &visit.caller, id.clone()).await?;
    visit.confirmed(&path_of(&account))?;
    let version = posted.raw("revision").parse().unwrap_or(0);
    let edited = match wanted(visit.lang, &posted) {
        Err(fault) => Err(fault),
        Ok(wanted) => match acts::edit(&visit.app, &visit.caller, id, version, wanted).await {
            Ok(()) => Ok(()),
            Err(refused) => Err(fault_of(visit.lang, refused)?),
        },
    };
    match edited {
        Ok(()) => Ok(visit.done(LIST, &Told::new(message("account-saved")))),
        Err(fault) => Ok(page_with(
            StatusCode::UNPROCESSABLE_ENTITY,
            &page_of(&visit, &account, Some(&posted), vec![fault]),
        )),
    }
}

pub(crate) async fn deed(visit: Visit, Path((id, deed)): Path<(String, String)>, _: Posted) -> Answer {
    let account = acts::show(&visit.app, &visit.caller, id.clone()).await?;
    let path = path_of(&account);
    visit.confirmed(&path)?;
    let (result, key, undo) = match deed.as_str() {
        "disable" => {
            let done = acts::disable(&visit.app, &visit.caller, id).await;
            (done, message("account-disabled"), format!("{path}/enable"))
        }
        "enable" => {
            let done = acts::enable(&visit.app, &visit.caller, id).await;
            (done, message("account-enabled"), format!("{path}/disable"))
        }
        "factor" => {
            factor::reset(&visit.app, &visit.caller, id).await?;
            return Ok(visit.done(LIST, &Told::new(message("factor-was-reset"))));
        }
        "link" => {
            let (account, link) = acts::link(&visit.app, &visit.caller, id).await?;
            return Ok(page(&link_page(&visit, &account, link)));
        }
        _ => return Err(Stop::from(Problem::not_found("deed", deed))),
    };
    match result {
        Ok(()) => Ok(visit.done(LIST, &Told::new(key).undo(&undo))),
        Err(refused) => {
            let fault = fault_of(visit.lang, refused)?;
            let view = page_of(&visit, &account, None, vec![fault]);
            Ok(page_with(StatusCode::CONFLICT, &view))
        }
    }
}
