//! G3, G3b, G3c, G3d, G12: associations come in from stations, each signature checked, durable before the
//! acknowledgement.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use tokio::task::JoinSet;

use super::pusher::{Bands, Pusher};
use super::site::{Running, Site};
use super::turns::in_turns;
use super::{join, limits, people, postgres, runtime};
use crate::bench::append::Floor;
use crate::bench::{Effort, Figure, Goal, at, note};

/// Clients of G3.
const CLIENTS: usize = 16;
/// Associations of one request in G3b.
const BATCH: usize = 100;
/// Bytes of the limit's row: about what an entry of a commit has.
const ROW_LEN: usize = 300;
/// Stations that come back at once in G12, and what each has to send.
const RETURNING: (usize, usize) = (200, 50);

pub(in crate::bench) fn figures(effort: &Effort) -> Result<Vec<Figure>> {
    runtime()?.block_on(async {
        note(&format!("making a console with {} people", effort.people));
        let site = Site::new(people(effort.people), None).await?;
        let console = site.start().await?;
        let mut crowd = Crowd::new(&site, &console, CLIENTS).await?;
        let floor = Floor::create(&site.folder().join("floor.db"), ROW_LEN)?;
        let mut figures = one_by_one(effort, &mut crowd, &floor).await?;
        let (batches, batch_rate) = batches(effort, &mut crowd).await?;
        figures.push(batches);
        crowd.check(&site).await?;
        figures.push(backlog(effort, &site, &console, crowd.written(), batch_rate).await?);
        console.stop().await?;
        Ok(figures)
    })
}

async fn one_by_one(effort: &Effort, crowd: &mut Crowd, floor: &Floor) -> Result<Vec<Figure>> {
    note("sending associations one by one");
    let goal = Goal::AtLeast(1.0);
    let plan = crowd.plan(effort, 1).await?;
    crowd.pushers.iter_mut().for_each(|pusher| pusher.waits.clear());
    let turns = in_turns(
        effort.slices,
        goal,
        async || limits::commits_per_second(floor, effort),
        async || crowd.slice(plan, 1).await,
    );
    let turns = turns.await?;
    let mut waits: Vec<_> = crowd
        .pushers
        .iter_mut()
        .flat_map(|pusher| pusher.waits.drain(..))
        .collect();
    waits.sort_unstable();
    note(&format!(
        "an acknowledgement took {:.1?} (p50), {:.1?} (p99)",
        at(&waits, 0.5),
        at(&waits, 0.99)
    ));
    let name = format!("associations, one per request, {} stations", crowd.pushers.len());
    Ok(vec![turns.figure("G3", name, "/s", goal)])
}

async fn batches(effort: &Effort, crowd: &mut Crowd) -> Result<(Figure, f64)> {
    note("sending associations in batches");
    let goal = Goal::AtLeast(0.5);
    let plan = crowd.plan(effort, BATCH).await?;
    let turns = in_turns(
        effort.slices,
        goal,
        async || Ok(limits::verifications_per_second(effort)),
        async || crowd.slice(plan, BATCH).await,
    );
    let turns = turns.await?;
    let name = format!(
        "associations, {BATCH} per request, {} stations",
        crowd.pushers.len()
    );
    Ok((turns.figure("G3b", name, "/s", goal), turns.product))
}

/// Everybody was away, everybody comes back.
async fn backlog(
    effort: &Effort,
    site: &Site,
    console: &Running,
    from: usize,
    batch_rate: f64,
) -> Result<Figure> {
    let (stations, each) = (RETURNING.0.min(effort.stations), RETURNING.1);
    note(&format!("{stations} stations bring {each} associations each"));
    let mut crowd = Crowd::new(site, console, stations).await?;
    crowd.next = AtomicUsize::new(from);
    crowd.write(each);
    let rate = crowd.send(each * stations, BATCH).await?;
    crowd.check(site).await?;
    let name = format!("backlog of {stations} stations x {each} associations");
    Ok(Figure::beside(
        "G12",
        name,
        rate,
        "/s",
        batch_rate,
        Goal::AtLeast(0.6),
    ))
}

