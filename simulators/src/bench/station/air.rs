//! G7b with everything but Bluetooth in place: the real daemon over D-Bus and the double's link.

use std::time::Duration;

use anyhow::Result;
use firmware_protocol::id::Zone;
use station_daemon::clock::Clock;

use super::kiosk::Visitor;
use crate::bench::radio::bound_us;
use crate::bench::{Effort, Figure, Goal, median, note};
use crate::bluez::{DoubleConfig, Pace};
use crate::cast::Cast;
use crate::stage::follow;
use crate::stage::{Daemon, Program, Stage, StageError};

const INTERVAL: Duration = Duration::from_millis(30);
/// What BlueZ offers and our bands accept.
const MTU_BYTES: u16 = 517;
/// Enrollments measured, after one in which both ends get to know each other.
const VISITS: usize = 5;
/// Wide, because processes wait for each other on a machine that others use too. The gate is the same
/// figure of the simulated link.
const RATIO_MAX: f64 = 2.0;
const NAME: &str = "re-enrollment at the daemon, 30 ms, request to done";

pub(in crate::bench) fn figures(_: &Effort) -> Result<Vec<Figure>> {
    let pace = Pace {
        interval: INTERVAL,
        ..DoubleConfig::default().pace
    };
    let config = DoubleConfig {
        pace,
        mtu_bytes_max: MTU_BYTES,
        disconnect_delay: Duration::from_millis(100),
        ..DoubleConfig::default()
    };
    let limit_ms = (bound_us(MTU_BYTES, INTERVAL.as_micros() as u64) / 1000) as f64 + connect_ms(&config);
    match Stage::new(config) {
        Ok(stage) => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            let value = runtime.block_on(measure(stage))?;
            Ok(vec![Figure::beside(
                "G7b",
                NAME,
                value,
                "ms",
                limit_ms,
                Goal::AtMost(RATIO_MAX),
            )])
        }
        Err(StageError::Double(error)) if error.is_not_installed() => {
            Ok(vec![Figure::missing("G7b", NAME, "dbus-daemon is not installed")])
        }
        Err(error) => Err(error.into()),
    }
}

/// What BlueZ itself exchanges with a band it knows before anybody may write: a question and its answer
/// take two intervals.
fn connect_ms(config: &DoubleConfig) -> f64 {
    f64::from(2 * config.exchanges_cached) * INTERVAL.as_secs_f64() * 1000.0
}

async fn measure(mut stage: Stage) -> Result<f64> {
    note("enrolling over the double's link at 30 ms");
    let program = Program::built()?;
    let mut cast = Cast::new(77, Zone::Enrollment, Clock::start().wall());
    cast.self_service(true, false);
    let mut visitor = Visitor::new(&mut cast, 0, 1 + VISITS);
    stage.write_files(&cast, "")?;
    stage.init(&program)?;
    visitor.enter(&mut stage);
    let daemon = Daemon::start(&stage, &program).await?;
    daemon.radio_ready().await?;
    visitor.enroll(&daemon.client).await?;
    let mut times = Vec::new();
    for _ in 0..VISITS {
        let (begun, mut events) = visitor.begin(&daemon.client).await?;
        let clock = Clock::start();
        let ended = follow(&daemon.client, &mut events, &begun.id, |_| false).await?;
        times.push(clock.now().as_micros() as f64 / 1000.0);
        let code = ended.outcome.map(|outcome| outcome.code);
        anyhow::ensure!(
            code.as_deref() == Some("done"),
            "an enrollment ended with {code:?}"
        );
        visitor.step_back();
    }
    daemon.stop().await?;
    Ok(median(times))
}
