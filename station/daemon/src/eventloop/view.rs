//! What the engine shows, as the API says it.

use policy::decision::{DecidedBy, Decision};
use policy::effective::Source;
use policy::effects::Effect;
use station_core::enrollment::{Outcome as Ending, Refusal, RefusalCode, Screen};

use crate::api::model::{BandInfo, Consequence, Decider, Enrollment, Outcome, Stage, Touches};

/// Brings the view in step with a screen.
pub(super) fn show(view: &mut Enrollment, screen: &Screen) {
    match screen {
        Screen::BandFound {
            serial,
            model,
            seos,
            battery_percent,
        } => {
            view.stage = Stage::Checking;
            view.band = Some(BandInfo {
                serial: serial.as_str().into(),
                model: model.clone(),
                seos: *seos,
                battery_percent: *battery_percent,
            });
        }
        Screen::Allowed { effects, mismatch } => {
            view.effects = effects.iter().map(ToString::to_string).collect();
            view.consequences = effects.iter().map(consequence).collect();
            view.mismatch = mismatch.map(|mismatch| mismatch.code().into());
        }
        Screen::PutOn => view.stage = Stage::PutOn,
        Screen::CompareCode(code) => {
            forget_code(view);
            view.stage = Stage::CompareCode;
            view.code = Some(code.to_string());
        }
        Screen::BandConfirmed => view.band_confirmed = true,
        Screen::Touch { count, of, quality } => {
            view.stage = Stage::Touch;
            view.touches = Some(Touches {
                count: *count,
                of: *of,
                quality: *quality,
                fault: None,
                tip: None,
                in_a_row: 0,
            });
        }
        Screen::TouchAgain { fault, tip, in_a_row } => {
            view.stage = Stage::Touch;
            if let Some(touches) = &mut view.touches {
                touches.in_a_row = *in_a_row;
                touches.fault = Some(fault_code(*fault).into());
                touches.tip = Some(tip.code().into());
            }
        }
        Screen::Saving => view.stage = Stage::Saving,
        Screen::DeleteUserData { mismatch } => {
            view.stage = Stage::DeleteUserData;
            view.mismatch = mismatch.map(|mismatch| mismatch.code().into());
        }
        Screen::UserDataDeleted => view.stage = Stage::BringBack,
        Screen::Interrupted { .. } => view.stage = Stage::PutOn,
        Screen::BringBack => {
            forget_code(view);
            view.stage = Stage::BringBack;
        }
        Screen::OtherBand { .. } => view.stage = Stage::OtherBand,
        Screen::Settled { .. } => {}
        Screen::Refused(refusal) => refuse(view, refused(refusal)),
        Screen::Done { receipt, .. } => {
            view.stage = Stage::Done;
            view.code = None;
            view.outcome = Some(done(receipt.association.to_string()));
        }
    }
}

/// A code and who confirmed it belong to one session.
fn forget_code(view: &mut Enrollment) {
    (view.code, view.code_confirmed, view.band_confirmed) = (None, false, false);
}

/// Brings the view in step with the end.
pub(super) fn end(view: &mut Enrollment, ending: &Ending) {
    if view.stage.is_final() {
        return;
    }
    match ending {
        Ending::Enrolled { association } => {
            view.stage = Stage::Done;
            view.outcome = Some(done(association.to_string()));
        }
        Ending::Refused { code, .. } => refuse(view, coded(*code)),
        Ending::Settled => {
            view.stage = Stage::Done;
            view.outcome = Some(Outcome {
                code: "settled".into(),
                text: "An earlier attempt is settled.".into(),
                ..Outcome::default()
            });
        }
    }
}

fn refuse(view: &mut Enrollment, outcome: Outcome) {
    view.stage = Stage::Refused;
    view.code = None;
    view.outcome = Some(outcome);
}

fn done(association: String) -> Outcome {
    Outcome {
        code: "done".into(),
        text: "The band is ready to use.".into(),
        association: Some(association),
        ..Outcome::default()
    }
}

fn refused(refusal: &Refusal) -> Outcome {
    match refusal {
        Refusal::Flow { code, detail } => Outcome {
            detail: (*detail != 0).then_some(*detail),
            ..coded(RefusalCode::Flow(*code))
        },
        Refusal::Policy(output) => match &output.decision {
            Decision::Refuse {
                reason,
                decided_by,
                fix,
            } => Outcome {
                code: reason.code().into(),
                text: reason.text().into(),
                decided_by: Some(decided_by.to_string()),
                decider: Some(decider(decided_by)),
                next: Some(fix.text().into()),
                fix: Some(fix.code().into()),
                ..Outcome::default()
            },
            Decision::Allow { .. } => coded(refusal.code()),
        },
    }
}

fn decider(by: &DecidedBy) -> Decider {
    let (attribute, source) = match by {
        DecidedBy::Rule { rule } => {
            return Decider {
                rule: Some(rule.code().into()),
                ..Decider::default()
            };
        }
        DecidedBy::Setting { attribute, source } => (attribute, source),
    };
    let (source, policy) = match source {
        Source::BuiltIn => ("built_in", None),
        Source::Group(id) => ("group", Some(id.as_str().to_owned())),
        Source::Individual(id) => ("individual", Some(id.as_str().to_owned())),
    };
    Decider {
        rule: None,
        attribute: Some(attribute.name().into()),
        source: Some(source.into()),
        policy,
    }
}

fn consequence(effect: &Effect) -> Consequence {
    let (code, band, until) = match effect {
        Effect::NewAssociation { expires_at: None, .. } => ("new_association", None, None),
        Effect::NewAssociation { expires_at, .. } => ("new_association_until", None, *expires_at),
        Effect::EarlierAssociationRenewed { .. } => ("earlier_association_renewed", None, None),
        Effect::BandActiveAgain => ("band_active_again", None, None),
        Effect::OldBandInactive {
            band, primary: true, ..
        } => ("old_band_inactive_primary", Some(band), None),
        Effect::OldBandInactive { band, .. } => ("old_band_inactive", Some(band), None),
        Effect::PreviousOwnerEnds { .. } => ("previous_owner_ends", None, None),
        Effect::PreviousOwnerTold { .. } => ("previous_owner_told", None, None),
        Effect::BandFound => ("band_found", None, None),
    };
    Consequence {
        code: code.into(),
        band: band.map(|serial| serial.as_str().to_owned()),
        until_ms: until.map(|at| at.0.max(0) as u64),
    }
}

fn coded(code: RefusalCode) -> Outcome {
    let (text, next) = match code {
        RefusalCode::Policy(reason) => (reason.text(), None),
        RefusalCode::Flow(refusal) => (refusal.text(), Some(refusal.fix().into())),
    };
    Outcome {
        code: code.code().into(),
        text: text.into(),
        next,
        ..Outcome::default()
    }
}

fn fault_code(fault: firmware_protocol::message::TouchFault) -> &'static str {
    use firmware_protocol::message::TouchFault::*;
    match fault {
        NoMatch => "no_match",
        OffCenter => "off_center",
        Wet => "wet",
        Dry => "dry",
        SensorDirty => "sensor_dirty",
        Moved => "moved",
        NoLiveness => "no_liveness",
        Motion => "motion",
    }
}
