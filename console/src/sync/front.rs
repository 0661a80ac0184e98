//! What the stations' listener shows and whom it takes, exchanged while it serves: its own certificate before that one
//! ends, and the authority while the console goes over from one to the next (decision 0039).

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use rustls::ServerConfig;
use tokio::sync::watch;
use zeroize::Zeroizing;

use super::authority::{self, Authorities};
use super::seconds;
use super::tls::{self, Kept, Listening};
use crate::acts;
use crate::db::{DbError, Tx};
use crate::serve::App;

/// How often the listener looks whether its own certificate has to be made anew.
const FRESHEN_EVERY: Duration = Duration::from_secs(6 * 3600);
/// While the console goes over to another authority, it looks so often whether somebody still needs the earlier one.
const RETIRE_EVERY: Duration = Duration::from_secs(5);
/// News in the feed are looked at so much later, all that came meanwhile at once.
const SETTLE: Duration = Duration::from_millis(500);

/// What the listener shows now.
pub(super) struct Front {
    app: App,
    authorities: Authorities,
    listening: Arc<Listening>,
    place: String,
    shown: watch::Sender<Arc<ServerConfig>>,
}

impl Front {
    /// Reads the authorities, makes what is missing, and gives what connections are accepted with.
    pub(super) async fn open(app: &App) -> Result<(Self, watch::Receiver<Arc<ServerConfig>>)> {
        let authorities = authority::load_all(app)
            .await
            .context("the stations' authority cannot be read")?;
        let (listening, place, config) = show(app, &authorities).await?;
        let (shown, receiver) = watch::channel(config);
        let front = Self {
            app: app.clone(),
            authorities,
            listening,
            place,
            shown,
        };
        Ok((front, receiver))
    }

    /// Keeps all of it as it should be, for ever.
    pub(super) async fn keep(mut self) {
        let mut feed = self.app.feed();
        let mut fresh_at = tokio::time::Instant::now() + FRESHEN_EVERY;
        loop {
            let next = match self.authorities.next {
                Some(_) => fresh_at.min(tokio::time::Instant::now() + RETIRE_EVERY),
                None => fresh_at,
            };
            tokio::select! {
                Ok(()) = feed.changed() => tokio::time::sleep(SETTLE).await,
                () = tokio::time::sleep_until(next) => {}
            }
            feed.mark_unchanged();
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "the stations' authority could not be looked at");
            }
            if tokio::time::Instant::now() >= fresh_at {
                fresh_at = tokio::time::Instant::now() + FRESHEN_EVERY;
                self.freshen().await;
            }
        }
    }

    /// Leaves the earlier authority as soon as nobody needs it, and shows what the database says, whichever console
    /// has changed it.
    async fn look(&mut self) -> Result<()> {
        if self.authorities.next.is_some() {
            let retired = acts::authority::retire_when_unused(&self.app).await;
            retired.map_err(|problem| anyhow!(problem.detail))?;
        }
        let vault = self.app.vault.clone();
        let told = self
            .app
            .db
            .read(move |tx| authority::certificates(tx, &vault))
            .await?;
        if told == self.authorities.certificates() {
            return Ok(());
        }
        self.authorities = authority::load_all(&self.app).await?;
        let (listening, place, config) = show(&self.app, &self.authorities).await?;
        (self.listening, self.place) = (listening, place);
        self.shown.send_replace(config);
        tracing::info!(
            authorities = self.authorities.certificates().len(),
            "the stations' listener goes by other authorities"
        );
        Ok(())
    }

    async fn freshen(&self) {
        let authority = &self.authorities.present;
        let made = match self.listening.keep_fresh(authority, seconds(self.app.now())) {
            Ok(Some(made)) => made,
            Ok(None) => return,
            Err(error) => {
                tracing::error!(%error, "the stations' listener got no new certificate");
                return;
            }
        };
        tracing::info!("the stations' listener has a new certificate");
        if let Err(error) = keep_listener(&self.app, &self.place, Some(made)).await {
            tracing::warn!(%error, "the listener's certificate is kept in memory alone");
        }
    }
}

/// The listener's certificate is of the present authority, which every station trusts; clients may be of both.
async fn show(app: &App, authorities: &Authorities) -> Result<(Arc<Listening>, String, Arc<ServerConfig>)> {
    let names = app.config.sync.names.clone();
    let place = listener_name(authorities, &names);
    let kept = kept_listener(app, &place).await?;
    let present = &authorities.present;
    let (listening, made) = Listening::new(present, names, kept, seconds(app.now()))?;
    keep_listener(app, &place, made).await?;
    let config = tls::server_config(&authorities.certificates(), listening.clone())?;
    Ok((listening, place, config))
}

/// Where the vault keeps the listener's certificate: consoles that share a database may have other names.
fn listener_name(authorities: &Authorities, names: &[String]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, names.join("\n").as_bytes());
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(&bytes[..8]);
    let (root, names) = (hex(&authorities.present.fingerprint()), hex(digest.as_ref()));
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
