//! Limit and product in turns, where one slice is a whole piece of work.

use anyhow::Result;

use crate::bench::latency::{RUNS_MAX, SPREAD_MAX, pause};
use crate::bench::{Figure, Goal, median, note};

/// What took turns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turns {
    pub(super) limit: f64,
    pub(super) product: f64,
    pub(super) ratio: f64,
    spread: f64,
}

impl Turns {
    fn of(limits: Vec<f64>, products: Vec<f64>) -> Self {
        let beside = products.iter().zip(limits.windows(2));
        let ratios = beside.map(|(p, l)| p / ((l[0] + l[1]) / 2.0)).collect();
        let most = limits.iter().copied().fold(f64::MIN, f64::max);
        let least = limits.iter().copied().fold(f64::MAX, f64::min);
        Self {
            ratio: median(ratios),
            product: median(products),
            limit: median(limits),
            spread: most / least,
        }
    }

    /// As a figure.
    pub(super) fn figure(
        self,
        id: &'static str,
        name: impl Into<String>,
        unit: &'static str,
        goal: Goal,
    ) -> Figure {
        Figure::in_turns(id, name, self.product, unit, self.limit, self.ratio, goal)
    }
}

/// Lets both take turns; on a contended machine up to three times, and the best counts. `goal` says which way is
/// better.
pub(super) async fn in_turns(
    slices: usize,
    goal: Goal,
    mut limit: impl AsyncFnMut() -> Result<f64>,
    mut product: impl AsyncFnMut() -> Result<f64>,
) -> Result<Turns> {
    let mut best = once(slices, &mut limit, &mut product).await?;
    for _ in 1..RUNS_MAX {
        if best.spread <= SPREAD_MAX || slices < 2 {
            break;
        }
        note("the machine is contended; measuring again");
        pause();
        let again = once(slices, &mut limit, &mut product).await?;
        best = better(best, again, goal);
    }
    Ok(best)
}

fn better(a: Turns, b: Turns, goal: Goal) -> Turns {
    let first = match goal {
        Goal::AtLeast(_) => a.ratio >= b.ratio,
        Goal::AtMost(_) => a.ratio <= b.ratio,
    };
    if first { a } else { b }
}

async fn once(
    slices: usize,
    limit: &mut impl AsyncFnMut() -> Result<f64>,
    product: &mut impl AsyncFnMut() -> Result<f64>,
) -> Result<Turns> {
    let mut limits = vec![limit().await?];
    let mut products = Vec::new();
    for _ in 0..slices {
        products.push(product().await?);
        limits.push(limit().await?);
    }
    Ok(Turns::of(limits, products))
}
