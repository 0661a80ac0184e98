//! The object tree: which objects exist, their properties, and who answers which call.

use std::collections::{BTreeSet, HashMap};

use dbus::Message;
use dbus::arg::{PropMap, RefArg, Variant};
use firmware_protocol::time::Instant;

use super::address::{Address, Object};
use super::layout::{Placed, SUBSCRIPTION, uuid_text};
use super::message::{
    ADAPTER, AGENT_MANAGER, CHARACTERISTIC, DESCRIPTOR, DEVICE, INTROSPECTABLE, Interfaces, OBJECT_MANAGER,
    PROPERTIES, Refusal, SERVICE, object_path, unknown_method, unknown_object, value,
};
use super::world::World;

impl World {
    /// Hands a call to whom it concerns.
    pub(super) fn route(&mut self, now: Instant, call: Message) {
        let path = call.path().map(|path| path.to_string()).unwrap_or_default();
        let member = call.member().map(|member| member.to_string()).unwrap_or_default();
        let interface = call.interface().map(|name| name.to_string()).unwrap_or_default();
        let Some(object) = Object::parse(&path).filter(|object| self.exists(*object)) else {
            return self.refuse(&call, unknown_object(&call));
        };
        match (interface.as_str(), object) {
            (INTROSPECTABLE, _) => self.introspect(object, &call),
            (OBJECT_MANAGER, Object::Root) => self.managed_objects(&call),
            (PROPERTIES, _) => self.properties_call(now, object, &member, &call),
            (ADAPTER, Object::Adapter) => self.adapter_call(now, &member, call),
            (DEVICE, Object::Device(address)) => self.device_call(now, address, &member, call),
            (CHARACTERISTIC, Object::Characteristic(address, _, handle)) => {
                self.characteristic_call(now, address, handle, &member, call);
            }
            // Agents are welcome and never asked: bands do not pair.
            (AGENT_MANAGER, Object::Manager) => self.conclude(&call, Ok(())),
            _ => self.refuse(&call, unknown_method(&call)),
        }
    }

    fn exists(&self, object: Object) -> bool {
        match object {
            Object::Root | Object::Organization | Object::Manager => true,
            Object::Adapter => self.adapter.plugged,
            Object::Device(address) => self.devices.contains_key(&address),
            Object::Service(address, _)
            | Object::Characteristic(address, ..)
            | Object::Descriptor(address, ..) => self.gatt_objects(address).contains(&object),
        }
    }

    /// Every object that the object manager lists, parents first.
    pub(super) fn objects(&self) -> Vec<Object> {
        let mut objects = vec![Object::Manager];
        if self.adapter.plugged {
            objects.push(Object::Adapter);
        }
        for address in self.devices.keys() {
            objects.push(Object::Device(*address));
            objects.extend(self.gatt_objects(*address));
        }
        objects
    }

    /// The GATT objects of a device, parents first.
    pub(super) fn gatt_objects(&self, address: Address) -> Vec<Object> {
        let Some(table) = self
            .devices
            .get(&address)
            .and_then(|device| device.table.as_ref())
        else {
            return Vec::new();
        };
        let mut objects = Vec::new();
        for (service, _) in &table.services {
            objects.push(Object::Service(address, *service));
            let of_service = |placed: &&Placed| placed.service_handle == *service;
            for placed in table.characteristics.iter().filter(of_service) {
                let handle = placed.handle;
                objects.push(Object::Characteristic(address, *service, handle));
                let descriptor = placed.subscription_handle;
                objects.extend(descriptor.map(|it| Object::Descriptor(address, *service, handle, it)));
            }
        }
        objects
    }

    /// What an object has to offer besides introspection. Empty if it does not exist.
    pub(super) fn interfaces(&self, object: Object) -> Interfaces {
        match object {
            Object::Root | Object::Organization => Vec::new(),
            Object::Manager => vec![(AGENT_MANAGER, PropMap::new())],
            Object::Adapter => vec![(ADAPTER, self.adapter.properties())],
            Object::Device(address) => {
                let device = self.devices.get(&address);
                device
                    .map(|device| (DEVICE, self.device_properties(device)))
                    .into_iter()
                    .collect()
            }
            Object::Service(address, handle) => self
                .service_properties(address, handle)
                .map(|of| (SERVICE, of))
                .into_iter()
                .collect(),
            Object::Characteristic(address, _, handle) => {
                let properties = self.characteristic_properties(address, handle);
                properties.map(|of| (CHARACTERISTIC, of)).into_iter().collect()
            }
            Object::Descriptor(address, service, of, _) => {
                let characteristic = object_path(&Object::Characteristic(address, service, of).path());
                let properties = [
                    ("UUID", value(uuid_text(SUBSCRIPTION))),
                    ("Characteristic", value(characteristic)),
                    ("Value", value(Vec::<u8>::new())),
                ];
                vec![(
                    DESCRIPTOR,
                    properties.map(|(name, value)| (name.to_owned(), value)).into(),
                )]
            }
        }
    }

