//! Every word a page shows, in the languages it speaks: messages live in `console/locales`, never in code.

use std::sync::OnceLock;

use page_kit::messages::{Arg, Messages, key};

/// A language that pages speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Lang {
    /// English; also what is shown to a browser that asks for neither.
    #[default]
    En,
    /// German.
    De,
}

impl Lang {
    /// Every language.
    pub(crate) const ALL: [Self; 2] = [Self::En, Self::De];

    /// The code of the `lang` attribute, of cookies and of the account.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }

    /// The language of this code.
    pub(crate) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lang| lang.code() == code)
    }

    /// The first language of an `Accept-Language` header that we speak, by the browser's weights.
    pub(crate) fn accepted(header: &str) -> Self {
        let mut wishes: Vec<(f32, Self)> = header.split(',').filter_map(wish).collect();
        wishes.sort_by(|a, b| b.0.total_cmp(&a.0));
        wishes.first().map_or(Self::default(), |(_, lang)| *lang)
    }

    fn sources(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::En => EN,
            Self::De => DE,
        }
    }

    fn messages(self) -> &'static Messages {
        static IN_ENGLISH: OnceLock<Messages> = OnceLock::new();
        static IN_GERMAN: OnceLock<Messages> = OnceLock::new();
        let place = match self {
            Self::En => &IN_ENGLISH,
            Self::De => &IN_GERMAN,
        };
        place.get_or_init(|| Messages::built_in(self.code(), self.sources()))
    }
}

/// One entry of an `Accept-Language` header, such as `de-AT;q=0.8`; stable sorting keeps the order of equals.
fn wish(entry: &str) -> Option<(f32, Lang)> {
    let mut parts = entry.trim().split(';');
    let code = parts.next()?.split('-').next()?.to_ascii_lowercase();
    let weight = parts
        .find_map(|part| part.trim().strip_prefix("q="))
        .map_or(Some(1.0), |q| q.parse().ok())?;
    Lang::from_code(&code).map(|lang| (weight, lang))
}

macro_rules! sources {
    ($($file:literal),+ $(,)?) => {
        const EN: &[(&str, &str)] = &[$(($file, include_str!(concat!("../../locales/en/", $file, ".ftl")))),+];
        const DE: &[(&str, &str)] = &[$(($file, include_str!(concat!("../../locales/de/", $file, ".ftl")))),+];
    };
}

sources!("shell", "accounts", "dashboard", "plant", "words");

impl Lang {
    /// The message of this key. An unknown key shows itself: a test knows every key that templates name.
    pub(crate) fn text(self, key: &str, args: &[(&str, &dyn Arg)]) -> String {
        self.messages().text(key, args).unwrap_or_else(|| key.to_owned())
    }

    /// The message of this key, which takes no value.
    pub(crate) fn t(self, key: impl AsRef<str>) -> String {
        self.text(key.as_ref(), &[])
    }

    /// The message of this key with one value.
    pub(crate) fn t1(self, key: &str, name: &str, value: impl Arg) -> String {
        self.text(key, &[(name, &value)])
    }

    /// The message of this key with two values.
    pub(crate) fn t2(self, key: &str, name: &str, value: impl Arg, name2: &str, value2: impl Arg) -> String {
        self.text(key, &[(name, &value), (name2, &value2)])
    }

    /// The word for a stable code, such as a role or a reason: `group-code`, underscores as dashes.
    pub(crate) fn word(self, group: &str, code: impl AsRef<str>) -> String {
        self.t(key(group, code.as_ref()))
    }

    /// There is a message of this key.
    pub(crate) fn knows(self, key: &str) -> bool {
        self.messages().knows(key)
    }
}

/// Marks a key that is handed on to a template, so that the test that knows every key finds it.
pub(crate) const fn message(key: &'static str) -> &'static str {
    key
}

#[cfg(test)]
#[path = "text_tests.rs"]
mod tests;
