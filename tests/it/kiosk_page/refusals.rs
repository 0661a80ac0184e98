//! Refusals, each as somebody comes to see it.

use firmware_protocol::time::UnixSeconds;
use policy::model::{BandSerial, StockState, Suspension, UnixMillis, UserStatus};
use serde_json::json;
use simulators::band::{BadTouch, Confirmation, Knobs, SimBand};
use simulators::cast::Person;
use simulators::stage::{FAR_DBM, HELD_DBM};
use station_daemon::clock::Clock;

use super::camera::stranger;
use super::{Hand, PAGE, Scene, still};
use crate::kiosk::{Kiosk, quick, until_near};

/// How somebody comes to be refused.
pub(super) struct Case {
    /// The one name of the reason.
    pub(super) reason: &'static str,
    ticket: String,
    band: Option<SimBand>,
}

/// A person for each case, so that no case depends on another.
struct Maker<'a> {
    kiosk: &'a mut Kiosk,
    count: u32,
    cases: Vec<Case>,
}

impl Maker<'_> {
    fn person(&mut self) -> Person {
        self.count += 1;
        self.kiosk
            .cast
            .person(&format!("{}", 4700 + self.count), "Mara Kurz")
    }

    fn serial(&self) -> String {
        format!("AAAH-00{}", 300 + self.count)
    }

    /// Refused before there is a band.
    fn ticket(&mut self, reason: &'static str, ticket: String) {
        self.cases.push(Case {
            reason,
            ticket,
            band: None,
        });
    }

    /// Refused with a band of the stock.
    fn band(&mut self, reason: &'static str, knobs: Knobs) {
        let person = self.person();
        let band = self.kiosk.cast.band(&self.serial(), false, knobs);
        self.with(reason, &person, band);
    }

    fn with(&mut self, reason: &'static str, person: &Person, band: SimBand) {
        let ticket = self.kiosk.cast.ticket(person);
        self.cases.push(Case {
            reason,
            ticket,
            band: Some(band),
        });
    }

    /// Refused for somebody's state, before there is a band.
    fn user(&mut self, reason: &'static str, change: impl FnOnce(&mut station_core::provision::UserEntry)) {
        let person = self.person();
        let users = &mut self.kiosk.cast.file_mut().users;
        let entry = users.iter_mut().find(|entry| entry.id.as_str() == person.id);
        change(entry.expect("the person was added"));
        let ticket = self.kiosk.cast.ticket(&person);
        self.ticket(reason, ticket);
    }

    /// Refused because the band is somebody's.
    fn taken(&mut self, reason: &'static str, seos: bool) {
        let (holder, person) = (self.person(), self.person());
        let mut band = self.kiosk.cast.band(&self.serial(), seos, quick());
        self.kiosk.cast.give(&mut band, &holder);
        self.with(reason, &person, band);
    }
}

/// Every case.
pub(super) fn cases(kiosk: &mut Kiosk) -> Vec<Case> {
    let now = Clock::start().wall();
    kiosk.cast.self_service(true, false);
    let mut maker = Maker {
        kiosk,
        count: 0,
        cases: Vec::new(),
    };
    let person = maker.person();
    let expired = maker.kiosk.cast.ticket_until(&person, UnixSeconds(now.0 - 10));
    maker.ticket("ticket_expired", expired);
    let forged = stranger().ticket(&person);
    maker.ticket("ticket_forged", forged);
    let unknown = maker.person();
    maker.kiosk.cast.file_mut().users.pop();
    let ticket = maker.kiosk.cast.ticket(&unknown);
    maker.ticket("user_unknown", ticket);
    maker.user("user_not_active", |user| user.status = UserStatus::Departed);
    maker.user("user_suspended", |user| {
        user.suspension = Some(Suspension {
            since: UnixMillis(now.0 as i64 * 1000),
            note: String::new(),
        });
    });
    maker.taken("held_by_another", false);
    maker.taken("seos_held_by_another", true);
    bands(&mut maker);
    maker.cases
}

fn bands(maker: &mut Maker<'_>) {
    let person = maker.person();
    let serial = maker.serial();
    let foreign = maker.kiosk.cast.foreign_band(&serial, false, quick());
    maker.with("band_not_genuine", &person, foreign);
    let low = Knobs {
        battery_percent: 5,
        ..quick()
    };
    maker.band("battery_low", low);
    maker.band("band_withdrawn", quick());
    let serial = BandSerial::new(&maker.serial()).expect("a serial");
    let stock = maker.kiosk.cast.file_mut().bands.iter_mut();
    stock
        .filter(|band| band.serial == serial)
        .for_each(|band| band.stock = StockState::Retired);
    maker.band("code_mismatch", still());
    let declines = Knobs {
        confirmation: Confirmation::No,
        ..quick()
    };
    maker.band("wearer_declined", declines);
    let clumsy = Knobs {
        bad_touches: vec![BadTouch::Wet; 20],
        ..quick()
    };
    maker.band("band_locked_out", clumsy);
    let worn_out = Knobs {
        storage_fault_at: Some(1),
        ..quick()
    };
    maker.band("band_storage_fault", worn_out);
}

/// Answers the question for the code where it is asked, until the reason is shown. A band that says no may be faster.
const ANSWER: &str = "const [reason, act] = arguments; document.querySelector(`[data-act=${act}]`)?.click(); \
    return !!document.querySelector(`[data-reason=${reason}]`);";

impl Case {
    /// Goes on from the welcome screen until the refusal is shown; gives the band, if it took one.
    pub(super) async fn play(&mut self, scene: &mut Scene) -> Option<Hand> {
        scene.identify(&self.ticket).await;
        let hand = self.band.take().map(|band| Hand(scene.kiosk.put(band, HELD_DBM)));
        let differs = self.reason == "code_mismatch";
        let act = if differs { "different" } else { "same" };
        let answer = json!([self.reason, act]);
        scene.browser.wait_until(ANSWER, answer).await;
        // The browser writes down an answer that came after the band's own; nothing is wrong with that.
        scene.browser.complaints().await;
        hand
    }

    /// Back to the welcome screen, with no band near.
    pub(super) async fn leave(scene: &Scene, hand: Option<Hand>) {
        scene.press("home").await;
        scene.until("welcome").await;
        if let Some(hand) = hand {
            hand.0.set_rssi(FAR_DBM);
            until_near(&scene.daemon, 0).await;
            hand.0.remove();
        }
    }
}

#[tokio::test]
async fn every_refusal_says_what_why_and_what_next() {
    let Some((mut scene, cases)) = Scene::open(PAGE, &[], cases).await else {
        return;
    };
    for mut case in cases {
        let hand = case.play(&mut scene).await;
        let ways = scene.browser.text(".ways").await;
        assert!(ways.len() > 40, "{}: {ways}", case.reason);
        if ["ticket_forged", "held_by_another"].contains(&case.reason) {
            scene.look(case.reason).await;
        }
        if let Some(hand) = &hand {
            let made = hand.0.with(|wrist, _| wrist.band.commits().len());
            assert!(made <= 1, "{}: only what the band held before", case.reason);
        }
        Case::leave(&scene, hand).await;
    }
    scene.all_was_well();
}
