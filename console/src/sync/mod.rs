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
//! | `push`, `intake` | journals coming in, one by one and together |

pub mod authority;
mod feed;
mod http;
mod intake;
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
use zeroize::Zeroizing;

use crate::db::{DbError, Tx};
use crate::ingest::Trust;
use crate::serve::App;
use authority::Keys;
use routes::Routes;
use rows::Wishes;
use tls::{Kept, Listening};

/// How often the listener looks whether its own certificate has to be made anew.
const FRESHEN_EVERY: Duration = Duration::from_secs(6 * 3600);

/// Serves stations until `stop` becomes true.
pub async fn serve(app: App, listener: TcpListener, stop: watch::Receiver<bool>) -> Result<()> {
    let keys = Arc::new(
        Keys::load(&app)
            .await
            .context("the stations' authority cannot be read")?,
    );
    let wishes = Wishes::of(&app.config.sync);
    app.db.write(move |tx| wishes.tell(tx)).await?;
    let names = app.config.sync.names.clone();
    let place = listener_name(&keys, &names);
    let kept = kept_listener(&app, &place).await?;
    let (listening, made) = Listening::new(&keys.authority, names, kept, seconds(app.now()))?;
    keep_listener(&app, &place, made).await?;
    let config = tls::server_config(&keys.authority, listening.clone())?;
    let trust = app.db.read(Trust::read).await?;
    let routes = Arc::new(Routes::new(app.clone(), trust, keys.clone(), stop.clone()));
    let freshener = tokio::spawn(keep_fresh(app, keys, listening, place));
    listen::serve(listener, config, routes, stop).await;
    freshener.abort();
    Ok(())
}

async fn keep_fresh(app: App, keys: Arc<Keys>, listening: Arc<Listening>, place: String) {
    loop {
        tokio::time::sleep(FRESHEN_EVERY).await;
        let made = match listening.keep_fresh(&keys.authority, seconds(app.now())) {
            Ok(Some(made)) => made,
            Ok(None) => continue,
            Err(error) => {
                tracing::error!(%error, "the stations' listener got no new certificate");
                continue;
            }
        };
        tracing::info!("the stations' listener has a new certificate");
        if let Err(error) = keep_listener(&app, &place, Some(made)).await {
            tracing::warn!(%error, "the listener's certificate is kept in memory alone");
        }
    }
}

/// Where the vault keeps the listener's certificate: consoles that share a database may have other names.
fn listener_name(keys: &Keys, names: &[String]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, names.join("\n").as_bytes());
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(&bytes[..8]);
    let (root, names) = (hex(&keys.authority.fingerprint()), hex(digest.as_ref()));
    format!("listener/{root}/{names}")
}

async fn kept_listener(app: &App, place: &str) -> Result<Option<Kept>, DbError> {
    let (vault, place) = (app.vault.clone(), place.to_owned());
    let kept = app.db.read(move |tx| vault.get(tx, &place)).await?;
    Ok(kept.and_then(|bytes| minicbor::decode(&bytes).ok()))
}

async fn keep_listener(app: &App, place: &str, made: Option<Kept>) -> Result<(), DbError> {
    let Some(made) = made else { return Ok(()) };
    let bytes = Zeroizing::new(minicbor::to_vec(&made).expect("memory takes everything"));
    let (vault, place, now) = (app.vault.clone(), place.to_owned(), app.now());
    let put = move |tx: &Tx<'_>| vault.put(tx, &place, &bytes, now);
    app.db.write(put).await
}

/// A moment in whole seconds, as certificates count.
fn seconds(now: UnixMillis) -> UnixSeconds {
    UnixSeconds(u64::try_from(now.0 / 1000).unwrap_or(0))
}
