//! A link at the pace of its connection events; without IO.
//!
//! Both ends speak only at connection events, one every connection interval. At each event a direction
//! carries at most `packets_per_event` link-layer packets. What a band answers to a packet of one event
//! leaves with the next one, so a question and its answer take two intervals: what real BlueZ was
//! measured to need.

use std::collections::VecDeque;
use std::time::Duration;

use firmware_protocol::time::Instant;

/// The bytes that L2CAP and ATT put before a value.
const HEADERS_LEN: usize = 7;

/// How fast a link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Connection interval. Zero: everything is carried at once.
    pub interval: Duration,
    /// Link-layer packets that one event carries per direction.
    pub packets_per_event: u32,
    /// Payload of a link-layer packet in bytes: 27, or up to 251 with data length extension.
    pub packet_len_max: usize,
}

impl Pace {
    /// Link-layer packets for an ATT value of this length.
    fn packets(&self, value_len: usize) -> u32 {
        (value_len + HEADERS_LEN).div_ceil(self.packet_len_max) as u32
    }
}

/// Two queues, one per direction: `D` goes down to the band, `U` up to the station.
#[derive(Debug)]
pub(super) struct Link<D, U> {
    pace: Pace,
    anchor: Instant,
    /// The last event that was carried out.
    last: Instant,
    down: VecDeque<Queued<D>>,
    up: VecDeque<Queued<U>>,
}

#[derive(Debug)]
struct Queued<T> {
    since: Instant,
    packets_left: u32,
    item: T,
}

impl<D, U> Link<D, U> {
    /// A link whose first event is one interval from now.
    pub(super) fn new(pace: Pace, now: Instant) -> Self {
        Self {
            pace,
            anchor: now,
            last: now,
            down: VecDeque::new(),
            up: VecDeque::new(),
        }
    }

    pub(super) fn push_down(&mut self, now: Instant, value_len: usize, item: D) {
        self.down.push_back(Queued {
            since: now,
            packets_left: self.pace.packets(value_len),
            item,
        });
    }

    pub(super) fn push_up(&mut self, now: Instant, value_len: usize, item: U) {
        self.up.push_back(Queued {
            since: now,
            packets_left: self.pace.packets(value_len),
            item,
        });
    }

    /// When the next event with something to carry takes place.
    pub(super) fn next_event(&self) -> Option<Instant> {
        let heads = [
            self.down.front().map(|queued| queued.since),
            self.up.front().map(|queued| queued.since),
        ];
        let first = heads.into_iter().flatten().min()?;
        Some(if self.pace.interval.is_zero() {
            first
        } else {
            self.event_after(first.max(self.last))
        })
    }

    fn event_after(&self, moment: Instant) -> Instant {
        let interval = self.pace.interval.as_micros() as u64;
        let passed = moment.since(self.anchor).as_micros() as u64 / interval;
        self.anchor + Duration::from_micros((passed + 1) * interval)
    }

    /// Carries out the event at `event`, which [`next_event`](Self::next_event) gave: what arrived at
    /// the band and what arrived at the station, each in order.
    pub(super) fn carry(&mut self, event: Instant) -> (Vec<D>, Vec<U>) {
        self.last = event;
        (
            carry(&mut self.down, self.pace, event),
            carry(&mut self.up, self.pace, event),
        )
    }

    /// What was still on its way.
    pub(super) fn into_queues(self) -> (Vec<D>, Vec<U>) {
        let items = |queued: Queued<D>| queued.item;
        (
            self.down.into_iter().map(items).collect(),
            self.up.into_iter().map(|queued| queued.item).collect(),
        )
    }
}

fn carry<T>(queue: &mut VecDeque<Queued<T>>, pace: Pace, event: Instant) -> Vec<T> {
    let mut budget = if pace.interval.is_zero() {
        u32::MAX
    } else {
        pace.packets_per_event
    };
    let mut arrived = Vec::new();
    while let Some(head) = queue.front_mut().filter(|head| budget > 0 && head.since <= event) {
        let sent = head.packets_left.min(budget);
        head.packets_left -= sent;
        budget -= sent;
        if head.packets_left == 0 {
            arrived.extend(queue.pop_front().map(|queued| queued.item));
        }
    }
    arrived
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(interval_us: u64, packets_per_event: u32) -> Link<u32, u32> {
        let interval = Duration::from_micros(interval_us);
        Link::new(
            Pace {
                interval,
                packets_per_event,
                packet_len_max: 251,
            },
            at(0),
        )
    }

    fn at(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }

    #[test]
    fn a_question_and_its_answer_take_two_intervals() {
        let mut link = link(7_500, 6);
        link.push_down(at(100), 20, 1);
        assert_eq!(link.next_event(), Some(at(7_500)));
        assert_eq!(link.carry(at(7_500)), (vec![1], vec![]));
        link.push_up(at(7_500), 20, 2);
        assert_eq!(link.next_event(), Some(at(15_000)));
        assert_eq!(link.carry(at(15_000)), (vec![], vec![2]));
        assert_eq!(link.next_event(), None);
    }

    #[test]
    fn a_late_caller_keeps_the_grid() {
        let mut link = link(7_500, 6);
        link.push_down(at(8_000), 20, 1);
        link.carry(link.next_event().unwrap());
        link.push_up(at(15_900), 20, 2);
        assert_eq!(link.next_event(), Some(at(22_500)));
    }

    /// Values of these lengths, packets per event: values that each event brings.
    fn check(value_lens: &[usize], packets_per_event: u32, expected: &[&[u32]]) {
        let mut link = link(10_000, packets_per_event);
        for (number, len) in value_lens.iter().enumerate() {
            link.push_up(at(0), *len, number as u32);
        }
        let mut events = Vec::new();
        while let Some(event) = link.next_event() {
            events.push(link.carry(event).1);
        }
        assert_eq!(events, expected);
    }

    #[test]
    fn an_event_carries_so_many_packets() {
        check(&[20, 20, 20], 2, &[&[0, 1], &[2]]);
        check(&[244, 244], 1, &[&[0], &[1]]);
        check(&[245], 1, &[&[], &[0]]);
        check(&[512, 20], 2, &[&[], &[0, 1]]);
    }

    #[test]
    fn without_an_interval_all_arrives_at_once() {
        let mut link = link(0, 1);
        for number in 0..100 {
            link.push_down(at(5), 512, number);
        }
        assert_eq!(link.next_event(), Some(at(5)));
        assert_eq!(link.carry(at(5)).0.len(), 100);
    }
}
