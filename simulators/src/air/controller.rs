//! One controller: what its host told it, and the commands that concern nobody else.

use std::collections::HashSet;
use std::time::Duration;

use firmware_protocol::time::Instant;

use super::hci::{self, Place, Raw, Reader, command_status, complete, status};
use super::link::Parameters;
use crate::random::Random;

/// Buffers that the host may fill without waiting.
const ACL_BUFFERS: u8 = 8;
/// Largest ACL packet.
const ACL_LEN: u16 = 251;
/// Length of the filter accept list.
const ACCEPT_LIST_LEN: u8 = 64;
/// Advertisements remembered to find doubles.
const SEEN_MAX: usize = 128;
/// Low Energy features: data length extension, features asked by the peripheral.
const LE_FEATURES: [u8; 8] = [0x28, 0, 0, 0, 0, 0, 0, 0];
/// Bluetooth 4.2, and a company that nobody has.
const VERSION: [u8; 8] = [8, 0, 0, 8, 0xff, 0xff, 0, 0];
/// Octets of the supported commands (Vol 4, Part E, 6.27), as far as they are not 0.
const COMMANDS: &[(usize, u8)] = &[
    (0, 0x20),
    (2, 0x80),
    (5, 0xc0),
    (10, 0xe0),
    (14, 0x28),
    (15, 0x22),
    (25, 0xff),
    (26, 0xff),
    (27, 0xb7),
    (28, 0x08),
    (33, 0xc0),
    (34, 0x01),
    (35, 0x08),
];

/// What a controller leaves to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    Nothing,
    Reset,
    Cancel,
    Disconnect { handle: u16, reason: u8 },
    Features(u16),
    Version(u16),
    Update(u16, Parameters),
    Rssi(u16),
}

impl Request {
    /// The link it is about, if it must exist; reading a strength answers for itself.
    pub(super) fn handle(self) -> Option<u16> {
        match self {
            Self::Disconnect { handle, .. }
            | Self::Features(handle)
            | Self::Version(handle)
            | Self::Update(handle, _) => Some(handle),
            Self::Nothing | Self::Reset | Self::Cancel | Self::Rssi(_) => None,
        }
    }
}

/// Advertising as the host wants it.
#[derive(Clone, Debug, Default)]
pub(super) struct Advertiser {
    pub(super) on: bool,
    pub(super) interval: Duration,
    /// 0: connectable and scannable; other kinds take no link.
    pub(super) kind: u8,
    own_kind: u8,
    pub(super) data: Vec<u8>,
    pub(super) response: Vec<u8>,
    pub(super) next: Instant,
}

/// Scanning as the host wants it.
#[derive(Clone, Debug, Default)]
pub(super) struct Scanner {
    pub(super) on: bool,
    pub(super) active: bool,
    interval_us: u64,
    window_us: u64,
    accepts_listed_only: bool,
    drops_doubles: bool,
    since: Instant,
    seen: HashSet<(Place, Vec<u8>)>,
}

impl Scanner {
    /// True if this was not seen lately. A controller remembers so many and no more.
    fn see(&mut self, sight: (Place, Vec<u8>)) -> bool {
        if self.seen.len() >= SEEN_MAX {
            self.seen.clear();
        }
        self.seen.insert(sight)
    }
}

/// A connection that is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// This one, or whoever is on the accept list.
    peer: Option<Place>,
    own_kind: u8,
    pub(super) parameters: Parameters,
}

#[derive(Debug)]
pub(super) struct Controller {
    public: Raw,
    random_address: Raw,
    pub(super) advertiser: Advertiser,
    pub(super) scanner: Scanner,
    accept_list: Vec<Place>,
    pub(super) wanted: Option<Wanted>,
    pub(super) in_range: bool,
    pub(super) rssi_dbm: i16,
    random: Random,
    pub(super) unknown_commands: u64,
}

impl Controller {
    pub(super) fn new(public: Raw, random: Random) -> Self {
        Self {
            public,
            random_address: [0; 6],
            advertiser: Advertiser::default(),
            scanner: Scanner::default(),
            accept_list: Vec::new(),
            wanted: None,
            in_range: true,
            rssi_dbm: -50,
            random,
            unknown_commands: 0,
        }
    }

    fn place(&self, own_kind: u8) -> Place {
        match own_kind & 1 {
            0 => (0, self.public),
            _ => (1, self.random_address),
        }
    }

    /// The address in its advertisements.
    pub(super) fn advertised(&self) -> Place {
        self.place(self.advertiser.own_kind)
    }

    /// The address that a peer of a connection it asks for sees.
    pub(super) fn initiating(&self, wanted: &Wanted) -> Place {
        self.place(wanted.own_kind)
    }

    /// Whether this controller's radio is the one with `address`, of either kind.
    pub(super) fn is_at(&self, address: Raw) -> bool {
        self.public == address || self.random_address == address
    }

