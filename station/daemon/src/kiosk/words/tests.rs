use std::collections::{BTreeMap, BTreeSet};

use page_kit::messages::key;

use super::*;
use crate::api::model::{Finding, FindingValue, Verdict};
use crate::doctor::cause::Cause;
use crate::doctor::found;
use crate::doctor::words::{Said, say};
use crate::problem::Code;

/// Key and values of each message of a language, as its files have them.
fn messages(files: &[(&str, &str)]) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    let mut last = String::new();
    for line in files.iter().flat_map(|(_, text)| text.lines()) {
        let is_start = line.starts_with(|c: char| c.is_ascii_lowercase());
        if let Some((key, _)) = line.split_once('=').filter(|_| is_start) {
            last = key.trim().to_owned();
            let before = all.insert(last.clone(), BTreeSet::new());
            assert!(before.is_none(), "{last} stands twice");
        }
        let values = line.split('$').skip(1).map(|rest| {
            rest.chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '-')
                .collect::<String>()
        });
        if let Some(known) = all.get_mut(&last) {
            known.extend(values);
        }
    }
    all
}

#[test]
fn every_language_says_the_same_with_the_same_values() {
    let (english, german) = (messages(EN), messages(DE));
    for (key, values) in &english {
        assert_eq!(Some(values), german.get(key), "{key}");
    }
    let more: Vec<_> = german.keys().filter(|key| !english.contains_key(*key)).collect();
    assert!(more.is_empty(), "English lacks {more:?}");
}

/// Every message key that a template or the code of the page names.
fn named() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut keys = BTreeSet::new();
    let mut folders = vec![root.join("templates"), root.join("src/kiosk")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !path.ends_with("tests.rs") {
                keys.extend(keys_in(&std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    keys
}

/// What stands in quotes and looks like a key: lower-case words with dashes between.
fn keys_in(text: &str) -> impl Iterator<Item = String> {
    let calls = [".t(\"", ".t1(\"", ".t2(\"", ".text(\""];
    let called = calls.into_iter().flat_map(move |call| text.split(call).skip(1));
    let called = called
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned);
    called.collect::<Vec<_>>().into_iter()
}

#[test]
fn every_message_that_is_named_exists() {
    let known = messages(EN);
    let missing: Vec<_> = named()
        .into_iter()
        .filter(|key| !known.contains_key(key))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn no_template_holds_a_word() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let bare = bare(&text);
        let word = bare
            .split_whitespace()
            .find(|word| word.chars().filter(|c| c.is_alphabetic()).count() > 1);
        assert_eq!(word, None, "{}", path.display());
    }
}

/// A template without its tags and expressions.
fn bare(template: &str) -> String {
    let mut out = String::new();
    let (mut in_tag, mut in_code) = (false, false);
    let mut chars = template.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('{', Some('{' | '%')) => in_code = true,
            ('}' | '%', Some('}')) if in_code => {
                in_code = false;
                chars.next();
            }
            ('<', _) if !in_code => in_tag = true,
            ('>', _) if !in_code => in_tag = false,
            (c, _) if !in_code && !in_tag => out.push(c),
            _ => {}
        }
    }
    out
}

fn lang(words: &Arc<Words>, code: &str) -> Lang {
    Lang::new(words, words.find(code).expect(code))
}

#[test]
fn a_folder_adds_languages_and_replaces_messages() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    put(
        "ar.ftl",
        "language-name = العربية\nlanguage-direction = rtl\nback = رجوع\n",
    );
    put("de.ftl", "welcome-operator = Meister\n");
    put("fr.ftl", "this is no message");
    put("notes.txt", "back = nothing");
    put("no language.ftl", "back = x\n");
    let (words, faults) = Words::with_folder(Some(folder.path()));
    assert_eq!(faults.len(), 2, "{faults:?}");
    let words = Arc::new(words);
    let arabic = lang(&words, "ar");
    assert_eq!((arabic.direction(), arabic.t("back").as_str()), ("rtl", "رجوع"));
    assert_eq!(
        arabic.t("stop"),
        "Stop",
        "what a language does not say is said in English"
    );
    assert_eq!(lang(&words, "de").t("welcome-operator"), "Meister");
    assert_eq!(lang(&words, "de").t("back"), "Zurück");
    assert_eq!(lang(&words, "en").all().len(), 3);
}

#[test]
fn a_folder_that_is_not_there_is_said() {
    let (words, faults) = Words::with_folder(Some(Path::new("/nowhere/at/all")));
    assert_eq!((words.count(), faults.len()), (2, 1));
    let (_, none) = Words::with_folder(None);
    assert!(none.is_empty());
}

