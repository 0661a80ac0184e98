//! R1 to R5: what a real BlueZ in a virtual machine makes of it. `cargo xtask radio --bench` makes the image.
//!
//! The air is a model, so its own time is known to the microsecond: what is above it is the stack's and ours.

mod desk;
mod echo;
mod probe;

pub use probe::play as play_probe;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::{Effort, Figure, Goal, note};
use crate::air::Physics;
use crate::bluez::{Address, BandConfig};
use crate::ground::{Ground, Real};
use crate::machine;
use crate::stage::HELD_DBM;
use echo::Echo;
use probe::Measured;

/// The connection intervals of the issue, in microseconds.
const INTERVALS_US: [u64; 4] = [7_500, 15_000, 30_000, 50_000];
/// What a link between two controllers can do with values of this many bytes.
const VALUE_LEN: usize = 244;
/// ATT, L2CAP.
const HEADERS_LEN: usize = 7;
const NAMES: [(&str, &str); 5] = [
    ("R1", "round trips through real BlueZ"),
    ("R2", "notifications through real BlueZ"),
    ("R3", "enrollment through real BlueZ"),
    ("R4", "scan to connected"),
    ("R5", "processor time of the daemon per enrollment, real BlueZ"),
];

/// R1, R2, R4: a band that echoes and floods, opposite the station's radio in a process of its own.
pub(super) fn link_figures(_: &Effort) -> Result<Vec<Figure>> {
    with_ground(&[0, 1, 3], links)
}

/// R3, R5: the daemon.
pub(super) fn desk_figures(_: &Effort) -> Result<Vec<Figure>> {
    with_ground(&[2, 4], desk::figures)
}

/// Measures these figures on a machine of their own, or says that there is none.
fn with_ground(
    figures: &[usize],
    measure: impl FnOnce(Ground) -> Result<Vec<Figure>>,
) -> Result<Vec<Figure>> {
    let Some(image) = machine::image() else {
        let missing = |figure: &usize| {
            let (id, name) = NAMES[*figure];
            Figure::missing(id, name, "there is no image; cargo xtask radio makes it")
        };
        return Ok(figures.iter().map(missing).collect());
    };
    measure(boot(&image)?)
}

fn boot(image: &Path) -> Result<Ground> {
    note("booting the virtual machine");
    let mut real = Real::boot(image)?;
    real.run("until_true test -e /sys/kernel/debug/bluetooth/hci0/conn_min_interval")?;
    Ok(Ground::Real(real))
}

fn links(mut ground: Ground) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (place, interval_us) in (0u32..).zip(INTERVALS_US) {
        note(&format!("a link at {} ms", ms(interval_us)));
        ground.set_interval(Duration::from_micros(interval_us))?;
        // A kernel keeps the interval of each device it knows: another interval takes another device.
        let address = Address::numbered(0x00ec_0000 + place);
        let band = ground.add(BandConfig::new(address, HELD_DBM), Echo::default());
        let measured = Measured::of(ground.bus(), address)?;
        anyhow::ensure!(band.fault().is_none(), "the band failed: {:?}", band.fault());
        note(&format!(
            "{} of {} notifications were lost in BlueZ or its kernel",
            measured.lost, measured.flooded
        ));
        figures.extend(of_link(interval_us, &measured));
    }
    Ok(figures)
}

fn of_link(interval_us: u64, measured: &Measured) -> [Figure; 3] {
    let name = |figure: usize| format!("{} at {} ms", NAMES[figure].1, ms(interval_us));
    let trips = 1e6 / (2 * interval_us) as f64;
    let bytes = bytes_per_second(interval_us, &Physics::default());
    let goal = Goal::AtLeast(0.9);
    [
        Figure::beside("R1", name(0), measured.trips_per_s, "/s", trips, goal),
        Figure::beside("R2", name(1), measured.notified_bytes_per_s, "B/s", bytes, goal),
        Figure::plain("R4", name(3), measured.connected_s, "s", Goal::AtMost(2.0)),
    ]
}

/// The least time from the first moment of a link until its characteristics may be used: one interval until
/// the first connection event, and two for each request that BlueZ makes of its own accord.
fn connect_us(interval_us: u64, exchanges: u64) -> f64 {
    (interval_us * (1 + 2 * exchanges)) as f64
}

/// What the model of the air lets through in one direction: as many exchanges per event as controllers
/// allow and as fit, on 1M (Core 5.4, Vol 6, Part B, 2.4 and 4.1).
fn bytes_per_second(interval_us: u64, physics: &Physics) -> f64 {
    let air_us = |len: usize| (10 + len as u64) * 8;
    let exchange_us = air_us(VALUE_LEN + HEADERS_LEN) + 150 + air_us(0) + 150;
    let exchanges = u64::from(physics.exchanges_per_event).min(interval_us / exchange_us);
    (exchanges * VALUE_LEN as u64) as f64 * 1e6 / interval_us as f64
}

fn ms(interval_us: u64) -> f64 {
    interval_us as f64 / 1000.0
}
