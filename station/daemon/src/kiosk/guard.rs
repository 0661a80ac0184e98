//! What goes around every answer of the page's door: which addresses it has, where a request comes from, and
//! headers that keep a browser from doing anything that the page is not for.

use std::net::SocketAddr;

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Nothing but our own files, nothing inline, no frame, no form that goes anywhere, and text becomes elements in one
/// named place alone.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types kiosk";

const HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", CONTENT_POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    (
        "permissions-policy",
        "camera=(self), microphone=(), geolocation=(), display-capture=(), payment=(), usb=(), \
         serial=(), hid=(), midi=(), clipboard-read=(), clipboard-write=(), fullscreen=(self)",
    ),
];

/// The names under which the page's door can be reached.
#[derive(Clone, Debug)]
pub(super) struct Hosts(Vec<String>);

impl Hosts {
    /// Those of this loopback address. `localhost` is one of them, other names are not: whoever makes a name of
    /// their own point to this machine is refused.
    pub(super) fn of(address: SocketAddr) -> Self {
        Self(vec![address.to_string(), format!("localhost:{}", address.port())])
    }

    fn has(&self, host: &str) -> bool {
        self.0.iter().any(|known| known == host)
    }

    fn is_origin(&self, origin: &str) -> bool {
        origin.strip_prefix("http://").is_some_and(|host| self.has(host))
    }

    /// Whether the request is one that our own page makes, or somebody who opens it.
    fn admit(&self, method: &Method, path: &str, headers: &HeaderMap) -> bool {
        let only = |name: HeaderName| {
            let mut all = headers.get_all(name).iter();
            match (all.next().and_then(|value| value.to_str().ok()), all.next()) {
                (value, None) => value,
                _ => Some(""),
            }
        };
        let host = only(header::HOST).is_some_and(|host| self.has(host));
        let origin = match only(header::ORIGIN) {
            Some(origin) => self.is_origin(origin),
            None => *method != Method::POST,
        };
        let site = match only(HeaderName::from_static("sec-fetch-site")) {
            // What browsers say of themselves cannot be set by a page.
            Some("same-origin") => true,
            Some("none") => path == "/",
            Some(_) => false,
            None => *method != Method::POST,
        };
        host && origin && site
    }
}

/// Around every request.
pub(super) async fn around(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let admitted = hosts.admit(request.method(), request.uri().path(), request.headers());
    let mut response = match admitted {
        true => next.run(request).await,
        false => (
            StatusCode::FORBIDDEN,
            "This page is for the browser of this kiosk.\n",
        )
            .into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &Method, path: &str, pairs: &[(&'static str, &'static str)], expected: bool) {
        let hosts = Hosts::of("127.0.0.1:7380".parse().unwrap());
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        assert_eq!(
            hosts.admit(method, path, &headers),
            expected,
            "{method} {path} {pairs:?}"
        );
    }

    const HOST: (&str, &str) = ("host", "127.0.0.1:7380");
    const ORIGIN: (&str, &str) = ("origin", "http://127.0.0.1:7380");
    const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");

    #[test]
    fn the_page_is_opened_by_name_or_number() {
        check(&Method::GET, "/", &[HOST], true);
        check(&Method::GET, "/", &[HOST, ("sec-fetch-site", "none")], true);
        check(&Method::GET, "/", &[("host", "localhost:7380")], true);
        for host in [
            "evil.example:7380",
            "127.0.0.1:7381",
            "127.0.0.1",
            "localhost.evil.example:7380",
            "",
        ] {
            check(&Method::GET, "/", &[("host", host)], false);
        }
        check(&Method::GET, "/", &[], false);
        check(&Method::GET, "/", &[HOST, HOST], false);
    }

    #[test]
    fn another_site_gets_nothing() {
        check(
            &Method::GET,
            "/",
            &[HOST, ("sec-fetch-site", "cross-site")],
            false,
        );
        check(
            &Method::GET,
            "/events",
            &[HOST, ("sec-fetch-site", "none")],
            false,
        );
        check(&Method::GET, "/events", &[HOST, OWN], true);
        check(&Method::POST, "/act", &[HOST, ORIGIN, OWN], true);
        check(&Method::POST, "/act", &[HOST, OWN], false);
        check(&Method::POST, "/act", &[HOST, ORIGIN], false);
        check(&Method::POST, "/act", &[HOST, ("origin", "null"), OWN], false);
        check(
            &Method::POST,
            "/act",
            &[HOST, ("origin", "http://evil.example"), OWN],
            false,
        );
        check(
            &Method::POST,
            "/act",
            &[HOST, ("origin", "https://127.0.0.1:7380"), OWN],
            false,
        );
        check(
            &Method::POST,
            "/act",
            &[HOST, ORIGIN, ("sec-fetch-site", "same-site")],
            false,
        );
    }
}
