//! Everything below the bands: power, adapter, bluetoothd, the bus.

use crate::child::{Order, Told};
use crate::station::{Station, air, band, device, double, quick};
use simulators::bluez::{Double, Fault};
use station_daemon::radio::RadioConfig;
use std::time::Duration;

/// A link, the given break, the state it leads to, the repair, and a link again.
fn check(state: &str, breaks: impl Fn(&Double), repairs: impl Fn(&Double)) {
    let Some(double) = double(air()) else {
        return;
    };
    band(&double, 1);
    let mut station = Station::scanning(&double, &quick());
    station.connect(1);
    breaks(&double);
    station.until_all(vec![Told::Adapter(state.into()), Told::Disconnected(device(1))]);
    station.order(&Order::Connect(device(1)));
    assert_eq!(station.until_refused(1), "adapter_not_ready");
    repairs(&double);
    station.until_adapter("ready");
    station.connect(1);
    station.echo(1, &[1, 2, 3]);
}

#[test]
fn powered_off_and_on() {
    check("off", |double| double.power(false), |double| double.power(true));
}

#[test]
fn unplugged_and_back() {
    check("absent", Double::unplug_adapter, Double::plug_adapter);
}

#[test]
fn bluetoothd_killed_and_restarted() {
    let restart = |double: &Double| double.restart_bluetoothd().expect("bluetoothd");
    check("bluez_down", Double::kill_bluetoothd, restart);
}

#[test]
fn bus_restarted() {
    let restart = |double: &Double| double.restart_bus().expect("a bus");
    check("bus_down", Double::stop_bus, restart);
}

#[test]
fn an_adapter_that_is_off_stays_off_until_somebody_switches_it_on() {
    let Some(double) = double(air()) else {
        return;
    };
    band(&double, 1);
    double.power(false);
    let mut station = Station::start(&double, &quick());
    station.until_adapter("off");
    station.order(&Order::Scan(true));
    station.order(&Order::Connect(device(1)));
    assert_eq!(station.until_refused(1), "adapter_not_ready");
    assert_eq!(double.counters().scans, 0);
    double.power(true);
    station.until_adapter("ready");
    station.until_seen(1);
}

#[test]
fn a_station_may_start_before_everything_else() {
    let Some(double) = double(air()) else {
        return;
    };
    band(&double, 1);
    double.stop_bus();
    let mut station = Station::start(&double, &quick());
    station.order(&Order::Scan(true));
    station.until_adapter("bus_down");
    double.restart_bus().expect("a bus");
    station.until_adapter("ready");
    station.until_seen(1);
}

#[test]
fn a_station_without_an_adapter_waits_for_one() {
    let Some(double) = double(air()) else {
        return;
    };
    band(&double, 1);
    double.unplug_adapter();
    let mut station = Station::start(&double, &quick());
    station.order(&Order::Scan(true));
    station.until_adapter("absent");
    double.plug_adapter();
    station.until_adapter("ready");
    station.until_seen(1);
}

#[test]
fn a_bluez_that_does_not_answer_is_found_out_and_recovers() {
    let Some(double) = double(air()) else {
        return;
    };
    band(&double, 1);
    let mut station = Station::scanning(&double, &quick());
    station.until_seen(1);
    // The ping, the adapter list behind it, and the test whether it is only this connection.
    for method in [
        "Adapter1.GetAll",
        "GetAll",
        "GetAll",
        "GetManagedObjects",
        "Peer.Ping",
    ] {
        double.fail_next(method, Fault::NoReply);
    }
    station.until_adapter("bluez_down");
    station.until_adapter("ready");
    station.until_seen(1);
}

#[test]
fn a_radio_that_is_refused_says_so() {
    let Some(double) = double(air()) else {
        return;
    };
    let denied = || Fault::Error {
        name: "org.freedesktop.DBus.Error.AccessDenied".into(),
        text: "no".into(),
    };
    double.fail_next("GetManagedObjects", denied());
    let mut station = Station::start(&double, &quick());
    station.until_adapter("no_permission");
    station.until_adapter("ready");
}

#[test]
fn an_idle_radio_sleeps() {
    let Some(double) = double(air()) else {
        return;
    };
    let window = Duration::from_secs(3);
    // Pings more often than by default.
    let config = RadioConfig {
        ping_interval_ms: 2_000,
        ..RadioConfig::default()
    };
    let mut station = Station::scanning(&double, &config);
    station.ticks();
    station.silent_for(window / 3);
    let before = station.ticks();
    station.silent_for(window);
    let wakeups = station.ticks() - before;
    assert!(wakeups <= 15, "{wakeups} wake-ups in {window:?}");
    println!("{wakeups} wake-ups in {window:?}");
}
