//! The process that holds the radio.

use firmware_protocol::advertisement::Beacon;
use serde::{Deserialize, Serialize};
use station_daemon::radio::{RadioCommand, RadioConfig, RadioEvent, btleplug};
use std::io::{BufRead, Write};
use std::path::Path;
use tokio::sync::mpsc;

/// Set for the child: its radio's configuration.
pub(crate) const CONFIG: &str = "BANDSTAND_TEST_RADIO";
/// How the test runner finds [`play`].
pub(crate) const TEST_NAME: &str = "child::play";

/// A command on the child's standard input.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    Scan(bool),
    Connect(String),
    Write(String, Vec<u8>),
    Disconnect(String),
    Forget(String),
    /// Asks for an [`Told::Ticks`].
    CountTicks,
}

/// An event on the child's standard output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Told {
    Adapter(String),
    Seen {
        device: String,
        rssi_dbm: i16,
        worn: bool,
        battery_percent: u8,
    },
    Gone(String),
    Connected {
        device: String,
        mtu_bytes: u16,
    },
    ConnectFailed {
        device: String,
        cause: String,
    },
    Received {
        device: String,
        frame: Vec<u8>,
    },
    WriteFailed {
        device: String,
        cause: String,
    },
    Disconnected(String),
    /// Voluntary context switches of the process so far: how often it slept and was woken.
    Ticks(u64),
    /// The event channel has ended.
    End,
}

/// Not a test of its own: the station's process, when a test asks for it.
#[test]
fn play() {
    let Ok(config) = std::env::var(CONFIG) else { return };
    let config: RadioConfig = serde_json::from_str(&config).expect("the parent wrote it");
    // A task that panics would otherwise only be missed.
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::abort();
    }));
    // The test runner has begun a line.
    println!();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(run(config));
}

async fn run(config: RadioConfig) {
    let mut radio = btleplug::start(config);
    let mut orders = orders();
    let mut commands = Some(radio.commands);
    loop {
        tokio::select! {
            order = orders.recv(), if commands.is_some() => match order.map(command) {
                Some(Some(command)) => {
                    let commands = commands.as_ref().expect("checked above");
                    commands.send(command).await.expect("the radio runs");
                }
                Some(None) => say(&Told::Ticks(ticks())),
                None => commands = None,
            },
            event = radio.events.recv() => match event {
                Some(event) => say(&told(event)),
                None => return say(&Told::End),
            },
        }
    }
}

fn orders() -> mpsc::UnboundedReceiver<Order> {
    let (sender, receiver) = mpsc::unbounded_channel();
    let read = move || {
        for line in std::io::stdin().lock().lines() {
            let order = serde_json::from_str(&line.expect("readable input")).expect("the parent wrote it");
            sender.send(order).expect("the child runs");
        }
    };
    std::thread::spawn(read);
    receiver
}

fn say(told: &Told) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(told).expect("plain data")).expect("the parent listens");
    out.flush().expect("the parent listens");
}

fn ticks() -> u64 {
    let threads = std::fs::read_dir("/proc/self/task").expect("Linux");
    threads
        .map(|thread| ticks_of(&thread.expect("a thread").path()))
        .sum()
}

fn ticks_of(thread: &Path) -> u64 {
    // A thread that has ended meanwhile counts nothing.
    let status = std::fs::read_to_string(thread.join("status")).unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
}

fn command(order: Order) -> Option<RadioCommand> {
    match order {
        Order::Scan(on) => Some(RadioCommand::Scan(on)),
        Order::Connect(device) => Some(RadioCommand::Connect(device)),
        Order::Write(device, frame) => Some(RadioCommand::Write { device, frame }),
        Order::Disconnect(device) => Some(RadioCommand::Disconnect(device)),
        Order::Forget(device) => Some(RadioCommand::ForgetCache(device)),
        Order::CountTicks => None,
    }
}

fn told(event: RadioEvent) -> Told {
    match event {
        RadioEvent::Adapter(state) => Told::Adapter(state.code().to_owned()),
        RadioEvent::Seen {
            device,
            beacon,
            rssi_dbm,
        } => {
            let Beacon {
                worn,
                battery_percent,
                ..
            } = beacon;
            Told::Seen {
                device,
                rssi_dbm,
                worn,
                battery_percent,
            }
        }
        RadioEvent::Gone { device } => Told::Gone(device),
        RadioEvent::Connected { device, mtu_bytes } => Told::Connected { device, mtu_bytes },
        RadioEvent::ConnectFailed { device, cause } => Told::ConnectFailed {
            device,
            cause: cause.code().to_owned(),
        },
        RadioEvent::Received { device, frame } => Told::Received { device, frame },
        RadioEvent::WriteFailed { device, cause } => Told::WriteFailed {
            device,
            cause: cause.code().to_owned(),
        },
        RadioEvent::Disconnected { device } => Told::Disconnected(device),
    }
}
