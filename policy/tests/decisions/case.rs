//! One row of the table: its columns, the facts they stand for, and the outcome as the file writes it.

use std::fmt;

use policy::decide::decide;
use policy::decision::Decision;
use policy::effective::{EffectivePolicy, effective};
use policy::effects::Effect;
use policy::facts::{BandReport, Clock, Facts, Holds, Known};
use policy::model::{
    Association, AssociationId, Band, GroupPolicy, PolicyId, StockState, Suspension, UnixMillis, User,
    UserId, UserStatus, Zone,
};

pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) values: &'static [&'static str],
}

pub(crate) const COLUMNS: [Column; 8] = [
    Column {
        name: "zone",
        values: &["enroll", "register", "unenrolled"],
    },
    Column {
        name: "person",
        values: &["active", "suspended", "not_yet", "departed", "unknown"],
    },
    Column {
        name: "age",
        values: &["fresh", "stale", "old", "doubt"],
    },
    Column {
        name: "has",
        values: &["none", "plain", "seos", "suspended"],
    },
    Column {
        name: "band",
        values: &[
            "free",
            "own",
            "own_off",
            "own_susp",
            "other",
            "other_off",
            "other_susp",
        ],
    },
    Column {
        name: "record",
        values: &["clear", "another"],
    },
    Column {
        name: "kind",
        values: &["plain", "seos"],
    },
    Column {
        name: "stock",
        values: &["listed", "unlisted", "enforced", "damaged", "retired", "lost"],
    },
];

/// The policies of the three outcome columns: (`reenroll_own`, `reenroll_any`).
pub(crate) const FLAGS: [(bool, bool); 3] = [(false, false), (true, false), (true, true)];

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

#[derive(Clone, Default)]
pub(crate) struct Case([&'static str; 8]);

impl Case {
    fn place(name: &str) -> usize {
        COLUMNS
            .iter()
            .position(|column| column.name == name)
            .expect("a column")
    }

    pub(crate) fn get(&self, name: &str) -> &'static str {
        self.0[Self::place(name)]
    }

    pub(crate) fn with(&self, name: &str, value: &'static str) -> Self {
        let mut case = self.clone();
        case.0[Self::place(name)] = value;
        case
    }

    pub(crate) fn cells(&self) -> &[&'static str] {
        &self.0
    }

    /// A user has at most one active band.
    pub(crate) fn can_exist(&self) -> bool {
        !(self.get("band") == "own" && matches!(self.get("has"), "plain" | "seos"))
    }

    pub(crate) fn outcome(&self, flags: (bool, bool)) -> String {
        let (user, band) = (self.user(), self.band());
        let associations = self.associations();
        let known: Vec<_> = associations
            .iter()
            .map(|association| self.know(association))
            .collect();
        let facts = Facts {
            zone: self.zone(),
            now: NOW,
            clock: if self.get("age") == "doubt" {
                Clock::RanBackward
            } else {
                Clock::Trusted
            },
            replica_as_of: UnixMillis(NOW.0 - self.age_ms()),
            user: &user,
            band: &band,
            report: Some(self.report()),
            known: &known,
        };
        say(&decide(&facts, &self.policy(flags)))
    }

    fn zone(&self) -> Zone {
        if self.get("zone") == "enroll" {
            Zone::Enrollment
        } else {
            Zone::Registration
        }
    }

    /// At the limit itself knowledge is still young enough.
    fn age_ms(&self) -> i64 {
        match self.get("age") {
            "stale" => 7 * 24 * 3_600_000,
            "old" => 7 * 24 * 3_600_000 + 1,
            _ => 3_600_000,
        }
    }

    fn user(&self) -> User {
        let status = match self.get("person") {
            "not_yet" => UserStatus::NotYet,
            "departed" => UserStatus::Departed,
            "unknown" => UserStatus::Unknown,
            _ => UserStatus::Active,
        };
        let suspension = (self.get("person") == "suspended").then(Suspension::default);
        User {
            status,
            suspension,
            ..User::new(id("ada"))
        }
    }

    fn band(&self) -> Band {
        let stock = match self.get("stock") {
            "unlisted" | "enforced" => StockState::Unknown,
            "damaged" => StockState::Damaged,
            "retired" => StockState::Retired,
            "lost" => StockState::Lost,
            _ => StockState::InStock,
        };
        let serial = "PRESENTED".parse().expect("a serial");
        Band {
            serial,
            seos: self.get("kind") == "seos",
            stock,
        }
    }

    /// A band enrolled for the user may still name another holder in the registration zone.
    fn report(&self) -> BandReport {
        let names_another = self.get("record") == "another";
        let unless_enrolled = if names_another {
            Holds::AnotherUser
        } else {
            Holds::Nobody
        };
        let (enrollment, registration) = match self.get("zone") {
            "register" => (Holds::ThisUser, unless_enrolled),
            _ => (unless_enrolled, Holds::Nobody),
        };
        BandReport {
            enrollment,
            registration,
            seos: false,
        }
    }

    fn policy(&self, (own, any): (bool, bool)) -> EffectivePolicy {
        let group = GroupPolicy {
            reenroll_own: Some(own),
            reenroll_any: Some(any),
            stock_enforced: Some(self.get("stock") == "enforced"),
            ..GroupPolicy::new(PolicyId::new("plant").expect("a name"))
        };
        effective(&group, None)
    }

    fn associations(&self) -> Vec<Association> {
        let zone = self.zone();
        let elsewhere = match self.get("has") {
            "plain" | "seos" => vec![held("ada", "ELSEWHERE", zone, "active")],
            "suspended" => vec![held("ada", "ELSEWHERE", zone, "suspended")],
            _ => vec![],
        };
        let presented = match self.get("band") {
            "own" => vec![held("ada", "PRESENTED", zone, "active")],
            "own_off" => vec![held("ada", "PRESENTED", zone, "inactive")],
            "own_susp" => vec![held("ada", "PRESENTED", zone, "suspended")],
            "other" | "other_susp" => vec![held("ben", "PRESENTED", zone, "active")],
            "other_off" => vec![held("ben", "PRESENTED", zone, "inactive")],
            _ => vec![],
        };
        [elsewhere, presented].concat()
    }

    fn know<'a>(&self, association: &'a Association) -> Known<'a> {
        let elsewhere = association.band.as_str() == "ELSEWHERE";
        Known {
            association,
            band_seos: elsewhere && self.get("has") == "seos",
            user_suspended: association.user.as_str() == "ben" && self.get("band") == "other_susp",
        }
    }
}