pub(in crate::bench) fn postgres_figures(effort: &Effort) -> Result<Vec<Figure>> {
    let cluster = match postgres::Cluster::start() {
        Ok(cluster) => cluster,
        Err(error) => {
            let missing = |id| Figure::missing(id, "associations on PostgreSQL", &format!("{error:#}"));
            return Ok(["G3c", "G3d"].map(missing).into());
        }
    };
    runtime()?.block_on(async {
        note(&format!(
            "making a console on PostgreSQL with {} people",
            effort.people
        ));
        let site = Site::new(people(effort.people), Some(&cluster.new_database("center")?)).await?;
        let mut floor = postgres::Floor::new(&cluster.new_database("floor")?, CLIENTS).await?;
        let console = site.start().await?;
        let mut crowd = Crowd::new(&site, &console, CLIENTS).await?;
        let mut figures = Vec::new();
        for clients in [1, 4, CLIENTS] {
            figures.push(clients_on_postgres(effort, &mut crowd, &mut floor, clients).await?);
        }
        figures.push(batches_on_postgres(effort, &mut crowd, &mut floor).await?);
        figures.push(replicas(effort, &site, console, &mut crowd).await?);
        crowd.check(&site).await?;
        Ok(figures)
    })
}

async fn clients_on_postgres(
    effort: &Effort,
    crowd: &mut Crowd,
    floor: &mut postgres::Floor,
    clients: usize,
) -> Result<Figure> {
    note(&format!(
        "{clients} stations send one by one to a console on PostgreSQL"
    ));
    let goal = Goal::AtLeast(0.5);
    let mut some = crowd.part(clients);
    let plan = some.plan(effort, 1).await?;
    let turns = in_turns(
        effort.slices,
        goal,
        async || floor.commits_per_second(clients, effort).await,
        async || some.slice(plan, 1).await,
    );
    let turns = turns.await?;
    crowd.take_back(some);
    let name = format!("associations on PostgreSQL, one per request, stations: {clients}");
    Ok(turns.figure("G3c", name, "/s", goal))
}

async fn batches_on_postgres(
    effort: &Effort,
    crowd: &mut Crowd,
    floor: &mut postgres::Floor,
) -> Result<Figure> {
    note("sending batches to a console on PostgreSQL");
    let goal = Goal::AtLeast(0.5);
    let plan = crowd.plan(effort, BATCH).await?;
    let turns = in_turns(
        effort.slices,
        goal,
        async || floor.batches_per_second(1, effort).await,
        async || crowd.slice(plan, BATCH).await,
    );
    let name = format!("associations on PostgreSQL, {BATCH} per request, stations: {CLIENTS}");
    Ok(turns.await?.figure("G3c", name, "/s", goal))
}

/// One console beside three on one database, the same stations.
async fn replicas(effort: &Effort, site: &Site, first: Running, crowd: &mut Crowd) -> Result<Figure> {
    note("sending to one console and to three on one database in turns");
    let goal = Goal::AtLeast(0.85);
    let consoles = [first, site.start().await?, site.start().await?];
    let plan = crowd.plan(effort, 1).await?;
    let crowd = tokio::sync::Mutex::new(crowd);
    let turn = async |count: usize| {
        let mut crowd = crowd.lock().await;
        crowd.go_to(&consoles[..count]).await?;
        crowd.slice(plan, 1).await
    };
    let turns = in_turns(
        effort.slices,
        goal,
        async || turn(1).await,
        async || turn(3).await,
    )
    .await?;
    let name = format!("associations, 3 consoles beside 1 on PostgreSQL, stations: {CLIENTS}");
    Ok(turns.figure("G3d", name, "/s", goal))
}

/// A console and stations that send to it, for whoever measures something else beside it.
pub(in crate::bench) struct Ingest {
    _site: Site,
    console: Running,
    crowd: Crowd,
}

impl Ingest {
    /// A new console with so many stations.
    pub(in crate::bench) async fn new(effort: &Effort, stations: usize) -> Result<Self> {
        let site = Site::new(people(effort.people), None).await?;
        let console = site.start().await?;
        let crowd = Crowd::new(&site, &console, stations).await?;
        Ok(Self {
            _site: site,
            console,
            crowd,
        })
    }

    pub(in crate::bench) fn pid(&self) -> Result<u32> {
        self.console.pid()
    }

