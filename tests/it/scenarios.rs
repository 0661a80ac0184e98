//! Every story in `scenarios/`, played in one process and compared line by line.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use policy::decision::Reason;
use simulators::world::Scenario;
use station_core::enrollment::FlowRefusal;

/// Outcomes no story of one plant at depth 1 can end with, each with the reason.
const NOT_IN_STORIES: &[(&str, &str)] = &[
    ("facts_contradict", "the provisioning file is checked for it"),
    ("version_unsupported", "both ends have the one version there is"),
    (
        "band_refused",
        "the engine of a simulated band refuses nothing the station asks in order",
    ),
    (
        "receipt_invalid",
        "the engine of a simulated band signs what it commits",
    ),
    ("station_storage_fault", "the memory of a world never fails"),
    (
        "band_quarantined",
        "a story's station loses no journal; the flow's own tests give up an intent",
    ),
];

fn stories() -> Vec<(PathBuf, String)> {
    let folder = tests::root().join("tests/scenarios");
    let files = fs::read_dir(&folder).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let mut stories: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .map(|path| (path.clone(), fs::read_to_string(&path).unwrap()))
        .collect();
    stories.sort();
    stories
}

#[test]
fn every_story_ends_as_it_says() {
    let stories = stories();
    assert!(!stories.is_empty());
    let faults: Vec<_> = stories
        .iter()
        .filter_map(|(path, text)| {
            let played = Scenario::parse(text).and_then(Scenario::play);
            Some(format!("{}: {}", path.display(), played.err()?))
        })
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_wrong_story_is_found_wrong() {
    let text = "policy\nperson mara\nband A\nmara with A => held_by_another\n";
    let fault = Scenario::parse(text).unwrap().play().unwrap_err();
    assert_eq!(fault.line, 4);
    let text = "policy\nperson mara\nband A\nmara with A => done\nA is free\n";
    assert_eq!(Scenario::parse(text).unwrap().play().unwrap_err().line, 5);
}

#[test]
fn every_outcome_has_a_story_or_a_reason_why_not() {
    let told: BTreeSet<String> = stories()
        .iter()
        .flat_map(|(_, text)| text.lines())
        .filter_map(|line| Some(line.split('#').next()?.split_once("=>")?.1.trim().to_owned()))
        .collect();
    let flow = FlowRefusal::ALL.iter().map(|refusal| refusal.code());
    let all: BTreeSet<_> = flow
        .chain(Reason::ALL.iter().map(|reason| reason.code()))
        .collect();
    let excused: BTreeSet<_> = NOT_IN_STORIES.iter().map(|(code, _)| *code).collect();
    let missing: Vec<_> = all
        .iter()
        .filter(|code| !told.contains(**code) && !excused.contains(*code))
        .collect();
    let idle: Vec<_> = excused
        .iter()
        .filter(|code| told.contains(**code) || !all.contains(*code))
        .collect();
    assert!(missing.is_empty(), "no story ends with {missing:?}");
    assert!(idle.is_empty(), "excused in vain: {idle:?}");
}
