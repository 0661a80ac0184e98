//! K4: one person after the other, as many as come in a day and a night, and what stays of them in memory.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::desk::{Desk, MISSING};
use crate::band::Knobs;
use crate::bench::station::process::private_mib;
use crate::bench::{Effort, Figure, Goal, note};
use crate::bluez::DoubleConfig;

/// How many people come, unless somebody says another number.
const PEOPLE: usize = 120;
const PEOPLE_SMOKE: usize = 3;
const PEOPLE_VARIABLE: &str = "BANDSTAND_PEOPLE";
/// How often memory is looked at.
const SAMPLES: usize = 30;
/// What counts as flat, last third beside first third.
const RATIO_MAX: f64 = 1.1;
const NAMES: [(&str, &str); 3] = [
    ("memory of the daemon", "MiB"),
    ("memory of the tab's script", "MiB"),
    ("elements and texts of the tab", "nodes"),
];

/// What is held at one moment.
struct Sample {
    people: usize,
    /// In the order of [`NAMES`]: the daemon's own memory and the script's in MiB, and how many nodes there are.
    held: [f64; 3],
}

fn people(effort: &Effort) -> Result<usize> {
    match std::env::var(PEOPLE_VARIABLE) {
        _ if effort.is_smoke() => Ok(PEOPLE_SMOKE),
        Ok(count) => count
            .parse()
            .with_context(|| format!("{PEOPLE_VARIABLE} is no number: {count}")),
        Err(_) => Ok(PEOPLE),
    }
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
    Ok([of("JSHeapUsedSize")? / (1024.0 * 1024.0), of("Nodes")?])
}

/// The mean of the last third beside that of the first, and the slope between.
fn flat(which: usize, samples: &[Sample]) -> Figure {
    let (name, unit) = NAMES[which];
    let third = samples.len().div_ceil(3);
    let mean = |part: &[Sample]| part.iter().map(|it| it.held[which]).sum::<f64>() / part.len() as f64;
    let (first, last) = (mean(&samples[..third]), mean(&samples[samples.len() - third..]));
    let people = samples.last().map_or(0, |sample| sample.people);
    let slope = slope(which, samples);
    let name = format!("{name}, {people} people, {slope:+.2} per 1,000");
    Figure::beside("K4", name, last, unit, first, Goal::AtMost(RATIO_MAX))
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
