//! The radio over BlueZ, through btleplug and, for what btleplug cannot say, a bus connection of our own.
//!
//! ```text
//!   commands ──► Owner ──► Scanner        one task: starts and stops the scan
//!                  │  ├───► Probe          one look at bus, BlueZ, adapter at a time
//!                  │  └───► Link, Link, …  one task per link
//!   events  ◄──────┴───────────┘
//! ```
//!
//! The owner never waits for BlueZ: whatever takes time runs in a task and comes back as a note. BlueZ
//! and btleplug have many habits that need care; `docs/decisions/0010-bluetooth-workarounds.md` lists
//! them all with the place that deals with each.

mod agent;
mod bus;
mod calls;
mod health;
mod link;
mod probe;
mod quiet;
mod scan;
mod sightings;
mod silence;

use super::config::ms;
use super::presence::Presence;
use super::{AdapterState, DeviceId, LinkFault, Radio, RadioCommand, RadioConfig, RadioEvent, rssi};
use crate::pace::Pace;
use agent::Agent;
use btleplug::api::{Central, CentralEvent, CentralState, Peripheral as _, PeripheralProperties};
use btleplug::platform::{Adapter, Peripheral, PeripheralId};
use bus::BusNote;
use calls::{CallFault, Calls};
use firmware_protocol::advertisement::{Beacon, COMPANY};
use firmware_protocol::{gatt, time};
use futures_util::StreamExt;
use link::{Air, Link, LinkNote, Phase, Signals};
use probe::{Finding, Parts};
use quiet::QuietStream;
use scan::Scanner;
use sightings::{Heard, Sightings};
use silence::Silence;
use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep_until, timeout};

/// Starts the radio in the current runtime. It runs until the command sender is dropped.
pub fn start(config: RadioConfig) -> Radio {
    start_with(config, Pace::default())
}

/// The same, and says by this pace when nothing but advertisements are to be expected.
pub fn start_with(config: RadioConfig, pace: Pace) -> Radio {
    let (commands_in, commands) = mpsc::channel(config.command_queue_len);
    let (events_in, events) = mpsc::channel(config.event_queue_len);
    tokio::spawn(Owner::new(config, pace.clone(), commands, events_in).run());
    Radio {
        commands: commands_in,
        events,
        pace,
    }
}

/// The name of a device in events and commands.
fn device_id(id: &PeripheralId) -> DeviceId {
    id.to_string()
}

/// What only exists while there is an adapter that is switched on.
struct Open {
    air: Air,
    scanner: Scanner,
    central: QuietStream<CentralEvent>,
    scanning: watch::Receiver<bool>,
    path: String,
}

/// What the open adapter has to say.
enum OpenEvent {
    Central(Option<CentralEvent>),
    Scanning(bool),
}

struct LinkEntry {
    signals: watch::Sender<Signals>,
    frames: mpsc::Sender<Vec<u8>>,
    phase: Phase,
    /// Asked for again while it was on its way out.
    again: bool,
}

impl LinkEntry {
    fn is_ending(&self) -> bool {
        let signals = self.signals.borrow();
        signals.close || signals.adapter_lost
    }
}

/// What a job brings back.
enum Done {
    Probed(Parts, Finding),
    Described(PeripheralId, Option<Beacon>, Result<Description, CallFault>),
    Nothing,
}

struct Description {
    peripheral: Peripheral,
    properties: Option<PeripheralProperties>,
}

struct Owner {
    config: Arc<RadioConfig>,
    pace: Pace,
    started: Instant,
    commands: mpsc::Receiver<RadioCommand>,
    events: mpsc::Sender<RadioEvent>,
    /// Events in the order of telling; a task of its own waits for room in the event queue.
    told: mpsc::UnboundedSender<RadioEvent>,
    calls: Calls,
    connects: Arc<Semaphore>,
    agent: Agent,
    parts: Parts,
    open: Option<Open>,
    state: Option<AdapterState>,
    scan_wanted: bool,
    links: HashMap<DeviceId, LinkEntry>,
    link_notes: mpsc::UnboundedReceiver<(DeviceId, LinkNote)>,
    link_notes_in: mpsc::UnboundedSender<(DeviceId, LinkNote)>,
    sightings: Sightings,
    presence: Presence,
    silence: Silence,
    jobs: JoinSet<Done>,
    probing: bool,
    /// Something changed while the look was under way; its finding is out of date.
    probe_again: bool,
    probe_at: Instant,
    retry: Duration,
}

