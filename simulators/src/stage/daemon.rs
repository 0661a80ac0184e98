//! The station's daemon as a process of its own.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use station_daemon::api::model::{Event, Status};
use station_daemon::cli::client::Client;
use station_daemon::problem::Problem;
use tokio::net::UnixDatagram;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::Site;

/// Longest time a daemon may take until it says that it is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest time a daemon may take to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// How to run the station's program.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    /// This very executable, asked to behave as the station.
    pub fn this(subcommand: &str) -> io::Result<Self> {
        Ok(Self {
            path: std::env::current_exe()?,
            arguments: vec![subcommand.into()],
        })
    }

    /// The station's own program out of the folder in which this test or benchmark was built.
    pub fn built() -> io::Result<Self> {
        let this = std::env::current_exe()?;
        let folders = this.ancestors().skip(1).take(2);
        let path = folders
            .map(|folder| folder.join("bandstand-station"))
            .find(|path| path.exists());
        let path = path.ok_or_else(|| {
            let text =
                "bandstand-station is not built: run `cargo build --workspace` with the same profile first";
            io::Error::new(io::ErrorKind::NotFound, text)
        })?;
        Ok(Self {
            path,
            arguments: Vec::new(),
        })
    }

    /// The same program run by another, such as a tracer: `wrapper` and its arguments come first.
    pub fn wrapped(&self, wrapper: &[&str]) -> Self {
        let (first, rest) = wrapper.split_first().expect("a wrapper");
        let mut arguments: Vec<OsString> = rest.iter().map(OsString::from).collect();
        arguments.push(self.path.clone().into());
        arguments.extend(self.arguments.iter().cloned());
        Self {
            path: first.into(),
            arguments,
        }
    }

    /// A call of the program with the site's configuration and the site's Bluetooth.
    pub fn command(&self, site: &Site, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new(&self.path);
        command
            .args(&self.arguments)
            .arg("--config")
            .arg(site.config())
            .args(arguments);
        command
            .env("DBUS_SYSTEM_BUS_ADDRESS", site.bus())
            .stdin(Stdio::null());
        command
    }
}

/// Why a daemon is not there.
#[derive(Debug)]
pub enum DaemonError {
    /// It could not be started or talked to.
    Io(io::Error),
    /// It ended before it was ready; what it said.
    Ended(ExitStatus, String),
    /// It did not say that it is ready in time.
    NotReady,
}

impl std::fmt::Display for DaemonError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(f, "the station's process: {error}"),
            Self::Ended(status, text) => {
                write!(f, "the station ended ({status}) before it was ready:\n{text}")
            }
            Self::NotReady => write!(
                f,
                "the station was not ready within {} s",
                READY_TIMEOUT.as_secs()
            ),
        }
    }
}

impl std::error::Error for DaemonError {}

impl From<io::Error> for DaemonError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A running daemon. Dropping it kills it.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    /// Its API.
    pub client: Client,
    log: PathBuf,
}

impl Daemon {
    /// Starts a daemon and waits until it says, as it says to systemd, that it is ready.
    pub async fn start(site: &Site, program: &Program) -> Result<Self, DaemonError> {
        let (notify, notify_path) = notify_socket(site)?;
        let mut daemon = Self::spawn(site, program, Some(&notify_path))?;
        let ready = timeout(READY_TIMEOUT, async {
            tokio::select! {
                ready = said_ready(&notify) => ready.map_err(DaemonError::from),
                status = daemon.child.wait() => Err(DaemonError::Ended(status?, daemon.log_text())),
            }
        });
        ready.await.map_err(|_| DaemonError::NotReady)??;
        Ok(daemon)
    }

    /// Starts a daemon and does not wait.
    pub fn spawn(site: &Site, program: &Program, notify: Option<&PathBuf>) -> Result<Self, DaemonError> {
        let log = site.folder().join("daemon.log");
        let output = std::fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let mut command = program.command(site, &["run"]);
        command.stdout(output.try_clone()?).stderr(output);
        command.env_remove("NOTIFY_SOCKET");
        if let Some(path) = notify {
            command.env("NOTIFY_SOCKET", path);
        }
        let child = Command::from(command).kill_on_drop(true).spawn()?;
        Ok(Self {
            child,
            client: Client::new(&site.socket()),
            log,
        })
    }

    /// Waits until the daemon has its radio.
    pub async fn radio_ready(&self) -> Result<(), DaemonError> {
        let problem = |problem: Problem| DaemonError::Io(io::Error::other(problem.to_string()));
        let mut events = self.client.follow("/api/v1/events").await.map_err(problem)?;
        let ready = async {
            let status: Status = self.client.get("/api/v1/status").await.map_err(problem)?;
            let mut radio = status.radio;
            while radio != "ready" {
                match events.next::<Event>().await {
                    Some(Event::Radio(now)) => radio = now,
                    Some(_) => {}
                    None => return Err(DaemonError::NotReady),
                }
            }
            Ok(())
        };
        timeout(READY_TIMEOUT, ready)
            .await
            .map_err(|_| DaemonError::NotReady)?
    }

    /// The process id.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Everything the daemon logged so far, of earlier runs on the same site too.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Kills it as the kernel does when memory is short: no goodbye.
    pub async fn kill(mut self) -> io::Result<()> {
        self.child.kill().await
    }

    /// Asks it to stop, as systemd does, and waits.
    pub async fn stop(mut self) -> io::Result<ExitStatus> {
        if let Some(pid) = self
            .child
            .id()
            .and_then(|pid| rustix::process::Pid::from_raw(pid as i32))
        {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        }
        match timeout(STOP_TIMEOUT, self.child.wait()).await {
            Ok(status) => status,
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the station did not stop",
            )),
        }
    }

    /// Waits until it ends by itself.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }
}

fn notify_socket(site: &Site) -> io::Result<(UnixDatagram, PathBuf)> {
    let path = site.folder().join("notify.sock");
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    Ok((UnixDatagram::bind(&path)?, path))
}

async fn said_ready(socket: &UnixDatagram) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let len = socket.recv(&mut buffer).await?;
        if buffer[..len]
            .split(|byte| *byte == b'\n')
            .any(|line| line == b"READY=1")
        {
            return Ok(());
        }
    }
}
