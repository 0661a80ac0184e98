//! Measurements, each beside the limit that the same machine showed in the same run.
//!
//! A shared machine makes absolute times worthless, so limit and product take turns
//! (L P L P L P L P L); each product slice is divided by the mean of its two neighbors, and the median of
//! the ratios is the figure. Where a count can be had it is reported too: counts do not depend on noise.

mod append;
mod center;
mod child;
mod crowd;
mod crypto;
mod decide;
mod facts;
mod growth;
mod latency;
mod page;
mod peers;
mod radio;
mod real;
mod replay;
mod station;
mod steps;
mod world;

pub use center::listen as listen_plainly;
pub use growth::repeat as repeat_growth;
pub use real::play_probe;

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use serde::Serialize;

/// One line of the result.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// The goal this belongs to.
    pub id: &'static str,
    /// What was measured.
    pub name: String,
    /// How much, in `unit`.
    pub value: f64,
    /// Unit of `value` and `limit`.
    pub unit: &'static str,
    /// What the machine or the arithmetic allows; nothing where the goal is a plain number.
    pub limit: Option<f64>,
    /// Value divided by limit.
    pub ratio: Option<f64>,
    /// The goal in words.
    pub goal: String,
    /// Whether the goal is met.
    pub ok: bool,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Goal {
    /// At most this.
    AtMost(f64),
    /// At least this.
    AtLeast(f64),
}

impl Goal {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtMost(most) => value <= most,
            Self::AtLeast(least) => value >= least,
        }
    }

    fn words(self, of: &str) -> String {
        match self {
            Self::AtMost(most) => format!("at most {most}{of}"),
            Self::AtLeast(least) => format!("at least {least}{of}"),
        }
    }
}

impl Figure {
    /// A value whose goal is a plain number.
    pub fn plain(
        id: &'static str,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        goal: Goal,
    ) -> Self {
        let (goal, ok) = (goal.words(&format!(" {unit}")), goal.holds(value));
        Self {
            id,
            name: name.into(),
            value,
            unit,
            limit: None,
            ratio: None,
            goal,
            ok,
        }
    }

    /// A value whose goal is a ratio to a limit.
    pub fn beside(
        id: &'static str,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        limit: f64,
        goal: Goal,
    ) -> Self {
        let ratio = value / limit;
        let (words, ok) = (goal.words(" of the limit"), goal.holds(ratio));
        Self {
            id,
            name: name.into(),
            value,
            unit,
            limit: Some(limit),
            ratio: Some(ratio),
            goal: words,
            ok,
        }
    }

    /// A value measured in turns with its limit: `ratio` is the median over the turns.
    pub fn in_turns(
        id: &'static str,
        name: impl Into<String>,
        value: f64,
        unit: &'static str,
        limit: f64,
        ratio: f64,
        goal: Goal,
    ) -> Self {
        Self {
            ratio: Some(ratio),
            ok: goal.holds(ratio),
            ..Self::beside(id, name, value, unit, limit, goal)
        }
    }

    /// What could not be measured here, and why. It is not met: nobody knows.
    pub fn missing(id: &'static str, name: &str, why: &str) -> Self {
        Self {
            id,
            name: name.into(),
            value: f64::NAN,
            unit: "-",
            limit: None,
            ratio: None,
            goal: format!("not measured: {why}"),
            ok: false,
        }
    }
}

/// Says on standard error what is being done: a bench takes minutes.
fn note(text: &str) {
    eprintln!("bench: {text}");
}

/// What a bench may use of the machine.
#[derive(Clone, Debug)]
pub struct Effort {
    /// How long one slice runs.
    pub slice: Duration,
    /// Product slices; there is one limit slice more.
    pub slices: usize,
    /// People of the plant.
    pub people: usize,
    /// Stations that are there at once.
    pub stations: usize,
}

impl Effort {
    /// So little that nothing is learned but that every figure can be measured.
    pub fn smoke() -> Self {
        Self {
            slice: Duration::from_millis(20),
            slices: 1,
            people: 300,
            stations: 8,
        }
    }

    fn is_smoke(&self) -> bool {
        self.slices < 2
    }
}

impl Default for Effort {
    fn default() -> Self {
        Self {
            slice: Duration::from_millis(700),
            slices: 4,
            people: 100_000,
            stations: 10_000,
        }
    }
}

type Bench = fn(&Effort) -> Result<Vec<Figure>>;

