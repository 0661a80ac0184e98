//! The central of these tests, by script: it says and hears on the link what a test wants. Either it is the
//! band's controller as well, and answers the host's commands; or it is a host itself, behind a controller of
//! an air. Nothing here knows how the band is made.

use std::collections::VecDeque;
use std::time::Duration;

use simulators::bluez::Address;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// The link's handle where the controller is ours.
const LINK: u16 = 0x0040;
const ATT: u16 = 4;
/// Longer than any of these tests should take, on any machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Data in one packet, towards the band.
const DOWN_LEN: usize = 27;

pub(crate) const ERROR: u8 = 0x01;

/// What the central sees of a band, and what it does with its own side of the bargain.
pub(crate) struct Central {
    stream: DuplexStream,
    /// There is an air between us and the band.
    is_host: bool,
    link: u16,
    /// Commands that were answered.
    answered: u32,
    /// Packets from the host that the controller takes before it wants to send some. None: it has no buffers
    /// for LE alone.
    pub(crate) buffers: u8,
    /// Keeps what the host sent, and reports nothing as sent.
    pub(crate) holds: bool,
    /// Packets that are held.
    pub(crate) held: u16,
    pub(crate) resets: u32,
    pub(crate) address: Option<[u8; 6]>,
    pub(crate) advertises: bool,
    /// The advertisement, and how often it was set.
    pub(crate) advertisement: Vec<u8>,
    pub(crate) advertisements: u32,
    pub(crate) connected: bool,
    /// Why the host ended the link.
    pub(crate) ended: Option<u8>,
    /// Handle and value, oldest first.
    pub(crate) notifications: VecDeque<(u16, Vec<u8>)>,
    responses: VecDeque<Vec<u8>>,
    /// A packet of the host that is not complete yet.
    partial: Vec<u8>,
    /// Packets the controller has had in hand at once, at most.
    pub(crate) held_max: u16,
}

impl Central {
    /// The central, and the stream for the host.
    pub(crate) fn new() -> (Self, DuplexStream) {
        let (stream, host) = tokio::io::duplex(64 * 1024);
        (Self::on(stream, false), host)
    }

    fn on(stream: DuplexStream, is_host: bool) -> Self {
        Self {
            stream,
            is_host,
            link: LINK,
            answered: 0,
            buffers: 4,
            holds: false,
            held: 0,
            resets: 0,
            address: None,
            advertises: false,
            advertisement: Vec::new(),
            advertisements: 0,
            connected: false,
            ended: None,
            notifications: VecDeque::new(),
            responses: VecDeque::new(),
            partial: Vec::new(),
            held_max: 0,
        }
    }

    /// A host behind the controller at the other end of `stream`, connected to the band at this address with
    /// this connection interval, a multiple of 1.25 ms.
    pub(crate) async fn linked(stream: DuplexStream, band: Address, interval: Duration) -> Self {
        let mut central = Self::on(stream, true);
        let interval = ((interval.as_micros() / 1250) as u16).to_le_bytes();
        let create = [
            &[0x60, 0, 0x60, 0, 0, 1],
            &reversed(band)[..],
            &[0],
            &interval,
            &interval,
            &[0, 0, 200, 0, 0, 0, 0, 0],
        ];
        central.order(0x0c03, &[]).await;
        central.order(0x200d, &create.concat()).await;
        central.until("the link is made", |it| it.connected).await;
        central
    }

    /// Sends a command and waits until the controller takes it.
    async fn order(&mut self, opcode: u16, parameters: &[u8]) {
        let [low, high] = opcode.to_le_bytes();
        let head = [1, low, high, parameters.len() as u8];
        self.send(&[&head, parameters].concat()).await;
        let before = self.answered;
        self.until("the command is answered", |it| it.answered > before)
            .await;
    }