impl Owner {
    fn new(
        config: RadioConfig,
        pace: Pace,
        commands: mpsc::Receiver<RadioCommand>,
        events: mpsc::Sender<RadioEvent>,
    ) -> Self {
        let (told, telling) = mpsc::unbounded_channel();
        tokio::spawn(tell(telling, events.clone()));
        let (link_notes_in, link_notes) = mpsc::unbounded_channel();
        Self {
            pace,
            started: Instant::now(),
            commands,
            events,
            told,
            calls: Calls::new(config.calls_in_flight_max),
            connects: Arc::new(Semaphore::new(config.connect_parallel_max)),
            agent: Agent::default(),
            parts: Parts::default(),
            open: None,
            state: None,
            scan_wanted: false,
            links: HashMap::new(),
            link_notes,
            link_notes_in,
            sightings: Sightings::default(),
            presence: Presence::new(ms(config.presence_timeout_ms), ms(config.seen_interval_ms)),
            silence: Silence::new(
                ms(config.rescan_hush_ms),
                ms(config.rescan_silence_ms),
                Instant::now(),
            ),
            jobs: JoinSet::new(),
            probing: false,
            probe_again: false,
            probe_at: Instant::now(),
            retry: ms(config.retry_ms),
            config: Arc::new(config),
        }
    }

