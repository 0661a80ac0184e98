//! `bands`, `status`, `doctor`: questions to the running daemon.

use std::path::Path;
use std::process::ExitCode;

use super::client::Client;
use super::output::{Output, safe, table};
use crate::api::model::{Bands, Enrollment, Findings, NearbyBand, Status, SyncStage, Verdict};
use crate::clock::Clock;
use crate::config::Config;
use crate::doctor;
use crate::problem::Problem;

/// Runs `question` on a small runtime.
pub(super) fn block_on<T>(question: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime
        .expect("the system gives a timer and a poll")
        .block_on(question)
}

/// Shows the bands that are near.
pub(super) fn bands(config: &Config, output: &Output) -> Result<ExitCode, Problem> {
    let bands: Bands = block_on(Client::new(&config.api.socket).get("/api/v1/bands"))?;
    output.result(&bands, &bands_text(&bands));
    Ok(ExitCode::SUCCESS)
}

fn bands_text(Bands { bands }: &Bands) -> String {
    if bands.is_empty() {
        return "no bands in range".into();
    }
    let rows: Vec<_> = bands.iter().map(band_row).collect();
    table(&["DEVICE", "SIGNAL", "NEAR", "BATTERY", "STATE"], &rows)
}

fn band_row(band: &NearbyBand) -> Vec<String> {
    let battery = band
        .battery_percent
        .map_or("?".to_owned(), |percent| format!("{percent} %"));
    let state = [
        (band.enrolled, "enrolled"),
        (!band.enrolled, "free"),
        (band.worn, "worn"),
        (band.charging, "charging"),
        (band.seos, "SEOS-enabled"),
        (band.locked_out, "locked out"),
        (band.intent, "asks for attention"),
    ];
    let state: Vec<_> = state
        .iter()
        .filter(|(set, _)| *set)
        .map(|(_, text)| *text)
        .collect();
    let near = if band.near { "yes" } else { "no" };
    vec![
        safe(&band.device),
        format!("{} dBm", band.rssi_dbm),
        near.into(),
        battery,
        state.join(", "),
    ]
}

fn console_line(status: &Status) -> String {
    let Some(sync) = &status.sync else {
        return "none: everything came out of an init file".into();
    };
    let state = match sync.state {
        SyncStage::Connecting => "not heard yet",
        SyncStage::Filling => "the first rows are coming in",
        SyncStage::UpToDate => "in step",
        SyncStage::Offline => "does not answer",
        SyncStage::Stopped => "stopped",
    };
    let codes = [&sync.code, &sync.journal_code]
        .into_iter()
        .flatten()
        .map(|code| safe(code));
    let codes: Vec<_> = codes.collect();
    let waiting = format!("{} entries wait", sync.journal_waiting);
    let parts = [format!("{} {state}", safe(&sync.console)), waiting]
        .into_iter()
        .chain(codes);
    parts.collect::<Vec<_>>().join(", ")
}

/// Shows how the station is.
pub(super) fn status(config: &Config, output: &Output) -> Result<ExitCode, Problem> {
    let status: Status = block_on(Client::new(&config.api.socket).get("/api/v1/status"))?;
    output.result(&status, &status_text(&status));
    Ok(ExitCode::SUCCESS)
}

fn status_text(status: &Status) -> String {
    let Status {
        station,
        site,
        zone,
        software,
        uptime_seconds,
        radio,
        replica,
        journal,
        ..
    } = status;
    let radio = status
        .adapter
        .as_ref()
        .map_or(radio.clone(), |name| format!("{radio} ({})", safe(name)));
    let time = if status.time_trusted {
        "trusted"
    } else {
        "in doubt: only what is certain is allowed"
    };
    let enrollment = status
        .enrollment
        .as_ref()
        .map_or("none so far".to_owned(), enrollment_line);
    let rows = [
        ("station", format!("{station} at {:?}, {zone} zone", site)),
        ("software", format!("{software}, running for {uptime_seconds} s")),
        ("radio", radio),
        ("clock", time.to_owned()),
        ("users", replica.users.to_string()),
        ("bands", replica.bands.to_string()),
        (
            "replica",
            format!("revision {}, {} s old", replica.revision, replica.age_seconds),
        ),
        ("journal", format!("{} entries", journal.sequence)),
        ("console", console_line(status)),
        ("enrollment", enrollment),
    ];
    rows.map(|(name, value)| format!("{name:10}  {value}")).join("\n")
}

