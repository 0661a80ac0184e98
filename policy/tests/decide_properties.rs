//! What holds for all facts, possible ones and impossible ones.

use policy::decide::{decide, refuse_user};
use policy::decision::{Decision, Reason};
use policy::effective::{EffectivePolicy, effective};
use policy::effects::Effect;
use policy::facts::{BandReport, Clock, Facts, Holds, Known};
use policy::model::{
    Association, AssociationId, Band, EndCause, Ending, GroupPolicy, StockState, Suspension, UnixMillis,
    User, UserStatus, Zone,
};
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;

const NOW: i64 = 1_000_000_000;

/// Facts that own what [`Facts`] borrows.
#[derive(Clone, Debug)]
struct World {
    zone: Zone,
    clock: Clock,
    age_s: i64,
    user: User,
    band: Band,
    report: Option<BandReport>,
    associations: Vec<(Association, bool, bool)>,
    flags: (bool, bool),
}

impl World {
    fn policy(&self) -> EffectivePolicy {
        let (own, any) = self.flags;
        let id = "g".parse().unwrap();
        let group = GroupPolicy {
            reenroll_own: Some(own),
            reenroll_any: Some(any),
            ..GroupPolicy::new(id)
        };
        effective(&group, None)
    }

    fn decide(&self) -> Decision {
        let known: Vec<_> = self.associations.iter().map(know).collect();
        let facts = Facts {
            zone: self.zone,
            now: UnixMillis(NOW),
            clock: self.clock,
            replica_as_of: UnixMillis(NOW - self.age_s * 1000),
            user: &self.user,
            band: &self.band,
            report: self.report,
            known: &known,
        };
        decide(&facts, &self.policy())
    }

    fn allows(&self) -> bool {
        self.decide().is_allowed()
    }

    /// Open associations of others with the presented band in the zone asked about.
    fn others(&self) -> usize {
        self.with_band().filter(|a| a.user != self.user.id).count()
    }

    /// Open associations of the user with the presented band in the zone asked about.
    fn own(&self) -> usize {
        self.with_band().filter(|a| a.user == self.user.id).count()
    }

    fn with_band(&self) -> impl Iterator<Item = &Association> {
        let of_band = |a: &&Association| a.is_open() && a.band == self.band.serial && a.zone == self.zone;
        self.associations
            .iter()
            .map(|(association, _, _)| association)
            .filter(of_band)
    }
}

fn know((association, band_seos, user_suspended): &(Association, bool, bool)) -> Known<'_> {
    Known {
        association,
        band_seos: *band_seos,
        user_suspended: *user_suspended,
    }
}

fn zones() -> impl Strategy<Value = Zone> {
    select(vec![Zone::Enrollment, Zone::Registration])
}

fn holds() -> impl Strategy<Value = Holds> {
    select(vec![Holds::Nobody, Holds::ThisUser, Holds::AnotherUser])
}

fn reports() -> impl Strategy<Value = Option<BandReport>> {
    let report = (holds(), holds(), any::<bool>());
    weighted(
        0.8,
        report.prop_map(|(enrollment, registration, seos)| BandReport {
            enrollment,
            registration,
            seos,
        }),
    )
}

fn associations() -> impl Strategy<Value = (Association, bool, bool)> {
    let names = (
        select(vec!["ada", "ada", "ben", "cai"]),
        select(vec!["P", "P", "OLD", "OLDER"]),
        zones(),
    );
    let marks = (
        any::<[bool; 2]>(),
        weighted(0.2, -1..2i64),
        weighted(0.2, Just(())),
        weighted(0.2, Just(())),
    );
    (names, marks, any::<bool>(), weighted(0.2, Just(())), any::<u8>()).prop_map(
        |((user, band, zone), ([active, primary], expiry, suspended, ended), seos, user_suspended, id)| {
            let association = Association {
                id: AssociationId([id; 16]),
                user: user.parse().unwrap(),
                band: band.parse().unwrap(),
                zone,
                active,
                primary,
                expires_at: expiry.map(|offset| UnixMillis(NOW + offset)),
                suspension: suspended.map(|()| Suspension::default()),
                ended: ended.map(|()| Ending {
                    cause: EndCause::Disconnected,
                    at: UnixMillis(0),
                }),
                band_epoch: 0,
                note: String::new(),
            };
            (association, seos, user_suspended.is_some())
        },
    )
}

