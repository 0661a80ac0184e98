use policy::merge::Associated;
use policy::model::{BandSerial, GroupPolicy, PolicyId, StockState, UserId, UserStatus, Zone};

use super::effects::Effect;
use super::imports::{ImportKind, ImportOptions};
use super::intents::{Confirmed, Intent};
use super::page::PageRequest;
use super::policies::{DryRun, Expect};
use super::tickets::NewTicket;
use super::users::{NewUser, UserFilter, UserInput};
use super::view::Standing;
use super::*;
use crate::access::Role;
use crate::store::feed;
use crate::testing::{Bench, NOW, associated, caller, on_each, report};

fn administrator() -> Caller {
    caller(Role::Administrator, &[])
}

async fn add(bench: &Bench, id: &str, site: &str) {
    let about = UserInput {
        name: id.to_uppercase(),
        site: site.into(),
        ..UserInput::default()
    };
    users::create(&bench.app, &administrator(), NewUser { id: id.into(), about })
        .await
        .expect("added");
}

/// A station reports that a band committed.
async fn enroll(bench: &Bench, number: u8, user: &str, band: &str, epoch: u32, seos: bool) -> String {
    let made = Associated {
        band_epoch: epoch,
        seos,
        ..associated(number, user, band)
    };
    let id = made.association.to_string();
    report(&bench.app, vec![made]).await;
    id
}

async fn confirm(bench: &Bench, intent: Intent) -> Confirmed {
    intents::confirm(&bench.app, &administrator(), intent, None)
        .await
        .expect("confirmed")
}

fn code(effect: &Effect) -> String {
    serde_json::to_value(effect).expect("JSON")["effect"]
        .as_str()
        .expect("a code")
        .to_owned()
}

fn codes(effects: &[Effect]) -> Vec<String> {
    effects.iter().map(code).collect()
}

