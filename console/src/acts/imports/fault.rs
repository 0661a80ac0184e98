//! What can be wrong with a list: a closed set of codes, each with a sentence.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::mapping::ColumnView;

/// Faults that are listed; more are only counted.
const LISTED_MAX: usize = 100;

/// Every code with its English sentence. Translations have the same places for the same arguments.
pub const FAULT_CODES: &[(&str, &str)] = &[
    ("file_too_large", "the file has more than {mib_max} MiB"),
    ("utf_16", "the file is UTF-16: save it as CSV in UTF-8"),
    (
        "not_text",
        "the file is no text: is it a spreadsheet? save it as CSV",
    ),
    ("not_in_encoding", "is not {encoding}"),
    (
        "encoding_unknown",
        "{encoding} is none of utf-8, windows-1252, iso-8859-2, windows-1250",
    ),
    ("separator_unknown", "{separator} is none of ; , and tab"),
    ("empty", "there is nothing in it"),
    ("quote_open", "a quotation mark is opened here and never closed"),
    ("after_quote", "something stands behind a closing quotation mark"),
    ("too_many_columns", "there are more than {columns_max} columns"),
    ("too_many_rows", "there are more than {rows_max} rows"),
    ("too_many_fields", "has {found} fields under {headings} headings"),
    ("too_long", "has more than {chars_max} characters"),
    ("control_character", "has a control character in it"),
    ("column_missing", "is missing in the heading"),
    ("column_twice", "stands twice in the heading, as {heading} too"),
    ("column_unknown", "there is no column {heading}"),
    ("field_unknown", "is nothing that can be read in"),
    ("id_invalid", "{id} is no identifier: {why}"),
    ("duplicate", "{id} stands on line {line} too"),
    (
        "look_alike",
        "{id} looks like {other} on line {line}: write one person in one way",
    ),
    (
        "look_alike_known",
        "{id} looks like {other}, who is there already: write the person in the same way",
    ),
    (
        "label_not_shown",
        "cannot be shown on a band: at most 12 of A-Z, 0-9, space inside, and .,-_+/&'()#",
    ),
    ("mail_invalid", "is not an address"),
    ("not_one_of", "{found} is none of {choices}"),
    ("nobody_listed", "a list of everybody has nobody on it"),
];

/// One thing that is wrong with a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SheetFault {
    /// The line, counting from 1; 0 for the file as a whole.
    pub line: u64,
    /// The column by its heading; empty for the line as a whole.
    pub column: String,
    /// What is wrong, by a stable code.
    pub code: String,
    /// What the sentence names.
    pub args: BTreeMap<String, String>,
    /// What is wrong, in English.
    pub problem: String,
}

/// Every fault, at least one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The first hundred.
    pub listed: Vec<SheetFault>,
    /// How many there are.
    pub count: u64,
    /// What was made of the headings, if they could be read: who knows them can say which is which.
    pub columns: Vec<ColumnView>,
}

/// One that is being said.
pub(super) struct Saying<'f> {
    pub(super) line: u64,
    pub(super) column: &'f str,
    pub(super) code: &'static str,
    pub(super) args: &'f [(&'f str, &'f dyn std::fmt::Display)],
}

impl Faults {
    /// With what was made of the headings.
    pub(super) fn under(self, columns: &[ColumnView]) -> Self {
        Self {
            columns: columns.to_vec(),
            ..self
        }
    }

    /// Adds one; `args` are only written out if it is listed.
    pub(super) fn say(&mut self, it: &Saying<'_>) {
        self.count += 1;
        if self.listed.len() == LISTED_MAX {
            return;
        }
        let args: BTreeMap<String, String> = it
            .args
            .iter()
            .map(|(name, value)| ((*name).to_owned(), short(&value.to_string())))
            .collect();
        self.listed.push(SheetFault {
            line: it.line,
            column: short(it.column),
            code: it.code.to_owned(),
            problem: sentence(it.code, &args),
            args,
        });
    }

    /// One about this column of this line.
    pub(super) fn add(&mut self, line: u64, column: &str, code: &'static str) {
        self.say(&Saying {
            line,
            column,
            code,
            args: &[],
        });
    }

    /// One with an argument.
    pub(super) fn add_with(
        &mut self,
        line: u64,
        column: &str,
        code: &'static str,
        args: &[(&str, &dyn std::fmt::Display)],
    ) {
        self.say(&Saying {
            line,
            column,
            code,
            args,
        });
    }

    /// Nothing but this one.
    pub(super) fn only(line: u64, code: &'static str, args: &[(&str, &dyn std::fmt::Display)]) -> Self {
        let mut faults = Self::default();
        faults.add_with(line, "", code, args);
        faults
    }

    /// `value`, unless there are faults.
    pub(super) fn or<T>(self, value: T) -> Result<T, Self> {
        if self.count > 0 { Err(self) } else { Ok(value) }
    }
}

/// What somebody wrote into a cell may be of any length and hold anything.
fn short(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c });
    let mut short: String = clean.take(80).collect();
    if text.chars().nth(80).is_some() {
        short.push('…');
    }
    short
}

fn sentence(code: &str, args: &BTreeMap<String, String>) -> String {
    let known = FAULT_CODES.iter().find(|(known, _)| *known == code);
    let mut text = known.map_or(code, |(_, text)| text).to_owned();
    for (name, value) in args {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_what_it_is_about_and_floods_nobody() {
        let mut faults = Faults::default();
        let long = "x\u{7}".repeat(1000);
        faults.add_with(7, "id", "duplicate", &[("id", &long), ("line", &3)]);
        let fault = &faults.listed[0];
        assert!(
            fault.problem.ends_with("… stands on line 3 too"),
            "{}",
            fault.problem
        );
        assert!(!fault.problem.contains('\u{7}') && fault.problem.len() < 300);
        (0..500).for_each(|line| faults.add(line, "", "quote_open"));
        assert_eq!((faults.listed.len(), faults.count), (100, 501));
    }

    #[test]
    fn codes_are_written_once() {
        let codes: std::collections::BTreeSet<_> = FAULT_CODES.iter().map(|(code, _)| code).collect();
        assert_eq!(codes.len(), FAULT_CODES.len());
    }
}
