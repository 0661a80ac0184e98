//! What a list would change: counts, the first changes for people, every change for the record, and a seal over them.

use std::fmt::Write as _;

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::mapping::ColumnView;

/// Most changes that a preview lists.
const LISTED_MAX: usize = 200;
/// Look-alikes that are listed.
const ALIKE_MAX: usize = 200;

/// What a list would change, or has changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct ImportSummary {
    /// Rows of the list.
    pub rows: u64,
    /// Rows that add something.
    pub added: u64,
    /// Rows that change something.
    pub changed: u64,
    /// Rows that say what is so already.
    pub unchanged: u64,
    /// Users who would be active no more.
    pub deactivated: u64,
    /// Users who are active now.
    pub active_before: u64,
    /// Users whom other lists deactivated within the last day without a second person.
    pub deactivated_today: u64,
    /// Together more than one active user in twenty would be deactivated.
    pub needs_second_person: bool,
    /// The first two hundred changes.
    pub changes: Vec<ImportChange>,
    /// Identifiers that look alike and are not the same.
    pub look_alikes: Vec<String>,
    /// What was made of each heading.
    pub columns: Vec<ColumnView>,
    /// How the file was written: `utf-8`, `windows-1252`, …
    pub encoding: String,
    /// What separates its fields.
    pub delimiter: String,
    /// SHA-256 over every change, in base16: the same seal, the same changes.
    pub seal: String,
}

/// One change of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ImportChange {
    /// The line; 0 for somebody who is not on the list.
    pub line: u64,
    /// `add`, `change` or `deactivate`.
    pub what: String,
    /// Whom or what it concerns.
    pub subject: String,
    /// What is different, by heading: before and after.
    #[schema(value_type = Object)]
    pub fields: Value,
}

/// What is different about one subject: field, before, after.
#[derive(Debug, Default)]
pub(super) struct Difference(Map<String, Value>);

impl Difference {
    /// Notes a field unless it is the same.
    pub(super) fn note(&mut self, field: &str, before: Option<&str>, after: &str) {
        if before != Some(after) && !(before.is_none() && after.is_empty()) {
            self.0.insert(field.to_owned(), json!([before, after]));
        }
    }
}

/// Collects changes.
pub(super) struct Changes {
    pub(super) summary: ImportSummary,
    /// Every change, one JSON object per line.
    log: String,
}

impl Changes {
    pub(super) fn new(summary: ImportSummary) -> Self {
        Self {
            summary,
            log: String::new(),
        }
    }

    pub(super) fn note(&mut self, line: u64, what: &str, subject: &str, fields: Difference) {
        let change = json!({ "line": line, "what": what, "subject": subject, "fields": fields.0 });
        writeln!(self.log, "{change}").expect("memory takes everything");
        if self.summary.changes.len() < LISTED_MAX {
            self.summary.changes.push(ImportChange {
                line,
                what: what.to_owned(),
                subject: subject.to_owned(),
                fields: Value::Object(fields.0),
            });
        }
    }

    pub(super) fn look_alike(&mut self, one: &str, other: &str) {
        if self.summary.look_alikes.len() < ALIKE_MAX {
            self.summary.look_alikes.push(format!("{one} / {other}"));
        }
    }

    /// The summary with its seal, and every change.
    pub(super) fn finish(mut self) -> (ImportSummary, String) {
        let mut sha = Context::new(&SHA256);
        sha.update(b"bandstand import 1\0");
        sha.update(self.log.as_bytes());
        self.summary.seal = data_encoding::HEXLOWER.encode(sha.finish().as_ref());
        (self.summary, self.log)
    }
}