async fn standing(bench: &Bench, user: &str) -> Vec<(String, Standing, bool)> {
    let id = UserId::new(user).expect("an id");
    let detail = users::show(&bench.app, &administrator(), id)
        .await
        .expect("shown");
    let mut all: Vec<_> = detail
        .associations
        .into_iter()
        .map(|it| (it.band, it.standing, it.primary))
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

#[test]
fn a_user_is_added_and_changed_by_whoever_saw_the_present_version() {
    on_each(async |bench| {
        add(&bench, "ada", "north").await;
        let (app, id) = (&bench.app, UserId::new("ada").expect("an id"));
        let again = NewUser {
            id: "ada".into(),
            about: UserInput::default(),
        };
        let refused = users::create(app, &administrator(), again)
            .await
            .expect_err("there already");
        assert_eq!(refused.code, Code::Exists);
        let input = |name: &str| UserInput {
            name: name.into(),
            site: "north".into(),
            ..UserInput::default()
        };
        let edited = users::edit(app, &administrator(), id.clone(), input("Ada L"), Some(1))
            .await
            .expect("edited");
        assert_eq!((edited.name.as_str(), edited.version), ("Ada L", 2));
        let late = users::edit(app, &administrator(), id.clone(), input("Other"), Some(1)).await;
        let late = late.expect_err("somebody was faster");
        assert_eq!(
            (late.code, &late.more["version"]),
            (Code::Changed, &serde_json::json!(2))
        );
        for other in ["Ada", "ADA", "ada ", "zoë", "zoe\u{308}", "0"] {
            users::create(
                app,
                &administrator(),
                NewUser {
                    id: other.into(),
                    about: UserInput::default(),
                },
            )
            .await
            .expect(other);
        }
        for bad in ["", "a\nb", &"x".repeat(65)] {
            let new = NewUser {
                id: bad.into(),
                about: UserInput::default(),
            };
            let refused = users::create(app, &administrator(), new).await.expect_err(bad);
            assert_eq!(refused.code, Code::Invalid);
        }
    });
}

#[test]
fn whoever_is_limited_to_a_site_keeps_to_it() {
    on_each(async |bench| {
        add(&bench, "ada", "north").await;
        add(&bench, "ben", "south").await;
        add(&bench, "cai", "").await;
        let (app, limited) = (&bench.app, caller(Role::Operator, &["north"]));
        let page = users::list(app, &limited, UserFilter::default(), PageRequest::default())
            .await
            .expect("listed");
        assert_eq!(
            page.rows
                .iter()
                .map(|row| row.user.id.as_str())
                .collect::<Vec<_>>(),
            ["ada"]
        );
        for other in ["ben", "cai"] {
            let id = UserId::new(other).expect("an id");
            let refused = users::show(app, &limited, id.clone()).await.expect_err(other);
            assert_eq!(refused.code, Code::OtherSite);
            let suspend = Intent::Suspend {
                user: other.into(),
                note: String::new(),
            };
            assert_eq!(
                intents::preview(app, &limited, suspend)
                    .await
                    .expect_err(other)
                    .code,
                Code::OtherSite
            );
        }
        let ada = UserId::new("ada").expect("an id");
        let away = UserInput {
            site: "south".into(),
            ..UserInput::default()
        };
        let refused = users::edit(app, &limited, ada, away, None)
            .await
            .expect_err("sent away");
        assert_eq!(refused.code, Code::OtherSite);
        let list = audits::list(app, &limited, Default::default(), PageRequest::default()).await;
        assert_eq!(list.expect_err("everywhere").code, Code::NotAllowed);
    });
}

#[test]
fn what_is_shown_before_is_what_happens() {
    on_each(async |bench| {
        add(&bench, "ada", "north").await;
        let first = enroll(&bench, 1, "ada", "X-1", 1, false).await;
        enroll(&bench, 2, "ada", "X-2", 1, false).await;
        let lost = Intent::Lost {
            association: first.clone(),
        };
        let preview = intents::preview(&bench.app, &administrator(), lost.clone())
            .await
            .expect("previewed");
        assert_eq!(codes(&preview.effects), ["band_stands"]);
        let active = Intent::MakeActive {
            association: first.clone(),
        };
        let done = confirm(&bench, active).await;
        assert_eq!(codes(&done.effects), ["becomes_active", "becomes_inactive"]);
        // The first band is active now, so losing it does more than was shown.
        let outdated = intents::confirm(&bench.app, &administrator(), lost.clone(), Some(preview.seal)).await;
        assert_eq!(outdated.expect_err("outdated").code, Code::PreviewOutdated);
        let done = confirm(&bench, lost).await;
        assert_eq!(codes(&done.effects), ["band_stands", "becomes_inactive"]);
        let undo = done.undo.expect("safe to undo");
        assert_eq!(
            codes(&confirm(&bench, undo).await.effects),
            ["band_stands", "becomes_active"]
        );
        let expected = [
            ("X-1".to_owned(), Standing::Active, true),
            ("X-2".to_owned(), Standing::Inactive, false),
        ];
        assert_eq!(standing(&bench, "ada").await, expected);
    });
}

#[test]
fn a_leaver_leaves_nothing_behind() {
    on_each(async |bench| {
        add(&bench, "ada", "north").await;
        enroll(&bench, 1, "ada", "X-1", 1, false).await;
        let ticket = NewTicket {
            user: "ada".into(),
            site: None,
            zone: Zone::Enrollment,
            hours: 1,
        };
        tickets::issue(&bench.app, &administrator(), ticket)
            .await
            .expect("issued");
        let done = confirm(&bench, Intent::Leaver { user: "ada".into() }).await;
        assert_eq!(
            codes(&done.effects),
            ["user_stands", "ends", "tickets_revoked", "band_still_out"]
        );
        let again = confirm(
            &bench,
            Intent::Suspend {
                user: "ada".into(),
                note: "x".into(),
            },
        )
        .await;
        assert_eq!(codes(&again.effects), ["user_suspended"]);
        let usable = tickets::TicketFilter {
            usable: Some(true),
            ..Default::default()
        };
        let left = tickets::list(&bench.app, &administrator(), usable, PageRequest::default())
            .await
            .expect("listed");
        assert_eq!(left.rows, []);
    });
}

#[test]
fn forgotten_bands_are_replaced_for_a_day() {
    on_each(async |bench| {
        add(&bench, "ada", "north").await;
        enroll(&bench, 1, "ada", "X-1", 1, false).await;
        let until_ms = NOW.0 + 8 * 3_600_000;
        let done = confirm(
            &bench,
            Intent::ForgotToday {
                user: "ada".into(),
                until_ms,
            },
        )
        .await;
        assert_eq!(
            codes(&done.effects),
            ["becomes_inactive", "next_band_is_temporary"]
        );
        let expiry = |band: &'static str, at: i64| {
            bench.app.db.read(move |tx| {
                let serial = BandSerial::new(band).expect("a serial");
                crate::store::users::expiry_for(
                    tx,
                    &UserId::new("ada").expect("an id"),
                    serial,
                    UnixMillis(at),
                )
            })
        };
        assert_eq!(expiry("X-2", NOW.0).await, Ok(Some(UnixMillis(until_ms))));
        assert_eq!(expiry("X-1", NOW.0).await, Ok(None));
        assert_eq!(expiry("X-2", until_ms).await, Ok(None));
        let far = Intent::ForgotToday {
            user: "ada".into(),
            until_ms: i64::MAX,
        };
        let refused = intents::preview(&bench.app, &administrator(), far).await;
        assert_eq!(refused.expect_err("too far").code, Code::Invalid);
    });
}

