use policy::merge::{Associated, State, Verdict, merge};
use policy::model::{Association, Band, StockState, UserStatus, Zone};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::db::Db;
use crate::store::associations;
use crate::testing::{NOW, on_each, sqlite};

fn user(number: u8) -> UserId {
    UserId::new(&format!("u{number}")).expect("a user's id")
}

fn serial(number: u8) -> BandSerial {
    BandSerial::new(&format!("B-{number}")).expect("a serial")
}

fn id(number: u8) -> AssociationId {
    AssociationId([number; 16])
}

/// Enough users and bands that a part of history is not all of it, few enough that they meet.
const MANY: u8 = 7;

fn events() -> impl Strategy<Value = Event> {
    let associated = (0..40u8, 0..MANY, 0..MANY, 1..6u32, any::<bool>(), any::<bool>()).prop_map(
        |(association, holder, band, band_epoch, may_take_over, registration)| {
            Event::Associated(Associated {
                association: id(association),
                user: user(holder),
                band: serial(band),
                zone: if registration {
                    Zone::Registration
                } else {
                    Zone::Enrollment
                },
                band_epoch,
                seos: band == 0,
                expires_at: None,
                may_take_over,
            })
        },
    );
    let ids = || (0..40u8).prop_map(id);
    let note = || "why".to_owned();
    prop_oneof![
        10 => associated,
        2 => ids().prop_map(|association| Event::Disconnected { association }),
        1 => ids().prop_map(move |association| Event::AssociationSuspended { association, note: note() }),
        1 => ids().prop_map(|association| Event::AssociationResumed { association }),
        1 => ids().prop_map(|association| Event::MadeActive { association }),
        1 => ids().prop_map(|association| Event::MadeInactive { association }),
        1 => ids().prop_map(|association| Event::MadePrimary { association }),
        1 => (0..MANY, any::<bool>()).prop_map(|(number, here)| Event::UserStands {
            user: user(number),
            status: if here { UserStatus::Active } else { UserStatus::Departed },
        }),
        1 => (0..MANY).prop_map(|number| Event::UserSuspended { user: user(number), note: "why".into() }),
        1 => (0..MANY).prop_map(|number| Event::UserResumed { user: user(number) }),
        1 => (0..MANY, 0..4u8).prop_map(|(number, stock)| {
            let stock = [StockState::InStock, StockState::Lost, StockState::Retired, StockState::Damaged][stock as usize];
            Event::BandStands { band: Band { stock, ..Band::new(serial(number)) } }
        }),
        2 => (ids(), any::<bool>()).prop_map(|(association, keep)| Event::Settled {
            association,
            verdict: if keep { Verdict::Keep } else { Verdict::Reject },
        }),
    ]
}

/// Pieces of history in the order in which they arrive.
fn pieces() -> impl Strategy<Value = Vec<Vec<Entry>>> {
    let entry = ((0..40i64, 0..2u32, 0..3u8, 0..90u64), events()).prop_map(
        |((millis, counter, station, sequence), event)| Entry {
            stamp: Stamp {
                time: HybridTime {
                    millis: UnixMillis(millis),
                    counter,
                },
                station: StationId([station; 16]),
                sequence,
            },
            event,
        },
    );
    vec(vec(entry, 1..6), 1..12)
}

/// The rows as they are stored, in the form of a state.
fn stored(tx: &Tx<'_>) -> Result<State, DbError> {
    let mut state = State::default();
    tx.each(
        "select id, status, suspended_since, suspended_note from users",
        &[],
        |row| {
            let user = policy::merge::UserState {
                status: row.code(1)?,
                suspension: associations::suspension(row, 2)?,
            };
            state.users.insert(row.parse(0)?, user);
            Ok(())
        },
    )?;
    tx.each("select serial, seos, stock from bands", &[], |row| {
        let band = Band {
            serial: row.parse(0)?,
            seos: row.bool(1)?,
            stock: row.code(2)?,
        };
        state.bands.insert(band.serial, band);
        Ok(())
    })?;
    let sql = format!("select {} from associations", associations::COLUMNS);
    for association in tx.all(&sql, &[], associations::read)? {
        state.associations.insert(association.id, association);
    }
    tx.each("select association, cause, rival from quarantine", &[], |row| {
        let quarantined = policy::merge::Quarantined {
            cause: row.code(1)?,
            rival: row.opt_array(2)?.map(AssociationId),
        };
        state.quarantine.insert(AssociationId(row.array(0)?), quarantined);
        Ok(())
    })?;
    tx.each("select oddity from oddities", &[], |row| {
        state.oddities.insert(row.json(0)?);
        Ok(())
    })?;
    Ok(state)
}