/// Everything that belongs to any finding.
fn sample(cause: Cause, code: &str) -> Finding {
    let numbers = [
        "count", "sequence", "until", "days", "revision", "free", "least", "waiting", "ahead",
    ];
    let spans = [
        "age_seconds",
        "behind_seconds",
        "uptime_seconds",
        "silent_seconds",
    ];
    let texts = ["key", "version", "bands", "folder", "adapter", "console"];
    let numbers = numbers.map(|name| (name, FindingValue::Number(7)));
    let spans = spans.map(|name| (name, FindingValue::Number(900_000)));
    let texts = texts.map(|name| (name, FindingValue::Text(format!("a {name}"))));
    let chosen = [
        ("fault", "gap"),
        ("joined", "yes"),
        ("heard", "yes"),
        ("code", code),
    ];
    let chosen = chosen.map(|(name, value)| (name, value.into()));
    found(cause, numbers.into_iter().chain(spans).chain(texts).chain(chosen))
}

/// In the words of this language and of no other.
fn said(finding: &Finding, lang: &Lang) -> Said {
    say(finding, |key, values| lang.own(key, values))
}

#[test]
fn whatever_the_doctor_finds_is_said_in_every_language() {
    let words = Arc::new(Words::built_in());
    let other = "found-other";
    for cause in Cause::ALL {
        let finding = sample(*cause, "unknown");
        let all = lang(&words, "en").all();
        for lang in &all {
            let (name, at) = (key("found", cause.code()), lang.code());
            assert!(lang.own(&name, &[]).is_some(), "{name} in {at}");
            assert!(
                lang.own(&key("looked-at", &finding.check), &[]).is_some(),
                "{name} in {at}"
            );
            let said = said(&finding, lang);
            assert_eq!(
                said.next.is_some(),
                finding.verdict != Verdict::Ok,
                "{name} in {at}"
            );
            let next = said.next.clone().unwrap_or_default();
            assert!(!said.text.contains('{') && !next.contains('{'), "{at}: {said:?}");
        }
        let [english, german] = [said(&finding, &all[0]), said(&finding, &all[1])];
        assert_ne!(english.text, german.text);
        assert!(
            english.next.is_none() || english.next != german.next,
            "{english:?}"
        );
        assert_eq!(english.text, finding.text, "the command line says it in English");
        assert_ne!(english.text, lang(&words, "en").t(other), "{cause:?}");
    }
}

#[test]
fn whatever_keeps_the_doctor_from_looking_is_said_in_every_language() {
    let words = Arc::new(Words::built_in());
    let others = [Code::NotInitialized, Code::JournalBroken, Code::Internal];
    let is_of_files = |code: &&Code| {
        let groups = ["secret_", "seal_", "store_"];
        groups.iter().any(|group| code.as_str().starts_with(group))
    };
    let codes = Code::ALL.iter().filter(is_of_files).chain(&others);
    for code in codes {
        for lang in lang(&words, "en").all() {
            for end in ["", "-next"] {
                let name = format!("{}{end}", key("found", code.as_str()));
                assert!(lang.own(&name, &[]).is_some(), "{name} in {}", lang.code());
            }
        }
    }
}

/// Why station and console stopped to understand each other has its own advice in each language.
#[test]
fn each_reason_to_stop_has_its_advice() {
    let codes = [
        "station_revoked",
        "certificate_unknown",
        "certificate_expired",
        "journal_fork",
        "journal_rolled_back",
        "station_quarantined",
        "journal_damaged",
        "console_not_trusted",
        "no_common_version",
        "row_kind_unknown",
        "page_version",
        "console_behind",
        "lineage_past",
        "revision_backward",
    ];
    let words = Arc::new(Words::built_in());
    for lang in lang(&words, "en").all() {
        let next = |code: &str| said(&sample(Cause::ConsoleStopped, code), &lang).next;
        for code in codes {
            assert_ne!(next(code), next("something else"), "{code} in {}", lang.code());
        }
    }
}

#[test]
fn what_could_not_be_looked_at_and_has_no_words_is_said_all_the_same() {
    let words = Arc::new(Words::built_in());
    let problem = crate::problem::Problem::new(Code::TooLarge, "it was not read", "it is large", "look");
    let said = said(&crate::doctor::failed("database", &problem), &lang(&words, "de"));
    let expected = Said {
        check: "Datenbank".into(),
        text: "das war nicht anzusehen".into(),
        next: Some("an dieser Maschine `bandstand-station doctor` ausführen; das sagt mehr".into()),
    };
    assert_eq!(said, expected);
}
