//! A station on standard input and output, for people who write a band.
//!
//! ```text
//!   cargo run -p firmware-protocol --example station_stdio -- unix_now=1800000000 [name=value ...]
//! ```
//!
//! It holds one session with one band. Each line is one thing:
//!
//! ```text
//!   out   frame HEX          write this value to the station-to-band characteristic
//!   in    frame HEX          the band notified this value
//!   in    gone               the link is gone
//!   out   event TEXT         what the station learned
//!   out   end TEXT           the session is over; the process ends: with 0 after `end done`, else with 1
//! ```
//!
//! The station arms an association, commits it once it is staged and what was armed, checks the receipt, and
//! finishes. If the band reports that the association is staged or held already, it goes on from there. The
//! arguments are explained in `docs/wire-format.md`, section 19. Keys are fixed and public: never use this
//! with real bands.

mod flow;
mod options;

use std::error::Error;
use std::io::{BufRead, ErrorKind, Read, Write};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use firmware_protocol::station::{ENTROPY_LEN, SessionEnd, SessionEvent, StationSession};
use firmware_protocol::time::Instant;

use flow::Flow;
use options::{Options, unhex};

type Fault = Box<dyn Error>;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes one line; unlike `println!` it does not panic when nobody reads any more.
fn say(line: &str) -> Result<(), Fault> {
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

/// The lines of standard input, read beside the clock.
fn lines() -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

fn entropy() -> Result<[u8; ENTROPY_LEN], Fault> {
    let mut entropy = [0; ENTROPY_LEN];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut entropy)?;
    Ok(entropy)
}

fn handle(session: &mut StationSession, now: Instant, line: &str) -> Result<(), Fault> {
    match line.trim().split_once(' ') {
        Some(("frame", bytes)) => session.handle_input(now, &unhex(bytes)?),
        None if line.trim() == "gone" => session.handle_disconnected(),
        _ => return Err(format!("not a line of this program: {line}").into()),
    }
    Ok(())
}

/// Prints what the station wants and learned. Gives how the session ended, once it has.
fn drain(session: &mut StationSession, flow: &mut Flow, now: Instant) -> Result<Option<SessionEnd>, Fault> {
    let mut ended = None;
    while let Some(event) = session.poll_event() {
        say(&format!("event {event:?}"))?;
        if let SessionEvent::Ended(end) = event {
            ended = Some(end);
        }
        let mut checked = Vec::new();
        let next = flow.next(&event, &mut checked)?;
        checked.iter().try_for_each(|line| say(line))?;
        if let Some(request) = next {
            let asked = session.request_bytes(now, &request);
            asked.map_err(|fault| format!("{fault:?}"))?;
        }
    }
    while let Some(frame) = session.poll_transmit() {
        say(&format!("frame {}", hex(&frame)))?;
    }
    Ok(ended)
}

fn run() -> Result<(), Fault> {
    let options = Options::read(std::env::args().skip(1))?;
    let start = std::time::Instant::now();
    let clock = || Instant::from_micros(start.elapsed().as_micros() as u64);
    let identity = options.identity()?;
    let mut flow = Flow::new(&options, &identity.certificate)?;
    let mut session = StationSession::offering(
        options.versions()?,
        &identity,
        vec![options.manufacturer()?],
        options.number("mtu")?,
        &entropy()?,
        clock(),
        options.unix_now()?,
    );
    let lines = lines();
    let end = loop {
        if let Some(end) = drain(&mut session, &mut flow, clock())? {
            break end;
        }
        let wait = session
            .poll_timeout()
            .map_or(Duration::from_secs(3600), |at| at.since(clock()));
        match lines.recv_timeout(wait) {
            Ok(line) => handle(&mut session, clock(), &line)?,
            Err(RecvTimeoutError::Timeout) => session.handle_timeout(clock()),
            Err(RecvTimeoutError::Disconnected) => session.handle_disconnected(),
        }
    };
    match (end, flow.no()) {
        (SessionEnd::Finished, None) => Ok(()),
        (SessionEnd::Finished, Some(no)) => Err(no.into()),
        (end, _) => Err(format!("{end:?}").into()),
    }
}

fn main() -> ExitCode {
    let fault = match run() {
        Ok(()) => return say("end done").map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
        Err(fault) => fault,
    };
    let nobody_reads = fault
        .downcast_ref::<std::io::Error>()
        .is_some_and(|fault| fault.kind() == ErrorKind::BrokenPipe);
    if !nobody_reads && say(&format!("end {fault}")).is_err() {
        eprintln!("end {fault}");
    }
    ExitCode::FAILURE
}
