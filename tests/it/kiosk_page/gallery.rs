//! Every screen in both languages, both themes and three sizes, looked at by axe, and kept for people to look at:
//! `BANDSTAND_PICTURES=1 cargo test -p tests --test it -- kiosk_page::gallery` writes `target/screenshots/kiosk`,
//! with contact sheets.

mod desk;
mod own_band;
mod passing;
mod registration;

use std::collections::BTreeSet;
use std::path::PathBuf;

use firmware_protocol::band::Wearer;
use firmware_protocol::message::TouchFault;
use serde_json::json;
use simulators::band::Knobs;

use super::refusals::{self, Case};
use super::{ELSEWHERE, Scene, Worker, pictures_are_wanted, still, worker};
use crate::kiosk::{Kiosk, by_ticket};

/// Screens stay as long as it takes to look at them.
const CONFIG: &str = "[kiosk]\nlisten = \"127.0.0.1:0\"\nidle_seconds = 600\ndone_seconds = 120\n\
    afterwards = [\"registration\", \"doors\", \"security_key\", \"workstation\"]\n\n\
    [enrollment]\nband_seconds_max = 600\nworn_seconds_max = 600\ncode_seconds_max = 600\n";
const CAMERA: &[&str] = &[
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
];
const LANGUAGES: &[&str] = &["en", "de"];
const THEMES: &[&str] = &["light", "dark"];
/// Width and height.
const SIZES: &[(u32, u32)] = &[(800, 480), (1280, 800), (3840, 2160)];
/// How wide a picture is on a contact sheet, in pixels, and how many stand side by side.
const SHOWN: u32 = 400;
const COLUMNS: u32 = 4;
const SHEET: &str = "<!doctype html><meta charset=utf-8><title>Contact sheet</title><style>\
    body { font: 14px sans-serif; margin: 16px; background: #999; display: flex; flex-wrap: wrap; gap: 8px }\
    figure { margin: 0 } figcaption { margin-bottom: 2px } img { width: 400px; display: block }</style>";
/// The camera starts only when somebody says so.
const HOLD_CAMERA: &str = "const all = navigator.mediaDevices; const real = all.getUserMedia.bind(all); \
    all.getUserMedia = (wish) => new Promise((go) => { window.startCamera = () => go(real(wish)); });";

/// Which album has which screens. Each album is checked against this when it is made.
const ALBUMS: &[(&str, &[&str])] = &[
    (
        "path",
        &[
            "welcome",
            "scan",
            "type_code",
            "your_band",
            "compare",
            "touch",
            "bring_back",
            "test_tap",
            "done",
            "put_on",
            "elsewhere",
        ],
    ),
    ("refused", &["refused"]),
    ("rest", &["delete_user_data", "busy"]),
    ("passing", &["signing_in", "checking", "saving", "other_band"]),
    (
        "desk",
        &[
            "sign_in",
            "desk_start",
            "desk_vouch",
            "desk_band",
            "desk_station",
            "desk_journal",
            "welcome",
        ],
    ),
    ("repair", &["desk_repair"]),
    (
        "own_band",
        &[
            "sign_in",
            "own_band",
            "own_band_put_on",
            "own_band_touch",
            "own_band_refused",
        ],
    ),
    ("clock", &["desk_repair"]),
    (
        "registration",
        &["welcome", "your_band", "touch", "test_tap", "done", "refused"],
    ),
];

#[test]
fn every_screen_is_in_an_album() {
    let pictured: BTreeSet<_> = ALBUMS.iter().flat_map(|(_, screens)| screens.iter()).collect();
    let all: BTreeSet<_> = station_daemon::kiosk::SCREENS.iter().collect();
    assert_eq!(pictured, all);
}

/// The pictures and where they go.
struct Album<'a> {
    scene: &'a Scene,
    /// What it is called.
    title: &'static str,
    folder: PathBuf,
    names: Vec<String>,
    /// The screens that were taken.
    screens: BTreeSet<String>,
    /// The window that counts, if it is another one.
    other: Option<String>,
}

