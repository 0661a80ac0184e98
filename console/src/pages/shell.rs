//! What is around every page: who looks at it, in which language and theme, and the way to all others.

use super::assets::ASSETS;
use super::text::{Lang, message};
use crate::access::{self, Action, Caller};

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

/// An entry of the navigation, wherever one is.
pub(crate) struct Way {
    section: Section,
    pub(crate) href: &'static str,
    icon: &'static str,
    label: &'static str,
    /// The heading it stands under, if any.
    group: &'static str,
    /// What one has to be allowed to look at; nothing if the page is everybody's own.
    needs: Option<Action>,
}

const fn way(
    section: Section,
    (href, icon): (&'static str, &'static str),
    label: &'static str,
    group: &'static str,
    needs: Option<Action>,
) -> Way {
    Way {
        section,
        href,
        icon,
        label,
        group,
        needs,
    }
}

const PEOPLE: &str = message("nav-people");
const RULES: &str = message("nav-rules");
const PLANT: &str = message("nav-plant");
const CONSOLE: &str = message("nav-console");

pub(crate) const WAYS: &[Way] = &[
    way(
        Section::Home,
        ("/", "home"),
        message("nav-home"),
        "",
        Some(Action::DashboardView),
    ),
    way(
        Section::Users,
        ("/users", "users"),
        message("nav-users"),
        PEOPLE,
        Some(Action::UserView),
    ),
    way(
        Section::Bands,
        ("/bands", "band"),
        message("nav-bands"),
        PEOPLE,
        Some(Action::BandView),
    ),
    way(
        Section::Associations,
        ("/associations", "link"),
        message("nav-associations"),
        PEOPLE,
        Some(Action::UserView),
    ),
    way(
        Section::Tickets,
        ("/tickets", "ticket"),
        message("nav-tickets"),
        PEOPLE,
        Some(Action::TicketView),
    ),
    way(
        Section::Policies,
        ("/policies", "policy"),
        message("nav-policies"),
        RULES,
        Some(Action::PolicyView),
    ),
    way(
        Section::DryRun,
        ("/dry-run", "try"),
        message("nav-dry-run"),
        RULES,
        Some(Action::PolicyView),
    ),
    way(
        Section::Stations,
        ("/stations", "station"),
        message("nav-stations"),
        PLANT,
        Some(Action::StationView),
    ),
    way(
        Section::Operators,
        ("/operators", "key"),
        message("nav-operators"),
        PLANT,
        Some(Action::OperatorView),
    ),
    way(
        Section::Quarantine,
        ("/quarantine", "quarantine"),
        message("nav-quarantine"),
        PLANT,
        Some(Action::QuarantineView),
    ),
    way(
        Section::Audit,
        ("/audit", "audit"),
        message("nav-audit"),
        CONSOLE,
        Some(Action::AuditView),
    ),
    way(
        Section::Settings,
        ("/settings", "settings"),
        message("nav-settings"),
        CONSOLE,
        None,
    ),
];

/// The sections that this person may open. The table of roles says so, and nothing else.
pub(crate) fn open_to(caller: &Caller) -> Vec<Section> {
    let is_open = |way: &&Way| way.needs.is_none_or(|action| access::allows(caller, action));
    WAYS.iter().filter(is_open).map(|way| way.section).collect()
}

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
    /// The sections that the navigation leads to.
    pub(crate) open: Vec<Section>,
    pub(crate) done: Option<Done>,
}

impl Shell {
    pub(crate) fn nav(&self) -> Vec<Entry> {
        let mut group = "";
        let entry = |way: &Way| Entry {
            href: way.href,
            icon: way.icon,
            label: way.label,
            starts: if std::mem::replace(&mut group, way.group) == way.group {
                ""
            } else {
                way.group
            },
            current: way.section == self.section,
        };
        let open = WAYS.iter().filter(|way| self.open.contains(&way.section));
        open.map(entry).collect()
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
    use crate::access::Role;
    use crate::pages::samples;
    use crate::testing::caller;

    /// Each heading stands before the first entry of its group that is shown, and before no other.
    #[test]
    fn headings_stand_where_their_group_begins_for_this_person() {
        let headings = |role| {
            let shell = Shell {
                open: open_to(&caller(role, &["north"])),
                ..samples::shell(Lang::En, Theme::Auto)
            };
            let nav = shell.nav();
            let starts = nav.iter().filter(|entry| !entry.starts.is_empty());
            starts.map(|entry| (entry.starts, entry.href)).collect::<Vec<_>>()
        };
        let plant = [(PEOPLE, "/users"), (RULES, "/policies"), (PLANT, "/stations")];
        for role in Role::ALL {
            // The audit concerns every site, and whoever is limited to some finds only the settings.
            assert_eq!(
                headings(role),
                [&plant[..], &[(CONSOLE, "/settings")]].concat(),
                "{role}"
            );
        }
    }

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
