//! Live events: server-sent events that begin with how things are and go on with what changes.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{self, KeepAlive, Sse};
use futures_util::stream::{self, Stream, StreamExt};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast};

use super::model::Event;
use super::problem::{Answer, ProblemBody};
use super::shared::Shared;
use crate::problem::{Code, Problem};

/// A comment is sent after so much silence, so that both ends notice when the other is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

struct Follower {
    shared: Shared,
    events: broadcast::Receiver<Event>,
    waiting: std::vec::IntoIter<Event>,
    _slot: OwnedSemaphorePermit,
}

/// Follows what happens. Each event's data is an `Event`; the stream begins with the present state.
#[utoipa::path(get, path = "/api/v1/events", responses(
    (status = 200, content_type = "text/event-stream", body = Event), (status = 429, body = ProblemBody)
))]
pub(super) async fn follow(
    State(shared): State<Shared>,
) -> Result<Sse<impl Stream<Item = Result<sse::Event, Infallible>>>, Answer> {
    let Ok(slot) = shared.followers.clone().try_acquire_owned() else {
        let why = "too many clients follow the events already";
        return Err(Problem::new(
            Code::TooManyAttempts,
            "the events are not shown",
            why,
            "close one of them",
        )
        .into());
    };
    // Subscribed before the state is read: what happens in between comes twice rather than never.
    let events = shared.events.subscribe();
    let waiting = present(&shared).into_iter();
    let follower = Follower {
        shared,
        events,
        waiting,
        _slot: slot,
    };
    let stream = stream::unfold(follower, |mut follower| async {
        let event = follower.next().await?;
        Some((event, follower))
    });
    Ok(Sse::new(stream.map(|event| Ok(written(&event)))).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)))
}

impl Follower {
    async fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.waiting.next() {
            return Some(event);
        }
        match self.events.recv().await {
            Ok(event) => Some(event),
            // A slow reader missed some; the present state makes up for them.
            Err(RecvError::Lagged(_)) => {
                self.waiting = present(&self.shared).into_iter();
                self.waiting.next()
            }
            Err(RecvError::Closed) => None,
        }
    }
}

fn present(shared: &Shared) -> Vec<Event> {
    let live = shared.live.borrow().clone();
    let enrollment = live
        .enrollment
        .map(|enrollment| Event::Enrollment(Box::new(enrollment)));
    [Event::Radio(live.radio), Event::Bands(live.bands)]
        .into_iter()
        .chain(live.sync.map(Event::Sync))
        .chain(enrollment)
        .collect()
}

fn written(event: &Event) -> sse::Event {
    let data = serde_json::to_string(event).expect("plain data");
    sse::Event::default().event(event.name()).data(data)
}