fn folder() -> PathBuf {
    tests::root().join("target/screenshots/kiosk")
}

impl<'a> Album<'a> {
    fn new(scene: &'a Scene, title: &'static str) -> Self {
        Self {
            scene,
            title,
            folder: folder(),
            names: Vec::new(),
            screens: BTreeSet::new(),
            other: None,
        }
    }

    fn file(&self, name: &str, lang: &str, theme: &str, width: u32) -> PathBuf {
        self.folder.join(format!("{name}.{lang}.{theme}.{width}.png"))
    }

    /// Takes the screen that is shown in every way in which it can be shown.
    async fn take(&mut self, name: &str) {
        for lang in LANGUAGES {
            self.speak(lang).await;
            self.take_in(name, lang).await;
        }
        self.speak("en").await;
    }

    /// The same in one language, which is spoken.
    async fn take_in(&mut self, name: &str, lang: &str) {
        let browser = &self.scene.browser;
        for theme in THEMES {
            browser.prefer(theme).await;
            for (width, height) in SIZES {
                browser.size(*width, *height).await;
                self.scene.settled().await;
                let file = self.file(name, lang, theme, *width);
                browser.view(&file).await;
                self.scene
                    .look(&format!("{name} ({lang}, {theme}, {width})"))
                    .await;
            }
        }
        let script = "return document.querySelector('#app').dataset.screen";
        let screen = browser.run(script, json!([])).await;
        self.screens.insert(screen.as_str().expect("a name").to_owned());
        if !self.names.iter().any(|known| known == name) {
            self.names.push(name.to_owned());
        }
    }

    /// A screen without a choice of languages is as it is; a window that does not count speaks as the other one does.
    async fn speak(&self, lang: &str) {
        let browser = &self.scene.browser;
        let here = browser.tab().await;
        if let Some(other) = &self.other {
            browser.switch(other).await;
        }
        let button = format!("button[data-code={lang}]");
        let script = "const it = document.querySelector(arguments[0]); it?.click(); return !!it";
        if browser.run(script, json!([button])).await == json!(true) {
            self.scene.see(&format!("html[lang={lang}]")).await;
            browser.switch(&here).await;
            self.scene.see(&format!("html[lang={lang}]")).await;
        }
        browser.switch(&here).await;
    }

    /// A contact sheet for each look, with every screen on it: to be opened, and as a picture of its own.
    async fn sheets(&self) {
        let name = self.title;
        let (_, screens) = ALBUMS
            .iter()
            .find(|(title, _)| *title == name)
            .expect("a known album");
        let screens: BTreeSet<_> = screens.iter().map(|screen| (*screen).to_owned()).collect();
        assert_eq!(
            self.screens, screens,
            "the album {name} has other screens than it should"
        );
        let browser = &self.scene.browser;
        browser.prefer("light").await;
        browser.size(COLUMNS * (SHOWN + 8) + 32, 800).await;
        for (lang, theme) in looks() {
            for (width, _) in SIZES {
                let sheet = self
                    .folder
                    .join(format!("sheet-{name}.{lang}.{theme}.{width}.html"));
                std::fs::write(&sheet, self.sheet(lang, theme, *width)).expect("a sheet");
                browser.open_page(&format!("file://{}", sheet.display())).await;
                browser.picture(&sheet.with_extension("png")).await;
            }
        }
        browser.size(1280, 800).await;
    }

    fn sheet(&self, lang: &str, theme: &str, width: u32) -> String {
        let mut html = SHEET.to_owned();
        for screen in &self.names {
            let file = self.file(screen, lang, theme, width);
            let file = file.file_name().expect("a name").to_string_lossy();
            html += &format!(
                "<figure><figcaption>{screen}</figcaption><a href='{file}'><img src='{file}'></a></figure>"
            );
        }
        html
    }
}

fn looks() -> impl Iterator<Item = (&'static str, &'static str)> {
    let themes = |lang: &'static str| THEMES.iter().map(move |theme| (lang, *theme));
    LANGUAGES.iter().copied().flat_map(themes)
}

