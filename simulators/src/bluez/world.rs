//! Everything that happens, without IO: messages and time go in, messages and a deadline come out.

use std::collections::{BTreeMap, VecDeque};

use dbus::Message;
use dbus::message::MessageType;
use firmware_protocol::time::Instant;

use super::adapter::Adapter;
use super::address::Address;
use super::band::{Band, Hosted};
use super::config::{BandConfig, Counters, DoubleConfig, Fault};
use super::connection::Connection;
use super::device::Device;
use super::message::Refusal;
use crate::random::Random;

/// The bands, the adapter, and bluetoothd's knowledge of them.
pub(super) struct World {
    pub(super) config: DoubleConfig,
    pub(super) random: Random,
    /// bluetoothd runs and is on the bus.
    pub(super) running: bool,
    pub(super) adapter: Adapter,
    pub(super) bands: BTreeMap<Address, Band>,
    pub(super) devices: BTreeMap<Address, Device>,
    pub(super) links: BTreeMap<Address, Connection>,
    /// Of what belongs to no band, or to bands that are gone.
    pub(super) counters: Counters,
    arranged: Vec<(String, Fault)>,
    /// Calls whose answers get lost, by sender and serial.
    silenced: Vec<(String, u32)>,
    outbox: VecDeque<Message>,
}

impl World {
    pub(super) fn new(config: DoubleConfig) -> Self {
        Self {
            random: Random::new(config.seed),
            config,
            running: false,
            adapter: Adapter::default(),
            bands: BTreeMap::new(),
            devices: BTreeMap::new(),
            links: BTreeMap::new(),
            counters: Counters::default(),
            arranged: Vec::new(),
            silenced: Vec::new(),
            outbox: VecDeque::new(),
        }
    }

    /// Takes what came from the bus.
    pub(super) fn handle_message(&mut self, now: Instant, message: Message) {
        match message.msg_type() {
            MessageType::MethodCall => self.handle_call(now, message),
            MessageType::Signal => self.handle_signal(now, &message),
            _ => {}
        }
    }

    fn handle_signal(&mut self, now: Instant, signal: &Message) {
        let is_owner_change = signal
            .member()
            .is_some_and(|member| &*member == "NameOwnerChanged");
        if let (true, (Some(name), Some(_), Some(""))) = (is_owner_change, signal.get3::<&str, &str, &str>())
        {
            self.client_gone(now, name);
        }
    }

    /// BlueZ ends the scans and subscriptions of a client that left the bus, and keeps its links.
    fn client_gone(&mut self, now: Instant, client: &str) {
        self.end_discovery(client);
        let addresses: Vec<Address> = self.links.keys().copied().collect();
        for address in addresses {
            self.unsubscribe(now, address, client);
        }
    }

    fn handle_call(&mut self, now: Instant, call: Message) {
        match self.arranged_for(&call) {
            Some(Fault::Error { name, text }) => self.refuse(&call, Refusal::Arranged { name, text }),
            Some(Fault::NoReply) => {}
            Some(Fault::LostReply) => {
                self.silenced.push(answer_key(&call));
                self.route(now, call);
            }
            None => self.route(now, call),
        }
    }

    /// The fault arranged for this method: "Connect" means any interface's, "Device1.Connect" that one's.
    fn arranged_for(&mut self, call: &Message) -> Option<Fault> {
        let member = call.member()?.to_string();
        let interface = call.interface().map(|name| name.to_string()).unwrap_or_default();
        let is_meant = |method: &str| match method.rsplit_once('.') {
            Some((of, name)) => name == member && interface.ends_with(of),
            None => method == member,
        };
        let index = self.arranged.iter().position(|(method, _)| is_meant(method))?;
        Some(self.arranged.remove(index).1)
    }

    pub(super) fn arrange(&mut self, method: String, fault: Fault) {
        self.arranged.push((method, fault));
    }

