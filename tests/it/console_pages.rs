//! The console's pages in a real browser: one person's first day by the keyboard alone, and every page in both
//! languages, both themes and three widths, looked at by axe and kept as pictures in `target/screenshots`.

use serde_json::json;

use crate::browser::{Browser, Stand, axe, faults};

pub(crate) const PASSWORD: &str = "lamp orchid tractor whistle";

/// Every page of the seeded plant, with the name of its picture.
const PAGES: &[(&str, &str)] = &[
    ("/", "overview"),
    ("/users", "users"),
    ("/users?q=nobody-of-this-name", "users-none"),
    ("/users/4711", "user"),
    ("/users/4713", "user-suspended"),
    ("/users/4711/history", "user-history"),
    ("/add/user", "user-new"),
    ("/users/4711/edit", "user-edit"),
    ("/users/4711/policy", "user-policy"),
    ("/do/leaver?user=4711&back=/users/4711", "verb-leaver"),
    ("/do/forgot-today?user=4711&back=/users/4711", "verb-forgot-today"),
    ("/bands", "bands"),
    ("/bands/AAAH-00204", "band"),
    ("/bands/new", "band-new"),
    ("/associations", "associations"),
    ("/associations/a0000000000000000000000000000000", "association"),
    ("/imports/users", "import"),
    ("/imports/bands", "import-bands"),
    ("/tickets", "tickets"),
    ("/tickets/new?user=4711", "ticket-new"),
    ("/policies", "policies"),
    ("/policies/group/plant", "policy"),
    ("/policies/group/summer/activate", "policy-activate"),
    ("/policies/individual/lab/remove", "policy-remove"),
    (
        "/dry-run?user=4715&band=AAAH-00201&zone=enrollment",
        "dry-run-refused",
    ),
    (
        "/dry-run?user=4716&band=AAAH-00210&zone=enrollment",
        "dry-run-allowed",
    ),
    ("/stations", "stations"),
    ("/stations/new", "station-new"),
    ("/operators", "operators"),
    ("/operators/new", "operator-new"),
    ("/operators/kim", "operator"),
    ("/operators/kim/remove", "operator-remove"),
    ("/quarantine", "quarantine"),
    ("/audit", "audit"),
    ("/settings", "settings"),
    ("/settings/organization", "organization"),
    ("/settings/organization/makes", "maker-new"),
    ("/settings/organization/rotate/tickets", "key-rotate"),
    ("/settings/accounts", "accounts"),
    ("/settings/accounts/new", "account-new"),
    ("/settings/api-keys", "api-keys"),
    ("/settings/api-keys/new", "api-key-new"),
    ("/find?q=AAAH", "find"),
    ("/nothing-here", "not-found"),
];

/// Makes the first administrator and signs in, by the keyboard alone.
pub(crate) async fn begin(browser: &Browser, link: &str) {
    browser.open_page(link).await;
    browser.type_into("#login", "mara.kurz").await;
    browser.type_into("#name", "Mara Kurz").await;
    browser.type_into("#password", PASSWORD).await;
    browser.type_into("#again", PASSWORD).await;
    browser.press(".primary", "#login").await;
    browser.type_into("#login", "mara.kurz").await;
    browser.type_into("#password", PASSWORD).await;
    browser.press(".primary", ".figures").await;
}

