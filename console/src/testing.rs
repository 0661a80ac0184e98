//! Databases for tests: SQLite in a folder of its own, and PostgreSQL in a temporary cluster.

pub(crate) mod cluster;

use policy::merge::{Associated, Entry, Event, HybridTime, Stamp};
use policy::model::{AssociationId, BandSerial, StationId, UnixMillis, UserId, Zone};

use crate::access::{Caller, Role, Via};
use crate::acts::setup::{self, Beginning};
use crate::clock::Clock;
use crate::config::Config;
use crate::db::Db;
use crate::issue::{Manufacturer, Organization};
use crate::serve::App;
use crate::store::history;
use crate::vault::Vault;

/// The moment at which the tests' clocks stand.
pub(crate) const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// A console with an empty database, and what keeps its files.
pub(crate) struct Bench {
    pub(crate) app: App,
    _folder: tempfile::TempDir,
}

/// Runs `test` on SQLite, and on PostgreSQL where there is one.
pub(crate) fn on_each<F: Future<Output = ()>>(test: impl Fn(Bench) -> F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async { test(sqlite().await).await });
    if let Some(cluster) = cluster::get() {
        let url = cluster.new_database();
        runtime.block_on(async { test(on(&url).await).await });
    }
}

/// A console on SQLite.
pub(crate) async fn sqlite() -> Bench {
    on("").await
}

async fn on(url: &str) -> Bench {
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = Config::in_folder(folder.path());
    if !url.is_empty() {
        config.database.url = url.to_owned();
    }
    let db = Db::create(&config.database.url).await.expect("opened");
    db.migrate(NOW.0).await.expect("migrated");
    let vault = Vault::new([7; 32]);
    let own = vault.clone();
    db.write(move |tx| setup::begin(tx, &own, &Caller::cli("tests"), &beginning(), NOW))
        .await
        .expect("begun");
    let app = App::new(db, vault, Clock::standing(NOW), config);
    Bench { app, _folder: folder }
}

fn beginning() -> Beginning {
    let own_make = Manufacturer::new("Own", &[8; 32]);
    Beginning {
        name: "Plant".into(),
        organization: Organization::new(&std::array::from_fn(|i| i as u8)),
        feed_key: zeroize::Zeroizing::new([9; 32]),
        lineage: [1; 16],
        writer: [200; 16],
        manufacturers: vec![own_make.entry()],
        own_make: Some(own_make),
    }
}

/// Somebody of this role, limited to these sites.
pub(crate) fn caller(role: Role, sites: &[&str]) -> Caller {
    Caller {
        account: format!("{role}.test"),
        name: role.to_string(),
        role,
        sites: sites.iter().map(|site| (*site).to_owned()).collect(),
        via: Via::Session("test".into()),
    }
}

/// What a station says of a band that committed: its entry `number`, which makes the association of that number.
pub(crate) fn associated(number: u8, user: &str, band: &str) -> Associated {
    Associated {
        association: AssociationId([number; 16]),
        user: UserId::new(user).expect("an id"),
        band: BandSerial::new(band).expect("a serial"),
        zone: Zone::Enrollment,
        band_epoch: number.into(),
        seos: false,
        expires_at: None,
        may_take_over: false,
    }
}

/// A station reports that bands committed, each a moment after the one of the number before.
pub(crate) async fn report(app: &App, made: Vec<Associated>) {
    let entry = |what: Associated| {
        let number = what.association.0[0];
        Entry {
            stamp: Stamp {
                time: HybridTime {
                    millis: UnixMillis(NOW.0 - 1000 + i64::from(number)),
                    counter: 0,
                },
                station: StationId([1; 16]),
                sequence: number.into(),
            },
            event: Event::Associated(what),
        }
    };
    let entries: Vec<Entry> = made.into_iter().map(entry).collect();
    let done = app.db.write(move |tx| history::append(tx, &entries, NOW));
    done.await.expect("appended");
}
