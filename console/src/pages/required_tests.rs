//! A second factor that a role needs, and the authority that stations know the console by, as a browser meets them.

use super::http_tests::{Browser, signed_in};
use super::shell::WAYS;
use crate::access::{Caller, Role};
use crate::accounts::factor::{self, code_at};
use crate::serve::App;
use crate::sync::authority;
use crate::testing::on_each;

const FACTOR: &str = "/settings/factor";

/// Sets up an app, as somebody is led to do.
async fn set_up(app: &App, browser: &mut Browser) {
    let begun = browser.post(FACTOR, "/settings/factor/begin", &[]).await;
    let (_, rest) = begun.body.split_once("id=\"secret\">").expect("a secret");
    let (secret, _) = rest.split_once('<').expect("its end");
    let code = code_at(secret, app.now());
    let done = browser
        .post(FACTOR, "/settings/factor/bind", &[("code", &code)])
        .await;
    assert_eq!(done.status, 200, "{}", done.body);
}

#[test]
fn whose_role_needs_a_second_factor_does_nothing_before_there_is_one() {
    on_each(|bench| async move {
        let app = &bench.app;
        let mut mara = signed_in(app, "mara", Role::Administrator, &[]).await;
        let mut noor = signed_in(app, "noor", Role::Operator, &[]).await;
        let form = "/settings/accounts/factor";
        let fields = [("administrator", "yes"), ("operator", "no")];
        assert_eq!(
            mara.post(form, form, &fields).await.location(),
            "/settings/accounts"
        );
        // From the next click on, and in every session: whoever required it too.
        for way in WAYS {
            assert_eq!(mara.get(way.href).await.location(), FACTOR, "{}", way.href);
            assert_ne!(noor.get(way.href).await.location(), FACTOR, "{}", way.href);
        }
        for page in [
            "/audit/export",
            "/settings/api-keys/new",
            "/nothing",
            "/settings/accounts",
        ] {
            assert_eq!(mara.get(page).await.location(), FACTOR, "{page}");
        }
        let off = [("administrator", "no"), ("operator", "no")];
        assert_eq!(mara.post(FACTOR, form, &off).await.location(), FACTOR);
        assert_eq!(
            mara.post(FACTOR, "/settings/password", &[]).await.location(),
            FACTOR
        );
        let led = mara.get(FACTOR).await.body;
        assert!(led.contains("Set up a second factor first") && led.contains("Administrator"));
        assert!(
            !led.contains("href=\"/users\""),
            "the navigation leads nowhere yet: {led}"
        );
        let mut again = Browser::new(app);
        again.sign_in("mara", super::http_tests::PASSWORD).await;
        assert_eq!(again.get("/").await.location(), FACTOR, "at the next sign-in too");
        set_up(app, &mut mara).await;
        assert_eq!(mara.get("/users").await.status, 200);
        // It stays as long as the role needs it.
        let kept = mara.post("/settings", "/settings/factor/remove", &[]).await;
        assert_eq!(kept.status, 409, "{}", kept.body);
        assert!(
            !mara
                .get("/settings")
                .await
                .body
                .contains("/settings/factor/remove")
        );
        assert_eq!(mara.post(form, form, &off).await.location(), "/settings/accounts");
        let removed = mara.post("/settings", "/settings/factor/remove", &[]).await;
        assert_eq!(removed.location(), "/settings");
        let audit = mara.get("/audit").await.body;
        assert!(audit.contains("Changed who needs a second factor"), "{audit}");
    });
}

#[test]
fn nobody_but_administrators_says_who_needs_a_second_factor() {
    on_each(|bench| async move {
        for role in [Role::Operator, Role::Auditor, Role::RolloutManager] {
            let caller = crate::testing::caller(role, &[]);
            let refused = factor::require(&bench.app, &caller, Role::ALL.into()).await;
            assert_eq!(refused.unwrap_err().code.as_str(), "not_allowed", "{role}");
        }
        let limited = crate::testing::caller(Role::Administrator, &["north"]);
        assert!(
            factor::require(&bench.app, &limited, Role::ALL.into())
                .await
                .is_err()
        );
        let all = factor::require(&bench.app, &Caller::cli("tests"), Role::ALL.into()).await;
        assert_eq!(all.unwrap().len(), 4);
    });
}

#[test]
fn another_authority_says_first_what_it_does() {
    on_each(|bench| async move {
        let app = &bench.app;
        let first = authority::load(app).await.unwrap().fingerprint();
        let first = data_encoding::HEXLOWER.encode(&first);
        let mut mara = signed_in(app, "mara", Role::Administrator, &[]).await;
        let page = "/settings/organization";
        let (make, retire) = (
            "/settings/organization/authority/make",
            "/settings/organization/authority/retire",
        );
        assert!(mara.get(page).await.body.contains(make));
        let asked = mara.get(make).await.body;
        assert!(asked.contains("No station has joined yet"), "{asked}");
        let late = mara.post(make, make, &[("present", "00")]).await;
        assert_eq!(late.status, 409, "somebody was faster");
        let made = mara.post(make, make, &[("present", &first)]).await;
        assert_eq!(made.location(), page, "{}", made.body);
        let shown = mara.get(page).await.body;
        assert!(
            shown.contains("Next certificate authority") && shown.contains(retire),
            "{shown}"
        );
        let asked = mara.get(retire).await.body;
        assert!(asked.contains("No station needs it any more."), "{asked}");
        let left = mara.post(retire, retire, &[("present", &first)]).await;
        assert_eq!(left.location(), page, "{}", left.body);
        let shown = mara.get(page).await.body;
        assert!(!shown.contains(&first) && shown.contains(make), "{shown}");
        let audit = mara.get("/audit").await.body;
        assert!(
            audit.contains("Made certificate authority") && audit.contains("Left certificate authority"),
            "{audit}"
        );
        let mut noor = signed_in(app, "noor", Role::Operator, &[]).await;
        assert_eq!(noor.get(make).await.status, 403);
    });
}
