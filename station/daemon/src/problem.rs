//! What goes wrong, said once for people and programs: a stable code, what failed, why, what next.

use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $text:literal exit $exit:literal http $http:literal,)*) => {
        /// The stable name of a problem. Scripts and clients may rely on it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Code] = &[$(Code::$variant,)*];

            /// The name that stays.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The exit code of a command that ends with this problem.
            pub fn exit(self) -> u8 {
                match self { $(Self::$variant => $exit,)* }
            }

            /// The HTTP status of an answer that carries this problem.
            pub fn http_status(self) -> u16 {
                match self { $(Self::$variant => $http,)* }
            }
        }
    };
}

codes! {
    /// The configuration file is not there.
    ConfigMissing "config_missing" exit 3 http 500,
    /// The configuration file cannot be read, or is not a plain file.
    ConfigUnreadable "config_unreadable" exit 3 http 500,
    /// The configuration file has nothing in it.
    ConfigEmpty "config_empty" exit 3 http 500,
    /// The configuration file is larger than any configuration is.
    ConfigTooLarge "config_too_large" exit 3 http 500,
    /// The configuration file is not TOML.
    ConfigSyntax "config_syntax" exit 3 http 500,
    /// A key nobody knows.
    ConfigUnknownKey "config_unknown_key" exit 3 http 500,
    /// A value of another type, or a required key that is not there.
    ConfigWrongType "config_wrong_type" exit 3 http 500,
    /// A value out of its range, or two that contradict each other.
    ConfigValue "config_value" exit 3 http 500,
    /// A file with a secret that others may read.
    SecretExposed "secret_exposed" exit 3 http 500,
    /// A file with a secret that is not there or not what it should be.
    SecretUnusable "secret_unusable" exit 3 http 500,

    /// The key under which the station's disk is sealed is not there.
    SealKeyMissing "seal_key_missing" exit 3 http 500,
    /// The station's disk is sealed with another key.
    SealKeyWrong "seal_key_wrong" exit 3 http 500,

    /// The provisioning file cannot be used.
    ProvisionInvalid "provision_invalid" exit 3 http 500,
    /// The station already has what `init` would make.
    AlreadyInitialized "already_initialized" exit 1 http 500,
    /// The station was never initialized.
    NotInitialized "not_initialized" exit 4 http 503,

    /// Another process holds the database.
    StoreLocked "store_locked" exit 4 http 503,
    /// The database is damaged.
    StoreCorrupted "store_corrupted" exit 4 http 503,
    /// There is no space left for the database.
    StoreFull "store_full" exit 4 http 507,
    /// The database cannot be written.
    StoreReadOnly "store_read_only" exit 4 http 503,
    /// The database was written by a newer program.
    StoreNewer "store_newer" exit 4 http 503,
    /// The disk failed while something was being made durable.
    StoreSyncFailed "store_sync_failed" exit 4 http 503,
    /// The database failed in another way.
    StoreFailed "store_failed" exit 4 http 503,
    /// The journal's chain does not hold.
    JournalBroken "journal_broken" exit 1 http 503,

    /// Another station process uses the same data.
    InstanceRunning "instance_running" exit 6 http 503,
    /// No station process answers.
    DaemonUnreachable "daemon_unreachable" exit 5 http 503,
    /// The station's radio cannot be used now.
    RadioUnavailable "radio_unavailable" exit 5 http 503,

    /// The console does not answer.
    ConsoleUnreachable "console_unreachable" exit 5 http 503,
    /// The console refuses this station, or is not the one it should be.
    ConsoleRefused "console_refused" exit 1 http 503,

    /// The request is not one.
    BadRequest "bad_request" exit 2 http 400,
    /// The caller did not say who it is.
    Unauthorized "unauthorized" exit 1 http 401,
    /// The caller may not.
    Forbidden "forbidden" exit 1 http 403,
    /// There is no such thing.
    NotFound "not_found" exit 1 http 404,
    /// The method does not fit the address.
    MethodNotAllowed "method_not_allowed" exit 1 http 405,
    /// The answer took too long.
    TimedOut "timed_out" exit 1 http 408,
    /// Another enrollment is under way.
    Busy "busy" exit 6 http 409,
    /// The request makes no sense at this point.
    OutOfTurn "out_of_turn" exit 1 http 409,
    /// A date that nobody can confirm.
    ClockUnbelievable "clock_unbelievable" exit 1 http 409,
    /// The request is larger than any request is.
    TooLarge "too_large" exit 1 http 413,
    /// Not a ticket, or a slip of the finger.
    TicketMalformed "ticket_malformed" exit 1 http 403,
    /// A ticket that was not issued here or was changed.
    TicketForged "ticket_forged" exit 1 http 403,
    /// A code that belongs to no ticket.
    TicketUnknownCode "ticket_unknown_code" exit 1 http 403,
    /// A ticket for another site.
    TicketOtherSite "ticket_other_site" exit 1 http 403,
    /// A ticket for another zone.
    TicketOtherZone "ticket_other_zone" exit 1 http 403,
    /// A ticket of the future.
    TicketNotYetValid "ticket_not_yet_valid" exit 1 http 403,
    /// A ticket of the past.
    TicketExpired "ticket_expired" exit 1 http 403,
    /// A ticket that was used before.
    TicketReused "ticket_reused" exit 1 http 403,
    /// A ticket that was taken back.
    TicketRevoked "ticket_revoked" exit 1 http 403,
    /// No operator, or one who may not vouch.
    OperatorNotAllowed "operator_not_allowed" exit 1 http 403,
    /// An operator who is the user.
    VouchForOneself "vouch_for_oneself" exit 1 http 403,
    /// Not the operator's PIN.
    WrongPin "wrong_pin" exit 1 http 403,
    /// Too many wrong tries; wait.
    TooManyAttempts "too_many_attempts" exit 1 http 429,
    /// A fault of this program.
    Internal "internal" exit 70 http 500,
}

/// A problem as a person needs it: what failed, why, and what to do next.
#[derive(Clone, PartialEq, Eq)]
pub struct Problem {
    /// The stable name.
    pub code: Code,
    /// What could not be done.
    pub what: String,
    /// What stood in the way.
    pub why: String,
    /// The shortest way on.
    pub next: String,
}

impl Problem {
    /// A problem in three sentences.
    pub fn new(code: Code, what: impl Into<String>, why: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            code,
            what: what.into(),
            why: why.into(),
            next: next.into(),
        }
    }

    /// As the command line prints it with `--json`.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "error": { "code": self.code.as_str(), "what": self.what, "why": self.why, "next": self.next }
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "error[{}]: {}\n  why:  {}\n  next: {}",
            self.code.as_str(),
            self.what,
            self.why,
            self.next
        )
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_fit_their_exit_range() {
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(
            Code::ALL
                .iter()
                .all(|code| code.exit() != 0 && (400..600).contains(&code.http_status()))
        );
    }

    #[test]
    fn a_problem_reads_as_what_why_next() {
        let problem = Problem::new(
            Code::NotFound,
            "cannot do it",
            "it is not there",
            "look elsewhere",
        );
        assert_eq!(
            problem.to_string(),
            "error[not_found]: cannot do it\n  why:  it is not there\n  next: look elsewhere"
        );
    }
}
