//! Any order, any duplication and any split of a history gives the same state, and the state keeps its word.
//!
//! The histories are worse than life: a few users, bands, epochs and numbers, so that everything collides.

#[path = "merge_worlds/mod.rs"]
mod worlds;

use std::collections::BTreeSet;

use policy::merge::{Associated, Entry, Event, History, Ledger, Oddity, Stamp, State, Verdict, merge};
use policy::model::{AssociationId, BandSerial, EndCause, UserId};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use worlds::{entries, entry, events};

/// Histories with many more users, bands and ids, so that most are far from each other.
fn wide_entries() -> impl Strategy<Value = Vec<Entry>> {
    let stamps = (0..60i64, 0..2u32, 0..3u8, 0..400u64);
    let spread = (0..6u8, 0..6u8, 0..6u8);
    let one =
        (stamps, events(), spread).prop_map(|(stamp, event, spread)| entry((stamp, moved(event, spread))));
    vec(one, 0..60)
}

/// The event about another user, band and association.
fn moved(mut event: Event, (user_by, band_by, id_by): (u8, u8, u8)) -> Event {
    let move_user = |user: &mut UserId| *user = format!("{user}{user_by}").parse().unwrap();
    let move_band = |band: &mut BandSerial| *band = format!("{band}{band_by}").parse().unwrap();
    let move_id = |id: &mut AssociationId| id.0[1] = id_by;
    match &mut event {
        Event::Associated(what) => {
            move_user(&mut what.user);
            move_band(&mut what.band);
            move_id(&mut what.association);
        }
        Event::UserStands { user, .. } | Event::UserSuspended { user, .. } | Event::UserResumed { user } => {
            move_user(user);
        }
        Event::BandStands { band } => move_band(&mut band.serial),
        Event::Disconnected { association }
        | Event::AssociationSuspended { association, .. }
        | Event::AssociationResumed { association }
        | Event::MadeActive { association }
        | Event::MadeInactive { association }
        | Event::MadePrimary { association }
        | Event::Settled { association, .. } => move_id(association),
    }
    event
}

fn made(entries: &[Entry]) -> impl Iterator<Item = (Stamp, &Associated)> {
    entries.iter().filter_map(|entry| match &entry.event {
        Event::Associated(what) => Some((entry.stamp, what)),
        _ => None,
    })
}

fn check_one_of_each(state: &State) {
    let mut holders = BTreeSet::new();
    let mut active = BTreeSet::new();
    let mut primary = BTreeSet::new();
    for a in state.in_force() {
        assert!(
            holders.insert((a.band, a.zone)),
            "two holders of {} in {:?}",
            a.band,
            a.zone
        );
        assert!(
            !a.active || active.insert((&a.user, a.zone)),
            "two active bands of {}",
            a.user
        );
        assert!(
            !a.primary || primary.insert((&a.user, a.zone)),
            "two primary bands of {}",
            a.user
        );
    }
}

fn check_quarantine_is_harmless(state: &State) {
    for id in state.quarantine.keys() {
        let association = &state.associations[id];
        assert!(
            association.is_suspended() && !association.active,
            "{association:?}"
        );
    }
    let idle = |a: &&policy::model::Association| !a.is_open();
    assert!(
        state
            .associations
            .values()
            .filter(idle)
            .all(|a| !a.active && !a.primary)
    );
}

/// Whoever lost a SEOS-enabled band to another user lost it by an administrator's word.
fn check_seos(entries: &[Entry], state: &State) {
    let kept: BTreeSet<_> = entries
        .iter()
        .filter_map(|entry| match entry.event {
            Event::Settled {
                association,
                verdict: Verdict::Keep,
            } => Some(association),
            _ => None,
        })
        .collect();
    let taken = |a: &&policy::model::Association| a.ended.is_some_and(|e| e.cause == EndCause::TakenOver);
    for lost in state
        .associations
        .values()
        .filter(taken)
        .filter(|a| state.bands[&a.band].seos)
    {
        let by_word = state
            .associations
            .values()
            .any(|a| a.band == lost.band && kept.contains(&a.id));
        assert!(by_word || state.quarantine.contains_key(&lost.id), "{lost:?}");
    }
}

fn check_nothing_is_dropped(entries: &[Entry], state: &State) {
    for (stamp, what) in made(entries) {
        let association = what.association;
        let applied = state.associations.get(&association).is_some_and(|a| {
            (&a.user, a.band, a.zone, a.band_epoch) == (&what.user, what.band, what.zone, what.band_epoch)
        });
        assert!(
            applied
                || state
                    .oddities
                    .contains(&Oddity::IdUsedTwice { stamp, association })
        );
    }
    for entry in entries {
        if let Event::Disconnected { association } = entry.event {
            let stamp = entry.stamp;
            let unknown = state
                .oddities
                .contains(&Oddity::AssociationUnknown { stamp, association });
            let ended = state.associations.get(&association).is_some_and(|a| !a.is_open());
            assert!(unknown || ended, "{entry:?}");
        }
    }
}

