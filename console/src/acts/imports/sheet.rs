//! A list as people have it: CSV with `;`, `,` or tab. Read wholly or not at all, every fault with its line. Pure.
//!
//! As RFC 4180 has it, with what programs really write: any mix of line ends, `sep=;` on the first line, quotation
//! marks inside a field that does not begin with one, empty lines, separators at the end of lines. Lines are those
//! that an editor shows.

use super::fault::Faults;
use super::mapping::{self, ColumnView, Mapping, Subject};
use super::text::decode;

/// Largest file.
pub const BYTES_MAX: usize = 32 << 20;
/// Most rows below the heading.
pub const ROWS_MAX: usize = 500_000;
const COLUMNS_MAX: usize = 64;
const FIELD_CHARS_MAX: usize = 1000;
/// What makes a spreadsheet take a field for a formula, also in the wide forms of East Asian keyboards.
const FORMULA: [char; 12] = ['=', '+', '-', '@', '\t', '\r', '\n', '\0', '＝', '＋', '－', '＠'];

/// What is said about a file besides its content.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Form<'f> {
    pub(super) separator: Option<&'f str>,
    pub(super) encoding: Option<&'f str>,
}

/// Fields of rows, one text for all of them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Table {
    all: String,
    /// Where each field ends in `all`.
    ends: Vec<u32>,
    rows: Vec<RowPlace>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct RowPlace {
    line: u32,
    first: u32,
    count: u32,
}

impl Table {
    fn field(&self, index: usize) -> &str {
        let start = if index == 0 {
            0
        } else {
            self.ends[index - 1] as usize
        };
        &self.all[start..self.ends[index] as usize]
    }

    fn fields(&self, row: RowPlace) -> impl Iterator<Item = &str> {
        (row.first..row.first + row.count).map(|index| self.field(index as usize))
    }
}

/// A list that was read.
#[derive(Debug)]
pub(super) struct Sheet {
    table: Table,
    mapping: Mapping,
    pub(super) encoding: &'static str,
    pub(super) separator: char,
}

/// One row of a list.
#[derive(Clone, Copy)]
pub(super) struct Line<'s> {
    sheet: &'s Sheet,
    row: RowPlace,
    pub(super) number: u64,
}

impl<'s> Line<'s> {
    /// What stands in the column of this field, without the apostrophe that keeps spreadsheets from computing it;
    /// nothing if the list has no such column.
    pub(super) fn get(&self, field: &str) -> Option<&'s str> {
        let place = self.sheet.mapping.place(field)?;
        let text = match place < self.row.count as usize {
            true => self.sheet.table.field(self.row.first as usize + place).trim(),
            false => "",
        };
        Some(plain(text))
    }
}

impl Sheet {
    /// The rows below the heading.
    pub(super) fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let rows = self.table.rows.iter().skip(1);
        rows.map(|row| Line {
            sheet: self,
            row: *row,
            number: u64::from(row.line),
        })
    }

    /// How many rows there are below the heading.
    pub(super) fn len(&self) -> usize {
        self.table.rows.len() - 1
    }

    /// What was made of each heading.
    pub(super) fn columns(&self) -> Vec<ColumnView> {
        self.mapping.columns().to_vec()
    }
}

/// Reads a list about `subject`.
pub(super) fn read(
    bytes: &[u8],
    subject: Subject,
    form: Form<'_>,
    chosen: &mapping::Chosen,
) -> Result<Sheet, Faults> {
    if bytes.len() > BYTES_MAX {
        return Err(too_large());
    }
    let decoded = decode(bytes, form.encoding)?;
    let (text, first_line, separator) = separator(&decoded.text, form.separator)?;
    let (table, mut faults) = scan(text, first_line, separator)?;
    let Some(heading) = table.rows.first().copied() else {
        return Err(Faults::only(0, "empty", &[]));
    };
    let headings: Vec<&str> = table.fields(heading).map(str::trim).collect();
    let mapping = mapping::map(&headings, u64::from(heading.line), subject, chosen)?;
    for row in &table.rows[1..] {
        check_row(&table, *row, &headings, &mut faults);
    }
    faults.or(()).map_err(|faults| faults.under(mapping.columns()))?;
    Ok(Sheet {
        table,
        mapping,
        encoding: decoded.encoding,
        separator: char::from(separator),
    })
}

