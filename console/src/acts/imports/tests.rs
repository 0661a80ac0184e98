//! Lists as they are taken in: on each engine, with their records.

use policy::model::UserId;
use proptest::test_runner::{Config as Cases, TestRunner};

use super::*;
use crate::access::Role;
use crate::acts::exports::{self, Which};
use crate::acts::page::PageRequest;
use crate::acts::{api_keys, audits, users};
use crate::store::feed::{self, Kind};
use crate::store::users::{self as store, UserFields};
use crate::testing::{Bench, caller, on_each, sqlite};

fn administrator() -> Caller {
    caller(Role::Administrator, &[])
}

fn second() -> Caller {
    Caller {
        account: "second.test".into(),
        ..administrator()
    }
}

async fn read_list(bench: &Bench, text: &str, options: ImportOptions) -> Result<ImportView, Problem> {
    preview(
        &bench.app,
        &administrator(),
        ImportKind::Users,
        options,
        text.as_bytes().to_vec(),
    )
    .await
}

async fn take_in(bench: &Bench, text: &str) -> ImportView {
    let view = read_list(bench, text, ImportOptions::default())
        .await
        .expect("read");
    confirm(&bench.app, &administrator(), view.id)
        .await
        .expect("taken in")
}

async fn count(bench: &Bench, sql: &'static str) -> i64 {
    bench
        .app
        .db
        .read(move |tx| tx.number(sql, &[]))
        .await
        .expect("counted")
}

fn full() -> ImportOptions {
    ImportOptions {
        complete: true,
        ..ImportOptions::default()
    }
}

fn people(count: usize) -> String {
    let rows: String = (0..count).map(|n| format!("u{n:03},Name {n}\n")).collect();
    format!("id,name\n{rows}")
}

#[test]
fn the_same_file_again_writes_nothing() {
    on_each(async |bench| {
        take_in(&bench, &people(50)).await;
        let state = async |bench: &Bench| {
            let revision = bench.app.db.read(feed::head).await.expect("read");
            let versions = count(bench, "select cast(sum(version) as bigint) from users").await;
            (
                revision,
                versions,
                count(bench, "select count(*) from entries").await,
            )
        };
        let before = state(&bench).await;
        let again = take_in(&bench, &people(50)).await;
        assert_eq!((again.summary.unchanged, again.state.as_str()), (50, "done"));
        assert_eq!(state(&bench).await, before);
    });
}

#[test]
fn a_list_that_would_do_something_else_by_now_is_refused() {
    on_each(async |bench| {
        take_in(&bench, "id,name\nada,Ada\n").await;
        let view = read_list(&bench, "id,name\nada,Ada L\n", ImportOptions::default())
            .await
            .expect("read");
        take_in(&bench, "id,name\nada,Countess\n").await;
        let refused = confirm(&bench.app, &administrator(), view.id.clone())
            .await
            .expect_err("outdated");
        assert_eq!(refused.code, Code::PreviewOutdated);
        let cancelled = cancel(&bench.app, &administrator(), view.id.clone())
            .await
            .expect("given up");
        assert_eq!(cancelled.state, "cancelled");
        let late = confirm(&bench.app, &administrator(), view.id)
            .await
            .expect_err("given up");
        assert_eq!(late.code, Code::WrongState);
    });
}

/// Decision 0038: what was kept of a comparison saves work and changes nothing.
#[test]
fn a_list_is_taken_in_alike_with_and_without_what_was_kept() {
    on_each(async |bench| {
        take_in(&bench, "id,name\nada,Ada\n").await;
        let read = async |name: &str| {
            let text = format!("id,name\nada,{name}\n");
            let view = read_list(&bench, &text, ImportOptions::default()).await;
            let view = view.expect("read");
            assert!(bench.app.comparisons.get(&view.id).is_some());
            view
        };
        let ada = UserId::new("ada").expect("an id");
        for name in ["kept", "moved", "forgotten"] {
            let view = read(name).await;
            match name {
                "moved" => write(&bench, |tx| feed::mark(tx, Kind::Band, "B-1", "")).await,
                "forgotten" => bench.app.comparisons.forget(&view.id),
                _ => {}
            }
            let done = confirm(&bench.app, &administrator(), view.id.clone()).await;
            let done = done.expect(name);
            assert_eq!((done.state.as_str(), &done.summary), ("done", &view.summary));
            assert!(bench.app.comparisons.get(&view.id).is_none());
            let (id, known) = (ada.clone(), bench.app.db.clone());
            let known: Result<_, DbError> = known.read(move |tx| store::get(tx, &id)).await;
            assert_eq!(known.expect("read").expect("there").name, name);
        }
        let view = read("late").await;
        let countess = UserFields {
            name: "Countess".into(),
            ..UserFields::default()
        };
        let changed = [(ada, countess)];
        write(&bench, move |tx| store::update(tx, &changed, UnixMillis(1))).await;
        let refused = confirm(&bench.app, &administrator(), view.id).await;
        assert_eq!(refused.expect_err("outdated").code, Code::PreviewOutdated);
    });
}

