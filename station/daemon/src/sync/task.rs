//! The task that keeps station and console in step while the daemon runs.
//!
//! Two connections: one waits for news, the other sends the journal, reports and renews. Each answer is dealt
//! with to the end before the next one is looked at. The journal goes first on a station that has never been
//! complete: the console's first snapshot then contains what the station did before.

use std::sync::Arc;
use std::time::Duration;

use firmware_protocol::certificate::{Signed, StationCertificate};
use hyper::{Method, StatusCode};
use server_sync::feed::{
    Ask, Complete, Completed, FeedFault, Identity as FeedIdentity, Inbox, InboxState, KeyList, SignedPage,
    Step,
};
use server_sync::join::{JoinAnswer, RenewRequest};
use server_sync::journal::{Batch, Outbox, PushAnswer, PushFault, Want};
use server_sync::{Hash, Head, Moment, StationKey, Versions};
use station_core::journal::{CertificateRenewed, Direction, JournalRecord, SyncStopped};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::client::{Answer, Connection, Failure};
use super::credentials::{Credentials, Request};
use super::lane::{self, Errand, Lane, Way, way};
use super::tls::Believed;
use super::view::Progress;
use crate::api::model::Event as LiveEvent;
use crate::api::{Command, Live};
use crate::clock::{Clock, Entropy};
use crate::config::Config;
use crate::daemon::told_to_stop;
use crate::seal::SealKey;
use crate::store::{Applying, Identity, StoreError, StoreHandle, Wishes};

/// An answer comes within this time, and a little more for what takes long to send.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes that even a bad line carries in a second.
const BYTES_PER_SECOND_MIN: u64 = 16 << 10;
/// Reports about the station's own state are sent this often where the console has not said otherwise, and a
/// little after the start. In seconds, as are the bounds of what it may say.
const HEALTH_EVERY_S: u32 = 300;
const HEALTH_EVERY_S_BOUNDS: (u32, u32) = (10, 86_400);
const HOLD_S_BOUNDS: (u16, u16) = (1, 60);
/// Stations that are told of another authority at one moment ask for certificates within this time.
const TOLD_SPREAD_MS: u64 = 10_000;
/// After a failure a report or a renewal is tried again so much later.
const RETRY_EVERY: Duration = Duration::from_secs(60);

/// The parts the task is made of.
#[derive(Debug)]
pub struct Parts {
    /// The configuration.
    pub config: Arc<Config>,
    /// The database.
    pub store: StoreHandle,
    /// The clock, counting from the daemon's start.
    pub clock: Clock,
    /// The event loop, which keeps the date.
    pub commands: mpsc::Sender<Command>,
    /// What everybody may see.
    pub live: watch::Sender<Live>,
    /// What happens, for whoever follows.
    pub events: broadcast::Sender<LiveEvent>,
    /// What to speak to the console with.
    pub credentials: Credentials,
    /// What they are sealed with on the disk.
    pub seal_key: SealKey,
    /// What the station is.
    pub identity: Identity,
    /// Becomes true when the daemon is to stop.
    pub stop: watch::Receiver<bool>,
}

/// An answer, or none.
type Outcome = Result<Answer, Failure>;

enum Done {
    Page(Outcome),
    Keys(Outcome),
    Pushed(Batch, Outcome),
    Reported(Outcome),
    Renewed(Request, Outcome),
}

pub(super) struct Task {
    pub(super) parts: Parts,
    pub(super) inbox: Inbox,
    pub(super) outbox: Outbox,
    pub(super) progress: Progress,
    feed: Lane,
    sending: Lane,
    believed: Believed,
    way: Way,
    entropy: Entropy,
    jobs: JoinSet<(Option<Connection>, Done)>,
    health_at: Moment,
    renew_at: Moment,
    wishes: Wishes,
    written: (Option<String>, Option<String>),
}

/// Whether an answer without rows said nothing but that all is as it was.
fn differ_in_age_alone(before: &InboxState, after: &InboxState) -> bool {
    let aged = |state: &InboxState| InboxState {
        complete: state.complete.map(|complete| Complete {
            made_at_ms: 0,
            ..complete
        }),
        ..state.clone()
    };
    before.complete.is_some() && aged(before) == aged(after)
}

