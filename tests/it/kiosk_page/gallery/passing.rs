//! Pictures of screens that are gone in a moment.
//!
//! The station goes on while the window is kept on what it shows: from a certain screen on it hears nothing more,
//! until it is let go. It cannot change its language meanwhile, so that each language has its own time.

use serde_json::json;
use station_core::replica::Right;

use super::{Album, CONFIG, LANGUAGES};
use crate::daemon_people::{PIN, pin_phc_of};
use crate::kiosk::Kiosk;
use crate::kiosk_page::{Scene, Worker, pictures_are_wanted, still, worker};

/// Keeps the window on a screen as soon as it shows it.
const HOLD: &str = "const proto = ReadableStreamDefaultReader.prototype; const app = document.querySelector('#app'); \
    window.realRead ??= proto.read; const name = arguments[0]; \
    proto.read = async function () { if (app.dataset.screen === name) { \
        await new Promise((go) => { window.letGo = go; }); proto.read = window.realRead; } \
        return window.realRead.call(this); };";
const LET_GO: &str = "window.letGo()";

fn people(kiosk: &mut Kiosk) -> [Worker; 3] {
    // The PIN takes long enough to be checked for its screen to come by itself.
    let cost = argon2::Params::new(64 * 1024, 3, 1, None).expect("a cost");
    kiosk.cast.operator("olga", &pin_phc_of(cost), &[Right::Vouch]);
    [
        ("4711", "Mara Kurz"),
        ("4712", "Ana de Souza"),
        ("4713", "Jonas Öztürk"),
    ]
    .map(|(id, name)| worker(kiosk, id, name, &format!("AAAH-0{id}"), still()))
}

#[tokio::test]
async fn every_screen_that_is_gone_in_a_moment_in_every_look() {
    if !pictures_are_wanted() {
        return;
    }
    let Some((scene, [mara, ana, jonas])) = Scene::open(CONFIG, &[], people).await else {
        return;
    };
    let mut album = Album::new(&scene, "passing");
    for (lang, person) in LANGUAGES.iter().zip([&ana, &mara]) {
        album.speak(lang).await;
        signing_in(&mut album, lang).await;
        checking(&mut album, lang, person).await;
        saving(&mut album, lang, person).await;
        if std::ptr::eq(person, &ana) {
            scene.until("done").await;
            scene.press("home").await;
            scene.until("welcome").await;
        }
        ana.hand.hide(true);
    }
    // The last one is taken away before the band heard of the commit, and a colleague's is held in its place.
    mara.hand.0.remove();
    scene.until("bring_back").await;
    jonas.hand.hide(false);
    scene.until("other_band").await;
    album.take("other_band").await;
    album.sheets().await;
    scene.all_was_well();
}

async fn held(scene: &Scene, screen: &str) {
    scene.browser.run(HOLD, json!([screen])).await;
}

/// Takes the screen on which the window is kept, and lets it go on.
async fn take(album: &mut Album<'_>, lang: &str, name: &str) {
    let scene = album.scene;
    scene.until(name).await;
    let is_held = "return !!window.letGo";
    scene.browser.wait_until(is_held, json!([])).await;
    album.take_in(name, lang).await;
    scene.browser.run(LET_GO, json!([])).await;
    scene.browser.run("window.letGo = null", json!([])).await;
}

async fn signing_in(album: &mut Album<'_>, lang: &str) {
    let scene = album.scene;
    scene.press("operator").await;
    scene.until("sign_in").await;
    held(scene, "signing_in").await;
    scene.sign_in_here("olga", PIN).await;
    take(album, lang, "signing_in").await;
    scene.until("desk_start").await;
    scene.press("home").await;
    scene.until("welcome").await;
}

async fn checking(album: &mut Album<'_>, lang: &str, person: &Worker) {
    let scene = album.scene;
    held(scene, "checking").await;
    scene.identify(&person.code).await;
    take(album, lang, "checking").await;
    scene.until("your_band").await;
}

async fn saving(album: &mut Album<'_>, lang: &str, person: &Worker) {
    let scene = album.scene;
    let is_last = lang == LANGUAGES[LANGUAGES.len() - 1];
    person.hand.hide(false);
    scene.until("compare").await;
    scene.confirm(person).await;
    scene.touches(person, 0).await;
    held(scene, "saving").await;
    person.hand.0.with(move |wrist, _| wrist.deaf = is_last);
    person.hand.touch();
    take(album, lang, "saving").await;
}
