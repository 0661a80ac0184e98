//! The addresses of the page: the page, its files, its screens, and three things it may say.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequestParts, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use futures_util::stream::{self, Stream};
use page_kit::assets::ROUTE;
use tokio::sync::Semaphore;

use super::act::Said;
use super::assets::ASSETS;
use super::guard::{self, Hosts};
use super::scan::{PICTURE_BYTES_MAX, Picture};
use super::seat::{NoEntry, Token};
use super::task::{Following, Kiosk, NotTaken};
use super::views::Frame;

/// Largest body of something that was done, in bytes: a ticket has less than one KiB.
const ACT_BYTES_MAX: usize = 4 << 10;
/// A comment is sent after so much silence, so that both ends notice when the other is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

#[derive(Clone, Debug)]
struct Door {
    kiosk: Kiosk,
    /// One picture is read at a time: a browser that sends more has to wait.
    reading: Arc<Semaphore>,
}

/// Every address.
pub(super) fn router(kiosk: Kiosk, hosts: Hosts) -> Router {
    let door = Door {
        kiosk,
        reading: Arc::new(Semaphore::new(1)),
    };
    Router::new()
        .route("/", get(page))
        .route(ROUTE, ASSETS.route())
        .route("/events", get(events))
        .route("/act", post(act).layer(DefaultBodyLimit::max(ACT_BYTES_MAX)))
        .route(
            "/picture",
            post(picture).layer(DefaultBodyLimit::max(PICTURE_BYTES_MAX)),
        )
        .fallback(async || StatusCode::NOT_FOUND)
        .layer(middleware::from_fn_with_state(hosts, guard::around))
        .with_state(door)
}

/// The token of the page that asks.
struct From(Token);

impl<S: Sync> FromRequestParts<S> for From {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let token = text(&parts.headers, "x-bandstand-page");
        token
            .map(|token| Self(token.to_owned()))
            .ok_or(StatusCode::UNAUTHORIZED)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

async fn page(State(door): State<Door>) -> Response {
    match door.kiosk.page().await {
        Some(html) => Html(html).into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

async fn events(State(door): State<Door>, From(token): From) -> Response {
    match door.kiosk.follow(token).await {
        Some(Ok(following)) => Sse::new(written(following))
            .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
            .into_response(),
        Some(Err(NoEntry::Unknown)) => StatusCode::UNAUTHORIZED.into_response(),
        Some(Err(NoEntry::Full)) => StatusCode::TOO_MANY_REQUESTS.into_response(),
        None => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

/// The present screen, then each that follows; a slow window misses those in between.
fn written(mut following: Following) -> impl Stream<Item = Result<Event, Infallible>> {
    following.frames.mark_changed();
    stream::unfold(following, |mut following| async {
        following.frames.changed().await.ok()?;
        let frame = following.frames.borrow_and_update().clone();
        Some((Ok(event(&frame)), following))
    })
}

fn event(frame: &Frame) -> Event {
    Event::default().json_data(frame).expect("plain data")
}

async fn act(State(door): State<Door>, From(token): From, Json(said): Json<Said>) -> StatusCode {
    match door.kiosk.act(token, said).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(NotTaken::NotYours) => StatusCode::FORBIDDEN,
        Err(NotTaken::Stale(_)) => StatusCode::CONFLICT,
        Err(NotTaken::Stopping) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn picture(State(door): State<Door>, From(token): From, headers: HeaderMap, body: Bytes) -> StatusCode {
    let is_picture = text(&headers, header::CONTENT_TYPE.as_str()) == Some("application/octet-stream");
    let width = text(&headers, "x-width").and_then(|width| width.parse().ok());
    let Some(picture) = width
        .filter(|_| is_picture)
        .and_then(|width| Picture::new(width, body.to_vec()))
    else {
        return StatusCode::BAD_REQUEST;
    };
    if !door.kiosk.may_scan(token.clone()).await {
        return StatusCode::CONFLICT;
    }
    let _turn = door.reading.acquire().await.expect("never closed");
    let read = tokio::task::spawn_blocking(move || picture.read()).await;
    if let Ok(Some(text)) = read {
        door.kiosk.scanned(token, text).await;
    }
    StatusCode::NO_CONTENT
}
