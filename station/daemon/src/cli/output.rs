//! Printing: for people, or JSON.

use std::io::Write;

use serde::Serialize;

use crate::problem::Problem;

/// How a command prints.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    /// JSON rather than text.
    pub(super) json: bool,
}

impl Output {
    /// One result: the value as JSON, or its text.
    pub(super) fn result(&self, value: &impl Serialize, text: &str) {
        if self.json {
            self.json_line(value)
        } else {
            print(text)
        }
    }

    /// One JSON object on a line of its own.
    pub(super) fn json_line(&self, value: &impl Serialize) {
        print(&serde_json::to_string(value).expect("plain data"));
    }

    /// One line for people; nothing with `--json`.
    pub(super) fn line(&self, text: &str) {
        if !self.json {
            print(text);
        }
    }

    /// What went wrong, to standard error.
    pub(super) fn problem(&self, problem: &Problem) {
        let text = if self.json {
            problem.to_json().to_string()
        } else {
            problem.to_string()
        };
        let _ = writeln!(std::io::stderr(), "{text}");
    }
}

/// Prints a line. Whoever reads may stop reading (`| head`); that is no fault of ours.
fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Rows as columns, two spaces apart; the last column is not padded.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.chain([header[column].len()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |cells: Vec<&str>| {
        let padded = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let body = rows
        .iter()
        .map(|row| line(row.iter().map(String::as_str).collect()));
    std::iter::once(line(header.to_vec()))
        .chain(body)
        .collect::<Vec<_>>()
        .join("\n")
}

/// Text from outside made safe for a terminal: control and direction characters become dots.
pub(super) fn safe(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|c| if hidden(c) { '·' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = vec![
            vec!["a".into(), "long one".into()],
            vec!["bbbb".into(), "c".into()],
        ];
        assert_eq!(table(&["x", "y"], &rows), "x     y\na     long one\nbbbb  c");
    }

    #[test]
    fn hostile_text_cannot_move_the_cursor() {
        assert_eq!(safe("a\u{1b}[2Jb\u{202e}c\r\n"), "a·[2Jb·c··");
        assert_eq!(safe("Ørsted 👩‍🔧 د"), "Ørsted 👩·🔧 د");
    }
}
