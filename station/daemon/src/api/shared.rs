//! What the answers are made of: the event loop's published state, the store, and the loop's command queue.

use std::sync::Arc;

use firmware_protocol::id::AssociationId;
use station_core::ticket::SignedIn;
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot, watch};

use super::model::{self, Bands, Enrollment, Event};
use crate::clock::Clock;
use crate::config::Config;
use crate::eventloop::look::Look;
use crate::eventloop::own_band::ByBand;
use crate::eventloop::signed::{Proof, Vouched};
use crate::problem::{Code, Problem};
use crate::store::{StoreError, StoreHandle};

/// Clients that may follow live events at the same time.
const FOLLOWERS_MAX: usize = 16;

/// What the API asks of the event loop.
#[derive(Debug)]
pub enum Command {
    /// Begin an enrollment.
    Start(Box<model::Start>, Reply),
    /// Somebody compared the codes.
    Code {
        /// Which attempt.
        id: String,
        /// What somebody saw.
        answer: model::CodeAnswer,
        /// Where the answer goes.
        reply: Reply,
    },
    /// Stop an enrollment.
    Cancel {
        /// Which attempt.
        id: String,
        /// Where the answer goes.
        reply: Reply,
    },
    /// An operator signs in at the page.
    SignIn(model::OperatorPin, Reply<SignedIn>),
    /// An operator signs in at the page by the own band.
    SignInByBand(ByBand),
    /// Whoever wanted to sign in by a band does not any more.
    StopSignIn,
    /// Begin an enrollment of somebody for whom an operator who signed in vouches.
    Vouched(Vouched, Reply),
    /// What is the band that is held to the station?
    Look(Look),
    /// The console told something: read again what the station is.
    Told,
    /// The console says what time it is, milliseconds since 1970.
    ConsoleTime(u64),
    /// What does the station know about the date?
    Clock(Reply<model::Clock>),
    /// An operator says that the clock is right.
    ConfirmClock {
        /// The system's clock as it was compared, milliseconds since 1970.
        clock_ms: u64,
        /// Who.
        by: Proof,
        /// Where the answer goes.
        reply: Reply<model::Clock>,
    },
    /// An operator gives up an open enrollment.
    CloseIntent {
        /// Which.
        association: AssociationId,
        /// Who.
        by: Proof,
        /// Where the answer goes.
        reply: Reply<model::OpenIntent>,
    },
}

/// Where the answer as things stand then, or the problem, is sent.
pub type Reply<T = Enrollment> = oneshot::Sender<Result<T, Problem>>;

/// What the event loop lets everybody see.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    /// The radio's state: the code of an adapter state, or `starting`.
    pub radio: String,
    /// The adapter's name, if the radio is ready.
    pub adapter: Option<String>,
    /// The address of the kiosk's page, if there is one.
    pub page: Option<String>,
    /// The date can be believed.
    pub time_trusted: bool,
    /// The bands in range.
    pub bands: Bands,
    /// The enrollment under way, or the last one.
    pub enrollment: Option<Enrollment>,
    /// How far somebody is who signs in by a band.
    pub signing_in: Option<SigningIn>,
    /// How the station stands with its console, if it has one.
    pub sync: Option<model::Sync>,
}

/// How far somebody is who signs in by a band. Neither band nor person is named in it.
#[derive(Clone, Debug, PartialEq)]
pub struct SigningIn {
    /// What is waited for.
    pub stage: model::Stage,
    /// The code on the band's screen.
    pub code: Option<String>,
    /// The touches.
    pub touches: Option<model::Touches>,
}

impl SigningIn {
    pub(crate) fn of(view: &Enrollment) -> Self {
        Self {
            stage: view.stage,
            code: view.code.clone(),
            touches: view.touches.clone(),
        }
    }
}

impl Default for Live {
    fn default() -> Self {
        Self {
            radio: "starting".into(),
            adapter: None,
            page: None,
            time_trusted: true,
            bands: Bands::default(),
            enrollment: None,
            signing_in: None,
            sync: None,
        }
    }
}

/// Everything a handler needs.
#[derive(Clone, Debug)]
pub struct Shared {
    pub(crate) store: StoreHandle,
    pub(super) commands: mpsc::Sender<Command>,
    pub(crate) live: watch::Receiver<Live>,
    pub(super) events: broadcast::Sender<Event>,
    pub(crate) config: Arc<Config>,
    pub(crate) clock: Clock,
    pub(super) followers: Arc<Semaphore>,
    pub(super) doctor: Arc<Semaphore>,
}

impl Shared {
    /// Ties the API to the rest of the daemon. `clock` counts from the daemon's start.
    pub fn new(
        store: StoreHandle,
        commands: mpsc::Sender<Command>,
        live: watch::Receiver<Live>,
        events: broadcast::Sender<Event>,
        config: Arc<Config>,
        clock: Clock,
    ) -> Self {
        Self {
            store,
            commands,
            live,
            events,
            config,
            clock,
            followers: Arc::new(Semaphore::new(FOLLOWERS_MAX)),
            doctor: Arc::new(Semaphore::new(1)),
        }
    }

    /// Sends a command and waits for its answer.
    pub(crate) async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, Problem> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| stopping())?;
        answer.await.map_err(|_| stopping())?
    }

    /// Sends a command that has no answer.
    pub(crate) async fn tell(&self, command: Command) {
        // A daemon that stops need not be told.
        let _ = self.commands.send(command).await;
    }

    pub(super) fn store_problem(&self, what: &str, error: StoreError) -> Problem {
        error.into_problem(what, &self.config)
    }
}

fn stopping() -> Problem {
    Problem::new(
        Code::DaemonUnreachable,
        "the request was not answered",
        "the station is stopping",
        "try again",
    )
}
