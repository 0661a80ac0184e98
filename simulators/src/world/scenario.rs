//! Stories as text: who comes with which band, what goes wrong, and how it must end.
//!
//! ```text
//! # Anything behind a hash is for the reader.
//! zone registration                   # only as the first line; enrollment if absent
//! policy own any stock offline=3600   # self-service, the stock list, the oldest knowledge; each may be absent
//! person mara
//! person jonas
//! person olaf departed
//! stranger nobody                     # somebody of whom the station has not heard
//! band A                              # fresh from the factory
//! band B seos held by jonas
//! band C lost                         # or `retired`, `unknown` to the stock, `foreign` of another make,
//!                                     # `elsewhere`: it serves another organization
//!
//! mara with A => done
//! mara with B => seos_held_by_another
//! jonas with B { take_off_after = 3 } => done
//! mara declining with A => code_mismatch      # says that the codes differ
//! mara leaving with A => code_not_confirmed   # does not compare them
//! mara cancelling with A => cancelled         # presses cancel instead
//! mara by ticket 7 with A => done             # comes with a ticket; everybody else is vouched for
//! kill 12: mara with A => killed
//! settle A => settled
//! delete A                            # by hand, at the band
//! clock -3600                         # the wall clock is set back, in seconds
//! suspend mara
//! A is held by mara
//! C is free
//! ```
//!
//! The braces hold knobs of the band ([`Knobs`]); a second pair holds the link ([`LinkConfig`]).

use std::collections::BTreeMap;
use std::fmt;

use firmware_protocol::band::Wearer;
use firmware_protocol::id::Zone;
use policy::model::{StockState, Suspension, UserStatus};
use serde::de::DeserializeOwned;
use station_core::replica::derived_handle;

use super::sessions::DATE;
use super::station::Compares;
use super::{Expected, Kill, Log, World, ticketed, vouched};
use crate::band::{Knobs, SimBand};
use crate::cast::{Cast, Person};
use crate::link::LinkConfig;

/// Something wrong with a scenario, or with what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioFault {
    /// The line, from 1 on.
    pub line: usize,
    /// What is wrong.
    pub text: String,
}

impl fmt::Display for ScenarioFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.text)
    }
}

impl std::error::Error for ScenarioFault {}

/// One line of a scenario as it came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The line as written, without its comment.
    pub text: String,
    /// What happened, in detail.
    pub log: Vec<String>,
}

/// A story, read and ready to be played.
#[derive(Debug)]
pub struct Scenario {
    cast: Cast,
    persons: BTreeMap<String, Person>,
    bands: Vec<SimBand>,
    places: BTreeMap<String, usize>,
    acts: Vec<(usize, String)>,
}

type Result<T> = std::result::Result<T, String>;

