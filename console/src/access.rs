//! Who may do what: the one table of roles and actions, limited to sites.
//!
//! Nothing else in the console decides this. A page hides what [`allows`] forbids; an act asks [`allow`].

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::problem::{Code, Problem};

/// What somebody is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs the console: policies, stations, keys, accounts.
    Administrator,
    /// Helps people: users, bands, tickets, quarantine.
    Operator,
    /// Looks at everything and changes nothing.
    Auditor,
    /// Sees to it that everybody gets a band: looks, imports, gives out tickets.
    RolloutManager,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [
        Self::Administrator,
        Self::Operator,
        Self::Auditor,
        Self::RolloutManager,
    ];

    /// The stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
            Self::RolloutManager => "rollout_manager",
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Role {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(())
    }
}

macro_rules! role {
    (adm) => {
        Role::Administrator
    };
    (ope) => {
        Role::Operator
    };
    (aud) => {
        Role::Auditor
    };
    (rol) => {
        Role::RolloutManager
    };
}

macro_rules! actions {
    ($($(#[doc = $doc:literal])+ $Name:ident $code:literal $area:literal $write:literal $everywhere:literal: $($letter:ident)+;)+) => {
        /// What can be done.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action { $($(#[doc = $doc])+ $Name,)+ }

        impl Action {
            /// Every action.
            pub const ALL: &'static [Self] = &[$(Self::$Name,)+];

            /// The stable text, as it stands in the audit.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$Name => $code,)+ }
            }

            /// The area of the console, the first half of a scope.
            pub fn area(self) -> &'static str {
                match self { $(Self::$Name => $area,)+ }
            }

            /// It changes something.
            pub fn is_write(self) -> bool {
                match self { $(Self::$Name => $write,)+ }
            }

            /// It concerns every site at once: whoever is limited to sites may not do it.
            pub fn is_everywhere(self) -> bool {
                match self { $(Self::$Name => $everywhere,)+ }
            }

            fn roles(self) -> &'static [Role] {
                match self { $(Self::$Name => &[$(role!($letter)),+],)+ }
            }
        }
    };
}

actions! {
    /// See users and what they hold.
    UserView "user_view" "users" false false: adm ope aud rol;
    /// Add a user.
    UserCreate "user_create" "users" true false: adm ope;
    /// Change a user's name, site, label, mail or note.
    UserEdit "user_edit" "users" true false: adm ope;
    /// Say how a user stands with the plant.
    UserStatus "user_status" "users" true false: adm ope;
    /// Suspend a user, and resume.
    UserSuspend "user_suspend" "users" true false: adm ope;
    /// Give a user an individual policy.
    UserPolicy "user_policy" "policies" true false: adm;
    /// See bands and the stock.
    BandView "band_view" "bands" false false: adm ope aud rol;
    /// Add a band, change its place or note.
    BandEdit "band_edit" "bands" true false: adm ope;
    /// Say what became of a band: lost, found, broken, returned.
    BandStand "band_stand" "bands" true false: adm ope;
    /// End, suspend or resume an association, or make it the active one.
    AssociationChange "association_change" "associations" true false: adm ope;
    /// Decide what waits in quarantine.
    QuarantineSettle "quarantine_settle" "quarantine" true false: adm ope;
    /// See what waits in quarantine.
    QuarantineView "quarantine_view" "quarantine" false false: adm ope aud rol;
    /// See policies, and ask what would be decided.
    PolicyView "policy_view" "policies" false false: adm ope aud rol;
    /// Write policies.
    PolicyEdit "policy_edit" "policies" true true: adm;
    /// Choose the group policy that holds.
    PolicyActivate "policy_activate" "policies" true true: adm;
    /// See stations and their health.
    StationView "station_view" "stations" false false: adm ope aud rol;
    /// Let a station join.
    StationJoin "station_join" "stations" true false: adm;
    /// Revoke a station, or let one out of quarantine.
    StationRevoke "station_revoke" "stations" true false: adm;
    /// See who has rights at stations.
    OperatorView "operator_view" "operators" false false: adm ope aud;
    /// Say who has rights at stations.
    OperatorEdit "operator_edit" "operators" true false: adm;
    /// See tickets.
    TicketView "ticket_view" "tickets" false false: adm ope aud rol;
    /// Issue a ticket, or take one back.
    TicketIssue "ticket_issue" "tickets" true false: adm ope rol;
    /// Read a list of users or of bands and see what it would change.
    ImportPreview "import_preview" "imports" true true: adm ope rol;
    /// Take in a list.
    ImportConfirm "import_confirm" "imports" true true: adm rol;
    /// Agree to an import that deactivates many users.
    ImportApprove "import_approve" "imports" true true: adm;
    /// Take users or bands out as a list.
    Export "export" "exports" false true: adm aud rol;
    /// See the audit, and verify it.
    AuditView "audit_view" "audit" false true: adm aud;
    /// Take the audit out.
    AuditExport "audit_export" "audit" false true: adm aud;
    /// See the settings.
    SettingsView "settings_view" "settings" false true: adm aud;
    /// Change the settings, and rotate keys.
    SettingsEdit "settings_edit" "settings" true true: adm;
    /// See who has an account here.
    AccountView "account_view" "accounts" false true: adm aud;
    /// Say who has an account here.
    AccountEdit "account_edit" "accounts" true true: adm;
    /// See the keys of the API.
    KeyView "api_key_view" "api_keys" false true: adm aud;
    /// Make and revoke keys of the API.
    KeyEdit "api_key_edit" "api_keys" true true: adm;
    /// See the dashboard.
    DashboardView "dashboard_view" "dashboard" false false: adm ope aud rol;
}

