//! One task per link: connect, find the characteristics, switch notifications on, carry frames, notice
//! the end.
//!
//! BlueZ is not to be trusted with any of it: it waits 30 s for a band that left and keeps trying when we
//! no longer do, its notification stream stays silent for ever after the link is gone, and it takes two
//! seconds to drop a link. So every step has our own limit, every failed attempt is undone by
//! `disconnect()`, the end comes from the adapter's events (checked once, since they may be late) and
//! from a question now and then, and the band is expected to end the link itself.

use super::agent::Agent;
use super::bus::Bus;
use super::calls::{CallFault, Calls};
use super::quiet::QuietStream;
use crate::radio::config::ms;
use crate::radio::{DeviceId, LinkFault, RadioConfig, RadioEvent};
use btleplug::api::{Central, CharPropFlags, Characteristic, Peripheral as _, ValueNotification, WriteType};
use btleplug::platform::{Adapter, Peripheral, PeripheralId};
use firmware_protocol::gatt;
use futures_util::{FutureExt, StreamExt};
use std::sync::Arc;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

/// What a link needs of the adapter it runs on.
#[derive(Clone)]
pub(super) struct Air {
    pub(super) adapter: Adapter,
    pub(super) bus: Arc<Bus>,
    pub(super) agent: Agent,
    pub(super) calls: Calls,
    pub(super) config: Arc<RadioConfig>,
    pub(super) connects: Arc<Semaphore>,
    pub(super) scanning: watch::Receiver<bool>,
    pub(super) events: mpsc::Sender<RadioEvent>,
}

/// What the owner tells a link, as counters: a late reader misses nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Signals {
    /// BlueZ's name for the device, once it was seen.
    pub(super) known: Option<PeripheralId>,
    /// Advertisements heard while listening for this device.
    pub(super) advertisements: u64,
    /// The last event of the adapter about this device was "connected".
    pub(super) up: bool,
    /// "Connected" events so far.
    pub(super) ups: u64,
    /// "Disconnected" events so far.
    pub(super) downs: u64,
    /// Somebody wants the link closed.
    pub(super) close: bool,
    /// The adapter is gone, and everything with it.
    pub(super) adapter_lost: bool,
}

/// Where a link stands, as far as the scan is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waits for an advertisement: the scan must run.
    Listening,
    /// Makes the connection: the scan must rest.
    Connecting,
    /// Carries frames: the scan may run.
    Linked,
}

/// What a link tells the owner.
#[derive(Debug)]
pub(super) enum LinkNote {
    /// Where it stands now.
    Phase(Phase),
    /// It is over; the event says how.
    Ended(RadioEvent),
}

/// A link's task.
pub(super) struct Link {
    pub(super) device: DeviceId,
    pub(super) air: Air,
    pub(super) signals: watch::Receiver<Signals>,
    pub(super) frames: mpsc::Receiver<Vec<u8>>,
    pub(super) notes: mpsc::UnboundedSender<(DeviceId, LinkNote)>,
    /// Whom to disconnect if this does not work out.
    pub(super) touched: Option<Peripheral>,
}

struct Open {
    peripheral: Peripheral,
    write_to: Characteristic,
    notifications: Notifications,
    mtu_bytes: u16,
    /// "Disconnected" events before the attempt that succeeded.
    downs: u64,
}

enum End {
    /// The link is gone.
    Lost,
    /// The link is there and has to go.
    Unwanted,
}

/// What helps after a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Remedy {
    Wait,
    Listen,
    Forget,
    GiveUp,
}

fn remedy(fault: LinkFault, forgotten: bool) -> Remedy {
    match fault {
        LinkFault::ConnectRefused | LinkFault::LostWhileConnecting | LinkFault::SubscribeFailed => {
            Remedy::Wait
        }
        LinkFault::ConnectTimedOut | LinkFault::NotAdvertising => Remedy::Listen,
        // The list of services may come from a cache that is older than the band's firmware.
        LinkFault::DiscoveryTimedOut | LinkFault::NotABand if !forgotten => Remedy::Forget,
        LinkFault::DiscoveryTimedOut => Remedy::Wait,
        _ => Remedy::GiveUp,
    }
}

impl Link {
    /// Runs the link from the first attempt to the end.
    pub(super) async fn run(mut self) {
        let device = self.device.clone();
        let last = match self.establish().await {
            Ok(open) => {
                self.serve(open).await;
                RadioEvent::Disconnected { device }
            }
            Err(cause) => RadioEvent::ConnectFailed { device, cause },
        };
        self.air.agent.set_linked(&object_path(&self.device), false);
        self.note(LinkNote::Ended(last));
    }

