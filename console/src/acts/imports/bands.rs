//! Lists of delivered bands.

use std::collections::HashMap;

use policy::merge::Event;
use policy::model::{Band, BandSerial, StockState, UnixMillis};

use super::Outcome;
use super::diff::{Changes, Difference, ImportSummary};
use super::fault::Faults;
use super::mapping::Subject;
use super::sheet::{Line, Sheet};
use crate::db::{DbError, Tx};
use crate::problem::Problem;
use crate::store::bands::{self as store, BandRow};
use crate::store::history::{self, code};

pub(super) const SUBJECT: Subject = Subject(&[
    (
        "serial",
        &["serialnumber", "serialno", "seriennummer", "band", "bandserial"],
    ),
    ("seos", &["seosenabled"]),
    ("stock", &["stockstate", "bestand"]),
    ("site", &["location", "plant", "standort", "werk"]),
    (
        "delivery",
        &["deliverynote", "shipment", "lieferung", "lieferschein"],
    ),
    ("note", &["comment", "remark", "notiz", "bemerkung"]),
]);

const STOCKS: [(&str, StockState); 5] = [
    ("in_stock", StockState::InStock),
    ("unknown", StockState::Unknown),
    ("damaged", StockState::Damaged),
    ("retired", StockState::Retired),
    ("lost", StockState::Lost),
];
const STOCK_CHOICES: &str = "in_stock, unknown, damaged, retired, lost";

struct Wanted {
    line: u64,
    serial: BandSerial,
    seos: Option<bool>,
    stock: Option<StockState>,
    about: [Option<String>; 3],
}

/// Where a band is kept, the delivery it came with, a note about it.
const ABOUT: [(&str, usize); 3] = [("site", 64), ("delivery", 64), ("note", 500)];

/// A list of bands.
pub(super) struct Bands {
    wanted: Vec<Wanted>,
}

/// What is to be done.
#[derive(Default)]
pub(super) struct Plan {
    stand: Vec<Event>,
    describe: Vec<(BandSerial, String, String, String)>,
}

impl Bands {
    pub(super) fn read(sheet: &Sheet) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let mut seen: HashMap<BandSerial, u64> = HashMap::with_capacity(sheet.len());
        let mut wanted = Vec::with_capacity(sheet.len());
        for line in sheet.lines() {
            let Some(one) = Wanted::read(line, &mut faults) else {
                continue;
            };
            if let Some(first) = seen.insert(one.serial, one.line) {
                let args: &[(&str, &dyn std::fmt::Display)] = &[("id", &one.serial), ("line", &first)];
                faults.add_with(one.line, "serial", "duplicate", args);
            }
            wanted.push(one);
        }
        faults.or(Self { wanted })
    }

    /// What the list would do to `known`, the bands that are there.
    pub(super) fn compare(
        &self,
        known: &HashMap<BandSerial, BandRow>,
        summary: ImportSummary,
    ) -> (Changes, Plan) {
        let mut changes = Changes::new(summary);
        let mut plan = Plan::default();
        for wanted in &self.wanted {
            wanted.compare(known.get(&wanted.serial), &mut changes, &mut plan);
        }
        (changes, plan)
    }

    pub(super) fn outcome(&self, tx: &Tx<'_>, summary: ImportSummary) -> Result<(Outcome, Plan), Problem> {
        let serials: Vec<BandSerial> = self.wanted.iter().map(|wanted| wanted.serial).collect();
        let rows = store::get_all(tx, &serials)?.into_iter();
        let known = rows.map(|row| (row.band.serial, row)).collect();
        let (changes, plan) = self.compare(&known, summary);
        Ok((changes.finish(), plan))
    }
}

impl Plan {
    pub(super) fn apply(&self, tx: &Tx<'_>, now: UnixMillis) -> Result<(), DbError> {
        history::say(tx, self.stand.clone(), now)?;
        store::describe(tx, &self.describe, now)
    }
}

fn yes_or_no(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "1" | "yes" | "true" | "ja" | "x" => Some(true),
        "" | "0" | "no" | "false" | "nein" => Some(false),
        _ => None,
    }
}

