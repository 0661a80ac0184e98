//! Tests of what takes BlueZ seconds, with a clock that jumps.

use std::time::Duration;

use dbus::Message;
use dbus::arg::{AppendAll, PropMap, prop_cast};
use firmware_protocol::advertisement::Beacon;
use firmware_protocol::time::Instant;

use super::address::{ADAPTER_PATH, Address, Object};
use super::config::{BandConfig, DoubleConfig};
use super::message::{ADAPTER, CHARACTERISTIC, DEVICE};
use super::world::World;
use crate::peripheral::Peripheral;

const BAND: Address = Address::numbered(1);
const SECOND: Duration = Duration::from_secs(1);

/// Advertises, listens, answers nothing.
#[derive(Default)]
struct Listener(Vec<Vec<u8>>);

impl Peripheral for Listener {
    fn advertisement(&mut self, _now: Instant) -> Option<Beacon> {
        Some(Beacon::default())
    }

    fn info(&mut self) -> Vec<u8> {
        vec![7; 300]
    }

    fn connected(&mut self, _now: Instant, _mtu_bytes: u16) {}

    fn disconnected(&mut self, _now: Instant) {}

    fn write(&mut self, _now: Instant, value: &[u8]) {
        self.0.push(value.to_vec());
    }

    fn poll_notify(&mut self) -> Option<Vec<u8>> {
        None
    }

    fn poll_end(&mut self) -> bool {
        false
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn handle_timeout(&mut self, _now: Instant) {}
}

/// A world with one band, one client and a clock.
struct Bench {
    world: World,
    now: Instant,
    calls: u32,
}

/// What was said, in order: "Connected true", "InterfacesRemoved", "answer 3", "error 4 In Progress".
type Words = Vec<String>;

impl Bench {
    fn new(config: DoubleConfig) -> Self {
        let mut world = World::new(config);
        world.daemon_back();
        world.add_band(
            Instant::ZERO,
            BandConfig::new(BAND, -50),
            Box::new(Listener::default()),
        );
        while world.poll_message().is_some() {}
        Self {
            world,
            now: Instant::ZERO,
            calls: 0,
        }
    }

    /// A bench whose band was found by a scan.
    fn scanning(config: DoubleConfig) -> Self {
        let mut bench = Self::new(config);
        bench.call(ADAPTER_PATH, ADAPTER, "StartDiscovery", ());
        assert_eq!(
            bench.pass(SECOND),
            ["answer 1", "Discovering true", "InterfacesAdded"]
        );
        bench
    }

    /// A bench with a link whose services are resolved.
    fn joined(config: DoubleConfig) -> Self {
        let mut bench = Self::scanning(config);
        bench.device("Connect");
        let words = bench.pass(10 * SECOND);
        assert!(words.contains(&"ServicesResolved true".to_owned()), "{words:?}");
        bench
    }

    fn call(&mut self, path: &str, interface: &str, member: &str, arguments: impl AppendAll) -> u32 {
        let mut call = Message::call_with_args("org.bluez", path, interface, member, arguments);
        self.calls += 1;
        call.set_serial(self.calls);
        call.set_sender(Some(":1.1".into()));
        self.world.handle_message(self.now, call);
        self.calls
    }

    fn device(&mut self, member: &str) -> u32 {
        self.call(&Object::Device(BAND).path(), DEVICE, member, ())
    }

    /// Writes to the band with response.
    fn write(&mut self, value: &[u8]) -> u32 {
        let path = Object::Characteristic(BAND, 0x20, 0x21).path();
        let options = super::message::property("type", "request".to_owned());
        self.call(&path, CHARACTERISTIC, "WriteValue", (value.to_vec(), options))
    }

    /// Lets time pass, stopping wherever something is due.
    fn pass(&mut self, duration: Duration) -> Words {
        let end = self.now + duration;
        let mut words = Words::new();
        loop {
            self.world.handle_timeout(self.now);
            while let Some(message) = self.world.poll_message() {
                words.extend(self.word(&message));
            }
            match self.world.poll_timeout().filter(|due| *due <= end) {
                Some(due) => self.now = due.max(self.now),
                None => break,
            }
        }
        self.now = end;
        words
    }

