//! One complete session with all keys and dice fixed, byte by byte, in `tests/vectors/session.txt`.
//! Everything cryptographic in it is computed a second time here.

mod noise;
mod transcript;

use std::path::PathBuf;

use ed25519_dalek::{Signer, SigningKey};
use firmware_protocol::band::BandSettings;
use firmware_protocol::certificate::Signed;
use firmware_protocol::frame::Framing;
use firmware_protocol::handshake::{BandHello, CODE_CONTEXT, COMMITMENT_CONTEXT, PROLOGUE, StationHello};
use firmware_protocol::message::{BandToStation, StationToBand};
use firmware_protocol::receipt::Receipt;
use firmware_protocol::time::Instant;

use crate::pair::{Clerk, Pair, Setup, Way, World, arm};
use noise::{Symmetric, dh, open, public, sha256};
use transcript::{Transcript, parse};

const PROTOCOL: &[u8; 32] = b"Noise_IX_25519_ChaChaPoly_SHA256";

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A session as it went, and the secrets of both ends.
struct Recorded {
    pair: Pair,
    code: String,
    station_ephemeral: [u8; 32],
    station_nonce: [u8; 16],
    band_ephemeral: [u8; 32],
    band_nonce: [u8; 16],
    /// In order, with the way each went.
    packets: Vec<(Way, Vec<u8>)>,
}

fn record() -> Recorded {
    let settings = BandSettings {
        touches: 2,
        ..BandSettings::default()
    };
    let mut pair = Pair::new(Setup {
        seed: 2027,
        mtu_bytes: 247,
        settings,
        ..Setup::default()
    });
    assert!(Clerk::new(arm(1)).enroll(&mut pair, 1));
    let (station_ephemeral, station_nonce) = pair.entropy.split_at(32);
    let (station_ephemeral, station_nonce) = (
        station_ephemeral.try_into().expect("32"),
        station_nonce.try_into().expect("16"),
    );
    // The beacon's tag is drawn first, then ephemeral key and nonce, then the credential's secret.
    let drawn = &pair.hardware.drawn;
    let band_ephemeral = drawn[1].clone().try_into().expect("an ephemeral key");
    let band_nonce = drawn[2].clone().try_into().expect("a nonce");
    let code = pair.hardware.screens.iter().find_map(|screen| match screen {
        firmware_protocol::handler::Screen::Confirm { code, .. } => Some(code.to_string()),
        _ => None,
    });
    let packets = packets(&pair);
    let code = code.expect("the band showed it");
    Recorded {
        code,
        station_ephemeral,
        station_nonce,
        band_ephemeral,
        band_nonce,
        packets,
        pair,
    }
}

fn packets(pair: &Pair) -> Vec<(Way, Vec<u8>)> {
    let mut to_band = Framing::new(247, Instant::ZERO);
    let mut to_station = Framing::new(247, Instant::ZERO);
    let mut packets = Vec::new();
    for (way, frame) in &pair.link.captured {
        let reader = if *way == Way::ToBand {
            &mut to_band
        } else {
            &mut to_station
        };
        // A reader alone has sent nothing that could be acknowledged.
        let mut frame = frame.clone();
        frame[2] = 0;
        reader.handle_input(Instant::ZERO, &frame).expect("a good frame");
        packets.extend(reader.poll_packet().map(|packet| (*way, packet)));
    }
    packets
}

fn print(session: &Recorded) -> String {
    let mut out = Transcript::default();
    keys(&mut out, session);
    certificates(&mut out, session);
    let (first, second) = (&session.packets[0].1, &session.packets[1].1);
    let mut symmetric = Symmetric::new(PROTOCOL);
    first_message(&mut out, session, &mut symmetric, first);
    second_message(&mut out, session, &mut symmetric, second);
    let keys = transport(&mut out, &symmetric);
    screen_code(&mut out, session, &symmetric);
    messages(&mut out, session, keys);
    frames(&mut out, session);
    records(&mut out, session);
    out.text
}

fn keys(out: &mut Transcript, session: &Recorded) {
    let world = World::default();
    let setup = &session.pair.setup;
    out.section("Keys. Ed25519 for manufacturer, organization and the band's signatures, X25519 else");
    let mut pair = |name: &str, secret: &[u8; 32], public: [u8; 32]| {
        out.bytes(&format!("{name}.secret"), secret);
        out.bytes(&format!("{name}.public"), &public);
    };
    let mut signing =
        |name: &str, key: &SigningKey| pair(name, &key.to_bytes(), key.verifying_key().to_bytes());
    signing("manufacturer", &world.manufacturer);
    signing("organization", &world.organization);
    signing("band.signing", &setup.band.signing_key);
    pair("band.dh", &setup.band.dh_secret, public(&setup.band.dh_secret));
    pair(
        "station.dh",
        &setup.station.dh_secret,
        public(&setup.station.dh_secret),
    );
    pair(
        "station.ephemeral",
        &session.station_ephemeral,
        public(&session.station_ephemeral),
    );
    pair(
        "band.ephemeral",
        &session.band_ephemeral,
        public(&session.band_ephemeral),
    );
    out.bytes("station.nonce", &session.station_nonce);
    out.bytes("band.nonce", &session.band_nonce);
    let organization = sha256(&[&world.organization.verifying_key().to_bytes()]);
    out.bytes("organization.id", &organization[..16]);
    out.bytes("credential.secret", &session.pair.hardware.drawn[3]);
}

