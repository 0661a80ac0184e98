//! A link between the adapter and a band, and the attribute protocol on it.
//!
//! ATT lets one request be on its way at a time; commands and notifications pass beside it.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use dbus::Message;
use dbus::arg::PropMap;
use firmware_protocol::gatt::ATT_HEADER_LEN;
use firmware_protocol::time::Instant;

use super::address::{Address, Object};
use super::layout::Role;
use super::link::{Link, Pace};
use super::message::{CHARACTERISTIC, Refusal, changed, property, value};
use super::world::World;

/// Longest attribute value (Core 5.4, Vol 3, Part F, 3.2.9).
pub(super) const VALUE_LEN_MAX: usize = 512;
/// An answer's value is short, whatever it is.
const ANSWER_LEN: usize = 2;

/// What travels to the band.
#[derive(Debug)]
pub(super) enum Down {
    Request(Request),
    Command { handle: u16, value: Vec<u8> },
}

/// What travels to the station.
#[derive(Debug)]
pub(super) enum Up {
    Response(Request),
    Notification(Vec<u8>),
    Terminate,
}

/// A procedure of one or more ATT requests, each waiting for its response.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) rounds_left: u32,
    pub(super) value_len: usize,
    pub(super) action: Action,
}

impl Request {
    /// One request and its response.
    pub(super) fn once(value_len: usize, action: Action) -> Self {
        Self {
            rounds_left: 1,
            value_len,
            action,
        }
    }
}

/// What a request is for, with the call that waits for it.
#[derive(Debug)]
pub(super) enum Action {
    /// MTU exchange and service discovery.
    Resolve,
    Write {
        handle: u16,
        value: Vec<u8>,
        call: Message,
    },
    Read {
        handle: u16,
        value: Option<Vec<u8>>,
        call: Message,
    },
    Subscribe {
        handle: u16,
        on: bool,
        call: Option<Message>,
    },
}

impl Action {
    fn into_call(self) -> Option<Message> {
        match self {
            Self::Resolve => None,
            Self::Write { call, .. } | Self::Read { call, .. } => Some(call),
            Self::Subscribe { call, .. } => call,
        }
    }
}

/// One link.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) link: Link<Down, Up>,
    pub(super) mtu_bytes: u16,
    /// The band knows of the link, from the MTU exchange on.
    pub(super) announced: bool,
    /// ServicesResolved.
    pub(super) resolved: bool,
    /// The band notifies.
    pub(super) subscribed: bool,
    /// Clients that called StartNotify, with the characteristic's handle.
    pub(super) listeners: BTreeSet<(String, u16)>,
    pub(super) disconnect_at: Option<Instant>,
    pub(super) disconnect_calls: Vec<Message>,
    /// Nothing gets through any more; noticed at this moment.
    pub(super) lost_at: Option<Instant>,
    waiting: VecDeque<Request>,
    outstanding_since: Option<Instant>,
    /// The request that a mute band swallowed.
    swallowed: Option<Request>,
}

impl Connection {
    pub(super) fn new(pace: Pace, mtu_bytes: u16, now: Instant) -> Self {
        Self {
            link: Link::new(pace, now),
            mtu_bytes,
            announced: false,
            resolved: false,
            subscribed: false,
            listeners: BTreeSet::new(),
            disconnect_at: None,
            disconnect_calls: Vec::new(),
            lost_at: None,
            waiting: VecDeque::new(),
            outstanding_since: None,
            swallowed: None,
        }
    }

    /// Longest value in one write or notification.
    pub(super) fn value_len_max(&self) -> usize {
        usize::from(self.mtu_bytes - ATT_HEADER_LEN)
    }

    pub(super) fn request(&mut self, now: Instant, request: Request) {
        self.waiting.push_back(request);
        self.send_next(now);
    }

    fn send_next(&mut self, now: Instant) {
        if self.outstanding_since.is_none()
            && let Some(request) = self.waiting.pop_front()
        {
            self.send_request(now, request);
        }
    }

    fn send_request(&mut self, now: Instant, request: Request) {
        self.outstanding_since = Some(now);
        self.link
            .push_down(now, request.value_len, Down::Request(request));
    }

