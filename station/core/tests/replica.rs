//! What a receipt does to the rows is what the policy announced.

use firmware_protocol::id::{AssociationId, OrganizationId, Serial, StationId, UserHandle, Zone};
use firmware_protocol::message::Mode;
use firmware_protocol::receipt::Receipt;
use firmware_protocol::time::UnixSeconds;
use policy::decide::decide;
use policy::decision::Decision;
use policy::effective::effective;
use policy::effects::Effect;
use policy::facts::{Clock, Facts, Known};
use policy::model::{
    Association, AssociationId as RowId, Band, BandSerial, EndCause, GroupPolicy, StockState, UnixMillis,
    User, UserId,
};
use proptest::prelude::*;
use station_core::replica::{Change, changes_on_commit};

const NOW_S: u64 = 1_800_000_000;

fn user(number: u8) -> UserId {
    UserId::new(&format!("user-{number}")).expect("an id")
}

fn serial(number: u8) -> BandSerial {
    BandSerial::new(&format!("BAND-{number}")).expect("a serial")
}

/// An association by numbers: id, user, band.
fn association(id: u8, who: u8, band: u8, active: bool, primary: bool) -> Association {
    Association {
        id: RowId([id; 16]),
        user: user(who),
        band: serial(band),
        zone: policy::model::Zone::Enrollment,
        active,
        primary,
        expires_at: None,
        suspension: None,
        ended: None,
        band_epoch: 1,
        note: String::new(),
    }
}

fn receipt(band: u8, epoch: u32) -> Receipt {
    Receipt {
        serial: Serial::new(&format!("BAND-{band}")).expect("a serial"),
        organization: OrganizationId([1; 16]),
        user: UserHandle([1; 16]),
        zone: Zone::Enrollment,
        association: AssociationId([99; 16]),
        epoch,
        credential_key: [7; 32],
        station: StationId([1; 16]),
        time: UnixSeconds(NOW_S),
        mode: Mode::Capture,
    }
}

/// The changes, as short texts.
fn say(changes: &[Change]) -> Vec<String> {
    let mut said: Vec<_> = changes.iter().filter_map(say_one).collect();
    said.sort();
    said
}

fn say_one(change: &Change) -> Option<String> {
    match change {
        Change::PutAssociation(row) => {
            let a = &row.association;
            Some(format!("new primary={} expires={:?}", a.primary, a.expires_at))
        }
        Change::EndAssociation { id, ending } if ending.cause == EndCause::Renewed => {
            Some(format!("renewed {id}"))
        }
        Change::EndAssociation { id, .. } => Some(format!("taken over {id}")),
        Change::DeactivateAssociation { id } => Some(format!("inactive {id}")),
        Change::BandFound { .. } => Some("found".into()),
        _ => None,
    }
}

/// The effects the policy announced, in the same words.
fn say_effect(effect: &Effect) -> Option<String> {
    match effect {
        Effect::NewAssociation { primary, expires_at } => {
            Some(format!("new primary={primary} expires={expires_at:?}"))
        }
        Effect::EarlierAssociationRenewed { association } => Some(format!("renewed {association}")),
        Effect::OldBandInactive { association, .. } => Some(format!("inactive {association}")),
        Effect::PreviousOwnerEnds { association, .. } => Some(format!("taken over {association}")),
        Effect::BandFound => Some("found".into()),
        Effect::BandActiveAgain | Effect::PreviousOwnerTold { .. } => None,
    }
}

/// Decides about user 1 and band 1, and if allowed compares announcement and changes.
fn check(associations: &[Association], stock: StockState) -> bool {
    let group = GroupPolicy {
        reenroll_own: Some(true),
        reenroll_any: Some(true),
        ..GroupPolicy::new("plant".parse().expect("an id"))
    };
    let asking = User::new(user(1));
    let band = Band {
        stock,
        ..Band::new(serial(1))
    };
    let known: Vec<_> = associations
        .iter()
        .map(|association| Known {
            association,
            band_seos: false,
            user_suspended: false,
        })
        .collect();
    let now = UnixMillis(NOW_S as i64 * 1000);
    let facts = Facts {
        zone: policy::model::Zone::Enrollment,
        now,
        clock: Clock::Trusted,
        replica_as_of: now,
        user: &asking,
        band: &band,
        report: None,
        known: &known,
    };
    let Decision::Allow { effects, .. } = decide(&facts, &effective(&group, None)) else {
        return false;
    };
    let mut announced: Vec<_> = effects.iter().filter_map(say_effect).collect();
    announced.sort();
    let changes = changes_on_commit(&receipt(1, 2), &user(1), false, Some(&band), associations);
    assert_eq!(say(&changes), announced, "{associations:?}");
    true
}

#[test]
fn the_rows_of_the_table_that_change_something() {
    use StockState::{InStock, Lost};
    assert!(check(&[], InStock));
    assert!(check(&[association(1, 1, 1, true, true)], InStock));
    assert!(check(&[association(1, 1, 2, true, true)], InStock));
    assert!(check(
        &[
            association(1, 1, 2, true, false),
            association(2, 1, 1, false, true)
        ],
        InStock
    ));
    assert!(check(
        &[association(1, 1, 2, true, true), association(2, 2, 1, true, true)],
        InStock
    ));
    assert!(check(&[association(1, 1, 1, false, true)], Lost));
    let mut temporary = association(1, 1, 1, true, false);
    temporary.expires_at = Some(UnixMillis(NOW_S as i64 * 1000 + 1));
    assert!(check(&[temporary, association(2, 1, 2, false, true)], InStock));
}

#[test]
fn what_is_older_than_what_is_known_changes_only_its_intent() {
    let newer = Association {
        band_epoch: 5,
        ..association(1, 2, 1, true, true)
    };
    let changes = changes_on_commit(&receipt(1, 4), &user(1), false, None, &[newer]);
    assert_eq!(
        changes,
        [Change::CloseIntent {
            association: AssociationId([99; 16])
        }]
    );
    let same = Association {
        id: RowId([99; 16]),
        ..association(1, 1, 1, true, true)
    };
    assert_eq!(
        changes_on_commit(&receipt(1, 1), &user(1), false, None, &[same]).len(),
        1,
        "a receipt comes twice"
    );
}

proptest! {
    /// At most one holder per band and one active band per user, as a replica that caught up has it.
    #[test]
    fn changes_are_what_the_policy_announced(
        own in prop::collection::btree_map(1..4u8, any::<bool>(), 0..3),
        active in prop::option::of(any::<prop::sample::Index>()),
        other_holds in any::<bool>(),
        lost in any::<bool>(),
    ) {
        let active = active.filter(|_| !own.is_empty()).map(|index| index.index(own.len()));
        let mut associations: Vec<_> = own
            .iter()
            .enumerate()
            .map(|(i, (band, primary))| association(10 + i as u8, 1, *band, active == Some(i), *primary))
            .collect();
        if other_holds && !own.contains_key(&1) {
            associations.push(association(20, 2, 1, true, true));
        }
        check(&associations, if lost { StockState::Lost } else { StockState::InStock });
    }
}
