use std::os::unix::fs::PermissionsExt;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use super::*;
use crate::store::feed::{self, Kind};
use crate::testing::{NOW, on_each, sqlite};

async fn count(db: &Db) -> i64 {
    let read = |tx: &Tx<'_>| tx.number("select count(*) from settings where name like 'test%'", &[]);
    db.read(read).await.expect("counted")
}

fn put(tx: &Tx<'_>, name: &str) -> Result<(), DbError> {
    crate::store::settings::put(tx, name, &1).map(drop)
}

#[test]
fn what_fails_leaves_nothing_and_harms_no_neighbor() {
    on_each(async |bench| {
        let db = &bench.app.db;
        let writes = (0..60).map(|n| {
            let name = format!("test {n}");
            db.write(move |tx| -> Result<(), DbError> {
                put(tx, &name)?;
                match n % 3 {
                    0 => Ok(()),
                    1 => Err(DbError::Busy),
                    _ => tx.exec("select from nothing at all", &[]).map(drop),
                }
            })
        });
        let outcomes = futures_util::future::join_all(writes).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 20);
        assert_eq!(count(db).await, 20);
    });
}

#[test]
fn a_panic_in_a_write_is_an_error_of_that_write_alone() {
    on_each(async |bench| {
        let db = &bench.app.db;
        let bad = db.write(|tx| -> Result<(), DbError> {
            put(tx, "test bad")?;
            panic!("in the middle")
        });
        assert!(matches!(bad.await, Err(DbError::Statement(_))));
        db.write(|tx| put(tx, "test good"))
            .await
            .expect("the writer lives");
        assert_eq!(count(db).await, 1);
    });
}

/// The trap of change feeds: a reader that has seen revision n must never miss a smaller one.
#[test]
fn the_feed_misses_nothing_under_concurrent_writers() {
    on_each(async |bench| {
        const WRITERS: usize = 6;
        const EACH: usize = 40;
        let db = bench.app.db.clone();
        // Writers of several consoles on PostgreSQL; SQLite has one console.
        let mut consoles = vec![db.clone()];
        if db.is_postgres() {
            for _ in 0..2 {
                consoles.push(
                    Db::open(&bench.app.config.database.url)
                        .await
                        .expect("another console"),
                );
            }
        }
        let done = Arc::new(AtomicBool::new(false));
        let reader = tokio::spawn(read_all(consoles.last().cloned().expect("one"), done.clone()));
        let writers = (0..WRITERS).map(|writer| {
            let db = consoles[writer % consoles.len()].clone();
            tokio::spawn(async move {
                for n in 0..EACH {
                    let key = format!("{writer}.{n}");
                    db.write(move |tx| feed::mark(tx, Kind::User, &key, ""))
                        .await
                        .expect("marked");
                }
            })
        });
        for writer in writers.collect::<Vec<_>>() {
            writer.await.expect("written");
        }
        done.store(true, SeqCst);
        assert_eq!(reader.await.expect("read"), WRITERS * EACH);
    });
}

/// Reads the feed like a station: whatever is after the last revision seen.
async fn read_all(db: Db, done: Arc<AtomicBool>) -> usize {
    let (mut last, mut seen) = (0, std::collections::BTreeSet::new());
    loop {
        let finished = done.load(SeqCst);
        let page = db.read(move |tx| feed::since(tx, last, 17)).await.expect("read");
        match page.last() {
            Some(mark) => last = mark.revision,
            None if finished => return seen.len(),
            None => tokio::task::yield_now().await,
        }
        for mark in page.into_iter().filter(|mark| mark.kind == Kind::User) {
            assert!(seen.insert(mark.key), "a key of this test changes once");
        }
    }
}

#[test]
fn one_console_hears_what_another_changed() {
    on_each(async |bench| {
        let url = &bench.app.config.database.url;
        if !bench.app.db.is_postgres() {
            return;
        }
        let other = Db::open(url).await.expect("another console");
        // Nobody has asked for the feed so far: the listener listens all the same.
        let before = bench.app.db.read(feed::head).await.expect("read");
        bench
            .app
            .db
            .write(|tx| feed::mark(tx, Kind::User, "ada", ""))
            .await
            .expect("marked");
        let mut heard = other.feed();
        let waited = std::time::Duration::from_secs(20);
        let woken = tokio::time::timeout(waited, heard.wait_for(|head| *head > before));
        woken.await.expect("in time").expect("the feed is open");
    });
}