#[tokio::test]
async fn every_screen_of_the_path_in_every_look() {
    if !pictures_are_wanted() {
        return;
    }
    let prepare = |kiosk: &mut Kiosk| {
        kiosk.cast.self_service(true, true);
        let mara = worker(kiosk, "4711", "Mara Kurz", "AAAH-00201", still());
        let name = "Wilhelmine Freifrau von Hohenstein-Langenburg";
        let off = Knobs {
            worn: false,
            ..still()
        };
        let wilhelmine = worker(kiosk, "4712", name, "AAAH-00202", off);
        (mara, wilhelmine, others(kiosk))
    };
    let Some((scene, (mara, wilhelmine, others))) = Scene::open(CONFIG, CAMERA, prepare).await else {
        return;
    };
    let mut album = Album::new(&scene, "path");
    album.take("welcome").await;
    identifying(&mut album).await;
    scene.identify(&mara.code).await;
    bands(&mut album, &others).await;
    mara.hand.hide(false);
    enrolling(&mut album, &mara).await;
    testing(&mut album, &mara).await;
    mara.hand.hide(true);
    mara.hand.hold(false);
    putting_on(&mut album, &wilhelmine).await;
    around(&mut album).await;
    album.sheets().await;
    scene.all_was_well();
}

/// Bands that cannot be used, or are too far away.
fn others(kiosk: &mut Kiosk) -> Vec<Worker> {
    let low = Knobs {
        battery_percent: 6,
        ..still()
    };
    vec![
        worker(kiosk, "4720", "Ana", "AAAH-00220", still()),
        worker(kiosk, "4721", "Ben", "AAAH-00221", low),
    ]
}

async fn identifying(album: &mut Album<'_>) {
    let scene = album.scene;
    scene.browser.run(HOLD_CAMERA, json!([])).await;
    scene.press("scan").await;
    scene.until("scan").await;
    album.take("scan-starting").await;
    scene.browser.run("startCamera()", json!([])).await;
    let is_on = "return document.querySelector('video[data-camera]').videoWidth > 0";
    scene.browser.wait_until(is_on, json!([])).await;
    album.take("scan").await;
    scene.press("type").await;
    scene.until("type_code").await;
    album.take("type_code").await;
    scene.enter("nonsense").await;
    scene.see("#slip").await;
    album.take("type_code-slip").await;
    scene.press("home").await;
    scene.until("welcome").await;
}

async fn bands(album: &mut Album<'_>, others: &[Worker]) {
    let scene = album.scene;
    scene.until("your_band").await;
    scene.see(".words > .notice").await;
    album.take("your_band-none").await;
    for other in others {
        other.hand.hold(false);
        other.hand.hide(false);
    }
    scene.see(".bands li + li").await;
    album.take("your_band").await;
    others.iter().for_each(|other| other.hand.hide(true));
}

/// From the code to the last touch.
async fn enrolling(album: &mut Album<'_>, mara: &Worker) {
    let scene = album.scene;
    scene.until("compare").await;
    album.take("compare").await;
    scene.press("same").await;
    scene
        .see("#app[data-screen=compare] h1:not(:has(~ .choices))")
        .await;
    album.take("compare-confirm").await;
    mara.hand.press();
    scene.until("touch").await;
    album.take("touch").await;
    mara.hand.slip(TouchFault::OffCenter);
    scene.see("#tip[data-trouble=finger]").await;
    album.take("touch-finger").await;
    mara.hand.touch();
    scene.touched(1).await;
    mara.hand.slip(TouchFault::NoLiveness);
    scene.see("#tip[data-trouble=pulse]").await;
    for _ in 0..4 {
        mara.hand.slip(TouchFault::Motion);
    }
    scene.see(".notice + .notice").await;
    album.take("touch-pulse").await;
    mara.hand.hide(true);
    mara.hand.0.drop_link();
    scene.until("bring_back").await;
    album.take("bring_back").await;
    mara.hand.hide(false);
    scene.until("compare").await;
    scene.confirm(mara).await;
    scene.touches(mara, 0).await;
}

