//! What `deny.toml` says of licences, banned crates and sources, checked without `cargo-deny`, which takes long to build:
//! out of what cargo itself knows of the locked packages. Advisories need a database from the network and are
//! `cargo deny check advisories`.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

use super::{check, read};

/// The one place from which packages may come.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

fn rules() -> toml::Table {
    read("deny.toml".into()).content.parse().expect("deny.toml reads")
}

/// The texts of a list in `deny.toml`.
fn list(rules: &toml::Table, section: &str, name: &str) -> Vec<toml::Value> {
    let list = rules[section][name].as_array().expect("a list");
    assert!(!list.is_empty(), "{section}.{name} is empty");
    list.clone()
}

/// The target of `deny.toml` on which this test runs: of others, cargo need not have the packages.
fn target(rules: &toml::Table) -> String {
    let targets = list(rules, "graph", "targets");
    let mut names = targets.iter().map(|target| target.as_str().expect("a target"));
    let own = names.find(|name| name.starts_with(std::env::consts::ARCH));
    own.expect("deny.toml names this machine's target").to_owned()
}

/// Every package of the lock file that is built for this target.
fn packages(rules: &toml::Table) -> Vec<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--offline",
            "--filter-platform",
        ])
        .arg(target(rules))
        .current_dir(tests::root())
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo writes JSON");
    let nodes = metadata["resolve"]["nodes"].as_array().expect("a graph");
    let built: BTreeSet<&str> = nodes.iter().filter_map(|node| node["id"].as_str()).collect();
    let packages = metadata["packages"].as_array().expect("packages");
    let packages: Vec<_> = packages
        .iter()
        .filter(|package| built.contains(package["id"].as_str().expect("an id")))
        .cloned()
        .collect();
    assert!(packages.len() > 200, "only {} packages", packages.len());
    packages
}

fn name(package: &Value) -> String {
    format!("{} {}", text(&package["name"]), text(&package["version"]))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn is_ours(package: &Value) -> bool {
    package["source"].is_null()
}

/// Whether an SPDX expression can be met with `allowed` licences alone. `OR` binds less than `AND`.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    either(&words, &mut at, allowed) && at == words.len()
}

fn either(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut met = all(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all(words, at, allowed);
    }
    met
}

fn all(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut met = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at, allowed);
    }
    met
}

fn one(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let met = either(words, at, allowed);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return met && closed;
    }
    let mut licence = (*word).to_owned();
    if words.get(*at) == Some(&"WITH") {
        licence = [word, "WITH", words.get(*at + 1).unwrap_or(&"")].join(" ");
        *at += 2;
    }
    allowed.contains(&licence)
}

#[test]
fn expressions_are_read_as_they_are_meant() {
    let allowed = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"]
        .map(str::to_owned)
        .into();
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("", false),
        ("MIT OR GPL-3.0", true),
        ("GPL-3.0/MIT", true),
        ("MIT AND GPL-3.0", false),
        ("MIT AND (GPL-3.0 OR Apache-2.0)", true),
        ("GPL-3.0 OR MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND Apache-2.0", true),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("MIT WITH LLVM-exception", false),
        ("(MIT", false),
        ("MIT GPL-3.0", false),
    ] {
        assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
    }
}

#[test]
fn licences_are_permissive() {
    let rules = rules();
    let allowed = list(&rules, "licenses", "allow");
    let allowed: BTreeSet<String> = allowed
        .iter()
        .map(|licence| licence.as_str().unwrap().to_owned())
        .collect();
    let packages = packages(&rules);
    let foreign = packages.iter().filter(|package| !is_ours(package));
    let wrong = foreign.filter(|package| !is_allowed(text(&package["license"]), &allowed));
    let problems = wrong.map(|package| format!("{} is under {}", name(package), package["license"]));
    check("licences are those of deny.toml", problems.collect());
}

#[test]
fn banned_crates_are_not_built() {
    let rules = rules();
    let banned = list(&rules, "bans", "deny");
    let banned: BTreeSet<&str> = banned.iter().map(|ban| ban["crate"].as_str().unwrap()).collect();
    let packages = packages(&rules);
    let found = packages
        .iter()
        .filter(|package| banned.contains(text(&package["name"])));
    let mut problems: Vec<_> = found
        .map(|package| format!("{} is banned", name(package)))
        .collect();
    for package in packages.iter().filter(|package| is_ours(package)) {
        let dependencies = package["dependencies"].as_array().expect("dependencies");
        let open = dependencies
            .iter()
            .filter(|it| text(&it["req"]) == "*" && it["path"].is_null());
        problems.extend(open.map(|it| format!("{} takes any version of {}", name(package), it["name"])));
    }
    check("crates are those that deny.toml lets in", problems);
}

#[test]
fn packages_come_from_one_place() {
    let packages = packages(&rules());
    let wrong = packages
        .iter()
        .filter(|package| !is_ours(package) && text(&package["source"]) != CRATES_IO);
    let problems = wrong.map(|package| format!("{} comes from {}", name(package), package["source"]));
    check("packages come from crates.io", problems.collect());
}
