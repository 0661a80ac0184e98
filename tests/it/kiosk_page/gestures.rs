//! Ways out of a kiosk, as far as a browser without a window has them: keys, mouse, dragging (A15).

use serde_json::{Value, json};

use super::{PAGE, Scene};
use crate::kiosk::Kiosk;

const SHIFT: char = '\u{e008}';
const CONTROL: char = '\u{e009}';
const ALT: char = '\u{e00a}';
const META: char = '\u{e03d}';
const F1: u32 = 0xe031;
const LEFT: char = '\u{e012}';
const RIGHT: char = '\u{e014}';

/// Writes down the last key or button and whether the page kept the browser from acting on it.
const WITNESS: &str = "window.kept = {}; \
    for (const kind of ['keydown', 'contextmenu', 'dragstart', 'dragover', 'drop', 'wheel']) \
        addEventListener(kind, (it) => { window.kept[it.key ?? kind] = it.defaultPrevented; });";
/// Events that need a hand and a window of the system, sent as the browser would.
const DRAGS: &str = "const it = document.querySelector('h1'); \
    return ['dragstart', 'dragover', 'drop', 'contextmenu'].filter(kind => \
        it.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true })));";

/// Keys with Control, with Control and Shift, with Alt, with the system's key.
fn chords() -> Vec<(String, String)> {
    let with = |held: &'static [char], keys: &'static str| {
        keys.chars().map(move |key| {
            let chord: String = held.iter().copied().chain([key]).collect();
            (chord, key.to_string())
        })
    };
    let mut chords: Vec<_> = with(&[CONTROL], "tnwopsujhdfglrekbaq+-0123").collect();
    chords.extend(with(&[CONTROL, SHIFT], "IJCNTBRPDWOQ"));
    chords.extend(with(&[ALT], "dfeh"));
    chords.extend(with(&[META], "lredtnw"));
    for (number, held) in (1..=12)
        .map(|n| (n, None))
        .chain([(10, Some(SHIFT)), (4, Some(ALT))])
    {
        let key = char::from_u32(F1 + number - 1).expect("a key");
        let chord = held.into_iter().chain([key]).collect();
        chords.push((chord, format!("F{number}")));
    }
    chords.push(([ALT, LEFT].iter().collect(), "ArrowLeft".into()));
    chords.push(([ALT, RIGHT].iter().collect(), "ArrowRight".into()));
    chords
}

#[tokio::test]
async fn no_key_and_no_gesture_leads_out_of_the_page() {
    let nobody = |_: &mut Kiosk| ();
    let Some((scene, ())) = Scene::open(PAGE, &[], nobody).await else {
        return;
    };
    let browser = &scene.browser;
    browser.run(WITNESS, json!([])).await;
    let chords = chords();
    assert!(chords.len() >= 60, "{}", chords.len());
    for (chord, key) in &chords {
        browser.run("window.kept = {}", json!([])).await;
        browser.chord(chord).await;
        let script =
            "return Object.entries(window.kept).find(([key]) => key.toLowerCase() === arguments[0])?.[1]";
        let kept = browser.run(script, json!([key.to_lowercase()])).await;
        assert_eq!(kept, Value::Bool(true), "the page lets {key} of {chord:?} pass");
    }
    let passed = browser.run(DRAGS, json!([])).await;
    assert_eq!(passed, json!([]), "dragging or a menu");
    mouse(&scene).await;

    // Still here, alone, and alive.
    assert_eq!((browser.tab_count().await, &*browser.path().await), (1, "/"));
    scene.until("welcome").await;
    scene.press("type").await;
    scene.until("type_code").await;
}

/// The right button, the middle one, and the wheel with Control.
async fn mouse(scene: &Scene) {
    let browser = &scene.browser;
    browser.run("window.kept = {}", json!([])).await;
    for button in ["right", "middle", "back", "forward"] {
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": 600, "y": 20, "button": button, "clickCount": 1 });
            browser.devtools("Input.dispatchMouseEvent", event).await;
        }
    }
    let wheel =
        json!({ "type": "mouseWheel", "x": 600, "y": 400, "deltaX": 0, "deltaY": -200, "modifiers": 2 });
    browser.devtools("Input.dispatchMouseEvent", wheel).await;
    browser
        .wait_until(
            "return window.kept.contextmenu === true && window.kept.wheel === true",
            json!([]),
        )
        .await;
}