fn id(text: &str) -> UserId {
    UserId::new(text).expect("a short name")
}

fn held(user: &str, band: &str, zone: Zone, state: &str) -> Association {
    Association {
        id: AssociationId([band.len() as u8; 16]),
        user: id(user),
        band: band.parse().expect("a serial"),
        zone,
        active: state == "active",
        // Of several bands, the one that came first is the real one.
        primary: band == "ELSEWHERE" || user == "ben",
        expires_at: None,
        suspension: (state == "suspended").then(Suspension::default),
        ended: None,
        band_epoch: 1,
        note: String::new(),
    }
}

fn say(decision: &Decision) -> String {
    let effects = match decision {
        Decision::Refuse { reason, .. } => return reason.code().to_owned(),
        Decision::Allow { effects, .. } => effects.iter().filter_map(word),
    };
    format!("allow {}", effects.collect::<Vec<_>>().join(" "))
}

/// `None`: part of the word of the effect before.
fn word(effect: &Effect) -> Option<&'static str> {
    match effect {
        Effect::NewAssociation { primary: true, .. } => Some("new"),
        Effect::NewAssociation { primary: false, .. } => Some("standin"),
        Effect::EarlierAssociationRenewed { .. } => Some("renewed"),
        Effect::BandActiveAgain => Some("again"),
        Effect::OldBandInactive { primary, .. } => Some(if *primary {
            "old_off"
        } else {
            "old_off_not_primary"
        }),
        Effect::PreviousOwnerEnds { .. } => Some("taken"),
        Effect::PreviousOwnerTold { .. } => None,
        Effect::BandFound => Some("found"),
    }
}

/// The outcomes of the three policies as one text, or the one outcome they share.
pub(crate) fn join(outcomes: &[String; 3]) -> String {
    if outcomes[0] == outcomes[1] && outcomes[1] == outcomes[2] {
        return outcomes[0].clone();
    }
    outcomes.join(" ; ")
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [zone, person, age, has, band, record, kind, stock] = self.0;
        write!(
            f,
            "{zone:10} {person:9} {age:5} {has:9} {band:10} {record:7} {kind:5} {stock:8}"
        )
    }
}
