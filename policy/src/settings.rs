//! The policies people write: one group policy for everybody, individual policies for single users.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::effective::{Source, Sourced, Value, pick};
use crate::id::PolicyId;

/// Longest label a band can show, in characters.
pub const LABEL_CHARS_MAX: u8 = 12;

/// Writes the list of attributes once: the group policy, the individual policy, the effective policy and
/// the names used in explanations cannot drift apart.
macro_rules! attributes {
    ($( $(#[doc = $doc:literal])+ $Name:ident $field:ident: $type:ty = $default:expr; )+) => {
        /// One attribute of a policy.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Attribute {
            $( $(#[doc = $doc])+ $Name, )+
        }

        impl Attribute {
            /// Every attribute, in the order in which people read them.
            pub const ALL: &'static [Self] = &[$(Self::$Name),+];

            /// The name used in files and in the API.
            pub fn name(self) -> &'static str {
                match self { $( Self::$Name => stringify!($field), )+ }
            }
        }

        /// Settings for everybody. Exactly one group policy is the active one. What it leaves out has the
        /// built-in default.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        pub struct GroupPolicy {
            /// Which policy.
            pub id: PolicyId,
            /// Free words of its author.
            #[serde(default, skip_serializing_if = "String::is_empty")]
            pub note: String,
            $(
                $(#[doc = $doc])+
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $field: Option<$type>,
            )+
        }

        /// Settings for single users. What it leaves out comes from the group policy.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        pub struct IndividualPolicy {
            /// Which policy.
            pub id: PolicyId,
            /// Free words of its author.
            #[serde(default, skip_serializing_if = "String::is_empty")]
            pub note: String,
            $(
                $(#[doc = $doc])+
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $field: Option<$type>,
            )+
        }

        impl GroupPolicy {
            /// A policy that leaves everything at its built-in default.
            pub fn new(id: PolicyId) -> Self {
                Self { id, note: String::new(), $( $field: None, )+ }
            }
        }

        impl IndividualPolicy {
            /// A policy that overrides nothing.
            pub fn new(id: PolicyId) -> Self {
                Self { id, note: String::new(), $( $field: None, )+ }
            }
        }

        /// Every attribute with its value and its source. [`effective`](crate::effective::effective) makes it.
        #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        pub struct EffectivePolicy {
            $( $(#[doc = $doc])+ pub $field: Sourced<$type>, )+
        }

        impl EffectivePolicy {
            /// Individual over group over built in, each attribute by itself.
            pub(crate) fn merged(group: &GroupPolicy, individual: Option<&IndividualPolicy>) -> Self {
                Self { $( $field: pick(
                    individual.map(|policy| (&policy.id, policy.$field)),
                    (&group.id, group.$field),
                    $default,
                ), )+ }
            }

            /// Who set this attribute.
            pub fn source(&self, attribute: Attribute) -> &Source {
                match attribute { $( Attribute::$Name => &self.$field.source, )+ }
            }

            /// What this attribute is set to.
            pub fn value(&self, attribute: Attribute) -> Value {
                match attribute { $( Attribute::$Name => self.$field.value.into(), )+ }
            }
        }
    };
}

attributes! {
    /// The user may enroll or register the own band again, or replace it by a free one, without an
    /// administrator. Built in: no.
    ReenrollOwn reenroll_own: bool = false;
    /// The user may take over another user's band (never a SEOS-enabled one) without an administrator.
    /// Does nothing without `reenroll_own`. Built in: no.
    ReenrollAny reenroll_any: bool = false;
    /// Only serials on the stock list are enrolled. Built in: no.
    StockEnforced stock_enforced: bool = false;
    /// How old a station's knowledge may be, in seconds, for one user to take over the band of another.
    /// Built in: 1 hour.
    TakeoverMaxAgeS takeover_max_age_s: u32 = 60 * 60;
    /// How old a station's knowledge may be, in seconds, for anything at all. Built in: 7 days.
    OfflineMaxAgeS offline_max_age_s: u32 = 7 * 24 * 60 * 60;
    /// The least battery, in percent, with which an enrollment starts. Built in: 20.
    BatteryMinPercent battery_min_percent: u8 = 20;
    /// The band checks for a living wrist beside the fingerprint. Built in: yes.
    Liveness liveness: bool = true;
    /// The band vibrates. Built in: yes.
    Haptics haptics: bool = true;
    /// The band shows a label, the user's name unless `label_custom`. Built in: yes.
    Label label: bool = true;
    /// The user may choose the label. Built in: no.
    LabelCustom label_custom: bool = false;
    /// Seconds without a touch after which the kiosk forgets the person. Built in: 5 minutes.
    IdleLogoutS idle_logout_s: u32 = 5 * 60;
}

/// Why a policy is not saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyFault {
    /// `reenroll_any` needs `reenroll_own`.
    AnyWithoutOwn,
    /// `battery_min_percent` above 100.
    BatteryAbove100,
    /// `takeover_max_age_s` above `offline_max_age_s`: the longer one would never be reached.
    TakeoverAgeAboveOfflineAge,
}

impl PolicyFault {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::AnyWithoutOwn => "any_without_own",
            Self::BatteryAbove100 => "battery_above_100",
            Self::TakeoverAgeAboveOfflineAge => "takeover_age_above_offline_age",
        }
    }
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AnyWithoutOwn => {
                "reenroll_any needs reenroll_own: switch reenroll_own on in the same policy"
            }
            Self::BatteryAbove100 => "battery_min_percent is above 100",
            Self::TakeoverAgeAboveOfflineAge => "takeover_max_age_s is longer than offline_max_age_s",
        })
    }
}

