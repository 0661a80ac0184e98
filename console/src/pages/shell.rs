//! What is around every page: who looks at it, in which language and theme, and the way to all others.

use super::assets::ASSETS;
use super::text::{Lang, message};

/// Light, dark, or as the system says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Theme {
    #[default]
    Auto,
    Light,
    Dark,
}

impl Theme {
    pub(crate) const ALL: [Self; 3] = [Self::Auto, Self::Light, Self::Dark];

    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    pub(crate) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.code() == code)
    }
}

/// Whoever is signed in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Who {
    pub(crate) name: String,
    pub(crate) role: &'static str,
}

impl Who {
    /// The first letters of the first and the last word of the name.
    pub(crate) fn initials(&self) -> String {
        let mut words = self.name.split_whitespace();
        let first = words.next().and_then(|word| word.chars().next());
        let last = words.next_back().and_then(|word| word.chars().next());
        first
            .into_iter()
            .chain(last)
            .flat_map(char::to_uppercase)
            .collect()
    }
}

/// What was just done, and the way back if there is one.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) text: String,
    pub(crate) undo: String,
}

/// A section of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Home,
    Users,
    Bands,
    Associations,
    Tickets,
    Policies,
    DryRun,
    Stations,
    Operators,
    Quarantine,
    Audit,
    Settings,
    Nowhere,
}

/// One entry of the navigation.
pub(crate) struct Entry {
    pub(crate) href: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) label: &'static str,
    /// The heading that stands before this entry, if any.
    pub(crate) starts: &'static str,
    pub(crate) current: bool,
}

/// Section, address, icon, label, and the heading that stands before it.
type Way = (Section, &'static str, &'static str, &'static str, &'static str);

const WAYS: &[Way] = &[
    (Section::Home, "/", "home", message("nav-home"), ""),
    (
        Section::Users,
        "/users",
        "users",
        message("nav-users"),
        message("nav-people"),
    ),
    (Section::Bands, "/bands", "band", message("nav-bands"), ""),
    (
        Section::Associations,
        "/associations",
        "link",
        message("nav-associations"),
        "",
    ),
    (Section::Tickets, "/tickets", "ticket", message("nav-tickets"), ""),
    (
        Section::Policies,
        "/policies",
        "policy",
        message("nav-policies"),
        message("nav-rules"),
    ),
    (Section::DryRun, "/dry-run", "try", message("nav-dry-run"), ""),
    (
        Section::Stations,
        "/stations",
        "station",
        message("nav-stations"),
        message("nav-plant"),
    ),
    (
        Section::Operators,
        "/operators",
        "key",
        message("nav-operators"),
        "",
    ),
    (
        Section::Quarantine,
        "/quarantine",
        "quarantine",
        message("nav-quarantine"),
        "",
    ),
    (
        Section::Audit,
        "/audit",
        "audit",
        message("nav-audit"),
        message("nav-console"),
    ),
    (
        Section::Settings,
        "/settings",
        "settings",
        message("nav-settings"),
        "",
    ),
];

/// Everything around a page.
#[derive(Clone, Debug)]
pub(crate) struct Shell {
    pub(crate) lang: Lang,
    pub(crate) theme: Theme,
    pub(crate) who: Who,
    pub(crate) csrf: String,
    /// This page's own address, for coming back after a change of language or theme.
    pub(crate) here: String,
    pub(crate) section: Section,
    pub(crate) done: Option<Done>,
}

impl Shell {
    pub(crate) fn nav(&self) -> Vec<Entry> {
        let entry = |(section, href, icon, label, starts): &Way| Entry {
            href,
            icon,
            label,
            starts,
            current: *section == self.section,
        };
        WAYS.iter().map(entry).collect()
    }

    /// The address of a file that never changes under its address.
    pub(crate) fn asset(&self, name: &str) -> String {
        ASSETS.address(name)
    }

    pub(crate) fn is_lang(&self, code: &str) -> bool {
        self.lang.code() == code
    }

    pub(crate) fn is_theme(&self, code: &str) -> bool {
        self.theme.code() == code
    }

    /// The same shell at another section.
    #[cfg(test)]
    pub(crate) fn at(self, section: Section) -> Self {
        Self { section, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_two_letters_at_most() {
        let check = |name: &str, expected: &str| {
            let who = Who {
                name: name.to_owned(),
                role: "auditor",
            };
            assert_eq!(who.initials(), expected);
        };
        check("Mara Kurz", "MK");
        check("mara", "M");
        check("Ana Maria de Souza", "AS");
        check("", "");
    }
}