/// Keeps in step until told to stop. A failure of the database ends it; the event loop notices by itself.
pub async fn run(parts: Parts) {
    match Task::new(parts).await {
        Ok(mut task) => {
            if let Err(error) = task.run().await {
                tracing::error!(%error, "the sync stops");
            }
        }
        Err(error) => tracing::error!(%error, "the sync cannot start"),
    }
}

impl Task {
    async fn new(parts: Parts) -> Result<Self, StoreError> {
        let read = parts
            .store
            .run(|store| Ok((store.sync_state()?.unwrap_or_default(), store.head()?)));
        let (state, head) = read.await?;
        let station = StationKey(parts.identity.station.0);
        let identity = feed_identity(&parts.identity);
        let believed = Believed::new(parts.clock.wall_ms());
        let way = way(&parts.credentials, &believed).map_err(|error| {
            StoreError::Failed(format!("the console's credentials cannot be used: {error}"))
        })?;
        let mut task = Self {
            inbox: Inbox::new(identity, state.inbox()),
            outbox: Outbox::new(station, head, state.ack()),
            progress: Progress::default(),
            feed: Lane::default(),
            sending: Lane::default(),
            believed,
            way,
            entropy: Entropy::new(),
            jobs: JoinSet::new(),
            health_at: Moment(0),
            renew_at: Moment(0),
            wishes: state.wishes,
            written: (state.feed_stopped, state.journal_stopped),
            parts,
        };
        task.inbox.set_hold_s(task.hold_s());
        Ok(task)
    }

    /// How long the console may hold a question for news open, in seconds.
    fn hold_s(&self) -> u16 {
        let (least, most) = HOLD_S_BOUNDS;
        self.wishes.hold_s.unwrap_or(Inbox::HOLD_S).clamp(least, most)
    }

    fn health_every_ms(&self) -> u64 {
        let (least, most) = HEALTH_EVERY_S_BOUNDS;
        let seconds = self.wishes.health_every_s.unwrap_or(HEALTH_EVERY_S);
        u64::from(seconds.clamp(least, most)) * 1000
    }

    /// Does from now on what the console wants.
    async fn obey(&mut self) -> Result<(), StoreError> {
        let state = self.parts.store.run(|store| store.sync_state()).await?;
        self.wishes = state.unwrap_or_default().wishes;
        if self.other_authorities_are_told() {
            let soon = self.now().after_ms(self.random() % TOLD_SPREAD_MS);
            self.renew_at = self.renew_at.min(soon);
        }
        self.inbox.set_hold_s(self.hold_s());
        let soonest = self.now().after_ms(self.health_every_ms());
        self.health_at = self.health_at.min(soonest);
        Ok(())
    }

    /// The console goes over to another authority, or has left an earlier one: what to trust comes with a certificate.
    fn other_authorities_are_told(&self) -> bool {
        let told = &self.wishes.authorities;
        !told.is_empty() && !self.parts.credentials.trusts_exactly(told)
    }

    pub(super) fn now(&self) -> Moment {
        Moment(self.parts.clock.now().as_micros() / 1000)
    }

    fn random(&self) -> u64 {
        u64::from_le_bytes(self.entropy.bytes())
    }

