//! An operator signs in by the band on the wrist and its finger, by the keyboard alone.

use firmware_protocol::message::TouchFault;
use policy::model::StockState;
use simulators::band::Knobs;
use simulators::stage::HELD_DBM;
use station_core::replica::Right;

use super::{Hand, PAGE, Scene, still};
use crate::daemon_people::{PIN, pin_phc};
use crate::kiosk::Kiosk;

/// What the sign-in screen offers beside name and PIN.
pub(super) const BY_BAND: &str = "#way-sign_in_band";

/// The bands before the station: an operator's, somebody else's, and an operator's that is reported lost.
pub(super) struct Bands {
    pub(super) own: Hand,
    pub(super) ana: Hand,
    lost: Hand,
}

pub(super) fn bands(kiosk: &mut Kiosk) -> Bands {
    let own = band_of(kiosk, ("4711", "Olga Berg"), "AAAH-00501", Some("olga"));
    let ana = band_of(kiosk, ("4712", "Ana de Souza"), "AAAH-00502", None);
    let lost = band_of(kiosk, ("4713", "Ben Adler"), "AAAH-00503", Some("ben"));
    let stock = &mut kiosk.cast.file_mut().bands;
    let it = stock.iter_mut().find(|band| band.serial.as_str() == "AAAH-00503");
    it.expect("it is in stock").stock = StockState::Lost;
    Bands { own, ana, lost }
}

/// A band that was enrolled for somebody yesterday, out of sight, and the operator who that is.
fn band_of(kiosk: &mut Kiosk, (id, name): (&str, &str), serial: &str, operator: Option<&str>) -> Hand {
    let person = kiosk.cast.person(id, name);
    if let Some(operator) = operator {
        kiosk
            .cast
            .operator(operator, &pin_phc(), &[Right::Vouch, Right::CheckBands]);
        kiosk.cast.operator_is(operator, &person);
    }
    // The band waits for its wearer as long as a test looks at its screen.
    let patient = Knobs {
        patience_ms: 600_000,
        ..still()
    };
    let mut band = kiosk.cast.band(serial, false, patient);
    kiosk.cast.give(&mut band, &person);
    let hand = Hand(kiosk.put(band, HELD_DBM));
    hand.hide(true);
    hand
}

#[tokio::test]
async fn an_operator_signs_in_by_band_and_finger() {
    let config = format!("{PAGE}operator_bands = true\n");
    let Some((scene, Bands { own, ana, lost })) = Scene::open(&config, &[], bands).await else {
        return;
    };
    scene.go("button[data-act=operator]").await;
    scene.until("sign_in").await;
    scene.look("sign_in").await;
    scene.browser.size(800, 480).await;
    scene.look("sign_in, small").await;
    scene.browser.size(1280, 800).await;
    scene.go(BY_BAND).await;
    scene.until("own_band").await;
    scene.look("own_band").await;
    refused(&scene, &ana, "band_not_of_operator").await;
    let text = scene.browser.text("#app").await;
    assert!(!text.contains("Ana"), "a stranger is named: {text}");
    scene.go(BY_BAND).await;
    breaks_off(&scene, &own).await;
    scene.go(BY_BAND).await;
    own.hide(false);
    scene.until("own_band_touch").await;
    own.touch();
    scene.until("desk_start").await;
    scene.look("desk_start, by band").await;
    assert!(scene.browser.text("footer").await.contains("olga"));
    assert_eq!(scene.tabs().await, "start vouch band");
    own.hide(true);

    // Signed out, the next one is asked again; a lost band is none, and the PIN is there as ever.
    scene.go("#back").await;
    scene.until("welcome").await;
    scene.go("button[data-act=operator]").await;
    scene.until("sign_in").await;
    scene.go(BY_BAND).await;
    scene.until("own_band").await;
    refused(&scene, &lost, "band_reported_lost").await;
    scene.go("#way-operator").await;
    scene.until("sign_in").await;
    scene.sign_in_here("ben", PIN).await;
    scene.until("desk_start").await;
    // What the bands committed before is all that they ever did.
    scene.kiosk.agrees(&[&own.0, &ana.0, &lost.0], 3);
    scene.all_was_well();
}

/// A band that signs nobody in comes, is refused by this name, and goes.
async fn refused(scene: &Scene, hand: &Hand, reason: &str) {
    hand.hide(false);
    scene.see(&format!("[data-reason={reason}]")).await;
    scene.look(&format!("own_band_refused, {reason}")).await;
    hand.hide(true);
}

/// The wearer is asked for a finger and shown the code, gives a wrong finger, and is gone.
async fn breaks_off(scene: &Scene, own: &Hand) {
    own.hide(false);
    scene.until("own_band_touch").await;
    let shown = scene.browser.text("#screen-code").await;
    let code = own.code().expect("the band shows its code");
    assert!(shown.contains(&code), "{shown} is not {code}");
    scene.look("own_band_touch").await;
    own.slip(TouchFault::NoMatch);
    scene.see("#tip[data-trouble=finger]").await;
    for (lang, width, height) in [("de", 800, 480), ("en", 1280, 800)] {
        scene.go(&format!("button[data-code={lang}]")).await;
        scene.see(&format!("html[lang={lang}]")).await;
        scene.browser.size(width, height).await;
        scene
            .look(&format!("own_band_touch, a wrong finger, {lang}"))
            .await;
    }
    own.hide(true);
    own.0.drop_link();
    scene.see("[data-reason=link_lost]").await;
}
