//! Making, using and losing links.

use crate::child::{Order, Told};
use crate::echo::{BURST, END, Echo};
use crate::station::{Station, address, air, band, device, double, quick};
use firmware_protocol::gatt;
use simulators::bluez::{BandConfig, DoubleConfig, Fault, Layout};
use std::time::Duration;

fn aborted() -> Fault {
    Fault::Error {
        name: "org.bluez.Error.Failed".into(),
        text: "le-connection-abort-by-local".into(),
    }
}

#[test]
fn frames_go_there_and_back() {
    let Some(double) = double(air()) else {
        return;
    };
    let band = band(&double, 1);
    let mut station = Station::scanning(&double, &quick());
    assert_eq!(station.connect(1), 247);
    for len in [1, 20, 244] {
        station.echo(1, &vec![7; len]);
    }
    assert_eq!(
        band.counters().write_requests,
        0,
        "frames are written without response"
    );
}

#[test]
fn a_burst_arrives_complete_and_in_order() {
    let Some(double) = double(air()) else {
        return;
    };
    band(&double, 1);
    let mut station = Station::scanning(&double, &quick());
    station.connect(1);
    station.order(&Order::Write(device(1), vec![BURST, 60]));
    for number in 0..60 {
        let told = station.until(|told| matches!(told, Told::Received { .. }));
        assert_eq!(
            told,
            Told::Received {
                device: device(1),
                frame: vec![number; 40]
            }
        );
    }
}

#[test]
fn a_frame_longer_than_the_link_allows_is_refused_and_the_link_lives_on() {
    let Some(double) = double(air()) else {
        return;
    };
    let small = BandConfig {
        mtu_bytes_max: 23,
        ..BandConfig::new(address(1), -50)
    };
    double.add_band(small, Echo::default());
    let mut station = Station::scanning(&double, &quick());
    assert_eq!(station.connect(1), 23);
    station.order(&Order::Write(device(1), vec![1; 21]));
    station.until_told(&Told::WriteFailed {
        device: device(1),
        cause: "too_long".into(),
    });
    station.echo(1, &[1; 20]);
}

#[test]
fn the_band_ends_the_link_and_its_last_words_arrive() {
    let Some(double) = double(air()) else {
        return;
    };
    band(&double, 1);
    let mut station = Station::scanning(&double, &quick());
    station.connect(1);
    station.order(&Order::Write(device(1), vec![END, 1]));
    let last = station.until(|told| matches!(told, Told::Received { .. } | Told::Disconnected(_)));
    assert_eq!(
        last,
        Told::Received {
            device: device(1),
            frame: vec![END, 1]
        }
    );
    station.until_told(&Told::Disconnected(device(1)));
    station.connect(1);
    station.echo(1, &[2]);
}

#[test]
fn out_of_range_ends_the_link_and_coming_back_makes_a_new_one_possible() {
    let Some(double) = double(air()) else {
        return;
    };
    let band = band(&double, 1);
    let mut station = Station::scanning(&double, &quick());
    station.connect(1);
    band.set_in_range(false);
    station.until_told(&Told::Disconnected(device(1)));
    band.set_in_range(true);
    station.connect(1);
    station.echo(1, &[1]);
}

#[test]
fn a_vanished_band_is_given_up_by_name() {
    let Some(double) = double(air()) else {
        return;
    };
    let vanished = band(&double, 1);
    band(&double, 2);
    let mut station = Station::scanning(&double, &quick());
    station.until_seen(1);
    vanished.set_in_range(false);
    station.order(&Order::Connect(device(1)));
    assert_eq!(station.until_refused(1), "not_advertising");
    station.connect(2);
    vanished.set_in_range(true);
    station.connect(1);
}

#[test]
fn a_band_never_seen_is_looked_for_even_without_a_scan() {
    let Some(double) = double(air()) else {
        return;
    };
    band(&double, 1);
    let mut station = Station::start(&double, &quick());
    station.until_adapter("ready");
    station.order(&Order::Connect(device(1)));
    station.until_connected(1);
    station.order(&Order::Connect(device(9)));
    assert_eq!(station.until_refused(9), "not_advertising");
}

#[test]
fn a_device_that_bluez_forgot_is_looked_for_again() {
    let Some(double) = double(air()) else {
        return;
    };
    band(&double, 1);
    let mut station = Station::scanning(&double, &quick());
    station.until_seen(1);
    station.order(&Order::Forget(device(1)));
    station.order(&Order::Connect(device(1)));
    station.until_connected(1);
    station.echo(1, &[1]);
}

#[test]
fn random_failures_are_cured_by_trying_again() {
    let Some(double) = double(air()) else {
        return;
    };
    band(&double, 1);
    let mut station = Station::scanning(&double, &quick());
    station.until_seen(1);
    (0..3).for_each(|_| double.fail_next("Device1.Connect", aborted()));
    station.order(&Order::Connect(device(1)));
    station.until_connected(1);
    station.echo(1, &[1]);
}

#[test]
fn failures_without_end_are_reported() {
    let Some(double) = double(air()) else {
        return;
    };
    band(&double, 1);
    let mut station = Station::scanning(&double, &quick());
    station.until_seen(1);
    (0..4).for_each(|_| double.fail_next("Device1.Connect", aborted()));
    station.order(&Order::Connect(device(1)));
    assert_eq!(station.until_refused(1), "connect_refused");
    station.order(&Order::Connect(device(1)));
    station.until_connected(1);
}

