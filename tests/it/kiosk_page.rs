//! The kiosk's page in a real browser, before the real station and simulated bands on a private bus.
//!
//! The wearers here do nothing by themselves ([`still`]): a test stops at each screen for as long as it likes, and
//! goes on by the wearer's hand. Nothing waits for a time.

mod camera;
mod door;
mod faults;
mod gallery;
mod gestures;
mod history;
mod joined;
mod languages;
mod meetings;
mod operator;
mod own_band;
mod recording;
mod refusals;
mod registration;
mod repair;
mod rights;
mod slow;
mod walk;

use std::cell::RefCell;
use std::time::Duration;

use firmware_protocol::band::Wearer;
use firmware_protocol::handler::Screen;
use firmware_protocol::message::TouchFault;
use serde_json::json;
use simulators::band::{Confirmation, Knobs};
use simulators::bluez::BandPort;
use simulators::browser::{Browser, ENTER};
use simulators::stage::{Daemon, FAR_DBM, HELD_DBM};
use station_daemon::api::model::Status;

use crate::browser::{axe, faults};
use crate::kiosk::{Kiosk, Wrist, quick};

/// The page on a port that the system chooses; screens stay as long as a slow machine needs to look at them.
pub(crate) const PAGE: &str = "[kiosk]\nlisten = \"127.0.0.1:0\"\nidle_seconds = 600\ndone_seconds = 120\n";
/// What a window shows that does not count; its screen has no number.
pub(crate) const ELSEWHERE: &str = "#app[data-screen=elsewhere] button[data-act=take_over]";
/// Longer than any test.
const NEVER_MS: u64 = 3_600_000;
/// A touch that counts.
const GOOD: u8 = 84;

/// What must be nothing on every screen: what does not fit, and what leads away from the page.
const MEASURES: &str = "const root = document.documentElement; \
    const count = (css) => document.querySelectorAll(css).length; return { \
    'pixels too tall': Math.max(0, root.scrollHeight - root.clientHeight), \
    'ways out': count('a[href], iframe, object, embed, form[action], [target]'), \
    'small targets': [...document.querySelectorAll('button, input')].filter(it => { \
        const box = it.getBoundingClientRect(); return box.height < 44 || box.width < 44; }).length };";

/// A station with a page, and a browser that shows it.
pub(crate) struct Scene {
    pub(crate) browser: Browser,
    pub(crate) daemon: Daemon,
    pub(crate) kiosk: Kiosk,
    pub(crate) url: String,
    axe: Option<String>,
    problems: RefCell<Vec<String>>,
}

/// Somebody with a ticket and a band on the wrist.
pub(crate) struct Worker {
    /// The ticket as a code to type.
    pub(crate) code: String,
    pub(crate) hand: Hand,
}

/// What the wearer does to a band.
pub(crate) struct Hand(pub(crate) BandPort<Wrist>);

/// A good band whose wearer waits to be told.
pub(crate) fn still() -> Knobs {
    Knobs {
        touch_ms: NEVER_MS,
        reaction_ms: NEVER_MS,
        confirmation: Confirmation::Ignore,
        deletes_when_asked: false,
        ..quick()
    }
}

/// Somebody whose band is out of sight yet.
pub(crate) fn worker(kiosk: &mut Kiosk, id: &str, name: &str, serial: &str, knobs: Knobs) -> Worker {
    let person = kiosk.cast.person(id, name);
    let code = kiosk.cast.code(&person);
    let band = kiosk.cast.band(serial, false, knobs);
    let hand = Hand(kiosk.put(band, HELD_DBM));
    hand.hide(true);
    Worker { code, hand }
}

impl Hand {
    /// Out of sight, or there again. A link stays.
    pub(crate) fn hide(&self, hidden: bool) {
        self.0.with(move |wrist, _| wrist.silent = hidden);
    }

