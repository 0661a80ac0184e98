//! `bandstand-sim fleet`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::Args;
use simulators::fleet::{self, Options};

/// Many stations at once.
#[derive(Debug, Args)]
pub(super) struct Fleet {
    /// Where stations speak to the console.
    #[arg(long, value_name = "https://HOST:PORT")]
    console: String,
    /// How many stations.
    #[arg(long)]
    stations: usize,
    /// A file with a join token in each line: `bandstand-console station token` makes one.
    #[arg(long)]
    tokens: PathBuf,
    /// Seconds for which the stations work once all have caught up.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Milliseconds between two entries of a station.
    #[arg(long, default_value_t = 2_000)]
    entry_ms: u64,
    /// How many join at the same time.
    #[arg(long, default_value_t = 8)]
    joining: usize,
}

impl Fleet {
    /// A thread for each core: handshakes are most of the work.
    pub(super) fn run(self) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let report = runtime.block_on(fleet::run(Options {
            console: self.console,
            stations: self.stations,
            tokens: self.tokens,
            work: Duration::from_secs(self.seconds),
            entry_every: Duration::from_millis(self.entry_ms.max(1)),
            joining: self.joining,
        }))?;
        print!("{report}");
        ensure!(report.is_clean(), "not everything went well");
        Ok(())
    }
}
