//! Pictures of what looks different where bands are registered.

use firmware_protocol::message::TouchFault;

use super::{Album, CONFIG};
use crate::kiosk_page::registration::{cases, kiosk, worker};
use crate::kiosk_page::{Scene, pictures_are_wanted};

#[tokio::test]
async fn what_differs_where_bands_are_registered_in_every_look() {
    if !pictures_are_wanted() {
        return;
    }
    let Some(mut kiosk) = kiosk() else {
        return;
    };
    let mara = worker(&mut kiosk, "4711", "Mara Kurz", "AAAH-00501");
    let cases = cases(&mut kiosk);
    let Some(scene) = Scene::with(kiosk, CONFIG, &[]).await else {
        return;
    };
    let mut album = Album::new(&scene, "registration");
    album.take("registration-welcome").await;
    scene.identify(&mara.code).await;
    scene.until("your_band").await;
    mara.hand.hold(false);
    mara.hand.hide(false);
    scene.see(".bands li").await;
    album.take("registration-your_band").await;
    mara.hand.hold(true);
    scene.until("compare").await;
    scene.press("same").await;
    scene.until("touch").await;
    album.take("registration-touch").await;
    for _ in 0..4 {
        mara.hand.slip(TouchFault::NoMatch);
    }
    scene.see(".notice + .notice").await;
    album.take("registration-touch-finger").await;
    mara.hand.hide(true);
    mara.hand.touch();
    scene.until("test_tap").await;
    album.take("registration-test_tap").await;
    mara.hand.hide(false);
    scene.until("done").await;
    album.take("registration-done").await;
    mara.hand.hide(true);
    scene.press("home").await;
    scene.until("welcome").await;
    for (reason, ticket, hand) in cases.iter().take(2) {
        scene.identify(ticket).await;
        if let Some(hand) = hand {
            scene.until("your_band").await;
            hand.hide(false);
        }
        scene.see(&format!("[data-reason={reason}]")).await;
        album.take(&format!("registration-refused-{reason}")).await;
        if let Some(hand) = hand {
            hand.hide(true);
        }
        scene.press("home").await;
        scene.until("welcome").await;
    }
    album.sheets().await;
    scene.all_was_well();
}
