//! G11b: PostgreSQL and the console die at one moment; how long until every station has been served again.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use server_sync::backoff::Backoff;
use tokio::task::JoinSet;
use tokio_postgres::NoTls;

use super::postgres::Cluster;
use super::reader::Reader;
use super::site::Site;
use super::{join, people, runtime};
use crate::bench::{Effort, Figure, Goal, median, note};

/// Stations that come back, at most.
const STATIONS: usize = 50;
/// The same with the goal's few.
const TRIALS: usize = 3;
/// How often it is looked whether the database answers.
const LOOK: Duration = Duration::from_millis(5);
const NAME: &str = "PostgreSQL and console killed, until every station is served";

pub(in crate::bench) fn figures(effort: &Effort) -> Result<Vec<Figure>> {
    let cluster = match Cluster::start() {
        Ok(cluster) => cluster,
        Err(error) => return Ok(vec![Figure::missing("G11b", NAME, &format!("{error:#}"))]),
    };
    runtime()?.block_on(async {
        note("a console on PostgreSQL");
        let url = cluster.new_database("center")?;
        let site = Site::new(people(effort.people.min(10_000)), Some(&url)).await?;
        let mut console = site.start().await?;
        let mut stations = Vec::new();
        for member in join(&site, &console, effort.stations.min(STATIONS)).await? {
            let mut reader = Reader::new(member);
            reader.hold(0);
            reader.read_all(&console.address()).await?;
            stations.push(reader);
        }
        let (mut took, mut bare) = (Vec::new(), Vec::new());
        for trial in 0..effort.slices.min(TRIALS) {
            note(&format!(
                "killing PostgreSQL and the console, trial {}",
                trial + 1
            ));
            console.kill().await?;
            cluster.crash()?;
            bare.push(restart(&cluster, &url).await?);
            cluster.crash()?;
            let start = Instant::now();
            let address = console.address();
            let mut coming = JoinSet::new();
            for mut station in stations.drain(..) {
                let address = address.clone();
                coming.spawn(async move { station.come_back(&address).await.map(|()| station) });
            }
            restart(&cluster, &url).await?;
            console = site.start_at(console.web, console.sync).await?;
            while let Some(station) = coming.join_next().await {
                stations.push(station??);
            }
            took.push(start.elapsed().as_secs_f64());
        }
        console.stop().await?;
        let bare = median(bare);
        note(&format!("PostgreSQL alone was back after {bare:.2} s"));
        let limit = bare * 1.25 + longest_wait_after(bare);
        Ok(vec![Figure::beside(
            "G11b",
            NAME,
            median(took),
            "s",
            limit,
            Goal::AtMost(1.0),
        )])
    })
}

/// The longest wait that a station can have begun before the console was there again, after so many seconds: that
/// of one which always waited as shortly as the back-off allows, and so failed most often.
fn longest_wait_after(outage_s: f64) -> f64 {
    let first_s = Backoff::FIRST_MS as f64 / 1000.0;
    let (mut longest, mut passed) = (first_s, 0.0);
    while passed + longest / 2.0 < outage_s {
        passed += longest / 2.0;
        longest = (longest * 2.0).min(Backoff::MAX_MS as f64 / 1000.0);
    }
    longest
}

/// Seconds from the start of the server until it answers.
async fn restart(cluster: &Cluster, url: &str) -> Result<f64> {
    let start = Instant::now();
    cluster.resume()?;
    loop {
        if let Ok((client, connection)) = tokio_postgres::connect(url, NoTls).await {
            tokio::spawn(connection);
            client
                .query_one("select count(*) from feed_head", &[])
                .await
                .context("a query")?;
            return Ok(start.elapsed().as_secs_f64());
        }
        tokio::time::sleep(LOOK).await;
    }
}
