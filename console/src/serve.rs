//! The running console: what every part of it shares, and the listeners.

mod listen;
pub(crate) mod obstacle;
pub(crate) mod patient;
#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::accounts::session::Seen;
use crate::acts::dashboard::Tallies;
use crate::acts::imports::Comparisons;
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::metrics::Metrics;
use crate::pace::Pace;
use crate::vault::Vault;
use crate::{api, cli, pages};

pub use listen::{Limits, serve_http};
pub use patient::Patience;

/// What every part of the console shares; clones are the same console.
#[derive(Clone, Debug)]
pub struct App(Arc<Parts>);

/// The parts.
#[derive(Debug)]
pub struct Parts {
    /// The database.
    pub db: Db,
    /// The secrets.
    pub vault: Vault,
    /// The clock.
    pub clock: Clock,
    /// The configuration.
    pub config: Config,
    /// The counters.
    pub metrics: Metrics,
    /// How fast one key or one person may ask.
    pub pace: Pace,
    /// The list that was compared last.
    pub comparisons: Comparisons,
    /// What the first page counted last.
    pub tallies: Tallies,
    /// When sessions were used last.
    pub seen: Seen,
}

impl std::ops::Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl App {
    /// A console of these parts.
    pub fn new(db: Db, vault: Vault, clock: Clock, config: Config) -> Self {
        let metrics = Metrics::default();
        let pace = Pace::new(config.web.requests_per_second);
        Self(Arc::new(Parts {
            db,
            vault,
            clock,
            config,
            metrics,
            pace,
            comparisons: Comparisons::default(),
            tallies: Tallies::default(),
            seen: Seen::default(),
        }))
    }

    /// Opens database and vault as the configuration says. The tables must be those of this release.
    pub async fn open(config: Config) -> Result<Self> {
        let vault = Vault::open(&config.vault.key_file)?;
        let named = |error| obstacle::named(&config.database.url, error);
        let db = Db::open(&config.database.url).await.map_err(named)?;
        db.check_migrated().await.map_err(named)?;
        Ok(Self::new(db, vault, Clock::Wall, config))
    }

    /// Wakes when something changed that stations want to know.
    pub fn feed(&self) -> watch::Receiver<u64> {
        self.db.feed()
    }

    /// The present moment.
    pub fn now(&self) -> policy::model::UnixMillis {
        self.clock.now()
    }
}

/// The addresses for people and programs.
pub fn router(app: App) -> Router {
    api::router(app.clone()).merge(pages::router(app))
}

/// Sockets that are open: whoever asks for port 0 learns the real one here.
#[derive(Debug)]
pub struct Listeners {
    /// Pages and API.
    pub web: TcpListener,
    /// Stations.
    pub sync: TcpListener,
}

impl Listeners {
    /// Opens what the configuration names.
    pub async fn bind(config: &Config) -> Result<Self> {
        let web = bind(config.web.listen, "web.listen").await?;
        let sync = bind(config.sync.listen, "sync.listen").await?;
        Ok(Self { web, sync })
    }
}

async fn bind(address: SocketAddr, name: &str) -> Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    bound.with_context(|| format!("cannot listen on {address}, `{name}`"))
}

/// Serves until `stop` completes, then lets what is being answered come to its end.
pub async fn run(app: App, listeners: Listeners, stop: impl Future<Output = ()> + Send) -> Result<()> {
    let (stopping, stopped) = watch::channel(false);
    let tls = listen::tls(&app.config.web)?;
    let limits = Limits {
        connections: app.config.web.connections_max,
        ..Limits::default()
    };
    let router = router(app.clone());
    let web = tokio::spawn(serve_http(listeners.web, tls, router, limits, stopped.clone()));
    let mut sync = tokio::spawn(crate::sync::serve(app.clone(), listeners.sync, stopped));
    let result = tokio::select! {
        () = stop => Ok(()),
        error = cli::run::failed(&app) => Err(error),
        ended = &mut sync => Err(ended_early(ended)),
    };
    let _ = stopping.send(true);
    web.await.context("the listener of pages and API ended early")?;
    if !sync.is_finished() {
        sync.await.context("the listener of stations ended early")??;
    }
    result
}

fn ended_early(ended: Result<Result<()>, tokio::task::JoinError>) -> anyhow::Error {
    let why = match ended {
        Ok(Ok(())) => anyhow!("it was told to"),
        Ok(Err(error)) => error,
        Err(error) => error.into(),
    };
    why.context("the listener of stations ended early")
}
