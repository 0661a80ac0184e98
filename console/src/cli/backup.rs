//! `backup`: the database in one file, while the console works.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;

use super::run::runtime;
use crate::config::Config;
use crate::db::{Db, is_postgres};
use crate::store::backup;

/// Where to save.
#[derive(Args, Debug)]
pub struct Backup {
    #[command(flatten)]
    at: super::run::Arguments,
    /// The file to write; must not be there
    to: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Saves the database as it is at one moment, and checks what was written. Secrets stay sealed.
pub fn run(arguments: &Backup) -> Result<()> {
    let config = Config::load(&arguments.at.config)?;
    let url = &config.database.url;
    ensure!(
        !is_postgres(url),
        "the data is in PostgreSQL: save it with its own tools, such as pg_dump, and the master key apart from it"
    );
    let saved = runtime()?.block_on(async {
        let db = Db::open(url).await?;
        db.check_migrated().await?;
        backup::save(&db, &arguments.to).await
    })?;
    if arguments.json {
        println!("{}", serde_json::to_string(&saved)?);
        return Ok(());
    }
    println!(
        "saved {} bytes to {}, and read them through",
        saved.bytes,
        arguments.to.display()
    );
    println!("sha256 {}", saved.sha256);
    println!("lineage {}, revision {}", saved.lineage, saved.revision);
    println!("audit {}:{}", saved.audit.sequence, saved.audit.hash);
    println!(
        "without the master key {} it opens no secret: keep a copy of the key, apart from this file",
        config.vault.key_file.display()
    );
    Ok(())
}
