//! What goes wrong with adapters, daemons, buses and links, as btleplug gets to see it.

use std::time::{Duration, Instant};

use simulators::bluez::{BandPort, Disturbance, Double, DoubleConfig, Fault};

use crate::support::{Client, Echo, echo, quick, start};

/// A double with a band to which a client is connected.
fn joined(config: DoubleConfig) -> Option<(Double, BandPort<Echo>, Client, String)> {
    let double = start(config)?;
    let band = echo(&double, 1);
    let mut client = Client::open(&double);
    client.ask("start_scan").unwrap();
    let address = client.find(&band);
    client.join(&address);
    Some((double, band, client, address))
}

fn echoes(client: &mut Client, address: &str, value: &str) {
    client.ask(&format!("command {address} {value}")).unwrap();
    assert_eq!(client.event(&format!("value {address} 0003 ")), value);
}

#[test]
fn the_second_start_and_the_second_stop_of_a_scan_fail() {
    let Some(double) = start(quick()) else { return };
    let mut client = Client::open(&double);
    client.ask("start_scan").unwrap();
    assert_eq!(
        client.ask("start_scan").unwrap_err(),
        "Operation already in progress"
    );
    client.ask("stop_scan").unwrap();
    assert_eq!(client.ask("stop_scan").unwrap_err(), "No discovery started");
    assert_eq!(double.counters().scans, 1);
}

#[test]
fn starting_a_scan_switches_the_radio_on() {
    let Some(double) = start(quick()) else { return };
    let mut client = Client::open(&double);
    double.power(false);
    client.event("state PoweredOff");
    client.ask("start_scan").unwrap();
    client.event("state PoweredOn");
}

#[test]
fn a_scan_of_a_dead_client_does_not_stand_in_the_way() {
    let Some(double) = start(quick()) else { return };
    let mut first = Client::open(&double);
    first.ask("start_scan").unwrap();
    drop(first);
    let mut second = Client::open(&double);
    second.ask("start_scan").unwrap();
    second.ask("stop_scan").unwrap();
}

#[test]
fn the_link_outlives_its_client() {
    let Some((double, band, client, _)) = joined(quick()) else {
        return;
    };
    drop(client);
    let mut next = Client::open(&double);
    next.event(&format!("connected {}", band.address()));
    let address = band.address().to_string();
    next.join(&address);
    echoes(&mut next, &address, "01");
    assert_eq!(band.counters().connects, 1);
}

#[test]
fn a_link_that_the_station_ends_takes_its_time() {
    let Some((_double, band, mut client, address)) = joined(quick()) else {
        return;
    };
    let before = Instant::now();
    client.ask(&format!("disconnect {address}")).unwrap();
    assert!(before.elapsed() >= Duration::from_millis(300));
    client.event(&format!("disconnected {address}"));
    assert_eq!(band.with(|echo, _| echo.disconnects), 1);
}

#[test]
fn a_link_that_the_band_ends_is_gone_at_once() {
    let slow = DoubleConfig {
        disconnect_delay: Duration::from_secs(3600),
        ..quick()
    };
    let Some((_double, band, mut client, address)) = joined(slow) else {
        return;
    };
    band.with(|echo, _| echo.say(b"bye"));
    client.ask(&format!("command {address} ff")).unwrap();
    client.event(&format!("disconnected {address}"));
    client.event(&format!("value {address} 0003 627965"));
    let refused = client.ask(&format!("write {address} 01")).unwrap_err();
    assert_eq!(refused, "Not connected");
    assert_eq!(band.with(|echo, _| echo.disconnects), 1);
}

#[test]
fn a_known_band_needs_fewer_exchanges() {
    let Some((_double, band, mut client, address)) = joined(quick()) else {
        return;
    };
    client.ask(&format!("command {address} ff")).unwrap();
    client.event(&format!("disconnected {address}"));
    let before = band.counters().att_exchanges;
    client.ask(&format!("connect {address}")).unwrap();
    assert_eq!(band.counters().att_exchanges - before, 8);
    client.ask(&format!("discover {address}")).unwrap();
    client.ask(&format!("subscribe {address}")).unwrap();
    echoes(&mut client, &address, "02");
}

