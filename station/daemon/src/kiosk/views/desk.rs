//! The operator's screens.

use std::collections::VecDeque;

use askama::Template;
use policy::model::StockState;

use super::super::act::Tab;
use super::super::session::{Checked, Checking, Desk, LogLine, Session, Sought, What, sync_code};
use super::super::words::Lang;
use super::{reason_of, rendered, zoned};
use crate::api::model::{Finding, Sync, Verdict};
use crate::doctor::words::say;
use page_kit::messages::key;

/// Characters of the keys on which names and PINs are typed.
const KEYS: &str = "1234567890abcdefghijklmnopqrstuvwxyz-_.@";
/// Lines of the log that are shown, newest first.
const LINES_SHOWN: usize = 12;
/// Signal strengths at the lower and upper edge of a graph, in dBm.
const GRAPH_DBM: (i16, i16) = (-100, -30);
/// Width and height of a graph, in units of its own.
const GRAPH: (usize, usize) = (120, 40);
/// Bands whose signal is drawn.
const GRAPHS_MAX: usize = 5;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn<'a> {
    l: &'a Lang,
    slip: String,
    keys: Vec<char>,
}

#[derive(Template)]
#[template(path = "desk.html")]
struct Page<'a> {
    l: &'a Lang,
    tab: &'static str,
    tabs: Vec<&'static str>,
    content: String,
}

#[derive(Template)]
#[template(path = "desk_start.html")]
struct Start<'a> {
    l: &'a Lang,
    may_vouch: bool,
    waiting: Vec<&'a str>,
    shift: bool,
    served: u32,
    seconds_each: u64,
}

#[derive(Template)]
#[template(path = "desk_vouch.html")]
struct Vouch<'a> {
    l: &'a Lang,
    sought: &'a Sought,
    found: bool,
    keys: Vec<char>,
}

#[derive(Template)]
#[template(path = "desk_band.html")]
struct Band<'a> {
    l: &'a Lang,
    state: &'static str,
    seen: Option<Seen<'a>>,
}

/// A band, in words.
struct Seen<'a> {
    serial: &'a str,
    model: &'a str,
    firmware: &'a str,
    battery_percent: u8,
    seos: bool,
    verdict: String,
    tone: &'static str,
    advice: String,
    holders: Vec<(String, &'a str)>,
    holds: usize,
}

#[derive(Template)]
#[template(path = "desk_station.html")]
struct StationPage<'a> {
    l: &'a Lang,
    radio: String,
    near_dbm: i16,
    near_y: usize,
    graphs: Vec<Graph>,
    log: Vec<(String, String)>,
    findings: Option<Vec<Line<'a>>>,
    bundle: Option<&'a Result<String, ()>>,
}

/// Something that the doctor found.
struct Line<'a> {
    /// The stable name of how it is.
    mark: &'static str,
    check: String,
    text: Vec<Part>,
    next: Vec<Part>,
    /// What the system says of it, in no language of ours.
    detail: Option<&'a str>,
}

/// A part of a sentence.
struct Part {
    text: String,
    /// It is typed as it stands.
    is_code: bool,
}

/// The signal of one band.
struct Graph {
    id: String,
    points: String,
    /// With its unit.
    now: String,
}

#[derive(Template)]
#[template(path = "desk_journal.html")]
struct Journal<'a> {
    l: &'a Lang,
    sync: Option<&'a Sync>,
    state: String,
    reason: String,
    heard: String,
    entries: Vec<(u64, String, String)>,
    is_there: bool,
}

pub(super) fn sign_in(l: &Lang, slip: Option<&str>) -> String {
    let reason = slip.map(|code| format!("{}-title", key("reason", reason_of(l, code))));
    rendered(&SignIn {
        l,
        slip: reason.map_or_else(String::new, |message| l.t(message)),
        keys: KEYS.chars().collect(),
    })
}

pub(super) fn draw(session: &Session, l: &Lang, desk: &Desk) -> String {
    let content = match desk.tab {
        Tab::Start => start(session, l, desk),
        Tab::Vouch => rendered(&Vouch {
            l,
            sought: &desk.sought,
            found: matches!(desk.sought, Sought::Found(_)),
            keys: KEYS.chars().collect(),
        }),
        Tab::Band => band(l, desk),
        Tab::Station => station(session, l, desk),
        Tab::Journal => journal(session, l, desk),
        Tab::Repair => super::repair::draw(l, desk),
    };
    let tabs = Tab::ALL.into_iter().filter(|tab| desk.may(*tab));
    rendered(&Page {
        l,
        tab: desk.tab.name(),
        tabs: tabs.map(Tab::name).collect(),
        content,
    })
}

