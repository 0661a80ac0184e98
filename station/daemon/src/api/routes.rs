//! The addresses of the API. What each does is in its description.

use axum::Json;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use firmware_protocol::id::AssociationId;
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use super::model::*;
use super::problem::{self, Answer, Body, Parameters, ProblemBody};
use super::shared::{Command, Shared};
use super::{events, openapi};
use crate::doctor;
use crate::eventloop::signed::Proof;
use crate::problem::{Code, Problem};

/// Largest request body, in bytes: a ticket has less than one KiB.
const BODY_BYTES_MAX: usize = 16 << 10;
/// Entries on a page of the journal if nobody says otherwise.
const PAGE_LEN: u32 = 100;
/// Entries on a page at most.
const PAGE_LEN_MAX: u32 = 1000;

pub(crate) type Outcome<T> = Result<Json<T>, Answer>;

/// Every address.
pub fn router(shared: Shared) -> Router {
    let timed = Router::new()
        .route("/api/v1/health", get(health))
        .route("/api/v1/status", get(status))
        .route("/api/v1/bands", get(bands))
        .route("/api/v1/doctor", get(examine))
        .route("/api/v1/journal", get(journal))
        .route("/api/v1/enrollments", post(start))
        .route("/api/v1/enrollments/{id}", get(enrollment))
        .route("/api/v1/enrollments/{id}/code", post(code))
        .route("/api/v1/enrollments/{id}/cancel", post(cancel))
        .route("/api/v1/clock", get(clock))
        .route("/api/v1/clock/confirm", post(confirm_clock))
        .route("/api/v1/intents", get(intents))
        .route("/api/v1/intents/{association}/close", post(close_intent))
        .route("/api/v1/openapi.json", get(document))
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(middleware::from_fn(problem::limit_time));
    Router::new()
        .route("/api/v1/events", get(events::follow))
        .merge(timed)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(shared)
}

/// Whether the process works.
#[utoipa::path(get, path = "/api/v1/health", responses((status = 200, body = Health)))]
pub(super) async fn health(State(shared): State<Shared>) -> Json<Health> {
    let ready = shared.live.borrow().radio == "ready";
    Json(Health { alive: true, ready })
}

/// How the station is.
#[utoipa::path(get, path = "/api/v1/status", responses(
    (status = 200, body = Status), (status = 503, body = ProblemBody)
))]
pub(super) async fn status(State(shared): State<Shared>) -> Outcome<Status> {
    let stored = shared.store.run(|store| {
        let identity = store.identity()?.clone();
        Ok((identity, store.counts()?, store.head()?))
    });
    let (identity, (users, bands), head) = stored
        .await
        .map_err(|error| shared.store_problem("the status cannot be read", error))?;
    let live = shared.live.borrow().clone();
    Ok(Json(Status {
        software: env!("CARGO_PKG_VERSION").into(),
        station: identity.station.to_string(),
        organization: identity.organization.to_string(),
        site: identity.site,
        zone: super::convert::zone_name(identity.zone).into(),
        uptime_seconds: shared.clock.now().as_micros() / 1_000_000,
        radio: live.radio,
        adapter: live.adapter,
        page: live.page,
        time_trusted: live.time_trusted,
        replica: Replica {
            revision: identity.revision,
            age_seconds: shared.clock.wall_ms().saturating_sub(identity.as_of_ms) / 1000,
            users,
            bands,
        },
        journal: Journal {
            sequence: head.sequence,
            hash: head.hash.to_string(),
        },
        enrollment: live.enrollment,
        sync: live.sync,
    }))
}

/// The bands in range, nearest first.
#[utoipa::path(get, path = "/api/v1/bands", responses((status = 200, body = Bands)))]
pub(super) async fn bands(State(shared): State<Shared>) -> Json<Bands> {
    Json(shared.live.borrow().bands.clone())
}

