//! The parent's side: a double, and a station process that is told and asked.

use crate::child::{CONFIG, Order, TEST_NAME, Told};
use crate::echo::Echo;
use simulators::bluez::{Address, BandConfig, BandPort, Double, DoubleConfig};
use station_daemon::radio::RadioConfig;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A test that hears nothing for so long has failed.
const WATCHDOG: Duration = Duration::from_secs(30);

/// Short waits, so that the tests take seconds.
pub(crate) fn quick() -> RadioConfig {
    RadioConfig {
        connect_timeout_ms: 1_500,
        connect_backoff_ms: 20,
        connect_total_ms: 15_000,
        rescan_timeout_ms: 700,
        discover_timeout_ms: 1_500,
        exchange_timeout_ms: 1_000,
        call_timeout_ms: 1_000,
        link_check_ms: 1_000,
        ping_interval_ms: 1_000,
        retry_ms: 100,
        presence_timeout_ms: 1_000,
        ..RadioConfig::default()
    }
}

/// An air on which BlueZ drops links ten times as fast as it really does.
pub(crate) fn air() -> DoubleConfig {
    DoubleConfig {
        disconnect_delay: Duration::from_millis(200),
        scan_length: Duration::from_millis(1000),
        ..DoubleConfig::default()
    }
}

/// Starts a double, or says that this machine cannot.
pub(crate) fn double(config: DoubleConfig) -> Option<Double> {
    match Double::start(config) {
        Ok(double) => Some(double),
        Err(error) if error.is_not_installed() => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Puts an echoing band on the air.
pub(crate) fn band(double: &Double, number: u8) -> BandPort<Echo> {
    double.add_band(BandConfig::new(address(number), -50), Echo::default())
}

pub(crate) fn address(number: u8) -> Address {
    format!("C0:00:00:00:00:{number:02X}")
        .parse()
        .expect("an address")
}

/// What the radio calls the band.
pub(crate) fn device(number: u8) -> String {
    format!("hci0/dev_C0_00_00_00_00_{number:02X}")
}

/// A station process.
pub(crate) struct Station {
    child: Child,
    orders: Option<ChildStdin>,
    told: mpsc::Receiver<Told>,
}

impl Station {
    pub(crate) fn start(double: &Double, config: &RadioConfig) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args([TEST_NAME, "--exact", "--nocapture", "--test-threads=1"])
            .env(CONFIG, serde_json::to_string(config).expect("plain data"))
            .env("DBUS_SYSTEM_BUS_ADDRESS", double.address())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this test runs again");
        let orders = child.stdin.take();
        let told = listen(child.stdout.take().expect("piped"));
        Self { child, orders, told }
    }

    /// Starts a station that is ready and scans.
    pub(crate) fn scanning(double: &Double, config: &RadioConfig) -> Self {
        let mut station = Self::start(double, config);
        station.until(|told| *told == Told::Adapter("ready".into()));
        station.order(&Order::Scan(true));
        station
    }

    pub(crate) fn order(&mut self, order: &Order) {
        let orders = self.orders.as_mut().expect("not finished");
        let line = serde_json::to_string(order).expect("plain data");
        writeln!(orders, "{line}").expect("the child listens");
    }

    /// The next event.
    pub(crate) fn next(&mut self) -> Told {
        self.told
            .recv_timeout(WATCHDOG)
            .expect("the station says something")
    }

    /// Reads on to the first event that fits.
    pub(crate) fn until(&mut self, fits: impl Fn(&Told) -> bool) -> Told {
        let deadline = Instant::now() + WATCHDOG;
        let mut passed = Vec::new();
        loop {
            match self
                .told
                .recv_timeout(deadline.saturating_duration_since(Instant::now()))
            {
                Ok(told) if fits(&told) => return told,
                Ok(told) => passed.push(told),
                Err(error) => panic!("{error}; heard only {passed:#?}"),
            }
        }
    }

    /// Reads on until each of these was told, in whatever order.
    pub(crate) fn until_all(&mut self, mut missing: Vec<Told>) {
        while !missing.is_empty() {
            let told = self.until(|told| missing.contains(told));
            missing.retain(|expected| *expected != told);
        }
    }

    /// Nothing at all is told for so long.
    pub(crate) fn silent_for(&mut self, window: Duration) {
        let told = self.told.recv_timeout(window);
        assert_eq!(told, Err(mpsc::RecvTimeoutError::Timeout));
    }

    /// Reads on to exactly this event.
    pub(crate) fn until_told(&mut self, expected: &Told) {
        self.until(|told| told == expected);
    }

    pub(crate) fn until_adapter(&mut self, state: &str) {
        self.until_told(&Told::Adapter(state.to_owned()));
    }

    pub(crate) fn until_seen(&mut self, number: u8) {
        let expected = device(number);
        self.until(|told| matches!(told, Told::Seen { device, .. } if *device == expected));
    }

    /// Sees the band and makes a link to it.
    pub(crate) fn connect(&mut self, number: u8) -> u16 {
        self.until_seen(number);
        self.order(&Order::Connect(device(number)));
        self.until_connected(number)
    }

    pub(crate) fn until_connected(&mut self, number: u8) -> u16 {
        let expected = device(number);
        let told = self.until(|told| match told {
            Told::Connected { device, .. } | Told::ConnectFailed { device, .. } => *device == expected,
            _ => false,
        });
        match told {
            Told::Connected { mtu_bytes, .. } => mtu_bytes,
            other => panic!("no link: {other:?}"),
        }
    }

    /// Why the link to the band was not made.
    pub(crate) fn until_refused(&mut self, number: u8) -> String {
        let expected = device(number);
        let told = self.until(|told| match told {
            Told::Connected { device, .. } | Told::ConnectFailed { device, .. } => *device == expected,
            _ => false,
        });
        match told {
            Told::ConnectFailed { cause, .. } => cause,
            other => panic!("a link: {other:?}"),
        }
    }

    /// Sends a frame and waits for its echo.
    pub(crate) fn echo(&mut self, number: u8, frame: &[u8]) {
        self.order(&Order::Write(device(number), frame.to_vec()));
        self.until_told(&Told::Received {
            device: device(number),
            frame: frame.to_vec(),
        });
    }

    /// How often the process was woken so far.
    pub(crate) fn ticks(&mut self) -> u64 {
        self.order(&Order::CountTicks);
        let told = self.until(|told| matches!(told, Told::Ticks(_)));
        match told {
            Told::Ticks(ticks) => ticks,
            _ => unreachable!("just checked"),
        }
    }

    /// Closes the command channel and waits for the end of everything. Gives the events on the way.
    pub(crate) fn finish(mut self) -> Vec<Told> {
        self.orders = None;
        let mut rest = Vec::new();
        loop {
            match self.next() {
                Told::End => break,
                told => rest.push(told),
            }
        }
        let status = self.child.wait().expect("the child ends");
        assert!(status.success(), "{status}");
        rest
    }

    /// Ends the process as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the child runs");
        self.child.wait().expect("the child ends");
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        // Already ended in most cases.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

fn listen(output: ChildStdout) -> mpsc::Receiver<Told> {
    let (sender, receiver) = mpsc::channel();
    let read = move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // The test runner talks on the same channel.
            if let Ok(told) = serde_json::from_str(&line)
                && sender.send(told).is_err()
            {
                return;
            }
        }
    };
    std::thread::spawn(read);
    receiver
}
