//! Which column is which: by its heading, by names that other systems use, or as somebody chose. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use utoipa::ToSchema;

use super::fault::Faults;

/// Columns as somebody chose them: the heading of each field.
pub type Chosen = BTreeMap<String, String>;

/// A field that can be read in, and other names of it in small letters without signs.
type Field = (&'static str, &'static [&'static str]);

/// What a list is about: its fields, the first of which must be there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject(pub(super) &'static [Field]);

/// What was made of one heading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ColumnView {
    /// The heading as it stands in the file.
    pub heading: String,
    /// The field it fills; nothing if the column is left out.
    pub field: Option<String>,
    /// The field that may be meant, if the column is left out.
    pub suggestion: Option<String>,
}

/// The place of each field's column.
#[derive(Clone, Debug, Default)]
pub(super) struct Mapping {
    places: Vec<(&'static str, usize)>,
    columns: Vec<ColumnView>,
}

impl Mapping {
    pub(super) fn place(&self, field: &str) -> Option<usize> {
        let found = self.places.iter().find(|(known, _)| *known == field);
        found.map(|(_, place)| *place)
    }

    pub(super) fn columns(&self) -> &[ColumnView] {
        &self.columns
    }
}

/// Maps headings, which stand on `line`, to the fields of `subject`.
pub(super) fn map(
    headings: &[&str],
    line: u64,
    subject: Subject,
    chosen: &Chosen,
) -> Result<Mapping, Faults> {
    let mut faults = Faults::default();
    let places = if chosen.is_empty() {
        by_name(headings, line, subject, &mut faults)
    } else {
        by_choice(headings, line, subject, chosen, &mut faults)
    };
    let (first, _) = subject.0[0];
    if faults.count == 0 && !places.iter().any(|(field, _)| *field == first) {
        faults.add(line, first, "column_missing");
    }
    let columns = headings.iter().enumerate().map(|(place, heading)| {
        let field = places
            .iter()
            .find(|(_, known)| *known == place)
            .map(|(field, _)| *field);
        let free = |field: &&str| !places.iter().any(|(taken, _)| taken == field);
        let suggestion = if field.is_some() {
            None
        } else {
            nearest(heading, subject).filter(free)
        };
        ColumnView {
            heading: (*heading).to_owned(),
            field: field.map(str::to_owned),
            suggestion: suggestion.map(str::to_owned),
        }
    });
    let columns: Vec<ColumnView> = columns.collect();
    if faults.count > 0 {
        faults.columns = columns;
        return Err(faults);
    }
    Ok(Mapping { places, columns })
}

fn by_name(
    headings: &[&str],
    line: u64,
    subject: Subject,
    faults: &mut Faults,
) -> Vec<(&'static str, usize)> {
    let mut places: Vec<(&'static str, usize)> = Vec::new();
    for (place, heading) in headings.iter().enumerate() {
        let name = letters(heading);
        let found = subject
            .0
            .iter()
            .find(|(field, names)| *field == name || names.contains(&name.as_str()));
        let Some((field, _)) = found else { continue };
        match places.iter().find(|(taken, _)| taken == field) {
            Some((_, earlier)) => {
                faults.add_with(line, heading, "column_twice", &[("heading", &headings[*earlier])])
            }
            None => places.push((field, place)),
        }
    }
    places
}

fn by_choice(
    headings: &[&str],
    line: u64,
    subject: Subject,
    chosen: &Chosen,
    faults: &mut Faults,
) -> Vec<(&'static str, usize)> {
    let mut places = Vec::new();
    for (field, heading) in chosen {
        let Some((known, _)) = subject.0.iter().find(|(known, _)| known == field) else {
            faults.add(line, field, "field_unknown");
            continue;
        };
        let mut found = headings
            .iter()
            .enumerate()
            .filter(|(_, it)| **it == heading.trim());
        match (found.next(), found.next()) {
            (None, _) => faults.add_with(line, field, "column_unknown", &[("heading", heading)]),
            (Some(_), Some(_)) => faults.add_with(line, heading, "column_twice", &[("heading", heading)]),
            (Some((place, _)), None) => places.push((*known, place)),
        }
    }
    places
}

/// A heading without what people write differently: case, signs, white space.
fn letters(heading: &str) -> String {
    let folded = heading.nfkc().flat_map(char::to_lowercase);
    folded.filter(|c| c.is_alphanumeric()).collect()
}

/// The field whose name, or one of whose names, is at most two typing errors away.
fn nearest(heading: &str, subject: Subject) -> Option<&'static str> {
    let name = letters(heading);
    if name.chars().count() > 40 {
        return None;
    }
    let names = subject.0.iter().flat_map(|(field, names)| {
        let own = std::iter::once(field).chain(names.iter());
        own.map(move |name| (*field, *name))
    });
    let scored =
        names.map(|(field, known)| (strsim::levenshtein(&name, known), known.chars().count(), field));
    let near = scored.filter(|(errors, len, _)| *errors <= 2 && errors * 2 <= *len);
    near.min().map(|(_, _, field)| field)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: Subject = Subject(&[
        ("id", &["personalnummer"]),
        ("name", &["anzeigename"]),
        ("mail", &["email"]),
    ]);

    #[track_caller]
    fn check(headings: &[&str], chosen: &[(&str, &str)], expected: Result<&[(&str, usize)], &[&str]>) {
        let chosen = chosen
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect();
        let found = map(headings, 1, SUBJECT, &chosen);
        let found = found.map(|mapping| mapping.places);
        let found = found.map_err(|faults| faults.listed.into_iter().map(|it| it.code).collect::<Vec<_>>());
        match (&found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(expected)) => assert_eq!(found, expected),
            _ => panic!("{found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn columns_are_found_by_name_or_by_choice() {
        check(
            &["ID", " Name ", "E-Mail"],
            &[],
            Ok(&[("id", 0), ("name", 1), ("mail", 2)]),
        );
        check(
            &["Anzeigename", "Personal-Nummer"],
            &[],
            Ok(&[("name", 0), ("id", 1)]),
        );
        check(&["id", "Abteilung"], &[], Ok(&[("id", 0)]));
        check(&["name"], &[], Err(&["column_missing"]));
        check(&["id", "mail", "email"], &[], Err(&["column_twice"]));
        check(
            &["nr", "wer"],
            &[("id", "nr"), ("name", "wer")],
            Ok(&[("id", 0), ("name", 1)]),
        );
        check(&["nr", "id"], &[("id", "nr")], Ok(&[("id", 0)]));
        check(
            &["nr"],
            &[("id", "no"), ("shoe", "nr")],
            Err(&["column_unknown", "field_unknown"]),
        );
        check(&["nr", "nr"], &[("id", "nr")], Err(&["column_twice"]));
    }

    #[test]
    fn what_may_be_meant_is_suggested() {
        let suggest = |heading: &str| {
            let mapping = map(&["id", heading], 1, SUBJECT, &Chosen::new()).unwrap();
            mapping.columns[1].suggestion.clone()
        };
        assert_eq!(suggest("Nmae").as_deref(), Some("name"));
        assert_eq!(suggest("Nam").as_deref(), Some("name"));
        assert_eq!(suggest("anzeigenamen").as_deref(), Some("name"));
        assert_eq!(suggest("e-mial").as_deref(), Some("mail"));
        assert_eq!(suggest("emaill").as_deref(), Some("mail"));
        assert_eq!(suggest("Abteilung"), None);
        assert_eq!(suggest("di"), None);
    }
}
