//! A list as people have it: CSV with `;` or `,`, in UTF-8 with or without a mark, or in Windows-1252.
//!
//! Read wholly or not at all: every fault is reported with its line. Pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Largest file.
pub const BYTES_MAX: usize = 32 << 20;
/// Most rows below the heading.
pub const ROWS_MAX: usize = 500_000;
const COLUMNS_MAX: usize = 64;
const FIELD_CHARS_MAX: usize = 1000;
/// Faults that are listed; more are only counted.
const FAULTS_MAX: usize = 100;
/// What makes a spreadsheet take a field for a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// One thing that is wrong with a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SheetFault {
    /// The line, counting from 1; 0 for the file as a whole.
    pub line: u64,
    /// The column by its heading; empty for the line as a whole.
    pub column: String,
    /// What is wrong.
    pub problem: String,
}

/// Every fault, at least one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The first hundred.
    pub listed: Vec<SheetFault>,
    /// How many there are.
    pub count: u64,
}

impl Faults {
    pub(super) fn add(&mut self, line: u64, column: &str, problem: impl Into<String>) {
        self.count += 1;
        if self.listed.len() < FAULTS_MAX {
            self.listed.push(SheetFault {
                line,
                column: column.to_owned(),
                problem: problem.into(),
            });
        }
    }

    fn whole(problem: impl Into<String>) -> Self {
        let mut faults = Self::default();
        faults.add(0, "", problem);
        faults
    }
}

/// A row: its line and its fields by heading, of which some may be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: u64,
    fields: Vec<String>,
}

/// A list that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sheet {
    /// Place of each known heading.
    columns: BTreeMap<&'static str, usize>,
    pub(super) lines: Vec<Line>,
    pub(super) encoding: &'static str,
    pub(super) delimiter: char,
}

impl Sheet {
    /// The field below a heading, without the apostrophe that keeps spreadsheets from computing it; nothing if
    /// the list has no such column.
    pub(super) fn get<'s>(&self, line: &'s Line, heading: &str) -> Option<&'s str> {
        let field = line.fields.get(*self.columns.get(heading)?)?.trim();
        match field.strip_prefix('\'') {
            Some(rest) if rest.starts_with(FORMULA) => Some(rest),
            _ => Some(field),
        }
    }
}

/// Reads a list with these headings, the first of which must be there.
pub(super) fn read(bytes: &[u8], headings: &[&'static str]) -> Result<Sheet, Faults> {
    if bytes.len() > BYTES_MAX {
        return Err(Faults::whole(format!("the file has more than {} MiB", BYTES_MAX >> 20)));
    }
    let (text, encoding) = decode(bytes)?;
    check_quotes(&text)?;
    let delimiter = delimiter(&text);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter as u8)
        .flexible(true)
        .has_headers(false)
        .from_reader(text.as_bytes());
    let mut records = reader.records();
    let Some(Ok(heading)) = records.next() else {
        return Err(Faults::whole("there is nothing in it"));
    };
    let columns = columns(&heading, headings)?;
    let (mut faults, mut lines) = (Faults::default(), Vec::new());
    for record in records {
        let record = record.map_err(|error| Faults::whole(error.to_string()))?;
        let number = record.position().map_or(0, csv::Position::line);
        if record.iter().all(|field| field.trim().is_empty()) {
            continue;
        }
        check_record(&record, &heading, number, &mut faults);
        if lines.len() == ROWS_MAX {
            faults.add(number, "", format!("there are more than {ROWS_MAX} rows"));
            break;
        }
        let fields = record.iter().map(str::to_owned).collect();
        lines.push(Line { number, fields });
    }
    if faults.count > 0 {
        return Err(faults);
    }
    Ok(Sheet {
        columns,
        lines,
        encoding,
        delimiter,
    })
}

fn check_record(record: &csv::StringRecord, heading: &csv::StringRecord, number: u64, faults: &mut Faults) {
    if record.len() > heading.len() {
        let problem = format!("has {} fields under {} headings", record.len(), heading.len());
        faults.add(number, "", problem);
    }
    for (field, column) in record.iter().zip(heading) {
        if field.chars().count() > FIELD_CHARS_MAX {
            faults.add(number, column, format!("has more than {FIELD_CHARS_MAX} characters"));
        } else if field.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\r' | '\n')) {
            faults.add(number, column, "has a control character in it");
        }
    }
}

