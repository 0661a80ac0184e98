//! What a band writes on its screen.

use policy::effective::EffectivePolicy;

use crate::replica::UserRow;

/// Longest label, in characters.
pub const LABEL_CHARS_MAX: usize = 12;
/// What a band's screen can show beside capital letters and digits.
const SIGNS: &str = " .,-_+/&'()#";

fn is_shown(c: char) -> bool {
    c.is_ascii_uppercase() || c.is_ascii_digit() || SIGNS.contains(c)
}

/// Whether every band shows this label: at most 12 characters out of `A-Z`, `0-9` and ` .,-_+/&'()#`, no
/// space at either end.
pub fn is_label(label: &str) -> bool {
    label.chars().count() <= LABEL_CHARS_MAX && label.chars().all(is_shown) && label.trim() == label
}

/// The label for this user under this policy: none, the one that was chosen, or as much of the name as a
/// band can show.
pub fn label_for(user: &UserRow, policy: &EffectivePolicy) -> String {
    if !policy.label.value {
        return String::new();
    }
    if is_label(&user.label) && !user.label.is_empty() {
        return user.label.clone();
    }
    let shown: String = user
        .user
        .name
        .to_uppercase()
        .chars()
        .filter(|c| is_shown(*c))
        .collect();
    shown
        .trim_start()
        .chars()
        .take(LABEL_CHARS_MAX)
        .collect::<String>()
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use firmware_protocol::id::UserHandle;
    use policy::effective::effective;
    use policy::model::{GroupPolicy, User, UserId};

    #[track_caller]
    fn check(name: &str, chosen: &str, shown: bool, expected: &str) {
        let group = GroupPolicy {
            label: Some(shown),
            ..GroupPolicy::new("p".parse().expect("an id"))
        };
        let id = UserId::new("ada").expect("an id");
        let user = UserRow {
            handle: UserHandle([1; 16]),
            user: User {
                name: name.into(),
                ..User::new(id)
            },
            policy: None,
            label: chosen.into(),
        };
        let label = label_for(&user, &effective(&group, None));
        assert_eq!(label, expected);
        assert!(is_label(&label));
    }

    #[test]
    fn the_label_is_what_a_band_can_show() {
        check("Ada Lovelace", "ADA L.", true, "ADA L.");
        check("Ada Lovelace", "", true, "ADA LOVELACE");
        check("Augusta Ada King", "", true, "AUGUSTA ADA");
        check("Ada Lovelace", "ADA L.", false, "");
        check("Łukasz Żółw", "", true, "UKASZ W");
        check("李雷", "", true, "");
        check("", "", true, "");
        check("Straße 7", "", true, "STRASSE 7");
        check("Ada", "too long for a band", true, "ADA");
    }
}
