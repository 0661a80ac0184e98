//! The handle on a band behind a GATT server, and what it shares with the thread that serves.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use firmware_protocol::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Notify;

use super::host;
use crate::bluez::{BandConfig, Counters, Layout};
use crate::peripheral::Peripheral;

/// Moment zero of every port of this process, so that a band may move from one port to another.
static EPOCH: LazyLock<tokio::time::Instant> = LazyLock::new(tokio::time::Instant::now);

/// Starts a band on the controller at the other end of `stream`, on a thread of its own. Of `config` the
/// signal strength is not used: that is the air's.
///
/// The stream must be usable on any runtime, as in-memory streams are; for sockets and adapters see
/// [`Endpoint`](super::Endpoint).
pub fn start<P, S>(stream: S, config: BandConfig, peripheral: P) -> HciPort<P>
where
    P: Peripheral + 'static,
    S: AsyncRead + AsyncWrite + Send + 'static,
{
    start_with(
        move || async move { Ok::<_, std::convert::Infallible>(stream) },
        config,
        peripheral,
    )
}

/// The same with a stream that `open` makes on the band's own runtime. Fails in the handle, not here.
pub(super) fn start_with<P, S, E, O, F>(open: O, config: BandConfig, peripheral: P) -> HciPort<P>
where
    P: Peripheral + 'static,
    S: AsyncRead + AsyncWrite,
    E: std::error::Error,
    O: FnOnce() -> F + Send + 'static,
    F: Future<Output = Result<S, E>>,
{
    let shared = Arc::new(Shared::new(&config, peripheral));
    let theirs = Arc::clone(&shared);
    let body = move || {
        let mut ending = Ending::new(&theirs);
        ending.end = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| error.to_string())
            .and_then(|runtime| {
                runtime.block_on(async {
                    let stream = open().await.map_err(|error| error.to_string())?;
                    host::run(&theirs, &config, stream).await
                })
            });
    };
    let thread = std::thread::Builder::new()
        .name("hci-band".to_owned())
        .spawn(body)
        .expect("the process may have another thread");
    HciPort {
        shared,
        thread: Some(thread),
    }
}

/// A band behind a GATT server. Dropping it is switching the band off: its controller falls silent, and
/// whoever is connected notices after the supervision timeout.
///
/// Methods that reach the band panic if the band's thread has panicked.
#[derive(Debug)]
pub struct HciPort<P> {
    shared: Arc<Shared<P>>,
    thread: Option<JoinHandle<()>>,
}

impl<P: Peripheral + 'static> HciPort<P> {
    /// Now, on the clock that the peripheral is given.
    pub fn now(&self) -> Instant {
        now()
    }

    /// Runs `poke` with the peripheral and the moment; what the peripheral then wants to send is sent. This
    /// is where a wearer's hands come in.
    pub fn with<R>(&self, poke: impl FnOnce(&mut P, Instant) -> R) -> R {
        let result = self.shared.with(poke);
        self.shared.wake.notify_one();
        result
    }

    /// A mute band keeps its link but answers nothing any more, and what it notifies still passes.
    pub fn set_mute(&self, mute: bool) {
        self.shared.state().mute = mute;
    }

    /// Other firmware: this is the GATT table from the next link on. A link there is ends.
    pub fn set_layout(&self, layout: Layout) {
        self.shared.state().layout = layout;
        self.disconnect();
    }

    /// The band ends its link, if it has one.
    pub fn disconnect(&self) {
        self.shared.state().disconnect = true;
        self.shared.wake.notify_one();
    }

    /// Advertising stops, or goes on. A link stays.
    pub fn set_advertising(&self, on: bool) {
        self.shared.state().advertises = on;
        self.shared.wake.notify_one();
    }

    /// What this band did so far.
    pub fn counters(&self) -> Counters {
        self.shared.state().counters
    }

    /// The MTU that both ends agreed on in the last link, in bytes, once the band knows of it.
    pub fn mtu_bytes(&self) -> Option<u16> {
        self.shared.state().mtu_bytes
    }

    /// Why the band does not work any more: the controller is gone, or does not do what a band needs.
    pub fn fault(&self) -> Option<String> {
        self.shared.even_if_poisoned().fault.clone()
    }

    /// Waits until the band is on the air for the first time; the error says why it never will be.
    pub async fn on_air(&self) -> Result<(), String> {
        self.when(|| self.shared.state().on_air.then_some(())).await
    }

    /// Waits until the band does not work any more, and says why.
    pub async fn ended(&self) -> String {
        match self.when(|| None::<std::convert::Infallible>).await {
            Err(fault) => fault,
        }
    }

    async fn when<R>(&self, condition: impl Fn() -> Option<R>) -> Result<R, String> {
        loop {
            let changed = self.shared.changed.notified();
            if let Some(result) = condition() {
                return Ok(result);
            }
            if let Some(fault) = self.fault() {
                return Err(fault);
            }
            changed.await;
        }
    }

    /// Switches the band off as dropping does, and gives the peripheral back.
    pub fn stop(mut self) -> P {
        self.join();
        let peripheral = self.shared.state().peripheral.take();
        peripheral.expect("the peripheral is taken by whoever owns the port")
    }
}

impl<P> HciPort<P> {
    fn join(&mut self) {
        self.shared.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said why.
            let _ = thread.join();
        }
    }
}

