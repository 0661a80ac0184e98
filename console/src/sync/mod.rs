//! What stations talk to: joining, certificates, the feed, the journal, health.
//!
//! | module | what it knows |
//! |---|---|
//! | [`authority`] | the authority and the keys that sign pages, out of the vault |
//! | `listen`, `crowd`, `tls`, `http` | connections: who, how many, how much, how long |
//! | [`tokens`] | one-time tokens to join with |
//! | [`stations`] | the stations, their certificates, revoking them |
//! | `front` | what the listener shows: its certificate and the authorities, exchanged while it serves |
//! | `join` | joining and renewing |
//! | `feed` | pages for one station |
//! | `push`, `intake` | journals coming in, one by one and together |

pub mod authority;
mod crowd;
mod feed;
mod front;
mod http;
mod intake;
mod join;
mod listen;
mod push;
mod routes;
mod rows;
pub mod stations;
mod tls;
pub mod tokens;

use std::sync::Arc;

use anyhow::Result;
use firmware_protocol::time::UnixSeconds;
use policy::model::UnixMillis;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::ingest::Trust;
use crate::serve::App;
use front::Front;
use routes::Routes;
use rows::Wishes;

/// Serves stations until `stop` becomes true.
pub async fn serve(app: App, listener: TcpListener, stop: watch::Receiver<bool>) -> Result<()> {
    let (front, shown) = Front::open(&app).await?;
    let wishes = Wishes::of(&app.config.sync);
    app.db.write(move |tx| wishes.tell(tx)).await?;
    let trust = app.db.read(Trust::read).await?;
    let routes = Arc::new(Routes::new(app, trust, stop.clone()));
    let keeper = tokio::spawn(front.keep());
    listen::serve(listener, shown, routes, stop).await;
    keeper.abort();
    Ok(())
}

/// A moment in whole seconds, as certificates count.
pub(crate) fn seconds(now: UnixMillis) -> UnixSeconds {
    UnixSeconds(u64::try_from(now.0 / 1000).unwrap_or(0))
}