    async fn run(&mut self) -> Result<(), StoreError> {
        let mut head = self.parts.store.journal_head();
        let mut happened = self.parts.events.subscribe();
        let mut stop = self.parts.stop.clone();
        loop {
            self.drain().await?;
            self.publish();
            let deadline = self.poll_timeout();
            let wait = Duration::from_millis(deadline.0.saturating_sub(self.now().0));
            tokio::select! {
                biased;
                () = told_to_stop(&mut stop) => return Ok(()),
                Some(done) = self.jobs.join_next(), if !self.jobs.is_empty() => {
                    let (connection, done) = done.expect("a job does not panic");
                    self.on_done(connection, done).await?;
                }
                Ok(()) = head.changed() => {
                    if let Some(head) = *head.borrow_and_update() {
                        self.outbox.handle_appended(head);
                    }
                }
                Ok(event) = happened.recv() => self.progress.count(&event),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// The next moment at which something is due.
    fn poll_timeout(&self) -> Moment {
        let feed = self
            .inbox
            .poll_timeout()
            .filter(|_| !self.feed.is_busy && self.may_ask());
        let journal = self.outbox.poll_timeout();
        let sending = [journal, Some(self.health_at), Some(self.renew_at)];
        let sending = sending
            .into_iter()
            .flatten()
            .min()
            .filter(|_| !self.sending.is_busy);
        let idle = self.now().after_ms(self.health_every_ms());
        feed.into_iter().chain(sending).min().unwrap_or(idle)
    }

    /// On a station that was never complete the journal goes first.
    fn may_ask(&self) -> bool {
        let first = self.inbox.state().complete.is_none();
        !first || self.outbox.backlog() == 0 || self.outbox.stopped().is_some() || self.progress.failures > 0
    }

    /// Begins whatever is due.
    async fn drain(&mut self) -> Result<(), StoreError> {
        if !self.feed.is_busy && self.may_ask() {
            let now = self.now();
            if let Some(ask) = self.inbox.poll_transmit(now) {
                self.look_at_the_clock().await;
                self.ask(ask);
            }
        }
        if !self.sending.is_busy {
            self.send().await?;
        }
        Ok(())
    }

    fn ask(&mut self, ask: Ask) {
        let (path, wrap): (_, fn(Outcome) -> Done) = match ask {
            Ask::Page(request) => (format!("/sync/v1/feed?{}", request.to_query()), Done::Page),
            Ask::Keys => ("/sync/v1/keys".to_owned(), Done::Keys),
        };
        let errand = Errand {
            method: Method::GET,
            path,
            body: None,
            patience: PATIENCE + Duration::from_secs(self.hold_s().into()),
        };
        let (way, lent, hang_up) = (self.way.clone(), self.feed.lend(), self.feed.hang_up());
        self.jobs.spawn(async move {
            let (connection, outcome) = lane::run(way, lent, errand, hang_up).await;
            (connection, wrap(outcome))
        });
    }

    /// Certificates first, then the journal, then reports.
    async fn send(&mut self) -> Result<(), StoreError> {
        let now = self.now();
        let due_s = self.parts.credentials.renew_from_s();
        let is_due = self.believed.ms() / 1000 >= due_s || self.other_authorities_are_told();
        if now >= self.renew_at && is_due {
            self.renew_at = now.after_ms(RETRY_EVERY.as_millis() as u64);
            self.look_at_the_clock().await;
            self.renew();
        } else if let Some(want) = self.outbox.poll_transmit(now) {
            self.push(want).await?;
        } else if now >= self.health_at {
            self.health_at = now.after_ms(self.health_every_ms());
            self.look_at_the_clock().await;
            let body = self.health().await?.to_bytes();
            self.post("/sync/v1/health", body, Done::Reported);
        } else if now >= self.renew_at {
            self.renew_at = now.after_ms(RETRY_EVERY.as_millis() as u64);
            self.look_at_the_clock().await;
        }
        Ok(())
    }

    fn post(&mut self, path: &str, body: Vec<u8>, wrap: impl FnOnce(Outcome) -> Done + Send + 'static) {
        let errand = Errand {
            method: Method::POST,
            path: path.to_owned(),
            patience: PATIENCE + Duration::from_secs(body.len() as u64 / BYTES_PER_SECOND_MIN),
            body: Some(body),
        };
        let (way, lent, hang_up) = (self.way.clone(), self.sending.lend(), self.sending.hang_up());
        self.jobs.spawn(async move {
            let (connection, outcome) = lane::run(way, lent, errand, hang_up).await;
            (connection, wrap(outcome))
        });
    }

    async fn push(&mut self, want: Want) -> Result<(), StoreError> {
        let (from, count) = (want.after + 1, want.entries_max as u32);
        let entries = self
            .parts
            .store
            .run(move |store| store.entries(from, count))
            .await?;
        let (now, random) = (self.now(), self.random());
        match self.outbox.batch(now, want, entries, random) {
            Ok(batch) => {
                let body = batch.to_bytes();
                self.post("/sync/v1/journal", body, move |outcome| {
                    Done::Pushed(batch, outcome)
                });
            }
            Err(fault) => tracing::error!(%fault, "the journal is not sent"),
        }
        Ok(())
    }

    fn renew(&mut self) {
        let Ok(air) = minicbor::decode::<StationCertificate>(&self.parts.identity.certificate.body) else {
            return;
        };
        let request = Request::new();
        let body = RenewRequest {
            versions: Versions::OURS,
            csr_der: request.csr_der.clone(),
            dh_key: air.dh_key,
        };
        self.post("/sync/v1/renew", body.to_bytes(), move |outcome| {
            Done::Renewed(request, outcome)
        });
    }

    async fn on_done(&mut self, connection: Option<Connection>, done: Done) -> Result<(), StoreError> {
        match done {
            Done::Page(outcome) => {
                self.feed.give_back(connection);
                self.on_page(outcome).await
            }
            Done::Keys(outcome) => {
                self.feed.give_back(connection);
                self.on_keys(outcome).await
            }
            Done::Pushed(batch, outcome) => {
                self.sending.give_back(connection);
                self.on_pushed(&batch, outcome).await
            }
            Done::Reported(outcome) => {
                self.sending.give_back(connection);
                if self.hear(&outcome).await.is_none() {
                    self.health_at = self.now().after_ms(RETRY_EVERY.as_millis() as u64);
                }
                Ok(())
            }
            Done::Renewed(request, outcome) => {
                self.sending.give_back(connection);
                self.on_renewed(request, outcome).await
            }
        }
    }

    /// Remembers that the console answered, or why it did not. Gives the answer.
    async fn hear<'o>(&mut self, outcome: &'o Outcome) -> Option<&'o Answer> {
        match outcome {
            Ok(answer) => {
                let wall_ms = self.parts.clock.wall_ms();
                self.progress.heard(answer, wall_ms);
                if let Some(time_ms) = answer.time_ms {
                    let _ = self.parts.commands.send(Command::ConsoleTime(time_ms)).await;
                }
                Some(answer)
            }
            // It was the station's own doing, and it asks again at once.
            Err(Failure::HungUp) => None,
            Err(failure) => {
                self.progress.failed(failure);
                None
            }
        }
    }

    async fn on_page(&mut self, outcome: Outcome) -> Result<(), StoreError> {
        let (now, random) = (self.now(), self.random());
        let Some(answer) = self.hear(&outcome).await else {
            self.inbox.handle_failure(now, random);
            return Ok(());
        };
        if answer.status != StatusCode::OK {
            self.feed_refused(answer, random);
            return self.write_down().await;
        }
        match self.inbox.handle_page(now, &answer.body, random) {
            Ok(step) => self.apply(&answer.body, step).await?,
            Err(fault) => {
                tracing::error!(%fault, "a page of the console is not believed");
                self.progress.stop(fault.code(), fault.to_string());
            }
        }
        self.write_down().await
    }

    fn feed_refused(&mut self, answer: &Answer, random: u64) {
        let now = self.now();
        let fault = match FeedFault::from_bytes(&answer.body) {
            Some(fault) => fault,
            None => match answer.code.as_deref() {
                Some("certificate_unknown" | "certificate_expired" | "certificate_missing") => {
                    FeedFault::Revoked
                }
                _ => FeedFault::Busy,
            },
        };
        self.inbox.handle_refusal(now, &fault, random);
        if fault == FeedFault::Busy {
            return self.progress.failed(&Failure::Lost(fault.to_string()));
        }
        let code = answer.code.as_deref().unwrap_or(fault.code());
        self.progress.stop(code, fault.to_string());
    }

    /// One page in one transaction, cursor and all.
    async fn apply(&mut self, page: &[u8], step: Step) -> Result<(), StoreError> {
        let Step {
            rows,
            begins,
            completes,
            state,
        } = step;
        let is_filling = state.cursor.is_some_and(|cursor| cursor.filling.is_some());
        let applying = Applying {
            rows,
            inbox: state.clone(),
            is_whole: completes.is_some(),
        };
        let applied = if is_filling {
            let page = page.to_vec();
            let inbox = state.clone();
            self.parts
                .store
                .run(move |store| store.stage(&page, begins, &inbox))
                .await
        } else if completes.is_some_and(|it| it.drops_older) {
            let keys = state.keys.clone();
            let organization_key = self.parts.identity.organization_key;
            let time_ms = self.believed.ms();
            let store = &self.parts.store;
            store
                .run(move |store| {
                    let list = keys.and_then(|keys| keys.verify(&organization_key).ok());
                    if begins {
                        store.forget_staged()?;
                    }
                    store.apply_staged(&applying, time_ms, |page| rows_of(page, list.as_ref()))
                })
                .await
        } else if applying.rows.is_empty() && !applying.is_whole {
            Ok(())
        } else if applying.rows.is_empty() && differ_in_age_alone(self.inbox.state(), &state) {
            self.parts.store.run(move |store| store.confirm(&applying)).await
        } else {
            self.parts
                .store
                .run(move |store| store.apply_rows(&applying))
                .await
        };
        let (now, random) = (self.now(), self.random());
        match applied {
            Ok(()) => {
                self.inbox.applied(state);
                self.progress.go_on();
                if completes.is_some() {
                    self.obey().await?;
                }
                self.told(completes).await
            }
            Err(error) if error.is_fatal() => Err(error),
            Err(error) => {
                tracing::error!(%error, "the console's rows could not be applied");
                self.progress.stop("rows_not_applied", error.to_string());
                self.inbox.handle_failure(now, random);
                match error {
                    // Pages that were put aside are damaged: only a new snapshot helps.
                    StoreError::Failed(_) => self.begin_anew().await,
                    _ => Ok(()),
                }
            }
        }
    }

    /// Asks for a new snapshot, after a while. The rows stay as they are meanwhile.
    async fn begin_anew(&mut self) -> Result<(), StoreError> {
        let (now, random) = (self.now(), self.random());
        let state = InboxState {
            cursor: None,
            ..self.inbox.state().clone()
        };
        self.inbox = Inbox::new(feed_identity(&self.parts.identity), state.clone());
        self.inbox.set_hold_s(self.hold_s());
        self.inbox.handle_failure(now, random);
        self.parts
            .store
            .run(move |store| {
                store.forget_staged()?;
                let kept = store.sync_state()?.unwrap_or_default().with_inbox(&state);
                store.set_sync_state(&kept)
            })
            .await
    }

    async fn told(&mut self, completes: Option<Completed>) -> Result<(), StoreError> {
        let _ = self.parts.commands.send(Command::Told).await;
        let Some(Completed { complete, .. }) = completes else {
            return Ok(());
        };
        let own = self.hash_of(complete.acked_through).await?;
        let (now, random) = (self.now(), self.random());
        self.outbox.handle_feed(now, &complete, |_| own, random);
        Ok(())
    }

    async fn hash_of(&self, sequence: u64) -> Result<Option<Hash>, StoreError> {
        if sequence == 0 {
            return Ok(Some(Hash::START));
        }
        let entry = self
            .parts
            .store
            .run(move |store| store.entries(sequence, 1))
            .await?;
        Ok(entry
            .first()
            .filter(|entry| entry.sequence == sequence)
            .map(|entry| entry.hash))
    }

    async fn on_keys(&mut self, outcome: Outcome) -> Result<(), StoreError> {
        let (now, random) = (self.now(), self.random());
        let Some(answer) = self.hear(&outcome).await else {
            self.inbox.handle_failure(now, random);
            return Ok(());
        };
        if answer.status != StatusCode::OK {
            self.feed_refused(answer, random);
            return self.write_down().await;
        }
        match self.inbox.handle_keys(now, &answer.body, random) {
            Ok(()) => {
                let inbox = self.inbox.state().clone();
                let store = self.parts.store.clone();
                store
                    .run(move |store| {
                        let state = store.sync_state()?.unwrap_or_default().with_inbox(&inbox);
                        store.set_sync_state(&state)
                    })
                    .await
            }
            Err(fault) => {
                tracing::error!(%fault, "the console's list of keys is not believed");
                self.progress.stop(fault.code(), fault.to_string());
                self.write_down().await
            }
        }
    }

    async fn on_pushed(&mut self, batch: &Batch, outcome: Outcome) -> Result<(), StoreError> {
        let (now, random) = (self.now(), self.random());
        let Some(answer) = self.hear(&outcome).await else {
            self.outbox.handle_failure(now, random);
            return Ok(());
        };
        let said = PushAnswer::from_bytes(&answer.body).unwrap_or(PushAnswer::Refused(
            match answer.code.as_deref() {
                Some("certificate_unknown" | "certificate_expired" | "certificate_missing") => {
                    PushFault::Revoked
                }
                Some("too_large") => PushFault::TooLarge {
                    entries_max: 0,
                    bytes_max: 0,
                },
                _ => PushFault::Busy,
            },
        ));
        let known = match &said {
            PushAnswer::Ack(ack) | PushAnswer::Refused(PushFault::Gap { ack }) => {
                self.own_hash(batch, ack.head()).await?
            }
            PushAnswer::Refused(_) => None,
        };
        self.outbox.handle_answer(now, &said, |_| known, random);
        let ack = self.outbox.ack();
        self.parts
            .store
            .run(move |store| {
                let state = store.sync_state()?.unwrap_or_default();
                if state.ack() == ack {
                    return Ok(());
                }
                store.set_sync_state(&state.with_ack(ack))
            })
            .await?;
        self.write_down().await
    }

    async fn own_hash(&self, batch: &Batch, at: Head) -> Result<Option<Hash>, StoreError> {
        match batch.entries.iter().find(|entry| entry.sequence == at.sequence) {
            Some(entry) => Ok(Some(entry.hash)),
            None => self.hash_of(at.sequence).await,
        }
    }

    /// New certificates: on the disk first, then in use.
    async fn on_renewed(&mut self, request: Request, outcome: Outcome) -> Result<(), StoreError> {
        let Some(answer) = self.hear(&outcome).await else {
            return Ok(());
        };
        let Some(JoinAnswer::Joined(joined)) = JoinAnswer::from_bytes(&answer.body) else {
            tracing::warn!(status = %answer.status, code = answer.code, "the console gave no new certificate");
            return Ok(());
        };
        let certificate = joined
            .certificates_der
            .first()
            .map(|der| der.0.clone())
            .unwrap_or_default();
        let old = &self.parts.credentials;
        // What is trusted stays what it was, whatever the answer says, unless a signed row has named others.
        let answered = joined.authorities_der.iter().flatten();
        let answered = answered.map(|der| der.0.clone().into()).collect();
        let told = Credentials::told(answered, &self.wishes.authorities);
        let authorities = told.unwrap_or_else(|| old.authorities.clone());
        let goes_over = authorities != old.authorities;
        let renewed = Credentials::new(
            old.console.clone(),
            joined.name.clone(),
            authorities,
            certificate,
            request.key,
        );
        let air: Option<Signed> = minicbor::decode(&joined.air_certificate).ok();
        let (Some(renewed), Some(air)) = (renewed, air) else {
            tracing::error!("the console's new certificate does not read");
            return Ok(());
        };
        let made = self
            .air_holds(&air)
            .then(|| way(&renewed, &self.believed).ok())
            .flatten();
        let Some(way) = made else {
            tracing::error!("the console's new certificate does not belong to this station");
            return Ok(());
        };
        if let Err(error) = renewed.store(&self.parts.config.sync_file(), &self.parts.seal_key) {
            tracing::error!(%error, "the new certificate could not be kept");
            return Ok(());
        }
        let record = CertificateRenewed {
            not_after_s: joined.not_after_s,
            air_not_after_s: joined.air_not_after_s,
        };
        (self.parts.credentials, self.way) = (renewed, way);
        self.feed.forget();
        self.sending.forget();
        if goes_over {
            let authority = data_encoding::HEXLOWER.encode(&self.parts.credentials.fingerprint());
            tracing::info!(authority, "the station takes the console by other authorities");
            self.health_at = self.now();
        }
        self.keep_air(air, joined.site.clone(), record).await
    }

    async fn keep_air(
        &mut self,
        air: Signed,
        site: String,
        record: CertificateRenewed,
    ) -> Result<(), StoreError> {
        tracing::info!(
            not_after_s = record.not_after_s,
            "the station has new certificates"
        );
        let (zone, time_ms) = (self.parts.identity.zone, self.believed.ms());
        let identity = self.parts.store.run(move |store| {
            store.set_certificate(&air, &site, zone)?;
            store.append(time_ms, &[record.into()], &[])?;
            Ok(store.identity()?.clone())
        });
        self.parts.identity = identity.await?;
        let _ = self.parts.commands.send(Command::Told).await;
        Ok(())
    }

    fn air_holds(&self, signed: &Signed) -> bool {
        let identity = &self.parts.identity;
        let own = minicbor::decode::<StationCertificate>(&identity.certificate.body);
        let new = minicbor::decode::<StationCertificate>(&signed.body);
        let (Ok(own), Ok(new)) = (own, new) else {
            return false;
        };
        let signed = signed
            .verify(StationCertificate::CONTEXT, &identity.organization_key)
            .is_ok();
        signed && (new.station, new.zone, new.dh_key) == (own.station, own.zone, own.dh_key)
    }

    /// What a person has to look at stands in the journal and in the database once.
    async fn write_down(&mut self) -> Result<(), StoreError> {
        let feed = self
            .inbox
            .stopped()
            .filter(|code| *code != "console_busy")
            .map(str::to_owned);
        let journal = self.outbox.stopped().map(|fault| fault.code().to_owned());
        let now = (feed, journal);
        if now == self.written {
            return Ok(());
        }
        let changed = [
            (Direction::Feed, &now.0, &self.written.0),
            (Direction::Journal, &now.1, &self.written.1),
        ];
        let stopped = |(direction, now, before): (Direction, &Option<String>, &Option<String>)| {
            let code = now.clone().filter(|_| now != before)?;
            tracing::warn!(
                code,
                ?direction,
                "station and console do not understand each other"
            );
            Some(JournalRecord::from(SyncStopped { direction, code }))
        };
        let records: Vec<_> = changed.into_iter().filter_map(stopped).collect();
        self.written = now.clone();
        let time_ms = self.believed.ms();
        self.parts
            .store
            .run(move |store| {
                let mut state = store.sync_state()?.unwrap_or_default();
                (state.feed_stopped, state.journal_stopped) = now;
                store.set_sync_state(&state)?;
                match records.is_empty() {
                    true => Ok(()),
                    false => store.append(time_ms, &records, &[]).map(drop),
                }
            })
            .await
    }

    /// The date by which certificates are judged is the one the station believes.
    async fn look_at_the_clock(&mut self) {
        let (reply, answer) = oneshot::channel();
        if self.parts.commands.send(Command::Clock(reply)).await.is_err() {
            return;
        }
        let Ok(Ok(clock)) = answer.await else { return };
        // In doubt the interval has two ends, and the one that is not the clock's is the one believed.
        let believed_ms = match clock.latest_ms == clock.clock_ms {
            true => clock.earliest_ms,
            false => clock.latest_ms,
        };
        self.believed.set(believed_ms);
    }

    pub(super) fn believed_ms(&self) -> u64 {
        self.believed.ms()
    }
}

fn feed_identity(identity: &Identity) -> FeedIdentity {
    FeedIdentity {
        organization_key: identity.organization_key,
        station: StationKey(identity.station.0),
    }
}

/// The rows of a page that was put aside, if it is still what a feed key signed.
fn rows_of(page: &[u8], list: Option<&KeyList>) -> Option<Vec<server_sync::feed::Row>> {
    let page = SignedPage::from_bytes(page).ok()?;
    let key = list?.key(page.header().ok()?.key_id)?;
    page.is_signed_by(&key.key).then(|| page.rows().ok()).flatten()
}
