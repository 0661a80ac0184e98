//! The demo keeps its promise: the story with its console, the documented lines, and nothing left behind.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::kiosk::until;

/// The simulators' program beside the station's.
fn program() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let found = this
        .ancestors()
        .map(|folder| folder.join("bandstand-sim"))
        .find(|path| path.exists());
    found.expect("bandstand-sim is built: run `cargo build --workspace --bins`")
}

/// The demo with a folder of its own for whatever it leaves behind.
fn demo(arguments: &[&str], temp: &Path) -> Command {
    let mut command = Command::new(program());
    command
        .arg("demo")
        .args(arguments)
        .env("TMPDIR", temp)
        .stdin(Stdio::null());
    command
}

/// A demo that goes on until it is told to stop, also where a test ends early.
struct Running(Child);

impl Running {
    /// The demo in lines, in a folder of its own.
    fn start(temp: &Path) -> Self {
        let demo = demo(&["--json"], temp)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        Self(demo.unwrap())
    }

    /// What it says from now on.
    fn said(&mut self) -> BufReader<ChildStdout> {
        BufReader::new(self.0.stdout.take().unwrap())
    }

    fn stop(&mut self, signal: Signal) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = kill_process(Pid::from_child(&self.0), signal);
            let _ = self.0.wait();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop(Signal::TERM);
    }
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Processes that know the folder by their arguments or their environment.
fn processes_of(temp: &Path) -> Vec<String> {
    let name = temp.to_str().unwrap().as_bytes();
    let has = |path: PathBuf| fs::read(path).is_ok_and(|bytes| bytes.windows(name.len()).any(|w| w == name));
    let own = std::process::id().to_string();
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()) && *pid != own)
        .filter(|pid| {
            has(Path::new("/proc").join(pid).join("environ"))
                || has(Path::new("/proc").join(pid).join("cmdline"))
        })
        .collect()
}

async fn nothing_is_left(temp: &Path) {
    until("no process is left", || processes_of(temp).is_empty()).await;
    let left: Vec<_> = fs::read_dir(temp)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}

#[tokio::test]
async fn the_demo_tells_its_story_in_lines() {
    let temp = tempfile::tempdir().unwrap();
    let output = demo(&["--once", "--json"], temp.path()).output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = lines(&output);
    let keys: BTreeSet<_> = ["step", "person", "band", "outcome", "reason", "milliseconds"].into();
    for line in &lines {
        let found: BTreeSet<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(found, keys, "{line}");
        assert!(
            line["milliseconds"].is_u64() && line["step"].is_string(),
            "{line}"
        );
    }
    let ends: Vec<_> = lines.iter().filter(|line| line["step"] == "ended").collect();
    let outcomes: Vec<_> = ends
        .iter()
        .map(|line| line["outcome"].as_str().unwrap())
        .collect();
    let expected = ["done", "done", "refused", "done", "done", "done", "done"];
    assert_eq!(outcomes, expected, "{lines:?}");
    assert_eq!(ends[2]["reason"], "seos_held_by_another");
    let said = |step: &str| -> Vec<_> {
        let of_step = lines.iter().filter(|line| line["step"] == step);
        of_step
            .map(|line| (line["band"].as_str().unwrap(), line["outcome"].as_str().unwrap()))
            .collect()
    };
    assert!(
        said("console_ready")[0].1.starts_with("http://127.0.0.1:"),
        "{lines:?}"
    );
    assert!(said("first_link")[0].1.contains("http://127.0.0.1:"), "{lines:?}");
    assert_eq!((said("console_gone").len(), said("console_back").len()), (1, 1));
    assert_eq!(
        said("resolved"),
        [("AAAH-00129", "active"), ("AAAH-00128", "inactive")]
    );
    assert_eq!(said("emptied"), [("AAAH-00130", "empty")]);
    assert_eq!(said("quarantined"), [("AAAH-00130", "seos_taken_over")]);
    assert_eq!(
        said("settled"),
        [("AAAH-00130", "ended"), ("AAAH-00130", "active")]
    );
    nothing_is_left(temp.path()).await;
}

#[tokio::test]
async fn whoever_watches_may_come_to_the_gate_when_the_story_is_over() {
    let temp = tempfile::tempdir().unwrap();
    let mut demo = Running::start(temp.path());
    let mut said: BTreeMap<String, Value> = BTreeMap::new();
    for line in demo.said().lines() {
        let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let step = line["step"].as_str().unwrap().to_owned();
        let is_last = step == "guest";
        said.insert(step, line);
        if is_last {
            break;
        }
    }
    let outcome = |step: &str| said[step]["outcome"].as_str().unwrap().to_owned();
    let (page, config, code) = (outcome("kiosk_page"), outcome("station_config"), outcome("guest"));
    assert!(first_line(&page).contains("200 OK"), "{page}");
    let enrolled = Command::new(program())
        .args([
            "station",
            "--config",
            &config,
            "enroll",
            "--code",
            &code,
            "--accept-code",
        ])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&enrolled.stdout);
    let fault = String::from_utf8_lossy(&enrolled.stderr);
    assert!(enrolled.status.success(), "{text}{fault}");
    assert!(text.contains(said["guest"]["band"].as_str().unwrap()), "{text}");
    demo.stop(Signal::TERM);
    nothing_is_left(temp.path()).await;
}

/// The status line with which this address of loopback answers.
fn first_line(address: &str) -> String {
    let host = address.trim_start_matches("http://").trim_end_matches('/');
    let mut stream = TcpStream::connect(host).unwrap();
    write!(
        stream,
        "GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}

#[tokio::test]
async fn a_demo_that_is_stopped_in_the_middle_leaves_nothing_behind() {
    for signal in [Signal::TERM, Signal::INT] {
        let temp = tempfile::tempdir().unwrap();
        let mut demo = Running::start(temp.path());
        let mut first = String::new();
        let mut reader = demo.said();
        reader.read_line(&mut first).unwrap();
        assert!(first.contains("\"step\""), "{first}");
        demo.stop(signal);
        drop(reader);
        nothing_is_left(temp.path()).await;
    }
}
