//! Screens as HTML. Templates hold no words and decide nothing; each has a plain struct here.

mod band;
mod desk;
mod own_band;
mod repair;

use askama::Template;
use serde::Serialize;

#[cfg(test)]
use super::act::Act;
use super::act::Tab;
use super::name::Name;
use super::session::{Phase, Ready, Refused, Screen, Session, Test};
use super::words::Lang;
use crate::api::model::{Consequence, Decider, Enrollment};
use page_kit::messages::{Arg, key};
use page_kit::qr::{self, Qr};

/// What a window is sent.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub(super) struct Frame {
    /// The screen's number, which comes back with what is done on it.
    pub(super) turn: u64,
    /// The stable name of the screen.
    pub(super) screen: String,
    /// The language's code.
    pub(super) lang: String,
    /// `ltr` or `rtl`.
    pub(super) dir: &'static str,
    /// `auto`, `light` or `dark`.
    pub(super) theme: &'static str,
    /// The title of the window.
    pub(super) title: String,
    /// Everything that is shown.
    pub(super) html: String,
    /// The screen is cleared unless somebody is there.
    pub(super) idle: bool,
    /// A scanner that types may type a ticket.
    pub(super) tickets: bool,
    /// A sound, if sounds are wanted; another one each time it is to be heard.
    pub(super) cue: String,
}

/// The steps that the person goes through, for the foot of the page.
const STEPS: [&str; 4] = ["step-ticket", "step-band", "step-finger", "step-done"];

/// The message of the step with this number, from 1.
pub(super) fn step_key(step: &u8) -> &'static str {
    STEPS[usize::from(*step - 1)]
}

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    l: &'a Lang,
    token: &'a str,
    theme: &'a str,
    screen: &'a str,
    body: &'a str,
}

#[derive(Template)]
#[template(path = "app.html")]
struct App<'a> {
    l: &'a Lang,
    sound: bool,
    closing: bool,
    /// An operator may sign in here.
    operator: bool,
    /// What the way on is called; nothing where there is none or more than one.
    go: &'a str,
    back: &'a str,
    /// The operator who is signed in.
    who: Option<&'a str>,
    /// More ways on, each with its act and what it is called.
    ways: &'a [(&'static str, &'static str)],
    steps: u8,
    /// Language, sound and theme can be chosen here.
    tools: bool,
    main: String,
}

#[derive(Template)]
#[template(path = "welcome.html")]
struct Welcome<'a> {
    l: &'a Lang,
    lead: &'a str,
    trouble: Option<&'a str>,
    /// The next in line.
    next: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "waiting.html")]
struct Waiting<'a> {
    l: &'a Lang,
    title: &'a str,
    lead: &'a str,
}

#[derive(Template)]
#[template(path = "elsewhere.html")]
struct Elsewhere<'a> {
    l: &'a Lang,
}

#[derive(Template)]
#[template(path = "scan.html")]
struct Scan<'a> {
    l: &'a Lang,
    slip: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "type_code.html")]
struct TypeCode<'a> {
    l: &'a Lang,
    slip: Option<&'static str>,
    keys: Vec<char>,
}

#[derive(Template)]
#[template(path = "plain.html")]
struct Plain<'a> {
    l: &'a Lang,
    name: &'a str,
    title: &'a str,
    lead: &'a str,
}

#[derive(Template)]
#[template(path = "test_tap.html")]
struct TestTap<'a> {
    l: &'a Lang,
    enrolled: &'a str,
    failed: bool,
}

#[derive(Template)]
#[template(path = "done.html")]
struct Done<'a> {
    l: &'a Lang,
    name: &'a str,
    serial: &'a str,
    tested: &'a str,
    consequences: Vec<String>,
    afterwards: Vec<String>,
    qr: Option<Qr>,
}

#[derive(Template)]
#[template(path = "refused.html")]
struct RefusedPage<'a> {
    l: &'a Lang,
    code: &'a str,
    tone: &'a str,
    title: String,
    why: String,
    you: String,
    operator: String,
    mismatch: String,
    decided: String,
    serial: &'a str,
}

/// Characters of the keys on the screen: those of codes, without the letters that look like digits.
const KEYS: &str = "1234567890ABCDEFGHJKMNPQRSTVWXYZ";

fn rendered(template: &impl Template) -> String {
    template.render().expect("a template renders into memory")
}

/// The whole page, for a browser that has none yet. Nobody's name is in it.
pub(super) fn page(session: &Session, l: &Lang, token: &str) -> String {
    let is_home = matches!(session.screen, Screen::Welcome);
    let body = match is_home {
        true => draw(session, l),
        false => Frame::default(),
    };
    rendered(&Page {
        l,
        token,
        theme: session.theme.name(),
        screen: &body.screen,
        body: &body.html,
    })
}