#[test]
fn a_connect_to_an_absent_band_waits_until_it_is_cancelled() {
    let Some(double) = start(quick()) else { return };
    let (absent, present) = (echo(&double, 1), echo(&double, 2));
    let mut client = Client::open(&double);
    client.ask("start_scan").unwrap();
    let (away, here) = (client.find(&absent), client.find(&present));
    absent.set_in_range(false);
    let pending = client.send(&format!("connect {away}"));
    // Another band is not held up, and shows that the attempt has begun.
    client.ask(&format!("connect {here}")).unwrap();
    assert_eq!(
        client.ask(&format!("connect {away}")).unwrap_err(),
        "Operation already in progress"
    );
    client.ask(&format!("disconnect {away}")).unwrap();
    client.answer(pending).unwrap_err();
    absent.set_in_range(true);
    client.ask(&format!("connect {away}")).unwrap();
}

#[test]
fn a_lost_link_is_noticed_by_both_ends() {
    let Some((_double, band, mut client, address)) = joined(quick()) else {
        return;
    };
    band.drop_link();
    client.event(&format!("disconnected {address}"));
    assert_eq!(band.with(|echo, _| echo.disconnects), 1);
    client.ask(&format!("connect {address}")).unwrap();
}

#[test]
fn a_mute_band_is_given_up_after_a_while() {
    let config = DoubleConfig {
        att_timeout: Duration::from_millis(200),
        ..quick()
    };
    let Some((_double, band, mut client, address)) = joined(config) else {
        return;
    };
    band.set_mute(true);
    client.ask(&format!("write {address} 01")).unwrap_err();
    client.event(&format!("disconnected {address}"));
}

#[test]
fn a_band_can_be_taken_away_and_come_back_as_another() {
    let Some((double, band, mut client, address)) = joined(quick()) else {
        return;
    };
    let old = band.remove();
    assert_eq!(old.disconnects, 1);
    let band = echo(&double, 1);
    client.event(&format!("disconnected {address}"));
    client.join(&address);
    echoes(&mut client, &address, "07");
    assert_eq!(band.with(|echo, _| echo.disconnects), 0);
    assert_eq!(double.counters().connects, 2);
}

#[test]
fn values_get_lost_on_their_way() {
    let Some((_double, band, mut client, address)) = joined(quick()) else {
        return;
    };
    band.disturb_notifications(Disturbance::Lose, 2);
    band.with(|echo, _| (1..=3).for_each(|number| echo.say(&[number])));
    assert_eq!(client.event(&format!("value {address} 0003 ")), "03");
    assert_eq!(band.counters().dropped, 2);
    band.disturb_commands(Disturbance::Lose, 1);
    client.ask(&format!("command {address} 04")).unwrap();
    echoes(&mut client, &address, "05");
    assert_eq!(band.with(|echo, _| echo.written.clone()), [[5]]);
}

#[test]
fn a_link_can_break_while_its_services_are_being_resolved() {
    let Some(double) = start(quick()) else { return };
    let band = echo(&double, 1);
    let mut client = Client::open(&double);
    client.ask("start_scan").unwrap();
    let address = client.find(&band);
    band.break_links(1);
    // btleplug waits half a minute for services that will not come.
    let unanswered = client.send(&format!("connect {address}"));
    client.event(&format!("connected {address}"));
    client.event(&format!("disconnected {address}"));
    client.join(&address);
    echoes(&mut client, &address, "06");
    // The second connect resolved the services that the first one was waiting for.
    client.answer(unanswered).unwrap();
}

#[test]
fn an_adapter_can_be_pulled_out_and_put_back() {
    let Some((double, band, mut client, address)) = joined(quick()) else {
        return;
    };
    double.unplug_adapter();
    client.event(&format!("disconnected {address}"));
    client.event("state PoweredOff");
    assert_eq!(client.ask("adapters").unwrap(), "0");
    let error = client.ask(&format!("rssi {address}")).unwrap_err();
    assert!(error.contains("doesn't exist"), "{error}");
    double.plug_adapter();
    assert_eq!(client.ask("adapters").unwrap(), "1");
    // The old adapter works again; its devices have to be found again.
    client.ask("start_scan").unwrap();
    client.find(&band);
    client.join(&address);
    echoes(&mut client, &address, "03");
}

#[test]
fn switching_the_radio_off_ends_links_at_once() {
    let slow = DoubleConfig {
        disconnect_delay: Duration::from_secs(3600),
        ..quick()
    };
    let Some((double, _band, mut client, address)) = joined(slow) else {
        return;
    };
    double.power(false);
    client.event(&format!("disconnected {address}"));
    client.event("state PoweredOff");
    assert_eq!(
        client.ask(&format!("write {address} 01")).unwrap_err(),
        "Not connected"
    );
    assert_eq!(
        client.ask(&format!("connect {address}")).unwrap_err(),
        "Resource Not Ready"
    );
    double.power(true);
    // A band once connected stays known: no scan is needed.
    client.ask(&format!("connect {address}")).unwrap();
}