    async fn establish(&mut self) -> Result<Open, LinkFault> {
        let interrupted = interrupted(self.signals.clone());
        let total = ms(self.air.config.connect_total_ms);
        let result = tokio::select! {
            biased;
            fault = interrupted => Err(fault),
            result = self.attempts() => result,
            () = sleep(total) => Err(LinkFault::ConnectTimedOut),
        };
        if result.is_err() {
            self.undo().await;
        }
        result
    }

    async fn attempts(&mut self) -> Result<Open, LinkFault> {
        let mut wait = ms(self.air.config.connect_backoff_ms);
        let mut forgotten = false;
        let mut attempt = 0;
        loop {
            let fault = match self.attempt().await {
                Ok(open) => return Ok(open),
                Err(fault) => fault,
            };
            self.undo().await;
            attempt += 1;
            let remedy = remedy(fault, forgotten);
            tracing::debug!(device = self.device, %fault, attempt, ?remedy, "no link");
            if attempt >= self.air.config.connect_attempts_max || remedy == Remedy::GiveUp {
                return Err(fault);
            }
            match remedy {
                Remedy::Wait => sleep(wait).await,
                Remedy::Forget => {
                    forgotten = true;
                    self.forget().await;
                    self.listen().await?;
                }
                _ => self.listen().await?,
            }
            wait *= 2;
        }
    }

    async fn attempt(&mut self) -> Result<Open, LinkFault> {
        let peripheral = self.look_up().await?;
        self.note(LinkNote::Phase(Phase::Connecting));
        let air = self.air.clone();
        let _permit = air.connects.acquire().await;
        let mut scanning = air.scanning.clone();
        drop(
            timeout(
                ms(air.config.call_timeout_ms),
                scanning.wait_for(|scanning| !scanning),
            )
            .await,
        );
        air.agent.set_linked(&object_path(&self.device), true);
        self.touched = Some(peripheral.clone());
        let mut signals = self.signals.clone();
        let (ups, downs) = (signals.borrow().ups, signals.borrow().downs);
        tokio::select! {
            result = open(&air, peripheral, downs) => result,
            _ = signals.wait_for(|signals| signals.ups > ups && !signals.up) => Err(LinkFault::LostWhileConnecting),
        }
    }

    /// A new handle each time: one from before an adapter was unplugged answers with errors.
    async fn look_up(&self) -> Result<Peripheral, LinkFault> {
        let known = self.signals.borrow().known.clone();
        let id = known.ok_or(LinkFault::NotAdvertising)?;
        let limit = ms(self.air.config.call_timeout_ms);
        self.air
            .calls
            .run(limit, self.air.adapter.peripheral(&id))
            .await
            .map_err(|fault| match fault {
                CallFault::NotFound => LinkFault::NotAdvertising,
                CallFault::TimedOut => LinkFault::ConnectTimedOut,
                _ => LinkFault::AdapterNotReady,
            })
    }

    /// Waits for a fresh advertisement. Only the time in which the scan runs counts.
    async fn listen(&mut self) -> Result<(), LinkFault> {
        self.note(LinkNote::Phase(Phase::Listening));
        let (mut signals, mut scanning) = (self.signals.clone(), self.air.scanning.clone());
        let before = signals.borrow().advertisements;
        let mut left = ms(self.air.config.rescan_timeout_ms);
        loop {
            // Without a scanner there is no adapter, and the link is interrupted anyway.
            let scans = scanning.wait_for(|scanning| *scanning).await.is_ok();
            let begun = Instant::now();
            tokio::select! {
                _ = signals.wait_for(|signals| signals.advertisements > before) => return Ok(()),
                _ = scanning.wait_for(|scanning| !scanning), if scans => {}
                () = sleep(left) => return Err(LinkFault::NotAdvertising),
            }
            left = left.saturating_sub(begun.elapsed());
        }
    }

    async fn forget(&self) {
        if let Err(fault) = self.air.bus.remove_device(&object_path(&self.device)).await {
            tracing::debug!(device = self.device, ?fault, "the system forgets nothing");
        }
    }

    /// Takes back what an attempt began: BlueZ goes on trying long after we stopped waiting.
    async fn undo(&mut self) {
        let Some(peripheral) = self.touched.take() else {
            return;
        };
        self.air.agent.set_linked(&object_path(&self.device), false);
        if self.signals.borrow().adapter_lost {
            return;
        }
        disconnect(&self.air, &peripheral).await;
    }

