//! The process: takes the lock, opens everything, runs the loop and the API, stops in good order.

use std::sync::Arc;
use std::time::Duration;

use firmware_protocol::certificate::StationCertificate;
use firmware_protocol::id::Zone;
use firmware_protocol::time::UnixSeconds;
use station_core::clock::TrustedClock;
use station_core::journal::{Configured, JournalRecord, Started, floor_after};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::task::JoinHandle;

use crate::api::{Command, Doors, Live, Shared, router};
use crate::clock::{Clock, RELEASED_MS};
use crate::config::Config;
use crate::eventloop::{self, Parts, dates};
use crate::instance::InstanceLock;
use crate::keys::{self, Keys};
use crate::kiosk::{self, Kiosk, KioskDoor, Words};
use crate::pace::Pace;
use crate::problem::{Code, Problem};
use crate::radio::{self, Radio, RadioConfig};
use crate::seal::{self, SealKey};
use crate::store::{Identity, Store, StoreError, StoreHandle};
use crate::sync::{self, Credentials};
use crate::systemd;

/// Commands of the API that may wait for the loop.
const COMMANDS_LEN: usize = 16;
/// Events a follower may be behind before it is given the present state instead.
const EVENTS_LEN: usize = 64;
/// The database answers within this time, or systemd is not told that all is well.
const STORE_ALIVE: Duration = Duration::from_secs(10);
/// Files that the process must be allowed to open: all of its own, its clients, and some to spare.
const FILES_MIN: u64 = 64;

/// Whether the process may open enough files. Where it may not, that is said at once: libraries panic when
/// they cannot open theirs.
fn enough_files() -> std::io::Result<()> {
    match rustix::process::getrlimit(rustix::process::Resource::Nofile).current {
        Some(limit) if limit < FILES_MIN => Err(std::io::Error::other(format!(
            "it may open {limit} files, and needs {FILES_MIN}"
        ))),
        _ => Ok(()),
    }
}

/// Runs the station until SIGTERM or SIGINT. `config_digest` is the SHA-256 of the configuration file.
pub fn run(config: Config, config_digest: [u8; 32]) -> Result<(), Problem> {
    let failed = |error: std::io::Error| {
        let next = "look at the limits of the process (`ulimit -a`)";
        Problem::new(
            Code::Internal,
            "the station cannot start",
            error.to_string(),
            next,
        )
    };
    enough_files().map_err(failed)?;
    let pace = Pace::default();
    let gathering = pace.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(move || gathering.gather())
        .max_blocking_threads(4)
        .thread_keep_alive(Duration::from_secs(5))
        .build()
        .map_err(failed)?;
    runtime.block_on(async {
        let stop = stop_on_signals().map_err(failed)?;
        let radio = RadioConfig {
            adapter: config.radio.adapter.clone(),
            ..RadioConfig::default()
        };
        serve(
            config,
            config_digest,
            || radio::btleplug::start_with(radio, pace),
            stop,
        )
        .await
    })
}

/// Runs the station with the radio that `start_radio` makes, until `stop` becomes true.
pub async fn serve(
    config: Config,
    config_digest: [u8; 32],
    start_radio: impl FnOnce() -> Radio,
    stop: watch::Receiver<bool>,
) -> Result<(), Problem> {
    let clock = Clock::start();
    let _lock = InstanceLock::take(&config.lock_file())?;
    let opened = open(&config, config_digest, clock)?;
    let doors = Doors::open(&config.api).await?;
    let address = doors.tcp_address();
    let page_door = KioskDoor::open(&config.kiosk).await?;
    let config = Arc::new(config);
    let store = StoreHandle::spawn(opened.store);
    let (commands, commands_in) = mpsc::channel::<Command>(COMMANDS_LEN);
    let (live, live_seen) = watch::channel(Live {
        page: page_door
            .as_ref()
            .map(|door| format!("http://{}/", door.address())),
        ..Live::default()
    });
    let (events, _) = broadcast::channel(EVENTS_LEN);
    let commands_for_sync = commands.clone();
    let shared = Shared::new(
        store.clone(),
        commands,
        live_seen,
        events.clone(),
        config.clone(),
        clock,
    );
    let (api_stop, api_stopped) = watch::channel(false);
    let page =
        page_door.map(|door| open_page(door, shared.clone(), opened.identity.zone, api_stopped.clone()));
    let api = tokio::spawn(doors.serve(router(shared), api_stopped));
    let watchdog = tokio::spawn(watch_over(store.clone()));
    systemd::ready("serving");
    tracing::info!(socket = %config.api.socket.display(), address = address.map(tracing::field::display), "the station serves");
    let syncing = opened.credentials.map(|credentials| {
        tokio::spawn(sync::run(sync::Parts {
            config: config.clone(),
            store: store.clone(),
            clock,
            commands: commands_for_sync,
            live: live.clone(),
            events: events.clone(),
            credentials,
            seal_key: opened.seal_key,
            identity: opened.identity.clone(),
            stop: stop.clone(),
        }))
    });
    let parts = Parts {
        identity: opened.identity,
        keys: opened.keys,
        config,
        store,
        radio: start_radio(),
        clock,
        trusted: opened.trusted,
        commands: commands_in,
        live,
        events,
        stop,
    };
    let outcome = eventloop::run(parts).await;
    if let Some(syncing) = syncing {
        syncing.abort();
    }
    watchdog.abort();
    let _ = api_stop.send(true);
    let _ = api.await;
    if let Some(page) = page {
        let _ = page.await;
    }
    outcome
}

