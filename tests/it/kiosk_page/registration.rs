//! The page of a station where bands are registered that were enrolled on the other side.

use firmware_protocol::id::Zone;
use firmware_protocol::message::TouchFault;
use simulators::band::SimBand;
use simulators::cast::Person;
use simulators::stage::HELD_DBM;

use super::{Hand, PAGE, Scene, Worker, still};
use crate::kiosk::{Kiosk, commits, held};

/// A station of the other side; nothing, said loudly, where there is no dbus-daemon.
pub(super) fn kiosk() -> Option<Kiosk> {
    let mut kiosk = Kiosk::in_zone(Zone::Registration)?;
    kiosk.advertising = std::time::Duration::from_millis(30);
    Some(kiosk)
}

/// A band that was enrolled for somebody, out of sight.
pub(super) fn enrolled(kiosk: &mut Kiosk, person: &Person, serial: &str) -> Hand {
    let mut band = kiosk.cast.band(serial, false, still());
    kiosk.cast.enroll_elsewhere(&mut band, person);
    hidden(kiosk, band)
}

pub(super) fn hidden(kiosk: &mut Kiosk, band: SimBand) -> Hand {
    let hand = Hand(kiosk.put(band, HELD_DBM));
    hand.hide(true);
    hand
}

/// Somebody whose band was enrolled.
pub(super) fn worker(kiosk: &mut Kiosk, id: &str, name: &str, serial: &str) -> Worker {
    let person = kiosk.cast.person(id, name);
    let code = kiosk.cast.code(&person);
    let hand = enrolled(kiosk, &person, serial);
    Worker { code, hand }
}

#[tokio::test]
async fn a_band_that_was_enrolled_elsewhere_is_registered_with_one_touch() {
    let Some(mut kiosk) = kiosk() else {
        return;
    };
    let mara = worker(&mut kiosk, "4711", "Mara Kurz", "AAAH-00501");
    let Some(scene) = Scene::with(kiosk, PAGE, &[]).await else {
        return;
    };
    assert!(
        scene
            .browser
            .text(".welcome")
            .await
            .contains("Register your band")
    );
    scene.look("welcome, registration").await;
    scene.identify(&mara.code).await;
    scene.until("your_band").await;
    mara.hand.hide(false);
    scene.until("compare").await;
    // A band of the organization asks for no button: its wearer is sent to the sensor at once.
    scene.press("same").await;
    scene.until("touch").await;
    let text = scene.browser.text(".touch").await;
    assert!(
        text.contains("of 1") && text.contains("your band was enrolled"),
        "{text}"
    );
    scene.look("touch, registration").await;
    mara.hand.slip(TouchFault::NoMatch);
    scene.see("#tip[data-trouble=finger]").await;
    let tip = scene.browser.text("#tip").await;
    assert!(
        tip.contains("the finger with which your band was enrolled"),
        "{tip}"
    );
    mara.hand.hide(true);
    mara.hand.touch();
    scene.until("test_tap").await;
    assert!(
        scene
            .browser
            .text(".test")
            .await
            .contains("Your band is registered")
    );
    scene.look("test_tap, registration").await;
    mara.hand.hide(false);
    scene.until("done").await;
    assert!(scene.browser.text(".done .lead").await.contains("Mara Kurz"));
    scene.look("done, registration").await;

    // The band has both sides now, and the journal the one that was made here.
    let zones: Vec<_> = held(&mara.hand.0).iter().map(|held| held.zone).collect();
    assert_eq!(zones, [Zone::Enrollment, Zone::Registration]);
    scene.kiosk.agrees(&[&mara.hand.0], 1);
    scene.all_was_well();
}

/// What is refused on this side alone: the reason, the ticket, and the band that is held to the station.
pub(super) fn cases(kiosk: &mut Kiosk) -> Vec<(&'static str, String, Option<Hand>)> {
    let mara = kiosk.cast.person("4721", "Mara Kurz");
    let ana = kiosk.cast.person("4722", "Ana de Souza");
    let other_side = kiosk.cast.ticket_for(&mara, Zone::Enrollment);
    let new = kiosk.cast.band("AAAH-00511", false, still());
    let new = hidden(kiosk, new);
    let anas = enrolled(kiosk, &ana, "AAAH-00512");
    let mut ticket = || kiosk.cast.ticket(&mara);
    vec![
        ("ticket_other_zone", other_side, None),
        ("enrollment_missing", ticket(), Some(new)),
        ("enrollment_missing", ticket(), Some(anas)),
    ]
}

#[tokio::test]
async fn a_band_that_was_not_enrolled_for_its_wearer_is_not_registered() {
    let Some(mut kiosk) = kiosk() else {
        return;
    };
    let cases = cases(&mut kiosk);
    let Some(scene) = Scene::with(kiosk, PAGE, &[]).await else {
        return;
    };
    for (reason, ticket, hand) in &cases {
        let before = hand.as_ref().map_or(0, |hand| commits(&hand.0).len());
        scene.identify(ticket).await;
        if let Some(hand) = hand {
            scene.until("your_band").await;
            hand.hide(false);
        }
        scene.see(&format!("[data-reason={reason}]")).await;
        scene.look(reason).await;
        let ways = scene.browser.text(".ways").await;
        assert!(ways.len() > 40, "{reason}: {ways}");
        if let Some(hand) = hand {
            assert_eq!(commits(&hand.0).len(), before, "{reason}: nothing was made");
            hand.hide(true);
        }
        scene.press("home").await;
        scene.until("welcome").await;
    }
    scene.all_was_well();
}
