//! What an operator puts right at the page: an enrollment whose band does not come back, a clock in doubt.

use serde_json::{Value, json};
use simulators::stage::Program;
use station_core::journal::JournalRecord;
use station_core::replica::Right;

use super::{PAGE, Scene, Worker, still, worker};
use crate::daemon_people::{PIN, pin_phc};
use crate::kiosk::Kiosk;

/// Bands that do not come back are soon given up.
const CONFIG: &str =
    "[kiosk]\nlisten = \"127.0.0.1:0\"\nidle_seconds = 600\n\n[enrollment]\nband_seconds_max = 5\n";

fn operator(kiosk: &mut Kiosk, rights: &[Right]) {
    kiosk.cast.operator("olga", &pin_phc(), rights);
}

/// An enrollment of which only the band knows whether it was made.
pub(super) async fn cut_off(scene: &Scene, mara: Worker) {
    scene.compare(&mara).await;
    scene.confirm(&mara).await;
    scene.touches(&mara, 0).await;
    mara.hand.0.with(|wrist, _| wrist.deaf = true);
    mara.hand.touch();
    scene.until("saving").await;
    mara.hand.0.remove();
    scene.see("[data-reason=link_lost]").await;
    scene.press("home").await;
    scene.until("welcome").await;
}

/// Who gave something up, by the journal.
fn given_up(kiosk: &Kiosk) -> Vec<String> {
    let records = kiosk.journal().into_iter();
    let closed = records.filter_map(|record| match record {
        JournalRecord::IntentClosed(closed) => Some(closed.operator),
        _ => None,
    });
    closed.collect()
}

#[tokio::test]
async fn an_enrollment_that_hangs_is_given_up_after_its_effect_was_shown() {
    let prepare = |kiosk: &mut Kiosk| {
        operator(kiosk, &[Right::CloseIntents]);
        worker(kiosk, "4711", "Mara Kurz", "AAAH-00441", still())
    };
    let Some((scene, mara)) = Scene::open(CONFIG, &[], prepare).await else {
        return;
    };
    cut_off(&scene, mara).await;
    scene.sign_in("olga", PIN).await;
    scene.until("desk_start").await;
    assert_eq!(scene.tabs().await, "start repair");
    scene.open_tab("repair").await;
    scene.see("button[data-act=ask_intent]").await;
    let text = scene.browser.text(".columns").await;
    for part in ["Mara Kurz", "AAAH-00441"] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    assert!(
        !text.contains("The date"),
        "the clock is not this operator's: {text}"
    );
    scene.look("desk_repair").await;
    scene.go("button[data-act=ask_intent]").await;
    scene.see("button[data-act=put_right]").await;
    look_in_german(&scene, "desk_repair, an enrollment").await;
    scene.go("button[data-act=leave_it]").await;
    scene.see("button[data-act=ask_intent]").await;
    assert_eq!(
        given_up(&scene.kiosk),
        [""; 0],
        "nothing happens before it is wanted"
    );
    scene.go("button[data-act=ask_intent]").await;
    scene.go("button[data-act=put_right]").await;
    scene.see(".columns .notice.good").await;
    let text = scene.browser.text(".columns").await;
    assert!(text.contains("Every enrollment is settled"), "{text}");
    assert_eq!(given_up(&scene.kiosk), ["olga"]);
    scene.look("desk_repair, done").await;
    scene.all_was_well();
}

/// The words are longest in German, and the screen is smallest at 800 x 480.
async fn look_in_german(scene: &Scene, name: &str) {
    scene.browser.click("button[data-code=de]").await;
    scene.see("html[lang=de]").await;
    scene.browser.size(800, 480).await;
    scene.look(name).await;
    scene.browser.size(1280, 800).await;
    scene.browser.click("button[data-code=en]").await;
    scene.see("html[lang=en]").await;
}

/// The station with a clock an hour behind; nothing, said loudly, where there is no faketime.
pub(super) fn an_hour_behind(kiosk: &Kiosk) -> Option<Program> {
    let words = ["-f", "-1h", "printenv", "LD_PRELOAD"];
    let Ok(preload) = std::process::Command::new("faketime").args(words).output() else {
        eprintln!("SKIPPED: faketime is not installed (`apt-get install faketime` brings it)");
        return None;
    };
    let preload = String::from_utf8(preload.stdout).expect("a path");
    let preload = format!("LD_PRELOAD={}", preload.trim());
    let words = [
        "env",
        &preload,
        "FAKETIME=-1h",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
        "DONT_FAKE_MONOTONIC=1",
    ];
    Some(kiosk.program.wrapped(&words))
}

#[tokio::test]
async fn a_clock_in_doubt_is_confirmed_after_its_effect_was_shown() {
    let Some(mut kiosk) = Kiosk::new() else {
        return;
    };
    let Some(program) = an_hour_behind(&kiosk) else {
        return;
    };
    operator(&mut kiosk, &[Right::ConfirmClock]);
    kiosk.cast.file_mut().made_at_ms -= 2 * 3_600_000;
    kiosk.init(PAGE);
    kiosk.start().await.stop().await.expect("it stops");
    let daemon = kiosk.start_as(&program).await;
    let Some(scene) = Scene::before(kiosk, daemon, &[]).await else {
        return;
    };
    scene.sign_in("olga", PIN).await;
    scene.until("desk_start").await;
    scene.open_tab("repair").await;
    scene.go("button[data-act=ask_clock]").await;
    scene.see("button[data-act=put_right]").await;
    look_in_german(&scene, "desk_repair, the clock").await;
    assert_eq!(
        trusted(&scene).await,
        json!(false),
        "nothing happens before it is wanted"
    );
    scene.go("button[data-act=put_right]").await;
    scene.see(".columns .notice.good").await;
    let text = scene.browser.text(".columns").await;
    assert!(text.contains("believes its clock"), "{text}");
    assert_eq!(trusted(&scene).await, json!(true));
    scene.all_was_well();
}

async fn trusted(scene: &Scene) -> Value {
    let clock: Value = scene
        .daemon
        .client
        .get("/api/v1/clock")
        .await
        .expect("the station answers");
    clock["trusted"].clone()
}