/// What the rows must be: one fold over everything. A band of which nobody said that it is in stock is not.
/// Whoever and whatever only an overruled entry names has a row that says nothing.
fn expected(pieces: &[Vec<Entry>]) -> State {
    let all: Vec<&Entry> = pieces.iter().flatten().collect();
    let mut state = merge(all.iter().copied());
    for (serial, band) in &mut state.bands {
        let listed =
            |entry: &&&Entry| matches!(&entry.event, Event::BandStands { band } if band.serial == *serial);
        if !all.iter().any(|entry| listed(&entry)) {
            band.stock = StockState::Unknown;
        }
    }
    for entry in all {
        if let Event::Associated(made) = &entry.event {
            state.users.entry(made.user.clone()).or_default();
            let nothing = || Band {
                stock: StockState::Unknown,
                ..Band::new(made.band)
            };
            state.bands.entry(made.band).or_insert_with(nothing);
        }
    }
    state
}

async fn check(db: &Db, pieces: &[Vec<Entry>]) -> State {
    for piece in pieces {
        let piece = piece.clone();
        db.write(move |tx| append(tx, &piece, NOW))
            .await
            .expect("appended");
    }
    db.read(stored).await.expect("read")
}

/// Appends a piece knowing what was read ahead: of what its entries name, and of others.
fn append_knowing(tx: &Tx<'_>, piece: &[Entry]) -> Result<(), DbError> {
    let (mut bands, mut ids, mut users) = (
        BTreeSet::from([serial(0), serial(2)]),
        BTreeSet::from([id(0), id(7)]),
        BTreeSet::from([user(1)]),
    );
    for entry in piece {
        if let Event::Associated(what) = &entry.event {
            bands.insert(what.band);
            ids.insert(what.association);
            users.insert(what.user.clone());
        }
    }
    let people =
        "select handle, id, site, status, suspended_since, suspended_note from users where id in ({})";
    let mut ahead = Ahead::default();
    let mut handles = Vec::new();
    tx.each_of(people, &users.iter().map(Val::from).collect::<Vec<_>>(), |row| {
        ahead.take_user(&row.parse(1)?, &row.text(2)?, row, 3)?;
        handles.push(row.array::<16>(0)?);
        Ok(())
    })?;
    let about = About {
        stations: Vec::new(),
        serials: bands.iter().map(Val::from).collect(),
        handles: handles.iter().map(Val::from).collect(),
        associations: ids.iter().map(Val::from).collect(),
    };
    let asked = about.questions();
    let questions: Vec<_> = asked.iter().map(|(_, sql, keys)| (sql.as_str(), *keys)).collect();
    tx.each_at_once(&questions, |number, row| {
        ahead.take(asked[number].0, row).map(drop)
    })?;
    ahead.is_whole([].into_iter(), bands.iter().copied(), ids.iter().copied());
    append_marking(tx, piece, NOW, ahead, |after| {
        let (folded, users): (BTreeSet<_>, _) = (
            bands.into_iter().filter(|band| after.has_band(band)).collect(),
            users.into_iter().filter(|user| after.has_user(user)).collect(),
        );
        let open = after.open(&folded, &users).into_iter().map(|(_, key, _)| key);
        assert_eq!(open.collect::<BTreeSet<_>>(), open_of(tx, &folded, &users)?);
        Ok(Vec::new())
    })
    .map(drop)
}

/// The open associations of these bands and users, as they are stored.
fn open_of(
    tx: &Tx<'_>,
    bands: &BTreeSet<BandSerial>,
    users: &BTreeSet<UserId>,
) -> Result<BTreeSet<String>, DbError> {
    let mut open = BTreeSet::new();
    let (bands, users): (Vec<_>, Vec<_>) = (
        bands.iter().map(Val::from).collect(),
        users.iter().map(Val::from).collect(),
    );
    for (column, keys) in [("band", bands), ("usr", users)] {
        let sql = format!("select id from associations where ended_ms is null and {column} in ({{}})");
        tx.each_of(&sql, &keys, |row| {
            open.insert(AssociationId(row.array(0)?).to_string());
            Ok(())
        })?;
    }
    Ok(open)
}

fn compare(found: &State, expected: &State) {
    assert_eq!(found.associations, expected.associations);
    assert_eq!(found.quarantine, expected.quarantine);
    assert_eq!(found.users, expected.users);
    assert_eq!(found.bands, expected.bands);
    assert_eq!(found.oddities, expected.oddities);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// In whatever pieces history arrives, the rows are those of the whole.
    #[test]
    fn rows_are_those_of_the_whole_history(pieces in pieces()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let bench = sqlite().await;
            compare(&check(&bench.app.db, &pieces).await, &expected(&pieces));
        });
    }

    /// What was read ahead, whatever it was, makes no difference.
    #[test]
    fn rows_are_the_same_after_a_look_ahead(pieces in pieces()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let bench = sqlite().await;
            let db = &bench.app.db;
            for piece in pieces.clone() {
                let appended = db.write(move |tx| append_knowing(tx, &piece));
                appended.await.expect("appended");
            }
            compare(&db.read(stored).await.expect("read"), &expected(&pieces));
        });
    }
}

