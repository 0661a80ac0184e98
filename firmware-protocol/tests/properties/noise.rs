//! Random and damaged bytes: no panic on either end, no change of the record, a name for each fault.

use firmware_protocol::advertisement::Beacon;
use firmware_protocol::certificate::{BandCertificate, Signed, StationCertificate};
use firmware_protocol::frame::Framing;
use firmware_protocol::message::{BandToStation, Info, StationToBand};
use firmware_protocol::receipt::Receipt;
use firmware_protocol::time::UnixSeconds;
use proptest::prelude::*;

use crate::pair::{Pair, Setup, Way};

/// What somebody writes who can write to the link.
#[derive(Clone, Debug)]
enum Junk {
    /// A value as it is.
    Frame(Vec<u8>),
    /// A packet in good frames.
    Packet(Vec<u8>),
    Wait(u16),
}

fn junk() -> impl Strategy<Value = Vec<Junk>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..250);
    let kind = prop_oneof![Just(1u8), Just(2), Just(3), Just(0x0f), any::<u8>()];
    let packet = (kind, prop::collection::vec(any::<u8>(), 0..700));
    let one = prop_oneof![
        bytes().prop_map(Junk::Frame),
        packet.prop_map(|(kind, mut rest)| {
            rest.insert(0, kind);
            if kind == 1 && rest.len() > 2 {
                rest[1..3].copy_from_slice(&[1, 1]);
            }
            Junk::Packet(rest)
        }),
        any::<u16>().prop_map(Junk::Wait),
    ];
    prop::collection::vec(one, 0..12)
}

fn write(pair: &mut Pair, way: Way, writer: &mut Framing, junk: &Junk) {
    match junk {
        Junk::Frame(frame) => pair.deliver(way, frame),
        Junk::Packet(packet) => {
            writer.send(pair.now, packet);
            while let Some(frame) = writer.poll_transmit() {
                pair.deliver(way, &frame);
            }
        }
        Junk::Wait(ms) => pair.sleep(std::time::Duration::from_millis(u64::from(*ms))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_change_nothing(seed: u64, established: bool, to_band: bool, junk in junk()) {
        let mut pair = Pair::new(Setup { seed, ..Setup::default() });
        pair.connect();
        if established {
            pair.wait();
        }
        let way = if to_band { Way::ToBand } else { Way::ToStation };
        let mut writer = Framing::new(pair.setup.mtu_bytes, pair.now);
        for junk in &junk {
            write(&mut pair, way, &mut writer, junk);
        }
        pair.run_out();
        prop_assert_eq!(pair.hardware.stores, 0);
        prop_assert_eq!(pair.band.report(pair.now).epoch, 0);
    }

    #[test]
    fn whatever_decodes_encodes_to_what_decodes_alike(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        if let Ok(message) = StationToBand::decode(&bytes) {
            prop_assert_eq!(StationToBand::decode(&message.encode()), Ok(message));
        }
        if let Ok(message) = BandToStation::decode(&bytes) {
            prop_assert_eq!(BandToStation::decode(&message.encode()), Ok(message));
        }
        let signed = Signed { body: bytes.clone(), signature: [0; 64] };
        prop_assert!(BandCertificate::verify(&signed, &[[1; 32]]).is_err());
        prop_assert!(StationCertificate::verify(&signed, UnixSeconds(0)).is_err());
        prop_assert!(Receipt::verify(&signed, &[1; 32]).is_err());
        let _ = minicbor::decode::<Info>(&bytes);
        let _ = Beacon::decode(&bytes);
    }

    /// CBOR that is nearly right: one byte of a real message replaced.
    #[test]
    fn a_damaged_message_is_a_message_or_has_a_name(which in 0usize..64, at: u16, value: u8) {
        for bytes in crate::bytes::all_messages(which) {
            let mut damaged = bytes;
            let at = usize::from(at) % damaged.len();
            damaged[at] = value;
            if let Ok(message) = StationToBand::decode(&damaged) {
                prop_assert_eq!(StationToBand::decode(&message.encode()), Ok(message));
            }
            if let Ok(message) = BandToStation::decode(&damaged) {
                prop_assert_eq!(BandToStation::decode(&message.encode()), Ok(message));
            }
        }
    }
}
