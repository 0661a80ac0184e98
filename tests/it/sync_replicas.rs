//! Several consoles on one PostgreSQL, and a PostgreSQL that goes away (F9): what was acknowledged is there, once.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use console::args;
use console::db::DbError;
use console::sync::authority;
use policy::model::UnixMillis;
use serde_json::Value;
use station_daemon::sync::Credentials;
use tokio::net::{TcpListener, TcpStream};

use crate::cluster;
use crate::kiosk::LIMIT;
use crate::sync_stage::{Console, ConsoleProcess, Enrolled, Station, eventually, seal_key};

const STATIONS: [(&str, &str, &str); 3] = [
    ("gate", "ada", "BAND-1"),
    ("hall", "ben", "BAND-2"),
    ("yard", "cid", "BAND-3"),
];

/// One address before several consoles: each new connection goes to the next that answers.
struct Balancer {
    address: SocketAddr,
    to: Arc<Mutex<Vec<SocketAddr>>>,
}

impl Balancer {
    async fn before(consoles: &[ConsoleProcess]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let to = Arc::new(Mutex::new(Vec::new()));
        let balancer = Self {
            address,
            to: to.clone(),
        };
        balancer.knows(consoles);
        let next = Arc::new(AtomicUsize::new(0));
        tokio::spawn(async move {
            while let Ok((mut here, _)) = listener.accept().await {
                let (to, next) = (to.lock().unwrap().clone(), next.clone());
                tokio::spawn(async move {
                    for _ in 0..to.len() {
                        let console = to[next.fetch_add(1, Ordering::SeqCst) % to.len()];
                        if let Ok(mut there) = TcpStream::connect(console).await {
                            let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
                            return;
                        }
                    }
                });
            }
        });
        balancer
    }

    /// Where the consoles are now.
    fn knows(&self, consoles: &[ConsoleProcess]) {
        *self.to.lock().unwrap() = consoles.iter().map(|console| console.address).collect();
    }
}

/// The writers' lock of the database, held from here until it is given back: whoever writes waits in the midst of it.
struct Lock {
    give_back: mpsc::Sender<()>,
    held: tokio::task::JoinHandle<Result<(), DbError>>,
}

impl Lock {
    async fn take(console: &Console) -> Self {
        let (give_back, given) = mpsc::channel();
        let (has, mut got) = tokio::sync::mpsc::channel(1);
        let (db, given) = (console.app.db.clone(), Mutex::new(given));
        let held = tokio::spawn(async move {
            let hold = move |tx: &console::db::Tx<'_>| {
                // A write has the lock from its first answer on.
                tx.number("select cast(1 as bigint)", args![])?;
                let _ = has.try_send(());
                let _ = given.lock().unwrap().recv_timeout(LIMIT);
                Ok(())
            };
            db.write(hold).await
        });
        got.recv().await.unwrap();
        Self { give_back, held }
    }

    async fn give_back(self) {
        self.give_back.send(()).unwrap();
        // Whoever held it for too long was thrown out, as anybody else.
        let _ = self.held.await.unwrap();
    }
}

/// Waits until so many consoles wait for the lock.
async fn waiting(console: &Console, count: i64) {
    let sql = "select count(*) from pg_locks where locktype = 'advisory' and not granted";
    eventually("consoles wait in the midst of a batch", async || {
        console.read(move |tx| tx.number(sql, args![])).await >= count
    })
    .await;
}

async fn plant() -> Option<Console> {
    cluster::get()?;
    let console = Console::start_on(crate::sync_stage::On::Postgresql).await;
    for (_, user, band) in STATIONS {
        console.person(user, "north").await;
        console.band(band).await;
    }
    Some(console)
}

