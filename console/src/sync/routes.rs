//! Which request is answered by what, and how refusals are said.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use server_sync::Versions;
use server_sync::feed::{FeedFault, FeedRequest};
use server_sync::health::{HEALTH_LEN_MAX, Health};
use server_sync::join::{JOIN_LEN_MAX, JoinAnswer};
use server_sync::journal::{BATCH_BYTES_MAX, PushAnswer, PushFault};
use tokio::sync::watch;

use super::authority;
use super::feed::{Answered, Look};
use super::http::{self, Body, Refusal, Size};
use super::intake::Intake;
use super::listen::{Answers, From};
use super::push::{self, Pushed, Trusted};
use super::rows::Wishes;
use super::stations::{self, NotServed, admit};
use super::{join, listen};
use crate::ca::Peer;
use crate::db::DbError;
use crate::ingest::Trust;
use crate::serve::App;

/// The longest time for which a poll is held.
const HOLD_MAX: Duration = Duration::from_secs(60);
/// Stations that are behind are served a few at a time: a page costs a look through thousands of rows.
const PAGES_AT_ONCE: usize = 4;

/// Answers stations.
pub(super) struct Routes {
    app: App,
    trusted: Trusted,
    intake: Intake,
    stop: watch::Receiver<bool>,
    pages: tokio::sync::Semaphore,
}

/// Stations that may come back in a second, when they all lost this console: a handshake takes about a millisecond of a
/// processor, and who has something to send must find a free one.
const RETURNS_PER_SECOND: usize = 500;

/// Over how many seconds so many connections should be made again; nothing where a second is enough.
fn spread_s(open: usize) -> Option<u16> {
    u16::try_from(open / RETURNS_PER_SECOND)
        .ok()
        .filter(|seconds| *seconds > 1)
}

type Outcome = Result<Response<Body>, Refusal>;

impl Answers for Routes {
    async fn answer(self: Arc<Self>, from: listen::From, request: Request<Incoming>) -> Response<Body> {
        let outcome = self.route(&from, request).await;
        outcome.unwrap_or_else(|refusal| {
            tracing::debug!(address = %from.address, code = refusal.code, "a station was refused");
            refusal.response(self.now_ms())
        })
    }
}

impl Routes {
    pub(super) fn new(app: App, trust: Trust, stop: watch::Receiver<bool>) -> Self {
        Self {
            intake: Intake::start(app.clone()),
            app,
            trusted: Trusted::new(trust),
            stop,
            pages: tokio::sync::Semaphore::new(PAGES_AT_ONCE),
        }
    }

    fn now_ms(&self) -> u64 {
        self.app.now().0.max(0) as u64
    }

    fn wishes(&self) -> Wishes {
        Wishes::of(&self.app.config.sync)
    }

    async fn route(&self, from: &From, request: Request<Incoming>) -> Outcome {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let peer = || {
            from.peer
                .ok_or(Refusal::new(StatusCode::UNAUTHORIZED, "certificate_missing"))
        };
        match (method, path.as_str()) {
            (Method::GET, "/sync/v1/feed") => self.feed(peer()?, request, spread_s(from.open)).await,
            (Method::POST, "/sync/v1/journal") => self.journal(peer()?, request).await,
            (Method::POST, "/sync/v1/health") => self.health(peer()?, request).await,
            (Method::GET, "/sync/v1/keys") => self.feed_keys(peer()?).await,
            (Method::POST, "/sync/v1/renew") => self.renew(peer()?, request).await,
            (Method::POST, "/sync/v1/join") => self.join(from, request).await,
            (
                _,
                "/sync/v1/feed" | "/sync/v1/journal" | "/sync/v1/health" | "/sync/v1/keys" | "/sync/v1/renew"
                | "/sync/v1/join",
            ) => Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed")),
            _ => Err(Refusal::new(StatusCode::NOT_FOUND, "not_found")),
        }
    }

