//! Every figure of console and kiosk page can be measured, here with next to no effort: what comes out says nothing, but that it
//! comes out.

use simulators::bench::{Effort, run};

/// Measures these figures and looks whether there is a number for each.
fn check(ids: &[&str]) {
    let asked: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    let figures = run(&asked, &Effort::smoke()).unwrap();
    for id in ids {
        let named: Vec<_> = figures.iter().filter(|figure| figure.id == *id).collect();
        assert!(!named.is_empty(), "there is no figure {id}");
        for figure in named {
            let missing = figure.goal.starts_with("not measured");
            assert!(figure.value.is_finite() || missing, "{figure:?}");
            assert!(figure.ratio.is_none_or(|ratio| ratio > 0.0), "{figure:?}");
        }
    }
}

#[test]
fn associations_come_in() {
    check(&["G3", "G3b", "G12"]);
}

#[test]
fn associations_come_in_on_postgresql() {
    check(&["G3c", "G3d"]);
}

#[test]
fn rows_reach_a_station() {
    check(&["G1", "G1b", "G1c", "G2", "G2b", "G2c"]);
}

#[test]
fn pages_are_shown() {
    check(&["G8", "G8b"]);
}

#[test]
fn stations_come_back_at_once() {
    check(&["G9", "G9b", "G9c"]);
}

#[test]
fn lists_are_taken_in() {
    check(&["G10", "G10b"]);
}

#[test]
fn a_database_comes_back() {
    check(&["G11b"]);
}

#[test]
fn a_worker_goes_through_the_page() {
    check(&["K1", "K2", "K3"]);
}

#[test]
fn people_come_to_the_page() {
    check(&["K4"]);
}

#[test]
fn what_is_unknown_is_named() {
    let error = run(&["G99".to_owned()], &Effort::smoke()).unwrap_err();
    assert!(error.to_string().contains("there is no goal G99"), "{error}");
}
