//! The adapter: power, scanning, and what scanning finds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dbus::Message;
use dbus::arg::{PropMap, RefArg, prop_cast};
use firmware_protocol::advertisement::{Beacon, COMPANY};
use firmware_protocol::time::Instant;

use super::address::{ADAPTER_PATH, Address, Object};
use super::device::Device;
use super::layout::uuid_text;
use super::message::{
    ADAPTER, Interfaces, Refusal, added, changed, property, removed, unknown_method, value,
};
use super::world::World;
use crate::random::Random;

const ADDRESS: &str = "00:AA:01:00:00:00";
const NAME: &str = "bandstand-double";

/// The one adapter.
#[derive(Debug)]
pub(super) struct Adapter {
    pub(super) plugged: bool,
    pub(super) powered: bool,
    /// Clients that scan.
    scanning: BTreeMap<String, Filter>,
    /// What clients set before they scan.
    filters: BTreeMap<String, Filter>,
    /// When the scan began.
    scan_since: Instant,
    /// Until then the kernel still runs the scan of a bluetoothd that was killed.
    busy_until: Instant,
    /// Devices that this scan reported.
    reported: BTreeSet<Address>,
    /// This scan hears nothing, although BlueZ says that it goes on.
    deaf: bool,
}

impl Default for Adapter {
    fn default() -> Self {
        Self {
            plugged: true,
            powered: true,
            scanning: BTreeMap::new(),
            filters: BTreeMap::new(),
            scan_since: Instant::ZERO,
            busy_until: Instant::ZERO,
            reported: BTreeSet::new(),
            deaf: false,
        }
    }
}

/// Which devices a client wants to hear of. BlueZ tells all clients what any of them wants.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    /// Empty: all.
    uuids: Vec<String>,
    /// Report manufacturer data of each advertisement, not only changes.
    duplicates: bool,
}

impl Filter {
    fn matches(&self, advertised: Option<&String>) -> bool {
        self.uuids.is_empty() || advertised.is_some_and(|uuid| self.uuids.contains(uuid))
    }
}

impl Adapter {
    pub(super) fn is_discovering(&self) -> bool {
        !self.scanning.is_empty()
    }

