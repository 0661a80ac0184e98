use super::*;

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);
const STATION: StationId = StationId([7; 16]);

fn authority() -> Authority {
    Authority::load(&Authority::create("Acme", NOW).unwrap()).unwrap()
}

fn request(key: &KeyPair, parameters: CertificateParams) -> Vec<u8> {
    parameters.serialize_request(key).unwrap().der().to_vec()
}

#[test]
fn a_station_is_known_by_its_certificate() {
    let key = new_key().unwrap();
    let serial = serial([0xff; 16]);
    let validity = Validity::starting(NOW, 90 * DAY_S);
    let asked = request(&key, named("administrator"));
    let certificate = authority().station(&asked, STATION, serial, validity).unwrap();
    let expected = Peer {
        station: STATION,
        serial,
        not_after: validity.not_after,
    };
    assert_eq!(Peer::of(&certificate), Some(expected));
}

#[test]
fn what_a_request_asks_for_is_not_granted() {
    let key = new_key().unwrap();
    let mut wish = named("somebody else");
    wish.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    wish.subject_alt_names = vec![subject("console.example").unwrap()];
    wish.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let validity = Validity::starting(NOW, DAY_S);
    let granted = authority()
        .station(&request(&key, wish), STATION, serial([1; 16]), validity)
        .unwrap();
    let (_, read) = x509_parser::parse_x509_certificate(&granted).unwrap();
    let usage = read.extended_key_usage().unwrap().unwrap().value;
    assert!(usage.client_auth && !usage.server_auth);
    assert!(!read.is_ca());
    assert_eq!(Peer::of(&granted).unwrap().station, STATION);
}

#[test]
fn requests_that_do_not_hold_are_refused() {
    let check = |request: &[u8]| {
        let outcome = authority().station(request, STATION, serial([1; 16]), Validity::starting(NOW, DAY_S));
        assert!(matches!(outcome, Err(CaFault::Request(_))), "{outcome:?}");
    };
    let good = request(&new_key().unwrap(), named("x"));
    let mut changed = good.clone();
    *changed.last_mut().unwrap() ^= 1;
    check(&changed);
    check(&good[..good.len() - 1]);
    check(&[]);
    check(&vec![0x30; REQUEST_LEN_MAX + 1]);
    let other_kind = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    check(&request(&other_kind, named("x")));
}

#[test]
fn the_listener_has_the_names_it_is_given() {
    let names = [
        "console.plant.example".to_owned(),
        "192.0.2.7".into(),
        "::1".into(),
    ];
    let made = authority()
        .server(&names, Validity::starting(NOW, DAY_S))
        .unwrap();
    assert_eq!(Peer::of(&made.certificate), None);
    let (_, read) = x509_parser::parse_x509_certificate(&made.certificate).unwrap();
    let names = read.subject_alternative_name().unwrap().unwrap();
    assert_eq!(names.value.general_names.len(), 3);
    let bad = authority().server(&["no host".into()], Validity::starting(NOW, DAY_S));
    assert_eq!(bad.unwrap_err(), CaFault::Name("no host".into()));
}

#[test]
fn the_same_key_is_recognized_and_another_is_not() {
    let (one, two) = (new_key().unwrap(), new_key().unwrap());
    let digest = |key, name| request_key_digest(&request(key, named(name))).unwrap();
    assert_eq!(digest(&one, "a"), digest(&one, "b"));
    assert_ne!(digest(&one, "a"), digest(&two, "a"));
}

#[test]
fn secrets_do_not_print() {
    let stored = Authority::create("Acme", NOW).unwrap();
    assert_eq!(format!("{stored:?}"), "KeyedCertificate(..)");
    assert_eq!(
        format!("{:?}", Authority::load(&stored).unwrap()),
        "Authority(..)"
    );
}
