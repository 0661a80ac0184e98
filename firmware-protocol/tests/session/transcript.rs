//! Names and bytes in the form of `session.txt`: a line `name = hex`, long values over indented lines of
//! 32 bytes, text in quotes. `docs/wire-format.md` repeats parts of it in blocks marked `vectors`.

use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Transcript {
    pub(super) text: String,
    /// What each name begins with.
    pub(super) prefix: &'static str,
}

impl Transcript {
    pub(super) fn section(&mut self, title: &str) {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        self.text += &format!("{gap}# {title}\n");
    }

    pub(super) fn bytes(&mut self, name: &str, bytes: &[u8]) {
        let name = format!("{}{name}", self.prefix);
        let hex: Vec<String> = bytes
            .chunks(32)
            .map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect())
            .collect();
        match &hex[..] {
            [] => self.text += &format!("{name} =\n"),
            [one] => self.text += &format!("{name} = {one}\n"),
            lines => {
                self.text += &format!("{name} =\n");
                lines
                    .iter()
                    .for_each(|line| self.text += &format!("    {line}\n"));
            }
        }
    }

    pub(super) fn words(&mut self, name: &str, words: &str) {
        self.text += &format!("{}{name} = \"{words}\"\n", self.prefix);
    }
}

/// Reads names and values back; values without white space.
pub(super) fn parse(text: &str) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let mut name = String::new();
    for line in text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
    {
        if let Some(more) = line.strip_prefix("    ") {
            let value: &mut String = values.get_mut(&name).expect("a name comes first");
            value.push_str(more.trim());
        } else {
            let (new, value) = line.split_once('=').expect("name = value");
            name = new.trim().to_string();
            let old = values.insert(name.clone(), value.trim().to_string());
            assert_eq!(old, None, "{name} twice");
        }
    }
    values
}

/// Writes the values of the file into the blocks of the document; what the document names, the file has.
pub(super) fn mend(document: &str, file: &str) -> String {
    let entries = entries(file);
    let mut mended = String::new();
    let mut in_block = false;
    for line in document.lines() {
        in_block = (in_block && line != "```") || line == "```vectors";
        match line.split_once('=') {
            Some((name, _)) if in_block => {
                let name = name.trim();
                mended += entries
                    .get(name)
                    .unwrap_or_else(|| panic!("{name} is not on file"));
            }
            None if in_block && line.starts_with("    ") => {}
            _ => mended += &format!("{line}\n"),
        }
    }
    mended
}

/// The lines of each name, as they stand in the file.
fn entries(file: &str) -> BTreeMap<&str, String> {
    let mut entries: BTreeMap<&str, String> = BTreeMap::new();
    let mut name = "";
    for line in file
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        if let Some((new, _)) = line.split_once('=') {
            name = new.trim();
        }
        *entries.entry(name).or_default() += &format!("{line}\n");
    }
    entries
}
