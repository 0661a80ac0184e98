//! F1: the unmodified station is killed at a random moment of an enrollment, started again, and killed
//! again. Several stations run side by side, each with its own bus, bands and people that live through all
//! of it. The seed chooses people and moments; what the kernel does with them differs each time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::pin;
use std::time::{Duration, Instant as Stopwatch};

use firmware_protocol::receipt::Receipt;
use serde_json::json;
use simulators::band::Knobs;
use simulators::bluez::BandPort;
use simulators::cast::Person;
use simulators::random::Random;
use simulators::stage::Daemon;
use station_core::journal::{Hash, Head, JournalRecord};
use station_daemon::api::model::Stage;
use station_daemon::clock::Clock;
use station_daemon::store::Store;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::kiosk::{Kiosk, LIMIT, Seen, Wrist, by_ticket, commits, enroll, enroll_watched, held, quick};

/// Stations that are killed side by side.
const STATIONS: u64 = 4;
/// People of each station, each with a band. They take turns, so that no band sees a station die so often
/// in a row that it takes it for somebody who guesses codes, and pauses.
const PEOPLE: usize = 16;
/// Bands are found sooner than the usual ten times a second allow.
const ADVERTISING: Duration = Duration::from_millis(20);
/// The station dies between one millisecond and this after the first frame crossed the air.
const KILL_MS_MAX: u64 = 60;
/// Journal entries read at a time.
const PAGE: u32 = 1000;

/// What came of the trials.
#[derive(Default)]
struct Tally {
    /// What the kiosk showed last before the station died.
    shown: BTreeMap<String, u64>,
    acknowledged: u64,
    /// Commits that the journal learned of only when their band came again: found so far.
    settled_later: u64,
    restarts: Vec<Duration>,
}

impl Tally {
    fn add(mut self, other: Self) -> Self {
        for (stage, count) in other.shown {
            *self.shown.entry(stage).or_default() += count;
        }
        self.acknowledged += other.acknowledged;
        self.settled_later += other.settled_later;
        self.restarts.extend(other.restarts);
        self
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut restarts = self.restarts.clone();
        restarts.sort();
        let median = restarts.get(restarts.len() / 2).copied().unwrap_or_default();
        write!(
            f,
            "{} kills while the kiosk showed {:?}; {} enrollments acknowledged, 0 lost; {} commits settled \
             after a restart; median restart {} ms",
            restarts.len(),
            self.shown,
            self.acknowledged,
            self.settled_later,
            median.as_millis()
        )
    }
}

/// Somebody with whom an enrollment lasts about as long as the station may live.
fn wearer() -> Knobs {
    Knobs {
        touch_ms: 8,
        reaction_ms: 4,
        ..quick()
    }
}

/// Holds a band to the kiosk, or takes it away.
fn show(band: &BandPort<Wrist>, near: bool) {
    band.with(move |wrist, _| wrist.silent = !near);
}

/// One station and everything that outlives it.
struct Victim {
    kiosk: Kiosk,
    people: Vec<(Person, BandPort<Wrist>)>,
    random: Random,
    acknowledged: BTreeSet<String>,
    /// The journal as it was read so far.
    head: Head,
    intents: BTreeSet<[u8; 16]>,
    journaled: BTreeSet<String>,
    /// Commits that the journal does not know yet.
    open: BTreeSet<String>,
    tally: Tally,
}

impl Victim {
    fn new(random: Random) -> Option<Self> {
        let mut kiosk = Kiosk::new()?;
        kiosk.advertising = ADVERTISING;
        let people: Vec<_> = (0..PEOPLE)
            .map(|n| kiosk.person_with(&format!("47{n:02}"), &format!("SIM-{n}"), wearer()))
            .collect();
        people.iter().for_each(|(_, band)| show(band, false));
        kiosk.init("");
        Some(Self {
            kiosk,
            people,
            random,
            acknowledged: BTreeSet::new(),
            head: Head::EMPTY,
            intents: BTreeSet::new(),
            journaled: BTreeSet::new(),
            open: BTreeSet::new(),
            tally: Tally::default(),
        })
    }

    /// Begins an enrollment, kills the station in it, and starts the station again.
    async fn trial(&mut self, daemon: Daemon) -> Daemon {
        let number = self.tally.restarts.len() % PEOPLE;
        let delay = Duration::from_micros(1000 + self.random.below((KILL_MS_MAX - 1) * 1000));
        show(&self.people[number].1, true);
        let (seen, shown) = self.attempt(&daemon, number, delay).await;
        daemon.kill().await.unwrap();
        show(&self.people[number].1, false);
        *self.tally.shown.entry(shown).or_default() += 1;
        if let Some(association) = seen.and_then(|seen| seen.acknowledged()) {
            self.tally.acknowledged += 1;
            assert!(self.acknowledged.insert(association), "acknowledged twice");
        }
        let begin = Stopwatch::now();
        let daemon = self.kiosk.start().await;
        self.tally.restarts.push(begin.elapsed());
        self.check();
        daemon
    }

