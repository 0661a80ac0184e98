//! G9, G9b, G9c: ten thousand stations at once, at rest, and after the console fell.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use station_daemon::sync::{Address, Connection};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::floor::Floor;
use super::pusher::{Bands, Pusher};
use super::reader::Reader;
use super::site::{Running, Site};
use super::{join, people, runtime};
use crate::bench::station::process;
use crate::bench::{Effort, Figure, Goal, at, median, note};

/// People of the plant: what is in the feed does not matter here.
const PEOPLE: usize = 100;
/// Connections that are made at the same time; what more comes waits in the kernel anyway.
const AT_ONCE: usize = 64;
/// A poll is held so long in G9b, in seconds: that of a station.
const HOLD_S: u16 = 30;
/// Stations that send all the while in G9c.
const SENDING: usize = 16;
/// Who sends gives up after this time.
const SENDING_PATIENCE: Duration = Duration::from_secs(120);
/// Nobody who sends waits longer for an acknowledgement once the console is there again, in seconds.
const STARVED_S: f64 = 5.0;

pub(in crate::bench) fn figures(effort: &Effort) -> Result<Vec<Figure>> {
    runtime()?.block_on(async {
        let site = Site::new(people(PEOPLE), None).await?;
        let console = site.start().await?;
        note(&format!("{} stations join", effort.stations));
        let mut stations = stations(&site, &console, effort.stations).await?;
        let floor = Floor::start().await?;
        let plain = plain_memory(effort, &floor).await?;
        // What it keeps of each station that joined is not what a connection costs.
        let fresh = process::resident_mib(console.pid()?)?;
        let (connecting, seconds) = connect_all(effort, &console, &floor, &mut stations).await?;
        let mut figures = vec![connecting];
        figures.push(memory(
            effort,
            process::resident_mib(console.pid()?)? - fresh,
            plain,
        ));
        figures.push(at_rest(effort, &console, &floor, &mut stations).await?);
        figures.extend(storm(&site, console, stations, seconds).await?);
        Ok(figures)
    })
}

/// Stations that know everything already.
async fn stations(site: &Site, console: &Running, count: usize) -> Result<Vec<Reader>> {
    let address = console.address();
    let members = join(site, console, count).await?;
    let readers = members.into_iter().map(|member| {
        let mut reader = Reader::new(member);
        reader.hold(0);
        reader
    });
    each(readers.collect(), move |mut reader| {
        let address = address.clone();
        async move {
            reader.read_all(&address).await?;
            reader.disconnect();
            Ok(reader)
        }
    })
    .await
}

/// Does something with each station, so many at a time.
async fn each<F: Future<Output = Result<Reader>> + Send + 'static>(
    stations: Vec<Reader>,
    work: impl Fn(Reader) -> F,
) -> Result<Vec<Reader>> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let (count, mut working) = (stations.len(), JoinSet::new());
    for station in stations {
        let (places, work) = (places.clone(), work(station));
        working.spawn(async move {
            let _place = places.acquire().await?;
            work.await
        });
    }
    let mut done = Vec::with_capacity(count);
    while let Some(station) = working.join_next().await {
        done.push(station??);
    }
    Ok(done)
}

/// Everybody connects and asks once. Gives the seconds it took, too.
async fn connect_all(
    effort: &Effort,
    console: &Running,
    floor: &Floor,
    stations: &mut Vec<Reader>,
) -> Result<(Figure, f64)> {
    let count = stations.len();
    let (address, goal) = (console.address(), Goal::AtMost(2.5));
    let (mut ratios, mut took, mut limits) = (Vec::new(), Vec::new(), Vec::new());
    limits.push(floor.handshakes_per_second(AT_ONCE, effort.slice).await?);
    for round in 0..effort.slices.min(2) {
        note(&format!("{count} stations connect and ask, round {}", round + 1));
        stations.iter_mut().for_each(Reader::disconnect);
        let start = Instant::now();
        *stations = each(std::mem::take(stations), |mut station| {
            let address = address.clone();
            async move {
                station.poll(&address).await?;
                Ok(station)
            }
        })
        .await?;
        took.push(start.elapsed().as_secs_f64());
        limits.push(floor.handshakes_per_second(AT_ONCE, effort.slice).await?);
        let beside = &limits[round..];
        ratios.push(took[round] / (count as f64 / ((beside[0] + beside[1]) / 2.0)));
    }
    let (seconds, limit) = (median(took), count as f64 / median(limits));
    let name = format!("{count} stations connect by mutual TLS and ask once");
    let figure = Figure::in_turns("G9", name, seconds, "s", limit, median(ratios), goal);
    Ok((figure, seconds))
}