    /// Whether an advertisement of `place` is reported now. What counts as a double is the controller's own idea:
    /// by the specification the address decides, most adapters compare the `data` too (none means strict).
    pub(super) fn hears(&mut self, now: Instant, place: Place, data: Option<&[u8]>) -> bool {
        let scanner = &mut self.scanner;
        let since = now.since(scanner.since).as_micros() as u64;
        let listens = scanner.on && since % scanner.interval_us.max(1) < scanner.window_us.max(1);
        let is_listed = !scanner.accepts_listed_only || self.accept_list.contains(&place);
        let mut is_new = || !scanner.drops_doubles || scanner.see((place, data.unwrap_or_default().to_vec()));
        self.in_range && listens && is_listed && is_new()
    }

    /// Whether an advertisement of `place` is answered with a connection.
    pub(super) fn wants(&self, place: Place) -> bool {
        let is_meant = |wanted: &Wanted| match wanted.peer {
            Some(peer) => peer == place,
            None => self.accept_list.contains(&place),
        };
        self.in_range && self.wanted.as_ref().is_some_and(is_meant)
    }

    /// Takes a command; gives the events to send at once and what the world has to do.
    pub(super) fn handle_command(
        &mut self,
        now: Instant,
        opcode: u16,
        parameters: &[u8],
    ) -> (Vec<u8>, Request) {
        let reader = Reader(parameters);
        if let Some(values) = self.read(opcode) {
            return (
                complete(opcode, &[&[status::OK], &values[..]].concat()),
                Request::Nothing,
            );
        }
        if let Some(code) = self.set(now, opcode, reader) {
            let handle = &parameters[..parameters.len().min(2)];
            // Those about a connection give its handle back.
            let values = if opcode == 0x2022 { handle } else { &[] };
            return (complete(opcode, &[&[code], values].concat()), Request::Nothing);
        }
        match self.request(opcode, reader) {
            Some((Request::Reset, code)) => (complete(opcode, &[code]), Request::Reset),
            Some((Request::Cancel, code)) => (complete(opcode, &[code]), Request::Cancel),
            Some((Request::Rssi(handle), _)) => (Vec::new(), Request::Rssi(handle)),
            Some((request, code)) => (command_status(opcode, code), request),
            // The host returns buffers that nobody counts here; no answer belongs to it.
            None if opcode == 0x0c35 => (Vec::new(), Request::Nothing),
            None => {
                self.unknown_commands += 1;
                (command_status(opcode, status::UNKNOWN_COMMAND), Request::Nothing)
            }
        }
    }

    /// Commands that only read.
    fn read(&mut self, opcode: u16) -> Option<Vec<u8>> {
        Some(match opcode {
            0x1001 => VERSION.to_vec(),
            0x1002 => supported_commands(),
            // No classic Bluetooth, but Low Energy.
            0x1003 => vec![0, 0, 0, 0, 0x60, 0, 0, 0],
            0x1009 => self.public.to_vec(),
            0x2002 => [&ACL_LEN.to_le_bytes()[..], &[ACL_BUFFERS]].concat(),
            0x2003 => LE_FEATURES.to_vec(),
            // 0 dBm.
            0x2007 => vec![0],
            0x200f => vec![ACCEPT_LIST_LEN],
            0x2018 => self.random.bytes::<8>().to_vec(),
            0x201c => vec![0xff, 0xff, 0xff, 0xff, 0xff, 0x03, 0, 0],
            0x2023 => data_length().to_vec(),
            0x202f => [data_length(), data_length()].concat(),
            _ => return None,
        })
    }

    /// Commands that set something here and now; gives their status.
    fn set(&mut self, now: Instant, opcode: u16, mut reader: Reader<'_>) -> Option<u8> {
        match opcode {
            // Event masks, flow control towards the host, channel map, data length: taken, not needed.
            0x0c01 | 0x0c31 | 0x0c33 | 0x0c63 | 0x2001 | 0x2014 | 0x2022 | 0x2024 => {}
            0x2005 => self.random_address = reader.bytes(),
            0x2006 => self.set_advertising(reader),
            0x2008 => self.advertiser.data = sized(reader),
            0x2009 => self.advertiser.response = sized(reader),
            0x200a => return Some(self.advertise(now, reader.u8() == 1)),
            0x200b => return Some(self.set_scanning(reader)),
            0x200c => self.scan(now, reader),
            0x2010 => self.accept_list.clear(),
            0x2011 => return Some(self.accept((reader.u8(), reader.bytes()))),
            0x2012 => {
                let place = (reader.u8(), reader.bytes());
                self.accept_list.retain(|listed| *listed != place);
            }
            _ => return None,
        }
        Some(status::OK)
    }

