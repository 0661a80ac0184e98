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
//!   out   end TEXT           the session is over; the process ends
//! ```
//!
//! The station arms an association, commits it once it is staged, and finishes. If the band reports that
//! the association is staged or held already, it goes on from there. Names and their defaults:
//! `manufacturer` (public key whose bands are welcome), `organization` and `station` (secret keys),
//! `number` (the station's id), `mtu` 247, `user`, `association` (16 bytes), `zone` 0, `mode` 0, `label`,
//! `until` (`staged`, `committed`: vanish at that point, like a station that lost its power), `delete` 1
//! (ask for deletion of user data instead). Keys are fixed and public: never use this with real bands.

use std::collections::HashMap;
use std::error::Error;
use std::io::{BufRead, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use ed25519_dalek::SigningKey;
use firmware_protocol::certificate::StationCertificate;
use firmware_protocol::dh_public;
use firmware_protocol::id::{AssociationId, StationId, UserHandle, Zone};
use firmware_protocol::message::{
    Arm, BandToStation, Commit, DeleteUserData, Finish, Mode, Recall, Report, StationToBand,
};
use firmware_protocol::receipt::Receipt;
use firmware_protocol::station::{ENTROPY_LEN, SessionEvent, StationIdentity, StationSession};
use firmware_protocol::time::{Instant, UnixSeconds};

type Fault = Box<dyn Error>;

const DEFAULTS: &str = "\
    manufacturer=d04ab232742bb4ab3a1368bd4615e4e6d0224ab71a016baf8520a332c9778737 \
    organization=2222222222222222222222222222222222222222222222222222222222222222 \
    station=0101010101010101010101010101010101010101010101010101010101010101 \
    number=01010101010101010101010101010101 \
    user=01010101010101010101010101010101 association=01010101010101010101010101010101 \
    mtu=247 zone=0 mode=0 label=ANNA until= delete=0";

struct Options(HashMap<String, String>);

impl Options {
    fn read() -> Result<Self, Fault> {
        let given = std::env::args().skip(1);
        let pairs = DEFAULTS.split_whitespace().map(String::from).chain(given);
        let pair = |text: String| {
            text.split_once('=')
                .map(|(name, value)| (name.into(), value.into()))
        };
        let read: Option<_> = pairs.map(pair).collect();
        Ok(Self(read.ok_or("arguments are name=value")?))
    }

    fn text(&self, name: &str) -> Result<&str, Fault> {
        Ok(self.0.get(name).ok_or(format!("{name} is missing"))?)
    }

    fn number(&self, name: &str) -> Result<u64, Fault> {
        self.text(name)?
            .parse()
            .map_err(|e| format!("{name}: {e}").into())
    }

    fn bytes<const N: usize>(&self, name: &str) -> Result<[u8; N], Fault> {
        unhex(self.text(name)?)?
            .try_into()
            .map_err(|_| format!("{name} is {N} bytes").into())
    }

    fn zone(&self) -> Result<Zone, Fault> {
        Ok(if self.number("zone")? == 0 {
            Zone::Enrollment
        } else {
            Zone::Registration
        })
    }
}

fn unhex(text: &str) -> Result<Vec<u8>, Fault> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return Err("not hex".into());
    }
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16);
    Ok((0..text.len()).step_by(2).map(digit).collect::<Result<_, _>>()?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn identity(options: &Options) -> Result<StationIdentity, Fault> {
    let organization = SigningKey::from_bytes(&options.bytes("organization")?);
    let secret = options.bytes("station")?;
    let now = options.number("unix_now")?;
    let certificate = StationCertificate {
        organization_key: organization.verifying_key().to_bytes(),
        station: StationId(options.bytes("number")?),
        dh_key: dh_public(&secret),
        zone: options.zone()?,
        not_before: UnixSeconds(now - 86_400),
        not_after: UnixSeconds(now + 86_400),
    };
    Ok(StationIdentity {
        certificate: certificate.sign(&organization),
        dh_secret: secret.into(),
    })
}

/// What the station wants of the band, and how far it is.
struct Flow {
    arm: Arm,
    until: String,
    delete: bool,
    signing_key: [u8; 32],
}

impl Flow {
    fn new(options: &Options) -> Result<Self, Fault> {
        let mode = if options.number("mode")? == 0 {
            Mode::Capture
        } else {
            Mode::Authenticate
        };
        let arm = Arm {
            association: AssociationId(options.bytes("association")?),
            user: UserHandle(options.bytes("user")?),
            zone: options.zone()?,
            epoch: 0,
            mode,
            label: options.text("label")?.into(),
        };
        Ok(Self {
            arm,
            until: options.text("until")?.into(),
            delete: options.number("delete")? == 1,
            signing_key: [0; 32],
        })
    }

    /// The next request, or `Err` when the station vanishes.
    fn next(&mut self, event: &SessionEvent) -> Result<Option<StationToBand>, Fault> {
        let next = match event {
            SessionEvent::Established(established) => {
                self.signing_key = established.certificate.signing_key;
                self.begin(&established.report)
            }
            SessionEvent::Message(BandToStation::Staged(staged)) => {
                self.vanish("staged")?;
                self.commit(staged.epoch)
            }
            SessionEvent::Message(BandToStation::Committed(committed)) => {
                self.vanish("committed")?;
                let receipt = Receipt::verify(&committed.receipt, &self.signing_key);
                println!("event Receipt {:?}", receipt.map_err(|e| format!("{e:?}"))?);
                self.finish(Some(self.arm.association))
            }
            SessionEvent::Message(BandToStation::Deleted(_)) => self.finish(None),
            SessionEvent::Message(BandToStation::Refused(_) | BandToStation::Interrupted(_)) => {
                self.finish(None)
            }
            _ => return Ok(None),
        };
        Ok(Some(next))
    }

    fn begin(&mut self, report: &Report) -> StationToBand {
        let ours = self.arm.association;
        if self.delete {
            return StationToBand::DeleteUserData(DeleteUserData {});
        }
        if report.associations.iter().any(|held| held.association == ours) {
            return StationToBand::Recall(Recall { zone: self.arm.zone });
        }
        match &report.staged {
            Some(staged) if staged.association == ours => self.commit(staged.epoch),
            _ => {
                self.arm.epoch = report.epoch + 1;
                StationToBand::Arm(self.arm.clone())
            }
        }
    }

    fn commit(&self, epoch: u32) -> StationToBand {
        let association = self.arm.association;
        StationToBand::Commit(Commit { association, epoch })
    }

    fn finish(&self, association: Option<AssociationId>) -> StationToBand {
        StationToBand::Finish(Finish { association })
    }

    fn vanish(&self, at: &str) -> Result<(), Fault> {
        if self.until == at {
            Err(format!("vanished when {at}").into())
        } else {
            Ok(())
        }
    }
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

/// Prints what the station wants and learned. Says whether the session is over.
fn drain(session: &mut StationSession, flow: &mut Flow, now: Instant) -> Result<bool, Fault> {
    let mut over = false;
    while let Some(event) = session.poll_event() {
        over |= matches!(event, SessionEvent::Ended(_));
        println!("event {event:?}");
        if let Some(request) = flow.next(&event)? {
            session.request(now, &request).map_err(|e| format!("{e:?}"))?;
        }
    }
    while let Some(frame) = session.poll_transmit() {
        println!("frame {}", hex(&frame));
    }
    Ok(over)
}

fn run() -> Result<(), Fault> {
    let options = Options::read()?;
    let start = std::time::Instant::now();
    let clock = || Instant::from_micros(start.elapsed().as_micros() as u64);
    let manufacturers = vec![options.bytes("manufacturer")?];
    let mtu = u16::try_from(options.number("mtu")?)?;
    let unix_now = UnixSeconds(options.number("unix_now")?);
    let identity = identity(&options)?;
    let mut flow = Flow::new(&options)?;
    let mut session = StationSession::new(&identity, manufacturers, mtu, &entropy()?, clock(), unix_now);
    let lines = lines();
    while !drain(&mut session, &mut flow, clock())? {
        let wait = session
            .poll_timeout()
            .map_or(Duration::from_secs(3600), |at| at.since(clock()));
        match lines.recv_timeout(wait) {
            Ok(line) => handle(&mut session, clock(), &line)?,
            Err(RecvTimeoutError::Timeout) => session.handle_timeout(clock()),
            Err(RecvTimeoutError::Disconnected) => session.handle_disconnected(),
        }
    }
    Ok(())
}

fn main() {
    match run() {
        Ok(()) => println!("end done"),
        Err(fault) => println!("end {fault}"),
    }
}
