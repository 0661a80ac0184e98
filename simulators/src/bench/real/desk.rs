//! R3, R5: enrollments at the real daemon through real BlueZ.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use firmware_protocol::band::Wearer;
use firmware_protocol::id::Zone;
use station_daemon::clock::Clock;

use super::{INTERVALS_US, NAMES, connect_us, ms};
use crate::band::{Knobs, SimBand};
use crate::bench::radio::bound_us;
use crate::bench::station::process::cpu_seconds;
use crate::bench::{Figure, Goal, median, note};
use crate::bluez::{Address, BandConfig};
use crate::cast::{Cast, Person};
use crate::ground::{Ground, Place};
use crate::stage::{Daemon, FAR_DBM, HELD_DBM, Program, Site, begin, follow};

const SERIAL: &str = "VISIT-000";
/// Enrollments at each interval.
const VISITS: usize = 3;
/// How often a bench looks whether the link is made.
const LOOK: Duration = Duration::from_millis(1);
/// The goal of the whole: what is above the air's own time is BlueZ's and ours.
const RATIO_MAX: f64 = 1.5;

/// The wearer of a bench.
fn quick() -> Knobs {
    Knobs {
        touches: 4,
        touch_ms: 1,
        reaction_ms: 1,
        ..Knobs::default()
    }
}

struct Desk {
    ground: Ground,
    band: Place<SimBand>,
    daemon: Daemon,
    cast: Cast,
    person: Person,
}

/// One enrollment.
struct Visit {
    /// From the first moment of the link until it is done, in milliseconds.
    linked_ms: f64,
    /// Requests that BlueZ made meanwhile.
    exchanges: u64,
}

pub(super) fn figures(ground: Ground) -> Result<Vec<Figure>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(measure(ground))
}

async fn measure(ground: Ground) -> Result<Vec<Figure>> {
    let (site, mut desk) = open(ground).await?;
    let mut figures = Vec::new();
    let (mut first, mut later, mut count) = (0, 0, 0);
    let pid = desk.daemon.pid().context("a running daemon")?;
    let before = cpu_seconds(pid)?;
    for interval_us in INTERVALS_US {
        note(&format!("enrolling at {} ms", ms(interval_us)));
        desk.renew(interval_us)?;
        first = desk.enroll().await?.exchanges;
        let mut times = Vec::new();
        for _ in 0..VISITS {
            let visit = desk.enroll().await?;
            times.push(visit.linked_ms);
            later = visit.exchanges;
        }
        count += 1 + VISITS;
        figures.push(desk.enrollment(interval_us, median(times), later));
    }
    let each = (cpu_seconds(pid)? - before) * 1000.0 / count as f64;
    figures.push(Figure::plain("R5", NAMES[4].1, each, "ms", Goal::AtMost(50.0)));
    note(&format!(
        "BlueZ made {first} requests of its own in the first link to a band, {later} in a later one"
    ));
    desk.daemon.stop().await?;
    drop(site);
    Ok(figures)
}

async fn open(ground: Ground) -> Result<(Site, Desk)> {
    let program = Program::built()?;
    let mut cast = Cast::new(78, Zone::Enrollment, Clock::start().wall());
    cast.self_service(true, false);
    let person = cast.person("V000", "");
    let band = cast.band(SERIAL, false, quick());
    let site = Site::new(ground.bus())?;
    site.write_files(&cast, "")?;
    site.init(&program)?;
    let band = ground.add(BandConfig::new(Address::numbered(0x00ec_0002), FAR_DBM), band);
    let daemon = Daemon::start(&site, &program).await?;
    daemon.radio_ready().await?;
    let desk = Desk {
        ground,
        band,
        daemon,
        cast,
        person,
    };
    Ok((site, desk))
}

impl Desk {
    /// Makes links of this interval. A kernel keeps the interval of each device it knows, so that the band
    /// starts anew, with another address.
    fn renew(&mut self, interval_us: u64) -> Result<()> {
        self.ground.set_interval(Duration::from_micros(interval_us))?;
        self.band
            .restart(&self.ground, |config, _, _| config.address.0[5] += 1);
        Ok(())
    }

    async fn enroll(&mut self) -> Result<Visit> {
        let client = &self.daemon.client;
        let ticket = self.cast.ticket(&self.person);
        let before = self.band.counters();
        let mut events = client.follow("/api/v1/events").await?;
        self.band.set_rssi(HELD_DBM);
        self.band.with(|band, now| band.act(now, Wearer::Press));
        let begun = begin(client, &ticket, Some(SERIAL)).await?;
        let clock = Clock::start();
        let (ended, linked) = tokio::join!(
            async {
                let ended = follow(client, &mut events, &begun.id, |_| false).await;
                (ended, clock.now())
            },
            async {
                while self.band.counters().connects == before.connects {
                    tokio::time::sleep(LOOK).await;
                }
                clock.now()
            }
        );
        let (ended, done) = ended;
        self.band.set_rssi(FAR_DBM);
        let outcome = ended?.outcome.context("an ended enrollment has an outcome")?;
        ensure!(outcome.code == "done", "{}: {}", outcome.code, outcome.text);
        Ok(Visit {
            linked_ms: done.since(linked).as_secs_f64() * 1000.0,
            exchanges: self.band.counters().att_exchanges - before.att_exchanges,
        })
    }

    fn enrollment(&self, interval_us: u64, value_ms: f64, exchanges: u64) -> Figure {
        let config = &self.band.config;
        let session_us = bound_us(config.mtu_bytes_max, interval_us) as f64;
        let limit_ms = (connect_us(interval_us, exchanges) + session_us) / 1000.0;
        let name = format!("{} at {} ms, link to done", NAMES[2].1, ms(interval_us));
        Figure::beside("R3", name, value_ms, "ms", limit_ms, Goal::AtMost(RATIO_MAX))
    }
}
