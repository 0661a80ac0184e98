use firmware_protocol::certificate::StationCertificate;
use station_core::clock::TrustedTime;
use station_core::provision::load;
use station_core::ticket::{Place, verify_ticket};

use super::*;

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

fn organization() -> Organization {
    Organization::new(&std::array::from_fn(|i| i as u8))
}

fn station_grant() -> StationGrant {
    StationGrant {
        site: "north".into(),
        zone: Zone::Enrollment,
        not_before: NOW,
        not_after: UnixSeconds(NOW.0 + 9),
    }
}

fn ticket_grant(organization: &Organization) -> TicketGrant {
    let user = UserId::new("ada").expect("a user's id");
    TicketGrant {
        handle: organization.handle(&user),
        user,
        site: "north".into(),
        zone: Zone::Enrollment,
        not_before: NOW,
        expires: UnixSeconds(NOW.0 + 9),
    }
}

fn init_file(plant: &str) -> ProvisionFile {
    let organization = organization();
    let station = organization.station(&station_grant(), &[7; STATION_ENTROPY_LEN]);
    let make = Manufacturer::new("Test bands", &[8; 32]).entry();
    let plant = toml::from_str(plant).expect("a plant");
    organization.init_file(station, vec![make], plant, 1, NOW.0 * 1000)
}

const PLANT: &str = r#"
[[users]]
id = "ada"
name = "Ada"

[[bands]]
serial = "NB-1"
seos = true
"#;

#[test]
fn a_station_accepts_its_init_file() {
    let file = init_file(PLANT);
    let provision = load(&file.to_toml()).expect("nothing wrong with it");
    assert_eq!(provision.organization, organization().id());
    assert_eq!((provision.users.len(), provision.bands.len()), (1, 1));
    assert_eq!(provision.zone, Zone::Enrollment);
    StationCertificate::verify(&provision.certificate, NOW).expect("signed by the organization it names");
}

#[test]
fn a_plant_without_policies_gets_the_defaults() {
    let provision = load(&init_file("").to_toml()).expect("nothing wrong with it");
    assert_eq!(provision.active_group_policy.id.as_str(), "default");
    assert_eq!(provision.active_group_policy.reenroll_own, None);
}

#[test]
fn a_station_accepts_its_tickets() {
    let organization = organization();
    let text = organization.ticket(&ticket_grant(&organization), TicketId([1; 16]));
    let place = Place {
        site: "north",
        zone: Zone::Enrollment,
    };
    let time = TrustedTime::certain(NOW.0 * 1000);
    let ticket = verify_ticket(&text, &organization.ticket_issuer(), place, time).expect("a good ticket");
    assert_eq!(
        ticket.user(),
        organization.handle(&UserId::new("ada").expect("a user's id"))
    );
}

#[test]
fn a_station_knows_a_code_by_its_keyed_hash_alone() {
    let organization = organization();
    let (code, entry) = organization.typed_code(
        &ticket_grant(&organization),
        TicketId([1; 16]),
        [3; CODE_ENTROPY_LEN],
    );
    let key = CodeKey(*organization.code_key);
    assert_eq!(entry.code_hash, Some(HexBytes(code.hash(&key).0)));
    assert!(!format!("{entry:?}").contains(&code.reveal()));
}

#[test]
fn a_band_proves_its_make() {
    let make = Manufacturer::new("Test bands", &[8; 32]);
    let serial = Serial::new("NB-1").expect("a serial");
    let band = make.band(serial.clone(), "Sim", true, &[9; BAND_ENTROPY_LEN]);
    let certificate =
        BandCertificate::verify(&band.certificate, &[make.entry().public_key.0]).expect("its make");
    assert_eq!((certificate.serial, certificate.seos), (serial, true));
    assert_eq!(certificate.dh_key, dh_public(&band.dh_secret));
}

#[test]
fn secrets_print_as_dots() {
    let printed = format!(
        "{:?} {:?}",
        organization(),
        Manufacturer::new("Test bands", &[8; 32])
    );
    assert!(
        !printed.contains("0808") && !printed.contains("signing_key"),
        "{printed}"
    );
}
