//! What goes to the server together does what it would do one after the other.

use super::*;
use crate::testing::on_each;

const ONE: &str = "insert into settings (name, value, version)";
const PEOPLE: &str = "insert into users (id, handle, name, site, label, mail, note, search, created_ms, changed_ms, \
     status, version, policy, temporary_until)";

#[test]
fn what_waits_fails_with_its_own_write_alone() {
    on_each(async |bench| {
        let db = &bench.app.db;
        let writes = (0..30).map(|n| {
            let name = format!("test {n}");
            db.write(move |tx| {
                let row = args![&name, "1", 1];
                tx.insert_later(ONE, 3, row, "")?;
                match n % 3 {
                    0 => {
                        let sql = "select count(*) from settings where name = $1";
                        assert_eq!(tx.number(sql, args![&name])?, 1, "whoever asks sees what waited");
                        tx.exec_later("update settings set version = 7 where name = $1", args![&name])
                    }
                    1 => tx.insert_later(ONE, 3, row, ""),
                    _ => Err(DbError::Busy),
                }
            })
        });
        let outcomes = futures_util::future::join_all(writes).await;
        for (n, outcome) in outcomes.iter().enumerate() {
            match n % 3 {
                0 => assert!(outcome.is_ok(), "{n}: {outcome:?}"),
                1 => assert!(matches!(outcome, Err(DbError::Exists(_))), "{n}: {outcome:?}"),
                _ => assert!(matches!(outcome, Err(DbError::Busy)), "{n}: {outcome:?}"),
            }
        }
        let sql = "select cast(coalesce(sum(version), 0) as bigint) from settings where name like 'test%'";
        let sum = db.read(move |tx| tx.number(sql, &[])).await;
        assert_eq!(sum, Ok(70));
    });
}

fn people(prefix: &str, count: usize) -> Vec<Val<'static>> {
    let person = |n: usize| {
        let id = format!("{prefix}-{n}");
        let handle = ring::digest::digest(&ring::digest::SHA256, id.as_bytes()).as_ref()[..16].to_vec();
        let (policy, until) = match n % 2 {
            0 => (Val::Null, Val::Null),
            _ => (Val::from("'\"\\,{}".to_owned()), Val::Int(n as i64)),
        };
        let text = |text: &str| Val::from(text.to_owned());
        [
            text(&id),
            handle.into(),
            text("Ä'\"{}\\"),
            text(""),
            text(""),
            text(""),
            text(""),
            text(&id),
            Val::Int(1),
            Val::Int(-1),
            text("active"),
            Val::Int(1),
            policy,
            until,
        ]
    };
    (0..count).flat_map(person).collect()
}

#[test]
fn any_number_of_rows_goes_in_as_it_is() {
    on_each(async |bench| {
        for count in [0, 1, 2, 257, 5000] {
            let written = bench.app.db.write(move |tx| {
                let rows = people(&format!("of{count}"), count);
                let once = tx.insert(PEOPLE, 14, &rows, "on conflict (id) do nothing")?;
                let twice = tx.insert(PEOPLE, 14, &rows, "on conflict (id) do nothing")?;
                Ok::<_, DbError>((once, twice))
            });
            assert_eq!(written.await, Ok((count as u64, 0)));
            let prefix = format!("of{count}-%");
            let sums = bench.app.db.read(move |tx| {
                let sql = "select cast(coalesce(sum(temporary_until), 0) as bigint), count(policy), count(*) \
                     from users where id like $1 and name = 'Ä''\"{}\\' and changed_ms = -1 \
                     and (policy is null or policy = '''\"\\,{}')";
                tx.first(sql, args![&prefix], |row| {
                    Ok((row.int(0)?, row.int(1)?, row.int(2)?))
                })
            });
            let odd = (count / 2) as i64;
            assert_eq!(sums.await, Ok(Some((odd * odd, odd, count as i64))));
        }
    });
}

#[test]
fn questions_asked_at_once_are_told_apart() {
    on_each(async |bench| {
        let told = bench.app.db.write(|tx| {
            tx.insert_later(
                ONE,
                3,
                args!["test a", "1", 1, "test b", "2", 2, "test c", "3", 3],
                "",
            )?;
            let many: Vec<Val<'_>> = (0..600).map(|_| Val::from("test c")).collect();
            let sql = "select name from settings where name in ({})";
            let questions: [(&str, &[Val<'_>]); 4] = [
                (sql, args!["test b"]),
                (sql, &[]),
                (sql, &many),
                (sql, args!["test a", "test b"]),
            ];
            let mut told = Vec::new();
            tx.each_at_once(&questions, |number, row| {
                told.push((number, row.text(0)?));
                Ok(())
            })?;
            told.sort();
            told.dedup();
            Ok::<_, DbError>(told)
        });
        let expected = [(0, "test b"), (2, "test c"), (3, "test a"), (3, "test b")];
        assert_eq!(
            told.await,
            Ok(expected.map(|(number, name)| (number, name.to_owned())).to_vec())
        );
    });
}
