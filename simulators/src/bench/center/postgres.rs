//! A PostgreSQL cluster of its own on a Unix socket, as durable as it comes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::task::JoinSet;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, NoTls, Statement};

use crate::bench::Effort;

/// The owner of the databases.
const OWNER: &str = "bench";
/// Rows of one statement of the limit for batches.
const BATCH: usize = 100;

/// A running cluster; dropping it stops it.
pub(super) struct Cluster {
    folder: tempfile::TempDir,
    programs: PathBuf,
}

impl Cluster {
    /// A new cluster, or why there can be none here.
    pub(super) fn start() -> Result<Self> {
        let programs = programs().context("PostgreSQL is not installed")?;
        let folder = tempfile::Builder::new()
            .prefix("bandstand-pg-")
            .tempdir_in("/tmp")?;
        let cluster = Self { folder, programs };
        cluster.give_away()?;
        let data = cluster.data();
        let auth = ["-A", "trust", "-U", OWNER, "-E", "UTF8", "--locale=C"];
        cluster.run("initdb", &[&["-D", text(&data)], &auth[..]].concat())?;
        cluster.resume()?;
        Ok(cluster)
    }

    /// Starts the server in the data that is there.
    pub(super) fn resume(&self) -> Result<()> {
        let options = format!(
            "-c listen_addresses='' -c unix_socket_directories={} -c max_connections=200",
            self.folder.path().display()
        );
        let (data, log) = (self.data(), self.folder.path().join("log"));
        let arguments = ["-D", text(&data), "-w", "-l", text(&log), "-o", &options, "start"];
        self.run("pg_ctl", &arguments)
    }

    /// Ends the server at once, as a crash does.
    pub(super) fn crash(&self) -> Result<()> {
        self.run("pg_ctl", &["-D", text(&self.data()), "-m", "immediate", "stop"])
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// PostgreSQL refuses to run as root.
    fn give_away(&self) -> Result<()> {
        if !is_root() {
            return Ok(());
        }
        let done = Command::new("chown")
            .args(["postgres", text(self.folder.path())])
            .status()?;
        ensure!(done.success(), "there is no user postgres to run PostgreSQL as");
        Ok(())
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let path = self.programs.join(program);
        let mut command = match is_root() {
            true => {
                let mut command = Command::new("runuser");
                command.args(["-u", "postgres", "--"]).arg(path);
                command
            }
            false => Command::new(path),
        };
        // The server keeps what it inherits: a pipe would never end.
        let said = self.folder.path().join(format!("{program}.log"));
        let log = fs::File::create(&said)?;
        command.args(arguments).current_dir("/").stdin(Stdio::null());
        let done = command.stdout(log.try_clone()?).stderr(log).status()?;
        ensure!(done.success(), "{program} failed: {}", fs::read_to_string(said)?);
        Ok(())
    }

    /// The address of a new empty database.
    pub(super) fn new_database(&self, name: &str) -> Result<String> {
        let socket = text(self.folder.path());
        self.run("createdb", &["-h", socket, "-U", OWNER, name])?;
        let host = socket.replace('/', "%2F");
        Ok(format!("postgres://{OWNER}@{host}/{name}"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let pid = fs::read_to_string(self.data().join("postmaster.pid")).ok();
        let pid = pid
            .and_then(|text| text.lines().next()?.parse().ok())
            .and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // What is left of it goes with the folder.
            let _ = kill_process(pid, Signal::QUIT);
        }
    }
}

fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let found = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    found.filter(|bin| bin.join("initdb").exists()).max()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a temporary folder has a plain name")
}

/// The plainest durable writers there are, in a database of their own.
pub(super) struct Floor {
    clients: Vec<Client>,
    next: i64,
}

impl Floor {
    pub(super) async fn new(url: &str, clients: usize) -> Result<Self> {
        let mut open = Vec::new();
        for _ in 0..clients {
            open.push(connect(url).await?);
        }
        let table = "create table if not exists rows (number bigint primary key, body bytea not null)";
        open[0].batch_execute(table).await?;
        Ok(Self {
            clients: open,
            next: 0,
        })
    }

    /// Rows per second that so many clients insert, each in a commit of its own.
    pub(super) async fn commits_per_second(&mut self, clients: usize, effort: &Effort) -> Result<f64> {
        self.rows_per_second(clients, 1, effort).await
    }

    /// Rows per second that so many clients put, a hundred in a statement and a commit.
    pub(super) async fn batches_per_second(&mut self, clients: usize, effort: &Effort) -> Result<f64> {
        self.rows_per_second(clients, BATCH, effort).await
    }

    async fn rows_per_second(&mut self, clients: usize, rows: usize, effort: &Effort) -> Result<f64> {
        let (start, slice) = (Instant::now(), effort.slice);
        let mut working = JoinSet::new();
        for (number, client) in self.clients.drain(..).enumerate() {
            let first = self.next + number as i64 * 10_000_000;
            let works = number < clients;
            working.spawn(async move {
                let statement = prepare(&client, rows).await?;
                let mut count = 0;
                while works && start.elapsed() < slice {
                    put(&client, &statement, first + count, rows).await?;
                    count += rows as i64;
                }
                anyhow::Ok((client, count))
            });
        }
        let mut count = 0;
        while let Some(done) = working.join_next().await {
            let (client, more) = done??;
            self.clients.push(client);
            count += more;
        }
        self.next += 1_000_000_000;
        Ok(count as f64 / start.elapsed().as_secs_f64())
    }
}

/// `insert … values … on conflict …` for so many rows.
async fn prepare(client: &Client, rows: usize) -> Result<Statement> {
    let places: Vec<String> = (0..rows)
        .map(|row| format!("(${}, ${})", row * 2 + 1, row * 2 + 2))
        .collect();
    let sql = format!(
        "insert into rows (number, body) values {} on conflict (number) do update set body = excluded.body",
        places.join(", ")
    );
    Ok(client.prepare(&sql).await?)
}

async fn put(client: &Client, statement: &Statement, first: i64, rows: usize) -> Result<()> {
    let numbers: Vec<i64> = (first..).take(rows).collect();
    let body = &[7_u8; 300][..];
    let values: Vec<&(dyn ToSql + Sync)> = numbers
        .iter()
        .flat_map(|number| [number as &(dyn ToSql + Sync), &body])
        .collect();
    client.execute(statement, &values).await?;
    Ok(())
}

async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // It ends with its client.
    tokio::spawn(connection);
    Ok(client)
}
