//! `run`: the server.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use tracing_subscriber::EnvFilter;

use crate::config::{Config, DEFAULT_PATH, Log};
use crate::serve::{self, App, Listeners, obstacle};

/// How often it is looked whether the storage has failed.
const LOOK: Duration = Duration::from_millis(500);

/// Where the console is.
#[derive(Args, Clone, Debug)]
pub struct Arguments {
    /// The configuration
    #[arg(long, short, global = true, default_value = DEFAULT_PATH, env = "BANDSTAND_CONSOLE_CONFIG")]
    pub config: PathBuf,
}

/// A runtime with few threads that wait and enough that work.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the system gives no threads")
}

/// Serves until the process is told to stop.
pub fn run(arguments: &Arguments) -> Result<()> {
    let config = Config::load(&arguments.config)?;
    log(&config.log)?;
    runtime()?.block_on(serve(config, &arguments.config))
}

async fn serve(config: Config, from: &Path) -> Result<()> {
    let cannot = || format!("the console of {} cannot start", from.display());
    let app = App::open(config).await.with_context(cannot)?;
    obstacle::prove_writable(&app).await.with_context(cannot)?;
    if crate::accounts::is_nobody_there(&app).await? {
        // The link itself is a secret, and what a service prints is kept in logs.
        println!(
            "nobody has signed in yet: `bandstand-console init --config {}` prints a new one-time link",
            from.display()
        );
    }
    let listeners = Listeners::bind(&app.config).await?;
    tracing::info!(web = %listeners.web.local_addr()?, "the console is ready");
    println!("web {}", listeners.web.local_addr()?);
    println!("sync {}", listeners.sync.local_addr()?);
    serve::run(app, listeners, told_to_stop()?).await
}

fn told_to_stop() -> Result<impl Future<Output = ()> + Send> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: no new requests, those begun are finished");
    })
}

/// Ends with the reason when the storage has failed: only a new start reads what is really on the disk.
pub(crate) async fn failed(app: &App) -> anyhow::Error {
    loop {
        tokio::time::sleep(LOOK).await;
        if app.db.is_stopped() {
            return anyhow!("the disk of the database failed; start the console again after it is mended");
        }
        // What the command line changed beside this process wakes stations too.
        if !app.db.is_postgres()
            && let Err(error) = app.db.refresh_feed().await
        {
            tracing::warn!(%error, "the feed cannot be looked at");
        }
    }
}

fn log(log: &Log) -> Result<()> {
    let filter = EnvFilter::try_new(&log.level).context("`log.level` is not a filter")?;
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A second subscriber in one process is a test's business.
    let _ = if log.json {
        lines.json().try_init()
    } else {
        lines.try_init()
    };
    Ok(())
}
