//! A radio without Bluetooth: the same two channels, with devices in memory behind them.
//!
//! For tests and for machines without an adapter. Frames arrive at once and in order; everything that can
//! go wrong is asked for by name through the [`Loopback`] handle. The state machine inside is pure, the
//! task around it only reads the runtime's clock, so a paused clock makes a run repeatable.

use super::config::ms;
use super::presence::Presence;
use super::{AdapterState, DeviceId, LinkFault, Radio, RadioCommand, RadioConfig, RadioEvent};
use crate::pace::Pace;
use firmware_protocol::advertisement::Beacon;
use firmware_protocol::gatt;
use firmware_protocol::time;
use std::collections::{BTreeMap, VecDeque};
use std::future::pending;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Time between two advertisements of a device.
const ADVERTISING_INTERVAL: Duration = Duration::from_millis(100);

/// A device in memory, as its radio sees it. One method is called at a time; after each call that may
/// change the device, the `poll_` methods are drained.
pub trait LoopbackDevice: Send {
    /// What it advertises now; `None` while it is silent. Not asked while it is connected.
    fn advertisement(&mut self, now: time::Instant) -> Option<Beacon>;
    /// The station connected, with this MTU.
    fn connected(&mut self, now: time::Instant, mtu_bytes: u16);
    /// The link is gone, whoever ended it.
    fn disconnected(&mut self, now: time::Instant);
    /// The station wrote a frame.
    fn write(&mut self, now: time::Instant, frame: &[u8]);
    /// The next frame to notify.
    fn poll_notify(&mut self) -> Option<Vec<u8>>;
    /// True once when the device ends the link; what it notified before still arrives.
    fn poll_end(&mut self) -> bool;
    /// When [`handle_timeout`](Self::handle_timeout) is due.
    fn poll_timeout(&self) -> Option<time::Instant>;
    /// That moment has come.
    fn handle_timeout(&mut self, now: time::Instant);
}

/// The air: what a test does to it takes effect in the order of the calls, between two commands.
#[derive(Clone, Debug)]
pub struct Loopback {
    control: mpsc::UnboundedSender<Control>,
}

enum Control {
    Add {
        device: DeviceId,
        rssi_dbm: i16,
        behavior: Box<dyn LoopbackDevice>,
    },
    Remove(DeviceId),
    SetAdapter(AdapterState),
    FailConnects(DeviceId, Option<LinkFault>),
    LoseFrames(DeviceId, bool),
}

impl Loopback {
    /// Puts a device on the air.
    pub fn add(&self, device: &str, rssi_dbm: i16, behavior: Box<dyn LoopbackDevice>) {
        self.send(Control::Add {
            device: device.to_owned(),
            rssi_dbm,
            behavior,
        });
    }

    /// Takes a device off the air; a link to it ends.
    pub fn remove(&self, device: &str) {
        self.send(Control::Remove(device.to_owned()));
    }

    /// Changes the adapter. Any state but `Ready` ends all links.
    pub fn set_adapter(&self, state: AdapterState) {
        self.send(Control::SetAdapter(state));
    }

    /// Makes connecting to the device fail, until told `None`.
    pub fn fail_connects(&self, device: &str, cause: Option<LinkFault>) {
        self.send(Control::FailConnects(device.to_owned(), cause));
    }

    /// Loses all frames to and from the device, like a hung band, until told otherwise.
    pub fn lose_frames(&self, device: &str, lose: bool) {
        self.send(Control::LoseFrames(device.to_owned(), lose));
    }

    fn send(&self, control: Control) {
        // A radio that has ended has no air to change.
        _ = self.control.send(control);
    }
}

/// Starts a radio whose adapter is ready and whose links have this MTU.
pub fn start(config: &RadioConfig, mtu_bytes: u16) -> (Radio, Loopback) {
    let (commands_in, commands) = mpsc::channel(config.command_queue_len);
    let (events_in, events) = mpsc::channel(config.event_queue_len);
    let (control_in, control) = mpsc::unbounded_channel();
    tokio::spawn(drive(Air::new(config, mtu_bytes), commands, control, events_in));
    (
        Radio {
            commands: commands_in,
            events,
            pace: Pace::default(),
        },
        Loopback { control: control_in },
    )
}

