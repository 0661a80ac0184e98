//! One connection at the pace of its events; without IO.
//!
//! Both ends speak only at connection events. An event is a row of exchanges: a packet from the central, a
//! packet from the peripheral, empty where there is nothing to say. It ends when both have nothing left, when
//! the controllers' limit is reached or when the next exchange would not fit before the next event. What is
//! answered to a packet of one event leaves with the next one at the earliest.

use std::collections::VecDeque;
use std::time::Duration;

use firmware_protocol::time::Instant;

/// Between two packets (Core 5.4, Vol 6, Part B, 4.1.1).
const INTER_FRAME_US: u64 = 150;
/// Events between the announcement of new connection parameters and their use.
const UPDATE_EVENTS: u64 = 6;

/// What connection events carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Physics {
    /// Exchanges per event that controllers allow.
    pub exchanges_per_event: u32,
    /// Payload of a link-layer packet in bytes: 27, or up to 251 with data length extension.
    pub packet_len_max: usize,
    /// Of a thousand exchanges so many are lost; a lost one ends the event and is repeated in the next.
    pub loss_permille: u64,
}

impl Default for Physics {
    fn default() -> Self {
        Self {
            exchanges_per_event: 6,
            packet_len_max: 251,
            loss_permille: 0,
        }
    }
}

/// Air time of one packet on the 1M PHY: preamble, address, header, payload, CRC.
fn air_us(payload_len: usize) -> u64 {
    (1 + 4 + 2 + payload_len as u64 + 3) * 8
}

/// One of the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Central,
    Peripheral,
}

impl End {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Central => Self::Peripheral,
            Self::Peripheral => Self::Central,
        }
    }

    pub(super) const BOTH: [Self; 2] = [Self::Central, Self::Peripheral];
}

/// What crosses the link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pdu {
    /// An ACL packet of the host: boundary flag and bytes.
    Data {
        first: bool,
        bytes: Vec<u8>,
    },
    FeaturesAsked,
    Features,
    VersionAsked,
    Version,
    Update(Parameters),
    Terminate(u8),
}

impl Pdu {
    fn len(&self) -> usize {
        match self {
            Self::Data { bytes, .. } => bytes.len(),
            Self::FeaturesAsked | Self::Features => 9,
            Self::VersionAsked | Self::Version => 6,
            Self::Update(_) => 12,
            Self::Terminate(_) => 2,
        }
    }
}

/// Connection parameters in the units of HCI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parameters {
    /// In 1.25 ms.
    pub(super) interval: u16,
    pub(super) latency: u16,
    /// In 10 ms.
    pub(super) timeout: u16,
}

impl Parameters {
    pub(super) fn interval_us(&self) -> u64 {
        u64::from(self.interval) * 1_250
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(u64::from(self.timeout) * 10)
    }
}

#[derive(Debug)]
struct Queued {
    since: Instant,
    bytes_left: usize,
    pdu: Pdu,
}

/// What one event brought.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Carried {
    /// What arrived at the peripheral, in order.
    pub(super) down: Vec<Pdu>,
    /// What arrived at the central, in order.
    pub(super) up: Vec<Pdu>,
    /// New parameters hold from now on.
    pub(super) updated: Option<Parameters>,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) parameters: Parameters,
    anchor: Instant,
    /// The last event that was carried out.
    last: Instant,
    down: VecDeque<Queued>,
    up: VecDeque<Queued>,
    update: Option<(Instant, Parameters)>,
    /// Nothing passes any more since then.
    cut: Option<Instant>,
}

impl Link {
    /// A link whose first event is one interval from now.
    pub(super) fn new(parameters: Parameters, now: Instant) -> Self {
        Self {
            parameters,
            anchor: now,
            last: now,
            down: VecDeque::new(),
            up: VecDeque::new(),
            update: None,
            cut: None,
        }
    }

    pub(super) fn push(&mut self, now: Instant, from: End, pdu: Pdu) {
        let queued = Queued {
            since: now,
            bytes_left: pdu.len(),
            pdu,
        };
        match from {
            End::Central => self.down.push_back(queued),
            End::Peripheral => self.up.push_back(queued),
        }
    }

    /// From now on nothing passes.
    pub(super) fn cut(&mut self, now: Instant) {
        self.cut.get_or_insert(now);
    }

    /// When both ends notice that the link is lost.
    pub(super) fn lost_at(&self) -> Option<Instant> {
        self.cut.map(|since| since + self.parameters.timeout())
    }

    /// When the next event with something to carry or to change takes place.
    pub(super) fn next_event(&self) -> Option<Instant> {
        if self.cut.is_some() {
            return None;
        }
        let heads = [&self.down, &self.up].map(|queue| queue.front().map(|queued| queued.since));
        let first = heads.into_iter().flatten().min();
        let carries = first.map(|since| self.event_after(since.max(self.last)));
        [carries, self.update.map(|(at, _)| at)]
            .into_iter()
            .flatten()
            .min()
    }

    fn event_after(&self, moment: Instant) -> Instant {
        let interval = self.parameters.interval_us();
        let passed = moment.since(self.anchor).as_micros() as u64 / interval;
        self.anchor + Duration::from_micros((passed + 1) * interval)
    }