    async fn feed(&self, peer: Peer, request: Request<Incoming>, spread_s: Option<u16>) -> Outcome {
        let malformed = || fault(StatusCode::BAD_REQUEST, &FeedFault::Malformed);
        let asked =
            FeedRequest::from_query(request.uri().query().unwrap_or_default()).map_err(|_| malformed())?;
        let hold = Duration::from_secs(asked.wait_s.into()).min(HOLD_MAX);
        let deadline = tokio::time::Instant::now() + hold;
        let mut head_seen = self.app.feed();
        loop {
            head_seen.mark_unchanged();
            let is_over = hold.is_zero() || tokio::time::Instant::now() >= deadline || *self.stop.borrow();
            let head = match self.look(peer, asked, is_over, spread_s).await? {
                Answered::Page(page) => return Ok(self.page(page)),
                Answered::Nothing { head } => head,
                Answered::Fault(fault_) => return Err(fault(StatusCode::CONFLICT, &fault_)),
                Answered::NotServed(refused) => {
                    return Err(not_served(refused, FeedFault::Revoked.to_bytes()));
                }
            };
            self.wait(&mut head_seen, peer, head, deadline).await?;
        }
    }

    async fn look(
        &self,
        peer: Peer,
        asked: FeedRequest,
        or_empty: bool,
        spread_s: Option<u16>,
    ) -> Result<Answered, Refusal> {
        let _turn = self.pages.acquire().await.map_err(|_| busy())?;
        let (vault, now, wishes) = (self.app.vault.clone(), self.app.now(), self.wishes());
        let answered = self.app.db.read(move |tx| {
            let look = Look {
                tx,
                vault: &vault,
                now,
                versions: Versions::OURS,
                wishes,
                spread_s,
            };
            look.answer(&peer, &asked, or_empty)
        });
        answered.await.map_err(|error| failed(&error))
    }

    /// Until something behind `head` concerns this station, time is over, or the console stops.
    async fn wait(
        &self,
        head_seen: &mut watch::Receiver<u64>,
        peer: Peer,
        mut head: u64,
        deadline: tokio::time::Instant,
    ) -> Result<(), Refusal> {
        loop {
            let moved = tokio::time::timeout_at(deadline, self.moved(head_seen, head)).await;
            let Ok(Some(seen)) = moved else { return Ok(()) };
            if self.concerns(peer, head).await? {
                return Ok(());
            }
            head = seen;
        }
    }

