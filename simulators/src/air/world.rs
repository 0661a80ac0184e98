//! Advertisements and links between controllers, without IO: packets and time go in, packets and a deadline
//! come out.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use firmware_protocol::time::Instant;

use super::controller::{Controller, Request, report};
use super::hci::{self, Raw, Reader, status};
use super::link::{Carried, End, Link, Parameters, Pdu};
use super::{AirConfig, AirCounters};
use crate::random::Random;

/// Added to each advertising interval at random (Core 5.4, Vol 6, Part B, 4.4.2.2.1).
const ADVERTISING_DELAY_MAX_US: u64 = 10_000;

/// A controller in this world.
pub(super) type Id = u32;

/// A link and where it ends.
#[derive(Debug)]
struct Joined {
    link: Link,
    central: (Id, u16),
    peripheral: (Id, u16),
}

impl Joined {
    fn end(&self, end: End) -> (Id, u16) {
        match end {
            End::Central => self.central,
            End::Peripheral => self.peripheral,
        }
    }
}

/// Where something happened: the number of a link and one of its ends.
type Where = (u64, End);

#[derive(Debug)]
pub(super) struct World {
    pub(super) config: AirConfig,
    random: Random,
    counters: AirCounters,
    controllers: BTreeMap<Id, Controller>,
    links: BTreeMap<u64, Joined>,
    next_id: Id,
    next_link: u64,
    outbox: VecDeque<(Id, Vec<u8>)>,
}

impl World {
    pub(super) fn new(config: AirConfig) -> Self {
        Self {
            random: Random::new(config.seed),
            config,
            counters: AirCounters::default(),
            controllers: BTreeMap::new(),
            links: BTreeMap::new(),
            next_id: 0,
            next_link: 0,
            outbox: VecDeque::new(),
        }
    }

    /// Adds a controller with this public address.
    pub(super) fn add(&mut self, public: Raw) -> Id {
        self.next_id += 1;
        let random = self.random.fork(u64::from(self.next_id));
        self.controllers
            .insert(self.next_id, Controller::new(public, random));
        self.next_id
    }

    /// The controller loses its power: its links are found lost by their other ends.
    pub(super) fn remove(&mut self, now: Instant, id: Id) {
        self.abandon(now, id);
        self.controllers.remove(&id);
    }

    /// What happened so far.
    pub(super) fn counters(&self) -> AirCounters {
        let unknown = self.controllers.values().map(|it| it.unknown_commands);
        AirCounters {
            unknown_commands: unknown.sum(),
            scanning: self.controllers.values().filter(|it| it.scanner.on).count(),
            ..self.counters
        }
    }

    /// Those of its radios with this address.
    pub(super) fn at(&mut self, address: Raw) -> impl Iterator<Item = &mut Controller> {
        self.controllers
            .values_mut()
            .filter(move |controller| controller.is_at(address))
    }

    /// Cuts the links of whoever has this address.
    pub(super) fn cut(&mut self, now: Instant, address: Raw) {
        let controllers = &self.controllers;
        let is_meant = |id: Id| controllers.get(&id).is_some_and(|it| it.is_at(address));
        for joined in self.links.values_mut() {
            if is_meant(joined.central.0) || is_meant(joined.peripheral.0) {
                joined.link.cut(now);
            }
        }
    }

    /// Links of whoever has this address.
    pub(super) fn links_of(&self, address: Raw) -> usize {
        let is_meant = |id: Id| self.controllers.get(&id).is_some_and(|it| it.is_at(address));
        let links = self.links.values();
        links
            .filter(|joined| is_meant(joined.central.0) || is_meant(joined.peripheral.0))
            .count()
    }

    /// The next packet for a host.
    pub(super) fn poll_packet(&mut self) -> Option<(Id, Vec<u8>)> {
        self.outbox.pop_front()
    }

    fn tell(&mut self, id: Id, packet: Vec<u8>) {
        if !packet.is_empty() && self.controllers.contains_key(&id) {
            self.outbox.push_back((id, packet));
        }
    }

