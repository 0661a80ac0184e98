//! The exact bytes of every kind of journal record, per version of the form. What is on file must be
//! readable for ever; what is written today is the newest file.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;
use firmware_protocol::certificate::Signed;
use firmware_protocol::id::{AssociationId, OrganizationId, Serial, StationId, UserHandle, Zone};
use firmware_protocol::message::Mode;
use proptest::prelude::*;
use station_core::journal::*;
use station_core::ticket::TicketId;

fn serial() -> Serial {
    Serial::new("AAAH-00125").expect("a serial")
}

/// One of each kind, with every field set; some a second time with what is optional left out.
fn samples() -> Vec<JournalRecord> {
    let flow = FlowId([0xf1; 16]);
    let association = AssociationId([0xa5; 16]);
    let user = UserHandle([0xb0; 16]);
    let ticket = TicketId([0x71; 16]);
    let zone = Zone::Registration;
    let mut samples = vec![
        Started {
            software: "0.1.0".into(),
            after_crash: true,
        }
        .into(),
        Stopped {}.into(),
        Provisioned {
            revision: 70_000,
            digest: [0xd1; 32],
            organization: OrganizationId([0x0a; 16]),
            station: StationId([0x57; 16]),
            zone,
            users: 100_000,
            bands: 300,
        }
        .into(),
        Configured { digest: [0xd2; 32] }.into(),
        Identification {
            flow,
            user,
            method: Method::Ticket,
            ticket: Some(ticket),
            operator: None,
        }
        .into(),
        Identification {
            flow,
            user,
            method: Method::Vouched,
            ticket: None,
            operator: Some("op-1".into()),
        }
        .into(),
        Decided {
            flow,
            moment: Moment::BeforeCommit,
            user,
            serial: serial(),
            revision: 70_000,
            time_ms: 1_800_000_000_000,
            time_trusted: true,
            outcome: "allow".into(),
            decided_by: "rule free_band_for_user_without_one".into(),
            facts: b"{}".to_vec(),
            mismatch: Some("wiped_while_held".into()),
        }
        .into(),
        Intent {
            flow,
            association,
            user,
            serial: serial(),
            zone,
            epoch: 3,
            mode: Mode::Authenticate,
            credential_key: [0xc0; 32],
            time_ms: 1_800_000_000_000,
            ticket: Some(ticket),
        }
        .into(),
        Committed {
            flow,
            receipt: Signed {
                body: vec![1, 2, 3],
                signature: [0x51; 64],
            },
            band_key: [0xbb; 32],
            recovered: false,
            seos: true,
            band_certificate: None,
        }
        .into(),
        RolledBack {
            flow,
            association,
            serial: serial(),
            cause: RollbackCause::BandMovedOn,
            ticket: Some(ticket),
        }
        .into(),
        Refused {
            flow: Some(flow),
            user: Some(user),
            serial: Some(serial()),
            code: "band_locked_out".into(),
            detail: 30,
        }
        .into(),
        Refused {
            flow: None,
            user: None,
            serial: None,
            code: "ticket_forged".into(),
            detail: 0,
        }
        .into(),
        UserDataDeleted {
            flow,
            serial: serial(),
            epoch: 3,
            asked: true,
        }
        .into(),
        ClockBackward {
            floor_ms: 1_800_000_000_000,
            clock_ms: 1_700_000_000_000,
        }
        .into(),
        ClockAhead {
            expected_ms: 1_700_000_000_000,
            clock_ms: 1_800_000_000_000,
        }
        .into(),
        TicketSpent { ticket, association }.into(),
        SecretFailed {
            secret: SecretKind::Pin,
            operator: Some("op-1".into()),
            in_a_row: 6,
            blocked_until_ms: 1_800_000_120_000,
        }
        .into(),
        RefusalsCounted {
            first_ms: 1_800_000_000_000,
            last_ms: 1_800_000_999_000,
            count: 9_900,
        }
        .into(),
    ];
    samples.extend(about_doubt());
    samples.extend(about_the_console());
    samples
}

/// The records about what somebody must look at.
fn about_doubt() -> Vec<JournalRecord> {
    vec![
        ClockConfirmed {
            clock_ms: 1_800_000_000_000,
            operator: Some("op-1".into()),
        }
        .into(),
        IntentClosed {
            association: AssociationId([0xa5; 16]),
            serial: serial(),
            operator: "op-1".into(),
        }
        .into(),
        Quarantined {
            flow: FlowId([0xf1; 16]),
            serial: serial(),
            receipt: Signed {
                body: vec![1, 2, 3],
                signature: [0x51; 64],
            },
            band_key: [0xbb; 32],
            code: "user_unknown".into(),
        }
        .into(),
    ]
}