/// What a cell says, if it says something; a fault if nobody knows what.
fn choice<T>(
    line: Line<'_>,
    field: &'static str,
    choices: &str,
    read: impl Fn(&str) -> Option<T>,
    faults: &mut Faults,
) -> Option<T> {
    let text = line.get(field).filter(|text| !text.is_empty())?;
    let found = read(text);
    if found.is_none() {
        faults.add_with(
            line.number,
            field,
            "not_one_of",
            &[("found", &text), ("choices", &choices)],
        );
    }
    found
}

impl Wanted {
    fn read(line: Line<'_>, faults: &mut Faults) -> Option<Self> {
        let before = faults.count;
        let about = ABOUT.map(|(field, chars_max)| {
            let text = line.get(field)?;
            if text.len() > chars_max && text.chars().count() > chars_max {
                faults.add_with(line.number, field, "too_long", &[("chars_max", &chars_max)]);
            }
            Some(text.to_owned())
        });
        let seos = choice(line, "seos", "yes, no", yes_or_no, faults);
        let stock_of = |text: &str| {
            let text = text.to_lowercase();
            STOCKS
                .iter()
                .find(|(code, _)| *code == text)
                .map(|(_, stock)| *stock)
        };
        let stock = choice(line, "stock", STOCK_CHOICES, stock_of, faults);
        let text = line.get("serial").unwrap_or("");
        let serial = BandSerial::new(&text.to_ascii_uppercase()).map_err(|why| {
            faults.add_with(
                line.number,
                "serial",
                "id_invalid",
                &[("id", &text), ("why", &why)],
            );
        });
        let serial = serial.ok().filter(|_| faults.count == before)?;
        Some(Self {
            line: line.number,
            serial,
            seos,
            stock,
            about,
        })
    }

    /// A band that somebody said something else of than that it is in stock stays as it is: a list of a
    /// delivery finds no lost bands. Nor does it take away what a band can do.
    fn compare(&self, known: Option<&BandRow>, changes: &mut Changes, plan: &mut Plan) {
        let serial = self.serial;
        let was = known.map(|row| [row.site.clone(), row.delivery.clone(), row.note.clone()]);
        let mut now = was.clone().unwrap_or_default();
        for (now, wanted) in now.iter_mut().zip(&self.about) {
            now.clone_from(wanted.as_ref().unwrap_or(&now.clone()));
        }
        let stock_before = known.map_or(StockState::Unknown, |row| row.band.stock);
        let stock = match stock_before {
            StockState::Unknown => self.stock.unwrap_or(StockState::InStock),
            stands => stands,
        };
        let seos_before = known.is_some_and(|row| row.band.seos);
        let seos = seos_before || self.seos.unwrap_or(false);
        let stands = known.is_none() || stock != stock_before || seos != seos_before;
        let described = was
            .as_ref()
            .map_or(now != <[String; 3]>::default(), |was| *was != now);
        if !stands && !described {
            changes.summary.unchanged += 1;
            return;
        }
        let yes = |seos: bool| if seos { "yes" } else { "no" };
        let about = |index: usize| (was.as_ref().map(|was| was[index].as_str()), now[index].as_str());
        let (site, delivery, note) = (about(0), about(1), about(2));
        let mut fields = Difference::new();
        fields.note("delivery", delivery.0, delivery.1);
        fields.note("note", note.0, note.1);
        fields.note("seos", known.map(|_| yes(seos_before)), yes(seos));
        fields.note("site", site.0, site.1);
        let stock_code = known.map(|_| code(&stock_before));
        fields.note("stock", stock_code.as_deref(), &code(&stock));
        let (what, count) = match known {
            None => ("add", &mut changes.summary.added),
            Some(_) => ("change", &mut changes.summary.changed),
        };
        *count += 1;
        changes.note(self.line, what, serial.as_str(), fields);
        if stands {
            plan.stand.push(Event::BandStands {
                band: Band { serial, seos, stock },
            });
        }
        if described {
            let [site, delivery, note] = now;
            plan.describe.push((serial, site, delivery, note));
        }
    }
}