#[test]
fn a_connection_that_nobody_answers_is_undone_and_made_again() {
    let Some(double) = double(air()) else {
        return;
    };
    let band = band(&double, 1);
    let mut station = Station::scanning(&double, &quick());
    station.until_seen(1);
    double.fail_next("Device1.Connect", Fault::LostReply);
    station.order(&Order::Connect(device(1)));
    station.until_connected(1);
    station.echo(1, &[1]);
    assert_eq!(band.with(|echo, _| echo.connections), 2);
}

#[test]
fn a_subscription_that_fails_costs_one_attempt() {
    let Some(double) = double(air()) else {
        return;
    };
    band(&double, 1);
    let mut station = Station::scanning(&double, &quick());
    station.until_seen(1);
    double.fail_next("StartNotify", aborted());
    station.order(&Order::Connect(device(1)));
    station.until_connected(1);
    station.echo(1, &[1]);
}

#[test]
fn a_write_that_nobody_answers_ends_the_link() {
    let Some(double) = double(air()) else {
        return;
    };
    band(&double, 1);
    let mut station = Station::scanning(&double, &quick());
    station.connect(1);
    double.fail_next("WriteValue", Fault::NoReply);
    station.order(&Order::Write(device(1), vec![1]));
    station.until_told(&Told::WriteFailed {
        device: device(1),
        cause: "write_timed_out".into(),
    });
    station.until_told(&Told::Disconnected(device(1)));
}

#[test]
fn a_hung_band_is_let_go_by_command_while_others_work() {
    let Some(double) = double(DoubleConfig::default()) else {
        return;
    };
    let hung = band(&double, 1);
    band(&double, 2);
    let mut station = Station::scanning(&double, &quick());
    station.connect(1);
    station.connect(2);
    hung.set_mute(true);
    station.order(&Order::Write(device(1), vec![1]));
    station.echo(2, &[2]);
    station.order(&Order::Disconnect(device(1)));
    // BlueZ takes two seconds for the first; the second is not kept waiting.
    let next = station.until(|told| matches!(told, Told::Disconnected(_) | Told::Received { .. }));
    assert_eq!(next, Told::Disconnected(device(1)));
    station.echo(2, &[3]);
}

#[test]
fn a_foreign_device_with_our_service_is_no_band() {
    let Some(double) = double(air()) else {
        return;
    };
    let mut layout = Layout::default();
    layout.services.retain(|service| service.uuid != gatt::SERVICE);
    let foreign = BandConfig {
        layout,
        ..BandConfig::new(address(1), -50)
    };
    double.add_band(foreign, Echo::default());
    let mut station = Station::scanning(&double, &quick());
    station.until_seen(1);
    station.order(&Order::Connect(device(1)));
    assert_eq!(station.until_refused(1), "not_a_band");
}

#[test]
fn several_bands_at_once() {
    let bands = 1..=8;
    let Some(double) = double(air()) else { return };
    double.set_interval(Duration::from_millis(15));
    bands.clone().for_each(|number| drop(band(&double, number)));
    let mut station = Station::scanning(&double, &quick());
    bands
        .clone()
        .for_each(|number| station.order(&Order::Connect(device(number))));
    let mut linked = 0;
    while linked < 8 {
        match station.next() {
            Told::Connected { .. } => linked += 1,
            Told::ConnectFailed { device, cause } => panic!("{device}: {cause}"),
            _ => {}
        }
    }
    bands
        .clone()
        .for_each(|number| station.order(&Order::Write(device(number), vec![END, number])));
    let mut ended = 0;
    while ended < 8 {
        if let Told::Disconnected(_) = station.next() {
            ended += 1;
        }
    }
    assert_eq!(double.counters().notifications, 8);
}

#[test]
fn a_second_connect_is_refused_and_one_during_the_end_is_kept() {
    let Some(double) = double(air()) else {
        return;
    };
    band(&double, 1);
    let mut station = Station::scanning(&double, &quick());
    station.connect(1);
    station.order(&Order::Connect(device(1)));
    assert_eq!(station.until_refused(1), "already_linked");
    station.order(&Order::Disconnect(device(1)));
    station.order(&Order::Connect(device(1)));
    station.until_told(&Told::Disconnected(device(1)));
    station.until_connected(1);
    station.echo(1, &[1]);
}

#[test]
fn a_link_left_over_from_a_killed_station_is_dropped() {
    let Some(double) = double(air()) else {
        return;
    };
    band(&double, 1);
    let mut killed = Station::scanning(&double, &quick());
    killed.connect(1);
    killed.kill();
    let mut station = Station::scanning(&double, &quick());
    station.connect(1);
    station.echo(1, &[1]);
}

#[test]
fn the_end_of_the_radio_sets_the_bands_free() {
    let Some(double) = double(air()) else {
        return;
    };
    let band = band(&double, 1);
    let mut station = Station::scanning(&double, &quick());
    station.connect(1);
    let rest = station.finish();
    assert!(rest.contains(&Told::Disconnected(device(1))), "{rest:?}");
    assert!(!band.with(|echo, _| echo.linked));
}