fn start(session: &Session, l: &Lang, desk: &Desk) -> String {
    let line = &session.line;
    rendered(&Start {
        l,
        may_vouch: desk.may(Tab::Vouch),
        waiting: line
            .waiting
            .iter()
            .map(|waiting| waiting.person.name.as_str())
            .collect(),
        shift: line.shift,
        served: line.served,
        seconds_each: line.seconds_each().unwrap_or_default(),
    })
}

fn band(l: &Lang, desk: &Desk) -> String {
    let (state, seen) = match &desk.band {
        Checking::Nothing => ("ask", None),
        Checking::Looking => ("looking", None),
        Checking::Failed => ("failed", None),
        Checking::Seen(checked) => ("seen", Some(seen(l, checked))),
    };
    rendered(&Band { l, state, seen })
}

fn seen<'a>(l: &Lang, checked: &'a Checked) -> Seen<'a> {
    let Checked { seen, holders } = checked;
    let open = seen
        .associations
        .iter()
        .filter(|known| known.association.is_open());
    let holders = open.zip(holders).map(|(known, person)| {
        let state = match (
            known.association.is_suspended() || known.user_suspended,
            known.association.active,
        ) {
            (true, _) => "holder-suspended",
            (false, true) => "holder-active",
            (false, false) => "holder-inactive",
        };
        (l.t(state), person.name.as_str())
    });
    let verdict = verdict(checked);
    Seen {
        serial: seen.serial.as_str(),
        model: &seen.model,
        firmware: &seen.report.firmware,
        battery_percent: seen.report.battery_percent.min(100),
        seos: seen.seos,
        verdict: l.t(key("verdict", verdict)),
        tone: match verdict {
            "free" => "good",
            "active" | "inactive" | "leftover" => "",
            _ => "warn",
        },
        advice: l.t(key("advice", verdict)),
        holders: holders.collect(),
        holds: seen.report.associations.len(),
    }
}

/// What can be said of a band that was found or handed in: the first of these that is true.
pub(super) fn verdict(checked: &Checked) -> &'static str {
    let Checked { seen, .. } = checked;
    let open: Vec<_> = seen
        .associations
        .iter()
        .filter(|known| known.association.is_open())
        .collect();
    let stock = seen.band.as_ref().map_or(StockState::Unknown, |band| band.stock);
    match stock {
        StockState::Lost => return "lost",
        StockState::Damaged | StockState::Retired => return "withdrawn",
        StockState::Unknown if open.is_empty() => return "unknown",
        StockState::Unknown | StockState::InStock => {}
    }
    let suspended = |known: &&&station_core::enrollment::KnownAssociation| {
        known.association.is_suspended() || known.user_suspended
    };
    if open.iter().any(|known| suspended(&known)) {
        return "suspended";
    }
    match (open.iter().any(|known| known.association.active), open.is_empty()) {
        (true, _) => "active",
        (false, false) => "inactive",
        (false, true) if seen.report.associations.is_empty() => "free",
        (false, true) => "leftover",
    }
}

fn station(session: &Session, l: &Lang, desk: &Desk) -> String {
    let graphs = session
        .live
        .bands
        .bands
        .iter()
        .take(GRAPHS_MAX)
        .filter_map(|band| {
            let samples = session.signals.get(&band.device)?;
            Some(Graph {
                id: format!("graph-{}", super::band::mark(&band.device)),
                points: points(samples),
                now: format!("{} dBm", band.rssi_dbm),
            })
        });
    let log = session.log.iter().rev().take(LINES_SHOWN);
    rendered(&StationPage {
        l,
        radio: radio(l, &session.live.radio),
        near_dbm: session.rules.near_dbm,
        near_y: height(session.rules.near_dbm),
        graphs: graphs.collect(),
        log: log
            .map(|line| (time(line.wall_ms), said(session, l, line)))
            .collect(),
        findings: desk.station.as_ref().map(|station| {
            by_verdict(&station.findings)
                .map(|found| line(l, found))
                .collect()
        }),
        bundle: desk.bundle.as_ref(),
    })
}

