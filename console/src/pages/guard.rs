//! What goes around every page: headers, where a form comes from, who is signed in, and problems as pages.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, MatchedPath, Request, State};
use axum::http::header::{self, HeaderName, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use page_kit::assets::ROUTE;

use super::shell::Section;
use super::views::{DeadEnd, Refusal};
use super::visit::{Stop, Visitor, header as header_of, page_with};
use crate::accounts;
use crate::config::Web;
use crate::problem::{Code, Problem};
use crate::serve::App;

/// Nothing but our own files, no inline style or script, no frame around us.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", CONTENT_POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    (
        "permissions-policy",
        "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// Around every page.
pub(crate) async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_asset = request
        .extensions()
        .get::<MatchedPath>()
        .is_some_and(|path| path.as_str() == ROUTE);
    let is_link = request.uri().path().starts_with("/link/");
    let mut response = if is_asset {
        next.run(request).await
    } else {
        visited(&app, request, next).await
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    // A one-time link must not travel on to anybody as a referrer.
    let referrer = if is_link { "no-referrer" } else { "same-origin" };
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static(referrer));
    if app.config.web.is_https() {
        let value = HeaderValue::from_static("max-age=63072000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    if !is_asset {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::VARY, HeaderValue::from_static("Cookie, Accept-Language"));
    }
    response
}

/// Works out who asks, lets the handler answer, and turns a problem into a page.
async fn visited(app: &App, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let visitor = match visitor(app, &parts).await {
        Ok(visitor) => visitor,
        Err(problem) => return Stop::from(problem).into_response(),
    };
    parts.extensions.insert(visitor.clone());
    let paced = match &visitor.session {
        Some((caller, _)) => app.pace.take(&caller.account, app.now()),
        None => Ok(()),
    };
    let response = match (
        paced,
        is_from_here(&app.config.web, &parts.method, &parts.headers),
    ) {
        (Err(wait_s), _) => Stop::from(Problem::too_many(wait_s)).into_response(),
        (Ok(()), true) if has_to_bind_first(&visitor, parts.uri.path()) => {
            Stop::Go(BIND.into()).into_response()
        }
        (Ok(()), true) => in_time(app, Request::from_parts(parts, body), next).await,
        (Ok(()), false) => Stop::from(foreign()).into_response(),
    };
    let mut response = match response.extensions().get::<Problem>() {
        Some(problem) => refusal(&visitor, problem, response.status()),
        None => response,
    };
    if let Err(wait_s) = paced {
        response.headers_mut().insert(header::RETRY_AFTER, wait_s.into());
    }
    if visitor.is_new {
        let cookie = visitor.cookie("visit", &visitor.visit.text(), None);
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    // What was done is told once: by the page that this browser sees next.
    let is_page = response.status() != axum::http::StatusCode::SEE_OTHER;
    if visitor.done.is_some() && is_page {
        response
            .headers_mut()
            .append(SET_COOKIE, visitor.cookie("done", "", Some(0)));
    }
    response
}

/// The answer, if it comes in time: whoever sends a form drop by drop keeps nothing open.
async fn in_time(app: &App, request: Request, next: Next) -> Response {
    let limit = app.config.web.time_for(request.uri().path());
    let answered = tokio::time::timeout(limit, next.run(request)).await;
    answered.unwrap_or_else(|_| Stop::from(Problem::too_slow(limit)).into_response())
}

/// Where somebody is led whose role needs a second factor, and who has none.
const BIND: &str = "/settings/factor";

/// Whether somebody has to set up a second factor before this. What that takes is open, and the way out.
fn has_to_bind_first(visitor: &Visitor, path: &str) -> bool {
    let open = [
        BIND,
        "/settings/factor/begin",
        "/settings/factor/bind",
        "/confirm",
        "/look",
        "/sign-out",
    ];
    let session = visitor.session.as_ref();
    session.is_some_and(|(_, session)| session.account.must_bind()) && !open.contains(&path)
}

async fn visitor(app: &App, parts: &Parts) -> Result<Visitor, Problem> {
    let found = accounts::find(app, &parts.headers).await?;
    let peer = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|peer| peer.0.ip());
    let address = client(&app.config.web, peer, &parts.headers);
    let address = address.map_or_else(String::new, |ip| ip.to_string());
    Visitor::of(app.clone(), parts, address, found)
}

/// Where the request comes from: the last address in `X-Forwarded-For` that is not one of our own proxies, if one
/// of those brought it.
fn client(web: &Web, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
    let peer = peer?.to_canonical();
    let is_proxy = |ip: &IpAddr| web.trusted_proxies.contains(ip);
    if !is_proxy(&peer) {
        return Some(peer);
    }
    let named = header_of(headers, "x-forwarded-for")
        .rsplit(',')
        .map(|part| part.trim().parse::<IpAddr>());
    let mut last = peer;
    for ip in named {
        let Ok(ip) = ip else { break };
        last = ip.to_canonical();
        if !is_proxy(&last) {
            break;
        }
    }
    Some(last)
}

/// A request that changes something comes from one of our own pages. The token in the form is checked as well.
fn is_from_here(web: &Web, method: &Method, headers: &HeaderMap) -> bool {
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) {
        return true;
    }
    match (header_of(headers, "sec-fetch-site"), header_of(headers, "origin")) {
        // What browsers say of themselves cannot be set by a page.
        ("same-origin", _) => true,
        ("", "") => true,
        ("", origin) => origin == web.public_url || names_host(origin, header_of(headers, "host")),
        _ => false,
    }
}

