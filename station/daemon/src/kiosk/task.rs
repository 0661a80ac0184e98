//! The task that owns the session: hears windows and the event loop, does what the session wants, sends screens.

mod desk;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use firmware_protocol::id::Zone;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::act::{Act, Said};
use super::seat::{NoEntry, Seat, Token, WindowId};
use super::session::{Answer, Moment, Rules, Session, Stale, Want};
use super::views::{self, Frame};
use super::words::{Lang, Words};
use crate::api::model::{CodeAnswer, Start};
use crate::api::{Command, Reply, Shared};
use crate::clock::Entropy;
use crate::config::{Afterwards, Config};
use crate::daemon::told_to_stop;
use crate::eventloop::signed::Proof;
use crate::problem::Problem;

/// Requests of windows that may wait.
const ASKS_LEN: usize = 32;

/// What the page is made of.
#[derive(Debug)]
pub struct Parts {
    /// The rest of the daemon.
    pub shared: Shared,
    /// Where the station stands.
    pub zone: Zone,
    /// The languages.
    pub words: Arc<Words>,
    /// Becomes true when the daemon is to stop.
    pub stop: watch::Receiver<bool>,
}

/// A window's way to the session.
#[derive(Clone, Debug)]
pub struct Kiosk {
    asks: mpsc::Sender<Ask>,
}

/// What a window asks for.
#[derive(Debug)]
enum Ask {
    /// The page.
    Page { reply: oneshot::Sender<String> },
    /// Screens, from now on.
    Follow {
        token: Token,
        reply: oneshot::Sender<Result<Following, NoEntry>>,
    },
    /// Somebody did something.
    Act {
        token: Token,
        said: Said,
        reply: oneshot::Sender<Result<(), NotTaken>>,
    },
    /// May pictures be sent?
    MayScan {
        token: Token,
        reply: oneshot::Sender<bool>,
    },
    /// A picture had this text.
    Scanned { token: Token, text: String },
}

/// Why an act of a window was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// Another window counts.
    NotYours,
    /// The session did not take it.
    Stale(Stale),
    /// The daemon stops.
    Stopping,
}

/// A window that follows. It leaves when this is dropped.
#[derive(Debug)]
pub(super) struct Following {
    pub(super) frames: watch::Receiver<Arc<Frame>>,
    _leave: Leave,
}

#[derive(Debug)]
struct Leave {
    window: WindowId,
    left: mpsc::UnboundedSender<WindowId>,
}

impl Drop for Leave {
    fn drop(&mut self) {
        // Nobody hears it any more when the daemon stops.
        let _ = self.left.send(self.window);
    }
}

impl Kiosk {
    /// Starts the task.
    pub fn start(parts: Parts) -> Self {
        let (asks, asked) = mpsc::channel(ASKS_LEN);
        let (left, leaving) = mpsc::unbounded_channel();
        tokio::spawn(Task::new(parts, left).run(asked, leaving));
        Self { asks }
    }

    /// The page, with a token of its own.
    pub(super) async fn page(&self) -> Option<String> {
        self.ask(|reply| Ask::Page { reply }).await
    }

    pub(super) async fn follow(&self, token: Token) -> Option<Result<Following, NoEntry>> {
        self.ask(|reply| Ask::Follow { token, reply }).await
    }

    pub(super) async fn act(&self, token: Token, said: Said) -> Result<(), NotTaken> {
        let taken = self.ask(|reply| Ask::Act { token, said, reply }).await;
        taken.unwrap_or(Err(NotTaken::Stopping))
    }

    pub(super) async fn may_scan(&self, token: Token) -> bool {
        self.ask(|reply| Ask::MayScan { token, reply })
            .await
            .unwrap_or(false)
    }

    pub(super) async fn scanned(&self, token: Token, text: String) {
        // A daemon that stops needs no ticket.
        let _ = self.asks.send(Ask::Scanned { token, text }).await;
    }

    async fn ask<T>(&self, ask: impl FnOnce(oneshot::Sender<T>) -> Ask) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.asks.send(ask(reply)).await.ok()?;
        answer.await.ok()
    }
}