/// What is broken comes first.
fn by_verdict(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    let of = |verdict| findings.iter().filter(move |found| found.verdict == verdict);
    [Verdict::Fail, Verdict::Warn, Verdict::Ok]
        .into_iter()
        .flat_map(of)
}

fn line<'a>(l: &Lang, finding: &'a Finding) -> Line<'a> {
    let said = say(finding, |key, values| l.find(key, values));
    Line {
        mark: mark(finding),
        check: said.check,
        text: parts(&sentence(&said.text)),
        next: said.next.map(|next| parts(&sentence(&next))).unwrap_or_default(),
        detail: finding.detail(),
    }
}

/// With a capital letter and a full stop. An address stays as it is.
fn sentence(text: &str) -> String {
    if text.starts_with("https:") {
        return format!("{text}.");
    }
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase).into_iter().flatten();
    let end = if text.ends_with('`') { "" } else { "." };
    first.chain(letters).chain(end.chars()).collect()
}

/// What stands between ` and ` is typed.
fn parts(text: &str) -> Vec<Part> {
    let parts = text.split('`').enumerate();
    let part = |(at, text): (usize, &str)| Part {
        text: text.to_owned(),
        is_code: at % 2 == 1,
    };
    parts.map(part).filter(|part| !part.text.is_empty()).collect()
}

fn radio(l: &Lang, state: &str) -> String {
    match state {
        "ready" => l.t("radio-ready"),
        state => l.t(key("desk-radio", state)),
    }
}

/// The place of a signal strength in a graph, from the top.
fn height(rssi_dbm: i16) -> usize {
    let (low, high) = GRAPH_DBM;
    let above = usize::from((rssi_dbm.clamp(low, high) - low).unsigned_abs());
    GRAPH.1 - above * GRAPH.1 / usize::from((high - low).unsigned_abs())
}

fn points(samples: &VecDeque<i16>) -> String {
    let step = 2;
    let from = (GRAPH.0 / step).saturating_sub(samples.len());
    let points = samples.iter().enumerate();
    let points = points.map(|(at, dbm)| format!("{},{}", (from + at) * step, height(*dbm)));
    points.collect::<Vec<_>>().join(" ")
}

/// One thing that happened, in words.
fn said(session: &Session, l: &Lang, line: &LogLine) -> String {
    match &line.what {
        What::Phase(phase) => l.t(key("log-phase", phase.name())),
        What::Touch(fault) => l.t1("log-touch", "fault", l.t(key("fault", fault))),
        What::Ended(code) if code == "done" || code == "settled" => l.t(zoned(session, "log-done")),
        What::Ended(code) => {
            let title = l.t(format!("{}-title", key("reason", reason_of(l, code))));
            l.t1("log-refused", "reason", title)
        }
        What::Radio(state) => radio(l, state),
        What::Sync(state) => l.t(key("sync", state)),
    }
}

fn journal(session: &Session, l: &Lang, desk: &Desk) -> String {
    let sync = session.live.sync.as_ref();
    let entries = desk.station.as_ref().map_or(&[][..], |station| &station.entries);
    let entries = entries.iter().map(|entry| {
        let what = l.t(key("record", &entry.kind));
        (entry.sequence, clock(entry.time_ms), what)
    });
    rendered(&Journal {
        l,
        sync,
        state: sync.map_or_else(
            || l.t("sync-alone"),
            |sync| l.t(key("sync", sync_code(sync.state))),
        ),
        reason: sync.and_then(|sync| sync.code.clone()).unwrap_or_default(),
        heard: sync
            .and_then(|sync| sync.heard_ms)
            .map_or_else(String::new, clock),
        entries: entries.collect(),
        is_there: desk.station.is_some(),
    })
}

/// A moment as date and time in UTC, which is what the journal has.
fn clock(wall_ms: u64) -> String {
    let at = jiff::Timestamp::from_millisecond(wall_ms as i64).unwrap_or_default();
    at.strftime("%m-%d %H:%M:%S").to_string()
}

/// The time of something that happened lately, in UTC.
fn time(wall_ms: u64) -> String {
    let at = jiff::Timestamp::from_millisecond(wall_ms as i64).unwrap_or_default();
    at.strftime("%H:%M:%S").to_string()
}

/// The stable name of how a finding is.
fn mark(finding: &Finding) -> &'static str {
    match finding.verdict {
        Verdict::Ok => "ok",
        Verdict::Warn => "warn",
        Verdict::Fail => "fail",
    }
}