/// Resident memory of the plain server for so many connections, in MiB. They are closed again: this program can hold
/// as many as there are stations, not twice.
async fn plain_memory(effort: &Effort, floor: &Floor) -> Result<f64> {
    note("the plain server holds as many connections");
    let before = process::resident_mib(floor.pid()?)?;
    let open = hold_open(floor, effort.stations).await?;
    let grown = process::resident_mib(floor.pid()?)? - before;
    drop(open);
    Ok(grown)
}

/// Memory of an open connection, beside one of the plain server; both in MiB for all.
fn memory(effort: &Effort, ours: f64, plain: f64) -> Figure {
    let each = |mib: f64| mib * 1024.0 / effort.stations as f64;
    let name = format!("resident memory of each of {} connections", effort.stations);
    Figure::beside("G9b", name, each(ours), "KiB", each(plain), Goal::AtMost(1.5))
}

async fn hold_open(floor: &Floor, count: usize) -> Result<Vec<Connection>> {
    let mut open = Vec::with_capacity(count);
    let (mut opening, mut left) = (JoinSet::new(), count);
    loop {
        while left > 0 && opening.len() < AT_ONCE {
            let (address, tls) = (floor.address.clone(), floor.tls.clone());
            opening.spawn(async move {
                let mut connection = Connection::open(&address, tls).await?;
                ask_plainly(&mut connection).await?;
                anyhow::Ok(connection)
            });
            left -= 1;
        }
        match opening.join_next().await {
            Some(connection) => open.push(connection??),
            None => return Ok(open),
        }
    }
}

async fn ask_plainly(connection: &mut Connection) -> Result<()> {
    connection
        .send(hyper::Method::GET, "/", None, Duration::from_secs(60))
        .await?;
    Ok(())
}

/// Processor time while everybody waits for news by held polls, beside as many requests answered with 204.
async fn at_rest(
    effort: &Effort,
    console: &Running,
    floor: &Floor,
    stations: &mut Vec<Reader>,
) -> Result<Figure> {
    let hold = Duration::from_secs(if effort.is_smoke() { 1 } else { HOLD_S.into() });
    let rate = stations.len() as f64 / hold.as_secs_f64();
    note(&format!(
        "{} stations hold polls: {rate:.0} per second",
        stations.len()
    ));
    let (address, pid) = (console.address(), console.pid()?);
    let count = stations.len();
    let polling = tokio::spawn(hold_polls(std::mem::take(stations), address, hold));
    tokio::time::sleep(hold).await;
    let before = process::cpu_seconds(pid)?;
    tokio::time::sleep(hold).await;
    let ours = (process::cpu_seconds(pid)? - before) / hold.as_secs_f64();
    *stations = polling.await??;
    ensure!(stations.len() == count, "stations were lost");
    let plain = answer_plainly(floor, rate, hold.min(Duration::from_secs(10))).await?;
    let name = format!("processor time for {rate:.0} held polls per second");
    Ok(Figure::beside(
        "G9b",
        name,
        ours * 1000.0,
        "ms/s",
        plain * 1000.0,
        Goal::AtMost(8.0),
    ))
}