/// Shows the kiosk's page to whoever opens it.
fn open_page(door: KioskDoor, shared: Shared, zone: Zone, stop: watch::Receiver<bool>) -> JoinHandle<()> {
    let (words, faults) = Words::with_folder(shared.config.kiosk.locales_directory.as_deref());
    for fault in faults {
        tracing::warn!(fault, "a language of the page is left out");
    }
    tracing::info!(address = %door.address(), "the kiosk's page is served");
    let kiosk = Kiosk::start(kiosk::Parts {
        shared,
        zone,
        words: Arc::new(words),
        stop: stop.clone(),
    });
    tokio::spawn(door.serve(kiosk, stop))
}

struct Opened {
    store: Store,
    identity: Identity,
    keys: Keys,
    trusted: TrustedClock,
    /// What to speak to the console with, for a station that joined one.
    credentials: Option<Credentials>,
    seal_key: SealKey,
}

fn open(config: &Config, config_digest: [u8; 32], clock: Clock) -> Result<Opened, Problem> {
    let database = config.database();
    let failed = |error: StoreError| error.into_problem("the station cannot start", config);
    if !database.exists() {
        return Err(failed(StoreError::Missing));
    }
    let seal_key = seal::load(config)?;
    let mut store = Store::open(&database, &seal_key).map_err(failed)?;
    let identity = store.identity().map_err(failed)?.clone();
    let keys = Keys::load(&config.station.key_file, &identity.keys_digest, &seal_key)?;
    keys::seal_existing(&config.station.key_file, &seal_key)?;
    let credentials = match store.sync_state().map_err(failed)? {
        Some(_) => {
            Credentials::seal_existing(&config.sync_file(), &seal_key)?;
            Some(Credentials::load(&config.sync_file(), &seal_key)?)
        }
        None => None,
    };
    let last = store.last_entry().map_err(failed)?;
    let floor_ms = last.as_ref().map_or(0, |entry| floor_after(0, entry));
    let passed_ms = store.passed_ms().map_err(failed)?;
    let trusted = TrustedClock::new(floor_ms, RELEASED_MS).with_passed(passed_ms);
    // The loop reads the clock anew and records what is wrong with it; this reading only dates the start.
    let mut first_look = trusted.clone();
    let (now, wall_ms) = (clock.now(), clock.wall_ms());
    if dates::doubt_at_boot(&mut first_look, now, wall_ms, certificate_ends(&identity)) {
        tracing::warn!(
            clock_ms = wall_ms,
            "the clock is beyond the end of the certificate and is not believed"
        );
    }
    first_look.read(now, wall_ms);
    let started_ms = first_look.believed_ms(now);
    let last = last.and_then(|entry| JournalRecord::decode(&entry.record).ok());
    let after_crash = !matches!(
        last,
        None | Some(JournalRecord::Stopped(_) | JournalRecord::Provisioned(_))
    );
    if after_crash {
        tracing::warn!("the last run was cut off");
    }
    let started = Started {
        software: env!("CARGO_PKG_VERSION").into(),
        after_crash,
    };
    let records = [
        started.into(),
        Configured {
            digest: config_digest,
        }
        .into(),
    ];
    store.append(started_ms, &records, &[]).map_err(failed)?;
    tracing::info!(station = %identity.station, revision = identity.revision, "the database is whole");
    Ok(Opened {
        store,
        identity,
        keys,
        trusted,
        credentials,
        seal_key,
    })
}

/// The last second of the station's certificate.
pub(crate) fn certificate_ends(identity: &Identity) -> UnixSeconds {
    let certificate = minicbor::decode::<StationCertificate>(&identity.certificate.body);
    // One that does not read is refused by every band, whatever the date.
    certificate.map_or(UnixSeconds(u64::MAX), |certificate| certificate.not_after)
}

/// Tells systemd that all is well as long as the runtime turns and the database answers.
async fn watch_over(store: StoreHandle) {
    let Some(interval) = systemd::watchdog_interval() else {
        return;
    };
    let mut ticks = tokio::time::interval(interval);
    loop {
        ticks.tick().await;
        match tokio::time::timeout(STORE_ALIVE, store.run(|_| Ok(()))).await {
            Ok(Ok(())) => systemd::alive(),
            _ => tracing::error!("the database does not answer"),
        }
    }
}

/// Becomes true on SIGTERM or SIGINT.
fn stop_on_signals() -> std::io::Result<watch::Receiver<bool>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        let _ = stop.send(true);
    });
    Ok(stopped)
}

/// Waits until somebody says stop, or until nobody is left who could.
pub(crate) async fn told_to_stop(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
mod tests;