    /// Held to the station, or a few steps away.
    pub(crate) fn hold(&self, held: bool) {
        self.0.set_rssi(if held { HELD_DBM } else { FAR_DBM });
    }

    pub(crate) fn act(&self, action: Wearer) {
        self.0.with(move |wrist, now| wrist.band.act(now, action));
    }

    pub(crate) fn press(&self) {
        self.act(Wearer::Press);
    }

    pub(crate) fn touch(&self) {
        self.act(Wearer::Touch(Ok(GOOD)));
    }

    pub(crate) fn slip(&self, fault: TouchFault) {
        self.act(Wearer::Touch(Err(fault)));
    }

    /// The code on the band's screen, as the wearer reads it.
    pub(crate) fn code(&self) -> Option<String> {
        self.0.with(|wrist, _| match wrist.band.screen() {
            Screen::Confirm { code, .. } | Screen::Touch { code, .. } => Some(code.to_string()),
            _ => None,
        })
    }
}

impl Scene {
    /// Sets the stage, starts the station and opens its page; nothing, said loudly, where a program is missing.
    pub(crate) async fn open<T>(
        config: &str,
        arguments: &[&str],
        prepare: impl FnOnce(&mut Kiosk) -> T,
    ) -> Option<(Self, T)> {
        let mut kiosk = Kiosk::new()?;
        kiosk.advertising = Duration::from_millis(30);
        let prepared = prepare(&mut kiosk);
        let scene = Self::with(kiosk, config, arguments).await?;
        Some((scene, prepared))
    }

    /// The same with a plant that was made before.
    pub(crate) async fn with(kiosk: Kiosk, config: &str, arguments: &[&str]) -> Option<Self> {
        kiosk.init(config);
        let daemon = kiosk.start().await;
        Self::before(kiosk, daemon, arguments).await
    }

    /// The same with a station that runs.
    pub(crate) async fn before(kiosk: Kiosk, daemon: Daemon, arguments: &[&str]) -> Option<Self> {
        let browser = Browser::open_with(arguments).await?;
        let url = page(&daemon).await;
        let scene = Self {
            browser,
            daemon,
            kiosk,
            url,
            axe: axe(),
            problems: RefCell::default(),
        };
        scene.browser.size(1280, 800).await;
        scene.browser.open_page(&scene.url).await;
        scene.until("welcome").await;
        Some(scene)
    }

    /// Waits until this screen is shown, and not only as it was when the page was loaded.
    pub(crate) async fn until(&self, screen: &str) {
        self.see(&format!("#app[data-screen={screen}]:not([data-turn=\"0\"]) h1"))
            .await;
    }

    pub(crate) async fn see(&self, css: &str) {
        self.browser.wait_for(css).await;
    }

    pub(crate) async fn press(&self, act: &str) {
        self.browser.click(&format!("button[data-act={act}]")).await;
    }

    /// Waits until the touches that counted are so many.
    pub(crate) async fn touched(&self, count: usize) {
        self.until("touch").await;
        let script = "return document.querySelector('.ring .count b')?.textContent === arguments[0]";
        self.browser.wait_until(script, json!([count.to_string()])).await;
    }

    /// Types a ticket on the welcome screen and goes on.
    pub(crate) async fn identify(&self, ticket: &str) {
        self.press("type").await;
        self.until("type_code").await;
        self.enter(ticket).await;
    }

    /// Enters a code where codes are typed.
    pub(crate) async fn enter(&self, ticket: &str) {
        let script = "document.querySelector('#code').value = arguments[0]; \
            document.querySelector('form.code').requestSubmit();";
        self.see("#code").await;
        self.browser.run(script, json!([ticket])).await;
    }

    /// Goes on to the comparison of codes, from the welcome screen.
    pub(crate) async fn compare(&self, worker: &Worker) {
        self.identify(&worker.code).await;
        self.until("your_band").await;
        worker.hand.hide(false);
        self.until("compare").await;
    }

