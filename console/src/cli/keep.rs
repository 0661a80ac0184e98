//! Keeping the data: migrations, the audit, and lists to take out.

use std::io::Write;

use anyhow::{Result, bail};
use clap::Subcommand;

use super::init::caller;
use super::run::runtime;
use crate::acts::audits::{self, Verdict};
use crate::acts::exports::{self, Which};
use crate::audit::Head;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::serve::{App, obstacle};

/// The audit.
#[derive(Debug, Subcommand)]
pub enum Audit {
    /// Check that no row is missing and none was changed
    Verify {
        /// A head that was kept elsewhere, as `verify` printed it: sequence, colon, hash
        #[arg(long, value_parser = anchor)]
        anchor: Option<Head>,
    },
    /// Print every row, one JSON object per line
    Export,
}

fn anchor(text: &str) -> Result<Head, String> {
    let (sequence, hash) = text.split_once(':').ok_or("expected sequence, colon, hash")?;
    let sequence = sequence.parse().map_err(|_| "the sequence is no number")?;
    Ok(Head {
        sequence,
        hash: hash.to_lowercase(),
    })
}

/// Checks or prints the audit.
pub fn audit(at: &super::run::Arguments, command: Audit) -> Result<()> {
    let config = Config::load(&at.config)?;
    runtime()?.block_on(async {
        let app = App::open(config).await?;
        match command {
            Audit::Verify { anchor } => verdict(audits::verify(&app, &caller(), anchor).await?),
            Audit::Export => {
                let mut after = 0;
                while let Some((lines, last)) = audits::export(&app, &caller(), after).await? {
                    std::io::stdout().write_all(lines.as_bytes())?;
                    after = last;
                }
                Ok(())
            }
        }
    })
}

fn verdict(verdict: Verdict) -> Result<()> {
    match verdict.head {
        Some(head) => {
            println!("{}", verdict.explanation);
            println!("head {}:{}", head.sequence, head.hash);
            Ok(())
        }
        None => bail!("the audit is not what it was: {}", verdict.explanation),
    }
}

/// A list to take out.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Export {
    /// Users, in the form in which they can be read in again
    Users,
    /// Bands
    Bands,
    /// Who holds which band, ended ones too
    Associations,
}

/// Prints a list as CSV.
pub fn export(at: &super::run::Arguments, what: Export) -> Result<()> {
    let config = Config::load(&at.config)?;
    let which = match what {
        Export::Users => Which::Users,
        Export::Bands => Which::Bands,
        Export::Associations => Which::Associations,
    };
    runtime()?.block_on(async {
        let app = App::open(config).await?;
        let mut after = None;
        while let Some((text, last)) = exports::piece(&app, &caller(), which, after).await? {
            std::io::stdout().write_all(text.as_bytes())?;
            after = Some(last);
        }
        Ok(())
    })
}

/// Brings the tables up to this release.
pub fn migrate(at: &super::run::Arguments) -> Result<()> {
    let config = Config::load(&at.config)?;
    runtime()?.block_on(async {
        let named = |error| obstacle::named(&config.database.url, error);
        let db = Db::open(&config.database.url).await.map_err(named)?;
        let applied = db.migrate(Clock::Wall.now().0).await.map_err(named)?;
        for step in &applied {
            println!("applied {:04} {}", step.number, step.name);
        }
        if applied.is_empty() {
            println!("nothing to do: the tables are those of this release");
        }
        Ok(())
    })
}
