//! The decision table: every combination of the inputs of `decide()`, on file, with its outcome.
//!
//! `decisions.txt` is compared, not trusted: the reference in `reference.rs` says the same a second time, in
//! another style. After a wanted change, `DECISIONS_WRITE=1 cargo test -p policy --test decisions` writes the
//! file anew; the difference is what a reviewer reads.

mod case;
mod named;
mod reference;

use std::fmt::Write as _;

use case::{Case, FLAGS};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/decisions.txt");
const HEADER: &str = include_str!("header.txt");

/// Every combination that can exist.
fn cases() -> Vec<Case> {
    let mut cases = vec![Case::default()];
    for column in case::COLUMNS {
        let with = |case: &Case, value: &&'static str| case.with(column.name, value);
        cases = cases
            .iter()
            .flat_map(|case| column.values.iter().map(|v| with(case, v)))
            .collect();
    }
    cases.retain(Case::can_exist);
    cases
}

fn written() -> String {
    let mut text = HEADER.to_owned();
    text.push_str(&named::ROWS.replace("    row", "row"));
    text.push_str("\n# Every combination.\n");
    for case in cases() {
        let outcomes = FLAGS.map(|flags| case.outcome(flags));
        writeln!(text, "{case}  {}", case::join(&outcomes)).expect("a string takes everything");
    }
    text
}

#[test]
fn the_file_holds_every_combination_and_its_outcome() {
    let text = written();
    if std::env::var_os("DECISIONS_WRITE").is_some() {
        std::fs::write(FILE, &text).expect("the table can be written");
    }
    let on_file = std::fs::read_to_string(FILE).expect("the table is on file");
    for (number, (old, new)) in on_file.lines().zip(text.lines()).enumerate() {
        assert_eq!(old, new, "line {} of decisions.txt", number + 1);
    }
    assert_eq!(on_file.len(), text.len(), "rows are missing or left over");
}

#[test]
fn the_reference_agrees_on_every_row() {
    for case in cases() {
        for flags in FLAGS {
            assert_eq!(
                case.outcome(flags),
                reference::outcome(&case, flags),
                "{case} {flags:?}"
            );
        }
    }
}

#[test]
fn any_without_own_is_no_self_service() {
    for case in cases() {
        assert_eq!(
            case.outcome((false, true)),
            case.outcome((false, false)),
            "{case}"
        );
    }
}

#[test]
fn every_reason_has_a_row() {
    let outcomes: std::collections::BTreeSet<_> = cases()
        .iter()
        .flat_map(|case| FLAGS.map(|flags| case.outcome(flags)))
        .collect();
    for reason in policy::decision::Reason::ALL {
        assert!(outcomes.contains(reason.code()), "{}", reason.code());
    }
}

/// A row of the rules with patterns in its columns holds for each case it matches, and matches some.
#[test]
fn the_named_rows_hold() {
    let cases = cases();
    for row in named::rows() {
        let matching: Vec<_> = cases.iter().filter(|case| row.matches(case)).collect();
        assert!(!matching.is_empty(), "{} matches nothing", row.name);
        for case in matching {
            for (flags, expected) in FLAGS.into_iter().zip(&row.outcomes) {
                assert_eq!(&case.outcome(flags), expected, "{}: {case} {flags:?}", row.name);
            }
        }
    }
}
