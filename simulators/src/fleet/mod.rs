//! Many stations at once against a real console: real sync engines, honest mutual TLS, nothing else of a station.
//!
//! Each joins with a token of its own, fills a replica, and then sends entries and holds polls until time is over.
//! Where others stand between two of its steps, the console is at work for them: what is measured is what a
//! station waits.

mod member;
mod report;
mod station;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use station_core::sync::JoinToken;
use station_daemon::sync::Address;
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;

pub use member::Member;
pub use report::Report;
use station::{Plan, Station};

/// What to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where stations speak to the console, `https://HOST:PORT`.
    pub console: String,
    /// How many stations.
    pub stations: usize,
    /// A file with a join token in each line, at least as many as stations.
    pub tokens: PathBuf,
    /// How long the stations work after all have caught up.
    pub work: Duration,
    /// How often each station writes an entry meanwhile.
    pub entry_every: Duration,
    /// How many stations join at the same time.
    pub joining: usize,
}

/// Drives the fleet and says how long its stations waited.
pub async fn run(options: Options) -> Result<Report> {
    let address: Address = options.console.parse().context("the console's address")?;
    let tokens = read_tokens(&options)?;
    let plan = Arc::new(Plan {
        address,
        work: options.work,
        entry_every: options.entry_every,
        joining: Semaphore::new(options.joining.max(1)),
        caught_up: Barrier::new(options.stations),
    });
    let mut lives = JoinSet::new();
    for (number, token) in tokens.into_iter().enumerate() {
        lives.spawn(Station::live(plan.clone(), number, token));
    }
    let mut report = Report::new(options.stations);
    while let Some(life) = lives.join_next().await {
        report.add(life.context("a station's task ended badly")?);
    }
    Ok(report)
}

fn read_tokens(options: &Options) -> Result<Vec<JoinToken>> {
    let path = options.tokens.display();
    let text = std::fs::read_to_string(&options.tokens).with_context(|| format!("cannot read {path}"))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let parsed = lines.take(options.stations).enumerate().map(|(index, line)| {
        let token = line
            .parse::<JoinToken>()
            .map_err(|fault| anyhow::anyhow!("{fault:?}"));
        token.with_context(|| format!("{path}, line {}", index + 1))
    });
    let tokens: Vec<JoinToken> = parsed.collect::<Result<_>>()?;
    ensure!(
        tokens.len() == options.stations,
        "{path} has {} tokens for {} stations; each station joins with its own",
        tokens.len(),
        options.stations
    );
    Ok(tokens)
}
