//! What a finding says, in any language: its name and values go into messages of `locales`.

use std::sync::LazyLock;

use page_kit::messages::{Arg, Messages, key};

use crate::api::model::{Finding, FindingValue};

/// Values that are spans of time end so; their messages know them without this end, in words.
const SPAN: &str = "_seconds";

/// The language of the command line and of the log.
static ENGLISH: LazyLock<Messages> = LazyLock::new(|| {
    Messages::built_in(
        "en",
        &[("findings", include_str!("../../locales/en/findings.ftl"))],
    )
});

/// A finding in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Said {
    /// What was looked at.
    pub(crate) check: String,
    /// What was seen.
    pub(crate) text: String,
    /// What to do, unless all is well.
    pub(crate) next: Option<String>,
}

/// A value as messages take it.
fn as_arg(value: &FindingValue) -> &dyn Arg {
    match value {
        FindingValue::Number(number) => number,
        FindingValue::Text(text) => text,
    }
}

/// The finding in the words of a language. `message` gives a message of it with these values, if there is one.
pub(crate) fn say(finding: &Finding, message: impl Fn(&str, &[(&str, &dyn Arg)]) -> Option<String>) -> Said {
    let plain = finding
        .values
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()));
    let spans = finding.values.iter().filter_map(|(name, value)| {
        let (name, FindingValue::Number(seconds)) = (name.strip_suffix(SPAN)?, value) else {
            return None;
        };
        let (unit, count) = span(*seconds);
        let words = message("found-span", &[("unit", &unit), ("count", &count)])?;
        Some((name.to_owned(), FindingValue::Text(words)))
    });
    let values: Vec<_> = plain.chain(spans).collect();
    let values: Vec<(&str, &dyn Arg)> = values
        .iter()
        .map(|(name, value)| (name.as_str(), as_arg(value)))
        .collect();
    let name = key("found", &finding.code);
    let found = message(&name, &values);
    let is_known = found.is_some();
    let next = match is_known {
        true => message(&format!("{name}-next"), &values),
        false => message("found-other-next", &values),
    };
    Said {
        check: message(&key("looked-at", &finding.check), &[]).unwrap_or_else(|| finding.check.clone()),
        text: found
            .or_else(|| message("found-other", &values))
            .unwrap_or_default(),
        next: next.filter(|_| finding.next.is_some()),
    }
}

pub(super) fn in_english(finding: &Finding) -> Said {
    say(finding, |key, values| ENGLISH.text(key, values))
}

/// A span of time in the largest unit of which there are at least two.
fn span(seconds: i64) -> (&'static str, i64) {
    match seconds {
        ..120 => ("seconds", seconds),
        120..7200 => ("minutes", seconds / 60),
        7200..172_800 => ("hours", seconds / 3600),
        _ => ("days", seconds / 86_400),
    }
}
