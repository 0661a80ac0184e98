//! Pictures of the operator's side.

use serde_json::json;
use simulators::stage::{FAR_DBM, HELD_DBM};
use station_core::replica::Right;

use super::{Album, CONFIG};
use crate::daemon_people::{PIN, pin_phc};
use crate::kiosk::Kiosk;
use crate::kiosk_page::repair::{an_hour_behind, cut_off};
use crate::kiosk_page::{Hand, Scene, Worker, pictures_are_wanted, still, worker};

/// Bands that do not come back are soon given up.
const IMPATIENT: &str =
    "[kiosk]\nlisten = \"127.0.0.1:0\"\nidle_seconds = 600\n\n[enrollment]\nband_seconds_max = 5\n";
/// A name as long as names are.
const LONG: &str = "Wilhelmine Freifrau von Hohenstein-Langenburg";
/// Points of the longest curve.
const POINTS: &str = "return Math.max(0, ...[...document.querySelectorAll('.graphs polyline')] \
    .map(it => it.getAttribute('points').split(' ').length))";
const POINTS_ARE_MORE: &str = "return [...document.querySelectorAll('.graphs polyline')] \
    .some(it => it.getAttribute('points').split(' ').length > arguments[0])";

fn operator(kiosk: &mut Kiosk) {
    kiosk.cast.operator("olga.lindqvist", &pin_phc(), &Right::ALL);
}

async fn sign_in(scene: &Scene) {
    scene.sign_in("olga.lindqvist", PIN).await;
    scene.until("desk_start").await;
}

/// Who is at the plant: one who enrolls, a band that was found, and bands nearby.
struct People {
    mara: Worker,
    found: Hand,
    nearby: Vec<Hand>,
}

fn people(kiosk: &mut Kiosk) -> People {
    operator(kiosk);
    kiosk.cast.self_service(true, true);
    let mara = worker(kiosk, "4711", "Mara Kurz", "AAAH-00601", still());
    let ana = kiosk.cast.person("4712", LONG);
    kiosk.cast.person("4713", "Jonas Öztürk");
    for number in 4714..4722 {
        kiosk.cast.person(&number.to_string(), "Ana de Souza");
    }
    let mut band = kiosk.cast.band("AAAH-00602", true, still());
    kiosk.cast.give(&mut band, &ana);
    let found = Hand(kiosk.put(band, HELD_DBM));
    found.hide(true);
    let nearby = (0..3).map(|place| {
        let band = kiosk.cast.band(&format!("AAAH-0061{place}"), false, still());
        let hand = Hand(kiosk.put(band, FAR_DBM + 6 * place));
        hand.hide(true);
        hand
    });
    let nearby = nearby.collect();
    People { mara, found, nearby }
}

#[tokio::test]
async fn every_screen_of_the_operator_in_every_look() {
    if !pictures_are_wanted() {
        return;
    }
    let Some((scene, people)) = Scene::open(CONFIG, &[], people).await else {
        return;
    };
    let mut album = Album::new(&scene, "desk");
    scene.go("button[data-act=operator]").await;
    scene.until("sign_in").await;
    album.take("sign_in").await;
    scene.sign_in_here("olga.lindqvist", "000000").await;
    scene.see("#app[data-screen=sign_in] [role=alert]").await;
    album.take("sign_in-slip").await;
    scene.sign_in_here("olga.lindqvist", PIN).await;
    scene.until("desk_start").await;
    album.take("desk_start").await;
    bands(&mut album, &people.found).await;
    served(&mut album, &people.mara).await;
    station(&mut album, &people).await;
    line(&mut album).await;
    album.sheets().await;
    scene.all_was_well();
}

async fn bands(album: &mut Album<'_>, found: &Hand) {
    let scene = album.scene;
    scene.open_tab("band").await;
    album.take("desk_band").await;
    scene.press("check_band").await;
    scene
        .browser
        .wait_until(
            "return document.querySelector('.columns [role=status]').textContent.includes('No band')",
            json!([]),
        )
        .await;
    album.take("desk_band-failed").await;
    found.hide(false);
    scene.press("check_band").await;
    scene.see(".card .pairs").await;
    album.take("desk_band-seen").await;
    found.hide(true);
}

/// Somebody is enrolled, so that there is something to see in journal and log.
async fn served(album: &mut Album<'_>, mara: &Worker) {
    let scene = album.scene;
    scene.open_tab("vouch").await;
    album.take("desk_vouch").await;
    find(scene, "nobody").await;
    scene.see("main [role=alert]").await;
    album.take("desk_vouch-nobody").await;
    find(scene, "4711").await;
    scene.see(".found").await;
    album.take("desk_vouch-found").await;
    scene.press("vouch_now").await;
    scene.until("your_band").await;
    mara.hand.hide(false);
    scene.until("compare").await;
    scene.confirm(mara).await;
    scene.touches(mara, 0).await;
    mara.hand.touch();
    scene.until("done").await;
    mara.hand.hide(true);
    scene.press("home").await;
    scene.until("welcome").await;
    sign_in(scene).await;
}

