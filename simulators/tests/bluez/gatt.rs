//! Connecting, discovering, reading, writing, notifying.

use std::time::Duration;

use simulators::bluez::{Address, BandConfig};

use crate::client::hex;
use crate::support::{Client, Echo, echo, quick, start};

#[test]
fn scan_connect_write_and_hear_the_echo() {
    let Some(double) = start(quick()) else { return };
    let band = echo(&double, 1);
    let mut client = Client::open(&double);
    client.ask("start_scan").unwrap();
    let address = client.find(&band);
    client.ask("stop_scan").unwrap();
    client.ask(&format!("connect {address}")).unwrap();
    assert_eq!(
        client.ask(&format!("discover {address}")),
        Ok("mtu 247 characteristics 4".to_owned())
    );
    client.ask(&format!("subscribe {address}")).unwrap();
    client.ask(&format!("command {address} 010203")).unwrap();
    assert_eq!(client.event(&format!("value {address} 0003 ")), "010203");
    client.ask(&format!("write {address} 0405")).unwrap();
    assert_eq!(client.event(&format!("value {address} 0003 ")), "0405");
    assert_eq!(band.with(|echo, _| echo.mtus.clone()), [247]);
    let counters = band.counters();
    assert_eq!(
        (
            counters.write_commands,
            counters.write_requests,
            counters.notifications
        ),
        (1, 1, 2)
    );
    assert_eq!((counters.bytes_to_band, counters.bytes_to_station), (5, 5));
    assert_eq!((counters.connects, counters.discoveries), (1, 1));
    // Discovery, one subscription, one write.
    assert_eq!(counters.att_exchanges, 16 + 1 + 1);
}

#[test]
fn a_read_also_looks_like_a_notification() {
    let Some(double) = start(quick()) else { return };
    let band = echo(&double, 1);
    let mut client = Client::open(&double);
    client.ask("start_scan").unwrap();
    let address = client.find(&band);
    client.join(&address);
    let info = hex(&(0..100).collect::<Vec<u8>>());
    assert_eq!(client.ask(&format!("read {address}")), Ok(info.clone()));
    assert_eq!(client.event(&format!("value {address} 0004 ")), info);
}

#[test]
fn the_wearer_and_the_clock_can_make_a_band_speak() {
    let Some(double) = start(quick()) else { return };
    let band = echo(&double, 1);
    let mut client = Client::open(&double);
    client.ask("start_scan").unwrap();
    let address = client.find(&band);
    client.join(&address);
    band.with(|echo, _| echo.say(b"touched"));
    assert_eq!(client.event(&format!("value {address} 0003 ")), hex(b"touched"));
    band.with(|echo, now| echo.say_at(now + Duration::from_millis(10)));
    assert_eq!(client.event(&format!("value {address} 0003 ")), hex(b"timeout"));
}

#[test]
fn two_bands_at_once() {
    let Some(double) = start(quick()) else { return };
    let bands = [echo(&double, 1), echo(&double, 2)];
    let mut client = Client::open(&double);
    client.ask("start_scan").unwrap();
    let addresses = bands.each_ref().map(|band| client.find(band));
    let connects = addresses
        .each_ref()
        .map(|address| client.send(&format!("connect {address}")));
    connects
        .into_iter()
        .for_each(|number| drop(client.answer(number).unwrap()));
    for address in &addresses {
        client.ask(&format!("discover {address}")).unwrap();
        client.ask(&format!("subscribe {address}")).unwrap();
    }
    let values = ["aa", "bb"];
    let writes: Vec<u32> = (addresses.iter().zip(values))
        .map(|(address, value)| client.send(&format!("command {address} {value}")))
        .collect();
    writes
        .into_iter()
        .for_each(|number| drop(client.answer(number).unwrap()));
    for (address, value) in addresses.iter().zip(values) {
        assert_eq!(client.event(&format!("value {address} 0003 ")), value);
    }
}

/// MTU of the band, length of a value, outcomes of a request and of a command.
fn check_length(mtu_bytes_max: u16, len: usize, request: Result<(), &str>, command: Result<(), &str>) {
    let Some(double) = start(quick()) else { return };
    let mut config = BandConfig::new(Address::numbered(1), -50);
    config.mtu_bytes_max = mtu_bytes_max;
    let band = double.add_band(config, Echo::default());
    let mut client = Client::open(&double);
    client.ask("start_scan").unwrap();
    let address = client.find(&band);
    client.join(&address);
    let value = hex(&vec![7; len]);
    let mut outcome = |verb: &str| client.ask(&format!("{verb} {address} {value}")).map(drop);
    assert_eq!(outcome("write"), request.map_err(str::to_owned));
    assert_eq!(outcome("command"), command.map_err(str::to_owned));
    let arrivals = [request, command]
        .iter()
        .filter(|outcome| outcome.is_ok())
        .count();
    let dropped = band.counters().dropped as usize;
    assert_eq!(band.with(|echo, _| echo.written.len()) + dropped, arrivals);
}

#[test]
fn values_have_a_greatest_length() {
    check_length(23, 20, Ok(()), Ok(()));
    check_length(23, 21, Err("Invalid Length"), Err("Failed to initiate write"));
    check_length(517, 512, Ok(()), Ok(()));
    check_length(517, 513, Err("Invalid Length"), Ok(()));
}

#[test]
fn a_thousand_notifications_arrive_in_order() {
    let Some(double) = start(quick()) else { return };
    let band = echo(&double, 1);
    let mut client = Client::open(&double);
    client.ask("start_scan").unwrap();
    let address = client.find(&band);
    client.join(&address);
    band.with(|echo, _| (0..1000u16).for_each(|number| echo.say(&number.to_be_bytes())));
    for number in 0..1000u16 {
        assert_eq!(
            client.event(&format!("value {address} 0003 ")),
            hex(&number.to_be_bytes())
        );
    }
}

#[test]
fn a_round_trip_takes_two_connection_intervals() {
    let Some(double) = start(quick()) else { return };
    double.set_interval(Duration::from_millis(15));
    let band = echo(&double, 1);
    let mut client = Client::open(&double);
    client.ask("start_scan").unwrap();
    let address = client.find(&band);
    client.join(&address);
    let micros: u64 = client
        .ask(&format!("rounds {address} 10"))
        .unwrap()
        .parse()
        .unwrap();
    println!("10 round trips at 15 ms: {micros} us");
    // The first command may find its event waiting.
    assert!(micros >= 19 * 15_000, "{micros}");
}
