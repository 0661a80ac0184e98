//! A page that is left and come back to, by the ways that a browser has for it.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use super::{PAGE, Scene, still, worker};

/// How often the page is left and opened again, and how long all of it may take. A browser that keeps a left page with
/// its connection lets go of it after a minute, so that a page which does not hang up takes a minute each time.
const ROUNDS: usize = 5;
const LIMIT: Duration = Duration::from_secs(150);
/// Writes down what is on the page when it is left, after its own script was told.
const WATCH: &str = "addEventListener('pagehide', () => \
    sessionStorage.setItem('left', document.querySelector('#app').textContent));";
const LEFT: &str = "return sessionStorage.getItem('left')";
const WAS_LEFT: &str = "return sessionStorage.getItem('left') !== null";

#[tokio::test]
async fn a_page_that_was_left_gives_up_its_seat() {
    let nobody = |_: &mut _| ();
    let Some((scene, ())) = Scene::open(PAGE, &[], nobody).await else {
        return;
    };
    let rounds = async {
        for _ in 0..ROUNDS {
            scene.browser.open_page("about:blank").await;
            scene.browser.open_page(&scene.url).await;
            scene.until("welcome").await;
        }
    };
    timeout(LIMIT, rounds).await.expect("the new page counts at once");
}

#[tokio::test]
async fn a_page_that_is_come_back_to_goes_on_and_kept_nothing() {
    let mara = |kiosk: &mut _| worker(kiosk, "4711", "Mara Kurz", "AAAH-00201", still());
    let Some((scene, mara)) = Scene::open(PAGE, &[], mara).await else {
        return;
    };
    scene.identify(&mara.code).await;
    scene.until("your_band").await;
    assert!(scene.browser.text("#app").await.contains("Mara Kurz"));
    scene.browser.run(WATCH, json!([])).await;
    scene.browser.open_page(&format!("{}nothing", scene.url)).await;
    scene.browser.wait_until(WAS_LEFT, json!([])).await;
    let left = scene.browser.run(LEFT, json!([])).await;
    assert_eq!(left, json!(""), "the page that was left held nothing of anybody");
    mara.hand.hide(false);
    scene.browser.back().await;
    scene.until("compare").await;
    scene.confirm(&mara).await;
    scene.touches(&mara, 0).await;
    mara.hand.touch();
    scene.until("done").await;
    scene.kiosk.agrees(&[&mara.hand.0], 0);
}
