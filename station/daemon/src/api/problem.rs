//! Problems on the wire: `application/problem+json` as RFC 9457 has it, with our stable code.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{BytesRejection, JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::problem::{Code, Problem};

/// Time for a whole request, its body included. Live events are not under it.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// What every answer looks like that is not a success (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProblemBody {
    /// `urn:bandstand:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// What could not be done.
    title: String,
    /// The HTTP status once more.
    status: u16,
    /// What stood in the way.
    detail: String,
    /// The stable code.
    code: &'static str,
    /// The shortest way on.
    next: String,
}

/// A problem as an answer.
#[derive(Debug)]
pub(crate) struct Answer(pub(crate) Problem);

impl From<Problem> for Answer {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let Problem {
            code,
            what,
            why,
            next,
        } = self.0;
        let status = code.http_status();
        let body = ProblemBody {
            kind: format!("urn:bandstand:problem:{}", code.as_str()),
            title: what,
            status,
            detail: why,
            code: code.as_str(),
            next,
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(body)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }
}

/// A JSON body that is exactly what it should be.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Answer;

    async fn from_request(request: Request, state: &S) -> Result<Self, Answer> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(bad_body(&rejection)),
        }
    }
}

fn bad_body(rejection: &JsonRejection) -> Answer {
    let (code, next) = match rejection {
        JsonRejection::BytesRejection(BytesRejection::FailedToBufferBody(_))
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE =>
        {
            (Code::TooLarge, "send less; a request has at most 16 KiB")
        }
        JsonRejection::MissingJsonContentType(_) => (
            Code::BadRequest,
            "send JSON with `Content-Type: application/json`",
        ),
        _ => (Code::BadRequest, "compare the body with /api/v1/openapi.json"),
    };
    Problem::new(code, "the request cannot be read", rejection.body_text(), next).into()
}

/// Parameters of a query that are exactly what they should be.
pub(super) struct Parameters<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Answer;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Answer> {
        let parsed: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, state).await;
        parsed
            .map(|Query(parameters)| Self(parameters))
            .map_err(|rejection| {
                let next = "compare the parameters with /api/v1/openapi.json";
                Problem::new(
                    Code::BadRequest,
                    "the request cannot be read",
                    rejection.body_text(),
                    next,
                )
                .into()
            })
    }
}

/// Ends a request that takes too long, whoever is slow.
pub(super) async fn limit_time(request: Request, next: Next) -> Response {
    match tokio::time::timeout(REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let why = format!("it was not finished within {} seconds", REQUEST_TIMEOUT.as_secs());
            Answer(Problem::new(
                Code::TimedOut,
                "the request was given up",
                why,
                "try again",
            ))
            .into_response()
        }
    }
}

/// No such address.
pub(super) async fn not_found() -> Answer {
    let next = "see /api/v1/openapi.json";
    Problem::new(Code::NotFound, "there is nothing here", "no such address", next).into()
}

/// The address does not take this method.
pub(super) async fn method_not_allowed() -> Answer {
    let next = "see /api/v1/openapi.json";
    Problem::new(
        Code::MethodNotAllowed,
        "the request makes no sense",
        "the method does not fit the address",
        next,
    )
    .into()
}
