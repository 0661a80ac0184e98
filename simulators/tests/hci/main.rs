//! The GATT server over HCI against a central by script: no kernel, no BlueZ, no radio.

mod central;
mod probe;
mod session;

use std::time::Duration;

use central::{Central, ERROR, reversed};
use firmware_protocol::advertisement::Beacon;
use firmware_protocol::gatt;
use probe::{Happened, Probe};
use simulators::bluez::{Address, BandConfig, Characteristic, Layout, Role, Service};
use simulators::hci::{HciPort, start};

/// A table as a band has it: GAP at 1, generic attribute at 6, the band's service at 10.
const STATION_TO_BAND: u16 = 12;
const BAND_TO_STATION: u16 = 14;
const SUBSCRIPTION: u16 = 15;
const INFO: u16 = 17;

fn config() -> BandConfig {
    BandConfig {
        advertising_interval: Duration::from_millis(20),
        mtu_bytes_max: 517,
        ..BandConfig::new(Address::numbered(1), -45)
    }
}

fn band(config: BandConfig, probe: Probe) -> (Central, HciPort<Probe>) {
    let (central, stream) = Central::new();
    (central, start(stream, config, probe))
}

/// Connected, with this MTU, and subscribed.
async fn subscribed(config: BandConfig, probe: Probe, mtu_bytes: u16) -> (Central, HciPort<Probe>) {
    let (mut central, port) = band(config, probe);
    central.connect().await;
    if mtu_bytes > gatt::MTU_MIN {
        central.exchange_mtu(mtu_bytes).await;
    }
    assert_eq!(central.write(SUBSCRIPTION, &[1, 0]).await, [0x13]);
    (central, port)
}

fn happened(port: &HciPort<Probe>) -> Vec<Happened> {
    port.with(|probe, _| std::mem::take(&mut probe.happened))
}

fn notify(port: &HciPort<Probe>, values: impl IntoIterator<Item = Vec<u8>>) {
    let values: Vec<_> = values.into_iter().collect();
    port.with(|probe, _| probe.notify.extend(values));
}

#[tokio::test]
async fn the_advertisement_is_the_one_of_the_wire_format() {
    let (mut central, port) = band(config(), Probe::default());
    central
        .until("it is refreshed", |it| it.advertises && it.advertisements >= 3)
        .await;
    assert_eq!(central.address, Some(reversed(port_address())));
    let bytes: [u8; 31] = central.advertisement.clone().try_into().expect("31 bytes");
    let beacon = Beacon::decode(&bytes[25..]).expect("a beacon");
    assert_eq!(beacon.tag, 0xbeef);
    assert_eq!(beacon.advertisement(), bytes);
    let before = beacon.heartbeat;
    let seen = central.advertisements;
    central
        .until("it is refreshed again", |it| it.advertisements > seen)
        .await;
    let beacon = Beacon::decode(&central.advertisement[25..]).expect("a beacon");
    assert_ne!(beacon.heartbeat, before, "each advertisement has its heartbeat");
    assert!(port.counters().advertisements >= u64::from(central.advertisements));
}

fn port_address() -> Address {
    Address::numbered(1)
}

#[tokio::test]
async fn a_silent_band_does_not_advertise() {
    let (mut central, port) = band(config(), Probe::default());
    central.until("it advertises", |it| it.advertises).await;
    port.with(|probe, _| probe.silent = true);
    central.until("it falls silent", |it| !it.advertises).await;
    port.with(|probe, _| probe.silent = false);
    central.until("it is back", |it| it.advertises).await;
    port.set_advertising(false);
    central.until("it falls silent again", |it| !it.advertises).await;
}

#[tokio::test]
async fn the_table_is_the_one_of_the_wire_format() {
    let info: Vec<u8> = (0..60).collect();
    let probe = Probe {
        info: info.clone(),
        ..Probe::default()
    };
    let (mut central, port) = band(config(), probe);
    central.connect().await;
    let services = central.services().await;
    let (first, last, uuid) = services.last().expect("services").clone();
    assert_eq!(uuid, gatt::SERVICE.to_le_bytes());
    let found = central.characteristics(first, last).await;
    let expected = [
        (STATION_TO_BAND, 0x0c, gatt::STATION_TO_BAND),
        (BAND_TO_STATION, 0x10, gatt::BAND_TO_STATION),
        (INFO, 0x02, gatt::INFO),
    ];
    assert_eq!(
        found,
        expected.map(|(handle, properties, uuid)| (handle, properties, uuid.to_le_bytes().to_vec()))
    );
    assert_eq!(
        central.read(INFO, gatt::MTU_MIN).await,
        info,
        "the rest by Read Blob"
    );
    let read = central.ask(&[0x0a, STATION_TO_BAND as u8, 0]).await;
    assert_eq!((read[0], read[4]), (ERROR, 0x02), "read not permitted");
    let write = central.write(INFO, &[1]).await;
    assert_eq!((write[0], write[4]), (ERROR, 0x03), "write not permitted");
    assert_eq!(happened(&port), [Happened::Connected(23)]);
}

