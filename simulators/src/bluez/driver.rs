//! The hands of the double: one thread that owns the bus, the connection, the clock and the world.

use std::sync::mpsc;

use firmware_protocol::time::Instant;
use tokio::sync::mpsc::UnboundedReceiver;

use super::bus::PrivateBus;
use super::config::DoubleConfig;
use super::double::StartError;
use super::wire::Wire;
use super::world::World;

const NAME: &str = "org.bluez";
/// BlueZ watches for clients that leave.
const MATCHES: &str = "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'";

/// Something to do on the driver's thread.
pub(super) type Job = Box<dyn FnOnce(&mut Driver) -> Next + Send>;

/// Whether the driver goes on after a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    GoOn,
    Stop,
}

/// Owns everything and is owned by its thread.
pub(super) struct Driver {
    pub(super) bus: PrivateBus,
    pub(super) world: World,
    wire: Option<Wire>,
    /// Moment zero of the one clock.
    epoch: tokio::time::Instant,
}

/// What woke the driver.
enum Wake {
    Job(Option<Job>),
    Socket(std::io::Result<()>),
    Deadline,
}

/// Runs on a thread of its own until it is told to stop. The outcome of the start goes to `started`.
pub(super) fn run(
    config: DoubleConfig,
    jobs: UnboundedReceiver<Job>,
    started: &mpsc::Sender<Result<String, StartError>>,
) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return drop(started.send(Err(StartError::Io(error)))),
    };
    runtime.block_on(async {
        // Whoever waits for the outcome may have given up; then the jobs end as well.
        match Driver::start(config) {
            Err(error) => drop(started.send(Err(error))),
            Ok(driver) => {
                let _ = started.send(Ok(driver.bus.address()));
                driver.drive(jobs).await;
            }
        }
    });
}

impl Driver {
    fn start(config: DoubleConfig) -> Result<Self, StartError> {
        let bus = PrivateBus::start().map_err(StartError::Bus)?;
        let epoch = tokio::time::Instant::now();
        let mut driver = Self {
            bus,
            world: World::new(config),
            wire: None,
            epoch,
        };
        driver.start_bluetoothd().map_err(StartError::Io)?;
        Ok(driver)
    }

    /// Now, on the clock of every peripheral.
    pub(super) fn now(&self) -> Instant {
        Instant::from_micros(self.epoch.elapsed().as_micros() as u64)
    }

    async fn drive(mut self, mut jobs: UnboundedReceiver<Job>) {
        loop {
            self.settle();
            match self.wait(&mut jobs).await {
                Wake::Job(None) => return,
                Wake::Job(Some(job)) => {
                    if job(&mut self) == Next::Stop {
                        return;
                    }
                }
                Wake::Socket(Ok(())) => self.receive(),
                Wake::Socket(Err(_)) => self.bus_lost(),
                Wake::Deadline => {}
            }
        }
    }

    /// Lets due things happen and sends what came of them.
    fn settle(&mut self) {
        self.world.handle_timeout(self.now());
        let Some(wire) = &mut self.wire else { return };
        while let Some(message) = self.world.poll_message() {
            wire.queue(message);
        }
        if wire.flush().is_err() {
            self.bus_lost();
        }
    }

    async fn wait(&self, jobs: &mut UnboundedReceiver<Job>) -> Wake {
        let deadline = self.world.poll_timeout();
        let deadline =
            deadline.map(|deadline| self.epoch + std::time::Duration::from_micros(deadline.as_micros()));
        tokio::select! {
            job = jobs.recv() => Wake::Job(job),
            ready = ready(self.wire.as_ref()) => Wake::Socket(ready),
            () = until(deadline) => Wake::Deadline,
        }
    }

    fn receive(&mut self) {
        let now = self.now();
        let Some(wire) = &mut self.wire else { return };
        match wire.receive() {
            Ok(messages) => messages
                .into_iter()
                .for_each(|message| self.world.handle_message(now, message)),
            Err(_) => self.bus_lost(),
        }
    }

    /// bluetoothd ends when its bus does.
    fn bus_lost(&mut self) {
        self.stop_bluetoothd();
    }

    /// Kills bluetoothd: off the bus without a word.
    pub(super) fn stop_bluetoothd(&mut self) {
        self.wire = None;
        self.world.daemon_gone(self.now());
    }

    /// Starts bluetoothd unless it runs.
    pub(super) fn start_bluetoothd(&mut self) -> std::io::Result<()> {
        if self.wire.is_none() {
            self.wire = Some(Wire::connect(&self.bus.socket_path(), NAME, MATCHES)?);
            self.world.daemon_back();
            self.receive();
        }
        Ok(())
    }
}

async fn ready(wire: Option<&Wire>) -> std::io::Result<()> {
    match wire {
        Some(wire) => wire.ready().await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<tokio::time::Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