#[test]
fn a_conflict_has_one_button_each_way() {
    on_each(async |bench| {
        add(&bench, "ada", "north").await;
        add(&bench, "ben", "north").await;
        enroll(&bench, 1, "ada", "X-1", 1, false).await;
        let second = enroll(&bench, 2, "ben", "X-1", 2, false).await;
        let list = |bench: &Bench| {
            let (app, who) = (bench.app.clone(), administrator());
            async move {
                quarantine::list(&app, &who, PageRequest::default())
                    .await
                    .expect("listed")
                    .rows
            }
        };
        let [conflict] = &list(&bench).await[..] else {
            panic!("one conflict")
        };
        assert_eq!(
            (conflict.waiting.user.as_str(), conflict.cause.code()),
            ("ben", "held_by_another")
        );
        assert_eq!(
            conflict.rival.as_ref().map(|rival| rival.user.as_str()),
            Some("ada")
        );
        assert_eq!(
            conflict
                .rival
                .as_ref()
                .and_then(|rival| rival.user_name.as_deref()),
            Some("ADA")
        );
        let kept = confirm(&bench, Intent::Keep { association: second }).await;
        assert!(codes(&kept.effects).contains(&"leaves_quarantine".to_owned()));
        assert_eq!(
            standing(&bench, "ben").await,
            [("X-1".to_owned(), Standing::Active, true)]
        );
        assert_eq!(list(&bench).await, []);
        confirm(&bench, kept.undo.expect("the other button")).await;
        assert_eq!(
            standing(&bench, "ada").await,
            [("X-1".to_owned(), Standing::Active, true)]
        );
        assert_eq!(standing(&bench, "ben").await[0].1, Standing::Ended);
    });
}

#[test]
fn policies_are_saved_by_their_rules_and_tried_before_they_hold() {
    on_each(async |bench| {
        let (app, who) = (&bench.app, administrator());
        let id = |name: &str| PolicyId::new(name).expect("an id");
        let any = GroupPolicy {
            reenroll_any: Some(true),
            ..GroupPolicy::new(id("loose"))
        };
        let refused = policies::save(app, &who, any.clone(), Expect::Nothing)
            .await
            .expect_err("any without own");
        assert_eq!(
            (refused.code, &refused.more["fault"]),
            (Code::PolicyRefused, &serde_json::json!("any_without_own"))
        );
        let loose = GroupPolicy {
            reenroll_own: Some(true),
            ..any
        };
        policies::save(app, &who, loose, Expect::Nothing)
            .await
            .expect("saved");
        add(&bench, "ada", "north").await;
        enroll(&bench, 1, "ada", "X-1", 1, false).await;
        let question = |group_policy: Option<&str>| DryRun {
            user: "ada".into(),
            band: "X-2".into(),
            station: None,
            zone: None,
            group_policy: group_policy.map(str::to_owned),
        };
        let now = policies::dry_run(app, &who, question(None))
            .await
            .expect("answered");
        assert_eq!(now.decision["reason"], "release_needed");
        let then = policies::dry_run(app, &who, question(Some("loose")))
            .await
            .expect("answered");
        assert_eq!(then.decision["decision"], "allow");
        policies::activate(app, &who, id("loose"))
            .await
            .expect("activated");
        let now = policies::dry_run(app, &who, question(None))
            .await
            .expect("answered");
        assert_eq!(now.decision["decision"], "allow");
        let gone = policies::remove::<GroupPolicy>(app, &who, id("loose"), None).await;
        assert_eq!(gone.expect_err("it holds").code, Code::WrongState);
        policies::remove::<GroupPolicy>(app, &who, id("default"), None)
            .await
            .expect("removed");
    });
}

