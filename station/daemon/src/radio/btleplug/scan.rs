//! The one owner of the scan.
//!
//! BlueZ counts scans per client and answers a second start or stop with an error; after a connection
//! that timed out even a first start may fail. One task therefore brings the scan to the wanted state: it
//! stops before it starts and tries again when BlueZ is not in the mood.
//!
//! The scan is asked for on our own bus connection, because btleplug's `start_scan` switches the adapter
//! on, and searches for classic Bluetooth too. What is found is signalled to btleplug all the same.

use super::bus::Bus;
use super::calls::CallFault;
use crate::radio::RadioConfig;
use crate::radio::config::ms;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// What is asked of the scan. A higher generation asks to start it over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Wanted {
    on: bool,
    generation: u64,
}

/// The handle to the scanning task. Dropping it ends the task, not the scan.
pub(super) struct Scanner {
    wanted: watch::Sender<Wanted>,
    running: watch::Receiver<bool>,
    task: JoinHandle<()>,
}

impl Drop for Scanner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Scanner {
    /// A scanner for an adapter that is switched on. The scan starts switched off.
    pub(super) fn start(bus: Arc<Bus>, adapter_path: String, config: Arc<RadioConfig>) -> Self {
        let (wanted, wanted_out) = watch::channel(Wanted::default());
        let (running_in, running) = watch::channel(false);
        let task = Task {
            bus,
            adapter_path,
            config,
            running: running_in,
        };
        Self {
            wanted,
            running,
            task: tokio::spawn(task.run(wanted_out)),
        }
    }

    /// Asks for the scan to run or to rest.
    pub(super) fn set(&self, on: bool) {
        self.wanted
            .send_if_modified(|wanted| std::mem::replace(&mut wanted.on, on) != on);
    }

    /// Asks for a fresh start: BlueZ was found not to scan although it should.
    pub(super) fn renew(&self) {
        self.wanted.send_modify(|wanted| wanted.generation += 1);
    }

    /// Whether the scan runs, to read and to wait on.
    pub(super) fn running(&self) -> watch::Receiver<bool> {
        self.running.clone()
    }

    /// Stops the scan and ends the task, within `limit`.
    pub(super) async fn finish(self, limit: Duration) {
        self.set(false);
        let mut running = self.running();
        drop(timeout(limit, running.wait_for(|running| !running)).await);
    }
}

struct Task {
    bus: Arc<Bus>,
    adapter_path: String,
    config: Arc<RadioConfig>,
    running: watch::Sender<bool>,
}

impl Task {
    async fn run(self, mut wanted: watch::Receiver<Wanted>) {
        let first_wait = ms(self.config.retry_ms);
        let (mut done, mut wait) = (Wanted::default(), first_wait);
        loop {
            let next = *wanted.borrow_and_update();
            let failed = next != done && !self.bring(next.on).await;
            if failed {
                // A change of mind is worth an immediate look; otherwise wait a little longer. Not much: the scan of a
                // bluetoothd that was killed is in the way for up to 10 s, and somebody waits.
                drop(timeout(wait, wanted.changed()).await);
                wait = first_wait * 2;
                continue;
            }
            (done, wait) = (next, first_wait);
            if wanted.changed().await.is_err() {
                return;
            }
        }
    }

    async fn bring(&self, on: bool) -> bool {
        let result = if on { self.start().await } else { self.stop().await };
        match result {
            Ok(()) => _ = self.running.send_replace(on),
            Err(fault) => tracing::debug!(on, ?fault, "the scan does not change"),
        }
        self.running.borrow().eq(&on)
    }

    async fn start(&self) -> Result<(), CallFault> {
        self.stop().await?;
        self.running.send_replace(false);
        self.bus.start_discovery(&self.adapter_path).await
    }

    /// Stopped, or not running in the first place.
    async fn stop(&self) -> Result<(), CallFault> {
        match self.bus.stop_discovery(&self.adapter_path).await {
            Err(CallFault::InProgress) => {
                sleep(ms(self.config.connect_backoff_ms)).await;
                self.bus.stop_discovery(&self.adapter_path).await
            }
            Err(CallFault::Refused(_)) => Ok(()),
            result => result,
        }
    }
}
