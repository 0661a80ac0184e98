//! Lists of users.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use policy::merge::Event;
use policy::model::{UnixMillis, UserId, UserStatus};
use serde_json::json;
use station_core::label::is_label;
use station_core::replica::derived_handle;
use unicode_normalization::UnicodeNormalization;

use super::sheet::{Faults, Line, Sheet, read};
use super::{ImportOptions, ImportSummary};
use crate::db::{DbError, Tx};
use crate::problem::Problem;
use crate::store::users::{self as store, UserFields};
use crate::store::{history, settings};

const HEADINGS: &[&str] = &["id", "name", "site", "label", "mail", "note", "status"];
/// Deactivating this many is nothing unusual, however small the plant.
const DEACTIVATED_FREE: u64 = 3;

/// Somebody on the list. What the list has no column for stays as it is.
struct Wanted {
    line: u64,
    id: UserId,
    name: Option<String>,
    site: Option<String>,
    label: Option<String>,
    mail: Option<String>,
    note: Option<String>,
    status: Option<UserStatus>,
}

/// A list of users.
pub(super) struct Users {
    wanted: Vec<Wanted>,
    look_alikes: Vec<String>,
    encoding: &'static str,
    delimiter: char,
}

/// What is there.
struct Known {
    fields: UserFields,
    status: UserStatus,
}

/// What is to be done.
#[derive(Default)]
pub(super) struct Plan {
    add: Vec<(UserId, UserFields)>,
    change: Vec<(UserId, UserFields)>,
    moved: Vec<(UserId, String)>,
    stand: Vec<(UserId, UserStatus)>,
}

impl Users {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Faults> {
        let sheet = read(bytes, HEADINGS)?;
        let mut faults = Faults::default();
        let mut seen: HashMap<String, u64> = HashMap::with_capacity(sheet.lines.len());
        let mut wanted = Vec::with_capacity(sheet.lines.len());
        for line in &sheet.lines {
            let Some(one) = Wanted::read(&sheet, line, &mut faults) else {
                continue;
            };
            if let Some(first) = seen.insert(one.id.to_string(), line.number) {
                faults.add(line.number, "id", format!("{} stands on line {first} too", one.id));
            }
            wanted.push(one);
        }
        if faults.count > 0 {
            return Err(faults);
        }
        Ok(Self {
            look_alikes: look_alikes(wanted.iter().map(|one| one.id.as_str())),
            wanted,
            encoding: sheet.encoding,
            delimiter: sheet.delimiter,
        })
    }

    pub(super) fn compare(&self, tx: &Tx<'_>, options: ImportOptions) -> Result<(ImportSummary, Plan), DbError> {
        let known = known(tx)?;
        let active = |known: &&Known| known.status == UserStatus::Active;
        let mut summary = ImportSummary {
            rows: self.wanted.len() as u64,
            active_before: known.values().filter(active).count() as u64,
            look_alikes: self.look_alikes.clone(),
            encoding: self.encoding.into(),
            delimiter: self.delimiter.into(),
            ..ImportSummary::default()
        };
        let mut plan = Plan::default();
        for wanted in &self.wanted {
            wanted.compare(known.get(wanted.id.as_str()), &mut summary, &mut plan);
        }
        if options.complete {
            self.miss(&known, &mut summary, &mut plan);
        }
        let limit = (summary.active_before / 20).max(DEACTIVATED_FREE);
        summary.needs_second_person = summary.deactivated > limit;
        Ok((summary, plan))
    }

    /// Whoever is active and not on a list of everybody has departed.
    fn miss(&self, known: &HashMap<String, Known>, summary: &mut ImportSummary, plan: &mut Plan) {
        let listed: BTreeSet<&str> = self.wanted.iter().map(|wanted| wanted.id.as_str()).collect();
        let missing: BTreeMap<&String, &Known> = known
            .iter()
            .filter(|(id, known)| known.status == UserStatus::Active && !listed.contains(id.as_str()))
            .collect();
        for id in missing.into_keys() {
            let Ok(user) = UserId::new(id) else { continue };
            summary.deactivated += 1;
            summary.note(0, "deactivate", id, json!({ "status": ["active", "departed"] }));
            plan.stand.push((user, UserStatus::Departed));
        }
    }

    pub(super) fn apply(
        &self,
        tx: &Tx<'_>,
        options: ImportOptions,
        now: UnixMillis,
    ) -> Result<ImportSummary, Problem> {
        let (summary, plan) = self.compare(tx, options)?;
        if !plan.add.is_empty() {
            let organization = settings::organization_id(tx)?;
            let with_handle = |(id, fields): &(UserId, UserFields)| {
                let handle = derived_handle(organization, id.as_str()).0;
                (id.clone(), handle, fields.clone())
            };
            let rows: Vec<_> = plan.add.iter().map(with_handle).collect();
            store::insert(tx, &rows, now)?;
        }
        store::update(tx, &plan.change, now)?;
        for (user, site) in &plan.moved {
            store::mark_associations(tx, user, site)?;
        }
        let stands = |(user, status)| Event::UserStands { user, status };
        history::say(tx, plan.stand.into_iter().map(stands).collect(), now)?;
        Ok(summary)
    }
}

