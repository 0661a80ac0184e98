//! A station's end of the feed without a database: the inbox engine over mutual TLS.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use hyper::Method;
use server_sync::backoff::Moment;
use server_sync::feed::{Ask, Identity, Inbox, InboxState, SignedPage};
use station_daemon::clock::{Clock, Entropy};
use station_daemon::sync::{Address, Connection};

use crate::fleet::Member;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// A station that reads and keeps nothing but its cursor.
pub(super) struct Reader {
    member: Member,
    connection: Option<Connection>,
    inbox: Inbox,
    clock: Clock,
}

impl Reader {
    pub(super) fn new(member: Member) -> Self {
        let identity = Identity {
            organization_key: member.joined.organization_key,
            station: member.joined.station,
        };
        Self {
            inbox: Inbox::new(identity, InboxState::joined(member.joined.feed_keys.clone())),
            member,
            connection: None,
            clock: Clock::start(),
        }
    }

    /// How long the console may hold an answer, in seconds.
    pub(super) fn hold(&mut self, seconds: u16) {
        self.inbox.set_hold_s(seconds);
    }

    /// Drops the connection.
    pub(super) fn disconnect(&mut self) {
        self.connection = None;
    }

    /// Asks until it is answered, and waits in between as the engine says.
    pub(super) async fn come_back(&mut self, address: &Address) -> Result<()> {
        loop {
            let until = self.inbox.poll_timeout().context("nothing is under way")?;
            let wait = until.0.saturating_sub(self.now().0);
            tokio::time::sleep(Duration::from_millis(wait)).await;
            if self.page(address).await.is_ok() {
                return Ok(());
            }
            self.connection = None;
            self.inbox
                .handle_failure(self.now(), u64::from_be_bytes(Entropy::new().bytes()));
        }
    }

    fn now(&self) -> Moment {
        Moment(self.clock.now().as_micros() / 1000)
    }

    /// Opens a connection if there is none.
    pub(super) async fn connect(&mut self, address: &Address) -> Result<()> {
        if self.connection.as_ref().is_none_or(Connection::is_closed) {
            self.connection = Some(self.member.connect(address).await?);
        }
        Ok(())
    }

    /// Everything there is, as the bytes of the rows of each page.
    pub(super) async fn read_all(&mut self, address: &Address) -> Result<Vec<Vec<u8>>> {
        let mut bodies = Vec::new();
        while self.inbox.state().complete.is_none() {
            bodies.push(self.page(address).await?.1);
        }
        Ok(bodies)
    }

    /// Asks once; how many rows came.
    pub(super) async fn poll(&mut self, address: &Address) -> Result<usize> {
        Ok(self.page(address).await?.0)
    }

    async fn page(&mut self, address: &Address) -> Result<(usize, Vec<u8>)> {
        let now = self.now();
        let ask = self.inbox.poll_transmit(now).context("the inbox wants to ask")?;
        let Ask::Page(request) = ask else {
            bail!("the keys are not known")
        };
        let path = format!("/sync/v1/feed?{}", request.to_query());
        self.connect(address).await?;
        let connection = self.connection.as_mut().context("a connection")?;
        let answer = connection.send(Method::GET, &path, None, PATIENCE).await?;
        ensure!(answer.status.is_success(), "{} {:?}", answer.status, answer.code);
        let step = self.inbox.handle_page(now, &answer.body, 1)?;
        self.inbox.applied(step.state);
        Ok((step.rows.len(), SignedPage::from_bytes(&answer.body)?.body))
    }
}
