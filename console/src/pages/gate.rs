//! The way in and out: sign-in, one-time links, showing the password once more, language and theme.

use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::response::Response;
use serde::Deserialize;

use super::forms;
use super::posted::Posted;
use super::shell::{Section, Theme};
use super::text::{Lang, message};
use super::views::{CodePage, DeadEnd, Form, OneTimeLink, SignIn};
use super::visit::{Answer, Stop, Visit, Visitor, go, own_path, page, page_with};
use super::widgets::{Choice, Fault, Field, address, span};
use crate::accounts::acts;
use crate::accounts::factor::{self, NotTaken};
use crate::accounts::links::{self, Answer as LinkAnswer, NotUsed};
use crate::accounts::password::{CHARS_MIN, Weakness};
use crate::accounts::rows::Account;
use crate::accounts::secret::Secret;
use crate::accounts::sign_in::{self, Attempt, Refused, SignedIn};
use crate::problem::{Code, Problem};

/// How long language and theme are remembered.
const LOOK_S: i64 = 365 * 24 * 3600;

/// Where to go afterwards, and what to say first.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Then {
    #[serde(default)]
    next: String,
    #[serde(default)]
    out: String,
}

pub(crate) async fn sign_in_form(visitor: Visitor, Query(then): Query<Then>) -> Response {
    if visitor.session.is_some() {
        return go(own_path(&then.next));
    }
    let lang = visitor.lang;
    let notice = match (then.out.as_str(), then.next.as_str()) {
        ("signed-out", _) => lang.t("signed-out"),
        ("link-done", _) => lang.t("link-done"),
        (_, "") => String::new(),
        _ => lang.t("sign-in-again"),
    };
    page(&sign_in_page(&visitor, "", &then.next, notice, vec![]))
}

fn sign_in_page(visitor: &Visitor, login: &str, next: &str, notice: String, faults: Vec<Fault>) -> SignIn {
    SignIn {
        shell: visitor.shell(Section::Nowhere),
        notice,
        next: own_path(next).to_owned(),
        login: forms::login().value(login),
        password: forms::password(),
        faults,
    }
}

pub(crate) async fn sign_in(visitor: Visitor, posted: Posted) -> Answer {
    let attempt = Attempt {
        login: posted.text("login"),
        password: posted.raw("password").to_owned(),
        address: visitor.address.clone(),
        agent: visitor.agent.clone(),
    };
    match sign_in::sign_in(&visitor.app, attempt).await {
        Ok(SignedIn { secret, waits }) => {
            let next = own_path(posted.raw("next"));
            let code = address("/sign-in/code", &[("next", next)]);
            Ok(with_session(&visitor, if waits { &code } else { next }, &secret))
        }
        Err(Refused::Problem(problem)) => Err(problem.into()),
        Err(refused) => Ok(not_signed_in(&visitor, &posted, &refused)),
    }
}

/// Goes on under the secret of a session.
fn with_session(visitor: &Visitor, to: &str, secret: &Secret) -> Response {
    let mut response = go(to);
    response
        .headers_mut()
        .append(SET_COOKIE, visitor.cookie("session", &secret.text(), None));
    response
}

fn code_page(visitor: &Visitor, next: &str, faults: Vec<Fault>) -> CodePage {
    CodePage {
        shell: visitor.shell(Section::Nowhere),
        next: own_path(next).to_owned(),
        code: forms::code().faults(&faults),
        faults,
    }
}

pub(crate) async fn code_form(visitor: Visitor, Query(then): Query<Then>) -> Response {
    match visitor.waiting {
        Some(_) => page(&code_page(&visitor, &then.next, vec![])),
        None => go("/sign-in"),
    }
}

pub(crate) async fn code(visitor: Visitor, posted: Posted) -> Answer {
    let next = posted.text("next");
    let Some(waiting) = &visitor.waiting else {
        return Ok(go("/sign-in"));
    };
    match factor::pass(&visitor.app, waiting, posted.text("code")).await {
        Ok(secret) => Ok(with_session(&visitor, own_path(&next), &secret)),
        Err(NotTaken::Over) => Ok(go("/sign-in")),
        Err(not_taken) => {
            let fault = code_fault(visitor.lang, not_taken)?;
            let view = code_page(&visitor, &next, vec![fault]);
            Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &view))
        }
    }
}