fn names_host(origin: &str, host: &str) -> bool {
    let named = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    named.is_some_and(|named| !host.is_empty() && named == host)
}

fn foreign() -> Problem {
    Problem::new(Code::NotAllowed, "this request comes from another site", "").with("page", "origin")
}

/// Shows a problem as a page, in the language of whoever asked.
fn refusal(visitor: &Visitor, problem: &Problem, status: axum::http::StatusCode) -> Response {
    let lang = visitor.lang;
    let code = problem.more.get("page").and_then(|page| page.as_str());
    let code = code.unwrap_or(problem.code.as_str());
    let (title, text) = (
        format!("problem-{}", code.replace('_', "-")),
        format!("problem-{}-text", code.replace('_', "-")),
    );
    let title = if lang.knows(&title) {
        lang.t(title)
    } else {
        lang.t("problem-other")
    };
    // What has no translation is told in English, which is better than nothing.
    let detail = if lang.knows(&text) {
        lang.t(text)
    } else {
        capital(&problem.detail)
    };
    let shell = visitor.shell(Section::Nowhere);
    if visitor.session.is_none() {
        return page_with(
            status,
            &DeadEnd {
                shell,
                title,
                text: detail,
            },
        );
    }
    let refusal = Refusal {
        title,
        detail,
        next: capital(&problem.next),
        code: problem.code.as_str().to_owned(),
        back: "/".to_owned(),
        shell,
    };
    page_with(status, &refusal)
}

/// A sentence out of a fragment.
fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return String::new();
    };
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{}{end}", first.to_uppercase(), chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        pairs.collect()
    }

    #[track_caller]
    fn check_origin(pairs: &[(&'static str, &'static str)], expected: bool) {
        let web = Web {
            public_url: "https://console.example".into(),
            ..Web::default()
        };
        assert_eq!(
            is_from_here(&web, &Method::POST, &headers(pairs)),
            expected,
            "{pairs:?}"
        );
        assert!(is_from_here(&web, &Method::GET, &headers(pairs)));
    }

    #[test]
    fn forms_come_from_our_own_pages() {
        check_origin(&[("sec-fetch-site", "same-origin")], true);
        check_origin(&[("sec-fetch-site", "same-origin"), ("origin", "null")], true);
        check_origin(
            &[
                ("sec-fetch-site", "cross-site"),
                ("origin", "https://console.example"),
            ],
            false,
        );
        check_origin(&[("sec-fetch-site", "same-site")], false);
        check_origin(&[("sec-fetch-site", "none")], false);
        check_origin(&[("origin", "https://console.example")], true);
        check_origin(
            &[("origin", "http://localhost:8080"), ("host", "localhost:8080")],
            true,
        );
        check_origin(
            &[("origin", "https://evil.example"), ("host", "localhost:8080")],
            false,
        );
        check_origin(&[("origin", "null"), ("host", "localhost:8080")], false);
        check_origin(&[], true);
    }

    #[track_caller]
    fn check_client(forwarded: &'static str, peer: &str, expected: &str) {
        let web = Web {
            trusted_proxies: vec!["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()],
            ..Web::default()
        };
        let found = client(
            &web,
            Some(peer.parse().unwrap()),
            &headers(&[("x-forwarded-for", forwarded)]),
        );
        assert_eq!(found, Some(expected.parse().unwrap()));
    }

    #[test]
    fn only_our_own_proxies_are_believed() {
        check_client("1.2.3.4", "9.9.9.9", "9.9.9.9");
        check_client("1.2.3.4", "10.0.0.1", "1.2.3.4");
        check_client("6.6.6.6, 1.2.3.4, 10.0.0.2", "10.0.0.1", "1.2.3.4");
        check_client("rubbish", "10.0.0.1", "10.0.0.1");
        check_client("1.2.3.4, rubbish", "10.0.0.1", "10.0.0.1");
        check_client("", "::ffff:10.0.0.1", "10.0.0.1");
    }
}
