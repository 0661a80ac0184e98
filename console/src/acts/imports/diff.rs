//! What a list would change: counts, the first changes for people, every change for the record, and a seal over them.

use std::io::Write as _;

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use serde_json::Value;
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

/// What is different about one subject, as an object in JSON: field, before, after.
#[derive(Debug)]
pub(super) struct Difference(Vec<u8>);

impl Difference {
    /// Nothing is different; room for what will be.
    pub(super) fn new() -> Self {
        let mut text = Vec::with_capacity(192);
        text.push(b'{');
        Self(text)
    }

    /// Notes a field unless it is the same. Fields come in the order of their names: the seal is over this text.
    pub(super) fn note(&mut self, field: &str, before: Option<&str>, after: &str) {
        if before == Some(after) || (before.is_none() && after.is_empty()) {
            return;
        }
        if self.0.len() > 1 {
            self.0.push(b',');
        }
        put(&mut self.0, field);
        self.0.extend_from_slice(b":[");
        match before {
            Some(before) => put(&mut self.0, before),
            None => self.0.extend_from_slice(b"null"),
        }
        self.0.push(b',');
        put(&mut self.0, after);
        self.0.push(b']');
    }

    fn finish(mut self) -> Vec<u8> {
        self.0.push(b'}');
        self.0
    }
}

/// Writes a text in JSON.
fn put(out: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(out, text).expect("memory takes everything");
}

/// Collects changes.
pub(super) struct Changes {
    pub(super) summary: ImportSummary,
    /// Every change, one JSON object per line.
    log: Vec<u8>,
}

impl Changes {
    pub(super) fn new(summary: ImportSummary) -> Self {
        Self {
            summary,
            log: Vec::new(),
        }
    }

    pub(super) fn note(&mut self, line: u64, what: &str, subject: &str, fields: Difference) {
        let fields = fields.finish();
        let log = &mut self.log;
        log.extend_from_slice(b"{\"fields\":");
        log.extend_from_slice(&fields);
        write!(log, ",\"line\":{line},\"subject\":").expect("memory takes everything");
        put(log, subject);
        log.extend_from_slice(b",\"what\":");
        put(log, what);
        log.extend_from_slice(b"}\n");
        if self.summary.changes.len() < LISTED_MAX {
            self.summary.changes.push(ImportChange {
                line,
                what: what.to_owned(),
                subject: subject.to_owned(),
                fields: serde_json::from_slice(&fields).expect("what was written can be read"),
            });
        }
    }

    pub(super) fn look_alike(&mut self, one: &str, other: &str) {
        if self.summary.look_alikes.len() < ALIKE_MAX {
            self.summary.look_alikes.push(format!("{one} / {other}"));
        }
    }

    /// The summary with its seal, and every change.
    pub(super) fn finish(mut self) -> (ImportSummary, Vec<u8>) {
        let mut sha = Context::new(&SHA256);
        sha.update(b"bandstand import 1\0");
        sha.update(&self.log);
        self.summary.seal = data_encoding::HEXLOWER.encode(sha.finish().as_ref());
        (self.summary, self.log)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The seal is over these bytes, and a list may be confirmed under a later release than it was read under.
    #[test]
    fn changes_are_written_as_an_object_with_sorted_keys() {
        let odd = "a \"quote\", \\ \u{1} \u{7f} \u{2028} é 😀";
        let mut fields = Difference::new();
        fields.note("label", None, "");
        fields.note("mail", Some("same"), "same");
        fields.note("name", None, odd);
        fields.note("site", Some(odd), "");
        let mut changes = Changes::new(ImportSummary::default());
        changes.note(7, "change", odd, fields);
        changes.note(8, "add", "u", Difference::new());
        let expected = [
            json!({ "line": 7, "what": "change", "subject": odd,
                "fields": { "name": [null, odd], "site": [odd, ""] } }),
            json!({ "line": 8, "what": "add", "subject": "u", "fields": {} }),
        ];
        let (summary, log) = changes.finish();
        assert_eq!(
            String::from_utf8(log).unwrap(),
            format!("{}\n{}\n", expected[0], expected[1])
        );
        assert_eq!(summary.changes[0].fields, expected[0]["fields"]);
        assert_eq!(summary.changes[1].fields, json!({}));
    }
}
