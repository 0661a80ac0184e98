//! The policy that holds for one user: individual over group over built in, attribute by attribute.

use serde::{Deserialize, Serialize};

use crate::id::PolicyId;
use crate::settings::{GroupPolicy, IndividualPolicy};

pub use crate::settings::EffectivePolicy;

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "source", content = "policy")]
pub enum Source {
    /// No policy says anything: the built-in default.
    BuiltIn,
    /// The active group policy.
    Group(PolicyId),
    /// The user's individual policy.
    Individual(PolicyId),
}

/// A value and who said so.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Who said so.
    #[serde(flatten)]
    pub source: Source,
}

/// A value of any attribute, for lists that show them all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A number in the unit that the attribute's name ends with.
    Number(u32),
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Flag(value)
    }
}

impl From<u8> for Value {
    fn from(value: u8) -> Self {
        Self::Number(value.into())
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Number(value)
    }
}

/// One attribute: the most personal policy that says something wins.
pub(crate) fn pick<T>(
    individual: Option<(&PolicyId, Option<T>)>,
    group: (&PolicyId, Option<T>),
    built_in: T,
) -> Sourced<T> {
    if let Some((id, Some(value))) = individual {
        return Sourced {
            value,
            source: Source::Individual(id.clone()),
        };
    }
    if let (id, Some(value)) = group {
        return Sourced {
            value,
            source: Source::Group(id.clone()),
        };
    }
    Sourced {
        value: built_in,
        source: Source::BuiltIn,
    }
}

/// The policy that holds for a user under the active group policy and the user's individual one, if any.
///
/// `reenroll_any` needs `reenroll_own`. Where one policy switches `any` on and a more personal one switches
/// `own` off, the effective `any` is off, and its source is the policy that switched `own` off.
pub fn effective(group: &GroupPolicy, individual: Option<&IndividualPolicy>) -> EffectivePolicy {
    let mut policy = EffectivePolicy::merged(group, individual);
    if !policy.reenroll_own.value && policy.reenroll_any.value {
        policy.reenroll_any = policy.reenroll_own.clone();
    }
    policy
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pair = (Option<bool>, Option<bool>);

    fn group((own, any): Pair) -> GroupPolicy {
        let id = PolicyId::new("plant").unwrap();
        GroupPolicy {
            reenroll_own: own,
            reenroll_any: any,
            ..GroupPolicy::new(id)
        }
    }

    fn individual((own, any): Pair) -> IndividualPolicy {
        let id = PolicyId::new("lab").unwrap();
        IndividualPolicy {
            reenroll_own: own,
            reenroll_any: any,
            ..IndividualPolicy::new(id)
        }
    }

    fn say(value: &Sourced<bool>) -> String {
        let source = match &value.source {
            Source::BuiltIn => "built in".to_owned(),
            Source::Group(id) | Source::Individual(id) => id.to_string(),
        };
        format!("{} {source}", value.value)
    }

    #[track_caller]
    fn check(group_says: Pair, individual_says: Option<Pair>, own: &str, any: &str) {
        let policy = effective(&group(group_says), individual_says.map(individual).as_ref());
        assert_eq!(
            (
                say(&policy.reenroll_own).as_str(),
                say(&policy.reenroll_any).as_str()
            ),
            (own, any)
        );
    }

    const ON: Option<bool> = Some(true);
    const OFF: Option<bool> = Some(false);

    #[test]
    fn the_most_personal_word_wins_attribute_by_attribute() {
        check((None, None), None, "false built in", "false built in");
        check((ON, None), None, "true plant", "false built in");
        check((ON, ON), Some((None, None)), "true plant", "true plant");
        check((ON, ON), Some((None, OFF)), "true plant", "false lab");
        check((OFF, OFF), Some((ON, ON)), "true lab", "true lab");
        check((ON, OFF), Some((ON, None)), "true lab", "false plant");
    }

    #[test]
    fn any_falls_with_own_and_names_the_policy_that_felled_it() {
        check((ON, ON), Some((OFF, None)), "false lab", "false lab");
        check((OFF, None), Some((None, ON)), "false plant", "false plant");
        check((None, None), Some((None, ON)), "false built in", "false built in");
    }

    #[test]
    fn every_attribute_can_be_listed() {
        let policy = effective(&group((ON, None)), None);
        let rows: Vec<_> = crate::settings::Attribute::ALL
            .iter()
            .map(|attribute| {
                (
                    attribute.name(),
                    policy.value(*attribute),
                    policy.source(*attribute),
                )
            })
            .collect();
        let plant = Source::Group(PolicyId::new("plant").unwrap());
        assert_eq!(rows[0], ("reenroll_own", Value::Flag(true), &plant));
        assert!(rows.contains(&("offline_max_age_s", Value::Number(604_800), &Source::BuiltIn)));
        for (attribute, row) in crate::settings::Attribute::ALL.iter().zip(&rows) {
            assert_eq!(serde_json::to_string(attribute).unwrap(), format!("{:?}", row.0));
        }
    }
}
