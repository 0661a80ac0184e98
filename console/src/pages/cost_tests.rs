//! What a page costs the database: a few queries, as many for a large plant as for a small one, and never a write.

use std::sync::{Mutex, mpsc};

use super::http_tests::{Browser, signed_in, user};
use crate::access::Role;
use crate::db::{DbError, Tx};
use crate::serve::App;
use crate::testing::{associated, on_each, report};

/// Pages with more than one query, G8b's own among them.
const PAGES: [&str; 21] = [
    "/",
    "/users",
    "/users?q=kim",
    "/users/7",
    "/users/7/history",
    "/bands",
    "/bands/B-7",
    "/bands/B-7/history",
    "/associations",
    "/tickets",
    "/policies",
    "/policies/group/default",
    "/policies/group/default/remove",
    "/stations",
    "/operators",
    "/quarantine",
    "/audit",
    "/settings",
    "/settings/organization",
    "/settings/accounts",
    "/settings/api-keys",
];

/// Users of these numbers, each with a band.
async fn people(app: &App, numbers: std::ops::RangeInclusive<u8>) {
    for number in numbers.clone() {
        user(app, &format!("{number}"), "Kim", "").await;
    }
    let made = numbers.map(|number| associated(number, &format!("{number}"), &format!("B-{number}")));
    report(app, made.collect()).await;
}

/// How many statements this page needs, when it is not the first after a change: the start page counts the plant then.
async fn cost(app: &App, browser: &mut Browser, page: &str) -> u64 {
    assert_eq!(browser.get(page).await.status, 200, "{page}");
    let before = app.db.statements();
    assert_eq!(browser.get(page).await.status, 200, "{page}");
    app.db.statements() - before
}

/// G8b: at most four, and as many for 250 users with their bands, which fill several pages of a list, as for ten.
#[test]
fn pages_cost_few_queries_in_a_small_plant_and_in_a_large_one() {
    on_each(|bench| async move {
        let app = &bench.app;
        let mut mara = signed_in(app, "mara", Role::Administrator, &[]).await;
        people(app, 1..=10).await;
        let mut few = Vec::new();
        for page in PAGES {
            few.push(cost(app, &mut mara, page).await);
        }
        people(app, 11..=250).await;
        for (page, few) in PAGES.into_iter().zip(few) {
            let many = cost(app, &mut mara, page).await;
            // Keys, authorities and settings are in tables of their own; that page is opened once in a season.
            let most = if page == "/settings/organization" { 7 } else { 4 };
            assert!(many <= most, "{page} costs {many} queries");
            assert_eq!(many, few, "{page} in a large plant and in a small one");
        }
    });
}

/// The writer of a database, held from here: whoever writes waits.
struct Held {
    let_go: mpsc::Sender<()>,
    held: tokio::task::JoinHandle<Result<(), DbError>>,
}

impl Held {
    async fn of(app: &App) -> Self {
        let (let_go, told) = mpsc::channel();
        let (begins, mut begun) = tokio::sync::mpsc::channel(1);
        let (db, told) = (app.db.clone(), Mutex::new(told));
        let hold = move |_: &Tx<'_>| {
            let _ = begins.try_send(());
            // Dropping the other end lets go too.
            let _ = told.lock().unwrap().recv();
            Ok(())
        };
        let held = tokio::spawn(async move { db.write(hold).await });
        begun.recv().await.unwrap();
        Self { let_go, held }
    }

    async fn let_go(self) {
        self.let_go.send(()).unwrap();
        // PostgreSQL throws out whoever holds its lock for long.
        let _ = self.held.await.unwrap();
    }
}

/// That a session was used is written down by the way: whoever looks at pages waits for no write, and goes on looking
/// while none is possible, for as long as the session lasts.
#[test]
fn looking_waits_for_no_write() {
    on_each(|bench| async move {
        let app = &bench.app;
        let mut mara = signed_in(app, "mara", Role::Administrator, &[]).await;
        people(app, 1..=10).await;
        let usual = cost(app, &mut mara, "/users").await;
        let held = Held::of(app).await;
        for _ in 0..4 {
            // Every minute of use is written down, and a session ends fifteen minutes after the last.
            app.clock.advance(10 * 60_000);
            assert_eq!(cost(app, &mut mara, "/users").await, usual);
        }
        held.let_go().await;
        let begun = std::time::Instant::now();
        let now = app.now();
        let is_known = |tx: &Tx<'_>| tx.number("select max(seen_ms) from sessions", &[]);
        while app.db.read(is_known).await.unwrap() != now.0 {
            assert!(
                begun.elapsed().as_secs() < 60,
                "the last use is never written down"
            );
            tokio::task::yield_now().await;
        }
    });
}
