//! F5 for real: the unmodified station on a small disk that is full, that turns read-only under it, and
//! without file handles. It says so, loses nothing, and goes on once there is room.
//!
//! The disk is a file of 16 MiB with ext4 on it, mounted where nobody else sees it: in a mount namespace
//! that a process of ours holds open. Where loop devices are forbidden it is a tmpfs of the same size.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use simulators::bluez::BandPort;
use simulators::cast::Person;
use simulators::stage::{Daemon, DaemonError};
use tokio::time::timeout;

use crate::kiosk::{Kiosk, LIMIT, Seen, Wrist, commits, enroll, held};

/// Bytes of a block of the small disk, and of a page of the database.
const BLOCK: u64 = 4096;
/// Blocks by which the room that is left grows from trial to trial.
const STEP: u64 = 2;

/// A file system of 16 MiB that only its holder and those who enter its namespace see.
pub(crate) struct Disk {
    holder: Child,
    mount: PathBuf,
    pub(crate) enter: Vec<String>,
}

impl Disk {
    /// Mounts a new disk at `mount`; nothing, said loudly, where the system does not permit it.
    pub(crate) fn mounted(mount: &Path) -> Option<Self> {
        fs::create_dir(mount).unwrap();
        let (at, image) = (mount.display(), mount.with_extension("img"));
        let image = image.display();
        let script = format!(
            "truncate -s 16M {image} && mkfs.ext4 -q -b {BLOCK} -m 0 {image} && \
             mount -o loop,errors=remount-ro {image} {at} || mount -t tmpfs -o size=16m none {at} || exit 1; \
             rmdir {at}/lost+found; chmod 700 {at}; echo mounted; exec cat"
        );
        let root = rustix::process::geteuid().is_root();
        let unshare: &[&str] = if root { &["-m"] } else { &["-r", "-m"] };
        let holder = Command::new("unshare")
            .args(unshare)
            .args(["sh", "-c", &script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut line = String::new();
        let mounted = holder.and_then(|mut holder| {
            BufReader::new(holder.stdout.take().expect("a pipe")).read_line(&mut line)?;
            Ok(holder)
        });
        let holder = match mounted {
            Ok(holder) if line == "mounted\n" => holder,
            other => {
                eprintln!("SKIPPED: no private file system can be mounted here: {other:?}");
                return None;
            }
        };
        let pid = holder.id().to_string();
        let namespaces: &[&str] = if root {
            &["-m"]
        } else {
            &["-U", "--preserve-credentials", "-m"]
        };
        let enter = ["nsenter", "-t", &pid]
            .into_iter()
            .chain(namespaces.iter().copied());
        let enter = enter.chain(["--"]).map(str::to_owned).collect();
        Some(Self {
            holder,
            mount: mount.to_owned(),
            enter,
        })
    }

    /// A path on the disk as everybody can reach it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        let inside = self.mount.strip_prefix("/").expect("an absolute path");
        PathBuf::from(format!("/proc/{}/root", self.holder.id()))
            .join(inside)
            .join(name)
    }

    /// Runs a command where the disk is seen.
    pub(crate) fn run(&self, command: &[&str]) -> bool {
        let status = Command::new(&self.enter[0])
            .args(&self.enter[1..])
            .args(command)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        status.unwrap().success()
    }

    /// Fills the disk but for so many bytes.
    pub(crate) fn fill(&self, left: u64) {
        let path = self.path("ballast");
        let mut file = File::create(&path).unwrap();
        let zeros = [0; BLOCK as usize];
        let full = loop {
            if let Err(error) = file.write_all(&zeros) {
                break error;
            }
        };
        assert_eq!(full.kind(), io::ErrorKind::StorageFull, "{full}");
        let len = file.metadata().unwrap().len();
        file.set_len(len.saturating_sub(left)).unwrap();
        file.sync_all().unwrap();
    }

    /// Makes room again.
    pub(crate) fn free(&self) {
        fs::remove_file(self.path("ballast")).unwrap();
    }

    /// The kernel finds a fault in the file system, as with a failing disk, and makes it read-only.
    pub(crate) fn fail(&self) -> bool {
        let mounts = fs::read_to_string(format!("/proc/{}/mounts", self.holder.id())).unwrap();
        let at = self.mount.display().to_string();
        let device = mounts
            .lines()
            .filter_map(|line| line.split_once(' '))
            .find(|(_, rest)| rest.starts_with(&at))
            .and_then(|(device, _)| device.strip_prefix("/dev/"));
        let trigger = device.map(|device| format!("/sys/fs/ext4/{device}/trigger_fs_error"));
        trigger.is_some_and(|trigger| fs::write(trigger, "F5").is_ok())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The namespace goes with its last process, and with it the mount and its loop device.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// A kiosk whose database lies on a small disk.
struct Small {
    kiosk: Kiosk,
    disk: Disk,
    mara: Person,
    band: BandPort<Wrist>,
}

impl Small {
    fn new() -> Option<Self> {
        let mut kiosk = Kiosk::new()?;
        let disk = Disk::mounted(&kiosk.stage.data())?;
        let enter: Vec<&str> = disk.enter.iter().map(String::as_str).collect();
        kiosk.program = kiosk.program.wrapped(&enter);
        let (mara, band) = kiosk.person_with_band("4711", "SIM-1");
        kiosk.init("");
        Some(Self {
            kiosk,
            disk,
            mara,
            band,
        })
    }

    /// Lets the station begin enrollments however little room there is.
    fn demand_no_room(&self) {
        let path = self.kiosk.stage.config();
        let text = fs::read_to_string(&path).unwrap();
        let text = text.replace("[station]\n", "[station]\ndisk_free_mib_min = 0\n");
        fs::write(&path, text).unwrap();
    }

    async fn attempt(&mut self, daemon: &Daemon) -> Seen {
        let start = self.kiosk.ticket(&self.mara);
        enroll(daemon, &start).await
    }

    /// The same process goes on, nothing is lost or doubled, and band and journal agree.
    async fn goes_on(&mut self, daemon: &Daemon, trial: &str) {
        let again = self.attempt(daemon).await;
        assert_eq!(again.code(), "done", "{trial}: {again:?}\n{}", daemon.log_text());
        self.kiosk.agrees(&[&self.band], 0);
        assert_eq!(again.acknowledged(), commits(&self.band).pop(), "{trial}");
        assert_eq!(held(&self.band).len(), 1, "{trial}");
    }
}

/// What a station says that cannot start: its exit code and its words.
async fn refused(kiosk: &Kiosk) -> (i32, String) {
    match Daemon::start(&kiosk.stage, &kiosk.program).await {
        Err(DaemonError::Ended(status, text)) => (status.code().unwrap_or(-1), text),
        Err(error) => panic!("{error}"),
        Ok(daemon) => panic!("it starts\n{}", daemon.log_text()),
    }
}

#[tokio::test]
async fn too_little_room_is_said_before_anybody_is_asked_for_anything() {
    let Some(mut small) = Small::new() else { return };
    let daemon = small.kiosk.start().await;
    let seen = small.attempt(&daemon).await;
    assert_eq!(seen.code(), "store_full", "{seen:?}");
    assert!(format!("{seen:?}").contains("64 are needed"), "{seen:?}");
    assert!(commits(&small.band).is_empty());
}

#[tokio::test]
async fn a_disk_that_is_really_full_is_said_and_forgotten() {
    let Some(mut small) = Small::new() else { return };
    small.demand_no_room();
    let mut refusals = 0;
    for n in 0.. {
        let trial = format!("{} blocks left", n * STEP);
        // A stop deletes the log, so that the enrollment has to make it longer.
        let daemon = small.kiosk.start().await;
        let before = commits(&small.band).len();
        small.disk.fill(n * STEP * BLOCK);
        let seen = small.attempt(&daemon).await;
        let survived = seen.code() == "done";
        if !survived {
            refusals += 1;
            let said = ["station_storage_fault", "store_full"].contains(&seen.code());
            assert!(said, "{trial}: {seen:?}\n{}", daemon.log_text());
            assert!(commits(&small.band).len() <= before + 1, "{trial}");
        }
        small.disk.free();
        small.goes_on(&daemon, &trial).await;
        assert!(daemon.stop().await.unwrap().success(), "{trial}");
        if survived {
            println!("full disk: refused {refusals} times, 0 disagreements");
            assert!(refusals > 0);
            return;
        }
    }
}

#[tokio::test]
async fn a_read_only_disk_is_named_at_the_start() {
    let Some(mut small) = Small::new() else { return };
    small.demand_no_room();
    let daemon = small.kiosk.start().await;
    small.goes_on(&daemon, "writable").await;
    assert!(daemon.stop().await.unwrap().success());
    let mount = small.kiosk.stage.data().display().to_string();
    assert!(small.disk.run(&["mount", "-o", "remount,ro", &mount]));
    let (code, text) = refused(&small.kiosk).await;
    assert_eq!(code, 4, "{text}");
    assert!(
        text.contains("store_read_only") && text.contains(&mount),
        "{text}"
    );
    assert!(small.disk.run(&["mount", "-o", "remount,rw", &mount]));
    let daemon = small.kiosk.start().await;
    small.goes_on(&daemon, "writable again").await;
}

#[tokio::test]
async fn a_disk_that_turns_read_only_stops_the_station() {
    let Some(mut small) = Small::new() else { return };
    small.demand_no_room();
    let mut daemon = small.kiosk.start().await;
    small.goes_on(&daemon, "writable").await;
    if !small.disk.fail() {
        eprintln!("SKIPPED: the kernel cannot be told that this disk fails");
        return;
    }
    let before = commits(&small.band);
    let seen = small.attempt(&daemon).await;
    assert!(seen.acknowledged().is_none(), "{seen:?}");
    assert_eq!(commits(&small.band), before, "a commit without an intent");
    let status = timeout(LIMIT, daemon.ended()).await.expect("it goes on").unwrap();
    assert_eq!(status.code(), Some(4), "{}", daemon.log_text());
    let (code, text) = refused(&small.kiosk).await;
    assert_eq!(code, 4, "{text}");
    let mount = small.kiosk.stage.data();
    let (at, image) = (mount.display().to_string(), mount.with_extension("img"));
    assert!(small.disk.run(&["umount", &at]));
    small.disk.run(&["e2fsck", "-p", &image.to_string_lossy()]);
    assert!(
        small
            .disk
            .run(&["mount", "-o", "loop", &image.to_string_lossy(), &at])
    );
    let daemon = small.kiosk.start().await;
    small.goes_on(&daemon, "repaired").await;
}

/// How much processor time the process took so far, in clock ticks.
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// The number that the process's next file would get.
fn first_free(pid: u32) -> u64 {
    let folder = format!("/proc/{pid}/fd");
    let taken = |number: &u64| fs::symlink_metadata(format!("{folder}/{number}")).is_ok();
    (0..).find(|number| !taken(number)).expect("numbers do not end")
}

#[tokio::test]
async fn without_file_handles_the_station_waits_and_goes_on() {
    let Some(mut kiosk) = Kiosk::new() else { return };
    let (mara, band) = kiosk.person_with_band("4711", "SIM-1");
    kiosk.init("");
    let daemon = kiosk.start().await;
    let number = daemon.pid().unwrap();
    let pid = Pid::from_raw(number as i32);
    let usual = getrlimit(Resource::Nofile);
    let none_left = Rlimit {
        current: Some(first_free(number)),
        maximum: usual.maximum,
    };
    prlimit(pid, Resource::Nofile, none_left).unwrap();
    let (start, before) = (kiosk.ticket(&mara), ticks(number));
    // Nobody can be served now; whoever waits has to wait without burning the processor.
    let waited = timeout(Duration::from_secs(3), enroll(&daemon, &start)).await;
    assert!(waited.is_err(), "{waited:?}");
    let burnt = ticks(number) - before;
    assert!(burnt < 100, "{burnt} ticks of processor time");
    prlimit(pid, Resource::Nofile, usual).unwrap();
    let seen = enroll(&daemon, &start).await;
    assert_eq!(seen.code(), "done", "{seen:?}\n{}", daemon.log_text());
    kiosk.agrees(&[&band], 0);
}

#[tokio::test]
async fn too_few_file_handles_are_said_at_the_start() {
    let Some(mut kiosk) = Kiosk::new() else { return };
    kiosk.person_with_band("4711", "SIM-1");
    kiosk.init("");
    let program = kiosk.program.clone();
    let mut refusals = 0;
    for handles in (3..100).step_by(3) {
        let limit = format!("ulimit -n {handles}; exec \"$0\" \"$@\"");
        kiosk.program = program.wrapped(&["sh", "-c", &limit]);
        match Daemon::start(&kiosk.stage, &kiosk.program).await {
            Ok(daemon) => {
                println!("file handles: refused {refusals} times, starts with {handles}");
                daemon.kill().await.unwrap();
                assert!(refusals > 0);
                return;
            }
            Err(DaemonError::Ended(status, text)) => {
                refusals += 1;
                assert!(!text.contains("panicked"), "{handles} handles: {text}");
                // The log has every start so far. The loader speaks for a process without its libraries.
                let said = text.matches("error[").count() + text.matches("error while loading").count();
                assert_eq!(said, refusals, "{handles} handles: {status} {text}");
            }
            Err(error) => panic!("{handles} handles: {error}"),
        }
    }
    panic!("it never starts");
}
