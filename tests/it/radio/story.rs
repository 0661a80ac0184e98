//! Stories as text, played by the real station before bands on a ground.
//!
//! ```text
//! policy own any                      # both flags of the group policy
//! person mara
//! band A                              # fresh from the factory
//! band B seos held by jonas
//! station band_seconds_max = 10       # a line of the section [enrollment]
//!
//! doubles dropped                     # the adapter reports a band once per scan; or: doubles reported
//! interval 7.5                        # milliseconds, for links from now on
//! mtu A 23                            # the band is switched off and comes back with this MTU
//! mara with A => done                 # A is held to the kiosk, all others are across the hall
//! mara takes A => done                # whoever is where stays there
//! mara with A { touch_ms = 150 } when touch: unplug; when bring_back: plug => done
//! mara with A at frame 12 => done     # the band ends the link there
//! A is held by mara
//! ```
//!
//! What can be done between attempts and within them is in [`Player::act`]; the braces hold knobs of the band
//! ([`Knobs`]).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use firmware_protocol::band::Wearer;
use simulators::band::Knobs;
use simulators::bluez::{Layout, Service};
use simulators::cast::Person;
use simulators::ground::Ground;
use simulators::stage::{Daemon, FAR_DBM, HELD_DBM};
use station_daemon::api::model::{Bands, Enrollment, Status};
use station_daemon::problem::Problem;
use tokio::time::{interval, timeout};

use super::desk::{Desk, Lease};
use crate::kiosk::{LIMIT, Seen, by_ticket, enroll_watched, quick};

/// Between two looks at something that sends no event.
const LOOK: Duration = Duration::from_millis(50);
/// Longest wait until a band is heard: an emulated machine with many bands around it falls behind by a minute.
const HEARD_LIMIT: Duration = Duration::from_secs(200);
/// A band stronger by so much is meant, beyond the configuration's own lead.
const CLEARLY_DB: i16 = 10;
const LOG: &str = "[log]\nlevel = \"info,station_daemon::radio=debug\"\n\n";

type Result<T> = std::result::Result<T, String>;

/// What an attempt took, for those who want to know.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) line: String,
    pub(crate) elapsed: Duration,
}

/// Plays the story `text` on `ground`; a line that does not come true fails the test.
pub(crate) async fn play(ground: Option<Lease>, name: &str, text: &str) -> Vec<Told> {
    let Some(ground) = ground else { return Vec::new() };
    let mut player = Player::new(ground);
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Err(fault) = player.line(line).await {
            if let Some(known) = player.known() {
                println!("{name}: SKIPPED from line {}: {known}", index + 1);
                return player.told;
            }
            let more = match player.daemon.take() {
                Some(daemon) => player.desk.told(&daemon),
                None => String::new(),
            };
            panic!("{name}, line {}: `{line}`: {fault}\n{more}", index + 1);
        }
    }
    player.end().await;
    player.told
}

struct Player {
    desk: Desk,
    persons: BTreeMap<String, Person>,
    names: BTreeMap<String, usize>,
    station: String,
    /// Runs since the first line that needs it.
    daemon: Option<Daemon>,
    /// Commits from before the story.
    past: BTreeSet<String>,
    told: Vec<Told>,
}

impl Player {
    fn new(ground: Lease) -> Self {
        let mut desk = Desk::new(ground);
        desk.cast.self_service(false, false);
        Self {
            desk,
            persons: BTreeMap::new(),
            names: BTreeMap::new(),
            station: format!("{LOG}[enrollment]\n"),
            daemon: None,
            past: BTreeSet::new(),
            told: Vec::new(),
        }
    }

    /// A fault of the machine's own kernel that took the ground from under the story. A station cannot help it, so the
    /// story says nothing of the station.
    fn known(&mut self) -> Option<String> {
        let Ground::Real(real) = &mut *self.desk.ground else {
            return None;
        };
        real.kernel_fault()
    }

