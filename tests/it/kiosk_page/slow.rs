//! What takes too long, and what goes by itself. The limits are as short as the configuration allows.

use simulators::band::{Confirmation, Knobs};

use super::{Scene, Worker, still, worker};
use crate::kiosk::{Kiosk, quick, until_near};

const CONFIG: &str = "[kiosk]\nlisten = \"127.0.0.1:0\"\nidle_seconds = 600\ndone_seconds = 3\n\n\
    [enrollment]\nband_seconds_max = 5\nworn_seconds_max = 5\ncode_seconds_max = 5\n";

/// The reason, and a band that leads to it.
fn cases() -> [(&'static str, Knobs); 3] {
    let off = Knobs {
        worn: false,
        ..still()
    };
    let impatient = Knobs {
        patience_ms: 1000,
        ..still()
    };
    [
        ("link_lost", still()),
        ("not_worn", off),
        ("wearer_timed_out", impatient),
    ]
}

#[tokio::test]
async fn whoever_takes_too_long_is_told_so_and_whoever_is_done_may_just_go() {
    let prepare = |kiosk: &mut Kiosk| {
        let mut people = Vec::new();
        for (place, (reason, knobs)) in cases().into_iter().enumerate() {
            let (id, serial) = (format!("472{place}"), format!("AAAH-0042{place}"));
            people.push((reason, worker(kiosk, &id, "Mara Kurz", &serial, knobs)));
        }
        let quick = Knobs {
            confirmation: Confirmation::Yes,
            ..quick()
        };
        (people, worker(kiosk, "4711", "Ana de Souza", "AAAH-00429", quick))
    };
    let Some((scene, (people, ana))) = Scene::open(CONFIG, &[], prepare).await else {
        return;
    };
    for (reason, worker) in people {
        refused(&scene, reason, worker).await;
    }
    scene.compare(&ana).await;
    scene.press("same").await;
    scene.until("done").await;
    scene.until("welcome").await;
    let text = scene.browser.text("body").await;
    assert!(!text.contains("Ana"), "{text}");
    scene.all_was_well();
}

async fn refused(scene: &Scene, reason: &str, worker: Worker) {
    scene.identify(&worker.code).await;
    scene.until("your_band").await;
    worker.hand.hide(reason == "link_lost");
    scene.see(&format!("[data-reason={reason}]")).await;
    scene.look(reason).await;
    assert!(scene.browser.text(".ways").await.len() > 40, "{reason}");
    scene.press("home").await;
    scene.until("welcome").await;
    worker.hand.hold(false);
    worker.hand.hide(false);
    until_near(&scene.daemon, 0).await;
    worker.hand.0.remove();
}