#[tokio::test]
async fn the_whole_way_of_an_operator_goes_by_the_keyboard_alone() {
    let Some(browser) = Browser::open().await else {
        return;
    };
    let stand = Stand::start().await;
    browser.width(1280).await;
    begin(&browser, &stand.at(&stand.link)).await;

    // A new user, first with a slip.
    browser.press("a[href='/users']", "a[href='/add/user']").await;
    browser.press("a[href='/add/user']", "#label").await;
    browser.type_into("#id", "4720").await;
    browser.type_into("#name", "Toni Weber").await;
    browser.type_into("#label", "tiny~letters").await;
    browser.press("form .primary", "[data-faults]").await;
    browser.type_into("#label", "TONI").await;
    browser.press("form .primary", ".notice.good").await;
    assert_eq!(browser.text("h1").await, "Toni Weber");

    // Suspended and, on second thoughts, not.
    browser.press("a[href^='/do/suspend']", ".effects").await;
    assert!(
        browser
            .text(".effects")
            .await
            .contains("may use no band until resumed")
    );
    browser.type_into("#note", "Badge audit").await;
    browser.press("form .primary", ".notice.good").await;
    assert!(browser.text(".badge").await.contains("Suspended"));
    browser.press(".notice.good button", ".notice.good").await;
    assert!(browser.text(".badge").await.contains("Active"));

    // A ticket with its QR code and the code to type.
    browser.press("a[href^='/tickets/new?user=4720']", "#hours").await;
    browser.type_into("#site", "Hamburg").await;
    browser.press("form .primary", ".qr svg path").await;
    assert!(browser.text("#typed").await.len() >= 8);

    // What would a station say?
    browser.press("a[href='/dry-run']", "#band").await;
    browser.type_into("#user", "4720").await;
    browser.type_into("#band", "AAAH-00201").await;
    browser.press("form .primary[class]", ".verdict.no").await;
    assert_eq!(browser.text(".verdict code").await, "held_by_another");

    // A band that was lost.
    browser
        .press("a[href='/associations']", "a[href^='/do/lost']")
        .await;
    browser.press("a[href^='/do/lost']", ".effects").await;
    browser.press("form .primary", ".notice.good").await;

    // Policies, the audit, and out.
    browser
        .press("a[href='/policies']", "a[href='/policies/group/summer/activate']")
        .await;
    browser
        .press("a[href='/policies/group/summer/activate']", ".effects")
        .await;
    browser.press("form .primary", ".notice.good").await;
    browser
        .press("a[href='/audit']", "form[action='/audit/verify']")
        .await;
    browser
        .press("form[action='/audit/verify'] button", ".notice.good")
        .await;
    browser.tab_to("details.last summary").await;
    browser.run("document.activeElement.click()", json!([])).await;
    browser.press("form[action='/sign-out'] button", "#login").await;
    assert!(browser.path().await.starts_with("/sign-in"));
}

#[tokio::test]
async fn every_page_is_whole_in_both_languages_both_themes_and_all_widths() {
    let Some(browser) = Browser::open().await else {
        return;
    };
    let stand = Stand::start().await;
    begin(&browser, &stand.at(&stand.link)).await;
    suspend(&browser, &stand).await;
    operator(&browser, &stand).await;
    look_at(&browser, &stand.url, PAGES).await;
    second_factor(&browser, &stand).await;
}

/// Somebody may vouch at kiosks.
async fn operator(browser: &Browser, stand: &Stand) {
    browser.open_page(&stand.at("/operators/new")).await;
    browser.type_into("#id", "kim").await;
    browser.type_into("#pin", "246813").await;
    browser.type_into("#user", "4715").await;
    browser.press("form .primary[class]", ".notice.good").await;
    assert_eq!(browser.text("tbody a.row").await, "kim");
}

/// The page on which an app is set up comes by a button alone.
async fn second_factor(browser: &Browser, stand: &Stand) {
    let axe = axe();
    for (lang, theme) in [("en", "light"), ("de", "dark")] {
        browser.cookie(&stand.url, "lang", lang).await;
        browser.cookie(&stand.url, "theme", theme).await;
        browser.width(1280).await;
        browser.open_page(&stand.at("/settings")).await;
        browser
            .press("form[action='/settings/factor/begin'] button", "#code")
            .await;
        let found = faults(browser, axe.as_deref()).await;
        assert!(found.is_empty(), "{found:?}");
        let file = format!("target/screenshots/factor.{lang}.{theme}.1280.png");
        browser.picture(&tests::root().join(file)).await;
    }
}

/// Looks at pages in both languages, both themes and three widths, and keeps their pictures.
pub(crate) async fn look_at(browser: &Browser, url: &str, pages: &[(&str, &str)]) {
    let axe = axe();
    let mut problems = Vec::new();
    let looks = [
        ("en", "light", 1280),
        ("de", "dark", 1280),
        ("de", "light", 360),
        ("en", "dark", 2560),
    ];
    for (lang, theme, width) in looks {
        browser.cookie(url, "lang", lang).await;
        browser.cookie(url, "theme", theme).await;
        browser.width(width).await;
        for (path, name) in pages {
            browser.open_page(&format!("{url}{path}")).await;
            let found = faults(browser, axe.as_deref()).await;
            problems.extend(
                found
                    .into_iter()
                    .map(|fault| format!("{path} ({lang}, {theme}, {width}): {fault}")),
            );
            let file = format!("target/screenshots/{name}.{lang}.{theme}.{width}.png");
            browser.picture(&tests::root().join(file)).await;
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Somebody is suspended, so that a page of such a person is seen too.
async fn suspend(browser: &Browser, stand: &Stand) {
    browser
        .open_page(&stand.at("/do/suspend?user=4713&back=/users/4713"))
        .await;
    browser.type_into("#note", "Badge audit").await;
    browser.press("form .primary", ".notice.good").await;
}
