//! One request of somebody: who it is, in which language and theme, and what the answer may be.

use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT_LANGUAGE, LOCATION, SET_COOKIE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Response};

use super::shell::{Done, Section, Shell, Theme, Who, open_to};
use super::text::Lang;
use super::widgets::{address, escaped};
use crate::access::{self, Action, Caller};
use crate::accounts::secret::Secret;
use crate::accounts::session::{self, Session};
use crate::problem::{Code, Problem};
use crate::serve::App;

/// What every request brings along, worked out once before any handler.
#[derive(Clone, Debug)]
pub(crate) struct Visitor {
    pub(crate) app: App,
    pub(crate) lang: Lang,
    pub(crate) theme: Theme,
    /// Path and query.
    pub(crate) here: String,
    /// What the browser calls itself.
    pub(crate) agent: String,
    /// Where the request comes from.
    pub(crate) address: String,
    pub(crate) session: Option<(Caller, Session)>,
    /// Somebody who showed the password, and has to show a code.
    pub(crate) waiting: Option<Session>,
    /// What binds forms to a browser that has not signed in.
    pub(crate) visit: Secret,
    /// The secret above is new: the browser does not know it yet.
    pub(crate) is_new: bool,
    pub(crate) done: Option<(String, Vec<String>)>,
}

/// The same, of somebody who is signed in.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    pub(crate) visitor: Visitor,
    pub(crate) caller: Caller,
    pub(crate) session: Session,
}

impl std::ops::Deref for Visit {
    type Target = Visitor;
    fn deref(&self) -> &Visitor {
        &self.visitor
    }
}

/// What a handler answers.
pub(crate) type Answer = Result<Response, Stop>;

/// Why a handler does not show its page.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// It could not be done; the guard shows why, in the visitor's language.
    Problem(Problem),
    /// The way leads elsewhere first.
    Go(String),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl IntoResponse for Stop {
    fn into_response(self) -> Response {
        match self {
            Self::Go(to) => go(&to),
            Self::Problem(problem) => {
                let status = StatusCode::from_u16(problem.code.status());
                let mut response = status
                    .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
                    .into_response();
                response.extensions_mut().insert(problem);
                response
            }
        }
    }
}

/// Sends a browser elsewhere, by GET.
pub(crate) fn go(to: &str) -> Response {
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response()
}

/// Shows a page.
pub(crate) fn page(template: &impl askama::Template) -> Response {
    page_with(StatusCode::OK, template)
}

/// Shows a page with a status.
pub(crate) fn page_with(status: StatusCode, template: &impl askama::Template) -> Response {
    match template.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            Stop::from(Problem::new(Code::Internal, "the page could not be rendered", "")).into_response()
        }
    }
}

/// The path of a page of our own, or the start: nobody is sent to another site by a link to us.
pub(crate) fn own_path(path: &str) -> &str {
    let is_own = path.starts_with('/') && !path.starts_with("//") && !path.contains(['\\', '\r', '\n']);
    if is_own { path } else { "/" }
}

impl Visitor {
    /// Works out everything but the session from the head of a request.
    pub(crate) fn of(
        app: App,
        parts: &Parts,
        address: String,
        found: Option<Session>,
    ) -> Result<Self, Problem> {
        let (waiting, session) = match found {
            Some(session) if session.row.waits => (Some(session), None),
            other => (None, other),
        };
        let caller = |session: &Session| session::caller_of(&session.account, &session.row.id);
        let headers = &parts.headers;
        let cookie = |name| session::cookie(headers, &cookie_name(&app, name)).map(str::to_owned);
        let known = cookie("visit").and_then(|text| Secret::read(&text));
        let is_new = known.is_none();
        let wished = || Lang::accepted(header(headers, ACCEPT_LANGUAGE.as_str()));
        let here = parts.uri.path_and_query().map_or("/", |it| it.as_str());
        Ok(Self {
            lang: cookie("lang")
                .and_then(|code| Lang::from_code(&code))
                .unwrap_or_else(wished),
            theme: cookie("theme")
                .and_then(|code| Theme::from_code(&code))
                .unwrap_or_default(),
            here: own_path(here).to_owned(),
            agent: header(headers, USER_AGENT.as_str()).to_owned(),
            address,
            session: session.map(|session| (caller(&session), session)),
            waiting,
            visit: known.map_or_else(Secret::new, Ok)?,
            is_new,
            done: cookie("done").and_then(|text| read_done(&text)),
            app,
        })
    }

    /// What forms of this browser are bound to.
    pub(crate) fn bound_to(&self) -> &Secret {
        self.session
            .as_ref()
            .map_or(&self.visit, |(_, session)| &session.secret)
    }

    /// The token that the forms of this answer carry.
    pub(crate) fn form_token(&self) -> String {
        self.bound_to().form_token(&self.form_key())
    }

    pub(crate) fn form_key(&self) -> [u8; 32] {
        *self.app.vault.derive("bandstand form token 1")
    }

    /// What is around the page.
    pub(crate) fn shell(&self, section: Section) -> Shell {
        let who = self.session.as_ref().map(|(caller, _)| Who {
            name: caller.name.clone(),
            role: caller.role.as_str(),
        });
        Shell {
            lang: self.lang,
            theme: self.theme,
            who: who.unwrap_or_default(),
            csrf: self.form_token(),
            here: self.here.clone(),
            section,
            open: self
                .session
                .as_ref()
                .filter(|(_, session)| !session.account.must_bind())
                .map_or_else(Vec::new, |(caller, _)| open_to(caller)),
            done: self
                .done
                .as_ref()
                .and_then(|(undo, words)| self.told(undo, words)),
        }
    }

