//! Making a station out of a provisioning file: all of it, or nothing.

use std::path::{Path, PathBuf};

use station_core::provision::{self, Provision, ProvisionFaults};

use crate::clock::{Clock, RELEASED_MS};
use crate::config::{Config, read_secret_of};
use crate::instance::{InstanceLock, is_plain};
use crate::keys::{self, Keys};
use crate::problem::{Code, Problem};
use crate::seal::{self, SealKey};
use crate::store::{Store, StoreError, name_for_wiping, refuse_links, wipe_clear};

/// Largest provisioning file: two hundred thousand people fit several times.
const FILE_LEN_MAX: u64 = 512 << 20;
/// Faults of a file that are listed; the rest is counted.
const FAULTS_SHOWN_MAX: usize = 20;

/// How far a file's time may be ahead of this machine's clock. More is no difference between clocks: such a
/// file would make every enrollment until then look older than itself.
const AHEAD_MS_MAX: u64 = 3_600_000;

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Made {
    /// The station: 32 hexadecimal digits.
    pub station: String,
    /// Its site.
    pub site: String,
    /// Revision of the replica.
    pub revision: u64,
    /// Users known.
    pub users: u64,
    /// Bands known.
    pub bands: u64,
    /// Sequence of the journal's last entry.
    pub journal_sequence: u64,
    /// Enrollments that were in force here and that the file leaves out, although it was made after them. They
    /// count as ended.
    pub left_out: u64,
    /// The station worked with a console and does not any more, until it joins again.
    pub left_console: bool,
    /// What is wrong with the journal, and so where the part that was taken over ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal_fault: Option<String>,
    /// Where a database that could not be read was kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<PathBuf>,
}

/// Makes the database and the key file. An existing database is refused, or with `replace` exchanged for
/// one with the same journal.
pub fn init(config: &Config, from: &Path, replace: bool) -> Result<Made, Problem> {
    let provision = read(from)?;
    let _lock = InstanceLock::take(&config.lock_file())?;
    let database = config.database();
    let made = make(config, &provision, &database, replace)?;
    let paths = [&config.lock_file(), &config.station.key_file, &database];
    for path in paths.into_iter().chain(&made.kept) {
        give_to_owner(path);
    }
    Ok(made)
}

fn make(config: &Config, provision: &Provision, database: &Path, replace: bool) -> Result<Made, Problem> {
    refuse_links(database).map_err(|error| error.into_problem("nothing was changed", config))?;
    if database.exists() && !replace {
        return Err(Problem::new(
            Code::AlreadyInitialized,
            "nothing was changed",
            format!("{} is a station already", config.station.data_directory.display()),
            "add --replace to exchange users, bands, policies and keys; the journal stays",
        ));
    }
    if database.exists() {
        check_time(provision, Clock::start().wall_ms())?;
    }
    exchange(config, provision, database, &seal::load_or_make(config)?)
}

/// Refuses a file that would replace what is here and was made in the future.
fn check_time(provision: &Provision, wall_ms: u64) -> Result<(), Problem> {
    // A clock that lost its battery is no reason to refuse: no true date is before the release.
    if provision.made_at_ms <= wall_ms.max(RELEASED_MS) + AHEAD_MS_MAX {
        return Ok(());
    }
    let ahead_s = (provision.made_at_ms - wall_ms.max(RELEASED_MS)) / 1000;
    Err(Problem::new(
        Code::ProvisionInvalid,
        "nothing was changed",
        format!("by this machine's clock the file was made {ahead_s} seconds in the future"),
        "set this machine's clock, or correct `made_at_ms` in the file: milliseconds since 1970",
    ))
}

/// Refuses a file that is older than the one loaded: it would bring back people and rights that were taken away.
fn check_revision(loaded: u64, provision: &Provision) -> Result<(), Problem> {
    if provision.revision >= loaded {
        return Ok(());
    }
    Err(Problem::new(
        Code::ProvisionInvalid,
        "nothing was changed",
        format!(
            "the file has revision {}, this station has loaded revision {loaded} already",
            provision.revision
        ),
        format!(
            "use the newest file; one that is meant to bring back an older state needs a `revision` of at least {loaded}"
        ),
    ))
}