fn decode(bytes: &[u8]) -> Result<(String, &'static str), Faults> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Faults::whole("the file is UTF-16: save it as CSV in UTF-8"));
    }
    if bytes.contains(&0) {
        let even = bytes.iter().skip(1).step_by(2).take(64).filter(|byte| **byte == 0).count();
        let odd = bytes.iter().step_by(2).take(64).filter(|byte| **byte == 0).count();
        let problem = if even.max(odd) > 16 {
            "the file is UTF-16: save it as CSV in UTF-8"
        } else {
            "the file is no text: is it a spreadsheet? save it as CSV"
        };
        return Err(Faults::whole(problem));
    }
    if let Some(rest) = bytes.strip_prefix(b"\xef\xbb\xbf") {
        let text = std::str::from_utf8(rest);
        let wrong = |error: std::str::Utf8Error| at(rest, error.valid_up_to(), "says it is UTF-8 and is not");
        return Ok((text.map_err(wrong)?.to_owned(), "utf-8"));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok((text.to_owned(), "utf-8")),
        Err(_) => windows_1252(bytes),
    }
}

fn at(bytes: &[u8], offset: usize, problem: &str) -> Faults {
    let line = 1 + bytes[..offset].iter().filter(|byte| **byte == b'\n').count() as u64;
    let mut faults = Faults::default();
    faults.add(line, "", problem);
    faults
}

/// The characters of 0x80 to 0x9f; five of them are none.
const HIGH: [char; 32] = [
    '€', '\0', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\0', 'Ž', '\0', '\0', '‘', '’', '“', '”', '•',
    '–', '—', '˜', '™', 'š', '›', 'œ', '\0', 'ž', 'Ÿ',
];

fn windows_1252(bytes: &[u8]) -> Result<(String, &'static str), Faults> {
    let mut text = String::with_capacity(bytes.len() + bytes.len() / 8);
    for (offset, &byte) in bytes.iter().enumerate() {
        let c = match byte {
            0x80..=0x9f => HIGH[usize::from(byte - 0x80)],
            other => char::from(other),
        };
        if c == '\0' {
            return Err(at(bytes, offset, "is neither UTF-8 nor Windows-1252"));
        }
        text.push(c);
    }
    Ok((text, "windows-1252"))
}

/// A quotation mark that is never closed would swallow the rest of the file.
fn check_quotes(text: &str) -> Result<(), Faults> {
    let (mut open, mut line) = (None, 1);
    for byte in text.bytes() {
        match (byte, open) {
            (b'\n', _) => line += 1,
            (b'"', None) => open = Some(line),
            (b'"', Some(_)) => open = None,
            _ => {}
        }
    }
    match open {
        None => Ok(()),
        Some(line) => {
            let mut faults = Faults::default();
            faults.add(line, "", "a quotation mark is opened here and never closed");
            Err(faults)
        }
    }
}

/// Whichever stands more often in the heading.
fn delimiter(text: &str) -> char {
    let heading = text.lines().next().unwrap_or("");
    let count = |c| heading.chars().filter(|it| *it == c).count();
    if count(';') > count(',') { ';' } else { ',' }
}