/// What is wrong, in one line per cause, and what to do.
#[utoipa::path(get, path = "/api/v1/doctor", responses((status = 200, body = Findings)))]
pub(crate) async fn examine(State(shared): State<Shared>) -> Outcome<Findings> {
    // The doctor reads the whole database; one at a time is enough.
    let _turn = shared.doctor.acquire().await.expect("never closed");
    let Json(status) = status(State(shared.clone())).await?;
    let examined =
        tokio::task::spawn_blocking(move || doctor::examine(Ok(&shared.config), Ok(&status), shared.clock));
    let failed = |_| {
        Problem::new(
            Code::Internal,
            "the doctor failed",
            "a fault of this program",
            "look at the log",
        )
    };
    Ok(Json(examined.await.map_err(failed)?))
}

/// Which part of the journal.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// First sequence; 1 if absent.
    from: Option<u64>,
    /// Entries at most, 1 to 1000; 100 if absent.
    limit: Option<u32>,
}

/// A page of the journal, oldest first.
#[utoipa::path(get, path = "/api/v1/journal", params(Page), responses(
    (status = 200, body = JournalPage), (status = 400, body = ProblemBody), (status = 503, body = ProblemBody)
))]
pub(super) async fn journal(
    State(shared): State<Shared>,
    Parameters(page): Parameters<Page>,
) -> Outcome<JournalPage> {
    let limit = page.limit.unwrap_or(PAGE_LEN);
    if !(1..=PAGE_LEN_MAX).contains(&limit) {
        let why = format!("limit is {limit}, outside 1 to {PAGE_LEN_MAX}");
        return Err(Problem::new(
            Code::BadRequest,
            "the journal is not shown",
            why,
            "ask for fewer entries",
        )
        .into());
    }
    let from = page.from.unwrap_or(1);
    let read = shared.store.run(move |store| store.entries(from, limit + 1));
    let mut entries = read
        .await
        .map_err(|error| shared.store_problem("the journal cannot be read", error))?;
    let next = (entries.len() > limit as usize)
        .then(|| entries.pop())
        .flatten()
        .map(|entry| entry.sequence);
    Ok(Json(JournalPage {
        entries: entries.iter().map(JournalEntry::of).collect(),
        next,
    }))
}

/// Begins an enrollment or a registration.
#[utoipa::path(post, path = "/api/v1/enrollments", request_body = Start, responses(
    (status = 201, body = Enrollment), (status = 400, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 409, body = ProblemBody), (status = 429, body = ProblemBody), (status = 503, body = ProblemBody),
    (status = 507, body = ProblemBody)
))]
pub(super) async fn start(
    State(shared): State<Shared>,
    Body(start): Body<Start>,
) -> Result<impl IntoResponse, Answer> {
    let enrollment = shared.ask(|reply| Command::Start(Box::new(start), reply)).await?;
    Ok((StatusCode::CREATED, Json(enrollment)))
}

/// Where an enrollment stands: the one under way, or the last one.
#[utoipa::path(get, path = "/api/v1/enrollments/{id}", params(("id" = String, Path)), responses(
    (status = 200, body = Enrollment), (status = 404, body = ProblemBody)
))]
pub(super) async fn enrollment(State(shared): State<Shared>, Path(id): Path<String>) -> Outcome<Enrollment> {
    let live = shared.live.borrow().enrollment.clone();
    live.filter(|enrollment| enrollment.id == id)
        .map(Json)
        .ok_or_else(|| unknown_enrollment().into())
}

/// The problem of an attempt that is neither under way nor the last one.
pub(crate) fn unknown_enrollment() -> Problem {
    Problem::new(
        Code::NotFound,
        "there is no such enrollment",
        "it is neither the one under way nor the last one",
        "look at /api/v1/status",
    )
}

/// Says whether band and kiosk show the same code.
#[utoipa::path(post, path = "/api/v1/enrollments/{id}/code", params(("id" = String, Path)), request_body = CodeAnswer,
    responses((status = 200, body = Enrollment), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)
))]
pub(super) async fn code(
    State(shared): State<Shared>,
    Path(id): Path<String>,
    Body(answer): Body<CodeAnswer>,
) -> Outcome<Enrollment> {
    let told = shared.ask(|reply| Command::Code { id, answer, reply });
    Ok(Json(told.await?))
}

