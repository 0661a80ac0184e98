//! The one loop: everything that happens is one event, and each event is dealt with to the end before the
//! next one is looked at.
//!
//! The loop owns the radio's channels, the session with the band and the enrollment under way. It decides
//! nothing: the enrollment's engine says what to look up, what to make durable and what to ask of the
//! band, and goes on only after the loop has answered. Whatever takes long (the database, a PIN) runs
//! elsewhere and comes back as an event.

mod acts;
mod attempt;
pub(crate) mod dates;
mod engine;
mod identify;
mod lingering;
pub mod look;
mod nearby;
pub(crate) mod own_band;
pub mod signed;
mod view;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use firmware_protocol::station::StationIdentity;
use firmware_protocol::time::{Instant, UnixSeconds};
use station_core::clock::{ClockEvent, TrustedClock, TrustedTime};
use station_core::enrollment::{Person, RefusalBudget};
use station_core::journal::{ClockAhead, ClockBackward, JournalRecord, Stopped};
use station_core::replica::Change;
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinSet;

use crate::api::model::{Event as LiveEvent, Stage};
use crate::api::{Command, Live};
use crate::clock::{Clock, Entropy};
use crate::config::Config;
use crate::daemon::{certificate_ends, told_to_stop};
use crate::keys::Keys;
use crate::pace::Pace;
use crate::problem::{Code, Problem};
use crate::radio::{AdapterState, DeviceId, Radio, RadioCommand, RadioEvent};
use crate::store::{Identity, StoreError, StoreHandle};
use crate::systemd;
use attempt::Attempt;
use identify::{Identifying, WrongCodes};
use lingering::Lingering;
use look::Look;
use nearby::Nearby;
use own_band::ByBand;

/// Live news of the bands in range are sent at most this often.
const BANDS_NEWS_INTERVAL: Duration = Duration::from_millis(500);
/// An attempt under way gets this long to end when the daemon is told to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Everything that can happen.
enum Event {
    /// The API asks for something.
    Command(Command),
    /// The radio tells something.
    Radio(RadioEvent),
    /// Work done elsewhere is finished.
    Done(Done),
    /// A deadline has come.
    Timeout,
    /// The daemon is told to stop.
    Stop,
    /// The radio's task has ended, which it does only when told to.
    RadioEnded,
}

/// Work done elsewhere.
enum Done {
    /// An identification.
    Identified(Box<identify::Identification>),
    /// An operator's sign-in.
    SignedIn(Box<signed::SigningIn>),
    /// Facts for the attempt's engine.
    Facts(attempt::FactsRead),
    /// An append of the attempt's engine.
    Appended(attempt::Appended),
    /// What an operator did.
    Acted(Box<acts::Act>),
    /// What the station is, after the console told something.
    Told(Result<Box<Identity>, StoreError>),
    /// Whether intents are open.
    Unsettled(Result<bool, StoreError>),
}

/// The parts the loop is made of.
pub struct Parts {
    /// What the station is.
    pub identity: Identity,
    /// Its secrets.
    pub keys: Keys,
    /// Its configuration.
    pub config: Arc<Config>,
    /// The database.
    pub store: StoreHandle,
    /// The radio.
    pub radio: Radio,
    /// The clock, counting from the daemon's start.
    pub clock: Clock,
    /// How far the wall clock can be believed, from the journal on.
    pub trusted: TrustedClock,
    /// What the API asks.
    pub commands: mpsc::Receiver<Command>,
    /// What everybody may see.
    pub live: watch::Sender<Live>,
    /// What happens, for whoever follows.
    pub events: broadcast::Sender<LiveEvent>,
    /// Becomes true when the daemon is to stop.
    pub stop: watch::Receiver<bool>,
}

