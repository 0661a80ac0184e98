//! Lists are read, shown, confirmed; a list that would take many bands away waits for a second person.

use super::http_tests::{signed_in, user};
use crate::access::{Caller, Role};
use crate::acts::users;
use crate::testing::on_each;

#[test]
fn a_list_changes_nothing_before_it_is_confirmed() {
    on_each(|bench| async move {
        let app = &bench.app;
        let mut mara = signed_in(app, "mara", Role::Administrator, &[]).await;
        let bad = mara
            .upload(
                "/imports/users",
                "id;name;status\n1;Kim;active\n2;Per;left\n",
                &[],
            )
            .await;
        assert_eq!(bad.status, 422);
        assert!(
            bad.body.contains("<td data-label=\"Line\">3</td>"),
            "{}",
            bad.body
        );
        assert_eq!(mara.upload("/imports/users", "", &[]).await.status, 422);
        let list = "id;name;site\n4711;Kim <b>;Hamburg\n4712;Per;Hamburg\n";
        let sent = mara.upload("/imports/users", list, &[]).await;
        let path = sent.location().to_owned();
        let shown = mara.get(&path).await.body;
        assert!(
            shown.contains("Import 2 changes") && !shown.contains("Kim <b>"),
            "{shown}"
        );
        assert!(!mara.get("/users").await.body.contains("/users/4711"));
        assert_eq!(
            mara.post(&path, &format!("{path}/confirm"), &[]).await.status,
            303
        );
        assert!(mara.get("/users").await.body.contains("/users/4711"));
        let exported = mara.get("/exports/users").await.body;
        assert!(
            exported.contains("4711") && exported.contains("Per"),
            "{exported}"
        );
        let again = mara.upload("/imports/users", list, &[]).await;
        let same = mara.get(again.location()).await.body;
        assert!(same.contains("There is nothing to change.") && !same.contains("/confirm\""));
        let mut kim = signed_in(app, "kim", Role::Operator, &[]).await;
        let sent = kim.upload("/imports/users", "id;name\n9;Nine\n", &[]).await;
        let own = sent.location().to_owned();
        assert!(
            !kim.get(&own).await.body.contains("/confirm\""),
            "an operator checks lists"
        );
        assert_eq!(kim.post(&own, &format!("{own}/confirm"), &[]).await.status, 403);
    });
}

#[test]
fn a_list_that_would_take_many_bands_away_waits_for_a_second_person() {
    on_each(|bench| async move {
        let app = &bench.app;
        for id in 0..10 {
            user(app, &format!("{id}"), "Kim", "").await;
        }
        let mut mara = signed_in(app, "mara", Role::Administrator, &[]).await;
        let sent = mara
            .upload(
                "/imports/users",
                "id;name\n0;Kim\n1;Kim\n",
                &[("complete", "yes")],
            )
            .await;
        let path = sent.location().to_owned();
        assert!(
            mara.get(&path)
                .await
                .body
                .contains("8 users would lose the use of their bands")
        );
        mara.post(&path, &format!("{path}/confirm"), &[]).await;
        let waiting = mara.get(&path).await.body;
        assert!(waiting.contains("Waits for a second person") && !waiting.contains("/approve\""));
        assert_eq!(
            mara.post(&path, &format!("{path}/approve"), &[]).await.status,
            409
        );
        let cli = Caller::cli("test");
        let detail = |id: &'static str| users::show(app, &cli, users::id(id).unwrap());
        assert_eq!(
            super::words::code_of(detail("5").await.unwrap().user.status),
            "active"
        );
        let mut kim = signed_in(app, "kim", Role::Administrator, &[]).await;
        assert!(kim.get(&path).await.body.contains("Agree and import 8 changes"));
        assert_eq!(kim.post(&path, &format!("{path}/approve"), &[]).await.status, 303);
        assert_eq!(
            super::words::code_of(detail("5").await.unwrap().user.status),
            "departed"
        );
    });
}

/// A file as another system writes it: its own headings, `|` nowhere, letters of Central Europe.
#[test]
fn whoever_brings_a_list_says_how_it_is_read() {
    on_each(|bench| async move {
        let mut mara = signed_in(&bench.app, "mara", Role::Administrator, &[]).await;
        let list = "PNr;Wer;Abteilung\n4711;Kim;Lager\n";
        let refused = mara.upload("/imports/users", list, &[]).await;
        assert_eq!(refused.status, 422);
        for said in ["name=\"column.id\"", "<option value=\"PNr\">", "type=\"file\""] {
            assert!(refused.body.contains(said), "{said}: {}", refused.body);
        }
        let chosen = [
            ("column.id", "PNr"),
            ("delimiter", ";"),
            ("encoding", "windows-1252"),
        ];
        let sent = mara.upload("/imports/users", list, &chosen).await;
        let path = sent.location().to_owned();
        let shown = mara.get(&path).await.body;
        assert!(shown.contains("Left out: Wer, Abteilung"), "{shown}");
        let name = [("column.id", "PNr"), ("column.name", "Wer")];
        let again = mara.post(&path, &format!("{path}/again"), &name).await;
        let better = again.location().to_owned();
        assert_ne!(better, path);
        assert!(mara.get(&better).await.body.contains("Left out: Abteilung"));
        mara.post(&better, &format!("{better}/confirm"), &[]).await;
        assert!(mara.get("/users/4711").await.body.contains("<h1>Kim</h1>"));
        let wrong = [("column.id", "PNr"), ("delimiter", "|")];
        assert_eq!(mara.upload("/imports/users", list, &wrong).await.status, 422);
        let mut kim = signed_in(&bench.app, "kim", Role::Administrator, &[]).await;
        let foreign = kim.post(&path, &format!("{path}/again"), &name).await;
        assert_eq!(
            foreign.status, 403,
            "only whoever brought the file reads it in another way"
        );
    });
}

#[test]
fn people_whose_ids_look_alike_are_let_in_on_request() {
    on_each(|bench| async move {
        let mut mara = signed_in(&bench.app, "mara", Role::Administrator, &[]).await;
        let list = "id\nada\nAda\n";
        assert_eq!(mara.upload("/imports/users", list, &[]).await.status, 422);
        let sent = mara
            .upload("/imports/users", list, &[("look_alikes", "yes")])
            .await;
        let shown = mara.get(sent.location()).await.body;
        assert!(
            shown.contains("These look alike") && shown.contains("ada / Ada"),
            "{shown}"
        );
        assert!(
            mara.get("/imports/users")
                .await
                .body
                .contains("Not confirmed yet")
        );
    });
}