    fn next_event(&self) -> Option<Instant> {
        self.lost_at.is_none().then(|| self.link.next_event()).flatten()
    }

    fn att_deadline(&self, att_timeout: Duration) -> Option<Instant> {
        let gives_up = self.disconnect_at.is_none() && self.lost_at.is_none();
        gives_up.then_some(self.outstanding_since? + att_timeout)
    }

    /// When this link wants to be called.
    pub(super) fn poll_timeout(&self, att_timeout: Duration) -> Option<Instant> {
        let deadlines = [
            self.next_event(),
            self.disconnect_at,
            self.lost_at,
            self.att_deadline(att_timeout),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// The calls that will never get a proper answer.
    fn into_calls(self) -> (Vec<Message>, Vec<Message>) {
        let (down, up) = self.link.into_queues();
        let down = down.into_iter().filter_map(|down| match down {
            Down::Request(request) => Some(request),
            Down::Command { .. } => None,
        });
        let up = up.into_iter().filter_map(|up| match up {
            Up::Response(request) => Some(request),
            Up::Notification(_) | Up::Terminate => None,
        });
        let requests = self
            .swallowed
            .into_iter()
            .chain(down)
            .chain(up)
            .chain(self.waiting);
        (
            requests
                .filter_map(|request| request.action.into_call())
                .collect(),
            self.disconnect_calls,
        )
    }
}

impl World {
    /// The band answered a connection request: BlueZ reports the link, then asks for MTU and services.
    pub(super) fn establish(&mut self, now: Instant, address: Address) {
        let Some(device) = self.devices.get_mut(&address) else {
            return;
        };
        let Some(band) = self.bands.get_mut(&address) else {
            return;
        };
        let call = device.connecting.take();
        let is_known = device.table.is_some();
        band.counters.connects += 1;
        let mtu_bytes = band.config.mtu_bytes_max.min(self.config.mtu_bytes_max);
        let mut connection = Connection::new(self.config.pace, mtu_bytes, now);
        let exchanges = match is_known {
            true => self.config.exchanges_cached,
            false => self.config.exchanges_first,
        };
        let rounds_left = exchanges.max(1);
        connection.request(
            now,
            Request {
                rounds_left,
                ..Request::once(ANSWER_LEN, Action::Resolve)
            },
        );
        if band.breaks_left > 0 {
            band.breaks_left -= 1;
            connection.lost_at = Some(now + self.config.supervision_timeout);
        }
        self.links.insert(address, connection);
        self.device_changed(address, property("Connected", true), &[]);
        if let Some(call) = call {
            self.conclude(&call, Ok(()));
        }
    }

    /// Lets a link's due events happen.
    pub(super) fn handle_link_timeout(&mut self, now: Instant, address: Address) {
        while let Some(link) = self.links.get_mut(&address) {
            let Some(event) = link.next_event().filter(|event| *event <= now) else {
                break;
            };
            let (down, up) = link.link.carry(event);
            down.into_iter()
                .for_each(|down| self.arrive_at_band(now, address, down));
            up.into_iter()
                .for_each(|up| self.arrive_at_station(now, address, up));
        }
        let Some(link) = self.links.get_mut(&address) else {
            return;
        };
        if link
            .att_deadline(self.config.att_timeout)
            .is_some_and(|deadline| deadline <= now)
        {
            link.disconnect_at = Some(now + self.config.disconnect_delay);
        }
        if link
            .lost_at
            .into_iter()
            .chain(link.disconnect_at)
            .any(|end| end <= now)
        {
            self.close(now, address);
        }
    }

    fn arrive_at_band(&mut self, now: Instant, address: Address, down: Down) {
        let (Some(band), Some(link)) = (self.bands.get_mut(&address), self.links.get_mut(&address)) else {
            return;
        };
        if !link.announced {
            link.announced = true;
            band.peripheral.connected(now, link.mtu_bytes);
        }
        match down {
            Down::Command { handle, value } => {
                for (handle, value) in band.down.pass((handle, value), &mut band.counters.dropped) {
                    self.write_at_band(now, address, handle, &value, false);
                }
            }
            Down::Request(request) if band.mute => link.swallowed = Some(request),
            Down::Request(request) => self.answer_at_band(now, address, request),
        }
        self.drain(now, address);
    }

    fn answer_at_band(&mut self, now: Instant, address: Address, mut request: Request) {
        match &mut request.action {
            Action::Resolve => {}
            Action::Write { handle, value, .. } => self.write_at_band(now, address, *handle, value, true),
            Action::Read {
                handle,
                value: read @ None,
                ..
            } => {
                let value = self.read_at_band(address, *handle);
                request.rounds_left = self.read_rounds(address, value.len());
                *read = Some(value);
            }
            Action::Read { .. } => {}
            Action::Subscribe { handle, on, .. } => self.subscribe_at_band(address, *handle, *on),
        }
        if let Some(link) = self.links.get_mut(&address) {
            link.link.push_up(now, ANSWER_LEN, Up::Response(request));
        }
    }

    fn write_at_band(&mut self, now: Instant, address: Address, handle: u16, value: &[u8], is_request: bool) {
        let Some(band) = self.bands.get_mut(&address) else {
            return;
        };
        if value.len() > VALUE_LEN_MAX {
            band.counters.dropped += 1;
            return;
        }
        match is_request {
            true => band.counters.write_requests += 1,
            false => band.counters.write_commands += 1,
        }
        band.counters.bytes_to_band += value.len() as u64;
        let placed = band.table.find(handle);
        if placed.is_some_and(|placed| placed.characteristic.role == Role::StationToBand) {
            band.peripheral.write(now, value);
        }
    }

    fn subscribe_at_band(&mut self, address: Address, handle: u16, on: bool) {
        let notified = self.bands.get(&address).and_then(|band| band.table.notified());
        if notified.is_some_and(|placed| placed.handle == handle)
            && let Some(link) = self.links.get_mut(&address)
        {
            link.subscribed = on;
        }
    }

    fn read_at_band(&mut self, address: Address, handle: u16) -> Vec<u8> {
        let Some(band) = self.bands.get_mut(&address) else {
            return Vec::new();
        };
        match band
            .table
            .find(handle)
            .map(|placed| placed.characteristic.role.clone())
        {
            Some(Role::Info) => band.peripheral.info(),
            Some(Role::Fixed(value)) => value,
            _ => Vec::new(),
        }
    }

    /// A read that fills its PDU is followed by a Read Blob (Core 5.4, Vol 3, Part F, 3.4.4.5).
    fn read_rounds(&self, address: Address, value_len: usize) -> u32 {
        let Some(link) = self.links.get(&address) else {
            return 1;
        };
        (value_len / usize::from(link.mtu_bytes - 1) + 1) as u32
    }

    fn arrive_at_station(&mut self, now: Instant, address: Address, up: Up) {
        match up {
            Up::Notification(value) => self.notified(address, value),
            Up::Terminate => self.close(now, address),
            Up::Response(request) => self.answered(now, address, request),
        }
    }

    fn notified(&mut self, address: Address, notified: Vec<u8>) {
        let (Some(band), Some(link)) = (self.bands.get_mut(&address), self.links.get(&address)) else {
            return;
        };
        let Some(placed) = band.table.notified().filter(|_| !link.listeners.is_empty()) else {
            band.counters.dropped += 1;
            return;
        };
        let path = Object::Characteristic(address, placed.service_handle, placed.handle).path();
        let arrivals = band.up.pass(notified, &mut band.counters.dropped);
        band.counters.notifications += arrivals.len() as u64;
        band.counters.bytes_to_station += arrivals.iter().map(|value| value.len() as u64).sum::<u64>();
        for value in arrivals {
            self.send(changed(&path, CHARACTERISTIC, property("Value", value), &[]));
        }
    }

    fn answered(&mut self, now: Instant, address: Address, mut request: Request) {
        if let Some(band) = self.bands.get_mut(&address) {
            band.counters.att_exchanges += 1;
        }
        let Some(link) = self.links.get_mut(&address) else {
            return;
        };
        request.rounds_left = request.rounds_left.saturating_sub(1);
        if request.rounds_left > 0 {
            return link.send_request(now, request);
        }
        link.outstanding_since = None;
        link.send_next(now);
        self.complete(address, request.action);
    }

    fn complete(&mut self, address: Address, action: Action) {
        match action {
            Action::Resolve => self.resolved(address),
            Action::Write { call, .. } => self.conclude(&call, Ok(())),
            Action::Read {
                handle,
                value: read,
                call,
            } => {
                let read = read.unwrap_or_default();
                // BlueZ signals what was read as if it had been notified.
                self.characteristic_changed(address, handle, property("Value", read.clone()));
                self.answer(&call, call.method_return().append1(read));
            }
            Action::Subscribe { handle, on, call } => {
                self.characteristic_changed(address, handle, property("Notifying", on));
                if let Some(call) = call {
                    self.conclude(&call, Ok(()));
                }
            }
        }
    }

    fn characteristic_changed(&mut self, address: Address, handle: u16, properties: PropMap) {
        let table = self
            .devices
            .get(&address)
            .and_then(|device| device.table.as_ref());
        if let Some(placed) = table.and_then(|table| table.find(handle)) {
            let object = Object::Characteristic(address, placed.service_handle, handle);
            self.send(changed(&object.path(), CHARACTERISTIC, properties, &[]));
        }
    }

    /// Takes what the band has to say after something happened to it.
    pub(super) fn drain(&mut self, now: Instant, address: Address) {
        let Some(band) = self.bands.get_mut(&address) else {
            return;
        };
        let mut link = self
            .links
            .get_mut(&address)
            .filter(|link| link.announced && link.lost_at.is_none());
        while let Some(mut notification) = band.peripheral.poll_notify() {
            match &mut link {
                Some(link) if link.subscribed => {
                    notification.truncate(link.value_len_max().min(VALUE_LEN_MAX));
                    link.link
                        .push_up(now, notification.len(), Up::Notification(notification));
                }
                _ => band.counters.dropped += 1,
            }
        }
        if let (true, Some(link)) = (band.peripheral.poll_end(), link) {
            link.link.push_up(now, 0, Up::Terminate);
        }
    }

    /// Nothing gets through from now on; both ends notice after the supervision timeout.
    pub(super) fn lose_link(&mut self, now: Instant, address: Address) {
        if let Some(link) = self.links.get_mut(&address) {
            link.lost_at.get_or_insert(now + self.config.supervision_timeout);
        }
    }

    /// The link is gone, for both ends.
    pub(super) fn close(&mut self, now: Instant, address: Address) {
        let Some(link) = self.links.remove(&address) else {
            return;
        };
        self.release_band(now, address, link.announced);
        if let Some(device) = self.devices.get_mut(&address) {
            device.last_seen = now;
        }
        let (was_resolved, is_ours) = (link.resolved, !link.disconnect_calls.is_empty());
        let (calls, disconnect_calls) = link.into_calls();
        // A link that the station ends loses its services first; one that is lost loses both at once.
        let mut properties = property("Connected", false);
        if was_resolved && is_ours {
            self.device_changed(address, property("ServicesResolved", false), &[]);
        } else if was_resolved {
            properties.insert("ServicesResolved".to_owned(), value(false));
        }
        for call in disconnect_calls {
            self.conclude(&call, Ok(()));
        }
        self.device_changed(address, properties, &[]);
        for call in calls {
            self.refuse(&call, Refusal::Failed("Operation failed with ATT error: 0x00"));
        }
    }

    /// The band's end of a closed link.
    fn release_band(&mut self, now: Instant, address: Address, announced: bool) {
        let Some(band) = self.bands.get_mut(&address) else {
            return;
        };
        band.counters.disconnects += 1;
        if announced {
            band.peripheral.disconnected(now);
        }
        band.down.forget_delayed();
        band.up.forget_delayed();
        band.schedule_advertisement(now, &mut self.random);
        self.drain(now, address);
    }
}
