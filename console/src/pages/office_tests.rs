//! Operators of kiosks, the organization's keys, and the second factor, as a browser meets them.

use policy::merge::Associated;
use policy::model::{AssociationId, IndividualPolicy, PolicyId, StationId, UnixMillis, Zone};

use super::http_tests::{Browser, PASSWORD, account, signed_in, user};
use crate::access::Role;
use crate::accounts::factor::code_at;
use crate::args;
use crate::db::{DbError, Tx};
use crate::serve::App;
use crate::store::policies;
use crate::sync::stations;
use crate::testing::{NOW, associated, on_each, report};

#[test]
fn operators_of_kiosks_are_added_changed_and_removed() {
    on_each(|bench| async move {
        let app = &bench.app;
        user(app, "4711", "Kim", "Hamburg").await;
        let mut mara = signed_in(app, "mara", Role::Administrator, &[]).await;
        let fields = [("id", "kim"), ("pin", "123"), ("vouch", "yes"), ("user", "4711")];
        let short = mara.post("/operators/new", "/operators", &fields).await;
        assert!(short.status == 422 && short.body.contains("A PIN has 6 to 64 characters."));
        let nobody = [("id", "kim"), ("pin", "123456"), ("vouch", "yes"), ("user", "9")];
        let nobody = mara.post("/operators/new", "/operators", &nobody).await;
        assert!(
            nobody.body.contains("There is no user of this id."),
            "{}",
            nobody.body
        );
        let fields = [
            ("id", "kim"),
            ("pin", "123456"),
            ("vouch", "yes"),
            ("user", "4711"),
        ];
        let added = mara.post("/operators/new", "/operators", &fields).await;
        assert_eq!(added.location(), "/operators");
        let again = mara.post("/operators/new", "/operators", &fields).await;
        assert_eq!(again.status, 422, "an operator is never overwritten by a new one");
        let shown = mara.get("/operators/kim").await.body;
        assert!(!shown.contains("123456") && shown.contains("name=\"vouch\" value=\"yes\" checked"));
        let change = [
            ("revision", "1"),
            ("confirm_clock", "yes"),
            ("sites", "Hamburg, Kiel"),
        ];
        let changed = mara.post("/operators/kim", "/operators/kim", &change).await;
        assert_eq!(changed.location(), "/operators", "{}", changed.body);
        let late = mara.post("/operators/kim", "/operators/kim", &change).await;
        assert!(
            late.body.contains("Somebody changed it meanwhile."),
            "{}",
            late.body
        );
        let list = mara.get("/operators").await.body;
        assert!(
            list.contains("Confirm the clock") && list.contains("Hamburg, Kiel"),
            "{list}"
        );
        let asked = mara.get("/operators/kim/remove").await.body;
        assert!(asked.contains("Can no longer confirm a clock."), "{asked}");
        let removed = [("revision", "2")];
        mara.post("/operators/kim/remove", "/operators/kim/remove", &removed)
            .await;
        assert!(mara.get("/operators").await.body.contains("Nobody yet"));
        let audit = mara.get("/audit?q=kim").await.body;
        assert!(
            audit.contains("Changed operator") && !audit.contains("123456"),
            "{audit}"
        );
    });
}

#[test]
fn a_new_key_says_first_what_it_does() {
    on_each(|bench| async move {
        let mut mara = signed_in(&bench.app, "mara", Role::Administrator, &[]).await;
        for kind in ["tickets", "feed"] {
            let path = format!("/settings/organization/rotate/{kind}");
            let asked = mara.get(&path).await.body;
            assert!(
                asked.contains("Key 2 signs from") && asked.contains("No station has joined yet"),
                "{asked}"
            );
            let done = mara.post(&path, &path, &[("present", "1")]).await;
            assert_eq!(done.location(), "/settings/organization", "{}", done.body);
            let again = mara.post(&path, &path, &[("present", "1")]).await;
            assert_eq!(again.status, 409, "one new key at a time");
        }
        let shown = mara.get("/settings/organization").await.body;
        assert_eq!(shown.matches("Signs soon").count(), 2, "{shown}");
        let name = [("organization", "Acme & Sons")];
        let path = "/settings/organization";
        assert_eq!(mara.post(path, path, &name).await.status, 303);
        assert!(mara.get(path).await.body.contains("Acme &#38; Sons"));
        let make = [("name", "Maker"), ("public_key", "12")];
        let makes = "/settings/organization/makes";
        assert_eq!(mara.post(makes, makes, &make).await.status, 422);
    });
}

