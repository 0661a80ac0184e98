//! Looking for bands.

use crate::child::{Order, Told};
use crate::station::{Station, address, air, band, device, double, quick};
use firmware_protocol::gatt;
use simulators::bluez::{BandConfig, DoubleConfig, Fault, Layout};
use station_daemon::radio::RadioConfig;

#[test]
fn bands_are_seen_with_their_beacon_and_strength() {
    let Some(double) = double(DoubleConfig {
        rssi_noise_db: 0,
        ..DoubleConfig::default()
    }) else {
        return;
    };
    band(&double, 1);
    let mut station = Station::scanning(&double, &quick());
    let seen = station.until(|told| matches!(told, Told::Seen { .. }));
    let expected = Told::Seen {
        device: device(1),
        rssi_dbm: -50,
        worn: false,
        battery_percent: 80,
    };
    assert_eq!(seen, expected);
}

#[test]
fn strength_is_averaged_over_ten_advertisements() {
    let Some(double) = double(DoubleConfig {
        rssi_noise_db: 0,
        ..DoubleConfig::default()
    }) else {
        return;
    };
    let band = band(&double, 1);
    let config = RadioConfig {
        seen_interval_ms: 0,
        ..quick()
    };
    let mut station = Station::scanning(&double, &config);
    station.until_seen(1);
    band.set_rssi(-80);
    let mut readings = Vec::new();
    while readings.last() != Some(&-80) {
        if let Told::Seen { rssi_dbm, .. } = station.next() {
            readings.push(rssi_dbm);
        }
    }
    assert!(readings.windows(2).all(|pair| pair[0] >= pair[1]), "{readings:?}");
    readings.dedup();
    assert!(readings.len() >= 5, "not in one jump: {readings:?}");
}

#[test]
fn a_band_that_leaves_is_gone_and_comes_back() {
    let Some(double) = double(air()) else {
        return;
    };
    let band = band(&double, 1);
    let mut station = Station::scanning(&double, &quick());
    station.until_seen(1);
    band.set_in_range(false);
    station.until_told(&Told::Gone(device(1)));
    band.set_in_range(true);
    station.until_seen(1);
}

#[test]
fn what_a_band_says_is_news_at_once() {
    let Some(double) = double(air()) else {
        return;
    };
    let band = band(&double, 1);
    let config = RadioConfig {
        seen_interval_ms: 60_000,
        ..quick()
    };
    let mut station = Station::scanning(&double, &config);
    station.until(|told| matches!(told, Told::Seen { worn: false, .. }));
    band.with(|echo, _| echo.worn = true);
    station.until(|told| matches!(told, Told::Seen { worn: true, .. }));
}

#[test]
fn a_device_that_bluez_only_remembers_is_not_present() {
    let Some(double) = double(air()) else {
        return;
    };
    let left = band(&double, 1);
    let mut first = Station::scanning(&double, &quick());
    first.until_seen(1);
    left.set_in_range(false);
    drop(first);
    band(&double, 2);
    let mut second = Station::scanning(&double, &quick());
    for _ in 0..5 {
        let seen = second.until(|told| matches!(told, Told::Seen { .. }));
        assert!(matches!(seen, Told::Seen { device: seen, .. } if seen == device(2)));
    }
}

#[test]
fn a_stranger_with_a_beacon_is_not_a_band() {
    let Some(double) = double(air()) else {
        return;
    };
    let layout = Layout {
        advertised: Some(gatt::INFO),
        ..Layout::default()
    };
    let stranger = BandConfig {
        layout,
        ..BandConfig::new(address(1), -40)
    };
    double.add_band(stranger, crate::echo::Echo::default());
    band(&double, 2);
    let mut station = Station::scanning(&double, &quick());
    for _ in 0..5 {
        let seen = station.until(|told| matches!(told, Told::Seen { .. }));
        assert!(matches!(seen, Told::Seen { device: seen, .. } if seen == device(2)));
    }
}

#[test]
fn a_scan_that_does_not_start_is_tried_again() {
    let Some(double) = double(air()) else {
        return;
    };
    let band = band(&double, 1);
    let in_progress = || Fault::Error {
        name: "org.bluez.Error.InProgress".into(),
        text: "again".into(),
    };
    double.fail_next("StartDiscovery", in_progress());
    double.fail_next("StartDiscovery", Fault::LostReply);
    double.fail_next("StopDiscovery", in_progress());
    let mut station = Station::scanning(&double, &quick());
    station.until_seen(1);
    // Only a radio that knows that it listens misses somebody.
    band.set_in_range(false);
    station.until_told(&Told::Gone(device(1)));
}

#[test]
fn a_scan_that_went_deaf_is_started_over() {
    let Some(double) = double(air()) else {
        return;
    };
    band(&double, 1);
    let config = RadioConfig {
        rescan_hush_ms: 60_000,
        rescan_silence_ms: 2_000,
        ..quick()
    };
    let mut station = Station::scanning(&double, &config);
    station.until_seen(1);
    double.deafen();
    station.until_told(&Told::Gone(device(1)));
    station.until_seen(1);
}

#[test]
fn an_adapter_that_reports_once_per_scan_shows_who_is_there_and_how_near() {
    let Some(double) = double(DoubleConfig {
        drops_doubles: true,
        rssi_noise_db: 0,
        ..air()
    }) else {
        return;
    };
    let port = band(&double, 1);
    let config = RadioConfig {
        rescan_hush_ms: 300,
        presence_timeout_ms: 2_000,
        seen_interval_ms: 0,
        ..quick()
    };
    let mut station = Station::scanning(&double, &config);
    let mut until = |dbm| {
        let is_there = |told: &Told| matches!(told, Told::Seen { rssi_dbm, .. } if *rssi_dbm == dbm);
        station.until(|told| {
            assert_ne!(*told, Told::Gone(device(1)), "it never left");
            is_there(told)
        })
    };
    until(-50);
    port.set_rssi(-80);
    until(-80);
    port.set_in_range(false);
    station.until_told(&Told::Gone(device(1)));
}

#[test]
fn the_scan_is_stopped_at_the_end() {
    let Some(double) = double(air()) else {
        return;
    };
    band(&double, 1);
    let mut station = Station::scanning(&double, &quick());
    station.until_seen(1);
    station.order(&Order::Scan(false));
    station.order(&Order::Scan(true));
    station.until_seen(1);
    station.finish();
    assert_eq!(double.counters().connects, 0);
}
