//! Lists of users: what is wanted (pure), what is there (read), what differs (pure), and making it so.

use std::collections::{BTreeSet, HashMap, HashSet};

use policy::merge::Event;
use policy::model::{UnixMillis, UserId, UserStatus};
use station_core::label::is_label;
use station_core::replica::derived_handle;
use unicode_normalization::UnicodeNormalization;

use super::diff::{Changes, Difference, ImportSummary};
use super::fault::Faults;
use super::mapping::Subject;
use super::sheet::{Line, Sheet};
use super::{ImportOptions, Outcome};
use crate::db::{DbError, Tx};
use crate::problem::Problem;
use crate::store::users::{self as store, UserFields};
use crate::store::{history, settings};

pub(super) const SUBJECT: Subject = Subject(&[
    (
        "id",
        &[
            "userid",
            "user",
            "externalid",
            "employeeid",
            "personnelnumber",
            "personalnummer",
            "benutzer",
            "benutzerid",
        ],
    ),
    ("name", &["fullname", "displayname", "anzeigename"]),
    (
        "site",
        &["location", "plant", "standort", "werk", "profilefieldlocation"],
    ),
    ("label", &["bandlabel", "beschriftung"]),
    (
        "mail",
        &[
            "email",
            "emailaddress",
            "mailaddress",
            "mailadresse",
            "emailadresse",
        ],
    ),
    ("note", &["comment", "remark", "notiz", "bemerkung"]),
    ("status", &["state", "zustand"]),
]);
const STATUSES: [(&str, UserStatus); 4] = [
    ("active", UserStatus::Active),
    ("not_yet", UserStatus::NotYet),
    ("departed", UserStatus::Departed),
    ("unknown", UserStatus::Unknown),
];

/// People who are added with one look at the memory: a part of a list that stays in the processor's cache.
const ROWS_AT_ONCE: usize = 4096;

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
    look_alikes: Vec<(String, String)>,
}

/// Somebody who is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) fields: UserFields,
    pub(super) status: UserStatus,
}

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    add: Vec<(UserId, UserFields)>,
    change: Vec<(UserId, UserFields)>,
    moved: Vec<(UserId, String)>,
    stand: Vec<(UserId, UserStatus)>,
}

impl Users {
    pub(super) fn read(sheet: &Sheet, options: &ImportOptions) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let mut seen = Seen::default();
        let mut wanted = Vec::with_capacity(sheet.len());
        for line in sheet.lines() {
            let Some(one) = Wanted::read(line, &mut faults) else {
                continue;
            };
            seen.check(&one, options.allow_look_alikes, &mut faults);
            wanted.push(one);
        }
        if options.complete && wanted.is_empty() {
            faults.add(0, "", "nobody_listed");
        }
        faults.or(Self {
            wanted,
            look_alikes: seen.alike,
        })
    }

    /// What the list would do to `known`, the people who are there.
    pub(super) fn compare(
        &self,
        known: &HashMap<String, Known>,
        options: &ImportOptions,
        summary: ImportSummary,
    ) -> Result<(Changes, Plan), Faults> {
        let active = known.values().filter(|known| known.status == UserStatus::Active);
        let active_before = active.count() as u64;
        let mut changes = Changes::new(ImportSummary {
            active_before,
            ..summary
        });
        self.look_alikes
            .iter()
            .for_each(|(one, other)| changes.look_alike(one, other));
        self.refuse_twins(known, options, &mut changes)?;
        let mut plan = Plan::default();
        for wanted in &self.wanted {
            wanted.compare(known.get(wanted.id.as_str()), &mut changes, &mut plan);
        }
        if options.complete {
            self.miss(known, &mut changes, &mut plan);
        }
        changes.summary.needs_second_person = is_mass(&changes.summary);
        Ok((changes, plan))
    }

    /// A new person who looks like one who is there already is most often that one, written differently.
    fn refuse_twins(
        &self,
        known: &HashMap<String, Known>,
        options: &ImportOptions,
        changes: &mut Changes,
    ) -> Result<(), Faults> {
        let new: Vec<&Wanted> = self
            .wanted
            .iter()
            .filter(|it| !known.contains_key(it.id.as_str()))
            .collect();
        let mut faults = Faults::default();
        if new.is_empty() || known.is_empty() {
            return Ok(());
        }
        let looks: HashMap<String, &str> = known.keys().map(|id| (look_of(id), id.as_str())).collect();
        for wanted in new {
            let Some(other) = looks.get(&look_of(wanted.id.as_str())) else {
                continue;
            };
            changes.look_alike(other, wanted.id.as_str());
            if !options.allow_look_alikes {
                faults.add_with(
                    wanted.line,
                    "id",
                    "look_alike_known",
                    &[("id", &wanted.id), ("other", other)],
                );
            }
        }
        faults.or(())
    }

    /// Whoever is active and not on a list of everybody has departed.
    fn miss(&self, known: &HashMap<String, Known>, changes: &mut Changes, plan: &mut Plan) {
        let listed: HashSet<&str> = self.wanted.iter().map(|wanted| wanted.id.as_str()).collect();
        let active = known
            .iter()
            .filter(|(_, known)| known.status == UserStatus::Active);
        let missing: BTreeSet<&str> = active
            .map(|(id, _)| id.as_str())
            .filter(|id| !listed.contains(id))
            .collect();
        for id in missing {
            let Ok(user) = UserId::new(id) else { continue };
            changes.summary.deactivated += 1;
            let mut fields = Difference::new();
            fields.note("status", Some("active"), "departed");
            changes.note(0, "deactivate", id, fields);
            plan.stand.push((user, UserStatus::Departed));
        }
    }

    pub(super) fn outcome(
        &self,
        tx: &Tx<'_>,
        options: &ImportOptions,
        summary: ImportSummary,
    ) -> Result<(Outcome, Plan), Problem> {
        let (changes, plan) = self
            .compare(&known(tx)?, options, summary)
            .map_err(super::refused)?;
        Ok((changes.finish(), plan))
    }
}

