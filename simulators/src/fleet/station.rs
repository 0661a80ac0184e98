//! One station of a fleet.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use hyper::Method;
use rustls::ClientConfig;
use server_sync::backoff::Moment;
use server_sync::feed::{Ask, Identity, Inbox, InboxState};
use server_sync::join::Joined;
use server_sync::journal::{Outbox, PushAnswer};
use server_sync::{Entry, Head};
use station_core::journal::{JournalRecord, Started, chain};
use station_core::sync::JoinToken;
use station_daemon::clock::{Clock, Entropy};
use station_daemon::sync::{Address, Answer, Connection};
use tokio::sync::{Barrier, Semaphore};
use tokio::time::Instant;

use super::member::Member;
use super::report::{Told, Wait};

/// How long any answer is waited for beyond the time for which it may be held.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the console may hold a poll.
const HOLD_S: u16 = 5;

/// What all stations of a fleet share.
pub(super) struct Plan {
    pub(super) address: Address,
    pub(super) work: Duration,
    pub(super) entry_every: Duration,
    pub(super) joining: Semaphore,
    pub(super) caught_up: Barrier,
}

/// A station that has joined: engines, a journal in memory, and a connection for each of the two.
pub(super) struct Station {
    plan: Arc<Plan>,
    clock: Clock,
    entropy: Entropy,
    tls: Arc<ClientConfig>,
    joined: Box<Joined>,
    inbox: Inbox,
    outbox: Outbox,
    journal: Vec<Entry>,
    feed: Option<Connection>,
    push: Option<Connection>,
    told: Told,
}

impl Station {
    /// The whole life of a station. What goes wrong is told, not hidden.
    pub(super) async fn live(plan: Arc<Plan>, number: usize, token: JoinToken) -> Told {
        let mut told = Told::default();
        let joined = Self::join(&plan, number, &token, &mut told).await;
        let station = match joined {
            Ok(member) => Ok(Self::new(plan.clone(), member, told)),
            Err(error) => Err((told, error)),
        };
        match station {
            Ok(mut station) => {
                let caught_up = station.catch_up().await;
                plan.caught_up.wait().await;
                if let Err(error) = caught_up {
                    station.told.faults.push(format!("{error:#}"));
                } else {
                    station.work().await;
                }
                station.told
            }
            Err((mut told, error)) => {
                told.faults.push(format!("{error:#}"));
                // The others wait for everybody.
                plan.caught_up.wait().await;
                told
            }
        }
    }

    async fn join(plan: &Plan, number: usize, token: &JoinToken, told: &mut Told) -> Result<Member> {
        let _turn = plan.joining.acquire().await?;
        let start = Instant::now();
        let member = Member::join(&plan.address, &format!("fleet {number}"), token).await?;
        told.waited(Wait::Join, start.elapsed());
        Ok(member)
    }

    fn new(plan: Arc<Plan>, member: Member, told: Told) -> Self {
        let Member { joined, tls } = member;
        let identity = Identity {
            organization_key: joined.organization_key,
            station: joined.station,
        };
        let mut inbox = Inbox::new(identity, InboxState::joined(joined.feed_keys.clone()));
        inbox.set_hold_s(HOLD_S);
        Self {
            plan,
            clock: Clock::start(),
            entropy: Entropy::new(),
            tls,
            outbox: Outbox::new(joined.station, Head::EMPTY, None),
            joined,
            inbox,
            journal: Vec::new(),
            feed: None,
            push: None,
            told,
        }
    }

    fn moment(&self) -> Moment {
        Moment(self.clock.now().as_micros() / 1_000)
    }

    fn random(&self) -> u64 {
        u64::from_be_bytes(self.entropy.bytes())
    }

    /// Asks until the replica is whole.
    async fn catch_up(&mut self) -> Result<()> {
        let connecting = Instant::now();
        let connection = Connection::open(&self.plan.address, self.tls.clone()).await;
        self.feed = Some(connection.context("connect")?);
        self.told.waited(Wait::Connect, connecting.elapsed());
        let start = Instant::now();
        while self.inbox.state().complete.is_none() {
            self.ask().await.context("first sync")?;
        }
        self.told.waited(Wait::FirstSync, start.elapsed());
        Ok(())
    }

