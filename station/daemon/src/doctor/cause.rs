//! Everything the doctor can find: each has one name, one verdict, and its words in `locales`.

use crate::api::model::Verdict;

macro_rules! causes {
    ($($(#[$doc:meta])* $variant:ident $check:literal $verdict:ident $code:literal,)*) => {
        /// Something that the doctor found.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Cause { $($(#[$doc])* $variant,)* }

        impl Cause {
            /// All of them.
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// What was looked at.
            pub(super) fn check(self) -> &'static str {
                match self { $(Self::$variant => $check,)* }
            }

            /// How that is.
            pub(super) fn verdict(self) -> Verdict {
                match self { $(Self::$variant => Verdict::$verdict,)* }
            }

            /// The stable name.
            pub(crate) fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }
        }
    };
}

causes! {
    ConfigUsable "config" Ok "config_usable",

    /// The seal key is a file beside the database.
    SealedOnSameDisk "seal" Warn "sealed_on_same_disk",
    SealedOnOtherDisk "seal" Ok "sealed_on_other_disk",
    SealedByCredential "seal" Ok "sealed_by_credential",

    DatabaseWhole "database" Ok "database_whole",
    JournalWhole "journal" Ok "journal_whole",
    JournalFaulty "journal" Fail "journal_faulty",
    KeyFileReadable "key_file" Ok "key_file_readable",

    CertificateUnreadable "certificate" Fail "certificate_unreadable",
    CertificateNotYet "certificate" Fail "certificate_not_yet",
    CertificateExpired "certificate" Fail "certificate_expired",
    CertificateShort "certificate" Warn "certificate_short",
    CertificateGood "certificate" Ok "certificate_good",

    ReplicaTooOld "replica" Fail "replica_too_old",
    ReplicaTooOldForTakeover "replica" Warn "replica_too_old_for_takeover",
    ReplicaFresh "replica" Ok "replica_fresh",

    /// Enrollments whose end only their band knows.
    EnrollmentsOpen "intents" Warn "enrollments_open",
    EnrollmentsSettled "intents" Ok "enrollments_settled",

    /// Bands that prove something they should not be able to.
    BandsQuarantined "quarantine" Warn "bands_quarantined",
    BandsBelieved "quarantine" Ok "bands_believed",

    ClockBeforeRelease "clock" Fail "clock_before_release",
    ClockSetBack "clock" Fail "clock_set_back",
    /// Somebody said that a date is right which is before what the station had believed.
    ClockConfirmed "clock" Warn "clock_confirmed",
    ClockAgrees "clock" Ok "clock_agrees",

    DiskUnknown "disk" Warn "disk_unknown",
    DiskFull "disk" Fail "disk_full",
    DiskShort "disk" Warn "disk_short",
    DiskGood "disk" Ok "disk_good",

    DaemonRuns "daemon" Ok "daemon_runs",

    RadioWorks "radio" Ok "radio_works",
    RadioOff "radio" Fail "radio_off",
    RadioAbsent "radio" Fail "radio_absent",
    BluezDown "radio" Fail "bluez_down",
    BusDown "radio" Fail "bus_down",
    NoPermission "radio" Fail "no_permission",
    RadioStarting "radio" Warn "radio_starting",

    ConsoleCertificateExpired "console_certificate" Fail "console_certificate_expired",
    ConsoleCertificateShort "console_certificate" Warn "console_certificate_short",
    ConsoleCertificateGood "console_certificate" Ok "console_certificate_good",

    FeedStopped "feed" Fail "feed_stopped",
    UploadStopped "journal_upload" Fail "upload_stopped",

    ConsoleStopped "console" Fail "console_stopped",
    /// The console answers, and does not take the journal.
    ConsoleRefusesJournal "console" Fail "console_refuses_journal",
    ConsoleOffline "console" Warn "console_offline",
    ConsoleClockDiffers "console" Warn "console_clock_differs",
    /// It was not heard yet, or its first rows are coming in.
    ConsoleBegins "console" Ok "console_begins",
    ConsoleInStep "console" Ok "console_in_step",
}
