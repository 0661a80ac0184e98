use ed25519_dalek::SigningKey;
use firmware_protocol::certificate::{BandCertificate, Signed};
use firmware_protocol::id::{AssociationId, Serial, UserHandle, Zone};
use firmware_protocol::message::Mode;
use firmware_protocol::time::UnixSeconds;
use server_sync::{Head, StationKey};
use station_core::journal::{FlowId, Stopped, chain};

use super::*;

const OURS: OrganizationId = OrganizationId([0x0a; 16]);
const STATION: StationId = StationId([5; 16]);

fn receipt() -> Receipt {
    Receipt {
        serial: Serial::new("BAND-1").unwrap(),
        organization: OURS,
        user: UserHandle([1; 16]),
        zone: Zone::Enrollment,
        association: AssociationId([2; 16]),
        epoch: 1,
        credential_key: [3; 32],
        station: STATION,
        time: UnixSeconds(1_800_000_000),
        mode: Mode::Capture,
    }
}

fn committed(receipt: &Receipt, recovered: bool) -> Committed {
    let key = SigningKey::from_bytes(&[7; 32]);
    let body = minicbor::to_vec(receipt).unwrap();
    Committed {
        flow: FlowId([4; 16]),
        receipt: Signed::sign(body, Receipt::CONTEXT, &key),
        band_key: key.verifying_key().to_bytes(),
        recovered,
        seos: false,
        band_certificate: None,
    }
}

fn maker() -> SigningKey {
    SigningKey::from_bytes(&[2; 32])
}

fn trust() -> Trust {
    Trust {
        organization: OURS,
        manufacturers: vec![[1; 32], maker().verifying_key().to_bytes()],
    }
}

/// The same with a certificate, changed by `change` before `by` signs it.
fn certified(by: &SigningKey, change: impl FnOnce(&mut BandCertificate)) -> Committed {
    let plain = committed(&receipt(), false);
    let mut certificate = BandCertificate {
        serial: receipt().serial,
        model: "M".into(),
        dh_key: [6; 32],
        signing_key: plain.band_key,
        seos: false,
    };
    change(&mut certificate);
    Committed {
        band_certificate: Some(certificate.sign(by)),
        ..plain
    }
}

/// The code of the first finding in a journal of these records, and where it was.
fn finding(records: &[JournalRecord]) -> Option<(u64, &'static str)> {
    let station = StationKey(STATION.0);
    let (entries, _) = chain(station, Head::EMPTY, 1_800_000_000_000, records);
    let batch = Batch {
        station,
        after: Head::EMPTY,
        entries: entries.clone(),
    };
    let checked = check(&trust(), batch);
    checked
        .first_forgery(&entries)
        .map(|finding| (finding.sequence, finding.code))
}

#[test]
fn an_association_counts_by_the_bands_own_word_alone() {
    let stopped = || JournalRecord::from(Stopped {});
    let good = committed(&receipt(), false);
    assert_eq!(finding(&[stopped(), good.clone().into()]), None);
    let forged = Some((2, "receipt_forged"));
    let mut changed = good.clone();
    *changed.receipt.body.last_mut().unwrap() ^= 1;
    assert_eq!(finding(&[stopped(), changed.into()]), forged);
    let mut other_key = good.clone();
    other_key.band_key = SigningKey::from_bytes(&[8; 32]).verifying_key().to_bytes();
    assert_eq!(finding(&[stopped(), other_key.into()]), forged);
    let foreign = Receipt {
        organization: OrganizationId([0x0b; 16]),
        ..receipt()
    };
    assert_eq!(finding(&[stopped(), committed(&foreign, false).into()]), forged);
}

#[test]
fn what_another_station_committed_counts_where_it_was_asked_for_again() {
    let elsewhere = Receipt {
        station: StationId([6; 16]),
        ..receipt()
    };
    assert_eq!(
        finding(&[committed(&elsewhere, false).into()]),
        Some((1, "receipt_forged"))
    );
    assert_eq!(finding(&[committed(&elsewhere, true).into()]), None);
}

#[test]
fn a_forgery_counts_only_where_it_is_new() {
    let mut forged = committed(&receipt(), false);
    forged.band_key = [9; 32];
    let station = StationKey(STATION.0);
    let records = [forged.into(), JournalRecord::from(Stopped {})];
    let (entries, _) = chain(station, Head::EMPTY, 1, &records);
    let batch = Batch {
        station,
        after: Head::EMPTY,
        entries: entries.clone(),
    };
    let checked = check(&trust(), batch);
    assert!(checked.first_forgery(&entries).is_some());
    assert!(checked.first_forgery(&entries[1..]).is_none());
}

/// A3: a manufacturer vouches for serial, key and door credential together, or for nothing.
#[test]
fn a_bands_certificate_is_its_manufacturers_word() {
    let as_is = |_: &mut BandCertificate| {};
    let code = |committed: Committed| finding(&[committed.into()]).map(|(_, code)| code);
    assert_eq!(code(certified(&maker(), as_is)), None);
    let nobody = SigningKey::from_bytes(&[3; 32]);
    assert_eq!(
        code(certified(&nobody, as_is)),
        Some("band_certificate_untrusted")
    );
    let changes: [fn(&mut BandCertificate); 3] = [
        |it| it.serial = Serial::new("BAND-2").unwrap(),
        |it| it.signing_key = [9; 32],
        |it| it.seos = true,
    ];
    for change in changes {
        let found = code(certified(&maker(), change));
        assert_eq!(found, Some("band_certificate_of_another"));
    }
    let mut changed = certified(&maker(), as_is);
    if let Some(signed) = &mut changed.band_certificate {
        signed.body[5] ^= 1;
    }
    assert_eq!(code(changed), Some("band_certificate_untrusted"));
}

#[test]
fn a_decision_is_found_by_how_its_record_begins() {
    let named = JournalRecord::KINDS.iter().find(|(_, name)| *name == "decided");
    assert_eq!(
        fold::DECIDED,
        station_core::journal::record_prefix(named.unwrap().0)
    );
    let stopped = JournalRecord::from(Stopped {}).encode();
    assert_eq!(stopped[..3], station_core::journal::record_prefix(2));
}