/// More than one active user in twenty, with those whom lists of the last day deactivated.
pub(super) fn is_mass(summary: &ImportSummary) -> bool {
    let all = summary.active_before + summary.deactivated_today;
    summary.deactivated > 0 && (summary.deactivated + summary.deactivated_today) * 20 > all
}

impl Plan {
    pub(super) fn apply(&self, tx: &Tx<'_>, now: UnixMillis) -> Result<(), DbError> {
        if !self.add.is_empty() {
            let organization = settings::organization_id(tx)?;
            for some in self.add.chunks(ROWS_AT_ONCE) {
                let handle = |id: &UserId| derived_handle(organization, id.as_str()).0;
                let rows: Vec<_> = some.iter().map(|(id, fields)| (id, handle(id), fields)).collect();
                store::insert(tx, &rows, now)?;
            }
        }
        store::update(tx, &self.change, now)?;
        for (user, site) in &self.moved {
            store::mark_associations(tx, user, site)?;
        }
        let stands = |(user, status): &(UserId, UserStatus)| Event::UserStands {
            user: user.clone(),
            status: *status,
        };
        history::say(tx, self.stand.iter().map(stands).collect(), now)?;
        Ok(())
    }
}

/// Everybody, as far as lists are about them.
fn known(tx: &Tx<'_>) -> Result<HashMap<String, Known>, DbError> {
    let mut known = HashMap::new();
    tx.each(
        "select id, name, site, label, mail, note, status from users",
        &[],
        |row| {
            let fields = UserFields {
                name: row.text(1)?,
                site: row.text(2)?,
                label: row.text(3)?,
                mail: row.text(4)?,
                note: row.text(5)?,
            };
            let stored = row.text(6)?;
            let status =
                status(&stored).ok_or_else(|| DbError::Damaged(format!("status {stored:?} of a user")))?;
            known.insert(row.text(0)?, Known { fields, status });
            Ok(())
        },
    )?;
    Ok(known)
}

fn status(text: &str) -> Option<UserStatus> {
    STATUSES
        .iter()
        .find(|(code, _)| *code == text)
        .map(|(_, status)| *status)
}

fn code_of(status: UserStatus) -> &'static str {
    STATUSES
        .iter()
        .find(|(_, known)| *known == status)
        .map_or("unknown", |(code, _)| code)
}

/// The ids of a list so far.
#[derive(Default)]
struct Seen {
    ids: HashMap<UserId, u64>,
    looks: HashMap<String, (UserId, u64)>,
    alike: Vec<(String, String)>,
}

impl Seen {
    /// Ids that differ only in case, in the spelling of their letters or in white space are different people
    /// here; whoever brings the list hardly ever means that.
    fn check(&mut self, one: &Wanted, allow_look_alikes: bool, faults: &mut Faults) {
        if let Some(line) = self.ids.insert(one.id.clone(), one.line) {
            faults.add_with(one.line, "id", "duplicate", &[("id", &one.id), ("line", &line)]);
            return;
        }
        let Some((other, line)) = self
            .looks
            .insert(look_of(one.id.as_str()), (one.id.clone(), one.line))
        else {
            return;
        };
        if allow_look_alikes {
            self.alike.push((other.to_string(), one.id.to_string()));
        } else {
            let args: &[(&str, &dyn std::fmt::Display)] =
                &[("id", &one.id), ("other", &other), ("line", &line)];
            faults.add_with(one.line, "id", "look_alike", args);
        }
    }
}

/// What an id looks like to somebody who reads it.
fn look_of(id: &str) -> String {
    if id.is_ascii() {
        return id
            .chars()
            .filter(|c| !c.is_ascii_whitespace())
            .map(|c| c.to_ascii_lowercase())
            .collect();
    }
    let invisible = |c: &char| {
        c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
    };
    id.nfkc()
        .flat_map(char::to_lowercase)
        .filter(|c| !invisible(c))
        .nfkc()
        .collect()
}

