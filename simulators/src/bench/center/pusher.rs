//! Stations that send associations: the outbox engine over mutual TLS, with journals that were written before.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ed25519_dalek::SigningKey;
use firmware_protocol::certificate::Signed;
use firmware_protocol::id::{AssociationId, OrganizationId, Serial, StationId, Zone};
use firmware_protocol::message::Mode;
use firmware_protocol::receipt::Receipt;
use hyper::Method;
use server_sync::backoff::Moment;
use server_sync::journal::{BATCH_ENTRIES_MAX, Outbox, PushAnswer};
use server_sync::{Entry, Head};
use station_core::journal::{Committed, Decided, FlowId, Intent, JournalRecord, chain};
use station_core::replica::derived_handle;
use station_daemon::clock::{Clock, Entropy};
use station_daemon::sync::{Address, Connection};
use tokio::time::Instant;

use crate::bench::{crowd, steps};
use crate::fleet::Member;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Entries that a station writes of one enrollment once the person is known: decision, intent, receipt.
pub(super) const ENTRIES: usize = 3;

/// Bands that sign receipts for people of the crowd, each pair once.
#[derive(Clone)]
pub(super) struct Bands {
    organization: OrganizationId,
    users: usize,
    key: Arc<SigningKey>,
    /// A decision as a station writes it, with its facts.
    decided: Arc<Decided>,
}

impl Bands {
    pub(super) fn new(organization: OrganizationId, users: usize) -> Result<Self> {
        let decided = steps::enrollments(1)?
            .into_iter()
            .flat_map(|step| step.records)
            .find_map(|record| match record {
                JournalRecord::Decided(decided) => Some(decided),
                _ => None,
            });
        Ok(Self {
            organization,
            users,
            key: Arc::new(SigningKey::from_bytes(&[0x2b; 32])),
            decided: Arc::new(decided.context("an enrollment decides")?),
        })
    }

    /// What a station writes of the enrollment of this number: the person of that number and a band nobody had
    /// before.
    fn enrollment(&self, number: usize, station: StationId, now_ms: u64) -> [JournalRecord; ENTRIES] {
        let receipt = self.receipt(number, station, now_ms);
        let flow = FlowId(receipt.association.0);
        let decided = Decided {
            flow,
            user: receipt.user,
            serial: receipt.serial.clone(),
            time_ms: now_ms,
            ..Decided::clone(&self.decided)
        };
        let intent = Intent {
            flow,
            association: receipt.association,
            user: receipt.user,
            serial: receipt.serial.clone(),
            zone: receipt.zone,
            epoch: receipt.epoch,
            mode: receipt.mode,
            credential_key: receipt.credential_key,
            time_ms: now_ms,
            ticket: None,
        };
        let body = minicbor::to_vec(&receipt).expect("memory takes everything");
        let committed = Committed {
            flow,
            receipt: Signed::sign(body, Receipt::CONTEXT, &self.key),
            band_key: self.key.verifying_key().to_bytes(),
            recovered: false,
            seos: false,
            band_certificate: None,
        };
        [decided.into(), intent.into(), committed.into()]
    }