/// Stops an enrollment, if nothing was committed yet.
#[utoipa::path(post, path = "/api/v1/enrollments/{id}/cancel", params(("id" = String, Path)), responses(
    (status = 200, body = Enrollment), (status = 404, body = ProblemBody), (status = 409, body = ProblemBody)
))]
pub(super) async fn cancel(State(shared): State<Shared>, Path(id): Path<String>) -> Outcome<Enrollment> {
    Ok(Json(shared.ask(|reply| Command::Cancel { id, reply }).await?))
}

/// What the station knows about the date.
#[utoipa::path(get, path = "/api/v1/clock", responses((status = 200, body = Clock)))]
pub(super) async fn clock(State(shared): State<Shared>) -> Outcome<Clock> {
    Ok(Json(shared.ask(Command::Clock).await?))
}

/// An operator with the right `confirm_clock` says that the clock is right. What had expired stays expired.
#[utoipa::path(post, path = "/api/v1/clock/confirm", request_body = ConfirmClock, responses(
    (status = 200, body = Clock), (status = 400, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 409, body = ProblemBody), (status = 429, body = ProblemBody), (status = 503, body = ProblemBody)
))]
pub(super) async fn confirm_clock(
    State(shared): State<Shared>,
    Body(said): Body<ConfirmClock>,
) -> Outcome<Clock> {
    let ConfirmClock {
        operator,
        pin,
        clock_ms,
    } = said;
    let by = Proof::Pin(OperatorPin { operator, pin });
    let confirmed = shared.ask(|reply| Command::ConfirmClock { clock_ms, by, reply });
    Ok(Json(confirmed.await?))
}

/// The enrollments whose end only their band knows.
#[utoipa::path(get, path = "/api/v1/intents", responses(
    (status = 200, body = OpenIntents), (status = 503, body = ProblemBody)
))]
pub(super) async fn intents(State(shared): State<Shared>) -> Outcome<OpenIntents> {
    let read = shared.store.run(|store| OpenIntent::all(store)).await;
    let intents = read.map_err(|error| shared.store_problem("open enrollments cannot be read", error))?;
    Ok(Json(OpenIntents { intents }))
}

/// An operator with the right `close_intents` gives up an enrollment whose band does not come back. Its ticket
/// stays spent; should the band hold it after all, the policy is asked when it comes.
#[utoipa::path(post, path = "/api/v1/intents/{association}/close", params(("association" = String, Path)),
    request_body = OperatorPin, responses(
    (status = 200, body = OpenIntent), (status = 400, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 409, body = ProblemBody), (status = 429, body = ProblemBody),
    (status = 503, body = ProblemBody)
))]
pub(super) async fn close_intent(
    State(shared): State<Shared>,
    Path(association): Path<String>,
    Body(by): Body<OperatorPin>,
) -> Outcome<OpenIntent> {
    let association = association_named(&association)?;
    let by = Proof::Pin(by);
    let closed = shared.ask(|reply| Command::CloseIntent {
        association,
        by,
        reply,
    });
    Ok(Json(closed.await?))
}

/// The association with this name.
pub(crate) fn association_named(name: &str) -> Result<AssociationId, Problem> {
    let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(name.as_bytes()).ok();
    let id = bytes.and_then(|bytes| bytes.try_into().ok()).map(AssociationId);
    id.ok_or_else(|| {
        let next = "name it as `bandstand-station intents list` shows it";
        Problem::new(
            Code::BadRequest,
            "nothing was changed",
            "an association has 32 hexadecimal digits",
            next,
        )
    })
}

/// This description of the API.
#[utoipa::path(get, path = "/api/v1/openapi.json", responses((status = 200)))]
pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(openapi::Document::openapi())
}
