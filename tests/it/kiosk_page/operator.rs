//! Everything an operator does at the page, by the keyboard alone.

use serde_json::json;
use simulators::stage::HELD_DBM;
use station_core::replica::Right;

use super::{Hand, PAGE, Scene, Worker, still, worker};
use crate::daemon_people::{PIN, pin_phc};
use crate::kiosk::Kiosk;

/// What no report for support may hold. What is nothing but digits may be part of a hash.
const SECRETS: &[&str] = &[
    "Mara",
    "Ana de Souza",
    "Ben Adler",
    "olga",
    "argon2",
    "\"4711\"",
    "\"271828\"",
];

/// Who is at the plant: two who wait, one whose band was found, and an operator.
struct People {
    mara: Worker,
    found: Hand,
}

fn people(kiosk: &mut Kiosk) -> People {
    let mara = worker(kiosk, "4711", "Mara Kurz", "AAAH-00401", still());
    let ana = kiosk.cast.person("4712", "Ana de Souza");
    kiosk.cast.person("4713", "Ben Adler");
    let mut band = kiosk.cast.band("AAAH-00402", false, still());
    kiosk.cast.give(&mut band, &ana);
    let found = Hand(kiosk.put(band, HELD_DBM));
    found.hide(true);
    let rights = [Right::Vouch, Right::Diagnose, Right::CheckBands];
    kiosk.cast.operator("olga", &pin_phc(), &rights);
    People { mara, found }
}

#[tokio::test]
async fn an_operator_needs_nothing_but_the_keyboard() {
    let Some((scene, People { mara, found })) = Scene::open(PAGE, &[], people).await else {
        return;
    };
    scene.sign_in("olga", "000000").await;
    scene.see("#app[data-screen=sign_in] [role=alert]").await;
    scene.look("sign_in, wrong PIN").await;
    scene.sign_in_here("olga", PIN).await;
    scene.until("desk_start").await;
    scene.look("desk_start").await;
    assert_eq!(scene.tabs().await, "start vouch band station journal");
    found.hide(false);
    band(&scene).await;
    station(&scene).await;
    found.hold(false);
    journal(&scene).await;
    line(&scene).await;
    shift(&scene, &mara).await;
    scene.kiosk.agrees(&[&found.0, &mara.hand.0], 1);
    scene.all_was_well();
}

/// Whose is the band that somebody found?
async fn band(scene: &Scene) {
    scene.open_tab("band").await;
    scene.look("desk_band").await;
    scene.go("button[data-act=check_band]").await;
    scene.see(".card .pairs").await;
    let card = scene.browser.text(".card").await;
    for part in ["AAAH-00402", "Ana de Souza", "In use"] {
        assert!(card.contains(part), "{part} is missing: {card}");
    }
    scene.look("desk_band, seen").await;
}

/// How the station is, and a report of it in which nobody and nothing secret is named.
async fn station(scene: &Scene) {
    scene.open_tab("station").await;
    scene.see(".findings li").await;
    scene.see(".graphs polyline").await;
    scene.go("button[data-act=bundle]").await;
    scene.see(".notice code").await;
    scene.look("desk_station").await;
    scene.browser.size(800, 480).await;
    scene.look("desk_station, small").await;
    scene.browser.size(1280, 800).await;
    let path = scene.browser.text(".notice code").await;
    let report = std::fs::read_to_string(&path).expect("the report is where the page says");
    for part in ["\"findings\"", "\"journal\"", "\"bands\""] {
        assert!(report.contains(part), "{part} is missing");
    }
    for secret in SECRETS {
        assert!(!report.contains(secret), "{secret} is in {path}");
    }
}

async fn journal(scene: &Scene) {
    scene.open_tab("journal").await;
    scene.see(".log li").await;
    let text = scene.browser.text(".columns").await;
    for part in [
        "without a console",
        "The station began to work",
        "A wrong code or PIN",
    ] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    scene.look("desk_journal").await;
}

/// Looks for people, puts three in line and takes one out.
async fn line(scene: &Scene) {
    scene.open_tab("vouch").await;
    scene.look("desk_vouch").await;
    scene.write("#user", "nobody\u{e007}").await;
    scene.see("main [role=alert]").await;
    scene.look("desk_vouch, nobody").await;
    for (user, name) in [("4713", "Ben"), ("4711", "Mara"), ("4712", "Ana")] {
        scene.write("#user", &format!("{user}\u{e007}")).await;
        scene.see(".found").await;
        assert!(scene.browser.text(".found").await.contains(name));
        if user == "4711" {
            scene.look("desk_vouch, found").await;
        }
        scene.go("button[data-act=vouch_later]").await;
        scene.see(".columns:not(:has(.found)) .keys").await;
    }
    scene.open_tab("start").await;
    scene.see(".line li:nth-child(3)").await;
    scene.go(".line li:first-child button[data-act=unqueue]").await;
    scene.see(".line li:last-child:nth-child(2)").await;
    scene.look("desk_start, a line").await;
}

/// One person after the other, and nobody who waits is left at an operator's screen.
async fn shift(scene: &Scene, mara: &Worker) {
    scene.go("button[data-act=shift]").await;
    scene.see("button[data-act=shift][aria-pressed=true]").await;
    scene.go("button[data-act=next]").await;
    scene.until("your_band").await;
    assert!(scene.browser.text(".hello").await.contains("Mara Kurz"));
    mara.hand.hide(false);
    scene.until("compare").await;
    scene.go("button[data-act=same]").await;
    mara.hand.press();
    scene.touches(mara, 0).await;
    mara.hand.touch();
    scene.until("done").await;
    mara.hand.hide(true);

    // The last screen goes by itself, and the next in line is called.
    scene.see("#app[data-screen=welcome] .next").await;
    scene.look("welcome, a line").await;
    let text = scene.browser.text("#app").await;
    assert!(text.contains("Ana de Souza") && !text.contains("Mara"), "{text}");
    let turn = "return document.querySelector('#app').dataset.turn";
    let before = scene.browser.run(turn, json!([])).await;
    scene.go("button[data-act=skip_next]").await;
    // The line is the same with one in it, and the screen is another one: what is done on the old one does nothing.
    let is_next = "return document.querySelector('#app').dataset.turn !== arguments[0]";
    scene.browser.wait_until(is_next, json!([before])).await;
    scene.go("button[data-act=operator]").await;
    scene.until("sign_in").await;
    let script = "return document.querySelector('#operator').value + document.querySelector('#pin').value";
    assert_eq!(
        scene.browser.run(script, json!([])).await,
        json!(""),
        "nobody is signed in"
    );
    scene.go("#back").await;
    scene.until("welcome").await;
}
