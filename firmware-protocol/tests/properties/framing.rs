//! Framing alone: whatever the link does, packets arrive once, whole and in order, as long as some frames
//! get through.

use std::collections::VecDeque;
use std::time::Duration;

use firmware_protocol::frame::{ACK_EVERY, FrameFault, Framing, PACKET_LEN_MAX};
use firmware_protocol::gatt;
use firmware_protocol::time::Instant;
use proptest::prelude::*;

use crate::pair::Rng;

/// Two ends and the frames between them.
struct Wire {
    ends: [Framing; 2],
    /// Frames to each end, with the step at which they arrive.
    under_way: [VecDeque<(u64, Vec<u8>)>; 2],
    got: [Vec<Vec<u8>>; 2],
    now: Instant,
    rng: Rng,
    loss: u16,
    double: u16,
    delay: u16,
    lost_in_a_row: [u8; 2],
}

impl Wire {
    fn new(mtu_bytes: u16, seed: u64, (loss, double, delay): (u16, u16, u16)) -> Self {
        let now = Instant::from_micros(1);
        Self {
            ends: [Framing::new(mtu_bytes, now), Framing::new(mtu_bytes, now)],
            under_way: Default::default(),
            got: Default::default(),
            now,
            rng: Rng::new(seed),
            loss,
            double,
            delay,
            lost_in_a_row: [0; 2],
        }
    }

    fn put(&mut self, to: usize, frame: &[u8]) {
        // "Eventually lets frames through": never more than three lost in a row on one side.
        if self.rng.chance(self.loss) && self.lost_in_a_row[to] < 3 {
            self.lost_in_a_row[to] += 1;
            return;
        }
        self.lost_in_a_row[to] = 0;
        for _ in 0..1 + u8::from(self.rng.chance(self.double)) {
            let late = if self.rng.chance(self.delay) {
                self.rng.below(40)
            } else {
                0
            };
            let due = self.now.as_micros() / 1000 + 8 + late;
            self.under_way[to].push_back((due, frame.to_vec()));
        }
    }

    fn drain(&mut self) {
        for from in 0..2 {
            while let Some(frame) = self.ends[from].poll_transmit() {
                self.put(1 - from, &frame);
            }
            while let Some(packet) = self.ends[from].poll_packet() {
                self.got[from].push(packet);
            }
        }
    }

    fn step(&mut self) -> Result<(), FrameFault> {
        self.now = self.now + Duration::from_millis(1);
        let ms = self.now.as_micros() / 1000;
        for to in 0..2 {
            for _ in 0..self.under_way[to].len() {
                let (due, frame) = self.under_way[to].pop_front().expect("counted");
                if due <= ms {
                    self.ends[to].handle_input(self.now, &frame)?;
                } else {
                    self.under_way[to].push_back((due, frame));
                }
            }
            if self.ends[to].poll_timeout().is_some_and(|at| at <= self.now) {
                self.ends[to].handle_timeout(self.now)?;
            }
        }
        self.drain();
        Ok(())
    }

    fn run(&mut self, packets: &[Vec<Vec<u8>>; 2]) -> Result<(), FrameFault> {
        for (end, packets) in packets.iter().enumerate() {
            packets
                .iter()
                .for_each(|packet| self.ends[end].send(self.now, packet));
        }
        self.drain();
        for _ in 0..1_000_000 {
            if self.ends.iter().all(Framing::is_drained) {
                return Ok(());
            }
            self.step()?;
        }
        panic!("it never ends");
    }
}

fn packets() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let packet = prop_oneof![
        prop::collection::vec(any::<u8>(), 1..40),
        prop::collection::vec(any::<u8>(), 1..600),
        prop::collection::vec(any::<u8>(), PACKET_LEN_MAX - 2..=PACKET_LEN_MAX),
    ];
    prop::collection::vec(packet, 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn packets_arrive_once_whole_and_in_order(
        mtu_bytes in gatt::MTU_MIN..=gatt::MTU_MAX,
        seed: u64,
        loss in 0u16..250,
        double in 0u16..200,
        delay in 0u16..300,
        left in packets(),
        right in packets(),
    ) {
        let mut wire = Wire::new(mtu_bytes, seed, (loss, double, delay));
        let sent = [left, right];
        match wire.run(&sent) {
            Ok(()) => {
                prop_assert_eq!(&wire.got[0], &sent[1]);
                prop_assert_eq!(&wire.got[1], &sent[0]);
            }
            // A link may be too bad; what has arrived is still right.
            Err(fault) => {
                prop_assert_eq!(fault, FrameFault::Unacknowledged);
                prop_assert!(loss > 0);
                prop_assert!(sent[1].starts_with(&wire.got[0]) && sent[0].starts_with(&wire.got[1]));
            }
        }
    }

    #[test]
    fn any_bytes_are_a_frame_or_have_a_name(frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..260), 0..60)) {
        let mut framing = Framing::new(517, Instant::ZERO);
        for frame in frames {
            let _: Result<(), FrameFault> = framing.handle_input(Instant::ZERO, &frame);
            while let Some(packet) = framing.poll_packet() {
                prop_assert!((1..=PACKET_LEN_MAX).contains(&packet.len()));
            }
            while framing.poll_transmit().is_some() {}
        }
    }
}