impl Scenario {
    /// Reads a scenario.
    pub fn parse(text: &str) -> std::result::Result<Self, ScenarioFault> {
        let mut scenario = Self {
            cast: Cast::new(1, Zone::Enrollment, DATE),
            persons: BTreeMap::new(),
            bands: Vec::new(),
            places: BTreeMap::new(),
            acts: Vec::new(),
        };
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default().trim();
            scenario.read(index + 1, line).map_err(|text| ScenarioFault {
                line: index + 1,
                text,
            })?;
        }
        Ok(scenario)
    }

    fn read(&mut self, number: usize, line: &str) -> Result<()> {
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            [] => {}
            ["zone", "registration"] => self.cast = Cast::new(1, Zone::Registration, DATE),
            ["policy", ref flags @ ..] => self.set_policy(flags)?,
            ["person", name, ref rest @ ..] => self.add_person(name, rest)?,
            ["stranger", name] => {
                let handle = derived_handle(self.cast.plant.organization(), name);
                let (id, name) = (name.to_owned(), name.to_owned());
                self.persons.insert(id.clone(), Person { id, name, handle });
            }
            ["band", name, ref rest @ ..] => self.add_band(name, rest)?,
            _ => self.acts.push((number, line.into())),
        }
        Ok(())
    }

    fn set_policy(&mut self, flags: &[&str]) -> Result<()> {
        self.cast
            .self_service(flags.contains(&"own"), flags.contains(&"any"));
        let policy = &mut self.cast.file_mut().group_policies[0];
        policy.stock_enforced = Some(flags.contains(&"stock"));
        for flag in flags {
            match flag.split_once('=') {
                Some(("offline", seconds)) => {
                    let seconds = seconds
                        .parse()
                        .map_err(|_| format!("{seconds:?} is no number of seconds"))?;
                    policy.offline_max_age_s = Some(seconds);
                }
                None if ["own", "any", "stock"].contains(flag) => {}
                _ => return Err(format!("a policy has no {flag:?}")),
            }
        }
        Ok(())
    }

    fn add_person(&mut self, name: &str, rest: &[&str]) -> Result<()> {
        let status = match rest {
            [] => UserStatus::Active,
            ["departed"] => UserStatus::Departed,
            other => {
                return Err(format!(
                    "a person is `departed` or nothing, not {:?}",
                    other.join(" ")
                ));
            }
        };
        let person = self.cast.person(name, name);
        let row = self.cast.file_mut().users.last_mut();
        row.expect("just added").status = status;
        self.persons.insert(name.into(), person);
        Ok(())
    }

    fn add_band(&mut self, name: &str, rest: &[&str]) -> Result<()> {
        let (seos, rest) = match rest {
            ["seos", rest @ ..] => (true, rest),
            rest => (false, rest),
        };
        let serial = format!("SIM-{}", name.to_uppercase());
        let mut band = match rest {
            ["unknown"] => self.cast.stray_band(&serial, seos, Knobs::default()),
            ["foreign"] => self.cast.foreign_band(&serial, seos, Knobs::default()),
            ["elsewhere"] => self.band_elsewhere(&serial, seos),
            _ => self.cast.band(&serial, seos, Knobs::default()),
        };
        match rest {
            [] | ["unknown" | "foreign" | "elsewhere"] => {}
            ["lost"] => self.set_stock(StockState::Lost),
            ["retired"] => self.set_stock(StockState::Retired),
            ["held", "by", holder] => {
                let holder = self
                    .persons
                    .get(*holder)
                    .ok_or(format!("no person {holder:?} above"))?;
                self.cast.give(&mut band, holder);
            }
            other => {
                return Err(format!(
                    "a band is `unknown`, `foreign`, `elsewhere`, `lost`, `retired`, `held by NAME` or nothing, not {:?}",
                    other.join(" ")
                ));
            }
        }
        self.places.insert(name.into(), self.bands.len());
        self.bands.push(band);
        Ok(())
    }

    /// A band of the stock that serves somebody of another organization.
    fn band_elsewhere(&mut self, serial: &str, seos: bool) -> SimBand {
        self.cast.band(serial, seos, Knobs::default());
        let mut other = Cast::new(2, Zone::Enrollment, DATE);
        other.maker = self.cast.maker.clone();
        let somebody = other.person("somebody", "somebody");
        let mut band = other.band(serial, seos, Knobs::default());
        other.give(&mut band, &somebody);
        band
    }

    /// What the stock list says of the band that was added last.
    fn set_stock(&mut self, stock: StockState) {
        let band = self.cast.file_mut().bands.last_mut();
        band.expect("just added").stock = stock;
    }

    /// Plays the story and compares every line with what it says.
    pub fn play(self) -> std::result::Result<Vec<Line>, ScenarioFault> {
        let Self {
            cast,
            persons,
            bands,
            places,
            acts,
        } = self;
        let mut world = World::new(&cast, bands, DATE, LinkConfig::default(), 1);
        world.log = Log::kept();
        let expected = Expected::at_start(&world);
        let mut play = Play {
            world,
            persons,
            places,
            expected,
        };
        let mut lines = Vec::new();
        for (number, text) in acts {
            play.act(&text)
                .map_err(|text| ScenarioFault { line: number, text })?;
            lines.push(Line {
                log: play.world.log.take(),
                text,
            });
        }
        Ok(lines)
    }
}

struct Play {
    world: World,
    persons: BTreeMap<String, Person>,
    places: BTreeMap<String, usize>,
    expected: Expected,
}

impl Play {
    fn act(&mut self, line: &str) -> Result<()> {
        if let Some((attempt, outcome)) = line.split_once("=>") {
            return self.attempt(attempt.trim(), outcome.trim());
        }
        let words: Vec<_> = line.split_whitespace().collect();
        match words[..] {
            ["delete", band] => {
                let (band, now) = (self.band(band)?, self.world.now());
                self.world.bands[band].act(now, Wearer::HoldToDelete);
                Ok(())
            }
            ["clock", seconds] => {
                let seconds: i64 = seconds
                    .parse()
                    .map_err(|_| format!("{seconds:?} is no number of seconds"))?;
                self.world.station.shift_clock(seconds);
                Ok(())
            }
            ["suspend", person] => {
                let handle = self.person(person)?.handle;
                let row = self
                    .world
                    .station
                    .directory_mut()
                    .users
                    .get_mut(&handle)
                    .expect("a person has a row");
                row.user.suspension = Some(Suspension::default());
                Ok(())
            }
            [band, "is", "held", "by", person] => self.is_held(band, Some(person)),
            [band, "is", "free"] => self.is_held(band, None),
            _ => Err(format!("not understood: {line:?}")),
        }
    }

