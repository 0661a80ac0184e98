use super::super::sheet::{self, Form};
use super::*;

fn known(people: &[(&str, &str, UserStatus)]) -> HashMap<String, Known> {
    let known = people.iter().map(|(id, name, status)| {
        let fields = UserFields {
            name: (*name).to_owned(),
            ..UserFields::default()
        };
        (
            (*id).to_owned(),
            Known {
                fields,
                status: *status,
            },
        )
    });
    known.collect()
}

fn read(text: &str, options: &ImportOptions) -> Result<Users, Faults> {
    let sheet = sheet::read(text.as_bytes(), SUBJECT, Form::default(), &options.columns)?;
    Users::read(&sheet, options)
}

fn compare(
    text: &str,
    known: &HashMap<String, Known>,
    options: &ImportOptions,
) -> Result<ImportSummary, Faults> {
    let (changes, _) = read(text, options)?.compare(known, options, ImportSummary::default())?;
    Ok(changes.finish().0)
}

#[track_caller]
fn refused(text: &str, options: &ImportOptions, expected: &[(u64, &str)]) {
    let there = known(&[("ada", "Ada", UserStatus::Active)]);
    let faults = compare(text, &there, options).expect_err(text);
    let found: Vec<_> = faults
        .listed
        .iter()
        .map(|it| (it.line, it.code.as_str()))
        .collect();
    assert_eq!(found, expected, "{text}");
}

#[test]
fn every_fault_has_its_line() {
    let delta = &ImportOptions::default();
    refused("id\nada\nben\nada\n", delta, &[(4, "duplicate")]);
    refused("id\nben\nBen\n", delta, &[(3, "look_alike")]);
    refused("id\nzo\u{eb}\nzoe\u{308}\n", delta, &[(3, "look_alike")]);
    refused("id\nben\nb\u{200b}en\n", delta, &[(3, "look_alike")]);
    refused("id\nben\n\u{ff42}en\n", delta, &[(3, "look_alike")]);
    refused("id\nADA\n", delta, &[(2, "look_alike_known")]);
    refused("id,name\n,x\n", delta, &[(2, "id_invalid")]);
    refused(&format!("id\n{}\n", "x".repeat(65)), delta, &[(2, "id_invalid")]);
    refused("id,mail\nben,nobody\n", delta, &[(2, "mail_invalid")]);
    refused("id,label\nben,lower\n", delta, &[(2, "label_not_shown")]);
    refused("id,status\nben,gone\n", delta, &[(2, "not_one_of")]);
    refused(
        &format!("id,site\nben,{}\n", "x".repeat(65)),
        delta,
        &[(2, "too_long")],
    );
    let full = &ImportOptions {
        complete: true,
        ..ImportOptions::default()
    };
    refused("id\n", full, &[(0, "nobody_listed")]);
    let hundred_thousand: String = (0..100_000).map(|n| format!("u{n:05},Name\n")).collect();
    let bad = hundred_thousand.replacen("u77777,Name", "u77777,\u{1}", 1);
    refused(
        &format!("id,name\n{bad}"),
        delta,
        &[(77_779, "control_character")],
    );
}

#[test]
fn look_alikes_may_be_meant() {
    let options = ImportOptions {
        allow_look_alikes: true,
        ..ImportOptions::default()
    };
    let there = known(&[("ada", "Ada", UserStatus::Active)]);
    let summary = compare("id\nADA\nben\nBEN\n", &there, &options).unwrap();
    assert_eq!((summary.added, summary.look_alikes.len()), (3, 2));
}

#[track_caller]
fn counts(text: &str, complete: bool, expected: (u64, u64, u64, u64, bool)) {
    let there: Vec<(String, UserStatus)> = (0..40)
        .map(|n| (format!("u{n:02}"), UserStatus::Active))
        .collect();
    let mut there: Vec<_> = there
        .iter()
        .map(|(id, status)| (id.as_str(), "N", *status))
        .collect();
    there.push(("gone", "N", UserStatus::Departed));
    let options = ImportOptions {
        complete,
        ..ImportOptions::default()
    };
    let summary = compare(text, &known(&there), &options).expect(text);
    let found = (
        summary.added,
        summary.changed,
        summary.unchanged,
        summary.deactivated,
        summary.needs_second_person,
    );
    assert_eq!(found, expected, "{text}");
}

#[test]
fn differences_are_counted() {
    let people = |range: std::ops::Range<u32>| range.map(|n| format!("u{n:02},N\n")).collect::<String>();
    counts("id,name\nu01,N\nu02,M\nnew,X\n", false, (1, 1, 1, 0, false));
    counts("id\nu01\ngone\n", false, (0, 0, 2, 0, false));
    counts(
        "id,status\nu01,departed\ngone,active\nu02,\n",
        false,
        (0, 2, 1, 1, false),
    );
    counts(&format!("id,name\n{}", people(0..40)), true, (0, 0, 40, 0, false));
    // Two of forty are exactly one in twenty; three are more.
    counts(&format!("id,name\n{}", people(0..38)), true, (0, 0, 38, 2, false));
    counts(&format!("id,name\n{}", people(0..37)), true, (0, 0, 37, 3, true));
    counts(
        "id,status\nu01,departed\nu02,unknown\nu03,not_yet\n",
        false,
        (0, 3, 0, 3, true),
    );
}

#[test]
fn many_small_lists_are_one_large_one() {
    let people: Vec<String> = (0..39).map(|n| format!("u{n:02}")).collect();
    let there: Vec<_> = people
        .iter()
        .map(|id| (id.as_str(), "N", UserStatus::Active))
        .collect();
    let options = ImportOptions::default();
    let list = read("id,status\nu00,departed\n", &options).unwrap();
    let there = known(&there);
    let needs = |deactivated_today| {
        let before = ImportSummary {
            deactivated_today,
            ..ImportSummary::default()
        };
        list.compare(&there, &options, before)
            .unwrap()
            .0
            .summary
            .needs_second_person
    };
    assert!(!needs(0) && !needs(1) && needs(2));
}

#[test]
fn the_seal_is_that_of_the_changes() {
    let there = known(&[
        ("ada", "Ada", UserStatus::Active),
        ("ben", "Ben", UserStatus::Active),
    ]);
    let options = ImportOptions::default();
    let seal = |text: &str, there: &HashMap<String, Known>| compare(text, there, &options).unwrap().seal;
    let first = seal("id,name\nada,Ada L\nben,Ben\n", &there);
    assert_eq!(
        first,
        seal("id;name\nada;Ada L\nben;Ben\n", &there),
        "how it is written is no change"
    );
    assert_ne!(first, seal("id,name\nada,Ada M\nben,Ben\n", &there));
    let moved = known(&[
        ("ada", "Ada B", UserStatus::Active),
        ("ben", "Ben", UserStatus::Active),
    ]);
    assert_ne!(
        first,
        seal("id,name\nada,Ada L\nben,Ben\n", &moved),
        "what was before is part of it"
    );
}