    /// One question to the feed, when it is time for one.
    async fn ask(&mut self) -> Result<()> {
        let Some(ask) = self.inbox.poll_transmit(self.moment()) else {
            let until = self.inbox.poll_timeout().map_or(0, |until| until.0);
            tokio::time::sleep(Duration::from_millis(
                until.saturating_sub(self.moment().0).max(1),
            ))
            .await;
            return Ok(());
        };
        let path = match ask {
            Ask::Page(request) => format!("/sync/v1/feed?{}", request.to_query()),
            Ask::Keys => "/sync/v1/keys".to_owned(),
        };
        let patience = PATIENCE + Duration::from_secs(HOLD_S.into());
        let sent = send(
            &self.plan.address,
            &self.tls,
            &mut self.feed,
            (Method::GET, &path, None),
            patience,
        );
        let (answer, now, random) = (sent.await, self.moment(), self.random());
        let answer = answer.inspect_err(|_| self.inbox.handle_failure(now, random))?;
        if !answer.status.is_success() {
            self.inbox.handle_failure(now, random);
            bail!("{}", named(&answer));
        }
        if ask == Ask::Keys {
            return Ok(self.inbox.handle_keys(now, &answer.body, random)?);
        }
        let step = self.inbox.handle_page(now, &answer.body, random)?;
        self.told.rows += step.rows.len() as u64;
        self.inbox.applied(step.state);
        if let Some(completed) = step.completes {
            let own = own_hash(&self.journal);
            self.outbox.handle_feed(now, &completed.complete, own, random);
        }
        Ok(())
    }

    /// Writes entries and holds polls, until time is over and everything is acknowledged.
    async fn work(&mut self) {
        let end = Instant::now() + self.plan.work;
        let spread = self.plan.entry_every.as_millis().max(1) as u64;
        let mut next_entry = Instant::now() + Duration::from_millis(self.random() % spread);
        while Instant::now() < end || self.outbox.backlog() > 0 {
            if Instant::now() >= next_entry && Instant::now() < end {
                self.append();
                next_entry += self.plan.entry_every;
            }
            let done = match self.outbox.backlog() {
                0 => self.poll().await,
                _ => self.send_entries().await,
            };
            if let Err(error) = done {
                self.told.faults.push(format!("{error:#}"));
                if Instant::now() > end + PATIENCE {
                    break;
                }
            }
        }
        self.told.entries = self.journal.len() as u64;
        self.told.acknowledged = self.outbox.agreed();
    }

    async fn poll(&mut self) -> Result<()> {
        let start = Instant::now();
        self.ask().await.context("poll")?;
        self.told.waited(Wait::Poll, start.elapsed());
        Ok(())
    }

    fn append(&mut self) {
        let record = Started {
            software: "fleet".into(),
            after_crash: false,
        };
        let head = self.journal.last().map_or(Head::EMPTY, |entry| Head {
            sequence: entry.sequence,
            hash: entry.hash,
        });
        let records = [JournalRecord::from(record)];
        let (entries, head) = chain(self.joined.station, head, self.clock.wall_ms(), &records);
        self.journal.extend(entries);
        self.outbox.handle_appended(head);
    }

    async fn send_entries(&mut self) -> Result<()> {
        let (now, random) = (self.moment(), self.random());
        let Some(want) = self.outbox.poll_transmit(now) else {
            let until = self.outbox.poll_timeout().map_or(0, |until| until.0);
            tokio::time::sleep(Duration::from_millis(until.saturating_sub(now.0).max(1))).await;
            return Ok(());
        };
        let entries = self.journal[want.after as usize..].to_vec();
        let batch = self.outbox.batch(now, want, entries, random)?;
        let start = Instant::now();
        let request = (Method::POST, "/sync/v1/journal", Some(batch.to_bytes()));
        let answer = send(&self.plan.address, &self.tls, &mut self.push, request, PATIENCE).await;
        let now = self.moment();
        let read =
            answer.and_then(|answer| PushAnswer::from_bytes(&answer.body).with_context(|| named(&answer)));
        let answer = read.inspect_err(|_| self.outbox.handle_failure(now, random))?;
        self.outbox
            .handle_answer(now, &answer, own_hash(&self.journal), random);
        if let PushAnswer::Refused(fault) = answer {
            bail!("push: {}", fault.code());
        }
        self.told.waited(Wait::Push, start.elapsed());
        Ok(())
    }
}

fn own_hash(journal: &[Entry]) -> impl Fn(u64) -> Option<server_sync::Hash> + '_ {
    |sequence| Some(journal.get(sequence.checked_sub(1)? as usize)?.hash)
}

pub(super) fn named(answer: &Answer) -> String {
    let code = answer.code.as_deref().unwrap_or("no code");
    format!("status {} ({code})", answer.status)
}

/// Sends over the connection that is there, or over a new one.
async fn send(
    address: &Address,
    tls: &Arc<ClientConfig>,
    lane: &mut Option<Connection>,
    (method, path, body): (Method, &str, Option<Vec<u8>>),
    patience: Duration,
) -> Result<Answer> {
    let open = lane.take().filter(|connection| !connection.is_closed());
    let mut connection = match open {
        Some(connection) => connection,
        None => Connection::open(address, tls.clone()).await?,
    };
    let answer = connection.send(method, path, body, patience).await?;
    *lane = Some(connection);
    Ok(answer)
}