    async fn serve(&mut self, mut open: Open) {
        let (device, mtu_bytes) = (self.device.clone(), open.mtu_bytes);
        self.note(LinkNote::Phase(Phase::Linked));
        if self
            .air
            .events
            .send(RadioEvent::Connected { device, mtu_bytes })
            .await
            .is_err()
        {
            return disconnect(&self.air, &open.peripheral).await;
        }
        let interrupted = interrupted(self.signals.clone());
        let lost = lost(
            self.air.clone(),
            open.peripheral.clone(),
            self.signals.clone(),
            open.downs,
        );
        let end = tokio::select! {
            biased;
            fault = interrupted => if fault == LinkFault::Cancelled { End::Unwanted } else { End::Lost },
            end = self.write_frames(&open.peripheral, &open.write_to, open.mtu_bytes) => end,
            () = open.notifications.forward() => End::Unwanted,
            () = lost => End::Lost,
        };
        match end {
            End::Lost => open.notifications.drain().await,
            End::Unwanted => disconnect(&self.air, &open.peripheral).await,
        }
    }

    async fn write_frames(&mut self, peripheral: &Peripheral, to: &Characteristic, mtu_bytes: u16) -> End {
        let len_max = gatt::value_len(mtu_bytes);
        while let Some(frame) = self.frames.recv().await {
            let cause = if frame.len() > len_max {
                LinkFault::TooLong
            } else {
                let write = peripheral.write(to, &frame, WriteType::WithoutResponse);
                let limit = ms(self.air.config.exchange_timeout_ms);
                match self.air.calls.run(limit, write).await {
                    Ok(()) => continue,
                    Err(CallFault::TimedOut) => LinkFault::WriteTimedOut,
                    Err(CallFault::NotConnected | CallFault::NotFound) => LinkFault::NotConnected,
                    Err(_) => LinkFault::WriteRefused,
                }
            };
            let device = self.device.clone();
            drop(
                self.air
                    .events
                    .send(RadioEvent::WriteFailed { device, cause })
                    .await,
            );
            if cause != LinkFault::TooLong {
                return End::Unwanted;
            }
        }
        End::Unwanted
    }

    fn note(&self, note: LinkNote) {
        drop(self.notes.send((self.device.clone(), note)));
    }
}

/// Connects, finds the two characteristics, reads the MTU (right only now) and subscribes.
async fn open(air: &Air, peripheral: Peripheral, downs: u64) -> Result<Open, LinkFault> {
    let (calls, config) = (&air.calls, &air.config);
    let limit = ms(config.exchange_timeout_ms);
    // Asking the bus for the band's signals takes several calls, which need no link: they cost nothing beside it.
    let connecting = calls.run(ms(config.connect_timeout_ms), peripheral.connect());
    let listening = async {
        let stream = calls.run(limit, peripheral.notifications()).await;
        stream.map(|stream| QuietStream::new(stream, air.bus.retirement()))
    };
    let (connected, listening) = tokio::join!(connecting, listening);
    connected.map_err(connect_fault)?;
    let notifications = Notifications {
        device: super::device_id(&peripheral.id()),
        stream: listening.map_err(|_| LinkFault::SubscribeFailed)?,
        events: air.events.clone(),
        held: None,
    };
    let discovering = peripheral.discover_services();
    calls
        .run(ms(config.discover_timeout_ms), discovering)
        .await
        .map_err(discovery_fault)?;
    let write_to = characteristic(
        &peripheral,
        gatt::STATION_TO_BAND,
        CharPropFlags::WRITE_WITHOUT_RESPONSE,
    )?;
    let notify_from = characteristic(&peripheral, gatt::BAND_TO_STATION, CharPropFlags::NOTIFY)?;
    calls
        .run(limit, peripheral.subscribe(&notify_from))
        .await
        .map_err(|_| LinkFault::SubscribeFailed)?;
    let mtu_bytes = peripheral.mtu();
    Ok(Open {
        peripheral,
        write_to,
        notifications,
        mtu_bytes,
        downs,
    })
}

fn connect_fault(fault: CallFault) -> LinkFault {
    match fault {
        CallFault::TimedOut => LinkFault::ConnectTimedOut,
        CallFault::NotFound => LinkFault::NotAdvertising,
        CallFault::BluezDown | CallFault::BusDown | CallFault::NoPermission => LinkFault::AdapterNotReady,
        _ => LinkFault::ConnectRefused,
    }
}

fn discovery_fault(fault: CallFault) -> LinkFault {
    match fault {
        CallFault::TimedOut => LinkFault::DiscoveryTimedOut,
        CallFault::NotFound | CallFault::NotConnected => LinkFault::LostWhileConnecting,
        CallFault::BluezDown | CallFault::BusDown | CallFault::NoPermission => LinkFault::AdapterNotReady,
        _ => LinkFault::NotABand,
    }
}

fn characteristic(
    peripheral: &Peripheral,
    uuid: gatt::Uuid,
    property: CharPropFlags,
) -> Result<Characteristic, LinkFault> {
    let (service, uuid) = (Uuid::from_u128(gatt::SERVICE), Uuid::from_u128(uuid));
    let wanted =
        |c: &Characteristic| c.service_uuid == service && c.uuid == uuid && c.properties.contains(property);
    peripheral
        .characteristics()
        .into_iter()
        .find(wanted)
        .ok_or(LinkFault::NotABand)
}

