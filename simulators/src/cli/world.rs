//! `bandstand-sim world` and `scenario`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use simulators::world::{Chaos, Log, Scenario, Sessions, Summary};

/// Random sessions.
#[derive(Debug, Args)]
pub(super) struct World {
    /// The world's seed; the same seed is the same world.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Worlds to play, with the seeds that follow.
    #[arg(long, default_value_t = 1)]
    worlds: u64,
    /// Sessions in each world.
    #[arg(long, default_value_t = 100)]
    sessions: u64,
    /// People in each world; there is a quarter more bands.
    #[arg(long, default_value_t = 12)]
    people: usize,
    /// Let nothing go wrong.
    #[arg(long)]
    calm: bool,
    /// Show step by step what happens.
    #[arg(long)]
    replay: bool,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
}

impl World {
    pub(super) fn run(&self) -> Result<()> {
        let mut summary = Summary::default();
        for seed in self.seed..self.seed + self.worlds {
            self.play(seed, &mut summary)?;
        }
        self.print(&summary)
    }

    fn play(&self, seed: u64, summary: &mut Summary) -> Result<()> {
        let chaos = if self.calm { Chaos::None } else { Chaos::All };
        let mut sessions = Sessions::new(seed, self.people, chaos);
        if self.replay {
            sessions.world.log = Log::kept();
        }
        for number in 0..self.sessions {
            let told = sessions.session();
            sessions
                .world
                .log
                .take()
                .iter()
                .for_each(|line| println!("{number:>5} {line}"));
            match told {
                Ok(told) => summary.add(&told),
                Err(violation) => bail!(
                    "seed {seed}, session {number}: {violation}\nreplay it step by step with: \
                     bandstand-sim world --seed {seed} --sessions {} --people {} --replay",
                    number + 1,
                    self.people
                ),
            }
        }
        Ok(())
    }

    fn print(&self, summary: &Summary) -> Result<()> {
        if self.json {
            println!("{}", serde_json::to_string(summary)?);
            return Ok(());
        }
        let total: u64 = summary.outcomes.values().sum();
        for (code, count) in &summary.outcomes {
            println!("{count:>8}  {code}");
        }
        let hours = summary.simulated_ms as f64 / 3_600_000.0;
        println!("{total:>8}  sessions in {hours:.1} simulated hours; every invariant held after each");
        Ok(())
    }
}

/// Plays scenario files.
pub(super) fn scenarios(files: &[PathBuf], verbose: bool) -> Result<()> {
    for file in files {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let played = Scenario::parse(&text).and_then(Scenario::play);
        let lines = played.with_context(|| file.display().to_string())?;
        println!("{}", file.display());
        for line in lines {
            println!("  {}", line.text);
            line.log
                .iter()
                .filter(|_| verbose)
                .for_each(|line| println!("      {line}"));
        }
    }
    Ok(())
}
