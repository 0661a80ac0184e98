//! Both languages say the same things, templates say nothing by themselves.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;

fn check_accepted(header: &str, expected: Lang) {
    assert_eq!(Lang::accepted(header), expected, "{header}");
}

#[test]
fn the_browser_chooses_the_language() {
    check_accepted("", Lang::En);
    check_accepted("fr-FR", Lang::En);
    check_accepted("de", Lang::De);
    check_accepted("de-AT,en;q=0.5", Lang::De);
    check_accepted("en;q=0.5,de-CH;q=0.9", Lang::De);
    check_accepted("fr, en-GB;q=0.8, de;q=0.7", Lang::En);
    check_accepted("de;q=rubbish,en", Lang::En);
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn files(at: &Path, extension: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(at).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|it| it == extension) {
            let text = std::fs::read_to_string(&path).expect("a text file");
            found.push((path.display().to_string(), text));
        }
    }
    found.sort();
    found
}

/// The messages of a language: a line that starts with a key and an equals sign.
fn keys(lang: Lang) -> BTreeSet<String> {
    lang.sources()
        .iter()
        .flat_map(|(_, text)| text.lines())
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter_map(|line| line.split_once(" = ").or_else(|| line.split_once(" =")))
        .map(|(key, _)| key.to_owned())
        .collect()
}

#[test]
fn every_file_of_messages_is_part_of_the_program() {
    for lang in Lang::ALL {
        let on_disk: BTreeSet<String> = files(&folder("locales").join(lang.code()), "ftl")
            .iter()
            .filter_map(|(name, _)| Path::new(name).file_stem()?.to_str().map(str::to_owned))
            .collect();
        let built_in: BTreeSet<String> = lang
            .sources()
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        assert_eq!(on_disk, built_in, "{}", lang.code());
    }
}

#[test]
fn every_message_exists_in_both_languages() {
    let (en, de) = (keys(Lang::En), keys(Lang::De));
    let missing: Vec<_> = en.symmetric_difference(&de).collect();
    assert!(missing.is_empty(), "in one language only: {missing:?}");
    assert!(en.iter().all(|key| Lang::En.knows(key) && Lang::De.knows(key)));
}

/// The variables of each message, such as `$count`.
fn variables(lang: Lang) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    let mut key = "";
    for line in lang.sources().iter().flat_map(|(_, text)| text.lines()) {
        if let Some((start, _)) = line.split_once(" =").filter(|_| !line.starts_with(' ')) {
            key = start;
        }
        for rest in line.split('$').skip(1) {
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            found.insert((key.to_owned(), rest[..end].to_owned()));
        }
    }
    found
}

#[test]
fn both_languages_use_the_same_values() {
    let (en, de) = (variables(Lang::En), variables(Lang::De));
    let odd: Vec<_> = en.symmetric_difference(&de).collect();
    assert!(odd.is_empty(), "a value is left out in one language: {odd:?}");
}

/// Keys named in templates and in code, as `t("key"`, `t1("key"`, `t2("key"`, `t3("key"` or `key("key"`.
fn named_keys() -> BTreeSet<(String, String)> {
    let mut sources = files(&folder("templates"), "html");
    sources.extend(files(&folder("src/pages"), "rs"));
    sources.extend(files(&folder("src/accounts"), "rs"));
    let mut found = BTreeSet::new();
    for (name, text) in sources {
        for call in [".t(\"", ".t1(\"", ".t2(\"", ".t3(\"", "message(\""] {
            for rest in text.split(call).skip(1) {
                let key = rest.split('"').next().unwrap_or_default();
                found.insert((name.clone(), key.to_owned()));
            }
        }
    }
    found
}

