//! Every word of the page: Fluent messages in `station/daemon/locales`, and in a folder that a plant may fill.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

/// Largest file of messages that is read.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Languages that are offered at most: more do not fit on a screen.
const LANGUAGES_MAX: usize = 12;

macro_rules! sources {
    ($($file:literal),+ $(,)?) => {
        const EN: &[&str] = &[$(include_str!(concat!("../../locales/en/", $file, ".ftl"))),+];
        const DE: &[&str] = &[$(include_str!(concat!("../../locales/de/", $file, ".ftl"))),+];
    };
}

sources!("page", "reasons", "operator");

/// The languages of the page. English is the first; what another one does not say is said in English.
pub struct Words(Vec<Tongue>);

struct Tongue {
    code: String,
    bundle: FluentBundle<FluentResource>,
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
        Self(vec![Tongue::new("en", EN), Tongue::new("de", DE)])
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
        let resource = FluentResource::try_new(text)
            .map_err(|(_, faults)| faults.first().map_or_else(String::new, ToString::to_string))?;
        if let Some(known) = self.0.iter_mut().find(|tongue| tongue.code == code) {
            known.bundle.add_resource_overriding(resource);
            return Ok(());
        }
        if self.0.len() >= LANGUAGES_MAX {
            return Err(format!("{LANGUAGES_MAX} languages are the most"));
        }
        let id: LanguageIdentifier = code
            .parse()
            .map_err(|_| format!("{code:?} is no code of a language"))?;
        let mut tongue = Tongue::empty(code, id);
        tongue.bundle.add_resource_overriding(resource);
        self.0.push(tongue);
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
    fn empty(code: &str, id: LanguageIdentifier) -> Self {
        let mut bundle = FluentBundle::new_concurrent(vec![id]);
        // Marks around inserted words are kept out of texts that people copy; names stand in elements of their own.
        bundle.set_use_isolating(false);
        Self {
            code: code.into(),
            bundle,
        }
    }

    /// The files are part of the program, so a fault in one of them is ours; a test loads them all.
    fn new(code: &str, sources: &[&str]) -> Self {
        let mut tongue = Self::empty(code, code.parse().expect("a language code"));
        for source in sources {
            let resource = FluentResource::try_new((*source).to_owned())
                .unwrap_or_else(|(_, faults)| panic!("messages in {code}: {faults:?}"));
            tongue
                .bundle
                .add_resource(resource)
                .unwrap_or_else(|faults| panic!("messages in {code}: {faults:?}"));
        }
        tongue
    }

    fn text(&self, key: &str, args: Option<&FluentArgs<'_>>) -> Option<String> {
        let pattern = self.bundle.get_message(key)?.value()?;
        let mut faults = Vec::new();
        Some(
            self.bundle
                .format_pattern(pattern, args, &mut faults)
                .into_owned(),
        )
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

/// A value that goes into a message; numbers choose plural forms.
pub(super) trait Arg {
    /// As Fluent takes it.
    fn value(&self) -> FluentValue<'_>;
}

macro_rules! number_arg {
    ($($type:ty),+) => { $( impl Arg for $type {
        fn value(&self) -> FluentValue<'_> {
            FluentValue::from(*self)
        }
    } )+ };
}
number_arg!(i64, u64, usize, u32, u16, u8, i32, i16);

impl Arg for str {
    fn value(&self) -> FluentValue<'_> {
        FluentValue::from(self)
    }
}

impl Arg for String {
    fn value(&self) -> FluentValue<'_> {
        FluentValue::from(self.as_str())
    }
}

impl<T: Arg + ?Sized> Arg for &T {
    fn value(&self) -> FluentValue<'_> {
        (**self).value()
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
        match self.own("language-direction", None).as_deref() {
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
        self.own("language-name", None)
            .unwrap_or_else(|| self.code().to_owned())
    }

    /// Whether this is the same language.
    pub(super) fn is(&self, other: &Lang) -> bool {
        self.at == other.at
    }

    fn own(&self, key: &str, args: Option<&FluentArgs<'_>>) -> Option<String> {
        self.words.0[self.at].text(key, args)
    }

    /// The message of this key. An unknown key shows itself: a test knows every key that is named.
    pub(super) fn text(&self, key: &str, args: &[(&str, &dyn Arg)]) -> String {
        let mut given = FluentArgs::new();
        for (name, arg) in args {
            given.set(*name, arg.value());
        }
        self.own(key, Some(&given))
            .or_else(|| self.words.0[0].text(key, Some(&given)))
            .unwrap_or_else(|| key.to_owned())
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
            .any(|at| self.words.0[*at].bundle.has_message(key))
    }
}

/// The key of the message for a stable code: `group-code`, underscores as dashes.
pub(super) fn key(group: &str, code: &str) -> String {
    format!("{group}-{}", code.replace(['_', '.'], "-"))
}

#[cfg(test)]
mod tests;
