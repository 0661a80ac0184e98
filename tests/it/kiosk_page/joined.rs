//! The page of a station that has joined a console.

use console::access::Caller;
use console::acts::operators::{self, OperatorInput};
use station_core::replica::Right;

use super::{PAGE, Scene};
use crate::daemon_people::PIN;
use crate::kiosk::Kiosk;
use crate::sync_stage::Console;

/// Somebody whom the console lets look at stations and bands.
async fn operator(console: &Console) {
    let input = OperatorInput {
        pin: Some(PIN.into()),
        user: None,
        rights: [Right::Diagnose, Right::CheckBands].into(),
        sites: Default::default(),
    };
    let caller = Caller::cli("tests");
    let put = operators::put(&console.app, &caller, "olga".into(), input, None);
    put.await.expect("an operator");
}

async fn join(kiosk: &Kiosk, console: &Console) {
    kiosk.stage.write_files(&kiosk.cast, PAGE).expect("files");
    let token = console.token("gate", "north").await;
    let address = format!("https://{}", console.address);
    let (code, said) = kiosk.ask(&["join", "--console", &address, "--token", &token]);
    assert_eq!(code, 0, "{said}");
}

/// Waits until this is written on the page.
async fn until_it_says(scene: &Scene, text: &str) {
    let script = "return document.querySelector('.columns').textContent.includes(arguments[0])";
    scene.browser.wait_until(script, serde_json::json!([text])).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_of_a_joined_station_sees_the_journal_and_how_the_sync_stands() {
    let Some(kiosk) = Kiosk::new() else {
        return;
    };
    let mut console = Console::start().await;
    operator(&console).await;
    join(&kiosk, &console).await;
    let daemon = kiosk.start().await;
    let Some(scene) = Scene::before(kiosk, daemon, &[]).await else {
        return;
    };
    scene.sign_in("olga", PIN).await;
    scene.until("desk_start").await;
    assert_eq!(scene.tabs().await, "start band station journal");
    scene.open_tab("journal").await;
    until_it_says(&scene, "Station and console are in step.").await;
    scene.see(".log li").await;
    let text = scene.browser.text(".columns").await;
    let address = format!("https://{}", console.address);
    for part in [
        &*address,
        "Entries the console has",
        "The station joined a console",
    ] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    scene.look("desk_journal, joined").await;
    scene.open_tab("station").await;
    scene.see(".findings li").await;
    let found = scene.browser.text(".findings").await;
    assert!(found.contains(&address), "{found}");

    // What changes is seen at once, in the language of whoever looks.
    scene.open_tab("journal").await;
    scene.browser.click("button[data-code=de]").await;
    until_it_says(&scene, "Station und Konsole stimmen überein.").await;
    console.go_away().await;
    until_it_says(&scene, "Die Konsole antwortet nicht.").await;
    scene.browser.size(800, 480).await;
    scene.look("desk_journal, joined, the console is away").await;
    scene.all_was_well();
}