fn worlds() -> impl Strategy<Value = World> {
    use StockState::{Damaged, InStock, Lost, Retired, Unknown};
    let statuses = vec![
        UserStatus::Active,
        UserStatus::Active,
        UserStatus::Active,
        UserStatus::Departed,
    ];
    let user = (select(statuses), weighted(0.1, Just(Suspension::default())));
    let stock = select(vec![InStock, InStock, InStock, Unknown, Damaged, Retired, Lost]);
    let time = (
        select(vec![Clock::Trusted, Clock::Trusted, Clock::RanBackward]),
        -10..700_000i64,
    );
    (
        zones(),
        time,
        user,
        (any::<bool>(), stock),
        reports(),
        vec(associations(), 0..5),
        any::<(bool, bool)>(),
    )
        .prop_map(
            |(zone, (clock, age_s), (status, suspension), (seos, stock), report, associations, flags)| {
                let user = User {
                    status,
                    suspension,
                    ..User::new("ada".parse().unwrap())
                };
                let band = Band {
                    serial: "P".parse().unwrap(),
                    seos,
                    stock,
                };
                World {
                    zone,
                    clock,
                    age_s,
                    user,
                    band,
                    report,
                    associations,
                    flags,
                }
            },
        )
}

/// Facts that no honest source has, and that no caller need fear.
mod contradictions {
    use super::*;

    fn held(user: &str, band: &str) -> Association {
        Association {
            id: AssociationId([0; 16]),
            user: user.parse().unwrap(),
            band: band.parse().unwrap(),
            zone: Zone::Enrollment,
            active: true,
            primary: true,
            expires_at: None,
            suspension: None,
            ended: None,
            band_epoch: 0,
            note: String::new(),
        }
    }

    #[track_caller]
    fn check(holds: &[(&str, &str)], seos: &str, expected: Option<Reason>) {
        let known = |(user, band): &(&str, &str)| (held(user, band), *band == seos, false);
        let world = World {
            zone: Zone::Enrollment,
            clock: Clock::Trusted,
            age_s: 0,
            user: User::new("ada".parse().unwrap()),
            band: Band::new("P".parse().unwrap()),
            report: None,
            associations: holds.iter().map(known).collect(),
            flags: (true, true),
        };
        assert_eq!(world.decide().reason(), expected);
    }

    #[test]
    fn two_holders_leave_the_band_where_it_is() {
        check(&[("ben", "P"), ("ada", "OLD")], "", None);
        check(
            &[("ben", "P"), ("cai", "P"), ("ada", "OLD")],
            "",
            Some(Reason::BandWithheld),
        );
        check(
            &[("ben", "P"), ("ada", "P"), ("ada", "OLD")],
            "",
            Some(Reason::BandWithheld),
        );
    }

    #[test]
    fn one_of_two_active_bands_with_seos_is_enough() {
        let two = [("ada", "OLD"), ("ada", "OLDER")];
        check(&two, "", None);
        check(&two, "OLD", Some(Reason::SeosUserOwnBandOnly));
        check(&two, "OLDER", Some(Reason::SeosUserOwnBandOnly));
    }

    #[test]
    fn a_replica_from_the_future_is_a_clock_that_ran_backward() {
        let (user, band) = (User::new("ada".parse().unwrap()), Band::new("P".parse().unwrap()));
        let facts = |replica_as_of| Facts {
            zone: Zone::Enrollment,
            now: UnixMillis(NOW),
            clock: Clock::Trusted,
            replica_as_of: UnixMillis(replica_as_of),
            user: &user,
            band: &band,
            report: None,
            known: &[],
        };
        assert!(facts(NOW).is_clock_trusted() && !facts(NOW + 1).is_clock_trusted());
    }
}

