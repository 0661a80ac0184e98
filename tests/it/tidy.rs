//! The repository's own rules, as ordinary tests.

mod dependencies;
mod documents;
mod functions;
mod sources;

use std::path::{Path, PathBuf};
use std::process::Command;

/// A tracked text file: its path from the root, and what is in it.
struct Text {
    path: PathBuf,
    content: String,
}

impl Text {
    /// The path for people.
    fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Numbered lines, from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.content.lines().enumerate().map(|(i, line)| (i + 1, line))
    }
}

/// Every tracked file that exists in the work tree.
fn tracked() -> Vec<PathBuf> {
    let root = tests::root();
    let output = Command::new("git")
        .args(["-c", "safe.directory=*", "ls-files", "-z"])
        .current_dir(&root)
        .output()
        .expect("git lists the repository's files");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let names = String::from_utf8(output.stdout).expect("names in UTF-8");
    names
        .split_terminator('\0')
        .map(PathBuf::from)
        .filter(|path| root.join(path).is_file())
        .collect()
}

/// Tracked files with one of these extensions.
fn texts(extensions: &[&str]) -> Vec<Text> {
    let wanted = |path: &PathBuf| {
        path.extension()
            .is_some_and(|it| extensions.iter().any(|wanted| it == *wanted))
    };
    tracked().into_iter().filter(wanted).map(read).collect()
}

fn read(path: PathBuf) -> Text {
    let content = std::fs::read(tests::root().join(&path)).expect("a tracked file can be read");
    Text {
        content: String::from_utf8_lossy(&content).into_owned(),
        path,
    }
}

/// Fails with one line per problem.
#[track_caller]
fn check(rule: &str, problems: Vec<String>) {
    assert!(problems.is_empty(), "{rule}:\n  {}\n", problems.join("\n  "));
}

/// Extensions of files that are read by people and diffed by line, or that a test reads as bytes.
const KNOWN_KINDS: &[&str] = &[
    "rs",
    "toml",
    "md",
    "lock",
    "txt",
    "html",
    "css",
    "js",
    "ftl",
    "sql",
    "json",
    "yaml",
    "svg",
    "png",
    "sh",
    "service",
    "cddl",
    "py",
    "snap",
    "hex",
    "bin",
    "conf",
    "csv",
    "jsonl",
    "xml",
    "rules",
    "proptest-regressions",
];

/// Files that have no extension by custom.
const KNOWN_NAMES: &[&str] = &[
    ".gitignore",
    ".gitattributes",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "run",
];

fn is_known_kind(path: &Path) -> bool {
    let known_name = path
        .file_name()
        .is_some_and(|name| KNOWN_NAMES.iter().any(|known| name == *known));
    let known_kind = path
        .extension()
        .is_some_and(|it| KNOWN_KINDS.iter().any(|known| it == *known));
    known_name || known_kind
}

#[test]
fn only_known_kinds_of_files_are_tracked() {
    let unknown = tracked().into_iter().filter(|path| !is_known_kind(path));
    check(
        "meant to be here? then name its kind in tidy.rs",
        unknown.map(|path| path.display().to_string()).collect(),
    );
}