/// What the station's side offers, what the band offers, what both agree on.
async fn check_mtu(offered: u16, mtu_bytes_max: u16, agreed: u16) {
    let config = BandConfig {
        mtu_bytes_max,
        ..config()
    };
    let (mut central, port) = band(
        config,
        Probe {
            echoes: true,
            ..Probe::default()
        },
    );
    central.connect().await;
    assert_eq!(central.exchange_mtu(offered).await, agreed);
    central.write(SUBSCRIPTION, &[1, 0]).await;
    let longest = vec![0xa5; usize::from(agreed - gatt::ATT_HEADER_LEN).min(512)];
    assert_eq!(central.write(STATION_TO_BAND, &longest).await, [0x13]);
    central.write_without_response(STATION_TO_BAND, &longest).await;
    central
        .until("both come back", |it| it.notifications.len() == 2)
        .await;
    for (handle, value) in std::mem::take(&mut central.notifications) {
        assert_eq!((handle, &value), (BAND_TO_STATION, &longest));
    }
    let expected = [
        Happened::Connected(agreed),
        Happened::Wrote(longest.clone()),
        Happened::Wrote(longest),
    ];
    assert_eq!(happened(&port), expected);
    let counters = port.counters();
    assert_eq!(
        (
            counters.write_requests,
            counters.write_commands,
            counters.notifications
        ),
        (2, 1, 2)
    );
}

#[tokio::test]
async fn any_mtu_is_agreed_on_and_used() {
    check_mtu(517, 517, 517).await;
    check_mtu(517, 247, 247).await;
    check_mtu(517, 23, 23).await;
    check_mtu(247, 517, 247).await;
    check_mtu(100, 185, 100).await;
}

#[tokio::test]
async fn what_is_too_long_to_notify_is_cut_off() {
    let (mut central, port) = subscribed(config(), Probe::default(), 64).await;
    notify(&port, [vec![7; 200]]);
    central
        .until("it arrives", |it| !it.notifications.is_empty())
        .await;
    assert_eq!(central.notifications[0].1, [7; 61]);
}

#[tokio::test]
async fn notifications_wait_for_room_and_none_is_lost() {
    let (mut central, port) = subscribed(config(), Probe::default(), 247).await;
    central.holds = true;
    let values: Vec<Vec<u8>> = (0..200u8).map(|number| vec![number; 100]).collect();
    notify(&port, values.clone());
    port.with(|probe, _| probe.end = true);
    let full = u16::from(central.buffers);
    central
        .until("the controller is full", |it| it.held == full)
        .await;
    central.for_a_while(Duration::from_millis(200)).await;
    assert_eq!(
        central.notifications.len(),
        usize::from(full),
        "it has no room for more"
    );
    while central.notifications.len() < values.len() {
        assert!(central.connected, "the band left before all was sent");
        central.release(1).await;
        central.until("the room is filled", |it| it.held == full).await;
    }
    assert!(
        central.held_max <= full,
        "{} packets in {full} buffers",
        central.held_max
    );
    central.for_a_while(Duration::from_millis(100)).await;
    assert!(central.connected, "what was notified last is not sent yet");
    central.release(central.held).await;
    central
        .until("the band ends the link", |it| it.ended.is_some())
        .await;
    assert_eq!(central.ended, Some(0x13), "remote user terminated connection");
    let arrived: Vec<Vec<u8>> = central.notifications.drain(..).map(|(_, value)| value).collect();
    assert_eq!(arrived, values);
}

#[tokio::test]
async fn a_controller_without_buffers_of_its_own_for_le_is_served() {
    let (mut central, stream) = Central::new();
    central.buffers = 0;
    let port = start(stream, config(), Probe::default());
    central.connect().await;
    central.exchange_mtu(247).await;
    central.write(SUBSCRIPTION, &[1, 0]).await;
    notify(&port, (0..20).map(|number| vec![number; 100]));
    central
        .until("all arrives", |it| it.notifications.len() == 20)
        .await;
}

#[tokio::test]
async fn a_flood_of_writes_arrives_whole_and_in_order() {
    let (mut central, port) = subscribed(config(), Probe::default(), 247).await;
    for number in 0..1000u16 {
        central
            .write_without_response(STATION_TO_BAND, &number.to_le_bytes())
            .await;
        if number % 32 == 31 {
            central.write(SUBSCRIPTION, &[1, 0]).await;
        }
    }
    let expected: Vec<[u8; 2]> = (0..1000).map(u16::to_le_bytes).collect();
    central.write(SUBSCRIPTION, &[1, 0]).await;
    port.with(move |probe, _| assert_eq!(probe.written(), expected));
}

#[tokio::test]
async fn nobody_hears_what_nobody_subscribed_to() {
    let (mut central, port) = band(
        config(),
        Probe {
            echoes: true,
            ..Probe::default()
        },
    );
    central.connect().await;
    assert_eq!(central.write(STATION_TO_BAND, &[1]).await, [0x13]);
    while port.counters().dropped == 0 {
        central.for_a_while(Duration::from_millis(1)).await;
    }
    central.write(SUBSCRIPTION, &[1, 0]).await;
    assert_eq!(central.write(STATION_TO_BAND, &[2]).await, [0x13]);
    central
        .until("the second comes back", |it| !it.notifications.is_empty())
        .await;
    assert_eq!(central.notifications, [(BAND_TO_STATION, vec![2])]);
    assert_eq!(port.counters().dropped, 1);
}

