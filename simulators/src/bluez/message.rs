//! D-Bus messages as BlueZ words them.

use std::ffi::CString;

use dbus::Message;
use dbus::arg::{PropMap, RefArg, Variant};
use dbus::strings::{ErrorName, Path};

pub(super) const ADAPTER: &str = "org.bluez.Adapter1";
pub(super) const AGENT_MANAGER: &str = "org.bluez.AgentManager1";
pub(super) const DEVICE: &str = "org.bluez.Device1";
pub(super) const SERVICE: &str = "org.bluez.GattService1";
pub(super) const CHARACTERISTIC: &str = "org.bluez.GattCharacteristic1";
pub(super) const DESCRIPTOR: &str = "org.bluez.GattDescriptor1";
pub(super) const INTROSPECTABLE: &str = "org.freedesktop.DBus.Introspectable";
pub(super) const OBJECT_MANAGER: &str = "org.freedesktop.DBus.ObjectManager";
pub(super) const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// The interfaces of one object, each with its properties.
pub(super) type Interfaces = Vec<(&'static str, PropMap)>;

/// A property's value.
pub(super) fn value<T: RefArg + 'static>(value: T) -> Variant<Box<dyn RefArg>> {
    Variant(Box::new(value))
}

/// A property map of one entry.
pub(super) fn property<T: RefArg + 'static>(name: &str, of: T) -> PropMap {
    PropMap::from([(name.to_owned(), value(of))])
}

/// Why a call is refused. Names and texts are those of BlueZ 5.66.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NotReady,
    InProgress,
    DoesNotExist,
    NotSupported,
    NotPermitted(&'static str),
    InvalidArguments,
    InvalidLength,
    Failed(&'static str),
    UnknownMethod(String),
    UnknownObject(String),
    UnknownProperty,
    /// A property set to a value of another type.
    InvalidSignature(&'static str),
    /// What a test asked for.
    Arranged {
        name: String,
        text: String,
    },
}

impl Refusal {
    fn name_and_text(&self) -> (String, String) {
        let bluez = |name: &str, text: &str| (format!("org.bluez.Error.{name}"), text.to_owned());
        let dbus = |name: &str, text: &str| (format!("org.freedesktop.DBus.Error.{name}"), text.to_owned());
        match self {
            Self::NotReady => bluez("NotReady", "Resource Not Ready"),
            Self::InProgress => bluez("InProgress", "Operation already in progress"),
            Self::DoesNotExist => bluez("DoesNotExist", "Does Not Exist"),
            Self::NotSupported => bluez("NotSupported", "Operation is not supported"),
            Self::NotPermitted(text) => bluez("NotPermitted", text),
            Self::InvalidArguments => bluez("InvalidArguments", "Invalid arguments in method call"),
            Self::InvalidLength => bluez("InvalidValueLength", "Invalid Length"),
            Self::Failed(text) => bluez("Failed", text),
            Self::UnknownMethod(text) => dbus("UnknownMethod", text),
            Self::UnknownObject(text) => dbus("UnknownObject", text),
            Self::InvalidSignature(name) => {
                dbus("InvalidSignature", &format!("Invalid signature for '{name}'"))
            }
            Self::UnknownProperty => dbus("InvalidArgs", "No such property"),
            Self::Arranged { name, text } => (name.clone(), text.clone()),
        }
    }

    /// The error that answers `call`.
    pub(super) fn answer(&self, call: &Message) -> Message {
        let (name, text) = self.name_and_text();
        let name = ErrorName::new(name).unwrap_or_else(|_| "org.bluez.Error.Failed".into());
        call.error(&name, &CString::new(text).unwrap_or_default())
    }
}

/// The answer to a call of a method that an object does not have, in the words of libdbus.
pub(super) fn unknown_method(call: &Message) -> Refusal {
    Refusal::UnknownMethod(not_there(call))
}

/// The answer to a call of an object that is not there.
pub(super) fn unknown_object(call: &Message) -> Refusal {
    Refusal::UnknownObject(not_there(call))
}

fn not_there(call: &Message) -> String {
    let part = |part: Option<String>| part.unwrap_or_default();
    format!(
        "Method \"{}\" with signature \"{}\" on interface \"{}\" doesn't exist\n",
        part(call.member().map(|member| member.to_string())),
        call.iter_init().signature_of_all(),
        part(call.interface().map(|interface| interface.to_string())),
    )
}

trait SignatureOfAll {
    fn signature_of_all(self) -> String;
}

impl SignatureOfAll for dbus::arg::Iter<'_> {
    fn signature_of_all(mut self) -> String {
        let mut all = String::new();
        while self.arg_type() != dbus::arg::ArgType::Invalid {
            all.push_str(&self.signature());
            self.next();
        }
        all
    }
}

/// The signal that properties have new values, or none any more.
pub(super) fn changed(path: &str, interface: &str, properties: PropMap, invalidated: &[&str]) -> Message {
    signal(path, PROPERTIES, "PropertiesChanged").append3(interface, properties, invalidated.to_vec())
}

/// The signal that an object has come.
pub(super) fn added(path: &str, interfaces: Interfaces) -> Message {
    let interfaces: std::collections::HashMap<&str, PropMap> = interfaces.into_iter().collect();
    signal("/", OBJECT_MANAGER, "InterfacesAdded").append2(object_path(path), interfaces)
}

/// The signal that an object has gone.
pub(super) fn removed(path: &str, interfaces: &Interfaces) -> Message {
    let names: Vec<&str> = interfaces.iter().map(|(name, _)| *name).collect();
    signal("/", OBJECT_MANAGER, "InterfacesRemoved").append2(object_path(path), names)
}

/// Paths here are made of our own constants and hexadecimal digits.
pub(super) fn object_path(path: &str) -> Path<'static> {
    Path::from(path.to_owned())
}

fn signal(path: &str, interface: &str, member: &str) -> Message {
    Message::signal(
        &path.to_owned().into(),
        &interface.to_owned().into(),
        &member.to_owned().into(),
    )
}