/// The loop's state.
struct EventLoop {
    station: Station,
    radio_events: mpsc::Receiver<RadioEvent>,
    radio_commands: mpsc::Sender<RadioCommand>,
    pace: Pace,
    /// Commands that wait for a place in the radio's queue.
    outbox: VecDeque<RadioCommand>,
    commands: mpsc::Receiver<Command>,
    jobs: JoinSet<Done>,
    nearby: Nearby,
    lingering: Lingering,
    identifying: Option<Identifying>,
    wrong_codes: WrongCodes,
    /// Identified while a settling attempt was under way; comes next.
    waiting: Option<identify::Identification>,
    /// Waits for its turn.
    looking: Option<Look>,
    /// Waits for its turn to sign in by a band.
    signing_in: Option<ByBand>,
    attempt: Option<Attempt>,
    /// Intents are open, as far as is known.
    unsettled: bool,
    /// Bands in range that were asked already whether they have something open.
    asked: BTreeSet<DeviceId>,
    bands_news_at: Option<Instant>,
    stop: watch::Receiver<bool>,
    stopping: Option<Instant>,
    /// The radio's task has ended, which nobody asked it to.
    radio_ended: bool,
}

/// What every part of the loop needs.
struct Station {
    identity: Identity,
    session_identity: StationIdentity,
    keys: Keys,
    config: Arc<Config>,
    store: StoreHandle,
    clock: Clock,
    entropy: Entropy,
    trusted: TrustedClock,
    certificate_ends: UnixSeconds,
    /// The clock was not believed at boot and has not been set right.
    doubted_at_boot: bool,
    refusals: RefusalBudget,
    live: watch::Sender<Live>,
    events: broadcast::Sender<LiveEvent>,
}

/// Runs until told to stop, or until the database can no longer be trusted.
pub async fn run(parts: Parts) -> Result<(), Problem> {
    let mut event_loop = EventLoop::new(parts);
    event_loop.outbox.push_back(RadioCommand::Scan(true));
    event_loop.look_for_intents();
    loop {
        let event = event_loop.next().await;
        event_loop
            .handle(event)
            .map_err(|error| event_loop.fatal(error))?;
        if event_loop.may_stop() {
            break;
        }
    }
    let closed = event_loop.close().await.map_err(|error| event_loop.fatal(error));
    if event_loop.radio_ended {
        return Err(radio_ended());
    }
    closed
}

fn radio_ended() -> Problem {
    Problem::new(
        Code::RadioUnavailable,
        "the station stopped",
        "the radio's task has ended",
        "start the station again, and report what the log says before this",
    )
}

impl EventLoop {
    fn new(parts: Parts) -> Self {
        let Parts {
            identity,
            keys,
            config,
            store,
            radio,
            clock,
            mut trusted,
            commands,
            live,
            events,
            stop,
        } = parts;
        let session_identity = StationIdentity {
            certificate: identity.certificate.clone(),
            dh_secret: keys.dh_secret.0.clone(),
        };
        let nearby = Nearby::new(&config.radio);
        let certificate_ends = certificate_ends(&identity);
        let (now, wall_ms) = (clock.now(), clock.wall_ms());
        let doubted_at_boot = dates::doubt_at_boot(&mut trusted, now, wall_ms, certificate_ends);
        let mut station = Station {
            session_identity,
            keys,
            config,
            store,
            clock,
            entropy: Entropy::new(),
            certificate_ends,
            doubted_at_boot,
            refusals: RefusalBudget::new(trusted.believed_ms(now)),
            identity,
            trusted,
            live,
            events,
        };
        // Read once before anybody asks, so that the status says what is known.
        station.time();
        Self {
            station,
            radio_events: radio.events,
            radio_commands: radio.commands,
            pace: radio.pace,
            outbox: VecDeque::new(),
            commands,
            jobs: JoinSet::new(),
            nearby,
            lingering: Lingering::default(),
            identifying: None,
            wrong_codes: WrongCodes::default(),
            waiting: None,
            looking: None,
            signing_in: None,
            attempt: None,
            unsettled: false,
            asked: BTreeSet::new(),
            bands_news_at: None,
            stop,
            stopping: None,
            radio_ended: false,
        }
    }