    /// The head, once it is behind `head`; nothing if the console stops first.
    async fn moved(&self, head_seen: &mut watch::Receiver<u64>, head: u64) -> Option<u64> {
        let mut stop = self.stop.clone();
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => None,
            moved = head_seen.wait_for(|seen| *seen > head) => moved.ok().map(|seen| *seen),
        }
    }

    async fn concerns(&self, peer: Peer, seen: u64) -> Result<bool, Refusal> {
        let (vault, now, wishes) = (self.app.vault.clone(), self.app.now(), self.wishes());
        let concerns = self.app.db.read(move |tx| {
            let look = Look {
                tx,
                vault: &vault,
                now,
                versions: Versions::OURS,
                wishes,
                spread_s: None,
            };
            look.concerns(&peer, seen)
        });
        concerns.await.map_err(|error| failed(&error))
    }

    /// Nothing but what is needed: a poll without news is a few hundred bytes.
    fn page(&self, page: Vec<u8>) -> Response<Body> {
        let mut response = http::cbor(StatusCode::OK, page, self.now_ms());
        response.headers_mut().remove(hyper::header::CONTENT_TYPE);
        response
    }

    async fn journal(&self, peer: Peer, request: Request<Incoming>) -> Outcome {
        let size = Size {
            sent_max: BATCH_BYTES_MAX,
            unpacked_max: BATCH_BYTES_MAX,
        };
        let bytes = http::read(request, size).await?;
        let pushed = push::push(&self.app, &self.intake, &self.trusted, peer, bytes)
            .await
            .map_err(|error| failed(&error))?;
        match pushed {
            Pushed::Answer(answer) => {
                let status = match &answer {
                    PushAnswer::Ack(_) => StatusCode::OK,
                    PushAnswer::Refused(_) => StatusCode::CONFLICT,
                };
                Ok(http::cbor(status, answer.to_bytes(), self.now_ms()))
            }
            Pushed::NotServed(refused) => Err(not_served(
                refused,
                PushAnswer::Refused(PushFault::Revoked).to_bytes(),
            )),
        }
    }

    async fn health(&self, peer: Peer, request: Request<Incoming>) -> Outcome {
        let size = Size {
            sent_max: HEALTH_LEN_MAX,
            unpacked_max: HEALTH_LEN_MAX,
        };
        let bytes = http::read(request, size).await?;
        if Health::from_bytes(&bytes).is_none() {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "health_malformed"));
        }
        let now = self.app.now();
        let stored = self.app.db.write(move |tx| match admit(tx, &peer, now)? {
            Ok(station) => stations::set_health(tx, station.id, &bytes, now).map(Ok),
            Err(refused) => Ok::<_, DbError>(Err(refused)),
        });
        match stored.await.map_err(|error| failed(&error))? {
            Ok(()) => Ok(http::cbor(StatusCode::NO_CONTENT, Vec::new(), self.now_ms())),
            Err(refused) => Err(not_served(refused, Vec::new())),
        }
    }

    async fn feed_keys(&self, peer: Peer) -> Outcome {
        let (vault, now) = (self.app.vault.clone(), self.app.now());
        let list = self.app.db.read(move |tx| match admit(tx, &peer, now)? {
            Ok(_) => authority::key_list(tx, &vault, now).map(Ok),
            Err(refused) => Ok::<_, DbError>(Err(refused)),
        });
        match list.await.map_err(|error| failed(&error))? {
            Ok(list) => Ok(http::cbor(StatusCode::OK, list.to_bytes(), self.now_ms())),
            Err(refused) => Err(not_served(refused, FeedFault::Revoked.to_bytes())),
        }
    }

    async fn renew(&self, peer: Peer, request: Request<Incoming>) -> Outcome {
        let bytes = http::read(request, JOIN_SIZE).await?;
        let answer = join::renew(&self.app, peer, &bytes)
            .await
            .map_err(|error| failed(&error))?;
        match answer {
            Ok(answer) => Ok(self.joined(&answer)),
            Err(refused) => Err(not_served(refused, Vec::new())),
        }
    }

    async fn join(&self, from: &From, request: Request<Incoming>) -> Outcome {
        let bytes = http::read(request, JOIN_SIZE).await?;
        let answer = join::join(&self.app, &bytes)
            .await
            .map_err(|error| failed(&error))?;
        match &answer {
            JoinAnswer::Joined(joined) => {
                tracing::info!(station = %joined.station, site = joined.site, address = %from.address, "a station joined");
            }
            JoinAnswer::Refused(fault) => {
                tracing::warn!(code = fault.code(), address = %from.address, "a station was not taken in");
            }
        }
        Ok(self.joined(&answer))
    }

    fn joined(&self, answer: &JoinAnswer) -> Response<Body> {
        let status = match answer {
            JoinAnswer::Joined(_) => StatusCode::OK,
            JoinAnswer::Refused(_) => StatusCode::FORBIDDEN,
        };
        http::cbor(status, answer.to_bytes(), self.now_ms())
    }
}

const JOIN_SIZE: Size = Size {
    sent_max: JOIN_LEN_MAX,
    unpacked_max: JOIN_LEN_MAX,
};

fn busy() -> Refusal {
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "console_busy")
}

fn fault(status: StatusCode, fault: &FeedFault) -> Refusal {
    Refusal {
        status,
        code: fault.code(),
        body: fault.to_bytes(),
    }
}

/// A station with a certificate of ours that gets nothing. `revoked` is how the engine at the other end is told.
fn not_served(refused: NotServed, revoked: Vec<u8>) -> Refusal {
    match refused {
        NotServed::Revoked => Refusal {
            status: StatusCode::FORBIDDEN,
            code: "station_revoked",
            body: revoked,
        },
        NotServed::Unknown => Refusal::new(StatusCode::FORBIDDEN, "certificate_unknown"),
        NotServed::Expired => Refusal::new(StatusCode::UNAUTHORIZED, "certificate_expired"),
    }
}

/// What the database cannot do now, the station tries again; everything else is for the log.
fn failed(error: &DbError) -> Refusal {
    tracing::error!(%error, "a station's request failed");
    match error {
        DbError::Full => Refusal::new(StatusCode::INSUFFICIENT_STORAGE, "console_full"),
        _ => busy(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_stations_come_back_one_after_the_other() {
        let rows = [
            (0, None),
            (999, None),
            (1_000, Some(2)),
            (10_000, Some(20)),
            (24_000, Some(48)),
        ];
        for (open, expected) in rows {
            assert_eq!(spread_s(open), expected, "{open}");
        }
    }
}
