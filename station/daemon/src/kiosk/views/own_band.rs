//! An operator signs in by the own band.

use askama::Template;
use page_kit::messages::key;

use super::super::name::Name;
use super::super::session::{Screen, Session};
use super::super::words::Lang;
use super::{band, rendered};
use crate::api::SigningIn;
use crate::api::model::Stage;

#[derive(Template)]
#[template(path = "own_band.html")]
struct Near<'a> {
    l: &'a Lang,
    /// The band is to be put on, not to be held to the station.
    put_on: bool,
    title: &'static str,
    lead: &'static str,
}

#[derive(Template)]
#[template(path = "own_band_touch.html")]
struct Touch<'a> {
    l: &'a Lang,
    code: &'a str,
    /// `finger` or `pulse` where the last touch did not count.
    trouble: &'static str,
    fault: String,
    tip: String,
}

/// The ways on that a screen has beside its own: each with its act and what it is called.
pub(super) fn ways(session: &Session) -> &'static [(&'static str, &'static str)] {
    match &session.screen {
        Screen::SignIn { .. } if session.rules.operator_bands => &[("sign_in_band", "own-band-go")],
        Screen::OwnBand => &[("operator", "own-band-pin")],
        Screen::OwnBandRefused(_) => &[("operator", "own-band-pin"), ("sign_in_band", "own-band-again")],
        _ => &[],
    }
}

fn stage(session: &Session) -> Stage {
    let shown = session.live.signing_in.as_ref();
    shown.map_or(Stage::LookingForBand, |shown| shown.stage)
}

/// The stable name of the screen.
pub(super) fn name(session: &Session) -> Name {
    match stage(session) {
        Stage::PutOn => Name::OwnBandPutOn,
        Stage::Touch => Name::OwnBandTouch,
        _ => Name::OwnBand,
    }
}

pub(super) fn draw(session: &Session, l: &Lang) -> String {
    let (title, lead) = match stage(session) {
        Stage::Touch => return touch(l, session.live.signing_in.as_ref()),
        Stage::PutOn => ("put-on-title", "put-on-lead"),
        Stage::SeveralBands => ("band-several-title", "band-several-lead"),
        Stage::Connecting => ("band-connecting-title", "band-connecting-lead"),
        Stage::Checking => ("band-checking-title", "own-band-checking-lead"),
        _ => ("own-band-title", "own-band-lead"),
    };
    rendered(&Near {
        l,
        put_on: stage(session) == Stage::PutOn,
        title,
        lead,
    })
}

fn touch(l: &Lang, shown: Option<&SigningIn>) -> String {
    let touches = shown.and_then(|shown| shown.touches.as_ref());
    let (fault, tip) = touches.map_or((None, None), |it| (it.fault.as_deref(), it.tip.as_deref()));
    let word = |group: &str, code: Option<&str>| code.map_or_else(String::new, |code| key(group, code));
    rendered(&Touch {
        l,
        code: shown.and_then(|shown| shown.code.as_deref()).unwrap_or_default(),
        trouble: band::trouble(fault),
        fault: word("fault", fault),
        tip: match tip {
            Some("same_finger") => "tip-enrolled-finger".into(),
            tip => word("tip", tip),
        },
    })
}