/// That the file is larger than what is read here.
pub(super) fn too_large() -> Faults {
    Faults::only(0, "file_too_large", &[("mib_max", &(BYTES_MAX >> 20))])
}

fn check_row(table: &Table, row: RowPlace, headings: &[&str], faults: &mut Faults) {
    let line = u64::from(row.line);
    let used = table
        .fields(row)
        .enumerate()
        .filter(|(_, field)| !field.trim().is_empty());
    let used = used.last().map_or(0, |(place, _)| place + 1);
    if used > headings.len() {
        faults.add_with(
            line,
            "",
            "too_many_fields",
            &[("found", &used), ("headings", &headings.len())],
        );
    }
    for (field, column) in table.fields(row).zip(headings) {
        if field.len() > FIELD_CHARS_MAX && field.chars().count() > FIELD_CHARS_MAX {
            faults.add_with(line, column, "too_long", &[("chars_max", &FIELD_CHARS_MAX)]);
        } else if plain(field.trim()).chars().any(char::is_control) {
            faults.add(line, column, "control_character");
        }
    }
}

/// The text to scan, its first line, and the separator: chosen, said by `sep=`, or whichever stands most often in
/// the heading.
fn separator<'t>(text: &'t str, chosen: Option<&str>) -> Result<(&'t str, u32, u8), Faults> {
    let chosen = match chosen.filter(|chosen| !chosen.is_empty()) {
        None => None,
        Some(";") => Some(b';'),
        Some(",") => Some(b','),
        Some("\t" | "tab") => Some(b'\t'),
        Some(other) => return Err(Faults::only(0, "separator_unknown", &[("separator", &other)])),
    };
    let (text, line, said) = match text.as_bytes() {
        [
            b's',
            b'e',
            b'p',
            b'=',
            said @ (b';' | b',' | b'\t'),
            b'\r',
            b'\n',
            ..,
        ] => (&text[7..], 2, Some(*said)),
        [
            b's',
            b'e',
            b'p',
            b'=',
            said @ (b';' | b',' | b'\t'),
            b'\r' | b'\n',
            ..,
        ] => (&text[6..], 2, Some(*said)),
        _ => (text, 1, None),
    };
    Ok((text, line, chosen.or(said).unwrap_or_else(|| guess(text))))
}