/// Every bench, with the ids of the goals it measures.
const BENCHES: &[(&[&str], Bench)] = &[
    (&["G7", "G7b"], radio::figures),
    (&["G7b"], station::air_figures),
    (&["G4"], decide::figures),
    (&["G4"], facts::figures),
    (&["G4b"], replay::figures),
    (&["G5"], append::figures),
    (&["G13"], growth::figures),
    (&["SIM"], world::figures),
    (&["R1", "R2", "R4"], real::link_figures),
    (&["R3", "R5"], real::desk_figures),
    (&["K1", "K2", "K3"], page::figures),
    (&["K4"], page::shift_figures),
    (&["G5b", "G6", "G6b", "G11", "CPU"], station::figures),
    (&["G1", "G1b", "G1c", "G2", "G2b", "G2c"], center::sync_figures),
    (&["G8", "G8b"], center::pages_figures),
    (&["G9", "G9b", "G9c"], center::storm_figures),
    (&["G13"], center::growth_figures),
    (&["G11b"], center::crash_figures),
    (&["G10", "G10b"], center::import_figures),
    (&["G3", "G3b", "G12"], center::ingest_figures),
    (&["G3c", "G3d"], center::ingest_postgres_figures),
];

/// Stands for what is measured beside other programs, which have to be installed first.
const PEERS: &str = "peers";

/// Runs the benches whose ids are asked for; all of them if none is.
pub fn run(ids: &[String], effort: &Effort) -> Result<Vec<Figure>> {
    if ids.iter().any(|id| id == PEERS) {
        ensure!(ids.len() == 1, "`{PEERS}` stands alone");
        return peers::figures(effort);
    }
    let mut all: Vec<_> = BENCHES.iter().flat_map(|(known, _)| *known).copied().collect();
    all.dedup();
    if let Some(unknown) = ids.iter().find(|id| !all.contains(&id.as_str())) {
        bail!("there is no goal {unknown}; there are {}", all.join(", "));
    }
    let wanted = |known: &[&str]| ids.is_empty() || known.iter().any(|k| ids.iter().any(|id| id == k));
    let mut figures = Vec::new();
    for (known, bench) in BENCHES {
        if wanted(known) {
            figures.extend(bench(effort)?);
        }
    }
    figures.retain(|figure| wanted(&[figure.id]));
    Ok(figures)
}

/// The result as a table for people.
pub fn table(figures: &[Figure]) -> String {
    let number = |value: Option<f64>| value.map_or_else(|| "-".into(), readable);
    let mut text = format!(
        "{:<5} {:<58} {:>12} {:<8} {:>12} {:>7}  {}\n",
        "id", "name", "value", "unit", "limit", "ratio", "goal"
    );
    for f in figures {
        let mark = if f.ok { "ok  " } else { "MISS" };
        text += &format!(
            "{:<5} {:<58} {:>12} {:<8} {:>12} {:>7}  {mark} {}\n",
            f.id,
            f.name,
            readable(f.value),
            f.unit,
            number(f.limit),
            number(f.ratio),
            f.goal
        );
    }
    text
}

fn readable(value: f64) -> String {
    match value.abs() {
        v if v >= 1000.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Two rates per second and their ratio, measured in turns.
pub struct Turns {
    /// Median rate of the limit, per second.
    pub limit: f64,
    /// Median rate of the product, per second.
    pub product: f64,
    /// Median of product slice by the mean of its neighbors.
    pub ratio: f64,
}

/// Lets limit and product take turns. Each closure does one unit of work.
pub fn in_turns(effort: &Effort, mut limit: impl FnMut(), mut product: impl FnMut()) -> Turns {
    let mut limits = vec![rate(effort.slice, &mut limit)];
    let mut products = Vec::new();
    for _ in 0..effort.slices {
        products.push(rate(effort.slice, &mut product));
        limits.push(rate(effort.slice, &mut limit));
    }
    let ratios = products
        .iter()
        .zip(limits.windows(2))
        .map(|(p, l)| p / ((l[0] + l[1]) / 2.0))
        .collect();
    Turns {
        limit: median(limits),
        product: median(products),
        ratio: median(ratios),
    }
}

/// Units of work per second over one slice.
fn rate(slice: Duration, work: &mut impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut count = 0u64;
    while start.elapsed() < slice {
        work();
        count += 1;
    }
    count as f64 / start.elapsed().as_secs_f64()
}

/// The middle value; the higher of two.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The value below which `share` (0 to 1) of the values lie.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    at(values, share)
}

/// The same of values that are in order already.
pub fn at<T: Copy>(sorted: &[T], share: f64) -> T {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}
