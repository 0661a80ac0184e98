//! Two sessions with one band, all keys and dice fixed, byte by byte, in `tests/vectors/session.txt`. Between
//! them every message is said once.
//! Everything cryptographic in it is computed a second time here.

mod noise;
mod script;
mod transcript;

use std::path::PathBuf;

use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use firmware_protocol::certificate::Signed;
use firmware_protocol::handshake::{BandHello, CODE_CONTEXT, COMMITMENT_CONTEXT, PROLOGUE, StationHello};
use firmware_protocol::message::{BandToStation, StationToBand};
use firmware_protocol::receipt::Receipt;

use crate::pair::{Pair, Way, World};
use noise::{Symmetric, dh, open, public, sha256};
use script::{Recorded, Session, record};
use transcript::{Transcript, mend, parse};

const PROTOCOL: &[u8; 32] = b"Noise_IX_25519_ChaChaPoly_SHA256";

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn print(recorded: &Recorded) -> String {
    let (pair, first) = (&recorded.pair, &recorded.first);
    let mut out = Transcript::default();
    keys(&mut out, pair);
    session_keys(&mut out, first);
    certificates(&mut out, pair, first);
    let receipt = print_session(&mut out, pair, first).expect("a receipt");
    frames(&mut out, first);
    strict(&mut out, pair, &receipt);
    out.section("What a band says to a station of another organization, and the frame it comes in; what it says to all");
    out.bytes("refusal.packet", &recorded.refused.packets[1].1);
    out.bytes("refusal.frame", &recorded.refused.frames[2].1);
    out.bytes("info", &pair.band.info());
    out.prefix = "second.";
    out.section("A second session with the same band, of a station of the other zone");
    session_keys(&mut out, &recorded.second);
    station_certificate(&mut out, &recorded.second);
    print_session(&mut out, pair, &recorded.second);
    frames(&mut out, &recorded.second);
    out.prefix = "";
    records(&mut out, pair);
    out.text
}

/// Gives the receipt that was sent, if one was.
fn print_session(out: &mut Transcript, pair: &Pair, session: &Session) -> Option<Signed> {
    let mut symmetric = Symmetric::new(PROTOCOL);
    first_message(out, session, &mut symmetric, &session.packets[0].1);
    second_message(out, pair, session, &mut symmetric, &session.packets[1].1);
    let keys = transport(out, &symmetric);
    screen_code(out, session, &symmetric);
    messages(out, pair, session, keys)
}

fn key_pair(out: &mut Transcript, name: &str, secret: &[u8; 32], public: [u8; 32]) {
    out.bytes(&format!("{name}.secret"), secret);
    out.bytes(&format!("{name}.public"), &public);
}

fn keys(out: &mut Transcript, pair: &Pair) {
    let world = World::default();
    let band = &pair.setup.band;
    out.section("Keys. Ed25519 for manufacturer, organization and the band's signatures, X25519 else");
    for (name, key) in [
        ("manufacturer", &world.manufacturer),
        ("organization", &world.organization),
        ("band.signing", &band.signing_key),
    ] {
        key_pair(out, name, &key.to_bytes(), key.verifying_key().to_bytes());
    }
    key_pair(out, "band.dh", &band.dh_secret, public(&band.dh_secret));
    let organization = sha256(&[&world.organization.verifying_key().to_bytes()]);
    out.bytes("organization.id", &organization[..16]);
}

fn session_keys(out: &mut Transcript, session: &Session) {
    let dh = &session.station.dh_secret;
    let (station, band) = (&session.station_ephemeral, &session.band_ephemeral);
    key_pair(out, "station.dh", dh, public(dh));
    key_pair(out, "station.ephemeral", station, public(station));
    key_pair(out, "band.ephemeral", band, public(band));
    out.bytes("station.nonce", &session.station_nonce);
    out.bytes("band.nonce", &session.band_nonce);
    out.bytes("credential.secret", &session.credential);
}

fn signed(out: &mut Transcript, name: &str, context: &[u8], signed: &Signed, key: &SigningKey) {
    let input = [context, &signed.body].concat();
    assert_eq!(key.sign(&input).to_bytes(), signed.signature);
    out.bytes(&format!("{name}.body"), &signed.body);
    out.bytes(&format!("{name}.signature_input"), &input);
    out.bytes(&format!("{name}.signature"), &signed.signature);
}

fn certificates(out: &mut Transcript, pair: &Pair, session: &Session) {
    out.section("Certificates");
    signed(
        out,
        "band.certificate",
        b"bandstand band certificate 1\0",
        &pair.setup.band.certificate,
        &World::default().manufacturer,
    );
    station_certificate(out, session);
}

