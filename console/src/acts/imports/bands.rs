//! Lists of delivered bands.

use std::collections::HashMap;

use policy::merge::Event;
use policy::model::{Band, BandSerial, StockState, UnixMillis};
use serde_json::json;

use super::ImportSummary;
use super::sheet::{Faults, Line, Sheet, read};
use crate::db::{DbError, Tx};
use crate::problem::Problem;
use crate::store::bands::{self as store, BandRow};
use crate::store::history;

const HEADINGS: &[&str] = &["serial", "seos", "site", "delivery", "note"];

struct Wanted {
    line: u64,
    serial: BandSerial,
    seos: Option<bool>,
    site: Option<String>,
    delivery: Option<String>,
    note: Option<String>,
}

/// A list of bands.
pub(super) struct Bands {
    wanted: Vec<Wanted>,
    encoding: &'static str,
    delimiter: char,
}

/// What is to be done.
#[derive(Default)]
pub(super) struct Plan {
    stand: Vec<Event>,
    describe: Vec<(BandSerial, String, String, String)>,
}

impl Bands {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Faults> {
        let sheet = read(bytes, HEADINGS)?;
        let mut faults = Faults::default();
        let mut seen: HashMap<BandSerial, u64> = HashMap::with_capacity(sheet.lines.len());
        let mut wanted = Vec::with_capacity(sheet.lines.len());
        for line in &sheet.lines {
            let Some(one) = Wanted::read(&sheet, line, &mut faults) else {
                continue;
            };
            if let Some(first) = seen.insert(one.serial, line.number) {
                faults.add(line.number, "serial", format!("{} stands on line {first} too", one.serial));
            }
            wanted.push(one);
        }
        if faults.count > 0 {
            return Err(faults);
        }
        Ok(Self {
            wanted,
            encoding: sheet.encoding,
            delimiter: sheet.delimiter,
        })
    }

    pub(super) fn compare(&self, tx: &Tx<'_>) -> Result<(ImportSummary, Plan), DbError> {
        let serials: Vec<BandSerial> = self.wanted.iter().map(|wanted| wanted.serial).collect();
        let rows = store::get_all(tx, &serials)?.into_iter();
        let known: HashMap<BandSerial, BandRow> = rows.map(|row| (row.band.serial, row)).collect();
        let mut summary = ImportSummary {
            rows: self.wanted.len() as u64,
            encoding: self.encoding.into(),
            delimiter: self.delimiter.into(),
            ..ImportSummary::default()
        };
        let mut plan = Plan::default();
        for wanted in &self.wanted {
            wanted.compare(known.get(&wanted.serial), &mut summary, &mut plan);
        }
        Ok((summary, plan))
    }

    pub(super) fn apply(&self, tx: &Tx<'_>, now: UnixMillis) -> Result<ImportSummary, Problem> {
        let (summary, plan) = self.compare(tx)?;
        history::say(tx, plan.stand, now)?;
        store::describe(tx, &plan.describe, now)?;
        Ok(summary)
    }
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "1" | "yes" | "true" | "ja" | "x" => Some(true),
        "" | "0" | "no" | "false" | "nein" => Some(false),
        _ => None,
    }
}

impl Wanted {
    fn read(sheet: &Sheet, line: &Line, faults: &mut Faults) -> Option<Self> {
        let before = faults.count;
        let mut take = |heading: &str, chars_max: usize| {
            let text = sheet.get(line, heading)?;
            if text.chars().count() > chars_max {
                faults.add(line.number, heading, format!("has more than {chars_max} characters"));
            }
            Some(text.to_owned())
        };
        let (site, delivery, note) = (take("site", 64), take("delivery", 64), take("note", 500));
        let seos = sheet.get(line, "seos").map(|text| (text, yes_or_no(text)));
        if let Some((text, None)) = seos {
            faults.add(line.number, "seos", format!("{text:?} is neither yes nor no"));
        }
        let serial = BandSerial::new(sheet.get(line, "serial").unwrap_or(""));
        if let Err(fault) = &serial {
            faults.add(line.number, "serial", fault.to_string());
        }
        let serial = serial.ok().filter(|_| faults.count == before)?;
        let (number, seos) = (line.number, seos.and_then(|(_, seos)| seos));
        Some(Self { line: number, serial, seos, site, delivery, note })
    }

    /// A band that somebody said something else of than that it is in stock stays as it is: a list of a
    /// delivery finds no lost bands.
    fn compare(&self, known: Option<&BandRow>, summary: &mut ImportSummary, plan: &mut Plan) {
        let serial = self.serial;
        let was = known.map(|row| (row.site.clone(), row.delivery.clone(), row.note.clone()));
        let (site, delivery, note) = was.clone().unwrap_or_default();
        let or = |wanted: &Option<String>, known: String| wanted.clone().unwrap_or(known);
        let now = (or(&self.site, site), or(&self.delivery, delivery), or(&self.note, note));
        let unlisted = known.is_none_or(|row| row.band.stock == StockState::Unknown);
        let seos_before = known.is_some_and(|row| row.band.seos);
        let seos = seos_before || self.seos.unwrap_or(false);
        if unlisted || seos != seos_before {
            let stock = if unlisted { StockState::InStock } else { known.map_or(StockState::InStock, |row| row.band.stock) };
            plan.stand.push(Event::BandStands { band: Band { serial, seos, stock } });
        }
        let described = was.as_ref() != Some(&now);
        let fields = json!({ "seos": seos, "site": now.0, "delivery": now.1 });
        if known.is_none() {
            summary.added += 1;
            summary.note(self.line, "add", serial.as_str(), fields);
        } else if unlisted || seos != seos_before || described {
            summary.changed += 1;
            summary.note(self.line, "change", serial.as_str(), fields);
        } else {
            summary.unchanged += 1;
        }
        if described {
            plan.describe.push((serial, now.0, now.1, now.2));
        }
    }
}
