//! G13: what an enrollment costs at the station's database does not grow with the journal. Counted in
//! instructions, which no other program on the machine can disturb.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use firmware_protocol::id::{AssociationId, Serial, Zone};
use station_core::clock::TrustedTime;
use station_core::enrollment::Query;
use station_core::journal::{JournalRecord, Stopped};
use station_daemon::store::Store;

use super::facts::{provisioned, seal_key};
use super::steps::{STEPS_PER_ENROLLMENT, enrollments};
use super::{Effort, Figure, Goal, note};
use crate::cast::Cast;
use crate::world::DATE;

/// Rows of the short and of the long journal.
const SHORT: usize = 10_000;
const LONG: usize = 1_000_000;
/// Rows in one transaction.
const PAGE_LEN: usize = 10_000;
/// Enrollments counted, and those that come before to warm up.
const COUNT: usize = 60;
const BEFORE: usize = 20;
/// The goal: the long journal's count by the short one's.
const RATIO_MAX: f64 = 1.2;
const NAME: &str = "instructions per enrollment, 1M journal rows beside 10k";

pub(super) fn figures(_: &Effort) -> Result<Vec<Figure>> {
    if !has_valgrind() {
        return Ok(vec![Figure::missing("G13", NAME, "valgrind is not installed")]);
    }
    note("filling a journal with 1,000,000 rows");
    let folder = tempfile::tempdir()?;
    let (short, long) = (folder.path().join("short.db"), folder.path().join("long.db"));
    let mut store = provisioned(&Cast::new(13, Zone::Enrollment, DATE), &long)?;
    fill(&mut store, SHORT)?;
    store.close();
    fs::copy(&long, &short)?;
    let mut store = Store::open_to_replace(&long, &seal_key())?;
    fill(&mut store, LONG - SHORT)?;
    store.close();
    note("counting instructions");
    let (limit, value) = (per_enrollment(&short)?, per_enrollment(&long)?);
    Ok(vec![Figure::beside(
        "G13",
        NAME,
        value,
        "instr",
        limit,
        Goal::AtMost(RATIO_MAX),
    )])
}

/// Looks up facts and appends for so many enrollments, as a process of its own whose instructions are counted.
pub fn repeat(file: &Path, count: usize) -> Result<()> {
    let steps = enrollments(BEFORE + COUNT)?;
    let mut store = Store::open_to_replace(file, &seal_key())?;
    for (number, steps) in steps.chunks(STEPS_PER_ENROLLMENT).take(count).enumerate() {
        let query = query(number)?;
        for step in steps {
            store.knowledge(
                &query,
                TrustedTime::certain(DATE.0 * 1000),
                AssociationId([1; 16]),
            )?;
            step.append(&mut store)?;
        }
    }
    Ok(())
}

fn query(number: usize) -> Result<Query> {
    let serial = format!("SIM-{number:05}");
    Ok(Query {
        number: 1,
        user: None,
        serial: Serial::new(&serial).context("a serial")?,
        held: Vec::new(),
        ticket: None,
    })
}

fn fill(store: &mut Store, rows: usize) -> Result<()> {
    let page: Vec<JournalRecord> = (0..PAGE_LEN).map(|_| Stopped {}.into()).collect();
    for _ in 0..rows / PAGE_LEN {
        store.append(DATE.0 * 1000, &page, &[])?;
    }
    Ok(())
}

fn per_enrollment(file: &Path) -> Result<f64> {
    let before = instructions(file, BEFORE)?;
    let after = instructions(file, BEFORE + COUNT)?;
    Ok((after - before) / COUNT as f64)
}

/// Instructions of a whole run on a fresh copy of `file`.
fn instructions(file: &Path, count: usize) -> Result<f64> {
    let copy = file.with_extension("copy");
    fs::copy(file, &copy)?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["bench-growth", &copy.to_string_lossy(), &count.to_string()])
        .stdin(Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the counted run failed:\n{text}");
    let line = text.lines().find_map(|line| line.split_once("Collected :"));
    let number = line.context("callgrind says how many instructions it saw")?.1;
    Ok(number.trim().parse()?)
}

pub(super) fn has_valgrind() -> bool {
    let mut probe = Command::new("valgrind");
    probe
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}
