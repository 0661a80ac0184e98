//! H4: HCI packets one after the other in a byte stream, each behind one byte that says what it is
//! (Core 5.4, Vol 4, Part A, 2).

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt;
use std::io;

use bt_hci_transport::{
    PacketKind, PacketToController, PacketToHost, ReadHciError, Transport, WithIndicator,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadHalf, WriteHalf};
use tokio::sync::{Mutex, Notify};

const ACL: u8 = 2;
const SYNCHRONOUS: u8 = 3;
const EVENT: u8 = 4;
const ISOCHRONOUS: u8 = 5;

const DISCONNECTION_COMPLETE: u8 = 0x05;
const COMMAND_COMPLETE: u8 = 0x0e;
const HARDWARE_ERROR: u8 = 0x10;
const NUMBER_OF_COMPLETED_PACKETS: u8 = 0x13;

const LE_READ_BUFFER_SIZE: u16 = 0x2002;
/// Packet length and count for controllers that have no buffers for LE alone: what each of them can take of
/// the buffers it shares with classic Bluetooth.
const SHARED_BUFFERS: [u8; 3] = [27, 0, 2];

/// The L2CAP channel of the attribute protocol.
const ATT_CHANNEL: u16 = 4;
const EXCHANGE_MTU_REQUEST: u8 = 0x02;
const NOTIFICATION: u8 = 0x1b;

/// A controller at the other end of a stream, and what it still owes us.
pub(super) struct H4<S> {
    reader: Mutex<BufReader<ReadHalf<S>>>,
    writer: Mutex<WriteHalf<S>>,
    mtu_bytes_max: u16,
    /// Notifications handed to the controller so far.
    notifications: Cell<u64>,
    /// Packets with data that the controller has and did not yet send.
    unsent: Cell<u32>,
    progress: Notify,
}

impl<S: AsyncRead + AsyncWrite> H4<S> {
    /// A server on this stream agrees to no more than `mtu_bytes_max`.
    pub(super) fn new(stream: S, mtu_bytes_max: u16) -> Self {
        let (reader, writer) = tokio::io::split(stream);
        Self {
            reader: Mutex::new(BufReader::new(reader)),
            writer: Mutex::new(writer),
            mtu_bytes_max,
            notifications: Cell::new(0),
            unsent: Cell::new(0),
            progress: Notify::new(),
        }
    }

    pub(super) fn notifications(&self) -> u64 {
        self.notifications.get()
    }

    /// Waits until `notifications` were handed over in total and everything has left the controller.
    pub(super) async fn flushed(&self, notifications: u64) {
        while self.notifications.get() < notifications || self.unsent.get() > 0 {
            self.progress.notified().await;
        }
    }

    /// The next packet, whole.
    async fn packet(&self) -> Result<Vec<u8>, Error> {
        let mut reader = self.reader.lock().await;
        let kind = reader.read_u8().await?;
        let header_len = match kind {
            EVENT => 2,
            SYNCHRONOUS => 3,
            ACL | ISOCHRONOUS => 4,
            other => return Err(Error::Kind(other)),
        };
        let mut packet = vec![0; 1 + header_len];
        packet[0] = kind;
        reader.read_exact(&mut packet[1..]).await?;
        let len = match kind {
            EVENT => usize::from(packet[2]),
            SYNCHRONOUS => usize::from(packet[3]),
            _ => usize::from(word(&packet, 3) & 0x3fff),
        };
        packet.resize(1 + header_len + len, 0);
        reader.read_exact(&mut packet[1 + header_len..]).await?;
        Ok(packet)
    }

    /// Sees a packet of the controller before the host stack does.
    fn inspect(&self, packet: &mut [u8]) -> Result<(), Error> {
        match (packet[0], packet[1]) {
            (EVENT, HARDWARE_ERROR) => return Err(Error::Hardware(packet.get(3).copied().unwrap_or(0))),
            (EVENT, DISCONNECTION_COMPLETE) => self.unsent.set(0),
            (EVENT, COMMAND_COMPLETE) => share_buffers(packet),
            (EVENT, NUMBER_OF_COMPLETED_PACKETS) => {
                let counts = packet[4..].chunks_exact(4).map(|entry| u32::from(word(entry, 2)));
                self.unsent.set(self.unsent.get().saturating_sub(counts.sum()));
            }
            (ACL, _) => self.lower_mtu(packet),
            _ => return Ok(()),
        }
        self.progress.notify_waiters();
        Ok(())
    }