    /// Takes a packet of a host.
    pub(super) fn handle_packet(&mut self, now: Instant, id: Id, packet: &[u8]) {
        let mut reader = Reader(&packet[1..]);
        match packet[0] {
            hci::COMMAND => {
                let opcode = reader.u16();
                let Some(controller) = self.controllers.get_mut(&id) else {
                    return;
                };
                let (answer, request) = controller.handle_command(now, opcode, &packet[4..]);
                if request
                    .handle()
                    .is_some_and(|handle| self.find(id, handle).is_none())
                {
                    return self.tell(id, hci::command_status(opcode, status::UNKNOWN_CONNECTION));
                }
                self.tell(id, answer);
                self.handle_request(now, id, request);
            }
            hci::ACL => {
                let head = reader.u16();
                let pdu = Pdu::Data {
                    first: (head >> 12) & 3 != 1,
                    bytes: packet[5..].to_vec(),
                };
                if let Some((number, end)) = self.find(id, head & 0x0fff) {
                    self.push(now, (number, end), pdu);
                }
            }
            _ => {}
        }
    }

    fn find(&self, id: Id, handle: u16) -> Option<Where> {
        let here = (id, handle);
        let mut links = self.links.iter();
        links.find_map(|(number, joined)| {
            let end = End::BOTH.into_iter().find(|end| joined.end(*end) == here)?;
            Some((*number, end))
        })
    }

    fn push(&mut self, now: Instant, (number, end): Where, pdu: Pdu) {
        if let Some(joined) = self.links.get_mut(&number) {
            joined.link.push(now, end, pdu);
        }
    }

    fn handle_request(&mut self, now: Instant, id: Id, request: Request) {
        match request {
            Request::Nothing => {}
            Request::Reset => {
                self.abandon(now, id);
                if let Some(controller) = self.controllers.get_mut(&id) {
                    controller.reset();
                }
            }
            Request::Cancel => {
                let wanted = self.controllers.get_mut(&id).and_then(|it| it.wanted.take());
                if let Some(wanted) = wanted {
                    let failed = connected(status::UNKNOWN_CONNECTION, 0, 0, (0, [0; 6]), wanted.parameters);
                    self.tell(id, failed);
                }
            }
            Request::Disconnect { handle, reason } => self.on_link(now, id, handle, Pdu::Terminate(reason)),
            Request::Features(handle) => self.on_link(now, id, handle, Pdu::FeaturesAsked),
            Request::Version(handle) => self.on_link(now, id, handle, Pdu::VersionAsked),
            Request::Update(handle, parameters) => self.on_link(now, id, handle, Pdu::Update(parameters)),
            Request::Rssi(handle) => self.read_rssi(id, handle),
        }
    }

    fn on_link(&mut self, now: Instant, id: Id, handle: u16, pdu: Pdu) {
        if let Some(place) = self.find(id, handle) {
            self.push(now, place, pdu);
        }
    }

    fn read_rssi(&mut self, id: Id, handle: u16) {
        let peer = self
            .find(id, handle)
            .map(|(number, end)| self.links[&number].end(end.other()).0);
        let rssi = peer
            .and_then(|peer| self.controllers.get(&peer))
            .map(|it| it.rssi_dbm);
        let code = if rssi.is_some() {
            status::OK
        } else {
            status::UNKNOWN_CONNECTION
        };
        let [low, high] = handle.to_le_bytes();
        let rssi = rssi.unwrap_or(0).clamp(-127, 20) as i8;
        self.tell(
            id,
            hci::complete(0x1405, &[code, low, high, rssi.to_le_bytes()[0]]),
        );
    }