impl std::error::Error for PolicyFault {}

/// The two flags of self-service as written in one policy; `None` is left out.
#[derive(Clone, Copy, PartialEq)]
struct Flags {
    own: Option<bool>,
    any: Option<bool>,
}

impl Flags {
    const NEVER_SAVED: Self = Self { own: None, any: None };

    /// What is saved when `self` replaces `previous` (N-08): clearing `own` takes `any` with it, setting
    /// `any` while `own` is off is refused.
    fn replacing(self, previous: Self) -> Result<Self, PolicyFault> {
        let any_without_own = self.any == Some(true) && self.own != Some(true);
        let any_is_kept = previous.any == Some(true);
        match (any_without_own, any_is_kept) {
            (false, _) => Ok(self),
            (true, true) => Ok(Self {
                own: self.own,
                any: self.own,
            }),
            (true, false) => Err(PolicyFault::AnyWithoutOwn),
        }
    }
}

fn check_ranges(
    battery: Option<u8>,
    takeover_s: Option<u32>,
    offline_s: Option<u32>,
) -> Result<(), PolicyFault> {
    if battery.is_some_and(|percent| percent > 100) {
        return Err(PolicyFault::BatteryAbove100);
    }
    match (takeover_s, offline_s) {
        (Some(takeover), Some(offline)) if takeover > offline => Err(PolicyFault::TakeoverAgeAboveOfflineAge),
        _ => Ok(()),
    }
}

macro_rules! saving {
    ($policy:ident) => {
        impl $policy {
            /// What is saved when this policy replaces `previous` (`None`: it is new).
            ///
            /// Clearing `reenroll_own` clears `reenroll_any`; setting `reenroll_any` while `reenroll_own`
            /// is not switched on in this same policy is refused.
            pub fn to_save(&self, previous: Option<&Self>) -> Result<Self, PolicyFault> {
                check_ranges(
                    self.battery_min_percent,
                    self.takeover_max_age_s,
                    self.offline_max_age_s,
                )?;
                let before = previous.map_or(Flags::NEVER_SAVED, Self::flags);
                let flags = self.flags().replacing(before)?;
                Ok(Self {
                    reenroll_own: flags.own,
                    reenroll_any: flags.any,
                    ..self.clone()
                })
            }

            fn flags(&self) -> Flags {
                Flags {
                    own: self.reenroll_own,
                    any: self.reenroll_any,
                }
            }
        }
    };
}

saving!(GroupPolicy);
saving!(IndividualPolicy);

#[cfg(test)]
mod tests {
    use super::*;

    type Pair = (Option<bool>, Option<bool>);
    const ON: Option<bool> = Some(true);
    const OFF: Option<bool> = Some(false);

    #[track_caller]
    fn check(previous: Pair, proposed: Pair, expected: Result<Pair, PolicyFault>) {
        let policy = |(own, any): Pair| GroupPolicy {
            reenroll_own: own,
            reenroll_any: any,
            ..GroupPolicy::new(PolicyId::new("p").unwrap())
        };
        let saved = policy(proposed).to_save(Some(&policy(previous)));
        assert_eq!(saved.map(|p| (p.reenroll_own, p.reenroll_any)), expected);
    }

    #[test]
    fn any_needs_own() {
        let refused = Err(PolicyFault::AnyWithoutOwn);
        check((None, None), (ON, None), Ok((ON, None)));
        check((None, None), (ON, ON), Ok((ON, ON)));
        check((None, None), (None, ON), refused);
        check((None, None), (OFF, ON), refused);
        check((ON, OFF), (OFF, ON), refused);
        check((ON, None), (None, ON), refused);
    }

    #[test]
    fn clearing_own_clears_any() {
        check((ON, ON), (OFF, ON), Ok((OFF, OFF)));
        check((ON, ON), (None, ON), Ok((None, None)));
        check((ON, ON), (OFF, OFF), Ok((OFF, OFF)));
        check((ON, ON), (ON, OFF), Ok((ON, OFF)));
    }

    #[test]
    fn a_new_policy_has_no_previous_one() {
        let id = PolicyId::new("p").unwrap();
        let policy = IndividualPolicy {
            reenroll_any: ON,
            ..IndividualPolicy::new(id)
        };
        assert_eq!(policy.to_save(None), Err(PolicyFault::AnyWithoutOwn));
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        let policy = GroupPolicy::new(PolicyId::new("p").unwrap());
        let battery = GroupPolicy {
            battery_min_percent: Some(101),
            ..policy.clone()
        };
        assert_eq!(battery.to_save(None), Err(PolicyFault::BatteryAbove100));
        let ages = GroupPolicy {
            takeover_max_age_s: Some(61),
            offline_max_age_s: Some(60),
            ..policy
        };
        assert_eq!(ages.to_save(None), Err(PolicyFault::TakeoverAgeAboveOfflineAge));
    }

    #[test]
    fn a_misspelt_setting_is_refused_by_name() {
        let error = serde_json::from_str::<GroupPolicy>(r#"{"id":"p","reenrol_own":true}"#).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("unknown field `reenrol_own`, expected one of"),
            "{error}"
        );
    }
}
