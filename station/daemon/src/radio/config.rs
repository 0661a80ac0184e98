//! The radio's settings.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The radio's settings. The defaults suit BlueZ on a kiosk; tests shorten the times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RadioConfig {
    /// The adapter to use, `hci0` for instance. None: the first one there is.
    pub adapter: Option<String>,
    /// One connection attempt, until BlueZ has listed the services. BlueZ itself would wait 30 s.
    pub connect_timeout_ms: u64,
    /// Connection attempts before giving up; random failures of real radios are cured by the next one.
    pub connect_attempts_max: u32,
    /// The wait before the second attempt; doubles with each further one.
    pub connect_backoff_ms: u64,
    /// All attempts together, with all waits.
    pub connect_total_ms: u64,
    /// Links being made at the same time; further ones wait.
    pub connect_parallel_max: usize,
    /// The wait for an advertisement of a device that is not known or did not answer.
    pub rescan_timeout_ms: u64,
    /// Reading the list of services and characteristics.
    pub discover_timeout_ms: u64,
    /// One write or subscription.
    pub exchange_timeout_ms: u64,
    /// Dropping a link from this side. BlueZ takes 2 to 4 s.
    pub disconnect_timeout_ms: u64,
    /// Any other call to BlueZ: adapter state, scan, properties.
    pub call_timeout_ms: u64,
    /// How often a link without traffic is asked whether it still is one.
    pub link_check_ms: u64,
    /// How often BlueZ is asked whether it still is there.
    pub ping_interval_ms: u64,
    /// The wait before the bus or BlueZ is tried again after a failure; doubles up to `ping_interval_ms`.
    pub retry_ms: u64,
    /// A band that has not advertised for so long is gone.
    pub presence_timeout_ms: u64,
    /// A band that goes on saying the same is reported once in so long.
    pub seen_interval_ms: u64,
    /// The scan is started over, once, when bands are present and none was heard for so long: some adapters report a
    /// band once per scan.
    pub rescan_hush_ms: u64,
    /// The scan is started over whenever nothing was heard for so long: BlueZ may say that it scans and not do it.
    pub rescan_silence_ms: u64,
    /// Calls to BlueZ at the same time. The bus answers a few hundred with errors.
    pub calls_in_flight_max: usize,
    /// Length of the command queue.
    pub command_queue_len: usize,
    /// Length of the event queue.
    pub event_queue_len: usize,
    /// Frames that may wait for one link.
    pub frame_queue_len: usize,
    /// Take part in pairing as an agent without keyboard and display. Newer BlueZ may want one to be there.
    pub agent: bool,
}

impl Default for RadioConfig {
    fn default() -> Self {
        Self {
            adapter: None,
            connect_timeout_ms: 6_000,
            connect_attempts_max: 4,
            connect_backoff_ms: 150,
            connect_total_ms: 20_000,
            connect_parallel_max: 8,
            rescan_timeout_ms: 5_000,
            discover_timeout_ms: 4_000,
            exchange_timeout_ms: 3_000,
            disconnect_timeout_ms: 5_000,
            call_timeout_ms: 3_000,
            link_check_ms: 5_000,
            ping_interval_ms: 5_000,
            retry_ms: 500,
            presence_timeout_ms: 5_000,
            seen_interval_ms: 250,
            rescan_hush_ms: 1_500,
            rescan_silence_ms: 30_000,
            calls_in_flight_max: 32,
            command_queue_len: 64,
            event_queue_len: 256,
            frame_queue_len: 64,
            agent: true,
        }
    }
}

/// A setting in milliseconds as a duration.
pub(super) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
