//! Devices: what bluetoothd remembers of what it has heard.

use dbus::Message;
use dbus::arg::{PropMap, RefArg};
use firmware_protocol::time::Instant;

use super::adapter::manufacturer_data;
use super::address::{Address, Object};
use super::layout::{Table, uuid_text};
use super::message::{
    DEVICE, Refusal, added, changed, object_path, property, removed, unknown_method, value,
};
use super::world::World;

/// One device object.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) address: Address,
    /// Only seen so far: forgotten after a while. A call of Connect makes it permanent.
    pub(super) temporary: bool,
    pub(super) last_seen: Instant,
    /// As last signalled.
    pub(super) rssi: Option<i16>,
    pub(super) manufacturer_data: Option<Vec<u8>>,
    name: Option<String>,
    uuids: Vec<String>,
    /// The GATT table, on the bus from the first time that it was resolved.
    pub(super) table: Option<Table>,
    /// The call of Connect that waits for the band.
    pub(super) connecting: Option<Message>,
}

impl Device {
    pub(super) fn seen(
        address: Address,
        now: Instant,
        rssi: i16,
        data: Vec<u8>,
        advertised: Option<String>,
    ) -> Self {
        Self {
            address,
            temporary: true,
            last_seen: now,
            rssi: Some(rssi),
            manufacturer_data: Some(data),
            name: None,
            uuids: advertised.into_iter().collect(),
            table: None,
            connecting: None,
        }
    }

    /// What is left of the device after bluetoothd read it from its disk.
    pub(super) fn stored(&self) -> Self {
        Self {
            rssi: None,
            manufacturer_data: None,
            connecting: None,
            name: self.name.clone(),
            uuids: self.uuids.clone(),
            table: self.table.clone(),
            ..*self
        }
    }