async fn drive(
    mut air: Air,
    mut commands: mpsc::Receiver<RadioCommand>,
    mut control: mpsc::UnboundedReceiver<Control>,
    events: mpsc::Sender<RadioEvent>,
) {
    let started = Instant::now();
    loop {
        while let Some(event) = air.outbox.pop_front() {
            if events.send(event).await.is_err() {
                return;
            }
        }
        let deadline = air
            .poll_timeout()
            .map(|at| started + Duration::from_micros(at.as_micros()));
        let mut turn = Turn::Time;
        tokio::select! {
            biased;
            Some(change) = control.recv() => turn = Turn::Control(change),
            command = commands.recv() => match command {
                Some(command) => turn = Turn::Command(command),
                None => return,
            },
            () = until(deadline) => {}
        }
        let now =
            time::Instant::from_micros(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
        match turn {
            Turn::Command(command) => air.handle_command(now, command),
            Turn::Control(control) => air.handle_control(now, control),
            Turn::Time => air.handle_timeout(now),
        }
    }
}

enum Turn {
    Command(RadioCommand),
    Control(Control),
    Time,
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}

struct Device {
    behavior: Box<dyn LoopbackDevice>,
    rssi_dbm: i16,
    next_advertisement: time::Instant,
    linked: bool,
    connect_fault: Option<LinkFault>,
    loses_frames: bool,
}

/// The state machine: commands, changes and time go in, events and a deadline come out.
struct Air {
    mtu_bytes: u16,
    adapter: AdapterState,
    scanning: bool,
    devices: BTreeMap<DeviceId, Device>,
    presence: Presence,
    outbox: VecDeque<RadioEvent>,
}

impl Air {
    fn new(config: &RadioConfig, mtu_bytes: u16) -> Self {
        let adapter = AdapterState::Ready {
            name: "loopback".to_owned(),
        };
        Self {
            mtu_bytes,
            scanning: false,
            devices: BTreeMap::new(),
            presence: Presence::new(ms(config.presence_timeout_ms), ms(config.seen_interval_ms)),
            outbox: VecDeque::from([RadioEvent::Adapter(adapter.clone())]),
            adapter,
        }
    }

    fn is_ready(&self) -> bool {
        matches!(self.adapter, AdapterState::Ready { .. })
    }

    fn listens(&self) -> bool {
        self.scanning && self.is_ready()
    }

    fn handle_command(&mut self, now: time::Instant, command: RadioCommand) {
        match command {
            RadioCommand::Scan(on) => {
                self.scanning = on;
                self.presence.handle_listening(now, self.listens());
            }
            RadioCommand::Connect(device) => self.connect(now, device),
            RadioCommand::Write { device, frame } => self.write(now, device, &frame),
            RadioCommand::Disconnect(device) | RadioCommand::ForgetCache(device) => self.end(now, &device),
        }
    }

    fn connect(&mut self, now: time::Instant, device: DeviceId) {
        let fault = match self.devices.get(&device) {
            _ if !self.is_ready() => Some(LinkFault::AdapterNotReady),
            None => Some(LinkFault::NotAdvertising),
            Some(known) if known.linked => Some(LinkFault::AlreadyLinked),
            Some(known) => known.connect_fault,
        };
        if let Some(cause) = fault {
            return self.outbox.push_back(RadioEvent::ConnectFailed { device, cause });
        }
        if let Some(known) = self.devices.get_mut(&device) {
            known.linked = true;
            known.behavior.connected(now, self.mtu_bytes);
        }
        self.presence.handle_link(now, &device, true);
        let connected = RadioEvent::Connected {
            device: device.clone(),
            mtu_bytes: self.mtu_bytes,
        };
        self.outbox.push_back(connected);
        self.drain(now, &device);
    }

    fn write(&mut self, now: time::Instant, device: DeviceId, frame: &[u8]) {
        let linked = self.devices.get_mut(&device).filter(|known| known.linked);
        let cause = match linked {
            None => LinkFault::NotConnected,
            Some(_) if frame.len() > gatt::value_len(self.mtu_bytes) => LinkFault::TooLong,
            Some(known) => {
                if !known.loses_frames {
                    known.behavior.write(now, frame);
                }
                return self.drain(now, &device);
            }
        };
        self.outbox.push_back(RadioEvent::WriteFailed { device, cause });
    }

    /// Passes on what the device has to say.
    fn drain(&mut self, now: time::Instant, device: &str) {
        let Some(known) = self.devices.get_mut(device) else {
            return;
        };
        while let Some(frame) = known.behavior.poll_notify() {
            if known.linked && !known.loses_frames {
                self.outbox.push_back(RadioEvent::Received {
                    device: device.to_owned(),
                    frame,
                });
            }
        }
        if known.behavior.poll_end() {
            self.end(now, device);
        }
    }

    fn end(&mut self, now: time::Instant, device: &str) {
        let Some(known) = self.devices.get_mut(device).filter(|known| known.linked) else {
            return;
        };
        known.linked = false;
        known.next_advertisement = now + ADVERTISING_INTERVAL;
        known.behavior.disconnected(now);
        self.presence.handle_link(now, device, false);
        self.outbox.push_back(RadioEvent::Disconnected {
            device: device.to_owned(),
        });
    }

    fn handle_control(&mut self, now: time::Instant, control: Control) {
        match control {
            Control::Add {
                device,
                rssi_dbm,
                behavior,
            } => {
                let next_advertisement = now;
                let (linked, connect_fault, loses_frames) = (false, None, false);
                let added = Device {
                    behavior,
                    rssi_dbm,
                    next_advertisement,
                    linked,
                    connect_fault,
                    loses_frames,
                };
                self.devices.insert(device, added);
            }
            Control::Remove(device) => {
                self.end(now, &device);
                self.devices.remove(&device);
            }
            Control::SetAdapter(state) => self.set_adapter(now, state),
            Control::FailConnects(device, fault) => self.change(&device, |known| known.connect_fault = fault),
            Control::LoseFrames(device, lose) => self.change(&device, |known| known.loses_frames = lose),
        }
    }

    fn change(&mut self, device: &str, change: impl FnOnce(&mut Device)) {
        self.devices.get_mut(device).map(change);
    }

    fn set_adapter(&mut self, now: time::Instant, state: AdapterState) {
        if self.adapter == state {
            return;
        }
        self.adapter = state.clone();
        self.outbox.push_back(RadioEvent::Adapter(state));
        if !self.is_ready() {
            let devices: Vec<DeviceId> = self.devices.keys().cloned().collect();
            devices.iter().for_each(|device| self.end(now, device));
            self.outbox.extend(self.presence.handle_adapter_lost());
        }
        self.presence.handle_listening(now, self.listens());
    }

    fn handle_timeout(&mut self, now: time::Instant) {
        let devices: Vec<DeviceId> = self.devices.keys().cloned().collect();
        for device in devices {
            let Some(known) = self.devices.get_mut(&device) else {
                continue;
            };
            if known.behavior.poll_timeout().is_some_and(|at| at <= now) {
                known.behavior.handle_timeout(now);
                self.drain(now, &device);
            }
            self.advertise(now, &device);
        }
        self.outbox.extend(self.presence.handle_timeout(now));
    }

    fn advertise(&mut self, now: time::Instant, device: &str) {
        let listens = self.listens();
        let Some(known) = self.devices.get_mut(device) else {
            return;
        };
        if !listens || known.linked || known.next_advertisement > now {
            return;
        }
        known.next_advertisement = now + ADVERTISING_INTERVAL;
        if let Some(beacon) = known.behavior.advertisement(now) {
            self.outbox.extend(
                self.presence
                    .handle_advertisement(now, device, beacon, known.rssi_dbm),
            );
        }
    }

    fn poll_timeout(&self) -> Option<time::Instant> {
        let advertisers = self
            .devices
            .values()
            .filter(|device| self.listens() && !device.linked);
        let advertisements = advertisers.map(|device| device.next_advertisement);
        let timeouts = self
            .devices
            .values()
            .filter_map(|device| device.behavior.poll_timeout());
        advertisements
            .chain(timeouts)
            .chain(self.presence.poll_timeout())
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Echoes frames; ends the link after an empty one.
    #[derive(Default)]
    struct Echo {
        out: VecDeque<Vec<u8>>,
        heartbeat: u8,
        ends: bool,
    }

    impl LoopbackDevice for Echo {
        fn advertisement(&mut self, _: time::Instant) -> Option<Beacon> {
            self.heartbeat = self.heartbeat.wrapping_add(1);
            Some(Beacon {
                heartbeat: self.heartbeat,
                ..Beacon::default()
            })
        }
        fn connected(&mut self, _: time::Instant, _: u16) {}
        fn disconnected(&mut self, _: time::Instant) {}
        fn write(&mut self, _: time::Instant, frame: &[u8]) {
            self.ends = frame.is_empty();
            self.out.push_back(frame.to_vec());
        }
        fn poll_notify(&mut self) -> Option<Vec<u8>> {
            self.out.pop_front()
        }
        fn poll_end(&mut self) -> bool {
            std::mem::take(&mut self.ends)
        }
        fn poll_timeout(&self) -> Option<time::Instant> {
            None
        }
        fn handle_timeout(&mut self, _: time::Instant) {}
    }

    /// One step of a session: a command or a change, and a short form of the events that follow it.
    fn check(steps: &[(Step, &[&str])]) {
        let mut air = Air::new(&RadioConfig::default(), 50);
        air.outbox.clear();
        for (at, (step, expected)) in steps.iter().enumerate() {
            let now = time::Instant::from_micros(at as u64);
            match step {
                Step::Do(command) => air.handle_command(now, command.clone()),
                Step::Add => air.handle_control(now, add()),
                Step::Remove => air.handle_control(now, Control::Remove("a".into())),
                Step::Adapter(state) => air.handle_control(now, Control::SetAdapter(state.clone())),
                Step::Hang => air.handle_control(now, Control::LoseFrames("a".into(), true)),
                Step::Wait(ms) => air.handle_timeout(now + Duration::from_millis(*ms)),
            }
            let events: Vec<String> = air.outbox.drain(..).map(|event| short(&event)).collect();
            assert_eq!(events, *expected, "step {at}");
        }
    }

    enum Step {
        Do(RadioCommand),
        Add,
        Remove,
        Adapter(AdapterState),
        Hang,
        Wait(u64),
    }

    fn add() -> Control {
        Control::Add {
            device: "a".into(),
            rssi_dbm: -50,
            behavior: Box::new(Echo::default()),
        }
    }

    fn connect() -> Step {
        Step::Do(RadioCommand::Connect("a".into()))
    }

    fn write(len: usize) -> Step {
        Step::Do(RadioCommand::Write {
            device: "a".into(),
            frame: vec![7; len],
        })
    }

    fn short(event: &RadioEvent) -> String {
        match event {
            RadioEvent::Adapter(state) => state.code().to_owned(),
            RadioEvent::Seen { rssi_dbm, .. } => format!("seen {rssi_dbm}"),
            RadioEvent::Gone { .. } => "gone".to_owned(),
            RadioEvent::Connected { mtu_bytes, .. } => format!("connected {mtu_bytes}"),
            RadioEvent::ConnectFailed { cause, .. } | RadioEvent::WriteFailed { cause, .. } => {
                cause.to_string()
            }
            RadioEvent::Received { frame, .. } => format!("received {}", frame.len()),
            RadioEvent::Disconnected { .. } => "disconnected".to_owned(),
        }
    }

    #[test]
    fn a_session_from_seen_to_the_bands_own_end() {
        check(&[
            (Step::Add, &[]),
            (Step::Wait(0), &[]),
            (Step::Do(RadioCommand::Scan(true)), &[]),
            (Step::Wait(0), &["seen -50"]),
            (connect(), &["connected 50"]),
            (connect(), &["already_linked"]),
            (write(47), &["received 47"]),
            (write(48), &["too_long"]),
            (write(0), &["received 0", "disconnected"]),
            (write(1), &["not_connected"]),
        ]);
    }

    #[test]
    fn what_can_go_wrong_goes_wrong_by_name() {
        check(&[
            (connect(), &["not_advertising"]),
            (Step::Add, &[]),
            (connect(), &["connected 50"]),
            (Step::Hang, &[]),
            (write(1), &[]),
            (Step::Do(RadioCommand::Disconnect("a".into())), &["disconnected"]),
            (connect(), &["connected 50"]),
            (Step::Adapter(AdapterState::Off), &["off", "disconnected"]),
            (connect(), &["adapter_not_ready"]),
            (
                Step::Adapter(AdapterState::Ready { name: "x".into() }),
                &["ready"],
            ),
            (connect(), &["connected 50"]),
            (Step::Remove, &["disconnected"]),
        ]);
    }

    #[test]
    fn a_removed_band_is_gone_after_the_time_out() {
        check(&[
            (Step::Add, &[]),
            (Step::Do(RadioCommand::Scan(true)), &[]),
            (Step::Wait(0), &["seen -50"]),
            (Step::Remove, &[]),
            (Step::Wait(4_000), &[]),
            (Step::Wait(5_001), &["gone"]),
        ]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_channels_carry_it_and_end_with_the_commands() {
        let (mut radio, air) = start(&RadioConfig::default(), 247);
        air.add("a", -60, Box::new(Echo::default()));
        radio
            .commands
            .send(RadioCommand::Scan(true))
            .await
            .expect("the radio runs");
        radio
            .commands
            .send(RadioCommand::Connect("a".into()))
            .await
            .expect("the radio runs");
        let write = RadioCommand::Write {
            device: "a".into(),
            frame: vec![1, 2, 3],
        };
        radio.commands.send(write).await.expect("the radio runs");
        let mut told = Vec::new();
        while !told.contains(&"received 3".to_owned()) {
            told.push(short(&radio.events.recv().await.expect("the radio runs")));
        }
        assert!(
            told.contains(&"ready".to_owned()) && told.contains(&"connected 247".to_owned()),
            "{told:?}"
        );
        drop(radio.commands);
        while radio.events.recv().await.is_some() {}
    }
}