    async fn run(mut self) {
        loop {
            let deadline = self.deadline();
            let bands_only = self.links.is_empty() && self.presence.is_anybody_there();
            self.pace.set_bands_only(bands_only);
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => self.on_command(command),
                    None => break,
                },
                () = self.events.closed() => break,
                Some((device, note)) = self.link_notes.recv() => self.on_link_note(&device, note),
                Some(done) = self.jobs.join_next(), if !self.jobs.is_empty() => match done {
                    Ok(done) => self.on_done(done),
                    Err(error) => self.on_lost_job(&error),
                },
                note = next_note(&mut self.parts.notes) => self.on_bus_note(note),
                event = next_event(&mut self.open) => match event {
                    OpenEvent::Central(event) => self.on_central(event),
                    OpenEvent::Scanning(on) => self.on_scanning(on),
                },
                () = sleep_until(deadline) => self.on_deadline(),
            }
        }
        self.pace.set_bands_only(false);
        self.finish().await;
    }

    fn deadline(&self) -> Instant {
        let silence = self.presence.poll_timeout();
        let silence = silence.map(|at| self.started + Duration::from_micros(at.as_micros()));
        let probe = if self.probing { None } else { Some(self.probe_at) };
        let rescan = self.is_scanning().then(|| self.silence.poll_timeout());
        let far = Instant::now() + ms(self.config.ping_interval_ms);
        [silence, probe, rescan]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(far)
    }

    fn is_scanning(&self) -> bool {
        self.open.as_ref().is_some_and(|open| *open.scanning.borrow())
    }

    fn on_deadline(&mut self) {
        let gone = self.presence.handle_timeout(now(self.started));
        gone.into_iter().for_each(|event| self.tell(event));
        if !self.probing && Instant::now() >= self.probe_at {
            self.probe();
        }
        self.break_silence(Instant::now());
    }

    /// A scan that hears nothing is started over.
    fn break_silence(&mut self, now: Instant) {
        if !self.is_scanning() || now < self.silence.poll_timeout() {
            return;
        }
        self.silence.handle_timeout(now);
        if let Some(open) = &self.open {
            tracing::debug!("nothing is heard, the scan is started over");
            open.scanner.renew();
        }
    }

    fn on_scanning(&mut self, on: bool) {
        self.presence.handle_listening(now(self.started), on);
        self.silence.handle_scan(Instant::now());
    }

    fn tell(&self, event: RadioEvent) {
        drop(self.told.send(event));
    }

    // Commands.

    fn on_command(&mut self, command: RadioCommand) {
        match command {
            RadioCommand::Scan(on) => self.scan_wanted = on,
            RadioCommand::Connect(device) => self.connect(device),
            RadioCommand::Write { device, frame } => self.write(device, frame),
            RadioCommand::Disconnect(device) => self.close(&device),
            RadioCommand::ForgetCache(device) => self.forget(&device),
        }
        self.direct_scan();
    }

    fn connect(&mut self, device: DeviceId) {
        let cause = match (self.links.get_mut(&device), &self.open) {
            (Some(link), _) if link.is_ending() => return link.again = true,
            (Some(_), _) => LinkFault::AlreadyLinked,
            (None, None) => LinkFault::AdapterNotReady,
            (None, Some(open)) => {
                let link = open.link(
                    &device,
                    self.sightings.id(&device),
                    self.link_notes_in.clone(),
                    &self.config,
                );
                return drop(self.links.insert(device, link));
            }
        };
        self.tell(RadioEvent::ConnectFailed { device, cause });
    }

    fn write(&mut self, device: DeviceId, frame: Vec<u8>) {
        let cause = match self.links.get(&device) {
            Some(link) if link.phase == Phase::Linked && !link.is_ending() => {
                match link.frames.try_send(frame) {
                    Ok(()) => return,
                    Err(mpsc::error::TrySendError::Full(_)) => LinkFault::QueueFull,
                    Err(mpsc::error::TrySendError::Closed(_)) => LinkFault::NotConnected,
                }
            }
            _ => LinkFault::NotConnected,
        };
        self.tell(RadioEvent::WriteFailed { device, cause });
    }

    fn close(&mut self, device: &str) {
        if let Some(link) = self.links.get_mut(device) {
            link.again = false;
            link.signals.send_modify(|signals| signals.close = true);
        }
    }

    fn forget(&mut self, device: &str) {
        self.close(device);
        self.sightings.forget(device);
        let Some(open) = &self.open else { return };
        let (bus, path) = (open.air.bus.clone(), link::object_path(device));
        self.jobs.spawn(async move {
            drop(bus.remove_device(&path).await);
            Done::Nothing
        });
    }

    /// The scan rests while a link is being made and runs while somebody looks for something.
    fn direct_scan(&mut self) {
        let Some(open) = &self.open else { return };
        let any = |phase| {
            self.links
                .values()
                .any(|link| link.phase == phase && !link.is_ending())
        };
        let wanted = self.scan_wanted || any(Phase::Listening);
        open.scanner.set(wanted && !any(Phase::Connecting));
    }

    // Links.

    fn on_link_note(&mut self, device: &str, note: LinkNote) {
        match note {
            LinkNote::Phase(phase) => {
                if let Some(link) = self.links.get_mut(device) {
                    link.phase = phase;
                }
                self.presence
                    .handle_link(now(self.started), device, phase != Phase::Listening);
            }
            LinkNote::Ended(event) => {
                let again = self.links.remove(device).is_some_and(|link| link.again);
                self.presence.handle_link(now(self.started), device, false);
                self.tell(event);
                if again {
                    self.connect(device.to_owned());
                }
            }
        }
        self.direct_scan();
    }

    // Events of the adapter.

    fn on_central(&mut self, event: Option<CentralEvent>) {
        match event {
            Some(CentralEvent::RssiUpdate { id, rssi }) => self.sightings.handle_rssi(&device_id(&id), rssi),
            Some(CentralEvent::ManufacturerDataAdvertisement {
                id,
                manufacturer_data,
            }) => {
                let data = manufacturer_data.get(&COMPANY).map(|data| Beacon::decode(data));
                if let Some(Ok(beacon)) = data {
                    self.on_beacon(&id, beacon);
                }
            }
            // What BlueZ hears first comes without its advertisement.
            Some(CentralEvent::DeviceDiscovered(_)) => self.silence.handle_device(Instant::now()),
            Some(CentralEvent::DeviceConnected(id)) => self.on_connected(id),
            Some(CentralEvent::DeviceDisconnected(id)) => {
                if let Some(link) = self.links.get(&device_id(&id)) {
                    link.signals.send_modify(|signals| {
                        signals.up = false;
                        signals.downs += 1;
                    });
                }
            }
            Some(CentralEvent::StateUpdate(CentralState::PoweredOff)) => self.probe(),
            Some(_) => {}
            None => self.lose(AdapterState::BluezDown),
        }
    }

    fn on_beacon(&mut self, id: &PeripheralId, beacon: Beacon) {
        self.silence.handle_device(Instant::now());
        match self.sightings.handle_beacon(&device_id(id), id) {
            Heard::Band { rssi_dbm } => self.on_band(id, beacon, rssi_dbm),
            Heard::Unknown => self.describe(id.clone(), Some(beacon)),
            Heard::Nothing => {}
        }
    }

    fn on_band(&mut self, id: &PeripheralId, beacon: Beacon, rssi_dbm: i16) {
        let device = device_id(id);
        if let Some(link) = self
            .links
            .get(&device)
            .filter(|link| link.phase == Phase::Listening)
        {
            link.signals.send_modify(|signals| {
                signals.known = Some(id.clone());
                signals.advertisements += 1;
            });
        }
        let seen = self
            .presence
            .handle_advertisement(now(self.started), &device, beacon, rssi_dbm);
        // When nobody reads, the next advertisement says the same better.
        seen.into_iter()
            .for_each(|event| drop(self.events.try_send(event)));
    }

    /// A link of ours is up; or a link that nobody holds, left over from a killed daemon or an attempt
    /// that BlueZ finished after we gave it up. Such a band does not advertise, so it is set free.
    fn on_connected(&mut self, id: PeripheralId) {
        match self.links.get(&device_id(&id)) {
            Some(link) => link.signals.send_modify(|signals| {
                signals.up = true;
                signals.ups += 1;
            }),
            None => self.describe(id, None),
        }
    }

    fn describe(&mut self, id: PeripheralId, beacon: Option<Beacon>) {
        let Some(open) = &self.open else { return };
        let (adapter, calls) = (open.air.adapter.clone(), self.calls.clone());
        let limit = ms(self.config.call_timeout_ms);
        self.jobs.spawn(async move {
            let description = calls.run(limit, description(adapter, &id)).await;
            Done::Described(id, beacon, description)
        });
    }

    fn on_described(
        &mut self,
        id: &PeripheralId,
        beacon: Option<Beacon>,
        description: Result<Description, CallFault>,
    ) {
        let Ok(Description {
            peripheral,
            properties: Some(properties),
        }) = description
        else {
            return self.sightings.handle_answer(&device_id(id), id, None);
        };
        let is_band = properties
            .services
            .iter()
            .any(|uuid| uuid.as_u128() == gatt::SERVICE);
        let rssi_dbm = properties.rssi.unwrap_or(rssi::FLOOR_DBM);
        match beacon {
            Some(beacon) => {
                self.sightings
                    .handle_answer(&device_id(id), id, Some((is_band, rssi_dbm)));
                if is_band {
                    self.on_band(id, beacon, rssi_dbm);
                }
            }
            None if is_band && !self.links.contains_key(&device_id(id)) => self.set_free(peripheral),
            None => {}
        }
    }

    fn set_free(&mut self, peripheral: Peripheral) {
        let Some(open) = &self.open else { return };
        let air = open.air.clone();
        tracing::info!(
            device = device_id(&peripheral.id()),
            "a link that nobody holds is dropped"
        );
        self.jobs.spawn(async move {
            link::disconnect(&air, &peripheral).await;
            Done::Nothing
        });
    }

    fn on_done(&mut self, done: Done) {
        match done {
            Done::Probed(parts, finding) => self.on_probed(parts, finding),
            Done::Described(id, beacon, description) => self.on_described(&id, beacon, description),
            Done::Nothing => {}
        }
    }

    fn on_lost_job(&mut self, error: &tokio::task::JoinError) {
        tracing::error!(%error, "a task of the radio failed");
        self.probing = false;
        self.probe_at = Instant::now() + self.retry;
    }

    /// Sets every band free and stops the scan, but does not wait for a BlueZ that does not answer.
    async fn finish(mut self) {
        let limit = ms(self.config.disconnect_timeout_ms);
        self.links
            .values()
            .for_each(|link| link.signals.send_modify(|signals| signals.close = true));
        let links_end = async {
            while !self.links.is_empty()
                && let Some((device, note)) = self.link_notes.recv().await
            {
                if let LinkNote::Ended(event) = note {
                    self.links.remove(&device);
                    drop(self.told.send(event));
                }
            }
        };
        drop(timeout(limit, links_end).await);
        if let Some(open) = self.open.take() {
            open.scanner.finish(limit).await;
        }
    }
}