/// What stands between two marks of a page.
fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    let rest = text
        .split(start)
        .nth(1)
        .unwrap_or_else(|| panic!("no {start}: {text}"));
    rest.split(end).next().unwrap_or_default()
}

/// Turns the second factor on: the secret in the app, and the codes on paper.
async fn bound(app: &App, browser: &mut Browser) -> (String, Vec<String>) {
    let begun = browser.post("/settings", "/settings/factor/begin", &[]).await;
    let secret = between(&begun.body, "id=\"secret\">", "<").to_owned();
    let wrong = browser
        .post("/settings", "/settings/factor/bind", &[("code", "000000")])
        .await;
    assert!(
        wrong.status == 422 && wrong.body.contains(&secret),
        "the same app goes on"
    );
    let code = code_at(&secret, app.now());
    let done = browser
        .post("/settings", "/settings/factor/bind", &[("code", &code)])
        .await;
    let codes = between(&done.body, "id=\"secret\">", "<").lines();
    (secret, codes.map(str::to_owned).collect())
}

/// Signs in as far as the code, from a browser of its own.
async fn half_in(app: &App, login: &str) -> Browser {
    let mut browser = Browser::new(app);
    let sent = browser.sign_in(login, PASSWORD).await;
    assert_eq!(sent.location(), "/sign-in/code?next=%2F");
    browser
}

async fn show(browser: &mut Browser, code: &str) -> super::http_tests::Reply {
    browser
        .post("/sign-in/code", "/sign-in/code", &[("code", code)])
        .await
}

#[test]
fn with_a_second_factor_the_password_alone_opens_nothing() {
    on_each(|bench| async move {
        let app = &bench.app;
        let mut mara = signed_in(app, "mara", Role::Administrator, &[]).await;
        let (secret, paper) = bound(app, &mut mara).await;
        assert_eq!(paper.len(), 10);
        let mut half = half_in(app, "mara").await;
        assert!(half.get("/users").await.location().starts_with("/sign-in"));
        let used = code_at(&secret, app.now());
        assert_eq!(show(&mut half, &used).await.status, 422, "a code is taken once");
        app.clock.advance(30_000);
        let code = code_at(&secret, app.now());
        assert_eq!(show(&mut half, &code).await.location(), "/");
        assert_eq!(half.get("/users").await.status, 200);
        let mut other = half_in(app, "mara").await;
        assert_eq!(
            show(&mut other, &code).await.status,
            422,
            "nobody repeats what was seen"
        );
        let spaced = paper[0].to_uppercase().replace('-', " ");
        assert_eq!(show(&mut other, &spaced).await.location(), "/");
        let mut third = half_in(app, "mara").await;
        assert_eq!(show(&mut third, &paper[0]).await.status, 422, "paper works once");
        assert!(
            mara.get("/settings")
                .await
                .body
                .contains("9 codes on paper are left.")
        );
        app.clock.advance(11 * 60_000);
        let late = third.get("/sign-in/code").await;
        assert_eq!(late.location(), "/sign-in", "the password has to be shown again");
    });
}

#[test]
fn what_is_dangerous_asks_for_the_code_again_and_guessing_gets_slow() {
    on_each(|bench| async move {
        let app = &bench.app;
        let mut mara = signed_in(app, "mara", Role::Administrator, &[]).await;
        let (secret, paper) = bound(app, &mut mara).await;
        app.clock.advance(11 * 60_000);
        let path = "/confirm?next=%2Foperators%2Fnew";
        assert_eq!(mara.get("/operators/new").await.location(), path);
        let code = code_at(&secret, app.now());
        let wrong = [("present", "another password"), ("code", &code)];
        assert_eq!(mara.post(path, "/confirm", &wrong).await.status, 422);
        let alone = [("present", PASSWORD), ("code", "")];
        assert_eq!(mara.post(path, "/confirm", &alone).await.status, 422);
        let both = [("present", PASSWORD), ("code", &code), ("next", "/operators/new")];
        assert_eq!(
            mara.post(path, "/confirm", &both).await.location(),
            "/operators/new"
        );
        assert_eq!(mara.get("/operators/new").await.status, 200);
        let mut half = half_in(app, "mara").await;
        for _ in 0..3 {
            show(&mut half, "000000").await;
        }
        let early = show(&mut half, &paper[0]).await;
        assert!(early.body.contains("30 seconds"), "{}", early.body);
        app.clock.advance(30_000);
        assert_eq!(show(&mut half, &paper[0]).await.location(), "/");
        assert!(mara.get("/audit").await.body.contains("Code refused"));
    });
}