    fn attempt(&mut self, text: &str, outcome: &str) -> Result<()> {
        let text = self.take_kill(text)?;
        let (who, knobs, link) = split_braces(&text)?;
        let (compares, words) = comparing(who);
        let (person, band) = match words[..] {
            ["settle", band] => (None, self.band(band)?),
            [person, "with", band] => (Some(vouched(self.person(person)?.handle)), self.band(band)?),
            [person, "by", "ticket", number, "with", band] => {
                let number = number.parse().map_err(|_| format!("no ticket {number:?}"))?;
                let zone = self.world.station.zone();
                let identified = ticketed(self.person(person)?.handle, number, zone);
                (Some(identified), self.band(band)?)
            }
            _ => {
                return Err(format!(
                    "an attempt is `NAME with BAND`, `NAME by ticket NUMBER with BAND` or `settle BAND`, not {who:?}"
                ));
            }
        };
        self.world.station.compares = compares;
        self.world.bands[band].set_knobs(table::<Knobs>(knobs)?);
        self.world.station.set_link(table::<LinkConfig>(link)?);
        let told = self.world.visit(person, band);
        self.world.bands[band].set_knobs(Knobs::default());
        if self.world.station.killed {
            self.world.station.restart();
        }
        self.expected.look_at(&self.world, band);
        if told.code != outcome {
            return Err(format!(
                "it ended with {}, not with {outcome}: {}",
                told.code, told.text
            ));
        }
        let open = self.world.station.memory.intents().next().is_some();
        if open || told.left_open {
            Ok(())
        } else {
            self.expected.check(&self.world).map_err(|fault| fault.0)
        }
    }

    /// `kill 12: ...` kills the station in its twelfth step from here.
    fn take_kill<'a>(&mut self, text: &'a str) -> Result<std::borrow::Cow<'a, str>> {
        let Some((step, rest)) = text.strip_prefix("kill ").and_then(|text| text.split_once(':')) else {
            return Ok(text.into());
        };
        let step: u64 = step.trim().parse().map_err(|_| format!("{step:?} is no step"))?;
        self.world.station.kill = Some(Kill {
            at_step: self.world.station.steps + step,
        });
        Ok(rest.trim().into())
    }

    fn is_held(&self, band: &str, person: Option<&str>) -> Result<()> {
        let place = self.band(band)?;
        let report = self.world.bands[place]
            .report()
            .ok_or(format!("{band} has no power"))?;
        let holder = report.associations.first().map(|held| held.user);
        let wanted = person
            .map(|person| self.person(person))
            .transpose()?
            .map(|person| person.handle);
        if holder == wanted {
            Ok(())
        } else {
            Err(format!("{band} itself says {holder:?}, not {wanted:?}"))
        }
    }

    fn band(&self, name: &str) -> Result<usize> {
        self.places
            .get(name)
            .copied()
            .ok_or(format!("no band {name:?} above"))
    }

    fn person(&self, name: &str) -> Result<&Person> {
        self.persons.get(name).ok_or(format!("no person {name:?} above"))
    }
}

/// What somebody does with the code, and the other words.
fn comparing(who: &str) -> (Compares, Vec<&str>) {
    let mut words: Vec<_> = who.split_whitespace().collect();
    let compares = match words.get(1) {
        Some(&"declining") => Compares::Declines,
        Some(&"leaving") => Compares::Not,
        Some(&"cancelling") => Compares::Cancels,
        _ => return (Compares::Honestly, words),
    };
    words.remove(1);
    (compares, words)
}

/// `who { knobs } { link }`, both tables optional.
fn split_braces(text: &str) -> Result<(&str, &str, &str)> {
    let mut parts = text.splitn(3, '{').map(str::trim);
    let who = parts.next().unwrap_or_default();
    let mut table = || match parts.next() {
        None => Ok(""),
        Some(part) => part
            .strip_suffix('}')
            .map(str::trim)
            .ok_or(format!("a brace is missing behind {part:?}")),
    };
    Ok((who, table()?, table()?))
}

fn table<T: DeserializeOwned>(text: &str) -> Result<T> {
    #[derive(serde::Deserialize)]
    struct Wrapped<T> {
        table: T,
    }
    let wrapped: Wrapped<T> =
        toml::from_str(&format!("table = {{ {text} }}")).map_err(|error| error.message().to_string())?;
    Ok(wrapped.table)
}