fn columns(heading: &csv::StringRecord, known: &[&'static str]) -> Result<BTreeMap<&'static str, usize>, Faults> {
    let mut faults = Faults::default();
    if heading.len() > COLUMNS_MAX {
        return Err(Faults::whole(format!("there are more than {COLUMNS_MAX} columns")));
    }
    let mut columns = BTreeMap::new();
    for (place, name) in heading.iter().enumerate() {
        let name = name.trim().to_lowercase();
        match known.iter().find(|known| **known == name) {
            None => faults.add(1, &name, format!("is no heading here; those are: {}", known.join(", "))),
            Some(known) => {
                if columns.insert(*known, place).is_some() {
                    faults.add(1, &name, "stands twice in the heading");
                }
            }
        }
    }
    if !columns.contains_key(known[0]) {
        faults.add(1, known[0], "is missing in the heading");
    }
    if faults.count > 0 { Err(faults) } else { Ok(columns) }
}

/// A line of a list that is given out. No spreadsheet takes a field of it for a formula.
pub fn write_line<'f>(out: &mut String, fields: impl IntoIterator<Item = &'f str>) {
    for (place, field) in fields.into_iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        let safe = if field.starts_with(FORMULA) || field.starts_with('\0') { "'" } else { "" };
        if safe.is_empty() && !field.contains([',', ';', '"', '\n', '\r']) {
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
mod tests {
    use super::*;

    const HEADINGS: &[&str] = &["id", "name", "site"];

    #[track_caller]
    fn check(bytes: &[u8], expected: Result<&[(&str, Option<&str>)], &[(u64, &str)]>) {
        let read = read(bytes, HEADINGS);
        let found = read.as_ref().map(|sheet| {
            let line = |line| (sheet.get(line, "id").unwrap_or(""), sheet.get(line, "name"));
            sheet.lines.iter().map(line).collect::<Vec<_>>()
        });
        let found = found.map_err(|faults| {
            let fault = |fault: &'_ SheetFault| (fault.line, fault.problem.clone());
            faults.listed.iter().map(fault).collect::<Vec<_>>()
        });
        match (found, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected),
            (Err(found), Err(expected)) => {
                assert_eq!(found.len(), expected.len(), "{found:?}");
                for ((line, problem), (expected_line, part)) in found.iter().zip(expected) {
                    assert!(line == expected_line && problem.contains(part), "{line}: {problem}");
                }
            }
            (found, expected) => panic!("{found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn lists_are_read_as_people_have_them() {
        check(b"id,name\nada,Ada\n", Ok(&[("ada", Some("Ada"))]));
        check(b"ID;Name\r\nada;\"Lovelace; Ada\"\r\n\r\n", Ok(&[("ada", Some("Lovelace; Ada"))]));
        check("\u{feff}id,name\nzoë,Zoë\n".as_bytes(), Ok(&[("zoë", Some("Zoë"))]));
        check(b"id,name\nzo\xeb,Zo\xeb \x80\n", Ok(&[("zoë", Some("Zoë €"))]));
        check(b"id\nada\n", Ok(&[("ada", None)]));
        check(b"name,id\n,ada\n", Ok(&[("ada", Some(""))]));
        check(b"id,name\nada,'=cmd\nben,'tis\n", Ok(&[("ada", Some("=cmd")), ("ben", Some("'tis"))]));
        check(b"id\n", Ok(&[]));
    }

    #[test]
    fn faults_have_lines() {
        check(b"", Err(&[(0, "nothing in it")]));
        check(b"\xff\xfei\0d\0", Err(&[(0, "UTF-16")]));
        let utf16: Vec<u8> = "id,name\nada,Ada Lovelace, a name of some length\n".bytes().flat_map(|b| [b, 0]).collect();
        check(&utf16, Err(&[(0, "UTF-16")]));
        check(b"PK\x03\x04\0\0\x08binary", Err(&[(0, "no text")]));
        check(b"id\nada\nb\x81n\n", Err(&[(3, "neither UTF-8 nor Windows-1252")]));
        check(b"name\nAda\n", Err(&[(1, "missing in the heading")]));
        check(b"id,colour\nada,red\n", Err(&[(1, "no heading here")]));
        check(b"id,id\nada,ada\n", Err(&[(1, "stands twice")]));
        check(b"id,name\nada,Ada\nben,\"Ben\nabc,d\n", Err(&[(3, "never closed")]));
        check(b"id\nada,Ada\nben\ncai,Cai\n", Err(&[(2, "2 fields"), (4, "2 fields")]));
        check(b"id\na\x07da\n", Err(&[(2, "control character")]));
        check(&[b"id\n".as_slice(), &vec![b'x'; 2000]].concat(), Err(&[(2, "more than 1000")]));
        check(&vec![b'x'; BYTES_MAX + 1], Err(&[(0, "more than 32 MiB")]));
    }

    #[test]
    fn no_spreadsheet_computes_what_is_given_out() {
        let mut out = String::new();
        write_line(&mut out, ["plain", "=1+1", "+4", "-4", "@a", "\tx", "a,b", "say \"hi\"", ""]);
        assert_eq!(out, "plain,\"'=1+1\",\"'+4\",\"'-4\",\"'@a\",\"'\tx\",\"a,b\",\"say \"\"hi\"\"\",\r\n");
    }
}