    /// Links of a controller that is reset or gone: it knows nothing of them, the others notice.
    fn abandon(&mut self, now: Instant, id: Id) {
        for joined in self.links.values_mut() {
            for end in [&mut joined.central, &mut joined.peripheral] {
                if end.0 == id {
                    end.0 = 0;
                    joined.link.cut(now);
                }
            }
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let advertisers = self.controllers.values().map(|it| &it.advertiser);
        let advertisements = advertisers.filter(|it| it.on).map(|it| it.next);
        let links = self.links.values().map(|joined| &joined.link);
        let events = links.clone().filter_map(Link::next_event);
        let losses = links.filter_map(Link::lost_at);
        advertisements.chain(events).chain(losses).min()
    }

    /// Lets everything happen that is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let numbers: Vec<u64> = self.links.keys().copied().collect();
        numbers.into_iter().for_each(|number| self.run_link(now, number));
        let ids: Vec<Id> = self.controllers.keys().copied().collect();
        ids.into_iter().for_each(|id| self.advertise(now, id));
    }

    fn run_link(&mut self, now: Instant, number: u64) {
        while let Some(joined) = self.links.get_mut(&number) {
            if joined.link.lost_at().is_some_and(|at| at <= now) {
                self.end(number, [status::CONNECTION_TIMEOUT, status::CONNECTION_TIMEOUT]);
                return;
            }
            let Some(event) = joined.link.next_event().filter(|event| *event <= now) else {
                return;
            };
            let (physics, random) = (self.config.physics, &mut self.random);
            let lost = || physics.loss_permille > 0 && random.below(1000) < physics.loss_permille;
            let carried = joined.link.carry(event, physics, lost);
            self.deliver(event, number, carried);
        }
    }

    fn deliver(&mut self, event: Instant, number: u64, carried: Carried) {
        if let Some(parameters) = carried.updated {
            self.tell_updated(number, parameters);
        }
        for (from, pdus) in [(End::Central, carried.down), (End::Peripheral, carried.up)] {
            for pdu in pdus {
                self.arrive(event, (number, from), pdu);
            }
        }
    }

    /// What `from` sent has arrived at the other end.
    fn arrive(&mut self, now: Instant, (number, from): Where, pdu: Pdu) {
        let Some(joined) = self.links.get(&number) else {
            return;
        };
        let (sender, receiver) = (joined.end(from), joined.end(from.other()));
        match pdu {
            Pdu::Data { first, bytes } => {
                self.counters.packets += 1;
                self.tell(receiver.0, acl(receiver.1, first, &bytes));
                self.tell(sender.0, hci::completed(sender.1, 1));
            }
            Pdu::FeaturesAsked => self.push(now, (number, from.other()), Pdu::Features),
            Pdu::Features => {
                let [low, high] = receiver.1.to_le_bytes();
                let features = [status::OK, low, high, 0x28, 0, 0, 0, 0, 0, 0, 0];
                self.tell(receiver.0, hci::le_event(0x04, &features));
            }
            Pdu::VersionAsked => self.push(now, (number, from.other()), Pdu::Version),
            Pdu::Version => {
                let [low, high] = receiver.1.to_le_bytes();
                let version = [status::OK, low, high, 8, 0xff, 0xff, 0, 0];
                self.tell(receiver.0, hci::event(0x0c, &version));
            }
            // The link itself looks at the clock for it.
            Pdu::Update(_) => {}
            Pdu::Terminate(reason) => {
                let reasons = match from {
                    End::Central => [status::LOCAL_HOST_ENDED, reason],
                    End::Peripheral => [reason, status::LOCAL_HOST_ENDED],
                };
                self.end(number, reasons);
            }
        }
    }

    fn tell_updated(&mut self, number: u64, parameters: Parameters) {
        let Some(joined) = self.links.get(&number) else {
            return;
        };
        for (id, handle) in End::BOTH.map(|end| joined.end(end)) {
            let head = [&[status::OK], &handle.to_le_bytes()[..]].concat();
            self.tell(id, hci::le_event(0x03, &[head, bytes_of(parameters)].concat()));
        }
    }

    /// Ends a link; `reasons` for the central and for the peripheral.
    fn end(&mut self, number: u64, reasons: [u8; 2]) {
        if let Some(joined) = self.links.remove(&number) {
            self.counters.disconnects += 1;
            for (end, reason) in End::BOTH.into_iter().zip(reasons) {
                let (id, handle) = joined.end(end);
                self.tell(id, hci::disconnected(handle, reason));
            }
        }
    }