async fn write(bench: &Bench, f: impl Fn(&Tx<'_>) -> Result<(), DbError> + Send + 'static) {
    bench.app.db.write(f).await.expect("written");
}

#[test]
fn nobody_agrees_to_what_they_brought() {
    on_each(async |bench| {
        let app = &bench.app;
        take_in(&bench, &people(40)).await;
        let half = people(20);
        let view = read_list(&bench, &half, full()).await.expect("read");
        let third = Caller {
            account: "third.test".into(),
            ..administrator()
        };
        let waiting = confirm(app, &third, view.id.clone()).await.expect("halts");
        assert_eq!(
            (waiting.state.as_str(), waiting.settled_by.as_deref()),
            ("waiting", Some("third.test"))
        );
        let active = "select count(*) from users where status = 'active'";
        assert_eq!(count(&bench, active).await, 40, "nothing happened yet");
        let new = json!({ "name": "own", "role": "administrator", "scopes": ["imports:write"], "days": 1 });
        let new = serde_json::from_value(new).expect("a key");
        let made = api_keys::create(app, &second(), new).await.expect("made");
        let by_key = Caller {
            account: format!("key:{}", made.key.id),
            via: Via::ApiKey {
                id: made.key.id.clone(),
                scopes: ["imports:write".to_owned()].into(),
            },
            ..administrator()
        };
        let operator = caller(Role::RolloutManager, &[]);
        for (who, expected) in [
            (administrator(), Code::SecondPerson),
            (third, Code::SecondPerson),
            (by_key.clone(), Code::SecondPerson),
            (operator, Code::NotAllowed),
        ] {
            let refused = approve(app, &who, view.id.clone()).await.expect_err(&who.account);
            assert_eq!(refused.code, expected, "{}", who.account);
        }
        approve(app, &second(), view.id).await.expect("agreed");
        assert_eq!(count(&bench, active).await, 20);
        // What a key of the second person brought is not for the second person to agree to.
        let scopes = ["imports:read".to_owned(), "imports:write".to_owned()].into();
        let by_key = Caller {
            via: Via::ApiKey {
                id: made.key.id,
                scopes,
            },
            ..by_key
        };
        let bytes = people(10).into_bytes();
        let view = preview(app, &by_key, ImportKind::Users, full(), bytes)
            .await
            .expect("read");
        confirm(app, &by_key, view.id.clone()).await.expect("halts");
        let own = approve(app, &second(), view.id).await.expect_err("own key");
        assert_eq!(own.code, Code::SecondPerson);
    });
}

#[test]
fn small_steps_add_up_within_a_day() {
    on_each(async |bench| {
        take_in(&bench, &people(40)).await;
        let one = take_in(&bench, "id,status\nu000,departed\nu001,departed\n").await;
        assert_eq!(one.state, "done");
        let two = take_in(&bench, "id,status\nu002,departed\n").await;
        assert_eq!(two.state, "waiting");
        bench.app.clock.advance(DAY_MS + 1);
        let next_day = take_in(&bench, "id,status\nu003,departed\n").await;
        assert_eq!(next_day.state, "done");
    });
}

#[test]
fn one_bad_row_in_a_hundred_thousand_lets_nothing_in() {
    tokio::runtime::Runtime::new()
        .expect("a runtime")
        .block_on(async {
            let bench = sqlite().await;
            let rows: String = (0..100_000)
                .map(|n| format!("u{n:05};Name {n};north\r\n"))
                .collect();
            let bad = rows.replacen("u99998;Name", "u00007;Name", 1);
            let refused = read_list(
                &bench,
                &format!("id;name;site\r\n{bad}"),
                ImportOptions::default(),
            )
            .await;
            let refused = refused.expect_err("a number twice");
            let fault = &refused.more["faults"][0];
            assert_eq!(
                (&fault["line"], &fault["code"]),
                (&json!(100_000), &json!("duplicate"))
            );
            assert_eq!(fault["args"], json!({ "id": "u00007", "line": "9" }));
            assert_eq!(count(&bench, "select count(*) from users").await, 0);
            let large = vec![b'x'; BYTES_MAX + 1];
            let refused = preview(&bench.app, &administrator(), ImportKind::Users, full(), large).await;
            assert_eq!(
                refused.expect_err("too large").more["faults"][0]["code"],
                "file_too_large"
            );
        });
}

#[test]
fn what_a_list_changed_stays_known() {
    on_each(async |bench| {
        let done = take_in(&bench, &people(1500)).await;
        assert_eq!(done.summary.changes.len(), 200);
        let app = &bench.app;
        let mut all = Vec::new();
        loop {
            let more = changes(app, &administrator(), done.id.clone(), all.len())
                .await
                .expect("kept");
            if more.is_empty() {
                break;
            }
            all.extend(more);
        }
        assert_eq!((all.len(), all[1499].subject.as_str()), (1500, "u1499"));
        assert_eq!(all[7].fields["name"], json!([null, "Name 7"]));
        let page = PageRequest {
            cursor: None,
            limit: Some(1),
        };
        let rows = audits::list(app, &administrator(), Default::default(), page)
            .await
            .expect("listed")
            .rows;
        assert_eq!(
            (rows[0].action.as_str(), rows[0].subject.as_str()),
            ("import_confirm", done.id.as_str())
        );
        assert!(rows[0].detail.contains(&done.summary.seal) && rows[0].detail.contains(&done.digest));
        assert_eq!(
            count(&bench, "select count(*) from imports where length(body) > 0").await,
            0
        );
    });
}

async fn export(bench: &Bench, which: Which) -> String {
    let (mut text, mut after) = (String::new(), None);
    while let Some((piece, last)) = exports::piece(&bench.app, &administrator(), which, after)
        .await
        .expect("given")
    {
        text.push_str(&piece);
        after = Some(last);
    }
    text
}

#[test]
fn what_is_given_out_can_be_taken_in() {
    on_each(async |bench| {
        assert_eq!(
            export(&bench, Which::Users).await,
            "id,name,site,label,mail,note,status\r\n"
        );
        let list = "id;name;note;status\n=cmd|x;\"@a;\"\"b\"\"\";+49 40;departed\n'-1;'tis;-;\nzoë;Zoë;a,b;not_yet\n";
        take_in(&bench, list).await;
        let given = export(&bench, Which::Users).await;
        for field in ["'=cmd|x", "'@a;\"\"b\"\"", "'+49 40", "\"'-\""] {
            assert!(given.contains(field), "{field} in {given}");
        }
        let again = take_in(&bench, &given).await;
        assert_eq!(
            (
                again.summary.unchanged,
                again.summary.changed,
                again.summary.added
            ),
            (3, 0, 0)
        );
        let bytes = b"serial,seos,stock,note\nX-1,yes,lost,=1+1\nX-2,,,\n".to_vec();
        let options = ImportOptions::default;
        let view = preview(&bench.app, &administrator(), ImportKind::Bands, options(), bytes)
            .await
            .expect("read");
        confirm(&bench.app, &administrator(), view.id)
            .await
            .expect("taken in");
        let given = export(&bench, Which::Bands).await;
        assert!(
            given.contains("X-1,yes,lost,,,\"'=1+1\"\r\nX-2,no,in_stock,,,\r\n"),
            "{given}"
        );
        let bytes = given.into_bytes();
        let view = preview(&bench.app, &administrator(), ImportKind::Bands, options(), bytes)
            .await
            .expect("read");
        assert_eq!((view.summary.unchanged, view.summary.rows), (2, 2));
        let heading = "association,user,band,zone,active,primary,suspended,ended,ended_ms,expires_ms\r\n";
        assert_eq!(export(&bench, Which::Associations).await, heading);
        assert_eq!(
            count(&bench, "select count(*) from audit where action = 'export'").await,
            4
        );
    });
}

#[test]
fn columns_can_be_chosen_and_are_shown() {
    on_each(async |bench| {
        let list = "Personalnummer;Nmae;Abteilung\n4711;Mara;X\n";
        let view = read_list(&bench, list, ImportOptions::default())
            .await
            .expect("read");
        let found: Vec<_> = view
            .summary
            .columns
            .iter()
            .map(|it| (it.field.as_deref(), it.suggestion.as_deref()))
            .collect();
        assert_eq!(found, [(Some("id"), None), (None, Some("name")), (None, None)]);
        let columns = [("id", "Personalnummer"), ("name", "Nmae")];
        let columns = columns
            .map(|(field, heading)| (field.to_owned(), heading.to_owned()))
            .into();
        let options = ImportOptions {
            columns,
            ..ImportOptions::default()
        };
        let view = read_list(&bench, list, options).await.expect("read");
        confirm(&bench.app, &administrator(), view.id)
            .await
            .expect("taken in");
        let id = users::id("4711").expect("an id");
        let user = users::show(&bench.app, &administrator(), id)
            .await
            .expect("there")
            .user;
        assert_eq!(user.name, "Mara");
    });
}

/// Lists as people send them, to be spoiled.
const SEEDS: [&str; 6] = [
    "id;name;site;status\r\nada;\"Lovelace; Ada\";north;active\r\nben;Ben;;departed\r\n",
    "sep=,\nid,label,mail\n\u{feff}x,ADA,ada@plant.example\n'=y,,\n",
    "\u{feff}Personalnummer\tAnzeigename\n4711\t\"Mara \"\"M\"\" Kurz\"\n",
    "serial,seos,stock,note\nX-1,yes,lost,=1+1\nX-2,,,\n",
    "serial;seos\n\nx-1;ja\r\r\nX-2;nein\n",
    "id,name\nzoe\u{308},Zoe\u{308}\n",
];

/// What a spoiled file is made of.
const PIECES: [&[u8]; 14] = [
    b"\"",
    b"\"\"",
    b",",
    b";",
    b"\n",
    b"\r\n",
    b"\r",
    b"'",
    b"=",
    b"\0",
    b"\xff\xfe",
    b"\xc3",
    b"id",
    b"\xe2\x80\x8b",
];

/// The next number of a sequence that looks random (xorshift).
fn next(state: &mut u64, below: usize) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state % below.max(1) as u64) as usize
}