/// The present screen.
pub(super) fn draw(session: &Session, l: &Lang) -> Frame {
    let name = name(session);
    let app = App {
        l,
        sound: session.sound,
        closing: session.is_closing(),
        operator: matches!(session.screen, Screen::Welcome | Screen::Refused(_)),
        go: match &session.screen {
            Screen::Done(_) => "done-next",
            Screen::Refused(_) => "refused-again",
            _ => "",
        },
        back: back(session),
        who: match &session.screen {
            Screen::Desk(desk) => Some(desk.by.operator()),
            _ => None,
        },
        ways: own_band::ways(session),
        steps: step(session),
        tools: true,
        main: main(session, l),
    };
    Frame {
        turn: session.turn,
        html: rendered(&app),
        idle: session.seconds_left().is_some(),
        tickets: session.screen.may_identify(),
        cue: if session.sound {
            cue(session)
        } else {
            String::new()
        },
        ..frame(session, l, name)
    }
}

/// What a window is shown that is not the one that counts.
pub(super) fn elsewhere(session: &Session, l: &Lang) -> Frame {
    let app = App {
        l,
        sound: false,
        closing: false,
        operator: false,
        go: "",
        back: "",
        who: None,
        ways: &[],
        steps: 0,
        tools: false,
        main: rendered(&Elsewhere { l }),
    };
    Frame {
        html: rendered(&app),
        ..frame(session, l, Name::Elsewhere)
    }
}

fn frame(session: &Session, l: &Lang, name: Name) -> Frame {
    Frame {
        screen: name.as_str().into(),
        lang: l.code().into(),
        dir: l.direction(),
        theme: session.theme.name(),
        title: l.t("page-title"),
        ..Frame::default()
    }
}

/// The name of the present screen.
fn name(session: &Session) -> Name {
    match &session.screen {
        Screen::Welcome => Name::Welcome,
        Screen::Busy => Name::Busy,
        Screen::Scan { .. } => Name::Scan,
        Screen::TypeCode { .. } => Name::TypeCode,
        Screen::Checking { .. } => Name::Checking,
        Screen::Attempt(_) => session.phase().map_or(Name::Checking, Phase::screen),
        Screen::TestTap(_) => Name::TestTap,
        Screen::Done(_) => Name::Done,
        Screen::Refused(_) => Name::Refused,
        Screen::SignIn { .. } => Name::SignIn,
        Screen::SigningIn => Name::SigningIn,
        Screen::OwnBand => own_band::name(session),
        Screen::OwnBandRefused(_) => Name::OwnBandRefused,
        Screen::Desk(desk) => match desk.tab {
            Tab::Start => Name::DeskStart,
            Tab::Vouch => Name::DeskVouch,
            Tab::Band => Name::DeskBand,
            Tab::Station => Name::DeskStation,
            Tab::Journal => Name::DeskJournal,
            Tab::Repair => Name::DeskRepair,
        },
    }
}

/// What the way back is called; nothing where there is none.
fn back(session: &Session) -> &'static str {
    match &session.screen {
        Screen::Scan { .. } | Screen::TypeCode { .. } | Screen::Checking { .. } | Screen::SignIn { .. } => {
            "back"
        }
        Screen::OwnBand => "stop",
        Screen::OwnBandRefused(_) => "back",
        Screen::Desk(_) => "sign-out",
        Screen::Attempt(attempt) if attempt.cancelled => "stopping",
        Screen::Attempt(_) if session.phase() == Some(Phase::Saving) => "",
        Screen::Attempt(_) => "stop",
        _ => "",
    }
}

fn step(session: &Session) -> u8 {
    match &session.screen {
        Screen::Scan { .. } | Screen::TypeCode { .. } | Screen::Checking { .. } => 1,
        Screen::Attempt(_) => match session.phase() {
            Some(Phase::Touch | Phase::Saving) => 3,
            _ => 2,
        },
        Screen::TestTap(_) | Screen::Done(_) => 4,
        _ => 0,
    }
}

fn cue(session: &Session) -> String {
    match (&session.screen, session.attempt()) {
        (Screen::OwnBandRefused(_), _) => format!("bad:{}", session.turn),
        (Screen::Done(ready), _) => format!("done:{}", ready.wall_ms),
        (Screen::Refused(_), _) => format!("bad:{}", session.turn),
        (
            _,
            Some(Enrollment {
                touches: Some(touches),
                ..
            }),
        ) => match touches.in_a_row {
            0 if touches.count > 0 => format!("good:{}", touches.count),
            0 => String::new(),
            again => format!("bad:{}:{again}", touches.count),
        },
        _ => String::new(),
    }
}