fn signed(out: &mut Transcript, name: &str, context: &[u8], signed: &Signed, key: &SigningKey) {
    let input = [context, &signed.body].concat();
    assert_eq!(key.sign(&input).to_bytes(), signed.signature);
    out.bytes(&format!("{name}.body"), &signed.body);
    out.bytes(&format!("{name}.signature_input"), &input);
    out.bytes(&format!("{name}.signature"), &signed.signature);
}

fn certificates(out: &mut Transcript, session: &Recorded) {
    let world = World::default();
    let setup = &session.pair.setup;
    out.section("Certificates");
    let context = b"bandstand band certificate 1\0";
    signed(
        out,
        "band.certificate",
        context,
        &setup.band.certificate,
        &world.manufacturer,
    );
    let context = b"bandstand station certificate 1\0";
    signed(
        out,
        "station.certificate",
        context,
        &setup.station.certificate,
        &world.organization,
    );
}

fn state(out: &mut Transcript, step: &str, symmetric: &Symmetric) {
    out.bytes(&format!("{step}.h"), &symmetric.hash);
}

fn mix_key(out: &mut Transcript, step: &str, symmetric: &mut Symmetric, shared: &[u8; 32]) {
    symmetric.mix_key(shared);
    out.bytes(&format!("{step}.shared"), shared);
    out.bytes(&format!("{step}.ck"), &symmetric.chaining_key);
    out.bytes(&format!("{step}.k"), &symmetric.key.expect("a key"));
}

fn first_message(out: &mut Transcript, session: &Recorded, symmetric: &mut Symmetric, packet: &[u8]) {
    out.section("First handshake message: 01 min max || e || s || StationHello");
    out.bytes("noise.h", &symmetric.hash);
    let prologue = [PROLOGUE, &packet[..3]].concat();
    out.bytes("prologue", &prologue);
    symmetric.mix_hash(&prologue);
    state(out, "prologue", symmetric);
    let (ephemeral, rest) = packet[3..].split_at(32);
    let (key, hello) = rest.split_at(32);
    assert_eq!(ephemeral, public(&session.station_ephemeral));
    assert_eq!(key, public(&session.pair.setup.station.dh_secret));
    let input = [COMMITMENT_CONTEXT, &session.station_nonce].concat();
    out.bytes("commitment.input", &input);
    out.bytes("commitment", &sha256(&[&input]));
    let read: StationHello = minicbor::decode(hello).expect("a hello");
    assert_eq!(read.commitment, sha256(&[&input]));
    out.bytes("station.hello", hello);
    for (step, data) in [("1.e", ephemeral), ("1.s", key), ("1.payload", hello)] {
        symmetric.mix_hash(data);
        state(out, step, symmetric);
    }
    out.bytes("packet.1", packet);
}

fn second_message(out: &mut Transcript, session: &Recorded, symmetric: &mut Symmetric, packet: &[u8]) {
    out.section("Second handshake message: 02 || e || ee se || encrypted s || es || encrypted BandHello");
    let (ephemeral, rest) = packet[1..].split_at(32);
    let (key, hello) = rest.split_at(48);
    let setup = &session.pair.setup;
    symmetric.mix_hash(ephemeral);
    state(out, "2.e", symmetric);
    let station_ephemeral = public(&session.station_ephemeral);
    mix_key(
        out,
        "2.ee",
        symmetric,
        &dh(&session.band_ephemeral, &station_ephemeral),
    );
    let station_key = public(&setup.station.dh_secret);
    mix_key(out, "2.se", symmetric, &dh(&session.band_ephemeral, &station_key));
    assert_eq!(symmetric.encrypt_and_hash(&public(&setup.band.dh_secret)), key);
    out.bytes("2.s.encrypted", key);
    state(out, "2.s", symmetric);
    mix_key(
        out,
        "2.es",
        symmetric,
        &dh(&setup.band.dh_secret, &station_ephemeral),
    );
    let plain = open(&symmetric.key.expect("a key"), 0, &symmetric.hash, hello);
    let read: BandHello = minicbor::decode(&plain).expect("a hello");
    assert_eq!(read.nonce, session.band_nonce);
    out.bytes("band.hello", &plain);
    assert_eq!(symmetric.encrypt_and_hash(&plain), hello);
    out.bytes("2.payload.encrypted", hello);
    state(out, "2.payload", symmetric);
    out.bytes("packet.2", packet);
}