/// Every station's journal is at the console, bit by bit, and what it says is so everywhere.
async fn all_agree(console: &Console, stations: &mut [Station]) {
    let expected = ["ada BAND-1 active", "ben BAND-2 active", "cid BAND-3 active"];
    for (station, (name, user, _)) in stations.iter_mut().zip(STATIONS) {
        station.in_step().await;
        station.stop().await;
        let known = console.station(name).await;
        assert!(known.quarantine.is_none(), "{name}: {known:?}");
        let (here, there) = (station.journal(), console.journal(known.id).await);
        // The daemon's own last words may not have been sent any more.
        assert_eq!(there, here[..there.len()], "{name}");
        assert!(station.associations(user)[0].ends_with(" active"), "{name}");
    }
    assert_eq!(console.associations().await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_of_three_is_killed_in_the_midst_of_a_batch() {
    let Some(mut console) = plant().await else { return };
    console.go_away().await;
    let mut consoles = Vec::new();
    for _ in 0..3 {
        consoles.push(console.replica().await);
    }
    let balancer = Balancer::before(&consoles).await;
    let mut stations = Vec::new();
    for (name, user, band) in STATIONS {
        let mut station = Station::joined_at(balancer.address, &console, name, "north").await;
        station.stop().await;
        station.enroll(&Enrolled::new(user, band, 1, band.as_bytes()[5]));
        stations.push(station);
    }
    for round in 0..3 {
        let lock = Lock::take(&console).await;
        for station in &mut stations {
            // A start is an entry of the journal.
            station.start();
        }
        waiting(&console, 1).await;
        consoles[round].kill().await;
        lock.give_back().await;
        for station in &mut stations {
            station.in_step().await;
            station.stop().await;
        }
        consoles[round].start().await;
        balancer.knows(&consoles);
    }
    stations.iter_mut().for_each(Station::start);
    // what one console is told, stations at the others hear
    console.person("dee", "north").await;
    for station in &stations {
        station
            .until("dee arrives", |status| status["replica"]["users"] == 4)
            .await;
    }
    all_agree(&console, &mut stations).await;
}

/// What this console says of the authorities.
async fn authorities(console: &ConsoleProcess, key: &str) -> Value {
    let (status, body) = console.ask("/api/v1/settings", key).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str::<Value>(&body).unwrap()["authorities"].take()
}

/// Fingerprints of the authorities that a station believes, as the console writes them.
fn believed(station: &Station) -> Vec<String> {
    let path = station.folder().join("data/station.sync");
    let own = Credentials::load(&path, &seal_key()).unwrap();
    let hex = |it| data_encoding::HEXLOWER.encode(&console::ca::fingerprint(it));
    own.authorities.iter().map(hex).collect()
}

/// Decision 0039 with three consoles: what is ordered at one is done by all, and stations at any of them go on.
#[tokio::test(flavor = "multi_thread")]
async fn an_authority_and_keys_change_at_one_console_of_three() {
    let Some(mut console) = plant().await else { return };
    let key = console.administrator_key().await;
    console.go_away().await;
    let mut consoles = Vec::new();
    for _ in 0..3 {
        consoles.push(console.replica().await);
    }
    // Each station has a console of its own, so that each console has to hear what the first is told.
    let mut stations = Vec::new();
    for (process, (name, user, band)) in consoles.iter().zip(STATIONS) {
        let mut station = Station::joined_at(process.address, &console, name, "north").await;
        station.stop().await;
        station.enroll(&Enrolled::new(user, band, 1, band.as_bytes()[5]));
        station.start();
        stations.push(station);
    }
    let (status, body) = consoles[0].post("/api/v1/settings/authorities", &key, "").await;
    assert!((200..300).contains(&status), "{status} {body}");
    let made: Value = serde_json::from_str(&body).unwrap();
    for path in ["/api/v1/settings/ticket-keys", "/api/v1/settings/code-keys"] {
        let (status, body) = consoles[1].post(path, &key, "").await;
        assert!((200..300).contains(&status), "{status} {body}");
    }
    for (process, station) in consoles.iter().zip(&stations) {
        eventually("this console has left the earlier authority", async || {
            let now = authorities(process, &key).await;
            now["next"].is_null() && now["present"] == made["next"]
        })
        .await;
        eventually(
            "its station believes the new one alone, and knows the new keys",
            async || {
                let store = station.store();
                let known = store.identity().unwrap();
                let keys = (known.issuers.len(), known.code_keys.len());
                keys == (2, 2) && believed(station) == [made["next"].as_str().unwrap()]
            },
        )
        .await;
    }
    for station in &stations {
        let journal = station.run(&["journal", "export"]).await;
        let journal = String::from_utf8_lossy(&journal.stdout).into_owned();
        assert!(!journal.contains("sync_stopped"), "{journal}");
    }
    // The key that signs pages changes in the same way, at once.
    let vault = console.app.vault.clone();
    let rotated = console.change(move |tx, now| {
        let ago = UnixMillis(now.0 - 1000);
        authority::rotate_feed_key(tx, &vault, [51; 32], ago, ago, now)
    });
    assert_eq!(rotated.await, 2);
    console.person("dee", "north").await;
    for station in &stations {
        let knows_dee = |status: &Value| status["replica"]["users"] == 4;
        station.until("a page by the new key arrives", knows_dee).await;
    }
    // Any console will do for any station, and for one that is new.
    let balancer = Balancer::before(&consoles).await;
    for _ in 0..3 {
        let name = ["north-1", "north-2", "north-3"][balancer.to.lock().unwrap().len() % 3];
        let mut new = Station::joined_at(balancer.address, &console, name, "north").await;
        assert_eq!(believed(&new), [made["next"].as_str().unwrap()]);
        new.stop().await;
        balancer.to.lock().unwrap().remove(0);
    }
    all_agree(&console, &mut stations).await;
}

/// F9: one of three consoles freezes while its turn to write comes. The server throws it out, the others go on,
/// and when it thaws it finds out and goes on too.
#[tokio::test(flavor = "multi_thread")]
async fn a_console_that_freezes_holds_up_nobody_for_long() {
    let Some(mut console) = plant().await else { return };
    console.go_away().await;
    let (frozen, other) = (console.replica().await, console.replica().await);
    let mut stations = Vec::new();
    for (console_of, (name, user, band)) in [&frozen, &other, &other].into_iter().zip(STATIONS) {
        let mut station = Station::joined_at(console_of.address, &console, name, "north").await;
        station.stop().await;
        station.enroll(&Enrolled::new(user, band, 1, band.as_bytes()[5]));
        stations.push(station);
    }
    let lock = Lock::take(&console).await;
    stations[0].start();
    waiting(&console, 1).await;
    frozen.freeze();
    stations[1].start();
    stations[2].start();
    waiting(&console, 2).await;
    lock.give_back().await;
    stations[1].in_step().await;
    stations[2].in_step().await;
    frozen.thaw();
    all_agree(&console, &mut stations).await;
}

/// The database is gone for a while: the console says so and stays, stations keep what they have, and with the
/// database everything goes on by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_may_go_away_for_a_minute() {
    let Some(cluster) = cluster::private("") else {
        return;
    };
    let mut console = Console::start_at(Some(cluster.new_database())).await;
    console.person("ada", "north").await;
    console.band("BAND-1").await;
    let process = console.becomes_a_process().await;
    let mut station = Station::joined(&console, "gate", "north").await;
    cluster.crash();
    let gone_for = tokio::time::Instant::now() + Duration::from_secs(tests::volume(2, 60));
    eventually("the console says so", async || {
        process.get("/readyz").await.0 == 503
    })
    .await;
    station.stop().await;
    station.enroll(&Enrolled::new("ada", "BAND-1", 1, 1));
    station.start();
    station
        .until("it cannot send", |status| status["sync"]["journal_waiting"] != 0)
        .await;
    tokio::time::sleep_until(gone_for).await;
    assert_eq!(process.get("/healthz").await.0, 200);
    cluster.start().unwrap();
    eventually("the console is ready again", async || {
        process.get("/readyz").await.0 == 200
    })
    .await;
    station.in_step().await;
    assert_eq!(console.associations().await, ["ada BAND-1 active"]);
    let id = console.station("gate").await.id;
    let (here, there) = (station.journal(), console.journal(id).await);
    assert_eq!(there, here[..there.len()]);
    station.stop().await;
}