fn station_certificate(out: &mut Transcript, session: &Session) {
    signed(
        out,
        "station.certificate",
        b"bandstand station certificate 1\0",
        &session.station.certificate,
        &World::default().organization,
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

fn first_message(out: &mut Transcript, session: &Session, symmetric: &mut Symmetric, packet: &[u8]) {
    out.section("First handshake message: 01 min max || e || s || StationHello");
    out.bytes("noise.h", &symmetric.hash);
    let prologue = [PROLOGUE, &packet[..3]].concat();
    out.bytes("prologue", &prologue);
    symmetric.mix_hash(&prologue);
    state(out, "prologue", symmetric);
    let (ephemeral, rest) = packet[3..].split_at(32);
    let (key, hello) = rest.split_at(32);
    assert_eq!(ephemeral, public(&session.station_ephemeral));
    assert_eq!(key, public(&session.station.dh_secret));
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

fn second_message(
    out: &mut Transcript,
    pair: &Pair,
    session: &Session,
    symmetric: &mut Symmetric,
    packet: &[u8],
) {
    out.section("Second handshake message: 02 || e || ee se || encrypted s || es || encrypted BandHello");
    let (ephemeral, rest) = packet[1..].split_at(32);
    let (key, hello) = rest.split_at(48);
    let setup = &pair.setup;
    symmetric.mix_hash(ephemeral);
    state(out, "2.e", symmetric);
    let station_ephemeral = public(&session.station_ephemeral);
    mix_key(
        out,
        "2.ee",
        symmetric,
        &dh(&session.band_ephemeral, &station_ephemeral),
    );
    let station_key = public(&session.station.dh_secret);
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

fn screen_code(out: &mut Transcript, session: &Session, symmetric: &Symmetric) {
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

fn messages(out: &mut Transcript, pair: &Pair, session: &Session, keys: [[u8; 32]; 2]) -> Option<Signed> {
    let mut proof = None;
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
            receipt(out, pair, &committed.receipt);
            proof = Some(committed.receipt);
        }
    }
    proof
}

fn say(way: Way, plain: &[u8]) -> String {
    let debug = match way {
        Way::ToBand => format!("{:?}", StationToBand::decode(plain).expect("a request")),
        Way::ToStation => format!("{:?}", BandToStation::decode(plain).expect("an answer")),
    };
    debug.split('(').next().unwrap_or_default().to_string()
}

fn receipt(out: &mut Transcript, pair: &Pair, receipt: &Signed) {
    let key = &pair.setup.band.signing_key;
    Receipt::verify(receipt, &key.verifying_key().to_bytes()).expect("a receipt");
    signed(out, "receipt", b"bandstand receipt 1\0", receipt, key);
}

/// Frames with their three first bytes and what each carries, so that one sees who acknowledges what and when.
fn frames(out: &mut Transcript, session: &Session) {
    out.section("Frames at an ATT MTU of 247, as they went: flags, sequence, acknowledgement; what they carry; the whole");
    let mut begun = 0;
    let mut open = [0; 2];
    for (index, (way, frame)) in session.frames.iter().enumerate() {
        let to_station = usize::from(*way == Way::ToStation);
        if frame[0] & 1 != 0 {
            begun += 1;
            open[to_station] = begun;
        }
        let carries = match (frame[0], open[to_station]) {
            (0, _) => "acknowledgement".to_string(),
            (_, packet @ 1..=2) => format!("packet.{packet}"),
            (_, packet) => format!("message.{:02}", packet - 2),
        };
        let name = format!("frame.{:02}.{}", index + 1, ["to_band", "to_station"][to_station]);
        out.bytes(&format!("{name}.head"), &frame[..3]);
        out.words(&format!("{name}.carries"), &carries);
        out.bytes(&name, frame);
    }
}

/// Signatures that some libraries take and nobody may.
fn strict(out: &mut Transcript, pair: &Pair, receipt: &Signed) {
    out.section("Signatures over receipt.signature_input that must be refused: of a key of small order; with S + L for S");
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut small = [0; 64];
    small[0] = 1;
    let input = [b"bandstand receipt 1\0", &receipt.body[..]].concat();
    let lenient = VerifyingKey::from_bytes(&identity).expect("a point");
    assert!(
        lenient.verify(&input, &Signature::from_bytes(&small)).is_ok(),
        "some take it"
    );
    out.bytes("refuse.small_order.public", &identity);
    out.bytes("refuse.small_order.signature", &small);
    let unreduced = plus_order(&receipt.signature);
    out.bytes("refuse.unreduced.signature", &unreduced);
    let own = pair.setup.band.signing_key.verifying_key().to_bytes();
    for (key, signature) in [(identity, small), (own, unreduced)] {
        let forged = Signed {
            signature,
            ..receipt.clone()
        };
        assert!(forged.verify(b"bandstand receipt 1\0", &key).is_err());
    }
}

/// The signature with the order of the group added to its S.
fn plus_order(signature: &[u8; 64]) -> [u8; 64] {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut sum = *signature;
    let mut carry = 0;
    for (byte, order) in sum[32..].iter_mut().zip(ORDER) {
        carry += u16::from(*byte) + u16::from(order);
        *byte = carry as u8;
        carry >>= 8;
    }
    sum
}

fn records(out: &mut Transcript, pair: &Pair) {
    out.section("What this implementation keeps at each store; another may keep it in its own way");
    let names = [
        "touch_failed",
        "staged",
        "held",
        "finished",
        "held_and_staged",
        "deleted",
    ];
    assert_eq!(pair.hardware.history.len(), names.len());
    for (name, record) in names.iter().zip(&pair.hardware.history) {
        out.bytes(&format!("record.{name}"), record);
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
    if std::env::var_os("BLESS").is_some() {
        let document = path("../docs/wire-format.md");
        let old = std::fs::read_to_string(&document).expect("the document");
        std::fs::write(document, mend(&old, &now)).expect("the document is written");
    }
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