    /// Waits for the next event; meanwhile hands waiting commands to the radio.
    async fn next(&mut self) -> Event {
        let deadline = self.poll_timeout();
        let under_way = self.attempt.is_some() || self.identifying.is_some();
        self.pace.set_under_way(under_way);
        let stopping = self.stopping.is_some();
        loop {
            tokio::select! {
                biased;
                () = told_to_stop(&mut self.stop), if !stopping => return Event::Stop,
                place = self.radio_commands.reserve(), if !self.outbox.is_empty() => match (place, self.outbox.pop_front()) {
                    (Ok(place), Some(command)) => place.send(command),
                    _ => return Event::RadioEnded,
                },
                Some(done) = self.jobs.join_next(), if !self.jobs.is_empty() => {
                    return Event::Done(done.expect("a job does not panic"));
                }
                event = self.radio_events.recv() => return event.map_or(Event::RadioEnded, Event::Radio),
                Some(command) = self.commands.recv() => return Event::Command(command),
                () = self.station.clock.wait_until(deadline) => return Event::Timeout,
            }
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let attempt = self.attempt.as_ref().and_then(Attempt::poll_timeout);
        [
            attempt,
            self.lingering.poll_timeout(),
            self.bands_news_at,
            self.stopping,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn handle(&mut self, event: Event) -> Result<(), StoreError> {
        let now = self.station.clock.now();
        match event {
            Event::Command(command) => self.on_command(now, command),
            Event::Radio(event) => self.on_radio(now, event),
            Event::Done(Done::Identified(identification)) => self.on_identified(now, *identification)?,
            Event::Done(Done::Acted(act)) => self.on_acted(*act)?,
            Event::Done(Done::SignedIn(signing)) => self.on_signed_in(*signing)?,
            Event::Done(Done::Told(read)) => self.on_told(read)?,
            Event::Done(Done::Facts(read)) => {
                self.attempt.as_mut().map_or(Ok(()), |a| a.on_facts(now, read))?
            }
            Event::Done(Done::Appended(appended)) => match &mut self.attempt {
                Some(attempt) => attempt.on_appended(now, appended)?,
                None => appended.stop_if_fatal()?,
            },
            Event::Done(Done::Unsettled(outcome)) => {
                self.unsettled = outcome.as_ref().is_ok_and(|open| *open);
                stop_if_fatal(outcome)?;
            }
            Event::Timeout => self.on_timeout(now),
            Event::Stop => self.on_stop(now),
            Event::RadioEnded => self.radio_ended = true,
        }
        self.drain(now)
    }

    fn on_timeout(&mut self, now: Instant) {
        if self.bands_news_at.is_some_and(|at| now >= at) {
            self.bands_news_at = None;
            let bands = self.nearby.view();
            self.station.live.send_modify(|live| live.bands = bands.clone());
            self.station.tell(LiveEvent::Bands(bands));
        }
        self.outbox.extend(self.lingering.handle_timeout(now));
        if let Some(attempt) = &mut self.attempt {
            attempt.handle_timeout(now);
        }
    }

    fn on_radio(&mut self, now: Instant, event: RadioEvent) {
        match event {
            RadioEvent::Adapter(state) => self.on_adapter(&state),
            RadioEvent::Seen {
                device,
                beacon,
                rssi_dbm,
            } => {
                if self.nearby.seen(device, beacon, rssi_dbm) {
                    self.bands_news(now);
                }
            }
            RadioEvent::Gone { device } => {
                self.asked.remove(&device);
                if self.nearby.gone(&device) {
                    self.bands_news(now);
                }
            }
            event => self.on_link(now, event),
        }
    }

    /// What concerns one link goes to the attempt if it is its own, else to the links that are closing.
    fn on_link(&mut self, now: Instant, event: RadioEvent) {
        if let Some(attempt) = self.attempt.as_mut().filter(|attempt| attempt.owns(&event)) {
            attempt.handle_link(now, event, &mut self.station);
        } else if let RadioEvent::Disconnected { device } | RadioEvent::ConnectFailed { device, .. } = event {
            self.lingering.ended(&device);
        }
    }

    fn on_adapter(&mut self, state: &AdapterState) {
        let adapter = match state {
            AdapterState::Ready { name } => Some(name.clone()),
            _ => None,
        };
        let code = state.code().to_owned();
        if adapter.is_none() {
            self.nearby.clear();
            tracing::warn!(radio = code, "the radio cannot be used");
        } else {
            tracing::info!(radio = code, adapter, "the radio works");
        }
        let bands = self.nearby.view();
        self.station
            .live
            .send_modify(|live| (live.radio, live.adapter, live.bands) = (code.clone(), adapter, bands));
        self.station.tell(LiveEvent::Radio(code));
    }

    fn bands_news(&mut self, now: Instant) {
        self.bands_news_at.get_or_insert(now + BANDS_NEWS_INTERVAL);
    }

    /// Lets the attempt act until it has nothing left to say, and begins what comes after it.
    fn drain(&mut self, now: Instant) -> Result<(), StoreError> {
        if let Some(attempt) = &mut self.attempt {
            attempt.drain(
                now,
                &mut self.station,
                &self.nearby,
                &mut self.outbox,
                &mut self.jobs,
            );
            if !attempt.is_over() {
                return Ok(());
            }
            let mut attempt = self.attempt.take().expect("just seen");
            attempt.end_look();
            self.look_for_intents();
            self.let_go(now, attempt);
        }
        if let Some(identification) = self.waiting.take() {
            self.on_identified(now, identification)?;
        } else if let Some(reply) = self.signing_in.take() {
            self.begin_sign_in(now, reply);
        } else if self.looking.is_some() {
            self.begin_look(now);
        } else {
            self.settle_if_idle(now);
        }
        match self.attempt {
            Some(_) => self.drain(now),
            None => Ok(()),
        }
    }

    /// An attempt is over; its band ends the link, or is reminded to.
    fn let_go(&mut self, now: Instant, attempt: Attempt) {
        let must_ask_again = attempt.must_ask_again();
        let Some((device, told)) = attempt.into_link() else {
            return;
        };
        match must_ask_again {
            true => self.asked.remove(&device),
            false => self.asked.insert(device.clone()),
        };
        if !told {
            self.lingering.add(now, device);
        }
    }

    /// Open intents are settled by whatever band is held to the kiosk while nobody enrolls.
    fn settle_if_idle(&mut self, now: Instant) {
        let idle = self.identifying.is_none() && self.stopping.is_none();
        if !idle || !self.unsettled {
            return;
        }
        if let Some(device) = self.nearby.nearest(&self.asked) {
            self.asked.insert(device.clone());
            self.settle(now, device);
        }
    }

    /// The console told something: what the station is may have changed.
    fn look_who_we_are(&mut self) {
        let store = self.station.store.clone();
        self.jobs.spawn(async move {
            let identity = store.run(|store| Ok(Box::new(store.identity()?.clone()))).await;
            Done::Told(identity)
        });
    }

    /// Sessions that are open go on with the certificate they began with.
    fn on_told(&mut self, read: Result<Box<Identity>, StoreError>) -> Result<(), StoreError> {
        let station = &mut self.station;
        match read {
            Ok(identity) => {
                station.session_identity.certificate = identity.certificate.clone();
                station.certificate_ends = certificate_ends(&identity);
                station.identity = *identity;
                Ok(())
            }
            failed => stop_if_fatal(failed),
        }
    }

    fn look_for_intents(&mut self) {
        let store = self.station.store.clone();
        self.jobs.spawn(async move {
            let open = store.run(|store| Ok(!store.intents()?.is_empty())).await;
            Done::Unsettled(open)
        });
    }

    fn on_stop(&mut self, now: Instant) {
        systemd::stopping();
        tracing::info!("told to stop");
        self.stopping = Some(now + STOP_TIMEOUT);
        if let Some(attempt) = &mut self.attempt {
            attempt.handle_person(now, Person::Cancel);
        }
    }

    /// Whether everything that was under way has ended, or had its time to.
    fn may_stop(&self) -> bool {
        let idle = self.attempt.is_none() && self.identifying.is_none() && self.jobs.is_empty();
        let stopping = self.stopping;
        self.radio_ended || stopping.is_some_and(|at| idle || self.station.clock.now() >= at)
    }

    async fn close(&mut self) -> Result<(), StoreError> {
        let time_ms = self.station.believed_ms();
        let stopped = self.station.store.run(move |store| {
            store.append(time_ms, &[Stopped {}.into()], &[])?;
            // Whoever copies the database of a stopped station copies all of it.
            store.fold_log();
            Ok(())
        });
        stopped.await
    }

    fn fatal(&self, error: StoreError) -> Problem {
        tracing::error!(error = %error, "the station stops");
        error.into_problem("the station stopped", &self.station.config)
    }
}

impl Station {
    /// What is known about the date. A clock that runs backward is recorded.
    fn time(&mut self) -> TrustedTime {
        let (now, wall_ms) = (self.clock.now(), self.clock.wall_ms());
        if self.doubted_at_boot && dates::is_set_right(&self.trusted, now, wall_ms, self.certificate_ends) {
            tracing::info!("the clock was set right");
            self.trusted.confirm(now, wall_ms);
        }
        let (time, event) = self.trusted.read(now, wall_ms);
        self.doubted_at_boot &= !time.is_trusted();
        self.publish_trust(time);
        if let Some(event) = event {
            self.on_clock(event);
        }
        time
    }

    fn publish_trust(&self, time: TrustedTime) {
        self.live.send_if_modified(|live| {
            let before = std::mem::replace(&mut live.time_trusted, time.is_trusted());
            before != time.is_trusted()
        });
    }

    fn on_clock(&mut self, event: ClockEvent) {
        match event {
            ClockEvent::Agrees => tracing::info!("the clock agrees again"),
            ClockEvent::Ahead {
                expected_ms,
                clock_ms,
            } => {
                tracing::warn!(
                    expected_ms,
                    clock_ms,
                    "the clock leaped ahead; only what is certain is allowed"
                );
                let record = ClockAhead {
                    expected_ms,
                    clock_ms,
                };
                self.note(vec![record.into()]);
            }
            ClockEvent::Backward {
                expected_ms,
                clock_ms,
            } => {
                tracing::warn!(
                    expected_ms,
                    clock_ms,
                    "the clock went backward; only what is certain is allowed"
                );
                let record = ClockBackward {
                    floor_ms: expected_ms,
                    clock_ms,
                };
                self.note(vec![record.into()]);
            }
        }
    }

    /// The date that bands are told.
    fn time_for_bands(&mut self) -> UnixSeconds {
        let time = self.time();
        let believed_ms = self.trusted.believed_ms(self.clock.now());
        dates::for_bands(time, believed_ms, self.certificate_ends)
    }

    /// The date that new journal entries carry.
    fn believed_ms(&mut self) -> u64 {
        self.time();
        self.trusted.believed_ms(self.clock.now())
    }

    /// Appends records that nobody waits for. A failure that matters shows at the next append.
    fn note(&self, records: Vec<JournalRecord>) {
        self.note_with(records, vec![]);
    }

    fn note_with(&self, records: Vec<JournalRecord>, changes: Vec<Change>) {
        let (store, time_ms) = (self.store.clone(), self.trusted.believed_ms(self.clock.now()));
        tokio::spawn(async move {
            let appended = store
                .run(move |store| store.append(time_ms, &records, &changes))
                .await;
            if let Err(error) = appended {
                tracing::error!(%error, "a record could not be written");
            }
        });
    }

    /// Tells whoever follows.
    fn tell(&self, event: LiveEvent) {
        // Nobody may be listening.
        let _ = self.events.send(event);
    }

    /// Publishes where the attempt stands.
    fn publish(&self, enrollment: &crate::api::model::Enrollment) {
        self.live
            .send_modify(|live| live.enrollment = Some(enrollment.clone()));
        self.tell(LiveEvent::Enrollment(Box::new(enrollment.clone())));
        if matches!(enrollment.stage, Stage::Done | Stage::Refused) {
            let outcome = enrollment.outcome.as_ref().map(|outcome| outcome.code.as_str());
            tracing::info!(
                flow = enrollment.id,
                outcome,
                elapsed_ms = enrollment.elapsed_ms,
                "an attempt ended"
            );
        }
    }
}

/// Lets only those failures pass after which nothing can be trusted.
fn stop_if_fatal<T>(outcome: Result<T, StoreError>) -> Result<(), StoreError> {
    match outcome {
        Err(error) if error.is_fatal() => Err(error),
        _ => Ok(()),
    }
}