/// Drops a link from this side; takes seconds.
pub(super) async fn disconnect(air: &Air, peripheral: &Peripheral) {
    let limit = ms(air.config.disconnect_timeout_ms);
    if let Err(fault) = air.calls.run(limit, peripheral.disconnect()).await {
        tracing::debug!(?fault, "no disconnect");
    }
}

/// Comes back when the link was closed by command or lost its adapter.
async fn interrupted(mut signals: watch::Receiver<Signals>) -> LinkFault {
    match signals
        .wait_for(|signals| signals.close || signals.adapter_lost)
        .await
    {
        Ok(signals) if signals.adapter_lost => LinkFault::AdapterNotReady,
        _ => LinkFault::Cancelled,
    }
}

/// Comes back when the link is lost. "Disconnected" events may belong to an earlier attempt, and may
/// never come: both are settled by asking.
async fn lost(air: Air, peripheral: Peripheral, mut signals: watch::Receiver<Signals>, mut downs: u64) {
    loop {
        let down = signals.wait_for(|signals| signals.downs > downs);
        drop(timeout(ms(air.config.link_check_ms), down).await);
        downs = signals.borrow().downs;
        let linked = air
            .calls
            .run(ms(air.config.call_timeout_ms), peripheral.is_connected())
            .await;
        if linked != Ok(true) {
            return;
        }
    }
}

/// BlueZ's object path of a device.
pub(super) fn object_path(device: &str) -> String {
    format!("/org/bluez/{device}")
}

/// Frames on their way from the band to the event queue.
struct Notifications {
    device: DeviceId,
    stream: QuietStream<ValueNotification>,
    events: mpsc::Sender<RadioEvent>,
    /// Taken from the stream and not yet queued; survives a cancelled [`forward`](Self::forward).
    held: Option<Vec<u8>>,
}

impl Notifications {
    async fn forward(&mut self) {
        loop {
            if self.held.is_none() {
                let Some(notification) = self.stream.next().await else {
                    return;
                };
                self.held = frame(notification);
                continue;
            }
            let Ok(permit) = self.events.reserve().await else {
                return;
            };
            let frame = self.held.take().unwrap_or_default();
            permit.send(RadioEvent::Received {
                device: self.device.clone(),
                frame,
            });
        }
    }

    /// Forwards what arrived before the link ended and waits for nothing more.
    async fn drain(&mut self) {
        loop {
            if let Some(frame) = self.held.take() {
                let received = RadioEvent::Received {
                    device: self.device.clone(),
                    frame,
                };
                drop(self.events.send(received).await);
            }
            let Some(Some(notification)) = self.stream.next().now_or_never() else {
                return;
            };
            self.held = frame(notification);
        }
    }
}

/// Reads show up as notifications too; only the band's own characteristic carries frames.
fn frame(notification: ValueNotification) -> Option<Vec<u8>> {
    let from = (notification.service_uuid.as_u128(), notification.uuid.as_u128());
    (from == (gatt::SERVICE, gatt::BAND_TO_STATION)).then_some(notification.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_its_remedy() {
        let rows = [
            (LinkFault::ConnectRefused, false, Remedy::Wait),
            (LinkFault::LostWhileConnecting, false, Remedy::Wait),
            (LinkFault::SubscribeFailed, true, Remedy::Wait),
            (LinkFault::ConnectTimedOut, false, Remedy::Listen),
            (LinkFault::NotAdvertising, false, Remedy::Listen),
            (LinkFault::NotABand, false, Remedy::Forget),
            (LinkFault::NotABand, true, Remedy::GiveUp),
            (LinkFault::DiscoveryTimedOut, false, Remedy::Forget),
            (LinkFault::DiscoveryTimedOut, true, Remedy::Wait),
            (LinkFault::AdapterNotReady, false, Remedy::GiveUp),
        ];
        for (fault, forgotten, expected) in rows {
            assert_eq!(remedy(fault, forgotten), expected, "{fault} {forgotten}");
        }
    }

    #[test]
    fn only_the_bands_own_characteristic_carries_frames() {
        let check = |service, uuid, expected: Option<Vec<u8>>| {
            let (uuid, service_uuid) = (Uuid::from_u128(uuid), Uuid::from_u128(service));
            assert_eq!(
                frame(ValueNotification {
                    uuid,
                    service_uuid,
                    value: vec![1]
                }),
                expected
            );
        };
        check(gatt::SERVICE, gatt::BAND_TO_STATION, Some(vec![1]));
        check(gatt::SERVICE, gatt::INFO, None);
        check(gatt::INFO, gatt::BAND_TO_STATION, None);
    }
}
