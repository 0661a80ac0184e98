//! Documents say what is so: commands exist, links lead somewhere, decisions are listed.

use super::{Text, check, read, texts};

/// Words that follow `start` in a text, up to the first sign that is not part of a name.
fn names_after<'a>(text: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    text.match_indices(start).map(move |(at, _)| {
        let rest = &text[at + start.len()..];
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_')
            .unwrap_or(rest.len());
        &rest[..end]
    })
}

#[test]
fn documented_tasks_exist() {
    let tasks = xtask::task_names();
    let mut problems = Vec::new();
    for file in texts(&["md", "toml", "rs"]) {
        let named = names_after(&file.content, "cargo xtask ").filter(|name| !name.is_empty());
        let unknown = named.filter(|name| name.len() > 1 && !tasks.iter().any(|task| task == name));
        problems.extend(unknown.map(|name| format!("{} names `{name}`", file.name())));
    }
    check("no such task", problems);
}

#[test]
fn the_readme_shows_the_two_commands() {
    let readme = read("README.md".into()).content;
    for command in ["cargo run --release -- demo", "cargo xtask test"] {
        assert!(readme.contains(command), "README.md does not show `{command}`");
    }
}

#[test]
fn links_lead_somewhere() {
    let mut problems = Vec::new();
    for file in texts(&["md"]) {
        let targets = file
            .content
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        let broken = targets.filter(|target| !leads_somewhere(&file, target));
        problems.extend(broken.map(|target| format!("{} links to {target}", file.name())));
    }
    check("broken links", problems);
}

fn leads_somewhere(file: &Text, target: &str) -> bool {
    let path = target.split('#').next().unwrap_or_default();
    let elsewhere = target.contains("://") || target.starts_with("mailto:");
    let folder = file.path.parent().expect("a file is in a folder");
    elsewhere || path.is_empty() || tests::root().join(folder).join(path).exists()
}

/// The number of a decision's file, if its name is `NNNN-some-words.md`.
fn decision_number(file: &Text) -> Option<String> {
    let name = file.path.file_stem()?.to_str()?;
    let (number, words) = name.split_once('-')?;
    let good_words = !words.is_empty()
        && words
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let good_number = number.len() == 4 && number.chars().all(|c| c.is_ascii_digit());
    (good_words && good_number).then(|| number.to_owned())
}

fn decisions() -> Vec<Text> {
    let is_decision =
        |file: &Text| file.path.starts_with("docs/decisions") && !file.path.ends_with("README.md");
    texts(&["md"]).into_iter().filter(is_decision).collect()
}

#[test]
fn decisions_are_numbered_and_listed() {
    let list = read("docs/decisions/README.md".into()).content;
    let mut seen = Vec::new();
    let mut problems = Vec::new();
    for file in decisions() {
        let Some(number) = decision_number(&file) else {
            problems.push(format!("{} is not NNNN-some-words.md", file.name()));
            continue;
        };
        let title = format!("# {number}");
        let name = file.path.file_name().expect("a file").to_string_lossy();
        let faults = [
            (
                !file.content.starts_with(&title),
                "does not start with its number",
            ),
            (!list.contains(&*name), "is not in docs/decisions/README.md"),
            (seen.contains(&number), "has a number that was taken"),
        ];
        problems.extend(
            faults
                .iter()
                .filter(|(wrong, _)| *wrong)
                .map(|(_, what)| format!("{} {what}", file.name())),
        );
        seen.push(number);
    }
    let rows: Vec<_> = list.lines().filter(|line| line.starts_with("| [")).collect();
    if !rows.is_sorted_by(|one, next| one < next) {
        problems.push("docs/decisions/README.md lists one twice or out of order".into());
    }
    check("decisions", problems);
}

#[test]
fn cited_decisions_exist() {
    let numbers: Vec<String> = decisions().iter().filter_map(decision_number).collect();
    let mut problems = Vec::new();
    for file in texts(&["rs", "md", "toml"]) {
        let cited = ["decisions/", "decision "]
            .iter()
            .flat_map(|start| names_after(&file.content, start));
        let digits = cited.map(|name| name.chars().take_while(char::is_ascii_digit).collect::<String>());
        let unknown = digits.filter(|number| number.len() == 4 && !numbers.contains(number));
        problems.extend(unknown.map(|number| format!("{} cites {number}", file.name())));
    }
    check("no such decision", problems);
}