    /// Associations per second, one per request, and how long each was waited for, in milliseconds.
    pub(in crate::bench) async fn one_by_one(&mut self, effort: &Effort) -> Result<(f64, Vec<f64>)> {
        let plan = self.crowd.plan(effort, 1).await? * effort.slices;
        self.crowd
            .pushers
            .iter_mut()
            .for_each(|pusher| pusher.waits.clear());
        let rate = self.crowd.slice(plan, 1).await?;
        let waits = self.crowd.pushers.iter().flat_map(|pusher| &pusher.waits);
        Ok((rate, waits.map(|wait| wait.as_secs_f64() * 1000.0).collect()))
    }

    /// Associations per second while everybody sends so many that were written before.
    pub(in crate::bench) async fn backlog(&mut self, each: usize) -> Result<f64> {
        self.crowd.slice(each, BATCH).await
    }
}

/// Stations that send.
struct Crowd {
    pushers: Vec<Pusher>,
    bands: Bands,
    next: AtomicUsize,
}

impl Crowd {
    async fn new(site: &Site, console: &Running, count: usize) -> Result<Self> {
        let members = join(site, console, count).await?;
        let address = console.address();
        let pushers = members
            .into_iter()
            .map(|member| Pusher::new(member, address.clone()));
        let users = site.cast.file().users.len();
        Ok(Self {
            pushers: pushers.collect(),
            bands: Bands::new(site.cast.plant.organization(), users)?,
            next: AtomicUsize::new(0),
        })
    }

    /// Some of the stations, for a while; they write numbers that the others do not.
    fn part(&mut self, count: usize) -> Self {
        Self {
            pushers: self.pushers.drain(..count).collect(),
            bands: self.bands.clone(),
            next: AtomicUsize::new(self.written()),
        }
    }

    fn take_back(&mut self, part: Self) {
        self.next = part.next;
        self.pushers.extend(part.pushers);
    }

    /// Spreads the stations over these consoles and connects them.
    async fn go_to(&mut self, consoles: &[Running]) -> Result<()> {
        for (pusher, console) in self.pushers.iter_mut().zip(consoles.iter().cycle()) {
            pusher.go_to(&console.address());
            pusher.connect().await?;
        }
        Ok(())
    }

    /// How many associations were written so far.
    fn written(&self) -> usize {
        self.next.load(Ordering::Relaxed)
    }

    /// How many associations each station sends in a slice, from a short try.
    async fn plan(&mut self, effort: &Effort, batch: usize) -> Result<usize> {
        let per_station = batch * 2;
        self.write(per_station);
        let rate = self.send(per_station * self.pushers.len(), batch).await?;
        let each = rate * effort.slice.as_secs_f64() / self.pushers.len() as f64;
        Ok((each as usize).next_multiple_of(batch).max(batch))
    }

    fn write(&mut self, each: usize) {
        for pusher in &mut self.pushers {
            let from = self.next.fetch_add(each, Ordering::Relaxed);
            pusher.write(&self.bands, from..from + each);
        }
    }

    /// Writes and then sends; associations per second.
    async fn slice(&mut self, each: usize, batch: usize) -> Result<f64> {
        self.write(each);
        self.send(each * self.pushers.len(), batch).await
    }

    async fn send(&mut self, count: usize, batch: usize) -> Result<f64> {
        let start = Instant::now();
        let mut sending = JoinSet::new();
        for mut pusher in self.pushers.drain(..) {
            sending.spawn(async move {
                let sent = pusher.send_all(batch).await;
                sent.map(|()| pusher)
            });
        }
        while let Some(pusher) = sending.join_next().await {
            self.pushers.push(pusher??);
        }
        Ok(count as f64 / start.elapsed().as_secs_f64())
    }

    /// Everything that was sent is there, once.
    async fn check(&self, site: &Site) -> Result<()> {
        let app = site.app().await?;
        let count = app
            .db
            .read(|tx| tx.number("select count(*) from associations where band like 'BX-%'", &[]));
        let count: Result<i64, console::db::DbError> = count.await;
        let written = self.written();
        let count = count.context("counting")? as usize;
        ensure!(
            count == written,
            "{written} associations were acknowledged, {count} are there"
        );
        Ok(())
    }
}
