//! G7, G7b: what an enrollment needs of the air.

use anyhow::{Context, Result};
use firmware_protocol::gatt;
use firmware_protocol::id::{AssociationId, Serial, StationId, UserHandle, Zone};
use firmware_protocol::message::Mode;
use firmware_protocol::time::{Instant, UnixSeconds};

use super::{Effort, Figure, Goal};
use crate::band::{Knobs, SimBand};
use crate::link::LinkConfig;
use crate::pair::{Enrolled, Pair, Wish};
use crate::plant::{Manufacturer, Plant};
use crate::random::Random;

/// Bytes that any encoding of these contents would need: four keys in the handshake, four in the
/// certificates, the credential's twice, three signatures, nine identifiers of 16 bytes, and a tag for
/// each encrypted packet (two of the handshake, six of the exchanges, ten pushes).
const BYTES_MIN: f64 = {
    let keys = 32 * (4 + 4 + 2);
    let signatures = 64 * 3;
    let identifiers = 16 * 9;
    let tags = 16 * (2 + 6 + 10);
    (keys + signatures + identifiers + tags) as f64
};

/// Requests and answers of the shortest enrollment.
const ROUND_TRIPS_MAX: f64 = 4.0;

/// Packets of an enrollment of version 1 in bytes, to the band and back. They are the budget: a message
/// that grows shows as a worse ratio.
const EXCHANGES: [(usize, usize); 4] = [(282, 304), (87, 25), (40, 223), (38, 21)];

pub(super) fn figures(_: &Effort) -> Result<Vec<Figure>> {
    let best = enroll(247, 30_000)?;
    let mut figures = vec![
        Figure::plain(
            "G7",
            "round trips of an enrollment beside the touches",
            f64::from(best.round_trips),
            "trips",
            Goal::AtMost(ROUND_TRIPS_MAX),
        ),
        Figure::beside(
            "G7",
            "bytes on air of an enrollment, MTU 247",
            best.traffic.bytes as f64,
            "bytes",
            BYTES_MIN,
            Goal::AtMost(2.0),
        ),
    ];
    for mtu_bytes in [23, 247] {
        for interval_us in [7_500, 15_000, 30_000, 50_000] {
            figures.push(elapsed(mtu_bytes, interval_us)?);
        }
    }
    Ok(figures)
}

fn elapsed(mtu_bytes: u16, interval_us: u64) -> Result<Figure> {
    let enrolled = enroll(mtu_bytes, interval_us)?;
    let name = format!(
        "enrollment without the wearer, {} ms, MTU {mtu_bytes}",
        interval_us as f64 / 1000.0
    );
    let value = (enrolled.elapsed_us - wearer_us()) as f64 / 1000.0;
    let limit = bound_us(mtu_bytes, interval_us) as f64 / 1000.0;
    Ok(Figure::beside("G7b", name, value, "ms", limit, Goal::AtMost(1.2)))
}

/// Time of the wearer alone: one press and the touches.
fn wearer_us() -> u64 {
    let knobs = Knobs::default();
    (knobs.reaction_ms + u64::from(knobs.touches) * knobs.touch_ms) * 1000
}

/// The least time the radio needs: each packet takes as many connection events as its frames fill, one
/// after the other, and the band's last push waits for the next event.
pub(super) fn bound_us(mtu_bytes: u16, interval_us: u64) -> u64 {
    let config = LinkConfig::default();
    let payload = gatt::value_len(mtu_bytes) - 3;
    let events = |bytes: usize| {
        bytes
            .div_ceil(payload)
            .div_ceil(usize::from(config.frames_per_event)) as u64
    };
    let exchanges: u64 = EXCHANGES
        .iter()
        .map(|(to, back)| events(*to) + events(*back))
        .sum();
    exchanges * interval_us
}

fn enroll(mtu_bytes: u16, interval_us: u64) -> Result<Enrolled> {
    let mut random = Random::new(u64::from(mtu_bytes));
    let (maker, plant) = (Manufacturer::new(&mut random), Plant::new(&mut random));
    let identity = plant.station(StationId(random.bytes()), Zone::Enrollment, &mut random);
    let serial = Serial::new("AAAH-00125").context("a serial")?;
    let band = maker.band(&serial, false, &mut random);
    let mut band = SimBand::new(band, Knobs::default(), Vec::new(), random.fork(1), Instant::ZERO);
    let pair = Pair {
        identity: &identity,
        manufacturers: vec![maker.public_key()],
        link: LinkConfig {
            mtu_bytes,
            interval_us,
            ..LinkConfig::default()
        },
        unix_now: UnixSeconds(1_780_000_000),
    };
    let wish = Wish {
        association: AssociationId(random.bytes()),
        user: UserHandle(random.bytes()),
        zone: Zone::Enrollment,
        mode: Mode::Capture,
        label: String::from("M. KURZ"),
    };
    Ok(pair.enroll(&mut band, &wish, random, Instant::ZERO)?)
}
