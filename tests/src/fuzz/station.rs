//! What a station reads from people, files and its own disk.

use console::files::PlantFile;
use console::issue::{Manufacturer, Organization, STATION_ENTROPY_LEN, StationGrant, TicketGrant};
use data_encoding::HEXLOWER;
use firmware_protocol::id::Zone;
use firmware_protocol::time::UnixSeconds;
use policy::model::UserId;
use station_core::clock::TrustedTime;
use station_core::journal::{Entry, Head, JournalRecord, StationKey, verify};
use station_core::provision::{ProvisionFile, load};
use station_core::ticket::{Place, TicketId, TypedCode, verify_ticket};

use super::Input;

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);
const SITE: &str = "north";

fn organization() -> Organization {
    Organization::new(&[0x51; console::issue::ORGANIZATION_ENTROPY_LEN])
}

fn grant(site: &str) -> TicketGrant {
    let user = UserId::new("ada").expect("a user's id");
    TicketGrant {
        handle: organization().handle(&user),
        user,
        site: site.into(),
        zone: Zone::Enrollment,
        not_before: NOW,
        expires: UnixSeconds(NOW.0 + 60),
    }
}

const TICKET: TicketId = TicketId([0x71; 16]);

/// Whoever changes a ticket has no key: what is accepted identifies the person it was signed for.
pub(super) fn ticket(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let place = Place {
        site: SITE,
        zone: Zone::Enrollment,
    };
    let time = TrustedTime::certain(NOW.0 * 1000);
    if let Ok(ticket) = verify_ticket(&text, &organization().ticket_issuer(), place, time) {
        assert_eq!(
            (ticket.id(), ticket.user()),
            (TICKET, grant(SITE).handle),
            "a forged ticket"
        );
    }
}

pub(super) fn tickets() -> Vec<Input> {
    let text = |site| organization().ticket(&grant(site), TICKET);
    vec![
        Input::new("good", text(SITE)),
        Input::new("elsewhere", text("south")),
    ]
}

/// A code that is read is the code that was meant, however it was typed.
pub(super) fn typed_code(bytes: &[u8]) {
    if let Ok(code) = TypedCode::parse(&String::from_utf8_lossy(bytes)) {
        assert!(TypedCode::parse(&code.reveal()).is_ok_and(|again| again == code));
        assert!(code.reveal().starts_with(&code.group()));
    }
}

pub(super) fn typed_codes() -> Vec<Input> {
    let code = TypedCode::from_random([5, 4, 3, 2, 1, 0, 31, 30, 29]).reveal();
    vec![
        Input::new("lower_case", code.to_lowercase()),
        Input::new("shown", code),
    ]
}

/// A journal's record that is read says the same when it is written and read again.
pub(super) fn journal_record(bytes: &[u8]) {
    if let Ok(record) = JournalRecord::decode(bytes) {
        assert_eq!(JournalRecord::decode(&record.encode()), Ok(record));
    }
}

/// One record of each kind, from the bytes that `station/core` keeps on file.
pub(super) fn journal_records() -> Vec<Input> {
    let path = crate::root().join("station/core/tests/bytes/v01.txt");
    let lines = std::fs::read_to_string(path).expect("the bytes on file");
    let words = lines.lines().filter_map(|line| line.split_once(' '));
    words
        .map(|(name, hex)| Input::new(name, HEXLOWER.decode(hex.trim().as_bytes()).expect("base16")))
        .collect()
}

const KEY: StationKey = StationKey([0x61; 16]);

fn journal_of_three() -> Vec<Entry> {
    let mut head = Head::EMPTY;
    let mut next = |time_ms: u64| {
        let entry = Entry::following(KEY, head, time_ms, vec![time_ms as u8; 3]);
        head = Head {
            sequence: entry.sequence,
            hash: entry.hash,
        };
        entry
    };
    vec![next(1), next(2), next(3)]
}

/// A journal that passes the check is the one that was written, or its beginning.
pub(super) fn journal(bytes: &[u8]) {
    let Ok(entries) = minicbor::decode::<Vec<Entry>>(bytes) else {
        return;
    };
    if verify(KEY, &entries).is_ok() {
        assert!(
            journal_of_three().starts_with(&entries),
            "a changed journal passes"
        );
    }
}

pub(super) fn journals() -> Vec<Input> {
    let bytes = |entries: &[Entry]| minicbor::to_vec(entries).expect("memory takes everything");
    let three = journal_of_three();
    vec![
        Input::new("three", bytes(&three)),
        Input::new("two", bytes(&three[..2])),
    ]
}

/// An init file is taken whole or refused with at least one fault that says something.
pub(super) fn init_file(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Err(faults) = load(&text) {
        assert!(
            !faults.0.is_empty() && faults.0.iter().all(|fault| !fault.problem.is_empty()),
            "{faults}"
        );
    }
    if let Ok(file) = ProvisionFile::parse(&text) {
        assert_eq!(ProvisionFile::parse(&file.to_toml()), Ok(file));
    }
}

pub(super) fn init_files() -> Vec<Input> {
    let station = StationGrant {
        site: SITE.into(),
        zone: Zone::Enrollment,
        not_before: NOW,
        not_after: UnixSeconds(NOW.0 + 60),
    };
    let organization = organization();
    let station = organization.station(&station, &[0x52; STATION_ENTROPY_LEN]);
    let make = Manufacturer::new("Fuzz", &[0x53; 32]).entry();
    let file = organization.init_file(station, vec![make], PlantFile::default(), 1, NOW.0 * 1000);
    vec![Input::new("smallest", file.to_toml())]
}
