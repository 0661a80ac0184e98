//! Histories worse than life: a few users, bands, epochs and numbers, so that everything collides.

use policy::merge::{Associated, Entry, Event, HybridTime, Stamp, Verdict};
use policy::model::{
    AssociationId, Band, BandSerial, StationId, StockState, UnixMillis, UserId, UserStatus, Zone,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

fn users() -> impl Strategy<Value = UserId> {
    select(["ada", "ben", "cai"].map(|name| name.parse().unwrap()).to_vec())
}

fn bands() -> impl Strategy<Value = BandSerial> {
    select(["X", "Y", "SEOS"].map(|serial| serial.parse().unwrap()).to_vec())
}

fn ids() -> impl Strategy<Value = AssociationId> {
    (0..12u8).prop_map(|byte| AssociationId([byte; 16]))
}

fn associated() -> impl Strategy<Value = Event> {
    let zones = select(vec![Zone::Enrollment, Zone::Enrollment, Zone::Registration]);
    (ids(), users(), bands(), zones, 1..8u32, any::<bool>()).prop_map(
        |(association, user, band, zone, band_epoch, may_take_over)| {
            let seos = band.as_str() == "SEOS";
            let expires_at = None;
            Event::Associated(Associated {
                association,
                user,
                band,
                zone,
                band_epoch,
                seos,
                expires_at,
                may_take_over,
            })
        },
    )
}

pub(crate) fn events() -> impl Strategy<Value = Event> {
    use UserStatus::{Active, Departed};
    let stock = select(vec![StockState::InStock, StockState::Lost, StockState::Retired]);
    let verdicts = select(vec![Verdict::Keep, Verdict::Reject]);
    let note = String::new;
    prop_oneof![
        12 => associated(),
        3 => ids().prop_map(|association| Event::Disconnected { association }),
        1 => ids().prop_map(move |association| Event::AssociationSuspended { association, note: note() }),
        1 => ids().prop_map(|association| Event::AssociationResumed { association }),
        1 => ids().prop_map(|association| Event::MadeActive { association }),
        1 => ids().prop_map(|association| Event::MadeInactive { association }),
        1 => ids().prop_map(|association| Event::MadePrimary { association }),
        1 => (users(), select(vec![Active, Departed]))
            .prop_map(|(user, status)| Event::UserStands { user, status }),
        1 => users().prop_map(move |user| Event::UserSuspended { user, note: note() }),
        1 => users().prop_map(|user| Event::UserResumed { user }),
        1 => (bands(), stock)
            .prop_map(|(serial, stock)| Event::BandStands { band: Band { stock, ..Band::new(serial) } }),
        2 => (ids(), verdicts).prop_map(|(association, verdict)| Event::Settled { association, verdict }),
    ]
}

/// Mostly one number per entry; sometimes two entries share one, as a copied station would write.
pub(crate) fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let stamps = (0..30i64, 0..2u32, 0..3u8, 0..60u64);
    vec((stamps, events()), 0..30).prop_map(|list| list.into_iter().map(entry).collect())
}

pub(crate) fn entry(((millis, counter, station, sequence), event): ((i64, u32, u8, u64), Event)) -> Entry {
    let time = HybridTime {
        millis: UnixMillis(millis),
        counter,
    };
    Entry {
        stamp: Stamp {
            time,
            station: StationId([station; 16]),
            sequence,
        },
        event,
    }
}