/// Every MTU, every length around a frame's edge, on a perfect link: no frame more than needed.
#[test]
fn a_good_link_carries_no_frame_twice() {
    for mtu_bytes in gatt::MTU_MIN..=gatt::MTU_MAX {
        let room = gatt::value_len(mtu_bytes) - 3;
        for len in [1, room - 2, room - 1, 2 * room - 2, 2 * room - 1, PACKET_LEN_MAX] {
            let mut wire = Wire::new(mtu_bytes, 1, (0, 0, 0));
            let packet: Vec<u8> = (0..len).map(|i| i as u8).collect();
            wire.run(&[vec![packet.clone()], vec![]]).expect("a good link");
            assert_eq!(wire.got[1], [packet], "mtu {mtu_bytes}, {len} bytes");
        }
    }
    assert_eq!(ACK_EVERY, 4);
}

fn check(frames: &[&[u8]], fault: FrameFault) {
    let mut framing = Framing::new(23, Instant::ZERO);
    let (last, before) = frames.split_last().expect("a frame");
    before
        .iter()
        .for_each(|frame| framing.handle_input(Instant::ZERO, frame).expect("a good frame"));
    assert_eq!(framing.handle_input(Instant::ZERO, last), Err(fault));
}

#[test]
fn each_fault_of_framing_has_its_name() {
    check(&[&[]], FrameFault::Truncated);
    check(&[&[4, 0]], FrameFault::Truncated);
    check(&[&[4, 0, 0]], FrameFault::Truncated);
    check(&[&[7, 0, 0, 0, 1]], FrameFault::Truncated);
    check(&[&[0; 245]], FrameFault::Oversized);
    check(&[&[8, 0, 0, 1]], FrameFault::Flags(8));
    check(&[&[3, 0, 0, 0, 1, 9]], FrameFault::Flags(3));
    check(&[&[0, 0, 0, 1]], FrameFault::Flags(0));
    check(&[&[7, 16, 0, 0, 1, 9]], FrameFault::OutsideWindow);
    check(&[&[7, 128, 0, 0, 1, 9]], FrameFault::OutsideWindow);
    check(&[&[0, 0, 1]], FrameFault::AcknowledgesUnsent);
    check(&[&[7, 0, 0, 0, 0, 9]], FrameFault::PacketLength(0));
    check(&[&[7, 0, 0, 8, 1, 9]], FrameFault::PacketLength(2049));
    check(
        &[&[5, 0, 0, 0, 9, 1], &[5, 1, 0, 0, 9, 1]],
        FrameFault::Unfinished,
    );
    check(&[&[4, 0, 0, 1]], FrameFault::NotBegun);
    check(&[&[7, 0, 0, 0, 2, 9]], FrameFault::LengthMismatch);
    check(&[&[5, 0, 0, 0, 1, 9]], FrameFault::LengthMismatch);
    check(&[&[7, 0, 0, 0, 1, 9, 9]], FrameFault::LengthMismatch);
}

#[test]
fn a_dead_link_is_noticed_after_five_seconds() {
    let mut framing = Framing::new(23, Instant::ZERO);
    framing.send(Instant::ZERO, &[1]);
    let mut sent = 0;
    let at = loop {
        while framing.poll_transmit().is_some() {
            sent += 1;
        }
        let at = framing.poll_timeout().expect("it waits for an acknowledgement");
        if let Err(fault) = framing.handle_timeout(at) {
            assert_eq!(fault, FrameFault::Unacknowledged);
            break at;
        }
    };
    assert_eq!((at.as_micros(), sent), (5_000_000, 5), "once and four times more");
}

fn all(framing: &mut Framing) -> Vec<Vec<u8>> {
    std::iter::from_fn(|| framing.poll_transmit()).collect()
}

/// A sender with three frames under way, and the frames.
fn three_under_way() -> (Framing, Vec<Vec<u8>>) {
    let mut framing = Framing::new(23, Instant::ZERO);
    framing.send(Instant::ZERO, &[7; 40]);
    let frames = all(&mut framing);
    assert_eq!(frames.len(), 3);
    (framing, frames)
}

#[test]
fn what_is_not_acknowledged_is_repeated_all_of_it() {
    let (mut framing, frames) = three_under_way();
    let at = framing.poll_timeout().expect("a deadline");
    framing.handle_timeout(at).expect("the first time");
    assert_eq!(all(&mut framing), frames);
    framing.handle_input(at, &[0, 0, 1]).expect("an acknowledgement");
    let at = framing.poll_timeout().expect("a deadline");
    framing.handle_timeout(at).expect("progress was made");
    assert_eq!(all(&mut framing), frames[1..]);
}