/// Every scope a key of the API can have.
pub fn scopes() -> BTreeSet<String> {
    Action::ALL.iter().map(|action| action.scope()).collect()
}

impl Action {
    /// The scope that a key of the API needs: `users:read`, `users:write`.
    pub fn scope(self) -> String {
        let kind = if self.is_write() { "write" } else { "read" };
        format!("{}:{kind}", self.area())
    }
}

/// How somebody came to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Via {
    /// Signed in, with the session's identifier.
    Session(String),
    /// By a key of the API, within its scopes.
    ApiKey {
        /// Which key.
        id: String,
        /// What it may be used for.
        scopes: BTreeSet<String>,
    },
    /// By the command line, on the machine of the console.
    Cli,
    /// A station, by its certificate.
    Station(policy::model::StationId),
    /// Nobody: the console does what it has to.
    Console,
}

impl Via {
    /// As it stands in the audit.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Session(_) => "session",
            Self::ApiKey { .. } => "api_key",
            Self::Cli => "cli",
            Self::Station(_) => "station",
            Self::Console => "console",
        }
    }
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account, the key or the station, as it stands in the audit.
    pub account: String,
    /// The name to show.
    pub name: String,
    /// What the caller is.
    pub role: Role,
    /// The sites the caller is limited to; empty: not limited.
    pub sites: BTreeSet<String>,
    /// How the caller came to ask.
    pub via: Via,
}

impl Caller {
    /// Whoever may read the database's file anyway.
    pub fn cli(user: &str) -> Self {
        Self {
            account: format!("cli:{user}"),
            name: user.to_owned(),
            role: Role::Administrator,
            sites: BTreeSet::new(),
            via: Via::Cli,
        }
    }

    /// The console, where nobody asked: it only writes down what it did, and is allowed nothing.
    pub fn console() -> Self {
        Self {
            account: "console".to_owned(),
            name: "console".to_owned(),
            role: Role::Auditor,
            sites: BTreeSet::new(),
            via: Via::Console,
        }
    }

    /// Limited to sites.
    pub fn is_limited(&self) -> bool {
        !self.sites.is_empty()
    }

    /// May see and change what belongs to this site.
    pub fn has_site(&self, site: &str) -> bool {
        !self.is_limited() || self.sites.contains(site)
    }
}

/// Whether `caller` may do `action` at all, wherever.
pub fn allows(caller: &Caller, action: Action) -> bool {
    check(caller, action).is_ok()
}