/// What a ledger says is different between two states is different, and nothing else is.
fn check_changes(ledger: &mut Ledger, piece: &[Entry]) {
    let before = ledger.state().clone();
    let changed = ledger.absorb(piece.iter().cloned());
    let after = ledger.state();
    for id in before.associations.keys().chain(after.associations.keys()) {
        let differs = before.associations.get(id) != after.associations.get(id)
            || before.quarantine.get(id) != after.quarantine.get(id);
        assert_eq!(changed.associations.contains(id), differs, "{id}");
    }
    for user in before.users.keys().chain(after.users.keys()) {
        let differs = before.users.get(user) != after.users.get(user);
        assert_eq!(changed.users.contains(user), differs, "{user}");
    }
    for band in before.bands.keys().chain(after.bands.keys()) {
        let differs = before.bands.get(band) != after.bands.get(band);
        assert_eq!(changed.bands.contains(band), differs, "{band}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Folding only what each new piece touches gives the state of the whole.
    #[test]
    fn a_ledger_is_the_whole_fold(
 entries in prop_oneof![entries(), wide_entries()], cuts in vec(any::<Index>(), 0..6)) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(entries.len() + 1)).collect();
        cuts.extend([0, entries.len()]);
        cuts.sort_unstable();
        let mut ledger = Ledger::default();
        for cut in cuts.windows(2) {
            check_changes(&mut ledger, &entries[cut[0]..cut[1]]);
            prop_assert_eq!(ledger.state(), &merge(ledger.iter()));
        }
        let again = ledger.absorb(entries);
        prop_assert!(again.is_empty());
    }

    #[test]
    fn any_order_duplication_and_split_gives_the_same_state(
        list in entries(),
        arrivals in vec(any::<Index>(), 0..60),
        pieces in vec(any::<bool>(), 90),
    ) {
        let expected = merge(&list);
        let mut arriving: Vec<_> = list.clone();
        if !list.is_empty() {
            for arrival in &arrivals {
                let place = arrival.index(arriving.len());
                let copy = arriving[place].clone();
                arriving.push(copy);
                arriving.swap(0, place);
            }
        }
        let (mut here, mut there) = (History::default(), History::default());
        for (entry, goes_here) in arriving.into_iter().rev().zip(pieces) {
            if goes_here { here.absorb([entry]) } else { there.absorb([entry]) }
        }
        here.absorb(there.iter().cloned().collect::<Vec<_>>());
        prop_assert_eq!(here.state(), expected);
    }

    #[test]
    fn the_state_keeps_its_word(list in entries()) {
        let state = merge(&list);
        check_one_of_each(&state);
        check_quarantine_is_harmless(&state);
        check_seos(&list, &state);
        check_nothing_is_dropped(&list, &state);
    }

    #[test]
    fn histories_survive_being_written_down(list in entries()) {
        let json = serde_json::to_string(&list).unwrap();
        prop_assert_eq!(serde_json::from_str::<Vec<Entry>>(&json).unwrap(), list);
    }

    /// Users and bands that no entry connects do not influence each other.
    #[test]
    fn unconnected_histories_fold_apart(one in entries(), other in entries()) {
        let other: Vec<_> = other.into_iter().map(elsewhere).collect();
        let mut expected = merge(&one);
        let apart = merge(&other);
        expected.users.extend(apart.users);
        expected.bands.extend(apart.bands);
        expected.associations.extend(apart.associations);
        expected.quarantine.extend(apart.quarantine);
        expected.oddities.extend(apart.oddities);
        prop_assert_eq!(merge(one.iter().chain(&other)), expected);
    }
}

/// The same history about other people, bands and stations.
fn elsewhere(mut entry: Entry) -> Entry {
    entry.stamp.station.0[0] ^= 0x80;
    let other_user = |user: &mut UserId| *user = format!("{user} elsewhere").parse().unwrap();
    let other_band = |band: &mut BandSerial| *band = format!("{band}-2").parse().unwrap();
    match &mut entry.event {
        Event::Associated(what) => {
            what.association.0[0] ^= 0x80;
            other_user(&mut what.user);
            other_band(&mut what.band);
        }
        Event::BandStands { band } => other_band(&mut band.serial),
        Event::UserStands { user, .. } | Event::UserSuspended { user, .. } | Event::UserResumed { user } => {
            other_user(user);
        }
        Event::Disconnected { association }
        | Event::AssociationSuspended { association, .. }
        | Event::AssociationResumed { association }
        | Event::MadeActive { association }
        | Event::MadeInactive { association }
        | Event::MadePrimary { association }
        | Event::Settled { association, .. } => association.0[0] ^= 0x80,
    }
    entry
}
