//! G4 with the database: from a band that has said what it is to a decision with its explanation, the facts
//! read out of a station's file with 100,000 users.

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant as Stopwatch};

use anyhow::{Context, Result, ensure};
use firmware_protocol::id::{AssociationId, Serial, UserHandle, Zone};
use firmware_protocol::message::Held;
use firmware_protocol::station::{Established, SessionEvent, StationSession};
use firmware_protocol::time::{Instant, UnixSeconds};
use rusqlite::Connection;
use station_core::clock::TrustedTime;
use station_core::convert;
use station_core::enrollment::{Enrollment, Event, Input, Limits, Start};
use station_core::journal::{FlowId, JournalRecord};
use station_core::replica::derived_handle;
use station_daemon::seal::SealKey;
use station_daemon::store::Store;

use super::decide::Case;
use super::latency::{self, timed};
use super::{Effort, Figure, Goal, crowd, note};
use crate::band::Knobs;
use crate::cast::Cast;
use crate::peripheral::Peripheral;
use crate::random::Random;
use crate::world::{DATE, vouched};

/// Decisions in one slice.
const COUNT: usize = 5000;
/// Slices of the product.
const SLICES: usize = 5;
const MTU_BYTES: u16 = 247;

pub(super) fn figures(_: &Effort) -> Result<Vec<Figure>> {
    note("deciding from a file with 100,000 users");
    let folder = tempfile::tempdir()?;
    let mut cast = Cast::new(4, Zone::Enrollment, DATE);
    cast.self_service(true, false);
    let greeted = greet(&mut cast)?;
    crowd::add_crowd(&mut cast, Zone::Enrollment);
    let file = folder.path().join("station.db");
    let store = provisioned(&cast, &file)?;
    let mut floor = Floor::open(&file)?;
    let mut questions = Questions::new(store, cast, greeted);
    let latency = latency::in_turns(SLICES, COUNT, || floor.ask(), || questions.ask())?;
    let name = |quantile| format!("decision with facts from the file, explained, {quantile}");
    let goal = Goal::AtMost(10.0);
    Ok(vec![
        latency.p50.figure("G4", &name("p50"), goal),
        latency.p99.figure("G4", &name("p99"), goal),
    ])
}

/// A station's file as `init` makes it.
pub(super) fn provisioned(cast: &Cast, file: &Path) -> Result<Store> {
    let provision = cast
        .file()
        .clone()
        .check([0; 32])
        .ok()
        .context("a cast makes a good file")?;
    let mut store = Store::create(file, &seal_key())?;
    store.provision(&provision, [0; 32], None, provision.made_at_ms)?;
    Ok(store)
}

/// What the files of these measurements are sealed with.
pub(super) fn seal_key() -> SealKey {
    SealKey::new([4; 32])
}

/// What nobody can do without: one row by its key, and the rules.
struct Floor {
    connection: Connection,
    case: Case,
    /// Handles as the table holds them.
    handles: Vec<Vec<u8>>,
    random: Random,
}

impl Floor {
    fn open(file: &Path) -> Result<Self> {
        let connection = Connection::open(file)?;
        let mut statement = connection.prepare("select handle from users")?;
        let handles = statement.query_map((), |row| row.get(0))?;
        let handles = handles.collect::<rusqlite::Result<_>>()?;
        drop(statement);
        Ok(Self {
            connection,
            case: Case::takeover()?,
            handles,
            random: Random::new(1),
        })
    }

    fn ask(&mut self) -> Result<Duration> {
        let handle = &self.handles[self.random.below(self.handles.len() as u64) as usize];
        timed(|| {
            let sql = "select body, seal from users where handle = ?1";
            let mut statement = self.connection.prepare_cached(sql)?;
            let row: (Vec<u8>, i64) = statement.query_row([handle], |row| Ok((row.get(0)?, row.get(1)?)))?;
            black_box((row, self.case.decide()));
            Ok(())
        })
    }
}

fn handles(cast: &Cast) -> Vec<UserHandle> {
    let organization = cast.plant.organization();
    (0..crowd::USERS)
        .map(|number| derived_handle(organization, &crowd::id(number)))
        .collect()
}

