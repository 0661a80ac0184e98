//! Packets cut to the link's MTU, with sequence numbers, acknowledgement and flow control.
//!
//! GATT promises order and delivery, but the stacks around it do not: full queues drop notifications,
//! parallel channels reorder them, retries double them. So each value on the link is a frame:
//!
//! ```text
//!   byte 0    flags: 1 FIRST, 2 LAST, 4 DATA; the rest is zero
//!   byte 1    sequence number of this frame, or of the next one if there is no data
//!   byte 2    acknowledgement: the sequence number expected next from the peer
//!   bytes 3-4 only with FIRST: length of the packet in bytes, big endian
//!   then      payload, at least one byte with DATA
//! ```
//!
//! A packet is 1 to [`PACKET_LEN_MAX`] bytes and travels as one FIRST, any number of middle and one LAST
//! frame (or one that is both). Each direction counts its data frames from 0, modulo 256. At most
//! [`WINDOW`] frames may be unacknowledged. The receiver keeps frames that arrive early, drops doubles,
//! and acknowledges with its own data, after every [`ACK_EVERY`] frames, or [`ACK_DELAY`] after the
//! first frame not yet acknowledged; a frame out of order is acknowledged at once, and a repeated
//! acknowledgement makes the sender repeat the frame it names. What is not acknowledged within
//! [`RESEND_AFTER`] is sent again, [`RESEND_MAX`] times without progress; then the link has failed.
//!
//! A sender cuts frames to its own view of the MTU. A receiver takes any frame up to
//! [`VALUE_LEN_MAX`](gatt::VALUE_LEN_MAX): the two ends hear of a new MTU at different moments.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use crate::gatt;
use crate::time::Instant;

/// Longest packet, in bytes.
pub const PACKET_LEN_MAX: usize = 2048;
/// Frames that may be under way without acknowledgement.
pub const WINDOW: u8 = 16;
/// Frames after which a receiver acknowledges without being asked.
pub const ACK_EVERY: u8 = 4;
/// Longest time a receiver keeps an acknowledgement back.
pub const ACK_DELAY: Duration = Duration::from_millis(150);
/// Time without acknowledgement after which frames are sent again.
pub const RESEND_AFTER: Duration = Duration::from_millis(1000);
/// Repetitions without progress after which the link has failed.
pub const RESEND_MAX: u8 = 4;

/// Numbers behind the newest that are taken for a frame of the past, not of the future.
const STALE: u8 = 127;
const FIRST: u8 = 1;
const LAST: u8 = 2;
const DATA: u8 = 4;
const HEADER_LEN: usize = 3;
const LENGTH_LEN: usize = 2;

/// What is wrong with a frame or with the link that carries it. Each of these ends the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameFault {
    /// Too short for its header, or without the payload it announces.
    Truncated,
    /// Longer than [`VALUE_LEN_MAX`](gatt::VALUE_LEN_MAX).
    Oversized,
    /// A flag that does not exist, or payload without the DATA flag.
    Flags(u8),
    /// A sequence number the sender could not have reached.
    OutsideWindow,
    /// Acknowledges what was never sent.
    AcknowledgesUnsent,
    /// A packet of no bytes or of more than [`PACKET_LEN_MAX`].
    PacketLength(u16),
    /// A new packet begins before the last has ended.
    Unfinished,
    /// A packet goes on that never began.
    NotBegun,
    /// The bytes of a packet are not as many as announced.
    LengthMismatch,
    /// The peer has acknowledged nothing for too long.
    Unacknowledged,
}

/// Both directions of one link.
#[derive(Debug)]
pub struct Framing {
    value_len: usize,
    sender: Sender,
    receiver: Receiver,
    /// The time of the last input; timers started by `poll_transmit` count from it.
    now: Instant,
}

impl Framing {
    /// A fresh link with this ATT MTU, in bytes.
    pub fn new(mtu_bytes: u16, now: Instant) -> Self {
        Self {
            value_len: gatt::value_len(mtu_bytes),
            sender: Sender::default(),
            receiver: Receiver::default(),
            now,
        }
    }

    /// Queues a packet. The caller keeps packets within [`PACKET_LEN_MAX`]; anything else is its bug.
    pub fn send(&mut self, now: Instant, packet: &[u8]) {
        assert!(
            (1..=PACKET_LEN_MAX).contains(&packet.len()),
            "a packet of {} bytes",
            packet.len()
        );
        self.now = now;
        self.sender.queue(packet, self.value_len);
    }

    /// Takes one value from the link.
    pub fn handle_input(&mut self, now: Instant, frame: &[u8]) -> Result<(), FrameFault> {
        self.now = now;
        if frame.len() > usize::from(gatt::VALUE_LEN_MAX) {
            return Err(FrameFault::Oversized);
        }
        let frame = Frame::parse(frame)?;
        self.sender
            .acknowledged(frame.acknowledgement, !frame.is_data(), now)?;
        if frame.is_data() {
            self.receiver.handle(frame, now)
        } else {
            Ok(())
        }
    }