fn check(caller: &Caller, action: Action) -> Result<(), Problem> {
    if !action.roles().contains(&caller.role) {
        let detail = format!("the role {} may not do {}", caller.role, action.as_str());
        return Err(
            Problem::new(Code::NotAllowed, detail, "ask an administrator").with("action", action.as_str())
        );
    }
    if action.is_everywhere() && caller.is_limited() {
        let detail = format!(
            "{} concerns every site, and this account is limited to some",
            action.as_str()
        );
        return Err(Problem::new(
            Code::NotAllowed,
            detail,
            "ask an administrator of every site",
        ));
    }
    match &caller.via {
        Via::ApiKey { scopes, .. } if !scopes.contains(&action.scope()) => {
            let detail = format!("this key has no scope {}", action.scope());
            Err(
                Problem::new(Code::OutOfScope, detail, "use a key with this scope")
                    .with("scope", action.scope()),
            )
        }
        Via::Station(_) | Via::Console => {
            let detail = "neither a station nor the console does this by itself";
            Err(Problem::new(Code::NotAllowed, detail, ""))
        }
        _ => Ok(()),
    }
}

/// Refuses unless `caller` may do `action` on what belongs to `site`. What belongs to no site is for those
/// who are not limited to any.
pub fn allow(caller: &Caller, action: Action, site: &str) -> Result<(), Problem> {
    check(caller, action)?;
    if caller.has_site(site) {
        return Ok(());
    }
    let detail = if site.is_empty() {
        "this belongs to no site, and this account is limited to some".to_owned()
    } else {
        format!("this belongs to site {site}")
    };
    Err(Problem::new(Code::OtherSite, detail, "ask somebody of that site").with("site", site))
}

/// Refuses unless `caller` may do `action` somewhere; lists are then limited to the caller's sites.
pub fn allow_somewhere(caller: &Caller, action: Action) -> Result<(), Problem> {
    check(caller, action)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::caller;

    /// The table for people, in `docs/roles.md`.
    fn table() -> String {
        let mut out = String::from(
            "# Roles\n\nWho may do what at the console. This table is written by a test of the code that decides it \
             (`console/src/access.rs`).\nAn account or a key may also be limited to sites: it then sees and changes what belongs \
             to those alone, and cannot do what concerns\nevery site at once (marked *). A key of the API also needs the scope.\n\n\
             | action | scope | administrator | operator | auditor | rollout manager |\n|---|---|---|---|---|---|\n",
        );
        for action in Action::ALL {
            let may = Role::ALL.map(|role| {
                if allows(&caller(role, &[]), *action) {
                    "yes"
                } else {
                    ""
                }
            });
            let star = if action.is_everywhere() { " *" } else { "" };
            let cells = may.join(" | ");
            out += &format!(
                "| `{}`{star} | `{}` | {cells} |\n",
                action.as_str(),
                action.scope()
            );
        }
        out
    }

    #[test]
    fn the_table_on_file_is_this_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/roles.md");
        if std::env::var_os("BANDSTAND_WRITE_FILES").is_some() {
            std::fs::write(path, table()).expect("written");
        }
        let on_file = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            on_file == table(),
            "run the test once with BANDSTAND_WRITE_FILES=1, look at docs/roles.md, commit it"
        );
    }

    #[test]
    fn auditors_change_nothing_and_administrators_may_do_everything() {
        for action in Action::ALL {
            assert!(allows(&caller(Role::Administrator, &[]), *action), "{action:?}");
            assert!(
                !(action.is_write() && allows(&caller(Role::Auditor, &[]), *action)),
                "{action:?}"
            );
        }
    }

    #[test]
    fn whoever_is_limited_does_nothing_everywhere_and_nothing_elsewhere() {
        for role in Role::ALL {
            let limited = caller(role, &["north"]);
            for action in Action::ALL {
                assert!(
                    !(action.is_everywhere() && allows(&limited, *action)),
                    "{role} {action:?}"
                );
                for elsewhere in ["south", ""] {
                    assert!(allow(&limited, *action, elsewhere).is_err(), "{role} {action:?}");
                }
                assert_eq!(
                    allow(&limited, *action, "north").is_ok(),
                    allows(&limited, *action)
                );
            }
        }
    }

    #[test]
    fn a_key_does_what_its_scopes_say_and_its_role_may() {
        let mut key = caller(Role::Operator, &[]);
        let scopes = ["users:read", "settings:write"].map(str::to_owned).into();
        key.via = Via::ApiKey {
            id: "k".into(),
            scopes,
        };
        let may: Vec<_> = Action::ALL
            .iter()
            .filter(|action| allows(&key, **action))
            .collect();
        assert_eq!(may, [&Action::UserView]);
    }
}