impl Open {
    fn link(
        &self,
        device: &str,
        known: Option<PeripheralId>,
        notes: mpsc::UnboundedSender<(DeviceId, LinkNote)>,
        config: &RadioConfig,
    ) -> LinkEntry {
        let (signals_in, signals) = watch::channel(Signals {
            known,
            ..Signals::default()
        });
        let (frames_in, frames) = mpsc::channel(config.frame_queue_len);
        let air = self.air.clone();
        let link = Link {
            device: device.to_owned(),
            air,
            signals,
            frames,
            notes,
            touched: None,
        };
        tokio::spawn(link.run());
        LinkEntry {
            signals: signals_in,
            frames: frames_in,
            phase: Phase::Connecting,
            again: false,
        }
    }
}

async fn description(adapter: Adapter, id: &PeripheralId) -> btleplug::Result<Description> {
    let peripheral = adapter.peripheral(id).await?;
    let properties = peripheral.properties().await?;
    Ok(Description {
        peripheral,
        properties,
    })
}

async fn tell(mut telling: mpsc::UnboundedReceiver<RadioEvent>, events: mpsc::Sender<RadioEvent>) {
    while let Some(event) = telling.recv().await {
        if events.send(event).await.is_err() {
            return;
        }
    }
}

async fn next_note(notes: &mut Option<mpsc::Receiver<BusNote>>) -> Option<BusNote> {
    match notes {
        Some(notes) => notes.recv().await,
        None => pending().await,
    }
}

async fn next_event(open: &mut Option<Open>) -> OpenEvent {
    let Some(open) = open else { return pending().await };
    tokio::select! {
        event = open.central.next() => OpenEvent::Central(event),
        Ok(()) = open.scanning.changed() => OpenEvent::Scanning(*open.scanning.borrow()),
    }
}

/// The moment as the pure parts count it.
fn now(started: Instant) -> time::Instant {
    time::Instant::from_micros(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX))
}
