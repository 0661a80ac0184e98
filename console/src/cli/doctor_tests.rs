use super::*;
use crate::testing::{Bench, NOW, sqlite};

fn run<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(test);
}

/// What is not good, by its code.
async fn bad(bench: &Bench) -> Vec<(&'static str, Level)> {
    let findings = look_inside(&bench.app).await;
    let bad = findings.iter().filter(|finding| finding.level != Level::Good);
    bad.map(|finding| (finding.what, finding.level)).collect()
}

async fn spoil(bench: &Bench, sql: &'static str) {
    bench
        .app
        .db
        .write(move |tx| tx.batch(sql))
        .await
        .expect("spoiled");
}

#[test]
fn every_cause_has_its_line() {
    let cases: &[(&str, (&str, Level))] = &[
        (
            "update audit set actor = 'x' where sequence = 1;\n",
            ("audit", Level::Failure),
        ),
        (
            "update secrets set sealed = x'00' where name = 'organization.key';\n",
            ("secrets", Level::Failure),
        ),
        (
            "update public_keys set retired_ms = 1 where kind = 'feed';\n",
            ("feed_key", Level::Failure),
        ),
        (
            "update public_keys set retired_ms = 1 where kind = 'ticket_issuer';\n",
            ("ticket_key", Level::Failure),
        ),
        (
            "insert into quarantine values (x'01', 'held_by_another', null, 0);\n",
            ("quarantine", Level::Warning),
        ),
        (
            "insert into imports (id, kind, state, digest, body, options, summary, made_by, made_ms) \
             values ('i', 'users', 'waiting', x'00', x'00', '{}', '{}', 'a', 0);\n",
            ("imports", Level::Warning),
        ),
    ];
    run(async {
        assert_eq!(bad(&sqlite().await).await, []);
        for (sql, expected) in cases {
            let bench = sqlite().await;
            spoil(&bench, sql).await;
            assert_eq!(bad(&bench).await, [*expected], "{sql}");
        }
    });
}

#[test]
fn stations_that_are_silent_or_stopped_are_named() {
    run(async {
        let bench = sqlite().await;
        spoil(
            &bench,
            "insert into stations (id, name, site, zone, joined_at, revoked_at, quarantined_at, quarantine_code, \
             quarantine_sequence, head_sequence, head_hash, air_certificate, dh_key, revision) values \
             (x'01010101010101010101010101010101', 'Gate 1', 'north', 'enrollment', 1800000000000, null, null, null, null, 0, \
              zeroblob(32), x'', x'', 0), \
             (x'02020202020202020202020202020202', 'Gate 2', 'north', 'enrollment', 1799990000000, null, null, null, null, 0, \
              zeroblob(32), x'', x'', 0), \
             (x'03030303030303030303030303030303', 'Gate 3', 'north', 'enrollment', 1, 2, null, null, null, 0, \
              zeroblob(32), x'', x'', 0), \
             (x'04040404040404040404040404040404', 'Gate 4', 'north', 'enrollment', 1, null, 2, 'journal_fork', 7, 0, \
              zeroblob(32), x'', x'', 0);\n",
        )
        .await;
        let findings = look_inside(&bench.app).await;
        let said: Vec<_> = findings
            .iter()
            .filter(|it| it.what.starts_with("station"))
            .map(line)
            .collect();
        assert_eq!(said.len(), 3, "{said:?}");
        assert!(said[0].contains("1 heard of within the hour"), "{said:?}");
        assert!(
            said[1].starts_with("WARN") && said[1].contains("Gate 2") && said[1].contains("166 minutes"),
            "{said:?}"
        );
        assert!(
            said[2].starts_with("FAIL") && said[2].contains("Gate 4") && said[2].contains("journal_fork"),
            "{said:?}"
        );
    });
}

#[test]
fn what_cannot_be_reached_is_named_from_the_outside_in() {
    run(async {
        let folder = tempfile::tempdir().expect("a folder");
        let config = Config::in_folder(folder.path());
        let codes = |findings: Vec<Finding>| -> Vec<_> {
            let failures = findings.into_iter().filter(|it| it.level == Level::Failure);
            failures.map(|it| it.what).collect()
        };
        assert_eq!(
            codes(look_around(config.clone()).await),
            ["master_key", "database"]
        );
        assert!(
            !folder.path().join("console.db").exists(),
            "a doctor makes no database"
        );
        Vault::create(&config.vault.key_file).expect("made");
        std::fs::write(folder.path().join("console.db"), b"").expect("written");
        assert_eq!(codes(look_around(config.clone()).await), ["tables"]);
        let config = Config {
            web: crate::config::Web {
                certificate: Some("/nowhere".into()),
                ..config.web
            },
            ..config
        };
        assert_eq!(codes(look_around(config).await), ["web_certificate", "tables"]);
    });
}

#[test]
fn days_and_room_have_their_levels() {
    let day = |days: i64| days_left("x", NOW.0 + days * DAY_MS, NOW, "act").level;
    assert_eq!(
        [day(-1), day(0), day(29), day(30)],
        [Level::Failure, Level::Warning, Level::Warning, Level::Good]
    );
    let mib = |mib: u64| room(mib << 20, "act").level;
    assert_eq!(
        [mib(63), mib(64), mib(1023), mib(1024)],
        [Level::Failure, Level::Warning, Level::Warning, Level::Good]
    );
}
