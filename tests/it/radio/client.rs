//! A client of BlueZ that writes down what it is told: answers and signals, in the words of the bus.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dbus::Message;
use dbus::arg::{PropMap, RefArg, Variant, prop_cast};
use dbus::channel::Channel;
use dbus::message::MessageType;

/// Longest wait for anything.
const LIMIT: Duration = Duration::from_secs(40);
/// Nothing more comes of a call when nothing came for so long.
const QUIET: Duration = Duration::from_millis(400);
const MATCHES: &[&str] = &[
    "type='signal',interface='org.freedesktop.DBus.ObjectManager'",
    "type='signal',interface='org.freedesktop.DBus.Properties',path_namespace='/org/bluez'",
];
/// What changes by itself, or depends on the machine.
const RESTLESS: &[&str] = &[
    "RSSI",
    "ManufacturerData",
    "UUIDs",
    "Name",
    "Alias",
    "TxPower",
    "Class",
];

/// What is put before the answer to the last call, and to the one before.
const LATER: [&str; 2] = ["", "earlier call: "];

/// Objects by their paths, each with its interfaces and their properties.
type Objects = BTreeMap<String, BTreeMap<String, PropMap>>;

pub(crate) struct Client {
    channel: Channel,
    /// What was said since the last look.
    words: Vec<String>,
}

/// A call: path, interface, member.
type Call<'a> = (&'a str, &'a str, &'a str);

impl Client {
    pub(crate) fn new(bus: &str) -> Self {
        let mut channel = Channel::open_private(bus).expect("a bus");
        channel.register().expect("a name on the bus");
        let mut client = Self {
            channel,
            words: Vec::new(),
        };
        for rule in MATCHES {
            let call = Message::call_with_args(
                "org.freedesktop.DBus",
                "/org/freedesktop/DBus",
                "org.freedesktop.DBus",
                "AddMatch",
                (*rule,),
            );
            client.ask(call);
        }
        client
    }

    /// Waits until the adapter is there and on.
    pub(crate) fn ready(&mut self) {
        let end = Instant::now() + LIMIT;
        let is_on = |it: &BTreeMap<String, PropMap>| {
            let adapter = it.get("org.bluez.Adapter1");
            adapter.and_then(|it| prop_cast::<bool>(it, "Powered")) == Some(&true)
        };
        while !self.objects().values().any(is_on) {
            assert!(Instant::now() < end, "there is no adapter");
            self.channel.read_write(Some(QUIET)).expect("the bus is there");
        }
        self.listen();
    }

    /// Calls without arguments and writes down what comes of it.
    pub(crate) fn call(&mut self, call: Call<'_>) -> Vec<String> {
        self.call_with(call, |call| call)
    }

    /// Calls and writes down what comes of it, the answer among the signals, until all is quiet.
    pub(crate) fn call_with(&mut self, call: Call<'_>, with: impl FnOnce(Message) -> Message) -> Vec<String> {
        let serial = self.send(call, with);
        self.until(
            "its answer",
            |words| words.iter().any(|word| is_answer(word)),
            &[serial],
        )
    }

    /// Calls and waits until `word` is said too.
    pub(crate) fn call_until(&mut self, call: Call<'_>, word: &str) -> Vec<String> {
        let serial = self.send(call, |call| call);
        let done = |words: &[String]| {
            let answer = words.iter().find(|word| is_answer(word));
            answer.is_some_and(|answer| {
                word.is_empty() || answer != "answer" || words.iter().any(|it| it == word)
            })
        };
        self.until(word, done, &[serial])
    }

    /// Calls and waits for the answer, and for that to the earlier call `waiting`.
    pub(crate) fn give_up(&mut self, call: Call<'_>, waiting: u32) -> Vec<String> {
        let serial = self.send(call, |call| call);
        let answered = |words: &[String], start: &str| {
            words
                .iter()
                .any(|word| word.strip_prefix(start).is_some_and(is_answer))
        };
        let done = |words: &[String]| LATER.iter().all(|start| answered(words, start));
        self.until("both answers", done, &[serial, waiting])
    }

