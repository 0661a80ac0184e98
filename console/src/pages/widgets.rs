//! What pages are put together from, as plain values: fields, words with a tone, moments, pagers.

use super::text::Lang;

/// How a word is meant; also told by its shape, never by its color alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Warn,
    Bad,
    Note,
    Off,
}

impl Tone {
    /// The class in the style sheet.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Note => "note",
            Self::Off => "off",
        }
    }
}

/// A state in a word.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) tone: &'static str,
}

impl Word {
    pub(crate) fn new(text: String, tone: Tone) -> Self {
        Self {
            text,
            tone: tone.class(),
        }
    }

    /// The word for a stable code of a group, as in `status` and `active`.
    pub(crate) fn of(lang: Lang, group: &str, code: &str, tone: Tone) -> Self {
        Self::new(lang.word(group, code), tone)
    }
}

/// A moment: for programs in UTC, for people without a script in UTC too, and it says so.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moment {
    pub(crate) utc: String,
    pub(crate) text: String,
}

impl Moment {
    /// Milliseconds since 1970.
    pub(crate) fn of(lang: Lang, millis: i64) -> Self {
        let Ok(at) = jiff::Timestamp::from_millisecond(millis) else {
            return Self::default();
        };
        let date = match lang {
            Lang::En => "%-d %b %Y, %H:%M UTC",
            Lang::De => "%-d.%-m.%Y, %H:%M UTC",
        };
        Self {
            utc: at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            text: at.strftime(date).to_string(),
        }
    }

    /// A moment, or none.
    pub(crate) fn maybe(lang: Lang, millis: Option<i64>) -> Self {
        millis.map_or_else(Self::default, |millis| Self::of(lang, millis))
    }
}

/// How long something lasts or has lasted, in its largest unit.
pub(crate) fn span(lang: Lang, millis: i64) -> String {
    let seconds = millis.max(0) / 1000;
    let (key, count) = match seconds {
        ..60 => ("span-seconds", seconds),
        60..3600 => ("span-minutes", seconds / 60),
        3600..86_400 => ("span-hours", seconds / 3600),
        _ => ("span-days", seconds / 86_400),
    };
    lang.t1(key, "count", count)
}

/// One thing to choose.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) text: String,
}

impl Choice {
    pub(crate) fn new(value: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            text: text.into(),
        }
    }
}

/// A field of a form, with what was wrong with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Field {
    pub(crate) id: &'static str,
    pub(crate) label: &'static str,
    pub(crate) hint: &'static str,
    pub(crate) value: String,
    pub(crate) fault: String,
    pub(crate) autocomplete: &'static str,
    pub(crate) required: bool,
    pub(crate) max: usize,
    pub(crate) options: Vec<Choice>,
    /// `text` if empty; else `password`, `number`, `datetime-local`, `choose` or `area`.
    pub(crate) kind: &'static str,
}

impl Field {
    /// A field of this name; `label` is the key of its message.
    pub(crate) fn new(id: &'static str, label: &'static str) -> Self {
        Self {
            id,
            label,
            autocomplete: "off",
            max: 200,
            ..Self::default()
        }
    }

    pub(crate) fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }

    pub(crate) fn value(self, value: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            ..self
        }
    }

    pub(crate) fn autocomplete(self, autocomplete: &'static str) -> Self {
        Self { autocomplete, ..self }
    }

    pub(crate) fn required(self) -> Self {
        Self {
            required: true,
            ..self
        }
    }

    pub(crate) fn options(self, options: Vec<Choice>) -> Self {
        Self {
            options,
            kind: "choose",
            ..self
        }
    }

    pub(crate) fn of_kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    /// How it is shown.
    pub(crate) fn kind(&self) -> &'static str {
        if self.kind.is_empty() { "text" } else { self.kind }
    }

    /// Takes what concerns this field out of a list of faults.
    pub(crate) fn faults(self, faults: &[Fault]) -> Self {
        let own = faults.iter().find(|fault| fault.field == self.id);
        Self {
            fault: own.map(|fault| fault.text.clone()).unwrap_or_default(),
            ..self
        }
    }

    /// The ids of what describes this field, for `aria-describedby`.
    pub(crate) fn described(&self) -> String {
        let parts = [(self.hint, "hint"), (self.fault.as_str(), "fault")];
        let ids: Vec<String> = parts
            .iter()
            .filter(|(text, _)| !text.is_empty())
            .map(|(_, what)| format!("{}-{what}", self.id))
            .collect();
        ids.join(" ")
    }
}

