//! The radio: the one owner of Bluetooth in this process.
//!
//! The rest of the daemon sends [`RadioCommand`]s and reads [`RadioEvent`]s, and learns nothing else of
//! Bluetooth. Two things stand behind the same pair of channels: [`btleplug`], which drives BlueZ, and
//! [`loopback`], which drives devices in memory.
//!
//! # The contract
//!
//! - **One owner.** One task holds the adapter, one task of it starts and stops the scan, one task holds
//!   each link. Nobody else in the process may open Bluetooth.
//! - **Commands never wait for the air.** They are queued and answered by events. A full command queue
//!   makes the sender wait a moment, never for longer than the owner needs to look at one command.
//! - **Events must be read.** When nobody reads, links stop forwarding and the band's flow control stops
//!   the band; nothing is dropped but [`RadioEvent::Seen`], of which only the newest per device is kept.
//! - **Each [`Connect`](RadioCommand::Connect) has one answer**: `Connected` or `ConnectFailed`. Each
//!   `Connected` is followed by one `Disconnected`, and between the two come that device's `Received`
//!   in the order of the air, also those that came just before the link ended.
//! - **Several links at once**; the scan rests while a connection is being made and goes on afterwards.
//! - **The band ends the link.** [`Disconnect`](RadioCommand::Disconnect) is the way out when it does not:
//!   it takes BlueZ about two seconds, and nobody waits for it but the `Disconnected` event.
//! - **Whatever breaks heals here.** An adapter unplugged, a killed `bluetoothd`, a restarted bus end all
//!   links (`Disconnected` each), are told once by [`RadioEvent::Adapter`], and the scan goes on by itself
//!   when they are back. Device identifiers stay valid across that.
//! - **The end**: drop the command sender. Links are closed, the scan is stopped, then the event channel
//!   ends.

pub mod btleplug;
mod config;
pub mod loopback;
pub mod presence;
pub mod rssi;

pub use config::RadioConfig;

use crate::pace::Pace;
use firmware_protocol::advertisement::Beacon;
use std::fmt;
use tokio::sync::mpsc;

/// Names a device within this radio: opaque text, the same as long as the adapter keeps its name.
pub type DeviceId = String;

/// What the daemon asks of the radio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RadioCommand {
    /// Look for bands (`true`) or stop looking. Holds until said otherwise, over every restart below.
    Scan(bool),
    /// Make a link. A device that is not known at the moment is looked for first.
    Connect(DeviceId),
    /// Write one frame to the band, without response. At most 244 bytes and what the MTU leaves.
    Write {
        /// A device with a link.
        device: DeviceId,
        /// The frame.
        frame: Vec<u8>,
    },
    /// Drop the link from this side, or give up making it.
    Disconnect(DeviceId),
    /// Forget everything the system cached of the device, after its firmware changed for instance.
    /// A link to it ends.
    ForgetCache(DeviceId),
}

/// What the radio tells the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RadioEvent {
    /// The adapter's state, at the start and at each change.
    Adapter(AdapterState),
    /// A band advertises now.
    Seen {
        /// The band.
        device: DeviceId,
        /// What it says of itself.
        beacon: Beacon,
        /// Signal strength in dBm, averaged over the last [`rssi::WINDOW`] advertisements.
        rssi_dbm: i16,
    },
    /// A band that was seen has not advertised for a while, and has no link.
    Gone {
        /// The band.
        device: DeviceId,
    },
    /// The link is made and notifications are on.
    Connected {
        /// The band.
        device: DeviceId,
        /// The ATT MTU of this link, 23 to 517.
        mtu_bytes: u16,
    },
    /// The link could not be made.
    ConnectFailed {
        /// The band.
        device: DeviceId,
        /// The last obstacle.
        cause: LinkFault,
    },
    /// The band notified one frame.
    Received {
        /// The band.
        device: DeviceId,
        /// The frame.
        frame: Vec<u8>,
    },
    /// A frame did not leave. With [`LinkFault::TooLong`] and [`LinkFault::QueueFull`] the link lives on;
    /// with the others it ends.
    WriteFailed {
        /// The band.
        device: DeviceId,
        /// Why.
        cause: LinkFault,
    },
    /// The link has ended, whoever ended it.
    Disconnected {
        /// The band.
        device: DeviceId,
    },
}

