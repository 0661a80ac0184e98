//! Why an attempt ended without an association: the policy's reasons, and the flow's own.

use firmware_protocol::handshake::HandshakeRefusal;
use firmware_protocol::message::{BandRefusal, Interruption};
use policy::decision::{Decision, Reason};
use policy::facts_json::DecideOutput;

/// Why an attempt ended, with everything a kiosk needs to explain it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The policy said no: reason, who decided, the shortest fix, all in the answer.
    Policy(Box<DecideOutput>),
    /// Something else stood in the way.
    Flow {
        /// What.
        code: FlowRefusal,
        /// A number that belongs to it, such as the seconds of a lockout; else 0.
        detail: u32,
    },
}

/// The stable code of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RefusalCode {
    /// A reason of the policy.
    Policy(Reason),
    /// A reason of the flow.
    Flow(FlowRefusal),
}

impl RefusalCode {
    /// The stable name for programs. Policy and flow share one list of names, without a name in both.
    pub fn code(self) -> &'static str {
        match self {
            Self::Policy(reason) => reason.code(),
            Self::Flow(refusal) => refusal.code(),
        }
    }
}

impl Refusal {
    /// A refusal of the flow.
    pub(super) fn flow(code: FlowRefusal) -> Self {
        Self::Flow { code, detail: 0 }
    }

    /// A refusal of the policy that needed no band.
    pub(super) fn policy(decision: Decision) -> Self {
        Self::Policy(Box::new(DecideOutput {
            id: None,
            explanation: decision.to_string(),
            decision,
            mismatch: None,
            repair: None,
        }))
    }

    /// The stable code.
    pub fn code(&self) -> RefusalCode {
        match self {
            Self::Flow { code, .. } => RefusalCode::Flow(*code),
            Self::Policy(output) => match &output.decision {
                Decision::Refuse { reason, .. } => RefusalCode::Policy(*reason),
                Decision::Allow { .. } => unreachable!("made of refusals alone"),
            },
        }
    }

    /// The number that belongs to the code; 0 for none.
    pub fn detail(&self) -> u32 {
        match self {
            Self::Policy(_) => 0,
            Self::Flow { detail, .. } => *detail,
        }
    }

    /// The whole explanation in plain English, without names of other people.
    pub fn explanation(&self) -> String {
        match self {
            Self::Policy(output) => output.explanation.clone(),
            Self::Flow { code, .. } => format!("{} {}", code.text(), code.fix()),
        }
    }
}

/// Gives the closed list its codes, sentences and fixes.
macro_rules! flow_refusals {
    ($($(#[$doc:meta])* $Name:ident = $code:literal, $text:literal, $fix:literal;)+) => {
        /// What stands in the way of an enrollment beside the policy.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FlowRefusal { $($(#[$doc])* $Name,)+ }

        impl FlowRefusal {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$Name),+];

            /// The stable name for programs and translations.
            pub fn code(self) -> &'static str {
                match self { $(Self::$Name => $code,)+ }
            }

            /// What happened, in plain English.
            pub fn text(self) -> &'static str {
                match self { $(Self::$Name => $text,)+ }
            }

            /// The shortest way on, in plain English.
            pub fn fix(self) -> &'static str {
                match self { $(Self::$Name => $fix,)+ }
            }
        }
    };
}