#[test]
fn progress_gives_all_repetitions_anew() {
    let (mut framing, _) = three_under_way();
    for acknowledged in 1..=2 {
        for _ in 0..4 {
            let at = framing.poll_timeout().expect("a deadline");
            framing.handle_timeout(at).expect("not too often");
        }
        let now = framing.poll_timeout().expect("a deadline");
        framing
            .handle_input(now, &[0, 0, acknowledged])
            .expect("an acknowledgement");
    }
}

#[test]
fn a_gap_is_told_at_once_and_filled_at_once() {
    let (mut sender, frames) = three_under_way();
    let mut receiver = Framing::new(23, Instant::ZERO);
    let told = |receiver: &mut Framing, frame: &[u8]| {
        receiver.handle_input(Instant::ZERO, frame).expect("a good frame");
        all(receiver)
    };
    assert_eq!(told(&mut receiver, &frames[1]), [[0, 0, 0]], "one came early");
    sender
        .handle_input(Instant::ZERO, &[0, 0, 0])
        .expect("an acknowledgement");
    assert_eq!(all(&mut sender), frames[..1], "the one that is missing");
    sender
        .handle_input(Instant::ZERO, &[0, 0, 0])
        .expect("an acknowledgement");
    assert!(all(&mut sender).is_empty(), "but only once");
    assert!(told(&mut receiver, &frames[0]).is_empty(), "in order: no hurry");
    assert_eq!(told(&mut receiver, &frames[0]), [[0, 0, 2]], "a double");
    sender
        .handle_input(Instant::ZERO, &[0, 0, 2])
        .expect("an acknowledgement");
    sender
        .handle_input(Instant::ZERO, &[0, 0, 2])
        .expect("an acknowledgement");
    assert_eq!(all(&mut sender), frames[2..], "progress was made: once more");
}

/// An acknowledgement that newer ones have overtaken says nothing about now.
#[test]
fn a_late_acknowledgement_asks_for_nothing() {
    let (mut sender, _) = three_under_way();
    for acknowledged in [1, 0] {
        let frame = [0, 0, acknowledged];
        sender
            .handle_input(Instant::ZERO, &frame)
            .expect("an acknowledgement");
        assert!(all(&mut sender).is_empty(), "{acknowledged}");
    }
}

/// What is wrong with a frame by itself is wrong when it comes, in its turn or not.
#[test]
fn a_frame_is_judged_when_it_comes() {
    for sequence in [0, 3, 200] {
        let mut receiver = Framing::new(23, Instant::ZERO);
        let fault = receiver.handle_input(Instant::ZERO, &[5, sequence, 0, 0]);
        assert_eq!(fault, Err(FrameFault::Truncated), "{sequence}");
    }
}

/// An early frame that comes again replaces the one that was kept.
#[test]
fn of_two_early_frames_the_later_counts() {
    let mut receiver = Framing::new(23, Instant::ZERO);
    for frame in [&[6, 1, 0, 0xbb][..], &[6, 1, 0, 0xcc], &[5, 0, 0, 0, 2, 0xaa]] {
        receiver.handle_input(Instant::ZERO, frame).expect("a good frame");
    }
    assert_eq!(receiver.poll_packet(), Some(vec![0xaa, 0xcc]));
}

/// With a window of 16 and numbers of one byte, the past is 127 long.
#[test]
fn frames_of_the_past_do_no_harm() {
    let mut sender = Framing::new(23, Instant::ZERO);
    let mut receiver = Framing::new(23, Instant::ZERO);
    let mut sent = Vec::new();
    for count in 0..300u16 {
        sender.send(Instant::ZERO, &count.to_be_bytes());
        sent.extend(all(&mut sender));
        receiver
            .handle_input(Instant::ZERO, sent.last().expect("sent"))
            .expect("a good frame");
        assert_eq!(receiver.poll_packet(), Some(count.to_be_bytes().to_vec()));
        receiver.acknowledge_now();
        all(&mut receiver).iter().for_each(|frame| {
            sender
                .handle_input(Instant::ZERO, frame)
                .expect("an acknowledgement");
        });
        let past = sent.len().saturating_sub(127);
        receiver
            .handle_input(Instant::ZERO, &sent[past])
            .expect("a frame of the past");
        sender
            .handle_input(Instant::ZERO, &[0, 0, (count as u8).wrapping_sub(100)])
            .expect("and an acknowledgement");
        assert_eq!(receiver.poll_packet(), None);
        all(&mut receiver);
    }
}

/// The two ends learn of a new MTU at different moments.
#[test]
fn a_frame_may_be_larger_than_this_end_would_send() {
    let mut sender = Framing::new(517, Instant::ZERO);
    let mut receiver = Framing::new(23, Instant::ZERO);
    sender.send(Instant::ZERO, &[9; 239]);
    let frames = all(&mut sender);
    assert_eq!(frames.iter().map(Vec::len).collect::<Vec<_>>(), [244]);
    receiver
        .handle_input(Instant::ZERO, &frames[0])
        .expect("a good frame");
    assert_eq!(receiver.poll_packet(), Some(vec![9; 239]));
}