fn read(from: &Path) -> Result<Provision, Problem> {
    let bytes = read_secret_of(from, "provisioning file", FILE_LEN_MAX)?;
    let invalid = |why: String| {
        let what = format!("the provisioning file {} cannot be used", from.display());
        Problem::new(
            Code::ProvisionInvalid,
            what,
            why,
            "correct the file; nothing was changed",
        )
    };
    let text =
        std::str::from_utf8(&bytes).map_err(|error| invalid(format!("it is not UTF-8 text: {error}")))?;
    provision::load(text).map_err(|faults| invalid(list(&faults)))
}

fn list(ProvisionFaults(faults): &ProvisionFaults) -> String {
    let mut lines: Vec<String> = faults
        .iter()
        .take(FAULTS_SHOWN_MAX)
        .map(ToString::to_string)
        .collect();
    let hidden = faults.len().saturating_sub(FAULTS_SHOWN_MAX);
    if hidden > 0 {
        lines.push(format!("and {hidden} more"));
    }
    lines.join("\n        ")
}

fn exchange(
    config: &Config,
    provision: &Provision,
    database: &Path,
    seal_key: &SealKey,
) -> Result<Made, Problem> {
    let failed = |error: StoreError| error.into_problem("nothing was changed", config);
    let Found {
        store: before,
        damaged,
        journal_fault,
    } = open_before(provision, database, seal_key).map_err(|fault| match fault {
        Before::Refused(problem) => problem,
        Before::Store(error) => failed(error),
    })?;
    let keys = Keys {
        dh_secret: provision.dh_secret.clone(),
        code_key: provision.code_key.clone(),
    };
    let new = database.with_extension("db.new");
    remove_database(&new);
    let outcome = build(&new, seal_key, provision, keys.digest(), before.as_ref());
    let made = outcome.inspect_err(|_| remove_database(&new)).map_err(failed)?;
    let sync_state = before.as_ref().map(Store::sync_state);
    let left_console = matches!(sync_state, Some(Ok(Some(_))));
    if let Some(before) = before {
        before.close();
    }
    let kept = damaged.then(|| free_name(database));
    put_in_place(config, seal_key, &keys, &new, kept.as_deref()).map_err(|error| {
        let next = "let this user write the data folder and run the command again";
        Problem::new(
            Code::StoreReadOnly,
            "the station could not be put in place",
            error.to_string(),
            next,
        )
    })?;
    Ok(Made {
        kept,
        left_console,
        journal_fault,
        ..made
    })
}

/// The database that is there already.
#[derive(Default)]
struct Found {
    store: Option<Store>,
    damaged: bool,
    journal_fault: Option<String>,
}

enum Before {
    Refused(Problem),
    Store(StoreError),
}

/// Opens the database that is there. One that is damaged is read as far as it goes; one that cannot be read
/// at all is put aside.
fn open_before(provision: &Provision, database: &Path, seal_key: &SealKey) -> Result<Found, Before> {
    if !database.exists() {
        return Ok(Found::default());
    }
    let store = match Store::open_to_replace(database, seal_key) {
        Ok(store) => store,
        Err(StoreError::Corrupted(_) | StoreError::Missing) => {
            return Ok(Found {
                damaged: true,
                ..Found::default()
            });
        }
        Err(error) => return Err(Before::Store(error)),
    };
    let identity = store.identity().map_err(Before::Store)?;
    let station = identity.station;
    if station != provision.station {
        return Err(Before::Refused(Problem::new(
            Code::AlreadyInitialized,
            "nothing was changed",
            format!(
                "this is station {station}, the file is for station {}",
                provision.station
            ),
            "use the file for this station, or move the data folder away to begin a new journal",
        )));
    }
    check_revision(identity.revision, provision).map_err(Before::Refused)?;
    let (_, journal_fault) = store.readable_journal().map_err(Before::Store)?;
    let rows = store.check_whole().and_then(|()| store.check_rows());
    Ok(Found {
        damaged: rows.is_err() || journal_fault.is_some(),
        journal_fault,
        store: Some(store),
    })
}

