//! One of everything that crosses the wire, with every field set; some a second time with what is optional
//! left out.

use ed25519_dalek::{Signer, SigningKey};
use policy::model::{
    AssociationId, EndCause, GroupPolicy, IndividualPolicy, StockState, UserId, UserStatus, Zone,
};
use server_sync::feed::*;
use server_sync::health::{AdapterState, ClockState, Health};
use server_sync::join::{
    Der, Fingerprint, JoinAnswer, JoinFault, JoinRequest, Joined, JournalEnd, RenewRequest,
};
use server_sync::journal::{Ack, Batch, PushAnswer, PushFault};
use server_sync::{Entry, Hash, Head, Lineage, Organization, Revision, StationKey, Version, Versions};

pub(crate) const STATION: StationKey = StationKey([0x57; 16]);
pub(crate) const LINEAGE: Lineage = Lineage([0x11; 16]);
pub(crate) const NOW_MS: u64 = 1_800_000_000_000;

pub(crate) fn key(byte: u8) -> SigningKey {
    SigningKey::from_bytes(&[byte; 32])
}

pub(crate) fn sign_with(key: &SigningKey) -> impl FnOnce(&[u8]) -> [u8; 64] + '_ {
    |bytes| key.sign(bytes).to_bytes()
}

/// The organization's key.
pub(crate) fn organization_key() -> SigningKey {
    key(1)
}

pub(crate) fn organization() -> Organization {
    Organization::of_key(&organization_key().verifying_key().to_bytes())
}

pub(crate) fn revision(number: u64) -> Revision {
    Revision::new(number).expect("a small number")
}

pub(crate) fn feed_key(id: u32) -> FeedKey {
    FeedKey {
        id,
        key: key(100 + id as u8).verifying_key().to_bytes(),
        not_before_ms: NOW_MS - 1_000,
        retired_at_ms: None,
    }
}

pub(crate) fn key_list(serial: u64, keys: Vec<FeedKey>) -> SignedKeyList {
    let list = KeyList {
        organization: organization(),
        serial,
        made_at_ms: NOW_MS,
        keys,
    };
    list.sign(sign_with(&organization_key()))
}

pub(crate) fn user_row(id: &str) -> UserRow {
    UserRow {
        id: UserId::new(id).expect("an id"),
        name: "Ada Lovelace".into(),
        site: "north".into(),
        status: UserStatus::Active,
        label: None,
        suspended_since_ms: None,
        policy: None,
        handle: None,
    }
}

fn association() -> AssociationRow {
    AssociationRow {
        id: AssociationId([0xa5; 16]),
        user: UserId::new("ada").expect("an id"),
        band: "AAAH-00125".parse().expect("a serial"),
        zone: Zone::Enrollment,
        active: true,
        primary: true,
        band_epoch: 3,
        credential_key: Some([0xc0; 32]),
        expires_at_ms: None,
        suspended_since_ms: None,
        ended: None,
    }
}

fn group_policy() -> GroupPolicy {
    GroupPolicy {
        reenroll_own: Some(true),
        reenroll_any: Some(false),
        stock_enforced: Some(true),
        takeover_max_age_s: Some(3_600),
        offline_max_age_s: Some(604_800),
        battery_min_percent: Some(20),
        liveness: Some(true),
        haptics: Some(false),
        label: Some(true),
        label_custom: Some(false),
        idle_logout_s: Some(300),
        ..GroupPolicy::new("plant".parse().expect("an id"))
    }
}

pub(crate) fn rows() -> Vec<(&'static str, Row)> {
    let ada = user_row("ada");
    let full = UserRow {
        status: UserStatus::NotYet,
        label: Some("ADA".into()),
        suspended_since_ms: Some(1_700_000_000_000),
        policy: Some("gloves".parse().expect("an id")),
        handle: Some([0xb0; 16]),
        ..ada.clone()
    };
    let ended = AssociationRow {
        zone: Zone::Registration,
        active: false,
        primary: false,
        credential_key: None,
        expires_at_ms: Some(1_800_000_100_000),
        suspended_since_ms: Some(1_800_000_000_001),
        ended: Some(EndingRow {
            cause: EndCause::TakenOver,
            at_ms: 1_800_000_000_002,
        }),
        ..association()
    };
    let gloves = IndividualPolicy {
        liveness: Some(false),
        ..IndividualPolicy::new("gloves".parse().expect("an id"))
    };
    vec![
        ("user", ada.clone().into()),
        ("user.full", full.into()),
        (
            "band",
            BandRow {
                serial: "AAAH-00125".parse().expect("a serial"),
                seos: true,
                stock: StockState::Lost,
            }
            .into(),
        ),
        ("association", association().into()),
        ("association.ended", ended.into()),
        ("group_policy", GroupPolicyRow::of(&group_policy()).into()),
        ("individual_policy", IndividualPolicyRow::of(&gloves).into()),
        (
            "active_group_policy",
            ActiveGroupPolicyRow {
                policy: "plant".parse().expect("an id"),
            }
            .into(),
        ),
        ("operator", operator().into()),
        ("ticket", ticket().into()),
        ("key", code_key().into()),
        ("station", station().into()),
        (
            "station.authorities",
            StationRow {
                authorities: Some(vec![Fingerprint([0x0b; 32]), Fingerprint([0x0c; 32])]),
                ..station()
            }
            .into(),
        ),
        ("removed", RowKey::User(ada.id).removed()),
    ]
}