flow_refusals! {
    /// The identified user is not in the station's rows.
    UserUnknown = "user_unknown",
        "This station does not know this person.",
        "Ask the administrator to add the person, or connect the station.";
    /// What the station knows contradicts itself, so no decision is made.
    FactsContradict = "facts_contradict",
        "What this station knows contradicts itself.",
        "Ask the administrator to look at this person's bands.";
    /// The ticket was used for something else meanwhile.
    TicketReused = "ticket_reused",
        "This ticket was used before.",
        "Ask for a new one.";
    /// Too little charge to finish. The detail is the charge that is needed, in percent.
    BatteryLow = "battery_low",
        "The band's battery is too low.",
        "Charge the band for half an hour, or take another one.";
    /// Too many failed touches. The detail is the seconds until fingers are accepted again.
    BandLockedOut = "band_locked_out",
        "The band refuses fingers after too many failed touches.",
        "Wait, then try again.";
    /// The band was not put on in time.
    NotWorn = "not_worn",
        "The band was not put on.",
        "Put the band on and start again.";
    /// The codes on band and kiosk differ: this is another band, or somebody in between.
    CodeMismatch = "code_mismatch",
        "The codes on band and screen differ.",
        "Start again with only your band near the station; tell the operator if it happens twice.";
    /// The code was not confirmed at the kiosk in time.
    CodeNotConfirmed = "code_not_confirmed",
        "Nobody confirmed the code at the station.",
        "Start again and compare the codes.";
    /// The wearer said no on the band.
    WearerDeclined = "wearer_declined",
        "The wearer declined on the band.",
        "Start again if that was not meant.";
    /// The wearer did nothing for too long.
    WearerTimedOut = "wearer_timed_out",
        "The band waited for a finger in vain.",
        "Start again.";
    /// Cancelled at the kiosk.
    Cancelled = "cancelled",
        "Cancelled at the station.",
        "Start again when ready.";
    /// The user data was not deleted in time.
    UserDataNotDeleted = "user_data_not_deleted",
        "The band's user data was not deleted.",
        "Put the band on its charger, hold its button until it says so, and start again.";
    /// The band did not come, or not come back.
    LinkLost = "link_lost",
        "The band is out of reach.",
        "Bring the band to the station and start again.";
    /// Interrupted too often.
    TooManyContacts = "too_many_contacts",
        "There were too many interruptions.",
        "Start again close to the station, or take another band.";
    /// The band serves another organization.
    WrongOrganization = "wrong_organization",
        "This band serves another organization.",
        "Delete its user data on its charger, or take another band.";
    /// The band does not accept the station's certificate.
    StationNotAccepted = "station_not_accepted",
        "The band does not accept this station's certificate.",
        "Ask the administrator to renew the station's certificate.";
    /// Band and station have no version in common.
    VersionUnsupported = "version_unsupported",
        "Band and station speak different versions.",
        "Ask the administrator to update the older of the two.";
    /// Not a band of a known make.
    BandNotGenuine = "band_not_genuine",
        "This is not a band of a known make.",
        "Take another band, and hand this one to the administrator.";
    /// The band does not do what was asked. The detail is the number of its reason.
    BandRefused = "band_refused",
        "The band does not do what the station asks.",
        "Take another band, and hand this one to the administrator.";
    /// The band could not write its memory.
    BandStorageFault = "band_storage_fault",
        "The band cannot write its memory.",
        "Take another band, and hand this one to the administrator.";
    /// The band says it holds an association but cannot prove it.
    ReceiptInvalid = "receipt_invalid",
        "The band's proof is not valid.",
        "Hand this band to the administrator.";
    /// The band proves an association that was not intended here and would not have been allowed.
    BandQuarantined = "band_quarantined",
        "This band proves an enrollment that this station may not believe.",
        "Hand this band to the administrator, or delete its user data on its charger and start again.";
    /// The station could not write its journal.
    StationStorageFault = "station_storage_fault",
        "This station cannot write its journal.",
        "Use another station, and tell the administrator.";
}

impl From<HandshakeRefusal> for FlowRefusal {
    fn from(refusal: HandshakeRefusal) -> Self {
        match refusal {
            HandshakeRefusal::VersionUnsupported { .. } => Self::VersionUnsupported,
            HandshakeRefusal::WrongOrganization => Self::WrongOrganization,
            HandshakeRefusal::CertificateInvalid
            | HandshakeRefusal::CertificateExpired
            | HandshakeRefusal::CertificateNotYetValid => Self::StationNotAccepted,
            HandshakeRefusal::HandshakeMalformed
            | HandshakeRefusal::TryLater
            | HandshakeRefusal::Other(_) => Self::BandRefused,
        }
    }
}

/// What a band's refusal of a request means when trying again is no use.
pub(crate) fn of_band(refusal: BandRefusal, detail: u32) -> Refusal {
    match refusal {
        BandRefusal::BatteryLow => Refusal::flow(FlowRefusal::BatteryLow),
        BandRefusal::LockedOut => Refusal::Flow {
            code: FlowRefusal::BandLockedOut,
            detail,
        },
        BandRefusal::StorageFault => Refusal::flow(FlowRefusal::BandStorageFault),
        other => Refusal::Flow {
            code: FlowRefusal::BandRefused,
            detail: other as u32,
        },
    }
}

/// What an interruption means for the attempt: its end, or nothing but a pause.
pub(crate) fn of_interruption(cause: Interruption, lockout_seconds: u32) -> Option<Refusal> {
    let code = match cause {
        Interruption::TakenOff | Interruption::Deleted => return None,
        Interruption::Declined => FlowRefusal::WearerDeclined,
        Interruption::TimedOut => FlowRefusal::WearerTimedOut,
        Interruption::BatteryLow => FlowRefusal::BatteryLow,
        Interruption::LockedOut => FlowRefusal::BandLockedOut,
        Interruption::StorageFault => FlowRefusal::BandStorageFault,
    };
    Some(Refusal::Flow {
        code,
        detail: lockout_seconds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_is_used_once() {
        let flow = FlowRefusal::ALL.iter().map(|refusal| refusal.code());
        let policy = Reason::ALL.iter().map(|reason| reason.code());
        let all: Vec<_> = flow.chain(policy).collect();
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
    }
}