fn guess(text: &str) -> u8 {
    let heading = text.lines().find(|line| !line.trim().is_empty()).unwrap_or("");
    let mut counts = [(b';', 0), (b',', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in heading.bytes() {
        quoted ^= byte == b'"';
        for (separator, count) in &mut counts {
            *count += u32::from(!quoted && byte == *separator);
        }
    }
    let [semicolon, comma, tab] = counts.map(|(_, count)| count);
    match (semicolon, comma, tab) {
        (s, c, t) if s > c && s >= t => b';',
        (_, c, t) if t > c => b'\t',
        _ => b',',
    }
}

struct Scanner<'t> {
    text: &'t str,
    at: usize,
    line: u32,
    separator: u8,
    table: Table,
    faults: Faults,
}

/// Takes a text apart. Rows in which nothing stands are left out. Faults after which the rest can still be read
/// are returned beside the table.
fn scan(text: &str, first_line: u32, separator: u8) -> Result<(Table, Faults), Faults> {
    let mut scanner = Scanner {
        text,
        at: 0,
        line: first_line,
        separator,
        table: Table::default(),
        faults: Faults::default(),
    };
    scanner.table.all.reserve(text.len());
    while scanner.at < text.len() {
        scanner.row()?;
    }
    Ok((scanner.table, scanner.faults))
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn row(&mut self) -> Result<(), Faults> {
        let place = RowPlace {
            line: self.line,
            first: self.table.ends.len() as u32,
            count: 0,
        };
        let start = self.table.all.len();
        let mut count = 0;
        loop {
            if self.peek() == Some(b'"') {
                self.quoted()?
            } else {
                self.unquoted()
            }
            self.table.ends.push(self.table.all.len() as u32);
            count += 1;
            if count as usize > COLUMNS_MAX {
                return Err(self.stop(place.line, "too_many_columns", &[("columns_max", &COLUMNS_MAX)]));
            }
            if self.peek() != Some(self.separator) {
                break;
            }
            self.at += 1;
        }
        self.line_end();
        if self.table.all[start..].trim().is_empty() {
            self.table.all.truncate(start);
            self.table.ends.truncate(place.first as usize);
            return Ok(());
        }
        if self.table.rows.len() > ROWS_MAX {
            return Err(self.stop(place.line, "too_many_rows", &[("rows_max", &ROWS_MAX)]));
        }
        self.table.rows.push(RowPlace { count, ..place });
        Ok(())
    }

    fn stop(&mut self, line: u32, code: &'static str, args: &[(&str, &dyn std::fmt::Display)]) -> Faults {
        let mut faults = std::mem::take(&mut self.faults);
        faults.add_with(u64::from(line), "", code, args);
        faults
    }

    /// Takes `\r\n`, `\n` or `\r`.
    fn line_end(&mut self) {
        let Some(first) = self.peek() else { return };
        self.at += 1;
        if first == b'\r' && self.peek() == Some(b'\n') {
            self.at += 1;
        }
        self.line += 1;
    }

    /// Takes everything up to a separator or the end of the line.
    fn unquoted(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        let ends = |byte: &u8| *byte == self.separator || matches!(byte, b'\n' | b'\r');
        let len = rest.iter().position(ends).unwrap_or(rest.len());
        self.table.all.push_str(&self.text[self.at..self.at + len]);
        self.at += len;
    }

    fn quoted(&mut self) -> Result<(), Faults> {
        let opened = self.line;
        self.at += 1;
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            let Some(len) = rest.iter().position(|byte| matches!(byte, b'"' | b'\n' | b'\r')) else {
                return Err(self.stop(opened, "quote_open", &[]));
            };
            self.table.all.push_str(&self.text[self.at..self.at + len]);
            self.at += len;
            match (
                self.text.as_bytes()[self.at],
                self.text.as_bytes().get(self.at + 1),
            ) {
                (b'"', Some(b'"')) => {
                    self.table.all.push('"');
                    self.at += 2;
                }
                (b'"', _) => {
                    self.at += 1;
                    break;
                }
                _ => {
                    // One form of line end inside of fields, whatever the file has.
                    self.table.all.push('\n');
                    self.line_end();
                }
            }
        }
        self.behind_quote();
        Ok(())
    }

    fn behind_quote(&mut self) {
        let before = self.table.all.len();
        self.unquoted();
        if !self.table.all[before..].trim().is_empty() {
            self.faults.add(u64::from(self.line), "", "after_quote");
        }
        self.table.all.truncate(before);
    }
}

/// Whether a spreadsheet would compute this, or would after apostrophes in front of it were taken away.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(FORMULA)
}

/// A field without the apostrophe that [`write_line`] put in front of it.
fn plain(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if is_formula(rest) => rest,
        _ => text,
    }
}

/// A line of a list that is given out. No spreadsheet takes a field of it for a formula.
pub fn write_line<'f>(out: &mut String, fields: impl IntoIterator<Item = &'f str>) {
    for (place, field) in fields.into_iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        let safe = if is_formula(field) { "'" } else { "" };
        if safe.is_empty() && !field.contains([',', ';', '\t', '"', '\n', '\r']) {
            out.push_str(field);
            continue;
        }
        out.push('"');
        out.push_str(safe);
        out.push_str(&field.replace('"', "\"\""));
        out.push('"');
    }
    out.push_str("\r\n");
}

#[cfg(test)]
#[path = "sheet_tests.rs"]
mod tests;