    fn advertise(&mut self, now: Instant, id: Id) {
        let Some(controller) = self.controllers.get_mut(&id) else {
            return;
        };
        let advertiser = &mut controller.advertiser;
        if !advertiser.on || advertiser.next > now {
            return;
        }
        let delay = Duration::from_micros(self.random.below(ADVERTISING_DELAY_MAX_US + 1));
        advertiser.next = now + advertiser.interval + delay;
        if controller.in_range {
            self.counters.advertisements += 1;
            self.hear(now, id);
        }
    }

    /// Everybody hears the advertisement of `id`; somebody may answer it with a connection.
    fn hear(&mut self, now: Instant, id: Id) {
        let advertiser = self.controllers[&id].advertiser.clone();
        let place = self.controllers[&id].advertised();
        let noise = u64::from(self.config.rssi_noise_db);
        let rssi = self.controllers[&id].rssi_dbm + self.random.below(2 * noise + 1) as i16 - noise as i16;
        let compared = (!self.config.strict_doubles).then_some(&advertiser.data[..]);
        let mut initiator = None;
        for (listener, controller) in self.controllers.iter_mut().filter(|(other, _)| **other != id) {
            if controller.hears(now, place, compared) {
                let heard = report(advertiser.kind, place, &advertiser.data, rssi);
                self.outbox.push_back((*listener, heard));
                if controller.scanner.active {
                    let answer = report(4, place, &advertiser.response, rssi);
                    self.outbox.push_back((*listener, answer));
                }
            }
            if advertiser.kind == 0 && initiator.is_none() && controller.wants(place) {
                initiator = Some(*listener);
            }
        }
        if let Some(central) = initiator {
            self.join(now, central, id);
        }
    }

    fn join(&mut self, now: Instant, central: Id, peripheral: Id) {
        let (Some(wanted), Some(handle_up), Some(handle_down)) = (
            self.controllers.get_mut(&central).and_then(|it| it.wanted.take()),
            self.free_handle(central),
            self.free_handle(peripheral),
        ) else {
            return;
        };
        let places = (
            self.controllers[&central].initiating(&wanted),
            self.controllers[&peripheral].advertised(),
        );
        if let Some(controller) = self.controllers.get_mut(&peripheral) {
            controller.advertiser.on = false;
        }
        self.counters.connects += 1;
        self.next_link += 1;
        let joined = Joined {
            link: Link::new(wanted.parameters, now),
            central: (central, handle_up),
            peripheral: (peripheral, handle_down),
        };
        self.links.insert(self.next_link, joined);
        let up = connected(status::OK, handle_up, 0, places.1, wanted.parameters);
        let down = connected(status::OK, handle_down, 1, places.0, wanted.parameters);
        self.tell(central, up);
        self.tell(peripheral, down);
    }

    fn free_handle(&self, id: Id) -> Option<u16> {
        (0x40..0x0eff).find(|handle| self.find(id, *handle).is_none())
    }
}

/// LE Connection Complete; role 0 is the central's.
fn connected(code: u8, handle: u16, role: u8, peer: hci::Place, parameters: Parameters) -> Vec<u8> {
    let [low, high] = handle.to_le_bytes();
    let head = [&[code, low, high, role, peer.0], &peer.1[..]].concat();
    hci::le_event(0x01, &[&head[..], &bytes_of(parameters), &[0]].concat())
}

fn bytes_of(parameters: Parameters) -> Vec<u8> {
    let values = [parameters.interval, parameters.latency, parameters.timeout];
    values.into_iter().flat_map(u16::to_le_bytes).collect()
}

/// An ACL packet for a host: 2 begins an L2CAP frame, 1 goes on with it.
fn acl(handle: u16, first: bool, bytes: &[u8]) -> Vec<u8> {
    let head = handle | if first { 2 << 12 } else { 1 << 12 };
    let len = bytes.len() as u16;
    [&[hci::ACL], &head.to_le_bytes()[..], &len.to_le_bytes(), bytes].concat()
}