fn main(session: &Session, l: &Lang) -> String {
    match &session.screen {
        Screen::Welcome => rendered(&Welcome {
            l,
            lead: zoned(session, "welcome-lead"),
            trouble: session.radio_trouble(),
            next: session.line.waiting.front().map(|next| next.person.name.as_str()),
        }),
        Screen::Busy => waiting(l, "busy-title", "busy-lead"),
        Screen::Scan { slip } => rendered(&Scan {
            l,
            slip: slip.map(super::session::Slip::code),
        }),
        Screen::TypeCode { slip } => rendered(&TypeCode {
            l,
            slip: slip.map(super::session::Slip::code),
            keys: KEYS.chars().collect(),
        }),
        Screen::Checking { .. } => waiting(l, "checking-title", "checking-lead"),
        Screen::Attempt(attempt) => match (session.attempt(), session.phase()) {
            (Some(enrollment), Some(phase)) => band::draw(session, l, &attempt.name, enrollment, phase),
            _ => waiting(l, "checking-title", "checking-lead"),
        },
        Screen::TestTap(Test { failed, .. }) => rendered(&TestTap {
            l,
            enrolled: zoned(session, "test-enrolled"),
            failed: *failed,
        }),
        Screen::Done(ready) => done(session, l, ready),
        Screen::Refused(refused) | Screen::OwnBandRefused(refused) => refusal(l, refused),
        Screen::SignIn { slip } => desk::sign_in(l, slip.as_deref()),
        Screen::SigningIn => waiting(l, "signing-in-title", "signing-in-lead"),
        Screen::OwnBand => own_band::draw(session, l),
        Screen::Desk(desk) => desk::draw(session, l, desk),
    }
}

/// The message where bands are registered: there the finger is known already, and one touch is enough.
fn zoned(session: &Session, message: &'static str) -> &'static str {
    if !session.rules.registers {
        return message;
    }
    match message {
        "welcome-lead" => "welcome-lead-registration",
        "touch-first-title" => "touch-first-title-registration",
        "touch-first-lead" => "touch-first-lead-registration",
        "touch-many" => "touch-many-registration",
        "test-enrolled" => "test-enrolled-registration",
        "log-done" => "log-done-registration",
        other => other,
    }
}

fn waiting(l: &Lang, title: &str, lead: &str) -> String {
    rendered(&Waiting { l, title, lead })
}

fn done(session: &Session, l: &Lang, ready: &Ready) -> String {
    let afterwards = session.rules.afterwards.iter();
    rendered(&Done {
        l,
        name: &ready.name,
        serial: &ready.serial,
        tested: match ready.tested {
            Some(true) => "works",
            Some(false) => "failed",
            None => "",
        },
        consequences: consequences(l, &ready.consequences),
        afterwards: afterwards
            .map(|left| l.t(key("afterwards", left.code())))
            .collect(),
        qr: qr::draw(&receipt(l, ready)),
    })
}

/// What the receipt says to whoever scans it: plain text, which any phone shows, with the name under which console
/// and journal have the band's own proof.
fn receipt(l: &Lang, ready: &Ready) -> String {
    let at = jiff::Timestamp::from_millisecond(ready.wall_ms as i64).unwrap_or_default();
    let time = at.strftime("%Y-%m-%d %H:%M UTC").to_string();
    let values: [(&str, &dyn Arg); 3] = [
        ("serial", &ready.serial),
        ("time", &time),
        ("association", &ready.association),
    ];
    l.text("receipt-text", &values)
}

fn consequences(l: &Lang, list: &[Consequence]) -> Vec<String> {
    list.iter()
        .map(|consequence| {
            let band = consequence.band.as_deref().unwrap_or_default();
            l.t1(&key("effect", &consequence.code), "band", band)
        })
        .collect()
}

fn refusal(l: &Lang, refused: &Refused) -> String {
    let Refused {
        code,
        decider,
        detail,
        serial,
        mismatch,
    } = refused;
    let reason = reason_of(l, code);
    let say = |part: &str| {
        let message = format!("{}-{part}", key("reason", reason));
        l.t1(&message, "detail", detail.unwrap_or_default())
    };
    rendered(&RefusedPage {
        l,
        code,
        tone: tone(reason),
        title: say("title"),
        why: say("why"),
        you: say("you"),
        operator: say("operator"),
        mismatch: mismatch
            .as_deref()
            .map_or_else(String::new, |code| key("mismatch", code)),
        decided: decider.as_ref().map_or_else(String::new, |by| decided(l, by)),
        serial: serial.as_deref().unwrap_or_default(),
    })
}

/// The reason whose texts explain this code: itself, most of the time.
fn reason_of<'a>(l: &Lang, code: &'a str) -> &'a str {
    match code {
        code if l.knows(&format!("{}-title", key("reason", code))) => code,
        code if code.starts_with("store_") || code == "journal_broken" => "station_storage_fault",
        _ => "internal",
    }
}

/// Whether a reason passes by itself.
fn tone(code: &str) -> &'static str {
    match code {
        "busy" | "too_many_attempts" | "band_locked_out" | "daemon_unreachable" | "link_lost"
        | "band_unsettled" => "wait",
        _ => "no",
    }
}

/// Who decided, in words.
fn decided(l: &Lang, by: &Decider) -> String {
    if let Some(rule) = &by.rule {
        return l.t(key("rule", rule));
    }
    let attribute = l.t(key("setting", by.attribute.as_deref().unwrap_or_default()));
    let source = key("source", by.source.as_deref().unwrap_or("built_in"));
    let policy = by.policy.as_deref().unwrap_or_default();
    l.t2(&source, "setting", attribute, "policy", policy)
}

/// Every act that a template may name.
#[cfg(test)]
fn is_act(value: &serde_json::Value) -> bool {
    serde_json::from_value::<Act>(value.clone()).is_ok()
}

#[cfg(test)]
pub(super) mod tests;