    async fn line(&mut self, line: &str) -> Result<()> {
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            [] => Ok(()),
            ["policy", ref flags @ ..] => {
                self.desk
                    .cast
                    .self_service(flags.contains(&"own"), flags.contains(&"any"));
                Ok(())
            }
            ["person", name] => {
                let person = self.desk.cast.person(name, name);
                self.persons.insert(name.into(), person);
                Ok(())
            }
            ["band", name, ref rest @ ..] => self.add_band(name, rest),
            ["station", ref rest @ ..] => {
                self.station += &(rest.join(" ") + "\n");
                Ok(())
            }
            _ => self.deed(line).await,
        }
    }

    fn add_band(&mut self, name: &str, rest: &[&str]) -> Result<()> {
        let (seos, rest) = match rest {
            ["seos", rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let mut band = self.desk.cast.band(&format!("SIM-{name}"), seos, quick());
        match rest {
            [] => {}
            ["held", "by", holder] => {
                let holder = self.persons.get(*holder).ok_or("no such person above")?;
                self.desk.cast.give(&mut band, holder);
                band.set_knobs(quick());
            }
            other => return Err(format!("a band is `held by NAME` or nothing, not {other:?}")),
        }
        let number = self.desk.put(band, FAR_DBM);
        self.names.insert(name.into(), number);
        Ok(())
    }

    /// A line that needs the station.
    async fn deed(&mut self, line: &str) -> Result<()> {
        if self.daemon.is_none() {
            self.past = self.desk.made();
            self.desk.init(&self.station);
            self.daemon = Some(self.desk.start().await);
        }
        if let Some((attempt, outcome)) = line.split_once("=>") {
            return self.attempt(attempt.trim(), outcome.trim()).await;
        }
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["radio", "is", state] => self.until_radio_is(state).await,
            [band, "is", "held", "by", person] => self.is_held(band, Some(person)),
            [band, "is", "free"] => self.is_held(band, None),
            _ => self.act(line),
        }
    }

    /// Something that happens at once.
    fn act(&mut self, line: &str) -> Result<()> {
        let ground = &mut self.desk.ground;
        let done = match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["power", "off"] => ground.power(false),
            ["power", "on"] => ground.power(true),
            ["unplug"] => ground.unplug(),
            ["plug"] => ground.plug(),
            ["kill", "bluez"] => ground.kill_bluez(),
            ["start", "bluez"] => ground.start_bluez(),
            ["kill", "bus"] => ground.kill_bus(),
            ["start", "bus"] => ground.start_bus(),
            ["doubles", what] => {
                ground.set_drops_doubles(what == "dropped");
                Ok(())
            }
            ["interval", ms] => {
                let ms: f64 = ms.parse().map_err(|_| "no number of milliseconds")?;
                ground.set_interval(Duration::from_secs_f64(ms / 1000.0))
            }
            [verb, band] => return self.act_on(verb, band),
            ["mtu", band, mtu] => {
                let mtu = mtu.parse().map_err(|_| "no MTU")?;
                return self.restart(band, move |config| config.mtu_bytes_max = mtu);
            }
            [band, "at", dbm] => {
                let dbm = dbm.parse().map_err(|_| "no number of dBm")?;
                let band = self.band(band)?;
                self.desk.bands[band].set_rssi(dbm);
                return Ok(());
            }
            _ => return Err("not understood".into()),
        };
        done.map_err(|error| error.to_string())
    }

    fn act_on(&mut self, verb: &str, name: &str) -> Result<()> {
        let band = self.band(name)?;
        let place = &self.desk.bands[band];
        match verb {
            "near" => {
                for (other, place) in self.desk.bands.iter().enumerate() {
                    place.set_rssi(if other == band { HELD_DBM } else { FAR_DBM });
                }
            }
            "leave" => place.set_in_range(false),
            "return" => place.set_in_range(true),
            "cut" => place.drop_link(),
            "delete" => place.with(|wrist, now| wrist.band.act(now, Wearer::HoldToDelete)),
            "restart" => return self.restart(name, |_| {}),
            "update" => return self.restart(name, |config| config.layout = moved(config.layout.clone())),
            _ => return Err("not understood".into()),
        }
        Ok(())
    }

    /// The band loses its power and comes back at once, with what `change` makes of it.
    fn restart(&mut self, name: &str, change: impl FnOnce(&mut simulators::bluez::BandConfig)) -> Result<()> {
        let band = self.band(name)?;
        let place = &mut self.desk.bands[band];
        place.restart(&self.desk.ground, |config, wrist, now| {
            wrist.band.reset(now);
            change(config);
        });
        Ok(())
    }

    async fn attempt(&mut self, text: &str, outcome: &str) -> Result<()> {
        let mut attempt = Attempt::parse(text)?;
        let (person, band) = (self.person(attempt.person)?, self.band(attempt.band)?);
        if attempt.is_held {
            self.act_on("near", attempt.band)?;
        }
        self.until_nearest(band).await?;
        let (knobs, frame) = (attempt.knobs.clone(), attempt.frame);
        self.desk.bands[band].with(move |wrist, _| {
            wrist.band.set_knobs(knobs);
            wrist.ends_at = frame.map(|frame| wrist.frames + frame);
        });
        let start = by_ticket(&self.desk.cast.ticket(&person));
        let daemon = self.daemon.take().ok_or("the station does not run")?;
        let mut fault = Ok(());
        let began = std::time::Instant::now();
        let seen = enroll_watched(&daemon, &start, |now| {
            for act in attempt.due(now) {
                fault = std::mem::replace(&mut fault, Ok(())).and(self.act(act));
            }
        });
        let seen = seen.await;
        self.daemon = Some(daemon);
        self.told.push(Told {
            line: format!("{text} => {}", seen.code()),
            elapsed: began.elapsed(),
        });
        fault?;
        attempt.all_happened()?;
        self.ended(band, &seen, outcome)
    }

    fn ended(&self, band: usize, seen: &Seen, outcome: &str) -> Result<()> {
        if seen.code() != outcome {
            return Err(format!("it ended with {}: {seen:?}", seen.code()));
        }
        let Seen::Ended(ended) = seen else { return Ok(()) };
        let expected = self.desk.bands[band].with(|wrist, _| wrist.band.serial().to_string());
        match &ended.band {
            Some(info) if outcome == "done" && info.serial != expected => {
                Err(format!("it was done with {}", info.serial))
            }
            _ => Ok(()),
        }
    }

    /// Waits until the station hears the band as clearly nearer than any other.
    async fn until_nearest(&self, band: usize) -> Result<()> {
        let daemon = self.daemon.as_ref().ok_or("the station does not run")?;
        let address = self.desk.bands[band].config.address.to_string().replace(':', "_");
        let is_meant = |bands: &Bands| match &bands.bands[..] {
            [first, rest @ ..] => {
                let next = rest.first().map_or(i16::MIN, |next| next.rssi_dbm + CLEARLY_DB);
                first.near && first.device.contains(&address) && next <= first.rssi_dbm
            }
            [] => false,
        };
        let mut looks = interval(LOOK);
        let looked = async {
            while !is_meant(&daemon.client.get("/api/v1/bands").await?) {
                looks.tick().await;
            }
            Ok::<_, Problem>(())
        };
        let looked = timeout(HEARD_LIMIT, looked)
            .await
            .map_err(|_| "it was never heard so near")?;
        looked.map_err(|error| error.to_string())
    }

    async fn until_radio_is(&mut self, state: &str) -> Result<()> {
        let daemon = self.daemon.as_ref().ok_or("the station does not run")?;
        let mut looks = interval(LOOK);
        let looked = async {
            loop {
                looks.tick().await;
                let status: Status = daemon.client.get("/api/v1/status").await?;
                if status.radio == state {
                    return Ok::<_, Problem>(());
                }
            }
        };
        let looked = timeout(LIMIT, looked).await;
        looked
            .map_err(|_| "it never was")?
            .map_err(|error| error.to_string())
    }

    fn is_held(&self, band: &str, person: Option<&str>) -> Result<()> {
        let band = self.band(band)?;
        let report = self.desk.bands[band].with(|wrist, _| wrist.band.report());
        let report = report.ok_or("the band has no power")?;
        let holder = report.associations.first().map(|held| held.user);
        let wanted = person.map(|name| self.person(name)).transpose()?;
        let wanted = wanted.map(|person| person.handle);
        match holder == wanted {
            true => Ok(()),
            false => Err(format!("the band itself says {holder:?}, not {wanted:?}")),
        }
    }

    fn band(&self, name: &str) -> Result<usize> {
        let band = self.names.get(name).copied();
        band.ok_or(format!("no band {name:?} above"))
    }

    fn person(&self, name: &str) -> Result<Person> {
        let person = self.persons.get(name).cloned();
        person.ok_or(format!("no person {name:?} above"))
    }

    /// Band and journal agree, and the station stops as it should.
    async fn end(&mut self) {
        self.desk.agrees(&self.past);
        if let Some(daemon) = self.daemon.take() {
            assert!(daemon.stop().await.unwrap().success());
        }
    }
}

