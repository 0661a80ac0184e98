//! An echoing band, and the test's end of the client process.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant as WallInstant};

use firmware_protocol::advertisement::Beacon;
use firmware_protocol::time::Instant;
use simulators::bluez::{Address, BandConfig, BandPort, Double, DoubleConfig};
use simulators::peripheral::Peripheral;

/// Longest wait for anything that should come at once. Reached only when something is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Name of the test that turns this binary into the client; it must be the one in main.rs.
pub(crate) const CLIENT_TEST: &str = "client_process";
/// Set in the client's environment.
pub(crate) const CLIENT_MARK: &str = "BANDSTAND_BLUEZ_CLIENT";

/// Answers each write with the same bytes; ends the link when it is told "ff".
#[derive(Default)]
pub(crate) struct Echo {
    heartbeat: u8,
    answers: VecDeque<Vec<u8>>,
    ends: bool,
    timeout: Option<Instant>,
    pub(crate) written: Vec<Vec<u8>>,
    pub(crate) mtus: Vec<u16>,
    pub(crate) disconnects: u32,
}

impl Echo {
    pub(crate) fn say(&mut self, value: &[u8]) {
        self.answers.push_back(value.to_vec());
    }

    /// Says "timeout" later.
    pub(crate) fn say_at(&mut self, when: Instant) {
        self.timeout = Some(when);
    }
}

impl Peripheral for Echo {
    fn advertisement(&mut self, _now: Instant) -> Option<Beacon> {
        self.heartbeat = self.heartbeat.wrapping_add(1);
        Some(Beacon {
            heartbeat: self.heartbeat,
            ..Beacon::default()
        })
    }

    fn info(&mut self) -> Vec<u8> {
        (0..100).collect()
    }

    fn connected(&mut self, _now: Instant, mtu_bytes: u16) {
        self.mtus.push(mtu_bytes);
    }

    fn disconnected(&mut self, _now: Instant) {
        self.disconnects += 1;
    }

    fn write(&mut self, _now: Instant, value: &[u8]) {
        self.written.push(value.to_vec());
        match value {
            [0xff] => self.ends = true,
            _ => self.answers.push_back(value.to_vec()),
        }
    }

    fn poll_notify(&mut self) -> Option<Vec<u8>> {
        self.answers.pop_front()
    }

    fn poll_end(&mut self) -> bool {
        std::mem::take(&mut self.ends)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timeout
    }

    fn handle_timeout(&mut self, _now: Instant) {
        self.timeout = None;
        self.say(b"timeout");
    }
}

/// A double with quick habits: nothing here waits for BlueZ's own seconds.
pub(crate) fn quick() -> DoubleConfig {
    DoubleConfig {
        disconnect_delay: Duration::from_millis(300),
        supervision_timeout: Duration::from_millis(50),
        scan_length: Duration::ZERO,
        ..DoubleConfig::default()
    }
}

/// The double, or `None` and a word on the screen where there is no dbus-daemon.
pub(crate) fn start(config: DoubleConfig) -> Option<Double> {
    match Double::start(config) {
        Ok(double) => Some(double),
        Err(error) if error.is_not_installed() => {
            eprintln!("SKIPPED, nothing was tested: {error}");
            None
        }
        Err(error) => panic!("{error:?}"),
    }
}

/// The `number`th echoing band, advertising often.
pub(crate) fn echo(double: &Double, number: u32) -> BandPort<Echo> {
    let mut config = BandConfig::new(Address::numbered(number), -50);
    config.advertising_interval = Duration::from_millis(20);
    double.add_band(config, Echo::default())
}

/// A client process. Ends with this value.
pub(crate) struct Client {
    process: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    /// Answers and events that nobody has asked for yet.
    kept: VecDeque<String>,
    requests: u32,
}

impl Client {
    /// Starts the process and opens the first adapter.
    pub(crate) fn open(double: &Double) -> Self {
        let mut client = Self::start(double);
        client.ask("open").unwrap();
        client
    }

    pub(crate) fn start(double: &Double) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", CLIENT_TEST, "--nocapture", "--test-threads=1"])
            .env(CLIENT_MARK, "1")
            .env("DBUS_SYSTEM_BUS_ADDRESS", double.address())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            let lines = output.lines().map_while(Result::ok);
            let ours = lines.filter_map(|line| Some(line.strip_prefix("> ")?.to_owned()));
            // Ends when the process does, or the test.
            ours.map(|line| sender.send(line))
                .take_while(Result::is_ok)
                .for_each(drop);
        });
        let input = process.stdin.take().unwrap();
        Self {
            process,
            input,
            lines,
            kept: VecDeque::new(),
            requests: 0,
        }
    }

    /// Asks and waits for the answer.
    pub(crate) fn ask(&mut self, request: &str) -> Result<String, String> {
        let number = self.send(request);
        self.answer(number)
    }

    /// Asks without waiting; gives the number of the request.
    pub(crate) fn send(&mut self, request: &str) -> u32 {
        self.requests += 1;
        writeln!(self.input, "{} {request}", self.requests).unwrap();
        self.requests
    }

    pub(crate) fn answer(&mut self, number: u32) -> Result<String, String> {
        let line = self.line(&format!("{number} "));
        match line.split_once(' ').unwrap() {
            ("ok", text) => Ok(text.to_owned()),
            (_, text) => Err(text.to_owned()),
        }
    }

    /// Waits for an event that begins so; gives the rest of it.
    pub(crate) fn event(&mut self, start: &str) -> String {
        self.line(&format!("event {start}"))
    }

    /// Forgets what has happened so far.
    pub(crate) fn forget_events(&mut self) {
        self.kept.clear();
        while self.lines.try_recv().is_ok() {}
    }

    fn line(&mut self, start: &str) -> String {
        if let Some(index) = self.kept.iter().position(|line| line.starts_with(start)) {
            return self.kept.remove(index).unwrap()[start.len()..].to_owned();
        }
        let deadline = WallInstant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(WallInstant::now());
            let Ok(line) = self.lines.recv_timeout(left) else {
                panic!("waited for {start:?}; heard {:?}", self.kept);
            };
            match line.strip_prefix(start) {
                Some(rest) => return rest.to_owned(),
                None => self.kept.push_back(line),
            }
        }
    }

    /// Scans until the band is seen.
    pub(crate) fn find(&mut self, band: &BandPort<Echo>) -> String {
        let address = band.address().to_string();
        self.event(&format!("discovered {address}"));
        address
    }

    /// Connects, discovers and subscribes.
    pub(crate) fn join(&mut self, address: &str) {
        self.ask(&format!("connect {address}")).unwrap();
        self.ask(&format!("discover {address}")).unwrap();
        self.ask(&format!("subscribe {address}")).unwrap();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Both fail only if the process is already gone.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
