//! Signed things: whatever is accepted was signed by the key that is trusted, byte for byte.

use ed25519_dalek::SigningKey;
use firmware_protocol::certificate::{BandCertificate, CertificateError, Signed, StationCertificate};
use firmware_protocol::id::{AssociationId, OrganizationId, Serial, StationId, UserHandle, Zone};
use firmware_protocol::message::Mode;
use firmware_protocol::receipt::Receipt;
use firmware_protocol::time::UnixSeconds;

use super::Input;

fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

fn public(byte: u8) -> [u8; 32] {
    key(byte).verifying_key().to_bytes()
}

const MANUFACTURER: u8 = 1;
const ORGANIZATION: u8 = 2;
const BAND: u8 = 3;
const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

/// Reads `bytes` as a signed thing and checks it. What is accepted must be one of `known`: the fuzzer
/// holds no key, so anything else would be a forgery.
fn no_forgery<T>(bytes: &[u8], known: &[Input], verify: impl Fn(&Signed) -> Result<T, CertificateError>) {
    let Ok(signed) = minicbor::decode::<Signed>(bytes) else {
        return;
    };
    let accepted = verify(&signed).is_ok();
    let known_to_us =
        |input: &Input| minicbor::decode::<Signed>(&input.bytes).is_ok_and(|known| known == signed);
    assert!(
        !accepted || known.iter().any(known_to_us),
        "accepted what nobody signed"
    );
}

thread_local! {
    static BANDS: Vec<Input> = band_certificates();
    static STATIONS: Vec<Input> = station_certificates();
    static RECEIPTS: Vec<Input> = receipts();
}

pub(super) fn band_certificate(bytes: &[u8]) {
    let manufacturers = [public(MANUFACTURER)];
    BANDS.with(|known| {
        no_forgery(bytes, known, |signed| {
            BandCertificate::verify(signed, &manufacturers)
        })
    });
}

/// A station's certificate names the key that signs it, so any organization may be in it; only ours counts.
pub(super) fn station_certificate(bytes: &[u8]) {
    let ours = |signed: &Signed| {
        let certificate = StationCertificate::verify(signed, NOW)?;
        let is_ours = certificate.organization_key == public(ORGANIZATION);
        is_ours
            .then_some(certificate)
            .ok_or(CertificateError::BadSignature)
    };
    STATIONS.with(|known| no_forgery(bytes, known, ours));
}

pub(super) fn receipt(bytes: &[u8]) {
    RECEIPTS.with(|known| no_forgery(bytes, known, |signed| Receipt::verify(signed, &public(BAND))));
}

fn input(name: &str, signed: &Signed) -> Input {
    Input::new(name, minicbor::to_vec(signed).expect("memory takes everything"))
}

fn serial() -> Serial {
    Serial::new("NB-000001").expect("a serial")
}

pub(super) fn band_certificates() -> Vec<Input> {
    let certificate = BandCertificate {
        serial: serial(),
        model: "Sim".into(),
        dh_key: [4; 32],
        signing_key: public(BAND),
        seos: false,
    };
    let seos = BandCertificate {
        seos: true,
        ..certificate.clone()
    };
    vec![
        input("plain", &certificate.sign(&key(MANUFACTURER))),
        input("seos", &seos.sign(&key(MANUFACTURER))),
    ]
}

pub(super) fn station_certificates() -> Vec<Input> {
    let certificate = StationCertificate {
        organization_key: public(ORGANIZATION),
        station: StationId([5; 16]),
        dh_key: [6; 32],
        zone: Zone::Enrollment,
        not_before: UnixSeconds(NOW.0 - 1),
        not_after: UnixSeconds(NOW.0 + 1),
    };
    let expired = StationCertificate {
        not_after: UnixSeconds(NOW.0 - 1),
        ..certificate.clone()
    };
    let registration = StationCertificate {
        zone: Zone::Registration,
        ..certificate.clone()
    };
    [
        ("valid", certificate),
        ("expired", expired),
        ("registration", registration),
    ]
    .map(|(name, certificate)| input(name, &certificate.sign(&key(ORGANIZATION))))
    .into()
}

pub(super) fn receipts() -> Vec<Input> {
    let receipt = Receipt {
        serial: serial(),
        organization: OrganizationId([1; 16]),
        user: UserHandle([2; 16]),
        zone: Zone::Enrollment,
        association: AssociationId([3; 16]),
        epoch: 1,
        credential_key: [4; 32],
        station: StationId([5; 16]),
        time: NOW,
        mode: Mode::Capture,
    };
    let body = minicbor::to_vec(&receipt).expect("memory takes everything");
    vec![input("first", &Signed::sign(body, Receipt::CONTEXT, &key(BAND)))]
}
