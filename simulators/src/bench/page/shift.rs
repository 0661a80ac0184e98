//! K4: one person after the other, as many as come in a day and a night, and what stays of them in memory.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::desk::{Desk, MISSING};
use crate::band::Knobs;
use crate::bench::station::process::private_mib;
use crate::bench::{Effort, Figure, Goal, note};
use crate::bluez::DoubleConfig;

const MIB: f64 = 1024.0 * 1024.0;
/// How many people come, unless somebody says another number. After 300 the daemon's page cache is full.
const PEOPLE: usize = 600;
const PEOPLE_MIN: usize = 3;
const PEOPLE_VARIABLE: &str = "BANDSTAND_PEOPLE";
/// How often memory is looked at.
const SAMPLES: usize = 30;
/// Scripts by which is found out how much the driver leaves in the page for each.
const PROBES: u64 = 300;
/// What counts as flat, the last third beside the middle one. In the first third caches fill.
const RATIO_MAX: f64 = 1.1;
const NAMES: [(&str, &str); 3] = [
    ("memory of the daemon", "MiB"),
    ("memory of the tab's script", "MiB"),
    ("elements and texts of the tab", "nodes"),
];

/// What is held at one moment.
struct Sample {
    people: usize,
    /// Scripts that the driver had given to the page by then.
    scripts: u64,
    /// In the order of [`NAMES`]: the daemon's own memory and the script's in MiB, and how many nodes there are.
    held: [f64; 3],
}

fn people(effort: &Effort) -> Result<usize> {
    let count = match std::env::var(PEOPLE_VARIABLE) {
        _ if effort.is_smoke() => PEOPLE_MIN,
        Ok(count) => count
            .parse()
            .with_context(|| format!("{PEOPLE_VARIABLE} is no number: {count}"))?,
        Err(_) => PEOPLE,
    };
    ensure!(count >= PEOPLE_MIN, "{PEOPLE_VARIABLE} is at least {PEOPLE_MIN}");
    Ok(count)
}

pub(in crate::bench) fn figures(effort: &Effort) -> Result<Vec<Figure>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(measure(people(effort)?))
}

async fn measure(count: usize) -> Result<Vec<Figure>> {
    let knobs = Knobs {
        touches: 3,
        touch_ms: 1,
        reaction_ms: 1,
        ..Knobs::default()
    };
    let air = DoubleConfig {
        disconnect_delay: Duration::from_millis(50),
        ..DoubleConfig::default()
    };
    let Some(mut desk) = Desk::open(air, count, &knobs, 1).await? else {
        return Ok(NAMES.map(|(name, _)| Figure::missing("K4", name, MISSING)).into());
    };
    note(&format!("{count} people come, one after the other"));
    let step = (count / SAMPLES).max(1);
    let mut samples = Vec::new();
    for number in 0..count {
        desk.visit(number).await?;
        // Whoever was before goes home.
        if number > 0 {
            desk.leave(number - 1);
        }
        if (number + 1) % step == 0 {
            samples.push(look(&desk, number + 1).await?);
        }
    }
    without_driver(&desk, &mut samples).await?;
    desk.daemon.stop().await?;
    Ok((0..NAMES.len()).map(|which| flat(which, &samples)).collect())
}

async fn look(desk: &Desk, people: usize) -> Result<Sample> {
    let station = private_mib(desk.daemon.pid().context("a running daemon")?)?;
    let [script, nodes] = tab(desk).await?;
    note(&format!(
        "{people} people: {station:.2} MiB of the daemon's own; {script:.3} MiB and {nodes} nodes in the tab"
    ));
    Ok(Sample {
        people,
        scripts: desk.browser.scripts(),
        held: [station, script, nodes],
    })
}

/// What the page's script holds in MiB, and its nodes, once nothing is left to be collected.
async fn tab(desk: &Desk) -> Result<[f64; 2]> {
    let browser = &desk.browser;
    browser.devtools("Performance.enable", json!({})).await;
    browser.devtools("HeapProfiler.collectGarbage", json!({})).await;
    let metrics = browser.devtools("Performance.getMetrics", json!({})).await;
    let of = |name: &str| -> Result<f64> {
        let mut all = metrics["metrics"].as_array().into_iter().flatten();
        let metric = all.find(|metric| metric["name"] == name);
        let value = metric.and_then(|metric: &Value| metric["value"].as_f64());
        value.with_context(|| format!("the browser does not say {name}"))
    };
    Ok([of("JSHeapUsedSize")? / MIB, of("Nodes")?])
}

/// Takes away what the driver left, as much for each of its scripts as it leaves now that nobody comes.
async fn without_driver(desk: &Desk, samples: &mut [Sample]) -> Result<()> {
    let [before, _] = tab(desk).await?;
    for _ in 0..PROBES {
        desk.browser.run("return true", json!([])).await;
    }
    let [after, _] = tab(desk).await?;
    let each = (after - before) / PROBES as f64;
    note(&format!(
        "the driver leaves {:.0} bytes for each script",
        each * MIB
    ));
    for sample in samples {
        sample.held[1] -= each * sample.scripts as f64;
    }
    Ok(())
}

/// The mean of the last third beside that of the middle one, and the slope of both.
fn flat(which: usize, samples: &[Sample]) -> Figure {
    let third = samples.len().div_ceil(3);
    let mean = |part: &[Sample]| part.iter().map(|it| it.held[which]).sum::<f64>() / part.len() as f64;
    let (before, last) = samples.split_at(samples.len() - third);
    let (first, middle) = before.split_at(before.len().saturating_sub(third));
    let people = samples.last().map_or(0, |sample| sample.people);
    let slope = slope(which, &samples[first.len()..]);
    let (name, unit) = NAMES[which];
    let name = format!("{name}, {people} people, {slope:+.2} per 1,000");
    Figure::beside(
        "K4",
        name,
        mean(last),
        unit,
        mean(middle),
        Goal::AtMost(RATIO_MAX),
    )
}

/// By how much it grows while a thousand people come: the straight line that lies nearest to all samples.
fn slope(which: usize, samples: &[Sample]) -> f64 {
    let count = samples.len() as f64;
    let mean = |of: &dyn Fn(&Sample) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(&|it| it.people as f64), mean(&|it| it.held[which]));
    let along = mean(&|it| (it.people as f64 - x) * (it.held[which] - y));
    let wide = mean(&|it| (it.people as f64 - x).powi(2));
    1000.0 * along / wide.max(f64::MIN_POSITIVE)
}
