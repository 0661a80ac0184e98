//! Version 1.

use std::collections::BTreeMap;
use std::path::PathBuf;

use firmware_protocol::advertisement::Beacon;
use firmware_protocol::band::BandEngine;
use firmware_protocol::certificate::{BandCertificate, Signed, StationCertificate};
use firmware_protocol::handshake::{BandHello, StationHello};
use firmware_protocol::message::{BandToStation, Info, MessageError, StationToBand};
use firmware_protocol::time::{Instant, UnixSeconds};

use super::samples;
use crate::pair::{NOW, Setup, TestBand, World};

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/bytes/v01.txt")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
    (0..text.len()).step_by(2).map(digit).collect()
}

/// The file: bytes by name.
fn on_file() -> BTreeMap<String, Vec<u8>> {
    let text = std::fs::read_to_string(path()).unwrap_or_default();
    let line = |line: &str| {
        let (name, bytes) = line.split_once(' ').expect("a name and hex");
        (name.to_string(), unhex(bytes))
    };
    text.lines().map(line).collect()
}

/// Everything this version can say, encoded now.
fn encoded_now() -> BTreeMap<String, Vec<u8>> {
    let requests = samples::requests()
        .into_iter()
        .map(|(name, request)| (name, request.encode()));
    let answers = samples::answers()
        .into_iter()
        .map(|(name, answer)| (name, answer.encode()));
    requests.chain(answers).chain(samples::others()).collect()
}

fn bless(missing: &[(String, Vec<u8>)]) {
    let mut text = std::fs::read_to_string(path()).unwrap_or_default();
    missing
        .iter()
        .for_each(|(name, bytes)| text += &format!("{name} {}\n", hex(bytes)));
    std::fs::write(path(), text).expect("the file is written");
}

#[test]
fn the_bytes_are_those_on_file() {
    let (file, now) = (on_file(), encoded_now());
    let missing: Vec<_> = now
        .clone()
        .into_iter()
        .filter(|(name, _)| !file.contains_key(name))
        .collect();
    if !missing.is_empty() && std::env::var_os("BLESS").is_some() {
        return bless(&missing);
    }
    let names: Vec<_> = missing.iter().map(|(name, _)| name).collect();
    assert!(missing.is_empty(), "not on file; write with BLESS=1: {names:?}");
    for (name, bytes) in &file {
        let encoded = now.get(name).map(|bytes| hex(bytes));
        assert_eq!(encoded, Some(hex(bytes)), "{name}");
    }
}

/// A number that decodes as anything but unknown is a message, and a message has bytes on file.
#[test]
fn every_message_has_its_bytes_on_file() {
    let file = on_file();
    let has = |number: u8| {
        let start = minicbor::to_vec((number, [0u8; 0])).expect("memory");
        let start = &start[..start.len() - 1];
        file.values()
            .any(|bytes| bytes.starts_with(start) && bytes.len() > start.len())
    };
    for number in 0..=u8::MAX {
        let probe = minicbor::to_vec((number, 0)).expect("memory");
        let known = StationToBand::decode(&probe) != Err(MessageError::Unknown(number))
            || BandToStation::decode(&probe) != Err(MessageError::Unknown(number));
        assert_eq!(known, has(number), "message {number}");
    }
}

#[test]
fn old_messages_always_read() {
    let file = on_file();
    for (name, request) in samples::requests() {
        assert_eq!(StationToBand::decode(&file[&name]), Ok(request), "{name}");
    }
    for (name, answer) in samples::answers() {
        assert_eq!(BandToStation::decode(&file[&name]), Ok(answer), "{name}");
    }
}

#[test]
fn old_certificates_hellos_and_beacons_always_read() {
    let file = on_file();
    let world = World::default();
    let signed = |name: &str| minicbor::decode::<Signed>(&file[name]).expect(name);
    let band = BandCertificate::verify(&signed("certificate.band"), &[world.manufacturer_key()]);
    assert_eq!(band.expect("a certificate").serial.as_str(), "NB-0001");
    let station = StationCertificate::verify(&signed("certificate.station"), UnixSeconds(NOW));
    assert_eq!(station.expect("a certificate").station.0, [1; 16]);
    let hello: StationHello = minicbor::decode(&file["hello.station"]).expect("a hello");
    assert_eq!(hello, samples::station_hello());
    let hello: BandHello = minicbor::decode(&file["hello.band"]).expect("a hello");
    assert_eq!(hello, samples::band_hello());
    assert_eq!(
        minicbor::decode::<Info>(&file["info"]).expect("an info"),
        samples::info()
    );
    assert_eq!(Beacon::decode(&file["beacon"]), Ok(samples::beacon()));
    assert_eq!(file["advertisement"].len(), 31);
}