    /// What was done, in words: a key and at most one value.
    fn told(&self, undo: &str, words: &[String]) -> Option<Done> {
        let (key, rest) = words.split_first()?;
        let text = match rest {
            [name, value, ..] if self.lang.knows(key) => match value.parse::<i64>() {
                Ok(number) if name == "count" => self.lang.t1(key, name, number),
                _ => self.lang.t1(key, name, value),
            },
            _ if self.lang.knows(key) => self.lang.t(key),
            _ => return None,
        };
        let undo = if undo.is_empty() {
            String::new()
        } else {
            own_path(undo).to_owned()
        };
        Some(Done { text, undo })
    }

    /// A cookie of ours, for this host alone where the connection allows it.
    pub(crate) fn cookie(&self, name: &str, value: &str, lasts_s: Option<i64>) -> HeaderValue {
        set_cookie(&self.app, name, value, lasts_s)
    }
}

/// The name of a cookie. Over HTTPS the prefix binds it to this very host.
pub(crate) fn cookie_name(app: &App, name: &str) -> String {
    let prefix = if app.config.web.is_https() { "__Host-" } else { "" };
    format!("{prefix}{name}")
}

pub(crate) fn set_cookie(app: &App, name: &str, value: &str, lasts_s: Option<i64>) -> HeaderValue {
    let name = cookie_name(app, name);
    let secure = if app.config.web.is_https() { "; Secure" } else { "" };
    let lasts = lasts_s.map_or_else(String::new, |seconds| format!("; Max-Age={seconds}"));
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{lasts}");
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static(""))
}

/// What was done travels in a cookie to the next page: the way back, then a key and its value.
fn read_done(text: &str) -> Option<(String, Vec<String>)> {
    let mut parts = text.split('!').map(unescaped);
    Some((parts.next()?, parts.collect()))
}

/// Reverses [`escaped`].
pub(crate) fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = (byte == b'%').then(|| after.get(..2)).flatten();
        let decoded = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(decoded.unwrap_or(byte));
        rest = if decoded.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// What was done, for the page that is shown next.
#[derive(Clone, Debug)]
pub(crate) struct Told<'a> {
    pub(crate) key: &'static str,
    pub(crate) value: Option<(&'static str, &'a str)>,
    /// The form that undoes it; empty if nothing does.
    pub(crate) undo: &'a str,
}

impl<'a> Told<'a> {
    pub(crate) fn new(key: &'static str) -> Self {
        Self {
            key,
            value: None,
            undo: "",
        }
    }

    pub(crate) fn with(self, name: &'static str, value: &'a str) -> Self {
        Self {
            value: Some((name, value)),
            ..self
        }
    }

    pub(crate) fn undo(self, undo: &'a str) -> Self {
        Self { undo, ..self }
    }
}

impl Visit {
    /// Goes to `to`, which says what was done.
    pub(crate) fn done(&self, to: &str, told: &Told<'_>) -> Response {
        let mut text = format!("{}!{}", escaped(told.undo), told.key);
        if let Some((name, value)) = told.value {
            text.push_str(&format!("!{name}!{}", escaped(value)));
        }
        let mut response = go(to);
        response
            .headers_mut()
            .append(SET_COOKIE, self.cookie("done", &text, Some(60)));
        response
    }

    /// Whether this person may do `action` somewhere; pages hide what is not allowed.
    pub(crate) fn may(&self, action: Action) -> bool {
        access::allows(&self.caller, action)
    }

    /// Asks for the password first if that was long ago (SEC-28).
    pub(crate) fn confirmed(&self, then: &str) -> Result<(), Stop> {
        if self.session.is_confirmed(self.app.now()) {
            return Ok(());
        }
        Err(Stop::Go(address("/confirm", &[("next", then)])))
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Stop;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Stop> {
        let missing = || Problem::new(Code::Internal, "the request was not looked at", "");
        Ok(parts.extensions.get::<Self>().cloned().ok_or_else(missing)?)
    }
}

impl<S: Sync> FromRequestParts<S> for Visit {
    type Rejection = Stop;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Stop> {
        let visitor = Visitor::from_request_parts(parts, state).await?;
        match visitor.session.clone() {
            Some((caller, session)) => Ok(Self {
                visitor,
                caller,
                session,
            }),
            None => Err(Stop::Go(address(
                "/sign-in",
                &[("next", next_of(&visitor, parts))],
            ))),
        }
    }
}

/// Where to go after signing in: back to a page, never to a form that was being sent.
fn next_of<'a>(visitor: &'a Visitor, parts: &Parts) -> &'a str {
    let is_page = parts.method == axum::http::Method::GET;
    if is_page && visitor.here != "/" {
        &visitor.here
    } else {
        ""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        let check = |path: &str, expected: &str| assert_eq!(own_path(path), expected);
        check("/users?q=1", "/users?q=1");
        check("//evil.example", "/");
        check("https://evil.example", "/");
        check("/\\evil.example", "/");
        check("/a\r\nSet-Cookie: x", "/");
        check("", "/");
    }

    #[test]
    fn what_was_done_survives_the_way() {
        let text = format!(
            "{}!{}!name!{}",
            escaped("/users/1/resume"),
            "user-added",
            escaped("Ä!ö%")
        );
        let (undo, words) = read_done(&text).unwrap();
        assert_eq!(undo, "/users/1/resume");
        assert_eq!(words, ["user-added", "name", "Ä!ö%"]);
        assert_eq!(unescaped("%zz%4"), "%zz%4");
    }
}
