//! Keeping the data: migrations, backups, the audit, and what is wrong.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};
use policy::model::StationId;

use super::init::caller;
use super::run::runtime;
use crate::acts::audits::{self, Verdict};
use crate::acts::exports::{self, Which};
use crate::audit::{self, Head, Record};
use crate::clock::Clock;
use crate::config::Config;
use crate::db::{Db, is_postgres};
use crate::edge::random;
use crate::problem::Problem;
use crate::serve::App;
use crate::store::settings::{self, names};
use crate::vault::Vault;

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
}

/// Prints a list as CSV.
pub fn export(at: &super::run::Arguments, what: Export) -> Result<()> {
    let config = Config::load(&at.config)?;
    let which = match what {
        Export::Users => Which::Users,
        Export::Bands => Which::Bands,
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
        let db = Db::open(&config.database.url).await?;
        let applied = db.migrate(Clock::Wall.now().0).await?;
        for step in &applied {
            println!("applied {:04} {}", step.number, step.name);
        }
        if applied.is_empty() {
            println!("nothing to do: the tables are those of this release");
        }
        Ok(())
    })
}

/// Where to save.
#[derive(Args, Debug)]
pub struct Backup {
    #[command(flatten)]
    at: super::run::Arguments,
    /// The file to write; must not be there
    to: PathBuf,
}

/// Saves the database as it is at one moment, while the console works. Secrets stay sealed.
pub fn backup(arguments: &Backup) -> Result<()> {
    let config = Config::load(&arguments.at.config)?;
    ensure!(
        !arguments.to.exists(),
        "{} is there already",
        arguments.to.display()
    );
    ensure!(
        !is_postgres(&config.database.url),
        "the data is in PostgreSQL: save it with its own tools, such as pg_dump, and the master key apart from it"
    );
    runtime()?.block_on(async {
        let db = Db::open(&config.database.url).await?;
        db.check_migrated().await?;
        db.snapshot(&arguments.to).await?;
        let head: Result<u64, crate::db::DbError> = db.read(crate::store::feed::head).await;
        println!("saved revision {} to {}", head?, arguments.to.display());
        println!(
            "keep the master key {} apart from it: both together are the organization",
            config.vault.key_file.display()
        );
        Ok(())
    })
}

/// What to restore.
#[derive(Args, Debug)]
pub struct Restore {
    #[command(flatten)]
    at: super::run::Arguments,
    /// The file that `backup` wrote; left out for PostgreSQL, which its own tools have restored already
    from: Option<PathBuf>,
}

/// Puts a backup in the place of the database and begins a new lineage, so that stations notice.
pub fn restore(arguments: &Restore) -> Result<()> {
    let config = Config::load(&arguments.at.config)?;
    let vault = Vault::open(&config.vault.key_file)?;
    if let Some(from) = &arguments.from {
        ensure!(
            !is_postgres(&config.database.url),
            "the data is in PostgreSQL: restore it with its own tools first"
        );
        put_in_place(from, Path::new(config.database.url.trim_start_matches("sqlite:")))?;
    } else {
        ensure!(
            is_postgres(&config.database.url),
            "name the file that `backup` wrote"
        );
    }
    let secrets = (random()?, random()?, random()?);
    runtime()?.block_on(async {
        let db = Db::open(&config.database.url).await?;
        let app = App::new(db, vault, Clock::Wall, config);
        app.db.migrate(app.now().0).await?;
        new_lineage(&app, secrets).await
    })?;
    println!(
        "the console begins a new lineage: stations notice, and offer again what the backup does not hold"
    );
    println!(
        "next: revoke again what was revoked after the backup was made (stations, keys, accounts, tickets),"
    );
    println!("      then start the console; `bandstand-console doctor` says what is wrong");
    Ok(())
}

/// Stations must not take the restored console for the one they knew: its revisions come again with other
/// content, and so would its sequence as a writer of history.
pub async fn new_lineage(app: &App, (lineage, writer, feed): ([u8; 16], [u8; 16], [u8; 32])) -> Result<()> {
    let (vault, caller, now) = (app.vault.clone(), caller(), app.now());
    let done = app.db.write(move |tx| -> Result<(), Problem> {
        // Opens one secret first: a wrong master key is noticed before anything is changed.
        vault.require(tx, crate::vault::names::ORGANIZATION)?;
        let before = settings::lineage(tx)?;
        settings::put(tx, names::LINEAGE, &StationId(lineage))?;
        settings::put(tx, names::WRITER, &StationId(writer))?;
        crate::sync::authority::rotate_feed_key(tx, &vault, feed, now, now, now)?;
        let what = Record {
            action: "console_restore",
            subject_kind: "organization",
            before: serde_json::json!({ "lineage": StationId(before) }),
            after: serde_json::json!({ "lineage": StationId(lineage) }),
            ..Record::default()
        };
        Ok(audit::append(tx, &caller, &what, now)?)
    });
    Ok(done.await?)
}