    pub(super) fn properties(&self) -> PropMap {
        [
            ("Address", value(ADDRESS.to_owned())),
            ("AddressType", value("public".to_owned())),
            ("Name", value(NAME.to_owned())),
            ("Alias", value(NAME.to_owned())),
            ("Class", value(0u32)),
            ("Powered", value(self.powered)),
            ("Discoverable", value(false)),
            ("DiscoverableTimeout", value(180u32)),
            ("Pairable", value(false)),
            ("PairableTimeout", value(0u32)),
            ("Discovering", value(self.is_discovering())),
            ("UUIDs", value(Vec::<String>::new())),
            ("Modalias", value("usb:v1D6Bp0246d0542".to_owned())),
            (
                "Roles",
                value(vec!["central".to_owned(), "peripheral".to_owned()]),
            ),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

impl World {
    pub(super) fn adapter_call(&mut self, now: Instant, member: &str, call: Message) {
        let client = call.sender().map(|sender| sender.to_string()).unwrap_or_default();
        let told = self.told_so_far();
        let outcome = match member {
            "SetDiscoveryFilter" => self.set_discovery_filter(client, &call),
            "StartDiscovery" => self.start_discovery(now, client),
            "StopDiscovery" => self.stop_discovery(&client),
            "RemoveDevice" => self.remove_device_call(now, &call),
            _ => Err(unknown_method(&call)),
        };
        self.conclude(&call, outcome);
        // What a scan changes is signalled behind the answer.
        if matches!(member, "StartDiscovery" | "StopDiscovery") {
            self.answer_first(told);
        }
    }

    fn set_discovery_filter(&mut self, client: String, call: &Message) -> Result<(), Refusal> {
        let wanted: PropMap = call.read1().map_err(|_| Refusal::InvalidArguments)?;
        let uuids = prop_cast::<Vec<String>>(&wanted, "UUIDs")
            .cloned()
            .unwrap_or_default();
        let uuids = uuids.into_iter().map(|uuid| uuid.to_lowercase()).collect();
        let duplicates = prop_cast::<bool>(&wanted, "DuplicateData")
            .copied()
            .unwrap_or(false);
        self.adapter.filters.insert(client, Filter { uuids, duplicates });
        Ok(())
    }

    fn start_discovery(&mut self, now: Instant, client: String) -> Result<(), Refusal> {
        if !self.adapter.powered {
            return Err(Refusal::NotReady);
        }
        if self.adapter.scanning.contains_key(&client) || now < self.adapter.busy_until {
            return Err(Refusal::InProgress);
        }
        let filter = self.adapter.filters.get(&client).cloned().unwrap_or_default();
        let was_discovering = self.adapter.is_discovering();
        self.adapter.scanning.insert(client, filter);
        self.counters.scans += 1;
        if !was_discovering {
            self.adapter.scan_since = now;
            self.adapter.reported.clear();
            self.adapter.deaf = false;
            self.adapter_changed(property("Discovering", true));
        }
        Ok(())
    }

    fn stop_discovery(&mut self, client: &str) -> Result<(), Refusal> {
        if !self.adapter.powered {
            return Err(Refusal::NotReady);
        }
        if !self.adapter.scanning.contains_key(client) {
            return Err(Refusal::Failed("No discovery started"));
        }
        self.end_discovery(client);
        Ok(())
    }

    /// Ends a client's scan, for whatever reason. The last one takes signal strengths with it.
    pub(super) fn end_discovery(&mut self, client: &str) {
        self.adapter.filters.remove(client);
        if self.adapter.scanning.remove(client).is_some() && !self.adapter.is_discovering() {
            self.discovery_ended();
        }
    }

    fn discovery_ended(&mut self) {
        let heard: Vec<Address> = self
            .devices
            .values_mut()
            .filter_map(|device| device.rssi.take().map(|_| device.address))
            .collect();
        for address in heard {
            self.device_changed(address, PropMap::new(), &["RSSI"]);
        }
        self.adapter_changed(property("Discovering", false));
    }

    fn adapter_changed(&mut self, properties: PropMap) {
        self.send(changed(ADAPTER_PATH, ADAPTER, properties, &[]));
    }

    pub(super) fn set_adapter_property(
        &mut self,
        now: Instant,
        name: &str,
        new: &dyn RefArg,
    ) -> Result<(), Refusal> {
        match name {
            "Powered" => {
                if &*new.signature() != "b" {
                    return Err(Refusal::InvalidSignature("Powered"));
                }
                let powered = new.as_i64().ok_or(Refusal::InvalidArguments)?;
                self.set_powered(now, powered != 0);
                Ok(())
            }
            "Alias" | "Discoverable" | "Pairable" => Ok(()),
            _ => Err(Refusal::UnknownProperty),
        }
    }

    /// Switches the radio. Off ends every link and scan at once and forgets devices that were only seen.
    pub(super) fn set_powered(&mut self, now: Instant, powered: bool) {
        if self.adapter.powered == powered {
            return;
        }
        if !powered {
            self.silence_radio(now);
        }
        self.adapter.powered = powered;
        self.adapter_changed(property("Powered", powered));
    }

    fn silence_radio(&mut self, now: Instant) {
        let links: Vec<Address> = self.links.keys().copied().collect();
        links.into_iter().for_each(|address| self.close(now, address));
        let calls: Vec<Message> = self
            .devices
            .values_mut()
            .filter_map(|device| device.connecting.take())
            .collect();
        for call in calls {
            self.refuse(&call, Refusal::Failed("br-connection-canceled"));
        }
        self.adapter.filters.clear();
        self.adapter.busy_until = now;
        // Signalled whether or not there was a scan.
        self.adapter.scanning.clear();
        self.discovery_ended();
        let seen: Vec<Address> = self
            .devices
            .values()
            .filter(|device| device.temporary)
            .map(|device| device.address)
            .collect();
        seen.into_iter().for_each(|address| self.remove_device(address));
    }

    /// Pulls the adapter out: everything about it vanishes from the bus.
    pub(super) fn unplug(&mut self, now: Instant) {
        if !self.adapter.plugged {
            return;
        }
        self.set_powered(now, false);
        self.forget_devices();
        let interfaces = self.interfaces(Object::Adapter);
        self.send(removed(ADAPTER_PATH, &interfaces));
        self.adapter.plugged = false;
    }

    /// Puts the adapter back; BlueZ switches it on (`AutoEnable=true`).
    pub(super) fn plug(&mut self) {
        if self.adapter.plugged {
            return;
        }
        self.adapter.plugged = true;
        self.adapter.powered = true;
        self.announce_adapter();
    }

    fn announce_adapter(&mut self) {
        if !self.adapter.plugged {
            return;
        }
        let objects: Vec<Object> = self.objects();
        for object in objects.into_iter().filter(|object| *object != Object::Manager) {
            let interfaces: Interfaces = self.interfaces(object);
            self.send(added(&object.path(), interfaces));
        }
    }

    /// Off the bus go all devices; out of memory those that BlueZ did not store.
    fn forget_devices(&mut self) {
        let all: Vec<Address> = self.devices.keys().copied().collect();
        for address in all {
            let stored = self
                .devices
                .get(&address)
                .filter(|_| self.config.remembers_devices)
                .map(Device::stored);
            self.remove_device(address);
            self.devices.extend(
                stored
                    .filter(|device| !device.temporary)
                    .map(|device| (address, device)),
            );
        }
    }

    /// bluetoothd is killed: the kernel ends its links, and nobody is told anything.
    pub(super) fn daemon_gone(&mut self, now: Instant) {
        self.running = false;
        let goes_on = self.scan_left(now);
        self.silence_radio(now);
        self.adapter.busy_until = now + goes_on;
        self.forget_devices();
        while self.poll_message().is_some() {}
    }

    /// How long the adapter goes on scanning if nobody stops it.
    fn scan_left(&self, now: Instant) -> Duration {
        let length = self.config.scan_length;
        let period = (length + length / 2).as_nanos().max(1);
        let position = now.since(self.adapter.scan_since).as_nanos() % period;
        match self.adapter.is_discovering() {
            true => Duration::from_nanos(length.as_nanos().saturating_sub(position) as u64),
            false => Duration::ZERO,
        }
    }

    /// bluetoothd owns its name again.
    pub(super) fn daemon_back(&mut self) {
        self.running = true;
        self.adapter.powered = true;
        self.announce_adapter();
    }

    /// Sends the band's advertisement if it is due, and lets the adapter hear it.
    pub(super) fn advertise(&mut self, now: Instant, address: Address) {
        let Some(band) = self
            .bands
            .get_mut(&address)
            .filter(|band| band.next_advertisement <= now)
        else {
            return;
        };
        band.schedule_advertisement(now, &mut self.random);
        if self.links.contains_key(&address) {
            return;
        }
        let Some(beacon) = band.peripheral.advertisement(now) else {
            return;
        };
        band.counters.advertisements += 1;
        if band.in_range && self.running && self.adapter.plugged && self.adapter.powered {
            self.hear(now, address, beacon);
        }
    }

    fn hear(&mut self, now: Instant, address: Address, beacon: Beacon) {
        if self
            .devices
            .get(&address)
            .is_some_and(|device| device.connecting.is_some())
        {
            self.establish(now, address);
        } else if self.adapter.is_discovering() {
            self.report(now, address, beacon);
        }
    }

    /// The scan hears nothing from now on, until a new one begins.
    pub(super) fn deafen(&mut self) {
        self.adapter.deaf = true;
    }

    /// Whether the adapter passes an advertisement on to BlueZ.
    fn passes(&mut self, address: Address) -> bool {
        let is_new = self.adapter.reported.insert(address);
        !self.adapter.deaf && (is_new || !self.config.drops_doubles)
    }

    /// Tells those who scan of an advertisement.
    fn report(&mut self, now: Instant, address: Address, beacon: Beacon) {
        if !self.passes(address) {
            return;
        }
        let Some(band) = self.bands.get(&address) else {
            return;
        };
        let advertised = band.config.layout.advertised.map(uuid_text);
        let rssi = band
            .config
            .rssi_dbm
            .saturating_add(noise(&mut self.random, self.config.rssi_noise_db));
        let mut interested = self
            .adapter
            .scanning
            .values()
            .filter(|filter| filter.matches(advertised.as_ref()))
            .peekable();
        if interested.peek().is_none() {
            return;
        }
        let duplicates = interested.any(|filter| filter.duplicates);
        let data = beacon.encode().to_vec();
        match self.devices.contains_key(&address) {
            true => self.heard_again(now, address, rssi, data, duplicates),
            false => self.discovered(Device::seen(address, now, rssi, data, advertised)),
        }
    }

    fn discovered(&mut self, device: Device) {
        let address = device.address;
        self.devices.insert(address, device);
        let interfaces = self.interfaces(Object::Device(address));
        self.send(added(&Object::Device(address).path(), interfaces));
    }

    fn heard_again(&mut self, now: Instant, address: Address, rssi: i16, data: Vec<u8>, duplicates: bool) {
        let Some(device) = self.devices.get_mut(&address) else {
            return;
        };
        device.last_seen = now;
        let mut properties = PropMap::new();
        if device
            .rssi
            .is_none_or(|known| known.abs_diff(rssi) >= self.config.rssi_threshold_db)
        {
            device.rssi = Some(rssi);
            properties.insert("RSSI".to_owned(), value(rssi));
        }
        if duplicates || device.manufacturer_data.as_ref() != Some(&data) {
            properties.insert("ManufacturerData".to_owned(), manufacturer_data(data.clone()));
            device.manufacturer_data = Some(data);
        }
        if !properties.is_empty() {
            self.device_changed(address, properties, &[]);
        }
    }
}

/// A deviation within `max` both ways, small ones more often.
fn noise(random: &mut Random, max: u16) -> i16 {
    let mut draw = || random.below(u64::from(max) + 1) as i16;
    draw() - draw()
}

/// Manufacturer data as a property: company to bytes.
pub(super) fn manufacturer_data(data: Vec<u8>) -> dbus::arg::Variant<Box<dyn RefArg>> {
    value(std::collections::HashMap::from([(COMPANY, value(data))]))
}
