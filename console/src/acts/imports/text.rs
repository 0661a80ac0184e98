//! Bytes of a file as text: UTF-8 with or without a mark, or an encoding of eight bits. Pure.

use encoding_rs::{Encoding, ISO_8859_2, WINDOWS_1250, WINDOWS_1252};

use super::fault::Faults;

/// How a file was written, and its text.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) text: String,
    pub(super) encoding: &'static str,
}

/// Encodings of eight bits that can be chosen. Without a choice it is the first if it is not UTF-8.
const BYTEWISE: [(&str, &Encoding); 3] = [
    ("windows-1252", WINDOWS_1252),
    ("iso-8859-2", ISO_8859_2),
    ("windows-1250", WINDOWS_1250),
];

/// The text of a file. What is no text is refused by name.
pub(super) fn decode(bytes: &[u8], chosen: Option<&str>) -> Result<Decoded, Faults> {
    refuse_what_is_no_text(bytes)?;
    let chosen = chosen.map(str::to_ascii_lowercase);
    let (marked, rest) = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => (true, rest),
        None => (false, bytes),
    };
    match chosen.as_deref().filter(|chosen| !chosen.is_empty()) {
        None => match std::str::from_utf8(rest) {
            Err(_) if !marked => bytewise(bytes, BYTEWISE[0]),
            _ => utf_8(rest),
        },
        Some("utf-8" | "utf8") => utf_8(rest),
        // A mark says more than a choice.
        Some(_) if marked => utf_8(rest),
        Some(name) => match BYTEWISE.iter().find(|(known, _)| *known == name) {
            Some(found) => bytewise(bytes, *found),
            None => Err(Faults::only(0, "encoding_unknown", &[("encoding", &name)])),
        },
    }
}

fn refuse_what_is_no_text(bytes: &[u8]) -> Result<(), Faults> {
    let utf_16 = || Err(Faults::only(0, "utf_16", &[]));
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return utf_16();
    }
    let Some(first) = bytes.iter().position(|byte| *byte == 0) else {
        return Ok(());
    };
    // Every second byte of ASCII in UTF-16 is zero.
    let start = &bytes[..bytes.len().min(64)];
    let zeros = |from: usize| {
        start
            .iter()
            .skip(from)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
    };
    if start.len() >= 4 && zeros(0).max(zeros(1)) * 3 > start.len() {
        return utf_16();
    }
    Err(Faults::only(line_of(bytes, first), "not_text", &[]))
}

/// The line on which the byte at `offset` stands, as the scanner counts.
fn line_of(bytes: &[u8], offset: usize) -> u64 {
    let before = &bytes[..offset];
    let breaks = before.iter().enumerate().filter(|(index, byte)| match byte {
        b'\n' => true,
        b'\r' => bytes.get(index + 1) != Some(&b'\n'),
        _ => false,
    });
    1 + breaks.count() as u64
}

fn utf_8(bytes: &[u8]) -> Result<Decoded, Faults> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Decoded {
            text: text.to_owned(),
            encoding: "utf-8",
        }),
        Err(error) => {
            let line = line_of(bytes, error.valid_up_to());
            Err(Faults::only(line, "not_in_encoding", &[("encoding", &"UTF-8")]))
        }
    }
}

fn bytewise(bytes: &[u8], (name, encoding): (&'static str, &'static Encoding)) -> Result<Decoded, Faults> {
    let (text, _) = encoding.decode_without_bom_handling(bytes);
    // The places that an encoding leaves free come out as controls of C1 or as U+FFFD.
    let free = |c: char| matches!(c, '\u{80}'..='\u{9f}' | '\u{fffd}');
    match text.find(free) {
        None => Ok(Decoded {
            text: text.into_owned(),
            encoding: name,
        }),
        Some(at) => {
            let line = line_of(text.as_bytes(), at);
            let both = format!("UTF-8 or {name}");
            Err(Faults::only(line, "not_in_encoding", &[("encoding", &both)]))
        }
    }
}