#[test]
fn a_station_takes_the_tickets_of_the_console() {
    use station_core::clock::TrustedTime;
    use station_core::ticket::{CodeKey, Place, TypedCode, verify_ticket};
    on_each(async |bench| {
        add(&bench, "ada", "north").await;
        let new = || NewTicket {
            user: "ada".into(),
            site: None,
            zone: Zone::Enrollment,
            hours: 12,
        };
        let issued = tickets::issue(&bench.app, &administrator(), new())
            .await
            .expect("issued");
        let vault = bench.app.vault.clone();
        let kept = bench.app.db.read(move |tx| -> Result<_, Problem> {
            let issuer = crate::store::keys::current(tx, crate::store::keys::TICKET_ISSUER, NOW)?;
            let key = vault.require_key(tx, "code.key/1")?;
            Ok((
                issuer.public_key,
                *key,
                crate::store::tickets::list(tx, &Default::default(), 9)?,
            ))
        });
        let (issuer, code_key, rows) = kept.await.expect("read");
        let place = Place {
            site: "north",
            zone: firmware_protocol::id::Zone::Enrollment,
        };
        let issuer = issuer.try_into().expect("32 bytes");
        let time = TrustedTime::certain(NOW.0 as u64);
        verify_ticket(&issued.text, &issuer, place, time).expect("a good ticket");
        let code = TypedCode::parse(&issued.code).expect("a code");
        assert_eq!(rows[0].code_hash, Some(code.hash(&CodeKey(code_key)).0));
        assert!(
            !format!("{issued:?}").contains(&issued.code),
            "codes are not printed"
        );
        confirm(
            &bench,
            Intent::Suspend {
                user: "ada".into(),
                note: String::new(),
            },
        )
        .await;
        let refused = tickets::issue(&bench.app, &administrator(), new())
            .await
            .expect_err("suspended");
        assert_eq!(refused.code, Code::WrongState);
    });
}

async fn head(bench: &Bench) -> u64 {
    bench.app.db.read(feed::head).await.expect("read")
}

async fn preview_list(bench: &Bench, text: &str, complete: bool) -> Result<imports::ImportView, Problem> {
    let options = ImportOptions {
        complete,
        ..ImportOptions::default()
    };
    imports::preview(
        &bench.app,
        &administrator(),
        ImportKind::Users,
        options,
        text.as_bytes().to_vec(),
    )
    .await
}

#[test]
fn a_list_is_taken_in_wholly_or_not_at_all() {
    on_each(async |bench| {
        let (app, who) = (&bench.app, administrator());
        let list = "id;name;site;status\nada;Ada;north;\nben;Ben;south;departed\n";
        let view = preview_list(&bench, list, false).await.expect("read");
        assert_eq!((view.summary.added, view.summary.delimiter.as_str()), (2, ";"));
        let done = imports::confirm(app, &who, view.id).await.expect("taken in");
        assert_eq!(done.state, "done");
        let ben = users::show(app, &who, UserId::new("ben").expect("an id"))
            .await
            .expect("there");
        assert_eq!(ben.user.status, UserStatus::Departed);
        let before = head(&bench).await;
        let again = preview_list(&bench, list, false).await.expect("read");
        assert_eq!((again.summary.unchanged, again.summary.added), (2, 0));
        imports::confirm(app, &who, again.id).await.expect("taken in");
        assert_eq!(head(&bench).await, before, "the same list again changes nothing");
        let bad = "id,name\ncai,Cai\n,nobody\ndan,Dan,extra\n";
        let refused = preview_list(&bench, bad, false).await.expect_err("two bad rows");
        assert_eq!(refused.code, Code::ImportRefused);
        let cai = users::show(app, &who, UserId::new("cai").expect("an id")).await;
        assert_eq!(cai.expect_err("nothing was taken in").code, Code::NotFound);
    });
}

#[test]
fn a_list_that_deactivates_many_needs_a_second_person() {
    on_each(async |bench| {
        let (app, who) = (&bench.app, administrator());
        let everybody: String = (0..40).map(|n| format!("u{n:02},Name {n}\n")).collect();
        let first = preview_list(&bench, &format!("id,name\n{everybody}"), true)
            .await
            .expect("read");
        imports::confirm(app, &who, first.id).await.expect("taken in");
        let half: String = (0..20).map(|n| format!("u{n:02},Name {n}\n")).collect();
        let view = preview_list(&bench, &format!("id,name\n{half}"), true)
            .await
            .expect("read");
        assert!(view.summary.needs_second_person && view.summary.deactivated == 20);
        assert_eq!(view.summary.changes.len(), 20, "the difference is shown");
        let waiting = imports::confirm(app, &who, view.id.clone()).await.expect("halts");
        assert_eq!(waiting.state, "waiting");
        let own = imports::approve(app, &who, view.id.clone())
            .await
            .expect_err("not oneself");
        assert_eq!(own.code, Code::SecondPerson);
        let mut second = administrator();
        second.account = "second.test".into();
        let done = imports::approve(app, &second, view.id).await.expect("agreed");
        assert_eq!(
            (done.state.as_str(), done.settled_by.as_deref()),
            ("done", Some("second.test"))
        );
        let departed = UserFilter {
            status: Some(UserStatus::Departed),
            ..UserFilter::default()
        };
        let gone = users::list(app, &who, departed, PageRequest::default())
            .await
            .expect("listed");
        assert_eq!(gone.rows.len(), 20);
    });
}