    fn word(&self, message: &Message) -> Vec<String> {
        if let Some(serial) = message.get_reply_serial() {
            let error = message
                .get1::<&str>()
                .filter(|_| message.msg_type() == dbus::MessageType::Error);
            return vec![error.map_or(format!("answer {serial}"), |text| {
                format!("error {serial} {text}")
            })];
        }
        match message.get2::<&str, PropMap>() {
            (Some(_), Some(properties)) => changes(&properties),
            _ => message
                .member()
                .map(|member| member.to_string())
                .into_iter()
                .collect(),
        }
    }
}

fn changes(properties: &PropMap) -> Vec<String> {
    let flag = |name: &&str| Some(format!("{name} {}", prop_cast::<bool>(properties, name)?));
    ["Powered", "Discovering", "Connected", "ServicesResolved"]
        .iter()
        .filter_map(flag)
        .collect()
}

#[test]
fn what_was_only_seen_is_forgotten_thirty_seconds_later() {
    let mut bench = Bench::scanning(DoubleConfig::default());
    assert_eq!(bench.pass(100 * SECOND), Words::new());
    bench.call(ADAPTER_PATH, ADAPTER, "StopDiscovery", ());
    assert_eq!(bench.pass(29 * SECOND), ["answer 2", "Discovering false"]);
    assert_eq!(bench.pass(SECOND), ["InterfacesRemoved"]);
}

#[test]
fn what_was_connected_stays() {
    let mut bench = Bench::joined(DoubleConfig::default());
    bench.device("Disconnect");
    assert_eq!(bench.pass(1900 * SECOND / 1000), Words::new());
    assert_eq!(
        bench.pass(SECOND / 2),
        ["ServicesResolved false", "answer 3", "Connected false"]
    );
    assert_eq!(bench.pass(1000 * SECOND), Words::new());
}

#[test]
fn a_connect_while_the_link_is_being_dropped_is_answered_and_dropped_all_the_same() {
    let mut bench = Bench::joined(DoubleConfig::default());
    bench.device("Disconnect");
    bench.device("Connect");
    assert_eq!(bench.pass(SECOND), ["answer 4"]);
    assert_eq!(
        bench.pass(2 * SECOND),
        ["ServicesResolved false", "answer 3", "Connected false"]
    );
}

#[test]
fn bluez_tries_for_ever_to_reach_an_absent_band() {
    let mut bench = Bench::scanning(DoubleConfig::default());
    bench.world.bands.get_mut(&BAND).unwrap().in_range = false;
    bench.device("Connect");
    assert_eq!(bench.pass(3600 * SECOND), Words::new());
    bench.device("Connect");
    assert_eq!(bench.pass(SECOND), ["error 3 Operation already in progress"]);
    bench.device("Disconnect");
    assert_eq!(bench.pass(SECOND), ["error 2 br-connection-canceled", "answer 4"]);
}

#[test]
fn an_unanswered_request_ends_the_link_after_thirty_two_seconds() {
    let mut bench = Bench::joined(DoubleConfig::default());
    bench.world.bands.get_mut(&BAND).unwrap().mute = true;
    bench.write(&[1]);
    assert_eq!(bench.pass(31 * SECOND), Words::new());
    let words = bench.pass(SECOND);
    assert_eq!(words[..2], ["Connected false", "ServicesResolved false"]);
    assert!(words[2].starts_with("error 3 "), "{words:?}");
}

#[test]
fn a_lost_link_takes_its_supervision_timeout() {
    let mut bench = Bench::joined(DoubleConfig::default());
    let now = bench.now;
    bench.world.lose_link(now, BAND);
    assert_eq!(bench.pass(SECOND * 41 / 100), Words::new());
    assert_eq!(
        bench.pass(SECOND / 100),
        ["Connected false", "ServicesResolved false"]
    );
}

#[test]
fn requests_wait_for_one_another() {
    let mut config = DoubleConfig::default();
    config.pace.interval = Duration::from_millis(30);
    let mut bench = Bench::joined(config);
    bench.write(&[1]);
    bench.write(&[2]);
    // Just after an event: the next one takes the request, the one after it the answer.
    assert_eq!(bench.pass(Duration::from_millis(60)), ["answer 3"]);
    assert_eq!(bench.pass(Duration::from_millis(60)), ["answer 4"]);
    assert_eq!(bench.world.bands[&BAND].counters.write_requests, 2);
}

/// Exchanges that reading 300 bytes takes at this MTU of the band.
fn check_read(mtu_bytes: u16, exchanges: u64) {
    let mut bench = Bench::new(DoubleConfig::default());
    bench.world.bands.get_mut(&BAND).unwrap().config.mtu_bytes_max = mtu_bytes;
    bench.call(ADAPTER_PATH, ADAPTER, "StartDiscovery", ());
    bench.pass(SECOND);
    bench.device("Connect");
    bench.pass(SECOND);
    let before = bench.world.bands[&BAND].counters.att_exchanges;
    let path = Object::Characteristic(BAND, 0x20, 0x26).path();
    bench.call(&path, CHARACTERISTIC, "ReadValue", (PropMap::new(),));
    assert_eq!(bench.pass(SECOND), ["answer 3"]);
    assert_eq!(
        bench.world.bands[&BAND].counters.att_exchanges - before,
        exchanges
    );
}

#[test]
fn a_long_value_is_read_in_pieces() {
    check_read(517, 1);
    check_read(247, 2);
    check_read(101, 4);
    check_read(23, 14);
}

#[test]
fn a_filter_keeps_others_out() {
    let mut bench = Bench::new(DoubleConfig::default());
    let wanted = vec!["00001800-0000-1000-8000-00805f9b34fb".to_owned()];
    let filter = super::message::property("UUIDs", wanted);
    bench.call(ADAPTER_PATH, ADAPTER, "SetDiscoveryFilter", (filter,));
    bench.call(ADAPTER_PATH, ADAPTER, "StartDiscovery", ());
    assert_eq!(
        bench.pass(10 * SECOND),
        ["answer 1", "answer 2", "Discovering true"]
    );
}

#[test]
fn without_a_demand_for_duplicates_only_changes_are_told() {
    let mut bench = Bench::scanning(DoubleConfig {
        rssi_threshold_db: 100,
        ..DoubleConfig::default()
    });
    let device = &bench.world.devices[&BAND];
    let (seen, data) = (device.last_seen, device.manufacturer_data.clone());
    assert_eq!(bench.pass(SECOND), Words::new());
    let device = &bench.world.devices[&BAND];
    assert!(device.last_seen > seen);
    assert_eq!(device.manufacturer_data, data);
}

#[test]
fn a_removed_device_is_forgotten_with_its_link() {
    let mut bench = Bench::joined(DoubleConfig::default());
    bench.call(ADAPTER_PATH, ADAPTER, "StopDiscovery", ());
    bench.pass(SECOND);
    let path = super::message::object_path(&Object::Device(BAND).path());
    bench.call(ADAPTER_PATH, ADAPTER, "RemoveDevice", (path.clone(),));
    let words = bench.pass(SECOND);
    assert_eq!(words[..2], ["Connected false", "ServicesResolved false"]);
    assert_eq!(words.last().unwrap(), "answer 4");
    assert!(bench.world.devices.is_empty() && bench.world.links.is_empty());
    bench.call(ADAPTER_PATH, ADAPTER, "RemoveDevice", (path,));
    assert_eq!(bench.pass(SECOND), ["error 5 Does Not Exist"]);
}

#[test]
fn what_is_not_there_is_refused_by_name() {
    let mut bench = Bench::scanning(DoubleConfig::default());
    bench.device("Pair");
    bench.device("Dance");
    bench.call("/org/bluez/hci0/dev_00_00_00_00_00_00", DEVICE, "Connect", ());
    bench.call("/org/bluez", "org.bluez.AgentManager1", "RequestDefaultAgent", ());
    let missing = |name: &str| {
        format!("Method \"{name}\" with signature \"\" on interface \"{DEVICE}\" doesn't exist\n")
    };
    let expected = [
        "error 2 Operation is not supported".to_owned(),
        format!("error 3 {}", missing("Dance")),
        format!("error 4 {}", missing("Connect")),
        "answer 5".to_owned(),
    ];
    assert_eq!(bench.pass(Duration::ZERO), expected);
}

#[test]
fn a_changed_table_is_read_anew() {
    let mut bench = Bench::joined(DoubleConfig::default());
    let now = bench.now;
    bench.world.close(now, BAND);
    bench.pass(SECOND);
    let band = bench.world.bands.get_mut(&BAND).unwrap();
    band.table.characteristics.pop();
    let counters = |bench: &Bench| {
        let counters = bench.world.bands[&BAND].counters;
        (counters.discoveries, counters.discoveries_saved)
    };
    assert_eq!(counters(&bench), (1, 0));
    bench.device("Connect");
    let words = bench.pass(SECOND);
    let count = |word: &str| words.iter().filter(|it| *it == word).count();
    // Two services; four characteristics, then three; two descriptors.
    assert_eq!((count("InterfacesRemoved"), count("InterfacesAdded")), (8, 7));
    assert_eq!(counters(&bench), (2, 0));
    bench.world.close(bench.now, BAND);
    bench.device("Connect");
    bench.pass(SECOND);
    assert_eq!(counters(&bench), (2, 1));
}

#[test]
fn the_scan_of_a_killed_bluetoothd_is_in_the_way_until_its_end() {
    let mut bench = Bench::scanning(DoubleConfig::default());
    bench.pass(3 * SECOND);
    bench.world.daemon_gone(bench.now);
    bench.world.daemon_back();
    bench.pass(6 * SECOND);
    bench.call(ADAPTER_PATH, ADAPTER, "StartDiscovery", ());
    assert_eq!(bench.pass(SECOND), ["error 2 Operation already in progress"]);
    bench.call(ADAPTER_PATH, ADAPTER, "StartDiscovery", ());
    assert_eq!(bench.pass(SECOND)[..2], ["answer 3", "Discovering true"]);
}
