//! How long functions and files are.

use super::{Text, check, texts};

const FUNCTION_LINES_MAX: usize = 100;
/// Tests hold tables of samples, which read better in one piece.
const TEST_FUNCTION_LINES_MAX: usize = 160;
const FILE_LINES_MAX: usize = 800;

struct Function {
    place: String,
    lines: usize,
}

/// Functions of a file that rustfmt has formatted: a body ends at the brace below its `fn`.
fn functions(file: &Text) -> Vec<Function> {
    let lines: Vec<&str> = file.content.lines().collect();
    let starts = lines.iter().enumerate().filter(|(_, line)| starts_function(line));
    starts
        .filter_map(|(start, _)| Some((start, length(&lines[start..])?)))
        .map(|(start, lines)| Function {
            place: format!("{}:{}", file.name(), start + 1),
            lines,
        })
        .collect()
}

fn starts_function(line: &str) -> bool {
    const BEFORE_FN: &[&str] = &[
        "pub ",
        "pub(crate) ",
        "pub(super) ",
        "const ",
        "async ",
        "unsafe ",
        "extern \"C\" ",
    ];
    let mut rest = line.trim_start();
    while let Some(shorter) = BEFORE_FN.iter().find_map(|word| rest.strip_prefix(word)) {
        rest = shorter;
    }
    rest.starts_with("fn ")
}

/// Lines from `fn` to the closing brace; `None` for a declaration without a body.
fn length(lines: &[&str]) -> Option<usize> {
    let indent = lines[0].len() - lines[0].trim_start().len();
    let head = lines.iter().position(|line| line.ends_with(['{', '}', ';']))?;
    match lines[head].chars().last() {
        Some('{') => {}
        Some('}') => return Some(head + 1),
        _ => return None,
    }
    let closes = |line: &&str| line.len() == indent + 1 && line.ends_with('}');
    lines.iter().skip(head).position(closes).map(|end| head + end + 1)
}

/// The part of a file before its inline tests.
fn without_tests(file: Text) -> Text {
    let end = file.content.find("\n#[cfg(test)]").unwrap_or(file.content.len());
    Text {
        content: file.content[..end].to_owned(),
        ..file
    }
}

fn is_test(file: &Text) -> bool {
    file.path.components().any(|part| part.as_os_str() == "tests")
}

#[test]
fn functions_fit_on_a_screen_or_two() {
    let mut problems = Vec::new();
    for file in texts(&["rs"]) {
        let max = if is_test(&file) {
            TEST_FUNCTION_LINES_MAX
        } else {
            FUNCTION_LINES_MAX
        };
        let long = functions(&file).into_iter().filter(|it| it.lines > max);
        problems.extend(long.map(|it| format!("{} has {} lines", it.place, it.lines)));
    }
    check("split these functions", problems);
}

/// Prints the figures; run with `--no-capture` to read them.
#[test]
fn most_functions_are_short() {
    let files = texts(&["rs"])
        .into_iter()
        .filter(|file| !is_test(file))
        .map(without_tests);
    let mut lengths: Vec<usize> = files
        .flat_map(|file| functions(&file))
        .map(|it| it.lines)
        .collect();
    lengths.sort_unstable();
    let at = |share: usize| lengths.get(lengths.len() * share / 100).copied().unwrap_or(0);
    println!(
        "{} functions: median {} lines, ninetieth percentile {}",
        lengths.len(),
        at(50),
        at(90)
    );
    assert!(at(50) <= 12, "the median function has {} lines", at(50));
    assert!(at(90) <= 40, "one function in ten has more than {} lines", at(90));
}

#[test]
fn files_are_split_while_it_is_easy() {
    let sources = texts(&["rs"]);
    let long = sources
        .iter()
        .map(|file| (file, file.content.lines().count()))
        .filter(|(_, n)| *n >= FILE_LINES_MAX);
    check(
        "split by state or by message",
        long.map(|(file, n)| format!("{} has {n} lines", file.name()))
            .collect(),
    );
}

#[test]
fn function_lengths_are_read_as_formatted() {
    let content = "fn a() {\n    b();\n}\n\nimpl X {\n    pub(crate) fn c(\n        d: u8,\n    ) -> u8 {\n        d\n    }\n\n    fn e() {}\n    fn f();\n}\n";
    let file = Text {
        path: "x.rs".into(),
        content: content.into(),
    };
    let lengths: Vec<usize> = functions(&file).iter().map(|it| it.lines).collect();
    assert_eq!(lengths, [3, 5, 1]);
}
