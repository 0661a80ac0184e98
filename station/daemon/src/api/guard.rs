//! Who may call: the socket by the peer's credentials, loopback by a token.
//!
//! A web page in a browser on the same machine can reach loopback too. It cannot know the token, and
//! requests that carry an `Origin`, or a `Host` that is not this machine's, are refused before anything
//! else is looked at.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, header};
use axum::response::{IntoResponse, Response};
use hyper::body::Incoming;
use ring::digest::{SHA256, digest};
use tokio::net::UnixStream;
use tower::{Service, ServiceExt};

use super::problem::Answer;
use crate::config;
use crate::problem::{Code, Problem};

/// Shortest token that is accepted, in characters: 128 bits in hexadecimal digits.
const TOKEN_LEN_MIN: usize = 32;

/// What the daemon knows about who may enter.
#[derive(Debug)]
pub(super) struct Door {
    own_uid: u32,
    pub(super) group: Option<u32>,
    token_sha256: Option<Vec<u8>>,
}

/// Who stands at the other end of a connection.
#[derive(Clone, Debug)]
pub(super) enum Caller {
    /// Root, the daemon's own user, or a member of the configured group.
    Local,
    /// Another user of this machine.
    Stranger,
    /// Somebody on loopback, who has yet to show the token.
    Loopback(Arc<Door>),
}

impl Door {
    pub(super) fn new(config: &config::Api) -> Result<Self, Problem> {
        let group = config.group.as_deref().map(group_id).transpose()?;
        let token_sha256 = config.token_file.as_deref().map(token_hash).transpose()?;
        Ok(Self {
            own_uid: rustix::process::geteuid().as_raw(),
            group,
            token_sha256,
        })
    }

    pub(super) fn unix_caller(&self, stream: &UnixStream) -> Caller {
        let Ok(peer) = stream.peer_cred() else {
            return Caller::Stranger;
        };
        let known = peer.uid() == 0 || peer.uid() == self.own_uid;
        let in_group = self
            .group
            .is_some_and(|group| peer.gid() == group || is_member(peer.uid(), group));
        if known || in_group {
            Caller::Local
        } else {
            Caller::Stranger
        }
    }

    fn check_loopback(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let text = |name| {
            headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        if headers.contains_key(header::ORIGIN) {
            return Err(refused(
                Code::Forbidden,
                "it comes from a web page",
                "call from a program",
            ));
        }
        if headers.get_all(header::HOST).iter().count() != 1 || !is_this_machine(text(header::HOST)) {
            let next = "address the station as 127.0.0.1, [::1] or localhost";
            return Err(refused(
                Code::Forbidden,
                "its Host header names another machine",
                next,
            ));
        }
        let token = text(header::AUTHORIZATION)
            .strip_prefix("Bearer ")
            .unwrap_or_default();
        // Comparing hashes tells nothing about the token, however long the comparison takes.
        let shown = digest(&SHA256, token.trim().as_bytes());
        match &self.token_sha256 {
            Some(expected) if expected.as_slice() == shown.as_ref() => Ok(()),
            _ => {
                let next = "send `Authorization: Bearer` with the token of api.token_file";
                Err(refused(Code::Unauthorized, "it carries no valid token", next))
            }
        }
    }
}

impl Caller {
    fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        match self {
            Caller::Local => Ok(()),
            Caller::Stranger => {
                let next = "call as root, as the daemon's user, or from the group in api.group";
                Err(refused(
                    Code::Forbidden,
                    "this user may not use the station",
                    next,
                ))
            }
            Caller::Loopback(door) => door.check_loopback(headers),
        }
    }
}

fn refused(code: Code, why: &str, next: &str) -> Problem {
    Problem::new(code, "the request is refused", why, next)
}

fn is_this_machine(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => host,
    };
    matches!(name, "127.0.0.1" | "[::1]" | "localhost")
}

fn token_hash(path: &std::path::Path) -> Result<Vec<u8>, Problem> {
    let bytes = config::read_secret(path, "token file")?;
    let token = bytes.trim_ascii();
    if token.len() < TOKEN_LEN_MIN || !token.iter().all(u8::is_ascii_graphic) {
        return Err(Problem::new(
            Code::SecretUnusable,
            format!("the token file {} cannot be used", path.display()),
            format!("it does not hold one word of at least {TOKEN_LEN_MIN} printable characters"),
            "fill it with `openssl rand -hex 32`",
        ));
    }
    Ok(digest(&SHA256, token).as_ref().to_vec())
}

fn group_id(name: &str) -> Result<u32, Problem> {
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    let line = groups
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>())
        .find(|fields| fields[0] == name);
    line.and_then(|fields| fields.get(2)?.parse().ok())
        .ok_or_else(|| {
            Problem::new(
                Code::ConfigValue,
                "the station cannot open its socket",
                format!("`api.group` is {name:?}, and there is no such group"),
                format!("make it (`groupadd --system {name}`) or name another"),
            )
        })
}

/// Whether the system's files name the user as a member of the group.
fn is_member(uid: u32, group: u32) -> bool {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let (users, groups) = (read("/etc/passwd"), read("/etc/group"));
    let names = |line: &str| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.get(2)?.parse() == Ok(uid)).then(|| fields[0].to_owned())
    };
    let Some(user) = users.lines().find_map(names) else {
        return false;
    };
    groups.lines().any(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let same = fields.get(2).is_some_and(|id| id.parse() == Ok(group));
        same && fields
            .get(3)
            .is_some_and(|members| members.split(',').any(|member| member == user))
    })
}

/// The router behind the check of who calls.
pub(super) fn guarded(router: Router, caller: Caller) -> Guarded {
    Guarded { router, caller }
}

/// See [`guarded`].
#[derive(Clone)]
pub(super) struct Guarded {
    router: Router,
    caller: Caller,
}

impl Service<Request<Incoming>> for Guarded {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        match self.caller.check(request.headers()) {
            Ok(()) => Box::pin(self.router.clone().oneshot(request.map(Body::new))),
            Err(problem) => Box::pin(std::future::ready(Ok(Answer(problem).into_response()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, origin: bool, token: &str, expected: Option<Code>) {
        let door = Door {
            own_uid: 0,
            group: None,
            token_sha256: Some(
                digest(&SHA256, b"0123456789abcdef0123456789abcdef")
                    .as_ref()
                    .to_vec(),
            ),
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        headers.insert(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap());
        if origin {
            headers.insert(header::ORIGIN, "https://example.org".parse().unwrap());
        }
        let outcome = Caller::Loopback(Arc::new(door))
            .check(&headers)
            .err()
            .map(|problem| problem.code);
        assert_eq!(outcome, expected, "{host} {origin} {token}");
    }

    #[test]
    fn loopback_needs_host_no_origin_and_token() {
        let token = "0123456789abcdef0123456789abcdef";
        for host in ["127.0.0.1", "127.0.0.1:7373", "localhost:1", "[::1]", "[::1]:80"] {
            check(host, false, token, None);
        }
        for host in [
            "example.org",
            "127.0.0.1.example.org",
            "localhost.:1",
            "",
            "0.0.0.0:7373",
            "[::1]x",
        ] {
            check(host, false, token, Some(Code::Forbidden));
        }
        check("localhost", true, token, Some(Code::Forbidden));
        check("localhost", false, "", Some(Code::Unauthorized));
        check(
            "localhost",
            false,
            "0123456789abcdef0123456789abcdee",
            Some(Code::Unauthorized),
        );
    }
}