    /// Commands that need the world; with the status to answer.
    fn request(&mut self, opcode: u16, mut reader: Reader<'_>) -> Option<(Request, u8)> {
        let request = match opcode {
            0x0c03 => Request::Reset,
            0x0406 => Request::Disconnect {
                handle: reader.u16(),
                reason: reader.u8(),
            },
            0x041d => Request::Version(reader.u16()),
            0x1405 => Request::Rssi(reader.u16()),
            0x200d => return Some((Request::Nothing, self.connect(reader))),
            0x200e if self.wanted.is_none() => return Some((Request::Cancel, status::COMMAND_DISALLOWED)),
            0x200e => Request::Cancel,
            0x2013 => {
                let handle = reader.u16();
                let _smallest = reader.u16();
                Request::Update(handle, parameters(&mut reader))
            }
            0x2016 => Request::Features(reader.u16()),
            _ => return None,
        };
        Some((request, status::OK))
    }

    fn set_advertising(&mut self, mut reader: Reader<'_>) {
        let units = reader.u16();
        let _largest = reader.u16();
        self.advertiser.interval = Duration::from_micros(u64::from(units.max(0x20)) * 625);
        self.advertiser.kind = reader.u8();
        self.advertiser.own_kind = reader.u8();
    }

    fn advertise(&mut self, now: Instant, on: bool) -> u8 {
        if on && !self.advertiser.on {
            self.advertiser.next = now;
        }
        self.advertiser.on = on;
        status::OK
    }

    fn set_scanning(&mut self, mut reader: Reader<'_>) -> u8 {
        if self.scanner.on {
            return status::COMMAND_DISALLOWED;
        }
        self.scanner.active = reader.u8() == 1;
        self.scanner.interval_us = u64::from(reader.u16()) * 625;
        self.scanner.window_us = u64::from(reader.u16()) * 625;
        let _own_kind = reader.u8();
        self.scanner.accepts_listed_only = reader.u8() & 1 == 1;
        if self.scanner.window_us > self.scanner.interval_us {
            return status::INVALID_PARAMETERS;
        }
        status::OK
    }

    fn scan(&mut self, now: Instant, mut reader: Reader<'_>) {
        self.scanner.on = reader.u8() == 1;
        self.scanner.drops_doubles = reader.u8() == 1;
        self.scanner.since = now;
        self.scanner.seen.clear();
    }

    fn accept(&mut self, place: Place) -> u8 {
        if self.accept_list.len() >= usize::from(ACCEPT_LIST_LEN) {
            return 0x07;
        }
        self.accept_list.retain(|listed| *listed != place);
        self.accept_list.push(place);
        status::OK
    }

    fn connect(&mut self, mut reader: Reader<'_>) -> u8 {
        if self.wanted.is_some() {
            return status::COMMAND_DISALLOWED;
        }
        let (_interval, _window) = (reader.u16(), reader.u16());
        let by_list = reader.u8() == 1;
        let peer = (reader.u8() & 1, reader.bytes());
        let own_kind = reader.u8();
        let _smallest = reader.u16();
        self.wanted = Some(Wanted {
            peer: (!by_list).then_some(peer),
            own_kind,
            parameters: parameters(&mut reader),
        });
        status::OK
    }

    /// Everything as after power-on.
    pub(super) fn reset(&mut self) {
        let fresh = Self::new(self.public, self.random.clone());
        let (in_range, rssi_dbm, unknown) = (self.in_range, self.rssi_dbm, self.unknown_commands);
        *self = fresh;
        (self.in_range, self.rssi_dbm, self.unknown_commands) = (in_range, rssi_dbm, unknown);
    }
}

/// Interval, latency and timeout: this controller takes the largest interval it is offered.
fn parameters(reader: &mut Reader<'_>) -> Parameters {
    let (interval, latency, timeout) = (reader.u16(), reader.u16(), reader.u16());
    Parameters {
        interval: interval.clamp(6, 3200),
        latency,
        timeout: timeout.max(10),
    }
}

/// Up to 31 bytes behind their length.
fn sized(mut reader: Reader<'_>) -> Vec<u8> {
    let len = usize::from(reader.u8()).min(31).min(reader.0.len());
    reader.0[..len].to_vec()
}

fn supported_commands() -> Vec<u8> {
    let mut octets = vec![0; 64];
    for (octet, bits) in COMMANDS {
        octets[*octet] = *bits;
    }
    octets
}

/// 251 bytes, 2,120 microseconds.
fn data_length() -> [u8; 4] {
    let [a, b] = 251_u16.to_le_bytes();
    let [c, d] = 2120_u16.to_le_bytes();
    [a, b, c, d]
}

/// A report of an advertisement: 0 an advertisement, 4 the answer to a scan request.
pub(super) fn report(kind: u8, place: Place, data: &[u8], rssi_dbm: i16) -> Vec<u8> {
    let rssi = rssi_dbm.clamp(-127, 20) as i8;
    let head = [&[1, kind, place.0], &place.1[..], &[data.len() as u8]].concat();
    hci::le_event(0x02, &[&head[..], data, &rssi.to_le_bytes()].concat())
}
