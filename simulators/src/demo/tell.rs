//! How the demo speaks: a story for people, JSON lines for programs.

use std::cell::Cell;
use std::io::Write;

use console::acts::quarantine::QuarantineView;
use console::acts::view::AssociationView;
use serde::Serialize;
use station_daemon::api::model::{Enrollment, Stage as Step};

use super::center::Center;
use super::guest::Invitation;
use super::script::Scene;
use crate::stage::Stage;
use crate::world::Told;

/// One step as a JSON line.
#[derive(Serialize)]
struct Line<'a> {
    step: &'a str,
    person: &'a str,
    band: &'a str,
    outcome: &'a str,
    reason: Option<&'a str>,
    milliseconds: u64,
}

/// Speaks.
#[derive(Debug)]
pub(super) struct Teller {
    json: bool,
    terminal: bool,
    last: Cell<Option<Step>>,
}

impl Teller {
    pub(super) fn new(json: bool, terminal: bool) -> Self {
        Self {
            json,
            terminal,
            last: Cell::new(None),
        }
    }

    /// A sentence of the story.
    pub(super) fn say(&self, text: &str) {
        if self.json {
            eprintln!("{text}");
        } else {
            println!("{text}");
        }
    }

    pub(super) fn opening(&self, stage: &Stage, center: &Center) {
        let link = center
            .link
            .as_deref()
            .unwrap_or("there is an administrator already");
        self.say(&format!(
            "A plant with a console and two stations that have joined it, at the gate and in the hall.\n\
             All of them are real processes on loopback; each station has a Bluetooth of its own, in {}.\n\n\
             The console:                              {}\n\
             The first administrator signs in, once:   {link}\n",
            stage.folder().display(),
            center.web()
        ));
        self.fact("console_ready", "", "", &center.web());
        self.fact("first_link", "", "", link);
    }

    pub(super) fn offline(&self) {
        self.say("The console's plug is pulled. Both stations go on with what they know.\n");
        self.fact("console_gone", "", "", "offline");
    }

    pub(super) fn back(&self) {
        self.say("The console is back. Both stations send what they did, and hear what the other one did.\n");
        self.fact("console_back", "", "", "up_to_date");
    }

    /// The band goes from one kiosk to the other, without anybody's name on it.
    pub(super) fn emptied(&self, scene: &Scene) {
        let Scene { person, serial, .. } = scene;
        self.say(&format!(
            "    {} deletes the user data on {serial} by hand and puts it back on the shelf.\n",
            person.name
        ));
        self.fact("emptied", &person.name, serial, "empty");
    }

    /// Everybody says the same, and nobody had to be asked.
    pub(super) fn settled_by_itself(&self, earlier: &Scene, later: &Scene) {
        let (name, first, second) = (&earlier.person.name, &earlier.serial, &later.serial);
        self.say(&format!(
            "One person with two bands settles itself: the later one counts.\n    \
             ✔ {name} works with {second}; {first} is inactive and stays in reserve.\n      \
             The console and both stations say so.\n"
        ));
        self.fact("resolved", name, second, "active");
        self.fact("resolved", name, first, "inactive");
    }

    /// What an administrator sees on the page *Quarantine*.
    pub(super) fn in_quarantine(&self, found: &QuarantineView) {
        let band = &found.waiting.band;
        let name = |side: &AssociationView| side.user_name.clone().unwrap_or_else(|| side.user.clone());
        let taker = name(&found.waiting);
        self.say(&format!(
            "One band with two people does not: somebody has to decide.\n    ✘ {}",
            found.explanation
        ));
        for (title, side) in [
            ("held by", found.rival.as_ref()),
            ("taken by", Some(&found.waiting)),
        ] {
            let Some(side) = side else { continue };
            self.say(&format!(
                "      {title:<9} {:<10} at {:<5} enrollment {} of {band}",
                name(side),
                format!("{},", side.station.as_deref().unwrap_or("the console")),
                side.band_epoch,
            ));
        }
        self.say(&format!(
            "      Until then it is in quarantine: suspended for {taker}, at the console and at both stations.\n"
        ));
        self.fact("quarantined", &taker, band, found.cause.code());
    }

    /// The administrator has pressed one of the two buttons.
    pub(super) fn settled_by_a_person(&self, first: &Scene, second: &Scene) {
        let (one, other, band) = (&first.person.name, &second.person.name, &second.serial);
        self.say(&format!(
            "An administrator sees both sides on the page Quarantine, hears from {one} that the band was put\n\
             back, and presses “Let {other} have it”.\n    \
             ✔ {other} works with {band}; with {one} it has ended.\n      \
             The console and both stations say so, and the audit says who decided it, and when.\n"
        ));
        self.fact("settled", one, band, "ended");
        self.fact("settled", other, band, "active");
    }

    /// A line for programs that belongs to no enrollment.
    fn fact(&self, step: &str, person: &str, band: &str, outcome: &str) {
        if self.json {
            let line = Line {
                step,
                person,
                band,
                outcome,
                reason: None,
                milliseconds: 0,
            };
            println!("{}", serde_json::to_string(&line).expect("plain data"));
        }
    }

    pub(super) fn enters(&self, scene: &Scene) {
        self.last.set(None);
        self.say(&format!(
            "{} ({}): {}",
            scene.person.name, scene.serial, scene.about
        ));
    }

