//! What a band says of itself against what is known of it.
//!
//! | the band says | known: free | known: this user's | known: another's |
//! |---|---|---|---|
//! | nobody | agree | `wiped_while_held` | `wiped_while_held_by_another` |
//! | this user | `record_outlives_release` | agree | `record_of_user_not_holder` |
//! | another user | `record_of_another_on_free_band` | `record_of_another_on_own_band` | agree |
//!
//! A band whose own record names another holder is never overwritten, however fresh or stale the replica: the
//! record goes only when somebody deletes the user data by hand on the band, and nobody is asked to do so
//! before the policy has allowed what comes after it. It does not allow that on knowledge that is too old for a
//! take-over: the band may have been enrolled at a station this one has not heard from.

use crate::codes::codes;
use crate::facts::{Facts, Holds};
use crate::situation::Situation;

/// Whose the band is as known, seen from the requesting user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KnownHolder {
    /// Nobody's.
    Free,
    /// The requesting user's, active or not.
    ThisUser,
    /// Somebody else's, active or not.
    AnotherUser,
}

impl KnownHolder {
    /// As the facts have it for the zone asked about. Somebody else outweighs the requesting user.
    pub fn of(facts: &Facts<'_>) -> Self {
        let situation = Situation::of(facts);
        match (situation.other, situation.own) {
            (Some(_), _) => Self::AnotherUser,
            (None, Some(_)) => Self::ThisUser,
            (None, None) => Self::Free,
        }
    }
}

codes! {
    /// A difference between what a band says and what is known.
    Mismatch {
        /// Nobody on the band, the user in the records: user data was deleted, the association stands.
        WipedWhileHeld = "wiped_while_held",
            "The user data on this band was deleted, but the band still counts as this person's.";
        /// Nobody on the band, another user in the records.
        WipedWhileHeldByAnother = "wiped_while_held_by_another",
            "The user data on this band was deleted, but the band still counts as another person's.";
        /// The user on the band, nobody in the records: disconnected, and the band does not know.
        RecordOutlivesRelease = "record_outlives_release",
            "This band was disconnected, but it still holds this person's user data.";
        /// The user on the band, another user in the records: one of the two is out of date, or the band is
        /// not what it seems. An administrator should know.
        RecordOfUserNotHolder = "record_of_user_not_holder",
            "This band holds this person's user data, but counts as another person's.";
        /// Another user on the band, nobody in the records: a former holder's data, or an enrollment that
        /// this station has not heard of.
        RecordOfAnotherOnFreeBand = "record_of_another_on_free_band",
            "This band counts as free, but it holds another person's user data.";
        /// Another user on the band, the user in the records: two bands were swapped, or somebody took the
        /// band over at a station this one has not heard from. An administrator should know.
        RecordOfAnotherOnOwnBand = "record_of_another_on_own_band",
            "This band counts as this person's, but it holds another person's user data.";
    }
}

codes! {
    /// What to do about the band itself.
    Repair {
        /// Go on: the enrollment puts it right, nothing on the band is in its way.
        GoOn = "go_on",
            "Go on: the enrollment puts this right.";
        /// Delete the user data by hand on the band, on its charger, then present it again.
        DeleteUserData = "delete_user_data",
            "Put the band on its charger, hold its button until it has deleted its user data, and come back.";
        /// Touch nothing on the band; the way out of the refusal is the way.
        LeaveBandAlone = "leave_band_alone",
            "Leave the band as it is.";
    }
}

/// The difference between the two, if there is one.
pub fn compare(says: Holds, known: KnownHolder) -> Option<Mismatch> {
    match (says, known) {
        (Holds::Nobody, KnownHolder::Free)
        | (Holds::ThisUser, KnownHolder::ThisUser)
        | (Holds::AnotherUser, KnownHolder::AnotherUser) => None,
        (Holds::Nobody, KnownHolder::ThisUser) => Some(Mismatch::WipedWhileHeld),
        (Holds::Nobody, KnownHolder::AnotherUser) => Some(Mismatch::WipedWhileHeldByAnother),
        (Holds::ThisUser, KnownHolder::Free) => Some(Mismatch::RecordOutlivesRelease),
        (Holds::ThisUser, KnownHolder::AnotherUser) => Some(Mismatch::RecordOfUserNotHolder),
        (Holds::AnotherUser, KnownHolder::Free) => Some(Mismatch::RecordOfAnotherOnFreeBand),
        (Holds::AnotherUser, KnownHolder::ThisUser) => Some(Mismatch::RecordOfAnotherOnOwnBand),
    }
}

/// The difference in these facts, if there is a band and it differs.
pub fn find(facts: &Facts<'_>) -> Option<Mismatch> {
    compare(facts.report?.says(facts.zone), KnownHolder::of(facts))
}

/// What to do about the band itself, mismatch or not, once the policy has spoken.
pub fn repair(says: Holds, allowed: bool) -> Repair {
    match (allowed, says) {
        (false, _) => Repair::LeaveBandAlone,
        (true, Holds::AnotherUser) => Repair::DeleteUserData,
        (true, Holds::Nobody | Holds::ThisUser) => Repair::GoOn,
    }
}

impl Mismatch {
    /// Both sides cannot be true and neither is a leftover: somebody should look into it.
    pub fn is_alarming(self) -> bool {
        matches!(self, Self::RecordOfUserNotHolder | Self::RecordOfAnotherOnOwnBand)
    }

    /// Key of the translated explanation.
    pub fn explanation_key(self) -> String {
        format!("mismatch.{}", self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAYS: [Holds; 3] = [Holds::Nobody, Holds::ThisUser, Holds::AnotherUser];
    const KNOWN: [KnownHolder; 3] = [KnownHolder::Free, KnownHolder::ThisUser, KnownHolder::AnotherUser];

    /// The table at the top of this file is the specification: it is read, not repeated.
    #[test]
    fn the_table_in_the_documentation_is_true() {
        let rows = include_str!("mismatch.rs")
            .lines()
            .skip_while(|line| !line.contains("|---"))
            .skip(1);
        for (says, row) in SAYS.iter().zip(rows) {
            let cells: Vec<_> = row
                .split('|')
                .skip(2)
                .map(|cell| cell.trim().trim_matches('`'))
                .collect();
            for (known, cell) in KNOWN.iter().zip(cells) {
                let name = compare(*says, *known).map_or("agree", Mismatch::code);
                assert_eq!(name, cell, "{says:?} {known:?}");
            }
        }
    }

    #[test]
    fn every_mismatch_has_one_place_in_the_table() {
        for mismatch in Mismatch::ALL {
            let places = SAYS
                .iter()
                .flat_map(|says| KNOWN.map(|known| compare(*says, known)));
            assert_eq!(
                places.filter(|found| found.as_ref() == Some(mismatch)).count(),
                1,
                "{mismatch:?}"
            );
        }
    }

    #[test]
    fn nothing_is_deleted_before_the_policy_has_allowed_it() {
        for says in SAYS {
            assert_eq!(repair(says, false), Repair::LeaveBandAlone);
        }
        assert_eq!(repair(Holds::AnotherUser, true), Repair::DeleteUserData);
        assert_eq!(repair(Holds::ThisUser, true), Repair::GoOn);
        assert_eq!(repair(Holds::Nobody, true), Repair::GoOn);
    }
}
