//! Pictures of how an operator signs in by the own band.

use firmware_protocol::band::Wearer;
use firmware_protocol::message::TouchFault;

use super::{Album, CONFIG};
use crate::kiosk_page::own_band::{BY_BAND, Bands, bands};
use crate::kiosk_page::{Scene, pictures_are_wanted};

#[tokio::test]
async fn an_operator_with_a_band_in_every_look() {
    if !pictures_are_wanted() {
        return;
    }
    let config = CONFIG.replace("[kiosk]\n", "[kiosk]\noperator_bands = true\n");
    let Some((scene, Bands { own, ana, .. })) = Scene::open(&config, &[], bands).await else {
        return;
    };
    let mut album = Album::new(&scene, "own_band");
    scene.press("operator").await;
    scene.until("sign_in").await;
    album.take("own_band-sign_in").await;
    scene.go(BY_BAND).await;
    scene.until("own_band").await;
    album.take("own_band").await;
    own.act(Wearer::TakeOff);
    own.hide(false);
    scene.until("own_band_put_on").await;
    album.take("own_band_put_on").await;
    own.act(Wearer::PutOn);
    scene.until("own_band_touch").await;
    album.take("own_band_touch").await;
    own.slip(TouchFault::NoMatch);
    scene.see("#tip[data-trouble=finger]").await;
    album.take("own_band_touch-finger").await;
    own.hide(true);
    own.0.drop_link();
    scene.see("[data-reason=link_lost]").await;
    scene.go(BY_BAND).await;
    scene.until("own_band").await;
    ana.hide(false);
    scene.see("[data-reason=band_not_of_operator]").await;
    album.take("own_band_refused").await;
    album.sheets().await;
    scene.all_was_well();
}