    /// Goes on to the first touch, from the comparison of codes.
    pub(crate) async fn confirm(&self, worker: &Worker) {
        self.press("same").await;
        self.see("#app[data-screen=compare] h1:not(:has(~ .choices))")
            .await;
        worker.hand.press();
        self.until("touch").await;
    }

    /// The touches that are missing after `from`, without the last one.
    pub(crate) async fn touches(&self, worker: &Worker, from: usize) {
        for count in from + 1..usize::from(quick().touches) {
            worker.hand.touch();
            self.touched(count).await;
        }
    }

    /// Screens fade in; what is looked at is what stays.
    pub(crate) async fn settled(&self) {
        let script = "const done = arguments[0]; Promise.all(document.getAnimations() \
            .filter(it => it.effect.getComputedTiming().endTime !== Infinity).map(it => it.finished)) \
            .then(() => requestAnimationFrame(() => done(true)));";
        self.browser.run_until_done(script, json!([])).await;
    }

    /// Looks for what is wrong with the screen that is shown, under this name.
    pub(crate) async fn look(&self, name: &str) {
        self.settled().await;
        let measured = self.browser.run(MEASURES, json!([])).await;
        let found = faults(&self.browser, self.axe.as_deref()).await;
        let mut problems = self.problems.borrow_mut();
        for (what, count) in measured.as_object().expect("measures") {
            if count.as_i64() != Some(0) {
                problems.push(format!("{name}: {what}: {count}"));
            }
        }
        problems.extend(found.into_iter().map(|fault| format!("{name}: {fault}")));
    }

    /// Nothing was wrong with what was looked at.
    pub(crate) fn all_was_well(&self) {
        let problems = self.problems.borrow();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }

    /// Presses Enter on what Tab comes to.
    pub(crate) async fn go(&self, css: &str) {
        self.browser.tab_to(css).await;
        self.browser.keys(ENTER).await;
    }

    /// Types into a field, which Tab comes to unless it has the focus.
    pub(crate) async fn write(&self, css: &str, text: &str) {
        self.see(css).await;
        let script = "return !!document.activeElement?.matches(arguments[0])";
        if self.browser.run(script, json!([css])).await != json!(true) {
            self.browser.tab_to(css).await;
        }
        self.browser.keys(text).await;
    }

    /// An operator says who it is, from the welcome screen on, by the keyboard alone.
    pub(crate) async fn sign_in(&self, operator: &str, pin: &str) {
        self.go("button[data-act=operator]").await;
        self.until("sign_in").await;
        self.sign_in_here(operator, pin).await;
    }

    /// The same where the station asks for it.
    pub(crate) async fn sign_in_here(&self, operator: &str, pin: &str) {
        self.write("#operator", operator).await;
        self.write("#pin", &format!("{pin}{ENTER}")).await;
    }

    /// An operator who signed in opens a tab.
    pub(crate) async fn open_tab(&self, tab: &str) {
        self.go(&format!("nav button[data-tab={tab}]")).await;
        self.until(&format!("desk_{tab}")).await;
    }

    /// The tabs that are offered, one after the other.
    pub(crate) async fn tabs(&self) -> String {
        let script =
            "return [...document.querySelectorAll('nav button')].map(it => it.dataset.tab).join(' ')";
        let tabs = self.browser.run(script, json!([])).await;
        tabs.as_str().expect("names").to_owned()
    }
}

/// Whether pictures are wanted, which take many minutes and are for people.
pub(crate) fn pictures_are_wanted() -> bool {
    let wanted = std::env::var_os("BANDSTAND_PICTURES").is_some();
    if !wanted {
        eprintln!("SKIPPED: pictures for people are made with BANDSTAND_PICTURES=1");
    }
    wanted
}

/// Where a station's page is.
pub(crate) async fn page(daemon: &Daemon) -> String {
    let status: Status = daemon.client.get("/api/v1/status").await.unwrap();
    status.page.expect("the station has a page")
}