/// What was wrong with a code.
pub(crate) fn code_fault(lang: Lang, not_taken: NotTaken) -> Result<Fault, Problem> {
    match not_taken {
        NotTaken::Problem(problem) => Err(problem),
        NotTaken::Wait(millis) => Ok(Fault {
            field: "code",
            text: lang.t1("sign-in-wait", "span", span(lang, millis + 999)),
        }),
        NotTaken::Wrong | NotTaken::Over => Ok(fault(lang, "code", message("code-wrong"))),
    }
}

fn not_signed_in(visitor: &Visitor, posted: &Posted, refused: &Refused) -> Response {
    let lang = visitor.lang;
    let (status, text, wait_ms) = match refused {
        Refused::Wait(millis) => {
            let text = lang.t1("sign-in-wait", "span", span(lang, millis + 999));
            (StatusCode::TOO_MANY_REQUESTS, text, Some(*millis))
        }
        _ => (StatusCode::UNPROCESSABLE_ENTITY, lang.t("sign-in-refused"), None),
    };
    let faults = vec![Fault { field: "", text }];
    let view = sign_in_page(
        visitor,
        &posted.text("login"),
        posted.raw("next"),
        String::new(),
        faults,
    );
    let mut response = page_with(status, &view);
    if let Some(millis) = wait_ms {
        response
            .headers_mut()
            .insert(RETRY_AFTER, (millis / 1000 + 1).into());
    }
    response
}

pub(crate) async fn sign_out(visit: Visit, _: Posted) -> Answer {
    acts::end_session(&visit.app, &visit.session, visit.session.row.id.clone()).await?;
    let mut response = go("/sign-in?out=signed-out");
    response
        .headers_mut()
        .append(SET_COOKIE, visit.cookie("session", "", Some(0)));
    Ok(response)
}

fn dead(visitor: &Visitor) -> Response {
    let view = DeadEnd {
        title: visitor.lang.t("link-dead"),
        text: visitor.lang.t("link-dead-text"),
        shell: visitor.shell(Section::Nowhere),
    };
    page_with(StatusCode::NOT_FOUND, &view)
}

/// Shows what a link is for. Programs that look at links in mails change nothing by it.
pub(crate) async fn link_form(visitor: Visitor, Path(text): Path<String>) -> Answer {
    let Some(secret) = Secret::read(&text) else {
        return Ok(dead(&visitor));
    };
    let Some(link) = links::look(&visitor.app, &secret).await? else {
        return Ok(dead(&visitor));
    };
    Ok(page(&link_page(
        &visitor,
        &text,
        link.account.as_ref(),
        ("", ""),
        vec![],
    )))
}

fn link_page(
    visitor: &Visitor,
    secret: &str,
    account: Option<&Account>,
    typed: (&str, &str),
    faults: Vec<Fault>,
) -> OneTimeLink {
    let is_setup = account.is_none();
    let (title, lead) = match is_setup {
        true => (message("setup"), message("setup-lead")),
        false => (message("reset"), message("reset-lead")),
    };
    let name = Field::new("name", message("name"))
        .hint(message("name-hint"))
        .required();
    OneTimeLink {
        shell: visitor.shell(Section::Nowhere),
        title,
        lead,
        action: format!("/link/{secret}"),
        whose: account.map(|account| account.login.clone()).unwrap_or_default(),
        login: is_setup.then(|| forms::login().value(typed.0).faults(&faults)),
        name: is_setup.then(|| name.value(typed.1).faults(&faults).autocomplete("name")),
        password: forms::new_password().faults(&faults),
        again: forms::password_again().faults(&faults),
        faults,
    }
}

pub(crate) async fn link(visitor: Visitor, Path(text): Path<String>, posted: Posted) -> Answer {
    let Some(secret) = Secret::read(&text) else {
        return Ok(dead(&visitor));
    };
    let Some(link) = links::look(&visitor.app, &secret).await? else {
        return Ok(dead(&visitor));
    };
    let (login, name) = (posted.text("login"), posted.text("name"));
    let result = match posted.raw("password") == posted.raw("again") {
        true => used(&visitor, &secret, &posted).await?,
        false => Some(fault(visitor.lang, "again", message("password-differs"))),
    };
    match result {
        None => Ok(go("/sign-in?out=link-done")),
        Some(fault) if fault.text.is_empty() => Ok(dead(&visitor)),
        Some(fault) => {
            let view = link_page(
                &visitor,
                &text,
                link.account.as_ref(),
                (&login, &name),
                vec![fault],
            );
            Ok(page_with(StatusCode::UNPROCESSABLE_ENTITY, &view))
        }
    }
}

