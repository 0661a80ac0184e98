//! What stations talk to: joining, certificates, the feed, the journal, health.
//!
//! | module | what it knows |
//! |---|---|
//! | [`authority`] | the authority and the keys that sign pages, out of the vault |
//! | `listen`, `tls`, `http` | connections: who, how many, how much, how long |
//! | [`tokens`] | one-time tokens to join with |
//! | [`stations`] | the stations, their certificates, revoking them |
//! | `join` | joining and renewing |
//! | `feed` | pages for one station |
//! | `push` | journals coming in |

pub mod authority;
mod feed;
mod http;
mod join;
mod listen;
mod patient;
mod push;
mod routes;
mod rows;
pub mod stations;
mod tls;
pub mod tokens;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use firmware_protocol::time::UnixSeconds;
use policy::model::UnixMillis;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::serve::App;
use authority::Keys;
use routes::Routes;
use tls::Listening;

/// How often the listener looks whether its own certificate has to be made anew.
const FRESHEN_EVERY: Duration = Duration::from_secs(6 * 3600);

/// Serves stations until `stop` becomes true.
pub async fn serve(app: App, listener: TcpListener, stop: watch::Receiver<bool>) -> Result<()> {
    let keys = Arc::new(
        Keys::load(&app)
            .await
            .context("the stations' authority cannot be read")?,
    );
    let names = app.config.sync.names.clone();
    let listening = Listening::new(&keys.authority, names, seconds(app.now()))?;
    let config = tls::server_config(&keys.authority, listening.clone())?;
    let routes = Arc::new(Routes::new(app.clone(), keys.clone(), stop.clone()));
    let freshener = tokio::spawn(keep_fresh(app, keys, listening));
    listen::serve(listener, config, routes, stop).await;
    freshener.abort();
    Ok(())
}

async fn keep_fresh(app: App, keys: Arc<Keys>, listening: Arc<Listening>) {
    loop {
        tokio::time::sleep(FRESHEN_EVERY).await;
        match listening.keep_fresh(&keys.authority, seconds(app.now())) {
            Ok(true) => tracing::info!("the stations' listener has a new certificate"),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the stations' listener got no new certificate"),
        }
    }
}

/// A moment in whole seconds, as certificates count.
fn seconds(now: UnixMillis) -> UnixSeconds {
    UnixSeconds(u64::try_from(now.0 / 1000).unwrap_or(0))
}