fn build(
    new: &Path,
    seal_key: &SealKey,
    provision: &Provision,
    keys_digest: [u8; 32],
    before: Option<&Store>,
) -> Result<Made, StoreError> {
    let mut store = Store::create(new, seal_key)?;
    // No true date is before the file was made, whatever a clock without a battery says.
    let time_ms = Clock::start().wall_ms().max(provision.made_at_ms);
    let left_out = store.provision(provision, keys_digest, before, time_ms)?;
    let (users, bands) = store.counts()?;
    let made = Made {
        station: provision.station.to_string(),
        site: provision.site.clone(),
        revision: provision.revision,
        users,
        bands,
        journal_sequence: store.head()?.sequence,
        left_out,
        left_console: false,
        journal_fault: None,
        kept: None,
    };
    store.close();
    Ok(made)
}

/// Each step leaves a station that starts: the key file holds the keys of both databases until the new
/// one is in place.
fn put_in_place(
    config: &Config,
    seal_key: &SealKey,
    new_keys: &Keys,
    new: &Path,
    kept: Option<&Path>,
) -> std::io::Result<()> {
    let (key_file, database) = (&config.station.key_file, &config.database());
    let mut both = if database.exists() {
        keys::read_all(key_file, seal_key).unwrap_or_default()
    } else {
        Vec::new()
    };
    both.push(new_keys.clone());
    keys::write_all(key_file, &both, seal_key)?;
    match kept {
        Some(kept) => keep(database, kept)?,
        None => {
            refuse_log(database)?;
            if database.exists() && !crate::store::is_sealed(database) {
                name_for_wiping(database)?;
            }
        }
    }
    std::fs::File::open(new)?.sync_all()?;
    std::fs::rename(new, database)?;
    keys::sync_folder(database)?;
    wipe_clear(database)?;
    keys::write_all(key_file, std::slice::from_ref(new_keys), seal_key)
}

/// Where nothing was kept yet: an earlier damage is evidence too.
fn free_name(database: &Path) -> PathBuf {
    let first = database.with_extension("db.damaged");
    let numbered = (2_u32..).map(|number| with_suffix(&first, &format!(".{number}")));
    let is_free = |path: &PathBuf| {
        ["", "-wal", "-shm"]
            .iter()
            .all(|suffix| std::fs::symlink_metadata(with_suffix(path, suffix)).is_err())
    };
    std::iter::once(first.clone())
        .chain(numbered)
        .find(is_free)
        .unwrap_or(first)
}

/// Puts a damaged database and its log aside, for whoever wants to look at it. The database keeps its place
/// until the new one takes it: were there a moment without, a run cut off then would leave a folder that looks
/// as if no station had ever been made.
fn keep(database: &Path, kept: &Path) -> std::io::Result<()> {
    let unless_absent = |outcome: std::io::Result<()>| match outcome {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    };
    match std::fs::hard_link(database, kept) {
        // Some file systems give no second names.
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => copy(database, kept)?,
        outcome => outcome?,
    }
    ["-wal", "-shm"].iter().try_for_each(|suffix| {
        unless_absent(std::fs::rename(
            with_suffix(database, suffix),
            with_suffix(kept, suffix),
        ))
    })
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let mut from = std::fs::File::open(from)?;
    let mut to = std::fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)?;
    std::io::copy(&mut from, &mut to)?;
    to.sync_all()
}

/// The log of the database that is replaced must never be applied to the new one. Closing the old one has
/// emptied it, unless somebody else has it open.
fn refuse_log(database: &Path) -> std::io::Result<()> {
    let log = with_suffix(database, "-wal");
    match std::fs::metadata(&log) {
        Ok(about) if about.len() > 0 => Err(std::io::Error::new(
            std::io::ErrorKind::ResourceBusy,
            "another program has the database open",
        )),
        _ => Ok(()),
    }
}

/// What root makes in another user's folder is that user's: the daemon must be able to write it.
pub(crate) fn give_to_owner(path: &Path) {
    if rustix::process::geteuid().is_root() {
        // Whoever owns the folder can also do this; it is no reason to undo what was made.
        let _ = give_plain_file(path);
    }
}

/// The owner of the folder may exchange the file for a link at any moment, so that only what is open already
/// is looked at and given away.
fn give_plain_file(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = std::fs::File::options()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path)?;
    if !is_plain(&file.metadata()?) {
        return Ok(());
    }
    let owner = std::fs::metadata(path.parent().unwrap_or(Path::new("/")))?;
    fchown(&file, Some(owner.uid()), Some(owner.gid()))
}

fn remove_database(path: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(with_suffix(path, suffix));
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests;