#[test]
fn old_records_always_start_a_band() {
    let check = |name: &str, epoch, held, finished, staged| {
        let record = &on_file()[&format!("record.{name}")];
        let setup = Setup::default();
        let mut hardware = TestBand::new(1, record.clone());
        let band = BandEngine::new(setup.band, setup.settings, record, Instant::ZERO, &mut hardware);
        let report = band.expect("a record").report(Instant::ZERO);
        let any_finished = report.associations.iter().any(|held| held.finished);
        let got = (
            report.epoch,
            report.associations.len(),
            any_finished,
            report.staged.is_some(),
        );
        assert_eq!(got, (epoch, held, finished, staged), "{name}");
    };
    check("staged", 0, 0, false, true);
    check("held", 1, 1, false, false);
    check("finished", 1, 1, true, false);
    check("held_and_staged", 1, 1, true, true);
    check("deleted", 1, 0, false, false);
}

/// The body of a message on file: where its map begins.
fn body_at(bytes: &[u8]) -> usize {
    if bytes[1] == 0x18 { 3 } else { 2 }
}

/// Field 99 of a later version, something nested.
const UNKNOWN_FIELD: [u8; 8] = [0x18, 99, 0x82, 0x01, 0xa1, 0x02, 0x41, 0x03];

#[test]
fn unknown_fields_are_skipped() {
    let grown = |bytes: Vec<u8>| {
        let mut grown = bytes;
        let at = body_at(&grown);
        assert!((0xa0..0xb7).contains(&grown[at]), "a small map");
        grown[at] += 1;
        grown.extend(UNKNOWN_FIELD);
        grown
    };
    for (name, request) in samples::requests() {
        assert_eq!(
            StationToBand::decode(&grown(request.encode())),
            Ok(request),
            "{name}"
        );
    }
    for (name, answer) in samples::answers() {
        assert_eq!(
            BandToStation::decode(&grown(answer.encode())),
            Ok(answer),
            "{name}"
        );
    }
}

#[test]
fn what_is_not_a_message_has_a_name() {
    let check = |bytes: &[u8], error| assert_eq!(StationToBand::decode(bytes), Err(error), "{bytes:02x?}");
    check(&[], MessageError::Malformed);
    check(&[0x00], MessageError::Malformed);
    check(&[0x81, 0x07], MessageError::Malformed);
    check(&[0x83, 0x07, 0xa0, 0x00], MessageError::Malformed);
    check(&[0x9f, 0x07, 0xa0, 0xff], MessageError::Malformed);
    check(&[0x82, 0x20, 0xa0], MessageError::Malformed);
    check(&[0x82, 0x08, 0xa0], MessageError::Unknown(8));
    check(&[0x82, 0x18, 0x20, 0xa0], MessageError::Unknown(32));
    check(&[0x82, 0x07], MessageError::Body(7));
    check(&[0x82, 0x07, 0x00], MessageError::Body(7));
    check(&[0x82, 0x07, 0xa0, 0x00], MessageError::Body(7));
    check(&[0x82, 0x02, 0xa0], MessageError::Body(2));
    check(&[0x82, 0x04, 0xa1, 0x00, 0x02], MessageError::Body(4));
}

/// Firmware texts go to screens and logs: short and printable or not at all.
#[test]
fn texts_cannot_play_with_a_screen() {
    let check = |firmware: &str, reads: bool| {
        let bytes = minicbor::to_vec(Info {
            firmware: firmware.into(),
            ..samples::info()
        })
        .expect("memory");
        assert_eq!(minicbor::decode::<Info>(&bytes).is_ok(), reads, "{firmware:?}");
    };
    check("", true);
    check("2.13.0-rc1+b7 ~x", true);
    check("17 signs are long", false);
    check("1.0\u{1b}[2J", false);
    check("\u{202e}0.1", false);
    check("1.0\n", false);
}