fn enrollment_line(enrollment: &Enrollment) -> String {
    let outcome = enrollment
        .outcome
        .as_ref()
        .map_or("under way".into(), |outcome| outcome.code.clone());
    format!("{outcome} ({})", enrollment.id)
}

/// Says what is wrong.
pub(super) fn doctor(path: &Path, output: &Output) -> Result<ExitCode, Problem> {
    let config = Config::load(path);
    let status: Result<Status, Problem> = match &config {
        Ok(config) => block_on(Client::new(&config.api.socket).get("/api/v1/status")),
        Err(problem) => Err(problem.clone()),
    };
    let findings = doctor::examine(config.as_ref(), status.as_ref(), Clock::start());
    output.result(&findings, &findings_text(&findings));
    Ok(if doctor::worst(&findings) == Verdict::Fail {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn findings_text(Findings { findings }: &Findings) -> String {
    let lines = findings.iter().map(|finding| {
        let verdict = match finding.verdict {
            Verdict::Ok => "ok  ",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
        };
        let next = finding
            .next
            .as_ref()
            .map_or(String::new(), |next| format!("; {next}"));
        format!("{verdict}  {:11}  {}{next}", finding.check, finding.text)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::model::{Finding, Journal, Replica};

    #[test]
    fn bands_read_as_a_table() {
        let band = |device: &str, near, enrolled, battery_percent| NearbyBand {
            device: device.into(),
            rssi_dbm: if near { -48 } else { -81 },
            near,
            enrolled,
            worn: near,
            charging: !near,
            intent: false,
            seos: enrolled,
            locked_out: false,
            battery_percent,
        };
        let bands = Bands {
            bands: vec![
                band("C0:01", true, false, Some(80)),
                band("C0:02\u{1b}", false, true, None),
            ],
        };
        insta::assert_snapshot!(bands_text(&bands), @r"
        DEVICE  SIGNAL   NEAR  BATTERY  STATE
        C0:01   -48 dBm  yes   80 %     free, worn
        C0:02·  -81 dBm  no    ?        enrolled, charging, SEOS-enabled
        ");
        insta::assert_snapshot!(bands_text(&Bands::default()), @"no bands in range");
    }

    #[test]
    fn the_status_reads_line_by_line() {
        let status = Status {
            software: "0.1.0".into(),
            station: "05".repeat(16),
            organization: "06".repeat(16),
            site: "north".into(),
            zone: "enrollment".into(),
            uptime_seconds: 42,
            radio: "ready".into(),
            page: None,
            adapter: Some("hci0".into()),
            time_trusted: true,
            replica: Replica {
                revision: 7,
                age_seconds: 60,
                users: 3,
                bands: 4,
            },
            journal: Journal {
                sequence: 12,
                hash: "ab".repeat(32),
            },
            enrollment: None,
            sync: None,
        };
        insta::assert_snapshot!(status_text(&status), @r#"
        station     05050505050505050505050505050505 at "north", enrollment zone
        software    0.1.0, running for 42 s
        radio       ready (hci0)
        clock       trusted
        users       3
        bands       4
        replica     revision 7, 60 s old
        journal     12 entries
        console     none: everything came out of an init file
        enrollment  none so far
        "#);
    }

    #[test]
    fn findings_are_one_line_each() {
        let finding = |check: &str, verdict, next: Option<&str>| Finding {
            check: check.into(),
            verdict,
            code: "found".into(),
            values: Default::default(),
            text: "what was seen".into(),
            next: next.map(Into::into),
        };
        let findings = vec![
            finding("disk", Verdict::Ok, None),
            finding("radio", Verdict::Fail, Some("plug it in")),
        ];
        insta::assert_snapshot!(findings_text(&Findings { findings }), @r"
        ok    disk         what was seen
        FAIL  radio        what was seen; plug it in
        ");
    }
}