/// What the station's Bluetooth can do at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdapterState {
    /// Everything works.
    Ready {
        /// The adapter's name and make, for people.
        name: String,
    },
    /// The adapter is there but switched off. The radio never switches it on by itself.
    Off,
    /// There is no adapter, or not the configured one.
    Absent,
    /// `bluetoothd` does not run or does not answer.
    BluezDown,
    /// The system bus cannot be reached.
    BusDown,
    /// The system bus or BlueZ refuses this user.
    NoPermission,
}

impl AdapterState {
    /// A stable code for programs and logs.
    pub fn code(&self) -> &'static str {
        match self {
            AdapterState::Ready { .. } => "ready",
            AdapterState::Off => "off",
            AdapterState::Absent => "absent",
            AdapterState::BluezDown => "bluez_down",
            AdapterState::BusDown => "bus_down",
            AdapterState::NoPermission => "no_permission",
        }
    }
}

/// Everything that can go wrong with one link, each by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkFault {
    /// The adapter is not [`Ready`](AdapterState::Ready), or stopped being so.
    AdapterNotReady,
    /// The device does not advertise: out of range, switched off or busy with another station.
    NotAdvertising,
    /// There is a link to the device already, or one is being made.
    AlreadyLinked,
    /// [`RadioCommand::Disconnect`] came first.
    Cancelled,
    /// A connection attempt got no answer in time.
    ConnectTimedOut,
    /// Connection attempts failed at once, again and again.
    ConnectRefused,
    /// The link was lost before it was usable.
    LostWhileConnecting,
    /// The device's services could not be listed in time.
    DiscoveryTimedOut,
    /// The device does not have a band's service and characteristics.
    NotABand,
    /// Notifications could not be switched on.
    SubscribeFailed,
    /// There is no link to the device.
    NotConnected,
    /// The frame is longer than one value on this link.
    TooLong,
    /// Too many frames wait for this link already.
    QueueFull,
    /// A write was not taken in time.
    WriteTimedOut,
    /// A write was refused.
    WriteRefused,
}

impl LinkFault {
    /// A stable code for programs and logs.
    pub fn code(self) -> &'static str {
        match self {
            LinkFault::AdapterNotReady => "adapter_not_ready",
            LinkFault::NotAdvertising => "not_advertising",
            LinkFault::AlreadyLinked => "already_linked",
            LinkFault::Cancelled => "cancelled",
            LinkFault::ConnectTimedOut => "connect_timed_out",
            LinkFault::ConnectRefused => "connect_refused",
            LinkFault::LostWhileConnecting => "lost_while_connecting",
            LinkFault::DiscoveryTimedOut => "discovery_timed_out",
            LinkFault::NotABand => "not_a_band",
            LinkFault::SubscribeFailed => "subscribe_failed",
            LinkFault::NotConnected => "not_connected",
            LinkFault::TooLong => "too_long",
            LinkFault::QueueFull => "queue_full",
            LinkFault::WriteTimedOut => "write_timed_out",
            LinkFault::WriteRefused => "write_refused",
        }
    }
}

impl fmt::Display for LinkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The two ends the daemon holds. See the [module](self) for what may be expected of them.
#[derive(Debug)]
pub struct Radio {
    /// Commands to the radio.
    pub commands: mpsc::Sender<RadioCommand>,
    /// Events from the radio.
    pub events: mpsc::Receiver<RadioEvent>,
    /// Who uses the radio says here that something is under way.
    pub pace: Pace,
}
