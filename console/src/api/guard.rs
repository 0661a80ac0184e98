//! What surrounds every request of the API: time, counters, headers, and answers to repeated requests.

use std::time::Instant;

use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use policy::model::UnixMillis;
use ring::digest::{SHA256, digest};

use super::extract::{Refusal, authenticate};
use crate::access::Caller;
use crate::args;
use crate::problem::{Code, Problem};
use crate::serve::App;

/// How long an answer is kept for those who ask again.
const KEPT_MS: i64 = 24 * 60 * 60 * 1000;
/// Largest answer that is kept; the largest that a POST makes is far below.
const KEPT_BYTES_MAX: usize = 8 << 20;
/// The status of a request that is still being answered.
const OPEN: i64 = 0;

/// Limits the time of a request and counts it.
pub(super) async fn around(State(app): State<App>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let path = request.extensions().get::<MatchedPath>();
    let path = path.map_or("", MatchedPath::as_str).to_owned();
    // Methods that nobody knows are counted together: whoever makes them up fills no memory.
    let method = match *request.method() {
        Method::GET | Method::HEAD | Method::POST | Method::PUT | Method::DELETE | Method::OPTIONS => {
            request.method().to_string()
        }
        _ => "other".to_owned(),
    };
    let limit = app.config.web.time_for(&path);
    let answered = tokio::time::timeout(limit, next.run(request)).await;
    let mut response = answered.unwrap_or_else(|_| Refusal(Problem::too_slow(limit)).into_response());
    if !path.is_empty() {
        let status = response.status().as_u16();
        let labels = format!("method=\"{method}\",path=\"{path}\"");
        app.metrics.count(
            "bandstand_requests_total",
            &format!("{labels},status=\"{status}\""),
            1,
        );
        app.metrics
            .time("bandstand_request_seconds", &labels, began.elapsed());
    }
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// Answers a POST that comes again with the same `Idempotency-Key` as it was answered the first time.
pub(super) async fn idempotent(State(app): State<App>, mut request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let key = match key(request.headers()) {
        Ok(None) => return next.run(request).await,
        Ok(Some(key)) => key,
        Err(problem) => return Refusal(problem).into_response(),
    };
    let caller = match authenticate(&app, request.headers()).await {
        Ok(caller) => caller,
        Err(problem) => return Refusal(problem).into_response(),
    };
    request.extensions_mut().insert(caller.clone());
    match once(&app, &caller, key, request, next).await {
        Ok(response) => response,
        Err(problem) => Refusal(problem).into_response(),
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(header) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    let key = header.to_str().unwrap_or_default().trim();
    if (1..=255).contains(&key.len()) {
        return Ok(Some(key.to_owned()));
    }
    Err(Problem::new(
        Code::Malformed,
        "Idempotency-Key: expected 1 to 255 characters",
        "",
    ))
}

async fn once(
    app: &App,
    caller: &Caller,
    key: String,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let too_large = |_| Problem::new(Code::TooLarge, "the body is larger than this address takes", "");
    let body = to_bytes(body, super::UPLOAD_BYTES_MAX).await.map_err(too_large)?;
    let text = [parts.method.as_str(), " ", &parts.uri.to_string(), "\n"].concat();
    let request_hash = digest(&SHA256, &[text.as_bytes(), &body].concat())
        .as_ref()
        .to_vec();
    if let Some(answer) = begin(app, caller, &key, &request_hash).await? {
        return Ok(answer);
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    finish(app, caller, &key, response).await
}

/// Claims the key, or finds the answer that was given before.
async fn begin(app: &App, caller: &Caller, key: &str, request: &[u8]) -> Result<Option<Response>, Problem> {
    let (account, own_key, hash, now) = (
        caller.account.clone(),
        key.to_owned(),
        request.to_vec(),
        app.now(),
    );
    let found = app.db.write(move |tx| -> Result<_, Problem> {
        tx.exec("delete from idempotency where at_ms < $1", args![UnixMillis(now.0 - KEPT_MS)])?;
        let claimed = tx.exec(
            "insert into idempotency (caller, key, request, status, body, at_ms) values ($1, $2, $3, $4, $5, $6) \
             on conflict (caller, key) do nothing",
            args![&account, &own_key, &hash, OPEN, &[0u8; 0], now],
        )?;
        if claimed > 0 {
            return Ok(None);
        }
        Ok(tx.first(
            "select request, status, body from idempotency where caller = $1 and key = $2",
            args![&account, &own_key],
            |row| Ok((row.bytes(0)?, row.int(1)?, row.bytes(2)?)),
        )?)
    });
    let Some((first, status, sealed)) = found.await? else {
        return Ok(None);
    };
    if first != request {
        let detail = "this Idempotency-Key came with another request before";
        return Err(Problem::new(
            Code::KeyReused,
            detail,
            "make a new key for a new request",
        ));
    }
    if status == OPEN {
        let detail = "the first request with this key is being answered, or was cut off";
        return Err(Problem::new(
            Code::WrongState,
            detail,
            "look whether it was done before you ask with another key",
        ));
    }
    let body = app.vault.open_sealed(&name(caller, key), sealed)?;
    let status = u16::try_from(status)
        .ok()
        .and_then(|status| StatusCode::from_u16(status).ok());
    let mut response = (status.unwrap_or(StatusCode::OK), body.to_vec()).into_response();
    let headers = response.headers_mut();
    let form = if status.is_some_and(|status| status.is_success()) {
        "application/json"
    } else {
        "application/problem+json"
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(form));
    headers.insert("idempotency-replayed", HeaderValue::from_static("true"));
    Ok(Some(response))
}

/// Answers may hold codes and keys that are shown once, so they are kept sealed.
fn name(caller: &Caller, key: &str) -> String {
    format!("answer/{}/{key}", caller.account)
}

/// Keeps the answer. What may succeed next time, because the console was at fault, is not kept.
async fn finish(app: &App, caller: &Caller, key: &str, response: Response) -> Result<Response, Problem> {
    let (parts, body) = response.into_parts();
    let failed = |_| Problem::new(Code::Internal, "the answer could not be made", "");
    let body = to_bytes(body, KEPT_BYTES_MAX).await.map_err(failed)?;
    let status = i64::from(parts.status.as_u16());
    let sealed = app.vault.seal(&name(caller, key), &body)?;
    let (account, own_key) = (caller.account.clone(), key.to_owned());
    app.db
        .write(move |tx| -> Result<(), Problem> {
            if status >= 500 {
                let gone = "delete from idempotency where caller = $1 and key = $2";
                tx.exec(gone, args![&account, &own_key])?;
                return Ok(());
            }
            let keep = "update idempotency set status = $3, body = $4 where caller = $1 and key = $2";
            tx.exec(keep, args![&account, &own_key, status, &sealed])?;
            Ok(())
        })
        .await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}
