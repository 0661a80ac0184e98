//! The station's radio in a process of its own, because BlueZ's address is a variable of the process.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use station_daemon::radio::{AdapterState, Radio, RadioCommand, RadioConfig, RadioEvent, btleplug};
use tokio::time::{Instant, timeout};

use super::VALUE_LEN;
use super::echo::{ECHO, END, FLOOD};
use crate::bench::median;
use crate::bluez::Address;

/// Links made, one after the other; the first reads the band's table and is not counted.
const LINKS: u64 = 4;
/// Round trips in each link.
const TRIPS: usize = 40;
/// Values in one flood: 160 is more than a kernel's socket holds, so that somebody must keep reading.
const FLOOD_COUNT: u16 = 160;
/// No notification for so long: there will be none.
const SILENCE: Duration = Duration::from_secs(2);
/// Longest wait for any event.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one link interval gave.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Measured {
    /// Of the median round trip.
    pub(super) trips_per_s: f64,
    pub(super) notified_bytes_per_s: f64,
    /// From the start of the scan until the link can be used, with a known table: the median.
    pub(super) connected_s: f64,
    /// Notifications that BlueZ lost, of so many.
    pub(super) lost: u64,
    pub(super) flooded: u64,
}

impl Measured {
    /// Measures the band at `address` through the BlueZ on `bus`.
    pub(super) fn of(bus: &str, address: Address) -> Result<Self> {
        let output = Command::new(std::env::current_exe()?)
            .args(["bench-link", &device(address)])
            .env("DBUS_SYSTEM_BUS_ADDRESS", bus)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(output.status.success(), "the measuring process failed");
        serde_json::from_slice(&output.stdout).context("the measuring process prints what it measured")
    }
}

/// What the radio calls the device at this address.
fn device(address: Address) -> String {
    format!("hci0/dev_{}", address.to_string().replace(':', "_"))
}

/// The measuring process: prints what it measured, as JSON.
pub fn play(device: &str) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let measured = runtime.block_on(measure(device))?;
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

async fn measure(device: &str) -> Result<Measured> {
    let mut link = Link {
        radio: btleplug::start(RadioConfig::default()),
        device: device.to_owned(),
    };
    link.until("ready", |event| {
        matches!(event, RadioEvent::Adapter(AdapterState::Ready { .. }))
    })
    .await?;
    let (mut connected, mut trips, mut floods, mut lost) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for _ in 0..LINKS {
        connected.push(link.connect().await?);
        trips.extend(link.trips().await?);
        let (rate, missing) = link.flood().await?;
        floods.push(rate);
        lost += missing;
        link.end().await?;
    }
    connected.remove(0);
    Ok(Measured {
        trips_per_s: 1.0 / median(trips),
        notified_bytes_per_s: median(floods),
        connected_s: median(connected),
        lost,
        flooded: LINKS * u64::from(FLOOD_COUNT),
    })
}

struct Link {
    radio: Radio,
    device: String,
}

impl Link {
    /// Seconds from the start of the scan until the link can be used.
    async fn connect(&mut self) -> Result<f64> {
        let start = Instant::now();
        self.order(RadioCommand::Scan(true)).await?;
        let wanted = self.device.clone();
        self.until(
            "seen",
            |event| matches!(event, RadioEvent::Seen { device, .. } if *device == wanted),
        )
        .await?;
        self.order(RadioCommand::Connect(wanted.clone())).await?;
        self.until("connected", |event| matches!(event, RadioEvent::Connected { .. }))
            .await?;
        let elapsed = start.elapsed().as_secs_f64();
        self.order(RadioCommand::Scan(false)).await?;
        Ok(elapsed)
    }

    /// What round trips take, in seconds.
    async fn trips(&mut self) -> Result<Vec<f64>> {
        let mut times = Vec::new();
        for _ in 0..TRIPS {
            let start = Instant::now();
            self.write(vec![ECHO; 20]).await?;
            self.until("echo", |event| matches!(event, RadioEvent::Received { .. }))
                .await?;
            times.push(start.elapsed().as_secs_f64());
        }
        Ok(times)
    }

    /// Bytes per second, from the first value that arrives to the last, and how many did not arrive: a kernel
    /// drops what bluetoothd does not read in time.
    async fn flood(&mut self) -> Result<(f64, u64)> {
        let [low, high] = FLOOD_COUNT.to_le_bytes();
        self.write(vec![FLOOD, low, high]).await?;
        let (mut arrivals, mut bytes) = (Vec::new(), 0);
        while arrivals.len() < usize::from(FLOOD_COUNT) {
            match timeout(SILENCE, self.radio.events.recv()).await {
                Ok(Some(RadioEvent::Received { frame, .. })) => {
                    arrivals.push(Instant::now());
                    bytes += frame.len();
                }
                Ok(Some(_)) => {}
                Ok(None) => bail!("the radio has ended"),
                Err(_) => break,
            }
        }
        let [first, .., last] = arrivals[..] else {
            bail!("{} of {FLOOD_COUNT} notifications arrived", arrivals.len())
        };
        let rate = (bytes - VALUE_LEN) as f64 / (last - first).as_secs_f64();
        Ok((rate, u64::from(FLOOD_COUNT) - arrivals.len() as u64))
    }

    /// The band ends the link.
    async fn end(&mut self) -> Result<()> {
        self.write(vec![END]).await?;
        self.until("disconnected", |event| {
            matches!(event, RadioEvent::Disconnected { .. })
        })
        .await
    }

    async fn write(&mut self, frame: Vec<u8>) -> Result<()> {
        let device = self.device.clone();
        self.order(RadioCommand::Write { device, frame }).await
    }

    async fn order(&mut self, command: RadioCommand) -> Result<()> {
        self.radio
            .commands
            .send(command)
            .await
            .ok()
            .context("the radio has ended")
    }

    async fn until(&mut self, what: &str, fits: impl Fn(&RadioEvent) -> bool) -> Result<()> {
        let wait = async {
            loop {
                match self.radio.events.recv().await.context("the radio has ended")? {
                    event if fits(&event) => return Ok(()),
                    RadioEvent::ConnectFailed { cause, .. } | RadioEvent::WriteFailed { cause, .. } => {
                        bail!("{cause} instead of {what}")
                    }
                    RadioEvent::Disconnected { .. } => bail!("the link was lost instead of {what}"),
                    _ => {}
                }
            }
        };
        timeout(PATIENCE, wait)
            .await
            .with_context(|| format!("waited in vain for {what}"))?
    }
}