/// The records about the station's console.
fn about_the_console() -> Vec<JournalRecord> {
    let zone = Zone::Registration;
    vec![
        Joined {
            organization: OrganizationId([0x0a; 16]),
            station: StationId([0x57; 16]),
            zone,
            authority: [0xca; 32],
            lineage: [0x11; 16],
        }
        .into(),
        ReplicaReplaced {
            lineage: [0x11; 16],
            revision: 70_001,
            made_at_ms: 1_800_000_000_000,
            users: 100_000,
            bands: 300,
            contains_through: 41,
        }
        .into(),
        SyncStopped {
            direction: Direction::Journal,
            code: "station_revoked".into(),
        }
        .into(),
        CertificateRenewed {
            not_after_s: 1_800_000_000,
            air_not_after_s: 1_802_592_000,
        }
        .into(),
        Committed {
            flow: FlowId([0xf1; 16]),
            receipt: Signed {
                body: vec![1, 2, 3],
                signature: [0x51; 64],
            },
            band_key: [0xbb; 32],
            recovered: true,
            seos: false,
            band_certificate: Some(Signed {
                body: vec![4, 5, 6],
                signature: [0x52; 64],
            }),
        }
        .into(),
    ]
}

fn lines() -> Vec<String> {
    samples()
        .iter()
        .map(|record| format!("{} {}", record.name(), HEXLOWER.encode(&record.encode())))
        .collect()
}

#[test]
fn every_kind_is_on_file() {
    let kinds: BTreeSet<_> = samples().iter().map(JournalRecord::kind).collect();
    assert_eq!(
        kinds,
        JournalRecord::KINDS.iter().map(|(kind, _)| *kind).collect()
    );
}

/// Version 1. When the form changes, this file stays and a new one is added beside it.
#[test]
fn version_1_is_written_and_read() {
    let on_file: Vec<_> = include_str!("bytes/v01.txt").lines().collect();
    assert_eq!(lines(), on_file, "\n{}\n", lines().join("\n"));
    for (line, sample) in on_file.iter().zip(samples()) {
        let (_, hex) = line.split_once(' ').expect("name and bytes");
        let bytes = HEXLOWER.decode(hex.as_bytes()).expect("hexadecimal");
        assert_eq!(JournalRecord::decode(&bytes), Ok(sample));
    }
}

#[track_caller]
fn check(hex: &str, expected: Result<JournalRecord, RecordError>) {
    let bytes = HEXLOWER.decode(hex.as_bytes()).expect("hexadecimal");
    assert_eq!(JournalRecord::decode(&bytes), expected);
}

#[test]
fn what_is_new_is_skipped_or_refused_by_name() {
    // [1, 2, {9: "new"}] is a `stopped` with a field of a later release
    check("830102a109636e6577", Ok(Stopped {}.into()));
    check("830202a0", Err(RecordError::Version(2)));
    check("8301186fa0", Err(RecordError::UnknownKind(111)));
    check("830101a0", Err(RecordError::Body(1)));
    check("830102a000", Err(RecordError::Body(2)));
    check("8201", Err(RecordError::Malformed));
    check("", Err(RecordError::Malformed));
}

#[test]
fn the_floor_of_time_falls_only_when_somebody_confirms_the_clock() {
    let at = |time_ms, record: JournalRecord| {
        let (entries, _) = chain(StationKey([1; 16]), Head::EMPTY, time_ms, &[record]);
        entries[0].clone()
    };
    assert_eq!(floor_after(0, &at(500, Stopped {}.into())), 500);
    assert_eq!(floor_after(900, &at(500, Stopped {}.into())), 900);
    assert_eq!(
        floor_after(
            900,
            &at(
                500,
                ClockConfirmed {
                    clock_ms: 400,
                    operator: None
                }
                .into()
            )
        ),
        400
    );
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = JournalRecord::decode(&bytes);
    }

    #[test]
    fn damaged_records_are_read_as_something_or_refused(
        which in 0..21usize,
        place in any::<prop::sample::Index>(),
        bit in 0..8u8,
    ) {
        let mut bytes = samples()[which].encode();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        let _ = JournalRecord::decode(&bytes);
        bytes.truncate(place);
        prop_assert!(JournalRecord::decode(&bytes).is_err());
    }
}

/// A record grows by fields at its end; what was written before them reads with their defaults.
#[test]
fn a_commit_without_the_newest_field_is_read() {
    let newest = samples().into_iter().find(|record| record.name() == "committed");
    let bytes = newest.expect("one of each kind").encode();
    // `[1, 8, {5 fields}]` becomes `[1, 8, {4 fields}]`: the count in the map's head, and no field 4.
    let older = [&bytes[..3], &[0xa4], &bytes[4..bytes.len() - 2]].concat();
    let Ok(JournalRecord::Committed(read)) = JournalRecord::decode(&older) else {
        panic!("not read")
    };
    assert!(!read.seos && !read.recovered);
}
