//! What an operator without a right sees, and what the station says to a page that asks all the same.

use serde_json::{Value, json};
use station_core::replica::Right;

use super::{PAGE, Scene};
use crate::daemon_people::{PIN, pin_phc};
use crate::kiosk::Kiosk;

/// Does something that the screen does not offer, and says what the station answers.
const ACT: &str = "const [what, done] = arguments; \
    const turn = Number(document.querySelector('#app').dataset.turn); \
    const page = document.querySelector('meta[name=page]').content; \
    const headers = { 'content-type': 'application/json', 'x-bandstand-page': page }; \
    fetch('/act', { method: 'POST', headers, body: JSON.stringify({ turn, what }) }) \
        .then(it => done(it.status), (error) => done(String(error)));";

/// Everything that needs a right, and the right.
fn acts() -> [(Right, Value); 11] {
    use Right::{CheckBands, CloseIntents, ConfirmClock, Diagnose, Vouch};
    [
        (Vouch, json!({ "act": "tab", "tab": "vouch" })),
        (Vouch, json!({ "act": "find", "user": "4711" })),
        (Vouch, json!({ "act": "vouch_now" })),
        (Vouch, json!({ "act": "shift" })),
        (CheckBands, json!({ "act": "tab", "tab": "band" })),
        (CheckBands, json!({ "act": "check_band" })),
        (Diagnose, json!({ "act": "tab", "tab": "station" })),
        (Diagnose, json!({ "act": "tab", "tab": "journal" })),
        (Diagnose, json!({ "act": "bundle" })),
        (ConfirmClock, json!({ "act": "ask_clock" })),
        (CloseIntents, json!({ "act": "put_right" })),
    ]
}

/// An operator, and the tabs that are offered.
const OPERATORS: &[(&str, &[Right], &str)] = &[
    ("nora", &[], "start"),
    ("vera", &[Right::Vouch], "start vouch"),
    ("bela", &[Right::CheckBands], "start band"),
    ("dora", &[Right::Diagnose], "start station journal"),
    ("cora", &[Right::ConfirmClock], "start repair"),
    ("ines", &[Right::CloseIntents], "start repair"),
];

#[tokio::test]
async fn an_operator_sees_what_the_rights_allow_and_gets_no_more() {
    let prepare = |kiosk: &mut Kiosk| {
        kiosk.cast.person("4711", "Mara Kurz");
        let pin = pin_phc();
        for (operator, rights, _) in OPERATORS {
            kiosk.cast.operator(operator, &pin, rights);
        }
    };
    let Some((scene, ())) = Scene::open(PAGE, &[], prepare).await else {
        return;
    };
    for (operator, rights, tabs) in OPERATORS {
        scene.sign_in(operator, PIN).await;
        scene.until("desk_start").await;
        scene.look(&format!("desk_start of {operator}")).await;
        assert_eq!(scene.tabs().await, *tabs, "{operator}");
        let script = "return !!document.querySelector('[data-act=shift], .columns [data-tab=vouch]')";
        let offered = scene.browser.run(script, json!([])).await;
        assert_eq!(offered, json!(rights.contains(&Right::Vouch)), "{operator}");
        for (right, what) in acts() {
            if !rights.contains(&right) {
                let said = scene.browser.run_until_done(ACT, json!([what])).await;
                assert_eq!(said, json!(409), "{operator} {what}");
            }
        }
        scene.until("desk_start").await;
        // The browser writes down each refusal; they were asked for.
        scene.browser.complaints().await;
        scene.go("#back").await;
        scene.until("welcome").await;
    }
    scene.all_was_well();
}