#[test]
fn bluetoothd_dies_without_a_word_and_comes_back() {
    let Some((double, band, mut client, address)) = joined(quick()) else {
        return;
    };
    client.forget_events();
    double.kill_bluetoothd();
    assert_eq!(band.with(|echo, _| echo.disconnects), 1);
    let error = client.ask("start_scan").unwrap_err();
    assert!(error.contains("org.bluez"), "{error}");
    double.restart_bluetoothd().unwrap();
    client.ask("start_scan").unwrap();
    client.find(&band);
    client.join(&address);
    echoes(&mut client, &address, "04");
}

#[test]
fn a_stored_device_survives_bluetoothd() {
    let config = DoubleConfig {
        remembers_devices: true,
        ..quick()
    };
    let Some((double, _band, mut client, address)) = joined(config) else {
        return;
    };
    double.kill_bluetoothd();
    double.restart_bluetoothd().unwrap();
    client.ask(&format!("connect {address}")).unwrap();
}

#[test]
fn a_restarted_bus_serves_new_clients() {
    let Some((double, band, mut client, _)) = joined(quick()) else {
        return;
    };
    double.restart_bus().unwrap();
    client.ask("open").unwrap();
    client.ask("start_scan").unwrap();
    let address = client.find(&band);
    client.join(&address);
    echoes(&mut client, &address, "05");
}

#[test]
fn a_stopped_bus_refuses_clients() {
    let Some(double) = start(quick()) else { return };
    double.stop_bus();
    let mut client = Client::start(&double);
    client.ask("open").unwrap_err();
    double.restart_bus().unwrap();
    client.ask("open").unwrap();
}

#[test]
fn known_devices_are_told_to_new_clients_though_they_are_away() {
    let Some((double, band, mut client, address)) = joined(quick()) else {
        return;
    };
    client.ask(&format!("command {address} ff")).unwrap();
    client.event(&format!("disconnected {address}"));
    client.ask("stop_scan").unwrap();
    band.set_in_range(false);
    let mut late = Client::open(&double);
    late.event(&format!("discovered {address}"));
    assert_eq!(late.ask(&format!("rssi {address}")).unwrap(), "None");
}

#[test]
fn advertisements_are_told_one_by_one() {
    let Some(double) = start(quick()) else { return };
    let band = echo(&double, 1);
    let mut client = Client::open(&double);
    client.ask("start_scan").unwrap();
    let address = client.find(&band);
    let mut heartbeat = || {
        let data = client.event(&format!("data {address} "));
        u8::from_str_radix(&data[6..8], 16).unwrap()
    };
    let first = heartbeat();
    assert_eq!(
        [heartbeat(), heartbeat()],
        [first.wrapping_add(1), first.wrapping_add(2)]
    );
}

#[test]
fn signal_strength_is_told_when_it_has_changed_much() {
    let Some(double) = start(DoubleConfig {
        rssi_noise_db: 0,
        ..quick()
    }) else {
        return;
    };
    let band = echo(&double, 1);
    let mut client = Client::open(&double);
    client.ask("start_scan").unwrap();
    let address = client.find(&band);
    band.set_rssi(-57);
    // Two more advertisements have passed by then.
    client.event(&format!("data {address} "));
    client.event(&format!("data {address} "));
    band.set_rssi(-58);
    assert_eq!(client.event(&format!("rssi {address} ")), "-58");
}

#[test]
fn a_call_can_be_made_to_fail() {
    let Some(double) = start(quick()) else { return };
    let mut client = Client::open(&double);
    let name = "org.bluez.Error.Failed".to_owned();
    double.fail_next(
        "Adapter1.StartDiscovery",
        Fault::Error {
            name,
            text: "radio on fire".to_owned(),
        },
    );
    assert_eq!(client.ask("start_scan").unwrap_err(), "radio on fire");
    client.ask("start_scan").unwrap();
}

#[test]
fn a_call_can_be_left_without_an_answer() {
    let Some(double) = start(quick()) else { return };
    let band = echo(&double, 1);
    let mut client = Client::open(&double);
    double.fail_next("StartDiscovery", Fault::NoReply);
    assert_eq!(client.ask("within 1000 start_scan").unwrap_err(), "no answer");
    assert_eq!(double.counters().scans, 0);
    double.fail_next("StartDiscovery", Fault::LostReply);
    assert_eq!(client.ask("within 1000 start_scan").unwrap_err(), "no answer");
    client.find(&band);
}
