//! A language that a plant drops in as a file, written from right to left.

use firmware_protocol::message::TouchFault;
use serde_json::json;
use station_core::replica::Right;

use super::{PAGE, Scene, Worker, still, worker};
use crate::daemon_people::{PIN, pin_phc};
use crate::kiosk::Kiosk;

/// Some messages; what is missing is said in English.
const HEBREW: &str = "language-name = עברית\nlanguage-direction = rtl\nwelcome-title = ברוכים הבאים\n\
    welcome-lead = הכינו את הצמיד שלכם. זה לוקח כדקה.\nwelcome-scan = החזיקו את הכרטיס מול המצלמה\n\
    welcome-type = הקלידו את הקוד\nwelcome-operator = מפעיל\nback = חזרה\nstop = עצירה\n\
    type-title = הקלידו את הקוד\ncompare-title = האם הקודים זהים?\ncompare-same = זהים\n\
    compare-different = שונים\nhello = שלום, { $name }\nsign-in-title = מפעיל\n\
    done-title = הצמיד שלכם מוכן\n";
const SIZES: &[(u32, u32)] = &[(800, 480), (1280, 800)];

/// The mark stands at the beginning of a line, and lists begin there too.
const BEGINS_RIGHT: &str = "const middle = innerWidth / 2; const root = document.documentElement; \
    return root.dir === 'rtl' && document.querySelector('.brand').getBoundingClientRect().left > middle \
        && [...document.querySelectorAll('main *')].every(it => { const box = it.getBoundingClientRect(); \
            return box.width <= 1 || box.left >= -1 && box.right <= innerWidth + 1; });";

fn people(kiosk: &mut Kiosk) -> Worker {
    let rights = [Right::Vouch, Right::Diagnose, Right::CheckBands];
    kiosk.cast.operator("olga", &pin_phc(), &rights);
    worker(kiosk, "4711", "Mara Kurz", "AAAH-00431", still())
}

async fn look(scene: &Scene, name: &str) {
    for (width, height) in SIZES {
        scene.browser.size(*width, *height).await;
        scene.look(&format!("{name}, rtl, {width}")).await;
        let begins = scene.browser.run(BEGINS_RIGHT, json!([])).await;
        assert_eq!(begins, json!(true), "{name} at {width}");
    }
}

#[tokio::test]
async fn a_language_from_right_to_left_is_a_file_that_is_dropped_in() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("he.ftl"), HEBREW).expect("a language");
    let config = format!(
        "{PAGE}locales_directory = {:?}\nlanguage = \"he\"\n",
        folder.path()
    );
    let Some((scene, mara)) = Scene::open(&config, &[], people).await else {
        return;
    };
    scene.see("html[lang=he][dir=rtl]").await;
    assert!(scene.browser.text("h1").await.contains("ברוכים"));
    look(&scene, "welcome").await;
    scene.browser.click("button[data-code=en]").await;
    scene.see("html[lang=en][dir=ltr]").await;
    scene.browser.click("button[data-code=he]").await;
    scene.see("html[lang=he][dir=rtl]").await;

    scene.sign_in("olga", PIN).await;
    scene.until("desk_start").await;
    for tab in ["start", "vouch", "band", "station", "journal"] {
        scene.browser.click(&format!("nav [data-tab={tab}]")).await;
        scene.until(&format!("desk_{tab}")).await;
        look(&scene, &format!("desk_{tab}")).await;
    }
    scene.press("home").await;
    scene.until("welcome").await;

    scene.identify(&mara.code).await;
    scene.until("your_band").await;
    mara.hand.hide(false);
    scene.until("compare").await;
    look(&scene, "compare").await;
    scene.confirm(&mara).await;
    mara.hand.slip(TouchFault::NoLiveness);
    scene.see("#tip").await;
    look(&scene, "touch").await;
    scene.touches(&mara, 0).await;
    mara.hand.touch();
    scene.until("done").await;
    look(&scene, "done").await;
    scene.all_was_well();
}