    /// Carries out the event at `event`, which [`next_event`](Self::next_event) gave. `is_lost` is asked
    /// for each exchange.
    pub(super) fn carry(
        &mut self,
        event: Instant,
        physics: Physics,
        mut is_lost: impl FnMut() -> bool,
    ) -> Carried {
        self.last = event;
        let mut carried = Carried {
            updated: self.update_at(event),
            ..Carried::default()
        };
        let mut used_us = 0;
        for exchange in 0..physics.exchanges_per_event {
            let (down, up) = (due(&self.down, event, physics), due(&self.up, event, physics));
            if down.is_none() && up.is_none() {
                break;
            }
            used_us += air_us(down.unwrap_or(0)) + air_us(up.unwrap_or(0)) + 2 * INTER_FRAME_US;
            if (exchange > 0 && used_us > self.parameters.interval_us()) || is_lost() {
                break;
            }
            carried.down.extend(send(&mut self.down, down));
            carried.up.extend(send(&mut self.up, up));
        }
        self.note_update(&carried);
        carried
    }

    fn update_at(&mut self, event: Instant) -> Option<Parameters> {
        let (_, parameters) = self.update.take_if(|(at, _)| *at <= event)?;
        self.parameters = parameters;
        self.anchor = event;
        Some(parameters)
    }

    fn note_update(&mut self, carried: &Carried) {
        for pdu in &carried.down {
            if let Pdu::Update(parameters) = pdu {
                let delay = Duration::from_micros(UPDATE_EVENTS * self.parameters.interval_us());
                self.update = Some((self.last + delay, *parameters));
            }
        }
    }
}

/// Length of the next packet, if something is to be sent at this event.
fn due(queue: &VecDeque<Queued>, event: Instant, physics: Physics) -> Option<usize> {
    let head = queue.front().filter(|head| head.since < event)?;
    Some(head.bytes_left.min(physics.packet_len_max))
}

fn send(queue: &mut VecDeque<Queued>, len: Option<usize>) -> Option<Pdu> {
    let head = queue.front_mut()?;
    head.bytes_left -= len?;
    (head.bytes_left == 0).then(|| queue.pop_front().map(|queued| queued.pdu))?
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAST: Parameters = Parameters {
        interval: 6,
        latency: 0,
        timeout: 42,
    };

    fn at(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }

    fn data(len: usize) -> Pdu {
        Pdu::Data {
            first: true,
            bytes: vec![0; len],
        }
    }

    #[test]
    fn a_question_and_its_answer_take_two_intervals() {
        let mut link = Link::new(FAST, at(0));
        link.push(at(100), End::Central, Pdu::FeaturesAsked);
        assert_eq!(link.next_event(), Some(at(7_500)));
        let carried = link.carry(at(7_500), Physics::default(), || false);
        assert_eq!((carried.down.len(), carried.up.len()), (1, 0));
        link.push(at(7_500), End::Peripheral, Pdu::Features);
        assert_eq!(link.next_event(), Some(at(15_000)));
        assert_eq!(
            link.carry(at(15_000), Physics::default(), || false).up,
            [Pdu::Features]
        );
        assert_eq!(link.next_event(), None);
    }

    /// Packets of `len` bytes from the peripheral: how many each event brings.
    fn check(len: usize, packets: usize, physics: Physics, expected: &[usize]) {
        let mut link = Link::new(FAST, at(0));
        (0..packets).for_each(|_| link.push(at(1), End::Peripheral, data(len)));
        let mut events = Vec::new();
        while let Some(event) = link.next_event() {
            events.push(link.carry(event, physics, || false).up.len());
        }
        assert_eq!(events, expected, "{len} bytes");
    }

    #[test]
    fn an_event_carries_what_fits_into_its_time_and_limit() {
        let physics = Physics::default();
        check(27, 8, physics, &[6, 2]);
        // 2,468 microseconds each: three fit into 7.5 ms.
        check(251, 4, physics, &[3, 1]);
        let short = Physics {
            packet_len_max: 27,
            ..physics
        };
        check(251, 1, short, &[0, 1]);
    }

    #[test]
    fn what_is_lost_is_repeated_in_the_next_event() {
        let mut link = Link::new(FAST, at(0));
        link.push(at(1), End::Central, data(20));
        assert_eq!(
            link.carry(at(7_500), Physics::default(), || true),
            Carried::default()
        );
        assert_eq!(link.carry(at(15_000), Physics::default(), || false).down.len(), 1);
    }

    #[test]
    fn new_parameters_hold_six_events_later() {
        let slow = Parameters { interval: 40, ..FAST };
        let mut link = Link::new(FAST, at(0));
        link.push(at(1), End::Central, Pdu::Update(slow));
        link.carry(at(7_500), Physics::default(), || false);
        assert_eq!(link.next_event(), Some(at(52_500)));
        let carried = link.carry(at(52_500), Physics::default(), || false);
        assert_eq!(carried.updated, Some(slow));
        link.push(at(52_600), End::Central, data(1));
        assert_eq!(link.next_event(), Some(at(102_500)));
    }

    #[test]
    fn a_cut_link_carries_nothing_and_is_found_lost() {
        let mut link = Link::new(FAST, at(0));
        link.push(at(1), End::Central, data(1));
        link.cut(at(10));
        assert_eq!((link.next_event(), link.lost_at()), (None, Some(at(420_010))));
    }
}
