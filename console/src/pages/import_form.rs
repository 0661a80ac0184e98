//! How a list is to be read: the file with its form, the options, and which column is which.

use axum::extract::{FromRequest, Multipart, Request};

use super::text::{Lang, message};
use super::views::ReadingForm;
use super::widgets::{Choice, Field};
use crate::acts::imports::{ColumnView, ImportKind, ImportOptions};
use crate::problem::{Code, Problem};

/// Longest heading that can be chosen, and most of them: a page stays small whatever the file holds.
const HEADING_CHARS_MAX: usize = 80;
const HEADINGS_MAX: usize = 40;

/// Each field with the name of its choice in the form, the one that must be there first.
type Choices = &'static [(&'static str, &'static str)];

const USERS: Choices = &[
    ("id", "column.id"),
    ("name", "column.name"),
    ("site", "column.site"),
    ("label", "column.label"),
    ("mail", "column.mail"),
    ("note", "column.note"),
    ("status", "column.status"),
];
const BANDS: Choices = &[
    ("serial", "column.serial"),
    ("seos", "column.seos"),
    ("stock", "column.stock"),
    ("site", "column.site"),
    ("delivery", "column.delivery"),
    ("note", "column.note"),
];

pub(super) fn choices(kind: ImportKind) -> Choices {
    match kind {
        ImportKind::Users => USERS,
        ImportKind::Bands => BANDS,
    }
}

/// A file that was sent, with its form.
#[derive(Default)]
pub(super) struct Sent {
    pub(super) bytes: Vec<u8>,
    fields: Vec<(String, String)>,
}

impl Sent {
    pub(super) fn raw(&self, name: &str) -> &str {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }

    pub(super) async fn read(request: Request) -> Result<Self, Problem> {
        let unreadable = |_| Problem::new(Code::TooLarge, "the file could not be read, or is too large", "");
        let mut parts = Multipart::from_request(request, &()).await.map_err(|_| {
            Problem::new(Code::Malformed, "this is no form with a file", "").with("page", "bad_form")
        })?;
        let mut sent = Self::default();
        while let Some(part) = parts.next_field().await.map_err(unreadable)? {
            let name = part.name().unwrap_or_default().to_owned();
            let bytes = part.bytes().await.map_err(unreadable)?;
            match name.as_str() {
                "file" => sent.bytes = bytes.to_vec(),
                _ => sent
                    .fields
                    .push((name, String::from_utf8_lossy(&bytes).into_owned())),
            }
        }
        Ok(sent)
    }
}

/// The options out of the fields of a form.
pub(super) fn options<'f>(kind: ImportKind, raw: impl Fn(&str) -> &'f str) -> ImportOptions {
    let said = |name: &str| Some(raw(name)).filter(|text| !text.is_empty()).map(str::to_owned);
    let chosen = choices(kind)
        .iter()
        .filter_map(|(field, name)| Some(((*field).to_owned(), said(name)?)));
    ImportOptions {
        complete: kind == ImportKind::Users && raw("complete") == "yes",
        delimiter: said("delimiter"),
        encoding: said("encoding"),
        columns: chosen.collect(),
        allow_look_alikes: kind == ImportKind::Users && raw("look_alikes") == "yes",
    }
}

/// The form that says how a list is read, filled with how it was read.
pub(super) fn form(
    lang: Lang,
    kind: ImportKind,
    options: &ImportOptions,
    columns: &[ColumnView],
) -> ReadingForm {
    let either = |name: &str, all: &[&str], none: &str| {
        let mut choices = vec![Choice::new("", lang.t(none))];
        choices.extend(all.iter().map(|code| Choice::new(*code, lang.word(name, code))));
        choices
    };
    let delimiters = [";", ",", "tab"].map(|code| Choice::new(code, lang.word("delimiter", delimiter(code))));
    let mut separators = vec![Choice::new("", lang.t("import-by-itself"))];
    separators.extend(delimiters);
    let encodings = either(
        "encoding",
        &["utf-8", "windows-1252", "iso-8859-2", "windows-1250"],
        "import-by-itself",
    );
    let of = |it: &Option<String>| it.clone().unwrap_or_default();
    ReadingForm {
        fields: vec![
            Field::new("delimiter", message("import-delimiter"))
                .options(separators)
                .value(of(&options.delimiter)),
            Field::new("encoding", message("import-encoding"))
                .options(encodings)
                .value(of(&options.encoding)),
        ],
        columns: column_fields(lang, kind, columns),
        left_out: left_out(lang, columns),
        has_people: kind == ImportKind::Users,
        complete: options.complete,
        look_alikes: options.allow_look_alikes,
    }
}

fn delimiter(code: &str) -> &'static str {
    match code {
        ";" => "semicolon",
        "," => "comma",
        _ => "tab",
    }
}

/// One choice for each field: which column of the file fills it.
fn column_fields(lang: Lang, kind: ImportKind, columns: &[ColumnView]) -> Vec<Field> {
    let fits = |heading: &&str| !heading.is_empty() && heading.chars().count() <= HEADING_CHARS_MAX;
    let mut headings: Vec<&str> = Vec::new();
    for heading in columns.iter().map(|column| column.heading.as_str()).filter(fits) {
        if !headings.contains(&heading) && headings.len() < HEADINGS_MAX {
            headings.push(heading);
        }
    }
    if headings.is_empty() {
        return vec![];
    }
    let field = |(field, name): &(&'static str, &'static str)| {
        let is = |column: &&ColumnView| column.field.as_deref() == Some(*field);
        let found = columns.iter().find(is);
        let mut all = vec![Choice::new("", lang.t("import-column-none"))];
        all.extend(headings.iter().map(|heading| Choice::new(*heading, *heading)));
        Field::new(name, field_label(field))
            .options(all)
            .value(found.map_or("", |column| column.heading.as_str()))
    };
    choices(kind).iter().map(field).collect()
}

/// The message that names a field.
fn field_label(field: &str) -> &'static str {
    match field {
        "id" => message("field-id"),
        "name" => message("field-name"),
        "site" => message("field-site"),
        "label" => message("field-label"),
        "mail" => message("field-mail"),
        "status" => message("field-status"),
        "serial" => message("field-serial"),
        "seos" => message("field-seos"),
        "stock" => message("field-stock"),
        "delivery" => message("field-delivery"),
        _ => message("field-note"),
    }
}

/// The columns that fill nothing, by their headings.
fn left_out(lang: Lang, columns: &[ColumnView]) -> String {
    let idle = columns
        .iter()
        .filter(|column| column.field.is_none() && !column.heading.is_empty());
    let names: Vec<String> = idle
        .take(8)
        .map(|column| column.heading.chars().take(HEADING_CHARS_MAX).collect())
        .collect();
    match names.is_empty() {
        true => String::new(),
        false => lang.t1("import-left-out", "columns", names.join(", ")),
    }
}