async fn find(scene: &Scene, user: &str) {
    let script = "document.querySelector('#user').value = arguments[0]; \
        document.querySelector('form.code').requestSubmit();";
    scene.browser.run(script, json!([user])).await;
}

/// The live diagnosis, with curves, and the journal.
async fn station(album: &mut Album<'_>, people: &People) {
    let scene = album.scene;
    people.nearby.iter().for_each(|hand| hand.hide(false));
    scene.open_tab("station").await;
    scene.see(".findings li").await;
    for dbm in [-70, -50, -64, -44, -72, -56, -48, -68, -46, -60] {
        let points = scene.browser.run(POINTS, json!([0])).await;
        people.nearby[0].0.set_rssi(dbm);
        scene.browser.wait_until(POINTS_ARE_MORE, json!([points])).await;
    }
    album.take("desk_station").await;
    scene.press("bundle").await;
    scene.see(".notice code").await;
    album.take("desk_station-bundle").await;
    scene.kiosk.stage.double.kill_bluetoothd();
    scene.see(".welcome, .desk").await;
    scene.open_tab("journal").await;
    scene.see(".log li").await;
    album.take("desk_journal").await;
    scene.open_tab("station").await;
    scene.see(".findings .fail").await;
    album.take("desk_station-no-bluetooth").await;
    scene.kiosk.stage.double.restart_bluetoothd().expect("it starts");
    scene.daemon.radio_ready().await.expect("Bluetooth comes back");
    people.nearby.iter().for_each(|hand| hand.hide(true));
}

/// People in line, and a change of shifts.
async fn line(album: &mut Album<'_>) {
    let scene = album.scene;
    for (place, user) in ["4712", "4713", "4714", "4715", "4716", "4717", "4718"]
        .into_iter()
        .enumerate()
    {
        // A tab that is open already would be another screen of the same name.
        if place == 0 || place == 2 {
            scene.open_tab("vouch").await;
        }
        find(scene, user).await;
        scene.see(".found").await;
        scene.press("vouch_later").await;
        scene.see(".columns:not(:has(.found)) .keys").await;
        if place == 1 {
            scene.open_tab("start").await;
            scene.see(".line li:nth-child(2)").await;
            album.take("desk_start-line").await;
        }
    }
    scene.open_tab("start").await;
    scene.see(".line li:nth-child(7)").await;
    scene.press("shift").await;
    scene.see("button[data-act=shift][aria-pressed=true]").await;
    album.take("desk_start-shift").await;
    scene.press("home").await;
    scene.see("#app[data-screen=welcome] .next").await;
    album.take("welcome-line").await;
}

#[tokio::test]
async fn whatever_is_put_right_in_every_look() {
    if !pictures_are_wanted() {
        return;
    }
    let prepare = |kiosk: &mut Kiosk| {
        operator(kiosk);
        worker(kiosk, "4711", LONG, "AAAH-00441", still())
    };
    let Some((scene, mara)) = Scene::open(IMPATIENT, &[], prepare).await else {
        return;
    };
    cut_off(&scene, mara).await;
    sign_in(&scene).await;
    let mut album = Album::new(&scene, "repair");
    scene.open_tab("repair").await;
    scene.see("button[data-act=ask_intent]").await;
    album.take("desk_repair").await;
    scene.press("ask_intent").await;
    scene.see("button[data-act=put_right]").await;
    album.take("desk_repair-intent").await;
    scene.press("put_right").await;
    scene.see(".columns .notice.good").await;
    album.take("desk_repair-done").await;
    album.sheets().await;
    scene.all_was_well();
}

#[tokio::test]
async fn a_clock_in_doubt_in_every_look() {
    if !pictures_are_wanted() {
        return;
    }
    let Some(mut kiosk) = Kiosk::new() else {
        return;
    };
    let Some(program) = an_hour_behind(&kiosk) else {
        return;
    };
    operator(&mut kiosk);
    kiosk.cast.file_mut().made_at_ms -= 2 * 3_600_000;
    kiosk.init(CONFIG);
    kiosk.start().await.stop().await.expect("it stops");
    let daemon = kiosk.start_as(&program).await;
    let Some(scene) = Scene::before(kiosk, daemon, &[]).await else {
        return;
    };
    sign_in(&scene).await;
    let mut album = Album::new(&scene, "clock");
    scene.open_tab("repair").await;
    scene.see("button[data-act=ask_clock]").await;
    album.take("desk_repair-doubt").await;
    scene.press("ask_clock").await;
    scene.see("button[data-act=put_right]").await;
    album.take("desk_repair-clock").await;
    album.sheets().await;
    scene.all_was_well();
}