    fn service_properties(&self, address: Address, handle: u16) -> Option<PropMap> {
        let table = self.devices.get(&address)?.table.as_ref()?;
        let (_, uuid) = table.services.iter().find(|(of, _)| *of == handle)?;
        let properties = [
            ("UUID", value(uuid_text(*uuid))),
            ("Primary", value(true)),
            ("Device", value(object_path(&Object::Device(address).path()))),
            ("Includes", value(Vec::<dbus::Path<'static>>::new())),
        ];
        Some(properties.map(|(name, value)| (name.to_owned(), value)).into())
    }

    /// The MTU is known while there is a link.
    fn characteristic_properties(&self, address: Address, handle: u16) -> Option<PropMap> {
        let placed = self.placed(address, handle)?;
        let flags: Vec<String> = placed
            .characteristic
            .flags
            .iter()
            .map(|flag| (*flag).to_owned())
            .collect();
        let service = object_path(&Object::Service(address, placed.service_handle).path());
        let link = self.links.get(&address);
        let notifying = link.is_some_and(|link| link.listeners.iter().any(|(_, of)| *of == handle));
        let mut properties: PropMap = [
            ("UUID", value(uuid_text(placed.characteristic.uuid))),
            ("Service", value(service)),
            ("Flags", value(flags)),
            // The last value that was read or notified is not kept here.
            ("Value", value(Vec::<u8>::new())),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        let has = |flag| placed.characteristic.flags.contains(&flag);
        let conditional = [
            ("Notifying", has("notify") || has("indicate"), notifying),
            ("NotifyAcquired", has("notify"), false),
            ("WriteAcquired", has("write-without-response"), false),
        ];
        for (name, _, now) in conditional.into_iter().filter(|(_, there, _)| *there) {
            properties.insert(name.to_owned(), value(now));
        }
        if let Some(link) = link.filter(|link| link.announced) {
            properties.insert("MTU".to_owned(), value(link.mtu_bytes));
        }
        Some(properties)
    }

    fn managed_objects(&mut self, call: &Message) {
        let objects: HashMap<dbus::Path<'static>, HashMap<&'static str, PropMap>> = self
            .objects()
            .into_iter()
            .map(|object| {
                (
                    object_path(&object.path()),
                    self.interfaces(object).into_iter().collect(),
                )
            })
            .collect();
        self.answer(call, call.method_return().append1(objects));
    }

    /// Clients find GATT objects by the names of child nodes.
    fn introspect(&mut self, object: Object, call: &Message) {
        let mut xml = String::from("<node>");
        for interface in [INTROSPECTABLE, PROPERTIES] {
            xml.push_str(&format!("<interface name=\"{interface}\"/>"));
        }
        for (interface, _) in self.interfaces(object) {
            xml.push_str(&format!("<interface name=\"{interface}\"/>"));
        }
        for child in self.children(object) {
            xml.push_str(&format!("<node name=\"{child}\"/>"));
        }
        xml.push_str("</node>");
        self.answer(call, call.method_return().append1(xml));
    }

    fn children(&self, object: Object) -> BTreeSet<String> {
        let parent = match object {
            Object::Root => String::from("/"),
            _ => object.path() + "/",
        };
        let first_part = |path: String| Some(path.strip_prefix(&parent)?.split('/').next()?.to_owned());
        let paths = self.objects().into_iter().map(|object| object.path());
        paths
            .filter_map(first_part)
            .filter(|name| !name.is_empty())
            .collect()
    }

    fn properties_call(&mut self, now: Instant, object: Object, member: &str, call: &Message) {
        let told = self.told_so_far();
        let answer = match member {
            "Get" => self.get(object, call),
            "GetAll" => self.get_all(object, call),
            "Set" => self.set(now, object, call),
            _ => Err(unknown_method(call)),
        };
        match answer {
            Ok(answer) => self.answer(call, answer),
            Err(refusal) => self.refuse(call, refusal),
        }
        self.answer_first(told);
    }

    fn properties_of(&self, object: Object, interface: &str) -> Result<PropMap, Refusal> {
        let interfaces = self.interfaces(object).into_iter();
        let found = interfaces.into_iter().find(|(name, _)| *name == interface);
        found
            .map(|(_, properties)| properties)
            .ok_or(Refusal::InvalidArguments)
    }

    fn get(&self, object: Object, call: &Message) -> Result<Message, Refusal> {
        let (interface, name): (&str, &str) = call.read2().map_err(|_| Refusal::InvalidArguments)?;
        let found = self
            .properties_of(object, interface)?
            .remove(name)
            .ok_or(Refusal::UnknownProperty)?;
        Ok(call.method_return().append1(found))
    }

    fn get_all(&self, object: Object, call: &Message) -> Result<Message, Refusal> {
        let interface: &str = call.read1().map_err(|_| Refusal::InvalidArguments)?;
        Ok(call
            .method_return()
            .append1(self.properties_of(object, interface)?))
    }

    fn set(&mut self, now: Instant, object: Object, call: &Message) -> Result<Message, Refusal> {
        let (_, name, new): (&str, &str, Variant<Box<dyn RefArg>>) =
            call.read3().map_err(|_| Refusal::InvalidArguments)?;
        match object {
            Object::Adapter => self.set_adapter_property(now, name, &*new.0)?,
            Object::Device(_) => self.set_device_property(name, &*new.0)?,
            _ => return Err(Refusal::UnknownProperty),
        }
        Ok(call.method_return())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bluez::config::DoubleConfig;

    #[test]
    fn children_lead_to_the_adapter() {
        let world = World::new(DoubleConfig::default());
        let children = |object| world.children(object).into_iter().collect::<Vec<_>>().join(" ");
        assert_eq!(children(Object::Root), "org");
        assert_eq!(children(Object::Organization), "bluez");
        assert_eq!(children(Object::Manager), "hci0");
        assert_eq!(children(Object::Adapter), "");
    }
}
