//! `docs/decide.md` tells the truth: its examples are answered as it says, and it names every code.
//!
//! `DECISIONS_WRITE=1` writes the answers anew.

use policy::decision::{Fix, Reason, Rule};
use policy::facts_json::DecideInput;
use policy::mismatch::{Mismatch, Repair};
use policy::settings::Attribute;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/decide.md");
const QUESTION: &str = "```json question\n";
const ANSWER: &str = "```json answer\n";
const ERROR: &str = "```text error\n";
const END: &str = "```\n";

fn manual() -> String {
    std::fs::read_to_string(FILE).expect("the manual is on file")
}

/// The block after `start`, and what follows the block.
fn block<'a>(text: &'a str, start: &str) -> (&'a str, &'a str) {
    let body = text
        .strip_prefix(start)
        .unwrap_or_else(|| panic!("expected {start:?} at {text:.60}"));
    let end = body.find(END).expect("the block ends");
    (&body[..end], &body[end + END.len()..])
}

/// What belongs after a question: an answer as JSON, or the sentence of an error.
fn reply(question: &str) -> Result<String, String> {
    let input: DecideInput = serde_json::from_str(question).map_err(|error| {
        let text = error.to_string();
        text.split(" at line ").next().expect("a first part").to_owned()
    })?;
    let output = input.answer().map_err(|fault| fault.to_string())?;
    let again = serde_json::from_str(&serde_json::to_string(&output).expect("an answer is JSON"));
    assert_eq!(again.ok().as_ref(), Some(&output), "an answer can be read back");
    Ok(serde_json::to_string_pretty(&output).expect("an answer is JSON"))
}

/// The manual with every answer as it is now.
fn answered(text: &str) -> String {
    let mut parts = text.split(QUESTION);
    let mut written = parts.next().expect("a beginning").to_owned();
    for part in parts {
        let (question, rest) = part.split_once(END).expect("the question ends");
        let (start, reply) = match reply(question) {
            Ok(answer) => (ANSWER, answer),
            Err(error) => (ERROR, error),
        };
        let (_, after) = block(rest, start);
        written.extend([QUESTION, question, END, start, &reply, "\n", END, after]);
    }
    written
}

#[test]
fn the_examples_are_true() {
    let written = answered(&manual());
    if std::env::var_os("DECISIONS_WRITE").is_some() {
        std::fs::write(FILE, &written).expect("the manual can be written");
    }
    for (on_file, expected) in manual().lines().zip(written.lines()) {
        assert_eq!(on_file, expected);
    }
    assert_eq!(manual().len(), written.len());
}

#[test]
fn every_code_is_named() {
    let codes = [
        Reason::ALL.iter().map(|code| code.code()).collect::<Vec<_>>(),
        Fix::ALL.iter().map(|code| code.code()).collect(),
        Rule::ALL.iter().map(|code| code.code()).collect(),
        Mismatch::ALL.iter().map(|code| code.code()).collect(),
        Repair::ALL.iter().map(|code| code.code()).collect(),
        Attribute::ALL.iter().map(|attribute| attribute.name()).collect(),
    ];
    let manual = manual();
    for code in codes.concat() {
        assert!(
            manual.contains(&format!("`{code}`")),
            "{code} is not in docs/decide.md"
        );
    }
}

#[test]
fn reasons_stand_in_their_order() {
    let manual = manual();
    let (_, manual) = manual.split_once("## Reasons").expect("a chapter about reasons");
    let rows: Vec<_> = Reason::ALL
        .iter()
        .map(|code| manual.find(&format!("| `{}` |", code.code())))
        .collect();
    assert!(rows.iter().all(Option::is_some) && rows.is_sorted(), "{rows:?}");
}
