//! `decide`: the decision function for scripts. The format is described in `docs/decide.md`.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;

use policy::facts_json::DecideInput;
use serde_json::json;

use super::output::Output;
use crate::problem::{Code, Problem};

/// Longest line that is read, in bytes.
const LINE_LEN_MAX: u64 = 1 << 20;

/// Answers each line; lines that cannot be answered are reported in place, and the rest is answered.
pub(super) fn run(facts: &Path, output: &Output) -> Result<ExitCode, Problem> {
    let unreadable = |error: std::io::Error| {
        let what = format!("the facts in {} cannot be read", facts.display());
        Problem::new(
            Code::BadRequest,
            what,
            error.to_string(),
            "name a file with one JSON object per line, or -",
        )
    };
    let mut reader = open(facts).map_err(unreadable)?;
    let mut all_answered = true;
    for number in 1_u64.. {
        let mut line = Vec::new();
        let read = reader
            .by_ref()
            .take(LINE_LEN_MAX)
            .read_until(b'\n', &mut line)
            .map_err(unreadable)?;
        if read == 0 {
            break;
        }
        if read as u64 == LINE_LEN_MAX && !line.ends_with(b"\n") {
            let why = format!("line {number} is longer than {} KiB", LINE_LEN_MAX >> 10);
            return Err(Problem::new(
                Code::TooLarge,
                "the facts cannot be read",
                why,
                "write one object per line",
            ));
        }
        let line = line.trim_ascii();
        if !line.is_empty() {
            all_answered &= answer(number, line, output);
        }
    }
    Ok(if all_answered {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(Code::BadRequest.exit())
    })
}

fn open(facts: &Path) -> std::io::Result<Box<dyn BufRead>> {
    if facts == Path::new("-") {
        return Ok(Box::new(BufReader::new(std::io::stdin())));
    }
    Ok(Box::new(BufReader::new(File::open(facts)?)))
}

fn answer(number: u64, line: &[u8], output: &Output) -> bool {
    let input = serde_json::from_slice::<DecideInput>(line);
    let outcome = match &input {
        Ok(input) => input.answer().map_err(|fault| fault.to_string()),
        Err(error) => Err(error.to_string()),
    };
    match outcome {
        Ok(answer) => {
            output.json_line(&answer);
            true
        }
        Err(error) => {
            let id = id_of(line);
            output.json_line(&json!({ "line": number, "id": id, "error": error }));
            false
        }
    }
}

/// The question's id, if at least that can be read.
fn id_of(line: &[u8]) -> Option<String> {
    let question: serde_json::Value = serde_json::from_slice(line).ok()?;
    question["id"].as_str().map(str::to_owned)
}
