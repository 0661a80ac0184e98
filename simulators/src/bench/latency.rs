//! Latencies of two things that take turns, compared quantile by quantile.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Figure, Goal, median, note, quantile};

/// More than this between the slowest and the fastest limit slice: somebody else used the machine.
pub(super) const SPREAD_MAX: f64 = 2.5;
/// Runs of which the best counts if the machine was contended.
pub(super) const RUNS_MAX: usize = 3;
const PAUSE: Duration = Duration::from_secs(2);

/// One quantile of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quantile {
    product_us: f64,
    limit_us: f64,
    ratio: f64,
    spread: f64,
}

/// What took turns: p50 and p99.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latency {
    pub(super) p50: Quantile,
    pub(super) p99: Quantile,
}

impl Quantile {
    fn of(share: f64, limits: &mut [Vec<f64>], products: &mut [Vec<f64>]) -> Self {
        let each = |slices: &mut [Vec<f64>]| -> Vec<f64> {
            slices.iter_mut().map(|slice| quantile(slice, share)).collect()
        };
        let (limits, products) = (each(limits), each(products));
        let ratios = products
            .iter()
            .zip(limits.windows(2))
            .map(|(p, l)| p / ((l[0] + l[1]) / 2.0));
        let most = limits.iter().copied().fold(f64::MIN, f64::max);
        let least = limits.iter().copied().fold(f64::MAX, f64::min);
        Self {
            ratio: median(ratios.collect()),
            product_us: median(products),
            limit_us: median(limits),
            spread: most / least,
        }
    }

    /// As a figure.
    pub(super) fn figure(self, id: &'static str, name: &str, goal: Goal) -> Figure {
        Figure::in_turns(id, name, self.product_us, "us", self.limit_us, self.ratio, goal)
    }
}

/// Times each call of `limit` and of `product`, `count` calls in a row, in `slices` turns.
pub(super) fn in_turns(
    slices: usize,
    count: usize,
    mut limit: impl FnMut() -> Result<Duration>,
    mut product: impl FnMut() -> Result<Duration>,
) -> Result<Latency> {
    let mut best = once(slices, count, &mut limit, &mut product)?;
    for _ in 1..RUNS_MAX {
        if slices < 2 || (best.p50.spread <= SPREAD_MAX && best.p99.spread <= SPREAD_MAX) {
            break;
        }
        note("the machine is contended; measuring again");
        pause();
        let again = once(slices, count, &mut limit, &mut product)?;
        best.p50 = better(best.p50, again.p50);
        best.p99 = better(best.p99, again.p99);
    }
    Ok(best)
}

/// Gives time to whoever else uses the machine. Nobody wakes this thread, and waking early would do no harm.
pub(super) fn pause() {
    std::thread::park_timeout(PAUSE);
}

fn better(a: Quantile, b: Quantile) -> Quantile {
    if a.ratio <= b.ratio { a } else { b }
}

fn once(
    slices: usize,
    count: usize,
    limit: &mut impl FnMut() -> Result<Duration>,
    product: &mut impl FnMut() -> Result<Duration>,
) -> Result<Latency> {
    let mut limits = vec![slice(count, limit)?];
    let mut products = Vec::new();
    for _ in 0..slices {
        products.push(slice(count, product)?);
        limits.push(slice(count, limit)?);
    }
    Ok(Latency {
        p50: Quantile::of(0.5, &mut limits, &mut products),
        p99: Quantile::of(0.99, &mut limits, &mut products),
    })
}

fn slice(count: usize, work: &mut impl FnMut() -> Result<Duration>) -> Result<Vec<f64>> {
    let micros = |time: Duration| time.as_nanos() as f64 / 1000.0;
    (0..count).map(|_| work().map(micros)).collect()
}

/// How long `work` takes.
pub(super) fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<Duration> {
    let start = Instant::now();
    work()?;
    Ok(start.elapsed())
}