fn operator() -> OperatorRow {
    OperatorRow {
        id: "op-1".into(),
        pin: "$argon2id$v=19$m=8,t=1,p=1$c2FsdA$aGFzaA".into(),
        rights: Rights::VOUCH.with(Rights::CONFIRM_CLOCK),
        user: Some(UserId::new("grace").expect("an id")),
    }
}

fn ticket() -> TicketRow {
    TicketRow {
        id: [0x71; 16],
        user: UserId::new("ada").expect("an id"),
        site: "north".into(),
        zone: Zone::Enrollment,
        not_before_s: 1_800_000_000,
        expires_s: 1_800_086_400,
        state: TicketState::Spent,
        code_hash: Some([0xcc; 32]),
        spent_for: Some([0xa5; 16]),
    }
}

fn code_key() -> KeyRow {
    KeyRow {
        kind: KeyKind::Code,
        id: 7,
        bytes: [0x5e; 32],
        not_before_ms: NOW_MS,
        retired_at_ms: Some(NOW_MS + 1),
    }
}

fn station() -> StationRow {
    StationRow {
        station: STATION,
        name: "Gate 2".into(),
        site: "north".into(),
        zone: Zone::Enrollment,
        hold_s: Some(30),
        health_every_s: Some(60),
        authorities: None,
    }
}

pub(crate) fn cursor() -> Cursor {
    Cursor {
        lineage: LINEAGE,
        revision: revision(70_000),
        version: Version(1),
        filling: Some(revision(90_000)),
    }
}

pub(crate) fn header() -> Header {
    Header {
        version: Version(1),
        organization: organization(),
        station: STATION,
        site: "north".into(),
        lineage: LINEAGE,
        from: revision(70_000),
        to: revision(70_001),
        head: revision(90_001),
        snapshot: Some(revision(90_000)),
        acked_through: 12,
        made_at_ms: NOW_MS,
        key_id: 1,
        acked_mark: [0x4a; 8],
        spread_s: None,
    }
}

pub(crate) fn page() -> SignedPage {
    let body = Row::from(user_row("ada")).to_bytes();
    SignedPage::sign(&header(), body, sign_with(&key(101)))
}

pub(crate) fn spread_page() -> SignedPage {
    let header = Header {
        spread_s: Some(20),
        ..header()
    };
    SignedPage::sign(&header, Vec::new(), sign_with(&key(101)))
}

pub(crate) fn inbox_state() -> InboxState {
    InboxState {
        cursor: Some(cursor()),
        floor: revision(90_001),
        left: vec![Lineage([0x12; 16])],
        site: "north".into(),
        complete: Some(Complete {
            lineage: LINEAGE,
            revision: revision(60_000),
            made_at_ms: NOW_MS,
            acked_through: 12,
            acked_mark: [0x4a; 8],
        }),
        keys: Some(key_list(3, vec![feed_key(1)])),
    }
}

pub(crate) fn journal(length: u64) -> Vec<Entry> {
    let mut head = Head::EMPTY;
    let next = |sequence: u64| {
        let entry = Entry::following(STATION, head, NOW_MS + sequence, vec![sequence as u8; 5]);
        head = entry_head(&entry);
        entry
    };
    (1..=length).map(next).collect()
}

pub(crate) fn entry_head(entry: &Entry) -> Head {
    Head {
        sequence: entry.sequence,
        hash: entry.hash,
    }
}

pub(crate) fn batch() -> Batch {
    let entries = journal(4);
    Batch {
        station: STATION,
        after: entry_head(&entries[1]),
        entries: entries[2..].to_vec(),
    }
}

