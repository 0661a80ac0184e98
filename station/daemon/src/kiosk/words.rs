//! Every word of the page: Fluent messages in `station/daemon/locales`, and in a folder that a plant may fill.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use page_kit::messages::{Arg, Messages};

/// Largest file of messages that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Languages that are offered at most: more do not fit on a screen.
const LANGUAGES_MAX: usize = 12;

macro_rules! sources {
    ($($file:literal),+ $(,)?) => {
        const EN: &[(&str, &str)] = &[$(($file, include_str!(concat!("../../locales/en/", $file, ".ftl")))),+];
        const DE: &[(&str, &str)] = &[$(($file, include_str!(concat!("../../locales/de/", $file, ".ftl")))),+];
    };
}

sources!("page", "reasons", "operator", "findings");

/// The languages of the page. English is the first; what another one does not say is said in English.
pub struct Words(Vec<Tongue>);

struct Tongue {
    code: String,
    messages: Messages,
}

impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|tongue| &tongue.code))
            .finish()
    }
}

impl Words {
    /// The languages that are part of the program.
    pub fn built_in() -> Self {
        Self(vec![Tongue::built_in("en", EN), Tongue::built_in("de", DE)])
    }

    /// The same with those of a folder. A file of the name of a language that is there already replaces single
    /// messages of it. A file that does not read is left out, and what is wrong with it is given back.
    pub fn with_folder(folder: Option<&Path>) -> (Self, Vec<String>) {
        let mut words = Self::built_in();
        let mut faults = Vec::new();
        let Some(folder) = folder else {
            return (words, faults);
        };
        match std::fs::read_dir(folder) {
            Ok(entries) => {
                let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
                paths.sort();
                for path in paths
                    .iter()
                    .filter(|path| path.extension().is_some_and(|it| it == "ftl"))
                {
                    if let Err(fault) = words.add(path) {
                        faults.push(format!("{}: {fault}", path.display()));
                    }
                }
            }
            Err(error) => faults.push(format!("{}: {error}", folder.display())),
        }
        (words, faults)
    }

    fn add(&mut self, path: &Path) -> Result<(), String> {
        let code = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
        if length > FILE_BYTES_MAX {
            return Err(format!(
                "it has {length} bytes, and {FILE_BYTES_MAX} are the most"
            ));
        }
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        if let Some(known) = self.0.iter_mut().find(|tongue| tongue.code == code) {
            return known.messages.replace_by(text);
        }
        if self.0.len() >= LANGUAGES_MAX {
            return Err(format!("{LANGUAGES_MAX} languages are the most"));
        }
        let mut messages = Messages::of(code).ok_or_else(|| format!("{code:?} is no code of a language"))?;
        messages.replace_by(text)?;
        self.0.push(Tongue {
            code: code.into(),
            messages,
        });
        Ok(())
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The place of the language with this code.
    pub(super) fn find(&self, code: &str) -> Option<usize> {
        self.0.iter().position(|tongue| tongue.code == code)
    }
}

impl Tongue {
    fn built_in(code: &str, files: &[(&str, &str)]) -> Self {
        Self {
            code: code.into(),
            messages: Messages::built_in(code, files),
        }
    }
}

/// One of the languages.
#[derive(Clone)]
pub(super) struct Lang {
    words: Arc<Words>,
    at: usize,
}

impl fmt::Debug for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Lang {
    pub(super) fn new(words: &Arc<Words>, at: usize) -> Self {
        let at = at.min(words.count() - 1);
        Self {
            words: words.clone(),
            at,
        }
    }

    /// The code of the `lang` attribute.
    pub(super) fn code(&self) -> &str {
        &self.words.0[self.at].code
    }

    /// `rtl` for a language that is written from right to left, else `ltr`.
    pub(super) fn direction(&self) -> &'static str {
        match self.own("language-direction", &[]).as_deref() {
            Some("rtl") => "rtl",
            _ => "ltr",
        }
    }

    /// Every language, in the order in which they are offered.
    pub(super) fn all(&self) -> Vec<Lang> {
        (0..self.words.count())
            .map(|at| Self::new(&self.words, at))
            .collect()
    }

    /// The language's name in itself.
    pub(super) fn name(&self) -> String {
        self.own("language-name", &[])
            .unwrap_or_else(|| self.code().to_owned())
    }

    /// Whether this is the same language.
    pub(super) fn is(&self, other: &Lang) -> bool {
        self.at == other.at
    }

    fn own(&self, key: &str, args: &[(&str, &dyn Arg)]) -> Option<String> {
        self.words.0[self.at].messages.text(key, args)
    }

    /// The message of this key. An unknown key shows itself: a test knows every key that is named.
    pub(super) fn text(&self, key: &str, args: &[(&str, &dyn Arg)]) -> String {
        self.find(key, args).unwrap_or_else(|| key.to_owned())
    }

    /// The message of this key, if there is one in this language or in English.
    pub(super) fn find(&self, key: &str, args: &[(&str, &dyn Arg)]) -> Option<String> {
        self.own(key, args)
            .or_else(|| self.words.0[0].messages.text(key, args))
    }

    /// The message of this key, which takes no value.
    pub(super) fn t(&self, key: impl AsRef<str>) -> String {
        self.text(key.as_ref(), &[])
    }

    /// The message of this key with one value.
    pub(super) fn t1(&self, key: &str, name: &str, value: impl Arg) -> String {
        self.text(key, &[(name, &value)])
    }

    /// The message of this key with two values.
    pub(super) fn t2(&self, key: &str, name: &str, value: impl Arg, name2: &str, value2: impl Arg) -> String {
        self.text(key, &[(name, &value), (name2, &value2)])
    }

    /// There is a message of this key, in this language or in English.
    pub(super) fn knows(&self, key: &str) -> bool {
        [self.at, 0]
            .iter()
            .any(|at| self.words.0[*at].messages.knows(key))
    }
}

#[cfg(test)]
mod tests;