fn known(tx: &Tx<'_>) -> Result<HashMap<String, Known>, DbError> {
    let mut known = HashMap::new();
    tx.each("select id, name, site, label, mail, note, status from users", &[], |row| {
        let fields = UserFields {
            name: row.text(1)?,
            site: row.text(2)?,
            label: row.text(3)?,
            mail: row.text(4)?,
            note: row.text(5)?,
        };
        let status = match row.text(6)?.as_str() {
            "active" => UserStatus::Active,
            "not_yet" => UserStatus::NotYet,
            "departed" => UserStatus::Departed,
            _ => UserStatus::Unknown,
        };
        known.insert(row.text(0)?, Known { fields, status });
        Ok(())
    })?;
    Ok(known)
}

fn status(text: &str) -> Option<UserStatus> {
    match text.to_lowercase().as_str() {
        "" | "active" => Some(UserStatus::Active),
        "not_yet" => Some(UserStatus::NotYet),
        "departed" => Some(UserStatus::Departed),
        "unknown" => Some(UserStatus::Unknown),
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
        let (name, site) = (take("name", 200), take("site", 64));
        let (label, mail, note) = (take("label", 12), take("mail", 254), take("note", 500));
        if label.as_deref().is_some_and(|label| !is_label(label)) {
            faults.add(line.number, "label", "cannot be shown on a band");
        }
        let odd = |mail: &String| !mail.is_empty() && (!mail.contains('@') || mail.contains(char::is_whitespace));
        if mail.as_ref().is_some_and(odd) {
            faults.add(line.number, "mail", "is not an address");
        }
        let stands = sheet.get(line, "status").map(|text| (text, status(text)));
        if let Some((text, None)) = stands {
            let problem = format!("{text:?} is none of active, not_yet, departed, unknown");
            faults.add(line.number, "status", problem);
        }
        let id = UserId::new(sheet.get(line, "id").unwrap_or(""));
        if let Err(fault) = &id {
            faults.add(line.number, "id", fault.to_string());
        }
        let number = line.number;
        let id = id.ok().filter(|_| faults.count == before)?;
        let status = stands.and_then(|(_, status)| status);
        Some(Self { line: number, id, name, site, label, mail, note, status })
    }

    fn fields(&self, known: &UserFields) -> UserFields {
        let or = |wanted: &Option<String>, known: &String| wanted.clone().unwrap_or_else(|| known.clone());
        UserFields {
            name: or(&self.name, &known.name),
            site: or(&self.site, &known.site),
            label: or(&self.label, &known.label),
            mail: or(&self.mail, &known.mail),
            note: or(&self.note, &known.note),
        }
    }

    fn compare(&self, known: Option<&Known>, summary: &mut ImportSummary, plan: &mut Plan) {
        let id = self.id.as_str();
        let Some(known) = known else {
            summary.added += 1;
            let fields = self.fields(&UserFields::default());
            summary.note(self.line, "add", id, json!({ "name": fields.name, "site": fields.site }));
            plan.add.push((self.id.clone(), fields));
            let odd = self.status.filter(|status| *status != UserStatus::Active);
            plan.stand.extend(odd.map(|status| (self.id.clone(), status)));
            return;
        };
        let fields = self.fields(&known.fields);
        let stands = self.status.filter(|status| *status != known.status);
        let mut different = difference(&known.fields, &fields);
        if let Some(status) = stands {
            different.insert("status".into(), json!([known.status, status]));
            plan.stand.push((self.id.clone(), status));
        }
        if different.is_empty() {
            summary.unchanged += 1;
            return;
        }
        let leaves = known.status == UserStatus::Active && stands.is_some();
        summary.deactivated += u64::from(leaves);
        summary.changed += 1;
        summary.note(self.line, if leaves { "deactivate" } else { "change" }, id, different.into());
        if known.fields.site != fields.site {
            plan.moved.push((self.id.clone(), fields.site.clone()));
        }
        if known.fields != fields {
            plan.change.push((self.id.clone(), fields));
        }
    }
}

fn difference(before: &UserFields, after: &UserFields) -> serde_json::Map<String, serde_json::Value> {
    let pairs = [
        ("name", &before.name, &after.name),
        ("site", &before.site, &after.site),
        ("label", &before.label, &after.label),
        ("mail", &before.mail, &after.mail),
        ("note", &before.note, &after.note),
    ];
    let different = pairs.into_iter().filter(|(_, before, after)| before != after);
    different.map(|(name, before, after)| (name.to_owned(), json!([before, after]))).collect()
}

/// Identifiers that differ only in case, in the spelling of their letters or in white space are different
/// people here; whoever brings the list may not have meant that.
fn look_alikes<'i>(ids: impl Iterator<Item = &'i str>) -> Vec<String> {
    let mut seen: HashMap<String, &str> = HashMap::new();
    let mut alike = Vec::new();
    for id in ids {
        let plain: String = id.nfkc().flat_map(char::to_lowercase).filter(|c| !c.is_whitespace()).collect();
        if let Some(other) = seen.insert(plain, id)
            && alike.len() < super::LISTED_MAX
        {
            alike.push(format!("{other} / {id}"));
        }
    }
    alike
}