    /// An attempt up to its end or so long after the first frame, and what the kiosk showed last.
    async fn attempt(&mut self, daemon: &Daemon, number: usize, delay: Duration) -> (Option<Seen>, String) {
        let (person, band) = &self.people[number];
        let mut start = by_ticket(&self.kiosk.cast.ticket(person));
        start["serial"] = json!(format!("SIM-{number}"));
        let (met, meeting) = oneshot::channel();
        band.with(move |wrist, _| wrist.met = Some(met));
        let mut shown = None;
        let seen = {
            let mut attempt = pin!(enroll_watched(daemon, &start, |now| shown = Some(now.stage)));
            tokio::select! {
                seen = &mut attempt => Some(seen),
                _ = meeting => timeout(delay, attempt).await.ok(),
            }
        };
        if let Some(seen) = &seen {
            assert_eq!(seen.code(), "done", "{seen:?}\n{}", daemon.log_text());
        }
        let shown = shown.unwrap_or(Stage::LookingForBand);
        (seen, format!("{shown:?}"))
    }

    /// What was read of the journal before is there bit by bit; what was acknowledged is in it; it knows no
    /// commit that no band made, and of each that a band made at least the intent.
    fn check(&mut self) {
        self.read_journal();
        for association in &self.acknowledged {
            assert!(
                self.journaled.contains(association),
                "{association} was acknowledged and is lost"
            );
        }
        let made: BTreeSet<_> = self.people.iter().flat_map(|(_, band)| commits(band)).collect();
        assert!(self.journaled.is_subset(&made), "journaled and never made");
        for association in &made {
            let bytes = data_encoding::HEXLOWER.decode(association.as_bytes()).unwrap();
            let id: [u8; 16] = bytes.try_into().unwrap();
            assert!(
                self.intents.contains(&id),
                "{association} was made without an intent"
            );
        }
        let open: BTreeSet<_> = made.difference(&self.journaled).cloned().collect();
        self.tally.settled_later += open.difference(&self.open).count() as u64;
        self.open = open;
    }

    fn read_journal(&mut self) {
        let store = Store::open_to_read(
            &self.kiosk.stage.data().join("station.db"),
            &self.kiosk.stage.seal_key().unwrap(),
        )
        .unwrap();
        let verification = store.verify_journal().unwrap();
        assert_eq!(verification.fault, None);
        if self.head.sequence > 0 {
            let last = store.entries(self.head.sequence, 1).unwrap();
            let hash: Hash = last.first().expect("the journal became shorter").hash;
            assert_eq!(hash, self.head.hash, "the journal was changed");
        }
        while self.head.sequence < verification.head.sequence {
            for entry in store.entries(self.head.sequence + 1, PAGE).unwrap() {
                self.head = Head {
                    sequence: entry.sequence,
                    hash: entry.hash,
                };
                self.note(&JournalRecord::decode(&entry.record).unwrap());
            }
        }
    }

    fn note(&mut self, record: &JournalRecord) {
        match record {
            JournalRecord::Intent(intent) => {
                self.intents.insert(intent.association.0);
            }
            JournalRecord::Committed(committed) => {
                let receipt =
                    Receipt::verify(&committed.receipt, &committed.band_key).expect("a good receipt");
                let association = data_encoding::HEXLOWER.encode(&receipt.association.0);
                assert!(self.journaled.insert(association), "journaled twice");
            }
            _ => {}
        }
    }

    /// Everybody enrolls once more, undisturbed; then station and bands agree about everything.
    async fn settle(mut self) -> Tally {
        for number in 0..self.people.len() {
            let (person, band) = &self.people[number];
            show(band, true);
            let daemon = self.kiosk.start().await;
            let mut start = by_ticket(&self.kiosk.cast.ticket(person));
            start["serial"] = json!(format!("SIM-{number}"));
            let seen = enroll(&daemon, &start).await;
            assert_eq!(seen.code(), "done", "{seen:?}\n{}", daemon.log_text());
            assert_eq!(seen.acknowledged(), commits(band).pop());
            assert_eq!(held(band).len(), 1);
            show(band, false);
            daemon.kill().await.unwrap();
            self.acknowledged.extend(seen.acknowledged());
        }
        let bands: Vec<_> = self.people.iter().map(|(_, band)| band).collect();
        let journaled = self.kiosk.agrees(&bands, 0);
        assert!(self.acknowledged.is_subset(&journaled));
        self.tally
    }
}

/// All trials of one station. Nothing where there is no dbus-daemon.
fn trials(random: Random, count: u64) -> Option<Tally> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut victim = Victim::new(random)?;
    runtime.block_on(async {
        let mut daemon = victim.kiosk.start().await;
        for _ in 0..count {
            daemon = timeout(LIMIT, victim.trial(daemon))
                .await
                .expect("a trial is stuck");
        }
        daemon.kill().await.unwrap();
        Some(victim.settle().await)
    })
}

#[test]
fn the_station_may_be_killed_at_any_moment() {
    let seed = match std::env::var("BANDSTAND_SEED") {
        Ok(seed) => seed.parse().expect("BANDSTAND_SEED is a number"),
        Err(_) => Clock::start().wall().0,
    };
    println!("crash at random: BANDSTAND_SEED={seed}");
    let (random, count) = (Random::new(seed), tests::volume(200, 5000));
    let tally = std::thread::scope(|scope| {
        let stations: Vec<_> = (0..STATIONS)
            .map(|station| {
                let random = random.fork(station);
                scope.spawn(move || trials(random, count.div_ceil(STATIONS)))
            })
            .collect();
        let tallies = stations.into_iter().map(|station| station.join().unwrap());
        tallies.reduce(|one, other| Some(one?.add(other?))).flatten()
    });
    let Some(tally) = tally else { return };
    println!("crash at random: {tally}");
    assert!(tally.restarts.len() as u64 >= count);
    assert!(tally.shown.len() > 2, "the station was killed in few situations");
}