    /// Calls and does not wait for the answer: its number.
    pub(crate) fn send(&mut self, call: Call<'_>, with: impl FnOnce(Message) -> Message) -> u32 {
        let (path, interface, member) = call;
        let call = Message::new_method_call("org.bluez", path.to_owned(), interface, member).unwrap();
        self.channel.send(with(call)).expect("the bus takes calls")
    }

    /// Waits until `word` is said, and then for quiet.
    pub(crate) fn wait(&mut self, word: &str) -> Vec<String> {
        self.until(word, |words| words.iter().any(|it| it == word), &[])
    }

    /// Everything that is said until all is quiet.
    pub(crate) fn listen(&mut self) -> Vec<String> {
        self.until("nothing", |_| true, &[])
    }

    fn until(&mut self, what: &str, done: impl Fn(&[String]) -> bool, serials: &[u32]) -> Vec<String> {
        let end = Instant::now() + LIMIT;
        let mut last = Instant::now();
        loop {
            if Instant::now() >= end {
                self.words.push(format!("in vain: {what}"));
                return std::mem::take(&mut self.words);
            }
            self.channel
                .read_write(Some(QUIET / 8))
                .expect("the bus is there");
            while let Some(message) = self.channel.pop_message() {
                let words = words(&message, serials);
                if !words.is_empty() {
                    last = Instant::now();
                }
                self.words.extend(words);
            }
            if done(&self.words) && last.elapsed() > QUIET {
                return std::mem::take(&mut self.words);
            }
        }
    }

    /// The answer to a call of anybody's.
    fn ask(&mut self, call: Message) -> Message {
        let serial = self.channel.send(call).expect("the bus takes calls");
        let end = Instant::now() + LIMIT;
        while Instant::now() < end {
            self.channel.read_write(Some(QUIET)).expect("the bus is there");
            while let Some(message) = self.channel.pop_message() {
                if message.get_reply_serial() == Some(serial) {
                    return message;
                }
                let words = words(&message, &[]);
                self.words.extend(words);
            }
        }
        panic!("nobody answered");
    }

    /// Every object there is.
    pub(crate) fn objects(&mut self) -> Objects {
        let manager = "org.freedesktop.DBus.ObjectManager";
        let call = Message::new_method_call("org.bluez", "/", manager, "GetManagedObjects").unwrap();
        let answer = self.ask(call);
        let objects: Option<BTreeMap<dbus::Path<'static>, BTreeMap<String, PropMap>>> = answer.get1();
        let objects = objects.unwrap_or_default().into_iter();
        objects.map(|(path, it)| (path.to_string(), it)).collect()
    }

    /// The path of the characteristic with this UUID on this device, or one that nobody has.
    pub(crate) fn characteristic(&mut self, device: &str, uuid: &str) -> String {
        let is_it = |it: &BTreeMap<String, PropMap>| {
            let properties = it.get("org.bluez.GattCharacteristic1");
            properties
                .and_then(|it| prop_cast::<String>(it, "UUID"))
                .is_some_and(|it| it == uuid)
        };
        let objects = self.objects();
        let found = objects
            .iter()
            .find(|(path, it)| path.starts_with(device) && is_it(it));
        found.map_or(format!("{device}/none"), |(path, _)| path.clone())
    }

    /// Names and types of the properties of each kind of object.
    pub(crate) fn inventory(&mut self, below: &str) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for (path, interfaces) in self.objects().iter().filter(|(path, _)| path.starts_with(below)) {
            let named = interfaces
                .iter()
                .filter(|(name, _)| name.starts_with("org.bluez"));
            for (interface, properties) in named {
                let mut names: Vec<_> = properties
                    .iter()
                    .map(|(name, value)| format!("{name}:{}", value.0.signature()))
                    .collect();
                names.sort();
                lines.push(format!("{} {interface}: {}", kind(path), names.join(" ")));
            }
        }
        lines.sort();
        lines.dedup();
        lines
    }

    /// Services, characteristics and descriptors of a device: UUIDs and flags in the order of their handles.
    pub(crate) fn table(&mut self, device: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for (path, interfaces) in self.objects().iter().filter(|(path, _)| path.starts_with(device)) {
            for properties in interfaces.values() {
                let Some(uuid) = prop_cast::<String>(properties, "UUID") else {
                    continue;
                };
                let flags = prop_cast::<Vec<String>>(properties, "Flags")
                    .cloned()
                    .unwrap_or_default();
                let mtu =
                    prop_cast::<u16>(properties, "MTU").map_or(String::new(), |mtu| format!(" mtu {mtu}"));
                lines.push(format!("{} {uuid} {}{mtu}", kind(path), flags.join(" ")));
            }
        }
        lines
    }

    /// Sets a property of the adapter.
    pub(crate) fn set(&mut self, property: &str, value: impl RefArg + 'static) -> Vec<String> {
        let call = ("/org/bluez/hci0", "org.freedesktop.DBus.Properties", "Set");
        let value: Box<dyn RefArg> = Box::new(value);
        self.call_with(call, |call| {
            call.append3("org.bluez.Adapter1", property, Variant(value))
        })
    }
}