pub(crate) fn push_answers() -> Vec<(&'static str, PushAnswer)> {
    let ack = Ack {
        lineage: LINEAGE,
        through: 4,
        hash: Hash([0x4a; 32]),
    };
    let refused = [
        ("malformed", PushFault::Malformed),
        ("changed", PushFault::Changed { first: 3 }),
        (
            "too_large",
            PushFault::TooLarge {
                entries_max: 512,
                bytes_max: 1 << 20,
            },
        ),
        ("gap", PushFault::Gap { ack }),
        ("fork", PushFault::Fork { sequence: 3 }),
        ("other_station", PushFault::OtherStation { found: STATION }),
        ("revoked", PushFault::Revoked),
        (
            "version",
            PushFault::Version {
                console: Versions::OURS,
            },
        ),
        ("busy", PushFault::Busy),
        (
            "quarantined",
            PushFault::Quarantined {
                sequence: 3,
                code: "receipt_forged".into(),
            },
        ),
    ];
    let refused = refused.map(|(name, fault)| (name, PushAnswer::Refused(fault)));
    [("ack", PushAnswer::Ack(ack))]
        .into_iter()
        .chain(refused)
        .collect()
}

pub(crate) fn feed_faults() -> Vec<(&'static str, FeedFault)> {
    vec![
        (
            "version",
            FeedFault::Version {
                console: Versions::OURS,
            },
        ),
        ("behind", FeedFault::ConsoleBehind { head: revision(5) }),
        ("revoked", FeedFault::Revoked),
        ("malformed", FeedFault::Malformed),
        ("busy", FeedFault::Busy),
    ]
}

pub(crate) fn health() -> Health {
    Health {
        software: "0.1.0".into(),
        versions: Some(Versions::OURS),
        uptime_s: 3_600,
        time_ms: NOW_MS,
        clock: ClockState::Ahead,
        adapter: AdapterState::Off,
        lineage: Some(LINEAGE),
        revision: Some(revision(70_000)),
        replica_made_at_ms: Some(NOW_MS),
        journal_head: 12,
        journal_acked: 10,
        outbox_stopped: Some("journal_fork".into()),
        inbox_stopped: Some("revision_hole".into()),
        disk_free_bytes: Some(1 << 33),
        certificate_not_after_s: Some(1_800_086_400),
        air_certificate_not_after_s: Some(1_800_086_401),
        open_intents: 1,
        committed: 90,
        refused: 3,
        authority: None,
    }
}

pub(crate) fn join_request() -> JoinRequest {
    JoinRequest {
        versions: Versions::OURS,
        token: vec![0x70; 16],
        csr_der: vec![0x30, 0x03],
        dh_key: [0xd4; 32],
        software: "0.1.0".into(),
        station: Some(STATION),
        organization: Some(organization()),
        journal: Some(JournalEnd::from(Head::EMPTY)),
    }
}

pub(crate) fn renew_request() -> RenewRequest {
    RenewRequest {
        versions: Versions::OURS,
        csr_der: vec![0x30, 0x03],
        dh_key: [0xd4; 32],
    }
}

pub(crate) fn join_answers() -> Vec<(&'static str, JoinAnswer)> {
    let joined = Joined {
        station: STATION,
        name: "Gate 2".into(),
        site: "north".into(),
        zone: Zone::Registration,
        certificates_der: vec![Der(vec![0x30, 0x01]), Der(vec![0x30, 0x02])],
        authority_der: vec![0x30, 0x00],
        not_after_s: 1_800_086_400,
        air_certificate: vec![0x82],
        air_not_after_s: 1_800_086_401,
        organization_key: [0x0a; 32],
        feed_keys: key_list(3, vec![feed_key(1)]),
        lineage: LINEAGE,
        time_ms: NOW_MS,
        versions: Versions::OURS,
        authorities_der: None,
    };
    let refused = [
        ("malformed", JoinFault::Malformed),
        ("unknown_token", JoinFault::UnknownToken),
        ("token_expired", JoinFault::TokenExpired),
        ("token_spent", JoinFault::TokenSpent),
        ("bad_request", JoinFault::BadRequest),
        (
            "other_organization",
            JoinFault::OtherOrganization {
                found: organization(),
            },
        ),
        ("station_taken", JoinFault::StationTaken { station: STATION }),
        ("fork", JoinFault::Fork { sequence: 3 }),
        ("revoked", JoinFault::Revoked),
        (
            "version",
            JoinFault::Version {
                console: Versions::OURS,
            },
        ),
        ("busy", JoinFault::Busy),
    ];
    let refused = refused.map(|(name, fault)| (name, JoinAnswer::Refused(fault)));
    let goes_over = Joined {
        authorities_der: Some(vec![Der(vec![0x30, 0x00]), Der(vec![0x30, 0x03])]),
        ..joined.clone()
    };
    let joined = [
        ("joined", JoinAnswer::Joined(Box::new(joined))),
        ("joined.authorities", JoinAnswer::Joined(Box::new(goes_over))),
    ];
    joined.into_iter().chain(refused).collect()
}