    fn properties(&self, connected: bool, resolved: bool) -> PropMap {
        let alias = self.name.clone().unwrap_or_else(|| self.address.alias());
        let mut properties: PropMap = [
            ("Address", value(self.address.to_string())),
            ("AddressType", value("random".to_owned())),
            ("Alias", value(alias)),
            ("Adapter", value(object_path(super::address::ADAPTER_PATH))),
            ("UUIDs", value(self.uuids.clone())),
            ("Connected", value(connected)),
            ("ServicesResolved", value(resolved)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        for name in ["Paired", "Bonded", "Trusted", "Blocked", "LegacyPairing"] {
            properties.insert(name.to_owned(), value(false));
        }
        if let Some(name) = &self.name {
            properties.insert("Name".to_owned(), value(name.clone()));
        }
        if let Some(rssi) = self.rssi {
            properties.insert("RSSI".to_owned(), value(rssi));
        }
        if let Some(data) = &self.manufacturer_data {
            properties.insert("ManufacturerData".to_owned(), manufacturer_data(data.clone()));
        }
        properties
    }
}

impl World {
    pub(super) fn device_properties(&self, device: &Device) -> PropMap {
        let link = self.links.get(&device.address);
        device.properties(link.is_some(), link.is_some_and(|link| link.resolved))
    }

    pub(super) fn device_call(&mut self, now: Instant, address: Address, member: &str, call: Message) {
        match member {
            "Connect" => self.connect(address, call),
            "Disconnect" => self.disconnect(now, address, call),
            "Pair" | "CancelPairing" | "ConnectProfile" | "DisconnectProfile" => {
                self.refuse(&call, Refusal::NotSupported);
            }
            _ => self.refuse(&call, unknown_method(&call)),
        }
    }

    /// Answers when the band was reached, which may be never: BlueZ goes on trying after the client's
    /// patience has ended. On a link that is about to be dropped it answers at once.
    fn connect(&mut self, address: Address, call: Message) {
        if !self.adapter.powered {
            return self.refuse(&call, Refusal::NotReady);
        }
        if self.links.contains_key(&address) {
            return self.conclude(&call, Ok(()));
        }
        let Some(device) = self.devices.get_mut(&address) else {
            return;
        };
        if device.connecting.is_some() {
            return self.refuse(&call, Refusal::Failed("Operation already in progress"));
        }
        device.temporary = false;
        device.connecting = Some(call);
    }

    /// Answers when the link is down, which BlueZ takes its time for; a connection attempt ends at once.
    fn disconnect(&mut self, now: Instant, address: Address, call: Message) {
        if let Some(link) = self.links.get_mut(&address) {
            link.disconnect_at
                .get_or_insert(now + self.config.disconnect_delay);
            link.disconnect_calls.push(call);
            return;
        }
        let attempt = self
            .devices
            .get_mut(&address)
            .and_then(|device| device.connecting.take());
        match attempt {
            // Nothing to do is done.
            None => self.conclude(&call, Ok(())),
            Some(attempt) => {
                self.refuse(&attempt, Refusal::Failed("br-connection-canceled"));
                self.conclude(&call, Ok(()));
            }
        }
    }

    pub(super) fn set_device_property(&self, name: &str, _new: &dyn RefArg) -> Result<(), Refusal> {
        match name {
            "Trusted" | "Blocked" | "Alias" | "WakeAllowed" => Ok(()),
            _ => Err(Refusal::UnknownProperty),
        }
    }

    /// MTU and services are known: the GATT objects appear, then ServicesResolved.
    pub(super) fn resolved(&mut self, address: Address) {
        let Some(link) = self.links.get_mut(&address) else {
            return;
        };
        link.resolved = true;
        let (Some(band), Some(device)) = (self.bands.get_mut(&address), self.devices.get_mut(&address))
        else {
            return;
        };
        let is_known = device.table.as_ref() == Some(&band.table);
        match is_known {
            true => band.counters.discoveries_saved += 1,
            false => band.counters.discoveries += 1,
        }
        let table = band.table.clone();
        device.name = band.config.name.clone();
        device.uuids = table.services.iter().map(|(_, uuid)| uuid_text(*uuid)).collect();
        let mut properties = property("ServicesResolved", true);
        properties.insert("UUIDs".to_owned(), value(device.uuids.clone()));
        if let Some(name) = &device.name {
            properties.insert("Name".to_owned(), value(name.clone()));
            properties.insert("Alias".to_owned(), value(name.clone()));
        }
        if !is_known {
            self.replace_table(address, table);
        }
        self.device_changed(address, properties, &[]);
    }

    pub(super) fn device_changed(&mut self, address: Address, properties: PropMap, invalidated: &[&str]) {
        self.send(changed(
            &Object::Device(address).path(),
            DEVICE,
            properties,
            invalidated,
        ));
    }

    /// The GATT objects of the new table take the place of those known before.
    fn replace_table(&mut self, address: Address, table: Table) {
        self.withdraw_table(address);
        if let Some(device) = self.devices.get_mut(&address) {
            device.table = Some(table);
        }
        for object in self.gatt_objects(address) {
            let interfaces = self.interfaces(object);
            self.send(added(&object.path(), interfaces));
        }
    }

    /// Takes a device's GATT objects off the bus, children first.
    fn withdraw_table(&mut self, address: Address) {
        for object in self.gatt_objects(address).into_iter().rev() {
            let interfaces = self.interfaces(object);
            self.send(removed(&object.path(), &interfaces));
        }
    }

    /// When a device that was only seen will be forgotten.
    pub(super) fn device_expiry(&self, address: Address) -> Option<Instant> {
        let device = self.devices.get(&address).filter(|device| device.temporary)?;
        let is_idle = self.running && device.connecting.is_none() && !self.links.contains_key(&address);
        is_idle.then_some(device.last_seen + self.config.temporary_timeout)
    }

    pub(super) fn forget_temporary_devices(&mut self, now: Instant) {
        let addresses = self.devices.keys().copied();
        let expired: Vec<Address> = addresses
            .filter(|address| self.device_expiry(*address).is_some_and(|expiry| expiry <= now))
            .collect();
        expired
            .into_iter()
            .for_each(|address| self.remove_device(address));
    }

    /// Takes a device and its GATT objects off the bus.
    pub(super) fn remove_device(&mut self, address: Address) {
        if !self.devices.contains_key(&address) {
            return;
        }
        self.withdraw_table(address);
        let object = Object::Device(address);
        let interfaces = self.interfaces(object);
        self.send(removed(&object.path(), &interfaces));
        self.devices.remove(&address);
    }

    pub(super) fn remove_device_call(&mut self, now: Instant, call: &Message) -> Result<(), Refusal> {
        let path: dbus::Path<'_> = call.read1().map_err(|_| Refusal::InvalidArguments)?;
        let Some(Object::Device(address)) = Object::parse(&path) else {
            return Err(Refusal::InvalidArguments);
        };
        if !self.devices.contains_key(&address) {
            return Err(Refusal::DoesNotExist);
        }
        self.close(now, address);
        self.remove_device(address);
        Ok(())
    }
}