#[test]
fn somebody_who_lost_phone_and_paper_is_helped_by_another_administrator() {
    on_each(|bench| async move {
        let app = &bench.app;
        let mut mara = signed_in(app, "mara", Role::Administrator, &[]).await;
        bound(app, &mut mara).await;
        let per = account(app, "per", Role::Administrator, &[]).await;
        let own = mara.get("/settings/accounts").await.body;
        let id = own
            .split("/settings/accounts/")
            .filter_map(|rest| rest.split('"').next())
            .find(|id| id.len() == 32 && *id != per)
            .expect("mara's account")
            .to_owned();
        let path = format!("/settings/accounts/{id}");
        assert_eq!(mara.post(&path, &format!("{path}/factor"), &[]).await.status, 403);
        let mut per = Browser::new(app);
        per.sign_in("per", PASSWORD).await;
        assert!(per.get(&path).await.body.contains("Remove the second factor"));
        assert_eq!(per.post(&path, &format!("{path}/factor"), &[]).await.status, 303);
        assert!(
            mara.get("/users").await.location().starts_with("/sign-in"),
            "signed out"
        );
        assert_eq!(Browser::new(app).sign_in("mara", PASSWORD).await.location(), "/");
        per.post("/settings", "/settings/factor/begin", &[]).await;
        assert_eq!(
            per.get("/settings").await.status,
            200,
            "what was only proposed asks for nothing"
        );
    });
}

/// A band that somebody holds on both sides of the plant, as stations reported it.
async fn hold(app: &App, zones: &[Zone]) {
    let made = (1..).zip(zones).map(|(number, zone)| Associated {
        zone: *zone,
        ..associated(number, "4711", "B-1")
    });
    report(app, made.collect()).await;
}

#[test]
fn both_sides_of_the_plant_stand_side_by_side() {
    on_each(|bench| async move {
        let app = &bench.app;
        user(app, "4711", "Kim", "").await;
        let mut mara = signed_in(app, "mara", Role::Administrator, &[]).await;
        hold(app, &[Zone::Enrollment]).await;
        let alone = mara.get("/users/4711").await.body;
        assert!(
            !alone.contains("Both sides of the plant"),
            "a plant with one side has one list"
        );
        hold(app, &[Zone::Enrollment, Zone::Registration]).await;
        for page in ["/users/4711", "/bands/B-1"] {
            let shown = mara.get(page).await.body;
            assert!(shown.contains("Both sides agree"), "{shown}");
        }
        let id = AssociationId([2; 16]);
        let shown = mara.get(&format!("/associations/{id}")).await.body;
        assert!(
            shown.contains("Kim and B-1") && shown.contains("Registration (OT)"),
            "{shown}"
        );
        assert_eq!(mara.get("/associations/nothing").await.status, 404);
        let list = mara.get("/exports/associations").await.body;
        assert_eq!(list.lines().count(), 3, "{list}");
        assert!(
            mara.get("/associations")
                .await
                .body
                .contains("href=\"/exports/associations\"")
        );
        let mut kim = signed_in(app, "kim", Role::Operator, &["north"]).await;
        assert_eq!(kim.get(&format!("/associations/{id}")).await.status, 403);
    });
}