    /// Repeats what was not acknowledged in time, and sends acknowledgements that are due.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), FrameFault> {
        self.now = now;
        self.receiver.handle_timeout(now);
        self.sender.handle_timeout(now)
    }

    /// Acknowledges at the next [`poll_transmit`](Self::poll_transmit), without waiting for company.
    pub fn acknowledge_now(&mut self) {
        self.receiver.acknowledge |= self.receiver.unacknowledged > 0;
    }

    /// The next complete packet.
    pub fn poll_packet(&mut self) -> Option<Vec<u8>> {
        self.receiver.packets.pop_front()
    }

    /// The next value for the link.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        let acknowledgement = self.receiver.expected;
        let frame = match self.sender.poll(self.now) {
            Some((sequence, segment)) => segment.frame(sequence, acknowledgement),
            None if self.receiver.acknowledge => Vec::from([0, self.sender.next, acknowledgement]),
            None => return None,
        };
        self.receiver.acknowledged();
        Some(frame)
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.sender.resend_at, self.receiver.acknowledge_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// Frames that wait for the peer to take those before them.
    pub fn waiting(&self) -> usize {
        self.sender.waiting.len()
    }

    /// Everything sent has arrived.
    pub fn is_drained(&self) -> bool {
        self.sender.waiting.is_empty() && self.sender.under_way.is_empty()
    }
}

/// A frame as it stands on the link.
struct Frame<'a> {
    flags: u8,
    sequence: u8,
    acknowledgement: u8,
    payload: &'a [u8],
}

impl<'a> Frame<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, FrameFault> {
        let (&[flags, sequence, acknowledgement], payload) = bytes
            .split_first_chunk::<HEADER_LEN>()
            .ok_or(FrameFault::Truncated)?;
        let known = flags == 0 || (flags & DATA != 0 && flags & !(FIRST | LAST | DATA) == 0);
        if !known || (flags == 0 && !payload.is_empty()) {
            return Err(FrameFault::Flags(flags));
        }
        let least = if flags & FIRST != 0 {
            LENGTH_LEN + 1
        } else {
            usize::from(flags & DATA != 0)
        };
        if payload.len() < least {
            return Err(FrameFault::Truncated);
        }
        Ok(Self {
            flags,
            sequence,
            acknowledgement,
            payload,
        })
    }

    fn is_data(&self) -> bool {
        self.flags & DATA != 0
    }
}

/// What one data frame carries.
#[derive(Clone, Debug)]
struct Segment {
    flags: u8,
    payload: Vec<u8>,
}

impl Segment {
    fn frame(&self, sequence: u8, acknowledgement: u8) -> Vec<u8> {
        let mut frame = Vec::with_capacity(HEADER_LEN + self.payload.len());
        frame.extend_from_slice(&[self.flags, sequence, acknowledgement]);
        frame.extend_from_slice(&self.payload);
        frame
    }
}

#[derive(Debug, Default)]
struct Sender {
    /// Not yet sent.
    waiting: VecDeque<Segment>,
    /// Sent and not yet acknowledged; the first has the sequence number `next - under_way.len()`.
    under_way: VecDeque<Segment>,
    /// Sequence number of the next new frame.
    next: u8,
    /// How many of `under_way`, from the front, are to be sent again; and the one to send next.
    repeat: core::ops::Range<usize>,
    /// The oldest frame was already repeated because the peer asked for it.
    hurried: bool,
    resend_at: Option<Instant>,
    resend_count: u8,
}

impl Sender {
    fn queue(&mut self, packet: &[u8], value_len: usize) {
        let mut rest = packet;
        let mut flags = DATA | FIRST;
        while !rest.is_empty() {
            let mut payload = Vec::new();
            if flags & FIRST != 0 {
                payload.extend_from_slice(&(packet.len() as u16).to_be_bytes());
            }
            let (now, later) = rest.split_at(rest.len().min(value_len - HEADER_LEN - payload.len()));
            payload.extend_from_slice(now);
            if later.is_empty() {
                flags |= LAST;
            }
            self.waiting.push_back(Segment { flags, payload });
            rest = later;
            flags = DATA;
        }
    }

