//! Tickets: who stands at the kiosk, on paper.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use page_kit::qr;
use policy::model::Zone;
use serde::Deserialize;

use super::posted::Posted;
use super::shell::Section;
use super::text::{Lang, message};
use super::views::{Form, HandOver, TicketRow, Tickets};
use super::visit::{Answer, Told, Visit, page, page_with};
use super::widgets::{Choice, Cursors, Fault, Field, Link, Moment, Pager, Tone, Word};
use super::words::{choose, code_of, form_fault, user_path};
use crate::access::{self, Action};
use crate::acts::page::PageRequest;
use crate::acts::tickets::{self, IssuedTicket, NewTicket, TicketFilter, TicketView};

const LIST: &str = "/tickets";

/// What the list, or the form of a new ticket, is asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    user: String,
    cursor: Option<String>,
}

fn row(lang: Lang, view: &TicketView, now_s: u64, may_revoke: bool) -> TicketRow {
    let (code, tone) = match (view.revoked_ms, view.spent_ms) {
        (Some(_), _) => ("was_revoked", Tone::Off),
        (_, Some(_)) => ("used", Tone::Off),
        _ if view.expires <= now_s => ("expired", Tone::Off),
        _ => ("open", Tone::Good),
    };
    let millis = |seconds: u64| i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
    TicketRow {
        user: view.user.clone(),
        user_href: user_path(&view.user),
        state: Word::of(lang, "ticket", code, tone),
        site: view.site.clone(),
        issued: Moment::of(lang, view.issued_ms),
        until: Moment::of(lang, millis(view.expires)),
        revoke: match code == "open" && may_revoke {
            true => format!("{LIST}/{}/revoke", view.id),
            false => String::new(),
        },
    }
}

pub(crate) async fn list(visit: Visit, Query(asked): Query<Asked>) -> Answer {
    let lang = visit.lang;
    let request = PageRequest {
        cursor: asked.cursor.clone(),
        limit: None,
    };
    let found = tickets::list(&visit.app, &visit.caller, TicketFilter::default(), request).await?;
    let now_s = u64::try_from(visit.app.now().0 / 1000).unwrap_or(0);
    let may_write = visit.may(Action::TicketIssue);
    let cursors = Cursors {
        here: asked.cursor.as_deref(),
        next: found.next_cursor.as_deref(),
    };
    Ok(page(&Tickets {
        shell: visit.shell(Section::Tickets),
        rows: found
            .rows
            .iter()
            .map(|view| row(lang, view, now_s, may_write))
            .collect(),
        pager: Pager::new(lang, found.rows.len(), LIST, &[], cursors),
        may_write,
    }))
}

fn new_page(visit: &Visit, of: &dyn Fn(&str) -> String, faults: Vec<Fault>) -> Form {
    let lang = visit.lang;
    let or = |name: &str, default: &str| {
        Some(of(name))
            .filter(|it| !it.is_empty())
            .unwrap_or(default.to_owned())
    };
    let zones = ["enrollment", "registration"];
    let hours = Field::new("hours", message("ticket-hours"))
        .hint(message("ticket-hours-hint"))
        .of_kind("number");
    let fields = vec![
        Field::new("user", message("ticket-user"))
            .hint(message("ticket-user-hint"))
            .required()
            .value(of("user")),
        choose(lang, "zone", message("col-zone"), "zone", &zones, "").value(or("zone", "enrollment")),
        Field::new("site", message("col-site"))
            .hint(message("ticket-site-hint"))
            .value(of("site")),
        hours.value(or("hours", "12")),
    ];
    Form {
        shell: visit.shell(Section::Tickets),
        title: lang.t("ticket-issue"),
        lead: lang.t("ticket-issue-lead"),
        crumbs: vec![Link::new(LIST, lang.t("nav-tickets"))],
        action: LIST.into(),
        hidden: vec![],
        fields: fields.into_iter().map(|field| field.faults(&faults)).collect(),
        faults,
        submit: lang.t("ticket-issue"),
        back: LIST.into(),
    }
}

pub(crate) async fn new(visit: Visit, Query(asked): Query<Asked>) -> Answer {
    access::allow_somewhere(&visit.caller, Action::TicketIssue)?;
    let of = |name: &str| {
        if name == "user" {
            asked.user.clone()
        } else {
            String::new()
        }
    };
    Ok(page(&new_page(&visit, &of, vec![])))
}

pub(crate) async fn create(visit: Visit, posted: Posted) -> Answer {
    let new = NewTicket {
        user: posted.text("user"),
        site: Some(posted.text("site")).filter(|site| !site.is_empty()),
        zone: serde_json::from_value(posted.raw("zone").into()).unwrap_or(Zone::Enrollment),
        hours: posted.text("hours").parse().unwrap_or(0),
    };
    match tickets::issue(&visit.app, &visit.caller, new).await {
        Ok(issued) => Ok(page(&issued_page(&visit, issued))),
        Err(problem) => {
            let fault = form_fault(visit.lang, &problem, &["user", "site", "hours"]).ok_or(problem)?;
            let view = new_page(&visit, &|name| posted.raw(name).to_owned(), vec![fault]);
            Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &view))
        }
    }
}

fn issued_page(visit: &Visit, issued: IssuedTicket) -> HandOver {
    let lang = visit.lang;
    let ticket = issued.ticket;
    let until = i64::try_from(ticket.expires.saturating_mul(1000)).unwrap_or(i64::MAX);
    HandOver {
        shell: visit.shell(Section::Tickets),
        title: lang.t1("ticket-issued", "name", &ticket.user),
        lead: lang.t("ticket-issued-lead"),
        crumbs: vec![Link::new(LIST, lang.t("nav-tickets"))],
        qr: qr::draw(&issued.text),
        typed: issued.code,
        text_title: lang.t("ticket-text"),
        text: issued.text,
        facts: vec![
            Choice::new(lang.t("col-site"), ticket.site),
            Choice::new(lang.t("col-zone"), lang.word("zone", code_of(ticket.zone))),
            Choice::new(lang.t("col-until"), Moment::of(lang, until).text),
        ],
        back: user_path(&ticket.user),
    }
}

/// Asks once more: a ticket cannot be given back its use.
pub(crate) async fn revoke_form(visit: Visit, Path(id): Path<String>) -> Answer {
    access::allow_somewhere(&visit.caller, Action::TicketIssue)?;
    tickets::parse_id(&id)?;
    let lang = visit.lang;
    Ok(page(&Form {
        shell: visit.shell(Section::Tickets),
        title: lang.t("ticket-revoke"),
        lead: lang.t("ticket-revoke-lead"),
        crumbs: vec![Link::new(LIST, lang.t("nav-tickets"))],
        action: format!("{LIST}/{id}/revoke"),
        hidden: vec![],
        fields: vec![],
        faults: vec![],
        submit: lang.t("ticket-revoke"),
        back: LIST.into(),
    }))
}

pub(crate) async fn revoke(visit: Visit, Path(id): Path<String>, _: Posted) -> Answer {
    tickets::revoke(&visit.app, &visit.caller, tickets::parse_id(&id)?).await?;
    Ok(visit.done(LIST, &Told::new(message("ticket-revoked"))))
}
