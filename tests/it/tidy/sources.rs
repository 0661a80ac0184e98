//! What may stand in manifests and sources.

use super::{Text, check, read, texts};

const PURE: &[&str] = &["firmware-protocol", "policy", "server-sync", "station/core"];

/// Crates that bring a runtime, a socket, a database, a bus or randomness.
const HANDS: &[&str] = &[
    "tokio",
    "async-std",
    "smol",
    "mio",
    "socket2",
    "hyper",
    "axum",
    "reqwest",
    "rustls",
    "tonic",
    "rusqlite",
    "sqlx",
    "tokio-postgres",
    "btleplug",
    "bluer",
    "dbus",
    "dbus-tokio",
    "zbus",
    "rand",
    "rand_core",
    "getrandom",
    "fastrand",
    "jiff",
    "chrono",
    "time",
    "tempfile",
    "tracing-subscriber",
];

/// Ways to reach a clock, a file, a socket or a thread with nothing but std.
const REACHES: &[&str] = &[
    "std::net",
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::io::stdin",
    "Instant::now",
    "SystemTime",
    "async fn",
    "OsRng",
];

fn in_crate(file: &Text, krate: &str) -> bool {
    file.path.starts_with(format!("{krate}/src"))
}

#[test]
fn pure_crates_list_no_io() {
    let mut problems = Vec::new();
    for krate in PURE {
        let manifest = read(format!("{krate}/Cargo.toml").into());
        let manifest: toml::Table = manifest.content.parse().expect("a manifest");
        let dependencies = manifest
            .get("dependencies")
            .and_then(|it| it.as_table())
            .expect("dependencies");
        let wrong = dependencies.keys().filter(|name| HANDS.contains(&name.as_str()));
        problems.extend(wrong.map(|name| format!("{krate} lists {name}")));
    }
    check("a pure crate has no hands", problems);
}

#[test]
fn pure_crates_reach_for_nothing() {
    let mut problems = Vec::new();
    for file in texts(&["rs"])
        .iter()
        .filter(|file| PURE.iter().any(|krate| in_crate(file, krate)))
    {
        let code = file
            .lines()
            .filter(|(_, line)| !line.trim_start().starts_with("//"));
        for (number, line) in code {
            let reached = REACHES.iter().find(|word| line.contains(**word));
            problems.extend(reached.map(|word| format!("{}:{number} reaches for {word}", file.name())));
        }
    }
    check("time, randomness and files arrive as arguments", problems);
}

/// `policy` and `firmware-protocol` know nobody, least of all each other.
#[test]
fn arrows_point_inward() {
    let allowed: &[(&str, &[&str])] = &[
        ("firmware-protocol", &[]),
        ("policy", &[]),
        ("server-sync", &["policy"]),
        ("station/page-kit", &[]),
        ("station/core", &["firmware-protocol", "policy", "server-sync"]),
        (
            "station/daemon",
            &[
                "firmware-protocol",
                "page-kit",
                "policy",
                "server-sync",
                "station-core",
            ],
        ),
        (
            "console",
            &[
                "firmware-protocol",
                "page-kit",
                "policy",
                "server-sync",
                "station-core",
            ],
        ),
    ];
    let ours = [
        "firmware-protocol",
        "page-kit",
        "policy",
        "server-sync",
        "station-core",
        "station-daemon",
        "console",
        "simulators",
        "tests",
    ];
    let mut problems = Vec::new();
    for (krate, known) in allowed {
        let manifest: toml::Table = read(format!("{krate}/Cargo.toml").into())
            .content
            .parse()
            .expect("a manifest");
        let dependencies = manifest
            .get("dependencies")
            .and_then(|it| it.as_table())
            .expect("dependencies");
        let wrong = dependencies
            .keys()
            .filter(|name| ours.contains(&name.as_str()) && !known.contains(&name.as_str()));
        problems.extend(wrong.map(|name| format!("{krate} knows {name}")));
    }
    check("adding an arrow is a design change", problems);
}

/// The one good reason to leave a test out of a run: another step of the same run has it.
const ELSEWHERE: &str = "needs the image that `cargo xtask radio` makes";

/// The words are put together here so that this file does not hold them.
fn markers() -> Vec<String> {
    let pairs = [
        ("TO", "DO"),
        ("FIX", "ME"),
        ("XX", "X"),
        ("todo", "!("),
        ("unimplemented", "!("),
        ("dbg", "!("),
        ("thread::", "sleep("),
        ("#[ig", "nore"),
        ("#[allow(dead", "_code)]"),
    ];
    pairs.iter().map(|(a, b)| format!("{a}{b}")).collect()
}

/// True if `word` stands in `line` by itself and not inside a longer word.
fn stands_alone(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let in_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !in_word(before) && (word.ends_with(['(', ']']) || !in_word(after))
    })
}

#[test]
fn nothing_is_left_unfinished() {
    let markers = markers();
    let mut problems = Vec::new();
    for file in texts(&["rs", "sh", "sql", "html", "ftl"]) {
        for (number, line) in file.lines().filter(|(_, line)| !line.contains(ELSEWHERE)) {
            let found = markers.iter().find(|word| stands_alone(line, word));
            problems.extend(found.map(|word| format!("{}:{number} holds {word}", file.name())));
        }
    }
    check("finish it or file it", problems);
}

/// A path of the machine that something was written on helps nobody else.
#[test]
fn no_path_of_one_machine() {
    let prefixes = [
        concat!("/", "work/"),
        concat!("/", "root/"),
        concat!("/", "home/"),
    ];
    let mut problems = Vec::new();
    for file in texts(&["rs", "md", "toml", "sh", "json"]) {
        for (number, line) in file.lines() {
            let found = prefixes.iter().find(|prefix| line.contains(**prefix));
            problems.extend(found.map(|prefix| format!("{}:{number} names {prefix}", file.name())));
        }
    }
    check("name places from the repository's root", problems);
}

/// Requirement identifiers and the highest number of each list.
const REQUIREMENTS: &[(char, u32)] = &[('E', 24), ('B', 27), ('X', 20), ('N', 12), ('S', 24)];

/// Requirement identifiers in a line: a letter of a list, a dash, two digits, standing alone.
fn cited(line: &str) -> impl Iterator<Item = (char, u32)> {
    line.match_indices('-').filter_map(|(at, _)| {
        let mut before = line[..at].chars().rev();
        let letter = before
            .next()
            .filter(|c| REQUIREMENTS.iter().any(|(list, _)| list == c))?;
        let digits: String = line[at + 1..]
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect();
        let alone = !before
            .next()
            .is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_');
        let number = digits.parse().ok().filter(|_| alone && digits.len() == 2)?;
        Some((letter, number))
    })
}

#[test]
fn cited_requirements_exist() {
    let exists = |(letter, number): (char, u32)| {
        REQUIREMENTS
            .iter()
            .any(|(list, last)| *list == letter && (1..=*last).contains(&number))
    };
    let mut problems = Vec::new();
    for file in texts(&["rs", "md", "txt"]) {
        for (number, line) in file.lines() {
            let wrong = cited(line).filter(|id| !exists(*id));
            problems.extend(wrong.map(|(list, id)| format!("{}:{number} cites {list}-{id:02}", file.name())));
        }
    }
    check("no such requirement", problems);
}

#[test]
fn citations_are_told_from_other_words() {
    let check = |line: &str, expected: &[(char, u32)]| {
        assert_eq!(cited(line).collect::<Vec<_>>(), expected, "{line}")
    };
    check("// N-04, N-05: both at once", &[('N', 4), ('N', 5)]);
    check("NB-000001 SHA-25 X-255 e-01", &[]);
}