fn made(number: u8, millis: i64, holder: u8, band: u8, epoch: u32) -> Entry {
    Entry {
        stamp: Stamp {
            time: HybridTime {
                millis: UnixMillis(millis),
                counter: 0,
            },
            station: StationId([1; 16]),
            sequence: u64::from(number),
        },
        event: Event::Associated(Associated {
            association: id(number),
            user: user(holder),
            band: serial(band),
            zone: Zone::Enrollment,
            band_epoch: epoch,
            seos: false,
            expires_at: None,
            may_take_over: false,
        }),
    }
}

#[test]
fn the_same_again_changes_nothing() {
    on_each(async |bench| {
        let entries = vec![made(1, 5, 1, 1, 1), made(2, 6, 2, 2, 1)];
        let (first, again) = (entries.clone(), entries);
        let db = &bench.app.db;
        let folded = db
            .write(move |tx| append(tx, &first, NOW))
            .await
            .expect("appended");
        assert_eq!((folded.new_entries, folded.associations.len()), (2, 2));
        let head = db.read(crate::store::feed::head).await.expect("read");
        let folded = db
            .write(move |tx| append(tx, &again, NOW))
            .await
            .expect("appended");
        assert_eq!(folded, Folded::default());
        assert_eq!(db.read(crate::store::feed::head).await.expect("read"), head);
        assert_eq!(*bench.app.feed().borrow(), head);
    });
}

#[test]
fn a_conflict_waits_for_an_administrator_on_both_engines() {
    on_each(async |bench| {
        let pieces = [vec![made(1, 5, 1, 1, 1)], vec![made(2, 6, 2, 1, 2)]];
        let found = check(&bench.app.db, &pieces).await;
        compare(&found, &expected(&pieces));
        assert_eq!(found.quarantine[&id(2)].rival, Some(id(1)));
    });
}

/// The second station believed that it took the band over, and is told that it did not.
#[test]
fn what_a_station_assumed_and_was_not_so_is_said_to_it() {
    on_each(async |bench| {
        let db = &bench.app.db;
        db.write(|tx| append(tx, &[made(1, 5, 1, 1, 1)], NOW))
            .await
            .expect("appended");
        let revision = || async {
            let sql = "select revision from feed where kind = $1 and key = $2";
            let key = id(1).to_string();
            let kind = crate::store::feed::Kind::Association as i64;
            let read = move |tx: &crate::db::Tx<'_>| tx.number(sql, args![kind, &key]);
            db.read(read).await.expect("a mark")
        };
        let before = revision().await;
        let folded = db.write(|tx| append(tx, &[made(2, 6, 2, 1, 2)], NOW)).await;
        let folded = folded.expect("appended");
        assert!(folded.quarantined.contains(&id(2)) && !folded.associations.contains(&id(1)));
        assert!(revision().await > before);
    });
}

/// A station whose clock runs ahead does not have the last word for ever.
#[test]
fn the_console_speaks_after_everything_it_knows_of_the_subject() {
    on_each(async |bench| {
        let ahead = NOW.0 + 86_400_000;
        let db = &bench.app.db;
        db.write(move |tx| append(tx, &[made(1, ahead, 1, 1, 1)], NOW))
            .await
            .expect("appended");
        let end = vec![Event::Disconnected { association: id(1) }];
        db.write(move |tx| say(tx, end.clone(), NOW)).await.expect("said");
        let association = db.read(|tx| associations::get(tx, &id(1))).await.expect("read");
        assert!(association.is_some_and(|it: Association| it.ended.is_some()));
        let said = db.read(|tx| of_user(tx, &user(1), 10)).await.expect("read");
        assert_eq!(said.len(), 2);
        assert_eq!(
            said[0].stamp.time,
            HybridTime {
                millis: UnixMillis(ahead),
                counter: 1
            }
        );
        assert_eq!(
            (said[0].stamp.station, said[0].stamp.sequence),
            (StationId([200; 16]), 1)
        );
    });
}

/// What one enrollment costs does not grow with history.
#[test]
fn an_entry_reads_no_more_than_it_reaches() {
    on_each(async |bench| {
        let db = &bench.app.db;
        let many: Vec<Entry> = (0..200).map(|n| made(n, n.into(), n, n, 1)).collect();
        let before = db.statements();
        db.write(move |tx| append(tx, &[made(250, 5, 250, 250, 1)], NOW))
            .await
            .expect("appended");
        let alone = db.statements() - before;
        db.write(move |tx| append(tx, &many, NOW))
            .await
            .expect("appended");
        let before = db.statements();
        db.write(move |tx| append(tx, &[made(251, 5, 251, 251, 1)], NOW))
            .await
            .expect("appended");
        assert_eq!(db.statements() - before, alone);
        assert!(alone <= 30, "{alone} statements");
    });
}