async fn testing(album: &mut Album<'_>, mara: &Worker) {
    let scene = album.scene;
    mara.hand.hide(true);
    mara.hand.touch();
    scene.until("test_tap").await;
    album.take("test_tap").await;
    scene.see("button[data-act=test_again]").await;
    album.take("test_tap-failed").await;
    mara.hand.hide(false);
    scene.press("test_again").await;
    scene.until("done").await;
    album.take("done").await;
    scene.press("home").await;
    scene.until("welcome").await;
}

async fn putting_on(album: &mut Album<'_>, wilhelmine: &Worker) {
    let scene = album.scene;
    scene.identify(&wilhelmine.code).await;
    wilhelmine.hand.hide(false);
    scene.until("put_on").await;
    album.take("put_on").await;
    wilhelmine.hand.act(Wearer::PutOn);
    scene.until("compare").await;
    scene.press("home").await;
    scene.until("welcome").await;
    wilhelmine.hand.hide(true);
}

/// What is shown when nobody enrolls here.
async fn around(album: &mut Album<'_>) {
    let scene = album.scene;
    let first = scene.browser.tab().await;
    let second = scene.browser.new_tab().await;
    scene.browser.open_page(&scene.url).await;
    scene.see(ELSEWHERE).await;
    album.other = Some(first.clone());
    album.take("elsewhere").await;
    album.other = None;
    scene.browser.switch(&second).await;
    scene.browser.close_tab().await;
    scene.browser.switch(&first).await;
    scene.kiosk.stage.double.kill_bluetoothd();
    scene.see(".welcome .notice.warn").await;
    album.take("welcome-no-bluetooth").await;
    scene.kiosk.stage.double.restart_bluetoothd().expect("it starts");
    scene.see(".welcome .words:not(:has(.notice))").await;
}

#[tokio::test]
async fn every_refusal_in_every_look() {
    if !pictures_are_wanted() {
        return;
    }
    let Some((mut scene, cases)) = Scene::open(CONFIG, &[], refusals::cases).await else {
        return;
    };
    let (mut names, mut screens) = (Vec::new(), BTreeSet::new());
    for mut case in cases {
        let hand = case.play(&mut scene).await;
        let mut album = Album::new(&scene, "refused");
        album.take(&format!("refused-{}", case.reason)).await;
        names.extend(album.names);
        screens.extend(album.screens);
        Case::leave(&scene, hand).await;
    }
    let mut album = Album::new(&scene, "refused");
    (album.names, album.screens) = (names, screens);
    album.sheets().await;
    scene.all_was_well();
}

#[tokio::test]
async fn what_others_leave_behind_in_every_look() {
    if !pictures_are_wanted() {
        return;
    }
    let prepare = |kiosk: &mut Kiosk| {
        kiosk.cast.self_service(true, true);
        let mara = kiosk.cast.person("4711", "Mara Kurz");
        let other = kiosk.cast.person("4712", "Ana de Souza");
        let mut own = kiosk.cast.band("AAAH-00201", false, still());
        let mut found = kiosk.cast.band("AAAH-00202", false, still());
        kiosk.cast.give(&mut own, &mara);
        kiosk.cast.give(&mut found, &other);
        let ticket = kiosk.cast.ticket(&mara);
        let later = kiosk.cast.ticket(&mara);
        kiosk.put(found, simulators::stage::HELD_DBM);
        (ticket, later)
    };
    let Some((scene, (ticket, later))) = Scene::open(CONFIG, &[], prepare).await else {
        return;
    };
    let mut album = Album::new(&scene, "rest");
    scene.identify(&ticket).await;
    scene.until("delete_user_data").await;
    album.take("delete_user_data").await;
    scene.press("home").await;
    scene.until("welcome").await;
    let begun: station_daemon::api::model::Enrollment = scene
        .daemon
        .client
        .post("/api/v1/enrollments", &by_ticket(&later))
        .await
        .expect("an enrollment from the command line");
    scene.until("busy").await;
    album.take("busy").await;
    drop(begun);
    album.sheets().await;
    scene.all_was_well();
}
