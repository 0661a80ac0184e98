//! What a kiosk's machine is given: units that systemd understands and that are closed, policies for the browser, and
//! one address in all of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const DIST: &str = "station/daemon/dist";
const ADDRESS: &str = "http://127.0.0.1:7380";
/// Each unit, the program that a test machine does not have, and the most exposure that `systemd-analyze security` may
/// find, in tenths.
const UNITS: &[(&str, &str, u32)] = &[
    ("bandstand-station.service", "/usr/bin/bandstand-station", 15),
    ("kiosk/bandstand-kiosk.service", "/usr/bin/cage", 25),
];
/// What a systemd that is older than the unit may say of it. docs/operating.md has the way for it.
const OLDER: &str = "Unknown key 'ImportCredential'";

fn dist(file: &str) -> PathBuf {
    tests::root().join(DIST).join(file)
}

fn text(file: &str) -> String {
    std::fs::read_to_string(dist(file)).expect("a file that comes with the station")
}

/// Runs systemd-analyze: whether all is well, and what it said. Nothing where there is none.
fn analyze(arguments: &[&str], unit: &Path) -> Option<(bool, String)> {
    let mut command = Command::new("systemd-analyze");
    let output = match command.args(arguments).arg(unit).output() {
        Err(_) => {
            eprintln!(
                "SKIPPED: there is no systemd-analyze on this machine; `apt-get install systemd` brings it"
            );
            return None;
        }
        Ok(output) => output,
    };
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    Some((output.status.success(), said))
}

#[test]
fn systemd_understands_the_units_and_finds_them_closed() {
    let folder = tempfile::tempdir().expect("a folder");
    for (file, program, exposure_max) in UNITS {
        // It looks whether programs are there.
        let here = text(file).replace(program, "/bin/true");
        let unit = folder.path().join(Path::new(file).file_name().expect("a name"));
        std::fs::write(&unit, here).expect("a unit");
        let Some((_, said)) = analyze(&["verify", "--man=no"], &unit) else {
            return;
        };
        let complaints: Vec<_> = said
            .lines()
            .filter(|line| line.contains(".service") && !line.contains(OLDER))
            .collect();
        assert!(complaints.is_empty(), "{complaints:#?}");
        let threshold = format!("--threshold={exposure_max}");
        let security = ["security", "--offline=yes", "--no-pager", &threshold];
        let (closed, said) = analyze(&security, &unit).expect("it was there before");
        let last = said.lines().last().unwrap_or_default();
        assert!(closed, "{file} is more open than {exposure_max} tenths: {last}");
    }
}

#[test]
fn the_browser_may_open_the_stations_page_and_nothing_else() {
    let policies: Value = serde_json::from_str(&text("kiosk/chromium-policies.json")).expect("JSON");
    for key in ["URLAllowlist", "VideoCaptureAllowedUrls"] {
        assert_eq!(policies[key], serde_json::json!([ADDRESS]), "{key}");
    }
    assert_eq!(policies["URLBlocklist"][0], "*");
    for (key, value) in [("DeveloperToolsAvailability", 2), ("DownloadRestrictions", 3)] {
        assert_eq!(policies[key], value, "{key}");
    }
    let unit = text("kiosk/bandstand-kiosk.service");
    assert!(
        unit.contains(&format!("{ADDRESS}/\n")),
        "the unit opens {ADDRESS}"
    );
    for open in ["--no-sandbox", "--remote-debugging", "--disable-web-security"] {
        assert!(!unit.contains(open), "{open}");
    }
    let example =
        std::fs::read_to_string(tests::root().join("station/daemon/example.toml")).expect("an example");
    let listen = ADDRESS.trim_start_matches("http://");
    assert!(example.contains(&format!("# listen = \"{listen}\"")));
    let guide = std::fs::read_to_string(tests::root().join("docs/kiosk.md")).expect("a guide");
    assert!(guide.contains(&format!("listen = \"{listen}\"")));
}
