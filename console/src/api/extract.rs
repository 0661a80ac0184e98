//! What handlers take and give: checked at the edge, refused with a problem that names what is wrong.

use axum::Json;
use axum::extract::rejection::{BytesRejection, FailedToBufferBody};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::access::Caller;
use crate::acts::api_keys;
use crate::problem::{Code, Problem, WAIT_FIELD};
use crate::serve::App;

/// What every answer looks like that is not a success (RFC 9457). More fields may follow, by code.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProblemBody {
    /// `urn:bandstand:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// One sentence that is the same for every such problem.
    title: String,
    /// The HTTP status once more.
    status: u16,
    /// What is the matter in this case.
    detail: String,
    /// The stable code.
    code: String,
    /// What to do, if there is something.
    next: Option<String>,
}

/// A problem as an answer.
#[derive(Debug)]
pub(super) struct Refusal(pub(super) Problem);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self(problem) = self;
        let status = StatusCode::from_u16(problem.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(problem.to_json())).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        match problem.code {
            Code::NotSignedIn => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Code::Unavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
            }
            Code::TooMany => {
                let wait = problem.more.get(WAIT_FIELD).and_then(serde_json::Value::as_u64);
                headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.unwrap_or(2)));
            }
            _ => {}
        }
        response
    }
}

/// What most handlers answer.
pub(super) type Reply<T> = Result<Json<T>, Refusal>;

/// An answer whose version is its ETag.
pub(super) struct Tagged<T>(pub(super) T, pub(super) i64);

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        let Self(body, version) = self;
        let mut response = Json(body).into_response();
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
            response.headers_mut().insert(header::ETAG, tag);
        }
        response
    }
}

/// What was made, with where it is.
pub(super) struct Created<T>(pub(super) T, pub(super) String);

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let Self(body, at) = self;
        let mut response = (StatusCode::CREATED, Json(body)).into_response();
        if let Ok(at) = HeaderValue::from_str(&at) {
            response.headers_mut().insert(header::LOCATION, at);
        }
        response
    }
}

/// Characters of an identifier as they stand in an address.
pub(super) fn in_address(id: &str) -> String {
    let mut out = String::new();
    for byte in id.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte.into()),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

/// Who asks, by the key in `Authorization`.
pub(super) struct Auth(pub(super) Caller);

impl FromRequestParts<App> for Auth {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        if let Some(caller) = parts.extensions.get::<Caller>() {
            return Ok(Self(caller.clone()));
        }
        Ok(Self(authenticate(app, &parts.headers).await?))
    }
}

pub(super) async fn authenticate(app: &App, headers: &HeaderMap) -> Result<Caller, Problem> {
    let missing = || {
        let detail = "the request has no key";
        Problem::new(
            Code::NotSignedIn,
            detail,
            "send `Authorization: Bearer` and a key of the API",
        )
    };
    let header = headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
    let text = header.to_str().map_err(|_| missing())?;
    let (scheme, key) = text.split_once(' ').ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    let caller = api_keys::authenticate(app, key.trim()).await?;
    let paced = app.pace.take(&caller.account, app.now());
    paced.map_err(Problem::too_many)?;
    Ok(caller)
}

fn malformed(detail: impl Into<String>) -> Refusal {
    Refusal(Problem::new(Code::Malformed, detail, "see /api/v1/openapi.json"))
}

/// PostgreSQL has no text with a zero in it, and nobody means one.
fn refuse_zeros(parts: &Parts) -> Result<(), Refusal> {
    if parts.uri.to_string().contains("%00") {
        return Err(malformed("the address has a zero in it"));
    }
    Ok(())
}

/// Values of the address's query.
pub(super) struct Q<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Q<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Refusal> {
        refuse_zeros(parts)?;
        let query = Query::<T>::try_from_uri(&parts.uri);
        query
            .map(|Query(value)| Self(value))
            .map_err(|error| malformed(error.body_text()))
    }
}

/// A part of the address.
pub(super) struct P<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for P<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        refuse_zeros(parts)?;
        let path = Path::<T>::from_request_parts(parts, app).await;
        path.map(|Path(value)| Self(value))
            .map_err(|error| malformed(error.body_text()))
    }
}

/// The version in `If-Match`; nothing for `*` or without the header.
pub(super) struct IfMatch(pub(super) Option<i64>);

impl FromRequestParts<App> for IfMatch {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Refusal> {
        let Some(header) = parts.headers.get(header::IF_MATCH) else {
            return Ok(Self(None));
        };
        let text = header.to_str().unwrap_or_default().trim();
        if text == "*" {
            return Ok(Self(None));
        }
        let version = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let version = version.and_then(|version| version.parse().ok());
        version
            .map(|version| Self(Some(version)))
            .ok_or_else(|| malformed("If-Match: expected one ETag as it was given, such as \"7\""))
    }
}

impl IfMatch {
    /// The version, for changes that need one: nobody overwrites what they never saw.
    pub(super) fn required(self) -> Result<Option<i64>, Refusal> {
        if self.0.is_some() {
            return Ok(self.0);
        }
        let detail = "the request has no If-Match";
        let next = "read it first, and send its ETag as If-Match";
        Err(Refusal(Problem::new(Code::VersionNeeded, detail, next)))
    }
}

/// A body in JSON.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        check_media_type(request.headers())?;
        let Raw(bytes) = Raw::from_request(request, app).await?;
        let value = serde_json::from_slice(&bytes);
        value.map(Self).map_err(|error| {
            let code = if error.is_data() {
                Code::Invalid
            } else {
                Code::Malformed
            };
            Refusal(Problem::new(
                code,
                format!("the body: {error}"),
                "see /api/v1/openapi.json",
            ))
        })
    }
}

fn check_media_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let given = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let essence = given.split(';').next().unwrap_or("").trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let detail = format!("the body is {given:?}, not application/json");
    Err(Refusal(Problem::new(
        Code::MediaType,
        detail,
        "send Content-Type: application/json",
    )))
}

/// A body as it came.
pub(super) struct Raw(pub(super) Bytes);

impl FromRequest<App> for Raw {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let bytes = Bytes::from_request(request, app).await;
        bytes.map(Self).map_err(|error| match error {
            BytesRejection::FailedToBufferBody(FailedToBufferBody::LengthLimitError(_)) => Refusal(
                Problem::new(Code::TooLarge, "the body is larger than this address takes", ""),
            ),
            error => malformed(error.body_text()),
        })
    }
}