/// `worse` is allowed only what `world` is allowed.
fn never_allows_more(world: &World, worse: World) {
    assert!(world.allows() || !worse.allows(), "{world:?}\n{worse:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn less_never_allows_more(world in worlds()) {
        let (own, any) = world.flags;
        never_allows_more(&world, World { flags: (own, false), ..world.clone() });
        never_allows_more(&world, World { flags: (false, any), ..world.clone() });
        never_allows_more(&world, World { clock: Clock::RanBackward, ..world.clone() });
        let older = world.age_s.max(0) * 10;
        never_allows_more(&world, World { age_s: older, ..world.clone() });
        let user = User { suspension: Some(Suspension::default()), ..world.user.clone() };
        never_allows_more(&world, World { user, ..world.clone() });
        let retired = Band { stock: StockState::Retired, ..world.band.clone() };
        never_allows_more(&world, World { band: retired, ..world.clone() });
        let seos = Band { seos: true, ..world.band.clone() };
        never_allows_more(&world, World { band: seos, ..world.clone() });
    }

    #[test]
    fn another_holder_never_helps(world in worlds(), (mut other, seos, suspended) in associations()) {
        other.user = "dan".parse().unwrap();
        other.band = world.band.serial;
        other.zone = world.zone;
        other.ended = None;
        let mut crowded = world.clone();
        crowded.associations.push((other.clone(), seos, suspended));
        never_allows_more(&world, crowded.clone());
        prop_assert!(!crowded.allows() || (world.flags == (true, true) && !world.band.seos));
    }

    #[test]
    fn a_band_passes_on_under_the_strictest_conditions_alone(world in worlds()) {
        if world.others() > 0 && world.allows() {
            prop_assert_eq!(world.others(), 1);
            prop_assert_eq!(world.own(), 0);
            prop_assert_eq!(world.flags, (true, true));
            prop_assert_eq!(world.clock, Clock::Trusted);
            prop_assert!((0..=3600).contains(&world.age_s));
            prop_assert!(!world.band.seos && world.band.stock != StockState::Lost);
        }
    }

    #[test]
    fn who_is_refused_without_a_band_is_refused_with_any(world in worlds()) {
        match refuse_user(&world.user) {
            Some(refused) => prop_assert_eq!(world.decide(), refused),
            None => prop_assert!(world.user.status == UserStatus::Active && !world.user.is_suspended()),
        }
    }

    #[test]
    fn order_does_not_matter(world in worlds(), by in any::<prop::sample::Index>()) {
        let mut turned = world.clone();
        if !turned.associations.is_empty() {
            let middle = by.index(turned.associations.len());
            turned.associations.rotate_left(middle);
            turned.associations.reverse();
        }
        prop_assert_eq!(world.decide().reason(), turned.decide().reason());
    }

    #[test]
    fn what_is_over_or_elsewhere_does_not_matter(world in worlds(), (mut extra, seos, suspended) in associations()) {
        let mut more = world.clone();
        extra.ended = Some(Ending { cause: EndCause::Disconnected, at: UnixMillis(0) });
        more.associations.push((extra.clone(), seos, suspended));
        extra.ended = None;
        extra.user = "dan".parse().unwrap();
        extra.band = "FAR".parse().unwrap();
        more.associations.push((extra, seos, suspended));
        prop_assert_eq!(world.decide(), more.decide());
    }

    #[test]
    fn effects_tell_the_whole_story(world in worlds()) {
        if let Decision::Allow { effects, .. } = world.decide() {
            let is = |wanted: fn(&Effect) -> bool| effects.iter().filter(|effect| wanted(effect)).count();
            let is_first = matches!(effects.iter().next(), Some(Effect::NewAssociation { .. }));
            prop_assert!(is_first);
            let ends = is(|effect| matches!(effect, Effect::PreviousOwnerEnds { .. }));
            let told = is(|effect| matches!(effect, Effect::PreviousOwnerTold { .. }));
            prop_assert_eq!((ends, told), (world.others(), world.others()));
        }
    }

    #[test]
    fn decisions_survive_being_written_down(world in worlds()) {
        let decision = world.decide();
        let json = serde_json::to_string(&decision).unwrap();
        prop_assert_eq!(serde_json::from_str::<Decision>(&json).unwrap(), decision);
    }
}