/// Uses the link; a fault without words says that it is dead.
async fn used(visitor: &Visitor, secret: &Secret, posted: &Posted) -> Result<Option<Fault>, Stop> {
    let answer = LinkAnswer {
        login: posted.text("login"),
        name: posted.text("name"),
        password: posted.raw("password").to_owned(),
    };
    let lang = visitor.lang;
    let Err(not_used) = links::spend(&visitor.app, secret, answer).await else {
        return Ok(None);
    };
    Ok(Some(match not_used {
        NotUsed::Problem(problem) => return Err(problem.into()),
        NotUsed::Dead => Fault {
            field: "",
            text: String::new(),
        },
        NotUsed::LoginOdd => fault(lang, "login", message("login-odd")),
        NotUsed::LoginTaken => fault(lang, "login", message("login-taken")),
        NotUsed::NameMissing => fault(lang, "name", message("name-missing")),
        NotUsed::Weak(weakness) => weak(lang, "password", weakness),
    }))
}

pub(crate) fn fault(lang: Lang, field: &'static str, key: &'static str) -> Fault {
    Fault {
        field,
        text: lang.t(key),
    }
}

/// What is wrong with a new password.
pub(crate) fn weak(lang: Lang, field: &'static str, weakness: Weakness) -> Fault {
    let count = match weakness {
        Weakness::TooShort(count) => count,
        _ => 0,
    };
    Fault {
        field,
        text: lang.t2(weakness.key(), "count", count, "least", CHARS_MIN),
    }
}

fn confirm_page(visit: &Visit, next: &str, faults: Vec<Fault>) -> Form {
    let lang = visit.lang;
    Form {
        shell: visit.shell(Section::Nowhere),
        title: lang.t("confirm-title"),
        lead: lang.t("confirm-lead"),
        crumbs: vec![],
        action: "/confirm".into(),
        hidden: vec![Choice::new("next", own_path(next))],
        fields: confirm_fields(visit, &faults),
        faults,
        submit: lang.t("confirm-button"),
        back: "/".into(),
    }
}

fn confirm_fields(visit: &Visit, faults: &[Fault]) -> Vec<Field> {
    let password = forms::present_password().of_kind("password");
    let code = visit.session.account.has_factor.then(forms::code);
    let all = std::iter::once(password).chain(code);
    all.map(|field| field.faults(faults)).collect()
}

pub(crate) async fn confirm_form(visit: Visit, Query(then): Query<Then>) -> Response {
    page(&confirm_page(&visit, &then.next, vec![]))
}

pub(crate) async fn confirm(visit: Visit, posted: Posted) -> Answer {
    let next = posted.text("next");
    let fault = match confirmed(&visit, &posted).await? {
        Ok(secret) => return Ok(with_session(&visit, own_path(&next), &secret)),
        Err(fault) => fault,
    };
    Ok(page_with(
        StatusCode::UNPROCESSABLE_ENTITY,
        &confirm_page(&visit, &next, vec![fault]),
    ))
}

/// Password first, then the code if there is a second factor: the session counts as confirmed after both alone.
async fn confirmed(visit: &Visit, posted: &Posted) -> Result<Result<Secret, Fault>, Stop> {
    let typed = posted.raw("present").to_owned();
    if visit.session.account.has_factor {
        if !acts::is_password(&visit.app, &visit.session, typed).await? {
            return Ok(Err(fault(visit.lang, "present", message("password-wrong"))));
        }
        let shown = factor::confirm(&visit.app, &visit.session, posted.text("code")).await;
        return Ok(match shown {
            Ok(secret) => Ok(secret),
            Err(not_taken) => Err(code_fault(visit.lang, not_taken)?),
        });
    }
    match acts::confirm(&visit.app, &visit.session, typed).await {
        Ok(secret) => Ok(Ok(secret)),
        Err(acts::Refused::WrongPassword) => Ok(Err(fault(visit.lang, "present", message("password-wrong")))),
        Err(refused) => Err(refused.problem().into()),
    }
}

/// Changes language or theme.
pub(crate) async fn look(visitor: Visitor, posted: Posted) -> Answer {
    let mut response = go(own_path(posted.raw("here")));
    if let Some(lang) = Lang::from_code(posted.raw("lang")) {
        let cookie = visitor.cookie("lang", lang.code(), Some(LOOK_S));
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    if let Some(theme) = Theme::from_code(posted.raw("theme")) {
        let cookie = visitor.cookie("theme", theme.code(), Some(LOOK_S));
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

pub(crate) async fn nothing_here(_: Visitor) -> Stop {
    Stop::from(Problem::new(Code::NotFound, "there is nothing here", ""))
}
