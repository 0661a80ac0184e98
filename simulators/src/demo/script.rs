//! Who comes to the kiosk, with which band, and how it must end.

use anyhow::Result;
use firmware_protocol::id::Zone;
use firmware_protocol::time::UnixSeconds;

use super::tell::Teller;
use crate::band::{BadTouch, Knobs, SimBand};
use crate::cast::{Cast, Person};

/// One person with one band at the kiosk.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) person: Person,
    pub(super) serial: String,
    pub(super) about: &'static str,
    pub(super) ticket: String,
    /// The outcome's stable code.
    pub(super) expected: &'static str,
}

/// The three scenes, and their bands in the same order; then what two stations do that cannot hear each other.
#[derive(Debug)]
pub(super) struct Story {
    pub(super) cast: Cast,
    pub(super) scenes: Vec<Scene>,
    pub(super) bands: Vec<SimBand>,
    /// One person with two bands: at the first kiosk, then at the second. Nobody has to decide.
    pub(super) twice: [Scene; 2],
    pub(super) twice_bands: Vec<SimBand>,
    /// One band with two people: at the first kiosk, then at the second. An administrator decides.
    pub(super) passed: [Scene; 2],
    pub(super) passed_band: Option<SimBand>,
}

impl Story {
    pub(super) fn new(now: UnixSeconds) -> Self {
        let mut cast = Cast::new(2026, Zone::Enrollment, now);
        cast.self_service(true, false);
        let (twice, twice_bands) = twice_at_once(&mut cast);
        let (passed, band) = passed_on(&mut cast);
        let mut story = Self {
            cast,
            scenes: Vec::new(),
            bands: Vec::new(),
            twice,
            twice_bands,
            passed,
            passed_band: Some(band),
        };
        story.first_band();
        story.own_band_again();
        story.band_of_another();
        story
    }

    fn first_band(&mut self) {
        let mara = self.cast.person("4711", "Mara Kurz");
        let band = self.cast.band("AAAH-00125", false, Knobs::default());
        self.scene(mara, band, "her first day, her first band", "done");
    }

    fn own_band_again(&mut self) {
        let jonas = self.cast.person("4712", "Jonas Weber");
        let knobs = Knobs {
            bad_touches: vec![BadTouch::Wet],
            ..Knobs::default()
        };
        let mut band = self.cast.band("AAAH-00126", false, knobs);
        self.cast.give(&mut band, &jonas);
        self.scene(
            jonas,
            band,
            "has cut his finger and enrolls his own band again",
            "done",
        );
    }

    fn band_of_another(&mut self) {
        let aylin = self.cast.person("4713", "Aylin Demir");
        let piet = self.cast.person("4714", "Piet Jansen");
        let mut band = self.cast.band("AAAH-00127", true, Knobs::default());
        self.cast.give(&mut band, &piet);
        self.scene(
            aylin,
            band,
            "found a band that opens somebody else's doors",
            "seos_held_by_another",
        );
    }

    fn scene(&mut self, person: Person, band: SimBand, about: &'static str, expected: &'static str) {
        let ticket = self.cast.ticket(&person);
        let serial = band.serial().to_string();
        self.scenes.push(Scene {
            person,
            serial,
            about,
            ticket,
            expected,
        });
        self.bands.push(band);
    }
}

/// One person, two kiosks that cannot hear each other, two bands.
fn twice_at_once(cast: &mut Cast) -> ([Scene; 2], Vec<SimBand>) {
    let noor = cast.person("4715", "Noor Haddad");
    let mut bands = Vec::new();
    let mut scene = |serial: &str, about| {
        bands.push(cast.band(serial, false, Knobs::default()));
        Scene {
            person: noor.clone(),
            serial: serial.into(),
            about,
            ticket: cast.ticket(&noor),
            expected: "done",
        }
    };
    let scenes = [
        scene("AAAH-00128", "gets a band at the gate"),
        scene(
            "AAAH-00129",
            "has left it in the locker, and gets another one in the hall",
        ),
    ];
    (scenes, bands)
}

/// One band that also opens doors, two people, two kiosks that cannot hear each other.
fn passed_on(cast: &mut Cast) -> ([Scene; 2], SimBand) {
    let serial = "AAAH-00130";
    let band = cast.band(serial, true, Knobs::default());
    let mut scene = |id: &str, name: &str, about| {
        let person = cast.person(id, name);
        let ticket = cast.ticket(&person);
        Scene {
            person,
            serial: serial.into(),
            about,
            ticket,
            expected: "done",
        }
    };
    let scenes = [
        scene(
            "4716",
            "Lena Vogt",
            "gets a band at the gate that also opens doors",
        ),
        scene(
            "4717",
            "Omar Aziz",
            "takes it from the shelf and enrolls it in the hall, where nobody has heard of Lena",
        ),
    ];
    (scenes, band)
}

/// The same story without processes: the flow's engine, a link in memory, a clock that jumps.
pub(super) fn in_process(teller: &Teller) -> Result<()> {
    let now = UnixSeconds(station_daemon::clock::Clock::start().wall().0);
    let story = Story::new(now);
    let outcomes = crate::world::play_once(&story.cast, story.bands, now, |scene| {
        story.scenes[scene].person.handle
    });
    for (scene, outcome) in story.scenes.iter().zip(outcomes) {
        teller.enters(scene);
        teller.in_process(scene, &outcome);
        anyhow::ensure!(
            outcome.code == scene.expected,
            "{} ended with {}",
            scene.person.name,
            outcome.code
        );
    }
    Ok(())
}