    /// The largest MTU of the host stack is a property of its buffer's type, and a band's is a knob. A
    /// server answers with the lower one of its own and the client's, so the client's is lowered on the way.
    fn lower_mtu(&self, packet: &mut [u8]) {
        if starts_att(packet, EXCHANGE_MTU_REQUEST) && packet.len() >= 12 {
            let mtu_bytes = word(packet, 10).min(self.mtu_bytes_max);
            packet[10..12].copy_from_slice(&mtu_bytes.to_le_bytes());
        }
    }

    fn count(&self, packet: &[u8]) {
        if packet[0] == ACL {
            self.unsent.set(self.unsent.get() + 1);
            if starts_att(packet, NOTIFICATION) {
                self.notifications.set(self.notifications.get() + 1);
            }
            self.progress.notify_waiters();
        }
    }
}

/// "None" as the answer to how many LE buffers there are means that LE uses those of classic Bluetooth (Core
/// 5.4, Vol 4, Part E, 7.8.2). The host stack would wait for them for ever.
fn share_buffers(packet: &mut [u8]) {
    let is_answer = packet.len() >= 10 && word(packet, 4) == LE_READ_BUFFER_SIZE && packet[6] == 0;
    if is_answer && (word(packet, 7) == 0 || packet[9] == 0) {
        packet[7..10].copy_from_slice(&SHARED_BUFFERS);
    }
}

/// Whether a packet is the first fragment of an ATT packet with this opcode.
fn starts_att(packet: &[u8], opcode: u8) -> bool {
    const CONTINUES: u16 = 1;
    packet.len() > 9
        && word(packet, 1) >> 12 & 3 != CONTINUES
        && word(packet, 7) == ATT_CHANNEL
        && packet[9] == opcode
}

fn word(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// [`H4`] as the host stack takes it: more than one stack may use it, one after the other.
pub(super) struct Wire<'a, S>(pub(super) &'a H4<S>);

impl<S> embedded_io::ErrorType for Wire<'_, S> {
    type Error = Error;
}

impl<S: AsyncRead + AsyncWrite> Transport for Wire<'_, S> {
    async fn read<'a, P: PacketToHost<'a>>(&self, rx: &'a mut [u8]) -> Result<P, Error> {
        let mut packet = self.0.packet().await?;
        self.0.inspect(&mut packet)?;
        let mut rest = &packet[..];
        let kind = PacketKind::read(&mut rest)?;
        Ok(P::read_hci(kind, &mut rest, rx)?)
    }

    /// A packet goes out in one write: a kernel's user channel takes nothing else.
    async fn write<P: PacketToController>(&self, packet: &P) -> Result<(), Error> {
        let mut bytes = Vec::with_capacity(packet.size() + 1);
        WithIndicator::new(packet)
            .write_hci(&mut bytes)
            .expect("memory takes everything");
        let mut writer = self.0.writer.lock().await;
        self.0.count(&bytes);
        writer.write_all(&bytes).await?;
        Ok(writer.flush().await?)
    }
}

/// Why a controller cannot be used any more.
#[derive(Debug)]
pub(super) enum Error {
    /// The stream broke or ended.
    Io(io::Error),
    /// No packet begins with this byte.
    Kind(u8),
    /// A packet that the host stack cannot read.
    Packet(ReadHciError<Infallible>),
    /// The controller failed and must be reset.
    Hardware(u8),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("the controller is gone")
            }
            Self::Io(error) => write!(f, "the controller cannot be reached: {error}"),
            Self::Kind(kind) => write!(f, "no H4 packet begins with {kind:#04x}"),
            Self::Packet(error) => write!(f, "the controller sent a packet nobody can read: {error}"),
            Self::Hardware(code) => write!(f, "the controller reported hardware error {code:#04x}"),
        }
    }
}

impl std::error::Error for Error {}

impl embedded_io::Error for Error {
    fn kind(&self) -> embedded_io::ErrorKind {
        embedded_io::ErrorKind::Other
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<ReadHciError<Infallible>> for Error {
    fn from(error: ReadHciError<Infallible>) -> Self {
        Self::Packet(error)
    }
}