struct Task {
    session: Session,
    seat: Seat,
    windows: BTreeMap<WindowId, watch::Sender<Arc<Frame>>>,
    words: Arc<Words>,
    shared: Shared,
    entropy: Entropy,
    jobs: JoinSet<(u64, Answer)>,
    left: mpsc::UnboundedSender<WindowId>,
    stop: watch::Receiver<bool>,
}

fn rules(config: &Config, zone: Zone, words: &Words) -> Rules {
    let (near_dbm, registers) = (config.radio.near_dbm, zone == Zone::Registration);
    let config = &config.kiosk;
    // What is done here is not left to do elsewhere.
    let left = |what: &&Afterwards| !registers || **what != Afterwards::Registration;
    Rules {
        idle: Duration::from_secs(config.idle_seconds),
        done: Duration::from_secs(config.done_seconds),
        test_tap: config.test_tap,
        operator_bands: config.operator_bands,
        language: words.find(&config.language).unwrap_or_default(),
        theme: config.theme,
        afterwards: config.afterwards.iter().filter(left).copied().collect(),
        near_dbm,
        registers,
    }
}

impl Task {
    fn new(parts: Parts, left: mpsc::UnboundedSender<WindowId>) -> Self {
        let Parts {
            shared,
            zone,
            words,
            stop,
        } = parts;
        let at = Moment {
            now: shared.clock.now(),
            wall_ms: shared.clock.wall_ms(),
        };
        Self {
            session: Session::new(rules(&shared.config, zone, &words), at),
            seat: Seat::default(),
            windows: BTreeMap::new(),
            words,
            shared,
            entropy: Entropy::new(),
            jobs: JoinSet::new(),
            left,
            stop,
        }
    }

    async fn run(mut self, mut asks: mpsc::Receiver<Ask>, mut leaving: mpsc::UnboundedReceiver<WindowId>) {
        let mut live = self.shared.live.clone();
        live.mark_changed();
        loop {
            let deadline = self.session.poll_timeout();
            tokio::select! {
                () = told_to_stop(&mut self.stop) => return,
                Some(window) = leaving.recv() => self.leave(window),
                Some(ask) = asks.recv() => self.hear(ask),
                Ok(()) = live.changed() => {
                    let now = live.borrow_and_update().clone();
                    self.session.handle_live(self.at(), now);
                }
                Some(Ok((visit, answer))) = self.jobs.join_next(), if !self.jobs.is_empty() => {
                    self.session.handle_answer(self.at(), visit, answer);
                }
                () = self.shared.clock.wait_until(deadline) => self.session.handle_timeout(self.at()),
            }
            while let Some((visit, want)) = self.session.poll_want() {
                self.begin(visit, want);
            }
            self.publish();
        }
    }

    fn at(&self) -> Moment {
        Moment {
            now: self.shared.clock.now(),
            wall_ms: self.shared.clock.wall_ms(),
        }
    }

    fn lang(&self) -> Lang {
        Lang::new(&self.words, self.session.language)
    }

    fn leave(&mut self, window: WindowId) {
        self.windows.remove(&window);
        self.seat.leave(window);
    }

    fn hear(&mut self, ask: Ask) {
        // Whoever asked may have gone away; then there is nobody to tell.
        match ask {
            Ask::Page { reply } => {
                let token = data_encoding::HEXLOWER.encode(&self.entropy.bytes::<16>());
                let page = views::page(&self.session, &self.lang(), &token);
                self.seat.hand_out(token);
                let _ = reply.send(page);
            }
            Ask::Follow { token, reply } => {
                let _ = reply.send(self.follow(&token));
            }
            Ask::Act { token, said, reply } => {
                let _ = reply.send(self.act(&token, said));
            }
            Ask::MayScan { token, reply } => {
                let _ = reply.send(self.seat.holds(&token) && self.session.is_scanning());
            }
            Ask::Scanned { token, text } if self.seat.holds(&token) => {
                self.session.handle_scan(self.at(), text);
            }
            Ask::Scanned { .. } => {}
        }
    }

    fn follow(&mut self, token: &str) -> Result<Following, NoEntry> {
        let window = self.seat.enter(token)?;
        let seat = &self.seat;
        self.windows.retain(|window, _| seat.is_open(*window));
        let (frames, seen) = watch::channel(Arc::new(self.frame(window)));
        self.windows.insert(window, frames);
        Ok(Following {
            frames: seen,
            _leave: Leave {
                window,
                left: self.left.clone(),
            },
        })
    }