/// Three polls of each station, begun one after the other over the time of one.
async fn hold_polls(stations: Vec<Reader>, address: Address, hold: Duration) -> Result<Vec<Reader>> {
    let mut polling = JoinSet::new();
    let count = stations.len() as u32;
    for (number, mut station) in stations.into_iter().enumerate() {
        let address = address.clone();
        let first = hold * number as u32 / count;
        polling.spawn(async move {
            // A held poll spreads them over the time: a connection without a request would be closed meanwhile.
            station.hold(first.as_secs() as u16);
            station.poll(&address).await?;
            tokio::time::sleep(Duration::from_nanos(first.subsec_nanos().into())).await;
            station.hold(hold.as_secs() as u16);
            for _ in 0..2 {
                station.poll(&address).await?;
            }
            station.hold(0);
            anyhow::Ok(station)
        });
    }
    let mut done = Vec::new();
    while let Some(station) = polling.join_next().await {
        done.push(station??);
    }
    Ok(done)
}

/// Processor seconds per second of the plain server at this rate of requests.
async fn answer_plainly(floor: &Floor, rate: f64, time: Duration) -> Result<f64> {
    let mut open = hold_open(floor, 32).await?;
    let before = process::cpu_seconds(floor.pid()?)?;
    let start = tokio::time::Instant::now();
    let count = (rate * time.as_secs_f64()) as usize;
    for number in 0..count {
        tokio::time::sleep_until(start + time.mul_f64(number as f64 / count as f64)).await;
        let place = number % open.len();
        ask_plainly(&mut open[place]).await?;
    }
    let took = start.elapsed().as_secs_f64();
    // The kernel counts in hundredths of a second.
    Ok((process::cpu_seconds(floor.pid()?)? - before).max(0.01) / took)
}

/// The console dies and starts again: everybody comes back by their own back-off, while some send.
async fn storm(site: &Site, mut console: Running, stations: Vec<Reader>, calm_s: f64) -> Result<Vec<Figure>> {
    let count = stations.len();
    note(&format!("the console dies under {count} stations"));
    let bands = Bands::new(site.cast.plant.organization(), PEOPLE)?;
    let address = console.address();
    let members = join(site, &console, SENDING).await?;
    let mut senders: Vec<Pusher> = members
        .into_iter()
        .map(|it| Pusher::new(it, address.clone()))
        .collect();
    for (number, sender) in senders.iter_mut().enumerate() {
        sender.write(&bands, number * 10_000..number * 10_000 + 4_000);
        sender.connect().await?;
    }
    console.kill().await?;
    let mut coming = JoinSet::new();
    let (known, back) = tokio::sync::watch::channel(None::<Instant>);
    for mut station in stations {
        let (address, back) = (address.clone(), back.clone());
        coming.spawn(async move {
            station.come_back(&address).await?;
            let served = back.borrow().context("nobody serves yet")?;
            anyhow::Ok((station, served.elapsed()))
        });
    }
    let mut again = site.start_at(console.web, console.sync).await?;
    known.send_replace(Some(Instant::now()));
    let sending: Vec<_> = senders
        .into_iter()
        .map(|sender| tokio::spawn(send_all_the_while(sender)))
        .collect();
    let mut waits = Vec::with_capacity(count);
    while let Some(station) = coming.join_next().await {
        waits.push(station??.1.as_secs_f64());
    }
    let mut longest = 0.0_f64;
    for sending in sending {
        longest = longest.max(sending.await??);
    }
    again.kill().await?;
    waits.sort_by(f64::total_cmp);
    note(&format!(
        "they were back after {:.1} s (p50), {:.1} s (all)",
        at(&waits, 0.5),
        at(&waits, 1.0)
    ));
    let name = format!("{count} stations back after the console died, p99, beside connecting in peace");
    let waited = "longest wait for an acknowledgement meanwhile";
    Ok(vec![
        Figure::beside("G9c", name, at(&waits, 0.99), "s", calm_s, Goal::AtMost(3.0)),
        Figure::plain("G9c", waited, longest, "s", Goal::AtMost(STARVED_S)),
    ])
}

/// The longest wait of one that sends an association every few milliseconds until it has sent all.
async fn send_all_the_while(mut sender: Pusher) -> Result<f64> {
    let end = Instant::now() + Duration::from_secs(10);
    let mut longest = 0.0_f64;
    while Instant::now() < end && sender.waiting() > 0 {
        let waited = sender.send_patiently(1, SENDING_PATIENCE).await?;
        longest = longest.max(waited.as_secs_f64());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(longest)
}
