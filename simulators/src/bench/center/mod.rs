//! G1 to G3 and G8 to G13 at the console: the real console as a process, with stations and people at it.

mod crash;
mod floor;
mod growth;
mod import;
mod ingest;
mod kiosk;
mod limits;
mod pages;
mod postgres;
mod pusher;
mod reader;
mod site;
mod storm;
mod sync;
mod turns;
mod web;
mod wire;

use anyhow::{Context, Result};
use firmware_protocol::id::Zone;
use station_daemon::clock::Clock;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::crowd;
use crate::cast::Cast;
use crate::fleet::Member;
use site::{Running, Site};

pub(super) use crash::figures as crash_figures;
pub use floor::listen;
pub(super) use growth::figures as growth_figures;
pub(super) use import::figures as import_figures;
pub(super) use ingest::{Ingest, figures as ingest_figures, postgres_figures as ingest_postgres_figures};
pub(super) use pages::figures as pages_figures;
pub(super) use storm::figures as storm_figures;
pub(super) use sync::Sync;
pub(super) use sync::figures as sync_figures;
pub(super) use web::Web;

/// Stations that join at the same time.
const JOINING: usize = 16;

pub(super) fn runtime() -> Result<Runtime> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("the system gives no threads")
}

/// A plant with so many people and nothing else.
fn people(count: usize) -> Cast {
    let mut cast = Cast::new(5, Zone::Enrollment, Clock::start().wall());
    crowd::add_people(&mut cast, count);
    cast
}

/// So many stations that have joined.
async fn join(site: &Site, console: &Running, count: usize) -> Result<Vec<Member>> {
    let address = console.address();
    let mut tokens = site.tokens(count).await?.into_iter().enumerate();
    let (mut joining, mut members) = (JoinSet::new(), Vec::with_capacity(count));
    loop {
        while joining.len() < JOINING
            && let Some((number, token)) = tokens.next()
        {
            let address = address.clone();
            joining.spawn(async move { Member::join(&address, &format!("bench {number}"), &token).await });
        }
        match joining.join_next().await {
            Some(member) => members.push(member??),
            None => return Ok(members),
        }
    }
}