#[test]
fn a_delivery_puts_bands_in_stock_and_finds_no_lost_ones() {
    on_each(async |bench| {
        let (app, who) = (&bench.app, administrator());
        let take_in = |list: &'static str| async move {
            let bytes = list.as_bytes().to_vec();
            let view = imports::preview(
                app,
                &administrator(),
                ImportKind::Bands,
                ImportOptions::default(),
                bytes,
            )
            .await;
            imports::confirm(app, &administrator(), view.expect("read").id)
                .await
                .expect("taken in")
                .summary
        };
        let summary = take_in("serial,seos,delivery\nX-1,yes,D7\nX-2,no,D7\n").await;
        assert_eq!(summary.added, 2);
        confirm(
            &bench,
            Intent::StandBand {
                band: "X-2".into(),
                stock: StockState::Lost,
            },
        )
        .await;
        let summary = take_in("serial,seos,delivery\nX-1,yes,D7\nX-2,no,D8\n").await;
        assert_eq!((summary.changed, summary.unchanged), (1, 1));
        let band = bands::show(app, &who, BandSerial::new("X-2").expect("a serial"))
            .await
            .expect("there")
            .band;
        assert_eq!((band.stock, band.delivery.as_str()), (StockState::Lost, "D8"));
    });
}

#[test]
fn the_audit_gives_away_whoever_rewrites_it() {
    on_each(async |bench| {
        let (app, who) = (&bench.app, administrator());
        for id in ["ada", "ben", "cai"] {
            add(&bench, id, "north").await;
        }
        let good = audits::verify(app, &who, None).await.expect("checked");
        let kept = good.head.expect("nothing is wrong");
        assert_eq!(kept.sequence, 4);
        let spoil = |sql: &'static str| app.db.write(move |tx| tx.exec(sql, &[]));
        spoil("update audit set actor = 'nobody' where sequence = 2")
            .await
            .expect("spoiled");
        let changed = audits::verify(app, &who, None).await.expect("checked");
        assert_eq!(
            changed.fault,
            Some(crate::audit::ChainFault::Changed { sequence: 2 })
        );
        spoil("update audit set actor = 'administrator.test' where sequence = 2")
            .await
            .expect("mended");
        assert_eq!(
            audits::verify(app, &who, None).await.expect("checked").fault,
            None
        );
        spoil("delete from audit where sequence = 4").await.expect("cut");
        assert_eq!(
            audits::verify(app, &who, None).await.expect("checked").fault,
            None
        );
        let cut = audits::verify(app, &who, Some(kept)).await.expect("checked");
        assert_eq!(
            cut.fault,
            Some(crate::audit::ChainFault::Gap { after: 3, found: 4 })
        );
        let (lines, last) = audits::export(app, &who, 0)
            .await
            .expect("exported")
            .expect("rows");
        assert_eq!((lines.lines().count(), last), (3, 3));
    });
}

#[test]
fn a_page_takes_the_same_few_queries_however_long_the_list() {
    on_each(async |bench| {
        let (app, who) = (&bench.app, administrator());
        let count = async |limit: u32| {
            let before = app.db.statements();
            let page = PageRequest {
                cursor: None,
                limit: Some(limit),
            };
            let listed = users::list(app, &who, UserFilter::default(), page)
                .await
                .expect("listed");
            (app.db.statements() - before, listed)
        };
        let rows: String = (0..120).map(|n| format!("u{n:03}\n")).collect();
        let view = preview_list(&bench, &format!("id\n{rows}"), false)
            .await
            .expect("read");
        imports::confirm(app, &who, view.id).await.expect("taken in");
        let (few, page) = count(5).await;
        let (many, _) = count(100).await;
        assert_eq!((few, many), (2, 2));
        let mut seen = page.rows.len();
        let mut cursor = page.next_cursor;
        while let Some(next) = cursor {
            let page = PageRequest {
                cursor: Some(next),
                limit: Some(50),
            };
            let listed = users::list(app, &who, UserFilter::default(), page)
                .await
                .expect("listed");
            seen += listed.rows.len();
            cursor = listed.next_cursor;
        }
        assert_eq!(seen, 120);
        let search = UserFilter {
            q: Some("U11".into()),
            ..UserFilter::default()
        };
        let found = users::list(app, &who, search, PageRequest::default())
            .await
            .expect("listed");
        assert_eq!(found.rows.len(), 10);
    });
}