fn transport(out: &mut Transcript, symmetric: &Symmetric) -> [[u8; 32]; 2] {
    out.section("Transport keys");
    let (to_band, to_station) = symmetric.split();
    out.bytes("k.to_band", &to_band);
    out.bytes("k.to_station", &to_station);
    [to_band, to_station]
}

fn screen_code(out: &mut Transcript, session: &Recorded, symmetric: &Symmetric) {
    out.section("Screen code");
    let (station, band) = (&session.station_nonce, &session.band_nonce);
    let input = [CODE_CONTEXT, &symmetric.hash, station, band].concat();
    let hash = sha256(&[&input]);
    let number = u64::from_be_bytes(hash[..8].try_into().expect("eight")) % 1_000_000;
    assert_eq!(session.code, format!("{:03} {:03}", number / 1000, number % 1000));
    out.bytes("code.input", &input);
    out.bytes("code.hash", &hash);
    out.words("code.digits", &session.code);
}

fn messages(out: &mut Transcript, session: &Recorded, keys: [[u8; 32]; 2]) {
    out.section("Messages, in order: plaintext and packet (03 || ciphertext); the first has the station's nonce in front");
    let mut counts = [0u64; 2];
    for (index, (way, packet)) in session.packets[2..].iter().enumerate() {
        let to_station = usize::from(*way == Way::ToStation);
        assert_eq!(packet[0], 3);
        let plain = open(&keys[to_station], counts[to_station], &[], &packet[1..]);
        let skip = if index == 0 {
            session.station_nonce.len()
        } else {
            0
        };
        let name = format!(
            "message.{:02}.{}",
            index + 1,
            ["to_band", "to_station"][to_station]
        );
        let said = say(*way, &plain[skip..]);
        out.words(&format!("{name}.is"), &format!("{said} n={}", counts[to_station]));
        out.bytes(&format!("{name}.plain"), &plain);
        out.bytes(&format!("{name}.packet"), packet);
        counts[to_station] += 1;
        if let Ok(BandToStation::Committed(committed)) = BandToStation::decode(&plain) {
            receipt(out, session, &committed.receipt);
        }
    }
}

fn say(way: Way, plain: &[u8]) -> String {
    let debug = match way {
        Way::ToBand => format!("{:?}", StationToBand::decode(plain).expect("a request")),
        Way::ToStation => format!("{:?}", BandToStation::decode(plain).expect("an answer")),
    };
    debug.split('(').next().unwrap_or_default().to_string()
}

fn receipt(out: &mut Transcript, session: &Recorded, receipt: &Signed) {
    let key = &session.pair.setup.band.signing_key;
    Receipt::verify(receipt, &key.verifying_key().to_bytes()).expect("a receipt");
    signed(out, "receipt", b"bandstand receipt 1\0", receipt, key);
}

fn frames(out: &mut Transcript, session: &Recorded) {
    out.section("Frames at an ATT MTU of 247, as they went");
    for (index, (way, frame)) in session.pair.link.captured.iter().enumerate() {
        let way = if *way == Way::ToBand {
            "to_band"
        } else {
            "to_station"
        };
        out.bytes(&format!("frame.{:02}.{way}", index + 1), frame);
    }
}

fn records(out: &mut Transcript, session: &Recorded) {
    out.section("What this implementation keeps at each store; another may keep it in its own way");
    for (index, record) in session.pair.hardware.history.iter().enumerate() {
        out.bytes(
            &format!("record.{}", ["staged", "held", "finished"][index]),
            record,
        );
    }
}

#[test]
fn the_session_is_the_one_on_file() {
    let now = print(&record());
    let file = path("tests/vectors/session.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &now).expect("the file is written");
    }
    let text = std::fs::read_to_string(file).expect("the file");
    assert!(
        now == text,
        "another session than on file; `BLESS=1` writes the new one"
    );
}

/// A block marked `vectors` in the document repeats the file.
#[test]
fn the_document_gives_the_same_bytes() {
    let file = parse(&std::fs::read_to_string(path("tests/vectors/session.txt")).expect("the file"));
    let document = std::fs::read_to_string(path("../docs/wire-format.md")).expect("the document");
    let blocks = document.split("```vectors\n").skip(1);
    let blocks: Vec<_> = blocks
        .map(|rest| rest.split("```").next().expect("an end"))
        .collect();
    assert!(blocks.len() >= 7, "a block for each cryptographic step");
    let mut count = 0;
    for (name, value) in blocks.iter().flat_map(|block| parse(block)) {
        assert_eq!(Some(&value), file.get(&name), "{name}");
        count += 1;
    }
    assert!(count >= 40, "{count} values");
}

#[test]
fn hmac_is_hmac() {
    // RFC 4231, test case 2.
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
    let tag = noise::hmac(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
    assert_eq!(
        hex(&tag),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
}