    /// Lives on until `done`.
    #[track_caller]
    pub(crate) fn until(
        &mut self,
        what: &'static str,
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> impl Future<Output = ()> {
        let place = std::panic::Location::caller();
        async move {
            let wait = async {
                while !done(self) {
                    self.step().await;
                }
            };
            let waited = tokio::time::timeout(PATIENCE, wait).await;
            assert!(waited.is_ok(), "{place}: waited in vain until {what}");
        }
    }

    /// Lives on until this moment.
    pub(crate) async fn for_a_while(&mut self, duration: Duration) {
        let end = tokio::time::Instant::now() + duration;
        while tokio::time::timeout_at(end, self.step()).await.is_ok() {}
    }

    /// Takes one packet from the host.
    pub(crate) async fn step(&mut self) {
        let kind = self.stream.read_u8().await.expect("the host is there");
        match kind {
            1 => {
                let opcode = self.stream.read_u16_le().await.unwrap();
                let len = self.stream.read_u8().await.unwrap();
                let parameters = self.take(usize::from(len)).await;
                self.command(opcode, &parameters).await;
            }
            2 => {
                let handle = self.stream.read_u16_le().await.unwrap();
                let len = self.stream.read_u16_le().await.unwrap();
                let data = self.take(usize::from(len)).await;
                self.data(handle, &data).await;
            }
            4 if self.is_host => {
                let code = self.stream.read_u8().await.unwrap();
                let len = self.stream.read_u8().await.unwrap();
                let parameters = self.take(usize::from(len)).await;
                self.heard(code, &parameters);
            }
            other => panic!("a packet of kind {other}"),
        }
    }

    async fn take(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.stream.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    /// Takes an event of a controller that is not ours.
    fn heard(&mut self, code: u8, parameters: &[u8]) {
        match (code, parameters) {
            (0x0e, [_, _, _, status, ..]) | (0x0f, [status, ..]) => {
                assert_eq!(*status, 0, "the controller refused");
                self.answered += 1;
            }
            (0x3e, [0x01, 0, low, high, ..]) => {
                self.link = u16::from_le_bytes([*low, *high]);
                self.connected = true;
            }
            (0x05, [.., reason]) => (self.connected, self.ended) = (false, Some(*reason)),
            _ => {}
        }
    }

    async fn command(&mut self, opcode: u16, parameters: &[u8]) {
        let mut answer = vec![0];
        match opcode {
            0x0c03 => self.resets += 1,
            0x0c63 => return self.event(0x0f, &[1, 1, 0x63, 0x0c]).await,
            0x0406 => {
                self.event(0x0f, &[0, 1, 0x06, 0x04]).await;
                self.ended = Some(parameters[2]);
                return self.disconnection_complete(0x16).await;
            }
            0x1009 => answer.extend([6, 5, 4, 3, 2, 1]),
            0x2002 if self.buffers == 0 => answer.extend([0, 0, 0]),
            0x2002 => answer.extend([251, 0, self.buffers]),
            0x2005 => self.address = parameters.try_into().ok(),
            0x2008 => {
                self.advertisement = parameters[1..=usize::from(parameters[0])].to_vec();
                self.advertisements += 1;
            }
            0x200a => self.advertises = parameters[0] == 1,
            0x200f => answer.push(8),
            _ => {}
        }
        let [low, high] = opcode.to_le_bytes();
        self.event(0x0e, &[&[1, low, high], &answer[..]].concat()).await;
    }

    async fn data(&mut self, handle: u16, data: &[u8]) {
        assert_eq!(handle & 0xfff, self.link, "data for a link that is not there");
        self.held += 1;
        self.held_max = self.held_max.max(self.held);
        if handle >> 12 & 3 != 1 {
            assert!(self.partial.is_empty(), "a packet began within another");
        }
        self.partial.extend(data);
        let len = usize::from(u16::from_le_bytes([self.partial[0], self.partial[1]]));
        if self.partial.len() == len + 4 {
            let packet = std::mem::take(&mut self.partial);
            assert_eq!(u16::from_le_bytes([packet[2], packet[3]]), ATT);
            self.att(&packet[4..]);
        }
        if !self.holds && !self.is_host {
            self.release(self.held).await;
        }
    }

    fn att(&mut self, packet: &[u8]) {
        if packet[0] == 0x1b {
            let handle = u16::from_le_bytes([packet[1], packet[2]]);
            self.notifications.push_back((handle, packet[3..].to_vec()));
        } else {
            self.responses.push_back(packet.to_vec());
        }
    }

    /// Sends so many packets of those held.
    pub(crate) async fn release(&mut self, count: u16) {
        self.held -= count;
        let [link, count] = [LINK.to_le_bytes(), count.to_le_bytes()];
        self.event(0x13, &[1, link[0], link[1], count[0], count[1]]).await;
    }

    async fn event(&mut self, code: u8, parameters: &[u8]) {
        let header = [4, code, parameters.len() as u8];
        self.send(&[&header, parameters].concat()).await;
    }

    async fn send(&mut self, packet: &[u8]) {
        self.stream.write_all(packet).await.unwrap();
    }

    /// The controller fails.
    pub(crate) async fn hardware_error(&mut self) {
        (self.advertises, self.connected) = (false, false);
        self.event(0x10, &[0x42]).await;
    }

    /// Connects once the band advertises.
    pub(crate) async fn connect(&mut self) {
        self.until("the band advertises", |it| it.advertises).await;
        (self.advertises, self.connected, self.ended) = (false, true, None);
        let [low, high] = LINK.to_le_bytes();
        let peer = [0x42, 0, 0, 1, 0xaa, 0];
        let mut parameters = vec![1, 0, low, high, 1, 0];
        parameters.extend(peer);
        parameters.extend([24, 0, 0, 0, 42, 0, 0]);
        self.event(0x3e, &parameters).await;
    }

    /// Loses the link, with what was held.
    pub(crate) async fn lose_link(&mut self) {
        self.disconnection_complete(0x08).await;
    }

    async fn disconnection_complete(&mut self, reason: u8) {
        (self.connected, self.held) = (false, 0);
        self.partial.clear();
        self.responses.clear();
        let [low, high] = LINK.to_le_bytes();
        self.event(0x05, &[0, low, high, reason]).await;
    }

    /// Puts an ATT packet on the link, in as many fragments as it takes.
    pub(crate) async fn put(&mut self, packet: &[u8]) {
        let len = (packet.len() as u16).to_le_bytes();
        let whole = [&len[..], &ATT.to_le_bytes(), packet].concat();
        for (place, fragment) in whole.chunks(DOWN_LEN).enumerate() {
            // A host says 0 where a controller says 2.
            let boundary = if place > 0 {
                1
            } else {
                2 * u16::from(!self.is_host)
            };
            let handle = (self.link | boundary << 12).to_le_bytes();
            let len = (fragment.len() as u16).to_le_bytes();
            self.send(&[&[2], &handle[..], &len, fragment].concat()).await;
        }
    }

    /// Asks and waits for the answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Vec<u8> {
        self.put(request).await;
        self.until("the band answers", |it| !it.responses.is_empty())
            .await;
        self.responses.pop_front().unwrap()
    }

    /// True if nobody answers for a while.
    pub(crate) async fn hears_nothing(&mut self) -> bool {
        self.for_a_while(Duration::from_millis(300)).await;
        self.responses.is_empty()
    }

    /// The MTU that the band answers with, in bytes.
    pub(crate) async fn exchange_mtu(&mut self, mtu_bytes: u16) -> u16 {
        let answer = self.ask(&[&[0x02], &mtu_bytes.to_le_bytes()[..]].concat()).await;
        assert_eq!(answer[0], 0x03);
        u16::from_le_bytes([answer[1], answer[2]])
    }

    pub(crate) async fn write(&mut self, handle: u16, value: &[u8]) -> Vec<u8> {
        self.ask(&[&[0x12], &handle.to_le_bytes()[..], value].concat())
            .await
    }

    pub(crate) async fn write_without_response(&mut self, handle: u16, value: &[u8]) {
        self.put(&[&[0x52], &handle.to_le_bytes()[..], value].concat())
            .await;
    }

    /// A value, read with as many requests as it takes.
    pub(crate) async fn read(&mut self, handle: u16, mtu_bytes: u16) -> Vec<u8> {
        let mut value = self.ask(&[&[0x0a], &handle.to_le_bytes()[..]].concat()).await;
        assert_eq!(value.remove(0), 0x0b);
        let mut last = value.len();
        while last == usize::from(mtu_bytes) - 1 {
            let offset = (value.len() as u16).to_le_bytes();
            let more = self
                .ask(&[&[0x0c], &handle.to_le_bytes()[..], &offset].concat())
                .await;
            assert_eq!(more[0], 0x0d);
            last = more.len() - 1;
            value.extend(&more[1..]);
        }
        value
    }

    /// First and last handle and UUID of each primary service.
    pub(crate) async fn services(&mut self) -> Vec<(u16, u16, Vec<u8>)> {
        let entries = self.by_type(0x10, 1, 0xffff, 0x2800).await;
        let entry = |entry: Vec<u8>| (pair(&entry, 0), pair(&entry, 2), entry[4..].to_vec());
        entries.into_iter().map(entry).collect()
    }

    /// Value handle, properties and UUID of each characteristic of a service.
    pub(crate) async fn characteristics(&mut self, first: u16, last: u16) -> Vec<(u16, u8, Vec<u8>)> {
        let entries = self.by_type(0x08, first, last, 0x2803).await;
        let entry = |entry: Vec<u8>| (pair(&entry, 3), entry[2], entry[5..].to_vec());
        entries.into_iter().map(entry).collect()
    }

    async fn by_type(&mut self, opcode: u8, mut first: u16, last: u16, of: u16) -> Vec<Vec<u8>> {
        let mut entries = Vec::new();
        loop {
            let numbers = [first, last, of].map(u16::to_le_bytes).concat();
            let answer = self.ask(&[&[opcode], &numbers[..]].concat()).await;
            if answer[0] == ERROR {
                assert_eq!(answer[4], 0x0a, "attribute not found");
                return entries;
            }
            assert_eq!(answer[0], opcode + 1);
            entries.extend(answer[2..].chunks(usize::from(answer[1])).map(<[u8]>::to_vec));
            let newest = &entries[entries.len() - 1];
            let end = if opcode == 0x10 {
                pair(newest, 2)
            } else {
                pair(newest, 0)
            };
            if end == last {
                return entries;
            }
            first = end + 1;
        }
    }
}

fn pair(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// An address as it stands in HCI packets.
pub(crate) fn reversed(address: Address) -> [u8; 6] {
    let mut bytes = address.0;
    bytes.reverse();
    bytes
}
