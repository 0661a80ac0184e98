//! G3e: enrollments per second at privacyIDEA (four workers, SQLite) and at the console (SQLite).

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use super::PATIENCE;
use crate::bench::center::{Ingest, Web, runtime};
use crate::bench::station::process;
use crate::bench::{Effort, Figure, Goal, note, quantile};

const MAKE: &str = include_str!("make_privacyidea.py");
/// Clients at once, there as here.
const CLIENTS: usize = 16;
/// People of the peer: its own figures hold for a thousand.
const USERS: usize = 1000;
/// How long the peer works.
const TIME: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(200);

/// What enrolling came to.
#[derive(Debug)]
struct Reached {
    per_second: f64,
    p99_ms: f64,
    memory_mib: f64,
}

pub(super) fn figures(effort: &Effort, folder: &Path) -> Result<Vec<Figure>> {
    runtime()?.block_on(async {
        note("starting privacyIDEA");
        let peer = Peer::start(folder).await?;
        note(&format!("{CLIENTS} clients enroll at privacyIDEA"));
        let theirs = peer.reached().await?;
        peer.stop().await?;
        note(&format!("{CLIENTS} stations enroll at the console"));
        let mut ingest = Ingest::new(effort, CLIENTS).await?;
        let (per_second, mut waits) = ingest.one_by_one(effort).await?;
        let ours = Reached {
            per_second,
            p99_ms: quantile(&mut waits, 0.99),
            memory_mib: process::proportional_mib(ingest.pid()?)?,
        };
        Ok(vec![
            Figure::beside(
                "G3e",
                "enrollments beside privacyIDEA",
                ours.per_second,
                "/s",
                theirs.per_second,
                Goal::AtLeast(100.0),
            ),
            Figure::beside(
                "G3e",
                "p99 of an enrollment beside privacyIDEA",
                ours.p99_ms,
                "ms",
                theirs.p99_ms,
                Goal::AtMost(0.02),
            ),
            Figure::beside(
                "G3e",
                "memory beside privacyIDEA",
                ours.memory_mib,
                "MiB",
                theirs.memory_mib,
                Goal::AtMost(0.1),
            ),
        ])
    })
}

/// A running privacyIDEA.
struct Peer {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Peer {
    async fn start(installed: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let make = folder.path().join("make_it.py");
        std::fs::write(&make, MAKE)?;
        let bin = installed.join("venv/bin");
        let mut command = Command::new(bin.join("python"));
        command
            .arg(&make)
            .arg(folder.path())
            .arg(USERS.to_string())
            // It leaves a log where it stands.
            .current_dir(folder.path())
            .stdin(Stdio::null());
        let made = command.output().await?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let config = folder.path().join("pi.cfg");
        let app = format!(
            "privacyidea.app:create_app(config_name='production', config_file='{}', silent=True)",
            config.display()
        );
        let log = std::fs::File::create(folder.path().join("log.txt"))?;
        let mut command = Command::new(bin.join("gunicorn"));
        command
            .args(["-w", "4", "-b", &address.to_string(), &app])
            .current_dir(folder.path());
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        let peer = Self {
            child: command.spawn()?,
            address,
            _folder: folder,
        };
        peer.answers().await?;
        Ok(peer)
    }

    async fn answers(&self) -> Result<()> {
        let begun = Instant::now();
        while self.sign_in().await.is_err() {
            ensure!(begun.elapsed() < PATIENCE, "privacyIDEA does not answer");
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    async fn sign_in(&self) -> Result<String> {
        let mut web = Web::open(self.address, None).await?;
        let form = "application/x-www-form-urlencoded";
        let answer = web.post("/auth", form, "username=admin&password=bench").await?;
        let token = answer["result"]["value"]["token"].as_str();
        Ok(token.context("a token")?.to_owned())
    }

    async fn reached(&self) -> Result<Reached> {
        let token = self.sign_in().await?;
        let start = Instant::now();
        let mut working = JoinSet::new();
        for client in 0..CLIENTS {
            let (address, token) = (self.address, token.clone());
            working.spawn(enroll(address, token, client, start + TIME));
        }
        let mut waits = Vec::new();
        while let Some(done) = working.join_next().await {
            waits.extend(done??);
        }
        let per_second = waits.len() as f64 / start.elapsed().as_secs_f64();
        let pid = self.child.id().context("it runs")?;
        Ok(Reached {
            per_second,
            p99_ms: quantile(&mut waits, 0.99),
            memory_mib: process::family_mib(pid)?,
        })
    }

    async fn stop(mut self) -> Result<()> {
        let pid = rustix::process::Pid::from_raw(self.child.id().context("it runs")? as i32)
            .context("a process")?;
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        self.child.wait().await?;
        Ok(())
    }
}

/// One client; how long each enrollment took, in milliseconds. Its server closes each connection.
async fn enroll(address: SocketAddr, token: String, client: usize, until: Instant) -> Result<Vec<f64>> {
    let (mut waits, mut number) = (Vec::new(), client);
    while Instant::now() < until {
        let start = Instant::now();
        let mut web = Web::open(address, Some(("authorization", token.clone()))).await?;
        let form = format!("type=hotp&genkey=1&user=u{}&realm=people", number % USERS + 1);
        web.post("/token/init", "application/x-www-form-urlencoded", form)
            .await?;
        waits.push(start.elapsed().as_secs_f64() * 1000.0);
        number += CLIENTS;
    }
    Ok(waits)
}
