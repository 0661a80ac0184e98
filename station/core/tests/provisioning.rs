//! The file a station starts with: the documented example, and every fault by place, problem and fix.

use data_encoding::HEXLOWER;
use ed25519_dalek::SigningKey;
use firmware_protocol::certificate::StationCertificate;
use firmware_protocol::id::{StationId, Zone};
use firmware_protocol::time::UnixSeconds;
use station_core::provision::{Provision, ProvisionFaults, ProvisionFile, load};
use station_core::replica::{Right, TicketState, derived_handle};
use station_core::ticket::{CodeKey, TypedCode};

const MANUAL: &str = include_str!("../../../docs/provisioning.md");

/// The example of the manual.
fn example() -> String {
    let block = MANUAL
        .split("```toml\n")
        .nth(1)
        .expect("an example")
        .split("```")
        .next();
    block.expect("its end").to_owned()
}

/// The keys in the example are made like this, from bytes that nobody should use.
fn example_keys() -> [(&'static str, String); 7] {
    let key = |seed: u8| SigningKey::from_bytes(&[seed; 32]);
    let hex = |bytes: &[u8]| HEXLOWER.encode(bytes);
    let public = |seed: u8| hex(&key(seed).verifying_key().to_bytes());
    let secret = x25519_dalek::StaticSecret::from([0x44; 32]);
    let certificate = StationCertificate {
        organization_key: key(0x11).verifying_key().to_bytes(),
        station: StationId([0x07; 16]),
        dh_key: x25519_dalek::PublicKey::from(&secret).to_bytes(),
        zone: Zone::Enrollment,
        not_before: UnixSeconds(1_795_000_000),
        not_after: UnixSeconds(1_826_536_000),
    };
    let signed = minicbor::to_vec(certificate.sign(&key(0x11))).expect("memory takes everything");
    let code = TypedCode::from_random([3, 1, 4, 1, 5, 9, 2, 6, 5]);
    [
        ("organization", public(0x11)),
        ("certificate", hex(&signed)),
        ("secret_key", hex(&secret.to_bytes())),
        ("issuer", public(0x22)),
        ("code_key", hex(&[0x55; 32])),
        ("manufacturer", public(0x33)),
        ("code_hash", hex(&code.hash(&CodeKey([0x55; 32])).0)),
    ]
}

#[test]
fn the_example_holds_the_keys_it_should() {
    let text = example();
    for (name, hex) in example_keys() {
        assert!(text.contains(&hex), "{name}: {hex}");
    }
    let code = TypedCode::from_random([3, 1, 4, 1, 5, 9, 2, 6, 5]).reveal();
    assert!(MANUAL.contains(&code), "{code}");
}

#[test]
fn the_example_of_the_manual_is_loaded() {
    let provision = load(&example()).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(
        (
            provision.users.len(),
            provision.bands.len(),
            provision.associations.len()
        ),
        (3, 4, 1)
    );
    assert_eq!(provision.zone, Zone::Enrollment);
    assert_eq!(
        provision.users[0].handle,
        derived_handle(provision.organization, "ada")
    );
    assert_eq!(
        provision.operators[0].rights.iter().collect::<Vec<_>>(),
        [&Right::Vouch, &Right::ConfirmClock]
    );
    assert_eq!(provision.tickets[0].1, TicketState::Unspent);
    assert_eq!(provision.active_group_policy.id.as_str(), "plant");
    assert_eq!(provision.other_group_policies.len(), 1);
}

#[test]
fn toml_and_json_say_the_same() {
    let file = ProvisionFile::parse(&example()).expect("the example");
    let json = serde_json::to_string(&file).expect("it has a form in JSON");
    assert_eq!(ProvisionFile::parse(&json).expect("JSON"), file);
    assert_eq!(ProvisionFile::parse(&file.to_toml()).expect("TOML"), file);
}

#[test]
fn secrets_print_as_dots() {
    let file = ProvisionFile::parse(&example()).expect("the example");
    let shown = format!("{file:?} {:?}", file.clone().check([0; 32]).expect("the example"));
    for secret in ["44444444", "55555555", "$argon2id", "68, 68, 68", "85, 85, 85"] {
        assert!(!shown.contains(secret), "{secret}");
    }
}

fn loaded(text: &str) -> Result<Provision, ProvisionFaults> {
    load(text)
}

/// Replaces a piece of the example and expects exactly these faults, as `place: part of the problem`.
#[track_caller]
fn check(piece: &str, by: &str, expected: &[(&str, &str)]) {
    let text = example();
    assert!(text.contains(piece), "the example has {piece:?}");
    let faults = loaded(&text.replacen(piece, by, 1)).expect_err(by).0;
    let found: Vec<_> = faults.iter().map(|fault| fault.place.as_str()).collect();
    assert_eq!(
        found,
        expected.iter().map(|(place, _)| *place).collect::<Vec<_>>(),
        "{faults:?}"
    );
    for (fault, (_, problem)) in faults.iter().zip(expected) {
        assert!(fault.problem.contains(problem), "{fault}");
        assert!(!fault.fix.is_empty());
    }
}

#[test]
fn what_cannot_be_read_is_found_by_line_and_column() {
    check(
        "format = 1",
        "format = \"one\"",
        &[("line 1 column 10", "invalid type")],
    );
    check(
        "revision = 1",
        "revision = -1",
        &[("line 2 column 12", "invalid value")],
    );
    check(
        "site = ",
        "sight = ",
        &[("line 10 column 1", "unknown field `sight`")],
    );
    check("format = 1", "format = ", &[("line 1 column 10", "")]);
    let faults = loaded("{\n \"format\": 1,\n \"form\": 2\n}").expect_err("JSON").0;
    assert_eq!(faults[0].place, "line 3 column 7");
    assert!(loaded("").is_err());
}

#[test]
fn every_contradiction_is_found_by_its_place() {
    let none = "there is no";
    check("format = 1", "format = 2", &[("format", "2 is not known")]);
    check(
        "active_group_policy = \"plant\"",
        "active_group_policy = \"pl\"",
        &[("active_group_policy", none)],
    );
    check(
        "reenroll_own = true",
        "reenroll_any = true",
        &[("group_policies[0].reenroll_any", "needs reenroll_own")],
    );
    check(
        "id = \"trial\"",
        "id = \"plant\"",
        &[("group_policies[1].id", "plant is also group_policies[0]")],
    );
    check(
        "id = \"grace\"",
        "id = \"ada\"",
        &[
            ("users[1].id", "ada is also users[0]"),
            ("users[1].handle", "is also users[0]"),
            ("operators[0].user", none),
        ],
    );
    check(
        "policy = \"lab\"",
        "policy = \"lob\"",
        &[("users[2].policy", none)],
    );
    check(
        "label = \"ADA L.\"",
        "label = \"Ada Lovelace!\"",
        &[("users[0].label", "cannot be shown")],
    );
    check(
        "serial = \"AAAH-00002\"",
        "serial = \"AAAH-00001\"",
        &[("bands[1].serial", "is also bands[0]")],
    );
    check(
        "user = \"ada\"",
        "user = \"nobody\"",
        &[("associations[0].user", none)],
    );
    check(
        "band = \"AAAH-00001\"",
        "band = \"AAAH-00009\"",
        &[("associations[0].band", none)],
    );
    check(
        "id = \"shift-lead\"",
        "id = \"Shift Lead\"",
        &[("operators[0].id", "is not an id")],
    );
    check(
        "pin = \"$argon2id$",
        "pin = \"1234",
        &[("operators[0].pin", "argon2id")],
    );
    check(
        "expires = 1800086400",
        "expires = 1700000000",
        &[("tickets[0].expires", "before not_before")],
    );
    check(
        "site = \"plant-7\"",
        "site = \" \"",
        &[("station.site", "is not a name")],
    );
}

#[test]
fn keys_must_fit_each_other() {
    let [
        (_, organization),
        (_, certificate),
        (_, secret),
        ..,
        (_, manufacturer),
        _,
    ] = example_keys();
    let weak = "00".repeat(32);
    check(
        &manufacturer,
        &weak,
        &[("manufacturers[0].public_key", "not an Ed25519 public key")],
    );
    check(
        &secret,
        &"45".repeat(32),
        &[("station.secret_key", "not the key that the certificate names")],
    );
    check(
        &certificate,
        "00",
        &[("station.certificate", "not a station certificate")],
    );
    let changed = certificate.replace("07070707", "08080808");
    check(
        &certificate,
        &changed,
        &[("station.certificate", "wrong signature")],
    );
    let other = HEXLOWER.encode(&SigningKey::from_bytes(&[0x12; 32]).verifying_key().to_bytes());
    check(
        &organization,
        &other,
        &[("station.certificate", "of another organization")],
    );
}

#[test]
fn two_bands_or_two_holders_at_once_are_refused() {
    let entry = |user: &str, band: &str| {
        let id = "99".repeat(16);
        format!("[[associations]]\nid = \"{id}\"\nuser = \"{user}\"\nband = \"{band}\"\n\n[[operators]]")
    };
    check(
        "[[operators]]",
        &entry("ada", "AAAH-00002"),
        &[("associations[1].active", "another active band")],
    );
    check(
        "[[operators]]",
        &entry("grace", "AAAH-00001"),
        &[("associations[1].band", "is held")],
    );
}

#[test]
fn all_faults_are_reported_at_once() {
    let text = example()
        .replace("\"lab\"", "\"lob\"")
        .replacen("id = \"lob\"", "id = \"x\"", 1);
    let text = text.replace("expires = 1800086400", "expires = 1");
    assert_eq!(loaded(&text).expect_err("two faults").0.len(), 2);
}

#[test]
fn distinct_people_stay_distinct() {
    // same name, one letter, right to left, emoji, composed and decomposed, case, id 0
    let people = [
        "0",
        "a",
        "A",
        "zo\u{eb}",
        "zoe\u{308}",
        "\u{5d0}\u{5d1}",
        "👩‍🔧",
        "O'Brien; DROP TABLE",
    ];
    let users: String = people
        .iter()
        .map(|id| format!("[[users]]\nid = \"{id}\"\nname = \"Sam\"\n\n"))
        .collect();
    let text = example().replacen("[[bands]]", &format!("{users}[[bands]]"), 1);
    assert_eq!(
        loaded(&text)
            .unwrap_or_else(|faults| panic!("{faults}"))
            .users
            .len(),
        3 + people.len()
    );
    check("id = \"ada\"", "id = \"\"", &[("line 39 column 6", "empty")]);
    check(
        "id = \"ada\"",
        "id = \"a\\u0000\"",
        &[("line 39 column 6", "not allowed")],
    );
}
