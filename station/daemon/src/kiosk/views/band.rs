//! The screens of an enrollment under way.

use askama::Template;
use ring::digest;

use super::super::session::{Phase, Session};
use super::super::words::Lang;
use super::{Plain, consequences, rendered, zoned};
use crate::api::model::{Enrollment, NearbyBand, Stage, Touches};
use page_kit::messages::key;

/// Bands that are listed: more do not fit on a small screen.
const BANDS_SHOWN: usize = 4;
/// Signal strengths between which the bars rise, in dBm.
const RSSI_DBM: std::ops::RangeInclusive<i16> = -90..=-40;
/// Below this charge a band is not even begun with, whatever the policy asks for.
const BATTERY_PERCENT_LOW: u8 = 15;
/// After so many touches in a row that did not count somebody else should help.
const TROUBLE_TOUCHES: u8 = 4;

#[derive(Template)]
#[template(path = "your_band.html")]
struct YourBand<'a> {
    l: &'a Lang,
    name: &'a str,
    title: &'a str,
    lead: &'a str,
    bands: Vec<Nearby>,
}

/// A band in range, as a line of the list.
struct Nearby {
    id: String,
    class: &'static str,
    bars: u16,
    near: &'static str,
    notes: Vec<Note>,
}

struct Note {
    key: &'static str,
    bad: bool,
}

#[derive(Template)]
#[template(path = "put_on.html")]
struct PutOn<'a> {
    l: &'a Lang,
    serial: &'a str,
    consequences: Vec<String>,
}

#[derive(Template)]
#[template(path = "compare.html")]
struct Compare<'a> {
    l: &'a Lang,
    code: &'a str,
    confirmed: bool,
}

#[derive(Template)]
#[template(path = "touch.html")]
struct Touch<'a> {
    l: &'a Lang,
    count: u8,
    of: u8,
    percent: u32,
    title: &'static str,
    lead: &'static str,
    /// `finger` or `pulse` where the last touch did not count.
    trouble: &'static str,
    tip_kind: &'static str,
    fault: String,
    tip: String,
    many: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "delete_user_data.html")]
struct DeleteUserData<'a> {
    l: &'a Lang,
    mismatch: String,
}

pub(super) fn draw(session: &Session, l: &Lang, name: &str, enrollment: &Enrollment, phase: Phase) -> String {
    match phase {
        Phase::YourBand => your_band(session, l, name, enrollment.stage),
        Phase::PutOn => rendered(&PutOn {
            l,
            serial: enrollment.band.as_ref().map_or("", |band| &band.serial),
            consequences: consequences(l, &enrollment.consequences),
        }),
        Phase::Compare => rendered(&Compare {
            l,
            code: enrollment.code.as_deref().unwrap_or_default(),
            confirmed: enrollment.code_confirmed,
        }),
        Phase::Touch => touch(session, l, enrollment.touches.as_ref()),
        Phase::DeleteUserData => rendered(&DeleteUserData {
            l,
            mismatch: enrollment
                .mismatch
                .as_deref()
                .map_or_else(String::new, |code| key("mismatch", code)),
        }),
        phase @ (Phase::Saving | Phase::BringBack | Phase::OtherBand) => {
            let (title, lead) = match phase {
                Phase::Saving => ("saving-title", "saving-lead"),
                Phase::BringBack => ("bring-back-title", "bring-back-lead"),
                _ => ("other-band-title", "other-band-lead"),
            };
            rendered(&Plain {
                l,
                name: phase.name(),
                title,
                lead,
            })
        }
    }
}

/// The class of a band that cannot be enrolled as it is.
const UNUSABLE: &str = "unusable";