    fn acknowledged(&mut self, expected: u8, bare: bool, now: Instant) -> Result<(), FrameFault> {
        let oldest = self.next.wrapping_sub(self.under_way.len() as u8);
        let count = usize::from(expected.wrapping_sub(oldest));
        if count > self.under_way.len() {
            // An acknowledgement that was overtaken by newer ones, or doubled, names an earlier frame.
            let late = oldest.wrapping_sub(expected) <= STALE;
            return if late {
                Ok(())
            } else {
                Err(FrameFault::AcknowledgesUnsent)
            };
        }
        if count > 0 {
            self.under_way.drain(..count);
            self.repeat = self.repeat.start.saturating_sub(count)..self.repeat.end.saturating_sub(count);
            self.resend_count = 0;
            self.hurried = false;
            self.resend_at = (!self.under_way.is_empty()).then(|| now + RESEND_AFTER);
        } else if bare && !self.under_way.is_empty() && !self.hurried && self.repeat.is_empty() {
            self.hurried = true;
            self.repeat = 0..1;
        }
        Ok(())
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), FrameFault> {
        if self.resend_at.is_none_or(|at| now < at) {
            return Ok(());
        }
        if self.resend_count == RESEND_MAX {
            return Err(FrameFault::Unacknowledged);
        }
        self.resend_count += 1;
        self.repeat = 0..self.under_way.len();
        self.resend_at = Some(now + RESEND_AFTER);
        Ok(())
    }

    fn poll(&mut self, now: Instant) -> Option<(u8, &Segment)> {
        let oldest = self.next.wrapping_sub(self.under_way.len() as u8);
        if let Some(index) = self.repeat.next() {
            return Some((oldest.wrapping_add(index as u8), &self.under_way[index]));
        }
        if self.under_way.len() >= usize::from(WINDOW) {
            return None;
        }
        let segment = self.waiting.pop_front()?;
        let sequence = self.next;
        self.next = self.next.wrapping_add(1);
        self.under_way.push_back(segment);
        self.resend_at.get_or_insert(now + RESEND_AFTER);
        self.under_way.back().map(|segment| (sequence, segment))
    }
}

#[derive(Debug, Default)]
struct Receiver {
    /// Sequence number of the frame that comes next.
    expected: u8,
    /// Frames that came early: at index `i` the one numbered `expected + 1 + i`.
    early: VecDeque<Option<Segment>>,
    /// The packet that is being put together, and its announced length.
    partial: Option<(usize, Vec<u8>)>,
    packets: VecDeque<Vec<u8>>,
    /// New frames since the last acknowledgement went out.
    unacknowledged: u8,
    acknowledge: bool,
    acknowledge_at: Option<Instant>,
}

impl Receiver {
    fn handle(&mut self, frame: Frame<'_>, now: Instant) -> Result<(), FrameFault> {
        let ahead = frame.sequence.wrapping_sub(self.expected);
        let segment = Segment {
            flags: frame.flags,
            payload: frame.payload.to_vec(),
        };
        if ahead == 0 {
            return self.in_order(segment, now);
        }
        if ahead < WINDOW {
            let index = usize::from(ahead) - 1;
            if self.early.len() <= index {
                self.early.resize_with(index + 1, || None);
            }
            self.early[index] = Some(segment);
        } else if ahead <= u8::MAX - STALE {
            return Err(FrameFault::OutsideWindow);
        }
        // Early or doubled: tell the sender at once where we stand.
        self.acknowledge = true;
        Ok(())
    }

    fn in_order(&mut self, segment: Segment, now: Instant) -> Result<(), FrameFault> {
        let mut next = Some(segment);
        while let Some(segment) = next {
            self.expected = self.expected.wrapping_add(1);
            self.unacknowledged = self.unacknowledged.saturating_add(1);
            self.assemble(segment)?;
            next = self.early.pop_front().flatten();
        }
        if self.unacknowledged >= ACK_EVERY {
            self.acknowledge = true;
        }
        self.acknowledge_at.get_or_insert(now + ACK_DELAY);
        Ok(())
    }

    fn assemble(&mut self, segment: Segment) -> Result<(), FrameFault> {
        let Segment { flags, payload } = segment;
        let (length, mut packet, rest) = if flags & FIRST != 0 {
            if self.partial.is_some() {
                return Err(FrameFault::Unfinished);
            }
            let announced = u16::from_be_bytes([payload[0], payload[1]]);
            if !(1..=PACKET_LEN_MAX).contains(&usize::from(announced)) {
                return Err(FrameFault::PacketLength(announced));
            }
            (
                usize::from(announced),
                Vec::with_capacity(usize::from(announced)),
                &payload[LENGTH_LEN..],
            )
        } else {
            let (length, packet) = self.partial.take().ok_or(FrameFault::NotBegun)?;
            (length, packet, &payload[..])
        };
        packet.extend_from_slice(rest);
        let last = flags & LAST != 0;
        if packet.len() > length || (last && packet.len() != length) || (!last && packet.len() == length) {
            return Err(FrameFault::LengthMismatch);
        }
        if last {
            self.packets.push_back(packet);
        } else {
            self.partial = Some((length, packet));
        }
        Ok(())
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.acknowledge |= self.acknowledge_at.take_if(|at| now >= *at).is_some();
    }

    fn acknowledged(&mut self) {
        self.unacknowledged = 0;
        self.acknowledge = false;
        self.acknowledge_at = None;
    }
}
