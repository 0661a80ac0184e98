//! What an operator puts right.

use askama::Template;
use page_kit::messages::key;
use station_core::replica::Right;

use super::super::session::{Desk, Weighed};
use super::super::words::Lang;
use super::{reason_of, rendered};
use crate::api::model::{Clock, OpenIntent};

#[derive(Template)]
#[template(path = "desk_repair.html")]
struct Page<'a> {
    l: &'a Lang,
    is_there: bool,
    said: Option<String>,
    went_well: bool,
    /// `clock` or `intent` while the effect of that is shown.
    weighed: &'static str,
    clock: Option<Dates>,
    /// Absent if they are not this operator's to give up.
    intents: Option<Vec<Open<'a>>>,
}

/// What is known about the date.
struct Dates {
    system: String,
    believed: String,
    expired: String,
    trusted: bool,
}

/// An enrollment whose end only its band knows.
struct Open<'a> {
    association: &'a str,
    serial: &'a str,
    name: &'a str,
    since: String,
}

pub(super) fn draw(l: &Lang, desk: &Desk) -> String {
    let repair = &desk.repair;
    let open = repair.open.as_ref();
    let (weighed, chosen) = match &repair.weighed {
        Weighed::Nothing => ("", None),
        Weighed::Clock => ("clock", None),
        Weighed::Intent(association) => ("intent", Some(association)),
    };
    let intents = open.map(|open| {
        let shown = open.intents.iter();
        let shown = shown.filter(|(open, _)| chosen.is_none_or(|chosen| open.association == *chosen));
        shown.map(intent).collect()
    });
    let may_close = desk.by.has(Right::CloseIntents) && weighed != "clock";
    rendered(&Page {
        l,
        is_there: open.is_some(),
        said: repair.said.as_ref().map(|said| told(l, said)),
        went_well: repair.said.as_ref().is_some_and(Result::is_ok),
        weighed,
        clock: open
            .and_then(|open| open.clock.as_ref())
            .filter(|_| weighed != "intent")
            .map(dates),
        intents: intents.filter(|_| may_close),
    })
}

fn intent((open, name): &(OpenIntent, String)) -> Open<'_> {
    Open {
        association: &open.association,
        serial: &open.serial,
        name,
        since: date(open.since_ms),
    }
}

fn dates(clock: &Clock) -> Dates {
    let (earliest, latest) = (date(clock.earliest_ms), date(clock.latest_ms));
    Dates {
        system: date(clock.clock_ms),
        believed: if earliest == latest {
            earliest
        } else {
            format!("{earliest} – {latest}")
        },
        expired: date(clock.expired_by_ms.unwrap_or(clock.latest_ms)),
        trusted: clock.trusted,
    }
}

/// What came of it, in words.
fn told(l: &Lang, said: &Result<(), String>) -> String {
    let Err(code) = said else {
        return l.t("repair-done");
    };
    let message = key("repair-failed", code);
    match l.knows(&message) {
        true => l.t(message),
        false => l.t(format!("{}-title", key("reason", reason_of(l, code)))),
    }
}

/// A date as it is compared with another clock, in UTC.
fn date(wall_ms: u64) -> String {
    let at = jiff::Timestamp::from_millisecond(wall_ms as i64).unwrap_or_default();
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