/// A real session's greeting, to be given to other bands.
fn greet(cast: &mut Cast) -> Result<Established> {
    let mut band = cast.band("GREETS-1", false, Knobs::default());
    let makes = vec![cast.maker.public_key()];
    let mut session = StationSession::new(
        &cast.identity,
        makes,
        MTU_BYTES,
        &[3; 48],
        Instant::ZERO,
        UnixSeconds(DATE.0),
    );
    band.connected(Instant::ZERO, MTU_BYTES);
    loop {
        let (mut moved, now) = (false, Instant::ZERO);
        while let Some(frame) = session.poll_transmit() {
            band.write(now, &frame);
            moved = true;
        }
        while let Some(frame) = band.poll_notify() {
            session.handle_input(now, &frame);
            moved = true;
        }
        if let Some(SessionEvent::Established(established)) = session.poll_event() {
            return Ok(*established);
        }
        ensure!(moved, "a good band does not greet");
    }
}

/// People of the crowd: three of four with their own band, the others with a colleague's.
struct Questions {
    store: Store,
    greeted: Established,
    start: Start,
    handles: Vec<UserHandle>,
    held: Vec<AssociationId>,
    random: Random,
}

impl Questions {
    fn new(store: Store, cast: Cast, greeted: Established) -> Self {
        let start = Start {
            flow: FlowId([4; 16]),
            organization: cast.plant.organization(),
            zone: Zone::Enrollment,
            limits: Limits::default(),
        };
        let of_crowd = cast.file().associations.iter();
        Self {
            store,
            greeted,
            start,
            handles: handles(&cast),
            held: of_crowd
                .map(|entry| convert::association_id_on_air(entry.id))
                .collect(),
            random: Random::new(2),
        }
    }

    /// The time from "what do we know?" to the decision, its explanation and its journal record.
    fn ask(&mut self) -> Result<Duration> {
        let user = self.random.below(crowd::USERS as u64) as usize;
        let stranger = self.random.chance(250);
        let owner = if stranger { (user + 1) % crowd::USERS } else { user };
        let row = self.store.user_by_handle(self.handles[user])?;
        let person = vouched(self.handles[user]);
        let mut flow = Enrollment::new(self.start.clone(), person, row.as_ref(), Instant::ZERO);
        let greeting = SessionEvent::Established(Box::new(self.greeting(owner)?));
        flow.handle_input(Instant::ZERO, Input::Session(greeting));
        let query = std::iter::from_fn(|| flow.poll_event()).find_map(|event| match event {
            Event::NeedFacts(query) => Some(query),
            _ => None,
        });
        let query = query.context("the flow asks for facts")?;
        let stopwatch = Stopwatch::now();
        let known = self.store.knowledge(
            &query,
            TrustedTime::certain(DATE.0 * 1000),
            AssociationId([5; 16]),
        )?;
        flow.handle_input(Instant::ZERO, Input::Facts(query.number, Box::new(known)));
        let time = stopwatch.elapsed();
        self.check(&mut flow, stranger)?;
        Ok(time)
    }

    fn check(&self, flow: &mut Enrollment, stranger: bool) -> Result<()> {
        let decided = std::iter::from_fn(|| flow.poll_event()).find_map(|event| match event {
            Event::Append(append) => append.records.into_iter().find_map(|record| match record {
                JournalRecord::Decided(decided) => Some(decided),
                _ => None,
            }),
            _ => None,
        });
        let outcome = decided.context("the flow decides")?.outcome;
        ensure!((outcome == "allow") != stranger, "a wrong decision: {outcome}");
        Ok(())
    }

    fn greeting(&self, owner: usize) -> Result<Established> {
        let mut greeting = self.greeted.clone();
        let serial = crowd::serial(owner);
        greeting.certificate.serial = Serial::new(serial.as_str()).context("a serial")?;
        greeting.report.organization = Some(self.start.organization);
        greeting.report.associations = vec![Held {
            zone: Zone::Enrollment,
            user: self.handles[owner],
            association: self.held[owner],
            epoch: 1,
            finished: true,
        }];
        Ok(greeting)
    }
}