    pub(super) fn progress(&self, scene: &Scene, now: &Enrollment) {
        let changed = self.last.replace(Some(now.stage)) != Some(now.stage);
        if self.json {
            if changed && !now.stage.is_final() {
                self.line(&step_name(now.stage), scene, "under_way", None, now.elapsed_ms);
            }
            return;
        }
        match (now.stage, &now.touches) {
            (Step::Touch, Some(touches)) => self.touch(touches.count, touches.of, touches.fault.as_deref()),
            (stage, _) if changed => {
                if let Some(text) = sentence(stage, now) {
                    println!("    {text}");
                }
            }
            _ => {}
        }
    }

    /// The ring of touches, drawn over itself on a terminal.
    fn touch(&self, count: u8, of: u8, fault: Option<&str>) {
        let ring: String = (0..of).map(|i| if i < count { '●' } else { '○' }).collect();
        if let Some(fault) = fault {
            println!("{}    {ring}  that touch did not count: {fault}", self.over());
        } else if self.terminal && count < of {
            print!("\r    {ring}  touch {count} of {of}");
            // A terminal that cannot be flushed shows the ring a little later.
            let _ = std::io::stdout().flush();
        } else if count == of {
            println!("{}    {ring}  all {of} touches", self.over());
        }
    }

    fn over(&self) -> &'static str {
        if self.terminal { "\r\u{1b}[K" } else { "" }
    }

    pub(super) fn outcome(&self, scene: &Scene, ended: &Enrollment) {
        let Some(outcome) = &ended.outcome else { return };
        if self.json {
            let (result, reason) = result_and_reason(&outcome.code);
            return self.line("ended", scene, result, reason, ended.elapsed_ms);
        }
        let mark = if outcome.code == "done" { "✔" } else { "✘" };
        println!(
            "    {mark} {} ({:.1} s)",
            outcome.text,
            ended.elapsed_ms as f64 / 1000.0
        );
        if let Some(policy) = &outcome.decided_by {
            println!("      decided by: {policy}");
        }
        if let Some(next) = &outcome.next {
            println!("      what next:  {next}");
        }
        println!();
    }

    pub(super) fn in_process(&self, scene: &Scene, told: &Told) {
        if self.json {
            let (result, reason) = result_and_reason(told.code);
            return self.line("ended", scene, result, reason, told.simulated_ms);
        }
        let mark = if told.code == "done" { "✔" } else { "✘" };
        println!(
            "    {mark} {} ({:.1} s of simulated time)\n",
            told.text,
            told.simulated_ms as f64 / 1000.0
        );
    }

    pub(super) fn closing(&self, stage: &Stage, center: &Center, station: &str, invitation: &Invitation) {
        let Invitation {
            name,
            serial,
            page,
            code,
        } = invitation;
        if self.json {
            self.fact("station_config", "", "", &stage.config().to_string_lossy());
            self.fact("kiosk_page", "", "", page);
            return self.fact("guest", name, serial, code);
        }
        println!("That was the story. Console and stations are still up.\n");
        println!("    {}", center.link.as_deref().unwrap_or(&center.web()));
        println!(
            "\nSign in there, and see Audit for what was decided, Users for whose band is whose, Stations for how each one is."
        );
        println!("\nOr come to the gate yourself. Its kiosk shows this page:\n");
        println!("    {page}");
        println!(
            "\nYou are {name}, and your code to type there is {code}. You wear {serial} and hold it to the kiosk; what it\n\
             shows comes here, and it presses and touches for you."
        );
        println!("\nAnd in another terminal:\n");
        for command in ["status", "bands", "doctor", "journal verify", "journal export"] {
            println!(
                "    cargo run --release -- {station} --config {} {command}",
                stage.config().display()
            );
        }
        println!("\nCtrl-C ends the demo.");
    }

    fn line(&self, step: &str, scene: &Scene, outcome: &str, reason: Option<&str>, milliseconds: u64) {
        let (person, band) = (scene.person.name.as_str(), scene.serial.as_str());
        let line = Line {
            step,
            person,
            band,
            outcome,
            reason,
            milliseconds,
        };
        println!("{}", serde_json::to_string(&line).expect("plain data"));
    }
}

fn result_and_reason(code: &str) -> (&str, Option<&str>) {
    if code == "done" {
        ("done", None)
    } else {
        ("refused", Some(code))
    }
}

fn step_name(stage: Step) -> String {
    match serde_json::to_value(stage) {
        Ok(serde_json::Value::String(name)) => name,
        _ => unreachable!("a stage is a name in JSON"),
    }
}

fn sentence(stage: Step, now: &Enrollment) -> Option<String> {
    Some(match stage {
        Step::LookingForBand => "holds the band to the kiosk".into(),
        Step::SeveralBands => "several bands are near: only one, please".into(),
        Step::Connecting => "the station finds it and connects".into(),
        Step::Checking => {
            "the band proves who made it; the policy is asked before anything is touched".into()
        }
        Step::PutOn => "please put the band on".into(),
        Step::CompareCode => format!(
            "band and kiosk both show {}",
            now.code.as_deref().unwrap_or("a code")
        ),
        Step::Saving => "the journal first, then the band commits and signs".into(),
        Step::DeleteUserData => "the band's user data has to be deleted by hand".into(),
        Step::BringBack => "the link is gone; the band comes back".into(),
        Step::OtherBand => "that is another band".into(),
        Step::Touch | Step::Done | Step::Refused => return None,
    })
}
