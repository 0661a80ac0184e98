//! Clusters of PostgreSQL for tests: on a Unix socket alone unless somebody asks for more, and gone with the
//! process that started them. The end-to-end tests use this file too.

#![allow(dead_code, reason = "each of those who share this file uses a part of it")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// A cluster of PostgreSQL.
pub(crate) struct Cluster {
    folder: tempfile::TempDir,
    programs: PathBuf,
    made: AtomicU32,
    /// What it is started with beyond what all are.
    settings: String,
    watchman: Option<Child>,
}

/// The cluster of this process, if PostgreSQL is installed and may be started. It lives as long as the process.
pub(crate) fn get() -> Option<&'static Cluster> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    CLUSTER.get_or_init(|| private("")).as_ref()
}

/// A cluster of one's own with these settings (`-c name=value …`), for tests that stop it.
pub(crate) fn private(settings: &str) -> Option<Cluster> {
    match try_start(settings) {
        Ok(cluster) => Some(cluster),
        Err(why) => {
            eprintln!("NOT TESTED ON POSTGRESQL: {why}");
            None
        }
    }
}

fn try_start(settings: &str) -> Result<Cluster, String> {
    let programs = programs().ok_or("it is not installed; `apt-get install postgresql` brings it")?;
    let folder = tempfile::Builder::new()
        .prefix("bandstand-pg-")
        .tempdir_in("/tmp");
    let folder = folder.map_err(|error| error.to_string())?;
    let mut cluster = Cluster {
        folder,
        programs,
        made: AtomicU32::new(0),
        settings: settings.to_owned(),
        watchman: None,
    };
    cluster.give_away()?;
    let data = cluster.path("data");
    let make = [
        "-A",
        "trust",
        "-U",
        "tests",
        "-E",
        "UTF8",
        "--no-sync",
        "--locale=C",
        "-D",
        &data,
    ];
    cluster.run("initdb", &make)?;
    cluster.start()?;
    cluster.watch();
    Ok(cluster)
}

fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let found = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    found.filter(|bin| bin.join("initdb").exists()).max()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

impl Cluster {
    /// Where everything of it is.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn path(&self, name: &str) -> String {
        let path = self.folder.path().join(name);
        path.to_str()
            .expect("a temporary folder has a plain name")
            .to_owned()
    }

    /// Starts it, again too.
    pub(crate) fn start(&self) -> Result<(), String> {
        let options = format!(
            "-c listen_addresses='' -c unix_socket_directories={} -c fsync=off -c max_connections=400 {}",
            self.folder.path().display(),
            self.settings
        );
        let (data, log) = (self.path("data"), self.path("log"));
        self.run(
            "pg_ctl",
            &["-D", &data, "-w", "-l", &log, "-o", &options, "start"],
        )
    }

    /// Starts it again with other settings.
    pub(crate) fn restart_with(&mut self, settings: &str) {
        self.crash();
        self.settings = settings.to_owned();
        self.start().expect("it starts again");
    }

    /// Ends it like a power cut: whoever is connected is thrown out, and nothing is finished.
    pub(crate) fn crash(&self) {
        let data = self.path("data");
        self.run("pg_ctl", &["-D", &data, "-w", "-m", "immediate", "stop"])
            .expect("it stops");
    }

    /// A watchman that outlives nobody: it waits for the end of its standard input, which this process holds.
    fn watch(&mut self) {
        let folder = self.path("");
        let script =
            format!("cat >/dev/null; kill -QUIT $(head -1 {folder}/data/postmaster.pid); rm -rf {folder}");
        let watchman = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.watchman = Some(watchman.expect("a shell"));
    }

    /// PostgreSQL refuses to run as root.
    fn give_away(&self) -> Result<(), String> {
        self.give(self.folder.path())
    }

    /// Lets the cluster read a file of ours, and nobody else.
    pub(crate) fn give(&self, path: &Path) -> Result<(), String> {
        if !is_root() {
            return Ok(());
        }
        let done = Command::new("chown").arg("postgres").arg(path).status();
        let done = done.map_err(|error| error.to_string())?;
        if done.success() {
            Ok(())
        } else {
            Err("there is no user postgres to run it as".into())
        }
    }

    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
        let path = self.programs.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(&path);
            command
        } else {
            Command::new(path)
        };
        let log = std::fs::File::create(self.folder.path().join(format!("{program}.log")));
        let log = log.map_err(|error| error.to_string())?;
        command.args(arguments).current_dir("/").stdin(Stdio::null());
        command
            .stdout(log.try_clone().map_err(|error| error.to_string())?)
            .stderr(log);
        let done = command.status().map_err(|error| format!("{program}: {error}"))?;
        if done.success() {
            return Ok(());
        }
        let said = std::fs::read_to_string(self.folder.path().join(format!("{program}.log")));
        Err(format!("{program} failed: {}", said.unwrap_or_default()))
    }

    /// The address of a new empty database.
    pub(crate) fn new_database(&self) -> String {
        let name = format!("t{}", self.made.fetch_add(1, Ordering::Relaxed));
        self.run("createdb", &["-h", &self.path(""), "-U", "tests", &name])
            .expect("a database");
        let folder = self.path("");
        let socket = folder.trim_matches('/').replace('/', "%2F");
        format!("postgres://tests@%2F{socket}/{name}")
    }
}

impl Cluster {
    /// Saves a database as its own tools do; gives the file's path.
    pub(crate) fn dump(&self, url: &str) -> String {
        let (_, name) = url.rsplit_once('/').expect("the address of a database");
        let (folder, to) = (self.path(""), self.path(&format!("{name}.sql")));
        self.run("pg_dump", &["-h", &folder, "-U", "tests", "-f", &to, name])
            .expect("saved");
        to
    }

    /// The address of a new database with what was saved in it.
    pub(crate) fn restored(&self, from: &str) -> String {
        let url = self.new_database();
        let (_, name) = url.rsplit_once('/').expect("the address of a database");
        let stop = "ON_ERROR_STOP=1";
        let read = [
            "-q",
            "-v",
            stop,
            "-h",
            &self.path(""),
            "-U",
            "tests",
            "-d",
            name,
            "-f",
            from,
        ];
        self.run("psql", &read).expect("read back");
        url
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut watchman) = self.watchman.take() {
            drop(watchman.stdin.take());
            let _ = watchman.wait();
        }
    }
}
