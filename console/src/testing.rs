//! Databases for tests: SQLite in a folder of its own, and PostgreSQL in a temporary cluster.

use policy::model::UnixMillis;

use crate::access::{Caller, Role, Via};
use crate::acts::setup::{self, Beginning};
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::issue::{Manufacturer, Organization};
use crate::serve::App;
use crate::vault::Vault;

/// The moment at which the tests' clocks stand.
pub(crate) const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// A console with an empty database, and what keeps its files.
pub(crate) struct Bench {
    pub(crate) app: App,
    _folder: tempfile::TempDir,
}

/// Runs `test` on SQLite, and on PostgreSQL where there is one.
pub(crate) fn on_each<F: Future<Output = ()>>(test: impl Fn(Bench) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async { test(sqlite().await).await });
    if let Some(cluster) = cluster::get() {
        let url = cluster.new_database();
        runtime.block_on(async { test(on(&url).await).await });
    }
}

/// A console on SQLite.
pub(crate) async fn sqlite() -> Bench {
    on("").await
}

async fn on(url: &str) -> Bench {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = Config::in_folder(folder.path());
    if !url.is_empty() {
        config.database.url = url.to_owned();
    }
    let db = Db::create(&config.database.url).await.expect("opened");
    db.migrate(NOW.0).await.expect("migrated");
    let vault = Vault::new([7; 32]);
    let own = vault.clone();
    db.write(move |tx| setup::begin(tx, &own, &Caller::cli("tests"), &beginning(), NOW))
        .await
        .expect("begun");
    let app = App::new(db, vault, Clock::standing(NOW), config);
    Bench { app, _folder: folder }
}

fn beginning() -> Beginning {
    let own_make = Manufacturer::new("Own", &[8; 32]);
    Beginning {
        name: "Plant".into(),
        organization: Organization::new(&std::array::from_fn(|i| i as u8)),
        feed_key: zeroize::Zeroizing::new([9; 32]),
        lineage: [1; 16],
        writer: [200; 16],
        manufacturers: vec![own_make.entry()],
        own_make: Some(own_make),
    }
}

/// Somebody of this role, limited to these sites.
pub(crate) fn caller(role: Role, sites: &[&str]) -> Caller {
    Caller {
        account: format!("{role}.test"),
        name: role.to_string(),
        role,
        sites: sites.iter().map(|site| (*site).to_owned()).collect(),
        via: Via::Session("test".into()),
    }
}

mod cluster {
    use std::path::{Path, PathBuf};
    use std::process::{Command, Stdio};
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A cluster of PostgreSQL that lives as long as the tests' process, on a Unix socket alone.
    pub(crate) struct Cluster {
        folder: tempfile::TempDir,
        programs: PathBuf,
        made: AtomicU32,
    }

    /// The cluster of this process, if PostgreSQL is installed and may be started.
    pub(crate) fn get() -> Option<&'static Cluster> {
        static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
        CLUSTER.get_or_init(start).as_ref()
    }

    fn start() -> Option<Cluster> {
        match try_start() {
            Ok(cluster) => Some(cluster),
            Err(why) => {
                eprintln!("NOT TESTED ON POSTGRESQL: {why}");
                None
            }
        }
    }

    fn try_start() -> Result<Cluster, String> {
        let programs = programs().ok_or("it is not installed; `apt-get install postgresql` brings it")?;
        let folder = tempfile::Builder::new()
            .prefix("bandstand-pg-")
            .tempdir_in("/tmp");
        let folder = folder.map_err(|error| error.to_string())?;
        let cluster = Cluster {
            folder,
            programs,
            made: AtomicU32::new(0),
        };
        cluster.give_away()?;
        let data = cluster.folder.path().join("data");
        let auth = [
            "-D",
            text(&data),
            "-A",
            "trust",
            "-U",
            "tests",
            "-E",
            "UTF8",
            "--no-sync",
            "--locale=C",
        ];
        cluster.run("initdb", &auth)?;
        let options = format!(
            "-c listen_addresses='' -c unix_socket_directories={} -c fsync=off -c max_connections=400",
            cluster.folder.path().display()
        );
        let log = cluster.folder.path().join("log");
        cluster.run(
            "pg_ctl",
            &["-D", text(&data), "-w", "-l", text(&log), "-o", &options, "start"],
        )?;
        stop_with_this_process(&cluster);
        Ok(cluster)
    }

    fn text(path: &Path) -> &str {
        path.to_str().expect("a temporary folder has a plain name")
    }

    fn programs() -> Option<PathBuf> {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
        let found = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
        found.filter(|bin| bin.join("initdb").exists()).max()
    }

    fn is_root() -> bool {
        rustix::process::geteuid().is_root()
    }

    /// A watchman that outlives nobody: it waits for the end of its standard input, which this process holds.
    fn stop_with_this_process(cluster: &Cluster) {
        let pid = std::fs::read_to_string(cluster.folder.path().join("data/postmaster.pid"));
        let pid = pid
            .ok()
            .and_then(|text| text.lines().next().map(str::to_owned))
            .expect("it runs");
        let script = format!(
            "cat >/dev/null; kill -QUIT {pid}; rm -rf {}",
            text(cluster.folder.path())
        );
        let watchman = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        // Its input closes when this process ends, however it ends.
        std::mem::forget(watchman);
    }

    impl Cluster {
        /// PostgreSQL refuses to run as root.
        fn give_away(&self) -> Result<(), String> {
            if !is_root() {
                return Ok(());
            }
            let done = Command::new("chown")
                .args(["postgres", text(self.folder.path())])
                .status();
            let done = done.map_err(|error| error.to_string())?;
            if done.success() {
                Ok(())
            } else {
                Err("there is no user postgres to run it as".into())
            }
        }

        fn run(&self, program: &str, arguments: &[&str]) -> Result<(), String> {
            let path = self.programs.join(program);
            let mut command = if is_root() {
                let mut command = Command::new("runuser");
                command.args(["-u", "postgres", "--", text(&path)]);
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
            let socket = text(self.folder.path());
            self.run("createdb", &["-h", socket, "-U", "tests", &name])
                .expect("a database");
            format!(
                "postgres://tests@%2F{}/{name}",
                socket.trim_start_matches('/').replace('/', "%2F")
            )
        }
    }
}