fn your_band(session: &Session, l: &Lang, name: &str, stage: Stage) -> String {
    let (title, lead) = match stage {
        Stage::SeveralBands => ("band-several-title", "band-several-lead"),
        Stage::Connecting => ("band-connecting-title", "band-connecting-lead"),
        Stage::Checking => ("band-checking-title", "band-checking-lead"),
        _ => ("band-looking-title", "band-looking-lead"),
    };
    let bands = session.live.bands.bands.iter().take(BANDS_SHOWN);
    let mut bands: Vec<_> = bands.map(|band| nearby(session, band)).collect();
    // The nearest comes first, but not before one that can be used.
    bands.sort_by_key(|band| band.class == UNUSABLE);
    rendered(&YourBand {
        l,
        name,
        title,
        lead,
        bands,
    })
}

fn nearby(session: &Session, band: &NearbyBand) -> Nearby {
    let (low, high) = (*RSSI_DBM.start(), *RSSI_DBM.end());
    let strength = (band.rssi_dbm.clamp(low, high) - low).unsigned_abs();
    let notes = notes(session, band);
    Nearby {
        id: format!("band-{}", mark(&band.device)),
        class: match (band.near, notes.iter().any(|note| note.bad)) {
            (_, true) => UNUSABLE,
            (true, false) => "near",
            (false, false) => "far",
        },
        bars: 1 + strength * 4 / (high - low).unsigned_abs(),
        near: if band.near { "band-near" } else { "band-far" },
        notes,
    }
}

/// What can be said of a band before it is asked, the worst first.
fn notes(session: &Session, band: &NearbyBand) -> Vec<Note> {
    let is_low = band
        .battery_percent
        .is_some_and(|percent| percent < BATTERY_PERCENT_LOW);
    let all = [
        (band.locked_out, "note-locked-out", true),
        (is_low, "note-battery-low", true),
        (band.charging, "note-charging", false),
        // Where bands are registered every one is enrolled.
        (band.enrolled && !session.rules.registers, "note-enrolled", false),
        (!band.worn && !band.charging, "note-not-worn", false),
    ];
    let said = all.into_iter().filter(|(is_so, ..)| *is_so);
    said.map(|(_, key, bad)| Note { key, bad }).collect()
}

/// A name for a device that tells nothing of its address.
pub(super) fn mark(device: &str) -> String {
    let digest = digest::digest(&digest::SHA256, device.as_bytes());
    data_encoding::HEXLOWER.encode(&digest.as_ref()[..4])
}

fn touch(session: &Session, l: &Lang, touches: Option<&Touches>) -> String {
    let none = Touches {
        count: 0,
        of: 0,
        quality: None,
        fault: None,
        tip: None,
        in_a_row: 0,
    };
    let touches = touches.unwrap_or(&none);
    let trouble = trouble(touches.fault.as_deref());
    let (title, lead) = match (trouble, touches.count) {
        ("pulse", _) => ("touch-pulse-title", "touch-pulse-lead"),
        ("finger", _) => ("touch-finger-title", "touch-finger-lead"),
        (_, 0) => ("touch-first-title", "touch-first-lead"),
        _ => ("touch-again-title", "touch-again-lead"),
    };
    let word = |group: &str, code: &Option<String>| {
        code.as_deref().map_or_else(String::new, |code| key(group, code))
    };
    rendered(&Touch {
        l,
        count: touches.count,
        of: touches.of,
        percent: 100 * u32::from(touches.count) / u32::from(touches.of.max(1)),
        title: zoned(session, title),
        lead: zoned(session, lead),
        trouble,
        tip_kind: if trouble == "pulse" {
            "trouble-pulse"
        } else {
            "trouble-finger"
        },
        fault: word("fault", &touches.fault),
        tip: match touches.tip.as_deref() {
            Some("same_finger") if session.rules.registers => "tip-enrolled-finger".into(),
            _ => word("tip", &touches.tip),
        },
        many: (touches.in_a_row >= TROUBLE_TOUCHES).then(|| zoned(session, "touch-many")),
    })
}

/// Whether a touch failed for the finger or for the pulse, which the band feels through the same sensor.
pub(super) fn trouble(fault: Option<&str>) -> &'static str {
    match fault {
        None => "",
        Some("no_liveness" | "motion") => "pulse",
        Some(_) => "finger",
    }
}
