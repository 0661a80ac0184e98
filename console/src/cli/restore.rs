//! `restore`: a console out of a backup, which stations know to be another one.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::init::caller;
use super::run::runtime;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::{Db, is_postgres, sqlite_path};
use crate::store::backup::{self, Fresh};
use crate::vault::Vault;

/// What to restore.
#[derive(Args, Debug)]
pub struct Restore {
    #[command(flatten)]
    at: super::run::Arguments,
    /// The file that `backup` wrote; left out for PostgreSQL, which its own tools have restored already
    from: Option<PathBuf>,
}

/// Makes the database out of a backup and begins a new lineage, so that stations notice.
pub fn run(arguments: &Restore) -> Result<()> {
    let config = Config::load(&arguments.at.config)?;
    let vault = Vault::open(&config.vault.key_file).context(
        "a backup is of no use without the master key it was made under: put the key's copy back first",
    )?;
    let (url, now, fresh) = (&config.database.url, Clock::Wall.now(), Fresh::new()?);
    let since = runtime()?.block_on(async {
        match &arguments.from {
            Some(from) => {
                let to = sqlite_path(url)
                    .context("the data is in PostgreSQL: restore it with its own tools first")?;
                let contents = backup::restore(from, to, &vault, &caller(), fresh, now).await?;
                println!("restored {} from {}", to.display(), from.display());
                println!(
                    "audit of the backup ends at {}:{}",
                    contents.audit.sequence, contents.audit.hash
                );
                Ok(moment(contents.last_act_ms))
            }
            None => {
                ensure!(is_postgres(url), "name the file that `backup` wrote");
                let db = Db::open(url).await?;
                db.migrate(now.0).await?;
                backup::begin_again(&db, &vault, &caller(), fresh, now).await?;
                Ok("the backup was made".to_owned())
            }
        }
    })?;
    println!("{}", steps(&since, &arguments.at.config));
    Ok(())
}

/// What no program can know, because the backup does not.
fn steps(since: &str, config: &Path) -> String {
    format!(
        "the console begins a new lineage with a new key for the feed: stations notice, and send again what the backup \
         does not hold\n\
         sign-ins, one-time links and join tokens that were open are ended\n\
         what is left to do, because nothing after {since} is known here:\n\
         1. compare the audit's end above with the one you kept elsewhere\n\
         2. start the console: bandstand-console run --config {config}\n\
         3. revoke again what was revoked since: stations, tickets, keys of the API; disable accounts again\n\
         4. make tokens for stations that joined since; they say certificate_unknown until they join again\n\
         5. take in again the lists of users and bands that were confirmed since, and set policies again\n\
         6. bandstand-console doctor --config {config}",
        config = config.display()
    )
}

fn moment(ms: i64) -> String {
    jiff::Timestamp::from_millisecond(ms)
        .map_or_else(|_| "the backup was made".to_owned(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_steps_name_the_moment_and_what_comes_back() {
        let steps = steps(&moment(1_800_000_000_000), Path::new("/etc/c.toml"));
        for part in [
            "2027-01-15T08:00:00Z",
            "revoke again",
            "stations, tickets, keys",
            "/etc/c.toml",
            "lineage",
        ] {
            assert!(steps.contains(part), "{part}");
        }
    }
}