impl Wanted {
    fn read(line: Line<'_>, faults: &mut Faults) -> Option<Self> {
        let before = faults.count;
        let mut take = |field: &str, chars_max: usize| {
            let text = line.get(field)?;
            if text.len() > chars_max && text.chars().count() > chars_max {
                faults.add_with(line.number, field, "too_long", &[("chars_max", &chars_max)]);
            }
            Some(text.to_owned())
        };
        let (name, site) = (take("name", 200), take("site", 64));
        let (label, mail, note) = (take("label", 12), take("mail", 254), take("note", 500));
        if label.as_deref().is_some_and(|label| !is_label(label)) {
            faults.add(line.number, "label", "label_not_shown");
        }
        let odd =
            |mail: &String| !mail.is_empty() && (!mail.contains('@') || mail.contains(char::is_whitespace));
        if mail.as_ref().is_some_and(odd) {
            faults.add(line.number, "mail", "mail_invalid");
        }
        let status = read_status(line, faults);
        let text = line.get("id").unwrap_or("");
        let id = UserId::new(text).map_err(|why| {
            faults.add_with(line.number, "id", "id_invalid", &[("id", &text), ("why", &why)]);
        });
        let id = id.ok().filter(|_| faults.count == before)?;
        Some(Self {
            line: line.number,
            id,
            name,
            site,
            label,
            mail,
            note,
            status,
        })
    }

    fn fields(&self, known: &UserFields) -> UserFields {
        let or = |wanted: &Option<String>, known: &String| wanted.as_ref().unwrap_or(known).clone();
        UserFields {
            name: or(&self.name, &known.name),
            site: or(&self.site, &known.site),
            label: or(&self.label, &known.label),
            mail: or(&self.mail, &known.mail),
            note: or(&self.note, &known.note),
        }
    }

    fn compare(&self, known: Option<&Known>, changes: &mut Changes, plan: &mut Plan) {
        match known {
            None => self.add(changes, plan),
            Some(known) => self.change(known, changes, plan),
        }
    }

    fn add(&self, changes: &mut Changes, plan: &mut Plan) {
        let fields = self.fields(&UserFields::default());
        let mut different = difference(None, &fields);
        let stands = self.status.unwrap_or(UserStatus::Active);
        different.note("status", None, code_of(stands));
        changes.summary.added += 1;
        changes.note(self.line, "add", self.id.as_str(), different);
        plan.add.push((self.id.clone(), fields));
        if stands != UserStatus::Active {
            plan.stand.push((self.id.clone(), stands));
        }
    }

    fn change(&self, known: &Known, changes: &mut Changes, plan: &mut Plan) {
        let stands = self.status.filter(|status| *status != known.status);
        if stands.is_none() && self.says_nothing_new(&known.fields) {
            changes.summary.unchanged += 1;
            return;
        }
        let fields = self.fields(&known.fields);
        let mut different = difference(Some(&known.fields), &fields);
        if let Some(status) = stands {
            different.note("status", Some(code_of(known.status)), code_of(status));
            plan.stand.push((self.id.clone(), status));
        }
        let leaves = known.status == UserStatus::Active && stands.is_some();
        changes.summary.deactivated += u64::from(leaves);
        changes.summary.changed += 1;
        changes.note(
            self.line,
            if leaves { "deactivate" } else { "change" },
            self.id.as_str(),
            different,
        );
        if known.fields.site != fields.site {
            plan.moved.push((self.id.clone(), fields.site.clone()));
        }
        if known.fields != fields {
            plan.change.push((self.id.clone(), fields));
        }
    }

    fn says_nothing_new(&self, known: &UserFields) -> bool {
        let same =
            |wanted: &Option<String>, known: &String| wanted.as_ref().is_none_or(|wanted| wanted == known);
        same(&self.name, &known.name)
            && same(&self.site, &known.site)
            && same(&self.label, &known.label)
            && same(&self.mail, &known.mail)
            && same(&self.note, &known.note)
    }
}

/// An empty cell says nothing of how somebody stands.
fn read_status(line: Line<'_>, faults: &mut Faults) -> Option<UserStatus> {
    let text = line.get("status").filter(|text| !text.is_empty())?;
    let found = status(&text.to_lowercase());
    if found.is_none() {
        let choices = "active, not_yet, departed, unknown";
        faults.add_with(
            line.number,
            "status",
            "not_one_of",
            &[("found", &text), ("choices", &choices)],
        );
    }
    found
}

fn difference(before: Option<&UserFields>, after: &UserFields) -> Difference {
    let mut different = Difference::new();
    let mut note = |field: &str, of: fn(&UserFields) -> &String| {
        different.note(field, before.map(|before| of(before).as_str()), of(after));
    };
    note("label", |it| &it.label);
    note("mail", |it| &it.mail);
    note("name", |it| &it.name);
    note("note", |it| &it.note);
    note("site", |it| &it.site);
    different
}

#[cfg(test)]
#[path = "users_tests.rs"]
mod tests;