impl<P> Drop for HciPort<P> {
    fn drop(&mut self) {
        self.join();
    }
}

/// Tells of the end of the serving thread, also if it panics.
struct Ending<'a, P> {
    shared: &'a Shared<P>,
    end: Result<(), String>,
}

impl<'a, P> Ending<'a, P> {
    fn new(shared: &'a Shared<P>) -> Self {
        Self {
            shared,
            end: Err(String::from("the band's thread panicked")),
        }
    }
}

impl<P> Drop for Ending<'_, P> {
    fn drop(&mut self) {
        let end = std::mem::replace(&mut self.end, Ok(()));
        self.shared.even_if_poisoned().fault = end.err();
        self.shared.changed.notify_waiters();
    }
}

/// What the handle and the serving thread have in common.
#[derive(Debug)]
pub(super) struct Shared<P> {
    state: Mutex<State<P>>,
    /// Something changed that the serving thread should look at.
    wake: Notify,
    stop: Notify,
    /// The band came on the air, or it ended.
    changed: Notify,
}

/// Behind the lock, which nobody holds across a wait.
#[derive(Debug)]
pub(super) struct State<P> {
    /// Taken only when the serving thread is gone.
    peripheral: Option<P>,
    pub(super) layout: Layout,
    pub(super) counters: Counters,
    pub(super) mute: bool,
    pub(super) disconnect: bool,
    pub(super) link: Link,
    mtu_bytes: Option<u16>,
    advertises: bool,
    on_air: bool,
    fault: Option<String>,
}

/// Whether there is a link, and whether the peripheral was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    None,
    Unannounced,
    Announced,
}

impl<P> Shared<P> {
    fn new(config: &BandConfig, peripheral: P) -> Self {
        let state = State {
            peripheral: Some(peripheral),
            layout: config.layout.clone(),
            counters: Counters::default(),
            mute: false,
            disconnect: false,
            link: Link::None,
            mtu_bytes: None,
            advertises: true,
            on_air: false,
            fault: None,
        };
        Self {
            state: Mutex::new(state),
            wake: Notify::new(),
            stop: Notify::new(),
            changed: Notify::new(),
        }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().expect("nobody panicked with the band in hand")
    }

    /// Returns once the band is to be switched off.
    pub(super) async fn stopped(&self) {
        self.stop.notified().await;
    }

    /// The same for who only looks whether somebody panicked.
    fn even_if_poisoned(&self) -> MutexGuard<'_, State<P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The controller advertises.
    pub(super) fn on_air(&self) {
        if !std::mem::replace(&mut self.state().on_air, true) {
            self.changed.notify_waiters();
        }
    }
}

impl<P: Peripheral> Shared<P> {
    pub(super) fn with<R>(&self, poke: impl FnOnce(&mut P, Instant) -> R) -> R {
        let mut state = self.state();
        let peripheral = state.peripheral.as_mut();
        poke(peripheral.expect("there while anybody serves it"), now())
    }

    /// The advertisement of this moment, or nothing if the band is silent.
    pub(super) fn advertisement(&self) -> Option<[u8; 31]> {
        if !self.state().advertises {
            return None;
        }
        let beacon = self.with(|band, now| band.advertisement(now))?;
        self.state().counters.advertisements += 1;
        Some(beacon.advertisement())
    }

    /// A link begins: it is served by this layout to its end.
    pub(super) fn begin_link(&self) -> Layout {
        let mut state = self.state();
        (state.disconnect, state.link) = (false, Link::Unannounced);
        state.counters.connects += 1;
        state.layout.clone()
    }

    /// Tells the peripheral of the link, once.
    pub(super) fn announce(&self, mtu_bytes: u16) {
        let mut state = self.state();
        if state.link == Link::Unannounced {
            (state.link, state.mtu_bytes) = (Link::Announced, Some(mtu_bytes));
            drop(state);
            self.with(|band, now| band.connected(now, mtu_bytes));
        }
    }

    /// The link, if there is one, is gone.
    pub(super) fn end_link(&self) {
        let mut state = self.state();
        let link = std::mem::replace(&mut state.link, Link::None);
        state.counters.disconnects += u64::from(link != Link::None);
        drop(state);
        if link == Link::Announced {
            self.with(|band, now| band.disconnected(now));
        }
    }

    /// The station wrote this.
    pub(super) fn write(&self, value: &[u8]) {
        self.with(|band, now| band.write(now, value));
        self.wake.notify_one();
    }

    /// Waits for whatever comes first: `until`, a change from outside, or the peripheral's own deadline,
    /// which is served.
    pub(super) async fn tick(&self, until: Option<Instant>) {
        let deadline = self.with(|band, _| band.poll_timeout());
        let next = [until, deadline].into_iter().flatten().min();
        tokio::select! {
            () = self.wake.notified() => {}
            () = sleep_until(next) => {}
        }
        if deadline.is_some_and(|deadline| deadline <= now()) {
            self.with(|band, now| band.handle_timeout(now));
        }
    }
}

pub(super) fn now() -> Instant {
    Instant::from_micros(EPOCH.elapsed().as_micros() as u64)
}

async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(*EPOCH + Duration::from_micros(moment.as_micros())).await,
        None => std::future::pending().await,
    }
}