#[tokio::test]
async fn a_lost_link_is_noticed_and_the_next_one_is_whole() {
    let (mut central, port) = subscribed(config(), Probe::default(), 247).await;
    central.holds = true;
    notify(&port, (0..30).map(|number| vec![number; 50]));
    central.until("the controller is full", |it| it.held == 4).await;
    central.lose_link().await;
    central.holds = false;
    central.notifications.clear();
    central.connect().await;
    assert_eq!(
        happened(&port),
        [Happened::Connected(247), Happened::Disconnected]
    );
    port.with(|probe, _| probe.notify.clear());
    assert_eq!(central.exchange_mtu(100).await, 100, "each link has its own MTU");
    let off = central.ask(&[0x0a, SUBSCRIPTION as u8, 0]).await;
    assert_eq!(off, [0x0b, 0, 0], "and its own subscription");
    central.write(SUBSCRIPTION, &[1, 0]).await;
    notify(&port, (100..140).map(|number| vec![number; 50]));
    central
        .until("all arrives", |it| it.notifications.len() == 40)
        .await;
    assert_eq!(
        central.notifications.front().map(|(_, value)| value[0]),
        Some(100)
    );
    assert_eq!(port.counters().disconnects, 1);
}

#[tokio::test]
async fn a_mute_band_answers_nothing() {
    let (mut central, port) = subscribed(config(), Probe::default(), 247).await;
    port.set_mute(true);
    central.put(&[0x0a, INFO as u8, 0]).await;
    assert!(central.hears_nothing().await);
    notify(&port, [vec![9]]);
    central
        .until("it still notifies", |it| !it.notifications.is_empty())
        .await;
    port.set_mute(false);
    assert_eq!(central.ask(&[0x0a, INFO as u8, 0]).await[0], 0x0b);
}

#[tokio::test]
async fn new_firmware_may_have_another_table() {
    let (mut central, port) = subscribed(config(), Probe::default(), 247).await;
    let mut layout = Layout::default();
    let added = Characteristic {
        uuid: 0x99,
        flags: vec!["read"],
        role: Role::Fixed(vec![1, 2, 3]),
    };
    let service = Service {
        uuid: 0x98,
        characteristics: vec![added],
    };
    layout.services.insert(1, service);
    port.set_layout(layout);
    central
        .until("the band ends the link", |it| it.ended.is_some())
        .await;
    central.connect().await;
    let services = central.services().await;
    let (first, last, uuid) = services.last().expect("services").clone();
    assert_eq!(uuid, gatt::SERVICE.to_le_bytes());
    let handles: Vec<u16> = central
        .characteristics(first, last)
        .await
        .iter()
        .map(|it| it.0)
        .collect();
    assert_eq!(handles, [STATION_TO_BAND + 3, BAND_TO_STATION + 3, INFO + 3]);
    assert_eq!(central.read(STATION_TO_BAND, gatt::MTU_MIN).await, [1, 2, 3]);
}

#[tokio::test]
async fn a_controller_that_fails_is_reset() {
    let (mut central, port) = subscribed(config(), Probe::default(), 247).await;
    assert_eq!(central.resets, 1);
    central.hardware_error().await;
    central.connect().await;
    assert_eq!(central.resets, 2);
    assert_eq!(central.write(STATION_TO_BAND, &[1]).await, [0x13]);
    let expected = [
        Happened::Connected(247),
        Happened::Disconnected,
        Happened::Connected(23),
        Happened::Wrote(vec![1]),
    ];
    assert_eq!(happened(&port), expected);
    assert_eq!(port.fault(), None);
}

#[tokio::test]
async fn a_band_without_a_controller_says_so_and_can_be_taken_back() {
    let (mut central, port) = subscribed(config(), Probe::default(), 247).await;
    central.for_a_while(Duration::from_millis(10)).await;
    drop(central);
    assert_eq!(port.ended().await, "the controller is gone");
    let probe = port.stop();
    assert_eq!(probe.happened, [Happened::Connected(247), Happened::Disconnected]);
}

#[tokio::test]
async fn twenty_bands_live_in_one_process() {
    let mut bands: Vec<_> = (0..20)
        .map(|number| {
            band(
                BandConfig {
                    address: Address::numbered(number),
                    ..config()
                },
                Probe::default(),
            )
        })
        .collect();
    for (number, (central, port)) in bands.iter_mut().enumerate() {
        central.connect().await;
        assert_eq!(central.address, Some(reversed(Address::numbered(number as u32))));
        central.write(SUBSCRIPTION, &[1, 0]).await;
        notify(port, [vec![number as u8]]);
    }
    for (number, (central, _)) in bands.iter_mut().enumerate() {
        central
            .until("each says its own", |it| !it.notifications.is_empty())
            .await;
        assert_eq!(central.notifications[0].1, [number as u8]);
    }
}