fn put_in_place(from: &Path, to: &Path) -> Result<()> {
    let aside = to.with_extension("db.before-restore");
    for path in [to, &aside] {
        ensure!(
            path == to || !path.exists(),
            "{} is there from an earlier restore: move it away first",
            path.display()
        );
    }
    let bytes_of =
        |path: &Path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    let bytes = bytes_of(from)?;
    ensure!(
        bytes.starts_with(b"SQLite format 3\0"),
        "{} is not a backup",
        from.display()
    );
    for (end, gone) in [("", ""), ("-wal", "-wal"), ("-shm", "-shm")] {
        let old = PathBuf::from(format!("{}{end}", to.display()));
        if old.exists() {
            let new = PathBuf::from(format!("{}{gone}", aside.display()));
            std::fs::rename(&old, &new).with_context(|| format!("cannot move {} aside", old.display()))?;
        }
    }
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(to);
    let mut file = file.with_context(|| format!("cannot write {}", to.display()))?;
    file.write_all(&bytes)
        .and_then(|()| file.sync_all())
        .with_context(|| format!("cannot write {}", to.display()))
}

/// One thing that was looked at.
struct Finding {
    good: bool,
    what: &'static str,
    found: String,
    next: String,
}

/// Says in one line per cause what is wrong and what to do.
pub fn doctor(at: &super::run::Arguments) -> Result<()> {
    let mut findings = Vec::new();
    let config = Config::load(&at.config);
    let found = config.as_ref().map(|_| "reads".to_owned());
    findings.push(finding("configuration", found, "mend it"));
    if let Ok(config) = &config {
        look(config, &mut findings)?;
    }
    for finding in &findings {
        let mark = if finding.good { "ok  " } else { "FAIL" };
        let next = if finding.good {
            String::new()
        } else {
            format!("; {}", finding.next)
        };
        println!("{mark} {:<16} {}{next}", finding.what, finding.found);
    }
    ensure!(findings.iter().all(|finding| finding.good), "something is wrong");
    Ok(())
}

fn finding<E: std::fmt::Display>(what: &'static str, found: Result<String, E>, next: &str) -> Finding {
    let (good, found) = match found {
        Ok(found) => (true, found),
        Err(error) => (false, format!("{error:#}")),
    };
    let next = next.to_owned();
    Finding {
        good,
        what,
        found,
        next,
    }
}

fn look(config: &Config, findings: &mut Vec<Finding>) -> Result<()> {
    let vault = Vault::open(&config.vault.key_file);
    let found = vault.as_ref().map(|_| "for its owner alone".to_owned());
    findings.push(finding("master key", found, "put the key's copy back, mode 0600"));
    runtime()?.block_on(async {
        let opened = Db::open(&config.database.url).await;
        let next = "start the database, or mend `database.url`";
        findings.push(finding(
            "database",
            opened.as_ref().map(|_| config.database.url.clone()),
            next,
        ));
        let Ok(db) = opened else { return };
        let tables = db.check_migrated().await;
        let next = "run `bandstand-console migrate`";
        findings.push(finding(
            "tables",
            tables
                .as_ref()
                .map(|()| format!("number {}", crate::db::newest())),
            next,
        ));
        let (Ok(vault), Ok(())) = (vault, tables) else {
            return;
        };
        let app = App::new(db, vault, Clock::Wall, config.clone());
        look_inside(&app, findings).await;
    });
    Ok(())
}

async fn look_inside(app: &App, findings: &mut Vec<Finding>) {
    let vault = app.vault.clone();
    let opened = app.db.read(move |tx| -> Result<String, crate::db::DbError> {
        vault.require(tx, crate::vault::names::ORGANIZATION)?;
        Ok("open with this master key".to_owned())
    });
    let next = "this is another console's master key, or `init` was never run";
    findings.push(finding("secrets", opened.await, next));
    let audit = audits::verify(app, &caller(), None).await;
    let audit = audit
        .map_err(|problem| problem.to_string())
        .and_then(|verdict| match verdict.fault {
            None => Ok(verdict.explanation),
            Some(_) => Err(verdict.explanation),
        });
    findings.push(finding(
        "audit",
        audit,
        "compare with an export from before, and ask who had the database",
    ));
    let waiting = app
        .db
        .read(|tx| tx.number("select count(*) from quarantine", &[]));
    let waiting = waiting
        .await
        .map(|count| format!("{count} conflicts wait for a person"));
    findings.push(finding("quarantine", waiting, ""));
}
