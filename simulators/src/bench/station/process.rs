//! What the kernel says of a process.

use std::fs;

use anyhow::{Context, Result};

/// Clock ticks per second in `/proc/PID/stat`; the kernel's interface fixes them on every machine we run on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Resident memory in MiB.
pub(in crate::bench) fn resident_mib(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(number_of(&status, "VmRSS:")? as f64 / 1024.0)
}

/// The most resident memory there ever was, in MiB.
pub(in crate::bench) fn peak_mib(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(number_of(&status, "VmHWM:")? as f64 / 1024.0)
}

/// Memory in MiB that no other process could share: the program's own code is not in it.
pub(in crate::bench) fn private_mib(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(number_of(&status, "RssAnon:")? as f64 / 1024.0)
}

/// Memory in MiB, of what processes share a part.
pub(in crate::bench) fn proportional_mib(pid: u32) -> Result<f64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    Ok(number_of(&rollup, "Pss:")? as f64 / 1024.0)
}

/// The same of a process and of its children together.
pub(in crate::bench) fn family_mib(pid: u32) -> Result<f64> {
    let mut sum = proportional_mib(pid)?;
    for process in fs::read_dir("/proc")?.flatten() {
        let Some(child) = process.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // One that ended meanwhile has none.
        let status = fs::read_to_string(format!("/proc/{child}/status")).unwrap_or_default();
        if number_of(&status, "PPid:").is_ok_and(|parent| parent == u64::from(pid)) {
            sum += proportional_mib(child).unwrap_or(0.0);
        }
    }
    Ok(sum)
}

/// How often the process's threads have gone to sleep so far: each of them woke up as often.
pub(super) fn wake_ups(pid: u32) -> Result<u64> {
    let mut sum = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let status = fs::read_to_string(task?.path().join("status"))?;
        sum += number_of(&status, "voluntary_ctxt_switches:")?;
    }
    Ok(sum)
}

/// Processor time used so far in seconds, by threads that are gone too.
pub(in crate::bench) fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(')').context("the kernel's form")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: Vec<f64> = ticks.map(str::parse).collect::<Result<_, _>>()?;
    Ok(ticks.iter().sum::<f64>() / TICKS_PER_SECOND)
}

fn number_of(status: &str, key: &str) -> Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    let word = line.and_then(|line| line.split_whitespace().next());
    Ok(word.with_context(|| format!("no {key} in /proc"))?.parse()?)
}
