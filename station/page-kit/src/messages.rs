//! The messages of one language, by Fluent.

use std::fmt;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

/// The messages of one language.
pub struct Messages(FluentBundle<FluentResource>);

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Messages").field(&self.0.locales).finish()
    }
}

impl Messages {
    /// None yet, in the language of this code (BCP 47), which decides about plural forms. `None` if it is no code.
    pub fn of(code: &str) -> Option<Self> {
        let id: LanguageIdentifier = code.parse().ok()?;
        let mut bundle = FluentBundle::new_concurrent(vec![id]);
        // Marks around inserted words are invisible on a page and break what people copy.
        bundle.set_use_isolating(false);
        Some(Self(bundle))
    }

    /// Those of files that are part of the program, each a name and its text.
    ///
    /// # Panics
    ///
    /// If a file does not read or says a message again: the fault is ours, and a test loads them all.
    pub fn built_in(code: &str, files: &[(&str, &str)]) -> Self {
        let mut messages = Self::of(code).expect("a language code");
        for (file, text) in files {
            let resource = FluentResource::try_new((*text).to_owned())
                .unwrap_or_else(|(_, faults)| panic!("{file}.ftl in {code}: {faults:?}"));
            messages
                .0
                .add_resource(resource)
                .unwrap_or_else(|faults| panic!("{file}.ftl in {code}: {faults:?}"));
        }
        messages
    }

    /// Adds those of a text, instead of what was said under their keys before.
    ///
    /// # Errors
    ///
    /// The first fault of a text that does not read; nothing of it was taken then.
    pub fn replace_by(&mut self, text: String) -> Result<(), String> {
        let resource = FluentResource::try_new(text)
            .map_err(|(_, faults)| faults.first().map_or_else(String::new, ToString::to_string))?;
        self.0.add_resource_overriding(resource);
        Ok(())
    }

    /// The message of this key with these values.
    pub fn text(&self, key: &str, args: &[(&str, &dyn Arg)]) -> Option<String> {
        let pattern = self.0.get_message(key)?.value()?;
        let mut given = FluentArgs::new();
        for (name, arg) in args {
            given.set(*name, arg.value());
        }
        let mut faults = Vec::new();
        Some(
            self.0
                .format_pattern(pattern, Some(&given), &mut faults)
                .into_owned(),
        )
    }

    /// There is a message of this key.
    pub fn knows(&self, key: &str) -> bool {
        self.0.has_message(key)
    }
}

/// The key of the message for a stable code, such as a reason or a role: `group-code`, underscores as dashes.
pub fn key(group: &str, code: &str) -> String {
    format!("{group}-{}", code.replace(['_', '.'], "-"))
}

/// A value that goes into a message; numbers choose plural forms.
pub trait Arg {
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

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "bands = { $count ->\n    [one] one band\n   *[other] { $count } bands of { $name }\n }\n";

    #[test]
    fn numbers_choose_plural_forms_and_names_stand_without_marks() {
        let messages = Messages::built_in("en", &[("test", TEXT)]);
        let bands = |count: u32| messages.text("bands", &[("count", &count), ("name", &"Mara")]);
        assert_eq!(bands(1).as_deref(), Some("one band"));
        assert_eq!(bands(3).as_deref(), Some("3 bands of Mara"));
        assert_eq!(messages.text("unknown", &[]), None);
    }

    #[test]
    fn a_text_replaces_messages_only_if_it_reads() {
        let mut messages = Messages::built_in("en", &[("test", "go = Go\nstop = Stop\n")]);
        assert!(messages.replace_by("go = Go on\nno message".into()).is_err());
        assert_eq!(messages.text("go", &[]).as_deref(), Some("Go"));
        messages.replace_by("go = Go on\n".into()).unwrap();
        assert_eq!(messages.text("go", &[]).as_deref(), Some("Go on"));
        assert_eq!(messages.text("stop", &[]).as_deref(), Some("Stop"));
        assert!(Messages::of("no language").is_none());
    }

    #[test]
    fn a_key_is_made_of_group_and_code() {
        assert_eq!(key("reason", "user_unknown"), "reason-user-unknown");
        assert_eq!(key("action", "api_key.made"), "action-api-key-made");
    }
}