    fn act(&mut self, token: &str, said: Said) -> Result<(), NotTaken> {
        if matches!(said.what, Act::TakeOver {}) {
            return match self.seat.take(token) {
                true => Ok(()),
                false => Err(NotTaken::NotYours),
            };
        }
        if !self.seat.holds(token) {
            return Err(NotTaken::NotYours);
        }
        let (at, turn) = (self.at(), said.turn);
        let taken = match said.what {
            Act::Language { code } => match self.words.find(&code) {
                Some(language) => self.session.speak(at, turn, language),
                None => Err(Stale::NotHere),
            },
            act => self.session.handle_act(at, turn, act),
        };
        taken.map_err(NotTaken::Stale)
    }

    fn frame(&self, window: WindowId) -> Frame {
        match self.seat.holder() == Some(window) {
            true => views::draw(&self.session, &self.lang()),
            false => views::elsewhere(&self.session, &self.lang()),
        }
    }

    /// Sends every window what it is to show, if that is something new.
    fn publish(&mut self) {
        for (window, frames) in &self.windows {
            let frame = self.frame(*window);
            frames.send_if_modified(|shown| {
                let is_new = **shown != frame;
                if is_new {
                    *shown = Arc::new(frame);
                }
                is_new
            });
        }
    }

    fn begin(&mut self, visit: u64, want: Want) {
        let shared = self.shared.clone();
        self.jobs.spawn(async move { (visit, done(&shared, want).await) });
    }
}

/// Does what the session wants.
async fn done(shared: &Shared, want: Want) -> Answer {
    match want {
        Want::Start(identification) => Answer::Started(start(shared, identification).await),
        Want::Compared { id, same, code } => {
            let answer = CodeAnswer {
                same,
                code: Some(code),
            };
            let told = shared.ask(|reply| Command::Code { id, answer, reply });
            Answer::Told(told.await.map(drop))
        }
        Want::Cancel { id } => {
            Answer::Told(shared.ask(|reply| Command::Cancel { id, reply }).await.map(drop))
        }
        Want::Look { serial } => Answer::Looked(desk::look_for(shared, &serial).await.map(Box::new)),
        Want::SignIn(by) => Answer::SignedIn(shared.ask(|reply| Command::SignIn(by, reply)).await),
        Want::SignInByBand => Answer::SignedInByBand(shared.ask(Command::SignInByBand).await),
        Want::StopSignIn => {
            shared.tell(Command::StopSignIn).await;
            Answer::Said
        }
        Want::Vouched(vouched) => {
            Answer::Started(named(shared, |reply| Command::Vouched(vouched, reply)).await)
        }
        Want::Find { user } => desk::find(shared, user).await,
        Want::Check => Answer::Checked(desk::check(shared).await.map(Box::new)),
        Want::Examine => Answer::Examined(Box::new(desk::examine(shared).await)),
        Want::LookUp { clock, intents } => desk::look_up(shared, clock, intents).await,
        Want::ConfirmClock { by, clock_ms } => {
            let by = Proof::SignedIn(by);
            let told = shared.ask(|reply| Command::ConfirmClock { clock_ms, by, reply });
            Answer::PutRight(told.await.map(drop))
        }
        Want::CloseIntent { by, association } => {
            Answer::PutRight(desk::close_intent(shared, by, &association).await)
        }
        Want::Bundle(log) => Answer::Bundled(desk::bundle(shared, &log).await),
    }
}

type Started = Result<(Box<crate::api::model::Enrollment>, String), Problem>;

async fn start(shared: &Shared, identification: crate::api::model::Identification) -> Started {
    let start = Start {
        identification,
        device: None,
        serial: None,
    };
    named(shared, |reply| Command::Start(Box::new(start), reply)).await
}

/// Begins an enrollment, and says whose it is; nobody's name where the station knows none.
async fn named(shared: &Shared, command: impl FnOnce(Reply) -> Command) -> Started {
    let enrollment = shared.ask(command).await?;
    let person = desk::person(shared, &enrollment.user).await;
    let name = person.map(|person| person.name).unwrap_or_default();
    Ok((Box::new(enrollment), name))
}