#[test]
fn every_key_that_is_named_has_a_message() {
    let missing: Vec<_> = named_keys()
        .into_iter()
        .filter(|(_, key)| !Lang::En.knows(key))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// What is left of a template when its expressions, tags and attributes are taken out.
fn bare_words(template: &str) -> Vec<String> {
    let mut text = template.to_owned();
    for (open, close) in [("{#", "#}"), ("{{", "}}"), ("{%", "%}")] {
        text = without(&text, open, close);
    }
    let spoken = [" title=\"", " aria-label=\"", " placeholder=\"", " alt=\""];
    let in_attributes: Vec<String> = spoken
        .iter()
        .flat_map(|name| text.split(name).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect();
    let in_text = without(&text, "<", ">");
    in_text
        .split_whitespace()
        .map(str::to_owned)
        .chain(in_attributes)
        .filter(|word| word.replace("&middot;", "").chars().any(char::is_alphabetic))
        .collect()
}

fn without(text: &str, open: &str, close: &str) -> String {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(open) {
        kept.push_str(&rest[..start]);
        let after = &rest[start + open.len()..];
        rest = after.find(close).map_or("", |end| &after[end + close.len()..]);
        kept.push(' ');
    }
    kept + rest
}

#[test]
fn templates_hold_no_words_of_their_own() {
    let spoken: Vec<_> = files(&folder("templates"), "html")
        .into_iter()
        .map(|(name, text)| (name, bare_words(&text)))
        .filter(|(_, words)| !words.is_empty())
        .collect();
    assert!(spoken.is_empty(), "{spoken:#?}");
    assert_eq!(
        bare_words("<p title=\"Stop\">{{ x }} Go <b>{% if y %}</b>"),
        ["Go", "Stop"]
    );
}

/// Codes become keys at run time, where the test above cannot see them.
#[test]
fn every_stable_code_has_its_word() {
    use crate::access::{Action, Role};
    use policy::decision::{Fix, Reason, Rule};
    use policy::merge::QuarantineCause;
    use policy::model::Attribute;

    let mut keys = Vec::new();
    let mut add = |group: &str, code: &str| keys.push(key(group, code));
    Reason::ALL.iter().for_each(|it| add("reason", it.code()));
    Fix::ALL.iter().for_each(|it| add("fix", it.code()));
    Rule::ALL.iter().for_each(|it| add("rule", it.code()));
    QuarantineCause::ALL
        .iter()
        .for_each(|it| add("quarantine-cause", it.code()));
    for attribute in Attribute::ALL {
        add("setting", attribute.name());
        add("setting", &format!("{}_hint", attribute.name()));
    }
    for code in crate::sync::stations::QUARANTINE_CODES {
        add("station-held", code);
    }
    for (code, _) in crate::acts::imports::FAULT_CODES {
        add("import-fault", code);
    }
    for role in Role::ALL {
        add("role", role.as_str());
        add("role", &format!("{}_may", role.as_str()));
    }
    // What only looks, or is written down under a more exact name, stands in no row of the audit.
    let silent = [Action::ImportPreview, Action::AccountEdit];
    let written = Action::ALL
        .iter()
        .filter(|action| action.is_write() && !silent.contains(action));
    written.for_each(|action| add("action", action.as_str()));
    for (group, codes) in [
        ("status", "active not_yet departed unknown suspended"),
        ("stock", "in_stock unknown damaged retired lost held free"),
        ("zone", "enrollment registration"),
        (
            "association",
            "active inactive suspended quarantined expired ended",
        ),
        ("ended", "disconnected renewed taken_over rejected"),
        ("ticket", "open used expired was_revoked"),
        ("station-state", "online late silent revoked quarantined waiting"),
        ("adapter", "ready off absent bluez_down bus_down no_permission"),
        ("account-state", "active invited disabled"),
        ("api-key-state", "active expired revoked"),
        ("import-state", "previewed waiting done cancelled"),
        ("import-settled", "waiting done cancelled"),
        ("delimiter", "semicolon comma tab"),
        ("encoding", "utf-8 windows-1252 iso-8859-2 windows-1250"),
        (
            "field",
            "id name site label mail note status serial seos stock delivery",
        ),
        ("right", "vouch confirm_clock close_intents diagnose check_bands"),
        (
            "right",
            "vouch_may confirm_clock_may close_intents_may diagnose_may check_bands_may",
        ),
        (
            "right",
            "vouch_lost confirm_clock_lost close_intents_lost diagnose_lost check_bands_lost",
        ),
        ("factor-required", "yes no"),
        ("key", "ticket_issuer feed code manufacturer"),
        ("key-state", "holds coming retired"),
        ("rotate-old", "ticket_issuer code feed"),
        (
            "action",
            "factor_require factor_bind factor_codes factor_remove factor_reset factor_code_used factor_refused",
        ),
        ("action", "station_quarantine station_settle"),
        (
            "action",
            "ticket_key_rotate code_key_rotate feed_key_rotate authority_rotate authority_retire manufacturer_welcome",
        ),
        (
            "authority",
            "make retire make_title retire_title make_tokens retire_tokens",
        ),
        ("import-what", "add change deactivate"),
        (
            "policy-fault",
            "any_without_own battery_above_100 takeover_age_above_offline_age",
        ),
    ] {
        codes.split(' ').for_each(|code| add(group, code));
    }
    let verbs = "suspend resume leaver back forgot_today found broken returned retire restock lost disconnect \
                 suspend_band resume_band make_active make_inactive keep reject";
    for verb in verbs.split_whitespace() {
        add("verb", verb);
        add("verb", &format!("{verb}_title"));
    }
    let missing: Vec<_> = keys.iter().filter(|key| !Lang::En.knows(key)).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
