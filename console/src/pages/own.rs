//! One's own account: password and sessions.

use axum::http::StatusCode;

use super::forms;
use super::gate::{code_fault, fault, weak};
use super::posted::Posted;
use super::shell::Section;
use super::text::message;
use super::views::{FactorSetup, Form, HandOver, OwnAccount, SessionRow, Tab};
use super::visit::{Answer, Told, Visit, page, page_with};
use super::widgets::{Fault, Link, Moment};
use crate::access::Action;
use crate::accounts::acts::{self, Refused};
use crate::accounts::factor::{self, Setup};
use crate::problem::Problem;

/// The parts of the settings that this person may see.
pub(crate) fn tabs(visit: &Visit, current: &str) -> Vec<Tab> {
    forms::tabs(
        current,
        visit.may(Action::SettingsView),
        visit.may(Action::AccountView),
        visit.may(Action::KeyView),
    )
}

async fn view(visit: &Visit, faults: Vec<Fault>) -> Result<OwnAccount, Problem> {
    let lang = visit.lang;
    let sessions = acts::sessions(&visit.app, &visit.session).await?;
    let row = |row: crate::accounts::rows::SessionRow| SessionRow {
        from: format!("{} · {}", row.address, row.agent),
        begun: Moment::of(lang, row.begun.0),
        is_this: row.id == visit.session.row.id,
        id: row.id,
    };
    let fields = [
        forms::present_password(),
        forms::new_password(),
        forms::password_again(),
    ];
    Ok(OwnAccount {
        shell: visit.shell(Section::Settings),
        tabs: tabs(visit, "/settings"),
        login: visit.session.account.login.clone(),
        has_factor: visit.session.account.has_factor,
        needs_factor: visit.session.account.needs_factor,
        codes_left: match visit.session.account.has_factor {
            true => lang.t1(
                "factor-codes-left",
                "count",
                factor::codes_left(&visit.app, &visit.session).await?,
            ),
            false => String::new(),
        },
        password_fields: fields.into_iter().map(|field| field.faults(&faults)).collect(),
        sessions: sessions.into_iter().map(row).collect(),
        faults,
    })
}

pub(crate) async fn show(visit: Visit) -> Answer {
    Ok(page(&view(&visit, vec![]).await?))
}

pub(crate) async fn password(visit: Visit, posted: Posted) -> Answer {
    let lang = visit.lang;
    let (present, new) = (
        posted.raw("present").to_owned(),
        posted.raw("password").to_owned(),
    );
    let refused = match new == posted.raw("again") {
        false => fault(lang, "again", message("password-differs")),
        true => match acts::change_password(&visit.app, &visit.session, present, new).await {
            Ok(()) => return Ok(visit.done("/settings", &Told::new(message("password-changed")))),
            Err(Refused::WrongPassword) => fault(lang, "present", message("password-wrong")),
            Err(Refused::Weak(weakness)) => weak(lang, "password", weakness),
            Err(refused) => return Err(refused.problem().into()),
        },
    };
    let view = view(&visit, vec![refused]).await?;
    Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &view))
}

pub(crate) async fn end_session(visit: Visit, posted: Posted) -> Answer {
    if !acts::end_session(&visit.app, &visit.session, posted.text("session")).await? {
        return Err(Problem::not_found("session", "of this name").into());
    }
    Ok(visit.done("/settings", &Told::new(message("session-ended"))))
}

pub(crate) async fn end_others(visit: Visit, _: Posted) -> Answer {
    acts::end_other_sessions(&visit.app, &visit.session).await?;
    Ok(visit.done("/settings", &Told::new(message("sessions-ended"))))
}

fn setup_page(visit: &Visit, setup: Setup, faults: Vec<Fault>) -> FactorSetup {
    FactorSetup {
        shell: visit.shell(Section::Settings),
        qr: page_kit::qr::draw(&setup.address),
        text: setup.text,
        code: forms::code().hint(message("factor-code-hint")).faults(&faults),
        faults,
    }
}

/// Codes on paper, shown once.
fn codes_page(visit: &Visit, codes: &[String]) -> HandOver {
    let lang = visit.lang;
    HandOver {
        shell: visit.shell(Section::Settings),
        title: lang.t("factor-codes-title"),
        lead: lang.t("factor-codes-lead"),
        crumbs: vec![Link::new("/settings", lang.t("account-own"))],
        qr: None,
        typed: String::new(),
        text_title: lang.t("factor-codes"),
        text: codes.join("\n"),
        facts: vec![],
        back: "/settings".into(),
    }
}

/// Where somebody is led whose role needs a second factor.
pub(crate) async fn factor_due(visit: Visit) -> Answer {
    let lang = visit.lang;
    if visit.session.account.has_factor {
        return Ok(super::visit::go("/settings"));
    }
    let role = lang.word("role", visit.session.account.role.as_str());
    Ok(page(&Form {
        shell: visit.shell(Section::Nowhere),
        title: lang.t("factor-due"),
        lead: lang.t1("factor-due-lead", "role", role),
        crumbs: vec![],
        action: "/settings/factor/begin".into(),
        hidden: vec![],
        fields: vec![],
        faults: vec![],
        submit: lang.t("factor-setup"),
        back: "/settings/factor".into(),
    }))
}

pub(crate) async fn factor_begin(visit: Visit, _: Posted) -> Answer {
    visit.confirmed("/settings")?;
    let setup = factor::begin(&visit.app, &visit.session).await?;
    Ok(page(&setup_page(&visit, setup, vec![])))
}

pub(crate) async fn factor_bind(visit: Visit, posted: Posted) -> Answer {
    visit.confirmed("/settings")?;
    let not_taken = match factor::bind(&visit.app, &visit.session, posted.text("code")).await {
        Ok(codes) => return Ok(page(&codes_page(&visit, &codes))),
        Err(not_taken) => not_taken,
    };
    let fault = code_fault(visit.lang, not_taken)?;
    match factor::proposal(&visit.app, &visit.session).await? {
        Some(setup) => Ok(page_with(
            StatusCode::UNPROCESSABLE_ENTITY,
            &setup_page(&visit, setup, vec![fault]),
        )),
        None => Ok(super::visit::go("/settings")),
    }
}

pub(crate) async fn factor_codes(visit: Visit, _: Posted) -> Answer {
    visit.confirmed("/settings")?;
    let codes = factor::new_codes(&visit.app, &visit.session).await?;
    Ok(page(&codes_page(&visit, &codes)))
}

pub(crate) async fn factor_remove(visit: Visit, _: Posted) -> Answer {
    visit.confirmed("/settings")?;
    factor::remove(&visit.app, &visit.session).await?;
    Ok(visit.done("/settings", &Told::new(message("factor-removed"))))
}
