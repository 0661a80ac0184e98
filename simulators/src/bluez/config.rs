//! What a double can be told before and while it runs.

use std::time::Duration;

use super::address::Address;
use super::layout::Layout;
use super::link::Pace;

/// Settings of the whole double. The defaults are what BlueZ 5.66 was measured to do, on a link without
/// an air time of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoubleConfig {
    /// Seed of every random choice: advertising delay, noise of the signal strength.
    pub seed: u64,
    /// Pace of links made from now on.
    pub pace: Pace,
    /// MTU that the station's side offers, in bytes: 23 to 517.
    pub mtu_bytes_max: u16,
    /// Devices that were only seen are forgotten so long after their last advertisement.
    pub temporary_timeout: Duration,
    /// What BlueZ waits before it drops a link that the station no longer wants.
    pub disconnect_delay: Duration,
    /// How long both ends need to notice that the link is lost.
    pub supervision_timeout: Duration,
    /// How long BlueZ waits for the answer to an ATT request before it gives the link up.
    pub att_timeout: Duration,
    /// ATT exchanges between link and resolved services when the band's table is not known.
    pub exchanges_first: u32,
    /// The same when the table is known from before.
    pub exchanges_cached: u32,
    /// BlueZ lets the adapter scan for so long at a time, with pauses of half of it. When bluetoothd is killed the scan goes
    /// on to its end in the kernel, and no other begins before.
    pub scan_length: Duration,
    /// Smallest change of signal strength that is signalled, in dB.
    pub rssi_threshold_db: u16,
    /// Signal strength varies by up to so much around a band's own, in dB.
    pub rssi_noise_db: u16,
    /// Devices once connected come back when bluetoothd restarts or the adapter returns, as with a disk
    /// under /var/lib/bluetooth.
    pub remembers_devices: bool,
    /// The adapter reports each device once per scan, whatever it advertises later: what the specification says of
    /// dropping doubles. Most adapters report again when the data has changed.
    pub drops_doubles: bool,
}

impl Default for DoubleConfig {
    fn default() -> Self {
        let pace = Pace {
            interval: Duration::ZERO,
            packets_per_event: 6,
            packet_len_max: 251,
        };
        Self {
            seed: 1,
            pace,
            mtu_bytes_max: 517,
            temporary_timeout: Duration::from_secs(30),
            disconnect_delay: Duration::from_secs(2),
            supervision_timeout: Duration::from_millis(420),
            att_timeout: Duration::from_secs(30),
            exchanges_first: 16,
            exchanges_cached: 8,
            scan_length: Duration::from_millis(10_240),
            rssi_threshold_db: 8,
            rssi_noise_db: 3,
            remembers_devices: false,
            drops_doubles: false,
        }
    }
}

/// One band on the air.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BandConfig {
    /// Its address; no two bands of a double share one.
    pub address: Address,
    /// Mean signal strength at the adapter.
    pub rssi_dbm: i16,
    /// MTU that the band offers, in bytes: 23 to 517.
    pub mtu_bytes_max: u16,
    /// Time between advertisements; up to 10 ms are added at random, as the standard demands.
    pub advertising_interval: Duration,
    /// Device name, readable once connected. The advertisement has no room for it.
    pub name: Option<String>,
    /// What it offers.
    pub layout: Layout,
}

impl BandConfig {
    /// A band that answers to everything, 100 ms between advertisements, MTU 247.
    pub fn new(address: Address, rssi_dbm: i16) -> Self {
        Self {
            address,
            rssi_dbm,
            mtu_bytes_max: 247,
            advertising_interval: Duration::from_millis(100),
            name: Some("Band".to_owned()),
            layout: Layout::default(),
        }
    }
}

/// What happens to a method call instead of its usual answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// This D-Bus error is the answer; nothing else happens.
    Error {
        /// Such as "org.bluez.Error.Failed".
        name: String,
        /// For people.
        text: String,
    },
    /// Nothing happens and nobody answers.
    NoReply,
    /// The call takes effect but the answer is lost.
    LostReply,
}

/// How often things happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Advertisements sent.
    pub advertisements: u64,
    /// Times that a client began to scan.
    pub scans: u64,
    /// Links made.
    pub connects: u64,
    /// Links ended, for whatever reason.
    pub disconnects: u64,
    /// Times that the whole GATT table was read.
    pub discoveries: u64,
    /// Times that the table was known from before.
    pub discoveries_saved: u64,
    /// ATT requests that got their answer: discovery, subscriptions, reads, writes with response.
    pub att_exchanges: u64,
    /// Write requests that arrived at the band.
    pub write_requests: u64,
    /// Write commands (without response) that arrived at the band.
    pub write_commands: u64,
    /// Notifications that arrived at the station.
    pub notifications: u64,
    /// Bytes of values written.
    pub bytes_to_band: u64,
    /// Bytes of values notified.
    pub bytes_to_station: u64,
    /// Values that were dropped: over 512 bytes, notified to nobody, or lost by arrangement.
    pub dropped: u64,
}

impl std::ops::AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        self.advertisements += other.advertisements;
        self.scans += other.scans;
        self.connects += other.connects;
        self.disconnects += other.disconnects;
        self.discoveries += other.discoveries;
        self.discoveries_saved += other.discoveries_saved;
        self.att_exchanges += other.att_exchanges;
        self.write_requests += other.write_requests;
        self.write_commands += other.write_commands;
        self.notifications += other.notifications;
        self.bytes_to_band += other.bytes_to_band;
        self.bytes_to_station += other.bytes_to_station;
        self.dropped += other.dropped;
    }
}