    fn receipt(&self, number: usize, station: StationId, now_ms: u64) -> Receipt {
        let mut id = [0xbe; 16];
        id[8..].copy_from_slice(&(number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        Receipt {
            serial: Serial::new(format!("BX-{number:08}").as_str()).expect("a serial"),
            organization: self.organization,
            user: derived_handle(self.organization, &crowd::id(number % self.users)),
            zone: Zone::Enrollment,
            association: AssociationId(id),
            epoch: 1,
            credential_key: [number as u8; 32],
            station,
            time: firmware_protocol::time::UnixSeconds(now_ms / 1000),
            mode: Mode::Capture,
        }
    }
}

/// A station with a journal of which a part was sent.
pub(super) struct Pusher {
    pub(super) member: Member,
    address: Address,
    connection: Option<Connection>,
    outbox: Outbox,
    journal: Vec<Entry>,
    clock: Clock,
    /// How long each batch was waited for.
    pub(super) waits: Vec<Duration>,
}

impl Pusher {
    pub(super) fn new(member: Member, address: Address) -> Self {
        Self {
            outbox: Outbox::new(member.joined.station, Head::EMPTY, None),
            member,
            address,
            connection: None,
            journal: Vec::new(),
            clock: Clock::start(),
            waits: Vec::new(),
        }
    }

    /// Speaks to another console of the same organization from now on.
    pub(super) fn go_to(&mut self, address: &Address) {
        self.address = address.clone();
        self.connection = None;
    }

    /// Writes enrollments of these numbers into the journal; nothing is sent.
    pub(super) fn write(&mut self, bands: &Bands, numbers: impl Iterator<Item = usize>) {
        let station = self.member.joined.station;
        let now_ms = self.clock.wall_ms();
        let records = |number| bands.enrollment(number, StationId(station.0), now_ms);
        let records: Vec<JournalRecord> = numbers.flat_map(records).collect();
        let (entries, _) = chain(station, self.end(), now_ms, &records);
        self.journal.extend(entries);
    }

    fn end(&self) -> Head {
        head_at(&self.journal, self.journal.len())
    }

    /// Entries that are not acknowledged yet.
    pub(super) fn waiting(&self) -> usize {
        self.journal.len() - self.outbox.agreed() as usize
    }

    /// Opens a connection if there is none.
    pub(super) async fn connect(&mut self) -> Result<()> {
        if self.connection.as_ref().is_none_or(Connection::is_closed) {
            self.connection = Some(self.member.connect(&self.address).await?);
        }
        Ok(())
    }

    /// Sends everything that waits, so many enrollments at a time.
    pub(super) async fn send_all(&mut self, batch: usize) -> Result<()> {
        while self.waiting() > 0 {
            self.send(batch).await?;
        }
        Ok(())
    }

    /// Sends the next enrollments until they are acknowledged, by its own back-off where that fails. How long it took.
    pub(super) async fn send_patiently(&mut self, batch: usize, patience: Duration) -> Result<Duration> {
        let start = Instant::now();
        while let Err(error) = self.send(batch).await {
            if start.elapsed() > patience {
                return Err(error);
            }
            self.connection = None;
            let random = u64::from_be_bytes(Entropy::new().bytes());
            self.outbox.handle_failure(self.moment(), random);
            let until = self.outbox.poll_timeout().context("nothing waits")?;
            tokio::time::sleep(Duration::from_millis(until.0.saturating_sub(self.moment().0))).await;
        }
        Ok(start.elapsed())
    }

    /// Sends the next enrollments and waits for the acknowledgement.
    pub(super) async fn send(&mut self, batch: usize) -> Result<()> {
        let agreed = self.outbox.agreed() as usize;
        let until = (agreed + (batch * ENTRIES).min(BATCH_ENTRIES_MAX)).min(self.journal.len());
        self.outbox.handle_appended(head_at(&self.journal, until));
        let now = self.moment();
        let want = self
            .outbox
            .poll_transmit(now)
            .context("the outbox wants to send")?;
        let entries = self.journal[want.after as usize..until].to_vec();
        let bytes = self.outbox.batch(now, want, entries, 1)?.to_bytes();
        self.connect().await?;
        let connection = self.connection.as_mut().context("a connection")?;
        let start = Instant::now();
        let answer = connection.send(Method::POST, "/sync/v1/journal", Some(bytes), PATIENCE);
        let answer = answer.await?;
        self.waits.push(start.elapsed());
        let answer = PushAnswer::from_bytes(&answer.body)
            .with_context(|| format!("{} {:?}", answer.status, answer.code))?;
        let journal = &self.journal;
        let own = |sequence: u64| Some(journal.get(sequence.checked_sub(1)? as usize)?.hash);
        self.outbox.handle_answer(now, &answer, own, 1);
        ensure!(
            self.outbox.agreed() as usize == until,
            "the console did not take the batch: {answer:?}"
        );
        Ok(())
    }

    fn moment(&self) -> Moment {
        Moment(self.clock.now().as_micros() / 1000)
    }
}

fn head_at(journal: &[Entry], len: usize) -> Head {
    match len.checked_sub(1) {
        None => Head::EMPTY,
        Some(last) => Head {
            sequence: journal[last].sequence,
            hash: journal[last].hash,
        },
    }
}
