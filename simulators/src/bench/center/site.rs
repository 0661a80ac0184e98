//! The console's files, and the console as a process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use console::acts::setup::{Beginning, Plant};
use console::cli::init;
use console::clock::Clock;
use console::config::Config;
use console::db::Db;
use console::files::OrganizationFile;
use console::serve::App;
use console::sync::authority;
use console::sync::tokens::{self, NewToken};
use console::vault::Vault;
use policy::model::{UnixMillis, Zone};
use rustix::process::{Pid, Signal, kill_process};
use station_core::sync::JoinToken;
use station_daemon::sync::Address;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::cast::{Cast, SITE};
use crate::stage::write_private;

/// A console serves within this time, and stops within it.
const PATIENCE: Duration = Duration::from_secs(60);
/// A token holds so long, in milliseconds.
const TOKEN_MS: i64 = 3_600_000;

/// A console's files: its database, its keys, its organization.
pub(super) struct Site {
    folder: tempfile::TempDir,
    pub(super) config: Config,
    pub(super) cast: Cast,
}

impl Site {
    /// A console that took over the cast's organization and plant. `url` names a PostgreSQL database; nothing
    /// means SQLite in the site's own folder.
    pub(super) async fn new(cast: Cast, url: Option<&str>) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("bandstand-center-").tempdir()?;
        let mut config = Config::in_folder(folder.path());
        config.log.level = "warn".into();
        if let Some(url) = url {
            config.database.url = url.to_owned();
        }
        let site = Self { folder, config, cast };
        site.found().await.context("the console was not made")?;
        Ok(site)
    }

    async fn found(&self) -> Result<()> {
        let path = self.folder().join("organization.toml");
        write_private(&path, self.cast.organization_file("Bench").as_bytes())?;
        let file = OrganizationFile::read(&path)?;
        let vault = Vault::create(&self.config.vault.key_file)?;
        let db = Db::create(&self.config.database.url).await?;
        let app = App::new(db, vault, Clock::Wall, self.config.clone());
        app.db.migrate(app.now().0).await?;
        let beginning = Beginning {
            name: "Bench".into(),
            organization: file.organization(),
            feed_key: console::edge::random::<32>()?.into(),
            lineage: console::edge::random()?,
            writer: console::edge::random()?,
            manufacturers: file.manufacturers.clone(),
            own_make: None,
        };
        init::begin(&app, beginning, vec![Plant::from(self.cast.file().clone())]).await?;
        authority::load(&app).await?;
        Ok(())
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The console's parts in this process, to look at or to change what a process serves.
    pub(super) async fn app(&self) -> Result<App> {
        App::open(self.config.clone()).await
    }

    /// One-time tokens for so many stations.
    pub(super) async fn tokens(&self, count: usize) -> Result<Vec<JoinToken>> {
        let app = self.app().await?;
        let fingerprint = authority::load(&app).await?.fingerprint();
        let secrets: Vec<[u8; 16]> = (0..count)
            .map(|_| console::edge::random())
            .collect::<Result<_, _>>()?;
        let now = app.now();
        let made = app.db.write(move |tx| {
            let token = |(number, secret): (usize, &[u8; 16])| {
                let what = NewToken {
                    name: format!("Station {number}"),
                    site: SITE.into(),
                    zone: Zone::Enrollment,
                    station: None,
                    created_by: "the bench".into(),
                    expires_at: UnixMillis(now.0 + TOKEN_MS),
                };
                tokens::create(tx, &what, *secret, &fingerprint, now)
            };
            secrets
                .iter()
                .enumerate()
                .map(token)
                .collect::<Result<Vec<_>, _>>()
        });
        Ok(made.await?)
    }

    /// Starts the console, on any free ports.
    pub(super) async fn start(&self) -> Result<Running> {
        self.start_with(self.config.clone(), &[]).await
    }

    /// Starts the console by another program, such as a profiler.
    pub(super) async fn start_under(&self, wrapper: &[String]) -> Result<Running> {
        self.start_with(self.config.clone(), wrapper).await
    }

    /// Starts the console where another one served.
    pub(super) async fn start_at(&self, web: SocketAddr, sync: SocketAddr) -> Result<Running> {
        let mut config = self.config.clone();
        (config.web.listen, config.sync.listen) = (web, sync);
        self.start_with(config, &[]).await
    }

    async fn start_with(&self, config: Config, wrapper: &[String]) -> Result<Running> {
        let (file, log) = (
            self.folder().join("console.toml"),
            self.folder().join("console.log"),
        );
        write_private(&file, toml::to_string(&config)?.as_bytes())?;
        let log_file = std::fs::File::options().create(true).append(true).open(&log)?;
        let mut words = wrapper
            .iter()
            .map(PathBuf::from)
            .chain([program("bandstand-console")?]);
        let mut command = Command::new(words.next().context("a program")?);
        command.args(words).arg("run").arg("--config").arg(&file);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log_file);
        let mut child = command.kill_on_drop(true).spawn()?;
        let stdout = child.stdout.take().context("a pipe")?;
        let Ok(found) = tokio::time::timeout(PATIENCE, addresses(stdout)).await else {
            bail!("the console does not serve");
        };
        let said = || std::fs::read_to_string(&log).unwrap_or_default();
        let (web, sync) = found.with_context(|| format!("the console ended: {}", said()))?;
        Ok(Running { child, web, sync })
    }
}

async fn addresses(stdout: tokio::process::ChildStdout) -> Result<(SocketAddr, SocketAddr)> {
    let mut lines = BufReader::new(stdout).lines();
    let mut web = None;
    while let Some(line) = lines.next_line().await? {
        match line.split_once(' ') {
            Some(("web", address)) => web = Some(address.parse()?),
            Some(("sync", address)) => {
                return Ok((web.context("no address of the pages")?, address.parse()?));
            }
            _ => {}
        }
    }
    bail!("it did not say where it serves")
}

/// A program out of the folder in which this test or benchmark was built.
pub(super) fn program(name: &str) -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let folders = this.ancestors().skip(1).take(2);
    let path = folders.map(|folder| folder.join(name)).find(|path| path.exists());
    path.with_context(|| {
        format!("{name} is not built: run `cargo build --workspace` with the same profile first")
    })
}

/// A console that serves. Dropping it kills it.
pub(super) struct Running {
    child: Child,
    pub(super) web: SocketAddr,
    pub(super) sync: SocketAddr,
}

impl Running {
    /// Where stations find it.
    pub(super) fn address(&self) -> Address {
        Address {
            host: self.sync.ip().to_string(),
            port: self.sync.port(),
        }
    }

    pub(super) fn pid(&self) -> Result<u32> {
        self.child.id().context("a running console")
    }

    /// Ends it like a power cut.
    pub(super) async fn kill(&mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Ends it in good order.
    pub(super) async fn stop(mut self) -> Result<()> {
        let pid = Pid::from_raw(self.pid()? as i32).context("a process")?;
        kill_process(pid, Signal::TERM)?;
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        ended.context("the console does not stop")??;
        Ok(())
    }
}