/// What a receiver takes beside what our senders send: keys in any order, `null` for a field left out.
#[test]
fn receivers_are_more_patient_than_senders() {
    let finish = StationToBand::decode(&[0x82, 0x05, 0xa0]);
    assert_eq!(
        StationToBand::decode(&[0x82, 0x05, 0xa1, 0x00, 0xf6]),
        finish,
        "null is absent"
    );
    let id = [&[0x50][..], &[0xa5; 16]].concat();
    let ascending = [&[0x82, 0x02, 0xa2, 0x00][..], &id, &[0x01, 0x07]].concat();
    let descending = [&[0x82, 0x02, 0xa2, 0x01, 0x07, 0x00][..], &id].concat();
    assert_eq!(
        StationToBand::decode(&descending),
        StationToBand::decode(&ascending)
    );
    assert!(StationToBand::decode(&ascending).is_ok());
    let short_id = [&[0x82, 0x02, 0xa2, 0x00, 0x4f][..], &[0xa5; 15], &[0x01, 0x07]].concat();
    assert_eq!(StationToBand::decode(&short_id), Err(MessageError::Body(2)));
    let nested = [&[0x82, 0x07, 0xa1, 0x18, 99][..], &[0x81; 1500], &[0x00]].concat();
    assert!(StationToBand::decode(&nested).is_ok(), "as deep as it likes");
}

/// Whatever a CBOR integer can be is a key that may be skipped, at every depth; nothing else is a key.
#[test]
fn any_integer_may_be_a_key_and_nothing_else() {
    let status =
        |key: &[u8]| StationToBand::decode(&[&[0x82, 0x07, 0xa1][..], key, &[0x00]].concat()).is_ok();
    for first in [0x00, 0x7f, 0x80, 0xff] {
        let rest = [first, 0, 0, 0, 0, 0, 0, 0];
        assert!(status(&[&[0x1b][..], &rest].concat()), "{first:02x}");
        assert!(status(&[&[0x3b][..], &rest].concat()), "{first:02x}");
    }
    assert!(status(&[0x18, 0x18]) && status(&[0x20]) && status(&[0x3a, 0xff, 0xff, 0xff, 0xff]));
    for key in [
        &[0x61, b'k'][..],
        &[0x41, 0x00],
        &[0x81, 0x00],
        &[0xf4],
        &[0xf6],
        &[0xc1, 0x05],
        &[0xf9, 0, 0],
    ] {
        assert!(!status(key), "{key:02x?}");
    }
    let huge = [&[0x1b, 0x80][..], &[0; 7], &[0x00]].concat();
    let full = on_file()["report.full"].clone();
    let held = full
        .windows(3)
        .position(|bytes| bytes == [0xa5, 0x00, 0x00])
        .expect("what is held");
    let mut grown = full.clone();
    grown[held] += 1;
    grown.splice(held + 1..held + 1, huge);
    assert_eq!(BandToStation::decode(&grown), BandToStation::decode(&full));
    assert!(BandToStation::decode(&full).is_ok());
}

/// What a sender must not say, and what becomes of it if it is said all the same.
#[test]
fn what_a_receiver_makes_of_what_no_sender_says() {
    let check = |hex: &str, reads: bool| {
        assert_eq!(BandToStation::decode(&unhex(hex)).is_ok(), reads, "{hex}");
    };
    check("821820a2000301f4", true);
    check("821820a200f601f4", false); // null where something must be
    check("821820a2000301f6", false);
    check("821820a101f4", false); // absent where something must be
    check("821820a200c10301f4", false); // a tag
    check("821820a200f501f4", false); // a truth for a number
    check("821820a3000301f41863f93c00", true); // skipped: a number with a point,
    check("821820a3000301f41863a1616101", true); // text keys inside,
    check("821820a3000301f41863c11a00000001", true); // a tag
    check("821820a200180301f4", true); // longer than need be
    check("821820bf000301f4ff", true); // without a length
    check("9f1820a2000301f4ff", false); // but not the message itself,
    check("821820a3000301f4186361ff", false); // text that is no UTF-8
}
