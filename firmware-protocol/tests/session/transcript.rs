//! Names and bytes in the form of `session.txt`: a line `name = hex`, long values over indented lines of
//! 32 bytes, text in quotes. `docs/wire-format.md` repeats parts of it in blocks marked `vectors`.

use std::collections::BTreeMap;

#[derive(Default)]
pub(super) struct Transcript {
    pub(super) text: String,
}

impl Transcript {
    pub(super) fn section(&mut self, title: &str) {
        let gap = if self.text.is_empty() { "" } else { "\n" };
        self.text += &format!("{gap}# {title}\n");
    }

    pub(super) fn bytes(&mut self, name: &str, bytes: &[u8]) {
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
        self.text += &format!("{name} = \"{words}\"\n");
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