/// The same characteristics at other handles, behind a service that was not there before.
fn moved(layout: Layout) -> Layout {
    let new = Service {
        uuid: 0x6b5e_0099_8d4a_4c1f_9a37_2f0c_51d7_b0a4,
        characteristics: vec![simulators::bluez::Characteristic {
            uuid: 0x6b5e_009a_8d4a_4c1f_9a37_2f0c_51d7_b0a4,
            flags: vec!["read"],
            role: simulators::bluez::Role::Fixed(b"new".to_vec()),
        }],
    };
    let mut services = layout.services;
    services.insert(1, new);
    Layout { services, ..layout }
}

/// `NAME with BAND { knobs } at frame N when STAGE: act, act; when STAGE: act`.
struct Attempt<'a> {
    person: &'a str,
    band: &'a str,
    is_held: bool,
    knobs: Knobs,
    frame: Option<u64>,
    /// Stages, and what happens when they are seen first.
    deeds: Vec<(&'a str, Vec<&'a str>)>,
}

impl<'a> Attempt<'a> {
    fn parse(text: &'a str) -> Result<Self> {
        let (text, deeds) = match text.split_once(" when ") {
            Some((text, deeds)) => (text, deeds.split("; when ").map(deed).collect::<Result<_>>()?),
            None => (text, Vec::new()),
        };
        let (text, frame) = match text.split_once(" at frame ") {
            Some((text, frame)) => (text, Some(frame.trim().parse().map_err(|_| "no frame")?)),
            None => (text, None),
        };
        let (who, knobs) = text.split_once('{').unwrap_or((text, "}"));
        let knobs = knobs.trim().strip_suffix('}').ok_or("a brace is missing")?;
        let words: Vec<_> = who.split_whitespace().collect();
        let (person, verb, band) = match words[..] {
            [person, verb @ ("with" | "takes"), band] => (person, verb, band),
            _ => return Err("an attempt is `NAME with BAND`".into()),
        };
        Ok(Self {
            person,
            band,
            is_held: verb == "with",
            knobs: with_knobs(knobs)?,
            frame,
            deeds,
        })
    }