/// F9: the server is gone as after a power cut. It is said, nothing hangs, and with the server everything is back.
#[test]
fn a_server_that_goes_away_is_said_and_comes_back() {
    let Some(cluster) = crate::testing::cluster::private("") else {
        return;
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let url = cluster.new_database();
        let (db, other) = (
            Db::open(&url).await.expect("opened"),
            Db::open(&url).await.expect("opened"),
        );
        db.migrate(NOW.0).await.expect("migrated");
        db.write(|tx| put(tx, "test before")).await.expect("written");
        for _ in 0..2 {
            cluster.crash();
            for _ in 0..3 {
                let refused = db
                    .write(|tx| put(tx, "test lost"))
                    .await
                    .expect_err("nobody is there");
                assert!(matches!(refused, DbError::Unreachable(_)), "{refused}");
                let refused = other.read(feed::head).await.expect_err("nobody is there");
                assert!(refused.is_passing(), "{refused}");
            }
            assert!(!db.is_stopped());
            cluster.start().expect("started again");
            assert_eq!(count(&db).await, 1);
            let head = db.read(feed::head).await.expect("read");
            let mark = db.write(|tx| feed::mark(tx, Kind::User, "ada", ""));
            mark.await.expect("the writer has a new connection");
            let mut heard = other.feed();
            let waited = std::time::Duration::from_secs(20);
            let woken = tokio::time::timeout(waited, heard.wait_for(|seen| *seen > head));
            woken.await.expect("in time").expect("the feed is open");
        }
    });
}

#[test]
fn a_site_that_is_left_is_remembered() {
    on_each(async |bench| {
        let db = &bench.app.db;
        for site in ["north", "north", "south", "east"] {
            db.write(move |tx| feed::mark(tx, Kind::User, "ada", site))
                .await
                .expect("marked");
        }
        let mut marks = db.read(|tx| feed::since(tx, 0, 10)).await.expect("read");
        marks.retain(|mark| mark.kind == Kind::User);
        let [mark] = &marks[..] else {
            panic!("one row per key, not {marks:?}");
        };
        assert_eq!(mark.site, "east");
        assert_eq!(mark.left_sites, ["north", "south"]);
    });
}

#[test]
fn a_database_of_a_newer_release_is_refused_by_name() {
    on_each(async |bench| {
        let db = &bench.app.db;
        assert_eq!(db.migrate(NOW.0).await, Ok(vec![]));
        db.check_migrated().await.expect("of this release");
        let newer = "insert into schema_steps (number, name, applied_ms) values (9999, 'later', 0)";
        db.write(|tx| tx.exec(newer, &[])).await.expect("inserted");
        let refused = db.migrate(NOW.0).await.expect_err("newer");
        assert!(matches!(refused, DbError::Newer { found: 9999, .. }), "{refused}");
        assert_eq!(db.check_migrated().await, Err(refused));
    });
}

#[test]
fn only_who_means_to_make_a_database_makes_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("console.db");
    let url = path.display().to_string();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let refused = runtime.block_on(Db::open(&url)).err();
    assert_eq!(refused, Some(DbError::Missing(url.clone())));
    assert!(!path.exists(), "looking for it made it");
    runtime.block_on(Db::create(&url)).expect("made");
    runtime.block_on(Db::open(&url)).expect("opened");
    assert_eq!(
        path.metadata().expect("a file").permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_group_of_writes_needs_one_commit() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let bench = sqlite().await;
        let db = bench.app.db.clone();
        let writes = (0..100).map(|n| {
            let name = format!("test {n}");
            db.write(move |tx| put(tx, &name))
        });
        for outcome in futures_util::future::join_all(writes).await {
            outcome.expect("written");
        }
        assert_eq!(count(&db).await, 100);
    });
}
