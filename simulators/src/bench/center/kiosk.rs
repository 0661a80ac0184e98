//! The station's real daemon as a process, without Bluetooth: what the sync needs of a station.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use station_core::sync::JoinToken;
use station_daemon::api::model::{Status, SyncStage};
use station_daemon::cli::client::Client;
use station_daemon::sync::Address;
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::stage::{Program, Site};

/// Where there is no Bluetooth.
const NO_BUS: &str = "unix:path=/nonexistent";
/// Whatever is waited for comes within this time.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks at a daemon.
const LOOK: Duration = Duration::from_millis(2);

/// A station that has joined.
pub(super) struct Kiosk {
    site: Site,
    program: Program,
    pub(super) client: Client,
    child: Option<Child>,
}

impl Kiosk {
    /// Joins the console with the station's own program.
    pub(super) async fn join(address: &Address, token: &JoinToken) -> Result<Self> {
        let (site, program) = (Site::new(NO_BUS)?, Program::built()?);
        let folder = site.folder().display();
        let config = format!(
            "[station]\ndata_directory = \"{folder}/data\"\nkey_file = \"{folder}/data/station.key\"\n\
             disk_free_mib_min = 1\n\n[api]\nsocket = \"{folder}/station.sock\"\n"
        );
        std::fs::write(site.config(), config)?;
        let (console, token) = (format!("https://{address}"), token.reveal());
        let join = ["join", "--console", &console, "--token", &token];
        let said = Command::from(program.command(&site, &join)).output().await?;
        ensure!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
        let client = Client::new(&site.socket());
        Ok(Self {
            site,
            program,
            client,
            child: None,
        })
    }

    /// Starts the daemon; does not wait for anything.
    pub(super) fn start(&mut self) -> Result<()> {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.site.folder().join("daemon.log"))?;
        let mut command = self.program.command(&self.site, &["run"]);
        command.stdout(log.try_clone()?).stderr(log).stdin(Stdio::null());
        self.child = Some(Command::from(command).kill_on_drop(true).spawn()?);
        Ok(())
    }

    pub(super) fn pid(&self) -> Result<u32> {
        let child = self.child.as_ref().context("a running daemon")?;
        child.id().context("a running daemon")
    }

    /// The station's database.
    pub(super) fn database(&self) -> PathBuf {
        self.site.data().join("station.db")
    }

    /// Waits until its status is as it should be.
    pub(super) async fn until(&self, is_so: impl Fn(&Status) -> bool) -> Result<Status> {
        let begun = Instant::now();
        loop {
            if let Ok(status) = self.client.get::<Status>("/api/v1/status").await
                && is_so(&status)
            {
                return Ok(status);
            }
            if begun.elapsed() > PATIENCE {
                let log = std::fs::read_to_string(self.site.folder().join("daemon.log"));
                bail!("the station does not come so far: {}", log.unwrap_or_default());
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until the replica is whole and nothing waits to be sent.
    pub(super) async fn in_step(&self, users: usize) -> Result<Status> {
        let is_so = |status: &Status| {
            let sync = status.sync.as_ref();
            status.replica.users as usize == users
                && sync.is_some_and(|it| it.state == SyncStage::UpToDate && it.journal_waiting == 0)
        };
        self.until(is_so).await
    }

    /// Ends it in good order.
    pub(super) async fn stop(&mut self) -> Result<()> {
        let pid = Pid::from_raw(self.pid()? as i32).context("a process")?;
        kill_process(pid, Signal::TERM)?;
        let mut child = self.child.take().context("a running daemon")?;
        tokio::time::timeout(PATIENCE, child.wait())
            .await
            .context("the daemon does not stop")??;
        Ok(())
    }
}
