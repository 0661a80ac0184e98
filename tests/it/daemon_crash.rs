//! The unmodified station killed at every write, every sync and every frame of an enrollment in turn, and
//! given a disk that fails at each of them. Afterwards journal and band agree, and the next attempt works.

use std::process::Stdio;

use rustix::process::Pid;
use simulators::bluez::BandPort;
use simulators::cast::Person;
use simulators::stage::Daemon;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::kiosk::{Kiosk, LIMIT, Seen, Wrist, commits, enroll, held};

/// The calls that make something durable, whichever of them SQLite was built with.
const SYNC: &str = "fsync,fdatasync";

/// One kiosk that lives through all trials of a sweep.
struct Sweep {
    kiosk: Kiosk,
    mara: Person,
    band: BandPort<Wrist>,
}

/// Whether strace can be used; said loudly if not.
fn traceable() -> bool {
    let there = std::process::Command::new("strace")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    let there = there.is_ok_and(|status| status.success());
    if !there {
        eprintln!("SKIPPED: strace is not installed (`apt-get install strace` brings it)");
    }
    there
}

/// Lets the kernel do `what` with the n-th call of `call` in each thread of the station from now on; with
/// all from the n-th if `when` is "n+".
async fn inject(daemon: &Daemon, call: &str, what: &str, when: impl std::fmt::Display) -> Child {
    let pid = daemon.pid().expect("the station runs").to_string();
    let (trace, inject) = (
        format!("trace={call}"),
        format!("inject={call}:{what}:when={when}"),
    );
    let mut tracer = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "-e", &trace, "-e", &inject, "-p", &pid])
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(tracer.stderr.take().unwrap()).lines();
    let attached = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("attached") {
                // Somebody goes on reading, so that the tracer never waits for room.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return;
            }
        }
        panic!("strace cannot attach to {pid}");
    };
    timeout(LIMIT, attached).await.expect("strace is stuck");
    tracer
}

impl Sweep {
    fn new() -> Option<Self> {
        let mut kiosk = Kiosk::new()?;
        let (mara, band) = kiosk.person_with_band("4711", "SIM-1");
        kiosk.init("");
        Some(Self { kiosk, mara, band })
    }

    async fn attempt(&mut self, daemon: &Daemon) -> Seen {
        let start = self.kiosk.ticket(&self.mara);
        enroll(daemon, &start).await
    }

    /// Everything agrees: what was acknowledged is there once, the next attempt works, and the band holds
    /// its outcome.
    async fn recovered(&mut self, daemon: &Daemon, acknowledged: &[String], trial: &str) {
        let again = self.attempt(daemon).await;
        assert_eq!(
            again.code(),
            "done",
            "{trial}: a new attempt: {again:?}\n{}",
            daemon.log_text()
        );
        let journaled = self.kiosk.agrees(&[&self.band], 0);
        for association in acknowledged {
            assert!(
                journaled.contains(association),
                "{trial}: {association} was acknowledged and is lost"
            );
        }
        let newest = commits(&self.band).pop();
        assert_eq!(again.acknowledged(), newest, "{trial}");
        assert_eq!(held(&self.band).len(), 1, "{trial}");
    }
}

/// Kills the station at the first, second, ... call of `call` until an attempt survives.
async fn kill_at_each(call: &str) -> Option<u64> {
    let mut sweep = Sweep::new()?;
    let mut acknowledged = Vec::new();
    for n in 1.. {
        let trial = format!("killed at {call} {n}");
        let mut daemon = sweep.kiosk.start().await;
        let tracer = inject(&daemon, call, "signal=KILL", n).await;
        let seen = sweep.attempt(&daemon).await;
        acknowledged.extend(seen.acknowledged());
        let survived = seen.code() == "done";
        if !survived {
            assert_eq!(seen.code(), "gone", "{trial}: {seen:?}");
            timeout(LIMIT, daemon.ended())
                .await
                .expect("it was killed")
                .unwrap();
        }
        drop(tracer);
        daemon.kill().await.unwrap();
        let daemon = sweep.kiosk.start().await;
        sweep.recovered(&daemon, &acknowledged, &trial).await;
        daemon.kill().await.unwrap();
        if survived {
            return Some(n - 1);
        }
    }
    unreachable!("an attempt makes a finite number of calls")
}

#[tokio::test]
async fn the_station_may_be_killed_at_any_write() {
    if !traceable() {
        return;
    }
    let Some(writes) = kill_at_each("pwrite64").await else {
        return;
    };
    println!("crash sweep: killed at {writes} writes, 0 disagreements");
    assert!(writes >= 12);
}

#[tokio::test]
async fn the_station_may_be_killed_at_any_sync() {
    if !traceable() {
        return;
    }
    let Some(syncs) = kill_at_each(SYNC).await else {
        return;
    };
    println!("crash sweep: killed at {syncs} syncs, 0 disagreements");
    assert!(syncs >= 2);
}

