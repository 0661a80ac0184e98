//! What the console makes of a request, and the pages it builds.

use proptest::prelude::*;
use server_sync::feed::*;
use server_sync::{Lineage, Revision, Version, Versions};

use crate::samples::{self, LINEAGE, revision};

fn view() -> View {
    View {
        versions: Versions::OURS,
        lineage: LINEAGE,
        head: revision(100),
        forgotten: revision(20),
        scope_since: revision(30),
    }
}

fn cursor(at: u64) -> Cursor {
    Cursor {
        lineage: LINEAGE,
        revision: revision(at),
        version: Version(1),
        filling: None,
    }
}

fn request(cursor: Option<Cursor>) -> FeedRequest {
    FeedRequest {
        versions: Versions::OURS,
        cursor,
        wait_s: 0,
    }
}

fn page(from: u64, snapshot: Option<u64>) -> PagePlan {
    PagePlan {
        version: Version(1),
        from: revision(from),
        snapshot: snapshot.map(revision),
    }
}

#[track_caller]
fn check(cursor: Option<Cursor>, expected: Result<Plan, FeedFault>) {
    assert_eq!(plan(&request(cursor), &view()), expected);
}

#[test]
fn what_a_station_gets() {
    let snapshot = Ok(Plan::Page(page(0, Some(100))));
    check(None, snapshot);
    check(Some(cursor(40)), Ok(Plan::Page(page(40, None))));
    check(Some(cursor(100)), Ok(Plan::Hold(page(100, None))));
    let ahead = Err(FeedFault::ConsoleBehind { head: revision(100) });
    check(Some(cursor(101)), ahead);
    // removals were forgotten, or what it may see has changed since
    check(Some(cursor(19)), snapshot);
    check(Some(cursor(29)), snapshot);
    check(Some(cursor(30)), Ok(Plan::Page(page(30, None))));
    let elsewhere = Cursor {
        lineage: Lineage([9; 16]),
        ..cursor(40)
    };
    check(Some(elsewhere), snapshot);
    let poorer = Cursor {
        version: Version(0),
        ..cursor(40)
    };
    check(Some(poorer), snapshot);
    let filling = |at, began| Cursor {
        filling: Some(revision(began)),
        ..cursor(at)
    };
    check(Some(filling(5, 90)), Ok(Plan::Page(page(5, Some(90)))));
    check(Some(filling(100, 90)), Ok(Plan::Page(page(100, Some(90)))));
    check(Some(filling(5, 29)), snapshot);
}

#[test]
fn a_station_that_speaks_nothing_we_speak_is_refused_by_name() {
    let foreign = Versions {
        oldest: Version(2),
        newest: Version(3),
    };
    let request = FeedRequest {
        versions: foreign,
        ..request(None)
    };
    let refused = plan(&request, &view()).expect_err("no common version");
    assert_eq!(refused.code(), "no_common_version");
}

#[track_caller]
fn check_query(query: &str, expected: Option<FeedRequest>) {
    assert_eq!(FeedRequest::from_query(query).ok(), expected, "{query}");
}

#[test]
fn queries_are_read_or_refused() {
    let full = FeedRequest {
        cursor: Some(samples::cursor()),
        wait_s: 30,
        ..request(None)
    };
    let text = full.to_query();
    assert_eq!(
        text,
        "v=1&cursor=11111111111111111111111111111111.70000.1.90000&wait_s=30"
    );
    check_query(&text, Some(full));
    check_query("v=1", Some(request(None)));
    check_query("later=x&v=1", Some(request(None)));
    check_query("", None);
    check_query("v=1&cursor=", None);
    check_query("v=1&cursor=11.1.1", None);
    check_query("v=1&wait_s=-1", None);
    check_query("v=1&wait_s=65536", None);
    let big = |number: u64| format!("v=1&cursor={LINEAGE}.{number}.1");
    check_query(&big(1 << 63), None);
    check_query(&big((1 << 63) - 1), Some(request(Some(cursor((1 << 63) - 1)))));
    check_query(&format!("v=1&cursor={LINEAGE}.1.1.2.3"), None);
    check_query(&format!("v=1&{}", "a".repeat(600)), None);
}

fn parts(head: u64) -> PageParts {
    PageParts {
        organization: samples::organization(),
        station: samples::STATION,
        site: "north".into(),
        lineage: LINEAGE,
        head: revision(head),
        acked: server_sync::Head::EMPTY,
        made_at_ms: samples::NOW_MS,
        key_id: 1,
        spread_s: None,
    }
}

fn built(plan: PagePlan, rows: &[(u64, Row)], exhausted: bool) -> (Header, Vec<Row>) {
    let mut builder = PageBuilder::new(plan);
    for (at, row) in rows {
        builder.push(revision(*at), row);
    }
    let page = builder.finish(exhausted, parts(50), |_| [0; 64]);
    (page.header().expect("a header"), page.rows().expect("rows"))
}

