//! Framing: any values in any order, with any pauses.

use std::time::Duration;

use firmware_protocol::frame::{Framing, PACKET_LEN_MAX, WINDOW};
use firmware_protocol::gatt::{MTU_MIN, value_len};
use firmware_protocol::time::Instant;

use super::Input;
use super::script::{Step, frame, steps};

/// The first byte chooses the MTU, the rest is a script. What comes out is bounded, whatever goes in.
pub(super) fn framing(bytes: &[u8]) {
    let Some((&mtu, script)) = bytes.split_first() else {
        return;
    };
    let mtu_bytes = MTU_MIN + u16::from(mtu);
    let (mut now, mut framing) = (Instant::ZERO, Framing::new(mtu_bytes, Instant::ZERO));
    framing.send(now, &[7; 300]);
    for step in steps(script) {
        let outcome = match step {
            Step::Frame(frame) => framing.handle_input(now, frame),
            Step::Wait(pause) => {
                now = now + pause;
                framing.handle_timeout(now)
            }
            _ => Ok(()),
        };
        drain(&mut framing, value_len(mtu_bytes));
        if outcome.is_err() {
            return;
        }
    }
}

fn drain(framing: &mut Framing, value_len_max: usize) {
    while let Some(packet) = framing.poll_packet() {
        assert!((1..=PACKET_LEN_MAX).contains(&packet.len()));
    }
    let sent =
        std::iter::from_fn(|| framing.poll_transmit()).inspect(|value| assert!(value.len() <= value_len_max));
    assert!(
        sent.take(1000).count() <= 2 * usize::from(WINDOW) + 1,
        "more frames than the window has"
    );
}

/// What a well-behaved peer sends: a packet in pieces, acknowledgements, one frame early, one twice.
pub(super) fn scripts() -> Vec<Input> {
    let (mut sender, now) = (Framing::new(MTU_MIN, Instant::ZERO), Instant::ZERO);
    sender.send(now, &[1; 100]);
    let frames: Vec<Vec<u8>> = std::iter::from_fn(|| sender.poll_transmit()).collect();
    let in_order: Vec<u8> = frames.iter().flat_map(|value| frame(value)).collect();
    let reversed: Vec<u8> = frames.iter().rev().flat_map(|value| frame(value)).collect();
    let doubled: Vec<u8> = frames
        .iter()
        .flat_map(|value| [frame(value), frame(value)].concat())
        .collect();
    let pause = super::script::wait(Duration::from_millis(1200));
    let with_mtu = |script: &[u8]| [&[0], script].concat();
    vec![
        Input::new("in_order", with_mtu(&in_order)),
        Input::new("reversed", with_mtu(&reversed)),
        Input::new("doubled", with_mtu(&doubled)),
        Input::new("slow", with_mtu(&[&pause[..], &in_order, &pause].concat())),
    ]
}