/// A policy that nobody needs goes by a page that says so first; one that somebody needs stays, and the page names who.
#[test]
fn a_policy_is_removed_once_nobody_needs_it() {
    on_each(|bench| async move {
        let app = &bench.app;
        let lab = IndividualPolicy {
            liveness: Some(false),
            ..IndividualPolicy::new(PolicyId::new("lab").unwrap())
        };
        app.db
            .write(move |tx| policies::put(tx, &lab, NOW))
            .await
            .unwrap();
        let mut mara = signed_in(app, "mara", Role::Administrator, &[]).await;
        let path = "/policies/individual/lab/remove";
        assert!(mara.get("/policies").await.body.contains(path));
        let free = mara.get(path).await;
        assert!(free.body.contains("Nobody has it"), "{}", free.body);
        let version = between(&free.body, "name=\"etag\" value=\"", "\"").to_owned();
        for id in 11..25 {
            let id = format!("{id}");
            user(app, &id, &format!("Kim {id}"), "").await;
            let given = mara
                .post(
                    &format!("/users/{id}/policy"),
                    &format!("/users/{id}/policy"),
                    &[("policy", "lab")],
                )
                .await;
            assert_eq!(given.status, 303);
        }
        let late = mara.post(path, path, &[("etag", &version)]).await;
        assert_eq!(late.status, 409, "somebody was given it since the page was shown");
        for part in [
            "14 users have this policy",
            "Kim 11 (11)",
            "Kim 20 (20)",
            "and 4 more",
        ] {
            assert!(late.body.contains(part), "{part}: {}", late.body);
        }
        assert!(!late.body.contains("Kim 21") && !late.body.contains("class=\"danger\""));
        mara.speaks("de");
        let german = mara.get(path).await.body;
        assert!(german.contains("14 Personen haben diese Richtlinie."), "{german}");
        mara.speaks("en");
        for id in 11..25 {
            let page = format!("/users/{id}/policy");
            assert_eq!(mara.post(&page, &page, &[("policy", "")]).await.status, 303);
        }
        let stale = mara.post(path, path, &[("etag", "7")]).await;
        assert_eq!(stale.status, 412, "it is another one now");
        let removed = mara.post(path, path, &[("etag", &version)]).await;
        assert_eq!(removed.location(), "/policies", "{}", removed.body);
        assert!(mara.get("/policies").await.body.contains("lab is removed."));
        assert_eq!(mara.get(path).await.status, 404);
        let holds = mara.get("/policies/group/default/remove").await;
        assert!(
            holds.body.contains("This is the active group policy.")
                && !holds.body.contains("class=\"danger\""),
            "{}",
            holds.body
        );
        assert_eq!(mara.get("/policies/other/default/remove").await.status, 404);
        assert!(mara.get("/audit?q=lab").await.body.contains("Changed policy"));
    });
}

/// Why a station's journal is held, from which entry on, what is kept of it, and what to do: each cause in its own words.
#[test]
fn a_station_whose_journal_is_held_says_why_and_what_to_do() {
    on_each(|bench| async move {
        let app = &bench.app;
        let mut mara = signed_in(app, "mara", Role::Administrator, &[]).await;
        for (number, (code, words)) in (1..).zip([
            ("journal_changed", "Run journal verify at the station."),
            ("journal_fork", "Two journals came under this name"),
            ("receipt_forged", "that the band did not sign like that"),
            (
                "band_certificate_untrusted",
                "make it welcome under Settings, Organization",
            ),
        ]) {
            let id = StationId([number; 16]);
            app.db.write(move |tx| held(tx, id, code)).await.unwrap();
            let page = mara.get(&format!("/stations/{id}")).await.body;
            for part in ["from entry 7 on", code, words, "one message is kept as it came"] {
                assert!(page.contains(part), "{code}: {part} is not in {page}");
            }
            let audit = mara.get("/audit").await.body;
            assert!(audit.contains("Held journal for inspection"), "{audit}");
        }
    });
}

/// A station of which one message is kept, and nothing is taken.
fn held(tx: &Tx<'_>, id: StationId, code: &'static str) -> Result<(), DbError> {
    tx.exec(
        "insert into stations (id, name, site, zone, joined_at, head_sequence, head_hash, air_certificate, dh_key, \
         revision) values ($1, 'Gate', 'north', 'enrollment', 1, 6, $2, $2, $2, 0)",
        args![&id.0, &[0; 32]],
    )?;
    tx.exec(
        "insert into journal_review (id, station, received_at, code, sequence, detail, body) \
         values ($1, $2, 1, $3, 7, '', $1)",
        args![&[id.0[0]; 32], &id.0, code],
    )?;
    stations::quarantine(tx, firmware_protocol::id::StationId(id.0), code, 7, UnixMillis(1))
}
