//! A band that stops to listen at the last moment, and another one that comes in its place.

use super::{PAGE, Scene, still, worker};
use crate::kiosk::Kiosk;

#[tokio::test]
async fn the_last_moment_is_a_screen_and_another_band_is_sent_away() {
    let prepare = |kiosk: &mut Kiosk| {
        let mara = worker(kiosk, "4711", "Mara Kurz", "AAAH-00411", still());
        (mara, worker(kiosk, "4712", "Ana de Souza", "AAAH-00412", still()))
    };
    let Some((scene, (mara, ana))) = Scene::open(PAGE, &[], prepare).await else {
        return;
    };
    scene.compare(&mara).await;
    scene.confirm(&mara).await;
    scene.touches(&mara, 0).await;

    // The station has written down that it commits, and the band does not hear it.
    mara.hand.0.with(|wrist, _| wrist.deaf = true);
    mara.hand.touch();
    scene.until("saving").await;
    scene.look("saving").await;
    mara.hand.0.remove();
    scene.until("bring_back").await;

    // A colleague's band is not the one that this began with.
    ana.hand.hide(false);
    scene.until("other_band").await;
    scene.look("other_band").await;
    let made = ana.hand.0.with(|wrist, _| wrist.band.commits().len());
    assert_eq!(made, 0, "nothing was asked of it");
    scene.all_was_well();
}