    /// Answers a call that was carried out or not.
    pub(super) fn conclude(&mut self, call: &Message, outcome: Result<(), Refusal>) {
        match outcome {
            Ok(()) => self.answer(call, call.method_return()),
            Err(refusal) => self.refuse(call, refusal),
        }
    }

    pub(super) fn refuse(&mut self, call: &Message, refusal: Refusal) {
        self.answer(call, refusal.answer(call));
    }

    pub(super) fn answer(&mut self, call: &Message, answer: Message) {
        let key = answer_key(call);
        if let Some(index) = self.silenced.iter().position(|silenced| *silenced == key) {
            self.silenced.remove(index);
        } else if !call.get_no_reply() {
            self.send(answer);
        }
    }

    /// How many messages wait for the bus.
    pub(super) fn told_so_far(&self) -> usize {
        self.outbox.len()
    }

    /// Puts the answer that was queued last before the signals queued since there were `told` messages.
    pub(super) fn answer_first(&mut self, told: usize) {
        let is_answer = |message: &Message| message.get_reply_serial().is_some();
        if self.outbox.len() > told && self.outbox.back().is_some_and(is_answer) {
            let answer = self.outbox.pop_back();
            self.outbox.insert(told, answer.expect("it was just seen"));
        }
    }

    /// Queues a message; without bluetoothd nobody sends.
    pub(super) fn send(&mut self, message: Message) {
        if self.running {
            self.outbox.push_back(message);
        }
    }

    /// The next message for the bus.
    pub(super) fn poll_message(&mut self) -> Option<Message> {
        self.outbox.pop_front()
    }

    /// Lets everything happen that is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let bands: Vec<Address> = self.bands.keys().copied().collect();
        for address in bands {
            self.handle_band_timeout(now, address);
        }
        let links: Vec<Address> = self.links.keys().copied().collect();
        for address in links {
            self.handle_link_timeout(now, address);
        }
        self.forget_temporary_devices(now);
    }

    fn handle_band_timeout(&mut self, now: Instant, address: Address) {
        let Some(band) = self.bands.get_mut(&address) else {
            return;
        };
        if band
            .peripheral
            .poll_timeout()
            .is_some_and(|timeout| timeout <= now)
        {
            band.peripheral.handle_timeout(now);
            self.drain(now, address);
        }
        self.advertise(now, address);
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let bands = self.bands.values().map(Band::poll_timeout);
        let att_timeout = self.config.att_timeout;
        let links = self
            .links
            .values()
            .filter_map(|link| link.poll_timeout(att_timeout));
        let devices = self
            .devices
            .keys()
            .filter_map(|address| self.device_expiry(*address));
        bands.chain(links).chain(devices).min()
    }

    pub(super) fn add_band(&mut self, now: Instant, config: BandConfig, peripheral: Box<dyn Hosted>) {
        let address = config.address;
        assert!(
            !self.bands.contains_key(&address),
            "two bands with the address {address}"
        );
        self.bands.insert(address, Band::new(config, peripheral, now));
    }

    /// The band vanishes: no more advertisements, and a link is found lost after a while.
    pub(super) fn remove_band(&mut self, now: Instant, address: Address) -> Option<Band> {
        self.lose_link(now, address);
        let mut band = self.bands.remove(&address)?;
        // What is added at this address later has never heard of the link.
        if let Some(link) = self.links.get_mut(&address).filter(|link| link.announced) {
            link.announced = false;
            band.peripheral.disconnected(now);
        }
        self.counters += band.counters;
        Some(band)
    }

    pub(super) fn total_counters(&self) -> Counters {
        let mut total = self.counters;
        for band in self.bands.values() {
            total += band.counters;
        }
        total
    }
}

/// Tells the answer to one call from all others.
fn answer_key(call: &Message) -> (String, u32) {
    let sender = call.sender().map(|sender| sender.to_string()).unwrap_or_default();
    (sender, call.get_serial().unwrap_or_default())
}