    /// What is to happen now that the attempt stands like this.
    fn due(&mut self, now: &Enrollment) -> Vec<&'a str> {
        let stage = serde_json::to_value(now.stage).expect("a stage has a name");
        let at = |(name, _): &(&str, _)| stage == *name;
        match self.deeds.iter().position(at) {
            Some(index) => self.deeds.remove(index).1,
            None => Vec::new(),
        }
    }

    fn all_happened(&self) -> Result<()> {
        match self.deeds.first() {
            Some((stage, _)) => Err(format!("the stage {stage} was never seen")),
            None => Ok(()),
        }
    }
}

fn deed(text: &str) -> Result<(&str, Vec<&str>)> {
    let (stage, acts) = text.split_once(':').ok_or("a stage ends with a colon")?;
    Ok((stage.trim(), acts.split(',').map(str::trim).collect()))
}

/// A quick wrist with these knobs turned.
fn with_knobs(text: &str) -> Result<Knobs> {
    let turned: toml::Table =
        toml::from_str(&text.replace(',', "\n")).map_err(|error| error.message().to_string())?;
    let mut knobs = toml::Table::try_from(quick()).map_err(|error| error.to_string())?;
    knobs.extend(turned);
    knobs
        .try_into()
        .map_err(|error: toml::de::Error| error.message().to_string())
}