#[tokio::test]
async fn the_station_may_be_killed_at_any_frame() {
    let Some(mut sweep) = Sweep::new() else { return };
    let mut acknowledged = Vec::new();
    for n in 1.. {
        let trial = format!("killed at frame {n}");
        let mut daemon = sweep.kiosk.start().await;
        let pid = Pid::from_raw(daemon.pid().unwrap() as i32).unwrap();
        sweep
            .band
            .with(move |wrist, _| wrist.kill = Some((wrist.frames + n, pid)));
        let seen = sweep.attempt(&daemon).await;
        acknowledged.extend(seen.acknowledged());
        let survived = sweep.band.with(|wrist, _| wrist.kill.take()).is_some();
        if !survived {
            timeout(LIMIT, daemon.ended())
                .await
                .expect("it was killed")
                .unwrap();
        }
        daemon.kill().await.unwrap();
        let daemon = sweep.kiosk.start().await;
        sweep.recovered(&daemon, &acknowledged, &trial).await;
        daemon.kill().await.unwrap();
        if survived {
            println!("crash sweep: killed at {} frames, 0 disagreements", n - 1);
            return;
        }
    }
}

/// F4: after a sync that failed nothing is acknowledged, and the process ends; a restart recovers.
#[tokio::test]
async fn a_disk_that_fails_to_sync_stops_the_station() {
    if !traceable() {
        return;
    }
    let Some(mut sweep) = Sweep::new() else { return };
    for n in 1.. {
        let trial = format!("sync {n} fails");
        let mut daemon = sweep.kiosk.start().await;
        let tracer = inject(&daemon, SYNC, "error=EIO", n).await;
        let before = commits(&sweep.band).len();
        let seen = sweep.attempt(&daemon).await;
        let survived = seen.code() == "done";
        if !survived {
            assert!(seen.acknowledged().is_none(), "{trial}: {seen:?}");
            let status = timeout(LIMIT, daemon.ended()).await;
            let status = status
                .unwrap_or_else(|_| panic!("{trial}: it goes on\n{}", daemon.log_text()))
                .unwrap();
            assert_eq!(status.code(), Some(4), "{trial}\n{}", daemon.log_text());
        }
        drop(tracer);
        daemon.kill().await.unwrap();
        assert!(commits(&sweep.band).len() <= before + 1, "{trial}");
        let daemon = sweep.kiosk.start().await;
        sweep.recovered(&daemon, &[], &trial).await;
        daemon.kill().await.unwrap();
        if survived {
            assert!(n >= 2);
            return;
        }
    }
}

/// F5: a full disk is said clearly and nothing is half done; the same process goes on once there is space.
/// `lasting` is a disk that stays full until the attempt has ended.
async fn full_at_each_write(lasting: bool) -> Option<u64> {
    let mut sweep = Sweep::new()?;
    for n in 1.. {
        let when = if lasting { format!("{n}+") } else { n.to_string() };
        let trial = format!("no space at write {when}");
        let daemon = sweep.kiosk.start().await;
        let tracer = inject(&daemon, "pwrite64", "error=ENOSPC", &when).await;
        let seen = sweep.attempt(&daemon).await;
        let survived = seen.code() == "done";
        if !survived {
            let said = ["station_storage_fault", "store_full"].contains(&seen.code());
            assert!(said, "{trial}: {seen:?}\n{}", daemon.log_text());
        }
        drop(tracer);
        sweep.recovered(&daemon, &[], &trial).await;
        daemon.kill().await.unwrap();
        if survived {
            return Some(n - 1);
        }
    }
    unreachable!("an attempt makes a finite number of writes")
}

#[tokio::test]
async fn a_full_disk_is_said_and_forgotten() {
    if !traceable() {
        return;
    }
    let Some(writes) = full_at_each_write(false).await else {
        return;
    };
    println!("crash sweep: no space at {writes} writes, 0 disagreements");
    assert!(writes >= 12);
}

#[tokio::test]
async fn a_disk_may_stay_full_for_a_while() {
    if !traceable() {
        return;
    }
    let Some(writes) = full_at_each_write(true).await else {
        return;
    };
    println!("crash sweep: no space from {writes} writes on, 0 disagreements");
    assert!(writes >= 12);
}

/// F5: a write that fails for another reason. Whether the process stops or goes on, nothing is acknowledged
/// that does not hold, and whoever serves next agrees with the band.
#[tokio::test]
async fn a_disk_may_fail_at_any_write() {
    if !traceable() {
        return;
    }
    let Some(mut sweep) = Sweep::new() else { return };
    let (mut acknowledged, mut stops) = (Vec::new(), 0);
    for n in 1.. {
        let trial = format!("write {n} fails");
        let mut daemon = sweep.kiosk.start().await;
        let tracer = inject(&daemon, "pwrite64", "error=EIO", n).await;
        let seen = sweep.attempt(&daemon).await;
        acknowledged.extend(seen.acknowledged());
        let survived = seen.code() == "done";
        drop(tracer);
        if seen.code() == "gone" {
            stops += 1;
            let status = timeout(LIMIT, daemon.ended()).await.expect("it goes on").unwrap();
            assert_eq!(status.code(), Some(4), "{trial}\n{}", daemon.log_text());
        }
        daemon.kill().await.unwrap();
        let daemon = sweep.kiosk.start().await;
        sweep.recovered(&daemon, &acknowledged, &trial).await;
        daemon.kill().await.unwrap();
        if survived {
            println!(
                "crash sweep: {} writes failed, {stops} stops, 0 disagreements",
                n - 1
            );
            assert!(n > 12);
            return;
        }
    }
}
