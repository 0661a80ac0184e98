use super::*;
use crate::access::Role;
use crate::acts::users::{self, NewUser, UserInput};
use crate::testing::{Bench, NOW, caller, sqlite};

fn administrator() -> Caller {
    caller(Role::Administrator, &[])
}

async fn add(bench: &Bench, id: &str) {
    let new = NewUser {
        id: id.into(),
        about: UserInput::default(),
    };
    users::create(&bench.app, &administrator(), new)
        .await
        .expect("added");
}

fn run<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(test);
}

async fn users_of(path: &Path) -> Vec<String> {
    let db = Db::open(&path.display().to_string()).await.expect("opened");
    let ids = db.read(|tx| tx.all("select id from users order by id", &[], |row| row.text(0)));
    ids.await.expect("read")
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<_> = entries
        .map(|it| it.expect("an entry").file_name().into_string().expect("text"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_copy_holds_one_moment_and_is_never_written_over_anything() {
    run(async {
        let bench = sqlite().await;
        add(&bench, "ada").await;
        let folder = tempfile::tempdir().expect("a folder");
        let to = folder.path().join("copy.db");
        let saved = save(&bench.app.db, &to).await.expect("saved");
        add(&bench, "ben").await;
        assert_eq!(inspect(&to).expect("whole"), saved);
        assert_eq!(
            (saved.tables, saved.lineage.as_str()),
            (crate::db::newest(), "01".repeat(16).as_str())
        );
        assert_eq!(
            fs::metadata(&to).expect("there").permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            names_in(folder.path()),
            ["copy.db"],
            "one file, nothing beside it"
        );
        let again = save(&bench.app.db, &to).await.expect_err("there already");
        assert!(again.to_string().contains("copy.db is there already"), "{again}");
        assert_eq!(inspect(&to).expect("untouched"), saved);
        std::os::unix::fs::symlink("/nowhere", folder.path().join("link.db")).expect("a link");
        save(&bench.app.db, &folder.path().join("link.db"))
            .await
            .expect_err("a link is something too");
        save(&bench.app.db, &folder.path().join("no/such/copy.db"))
            .await
            .expect_err("no folder");
        assert_eq!(users_of(&to).await, ["ada"]);
    });
}

#[test]
fn what_is_no_copy_is_named() {
    run(async {
        let bench = sqlite().await;
        add(&bench, "ada").await;
        let folder = tempfile::tempdir().expect("a folder");
        let good = folder.path().join("good.db");
        save(&bench.app.db, &good).await.expect("saved");
        let bytes = fs::read(&good).expect("read");
        let damage = |from: usize| {
            let mut bytes = bytes.clone();
            bytes[from..].iter_mut().for_each(|byte| *byte ^= 0x5a);
            bytes
        };
        let cases = [
            ("empty", Vec::new(), "not the database of a console"),
            ("text", b"id,name\n".repeat(1000), "not the database of a console"),
            ("cut", bytes[..bytes.len() / 2].to_vec(), ""),
            ("head", damage(0), "not the database of a console"),
            ("tail", damage(bytes.len() / 3), ""),
        ];
        for (name, content, expected) in cases {
            let path = folder.path().join(name);
            fs::write(&path, content).expect("written");
            let refused = inspect(&path).expect_err(name);
            assert!(format!("{refused:#}").contains(expected), "{name}: {refused:#}");
            let to = folder.path().join("console.db");
            let fresh = Fresh::new().expect("random");
            restore(&path, &to, &bench.app.vault, &administrator(), fresh, NOW)
                .await
                .expect_err(name);
            assert!(!to.exists(), "{name}");
        }
        inspect(&folder.path().join("nowhere")).expect_err("not there");
    });
}

#[test]
fn a_restored_console_is_another_one() {
    run(async {
        let bench = sqlite().await;
        add(&bench, "ada").await;
        let folder = tempfile::tempdir().expect("a folder");
        let (copy, to) = (folder.path().join("copy.db"), folder.path().join("console.db"));
        save(&bench.app.db, &copy).await.expect("saved");
        let before = fs::read(&copy).expect("read");
        let later = UnixMillis(NOW.0 + 3_600_000);
        let wrong = Vault::new([8; 32]);
        let fresh = || Fresh::new().expect("random");
        let refused = restore(&copy, &to, &wrong, &administrator(), fresh(), later)
            .await
            .expect_err("another key");
        assert!(
            format!("{refused:#}").contains("does not open with this master key"),
            "{refused:#}"
        );
        assert_eq!(names_in(folder.path()), ["copy.db"], "nothing is left");
        restore(&copy, &to, &bench.app.vault, &administrator(), fresh(), later)
            .await
            .expect("restored");
        assert_eq!(names_in(folder.path()), ["console.db", "copy.db"]);
        assert_eq!(fs::read(&copy).expect("read"), before, "the copy stays as it is");
        assert_eq!(users_of(&to).await, ["ada"]);

        let db = Db::open(&to.display().to_string()).await.expect("opened");
        let vault = bench.app.vault.clone();
        let state = |db: Db| {
            let vault = vault.clone();
            async move {
                let read = db.read(move |tx| {
                    let list = crate::sync::authority::key_list(tx, &vault, later)?;
                    let key = settings::organization_key(tx)?;
                    let list = list
                        .verify(&key)
                        .map_err(|_| DbError::Damaged("key list".into()))?;
                    let (signer, _) = crate::sync::authority::page_signer(tx, &vault, later)?;
                    Ok::<_, DbError>((settings::lineage(tx)?, settings::writer(tx)?, list, signer))
                });
                read.await.expect("read")
            }
        };
        let (old, new) = (state(bench.app.db.clone()).await, state(db.clone()).await);
        assert_ne!(old.0, new.0, "another lineage");
        assert_ne!(old.1, new.1, "another writer");
        assert!(
            new.2.serial > old.2.serial && new.2.serial >= later.0 as u64,
            "{} {}",
            old.2.serial,
            new.2.serial
        );
        assert_eq!((old.3, new.3), (1, 2), "another key signs");
        assert!(
            new.2
                .key(1)
                .is_some_and(|key| key.retired_at_ms == Some(later.0 as u64))
        );
        let last = db
            .read(|tx| audit::page(tx, 0, 100))
            .await
            .expect("read")
            .pop()
            .expect("a row");
        assert_eq!(
            (last.action.as_str(), last.actor.as_str()),
            ("console_restore", "administrator.test")
        );

        let live = restore(&copy, &to, &bench.app.vault, &administrator(), fresh(), later)
            .await
            .expect_err("live");
        let live = live.to_string();
        assert!(
            live.contains("console.db already (a console has it open"),
            "{live}"
        );
        assert_eq!(users_of(&to).await, ["ada"]);
    });
}

#[test]
fn what_was_open_is_ended() {
    run(async {
        let bench = sqlite().await;
        let db = &bench.app.db;
        db.write(|tx| {
            tx.batch(
                "insert into accounts (id, login, name, role, sites, created_ms, version) \
                 values ('a', 'a', 'A', 'administrator', '', 0, 1);\n\
                 insert into sessions values (x'01', 's', 'a', 0, 0, 0, '', '', 0);\n\
                 insert into one_time_links values (x'01', 'password', 'a', 0, 9999999999999, null);\n\
                 insert into join_tokens (hash, name, site, zone, created_at, created_by, expires_at) \
                 values (x'01', 'n', 's', 'enrollment', 0, 'a', 9999999999999);\n",
            )
        })
        .await
        .expect("written");
        let later = UnixMillis(NOW.0 + 1);
        let fresh = Fresh::new().expect("random");
        begin_again(db, &bench.app.vault, &administrator(), fresh, later)
            .await
            .expect("begun again");
        for table in ["sessions", "one_time_links"] {
            let sql = format!("select count(*) from {table}");
            assert_eq!(db.read(move |tx| tx.number(&sql, &[])).await, Ok(0), "{table}");
        }
        let usable = "select count(*) from join_tokens where expires_at > $1";
        assert_eq!(db.read(move |tx| tx.number(usable, args![later])).await, Ok(0));
    });
}