/// What was wrong with a form: about a field, or about all of it.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) field: &'static str,
    pub(crate) text: String,
}

/// An address with its words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Link {
    pub(crate) href: String,
    pub(crate) text: String,
}

impl Link {
    pub(crate) fn new(href: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            href: href.into(),
            text: text.into(),
        }
    }
}

/// One cause or step with what to do about it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    pub(crate) tone: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) title: String,
    pub(crate) text: String,
    pub(crate) href: String,
    pub(crate) link: String,
}

/// Something that happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Event {
    pub(crate) text: String,
    pub(crate) who: String,
    pub(crate) at: Moment,
    pub(crate) href: String,
}

/// A number with what it counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figure {
    pub(crate) count: String,
    pub(crate) label: String,
    pub(crate) href: &'static str,
}

/// Where a list goes on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pager {
    pub(crate) summary: String,
    pub(crate) first: String,
    pub(crate) next: String,
}

impl Pager {
    /// The pager of a list at `path` with this query (without its cursor).
    pub(crate) fn new(lang: Lang, shown: usize, path: &str, query: &[(&str, &str)], at: Cursors<'_>) -> Self {
        let link = |cursor: &str| {
            let mut parts: Vec<(&str, &str)> = query
                .iter()
                .copied()
                .filter(|(_, value)| !value.is_empty())
                .collect();
            if !cursor.is_empty() {
                parts.push(("cursor", cursor));
            }
            address(path, &parts)
        };
        Self {
            summary: lang.t1("pager-shown", "count", shown),
            first: at.here.map_or_else(String::new, |_| link("")),
            next: at.next.map_or_else(String::new, link),
        }
    }

    pub(crate) fn is_needed(&self) -> bool {
        !self.first.is_empty() || !self.next.is_empty()
    }
}

/// The cursor a list was asked with, and the one that goes on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cursors<'a> {
    pub(crate) here: Option<&'a str>,
    pub(crate) next: Option<&'a str>,
}

/// A path with a query, escaped.
pub(crate) fn address(path: &str, query: &[(&str, &str)]) -> String {
    let parts: Vec<String> = query
        .iter()
        .map(|(name, value)| format!("{name}={}", escaped(value)))
        .collect();
    match parts.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", parts.join("&")),
    }
}

/// A value as part of a path or a query.
pub(crate) fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_escaped() {
        let check = |query: &[(&str, &str)], expected: &str| assert_eq!(address("/users", query), expected);
        check(&[], "/users");
        check(&[("q", "a&b=c"), ("site", "ü")], "/users?q=a%26b%3Dc&site=%C3%BC");
        assert_eq!(escaped("../x?y#z"), "..%2Fx%3Fy%23z");
    }

    #[test]
    fn moments_say_that_they_are_utc() {
        let check = |lang, expected: &str| assert_eq!(Moment::of(lang, 1_795_183_500_000).text, expected);
        check(Lang::En, "20 Nov 2026, 14:05 UTC");
        check(Lang::De, "20.11.2026, 14:05 UTC");
        assert_eq!(Moment::of(Lang::En, i64::MAX).utc, "");
    }

    #[test]
    fn spans_use_their_largest_unit() {
        let check = |seconds: i64, expected: &str| assert_eq!(span(Lang::En, seconds * 1000), expected);
        check(1, "1 second");
        check(119, "1 minute");
        check(7200, "2 hours");
        check(200_000, "2 days");
        check(-5, "0 seconds");
    }
}