#[test]
fn a_page_ends_where_its_rows_end_or_at_the_head() {
    let ada: Row = samples::user_row("ada").into();
    let gone = RowKey::User("bob".parse().expect("an id")).removed();
    let rows = [(10, ada.clone()), (20, gone.clone()), (45, gone.clone())];
    let (header, brought) = built(page(5, None), &rows, false);
    assert_eq!((header.from, header.to), (revision(5), revision(45)));
    assert_eq!(brought, [ada.clone(), gone.clone(), gone.clone()]);
    let (header, _) = built(page(5, None), &rows, true);
    assert!(header.is_last());
    // what went away before a snapshot began was never there
    let (header, brought) = built(page(0, Some(40)), &rows, false);
    assert_eq!((brought, header.to), (vec![ada, gone], revision(45)));
}

#[test]
#[should_panic(expected = "row 10 after 10")]
fn two_rows_at_one_revision_are_our_own_fault() {
    let ada: Row = samples::user_row("ada").into();
    built(page(5, None), &[(10, ada.clone()), (10, ada)], true);
}

#[test]
fn a_page_is_full_in_time() {
    let mut builder = PageBuilder::new(page(0, Some(90_000)));
    let mut at = 1;
    while builder.push(revision(at), &samples::user_row(&format!("user-{at}")).into()) {
        at += 1;
    }
    assert!((BODY_LEN_FULL..BODY_LEN_FULL + 200).contains(&builder.body_len()));
    let page = builder.finish(false, parts(90_000), |_| [0; 64]);
    assert!(page.to_bytes().len() <= PAGE_LEN_MAX);
    assert_eq!(page.header().expect("a header").to, revision(at));
}

#[test]
fn a_poll_without_news_is_small() {
    let page = PageBuilder::new(page(90_001, None)).finish(true, parts(90_001), |_| [0; 64]);
    let len = page.to_bytes().len();
    // G2b: 300 bytes with the head of an HTTP response
    assert!(len <= 190, "{len} bytes");
}

#[test]
fn keys_of_rows_have_bytes() {
    for (name, row) in samples::rows() {
        let key = row.key().expect("a key");
        assert_eq!(
            RowKey::from_bytes(key.kind(), &key.to_bytes()),
            Some(key.clone()),
            "{name}"
        );
        assert_eq!(key.removed().key(), Some(key.clone()), "{name}");
        if row.name() != "removed" {
            assert_eq!(row.kind(), key.kind(), "{name}");
        }
    }
    assert_eq!(RowKey::from_bytes(6, b"x"), None);
    assert_eq!(RowKey::from_bytes(9, &[3, 0, 0, 0, 0]), None);
    assert_eq!(RowKey::from_bytes(2, b"lower"), None);
    assert_eq!(RowKey::from_bytes(11, b""), None);
    assert_eq!(RowKey::from_bytes(111, b""), None);
}

#[test]
fn rows_say_what_policy_knows() {
    for (_, row) in samples::rows() {
        match row {
            Row::User(row) => assert_eq!(
                UserRow {
                    label: row.label.clone(),
                    policy: row.policy.clone(),
                    handle: row.handle,
                    ..UserRow::of(&row.user())
                },
                row
            ),
            Row::Band(row) => assert_eq!(BandRow::of(&row.band()), row),
            Row::Association(row) => {
                assert_eq!(AssociationRow::of(&row.association(), row.credential_key), row);
            }
            Row::GroupPolicy(row) => assert_eq!(GroupPolicyRow::of(&row.policy()), row),
            Row::IndividualPolicy(row) => assert_eq!(IndividualPolicyRow::of(&row.policy()), row),
            _ => {}
        }
    }
}

#[test]
fn a_revision_fits_every_database() {
    assert_eq!(Revision::new(1 << 63), None);
    assert_eq!(Revision::new((1 << 63) - 1), Some(Revision::MAX));
    let above = minicbor::to_vec(1u64 << 63).expect("memory");
    assert!(minicbor::decode::<Revision>(&above).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_a_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Row::read_all(&bytes);
        let _ = SignedPage::from_bytes(&bytes).map(|page| (page.header(), page.rows()));
        let _ = InboxState::from_bytes(&bytes);
        let _ = FeedRequest::from_query(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn queries_survive_the_way(at in 0..=Revision::MAX.number(), began in any::<Option<u32>>(), wait_s: u16) {
        let cursor = Cursor { filling: began.map(|it| revision(it.into())), ..cursor(at) };
        let asked = FeedRequest { wait_s, ..request(Some(cursor)) };
        prop_assert_eq!(FeedRequest::from_query(&asked.to_query()), Ok(asked));
    }
}