/// A place of a sentence into which nothing was written.
fn has_open_place(sentence: &str) -> bool {
    let inside = sentence
        .split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'));
    inside
        .into_iter()
        .any(|(name, _)| name.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
}

#[test]
fn spoiled_lists_are_read_or_refused_with_their_lines() {
    let codes: Vec<&str> = FAULT_CODES.iter().map(|(code, _)| *code).collect();
    let state = &mut 0x9e37_79b9_7f4a_7c15_u64;
    for turn in 0..40_000 {
        let mut bytes = SEEDS[turn % SEEDS.len()].as_bytes().to_vec();
        for _ in 0..=next(state, 4) {
            let at = next(state, bytes.len() + 1);
            let to = (at + next(state, 4)).min(bytes.len());
            let piece = PIECES[next(state, PIECES.len())];
            bytes.splice(
                at..to,
                if next(state, 3) == 0 { &[][..] } else { piece }.iter().copied(),
            );
        }
        let kind = [ImportKind::Users, ImportKind::Bands][next(state, 2)];
        let options = ImportOptions {
            complete: next(state, 2) == 0,
            ..ImportOptions::default()
        };
        let lines = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() as u64 + 1;
        match check(kind, &options, &bytes) {
            Ok(rows) => assert!(rows < lines, "{rows} rows in {lines} lines"),
            Err(faults) => {
                assert!(faults.count >= faults.listed.len() as u64 && !faults.listed.is_empty());
                for fault in &faults.listed {
                    assert!(
                        fault.line <= lines && codes.contains(&fault.code.as_str()),
                        "{fault:?}"
                    );
                    assert!(
                        !fault.problem.contains(['\n', '\0']) && !has_open_place(&fault.problem),
                        "{fault:?}"
                    );
                }
            }
        }
    }
}

/// Whatever lists come, in whatever order: what was confirmed is there, a list that was confirmed once changes
/// nothing the second time, and no list leaves half of itself.
#[test]
fn lists_are_idempotent() {
    use proptest::prelude::*;
    let row = (
        0..12u8,
        "[a-c]{0,2}",
        prop::sample::select(vec!["", "active", "departed"]),
    );
    let list = prop::collection::vec(row, 0..12);
    let mut runner = TestRunner::new(Cases {
        cases: 24,
        failure_persistence: None,
        ..Cases::default()
    });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let outcome = runner.run(&prop::collection::vec(list, 1..4), |lists| {
        runtime.block_on(async {
            let bench = sqlite().await;
            for rows in &lists {
                let rows: String = rows
                    .iter()
                    .map(|(id, name, status)| format!("u{id},{name},{status}\n"))
                    .collect();
                let text = format!("id,name,status\n{rows}");
                let before = count(&bench, "select count(*) from users").await;
                match read_list(&bench, &text, ImportOptions::default()).await {
                    Err(_) => assert_eq!(count(&bench, "select count(*) from users").await, before),
                    Ok(view) => {
                        let done = confirm(&bench.app, &administrator(), view.id.clone())
                            .await
                            .expect("confirmed");
                        if done.state == "waiting" {
                            approve(&bench.app, &second(), view.id).await.expect("agreed");
                        }
                        let again = read_list(&bench, &text, ImportOptions::default())
                            .await
                            .expect("read");
                        assert_eq!(again.summary.unchanged, again.summary.rows);
                    }
                }
            }
        });
        Ok(())
    });
    outcome.expect("no list breaks it");
}
