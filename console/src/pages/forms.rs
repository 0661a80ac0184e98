//! Fields that several pages have.

use super::text::{Lang, message};
use super::views::Tab;
use super::widgets::{Choice, Field};

pub(crate) fn login() -> Field {
    Field {
        max: 64,
        ..Field::new("login", message("login"))
            .autocomplete("username")
            .required()
    }
}

pub(crate) fn password() -> Field {
    Field::new("password", message("password")).autocomplete("current-password")
}

pub(crate) fn present_password() -> Field {
    Field::new("present", message("password-now")).autocomplete("current-password")
}

pub(crate) fn code() -> Field {
    Field {
        max: 40,
        ..Field::new("code", message("factor-code"))
            .hint(message("code-hint"))
            .autocomplete("one-time-code")
            .required()
    }
}

pub(crate) fn new_password() -> Field {
    Field::new("password", message("password-new"))
        .hint(message("password-new-hint"))
        .autocomplete("new-password")
}

pub(crate) fn password_again() -> Field {
    Field::new("again", message("password-again")).autocomplete("new-password")
}

/// The parts of the settings that this person may see.
pub(crate) fn tabs(current: &str, organization: bool, accounts: bool, keys: bool) -> Vec<Tab> {
    let all = [
        ("/settings", message("account-own"), true),
        ("/settings/organization", message("organization"), organization),
        ("/settings/accounts", message("accounts"), accounts),
        ("/settings/api-keys", message("api-keys"), keys),
    ];
    let shown = all.into_iter().filter(|(.., may)| *may);
    shown
        .map(|(href, label, _)| Tab {
            href,
            label,
            current: href == current,
        })
        .collect()
}

const ROLES: [&str; 4] = ["administrator", "operator", "auditor", "rollout_manager"];

/// Each role with what it may do.
pub(crate) fn roles_explained(lang: Lang) -> Vec<Choice> {
    let role = |code: &str| Choice::new(lang.word("role", code), lang.word("role", format!("{code}_may")));
    ROLES.iter().map(|code| role(code)).collect()
}

/// The roles to choose from.
pub(crate) fn roles(lang: Lang) -> Vec<Choice> {
    ROLES
        .iter()
        .map(|code| Choice::new(*code, lang.word("role", code)))
        .collect()
}
