//! F5 at the console: its database on a small disk that is full, and on one that turns read-only. It says so by
//! name, keeps what it acknowledged, and goes on.

use console::db::{Db, Tx};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::daemon_disk::Disk;
use crate::sync_stage::{Console, ConsoleProcess, Enrolled, Station};

/// A console as a process whose database lies on a small disk, and a station that has joined it.
struct Small {
    process: ConsoleProcess,
    station: Station,
    key: String,
    /// The users whose making was acknowledged.
    made: Vec<String>,
    disk: Disk,
    /// Where the process sees the disk.
    mount: std::path::PathBuf,
    _console: Console,
    _folder: tempfile::TempDir,
}

impl Small {
    async fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mount = folder.path().join("data");
        let disk = Disk::mounted(&mount)?;
        let mut console = Console::start().await;
        console.person("ada", "north").await;
        console.band("BAND-1").await;
        let mut station = Station::joined(&console, "gate", "north").await;
        station.stop().await;
        let key = console.administrator_key().await;
        console.go_away().await;
        std::fs::copy(console.backup().await, disk.path("console.db")).unwrap();
        let url = mount.join("console.db").display().to_string();
        let process = console
            .process_with(&disk.enter, |config| config.database.url = url)
            .await;
        Some(Self {
            process,
            station,
            key,
            made: Vec::new(),
            disk,
            mount,
            _console: console,
            _folder: folder,
        })
    }

    /// Asks for one more user; the status and what is said.
    async fn make_user(&mut self) -> (u16, Value) {
        let id = format!("u{}", self.made.len());
        let about = json!({ "name": "x".repeat(100), "site": "north", "note": "y".repeat(400) });
        let body = json!({ "id": id, "about": about }).to_string();
        let request = format!(
            "POST /api/v1/users HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.key,
            body.len()
        );
        let mut stream = tokio::net::TcpStream::connect(self.process.web).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap();
        if status == 201 {
            self.made.push(id);
        }
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        (status, serde_json::from_str(body).unwrap_or_default())
    }

    /// Makes users until one is refused; gives the refusal.
    async fn until_refused(&mut self) -> (u16, Value) {
        loop {
            let (status, said) = self.make_user().await;
            if status != 201 {
                return (status, said);
            }
            assert!(self.made.len() < 20_000, "it never ends");
        }
    }

    /// What was acknowledged is there, and nothing that was refused.
    async fn keeps_its_word(&self) {
        // SQLite would look for links in the path, and so leave the disk's namespace.
        let folder = tempfile::tempdir().unwrap();
        for name in ["console.db", "console.db-wal"] {
            std::fs::copy(self.disk.path(name), folder.path().join(name)).unwrap();
        }
        let path = folder.path().join("console.db").display().to_string();
        let db = Db::open(&path).await.unwrap();
        let read = |tx: &Tx<'_>| tx.all("select id from users where id <> 'ada'", &[], |row| row.text(0));
        let mut there = db.read(read).await.unwrap();
        there.sort();
        let mut made = self.made.clone();
        made.sort();
        assert_eq!(there, made);
        let held = |tx: &Tx<'_>| {
            tx.number(
                "select count(*) from associations where usr = 'ada' and active",
                &[],
            )
        };
        assert_eq!(db.read(held).await.unwrap(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_with_a_full_disk_says_so_and_loses_nothing() {
    let Some(mut small) = Small::new().await else {
        return;
    };
    small.station.enroll(&Enrolled::new("ada", "BAND-1", 1, 1));
    small.disk.fill(64 << 10);
    let (status, said) = small.until_refused().await;
    assert_eq!(
        (status, said["code"].as_str()),
        (507, Some("storage_full")),
        "{said}"
    );
    assert!(said["next"].as_str().unwrap().contains("make room"), "{said}");
    // a station keeps what it has, and people can still look
    small.station.start();
    small
        .station
        .until("it cannot send", |status| {
            status["sync"]["journal_waiting"].as_u64() > Some(0)
        })
        .await;
    assert_eq!(small.process.get("/readyz").await.0, 200);
    small.disk.free();
    let (status, said) = small.make_user().await;
    assert_eq!(status, 201, "with room it goes on by itself: {said}");
    small.station.in_step().await;
    small.station.stop().await;
    small.process.kill().await;
    small.keeps_its_word().await;
    println!(
        "full disk: {} users acknowledged before and after",
        small.made.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_whose_disk_turns_read_only_stops_and_keeps_its_word() {
    let Some(mut small) = Small::new().await else {
        return;
    };
    small.station.enroll(&Enrolled::new("ada", "BAND-1", 1, 1));
    small.station.start();
    small.station.in_step().await;
    for _ in 0..5 {
        assert_eq!(small.make_user().await.0, 201);
    }
    if !small.disk.fail() {
        eprintln!("SKIPPED: the kernel cannot be told that this disk fails");
        return;
    }
    let (status, said) = small.until_refused().await;
    assert_eq!(
        (status, said["code"].as_str()),
        (503, Some("storage_failed")),
        "{said}"
    );
    let ended = small.process.ended().await;
    assert!(!ended.success(), "a console that cannot write does not stay");
    let (at, image) = (
        small.mount.display().to_string(),
        small.mount.with_extension("img"),
    );
    let image = image.to_string_lossy().into_owned();
    assert!(small.disk.run(&["umount", &at]));
    small.disk.run(&["e2fsck", "-p", &image]);
    assert!(small.disk.run(&["mount", "-o", "loop", &image, &at]));
    small.process.start().await;
    assert_eq!(small.make_user().await.0, 201);
    small.station.in_step().await;
    small.station.stop().await;
    small.process.kill().await;
    small.keeps_its_word().await;
}

/// What stands in the way is known before anybody is told that the console is ready: what, why, and what next.
#[tokio::test(flavor = "multi_thread")]
async fn a_console_that_cannot_write_does_not_begin() {
    let Some(mut small) = Small::new().await else {
        return;
    };
    small.station.enroll(&Enrolled::new("ada", "BAND-1", 1, 1));
    small.station.start();
    small.station.in_step().await;
    small.station.stop().await;
    let at = small.mount.display().to_string();
    let plainly = small.disk.enter.clone();
    small.process.kill().await;
    assert!(small.disk.run(&["mount", "-o", "remount,ro", &at]));
    let said = small.process.refuses().await;
    let expected = [
        "console.db cannot be written",
        "mounted read-only",
        "mount it writable",
    ];
    assert_says(&said, &expected);
    assert!(small.disk.run(&["mount", "-o", "remount,rw", &at]));
    // Without the right to ignore them, rights bind root as anybody else.
    let without = ["setpriv", "--inh-caps=-all", "--bounding-set=-all", "--"];
    if small.disk.run(&[&without[..], &["true"]].concat()) {
        small
            .process
            .enters(&[&plainly[..], &without.map(str::to_owned)].concat());
        let path = small.mount.join("console.db").display().to_string();
        assert!(small.disk.run(&["chmod", "400", &path]));
        let said = small.process.refuses().await;
        let expected = [
            "may not be written by uid",
            "give the folder and everything in it",
        ];
        assert_says(&said, &expected);
        assert!(small.disk.run(&["chmod", "600", &path]));
    }
    small.process.enters(&plainly);
    small.disk.fill(0);
    let said = small.process.refuses().await;
    assert_says(&said, &["cannot be written: its disk is full", "make room"]);
    small.disk.free();
    small.process.start().await;
    assert_eq!(small.make_user().await.0, 201);
    small.process.kill().await;
    small.keeps_its_word().await;
}

/// The same of a server that takes no changes, as one does that follows another.
#[tokio::test(flavor = "multi_thread")]
async fn a_console_whose_server_takes_no_changes_does_not_begin() {
    if crate::cluster::get().is_none() {
        return;
    }
    let mut console = Console::start_on(crate::sync_stage::On::Postgresql).await;
    let mut process = console.becomes_a_process().await;
    process.kill().await;
    let close = |tx: &Tx<'_>| {
        let database = tx.first("select current_database()", &[], |row| row.text(0))?;
        let database = database.expect("a name");
        tx.batch(&format!(
            "alter database \"{database}\" set default_transaction_read_only = on"
        ))
    };
    console.app.db.write(move |tx| close(tx)).await.unwrap();
    let said = process.refuses().await;
    assert_says(
        &said,
        &["cannot be written", "takes no changes", "`database.url`"],
    );
}

#[track_caller]
fn assert_says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
}
