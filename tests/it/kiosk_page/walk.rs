//! The worker's path, by the keyboard alone.

use firmware_protocol::message::TouchFault;
use serde_json::json;

use super::{PAGE, Scene, Worker, still, worker};

/// Bytes of everything that the page loads.
const WEIGHT_BYTES_MAX: u64 = 100 * 1024;
/// What the browser keeps, where a name could be.
const KEPT: &str = "return [document.documentElement.outerHTML, document.title, location.href, document.cookie, \
    JSON.stringify([history.state, {...localStorage}, {...sessionStorage}])].join('\\n')";
/// Every address that was loaded, and all bytes of it.
const LOADED: &str = "const all = [...performance.getEntriesByType('navigation'), \
    ...performance.getEntriesByType('resource')]; \
    return { names: all.map(it => it.name), bytes: all.reduce((sum, it) => sum + it.encodedBodySize + 300, 0) };";

#[tokio::test]
async fn a_worker_goes_from_a_typed_code_to_a_tested_band_by_the_keyboard_alone() {
    let mara = |kiosk: &mut _| worker(kiosk, "4711", "Mara Kurz", "AAAH-00201", still());
    let Some((scene, mara)) = Scene::open(PAGE, &[], mara).await else {
        return;
    };
    scene.look("welcome").await;
    nothing_foreign_was_loaded(&scene).await;
    scene.go("button[data-act=type]").await;
    scene.until("type_code").await;
    scene.look("type_code").await;
    scene.browser.keys("no such code\u{e007}").await;
    scene.see("#slip").await;
    scene.look("type_code, slip").await;
    scene.browser.keys(&format!("{}\u{e007}", mara.code)).await;
    scene.until("your_band").await;
    scene.look("your_band").await;
    mara.hand.hide(false);
    scene.until("compare").await;
    scene.look("compare").await;
    let shown = scene.browser.text("#screen-code").await;
    let read = mara.hand.code().expect("the band shows a code");
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    assert_eq!(digits(&shown), digits(&read), "both show the same code");
    scene.go("button[data-act=same]").await;
    mara.hand.press();
    touches(&scene, &mara).await;
    scene.until("test_tap").await;
    scene.look("test_tap").await;
    mara.hand.hide(false);
    scene.until("done").await;
    scene.look("done").await;
    assert!(scene.browser.text(".done .lead").await.contains("Mara Kurz"));
    scene.go("#go").await;
    scene.until("welcome").await;
    nothing_is_kept(&scene, &["Mara", "4711", "AAAH-00201"]).await;
    nothing_foreign_was_loaded(&scene).await;
    scene.kiosk.agrees(&[&mara.hand.0], 0);
    scene.all_was_well();
}

/// Good touches with bad ones between them; the band is out of sight when the last one is in.
async fn touches(scene: &Scene, mara: &Worker) {
    scene.until("touch").await;
    scene.look("touch").await;
    mara.hand.slip(TouchFault::Wet);
    scene.see("#tip[data-trouble=finger]").await;
    scene.look("touch, finger").await;
    mara.hand.touch();
    scene.touched(1).await;
    mara.hand.slip(TouchFault::NoLiveness);
    scene.see("#tip[data-trouble=pulse]").await;
    scene.look("touch, pulse").await;
    scene.touches(mara, 1).await;
    mara.hand.hide(true);
    mara.hand.touch();
}

/// Nothing of whoever was here stays in the page, in its address or in what the browser stores.
async fn nothing_is_kept(scene: &Scene, words: &[&str]) {
    let kept = scene.browser.run(KEPT, json!([])).await;
    let kept = kept.as_str().expect("a text");
    for word in words {
        assert!(!kept.contains(word), "{word} is still in the page: {kept}");
    }
    let entries = scene.browser.run("return history.length", json!([])).await;
    assert!(
        entries.as_u64() <= Some(2),
        "the history grew with the screens: {entries}"
    );
}

/// Everything came from the station, and little of it.
async fn nothing_foreign_was_loaded(scene: &Scene) {
    let loaded = scene.browser.run(LOADED, json!([])).await;
    for name in loaded["names"].as_array().expect("addresses") {
        let name = name.as_str().unwrap_or_default();
        assert!(name.starts_with(&scene.url), "{name} is not from the station");
    }
    let bytes = loaded["bytes"].as_u64().expect("a number");
    assert!(bytes < WEIGHT_BYTES_MAX, "the page weighs {bytes} bytes");
}