const PLANT: &str = r#"
active_group_policy = "plant"
[[group_policies]]
id = "plant"
reenroll_own = true
[[users]]
id = "ada"
name = "Ada"
site = "north"
[[users]]
id = "ben"
status = "departed"
[[bands]]
serial = "X-1"
seos = true
[[bands]]
serial = "X-2"
[[associations]]
id = "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"
user = "ada"
band = "X-1"
active = false
[[associations]]
id = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
user = "ada"
band = "X-2"
primary = false
[[associations]]
id = "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c"
user = "ada"
band = "X-2"
zone = "registration"
"#;

#[test]
fn an_organization_of_files_loses_nothing() {
    on_each(async |bench| {
        let plant: setup::Plant = toml::from_str::<crate::files::PlantFile>(PLANT)
            .expect("a plant")
            .into();
        let (first, again) = (plant.clone(), plant);
        let adopt = |plant: setup::Plant| {
            bench
                .app
                .db
                .write(move |tx| setup::adopt(tx, &administrator(), &plant, NOW))
        };
        let adopted = adopt(first).await.expect("taken over");
        assert_eq!(
            (
                adopted.users,
                adopted.bands,
                adopted.associations,
                adopted.policies
            ),
            (2, 2, 3, 1)
        );
        let expected = [
            ("X-1".to_owned(), Standing::Inactive, true),
            ("X-2".to_owned(), Standing::Active, false),
            ("X-2".to_owned(), Standing::Active, true),
        ];
        let mut found = standing(&bench, "ada").await;
        found.sort_by(|a, b| (&a.0, a.2).cmp(&(&b.0, b.2)));
        assert_eq!(found, expected);
        let waiting = quarantine::list(&bench.app, &administrator(), PageRequest::default())
            .await
            .expect("listed");
        assert_eq!(waiting.rows, []);
        let policies = policies::list(&bench.app, &administrator())
            .await
            .expect("listed");
        assert!(
            policies
                .group
                .iter()
                .any(|it| it.holds && it.policy["id"] == "plant")
        );
        assert_eq!(adopt(again).await.expect("taken over"), setup::Adopted::default());
    });
}

/// Users, bands in use, bands that are free, bands that are lost.
async fn counted(bench: &Bench, who: &Caller) -> [u64; 4] {
    let plant = dashboard::show(&bench.app, who).await.expect("shown");
    [plant.users, plant.held, plant.free, plant.lost]
}

#[test]
fn the_first_page_counts_what_is_there_now() {
    on_each(async |bench| {
        let (all, north) = (administrator(), caller(Role::Operator, &["north"]));
        assert_eq!(counted(&bench, &all).await, [0, 0, 0, 0]);
        add(&bench, "ada", "north").await;
        add(&bench, "ben", "south").await;
        assert_eq!(counted(&bench, &all).await, [2, 0, 0, 0]);
        let adas = enroll(&bench, 1, "ada", "AAAH-00001", 1, false).await;
        enroll(&bench, 2, "ben", "AAAH-00002", 1, false).await;
        assert_eq!(counted(&bench, &all).await, [2, 2, 0, 0]);
        assert_eq!(counted(&bench, &north).await, [1, 1, 0, 0], "only the own site");
        confirm(&bench, Intent::Lost { association: adas }).await;
        assert_eq!(counted(&bench, &all).await, [2, 1, 0, 1]);
        let returned = Intent::Returned {
            band: "AAAH-00002".into(),
        };
        confirm(&bench, returned).await;
        assert_eq!(counted(&bench, &all).await, [2, 0, 1, 1]);
        confirm(&bench, Intent::Leaver { user: "ben".into() }).await;
        assert_eq!(counted(&bench, &all).await, [1, 0, 1, 1]);
        assert_eq!(counted(&bench, &north).await, [1, 0, 0, 0]);
    });
}
