use std::os::unix::fs::PermissionsExt;

use clap::Parser;

use super::*;
use crate::cli::Cli;

/// Runs one command line; `DIR` stands for the test's folder.
fn console(dir: &Path, arguments: &str) -> Result<()> {
    let arguments = arguments.replace("DIR", &dir.display().to_string());
    let cli = Cli::try_parse_from(std::iter::once("bandstand-console").chain(arguments.split_whitespace()))?;
    crate::cli::run(cli)
}

fn with_organization() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    console(
        dir.path(),
        "provision organization DIR/org.toml --name Plant --test-manufacturer Own",
    )
    .expect("made");
    std::fs::write(dir.path().join("plant.toml"), "[[users]]\nid = \"ada\"\n").expect("written");
    dir
}

const STATION: &str =
    "provision station --organization DIR/org.toml --site north --plant DIR/plant.toml --out DIR/init.toml";

#[test]
fn from_nothing_to_a_ticket() {
    let dir = with_organization();
    let console = |arguments| console(dir.path(), arguments);
    console(STATION).expect("a station");
    console("provision ticket --organization DIR/org.toml --init DIR/init.toml --user ada --typed")
        .expect("a ticket");
    console("provision band --organization DIR/org.toml --serial NB-1 --out DIR/band.toml").expect("a band");
    console("show DIR/init.toml").expect("shown");
    let (file, provision) = read_init(&dir.path().join("init.toml")).expect("still a good file");
    assert_eq!((file.revision, provision.tickets.len()), (2, 1));
}

/// A station asked to take up the file applies again what it enrolled after the file was made.
#[test]
fn a_code_to_type_does_not_make_the_file_younger() {
    let dir = with_organization();
    console(dir.path(), STATION).expect("a station");
    let path = dir.path().join("init.toml");
    let (mut file, _) = read_init(&path).expect("a good file");
    file.made_at_ms -= 86_400_000;
    replace_private(&path, &file.to_toml()).expect("written");
    console(
        dir.path(),
        "provision ticket --organization DIR/org.toml --init DIR/init.toml --user ada --typed",
    )
    .expect("a ticket");
    let (after, _) = read_init(&path).expect("still a good file");
    assert_eq!((after.made_at_ms, after.revision), (file.made_at_ms, 2));
}

#[test]
fn secrets_are_for_their_owner_alone() {
    let dir = with_organization();
    console(dir.path(), STATION).expect("a station");
    for name in ["org.toml", "init.toml"] {
        let mode = std::fs::metadata(dir.path().join(name))
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(mode & 0o077, 0, "{name}");
    }
}

fn check_refused(setup: &[&str], command: &str, expected: &str) {
    let dir = with_organization();
    setup
        .iter()
        .for_each(|line| console(dir.path(), line).expect(line));
    let error = console(dir.path(), command).expect_err(command);
    assert!(format!("{error:#}").contains(expected), "{error:#}");
}

#[test]
fn refusals_name_what_is_wrong() {
    let again = "provision organization DIR/org.toml --name Other";
    check_refused(&[], again, "cannot make");
    check_refused(&[STATION], STATION, "cannot make");
    let unknown = "provision ticket --organization DIR/org.toml --init DIR/init.toml --user bob";
    check_refused(&[STATION], unknown, "knows no user bob");
    let other = "provision organization DIR/other.toml --name Other";
    let foreign = "provision ticket --organization DIR/other.toml --init DIR/init.toml --user ada";
    check_refused(&[STATION, other], foreign, "another organization");
    let no_make = "provision band --organization DIR/other.toml --serial NB-1 --out DIR/band.toml";
    check_refused(&[other], no_make, "no make of its own");
    let no_serial = "provision band --organization DIR/org.toml --serial nb_1 --out DIR/band.toml";
    check_refused(&[], no_serial, "not a serial");
    check_refused(&[], "show DIR/plant.toml", "not an init file");
}

#[test]
fn a_pin_that_no_station_would_look_at_is_refused() {
    for (pin, fine) in [
        ("123", false),
        ("1234", true),
        ("ä".repeat(32).as_str(), true),
        ("x".repeat(65).as_str(), false),
    ] {
        assert_eq!(hash_of_pin(pin).is_ok(), fine, "{pin}");
    }
    let fault = hash_of_pin(&"x".repeat(65)).expect_err("too long").to_string();
    assert!(
        fault.contains("at most 64 bytes") && !fault.contains("xx"),
        "{fault}"
    );
}

#[test]
fn an_organization_that_others_can_read_is_refused() {
    let dir = with_organization();
    let path = dir.path().join("org.toml");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).expect("changed");
    let fault = console(dir.path(), STATION).expect_err("refused").to_string();
    assert!(
        fault.contains("chmod 600") && !dir.path().join("init.toml").exists(),
        "{fault}"
    );
}

/// A run that was cut off leaves a file beside the one it was to replace; the next one is not held up by it.
#[test]
fn what_was_left_behind_holds_nobody_up() {
    let dir = with_organization();
    console(dir.path(), STATION).expect("a station");
    std::fs::write(dir.path().join("init.new"), "left behind").expect("written");
    let ticket = "provision ticket --organization DIR/org.toml --init DIR/init.toml --user ada --typed";
    console(dir.path(), ticket).expect("a ticket");
    assert!(!dir.path().join("init.new").exists());
    let (after, _) = read_init(&dir.path().join("init.toml")).expect("still a good file");
    assert_eq!(after.tickets.len(), 1);
}