fn is_answer(word: &str) -> bool {
    word.starts_with("answer") || word.starts_with("error")
}

/// "device", "service", "characteristic", "descriptor" or the path itself.
fn kind(path: &str) -> String {
    let last = path.rsplit('/').next().unwrap_or_default();
    let kinds = [
        ("dev_", "device"),
        ("service", "service"),
        ("char", "characteristic"),
        ("desc", "descriptor"),
    ];
    let known = kinds.iter().find(|(start, _)| last.starts_with(start));
    known.map_or(path.to_owned(), |(_, name)| (*name).to_owned())
}

/// What a message says: "answer", "error NAME TEXT", "device Connected true", "added device".
fn words(message: &Message, serials: &[u32]) -> Vec<String> {
    let is_it = |serial: &u32| message.get_reply_serial() == Some(*serial);
    if let Some(which) = serials.iter().position(is_it) {
        return vec![format!("{}{}", LATER[which], answer(message))];
    }
    if message.msg_type() != MessageType::Signal {
        return Vec::new();
    }
    let path = message.path().map(|path| path.to_string()).unwrap_or_default();
    match message.member().as_deref() {
        Some("PropertiesChanged") => changed(message, &kind(&path)),
        Some("InterfacesAdded") => {
            let path: Option<dbus::Path<'_>> = message.get1();
            path.map(|path| format!("added {}", kind(&path)))
                .into_iter()
                .collect()
        }
        Some("InterfacesRemoved") => {
            let path: Option<dbus::Path<'_>> = message.get1();
            path.map(|path| format!("removed {}", kind(&path)))
                .into_iter()
                .collect()
        }
        _ => Vec::new(),
    }
}

fn answer(message: &Message) -> String {
    if message.msg_type() == MessageType::Error {
        let error = message.duplicate().map(|mut copy| copy.as_result().err());
        let error = error.ok().flatten().expect("an error has a name");
        let (name, text) = (
            error.name().unwrap_or_default(),
            error.message().unwrap_or_default(),
        );
        return format!("error {name}: {}", text.trim());
    }
    match message.get1::<Vec<u8>>() {
        Some(bytes) => format!("answer {} bytes", bytes.len()),
        None => "answer".into(),
    }
}

fn changed(message: &Message, kind: &str) -> Vec<String> {
    let (Some(interface), Some(properties)) = message.get2::<&str, PropMap>() else {
        return Vec::new();
    };
    if !interface.starts_with("org.bluez") {
        return Vec::new();
    }
    let mut words: Vec<_> = properties
        .iter()
        .filter(|(name, _)| !RESTLESS.iter().any(|it| it == name))
        .map(|(name, value)| format!("{kind} {name} {}", show(name, &*value.0)))
        .collect();
    words.sort();
    words
}

fn show(name: &str, value: &dyn RefArg) -> String {
    if name == "Value" {
        let len = value.as_iter().map_or(0, Iterator::count);
        return format!("of {len} bytes");
    }
    match (value.as_str(), value.as_i64()) {
        (Some(text), _) => text.to_owned(),
        (_, Some(number)) if &*value.signature() == "b" => (number != 0).to_string(),
        (_, Some(number)) => number.to_string(),
        _ => format!("of type {}", value.signature()),
    }
}
